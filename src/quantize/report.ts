/**
 * What a quantization did: the scale of every tensor, how wide its integers are, and how far they are from the real numbers.
 * @module
 */
import { demand, throwIfAborted } from '../core/faults.js'
import { isFloat, type Tensor } from '../core/tensor.js'
import type { Program } from '../exact/program.js'
import type { Runtime, Session } from '../runtime/runtime.js'
import type { Watch } from './calibration.js'
import type { Conversion, Narrowed, Scaled } from './conversion.js'
import type { InputScale } from './feeds.js'
import { bitsOf } from './interval.js'
import { powerOfTwo } from './scale.js'
import type { Whole } from './whole.js'

/** An output of an integer program. */
export interface OutputScale {
  readonly name: string
  /** Real numbers are the integers times 2^exponent; null for outputs that are integers in the model too. */
  readonly exponent: number | null
  /** The output of the model that this stands for, and the operator that was left out behind it. */
  readonly leftOut: { readonly output: string; readonly operator: string } | null
}

/** One tensor of the model. */
export interface Layer {
  readonly tensor: string
  /** The operator of the file that gives it. */
  readonly operator: string
  /** Real numbers are the integers times this. */
  readonly scale: number
  /** Bits of the integers before they are rounded to 8, by their interval. */
  readonly bits: number
  /** Their scale in 8 bits, where something reads them so. */
  readonly narrow: number | null
  /** Share of the elements that 8 bits clip, on the calibration data. */
  readonly clipped: number | null
  /** Root mean square of the error over that of the real numbers, on the calibration data, of what is read. */
  readonly error: number | null
}

/** What a quantization did. */
export interface Report {
  readonly inputs: readonly InputScale[]
  readonly outputs: readonly OutputScale[]
  readonly layers: readonly Layer[]
  /** Feeds of the calibration data; 0 without. */
  readonly samples: number
  /**
   * Share of the rows of the first output whose largest element is in the same place as that of the real numbers (of whole numbers: that are
   * equal); null without calibration data, and where rows have one real number each.
   */
  readonly agreement: number | null
  /** Shares of the rows whose largest output is at their label; null without labels. */
  readonly accuracy: { readonly real: number; readonly integer: number } | null
  /** Bits of the widest value of the program. */
  readonly widest: number
}

/** A tensor of the file, and what became of it. */
export interface Traced {
  readonly tensor: string
  readonly operator: string
  /** Number of the value in the program of real numbers. */
  readonly number: number
  readonly scaled: Scaled
  readonly narrowed: Narrowed | undefined
}

/** The tensors of a file that have integers of their own: what was worked into a product has not. */
export function tracedOf(
  conversion: Conversion,
  names: ReadonlyMap<number, string>,
  operators: ReadonlyMap<string, string>,
): Traced[] {
  return [...names].flatMap(([number, tensor]) => {
    const scaled = conversion.result(number)
    if (scaled.kind !== 'scaled') return []
    const narrowed = conversion.narrowed.get(number)
    return [{ tensor, operator: operators.get(tensor) ?? 'input', number, scaled, narrowed }]
  })
}

/** What is run beside the program to measure: every traced tensor before and after it was rounded. */
export function probesOf(traced: readonly Traced[]): (readonly [string, Whole])[] {
  return traced.flatMap(({ scaled, narrowed }, i) => [
    [`${i}`, narrowed?.value.whole ?? scaled.whole] as const,
    [`${i} raw`, narrowed?.raw ?? scaled.whole] as const,
  ])
}

const unitOf = ({ exponent, factor }: { exponent: number; factor: number }) => powerOfTwo(exponent) * factor

/** What a traced tensor is without measurements. */
export function layerOf({ tensor, operator, scaled, narrowed }: Traced, measured?: Measured): Layer {
  return {
    tensor,
    operator,
    scale: unitOf(scaled),
    bits: bitsOf(scaled.whole),
    narrow: narrowed === undefined ? null : unitOf(narrowed.value),
    clipped: measured === undefined || narrowed === undefined ? null : measured.clipped / measured.count,
    error: measured === undefined ? null : relative(measured),
  }
}

const relative = ({ error, power }: Measured) => (power === 0 ? Math.sqrt(error) : Math.sqrt(error / power))

/** Sums over all elements of a tensor. */
interface Measured {
  count: number
  clipped: number
  error: number
  power: number
}

/** A program with its state. */
export interface Runnable {
  readonly program: Program
  readonly state: readonly Tensor[]
}

