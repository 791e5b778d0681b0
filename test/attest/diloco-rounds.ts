/**
 * Rounds of data-parallel training for the tests: a requester, three workers with shards of their own, and whoever makes the outer step.
 */
import * as Diloco from '../../src/autodiff/diloco.js'
import * as Rounds from '../../src/attest/diloco.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import type { Dataset } from '../../src/data/dataset.js'
import type { Program } from '../../src/exact/program.js'
import * as Bundle from '../../src/receipt/bundle.js'
import * as Job from '../../src/receipt/job.js'
import { jobFor, jobForCourse, metadataOf, provide, seal, type JobOptions } from '../../src/receipt/provide.js'
import { jobOf, sign as signReceipt } from '../../src/receipt/receipt.js'
import { fromRandom, type Signer } from '../../src/receipt/signer.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime, Session, StepResult } from '../../src/runtime/runtime.js'
import { rootOfTensors } from '../../src/trace/digests.js'
import { record, type Work } from '../../src/trace/trace.js'
import { BATCH, program, samples } from './training.js'

/** Steps of a worker in a round. */
export const STEPS = 4
export const requester = fromRandom()
export const combiner = fromRandom()
export const accounts: readonly Signer[] = [fromRandom(), fromRandom(), fromRandom()]
export const shards: readonly Dataset[] = [samples(1), samples(2), samples(3)]

const outer = Diloco.outer(program(), { workers: 3 })

/** Three workers with Adam, each with its own shard, account and seat. */
export const terms: Rounds.Terms = {
  outer,
  steps: STEPS,
  data: shards.map((shard) => Rounds.dataOf(shard, { batchSize: BATCH })),
  providers: accounts.map(({ address }) => address),
  requester: requester.address,
}

/** What differs from what was agreed. */
export interface WorkerRun {
  readonly terms?: Rounds.Terms
  readonly program?: Program
  readonly steps?: number
  readonly dataset?: Dataset
  readonly course?: Partial<Course.CourseOptions>
  /** The state of the training program to begin from. */
  readonly start?: readonly Tensor[]
  readonly job?: JobOptions
  readonly signer?: Signer
  readonly runtime?: Runtime
}

/** The round of a worker that begins in this state of the outer program. */
export async function work({ worker, state }: Rounds.Seat, run: WorkerRun = {}): Promise<Bundle.Bundle> {
  const { terms: agreed = terms, steps = agreed.steps, dataset = shards[worker] } = run
  const { program: inner = agreed.outer.inner.program, start = Diloco.startOf(agreed.outer, state) } = run
  const schedule = Rounds.scheduleOf(agreed, { worker, state })
  const checkpoint = rootOfTensors('state', start)
  const course = Course.from(dataset, { batchSize: schedule.batchSize, start: { checkpoint }, ...run.course })
  const job = await jobForCourse({ program: inner, course, steps }, { requester, ...run.job })
  const opened = Course.open(course, inner, { job: Job.hash(job.job), steps, checkpoint: start })
  const { signer = accounts[worker], runtime = reference() } = run
  return (await provide(opened, { job, runtime, signer })).reveal()
}

/** What of an outer step differs from what was agreed. */
export interface OuterRun {
  readonly terms?: Rounds.Terms
  readonly program?: Program
  readonly inputs?: readonly (readonly Tensor[])[]
  readonly job?: JobOptions
  readonly runtime?: Runtime
}

/** The outer step over what these workers reached. */
export async function combine(
  workers: readonly Bundle.Bundle[],
  state: readonly Tensor[],
  run: OuterRun = {},
): Promise<Bundle.Bundle> {
  const { terms: agreed = terms, runtime = reference() } = run
  const reached = workers.map(({ finalState }) => finalState)
  const { program: made = agreed.outer.program, inputs = [Diloco.inputsOf(agreed.outer, reached)] } = run
  const asked = { program: made, state, inputs }
  const job = await jobFor(asked, { requester, ...run.job })
  return (await provide(asked, { job, runtime, signer: combiner })).reveal()
}

