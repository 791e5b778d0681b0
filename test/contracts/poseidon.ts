/**
 * What a Poseidon hash costs in a contract.
 * @module
 */
import { ORDER } from '../../src/zk/field.js'
import { deploy, type EvmNode } from './node.js'

/** Gas of one hash: the mean of ten. */
export async function poseidonGas(node: EvmNode): Promise<number> {
  const harness = await deploy(node, 'test/PoseidonHarness')
  const pairs = Array.from({ length: 10 }, (_, i) => [BigInt(i), ORDER - 1n - BigInt(i)])
  const { gas } = (await harness.hashAll(pairs)) as unknown as { gas: bigint }
  return Math.ceil(Number(gas) / pairs.length)
}
