import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AbiCoder, ZeroAddress, keccak256 } from 'ethers'
import { Policy, Receipt, Signer, Verdict } from '../../src/receipt/index.js'
import { claimOf, fill } from '../receipt/samples.js'
import { CHAIN_ID, startNode, type EvmNode } from './node.js'
import * as S from './settlement.js'
import { DAY, HOUR, NO_REFUSAL, TERMS, hex, idOf, type Actor, type Work, type World } from './settlement.js'

/**
 * Random lives: whatever anybody does, in any order and at any time, no state is skipped, every coin is accounted for after every
 * transaction, every refusal has a name, and in the end everybody has got out what is its own and nothing is left.
 */

let node: EvmNode
beforeAll(async () => {
  node = await startNode()
  await S.endow(node, [REQUESTER, ANYBODY, ...PROVIDERS, ...AUDITORS])
}, 60_000)
afterAll(() => node?.stop())

/** Lives in a run of the tests; more by the environment variable LIVES. */
const RUNS = Number(process.env.LIVES ?? 4)
const REQUESTER = 0x11
const ANYBODY = 0x99
const PROVIDERS = [0x40, 0x41, 0x42]
const AUDITORS = [0x43]

/** Where an engagement may go from each state. */
const NEXT: Record<string, readonly string[]> = {
  None: ['Taken', 'Paid'],
  Taken: ['Sealed', 'Claimed', 'Expired', 'Void'],
  Sealed: ['Claimed', 'Expired', 'Void'],
  Claimed: ['Paid', 'Slashed', 'Void'],
  Paid: [],
  Slashed: [],
  Expired: [],
  Void: [],
}
const HOLDS_STAKE = ['Taken', 'Sealed', 'Claimed', 'Void']

/** A sequence in progress: four jobs, one for each policy, and what the chain does not say of them. */
interface Life {
  readonly world: World
  readonly works: readonly Work[]
  readonly providers: readonly Actor[]
  /** Ids whose stake was released, and whose challenger was rewarded. */
  readonly done: Set<string>
  readonly states: Map<string, string>
}

async function begin(): Promise<Life> {
  const world = await S.worldOn(node)
  const providers = PROVIDERS.map(world.actor).sort((a, b) => (a.address < b.address ? -1 : 1))
  const named = providers.map(({ address }) => address)
  const policies = [
    Policy.optimistic(2 * DAY),
    Policy.quorum('2/3', { replicas: named, window: 6 * HOUR }),
    Policy.audited(0, { auditors: AUDITORS.map((one) => world.actor(one).address), window: 6 * HOUR }),
    Policy.from({ ...Policy.claimed(), kind: 'proven' }),
  ]
  const works: Work[] = []
  const verifier = await world.judge.getAddress()
  for (const policy of policies) works.push(await S.workUnder(world, policy, { terms: { payment: 21_000n, verifier } }))
  return { world, works, providers, done: new Set(), states: new Map() }
}

/** What somebody may do: the job, the provider that it is about, an answer, and one call (undefined: nothing to say). */
interface Act {
  readonly life: Life
  readonly work: Work
  readonly by: Actor
  readonly answer: number
}
interface Attempt {
  readonly call: readonly [string, ...unknown[]]
  readonly from: Actor
  readonly value?: bigint
  readonly to?: World['settlement']
  readonly marks?: string
  readonly name?: string
}

const answerOf = (act: Act, by: Actor) =>
  7 + ((PROVIDERS.indexOf(Number(by.wallet.privateKey.slice(0, 4))) + act.answer) % 2)
const sealsOf = async (act: Act): Promise<readonly S.Sealed[]> => {
  const { life, work } = act
  const states = await Promise.all(life.providers.map((by) => S.stateOf(life.world, work, by)))
  const hasSealed = life.providers.filter((_, i) => !['None', 'Taken'].includes(states[i]))
  return hasSealed.map((by) => S.sealedBy(work, by, { answer: answerOf({ ...act, answer: 0 }, by) }))
}
const ruling = async ({ life }: Act, name: string, values: readonly unknown[]): Promise<Attempt> => ({
  call: [name, await life.world.settlement.getAddress(), ...values],
  from: life.world.actor(ANYBODY),
  to: life.world.judge,
})

