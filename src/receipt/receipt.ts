/**
 * Receipts: a claim signed by a provider, in one self-contained file.
 * @module
 */
import { ZERO32, equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand, type FaultCode } from '../core/faults.js'
import { claimStruct, type Claim } from './claim.js'
import * as fields from './fields.js'
import type { Address, Field, Input } from './fields.js'
import {
  demandPolicy,
  hash as hashJob,
  isRequested,
  jobStruct,
  verifyRequester,
  type Job,
  type JobOptions,
  type SignedJob,
} from './job.js'
import { hash as hashMetadata, metadataField, type Metadata } from './metadata.js'
import { policyStruct, type Policy } from './policy.js'
import { hash as hashRefusal, refusalField, type Refusal } from './refusal.js'
import { open, type Seal } from './seal.js'
import { maybeSignature, signatureField, verify as verifySignature, type SignatureOptions } from './signature.js'
import { sign as signWith, type Signer } from './signer.js'
import { demandDomain, digest, domainField, format, struct, type Domain } from './typed-data.js'

/** A claim, who makes it, and what it witnesses. */
export interface Receipt {
  readonly claim: Claim
  readonly provider: Address
  /** Root of the closed list of seals, zero where the policy knows no seals. */
  readonly sealSet: Bytes32
  /** Hash of the metadata. */
  readonly metadata: Bytes32
  /** Unix seconds, by the provider's word; decides nothing. */
  readonly issuedAt: bigint
}

/** Receipt, as typed data. @see docs/formats.md */
export const receiptStruct = struct<Receipt>(
  'Receipt',
  {
    claim: claimStruct,
    provider: fields.holder,
    sealSet: fields.orAbsent(fields.bytes32, ZERO32),
    metadata: fields.bytes32,
    issuedAt: fields.bigUint(64),
  },
  { inner: { claim: claimStruct } },
)

/** A signed receipt with everything that its hashes name but the program, the tensors and the steps. */
export interface SignedReceipt {
  readonly domain: Domain
  readonly job: Job
  readonly policy: Policy
  /** The requester's signature over the job; absent: unrequested. */
  readonly jobSignature?: Uint8Array | undefined
  readonly receipt: Receipt
  readonly metadata: Metadata
  /** Where and why the run was refused, if it was: its record is the claim's `outputs`. */
  readonly refusal?: Refusal | undefined
  /** The provider's, over the receipt. */
  readonly signature: Uint8Array
}

/** The fields of a signed receipt, for use inside other files. */
export const signedReceiptField: Field<SignedReceipt> = fields.record<SignedReceipt>({
  domain: domainField,
  job: jobStruct,
  policy: policyStruct,
  jobSignature: maybeSignature,
  receipt: receiptStruct,
  metadata: metadataField,
  refusal: fields.maybe(refusalField),
  signature: signatureField,
})

/** Files of up to 128 KiB; most are under 2 KiB, but a policy may name a thousand accounts. */
const receiptFormat = format('receipt', signedReceiptField, 1 << 17)

/** A receipt, checked and frozen. @throws Fault `core/bad-field`, `core/missing-field`, `receipt/zero-address`. */
export function from(receipt: Input<Receipt>): Receipt {
  return receiptStruct.from(receipt, 'receipt')
}

/** hashStruct(Receipt): what a verdict names. */
export const hash: (receipt: Receipt) => Bytes32 = receiptStruct.hash

/** What a provider signs beside its claim. */
export interface ReceiptSigning extends SignatureOptions {
  /** The job as its requester handed it out. */
  readonly job: SignedJob
  readonly metadata: Metadata
  /** Unix seconds. */
  readonly issuedAt: bigint | number
  readonly refusal?: Refusal
  /** After the seals were closed: the root of the list, and the salt of the own seal. */
  readonly sealed?: { readonly sealSet: Bytes32; readonly salt: Bytes32 }
}

/**
 * The receipt of a claim, signed by its provider and checked before it is returned.
 * @throws Fault, the faults of `verify`.
 */
