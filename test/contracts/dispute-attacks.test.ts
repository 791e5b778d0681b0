import { Contract, ZeroAddress, getCreateAddress, id, keccak256, AbiCoder } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tensor } from '../../src/core/tensor.js'
import type { OwnRun } from '../../src/dispute/book.js'
import { runFor } from '../../src/dispute/own-run.js'
import { Builder } from '../../src/exact/builder.js'
import { Policy, Receipt, Signer, TypedData, Verdict } from '../../src/receipt/index.js'
import { reference } from '../../src/runtime/reference.js'
import { fill } from '../receipt/samples.js'
import { CHAIN_ID, deploy, mined, startNode, type EvmNode } from './node.js'
import * as D from './disputes.js'
import * as S from './settlement.js'
import { DAY, TERMS, hex, type Actor } from './settlement.js'

/** Attacks on disputes by those who are called in the middle of something, and by those who show again what was signed for something else. */

const [REQUESTER, ALICE, BOB, CAROL, AUDITOR, ANYBODY] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x99]
const GROWING = { computation: D.growing(2) }
/** Selector of the guard's error. */
const GUARD = id('ReentrancyGuardReentrantCall()').slice(0, 10)

let node: EvmNode
let court: D.Court
let meddler: Contract
let verdicts: Contract
let alice: Actor
let bob: Actor
let carol: Actor
let anybody: Actor
let honest: OwnRun

beforeAll(async () => {
  node = await startNode()
  await S.endow(node, [REQUESTER, ALICE, BOB, CAROL, AUDITOR, ANYBODY])
  await found()
  ;[alice, bob, carol, anybody] = [ALICE, BOB, CAROL, ANYBODY].map(court.actor)
  honest = await runFor(GROWING.computation, reference())
}, 60_000)
afterAll(() => node?.stop())

/** Settlement and Dispute with more referees than {@link D.courtOn} has. */
async function found(): Promise<void> {
  const base = await D.courtOn(node)
  const { signer } = base.node
  const [judge, quorums] = [await base.judge.getAddress(), await deploy(base.node, 'Quorums')]
  meddler = await deploy(base.node, 'test/Meddler')
  verdicts = await deploy(base.node, 'VerdictReferee')
  const from = await signer.getAddress()
  const nonce = await node.provider.getTransactionCount(from)
  const address = getCreateAddress({ from, nonce: nonce + 1 })
  const settled = await deploy(base.node, 'Settlement', address, await quorums.getAddress())
  const at = await settled.getAddress()
  await deploy(base.node, 'Dispute', at, [judge, await meddler.getAddress(), await verdicts.getAddress()])
  const [settlement, dispute] = [base.settlement.attach(at), base.dispute.attach(address)] as [Contract, Contract]
  court = { ...base, settlement, dispute, domain: TypedData.domain(CHAIN_ID, at) }
}

const claimed = (making: Partial<D.Suing> = {}) => D.claimedBy(court, GROWING, { by: alice, run: honest, ...making })
/** After a transaction of a contract that the test deployed. */
async function did(sent: Promise<{ hash: string }>): Promise<void> {
  expect((await mined(node.provider, (await sent).hash)).status).toBe(1)
}
/** A contract calls. What it costs is not estimated: a second later it may be more. */
const runs = (by: Contract, to: Contract, data: string, value = 0n): Promise<void> =>
  did(by.run(to.target, data, { value, gasLimit: 3_000_000 }) as Promise<{ hash: string }>)
const does = (call: readonly [string, ...unknown[]], from: Actor = anybody) =>
  S.send(court, call, { from, to: court.dispute })
const no = (call: readonly [string, ...unknown[]], from: Actor = anybody) =>
  S.refusalOf(court, call, { from, to: court.dispute })
const encoded = (of: Contract, name: string, ...values: unknown[]) => of.interface.encodeFunctionData(name, values)
/** A question to the chain is asked in its last block; an announcement counts from the next one on. */
const blockLater = (): Promise<unknown> => node.provider.send('evm_mine', [])
const creditOf = (of: Contract, account: string, token = ZeroAddress): Promise<bigint> =>
  of.balanceOf(token, account) as Promise<bigint>

