import { AbiCoder, Interface, ZeroAddress, id, keccak256, type InterfaceAbi } from 'ethers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readArtifact } from '../../scripts/contracts.js'
import { draw, hashCandidates } from '../../src/attest/policies.js'
import { fromHex } from '../../src/core/bytes.js'
import { commitSettlement, proveEntry, type Entry, type Settlement } from '../../src/merkle/settlement.js'
import { Claim, Policy, Receipt, Refusal, Seal, Signer, TypedData, Verdict } from '../../src/receipt/index.js'
import { claimOf, fill } from '../receipt/samples.js'
import { CHAIN_ID, deploy, mined, startNode, type EvmNode } from './node.js'
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
    expect(gas[2] + gas[3]).toBeLessThanOrEqual(150_000)
  })

  test('a job and an engagement may be signed for and sent by somebody else, who then pays', async () => {
    const work = await S.workUnder(world, optimistic)
    const posting = { job: work.hash, terms: S.hashTerms(TERMS) }
    const call = async (by: Actor, value: object = posting) =>
      ['post', ...work.args, await S.signTyped(world, by, [S.POSTING, value as never])] as const
    expect(await no(['post', ...work.args, '0x'], anybody, TERMS.payment)).toBe('MalformedSignature')
    expect(await no(await call(mallory), anybody, TERMS.payment)).toBe('BadSignature')
    const cheaper = { ...posting, terms: S.hashTerms({ ...TERMS, payment: 1n }) }
    expect(await no(await call(requester, cheaper), anybody, TERMS.payment)).toBe('BadSignature')
    await S.send(world, await call(requester), { from: anybody, value: TERMS.payment })

    const taking = { ...posting, provider: alice.address }
    const takes = async (by: Actor, value: object = taking) =>
      ['take', work.hash, TERMS, alice.address, await S.signTyped(world, by, [S.TAKING, value as never])] as const
    expect(await no(await takes(bob), anybody, TERMS.stake)).toBe('BadSignature')
    expect(await no(await takes(alice, { ...taking, job: hex(fill(1)) }), anybody, TERMS.stake)).toBe('BadSignature')
    await S.send(world, await takes(alice), { from: anybody, value: TERMS.stake })
    expect(await no(await takes(alice), anybody, TERMS.stake)).toBe('JobTaken')

    const filing = { claim: S.claimed(work), provider: alice.address, declared: NO_REFUSAL }
    const files = async (by: Actor, value: object = filing) =>
      [
        'fileClaim',
        filing.claim,
        alice.address,
        NO_REFUSAL,
        await S.signTyped(world, by, [S.FILING, value as never]),
      ] as const
    expect(await no(await files(mallory))).toBe('BadSignature')
    expect(await no(await files(alice, { ...filing, declared: { ...NO_REFUSAL, refused: true } }))).toBe('BadSignature')
    const filed = await S.send(world, await files(alice), { from: anybody })
    await S.mineAt(world, closesOf(work) + 1n)
    const settled = await S.settle(world, work, alice)
    expect(filed.gasUsed + settled.gasUsed).toBeLessThanOrEqual(150_000n)
    expect(await S.creditsOf(world, TERMS, [alice, anybody])).toEqual([TERMS.payment + TERMS.stake, 0n])
    await S.drain(world, TERMS, everybody())
  })

  test('a refused run earns the share of the steps that it did', async () => {
    const work = await started()
    const refusal = Refusal.from({ step: 3, node: 4, element: 5, reason: 'zero-divisor' })
    const declared = { refused: true, step: 3n, node: 4, element: 5n, reason: 2 }
    const claim = { ...S.claimed(work), outputs: hex(Refusal.hash(refusal)) }
    const file = (what: object, about: object = claim) => ['fileClaim', about, alice.address, what, '0x'] as const
    expect(await no(file({ ...declared, element: 6n }), alice)).toBe('WrongRefusal')
    const beyond = Refusal.hash(Refusal.from({ ...refusal, step: 10 }))
    expect(await no(file({ ...declared, step: 10n }, { ...claim, outputs: hex(beyond) }), alice)).toBe('WrongRefusal')
    await S.send(world, file(declared), { from: alice })
    const found = (await world.settlement.refusalOf(idOf(work.hash, alice.address))) as { toObject: () => object }
    expect(found.toObject()).toEqual({ ...declared, node: 4n, reason: 2n })
    await S.mineAt(world, closesOf(work) + 1n)
    await S.settle(world, work, alice)
    const earned = (TERMS.payment * 5000n * 3n) / (10_000n * 10n)
    expect(earned).toBe(10_500n)
    expect(await S.creditsOf(world, TERMS, [requester, alice])).toEqual([TERMS.payment - earned, TERMS.stake + earned])
    await S.drain(world, TERMS, everybody())
  })

  test('who claims nothing in time loses the stake, and only then', async () => {
    const work = await started()
    const expire = ['expire', work.hash, alice.address, TERMS] as const
    expect(await no(expire)).toBe('TooEarly')
    await S.mineAt(world, work.job.deadline)
    expect(await no(expire)).toBe('TooEarly')
    await S.mineAt(world, work.job.deadline + 1n)
    expect(await no(['fileClaim', S.claimed(work), alice.address, NO_REFUSAL, '0x'], alice)).toBe('TooLate')
    await S.send(world, expire, { from: anybody })
    expect(await no(expire)).toBe('WrongState')
    expect(await S.creditsOf(world, TERMS, [requester, alice])).toEqual([TERMS.payment + TERMS.stake, 0n])
    expect(await S.stateOf(world, work, alice)).toBe('Expired')
    expect(await no(['cancel', work.hash, TERMS], requester)).toBe('JobTaken')
    await S.drain(world, TERMS, everybody())
  })

  test('without a deadline the claim is due a window after taking, and may be disputed a window after it came', async () => {
    const work = await started({ due: 0 })
    const takenAt = await S.now(node.provider)
    const window = Number(work.policy.window)
    await S.mineAt(world, takenAt + window)
    expect(await no(['expire', work.hash, alice.address, TERMS])).toBe('TooEarly')
    await S.mineAt(world, takenAt + window + 1)
    expect(await no(['fileClaim', S.claimed(work), alice.address, NO_REFUSAL, '0x'], alice)).toBe('TooLate')
    await S.send(world, ['expire', work.hash, alice.address, TERMS], { from: anybody })
    expect((await S.creditsOf(world, TERMS, [requester]))[0]).toBe(TERMS.payment + TERMS.stake)

    const second = await started({ due: 0 })
    await S.mineAt(world, (await S.now(node.provider)) + window - 5)
    await S.fileClaim(world, second, alice)
    const closes = (await S.now(node.provider)) + window
    expect(await no(['expire', second.hash, alice.address, TERMS])).toBe('WrongState')
    await S.mineAt(world, closes)
    expect(await no(['settle', second.hash, alice.address, TERMS])).toBe('TooEarly')
    await S.mineAt(world, closes + 1)
    await S.settle(world, second, alice)
    await S.drain(world, TERMS, everybody())
  })

  test('the requester takes the payment back while nobody has taken the job', async () => {
    const work = await S.workUnder(world, optimistic)
    await S.post(world, work)
    expect(await no(['cancel', work.hash, TERMS], mallory)).toBe('NotRequester')
    await S.send(world, ['cancel', work.hash, TERMS], { from: requester })
    expect(await no(['cancel', work.hash, TERMS], requester)).toBe('JobClosed')
    expect(await no(['take', work.hash, TERMS, alice.address, '0x'], alice, TERMS.stake)).toBe('JobClosed')
    expect(await no(['post', ...work.args, '0x'], requester, TERMS.payment)).toBe('AlreadyPosted')
    await S.drain(world, TERMS, everybody())
    const taken = await started()
    expect(await no(['cancel', taken.hash, TERMS], requester)).toBe('JobTaken')
  })

  test('nothing is paid while a game lives, and a refuted claim costs at least half of the stake', async () => {
    const work = await started()
    const id = idOf(work.hash, alice.address)
    const at = await world.settlement.getAddress()
    const rules = (name: string, ...values: unknown[]) =>
      S.send(world, [name, at, ...values], { from: anybody, to: world.judge })
    const judged = async (name: string, ...values: unknown[]) => {
      const data = world.judge.interface.encodeFunctionData(name, [at, ...values])
      const error = await node.provider.call({ to: await world.judge.getAddress(), data }).then(
        () => '',
        (reason: { data: string }) => world.settlement.interface.parseError(reason.data)!.name,
      )
      return error
    }
    expect(await no(['refute', id, TERMS])).toBe('NotDispute')
    expect(await no(['reward', id, bob.address, TERMS])).toBe('NotDispute')
    expect(await no(['voidJob', work.hash, TERMS])).toBe('NotDispute')
    expect(await judged('refute', id, TERMS)).toBe('WrongState')
    await S.fileClaim(world, work, alice)
    await S.send(world, ['setLive', id, 2], { from: anybody, to: world.judge })
    await S.mineAt(world, closesOf(work) + 1n)
    expect(await no(['settle', work.hash, alice.address, TERMS])).toBe('Disputed')
    expect(await judged('refute', id, { ...TERMS, stake: 1n })).toBe('WrongTerms')
    expect(await judged('refute', hex(fill(9)), TERMS)).toBe('UnknownJob')
    expect(await judged('reward', id, bob.address, TERMS)).toBe('WrongState')
    await rules('refute', id, TERMS)
    expect(await judged('refute', id, TERMS)).toBe('WrongState')
    expect(await S.creditsOf(world, TERMS, [requester, alice, bob])).toEqual([TERMS.payment + 4501n, 0n, 0n])
    expect(await judged('reward', id, bob.address, { ...TERMS, stake: 1n << 90n })).toBe('WrongTerms')
    await rules('reward', id, bob.address, TERMS)
    expect(await judged('reward', id, bob.address, TERMS)).toBe('AlreadyRewarded')
    expect(await S.creditsOf(world, TERMS, [requester, alice, bob])).toEqual([TERMS.payment + 4501n, 0n, 4500n])
    await S.send(world, ['setLive', id, 0], { from: anybody, to: world.judge })
    expect(await no(['settle', work.hash, alice.address, TERMS])).toBe('WrongState')
    await S.drain(world, TERMS, everybody())
  })

  test('a void job gives everybody back what it paid, in every state of the engagement', async () => {
    for (const stage of ['Posted', 'Taken', 'Claimed']) {
      const work = await S.workUnder(world, optimistic)
      await S.post(world, work)
      if (stage !== 'Posted') await S.take(world, work, alice)
      if (stage === 'Claimed') await S.fileClaim(world, work, alice)
      const at = await world.settlement.getAddress()
      await S.send(world, ['voidJob', at, work.hash, TERMS], { from: anybody, to: world.judge })
      const again = S.send(world, ['voidJob', at, work.hash, TERMS], { from: anybody, to: world.judge })
      await expect(again).rejects.toThrow('refused')
      const release = ['release', work.hash, alice.address, TERMS] as const
      expect(await no(['take', work.hash, TERMS, bob.address, '0x'], bob, TERMS.stake)).toBe('VoidedJob')
      expect(await no(['fileClaim', S.claimed(work), alice.address, NO_REFUSAL, '0x'], alice)).toBe('VoidedJob')
      expect(await no(['settle', work.hash, alice.address, TERMS])).toBe('VoidedJob')
      expect(await no(['expire', work.hash, alice.address, TERMS])).toBe('VoidedJob')
      expect(await no(['cancel', work.hash, TERMS], requester)).toBe('VoidedJob')
      if (stage === 'Posted') {
        expect(await no(release)).toBe('WrongState')
      } else {
        expect(await S.stateOf(world, work, alice)).toBe('Void')
        await S.send(world, release, { from: anybody })
        expect(await no(release)).toBe('WrongState')
      }
      const stake = stage === 'Posted' ? 0n : TERMS.stake
      expect(await S.creditsOf(world, TERMS, [requester, alice])).toEqual([TERMS.payment, stake])
      await S.drain(world, TERMS, everybody())
    }
    const live = await started()
    expect(await no(['release', live.hash, alice.address, TERMS])).toBe('WrongState')
    expect(await no(['release', hex(fill(8)), alice.address, TERMS])).toBe('UnknownJob')
  })
})

