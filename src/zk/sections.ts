/**
 * Binary files of iden3: four letters, a version, and numbered sections. Powers of tau (.ptau) and proving keys (.zkey) are such files.
 * Source: the formats that snarkjs 0.7 reads and writes (its files on iden3's binary format).
 * @module
 */
import { concat, utf8 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { MODULUS, type G1, type G2, coordinates, g1, g2 } from './points.js'

/** Kinds of files that are read here. */
export type Kind = 'ptau' | 'zkey'

/** Sections by number: each stands once. */
export type Sections = ReadonlyMap<number, Uint8Array>

/** The section of our own that carries the word unsafe: `cs` as ASCII, beyond all numbers in use. */
export const MARK_SECTION = 0x6373

/** What stands in {@link MARK_SECTION} of every development file. */
export const UNSAFE_MARK = utf8('unsafe: development key, secrets public')

const VERSION = 1
const MOST_SECTIONS = 32

/**
 * The sections of a file, as views into it: nothing is copied.
 * @throws Fault `zk/bad-file` where lengths do not add up to the file, a section stands twice, or kind or version are others.
 */
export function decodeSections(bytes: Uint8Array, kind: Kind): Sections {
  const bad = (what: string) => (): string => `${what} in a .${kind} file`
  demand(bytes.length >= 12, 'zk/bad-file', bad('no header'))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const letters = String.fromCharCode(...bytes.subarray(0, 4))
  demand(letters === kind, 'zk/bad-file', () => 'another kind of file', { expected: kind })
  demand(view.getUint32(4, true) === VERSION, 'zk/bad-file', bad('an unknown version'))
  const count = view.getUint32(8, true)
  demand(count <= MOST_SECTIONS, 'zk/bad-file', bad('too many sections'))
  const sections = new Map<number, Uint8Array>()
  let at = 12
  for (let i = 0; i < count; i++) {
    demand(at + 12 <= bytes.length, 'zk/bad-file', bad('a section beyond the end'))
    const [id, length] = [view.getUint32(at, true), view.getBigUint64(at + 4, true)]
    demand(length <= BigInt(bytes.length - at - 12), 'zk/bad-file', bad('a section beyond the end'))
    demand(!sections.has(id), 'zk/bad-file', bad('one section twice'))
    sections.set(id, bytes.subarray(at + 12, at + 12 + Number(length)))
    at += 12 + Number(length)
  }
  demand(at === bytes.length, 'zk/bad-file', bad('bytes behind the last section'))
  return sections
}

/** The file of these sections, in their order. */
export function encodeSections(kind: Kind, sections: Iterable<readonly [number, Uint8Array]>): Uint8Array {
  const list = [...sections]
  const parts = list.flatMap(([id, body]) => [sectionHead(id, body.length), body])
  return concat(utf8(kind), uint32(VERSION), uint32(list.length), ...parts)
}

function sectionHead(id: number, length: number): Uint8Array {
  const head = new Uint8Array(12)
  new DataView(head.buffer).setUint32(0, id, true)
  new DataView(head.buffer).setBigUint64(4, BigInt(length), true)
  return head
}

/** 4 bytes, little-endian. */
export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

/** The file with the word unsafe in a section of its own. */
export function marked(bytes: Uint8Array, kind: Kind): Uint8Array {
  return encodeSections(kind, [...unmarkedSections(bytes, kind), [MARK_SECTION, UNSAFE_MARK]])
}

/** The sections without the mark of ours. */
export function unmarkedSections(bytes: Uint8Array, kind: Kind): Sections {
  const sections = new Map(decodeSections(bytes, kind))
  sections.delete(MARK_SECTION)
  return sections
}

/** A section that must be there, of this length if one is given. @throws Fault `zk/bad-file`. */
export function section(sections: Sections, id: number, length?: number): Uint8Array {
  const found = sections.get(id)
  demand(found !== undefined, 'zk/bad-file', () => `section ${id} is missing`)
  const fits = length === undefined || found.length === length
  demand(fits, 'zk/bad-file', () => `the length of section ${id}`, { expected: length, found: found.length })
  return found
}

/** A cursor over the bytes of a section; every read beyond its end is a fault. */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  bytes(length: number): Uint8Array {
    demand(length <= this.left, 'zk/bad-file', () => 'a section ends inside of a field')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  uint8(): number {
    return this.bytes(1)[0]
  }

  uint32(): number {
    this.bytes(4)
    return this.#view.getUint32(this.#at - 4, true)
  }

  /** 32 bytes, little-endian. */
  word(): bigint {
    this.bytes(32)
    return wordAt(this.#view, this.#at - 32)
  }

  /** A point of G1 in Montgomery form, which must be on the curve. */
  g1(): G1 {
    return g1([this.#coordinate(), this.#coordinate()])
  }

  /** A point of G2 in Montgomery form, which must be in the group. */
  g2(): G2 {
    const [x0, x1, y0, y1] = [this.#coordinate(), this.#coordinate(), this.#coordinate(), this.#coordinate()]
    return g2([x1, x0, y1, y0])
  }

  #coordinate(): bigint {
    const [word] = coordinates([this.word()])
    return (word * FROM_MONTGOMERY) % MODULUS
  }

  /** @throws Fault `zk/bad-file` where bytes are left. */
  end(): void {
    demand(this.left === 0, 'zk/bad-file', () => 'bytes behind the last field of a section')
  }
}

/** Rounds of hashing that a beacon may ask for: 2^20 take seconds; more would let a file keep its reader busy without end. */
const MOST_ROUNDS = 20

/**
 * What stands at the end of every contribution, in keys and in powers of tau: its kind, and parameters in rising order (1 name,
 * 2 exponent of the rounds, 3 beacon). True for a public beacon, which is no secret.
 */
export function isBeacon(reader: Reader): boolean {
  const kind = reader.uint32()
  demand(kind <= 1, 'zk/bad-file', () => 'an unknown kind of contribution')
  const parameters = parametersOf(new Reader(reader.bytes(reader.uint32())))
  demand(kind === 0 || (parameters.has(2) && parameters.has(3)), 'zk/bad-file', () => 'a beacon without parameters')
  return kind === 1
}

function parametersOf(reader: Reader): Set<number> {
  const found = new Set<number>()
  for (let last = 0; reader.left > 0;) {
    const kind = reader.uint8()
    demand(kind > last && kind <= 3, 'zk/bad-file', () => 'parameters of a contribution out of order')
    const value = reader.uint8()
    if (kind === 2) demand(value <= MOST_ROUNDS, 'zk/bad-file', () => `a beacon of 2^${value} rounds`)
    else reader.bytes(value)
    found.add((last = kind))
  }
  return found
}

function wordAt(view: DataView, at: number): bigint {
  let word = 0n
  for (let k = 3; k >= 0; k--) word = (word << 64n) | view.getBigUint64(at + 8 * k, true)
  return word
}

/** Coordinates stand in files as x 2^256 mod q. */
const MONTGOMERY = (1n << 256n) % MODULUS
const FROM_MONTGOMERY = 20988524275117001072002809824448087578619730785600314334253784976379291040311n

/**
 * Refuses points that are not on the curve, in a section of nothing else. The equation is compared in Montgomery form.
 * Cost: about 2 s for a million points.
 * @throws Fault `zk/bad-file`, `zk/not-in-field`, `zk/not-on-curve`.
 */
export function demandPoints(bytes: Uint8Array, what: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const three = (3n * MONTGOMERY ** 3n) % MODULUS
  for (let at = 0; at < bytes.length; at += 64) {
    const [x, y] = coordinates([wordAt(view, at), wordAt(view, at + 32)])
    const holds = (y * y * MONTGOMERY - x * x * x - three) % MODULUS === 0n || (x === 0n && y === 0n)
    demand(holds, 'zk/not-on-curve', () => `point ${at / 64} of ${what}`)
  }
}
