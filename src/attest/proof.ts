/**
 * Proofs of learning as folders: receipt.json, program.bin, schedule.bin, rules.bin (a start from the seed), learning.json, and
 * objects/<SHA-256 of the bytes>. What the bytes are is checked against the receipt by `Learning.verify`, never believed.
 * @module
 */
import { concat, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import type { Tensor, TensorType } from '../core/tensor.js'
import { columnsOf } from '../data/course.js'
import type { SampleOpening } from '../data/dataset.js'
import { encode as encodeRule } from '../data/initial.js'
import {
  decode as decodeSchedule,
  encode as encodeSchedule,
  samplesAt,
  seedFor,
  stacked,
  type Schedule,
} from '../data/schedule.js'
import { decode as decodeProgram, encode as encodeProgram } from '../exact/format.js'
import { parametersOf, type Program } from '../exact/program.js'
import { pathLength, type Path } from '../merkle/tree.js'
import { readRules } from '../receipt/bundle.js'
import * as fields from '../receipt/fields.js'
import type { Field } from '../receipt/fields.js'
import { hash as hashJob } from '../receipt/job.js'
import {
  OBJECT_PATH,
  inTurn,
  must,
  objectStore,
  objectWriter,
  type BundleReader,
  type ObjectStore,
} from '../receipt/objects.js'
import { decode as decodeReceipt, encode as encodeReceipt, type SignedReceipt } from '../receipt/receipt.js'
import { format } from '../receipt/typed-data.js'
import type { Step } from '../trace/step.js'
import { field as beaconField, type Beacon } from './beacon.js'
import type { ChallengedLeaf, LeafOpening, Proof } from './learning.js'

/** A step's samples: an object a column, and one with the ways of the samples to the root of the data set, one behind the other. */
interface BatchNames {
  readonly columns: readonly Bytes32[]
  readonly paths: Bytes32
}

interface ChallengeNames {
  readonly leaf: number
  readonly state: readonly Bytes32[]
  readonly batches: readonly BatchNames[]
}

interface Manifest {
  readonly beacon: Beacon | undefined
  readonly seedBeacon: Bytes32 | undefined
  readonly count: number
  readonly openings: readonly LeafOpening[]
  readonly challenges: readonly ChallengeNames[]
  readonly lastOutputs: Path
}

/** The most leaves that a proof opens, and steps that a challenged leaf holds. */
const MOST = 1 << 16
const names = fields.listOf(fields.bytes32, 1 << 20)
const path = fields.listOf(fields.bytes32, 64)

const leafField: Field<Step> = fields.record<Step>({
  index: fields.count,
  stateBefore: fields.bytes32,
  inputs: fields.bytes32,
  values: fields.bytes32,
  stateAfter: fields.bytes32,
  outputs: fields.bytes32,
})

const manifestFormat = format(
  'learning',
  fields.record<Manifest>({
    beacon: fields.maybe(beaconField),
    seedBeacon: fields.maybe(fields.bytes32),
    count: fields.uint(32),
    openings: fields.listOf(fields.record<LeafOpening>({ leaf: leafField, path }), 3 * MOST),
    challenges: fields.listOf(
      fields.record<ChallengeNames>({
        leaf: fields.count,
        state: names,
        batches: fields.listOf(fields.record<BatchNames>({ columns: names, paths: fields.bytes32 }), MOST),
      }),
      MOST,
    ),
    lastOutputs: path,
  }),
  1 << 28,
)

const FILES = ['receipt.json', 'program.bin', 'schedule.bin', 'rules.bin', 'learning.json']
const LIMITS = { receipt: 1 << 17, program: 2 ** 31, schedule: 8192, manifest: 1 << 28 } as const

/** The files of a proof. */
export function encode(proof: Proof): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  const put = objectWriter(files)
  const manifest: Manifest = {
    beacon: proof.beacon,
    seedBeacon: proof.seedBeacon,
    count: proof.count,
    openings: proof.openings,
    challenges: proof.challenges.map(({ leaf, state, batches }) => ({
      leaf,
      state: state.map(put.tensor),
      batches: batches.map((samples) => namesOf(samples, put)),
    })),
    lastOutputs: proof.lastOutputs,
  }
  files.set('program.bin', encodeProgram(proof.program))
  files.set('schedule.bin', encodeSchedule(proof.schedule))
  if (proof.rules !== undefined) files.set('rules.bin', concat(...proof.rules.map(encodeRule)))
  files.set('learning.json', manifestFormat.encode(manifest))
  files.set('receipt.json', encodeReceipt(proof.receipt))
  return files
}

