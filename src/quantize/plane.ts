/**
 * Weights as real numbers while they are worked together: binary64, with the broadcasting of ONNX.
 * @module
 */
import { sizeOf, type Tensor } from '../core/tensor.js'
import { demand } from '../core/faults.js'
import { broadcastDims, broadcastMap } from '../exact/ops/broadcast.js'

/** Real numbers in a shape. */
export interface Plane {
  readonly dims: readonly number[]
  readonly data: Float64Array
}

/** The elements of a tensor as binary64. @throws Fault `quantize/unsupported-operator` for 16-bit floats and booleans. */
export function planeOf({ dtype, dims, data }: Tensor): Plane {
  const numbers = dtype !== 'float16' && dtype !== 'bfloat16' && dtype !== 'bool'
  demand(numbers, 'quantize/unsupported-operator', () => `constants of ${dtype}`)
  return { dims, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) }
}

export const mapped = ({ dims, data }: Plane, f: (x: number) => number): Plane => ({ dims, data: data.map(f) })

/** f of every pair of elements that broadcasting joins. */
export function joined(a: Plane, b: Plane, f: (x: number, y: number) => number): Plane {
  const dims = broadcastDims(a.dims, b.dims)
  const [left, right] = [broadcastMap(a.dims, dims), broadcastMap(b.dims, dims)]
  const data = new Float64Array(sizeOf(dims))
  for (let i = 0; i < data.length; i++) data[i] = f(a.data[left?.[i] ?? i], b.data[right?.[i] ?? i])
  return { dims, data }
}

/**
 * The numbers of a plane along one axis of a shape that it broadcasts to, where it is the same along all others: one number, or one for each
 * place of the axis. Undefined for any other plane.
 */
export function alongAxis({ dims, data }: Plane, rank: number, axis: number): Float64Array | undefined {
  const own = axis - (rank - dims.length)
  const flat = dims.length <= rank && dims.every((dim, i) => dim === 1 || i === own)
  return flat ? data : undefined
}
