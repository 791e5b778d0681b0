/**
 * Random lives: sequences of calls by several actors, on the chain and in the model at once. After every call the chain shows what the model
 * says, a refused call has changed nothing, no state was skipped, and all money is there. In the end everybody has got out what is its own, nothing
 * is left, nobody was paid twice, and who was honest has lost nothing.
 * @module
 */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Log } from 'ethers'
import { Fault } from '../../src/core/faults.js'
import type { Answer } from '../../src/dispute/question.js'
import {
  ACTORS,
  CHALLENGER,
  GRIEFER,
  HONEST,
  LIAR,
  OTHER,
  PROVIDERS,
  REQUESTER,
  compare,
  eventsOf,
  perform,
  rewind,
  storageOf,
  type Scene,
} from './ledger-chain.js'
import * as L from './ledger.js'
import { CLAIMS, COINS, HOUSES, NEXT, idOf, purse, type Call, type Claimed, type Game, type Ledger } from './ledger.js'
import { DAY, HOUR } from './settlement.js'

type Name = Call['fn']

/** How often what was done and what was refused, over many lives. */
export interface Tally {
  readonly done: Map<string, number>
  readonly refused: Map<string, number>
}
const count = (counts: Map<string, number>, name: string): unknown => counts.set(name, (counts.get(name) ?? 0) + 1)

/** A sequence in progress. */
interface Life {
  readonly scene: Scene
  readonly tally: Tally
  readonly logs: Log[]
  m: Ledger
}

const NOTHING: Omit<Call, 'fn'> = {
  from: GRIEFER,
  value: 0n,
  job: 0,
  provider: HONEST,
  claim: 'truth',
  declares: false,
  otherTerms: false,
  forged: false,
  who: CHALLENGER,
  nonce: 0,
  ruling: 'none',
  game: 0,
  places: [],
  house: 'settlement',
  coin: 'coin',
}
const calling = (fn: Name, change: Partial<Call> = {}): Call => ({ ...NOTHING, ...change, fn })

// ---------------------------------------------------------------- who does what

/** Honest actors do what they ought to do; referees, auditors and proofs say what is true. Everybody else does anything. */
function isTruthful(m: Ledger, call: Call): boolean {
  const { fn, from, claim, ruling } = call
  const isTrue = claim === 'truth'
  if (fn === 'announce' || fn === 'prove') {
    return ruling === 'false' ? !isTrue : ruling !== 'void' || m.deals[call.job].isBad
  }
  if (fn === 'settleAudited') return ruling === 'undecided' || (ruling === 'valid') === isTrue
  if (fn === 'settleProven') return isTrue || call.forged
  if (from === HONEST) return isHonestProvider(call)
  if (from === CHALLENGER) return isHonestChallenger(call)
  return true
}

function isHonestProvider({ fn, claim, forged, declares, who }: Call): boolean {
  if (fn === 'fileClaim' || fn === 'seal') return claim === 'truth' && !declares
  if (fn === 'withdraw') return who === HONEST
  return fn !== 'open' && !(fn === 'answerCommitment' && forged)
}

function isHonestChallenger({ fn, claim, who }: Call): boolean {
  if (fn === 'withdraw') return who === CHALLENGER
  return fn !== 'challengerTimedOut' && !(fn === 'open' && claim === 'truth')
}

// ---------------------------------------------------------------- what there is to do

type Making = (life: Life) => readonly Call[] | Promise<readonly Call[]>

const jobs = ({ m }: Life): readonly number[] => m.deals.map((_, job) => job)
const engagements = (life: Life): readonly { readonly job: number; readonly provider: number }[] =>
  jobs(life).flatMap((job) => PROVIDERS.map((provider) => ({ job, provider })))
const coinsOf = ({ m }: Life, job: number, amount: bigint): bigint => (m.deals[job].coin === 'coin' ? amount : 0n)

const byJob =
  (fn: Name, from: number): Making =>
  (life) =>
    jobs(life).map((job) => calling(fn, { job, from }))
const byEngagement =
  (fn: Name): Making =>
  (life) =>
    engagements(life).map((about) => calling(fn, about))

