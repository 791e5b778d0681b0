/** Runs that begin in somebody else's weights. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../../src/core/tensor.js'
import * as Recipe from '../../src/autodiff/recipe.js'
import * as Course from '../../src/data/course.js'
import * as Initial from '../../src/data/initial.js'
import { parametersOf } from '../../src/exact/program.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import * as Job from '../../src/receipt/job.js'
import { jobForCourse, type JobOptions } from '../../src/receipt/provide.js'
import { rootOfTensors } from '../../src/trace/digests.js'
import { BATCH, ordered, samples } from '../attest/training.js'
import { NETWORKS } from '../autodiff/networks.js'
import { alice, codeOf, fill } from '../receipt/samples.js'
import { forged, honest } from './cheat.js'
import { arrivalOf, challengedEach, outcomeOf, proofOf, received, verified } from './verifier.js'

const STEPS = 12
type State = readonly Tensor[]

let stolen: State
let fresh: Awaited<ReturnType<typeof ordered>>
beforeAll(async () => {
  const { states } = await honest((await ordered({ job: { salt: fill(6) } })).work)
  stolen = states[states.length - 1]
  fresh = await ordered({ steps: STEPS, job: { salt: fill(5) } })
}, 60_000)

/** A job for a fresh start, and what a provider makes of it that trains honestly from another state. */
async function claimedFresh(initial: State): Promise<Bundle> {
  const { job, work } = fresh
  return forged({ job, work, provider: alice, ...(await honest({ ...work, state: initial })) })
}

test('an honest run from the seed passes, and the finding says that it started there', async () => {
  const own = await claimedFresh(fresh.work.state)
  expect(await challengedEach(own)).toEqual(own.leaves.map(() => 'valid'))
  expect(await arrivalOf(own)).toBe('valid')
  expect((await verified(await proofOf(own), { start: { from: 'seed' } })).start.from).toBe('seed')
})

describe('a stolen model as own start, declared as fresh weights', () => {
  test('is refused as attest/wrong-start whichever leaf is challenged, though every transition is true', async () => {
    const bundle = await claimedFresh(stolen)
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/wrong-start'))
  })

  test('is refused on arrival as a bundle', async () =>
    expect(await arrivalOf(await claimedFresh(stolen))).toBe('trace/bad-step'))

  test('is a teleport where leaf 0 is made to begin in the fresh weights: attest/false-step at that leaf alone', async () => {
    const { job, work } = fresh
    const { states, outputs } = await honest({ ...work, state: stolen })
    const bundle = await forged({ job, work, provider: alice, outputs, states: [work.state, ...states.slice(1)] })
    const outcomes = await challengedEach(bundle)
    expect(outcomes).toEqual(bundle.leaves.map((_, leaf) => (leaf === 0 ? 'attest/false-step' : 'valid')))
  })

  test('one bit of one first weight is enough to be refused', async () => {
    const [first, ...rest] = fresh.work.state
    const data = (first.data as Float32Array).slice()
    new Uint32Array(data.buffer)[3] ^= 1
    const bundle = await claimedFresh([{ ...first, data }, ...rest])
    expect(await outcomeOf(await proofOf(bundle))).toBe('attest/wrong-start')
  })

  test('first weights that the seed of another job draws are refused', async () => {
    const other = await ordered({ steps: STEPS, job: { salt: fill(9) } })
    expect(await outcomeOf(await proofOf(await claimedFresh(other.work.state)))).toBe('attest/wrong-start')
  })

  test('first weights from other rules are refused by name: data/wrong-initial', async () => {
    const proof = await proofOf(await claimedFresh(fresh.work.state))
    const rules = proof.rules!.map(() => Initial.ZEROS)
    expect(await outcomeOf({ ...proof, rules })).toBe('data/wrong-initial')
    expect(await outcomeOf(proof)).toBe('valid')
  })
})

