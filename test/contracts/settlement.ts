/**
 * Settlement on a chain of its own: contracts, accounts with coins, jobs, and what a call is refused with.
 * @module
 */
import {
  AbiCoder,
  Contract,
  Interface,
  JsonRpcProvider,
  Wallet,
  ZeroAddress,
  keccak256,
  type BaseContract,
} from 'ethers'
import type { InterfaceAbi, TransactionReceipt } from 'ethers'
import { expect } from 'vitest'
import { readArtifact } from '../../scripts/contracts.js'
import { toHex } from '../../src/core/bytes.js'
import { Claim, Job, Policy, Receipt, Seal, Signer, TypedData } from '../../src/receipt/index.js'
import { claimOf, fill, signerOf } from '../receipt/samples.js'
import { CHAIN_ID, deploy, mined, type EvmNode } from './node.js'

export const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`
/** A structure as a wallet takes it, and as a contract does. */
export const wire = (struct: unknown, value: unknown): Record<string, unknown> =>
  (struct as TypedData.Struct<unknown>).toTyped(value) as Record<string, unknown>

export const DAY = 86_400
export const HOUR = 3600

/** What a job pays and what it costs to break it. */
export interface Terms {
  readonly token: string
  readonly payment: bigint
  readonly stake: bigint
  readonly bond: bigint
  readonly replayTime: number
  readonly moveTime: number
  readonly refusedShare: number
  readonly verifier: string
}

export const TERMS: Terms = {
  token: ZeroAddress,
  payment: 70_000n,
  stake: 9001n,
  bond: 500n,
  replayTime: HOUR,
  moveTime: DAY + HOUR,
  refusedShare: 5000,
  verifier: ZeroAddress,
}

const TERMS_TYPE = '(address,uint256,uint256,uint256,uint64,uint64,uint16,address)'
const abi = AbiCoder.defaultAbiCoder()
export const hashTerms = (terms: Terms): string => keccak256(abi.encode([TERMS_TYPE], [Object.values(terms)]))
export const idOf = (job: string, provider: string): string =>
  keccak256(abi.encode(['bytes32', 'address'], [job, provider]))

/** State of an engagement, by its number on the chain. */
export const STATES = ['None', 'Taken', 'Sealed', 'Claimed', 'Paid', 'Slashed', 'Expired', 'Void'] as const

export const NO_REFUSAL = { refused: false, step: 0n, node: 0, element: 0n, reason: 0 }

/** An account with coins that signs statements and sends transactions. */
export interface Actor {
  readonly wallet: Wallet
  readonly address: string
  readonly sign: Signer.AccountSigner
}

/** A job that was made for a policy, with all that a call about it needs. */
export interface Work {
  readonly job: Job.Job
  readonly policy: Policy.Policy
  readonly terms: Terms
  readonly hash: string
  /** Job, Policy and Terms as the contract takes them. */
  readonly args: readonly [unknown, unknown, Terms]
}

/** Everything on one chain. */
export interface World {
  readonly node: EvmNode
  readonly settlement: Contract
  readonly batches: Contract
  readonly judge: Contract
  readonly token: Contract
  readonly domain: TypedData.Domain
  readonly actor: (byte: number) => Actor
}

const union = (...names: readonly string[]): Interface =>
  new Interface(names.flatMap((name) => [...(readArtifact(name).abi as InterfaceAbi as object[])]) as InterfaceAbi)

/** Key byte of the account that deploys. */
const DEPLOYER = 0x98

/** Contracts of their own for each test, so that what is left in them is what the test left. */
export async function worldOn(given: EvmNode): Promise<World> {
  // An account of our own: its transactions need no asking the node what became of them.
  const signer = new Wallet(hex(fill(DEPLOYER)), given.provider) as unknown as EvmNode['signer']
  const node = { ...given, signer }
  const judge = await deploy(node, 'test/Judge')
  const quorums = await deploy(node, 'Quorums')
  const deployed = await deploy(node, 'Settlement', await judge.getAddress(), await quorums.getAddress())
  const address = await deployed.getAddress()
  const settlement = new Contract(address, union('Settlement', 'Quorums'), node.signer)
  const [batches, token] = [await deploy(node, 'Batches'), await deploy(node, 'test/Token')]
  const described = (await judge.describe(hex(fill(1)), 1)) as { hash: string }
  await mined(node.provider, described.hash)
  const known = new Map<number, Actor>()
  const actor = (byte: number): Actor => known.get(byte) ?? remember(byte)
  const remember = (byte: number): Actor => {
    const wallet = new Wallet(hex(fill(byte)), node.provider)
    const made = { wallet, address: wallet.address.toLowerCase(), sign: signerOf(byte) }
    known.set(byte, made)
    return made
  }
  return { node, settlement, batches, judge, token, domain: TypedData.domain(CHAIN_ID, address), actor }
}

/** Coins for accounts, once a node. */
export async function endow({ provider }: EvmNode, bytes: readonly number[]): Promise<void> {
  for (const byte of [DEPLOYER, ...bytes])
    await provider.send('anvil_setBalance', [new Wallet(hex(fill(byte))).address, `0x${(10n ** 21n).toString(16)}`])
}

/** Time of the last block. */
export async function now(provider: JsonRpcProvider): Promise<number> {
  return (await provider.getBlock('latest'))!.timestamp
}

/** A block at this time. */
export async function mineAt({ node }: World, time: number | bigint): Promise<void> {
  await node.provider.send('evm_setNextBlockTimestamp', [Number(time)])
  await node.provider.send('evm_mine', [])
}

/** What to make a job of. */
export interface Making {
  readonly job?: Partial<Job.Job>
  readonly terms?: Partial<Terms>
  /** Seconds from now to the deadline; 0 for no deadline. */
  readonly due?: number
}

let salts = 0

/** A job of the requester (account 0x11) under a policy. */
export async function workUnder(world: World, policy: Policy.Policy, making: Making = {}): Promise<Work> {
  const { due = DAY, terms: changed = {}, job: change = {} } = making
  const deadline = due === 0 ? 0n : BigInt((await now(world.node.provider)) + due)
  const job = Job.from({
    program: fill(1),
    initialState: fill(2),
    inputs: fill(3),
    steps: 10n,
    commitEvery: 1n,
    operatorTrace: false,
    policy: Policy.hash(policy),
    requester: world.actor(0x11).address,
    deadline,
    salt: Uint8Array.from(fill(0), (_, i) => (salts >> (8 * (i & 3))) & 255),
    ...change,
  })
  salts++
  const terms = { ...TERMS, ...changed }
  const args = [wire(Job.jobStruct, job), wire(Policy.policyStruct, policy), terms] as const
  return { job, policy, terms, hash: hex(Job.hash(job)), args }
}

/** A transaction by an account. */
export interface Sending {
  readonly from: Actor
  readonly value?: bigint
  readonly to?: Contract
}

/** Sends a transaction. @throws Error where it is refused. */
export async function send(
  world: World,
  call: readonly [name: string, ...values: unknown[]],
  { from, value = 0n, to = world.settlement }: Sending,
): Promise<TransactionReceipt> {
  const [name, ...values] = call
  const data = to.interface.encodeFunctionData(name, values)
  const sent = await from.wallet.sendTransaction({ to: await to.getAddress(), data, value, gasLimit: 8_000_000 })
  const receipt = await mined(world.node.provider, sent.hash)
  if (receipt.status !== 1) throw new Error(`${name} was refused: ${await refusalOf(world, call, { from, value, to })}`)
  return receipt
}

/** The name of the error with which a call is refused; '' where it is not. Nothing changes. */
export async function refusalOf(
  world: World,
  [name, ...values]: readonly [name: string, ...values: unknown[]],
  { from, value = 0n, to = world.settlement }: Sending,
): Promise<string> {
  const data = to.interface.encodeFunctionData(name, values)
  try {
    await world.node.provider.call({ from: from.address, to: await to.getAddress(), data, value })
    return ''
  } catch (error) {
    return nameOf(to, (error as { data?: string }).data)
  }
}

function nameOf({ interface: one }: BaseContract, data: string | null | undefined): string {
  if (!data || data === '0x') return 'nothing'
  return one.parseError(data)?.name ?? data
}

/** Names of the events that a transaction left, in order. */
export const eventsOf = (world: World, receipt: TransactionReceipt): readonly string[] =>
  receipt.logs.map((log) => world.settlement.interface.parseLog(log)?.name ?? '?')

/** A signature under typed data that the library has no structure for. */
export function signTyped(
  world: World,
  by: Actor,
  [types, value]: readonly [Record<string, { name: string; type: string }[]>, Record<string, unknown>],
): Promise<string> {
  return by.wallet.signTypedData(TypedData.wireDomain(world.domain), types, value)
}

export const POSTING = {
  Posting: [
    { name: 'job', type: 'bytes32' },
    { name: 'terms', type: 'bytes32' },
  ],
}
export const TAKING = {
  Taking: [
    { name: 'job', type: 'bytes32' },
    { name: 'provider', type: 'address' },
    { name: 'terms', type: 'bytes32' },
  ],
}
export const FILING = {
  Filing: [
    { name: 'claim', type: 'Claim' },
    { name: 'provider', type: 'address' },
    { name: 'declared', type: 'Refusal' },
  ],
  Claim: ['job', 'outputs', 'finalState', 'run'].map((name) => ({ name, type: 'bytes32' })),
  Refusal: [
    { name: 'refused', type: 'bool' },
    { name: 'step', type: 'uint64' },
    { name: 'node', type: 'uint32' },
    { name: 'element', type: 'uint64' },
    { name: 'reason', type: 'uint8' },
  ],
}

/** Posts a job by its requester, with its payment. */
export function post(world: World, work: Work): Promise<TransactionReceipt> {
  const value = work.terms.token === ZeroAddress ? work.terms.payment : 0n
  return send(world, ['post', ...work.args, '0x'], { from: world.actor(0x11), value })
}

/** A provider takes the job with its stake. */
export function take(world: World, work: Work, by: Actor): Promise<TransactionReceipt> {
  const value = work.terms.token === ZeroAddress ? work.terms.stake : 0n
  return send(world, ['take', work.hash, work.terms, by.address, '0x'], { from: by, value })
}

/** The claim of a run, as the contract takes it; another byte is another answer. */
export const claimed = (work: Work, answer = 7): Record<string, unknown> =>
  wire(Claim.claimStruct, claimOf(work.job, answer))

export function fileClaim(world: World, work: Work, by: Actor, answer = 7): Promise<TransactionReceipt> {
  return send(world, ['fileClaim', claimed(work, answer), by.address, NO_REFUSAL, '0x'], { from: by })
}

export const settle = (world: World, work: Work, by: Actor): Promise<TransactionReceipt> =>
  send(world, ['settle', work.hash, by.address, work.terms], { from: world.actor(0x99) })

/** State of a provider's engagement, by name. */
export async function stateOf(world: World, work: Work, by: Actor): Promise<string> {
  const [state] = (await world.settlement.engagementOf(idOf(work.hash, by.address))) as [bigint]
  return STATES[Number(state)]
}

/** What each account may withdraw. */
export async function creditsOf(
  { settlement }: World,
  { token }: Terms,
  actors: readonly Actor[],
): Promise<readonly bigint[]> {
  return Promise.all(actors.map(({ address }) => settlement.balanceOf(token, address) as Promise<bigint>))
}

/** What a contract holds of a token. */
export async function held(world: World, { token }: Terms, of: Contract = world.settlement): Promise<bigint> {
  const address = await of.getAddress()
  return token === ZeroAddress
    ? world.node.provider.getBalance(address)
    : (world.token.balanceOf(address) as Promise<bigint>)
}

/** Everybody fetches what it is owed; then nothing may be left. */
export async function drain(world: World, terms: Terms, actors: readonly Actor[]): Promise<void> {
  for (const actor of actors) {
    if ((await creditsOf(world, terms, [actor]))[0] > 0n) await send(world, ['withdraw', terms.token], { from: actor })
  }
  expect(await held(world, terms)).toBe(0n)
}

/** A claim, its seal's salt and its seal. */
export interface Sealed {
  readonly claim: Claim.Claim
  readonly salt: Uint8Array
  readonly seal: Seal.Seal
  readonly by: Actor
}

export function sealedBy(work: Work, by: Actor, { answer = 7, salt = fill(0x5a) } = {}): Sealed {
  const claim = claimOf(work.job, answer)
  return { claim, salt, seal: Seal.sealOf(claim, by.sign.address as `0x${string}`, salt), by }
}

export const sealArgs = (seals: readonly Sealed[]): unknown[] =>
  Seal.inOrder(seals.map(({ seal }) => seal)).map((seal) => wire(Seal.sealStruct, seal))

/** A reveal: receipt, salt, signature. */
export async function revealOf(world: World, own: Sealed, seals: readonly Sealed[]): Promise<unknown[]> {
  const receipt = Receipt.from({
    claim: own.claim,
    provider: own.by.sign.address,
    sealSet: Seal.setRoot(seals.map(({ seal }) => seal)),
    metadata: fill(8),
    issuedAt: 5,
  })
  const signature = await Signer.sign(own.by.sign, {
    struct: Receipt.receiptStruct,
    value: receipt,
    domain: world.domain,
  })
  return [wire(Receipt.receiptStruct, receipt), hex(own.salt), hex(signature)]
}
