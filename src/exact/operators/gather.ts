/**
 * Gathers and scatters. Indices may count from the back; one that is out of range refuses the run.
 * Sources: ONNX Operators; where several updates name one element the last in row-major order stands.
 * @module
 */
import { demand } from '../../core/faults.js'
import { sizeOf } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { alongAxis, countUp, fromFront, joinIndices } from './indices.js'

// ---------------------------------------------------------------- gathers

function gather(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const axis = node.axis(node.int('axis', 0), x.dims.length)
  return [b.gather(x, fromFront(b, node.input(1), x.dims[axis]), axis)]
}

function gatherElements(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const axis = node.axis(node.int('axis', 0), x.dims.length)
  return [b.op('GatherElements', [x, fromFront(b, node.input(1), x.dims[axis])], { axis })]
}

/** Tuples of indices into the axes after the batch axes: one flat index each, then a Gather of whole slices. */
function gatherND(b: Builder, node: NodeView): Ref[] {
  const [x, indices] = [node.input(0), node.input(1)]
  const batch = node.int('batch_dims', 0)
  const depth = indices.dims.at(-1) ?? 0
  const fits =
    batch >= 0 &&
    batch < Math.min(x.dims.length, indices.dims.length) &&
    depth <= x.dims.length - batch &&
    x.dims.slice(0, batch).every((dim, i) => dim === indices.dims[i])
  demand(fits, 'exact/shape-mismatch', () => `GatherND of [${x.dims}] by [${indices.dims}], ${batch} batch axes`)
  const [heads, sizes, slice] = [
    x.dims.slice(0, batch),
    x.dims.slice(batch, batch + depth),
    x.dims.slice(batch + depth),
  ]
  const within = joinIndices(b, indices, sizes)
  const [count, area] = [sizeOf(heads), sizeOf(sizes)]
  const starts = b.reshape(countUp(b, count, area), [...heads, ...within.dims.slice(batch).map(() => 1)])
  const flat = batch === 0 ? within : b.add(within, starts)
  return [
    b.reshape(b.gather(b.reshape(x, [count * area, sizeOf(slice)]), flat, 0), [...indices.dims.slice(0, -1), ...slice]),
  ]
}

// ---------------------------------------------------------------- scatters

/** A scatter along an axis: updates have the dims of the data except there, indices are not negative. */
interface Scatter {
  readonly data: Ref
  readonly indices: Ref
  readonly updates: Ref
  readonly axis: number
}

/** Reductions that go through the updates one after the other. */
const COMBINE: Readonly<Record<string, (b: Builder, old: Ref, update: Ref) => Ref>> = {
  mul: (b, old, update) => b.mul(old, update),
  max: (b, old, update) => b.max(old, update),
  min: (b, old, update) => b.min(old, update),
}

/** Most updates of a line that are combined one after the other. */
const ROUND_LIMIT = 4096

/** Round by round: one update of every line is combined with the element that it names. */
function combineInOrder(b: Builder, { data, indices, updates, axis }: Scatter, reduction: string): Ref {
  const combine = COMBINE[reduction]
  const rounds = indices.dims[axis]
  demand(combine !== undefined, 'onnx/bad-node', () => `reduction ${reduction}`)
  if (rounds > ROUND_LIMIT) refuse(`reduction ${reduction} of ${rounds} updates of a line`)
  let result = data
  for (let i = 0; i < rounds; i++) {
    const place = b.slice(indices, axis, { start: i, end: i + 1 })
    const old = b.op('GatherElements', [result, place], { axis })
    const next = combine(b, old, b.slice(updates, axis, { start: i, end: i + 1 }))
    result = b.op('ScatterElements', [result, place, next], { axis })
  }
  return result
}

function scatter(b: Builder, given: Scatter, reduction: string): Ref {
  const { data, indices, updates, axis } = given
  if (reduction === 'none') return b.op('ScatterElements', [data, indices, updates], { axis })
  if (reduction === 'add') return b.op('ScatterAdd', [data, indices, updates], { axis })
  return combineInOrder(b, given, reduction)
}