export async function sign(claim: Claim, signer: Signer, options: ReceiptSigning): Promise<SignedReceipt> {
  const { domain, job, policy, signature: jobSignature } = options.job
  const { issuedAt, refusal, sealed } = options
  const metadata = metadataField.from({ ...options.metadata, sealSalt: sealed?.salt }, 'metadata')
  const provider = fields.toAddress(signer.address)
  const sealSet = sealed?.sealSet ?? ZERO32
  const receipt = from({ claim, provider, sealSet, metadata: hashMetadata(metadata), issuedAt })
  const signature = await signWith(signer, { struct: receiptStruct, value: receipt, domain }, options)
  const parts = { domain, job, policy, jobSignature, receipt, metadata, refusal, signature }
  return verify(receiptFormat.from(parts), { staticcall: options.staticcall })
}

/** Canonical JSON of a signed receipt: the content of receipt.json. */
export const encode: (signed: SignedReceipt) => Uint8Array = receiptFormat.encode

/** A signed receipt from its canonical JSON; hashes and signatures are not checked yet. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => SignedReceipt = receiptFormat.decode

/** What a verifier of a receipt relies on. */
export interface ReceiptOptions extends JobOptions {
  /** The job that the receipt must be for, where the verifier knows it. */
  readonly job?: Job
}

/**
 * The receipt, after every hash in it was found to be that of its content, and every signature its signer's.
 * Shows that this provider made this claim about this job. Does not show that the claim is true: replay, compare or dispute it.
 * @throws Fault `receipt/wrong-domain`, `receipt/wrong-policy`, `receipt/wrong-job`, `receipt/wrong-metadata`,
 * `receipt/wrong-outputs` (refusal), `receipt/wrong-seal-set`, `receipt/unrequested`, and those of signatures.
 * @remarks Under 5 ms: one or two signatures of 1.5 ms.
 */
export async function verify(signed: SignedReceipt, options: ReceiptOptions = {}): Promise<SignedReceipt> {
  demandDomain(signed.domain, options.domain)
  verifyBindings(signed)
  const { job } = options
  if (job) demandHash('receipt/wrong-job', hashJob(signed.job), hashJob(job))
  demand(isRequested(jobOf(signed)) || !options.requested, 'receipt/unrequested', () => 'the requester did not sign')
  await verifySignatures(signed, options)
  return signed
}

/** The receipt, after every hash in it was found to be that of its content; signatures are not looked at. @throws Fault, as `verify`. */
export function verifyBindings(signed: SignedReceipt): SignedReceipt {
  const { receipt, metadata, refusal } = signed
  demandPolicy(jobOf(signed))
  demandHash('receipt/wrong-job', receipt.claim.job, hashJob(signed.job))
  demandHash('receipt/wrong-metadata', receipt.metadata, hashMetadata(metadata))
  if (refusal) demandHash('receipt/wrong-outputs', receipt.claim.outputs, hashRefusal(refusal))
  const consistent = (metadata.sealSalt === undefined) === equal(receipt.sealSet, ZERO32)
  demand(
    consistent,
    'receipt/wrong-seal-set',
    () => 'a seal set comes with the salt of the own seal, and neither without the other',
  )
  return signed
}

async function verifySignatures(signed: SignedReceipt, options: SignatureOptions): Promise<void> {
  const { domain, receipt, signature } = signed
  await verifySignature(
    { digest: digest(domain, receiptStruct, receipt), signature, signer: receipt.provider, domain },
    options,
  )
  await verifyRequester(jobOf(signed), options)
}

/**
 * The receipt, after the provider's own seal was found to open to its claim.
 * @throws Fault `receipt/wrong-seal` where it does not, or the receipt shows no salt. The seal's signature is checked by `Seal.verify`.
 */
export function openSeal(signed: SignedReceipt, seal: Seal): SignedReceipt {
  const { receipt, metadata } = signed
  const own = metadata.sealSalt !== undefined && seal.provider === receipt.provider
  demand(own, 'receipt/wrong-seal', () => 'not a seal that this receipt opens', { where: receipt.provider })
  open(seal, receipt.claim, metadata.sealSalt)
  return signed
}

/** The job of a receipt, as its requester handed it out. */
export function jobOf({ domain, job, policy, jobSignature }: SignedReceipt): SignedJob {
  return { domain, job, policy, signature: jobSignature }
}

function demandHash(code: FaultCode, found: Bytes32, expected: Bytes32): void {
  demand(equal(found, expected), code, () => 'a hash names other content', {
    expected: toHex(expected),
    found: toHex(found),
  })
}
