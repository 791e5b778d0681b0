/**
 * The hashing kernel: SHA-256 of four messages at once in the lanes of WebAssembly's vectors, and the gathering of tiles.
 *
 * Why: one call of node:crypto costs 0.3 to 0.4 microseconds beside the hashing, as much as a tree node itself, and a
 * browser has no synchronous SHA-256 at all (Web Crypto's costs 64 microseconds a call). Messages lie in four slots of
 * the memory, already padded; `compress` hashes what lies there.
 * @see FIPS 180-4 sections 4.1.2, 4.2.2, 5.3.3, 6.2.2
 * @module
 */
import {
  add,
  assemble,
  below,
  call,
  copyMemory,
  doWhile,
  get,
  i32,
  mul,
  set,
  v128,
  type Code,
  type WasmFunction,
} from '../core/wasm.js'

/** Messages that are hashed at once. */
export const LANES = 4
/** Where things lie in the memory: the test of `gather`, the messages, digests that come out, data that goes in. */
export const TEST = 2048
export const SLOTS = 4096
/** Bytes from one message to the next: a tile with its prefix is 4,097 bytes, 65 blocks; one more is room for copies that overrun. */
export const SLOT = 66 * 64
export const OUTPUT = SLOTS + LANES * SLOT
export const OUTPUT_BYTES = 128 * 1024
export const INPUT = OUTPUT + OUTPUT_BYTES
export const INPUT_BYTES = 1024 * 1024
const CONSTANTS = 0
const INITIAL = 1024
const PAGES = 19

function primes(count: number): bigint[] {
  const found: bigint[] = []
  for (let n = 2n; found.length < count; n++) if (found.every((p) => n % p !== 0n)) found.push(n)
  return found
}

/** The first 32 bits of the fractional part of the `degree`-th root of a prime. */
function rootBits(prime: bigint, degree: bigint): number {
  const target = prime << (32n * degree)
  let root = 0n
  for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) if ((root + bit) ** degree <= target) root += bit
  return Number(root & 0xffffffffn)
}

const rotr = (x: number, bits: number): Code => v128.or(v128.shr(get(x), bits), v128.shl(get(x), 32 - bits))
const xor3 = (a: Code, b: Code, c: Code): Code => v128.xor(v128.xor(a, b), c)
const sum = (...terms: readonly Code[]): Code => terms.reduce((a, b) => v128.add(a, b))

/** FIPS 180-4 (4.4) to (4.7), and Ch and Maj as selections. */
const bigSigma0 = (x: number): Code => xor3(rotr(x, 2), rotr(x, 13), rotr(x, 22))
const bigSigma1 = (x: number): Code => xor3(rotr(x, 6), rotr(x, 11), rotr(x, 25))
const sigma0 = (x: number): Code => xor3(rotr(x, 7), rotr(x, 18), v128.shr(get(x), 3))
const sigma1 = (x: number): Code => xor3(rotr(x, 17), rotr(x, 19), v128.shr(get(x), 10))
const choose = (e: number, f: number, g: number): Code => v128.select(get(f), get(g), get(e))
const majority = (a: number, b: number, c: number): Code => v128.select(get(c), get(b), v128.xor(get(a), get(b)))

const BIG_ENDIAN = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]
const swapped = (x: Code): Code => v128.shuffle(x, x, BIG_ENDIAN)
const words = (...lanes: readonly number[]): number[] =>
  lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3])

/** Four vectors as the rows of a matrix, transposed, by way of four free locals. */
function transpose(rows: readonly number[], free: readonly number[]): Code {
  const [a, b, c, d] = rows.map(get)
  const [e, f, g, h] = free.map(get)
  return [
    set(free[0], v128.shuffle(a, b, words(0, 4, 1, 5))),
    set(free[1], v128.shuffle(c, d, words(0, 4, 1, 5))),
    set(free[2], v128.shuffle(a, b, words(2, 6, 3, 7))),
    set(free[3], v128.shuffle(c, d, words(2, 6, 3, 7))),
    set(rows[0], v128.shuffle(e, f, words(0, 1, 4, 5))),
    set(rows[1], v128.shuffle(e, f, words(2, 3, 6, 7))),
    set(rows[2], v128.shuffle(g, h, words(0, 1, 4, 5))),
    set(rows[3], v128.shuffle(g, h, words(2, 3, 6, 7))),
  ]
}

