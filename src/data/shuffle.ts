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
  return shuffledEach([index], shuffle)[0]
}

/** The same for several indices, a round of all of them at a time: 90 hashes, and 90 more for each. @throws Fault `core/bad-number`. */
export function shuffledEach(indices: readonly number[], shuffle: Shuffle): readonly number[] {
  for (const index of indices) demandIndex(index, shuffle)
  let at = indices
  for (let round = 0; round < ROUNDS; round++) at = swapOrNot(at, shuffle, round)
  return at
}

/** The inverse: the position at which a sample stands. Every round undoes itself, so they go backwards. @throws Fault `core/bad-number`. */
export function unshuffled(index: number, shuffle: Shuffle): number {
  demandIndex(index, shuffle)
  let at: readonly number[] = [index]
  for (let round = ROUNDS - 1; round >= 0; round--) at = swapOrNot(at, shuffle, round)
  return at[0]
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

function swapOrNot(indices: readonly number[], shuffle: Shuffle, round: number): readonly number[] {
  const { seed, count } = shuffle
  const pivot = pivotOf(shuffle, round)
  const flips = indices.map((index) => (pivot + count - index) % count)
  const positions = indices.map((index, i) => Math.max(index, flips[i]))
  const windows = positions.map((position) => Math.floor(position / 256))
  const sources = hashWindows(seed, round, windows)
  return indices.map((index, i) => (bitAt(sources, 256 * i + (positions[i] % 256)) === 1 ? flips[i] : index))
}

/** The first 8 bytes of SHA-256(seed || round), little-endian, modulo the count. */
function pivotOf({ seed, count }: Shuffle, round: number): number {
  const hash = sha256Of(seed, Uint8Array.of(round))
  return Number(new DataView(hash.buffer).getBigUint64(0, true) % BigInt(count))
}

/**
 * SHA-256(seed || round || window), 32 bytes each: the bits of 256 positions. The window is 4 bytes, little-endian. The first byte of the
 * seed goes as the prefix that the level hash wants.
 */
function hashWindows(seed: Bytes32, round: number, windows: readonly number[]): Uint8Array {
  const length = 36
  const records = new Uint8Array(length * windows.length)
  const view = new DataView(records.buffer)
  windows.forEach((window, i) => {
    records.set(seed.subarray(1), length * i)
    records[length * i + 31] = round
    view.setUint32(length * i + 32, window, true)
  })
  return hashEach(records, { prefix: seed[0], length })
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
  const windows = Array.from({ length: Math.ceil(count / 256) }, (_, window) => window)
  for (let round = ROUNDS - 1; round >= 0; round--) {
    const pivot = pivotOf(shuffle, round)
    const bits = hashWindows(shuffle.seed, round, windows)
    swapMirrored(list, { first: 0, last: pivot }, bits)
    swapMirrored(list, { first: pivot + 1, last: count - 1 }, bits)
  }
  return list
}

function swapMirrored(list: Uint32Array, { first, last }: { first: number; last: number }, bits: Uint8Array): void {
  for (let i = first, j = last; i < j; i++, j--) {
    if (bitAt(bits, j) === 0) continue
    const held = list[i]
    list[i] = list[j]
    list[j] = held
  }
}
