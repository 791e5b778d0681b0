import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Jobs, ResponderNews } from '../../src/chain/index.js'
import { equal } from '../../src/core/bytes.js'
import { runFor } from '../../src/dispute/own-run.js'
import { reference } from '../../src/runtime/reference.js'
import { startNode, type EvmNode } from '../contracts/node.js'
import type { Shape } from '../dispute/forge.js'
import { lyingRun, type Lie } from '../dispute/liar.js'
import { mixture, valueOf } from './mixture.js'
import {
  clear,
  filed,
  fromNow,
  gained,
  lyingAt,
  owed,
  responding,
  standing,
  stateOf,
  until,
  watching,
  type Filed,
} from './stage.js'
import { ALICE, ANYBODY, DAY, MALLORY, REQUESTER, TERMS, WATCHER, later, worldOn, type World } from './world.js'

let node: EvmNode
let world: World
beforeAll(async () => {
  node = await startNode()
  world = await worldOn(node)
}, 60_000)
afterAll(() => node?.stop())
beforeEach(() => clear(world, REQUESTER, ALICE, MALLORY, WATCHER, ANYBODY))

/** The challenger's half of a slashed stake, and what the requester gets back. */
const HALF = TERMS.stake / 2n
const BACK = TERMS.payment + TERMS.stake - HALF

const SHAPES: readonly Shape[] = [
  {},
  { operatorTrace: true },
  { commitEvery: 2 },
  { commitEvery: 2, operatorTrace: true },
]
const nameOf = ({ commitEvery = 1, operatorTrace = false }: Shape) =>
  `${commitEvery} to a leaf${operatorTrace ? ', with values' : ''}`

const about =
  ({ claim: { id } }: Filed) =>
  (news: { readonly claim?: Jobs.FiledClaim }): boolean =>
    news.claim !== undefined && equal(news.claim.id, id)
const isWon = ({ kind }: ResponderNews): boolean => kind === 'won'

/** A product, a sum, a choice, a copy and arithmetic. */
const OPS = ['MatMul', 'ReduceSum', 'ReduceMax', 'Gather', 'Relu'] as const

describe.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))('claims about runs of %s', (_, shape) => {
  const work = mixture({ steps: 3 })
  const lieIn = (op: string): Lie => ({ step: 1, value: valueOf(work, op), element: 1, flip: 1 << 20 })

  test('with a lie in any sort of op, and nothing shown, are led to it', async () => {
    const [watcher, mallory] = [await fromNow(world, WATCHER), await fromNow(world, MALLORY)]
    const lies: Filed[] = []
    for (const op of OPS) {
      const run = await lyingRun(work, lieIn(op), shape)
      lies.push(await filed(world, work, { by: MALLORY, run, ...shape }))
    }
    const before = await standing(world, WATCHER)
    const watch = watching(watcher, { of: lies })
    const answers = responding(mallory, lies)
    for (const lie of lies) await watch.said('closed', about(lie))
    for (const lie of lies) expect(await stateOf(world, lie)).toBe('slashed')
    await later(world, DAY + 1)
    for (const lie of lies) await watch.said('rewarded', about(lie))
    await until('all is fetched', async () => (await owed(world, WATCHER)) === 0n)
    await watch.stop()
    await answers.stop()
    expect(await gained(world, WATCHER, before)).toBe(HALF * BigInt(lies.length))
    expect(await owed(world, REQUESTER)).toBe(BACK * BigInt(lies.length))
    expect(await owed(world, MALLORY)).toBe(0n)
  })

  test('that are true survive challengers who compute falsely', async () => {
    const [watcher, alice] = [await fromNow(world, WATCHER), await fromNow(world, ALICE)]
    const run = await runFor(work, reference(), shape)
    const claims: Filed[] = []
    while (claims.length < OPS.length) claims.push(await filed(world, work, { by: ALICE, run, ...shape }))
    const answers = responding(alice, claims)
    const watches = claims.map((claim, i) => watching(watcher, { of: [claim], runtime: lyingAt(work, lieIn(OPS[i])) }))
    for (const watch of watches)
      expect(await watch.said('trouble')).toMatchObject({ error: { code: 'chain/reverted' } })
    for (const claim of claims) expect(await stateOf(world, claim)).toBe('claimed')
    await Promise.all(watches.map((watch) => watch.stop()))
    await later(world, Number(TERMS.moveTime) + 1)
    await until('all bonds are collected', () => answers.news.filter(isWon).length === claims.length)
    await later(world, 3 * DAY)
    for (const claim of claims) await answers.said('settled', about(claim))
    await answers.stop()
    expect(await owed(world, ALICE)).toBe((TERMS.payment + TERMS.stake + TERMS.bond) * BigInt(claims.length))
  })
})
