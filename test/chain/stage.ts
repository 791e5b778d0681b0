/**
 * Disputes on a chain with everybody in them: providers that lie or do not, and those who watch and answer, through production calls alone.
 * @module
 */
import { JsonRpcProvider } from 'ethers'
import { toHex } from '../../src/core/bytes.js'
import {
  Jobs,
  Money,
  connect,
  headOf,
  idOf,
  respond,
  watchClaims,
  type Connection,
  type ResponderNews,
  type WatcherNews,
} from '../../src/chain/index.js'
import { open } from '../../src/data/course.js'
import { Book, type OwnRun } from '../../src/dispute/book.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import type { Claim } from '../../src/receipt/claim.js'
import { reference } from '../../src/runtime/reference.js'
import { Refusal, type Runtime } from '../../src/runtime/runtime.js'
import type { RunRefusal } from '../../src/trace/refusal.js'
import type { Step } from '../../src/trace/step.js'
import type { Work } from '../../src/trace/trace.js'
import { CHAIN_ID } from '../contracts/node.js'
import { claimOn, lyingRuntime, type Lie } from '../dispute/liar.js'
import { ALICE, TERMS, addressOf, started, type Making, type World } from './world.js'

/** What somebody claimed about a job of its own. */
export interface Filed {
  readonly posted: Jobs.PostedJob
  readonly claim: Jobs.FiledClaim
  readonly by: number
  readonly run: OwnRun
  readonly bundle: Bundle
  /** What it holds to answer questions. */
  readonly book: () => Book
}

/** How a claim is filed. */
export interface Filing extends Making {
  readonly by: number
  /** What it ran. Where a schedule draws the work, it is known only when there is a job. */
  readonly run: OwnRun | ((work: Work) => Promise<OwnRun>)
  /** The leaves that its bundle shows; none unless told. */
  readonly leaves?: readonly Step[]
  readonly declared?: RunRefusal | undefined
  /** What the claim says else than the run. */
  readonly forge?: Partial<Claim> | ((claim: Claim) => Claim)
}

const key = (id: Uint8Array): string => toHex(id)

/** What a watcher looks at in a bundle: the work, and the leaves. Nothing else of it is believed. */
function published({ posted: { job }, work, leaves }: Shown): Bundle {
  const { program, state: initialState, inputs, course } = work
  const receipt = { job } as Bundle['receipt']
  return { receipt, program, initialState, inputs, course, leaves } as Partial<Bundle> as Bundle
}

interface Shown {
  readonly posted: Jobs.PostedJob
  readonly work: Work
  readonly leaves: readonly Step[]
}

/** Posts a job over the work, has it taken, and files the claim of a run. */
export async function filed(world: World, given: Work, filing: Filing): Promise<Filed> {
  const { by, leaves = [], forge } = filing
  const posted = await started(world, given, by, filing)
  const work = drawn(given, posted)
  const run = typeof filing.run === 'function' ? await filing.run(work) : filing.run
  const { declared = run.refusal } = filing
  const right = { ...(await claimOn(run, posted.hash)), ...(await refusedEnds(run)) }
  const claim = typeof forge === 'function' ? forge(right) : { ...right, ...forge }
  await Jobs.fileClaim(await world.as(by), claim, { refusal: declared })
  const provider = addressOf(by)
  const bundle = published({ posted, work, leaves })
  const id = idOf(posted.hash, provider)
  return { posted, claim: { id, provider, claim, refusal: declared }, by, run, bundle, book: () => new Book(run) }
}

/** What a schedule draws under the job that was posted. */
function drawn(work: Work, { hash, job }: Jobs.PostedJob): Work {
  const { program, course } = work
  return course === undefined ? work : open(course, program, { job: hash, steps: Number(job.steps) })
}

/** What a refused run claims: the record, and the state before the refused step. */
async function refusedEnds({ refusal, commitEvery, retrace }: OwnRun): Promise<Partial<Claim>> {
  if (refusal === undefined) return {}
  const { steps } = await retrace(Math.floor(refusal.step / commitEvery))
  const { leaf } = steps[refusal.step % commitEvery]
  return { outputs: leaf.outputs, finalState: leaf.stateBefore }
}

/** Somebody at work until it is stopped, and what it said. */
export interface AtWork<News extends { readonly kind: string }> {
  readonly news: readonly News[]
  /** The first news that is right, as soon as it comes. @throws Error after a while. */
  said<K extends News['kind']>(
    kind: K,
    of?: (news: Extract<News, { kind: K }>) => boolean,
  ): Promise<Extract<News, { kind: K }>>
  stop(): Promise<void>
}

const atWorkNow = new Set<() => Promise<void>>()

/** Nobody of a test that failed goes on in the next one. */
export async function stopAll(): Promise<void> {
  await Promise.allSettled([...atWorkNow].map((stop) => stop()))
  atWorkNow.clear()
}

const PATIENCE = 25_000

function atWork<News extends { readonly kind: string }>(
  work: (signal: AbortSignal, onProgress: (news: News) => void) => Promise<void>,
): AtWork<News> {
  const stopper = new AbortController()
  const news: News[] = []
  const listeners = new Set<() => void>()
  const done = work(stopper.signal, (one) => {
    news.push(one)
    for (const listen of [...listeners]) listen()
  })
  done.catch(() => {})
  const said: AtWork<News>['said'] = (kind, of = () => true) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        listeners.delete(look)
        reject(new Error(`nobody said ${kind}, but ${news.map(told).join(', ')}`))
      }, PATIENCE)
      const look = (): void => {
        const found = news.filter((one) => isOf(one, kind)).find(of)
        if (found === undefined) return
        clearTimeout(timer)
        listeners.delete(look)
        resolve(found)
      }
      listeners.add(look)
      look()
    })
  const stop = async (): Promise<void> => (stopper.abort(), done)
  atWorkNow.add(stop)
  return { news, said, stop }
}

