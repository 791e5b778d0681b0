/**
 * Settlement, Quorums and Dispute as a model: what every call does to states, clocks and money, and the error with which it is refused. Written
 * from docs/disputes.md and the contracts' comments, over actors and jobs by number; nothing here talks to a chain.
 * @module
 */
import { digestFrom } from '../../src/merkle/tiles.js'
import { EMPTY_ROOT, KINDS, hashLeaf, rootFrom, sizedRoot, type Kind } from '../../src/merkle/tree.js'
import { toHex, type Bytes32 } from '../../src/core/bytes.js'
import type { Answer } from '../../src/dispute/question.js'
import { decodeStep, STEP_FIELDS } from '../../src/trace/step.js'
import { DTYPES, type DType } from '../../src/core/tensor.js'

// ---------------------------------------------------------------- what there is

export const COINS = ['coin', 'token'] as const
export type Coin = (typeof COINS)[number]
export const HOUSES = ['settlement', 'dispute'] as const
/** A contract that holds money. */
export type House = (typeof HOUSES)[number]
/** What a provider may claim: the truth, a lie that it can open to the end, one that it cannot open, a refusal that is none. */
export const CLAIMS = ['truth', 'lie', 'noise', 'refused'] as const
export type Claimed = (typeof CLAIMS)[number]
export const STATES = ['None', 'Taken', 'Sealed', 'Claimed', 'Paid', 'Slashed', 'Expired', 'Void'] as const
export type State = (typeof STATES)[number]

/** Where an engagement may go from each state. */
export const NEXT: Readonly<Record<State, readonly State[]>> = {
  None: ['Taken', 'Paid'],
  Taken: ['Sealed', 'Claimed', 'Expired', 'Void'],
  Sealed: ['Claimed', 'Expired', 'Void'],
  Claimed: ['Paid', 'Slashed', 'Void'],
  Paid: [],
  Slashed: [],
  Expired: [],
  Void: [],
}

/** What a job says; it never changes. */
export interface Deal {
  readonly kind: 'optimistic' | 'quorum' | 'audited' | 'proven'
  readonly coin: Coin
  readonly payment: bigint
  readonly stake: bigint
  readonly bond: bigint
  readonly replayTime: number
  readonly moveTime: number
  readonly refusedShare: bigint
  readonly requester: number
  /** Seconds since 1970, or 0. */
  readonly deadline: number
  readonly window: number
  readonly threshold: number
  /** Who has which seat of a quorum. */
  readonly seats: readonly number[]
  /** A referee would void it. */
  readonly isBad: boolean
}

/** Steps of every run, parameters, inputs, outputs and values of its program, and the step at which a false refusal stands. */
export const STEPS = 3
export const COUNTS = { state: 1, inputs: 1, outputs: 2, values: 5 } as const
export const REFUSED_STEP = 1

export interface Posted {
  open: number
  takers: number
  seals: number
  isVoid: boolean
  /** Seats that earn, a bit each. */
  earning: number
  agreed?: Claimed
  /** What was agreed is a declared refusal. */
  refused: boolean
}

export interface Engagement {
  state: State
  seat: number
  refused: boolean
  rewarded: boolean
  since: number
  claim?: Claimed
  sealed?: { readonly claim: Claimed; readonly refused: boolean }
}

export interface Question {
  readonly form: (typeof FORMS)[number]
  readonly kind: number
  readonly size: number
  readonly hash: Bytes32
}
export const FORMS = ['none', 'list', 'node', 'leaf', 'digest', 'trace', 'expansion'] as const

/** What TRACE and EXPANSION ask for. */
export type Subject =
  | { readonly name: 'none' }
  | { readonly name: 'trace'; readonly leaf: number }
  | { readonly name: 'expansion'; readonly step: number; readonly value: number; readonly element: number }
export const subjectKey = (subject: Subject): string => Object.values(subject).join('.')

export interface Game {
  readonly job: number
  readonly provider: number
  readonly challenger: number
  readonly claim: Claimed
  readonly bond: bigint
  movedAt: number
  providerMoves: boolean
  over: boolean
  questions: number
  providerClock: number
  challengerClock: number
  question: Question
  subject: Subject
  /** What was answered last to the question that stands. */
  last?: Answer
}

export interface Ruling {
  challenger: number
  announced: number
  until: number
}

