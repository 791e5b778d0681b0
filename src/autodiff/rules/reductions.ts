/**
 * Gradients of sums and maxima. A maximum's gradient goes to the first of the elements that are equal to it, in row-major order.
 * @module
 */
import { sizeOf } from '../../core/tensor.js'
import type { Builder, Ref } from '../../exact/builder.js'
import type { PoolShape } from '../../exact/ops/order.js'
import { only, padded, reversed, spread, zerosLike, type Rule } from '../rule.js'

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

const cells = (sizes: readonly number[]) =>
  sizes.reduce<number[][]>((all, n) => all.flatMap((at) => Array.from({ length: n }, (_, i) => [...at, i])), [[]])

/** The elements that one tap of all windows sees, of an input that is padded already. */
function tapOf(
  b: Builder,
  x: Ref,
  { tap, pool, out }: { tap: readonly number[]; pool: PoolShape; out: readonly number[] },
): Ref {
  return tap.reduce((y, t, i) => {
    const start = t * pool.dilations[i]
    return b.slice(y, 2 + i, { start, end: start + (out[i] - 1) * pool.strides[i] + 1, step: pool.strides[i] })
  }, x)
}

/** The reverse: what arrives at one tap of all windows, at its places in an input of these dims. */
function untap(
  b: Builder,
  g: Ref,
  { tap, pool, dims }: { tap: readonly number[]; pool: PoolShape; dims: readonly number[] },
): Ref {
  const apart = pool.strides.reduce((y, stride, i) => spread(b, y, { axis: 2 + i, gap: stride - 1 }), g)
  const before = tap.map((t, i) => t * pool.dilations[i])
  const after = before.map((n, i) => dims[2 + i] - n - apart.dims[2 + i])
  return padded(b, apart, [0, 0, ...before, 0, 0, ...after])
}

/** Tap by tap, in row-major order: the first that holds the maximum takes the gradient; taps are added one after the other. */
const maxPool: Rule = (b, { inputs: [x], output, attributes, grad }) => {
  const pool = attributes as unknown as PoolShape
  const rank = pool.kernel.length
  const pads = [0, 0, ...pool.pads.slice(0, rank), 0, 0, ...pool.pads.slice(rank)]
  const wide = pads.every((n) => n === 0) ? x : b.op('Pad', [x, b.scalar(x.dtype, -Infinity)], { pads })
  let open: Ref | undefined
  let total: Ref | undefined
  for (const tap of cells(pool.kernel)) {
    const holds = b.equal(tapOf(b, wide, { tap, pool, out: output.dims.slice(2) }), output)
    const takes = open === undefined ? holds : b.and(open, holds)
    open = open === undefined ? b.not(holds) : b.and(open, b.not(holds))
    const part = untap(b, only(b, takes, grad), { tap, pool, dims: wide.dims })
    total = total === undefined ? part : b.add(total, part)
  }
  return [
    x.dims
      .slice(2)
      .reduce(
        (g, size, i) => b.slice(g, 2 + i, { start: pool.pads[i], end: pool.pads[i] + size }),
        total ?? zerosLike(b, x),
      ),
  ]
}

/** By name of the op. */
export const REDUCTION_RULES: Readonly<Record<string, Rule>> = {
  ReduceSum: sum,
  ReduceMax: extremum('ArgMax'),
  ReduceMin: extremum('ArgMin'),
  CumSum: runningSum,
  MaxPool: maxPool,
}
