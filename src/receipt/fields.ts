/**
 * Fields of signed structures: how one value is checked, written to canonical JSON, read from it and handed to the EIP-712
 * encoder. One table per structure gives all of it, so that the forms cannot drift apart.
 *
 * JSON forms (docs/formats.md): integers of up to 32 bits are numbers, wider ones decimal strings; bytes are lower-case
 * hexadecimal; addresses are lower-case with 0x, as wallets show them.
 * @module
 */
import { getAddress } from 'ethers/address'
import { toHex } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import * as reader from '../core/json.js'
import type { Json } from '../core/json.js'

/** An account: `0x` and 40 lower-case hexadecimal digits. */
export type Address = `0x${string}`

/** The address that nobody holds. */
export const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`

/** One field: from memory, to and from JSON, to the EIP-712 encoder. `where` names the field in faults. */
export interface Field<T> {
  /** Its EIP-712 type; absent where the field never stands in typed data. */
  readonly type?: string
  /** True where the field may be absent, in memory and in JSON. */
  readonly optional?: boolean
  /** The value in memory of a field that JSON leaves out; JSON that states it is refused, so that there is one form. */
  readonly absent?: T
  from(value: unknown, where: string): T
  toJson(value: T): Json
  fromJson(json: Json, where: string): T
  toTyped(value: T): unknown
}

/** The table of a record: one field per key of T. */
export type FieldsOf<T> = { readonly [K in keyof T]-?: Field<T[K]> }

/** What `from` accepts for T: 64-bit integers as numbers too, addresses in any case. */
export type Input<T> = { readonly [K in keyof T]: InputOf<T[K]> }
export type InputOf<V> = V extends bigint
  ? bigint | number
  : V extends Address
    ? string
    : V extends Uint8Array | undefined
      ? V
      : V extends readonly (infer Item)[]
        ? readonly InputOf<Item>[]
        : V extends object
          ? Input<V>
          : V

const same = <T>(value: T): T => value

function badField(where: string, expected: string): Fault {
  return new Fault('core/bad-field', 'wrong form', { where, expected })
}

/** Bytes of one exact length (at most 32), a Solidity `bytesN`. */
export function fixedBytes(length: number): Field<Uint8Array> {
  return { ...bytes(length, length), type: `bytes${length}` }
}

/** Bytes of `min` to `max` length. */
export function bytes(min: number, max: number): Field<Uint8Array> {
  const check = (value: unknown, where: string): Uint8Array => {
    const fits = value instanceof Uint8Array && value.length >= min && value.length <= max
    if (!fits) throw badField(where, min === max ? `${min} bytes` : `${min} to ${max} bytes`)
    return value
  }
  const read = reader.hex(max)
  return {
    from: (value, where) => check(value, where).slice(),
    fromJson: (json, where) => check(read(json, where), where),
    toJson: toHex,
    toTyped: same,
  }
}

/** A 32-byte hash, root or salt. */
export const bytes32: Field<Uint8Array> = fixedBytes(32)

/** An unsigned integer of at most 32 bits: a JSON number. */
export function uint(bits: 8 | 16 | 32): Field<number> {
  const check = (value: unknown, where: string): number => {
    demand(Number.isInteger(value), 'core/bad-field', () => 'not an integer', { where })
    const inRange = (value as number) >= 0 && (value as number) < 2 ** bits
    demand(inRange, 'core/bad-number', () => `not a uint${bits}`, { where, found: value })
    return value as number
  }
  return { type: `uint${bits}`, from: check, fromJson: check, toJson: same, toTyped: same }
}

/** An unsigned integer of 64 or 256 bits: a bigint in memory, a decimal string in JSON. */
export function bigUint(bits: 64 | 256): Field<bigint> {
  return {
    type: `uint${bits}`,
    from(value, where) {
      const exact = typeof value === 'bigint' || Number.isSafeInteger(value)
      demand(exact, 'core/bad-number', () => 'neither a bigint nor a safe integer', { where })
      const big = BigInt(value as bigint | number)
      demand(big >= 0n && big < 1n << BigInt(bits), 'core/bad-number', () => `not a uint${bits}`, { where })
      return big
    },
    fromJson: bits === 64 ? reader.uint64 : reader.uint256,
    toJson: (value) => value.toString(),
    toTyped: same,
  }
}

/** A 64-bit count that memory holds as a number: beyond 2^53 - 1 it is refused. A decimal string in JSON. */
export const count: Field<number> = {
  type: 'uint64',
  from: (value, where) => toSafe(wide.from(value, where), where),
  fromJson: (json, where) => toSafe(wide.fromJson(json, where), where),
  toJson: String,
  toTyped: same,
}
const wide = bigUint(64)

function toSafe(value: bigint, where: string): number {
  demand(value <= Number.MAX_SAFE_INTEGER, 'core/bad-number', () => 'beyond 2^53 - 1', { where })
  return Number(value)
}

/** A boolean. */
export const bool: Field<boolean> = {
  type: 'bool',
  from: (value, where) => reader.flag(value as Json, where),
  fromJson: reader.flag,
  toJson: same,
  toTyped: same,
}

/** An account. From memory any case is accepted (mixed case must carry a right EIP-55 checksum); JSON holds lower case only. */
export const address: Field<Address> = {
  type: 'address',
  from: (value, where) => toAddress(value, where),
  fromJson: reader.address,
  toJson: same,
  toTyped: same,
}

/** An account that somebody must hold: the zero address is refused. */
export const holder: Field<Address> = {
  ...address,
  from: (value, where) => notZero(address.from(value, where), where),
  fromJson: (json, where) => notZero(address.fromJson(json, where), where),
}

function notZero(value: Address, where: string): Address {
  demand(value !== ZERO_ADDRESS, 'receipt/zero-address', () => 'an account is needed', { where })
  return value
}

/**
 * An address in lower case.
 * @throws Fault `core/bad-field` where it is none, or its mixed case contradicts its EIP-55 checksum.
 */
export function toAddress(value: unknown, where = 'address'): Address {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{40}$/.test(value)) throw badField(where, 'an address')
  try {
    return getAddress(value).toLowerCase() as Address
  } catch {
    throw badField(where, 'an address with a right checksum')
  }
}

/** One of some names; typed data holds its number (uint8), JSON its name. */
export function oneOf<const Names extends readonly string[]>(names: Names): Field<Names[number]> {
  const read = reader.literal<Names[number]>(...names)
  return {
    type: 'uint8',
    from: (value, where) => read(value as Json, where),
    fromJson: read,
    toJson: same,
    toTyped: (value) => names.indexOf(value),
  }
}

/** Text of `min` to `max` printable ASCII characters. */
export function ascii(min: number, max: number): Field<string> {
  const check = (value: unknown, where: string): string => {
    const fits = typeof value === 'string' && value.length >= min && value.length <= max && /^[\x20-\x7e]*$/.test(value)
    if (!fits) throw badField(where, `${min} to ${max} printable ASCII characters`)
    return value
  }
  return { from: check, fromJson: check, toJson: same, toTyped: same }
}

/** A list of at most `max` items. */
export function listOf<T>(item: Field<T>, max: number): Field<readonly T[]> {
  return {
    type: item.type && `${item.type}[]`,
    from(value, where) {
      if (!Array.isArray(value)) throw badField(where, 'a list')
      demand(value.length <= max, 'core/too-large', () => 'too many items', {
        where,
        expected: `at most ${max}`,
        found: value.length,
      })
      return Object.freeze(value.map((entry, i) => item.from(entry, `${where}[${i}]`)))
    },
    fromJson: reader.list((json, where) => item.fromJson(json, where), max),
    toJson: (value) => value.map((entry) => item.toJson(entry)),
    toTyped: (value) => value.map((entry) => item.toTyped(entry)),
  }
}

/** A field that may be absent; absent, it is absent in JSON too. Never part of typed data. */
export function maybe<T>(field: Field<T>): Field<T | undefined> {
  return {
    optional: true,
    from: (value, where) => (value === undefined ? undefined : field.from(value, where)),
    fromJson: (json, where) => field.fromJson(json, where),
    toJson: (value) => field.toJson(value as T),
    toTyped: () => undefined,
  }
}

/** A field that JSON leaves out where it is zero (or empty). */
export function orAbsent<T>(field: Field<T>, zero: T): Field<T> {
  const isZero = (value: T): boolean => String(value) === String(zero) // numbers, bytes and lists alike
  return {
    ...field,
    absent: zero,
    fromJson(json, where) {
      const value = field.fromJson(json, where)
      if (isZero(value)) throw badField(where, 'to be left out where it is zero')
      return value
    },
    toJson: (value) => (isZero(value) ? null : field.toJson(value)),
  }
}

/**
 * A frozen record with exactly these fields. `rule`, if given, checks what no field can check alone.
 * Only own keys count, so `__proto__` and its like are unknown fields and never touch a prototype.
 */
export function record<T extends object>(
  fields: FieldsOf<T>,
  rule: (value: T, where: string) => void = () => {},
): Field<T> {
  const table = Object.entries(fields) as [string, Field<unknown>][]
  const readFields = reader.record(Object.fromEntries(table.map(([key, field]) => [key, jsonField(field)])))
  const checked = (value: T, where: string): T => {
    rule(value, where)
    return value
  }
  return {
    from: (value, where) => checked(fromFields(table, value, where) as T, where),
    fromJson: (json, where) => checked(withAbsent(table, readFields(json, where)) as T, where),
    toJson: (value) => withoutNull(mapPresent(table, value, (field, entry) => field.toJson(entry))),
    toTyped: (value) => mapPresent(table, value, (field, entry) => field.toTyped(entry)),
  }
}

function jsonField(field: Field<unknown>): reader.Field<unknown> {
  const read = (json: Json, where: string): unknown => field.fromJson(json, where)
  return field.optional || field.absent !== undefined ? reader.optional(read) : read
}

function withAbsent(table: [string, Field<unknown>][], read: Readonly<Record<string, unknown>>): object {
  return Object.freeze(Object.fromEntries(table.map(([key, field]) => [key, read[key] ?? field.absent])))
}

/** `null` is how a field says that it is left out; no field of ours has it as a value. */
function withoutNull(json: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null))
}

function fromFields(table: [string, Field<unknown>][], value: unknown, where: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badField(where, 'an object')
  const given = value as Record<string, unknown>
  for (const key of Object.keys(given)) {
    demand(
      table.some(([known]) => known === key),
      'core/unknown-field',
      () => 'unknown field',
      { where: `${where}.${key}` },
    )
  }
  const entries = table.map(([key, field]) => [key, fromField(given, key, { field, where: `${where}.${key}` })])
  return Object.freeze(Object.fromEntries(entries))
}

function fromField(
  given: Record<string, unknown>,
  key: string,
  { field, where }: { field: Field<unknown>; where: string },
): unknown {
  const value = Object.hasOwn(given, key) ? given[key] : undefined
  demand(value !== undefined || field.optional, 'core/missing-field', () => 'missing field', { where })
  return field.from(value, where)
}

function mapPresent<V>(
  table: [string, Field<unknown>][],
  value: object,
  map: (field: Field<unknown>, entry: unknown) => V,
): Record<string, V> {
  const out: Record<string, V> = {}
  for (const [key, field] of table) {
    const entry = (value as Record<string, unknown>)[key]
    if (entry !== undefined) out[key] = map(field, entry)
  }
  return out
}
