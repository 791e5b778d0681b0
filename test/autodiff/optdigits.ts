/**
 * Training on the real handwritten digits of ../shared/data/optdigits: courses over them for the two classifiers, as recipes say.
 * @module
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as Networks from '../../examples/networks.js'
import * as Recipe from '../../src/autodiff/recipe.js'
import type { Bytes32 } from '../../src/core/bytes.js'
import type { Tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import type { Dataset } from '../../src/data/dataset.js'
import * as Initial from '../../src/data/initial.js'
import { readDataset } from '../../src/disk/index.js'
import { compile, type Compiled } from '../../src/exact/compile.js'
import type { Model } from '../../src/onnx/graph.js'
import type { Runtime } from '../../src/runtime/runtime.js'

const FOLDER = fileURLToPath(new URL('../../../shared/data/optdigits/', import.meta.url))
/** Whether the digits are here. */
export const PRESENT = existsSync(`${FOLDER}optdigits.tra`) && existsSync(`${FOLDER}optdigits.tes`)

/** The two classifiers: 64-256-10, and two convolutions to 16 and 32 channels with a linear map behind them. */
export const CLASSIFIERS = { mlp: Networks.mlp({ hidden: 256 }), cnn: Networks.cnn() } as const

const compiledFor = (model: Model, batch: number): Compiled =>
  compile(model, { inputs: { pixels: { dtype: 'float32', dims: [batch, 1, 8, 8] } } })

/** Batch and steps of an epoch: of 3,823 digits the last 15 of each order are left over. */
export const BATCH = 32
export const STEPS_PER_EPOCH = 119

/** Adam with a rate that falls from 0.01 to 0 along a cosine. Chosen by training on 3,000 digits and looking at the other 823. */
export const recipeFor = (epochs: number): Recipe.Recipe =>
  Recipe.from({
    loss: 'softmax-cross-entropy',
    optimizer: 'adam',
    rate: { kind: 'cosine', rate: 0.01, steps: epochs * STEPS_PER_EPOCH, warmUp: 20 },
  })

/** The digits of the training or the test file, inks from 0 to 16. */
export function digits(part: 'training' | 'test'): Promise<Dataset> {
  const path = `${FOLDER}optdigits.${part === 'test' ? 'tes' : 'tra'}`
  const file = { format: 'csv', header: 'names', path } as const
  return readDataset({
    pixels: { ...file, dtype: 'float32', dims: [1, 8, 8], first: 0 },
    targets: { ...file, dtype: 'int64', first: 64 },
  })
}

/** A training run: what a course becomes under a seed. */
export interface Run extends Course.Opened {
  readonly compiled: Compiled
}

/** The run of a classifier over the training digits, with order and first weights from the seed. */
export async function runOf(model: Model, seed: Bytes32, epochs: number): Promise<Run> {
  const compiled = compiledFor(model, BATCH)
  const { program } = Recipe.train(compiled, recipeFor(epochs))
  const start = { rules: Initial.rulesFor(program) }
  const course = Course.from(await digits('training'), { batchSize: BATCH, start })
  return { ...Course.open(course, program, { job: seed, steps: epochs * STEPS_PER_EPOCH }), compiled }
}

/** The state after all steps, and the loss of each. */
export async function train({ program, state, inputs }: Course.Opened, runtime: Runtime) {
  const session = await runtime.open(program, state)
  const losses: number[] = []
  for (let step = 0; step < inputs.length; step++) {
    const { outputs } = await session.step(inputs.at(step)!)
    losses.push(Number(outputs[0].data[0]))
  }
  const reached = session.state
  await session.close()
  return { state: reached, losses }
}

/** How many of the test digits the trained classifier reads rightly, and of how many. */
export async function judge(
  model: Model,
  { compiled, program, state }: Pick<Run, 'compiled' | 'program' | 'state'>,
  runtime: Runtime,
): Promise<{ right: number; all: number }> {
  const [pixels, targets] = (await digits('test')).columns
  const all = pixels.dims[0]
  const judged = compiledFor(model, all)
  const session = await runtime.open(judged.program, Recipe.stateFor(judged.program, { program, state }, compiled))
  const { outputs } = await session.step([pixels])
  await session.close()
  const read = bestOf(outputs[0])
  return { right: read.filter((digit, i) => BigInt(digit) === targets.data[i]).length, all }
}

/** The place of the largest of each row. */
function bestOf({ data, dims }: Tensor): number[] {
  const [rows, width] = dims
  return Array.from({ length: rows }, (_, i) => {
    const scores = (data as Float32Array).subarray(i * width, (i + 1) * width)
    return scores.indexOf(Math.max(...scores))
  })
}
