/**
 * Typed calls of a contract: its ABI is a constant, so names, values and results are checked when compiling.
 * @module
 */
import { Interface, type InterfaceAbi } from 'ethers/abi'
import { JsonRpcSigner } from 'ethers/providers'
import type { Log, Provider, Signer, TransactionReceipt, TransactionRequest } from 'ethers/providers'
import { fromHex, toHex } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import type { Address } from '../receipt/fields.js'
import {
  byName,
  resultOf,
  type Abi,
  type EventName,
  type EventValues,
  type Readable,
  type Result,
  type Sendable,
  type Values,
} from './abi.js'
import { onChain, once, revertFault } from './revert.js'

/** A transaction that is on the chain. */
export interface Landed {
  readonly hash: `0x${string}`
  readonly block: number
  readonly gas: bigint
  readonly logs: readonly Log[]
}

/** An event of a contract, and where it stands. */
export interface Happened<V> {
  readonly block: number
  /** Place among all events of the block. */
  readonly index: number
  readonly transaction: `0x${string}`
  readonly values: V
}

/** What comes along with a transaction. */
export interface Sending {
  /** In the smallest unit of the chain's coin. */
  readonly value?: bigint
}

/** Which events are looked for. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** A contract on a chain. */
export interface Calls<A extends Abi> {
  readonly name: string
  readonly address: Address
  readonly interface: Interface
  /** Asks without changing anything. @throws Fault `chain/reverted`, `chain/failed`. */
  read<N extends Readable<A>>(name: N, ...values: Values<A, N>): Promise<Result<A, N>>
  /**
   * Sends a transaction and waits until it is on the chain.
   * @throws Fault `chain/reverted` before anything is sent where it can be foreseen, `chain/no-signer`, `chain/no-funds`, `chain/timed-out`, `chain/failed`.
   */
  send<N extends Sendable<A>>(name: N, values: Values<A, N>, options?: Sending): Promise<Landed>
  /** The bytes of a call. */
  encode<N extends Readable<A> | Sendable<A>>(name: N, values: Values<A, N>): Uint8Array
  /** The events of one name among some logs. */
  eventsIn<N extends EventName<A>>(name: N, logs: readonly Log[]): readonly Happened<EventValues<A, N>>[]
  /** Everything that the contract said, by block. @throws Fault `chain/failed`. */
  logs(span: Span): Promise<readonly Log[]>
  /** The events of one name on the chain, by block; `indexed` are values of its indexed parameters in their order. @throws Fault `chain/failed`. */
  events<N extends EventName<A>>(
    name: N,
    span: Span,
    indexed?: readonly (Uint8Array | string | bigint | number | undefined)[],
  ): Promise<readonly Happened<EventValues<A, N>>[]>
}

/** Who calls, and how long it waits. */
export interface Caller {
  readonly provider: Provider
  readonly signer: Signer | undefined
  /** Milliseconds until a transaction counts as lost. */
  readonly patience: number
}

/** Nodes refuse to look through more blocks at once. */
const BLOCKS = 10_000
/** Milliseconds between two looks for a transaction: from the first on doubled. */
const [FIRST_LOOK, LONGEST_LOOK] = [20, 2000]
/** EIP-7825: no transaction may use more. */
const MAX_GAS = 1n << 24n

/** A contract by its name and address. */
export function callsOf<const A extends Abi>(
  abi: A,
  { name, address }: { name: string; address: Address },
  by: Caller,
): Calls<A> {
  const own = new Interface(abi as unknown as InterfaceAbi)
  const dataOf = (method: string, values: readonly unknown[]) => own.encodeFunctionData(method, values)
  const eventsIn = (event: string, logs: readonly Log[]) =>
    logs.filter((log) => log.address.toLowerCase() === address).flatMap((log) => happened(own, event, log))
  return {
    name,
    address,
    interface: own,
    read: async (method, ...values) => {
      const data = dataOf(method, values)
      const found = await onChain(`${name}.${method}`, () => by.provider.call({ to: address, data }))
      demand(found !== '0x' || own.getFunction(method)!.outputs.length === 0, 'chain/no-contract', () => `no ${name}`, {
        where: address,
      })
      return resultOf(own, method, found) as never
    },
    send: (method, values, { value = 0n } = {}) =>
      sendCall(`${name}.${method}`, { to: address, data: dataOf(method, values), value }, by),
    encode: (method, values) => fromHex(dataOf(method, values).slice(2)),
    eventsIn: (event, logs) => eventsIn(event, logs) as never,
    logs: (span) => logsOf(by.provider, { address, topics: [] }, span),
    events: async (event, span, indexed = []) => {
      const topics = own.encodeFilterTopics(event, indexed.map(wordOf))
      return eventsIn(event, await logsOf(by.provider, { address, topics }, span)) as never
    },
  }
}

