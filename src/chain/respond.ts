/**
 * The honest provider's side of disputes: every question about a claim of its own is answered from its book, bonds of challengers who gave up are
 * collected, and claims are settled when their time is over. All of its memory is on the chain and in the book, so it may be stopped and started
 * again at any moment.
 * @module
 */
import { toHex, type Bytes32 } from '../core/bytes.js'
import { Fault } from '../core/faults.js'
import type { Book, Demand } from '../dispute/book.js'
import type { Answer, Question } from '../dispute/question.js'
import { KINDS } from '../merkle/tree.js'
import type { Address } from '../receipt/fields.js'
import { expansionKey } from './ask.js'
import type { Landed } from './calls.js'
import { claimsIn } from './claims.js'
import { accountOf, headOf, pause, type Connection, type Head } from './connection.js'
import * as disputes from './disputes.js'
import { engagementOf, read as readJob, settle, type FiledClaim } from './jobs.js'

/** What a responder says while it runs. */
export type ResponderNews =
  | { readonly kind: 'claim'; readonly claim: FiledClaim }
  | { readonly kind: 'asked'; readonly game: bigint; readonly question: Question }
  | { readonly kind: 'answered'; readonly game: bigint; readonly answer: Answer; readonly landed: Landed }
  /** A question that the book has no answer to: the claim is not the one that the book is about. */
  | { readonly kind: 'unanswerable'; readonly game: bigint; readonly question: Question }
  /** A challenger let its clock run out: its bond is the provider's. */
  | { readonly kind: 'won'; readonly game: bigint; readonly landed: Landed }
  | { readonly kind: 'settled'; readonly claim: FiledClaim; readonly landed: Landed }
  | { readonly kind: 'trouble'; readonly error: unknown }

/** What a responder brings. */
export interface RespondOptions {
  /** What the provider holds about a claim of its own; undefined for claims that somebody else answers for. */
  readonly bookOf: (claim: FiledClaim) => Book | undefined | Promise<Book | undefined>
  /** Stops it, between two transactions. */
  readonly signal: AbortSignal
  readonly onProgress?: (news: ResponderNews) => void
}

/** A question as it was put, and what it is about. */
interface Asked {
  readonly game: bigint
  readonly question: Question
  readonly subject: Bytes32
  readonly block: number
  readonly index: number
}

/** One claim of the provider, with everything that was asked about it. */
interface Case {
  readonly filed: FiledClaim
  readonly book: Book
  readonly asked: Asked[]
  /** Elements whose expansions were demanded, by their keys. */
  readonly demands: Map<string, Extract<Demand, { name: 'expansion' }>>
  /** So many of the questions went through the book. */
  told: number
  isOver: boolean
}

interface GameState {
  readonly of: Case
  /** The question that waits for an answer. */
  open: Asked | undefined
  answer: Answer | undefined
}

interface Desk {
  readonly connection: Connection
  readonly account: Address
  readonly options: RespondOptions
  readonly cases: Map<string, Case>
  readonly games: Map<bigint, GameState>
  /** The first block that was not looked at. */
  next: number
}

/**
 * Answers for the account until the signal fires. What goes wrong at one look is told and tried again at the next.
 * @throws Fault `chain/no-signer`.
 */
export async function respond(connection: Connection, options: RespondOptions): Promise<void> {
  const account = await accountOf(connection)
  const next = Number(connection.deployment.block)
  const desk: Desk = { connection, account, options, cases: new Map(), games: new Map(), next }
  while (!options.signal.aborted) {
    await turn(desk).catch((error: unknown) => options.onProgress?.({ kind: 'trouble', error }))
    await pause(connection.poll, options.signal)
  }
}

/** One look at the chain, and what follows from it. */
async function turn(desk: Desk): Promise<void> {
  const head = await headOf(desk.connection)
  if (head.number >= desk.next) await readBlocks(desk, head)
  for (const [game, state] of desk.games) {
    if (desk.options.signal.aborted) return
    await guarded(desk, () =>
      state.open === undefined ? collectBond(desk, game, head) : answerGame(desk, game, state),
    )
  }
  for (const own of desk.cases.values()) await guarded(desk, () => settleCase(desk, own, head))
}

/** What goes wrong with one game does not keep the others waiting. */
async function guarded(desk: Desk, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => desk.options.onProgress?.({ kind: 'trouble', error }))
}

// ---------------------------------------------------------------- reading the chain

async function readBlocks(desk: Desk, { number }: Head): Promise<void> {
  const { settlement, dispute } = desk.connection
  const span = { from: desk.next, to: number }
  const claims = await claimsIn(desk.connection, await settlement.logs(span))
  const logs = await dispute.logs(span)
  for (const claim of claims.filter(({ provider }) => provider === desk.account)) await openCase(desk, claim)
  for (const { values } of dispute.eventsIn('Opened', logs)) {
    const of = desk.cases.get(toHex(values.id))
    if (of !== undefined) desk.games.set(values.game, { of, open: undefined, answer: undefined })
  }
  for (const { values } of dispute.eventsIn('ExpansionDemanded', logs)) noteDemand(desk, values)
  for (const { values, block, index } of dispute.eventsIn('Asked', logs)) {
    const { game, subject } = values
    noteQuestion(desk, { game, subject, block, index, question: disputes.questionIn(values.question) })
  }
  for (const { values, block, index } of dispute.eventsIn('Answered', logs)) {
    const state = desk.games.get(values.game)
    if (state?.open !== undefined && isBefore(state.open, { block, index })) state.open = undefined
  }
  for (const { values } of dispute.eventsIn('Closed', logs)) desk.games.delete(values.game)
  for (const { values } of dispute.eventsIn('Proved', logs)) endCase(desk, values.id)
  desk.next = number + 1
}

