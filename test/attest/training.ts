/**
 * A small training job, run by an honest provider: what proofs of learning and their attacks start from.
 */
import { tensor } from '../../src/core/tensor.js'
import * as LearningRate from '../../src/autodiff/rates.js'
import * as Optimizer from '../../src/autodiff/optimizers.js'
import * as Training from '../../src/autodiff/training.js'
import * as Course from '../../src/data/course.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Initial from '../../src/data/initial.js'
import { sign as signNonce, type NonceBeacon } from '../../src/attest/nonce.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import { hash as hashClaim } from '../../src/receipt/claim.js'
import * as Job from '../../src/receipt/job.js'
import { jobForCourse, provide, type JobOptions } from '../../src/receipt/provide.js'
import { fromRandom, type Signer } from '../../src/receipt/signer.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { reference } from '../../src/runtime/reference.js'
import { NETWORKS } from '../autodiff/networks.js'

/** The MLP of the gradient tests with Adam: its batches are of this many samples. */
export const BATCH = 5

/** 40 samples of six numbers in three classes, each class around a centre of its own. */
export function samples(seed = 1): Dataset.Dataset {
  let state = seed
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5
  const labels = Array.from({ length: 40 }, (_, i) => BigInt(i % 3))
  const rows = labels.flatMap((label) =>
    Array.from({ length: 6 }, (_, k) => next() + (k % 3 === Number(label) ? 1 : 0)),
  )
  return Dataset.from({ x: tensor('float32', [40, 6], rows), targets: tensor('int64', [40], labels) })
}

/** The training program of the MLP. */
export function program(optimizer = Optimizer.adam(LearningRate.constant(0.01))) {
  return Training.from(NETWORKS.mlp().compiled, { loss: 'softmax-cross-entropy', optimizer })
}

/** What differs from one job of the tests to another. */
export interface TrainingJob {
  readonly steps?: number
  readonly commitEvery?: number
  readonly dataset?: Dataset.Dataset
  readonly job?: JobOptions
  readonly provider?: Signer
  readonly runtime?: Runtime
}

/** The rules by which the state starts: weights uniform, everything else zeros. */
export function rulesOf({ program: made, state }: ReturnType<typeof program>): Initial.Rule[] {
  return state.map(({ dims }, i) =>
    dims.length === 2 && !made.names.parameters[i].includes(' of ')
      ? Initial.glorot(Initial.fansOf(dims, 'in-out'))
      : Initial.ZEROS,
  )
}

/** A job for a fresh run, and its work. */
export async function ordered({ steps = 24, commitEvery = 1, dataset = samples(), job }: TrainingJob = {}) {
  const training = program()
  const course = Course.from(dataset, { batchSize: BATCH, start: { rules: rulesOf(training) } })
  const signed = await jobForCourse({ program: training.program, course, steps }, { commitEvery, ...job })
  const work = Course.open(course, training.program, { job: Job.hash(signed.job), steps })
  return { job: signed, course, work, program: training.program }
}

/** An honest run of such a job, as a bundle. */
export async function trained(options: TrainingJob = {}): Promise<Bundle> {
  const { job, work } = await ordered(options)
  const { runtime = reference(), provider = fromRandom() } = options
  return (await provide(work, { job, runtime, signer: provider })).reveal()
}

/** A verifier's nonce for the claim of a bundle. */
export async function nonceFor(
  { receipt }: Pick<Bundle, 'receipt'>,
  verifier: Signer,
  nonce?: Uint8Array,
): Promise<NonceBeacon> {
  const { claim, provider } = receipt.receipt
  return signNonce({ job: claim.job, claim: hashClaim(claim), provider }, verifier, { issuedAt: 1n, nonce })
}
