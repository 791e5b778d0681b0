/**
 * Equivocation: two signed statements of one provider for one job that contradict each other. The evidence convinces anybody
 * who can check two signatures, and can be slashed by.
 * @module
 */
import { compare, equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { hash as hashClaim } from './claim.js'
import * as fields from './fields.js'
import type { Address, Input } from './fields.js'
import { receiptStruct, type Receipt, type SignedReceipt } from './receipt.js'
import { sealStruct, type Seal, type SignedSeal } from './seal.js'
import { signatureField, verify as verifySignature, type SignatureOptions } from './signature.js'
import { demandDomain, digest, domainField, format, sameDomain, type Domain, type Struct } from './typed-data.js'

/** A receipt and its provider's signature, without the rest of its file. */
export interface ReceiptStatement {
  readonly receipt: Receipt
  readonly signature: Uint8Array
}

/** A seal and its provider's signature. */
export interface SealStatement {
  readonly seal: Seal
  readonly signature: Uint8Array
}

/** Two statements of one provider for one job: either two receipts with different claims, or two different seals. */
export interface Equivocation {
  readonly domain: Domain
  readonly provider: Address
  readonly job: Bytes32
  /** None or two, ascending by claim hash. */
  readonly receipts: readonly ReceiptStatement[]
  /** None or two, ascending by commitment. */
  readonly seals: readonly SealStatement[]
}

const equivocationFormat = format(
  'equivocation',
  fields.record<Equivocation>(
    {
      domain: domainField,
      provider: fields.holder,
      job: fields.bytes32,
      receipts: fields.listOf(
        fields.record<ReceiptStatement>({ receipt: receiptStruct, signature: signatureField }),
        2,
      ),
      seals: fields.listOf(fields.record<SealStatement>({ seal: sealStruct, signature: signatureField }), 2),
    },
    verifyContradiction,
  ),
  1 << 14,
)

function verifyContradiction({ provider, job, receipts, seals }: Equivocation, where: string): void {
  const must = (holds: boolean, rule: string): void => demand(holds, 'attest/no-equivocation', () => rule, { where })
  must(receipts.length + seals.length === 2 && receipts.length !== 1, 'two receipts or two seals')
  const jobs = [...receipts.map(({ receipt }) => receipt.claim.job), ...seals.map(({ seal }) => seal.job)]
  must(
    jobs.every((one) => equal(one, job)),
    'both are for the job',
  )
  const providers = [...receipts.map(({ receipt }) => receipt.provider), ...seals.map(({ seal }) => seal.provider)]
  must(
    providers.every((one) => one === provider),
    'both are by the provider',
  )
  const [first, second] = [
    ...receipts.map(({ receipt }) => hashClaim(receipt.claim)),
    ...seals.map(({ seal }) => seal.commitment),
  ]
  must(compare(first, second) < 0, 'two different contents, in ascending order')
}

/** Evidence, checked and frozen; signatures are not checked yet. @throws Fault `attest/no-equivocation`, and those of fields. */
export const from: (evidence: Input<Equivocation>) => Equivocation = equivocationFormat.from

/** Canonical JSON of the evidence. */
export const encode: (evidence: Equivocation) => Uint8Array = equivocationFormat.encode

/** Evidence from its canonical JSON; signatures are not checked yet. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Equivocation = equivocationFormat.decode

/** The evidence in two receipts, or undefined where they do not contradict each other: another provider, job or domain, or one claim. */
export function fromReceipts(a: SignedReceipt, b: SignedReceipt): Equivocation | undefined {
  const [one, other] = [a.receipt, b.receipt]
  const comparable =
    one.provider === other.provider && equal(one.claim.job, other.claim.job) && sameDomain(a.domain, b.domain)
  const order = compare(hashClaim(one.claim), hashClaim(other.claim))
  if (!comparable || order === 0) return undefined
  const receipts = (order < 0 ? [a, b] : [b, a]).map(({ receipt, signature }) => ({ receipt, signature }))
  return from({ domain: a.domain, provider: one.provider, job: one.claim.job, receipts, seals: [] })
}

/** The evidence in two seals, or undefined where they do not contradict each other. */
export function fromSeals(a: SignedSeal, b: SignedSeal): Equivocation | undefined {
  const [one, other] = [a.seal, b.seal]
  const comparable = one.provider === other.provider && equal(one.job, other.job) && sameDomain(a.domain, b.domain)
  const order = compare(one.commitment, other.commitment)
  if (!comparable || order === 0) return undefined
  const seals = (order < 0 ? [a, b] : [b, a]).map(({ seal, signature }) => ({ seal, signature }))
  return from({ domain: a.domain, provider: one.provider, job: one.job, receipts: [], seals })
}

/**
 * The evidence, after both signatures were found to be the provider's.
 * @throws Fault `receipt/wrong-domain`, and those of signatures.
 */
export async function verify(
  evidence: Equivocation,
  options: SignatureOptions & { readonly domain?: Domain } = {},
): Promise<Equivocation> {
  demandDomain(evidence.domain, options.domain)
  const check = <T>(struct: Struct<T>, value: T, signature: Uint8Array): Promise<Address> => {
    const { domain, provider: signer } = evidence
    return verifySignature({ digest: digest(domain, struct, value), signature, signer, domain }, options)
  }
  for (const { receipt, signature } of evidence.receipts) await check(receiptStruct, receipt, signature)
  for (const { seal, signature } of evidence.seals) await check(sealStruct, seal, signature)
  return evidence
}
