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
  const apart = b.reshape(x, [...x.dims.slice(0, axis + 1), 1, ...x.dims.slice(axis + 1)])
  const pads = apart.dims.map((_, i) => (i === axis + 1 ? gap : 0))
  const filled = padded(b, apart, [...pads.map(() => 0), ...pads])
  const joined = b.reshape(
    filled,
    x.dims.map((dim, i) => (i === axis ? dim * (gap + 1) : dim)),
  )
  return b.slice(joined, axis, { start: 0, end: (size - 1) * (gap + 1) + 1 })
}

/** x as a matrix: everything before `axis`, everything from there on. */
export const matrixFrom = (b: Builder, x: Ref, axis: number) =>
  b.reshape(x, [sizeOf(x.dims.slice(0, axis)), sizeOf(x.dims.slice(axis))])
