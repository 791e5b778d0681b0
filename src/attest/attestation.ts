/**
 * Quorum attestations: k of n receipts that make the same claim, with every seal, in one file that anybody can check.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { claimStruct, same as sameClaim, type Claim } from '../receipt/claim.js'
import { type ReceiptStatement, type SealStatement } from '../receipt/equivocation.js'
import * as fields from '../receipt/fields.js'
import type { Address, Field } from '../receipt/fields.js'
import {
  demandPolicy,
  hash as hashJob,
  isRequested,
  jobStruct,
  verify as verifyJob,
  type Job,
  type SignedJob,
} from '../receipt/job.js'
import { MAX_AUDITORS, policyStruct, type Policy } from '../receipt/policy.js'
import { receiptStruct, type Receipt } from '../receipt/receipt.js'
import { open as openSeal, sealStruct, setRoot, type Seal } from '../receipt/seal.js'
import {
  maybeSignature,
  signatureField,
  verify as verifySignature,
  type SignatureOptions,
} from '../receipt/signature.js'
import { demandDomain, digest, domainField, format, type Domain } from '../receipt/typed-data.js'
import { replicasOf } from './policies.js'
import {
  demandAgreed,
  demandSealSet,
  decide,
  dissentsOf,
  tally,
  type Dissent,
  type Quorum,
  type QuorumOptions,
} from './quorum.js'

/** A receipt with what opens its provider's seal. The metadata stays with the provider; its hash is in the receipt. */
export interface OpenedReceipt extends ReceiptStatement {
  readonly salt: Bytes32
}

/** A portable statement that a quorum agreed. */
export interface Attestation {
  readonly domain: Domain
  readonly policy: Policy
  readonly job: Job
  readonly jobSignature?: Uint8Array | undefined
  /** What was agreed. */
  readonly claim: Claim
  /** Every receipt that counted, dissents too, ascending by provider. */
  readonly receipts: readonly OpenedReceipt[]
  /** The closed list of seals, opened or not, ascending by provider. */
  readonly seals: readonly SealStatement[]
}

const openedReceiptField: Field<OpenedReceipt> = fields.record<OpenedReceipt>({
  receipt: receiptStruct,
  salt: fields.bytes32,
  signature: signatureField,
})
const sealStatementField: Field<SealStatement> = fields.record<SealStatement>({
  seal: sealStruct,
  signature: signatureField,
})

/** Files of up to 4 MiB: a thousand replicas need about 1.4 KiB each. */
const attestationFormat = format(
  'quorum',
  fields.record<Attestation>({
    domain: domainField,
    policy: policyStruct,
    job: jobStruct,
    jobSignature: maybeSignature,
    claim: claimStruct,
    receipts: fields.listOf(openedReceiptField, MAX_AUDITORS),
    seals: fields.listOf(sealStatementField, MAX_AUDITORS),
  }),
  1 << 22,
)

/** Canonical JSON of an attestation. */
export const encode: (attestation: Attestation) => Uint8Array = attestationFormat.encode

/** An attestation from its canonical JSON; nothing in it is checked yet but its form. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Attestation = attestationFormat.decode

/**
 * The attestation of what an observer has seen to agree, checked before it is returned.
 * @throws Fault `receipt/wrong-seal-set` where a receipt does not witness all seals, `attest/pending`, `attest/no-agreement`, `attest/timed-out` where it does not.
 */
