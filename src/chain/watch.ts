/**
 * The watcher's side of disputes: every claim whose bundle can be had is computed again, and a false one is proved false, with questions to its
 * provider where the bundle does not show enough. All that it has to remember stands on the chain, so it may be stopped and started again.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { Fault } from '../core/faults.js'
import { demandBeacon } from '../data/schedule.js'
import type { Challenge } from '../dispute/scene.js'
import { findFault } from '../dispute/search.js'
import { runFor } from '../dispute/own-run.js'
import { wayOf } from '../dispute/way.js'
import type { OwnRun } from '../dispute/book.js'
import type { FaultProof } from '../dispute/proof.js'
import type { Answer, Ask, Move } from '../dispute/question.js'
import { workOf, type Bundle } from '../receipt/bundle.js'
import type { Address } from '../receipt/fields.js'
import { demandWork } from '../receipt/provide.js'
import type { Runtime } from '../runtime/runtime.js'
import { runRoot, type Step } from '../trace/step.js'
import type { Work } from '../trace/trace.js'
import { askOver, type OwnGame } from './ask.js'
import type { Landed } from './calls.js'
import { claimsIn } from './claims.js'
import { accountOf, headOf, pause, wholeSpan, type Connection } from './connection.js'
import * as disputes from './disputes.js'
import type { Proved } from './disputes.js'
import { engagementOf, read as readJob, type FiledClaim, type PostedJob } from './jobs.js'
import { creditOf, withdraw } from './money.js'
import { publishedAnswers, publishedFirst } from './published.js'
import { isRevert, revertOf } from './revert.js'
import { countOf } from './wire.js'

/** What a watcher says while it runs, always about one claim. */
export type WatcherNews = { readonly claim: FiledClaim } & (
  | { readonly kind: 'found' }
  /** Its bundle cannot be had, or is not one of this job: looked for again until the claim is settled. */
  | { readonly kind: 'unavailable'; readonly error?: unknown }
  | { readonly kind: 'replayed'; readonly leaf: number; readonly leaves: number }
  | { readonly kind: 'true' }
  | { readonly kind: 'opened'; readonly game: bigint; readonly landed: Landed }
  | { readonly kind: 'asked'; readonly game: bigint; readonly move: Move; readonly answer?: Answer }
  | { readonly kind: 'proving'; readonly proof: FaultProof }
  | { readonly kind: 'proved'; readonly proof: FaultProof; readonly proved: Proved }
  /** The provider let its clock run out. */
  | { readonly kind: 'silent'; readonly game: bigint }
  /** Runs differ where no contract decides. */
  | { readonly kind: 'undecided'; readonly error: Fault }
  | { readonly kind: 'closed'; readonly game: bigint; readonly landed: Landed }
  | { readonly kind: 'rewarded'; readonly landed: Landed }
  | { readonly kind: 'withdrawn'; readonly landed: readonly Landed[] }
  | { readonly kind: 'trouble'; readonly error: unknown }
)

/** What a job asks for: as a provider publishes it, or by itself. */
export type Published = Bundle | Work

/** What a watcher brings. */
export interface WatchOptions {
  /**
   * The bundle of a claim, from wherever providers publish it, or of another claim about the job; or the work of the job, from whoever knows it.
   * Undefined where nothing is there (yet). A bundle need not be trusted.
   */
  readonly bundleOf: (claim: FiledClaim, job: PostedJob) => Published | undefined | Promise<Published | undefined>
  /** Computes the claims again. */
  readonly runtime: Runtime
  /** Stops it, between two transactions. */
  readonly signal: AbortSignal
  readonly onProgress?: (news: WatcherNews) => void
}

interface Watch {
  readonly connection: Connection
  readonly account: Address
  readonly options: WatchOptions
  /** Claims are computed one after the other; their games run side by side. */
  replaying: Promise<unknown>
}

/**
 * Looks at every claim of the deployment until the signal fires: challenges those that are false, and fetches what that earns.
 * Cost: a replay of every claim; a bond for each false one that its bundle alone does not refute.
 * @throws Fault `chain/no-signer`.
 */
