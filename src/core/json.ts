/**
 * Canonical JSON (RFC 8785): one text for every value, and a reader for strict records.
 * @module
 */
import { fromHex, type Bytes32 } from './bytes.js'
import { Fault, demand } from './faults.js'

/** A JSON value. Numbers are finite; integers wider than 32 bits travel as decimal strings. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What a decoder accepts before it looks inside. */
export interface JsonLimits {
  /** Longest text, in bytes of UTF-8 (16 MiB unless told). */
  readonly maxBytes?: number
  /** Deepest nesting of arrays and objects (32 unless told). */
  readonly maxDepth?: number
}

const MAX_BYTES = 1 << 24
const MAX_DEPTH = 32

/**
 * The canonical text of a value: keys sorted by UTF-16 code units, numbers as ECMAScript prints them, no white space.
 * @throws Fault `core/bad-json` for a number that is not finite, a lone surrogate or `undefined`, `core/too-large` for nesting beyond 32.
 * @see RFC 8785 section 3.2
 */
export function encodeJson(value: Json): string {
  return write(value, MAX_DEPTH)
}

function write(value: Json, depth: number): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return writeNumber(value)
  if (typeof value === 'string') return writeString(value)
  demand(typeof value === 'object', 'core/bad-json', () => `a ${typeof value} has no JSON form`)
  demand(depth > 0, 'core/too-large', () => 'JSON nested too deeply')
  if (isList(value)) return `[${value.map((item) => write(item, depth - 1)).join(',')}]`
  const keys = Object.keys(value).sort()
  return `{${keys.map((key) => `${writeString(key)}:${write(value[key], depth - 1)}`).join(',')}}`
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

function writeNumber(value: number): string {
  demand(Number.isFinite(value), 'core/bad-json', () => 'a number that is not finite')
  return JSON.stringify(value)
}

function writeString(value: string): string {
  demand(!/\p{Surrogate}/u.test(value), 'core/bad-json', () => 'a lone surrogate')
  return JSON.stringify(value)
}

/**
 * The value of a canonical text, given as text or as UTF-8.
 * @throws Fault `core/too-large` beyond the limits, `core/duplicate-key` where a key stands twice, `core/bad-json` for
 * anything else that the encoder would not have written: white space, other escapes, unsorted keys, bytes at the end.
 * @remarks Time and memory grow linearly with the input. A key `__proto__` becomes an ordinary own property.
 */
export function decodeJson(input: Uint8Array | string, limits: JsonLimits = {}): Json {
  const { maxBytes = MAX_BYTES, maxDepth = MAX_DEPTH } = limits
  demand(input.length <= maxBytes, 'core/too-large', () => 'JSON text', {
    expected: `at most ${maxBytes}`,
    found: input.length,
  })
  const text = typeof input === 'string' ? input : textOf(input)
  const scan: Scan = { text, at: 0, depth: Math.min(maxDepth, MAX_DEPTH) }
  const value = readValue(scan)
  demand(scan.at === text.length, 'core/bad-json', () => `something follows the value at character ${scan.at}`)
  demand(encodeJson(value) === text, 'core/bad-json', () => 'not in canonical form')
  return value
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new Fault('core/bad-json', 'not UTF-8', { cause })
  }
}

interface Scan {
  readonly text: string
  at: number
  depth: number
}

function readValue(scan: Scan): Json {
  switch (scan.text[scan.at]) {
    case '{':
      return nested(scan, readObject)
    case '[':
      return nested(scan, readList)
    case '"':
      return readString(scan)
    default:
      return readScalar(scan)
  }
}

function nested<T>(scan: Scan, read: (scan: Scan) => T): T {
  demand(scan.depth > 0, 'core/too-large', () => 'JSON nested too deeply')
  scan.depth--
  scan.at++
  const value = read(scan)
  scan.depth++
  return value
}

function readList(scan: Scan): Json[] {
  const items: Json[] = []
  if (takes(scan, ']')) return items
  do items.push(readValue(scan))
  while (takes(scan, ','))
  take(scan, ']')
  return items
}

