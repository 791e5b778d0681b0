/**
 * The fault point of ops that platforms let swallow a NaN: the run is refused where one enters.
 * @module
 */
import { isFloat, sizeOf, type Tensor } from '../../core/tensor.js'
import type { FaultPoint } from '../op.js'

/** Index of the first NaN, or -1. */
export function firstNaN(value: Tensor): number {
  if (!isFloat(value.dtype) || value.dtype === 'float16' || value.dtype === 'bfloat16') return -1
  const data = value.data as Float32Array
  for (let i = 0; i < data.length; i++) if (data[i] !== data[i]) return i
  return -1
}

/** A NaN in the first operand. */
export const NAN_FAULT: FaultPoint = {
  find([x]) {
    const element = firstNaN(x)
    return element < 0 ? undefined : { reason: 'nan', element }
  },
  /** One pass: a NaN makes the plain sum NaN on every platform; so do infinities of both signs, which `find` then clears. */
  suspect(g, [x], { inputs: [{ dtype, dims }] }) {
    const size = sizeOf(dims)
    if (!isFloat(dtype) || size === 0) return ''
    return g.node('IsNaN', [g.reduce('ReduceSum', g.reshape(x, [size]), [0], 0)])
  },
}
