/**
 * Who fills the seats of a quorum: named by the policy, or drawn by a beacon that came later. Never first come.
 * @module
 */
import { encodeAbi } from '../core/abi.js'
import { equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import { integers, seedOf } from '../data/seeds.js'
import { ZERO_ADDRESS, toAddress, type Address } from '../receipt/fields.js'
import type { Policy } from '../receipt/policy.js'

/** The hash of a list of candidates, for a policy's `extension`: keccak256(abi.encode(address[])), ascending. */
export function hashCandidates(candidates: readonly string[]): Bytes32 {
  return keccak256(encodeAbi(['address[]'], [inOrder(candidates)]))
}

/** Accounts in ascending order. @throws Fault `attest/bad-draw` where one stands twice or is the zero address. */
function inOrder(accounts: readonly string[]): readonly Address[] {
  const sorted = accounts.map((one) => toAddress(one)).sort()
  const sound = sorted.every((one, i) => one !== ZERO_ADDRESS && one !== sorted[i - 1])
  demand(sound, 'attest/bad-draw', () => 'an account stands twice, or is the zero address')
  return sorted
}

/** What a draw follows from. */
export interface Draw {
  /** hashStruct of the job. */
  readonly job: Bytes32
  /** All who may be drawn; their hash stands in the policy. */
  readonly candidates: readonly string[]
  /** Randomness that nobody knew when the job and the candidates were fixed. */
  readonly beacon: Bytes32
}

/**
 * The replicas that a beacon draws, ascending: without repeats, each candidate as likely as any other.
 * Stream: SHA-256(seed || label 1 (2 bytes) || 0 (8) || 0 (4) || counter (8)), seed = SHA-256("countersign seed" || job || beacon); a
 * block's first 8 bytes are one number, refused where it would make a low seat likelier.
 * @throws Fault `attest/bad-draw` where the candidates are not the policy's, or fewer than its seats.
 * @remarks Trust: that the beacon came after the job and was nobody's choice.
 */
export function draw(policy: Policy, { job, candidates, beacon }: Draw): readonly Address[] {
  demand(
    equal(hashCandidates(candidates), policy.extension),
    'attest/bad-draw',
    () => 'not the candidates that the policy names',
  )
  demand(candidates.length >= policy.replicas, 'attest/bad-draw', () => 'fewer candidates than seats')
  const pool = [...inOrder(candidates)]
  const next = integers(seedOf(job, beacon), { label: 'replicas' })
  const drawn = Array.from({ length: policy.replicas }, () => pool.splice(next(pool.length), 1)[0])
  return Object.freeze(drawn.sort())
}

/**
 * The replicas of a policy: those it names, else those that the caller had drawn.
 * @throws Fault `attest/no-replicas` where there is neither, `attest/bad-draw` where the drawn ones do not fill the seats.
 */
export function replicasOf(policy: Policy, drawn?: readonly string[]): readonly Address[] {
  demand(policy.kind === 'quorum', 'receipt/bad-policy', () => 'the policy asks for no quorum', { found: policy.kind })
  if (policy.auditors.length > 0) return policy.auditors
  demand(drawn, 'attest/no-replicas', () => 'the policy names no replicas', {
    hint: 'name them, or draw them by a later beacon',
  })
  const replicas = inOrder(drawn)
  demand(replicas.length === policy.replicas, 'attest/bad-draw', () => 'as many replicas as seats', {
    expected: policy.replicas,
    found: replicas.length,
  })
  return replicas
}

/** A population of candidates and a quorum drawn from it. */
export interface Population {
  readonly candidates: number
  /** How many of them act together. */
  readonly colluding: number
  readonly replicas: number
  readonly threshold: number
}

/**
 * The probability that a fair draw seats enough colluders to pass a false claim: at least `threshold` of `replicas`.
 * Hypergeometric, summed in integers, so that the figure is right to the last place. What no quorum can do: notice them once they are seated.
 */
export function captureProbability({ candidates, colluding, replicas, threshold }: Population): number {
  let bad = 0n
  for (let seats = threshold; seats <= replicas; seats++) {
    bad += choose(colluding, seats) * choose(candidates - colluding, replicas - seats)
  }
  return ratio(bad, choose(candidates, replicas))
}

function choose(n: number, k: number): bigint {
  if (k < 0 || k > n) return 0n
  let result = 1n
  for (let i = 0; i < k; i++) result = (result * BigInt(n - i)) / BigInt(i + 1)
  return result
}

/** a / b to 60 binary places. */
function ratio(a: bigint, b: bigint): number {
  return Number((a << 60n) / b) / 2 ** 60
}