describe('what is refused', () => {
  const posts = async (policy: Policy.Policy, making: S.Making = {}, value = 70_000n) => {
    const work = await S.workUnder(world, policy, making)
    return no(['post', ...work.args, '0x'], requester, value)
  }

  test('when posting: jobs, policies and terms that nobody could settle fairly', async () => {
    const named = [alice, bob, mallory].map(({ address }) => address)
    const quorum = (change: object) =>
      Policy.from({ ...Policy.quorum('2/3', { replicas: named, window: HOUR }), ...change })
    const cases: readonly (readonly [string, Policy.Policy, S.Making?, bigint?])[] = [
      ['WrongKind', Policy.claimed()],
      ['WrongPolicy', optimistic, { job: { policy: fill(1) } }],
      ['TooLate', optimistic, { job: { deadline: 5n } }],
      ['BadJob', optimistic, { job: { deadline: (1n << 40n) - 1n } }],
      ['BadJob', Policy.optimistic((1n << 64n) - 1n), { due: 0 }],
      ['UndescribedProgram', optimistic, { job: { program: fill(9) } }],
      ['ShortMoves', optimistic, { terms: { moveTime: DAY + HOUR - 1 } }],
      ['ShortMoves', optimistic, { terms: { replayTime: HOUR + 1 } }],
      ['ShortWindow', Policy.optimistic(DAY + HOUR - 1)],
      ['NoStake', optimistic, { terms: { stake: 1n } }],
      ['BadTerms', optimistic, { terms: { refusedShare: 10_001 } }],
      ['BadTerms', optimistic, { terms: { payment: 1n << 128n } }],
      ['BadTerms', optimistic, { terms: { stake: 1n << 128n } }],
      ['BadTerms', optimistic, { terms: { bond: 1n << 128n } }],
      ['WrongValue', optimistic, {}, 69_999n],
      ['WrongValue', optimistic, {}, 70_001n],
      ['WrongValue', optimistic, { terms: { token: await world.token.getAddress() } }],
      ['NotAToken', optimistic, { terms: { token: mallory.address } }, 0n],
      ['NoAuditors', Policy.audited(0, { window: HOUR })],
      ['ShortWindow', Policy.audited(0, { auditors: named })],
      ['NoVerifier', Policy.from({ ...Policy.claimed(), kind: 'proven' })],
      ['NoDeadline', Policy.from({ ...Policy.claimed(), kind: 'proven' }), { due: 0 }],
      ['NoDeadline', quorum({}), { due: 0 }],
      ['ShortWindow', quorum({ window: 0n })],
      ['BadTerms', quorum({})], // 70,000 are not three equal shares
      ['BadSeats', Policy.from({ ...quorum({}), replicas: 65, threshold: 60, auditors: [] })],
    ]
    for (const [error, policy, making, value] of cases) {
      expect([error, await posts(policy, making, value)]).toEqual([error, error])
    }
    await S.send(world, ['describe', hex(fill(1)), 2], { from: anybody, to: world.judge })
    expect(await posts(optimistic)).toBe('NoReferee')
    expect(await posts(Policy.from({ ...optimistic, auditors: named }))).toBe('')
  })

  test('malformed policies and jobs that the library would not even write down', async () => {
    const work = await S.workUnder(world, Policy.optimistic(2 * DAY))
    const { settlement } = world
    const { TypedDataEncoder } = await import('ethers')
    const reposted = (policy: object, change: object = {}) => {
      const whole = { ...(work.args[1] as object), ...policy }
      const hash = TypedDataEncoder.hashStruct('Policy', Policy.policyStruct.types, whole as never)
      return no(
        ['post', { ...(work.args[0] as object), policy: hash, ...change }, whole, TERMS, '0x'],
        requester,
        70_000n,
      )
    }
    const unordered = [bob, alice].map(({ address }) => address).sort((a, b) => (a < b ? 1 : -1))
    const base = { kind: 2, replicas: 2, threshold: 2, window: HOUR }
    expect(await reposted({ ...base, auditors: unordered })).toBe('BadSeats')
    expect(await reposted({ ...base, auditors: [alice.address, alice.address] })).toBe('BadSeats')
    expect(await reposted({ ...base, auditors: [alice.address] })).toBe('BadSeats')
    expect(await reposted({ ...base, threshold: 1 })).toBe('BadSeats')
    expect(await reposted({ ...base, threshold: 3 })).toBe('BadSeats')
    expect(await reposted({ ...base, replicas: 0, threshold: 0 })).toBe('BadSeats')
    expect(await reposted({ ...base, auditors: [...unordered].reverse() })).toBe('')
    expect(await reposted({ kind: 5 })).toBe('WrongKind')
    expect(await reposted({}, { steps: 0 })).toBe('BadJob')
    expect(await reposted({}, { commitEvery: 0 })).toBe('BadJob')
    await expect(
      node.provider.call({ from: alice.address, to: await settlement.getAddress(), value: 1n }),
    ).rejects.toThrow()
    expect(await S.refusalOf(world, ['withdraw', ZeroAddress], { from: mallory })).toBe('NothingToWithdraw')
  })

  test('when taking and claiming: other terms, kinds, states and times', async () => {
    const work = await S.workUnder(world, optimistic)
    const takes = (by: Actor, terms: unknown = TERMS, value = TERMS.stake) =>
      no(['take', work.hash, terms, by.address, '0x'], by, value)
    expect(await takes(alice)).toBe('UnknownJob')
    await S.post(world, work)
    expect(await takes(alice, { ...TERMS, stake: 1n }, 1n)).toBe('WrongTerms')
    expect(await takes(alice, TERMS, TERMS.stake - 1n)).toBe('WrongValue')
    const file = (by: Actor, about: object = S.claimed(work)) =>
      no(['fileClaim', about, by.address, NO_REFUSAL, '0x'], by)
    expect(await file(alice)).toBe('WrongState')
    expect(await no(['expire', work.hash, alice.address, TERMS])).toBe('WrongState')
    await S.take(world, work, alice)
    expect(await takes(bob)).toBe('JobTaken')
    expect(await takes(alice)).toBe('JobTaken')
    expect(await file(bob)).toBe('WrongState')
    expect(await file(alice, { ...S.claimed(work), job: hex(fill(5)) })).toBe('WrongState')
    await S.fileClaim(world, work, alice)
    expect(await file(alice)).toBe('WrongState')
    const late = await S.workUnder(world, optimistic)
    await S.post(world, late)
    await S.mineAt(world, late.job.deadline)
    expect(await no(['take', late.hash, TERMS, bob.address, '0x'], bob, TERMS.stake)).toBe('TooLate')
    await S.send(world, ['cancel', late.hash, TERMS], { from: requester })
    const seat = ['takeSeat', work.hash, TERMS, bob.address, '0x', [bob.address], 0] as const
    expect(await no(seat, bob, TERMS.stake)).toBe('WrongKind')
    expect(await no(['refund', work.hash, TERMS])).toBe('WrongKind')
    expect(await no(['draw', work.hash, []])).toBe('Drawn')
    const seal = { job: work.hash, provider: alice.address, commitment: hex(fill(3)) }
    expect(await no(['seal', seal, '0x'], alice)).toBe('WrongKind')
  })

  test('the code of quorums is asked for what the settlement has not, and holds no job of its own', async () => {
    const selectors = (name: string) => {
      const found: string[] = []
      new Interface(readArtifact(name).abi as InterfaceAbi).forEachFunction(({ selector }) => found.push(selector))
      return found
    }
    const shared = new Set([...selectors('Vault'), id('eip712Domain()').slice(0, 10)])
    const own = selectors('Quorums').filter((one) => !shared.has(one))
    expect(own.length).toBeGreaterThan(5)
    expect(own.filter((one) => selectors('Settlement').includes(one))).toEqual([])
    const work = await S.workUnder(world, optimistic)
    await S.post(world, work)
    const code = world.settlement.attach((await world.settlement.QUORUMS()) as string) as typeof world.settlement
    const alone = (call: readonly [string, ...unknown[]]) => S.refusalOf(world, call, { from: alice, to: code })
    expect(await alone(['takeSeat', work.hash, TERMS, alice.address, '0x', [], 0])).toBe('UnknownJob')
    expect(await alone(['draw', work.hash, []])).toBe('Drawn')
    const seal = { job: work.hash, provider: alice.address, commitment: hex(fill(3)) }
    expect(await alone(['seal', seal, '0x'])).toBe('WrongKind')
    const unknown = { to: await world.settlement.getAddress(), data: '0x12345678', from: alice.address }
    await expect(node.provider.call(unknown)).rejects.toThrow()
  })

  test('a contract without a dispute contract or without the code of quorums is not deployed', async () => {
    const judge = await world.judge.getAddress()
    await expect(deploy(world.node, 'Settlement', ZeroAddress, judge)).rejects.toThrow()
    await expect(deploy(world.node, 'Settlement', judge, mallory.address)).rejects.toThrow()
  })
})

