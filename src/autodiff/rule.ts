/**
 * What a gradient rule is, and what most rules need.
 * @module
 */
import { sizeOf } from '../core/tensor.js'
import type { Builder, Ref } from '../exact/builder.js'
import type { Attributes } from '../exact/program.js'

/** A node of the forward pass and the gradient that arrives at its output. */
export interface Arrival {
  readonly inputs: readonly Ref[]
  readonly output: Ref
  readonly attributes: Attributes
  /** Type of the output. */
  readonly grad: Ref
}

/** The gradient of every operand, shaped as the operand; undefined where none flows. */
export type Rule = (b: Builder, node: Arrival) => readonly (Ref | undefined)[]

/** A zero of the type of `like`, rank 0. */
export const zeroOf = (b: Builder, like: Ref) => b.scalar(like.dtype, 0)

/** Zeros of the type and shape of `like`. */
export const zerosLike = (b: Builder, like: Ref) => b.full(like, 0)

/** `x` where the condition holds, 0 elsewhere. */
export const only = (b: Builder, condition: Ref, x: Ref) => b.where(condition, x, zeroOf(b, x))

/** Sums a gradient over the axes along which its operand was broadcast. */
export function unbroadcast(b: Builder, grad: Ref, dims: readonly number[]): Ref {
  const lead = grad.dims.length - dims.length
  const axes = grad.dims.map((_, i) => i).filter((i) => i < lead || (dims[i - lead] === 1 && grad.dims[i] !== 1))
  return b.reshape(axes.length === 0 ? grad : b.reduce('ReduceSum', grad, axes), dims)
}

/** The elements of one axis in reverse. */
export function reversed(b: Builder, x: Ref, axis: number): Ref {
  return x.dims[axis] <= 1 ? x : b.slice(x, axis, { start: x.dims[axis] - 1, end: -1, step: -1 })
}

/** Zeros before and after the elements along every axis. */
export function padded(b: Builder, x: Ref, pads: readonly number[]): Ref {
  return pads.every((pad) => pad === 0) ? x : b.op('Pad', [x, zeroOf(b, x)], { pads })
}

/** `gap` zeros between the elements of an axis. */
export function spread(b: Builder, x: Ref, { axis, gap }: { axis: number; gap: number }): Ref {
  const size = x.dims[axis]
  if (gap === 0 || size <= 1) return x
  const block = b.reshape(x, [1, sizeOf(x.dims.slice(0, axis)), size, sizeOf(x.dims.slice(axis + 1))])
  const zeros = b.full({ dtype: x.dtype, dims: [gap, ...block.dims.slice(1)] }, 0)
  const apart = b.transpose(b.concat([block, zeros], 0), [1, 2, 0, 3])
  const joined = x.dims.map((dim, i) => (i === axis ? dim * (gap + 1) : dim))
  return b.slice(b.reshape(apart, joined), axis, { start: 0, end: (size - 1) * (gap + 1) + 1 })
}

/** Parts [a, b, ...out] woven into [a, b, ...out * strides]: the part of a phase holds every stride-th element from there on. */
export function woven(b: Builder, parts: readonly Ref[], strides: readonly number[]): Ref {
  if (parts.length === 1) return parts[0]
  const { dims } = parts[0]
  const rank = strides.length
  const stacked = b.concat(
    parts.map((part) => b.reshape(part, [1, ...dims])),
    0,
  )
  const phases = b.reshape(stacked, [...strides, ...dims])
  const moved = b.transpose(phases, [rank, rank + 1, ...strides.flatMap((_, i) => [rank + 2 + i, i])])
  return b.reshape(moved, [...dims.slice(0, 2), ...strides.map((stride, i) => stride * dims[2 + i])])
}

/** x as a matrix: everything before `axis`, everything from there on. */
export const matrixFrom = (b: Builder, x: Ref, axis: number) =>
  b.reshape(x, [sizeOf(x.dims.slice(0, axis)), sizeOf(x.dims.slice(axis))])

/** Coordinates of every place of a shape, in row-major order. */
export const placesOf = (dims: readonly number[]) =>
  dims.reduce<number[][]>((all, n) => all.flatMap((at) => Array.from({ length: n }, (_, i) => [...at, i])), [[]])

/** How windows slide over the axes behind the first two. */
export interface Sliding {
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Windows along every axis. */
  readonly out: readonly number[]
}

/** The elements that one tap of all windows sees, [.., .., ...out], of an input that is padded already. */
export function seenBy(b: Builder, x: Ref, { tap, sliding }: { tap: readonly number[]; sliding: Sliding }): Ref {
  const { strides, dilations, out } = sliding
  const starts = tap.map((t, i) => t * dilations[i])
  const ends = starts.map((start, i) => start + (out[i] - 1) * strides[i] + 1)
  if (ends.every((end, i) => end - starts[i] === x.dims[2 + i] && strides[i] === 1)) return x
  return b.op('Slice', [x], {
    starts: [0, 0, ...starts],
    ends: [...x.dims.slice(0, 2), ...ends],
    steps: [1, 1, ...strides],
  })
}
