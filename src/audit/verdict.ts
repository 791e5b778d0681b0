/**
 * Verdicts of audits.
 * @module
 */
import { hash as hashReceipt, type SignedReceipt } from '../receipt/receipt.js'
import type { Signer } from '../receipt/signer.js'
import { from, sign, type SignedVerdict, type Verdict } from '../receipt/verdict.js'
import type { Input } from '../receipt/fields.js'

/** What an audit found of a receipt. */
export type Found = Pick<Input<Verdict>, 'outcome' | 'grade' | 'sampled' | 'total' | 'evidence'>

/** Who says so, and when. */
export interface VerdictSigning {
  readonly signer: Signer
  /** Unix seconds; default now. */
  readonly issuedAt?: number
}

/** The signed verdict of an audit about a receipt. @throws Fault `receipt/bad-verdict`. */
export async function verdictAbout(
  { domain, job, receipt }: SignedReceipt,
  found: Found,
  { signer, issuedAt = Math.floor(Date.now() / 1000) }: VerdictSigning,
): Promise<SignedVerdict> {
  const verdict = from({
    ...found,
    receipt: hashReceipt(receipt),
    policy: job.policy,
    auditor: signer.address,
    issuedAt,
  })
  return sign(verdict, signer, { domain })
}
