/**
 * Solidity's ABI encoding of values, by hand: what step leaves, program leaves and typed data are made of.
 * @see Solidity documentation, "Contract ABI Specification", section "Formal Specification of the Encoding"
 * @module
 */
import { concat, fromHex, toHex } from './bytes.js'
import { Fault, demand } from './faults.js'

/** A value on its way in; integers may be numbers while they are safe. */
export type AbiInput = bigint | number | boolean | string | Uint8Array | readonly AbiInput[]

/** What a type decodes to: integers are bigint, addresses are lower-case `0x` text, tuples and arrays are lists. */
export type AbiValue<T extends string = string> = string extends T
  ? AnyAbiValue
  : T extends `${infer Item}[]`
    ? readonly AbiValue<Item>[]
    : T extends `${'uint' | 'int'}${string}`
      ? bigint
      : T extends 'bool'
        ? boolean
        : T extends 'address'
          ? `0x${string}`
          : T extends `bytes${string}`
            ? Uint8Array
            : readonly AnyAbiValue[]
/** Any decoded value. */
export type AnyAbiValue = bigint | boolean | `0x${string}` | Uint8Array | readonly AnyAbiValue[]

/** The decoded list for a list of types. */
export type AbiValues<T extends readonly string[]> = { readonly [K in keyof T]: AbiValue<T[K]> }

type Type =
  | { readonly kind: 'integer'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'address' | 'bool' | 'bytes' }
  | { readonly kind: 'array'; readonly item: Type }
  | { readonly kind: 'tuple'; readonly items: readonly Type[] }

const WORD = 32

/**
 * The ABI encoding of the values, as `abi.encode` gives it.
 * @param types `uintN`, `intN`, `bytesN`, `bytes`, `address`, `bool`, `T[]` and tuples `(T,U)`.
 * @throws Fault `core/bad-abi` where a value is outside its type, or a type is unknown.
 * @example encodeAbi(['uint64', 'bytes32'], [7n, root])
 */
export function encodeAbi(types: readonly string[], values: readonly AbiInput[]): Uint8Array {
  return encodeAll(types.map(parseType), values)
}

/**
 * The values of a canonical encoding: exactly the bytes that `encodeAbi` gives for them, and no others.
 * @throws Fault `core/bad-abi` for padding that is not zero, an offset that does not point to the end of what came before,
 * a length beyond the remaining bytes, or bytes at the end.
 * @remarks Offsets have only one allowed value, so that time and memory grow linearly with the input.
 */
export function decodeAbi<const T extends readonly string[]>(types: T, bytes: Uint8Array): AbiValues<T> {
  const cursor: Cursor = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), end: 0 }
  const values = decodeAll(types.map(parseType), cursor)
  demand(cursor.end === bytes.length, 'core/bad-abi', () => 'bytes follow the last value', {
    expected: cursor.end,
    found: bytes.length,
  })
  return values as unknown as AbiValues<T>
}

const parsed = new Map<string, Type>()

function parseType(text: string): Type {
  const known = parsed.get(text)
  if (known) return known
  const type = parseFresh(text)
  if (parsed.size < 1000) parsed.set(text, type)
  return type
}

function parseFresh(text: string): Type {
  if (text.endsWith('[]')) return { kind: 'array', item: parseType(text.slice(0, -2)) }
  if (text.startsWith('(') && text.endsWith(')'))
    return { kind: 'tuple', items: splitTuple(text.slice(1, -1)).map(parseType) }
  if (text === 'address' || text === 'bool' || text === 'bytes') return { kind: text }
  return parseSized(text)
}

function parseSized(text: string): Type {
  const [, name, digits] = /^(uint|int|bytes)([1-9][0-9]{0,2})$/.exec(text) ?? []
  const size = Number(digits)
  if (name === 'bytes' && size <= WORD) return { kind: 'fixed', size }
  demand(name && name !== 'bytes' && size <= 256 && size % 8 === 0, 'core/bad-abi', () => 'unknown type', {
    found: text,
  })
  return { kind: 'integer', bits: size, signed: name === 'int' }
}