describe('a challenger that is a contract', () => {
  /** It has won a game by silence, and its bond and reward are credited. */
  async function winner(): Promise<readonly [Contract, string, bigint]> {
    const attacker = await deploy(court.node, 'test/Attacker')
    const address = await attacker.getAddress()
    const suit = await claimed()
    const game = (await court.dispute.games()) as bigint
    const opening = encoded(court.dispute, 'open', ...suit.opening)
    await runs(attacker, court.dispute, opening, TERMS.bond)
    await runs(attacker, court.dispute, encoded(court.dispute, 'demandRun', game))
    await S.mineAt(court, Number((await court.dispute.deadlineOf(game)) as bigint) + 1)
    await does(['provideTimedOut', game, suit.terms])
    await does(['close', game])
    await S.mineAt(court, (await S.now(node.provider)) + DAY)
    await does(['payReward', suit.id, suit.terms])
    expect(await creditOf(court.dispute, address)).toBe(TERMS.bond)
    expect(await creditOf(court.settlement, address)).toBe(TERMS.stake / 2n)
    return [attacker, address, game]
  }

  test('and calls back when its bond comes gets nothing twice', async () => {
    const [attacker, address, game] = await winner()
    const withdrawal = encoded(court.dispute, 'withdraw', ZeroAddress)
    const before = await S.held(court, TERMS, court.dispute)
    const again = [
      [withdrawal, GUARD],
      [encoded(court.dispute, 'withdrawTo', ZeroAddress, bob.address), GUARD],
      [encoded(court.dispute, 'close', game), id('GameOver()').slice(0, 10)],
    ] as const
    const [first, ...others] = again
    await did(attacker.callOnReceipt(court.dispute.target, first[0]))
    await runs(attacker, court.dispute, withdrawal)
    expect([await attacker.went(), await attacker.answer()]).toEqual([false, first[1]])
    expect(await node.provider.getBalance(address)).toBe(TERMS.bond)
    expect(await S.held(court, TERMS, court.dispute)).toBe(before - TERMS.bond)
    for (const [data, answer] of others) {
      const [another, itself] = await winner()
      await did(another.callOnReceipt(court.dispute.target, data))
      await runs(another, court.dispute, withdrawal)
      expect([await another.went(), await another.answer()]).toEqual([false, answer])
      expect(await node.provider.getBalance(itself)).toBe(TERMS.bond)
    }
  })

  test('and fetches its bond while its reward comes has each of them once', async () => {
    const [attacker, address] = await winner()
    await did(attacker.callOnReceipt(court.dispute.target, encoded(court.dispute, 'withdraw', ZeroAddress)))
    await runs(attacker, court.settlement, encoded(court.settlement, 'withdraw', ZeroAddress))
    // The bond's coming calls back once more, when there is nothing left.
    expect(await node.provider.getBalance(address)).toBe(TERMS.bond + TERMS.stake / 2n)
    expect(await creditOf(court.dispute, address)).toBe(0n)
    expect(await creditOf(court.settlement, address)).toBe(0n)
  })

  test('and takes no coins stops nobody, and sends its money elsewhere', async () => {
    const [attacker, address] = await winner()
    await did(attacker.refuse(true))
    const itself = { ...anybody, address }
    expect(await no(['withdraw', ZeroAddress], itself)).toBe('TransferFailed')
    const before = await node.provider.getBalance(carol.address)
    await runs(attacker, court.dispute, encoded(court.dispute, 'withdrawTo', ZeroAddress, carol.address))
    expect((await node.provider.getBalance(carol.address)) - before).toBe(TERMS.bond)
  })
})

describe('a token that calls back', () => {
  async function tokenSuit(): Promise<D.Suit> {
    const token = await court.token.getAddress()
    await S.send(court, ['behave', 0], { from: anybody, to: court.token })
    for (const from of [court.actor(REQUESTER), alice, bob]) {
      await S.send(court, ['mint', from.address, 1n << 100n], { from, to: court.token })
      for (const to of [court.settlement, court.dispute]) {
        await S.send(court, ['approve', to.target, 1n << 99n], { from, to: court.token })
      }
    }
    return claimed({ terms: { token } })
  }
  const meddle = (name: string, ...values: unknown[]) =>
    S.send(court, ['callInTransfer', court.dispute.target, encoded(court.dispute, name, ...values)], {
      from: anybody,
      to: court.token,
    })

  test('while a game opens gets into nothing that moves money, and the bond is counted once', async () => {
    const suit = await tokenSuit()
    const { token } = suit.terms
    const game = (await court.dispute.games()) as bigint
    const calls: readonly (readonly [readonly [string, ...unknown[]], string])[] = [
      [['open', ...suit.opening], GUARD],
      [['withdraw', token], GUARD],
      [['withdrawTo', token, bob.address], GUARD],
      [['close', game], id('StillRunning()').slice(0, 10)],
      [['challengerTimedOut', game], id('TooEarly()').slice(0, 10)],
      [['demandRun', game], id('NotTheChallenger()').slice(0, 10)],
      [['provideTimedOut', game, suit.terms], id('NotYourMove()').slice(0, 10)],
    ]
    let [sum, others] = [await S.held(court, suit.terms, court.dispute), 0]
    for (const [[name, ...values], answer] of calls) {
      await meddle(name, ...values)
      await does(['open', ...suit.opening], bob)
      sum += D.bondOf(suit, others++)
      expect([name, await court.token.went(), await court.token.answer()]).toEqual([name, false, answer])
      expect(await S.held(court, suit.terms, court.dispute)).toBe(sum)
    }
    expect(await court.dispute.live(suit.id)).toBe(BigInt(calls.length))
  })

  test('while a bond is fetched gets nothing twice', async () => {
    const suit = await tokenSuit()
    const { token } = suit.terms
    const duel = await D.openGame(court, suit, bob)
    await does(['challengerTimedOut', duel.game], bob)
    const [held, mine] = [
      await S.held(court, suit.terms, court.dispute),
      (await court.token.balanceOf(alice.address)) as bigint,
    ]
    await meddle('withdrawTo', token, carol.address)
    await does(['withdraw', token], alice)
    expect([await court.token.went(), await court.token.answer()]).toEqual([false, GUARD])
    expect(((await court.token.balanceOf(alice.address)) as bigint) - mine).toBe(TERMS.bond)
    expect(await S.held(court, suit.terms, court.dispute)).toBe(held - TERMS.bond)
  })
})