const ACTS: Record<string, (act: Act) => Promise<Attempt> | Attempt> = {
  post: ({ life, work }) => ({
    call: ['post', ...work.args, '0x'],
    from: life.world.actor(REQUESTER),
    value: work.terms.payment,
  }),
  cancel: ({ life, work }) => ({ call: ['cancel', work.hash, work.terms], from: life.world.actor(REQUESTER) }),
  take: ({ life, work, by }) => {
    const seats = life.providers.map(({ address }) => address)
    const common = [work.hash, work.terms, by.address, '0x'] as const
    const call =
      work.policy.kind === 'quorum' ? ['takeSeat', ...common, seats, seats.indexOf(by.address)] : ['take', ...common]
    return { call: call as [string], from: by, value: work.terms.stake }
  },
  seal: ({ work, by }) => {
    const own = S.sealedBy(work, by, { answer: answerOf({ answer: 0 } as Act, by) })
    return { call: ['seal', S.sealArgs([own])[0], '0x'], from: by }
  },
  agree: async (act) => {
    const { life, work, answer } = act
    const seals = await sealsOf(act)
    const same = seals.filter(({ claim }) => claim.outputs[0] === 7 + (answer % 2))
    const reveals = await Promise.all(same.map((one) => S.revealOf(life.world, one, seals)))
    const call = ['settleQuorum', work.args[0], work.args[1], [], S.sealArgs(seals), reveals, NO_REFUSAL] as const
    return { call, from: life.world.actor(ANYBODY) }
  },
  reveal: async (act) => {
    const { life, by } = act
    const seals = await sealsOf(act)
    const own = seals.find((one) => one.by === by) ?? S.sealedBy(act.work, by)
    return { call: ['reveal', S.sealArgs(seals), await S.revealOf(life.world, own, seals), NO_REFUSAL], from: by }
  },
  file: ({ work, by, answer }) => ({
    call: ['fileClaim', S.claimed(work, answer), by.address, NO_REFUSAL, '0x'],
    from: by,
  }),
  settle: ({ life, work, by }) => ({
    call: ['settle', work.hash, by.address, work.terms],
    from: life.world.actor(ANYBODY),
  }),
  expire: ({ life, work, by }) => ({
    call: ['expire', work.hash, by.address, work.terms],
    from: life.world.actor(ANYBODY),
  }),
  refund: ({ life, work }) => ({ call: ['refund', work.hash, work.terms], from: life.world.actor(ANYBODY) }),
  release: ({ life, work, by }) => ({
    call: ['release', work.hash, by.address, work.terms],
    from: life.world.actor(ANYBODY),
    marks: idOf(work.hash, by.address),
  }),
  verdict: async ({ life, work, by, answer }) => {
    const auditor = life.world.actor(AUDITORS[0])
    const receipt = Receipt.from({
      claim: claimOf(work.job, answer),
      provider: by.sign.address,
      sealSet: fill(0),
      metadata: fill(8),
      issuedAt: 5,
    })
    const said = {
      receipt: Receipt.hash(receipt),
      policy: work.job.policy,
      grade: 'replayed',
      sampled: 10n,
      total: 10n,
    }
    const signed = { ...said, evidence: fill(0), auditor: auditor.sign.address, issuedAt: 1n }
    const outcome = (['valid', 'refuted', 'undecided'] as const)[answer % 3]
    const value = Verdict.verdictStruct.from({ ...signed, outcome }, 'verdict')
    const toSign = { struct: Verdict.verdictStruct, value, domain: life.world.domain }
    const words = [S.wire(Receipt.receiptStruct, receipt), S.wire(Verdict.verdictStruct, value)]
    const signature = hex(await Signer.sign(auditor.sign, toSign))
    return { call: ['settleAudited', ...work.args, ...words, signature], from: life.world.actor(ANYBODY) }
  },
  prove: async ({ life, work, by }) => {
    const types = ['uint256', 'address', 'bytes32', 'address']
    const words = [CHAIN_ID, await life.world.settlement.getAddress(), work.hash, by.address]
    const proof = keccak256(AbiCoder.defaultAbiCoder().encode(types, words))
    return {
      call: ['settleProven', work.args[0], work.terms, S.claimed(work), by.address, proof],
      from: life.world.actor(ANYBODY),
    }
  },
  refute: (act) => ruling(act, 'refute', [idOf(act.work.hash, act.by.address), act.work.terms]),
  reward: async (act) => {
    const id = idOf(act.work.hash, act.by.address)
    return { ...(await ruling(act, 'reward', [id, act.life.world.actor(ANYBODY).address, act.work.terms])), marks: id }
  },
  voidJob: (act) => ruling(act, 'voidJob', [act.work.hash, act.work.terms]),
  dispute: ({ life, work, by, answer }) => ({
    call: ['setLive', idOf(work.hash, by.address), answer % 2],
    from: life.world.actor(ANYBODY),
    to: life.world.judge,
  }),
  withdraw: ({ by }) => ({ call: ['withdraw', ZeroAddress], from: by }),
}

/** The name of the refusal, '' for none; every refusal has one. What a ruling is refused with comes back through the judge. */
async function refusal(life: Life, { call, from, value = 0n, to }: Attempt): Promise<string> {
  const found = await S.refusalOf(life.world, call, { from, value, to: to ?? life.world.settlement })
  const named = to !== undefined || !/^(nothing|Panic|Error|0x.*)$/.test(found)
  expect([call[0], found, named]).toEqual([call[0], found, true])
  return found
}