/** Every claim, and the refusal without its declaration. */
const claiming =
  (fn: Name): Making =>
  (life) =>
    engagements(life).flatMap((about) => [
      ...CLAIMS.map((claim) => calling(fn, { ...about, from: about.provider, claim, declares: claim === 'refused' })),
      calling(fn, { ...about, from: about.provider, claim: 'refused' }),
    ])

/** Claims as they stand. */
const standing = (life: Life): readonly { job: number; provider: number; claim: Claimed }[] =>
  engagements(life).flatMap(({ job, provider }) => {
    const { claim } = L.standingOf(life.m, job, provider)
    return claim === undefined ? [] : [{ job, provider, claim }]
  })

function announcing(life: Life): readonly Call[] {
  const { m } = life
  return standing(life).flatMap((about) => {
    const rulings = ['none', 'odd', 'false', ...(m.deals[about.job].isBad ? ['void'] : [])] as Call['ruling'][]
    const by = [CHALLENGER, GRIEFER, OTHER]
    return rulings.flatMap((ruling) =>
      by.flatMap((who) => [0, 1].map((nonce) => calling('announce', { ...about, ruling, who, nonce, from: who }))),
    )
  })
}

function proving({ m }: Life): readonly Call[] {
  return Object.keys(m.announced).map((name) => {
    const [job, provider, claim, ruling, nonce, who] = name.split('/')
    const words = { claim: claim as Claimed, ruling: ruling as Call['ruling'] }
    const numbers = { job: Number(job), provider: Number(provider), nonce: Number(nonce), who: Number(who) }
    return calling('prove', { ...words, ...numbers, from: Number(who) })
  })
}

function opening(life: Life): readonly Call[] {
  return standing(life).flatMap((about) => {
    const others = L.liveOf(life.m, about.job, about.provider).length
    const value = coinsOf(life, about.job, life.m.deals[about.job].bond << BigInt(others))
    return [CHALLENGER, GRIEFER, LIAR].map((from) => calling('open', { ...about, from, value }))
  })
}

const games = ({ m }: Life): readonly (readonly [Game, number])[] => m.games.map((game, number) => [game, number])

/** A question of the challenger of each game, at these places. */
const asking =
  (fn: Name, placesOf: (game: Game) => readonly (readonly number[])[]): Making =>
  (life) =>
    games(life).flatMap(([game, number]) =>
      placesOf(game).map((places) => calling(fn, { game: number, from: game.challenger, places })),
    )

const range = (size: number): readonly number[] => Array.from({ length: size }, (_, i) => i)

function childrenOf({ last, question }: Game): readonly (readonly number[])[] {
  if (last?.name === 'answerChildren') return last.children.map((_, i) => [i])
  return last?.name === 'answerCommitment' && question.size === 0 ? [] : [[0]]
}

function committed({ m }: Life): readonly Call[] {
  return m.games.flatMap(({ job, provider, challenger }, game) =>
    Object.keys(m.commitments)
      .filter((name) => name.startsWith(`${idOf(job, provider)}/expansion.`))
      .map((name) => {
        const places = name.split('.').slice(1).map(Number)
        return calling('resumeExpansion', { game, from: challenger, places })
      }),
  )
}

/** What a provider that holds its run says. */
async function rightAnswer({ scene }: Life, { claim, question, subject }: Game): Promise<Answer | undefined> {
  const book = scene.books[claim]
  if (book === undefined) return undefined
  try {
    if (question.form === 'trace' || question.form === 'expansion') {
      return subject.name === 'none' ? undefined : await book.commit(subject)
    }
    return await book.answer(question)
  } catch (error) {
    if (error instanceof Fault && error.code === 'dispute/not-known') return undefined
    throw error
  }
}

const NOISE = new Uint8Array(32).fill(0x66)

