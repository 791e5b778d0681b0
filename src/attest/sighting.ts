/**
 * Sightings: a witness signs that it held the hash of a claim at a time. Nobody witnesses its own claim.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import * as fields from '../receipt/fields.js'
import type { Address, Field, Input } from '../receipt/fields.js'
import { demandSigner } from '../receipt/job.js'
import { verify as verifyReceipt, type ReceiptOptions, type SignedReceipt } from '../receipt/receipt.js'
import { signatureField, verify as verifySignature, type SignatureOptions } from '../receipt/signature.js'
import { sign as signWith, type Signer } from '../receipt/signer.js'
import {
  demandDomain,
  digest,
  domainField,
  format,
  OFF_CHAIN,
  sameDomain,
  struct,
  type Domain,
} from '../receipt/typed-data.js'
import { SUBJECT, about, demandOther, demandSubject, sameSeat, type EvidenceOptions, type Subject } from './evidence.js'

/** That a witness held the hash of a provider's claim. */
export interface Sighting extends Subject {
  readonly witness: Address
  /** Unix seconds, by the witness's clock. */
  readonly seenAt: bigint
}

/** Sighting, as typed data. @see docs/formats.md */
export const sightingStruct = struct<Sighting>(
  'Sighting',
  { ...SUBJECT, witness: fields.holder, seenAt: fields.bigUint(64) },
  { rule: ({ witness, provider }, where) => demandOther(witness, provider, where) },
)

/** A sighting with its witness's signature. */
export interface SignedSighting {
  readonly domain: Domain
  readonly sighting: Sighting
  readonly signature: Uint8Array
}

/** A signed sighting inside other files. */
export const signedSightingField: Field<SignedSighting> = fields.record<SignedSighting>({
  domain: domainField,
  sighting: sightingStruct,
  signature: signatureField,
})

const sightingFormat = format('sighting', signedSightingField, 8192)

/** A sighting, checked and frozen. @throws Fault `attest/self-witnessed`, and those of fields. */
export function from(sighting: Input<Sighting>): Sighting {
  return sightingStruct.from(sighting, 'sighting')
}

/** hashStruct(Sighting). */
export const hash: (sighting: Sighting) => Bytes32 = sightingStruct.hash

/**
 * A sighting signed by its witness.
 * @throws Fault `receipt/bad-signature` where the signer is not its witness.
 * @remarks A witness that is asked again answers with what it signed the first time, and never signs two claims of one provider for
 * one job: each further time would be one more draw. `witness` keeps to that; two that contradict each other show who did not.
 */
export async function sign(
  sighting: Sighting,
  signer: Signer,
  options: SignatureOptions & { readonly domain?: Domain } = {},
): Promise<SignedSighting> {
  const { domain = OFF_CHAIN } = options
  demandSigner(signer, sighting.witness, 'witness')
  const signature = await signWith(signer, { struct: sightingStruct, value: sighting, domain }, options)
  return Object.freeze({ domain, sighting, signature })
}

/** What a witness has signed, by job and provider: a Map, or anything that survives a restart. */
export interface Sightings {
  get(seat: string): SignedSighting | undefined
  set(seat: string, signed: SignedSighting): unknown
}

/** What a witness goes by. */
export interface Witnessing extends ReceiptOptions {
  /** Unix seconds, now. */
  readonly seenAt: bigint | number
  /** What it has signed so far; the new sighting is put there. */
  readonly seen: Sightings
}

/**
 * What a witness answers to a receipt: a sighting of it, the first time; that same one again, for the same claim.
 * @throws Fault `attest/equivocation` for another claim by this provider for this job, in whatever domain: a provider cannot try claims until
 * it likes a draw; `attest/self-witnessed`; those of receipts: only the provider itself takes its one place.
 */
export async function witness(receipt: SignedReceipt, signer: Signer, options: Witnessing): Promise<SignedSighting> {
  const { seenAt, seen, staticcall } = options
  const { domain } = await verifyReceipt(receipt, options)
  const sighting = from({ ...about(receipt.receipt), witness: signer.address, seenAt })
  return keep(seen, await sign(sighting, signer, { domain, staticcall }))
}

/** Looks and writes without a pause between, so that of two requests at once one wins; what the other signed is thrown away. */
function keep(seen: Sightings, fresh: SignedSighting): SignedSighting {
  const { job, provider, claim } = fresh.sighting
  const seat = `${toHex(job)}-${provider}`
  const first = seen.get(seat)
  if (first === undefined) {
    seen.set(seat, fresh)
    return fresh
  }
  const same = equal(first.sighting.claim, claim)
  demand(same, 'attest/equivocation', () => 'another claim of this provider for this job was seen before', {
    expected: toHex(first.sighting.claim),
    found: toHex(claim),
  })
  return first
}

/** Canonical JSON of a signed sighting. */
export const encode: (signed: SignedSighting) => Uint8Array = sightingFormat.encode

/** A signed sighting from its canonical JSON; the signature is not checked yet. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => SignedSighting = sightingFormat.decode

/** What a verifier of a sighting relies on. */
export interface SightingOptions extends EvidenceOptions {
  /** Whose word about time counts. Nobody's, if absent. */
  readonly witnesses?: readonly string[]
}

/**
 * The sighting, after it was found to be about the subject and signed by a witness that the caller trusts.
 * @throws Fault `receipt/wrong-domain`, `attest/self-witnessed`, `attest/wrong-beacon`, `attest/unknown-witness` (also where the caller
 * names no witnesses), and those of signatures.
 * @remarks Trust: the witness's clock, and that it signs once. With several trusted witnesses a provider has a draw with each of them.
 */
export async function verify(
  signed: SignedSighting,
  subject: Subject,
  options: SightingOptions = {},
): Promise<SignedSighting> {
  const { domain, sighting, signature } = signed
  demandDomain(domain, options.domain)
  demandOther(sighting.witness, sighting.provider, 'sighting')
  demandSubject(sighting, subject)
  demandWitness(sighting.witness, options.witnesses)
  const signer = sighting.witness
  await verifySignature({ digest: digest(domain, sightingStruct, sighting), signature, signer, domain }, options)
  return signed
}

function demandWitness(witness: Address, trusted: readonly string[] = []): void {
  const known = trusted.some((one) => fields.toAddress(one, 'witnesses') === witness)
  const why = trusted.length === 0 ? 'no witness was named as trusted' : 'a witness that is not trusted'
  demand(known, 'attest/unknown-witness', () => why, { found: witness })
}

/**
 * True where two sightings of one witness cannot both stand: one job of one provider, and another claim or another time. Signatures are
 * not looked at.
 */
export function contradicts(a: SignedSighting, b: SignedSighting): boolean {
  const [one, other] = [a.sighting, b.sighting]
  const comparable = one.witness === other.witness && sameDomain(a.domain, b.domain) && sameSeat(one, other)
  return comparable && !(equal(one.claim, other.claim) && one.seenAt === other.seenAt)
}