describe('quorums', () => {
  const SEATS = [0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46]
  const inOrder = (actors: readonly Actor[]) => [...actors].sort((a, b) => (a.address < b.address ? -1 : 1))
  const seated = (count: number) => inOrder(SEATS.slice(0, count).map(world.actor))
  const policyOf = (seats: readonly Actor[], threshold = (seats.length >> 1) + 1) =>
    Policy.quorum(`${threshold}/${seats.length}`, { replicas: seats.map(({ address }) => address), window: 6 * HOUR })
  const SHARED = { ...TERMS, payment: 21_000n }

  async function sit(work: Work, seats: readonly Actor[], only = seats): Promise<void> {
    const replicas = seats.map(({ address }) => address)
    for (const by of only) {
      const seat = ['takeSeat', work.hash, work.terms, by.address, '0x', replicas, seats.indexOf(by)] as const
      await S.send(world, seat, { from: by, value: work.terms.stake })
    }
  }

  async function sealAll(seals: readonly S.Sealed[]): Promise<void> {
    for (const { seal, by } of seals) await S.send(world, ['seal', sealOf(seal), '0x'], { from: by })
  }
  const sealOf = (seal: unknown) => S.wire(Seal.sealStruct, seal)

  /** Posted, all seats taken, these answers sealed. */
  async function sealed(seats: readonly Actor[], answers: readonly number[], making: S.Making = {}) {
    const work = await S.workUnder(world, policyOf(seats), { ...making, terms: { ...SHARED, ...making.terms } })
    await S.post(world, work)
    await sit(work, seats)
    const seals = answers.map((answer, i) => S.sealedBy(work, seats[i], { answer }))
    await sealAll(seals)
    return { work, seals }
  }

  const revealAll = (seals: readonly S.Sealed[], all = seals) =>
    Promise.all(seals.map((one) => S.revealOf(world, one, all)))
  const agree = async (work: Work, seals: readonly S.Sealed[], only = seals, drawn: readonly string[] = []) =>
    [
      'settleQuorum',
      work.args[0],
      work.args[1],
      drawn,
      S.sealArgs(seals),
      await revealAll(only, seals),
      NO_REFUSAL,
    ] as const
  const shows = async (own: S.Sealed, seals: readonly S.Sealed[], declared: object = NO_REFUSAL) =>
    ['reveal', S.sealArgs(seals), await S.revealOf(world, own, seals), declared] as const
  const due = ({ job, policy }: Work) => job.deadline + policy.window
  const over = ({ job, policy }: Work) => job.deadline + 2n * policy.window
  const settleAll = async (work: Work, seats: readonly Actor[]) => {
    for (const by of seats) await S.settle(world, work, by)
  }

  test('seven replicas that agree are found to for at most 250,000 gas, and each earns its share', async () => {
    const seats = seated(7)
    const { work, seals } = await sealed(seats, [7, 7, 7, 7, 7, 7, 7])
    const agreed = await S.send(world, await agree(work, seals), { from: anybody })
    expect(agreed.gasUsed).toBeLessThanOrEqual(250_000n)
    expect(S.eventsOf(world, agreed)).toEqual(['QuorumAgreed'])
    expect(await no(await agree(work, seals))).toBe('Agreed')
    expect(await S.stateOf(world, work, seats[3])).toBe('Claimed')
    expect(await no(['settle', work.hash, seats[3].address, work.terms])).toBe('TooEarly')
    await S.mineAt(world, over(work) + 1n)
    expect(await no(['refund', work.hash, work.terms])).toBe('NothingLeft')
    const first = await S.settle(world, work, seats[0])
    expect(first.gasUsed).toBeLessThan(100_000n)
    await settleAll(work, seats.slice(1))
    expect(await no(['settle', work.hash, seats[3].address, work.terms])).toBe('WrongState')
    expect(await S.creditsOf(world, work.terms, seats)).toEqual(seats.map(() => 3000n + TERMS.stake))
    expect(await S.stateOf(world, work, seats[3])).toBe('Paid')
    await S.drain(world, work.terms, [...everybody(), ...seats])
  })

  test('who dissents keeps its stake, who is silent loses it, and what nobody earned goes back', async () => {
    const seats = seated(7)
    const work = await S.workUnder(world, policyOf(seats), { terms: SHARED })
    await S.post(world, work)
    await sit(work, seats, seats.slice(0, 6)) // one seat stays empty
    const answers = [7, 8, 7, 7, 7] // one takes its seat and seals nothing
    const seals = answers.map((answer, i) => S.sealedBy(work, seats[i], { answer }))
    await sealAll(seals)
    const agreeing = seals.filter((_, i) => i !== 1)
    const call = await agree(work, seals, agreeing)
    expect(await no(call)).toBe('SealsOpen')
    await S.mineAt(world, work.job.deadline)
    expect(await no(call)).toBe('SealsOpen')
    await S.mineAt(world, work.job.deadline + 1n)
    const late = S.sealedBy(work, seats[5])
    expect(await no(['seal', sealOf(late.seal), '0x'], seats[5])).toBe('TooLate')
    await S.send(world, call, { from: anybody })
    expect(await no(['refund', work.hash, work.terms])).toBe('TooEarly')
    await S.send(world, await shows(seals[1], seals), { from: seats[1] })
    expect(await no(await shows(seals[1], seals), seats[1])).toBe('WrongState')
    expect(await S.stateOf(world, work, seats[1])).toBe('Claimed')
    await S.mineAt(world, due(work))
    expect(await no(['expire', work.hash, seats[5].address, work.terms])).toBe('TooEarly')
    await S.mineAt(world, due(work) + 1n)
    expect(await no(await shows(seals[1], seals), seats[1])).toBe('TooLate')
    for (const by of seats.slice(0, 5))
      expect(await no(['expire', work.hash, by.address, work.terms])).toBe('WrongState')
    await S.send(world, ['expire', work.hash, seats[5].address, work.terms], { from: anybody })
    await S.send(world, ['refund', work.hash, work.terms], { from: anybody })
    expect(await no(['refund', work.hash, work.terms])).toBe('NothingLeft')
    expect(await S.creditsOf(world, work.terms, [requester])).toEqual([3n * 3000n + TERMS.stake])
    await S.mineAt(world, over(work) + 1n)
    await settleAll(work, seats.slice(0, 5))
    const [pay, stake] = [3000n + TERMS.stake, TERMS.stake]
    expect(await S.creditsOf(world, work.terms, seats)).toEqual([pay, stake, pay, pay, pay, 0n, 0n])
    await S.drain(world, work.terms, [...everybody(), ...seats])
  })

  test('one that sealed and never revealed loses its stake; without agreement everybody else gets everything back', async () => {
    const seats = seated(3)
    const { work, seals } = await sealed(seats, [7, 8, 9])
    for (const i of [0, 1]) await S.send(world, await shows(seals[i], seals), { from: anybody })
    await S.mineAt(world, due(work) + 1n)
    await S.send(world, ['refund', work.hash, work.terms], { from: anybody })
    await S.send(world, ['expire', work.hash, seats[2].address, work.terms], { from: anybody })
    expect(await no(['settle', work.hash, seats[0].address, work.terms])).toBe('TooEarly')
    await S.mineAt(world, over(work) + 1n)
    expect(await no(['settle', work.hash, seats[2].address, work.terms])).toBe('WrongState')
    await settleAll(work, seats.slice(0, 2))
    expect(await S.creditsOf(world, work.terms, [requester, ...seats])).toEqual([
      21_000n + TERMS.stake,
      TERMS.stake,
      TERMS.stake,
      0n,
    ])
    await S.drain(world, work.terms, [...everybody(), ...seats])
  })

  test('who agrees earns, whether it showed its claim before the others, with them or after them', async () => {
    const seats = seated(5)
    const { work, seals } = await sealed(seats, [7, 7, 7, 7, 7])
    await S.send(world, await shows(seals[0], seals), { from: anybody })
    await S.send(world, await agree(work, seals, seals.slice(1, 4)), { from: anybody })
    for (const i of [0, 4]) {
      await S.send(world, await shows(seals[i], seals), { from: anybody })
      expect(await no(await shows(seals[i], seals))).toBe('WrongState')
    }
    expect(await no(await shows(seals[2], seals))).toBe('WrongState')
    await S.mineAt(world, over(work) + 1n)
    await settleAll(work, seats)
    expect(await S.creditsOf(world, work.terms, seats)).toEqual(seats.map(() => 4200n + TERMS.stake))
    await S.drain(world, work.terms, [...everybody(), ...seats])
  })

  test('an agreed claim may be refuted, seat by seat; its share goes back', async () => {
    const seats = seated(3)
    const { work, seals } = await sealed(seats, [7, 7, 8])
    const at = await world.settlement.getAddress()
    const refute = (by: Actor) =>
      S.send(world, ['refute', at, idOf(work.hash, by.address), work.terms], { from: anybody, to: world.judge })
    await expect(refute(seats[0])).rejects.toThrow('refused')
    await S.send(world, await agree(work, seals, seals.slice(0, 2)), { from: anybody })
    await S.send(world, await shows(seals[2], seals), { from: anybody })
    const found = (await world.settlement.engagementOf(idOf(work.hash, seats[0].address))) as unknown[]
    expect([found[1], found[3]]).toEqual([hex(Claim.hash(claimOf(work.job))), over(work)])
    await refute(seats[0])
    await expect(refute(seats[0])).rejects.toThrow('refused')
    await refute(seats[2])
    expect(await no(await shows(seals[0], seals))).toBe('WrongState')
    await S.mineAt(world, over(work) + 1n)
    await S.send(world, ['refund', work.hash, work.terms], { from: anybody })
    await S.settle(world, work, seats[1])
    expect(await no(['settle', work.hash, seats[0].address, work.terms])).toBe('WrongState')
    for (const by of [seats[0], seats[2]]) {
      const reward = ['reward', at, idOf(work.hash, by.address), bob.address, work.terms] as const
      await S.send(world, reward, { from: anybody, to: world.judge })
    }
    expect(await S.creditsOf(world, work.terms, [requester, bob, ...seats])).toEqual([
      14_000n + 2n * 4501n,
      2n * 4500n,
      0n,
      7000n + TERMS.stake,
      0n,
    ])
    await S.drain(world, work.terms, [...everybody(), ...seats])
  })

  test('a refuted replica is no voice for an agreement', async () => {
    const seats = seated(3)
    const { work, seals } = await sealed(seats, [7, 7, 7])
    await S.send(world, await shows(seals[0], seals), { from: anybody })
    const refute = [
      'refute',
      await world.settlement.getAddress(),
      idOf(work.hash, seats[0].address),
      work.terms,
    ] as const
    await S.send(world, refute, { from: anybody, to: world.judge })
    expect(await no(await agree(work, seals))).toBe('RefutedReplica')
    await S.send(world, await agree(work, seals, seals.slice(1)), { from: anybody })
    expect(await no(await shows(seals[0], seals))).toBe('WrongState')
    await S.mineAt(world, over(work) + 1n)
    await settleAll(work, seats.slice(1))
    await S.send(world, ['refund', work.hash, work.terms], { from: anybody })
    const reward = ['reward', ...refute.slice(1, 3), bob.address, work.terms] as const
    await S.send(world, reward as never, { from: anybody, to: world.judge })
    await S.drain(world, work.terms, [...everybody(), ...seats])
  })

  test('a void quorum gives back the payment and every stake, before and after agreement', async () => {
    for (const isAgreed of [false, true]) {
      const seats = seated(3)
      const { work, seals } = await sealed(seats, [7, 7, 8])
      if (isAgreed) await S.send(world, await agree(work, seals, seals.slice(0, 2)), { from: anybody })
      const at = await world.settlement.getAddress()
      await S.send(world, ['voidJob', at, work.hash, work.terms], { from: anybody, to: world.judge })
      expect(await no(await agree(work, seals, seals.slice(0, 2)))).toBe('VoidedJob')
      expect(await no(await shows(seals[2], seals))).toBe('VoidedJob')
      expect(await no(['refund', work.hash, work.terms])).toBe('VoidedJob')
      for (const by of seats) {
        expect(await S.stateOf(world, work, by)).toBe('Void')
        await S.send(world, ['release', work.hash, by.address, work.terms], { from: anybody })
      }
      expect(await S.creditsOf(world, work.terms, [requester, ...seats])).toEqual([
        21_000n,
        ...seats.map(() => TERMS.stake),
      ])
      await S.drain(world, work.terms, [...everybody(), ...seats])
    }
  })

  test('a job may be voided when all its shares are gone: the stakes that are left are released', async () => {
    const seats = seated(3)
    const { work, seals } = await sealed(seats, [7, 8, 9])
    for (const one of seals) await S.send(world, await shows(one, seals), { from: anybody })
    await S.mineAt(world, due(work) + 1n)
    await S.send(world, ['refund', work.hash, work.terms], { from: anybody })
    const at = await world.settlement.getAddress()
    await S.send(world, ['voidJob', at, work.hash, work.terms], { from: anybody, to: world.judge })
    for (const by of seats) await S.send(world, ['release', work.hash, by.address, work.terms], { from: anybody })
    await S.drain(world, work.terms, [...everybody(), ...seats])
  })

  test('a refused run is agreed upon with its record, which every replica has sealed as such', async () => {
    const refusal = Refusal.from({ step: 4, node: 4, element: 5, reason: 'nan' })
    const declared = { refused: true, step: 4n, node: 4, element: 5n, reason: 1 }
    const tag = (await world.settlement.REFUSED_SALT()) as string
    const salt = Uint8Array.from({ length: 32 }, (_, i) =>
      i < 16 ? Number.parseInt(tag.slice(2 + 2 * i, 4 + 2 * i), 16) : 9,
    )
    const seats = seated(3)
    const work = await S.workUnder(world, policyOf(seats), { terms: SHARED })
    await S.post(world, work)
    await sit(work, seats)
    const claim = Claim.from({ ...claimOf(work.job), outputs: Refusal.hash(refusal) })
    const own = (by: Actor, opening: Uint8Array): S.Sealed => ({
      claim,
      salt: opening,
      seal: Seal.sealOf(claim, by.sign.address as `0x${string}`, opening),
      by,
    })
    const seals = [own(seats[0], salt), own(seats[1], salt), own(seats[2], fill(3))] // the last one does not say that it was refused
    await sealAll(seals)
    const agreeing = (await agree(work, seals, seals.slice(0, 2))).slice(0, -1) as unknown as readonly [
      string,
      ...unknown[],
    ]
    expect(await no([...agreeing, NO_REFUSAL])).toBe('WrongRefusal')
    expect(await no([...agreeing, { ...declared, step: 5n }])).toBe('WrongRefusal')
    const all = (await agree(work, seals)).slice(0, -1) as unknown as readonly [string, ...unknown[]]
    expect(await no([...all, declared])).toBe('WrongRefusal')
    await S.send(world, [...agreeing, declared], { from: anybody })
    expect(await no(await shows(seals[2], seals, declared))).toBe('WrongRefusal')
    await S.send(world, await shows(seals[2], seals), { from: anybody })
    const found = async (by: Actor) =>
      ((await world.settlement.refusalOf(idOf(work.hash, by.address))) as { refused: boolean }).refused
    expect(await Promise.all(seats.map(found))).toEqual([true, true, false])
    await S.mineAt(world, over(work) + 1n)
    await settleAll(work, seats)
    await S.send(world, ['refund', work.hash, work.terms], { from: anybody })
    const earned = (7000n * 5000n * 4n) / 100_000n
    expect(await S.creditsOf(world, work.terms, seats)).toEqual([earned + 9001n, earned + 9001n, 9001n])
    await S.drain(world, work.terms, [...everybody(), ...seats])
  })

  test('seats are their replicas\u2019, seals are one each, and the list of seals is the whole one', async () => {
    const seats = seated(3)
    const replicas = seats.map(({ address }) => address)
    const work = await S.workUnder(world, policyOf(seats), { terms: SHARED })
    await S.post(world, work)
    const seat = (by: Actor, at: number, list = replicas) =>
      no(['takeSeat', work.hash, work.terms, by.address, '0x', list, at], by, TERMS.stake)
    expect(await no(['take', work.hash, work.terms, seats[0].address, '0x'], seats[0], TERMS.stake)).toBe('WrongKind')
    expect(await seat(mallory, 0)).toBe('NotASeat')
    expect(await seat(seats[0], 1)).toBe('NotASeat')
    expect(await seat(seats[0], 3)).toBe('NotASeat')
    expect(await seat(mallory, 0, [mallory.address])).toBe('WrongReplicas')
    expect(await no(['draw', work.hash, replicas])).toBe('Drawn')
    await sit(work, seats)
    expect(await seat(seats[0], 0)).toBe('WrongState')
    expect(await no(['fileClaim', S.claimed(work), seats[0].address, NO_REFUSAL, '0x'], seats[0])).toBe('WrongKind')
    const seals = seats.map((by) => S.sealedBy(work, by))
    const seal = (value: object, by: Actor) => no(['seal', value, '0x'], by)
    const first = sealOf(seals[0].seal)
    expect(await seal({ ...first, commitment: hex(fill(0)) }, seats[0])).toBe('EmptySeal')
    expect(await seal(first, mallory)).toBe('MalformedSignature')
    expect(await seal({ ...first, provider: mallory.address }, mallory)).toBe('WrongState')
    await S.send(world, ['seal', first, '0x'], { from: seats[0] })
    expect(await seal(first, seats[0])).toBe('WrongState')
    const signature = hex(
      await Signer.sign(seats[1].sign, { struct: Seal.sealStruct, value: seals[1].seal, domain: world.domain }),
    )
    await S.send(world, ['seal', sealOf(seals[1].seal), signature], { from: anybody })
    await sealAll(seals.slice(2))
    const call = await agree(work, seals)
    const withList = (list: unknown[]) => no([...call.slice(0, 4), list, ...call.slice(5)] as never)
    const [a, b, c] = S.sealArgs(seals) as object[]
    expect(await withList([a, b])).toBe('WrongSeals')
    expect(await withList([a, b, { ...c, commitment: hex(fill(3)) }])).toBe('WrongSeals')
    expect(await withList([a, b, { ...c, job: hex(fill(3)) }])).toBe('WrongSeals')
    expect(await withList([a, a, b])).toBe('DuplicateSigner')
    expect(await withList([b, a, c])).toBe('BadOrder')
    expect(await no(await agree(work, seals, seals.slice(0, 1)))).toBe('Pending')
    const other = S.sealedBy(work, seats[0], { answer: 8 })
    expect(await no(await shows(other, seals))).toBe('WrongSeal')
    const alone = await S.revealOf(world, seals[0], seals.slice(0, 1))
    expect(await no(['reveal', S.sealArgs(seals), alone, NO_REFUSAL])).toBe('WrongSealSet')
    const forged = [...(await S.revealOf(world, seals[0], seals)).slice(0, 2), '0x']
    expect(await no(['reveal', S.sealArgs(seals), forged, NO_REFUSAL])).toBe('MalformedSignature')
    expect(await no(['reveal', S.sealArgs(seals), forged, NO_REFUSAL], seats[0])).toBe('MalformedSignature')
    const elsewhere = await S.workUnder(world, optimistic)
    await S.post(world, elsewhere)
    expect(await no(['settleQuorum', ...elsewhere.args.slice(0, 2), [], [], [], NO_REFUSAL])).toBe('WrongKind')
  })

  describe('drawn', () => {
    const pool = () => inOrder([...SEATS, 0x47, 0x48].map(world.actor))
    async function posted() {
      const candidates = pool().map(({ address }) => address)
      const policy = Policy.quorum('2/3', { candidates: hashCandidates(candidates), window: 6 * HOUR })
      const work = await S.workUnder(world, policy, { terms: SHARED })
      const block = (await S.post(world, work)).blockNumber
      return { candidates, policy, work, block }
    }
    const mine = (blocks: number) => node.provider.send('anvil_mine', [`0x${blocks.toString(16)}`])

    test('a later block draws the seats that the library draws from its hash, and no other', async () => {
      for (let i = 0; i < 5; i++) {
        const { candidates, policy, work, block } = await posted()
        const draws = ['draw', work.hash, candidates] as const
        const sits = ['takeSeat', work.hash, work.terms, candidates[0], '0x', candidates, 0] as const
        expect(await no(draws)).toBe('NotDrawn')
        expect(await no(sits, pool()[0], TERMS.stake)).toBe('NotDrawn')
        await mine(8)
        expect(await no(['draw', work.hash, candidates.slice(1)])).toBe('WrongReplicas')
        const receipt = await S.send(world, draws, { from: anybody })
        const { args } = world.settlement.interface.parseLog(receipt.logs[0])!
        const beacon = (await node.provider.getBlock(block + 8))!.hash!
        expect(args.beacon).toBe(beacon)
        const source = { job: fromHex(work.hash.slice(2)), candidates, beacon: fromHex(beacon.slice(2)) }
        const expected = draw(policy, source)
        expect((args.replicas as string[]).map((one) => one.toLowerCase())).toEqual(expected)
        expect(await no(draws)).toBe('Drawn')
        const seats = expected.map((one) => pool().find(({ address }) => address === one)!)
        await sit(work, seats)
        const seals = seats.map((by) => S.sealedBy(work, by))
        await sealAll(seals)
        expect(await no(await agree(work, seals))).toBe('WrongReplicas')
        await S.send(world, await agree(work, seals, seals, expected), { from: anybody })
        await S.mineAt(world, over(work) + 1n)
        await settleAll(work, seats)
        await S.drain(world, work.terms, [...everybody(), ...seats])
      }
    })

    test('a block is remembered for a day, and a job whose block is lost goes back', async () => {
      const { candidates, work } = await posted()
      const late = await posted()
      await mine(300) // further back than BLOCKHASH knows
      await S.send(world, ['draw', work.hash, candidates], { from: anybody })
      const history = '0x0000F90827F1C53a10cb7A02335B175320002935'
      const code = await node.provider.getCode(history)
      expect(code).not.toBe('0x')
      await node.provider.send('anvil_setCode', [history, '0x'])
      expect(await no(['draw', late.work.hash, candidates])).toBe('LostBeacon')
      await node.provider.send('anvil_setCode', [history, code])
      for (const { work: lost } of [late, { work }]) {
        expect(await no(['cancel', lost.hash, lost.terms], requester)).toBe('TooEarly')
      }
      await S.mineAt(world, late.work.job.deadline + 1n)
      await S.send(world, ['cancel', work.hash, work.terms], { from: requester })
      await S.send(world, ['cancel', late.work.hash, late.work.terms], { from: requester })
      const fresh = await posted()
      await S.send(world, ['cancel', fresh.work.hash, fresh.work.terms], { from: requester })
    })

    test('candidates out of order, twice or too few draw nobody', async () => {
      const { TypedDataEncoder, AbiCoder, keccak256 } = await import('ethers')
      const [a, b, c] = pool().map(({ address }) => address)
      for (const candidates of [
        [b, a, c],
        [a, a, b],
        [a, b],
        [ZeroAddress, a, b],
      ]) {
        const extension = keccak256(AbiCoder.defaultAbiCoder().encode(['address[]'], [candidates]))
        const policy = Policy.quorum('2/3', { candidates: fromHex(extension.slice(2)), window: 6 * HOUR })
        expect(
          TypedDataEncoder.hashStruct('Policy', Policy.policyStruct.types, S.wire(Policy.policyStruct, policy)),
        ).toBe(hex(Policy.hash(policy)))
        const work = await S.workUnder(world, policy, { terms: SHARED })
        await S.post(world, work)
        await mine(9)
        expect(await no(['draw', work.hash, candidates])).toBe('BadCandidates')
      }
    })
  })
})

