/**
 * Connections: a deployment as somebody sees it through a node, and acts on it with an account.
 * @module
 */
import type { Provider, Signer } from 'ethers/providers'
import { Fault, demand } from '../core/faults.js'
import { toAddress, type Address } from '../receipt/fields.js'
import { domain, type Domain } from '../receipt/typed-data.js'
import { BATCHES_ABI, DISPUTE_ABI, QUORUMS_ABI, SETTLEMENT_ABI } from './abi.generated.js'
import { callsOf, type Calls } from './calls.js'
import { PATIENCE, demandChain, type Deployment } from './deployment.js'
import { onChain } from './revert.js'

/** The settlement answers for its quorums, too. */
const WHOLE_SETTLEMENT_ABI = [...SETTLEMENT_ABI, ...QUORUMS_ABI] as const

/** A deployment through a node. */
export interface Connection {
  readonly deployment: Deployment
  readonly provider: Provider
  /** Who sends transactions; undefined where one only looks. */
  readonly signer: Signer | undefined
  readonly settlement: Calls<typeof WHOLE_SETTLEMENT_ABI>
  readonly dispute: Calls<typeof DISPUTE_ABI>
  readonly batches: Calls<typeof BATCHES_ABI>
  /** Milliseconds between two looks at the chain. */
  readonly poll: number
  /** Milliseconds until a transaction counts as lost. */
  readonly patience: number
}

/** How a connection waits. */
export interface ConnectionOptions {
  /** 4 seconds unless told. */
  readonly poll?: number
  /** 10 minutes unless told. */
  readonly patience?: number
}

/**
 * Connects an account, or nobody, with a deployment. That the code there is ours, `Deployment.verify` tells.
 * @throws Fault `chain/wrong-chain`, `chain/no-contract`, `chain/failed`.
 */
export async function connect(
  deployment: Deployment,
  as: Signer | Provider,
  { poll = 4000, patience = PATIENCE }: ConnectionOptions = {},
): Promise<Connection> {
  const signer = isSigner(as) ? as : undefined
  const { provider } = as
  demand(provider !== null, 'chain/failed', () => 'the account is not connected to a node')
  await demandChain(deployment, provider)
  const by = { provider, signer, patience }
  for (const address of [deployment.settlement, deployment.dispute]) await demandCode(address, provider)
  return Object.freeze({
    deployment,
    poll,
    ...by,
    settlement: callsOf(WHOLE_SETTLEMENT_ABI, { name: 'Settlement', address: deployment.settlement }, by),
    dispute: callsOf(DISPUTE_ABI, { name: 'Dispute', address: deployment.dispute }, by),
    batches: callsOf(BATCHES_ABI, { name: 'Batches', address: deployment.batches }, by),
  })
}

const isSigner = (as: Signer | Provider): as is Signer => 'signTypedData' in as

async function demandCode(address: Address, provider: Provider): Promise<void> {
  const code = await onChain('code', () => provider.getCode(address))
  demand(code !== '0x', 'chain/no-contract', () => 'nothing stands there', { where: address })
}

/** The account that sends transactions. @throws Fault `chain/no-signer`. */
export async function accountOf({ signer }: Pick<Connection, 'signer'>): Promise<Address> {
  demand(signer !== undefined, 'chain/no-signer', () => 'nobody signs')
  return toAddress(await signer.getAddress())
}

/** The EIP-712 domain of everything that is signed for the deployment. */
export const domainOf = ({ chainId, settlement }: Deployment): Domain => domain(chainId, settlement)

/** The last block. */
export interface Head {
  readonly number: number
  /** Unix seconds. */
  readonly time: bigint
}

/** The last block. Contracts count time by blocks, whatever the clock here says. @throws Fault `chain/failed`. */
export async function headOf({ provider }: Pick<Connection, 'provider'>): Promise<Head> {
  const block = await onChain('block', () => provider.getBlock('latest'))
  if (block === null) throw new Fault('chain/failed', 'the node has no block')
  return { number: block.number, time: BigInt(block.timestamp) }
}

/** All blocks that can hold events of the deployment, up to now. */
export async function wholeSpan(connection: Connection): Promise<{ from: number; to: number }> {
  return { from: Number(connection.deployment.block), to: (await headOf(connection)).number }
}

/** Waits a moment. Wakes up early where the signal fires. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const all = signal && sleepersOf(signal)
    const done = (): void => {
      clearTimeout(timer)
      all?.delete(done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    all?.add(done)
  })
}

const sleepers = new WeakMap<AbortSignal, Set<() => void>>()

/** Everybody who waits under a signal: one listener for all of them, however many claims are watched. */
function sleepersOf(signal: AbortSignal): Set<() => void> {
  const known = sleepers.get(signal)
  if (known !== undefined) return known
  const all = new Set<() => void>()
  sleepers.set(signal, all)
  signal.addEventListener('abort', () => [...all].forEach((wake) => wake()), { once: true })
  return all
}
