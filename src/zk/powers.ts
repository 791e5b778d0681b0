/**
 * Powers of tau: what set-up starts from. A development file is written from a secret that everybody knows, and says so.
 *
 * Sections of a file: 1 header; 2 tau^i G1 (2n - 1 of them); 3 tau^i G2; 4 alpha tau^i G1; 5 beta tau^i G1 (n each); 6 beta G2;
 * 7 contributions; 12 to 15 the same as 2 to 5 in the Lagrange bases of all domains 1, 2, 4 ... n (of 2: to 2n), which set-up reads.
 * Source: the .ptau format of snarkjs 0.7.
 * @module
 */
import { fromHex, toHex, utf8 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import { shortHash } from './commit.js'
import { inverse, ORDER, power as raise, rootOfUnity } from './field.js'
import { loggerFor, withCurve, type Progress } from './curve.js'
import { bases } from './multiples.js'
import { MODULUS, samePoint, type G1, type G2 } from './points.js'
import {
  demandPoints,
  encodeSections,
  decodeSections,
  isBeacon,
  MARK_SECTION,
  Reader,
  section,
  UNSAFE_MARK,
  uint32,
} from './sections.js'
import { DEVELOPMENT, type Allowance } from './verification-key.js'

const secret = (name: string): bigint => shortHash(utf8(`countersign unsafe development ${name} 1`))

/** The secrets of the development powers. Whoever knows them proves anything: everybody does. */
export const SECRETS = Object.freeze({ tau: secret('tau'), alpha: secret('alpha'), beta: secret('beta') })

/** The largest circuits that development powers are made for: 2^MOST_POWER constraints. */
export const MOST_POWER = 20

/**
 * Powers of tau for circuits of up to 2^power constraints, made from secrets that the source states: the same bytes always, marked unsafe.
 * Cost: 1 s for 2^10, 10 s for 2^14, four times as much for 2^16 (one core).
 * @throws Fault `zk/powers-too-small` where the power is out of 1 .. 20; `zk/no-prover`.
 */
export async function unsafePowers(power: number, { progress }: { progress?: Progress } = {}): Promise<Uint8Array> {
  const fits = Number.isInteger(power) && power >= 1 && power <= MOST_POWER
  demand(fits, 'zk/powers-too-small', () => `development powers for 2^${power}`, { expected: `1 to ${MOST_POWER}` })
  const { tau, alpha, beta } = SECRETS
  const { base1, base2 } = await bases(6 * 2 ** power)
  const monomials = geometric(tau, 2 * 2 ** power - 1)
  const [first, lagrange] = [monomials.slice(0, 2 ** power), [...Array(power + 1).keys()].flatMap(lagrangeAt)]
  const all = [...lagrange, ...longest(power + 1)]
  const parts: [number, () => Uint8Array][] = [
    [1, () => header(power)],
    [2, () => base1.multiples(monomials)],
    [3, () => base2.multiples(first)],
    [4, () => base1.multiples(scaled(first, alpha))],
    [5, () => base1.multiples(scaled(first, beta))],
    [6, () => base2.multiples([beta])],
    [7, () => uint32(0)],
    [12, () => base1.multiples(all)],
    [13, () => base2.multiples(lagrange)],
    [14, () => base1.multiples(scaled(lagrange, alpha))],
    [15, () => base1.multiples(scaled(lagrange, beta))],
    [MARK_SECTION, () => UNSAFE_MARK],
  ]
  const sections = parts.map(([id, make]): [number, Uint8Array] => {
    progress?.(`unsafe development powers of tau: section ${id}`)
    return [id, make()]
  })
  return encodeSections('ptau', sections)
}

function header(power: number): Uint8Array {
  const bytes = new Uint8Array(44)
  bytes.set(uint32(32))
  for (let [i, rest] = [0, MODULUS]; i < 32; i++, rest >>= 8n) bytes[4 + i] = Number(rest & 255n)
  bytes.set(uint32(power), 36)
  bytes.set(uint32(power), 40)
  return bytes
}

/** 1, r, r^2 ... */
export const geometric = (ratio: bigint, count: number): bigint[] => {
  const list = [1n]
  while (list.length < count) list.push((list[list.length - 1] * ratio) % ORDER)
  return list
}

/** Every number times one. */
export const scaled = (list: readonly bigint[], by: bigint): bigint[] => list.map((value) => (value * by) % ORDER)

/** The Lagrange basis of the domain of 2^power roots of unity w^i at tau: (tau^n - 1) w^i / (n (tau - w^i)). */
export function lagrangeAt(power: number): bigint[] {
  const { tau } = SECRETS
  const [n, roots] = [2 ** power, geometric(rootOfUnity(power), 2 ** power)]
  const factor = (raise(tau, BigInt(n)) - 1n + ORDER) * inverse(BigInt(n))
  const inverses = inverseAll(roots.map((root) => (tau - root + ORDER) % ORDER))
  return roots.map((root, i) => ((((factor % ORDER) * root) % ORDER) * inverses[i]) % ORDER)
}

/** The largest domain, of which the last power of tau is not in the file, and counts as zero: less tau^(N-1) w^i / N. */
function longest(power: number): bigint[] {
  const [n, roots] = [2 ** power, geometric(rootOfUnity(power), 2 ** power)]
  const lacking = (raise(SECRETS.tau, BigInt(n - 1)) * inverse(BigInt(n))) % ORDER
  return lagrangeAt(power).map((value, i) => (value + ORDER * ORDER - lacking * roots[i]) % ORDER)
}

/** All inverses for the price of one and three products each. */
function inverseAll(values: readonly bigint[]): bigint[] {
  const products = [1n]
  for (const value of values) products.push((products[products.length - 1] * value) % ORDER)
  const result = Array<bigint>(values.length)
  let rest = inverse(products[values.length])
  for (let i = values.length - 1; i >= 0; i--) {
    result[i] = (rest * products[i]) % ORDER
    rest = (rest * values[i]) % ORDER
  }
  return result
}

/** What is read of a file of powers of tau. */
export interface Powers {
  /** Circuits of up to 2^power constraints. */
  readonly power: number
  /** Parties that put secrets in, and how many of them are public beacons. */
  readonly contributions: number
  readonly beacons: number
  /** tau G1, tau G2, alpha G1, beta G2. */
  readonly tau1: G1
  readonly tau2: G2
  readonly alpha: G1
  readonly beta: G2
}

/** The largest domain of the curve, 2^28, holds the powers of circuits half as large. */
const [MOST_READ, MOST_CEREMONY, MOST_CONTRIBUTIONS] = [27, 28, 1000]

/**
 * Reads a file of powers of tau prepared for set-up. Lengths of all sections must be those of its power, so that no point is
 * missing. That its points are powers of one tau, and who contributed, is not checked here but in {@link checkPowers}.
 * @throws Fault `zk/bad-file`, `zk/not-on-curve`, `zk/not-in-field`.
 */
export function decodePowers(bytes: Uint8Array): Powers {
  const sections = decodeSections(bytes, 'ptau')
  const power = powerIn(section(sections, 1, 44))
  for (const [id, length] of lengthsFor(power)) section(sections, id, length)
  const at = (id: number, from: number) => new Reader(section(sections, id).subarray(from))
  return Object.freeze({
    power,
    ...contributionsOf(section(sections, 7)),
    tau1: at(2, 64).g1(),
    tau2: at(3, 128).g2(),
    alpha: at(4, 0).g1(),
    beta: at(6, 0).g2(),
  })
}

function powerIn(header: Uint8Array): number {
  const head = new Reader(header)
  demand(head.uint32() === 32 && head.word() === MODULUS, 'zk/bad-file', () => 'powers of tau of another curve')
  const [power, ceremony] = [head.uint32(), head.uint32()]
  const fits = power >= 1 && power <= MOST_READ && ceremony >= power && ceremony <= MOST_CEREMONY
  demand(fits, 'zk/bad-file', () => `powers of tau for 2^${power} of 2^${ceremony}`)
  return power
}

/** Lengths of the sections of points. */
function lengthsFor(power: number): [number, number][] {
  const n = 2 ** power
  const powers: [number, number][] = [
    [2, 64 * (2 * n - 1)],
    [3, 128 * n],
    [4, 64 * n],
    [5, 64 * n],
    [6, 128],
  ]
  return [...powers, [12, 64 * (4 * n - 1)], [13, 128 * (2 * n - 1)], [14, 64 * (2 * n - 1)], [15, 64 * (2 * n - 1)]]
}

/** Points after a contribution, its public key (6 points of G1, 3 of G2), a hash in the making, and the next challenge. */
const CONTRIBUTION = 3 * 64 + 2 * 128 + 6 * 64 + 3 * 128 + 216 + 64

function contributionsOf(bytes: Uint8Array): Pick<Powers, 'contributions' | 'beacons'> {
  const reader = new Reader(bytes)
  const contributions = reader.uint32()
  demand(contributions <= MOST_CONTRIBUTIONS, 'zk/bad-file', () => 'too many contributions')
  let beacons = 0
  for (let i = 0; i < contributions; i++) {
    reader.bytes(CONTRIBUTION)
    if (isBeacon(reader)) beacons++
  }
  reader.end()
  return { contributions, beacons }
}

/** SHA-256 of a whole file, as 64 hexadecimal digits. @throws Fault `zk/wrong-hash` where the file is another. */
export function demandHash(bytes: Uint8Array, pin: string, name: string): void {
  const [found, expected] = [toHex(sha256(bytes)), toHex(fromHex(pin, 32))]
  demand(found === expected, 'zk/wrong-hash', () => `another file of ${name}`, { expected, found })
}

/** What powers of tau are checked against. */
export interface CheckPowersOptions extends Allowance {
  /** SHA-256 of the whole file. With it the file is believed; without, every point and contribution is checked. */
  readonly pin?: string
  readonly progress?: Progress
}

/**
 * Powers of tau that others made: known by their hash, or checked by pairings (all are powers of one tau, and each contribution follows
 * from the one before). What no check can show: that one of the contributors forgot the secret. Name the hash of a ceremony you trust.
 * Cost: with a pin that of SHA-256; without, minutes beyond 2^12, and for a part of the ceremony of 2^28 its first challenge
 * (100 GB) is hashed.
 * @throws Fault `zk/wrong-hash`, `zk/bad-file`, `zk/unsafe-key` (the development powers, unless allowed), `zk/no-contribution`,
 * `zk/wrong-key` where points or contributions do not follow.
 */
export async function checkPowers(bytes: Uint8Array, options: CheckPowersOptions = {}): Promise<Powers> {
  const { pin, allowUnsafe = false, progress } = options
  if (pin !== undefined) demandHash(bytes, pin, 'powers')
  const powers = decodePowers(bytes)
  const unsafe = isUnsafePowers(powers) || decodeSections(bytes, 'ptau').has(MARK_SECTION)
  demand(allowUnsafe || !unsafe, 'zk/unsafe-key', () => 'unsafe development powers: their secrets are public')
  if (unsafe || pin !== undefined) return powers
  demand(powers.contributions > powers.beacons, 'zk/no-contribution', () => 'nobody put a secret into these powers')
  for (const id of [2, 4, 5, 12, 14, 15]) demandPoints(section(decodeSections(bytes, 'ptau'), id), `section ${id}`)
  const lines: string[] = []
  const logger = loggerFor((line) => (lines.push(line), progress?.(line)))
  const holds = await withCurve(({ powersOfTau }) => powersOfTau.verify(bytes, logger))
  demand(holds === true, 'zk/wrong-key', () => `powers that do not follow: ${lines.at(-1)}`)
  return powers
}

/** True where one of the points is of {@link SECRETS}: powers that everybody knows the secret of, marked or not. */
export const isUnsafePowers = ({ tau2, alpha, beta }: Powers): boolean =>
  samePoint(tau2, DEVELOPMENT.tau) || samePoint(alpha, DEVELOPMENT.alpha) || samePoint(beta, DEVELOPMENT.beta)
