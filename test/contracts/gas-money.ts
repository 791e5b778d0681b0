/**
 * What the life of a job costs where nobody lies, and what a game costs, move by move: by the calls of production.
 * @module
 */
import { keccak256 } from '../../src/core/keccak.js'
import { utf8, type Bytes32 } from '../../src/core/bytes.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import {
  Batches,
  Disputes,
  Jobs,
  Quorums,
  accountOn,
  connect,
  domainOf,
  idOf,
  type Connection,
  type Landed,
} from '../../src/chain/index.js'
import { Book } from '../../src/dispute/book.js'
import { runFor } from '../../src/dispute/own-run.js'
import type { Answer, Move } from '../../src/dispute/question.js'
import { Builder } from '../../src/exact/builder.js'
import { commitSettlement, proveEntry, type Entry } from '../../src/merkle/settlement.js'
import { childRanges, proveInclusion, treeFrom } from '../../src/merkle/tree.js'
import { ZERO_ADDRESS } from '../../src/receipt/fields.js'
import * as Claim from '../../src/receipt/claim.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import * as Receipt from '../../src/receipt/receipt.js'
import * as Seal from '../../src/receipt/seal.js'
import { sign, type AccountSigner } from '../../src/receipt/signer.js'
import { reference } from '../../src/runtime/reference.js'
import { decodeStep, runRoot } from '../../src/trace/step.js'
import { termsOf, type Work } from '../../src/trace/trace.js'
import { REPLICAS, TERMS, addressOf, dense32, passing, type GasCourt } from './gas-court.js'

const DAY = 86_400
/** Far enough, and without a zero byte. */
const DEADLINE = 0xf4865fffn

/** Gas of each transaction, by its name. */
export type Bill = Readonly<Record<string, number>>

const as = ({ connection, node }: GasCourt, signer: AccountSigner): Promise<Connection> =>
  connect(connection.deployment, accountOn(signer, node.provider), { poll: 10 })

const vector = (size: number): Tensor =>
  tensor(
    'float32',
    [size],
    Float32Array.from({ length: size }, (_, i) => Math.fround(1 + ((i * 7919) % 8191) / 8209)),
  )

/** w' = w * x - w over some steps, and the sum of w. */
function growing(steps: number, size: number): Work {
  const builder = new Builder()
  const state = [vector(size)]
  const w = builder.parameter('w', state[0])
  const x = builder.input('x', { dtype: 'float32', dims: [size] })
  const y = builder.op('Mul', [w, x])
  const sum = builder.op('ReduceSum', [w], { axes: 1 })
  const next = builder.op('Sub', [y, w])
  const { program } = builder.finish({ outputs: [['sum', sum]], carries: [[w, next]] })
  return { program, state, inputs: new Array<readonly Tensor[]>(steps).fill(state) }
}

function jobOver({ requester }: GasCourt, work: Work, policy: Policy.Policy): Jobs.PostedJob {
  const job = Job.from({
    ...termsOf(work),
    commitEvery: 1,
    operatorTrace: false,
    policy: Policy.hash(policy),
    requester: addressOf(requester),
    deadline: DEADLINE,
    salt: dense32(3),
  })
  return { hash: Job.hash(job), job, policy, terms: TERMS }
}

const claimAbout = ({ hash }: Jobs.PostedJob): Claim.Claim =>
  Claim.from({ job: hash, outputs: dense32(4), finalState: dense32(5), run: dense32(7) })

const later = async ({ node: { provider } }: GasCourt, time: number): Promise<void> => {
  await provider.send('evm_setNextBlockTimestamp', [time])
  await provider.send('evm_mine', [])
}

const billOf = (landed: Readonly<Record<string, Landed | undefined>>): Bill =>
  Object.fromEntries(Object.entries(landed).map(([name, one]) => [name, Number(one?.gas ?? 0)]))

/** A job with one provider that nobody disputes, from posting on. */
export function optimisticBill(court: GasCourt): Promise<Bill> {
  return passing(court, async () => {
    const [requester, provider] = [await as(court, court.requester), await as(court, court.provider)]
    const work = growing(1, 2)
    const posted = jobOver(court, work, Policy.optimistic(2 * DAY))
    const describe = await Disputes.describe(requester, work.program)
    const post = await Jobs.post(requester, posted)
    const take = await Jobs.take(provider, posted)
    const fileClaim = await Jobs.fileClaim(provider, claimAbout(posted))
    await later(court, Number(DEADLINE) + 3 * DAY)
    const settle = await Jobs.settle(requester, { ...posted, provider: addressOf(court.provider) })
    return billOf({ describe, post, take, fileClaim, settle })
  })
}

