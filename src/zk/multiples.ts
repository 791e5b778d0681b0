/**
 * Many multiples of the generators of both groups, from tables: for development files, which are computed from secrets that everybody
 * knows. Not in constant time.
 * @module
 */
import { loadSnarkjs } from './curve.js'
import { MODULUS, ONE1, ONE2 } from './points.js'

interface CurveModule {
  readonly [name: string]: (...args: number[]) => void
}

/** Bits of a scalar, and points that are worked on at once. */
const [BITS, CHUNK] = [254, 2048]

interface Group {
  readonly name: 'g1m' | 'g2m'
  /** Bytes of a point. */
  readonly size: number
  readonly generator: Uint8Array
  readonly window: number
}

/**
 * Multiples of a generator from a table of its multiples by every digit of every window: one addition for each window. The module is that of the curve
 * library, in an instance of our own with a memory of our own.
 */
export class Base {
  readonly #module: CurveModule
  readonly #memory: WebAssembly.Memory
  readonly #group: string
  /** Bytes of an affine point; a point with its third coordinate takes half more. */
  readonly #size: number
  /** Bits of a window, and how many there are. */
  readonly #window: number
  readonly #windows: number
  readonly #table: number
  readonly #room: number

  constructor(module: CurveModule, memory: WebAssembly.Memory, group: Group) {
    this.#module = module
    this.#memory = memory
    this.#group = group.name
    this.#size = group.size
    this.#window = group.window
    this.#windows = Math.ceil(BITS / group.window)
    this.#table = this.#alloc((this.#windows << this.#window) * group.size)
    this.#room = this.#alloc(CHUNK * group.size * 2)
    this.#fill(group.generator)
  }

  /** Reserves memory of the module for good: its first word is where free memory begins. */
  #alloc(length: number): number {
    const free = new Uint32Array(this.#memory.buffer, 0, 1)
    const at = (free[0] + 7) & ~7
    free[0] = at + length
    const slack = 1 << 20 // what the module takes for itself while it inverts
    const missing = at + length + slack - this.#memory.buffer.byteLength
    if (missing > 0) this.#memory.grow(Math.ceil(missing / 65536))
    return at
  }

  #call(name: string, ...args: number[]): void {
    this.#module[`${this.#group}_${name}`](...args)
  }

  /** Row w holds d 2^(w window) G for every digit d; its first entry, zero, is never read. */
  #fill(generator: Uint8Array): void {
    const [size, digits] = [this.#size, 1 << this.#window]
    new Uint8Array(this.#memory.buffer).set(generator, this.#table + size)
    for (let w = 0; w < this.#windows; w++) {
      const row = this.#table + w * digits * size
      this.#fillRow(row, w + 1 < this.#windows ? row + (digits + 1) * size : undefined)
    }
  }

  /** All multiples of a row's first; one more is the first of the next row. */
  #fillRow(row: number, next: number | undefined): void {
    const [size, whole, digits] = [this.#size, this.#size * 1.5, 1 << this.#window]
    this.#call('toJacobian', row + size, this.#room)
    for (let from = 2; from <= digits; from += CHUNK - 1) {
      const count = Math.min(CHUNK - 1, digits + 1 - from)
      for (let i = 0; i < count; i++)
        this.#call('addMixed', this.#room + i * whole, row + size, this.#room + (i + 1) * whole)
      const last = new Uint8Array(this.#memory.buffer).slice(
        this.#room + count * whole,
        this.#room + (count + 1) * whole,
      )
      this.#call('batchToAffine', this.#room + whole, count, this.#room + whole)
      const memory = new Uint8Array(this.#memory.buffer)
      const kept = Math.min(count, digits - from)
      memory.copyWithin(row + from * size, this.#room + whole, this.#room + whole + kept * size)
      if (kept < count && next !== undefined)
        memory.copyWithin(next, this.#room + whole + kept * size, this.#room + whole + count * size)
      memory.set(last, this.#room)
    }
  }

  /** The multiples of the generator by these numbers, one after another. */
  multiples(scalars: readonly bigint[]): Uint8Array {
    const out = new Uint8Array(scalars.length * this.#size)
    for (let from = 0; from < scalars.length; from += CHUNK) {
      const part = scalars.slice(from, from + CHUNK)
      part.forEach((scalar, i) => this.#multiple(scalar, this.#room + i * this.#size * 1.5))
      this.#call('batchToAffine', this.#room, part.length, this.#room)
      out.set(new Uint8Array(this.#memory.buffer, this.#room, part.length * this.#size), from * this.#size)
    }
    return out
  }

  /** Points as files hold them -> as hashes take them: big-endian, not in Montgomery form. */
  uncompressed(points: Uint8Array): Uint8Array {
    const out = new Uint8Array(points.length)
    const step = CHUNK * this.#size
    for (let from = 0; from < points.length; from += step) {
      const part = points.subarray(from, from + step)
      new Uint8Array(this.#memory.buffer).set(part, this.#room)
      this.#call('batchLEMtoU', this.#room, part.length / this.#size, this.#room)
      out.set(new Uint8Array(this.#memory.buffer, this.#room, part.length), from)
    }
    return out
  }

  #multiple(scalar: bigint, at: number): void {
    const [window, bits, mask] = [this.#window, BigInt(this.#window), (1n << BigInt(this.#window)) - 1n]
    this.#call('zero', at)
    for (let [w, rest] = [0, scalar]; rest > 0n; w++, rest >>= bits) {
      const digit = Number(rest & mask)
      if (digit > 0) this.#call('addMixed', at, this.#table + ((w << window) + digit) * this.#size, at)
    }
  }
}

/** 2^256 mod q: how coordinates stand in files and in the module's memory. */
function montgomery(words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(32 * words.length)
  words.forEach((word, i) => {
    for (let [k, rest] = [0, (word << 256n) % MODULUS]; k < 32; k++, rest >>= 8n)
      bytes[32 * i + k] = Number(rest & 255n)
  })
  return bytes
}

async function base(module: WebAssembly.Module, name: 'g1m' | 'g2m', window: number): Promise<Base> {
  const memory = new WebAssembly.Memory({ initial: 64 })
  const instance = await WebAssembly.instantiate(module, { env: { memory } })
  const [x1, x0, y1, y0] = ONE2
  const [size, generator] = name === 'g1m' ? [64, montgomery(ONE1)] : [128, montgomery([x0, x1, y0, y1])]
  return new Base(instance.exports as unknown as CurveModule, memory, { name, size, generator, window })
}

/** The generators of both groups. */
export interface Bases {
  readonly base1: Base
  readonly base2: Base
}

/** The generators, with tables for about so many multiples. Cost: 0.4 s for many, moments for few. @throws Fault `zk/no-prover`. */
export async function bases(count: number): Promise<Bases> {
  const curve = await (await loadSnarkjs()).curves.getCurveFromName('bn128', { singleThread: true })
  const module = await WebAssembly.compile(curve.tm.code as BufferSource)
  const window = windowFor(count)
  return { base1: await base(module, 'g1m', window), base2: await base(module, 'g2m', window) }
}

/** The bits of a window with which tables and multiples together take the fewest additions. */
function windowFor(count: number): number {
  const additions = (bits: number): number => Math.ceil(BITS / bits) * (2 ** bits + count)
  return Array.from({ length: 11 }, (_, i) => i + 4).reduce((a, b) => (additions(a) <= additions(b) ? a : b))
}
