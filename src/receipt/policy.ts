/**
 * Policies: how much checking a job needs, as data. The policy's struct hash stands in the job.
 * @module
 */
import { ZERO32, equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import * as fields from './fields.js'
import type { Address, Input } from './fields.js'
import { format, struct } from './typed-data.js'

/** The kinds, in the order of their numbers: nobody checks; anyone may challenge; k of n agree; auditors replay; a proof. */
export const POLICY_KINDS = ['claimed', 'optimistic', 'quorum', 'audited', 'proven'] as const

/** How a job is checked. */
export type PolicyKind = (typeof POLICY_KINDS)[number]

/** How much checking a job needs. What a kind does not use is zero, so that one policy has one hash. */
export interface Policy {
  readonly kind: PolicyKind
  /** quorum: n, how many providers run the job. */
  readonly replicas: number
  /** quorum: k, how many must make the same claim; more than half of n. */
  readonly threshold: number
  /** audited: how many steps are replayed, 0 for all of them. */
  readonly samples: number
  /** Seconds after the job's deadline: optimistic: to challenge; quorum: to reveal; audited: to audit. */
  readonly window: bigint
  /** quorum: the replicas, empty where a beacon draws them; otherwise who may audit or referee. Ascending, no two the same. */
  readonly auditors: readonly Address[]
  /** The hash of anything else that the kind needs (quorum by draw: the candidates), else zero. */
  readonly extension: Bytes32
}

/** The most accounts that a policy names. */
export const MAX_AUDITORS = 1024

/** Policy, as typed data; its JSON leaves out what is zero. @see docs/formats.md */
export const policyStruct = struct<Policy>(
  'Policy',
  {
    kind: fields.oneOf(POLICY_KINDS),
    replicas: fields.orAbsent(fields.uint(16), 0),
    threshold: fields.orAbsent(fields.uint(16), 0),
    samples: fields.orAbsent(fields.uint(16), 0),
    window: fields.orAbsent(fields.bigUint(64), 0n),
    auditors: fields.orAbsent(fields.listOf(fields.holder, MAX_AUDITORS), []),
    extension: fields.orAbsent(fields.bytes32, ZERO32),
  },
  { rule: checkPolicy },
)

function checkPolicy(policy: Policy, where: string): void {
  const must = (holds: boolean, rule: string): void => demand(holds, 'receipt/bad-policy', () => rule, { where })
  const ascends = policy.auditors.every((one, i) => i === 0 || policy.auditors[i - 1] < one)
  must(ascends, 'accounts are ascending and no two the same')
  if (policy.kind === 'quorum') checkQuorum(policy, must)
  else must(policy.replicas === 0 && policy.threshold === 0, `${policy.kind} has no replicas and no threshold`)
  must(policy.kind === 'audited' || policy.samples === 0, `${policy.kind} has no samples`)
  must(policy.kind !== 'optimistic' || policy.window > 0n, 'optimistic needs a window')
}

function checkQuorum(policy: Policy, must: (holds: boolean, rule: string) => void): void {
  const { replicas, threshold, auditors } = policy
  must(threshold <= replicas, 'a threshold beyond the number of replicas can never be reached')
  must(2 * threshold > replicas, 'a threshold of more than half, else two claims could both agree')
  must(auditors.length === 0 || auditors.length === replicas, 'the replicas are all named or none is')
}

/**
 * A policy, checked; accounts are put in order.
 * @throws Fault `receipt/bad-policy`, and the faults of fields.
 */
export function from(policy: Input<Policy>): Policy {
  return policyFormat.from(inOrder(policy))
}

function inOrder(policy: Input<Policy>): Input<Policy> {
  const { auditors } = policy
  const named = Array.isArray(auditors) ? auditors.map((one) => fields.toAddress(one)).sort() : auditors
  return { ...policy, auditors: named }
}

const NOTHING: Policy = {
  kind: 'claimed',
  replicas: 0,
  threshold: 0,
  samples: 0,
  window: 0n,
  auditors: [],
  extension: ZERO32,
}

/** Nobody checks but whoever wants to replay. */
export function claimed(): Policy {
  return from(NOTHING)
}

/** Anyone may challenge for `window` seconds after the deadline. */
export function optimistic(window: bigint | number): Policy {
  return from({ ...NOTHING, kind: 'optimistic', window })
}

/** What a quorum needs beside its numbers. */
export interface QuorumOptions {
  /** Seconds after the deadline in which results may be revealed. */
  readonly window?: bigint | number
  /** The replicas by name. */
  readonly replicas?: readonly string[]
  /** Where a later beacon draws them: the hash of the candidates. */
  readonly candidates?: Bytes32
}

/**
 * `threshold` of `replicas` must make the same claim.
 * @example quorum('2/3', { replicas: [alice, bob, carol], window: 3600 })
 * @throws Fault `receipt/bad-policy` where the text is not k/n or the numbers contradict each other.
 */
export function quorum(kOfN: string, options: QuorumOptions = {}): Policy {
  const [, k, n] = /^([1-9][0-9]{0,4})\/([1-9][0-9]{0,4})$/.exec(kOfN) ?? []
  demand(k && n, 'receipt/bad-policy', () => 'a quorum is written as threshold/replicas', { expected: 'such as 2/3' })
  const { window = 0n, replicas: auditors = [], candidates: extension = ZERO32 } = options
  return from({ ...NOTHING, kind: 'quorum', replicas: Number(n), threshold: Number(k), window, auditors, extension })
}

/** Named auditors replay `samples` steps (0: all). */
export function audited(
  samples: number,
  options: { auditors?: readonly string[]; window?: bigint | number } = {},
): Policy {
  const { auditors = [], window = 0n } = options
  return from({ ...NOTHING, kind: 'audited', samples, window, auditors })
}

const policyFormat = format('policy', policyStruct, 1 << 16)

/** Canonical JSON of a policy on its own. */
export const encode: (policy: Policy) => Uint8Array = policyFormat.encode

/** A policy from its canonical JSON. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Policy = policyFormat.decode

/** hashStruct(Policy): what a job names. */
export const hash: (policy: Policy) => Bytes32 = policyStruct.hash

/** True where both are one policy. */
export function same(a: Policy, b: Policy): boolean {
  return equal(hash(a), hash(b))
}