/** An answer with something wrong in it. */
function wrongAnswers(fn: Name, right: Answer | undefined): readonly Answer[] {
  switch (fn) {
    case 'answerChildren': {
      const children = right?.name === fn ? right.children : [NOISE, NOISE]
      const changed = children.map((hash, i) => (i === 0 ? NOISE : hash))
      return [changed, [...children, NOISE], children.slice(1)].map((all) => ({ name: fn, children: all }))
    }
    case 'answerLeaf': {
      const leaf = right?.name === fn ? right.leaf.slice() : NOISE
      return [{ name: fn, leaf: leaf.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) }]
    }
    case 'answerDigest': {
      const form = right?.name === fn ? right.form : { dtype: 1, dims: [2] }
      return [{ name: fn, form, root: NOISE }]
    }
    case 'answerCommitment': {
      const size = right?.name === fn ? Number(right.size) : 1
      return [size, size + 1].map((one) => ({ name: fn, size: one, root: NOISE }))
    }
    default:
      return []
  }
}

const answering =
  (fn: Name): Making =>
  async (life) => {
    const all: Call[] = []
    for (const [game, number] of games(life)) {
      if (!game.providerMoves || !L.isRunning(life.m, game)) continue
      const right = await rightAnswer(life, game)
      const base = { game: number, from: game.provider, provider: game.provider }
      if (right?.name === fn) all.push(calling(fn, { ...base, said: right }))
      for (const said of wrongAnswers(fn, right)) all.push(calling(fn, { ...base, said, forged: true }))
      if (fn === 'answerRefusal') all.push(calling(fn, base))
    }
    return all
  }

const byGame =
  (fn: Name, from: number): Making =>
  (life) =>
    games(life).flatMap(([game, number]) => [
      calling(fn, { game: number, from }),
      calling(fn, { game: number, from: game.challenger }),
    ])

/** For each function everything that somebody may well want to do with it now, allowed or not. */
const MAKINGS: Record<Name, Making> = {
  post: (life) =>
    jobs(life).map((job) =>
      calling('post', { job, from: REQUESTER, value: coinsOf(life, job, life.m.deals[job].payment) }),
    ),
  cancel: byJob('cancel', REQUESTER),
  refund: byJob('refund', GRIEFER),
  take: (life) =>
    engagements(life).map(({ job, provider }) =>
      calling('take', { job, provider, from: provider, value: coinsOf(life, job, life.m.deals[job].stake) }),
    ),
  takeSeat: (life) =>
    engagements(life).flatMap(({ job, provider }) =>
      [provider - 1, 0].map((seat) =>
        calling('takeSeat', {
          job,
          provider,
          from: provider,
          places: [seat],
          value: coinsOf(life, job, life.m.deals[job].stake),
        }),
      ),
    ),
  fileClaim: claiming('fileClaim'),
  seal: claiming('seal'),
  settleQuorum: (life) =>
    jobs(life).flatMap((job) => [
      ...CLAIMS.map((claim) => calling('settleQuorum', { job, claim, declares: claim === 'refused' })),
      calling('settleQuorum', { job, claim: 'refused' }),
      calling('settleQuorum', { job, forged: true }),
    ]),
  reveal: (life) =>
    engagements(life)
      .filter(({ job }) => L.sealersOf(life.m, job).length > 0)
      .map((about) => {
        const sealed = life.m.engagements[idOf(about.job, about.provider)]?.sealed
        const own = sealed === undefined ? {} : { claim: sealed.claim, declares: sealed.refused }
        return calling('reveal', { ...about, ...own, from: about.provider })
      }),
  settle: byEngagement('settle'),
  expire: byEngagement('expire'),
  release: byEngagement('release'),
  payReward: byEngagement('payReward'),
  settleAudited: (life) =>
    standing(life).flatMap((about) =>
      (['valid', 'refuted', 'undecided'] as const).map((ruling) => calling('settleAudited', { ...about, ruling })),
    ),
  settleProven: byEngagement('settleProven'),
  withdraw: () =>
    HOUSES.flatMap((house) =>
      COINS.flatMap((coin) => ACTORS.map((from) => calling('withdraw', { house, coin, from, who: from }))),
    ),
  announce: announcing,
  prove: proving,
  open: opening,
  demandRun: asking('demandRun', () => [[]]),
  descend: asking('descend', childrenOf),
  descendStep: asking('descendStep', () => [0, 1, 2, 3, 4, 5].map((field) => [field])),
  descendItem: asking('descendItem', () => [[]]),
  descendTensor: asking('descendTensor', () => [[]]),
  demandTrace: asking('demandTrace', () => range(L.STEPS + 1).map((leaf) => [leaf])),
  demandExpansion: asking('demandExpansion', () => [
    [1, 3, 0],
    [0, 3, 0],
    [0, 2, 1],
    [2, 3, 9],
    [L.STEPS, 0, 0],
    [0, L.COUNTS.values, 0],
  ]),
  resumeExpansion: committed,
  answerChildren: answering('answerChildren'),
  answerLeaf: answering('answerLeaf'),
  answerDigest: answering('answerDigest'),
  answerRefusal: answering('answerRefusal'),
  answerCommitment: answering('answerCommitment'),
  provideTimedOut: byGame('provideTimedOut', GRIEFER),
  challengerTimedOut: byGame('challengerTimedOut', OTHER),
  close: byGame('close', GRIEFER),
}