export interface Ledger {
  /** Time of the next block, number of the last. */
  now: number
  block: number
  readonly deals: readonly Deal[]
  /** Sized root of the run that is claimed. */
  readonly runs: Readonly<Record<Claimed, Bytes32>>
  readonly jobs: Record<number, Posted>
  /** By {@link idOf}. */
  readonly engagements: Record<string, Engagement>
  readonly rulings: Record<string, Ruling>
  readonly games: Game[]
  /** Block of an announcement. */
  readonly announced: Record<string, number>
  /** Commitments to traces and expansions, by id and subject. */
  readonly commitments: Record<string, { readonly size: number; readonly root: Bytes32 }>
  /** What a house owes an account in a coin, what it holds, and what accounts have beside that. */
  readonly credits: Record<string, bigint>
  readonly held: Record<string, bigint>
  readonly wealth: Record<string, bigint>
}

export const idOf = (job: number, provider: number): string => `${job}/${provider}`
export const purse = (...parts: readonly (string | number)[]): string => parts.join('/')

/** Something that somebody does. Every call has all fields, most calls look at few of them. */
export interface Call {
  readonly fn: keyof typeof RULES
  readonly from: number
  readonly value: bigint
  readonly job: number
  readonly provider: number
  readonly claim: Claimed
  /** Declares its refusal. */
  readonly declares: boolean
  /** With other terms than those of the job. */
  readonly otherTerms: boolean
  /** With something in it that is not what it says. */
  readonly forged: boolean
  /** Challenger that a proof names, receiver of a withdrawal. */
  readonly who: number
  readonly nonce: number
  /** What a referee says: false claim, void job, another word, or that there is no fault. What an auditor says. */
  readonly ruling: 'false' | 'void' | 'odd' | 'none' | 'valid' | 'refuted' | 'undecided'
  readonly game: number
  readonly said?: Answer
  /** Child, field, leaf, step, value, element, as the move has it. */
  readonly places: readonly number[]
  readonly house: House
  readonly coin: Coin
}

/** Why a call is refused. */
export class Refused extends Error {}
const demand = (holds: boolean, name: string): void => {
  if (!holds) throw new Refused(name)
}

/** What a call makes of a ledger, or the name of the error that refuses it. */
export function after(ledger: Ledger, call: Call): Ledger | string {
  const next = structuredClone(ledger) as Ledger
  try {
    RULES[call.fn](next, call)
    return next
  } catch (error) {
    if (error instanceof Refused) return error.message
    throw error
  }
}

// ---------------------------------------------------------------- money

function receive(m: Ledger, house: House, amount: bigint, { coin, call }: { coin: Coin; call: Call }): void {
  demand(call.value === (coin === 'coin' ? amount : 0n), 'WrongValue')
  m.held[purse(house, coin)] += amount
  m.wealth[purse(coin, call.from)] -= amount
}

function credit(m: Ledger, house: House, amount: bigint, { coin, to }: { coin: Coin; to: number }): void {
  m.credits[purse(house, coin, to)] += amount
}
const owe = (m: Ledger, { coin }: Deal, to: number, amount: bigint): void =>
  credit(m, 'settlement', amount, { coin, to })

function withdraw(m: Ledger, { house, coin, from, who }: Call): void {
  const amount = m.credits[purse(house, coin, from)]
  demand(amount > 0n, 'NothingToWithdraw')
  m.credits[purse(house, coin, from)] = 0n
  m.held[purse(house, coin)] -= amount
  m.wealth[purse(coin, who)] += amount
}

// ---------------------------------------------------------------- jobs

const FRESH: Engagement = { state: 'None', seat: 0, refused: false, rewarded: false, since: 0 }
/** To be changed. */
const engagement = (m: Ledger, job: number, provider: number): Engagement =>
  (m.engagements[idOf(job, provider)] ??= { ...FRESH })

const isEarning = (posted: Posted | undefined, own: Engagement): boolean =>
  posted?.agreed !== undefined && own.state !== 'None' && ((posted.earning >> own.seat) & 1) === 1
const isLive = (state: State): boolean => ['Taken', 'Sealed', 'Claimed'].includes(state)
const stateIn = (posted: Posted | undefined, own: Engagement): State =>
  own.state === 'Sealed' && isEarning(posted, own) ? 'Claimed' : own.state
const shareOf = ({ payment, seats }: Deal): bigint => payment / BigInt(seats.length)

/** How a provider stands, as others see it. */
export interface Standing {
  readonly state: State
  readonly claim: Claimed | undefined
  readonly claimedAt: number
  readonly closes: number
}

export function standingOf(m: Ledger, job: number, provider: number): Standing {
  const [deal, posted] = [m.deals[job], m.jobs[job]]
  const own = m.engagements[idOf(job, provider)] ?? FRESH
  let state = stateIn(posted, own)
  if (own.state !== 'None' && posted?.isVoid && isLive(state)) state = 'Void'
  const counts = isEarning(posted, own) || state === 'Paid' || state === 'Slashed'
  const isAgreed = own.claim === undefined && counts
  const claim = isAgreed ? posted.agreed : own.claim
  if (claim === undefined) return { state, claim, claimedAt: 0, closes: 0 }
  const claimedAt = isAgreed ? deal.deadline : own.since
  return { state, claim, claimedAt, closes: closesOf(deal, claimedAt) }
}

