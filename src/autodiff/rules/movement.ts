/**
 * Gradients of the ops that move elements: what was read comes back to its place, what was read several times is added up.
 * @module
 */
import { sizeOf, tensor } from '../../core/tensor.js'
import type { Builder, Ref } from '../../exact/builder.js'
import { padded, reversed, spread, unbroadcast, zerosLike, type Arrival, type Rule } from '../rule.js'

type Steps = Readonly<Record<'starts' | 'ends' | 'steps', readonly number[]>>

/** The slice along one axis undone: reversed where the step is negative, spread by the step, zeros around. */
function unslice(
  b: Builder,
  grad: Ref,
  { axis, start, step, size }: { axis: number; start: number; step: number; size: number },
): Ref {
  const count = grad.dims[axis]
  const first = step < 0 ? start + (count - 1) * step : start
  const forward = step < 0 ? reversed(b, grad, axis) : grad
  const apart = spread(b, forward, { axis, gap: Math.abs(step) - 1 })
  const pads = new Array<number>(2 * grad.dims.length).fill(0)
  pads[axis] = first
  pads[grad.dims.length + axis] = size - first - apart.dims[axis]
  return padded(b, apart, pads)
}

const slice: Rule = (b, { inputs: [x], attributes, grad }) => {
  if (sizeOf(grad.dims) === 0) return [undefined]
  const { starts, steps } = attributes as unknown as Steps
  return [x.dims.reduce((g, size, axis) => unslice(b, g, { axis, start: starts[axis], step: steps[axis], size }), grad)]
}

const concat: Rule = (b, { inputs, attributes, grad }) => {
  const axis = attributes.axis as number
  let end = 0
  return inputs.map(({ dims }) => b.slice(grad, axis, { start: end, end: (end += dims[axis]) }))
}

const pad: Rule = (b, { inputs: [x, value], attributes, grad }) => {
  const pads = attributes.pads as readonly number[]
  const kept = x.dims.reduce((g, dim, i) => b.slice(g, i, { start: pads[i], end: pads[i] + dim }), grad)
  const around = b.op('Pad', [zerosLike(b, x), b.scalar(x.dtype, 1)], { pads })
  return [kept, unbroadcast(b, b.mul(grad, around), value.dims)]
}

/** Rows of the data are read by number: each gets the sum of what arrives at its copies. */
const gather: Rule = (b, { inputs: [x, indices], attributes, grad }) => {
  const axis = attributes.axis as number
  const [outer, inner] = [sizeOf(x.dims.slice(0, axis)), sizeOf(x.dims.slice(axis + 1))]
  const shape = [outer, sizeOf(indices.dims), inner]
  const places = b.expand(b.reshape(indices, [1, shape[1], 1]), shape)
  const zeros = b.full({ dtype: x.dtype, dims: [outer, x.dims[axis], inner] }, 0)
  const added = b.op('ScatterAdd', [zeros, places, b.reshape(grad, shape)], { axis: 1 })
  return [b.reshape(added, x.dims), undefined]
}

/** Along the other axes the indices may be fewer than the data: nothing arrives beyond them. */
const gatherElements: Rule = (b, { inputs: [x, indices], attributes, grad }) => {
  const axis = attributes.axis as number
  const dims = indices.dims.map((dim, i) => (i === axis ? x.dims[i] : dim))
  const added = b.op('ScatterAdd', [b.full({ dtype: x.dtype, dims }, 0), indices, grad], { axis })
  const missing = x.dims.map((dim, i) => dim - dims[i])
  return [padded(b, added, [...missing.map(() => 0), ...missing]), undefined]
}

const scatterAdd: Rule = (b, { inputs: [, indices], attributes, grad }) => [
  grad,
  undefined,
  b.op('GatherElements', [grad, indices], attributes),
]

/** Overwritten elements lose their gradient; of updates to one place only the one that stands there gets it. */
const scatterElements: Rule = (b, { inputs: [, indices, updates], attributes, grad }) => [
  b.op('ScatterElements', [grad, indices, zerosLike(b, updates)], attributes),
  undefined,
  b.where(
    standing(b, indices, { attributes, dims: grad.dims }),
    b.op('GatherElements', [grad, indices], attributes),
    b.scalar(grad.dtype, 0),
  ),
]

/** True for the updates that no later one overwrites: the numbers of the updates are scattered and read again. */
function standing(
  b: Builder,
  indices: Ref,
  { attributes, dims }: Pick<Arrival, 'attributes'> & { dims: readonly number[] },
): Ref {
  const numbers = Array.from({ length: sizeOf(indices.dims) }, (_, i) => BigInt(i))
  const own = b.constant(tensor('int64', indices.dims, numbers))
  const board = b.op('ScatterElements', [b.full({ dtype: 'int64', dims }, 0), indices, own], attributes)
  return b.equal(b.op('GatherElements', [board, indices], attributes), own)
}

const inverse = (perm: readonly number[]) => perm.map((_, i) => perm.indexOf(i))

/** By name of the op. */
export const MOVEMENT_RULES: Readonly<Record<string, Rule>> = {
  Reshape: (b, { inputs: [x], grad }) => [b.reshape(grad, x.dims)],
  Transpose: (b, { attributes, grad }) => [b.transpose(grad, inverse(attributes.perm as readonly number[]))],
  Expand: (b, { inputs: [x], grad }) => [unbroadcast(b, grad, x.dims)],
  Slice: slice,
  Concat: concat,
  Pad: pad,
  Gather: gather,
  GatherElements: gatherElements,
  ScatterAdd: scatterAdd,
  ScatterElements: scatterElements,
}