describe('audited', () => {
  const auditors = () => [bob, mallory]
  const policy = (samples = 0) =>
    Policy.audited(samples, { auditors: auditors().map(({ address }) => address), window: 6 * HOUR })

  async function claimedWork(samples = 0): Promise<Work> {
    const work = await started({}, policy(samples))
    await S.fileClaim(world, work, alice)
    return work
  }

  const receiptOf = (work: Work, by: Actor, answer = 7) =>
    Receipt.from({
      claim: claimOf(work.job, answer),
      provider: by.sign.address,
      sealSet: fill(0),
      metadata: fill(8),
      issuedAt: 5,
    })

  const FOUND = { outcome: 'valid', grade: 'replayed', sampled: 10n, total: 10n } as const
  async function verdict(work: Work, found: object = FOUND, by = bob, answer = 7) {
    const receipt = receiptOf(work, alice, answer)
    const value = Verdict.verdictStruct.from(
      {
        receipt: Receipt.hash(receipt),
        policy: work.job.policy,
        ...FOUND,
        evidence: fill(0),
        auditor: by.sign.address,
        issuedAt: 1n,
        ...found,
      },
      'verdict',
    )
    const signature = hex(await Signer.sign(by.sign, { struct: Verdict.verdictStruct, value, domain: world.domain }))
    const words = [S.wire(Receipt.receiptStruct, receipt), S.wire(Verdict.verdictStruct, value), signature]
    return ['settleAudited', ...work.args, ...words] as const
  }

  test('a valid verdict of a named auditor pays at once, a refuted one costs the whole stake', async () => {
    const work = await claimedWork()
    const call = await verdict(work)
    await S.send(world, ['setLive', idOf(work.hash, alice.address), 1], { from: anybody, to: world.judge })
    expect(await no(call)).toBe('Disputed')
    await S.send(world, ['setLive', idOf(work.hash, alice.address), 0], { from: anybody, to: world.judge })
    const paid = await S.send(world, call, { from: anybody })
    expect(S.eventsOf(world, paid)).toEqual(['VerdictCounted', 'Credited', 'EngagementSettled'])
    expect(await no(call)).toBe('WrongState')
    expect(await no(await verdict(work, { outcome: 'refuted' }))).toBe('WrongState')
    expect(await S.creditsOf(world, TERMS, [requester, alice, bob])).toEqual([0n, TERMS.payment + TERMS.stake, 0n])
    await S.drain(world, TERMS, everybody())

    const lie = await claimedWork()
    await S.send(world, await verdict(lie, { outcome: 'refuted', sampled: 1n }), { from: anybody })
    expect(await no(await verdict(lie))).toBe('WrongState')
    expect(await S.creditsOf(world, TERMS, [requester, alice, bob])).toEqual([TERMS.payment + TERMS.stake, 0n, 0n])
    const reward = ['reward', await world.settlement.getAddress(), idOf(lie.hash, alice.address), bob.address, TERMS]
    await expect(S.send(world, reward as never, { from: anybody, to: world.judge })).rejects.toThrow('refused')
    await S.drain(world, TERMS, everybody())
  })

  test('a verdict that is undecided, weak, a stranger\u2019s or about something else moves nothing', async () => {
    const work = await started({}, policy())
    expect(await no(await verdict(work))).toBe('WrongState')
    await S.fileClaim(world, work, alice)
    const cases: readonly (readonly [string, readonly [string, ...unknown[]]])[] = [
      ['Undecided', await verdict(work, { outcome: 'undecided' })],
      ['WeakVerdict', await verdict(work, { grade: 'sampled' })],
      ['WeakVerdict', await verdict(work, { grade: 'agreed' })],
      ['BadVerdict', await verdict(work, {}, anybody)],
      ['WrongClaim', await verdict(work, {}, bob, 8)],
      ['WrongPolicy', await verdict(work, { policy: fill(1) })],
      ['BadVerdict', await verdict(work, { receipt: fill(1) })],
    ]
    for (const [error, call] of cases) expect([error, await no(call)]).toEqual([error, error])
    const whole = await verdict(work)
    const another = S.wire(Policy.policyStruct, policy(3))
    expect(await no([...whole.slice(0, 2), another, ...whole.slice(3)] as never)).toBe('WrongPolicy')
    expect(await no([...whole.slice(0, -1), (await verdict(work, {}, mallory)).at(-1)] as never)).toBe('BadSignature')
    expect(await no([...whole.slice(0, 3), { ...TERMS, payment: 1n }, ...whole.slice(4)] as never)).toBe('WrongTerms')

    const sampled = await claimedWork(4)
    expect(await no(await verdict(sampled, { grade: 'sampled', sampled: 3n }))).toBe('WeakVerdict')
    await S.send(world, await verdict(sampled, { grade: 'sampled', sampled: 4n }), { from: anybody })
    const other = await started()
    expect(await no(await verdict(other))).toBe('WrongKind')
  })

  test('where no auditor decides, the payment and the stake go back when the window is over', async () => {
    const work = await claimedWork()
    expect(await no(['settle', work.hash, alice.address, TERMS])).toBe('TooEarly')
    await S.mineAt(world, closesOf(work) + 1n)
    await S.settle(world, work, alice)
    expect(await S.creditsOf(world, TERMS, [requester, alice])).toEqual([TERMS.payment, TERMS.stake])
    await S.drain(world, TERMS, everybody())
  })
})

