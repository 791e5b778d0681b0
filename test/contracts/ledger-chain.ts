/**
 * The model of ledger.ts beside the contracts: actors, jobs and claims by number become accounts, structures and calldata, and everything that the
 * chain shows is compared with what the model says.
 * @module
 */
import { Contract, ZeroAddress, keccak256, AbiCoder, toBeHex } from 'ethers'
import type { Log, TransactionReceipt } from 'ethers'
import { expect } from 'vitest'
import { toHex, type Bytes32 } from '../../src/core/bytes.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { Book } from '../../src/dispute/book.js'
import { runFor } from '../../src/dispute/own-run.js'
import type { Answer } from '../../src/dispute/question.js'
import { Builder } from '../../src/exact/builder.js'
import { REASONS, type Reason } from '../../src/exact/op.js'
import { sizedRoot } from '../../src/merkle/tree.js'
import { Claim, Job, Policy, Receipt, Seal, Signer, Verdict } from '../../src/receipt/index.js'
import { reference } from '../../src/runtime/reference.js'
import { refusalRecord } from '../../src/trace/refusal.js'
import { decodeStep, type Step } from '../../src/trace/step.js'
import { termsOf, type Work as Computation } from '../../src/trace/trace.js'
import { claimOn, lyingRun } from '../dispute/liar.js'
import { fill } from '../receipt/samples.js'
import * as D from './disputes.js'
import * as L from './ledger.js'
import type { Call, Claimed, Deal, Ledger } from './ledger.js'
import { CHAIN_ID, deploy, mined, type EvmNode } from './node.js'
import * as S from './settlement.js'
import { DAY, HOUR, hex, idOf, type Actor, type Work } from './settlement.js'

/** Who there is: the number of an actor is its place here. */
const KEYS = [0x11, 0x40, 0x41, 0x42, 0x22, 0x33]
export const [REQUESTER, HONEST, LIAR, OTHER, CHALLENGER, GRIEFER] = [0, 1, 2, 3, 4, 5]
export const ACTORS = [REQUESTER, HONEST, LIAR, OTHER, CHALLENGER, GRIEFER]
export const PROVIDERS = [HONEST, LIAR, OTHER]
const AUDITOR = 0x43
/** Tokens of every account. */
const RICH = 1n << 100n

/** The chain with all contracts and jobs, as every life finds it. */
export interface Scene {
  readonly court: D.Court
  readonly reader: Contract
  readonly verifier: string
  readonly actors: readonly Actor[]
  readonly deals: readonly Deal[]
  readonly works: readonly Work[]
  readonly claims: readonly Readonly<Record<Claimed, Claim.Claim>>[]
  readonly books: Readonly<Partial<Record<Claimed, Book>>>
  readonly step: Step
  /** What takes time to make, by name. */
  readonly made: Map<string, unknown>
  readonly start: Ledger
  /** Of the chain, as a life finds it; used up by every return to it. */
  snapshot: string
}

// ---------------------------------------------------------------- runs

const values = (...numbers: number[]): Tensor => tensor('float32', [2], numbers)

/** w' = w + w * x over three steps, with a sum: one parameter, one input, three nodes, one carry, two outputs. */
function computation(): Computation {
  const builder = new Builder()
  const state = [values(0.5, 0.625)]
  const w = builder.parameter('w', state[0])
  const x = builder.input('x', { dtype: 'float32', dims: [2] })
  const y = builder.op('Mul', [w, x])
  const s = builder.op('ReduceSum', [y], { axes: 1 })
  const outputs = [
    ['y', y],
    ['s', s],
  ] as const
  const { program } = builder.finish({ outputs, carries: [[w, builder.op('Add', [w, y])]] })
  return { program, state, inputs: Array.from({ length: L.STEPS }, (_, i) => [values(0.5 + i, 0.75)]) }
}

