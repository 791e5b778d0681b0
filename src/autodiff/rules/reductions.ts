/**
 * Gradients of sums and maxima. A maximum's gradient goes to the first of the elements that are equal to it, in row-major order.
 * @module
 */
import { sizeOf } from '../../core/tensor.js'
import type { Builder, Ref } from '../../exact/builder.js'
import type { PoolShape } from '../../exact/ops/order.js'
import { only, padded, placesOf, reversed, seenBy, woven, type Rule } from '../rule.js'

/** The same gradient at every summand. */
const sum: Rule = (b, { inputs: [x], output, grad }) => {
  const ones = x.dims.slice(output.dims.length).map(() => 1)
  return [b.expand(b.reshape(grad, [...output.dims, ...ones]), x.dims)]
}

/** The gradient at the place that ArgMax or ArgMin names. */
const extremum =
  (place: 'ArgMax' | 'ArgMin'): Rule =>
  (b, { inputs: [x], output, grad }) => {
    if (sizeOf(x.dims) === 0) return [undefined]
    const lines = [sizeOf(output.dims), sizeOf(x.dims.slice(output.dims.length))]
    const best = b.op(place, [b.reshape(x, lines)], { axis: 1 })
    const zeros = b.full({ dtype: x.dtype, dims: lines }, 0)
    const placed = b.op('ScatterElements', [zeros, best, b.reshape(grad, [lines[0], 1])], { axis: 1 })
    return [b.reshape(placed, x.dims)]
  }

/** The sum of everything that each element went into: the running sum from the back. */
const runningSum: Rule = (b, { inputs: [x], grad }) => {
  const axis = x.dims.length - 1
  return [reversed(b, b.op('CumSum', [reversed(b, grad, axis)]), axis)]
}

// ---------------------------------------------------------------- MaxPool

/** What every tap of the windows takes of the gradient, in row-major order: the first that holds the maximum takes all of it. */
function shares(
  b: Builder,
  { wide, output, grad, pool }: { wide: Ref; output: Ref; grad: Ref; pool: PoolShape },
): Ref[] {
  const sliding = { ...pool, out: output.dims.slice(2) }
  let open: Ref | undefined
  return placesOf(pool.kernel).map((tap) => {
    const holds = b.equal(seenBy(b, wide, { tap, sliding }), output)
    const takes = open === undefined ? holds : b.and(open, holds)
    open = open === undefined ? b.not(holds) : b.and(open, b.not(holds))
    return only(b, takes, grad)
  })
}

/** The parts of every tap added up at their places: taps of one phase of the strides meet, phases are woven into each other. */
function gathered(
  b: Builder,
  parts: readonly Ref[],
  { pool, dims }: { pool: PoolShape; dims: readonly number[] },
): Ref {
  const { kernel, strides, dilations } = pool
  const length = strides.map((stride, i) => Math.ceil(dims[2 + i] / stride))
  const phases = new Map<string, Ref>()
  placesOf(kernel).forEach((tap, t) => {
    const offset = tap.map((at, i) => at * dilations[i])
    const shift = offset.map((at, i) => Math.floor(at / strides[i]))
    const after = length.map((size, i) => size - shift[i] - parts[t].dims[2 + i])
    const placed = padded(b, parts[t], [0, 0, ...shift, 0, 0, ...after])
    const phase = offset.map((at, i) => at % strides[i]).join()
    const before = phases.get(phase)
    phases.set(phase, before === undefined ? placed : b.add(before, placed))
  })
  const empty = b.full({ dtype: parts[0].dtype, dims: [...dims.slice(0, 2), ...length] }, 0)
  const all = placesOf(strides).map((phase) => phases.get(phase.join()) ?? empty)
  return woven(b, all, strides)
}

const maxPool: Rule = (b, { inputs: [x], output, attributes, grad }) => {
  const pool = attributes as unknown as PoolShape
  const rank = pool.kernel.length
  const pads = [0, 0, ...pool.pads.slice(0, rank), 0, 0, ...pool.pads.slice(rank)]
  const wide = pads.every((n) => n === 0) ? x : b.op('Pad', [x, b.scalar(x.dtype, -Infinity)], { pads })
  const total = gathered(b, shares(b, { wide, output, grad, pool }), { pool, dims: wide.dims })
  const cut = (g: Ref, size: number, i: number) => b.slice(g, 2 + i, { start: pool.pads[i], end: pool.pads[i] + size })
  return [x.dims.slice(2).reduce(cut, total)]
}

/** By name of the op. */
export const REDUCTION_RULES: Readonly<Record<string, Rule>> = {
  ReduceSum: sum,
  ReduceMax: extremum('ArgMax'),
  ReduceMin: extremum('ArgMin'),
  CumSum: runningSum,
  MaxPool: maxPool,
}