describe('proven', () => {
  const policy = Policy.from({ ...Policy.claimed(), kind: 'proven' })
  const contextOf = async (work: Work, by: Actor) =>
    keccak256(
      AbiCoder.defaultAbiCoder().encode(
        ['uint256', 'address', 'bytes32', 'address'],
        [CHAIN_ID, await world.settlement.getAddress(), work.hash, by.address],
      ),
    )
  async function posted(): Promise<Work> {
    const work = await S.workUnder(world, policy, { terms: { verifier: await world.judge.getAddress() } })
    await S.post(world, work)
    return work
  }
  const proves = (work: Work, by: Actor, proof: string, about: object = S.claimed(work)) =>
    ['settleProven', work.args[0], work.terms, about, by.address, proof] as const

  test('a proof pays the provider that it names, whoever sends it, once', async () => {
    const work = await posted()
    const proof = await contextOf(work, alice)
    expect(await no(proves(work, mallory, proof), mallory)).toBe('BadProof')
    expect(await no(proves(work, alice, proof, { ...S.claimed(work), job: hex(fill(1)) }))).toBe('WrongClaim')
    expect(await no(['settleProven', work.args[0], TERMS, S.claimed(work), alice.address, proof])).toBe('WrongTerms')
    const zero = proves(work, { ...alice, address: ZeroAddress }, proof)
    expect(await no(zero)).toBe('ZeroAddress')
    expect(await no(proves(work, alice, '0x'))).toBe('Error') // the verifier's own refusal
    expect(await no(['cancel', work.hash, work.terms], requester)).toBe('TooEarly')
    const take = ['take', work.hash, work.terms, alice.address, '0x'] as const
    expect(await no(take, alice, TERMS.stake)).toBe('WrongKind')
    await S.send(world, proves(work, alice, proof), { from: mallory })
    expect(await no(proves(work, alice, proof))).toBe('JobClosed')
    expect(await no(proves(work, bob, await contextOf(work, bob)))).toBe('JobClosed')
    expect(await S.stateOf(world, work, alice)).toBe('Paid')
    expect(await S.creditsOf(world, work.terms, [alice, mallory])).toEqual([TERMS.payment, 0n])
    await S.drain(world, work.terms, everybody())
    const other = await started()
    expect(await no(['settleProven', other.args[0], TERMS, S.claimed(other), alice.address, proof])).toBe('WrongKind')
  })

  test('without a proof by the deadline the payment goes back', async () => {
    const work = await posted()
    const proof = await contextOf(work, alice)
    await S.mineAt(world, work.job.deadline + 1n)
    expect(await no(proves(work, alice, proof))).toBe('TooLate')
    await S.send(world, ['cancel', work.hash, work.terms], { from: requester })
    await S.drain(world, work.terms, everybody())
  })
})

