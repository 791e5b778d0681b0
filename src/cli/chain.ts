/**
 * What the commands about a chain share: node, deployment and account from words, amounts, transactions for people.
 * @module
 */
import type { Command } from 'commander'
import type { JsonRpcProvider } from 'ethers/providers'
import { parseUnits, formatEther } from 'ethers/utils'
import { toHex, type Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import { accountOn } from '../chain/account.js'
import type { Landed } from '../chain/calls.js'
import { connect, type Connection } from '../chain/connection.js'
import * as Deployment from '../chain/deployment.js'
import * as Jobs from '../chain/jobs.js'
import { nodeAt } from '../chain/node.js'
import { codeOf } from '../disk/index.js'
import { ZERO_ADDRESS, toAddress, type Address } from '../receipt/fields.js'
import * as Job from '../receipt/job.js'
import type { AccountSigner } from '../receipt/signer.js'
import { read } from './files.js'
import { signerFrom } from './keys.js'
import { bytes32From } from './trust.js'

/** Holds the URL of a node. */
export const RPC_VARIABLE = 'COUNTERSIGN_RPC'

/** Words about a chain. */
export interface ChainWords {
  readonly rpc?: string
  readonly deployment?: string
  readonly keystore?: string
}

/** Adds the words about a node and a deployment to a command. */
export function withNodeWords(command: Command): Command {
  return command
    .option('--rpc <url>', `a node of the chain; default: the environment variable ${RPC_VARIABLE}`)
    .option(
      '--deployment <file>',
      'which contracts stand where; default: countersign-CHAIN.json, CHAIN the number of the chain',
    )
}

/** The same, and the account that acts. */
export function withChainWords(command: Command): Command {
  return withNodeWords(command).option(
    '--keystore <file>',
    'the account that sends and pays; default: the key in the environment variable COUNTERSIGN_KEY',
  )
}

/** The node of `--rpc`, else of the environment. @throws Fault `cli/usage`, `chain/failed`. */
export async function nodeFrom({ rpc = process.env[RPC_VARIABLE] }: Pick<ChainWords, 'rpc'>): Promise<JsonRpcProvider> {
  demand(rpc !== undefined, 'cli/usage', () => 'no node', { hint: `give --rpc URL or set ${RPC_VARIABLE}` })
  return nodeAt(rpc)
}

/** The file of a chain's deployment, unless told. */
export const deploymentFile = (chainId: bigint): string => `countersign-${chainId}.json`

/** The deployment of a file, not yet compared with a chain. */
export async function readDeployment(path: string): Promise<Deployment.Deployment> {
  return Deployment.decode(await read(path, 1 << 14))
}

/** A node, and who acts there. */
export interface OnChain {
  readonly connection: Connection
  readonly signer: AccountSigner
  readonly account: Address
}

/** Milliseconds between two looks at the chain, from a word in seconds. */
export function pollFrom(word: string): number {
  const seconds = Number(word)
  demand(/^\d+(\.\d+)?$/.test(word) && seconds >= 0.01, 'cli/usage', () => '--poll is a number of seconds', {
    found: word,
  })
  return seconds * 1000
}

interface Connecting extends ChainWords {
  readonly poll?: string
}

async function deploymentOn(node: JsonRpcProvider, { deployment }: ChainWords): Promise<Deployment.Deployment> {
  const { chainId } = await node.getNetwork()
  const found = await readDeployment(deployment ?? deploymentFile(chainId))
  return Deployment.verify(found, node, codeOf)
}

/**
 * Runs something on a chain for the account of the words. The contracts are compared with those of this package first.
 * @throws Fault `chain/wrong-chain`, `chain/wrong-contract`, `chain/no-contract`, `receipt/bad-keystore` ...
 */
export async function onChain<T>(words: Connecting, act: (on: OnChain) => Promise<T>): Promise<T> {
  const node = await nodeFrom(words)
  try {
    const deployment = await deploymentOn(node, words)
    const signer = await signerFrom(words)
    const poll = words.poll === undefined ? undefined : pollFrom(words.poll)
    const connection = await connect(deployment, accountOn(signer, node), { poll })
    return await act({ connection, signer, account: signer.address })
  } finally {
    node.destroy()
  }
}

/** The same for somebody who only looks. */
export async function lookOn<T>(words: Connecting, look: (connection: Connection) => Promise<T>): Promise<T> {
  const node = await nodeFrom(words)
  try {
    return await look(await connect(await deploymentOn(node, words), node))
  } finally {
    node.destroy()
  }
}

/** A job by its hash, or by its file. */
export async function jobHashFrom(word: string): Promise<Bytes32> {
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(word)) return bytes32From(word.toLowerCase())
  return Job.hash(Job.decode(await read(word, 1 << 16)).job)
}

/** The provider of a word, else the one that took the job. @throws Fault `chain/unknown-claim`, `cli/usage` where there are several. */
export async function providerFrom(connection: Connection, job: Bytes32, word?: string): Promise<Address> {
  if (word !== undefined) return toAddress(word)
  const takers = await Jobs.takersOf(connection, job)
  if (takers.length === 0) throw new Fault('chain/unknown-claim', 'nobody took the job', { found: toHex(job) })
  demand(takers.length === 1, 'cli/usage', () => 'several providers took the job: say --provider', {
    found: takers.join(', '),
  })
  return takers[0]
}

const UNITS: Readonly<Record<string, string>> = { wei: 'wei', gwei: 'gwei', ether: 'ether', eth: 'ether', '': 'wei' }

/** An amount: a whole number of the smallest unit, or, of the chain's own coin, a number with `gwei` or `ether` behind it. */
export function amountFrom(word: string, where: string, token: Address = ZERO_ADDRESS): bigint {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(word.toLowerCase()) ?? []
  const known = number === undefined ? undefined : UNITS[unit]
  const fits = known !== undefined && (token === ZERO_ADDRESS || unit === '')
  demand(fits, 'cli/usage', () => `${where} is an amount`, {
    found: word.slice(0, 40),
    hint: token === ZERO_ADDRESS ? '1000 (wei), 20gwei, 0.5ether' : "a whole number of the token's smallest unit",
  })
  try {
    return parseUnits(number, known)
  } catch (cause) {
    throw new Fault('cli/usage', `${where} is an amount`, { found: word.slice(0, 40), cause })
  }
}

/** An amount for people. */
export const amount = (value: bigint, token: Address): string =>
  token === ZERO_ADDRESS ? `${formatEther(value)} ether` : `${value} of ${token}`

/** A moment for people. */
export const moment = (seconds: bigint): string =>
  `${new Date(Number(seconds) * 1000).toISOString().replace('T', ' ').slice(0, 19)} UTC (${seconds})`

/** A transaction for people. */
export const sent = (what: string, { hash, gas }: Landed): string =>
  `sent     ${what} ${hash}, ${gas.toLocaleString('en-US')} gas`

/** A transaction as data. */
export const landedData = ({ hash, block, gas }: Landed) => ({ transaction: hash, block, gas: String(gas) })

/** Terms as data. */
export const plain = (terms: object): unknown =>
  Object.fromEntries(
    Object.entries(terms).map(([key, value]) => [key, typeof value === 'bigint' ? String(value) : value]),
  )