const REASON = 1
/** The declaration that no run here deserves. */
const DECLARED = { refused: true, step: BigInt(L.REFUSED_STEP), node: 0, element: 0n, reason: REASON }
const record = (): Bytes32 => {
  const reason = (Object.keys(REASONS) as Reason[]).find((name) => REASONS[name] === REASON)!
  return refusalRecord({ step: L.REFUSED_STEP, node: 0, element: 0, reason })
}

// ---------------------------------------------------------------- the scene

/** Money and times of the jobs: every policy, coins and tokens, odd amounts, with and without a deadline. */
function dealsOf(now: number): readonly Deal[] {
  const common = { payment: 21_000n, stake: 9001n, bond: 500n, replayTime: HOUR, moveTime: DAY + HOUR, requester: 0 }
  const deal = (change: Partial<Deal> & Pick<Deal, 'kind' | 'coin' | 'window'>) => {
    const base = { ...common, refusedShare: 5000n, deadline: now + DAY, threshold: 1, seats: [0], isBad: false }
    return { ...base, ...change }
  }
  const seats = PROVIDERS
  return [
    deal({ kind: 'optimistic', coin: 'coin', window: 2 * DAY }),
    deal({ kind: 'optimistic', coin: 'token', window: 2 * DAY, deadline: 0, payment: 7777n, isBad: true }),
    deal({ kind: 'quorum', coin: 'coin', window: 6 * HOUR, seats, threshold: 2 }),
    deal({ kind: 'quorum', coin: 'token', window: 6 * HOUR, seats, threshold: 2, stake: 1n, isBad: true }),
    deal({ kind: 'audited', coin: 'token', window: 6 * HOUR, stake: 0n }),
    deal({ kind: 'audited', coin: 'coin', window: 6 * HOUR, refusedShare: 3333n }),
    deal({ kind: 'proven', coin: 'coin', window: 0 }),
  ]
}

const policyOf = ({ kind, window, seats }: Deal, { actors, auditor }: { actors: readonly Actor[]; auditor: string }) =>
  ({
    optimistic: () => Policy.optimistic(window),
    quorum: () => Policy.quorum('2/3', { replicas: seats.map((seat) => actors[seat].address), window }),
    audited: () => Policy.audited(0, { auditors: [auditor], window }),
    proven: () => Policy.from({ ...Policy.claimed(), kind: 'proven' }),
  })[kind]()

/** Everything that all lives begin with. The providers' numbers are in the order of their addresses. */
export async function sceneOn(node: EvmNode): Promise<Scene> {
  await S.endow(node, [...KEYS, AUDITOR, 0x99])
  const court = await D.courtOn(node)
  const [reader, judge] = [await deploy(court.node, 'test/Reader'), await deploy(court.node, 'test/Judge')]
  const verifier = await judge.getAddress()
  const providers = KEYS.slice(1, 4).map(court.actor)
  providers.sort((a, b) => (a.address < b.address ? -1 : 1))
  const actors = [court.actor(KEYS[0]), ...providers, ...KEYS.slice(4).map(court.actor)]
  const work = computation()
  await D.describeProgram(court, work)
  await giveTokens(court, actors)
  const truth = await runFor(work, reference())
  const lie = await lyingRun(work, { step: 1, value: 2, element: 0 })
  const deals = dealsOf(await S.now(node.provider))
  const works: Work[] = []
  for (const deal of deals) works.push(await workOf(court, { deal, work, actors, verifier }))
  const claims = await Promise.all(works.map((one) => claimsOf(one, { truth, lie })))
  const books = { truth: new Book(truth), lie: new Book(lie) }
  const runs = Object.fromEntries(L.CLAIMS.map((name) => [name, claims[0][name].run])) as Record<Claimed, Bytes32>
  await node.provider.send('anvil_autoImpersonateAccount', [true])
  const start = await ledgerOf(court, { deals, runs })
  const step = truth.leaves[0]
  const made = new Map<string, unknown>()
  return { court, reader, verifier, actors, deals, works, claims, books, step, made, start, snapshot: '' }
}

