/** Data in another order than the job's, seeds that somebody chose, and data sets that pass for others. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex, utf8, type Bytes32 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { bytesOf, fromBytes, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import * as Dataset from '../../src/data/dataset.js'
import { samplesAt, seedFor } from '../../src/data/schedule.js'
import * as Job from '../../src/receipt/job.js'
import { jobForCourse, type JobOptions } from '../../src/receipt/provide.js'
import { addressOf, alice, carol, fill } from '../receipt/samples.js'
import { NORMS, accepts, inspect } from './baseline.js'
import { forged, honest } from './cheat.js'
import { bundleOf, showing } from './countersign.js'
import { points, programAt, taskOf, train, type Task, type Transcript } from './run.js'
import { chosenOrder } from './spoofs.js'
import { arrivalOf, challengedEach, nonceAt, outcomeOf, proofOf, verified } from './verifier.js'

let task: Task
beforeAll(async () => {
  task = await taskOf({ name: 'forger', steps: 32 })
}, 60_000)

describe('chosen data order', () => {
  let spoof: Transcript
  beforeAll(async () => {
    spoof = await chosenOrder(task)
  }, 60_000)

  test('is refused as data/wrong-sample where the samples are shown that were trained on', async () => {
    const bundle = await bundleOf(spoof, 'claimed')
    for (const { index } of bundle.leaves) {
      const proof = await proofOf(bundle, { nonce: nonceAt(bundle, index) })
      expect(await outcomeOf(showing(proof, spoof))).toBe('data/wrong-sample')
    }
  })

  test('is refused as attest/false-step where the samples are shown that the schedule draws', async () => {
    const bundle = await bundleOf(spoof)
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/false-step'))
  })

  test('is accepted by the distance-threshold verifier at every threshold: each transition is true', async () => {
    const inspection = await inspect(spoof)
    for (const threshold of [1000, 10, 0.1, 0.001])
      for (const norm of NORMS) expect(accepts(inspection, norm, threshold)).toBe(true)
  })

  test('the honest run of the same job passes, leaf by leaf', async () => {
    const own = await bundleOf(await train(task))
    expect(await challengedEach(own)).toEqual(own.leaves.map(() => 'valid'))
  })
})

/** An honest run of a job over the same data, program and number of steps. */
async function ran(course: Course.Course, options: JobOptions, tampered: Partial<Job.Job> = {}) {
  const asked = await jobForCourse({ program: programAt(0.1), course, steps: 8 }, { commitEvery: 4, ...options })
  const job = { ...asked, job: { ...asked.job, ...tampered } }
  const work = Course.open(course, programAt(0.1), { job: Job.hash(job.job), steps: 8 })
  return forged({ job, work, provider: alice, ...(await honest(work)) })
}

describe('an order found by trying salts', () => {
  /** How many samples of the first class stand in the first batch of a job with this salt. */
  async function firsts(salt: Bytes32): Promise<number> {
    const { course, program, steps } = task
    const { job } = await jobForCourse({ program, course, steps }, { salt })
    const labels = course.dataset.columns[1].data
    const place = { seed: seedFor(course.schedule, Job.hash(job)), step: 0 }
    return samplesAt(course.schedule, place).filter((index) => labels[index] === 0n).length
  }

  let liked: Bytes32
  beforeAll(async () => {
    const salts = Array.from({ length: 100 }, (_, i) => sha256(utf8(`salt ${i}`)))
    const counts = await Promise.all(salts.map(firsts))
    liked = salts[counts.indexOf(Math.max(...counts))]
  }, 60_000)

  test('can be had for the own job, and its proof says that it is self-issued', async () => {
    expect(await firsts(liked)).toBeGreaterThanOrEqual(8) // of 16; 4 are expected
    const own = await ran(task.course, { salt: liked })
    expect(await verified(await proofOf(own))).toMatchObject({ selfIssued: true })
    const asked = await ran(task.course, { salt: liked, requester: alice })
    expect(await verified(await proofOf(asked))).toMatchObject({ selfIssued: true })
  })

  test('is refused as receipt/bad-signature for the job of somebody else, whose salt is signed', async () => {
    const asked = await ran(task.course, { requester: carol, salt: fill(7) })
    expect(await verified(await proofOf(asked), { requested: true })).toMatchObject({ selfIssued: false })
    const ground = await ran(task.course, { salt: liked }, { requester: addressOf(carol) })
    expect(await verified(await proofOf(ground))).toMatchObject({ selfIssued: true })
    expect(await outcomeOf(await proofOf(ground), { requested: true })).toBe('receipt/unrequested')
    const { jobSignature } = asked.receipt
    const claimed = { ...ground, receipt: { ...ground.receipt, jobSignature } }
    expect(await outcomeOf(await proofOf(claimed))).toBe('receipt/bad-signature')
    expect(await arrivalOf(claimed)).toBe('receipt/bad-signature')
  })
})