const isBefore = (a: Pick<Asked, 'block' | 'index'>, b: Pick<Asked, 'block' | 'index'>): boolean =>
  a.block < b.block || (a.block === b.block && a.index < b.index)

async function openCase(desk: Desk, filed: FiledClaim): Promise<void> {
  const key = toHex(filed.id)
  if (desk.cases.has(key)) return
  const book = await desk.options.bookOf(filed)
  if (book === undefined) return
  desk.cases.set(key, { filed, book, asked: [], demands: new Map(), told: 0, isOver: false })
  desk.options.onProgress?.({ kind: 'claim', claim: filed })
}

/** The claim was ruled false: no question about it counts any more. */
function endCase(desk: Desk, id: Bytes32): void {
  const own = desk.cases.get(toHex(id))
  if (own === undefined) return
  own.isOver = true
  for (const [game, { of }] of desk.games) if (of === own) desk.games.delete(game)
}

function noteDemand(
  desk: Desk,
  said: { readonly game: bigint; readonly step: bigint; readonly value: number; readonly element: bigint },
): void {
  const at = { step: Number(said.step), value: said.value, element: Number(said.element) }
  desk.games.get(said.game)?.of.demands.set(toHex(expansionKey(at)), { name: 'expansion', ...at })
}

function noteQuestion(desk: Desk, asked: Asked): void {
  const state = desk.games.get(asked.game)
  if (state === undefined) return
  state.of.asked.push(asked)
  state.open = asked
  state.answer = undefined
  desk.options.onProgress?.({ kind: 'asked', game: asked.game, question: asked.question })
}

// ---------------------------------------------------------------- answering

/**
 * A book answers only what it was led to, so every question of every game goes through it in its order, those that were answered before this
 * responder was started as well.
 */
async function tellBook(desk: Desk, own: Case): Promise<void> {
  for (; own.told < own.asked.length; own.told++) {
    const asked = own.asked[own.told]
    const answer = await answerFrom(own, asked).catch((error: unknown) => {
      if (Fault.is(error)) return undefined
      throw error
    })
    const state = desk.games.get(asked.game)
    if (state?.open === asked) state.answer = answer
  }
}

async function answerFrom({ book, demands }: Case, { question, subject }: Asked): Promise<Answer> {
  const isTrace = question.form === 'trace' || question.kind === KINDS.segment
  const demand = isTrace ? traceOf(subject) : demands.get(toHex(subject))
  if (question.form === 'trace' || question.form === 'expansion') return book.commit(demand!)
  // A list that was committed in another game, perhaps before this responder was started.
  if (question.form === 'list' && demand !== undefined) await book.commit(demand)
  return book.answer(question)
}

const traceOf = (subject: Bytes32): Demand => ({ name: 'trace', leaf: Number(`0x${toHex(subject)}`) })

async function answerGame(desk: Desk, game: bigint, state: GameState): Promise<void> {
  await tellBook(desk, state.of)
  const { open, answer } = state
  if (open === undefined) return
  if (answer === undefined) {
    state.open = undefined
    desk.options.onProgress?.({ kind: 'unanswerable', game, question: open.question })
    return
  }
  try {
    const landed = await disputes.answer(desk.connection, game, answer)
    desk.options.onProgress?.({ kind: 'answered', game, answer, landed })
    if (state.open === open) state.open = undefined
  } catch (error) {
    // Refused: somebody else answered, or the game is over. Anything else is tried again.
    if (Fault.is(error, 'chain/reverted')) state.open = undefined
    throw error
  }
}

// ---------------------------------------------------------------- ends

/** A challenger that does not go on loses its bond, and no longer keeps the claim from being paid. */
async function collectBond(desk: Desk, game: bigint, { time }: Head): Promise<void> {
  const { connection, games, options } = desk
  const { over, providerMoves } = await disputes.gameOf(connection, game)
  if (over) return void games.delete(game)
  if (providerMoves || time <= (await connection.dispute.read('deadlineOf', game))) return
  const landed = await disputes.challengerTimedOut(connection, game)
  games.delete(game)
  options.onProgress?.({ kind: 'won', game, landed })
}

async function settleCase(desk: Desk, own: Case, { time }: Head): Promise<void> {
  if (own.isOver) return
  const { connection, options } = desk
  const { state, closes } = await engagementOf(connection, own.filed.id)
  if (state !== 'claimed') own.isOver = true
  if (own.isOver || time <= closes || (await connection.dispute.read('live', own.filed.id)) > 0n) return
  const { hash, terms } = await readJob(connection, own.filed.claim.job)
  const landed = await settle(connection, { hash, terms, provider: own.filed.provider })
  own.isOver = true
  options.onProgress?.({ kind: 'settled', claim: own.filed, landed })
}
