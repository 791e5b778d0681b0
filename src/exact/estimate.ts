/**
 * How large a program is and about how long a step takes, before anything is run.
 * @module
 */
import { byteLength, sizeOf } from '../core/tensor.js'
import { opOf } from './ops/index.js'
import { ABSENT, type NodeValue, type Program } from './program.js'

/** A forecast. Bytes are exact for the reference, a lower bound for ONNX Runtime; seconds are a rule of thumb for one core. */
export interface Estimate {
  readonly stateBytes: number
  readonly constantBytes: number
  /** Most bytes of values alive at once. */
  readonly peakBytes: number
  /** Multiplications in products. */
  readonly products: number
  /** Elements that other ops write. */
  readonly elements: number
  readonly seconds: number
}

/** Per second on one core, from bench/ (2026): products in binary64, elements written by simple ops, elements of elementary functions. */
const RATE = { products: 1.5e10, simple: 2.5e8, elementary: 3e7 } as const

/** Multiplications of a product op. */
function productsOf(program: Program, node: NodeValue): number {
  const operand = program.values[node.inputs[1] === undefined ? node.inputs[0] : node.inputs[1]]
  if (node.op === 'MatMul') return sizeOf(node.dims) * program.values[node.inputs[0]].dims.at(-1)!
  return node.op === 'Conv' ? sizeOf(node.dims) * sizeOf(operand.dims.slice(1)) : 0
}

/** The forecast of one step. */
export function estimate(program: Program): Estimate {
  const bytes = (from: number, to: number) =>
    program.values.slice(from, to).reduce((sum, value) => sum + byteLength(value), 0)
  const { parameters, inputs, constants } = program.counts
  const nodes = program.values.filter((value): value is NodeValue => value.kind === 'node')
  const products = nodes.reduce((sum, node) => sum + productsOf(program, node), 0)
  const elements = nodes.reduce((sum, node) => sum + sizeOf(node.dims), 0)
  const slow = nodes
    .filter((node) => opOf(node.op).referee === 'elementary')
    .reduce((sum, node) => sum + sizeOf(node.dims), 0)
  return {
    stateBytes: bytes(0, parameters),
    constantBytes: bytes(parameters + inputs, parameters + inputs + constants),
    peakBytes: peakOf(program),
    products,
    elements,
    seconds: products / RATE.products + elements / RATE.simple + slow / RATE.elementary,
  }
}

function peakOf(program: Program): number {
  const last = new Map<number, number>()
  program.values.forEach((value, number) => {
    if (value.kind === 'node') for (const input of value.inputs) if (input !== ABSENT) last.set(input, number)
  })
  for (const output of program.outputs) last.set(output, Infinity)
  const freed = new Map<number, number[]>()
  for (const [value, at] of last) freed.set(at, [...(freed.get(at) ?? []), value])
  let [alive, peak] = [0, 0]
  program.values.forEach((value, number) => {
    alive += byteLength(value)
    peak = Math.max(peak, alive)
    for (const done of freed.get(number) ?? [])
      if (program.values[done].kind === 'node') alive -= byteLength(program.values[done])
  })
  return peak
}
