/**
 * Refusals in files: a run that meets a fault point of its program ends in a record of where and why, and the record stands
 * as `outputs` in its claim.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import { REASONS, type Reason } from '../exact/op.js'
import { refusalRecord, type RunRefusal } from '../trace/refusal.js'
import * as fields from './fields.js'
import type { Field, Input } from './fields.js'
import { format } from './typed-data.js'

/** The first fault of a run in the order step, node, element (row-major). */
export type Refusal = RunRefusal

/** Why a run is refused: the reasons of the op table. */
export const REFUSAL_REASONS = Object.keys(REASONS) as readonly Reason[]

/** A refusal inside a file. */
export const refusalField: Field<Refusal> = fields.record<Refusal>({
  step: fields.count,
  node: fields.uint(32),
  element: fields.count,
  reason: fields.oneOf(REFUSAL_REASONS),
})

const refusalFormat = format('refusal', refusalField, 1024)

/** A refusal, checked and frozen. @throws Fault `core/bad-number`, `core/bad-field`. */
export const from: (refusal: Input<Refusal>) => Refusal = refusalFormat.from

/** Canonical JSON of a refusal on its own. */
export const encode: (refusal: Refusal) => Uint8Array = refusalFormat.encode

/** A refusal from its canonical JSON. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Refusal = refusalFormat.decode

/**
 * The record that stands as `outputs` in the claim: SHA-256(0x04 || abi.encode(step, node, element, reason)).
 * @see docs/formats.md
 */
export const hash: (refusal: Refusal) => Bytes32 = refusalRecord
