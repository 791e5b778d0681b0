/**
 * EIP-712 typed data of Countersign: the domain, and structures whose JSON form and hash come from one table.
 * @module
 */
import { TypedDataEncoder, type TypedDataField } from 'ethers/hash'
import { fromHex, toHex, utf8, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { decodeJson, encodeJson, type Json } from '../core/json.js'
import { keccak256Of } from '../core/keccak.js'
import * as fields from './fields.js'
import type { Address, Field, FieldsOf, Input } from './fields.js'

/** The name in every domain of ours. */
export const DOMAIN_NAME = 'Countersign'

/** The version in every domain of ours: that of the structures below. */
export const DOMAIN_VERSION = '1'

/**
 * Where signatures count: nowhere in particular (off chain), or with one contract on one chain. A signature made under one
 * domain says nothing under another.
 */
export interface Domain {
  readonly chainId?: bigint
  readonly verifyingContract?: Address
}

/** The domain of jobs that no contract settles. */
export const OFF_CHAIN: Domain = Object.freeze({})

/** The field of a domain: chain and contract both, or neither. */
export const domainField: Field<Domain> = fields.record<Domain>(
  { chainId: fields.maybe(fields.bigUint(256)), verifyingContract: fields.maybe(fields.holder) },
  ({ chainId, verifyingContract }, where) => {
    const whole = (chainId === undefined) === (verifyingContract === undefined)
    demand(whole, 'core/missing-field', () => 'a domain has chainId and verifyingContract, or neither', { where })
  },
)

/**
 * A domain on chain.
 * @throws Fault `core/bad-number`, `core/bad-field`, `receipt/zero-address`.
 */
export function domain(chainId: bigint | number, verifyingContract: string): Domain {
  return domainField.from({ chainId, verifyingContract }, 'domain')
}

/** True where both are the same place. */
export function sameDomain(a: Domain, b: Domain): boolean {
  return a.chainId === b.chainId && a.verifyingContract === b.verifyingContract
}

/**
 * Refuses a statement made for another domain than the one that the caller relies on, if it names one.
 * @throws Fault `receipt/wrong-domain`.
 */
export function demandDomain(found: Domain, expected: Domain | undefined): void {
  if (expected === undefined) return
  demand(sameDomain(found, expected), 'receipt/wrong-domain', () => 'signed for another chain or contract', {
    expected: describe(expected),
    found: describe(found),
  })
}

function describe({ chainId, verifyingContract }: Domain): string {
  return chainId === undefined ? 'off chain' : `${verifyingContract} on chain ${chainId}`
}

/** The domain as wallets take it. */
export function wireDomain(of: Domain): {
  name: string
  version: string
  chainId?: bigint
  verifyingContract?: string
} {
  const { chainId, verifyingContract } = of
  const own = { name: DOMAIN_NAME, version: DOMAIN_VERSION }
  return chainId === undefined ? own : { ...own, chainId, verifyingContract }
}

/** hashStruct of the domain. @see EIP-712, "Definition of domainSeparator" */
export function domainSeparator(of: Domain): Bytes32 {
  return fromHex(TypedDataEncoder.hashDomain(wireDomain(of)), 32)
}

/** EIP-712 type tables by structure name, as wallets take them. */
export type Types = Record<string, TypedDataField[]>

/** A signed structure: a field (for use inside other records) with a name, types and a hash. */
export interface Struct<T> extends Field<T> {
  readonly name: string
  readonly types: Types
  /** The structure's EIP-712 encodeType string. */
  readonly typeString: string
  /** hashStruct: keccak256(typeHash || encodeData). */
  hash(value: T): Bytes32
}

/** Structures that stand inside a structure, by the field that holds them. */
type Inner = Readonly<Record<string, { readonly types: Types }>>

/**
 * A structure from its table of fields, in the order of its EIP-712 type.
 * @see EIP-712, "Definition of hashStruct"
 */
export function struct<T extends object>(
  name: string,
  table: FieldsOf<T>,
  options: { readonly inner?: Inner; readonly rule?: (value: T, where: string) => void } = {},
): Struct<T> {
  const whole = fields.record<T>(table, options.rule)
  const own = Object.entries(table as Record<string, Field<unknown>>).map(([key, { type }]) => ({
    name: key,
    type: type!,
  }))
  const types: Types = Object.assign({}, ...Object.values(options.inner ?? {}).map((one) => one.types), { [name]: own })
  const encoder = TypedDataEncoder.from(types)
  return {
    ...whole,
    name,
    type: name,
    types,
    typeString: encoder.encodeType(name),
    hash: (value) => fromHex(encoder.hashStruct(name, whole.toTyped(value) as Record<string, unknown>), 32),
  }
}

/** What is signed: keccak256(0x1901 || domainSeparator || hashStruct). @see EIP-712, "Specification" */
export function digest<T>(of: Domain, struct: Struct<T>, value: T): Bytes32 {
  return digestOf(of, struct.hash(value))
}

/** The digest for a hash that is known already. */
export function digestOf(of: Domain, hash: Bytes32): Bytes32 {
  return keccak256Of(Uint8Array.of(0x19, 0x01), domainSeparator(of), hash)
}

/** A file format: canonical JSON with `format` and `version` beside the fields. */
export interface Format<T> {
  readonly name: string
  from(value: Input<T>): T
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
}

/** The version that every format of this release writes, and the only one it reads. */
export const FORMAT_VERSION = 1

/**
 * A file format for a field: RFC 8785 JSON `{format, version, ...fields}`, at most `maxBytes` long.
 * decode throws `core/too-large`, `core/bad-json`, `core/duplicate-key`, `core/unknown-version`, and the faults of the fields;
 * format and version are looked at before anything else.
 */
export function format<T extends object>(name: string, field: Field<T>, maxBytes: number): Format<T> {
  const header = { format: name, version: FORMAT_VERSION }
  return {
    name,
    from: (value) => field.from(value, name),
    encode: (value) => utf8(encodeJson({ ...header, ...(field.toJson(value) as object) })),
    decode(bytes) {
      const { format: found, version, ...rest } = objectOf(decodeJson(bytes, { maxBytes }), name)
      demand(found === name, 'core/bad-field', () => 'another kind of file', {
        where: `${name}.format`,
        expected: name,
      })
      demand(version === FORMAT_VERSION, 'core/unknown-version', () => 'written by another release', {
        where: `${name}.version`,
        expected: FORMAT_VERSION,
      })
      return field.fromJson(rest, name)
    },
  }
}

function objectOf(json: Json, where: string): { readonly [key: string]: Json } {
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
  demand(isObject, 'core/bad-field', () => 'not an object', { where })
  return json as { readonly [key: string]: Json }
}

/** The format that a file names, or undefined where it is no file of ours. Nothing else of it is checked. */
export function formatOf(bytes: Uint8Array, maxBytes = 1 << 22): string | undefined {
  const { format: name } = objectOf(decodeJson(bytes, { maxBytes }), 'file')
  return typeof name === 'string' ? name : undefined
}

/** Hexadecimal with 0x, as wallets and chains write it. */
export const hex0x = (bytes: Uint8Array): `0x${string}` => `0x${toHex(bytes)}`
