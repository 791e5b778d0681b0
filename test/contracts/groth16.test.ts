import { ContractFactory, Interface, type Contract, type InterfaceAbi } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readArtifact } from '../../scripts/contracts.js'
import { toHex } from '../../src/core/bytes.js'
import { ORDER } from '../../src/zk/field.js'
import { unsafeKey, type Groth16Key, type ProvingKey } from '../../src/zk/keys.js'
import { MODULUS, negate, type G1 } from '../../src/zk/points.js'
import { prove, publicWords, verifyProof, type Proof } from '../../src/zk/prove.js'
import { tiny, type Tiny } from '../zk/tiny.js'
import { deploy, mined, startNode, type EvmNode } from './node.js'
import { remade } from './remade.js'
import { writtenVerifier } from './written.js'

const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`

let node: EvmNode
let circuit: Tiny
let key: ProvingKey
let points: Groth16Key['points']
let proof: Proof
let verifier: Contract
beforeAll(async () => {
  node = await startNode()
  circuit = await tiny()
  key = await unsafeKey(circuit.r1cs)
  points = (key.verification as Groth16Key).points
  proof = await prove(key, circuit.witness(5n, 77n))
  verifier = await deploy(node, 'Groth16Verifier', keyOut(points))
}, 120_000)
afterAll(() => node?.stop())

const keyOut = ({ alpha, beta, gamma, delta, ic }: Groth16Key['points']) => {
  return { alpha, beta, gamma, delta, ic: ic.flat() }
}

/** What a contract says of a proof: true, false, or the name of its error. */
async function said(contract: Contract, bytes: string, publics: readonly bigint[]): Promise<boolean | string> {
  try {
    return (await contract.verifyProof(bytes, publics)) as boolean
  } catch (error) {
    const data = (error as { data?: string }).data ?? '0x'
    return contract.interface.parseError(data)?.name ?? data
  }
}

const publics = (): bigint[] => publicWords(proof.publics)
const altered = (bytes: Uint8Array, at: number, by: number): string => hex(bytes.with(at, bytes[at] ^ by))
/** The proof with one of its words replaced. */
const withWord = (at: number, word: bigint): string =>
  `0x${toHex(proof.bytes.subarray(0, 32 * at))}${word.toString(16).padStart(64, '0')}${toHex(proof.bytes.subarray(32 * at + 32))}`
const wordAt = (at: number): bigint => BigInt(hex(proof.bytes.subarray(32 * at, 32 * at + 32)))

describe('Groth16Verifier', () => {
  test('accepts what the library accepts, and gives back its key', async () => {
    await verifyProof(proof, key.verification, { allowUnsafe: true })
    expect(await said(verifier, hex(proof.bytes), publics())).toBe(true)
    const found = (await verifier.key()) as { toArray(deep: boolean): bigint[] }
    expect(found.toArray(true).flat()).toEqual(
      [points.alpha, points.beta, points.gamma, points.delta, points.ic.flat()].flat(),
    )
  })

  test('refuses every public input that was not proven', async () => {
    for (let i = 0; i < 4; i++) {
      const wrong = publics().with(i, (publics()[i] + 1n) % ORDER)
      expect(await said(verifier, hex(proof.bytes), wrong)).toBe(false)
    }
    const swapped = [publics()[0], publics()[2], publics()[1], publics()[3]]
    expect(await said(verifier, hex(proof.bytes), swapped)).toBe(false)
  })

  test('takes no public input for another name of itself: one and the order', async () => {
    for (let i = 0; i < 4; i++)
      for (const alias of [publics()[i] + ORDER, ORDER, (1n << 256n) - 1n])
        expect(await said(verifier, hex(proof.bytes), publics().with(i, alias))).toBe('NotInField')
  })

  test('refuses a proof with one bit changed in any of its bytes', async () => {
    const counts: Record<string, number> = {}
    for (let at = 0; at < 256; at++) {
      const found = String(await said(verifier, altered(proof.bytes, at, 1 << (at % 8)), publics()))
      counts[found] = (counts[found] ?? 0) + 1
    }
    // A changed coordinate is one of no point.
    expect(counts).toEqual({ BadPoint: 256 })
  })

  test('refuses points that are on the curve and are not the proof’s, and coordinates beyond the field', async () => {
    const a: G1 = [wordAt(0), wordAt(1)]
    expect(await said(verifier, withWord(1, negate(a)[1]), publics())).toBe(false)
    for (let word = 0; word < 8; word++)
      expect(await said(verifier, withWord(word, wordAt(word) + MODULUS), publics())).toBe('BadPoint')
    const zeros = hex(new Uint8Array(256))
    expect(await said(verifier, zeros, publics())).toBe(false)
    for (const length of [0, 255, 257, 288])
      expect(await said(verifier, hex(new Uint8Array(length)), publics())).toBe('BadProofLength')
  })

  test('accepts a proof that was made anew from another one, so nothing may hang on its bytes', async () => {
    const other = remade(proof.bytes, points.delta)
    expect(hex(other)).not.toBe(hex(proof.bytes))
    expect(await said(verifier, hex(other), publics())).toBe(true)
    await verifyProof({ ...proof, bytes: other }, key.verification, { allowUnsafe: true })
  })

  test('refuses proofs of another key', async () => {
    const other = await tiny(5)
    const foreign = await unsafeKey(other.r1cs)
    const made = await prove(foreign, other.witness(5n, 77n))
    expect(await said(verifier, hex(made.bytes), publicWords(made.publics))).toBe(false)
  })
})

describe('a key', () => {
  const refused = async (change: Partial<Groth16Key['points']>): Promise<string> => {
    const { abi, bytecode } = readArtifact('Groth16Verifier')
    const own = new Interface(abi as InterfaceAbi)
    const data = `${bytecode}${own.encodeDeploy([keyOut({ ...points, ...change })]).slice(2)}`
    try {
      await node.provider.call({ data })
      return ''
    } catch (error) {
      return own.parseError((error as { data: string }).data)?.name ?? 'nothing'
    }
  }

  test('with which anybody proves anything is not deployed', async () => {
    expect(await refused({})).toBe('')
    expect(await refused({ delta: points.gamma })).toBe('ForgeableKey')
    const [xi, x, yi, y] = points.gamma
    expect(await refused({ delta: [xi, x, MODULUS - yi, MODULUS - y] })).toBe('ForgeableKey')
  })

  test('whose points bind nothing, or are none, is not deployed', async () => {
    const zero: G1 = [0n, 0n]
    for (let i = 1; i < 5; i++) expect(await refused({ ic: points.ic.with(i, zero) })).toBe('BadKey')
    for (let i = 0; i < 5; i++) expect(await refused({ ic: points.ic.with(i, [1n, 3n]) })).toBe('BadKey')
    expect(await refused({ alpha: zero })).toBe('BadKey')
    expect(await refused({ alpha: [points.alpha[0], points.alpha[1] ^ 1n] })).toBe('BadKey')
    for (const name of ['beta', 'gamma', 'delta'] as const) {
      const [xi, x, yi, y] = points[name]
      expect(await refused({ [name]: [0n, 0n, 0n, 0n] })).toBe('BadKey')
      expect(await refused({ [name]: [xi, x, yi, y ^ 1n] })).toBe('BadKey')
    }
  })
})

describe('PlonkGate', () => {
  let own: ProvingKey
  let made: Proof
  let written: Contract
  let gate: Contract
  beforeAll(async () => {
    own = await unsafeKey(circuit.r1cs, { scheme: 'plonk' })
    made = await prove(own, circuit.witness(5n, 77n))
    const { abi, bytecode } = await writtenVerifier(own)
    const factory = new ContractFactory(abi, bytecode, node.signer)
    written = (await factory.deploy()) as Contract
    await mined(node.provider, written.deploymentTransaction()!.hash)
    gate = await deploy(node, 'PlonkGate', await written.getAddress())
  }, 120_000)

  const words = (): bigint[] =>
    Array.from({ length: 24 }, (_, i) => BigInt(hex(made.bytes.subarray(32 * i, 32 * i + 32))))
  const own4 = (): bigint[] => publicWords(made.publics)

  test('accepts a proof that the verifier of snarkjs accepts, and refuses what was not proven', async () => {
    expect(await written.verifyProof(words(), own4())).toBe(true)
    expect(await said(gate, hex(made.bytes), own4())).toBe(true)
    for (let i = 0; i < 4; i++) {
      const wrong = own4().with(i, (own4()[i] + 1n) % ORDER)
      expect(await said(gate, hex(made.bytes), wrong)).toBe(false)
    }
  })

  test('takes no public input for another name of itself, at which that verifier does not look', async () => {
    for (let i = 0; i < 4; i++) {
      const alias = own4().with(i, own4()[i] + ORDER)
      expect(await written.verifyProof(words(), alias)).toBe(false)
      expect(await said(gate, hex(made.bytes), alias)).toBe('NotInField')
    }
  })

  test('refuses other lengths, and a proof with one bit changed in any of its words', async () => {
    for (const length of [0, 256, 767, 769, 800])
      expect(await said(gate, hex(new Uint8Array(length)), own4())).toBe('BadProofLength')
    for (let word = 0; word < 24; word++) {
      const found = await said(gate, altered(made.bytes, 32 * word + 31, 1), own4())
      expect(found, `word ${word}`).not.toBe(true)
    }
  })

  test('is not deployed in front of nothing', async () => {
    const { abi, bytecode } = readArtifact('PlonkGate')
    const interface_ = new Interface(abi as InterfaceAbi)
    const data = `${bytecode}${interface_.encodeDeploy([node.signer.address]).slice(2)}`
    const error = await node.provider.call({ data }).catch((refusal: unknown) => refusal as { data: string })
    expect(interface_.parseError((error as { data: string }).data)?.name).toBe('NoVerifier')
  })
})
