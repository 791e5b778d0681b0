/**
 * Verdicts: an auditor's signed result about a receipt. Three outcomes, never confused.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import * as fields from './fields.js'
import type { Address, Input } from './fields.js'
import { demandSigner } from './job.js'
import { signatureField, verify as verifySignature, type SignatureOptions } from './signature.js'
import { sign as signWith, type Signer } from './signer.js'
import { demandDomain, digest, domainField, format, OFF_CHAIN, struct, type Domain } from './typed-data.js'

/** Outcomes, in the order of their numbers. */
export const OUTCOMES = ['undecided', 'valid', 'refuted'] as const
/** What an auditor found. */
export type Outcome = (typeof OUTCOMES)[number]

/** Grades from weak to strong, in the order of their numbers. */
export const GRADES = ['claimed', 'agreed', 'sampled', 'replayed', 'proven'] as const
/** How strongly a verdict stands behind its outcome. */
export type Grade = (typeof GRADES)[number]

/** An auditor's result about a receipt. */
export interface Verdict {
  /** hashStruct of the receipt. */
  readonly receipt: Bytes32
  /** hashStruct of the policy under which it was audited. */
  readonly policy: Bytes32
  readonly outcome: Outcome
  readonly grade: Grade
  /** How many steps were replayed, of `total`. */
  readonly sampled: bigint
  readonly total: bigint
  /** Hash of the evidence (a fault proof, an attestation), or zero. */
  readonly evidence: Bytes32
  readonly auditor: Address
  /** Unix seconds, by the auditor's word. */
  readonly issuedAt: bigint
}

/** Verdict, as typed data. @see docs/formats.md */
export const verdictStruct = struct<Verdict>(
  'Verdict',
  {
    receipt: fields.bytes32,
    policy: fields.bytes32,
    outcome: fields.oneOf(OUTCOMES),
    grade: fields.oneOf(GRADES),
    sampled: fields.bigUint(64),
    total: fields.bigUint(64),
    evidence: fields.bytes32,
    auditor: fields.holder,
    issuedAt: fields.bigUint(64),
  },
  { rule: checkVerdict },
)

/** A grade says no more than its sample: "replayed" is all steps, "sampled" at least one; only a refutation may stop early. */
function checkVerdict({ outcome, grade, sampled, total }: Verdict, where: string): void {
  const must = (holds: boolean, rule: string): void => demand(holds, 'receipt/bad-verdict', () => rule, { where })
  must(sampled <= total, 'no more steps are sampled than there are')
  if (grade === 'sampled') must(sampled > 0n, 'sampled means at least one step')
  if (grade === 'replayed') must(total > 0n && (sampled === total || outcome === 'refuted'), 'replayed means all steps')
}

/** A verdict with its auditor's signature. */
export interface SignedVerdict {
  readonly domain: Domain
  readonly verdict: Verdict
  readonly signature: Uint8Array
}

const verdictFormat = format(
  'verdict',
  fields.record<SignedVerdict>({ domain: domainField, verdict: verdictStruct, signature: signatureField }),
  8192,
)

/** A verdict, checked and frozen. @throws Fault `receipt/bad-verdict`, and those of fields. */
export function from(verdict: Input<Verdict>): Verdict {
  return verdictStruct.from(verdict, 'verdict')
}

/** hashStruct(Verdict). */
export const hash: (verdict: Verdict) => Bytes32 = verdictStruct.hash

/** A verdict signed by its auditor. @throws Fault `receipt/bad-signature` where the signer is not its auditor. */
export async function sign(
  verdict: Verdict,
  signer: Signer,
  options: SignatureOptions & { readonly domain?: Domain } = {},
): Promise<SignedVerdict> {
  const { domain = OFF_CHAIN } = options
  demandSigner(signer, verdict.auditor, 'auditor')
  const signature = await signWith(signer, { struct: verdictStruct, value: verdict, domain }, options)
  return Object.freeze({ domain, verdict, signature })
}

/** Canonical JSON of a signed verdict. */
export const encode: (signed: SignedVerdict) => Uint8Array = verdictFormat.encode

/** A signed verdict from its canonical JSON; the signature is not checked yet. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => SignedVerdict = verdictFormat.decode

/** What a verifier of a verdict relies on. */
export interface VerdictOptions extends SignatureOptions {
  readonly domain?: Domain
  /** hashStruct of the receipt that the verdict must be about. */
  readonly receipt?: Bytes32
  /** The auditors who count; anybody, if absent. */
  readonly auditors?: readonly Address[]
}

/**
 * The verdict, after its signature was found to be its auditor's.
 * @throws Fault `receipt/wrong-domain`, `receipt/bad-verdict` (about another receipt, or by nobody who counts), and those of signatures.
 * @remarks Trust: the auditor's word. Nothing here replays anything.
 */
export async function verify(signed: SignedVerdict, options: VerdictOptions = {}): Promise<SignedVerdict> {
  const { domain, verdict, signature } = signed
  demandDomain(domain, options.domain)
  demandSubject(verdict, options)
  await verifySignature(
    { digest: digest(domain, verdictStruct, verdict), signature, signer: verdict.auditor, domain },
    options,
  )
  return signed
}

function demandSubject(verdict: Verdict, { receipt, auditors }: VerdictOptions): void {
  const about = receipt === undefined || equal(receipt, verdict.receipt)
  demand(about, 'receipt/bad-verdict', () => 'a verdict about another receipt', { found: toHex(verdict.receipt) })
  const counts = auditors === undefined || auditors.includes(verdict.auditor)
  demand(counts, 'receipt/bad-verdict', () => 'a verdict by an auditor who does not count', { found: verdict.auditor })
}
