import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Jobs, accountOn, connect, domainOf, idOf } from '../../src/chain/index.js'
import { gameOf } from '../../src/chain/disputes.js'
import { runFor } from '../../src/dispute/own-run.js'
import { decode, encode, readerOf } from '../../src/receipt/bundle.js'
import { sign as signJob } from '../../src/receipt/job.js'
import { provide } from '../../src/receipt/provide.js'
import { reference } from '../../src/runtime/reference.js'
import type { Work } from '../../src/trace/trace.js'
import { dividing } from '../contracts/disputes.js'
import { lyingRun, lyingRuntime, type Lie } from '../dispute/liar.js'
import { signerOf } from '../receipt/samples.js'
import { BACK, HALF, about, refuted, survived } from './duels.js'
import { mixture, valueOf } from './mixture.js'
import {
  clear,
  filed,
  fromNow,
  gained,
  owed,
  refusing,
  responding,
  shakyProvider,
  standing,
  stateOf,
  stopAll,
  until,
  watching,
} from './stage.js'
import { node, world } from './own-world.js'
import { ALICE, ANYBODY, DAY, MALLORY, REQUESTER, TERMS, WATCHER, addressOf, later, started } from './world.js'

afterEach(stopAll)
beforeEach(() => clear(world, REQUESTER, ALICE, MALLORY, WATCHER, ANYBODY))

/** A product, a sum, a choice, a copy and arithmetic. */
const OPS = ['MatMul', 'ReduceSum', 'ReduceMax', 'Gather', 'Relu'] as const

describe('claims about runs', () => {
  const work = mixture({ steps: 3 })
  const lies = OPS.map((op): Lie => ({ step: 1, value: valueOf(work, op), element: 1, flip: 1 << 20 }))

  test('with a lie in any sort of op, of which nothing is shown, are led to it', async () => {
    const filings = await Promise.all(lies.map(async (lie) => ({ run: await lyingRun(work, lie) })))
    const faults = await refuted(world, work, filings)
    expect(faults).toEqual([
      'expansion.result',
      'expansion.result',
      expect.stringMatching(/^choice/),
      'element.element',
      'element.element',
    ])
  })

  test('that are true survive challengers who compute falsely', async () => {
    await survived(world, work, { shape: { commitEvery: 2, operatorTrace: true }, lies })
  })
})

/** In the last step: a lie that matters, so that it does not vanish in a sum. */
const lieIn = (work: Work, op: string): Lie => ({
  step: work.inputs.length - 1,
  value: valueOf(work, op),
  element: 1,
  flip: 1 << 20,
})

describe('a claim whose bundle shows everything', () => {
  test('is proved false in one transaction, and the reward is fetched a day later', async () => {
    const work = mixture({ steps: 2 })
    const watcher = await fromNow(world, WATCHER)
    const { posted, id, bundle, claim } = await provided(work, lieIn(work, 'Gather'))
    const before = await standing(world, WATCHER)
    const lie = { posted, claim: { id, provider: addressOf(MALLORY), claim, refusal: undefined }, bundle }
    const watch = watching(watcher, { of: [lie] })
    const { proved, proof } = await watch.said('proved')
    expect([proof.referee, proof.fault, proved.ruling]).toEqual(['element', 'element', 'false-claim'])
    expect(proved.proved.gas).toBeLessThan(1_200_000n)
    expect(await owed(world, REQUESTER)).toBe(BACK)
    expect(await owed(world, WATCHER)).toBe(0n)
    await later(world, DAY + 1)
    await watch.said('withdrawn')
    await watch.stop()
    const said = watch.news.map(({ kind }) => kind)
    expect(said).toEqual(['found', 'replayed', 'replayed', 'proving', 'proved', 'rewarded', 'withdrawn'])
    expect(await gained(world, WATCHER, before)).toBe(HALF)
    expect(await owed(world, WATCHER)).toBe(0n)
  })

  /** A bundle as a provider publishes it, of a run with a lie in it. */
  async function provided(work: Work, lie: Lie) {
    const posted = await started(world, work, MALLORY, { operatorTrace: true })
    const job = await signJob(posted.job, signerOf(REQUESTER), {
      policy: posted.policy,
      domain: domainOf(world.deployment),
    })
    const runtime = lyingRuntime(lie, 0)
    const sealed = await provide(work, { job, runtime, signer: signerOf(MALLORY) })
    const files = encode(await sealed.reveal())
    const bundle = await decode(readerOf(files))
    const { claim } = bundle.receipt.receipt
    await Jobs.fileClaim(await world.as(MALLORY), claim)
    return { posted, id: idOf(posted.hash, addressOf(MALLORY)), bundle, claim }
  }
})

