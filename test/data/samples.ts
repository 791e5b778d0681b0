/** Small data sets and schedules for the tests of this room. */
import fc from 'fast-check'
import { Fault } from '../../src/core/faults.js'
import { allocate, fromBytes, byteLength, type DType, type Tensor, type TensorType } from '../../src/core/tensor.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Schedule from '../../src/data/schedule.js'

export const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

/** The code of the fault that a call throws; anything else that it throws is thrown on. */
export function codeOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (Fault.is(error)) return error.code
    throw error
  }
  return 'no fault'
}

/** A tensor whose elements count up. */
export function counting({ dtype, dims }: TensorType, from = 0): Tensor {
  const size = dims.reduce((a, b) => a * b, 1)
  const data = allocate(dtype, size)
  for (let i = 0; i < size; i++) data[i] = (typeof data[0] === 'bigint' ? BigInt(from + i) : from + i) as never
  return { dtype, dims: [...dims], data }
}

/** Images of 3 x 4 and labels. */
export const digits = (samples: number, from = 0): Record<string, Tensor> => ({
  image: counting({ dtype: 'float32', dims: [samples, 1, 3, 4] }, 12 * from),
  label: counting({ dtype: 'int64', dims: [samples] }, from),
})

export const dataset = (samples: number): Dataset.Dataset => Dataset.from(digits(samples))

export const scheduleOf = (data: Dataset.Dataset, options: Partial<Schedule.ScheduleOptions> = {}): Schedule.Schedule =>
  Schedule.from(data, { batchSize: 4, start: { from: 'checkpoint', root: fill(7) }, ...options })

export const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

const DTYPES: readonly DType[] = [
  'float32',
  'uint8',
  'int8',
  'int16',
  'int32',
  'int64',
  'bool',
  'float16',
  'float64',
  'uint64',
]

/** One to three columns of any dtype and small sample dims, with `samples` samples. */
export const columns = (samples: number): fc.Arbitrary<Record<string, Tensor>> =>
  fc
    .array(
      fc
        .record({ dtype: fc.constantFrom(...DTYPES), dims: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }) })
        .chain((type) => tensorOf({ dtype: type.dtype, dims: [samples, ...type.dims] })),
      { minLength: 1, maxLength: 3 },
    )
    .map((list) => Object.fromEntries(list.map((value, i) => [`column${i}`, value])))

function tensorOf(type: TensorType): fc.Arbitrary<Tensor> {
  const size = byteLength(type)
  return fc
    .uint8Array({ minLength: size, maxLength: size, max: type.dtype === 'bool' ? 1 : 255 })
    .map((bytes) => fromBytes(type, bytes))
}