const closesOf = ({ deadline, window, kind }: Deal, claimedAt: number): number =>
  deadline === 0 ? claimedAt + window : deadline + (kind === 'quorum' ? 2 : 1) * window
export const dueOf = ({ deadline, window, kind }: Deal, { since }: Engagement): number =>
  deadline === 0 ? since + window : kind === 'quorum' ? deadline + window : deadline

function known(m: Ledger, { job, otherTerms }: Call): Posted {
  demand(m.jobs[job] !== undefined, 'UnknownJob')
  demand(!otherTerms, 'WrongTerms')
  return m.jobs[job]
}

function running(m: Ledger, call: Call): Posted {
  const posted = known(m, call)
  demand(!posted.isVoid, 'VoidedJob')
  return posted
}

/** By itself: nobody signs for another here. */
const demandOwn = (call: Call, signer: number): void => demand(call.from === signer, 'MalformedSignature')

function post(m: Ledger, call: Call): void {
  const deal = m.deals[call.job]
  demand(m.jobs[call.job] === undefined, 'AlreadyPosted')
  demand(deal.deadline === 0 || deal.deadline > m.now, 'TooLate')
  demandOwn(call, deal.requester)
  const seats = deal.seats.length
  m.jobs[call.job] = { open: seats, takers: 0, seals: 0, isVoid: false, earning: 0, refused: false }
  receive(m, 'settlement', deal.payment, { coin: deal.coin, call })
}

function closeAll(m: Ledger, posted: Posted, deal: Deal): void {
  owe(m, deal, deal.requester, shareOf(deal) * BigInt(posted.open))
  posted.open = posted.earning = 0
}

function cancel(m: Ledger, call: Call): void {
  const [posted, deal] = [running(m, call), m.deals[call.job]]
  demand(call.from === deal.requester, 'NotRequester')
  demand(posted.takers === 0, 'JobTaken')
  demand(deal.kind !== 'proven' || m.now > deal.deadline, 'TooEarly')
  demand(posted.open > 0, 'JobClosed')
  closeAll(m, posted, deal)
}

function take(m: Ledger, call: Call): void {
  const posted = running(m, call)
  demand(['optimistic', 'audited'].includes(m.deals[call.job].kind), 'WrongKind')
  demand(posted.takers === 0, 'JobTaken')
  takeAt(m, call, 0)
}

function takeSeat(m: Ledger, call: Call): void {
  running(m, call)
  const { kind, seats } = m.deals[call.job]
  demand(kind === 'quorum', 'WrongKind')
  const [seat] = call.places
  demand(seats[seat] === call.provider, 'NotASeat')
  takeAt(m, call, seat)
}

function takeAt(m: Ledger, call: Call, seat: number): void {
  const [deal, posted, own] = [m.deals[call.job], m.jobs[call.job], engagement(m, call.job, call.provider)]
  demand(posted.open > 0, 'JobClosed')
  demand(deal.deadline === 0 || m.now < deal.deadline, 'TooLate')
  demand(own.state === 'None', 'WrongState')
  demandOwn(call, call.provider)
  Object.assign(own, { state: 'Taken', seat, since: m.now })
  posted.takers++
  receive(m, 'settlement', deal.stake, { coin: deal.coin, call })
}

function fileClaim(m: Ledger, call: Call): void {
  const [deal, own] = [m.deals[call.job], engagement(m, call.job, call.provider)]
  demand(m.jobs[call.job]?.isVoid !== true, 'VoidedJob')
  demand(m.jobs[call.job] === undefined || deal.kind !== 'quorum', 'WrongKind')
  demand(own.state === 'Taken', 'WrongState')
  demand(m.now <= dueOf(deal, own), 'TooLate')
  demandOwn(call, call.provider)
  Object.assign(own, { state: 'Claimed', since: m.now, claim: call.claim, refused: call.declares })
  demandRecord(call)
}

/** A declared refusal is the record that stands in the claim. */
const demandRecord = ({ declares, claim }: Call): void => demand(!declares || claim === 'refused', 'WrongRefusal')

function takeShare(posted: Posted, own: Engagement, deal: Deal): bigint {
  if (deal.kind === 'quorum') {
    if (!isEarning(posted, own)) return 0n
    posted.earning &= ~(1 << own.seat)
  }
  posted.open--
  return shareOf(deal)
}

