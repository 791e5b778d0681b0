/**
 * Published ways to forge a proof of learning, each a function from a task (and what the forger stole) to a transcript. A task is the
 * forger's own job: its program, data, order and first weights. `stolen` is the final state of somebody else's run.
 * @module
 */
import { tensor, type Tensor } from '../../src/core/tensor.js'
import type { Program } from '../../src/exact/program.js'
import { distances } from './baseline.js'
import { certain, pursue, type CraftOptions } from './crafting.js'
import { advance, points, train, transcriptOf, uniforms, withStep } from './run.js'
import type { State, Task, Transcript } from './run.js'

/** The state at a share of the way from one to another, in float32. */
export const between = (a: State, b: State, share: number): State =>
  a.map((value, i) => {
    const goal = b[i].data as Float32Array
    return { ...value, data: (value.data as Float32Array).map((x, k) => (1 - share) * x + share * goal[k]) }
  })

/** States in equal distances on the straight line, the ends included. */
export const line = (a: State, b: State, updates: number): State[] =>
  Array.from({ length: updates + 1 }, (_, i) => (i === 0 ? a : i === updates ? b : between(a, b, i / updates)))

/** Updates from checkpoint to checkpoint of the honest run. */
export const updatesOf = ({ steps, checkpointEvery }: Task) => steps / checkpointEvery
const perEpoch = ({ stepsPerEpoch, checkpointEvery }: Task) => stepsPerEpoch / checkpointEvery
const last = <T>(list: readonly T[]): T => list[list.length - 1]
const range = (count: number) => Array.from({ length: count }, (_, i) => i)

/** What a forger who steals a model has. */
export interface Theft {
  readonly task: Task
  readonly stolen: State
}

/**
 * Infinitesimal update (Fang et al. 2023): checkpoints on the line from fresh weights to the stolen ones, in a task whose learning rate is
 * so small that recomputing an update stays where it began. The more updates there are, the nearer that is to where it should end.
 */
export const infinitesimalUpdate = ({ task, stolen }: Theft): Transcript =>
  transcriptOf(task, { states: line(task.initial, stolen, updatesOf(task)) })

/**
 * Blindfold top-Q (Fang et al. 2023): every epoch begins with as many genuine updates as the verifier recomputes; all others are
 * interpolated towards the stolen weights, each by less than the genuine ones moved, so that nobody looks at them. The task must have
 * epochs enough to get there.
 */
export async function blindfold({ task, stolen }: Theft, { top = 2 }: { top?: number } = {}): Promise<Transcript> {
  const states: State[] = [task.initial]
  while (states.length <= updatesOf(task)) {
    const genuine = await onwards(task, last(states), { first: states.length - 1, count: top })
    const smallest = Math.min(...range(top).map((i) => distances(genuine[i], genuine[i + 1]).l2))
    states.push(...genuine.slice(1))
    states.push(...hop(last(states), stolen, { updates: perEpoch(task) - top, longest: 0.9 * smallest }))
  }
  if (last(states) !== stolen) throw new Error('too few epochs to get to the stolen weights unseen')
  return transcriptOf(task, { states })
}

/** Equal updates towards a goal, none longer than `longest`; the last one is the goal itself where it can be reached. */
function hop(from: State, goal: State, { updates, longest }: { updates: number; longest: number }): State[] {
  const share = Math.min(1, (updates * longest) / distances(from, goal).l2)
  return line(from, share === 1 ? goal : between(from, goal, share), updates).slice(1)
}

/**
 * Adversarial data I (Zhang et al. 2022): every step has a batch of its own, made by descent on its features so that an honest
 * step on it goes where the forger wants: along the line to the stolen weights. The states are those that the steps really reach, so
 * every transition is true; the data are not those of the task.
 */
export async function adversarialDataI({ task, stolen }: Theft, options: CraftOptions = {}): Promise<Transcript> {
  const count = task.checkpointEvery
  const { states, inputs } = await pursue(task, line(task.initial, stolen, task.steps), options)
  return transcriptOf(task, { states: states.filter((_, i) => i % count === 0), inputs })
}

/**
 * Adversarial data II (Zhang et al. 2022): as I, but the claimed checkpoints lie on the line itself, and each crafted update begins at one
 * of them: what the batches miss is left to the verifier's tolerance. The last state is exactly the stolen one.
 */
