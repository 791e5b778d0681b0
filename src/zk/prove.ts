/**
 * Proofs: made with snarkjs from a witness, checked without it.
 *
 * Bytes of a Groth16 proof: A, B, C as eight words of 32 bytes, big-endian, B's imaginary parts first, as EIP-197 takes them. Bytes of
 * a PLONK proof: nine points (A, B, C, Z, T1, T2, T3, Wxi, Wxiw) and six evaluations (a, b, c, s1, s2, z at xi w), 24 words.
 * @module
 */
import { equal, type Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import * as fields from '../receipt/fields.js'
import { format, type Format } from '../receipt/typed-data.js'
import { loggerFor, withCurve, type Progress, type SnarkObject } from './curve.js'
import {
  groth16Holds,
  PLONK_EVALUATIONS,
  PLONK_POINTS,
  plonkHolds,
  type Groth16Proof,
  type PlonkProof,
} from './equations.js'
import { element } from './field.js'
import { demandSound, type Allowance, type ProvingKey, type Scheme, type SetUp, type VerificationKey } from './keys.js'
import { g1, g2, isZero, wordsOf, wordsToBytes, type G1 } from './points.js'
import type { Publics } from './publics.js'
import { encodeWitness } from './r1cs.js'
import { decodeZkey } from './zkey.js'

/** A proof, and what it says. */
export interface Proof {
  readonly scheme: Scheme
  /** The key that it was made with, by hash. */
  readonly key: Bytes32
  /** What that key says of itself. */
  readonly setUp: SetUp
  readonly publics: Publics
  /** 256 bytes (Groth16) or 768 (PLONK). */
  readonly bytes: Uint8Array
}

/** Length of a proof in bytes. */
export const PROOF_BYTES: Readonly<Record<Scheme, number>> = Object.freeze({ groth16: 256, plonk: 768 })

/** The public inputs in their order. */
export const publicWords = ({ statement, rootIn, rootOut, context }: Publics): bigint[] => [
  statement,
  rootIn,
  rootOut,
  context,
]

/**
 * Proves a witness, and verifies the proof before it is handed out. Two proofs of one witness differ: both hide it.
 * Cost: Groth16 0.5 s for 1,400 constraints, 2.4 s for 10,000, 21 s and 1 GB for 200,000 (2 cores); PLONK about ten times as much.
 * @throws Fault `zk/unsatisfied` where the witness is none of the key's circuit; `zk/bad-length` of another number of wires;
 * `zk/not-in-field`, `zk/bad-file`, `zk/no-prover`, `zk/prover-failed`.
 */
export async function prove(
  key: ProvingKey,
  witness: readonly bigint[],
  { progress }: { progress?: Progress } = {},
): Promise<Proof> {
  const { wires, verification } = decodeZkey(key.zkey)
  const { scheme, setUp, hash } = verification
  const found = witness.length
  demand(found === wires, 'zk/bad-length', () => 'a witness of another circuit', { expected: wires, found })
  for (const value of witness) element(value)
  const file = encodeWitness(witness)
  const { proof } = await withCurve((snarkjs) => snarkjs[scheme].prove(key.zkey, file, loggerFor(progress)))
  const [statement, rootIn, rootOut, context] = witness.slice(1, 5)
  const publics = { statement, rootIn, rootOut, context }
  const made: Proof = Object.freeze({
    scheme,
    key: hash,
    setUp,
    publics,
    bytes: wordsToBytes(wordsFrom(scheme, proof)),
  })
  try {
    demandHolds(made, verification)
  } catch (cause) {
    throw new Fault('zk/unsatisfied', 'the witness breaks a constraint of the key', { cause })
  }
  return made
}

/** The words of a proof as snarkjs writes it: points [x, y, 1], in G2 [[real, imaginary], ...]. */
function wordsFrom(scheme: Scheme, proof: SnarkObject): bigint[] {
  const words = (name: string): bigint[] => (proof[name] as string[]).slice(0, 2).map(BigInt)
  if (scheme === 'plonk') {
    const points = ['A', 'B', 'C', 'Z', 'T1', 'T2', 'T3', 'Wxi', 'Wxiw'].flatMap(words)
    const values = ['eval_a', 'eval_b', 'eval_c', 'eval_s1', 'eval_s2', 'eval_zw'].map((name) =>
      BigInt(proof[name] as string),
    )
    return [...points, ...values]
  }
  const [x, y] = proof.pi_b as string[][]
  return [...words('pi_a'), ...[x[1], x[0], y[1], y[0]].map(BigInt), ...words('pi_c')]
}

/**
 * What was proven: a witness of the key's circuit has these public inputs.
 *
 * Of a Groth16 proof anybody makes another one of the same statement (it can be re-randomised); so what is paid once is a statement and
 * a context, never the bytes of a proof. Every encoding but the canonical one is refused.
 * Cost: 30 ms Groth16, 70 ms PLONK.
 * @throws Fault `zk/unsafe-key`, `zk/forgeable-key`, `zk/no-contribution` (see {@link demandSound}); `zk/wrong-key` for a proof made
 * with another key, or that says unsafe of a ceremony's or the reverse; `zk/bad-length`, `zk/not-in-field`, `zk/not-on-curve` for what is no proof; `zk/refuted`.
 */
export async function verifyProof(proof: Proof, key: VerificationKey, allowance: Allowance = {}): Promise<Publics> {
  demandSound(key, allowance)
  demandHolds(proof, key)
  return proof.publics
}

function demandHolds(proof: Proof, key: VerificationKey): void {
  const own = proof.scheme === key.scheme && equal(proof.key, key.hash)
  demand(own, 'zk/wrong-key', () => 'a proof made with another key')
  demand(proof.setUp === key.setUp, 'zk/wrong-key', () => 'a proof that says another set-up than its key', {
    expected: key.setUp,
    found: proof.setUp,
  })
  const publics = publicWords(proof.publics).map(element)
  const holds =
    key.scheme === 'plonk'
      ? plonkHolds(key.points, publics, plonkProofOf(proof.bytes))
      : groth16Holds(key.points, publics, groth16ProofOf(proof.bytes))
  demand(holds, 'zk/refuted', () => 'the proof does not hold')
}

function demandLength(scheme: Scheme, { length }: Uint8Array): void {
  const expected = PROOF_BYTES[scheme]
  demand(length === expected, 'zk/bad-length', () => `bytes of a ${scheme} proof`, { expected, found: length })
}

function wordsOfProof(scheme: Scheme, bytes: Uint8Array): bigint[] {
  demandLength(scheme, bytes)
  return wordsOf(bytes)
}

/** A point that is not infinity, which no honest proof holds. */
function proper<T extends readonly bigint[]>(point: T): T {
  demand(!isZero(point), 'zk/not-on-curve', () => 'the point at infinity')
  return point
}

function groth16ProofOf(bytes: Uint8Array): Groth16Proof {
  const words = wordsOfProof('groth16', bytes)
  return { a: proper(g1(words)), b: proper(g2(words.slice(2))), c: proper(g1(words.slice(6))) }
}

function plonkProofOf(bytes: Uint8Array): PlonkProof {
  const words = wordsOfProof('plonk', bytes)
  const points = PLONK_POINTS.map((name, i): [string, G1] => [name, proper(g1(words.slice(2 * i)))])
  const values = PLONK_EVALUATIONS.map((name, i): [string, bigint] => [name, element(words[18 + i])])
  return Object.fromEntries<G1 | bigint>([...points, ...values]) as unknown as PlonkProof
}

type Wire = Publics & {
  readonly scheme: Scheme
  readonly key: Bytes32
  readonly setUp: SetUp
  readonly proof: Uint8Array
}

const word: fields.Field<bigint> = fields.bigUint(256)
const proofFormat: Format<Wire> = format(
  'proof',
  fields.record<Wire>(
    {
      scheme: fields.oneOf(['groth16', 'plonk']),
      key: fields.bytes32,
      setUp: fields.oneOf(['unsafe', 'ceremony']),
      statement: word,
      rootIn: word,
      rootOut: word,
      context: word,
      proof: fields.bytes(256, 768),
    },
    ({ scheme, proof }) => demandLength(scheme, proof),
  ),
  1 << 13,
)

/** Canonical JSON of a proof, format `proof`: scheme, hash of the key, what the key says of itself, public inputs, bytes. */
export function encodeProof({ scheme, key, setUp, publics, bytes }: Proof): Uint8Array {
  return proofFormat.encode({ scheme, key, setUp, ...publics, proof: bytes })
}

/** Reads a proof. Only its length is looked at. @throws Fault as {@link format}; `zk/bad-length`. */
export function decodeProof(bytes: Uint8Array): Proof {
  const { scheme, key, setUp, statement, rootIn, rootOut, context, proof } = proofFormat.decode(bytes)
  return Object.freeze({ scheme, key, setUp, publics: { statement, rootIn, rootOut, context }, bytes: proof })
}
