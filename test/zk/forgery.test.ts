/**
 * Why keys are checked: with a key that nobody contributed to, anybody proves anything, and the usual tools accept both.
 *
 * In such a key gamma = delta = the generator of G2. So A = alpha, B = beta, C = -(sum of the public inputs' points) satisfy
 * e(A, B) = e(alpha, beta) e(inputs, gamma) e(C, delta) for any public inputs at all, and for no witness.
 */
import { beforeAll, expect, test } from 'vitest'
import { groth16Holds } from '../../src/zk/equations.js'
import { withCurve, written, type SnarkObject } from '../../src/zk/curve.js'
import { inverse, reduce } from '../../src/zk/field.js'
import {
  checkKey,
  demandSound,
  powerOf,
  provingKeyOf,
  setUp,
  unsafeKey,
  type Groth16Key,
  type ProvingKey,
} from '../../src/zk/keys.js'
import { lagrangeAt, SECRETS } from '../../src/zk/powers.js'
import { decodeSystem, type Combination, type System } from '../../src/zk/r1cs.js'
import { decodeSections, Reader, section } from '../../src/zk/sections.js'
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
  const accepted = await withCurve(({ zKey }) => {
    const check = zKey as unknown as { verifyFromR1cs(r1cs: Uint8Array, powers: Uint8Array, zkey: Uint8Array): unknown }
    return Promise.resolve(check.verifyFromR1cs(circuit.r1cs, powers, zkey))
  })
  expect(accepted).toBe(true)
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

/**
 * With a development key delta is nobody's secret either. Its point in H is L(tau) / delta with a known L(tau), so 1 / delta is a known
 * multiple of it; and the number behind every public input's point follows from tau, alpha, beta and the circuit.
 */
function forgeUnsafe({ zkey, verification }: ProvingKey): Proof {
  const one = verification as Groth16Key
  const power = powerOf(circuit.r1cs)
  const first = new Reader(section(decodeSections(zkey, 'zkey'), 9)).g1()
  const perDelta = sumOf([[first, inverse(lagrangeAt(power + 1)[1])]])
  const numbers = numbersOfInputs(decodeSystem(circuit.r1cs), lagrangeAt(power))
  const sum = [1n, ...LIES].reduce((total, value, i) => total + value * numbers[i], 0n)
  const [statement, rootIn, rootOut, context] = LIES
  const words = [...one.points.alpha, ...one.points.beta, ...sumOf([[perDelta, -sum]])]
  const publics = { statement, rootIn, rootOut, context }
  return { scheme: 'groth16', key: one.hash, setUp: 'unsafe', publics, bytes: wordsToBytes(words) }
}

/** beta A + alpha B + C at tau, of the constant and of each public input. */
function numbersOfInputs({ constraints }: System, lagrange: readonly bigint[]): bigint[] {
  const { alpha, beta } = SECRETS
  const of = ({ wires, coefficients }: Combination, wire: number): bigint =>
    wires.reduce((sum, one, i) => (one === wire ? sum + coefficients[i] : sum), 0n)
  return [0, 1, 2, 3, 4].map((wire) => {
    const own = beta * lagrange[constraints.length + wire]
    return constraints.reduce(
      (sum, { a, b, c }, row) => reduce(sum + (beta * of(a, wire) + alpha * of(b, wire) + of(c, wire)) * lagrange[row]),
      reduce(own),
    )
  })
}

test('with a development key anybody forges, from what stands in the source: so it is refused unless it is allowed', async () => {
  const unsafe = await unsafeKey(circuit.r1cs)
  const proof = forgeUnsafe(unsafe)
  await expect(verifyProof(proof, unsafe.verification)).rejects.toThrow('zk/unsafe-key')
  expect(Object.values(await verifyProof(proof, unsafe.verification, { allowUnsafe: true }))).toEqual(LIES)
})