describe('an order under a beacon that the schedule names', () => {
  const [name, given, chosen] = [fill(1), fill(2), fill(3)]
  const courseWith = (randomness: Bytes32) =>
    Course.from(task.course.dataset, { batchSize: 16, start: { rules: task.rules }, beacon: name, randomness })

  test('cannot be chosen: another randomness than the verifier knows is refused as data/wrong-beacon', async () => {
    const bundle = await ran(courseWith(chosen), {})
    expect(await outcomeOf(await proofOf(bundle), { seedBeacon: given })).toBe('data/wrong-beacon')
    expect(await arrivalOf(bundle, { seedBeacon: given })).toBe('data/wrong-beacon')
  })

  test('is undecided, data/unknown-beacon, for a verifier that does not know what the beacon gave', async () => {
    const bundle = await ran(courseWith(given), {})
    expect(await outcomeOf(await proofOf(bundle))).toBe('data/unknown-beacon')
    expect(await arrivalOf(bundle)).toBe('data/unknown-beacon')
  })

  test('of an honest run passes with what the beacon gave', async () => {
    const bundle = await ran(courseWith(given), {})
    expect(await outcomeOf(await proofOf(bundle, { count: 2 }), { seedBeacon: given })).toBe('valid')
    expect(await arrivalOf(bundle, { seedBeacon: given })).toBe('valid')
  })

  test('randomness without a named beacon is refused', async () => {
    const proof = await proofOf(await ran(task.course, {}))
    expect(await outcomeOf({ ...proof, seedBeacon: chosen })).toBe('data/bad-schedule')
  })
})

describe('data sets that pass for others (hash bypass)', () => {
  const rootOf = (columns: Record<string, Tensor>) => toHex(Dataset.hash(Dataset.from(columns)))
  const small = points('bypass', 12)
  const changed = (column: Tensor, at: number, bit: number): Tensor => {
    const bytes = bytesOf(column).slice()
    bytes[at] ^= 1 << bit
    return fromBytes(column, bytes)
  }

  test('one bit of one interior byte changed is another root', () => {
    const [own, size] = [rootOf(small), bytesOf(small.x).length]
    const places = fc.tuple(fc.integer({ min: 0, max: size - 1 }), fc.integer({ min: 0, max: 7 }))
    fc.assert(
      fc.property(places, ([at, bit]) => {
        expect(rootOf({ ...small, x: changed(small.x, at, bit) })).not.toBe(own)
      }),
    )
  })

  test('a byte far inside of a large sample counts as any other: nothing is elided', () => {
    const large = tensor('uint8', [2, 100_000], new Uint8Array(200_000))
    const own = rootOf({ x: large })
    for (const at of [0, 1000, 50_000, 99_999, 100_000, 150_001, 199_999])
      expect(rootOf({ x: changed(large, at, 0) })).not.toBe(own)
  })

  test.each([
    ['another shape of a sample', 'float32', [12, 4, 4]],
    ['a transposed shape', 'float32', [12, 2, 8]],
    ['another dtype', 'int32', [12, 16]],
    ['wider elements', 'float64', [12, 8]],
    ['bytes', 'uint8', [12, 64]],
  ] as const)('the same bytes as %s are another root', (_, dtype: DType, dims: readonly number[]) => {
    expect(rootOf({ ...small, x: fromBytes({ dtype, dims }, bytesOf(small.x)) })).not.toBe(rootOf(small))
  })

  test('samples swapped, repeated, left out or split elsewhere, and columns swapped, are other roots', () => {
    const { x, label } = small
    const rows = (order: readonly number[]) => ({
      x: tensor(
        'float32',
        [order.length, 16],
        order.flatMap((row) => [...(x.data as Float32Array).subarray(16 * row, 16 * row + 16)]),
      ),
      label: tensor(
        'int64',
        [order.length],
        order.map((row) => label.data[row] as bigint),
      ),
    })
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    const variants = [
      rows(all),
      rows([1, 0, ...all.slice(2)]),
      rows(all.slice(0, -1)),
      rows([...all, 11]),
      { label, x },
      { x },
      { x: tensor('float32', [6, 32], x.data as Float32Array) },
    ].map(rootOf)
    expect(variants[0]).toBe(rootOf(small))
    expect(new Set(variants).size).toBe(variants.length)
  })

  test('a bundle with one byte of its data changed is refused as data/wrong-dataset, a proof as merkle/root-mismatch', async () => {
    const own = await bundleOf(await train(task))
    const { dataset } = task.course
    const [x, label] = dataset.columns
    const other = Dataset.from({ x: changed(x, 4321, 3), label })
    expect(await arrivalOf({ ...own, course: { ...own.course!, dataset: other } })).toBe('data/wrong-dataset')
    const proof = await proofOf(own)
    const [
      {
        batches: [[first, ...rows], ...more],
        ...challenge
      },
    ] = proof.challenges
    const tensors = [changed(first.tensors[0], 33, 0), first.tensors[1]]
    const batches = [[{ ...first, tensors }, ...rows], ...more]
    expect(await outcomeOf({ ...proof, challenges: [{ ...challenge, batches }] })).toBe('merkle/root-mismatch')
    expect(await outcomeOf(proof)).toBe('valid')
    expect(await arrivalOf(own)).toBe('valid')
  })
})