async function giveTokens(court: D.Court, actors: readonly Actor[]): Promise<void> {
  for (const from of actors) {
    await S.send(court, ['mint', from.address, RICH], { from, to: court.token })
    for (const house of L.HOUSES) {
      await S.send(court, ['approve', await court[house].getAddress(), RICH], { from, to: court.token })
    }
  }
}

interface Dealing {
  readonly deal: Deal
  readonly work: Computation
  readonly actors: readonly Actor[]
  readonly verifier: string
}

async function workOf(court: D.Court, { deal, work, actors, verifier }: Dealing): Promise<Work> {
  const { program, initialState, inputs, steps } = termsOf(work)
  const token = deal.coin === 'coin' ? ZeroAddress : await court.token.getAddress()
  const { payment, stake, bond, replayTime, moveTime } = deal
  const terms = { token, payment, stake, bond, replayTime, moveTime, refusedShare: Number(deal.refusedShare), verifier }
  const policy = policyOf(deal, { actors, auditor: court.actor(AUDITOR).address })
  const job = { program, initialState, inputs, steps: BigInt(steps), deadline: BigInt(deal.deadline) }
  return S.workUnder(court, policy, { terms, job })
}

type Runs = Readonly<Record<'truth' | 'lie', Parameters<typeof claimOn>[0]>>

async function claimsOf({ job }: Work, { truth, lie }: Runs): Promise<Record<Claimed, Claim.Claim>> {
  const hash = Job.hash(job)
  const run = (name: number) => sizedRoot('run', { size: L.STEPS, root: fill(name) })
  return {
    truth: await claimOn(truth, hash),
    lie: await claimOn(lie, hash),
    noise: Claim.from({ job: hash, outputs: fill(7), finalState: fill(8), run: run(1) }),
    refused: Claim.from({ job: hash, outputs: record(), finalState: fill(8), run: run(2) }),
  }
}

async function ledgerOf(court: D.Court, { deals, runs }: Pick<Ledger, 'deals' | 'runs'>): Promise<Ledger> {
  const block = (await court.node.provider.getBlock('latest'))!
  const zeros = (...keys: (readonly (string | number)[])[]) =>
    Object.fromEntries(
      keys
        .reduce<string[][]>((all, key) => all.flatMap((front) => key.map((k) => [...front, String(k)])), [[]])
        .map((key) => [L.purse(...key), 0n]),
    )
  return {
    now: block.timestamp + 1,
    block: block.number,
    deals,
    runs,
    jobs: {},
    engagements: {},
    rulings: {},
    games: [],
    announced: {},
    commitments: {},
    credits: zeros(L.HOUSES, L.COINS, ACTORS),
    held: zeros(L.HOUSES, L.COINS),
    wealth: zeros(L.COINS, ACTORS),
  }
}

/** The chain as it was when the snapshot was taken, which is taken again. */
export async function rewind(scene: Scene): Promise<void> {
  const { provider } = scene.court.node
  if (scene.snapshot !== '') await provider.send('evm_revert', [scene.snapshot])
  scene.snapshot = (await provider.send('evm_snapshot', [])) as string
}

// ---------------------------------------------------------------- calls

/** Something that is made once for a name. */
async function once<T>({ made }: Scene, name: string, make: () => Promise<T> | T): Promise<T> {
  if (!made.has(name)) made.set(name, await make())
  return made.get(name) as T
}

/** Contract, function and arguments. */
export interface Wired {
  readonly to: Contract
  readonly call: readonly [string, ...unknown[]]
}

const REFUSED_SALT = keccak256(Buffer.from('Countersign: seal of a refused run')).slice(2, 34)
const saltOf = (refused: boolean): Uint8Array =>
  refused ? Uint8Array.from(Buffer.from(REFUSED_SALT + '11'.repeat(16), 'hex')) : fill(0x5a)