function readObject(scan: Scan): { [key: string]: Json } {
  const fields = new Map<string, Json>()
  if (takes(scan, '}')) return {}
  do {
    const key = readString(scan)
    demand(!fields.has(key), 'core/duplicate-key', () => 'a key stands twice', { found: JSON.stringify(key) })
    take(scan, ':')
    fields.set(key, readValue(scan))
  } while (takes(scan, ','))
  take(scan, '}')
  return Object.fromEntries(fields) // defines own properties, so a key named __proto__ is only a key
}

function readString(scan: Scan): string {
  const start = scan.at
  take(scan, '"')
  while (scan.text[scan.at] !== '"') {
    demand(scan.at < scan.text.length, 'core/bad-json', () => 'the text ends inside a string')
    scan.at += scan.text[scan.at] === '\\' ? 2 : 1
  }
  scan.at++
  return parse(scan.text.slice(start, scan.at)) as string
}

const SCALAR = /true|false|null|-?[0-9][0-9.eE+-]*/y

function readScalar(scan: Scan): Json {
  SCALAR.lastIndex = scan.at
  const found = SCALAR.exec(scan.text)
  demand(found, 'core/bad-json', () => `no value at character ${scan.at}`)
  scan.at = SCALAR.lastIndex
  return parse(found[0])
}

function parse(literal: string): Json {
  try {
    return JSON.parse(literal) as Json
  } catch (cause) {
    throw new Fault('core/bad-json', 'malformed literal', { cause })
  }
}

function takes(scan: Scan, character: string): boolean {
  if (scan.text[scan.at] !== character) return false
  scan.at++
  return true
}

function take(scan: Scan, character: string): void {
  demand(takes(scan, character), 'core/bad-json', () => `expected ${character} at character ${scan.at}`)
}

/** Reads one field: the typed value, or a fault that names the place. */
export interface Field<T> {
  (value: Json, where: string): T
  readonly optional?: boolean
}

/** The type that a field reader gives. */
export type FieldValue<F> = F extends Field<infer T> ? T : never

/** The record that a table of field readers gives. */
export type RecordOf<S extends Readonly<Record<string, Field<unknown>>>> = { readonly [K in keyof S]: FieldValue<S[K]> }

/**
 * A reader for an object with exactly these fields.
 * @throws Fault `core/unknown-field`, `core/missing-field`, `core/bad-field`, each with the path of the field.
 * @example
 * const readJob = record({ program: hex32, steps: uint64, requester: address })
 * const job = readJob(decodeJson(bytes), 'job')
 */
export function record<S extends Readonly<Record<string, Field<unknown>>>>(shape: S): Field<RecordOf<S>> {
  return (value, where) => {
    const fields = objectOf(value, where)
    for (const key of Object.keys(fields))
      demand(Object.hasOwn(shape, key), 'core/unknown-field', () => 'unknown field', { where: `${where}.${key}` })
    return Object.freeze(
      Object.fromEntries(Object.entries(shape).map(([key, field]) => [key, readField(fields, key, { field, where })])),
    ) as RecordOf<S>
  }
}

function readField(
  fields: { readonly [key: string]: Json },
  key: string,
  rule: { field: Field<unknown>; where: string },
): unknown {
  const where = `${rule.where}.${key}`
  if (Object.hasOwn(fields, key)) return rule.field(fields[key], where)
  demand(rule.field.optional, 'core/missing-field', () => 'missing field', { where })
  return undefined
}

function objectOf(value: Json, where: string): { readonly [key: string]: Json } {
  demand(typeof value === 'object' && value !== null && !isList(value), 'core/bad-field', () => 'not an object', {
    where,
  })
  return value
}

/** The same field, which may be left out of the record (then undefined). */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return Object.assign((value: Json, where: string) => field(value, where), { optional: true })
}

/** A list of at most `max` items. @throws Fault `core/too-large` where there are more. */
export function list<T>(field: Field<T>, max: number): Field<readonly T[]> {
  return (value, where) => {
    demand(isList(value), 'core/bad-field', () => 'not a list', { where })
    demand(value.length <= max, 'core/too-large', () => 'a list with too many items', {
      where,
      expected: `at most ${max}`,
      found: value.length,
    })
    return Object.freeze(value.map((item, i) => field(item, `${where}[${i}]`)))
  }
}

