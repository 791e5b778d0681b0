/**
 * Multidirectional broadcasting (ONNX: the NumPy rule) as index arithmetic.
 * @module
 */
import { Fault } from '../../core/faults.js'
import { sizeOf } from '../../core/tensor.js'

/** The common shape of some shapes. @throws Fault `exact/shape-mismatch`. */
export function broadcastDims(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((dims) => dims.length))
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((dims) => dims[dims.length - rank + axis] ?? 1).filter((size) => size !== 1)
    if (sizes.some((size) => size !== sizes[0])) {
      throw new Fault('exact/shape-mismatch', `cannot broadcast ${shapes.map((dims) => `[${dims}]`).join(' with ')}`)
    }
    return sizes[0] ?? 1
  })
}

/** Row-major strides, in elements. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length)
  let stride = 1
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= dims[axis]
  }
  return strides
}

/** For every element of `to`, the index of the element of `from` that broadcasts to it; undefined where the shapes are equal. */
export function broadcastMap(from: readonly number[], to: readonly number[]): Uint32Array | undefined {
  if (from.length === to.length && from.every((dim, axis) => dim === to[axis])) return undefined
  const own = stridesOf(from)
  const strides = to.map((_, axis) => {
    const source = axis - (to.length - from.length)
    return source < 0 || from[source] === 1 ? 0 : own[source]
  })
  return indexMap(to, strides, 0)
}

/** The indices `offset + sum(coordinate * stride)` of all elements of a shape, in row-major order. */
export function indexMap(dims: readonly number[], strides: readonly number[], offset: number): Uint32Array {
  const map = new Uint32Array(sizeOf(dims))
  const at = new Array<number>(dims.length).fill(0)
  let index = offset
  for (let i = 0; i < map.length; i++) {
    map[i] = index
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index += strides[axis]
      if (++at[axis] < dims[axis]) break
      index -= strides[axis] * dims[axis]
      at[axis] = 0
    }
  }
  return map
}
