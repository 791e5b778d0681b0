/**
 * Whole transactions on a chain with all contracts on it, and what they cost: a claim about a long run, commitments made in a game, a fault
 * announced and proved. Nothing of it is a harness: every byte goes through Settlement and Dispute.
 * @module
 */
import { toHex, type Bytes32 } from '../../src/core/bytes.js'
import { DTYPES, fromBytes, sizeOf, type DType, type Tensor } from '../../src/core/tensor.js'
import { Deployment, Disputes, Terms, accountOn, connect, idOf, type Connection } from '../../src/chain/index.js'
import { codeOf } from '../../src/disk/contracts.js'
import { BY, openLeaf, traceTree, viewOfLeaves } from '../../src/dispute/openings.js'
import type { FaultProof } from '../../src/dispute/proof.js'
import { proveInclusion, rootOf } from '../../src/merkle/tree.js'
import { toAddress, type Address } from '../../src/receipt/fields.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import { policyOut, refusalOut } from '../../src/chain/wire.js'
import { fromKey, type AccountSigner } from '../../src/receipt/signer.js'
import { runRoot, type Step } from '../../src/trace/step.js'
import { ZERO32 } from '../../src/core/bytes.js'
import type { Committed } from './cases.js'
import type { EvmNode } from './node.js'

/** What a transaction takes, its base cost and its calldata included. */
export interface Cost {
  readonly gas: number
  /** Bytes. */
  readonly calldata: number
}

/** A chain with everything on it, and an account of each sort. */
export interface GasCourt {
  readonly node: EvmNode
  readonly connection: Connection
  readonly requester: AccountSigner
  readonly provider: AccountSigner
  readonly watcher: AccountSigner
}

/** 32 bytes without a zero among them: the dearest ones, always the same. */
export function dense32(label: number): Bytes32 {
  let state = (label * 2654435761) >>> 0
  return Uint8Array.from({ length: 32 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 24) | 1
  })
}

const signerOf = (byte: number): AccountSigner => fromKey(new Uint8Array(32).fill(byte))
export const addressOf = (signer: AccountSigner): Address => toAddress(signer.address)
/** Accounts with coins: requester, provider, watcher, deployer, and seven replicas. */
const KEYS = [0x11, 0x22, 0x77, 0x99, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46]
export const REPLICAS: readonly AccountSigner[] = KEYS.slice(4).map(signerOf)

/** Puts all contracts on the chain, as production does. */
export async function openGasCourt(node: EvmNode): Promise<GasCourt> {
  const [requester, provider, watcher, deployer] = KEYS.map(signerOf)
  await node.provider.send('anvil_autoImpersonateAccount', [true])
  for (const byte of KEYS)
    await node.provider.send('anvil_setBalance', [signerOf(byte).address, `0x${(10n ** 24n).toString(16)}`])
  const deployment = await Deployment.deploy(accountOn(deployer, node.provider), codeOf)
  const connection = await connect(deployment, node.provider)
  return { node, connection, requester, provider, watcher }
}

/** A call of a contract by an account. */
export interface Sent {
  readonly from: AccountSigner
  readonly to: Address
  readonly data: Uint8Array
  readonly value?: bigint
}

interface Receipt {
  readonly status: string
  readonly gasUsed: string
}

/** Below what a transaction may use at all (EIP-7825). */
const GAS_LIMIT = '0xf42400'

/** Sends a transaction. @throws Error where it is refused. */
export async function sendFrom({ node: { provider } }: GasCourt, { from, to, data, value = 0n }: Sent): Promise<Cost> {
  const request = { from: from.address, to, data: `0x${toHex(data)}`, value: `0x${value.toString(16)}`, gas: GAS_LIMIT }
  const hash = (await provider.send('eth_sendTransaction', [request])) as string
  for (let tries = 0; tries < 2000; tries++) {
    const receipt = (await provider.send('eth_getTransactionReceipt', [hash])) as Receipt | null
    if (receipt === null) continue
    if (receipt.status !== '0x1') await provider.send('eth_call', [request, 'latest'])
    if (receipt.status !== '0x1') throw new Error('the transaction was refused')
    return { gas: Number(receipt.gasUsed), calldata: data.length }
  }
  throw new Error('the transaction was not mined')
}