const isOf = <N extends { readonly kind: string }, K extends N['kind']>(
  one: N,
  kind: K,
): one is Extract<N, { kind: K }> => one.kind === kind

function told(news: { kind: string; error?: unknown }): string {
  return news.error === undefined ? news.kind : `${news.kind} (${String(news.error)})`
}

export type Watching = AtWork<WatcherNews>
export type Responding = AtWork<ResponderNews>

/** What a watcher is given. */
export interface WatchedBy {
  readonly runtime?: Runtime
  /** Claims whose bundles it gets. */
  readonly of: readonly Pick<Filed, 'claim' | 'bundle'>[]
}

/** Somebody watches some claims. */
export function watching(connection: Connection, { runtime = reference(), of }: WatchedBy): Watching {
  const bundles = new Map(of.map(({ claim, bundle }) => [key(claim.id), bundle]))
  return atWork((signal, onProgress) =>
    watchClaims(connection, {
      bundleOf: ({ id }) => bundles.get(key(id)) ?? never(signal),
      runtime,
      signal,
      onProgress,
    }),
  )
}

/** Claims that are nobody's concern are not asked for again and again. */
const never = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)))

/** A provider answers for some claims. */
export function responding(connection: Connection, of: readonly Filed[]): Responding {
  const books = new Map(of.map(({ claim, book }) => [key(claim.id), book]))
  return atWork((signal, onProgress) =>
    respond(connection, { bookOf: ({ id }) => books.get(key(id))?.(), signal, onProgress }),
  )
}

/** Waits until something is so. @throws Error after a while. */
export async function until(what: string, so: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE; !(await so());) {
    if (Date.now() > end) throw new Error(`never came to be: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
}

/** The deployment as an account sees it from now on: what was before does not concern it. */
export async function fromNow(world: World, byte: number): Promise<Connection> {
  const { deployment, signer, poll, patience } = await world.as(byte)
  const { number } = await headOf(await world.as(byte))
  return connect({ ...deployment, block: BigInt(number + 1) }, signer!, { poll, patience })
}

export const stateOf = async (world: World, { claim: { id } }: Filed): Promise<string> =>
  (await Jobs.engagementOf(await world.as(ALICE), id)).state

/** What an account may withdraw from both contracts. */
export async function owed(world: World, byte: number): Promise<bigint> {
  const { settlement, dispute } = await Money.creditOf(await world.as(byte), TERMS.token, addressOf(byte))
  return settlement + dispute
}

/** Everybody of these fetches what it is owed, so that what is owed later is of one test. */
export async function clear(world: World, ...bytes: readonly number[]): Promise<void> {
  for (const byte of bytes) await Money.withdraw(await world.as(byte))
}

/** What an account gained since a block, but for the fees of its transactions. */
export async function gained(world: World, byte: number, since: { block: number; coins: bigint }): Promise<bigint> {
  const { provider } = world.node
  const own = addressOf(byte)
  let fees = 0n
  for (let number = since.block + 1; number <= (await provider.getBlockNumber()); number++) {
    const block = (await provider.getBlock(number, true))!
    for (const { hash, from } of block.prefetchedTransactions)
      if (from.toLowerCase() === own) fees += (await provider.getTransactionReceipt(hash))!.fee
  }
  return (await provider.getBalance(own)) + fees - since.coins
}

/** An account as it stands. */
export async function standing(world: World, byte: number): Promise<{ block: number; coins: bigint }> {
  const { provider } = world.node
  return { block: await provider.getBlockNumber(), coins: await provider.getBalance(addressOf(byte)) }
}

/** A runtime that lies at one step of some work, wherever its session begins. */
export function lyingAt({ inputs }: Work, lie: Lie): Runtime {
  const [marked] = inputs.at(lie.step)!
  const at = (isThere: boolean) => lyingRuntime({ ...lie, step: 0 }, isThere ? 0 : 1)
  return {
    ...at(false),
    open: async (program, start) => {
      let state = start
      return {
        program,
        get state() {
          return state
        },
        async step(given) {
          const inner = await at(given[0] === marked).open(program, state)
          const result = await inner.step(given)
          state = inner.state
          return result
        },
        async restart(next) {
          state = next
        },
        async close() {},
      }
    },
  }
}

/** A runtime that refuses a step without reason. */
export function refusing({ inputs }: Work, { step, node }: { readonly step: number; readonly node: number }): Runtime {
  const honest = reference()
  const [marked] = inputs.at(step)!
  return {
    ...honest,
    open: async (program, state, options) => {
      const session = await honest.open(program, state, options)
      return {
        program,
        get state() {
          return session.state
        },
        step: async (given) => {
          if (given[0] === marked) throw new Refusal(program, { node, element: 0, reason: 'zero-divisor' })
          return session.step(given)
        },
        restart: (next) => session.restart(next),
        close: () => session.close(),
      }
    },
  }
}

/** A node that fails one request of three. Every other one of those it does, and says that it did not. */
export function shakyProvider(url: string): JsonRpcProvider & { readonly failures: number } {
  return new Shaky(url)
}

class Shaky extends JsonRpcProvider {
  #state = 7
  failures = 0

  constructor(url: string) {
    super(url, CHAIN_ID, { batchMaxCount: 1, staticNetwork: true, cacheTimeout: -1 })
  }

  override async send(method: string, values: unknown[]): Promise<unknown> {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    if (this.#state >= 2 ** 32 / 3) return super.send(method, values)
    if (++this.failures % 2 === 0) await super.send(method, values)
    throw new Error('the node is away')
  }
}