/** `compress(blocks, to)`: the digests of the four slots, of `blocks` blocks each, one behind the other. */
function compress(): WasmFunction {
  const [blocks, to, at, constant] = [0, 1, 2, 3]
  const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)
  const [state, saved, w] = [range(4, 8), range(12, 8), range(20, 16)]
  const [sum1, free] = [36, range(37, 4)]

  const load = (group: number): Code => [
    range(0, LANES).map((lane) =>
      set(w[4 * group + lane], swapped(v128.load(get(at), SLOTS + lane * SLOT + 16 * group))),
    ),
    transpose(w.slice(4 * group, 4 * group + 4), free),
  ]
  const round = (i: number): Code => {
    const [a, b, c, d, e, f, g, h] = range(0, 8).map((j) => state[(j - i + 64) % 8])
    return [
      set(sum1, sum(get(h), bigSigma1(e), choose(e, f, g), v128.load(get(constant), CONSTANTS + 16 * i), get(w[i]))),
      set(d, v128.add(get(d), get(sum1))),
      set(h, sum(get(sum1), bigSigma0(a), majority(a, b, c))),
    ]
  }
  const extend = (i: number): Code =>
    set(w[i], sum(get(w[i]), sigma0(w[(i + 1) % 16]), get(w[(i + 9) % 16]), sigma1(w[(i + 14) % 16])))
  const sixteen = range(0, 16)
  const store = (half: number): Code => [
    transpose(state.slice(4 * half, 4 * half + 4), free),
    range(0, LANES).map((lane) => v128.store(get(to), swapped(get(state[4 * half + lane])), 32 * lane + 16 * half)),
  ]
  const block: Code = [
    state.map((local, i) => set(saved[i], get(local))),
    range(0, 4).map(load),
    set(constant, i32(0)),
    sixteen.map(round),
    set(constant, i32(256)),
    doWhile(
      [sixteen.map((i) => [extend(i), round(i)]), set(constant, add(get(constant), i32(256)))],
      below(get(constant), i32(1024)),
    ),
    state.map((local, i) => set(local, v128.add(get(local), get(saved[i])))),
    set(at, add(get(at), i32(64))),
  ]
  return {
    name: 'compress',
    params: 2,
    locals: { i32: 2, v128: 37 },
    body: [
      state.map((local, i) => set(local, v128.load(i32(INITIAL), 16 * i))),
      doWhile(block, below(get(at), mul(get(blocks), i32(64)))),
      store(0),
      store(1),
    ],
  }
}

/** `hashGroups(groups, length, blocks)`: groups of four records from the input into the output. */
function hashGroups(): WasmFunction {
  const [groups, length, blocks, from, to, end] = [0, 1, 2, 3, 4, 5]
  const lanes = Array.from({ length: LANES }, (_, lane) => [
    copyMemory(i32(SLOTS + lane * SLOT + 1), get(from), get(length)),
    set(from, add(get(from), get(length))),
  ])
  return {
    name: 'hashGroups',
    params: 3,
    locals: { i32: 3, v128: 0 },
    body: [
      set(from, i32(INPUT)),
      set(to, i32(OUTPUT)),
      set(end, add(i32(OUTPUT), mul(get(groups), i32(32 * LANES)))),
      doWhile([lanes, call(0, get(blocks), get(to)), set(to, add(get(to), i32(32 * LANES)))], below(get(to), get(end))),
    ],
  }
}

