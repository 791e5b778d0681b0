/**
 * Evidence that randomness came after a claim: what it is about, what a verifier relies on, and what it was found to show.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { hash as hashClaim } from '../receipt/claim.js'
import * as fields from '../receipt/fields.js'
import type { Address, Field, Input } from '../receipt/fields.js'
import type { Receipt } from '../receipt/receipt.js'
import type { SignatureOptions } from '../receipt/signature.js'
import type { Domain } from '../receipt/typed-data.js'

/** Whose claim it is that was there before the randomness. */
export interface Subject {
  /** hashStruct of the job. */
  readonly job: Bytes32
  /** hashStruct of the claim. */
  readonly claim: Bytes32
  readonly provider: Address
}

/** The fields of a subject, for use inside signed structures. */
export const SUBJECT = { job: fields.bytes32, claim: fields.bytes32, provider: fields.holder } as const

const subjectField: Field<Subject> = fields.record<Subject>(SUBJECT)

/** A subject, checked and frozen. @throws Fault `core/bad-field`, `core/missing-field`, `receipt/zero-address`. */
export function subjectOf({ job, claim, provider }: Input<Subject>): Subject {
  return subjectField.from({ job, claim, provider }, 'subject')
}

/** The subject of a receipt: its claim, and who made it. */
export function about({ claim, provider }: Pick<Receipt, 'claim' | 'provider'>): Subject {
  return Object.freeze({ job: claim.job, claim: hashClaim(claim), provider })
}

/** Refuses a statement about another claim, job or provider. @throws Fault `attest/wrong-beacon`. */
export function demandSubject(found: Subject, expected: Subject): void {
  const same = (a: string, b: string, where: string): void =>
    demand(a === b, 'attest/wrong-beacon', () => `about another ${where}`, { where, expected: b, found: a })
  same(found.provider, expected.provider, 'provider')
  same(toHex(found.job), toHex(expected.job), 'job')
  same(toHex(found.claim), toHex(expected.claim), 'claim')
}

/** Refuses evidence that a provider gives about itself. @throws Fault `attest/self-witnessed`. */
export function demandOther(witness: Address, provider: Address, where: string): void {
  demand(witness !== provider, 'attest/self-witnessed', () => 'the provider vouches for its own time', { where })
}

/** True where both are about one job of one provider, whatever was claimed. */
export function sameSeat(a: Subject, b: Subject): boolean {
  return a.provider === b.provider && equal(a.job, b.job)
}

/** What a verifier of signed evidence relies on. */
export interface EvidenceOptions extends SignatureOptions {
  /** Where the signatures must count. */
  readonly domain?: Domain
}

/** What a beacon was found to show. */
export interface Evidence {
  readonly kind: string
  /** 32 bytes that nobody knew when the claim was there. */
  readonly randomness: Bytes32
  /** Unix seconds at which the claim was there, by the word of the witness. */
  readonly seenAt: bigint
  /** Unix seconds before which the randomness was not known. Never before `seenAt`. */
  readonly notBefore: bigint
  /** Whom it convinces: everybody who trusts those in `by`, or nobody but the one who made it. */
  readonly convinces: 'anybody' | 'verifier only'
  /** The account whose word the time is; absent where a chain has it. */
  readonly witness?: Address
  /** True where the verifier named that account (or gave the chain) itself. */
  readonly trusted: boolean
  /** Who must be trusted, in words. */
  readonly by: string
}

/** A kind of beacon: its form in files, and how it is checked. */
export interface BeaconKind<T, O> {
  readonly field: Field<T>
  verify(beacon: T, subject: Subject, options: O): Promise<Evidence>
}
