/**
 * Raw files: samples one behind the other, little-endian, row-major, after a header that is passed over.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { DTYPES, byteLength, fromBytes, type Tensor, type TensorType } from '../core/tensor.js'

/** What one sample is, where the first one begins, and where the next. */
export interface RawColumn extends TensorType {
  /** Bytes before the first sample. Default 0; 16 for the image files of MNIST, 8 for its label files. */
  readonly offset?: number
  /**
   * Bytes from the beginning of a sample to that of the next. Default: its own size, and the samples must fill the file. Where it is
   * given, samples may overlap (windows of a text), and what does not fill a last one is left out.
   */
  readonly stride?: number
}

const MOST_BYTES = 2 ** 31 - 1

/**
 * The samples of a raw file, on the first axis. How many there are follows from the length.
 * @throws Fault `data/bad-raw` where the bytes are not a whole number of samples, at least one, or a bool is neither 0 nor 1;
 * `core/too-large` where overlapping samples would fill 2 GiB.
 * @example Raw.decode(text, { dtype: 'uint8', dims: [129], stride: 128 }) // 128 characters and the one behind them
 */
export function decode(bytes: Uint8Array, column: RawColumn): Tensor {
  const { dtype, dims, offset = 0, stride } = column
  const whole = [offset, stride ?? 1, ...dims].every((n) => Number.isSafeInteger(n) && n >= 0)
  demand(whole && stride !== 0 && Object.hasOwn(DTYPES, dtype), 'data/bad-raw', () => 'dtype, dims, offset or stride')
  const size = byteLength({ dtype, dims })
  const payload = bytes.subarray(offset)
  const samples = samplesIn(payload.length, { size, stride })
  demand(size > 0 && samples > 0, 'data/bad-raw', () => 'not a whole number of samples', {
    expected: `${offset} and a multiple of ${size} bytes`,
    found: bytes.length,
  })
  try {
    const filled = stride === undefined ? payload : windows(payload, { samples, size, stride })
    return fromBytes({ dtype, dims: [samples, ...dims] }, filled)
  } catch (cause) {
    throw Fault.is(cause, 'core/bad-tensor')
      ? new Fault('data/bad-raw', 'an element that its dtype forbids', { cause })
      : cause
  }
}

/** How many samples there are; 0 where they do not fill the bytes. */
function samplesIn(length: number, { size, stride }: { size: number; stride: number | undefined }): number {
  if (stride === undefined) return length % size === 0 ? length / size : 0
  return length < size ? 0 : Math.floor((length - size) / stride) + 1
}

function windows(bytes: Uint8Array, at: { samples: number; size: number; stride: number }): Uint8Array {
  const { samples, size, stride } = at
  demand(samples * size <= MOST_BYTES, 'core/too-large', () => 'samples that overlap', {
    expected: MOST_BYTES,
    found: samples * size,
  })
  const out = new Uint8Array(samples * size)
  for (let i = 0; i < samples; i++) out.set(bytes.subarray(i * stride, i * stride + size), i * size)
  return out
}
