/**
 * Disputes on a chain of their own: the real Settlement, Quorums and Dispute, a referee that rules what it is told, claims about real runs,
 * and the moves of games over real trees.
 * @module
 */
import { AbiCoder, Contract, Interface, Wallet, getCreateAddress, keccak256, toBeHex } from 'ethers'
import type { InterfaceAbi, TransactionReceipt } from 'ethers'
import { expect } from 'vitest'
import { readArtifact } from '../../scripts/contracts.js'
import type { Bytes32 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { Book, type Demand, type OwnRun } from '../../src/dispute/book.js'
import { openHeader } from '../../src/dispute/openings.js'
import { runFor } from '../../src/dispute/own-run.js'
import type { Answer, Move } from '../../src/dispute/question.js'
import { Builder } from '../../src/exact/builder.js'
import { hash as hashProgram } from '../../src/exact/format.js'
import { REASONS } from '../../src/exact/op.js'
import { KINDS, proveInclusion, treeFrom } from '../../src/merkle/tree.js'
import { Claim, Job, Policy, TypedData } from '../../src/receipt/index.js'
import { reference } from '../../src/runtime/reference.js'
import type { RunRefusal } from '../../src/trace/refusal.js'
import { termsOf, type Work as Computation } from '../../src/trace/trace.js'
import { claimOn } from '../dispute/liar.js'
import { fill, signerOf } from '../receipt/samples.js'
import { CHAIN_ID, deploy, mined, type EvmNode } from './node.js'
import * as S from './settlement.js'
import { DAY, hex, idOf, wire, type Actor, type Terms, type Work, type World } from './settlement.js'

/** Everything on one chain. `judge` is the referee that rules what it is told. */
export interface Court extends World {
  readonly dispute: Contract
}

/** Key byte of the account that deploys; `S.endow` gives it coins. */
const DEPLOYER = 0x98

const union = (...names: readonly string[]): Interface =>
  new Interface(names.flatMap((name) => [...(readArtifact(name).abi as InterfaceAbi as object[])]) as InterfaceAbi)

/** Contracts of their own. Settlement and Dispute name each other, so one address is known before its contract is there. */
export async function courtOn(given: EvmNode, referees: readonly Contract[] = []): Promise<Court> {
  const signer = new Wallet(hex(fill(DEPLOYER)), given.provider) as unknown as EvmNode['signer']
  const node = { ...given, signer }
  const judge = await deploy(node, 'test/Umpire')
  const [quorums, token, batches] = [
    await deploy(node, 'Quorums'),
    await deploy(node, 'test/Token'),
    await deploy(node, 'Batches'),
  ]
  const nonce = await given.provider.getTransactionCount(await signer.getAddress())
  const address = getCreateAddress({ from: await signer.getAddress(), nonce: nonce + 1 })
  const settled = await deploy(node, 'Settlement', address, await quorums.getAddress())
  const judges = await Promise.all([judge, ...referees].map((one) => one.getAddress()))
  await deploy(node, 'Dispute', await settled.getAddress(), judges)
  const at = await settled.getAddress()
  const settlement = new Contract(at, union('Settlement', 'Quorums'), signer)
  const dispute = new Contract(address, union('Dispute', 'Settlement', 'test/Umpire'), signer)
  const known = new Map<number, Actor>()
  const actor = (byte: number): Actor => {
    const wallet = new Wallet(hex(fill(byte)), given.provider)
    const made = known.get(byte) ?? { wallet, address: wallet.address.toLowerCase(), sign: signerOf(byte) }
    known.set(byte, made)
    return made
  }
  return { node, settlement, batches, judge, token, domain: TypedData.domain(CHAIN_ID, at), actor, dispute }
}

// ---------------------------------------------------------------- runs

/** What a run is of. */
export interface Model {
  readonly computation: Computation
  readonly commitEvery?: number
  readonly operatorTrace?: boolean
}

const vector = (size: number, from = 0.5): Tensor =>
  tensor(
    'float32',
    [size],
    Array.from({ length: size }, (_, i) => from + i / 8),
  )

/** w' = w + w * x over some steps: one parameter, one input, two nodes, one carry, one output. */
export function growing(steps: number, size = 2): Computation {
  const builder = new Builder()
  const state = [vector(size)]
  const w = builder.parameter('w', state[0])
  const x = builder.input('x', { dtype: 'float32', dims: [size] })
  const y = builder.op('Mul', [w, x])
  const { program } = builder.finish({ outputs: [['y', y]], carries: [[w, builder.op('Add', [w, y])]] })
  return { program, state, inputs: Array.from({ length: steps }, (_, i) => [vector(size, i / 16)]) }
}

/** The sum of some numbers: its element has an expansion. */
export function summing(size: number): Computation {
  const builder = new Builder()
  const x = builder.input('x', { dtype: 'float32', dims: [size] })
  const { program } = builder.finish({ outputs: [['s', builder.op('ReduceSum', [x], { axes: 1 })]] })
  return { program, state: [], inputs: [[vector(size)]] }
}

/** 60 / x over integers: refused where x is zero, which it is in one step. */
export function dividing(steps: number, zero: number): Computation {
  const builder = new Builder()
  const one = (value: number): Tensor => tensor('int32', [2], [value, 3])
  const w = builder.parameter('w', one(60))
  const x = builder.input('x', { dtype: 'int32', dims: [2] })
  const y = builder.op('Div', [w, x])
  const { program } = builder.finish({ outputs: [['y', y]], carries: [[w, builder.op('Add', [w, y])]] })
  const inputs = Array.from({ length: steps }, (_, i) => [one(i === zero ? 0 : i + 1)])
  return { program, state: [one(60)], inputs }
}

// ---------------------------------------------------------------- claims

/** A job with somebody's run of it. */
export interface Suit extends Work {
  readonly by: Actor
  readonly run: OwnRun
  readonly claim: Claim.Claim
  readonly id: string
  /** Job, Claim, provider and Terms, as `open` takes them. */
  readonly opening: readonly [unknown, unknown, string, Terms]
}

/** How a suit is made. */
export interface Suing extends S.Making {
  readonly by: Actor
  /** What is claimed; an honest run unless told. */
  readonly run?: OwnRun
  /** Changes the claim before it is filed. */
  readonly forge?: Partial<Claim.Claim>
  readonly policy?: Policy.Policy
}

/** Says what the program counts. */
export async function describeProgram(court: Court, { program }: Computation): Promise<TransactionReceipt> {
  const root = hashProgram(program)
  return S.send(court, ['describe', root, openHeader(program)], { from: court.actor(0x99), to: court.dispute })
}

/** A job, posted and taken; its program is described. */
export async function suitOver(court: Court, model: Model, suing: Suing): Promise<Suit> {
  const { computation, commitEvery = 1, operatorTrace = false } = model
  const { by, policy = Policy.optimistic(2 * DAY) } = suing
  const { program, initialState, inputs, steps } = termsOf(computation)
  const terms = { program, initialState, inputs, steps: BigInt(steps), commitEvery: BigInt(commitEvery), operatorTrace }
  const [known] = (await court.dispute.described(program)) as [boolean]
  if (!known) await describeProgram(court, computation)
  const work = await S.workUnder(court, policy, { ...suing, job: { ...terms, ...suing.job } })
  const run = suing.run ?? (await runFor(computation, reference(), { commitEvery, operatorTrace }))
  const honest = await claimOn(run, Job.hash(work.job))
  const claim = { ...honest, ...(run.refusal === undefined ? {} : await refusedEnds(run)), ...suing.forge }
  await S.post(court, work)
  await S.take(court, work, by)
  const opening = [work.args[0], wire(Claim.claimStruct, claim), by.address, work.terms] as const
  return { ...work, by, run, claim, id: idOf(work.hash, by.address), opening }
}

/** What a refused run claims: the record, and the state before the refused step. */
async function refusedEnds({ refusal, commitEvery, retrace }: OwnRun): Promise<Partial<Claim.Claim>> {
  const { steps } = await retrace(Math.floor(refusal!.step / commitEvery))
  const { leaf } = steps[refusal!.step % commitEvery]
  return { outputs: leaf.outputs, finalState: leaf.stateBefore }
}

export const refusalOut = (refusal: RunRefusal | undefined): object =>
  refusal === undefined ? S.NO_REFUSAL : { ...refusal, refused: true, reason: REASONS[refusal.reason] }

/** Files the claim of a suit. */
export function file(court: Court, { opening, by, run }: Suit): Promise<TransactionReceipt> {
  const call = ['fileClaim', opening[1], by.address, refusalOut(run.refusal), '0x'] as const
  return S.send(court, call, { from: by })
}

/** A suit with its claim filed. */
export async function claimedBy(court: Court, model: Model, suing: Suing): Promise<Suit> {
  const suit = await suitOver(court, model, suing)
  await file(court, suit)
  return suit
}

export const closesOf = ({ job, policy }: Work): number => Number(job.deadline + policy.window)

// ---------------------------------------------------------------- fault proofs

export const FALSE_CLAIM = keccak256(Buffer.from('Countersign ruling: false claim'))
export const VOID_JOB = keccak256(Buffer.from('Countersign ruling: void job'))

/** A call of the referee about a suit. */
export function callOf(court: Court, suit: Pick<Suit, 'opening'>, name: string, ...evidence: unknown[]): string {
  const [job, claim, provider] = suit.opening
  return court.judge.interface.encodeFunctionData(name, [{ job, claim, provider }, ...evidence])
}

/** Who announces what. */
export interface Announcing {
  readonly call: string
  readonly by: Actor
  readonly salt?: string
}

export const SALT = hex(fill(0x5a))
const abi = AbiCoder.defaultAbiCoder()

/** keccak256(abi.encode(keccak256(abi.encode(referee, call)), challenger, salt)). */
export async function commitmentOf(court: Court, { call, by, salt = SALT }: Announcing): Promise<string> {
  const proof = keccak256(abi.encode(['address', 'bytes'], [await court.judge.getAddress(), call]))
  return keccak256(abi.encode(['bytes32', 'address', 'bytes32'], [proof, by.address, salt]))
}

export async function announce(court: Court, announcing: Announcing): Promise<TransactionReceipt> {
  const call = ['announce', await commitmentOf(court, announcing)] as const
  return S.send(court, call, { from: announcing.by, to: court.dispute })
}

/** The call that shows an announced proof. */
export async function proving(
  court: Court,
  { terms }: Pick<Suit, 'terms'>,
  { call, by, salt = SALT }: Announcing,
): Promise<readonly [string, ...unknown[]]> {
  return ['prove', await court.judge.getAddress(), call, terms, by.address, salt]
}

/** Announces and shows a proof that the referee believes. */
export async function refute(court: Court, suit: Suit, by: Actor, nonce = 0): Promise<TransactionReceipt> {
  const announcing = { call: callOf(court, suit, 'rule', FALSE_CLAIM, nonce), by }
  await announce(court, announcing)
  return S.send(court, await proving(court, suit, announcing), { from: by, to: court.dispute })
}

// ---------------------------------------------------------------- games

/** A game in progress: the challenger asks, the provider answers from its book. */
export interface Duel {
  readonly court: Court
  readonly suit: Suit
  readonly by: Actor
  readonly game: bigint
  readonly book: Pick<Book, 'answer' | 'commit'>
  /** What the provider said last. */
  last: Answer | undefined
  /** Most gas that a function took. */
  readonly gas: Map<string, number>
}

export const bondOf = ({ terms }: Work, others = 0): bigint => terms.bond << BigInt(others)

/** Opens a game. */
export async function openGame(court: Court, suit: Suit, by: Actor): Promise<Duel> {
  const others = Number((await court.dispute.live(suit.id)) as bigint)
  const isCoin = BigInt(suit.terms.token) === 0n
  const game = (await court.dispute.games()) as bigint
  const value = isCoin ? bondOf(suit, others) : 0n
  const receipt = await S.send(court, ['open', ...suit.opening], { from: by, to: court.dispute, value })
  const gas = new Map([['open', Number(receipt.gasUsed)]])
  return { court, suit, by, game, book: new Book(suit.run), last: undefined, gas }
}

/** Question of a game as it stands on the chain. */
interface Asked {
  readonly form: bigint
  readonly kind: bigint
  readonly size: bigint
  readonly hash: string
}

export interface Standing {
  readonly question: Asked
  readonly subject: string
  readonly providerMoves: boolean
  readonly over: boolean
  readonly movedAt: bigint
  readonly providerClock: bigint
  readonly challengerClock: bigint
  readonly questions: bigint
  readonly bond: bigint
}

export const standing = async ({ court, game }: Duel): Promise<Standing> =>
  ((await court.dispute.gameOf(game)) as { toObject(deep: boolean): Standing }).toObject(true)

export const FORMS = ['none', 'list', 'node', 'leaf', 'digest', 'trace', 'expansion'] as const
const bytesFrom = (text: string): Bytes32 => Uint8Array.from(Buffer.from(text.slice(2), 'hex'))

const note = ({ gas }: Duel, name: string, { gasUsed }: TransactionReceipt): void => {
  gas.set(name, Math.max(gas.get(name) ?? 0, Number(gasUsed)))
}

/** One question of the challenger, without its answer. */
export async function move(duel: Duel, name: string, ...values: unknown[]): Promise<void> {
  const { court, by, game } = duel
  note(duel, name, await S.send(court, [name, game, ...values], { from: by, to: court.dispute }))
}

/** Arguments of a move as the contract takes them, behind the game's number. */
export function argumentsOf(move: Move): unknown[] {
  switch (move.name) {
    case 'demandRun':
      return []
    case 'demandTrace':
      return [move.leaf]
    case 'demandExpansion':
      return [move.step, move.value, move.element]
    case 'descend':
      return [{ run: move.run, index: move.index, hash: move.hash, path: move.path }]
    case 'descendStep':
      return [move.step, move.field]
    case 'descendItem':
      return [move.item]
    case 'descendTensor':
      return [move.form, move.root]
  }
}

/** The answer that the provider's book holds. */
export async function bookAnswer(duel: Duel, demand?: Demand): Promise<Answer> {
  const { question, subject } = await standing(duel)
  const form = FORMS[Number(question.form)]
  if (form === 'trace') return duel.book.commit({ name: 'trace', leaf: Number(subject) })
  if (form === 'expansion') return duel.book.commit(demand!)
  const { kind, size, hash } = question
  // A trace that was committed in another game.
  if (form === 'list' && kind === BigInt(KINDS.segment))
    await duel.book.commit({ name: 'trace', leaf: Number(subject) })
  return duel.book.answer({ form, kind: Number(kind), size: Number(size), hash: bytesFrom(hash) })
}

/** The call that gives an answer. */
export function answering({ game }: Pick<Duel, 'game'>, said: Answer): readonly [string, ...unknown[]] {
  switch (said.name) {
    case 'answerChildren':
      return [said.name, game, said.children]
    case 'answerLeaf':
      return [said.name, game, said.leaf]
    case 'answerDigest':
      return [said.name, game, said.form, said.root]
    case 'answerRefusal':
      return [said.name, game, refusalOut(said.refusal)]
    case 'answerCommitment':
      return [said.name, game, said.size, said.root]
  }
}

/** The provider answers what was asked. */
export async function answer(duel: Duel, demand?: Demand): Promise<Answer> {
  const said = await bookAnswer(duel, demand)
  const call = answering(duel, said)
  note(duel, said.name, await S.send(duel.court, call, { from: duel.suit.by, to: duel.court.dispute }))
  duel.last = said
  return said
}

/** A question and its answer. */
export async function ask(duel: Duel, name: string, ...values: unknown[]): Promise<Answer> {
  await move(duel, name, ...values)
  const [step, value, element] = values.map(Number)
  return answer(duel, { name: 'expansion', step, value, element })
}

const childRun = (size: number): number => {
  let run = 1
  while (run * 64 < size) run *= 64
  return run
}

/** Below a list or node that was answered: the move to the child over a leaf. */
export function downTo(children: readonly Bytes32[], size: number, leaf: number): object {
  const run = size === 1 ? 1 : childRun(size)
  const index = Math.floor(leaf / run)
  return { run, index, hash: children[index], path: proveInclusion(treeFrom(children), index) }
}

/** From an answered list, node or commitment down to the bytes of one leaf. */
export async function lead(duel: Duel, leaf: number): Promise<Uint8Array> {
  let rest = leaf
  for (;;) {
    const { last } = duel
    const size = Number((await standing(duel)).question.size)
    if (last?.name === 'answerLeaf') return last.leaf
    if (last?.name === 'answerChildren') {
      const run = size === 1 ? 1 : childRun(size)
      const down = downTo(last.children, size, rest)
      rest %= run
      await ask(duel, 'descend', down)
    } else if (last?.name === 'answerCommitment') {
      await ask(duel, 'descend', { run: spanOf(size), index: 0, hash: last.root, path: [] })
    } else if (last?.name === 'answerDigest') {
      await ask(duel, 'descendTensor', last.form, last.root)
    } else throw new Error(`nothing below ${last?.name}`)
  }
}

/** The smallest power of two that covers a size. */
export const spanOf = (size: number): number => (size <= 1 ? 1 : 2 * spanOf(Math.ceil(size / 2)))

/** Who sends a call, and with how much. */
export interface From {
  readonly from: Actor
  readonly value?: bigint
}

/** The name of the error that refuses a call about a game; it is sent too, and then nothing may have changed. */
export const refused = (
  duel: Duel,
  call: readonly [string, ...unknown[]],
  { from = duel.by, value = 0n }: Partial<From> = {},
): Promise<string> => refusedBy(duel.court, call, { from, value })

/** The name of the error that refuses a call; it is sent too, and then not a word of any contract's storage may have changed. '' where it is not refused. */
export async function refusedBy(
  court: Court,
  call: readonly [string, ...unknown[]],
  { from, value = 0n }: From,
): Promise<string> {
  const name = await S.refusalOf(court, call, { from, value, to: court.dispute })
  if (name === '') return name
  const before = await everythingIn(court)
  const data = court.dispute.interface.encodeFunctionData(call[0], call.slice(1))
  const to = await court.dispute.getAddress()
  const sent = await from.wallet.sendTransaction({ to, data, value, gasLimit: 3_000_000 })
  expect((await mined(court.node.provider, sent.hash)).status).toBe(0)
  expect(await everythingIn(court)).toEqual(before)
  return name
}

/** Coins and the root of the storage of each contract. */
async function everythingIn({ node, dispute, settlement, token }: Court): Promise<readonly unknown[]> {
  const proofOf = async (of: Contract) => {
    const { balance, storageHash } = (await node.provider.send('eth_getProof', [of.target, [], 'latest'])) as {
      readonly balance: string
      readonly storageHash: string
    }
    return [balance, storageHash]
  }
  return Promise.all([dispute, settlement, token].map(proofOf))
}

// ---------------------------------------------------------------- time

/** The next block has this time. */
export const timeOf = (court: Court, time: number | bigint): Promise<unknown> =>
  court.node.provider.send('evm_setNextBlockTimestamp', [toBeHex(time)])

export const deadlineOf = async ({ court, game }: Duel): Promise<number> =>
  Number((await court.dispute.deadlineOf(game)) as bigint)

/** Record of some bytes, for hashes that are none of a run. */
export const noise = (number: number): Bytes32 => sha256(Uint8Array.of(number, 77))