/** A job, and a claim of it that is neither paid nor refuted. */
function claimOf(m: Ledger, call: Call): readonly [Posted, Engagement] {
  const [posted, own] = [running(m, call), engagement(m, call.job, call.provider)]
  demand(stateIn(posted, own) === 'Claimed', 'WrongState')
  return [posted, own]
}

/** Games that are open on a claim. */
export const liveOf = (m: Ledger, job: number, provider: number): readonly Game[] =>
  m.games.filter((game) => !game.over && game.job === job && game.provider === provider)

const demandUndisputed = (m: Ledger, { job, provider }: Call): void =>
  demand(liveOf(m, job, provider).length === 0, 'Disputed')

function settle(m: Ledger, call: Call): void {
  const [deal, [posted, own]] = [m.deals[call.job], claimOf(m, call)]
  demand(m.now > closesOf(deal, own.since), 'TooEarly')
  demandUndisputed(m, call)
  pay(m, call, { posted, own, earns: deal.kind !== 'audited' })
}

function pay(m: Ledger, call: Call, { posted, own, earns }: { posted: Posted; own: Engagement; earns: boolean }): void {
  const deal = m.deals[call.job]
  const refused = isEarning(posted, own) ? posted.refused : own.refused
  const share = takeShare(posted, own, deal)
  own.state = 'Paid'
  const whole = refused ? (share * deal.refusedShare * BigInt(REFUSED_STEP)) / (10_000n * BigInt(STEPS)) : share
  const earned = earns ? whole : 0n
  owe(m, deal, call.provider, deal.stake + earned)
  owe(m, deal, deal.requester, share - earned)
}

function expire(m: Ledger, call: Call): void {
  const [deal, posted, own] = [m.deals[call.job], running(m, call), engagement(m, call.job, call.provider)]
  demand(['Taken', 'Sealed'].includes(stateIn(posted, own)), 'WrongState')
  demand(m.now > dueOf(deal, own), 'TooEarly')
  owe(m, deal, deal.requester, deal.stake + takeShare(posted, own, deal))
  own.state = 'Expired'
}

function release(m: Ledger, call: Call): void {
  const [deal, posted, own] = [m.deals[call.job], known(m, call), engagement(m, call.job, call.provider)]
  demand(posted.isVoid && isLive(own.state), 'WrongState')
  own.state = 'Void'
  owe(m, deal, call.provider, deal.stake)
}

function settleAudited(m: Ledger, call: Call): void {
  const [deal, posted] = [m.deals[call.job], running(m, call)]
  demand(deal.kind === 'audited', 'WrongKind')
  const own = engagement(m, call.job, call.provider)
  demand(own.state === 'Claimed', 'WrongState')
  demand(own.claim === call.claim, 'WrongClaim')
  demand(call.ruling !== 'undecided', 'Undecided')
  if (call.ruling === 'refuted') {
    owe(m, deal, deal.requester, deal.stake + takeShare(posted, own, deal))
    Object.assign(own, { state: 'Slashed', rewarded: true })
    return
  }
  demandUndisputed(m, call)
  pay(m, call, { posted, own, earns: true })
}

function settleProven(m: Ledger, call: Call): void {
  const [deal, posted] = [m.deals[call.job], running(m, call)]
  demand(deal.kind === 'proven', 'WrongKind')
  demand(m.now <= deal.deadline, 'TooLate')
  demand(posted.open > 0, 'JobClosed')
  demand(!call.forged, 'BadProof')
  const own = engagement(m, call.job, call.provider)
  Object.assign(own, { state: 'Paid', since: m.now, claim: call.claim })
  owe(m, deal, call.provider, takeShare(posted, own, deal))
}

// ---------------------------------------------------------------- quorums

/** Who sealed, in the order of the seats. */
export const sealersOf = (m: Ledger, job: number): readonly number[] =>
  m.deals[job].seats.filter((provider) => m.engagements[idOf(job, provider)]?.sealed !== undefined)

function seal(m: Ledger, call: Call): void {
  const [deal, posted, own] = [m.deals[call.job], m.jobs[call.job], engagement(m, call.job, call.provider)]
  demand(posted?.isVoid !== true, 'VoidedJob')
  demand(posted !== undefined && deal.kind === 'quorum', 'WrongKind')
  demand(own.state === 'Taken', 'WrongState')
  demand(m.now <= deal.deadline, 'TooLate')
  demandOwn(call, call.provider)
  Object.assign(own, { state: 'Sealed', sealed: { claim: call.claim, refused: call.declares } })
  posted.seals++
}

function demandReveals(m: Ledger, { job }: Call): Posted {
  const [deal, posted] = [m.deals[job], m.jobs[job]]
  demand(posted?.isVoid !== true, 'VoidedJob')
  demand(posted !== undefined && deal.kind === 'quorum', 'WrongKind')
  demand(posted.seals === deal.seats.length || m.now > deal.deadline, 'SealsOpen')
  demand(m.now <= deal.deadline + deal.window, 'TooLate')
  return posted
}