const wordOf = (value: Uint8Array | string | bigint | number | undefined): unknown =>
  value instanceof Uint8Array ? `0x${toHex(value)}` : value

function happened(own: Interface, event: string, log: Log): Happened<unknown>[] {
  const fragment = own.getEvent(event)!
  if (log.topics[0] !== fragment.topicHash) return []
  const values = byName(fragment.inputs, [...own.decodeEventLog(fragment, log.data, log.topics)] as unknown[])
  return [{ block: log.blockNumber, index: log.index, transaction: log.transactionHash as `0x${string}`, values }]
}

async function logsOf(
  provider: Provider,
  filter: { address: string; topics: (null | string | string[])[] },
  { from, to }: Span,
): Promise<Log[]> {
  const found: Log[] = []
  for (let start = from; start <= to; start += BLOCKS) {
    const toBlock = Math.min(to, start + BLOCKS - 1)
    found.push(...(await onChain('events', () => provider.getLogs({ ...filter, fromBlock: start, toBlock }))))
  }
  return found
}

/** Sends a transaction to a contract, or one that makes a contract, and waits for it. @throws Fault, as {@link Calls.send}. */
export async function sendCall(where: string, request: TransactionRequest, by: Caller): Promise<Landed> {
  const { landed } = await sendRequest(where, request, by)
  return landed
}

/** The same, with the receipt as the node gives it. */
export async function sendRequest(
  where: string,
  request: TransactionRequest,
  { signer, provider, patience }: Caller,
): Promise<{ landed: Landed; receipt: TransactionReceipt }> {
  demand(signer !== undefined, 'chain/no-signer', () => 'nobody signs', { where })
  const hash = await oneByOne(signer, async () => {
    const needed = await onChain(where, () => signer.estimateGas(request))
    const gasLimit = needed + needed / 10n
    return transmit(where, { ...request, gasLimit: gasLimit < MAX_GAS ? gasLimit : MAX_GAS }, { signer, provider })
  })
  const receipt = await settled(where, hash, { provider, patience })
  if (receipt.status !== 1) throw await whyRefused(where, { ...request, from: receipt.from }, { provider, receipt })
  const { blockNumber: block, gasUsed: gas, logs } = receipt
  return { landed: { hash: hash as `0x${string}`, block, gas, logs }, receipt }
}

/**
 * Signs once, so that a transaction that went through although the node said otherwise is not sent a second time. Returns its hash. Where the
 * node itself signs, it is asked once.
 */
async function transmit(
  where: string,
  request: TransactionRequest,
  { signer, provider }: { readonly signer: Signer; readonly provider: Provider },
): Promise<string> {
  if (signer instanceof JsonRpcSigner) return (await once(where, () => signer.sendTransaction(request))).hash
  const nonce = await onChain(where, () => signer.getNonce('pending'))
  const filled = await onChain(where, () => signer.populateTransaction({ ...request, nonce }))
  const signed = await once(where, () => signer.signTransaction(filled))
  const hash = toPrefixed(keccak256(fromHex(signed)))
  await onChain(where, async () => {
    try {
      await provider.broadcastTransaction(signed)
    } catch (error) {
      if ((await provider.getTransaction(hash)) === null) throw error
    }
  })
  return hash
}

const toPrefixed = (bytes: Uint8Array): string => `0x${toHex(bytes)}`

const sending = new WeakMap<Signer, Promise<unknown>>()

/** An account's transactions are numbered: the next one may be made only when the one before is with the node. */
function oneByOne<T>(signer: Signer, work: () => Promise<T>): Promise<T> {
  const next = (sending.get(signer) ?? Promise.resolve()).then(work, work)
  sending.set(signer, next)
  return next
}

/** Asks again and again, and does not wait for news of blocks: a chain that makes blocks only for transactions has none. */
async function settled(
  where: string,
  hash: string,
  { provider, patience }: Pick<Caller, 'provider' | 'patience'>,
): Promise<TransactionReceipt> {
  const until = Date.now() + patience
  for (let wait = FIRST_LOOK; ; wait = Math.min(2 * wait, LONGEST_LOOK)) {
    const receipt = await onChain(where, () => provider.getTransactionReceipt(hash))
    if (receipt !== null) return receipt
    demand(Date.now() < until, 'chain/timed-out', () => 'the transaction is not on the chain yet', {
      where,
      found: hash,
    })
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
}

/** What was foreseen did not come true: the state changed between. */
async function whyRefused(
  where: string,
  request: TransactionRequest,
  { provider, receipt }: { provider: Provider; receipt: TransactionReceipt },
): Promise<unknown> {
  try {
    await onChain(where, () => provider.call({ ...request, blockTag: receipt.blockNumber }))
  } catch (error) {
    return error
  }
  return revertFault(where, undefined)
}
