/**
 * The verifier that snarkjs writes for a PLONK key, compiled with the settings of our contracts.
 * @module
 */
import { createRequire } from 'node:module'
import type { InterfaceAbi } from 'ethers'
import { SETTINGS } from '../../scripts/contracts.js'
import { solidityVerifier } from '../../src/zk/export.js'
import type { ProvingKey } from '../../src/zk/keys.js'

interface Written {
  readonly abi: InterfaceAbi
  readonly bytecode: string
  readonly deployedBytecode: string
}

/** ABI and code of the contract. */
export async function writtenVerifier(key: ProvingKey): Promise<Written> {
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string }
  const selected = ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object']
  const input = {
    language: 'Solidity',
    sources: { 'written.sol': { content: await solidityVerifier(key) } },
    settings: { ...SETTINGS, outputSelection: { '*': { '*': selected } } },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as {
    readonly contracts: Readonly<Record<string, { readonly PlonkVerifier: Compiled }>>
  }
  const { abi, evm } = output.contracts['written.sol'].PlonkVerifier
  return { abi, bytecode: `0x${evm.bytecode.object}`, deployedBytecode: `0x${evm.deployedBytecode.object}` }
}

interface Compiled {
  readonly abi: InterfaceAbi
  readonly evm: Readonly<Record<'bytecode' | 'deployedBytecode', { readonly object: string }>>
}
