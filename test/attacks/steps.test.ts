/** Steps that were skipped, repeated, left out at the end, swapped, or counted otherwise than the job does. */
import { beforeAll, describe, expect, test } from 'vitest'
import { challenged } from '../../src/attest/challenge.js'
import { replay } from '../../src/audit/index.js'
import type { Tensor } from '../../src/core/tensor.js'
import { proveInclusion } from '../../src/merkle/tree.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import { reference } from '../../src/runtime/reference.js'
import { encodeStep, runRoot, runTree, type Step } from '../../src/trace/step.js'
import type { Work } from '../../src/trace/trace.js'
import { ordered } from '../attest/training.js'
import { alice, fill } from '../receipt/samples.js'
import { NORMS, accepts, inspect } from './baseline.js'
import { forged } from './cheat.js'
import { claiming, reforged } from './reforged.js'
import { taskOf, train } from './run.js'
import { repeatedData, stopped } from './spoofs.js'
import { arrivalOf, challengedEach, falseLeaves, hitProbability, hits, interval, nonceAt } from './verifier.js'
import { nonceOf, outcomeOf, proofOf, sourceOf } from './verifier.js'

const STEPS = 24

/** Runs the steps, each on the inputs that `takes` names; undefined where the step is not run and the state stays. */
async function run(work: Work, takes: (step: number) => number | undefined) {
  const session = await reference().open(work.program, work.state)
  const [states, outputs] = [[session.state], [] as (readonly Tensor[])[]]
  for (let step = 0; step < work.inputs.length; step++) {
    const taken = takes(step)
    const before = session.state
    outputs.push((await session.step(work.inputs.at(taken ?? step)!)).outputs)
    if (taken === undefined) await session.restart(before)
    states.push(session.state)
  }
  return { states, outputs }
}

async function claimed(commitEvery: number, takes: (step: number) => number | undefined): Promise<Bundle> {
  const { job, work } = await ordered({ steps: STEPS, commitEvery, job: { salt: fill(5) } })
  return forged({ job, work, provider: alice, ...(await run(work, takes)) })
}

describe.each([1, 4])('of a run that commits every %i steps', (commitEvery) => {
  const leafOf = (step: number) => Math.floor(step / commitEvery)
  const falseAt = (step: number) =>
    Array.from({ length: STEPS / commitEvery }, (_, leaf) => (leaf === leafOf(step) ? 'attest/false-step' : 'valid'))

  test('no step is false in an honest run, which passes leaf by leaf', async () => {
    const own = await claimed(commitEvery, (step) => step)
    expect(await challengedEach(own)).toEqual(own.leaves.map(() => 'valid'))
    expect(await arrivalOf(own)).toBe('valid')
    expect((await replay(own, reference())).outcome).toBe('valid')
  })

  test('a skipped step is attest/false-step where its leaf is challenged, and refuted by a replay', async () => {
    const bundle = await claimed(commitEvery, (step) => (step === 10 ? undefined : step))
    expect(await challengedEach(bundle)).toEqual(falseAt(10))
    expect((await replay(bundle, reference())).outcome).toBe('refuted')
  })

  test('a repeated step is attest/false-step where its leaf is challenged, and refuted by a replay', async () => {
    const bundle = await claimed(commitEvery, (step) => (step === 10 ? 9 : step))
    expect(await challengedEach(bundle)).toEqual(falseAt(10))
    expect((await replay(bundle, reference())).outcome).toBe('refuted')
  })

  test('missing steps, an early stop with the full number claimed, are attest/false-step in every leaf behind it', async () => {
    const bundle = await claimed(commitEvery, (step) => (step < 12 ? step : undefined))
    const bad = await falseLeaves(bundle)
    expect(bad).toEqual(bundle.leaves.map(({ index }) => index).filter((leaf) => leaf >= leafOf(12)))
    expect(await challengedEach(bundle)).toEqual(
      bundle.leaves.map(({ index }) => (bad.includes(index) ? 'attest/false-step' : 'valid')),
    )
    const total = bundle.leaves.length
    for (const count of [1, 3]) {
      const [low, high] = interval(4000, hitProbability({ count, total }, bad.length))
      const hit = hits(bundle, { bad, count, draws: 4000 })
      expect(hit).toBeGreaterThanOrEqual(low)
      expect(hit).toBeLessThanOrEqual(high)
    }
  })
})

test('repeated and missing steps are accepted by the distance-threshold verifier at every threshold', async () => {
  const task = await taskOf({ name: 'forger', steps: 64 })
  const own = await train(task)
  for (const spoof of [await repeatedData({ task, own, at: 12 }), stopped({ task, own, at: 10 })]) {
    const inspection = await inspect(spoof)
    for (const threshold of [1000, 10, 0.1, 0.001])
      for (const norm of NORMS) expect(accepts(inspection, norm, threshold)).toBe(true)
  }
})

