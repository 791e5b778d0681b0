/**
 * Evidence about beginnings: inputs that a schedule does not draw, and a first state that is not the seed's. The structs are
 * those of contracts/referees/ScheduleReferee.sol.
 * @module
 */
import { ZERO32, concat, equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sizeOf, type Tensor } from '../core/tensor.js'
import { augment, type RowPlace } from '../data/augmentation.js'
import type { Course } from '../data/course.js'
import { open as openSample } from '../data/dataset.js'
import { encode as encodeRule, type Rule } from '../data/initial.js'
import { encode as encodeSchedule, samplesAt, seedFor, type Schedule } from '../data/schedule.js'
import type { Program } from '../exact/program.js'
import { proveInclusion, treeOf, type Path } from '../merkle/tree.js'
import { hash as hashJob } from '../receipt/job.js'
import { digestOf } from '../trace/digests.js'
import {
  openElement,
  openValue,
  viewOfList,
  type Case,
  type Form,
  type LeafOpening,
  type ListView,
  type StepOpening,
  type TileOpening,
} from './openings.js'

/** An element of an input, and the sample from which the schedule takes it. */
export interface InputEvidence {
  readonly step: StepOpening
  readonly schedule: Uint8Array
  readonly input: number
  readonly element: number
  readonly found: TileOpening
  readonly sample: LeafOpening
  readonly source: TileOpening
}

/** The number of a step as its last input has it. */
export interface NumberEvidence {
  readonly step: StepOpening
  readonly schedule: Uint8Array
  readonly found: TileOpening
}

/** An element of a parameter before the first step, and the parameter's rule. */
export interface StartEvidence {
  readonly step: StepOpening
  readonly schedule: Uint8Array
  readonly parameter: number
  readonly element: number
  readonly found: TileOpening
  readonly rule: LeafOpening
}

/** An input, or a parameter before the first step, of another form than the program's. */
export interface WrongFormEvidence {
  readonly step: StepOpening
  readonly index: number
  readonly leaf: LeafOpening
  readonly form: Form
  readonly root: Bytes32
  readonly path: Path
}

/** A claim about a job that names a schedule. */
export interface Scheduled {
  readonly case: Case
  readonly course: Course
}

/** An element of a list of the provider's. */
export interface ElementPlace {
  /** Which step: for a start, the first one. */
  readonly opening: StepOpening
  /** The step's inputs, or the state before it. */
  readonly list: ListView
  readonly index: number
  readonly element: number
}

const NO_LEAF: LeafOpening = Object.freeze({ leaf: new Uint8Array(0), path: [] })
const NO_TILE: TileOpening = Object.freeze({
  form: { dtype: 1, dims: [] },
  path: [],
  tile: new Uint8Array(0),
  tilePath: [],
})

/**
 * Evidence of the fault `input`: an element of an input is not the one that the schedule puts there.
 * Cost: 90 hashes for each sample of the step's batch, and the tree of one sample's column.
 * @throws Fault `dispute/not-provable` where the seed waits for a beacon, `merkle/index-out-of-range`.
 */
export function inputEvidence({ case: of, course }: Scheduled, place: ElementPlace): InputEvidence {
  const { opening, list, index, element } = place
  const { schedule, dataset } = course
  const size = sizeOf(list.tensor(index).type.dims.slice(1))
  const row = Math.floor(element / size)
  demandDecided(schedule, augmentsColumn(schedule, index) || schedule.order === 'shuffled')
  const at = { seed: seedFor(schedule, hashJob(of.job), course.beacon), step: opening.step }
  const { tensors, path } = openSample(dataset, samplesAt(schedule, at)[row])
  const source = sourceOf(tensors, schedule, { ...at, row, column: index, element: element % size })
  const columns = { leaf: concat(...tensors.map(digestOf)), path }
  return {
    step: opening,
    schedule: encodeSchedule(schedule),
    input: index,
    element,
    found: openElement(list, index, element),
    sample: source === undefined ? NO_LEAF : columns,
    source: source === undefined ? NO_TILE : { ...openElement(viewOfList(tensors), index, source), path: [] },
  }
}

const augmentsColumn = ({ augmentations }: Schedule, index: number): boolean =>
  augmentations.some(({ column }) => column === index)

function demandDecided({ beacon }: Schedule, needsSeed: boolean): void {
  const decided = !needsSeed || equal(beacon, ZERO32)
  demand(decided, 'dispute/not-provable', () => 'the seed waits for a beacon, which no contract knows')
}

/** Which element of one column of which row. */
interface AugmentedPlace extends RowPlace {
  readonly column: number
  readonly element: number
}

/**
 * The element of the sample that stands at a place after the augmentations; undefined where zero moved in. They are asked themselves, over a column
 * whose elements say which ones they are, from 1 on.
 */
function sourceOf(
  tensors: readonly Tensor[],
  { augmentations }: Schedule,
  { column, element, ...at }: AugmentedPlace,
): number | undefined {
  const { dims } = tensors[column]
  const data = Float64Array.from({ length: sizeOf(dims) }, (_, i) => i + 1)
  const marked = tensors.map((tensor, i): Tensor => (i === column ? { dtype: 'float64', dims, data } : tensor))
  const found = Number(augment(marked, augmentations, at)[column].data[element])
  return found === 0 ? undefined : found - 1
}

/** Evidence of the fault `stepNumber`: the last input of a step is not its number. */
export function numberEvidence(
  { course }: Pick<Scheduled, 'course'>,
  { opening, list }: Pick<ElementPlace, 'opening' | 'list'>,
): NumberEvidence {
  return { step: opening, schedule: encodeSchedule(course.schedule), found: openElement(list, list.size - 1, 0) }
}

/**
 * Evidence of the fault `start`: an element of a parameter before the first step is not what its rule and the seed give.
 * @throws Fault `dispute/not-provable` where the seed waits for a beacon or the schedule starts from a checkpoint.
 */
export function startEvidence({ course }: Pick<Scheduled, 'course'>, place: ElementPlace): StartEvidence {
  const { opening, list, index, element } = place
  const { schedule, rules } = course
  demandDecided(schedule, true)
  demand(rules !== undefined, 'dispute/not-provable', () => 'the schedule starts from a checkpoint')
  return {
    step: opening,
    schedule: encodeSchedule(schedule),
    parameter: index,
    element,
    found: openElement(list, index, element),
    rule: openRule(rules, index),
  }
}

/** The leaf of a parameter's rule with its way to the root that a schedule names. */
function openRule(rules: readonly Rule[], parameter: number): LeafOpening {
  const leaves = rules.map(encodeRule)
  return { leaf: leaves[parameter], path: proveInclusion(treeOf(leaves), parameter) }
}

/** A tensor as its provider revealed it: the form and the root of the tiles, and the digest's way to its list. */
export interface FoundForm {
  readonly opening: StepOpening
  readonly index: number
  readonly form: Form
  readonly root: Bytes32
  readonly path: Path
}

/** Evidence of the fault `inputForm`: an input of a step has another form than the program takes. */
export function inputFormEvidence(program: Program, found: FoundForm): WrongFormEvidence {
  return formEvidence(found, openValue(program, program.counts.parameters + found.index))
}

/** Evidence of the fault `startForm`: a parameter before the first step has another form than the program's. */
export function startFormEvidence(program: Program, found: FoundForm): WrongFormEvidence {
  return formEvidence(found, openValue(program, found.index))
}

const formEvidence = ({ opening, ...found }: FoundForm, leaf: LeafOpening): WrongFormEvidence => ({
  step: opening,
  ...found,
  leaf,
})
