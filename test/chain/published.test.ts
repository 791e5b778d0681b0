/** What providers publish: enough for a proof without a game, and never believed. */
import { describe, expect, test } from 'vitest'
import {
  Disputes,
  Jobs,
  challengeClaim,
  domainOf,
  headOf,
  idOf,
  type Published,
  type WatcherNews,
} from '../../src/chain/index.js'
import { publishedFirst } from '../../src/chain/published.js'
import { Fault } from '../../src/core/faults.js'
import * as Course from '../../src/data/course.js'
import type { Answer, Ask, Move, Question } from '../../src/dispute/question.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import { jobFor, jobForCourse, provide } from '../../src/receipt/provide.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import type { Work } from '../../src/trace/trace.js'
import { flipped, lyingRuntime } from '../dispute/liar.js'
import { fill, signerOf } from '../receipt/samples.js'
import { network } from '../trace/work.js'
import { mixture, scheduled, valueOf } from './mixture.js'
import { world } from './own-world.js'
import { ALICE, DAY, MALLORY, REQUESTER, TERMS, WATCHER, addressOf } from './world.js'

interface Claimed {
  readonly posted: Jobs.PostedJob
  readonly bundle: Bundle
  readonly claim: Jobs.FiledClaim
}

/** A job with operator traces on the chain, and what a provider claims and publishes about it. */
async function claimed(work: Work, by: number, runtime: Runtime = reference()): Promise<Claimed> {
  const requester = await world.as(REQUESTER)
  const policy = Policy.optimistic(2 * DAY)
  const options = {
    policy,
    requester: signerOf(REQUESTER),
    deadline: Number((await headOf(requester)).time) + DAY,
    operatorTrace: true,
    domain: domainOf(world.deployment),
  }
  const { program, course, inputs } = work
  const signed = await (course === undefined
    ? jobFor(work, options)
    : jobForCourse({ program, course, steps: inputs.length }, options))
  const posted = { hash: Job.hash(signed.job), job: signed.job, policy, terms: TERMS }
  await Disputes.describe(requester, program)
  await Jobs.post(requester, posted)
  await Jobs.take(await world.as(by), posted)
  const own = course === undefined ? work : Course.open(course, program, { job: posted.hash, steps: inputs.length })
  const run = await provide(own, { job: signed, runtime, signer: signerOf(by) })
  const bundle = await run.reveal()
  const provider = addressOf(by)
  await Jobs.fileClaim(await world.as(by), bundle.receipt.receipt.claim)
  const claim = await Jobs.readClaim(await world.as(WATCHER), posted.hash, provider)
  return { posted, bundle, claim }
}

/** What a challenger says who is shown this; stopped as soon as it asks, or finds nothing to compute. */
async function challenged({ claim }: Claimed, shown: Published): Promise<readonly WatcherNews[]> {
  const news: WatcherNews[] = []
  const stopper = new AbortController()
  await challengeClaim(await world.as(WATCHER), claim, {
    bundleOf: () => shown,
    runtime: reference(),
    signal: stopper.signal,
    onProgress(one) {
      news.push(one)
      if (one.kind === 'asked' || one.kind === 'unavailable') stopper.abort()
    },
  }).catch((error: unknown) => expect(Fault.is(error, 'core/aborted')).toBe(true))
  return news
}

const kinds = (news: readonly WatcherNews[]): readonly string[] =>
  news.map(({ kind }) => kind).filter((kind) => kind !== 'replayed')
const stateOf = async ({ posted }: Claimed, by: number) =>
  (await Jobs.engagementOf(await world.as(WATCHER), idOf(posted.hash, addressOf(by)))).state

