/**
 * The first Groth16 key of a circuit, computed from the secrets of the development powers: one product in the field where a set-up
 * from points multiplies a point. The same bytes as snarkjs makes from development powers of more than the circuit's size.
 * Source: Groth (2016), section 3.2; the .zkey format of snarkjs 0.7, its hash of the circuit included.
 * @module
 */
import { blake2b } from '@noble/hashes/blake2.js'
import { ORDER } from './field.js'
import { bases, type Base } from './multiples.js'
import { MODULUS } from './points.js'
import { geometric, lagrangeAt, SECRETS } from './powers.js'
import type { Combination, System } from './r1cs.js'
import { encodeSections, uint32 } from './sections.js'
import { PUBLICS } from './verification-key.js'

/** Of every wire: its polynomials of A, B and C at tau. */
interface Columns {
  readonly a: bigint[]
  readonly b: bigint[]
  readonly c: bigint[]
}

function columnsOf({ wires, constraints }: System, lagrange: readonly bigint[]): Columns {
  const zeros = (): bigint[] => Array<bigint>(wires).fill(0n)
  const columns = { a: zeros(), b: zeros(), c: zeros() }
  const add = (column: bigint[], { wires, coefficients }: Combination, at: bigint) =>
    wires.forEach((wire, i) => (column[wire] = (column[wire] + coefficients[i] * at) % ORDER))
  constraints.forEach((constraint, row) => {
    for (const name of ['a', 'b', 'c'] as const) add(columns[name], constraint[name], lagrange[row])
  })
  for (let s = 0; s <= PUBLICS; s++) columns.a[s] = (columns.a[s] + lagrange[constraints.length + s]) % ORDER
  return columns
}

/** Coefficients of A and B as k 2^512: matrix, row, wire, number. Public inputs have a row each behind the constraints. */
function coefficientsOf({ constraints }: System): Uint8Array {
  const entries: [number, number, number, bigint][] = constraints.flatMap(({ a, b }, row) =>
    [a, b].flatMap(({ wires, coefficients }, matrix) =>
      coefficients.map((value, i): [number, number, number, bigint] => [matrix, row, wires[i], value]),
    ),
  )
  for (let s = 0; s <= PUBLICS; s++) entries.push([0, constraints.length + s, s, 1n])
  const bytes = new Uint8Array(4 + 44 * entries.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, entries.length, true)
  entries.forEach(([matrix, row, wire, value], i) => {
    const at = 4 + 44 * i
    view.setUint32(at, matrix, true)
    view.setUint32(at + 4, row, true)
    view.setUint32(at + 8, wire, true)
    putWord(view, at + 12, (value << 512n) % ORDER)
  })
  return bytes
}

function putWord(view: DataView, at: number, word: bigint): void {
  for (let k = 0; k < 4; k++) view.setBigUint64(at + 8 * k, BigInt.asUintN(64, word >> BigInt(64 * k)), true)
}

/** The powers that H is made of, as the hash of the circuit covers them: a last one more beyond 2^14, where snarkjs reads in chunks. */
function differences(domain: number): bigint[] {
  const powers = geometric(SECRETS.tau, 2 * domain)
  const count = domain > 1 << 14 ? domain : domain - 1
  return Array.from({ length: count }, (_, i) => (powers[i + domain] - powers[i] + ORDER) % ORDER)
}

function headOf({ wires }: System, domain: number, points: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(660)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 32, true)
  putWord(view, 4, MODULUS)
  view.setUint32(36, 32, true)
  putWord(view, 40, ORDER)
  for (const [i, value] of [wires, PUBLICS, domain].entries()) view.setUint32(72 + 4 * i, value, true)
  let at = 84
  for (const point of points) {
    bytes.set(point, at)
    at += point.length
  }
  return bytes
}

/**
 * The key, without a contribution and without the mark of unsafe files.
 * Cost: 4 s for 10,000 constraints (one core).
 * @throws Fault `zk/no-prover`.
 */
export async function unsafeFirstKey(system: System, power: number): Promise<Uint8Array> {
  const { base1, base2 } = await bases(2 * system.wires)
  const { alpha, beta } = SECRETS
  const { a, b, c } = columnsOf(system, lagrangeAt(power))
  const rest = a.map((value, wire) => (beta * value + alpha * b[wire] + c[wire]) % ORDER)
  const odd = lagrangeAt(power + 1).filter((_, i) => i % 2 === 1)
  const groups: [number, Base, readonly bigint[]][] = [
    [3, base1, rest.slice(0, PUBLICS + 1)],
    [8, base1, rest.slice(PUBLICS + 1)],
    [5, base1, a],
    [6, base1, b],
    [7, base2, b],
  ]
  const points = new Map(groups.map(([id, base, scalars]) => [id, base.multiples(scalars)]))
  const [one1, one2] = [base1.multiples([1n]), base2.multiples([1n])]
  const [alpha1, beta1] = [base1.multiples([alpha]), base1.multiples([beta])]
  const head = [alpha1, beta1, base2.multiples([beta]), one2, one1, one2]

  const hash = blake2b.create({ dkLen: 64 })
  const cover = (base: Base, bytes: Uint8Array) => void hash.update(base.uncompressed(bytes))
  head.forEach((point) => cover(point.length === 64 ? base1 : base2, point))
  for (const [id, base, scalars] of groups) {
    if (id === 8) {
      hash.update(bigEndian(2 ** power - 1))
      cover(base1, base1.multiples(differences(2 ** power)))
    }
    hash.update(bigEndian(scalars.length))
    cover(base, points.get(id)!)
  }
  return encodeSections('zkey', [
    [1, uint32(1)],
    [2, headOf(system, 2 ** power, head)],
    [4, coefficientsOf(system)],
    [3, points.get(3)!],
    [9, base1.multiples(odd)],
    ...[8, 5, 6, 7].map((id): [number, Uint8Array] => [id, points.get(id)!]),
    [10, new Uint8Array([...hash.digest(), ...uint32(0)])],
  ])
}

const bigEndian = (value: number): Uint8Array => uint32(value).reverse()