/** Does something and takes it back. */
export async function passing<T>({ node: { provider } }: GasCourt, work: () => Promise<T>): Promise<T> {
  const before = (await provider.send('evm_snapshot', [])) as string
  try {
    return await work()
  } finally {
    await provider.send('evm_revert', [before])
  }
}

// ---------------------------------------------------------------- tensors

const known = new Map<string, Tensor>()

/** The highest bytes of floats between 1/2 and 2. */
const HIGH: Partial<Record<DType, number>> = { float16: 0x38, bfloat16: 0x3f, float32: 0x3f, float64: 0x3f }

/**
 * A tensor without a zero byte, the dearest one to open. Floats are between 1/2 and 2, negative unless told, so that their numbers of grid units have
 * no zero bytes either; bools are true. The same one for the same words.
 */
export function dense(dtype: DType, dims: readonly number[], seed: number, positive = false): Tensor {
  const key = `${dtype} ${dims.join('x')} ${seed} ${positive}`
  const found = known.get(key) ?? fromBytes({ dtype, dims }, denseBytes(dtype, sizeOf(dims), { seed, positive }))
  known.set(key, found)
  return found
}

function denseBytes(dtype: DType, size: number, { seed, positive }: { seed: number; positive: boolean }): Uint8Array {
  const { bytes } = DTYPES[dtype]
  if (dtype === 'bool') return new Uint8Array(size).fill(1)
  const words = new Uint32Array(Math.ceil((size * bytes) / 4))
  let state = (seed * 2654435761) >>> 0
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    words[i] = state | 0x01010101
  }
  const payload = new Uint8Array(words.buffer, 0, size * bytes)
  const high = HIGH[dtype]
  if (high === undefined) return payload
  for (let end = bytes - 1; end < payload.length; end += bytes) {
    payload[end] = high | (positive ? 0 : 0x80)
    if (dtype === 'float64') payload[end - 1] |= 0xe0
  }
  return payload
}

/** Forgets the tensors. */
export const forget = (): void => known.clear()

// ---------------------------------------------------------------- claims

/** Steps in a leaf of the run, and leaves. */
const [EVERY, LEAVES] = [64, 1000]
/** The leaf and the step in it that are looked at. */
const [LEAF, PLACE] = [699, 41]
/** Far enough, and without a zero byte. */
const DEADLINE = 0xf4865fffn
const DAY = 86_400

export const TERMS = Terms.from({ payment: 10n ** 18n, stake: 10n ** 18n, bond: 10n ** 16n, replayTime: 3600 })

/** A run whose claim stands on the chain, its trace committed in a game that lives. */
export interface Staged extends Committed {
  readonly id: Bytes32
  readonly game: bigint
}

const stepAt = (index: number, values: Bytes32): Step => ({
  index,
  stateBefore: dense32(index),
  inputs: dense32(index + 1),
  values,
  stateAfter: dense32(index + 2),
  outputs: dense32(index + 3),
})

/** Claims a run, does something with the claim, and takes it all back. */
export function staged<T>(court: GasCourt, run: Committed, work: (staged: Staged) => Promise<T>): Promise<T> {
  return passing(court, async () => work(await stage(court, run)))
}

/**
 * Makes of a run's values a run of 64,000 steps, 64 to a leaf, posts the job, takes it, claims, and commits the trace of the leaf in a game: the
 * longest way from a claim to a value.
 */
