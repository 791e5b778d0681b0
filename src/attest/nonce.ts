/**
 * Nonces: a verifier that holds a claim signs fresh randomness for it. That convinces the verifier, which knows that it chose after it saw;
 * it convinces nobody else, who cannot tell this from a nonce agreed upon with the provider.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import * as fields from '../receipt/fields.js'
import type { Address, Field, Input } from '../receipt/fields.js'
import { freshSalt } from '../receipt/job.js'
import { signatureField, verify as verifySignature, type SignatureOptions } from '../receipt/signature.js'
import { sign as signWith, type Signer } from '../receipt/signer.js'
import { demandDomain, digest, domainField, OFF_CHAIN, struct, type Domain } from '../receipt/typed-data.js'
import {
  SUBJECT,
  demandOther,
  demandSubject,
  type BeaconKind,
  type Evidence,
  type EvidenceOptions,
  type Subject,
} from './evidence.js'

/** A verifier's fresh randomness for a claim that it holds. */
export interface Challenge extends Subject {
  readonly nonce: Bytes32
  readonly verifier: Address
  /** Unix seconds, by the verifier's clock. */
  readonly issuedAt: bigint
}

/** Challenge, as typed data. @see docs/formats.md */
export const challengeStruct = struct<Challenge>(
  'Challenge',
  { ...SUBJECT, nonce: fields.bytes32, verifier: fields.holder, issuedAt: fields.bigUint(64) },
  { rule: ({ verifier, provider }, where) => demandOther(verifier, provider, where) },
)

/** A challenge with its verifier's signature. */
export interface NonceBeacon {
  readonly kind: 'nonce'
  readonly domain: Domain
  readonly challenge: Challenge
  readonly signature: Uint8Array
}

const beaconField: Field<NonceBeacon> = fields.record<NonceBeacon>({
  kind: fields.oneOf(['nonce']),
  domain: domainField,
  challenge: challengeStruct,
  signature: signatureField,
})

/** What a verifier signs beside the subject. */
export interface NonceSigning extends SignatureOptions {
  /** Unix seconds. */
  readonly issuedAt: bigint | number
  readonly domain?: Domain
  /** Fresh from the platform's random source, unless told; give one only to repeat a known challenge. */
  readonly nonce?: Bytes32
}

/**
 * A nonce for a claim, signed by the verifier that holds it.
 * @throws Fault `attest/self-witnessed` where the signer is the provider.
 * @remarks A verifier gives one nonce for one job of one provider: each further one would be one more draw.
 */
export async function sign(subject: Input<Subject>, signer: Signer, options: NonceSigning): Promise<NonceBeacon> {
  const { domain = OFF_CHAIN, nonce = freshSalt(), issuedAt } = options
  const { job, claim, provider } = subject
  const verifier = signer.address
  const challenge = challengeStruct.from({ job, claim, provider, nonce, verifier, issuedAt }, 'challenge')
  const signature = await signWith(signer, { struct: challengeStruct, value: challenge, domain }, options)
  return beaconField.from({ kind: 'nonce', domain, challenge, signature }, 'beacon')
}

/** What a verifier of nonces relies on. */
export interface NonceOptions extends EvidenceOptions {
  /** The caller's own account: its own nonces are `trusted`, another's are reported and not. */
  readonly verifier?: string
}

/** Nonces, as a kind of beacon. */
export const kind: BeaconKind<NonceBeacon, NonceOptions> = { field: beaconField, verify }

/**
 * What a nonce shows: that the stated verifier signed it for this claim. `trusted` says whether that is the caller; if not, it shows nothing
 * about time to the caller.
 * @throws Fault `receipt/wrong-domain`, `attest/self-witnessed`, `attest/wrong-beacon`, and those of signatures.
 */
export async function verify(beacon: NonceBeacon, subject: Subject, options: NonceOptions = {}): Promise<Evidence> {
  const { domain, challenge, signature } = beacon
  const { verifier, provider, issuedAt } = challenge
  demandDomain(domain, options.domain)
  demandOther(verifier, provider, 'challenge')
  demandSubject(challenge, subject)
  const signed = { digest: digest(domain, challengeStruct, challenge), signature, signer: verifier, domain }
  await verifySignature(signed, options)
  return Object.freeze({
    kind: 'nonce',
    randomness: challenge.nonce,
    seenAt: issuedAt,
    notBefore: issuedAt,
    convinces: 'verifier only',
    witness: verifier,
    trusted: isOwn(verifier, options.verifier),
    by: `${verifier}: that it chose the nonce after it held the claim, and told nobody before`,
  })
}

function isOwn(signer: Address, own: string | undefined): boolean {
  return own !== undefined && fields.toAddress(own, 'verifier') === signer
}