/** Who does something else in a round. */
export interface RoundRun {
  readonly workers?: Readonly<Record<number, WorkerRun>>
  readonly outer?: OuterRun
  readonly terms?: Rounds.Terms
}

/** A round from this state. */
export async function roundFrom(state: readonly Tensor[], run: RoundRun = {}): Promise<Rounds.Round> {
  const workers: Bundle.Bundle[] = []
  for (const worker of [0, 1, 2]) {
    workers.push(await work({ worker, state }, { terms: run.terms, ...run.workers?.[worker] }))
  }
  return { workers, outer: await combine(workers, state, { terms: run.terms, ...run.outer }) }
}

/** Rounds one after the other, from the agreed start. */
export async function chainOf(runs: readonly RoundRun[]): Promise<Rounds.Round[]> {
  const rounds: Rounds.Round[] = []
  for (const run of runs) {
    const before = rounds[rounds.length - 1]?.outer.finalState ?? (run.terms ?? terms).outer.state
    rounds.push(await roundFrom(before, run))
  }
  return rounds
}

/** As it arrives elsewhere: every bundle written and read. */
export async function shipped(rounds: readonly Rounds.Round[]): Promise<Rounds.Round[]> {
  const again = async (bundle: Bundle.Bundle) => Bundle.decode(Bundle.readerOf(Bundle.encode(bundle)))
  const read: Rounds.Round[] = []
  for (const { workers, outer: last } of rounds) {
    read.push({ workers: await Promise.all(workers.map(again)), outer: await again(last) })
  }
  return read
}

/** A runtime with sessions of somebody's making. */
const runtimeOf = (sessionOf: (session: Session) => Session): Runtime => {
  const runtime = reference()
  return { ...runtime, open: async (made, state, options) => sessionOf(await runtime.open(made, state, options)) }
}

/** A runtime that makes only the first steps and then goes on as if it had made the rest. */
export function idleAfter(steps: number): Runtime {
  return runtimeOf((session) => {
    let done = 0
    let last: StepResult | undefined
    return {
      program: session.program,
      get state() {
        return session.state
      },
      async step(inputs) {
        if (last === undefined || done < steps) last = await session.step(inputs)
        done++
        return last
      },
      restart: (next) => session.restart(next),
      close: () => session.close(),
    }
  })
}

/** A runtime that leaves another state behind than it computed. */
export function leaving(change: (state: readonly Tensor[]) => readonly Tensor[]): Runtime {
  return runtimeOf((session) => {
    let steps = 0
    return {
      program: session.program,
      get state() {
        return steps === 0 ? session.state : change(session.state)
      },
      step: (inputs) => (steps++, session.step(inputs)),
      restart: (next) => session.restart(next),
      close: () => session.close(),
    }
  })
}

/** A tensor with one element changed by the least that there is. */
export function nudged({ dtype, dims, data }: Tensor): Tensor {
  const values = Array.from(data as Float32Array)
  return tensor(dtype, dims, [values[0] + Math.max(1e-6, Math.abs(values[0]) / 2 ** 20), ...values.slice(1)])
}

/** What the provider of this bundle would hand over for its job had it done other work. */
export async function instead(bundle: Bundle.Bundle, changed: Partial<Work>, signer: Signer): Promise<Bundle.Bundle> {
  const runtime = reference()
  const trace = await record({ ...Bundle.workOf(bundle), ...changed }, runtime)
  const options = { job: jobOf(bundle.receipt), signer, metadata: await metadataOf(runtime) }
  return (await seal(trace, options)).reveal()
}

/** The same claim, signed by somebody else. */
export async function signedBy(signer: Signer, bundle: Bundle.Bundle): Promise<Bundle.Bundle> {
  const { metadata, receipt } = bundle.receipt
  const job = jobOf(bundle.receipt)
  const bare = { ...metadata, sealSalt: undefined }
  const signed = await signReceipt(receipt.claim, signer, { job, metadata: bare, issuedAt: receipt.issuedAt })
  return { ...bundle, receipt: signed, seal: undefined }
}