function sealedBy(scene: Scene, job: number, { provider, claim, refused }: Sealing): S.Sealed {
  const [by, salt, own] = [scene.actors[provider], saltOf(refused), scene.claims[job][claim]]
  return { by, salt, claim: own, seal: Seal.sealOf(own, by.sign.address as `0x${string}`, salt) }
}
interface Sealing {
  readonly provider: number
  readonly claim: Claimed
  readonly refused: boolean
}

const sealsOf = (scene: Scene, m: Ledger, job: number): readonly S.Sealed[] =>
  L.sealersOf(m, job).map((provider) =>
    sealedBy(scene, job, { provider, ...m.engagements[L.idOf(job, provider)].sealed! }),
  )

async function revealOf(scene: Scene, own: S.Sealed, seals: readonly S.Sealed[]): Promise<unknown[]> {
  const set = seals.map(({ seal }) => toHex(Seal.hash(seal))).join()
  const name = ['reveal', own.by.address, toHex(Claim.hash(own.claim)), toHex(own.salt), set].join()
  return once(scene, name, () => S.revealOf(scene.court, own, seals))
}

const claimOut = ({ claims }: Scene, job: number, claim: Claimed): unknown =>
  S.wire(Claim.claimStruct, claims[job][claim])
const declaredBy = ({ declares }: Call): object => (declares ? DECLARED : S.NO_REFUSAL)

const NOISE = fill(0x77)
const RULINGS = { false: D.FALSE_CLAIM, void: D.VOID_JOB, odd: hex(NOISE) } as const

/** What the referee is shown. */
function evidence({ court, works, actors, claims }: Scene, { job, provider, claim, ruling, nonce }: Call): string {
  const about = { job: works[job].args[0], claim: S.wire(Claim.claimStruct, claims[job][claim]) }
  const of = { ...about, provider: actors[provider].address }
  if (ruling in RULINGS) {
    const word = RULINGS[ruling as keyof typeof RULINGS]
    return court.judge.interface.encodeFunctionData('rule', [of, word, nonce])
  }
  return court.judge.interface.encodeFunctionData('refuse', [of, nonce])
}

const abi = AbiCoder.defaultAbiCoder()
const SALT = hex(fill(0x5a))

async function commitmentTo(scene: Scene, call: Call): Promise<string> {
  return once(scene, `announce ${L.announcementOf(call)}`, async () => {
    const proof = abi.encode(['address', 'bytes'], [await scene.court.judge.getAddress(), evidence(scene, call)])
    const words = [keccak256(proof), scene.actors[call.who].address, SALT]
    return keccak256(abi.encode(['bytes32', 'address', 'bytes32'], words))
  })
}

async function verdictOf(scene: Scene, call: Call): Promise<unknown[]> {
  const { court, works, claims, actors } = scene
  const auditor = court.actor(AUDITOR)
  const receipt = Receipt.from({
    claim: claims[call.job][call.claim],
    provider: actors[call.provider].sign.address,
    sealSet: fill(0),
    metadata: fill(8),
    issuedAt: 5,
  })
  const said = { receipt: Receipt.hash(receipt), policy: works[call.job].job.policy, outcome: call.ruling }
  const rest = { grade: 'replayed', sampled: 10n, total: 10n, evidence: fill(0), issuedAt: 1n }
  const value = Verdict.verdictStruct.from({ ...said, ...rest, auditor: auditor.sign.address }, 'verdict')
  const signature = await Signer.sign(auditor.sign, { struct: Verdict.verdictStruct, value, domain: court.domain })
  return [S.wire(Receipt.receiptStruct, receipt), S.wire(Verdict.verdictStruct, value), hex(signature)]
}

async function proofOf({ court, works, actors }: Scene, { job, provider, forged }: Call): Promise<string> {
  const words = [CHAIN_ID, await court.settlement.getAddress(), works[job].hash, actors[provider].address]
  return forged ? hex(NOISE) : keccak256(abi.encode(['uint256', 'address', 'bytes32', 'address'], words))
}

