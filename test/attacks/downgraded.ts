/**
 * Runs that are not what their job names: other programs, and states that were changed behind a step.
 * @module
 */
import type { Tensor } from '../../src/core/tensor.js'
import * as Training from '../../src/autodiff/training.js'
import type { Optimizer } from '../../src/autodiff/optimizers.js'
import * as Course from '../../src/data/course.js'
import type { Program } from '../../src/exact/program.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import * as Job from '../../src/receipt/job.js'
import { jobForCourse, type JobOptions } from '../../src/receipt/provide.js'
import { reference } from '../../src/runtime/reference.js'
import type { Work } from '../../src/trace/trace.js'
import { BATCH, program, rulesOf, samples } from '../attest/training.js'
import { alice, fill } from '../receipt/samples.js'
import { forged, honest, type Forgery } from './cheat.js'

/** A training job of so many steps with this optimizer, and its work. */
export async function orderedWith(optimizer: Optimizer, steps: number, options: JobOptions = {}) {
  const training: Training.Training = program(optimizer)
  const course = Course.from(samples(), { batchSize: BATCH, start: { rules: rulesOf(training) } })
  const job = await jobForCourse({ program: training.program, course, steps }, { salt: fill(5), ...options })
  return { job, work: Course.open(course, training.program, { job: Job.hash(job.job), steps }) }
}

/** What a cheat does in place of what was ordered. */
export interface Instead {
  /** The program of each step. Default: the one of the work. */
  readonly program?: (step: number) => Program
  /** What it keeps of the state that a step leaves. Default: all of it. */
  readonly keep?: (
    after: readonly Tensor[],
    at: { readonly step: number; readonly before: readonly Tensor[] },
  ) => readonly Tensor[]
}

/** The states and outputs of such a run. */
export async function running(work: Work, instead: Instead): Promise<Pick<Forgery, 'states' | 'outputs'>> {
  const { program: programOf = () => work.program, keep = (after) => after } = instead
  const states = [work.state]
  const outputs: (readonly Tensor[])[] = []
  for (let step = 0; step < work.inputs.length; step++) {
    const before = states[step]
    const session = await reference().open(programOf(step), before)
    outputs.push((await session.step(work.inputs.at(step)!)).outputs)
    states.push(keep(session.state, { step, before }))
    await session.close()
  }
  return { states, outputs }
}

/** The bundle of such a run, claimed to be the work of the job. */
export const claimed = async (job: Job.SignedJob, work: Work, instead: Instead): Promise<Bundle> =>
  forged({ job, work, provider: alice, ...(await running(work, instead)) })

/** The bundle of an honest run. */
export const honestly = async (job: Job.SignedJob, work: Work): Promise<Bundle> =>
  forged({ job, work, provider: alice, ...(await honest(work)) })

/** The state with every float32 element changed. */
export const mapped = (state: readonly Tensor[], change: (value: number) => number): readonly Tensor[] =>
  state.map((one) => (one.dtype === 'float32' ? { ...one, data: (one.data as Float32Array).map(change) } : one))

/** The state with one tensor's data changed. */
export function changed(state: readonly Tensor[], at: number, change: (data: Float32Array) => void): readonly Tensor[] {
  const data = (state[at].data as Float32Array).slice()
  change(data)
  return state.map((one, i) => (i === at ? { ...one, data } : one))
}
