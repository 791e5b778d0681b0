/**
 * Hashing a whole level at a time: many short messages of one length, from one flat array into another.
 * @module
 */
import { nodeCrypto, sha256Into } from '../core/sha256.js'
import {
  INPUT,
  INPUT_BYTES,
  LANES,
  OUTPUT,
  OUTPUT_BYTES,
  blocksOf,
  kernel,
  pad,
  type Kernel,
  type Message,
} from './kernel.js'

/** Below this count setting the kernel up costs more than it gains. */
const FEW = 8
/** node:crypto is faster from three blocks on (it has the processor's SHA instructions), the kernel below (no call a message). */
const MOST_BLOCKS = nodeCrypto?.hash ? 2 : 65

/** SHA-256(prefix || record), 32 bytes each, of the records of `length` bytes that lie one behind the other. */
export function hashEach(records: Uint8Array, message: Message): Uint8Array {
  const count = message.length === 0 ? 0 : records.length / message.length
  const fast = count >= FEW && blocksOf(message.length) <= MOST_BLOCKS ? kernel() : undefined
  return fast ? hashInLanes(records, message, fast) : hashOneByOne(records, message)
}

/** The same, one message at a time. */
export function hashOneByOne(records: Uint8Array, { prefix, length }: Message): Uint8Array {
  const count = records.length / length
  const out = new Uint8Array(32 * count)
  const message = new Uint8Array(1 + length)
  message[0] = prefix
  for (let i = 0; i < count; i++) {
    for (let j = 0, at = i * length; j < length; j++) message[1 + j] = records[at + j] // half the cost of set(subarray())
    sha256Into(message, out, 32 * i)
  }
  return out
}

/** The same, by the kernel, as many records at a time as its memory takes. */
export function hashInLanes(records: Uint8Array, message: Message, fast: Kernel): Uint8Array {
  const { length } = message
  const out = new Uint8Array((32 * records.length) / length)
  const most = Math.floor(Math.min(INPUT_BYTES / length, OUTPUT_BYTES / 32) / LANES) * LANES
  for (let lane = 0; lane < LANES; lane++) pad(fast, lane, message)
  for (let from = 0, to = 0; from < records.length; from += most * length, to += 32 * most) {
    const chunk = records.subarray(from, from + most * length)
    const count = chunk.length / length
    fast.bytes.set(chunk, INPUT)
    fast.hashGroups(Math.ceil(count / LANES), length, blocksOf(length))
    out.set(fast.bytes.subarray(OUTPUT, OUTPUT + 32 * count), to)
  }
  return out
}