describe('batches', () => {
  interface Batch {
    payer: string
    token: string
    root: string
    depth: number
    expires: number
  }
  const entryOf = (i: number, by: Actor) => ({
    job: fill(i + 1),
    provider: by.address as `0x${string}`,
    claim: fill(i + 101),
    amount: 100n + BigInt(i),
  })

  /** A posted batch over entries. */
  async function posted(entries: readonly Entry[], change: Partial<Batch> = {}, total?: bigint) {
    const tree = commitSettlement(entries)
    const sum = total ?? entries.reduce((found, { amount }) => found + amount, 0n)
    const batch: Batch = {
      payer: requester.address,
      token: ZeroAddress,
      root: hex(tree.root),
      depth: proveEntry(tree, entries[0]).length,
      expires: (await S.now(node.provider)) + DAY,
      ...change,
    }
    const value = batch.token === ZeroAddress ? sum : 0n
    await S.send(world, ['postBatch', batch, sum], { from: requester, value, to: world.batches })
    return { batch, tree, sum }
  }
  const itemOf = (tree: Settlement, entry: Entry) => ({
    job: hex(entry.job),
    claim: hex(entry.claim),
    amount: entry.amount,
    path: proveEntry(tree, entry).map(hex),
  })
  const refused = (call: readonly [string, ...unknown[]], from: Actor, value = 0n) =>
    S.refusalOf(world, call, { from, value, to: world.batches })
  const collects = (call: readonly [string, ...unknown[]], from: Actor) =>
    S.send(world, call, { from, to: world.batches })

  test('a payment is collected by its provider alone, once, for at most 60,000 gas', async () => {
    const entries = Array.from({ length: 100 }, (_, i) => entryOf(i, [alice, bob][i % 2]))
    const { batch, tree, sum } = await posted(entries)
    const gas: number[] = []
    for (const entry of entries.slice(0, 20)) {
      const by = entry.provider === alice.address ? alice : bob
      const item = itemOf(tree, entry)
      expect(await refused(['collect', batch, item], by === alice ? bob : alice)).toBe('NotInSettlement')
      const before = await node.provider.getBalance(by.address)
      const receipt = await collects(['collect', batch, item], by)
      const fee = receipt.gasUsed * receipt.gasPrice
      expect((await node.provider.getBalance(by.address)) - before + fee).toBe(entry.amount)
      expect(await refused(['collect', batch, item], by)).toBe('AlreadyCollected')
      gas.push(Number(receipt.gasUsed))
    }
    expect(Math.max(...gas)).toBeLessThanOrEqual(60_000)
    const rest = entries.slice(20).filter(({ provider }) => provider === alice.address)
    const items = rest.map((entry) => itemOf(tree, entry))
    expect(await refused(['collectMany', batch, [...items, items[0]]], alice)).toBe('AlreadyCollected')
    const many = await collects(['collectMany', batch, items], alice)
    expect(Number(many.gasUsed) / items.length).toBeLessThan(15_000)
    const paid = [...entries.slice(0, 20), ...rest].reduce((found, { amount }) => found + amount, 0n)
    expect(await S.held(world, TERMS, world.batches)).toBe(sum - paid)
  })

  test('in a large batch every place is marked apart, and a prepared word costs its first provider no more', async () => {
    const entries = Array.from({ length: 600 }, (_, i) => ({ ...entryOf(0, alice), job: keccak(i), amount: 1n }))
    const { batch, tree } = await posted(entries)
    const name = (await world.batches.idOf(batch)) as string
    await collects(['prepare', name, 0, 5], anybody)
    const gas: number[] = []
    for (let from = 0; from < 600; from += 100) {
      const items = entries.slice(from, from + 100).map((entry) => itemOf(tree, entry))
      for (const item of items.slice(0, 3)) gas.push(Number((await collects(['collect', batch, item], alice)).gasUsed))
      await collects(['collectMany', batch, items.slice(3)], alice)
    }
    expect(tree.entries.length).toBe(600)
    expect(batch.depth).toBe(10)
    expect(Math.max(...gas)).toBeLessThanOrEqual(60_000)
    expect(await S.held(world, TERMS, world.batches)).toBe(0n)
    await collects(['prepare', name, 0, 5], anybody)
    for (const entry of entries.filter((_, i) => i % 60 === 7)) {
      expect(await refused(['collect', batch, itemOf(tree, entry)], alice)).toBe('AlreadyCollected')
    }
  })

  test('the payer takes back what is left after the batch expired, and no batch pays more than came in', async () => {
    const entries = [entryOf(0, alice), entryOf(1, bob)]
    const { batch, tree } = await posted(entries)
    const short = await posted(entries, { expires: batch.expires + 5 }, 150n)
    expect(await refused(['reclaim', batch], requester)).toBe('TooEarly')
    expect(await refused(['reclaim', batch], alice)).toBe('NotThePayer')
    await collects(['collect', batch, itemOf(tree, entries[0])], alice)
    await collects(['collect', short.batch, itemOf(tree, entries[0])], alice)
    expect(await refused(['collect', short.batch, itemOf(tree, entries[1])], bob)).toBe('Exhausted')
    await S.mineAt(world, batch.expires + 5)
    await collects(['reclaim', batch], requester)
    expect(await refused(['reclaim', batch], requester)).toBe('NothingLeft')
    expect(await refused(['collect', batch, itemOf(tree, entries[1])], bob)).toBe('Exhausted')
    await collects(['reclaim', short.batch], requester)
    expect(await world.batches.balanceOf(ZeroAddress, requester.address)).toBe(151n)
    await collects(['withdraw', ZeroAddress], requester)
    expect(await S.held(world, TERMS, world.batches)).toBe(0n)
  })

  test('forged items, paths of another depth, other batches and bad posts are refused', async () => {
    const entries = [0, 1, 2, 3].map((i) => entryOf(i, alice))
    const { batch, tree, sum } = await posted(entries)
    const item = itemOf(tree, entries[2])
    const collect = (about: object, what: object = item) => refused(['collect', about, what], alice)
    expect(await collect(batch, { ...item, amount: 999n })).toBe('NotInSettlement')
    expect(await collect(batch, { ...item, claim: hex(fill(1)) })).toBe('NotInSettlement')
    expect(await collect(batch, { ...item, job: hex(fill(1)) })).toBe('NotInSettlement')
    expect(await collect(batch, { ...item, path: item.path.slice(1) })).toBe('WrongDepth')
    expect(await collect(batch, { ...item, path: [...item.path, hex(fill(1))] })).toBe('WrongDepth')
    expect(await collect({ ...batch, depth: 3 }, { ...item, path: [...item.path, hex(fill(1))] })).toBe(
      'NotInSettlement',
    )
    expect(await collect({ ...batch, expires: 5 })).toBe('UnknownBatch')
    expect(await collect({ ...batch, payer: alice.address })).toBe('UnknownBatch')
    const post = (about: object, total = sum, value = total) => refused(['postBatch', about, total], requester, value)
    expect(await post(batch)).toBe('AlreadyPosted')
    expect(await post({ ...batch, payer: alice.address })).toBe('NotThePayer')
    const fresh = { ...batch, root: hex(fill(9)) }
    expect(await post({ ...fresh, depth: 21 })).toBe('BadBatch')
    expect(await post(fresh, 0n)).toBe('BadBatch')
    expect(await post(fresh, 1n << 120n, 0n)).toBe('BadBatch')
    expect(await post(fresh, sum, sum - 1n)).toBe('WrongValue')
    expect(await post(fresh)).toBe('')
  })

  test('a receiver that refuses coins, or calls back, hurts nobody and gets nothing twice', async () => {
    const attacker = await deploy(world.node, 'test/Attacker')
    const address = ((await attacker.getAddress()) as string).toLowerCase() as `0x${string}`
    const entries = [{ ...entryOf(0, alice), provider: address }, entryOf(1, bob)]
    const { batch, tree } = await posted(entries)
    const call = world.batches.interface.encodeFunctionData('collect', [batch, itemOf(tree, entries[0])])
    const at = await world.batches.getAddress()
    await did(attacker.refuse(true))
    await expect(attacker.run.staticCall(at, call)).rejects.toThrow()
    await collects(['collect', batch, itemOf(tree, entries[1])], bob)
    await did(attacker.refuse(false))
    await did(attacker.callOnReceipt(at, call))
    await did(attacker.run(at, call))
    expect([await attacker.went(), await attacker.answer()]).toEqual([false, GUARD])
    expect(await node.provider.getBalance(address)).toBe(entries[0].amount)
    expect(await S.held(world, TERMS, world.batches)).toBe(0n)
  })
})