/** Below what was answered last: the move to a child. */
function descentOf(m: Ledger, { game, places: [child], forged }: Call): object {
  const found = m.games[game]
  const bad = { run: child === -1 ? 3 : 1, index: 0, hash: NOISE, path: [] }
  if (found === undefined || found.last === undefined) return bad
  const { last, question } = found
  if (last.name === 'answerCommitment')
    return { ...bad, run: bad.run === 3 ? 3 : D.spanOf(question.size), hash: forged ? NOISE : last.root }
  if (last.name !== 'answerChildren' || child < 0) return bad
  const run = question.size === 1 ? 1 : L.childRun(question.size)
  const down = D.downTo(last.children, question.size, child * run)
  return forged ? { ...down, hash: NOISE } : down
}

const lastOf = <K extends Answer['name']>(
  m: Ledger,
  game: number,
  name: K,
): Extract<Answer, { name: K }> | undefined => {
  const last = m.games[game]?.last
  return last?.name === name ? (last as Extract<Answer, { name: K }>) : undefined
}

function stepOf(scene: Scene, m: Ledger, { game, forged }: Call): Step {
  const leaf = lastOf(m, game, 'answerLeaf')?.leaf
  const step = leaf?.length === 192 ? decodeStep(leaf) : scene.step
  return forged ? { ...step, index: step.index + 1 } : step
}