/**
 * `gather(to, from, stride, rows, rowBytes)`: rows of a tile one behind the other, 64 bytes at a time (the last of a row
 * overruns, and is written over by the next row). The result is 1 where the test at TEST found a suspicious element.
 */
function gather(): WasmFunction {
  const [to, from, stride, rows, rowBytes, row, at] = [0, 1, 2, 3, 4, 5, 6]
  const [mask, carry, found, piece] = [7, 8, 9, 10]
  const copyPiece = (offset: number): Code => [
    set(piece, v128.load(add(get(from), get(at)), offset)),
    v128.store(add(get(to), get(at)), get(piece), offset),
    set(found, v128.or(get(found), v128.add(v128.and(get(piece), get(mask)), get(carry)))),
  ]
  const copyPieces: Code = [[0, 16, 32, 48].map(copyPiece), set(at, add(get(at), i32(64)))]
  const copyRow: Code = [
    set(at, i32(0)),
    doWhile(copyPieces, below(get(at), get(rowBytes))),
    set(from, add(get(from), get(stride))),
    set(to, add(get(to), get(rowBytes))),
    set(row, add(get(row), i32(1))),
  ]
  return {
    name: 'gather',
    params: 5,
    results: 1,
    locals: { i32: 2, v128: 4 },
    body: [
      set(mask, v128.load(i32(TEST))),
      set(carry, v128.load(i32(TEST), 16)),
      doWhile(copyRow, below(get(row), get(rows))),
      v128.anyTrue(v128.and(get(found), v128.load(i32(TEST), 32))),
    ],
  }
}

interface Exports {
  readonly memory: WebAssembly.Memory
  compress(blocks: number, to: number): void
  hashGroups(groups: number, length: number, blocks: number): void
  gather(to: number, from: number, stride: number, rows: number, rowBytes: number): number
}

/** The kernel's functions over its own memory. Every call uses the same memory and is over when it returns. */
export interface Kernel extends Exports {
  readonly bytes: Uint8Array
}

let instance: Kernel | undefined | null = null

/** The kernel, or undefined where there is no WebAssembly with vectors. */
export function kernel(): Kernel | undefined {
  if (instance === null) instance = start()
  return instance
}

function start(): Kernel | undefined {
  try {
    const module = new WebAssembly.Module(assemble(PAGES, [compress(), hashGroups(), gather()]))
    const exports = new WebAssembly.Instance(module).exports as unknown as Exports
    const words = new Uint32Array(exports.memory.buffer)
    primes(64).forEach((prime, i) =>
      words.fill(rootBits(prime, 3n), (CONSTANTS + 16 * i) / 4, (CONSTANTS + 16 * i) / 4 + 4),
    )
    primes(8).forEach((prime, i) => words.fill(rootBits(prime, 2n), (INITIAL + 16 * i) / 4, (INITIAL + 16 * i) / 4 + 4))
    return Object.freeze({ ...exports, bytes: new Uint8Array(exports.memory.buffer) })
  } catch {
    return undefined // no WebAssembly, no vectors, or forbidden by the page's policy: the callers have another way
  }
}

/** A message of a prefix byte and `length` bytes more. */
export interface Message {
  readonly prefix: number
  readonly length: number
}

/** How many blocks of 64 bytes a message fills, padding included. */
export function blocksOf(length: number): number {
  return Math.ceil((1 + length + 9) / 64)
}

/** Writes the prefix and the padding around the message that a slot holds. @see FIPS 180-4 section 5.1.1 */
export function pad({ bytes }: Kernel, lane: number, { prefix, length }: Message): void {
  const start = SLOTS + lane * SLOT
  const [end, last] = [start + 1 + length, start + 64 * blocksOf(length)]
  bytes[start] = prefix
  bytes.fill(0, end, last)
  bytes[end] = 0x80
  new DataView(bytes.buffer).setUint32(last - 4, 8 * (1 + length))
}