/** Whose reveals an agreement is tried with: all that sealed this claim; forged, all that sealed anything. */
export const revealersOf = (m: Ledger, { job, claim, forged }: Call): readonly number[] =>
  sealersOf(m, job).filter((provider) => forged || m.engagements[idOf(job, provider)].sealed!.claim === claim)

function settleQuorum(m: Ledger, call: Call): void {
  const [deal, posted] = [m.deals[call.job], demandReveals(m, call)]
  demand(posted.agreed === undefined, 'Agreed')
  const reveals = revealersOf(m, call)
  demand(reveals.length >= deal.threshold, 'Pending')
  const all = reveals.map((provider) => m.engagements[idOf(call.job, provider)])
  const { claim } = all[0].sealed!
  demand(
    all.every(({ sealed }) => sealed!.claim === claim),
    'NoAgreement',
  )
  let earning = 0
  for (const { state, sealed, seat } of all) {
    demand(state === 'Sealed' || state === 'Claimed', 'RefutedReplica')
    demand(sealed!.refused === call.declares, 'WrongRefusal')
    earning |= 1 << seat
  }
  Object.assign(posted, { agreed: claim, earning, refused: call.declares })
  demandRecord({ ...call, claim })
}

function reveal(m: Ledger, call: Call): void {
  const [posted, own] = [demandReveals(m, call), engagement(m, call.job, call.provider)]
  demand(own.sealed !== undefined && own.sealed.claim === call.claim && !call.forged, 'WrongSeal')
  demand(own.sealed!.refused === call.declares, 'WrongRefusal')
  if (posted.agreed === call.claim && posted.refused === call.declares) {
    const isNew = (own.state === 'Sealed' || own.state === 'Claimed') && !isEarning(posted, own)
    demand(isNew, 'WrongState')
    posted.earning |= 1 << own.seat
    return
  }
  demand(own.state === 'Sealed', 'WrongState')
  Object.assign(own, { state: 'Claimed', since: m.now, claim: call.claim, refused: call.declares })
  demandRecord(call)
}

function refund(m: Ledger, call: Call): void {
  const [deal, posted] = [m.deals[call.job], running(m, call)]
  demand(deal.kind === 'quorum', 'WrongKind')
  demand(m.now > deal.deadline + deal.window, 'TooEarly')
  const shares = posted.open - posted.earning.toString(2).replaceAll('0', '').length
  demand(shares > 0, 'NothingLeft')
  posted.open -= shares
  owe(m, deal, deal.requester, shareOf(deal) * BigInt(shares))
}

// ---------------------------------------------------------------- fault proofs

export const PRIORITY = 86_400
const EXTENSION = 3 * 3600
const MAX_QUESTIONS = 40

/** What an announcement is of: a proof and who announces it. */
export const announcementOf = ({ job, provider, claim, ruling, nonce, who }: Call): string =>
  [job, provider, claim, ruling, nonce, who].join('/')

function announce(m: Ledger, call: Call): void {
  const name = announcementOf(call)
  demand(m.announced[name] === undefined, 'AlreadyAnnounced')
  m.announced[name] = m.block + 1
}

function prove(m: Ledger, call: Call): void {
  demand(!call.forged, 'NotAReferee')
  const announced = m.announced[announcementOf(call)]
  demand(announced !== undefined, 'NotAnnounced')
  const { state, claim } = standingOf(m, call.job, call.provider)
  demand(claim !== undefined && claim === call.claim, 'WrongClaim')
  demand(call.ruling !== 'none', 'Refused')
  if (call.ruling === 'void') {
    const posted = running(m, call)
    posted.isVoid = true
    return closeAll(m, posted, m.deals[call.job])
  }
  demand(call.ruling === 'false', 'UnknownRuling')
  rule(m, call, { state, announced, challenger: call.who })
}

function rule(m: Ledger, call: Call, to: { state: State; announced: number; challenger: number }): void {
  const { announced, challenger } = to
  const ruling = m.rulings[idOf(call.job, call.provider)]
  if (ruling === undefined) {
    demand(to.state === 'Claimed', 'NotClaimed')
    refute(m, call)
    m.rulings[idOf(call.job, call.provider)] = { challenger, announced, until: m.now + PRIORITY }
    return
  }
  demand(m.now < ruling.until, 'TooLate')
  demand(announced < ruling.announced, 'TooLate')
  Object.assign(ruling, { challenger, announced })
}

