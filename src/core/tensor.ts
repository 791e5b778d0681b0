/**
 * Tensors as plain data: a dtype, dims and a typed array in row-major order.
 * @module
 */
import { Fault, demand } from './faults.js'

/** Element types, by their names in ONNX's TensorProto.DataType, with code and element size in bytes (0: not carried by programs). */
export const DTYPES = {
  float32: { code: 1, bytes: 4, kind: 'float', array: Float32Array },
  uint8: { code: 2, bytes: 1, kind: 'unsigned', array: Uint8Array },
  int8: { code: 3, bytes: 1, kind: 'signed', array: Int8Array },
  uint16: { code: 4, bytes: 2, kind: 'unsigned', array: Uint16Array },
  int16: { code: 5, bytes: 2, kind: 'signed', array: Int16Array },
  int32: { code: 6, bytes: 4, kind: 'signed', array: Int32Array },
  int64: { code: 7, bytes: 8, kind: 'signed', array: BigInt64Array },
  bool: { code: 9, bytes: 1, kind: 'bool', array: Uint8Array },
  float16: { code: 10, bytes: 2, kind: 'float', array: Uint16Array },
  float64: { code: 11, bytes: 8, kind: 'float', array: Float64Array },
  uint32: { code: 12, bytes: 4, kind: 'unsigned', array: Uint32Array },
  uint64: { code: 13, bytes: 8, kind: 'unsigned', array: BigUint64Array },
  bfloat16: { code: 16, bytes: 2, kind: 'float', array: Uint16Array },
} as const

/** The name of an element type. */
export type DType = keyof typeof DTYPES

/** The typed array that holds elements of a dtype (float16 and bfloat16 as their 16 bits, bool as one byte 0 or 1). */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Element type and dimensions. */
export interface TensorType {
  readonly dtype: DType
  readonly dims: readonly number[]
}

/** A tensor: its type and its elements, row-major. The data is not copied and must not be changed. */
export interface Tensor extends TensorType {
  readonly data: TensorData
}

const BY_CODE = new Map<number, DType>(Object.entries(DTYPES).map(([name, row]) => [row.code, name as DType]))

/** The dtype with this TensorProto.DataType code, or undefined where programs do not carry it (strings, complex, below 8 bits). */
export function dtypeOf(code: number): DType | undefined {
  return BY_CODE.get(code)
}

/** The number of elements: the product of the dims, 1 for rank 0. */
export function sizeOf(dims: readonly number[]): number {
  let size = 1
  for (const dim of dims) size *= dim
  return size
}

/** The payload's length in bytes. */
export function byteLength(type: TensorType): number {
  return sizeOf(type.dims) * DTYPES[type.dtype].bytes
}

/** True for float16, bfloat16, float32 and float64. */
export function isFloat(dtype: DType): boolean {
  return DTYPES[dtype].kind === 'float'
}

/** A fresh zeroed array for `size` elements of a dtype. */
export function allocate(dtype: DType, size: number): TensorData {
  return new DTYPES[dtype].array(size)
}

/**
 * A tensor from its parts, checked.
 * @throws Fault `core/bad-tensor` where the data is of another type or length than dtype and dims demand.
 */
export function tensor(
  dtype: DType,
  dims: readonly number[],
  data: TensorData | readonly number[] | readonly bigint[],
): Tensor {
  demand(dtype in DTYPES, 'core/bad-tensor', () => `no dtype ${String(dtype)}`)
  for (const dim of dims) demand(Number.isSafeInteger(dim) && dim >= 0, 'core/bad-tensor', () => `dimension ${dim}`)
  const Data = DTYPES[dtype].array
  const array = Array.isArray(data)
    ? (Data as { from(values: readonly unknown[]): TensorData }).from(data)
    : (data as TensorData)
  demand(array instanceof Data, 'core/bad-tensor', () => `${dtype} needs ${Data.name}`, {
    found: array.constructor.name,
  })
  demand(array.length === sizeOf(dims), 'core/bad-tensor', () => `data does not fill [${dims}]`, {
    expected: sizeOf(dims),
    found: array.length,
  })
  return { dtype, dims: [...dims], data: array }
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** The payload: little-endian elements, row-major. A view on the tensor's data, not a copy. */
export function bytesOf(value: Tensor): Uint8Array {
  if (!LITTLE_ENDIAN) throw new Fault('runtime/unavailable', 'big-endian processors are not supported')
  return new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength)
}

/**
 * A tensor on its payload bytes; copies only where the alignment demands it.
 * @throws Fault `core/bad-tensor` where the length does not fit, or a bool is neither 0 nor 1.
 */
export function fromBytes(type: TensorType, bytes: Uint8Array): Tensor {
  const { array: Data, bytes: width } = DTYPES[type.dtype]
  demand(bytes.length === byteLength(type), 'core/bad-tensor', () => `payload of ${type.dtype}[${type.dims}]`, {
    expected: byteLength(type),
    found: bytes.length,
  })
  if (type.dtype === 'bool')
    demand(
      bytes.every((b) => b < 2),
      'core/bad-tensor',
      () => 'a bool is 0 or 1',
    )
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice()
  const data = new Data(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / width)
  return { dtype: type.dtype, dims: [...type.dims], data }
}

/** True where dtype, dims and every bit agree. */
export function equalBits(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || a.dims.length !== b.dims.length || a.dims.some((d, i) => d !== b.dims[i])) return false
  const x = bytesOf(a)
  const y = bytesOf(b)
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false
  return true
}
