/**
 * The equations of both proving schemes, over checked points: no snarkjs, no secrets, no threads.
 * @module
 */
import { keccak256 } from '../core/keccak.js'
import { inverse, power, reduce, rootOfUnity } from './field.js'
import {
  negate,
  ONE1,
  ONE2,
  pairingsCancel,
  sumOf,
  wordsOf,
  wordsToBytes,
  type G1,
  type G2,
  type Term,
} from './points.js'
import type { Groth16Points, PlonkPoints } from './verification-key.js'

/** A Groth16 proof. */
export interface Groth16Proof {
  readonly a: G1
  readonly b: G2
  readonly c: G1
}

/**
 * e(A, B) = e(alpha, beta) e(sum of publics and IC, gamma) e(C, delta).
 * Cost: 30 ms with four public inputs.
 * Source: Groth (2016), section 3.2.
 */
export function groth16Holds(key: Groth16Points, publics: readonly bigint[], { a, b, c }: Groth16Proof): boolean {
  const { alpha, beta, gamma, delta, ic } = key
  const inputs = sumOf([1n, ...publics].map((value, i): Term => [ic[i], value]))
  return pairingsCancel([
    [negate(a), b],
    [alpha, beta],
    [inputs, gamma],
    [c, delta],
  ])
}

/** Commitments of a PLONK proof, in the order of its bytes. */
export const PLONK_POINTS = ['a', 'b', 'c', 'z', 't1', 't2', 't3', 'wxi', 'wxiw'] as const
/** Evaluations of a PLONK proof, behind its commitments. */
export const PLONK_EVALUATIONS = ['evalA', 'evalB', 'evalC', 'evalS1', 'evalS2', 'evalZw'] as const

/** A PLONK proof: commitments to wires, permutation and quotient, openings at xi and xi w, and evaluations there. */
export type PlonkProof = Readonly<Record<(typeof PLONK_POINTS)[number], G1>> &
  Readonly<Record<(typeof PLONK_EVALUATIONS)[number], bigint>>

/** Keccak-256 of words, modulo the order. */
const challengeOf = (...words: readonly bigint[]): bigint => reduce(wordsOf(keccak256(wordsToBytes(words)))[0])

function challengesOf(key: PlonkPoints, publics: readonly bigint[], proof: PlonkProof) {
  const { qm, ql, qr, qo, qc, s1, s2, s3 } = key
  const { a, b, c, z, t1, t2, t3, wxi, wxiw } = proof
  const beta = challengeOf(...[qm, ql, qr, qo, qc, s1, s2, s3].flat(), ...publics, ...a, ...b, ...c)
  const gamma = challengeOf(beta)
  const alpha = challengeOf(beta, gamma, ...z)
  const xi = challengeOf(alpha, ...t1, ...t2, ...t3)
  const { evalA, evalB, evalC, evalS1, evalS2, evalZw } = proof
  const v = challengeOf(xi, evalA, evalB, evalC, evalS1, evalS2, evalZw)
  return { beta, gamma, alpha, xi, v, u: challengeOf(...wxi, ...wxiw) }
}

/** Of the domain of 2^k roots w^i: the vanishing polynomial and the first Lagrange polynomials at xi. */
function domainAt(k: number, xi: bigint, count: number): { vanishing: bigint; lagrange: bigint[] } {
  const [n, w] = [1n << BigInt(k), rootOfUnity(k)]
  const vanishing = reduce(power(xi, n) - 1n)
  const lagrange = Array.from({ length: count }, (_, i) => {
    const root = power(w, BigInt(i))
    return reduce(root * vanishing * inverse(n * reduce(xi - root)))
  })
  return { vanishing, lagrange }
}

/**
 * The verifier's equation of PLONK: one pairing product over everything that was opened.
 * Cost: about 60 ms. The challenges cover the key and the public inputs, as snarkjs derives them.
 * Source: Gabizon, Williamson, Ciobotaru (2019), section 8.3, steps 4 to 12.
 */
export function plonkHolds(key: PlonkPoints, publics: readonly bigint[], proof: PlonkProof): boolean {
  const { beta, gamma, alpha, xi, v, u } = challengesOf(key, publics, proof)
  const { evalA, evalB, evalC, evalS1, evalS2, evalZw } = proof
  const { vanishing, lagrange } = domainAt(key.power, xi, publics.length)
  const [first] = lagrange
  const input = publics.reduce((sum, value, i) => reduce(sum - value * lagrange[i]), 0n)
  const rows = (value: bigint, shift: bigint): bigint => reduce(value + reduce(beta * shift) + gamma)
  const permuted = reduce(rows(evalA, evalS1) * rows(evalB, evalS2))
  const constant = reduce(
    input - first * power(alpha, 2n) - reduce(permuted * reduce(evalC + gamma)) * reduce(evalZw * alpha),
  )
  const identity = reduce(reduce(rows(evalA, xi) * rows(evalB, xi * key.k1)) * reduce(rows(evalC, xi * key.k2) * alpha))
  const xin = reduce(vanishing + 1n)
  const opened: Term[] = [
    [key.qm, reduce(evalA * evalB)],
    [key.ql, evalA],
    [key.qr, evalB],
    [key.qo, evalC],
    [key.qc, 1n],
    [proof.z, reduce(identity + first * power(alpha, 2n) + u)],
    [key.s3, reduce(-permuted * reduce(alpha * reduce(beta * evalZw)))],
    [proof.t1, -vanishing],
    [proof.t2, -vanishing * xin],
    [proof.t3, -vanishing * reduce(xin * xin)],
  ]
  const commitments = [proof.a, proof.b, proof.c, key.s1, key.s2]
  const evaluations = [evalA, evalB, evalC, evalS1, evalS2]
  const batched = commitments.map((point, i): Term => [point, power(v, BigInt(i + 1))])
  const value = evaluations.reduce(
    (sum, each, i) => reduce(sum + power(v, BigInt(i + 1)) * each),
    reduce(u * evalZw - constant),
  )
  const left = sumOf([
    [proof.wxi, 1n],
    [proof.wxiw, u],
  ])
  const shifted = reduce(reduce(u * xi) * rootOfUnity(key.power))
  const right = sumOf([[proof.wxi, xi], [proof.wxiw, shifted], ...opened, ...batched, [ONE1, -value]])
  return pairingsCancel([
    [negate(left), key.x2],
    [right, ONE2],
  ])
}
