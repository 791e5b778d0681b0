/**
 * The verifier that the attacks meet: draws by its nonces, proofs checked whole, bundles as they arrive, and how often fair draws hit.
 * @module
 */
import { sample } from '../../src/audit/index.js'
import { challenged, type Sample, type Source } from '../../src/attest/challenge.js'
import { prove, verify, type Finding, type Proof, type ProofOptions } from '../../src/attest/learning.js'
import { concat, utf8, type Bytes32 } from '../../src/core/bytes.js'
import { check } from '../../src/core/check.js'
import type { FaultCode } from '../../src/core/faults.js'
import { sha256 } from '../../src/core/sha256.js'
import * as Bundle from '../../src/receipt/bundle.js'
import { hash as hashClaim } from '../../src/receipt/claim.js'
import { reference } from '../../src/runtime/reference.js'
import { encodeState } from '../../src/trace/state.js'
import { nonceFor } from '../attest/training.js'
import { addressOf, alice, bob } from '../receipt/samples.js'

/** Whom it trusts about randomness: itself. */
export const trust = { verifier: addressOf(bob) }

/** Its nonces, the same on every machine. */
export const nonceOf = (n: number): Bytes32 => sha256(utf8(`attacks: nonce ${n}`))

/** What the draw of a receipt follows from under a nonce. */
export function sourceOf({ receipt: { receipt, job } }: Pick<Bundle.Bundle, 'receipt'>, nonce: Bytes32): Source {
  return { claim: hashClaim(receipt.claim), provider: receipt.provider, policy: job.policy, beacon: nonce }
}

/** Which nonce is given, for how many leaves, and what else is demanded. */
export interface Checking extends ProofOptions {
  /** Its number. Default 0. */
  readonly nonce?: number
  /** Default 1. */
  readonly count?: number
}

/** A proof of leaves that a nonce challenges. */
export async function proofOf(bundle: Bundle.Bundle, { nonce = 0, count = 1 }: Checking = {}): Promise<Proof> {
  return prove(bundle, reference(), { beacon: await nonceFor(bundle, bob, nonceOf(nonce)), count, trust })
}

/** What a proof is found to show. */
export const verified = (proof: Proof, options: ProofOptions = {}): Promise<Finding> =>
  verify(proof, reference(), { trust, ...options })

/** The fault by which a proof is refused, or that it is valid. */
export async function outcomeOf(proof: Proof, options: ProofOptions = {}): Promise<FaultCode | 'valid'> {
  const checked = await check(() => verified(proof, options))
  return checked.ok ? 'valid' : checked.fault.code
}

/** A nonce by which this leaf is challenged and no other. */
export function nonceAt(bundle: Bundle.Bundle, leaf: number): number {
  let nonce = 0
  while (challenged(sourceOf(bundle, nonceOf(nonce)), { count: 1, total: bundle.leaves.length })[0] !== leaf) nonce++
  return nonce
}

/** What becomes of a proof that opens this leaf and no other. */
export const challengedAt = async (bundle: Bundle.Bundle, leaf: number): Promise<FaultCode | 'valid'> =>
  outcomeOf(await proofOf(bundle, { nonce: nonceAt(bundle, leaf) }))

/** The same for every leaf of the run. */
export async function challengedEach(bundle: Bundle.Bundle): Promise<(FaultCode | 'valid')[]> {
  const outcomes: (FaultCode | 'valid')[] = []
  for (const { index } of bundle.leaves) outcomes.push(await challengedAt(bundle, index))
  return outcomes
}

/** The bundle as it arrives at somebody else: written, read and verified, with its checkpoints. */
export async function received(bundle: Bundle.Bundle, options: Bundle.VerifyOptions = {}): Promise<Bundle.Bundle> {
  const files = Bundle.encode(bundle)
  for (const leaf of bundle.checkpoints.at)
    files.set(Bundle.checkpointPath(leaf), concat(...encodeState(await bundle.checkpoints.read(leaf))))
  return Bundle.verify(await Bundle.decode(Bundle.readerOf(files)), options)
}

/** The fault by which a bundle is refused on arrival, or that it is valid. */
export async function arrivalOf(
  bundle: Bundle.Bundle,
  options: Bundle.VerifyOptions = {},
): Promise<FaultCode | 'valid'> {
  const checked = await check(() => received(bundle, options))
  return checked.ok ? 'valid' : checked.fault.code
}

/** Leaves that do not follow from the states before them, each computed again. */
export async function falseLeaves(bundle: Bundle.Bundle): Promise<number[]> {
  const found: number[] = []
  for (const { index } of bundle.leaves)
    if ((await sample(bundle, reference(), { leaves: [index] })).outcome === 'refuted') found.push(index)
  return found
}

/** How many of so many draws hold one of these leaves, each by a nonce of its own. */
export function hits(bundle: Bundle.Bundle, { bad, count, draws }: { bad: number[]; count: number; draws: number }) {
  const total = bundle.leaves.length
  const source = { ...sourceOf(bundle, nonceOf(0)), provider: addressOf(alice) }
  let hit = 0
  for (let n = 0; n < draws; n++) {
    const drawn = challenged({ ...source, beacon: nonceOf(n) }, { count, total })
    if (bad.some((leaf) => drawn.includes(leaf))) hit++
  }
  return hit
}

/** The probability that a draw without repeats holds one of so many leaves. */
export function hitProbability({ count, total }: Sample, bad: number): number {
  let missed = 1
  for (let i = 0; i < Math.min(count, total); i++) missed *= Math.max(0, total - bad - i) / (total - i)
  return 1 - missed
}

/** The probability with which a right measurement may fall outside of the interval: 0.1 %, half of it on either side. */
const OUTSIDE = 0.001

/** The interval of counts in which so many trials of this probability end with 99.9 %: exact, by the binomial distribution. */
export function interval(trials: number, probability: number): readonly [number, number] {
  if (probability <= 0 || probability >= 1) return [trials * probability, trials * probability]
  const mode = Math.min(trials, Math.floor((trials + 1) * probability))
  const odds = probability / (1 - probability)
  const weights = new Float64Array(trials + 1)
  weights[mode] = 1
  for (let k = mode; k < trials; k++) weights[k + 1] = (weights[k] * (trials - k) * odds) / (k + 1)
  for (let k = mode; k > 0; k--) weights[k - 1] = (weights[k] * k) / ((trials - k + 1) * odds)
  const tail = (OUTSIDE / 2) * weights.reduce((sum, weight) => sum + weight, 0)
  return [bound(weights, tail), trials - bound(weights.reverse(), tail)]
}

/** The first place up to which no more than this weight lies. */
function bound(weights: Float64Array, tail: number): number {
  let [at, sum] = [0, weights[0]]
  while (sum <= tail) sum += weights[++at]
  return at
}
