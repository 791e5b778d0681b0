/** Choi, Shavit, Duvenaud, "Tools for Verifying Neural Models' Training Data" (2023): forged and manipulated transcripts. */
import { beforeAll, describe, expect, test } from 'vitest'
import { replay } from '../../src/audit/index.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import { reference } from '../../src/runtime/reference.js'
import { NORMS, accepts, inspect, largestUpdates } from './baseline.js'
import { bundleOf } from './countersign.js'
import { spliced } from './reforged.js'
import { taskOf, train, type Task, type Transcript } from './run.js'
import { glued, hiddenData, interpolated, omittedData } from './spoofs.js'
import { arrivalOf, challengedEach, hitProbability, hits, interval, nonceAt, proofOf, verified } from './verifier.js'

const LEAVES = 16
const SEAM = 8
const THRESHOLDS = [1000, 10, 0.1, 0.001]

let task: Task
let own: Transcript
/** The same job's batches from other first weights: every transition is true. */
let other: Transcript
beforeAll(async () => {
  task = await taskOf({ name: 'forger', steps: 4 * LEAVES })
  own = await train(task)
  other = await train({ ...task, initial: (await taskOf({ name: 'victim', steps: 4 * LEAVES })).initial })
}, 60_000)

/** 'valid' everywhere but at these leaves. */
const only = (fault: string, leaves: readonly number[]) =>
  Array.from({ length: LEAVES }, (_, leaf) => (leaves.includes(leaf) ? fault : 'valid'))

/** Fair draws of k leaves meet one false leaf with k / N. */
function expectFound(bundle: Bundle, bad: number) {
  for (const count of [1, 3, 8]) {
    const probability = hitProbability({ count, total: LEAVES }, 1)
    expect(probability).toBeCloseTo(count / LEAVES, 12)
    const [low, high] = interval(3000, probability)
    const hit = hits(bundle, { bad: [bad], count, draws: 3000 })
    expect(hit).toBeGreaterThanOrEqual(low)
    expect(hit).toBeLessThanOrEqual(high)
  }
}

async function expectAccepted(spoof: Transcript, thresholds: readonly number[]) {
  const inspection = await inspect(spoof)
  for (const threshold of thresholds)
    for (const norm of NORMS) expect(accepts(inspection, norm, threshold), `${norm} ${threshold}`).toBe(true)
}

test('an honest run of the same job passes, leaf by leaf, and its replay', async () => {
  const bundle = await bundleOf(own)
  expect(await challengedEach(bundle)).toEqual(only('', []))
  expect(await arrivalOf(bundle)).toBe('valid')
  expect((await replay(bundle, reference())).outcome).toBe('valid')
})

describe('interpolation of runs', () => {
  test('is refused as attest/false-step whichever leaf is challenged', async () => {
    const bundle = await bundleOf(interpolated({ task, own, other }))
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/false-step'))
  })

  test('the distance-threshold verifier accepts it at thresholds 1000 and 10', () =>
    expectAccepted(interpolated({ task, own, other }), [1000, 10]))
})

describe('gluing of runs', () => {
  test('of the same job has one false step: attest/false-step where the seam is challenged, k of N draws', async () => {
    const bundle = await bundleOf(glued({ task, own, other }, { at: SEAM }))
    const seam = SEAM - 1 // the leaf that ends in a state of the other run
    expect(await challengedEach(bundle)).toEqual(only('attest/false-step', [seam]))
    expectFound(bundle, seam)
    expect((await replay(bundle, reference())).outcome).toBe('refuted')
  })

  test('with a broken chain: attest/broken-chain where the seam is challenged, trace/bad-step on arrival as a bundle', async () => {
    const [mine, theirs] = [await bundleOf(own), await bundleOf(other)]
    const bundle = await spliced(mine, theirs, SEAM)
    expect(await challengedEach(bundle)).toEqual(only('attest/broken-chain', [SEAM]))
    expectFound(bundle, SEAM)
    expect(await arrivalOf(bundle)).toBe('trace/bad-step')
  })

  test('with a run of another job, on its own batches: attest/false-step behind the seam too', async () => {
    const foreign = await train(await taskOf({ name: 'victim', steps: 4 * LEAVES }))
    const bundle = await bundleOf(glued({ task, own, other: foreign }, { at: SEAM }))
    const behind = Array.from({ length: LEAVES - SEAM + 1 }, (_, i) => SEAM - 1 + i)
    expect(await challengedEach(bundle)).toEqual(only('attest/false-step', behind))
  })

  test('the distance-threshold verifier accepts it at threshold 1000', () =>
    expectAccepted(glued({ task, own, other }, { at: SEAM }), [1000]))
})

describe.each([
  ['hidden extra data', hiddenData],
  ['omitted data', omittedData],
] as const)('%s', (_, forge) => {
  let spoof: Transcript
  let at: number
  beforeAll(async () => {
    at = 0
    do spoof = await forge({ task, own, at })
    while (largestUpdates(spoof, 2).includes(at) && at++ < LEAVES)
  }, 60_000)

  test('between two leaves is attest/false-step where that leaf is challenged, k of N draws, and in a replay always', async () => {
    const bundle = await bundleOf(spoof)
    expect(await challengedEach(bundle)).toEqual(only('attest/false-step', [at]))
    expectFound(bundle, at)
    const { outcome, trace } = await replay(bundle, reference())
    expect(outcome).toBe('refuted')
    expect(trace.leaves[at].stateBefore).toEqual(bundle.leaves[at].stateBefore)
    expect(trace.leaves[at].stateAfter).not.toEqual(bundle.leaves[at].stateAfter)
  })

  test('is accepted by the distance-threshold verifier at every threshold: it looks at larger updates', async () => {
    expect(largestUpdates(spoof, 2)).not.toContain(at)
    await expectAccepted(spoof, THRESHOLDS)
  })
})

test('a seam that is not challenged is not seen, and the finding says that one false step would have been with k / N', async () => {
  const bundle = await bundleOf(glued({ task, own, other }, { at: SEAM }))
  const found = await verified(await proofOf(bundle, { nonce: nonceAt(bundle, 0) }))
  expect(found).toMatchObject({ sampled: 1, total: LEAVES, jump: 1 / LEAVES })
})