describe('a provider that says nothing', () => {
  test('loses when its clock has run out, and the bond comes back', async () => {
    const work = mixture()
    const watcher = await fromNow(world, WATCHER)
    const run = await lyingRun(work, lieIn(work, 'ReduceMax'))
    const lie = await filed(world, work, { by: MALLORY, run })
    const before = await standing(world, WATCHER)
    const watch = watching(watcher, { of: [lie] })
    await watch.said('asked')
    await later(world, Number(TERMS.moveTime) - 60)
    await expect(stateOf(world, lie)).resolves.toBe('claimed')
    await later(world, 61)
    await watch.said('silent')
    await watch.said('closed')
    await later(world, DAY + 1)
    await watch.said('withdrawn')
    await watch.stop()
    expect(await gained(world, WATCHER, before)).toBe(HALF)
    expect(await owed(world, REQUESTER)).toBe(BACK)
  })

  test('in the middle of a game loses as well', async () => {
    const work = mixture({ steps: 2 })
    const [watcher, mallory] = [await fromNow(world, WATCHER), await fromNow(world, MALLORY)]
    const lie = await filed(world, work, { by: MALLORY, run: await lyingRun(work, lieIn(work, 'MatMul')) })
    const watch = watching(watcher, { of: [lie] })
    const answers = responding(mallory, [lie])
    await until('some answers', () => answers.news.filter(({ kind }) => kind === 'answered').length > 4)
    await answers.stop()
    await until(
      'an open question',
      async () => (await gameOf(watcher, (await watch.said('opened')).game)).providerMoves,
    )
    await later(world, Number(TERMS.moveTime) + 1)
    await watch.said('silent')
    await watch.stop()
    expect(await stateOf(world, lie)).toBe('slashed')
  })
})

