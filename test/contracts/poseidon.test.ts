import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Contract } from 'ethers'
import { textOf } from '../../scripts/markdown.js'
import { solidityFile } from '../../scripts/poseidon-solidity.js'
import { ORDER } from '../../src/zk/field.js'
import { poseidon } from '../../src/zk/poseidon.js'
import { deploy, startNode, type EvmNode } from './node.js'
import { poseidonGas } from './poseidon.js'

/** What a hash may take. */
const GAS = 15_500

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/PoseidonHarness')
}, 60_000)
afterAll(() => node?.stop())

type Pair = readonly [bigint, bigint]
const onChain = async (pairs: readonly Pair[]): Promise<bigint[]> => {
  const [hashes] = (await harness.hashAll(pairs)) as [Iterable<bigint>]
  return [...hashes]
}

describe('contracts/proofs/Poseidon.sol', () => {
  test('is what its script makes of the parameters of the library', () => {
    expect(textOf('contracts/proofs/Poseidon.sol')).toBe(solidityFile())
  })

  test('gives the hashes of the library for random pairs of elements', async () => {
    const element = fc.bigInt({ min: 0n, max: ORDER - 1n })
    const pairs = fc.sample(fc.tuple(element, element), { numRuns: 150, seed: 7 })
    const hashes = await onChain(pairs)
    expect(hashes).toEqual(pairs.map((pair) => poseidon(pair)))
  })

  test('and for the ends of the field', async () => {
    const ends = [0n, 1n, 2n, ORDER / 2n, ORDER - 2n, ORDER - 1n]
    const pairs = ends.flatMap((left) => ends.map((right): Pair => [left, right]))
    const hashes = await onChain(pairs)
    expect(hashes).toEqual(pairs.map((pair) => poseidon(pair)))
  })

  test('takes a word that is no element for what it leaves, up to the largest one', async () => {
    const words = [ORDER, ORDER + 5n, 5n * ORDER, (1n << 256n) - 1n, 1n << 255n]
    const pairs = words.flatMap((word): Pair[] => [
      [word, 3n],
      [3n, word],
      [word, word],
    ])
    const hashes = await onChain(pairs)
    expect(hashes).toEqual(pairs.map((pair) => poseidon(pair.map((word) => word % ORDER))))
  })

  test('hashes a list one after the other, as the library chains', async () => {
    const list = [5n, ORDER - 1n, 0n, 7n]
    const expected = list.reduce((hash, next) => poseidon([hash, next]), 11n)
    expect(await harness.chain(11n, list)).toBe(expected)
    expect(await harness.chain(11n, [])).toBe(11n)
  })

  test(`takes at most ${GAS} gas a hash`, async () => {
    expect(await poseidonGas(node)).toBeLessThan(GAS)
  })
})
