/**
 * Points of BN254 as words, the way contracts take them, and the pairing equation over them.
 * Source: EIP-196 and EIP-197; pairings by @noble/curves.
 * @module
 */
import { bn254 } from '@noble/curves/bn254.js'
import { demand } from '../core/faults.js'
import { reduce } from './field.js'

/** Order of the field of coordinates. */
export const MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583n

/** A point of G1: [x, y], the point at infinity [0, 0]. */
export type G1 = readonly [bigint, bigint]

/** A point of G2, as EIP-197 orders it: [x imaginary, x real, y imaginary, y real]; infinity is four zeros. */
export type G2 = readonly [bigint, bigint, bigint, bigint]

/** The generator of G1. */
export const ONE1: G1 = [1n, 2n]

/** The generator of G2. */
export const ONE2: G2 = [
  11559732032986387107991004021392285783925812861821192530917403151452391805634n,
  10857046999023057135944570762232829481370756359578518086990519993285655852781n,
  4082367875863433681332203403145435568316851327593401208105741076214120093531n,
  8495653923123431417604973247489272438418190587263600148770280649306958101930n,
]

/** True where every word is zero: the point at infinity. */
export const isZero = (point: readonly bigint[]): boolean => point.every((word) => word === 0n)

/** True where both are the same point. */
export const samePoint = (a: readonly bigint[], b: readonly bigint[]): boolean => a.every((word, i) => word === b[i])

/** -P. */
export const negate = ([x, y]: G1): G1 => [x, y === 0n ? 0n : MODULUS - y]

type Point1 = InstanceType<typeof bn254.G1.Point>
type Point2 = InstanceType<typeof bn254.G2.Point>

/** True where y^2 = x^3 + 3 in the field of coordinates; infinity counts. The group has no cofactor. */
export const onCurve = ([x, y]: G1): boolean => isZero([x, y]) || (y * y - x * x * x - 3n) % MODULUS === 0n

/** The words themselves. @throws Fault `zk/not-in-field` where one is not below the order of the coordinates. */
export function coordinates<T extends readonly bigint[]>(words: T): T {
  demand(
    words.every((word) => word >= 0n && word < MODULUS),
    'zk/not-in-field',
    () => 'not a canonical coordinate',
  )
  return words
}

/** A point of G1. @throws Fault `zk/not-in-field`, `zk/not-on-curve`. */
export function g1(words: readonly bigint[]): G1 {
  const point = coordinates([words[0], words[1]] as const)
  demand(onCurve(point), 'zk/not-on-curve', () => 'no point of G1')
  return point
}

/** A point of G2, in the subgroup. Cost: 3 ms. @throws Fault `zk/not-in-field`, `zk/not-on-curve`. */
export function g2(words: readonly bigint[]): G2 {
  const point = coordinates([words[0], words[1], words[2], words[3]] as const)
  if (isZero(point)) return point
  demand(valid(toPoint2(point)), 'zk/not-on-curve', () => 'no point of G2')
  return point
}

function valid(point: Point2): boolean {
  try {
    point.assertValidity()
    return true
  } catch {
    return false
  }
}

const toPoint1 = ([x, y]: G1): Point1 => (isZero([x, y]) ? bn254.G1.Point.ZERO : bn254.G1.Point.fromAffine({ x, y }))

const toPoint2 = ([x1, x0, y1, y0]: G2): Point2 =>
  bn254.G2.Point.fromAffine({ x: { c0: x0, c1: x1 }, y: { c0: y0, c1: y1 } })

function toWords(point: Point1): G1 {
  if (point.is0()) return [0n, 0n]
  const { x, y } = point.toAffine()
  return [x, y]
}

/** A term of a sum: a point and what it is multiplied by. */
export type Term = readonly [G1, bigint]

/** The sum of multiples of points of G1. Cost: about 2 ms a term. Not in constant time: public values only. */
export function sumOf(terms: readonly Term[]): G1 {
  const parts = terms.map(([point, by]) => toPoint1(point).multiplyUnsafe(reduce(by)))
  return toWords(parts.reduce((sum, part) => sum.add(part), bn254.G1.Point.ZERO))
}

/** True where the product of these pairings is one. Points must have been checked. Cost: about 5 ms a pair. */
export function pairingsCancel(pairs: readonly (readonly [G1, G2])[]): boolean {
  const proper = pairs.filter(([a, b]) => !isZero(a) && !isZero(b)) // infinity pairs to one
  const { Fp12 } = bn254.fields
  return Fp12.eql(bn254.pairingBatch(proper.map(([a, b]) => ({ g1: toPoint1(a), g2: toPoint2(b) }))), Fp12.ONE)
}

/** Words as 32 bytes each, big-endian. */
export function wordsToBytes(words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(32 * words.length)
  const view = new DataView(bytes.buffer)
  words.forEach((word, i) => {
    for (let k = 0; k < 4; k++) view.setBigUint64(32 * i + 24 - 8 * k, BigInt.asUintN(64, word >> BigInt(64 * k)))
  })
  return bytes
}

/** Words of 32 bytes each, big-endian. */
export function wordsOf(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / 32 }, (_, i) => {
    let word = 0n
    for (let k = 0; k < 4; k++) word = (word << 64n) | view.getBigUint64(32 * i + 8 * k)
    return word
  })
}
