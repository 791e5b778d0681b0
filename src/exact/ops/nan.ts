/**
 * The fault point of ops that platforms let swallow a NaN: the run is refused where one enters.
 * @module
 */
import { isFloat, sizeOf, type Tensor, type TensorType } from '../../core/tensor.js'
import type { Emitter } from '../emitter.js'
import type { FaultPoint } from '../op.js'
import { isHalf, isHalfNaN } from './halves.js'

/** Index of the first NaN, or -1. */
export function firstNaN(value: Tensor): number {
  const { dtype } = value
  if (!isFloat(dtype)) return -1
  if (isHalf(dtype)) return (value.data as Uint16Array).findIndex((bits) => isHalfNaN(dtype, bits))
  const data = value.data as Float32Array
  return mayHoldNaN(data) ? data.findIndex((element) => element !== element) : -1
}

/** False where no element is NaN, at memory speed: four sums side by side. Infinities of both signs make a sum NaN too. */
function mayHoldNaN(data: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0]
  const whole = data.length - (data.length % 4)
  for (let i = 0; i < whole; i += 4) {
    a += data[i]
    b += data[i + 1]
    c += data[i + 2]
    d += data[i + 3]
  }
  for (let i = whole; i < data.length; i++) a += data[i]
  const sum = a + b + c + d
  return sum !== sum
}

/**
 * Emits a bool vector of one element that is true wherever `x` holds a NaN, in one pass: a NaN makes the plain sum NaN on every platform; so do
 * infinities of both signs, which `firstNaN` then clears. '' where there can be none.
 */
export function emitMayHoldNaN(g: Emitter, x: string, { dtype, dims }: TensorType): string {
  const size = sizeOf(dims)
  if ((dtype !== 'float32' && dtype !== 'float64') || size === 0) return ''
  const flat = dims.length === 1 ? x : g.reshape(x, [size])
  return g.node('IsNaN', [g.reduce('ReduceSum', flat, [0])])
}

/** A NaN in the first operand. */
export const NAN_FAULT: FaultPoint = {
  find([x]) {
    const element = firstNaN(x)
    return element < 0 ? undefined : { reason: 'nan', element }
  },
  suspect: (g, [x], { inputs: [type] }) => emitMayHoldNaN(g, x, type),
}