export async function watchClaims(connection: Connection, options: WatchOptions): Promise<void> {
  const account = await accountOf(connection)
  const watch: Watch = { connection, account, options, replaying: Promise.resolve() }
  const running = new Map<string, Promise<void>>()
  let next = Number(connection.deployment.block)
  while (!options.signal.aborted) {
    try {
      const { number } = await headOf(connection)
      if (number >= next) {
        const logs = await connection.settlement.logs({ from: next, to: number })
        for (const claim of await claimsIn(connection, logs)) {
          const key = toHex(claim.id)
          if (claim.provider !== account && !running.has(key)) running.set(key, attend(watch, claim))
        }
        next = number + 1
      }
    } catch (error) {
      // The node's trouble: the same blocks are asked for again.
      if (!Fault.is(error, 'chain/failed')) throw error
    }
    await pause(connection.poll, options.signal)
  }
  await Promise.all(running.values())
}

/**
 * Computes one claim again, and challenges it where it is false. What came of it is told as news: `true`, `proved`, `silent`, `undecided`, or nothing
 * where the claim was decided otherwise meanwhile.
 * @throws Fault `chain/no-signer`, and those of transactions.
 */
export async function challengeClaim(connection: Connection, claim: FiledClaim, options: WatchOptions): Promise<void> {
  const account = await accountOf(connection)
  await challenge({ connection, account, options, replaying: Promise.resolve() }, claim)
}

/** One claim, from its first sight to its last coin. What the node does not do is tried again. */
async function attend(watch: Watch, claim: FiledClaim): Promise<void> {
  const { signal, onProgress } = watch.options
  onProgress?.({ kind: 'found', claim })
  for (let challenges = true; !signal.aborted; await pause(watch.connection.poll, signal)) {
    try {
      await follow(watch, claim, { challenges })
      return
    } catch (error) {
      if (signal.aborted) return
      onProgress?.({ kind: 'trouble', claim, error })
      if (Fault.is(error, 'chain/failed') || Fault.is(error, 'chain/timed-out')) continue
      if (!challenges) return
      // Nothing more is done against the claim, but a bond of one's own may still come back.
      challenges = false
    }
  }
}

async function follow(
  watch: Watch,
  claim: FiledClaim,
  { challenges }: { readonly challenges: boolean },
): Promise<void> {
  const isClaimed = async () => (await engagementOf(watch.connection, claim.id)).state === 'claimed'
  if (challenges && (await isClaimed())) await challenge(watch, claim)
  while ((await isClaimed()) && (await ownGames(watch, claim)).length > 0) {
    if (watch.options.signal.aborted) return
    await pause(watch.connection.poll, watch.options.signal)
  }
  await collect(watch, claim)
}

// ---------------------------------------------------------------- challenging

async function challenge(watch: Watch, claim: FiledClaim): Promise<void> {
  const { connection, options } = watch
  const job = await readJob(connection, claim.claim.job)
  const known = await waitForWork(watch, claim, job)
  if (known === undefined) return
  const of = await challengeOf(watch, { claim, job, ...known })
  const game = new Questions(watch, claim, { job, own: of.own })
  const published = known.bundle && publishedAnswers(known.bundle, claim.claim)
  try {
    const proof = await findFault(of, published === undefined ? game.ask : publishedFirst(published, game.ask))
    if (proof === undefined) return void options.onProgress?.({ kind: 'true', claim })
    options.onProgress?.({ kind: 'proving', claim, proof })
    const proved = await disputes.announceAndProve(connection, { proof, terms: job.terms }, options)
    options.onProgress?.({ kind: 'proved', claim, proof, proved })
  } catch (error) {
    if (Fault.is(error, 'dispute/silent'))
      return void options.onProgress?.({ kind: 'silent', claim, game: game.number })
    if (Fault.is(error, 'dispute/not-provable')) return void options.onProgress?.({ kind: 'undecided', claim, error })
    if (!Fault.is(error, 'chain/decided') && !(await isDecided(watch, claim, error))) throw error
  }
}