describe('a bundle with all values', () => {
  test('of a liar is enough for the proof, without a game', async () => {
    for (const op of ['Relu', 'Add', 'Sub', 'Gather']) {
      const work = mixture({ steps: 2, seed: 3 })
      const liar = lyingRuntime({ step: 1, value: valueOf(work, op), element: 2, flip: 1 << 20 }, 0)
      const of = await claimed(work, MALLORY, liar)
      const news = await challenged(of, of.bundle)
      expect(kinds(news), op).toEqual(['proving', 'proved'])
      expect(await stateOf(of, MALLORY)).toBe('slashed')
    }
  })

  test('of a liar in a sum leads to the element, and a game is asked for the sum alone', async () => {
    const work = mixture({ seed: 4 })
    const liar = lyingRuntime({ step: 0, value: valueOf(work, 'MatMul'), element: 1 }, 0)
    const of = await claimed(work, MALLORY, liar)
    const news = await challenged(of, of.bundle)
    expect(kinds(news)).toEqual(['opened', 'asked'])
    const asked = news.find((one) => one.kind === 'asked')
    expect(asked?.move.name).toBe('demandExpansion')
  })

  test('that does not fit together is not asked: the provider is', async () => {
    const work = mixture({ seed: 5 })
    const liar = lyingRuntime({ step: 0, value: valueOf(work, 'Relu'), element: 1, flip: 1 << 20 }, 0)
    const of = await claimed(work, MALLORY, liar)
    const [values] = of.bundle.values!
    const [first, ...rest] = values
    const forged = { ...of.bundle, values: [[flipped(first, 0), ...rest]] }
    const news = await challenged(of, forged)
    expect(kinds(news)).toEqual(['opened', 'asked'])
  })

  test('of an honest provider finds nobody to object', async () => {
    const of = await claimed(network({ seed: 6 }), ALICE)
    expect(kinds(await challenged(of, of.bundle))).toEqual(['true'])
  })
})

describe('whoever publishes', () => {
  test('another job over the same schedule does not make a watcher compute from another seed', async () => {
    const of = await claimed(scheduled(), ALICE)
    const { receipt } = of.bundle
    const other = { ...of.bundle, receipt: { ...receipt, job: { ...receipt.job, salt: fill(9) } } }
    expect(kinds(await challenged(of, other))).toEqual(['true'])
  })

  test('another run of the job, or the work by itself, says as well what there is to compute', async () => {
    const of = await claimed(mixture({ seed: 7 }), ALICE)
    const { program, initialState: state, inputs } = of.bundle
    expect(kinds(await challenged(of, { program, state, inputs }))).toEqual(['true'])
    const liar = lyingRuntime({ step: 0, value: valueOf({ program, state, inputs }, 'Relu'), element: 0 }, 0)
    const job = { ...(await jobFor({ program, state, inputs })), job: of.posted.job, policy: of.posted.policy }
    const falsely = await (
      await provide({ program, state, inputs }, { job, runtime: liar, signer: signerOf(MALLORY) })
    ).reveal()
    expect(kinds(await challenged(of, falsely))).toEqual(['true'])
  })

  test('other work is told so, and nothing is challenged', async () => {
    const of = await claimed(mixture({ seed: 8 }), ALICE)
    const news = await challenged(of, { ...of.bundle, program: network().program })
    expect(kinds(news)).toEqual(['unavailable'])
    expect(news.some((one) => one.kind === 'unavailable' && Fault.is(one.error, 'receipt/wrong-program'))).toBe(true)
  })
})

test('where published answers end, the provider is led the way that was gone so far, once', async () => {
  const question = { form: 'leaf', kind: 1, size: 1, hash: fill(0) } as Question
  const move = (name: string) => ({ name }) as Move
  const answer = { name: 'answerLeaf', leaf: fill(1) } as Answer
  const asked: string[] = []
  const provider: Ask = async ({ name }) => (asked.push(name), answer)
  const published: Ask = async ({ name }) => {
    if (name.startsWith('known')) return answer
    throw new Fault('dispute/not-known', name)
  }
  const ask = publishedFirst(published, provider)
  for (const name of ['known 1', 'known 2']) await ask(move(name), question)
  expect(asked).toEqual([])
  await ask(move('unknown 1'), question)
  expect(asked).toEqual(['known 1', 'known 2', 'unknown 1'])
  await ask(move('unknown 2'), question)
  await ask(move('known 3'), question)
  await ask(move('demandExpansion'), question)
  await ask(move('unknown 3'), question)
  expect(asked.slice(3)).toEqual(['unknown 2', 'demandExpansion', 'unknown 3'])
  await ask(move('known 4'), question)
  await ask(move('unknown 4'), question)
  expect(asked.slice(6)).toEqual(['known 3', 'known 4', 'unknown 4'])
})