function refute(m: Ledger, call: Call): void {
  const [deal, [posted, own]] = [m.deals[call.job], claimOf(m, call)]
  const share = takeShare(posted, own, deal)
  own.state = 'Slashed'
  owe(m, deal, deal.requester, share + deal.stake - deal.stake / 2n)
}

function payReward(m: Ledger, call: Call): void {
  const ruling = m.rulings[idOf(call.job, call.provider)]
  demand(ruling !== undefined && m.now >= ruling.until, 'TooEarly')
  known(m, call)
  const [deal, own] = [m.deals[call.job], engagement(m, call.job, call.provider)]
  demand(own.state === 'Slashed', 'WrongState')
  demand(!own.rewarded, 'AlreadyRewarded')
  own.rewarded = true
  owe(m, deal, ruling.challenger, deal.stake / 2n)
}

// ---------------------------------------------------------------- games

const NOTHING: Question = { form: 'none', kind: 0, size: 0, hash: new Uint8Array(32) }

function open(m: Ledger, call: Call): void {
  const deal = m.deals[call.job]
  const { state, claim, closes } = standingOf(m, call.job, call.provider)
  demand(claim !== undefined && claim === call.claim, 'WrongClaim')
  demand(state === 'Claimed', 'NotClaimed')
  demand(m.now <= closes, 'WindowClosed')
  demand(!call.otherTerms, 'WrongTerms')
  const bond = deal.bond << BigInt(Math.min(liveOf(m, call.job, call.provider).length, 32))
  m.games.push({
    job: call.job,
    provider: call.provider,
    challenger: call.from,
    claim: call.claim,
    bond,
    movedAt: m.now,
    providerMoves: false,
    over: false,
    questions: 0,
    providerClock: deal.moveTime,
    challengerClock: deal.moveTime,
    question: NOTHING,
    subject: { name: 'none' },
  })
  receive(m, 'dispute', bond, { coin: deal.coin, call })
}

/** True while something may be asked or answered. */
export const isRunning = (m: Ledger, game: Game | undefined): game is Game =>
  game !== undefined && !game.over && m.rulings[idOf(game.job, game.provider)] === undefined

function runningGame(m: Ledger, { game }: Call): Game {
  const found = m.games[game]
  demand(isRunning(m, found), 'GameOver')
  return found
}

function spend(m: Ledger, game: Game, clock: number): number {
  const spent = m.now - game.movedAt
  demand(spent <= clock, 'TooLate')
  game.movedAt = m.now
  return Math.max(clock - spent, m.deals[game.job].replayTime + EXTENSION)
}

function challengerMoves(m: Ledger, call: Call): Game {
  const game = runningGame(m, call)
  demand(call.from === game.challenger, 'NotTheChallenger')
  demand(!game.providerMoves, 'NotYourMove')
  game.challengerClock = spend(m, game, game.challengerClock)
  return game
}

function providerMoves(m: Ledger, call: Call): Game {
  const game = runningGame(m, call)
  demand(game.providerMoves, 'NotYourMove')
  game.providerClock = spend(m, game, game.providerClock)
  return game
}

function put(game: Game, question: Question, subject = game.subject): void {
  demand(game.questions < MAX_QUESTIONS, 'TooManyQuestions')
  game.questions++
  Object.assign(game, { question, subject, providerMoves: true, last: undefined })
}

const list = (kind: Kind, size: number, hash: Bytes32): Question => ({ form: 'list', kind: KINDS[kind], size, hash })
const kindName = (code: number): Kind => (Object.keys(KINDS) as Kind[]).find((name) => KINDS[name] === code)!
const same = (a: Bytes32, b: Bytes32): boolean => toHex(a) === toHex(b)
const isZero = (hash: Bytes32): boolean => hash.every((byte) => byte === 0)

function demandRun(m: Ledger, call: Call): void {
  const game = challengerMoves(m, call)
  put(game, list('run', STEPS, m.runs[game.claim]), { name: 'none' })
}

/** Leaves below each child of a node. */
export const childRun = (size: number): number => {
  let run = 1
  while (run * 64 < size) run *= 64
  return run
}

function descend(m: Ledger, call: Call): void {
  const game = challengerMoves(m, call)
  const { form, kind, size } = game.question
  demand(form === 'list' || form === 'node', 'NothingBelow')
  const [child] = call.places
  demand(child !== -1, 'BadRun')
  demand(!call.forged, 'RootMismatch')
  const { last } = game
  if (last?.name === 'answerCommitment') return put(game, { form: nodeOf(size), kind, size, hash: last.root })
  if (last?.name !== 'answerChildren') throw new Error('nothing was answered')
  const run = size === 1 ? 1 : childRun(size)
  const under = Math.min(run, size - child * run)
  put(game, { form: nodeOf(under), kind, size: under, hash: last.children[child] })
}
const nodeOf = (size: number): 'leaf' | 'node' => (size === 1 ? 'leaf' : 'node')

