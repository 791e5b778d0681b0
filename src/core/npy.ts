/**
 * NumPy's array files (.npy), format versions 1.0 and 2.0, little-endian and in C order.
 * Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays", and numpy.lib.format.
 * @module
 */
import { concat, utf8 } from './bytes.js'
import { Fault, demand } from './faults.js'
import { bytesOf, fromBytes, sizeOf, type DType, type Tensor } from './tensor.js'

/** NumPy's type strings. bfloat16 has none. */
const DESCRIPTIONS: ReadonlyMap<DType, string> = new Map([
  ['float32', '<f4'],
  ['uint8', '|u1'],
  ['int8', '|i1'],
  ['uint16', '<u2'],
  ['int16', '<i2'],
  ['int32', '<i4'],
  ['int64', '<i8'],
  ['bool', '|b1'],
  ['float16', '<f2'],
  ['float64', '<f8'],
  ['uint32', '<u4'],
  ['uint64', '<u8'],
])

const DTYPE_OF = new Map([...DESCRIPTIONS].map(([dtype, description]) => [description, dtype]))

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)

/** NumPy's own limit for headers from strangers. */
const LARGEST_HEADER = 10_000

/**
 * The tensor in an .npy file; copies only where the alignment demands it.
 * @throws Fault `core/bad-npy` for another version, byte order, element type or Fortran order, and where the data does
 *   not fill the shape exactly; `core/too-large` for a header above 10,000 bytes.
 */
export function decode(file: Uint8Array): Tensor {
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.length)
  const start = headerStart(bytes)
  const length = headerLength(bytes)
  demand(length <= LARGEST_HEADER, 'core/too-large', () => '.npy header', { expected: LARGEST_HEADER, found: length })
  demand(start + length <= bytes.length, 'core/bad-npy', () => 'the file ends inside the header')
  const type = typeOf(String.fromCharCode(...bytes.subarray(start, start + length)))
  const payload = bytes.subarray(start + length)
  try {
    return fromBytes(type, payload)
  } catch (cause) {
    throw Fault.is(cause)
      ? new Fault('core/bad-npy', 'the data does not fit the header', { ...cause.detail, cause })
      : cause
  }
}

function headerStart(bytes: Uint8Array): 10 | 12 {
  demand(bytes.length >= 12 && MAGIC.every((byte, i) => bytes[i] === byte), 'core/bad-npy', () => 'not an .npy file')
  const [major, minor] = bytes.subarray(6)
  demand((major === 1 || major === 2) && minor === 0, 'core/bad-npy', () => `.npy version ${major}.${minor}`)
  return major === 1 ? 10 : 12
}

function headerLength(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
}

/** A Python literal of a dict with exactly these three keys, as every NumPy writes it, in any order. */
function typeOf(header: string): { dtype: DType; dims: number[] } {
  const inside = /^\{([^{}]*)\} *\n?$/.exec(header)?.[1]
  demand(inside !== undefined, 'core/bad-npy', () => 'the header is not a dict')
  const fields = new Map<string, string>()
  let at = 0
  while (at < inside.length) {
    const [whole, key, value] = nextItem(inside, at)
    demand(!fields.has(key), 'core/bad-npy', () => `header key ${key} stands twice`)
    fields.set(key, value)
    at += whole.length
  }
  return typeFrom(fields)
}

const ITEM =
  /\s{0,8}'(descr|fortran_order|shape)'\s{0,8}:\s{0,8}('[^',]{1,16}'|True|False|\([0-9, ]{0,2000}\))\s{0,8}(?:,\s{0,8}|$)/y

function nextItem(text: string, at: number): readonly [string, string, string] {
  ITEM.lastIndex = at
  const match = ITEM.exec(text)
  demand(match !== null, 'core/bad-npy', () => 'the header has another field than descr, fortran_order and shape')
  return [match[0], match[1], match[2]]
}

function typeFrom(fields: ReadonlyMap<string, string>): { dtype: DType; dims: number[] } {
  const descr = fields.get('descr') ?? ''
  const dtype = DTYPE_OF.get(descr.slice(1, -1))
  demand(dtype !== undefined, 'core/bad-npy', () => 'element type', { found: descr })
  demand(fields.get('fortran_order') === 'False', 'core/bad-npy', () => 'arrays in Fortran order are not read')
  return { dtype, dims: dimsOf(fields.get('shape') ?? '') }
}

function dimsOf(shape: string): number[] {
  demand(/^\((?:|[0-9]{1,15},|[0-9]{1,15}(?:, ?[0-9]{1,15})+,?)\)$/.test(shape), 'core/bad-npy', () => 'shape', {
    found: shape.slice(0, 80),
  })
  const dims = (shape.match(/[0-9]+/g) ?? []).map(Number)
  const size = sizeOf(dims)
  demand(dims.length <= 64 && Number.isSafeInteger(8 * size), 'core/too-large', () => 'shape', {
    found: shape.slice(0, 80),
  })
  return dims
}

/**
 * The .npy file (version 1.0) of a tensor, byte for byte as numpy.save writes it.
 * @throws Fault `core/bad-npy` for bfloat16, which NumPy does not have.
 */
export function encode(value: Tensor): Uint8Array {
  const descr = DESCRIPTIONS.get(value.dtype)
  demand(descr !== undefined, 'core/bad-npy', () => `NumPy has no ${value.dtype}`)
  const shape = value.dims.length === 1 ? `(${value.dims[0]},)` : `(${value.dims.join(', ')})`
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`
  const header = utf8(`${dict.padEnd(paddedLength(dict.length, value.dims))}\n`)
  const length = header.length
  return concat(MAGIC, Uint8Array.of(1, 0, length & 255, length >> 8), header, bytesOf(value))
}

/** NumPy leaves room for the first extent to grow to 21 digits, then pads with at least one space to a multiple of 64. */
function paddedLength(length: number, dims: readonly number[]): number {
  const grown = dims.length === 0 ? length : length + 21 - String(dims[0]).length
  const unpadded = MAGIC.length + 4 + grown + 1
  return grown + 64 - (unpadded % 64)
}