/** True where a contract refused because somebody else was faster. */
async function isDecided({ connection }: Watch, { id }: FiledClaim, error: unknown): Promise<boolean> {
  return revertOf(error) !== undefined && (await engagementOf(connection, id)).state !== 'claimed'
}

/** The work of a job, and the bundle that it comes from. */
interface Known {
  readonly work: Work
  readonly bundle: Bundle | undefined
}

/** The work, as soon as it can be had; undefined where the claim is settled without. */
async function waitForWork(watch: Watch, claim: FiledClaim, job: PostedJob): Promise<Known | undefined> {
  const { connection, options } = watch
  for (let told = false; !options.signal.aborted; told = true) {
    let trouble: unknown
    try {
      const found = await options.bundleOf(claim, job)
      if (found !== undefined) return knownFrom(found, job)
    } catch (error) {
      trouble = error
    }
    if (!told) options.onProgress?.({ kind: 'unavailable', claim, error: trouble })
    if ((await engagementOf(connection, claim.id)).state !== 'claimed') return undefined
    await pause(connection.poll, options.signal)
  }
  return undefined
}

/** Seeds follow from the job that stands on the chain, whichever one the bundle holds; and what a beacon gave no bundle is believed. */
function knownFrom(found: Published, { job }: PostedJob): Known {
  const bundle = 'receipt' in found ? { ...found, receipt: { ...found.receipt, job } } : undefined
  if (bundle?.course !== undefined) demandBeacon(bundle.course.schedule, bundle.course.beacon, undefined)
  const work = bundle === undefined ? (found as Work) : workOf(bundle)
  demandWork(job, work)
  return { work, bundle }
}

/** The claim beside one's own run of the job. */
async function challengeOf(
  watch: Watch,
  { claim, job: { job }, work, bundle }: Known & { readonly claim: FiledClaim; readonly job: PostedJob },
): Promise<Challenge> {
  const { runtime, signal, onProgress } = watch.options
  const run = () =>
    runFor(work, runtime, {
      commitEvery: countOf(job.commitEvery),
      operatorTrace: job.operatorTrace,
      signal,
      onProgress: (leaf, leaves) => onProgress?.({ kind: 'replayed', claim, leaf, leaves }),
    })
  const replay = watch.replaying.then(run, run)
  watch.replaying = replay
  const own = await replay
  const leaves = leavesOf(claim, own, bundle?.leaves ?? [])
  const of = { job, claim: claim.claim, provider: claim.provider }
  return { case: of, declared: claim.refusal, leaves, own, course: work.course }
}

/** The leaves of the claimed run, where they can be had without asking: one's own, or those of the bundle. */
function leavesOf({ claim }: FiledClaim, own: OwnRun, published: readonly Step[]): readonly Step[] | undefined {
  return [own.leaves, published].find((leaves) => isRun(leaves, claim.run))
}

/** What was published need not be leaves at all. */
function isRun(leaves: readonly Step[], run: Bytes32): boolean {
  try {
    return equal(runRoot(leaves), run)
  } catch (error) {
    if (Fault.is(error)) return false
    throw error
  }
}

/** Opens a game with the first question, or goes on with one that was opened before the watcher was started. */
class Questions {
  readonly #watch: Watch
  readonly #claim: FiledClaim
  readonly #job: PostedJob
  /** Questions of the longest way down. */
  readonly #way: number
  #over: Promise<{ readonly game: bigint; readonly ask: Ask }> | undefined
  /** The game, as soon as there is one. */
  number = 0n

  constructor(watch: Watch, claim: FiledClaim, { job, own }: { readonly job: PostedJob; readonly own: OwnRun }) {
    const { steps, commitEvery } = job.job
    this.#way = wayOf(own.program, { steps: Number(steps), commitEvery: Number(commitEvery) })
    this.#watch = watch
    this.#claim = claim
    this.#job = job
  }

