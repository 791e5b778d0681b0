/**
 * Seals: a provider's commitment to its claim, published before anybody reveals, so that copying an answer yields nothing.
 * @module
 */
import { encodeAbi } from '../core/abi.js'
import { equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import { hashLeaf, rootFrom, sizedRoot } from '../merkle/tree.js'
import { hash as hashClaim, type Claim } from './claim.js'
import * as fields from './fields.js'
import type { Address, Input } from './fields.js'
import { demandSigner, freshSalt } from './job.js'
import { signatureField, verify as verifySignature, type SignatureOptions } from './signature.js'
import { sign as signWith, type Signer } from './signer.js'
import { demandDomain, digest, domainField, format, OFF_CHAIN, struct, type Domain } from './typed-data.js'

/** A provider's commitment to its claim. */
export interface Seal {
  /** hashStruct of the job. */
  readonly job: Bytes32
  readonly provider: Address
  /** keccak256(abi.encode(hashStruct(Claim), provider, salt)). */
  readonly commitment: Bytes32
}

/** Seal, as typed data. @see docs/formats.md */
export const sealStruct = struct<Seal>('Seal', {
  job: fields.bytes32,
  provider: fields.holder,
  commitment: fields.bytes32,
})

/** A seal with its provider's signature. */
export interface SignedSeal {
  readonly domain: Domain
  readonly seal: Seal
  readonly signature: Uint8Array
}

const sealFormat = format(
  'seal',
  fields.record<SignedSeal>({ domain: domainField, seal: sealStruct, signature: signatureField }),
  8192,
)

/** A seal, checked and frozen. @throws Fault `core/bad-field`, `core/missing-field`, `receipt/zero-address`. */
export function from(seal: Input<Seal>): Seal {
  return sealStruct.from(seal, 'seal')
}

/** The commitment to a claim by one provider: copied by another it opens to nothing. */
export function commit(claim: Claim, provider: Address, salt: Bytes32): Bytes32 {
  return keccak256(encodeAbi(['bytes32', 'address', 'bytes32'], [hashClaim(claim), provider, salt]))
}

/** The seal of a claim. */
export function sealOf(claim: Claim, provider: Address, salt: Bytes32): Seal {
  return Object.freeze({ job: claim.job, provider, commitment: commit(claim, provider, salt) })
}

/** hashStruct(Seal): a leaf of the seal set. */
export const hash: (seal: Seal) => Bytes32 = sealStruct.hash

/** A signed seal, and the salt that its provider keeps to itself until the reveal. */
export interface Sealing {
  readonly signed: SignedSeal
  readonly salt: Bytes32
}

/** Where a seal counts. The salt must be fresh; give one only to repeat a known seal. */
export interface SealSigning extends SignatureOptions {
  readonly domain?: Domain
  readonly salt?: Bytes32
}

/** Seals a claim: publish `signed` now, keep `salt` until all seals are in. */
export async function sign(claim: Claim, signer: Signer, options: SealSigning = {}): Promise<Sealing> {
  const { domain = OFF_CHAIN, salt = freshSalt() } = options
  const seal = sealOf(claim, fields.toAddress(signer.address), salt)
  demandSigner(signer, seal.provider, 'provider')
  const signature = await signWith(signer, { struct: sealStruct, value: seal, domain }, options)
  return Object.freeze({ signed: Object.freeze({ domain, seal, signature }), salt })
}

/** Canonical JSON of a signed seal. */
export const encode: (signed: SignedSeal) => Uint8Array = sealFormat.encode

/** A signed seal from its canonical JSON; the signature is not checked yet. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => SignedSeal = sealFormat.decode

/** What a verifier of a seal relies on. */
export interface SealOptions extends SignatureOptions {
  readonly domain?: Domain
  /** The job that the seal must be for. */
  readonly job?: Bytes32
}

/**
 * The seal, after its signature was found to be its provider's.
 * @throws Fault `receipt/wrong-domain`, `receipt/wrong-job`, and the faults of signatures.
 */
export async function verify(signed: SignedSeal, options: SealOptions = {}): Promise<SignedSeal> {
  const { domain, seal, signature } = signed
  demandDomain(domain, options.domain)
  const { job } = options
  demand(job === undefined || equal(job, seal.job), 'receipt/wrong-job', () => 'a seal for another job')
  await verifySignature({ digest: digest(domain, sealStruct, seal), signature, signer: seal.provider, domain }, options)
  return signed
}

/**
 * The claim, after the salt was found to open the seal to it.
 * @throws Fault `receipt/wrong-seal`: another claim, another provider's seal, or another salt.
 */
export function open(seal: Seal, claim: Claim, salt: Bytes32): Claim {
  const opens = equal(seal.job, claim.job) && equal(seal.commitment, commit(claim, seal.provider, salt))
  demand(opens, 'receipt/wrong-seal', () => 'the seal does not open to this claim', { where: seal.provider })
  return claim
}

/**
 * The root of a closed list of seals: the sized root over their struct hashes, in ascending order of providers.
 * @throws Fault `attest/duplicate-signer` where a provider has two.
 */
export function setRoot(seals: readonly Seal[]): Bytes32 {
  const sorted = inOrder(seals)
  sorted.forEach((seal, i) => {
    const fresh = i === 0 || sorted[i - 1].provider !== seal.provider
    demand(fresh, 'attest/duplicate-signer', () => 'two seals by one provider', { where: seal.provider })
  })
  return sizedRoot('seals', { size: sorted.length, root: rootFrom(sorted.map((seal) => hashLeaf(hash(seal)))) })
}

/** Seals in ascending order of their providers. */
export function inOrder(seals: readonly Seal[]): readonly Seal[] {
  return [...seals].sort((a, b) => (a.provider < b.provider ? -1 : a.provider > b.provider ? 1 : 0))
}
