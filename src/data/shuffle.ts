/**
 * The order of samples within an epoch: the swap-or-not shuffle, in which the position of one sample is computed alone.
 * @see Ethereum consensus specifications, phase 0, "compute_shuffled_index", with the mainnet preset's SHUFFLE_ROUND_COUNT = 90
 * @see Hoang, Morris, Rogaway, "An Enciphering Scheme Based on a Card Shuffle" (2012)
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256Of } from '../core/sha256.js'
import { hashEach } from '../merkle/level.js'

/** SHUFFLE_ROUND_COUNT of the mainnet preset. */
export const ROUNDS = 90

/** The specification's bound on the number of indices. */
const MOST = 2 ** 40

/** One shuffle: of `count` indices, by a seed of 32 bytes. */
export interface Shuffle {
  readonly seed: Bytes32
  readonly count: number
}

/**
 * Where the shuffle sends an index: the sample that stands at a position of the epoch.
 * @throws Fault `core/bad-number` where the index is not below the count, or the count above 2^40.
 * Cost: 180 hashes, whatever the count.
 */
export function shuffled(index: number, shuffle: Shuffle): number {
  demandIndex(index, shuffle)
  let at = index
  for (let round = 0; round < ROUNDS; round++) at = swapOrNot(at, shuffle, round)
  return at
}

/** The inverse: the position at which a sample stands. Every round undoes itself, so they go backwards. @throws Fault `core/bad-number`. */
export function unshuffled(index: number, shuffle: Shuffle): number {
  demandIndex(index, shuffle)
  let at = index
  for (let round = ROUNDS - 1; round >= 0; round--) at = swapOrNot(at, shuffle, round)
  return at
}

function demandIndex(index: number, { seed, count }: Shuffle): void {
  demandShuffle({ seed, count })
  demand(Number.isSafeInteger(index) && index >= 0 && index < count, 'core/bad-number', () => 'no such index', {
    expected: `below ${count}`,
    found: index,
  })
}

function demandShuffle({ seed, count }: Shuffle): void {
  demand(seed.length === 32, 'core/bad-field', () => 'a seed is 32 bytes', { found: seed.length })
  demand(Number.isSafeInteger(count) && count >= 0 && count <= MOST, 'core/bad-number', () => 'indices to shuffle', {
    expected: 'at most 2^40',
    found: count,
  })
}

function swapOrNot(index: number, shuffle: Shuffle, round: number): number {
  const { seed, count } = shuffle
  const flip = (pivotOf(shuffle, round) + count - index) % count
  const position = Math.max(index, flip)
  const source = sha256Of(seed, Uint8Array.of(round), uint32(Math.floor(position / 256)))
  return bitAt(source, position % 256) === 1 ? flip : index
}

/** The first 8 bytes of SHA-256(seed || round), little-endian, modulo the count. */
function pivotOf({ seed, count }: Shuffle, round: number): number {
  const hash = sha256Of(seed, Uint8Array.of(round))
  return Number(new DataView(hash.buffer).getBigUint64(0, true) % BigInt(count))
}

/** 4 bytes, little-endian, as the specification's uint_to_bytes(uint32). */
function uint32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value, true)
  return out
}

const bitAt = (bits: Uint8Array, at: number): number => (bits[at >>> 3] >>> (at & 7)) & 1

/**
 * The whole shuffle: at each position the index that `shuffled` gives.
 * A list is permuted in place, rounds backwards: each round swaps mirrored pairs, below the pivot and above it.
 * Cost: 45 n swaps and 90 n / 256 hashes.
 * @throws Fault `core/too-large` from 2^31 indices on.
 */
export function permutation(shuffle: Shuffle): Uint32Array {
  demandShuffle(shuffle)
  const { count } = shuffle
  demand(count < 2 ** 31, 'core/too-large', () => 'a permutation', { expected: 'below 2^31 indices', found: count })
  const list = Uint32Array.from({ length: count }, (_, i) => i)
  if (count === 0) return list
  for (let round = ROUNDS - 1; round >= 0; round--) {
    const pivot = pivotOf(shuffle, round)
    const bits = roundBits(shuffle, round)
    swapMirrored(list, { first: 0, last: pivot }, bits)
    swapMirrored(list, { first: pivot + 1, last: count - 1 }, bits)
  }
  return list
}

/** The bits of all positions in one round. The first byte of the seed goes as the prefix that the level hash wants. */
function roundBits({ seed, count }: Shuffle, round: number): Uint8Array {
  const length = 36
  const records = new Uint8Array(length * Math.ceil(count / 256))
  for (let at = 0, index = 0; at < records.length; at += length, index++) {
    records.set(seed.subarray(1), at)
    records[at + 31] = round
    records.set(uint32(index), at + 32)
  }
  return hashEach(records, { prefix: seed[0], length })
}

function swapMirrored(list: Uint32Array, { first, last }: { first: number; last: number }, bits: Uint8Array): void {
  for (let i = first, j = last; i < j; i++, j--) {
    if (bitAt(bits, j) === 0) continue
    const held = list[i]
    list[i] = list[j]
    list[j] = held
  }
}
