/**
 * Replay audits: the verifier executes the job again, on any runtime, and compares bits.
 * @module
 */
import { concat, type Bytes32 } from '../core/bytes.js'
import { sha256 } from '../core/sha256.js'
import { encodeStep } from '../trace/step.js'
import * as claims from '../receipt/claim.js'
import { claimOf, verifyContent, workOf, type Bundle } from '../receipt/bundle.js'
import type { SignedVerdict } from '../receipt/verdict.js'
import type { Runtime } from '../runtime/runtime.js'
import { record, type RecordOptions, type Trace } from '../trace/trace.js'
import { verdictAbout, type VerdictSigning } from './verdict.js'

/** Options of {@link replay}. */
export interface ReplayOptions {
  readonly onProgress?: RecordOptions['onProgress']
  readonly signal?: AbortSignal
}

/** What a replay found. */
export interface Replay {
  /** `valid`: the same claim, bit for bit. `refuted`: another one. */
  readonly outcome: 'valid' | 'refuted'
  /** The verifier's own run. */
  readonly trace: Trace
  readonly sampled: number
  readonly total: number
}

/**
 * Runs the whole job of a bundle again and compares the claims.
 * Cost: one exact run. Trust: this machine and the definition of the program; nobody else.
 * @throws Fault where the bundle's content is not what its receipt names (check signatures with `bundle.verify`).
 */
export async function replay(bundle: Bundle, runtime: Runtime, options: ReplayOptions = {}): Promise<Replay> {
  verifyContent(bundle)
  const { job } = bundle.receipt
  const trace = await record(workOf(bundle), runtime, {
    operatorTrace: job.operatorTrace,
    commitEvery: Number(job.commitEvery),
    ...options,
  })
  const own = claims.from(claimOf(trace, bundle.receipt.receipt.claim.job))
  const outcome = claims.same(own, bundle.receipt.receipt.claim) ? 'valid' : 'refuted'
  return { outcome, trace, sampled: bundle.leaves.length, total: bundle.leaves.length }
}

/** What a verdict points to: a hash over the auditor's own step leaves. */
export function evidenceOf(trace: Trace): Bytes32 {
  return sha256(concat(...trace.leaves.map(encodeStep)))
}

/** The signed verdict of a replay. */
export async function verdictOf(bundle: Bundle, found: Replay, signing: VerdictSigning): Promise<SignedVerdict> {
  const { outcome, sampled, total, trace } = found
  const evidence = evidenceOf(trace)
  return verdictAbout(bundle.receipt, { outcome, grade: 'replayed', sampled, total, evidence }, signing)
}
