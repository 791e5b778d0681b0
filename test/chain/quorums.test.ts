/** Quorums through the typed calls: seats, seals, reveals, agreement, and the claims that come up. */
import { expect, test } from 'vitest'
import { hashCandidates } from '../../src/attest/policies.js'
import {
  Jobs,
  Money,
  Quorums,
  Terms,
  domainOf,
  headOf,
  idOf,
  isRevert,
  type Connection,
} from '../../src/chain/index.js'
import { claimsIn } from '../../src/chain/claims.js'
import { Fault } from '../../src/core/faults.js'
import type { Address } from '../../src/receipt/fields.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import { jobFor, provide, type Sealed } from '../../src/receipt/provide.js'
import { reference } from '../../src/runtime/reference.js'
import { lyingRuntime } from '../dispute/liar.js'
import { signerOf } from '../receipt/samples.js'
import { network } from '../trace/work.js'
import { node, world } from './own-world.js'
import { ALICE, ANYBODY, DAY, MALLORY, REQUESTER, WATCHER, addressOf, later } from './world.js'

const TERMS = Terms.from({ payment: 30_000, stake: 9000, bond: 500, replayTime: 3600 })
const SEATS = [ALICE, MALLORY, WATCHER].sort((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1))
const REPLICAS = SEATS.map(addressOf)

interface Seated {
  readonly signed: Job.SignedJob
  readonly posted: Jobs.PostedJob
}

async function post(policy: Policy.Policy): Promise<Seated> {
  const requester = await world.as(REQUESTER)
  const signed = await jobFor(network(), {
    policy,
    requester: signerOf(REQUESTER),
    deadline: Number((await headOf(requester)).time) + DAY,
    operatorTrace: true,
    domain: domainOf(world.deployment),
  })
  const posted = { hash: Job.hash(signed.job), job: signed.job, policy, terms: TERMS }
  await Jobs.post(requester, posted)
  return { signed, posted }
}

/** The run of a replica; mallory's has one false element. */
function run(seat: number, { signed }: Seated): Promise<Sealed> {
  const value = network().program.values.length - 1
  const liar = lyingRuntime({ step: 0, value, element: 1 }, 0)
  return provide(network(), { job: signed, runtime: seat === MALLORY ? liar : reference(), signer: signerOf(seat) })
}

/** Runs past the deadline, and in the order of the seats what each of them shows. */
async function revealed(runs: readonly Sealed[]): Promise<readonly Quorums.Shown[]> {
  const seals = runs.map(({ seal }) => seal)
  return Promise.all(runs.map(async (one) => (await one.reveal({ seals })).receipt))
}

const stateOf = async (connection: Connection, { posted }: Seated, seat: number) =>
  (await Jobs.engagementOf(connection, idOf(posted.hash, addressOf(seat)))).state

test('replicas that agree are paid, one that dissents is not, and all their claims come up', async () => {
  const anybody = await world.as(ANYBODY)
  const seated = await post(Policy.quorum('2/3', { replicas: REPLICAS, window: 2 * DAY }))
  const { posted } = seated
  for (const seat of SEATS) await Quorums.takeSeat(await world.as(seat), posted, REPLICAS)
  expect(await Jobs.takersOf(anybody, posted.hash)).toEqual(REPLICAS)
  const runs = await Promise.all(SEATS.map((seat) => run(seat, seated)))
  const seals = runs.map(({ seal }) => seal.seal)
  const shown = await revealed(runs)
  const agreeing = shown.filter(({ receipt }) => receipt.provider !== addressOf(MALLORY))
  const settled = (receipts: readonly Quorums.Shown[]) => Quorums.settle(anybody, posted, { seals, receipts })
  for (const [i, { seal }] of runs.entries()) {
    const early = await settled(agreeing).catch((error: unknown) => error)
    expect(isRevert(early, 'SealsOpen')).toBe(true)
    await Quorums.seal(await world.as(SEATS[i]), seal)
  }
  expect(await stateOf(anybody, seated, ALICE)).toBe('sealed')
  expect(isRevert(await settled(shown).catch((error: unknown) => error), 'NoAgreement')).toBe(true)
  const agreed = await settled(agreeing)
  const dissent = shown.find(({ receipt }) => receipt.provider === addressOf(MALLORY))!
  const told = await Quorums.reveal(anybody, seals, dissent)

  const claims = await claimsIn(anybody, [...agreed.logs, ...told.logs])
  expect(claims.map(({ provider }) => provider).sort()).toEqual([...REPLICAS].sort())
  for (const { provider, id, claim } of claims) {
    expect(id).toEqual(idOf(posted.hash, provider))
    expect(claim).toEqual(shown.find(({ receipt }) => receipt.provider === provider)!.receipt.claim)
  }

  await later(world, 6 * DAY)
  for (const provider of REPLICAS) await Jobs.settle(anybody, { ...posted, provider })
  const paid = async (seat: number) => (await Money.creditOf(anybody, TERMS.token, addressOf(seat))).settlement
  expect([await paid(ALICE), await paid(WATCHER), await paid(MALLORY)]).toEqual([19_000n, 19_000n, 9000n])
  await Quorums.refund(anybody, posted).catch((error: unknown) => expect(isRevert(error, 'NothingLeft')).toBe(true))
  expect(await paid(REQUESTER)).toBe(10_000n)
})

test('seats are drawn by a later block, and who was not drawn has none', async () => {
  const anybody = await world.as(ANYBODY)
  const candidates = [...REPLICAS, addressOf(ANYBODY), addressOf(REQUESTER)].sort() as Address[]
  const policy = Policy.quorum('2/3', { candidates: hashCandidates(candidates), window: 2 * DAY })
  const { posted } = await post(policy)
  const early = await Quorums.draw(anybody, posted.hash, candidates).catch((error: unknown) => error)
  expect(isRevert(early, 'NotDrawn')).toBe(true)
  await node.provider.send('anvil_mine', ['0x9'])
  const replicas = await Quorums.draw(anybody, posted.hash, candidates)
  expect(replicas).toHaveLength(3)
  expect(candidates).toEqual(expect.arrayContaining([...replicas]))
  for (const byte of [...SEATS, ANYBODY, REQUESTER]) {
    const taking = Quorums.takeSeat(await world.as(byte), posted, replicas)
    if (replicas.includes(addressOf(byte))) await taking
    else expect(Fault.is(await taking.catch((error: unknown) => error), 'attest/not-a-replica')).toBe(true)
  }
  expect(await Jobs.takersOf(anybody, posted.hash)).toEqual(expect.arrayContaining([...replicas]))
})

test('a run that was refused says so by the salt of its seal, which nobody else can choose', () => {
  const [a, b] = [Quorums.refusedSalt(), Quorums.refusedSalt()]
  expect(a.subarray(0, 16)).toEqual(b.subarray(0, 16))
  expect(a.subarray(16)).not.toEqual(b.subarray(16))
})