function descendStep(m: Ledger, call: Call): void {
  const game = challengerMoves(m, call)
  const { form, kind } = game.question
  demand(form === 'leaf' && (kind === KINDS.run || kind === KINDS.segment), 'NothingBelow')
  demand(!call.forged, 'WrongAnswer')
  const step = decodeStep(leafSaid(game))
  const [field] = call.places
  demand(field <= 4, 'NothingBelow')
  const hash = step[STEP_FIELDS[field]]
  const kinds = ['state', 'inputs', 'values', 'state', 'outputs'] as const
  demand(!isZero(hash), 'NotCommitted')
  put(game, list(kinds[field], COUNTS[kinds[field]], hash))
}

const leafSaid = ({ last }: Game): Uint8Array => {
  if (last?.name !== 'answerLeaf') throw new Error('no leaf was said')
  return last.leaf
}

const ITEMS: readonly number[] = [KINDS.state, KINDS.inputs, KINDS.outputs, KINDS.values]

function descendItem(m: Ledger, call: Call): void {
  const game = challengerMoves(m, call)
  const { form, kind } = game.question
  demand(form === 'leaf' && !call.forged && leafSaid(game).length === 32, 'WrongAnswer')
  const item = leafSaid(game)
  demand(!isZero(item), 'NotCommitted')
  demand(ITEMS.includes(kind), 'NothingBelow')
  put(game, { form: 'digest', kind: 0, size: 0, hash: item })
}

function descendTensor(m: Ledger, call: Call): void {
  const game = challengerMoves(m, call)
  demand(game.question.form === 'digest' && !call.forged, 'WrongAnswer')
  if (game.last?.name !== 'answerDigest') throw new Error('no digest was said')
  // Every tensor of the runs here is one tile.
  put(game, { form: 'leaf', kind: 0, size: 1, hash: game.last.root })
}

const commitmentKey = ({ job, provider }: Game, subject: Subject): string =>
  `${idOf(job, provider)}/${subjectKey(subject)}`

function demandTrace(m: Ledger, call: Call): void {
  const game = challengerMoves(m, call)
  const subject = { name: 'trace', leaf: call.places[0] } as const
  demand(subject.leaf < STEPS, 'IndexOutOfRange')
  const made = m.commitments[commitmentKey(game, subject)]
  const hash = made === undefined ? new Uint8Array(32) : sizedRoot('segment', made)
  put(game, { form: made === undefined ? 'trace' : 'list', kind: KINDS.segment, size: 1, hash }, subject)
}

function demandExpansion(m: Ledger, call: Call): void {
  const game = challengerMoves(m, call)
  const [step, value, element] = call.places
  demand(step < STEPS && value < COUNTS.values, 'IndexOutOfRange')
  const subject = { name: 'expansion', step, value, element } as const
  demand(m.commitments[commitmentKey(game, subject)] === undefined, 'AlreadyCommitted')
  put(game, { form: 'expansion', kind: KINDS.expansion, size: 0, hash: new Uint8Array(32) }, subject)
}

function resumeExpansion(m: Ledger, call: Call): void {
  const game = challengerMoves(m, call)
  const [step, value, element] = call.places
  const subject = { name: 'expansion', step, value, element } as const
  const made = m.commitments[commitmentKey(game, subject)]
  demand(made !== undefined && !call.forged, 'NotCommitted')
  put(game, list('expansion', made.size, sizedRoot('expansion', made)), subject)
}

function answered(game: Game, said: Answer): void {
  Object.assign(game, { providerMoves: false, last: said })
}

function answerChildren(m: Ledger, call: Call): void {
  const game = providerMoves(m, call)
  const { form, kind, size, hash } = game.question
  const { children } = call.said as Extract<Answer, { name: 'answerChildren' }>
  demand(form === 'list' || form === 'node', 'WrongAnswer')
  const places = size > 1 ? Math.ceil(size / childRun(size)) : size
  demand(children.length === places, 'BadProofLength')
  const root = children.length === 0 ? EMPTY_ROOT : rootFrom(children)
  demand(same(form === 'list' ? sizedRoot(kindName(kind), { size, root }) : root, hash), 'RootMismatch')
  answered(game, call.said!)
}

function answerLeaf(m: Ledger, call: Call): void {
  const game = providerMoves(m, call)
  const { leaf } = call.said as Extract<Answer, { name: 'answerLeaf' }>
  demand(game.question.form === 'leaf' && same(hashLeaf(leaf), game.question.hash), 'WrongAnswer')
  answered(game, call.said!)
}