/** Calldata of a call, as far as a chain understands it. */
export async function wired(scene: Scene, m: Ledger, call: Call): Promise<Wired> {
  const { court, works, actors, deals } = scene
  const { job, game, places } = call
  const [work, provider] = [works[job], actors[call.provider].address]
  const terms = call.otherTerms ? { ...work.terms, bond: work.terms.bond + 1n } : work.terms
  const about = [work.hash, provider, terms] as const
  const id = idOf(work.hash, provider)
  const at = (name: string, ...rest: unknown[]): Wired => ({ to: court.settlement, call: [name, ...rest] })
  const to = (name: string, ...rest: unknown[]): Wired => ({ to: court.dispute, call: [name, ...rest] })
  const move = (...rest: unknown[]): Wired => to(call.fn, game, ...rest)
  const seals = (): readonly S.Sealed[] => sealsOf(scene, m, job)
  switch (call.fn) {
    case 'post':
      return at('post', work.args[0], work.args[1], terms, '0x')
    case 'cancel':
    case 'refund':
      return at(call.fn, work.hash, terms)
    case 'take':
      return at('take', work.hash, terms, provider, '0x')
    case 'takeSeat': {
      const replicas = deals[job].kind === 'quorum' ? deals[job].seats.map((seat) => actors[seat].address) : []
      return at('takeSeat', work.hash, terms, provider, '0x', replicas, places[0])
    }
    case 'fileClaim':
      return at('fileClaim', claimOut(scene, job, call.claim), provider, declaredBy(call), '0x')
    case 'seal': {
      const own = sealedBy(scene, job, { ...call, refused: call.declares })
      return at('seal', S.sealArgs([own])[0], '0x')
    }
    case 'settleQuorum': {
      const all = seals()
      const reveals = []
      for (const who of L.revealersOf(m, call)) {
        const own = all.find(({ by }) => by === actors[who])!
        reveals.push(await revealOf(scene, own, all))
      }
      return at('settleQuorum', ...work.args.slice(0, 2), [], S.sealArgs(all), reveals, declaredBy(call))
    }
    case 'reveal': {
      const refused = m.engagements[L.idOf(job, call.provider)]?.sealed?.refused ?? false
      const own = sealedBy(scene, job, { ...call, refused })
      const shown = call.forged ? { ...own, salt: NOISE } : own
      return at('reveal', S.sealArgs(seals()), await revealOf(scene, shown, seals()), declaredBy(call))
    }
    case 'settle':
    case 'expire':
    case 'release':
      return at(call.fn, ...about)
    case 'settleAudited': {
      const name = ['verdict', job, call.provider, call.claim, call.ruling].join()
      const words = await once(scene, name, () => verdictOf(scene, call))
      return at('settleAudited', work.args[0], work.args[1], terms, ...words)
    }
    case 'settleProven': {
      const proof = await proofOf(scene, call)
      return at('settleProven', work.args[0], terms, claimOut(scene, job, call.claim), provider, proof)
    }
    case 'withdraw': {
      const token = call.coin === 'coin' ? ZeroAddress : await court.token.getAddress()
      return { to: court[call.house], call: ['withdrawTo', token, actors[call.who].address] }
    }
    case 'announce':
      return to('announce', await commitmentTo(scene, call))
    case 'prove': {
      const referee = await (call.forged ? court.settlement : court.judge).getAddress()
      return to('prove', referee, evidence(scene, call), terms, actors[call.who].address, SALT)
    }
    case 'payReward':
      return to('payReward', id, terms)
    case 'open':
      return to('open', work.args[0], claimOut(scene, job, call.claim), provider, terms)
    case 'descend':
      return move(descentOf(m, call))
    case 'descendStep':
      return move(stepOf(scene, m, call), places[0])
    case 'descendItem': {
      const leaf = lastOf(m, game, 'answerLeaf')?.leaf
      return move(!call.forged && leaf?.length === 32 ? leaf : NOISE)
    }
    case 'descendTensor': {
      const last = lastOf(m, game, 'answerDigest')
      return move(last?.form ?? { dtype: 1, dims: [2] }, call.forged || !last ? NOISE : last.root)
    }
    case 'demandRun':
    case 'close':
    case 'challengerTimedOut':
      return move()
    case 'provideTimedOut':
      return move(call.otherTerms ? terms : works[m.games[game]?.job ?? 0].terms)
    case 'demandTrace':
    case 'demandExpansion':
      return move(...places)
    case 'resumeExpansion': {
      const [step, value, element] = places
      const found = m.games[game]
      const made = found && m.commitments[`${L.idOf(found.job, found.provider)}/expansion.${step}.${value}.${element}`]
      const key = keccak256(abi.encode(['uint64', 'uint32', 'uint64'], places))
      return move(key, (made?.size ?? 1) + (call.forged ? 1 : 0), made?.root ?? NOISE)
    }
    case 'answerRefusal':
      return move(DECLARED)
    default:
      return { to: court.dispute, call: D.answering({ game: BigInt(game) }, call.said!) }
  }
}

// ---------------------------------------------------------------- doing it

/** What became of a call. */
export interface Outcome {
  /** The error that refuses it; '' for none. */
  readonly refusal: string
  readonly receipt: TransactionReceipt
}

/** Asks first, then sends it, so that it costs gas and nothing else where it is refused. */
export async function perform(scene: Scene, m: Ledger, call: Call): Promise<Outcome> {
  const { provider } = scene.court.node
  const {
    to,
    call: [name, ...rest],
  } = await wired(scene, m, call)
  const data = to.interface.encodeFunctionData(name, rest)
  const from = scene.actors[call.from].address
  const sent = { from, to: await to.getAddress(), data, value: toBeHex(call.value), gas: '0x5b8d80' }
  await provider.send('evm_setNextBlockTimestamp', [toBeHex(m.now)])
  const refusal = await refusalOf(scene, to, sent)
  const hash = (await provider.send('eth_sendTransaction', [sent])) as string
  const receipt = await mined(provider, hash)
  expect([name, refusal, receipt.blockNumber, receipt.status]).toEqual([
    name,
    refusal,
    m.block + 1,
    refusal === '' ? 1 : 0,
  ])
  return { refusal, receipt }
}

