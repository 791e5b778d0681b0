/**
 * Claims: what an honest run of a job must give, the same for every honest provider.
 * @module
 */
import { equal, type Bytes32 } from '../core/bytes.js'
import * as fields from './fields.js'
import type { Input } from './fields.js'
import { format, struct } from './typed-data.js'

/** What a run of a job gave. Nothing in it depends on the provider, its hardware or the time. */
export interface Claim {
  /** hashStruct of the job. */
  readonly job: Bytes32
  /** Sized root over the outputs of the last step; for a refused run, the refusal's record. */
  readonly outputs: Bytes32
  /** Sized root over the state after the last step; for a refused run, the state before the refused one. */
  readonly finalState: Bytes32
  /** Sized root over the step leaves. */
  readonly run: Bytes32
}

/** Claim, as typed data. @see docs/formats.md */
export const claimStruct = struct<Claim>('Claim', {
  job: fields.bytes32,
  outputs: fields.bytes32,
  finalState: fields.bytes32,
  run: fields.bytes32,
})

const claimFormat = format('claim', claimStruct, 4096)

/** A claim, checked and frozen. @throws Fault `core/bad-field`, `core/missing-field`, `core/unknown-field`. */
export const from: (claim: Input<Claim>) => Claim = claimFormat.from

/** Canonical JSON of a claim on its own. */
export const encode: (claim: Claim) => Uint8Array = claimFormat.encode

/** A claim from its canonical JSON. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Claim = claimFormat.decode

/** hashStruct(Claim): two honest providers have the same one. */
export const hash: (claim: Claim) => Bytes32 = claimStruct.hash

/** True where both claim the same. */
export function same(a: Claim, b: Claim): boolean {
  return equal(a.job, b.job) && equal(a.outputs, b.outputs) && equal(a.finalState, b.finalState) && equal(a.run, b.run)
}
