/**
 * Chains of rounds: data-parallel training in which every link is a receipt. In each round workers train from the common state, and an outer
 * step combines what they reached; the next round begins there.
 *
 * Data flow: terms + rounds -> chain (every link fits the one before it) -> audit (every link is computed again).
 * @module
 */
import { equal, toHex, ZERO32, type Bytes32 } from '../core/bytes.js'
import { Fault, demand, type FaultCode } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { inputsOf, startOf, type Outer } from '../autodiff/diloco.js'
import { sample, type Apart } from '../audit/index.js'
import { open as openUnder } from '../data/course.js'
import type { Dataset } from '../data/dataset.js'
import { from as scheduleFrom, hash as hashSchedule, type Schedule, type ScheduleOptions } from '../data/schedule.js'
import { hash as hashProgram } from '../exact/format.js'
import { verify as verifyBundle, type Bundle } from '../receipt/bundle.js'
import { hash as hashClaim } from '../receipt/claim.js'
import { toAddress, type Address } from '../receipt/fields.js'
import type { ReceiptOptions } from '../receipt/receipt.js'
import { demandTypes, type Runtime } from '../runtime/runtime.js'
import { digestOf, rootOfTensors } from '../trace/digests.js'
import { jobInputs } from '../trace/step.js'

/** What one worker trains on: a schedule without its start, which is another one in every round. No beacon: the seed follows from the job. */
export type WorkerData = Omit<Schedule, 'start' | 'beacon'>

/** What was agreed before the first round. */
export interface Terms {
  /** The outer step, with the program and the first state of the workers. */
  readonly outer: Outer
  /** Steps of a worker in each round. */
  readonly steps: number
  /** What each worker trains on, in order. Several may have the same: their jobs, and so their seeds and orders, still differ. */
  readonly data: readonly WorkerData[]
  /** The account of each worker in order, or that the workers of a round are all different. Default: whoever they are. */
  readonly providers?: readonly string[] | 'distinct'
  /** Who must have signed every job. Default: nobody; workers may then choose the salts of their jobs, and so the order of their data. */
  readonly requester?: string
}

/** A round: the runs of its workers in order, and the outer step. */
export interface Round {
  readonly workers: readonly Bundle[]
  readonly outer: Bundle
}

/** Rounds in order: a list, or read one by one. */
export type Rounds = Iterable<Round> | AsyncIterable<Round>

/** One link of a chain. */
export interface Link {
  readonly round: number
  /** Undefined for the outer step. */
  readonly worker: number | undefined
  readonly provider: Address
  /** hashStruct of the job. */
  readonly job: Bytes32
  /** hashStruct of the claim. */
  readonly claim: Bytes32
}

/** Rounds that were found to follow from each other. */
export interface Chain {
  readonly rounds: number
  /** Round by round: the workers, then the outer step. */
  readonly links: readonly Link[]
  /** Sized roots of the states of the outer program before the first round and after the last. */
  readonly initial: Bytes32
  readonly final: Bytes32
  /** After the last round: `Diloco.startOf` puts it into a state of the training program. */
  readonly state: readonly Tensor[]
}

/** What a worker trains on, of a data set and the same options as a schedule. @throws Fault `data/bad-schedule`. */
export function dataOf(dataset: Dataset, options: Omit<ScheduleOptions, 'start' | 'beacon'>): WorkerData {
  const schedule = scheduleFrom(dataset, { ...options, start: { from: 'checkpoint', root: ZERO32 } })
  const { dataset: root, samples, batchSize, order, augmentations } = schedule
  return Object.freeze({ dataset: root, samples, batchSize, order, augmentations })
}

/** Which worker, and the state of the outer program before the round. */
export interface Seat {
  readonly worker: number
  readonly state: readonly Tensor[]
}

/** The one schedule that a worker's job may name in the round that begins in this state. */
export function scheduleOf({ outer, data }: Pick<Terms, 'outer' | 'data'>, { worker, state }: Seat): Schedule {
  const root = rootOfTensors('state', startOf(outer, state))
  return { ...data[worker], beacon: ZERO32, start: { from: 'checkpoint', root } }
}

