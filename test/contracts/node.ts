/**
 * An EVM node for tests and benches, on a free port of this machine, and contracts on it.
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { Contract, ContractFactory, JsonRpcProvider } from 'ethers'
import type { InterfaceAbi, JsonRpcSigner, TransactionReceipt } from 'ethers'
import { fileURLToPath } from 'node:url'
import { readArtifact } from '../../scripts/contracts.js'

/** The chain id of the development node. */
export const CHAIN_ID = 31337
/** A node that lives longer than this is killed. */
const SECONDS = 900
const START_MS = 20_000

/** A running node. */
export interface EvmNode {
  readonly url: string
  readonly provider: JsonRpcProvider
  /** The first of its accounts, which have 10,000 ether each. */
  readonly signer: JsonRpcSigner
  /** Kills it. */
  stop(): Promise<void>
}

/** What a node is started with, beside what all have. */
export interface EvmNodeOptions {
  /** Calls may use any amount of gas: for harnesses that work through long lists. Else the limits of a chain hold (EIP-7825). */
  readonly unlimited?: boolean
}

const FOLDERS: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** The program itself, not the script that npm links: a script's child would outlive it. */
function binary(): string {
  const name = `anvil-${process.platform}-${FOLDERS[process.arch] ?? process.arch}`
  const require = createRequire(import.meta.url)
  const inside = createRequire(require.resolve('@foundry-rs/anvil/package.json'))
  return inside.resolve(`@foundry-rs/${name}/bin/anvil`)
}

/** Starts a node. @throws Error where it does not listen within 20 seconds. */
export async function startNode({ unlimited = false }: EvmNodeOptions = {}): Promise<EvmNode> {
  const limits = unlimited ? ['--disable-block-gas-limit', '--disable-code-size-limit'] : ['--enable-tx-gas-limit']
  // What it writes on the disk stays there when it is killed: states of some megabytes for every block.
  const kept = ['--max-persisted-states', '0']
  const words = ['--port', '0', '--hardfork', 'osaka', '--chain-id', String(CHAIN_ID), ...kept, ...limits]
  const guard = fileURLToPath(new URL('guard.mjs', import.meta.url))
  const child = spawn(process.execPath, [guard, String(SECONDS), binary(), ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const stop = stopper(child)
  try {
    const url = `http://${await listening(child)}`
    const provider = new JsonRpcProvider(url, CHAIN_ID, { batchMaxCount: 1, staticNetwork: true, cacheTimeout: -1 })
    const signer = await provider.getSigner(0)
    const stopAll = () => (provider.destroy(), stop())
    return { url, provider, signer, stop: stopAll }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Closes the guard's input, upon which it kills the node and ends. */
function stopper(child: ChildProcess): () => Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()))
  return async () => {
    child.stdin?.end()
    await ended
  }
}

/** Host and port, once the node listens. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const fail = (reason: string) => reject(new Error(`the EVM node ${reason}: ${text.slice(-500)}`))
    const timer = setTimeout(() => fail('did not start in time'), START_MS)
    const read = (chunk: Buffer): void => {
      text = (text + chunk.toString()).slice(-20_000)
      const found = /Listening on (\S+:\d+)/.exec(text)
      if (found === null) return
      clearTimeout(timer)
      resolve(found[1])
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('exit', (code) => (clearTimeout(timer), fail(`ended with ${code}`)))
  })
}

const POLL_MS = 5

/**
 * The receipt of a transaction, asked for until it is there. ethers' own `wait` waits for the next block where the transaction is mined
 * between its looking for the receipt and its looking for blocks, and here no next block may ever come.
 */
export async function mined(provider: JsonRpcProvider, hash: string): Promise<TransactionReceipt> {
  for (let left = START_MS / POLL_MS; left > 0; left--) {
    const receipt = await provider.getTransactionReceipt(hash)
    if (receipt !== null) return receipt
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(`transaction ${hash} was not mined`)
}

/** Puts a contract on the chain, by the name of its artifact (`test/` before a harness's). */
export async function deploy(node: EvmNode, name: string, ...values: readonly unknown[]): Promise<Contract> {
  const { abi, bytecode } = readArtifact(name)
  const factory = new ContractFactory(abi as InterfaceAbi, bytecode, node.signer)
  const contract = await factory.deploy(...values)
  await mined(node.provider, contract.deploymentTransaction()!.hash)
  return new Contract(await contract.getAddress(), abi as InterfaceAbi, node.signer)
}

/**
 * The gas of a transaction, once it is mined. Asked for again and again: `wait` of the library waits for the next block, and where the
 * transaction was mined before it looked there is none.
 * @throws Error where it reverted.
 */
export async function gasUsed({ provider }: EvmNode, hash: string): Promise<number> {
  for (let tries = 0; tries < 2000; tries++) {
    const receipt = (await provider.send('eth_getTransactionReceipt', [hash])) as {
      readonly status: string
      readonly gasUsed: string
    } | null
    if (receipt !== null) {
      if (receipt.status !== '0x1') throw new Error('the transaction reverted')
      return Number(receipt.gasUsed)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('the transaction was not mined')
}
