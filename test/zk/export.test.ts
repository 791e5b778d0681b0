import { Interface } from 'ethers'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.js'
import { calldataOf, solidityVerifier, VERIFIER_SIGNATURES } from '../../src/zk/export.js'
import { contribute, provingKeyOf, setUp, unsafeKey, type ProvingKey, type Scheme } from '../../src/zk/keys.js'
import { wordsOf } from '../../src/zk/points.js'
import { prove, publicWords, type Proof } from '../../src/zk/prove.js'
import { wordsOfKey } from '../../src/zk/verification-key.js'
import { ceremonyPowers, tiny, tinyPowers, type Tiny } from './tiny.js'

describe.each(['groth16', 'plonk'] as const)('%s', (scheme: Scheme) => {
  let circuit: Tiny
  let key: ProvingKey
  let proof: Proof
  beforeAll(async () => {
    circuit = await tiny()
    key = await unsafeKey(circuit.r1cs, { scheme, powers: await tinyPowers() })
    proof = await prove(key, circuit.witness(11n, 77n))
  }, 60_000)

  test('the source of an unsafe key says so in its first line', async () => {
    const [first] = (await solidityVerifier(key)).split('\n')
    expect(first).toMatch(/^\/\/ unsafe: /)
  })

  test('the source of a key of a ceremony does not, holds the words of the key, and names its license', async () => {
    const made = await setUp(circuit.r1cs, await ceremonyPowers(), { scheme })
    const zkey = scheme === 'plonk' ? made : await contribute(made, { name: 'alice', entropy: 'dice' })
    const source = await solidityVerifier(provingKeyOf(zkey))
    expect(source).not.toContain('unsafe')
    expect(source).toContain('GPL-3.0')
    const points = wordsOfKey(provingKeyOf(zkey).verification).filter((word) => word > 1n << 64n)
    for (const word of points) expect(source).toContain(String(word))
  })

  test('calldata is the ABI encoding of the call', () => {
    const abi = new Interface([`function ${VERIFIER_SIGNATURES[scheme]} view returns (bool)`])
    const w = wordsOf(proof.bytes)
    const nested = [
      [w[0], w[1]],
      [
        [w[2], w[3]],
        [w[4], w[5]],
      ],
      [w[6], w[7]],
    ]
    const values = [...(scheme === 'plonk' ? [w] : nested), publicWords(proof.publics)]
    expect(`0x${toHex(calldataOf(proof))}`).toBe(abi.encodeFunctionData('verifyProof', values))
  })
})