  readonly ask: Ask = async (move, question) => {
    this.#over ??= this.#open()
    const { ask } = await this.#over
    return ask(move, question)
  }

  async #open(): Promise<{ game: bigint; ask: Ask }> {
    const { connection, options } = this.#watch
    const claim = this.#claim
    const { terms } = this.#job
    const known = await ownGames(this.#watch, claim)
    const game = known.find(({ left }) => left >= this.#way)?.game ?? (await this.#begin())
    this.number = game
    const own: OwnGame = { game, id: claim.id, terms }
    const onProgress = (said: { move: Move; answer?: Answer }) =>
      options.onProgress?.({ kind: 'asked', claim, game, ...said })
    return { game, ask: askOver(connection, own, { signal: options.signal, onProgress }) }
  }

  async #begin(): Promise<bigint> {
    const { connection, options } = this.#watch
    const { claim, provider, id } = this.#claim
    const { job, terms } = this.#job
    const { game, landed } = await disputes.open(connection, { job, claim, provider, terms }, id)
    options.onProgress?.({ kind: 'opened', claim: this.#claim, game, landed })
    return game
  }
}

interface GameOfOwn {
  readonly game: bigint
  /** Questions that may still be asked in it: none where it is late. */
  readonly left: number
}

/** Of a game, as the contract has it. */
const MAX_QUESTIONS = 40

/** The account's games against a claim that are not over. */
async function ownGames({ connection, account }: Watch, { id }: FiledClaim): Promise<readonly GameOfOwn[]> {
  const { dispute } = connection
  const opened = await dispute.events('Opened', await wholeSpan(connection), [undefined, id, account])
  const games: GameOfOwn[] = []
  for (const { values } of opened) {
    const { over, questions, providerMoves } = await disputes.gameOf(connection, values.game)
    if (over) continue
    const inTime = providerMoves || (await headOf(connection)).time < (await dispute.read('deadlineOf', values.game))
    games.push({ game: values.game, left: inTime ? MAX_QUESTIONS - questions : 0 })
  }
  return games
}

// ---------------------------------------------------------------- collecting

/** Bonds come back as soon as the claim is decided, the reward a day later. */
async function collect(watch: Watch, claim: FiledClaim): Promise<void> {
  const { connection, options } = watch
  const { state } = await engagementOf(connection, claim.id)
  if (state !== 'slashed' && state !== 'void') return
  for (const { game } of await ownGames(watch, claim)) {
    const landed = await disputes.close(connection, game).catch((error: unknown) => {
      if (isRevert(error, 'GameOver')) return undefined // anybody may close it
      throw error
    })
    if (landed !== undefined) options.onProgress?.({ kind: 'closed', claim, game, landed })
  }
  if (state === 'slashed') await collectReward(watch, claim)
  await fetchCredit(watch, claim)
}

async function collectReward(watch: Watch, claim: FiledClaim): Promise<void> {
  const { connection, account, options } = watch
  const { dispute } = connection
  for (;;) {
    const { challenger, until } = await dispute.read('rulings', claim.id)
    if (challenger !== account || options.signal.aborted) return
    if ((await headOf(connection)).time >= until) break
    await pause(connection.poll, options.signal)
  }
  const paid = await dispute.events('Rewarded', await wholeSpan(connection), [claim.id])
  if (paid.length > 0) return
  const { terms } = await readJob(connection, claim.claim.job)
  const landed = await disputes.payReward(connection, claim.id, terms)
  options.onProgress?.({ kind: 'rewarded', claim, landed })
}

async function fetchCredit({ connection, account, options }: Watch, claim: FiledClaim): Promise<void> {
  const { terms } = await readJob(connection, claim.claim.job)
  const { settlement, dispute } = await creditOf(connection, terms.token, account)
  if (settlement + dispute === 0n) return
  options.onProgress?.({ kind: 'withdrawn', claim, landed: await withdraw(connection, terms.token) })
}
