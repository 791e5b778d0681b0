/**
 * Writes test/vectors/{seeds,dataset,schedule}.json: streams, initial weights, samples with their proofs, schedule leaves and the order
 * that they give. Other implementations (a contract's tests) read the same files.
 *
 * Run: npx tsx scripts/data-vectors.ts
 */
import { writeFileSync } from 'node:fs'
import { toHex, utf8 } from '../src/core/bytes.js'
import { encodeJson, type Json } from '../src/core/json.js'
import { sha256 } from '../src/core/sha256.js'
import { bytesOf, fromBytes, tensor, type DType } from '../src/core/tensor.js'
import * as Dataset from '../src/data/dataset.js'
import * as Initial from '../src/data/initial.js'
import * as Schedule from '../src/data/schedule.js'
import { LABELS, block, integers, integers24, seedOf, type Label } from '../src/data/seeds.js'
import { digest } from '../src/merkle/tiles.js'

const FOLDER = new URL('../test/vectors/', import.meta.url)

function write(name: string, about: string, content: { readonly [key: string]: Json }): void {
  const text = JSON.stringify(JSON.parse(encodeJson({ about, ...content })), null, 1)
  writeFileSync(new URL(`${name}.json`, FOLDER), `${text}\n`)
}

const job = sha256(utf8('job'))
const beacon = sha256(utf8('beacon'))
const seed = seedOf(job)

function streamCase(label: Label, step: number, value: number): Json {
  const stream = { label, step, value }
  const below = integers(seed, stream)
  return {
    label,
    code: LABELS[label],
    step,
    value,
    blocks: [0, 1, 2 ** 40].map((counter) => ({
      counter: String(counter),
      block: toHex(block(seed, stream, counter)),
    })),
    below: [2, 5, 10, 1000, 2 ** 40].map((limit) => ({ limit: String(limit), integer: String(below(limit)) })),
    integers24: [...integers24(seed, stream, 10)],
  }
}

const RULES: readonly Initial.Rule[] = [
  Initial.ZEROS,
  Initial.ONES,
  Initial.glorot({ in: 784, out: 1024 }),
  Initial.he({ in: 9, out: 144 }),
  Initial.lecun({ in: 3, out: 1 }),
]

function weightCase(rule: Initial.Rule, parameter: number): Json {
  const value = Initial.initialTensor({ dtype: 'float32', dims: [10] }, rule, { seed, parameter })
  return { ...rule, parameter, leaf: toHex(Initial.encode(rule)), elements: toHex(bytesOf(value)) }
}

/** Elements of every byte value, the same everywhere. */
function column(dtype: DType, dims: readonly number[], bytes: number): ReturnType<typeof fromBytes> {
  const payload = Uint8Array.from({ length: bytes }, (_, i) => (37 * i + 11) % 128)
  return fromBytes({ dtype, dims }, payload)
}

const columns = {
  image: column('float32', [7, 1, 2, 3], 168),
  label: tensor('int64', [7], [3n, 1n, 4n, 1n, 5n, 9n, 2n]),
}
const set = Dataset.from(columns)

function sampleCase(index: number): Json {
  const { tensors, path } = Dataset.open(set, index)
  return {
    index,
    payloads: tensors.map((value) => toHex(bytesOf(value))),
    digests: tensors.map((value) => toHex(digest(value))),
    path: path.map(toHex),
  }
}

function scheduleCase(options: Schedule.ScheduleOptions): Json {
  const schedule = Schedule.from(set, options)
  const named = schedule.beacon.some((byte) => byte !== 0)
  const own = Schedule.seedFor(schedule, job, named ? beacon : undefined)
  return {
    leaf: toHex(Schedule.encode(schedule)),
    root: toHex(Schedule.hash(schedule)),
    seed: toHex(own),
    steps: [0, 1, 2, 3, 4].map((step) => ({
      step,
      samples: [...Schedule.samplesAt(schedule, { seed: own, step })],
      batch: Schedule.batchOf(set, schedule, { seed: own, step }).map((value) => toHex(digest(value))),
    })),
  }
}

write(
  'seeds',
  'Seeds, blocks of their streams, integers below limits (in one sequence), 24-bit integers, initial float32 weights',
  {
    job: toHex(job),
    beacon: toHex(beacon),
    seed: toHex(seed),
    seedWithBeacon: toHex(seedOf(job, beacon)),
    streams: [
      streamCase('replicas', 0, 0),
      streamCase('order', 3, 0),
      streamCase('weights', 0, 5),
      streamCase('augmentation', 2 ** 40, 17),
      streamCase('operators', 9, 2 ** 32 - 1),
    ],
    weights: RULES.map(weightCase),
    rules: toHex(Initial.hash(RULES)),
  },
)
write(
  'dataset',
  "A data set of images (float32[1,2,3]) and labels (int64): leaf = abi.encode(digest of each column's sample), sized root",
  {
    samples: set.tree.size,
    columns: Object.entries(columns).map(([name, { dtype, dims }]) => ({ name, dtype, dims: dims.slice(1) })),
    root: toHex(Dataset.hash(set)),
    opened: [0, 1, 2, 3, 4, 5, 6].map(sampleCase),
  },
)
write(
  'schedule',
  'Schedules over the data set of dataset.json and the job of seeds.json: leaf, sized root, samples and batch digests of the first steps',
  {
    cases: [
      scheduleCase({ batchSize: 3, start: { from: 'seed', root: Initial.hash(RULES) } }),
      scheduleCase({ batchSize: 7, start: { from: 'checkpoint', root: job }, order: 'committed' }),
      scheduleCase({
        batchSize: 2,
        start: { from: 'checkpoint', root: job },
        beacon,
        augmentations: [
          { kind: 'shift', column: 0, most: 1 },
          { kind: 'flip', column: 0, most: 0 },
        ],
      }),
    ],
  },
)
