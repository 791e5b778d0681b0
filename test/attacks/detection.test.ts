/** How often false leaves are met, measured on the real draw, and what a provider can do to be met less often. */
import { beforeAll, describe, expect, test } from 'vitest'
import { challenged, detection, type Source } from '../../src/attest/challenge.js'
import { prove, type Proof } from '../../src/attest/learning.js'
import { ZERO32, uint64, utf8, concat } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import * as Claim from '../../src/receipt/claim.js'
import { reference } from '../../src/runtime/reference.js'
import { ordered } from '../attest/training.js'
import { addressOf, alice, fill } from '../receipt/samples.js'
import { forged, honest } from './cheat.js'
import { jumping, reforged } from './reforged.js'
import { falseLeaves, hitProbability, interval, nonceOf, outcomeOf, proofOf, sourceOf, verified } from './verifier.js'

const source: Source = { claim: fill(1), provider: addressOf(alice), policy: fill(2), beacon: fill(3) }

/** Fails where a count is not one of those that this many trials of this probability give with 99.9 %. */
function expectRate(hit: number, { trials, probability }: { trials: number; probability: number }) {
  const [low, high] = interval(trials, probability)
  expect(hit).toBeGreaterThanOrEqual(low)
  expect(hit).toBeLessThanOrEqual(high)
}

test('the interval holds 99.9 % of the binomial distribution: known quantiles', () => {
  expect(interval(1, 0.5)).toEqual([0, 1])
  expect(interval(20, 0.5)).toEqual([3, 17]) // 211 / 2^20 below 3, 1351 / 2^20 up to 3
  expect(interval(100, 0)).toEqual([0, 0])
  expect(interval(100, 1)).toEqual([100, 100])
  expect(interval(10_000, 0.0001)[0]).toBe(0)
})

describe.each([
  [10, 10_000],
  [44, 2500],
  [90, 1200],
  [459, 400],
])('draws of %i leaves, %i of them', (count, trials) => {
  const total = 1_000_000
  let draws: (readonly number[])[]
  beforeAll(() => {
    draws = Array.from({ length: trials }, (_, n) => challenged({ ...source, beacon: nonceOf(n) }, { count, total }))
  }, 60_000)

  test.each([0.01, 0.05, 0.2])('meet a run of which %d is false with 1 - (1-f)^k, wherever it is false', (fraction) => {
    const places: ((leaf: number) => boolean)[] = [
      (leaf) => leaf < fraction * total,
      (leaf) => leaf >= total - fraction * total,
      (leaf) => leaf % Math.round(1 / fraction) === 0,
      (leaf) => (leaf * 7919) % total < fraction * total,
    ]
    const probability = detection({ count, total }, fraction)
    for (const bad of places) expectRate(draws.filter((drawn) => drawn.some(bad)).length, { trials, probability })
  })
})

describe('whole verifications', () => {
  const [STEPS, COUNT, NONCES] = [30, 5, 24]
  let own: Bundle
  let bundle: Bundle
  beforeAll(async () => {
    const { job, work } = await ordered({ steps: STEPS, job: { salt: fill(5) } })
    const { states, outputs } = await honest(work)
    const skipped = states.map((state, i) => (i % 5 === 3 ? states[i - 1] : state))
    own = await forged({ job, work, provider: alice, states, outputs })
    bundle = await forged({ job, work, provider: alice, states: skipped, outputs })
  }, 60_000)

  test('refuse a run as often as its draws meet false leaves, and never otherwise; an honest run never', async () => {
    const bad = await falseLeaves(bundle)
    let refused = 0
    for (let nonce = 0; nonce < NONCES; nonce++) {
      const drawn = challenged(sourceOf(bundle, nonceOf(nonce)), { count: COUNT, total: STEPS })
      const meets = drawn.some((leaf) => bad.includes(leaf))
      if (meets) refused++
      const expected = meets ? 'attest/false-step' : 'valid'
      expect(await outcomeOf(await proofOf(bundle, { nonce, count: COUNT }))).toBe(expected)
      if (nonce % 5 === 0) expect(await outcomeOf(await proofOf(own, { nonce, count: COUNT }))).toBe('valid')
    }
    const probability = hitProbability({ count: COUNT, total: STEPS }, bad.length)
    expect(probability).toBeGreaterThan(detection({ count: COUNT, total: STEPS }, bad.length / STEPS))
    expectRate(refused, { trials: NONCES, probability })
  })

  test('that demand more leaves than are shown refuse an honest run too, as attest/wrong-challenge', async () => {
    const proof = await proofOf(own, { count: COUNT })
    expect(await outcomeOf(proof, { least: COUNT + 1 })).toBe('attest/wrong-challenge')
    expect(await outcomeOf({ ...proof, count: COUNT + 1 }, { least: COUNT + 1 })).toBe('attest/wrong-challenge')
    expect(await outcomeOf(proof, { least: COUNT })).toBe('valid')
  })
})