/** Does it where it is allowed; then everything must add up. */
async function attempt(life: Life, one: Attempt): Promise<void> {
  if ((await refusal(life, one)) !== '') return
  await S.send(life.world, one.call, { from: one.from, value: one.value, to: one.to })
  if (one.marks !== undefined) life.done.add(one.marks)
  await addUp(life)
}

/** Money in the contract = what is owed + shares that are open + stakes that are in + rewards that are held. */
async function addUp(life: Life): Promise<void> {
  const { world, works, providers, done, states } = life
  let sum = 0n
  for (const one of everybody(life)) sum += (await S.creditsOf(world, TERMS, [one]))[0]
  for (const work of works) {
    const posted = (await world.settlement.jobOf(work.hash)) as { seats: bigint; open: bigint }
    if (posted.seats > 0n) sum += (work.terms.payment / posted.seats) * posted.open
    for (const by of providers) {
      const id = idOf(work.hash, by.address)
      const [before, state] = [states.get(id) ?? 'None', await S.stateOf(world, work, by)]
      if (state !== before)
        expect([before, state]).toEqual([before, expect.toSatisfy((to) => NEXT[before].includes(to))])
      states.set(id, state)
      if (HOLDS_STAKE.includes(state) && !done.has(id)) sum += work.terms.stake
      const held = state === 'Slashed' && !done.has(id) && !(await isRewarded(life, work, by))
      if (held) sum += work.terms.stake / 2n
    }
  }
  expect(await S.held(world, TERMS)).toBe(sum)
}

/** A stake that a verdict took has no challenger's half. */
async function isRewarded({ world }: Life, work: Work, by: Actor): Promise<boolean> {
  const at = await world.settlement.getAddress()
  const call = ['reward', at, idOf(work.hash, by.address), by.address, work.terms] as const
  return (await S.refusalOf(world, call, { from: by, to: world.judge })) !== ''
}

const everybody = ({ world, providers }: Life): readonly Actor[] => [
  ...[REQUESTER, ANYBODY, ...AUDITORS].map(world.actor),
  ...providers,
]

/** What ends a job early is chosen less often, so that lives are long. */
const RARE = ['voidJob', 'cancel', 'refute', 'dispute', 'verdict']

/** Somebody looks at a job, finds what it may do there, and does one of it; or time goes by. */
interface Step {
  readonly job: number
  readonly who: number
  readonly answer: number
  readonly pick: number
  readonly hours: number
}
const step: fc.Arbitrary<Step> = fc.record({
  job: fc.constantFrom(0, 1, 1, 1, 2, 3),
  who: fc.nat(2),
  answer: fc.nat(8),
  pick: fc.nat(10_000),
  hours: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 2, 5, 9, 13) }),
})

async function allowed(act: Act): Promise<readonly Attempt[]> {
  const found: Attempt[] = []
  for (const [name, make] of Object.entries(ACTS)) {
    const one = await make(act)
    if ((await refusal(act.life, one)) === '') found.push({ ...one, name })
  }
  return found
}

async function live(steps: readonly Step[], seen: Map<string, number>): Promise<void> {
  const life = await begin()
  for (const work of life.works) await S.post(life.world, work)
  for (const { job, who, answer, pick, hours } of steps) {
    if (hours > 0) await S.mineAt(life.world, (await S.now(node.provider)) + hours * HOUR)
    const all = await allowed({ life, work: life.works[job], by: life.providers[who], answer })
    const usual = pick % 24 === 0 ? all : all.filter(({ name }) => !RARE.includes(name!))
    if (usual.length === 0) continue
    const one = usual[pick % usual.length]
    await attempt(life, one)
    seen.set(one.name!, (seen.get(one.name!) ?? 0) + 1)
  }
  await end(life)
}

/** Long after, everybody asks for what is its own. Nobody needs anybody else for that, and nothing is left. */
async function end(life: Life): Promise<void> {
  const { world, works, providers } = life
  await S.mineAt(world, (await S.now(node.provider)) + 90 * DAY)
  for (const work of works) {
    for (const by of providers) {
      for (const name of ['dispute', 'expire', 'settle', 'release', 'reward']) {
        await attempt(life, await ACTS[name]({ life, work, by, answer: 0 }))
      }
    }
    for (const name of ['refund', 'cancel'])
      await attempt(life, await ACTS[name]({ life, work, by: providers[0], answer: 0 }))
  }
  await S.drain(world, TERMS, everybody(life))
}

test('random lives: no state is skipped, every coin is accounted for, and everybody gets out', async () => {
  const seen = new Map<string, number>()
  const lives = fc.array(step, { minLength: 50, maxLength: 90 })
  await fc.assert(
    fc.asyncProperty(lives, (steps) => live(steps, seen)),
    { numRuns: RUNS, endOnFailure: true },
  )
  console.log('transactions:', JSON.stringify(Object.fromEntries(seen)))
  // Most of what there is to do was done.
  expect(seen.size).toBeGreaterThan(10)
}, 300_000)
