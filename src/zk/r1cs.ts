/**
 * Constraint systems and witnesses: read the files of iden3, check every constraint.
 * Source: iden3, "Binary format for R1CS" version 1; the .wtns files of circom and snarkjs, version 2.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { ORDER } from './field.js'

/** A linear combination: wires and their coefficients. */
export interface Combination {
  readonly wires: Int32Array
  readonly coefficients: readonly bigint[]
}

/** a * b = c. */
export interface Constraint {
  readonly a: Combination
  readonly b: Combination
  readonly c: Combination
}

/** Wire 0 is 1; then public outputs, public inputs, private inputs, and all others. */
export interface System {
  readonly wires: number
  readonly publicOutputs: number
  readonly publicInputs: number
  readonly privateInputs: number
  readonly constraints: readonly Constraint[]
}

/** Reads little-endian fields in order. */
class Cursor {
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.#view.byteLength - this.#at
  }

  #take(count: number): number {
    demand(count <= this.left, 'zk/bad-r1cs', () => 'the file ends inside a field')
    this.#at += count
    return this.#at - count
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  u64(): number {
    const value = this.#view.getBigUint64(this.#take(8), true)
    demand(value <= BigInt(Number.MAX_SAFE_INTEGER), 'zk/bad-r1cs', () => 'a size beyond what can be read')
    return Number(value)
  }

  element(): bigint {
    const at = this.#take(32)
    let value = 0n
    for (let i = 3; i >= 0; i--) value = (value << 64n) | this.#view.getBigUint64(at + 8 * i, true)
    demand(value < ORDER, 'zk/bad-r1cs', () => 'a number that is not below the order of the field')
    return value
  }

  part(length: number): Cursor {
    const at = this.#take(length)
    return new Cursor(new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length))
  }

  order(): void {
    demand(this.u32() === 32, 'zk/bad-r1cs', () => 'elements of another length than 32 bytes')
    const at = this.#take(32)
    let value = 0n
    for (let i = 3; i >= 0; i--) value = (value << 64n) | this.#view.getBigUint64(at + 8 * i, true)
    demand(value === ORDER, 'zk/bad-r1cs', () => 'another field than the scalar field of BN254')
  }
}

/** Sections of a file, by number; each may stand once. */
function sectionsOf(bytes: Uint8Array, magic: string, version: number): Map<number, Cursor> {
  const cursor = new Cursor(bytes)
  const name = String.fromCharCode(...[0, 1, 2, 3].map((i) => bytes[i] ?? 0))
  cursor.u32()
  demand(name === magic && cursor.u32() === version, 'zk/bad-r1cs', () => `not a ${magic} file of version ${version}`)
  const sections = new Map<number, Cursor>()
  const count = cursor.u32()
  for (let i = 0; i < count; i++) {
    const [kind, length] = [cursor.u32(), cursor.u64()]
    demand(!sections.has(kind), 'zk/bad-r1cs', () => `section ${kind} stands twice`)
    sections.set(kind, cursor.part(length))
  }
  demand(cursor.left === 0, 'zk/bad-r1cs', () => 'bytes behind the last section')
  return sections
}

function sectionOf(sections: Map<number, Cursor>, kind: number): Cursor {
  const found = sections.get(kind)
  if (found === undefined) throw new Fault('zk/bad-r1cs', `no section ${kind}`)
  return found
}

function combinationOf(cursor: Cursor, wires: number): Combination {
  const count = cursor.u32()
  demand(count * 36 <= cursor.left, 'zk/bad-r1cs', () => 'a combination longer than the file')
  const found = new Int32Array(count)
  const coefficients: bigint[] = []
  for (let i = 0; i < count; i++) {
    found[i] = cursor.u32()
    demand(found[i] >= 0 && found[i] < wires, 'zk/bad-r1cs', () => 'a wire that does not exist')
    coefficients.push(cursor.element())
  }
  return { wires: found, coefficients }
}