async function made(life: Life, fn: Name): Promise<readonly Call[]> {
  return (await MAKINGS[fn](life)).filter((call) => isTruthful(life.m, call))
}

async function allowed(life: Life, fn: Name): Promise<readonly Call[]> {
  return (await made(life, fn)).filter((call) => typeof L.after(life.m, call) !== 'string')
}

// ---------------------------------------------------------------- doing it

/** Does it on the chain and in the model, whether it is allowed or not; then everything must be as it ought to be. */
async function attempt(life: Life, call: Call): Promise<void> {
  const { scene, m, tally } = life
  const predicted = L.after(m, call)
  const refused = typeof predicted === 'string'
  const before = refused ? await storageOf(scene) : []
  const { refusal, receipt } = await perform(scene, m, call)
  expect([call, refusal]).toEqual([call, refused ? predicted : ''])
  count(refused ? tally.refused : tally.done, refused ? `${call.fn} ${refusal}` : call.fn)
  life.m = { ...(refused ? m : predicted), block: m.block + 1 }
  if (refused) {
    expect(await storageOf(scene)).toEqual(before)
    return
  }
  life.logs.push(...receipt.logs)
  demandNoSkip(m, life.m)
  demandBooks(life.m)
  await compare(scene, life.m)
}

/** No engagement went where it may not go, and no game began again. */
function demandNoSkip(before: Ledger, now: Ledger): void {
  for (const [job] of now.deals.entries()) {
    for (const provider of PROVIDERS) {
      const [from, to] = [before, now].map((m) => L.standingOf(m, job, provider).state)
      if (from !== to) expect(NEXT[from], `${idOf(job, provider)} from ${from} to ${to}`).toContain(to)
    }
  }
  for (const [i, { over, questions }] of before.games.entries()) {
    expect(now.games[i].questions).toBeGreaterThanOrEqual(questions)
    if (over) expect(now.games[i]).toEqual(before.games[i])
  }
}

/** What a house holds is what it owes and what is locked in it, and nothing came from nowhere. */
function demandBooks(m: Ledger): void {
  for (const coin of COINS) {
    let all = 0n
    for (const house of HOUSES) {
      const owed = ACTORS.reduce((sum, actor) => sum + m.credits[purse(house, coin, actor)], 0n)
      expect(m.held[purse(house, coin)]).toBe(owed + L.lockedIn(m, house, coin))
      all += m.held[purse(house, coin)]
    }
    expect(ACTORS.reduce((sum, actor) => sum + m.wealth[purse(coin, actor)], all)).toBe(0n)
  }
}

// ---------------------------------------------------------------- time

/** What an honest actor has to do by a time. */
interface Duty {
  readonly due: number
  readonly calls: readonly Call[]
}

async function duties(life: Life): Promise<readonly Duty[]> {
  const all: Duty[] = []
  for (const job of jobs(life)) all.push(...providing(life, job))
  for (const [game, number] of games(life)) all.push(...(await playing(life, game, number)))
  return all
}