/** Applies `f` to the leading corner of `data` with these dims; the rest stays. */
function inCorner(b: Builder, data: Ref, dims: readonly number[], f: (corner: Ref) => Ref): Ref {
  const axis = data.dims.findIndex((dim, i) => dim !== dims[i])
  if (axis < 0) return f(data)
  demand(dims[axis] <= data.dims[axis], 'exact/shape-mismatch', () => `updates [${dims}] of data [${data.dims}]`)
  const [start, end] = [dims[axis], data.dims[axis]]
  const corner = b.slice(data, axis, { start: 0, end: start })
  return b.concat([inCorner(b, corner, dims, f), b.slice(data, axis, { start, end })], axis)
}

function scatterElements(b: Builder, node: NodeView): Ref[] {
  const [data, given, updates] = [node.input(0), node.input(1), node.input(2)]
  const axis = node.axis(node.int('axis', 0), data.dims.length)
  demand(
    given.dims.length === data.dims.length,
    'exact/shape-mismatch',
    () => `indices [${given.dims}] of data [${data.dims}]`,
  )
  const indices = fromFront(b, given, data.dims[axis])
  const dims = given.dims.map((dim, i) => (i === axis ? data.dims[i] : dim))
  const reduction = node.string('reduction', 'none')
  return [inCorner(b, data, dims, (corner) => scatter(b, { data: corner, indices, updates, axis }, reduction))]
}

/** Tuples of indices into the leading axes: one flat index each, then a scatter of whole slices along one axis. */
function scatterND(b: Builder, node: NodeView): Ref[] {
  const [data, indices, updates] = [node.input(0), node.input(1), node.input(2)]
  const depth = indices.dims.at(-1) ?? 0
  const [sizes, slice] = [data.dims.slice(0, depth), data.dims.slice(depth)]
  const wanted = [...indices.dims.slice(0, -1), ...slice]
  demand(
    indices.dims.length > 0 && depth <= data.dims.length && updates.dims.join() === wanted.join(),
    'exact/shape-mismatch',
    () => `ScatterND of [${updates.dims}] into [${data.dims}] by [${indices.dims}]`,
  )
  const [area, width, count] = [sizeOf(sizes), sizeOf(slice), sizeOf(indices.dims.slice(0, -1))]
  const flat = b.reshape(joinIndices(b, indices, sizes), [count, 1])
  const given: Scatter = {
    data: b.reshape(data, [area, width]),
    indices: b.expand(flat, [count, width]),
    updates: b.reshape(updates, [count, width]),
    axis: 0,
  }
  return [b.reshape(scatter(b, given, node.string('reduction', 'none')), data.dims)]
}

/** Writes a run of elements into each batch entry of a cache, from that entry's own place on. */
function tensorScatter(b: Builder, node: NodeView): Ref[] {
  const [cache, updates, starts] = [node.input(0), node.input(1), node.optional(2)]
  const rank = cache.dims.length
  const axis = node.axis(node.int('axis', -2), rank)
  const mode = node.string('mode', 'linear')
  demand(axis > 0 && (mode === 'linear' || mode === 'circular'), 'onnx/bad-node', () => `axis ${axis}, mode ${mode}`)
  const size = cache.dims[axis]
  const steps = alongAxis(b, { rank, axis, size: updates.dims[axis] })
  const first = starts && b.reshape(b.cast(starts, 'int64'), [cache.dims[0], ...cache.dims.slice(1).map(() => 1)])
  const places = first === undefined ? steps : b.add(steps, first)
  const wrapped = mode === 'linear' ? places : b.op('Mod', [places, b.scalar('int64', size)])
  return [b.op('ScatterElements', [cache, b.expand(wrapped, updates.dims), updates], { axis })]
}

/** Rows of gathers and scatters. */
export const GATHER: readonly OperatorRow[] = [
  operator('Gather', 1, gather),
  operator('GatherElements', 11, gatherElements),
  operator('GatherND', 11, gatherND),
  operator('Scatter', 9, scatterElements),
  operator('ScatterElements', 11, scatterElements),
  operator('ScatterND', 11, scatterND),
  operator('TensorScatter', 24, tensorScatter),
]
