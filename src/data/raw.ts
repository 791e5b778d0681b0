/**
 * Raw files: samples one behind the other, little-endian, row-major, after a header that is passed over.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { DTYPES, byteLength, fromBytes, sizeOf, type Tensor, type TensorType } from '../core/tensor.js'

/** What one sample is, and where the first one begins. */
export interface RawColumn extends TensorType {
  /** Bytes before the first sample. Default 0; 16 for the image files of MNIST, 8 for its label files. */
  readonly offset?: number
}

/**
 * The samples of a raw file, on the first axis. How many there are follows from the length.
 * @throws Fault `data/bad-raw` where the bytes are not a whole number of samples, at least one, or a bool is neither 0 nor 1.
 */
export function decode(bytes: Uint8Array, { dtype, dims, offset = 0 }: RawColumn): Tensor {
  const whole = [offset, ...dims].every((n) => Number.isSafeInteger(n) && n >= 0)
  demand(whole && Object.hasOwn(DTYPES, dtype), 'data/bad-raw', () => 'dtype, dims or offset')
  const size = byteLength({ dtype, dims })
  const payload = bytes.subarray(offset)
  const sound = sizeOf(dims) > 0 && payload.length > 0 && payload.length % size === 0
  demand(sound, 'data/bad-raw', () => 'not a whole number of samples', {
    expected: `${offset} and a multiple of ${size} bytes`,
    found: bytes.length,
  })
  try {
    return fromBytes({ dtype, dims: [payload.length / size, ...dims] }, payload)
  } catch (cause) {
    throw Fault.is(cause, 'core/bad-tensor')
      ? new Fault('data/bad-raw', 'an element that its dtype forbids', { cause })
      : cause
  }
}