describe('grinding the challenge', () => {
  const [RECOMMITS, count, total] = [2 ** 16, 10, 1000]
  const isBad = (leaf: number) => leaf % 5 === 0
  const probability = hitProbability({ count, total }, total / 5)
  const escapes = (claim: Uint8Array, beacon: Uint8Array) =>
    !challenged({ ...source, claim, beacon }, { count, total }).some(isBad)
  const claimOf = (n: number) =>
    Claim.hash({ job: fill(1), outputs: concat(new Uint8Array(24), uint64(n)), finalState: fill(2), run: fill(3) })
  const guess = (n: number) => sha256(utf8(`a provider's guess ${n}`))

  /** The recommits that escape a beacon which the provider knows or guesses. */
  let lucky: Uint8Array[]
  beforeAll(() => {
    lucky = Array.from({ length: RECOMMITS }, (_, n) => claimOf(n)).filter((claim) => escapes(claim, guess(0)))
  }, 60_000)

  test('the best of 2^16 recommits, chosen before the beacon, is met as often as any other claim', () => {
    let [left, guesses] = [lucky, 1]
    while (left.length > 1) {
      const better = left.filter((claim) => escapes(claim, guess(guesses)))
      if (better.length === 0) break
      ;[left, guesses] = [better, guesses + 1]
    }
    expect(guesses).toBeGreaterThanOrEqual(4) // it escaped all of these in a row, of which one claim in ten escapes each
    const trials = 4000
    const met = Array.from({ length: trials }, (_, n) => n).filter((n) => !escapes(left[0], nonceOf(n)))
    expect(probability).toBeGreaterThanOrEqual(detection({ count, total }, 0.2))
    expectRate(met.length, { trials, probability })
  })

  test('with a beacon that was known before, one recommit in ten escapes: therefore it must come later', () => {
    expectRate(lucky.length, { trials: RECOMMITS, probability: 1 - probability })
    expect(lucky.length).toBeGreaterThan(6000)
  })
})

describe('a proof without a beacon', () => {
  const [STEPS, JUMP, COUNT] = [100, 57, 80]
  let own: Bundle
  let bundle: Bundle
  beforeAll(async () => {
    const { job, work } = await ordered({ steps: STEPS, job: { salt: fill(5) } })
    own = await forged({ job, work, provider: alice, ...(await honest(work)) })
    bundle = await forged({ job, work, provider: alice, ...(await jumping(work, { after: JUMP, to: work.state })) })
  }, 60_000)
  const bare = (of: Bundle, count: number): Promise<Proof> => prove(of, reference(), { count })

  test('is refused as attest/needs-beacon unless (1-f)^k <= 2^-80', async () => {
    const proof = await bare(own, 5518)
    expect(await outcomeOf(proof)).toBe('valid')
    await expect(bare(own, 5517)).rejects.toMatchObject({ code: 'attest/needs-beacon' })
    expect(await outcomeOf({ ...proof, count: 5517 })).toBe('attest/needs-beacon')
    expect(await outcomeOf({ ...proof, count: 1082 }, { fraction: 0.05 })).toBe('valid')
    expect(await outcomeOf({ ...proof, count: 1081 }, { fraction: 0.05 })).toBe('attest/needs-beacon')
    const drawn = await proofOf(own, { count: 44 })
    expect(await outcomeOf({ ...drawn, beacon: undefined })).toBe('attest/needs-beacon')
    expect(await outcomeOf(drawn)).toBe('valid')
  })

  test('of all leaves refuses a false step', async () =>
    expect(await outcomeOf(await bare(bundle, 5518))).toBe('attest/false-step'))

  /** The proof of the leaves that the claim draws for itself, out of one of all leaves. */
  function narrowed(proof: Proof): Proof {
    const drawn = challenged(sourceOf(proof, ZERO32), { count: COUNT, total: STEPS })
    const shown = new Set([0, STEPS - 1, ...drawn, ...drawn.map((leaf) => leaf - 1)])
    const openings = proof.openings.filter(({ leaf }) => shown.has(leaf.index))
    return { ...proof, count: COUNT, openings, challenges: proof.challenges.filter(({ leaf }) => drawn.includes(leaf)) }
  }

  test('says 0 of a jump, for which a provider recommits until it is not drawn', async () => {
    const sample = { count: COUNT, total: STEPS }
    let again = bundle
    for (let tried = 0; challenged(sourceOf(again, ZERO32), sample).includes(JUMP); tried++) {
      // whatever the false leaf says of its outputs makes another claim
      const leaves = bundle.leaves.map((leaf, i) => (i === JUMP ? { ...leaf, outputs: fill(tried) } : leaf))
      again = await reforged(bundle, { leaves, steps: leaves })
    }
    const lucky = narrowed(await bare(again, 5518))
    expect(await verified(lucky, { fraction: 0.5 })).toMatchObject({ sampled: COUNT, total: STEPS, jump: 0 })
    expect(await outcomeOf(lucky)).toBe('attest/needs-beacon')
  })

  test('of an honest run says the same; 1 where all leaves are opened, k / N with a beacon', async () => {
    const all = await bare(own, 5518)
    expect(await verified(narrowed(all), { fraction: 0.5 })).toMatchObject({ jump: 0, randomness: undefined })
    expect(await verified(all)).toMatchObject({ jump: 1 })
    expect(await verified(await proofOf(own, { count: COUNT }))).toMatchObject({ jump: COUNT / STEPS })
  })
})