describe('a stolen model as own start, declared as a checkpoint', () => {
  async function fromCheckpoint(checkpoint: State, initial: State, options: JobOptions = {}) {
    const { program } = fresh
    const root = rootOfTensors('state', checkpoint)
    const course = Course.from(samples(), { batchSize: BATCH, start: { checkpoint: root } })
    const job = await jobForCourse({ program, course, steps: STEPS }, { salt: fill(5), ...options })
    const work = Course.open(course, program, { job: Job.hash(job.job), steps: STEPS, checkpoint })
    return forged({ job, work, provider: alice, ...(await honest({ ...work, state: initial })) })
  }

  test('passes, and the finding says that it started from a checkpoint, about which nothing is shown', async () => {
    const bundle = await fromCheckpoint(stolen, stolen)
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'valid'))
    const { start } = await verified(await proofOf(await received(bundle)))
    expect(start).toEqual({ from: 'checkpoint', root: rootOfTensors('state', stolen) })
  })

  test('is refused as attest/start-not-allowed where the verifier demands a fresh start, or another checkpoint', async () => {
    const proof = await proofOf(await fromCheckpoint(stolen, stolen))
    const [theirs, other] = [stolen, fresh.work.state].map((state) => rootOfTensors('state', state))
    const under = (start: Parameters<typeof verified>[1]) => outcomeOf(proof, start)
    expect(await under({ start: { from: 'seed' } })).toBe('attest/start-not-allowed')
    expect(await under({ start: { from: 'checkpoint', roots: [other] } })).toBe('attest/start-not-allowed')
    expect(await under({ start: { from: 'checkpoint', roots: [] } })).toBe('attest/start-not-allowed')
    expect(await under({ start: { from: 'checkpoint', roots: [other, theirs] } })).toBe('valid')
  })

  test('a fresh start is refused where the verifier demands a checkpoint', async () => {
    const proof = await proofOf(await claimedFresh(fresh.work.state))
    const start = { from: 'checkpoint', roots: [rootOfTensors('state', fresh.work.state)] } as const
    expect(await outcomeOf(proof, { start })).toBe('attest/start-not-allowed')
  })

  test('from another state than the declared one is refused as attest/wrong-start', async () => {
    const bundle = await fromCheckpoint(fresh.work.state, stolen)
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/wrong-start'))
    const honestly = await fromCheckpoint(fresh.work.state, fresh.work.state)
    expect(await challengedEach(honestly)).toEqual(honestly.leaves.map(() => 'valid'))
  })

  test('shown with the schedule of a fresh start is refused as receipt/wrong-inputs', async () => {
    const proof = await proofOf(await fromCheckpoint(stolen, stolen))
    const { schedule, rules } = fresh.course
    expect(await outcomeOf({ ...proof, schedule, rules })).toBe('receipt/wrong-inputs')
  })
})

describe('stolen weights as constants of the program', () => {
  const { compiled } = NETWORKS.mlp()
  const asked = Recipe.from({ loss: 'softmax-cross-entropy', optimizer: 'sgd', rate: 0.05 })
  const hiding = Recipe.from({ ...asked, trainable: ['b2'], untrained: 'constants' })

  async function trainedBy(recipe: Recipe.Recipe): Promise<Bundle> {
    const { program } = Recipe.train(compiled, recipe)
    const rules = parametersOf(program).map(({ dims }) =>
      dims.length === 2 ? Initial.glorot(Initial.fansOf(dims, 'in-out')) : Initial.ZEROS,
    )
    const course = Course.from(samples(), { batchSize: BATCH, start: { rules } })
    const job = await jobForCourse({ program, course, steps: STEPS }, { salt: fill(5) })
    const work = Course.open(course, program, { job: Job.hash(job.job), steps: STEPS })
    return forged({ job, work, provider: alice, ...(await honest(work)) })
  }

  test('pass as a start from the seed: it is the program that is not the one of the recipe, autodiff/wrong-program', async () => {
    const bundle = await trainedBy(hiding)
    const { start, receipt } = await verified(await proofOf(bundle), { start: { from: 'seed' } })
    expect(start.from).toBe('seed')
    expect(bundle.initialState).toHaveLength(1) // of four; the others came from elsewhere
    expect(await codeOf(() => Recipe.demandProgram(receipt.job.program, compiled, asked))).toBe(
      'autodiff/wrong-program',
    )
  })

  test('an honest run by the recipe passes both', async () => {
    const { receipt } = await verified(await proofOf(await trainedBy(asked)), { start: { from: 'seed' } })
    expect(Recipe.demandProgram(receipt.job.program, compiled, asked).program).toBeDefined()
  })
})