function namesOf(samples: readonly SampleOpening[], put: ReturnType<typeof objectWriter>): BatchNames {
  const columns = stacked(samples.map(({ tensors }) => tensors)).map(put.tensor)
  return { columns, paths: put.bytes(concat(...samples.flatMap(({ path }) => path))) }
}

/** True where a folder is a proof of learning. */
export async function isProof(reader: BundleReader): Promise<boolean> {
  return (await reader.list()).includes('learning.json')
}

/**
 * The proof in a folder, with every size and hash of a file checked. Nothing is said yet about whether it proves anything.
 * @throws Fault `bundle/missing-file`, `bundle/unexpected-file`, `bundle/wrong-size`, `bundle/wrong-object`, and the faults of each format.
 */
export async function decode(reader: BundleReader): Promise<Proof> {
  const receipt = decodeReceipt(await must(reader, 'receipt.json', LIMITS.receipt))
  const program = decodeProgram(await must(reader, 'program.bin', LIMITS.program))
  const schedule = decodeSchedule(await must(reader, 'schedule.bin', LIMITS.schedule))
  const manifest = manifestFormat.decode(await must(reader, 'learning.json', LIMITS.manifest))
  const { beacon, seedBeacon, count, openings, lastOutputs } = manifest
  const store = objectStore(reader)
  const source = { store, receipt, program, schedule, seedBeacon }
  const challenges = await inTurn(manifest.challenges, (one) => challengeFrom(one, source))
  const rules = await readRules(reader, program, schedule)
  for (const file of await reader.list()) {
    const known = OBJECT_PATH.test(file)
      ? store.seen.has(file)
      : FILES.includes(file) && (file !== 'rules.bin' || rules !== undefined)
    demand(known, 'bundle/unexpected-file', () => JSON.stringify(file.slice(0, 100)))
  }
  return { receipt, program, schedule, rules, seedBeacon, beacon, count, openings, challenges, lastOutputs }
}

interface Source {
  readonly store: ObjectStore
  readonly receipt: SignedReceipt
  readonly program: Program
  readonly schedule: Schedule
  readonly seedBeacon: Bytes32 | undefined
}

async function challengeFrom({ leaf, state, batches }: ChallengeNames, source: Source): Promise<ChallengedLeaf> {
  const { store, receipt, program } = source
  const commitEvery = Number(receipt.job.commitEvery)
  const [first, end] = [leaf * commitEvery, Math.min((leaf + 1) * commitEvery, Number(receipt.job.steps))]
  demand(batches.length === end - first, 'bundle/wrong-size', () => 'a batch for each step of the leaf', {
    expected: end - first,
    found: batches.length,
  })
  const tensors = await store.tensors(parametersOf(program), state, 'state')
  const steps = batches.map((names, i) => ({ names, step: first + i }))
  return { leaf, state: tensors, batches: await inTurn(steps, (one) => samplesFrom(one, source)) }
}

/** The samples of one step with their paths. Which samples they are follows from the schedule. */
async function samplesFrom(
  { names, step }: { names: BatchNames; step: number },
  { store, receipt, program, schedule, seedBeacon }: Source,
): Promise<SampleOpening[]> {
  const seed = seedFor(schedule, hashJob(receipt.job), seedBeacon)
  const indices = samplesAt(schedule, { seed, step })
  const types = columnsOf(program, schedule)
  const batched = types.map(({ dtype, dims }): TensorType => ({ dtype, dims: [schedule.batchSize, ...dims] }))
  const columns = await store.tensors(batched, names.columns, 'columns of a batch')
  const lengths = indices.map((index) => pathLength({ index, size: schedule.samples }))
  const nodes = await store.bytes(names.paths, 32 * lengths.reduce((sum, length) => sum + length, 0))
  let at = 0
  return indices.map((index, row) => ({
    index,
    tensors: columns.map((column) => rowOf(column, row)),
    path: Array.from({ length: lengths[row] }, () => nodes.slice(at, (at += 32))),
  }))
}

function rowOf({ dtype, dims, data }: Tensor, row: number): Tensor {
  const size = data.length / dims[0]
  return { dtype, dims: dims.slice(1), data: data.subarray(size * row, size * (row + 1)) }
}
