/**
 * Reading proving keys (.zkey): lengths, points, and who contributed.
 *
 * Groth16: 1 scheme; 2 header; 3 IC; 4 coefficients of A and B; 5 A; 6 B in G1; 7 B in G2; 8 C; 9 H; 10 contributions.
 * PLONK: 1 scheme; 2 header; 3 to 14 maps, selectors and powers of tau.
 * Source: the .zkey format of snarkjs 0.7.
 * @module
 */
import { demand } from '../core/faults.js'
import { inverse, ORDER } from './field.js'
import { MODULUS, type G1 } from './points.js'
import { decodeSections, isBeacon, MARK_SECTION, Reader, section, type Sections } from './sections.js'
import {
  groth16Points,
  isDevelopment,
  plonkPoints,
  PUBLICS,
  verificationKey,
  type Scheme,
  type VerificationKey,
} from './verification-key.js'

/** One secret that went into a key, or a public beacon in its place. */
export interface Contribution {
  readonly beacon: boolean
}

/** What a proving key says. */
export interface ZkeyHeader {
  readonly sections: Sections
  /** Wires of the circuit. */
  readonly wires: number
  readonly domain: number
  readonly contributions: readonly Contribution[]
  readonly verification: VerificationKey
}

const MOST_CONTRIBUTIONS = 1000
const SCHEMES: Readonly<Record<number, Scheme>> = { 1: 'groth16', 2: 'plonk' }

/**
 * Reads a proving key. Lengths are those that its header asks for, and the points of its verification key are in their groups; the
 * many other points are not looked at, which `checkKey` does.
 * @throws Fault `zk/bad-file`, `zk/wrong-key` (another number of public inputs), `zk/not-on-curve`, `zk/not-in-field`.
 */
export function decodeZkey(bytes: Uint8Array): ZkeyHeader {
  const sections = decodeSections(bytes, 'zkey')
  const scheme = SCHEMES[new Reader(section(sections, 1, 4)).uint32()]
  demand(scheme !== undefined, 'zk/bad-file', () => 'a proving key of an unknown scheme')
  return scheme === 'plonk' ? decodePlonk(sections) : decodeGroth16(sections)
}

function demandFields(head: Reader): void {
  const [q, r] = [head.uint32() === 32 && head.word(), head.uint32() === 32 && head.word()]
  demand(q === MODULUS && r === ORDER, 'zk/bad-file', () => 'a proving key of another curve')
}

function sizes(head: Reader): { wires: number; domain: number; power: number } {
  const [wires, publics, domain] = [head.uint32(), head.uint32(), head.uint32()]
  demand(publics === PUBLICS, 'zk/wrong-key', () => 'a key of another number of public inputs', {
    expected: PUBLICS,
    found: publics,
  })
  const power = 31 - Math.clz32(domain)
  demand(domain === 2 ** power && power <= 27, 'zk/bad-file', () => 'a domain that is no power of two')
  demand(wires > publics, 'zk/bad-file', () => 'fewer wires than public inputs')
  return { wires, domain, power }
}

function decodeGroth16(sections: Sections): ZkeyHeader {
  const head = new Reader(section(sections, 2, 660))
  demandFields(head)
  const { wires, domain } = sizes(head)
  const alpha = head.g1()
  head.g1() // beta in G1
  const [beta, gamma] = [head.g2(), head.g2()]
  head.g1() // delta in G1
  const delta = head.g2()
  const lengths = { 5: 64 * wires, 6: 64 * wires, 7: 128 * wires, 8: 64 * (wires - PUBLICS - 1), 9: 64 * domain }
  for (const [id, length] of Object.entries(lengths)) section(sections, Number(id), length)
  demandCoefficients(section(sections, 4), wires, domain)
  const ics = new Reader(section(sections, 3, 64 * (PUBLICS + 1)))
  const ic = Array.from({ length: PUBLICS + 1 }, (): G1 => ics.g1())
  const points = groth16Points.from({ alpha, beta, gamma, delta, ic }, 'key')
  const contributions = contributionsOf(section(sections, 10))
  const setUp = isUnsafe(sections) || isDevelopment({ scheme: 'groth16', points }) ? 'unsafe' : 'ceremony'
  const said = { setUp, contributions: contributions.length } as const
  return { sections, wires, domain, contributions, verification: verificationKey('groth16', points, said) }
}

