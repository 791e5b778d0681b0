/**
 * Courses: a schedule with all that it names. With the job they give the state before the first step and the inputs of every step.
 *
 * Inputs of a step: a tensor a column of the data set, in its order, the batch on the first axis; then the step's number (int64, rank 0)
 * where the program takes one input more.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { tensor, type Tensor, type TensorType } from '../core/tensor.js'
import { inputsOf, parametersOf, type Program } from '../exact/program.js'
import { shapeOf, type Dataset } from './dataset.js'
import { hash as hashRules, initialState, type Rule } from './initial.js'
import { batches, from as scheduleFrom, seedFor, type Schedule, type ScheduleOptions } from './schedule.js'

/** The inputs of a run, step by step, made when they are asked for. A list of them is one. */
export interface Feed {
  /** How many steps. */
  readonly length: number
  /** The inputs of a step, from 0; undefined behind the last one. */
  at(step: number): readonly Tensor[] | undefined
}

/** A schedule, and what it names by roots. */
export interface Course {
  readonly schedule: Schedule
  readonly dataset: Dataset
  /** Where the schedule starts from the seed: a rule for each parameter. */
  readonly rules?: readonly Rule[] | undefined
  /** Where the schedule names a beacon: its randomness. */
  readonly beacon?: Bytes32 | undefined
}

/** What a course is made from: as a schedule, but for the start, which is given by the rules; without them it is a checkpoint's root. */
export interface CourseOptions extends Omit<ScheduleOptions, 'start'> {
  readonly start: { readonly rules: readonly Rule[] } | { readonly checkpoint: Bytes32 }
  /** The randomness of the beacon that `beacon` names. */
  readonly randomness?: Bytes32
}

/**
 * A course over a data set.
 * @param options `start`: rules for a fresh start from the seed, or the sized root of the state to start from.
 * @throws Fault `data/bad-schedule`, `data/bad-initial`.
 * @example Course.from(dataset, { batchSize: 64, start: { rules: Initial.rulesFor(program) } })
 */
export function from(dataset: Dataset, { start, randomness, ...options }: CourseOptions): Course {
  const fresh = 'rules' in start
  const schedule = scheduleFrom(dataset, {
    ...options,
    start: fresh ? { from: 'seed', root: hashRules(start.rules) } : { from: 'checkpoint', root: start.checkpoint },
  })
  return Object.freeze({ schedule, dataset, rules: fresh ? start.rules : undefined, beacon: randomness })
}

/** What a course becomes under a job. */
export interface Opened {
  readonly program: Program
  /** Before the first step. */
  readonly state: readonly Tensor[]
  readonly inputs: Feed
  readonly course: Course
}

/** Under which job, and how far. */
export interface CourseUnder {
  /** hashStruct of the job: the seed follows from it. */
  readonly job: Bytes32
  readonly steps: number
  /** Where the schedule starts from a checkpoint: its tensors. */
  readonly checkpoint?: readonly Tensor[]
}

/**
 * The work of a job with this course: the one start and the one order of data that it allows.
 * @throws Fault `data/wrong-columns` where data and program do not fit, `data/wrong-dataset`, `data/wrong-initial`, `data/bad-schedule`.
 * Cost: the initial weights are drawn; batches are drawn one by one when they are asked for.
 */
export function open(course: Course, program: Program, { job, steps, checkpoint }: CourseUnder): Opened {
  const { schedule, rules, beacon } = course
  demandColumns(shapeOf(course.dataset).types, program, schedule)
  const seed = seedFor(schedule, job, beacon)
  const state = initialState(schedule.start, parametersOf(program), { seed, rules, checkpoint })
  return { program, state, inputs: feedOf(course, program, { seed, steps }), course }
}

/** The inputs of every step under a seed. */
export function feedOf(
  { schedule, dataset }: Course,
  program: Program,
  { seed, steps }: { readonly seed: Bytes32; readonly steps: number },
): Feed {
  const batch = batches(dataset, schedule, seed)
  const numbered = program.counts.inputs > dataset.columns.length
  return {
    length: steps,
    at: (step) => (step >= 0 && step < steps ? withNumber(batch(step), { step, numbered }) : undefined),
  }
}

/** A batch with the number of its step, where the program takes it. */
export function withNumber(
  batch: readonly Tensor[],
  { step, numbered }: { readonly step: number; readonly numbered: boolean },
): readonly Tensor[] {
  return numbered ? [...batch, tensor('int64', [], [BigInt(step)])] : batch
}

/**
 * The types of one sample of each column that this program takes under this schedule.
 * @throws Fault `data/wrong-columns` where its inputs are not batches of the schedule's size, with the step's number behind them or not.
 */
export function columnsOf(program: Program, { batchSize }: Schedule): TensorType[] {
  const inputs = inputsOf(program)
  const last = inputs[inputs.length - 1]
  const numbered = last?.dtype === 'int64' && last.dims.length === 0
  return (numbered ? inputs.slice(0, -1) : inputs).map(({ dtype, dims }, i) => {
    demand(dims.length > 0 && dims[0] === batchSize, 'data/wrong-columns', () => 'an input is no batch of this size', {
      where: program.names.inputs[i],
      expected: batchSize,
      found: `[${dims}]`,
    })
    return { dtype, dims: dims.slice(1) }
  })
}

const named = ({ dtype, dims }: TensorType): string => `${dtype}[${dims}]`

function demandColumns(types: readonly TensorType[], program: Program, schedule: Schedule): void {
  const expected = columnsOf(program, schedule).map(named).join(', ')
  const found = types.map(named).join(', ')
  demand(expected === found, 'data/wrong-columns', () => 'the program takes other columns than the data set has', {
    expected,
    found,
  })
}
