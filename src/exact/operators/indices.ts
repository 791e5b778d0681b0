/**
 * Indices of gathers and scatters: negative ones counted from the back, several joined to one.
 * @module
 */
import { demand } from '../../core/faults.js'
import { tensor } from '../../core/tensor.js'
import type { Builder, Ref } from '../builder.js'

/** Largest constant that an operator makes by itself, in elements. */
export const TABLE_LIMIT = 1 << 22

/** The int64 vector 0, 1, ... count - 1, each times `step`. */
export function countUp(b: Builder, count: number, step = 1): Ref {
  demand(count <= TABLE_LIMIT, 'exact/too-large', () => `a table of ${count} elements`)
  const data = new BigInt64Array(count)
  for (let i = 0; i < count; i++) data[i] = BigInt(i * step)
  return b.constant(tensor('int64', [count], data))
}

/** 0, 1, ... along one axis of a rank, 1 along the others. */
export function alongAxis(b: Builder, { rank, axis, size }: { rank: number; axis: number; size: number }): Ref {
  const dims = Array.from({ length: rank }, (_, i) => (i === axis ? size : 1))
  return b.reshape(countUp(b, size), dims)
}

/** int64 indices from 0 on: `size` is added to negative ones. What then lies outside meets the fault point of the gather. */
export function fromFront(b: Builder, indices: Ref, size: number): Ref {
  const wide = b.cast(indices, 'int64')
  if (wide.value !== undefined && (wide.value.data as BigInt64Array).every((i) => i >= 0n)) return wide
  return b.where(b.less(wide, b.scalar('int64', 0)), b.add(wide, b.scalar('int64', size)), wide)
}

/**
 * One index into the flattened leading axes for each tuple of indices [..., depth] into `sizes`. Every index is looked up in a
 * table of its own size, so one that is out of range refuses the run although the joined one may be in range.
 */
export function joinIndices(b: Builder, indices: Ref, sizes: readonly number[]): Ref {
  const last = indices.dims.length - 1
  const places = indices.dims.slice(0, last)
  const strides = sizes.map((_, i) => sizes.slice(i + 1).reduce((a, c) => a * c, 1))
  const parts = sizes.map((size, i) => {
    const one = b.reshape(b.slice(indices, last, { start: i, end: i + 1 }), places)
    return b.gather(countUp(b, size, strides[i]), fromFront(b, one, size), 0)
  })
  return parts.length === 0 ? b.full({ dtype: 'int64', dims: places }, 0) : parts.reduce(b.add)
}