async function refusalOf({ court }: Scene, to: Contract, sent: object): Promise<string> {
  try {
    await court.node.provider.send('eth_call', [sent, 'pending'])
    return ''
  } catch (error) {
    const data = dataOf(error)
    if (data === undefined) throw error
    if (data === '0x') return 'nothing'
    const parsed = to.interface.parseError(data) ?? court.dispute.interface.parseError(data)
    return parsed?.name ?? data
  }
}

const dataOf = (error: unknown): string | undefined =>
  (error as { error?: { data?: string } }).error?.data ?? (error as { data?: string }).data

/** Hashes of all that the two contracts have written. */
export async function storageOf({ court }: Scene): Promise<readonly string[]> {
  const all = []
  for (const house of L.HOUSES) {
    const found = (await court.node.provider.send('eth_getProof', [await court[house].getAddress(), [], 'latest'])) as {
      readonly storageHash: string
      readonly balance: string
    }
    all.push(found.storageHash, found.balance)
  }
  return all
}

// ---------------------------------------------------------------- what the chain shows

interface View {
  readonly name: string
  readonly to: Contract
  readonly call: readonly [string, ...unknown[]] | undefined
  /** What the model says. */
  readonly expected: string
  /** The same, of what the chain says. */
  readonly read: (words: readonly unknown[]) => string
}

const text = (...words: readonly unknown[]): string => words.map(String).join(' ')
const ZERO = hex(new Uint8Array(32))
const EMPTY: L.Posted = { open: 0, takers: 0, seals: 0, isVoid: false, earning: 0, refused: false }

function viewsOf(scene: Scene, m: Ledger): readonly View[] {
  return [...moneyViews(scene, m), ...jobViews(scene, m), ...gameViews(scene, m)]
}

function moneyViews({ court, actors }: Scene, m: Ledger): View[] {
  const views: View[] = []
  const tokens = (name: string, address: string, expected: bigint): View => ({
    name: `tokens of ${name}`,
    to: court.token,
    call: ['balanceOf', address],
    expected: text(expected),
    read: text,
  })
  for (const house of L.HOUSES) {
    const to = court[house]
    const expected = text(m.held[L.purse(house, 'coin')])
    views.push({ name: `coins of ${house}`, to, call: undefined, expected, read: text })
    views.push(tokens(house, to.target as string, m.held[L.purse(house, 'token')]))
    for (const coin of L.COINS) {
      for (const actor of ACTORS) {
        const token = coin === 'coin' ? ZeroAddress : court.token.target
        const name = L.purse(house, coin, actor)
        const call = ['balanceOf', token, actors[actor].address] as const
        views.push({ name: `credit ${name}`, to, call, expected: text(m.credits[name]), read: text })
      }
    }
  }
  for (const actor of ACTORS) {
    views.push(tokens(`actor ${actor}`, actors[actor].address, RICH + m.wealth[L.purse('token', actor)]))
  }
  return views
}

function jobViews({ court, works, actors, claims }: Scene, m: Ledger): View[] {
  const views: View[] = []
  const hashOf = (job: number, claim: Claimed | undefined): string =>
    claim === undefined ? ZERO : hex(Claim.hash(claims[job][claim]))
  works.forEach((work, job) => {
    const posted = m.jobs[job] ?? EMPTY
    const { open, takers, seals, isVoid, earning, agreed } = posted
    views.push({
      name: `job ${job}`,
      to: court.settlement,
      call: ['jobOf', work.hash],
      expected: text(open, takers, seals, isVoid, earning, hashOf(job, agreed)),
      read: ([one]) => {
        const shown = one as Record<string, unknown>
        return text(...['open', 'takers', 'seals', 'isVoid', 'earning', 'agreed'].map((name) => shown[name]))
      },
    })
    for (const provider of PROVIDERS) {
      const id = idOf(work.hash, actors[provider].address)
      const { state, claim, claimedAt, closes } = L.standingOf(m, job, provider)
      views.push({
        name: `engagement ${L.idOf(job, provider)}`,
        to: court.settlement,
        call: ['engagementOf', id],
        expected: text(state, hashOf(job, claim), claimedAt, closes),
        read: ([found, claimed, since, until]) => text(L.STATES[Number(found)], claimed, since, until),
      })
      const ruling = m.rulings[L.idOf(job, provider)]
      const expected = ruling && text(actors[ruling.challenger].wallet.address, ruling.announced, ruling.until)
      const to = court.dispute
      const none = text(ZeroAddress, 0, 0)
      views.push({
        name: `ruling ${id}`,
        to,
        call: ['rulings', id],
        expected: expected ?? none,
        read: (w) => text(...w),
      })
      const live = L.liveOf(m, job, provider).length
      views.push({ name: `live ${id}`, to, call: ['live', id], expected: text(live), read: text })
    }
  })
  return views
}

