/**
 * Whole disputes over a chain, from the claims to the last coin: liars who are watched, honest providers who are challenged.
 */
import { expect } from 'vitest'
import type { Jobs } from '../../src/chain/index.js'
import { equal } from '../../src/core/bytes.js'
import { runFor } from '../../src/dispute/own-run.js'
import { reference } from '../../src/runtime/reference.js'
import type { Work } from '../../src/trace/trace.js'
import type { Shape } from '../dispute/forge.js'
import type { Lie } from '../dispute/liar.js'
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
} from './stage.js'
import type { Filed, Filing } from './stage.js'
import { ALICE, DAY, MALLORY, REQUESTER, TERMS, WATCHER, later, type World } from './world.js'

/** The challenger's half of a slashed stake, and what the requester gets back. */
export const HALF = TERMS.stake / 2n
export const BACK = TERMS.payment + TERMS.stake - HALF

/** News about a claim. */
export const about =
  ({ claim: { id } }: Pick<Filed, 'claim'>) =>
  (news: { readonly claim?: Jobs.FiledClaim }): boolean =>
    news.claim !== undefined && equal(news.claim.id, id)

/**
 * Files false claims, has them watched and answered for at once until the last coin is fetched, and looks at who was paid what. Returns the faults that
 * were proved.
 */
export async function refuted(
  world: World,
  work: Work,
  filings: readonly Omit<Filing, 'by'>[],
): Promise<readonly string[]> {
  await clear(world, REQUESTER, MALLORY, WATCHER)
  const [watcher, mallory] = [await fromNow(world, WATCHER), await fromNow(world, MALLORY)]
  const lies: Filed[] = []
  for (const filing of filings) lies.push(await filed(world, work, { by: MALLORY, ...filing }))
  const before = await standing(world, WATCHER)
  const watch = watching(watcher, { of: lies })
  const answers = responding(mallory, lies)
  const faults: string[] = []
  for (const lie of lies) {
    const { proof } = await watch.said('proved', about(lie))
    faults.push(`${proof.referee}.${proof.fault}`)
  }
  await until('no bond is out', async () => {
    const open = await Promise.all(lies.map(({ claim: { id } }) => watcher.dispute.read('live', id)))
    return open.every((games) => games === 0n)
  })
  await later(world, DAY + 1)
  for (const lie of lies) await watch.said('rewarded', about(lie))
  await until('all is fetched', async () => (await owed(world, WATCHER)) === 0n)
  await Promise.all([watch.stop(), answers.stop()])
  for (const lie of lies) expect(await stateOf(world, lie)).toBe('slashed')
  const count = BigInt(lies.length)
  expect(await gained(world, WATCHER, before)).toBe(HALF * count)
  expect(await owed(world, REQUESTER)).toBe(BACK * count)
  expect(await owed(world, MALLORY)).toBe(0n)
  return faults
}

/** Files a true claim for each lie, has it challenged by somebody whose runtime lies so, and looks at who was paid what. */
export async function survived(world: World, work: Work, { shape, lies }: { shape: Shape; lies: readonly Lie[] }) {
  await clear(world, ALICE, WATCHER)
  const [watcher, alice] = [await fromNow(world, WATCHER), await fromNow(world, ALICE)]
  const run = await runFor(work, reference(), shape)
  const claims: Filed[] = []
  while (claims.length < lies.length) claims.push(await filed(world, work, { by: ALICE, run, ...shape }))
  const answers = responding(alice, claims)
  const watches = claims.map((claim, i) => watching(watcher, { of: [claim], runtime: lyingAt(work, lies[i]) }))
  for (const watch of watches) expect(await watch.said('trouble')).toMatchObject({ error: { code: 'chain/reverted' } })
  for (const claim of claims) expect(await stateOf(world, claim)).toBe('claimed')
  await Promise.all(watches.map((watch) => watch.stop()))
  await later(world, Number(TERMS.moveTime) + 1)
  await until(
    'all bonds are collected',
    () => answers.news.filter(({ kind }) => kind === 'won').length === claims.length,
  )
  await later(world, 3 * DAY)
  for (const claim of claims) await answers.said('settled', about(claim))
  await answers.stop()
  expect(await owed(world, ALICE)).toBe((TERMS.payment + TERMS.stake + TERMS.bond) * BigInt(claims.length))
}
