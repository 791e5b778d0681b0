/**
 * Reports of quantizations for people.
 * @module
 */
import type { Layer, Report } from '../quantize/report.js'
import { paint } from './output.js'

/** What a quantization did, line by line. */
export function reportLines(report: Report): string[] {
  return [
    ...report.inputs.map(({ name, dtype, dims, exponent }) => `input    ${name}: ${dtype}[${dims}]${unit(exponent)}`),
    ...report.outputs.map(outputLine),
    ...tableOf(report.layers),
    `widest   ${report.widest} bits`,
    ...measuredLines(report),
  ]
}

const unit = (exponent: number | null) => (exponent === null ? '' : `, in units of 2^${exponent}`)
const percent = (share: number | null) => (share === null ? '' : `${(100 * share).toFixed(2)} %`)

const outputLine = ({ name, exponent, leftOut }: Report['outputs'][number]): string =>
  `output   ${name}${unit(exponent)}${leftOut === null ? '' : `: logits, the ${leftOut.operator} that gives ${leftOut.output} is left out`}`

function tableOf(layers: readonly Layer[]): string[] {
  const width = Math.max(6, ...layers.map(({ tensor }) => Math.min(40, tensor.length)))
  const row = (cells: readonly string[]) =>
    `${cells[0].slice(-40).padEnd(width)}  ${cells[1].padEnd(18)}${cells
      .slice(2)
      .map((cell) => cell.padStart(12))
      .join('')}`
  return [
    paint.faint(row(['tensor', 'operator', 'scale', 'bits', 'in 8 bits', 'clipped', 'error'])),
    ...layers.map(({ tensor, operator, scale, bits, narrow, clipped, error }) =>
      row([tensor, operator, short(scale), String(bits), short(narrow), percent(clipped), percent(error)]),
    ),
  ]
}

const short = (value: number | null) => (value === null ? '' : value.toPrecision(3))

function measuredLines({ samples, agreement, accuracy }: Report): string[] {
  if (samples === 0) return []
  return [
    `agreed   ${percent(agreement)} of the largest outputs of ${samples} samples`,
    ...(accuracy === null
      ? []
      : [`right    ${percent(accuracy.integer)}, with real numbers ${percent(accuracy.real)}`]),
  ]
}