test('a referee that calls somebody in the middle of its ruling changes nothing', async () => {
  const suit = await claimed()
  const duel = await D.openGame(court, suit, carol)
  const [job, claim, provider] = suit.opening
  const commitment = hex(fill(0x31))
  const targets: readonly (readonly [Contract, string])[] = [
    [court.dispute, encoded(court.dispute, 'announce', commitment)],
    [court.dispute, encoded(court.dispute, 'challengerTimedOut', duel.game)],
    [court.settlement, encoded(court.settlement, 'voidJob', suit.hash, suit.terms)],
  ]
  for (const [i, [to, data]] of targets.entries()) {
    const call = encoded(meddler, 'meddle', { job, claim, provider }, to.target, data)
    const proof = keccak256(abi.encode(['address', 'bytes'], [meddler.target, call]))
    const words = [keccak256(abi.encode(['bytes32', 'address', 'bytes32'], [proof, bob.address, D.SALT]))]
    await does(['announce', ...words], bob)
    await blockLater()
    const shows = ['prove', meddler.target, call, suit.terms, bob.address, D.SALT] as const
    // That a call came to nothing is this referee's false claim: the first slashes, the others come too late.
    expect(await no(shows)).toBe(i === 0 ? '' : 'TooLate')
    if (i === 0) await does(shows)
    expect(await court.dispute.announcedAt(commitment)).toBe(0n)
    expect((await D.standing(duel)).over).toBe(false)
  }
  expect(await S.stateOf(court, suit, alice)).toBe('Slashed')
})
const abi = AbiCoder.defaultAbiCoder()