export async function adversarialDataII({ task, stolen }: Theft, options: CraftOptions = {}): Promise<Transcript> {
  const count = task.checkpointEvery
  const goals = line(task.initial, stolen, task.steps)
  const crafted = await Promise.all(
    range(updatesOf(task)).map((i) => {
      const first = i * count
      return pursue(task, goals.slice(first, first + count + 1), { ...options, first })
    }),
  )
  const inputs = (step: number) => crafted[Math.floor(step / count)].inputs(step)
  return transcriptOf(task, { states: goals.filter((_, i) => i % count === 0), inputs })
}

/**
 * Adversarial data III (Zhang et al. 2022): batches without a gradient. Samples whose features are so large that the model is certain of
 * them, labelled as the model labels them, move no weight; so the honest learning rate can stay in the program, and the checkpoints
 * lie on the line to the stolen weights.
 */
export function adversarialDataIII({ task, stolen }: Theft): Transcript {
  const states = line(task.initial, stolen, updatesOf(task))
  const inputs = (step: number) => certain(states[Math.floor(step / task.checkpointEvery)], task.inputs(step), 1e4)
  return transcriptOf(task, { states, inputs })
}

/**
 * Init-break (Zhang et al. 2022): first weights that look drawn and are near the stolen ones. A sample of the declared distribution is
 * put in the order of the stolen weights, the least one where the least stolen one stands; as a set it is a fair sample, so the
 * test of its distribution passes. From there the way to the stolen weights is short, and is gone as in {@link infinitesimalUpdate}.
 */
export function initBreak({ task, stolen }: Theft): Transcript {
  const initial = task.initial.map((drawn, i) => rearranged(drawn, stolen[i]))
  return transcriptOf(task, { states: line(initial, stolen, updatesOf(task)) })
}

/** The elements of `sample` in the order of rank of `like`. */
function rearranged(sample: Tensor, like: Tensor): Tensor {
  const values = (sample.data as Float32Array).slice().sort()
  const order = [...(like.data as Float32Array).keys()].sort((a, b) => Number(like.data[a]) - Number(like.data[b]))
  const data = new Float32Array(values.length)
  order.forEach((place, rank) => (data[place] = values[rank]))
  return { ...sample, data }
}

/** A stolen model as own start: honest training from stolen weights that are claimed to be fresh ones. */
export const ownStart = async ({ task, stolen }: Theft): Promise<Transcript> =>
  transcriptOf(task, await train({ ...task, initial: stolen }))

/** A forgery without any art: every checkpoint is drawn afresh, and the last one is stolen. */
export function randomForgery({ task, stolen }: Theft): Transcript {
  const drawn = (i: number): State =>
    task.initial.map((value, k) => ({ ...value, data: uniforms(`forged ${i} ${k}`, value.data.length) }))
  return transcriptOf(task, { states: [task.initial, ...range(updatesOf(task) - 1).map(drawn), stolen] })
}

/** Two honest runs of which one is made. */
export interface Pair {
  readonly task: Task
  /** The honest run of the task. */
  readonly own: Transcript
  /** A run of as many steps with the same program. */
  readonly other: Transcript
}

/** Interpolation of runs (Choi et al. 2023): checkpoint by checkpoint from the own run over to the other one's. */
export function interpolated({ task, own, other }: Pair): Transcript {
  const updates = own.states.length - 1
  const states = own.states.map((state, i) => between(state, other.states[i], i / updates))
  return transcriptOf(task, { states: [...states.slice(0, -1), last(other.states)] })
}

/** Gluing of runs (Choi et al. 2023): the own run up to a checkpoint, the other one with its own data from there on. */
export function glued({ task, own, other }: Pair, { at = own.states.length >> 1 } = {}): Transcript {
  const inputs = (step: number) => (step < at * task.checkpointEvery ? own : other).inputs(step)
  return transcriptOf(task, { states: [...own.states.slice(0, at), ...other.states.slice(at)], inputs })
}

/** Which update is false in a run that is honest before it and after it. */
export interface Place {
  readonly task: Task
  /** The honest run. */
  readonly own: Transcript
  /** Number of the update. */
  readonly at: number
}

/** The run with another state after the update. */
async function replaced({ task, own, at }: Place, after: State): Promise<Transcript> {
  const rest = await onwards(task, after, { first: at + 1, count: updatesOf(task) - at - 1 })
  return transcriptOf(task, { states: [...own.states.slice(0, at + 1), ...rest] })
}