/** After a transaction of a contract that the test deployed. */
const did = async (sent: Promise<{ hash: string }>) => mined(node.provider, (await sent).hash)
/** Selector of the guard's error. */
const GUARD = id('ReentrancyGuardReentrantCall()').slice(0, 10)
const keccak = (i: number) => fromHex(id(String(i)).slice(2))

describe('tokens', () => {
  const MANNERS = ['good', 'fee', 'false', 'silent', 'reverts', 'liar', 'calls', 'shrinks']

  async function tokenTerms(): Promise<S.Terms> {
    const at = await world.settlement.getAddress()
    for (const by of [requester, alice]) {
      await S.send(world, ['mint', by.address, 1n << 100n], { from: by, to: world.token })
      await S.send(world, ['approve', at, 1n << 99n], { from: by, to: world.token })
    }
    return { ...TERMS, token: await world.token.getAddress() }
  }
  const behave = (manner: string) =>
    S.send(world, ['behave', MANNERS.indexOf(manner)], { from: anybody, to: world.token })

  test('a job in tokens is paid in tokens, of those that return nothing too', async () => {
    const terms = await tokenTerms()
    for (const manner of ['good', 'silent']) {
      await behave(manner)
      const work = await started({ terms })
      expect(await S.held(world, terms)).toBe(TERMS.payment + TERMS.stake)
      expect(await no(['post', ...work.args, '0x'], requester)).toBe('AlreadyPosted')
      await S.fileClaim(world, work, alice)
      await S.mineAt(world, closesOf(work) + 1n)
      await S.settle(world, work, alice)
      const before = (await world.token.balanceOf(alice.address)) as bigint
      await S.drain(world, terms, everybody())
      expect(((await world.token.balanceOf(alice.address)) as bigint) - before).toBe(TERMS.payment + TERMS.stake)
    }
  })

  test('a token that keeps a fee, lies, fails or shrinks is refused when it comes in', async () => {
    const terms = await tokenTerms()
    const work = await S.workUnder(world, optimistic, { terms })
    const expected = {
      fee: 'WrongDeposit',
      false: 'SafeERC20FailedOperation',
      reverts: 'Error',
      liar: 'WrongDeposit',
      shrinks: 'WrongDeposit',
    }
    for (const [manner, error] of Object.entries(expected)) {
      await behave(manner)
      expect([manner, await no(['post', ...work.args, '0x'], requester)]).toEqual([manner, error])
    }
    await behave('good')
    expect(await no(['post', ...work.args, '0x'], requester, 1n)).toBe('WrongValue')
    expect(await no(['post', ...work.args, '0x'], requester)).toBe('')
    await S.post(world, work)
    await behave('fee')
    expect(await no(['take', work.hash, terms, alice.address, '0x'], alice)).toBe('WrongDeposit')
  })

  test('a token that stops working stops nobody else, and what is owed in it stays owed', async () => {
    const terms = await tokenTerms()
    const work = await started({ terms })
    const coins = await started()
    for (const one of [work, coins]) await S.fileClaim(world, one, alice)
    await behave('reverts')
    await S.mineAt(world, closesOf(coins) + 1n)
    await S.settle(world, work, alice)
    await S.settle(world, coins, alice)
    expect(await no(['withdraw', terms.token], alice)).toBe('Error')
    await S.drain(world, TERMS, everybody())
    await behave('false')
    expect(await no(['withdraw', terms.token], alice)).toBe('SafeERC20FailedOperation')
    expect(await S.creditsOf(world, terms, [alice])).toEqual([TERMS.payment + TERMS.stake])
    await behave('good')
    await S.drain(world, terms, everybody())
  })

  test('a token that calls back in the middle of a transfer gets into nothing that moves money', async () => {
    const terms = await tokenTerms()
    const work = await S.workUnder(world, optimistic, { terms })
    const at = await world.settlement.getAddress()
    const calls: readonly (readonly [string, ...unknown[]])[] = [
      ['post', ...work.args, '0x'],
      ['take', work.hash, terms, alice.address, '0x'],
      ['takeSeat', work.hash, terms, alice.address, '0x', [], 0],
      ['withdraw', ZeroAddress],
      ['withdrawTo', terms.token, alice.address],
    ]
    for (const [i, [name, ...values]] of calls.entries()) {
      const one = await S.workUnder(world, optimistic, { terms })
      const data = world.settlement.interface.encodeFunctionData(name, values)
      await S.send(world, ['callInTransfer', at, data], { from: anybody, to: world.token })
      await S.post(world, one)
      expect([name, await world.token.went(), await world.token.answer()]).toEqual([name, false, GUARD])
      expect(await S.held(world, terms)).toBe(TERMS.payment * BigInt(i + 1))
    }
  })
})

