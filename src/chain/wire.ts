/**
 * Structures of this library as contracts have them, and back. Most are the same; enumerations are numbers on a chain.
 * @module
 */
import { encodeAbi } from '../core/abi.js'
import { equal, type Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import { REASONS, type Reason } from '../exact/op.js'
import type { Address } from '../receipt/fields.js'
import { from as jobFrom, hash as hashJob, type Job } from '../receipt/job.js'
import { POLICY_KINDS, from as policyFrom, policyStruct, type Policy } from '../receipt/policy.js'
import { verdictStruct, type Verdict } from '../receipt/verdict.js'
import type { RunRefusal } from '../trace/refusal.js'
import type { Values } from './abi.js'
import type { SETTLEMENT_ABI } from './abi.generated.js'

type PostValues = Values<typeof SETTLEMENT_ABI, 'post'>
type AuditValues = Values<typeof SETTLEMENT_ABI, 'settleAudited'>
type FileValues = Values<typeof SETTLEMENT_ABI, 'fileClaim'>

/** Policy, as a contract has it. */
export const policyOut = (policy: Policy): PostValues[1] => policyStruct.toTyped(policy) as PostValues[1]
/** Verdict, as a contract has it. */
export const verdictOut = (verdict: Verdict): AuditValues[4] => verdictStruct.toTyped(verdict) as AuditValues[4]
/** Refusal, as a contract has it; of a run that ended there is none. */
export function refusalOut(refusal: RunRefusal | undefined): FileValues[2] {
  if (refusal === undefined) return { refused: false, step: 0, node: 0, element: 0, reason: 0 }
  const { step, node, element, reason } = refusal
  return { refused: true, step, node, element, reason: REASONS[reason] }
}

/** Job, as a contract says it. @throws Fault `core/bad-number`. */
export const jobIn = (job: Job): Job => jobFrom(job)

/** Policy, as a contract says it. @throws Fault `core/bad-field`, `receipt/bad-policy`. */
export function policyIn(policy: Omit<Policy, 'kind'> & { readonly kind: number }): Policy {
  return policyFrom({ ...policy, kind: POLICY_KINDS[policy.kind] })
}

/** Refusal, as a contract says it. @throws Fault `core/bad-field`. */
export function refusalIn(said: {
  readonly refused: boolean
  readonly step: bigint
  readonly node: number
  readonly element: bigint
  readonly reason: number
}): RunRefusal | undefined {
  if (!said.refused) return undefined
  const [reason] = Object.entries(REASONS).find(([, number]) => number === said.reason) ?? []
  if (reason === undefined) throw new Fault('core/bad-field', 'an unknown reason', { found: said.reason })
  return { step: countOf(said.step), node: said.node, element: countOf(said.element), reason: reason as Reason }
}

/** A 64-bit count that memory holds as a number. @throws Fault `core/bad-number`. */
export function countOf(value: bigint): number {
  demand(value <= BigInt(Number.MAX_SAFE_INTEGER), 'core/bad-number', () => 'beyond 2^53 - 1', { found: value })
  return Number(value)
}

/** Names the claim of a provider about a job: keccak256(abi.encode(hashStruct(Job), provider)). */
export const idOf = (job: Bytes32, provider: Address): Bytes32 =>
  keccak256(encodeAbi(['bytes32', 'address'], [job, provider]))

/** The job, after it was found to have this hash. @throws Fault `receipt/wrong-job`. */
export function demandJob(job: Job, hash: Bytes32): Job {
  demand(equal(hashJob(job), hash), 'receipt/wrong-job', () => 'the node gives another job than was asked for')
  return job
}
