/**
 * Why keys are checked: with a key that nobody contributed to, anybody proves anything, and the usual tools accept both.
 *
 * In such a key gamma = delta = the generator of G2. So A = alpha, B = beta, C = -(sum of the public inputs' points) satisfy
 * e(A, B) = e(alpha, beta) e(inputs, gamma) e(C, delta) for any public inputs at all, and for no witness.
 */
import { beforeAll, expect, test } from 'vitest'
import { groth16Holds } from '../../src/zk/equations.js'
import { withCurve, written, type SnarkObject } from '../../src/zk/curve.js'
import { checkKey, demandSound, provingKeyOf, setUp, type Groth16Key } from '../../src/zk/keys.js'
import { negate, sumOf, wordsToBytes, type G1, type G2, type Term } from '../../src/zk/points.js'
import { verifyProof, type Proof } from '../../src/zk/prove.js'
import { verificationKey, type Groth16Points } from '../../src/zk/verification-key.js'
import { ceremonyPowers, tiny, type Tiny } from './tiny.js'

let circuit: Tiny
let powers: Uint8Array
let zkey: Uint8Array
let key: Groth16Key

beforeAll(async () => {
  circuit = await tiny()
  powers = await ceremonyPowers()
  zkey = await setUp(circuit.r1cs, powers)
  key = provingKeyOf(zkey).verification as Groth16Key
}, 60_000)

/** A proof of these publics from a key alone. */
function forge(points: Groth16Points, publics: readonly bigint[]): { a: G1; b: G2; c: G1 } {
  const inputs = sumOf([1n, ...publics].map((value, i): Term => [points.ic[i], value]))
  return { a: points.alpha, b: points.beta, c: negate(inputs) }
}

const LIES = [1n, 2n, 3n, 4n]

/** As snarkjs writes proofs. */
function forSnarkjs({ a, b: [x1, x0, y1, y0], c }: { a: G1; b: G2; c: G1 }): SnarkObject {
  const text = (words: readonly bigint[]): string[] => words.map(String)
  return {
    pi_a: text([...a, 1n]),
    pi_b: [text([x0, x1]), text([y0, y1]), ['1', '0']],
    pi_c: text([...c, 1n]),
    protocol: 'groth16',
    curve: 'bn128',
  }
}

test('snarkjs accepts a key that nobody contributed to', async () => {
  expect(await withCurve(({ zKey }) => zKey.verifyFromInit(zkey, powers, zkey))).toBe(true)
})

test('and the proof of any public inputs that anybody forges with it', async () => {
  await withCurve(async ({ groth16, zKey }) => {
    const vk = await zKey.exportVerificationKey(zkey)
    const proof = forSnarkjs(forge(key.points, LIES))
    expect(await groth16.verify(vk, LIES.map(String), proof)).toBe(true)
    expect(await groth16.verify(vk, ['1', '2', '3', '5'], proof)).toBe(false)
  })
})

test('the equation itself holds for the forgery: only the key gives it away', () => {
  expect(groth16Holds(key.points, LIES, forge(key.points, LIES))).toBe(true)
})

const forged = (of: Groth16Key): Proof => {
  const { a, b, c } = forge(of.points, LIES)
  const [statement, rootIn, rootOut, context] = LIES
  return {
    scheme: 'groth16',
    key: of.hash,
    setUp: of.setUp,
    publics: { statement, rootIn, rootOut, context },
    bytes: wordsToBytes([...a, ...b, ...c]),
  }
}

test('here the key is refused by name: when it is checked, when it is used, and whatever it says of itself', async () => {
  await expect(checkKey(zkey, { r1cs: circuit.r1cs, powers })).rejects.toThrow('zk/forgeable-key')
  expect(() => demandSound(key)).toThrow('zk/forgeable-key')
  await expect(verifyProof(forged(key), key)).rejects.toThrow('zk/forgeable-key')
  const boasting = verificationKey('groth16', key.points, { setUp: 'ceremony', contributions: 7 }) as Groth16Key
  await expect(verifyProof(forged(boasting), boasting, { allowUnsafe: true })).rejects.toThrow('zk/forgeable-key')
})

test('with one contribution the forgery fails in snarkjs and here', async () => {
  const better = await withCurve(({ zKey }) => written((to) => zKey.contribute(zkey, to, 'alice', 'dice')))
  const { verification } = await checkKey(better, { r1cs: circuit.r1cs, powers })
  const one = verification as Groth16Key
  await expect(verifyProof(forged(one), one)).rejects.toThrow('zk/refuted')
  const proof = forSnarkjs(forge(one.points, LIES))
  const accepted = await withCurve(async ({ groth16, zKey }) =>
    groth16.verify(await zKey.exportVerificationKey(better), LIES.map(String), proof),
  )
  expect(accepted).toBe(false)
})

test('a development key forges too, for whoever knows the fixed secrets: so it is refused unless it is allowed', async () => {
  const { unsafeKey } = await import('../../src/zk/keys.js')
  const { verification } = await unsafeKey(circuit.r1cs)
  const one = verification as Groth16Key
  await expect(verifyProof(forged(one), one)).rejects.toThrow('zk/unsafe-key')
})