test('an account that cannot receive sends its money elsewhere; one that calls back gets nothing twice', async () => {
  const attacker = await deploy(world.node, 'test/Attacker')
  const address = ((await attacker.getAddress()) as string).toLowerCase()
  const work = await S.workUnder(world, optimistic)
  await S.post(world, work)
  const at = await world.settlement.getAddress()
  const abi = world.settlement.interface
  const taking = abi.encodeFunctionData('take', [work.hash, TERMS, address, '0x'])
  await did(attacker.run(at, taking, { value: TERMS.stake }))
  await did(attacker.run(at, abi.encodeFunctionData('fileClaim', [S.claimed(work), address, NO_REFUSAL, '0x'])))
  const other = await started()
  await S.fileClaim(world, other, alice)
  await S.mineAt(world, closesOf(other) + 1n)
  await S.settle(world, other, alice)
  await S.send(world, ['settle', work.hash, address, TERMS], { from: anybody })
  const withdrawal = abi.encodeFunctionData('withdraw', [ZeroAddress])
  await did(attacker.refuse(true))
  const whole = TERMS.payment + TERMS.stake
  expect(
    await S.refusalOf({ ...world, actor: world.actor }, ['withdraw', ZeroAddress], { from: { ...anybody, address } }),
  ).toBe('TransferFailed')
  expect(await no(['withdrawTo', ZeroAddress, address], alice)).toBe('TransferFailed')
  expect(await no(['withdrawTo', ZeroAddress, ZeroAddress], alice)).toBe('ZeroReceiver')
  await did(attacker.refuse(false))
  await did(attacker.callOnReceipt(at, withdrawal))
  await did(attacker.run(at, withdrawal))
  expect([await attacker.went(), await attacker.answer()]).toEqual([false, GUARD])
  expect(await node.provider.getBalance(address)).toBe(whole)
  await S.send(world, ['withdrawTo', ZeroAddress, bob.address], { from: alice })
  expect(await S.held(world, TERMS)).toBe(0n)
})

test('nothing that was signed for a job, a contract or a chain counts for another', async () => {
  const work = await S.workUnder(world, optimistic)
  const value = { job: work.hash, terms: S.hashTerms(TERMS) }
  const other = await S.workUnder(world, optimistic)
  const { chainId, verifyingContract } = TypedData.wireDomain(world.domain) as {
    chainId: bigint
    verifyingContract: string
  }
  const domains = [
    { name: 'Countersign', version: '1' },
    { name: 'Countersign', version: '1', chainId: chainId + 1n, verifyingContract },
    { name: 'Countersign', version: '1', chainId, verifyingContract: await world.batches.getAddress() },
    { name: 'Countersign', version: '2', chainId, verifyingContract },
  ]
  for (const domain of domains) {
    const posting = await requester.wallet.signTypedData(domain, S.POSTING, value)
    expect(await no(['post', ...work.args, posting], anybody, TERMS.payment)).toBe('BadSignature')
  }
  const posting = await S.signTyped(world, requester, [S.POSTING, value])
  expect(await no(['post', ...other.args, posting], anybody, TERMS.payment)).toBe('BadSignature')
  await S.send(world, ['post', ...work.args, posting], { from: anybody, value: TERMS.payment })
  expect(await no(['post', ...work.args, posting], anybody, TERMS.payment)).toBe('AlreadyPosted')
  await S.post(world, other)
  const takes = (domain: object, about: object) =>
    alice.wallet.signTypedData(domain, S.TAKING, { ...value, provider: alice.address, ...about })
  for (const domain of domains) {
    const signature = await takes(domain, {})
    expect(await no(['take', work.hash, TERMS, alice.address, signature], anybody, TERMS.stake)).toBe('BadSignature')
  }
  const here = { name: 'Countersign', version: '1', chainId, verifyingContract }
  const own = await takes(here, {})
  expect(await no(['take', other.hash, TERMS, alice.address, own], anybody, TERMS.stake)).toBe('BadSignature')
  expect(await no(['take', work.hash, TERMS, bob.address, own], anybody, TERMS.stake)).toBe('BadSignature')
  await S.send(world, ['take', work.hash, TERMS, alice.address, own], { from: anybody, value: TERMS.stake })
  const twin = await S.worldOn(node)
  const outcome = await S.refusalOf(twin, ['post', ...work.args, posting], { from: anybody, value: TERMS.payment })
  expect(outcome).toBe('BadSignature')
  expect(await world.settlement.domainSeparator()).toBe(hex(TypedData.domainSeparator(world.domain)))
})