/** A round and what it has to take up. */
interface Place {
  readonly round: number
  /** Of the outer program, before the round. */
  readonly state: readonly Tensor[]
}

interface Checking {
  readonly terms: Terms
  readonly options: ReceiptOptions
  /** Roots of the two programs. */
  readonly inner: Bytes32
  readonly outer: Bytes32
  /** Jobs that stand in the chain already. */
  readonly jobs: Set<string>
}

/**
 * The chain of these rounds, after every bundle was verified and every link found to take up what the links before it left, on the terms that
 * were agreed: programs, number of steps, data, accounts; no job stands in it twice.
 * Shows that these providers claim these results, each from the claims before it, from the agreed start to the final state. Does not show that
 * a claim is true: see `audit`.
 * @throws Fault `attest/broken-link`, `attest/wrong-terms`, `attest/duplicate-signer`, and those of `Bundle.verify`; `where` says which
 * link it is.
 * @remarks Cost: hashes over every tensor of every bundle; no step is run. One round is held at a time.
 */
export async function verify(rounds: Rounds, terms: Terms, options: Omit<ReceiptOptions, 'job'> = {}): Promise<Chain> {
  const checking = checkingOf(terms, options)
  const links: Link[] = []
  let place: Place = { round: 0, state: terms.outer.state }
  for await (const round of rounds) {
    links.push(...(await verifyRound(round, place, checking)))
    place = { round: place.round + 1, state: round.outer.finalState }
  }
  demand(place.round > 0, 'attest/wrong-terms', () => 'no rounds')
  return Object.freeze({
    rounds: place.round,
    links: Object.freeze(links),
    initial: rootOfTensors('state', terms.outer.state),
    final: rootOfTensors('state', place.state),
    state: place.state,
  })
}

function checkingOf(terms: Terms, options: ReceiptOptions): Checking {
  const { outer, data, providers, requester } = terms
  demandCount('data of every worker', data.length, outer.workers)
  if (providers !== undefined && providers !== 'distinct')
    demandCount('accounts of the workers', providers.length, outer.workers)
  demandOwnRuns(data)
  return {
    terms,
    options: requester === undefined ? options : { ...options, requested: true },
    inner: hashProgram(outer.inner.program),
    outer: hashProgram(outer.program),
    jobs: new Set(),
  }
}

/** Refuses workers that would all make one run: the same samples in the same order, so that one could sign what another computed. */
function demandOwnRuns(data: readonly WorkerData[]): void {
  const start = { from: 'checkpoint', root: ZERO32 } as const
  const orders = data.map((one) => toHex(hashSchedule({ ...one, beacon: ZERO32, start })))
  orders.forEach((order, worker) => {
    const own = data[worker].order === 'shuffled' || orders.indexOf(order) === worker
    demand(own, 'attest/wrong-terms', () => 'the same samples in the same order as another worker', {
      where: `worker ${worker}`,
    })
  })
}

async function verifyRound(round: Round, place: Place, checking: Checking): Promise<Link[]> {
  const { terms } = checking
  demandCount(`round ${place.round}, workers`, round.workers.length, terms.outer.workers)
  const links: Link[] = []
  for (const [worker, bundle] of round.workers.entries()) {
    const where = nameOf({ round: place.round, worker })
    links.push(await verifyLink(bundle, { round: place.round, worker }, checking))
    demandProvider(links, { terms, where })
    verifyWorker(bundle, { worker, state: place.state, where }, checking)
    await within(where, () => opened(bundle))
  }
  links.push(await verifyLink(round.outer, { round: place.round, worker: undefined }, checking))
  verifyOuter(round, place, checking)
  return links
}

/** How faults and stories call a link. */
export function nameOf({ round, worker }: Pick<Link, 'round' | 'worker'>): string {
  return `round ${round}, ${worker === undefined ? 'outer step' : `worker ${worker}`}`
}

