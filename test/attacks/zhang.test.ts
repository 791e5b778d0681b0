/** Zhang et al., "Adversarial Examples for Proof-of-Learning" (2022). */
import { beforeAll, describe, expect, test } from 'vitest'
import { challenged } from '../../src/attest/challenge.js'
import type { Proof } from '../../src/attest/learning.js'
import type { Tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import * as Dataset from '../../src/data/dataset.js'
import { stacked } from '../../src/data/schedule.js'
import * as Job from '../../src/receipt/job.js'
import { jobForCourse } from '../../src/receipt/provide.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import { NORMS, accepts, distances, inspect } from './baseline.js'
import { bundleOf, showing } from './countersign.js'
import { taskOf, train, transcriptOf, type State, type Task, type Transcript } from './run.js'
import { adversarialDataI, adversarialDataII, adversarialDataIII, initBreak } from './spoofs.js'
import { arrivalOf, challengedEach, nonceAt, nonceOf, outcomeOf, proofOf, sourceOf } from './verifier.js'

const last = <T>(list: readonly T[]): T => list[list.length - 1]

let task: Task
let stolen: State
beforeAll(async () => {
  task = await taskOf({ name: 'forger', steps: 16 })
  stolen = last((await train(await taskOf({ name: 'victim', steps: 32 }))).states)
}, 60_000)

/** What becomes of proofs that show the crafted batches, leaf by leaf. */
async function shownEach(spoof: Transcript, shown: (proof: Proof) => Proof) {
  const bundle = await bundleOf(spoof, 'claimed')
  const outcomes: string[] = []
  for (const { index } of bundle.leaves)
    outcomes.push(await outcomeOf(shown(await proofOf(bundle, { nonce: nonceAt(bundle, index) }))))
  return outcomes
}

test('an honest run of the same job passes, leaf by leaf', async () => {
  const own = await bundleOf(await train(task))
  expect(await challengedEach(own)).toEqual(own.leaves.map(() => 'valid'))
})

describe.each([
  ['I', (theft: { task: Task; stolen: State }) => adversarialDataI(theft, { iterations: 12 })],
  ['II', (theft: { task: Task; stolen: State }) => adversarialDataII(theft, { iterations: 12 })],
  ['III', (theft: { task: Task; stolen: State }) => Promise.resolve(adversarialDataIII(theft))],
] as const)('adversarial data %s', (_, forge) => {
  let spoof: Transcript
  beforeAll(async () => {
    spoof = await forge({ task, stolen })
  }, 60_000)

  test('is refused as attest/false-step where the samples are shown that the schedule draws', async () => {
    const bundle = await bundleOf(spoof)
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/false-step'))
  })

  test('is refused as merkle/root-mismatch where the crafted samples are shown in their place', async () => {
    const outcomes = await shownEach(spoof, (proof) => showing(proof, spoof))
    expect(outcomes).toEqual(outcomes.map(() => 'merkle/root-mismatch'))
  })

  test('is refused as attest/false-step where the leaves name the crafted batches and the drawn samples are shown', async () => {
    const outcomes = await shownEach(spoof, (proof) => proof)
    expect(outcomes).toEqual(outcomes.map(() => 'attest/false-step'))
  })

  test('the distance-threshold verifier, which takes the batches from the prover, accepts it at threshold 10 in l2', async () =>
    expect(accepts(await inspect(spoof), 'l2', 10)).toBe(true))
})

test('adversarial data I: every transition is true on the batches that the forger names, so no threshold tells', async () => {
  const inspection = await inspect(await adversarialDataI({ task, stolen }, { iterations: 12 }), { top: 4 })
  for (const threshold of [1000, 10, 0.1, 0.001])
    for (const norm of NORMS) expect(accepts(inspection, norm, threshold), norm).toBe(true)
})

/** Batches one behind the other, as a data set. */
function datasetOf({ task, inputs }: Transcript): Dataset.Dataset {
  const batches = Array.from({ length: task.steps }, (_, step) => inputs(step).slice(0, -1))
  const columns = stacked(batches).map(({ dtype, dims: [steps, rows, ...rest], data }): Tensor => {
    return { dtype, dims: [steps * rows, ...rest], data }
  })
  return Dataset.from({ x: columns[0], label: columns[1] })
}

test('adversarial data I as a data set of its own, in committed order: the seed follows from the data, so they meet other first weights', async () => {
  const spoof = await adversarialDataI({ task, stolen }, { iterations: 12 })
  const { program, rules, steps } = task
  const course = Course.from(datasetOf(spoof), { batchSize: 16, order: 'committed', start: { rules } })
  const job = await jobForCourse({ program, course, steps }, { commitEvery: 4, salt: task.job.job.salt })
  const work = Course.open(course, program, { job: Job.hash(job.job), steps })
  const inputs = (step: number) => work.inputs.at(step)!
  for (const step of [0, 7, 15]) expect(inputs(step)).toEqual(spoof.inputs(step))
  const own: Task = { ...task, job, course, work, initial: work.state, inputs }
  const forged = { ...spoof, task: own }
  const bundle = await bundleOf(forged)
  expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/wrong-start'))
  const honest = await train(own)
  expect(await outcomeOf(await proofOf(await bundleOf(honest), { count: 4 }))).toBe('valid')
  const [wanted, got] = [last(spoof.states), last(honest.states)].map((state) => distances(state, stolen).l2)
  expect(got).toBeGreaterThan(1.2 * wanted)
})

describe('init-break', () => {
  let spoof: Transcript
  /** Honest training from weights that are not those of the seed: every transition is true. */
  let trained: Transcript
  let bundle: Bundle
  beforeAll(async () => {
    spoof = initBreak({ task, stolen })
    trained = transcriptOf(task, await train({ ...task, initial: spoof.states[0] }))
    bundle = await bundleOf(trained)
  }, 60_000)

  test('the first weights are nearer to the stolen ones and pass the Kolmogorov-Smirnov test of the distance-threshold verifier, which accepts', async () => {
    expect(distances(spoof.states[0], stolen).l2).toBeLessThan(0.3 * distances(task.initial, stolen).l2)
    for (const transcript of [spoof, trained]) {
      const inspection = await inspect(transcript)
      expect(inspection.startsDrawn).toBe(true)
      for (const norm of NORMS) expect(accepts(inspection, norm, 10), norm).toBe(true)
    }
  })

  test('init-break is refused as attest/wrong-start always, also where leaf 0 is not challenged', async () => {
    const total = bundle.leaves.length
    const drawn = challenged(sourceOf(bundle, nonceOf(nonceAt(bundle, total - 1))), { count: 1, total })
    expect(drawn).toEqual([total - 1])
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/wrong-start'))
    const interpolated = await bundleOf(spoof)
    expect(await challengedEach(interpolated)).toEqual(interpolated.leaves.map(() => 'attest/wrong-start'))
  })

  test('init-break is refused on arrival as a bundle: its first leaf does not begin in the state of the seed', async () =>
    expect(await arrivalOf(bundle)).toBe('trace/bad-step'))
})