describe('a game', () => {
  test('goes on where it stands when both sides are stopped and started again', async () => {
    const work = mixture({ steps: 2 })
    const [watcher, mallory] = [await fromNow(world, WATCHER), await fromNow(world, MALLORY)]
    const lie = await filed(world, work, { by: MALLORY, run: await lyingRun(work, lieIn(work, 'ReduceSum')) })
    let answers = responding(mallory, [lie])
    let watch = watching(watcher, { of: [lie] })
    const { game } = await watch.said('opened')
    await until('some questions', () => watch.news.filter(({ kind }) => kind === 'asked').length > 6)
    await Promise.all([watch.stop(), answers.stop()])
    watch = watching(watcher, { of: [lie] })
    await until('an open question', async () => (await gameOf(watcher, game)).providerMoves)
    answers = responding(mallory, [lie])
    await watch.said('asked', (news) => news.answer !== undefined)
    await watch.stop()
    watch = watching(watcher, { of: [lie] })
    await watch.said('proved')
    await watch.said('closed')
    await watch.stop()
    expect(watch.news.filter(({ kind }) => kind === 'opened')).toEqual([])
    // The reward is fetched by one that is started when it is due.
    await later(world, DAY + 1)
    watch = watching(watcher, { of: [lie] })
    await watch.said('withdrawn')
    await Promise.all([watch.stop(), answers.stop()])
    expect(watch.news.map(({ kind }) => kind)).toEqual(['found', 'rewarded', 'withdrawn'])
  })

  test('of one watcher is no hindrance for another: the faster is paid, and both have their bonds again', async () => {
    const work = mixture({ steps: 2 })
    const [watcher, anybody, mallory] = await Promise.all([WATCHER, ANYBODY, MALLORY].map((one) => fromNow(world, one)))
    const lie = await filed(world, work, { by: MALLORY, run: await lyingRun(work, lieIn(work, 'Relu')) })
    const before = await Promise.all([WATCHER, ANYBODY].map((one) => standing(world, one)))
    const answers = responding(mallory, [lie])
    const watches = [watching(watcher, { of: [lie] }), watching(anybody, { of: [lie] })]
    for (const watch of watches) await watch.said('closed')
    await later(world, DAY + 1)
    for (const watch of watches) await watch.said('withdrawn')
    await Promise.all([...watches, answers].map((one) => one.stop()))
    const gains = [await gained(world, WATCHER, before[0]), await gained(world, ANYBODY, before[1])]
    expect(gains.sort((a, b) => Number(a - b))).toEqual([0n, HALF])
    expect(await world.as(ANYBODY).then(({ dispute }) => dispute.read('live', lie.claim.id))).toBe(0n)
  })

  test('is undisturbed by a node that fails a third of all requests, on both sides', async () => {
    const work = mixture()
    const shaky = shakyProvider(node.url)
    const [watcher, mallory] = await Promise.all(
      [WATCHER, MALLORY].map(async (one) =>
        connect((await fromNow(world, one)).deployment, accountOn(signerOf(one), shaky), {
          poll: 20,
          patience: 20_000,
        }),
      ),
    )
    const lie = await filed(world, work, { by: MALLORY, run: await lyingRun(work, lieIn(work, 'Relu')) })
    const before = await standing(world, WATCHER)
    const watch = watching(watcher, { of: [lie] })
    const answers = responding(mallory, [lie])
    await watch.said('closed')
    await later(world, DAY + 1)
    await watch.said('withdrawn')
    await Promise.all([watch.stop(), answers.stop()])
    shaky.destroy()
    expect(shaky.failures).toBeGreaterThan(50)
    expect(watch.news.filter(({ kind }) => kind === 'opened')).toHaveLength(1)
    expect(await gained(world, WATCHER, before)).toBe(HALF)
  })
})

describe('a refused run', () => {
  const work = dividing(3, 1)

  test('that is declared is true, and the provider is paid for the steps before', async () => {
    const [watcher, alice] = [await fromNow(world, WATCHER), await fromNow(world, ALICE)]
    const run = await runFor(work, reference())
    expect(run.refusal).toMatchObject({ step: 1, reason: 'zero-divisor' })
    const claim = await filed(world, work, { by: ALICE, run })
    const watch = watching(watcher, { of: [claim] })
    const answers = responding(alice, [claim])
    await watch.said('true')
    await later(world, 3 * DAY + 1)
    await answers.said('settled')
    await Promise.all([watch.stop(), answers.stop()])
    const share = (TERMS.payment * BigInt(TERMS.refusedShare)) / 10_000n / 3n
    expect(await owed(world, ALICE)).toBe(TERMS.stake + share)
  })

  test('is false where it is not declared, or another one is, or nothing is wrong', async () => {
    const [watcher, mallory] = [await fromNow(world, WATCHER), await fromNow(world, MALLORY)]
    const honest = await runFor(work, reference())
    const sound = dividing(3, 7)
    const lazy = await runFor(sound, refusing(sound, { step: 2, node: honest.refusal!.node }))
    const later = await runFor(work, refusing(work, { step: 0, node: honest.refusal!.node }))
    const lies = [
      await filed(world, work, { by: MALLORY, run: { ...honest, refusal: undefined } }),
      await filed(world, sound, { by: MALLORY, run: lazy }),
      await filed(world, work, { by: MALLORY, run: later }),
    ]
    const watch = watching(watcher, { of: lies })
    const answers = responding(mallory, lies)
    for (const lie of lies) await watch.said('proved', about(lie))
    await Promise.all([watch.stop(), answers.stop()])
    for (const lie of lies) expect(await stateOf(world, lie)).toBe('slashed')
  })
})