export function from(quorum: Quorum, at: bigint | number): Attestation {
  const { claim } = demandAgreed(decide(quorum, at))
  const { domain, policy, job, signature: jobSignature } = quorum.job
  const receipts = quorum.receipts.map(({ receipt, metadata, signature }) => ({
    receipt,
    salt: metadata.sealSalt!,
    signature,
  }))
  const seals = quorum.seals.map(({ seal, signature }) => ({ seal, signature }))
  const attestation = attestationFormat.from({
    domain,
    policy,
    job,
    jobSignature,
    claim,
    receipts: receipts.sort((a, b) => byText(a.receipt.provider, b.receipt.provider)),
    seals: seals.sort((a, b) => byText(a.seal.provider, b.seal.provider)),
  })
  return verifyBindings(attestation, { replicas: quorum.replicas }).attestation
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** What an attestation was found to show. */
export interface Agreement {
  readonly attestation: Attestation
  readonly claim: Claim
  /** How many replicas make the claim, of how many. */
  readonly agreed: number
  readonly replicas: number
  readonly threshold: number
  /** Replicas that make another claim: somebody lies, and a dispute can say who. */
  readonly dissents: readonly Dissent[]
  /** Replicas whose seal is not opened here. */
  readonly unopened: readonly Address[]
  /** True where the requester signed the job. */
  readonly requested: boolean
}

/** What a verifier of an attestation relies on. */
export interface AttestationOptions extends QuorumOptions {
  /** The job that it must be about, where the verifier knows it. */
  readonly job?: Job
}

/**
 * What the attestation shows, after every hash, seal and signature in it was found right and the threshold reached.
 * Shows that so many of the named replicas sealed the same claim before any was revealed to those who signed. Does not show that
 * replicas are independent of each other, nor that every seal that was ever made is in the list.
 * @throws Fault `receipt/wrong-domain`, `receipt/wrong-policy`, `receipt/wrong-job`, `attest/no-replicas`, `attest/bad-draw`,
 * `attest/bad-order`, `attest/duplicate-signer`, `attest/not-a-replica`, `attest/not-sealed`, `receipt/wrong-seal`,
 * `receipt/wrong-seal-set`, `attest/no-agreement`, `receipt/unrequested`, and those of signatures.
 * @remarks 1.5 ms a signature: one a seal, one a receipt, one for the job. Everything cheap is checked first.
 */
export async function verify(attestation: Attestation, options: AttestationOptions = {}): Promise<Agreement> {
  const agreement = verifyBindings(attestation, options)
  await verifyJob(jobOf(attestation), options)
  await verifySignatures(attestation, options)
  return agreement
}

/** The job of an attestation, as its requester handed it out. */
export function jobOf({ domain, job, policy, jobSignature }: Attestation): SignedJob {
  return { domain, job, policy, signature: jobSignature }
}

/** What the attestation would show if every signature were right. @throws Fault, as `verify` without those of signatures. */
export function verifyBindings(attestation: Attestation, options: AttestationOptions = {}): Agreement {
  demandDomain(attestation.domain, options.domain)
  demandPolicy(jobOf(attestation))
  verifyJobHash(attestation, options.job)
  const replicas = replicasOf(attestation.policy, options.replicas)
  const seals = attestation.seals.map(({ seal }) => seal)
  const receipts = attestation.receipts.map(({ receipt }) => receipt)
  demandOrder(seals, 'seals')
  demandOrder(receipts, 'receipts')
  for (const { provider } of [...seals, ...receipts]) {
    demand(replicas.includes(provider), 'attest/not-a-replica', () => 'not one of the replicas', { found: provider })
  }
  verifyOpenings(attestation, seals)
  return agreementOf(attestation, replicas.length)
}

function verifyJobHash({ job, claim, seals, receipts }: Attestation, expected: Job | undefined): void {
  const own = hashJob(job)
  const same = (found: Bytes32, where: string): void =>
    demand(equal(found, own), 'receipt/wrong-job', () => 'about another job', {
      where,
      expected: toHex(own),
      found: toHex(found),
    })
  if (expected) same(hashJob(expected), 'job')
  same(claim.job, 'claim')
  seals.forEach(({ seal }, i) => same(seal.job, `seals[${i}]`))
  receipts.forEach(({ receipt }, i) => same(receipt.claim.job, `receipts[${i}]`))
}

function demandOrder(statements: readonly { readonly provider: Address }[], where: string): void {
  statements.forEach(({ provider }, i) => {
    if (i === 0) return
    const before = statements[i - 1].provider
    demand(before !== provider, 'attest/duplicate-signer', () => 'a provider stands twice', { where, found: provider })
    demand(before < provider, 'attest/bad-order', () => 'not ascending by provider', { where, found: provider })
  })
}

function verifyOpenings({ receipts }: Attestation, seals: readonly Seal[]): void {
  const root = setRoot(seals)
  const byProvider = new Map(seals.map((seal) => [seal.provider, seal]))
  for (const { receipt, salt } of receipts) {
    const own = byProvider.get(receipt.provider)
    demand(own, 'attest/not-sealed', () => 'a claim that was not sealed', { found: receipt.provider })
    openSeal(own, receipt.claim, salt)
    demandSealSet(receipt.sealSet, root)
  }
}

function agreementOf(attestation: Attestation, replicas: number): Agreement {
  const { claim, policy, receipts, seals } = attestation
  const { threshold } = policy
  const votes = tally(receipts)
  const mine = votes.find((one) => sameClaim(one.claim, claim))
  const agreed = mine?.providers.length ?? 0
  demand(agreed >= threshold, 'attest/no-agreement', () => 'fewer receipts than the threshold', {
    expected: threshold,
    found: agreed,
  })
  return Object.freeze({
    attestation,
    claim,
    agreed,
    replicas,
    threshold,
    dissents: dissentsOf(votes, claim),
    unopened: unopenedOf(seals, receipts),
    requested: isRequested(jobOf(attestation)),
  })
}

function unopenedOf(
  seals: readonly SealStatement[],
  receipts: readonly { readonly receipt: Receipt }[],
): readonly Address[] {
  const opened = new Set(receipts.map(({ receipt }) => receipt.provider))
  return seals.map(({ seal }) => seal.provider).filter((provider) => !opened.has(provider))
}

async function verifySignatures({ domain, receipts, seals }: Attestation, options: SignatureOptions): Promise<void> {
  for (const { receipt, signature } of receipts) {
    await verifySignature(
      { digest: digest(domain, receiptStruct, receipt), signature, signer: receipt.provider, domain },
      options,
    )
  }
  for (const { seal, signature } of seals) {
    await verifySignature(
      { digest: digest(domain, sealStruct, seal), signature, signer: seal.provider, domain },
      options,
    )
  }
}
