/**
 * Where one element of a value comes from: the element of each operand that its op reads. Movement is asked of the ops themselves, over a
 * tensor whose elements are their own indices, so that there is no second definition of an index map.
 * @module
 */
import { sizeOf, type Tensor, type TensorType } from '../core/tensor.js'
import { opOf } from '../exact/ops/index.js'
import { aroundAxis } from '../exact/ops/order.js'
import { stridesOf } from '../exact/ops/broadcast.js'
import type { NodeValue } from '../exact/program.js'

/** An element of one operand, by the operand's position among the node's inputs. */
export interface Source {
  readonly operand: number
  readonly element: number
}

/** Row-major coordinates of an element. */
export function coordinatesOf(dims: readonly number[], element: number): number[] {
  return stridesOf(dims).map((stride, axis) => Math.floor(element / stride) % dims[axis])
}

/** The element of a broadcast operand that an element of the output takes. */
export function broadcastSource(from: readonly number[], to: readonly number[], element: number): number {
  const at = coordinatesOf(to, element).slice(to.length - from.length)
  return stridesOf(from).reduce((sum, stride, axis) => sum + (from[axis] === 1 ? 0 : at[axis] * stride), 0)
}

/** A tensor that says of each element which one it is. Indices of disputed tensors are below 2^53, so binary64 holds them. */
function indicesOf({ dims }: TensorType, from: number): Tensor {
  return { dtype: 'float64', dims, data: Float64Array.from({ length: sizeOf(dims) }, (_, i) => from + i) }
}

/**
 * The element of an operand that Reshape, Transpose, Slice, Concat, Expand or Pad copies. Cost: linear in the operands.
 */
export function movedSource(node: NodeValue, operands: readonly TensorType[], element: number): Source {
  const offsets = operands.map((_, i) => operands.slice(0, i).reduce((sum, { dims }) => sum + sizeOf(dims), 0))
  const marked = operands.map((type, i) => indicesOf(type, offsets[i]))
  const at = Number(opOf(node.op).evaluate(marked, node.attributes, { dtype: 'float64', dims: node.dims })[element])
  const operand = offsets.findLastIndex((offset, i) => offset <= at && sizeOf(operands[i].dims) > 0)
  return { operand, element: at - offsets[operand] }
}

/** The place among the indices of Gather that an element of the output reads. */
export function gatherIndex(node: NodeValue, [data, indices]: readonly TensorType[], element: number): number {
  const axis = node.attributes.axis as number
  const inner = sizeOf(data.dims.slice(axis + 1))
  return Math.floor(element / inner) % sizeOf(indices.dims)
}

/** The element of the data that Gather copies for an index. */
export function gathered(
  node: NodeValue,
  [data, indices]: readonly TensorType[],
  { element, index }: { readonly element: number; readonly index: number },
): number {
  const { length, inner } = aroundAxis(data.dims, node.attributes.axis as number)
  const outer = Math.floor(element / (inner * sizeOf(indices.dims)))
  return (outer * length + index) * inner + (element % inner)
}

/** The element of the data that GatherElements copies for an index. */
export function gatheredElement(
  node: NodeValue,
  [data, indices]: readonly TensorType[],
  { element, index }: { readonly element: number; readonly index: number },
): number {
  const axis = node.attributes.axis as number
  const at = coordinatesOf(indices.dims, element)
  return stridesOf(data.dims).reduce((sum, stride, i) => sum + (i === axis ? index : at[i]) * stride, 0)
}