function splitTuple(text: string): string[] {
  const parts = ['']
  let depth = 0
  for (const character of text) {
    if (character === '(') depth++
    if (character === ')') depth--
    if (character === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts
}

function isDynamic(type: Type): boolean {
  return type.kind === 'bytes' || type.kind === 'array' || (type.kind === 'tuple' && type.items.some(isDynamic))
}

function headSize(type: Type): number {
  return type.kind === 'tuple' && !isDynamic(type) ? headSizes(type.items) : WORD
}

function headSizes(types: readonly Type[]): number {
  return types.reduce((sum, type) => sum + headSize(type), 0)
}

function encodeAll(types: readonly Type[], values: readonly AbiInput[]): Uint8Array {
  demand(types.length === values.length, 'core/bad-abi', () => 'as many values as types', {
    expected: types.length,
    found: values.length,
  })
  const encoded = types.map((type, i) => encodeOne(type, values[i]))
  const out = new Uint8Array(types.reduce((sum, type, i) => sum + encoded[i].length + (isDynamic(type) ? WORD : 0), 0))
  let head = 0
  let end = headSizes(types)
  types.forEach((type, i) => {
    const dynamic = isDynamic(type)
    out.set(dynamic ? encodeInteger(BigInt(end)) : encoded[i], head)
    if (dynamic) out.set(encoded[i], end)
    if (dynamic) end += encoded[i].length
    head += headSize(type)
  })
  return out
}

function encodeOne(type: Type, value: AbiInput): Uint8Array {
  switch (type.kind) {
    case 'integer':
      return encodeInteger(checkRange(type, value))
    case 'fixed':
      return padded(bytesIn(value, type.size))
    case 'address':
      return encodeAddress(value)
    case 'bool':
      demand(typeof value === 'boolean', 'core/bad-abi', () => 'not a boolean')
      return encodeInteger(value ? 1n : 0n)
    case 'bytes':
      return encodeBytes(bytesIn(value))
    case 'array':
      return encodeArray(type.item, listIn(value))
    case 'tuple':
      return encodeAll(type.items, listIn(value))
  }
}

function checkRange(type: { bits: number; signed: boolean }, value: AbiInput): bigint {
  demand(typeof value === 'bigint' || Number.isSafeInteger(value), 'core/bad-abi', () => 'not an integer')
  const integer = BigInt(value as bigint | number)
  const fits = type.signed ? BigInt.asIntN(type.bits, integer) : BigInt.asUintN(type.bits, integer)
  demand(fits === integer, 'core/bad-abi', () => `an integer beyond ${type.bits} bits`)
  return integer
}

function encodeInteger(value: bigint): Uint8Array {
  const word = new Uint8Array(WORD)
  const view = new DataView(word.buffer)
  if (value >= 0n && value < 1n << 64n) view.setBigUint64(24, value)
  else for (let i = 0; i < 4; i++) view.setBigUint64(8 * i, BigInt.asUintN(64, value >> BigInt(192 - 64 * i)))
  return word
}

function encodeAddress(value: AbiInput): Uint8Array {
  demand(typeof value === 'string' && /^0x[0-9a-fA-F]{40}$/.test(value), 'core/bad-abi', () => 'not an address')
  const word = new Uint8Array(WORD)
  word.set(fromHex(value.toLowerCase()), 12)
  return word
}

function encodeBytes(value: Uint8Array): Uint8Array {
  return concat(encodeInteger(BigInt(value.length)), padded(value))
}

function encodeArray(item: Type, values: readonly AbiInput[]): Uint8Array {
  const items = encodeAll(new Array<Type>(values.length).fill(item), values)
  return concat(encodeInteger(BigInt(values.length)), items)
}

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / WORD) * WORD)
  out.set(bytes)
  return out
}

function bytesIn(value: AbiInput, size?: number): Uint8Array {
  demand(value instanceof Uint8Array, 'core/bad-abi', () => 'not bytes')
  demand(size === undefined || value.length === size, 'core/bad-abi', () => 'bytes of another length', {
    expected: size,
    found: value.length,
  })
  return value
}

