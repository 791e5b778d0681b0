/**
 * Seeded streams: all randomness of a job follows from its hash (and a beacon, where its schedule names one), so that everybody draws
 * the same numbers, and one number alone can be checked.
 *
 * A block is SHA-256(seed (32 bytes) || label (2) || step (8) || value (4) || counter (8)), integers big-endian: 54 bytes, one
 * compression. @see docs/formats.md, seeds
 * @module
 */
import { utf8, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256, sha256Of } from '../core/sha256.js'
import { hashEach } from '../merkle/level.js'

/** What a stream is for: no two uses share numbers. */
export const LABELS = {
  /** Seats of a quorum. */
  replicas: 1,
  /** The shuffle of an epoch: step = epoch. */
  order: 2,
  /** Initial weights: value = number of the parameter. */
  weights: 3,
  /** Augmentation of one sample: value = row of the batch. */
  augmentation: 4,
  /** Masks of dropout and other random operators: value = number of the program's value. */
  operators: 5,
} as const

/** A name in the table of labels. */
export type Label = keyof typeof LABELS

/** Which stream of a seed. Step and value are 0 where the label does not use them. */
export interface Stream {
  readonly label: Label
  readonly step?: number
  readonly value?: number
}

/**
 * SHA-256("countersign seed" || job hash [|| beacon]).
 * @throws Fault `core/bad-field` where one is not 32 bytes.
 * @remarks Trust: without a beacon whoever writes the job can try many salts and keep the seed that it likes.
 */
export function seedOf(job: Bytes32, beacon?: Bytes32): Bytes32 {
  for (const part of beacon ? [job, beacon] : [job]) demand32(part)
  return sha256Of(utf8('countersign seed'), job, beacon ?? new Uint8Array(0))
}

function demand32(bytes: Uint8Array): void {
  demand(bytes.length === 32, 'core/bad-field', () => 'not 32 bytes', { found: bytes.length })
}

const BLOCK = 54
const COUNTER = 46

/** One block of a stream. @throws Fault `core/bad-field`, `core/bad-number`. */
export function block(seed: Bytes32, stream: Stream, counter: number): Bytes32 {
  const message = messageOf(seed, stream)
  demandUint(counter, Number.MAX_SAFE_INTEGER, 'counter')
  message.setBigUint64(COUNTER, BigInt(counter))
  return sha256(new Uint8Array(message.buffer))
}

function messageOf(seed: Bytes32, { label, step = 0, value = 0 }: Stream): DataView {
  demand32(seed)
  demandUint(step, Number.MAX_SAFE_INTEGER, 'step')
  demandUint(value, 0xffffffff, 'value')
  const bytes = new Uint8Array(BLOCK)
  bytes.set(seed)
  const view = new DataView(bytes.buffer)
  view.setUint16(32, LABELS[label])
  view.setBigUint64(34, BigInt(step))
  view.setUint32(42, value)
  return view
}

function demandUint(found: number, most: number, where: string): void {
  const fits = Number.isSafeInteger(found) && found >= 0 && found <= most
  demand(fits, 'core/bad-number', () => 'not an unsigned integer of its field', { where, found })
}

const SPAN = 1n << 64n

/**
 * A source of uniform integers: each call gives the next one from 0 to `limit` - 1, every one exactly as likely as the others. A block's
 * first 8 bytes are one number; where it would make a low result likelier, the next block is taken.
 * @throws Fault `core/bad-number` for a limit that is not a positive safe integer.
 */
export function integers(seed: Bytes32, stream: Stream): (limit: number) => number {
  const message = messageOf(seed, stream)
  let counter = 0n
  const next = (): bigint => {
    message.setBigUint64(COUNTER, counter++)
    return new DataView(sha256(new Uint8Array(message.buffer)).buffer).getBigUint64(0)
  }
  return (limit) => {
    demand(Number.isSafeInteger(limit) && limit > 0, 'core/bad-number', () => 'no integers below the limit', {
      found: limit,
    })
    const fair = SPAN - (SPAN % BigInt(limit))
    let value = next()
    while (value >= fair) value = next()
    return Number(value % BigInt(limit))
  }
}

/** Elements that one block holds: its 32-bit words, big-endian, of which the upper 24 bits count. */
const PER_BLOCK = 8
/** Blocks that are hashed at once: 54 bytes of memory each. */
const CHUNK = 1 << 14

/** The uniform 24-bit integer of one element of a stream. @throws Fault `core/bad-number`, `core/bad-field`. */
export function integer24(seed: Bytes32, stream: Stream, element: number): number {
  demandUint(element, Number.MAX_SAFE_INTEGER, 'element')
  const bytes = block(seed, stream, Math.floor(element / PER_BLOCK))
  return wordAt(bytes, element % PER_BLOCK)
}

const wordAt = (bytes: Uint8Array, word: number): number =>
  (bytes[4 * word] << 16) | (bytes[4 * word + 1] << 8) | bytes[4 * word + 2]

/**
 * The 24-bit integers of the elements 0 to `count` - 1, in order: each the one that `integer24` gives.
 * @throws Fault `core/too-large` for 2^32 elements or more. Cost: a hash for eight elements.
 */
export function integers24(seed: Bytes32, stream: Stream, count: number): Uint32Array {
  demand(Number.isSafeInteger(count) && count >= 0 && count < 2 ** 32, 'core/too-large', () => 'a stream', {
    expected: 'below 2^32 elements',
    found: count,
  })
  const out = new Uint32Array(count)
  const blocks = Math.ceil(count / PER_BLOCK)
  for (let first = 0; first < blocks; first += CHUNK) {
    const hashes = blocksOf(messageOf(seed, stream), { first, count: Math.min(CHUNK, blocks - first) })
    const end = Math.min(count, PER_BLOCK * (first + CHUNK))
    for (let at = PER_BLOCK * first, word = 0; at < end; at++, word++) out[at] = wordAt(hashes, word)
  }
  return out
}

/** Blocks one behind the other. The first byte of the seed goes as the prefix that the level hash wants. */
function blocksOf(message: DataView, { first, count }: { first: number; count: number }): Uint8Array {
  const length = BLOCK - 1
  const rest = new Uint8Array(message.buffer, 1)
  const records = new Uint8Array(count * length)
  const view = new DataView(records.buffer)
  for (let i = 0; i < count; i++) {
    records.set(rest, i * length)
    view.setBigUint64(i * length + COUNTER - 1, BigInt(first + i))
  }
  return hashEach(records, { prefix: message.getUint8(0), length })
}