/** Seven replicas that agree. */
export function quorumBill(court: GasCourt): Promise<Bill> {
  return passing(court, async () => {
    const requester = await as(court, court.requester)
    const signers = [...REPLICAS].sort((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1))
    const replicas = signers.map(addressOf)
    const posted = {
      ...jobOver(court, growing(1, 2), Policy.quorum('4/7', { replicas, window: DAY })),
      terms: { ...TERMS, payment: 7n * 10n ** 17n },
    }
    const post = await Jobs.post(requester, posted)
    const claim = claimAbout(posted)
    const seals = signers.map((signer, i) => Seal.sealOf(claim, addressOf(signer), dense32(20 + i)))
    let [takeSeat, seal]: (Landed | undefined)[] = []
    for (const [i, signer] of signers.entries()) {
      const own = await as(court, signer)
      takeSeat = await Quorums.takeSeat(own, posted, replicas)
      seal = await Quorums.seal(own, { seal: seals[i], signature: new Uint8Array(0) } as Seal.SignedSeal)
    }
    const receipts = await Promise.all(
      signers.map((signer, i) => shownBy(court, signer, { claim, seals, salt: dense32(20 + i) })),
    )
    const settleQuorum = await Quorums.settle(requester, posted, { seals, receipts })
    await later(court, Number(DEADLINE) + 3 * DAY)
    const settle = await Jobs.settle(requester, { ...posted, provider: replicas[0] })
    return billOf({ post, takeSeat, seal, settleQuorum, settle })
  })
}

interface Sealed {
  readonly claim: Claim.Claim
  readonly seals: readonly Seal.Seal[]
  readonly salt: Bytes32
}

async function shownBy({ connection }: GasCourt, signer: AccountSigner, own: Sealed): Promise<Quorums.Shown> {
  const receipt = Receipt.from({
    claim: own.claim,
    provider: addressOf(signer),
    sealSet: Seal.setRoot(own.seals),
    metadata: dense32(8),
    issuedAt: 1_900_000_000,
  })
  const domain = domainOf(connection.deployment)
  const signature = await sign(signer, { struct: Receipt.receiptStruct, value: receipt, domain })
  return { receipt, metadata: { sealSalt: own.salt } as Quorums.Shown['metadata'], signature }
}

/** Payments in a batch. */
export const PAYMENTS = 1000

/** Payments out of a settlement tree, each fetched by its provider; the words of marks are prepared, but for one payment. */
export function batchBill(court: GasCourt): Promise<Bill> {
  return passing(court, async () => {
    const [requester, provider] = [await as(court, court.requester), await as(court, court.provider)]
    const entries = Array.from({ length: PAYMENTS }, (_, i): Entry => {
      const [job, claim] = ['job', 'claim'].map((word) => keccak256(utf8(`${word} ${i}`)))
      return { job, provider: addressOf(court.provider), claim, amount: 10n ** 17n + BigInt(i) }
    })
    const tree = commitSettlement(entries)
    const depth = proveEntry(tree, entries[0]).length
    const batch = { payer: addressOf(court.requester), token: ZERO_ADDRESS, root: tree.root, depth, expires: DEADLINE }
    const post = await Batches.post(
      requester,
      batch,
      entries.reduce((sum, { amount }) => sum + amount, 0n),
    )
    const collect = async (i: number): Promise<number> => {
      const { job, claim, amount } = entries[i]
      return Number(
        (await Batches.collect(provider, batch, [{ job, claim, amount, path: proveEntry(tree, entries[i]) }])).gas,
      )
    }
    const unprepared = await collect(0)
    const id = await requester.batches.read('idOf', batch)
    const prepare = await requester.batches.send('prepare', [id, 0, Math.ceil(2 ** depth / 255)])
    const gas: number[] = []
    for (let i = 1; i < PAYMENTS; i += 37) gas.push(await collect(i))
    return { ...billOf({ post, prepare }), unprepared, collect: Math.max(...gas) }
  })
}

// ---------------------------------------------------------------- games

/** What a round of a game is: a question and its answer. */
export interface Round {
  readonly move: string
  readonly answer: string
  readonly question: number
  readonly answered: number
}

