/**
 * Batches made so that a training step on them does what a forger wants, by the same reverse mode that trains: the step itself is
 * differentiated by its batch.
 * @module
 */
import { graft } from '../../src/autodiff/graft.js'
import type { Loss } from '../../src/autodiff/losses.js'
import { adam } from '../../src/autodiff/optimizers.js'
import { from as trainingFrom, type Training } from '../../src/autodiff/training.js'
import { sizeOf, tensor, type Tensor, type TensorType } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { inputsOf, parametersOf, type Program } from '../../src/exact/program.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { advance, type State, type Task, type Transcript } from './run.js'

/** How adversarial data are sought. */
export interface CraftOptions {
  /** Steps of Adam on each batch. Default 40. */
  readonly iterations?: number
  /** Default: the reference. */
  readonly runtime?: Runtime
}

/** Where crafted batches lead. */
export interface Pursuit {
  /** goals[0], then the states that the steps really reach. */
  readonly states: readonly State[]
  readonly inputs: Transcript['inputs']
}

/** Crafts batch after batch, each from the state that the steps before reached, towards goals[1], goals[2], ... */
export async function pursue(
  task: Task,
  goals: readonly State[],
  { iterations = 40, runtime = reference(), first = 0 }: CraftOptions & { first?: number },
): Promise<Pursuit> {
  const crafting = craftingOf(task.program, task.inputs(first)[0])
  const states = [goals[0]]
  const batches: (readonly Tensor[])[] = []
  for (const [i, goal] of goals.slice(1).entries()) {
    const aim = { state: states[i], goal, given: task.inputs(first + i) }
    batches.push(await crafted(crafting, aim, { iterations, runtime }))
    states.push(await advance(task.program, states[i], { inputs: () => batches[i], from: 0, count: 1, runtime }))
  }
  return { states, inputs: (step) => batches[step - first] }
}

/** What a crafted batch is for. */
interface Aim {
  readonly state: State
  readonly goal: State
  /** The inputs that it is made from. */
  readonly given: readonly Tensor[]
}

const counted = (value: number) => tensor('int64', [], [BigInt(value)])

/** Inputs of a step with features changed so that the step leads near the goal. */
async function crafted(
  { program, state: [, ...moments] }: Training,
  { state, goal, given: [x, targets, number] }: Aim,
  { iterations, runtime }: { iterations: number; runtime: Runtime },
): Promise<readonly Tensor[]> {
  const session = await runtime.open(program, [x, ...moments])
  for (let i = 0; i < iterations; i++) await session.step([...state, targets, number, ...goal, counted(0), counted(i)])
  const features = session.state[0]
  await session.close()
  return [features, targets, number]
}

/** The program of one step of Adam on the features of a batch: it lowers the squared distance from a goal at which a training step ends. */
function craftingOf(program: Program, x: Tensor): Training {
  const b = new Builder()
  const declare = (types: readonly TensorType[], name: string) => types.map((type, i) => b.input(`${name} ${i}`, type))
  const features = b.parameter('features', x)
  const weights = declare(parametersOf(program), 'weights')
  const given = declare(inputsOf(program).slice(1), 'given')
  const goals = declare(parametersOf(program), 'goal')
  const refs = graft(b, program, [...weights, features, ...given])
  const squares = program.carries.map(({ parameter, value }) => {
    const gap = b.reshape(b.sub(refs[value], goals[parameter]), [sizeOf(refs[value].dims)])
    return b.op('ReduceSum', [b.mul(gap, gap)], { axes: 1 })
  })
  const miss = squares.reduce((sum, square) => b.add(sum, square))
  const made = b.finish({ outputs: [['miss', miss]], keep: [features] }).program
  return trainingFrom({ program: made, state: [x], bound: {} }, { loss: ITSELF, optimizer: adam(0.5) })
}

/** A program's output as its own loss. */
const ITSELF: Loss = {
  name: 'itself',
  targets: () => ({ dtype: 'int64', dims: [] }),
  compute: (_, output) => output,
}

/** Logits this far apart leave a gradient of exactly 0 in float32. */
const CERTAIN = 1000

/** A batch scaled up, labelled by the perceptron itself; samples that it is not certain of are replaced by the one that it is most certain of. */
export function certain(state: State, [x, , step]: readonly Tensor[], scale: number): readonly Tensor[] {
  const [rows, features] = x.dims
  const found = Array.from({ length: rows }, (_, row) => {
    const point = (x.data as Float32Array).slice(row * features, (row + 1) * features).map((value) => value * scale)
    return { point, ...classOf(state, point) }
  })
  const surest = found.reduce((best, one) => (one.margin > best.margin ? one : best))
  const used = found.map((one) => (one.margin > CERTAIN ? one : surest))
  const data = new Float32Array(rows * features)
  used.forEach(({ point }, row) => data.set(point, row * features))
  const labels = used.map(({ label }) => BigInt(label))
  return [tensor('float32', [rows, features], data), tensor('int64', [rows], labels), step]
}

/** The class of a point, and by how much its logit is above the next one. */
function classOf([w1, b1, w2, b2]: State, point: Float32Array): { label: number; margin: number } {
  const hidden = linear(point, w1, b1).map((value) => Math.max(0, value))
  const logits = linear(hidden, w2, b2)
  const [first, second] = [...logits.keys()].sort((a, b) => logits[b] - logits[a])
  return { label: first, margin: logits[first] - logits[second] }
}

const linear = (x: Float32Array, w: Tensor, b: Tensor): Float32Array =>
  (b.data as Float32Array).map((bias, j) =>
    x.reduce((sum, value, i) => sum + value * Number(w.data[i * b.data.length + j]), bias),
  )