/** Reads a constraint system. Cost: about 1 s for a million coefficients. @throws Fault `zk/bad-r1cs`. */
export function decodeSystem(bytes: Uint8Array): System {
  const sections = sectionsOf(bytes, 'r1cs', 1)
  const header = sectionOf(sections, 1)
  header.order()
  const [wires, publicOutputs, publicInputs, privateInputs] = [header.u32(), header.u32(), header.u32(), header.u32()]
  header.u64()
  const count = header.u32()
  const body = sectionOf(sections, 2)
  demand(count * 12 <= body.left, 'zk/bad-r1cs', () => 'more constraints than the file holds')
  const constraints = Array.from({ length: count }, (): Constraint => ({
    a: combinationOf(body, wires),
    b: combinationOf(body, wires),
    c: combinationOf(body, wires),
  }))
  return { wires, publicOutputs, publicInputs, privateInputs, constraints }
}

/** Reads a witness: the value of every wire. @throws Fault `zk/bad-r1cs`. */
export function decodeWitness(bytes: Uint8Array): bigint[] {
  const sections = sectionsOf(bytes, 'wtns', 2)
  const header = sectionOf(sections, 1)
  header.order()
  const count = header.u32()
  const body = sectionOf(sections, 2)
  demand(body.left === 32 * count, 'zk/bad-r1cs', () => 'another number of wires than the header says')
  return Array.from({ length: count }, () => body.element())
}

/** The bytes of a .wtns file, as provers read it. */
export function encodeWitness(witness: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(76 + 32 * witness.length)
  const view = new DataView(bytes.buffer)
  const element = (at: number, value: bigint) => {
    for (let i = 0; i < 4; i++) view.setBigUint64(at + 8 * i, BigInt.asUintN(64, value >> BigInt(64 * i)), true)
  }
  bytes.set([0x77, 0x74, 0x6e, 0x73])
  view.setUint32(4, 2, true)
  view.setUint32(8, 2, true)
  view.setUint32(12, 1, true)
  view.setBigUint64(16, 40n, true)
  view.setUint32(24, 32, true)
  element(28, ORDER)
  view.setUint32(60, witness.length, true)
  view.setUint32(64, 2, true)
  view.setBigUint64(68, BigInt(32 * witness.length), true)
  witness.forEach((value, i) => element(76 + 32 * i, value))
  return bytes
}

/** The value of a combination, reduced. */
export function valueOf({ wires, coefficients }: Combination, witness: readonly bigint[]): bigint {
  let sum = 0n
  for (let i = 0; i < wires.length; i++) sum += coefficients[i] * witness[wires[i]]
  return sum % ORDER
}

/** True where the witness keeps the constraint. */
export function holds({ a, b, c }: Constraint, witness: readonly bigint[]): boolean {
  return (valueOf(a, witness) * valueOf(b, witness) - valueOf(c, witness)) % ORDER === 0n
}

/** The first constraint that a witness breaks, or undefined. */
export function firstBroken({ constraints }: System, witness: readonly bigint[]): number | undefined {
  const at = constraints.findIndex((constraint) => !holds(constraint, witness))
  return at < 0 ? undefined : at
}

/**
 * The public inputs of a witness that keeps every constraint.
 * @throws Fault `zk/unsatisfied`, `zk/bad-length`.
 */
export function verifyWitness(system: System, witness: readonly bigint[]): bigint[] {
  demand(witness.length === system.wires && witness[0] === 1n, 'zk/bad-length', () => 'not a witness of this system')
  demand(
    witness.every((value) => value >= 0n && value < ORDER),
    'zk/not-in-field',
    () => 'a wire out of the field',
  )
  const broken = firstBroken(system, witness)
  demand(broken === undefined, 'zk/unsatisfied', () => `constraint ${broken} is broken`)
  return witness.slice(1, 1 + system.publicOutputs + system.publicInputs)
}
