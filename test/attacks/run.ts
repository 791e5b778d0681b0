/**
 * Small training runs that attacks are made from, and what a prover hands out of a run, honest or forged.
 * @module
 */
import * as Optimizer from '../../src/autodiff/optimizers.js'
import { from as trainingFrom, type Training } from '../../src/autodiff/training.js'
import { utf8, type Bytes32 } from '../../src/core/bytes.js'
import { sha256Of } from '../../src/core/sha256.js'
import { allocate, tensor, type Tensor } from '../../src/core/tensor.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Initial from '../../src/data/initial.js'
import * as Schedule from '../../src/data/schedule.js'
import { integers24 } from '../../src/data/seeds.js'
import { compile } from '../../src/exact/compile.js'
import { parametersOf, type Program } from '../../src/exact/program.js'
import { protoOf, type ValueInfo } from '../../src/onnx/graph.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { graph, model, node } from '../onnx/build.js'

/** The parameters of a training program at one moment, in its order. */
export type State = readonly Tensor[]

/** What a prover of learning hands out, and claims to be a run. */
export interface Transcript {
  /** The training program that it says it ran; learning rate and optimizer are nodes of it. */
  readonly program: Program
  /** How the weights are said to have been drawn, one rule a parameter. */
  readonly rules: readonly Initial.Rule[]
  readonly checkpointEvery: number
  /** A multiple of `checkpointEvery`. */
  readonly steps: number
  readonly stepsPerEpoch: number
  /** states[i] stands before step i * checkpointEvery; the last one is the model. */
  readonly states: readonly State[]
  /** The inputs that it says the step had: batch, targets, step number. */
  readonly inputs: (step: number) => readonly Tensor[]
}

/** What is to be trained: the weights that it starts from and its batches follow from the seed. */
export interface Task {
  /** The training program with another learning rate. */
  readonly training: (rate: number) => Training
  readonly rate: number
  readonly program: Program
  readonly rules: readonly Initial.Rule[]
  readonly dataset: Dataset.Dataset
  readonly schedule: Schedule.Schedule
  readonly seed: Bytes32
  readonly initial: State
  readonly inputs: (step: number) => readonly Tensor[]
  readonly stepsPerEpoch: number
  readonly steps: number
  readonly checkpointEvery: number
}

/** Options of {@link taskOf}. */
export interface TaskOptions {
  /** Whatever names the job: other weights to start from, another order. */
  readonly name?: string
  readonly seed?: Bytes32
  readonly steps?: number
  readonly checkpointEvery?: number
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

/** Descent with a constant rate on {@link points}: five epochs of 32 steps, a checkpoint every 4 steps, unless options say otherwise. */
export function taskOf(options: TaskOptions = {}): Task {
  const { name = 'job', seed = sha256Of(utf8(name)), steps = 160, checkpointEvery = 4, rate = 0.1 } = options
  const compiled = network()
  const training = (other: number) =>
    trainingFrom(compiled, { loss: 'softmax-cross-entropy', optimizer: Optimizer.sgd(other) })
  const { program } = training(rate)
  const dataset = Dataset.from(points())
  const start: Schedule.Start = { from: 'seed', root: Initial.hash(RULES) }
  const schedule = Schedule.from(dataset, { batchSize: BATCH, start })
  const initial = Initial.initialState(start, parametersOf(program), { seed, rules: RULES })
  const batches = Schedule.batches(dataset, schedule, seed)
  return {
    ...{ training, rate, program, rules: RULES, dataset, schedule, seed, initial, steps, checkpointEvery },
    inputs: (step) => withStep(batches(step), step),
    stepsPerEpoch: Schedule.stepsPerEpoch(schedule),
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

/** A transcript of a task that differs from it in what is given; as many steps as the states need. */
export function transcriptOf(
  { program, rules, checkpointEvery, stepsPerEpoch, inputs }: Task,
  given: Partial<Transcript> & Pick<Transcript, 'states'>,
): Transcript {
  const merged = { program, rules, checkpointEvery, stepsPerEpoch, inputs, ...given }
  return { ...merged, steps: merged.checkpointEvery * (merged.states.length - 1) }
}

/** Mean loss of a state over the whole data set, by steps that change nothing. */
export async function lossOf(task: Task, state: State): Promise<number> {
  const session = await reference().open(task.training(0).program, state)
  let sum = 0
  for (let step = 0; step < task.stepsPerEpoch; step++)
    sum += Number((await session.step(task.inputs(step))).outputs[0].data[0])
  await session.close()
  return sum / task.stepsPerEpoch
}