async function stage(court: GasCourt, run: Committed): Promise<Staged> {
  const { requester, provider, watcher, connection } = court
  const { dispute, settlement } = connection
  const step = LEAF * EVERY + PLACE
  const steps = Array.from({ length: EVERY }, (_, i) =>
    stepAt(LEAF * EVERY + i, i === PLACE ? run.step.leaf.values : dense32(i)),
  )
  const leaves = Array.from({ length: LEAVES }, (_, index) => stepAt(index, ZERO32))
  const policy = Policy.optimistic(2 * DAY)
  const job = Job.from({
    program: run.case.job.program,
    initialState: dense32(1),
    inputs: dense32(2),
    steps: EVERY * LEAVES,
    commitEvery: EVERY,
    operatorTrace: false,
    policy: Policy.hash(policy),
    requester: addressOf(requester),
    deadline: DEADLINE,
    salt: dense32(3),
  })
  const claim = { job: Job.hash(job), outputs: dense32(4), finalState: dense32(5), run: runRoot(leaves) }
  const [by, id] = [addressOf(provider), idOf(claim.job, addressOf(provider))]
  await Disputes.describe(await connect(connection.deployment, accountOn(requester, court.node.provider)), run.program)
  const settle = (from: AccountSigner, data: Uint8Array, value = 0n) =>
    sendFrom(court, { from, to: settlement.address, data, value })
  await settle(requester, settlement.encode('post', [job, policyOut(policy), TERMS, NOTHING]), TERMS.payment)
  await settle(provider, settlement.encode('take', [claim.job, TERMS, by, NOTHING]), TERMS.stake)
  await settle(provider, settlement.encode('fileClaim', [claim, by, refusalOut(undefined), NOTHING]))
  const game = await dispute.read('games')
  const play = (from: AccountSigner, data: Uint8Array, value = 0n) =>
    sendFrom(court, { from, to: dispute.address, data, value })
  await play(watcher, dispute.encode('open', [job, claim, by, TERMS]), TERMS.bond)
  await play(watcher, dispute.encode('demandTrace', [game, LEAF]))
  const tree = traceTree(steps)
  await play(provider, dispute.encode('answerCommitment', [game, EVERY, rootOf(tree)]))
  const opened = openLeaf({ leaf: viewOfLeaves(leaves) }, LEAF, step)
  const inner = { by: BY.traced, inner: steps[PLACE], innerPath: proveInclusion(tree, PLACE) }
  return { ...run, case: { job, claim, provider: by }, step: { ...opened, ...inner }, id, game }
}

const NOTHING = new Uint8Array(0)

// ---------------------------------------------------------------- proofs

/** A committed expansion of an element: how many leaves, and the root over them. */
export interface Committing {
  readonly element: number
  readonly size: number
  readonly root: Bytes32
}

/** A fault proof about a staged run, and the expansion that it speaks of. */
export interface Showing {
  readonly proof: Pick<FaultProof, 'referee' | 'fault' | 'evidence'>
  readonly expansion?: Committing | undefined
}

/** What a proof costs, and how much of that the referee takes by itself: without calldata, without what is moved and written. */
export interface ProofCost extends Cost {
  readonly fault: string
  readonly referee: number
}

const SALT = dense32(6)

/** Announces a fault and proves it; then everything is as before. @throws Error where it is not ruled false. */
export function costOf(court: GasCourt, run: Staged, { proof, expansion }: Showing): Promise<ProofCost> {
  const { connection, watcher, provider } = court
  const { dispute } = connection
  const play = (from: AccountSigner, data: Uint8Array) => sendFrom(court, { from, to: dispute.address, data })
  return passing(court, async () => {
    if (expansion !== undefined) {
      const { element, size, root } = expansion
      await play(watcher, dispute.encode('demandExpansion', [run.game, run.step.step, run.value, element]))
      await play(provider, dispute.encode('answerCommitment', [run.game, size, root]))
    }
    const encoded = Disputes.encodeProof(connection, { ...proof, case: run.case, summary: '' })
    const challenger = addressOf(watcher)
    const commitment = Disputes.commitmentOf(encoded, { challenger, salt: SALT })
    await play(watcher, dispute.encode('announce', [commitment]))
    const values = [encoded.referee, encoded.call, TERMS, challenger, SALT] as const
    const cost = await play(watcher, dispute.encode('prove', values))
    if (!(await Disputes.isRuled(connection, run.id))) throw new Error(`${proof.fault} was not ruled`)
    return { ...cost, fault: proof.fault, referee: await gasWithin(court, encoded.referee) }
  })
}

interface Frame {
  readonly to: string
  readonly gasUsed: string
  readonly calls?: readonly Frame[]
}

/** What the calls of one contract took in the last transaction. */
async function gasWithin({ node: { provider } }: GasCourt, contract: Address): Promise<number> {
  const { transactions } = (await provider.send('eth_getBlockByNumber', ['latest', false])) as {
    transactions: readonly string[]
  }
  const tracer = { tracer: 'callTracer' }
  const frame = (await provider.send('debug_traceTransaction', [transactions[0], tracer])) as Frame
  const within = ({ to, gasUsed, calls = [] }: Frame): number =>
    to.toLowerCase() === contract ? Number(gasUsed) : calls.reduce((sum, call) => sum + within(call), 0)
  return within(frame)
}
