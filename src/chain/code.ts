/**
 * The code of contracts: put on a chain, and compared with what stands there.
 * @module
 */
import { Interface, type InterfaceAbi } from 'ethers/abi'
import type { Provider } from 'ethers/providers'
import { fromHex } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import type { Address } from '../receipt/fields.js'
import type { Abi } from './abi.js'
import { ABIS } from './abi.generated.js'
import { sendRequest, type Caller } from './calls.js'
import { onChain } from './revert.js'

/** The code of a contract, as contracts/artifacts/ holds it. */
export interface ContractCode {
  /** 0x text of what deploys it, without the constructor's values. */
  readonly bytecode: string
  /** 0x text of what then stands on the chain, with zeros for immutables. */
  readonly deployedBytecode: string
  /** Where immutables stand: first bytes of words. */
  readonly immutables?: readonly number[]
}

/** Finds the code of a contract by its name. `countersign/disk` reads it out of the package. */
export type CodeOf = (contract: string) => ContractCode | Promise<ContractCode>

/** A contract that was put on the chain. */
export interface Deployed {
  readonly contract: string
  readonly address: Address
  readonly transaction: `0x${string}`
  readonly gas: bigint
}

/** How long a transaction may take, unless told, in milliseconds. */
export const PATIENCE = 600_000

/** Who puts contracts on a chain, and where their code is from. */
export interface Putting extends Caller {
  readonly codeOf: CodeOf
  readonly onProgress?: ((deployed: Deployed) => void) | undefined
}

/** Puts a contract of ours on the chain: its address, and the block. @throws Fault, as {@link sendRequest}. */
export async function put(
  by: Putting,
  contract: string,
  values: readonly unknown[],
): Promise<readonly [Address, number]> {
  return putBytes(by, contract, await deploying(contract, values, by.codeOf))
}

/** The bytes that deploy a contract with these values. */
async function deploying(contract: string, values: readonly unknown[], codeOf: CodeOf): Promise<string> {
  const { bytecode } = await codeOf(contract)
  return `${bytecode}${interfaceOf(contract).encodeDeploy(values).slice(2)}`
}

/** Puts a contract on the chain by the bytes that deploy it. */
export async function putBytes(by: Putting, contract: string, data: string): Promise<readonly [Address, number]> {
  const { receipt, landed } = await sendRequest(`deploy ${contract}`, { data }, by)
  const address = receipt.contractAddress!.toLowerCase() as Address
  by.onProgress?.({ contract, address, transaction: landed.hash, gas: landed.gas })
  return [address, landed.block]
}

const interfaceOf = (contract: string): Interface =>
  new Interface((ABIS as Readonly<Record<string, Abi>>)[contract] as InterfaceAbi)

const WORD = 32

/**
 * Compares what stands at an address with the code of a contract, whatever its immutables are. Trust: the node that is asked.
 * @throws Fault `chain/no-contract`, `chain/wrong-contract`.
 */
export async function verifyCode(
  contract: string,
  { deployedBytecode, immutables = [] }: ContractCode,
  { address, provider }: { readonly address: Address; readonly provider: Provider },
): Promise<void> {
  const found = fromHex((await onChain(contract, () => provider.getCode(address))).toLowerCase())
  demand(found.length > 0, 'chain/no-contract', () => `no ${contract} stands there`, { where: address })
  const expected = fromHex(deployedBytecode)
  const free = new Set(immutables.flatMap((start) => Array.from({ length: WORD }, (_, i) => start + i)))
  const same = found.length === expected.length && found.every((byte, i) => byte === expected[i] || free.has(i))
  demand(same, 'chain/wrong-contract', () => `not the code of ${contract}`, { where: address })
}

/** Where a contract stands, by which node, and where our code is from. */
export interface Standing {
  readonly address: Address
  readonly provider: Provider
  readonly codeOf: CodeOf
}

/**
 * Compares what stands at an address with what the node says that deploying it with these values gives: to the byte, immutables included, which
 * whoever deploys by bytes of its own may set as it likes. Trust: the node that is asked.
 * @throws Fault `chain/no-contract`, `chain/wrong-contract`, also where it would not be deployed with these values.
 */
export async function verifyDeployed(
  contract: string,
  values: readonly unknown[],
  { address, provider, codeOf }: Standing,
): Promise<void> {
  const data = await deploying(contract, values, codeOf)
  const expected = await onChain(`deploy ${contract}`, () => provider.call({ data })).catch((cause: unknown) => {
    if (!Fault.is(cause, 'chain/reverted')) throw cause
    throw new Fault('chain/wrong-contract', `no ${contract} has these values`, { where: address, cause })
  })
  await verifyCode(contract, { bytecode: data, deployedBytecode: expected }, { address, provider })
}
