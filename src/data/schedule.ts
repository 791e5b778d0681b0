/**
 * Schedules: which samples each step of a training run takes, in which order, and where the weights start. One leaf, in the place of the
 * inputs of a job, fixes them for the whole run.
 *
 * Leaf = abi.encode(uint16 version, bytes32 dataset, uint64 samples, uint64 batch size, uint8 last batch, uint8 order, bytes32 beacon,
 * uint8 start, bytes32 start root, (uint8 kind, uint8 column, uint32 most)[] augmentations).
 * @see docs/formats.md, job and seeds
 * @module
 */
import { decodeAbi, encodeAbi } from '../core/abi.js'
import { ZERO32, equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { allocate, bytesOf, fromBytes, type Tensor } from '../core/tensor.js'
import { hashLeaf, sizedRoot } from '../merkle/tree.js'
import { augment, type Augmentation } from './augmentation.js'
import { hash as hashDataset, open as openSample, sample, verify as verifySample } from './dataset.js'
import type { Dataset, DatasetShape, SampleOpening } from './dataset.js'
import { block, seedOf } from './seeds.js'
import { permutation, shuffledEach, unshuffled } from './shuffle.js'

/** Version of the leaf. */
export const SCHEDULE_VERSION = 1

/** Where the state before the first step comes from. */
export interface Start {
  /** A committed state, or rules and the seed. */
  readonly from: 'checkpoint' | 'seed'
  /** Sized root of the state; or of the rules, see `Initial.hash`. */
  readonly root: Bytes32
}

/** Which samples a run trains on, and in which order. */
export interface Schedule {
  /** Sized root of the data set. */
  readonly dataset: Bytes32
  readonly samples: number
  /** Samples of one step. What is left at the end of an epoch is dropped: programs have fixed shapes. */
  readonly batchSize: number
  /** As committed, epoch after epoch; or shuffled anew for each. */
  readonly order: 'committed' | 'shuffled'
  /** What names the beacon that the seed waits for; 32 zero bytes where the seed follows from the job alone. */
  readonly beacon: Bytes32
  readonly start: Start
  readonly augmentations: readonly Augmentation[]
}

/** What a schedule is made from. */
export interface ScheduleOptions extends Pick<Schedule, 'batchSize' | 'start'> {
  /** Default 'shuffled'. */
  readonly order?: Schedule['order']
  /** Default: none. */
  readonly beacon?: Bytes32
  /** Default: none. */
  readonly augmentations?: readonly Augmentation[]
}

const FIELDS = [
  'uint16',
  'bytes32',
  'uint64',
  'uint64',
  'uint8',
  'uint8',
  'bytes32',
  'uint8',
  'bytes32',
  '(uint8,uint8,uint32)[]',
] as const
const ORDERS = ['committed', 'shuffled'] as const
const STARTS = ['checkpoint', 'seed'] as const
const KINDS_OF_AUGMENTATION = ['shift', 'flip'] as const
/** The one rule for what is left at the end of an epoch. */
const DROPPED = 0n
const MOST_AUGMENTATIONS = 16
/** So that nobody who draws the samples of one step of a hostile schedule runs out of memory. */
const MOST_BATCH = 1 << 20
const MOST_BYTES = 8192

/**
 * The schedule over a data set, checked and frozen.
 * @throws Fault `data/bad-schedule`.
 * @example Schedule.from(dataset, { batchSize: 64, start: { from: 'seed', root: Initial.hash(rules) } })
 */
export function from(dataset: Dataset, options: ScheduleOptions): Schedule {
  const { batchSize, start, order = 'shuffled', beacon = ZERO32, augmentations = [] } = options
  return checked({
    dataset: hashDataset(dataset),
    samples: dataset.tree.size,
    batchSize,
    order,
    beacon,
    start,
    augmentations,
  })
}

function checked(schedule: Schedule): Schedule {
  const { samples, batchSize, augmentations } = schedule
  demandRule(Number.isSafeInteger(samples) && samples > 0 && samples <= 2 ** 40, 'samples', samples)
  const most = Math.min(samples, MOST_BATCH)
  demandRule(Number.isSafeInteger(batchSize) && batchSize > 0 && batchSize <= most, 'batchSize', batchSize)
  demandRule(ORDERS.includes(schedule.order), 'order', schedule.order)
  demandRule(STARTS.includes(schedule.start.from), 'start', schedule.start.from)
  demandRule(augmentations.length <= MOST_AUGMENTATIONS, 'augmentations', augmentations.length)
  for (const bytes of [schedule.dataset, schedule.beacon, schedule.start.root]) {
    demandRule(bytes.length === 32, '32 bytes', bytes.length)
  }
  return Object.freeze({
    ...schedule,
    start: Object.freeze({ from: schedule.start.from, root: schedule.start.root }),
    augmentations: Object.freeze(augmentations.map(checkedAugmentation)),
  })
}

function checkedAugmentation({ kind, column, most }: Augmentation): Augmentation {
  demandRule(KINDS_OF_AUGMENTATION.includes(kind), 'augmentations.kind', kind)
  demandRule(Number.isInteger(column) && column >= 0 && column < 64, 'augmentations.column', column)
  const range = kind === 'flip' ? most === 0 : Number.isInteger(most) && most > 0 && most < 2 ** 31
  demandRule(range, 'augmentations.most', most)
  return Object.freeze({ kind, column, most })
}

function demandRule(holds: boolean, where: string, found: unknown): void {
  demand(holds, 'data/bad-schedule', () => 'a field breaks its rule', { where, found })
}

/** The leaf of a schedule. */
export function encode(schedule: Schedule): Uint8Array {
  const { dataset, samples, batchSize, order, beacon, start, augmentations } = checked(schedule)
  const moves = augmentations.map(({ kind, column, most }) => [KINDS_OF_AUGMENTATION.indexOf(kind), column, most])
  const [orderCode, startCode] = [ORDERS.indexOf(order), STARTS.indexOf(start.from)]
  return encodeAbi(FIELDS, [
    SCHEDULE_VERSION,
    dataset,
    samples,
    batchSize,
    DROPPED,
    orderCode,
    beacon,
    startCode,
    start.root,
    moves,
  ])
}

/**
 * A schedule from its leaf.
 * @throws Fault `core/too-large`, `core/unknown-version`, `core/bad-abi`, `data/bad-schedule`.
 */
export function decode(bytes: Uint8Array): Schedule {
  demand(bytes.length <= MOST_BYTES, 'core/too-large', () => 'a schedule', {
    expected: MOST_BYTES,
    found: bytes.length,
  })
  demandVersion(bytes)
  const [, dataset, samples, batchSize, last, order, beacon, start, root, moves] = decodeAbi(FIELDS, bytes)
  demandRule(last === DROPPED, 'last batch', last)
  const augmentations = moves.map((move) => {
    const [kind, column, most] = (move as readonly bigint[]).map(Number)
    return { kind: KINDS_OF_AUGMENTATION[kind], column, most }
  })
  return checked({
    dataset,
    samples: Number(samples),
    batchSize: Number(batchSize),
    order: ORDERS[Number(order)],
    beacon,
    start: { from: STARTS[Number(start)], root },
    augmentations,
  })
}

/** Before the rest is read: another version may have other fields. */
function demandVersion(bytes: Uint8Array): void {
  demand(bytes.length >= 32, 'core/bad-abi', () => 'the bytes end inside the version')
  const [version] = decodeAbi(['uint16'], bytes.subarray(0, 32))
  demand(version === BigInt(SCHEDULE_VERSION), 'core/unknown-version', () => 'schedule', {
    expected: SCHEDULE_VERSION,
    found: version,
  })
}

/** What stands as `inputs` in the job: the sized root `schedule` over the one leaf. */
export function hash(schedule: Schedule): Bytes32 {
  return sizedRoot('schedule', { size: 1, root: hashLeaf(encode(schedule)) })
}

/**
 * What stands as `initialState` in the job: the checkpoint, or 32 zero bytes where the state follows from the seed, which follows from
 * the job.
 */
export function jobInitialState({ start }: Schedule): Bytes32 {
  return start.from === 'checkpoint' ? start.root : ZERO32
}

/**
 * The seed of a job with this schedule.
 * @param beacon The randomness of the beacon that the schedule names; that it is the right one is for the caller to know.
 * @throws Fault `data/bad-schedule` where the schedule names a beacon and none is given, or the other way round.
 */
export function seedFor({ beacon: named }: Schedule, job: Bytes32, beacon?: Bytes32): Bytes32 {
  demandRule(equal(named, ZERO32) === (beacon === undefined), 'beacon', beacon === undefined ? 'none' : 'one')
  return seedOf(job, beacon)
}

/**
 * Refuses a seed of which the caller does not know that it is made from the beacon which the schedule names: whoever may choose that
 * randomness chooses the first weights and the order of the data.
 * @param found What the seed is made from.
 * @param known What the named beacon gave, as the caller found out by itself.
 * @throws Fault `data/unknown-beacon` where the schedule names a beacon and the caller knows nothing of it, `data/wrong-beacon`.
 */
export function demandBeacon(
  { beacon: named }: Schedule,
  found: Bytes32 | undefined,
  known: Bytes32 | undefined,
): void {
  if (equal(named, ZERO32)) return
  demand(known !== undefined, 'data/unknown-beacon', () => 'the seed cannot be checked', { where: toHex(named) })
  demand(found !== undefined && equal(found, known), 'data/wrong-beacon', () => 'a chosen seed', {
    where: toHex(named),
    expected: toHex(known),
    found: found === undefined ? 'none' : toHex(found),
  })
}

/** Steps of one epoch. */
export function stepsPerEpoch({ samples, batchSize }: Schedule): number {
  return Math.floor(samples / batchSize)
}

/** Which step of a job. */
export interface StepPlace {
  readonly seed: Bytes32
  /** From 0. */
  readonly step: number
}

interface EpochPlace {
  readonly epoch: number
  /** Position of the step's first sample in the order of the epoch. */
  readonly first: number
}

function epochOf(schedule: Schedule, step: number): EpochPlace {
  demand(Number.isSafeInteger(step) && step >= 0, 'core/bad-number', () => 'not a step', { found: step })
  const steps = stepsPerEpoch(schedule)
  return { epoch: Math.floor(step / steps), first: (step % steps) * schedule.batchSize }
}

/** The shuffle of an epoch: block 0 of the stream `order` at step = epoch is its seed. */
const shuffleOf = ({ samples }: Schedule, seed: Bytes32, epoch: number) => ({
  seed: block(seed, { label: 'order', step: epoch }, 0),
  count: samples,
})

/** The samples of one step, in order. Cost: 90 hashes, and 90 a sample. @throws Fault `core/bad-number`. */
export function samplesAt(schedule: Schedule, { seed, step }: StepPlace): readonly number[] {
  const { epoch, first } = epochOf(schedule, step)
  const positions = Array.from({ length: schedule.batchSize }, (_, row) => first + row)
  return schedule.order === 'committed' ? positions : shuffledEach(positions, shuffleOf(schedule, seed, epoch))
}

/** Which sample in which epoch. */
export interface Visit {
  readonly seed: Bytes32
  readonly epoch: number
  readonly sample: number
}

/**
 * The step and row at which an epoch takes a sample; undefined where it is among those that are dropped. Cost: 180 hashes.
 * @throws Fault `core/bad-number`.
 */
export function placeOf(schedule: Schedule, visit: Visit): { readonly step: number; readonly row: number } | undefined {
  const { seed, epoch, sample: index } = visit
  const shuffle = shuffleOf(schedule, seed, epoch)
  const position = unshuffled(index, shuffle)
  const at = schedule.order === 'committed' ? index : position
  const step = Math.floor(at / schedule.batchSize)
  if (step >= stepsPerEpoch(schedule)) return undefined
  return { step: epoch * stepsPerEpoch(schedule) + step, row: at % schedule.batchSize }
}

/**
 * The input tensors of one step: a tensor a column, the batch on the first axis, samples in order and augmented.
 * @throws Fault `data/wrong-dataset` where the data set is not the schedule's, `data/bad-schedule`, `core/bad-number`.
 */
export function batchOf(dataset: Dataset, schedule: Schedule, at: StepPlace): readonly Tensor[] {
  demandDataset(dataset, schedule)
  return gathered(dataset, { schedule, at, samples: samplesAt(schedule, at) })
}

/**
 * The batches of a run, step by step: those of `batchOf`, with the order of an epoch computed once.
 * @throws Fault `data/wrong-dataset`.
 */
export function batches(dataset: Dataset, schedule: Schedule, seed: Bytes32): (step: number) => readonly Tensor[] {
  demandDataset(dataset, schedule)
  let known = -1
  let order: Uint32Array = new Uint32Array(0)
  return (step) => {
    const at = { seed, step }
    const { epoch, first } = epochOf(schedule, step)
    if (schedule.order === 'committed') return gathered(dataset, { schedule, at, samples: samplesAt(schedule, at) })
    if (epoch !== known) order = permutation(shuffleOf(schedule, seed, epoch))
    known = epoch
    return gathered(dataset, { schedule, at, samples: [...order.subarray(first, first + schedule.batchSize)] })
  }
}

function demandDataset(dataset: Dataset, schedule: Schedule): void {
  const found = hashDataset(dataset)
  demand(equal(found, schedule.dataset), 'data/wrong-dataset', () => 'another data set than the schedule names', {
    expected: toHex(schedule.dataset),
    found: toHex(found),
  })
}

function gathered(
  dataset: Dataset,
  { schedule, at, samples }: { schedule: Schedule; at: StepPlace; samples: readonly number[] },
): readonly Tensor[] {
  const { augmentations } = schedule
  if (augmentations.length === 0) return dataset.columns.map((column) => picked(column, samples))
  return stacked(samples.map((index, row) => augment(sample(dataset, index), augmentations, { ...at, row })))
}

/** Samples of one column, one behind the other. */
function picked({ dtype, dims, data }: Tensor, samples: readonly number[]): Tensor {
  const size = data.length / dims[0]
  const out = allocate(dtype, size * samples.length)
  samples.forEach((index, row) => out.set(data.subarray(size * index, size * (index + 1)) as never, size * row))
  return { dtype, dims: [samples.length, ...dims.slice(1)], data: out }
}

/** Samples one behind the other: a tensor a column, the samples on a new first axis. */
export function stacked(rows: readonly (readonly Tensor[])[]): readonly Tensor[] {
  return rows[0].map(({ dtype, dims, data }, column) => {
    const bytes = new Uint8Array(rows.length * data.byteLength)
    rows.forEach((tensors, row) => bytes.set(bytesOf(tensors[column]), row * data.byteLength))
    return fromBytes({ dtype, dims: [rows.length, ...dims] }, bytes)
  })
}

/** The samples of one step with their proofs: what a verifier needs who does not have the data set. */
export function openBatch(dataset: Dataset, schedule: Schedule, at: StepPlace): readonly SampleOpening[] {
  demandDataset(dataset, schedule)
  return samplesAt(schedule, at).map((index) => openSample(dataset, index))
}

/**
 * The input tensors of one step, after every sample was found to be the one that the schedule draws, out of the data set that it names.
 * @throws Fault `data/wrong-sample` for another sample than the schedule's, a missing one or one too many, and those of
 * `Dataset.verify`.
 */
export function verifyBatch(
  schedule: Schedule,
  at: StepPlace & Pick<DatasetShape, 'types'>,
  openings: readonly SampleOpening[],
): readonly Tensor[] {
  demand(openings.length === schedule.batchSize, 'data/wrong-sample', () => 'samples of the batch', {
    expected: schedule.batchSize,
    found: openings.length,
  })
  const samples = samplesAt(schedule, at)
  const shape = { samples: schedule.samples, types: at.types }
  const rows = openings.map((opening, row) => {
    demand(opening.index === samples[row], 'data/wrong-sample', () => 'not the sample that the schedule draws', {
      where: `row ${row}`,
      expected: samples[row],
      found: opening.index,
    })
    const tensors = verifySample(schedule.dataset, shape, opening)
    return augment(tensors, schedule.augmentations, { seed: at.seed, step: at.step, row })
  })
  return stacked(rows)
}