/** What holds for every link: the bundle is sound, its run was not refused, its program is the agreed one and its job a new one. */
async function verifyLink(
  bundle: Bundle,
  at: Pick<Link, 'round' | 'worker'>,
  { terms, options, inner, outer, jobs }: Checking,
): Promise<Link> {
  const where = nameOf(at)
  await within(where, () => verifyBundle(bundle, options))
  const { job, receipt, refusal } = bundle.receipt
  demand(refusal === undefined, 'attest/broken-link', () => 'the program refused this run', { where })
  const [program, root] = at.worker === undefined ? [terms.outer.program, outer] : [terms.outer.inner.program, inner]
  demandHash('attest/wrong-terms', job.program, root, `${where}, program`)
  await within(where, () => demandTypes(bundle.finalState, 'state', program))
  if (terms.requester !== undefined) demandSame(job.requester, toAddress(terms.requester), `${where}, requester`)
  const { claim, provider } = receipt
  const id = toHex(claim.job)
  demand(!jobs.has(id), 'attest/wrong-terms', () => 'a job that stands in the chain already', { where, found: id })
  jobs.add(id)
  return Object.freeze({ ...at, provider, job: claim.job, claim: hashClaim(claim) })
}

/** The result; a fault is thrown on with the link that it is about. */
async function within<T>(where: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!Fault.is(error)) throw error
    const { detail } = error
    const inside = detail.where === undefined ? where : `${where}, ${detail.where}`
    throw new Fault(error.code, 'a link that does not stand by itself', { ...detail, where: inside, cause: error })
  }
}

/** The account of the newest of these workers is one that the terms allow. */
function demandProvider(workers: readonly Link[], { terms, where }: { terms: Terms; where: string }): void {
  const { providers } = terms
  const last = workers.length - 1
  const { provider } = workers[last]
  if (providers === undefined) return
  if (providers !== 'distinct') return demandSame(provider, toAddress(providers[last]), `${where}, provider`)
  const before = workers.findIndex((other) => other.provider === provider)
  demand(before === last, 'attest/duplicate-signer', () => `the account of worker ${before} too`, {
    where,
    found: provider,
  })
}

/** A worker made the agreed steps on the agreed data, from the common state of the round. */
function verifyWorker(bundle: Bundle, at: Seat & { readonly where: string }, { terms }: Checking): void {
  const { where } = at
  const { job } = bundle.receipt
  demandSame(job.steps, BigInt(terms.steps), `${where}, steps`)
  const { course } = bundle
  demand(course !== undefined, 'attest/wrong-terms', () => 'a job without a schedule', { where })
  const [expected, found] = [scheduleOf(terms, at), course.schedule]
  demandHash('attest/wrong-terms', found.dataset, expected.dataset, `${where}, data set`)
  const begins = found.start.from === 'checkpoint' ? found.start.root : ZERO32
  demandHash('attest/broken-link', begins, expected.start.root, `${where}, start`)
  demandHash('attest/wrong-terms', job.inputs, hashSchedule(expected), `${where}, schedule`)
}

/** The bundle with the inputs that its schedule draws, whatever else it was made with. */
function opened(bundle: Bundle): Bundle {
  const { course, program, receipt, initialState: checkpoint } = bundle
  if (course === undefined) return bundle
  const { state, inputs } = openUnder(course, program, {
    job: receipt.receipt.claim.job,
    steps: Number(receipt.job.steps),
    checkpoint,
  })
  return { ...bundle, initialState: state, inputs }
}

/** The outer step begins where the one before it ended, and takes what the workers reached, in order. */
function verifyOuter({ workers, outer }: Round, { round, state }: Place, { terms }: Checking): void {
  const where = nameOf({ round, worker: undefined })
  const { job } = outer.receipt
  demandSame(job.steps, 1n, `${where}, steps`)
  demand(outer.course === undefined, 'attest/wrong-terms', () => 'a job with a schedule', { where })
  demandHash('attest/broken-link', job.initialState, rootOfTensors('state', state), `${where}, start`)
  const reached = inputsOf(
    terms.outer,
    workers.map(({ finalState }) => finalState),
  )
  const given = outer.inputs.at(0) ?? []
  const other = reached.findIndex((tensor, i) => given[i] === undefined || !equal(digestOf(tensor), digestOf(given[i])))
  demand(other < 0, 'attest/broken-link', () => 'not what the worker reached', {
    where: `${where}, "${terms.outer.program.names.inputs[other]}"`,
  })
  demandHash('attest/broken-link', job.inputs, jobInputs([rootOfTensors('inputs', reached)]), `${where}, inputs`)
}

