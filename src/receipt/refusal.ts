/**
 * Refusals: a run that meets a fault point of its program ends in a record of where and why, which stands in its claim.
 * @module
 */
import { encodeAbi } from '../core/abi.js'
import { sha256Of } from '../core/sha256.js'
import type { Bytes32 } from '../core/bytes.js'
import * as fields from './fields.js'
import type { Field, Input } from './fields.js'
import { format } from './typed-data.js'

/** Why a run is refused, in the order of the numbers in the record (from 1; 0 is no reason). */
export const REFUSAL_REASONS = ['none', 'nan', 'zero-divisor', 'index-out-of-range', 'nan-result'] as const

/** A reason to refuse: a NaN enters an operation that may swallow it, an integer divisor is zero, an index is out of range, or a
 * NaN reaches an output or the next state. */
export type RefusalReason = Exclude<(typeof REFUSAL_REASONS)[number], 'none'>

/** The first fault of a run in the order step, node, element (row-major). */
export interface Refusal {
  /** Step, from 0. */
  readonly step: bigint
  /** Number of the program's value where it happened. */
  readonly node: number
  /** Element of that value. */
  readonly element: bigint
  readonly reason: RefusalReason
}

/** A refusal inside a file. */
export const refusalField: Field<Refusal> = fields.record<Refusal>({
  step: fields.bigUint(64),
  node: fields.uint(32),
  element: fields.bigUint(64),
  reason: fields.oneOf(REFUSAL_REASONS.slice(1) as readonly RefusalReason[]),
})

const refusalFormat = format('refusal', refusalField, 1024)

/** A refusal, checked and frozen. @throws Fault `core/bad-number`, `core/bad-field`. */
export const from: (refusal: Input<Refusal>) => Refusal = refusalFormat.from

/** Canonical JSON of a refusal on its own. */
export const encode: (refusal: Refusal) => Uint8Array = refusalFormat.encode

/** A refusal from its canonical JSON. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Refusal = refusalFormat.decode

const RECORD = 0x04

/**
 * The record that stands as `outputs` in the claim: SHA-256(0x04 || abi.encode(step, node, element, reason)).
 * @see 05-disputes section 4
 */
export function hash({ step, node, element, reason }: Refusal): Bytes32 {
  const types = ['uint64', 'uint32', 'uint64', 'uint8']
  return sha256Of(Uint8Array.of(RECORD), encodeAbi(types, [step, node, element, REFUSAL_REASONS.indexOf(reason)]))
}