interface Duel {
  readonly watcher: Connection
  readonly provider: Connection
  readonly game: bigint
  readonly book: Book
  readonly rounds: Round[]
  /** What the provider said last. */
  last?: Answer | undefined
}

/** All rounds of games that lead down every tree of a run: over 64 children wherever a tree has so many, to leaves of all sorts. */
export async function descentRounds(court: GasCourt): Promise<readonly Round[]> {
  const long = await playing(court, growing(4096, 2), async (duel) => {
    await round(duel, { name: 'demandRun' })
    const step = decodeStep(await lead(duel, 2900))
    await round(duel, { name: 'descendStep', step, field: 0 })
    await lead(duel, 0)
  })
  const large = await playing(court, growing(1, 64 * 64 * 1024), async (duel) => {
    await round(duel, { name: 'demandTrace', leaf: 0 })
    const step = decodeStep(await lead(duel, 0))
    await round(duel, { name: 'descendStep', step, field: 2 })
    const item = await lead(duel, 2)
    await round(duel, { name: 'descendItem', item })
    await lead(duel, 2900)
    const sum = { step: 0, value: 3, element: 0 }
    await round(duel, { name: 'demandExpansion', ...sum })
    await lead(duel, 4 * 2000 + 1)
  })
  return [...long, ...large]
}

function playing(court: GasCourt, work: Work, play: (duel: Duel) => Promise<void>): Promise<readonly Round[]> {
  return passing(court, async () => {
    const [requester, provider, watcher] = await Promise.all(
      [court.requester, court.provider, court.watcher].map((signer) => as(court, signer)),
    )
    const posted = jobOver(court, work, Policy.optimistic(2 * DAY))
    await Disputes.describe(requester, work.program)
    await Jobs.post(requester, posted)
    await Jobs.take(provider, posted)
    const run = await runFor(work, reference(), {})
    const claim = { ...claimAbout(posted), run: runRoot(run.leaves) }
    await Jobs.fileClaim(provider, claim)
    const by = addressOf(court.provider)
    const opening = { job: posted.job, claim, provider: by, terms: TERMS }
    const { game } = await Disputes.open(watcher, opening, idOf(posted.hash, by))
    const duel: Duel = { watcher, provider, game, book: new Book(run), rounds: [] }
    await play(duel)
    return duel.rounds
  })
}

/** A question and its answer. */
async function round(duel: Duel, move: Move): Promise<void> {
  const { watcher, provider, game, rounds } = duel
  const asked = await Disputes.move(watcher, game, move)
  duel.last = await answerTo(duel, move)
  const answered = await Disputes.answer(provider, game, duel.last)
  rounds.push({ move: move.name, answer: duel.last.name, question: Number(asked.gas), answered: Number(answered.gas) })
}

async function answerTo({ provider, game, book }: Duel, move: Move): Promise<Answer> {
  if (move.name === 'demandTrace') return book.commit({ name: 'trace', leaf: move.leaf })
  if (move.name === 'demandExpansion') return book.commit({ ...move, name: 'expansion' })
  const { question } = await Disputes.gameOf(provider, game)
  return book.answer(question)
}

/** From the question that was answered last down to the bytes of one leaf. */
async function lead(duel: Duel, leaf: number): Promise<Uint8Array> {
  for (let rest = leaf; ;) {
    const { last } = duel
    const { size } = (await Disputes.gameOf(duel.provider, duel.game)).question
    if (last?.name === 'answerLeaf') return last.leaf
    if (last?.name === 'answerDigest') await round(duel, { name: 'descendTensor', form: last.form, root: last.root })
    else if (last?.name === 'answerCommitment')
      await round(duel, { name: 'descend', run: spanOf(size), index: 0, hash: last.root, path: [] })
    else if (last?.name === 'answerChildren') {
      const run = size === 1 ? 1 : childRanges({ start: 0, size })[0].size
      const index = Math.floor(rest / run)
      rest -= index * run
      const path = proveInclusion(treeFrom(last.children), index)
      await round(duel, { name: 'descend', run, index, hash: last.children[index], path })
    } else throw new Error(`nothing below ${last?.name}`)
  }
}

/** The smallest power of two that covers a size. */
const spanOf = (size: number): number => (size <= 1 ? 1 : 2 * spanOf(Math.ceil(size / 2)))