/** How to audit a chain. */
export interface AuditOptions {
  /** Which leaves of a link are computed again: say those that a beacon draws (`Challenge.challenged`). Default: all. */
  readonly leaves?: (bundle: Bundle, at: Pick<Link, 'round' | 'worker'>) => readonly number[]
  /** Called after every link. */
  readonly onLink?: (found: AuditedLink) => void
  readonly signal?: AbortSignal
}

/** What an audit found of one link. */
export interface AuditedLink {
  readonly round: number
  /** Undefined for the outer step. */
  readonly worker: number | undefined
  readonly provider: Address
  readonly outcome: 'valid' | 'refuted'
  /** The first leaf of its run that was found to be false. */
  readonly apart: Apart | undefined
  /** Leaves that were looked at, of so many. */
  readonly sampled: number
  readonly total: number
}

/** What an audit of a chain found. */
export interface Audited {
  readonly outcome: 'valid' | 'refuted'
  /** Every link that was looked at: nothing behind the round of the first false one, which all that follows builds on. */
  readonly links: readonly AuditedLink[]
  /** The first false link. */
  readonly refuted: AuditedLink | undefined
}

/**
 * Computes the links of a chain again, round by round, to the end of the round in which one is false.
 * Cost: the steps of the leaves that are looked at, and those between them. Trust: this machine, and whoever drew the leaves. Whether the links
 * fit together is what `verify` shows: before this.
 * @throws Fault `audit/refused-run`, and those of `Audit.sample` and `Data.Course.open`; `where` says which link it is.
 */
export async function audit(rounds: Rounds, runtime: Runtime, options: AuditOptions = {}): Promise<Audited> {
  const links: AuditedLink[] = []
  let index = 0
  for await (const { workers, outer } of rounds) {
    const round = index++
    const auditing = { ...options, runtime }
    for (const [worker, bundle] of workers.entries()) links.push(await auditLink(bundle, { round, worker }, auditing))
    links.push(await auditLink(outer, { round, worker: undefined }, auditing))
    if (links.some(({ outcome }) => outcome === 'refuted')) break
  }
  const refuted = links.find(({ outcome }) => outcome === 'refuted')
  return Object.freeze({ outcome: refuted === undefined ? 'valid' : 'refuted', links: Object.freeze(links), refuted })
}

interface Auditing extends AuditOptions {
  readonly runtime: Runtime
}

async function auditLink(
  bundle: Bundle,
  at: Pick<Link, 'round' | 'worker'>,
  { runtime, leaves = allOf, onLink, signal }: Auditing,
): Promise<AuditedLink> {
  const { outcome, apart, sampled, total } = await within(nameOf(at), () => {
    const whole = opened(bundle)
    return sample(whole, runtime, { leaves: leaves(whole, at), signal })
  })
  const { provider } = bundle.receipt.receipt
  const found = Object.freeze({ ...at, provider, outcome, apart, sampled: sampled.length, total })
  onLink?.(found)
  return found
}

const allOf = ({ leaves }: Bundle): number[] => leaves.map((_, i) => i)

function demandHash(code: FaultCode, found: Bytes32, expected: Bytes32, where: string): void {
  demand(equal(found, expected), code, () => 'another one', { where, expected: toHex(expected), found: toHex(found) })
}

function demandSame(found: bigint | string, expected: bigint | string, where: string): void {
  demand(found === expected, 'attest/wrong-terms', () => 'another one than agreed', { where, expected, found })
}

function demandCount(where: string, found: number, expected: number): void {
  demand(found === expected, 'attest/wrong-terms', () => 'more or fewer than agreed', { where, expected, found })
}