/** An object as a map from any key to one kind of field, of at most `max` entries, in the order of its keys. */
export function mapOf<T>(field: Field<T>, max: number): Field<ReadonlyMap<string, T>> {
  return (value, where) => {
    const entries = Object.entries(objectOf(value, where))
    demand(entries.length <= max, 'core/too-large', () => 'an object with too many fields', {
      where,
      expected: `at most ${max}`,
      found: entries.length,
    })
    return new Map(entries.map(([key, item]) => [key, field(item, `${where}.${key}`)]))
  }
}

/** One of these strings. */
export function literal<const T extends string>(...allowed: readonly T[]): Field<T> {
  return (value, where) => {
    demand(allowed.includes(value as T), 'core/bad-field', () => 'not an allowed value', {
      where,
      expected: allowed.join(' or '),
      found: shown(value),
    })
    return value as T
  }
}

/** Any string of at most 64 KiB. */
export const text: Field<string> = (value, where) => {
  demand(typeof value === 'string', 'core/bad-field', () => 'not a string', { where })
  demand(value.length <= 1 << 16, 'core/too-large', () => 'a string too long', {
    where,
    expected: `at most ${1 << 16}`,
    found: value.length,
  })
  return value
}

/** True or false. */
export const flag: Field<boolean> = (value, where) => {
  demand(typeof value === 'boolean', 'core/bad-field', () => 'neither true nor false', { where })
  return value
}

/** An integer 0 .. 2^32, as a JSON number. */
export const integer: Field<number> = (value, where) => {
  demand(
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 2 ** 32,
    'core/bad-field',
    () => 'not an integer up to 2^32',
    { where },
  )
  return value as number
}

/** Any finite JSON number. */
export const number: Field<number> = (value, where) => {
  demand(typeof value === 'number', 'core/bad-field', () => 'not a number', { where })
  return value
}

/** An integer 0 .. 2^64-1, as a decimal string without leading zeros. */
export const uint64: Field<bigint> = (value, where) => decimal(value, where, 64n)

/** An integer 0 .. 2^256-1, as a decimal string without leading zeros. */
export const uint256: Field<bigint> = (value, where) => decimal(value, where, 256n)

function decimal(value: Json, where: string, bits: bigint): bigint {
  demand(
    typeof value === 'string' && /^(0|[1-9][0-9]{0,77})$/.test(value),
    'core/bad-field',
    () => 'not a decimal string',
    { where },
  )
  const number = BigInt(value)
  demand(number < 1n << bits, 'core/bad-field', () => `beyond ${bits} bits`, { where })
  return number
}

/** 32 bytes as 64 lower-case hexadecimal digits, no prefix. */
export const hex32: Field<Bytes32> = (value, where) => {
  demand(
    typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
    'core/bad-field',
    () => 'not 64 lower-case hexadecimal digits',
    { where },
  )
  return fromHex(value)
}

/** Bytes as lower-case hexadecimal, no prefix, at most `max` of them. */
export function hex(max: number): Field<Uint8Array> {
  return (value, where) => {
    demand(
      typeof value === 'string' && /^([0-9a-f]{2})*$/.test(value),
      'core/bad-field',
      () => 'not lower-case hexadecimal',
      { where },
    )
    demand(value.length <= 2 * max, 'core/too-large', () => 'too many bytes', {
      where,
      expected: `at most ${max}`,
      found: value.length / 2,
    })
    return fromHex(value)
  }
}

/** An Ethereum address: `0x` and 40 lower-case hexadecimal digits (no mixed-case checksum, so that there is one text for it). */
export const address: Field<`0x${string}`> = (value, where) => {
  demand(
    typeof value === 'string' && /^0x[0-9a-f]{40}$/.test(value),
    'core/bad-field',
    () => 'not a lower-case address',
    { where },
  )
  return value as `0x${string}`
}

function shown(value: Json): string {
  return typeof value === 'string' ? value.slice(0, 40) : typeof value
}