const typeName = (code: number): DType => (Object.keys(DTYPES) as DType[]).find((name) => DTYPES[name].code === code)!

function answerDigest(m: Ledger, call: Call): void {
  const game = providerMoves(m, call)
  const { form, root } = call.said as Extract<Answer, { name: 'answerDigest' }>
  const type = { dtype: typeName(form.dtype), dims: form.dims.map(Number) }
  const fits = game.question.form === 'digest' && same(digestFrom({ type }, root), game.question.hash)
  demand(fits, 'WrongAnswer')
  answered(game, call.said!)
}

/** No run here is refused, so a record of a refusal answers nothing. */
function answerRefusal(m: Ledger, call: Call): void {
  providerMoves(m, call)
  demand(false, 'WrongAnswer')
}

function answerCommitment(m: Ledger, call: Call): void {
  const game = providerMoves(m, call)
  demand(call.from === game.provider, 'NotTheProvider')
  const { size: given, root } = call.said as Extract<Answer, { name: 'answerCommitment' }>
  const size = Number(given)
  const { question, subject } = game
  demand(question.form !== 'trace' || size === question.size, 'IndexOutOfRange')
  demand(question.form === 'trace' || question.form === 'expansion', 'WrongAnswer')
  const made = m.commitments[commitmentKey(game, subject)]
  demand(made === undefined || (made.size === size && same(made.root, root)), 'AlreadyCommitted')
  m.commitments[commitmentKey(game, subject)] = { size, root }
  const kind = question.form === 'trace' ? 'segment' : 'expansion'
  game.question = list(kind, size, sizedRoot(kind, { size, root }))
  answered(game, call.said!)
}

/** When the clock of whoever has to move runs out. */
export const deadlineOf = ({ movedAt, providerMoves, providerClock, challengerClock }: Game): number =>
  movedAt + (providerMoves ? providerClock : challengerClock)

function provideTimedOut(m: Ledger, call: Call): void {
  const game = runningGame(m, call)
  demand(game.providerMoves, 'NotYourMove')
  demand(m.now > deadlineOf(game), 'TooEarly')
  const { job, provider, challenger } = game
  const { state } = standingOf(m, job, provider)
  rule(m, { ...call, job, provider }, { state, announced: m.block + 1, challenger })
}

function challengerTimedOut(m: Ledger, call: Call): void {
  const game = runningGame(m, call)
  demand(!game.providerMoves, 'NotYourMove')
  demand(call.from === game.challenger || m.now > deadlineOf(game), 'TooEarly')
  demand(standingOf(m, game.job, game.provider).state === 'Claimed', 'NotClaimed')
  closeGame(m, game, game.provider)
}

function close(m: Ledger, call: Call): void {
  const game = m.games[call.game]
  demand(game !== undefined && !game.over, 'GameOver')
  const { state } = standingOf(m, game.job, game.provider)
  demand(state === 'Slashed' || state === 'Void', 'StillRunning')
  closeGame(m, game, game.challenger)
}

function closeGame(m: Ledger, game: Game, to: number): void {
  game.over = true
  credit(m, 'dispute', game.bond, { coin: m.deals[game.job].coin, to })
}

/** What every call does, by the name of its function. */
export const RULES = {
  post,
  cancel,
  take,
  takeSeat,
  fileClaim,
  seal,
  settleQuorum,
  reveal,
  refund,
  settle,
  expire,
  release,
  settleAudited,
  settleProven,
  withdraw,
  announce,
  prove,
  payReward,
  open,
  demandRun,
  descend,
  descendStep,
  descendItem,
  descendTensor,
  demandTrace,
  demandExpansion,
  resumeExpansion,
  answerChildren,
  answerLeaf,
  answerDigest,
  answerRefusal,
  answerCommitment,
  provideTimedOut,
  challengerTimedOut,
  close,
} satisfies Record<string, (m: Ledger, call: Call) => void>

// ---------------------------------------------------------------- the books

/** Everything that a house holds for somebody, paid out or not yet. */
export function lockedIn(m: Ledger, house: House, coin: Coin): bigint {
  let sum = 0n
  if (house === 'dispute') {
    for (const game of m.games) if (!game.over && m.deals[game.job].coin === coin) sum += game.bond
    return sum
  }
  m.deals.forEach((deal, job) => {
    if (deal.coin !== coin || m.jobs[job] === undefined) return
    sum += shareOf(deal) * BigInt(m.jobs[job].open)
    for (const [id, { state, rewarded }] of Object.entries(m.engagements)) {
      if (!id.startsWith(`${job}/`)) continue
      if (isLive(state)) sum += deal.stake
      if (state === 'Slashed' && !rewarded) sum += deal.stake / 2n
    }
  })
  return sum
}