/** Claims of the honest provider, sealed and shown in time. */
function providing({ m }: Life, job: number): readonly Duty[] {
  const [deal, posted, own] = [m.deals[job], m.jobs[job], m.engagements[idOf(job, HONEST)]]
  if (own === undefined || posted === undefined || posted.isVoid) return []
  const about = { job, provider: HONEST, from: HONEST }
  if (own.state === 'Taken') {
    const isQuorum = deal.kind === 'quorum'
    const call = calling(isQuorum ? 'seal' : 'fileClaim', about)
    return [{ due: isQuorum ? deal.deadline : L.dueOf(deal, own), calls: [call] }]
  }
  const isOpen = m.now > deal.deadline || posted.seals === deal.seats.length
  const isHidden = L.standingOf(m, job, HONEST).state === 'Sealed'
  return isHidden && isOpen ? [{ due: L.dueOf(deal, own), calls: [calling('reveal', about)] }] : []
}

/** The honest provider answers in time, the honest challenger shows a fault in time. */
async function playing(life: Life, game: Game, number: number): Promise<readonly Duty[]> {
  const { m } = life
  const { job, provider, claim } = game
  const isOn = L.isRunning(m, game) && L.standingOf(m, job, provider).state === 'Claimed'
  if (!isOn) return []
  const due = L.deadlineOf(game)
  if (game.providerMoves && provider === HONEST) {
    const said = await rightAnswer(life, game)
    if (said === undefined) throw new Error(`nothing to answer: ${inspect(game)}`)
    return [{ due, calls: [calling(said.name, { game: number, from: HONEST, provider, said })] }]
  }
  if (game.providerMoves || game.challenger !== CHALLENGER) return []
  const proof = {
    job,
    provider,
    claim,
    ruling: 'false',
    who: CHALLENGER,
    nonce: 1000 + number,
    from: CHALLENGER,
  } as const
  return [{ due, calls: [calling('announce', proof), calling('prove', proof)] }]
}

/** Time goes by, and who is honest does in time what it has to do. */
async function travel(life: Life, target: number): Promise<void> {
  while (life.m.now < target) {
    const wakes = life.m.deals.map(({ deadline }) => deadline + 1).filter((time) => time > life.m.now)
    const next = Math.min(target, ...wakes)
    for (;;) {
      const duty = (await duties(life)).find(({ due }) => due < next)
      if (duty === undefined) break
      for (const call of duty.calls) {
        const { length } = life.logs
        await attempt(life, call)
        expect(life.logs.length, `${call.fn} is a duty`).toBeGreaterThan(length)
      }
    }
    life.m = { ...life.m, now: next }
  }
}

/** The next seconds at which something begins or ends to be allowed, and those behind them. */
function bounds(m: Ledger): readonly number[] {
  const times: number[] = []
  for (const { deadline, window } of m.deals) {
    if (deadline > 0) times.push(deadline, deadline + window, deadline + 2 * window)
  }
  for (const { since } of Object.values(m.engagements)) times.push(since + 2 * DAY)
  for (const game of m.games) if (L.isRunning(m, game)) times.push(L.deadlineOf(game))
  for (const { until } of Object.values(m.rulings)) times.push(until - 1)
  const later = times.flatMap((time) => [time, time + 1]).filter((time) => time > m.now)
  return [...new Set(later)].sort((a, b) => a - b)
}

// ---------------------------------------------------------------- a life

/** One thing that happens: time goes by, or somebody does something that it may do, or anything, or that with a twist. */
interface Happening {
  readonly manner: 'allowed' | 'any' | 'twisted' | 'bound' | 'hours'
  readonly pick: number
}

const happening: fc.Arbitrary<Happening> = fc.record({
  manner: fc.oneof(
    { weight: 28, arbitrary: fc.constant('allowed' as const) },
    { weight: 4, arbitrary: fc.constant('any' as const) },
    { weight: 5, arbitrary: fc.constant('twisted' as const) },
    { weight: 2, arbitrary: fc.constant('bound' as const) },
    { weight: 2, arbitrary: fc.constant('hours' as const) },
  ),
  pick: fc.noShrink(fc.nat(2 ** 31 - 1)),
})
const lives = fc.array(happening, { minLength: 20, maxLength: 110, size: 'max' })