const isUnsafe = (sections: Sections): boolean => sections.has(MARK_SECTION)

/** Every coefficient names a matrix, a row and a wire that exist. */
function demandCoefficients(bytes: Uint8Array, wires: number, domain: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = bytes.length >= 4 ? view.getUint32(0, true) : 0
  demand(bytes.length === 4 + 44 * count, 'zk/bad-file', () => 'the length of the coefficients')
  for (let at = 4; at < bytes.length; at += 44) {
    const known =
      view.getUint32(at, true) <= 1 && view.getUint32(at + 4, true) < domain && view.getUint32(at + 8, true) < wires
    demand(known, 'zk/bad-file', () => `coefficient ${(at - 4) / 44} stands nowhere`)
  }
}

/** Reads who contributed: nothing is verified of it here. */
function contributionsOf(bytes: Uint8Array): Contribution[] {
  const reader = new Reader(bytes)
  reader.bytes(64) // hash of the circuit
  const count = reader.uint32()
  demand(count <= MOST_CONTRIBUTIONS, 'zk/bad-file', () => 'too many contributions')
  const found = Array.from({ length: count }, () => contributionOf(reader))
  reader.end()
  return found
}

function contributionOf(reader: Reader): Contribution {
  for (let i = 0; i < 3; i++) reader.g1() // delta after, s, s x
  reader.g2()
  reader.bytes(64) // hash of all that came before
  return { beacon: isBeacon(reader) }
}

/** 2^-256 modulo the order: scalars stand in files as k 2^256. */
const fromMontgomery = (value: bigint): bigint => (value * inverse(1n << 256n)) % ORDER

function decodePlonk(sections: Sections): ZkeyHeader {
  const head = new Reader(section(sections, 2))
  demandFields(head)
  const { wires, domain, power } = sizes(head)
  const [additions, constraints] = [head.uint32(), head.uint32()]
  const [k1, k2] = [head.word(), head.word()].map(fromMontgomery)
  const [qm, ql, qr, qo, qc, s1, s2, s3] = Array.from({ length: 8 }, () => head.g1())
  const x2 = head.g2()
  head.end()
  const fits = constraints <= domain && additions < wires - PUBLICS
  demand(fits, 'zk/bad-file', () => 'more constraints or additions than there is room for')
  demandPlonkLengths(sections, { additions, constraints, domain })
  const points = plonkPoints.from({ power, k1, k2, qm, ql, qr, qo, qc, s1, s2, s3, x2 }, 'key')
  const setUp = isUnsafe(sections) || isDevelopment({ scheme: 'plonk', points }) ? 'unsafe' : 'ceremony'
  const verification = verificationKey('plonk', points, { setUp, contributions: 0 })
  return { sections, wires: wires - additions, domain, contributions: [], verification }
}

/** Selectors and permutations stand as coefficients and as values in the domain four times as large. */
function demandPlonkLengths(
  sections: Sections,
  { additions, constraints, domain }: { additions: number; constraints: number; domain: number },
): void {
  section(sections, 3, 72 * additions)
  for (const id of [4, 5, 6]) section(sections, id, 4 * constraints)
  for (const id of [7, 8, 9, 10, 11]) section(sections, id, 32 * 5 * domain)
  section(sections, 12, 32 * 15 * domain)
  section(sections, 13, 32 * 5 * domain * Math.max(PUBLICS, 1))
  section(sections, 14, 64 * (domain + 6))
}
