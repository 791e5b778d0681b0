/**
 * Small training runs that attacks are made from, and what a prover hands out of a run, honest or forged.
 * @module
 */
import * as Optimizer from '../../src/autodiff/optimizers.js'
import { from as trainingFrom } from '../../src/autodiff/training.js'
import { utf8 } from '../../src/core/bytes.js'
import { sha256Of } from '../../src/core/sha256.js'
import { allocate, tensor, type Tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Initial from '../../src/data/initial.js'
import * as Schedule from '../../src/data/schedule.js'
import { integers24 } from '../../src/data/seeds.js'
import { compile } from '../../src/exact/compile.js'
import type { Program } from '../../src/exact/program.js'
import { protoOf, type ValueInfo } from '../../src/onnx/graph.js'
import * as Job from '../../src/receipt/job.js'
import type { SignedJob } from '../../src/receipt/job.js'
import { jobForCourse } from '../../src/receipt/provide.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { graph, model, node } from '../onnx/build.js'

/** The parameters of a training program at one moment, in its order. */
export type State = readonly Tensor[]

/** What is to be trained: a job, and all that follows from it. */
export interface Task {
  readonly job: SignedJob
  readonly course: Course.Course
  /** Under this job. */
  readonly work: Course.Opened
  /** Learning rate and optimizer are nodes of it. */
  readonly program: Program
  /** How the first weights are drawn, one rule a parameter. */
  readonly rules: readonly Initial.Rule[]
  readonly initial: State
  readonly inputs: (step: number) => readonly Tensor[]
  readonly stepsPerEpoch: number
  readonly steps: number
  /** Steps between two states of a transcript: `commitEvery` of the job. Divides `steps`. */
  readonly checkpointEvery: number
}

/** What a prover of learning hands out, and claims to be the run of a task. */
export interface Transcript {
  readonly task: Task
  /** states[i] stands before step i * checkpointEvery; the last one is the model. */
  readonly states: readonly State[]
  /** The inputs that it says the step had: batch, targets, step number. */
  readonly inputs: (step: number) => readonly Tensor[]
}

/** Options of {@link taskOf}. */
export interface TaskOptions {
  /** Salt of the job: other first weights, another order. */
  readonly name?: string
  /** Default 160. */
  readonly steps?: number
  /** Default 4. */
  readonly checkpointEvery?: number
  /** Learning rate, default 0.1. */
  readonly rate?: number
}

const [FEATURES, HIDDEN, CLASSES, SAMPLES, BATCH] = [16, 12, 4, 512, 16]

/** Uniform numbers in [-1, 1), the same on every machine. */
export function uniforms(name: string, count: number): Float32Array {
  const draws = integers24(sha256Of(utf8(`attacks: ${name}`)), { label: 'weights' }, count)
  return Float32Array.from(draws, (draw) => (draw - 2 ** 23) / 2 ** 23)
}

/** 512 points in 16 dimensions around four centres, in float32, with their labels. */
export function points(name = 'points', samples = SAMPLES): Readonly<Record<string, Tensor>> {
  const centres = uniforms('centres', CLASSES * FEATURES)
  const noise = uniforms(name, samples * FEATURES)
  const labels = Array.from({ length: samples }, (_, i) => (i * 7 + (i >> 3)) % CLASSES)
  const x = noise.map((value, i) => centres[labels[Math.floor(i / FEATURES)] * FEATURES + (i % FEATURES)] + 2 * value)
  return {
    x: tensor('float32', [samples, FEATURES], x),
    label: tensor('int64', [samples], labels.map(BigInt)),
  }
}

const type = (name: string, dims: number[]): ValueInfo => ({ name, kind: 'tensor', dtype: 1, dims })
const zeros = (dims: readonly number[]) =>
  tensor(
    'float32',
    dims,
    allocate(
      'float32',
      dims.reduce((a, b) => a * b, 1),
    ),
  )

/** The multi-layer perceptron 16-12-4 with ReLU, 256 parameters. */
function network() {
  const shapes = { w1: [FEATURES, HIDDEN], b1: [HIDDEN], w2: [HIDDEN, CLASSES], b2: [CLASSES] }
  const main = graph({
    outputs: ['y'],
    nodes: [node('MatMul(x, w1) -> h'), node('Add(h, b1) -> a'), node('Relu(a) -> r')].concat([
      node('MatMul(r, w2) -> o'),
      node('Add(o, b2) -> y'),
    ]),
    initializers: Object.entries(shapes).map(([name, dims]) => protoOf(zeros(dims), name)),
  })
  return compile(model({ ...main, inputs: [type('x', [BATCH, FEATURES])] }))
}

const RULES = [
  Initial.he({ in: FEATURES, out: HIDDEN }),
  Initial.ZEROS,
  Initial.lecun({ in: HIDDEN, out: CLASSES }),
  Initial.ZEROS,
]

/** The training program: plain descent with a constant rate. */
export const programAt = (rate: number): Program =>
  trainingFrom(network(), { loss: 'softmax-cross-entropy', optimizer: Optimizer.sgd(rate) }).program

/** Descent with a constant rate on {@link points}: five epochs of 32 steps, a checkpoint every 4 steps, unless options say otherwise. */
export async function taskOf(options: TaskOptions = {}): Promise<Task> {
  const { name = 'job', steps = 160, checkpointEvery = 4, rate = 0.1 } = options
  const program = programAt(rate)
  const course = Course.from(Dataset.from(points()), { batchSize: BATCH, start: { rules: RULES } })
  const salt = sha256Of(utf8(`attacks: ${name}`))
  const job = await jobForCourse({ program, course, steps }, { commitEvery: checkpointEvery, salt })
  const work = Course.open(course, program, { job: Job.hash(job.job), steps })
  return {
    ...{ job, course, work, program, rules: RULES, initial: work.state, steps, checkpointEvery },
    inputs: (step) => work.inputs.at(step)!,
    stepsPerEpoch: Schedule.stepsPerEpoch(course.schedule),
  }
}

/** The inputs of a step from its batch. */
export const withStep = (batch: readonly Tensor[], step: number): readonly Tensor[] => [
  ...batch,
  tensor('int64', [], [BigInt(step)]),
]

/** Which steps are run. */
export interface Stretch {
  readonly inputs: (step: number) => readonly Tensor[]
  readonly from: number
  readonly count: number
  /** Default: the reference. */
  readonly runtime?: Runtime
}

/** The state after some steps from this state. */
export async function advance(program: Program, state: State, stretch: Stretch): Promise<State> {
  const { inputs, from, count, runtime = reference() } = stretch
  const session = await runtime.open(program, state)
  try {
    for (let step = from; step < from + count; step++) await session.step(inputs(step))
    return session.state
  } finally {
    await session.close()
  }
}

/** The honest run of a task. */
export async function train(task: Task): Promise<Transcript> {
  const { program, checkpointEvery: count, inputs } = task
  const states = [task.initial]
  for (let from = 0; from < task.steps; from += count)
    states.push(await advance(program, states[states.length - 1], { inputs, from, count }))
  return transcriptOf(task, { states })
}

/** A transcript of a task with these states, on the task's own inputs unless others are given. */
export function transcriptOf(task: Task, given: Partial<Transcript> & Pick<Transcript, 'states'>): Transcript {
  const expected = task.steps / task.checkpointEvery + 1
  if (given.states.length !== expected) throw new Error(`${given.states.length} states where the job has ${expected}`)
  return { inputs: task.inputs, ...given, task }
}

/** Mean loss of a state over the whole data set, by steps that change nothing. */
export async function lossOf(task: Task, state: State): Promise<number> {
  const session = await reference().open(programAt(0), state)
  let sum = 0
  for (let step = 0; step < task.stepsPerEpoch; step++)
    sum += Number((await session.step(task.inputs(step))).outputs[0].data[0])
  await session.close()
  return sum / task.stepsPerEpoch
}