/** Numbers below a bound that follow from a seed (mulberry32). */
function picker(seed: number): (size: number) => number {
  let state = seed
  return (size) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % size
  }
}

/** How often each is tried; what ends a job early is tried less often, so that lives are long. */
const WEIGHTS: Partial<Record<Name, number>> = {
  cancel: 0.1,
  settleAudited: 0.3,
  withdraw: 0.3,
  prove: 0.4,
  announce: 0.4,
  take: 8,
  takeSeat: 8,
  fileClaim: 8,
  seal: 8,
  reveal: 4,
  settleQuorum: 6,
  challengerTimedOut: 0.05,
  demandRun: 3,
  descend: 8,
  descendStep: 8,
  descendItem: 8,
  descendTensor: 8,
  answerChildren: 8,
  answerLeaf: 8,
  answerDigest: 8,
  answerCommitment: 4,
  resumeExpansion: 2,
}
const NAMES = Object.keys(MAKINGS) as Name[]

/** Functions in a random order, heavy ones rather first. */
const inSomeOrder = (pick: (size: number) => number): readonly Name[] =>
  NAMES.map((name) => ({ name, place: pick(1 << 20) / (WEIGHTS[name] ?? 1) }))
    .sort((a, b) => a.place - b.place)
    .map(({ name }) => name)

/** Seldom without taste: what a function may be called with, allowed ones where there are some. */
async function chosen(life: Life, { manner, pick: seed }: Happening): Promise<Call | undefined> {
  const pick = picker(seed)
  for (const fn of inSomeOrder(pick)) {
    const calls = manner === 'allowed' ? await allowed(life, fn) : await made(life, fn)
    if (calls.length === 0) continue
    const call = calls[pick(calls.length)]
    return manner === 'twisted' ? twisted(life, call, pick) : call
  }
  return undefined
}

const NO_CLAIM: readonly Name[] = ['prove', 'reveal', 'settleAudited', 'fileClaim', 'seal', 'open', 'settleQuorum']

/** One thing of a call is another. */
function twisted({ m }: Life, call: Call, pick: (size: number) => number): Call {
  const { fn } = call
  const payable = ['post', 'take', 'takeSeat', 'open'].includes(fn)
  const pays = payable ? [{ value: call.value + 1n }, { value: call.value > 0n ? 0n : 1n }] : []
  const claims = NO_CLAIM.includes(fn) ? [{ claim: CLAIMS[pick(CLAIMS.length)] }, { declares: !call.declares }] : []
  const places = fn === 'descend' ? [{ places: [-1] }, { forged: true }] : []
  const forgeries = FORGEABLE.includes(fn) ? [{ forged: true }] : []
  const terms = TERMS.includes(fn) ? [{ otherTerms: true }] : []
  const changes: readonly Partial<Call>[] = [
    { from: ACTORS[pick(ACTORS.length)] },
    { provider: PROVIDERS[pick(PROVIDERS.length)] },
    { game: pick(m.games.length + 2) },
    ...pays,
    ...claims,
    ...places,
    ...forgeries,
    ...terms,
  ]
  const change = changes[pick(changes.length)]
  const result = { ...call, ...change }
  return isTruthful(m, result) ? result : call
}

const FORGEABLE: readonly Name[] = [
  'descendStep',
  'descendItem',
  'descendTensor',
  'resumeExpansion',
  'prove',
  'settleProven',
  'reveal',
]
const TERMS: readonly Name[] = [
  'cancel',
  'take',
  'takeSeat',
  'refund',
  'settle',
  'expire',
  'release',
  'settleAudited',
  'settleProven',
  'prove',
  'payReward',
  'open',
  'provideTimedOut',
]

/** How many lives, and for how many milliseconds at most; what fails is looked at as long, too. */
export interface Lasting {
  readonly runs: number
  readonly limit: number
}