describe('a verdict', () => {
  /** The two largest of three numbers: an op that no contract decides. */
  function choosing() {
    const builder = new Builder()
    const x = builder.input('x', { dtype: 'float32', dims: [3] })
    const { program } = builder.finish({ outputs: [['y', builder.op('TopK', [x], { axis: 0, k: 2, largest: 1 })]] })
    return { computation: { program, state: [], inputs: [[tensor('float32', [3], [1, 3, 2])]] } }
  }
  const naming = (...auditors: readonly Actor[]) =>
    Policy.from({ ...Policy.optimistic(2 * DAY), auditors: auditors.map(({ address }) => address) })

  interface Saying {
    readonly by?: Actor
    readonly domain?: TypedData.Domain
    readonly outcome?: 'valid' | 'refuted' | 'undecided'
    /** Whose claim is spoken of, where that is another suit. */
    readonly about?: D.Suit
    readonly provider?: Actor
    readonly policy?: Policy.Policy
  }

  /** Calldata of the referee: a case, and what somebody signed. */
  async function said(suit: D.Suit, saying: Saying = {}): Promise<string> {
    const { by = court.actor(AUDITOR), domain = court.domain, outcome = 'refuted', about = suit } = saying
    const { provider = about.by, policy = suit.policy } = saying
    const receipt = Receipt.from({
      claim: about.claim,
      provider: provider.sign.address,
      sealSet: fill(0),
      metadata: fill(8),
      issuedAt: 5,
    })
    const fields = { receipt: Receipt.hash(receipt), policy: Policy.hash(policy), outcome, auditor: by.sign.address }
    const rest = { grade: 'replayed', sampled: 1n, total: 1n, evidence: fill(0), issuedAt: 1n }
    const value = Verdict.verdictStruct.from({ ...fields, ...rest }, 'verdict')
    const signature = hex(await Signer.sign(by.sign, { struct: Verdict.verdictStruct, value, domain }))
    const [job, claim, accused] = suit.opening
    const words = [S.wire(Policy.policyStruct, policy), S.wire(Receipt.receiptStruct, receipt)]
    const evidence = [...words, S.wire(Verdict.verdictStruct, value), signature]
    return encoded(verdicts, 'verdict', { job, claim, provider: accused }, ...evidence)
  }

  let salts = 1
  /** Announces the call and gives the error with which it is refused. */
  async function shown(suit: D.Suit, call: string): Promise<string> {
    const salt = hex(fill(salts++))
    const proof = keccak256(abi.encode(['address', 'bytes'], [verdicts.target, call]))
    const commitment = keccak256(abi.encode(['bytes32', 'address', 'bytes32'], [proof, bob.address, salt]))
    await does(['announce', commitment], bob)
    await blockLater()
    const shows = ['prove', verdicts.target, call, suit.terms, bob.address, salt] as const
    const data = encoded(court.dispute, ...shows)
    try {
      await node.provider.call({ from: bob.address, to: await court.dispute.getAddress(), data })
    } catch (error) {
      const found = (error as { data: string }).data
      return (verdicts.interface.parseError(found) ?? court.dispute.interface.parseError(found))?.name ?? found
    }
    await does(shows, bob)
    return ''
  }

  test('counts for the claim, provider, policy, contract and chain for which it was signed, and for no other', async () => {
    const model = choosing()
    const auditor = court.actor(AUDITOR)
    const policy = naming(auditor)
    const suit = await D.claimedBy(court, model, { by: alice, policy })
    const other = await D.claimedBy(court, model, { by: alice, policy })
    const { verifyingContract } = court.domain as { verifyingContract: `0x${string}` }
    const domains = [
      TypedData.domain(CHAIN_ID + 1, verifyingContract),
      TypedData.domain(CHAIN_ID, (await court.dispute.getAddress()) as `0x${string}`),
      TypedData.domain(CHAIN_ID, (await verdicts.getAddress()) as `0x${string}`),
    ]
    for (const domain of domains) expect(await shown(suit, await said(suit, { domain }))).toBe('BadSignature')
    expect(await shown(suit, await said(suit, { by: carol }))).toBe('BadVerdict')
    expect(await shown(suit, await said(suit, { policy: naming(auditor, carol) }))).toBe('WrongPolicy')
    expect(await shown(suit, await said(suit, { about: other }))).toBe('WrongJob')
    expect(await shown(suit, await said(suit, { provider: carol }))).toBe('WrongJob')
    expect(await shown(suit, await said(suit, { outcome: 'valid' }))).toBe('NotRefuted')
    expect(await shown(suit, await said(suit, { outcome: 'undecided' }))).toBe('NotRefuted')
    expect(await S.stateOf(court, suit, alice)).toBe('Claimed')
    expect(await shown(suit, await said(suit))).toBe('')
    expect(await S.stateOf(court, suit, alice)).toBe('Slashed')
    expect(await S.stateOf(court, other, alice)).toBe('Claimed')
    const twin = await D.courtOn(node)
    expect(await twin.settlement.domainSeparator()).not.toBe(await court.settlement.domainSeparator())
  })

  test('decides nothing about a program whose ops contracts decide, whoever signs it', async () => {
    const suit = await claimed({ policy: naming(court.actor(AUDITOR)) })
    expect(await shown(suit, await said(suit))).toBe('NoNamedReferee')
  })
})

test('a proof for one claim is none for another, of the same provider or about the same run', async () => {
  const [suit, twin] = [await claimed(), await claimed()]
  const announcing = { call: D.callOf(court, suit, 'rule', D.FALSE_CLAIM, 7), by: bob }
  await D.announce(court, announcing)
  await does(await D.proving(court, suit, announcing), bob)
  expect(await S.stateOf(court, suit, alice)).toBe('Slashed')
  expect(await S.stateOf(court, twin, alice)).toBe('Claimed')
  // The announcement is of calldata that names the first job; shown again it rules about that one, which is over.
  expect(await no(await D.proving(court, twin, announcing))).toBe('TooLate')
  const mixed = D.callOf(
    court,
    { opening: [twin.opening[0], ...suit.opening.slice(1)] as unknown as D.Suit['opening'] },
    'rule',
    D.FALSE_CLAIM,
    7,
  )
  await D.announce(court, { call: mixed, by: bob })
  await blockLater()
  expect(await no(await D.proving(court, twin, { call: mixed, by: bob }))).toBe('WrongClaim')
})