/** What is compared. */
export interface Comparison {
  readonly real: Runnable
  /** The integer program with outputs first and probes behind. */
  readonly integer: Runnable
  readonly traced: readonly Traced[]
  /** Numbers of the outputs in the program of real numbers. */
  readonly outputs: readonly number[]
  /** Inputs of both programs, sample by sample. */
  readonly feeds: readonly { readonly real: readonly Tensor[]; readonly integer: readonly Tensor[] }[]
  readonly labels?: readonly number[]
}

/** Errors and agreement on all feeds. Cost: each program once a feed. */
export async function compare(
  comparison: Comparison,
  { runtime, onProgress, signal }: Watch & { runtime: Runtime },
): Promise<{ layers: Layer[]; agreement: number | null; accuracy: Report['accuracy'] }> {
  const { real, integer, traced, feeds, labels } = comparison
  const sums = traced.map((): Measured => ({ count: 0, clipped: 0, error: 0, power: 0 }))
  const rows: Rows = { real: [], integer: [] }
  const left = await runtime.open(real.program, real.state, { record: 'all', signal })
  const right = await runtime.open(integer.program, integer.state, { signal })
  try {
    for (const [i, feed] of feeds.entries()) {
      throwIfAborted(signal)
      await compareFeed(comparison, { sessions: [left, right], feed, sums, rows })
      onProgress?.(i + 1, feeds.length)
    }
  } finally {
    await left.close()
    await right.close()
  }
  const layers = traced.map((one, i) => layerOf(one, sums[i]))
  return { layers, agreement: shareOf(rows.real, rows.integer), accuracy: accuracyOf(rows, labels) }
}

interface Rows {
  readonly real: number[]
  readonly integer: number[]
}

async function compareFeed(
  { traced, outputs }: Comparison,
  at: { sessions: readonly Session[]; feed: Comparison['feeds'][number]; sums: Measured[]; rows: Rows },
): Promise<void> {
  const { values } = await at.sessions[0].step(at.feed.real)
  const { outputs: found } = await at.sessions[1].step(at.feed.integer)
  if (outputs.length > 0) {
    const real = isFloat(values![outputs[0]].dtype)
    at.rows.real.push(...answersIn(values![outputs[0]], real))
    at.rows.integer.push(...answersIn(found[0], real))
  }
  traced.forEach((one, i) => {
    const [rounded, raw] = found.slice(outputs.length + 2 * i, outputs.length + 2 * i + 2)
    measure(at.sums[i], one, { real: values![one.number], rounded, raw })
  })
}

/** Adds the elements of one feed. */
function measure(
  sums: Measured,
  { scaled, narrowed }: Traced,
  { real, rounded, raw }: { real: Tensor; rounded: Tensor; raw: Tensor },
): void {
  const unit = unitOf(narrowed?.value ?? scaled)
  const { lo, hi } = narrowed?.scale ?? { lo: -Infinity, hi: Infinity }
  sums.count += real.data.length
  for (let i = 0; i < real.data.length; i++) {
    const [x, before] = [Number(real.data[i]), Number(raw.data[i])]
    const off = Number(rounded.data[i]) * unit - x
    sums.error += off * off
    sums.power += x * x
    if (before < lo || before > hi) sums.clipped++
  }
}

/** The place of the largest element of each row, where rows are longer than one; of integers that the model gives, the integers. */
function answersIn({ dims, data }: Tensor, real: boolean): number[] {
  const width = dims[dims.length - 1] ?? 1
  if (!real) return Array.from(data, Number)
  if (width <= 1) return []
  return Array.from({ length: data.length / width }, (_, row) => {
    let best = row * width
    for (let i = best + 1; i < (row + 1) * width; i++) if (data[i] > data[best]) best = i
    return best - row * width
  })
}

function shareOf(a: readonly number[], b: readonly number[]): number | null {
  return b.length === 0 ? null : a.filter((place, i) => place === b[i]).length / b.length
}

/** @throws Fault `quantize/bad-calibration` for more or fewer labels than rows. */
function accuracyOf({ real, integer }: Rows, labels: readonly number[] | undefined): Report['accuracy'] {
  demand(labels === undefined || labels.length === real.length, 'quantize/bad-calibration', () => 'labels', {
    expected: real.length,
    found: labels?.length,
  })
  const [left, right] = labels === undefined ? [null, null] : [shareOf(labels, real), shareOf(labels, integer)]
  return left === null || right === null ? null : { real: left, integer: right }
}