/** Many lives, one after the other. */
export async function liveOften(scene: Scene, { runs, limit }: Lasting): Promise<Tally> {
  const tally: Tally = { done: new Map(), refused: new Map() }
  const property = fc.asyncProperty(lives, (happenings) => live(scene, happenings, tally))
  const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }
  await fc.assert(property, { numRuns: runs, interruptAfterTimeLimit: limit, ...seed })
  return tally
}

/** A whole life on a chain that is put back first. */
async function live(scene: Scene, happenings: readonly Happening[], tally: Tally): Promise<void> {
  await rewind(scene)
  const life: Life = { scene, tally, logs: [], m: scene.start }
  await compare(scene, life.m)
  for (const job of [0, 1, 2, 3, 4]) await attempt(life, (await made(life, 'post'))[job])
  for (const one of happenings) await happen(life, one)
  await end(life)
}

async function happen(life: Life, one: Happening): Promise<void> {
  const { m } = life
  const later = bounds(m)
  if (one.manner === 'hours') return travel(life, m.now + (1 + (one.pick % 9)) * HOUR)
  if (one.manner === 'bound' && later.length > 0) return travel(life, later[one.pick % Math.min(later.length, 5)])
  const call = await chosen(life, one)
  if (call !== undefined) await attempt(life, call)
}

/** What anybody may do for somebody else when all time is over. */
const LAST: readonly Name[] = [
  'challengerTimedOut',
  'provideTimedOut',
  'close',
  'expire',
  'settle',
  'release',
  'refund',
]

/** Long after, everybody gets what is its own; nobody needs anybody else for that, and nothing is left. */
async function end(life: Life): Promise<void> {
  await travel(life, life.m.now + 90 * DAY)
  for (const fn of LAST) await exhaust(life, fn)
  await travel(life, life.m.now + 2 * DAY)
  for (const fn of [...LAST, 'payReward', 'cancel', 'withdraw'] as const) await exhaust(life, fn)
  for (const [name, amount] of Object.entries(life.m.held)) expect([name, amount]).toEqual([name, 0n])
  demandHonestUnharmed(life.m)
  demandOnce(life)
}

async function exhaust(life: Life, fn: Name): Promise<void> {
  for (;;) {
    const [call] = await allowed(life, fn)
    if (call === undefined) return
    await attempt(life, call)
  }
}

/** Who was honest has no less than before, and is paid for every true claim unless its job was void or others agreed on something else. */
function demandHonestUnharmed(m: Ledger): void {
  for (const actor of [HONEST, CHALLENGER]) {
    for (const coin of COINS) expect(m.wealth[purse(coin, actor)], `${coin} of ${actor}`).toBeGreaterThanOrEqual(0n)
  }
  for (const job of m.deals.keys()) {
    const { state } = L.standingOf(m, job, HONEST)
    expect(['None', 'Paid', 'Void'], `the honest provider of job ${job} is ${state}`).toContain(state)
  }
}

/** By the events alone: every engagement and every game ended once, and what was credited is what was withdrawn. */
function demandOnce({ scene, logs }: Life): void {
  const ends: string[] = []
  const owed = new Map<string, bigint>()
  const add = (key: string, amount: bigint): unknown => owed.set(key, (owed.get(key) ?? 0n) + amount)
  for (const [house, name, [first, second, amount, last]] of eventsOf(scene, logs)) {
    if (name === 'Closed') ends.push(`game ${String(first)}`)
    if (name === 'ChallengerRewarded') ends.push(`reward ${String(first)} ${String(second)}`)
    if (ENDS.includes(name)) ends.push(`${String(first)} ${String(second)}`)
    if (name === 'Credited') add([house, first, second].join(), amount as bigint)
    if (name === 'Withdrawn') add([house, first, second].join(), -(last as bigint))
  }
  expect(ends.filter((one, i) => ends.indexOf(one) !== i)).toEqual([])
  for (const [key, amount] of owed) expect([key, amount]).toEqual([key, 0n])
}
const ENDS: readonly string[] = [
  'EngagementSettled',
  'EngagementExpired',
  'StakeReleased',
  'ClaimRefuted',
  'ProofAccepted',
]