describe('a run of another length than the job asks for', () => {
  let own: Bundle
  beforeAll(async () => {
    own = await claimed(1, (step) => step)
  }, 60_000)
  /** The run with leaves left out at the end, or with a hidden step behind the last one. */
  async function resized(length: number): Promise<Bundle> {
    const { stateAfter, ...content } = own.leaves[STEPS - 1]
    const hidden: Step = { ...content, index: STEPS, stateBefore: stateAfter, stateAfter }
    const leaves = [...own.leaves, hidden].slice(0, length)
    const finalState = length < STEPS ? await own.checkpoints.read(length) : own.finalState
    return reforged(own, { leaves, steps: leaves, finalState })
  }

  test.each([16, 23, 25])('%i leaves instead of 24, opened by their own number, are refused', async (length) => {
    const bundle = await resized(length)
    for (let nonce = 0; nonce < 8; nonce++)
      expect(await outcomeOf(await proofOf(bundle, { nonce, count: 4 }))).toBe('attest/wrong-challenge')
    expect(await arrivalOf(bundle)).toBe('bundle/wrong-size')
  })

  test.each([
    [16, 'merkle/bad-proof-length'],
    [23, 'merkle/root-mismatch'],
    [25, 'merkle/root-mismatch'],
  ])('%i leaves instead of 24, shown as 24, do not lead to the root: %s', async (length, fault) => {
    const bundle = await resized(length)
    const leaf = 5
    let nonce = 0
    while (challenged(sourceOf(bundle, nonceOf(nonce)), { count: 1, total: STEPS })[0] !== leaf) nonce++
    const { beacon } = await proofOf(bundle, { nonce })
    const honestly = await proofOf(own, { nonce: nonceAt(own, leaf) })
    const tree = runTree(bundle.leaves)
    const openings = honestly.openings.map(({ leaf: shown }) => ({
      leaf: shown,
      path: proveInclusion(tree, Math.min(shown.index, length - 1)),
    }))
    expect(await outcomeOf({ ...honestly, receipt: bundle.receipt, beacon, openings })).toBe(fault)
    expect(await outcomeOf(honestly)).toBe('valid')
  })

  test('is another root, also where the leaves are the same', () => {
    const roots = [16, 23, 24].map((length) => `${runRoot(own.leaves.slice(0, length))}`)
    expect(new Set(roots).size).toBe(3)
  })

  test('the honest run passes what these were refused by', async () => {
    for (let nonce = 0; nonce < 4; nonce++)
      expect(await outcomeOf(await proofOf(own, { nonce, count: 4 }))).toBe('valid')
  })

  test('a final state or outputs that the last step does not have are refused as attest/wrong-end', async () => {
    const middle = own.leaves[11]
    for (const lie of [{ finalState: middle.stateAfter }, { outputs: middle.outputs }])
      expect(await challengedEach(await claiming(own, lie))).toEqual(own.leaves.map(() => 'attest/wrong-end'))
    expect(await arrivalOf(await claiming(own, { finalState: middle.stateAfter }))).toBe('receipt/wrong-state')
    expect(await arrivalOf(await claiming(own, { outputs: middle.outputs }))).toBe('receipt/wrong-outputs')
  })

  test('outputs of an inner step of the last leaf are refused as attest/wrong-end', async () => {
    const segments = await claimed(4, (step) => step)
    const bundle = await claiming(segments, { outputs: segments.steps[STEPS - 2].outputs })
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/wrong-end'))
  })
})

describe('leaves that stand elsewhere', () => {
  const [A, B] = [7, 15]
  let own: Bundle
  beforeAll(async () => {
    own = await claimed(1, (step) => step)
  }, 60_000)
  const swapped = (renumbered: boolean) => {
    const leaves = own.leaves.map((leaf, i) => (i === A ? own.leaves[B] : i === B ? own.leaves[A] : leaf))
    const numbered = renumbered ? leaves.map((leaf, index) => ({ ...leaf, index })) : leaves
    return reforged(own, { leaves: numbered, steps: numbered })
  }

  test('two leaves swapped with their numbers are refused as attest/wrong-challenge where one is shown', async () => {
    const bundle = await swapped(false)
    const shownWith = (leaf: number) => [leaf - 1, leaf].some((i) => i === A || i === B)
    const expected = own.leaves.map((_, leaf) => (shownWith(leaf) ? 'attest/wrong-challenge' : 'valid'))
    expect(await challengedEach(bundle)).toEqual(expected)
    expect(await arrivalOf(bundle)).toBe('trace/bad-step')
  })

  test('two leaves swapped and numbered anew are refused as attest/broken-chain at them and behind them', async () => {
    const bundle = await swapped(true)
    const broken = [A, A + 1, B, B + 1]
    const expected = own.leaves.map((_, leaf) => (broken.includes(leaf) ? 'attest/broken-chain' : 'valid'))
    expect(await challengedEach(bundle)).toEqual(expected)
    expect(await arrivalOf(bundle)).toBe('trace/bad-step')
  })

  test('a leaf of another place shown as the challenged one is refused', async () => {
    const proof = await proofOf(own, { nonce: nonceAt(own, A) })
    const openings = proof.openings.map((one) =>
      one.leaf.index === A ? { leaf: { ...own.leaves[B], index: A }, path: one.path } : one,
    )
    expect(encodeStep(openings[2].leaf)).not.toEqual(encodeStep(proof.openings[2].leaf))
    expect(await outcomeOf({ ...proof, openings })).toBe('merkle/root-mismatch')
    expect(await outcomeOf(proof)).toBe('valid')
  })

  test('a challenged leaf shown with the samples of a step less is refused as data/wrong-sample', async () => {
    const segments = await claimed(4, (step) => step)
    const proof = await proofOf(segments)
    expect(await outcomeOf(proof)).toBe('valid')
    const [{ batches, ...challenge }] = proof.challenges
    for (const fewer of [batches.slice(0, -1), batches.slice(1), []])
      expect(await outcomeOf({ ...proof, challenges: [{ ...challenge, batches: fewer }] })).toBe('data/wrong-sample')
  })
})
