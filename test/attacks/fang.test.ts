/** Fang et al., "Proof-of-Learning is Currently More Broken Than You Think" (2023). */
import { beforeAll, describe, expect, test } from 'vitest'
import { challenged } from '../../src/attest/challenge.js'
import { replay } from '../../src/audit/index.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import { reference } from '../../src/runtime/reference.js'
import { NORMS, accepts, inspect, largestUpdates } from './baseline.js'
import { bundleOf } from './countersign.js'
import { taskOf, train, type State, type Transcript } from './run.js'
import { blindfold, infinitesimalUpdate } from './spoofs.js'
import { challengedAt, challengedEach, falseLeaves, hitProbability, hits, interval } from './verifier.js'
import { nonceOf, outcomeOf, proofOf, sourceOf } from './verifier.js'

const TINY = 1e-9
const last = <T>(list: readonly T[]): T => list[list.length - 1]

let stolen: State
beforeAll(async () => {
  stolen = last((await train(await taskOf({ name: 'victim', steps: 64 }))).states)
}, 60_000)

describe('infinitesimal update', () => {
  let spoof: Transcript
  let bundle: Bundle
  beforeAll(async () => {
    spoof = infinitesimalUpdate({ task: await taskOf({ name: 'forger', steps: 64, rate: TINY }), stolen })
    bundle = await bundleOf(spoof)
  }, 60_000)

  test('infinitesimal update is refused as attest/false-step whichever leaf is challenged', async () =>
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/false-step')))

  test('a replay refutes it', async () => expect((await replay(bundle, reference())).outcome).toBe('refuted'))

  test('an honest run at the same learning rate passes the same verification, leaf by leaf', async () => {
    const own = await bundleOf(await train(spoof.task))
    expect(await challengedEach(own)).toEqual(own.leaves.map(() => 'valid'))
    expect((await replay(own, reference())).outcome).toBe('valid')
  })

  test('the distance-threshold verifier accepts it at thresholds 1000 and 10 in every norm', async () => {
    const inspection = await inspect(spoof)
    for (const threshold of [1000, 10])
      for (const norm of NORMS) expect(accepts(inspection, norm, threshold), norm).toBe(true)
  })
})

describe('blindfold top-Q', () => {
  const TOP = 2
  let spoof: Transcript
  let bundle: Bundle
  let bad: number[]
  beforeAll(async () => {
    spoof = await blindfold({ task: await taskOf({ name: 'forger', steps: 320 }), stolen }, { top: TOP })
    bundle = await bundleOf(spoof)
    bad = await falseLeaves(bundle)
  }, 60_000)

  test('none of the updates that the distance-threshold verifier recomputes is false, and it accepts at every threshold', async () => {
    const inspection = await inspect(spoof, { top: TOP })
    expect(inspection.recomputed.filter((update) => bad.includes(update))).toEqual([])
    for (const threshold of [1000, 10, 0.1, 0.001])
      for (const norm of NORMS) expect(accepts(inspection, norm, threshold), norm).toBe(true)
  })

  test('blindfold top-Q is refused as attest/false-step exactly where a drawn leaf is one of the interpolated ones', async () => {
    for (let nonce = 0; nonce < 12; nonce++) {
      const [drawn] = challenged(sourceOf(bundle, nonceOf(nonce)), { count: 1, total: bundle.leaves.length })
      const expected = bad.includes(drawn) ? 'attest/false-step' : 'valid'
      expect(await outcomeOf(await proofOf(bundle, { nonce })), `leaf ${drawn}`).toBe(expected)
    }
    expect(await challengedAt(bundle, bad[0])).toBe('attest/false-step')
    expect(await outcomeOf(await proofOf(bundle, { count: 20 }))).toBe('attest/false-step')
  })

  test('fair draws of k leaves meet it as often as stated: at least 1 - (1-f)^k', () => {
    const total = bundle.leaves.length
    const fraction = bad.length / total
    expect(fraction).toBeGreaterThan(0.5)
    for (const count of [1, 2, 4]) {
      const probability = hitProbability({ count, total }, bad.length)
      expect(probability).toBeGreaterThanOrEqual(1 - (1 - fraction) ** count - 1e-12)
      const [low, high] = interval(4000, probability)
      const hit = hits(bundle, { bad, count, draws: 4000 })
      expect(hit, `${count} of ${total}`).toBeGreaterThanOrEqual(low)
      expect(hit, `${count} of ${total}`).toBeLessThanOrEqual(high)
    }
  })

  test('an honest run of the same job passes the same draws', async () => {
    const own = await bundleOf(await train(spoof.task))
    for (let nonce = 0; nonce < 6; nonce++)
      expect(await outcomeOf(await proofOf(own, { nonce, count: 4 }))).toBe('valid')
    expect(await outcomeOf(await proofOf(own, { count: 20 }))).toBe('valid')
  })

  test('the draw is not ordered by magnitude: large and small updates are drawn alike', () => {
    const total = bundle.leaves.length
    const large = largestUpdates(spoof, TOP)
    const small = bundle.leaves.map(({ index }) => index).filter((leaf) => !large.includes(leaf))
    expect(small.filter((leaf) => bad.includes(leaf)).length).toBe(bad.length)
    for (const leaves of [large, small]) {
      const [low, high] = interval(4000, leaves.length / total)
      const hit = hits(bundle, { bad: leaves, count: 1, draws: 4000 })
      expect(hit).toBeGreaterThanOrEqual(low)
      expect(hit).toBeLessThanOrEqual(high)
    }
  })
})