function listIn(value: AbiInput): readonly AbiInput[] {
  demand(Array.isArray(value), 'core/bad-abi', () => 'not a list')
  return value as readonly AbiInput[]
}

/** Where everything decoded so far ends: the only place where the next dynamic value may begin. */
interface Cursor {
  readonly bytes: Uint8Array
  readonly view: DataView
  end: number
}

function decodeAll(types: readonly Type[], cursor: Cursor): AnyAbiValue[] {
  const start = cursor.end
  reserve(cursor, headSizes(types))
  let head = start
  return types.map((type) => {
    const at = head
    head += headSize(type)
    if (!isDynamic(type)) return decodeStatic(type, cursor, at)
    demand(offsetAt(cursor, at) === cursor.end - start, 'core/bad-abi', () => 'an offset that is not canonical')
    return decodeDynamic(type, cursor)
  })
}

function reserve(cursor: Cursor, size: number): void {
  demand(size <= cursor.bytes.length - cursor.end, 'core/bad-abi', () => 'the bytes end inside a value')
  cursor.end += size
}

function decodeDynamic(type: Type, cursor: Cursor): AnyAbiValue {
  if (type.kind === 'tuple') return decodeAll(type.items, cursor)
  const length = takeLength(cursor)
  if (type.kind === 'bytes') return decodeBytes(cursor, length)
  const { item } = type as { item: Type }
  demand(length * headSize(item) <= cursor.bytes.length - cursor.end, 'core/bad-abi', () => 'a length beyond the bytes')
  return decodeAll(new Array<Type>(length).fill(item), cursor)
}

function decodeBytes(cursor: Cursor, length: number): Uint8Array {
  const start = cursor.end
  reserve(cursor, Math.ceil(length / WORD) * WORD)
  return unpadded(cursor.bytes.subarray(start, cursor.end), length)
}

function unpadded(bytes: Uint8Array, length: number): Uint8Array {
  demand(
    bytes.subarray(length).every((byte) => byte === 0),
    'core/bad-abi',
    () => 'padding that is not zero',
  )
  return bytes.slice(0, length)
}

function takeLength(cursor: Cursor): number {
  reserve(cursor, WORD)
  return offsetAt(cursor, cursor.end - WORD)
}

function offsetAt(cursor: Cursor, at: number): number {
  const value = wordAt(cursor, at)
  demand(value <= cursor.bytes.length, 'core/bad-abi', () => 'an offset or length beyond the bytes')
  return Number(value)
}

function decodeStatic(type: Type, cursor: Cursor, at: number): AnyAbiValue {
  switch (type.kind) {
    case 'integer':
      return decodeInteger(type, wordAt(cursor, at))
    case 'fixed':
      return unpadded(cursor.bytes.subarray(at, at + WORD), type.size)
    case 'address':
      return decodeAddress(cursor.bytes.subarray(at, at + WORD))
    case 'bool':
      return decodeInteger({ bits: 1, signed: false }, wordAt(cursor, at)) === 1n
    case 'tuple':
      return decodeStaticTuple(type.items, cursor, at)
    default:
      throw new Fault('core/bad-abi', 'a dynamic type in a static place')
  }
}

function decodeStaticTuple(items: readonly Type[], cursor: Cursor, at: number): AnyAbiValue[] {
  let head = at
  return items.map((item) => {
    const start = head
    head += headSize(item)
    return decodeStatic(item, cursor, start)
  })
}

function decodeInteger(type: { bits: number; signed: boolean }, word: bigint): bigint {
  const value = type.signed ? BigInt.asIntN(256, word) : word
  return checkRange(type, value)
}

function decodeAddress(word: Uint8Array): `0x${string}` {
  demand(
    word.subarray(0, 12).every((byte) => byte === 0),
    'core/bad-abi',
    () => 'padding that is not zero',
  )
  return `0x${toHex(word.subarray(12))}`
}

function wordAt(cursor: Cursor, at: number): bigint {
  const { view } = cursor
  const low = view.getBigUint64(at + 24)
  const high = (view.getBigUint64(at) << 128n) | (view.getBigUint64(at + 8) << 64n) | view.getBigUint64(at + 16)
  return (high << 64n) | low
}