const subjectHash = (subject: L.Subject): string => {
  if (subject.name === 'none') return ZERO
  if (subject.name === 'trace') return toBeHex(subject.leaf, 32)
  const { step, value, element } = subject
  return keccak256(abi.encode(['uint64', 'uint32', 'uint64'], [step, value, element]))
}

function gameViews({ court, actors }: Scene, m: Ledger): View[] {
  const to = court.dispute
  const views: View[] = [{ name: 'games', to, call: ['games'], expected: text(m.games.length), read: text }]
  m.games.forEach((game, number) => {
    const { question, subject, challenger, bond, movedAt, providerMoves, over, questions } = game
    const { form, kind, size, hash } = question
    const asked = text(L.FORMS.indexOf(form), kind, size, hex(hash), subjectHash(subject))
    const clocks = text(game.providerClock, game.challengerClock)
    const standing = text(actors[challenger].wallet.address, bond, movedAt, providerMoves, over, questions, clocks)
    views.push({
      name: `game ${number}`,
      to,
      call: ['gameOf', number],
      expected: text(standing, asked),
      read: ([one]) => {
        const shown = one as Record<string, unknown> & { question: readonly unknown[] }
        const names = ['challenger', 'bond', 'movedAt', 'providerMoves', 'over', 'questions']
        const times = [shown.providerClock, shown.challengerClock]
        return text(...names.map((name) => shown[name]), ...times, ...shown.question, shown.subject)
      },
    })
  })
  return views
}

/** Demands that everything that the chain shows is what the model says. */
export async function compare(scene: Scene, m: Ledger): Promise<void> {
  const { made, reader } = scene
  const views = viewsOf(scene, m)
  const asks = views.map(({ to, call }) => {
    const name = `ask ${to.target as string} ${String(call)}`
    if (!made.has(name))
      made.set(name, call === undefined ? '0x' : to.interface.encodeFunctionData(call[0], call.slice(1)))
    return [to.target, made.get(name)]
  })
  const answers = (await reader.each(asks)) as readonly string[]
  const shown: Record<string, string> = {}
  const expected: Record<string, string> = {}
  views.forEach((view, i) => {
    const name = `${view.call?.[0]} ${answers[i]}`
    if (!made.has(name)) made.set(name, readAnswer(view, answers[i]))
    shown[view.name] = made.get(name) as string
    expected[view.name] = view.expected
  })
  expect(shown).toEqual(expected)
}

const readAnswer = ({ to, call, read }: View, answer: string): string =>
  read(call === undefined ? [BigInt(answer)] : [...to.interface.decodeFunctionResult(call[0], answer)])

/** Names and arguments of the events in some logs. */
export function eventsOf(
  { court }: Scene,
  logs: readonly Log[],
): readonly (readonly [string, string, readonly unknown[]])[] {
  const all = []
  for (const log of logs) {
    const house = log.address === court.dispute.target ? 'dispute' : 'settlement'
    if (log.address !== court[house].target) continue
    const found = court[house].interface.parseLog(log)!
    all.push([house, found.name, [...found.args]] as const)
  }
  return all
}