/** Honest checkpoints from the one of number `first` on, which is the given state. */
async function onwards(task: Task, state: State, stretch: { first: number; count: number }): Promise<State[]> {
  const { program, inputs, checkpointEvery: count } = task
  const states = [state]
  for (let i = stretch.first; i < stretch.first + stretch.count; i++)
    states.push(await advance(program, last(states), { inputs, from: i * count, count }))
  return states
}

/** Hidden extra data (Choi et al. 2023): in one update the model is also trained on batches with false labels that nobody is told of. */
export async function hiddenData(place: Place, { batches = 1 }: { batches?: number } = {}): Promise<Transcript> {
  const { task, own, at } = place
  const secret = (i: number) => withStep(poisoned(task, i), at * task.checkpointEvery)
  const after = await advance(task.program, own.states[at + 1], { inputs: secret, from: 0, count: batches })
  return replaced(place, after)
}

/** A batch of other points, every one with the label of another class. */
function poisoned({ course }: Task, i: number): readonly Tensor[] {
  const { batchSize } = course.schedule
  const { x, label } = points(`hidden ${i}`, batchSize)
  const labels = (label.data as BigInt64Array).map((value) => (value + 1n) % 4n)
  return [x, tensor('int64', [batchSize], labels)]
}

/** Omitted data (Choi et al. 2023), skipped steps: the last steps of one update are claimed and not run. */
export async function omittedData(place: Place, { steps = 1 }: { steps?: number } = {}): Promise<Transcript> {
  const { task, own, at } = place
  const { program, inputs, checkpointEvery } = task
  const count = checkpointEvery - steps
  return replaced(place, await advance(program, own.states[at], { inputs, from: at * checkpointEvery, count }))
}

/** Repeated steps: one update is trained on the batches of the update before it. */
export async function repeatedData(place: Place): Promise<Transcript> {
  const { task, own, at } = place
  const { program, checkpointEvery: count } = task
  const inputs = (step: number) => task.inputs(step - count)
  return replaced(place, await advance(program, own.states[at], { inputs, from: at * count, count }))
}

/** Teleport: one false update from the forger's own weights to the stolen ones. */
export const teleport = (place: Place, stolen: State): Promise<Transcript> => replaced(place, stolen)

/** Missing steps: training stops at a checkpoint, and the updates that are claimed after it change nothing. */
export function stopped({ task, own, at }: Place): Transcript {
  return transcriptOf(task, { states: own.states.map((state, i) => (i < at ? state : own.states[at])) })
}

/** Chosen data order: true steps on the data of the task, in an order that the forger likes (here the epochs backwards). */
export async function chosenOrder(task: Task): Promise<Transcript> {
  const { stepsPerEpoch: n } = task
  const inputs = (step: number) => withStep(task.inputs(step - (step % n) + (n - 1 - (step % n))).slice(0, -1), step)
  return transcriptOf(task, await train({ ...task, inputs }))
}

/** Another program than the one that is declared: any rule of update, rate or optimizer whose state has the same tensors. */
export async function otherProgram(task: Task, program: Program): Promise<Transcript> {
  return transcriptOf(task, await train({ ...task, program }))
}

/** Lower precision: the weights are kept in bfloat16, the upper half of float32, after every update. */
export async function lowerPrecision(task: Task): Promise<Transcript> {
  const states = [task.initial]
  for (const i of range(updatesOf(task)))
    states.push(truncated(last(await onwards(task, last(states), { first: i, count: 1 }))))
  return transcriptOf(task, { states })
}

const truncated = (state: State): State =>
  state.map((value) => {
    const bits = new Uint32Array((value.data as Float32Array).slice().buffer).map((word) => word & 0xffff0000)
    return { ...value, data: new Float32Array(bits.buffer) }
  })

/** The update that moves the weights least in its epoch, of the run's middle: what a verifier of large updates is least likely to see. */
export function quietest({ task, own }: Pick<Place, 'task' | 'own'>): number {
  const first = perEpoch(task) * Math.floor(updatesOf(task) / perEpoch(task) / 2)
  const size = (i: number) => distances(own.states[i], own.states[i + 1]).l2
  return range(perEpoch(task)).reduce((best, i) => (size(first + i) < size(best) ? first + i : best), first)
}
