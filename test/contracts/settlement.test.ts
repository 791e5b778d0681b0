import { ZeroAddress } from 'ethers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Claim, Policy, Refusal } from '../../src/receipt/index.js'
import { claimOf, fill } from '../receipt/samples.js'
import { startNode, type EvmNode } from './node.js'
import * as S from './settlement.js'
import { DAY, HOUR, NO_REFUSAL, TERMS, hex, idOf, type Actor, type Work, type World } from './settlement.js'

const REQUESTER = 0x11
const [ALICE, BOB, MALLORY, ANYBODY] = [0x22, 0x33, 0x66, 0x99]

let node: EvmNode
let world: World
let requester: Actor
let alice: Actor
let bob: Actor
let mallory: Actor
let anybody: Actor
beforeAll(async () => {
  node = await startNode()
  const all = [REQUESTER, ALICE, BOB, MALLORY, ANYBODY, ...Array.from({ length: 9 }, (_, i) => 0x40 + i)]
  await S.endow(node, all)
}, 60_000)
afterAll(() => node?.stop())
beforeEach(async () => {
  world = await S.worldOn(node)
  ;[requester, alice, bob, mallory, anybody] = [REQUESTER, ALICE, BOB, MALLORY, ANYBODY].map(world.actor)
})

const optimistic = Policy.optimistic(2 * DAY)
const everybody = () => [requester, alice, bob, mallory, anybody]
const no = (call: readonly [string, ...unknown[]], from: Actor = anybody, value = 0n) =>
  S.refusalOf(world, call, { from, value })

/** Posted, taken, and after the claim, past the window. */
async function started(making: S.Making = {}, policy = optimistic): Promise<Work> {
  const work = await S.workUnder(world, policy, making)
  await S.post(world, work)
  await S.take(world, work, alice)
  return work
}

const closesOf = ({ job, policy }: Work): bigint => job.deadline + policy.window

describe('optimistic', () => {
  test('a claim that nobody disputes is paid, and settling it costs at most 150,000 gas', async () => {
    const work = await S.workUnder(world, optimistic)
    const posted = await S.post(world, work)
    expect(S.eventsOf(world, posted)).toEqual(['JobPosted'])
    expect(await S.stateOf(world, work, alice)).toBe('None')
    const taken = await S.take(world, work, alice)
    expect(await S.held(world, TERMS)).toBe(TERMS.payment + TERMS.stake)
    const filed = await S.fileClaim(world, work, alice)
    expect(S.eventsOf(world, filed)).toEqual(['ClaimFiled'])
    const found = (await world.settlement.engagementOf(idOf(work.hash, alice.address))) as unknown[]
    expect(found[0]).toBe(3n)
    expect(found[1]).toBe(hex(Claim.hash(claimOf(work.job))))
    expect(found.slice(3)).toEqual([closesOf(work), S.hashTerms(TERMS), work.hash])
    expect(await no(['settle', work.hash, alice.address, TERMS])).toBe('TooEarly')
    await S.mineAt(world, closesOf(work))
    expect(await no(['settle', work.hash, alice.address, TERMS])).toBe('TooEarly')
    await S.mineAt(world, closesOf(work) + 1n)
    const settled = await S.settle(world, work, alice)
    expect(S.eventsOf(world, settled)).toEqual(['Credited', 'EngagementSettled'])
    expect(await S.creditsOf(world, TERMS, [requester, alice])).toEqual([0n, TERMS.payment + TERMS.stake])
    expect(await S.stateOf(world, work, alice)).toBe('Paid')
    expect(await no(['settle', work.hash, alice.address, TERMS])).toBe('WrongState')
    await S.drain(world, TERMS, everybody())
    const gas = [posted, taken, filed, settled].map(({ gasUsed }) => Number(gasUsed))
    console.log('gas of post, take, file, settle:', gas.join(', '), '; file + settle:', gas[2] + gas[3])
    expect(gas[2] + gas[3]).toBeLessThanOrEqual(150_000)
  })
})
