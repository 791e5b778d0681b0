import { AbiCoder, ZeroAddress, keccak256 } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { textOf } from '../../scripts/markdown.js'
import { ZERO32, equal, type Bytes32 } from '../../src/core/bytes.js'
import { tensor } from '../../src/core/tensor.js'
import type { OwnRun } from '../../src/dispute/book.js'
import { formOf, openHeader, openValue } from '../../src/dispute/openings.js'
import { runFor } from '../../src/dispute/own-run.js'
import { hash as hashProgram } from '../../src/exact/format.js'
import { listTree } from '../../src/merkle/tiles.js'
import { EMPTY_ROOT, KINDS, hashLeaf, rootFrom, rootOf, sizedRoot } from '../../src/merkle/tree.js'
import { Policy, Verdict, Receipt, Signer } from '../../src/receipt/index.js'
import { reference } from '../../src/runtime/reference.js'
import { decodeStep, encodeStep, type Step } from '../../src/trace/step.js'
import { fill } from '../receipt/samples.js'
import { startNode, type EvmNode } from './node.js'
import * as D from './disputes.js'
import * as S from './settlement.js'
import { DAY, HOUR, TERMS, hex, type Actor } from './settlement.js'

const [REQUESTER, ALICE, BOB, CAROL, AUDITOR, ANYBODY] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x99]

let node: EvmNode
let court: D.Court
let alice: Actor
let bob: Actor
let carol: Actor
let anybody: Actor
let honest: OwnRun
/** Errors that were met. */
const seen = new Set<string>()

const GROWING = { computation: D.growing(3) }
beforeAll(async () => {
  node = await startNode()
  await S.endow(node, [REQUESTER, ALICE, BOB, CAROL, AUDITOR, ANYBODY])
  court = await D.courtOn(node)
  ;[alice, bob, carol, anybody] = [ALICE, BOB, CAROL, ANYBODY].map(court.actor)
  honest = await runFor(GROWING.computation, reference())
}, 60_000)
afterAll(() => node?.stop())

const no = async (call: readonly [string, ...unknown[]], from: Actor = anybody, value = 0n) => {
  const name = await S.refusalOf(court, call, { from, value, to: court.dispute })
  seen.add(name)
  return name
}
const refused = async (duel: D.Duel, call: readonly [string, ...unknown[]], from: Actor = duel.by) => {
  const name = await D.refused(duel, call, { from })
  seen.add(name)
  return name
}
const does = (call: readonly [string, ...unknown[]], from: Actor = anybody, value = 0n) =>
  S.send(court, call, { from, value, to: court.dispute })

const claimed = (making: Partial<D.Suing> = {}) => D.claimedBy(court, GROWING, { by: alice, run: honest, ...making })
const opened = async (making: Partial<D.Suing> = {}) => D.openGame(court, await claimed(making), bob)
/** An announcement counts from the next block on, and a question to the chain is asked in its last one. */
const announced = async (announcing: D.Announcing) => {
  await D.announce(court, announcing)
  await node.provider.send('evm_mine', [])
}
/** Sent, too, and then nothing may have changed. */
const refusedFrom = async (from: Actor, call: readonly [string, ...unknown[]], value = 0n) => {
  const name = await D.refusedBy(court, call, { from, value })
  seen.add(name)
  return name
}
const treeOf = ({ size, root }: { size: number | bigint; root: Bytes32 }) => ({ size: Number(size), root })
const clock = () => S.now(node.provider)
const credit = async (actor: Actor): Promise<bigint> =>
  (await court.dispute.balanceOf(ZeroAddress, actor.address)) as bigint

describe('programs', () => {
  test('the header of a program is written down once it is opened, by anybody, and no other', async () => {
    const { program } = D.summing(7)
    const [root, header] = [hashProgram(program), openHeader(program)]
    expect(await no(['countsOf', root])).toBe('UnknownProgram')
    expect((await court.dispute.described(root)).toArray()).toEqual([false, false])
    expect(await no(['describe', fill(9), header])).toBe('RootMismatch')
    expect(await no(['describe', root, { ...header, leaf: header.leaf.slice(32) }])).toBe('BadHeader')
    expect(await no(['describe', root, { ...header, path: header.path.slice(1) }])).toBe('BadProofLength')
    const other = { ...header, leaf: header.leaf.map((byte, i) => (i === 3 * 32 - 1 ? byte + 1 : byte)) }
    expect(await no(['describe', root, other])).toMatch(/RootMismatch|BadProofLength/)
    expect(await no(['describe', root, openValue(program, 0)])).toBe('BadHeader')
    await does(['describe', root, header])
    await does(['describe', root, header])
    expect((await court.dispute.described(root)).toArray()).toEqual([true, false])
    expect((await court.dispute.countsOf(root)).toArray()).toEqual([0n, 1n, 0n, 1n, 1n, 0n, 0n])
  })
})

describe('fault proofs', () => {
  test('a proof that was announced a block before slashes the claim, and a day later its announcer is paid', async () => {
    const suit = await claimed()
    const announcing = { call: D.callOf(court, suit, 'rule', D.FALSE_CLAIM, 1), by: bob }
    const proof = await D.proving(court, suit, announcing)
    expect(await no(proof)).toBe('NotAnnounced')
    await node.provider.send('evm_setAutomine', [false])
    const data = court.dispute.interface.encodeFunctionData('announce', [await D.commitmentOf(court, announcing)])
    const shown = court.dispute.interface.encodeFunctionData(proof[0], proof.slice(1))
    const to = await court.dispute.getAddress()
    const nonce = await node.provider.getTransactionCount(bob.address)
    const sent = [data, shown].map((one, i) =>
      bob.wallet.sendTransaction({ to, data: one, gasLimit: 1_000_000, nonce: nonce + i }),
    )
    const both = await Promise.all(sent)
    await node.provider.send('evm_mine', [])
    await node.provider.send('evm_setAutomine', [true])
    const statuses = await Promise.all(
      both.map(async ({ hash }) => (await node.provider.getTransactionReceipt(hash))?.status),
    )
    expect(statuses).toEqual([1, 0])
    expect(await no(['announce', await D.commitmentOf(court, announcing)])).toBe('AlreadyAnnounced')
    expect(await no(['payReward', suit.id, suit.terms])).toBe('TooEarly')
    await does(proof, carol)
    expect(await S.stateOf(court, suit, alice)).toBe('Slashed')
    expect(await no(proof, carol)).toBe('TooLate')
    const until = Number((await court.dispute.rulings(suit.id))[2])
    expect(until).toBe((await clock()) + DAY)
    await S.mineAt(court, until - 1)
    expect(await no(['payReward', suit.id, suit.terms])).toBe('TooEarly')
    await S.mineAt(court, until)
    expect(await no(['payReward', suit.id, { ...suit.terms, stake: 1n }])).toBe('WrongTerms')
    await does(['payReward', suit.id, suit.terms])
    expect(await no(['payReward', suit.id, suit.terms])).toBe('AlreadyRewarded')
    expect(await court.settlement.balanceOf(ZeroAddress, bob.address)).toBe(TERMS.stake / 2n)
    await S.send(court, ['withdraw', ZeroAddress], { from: bob })
  })

  test('nothing but a ruling of a known referee on the claim that was filed slashes', async () => {
    const suit = await claimed()
    const show = async (call: string, other: Partial<D.Suit> = {}) => {
      const announcing = { call, by: bob, salt: hex(fill(calls++)) }
      await announced(announcing)
      return refusedFrom(bob, await D.proving(court, { ...suit, ...other }, announcing))
    }
    let calls = 1
    const call = D.callOf(court, suit, 'rule', D.FALSE_CLAIM, 1)
    const [job, claim, provider, terms] = suit.opening
    const about = (change: Partial<Record<'job' | 'claim', object>>, by = provider) => {
      const [of, said] = [
        { ...(job as object), ...change.job },
        { ...(claim as object), ...change.claim },
      ]
      return D.callOf(court, { opening: [of, said, by, terms] }, 'rule', D.FALSE_CLAIM, 1)
    }
    expect(await no(['prove', ANYBODY_ADDRESS, call, suit.terms, bob.address, D.SALT])).toBe('NotAReferee')
    expect(await show('0x')).toBe('MalformedCall')
    expect(await show(call.slice(0, 2 + 2 * (4 + 15 * 32 - 1)))).toBe('MalformedCall')
    expect(await show(D.callOf(court, suit, 'talk'))).toBe('MalformedCall')
    expect(await show(about({ claim: { run: fill(1) } }))).toBe('WrongClaim')
    expect(await show(about({ job: { salt: fill(77) } }))).toBe('WrongClaim')
    expect(await show(about({}, carol.address))).toBe('WrongClaim')
    expect(await show(D.callOf(court, suit, 'rule', hex(fill(1)), 1))).toBe('UnknownRuling')
    expect(await show(D.callOf(court, suit, 'rule', hex(ZERO32), 1))).toBe('UnknownRuling')
    expect(await show(D.callOf(court, suit, 'refuse', 5))).toBe('Refused')
    expect(await show(call, { terms: { ...suit.terms, stake: 1n } })).toBe('WrongTerms')
    const taken = await D.suitOver(court, GROWING, { by: alice, run: honest })
    expect(await show(D.callOf(court, taken, 'rule', D.FALSE_CLAIM, 1))).toBe('WrongClaim')
    const announcing = { call, by: bob, salt: hex(fill(99)) }
    await announced(announcing)
    const others = [
      await D.proving(court, suit, { ...announcing, by: carol }),
      await D.proving(court, suit, { ...announcing, salt: hex(fill(98)) }),
      await D.proving(court, suit, { ...announcing, call: D.callOf(court, suit, 'rule', D.FALSE_CLAIM, 2) }),
    ]
    for (const one of others) expect(await no(one)).toBe('NotAnnounced')
    expect(await S.stateOf(court, suit, alice)).toBe('Claimed')
    await S.mineAt(court, D.closesOf(suit) + 1)
    await S.settle(court, suit, alice)
    expect(await no(await D.proving(court, suit, announcing))).toBe('NotClaimed')
  })

  test('a referee is told what stands in the records', async () => {
    const suit = await claimed()
    const [duel, abi] = [await D.openGame(court, suit, bob), AbiCoder.defaultAbiCoder()]
    const trace = await D.ask(duel, 'demandTrace', 1)
    if (trace.name !== 'answerCommitment') throw new Error('no trace')
    const counts = ((await court.dispute.countsOf(suit.job.program)) as { toArray(): bigint[] }).toArray()
    const words = ['bool', 'uint64', 'uint32', 'uint64', 'uint8']
    const known = {
      leaf: 1,
      trace: hex(sizedRoot('segment', treeOf(trace))),
      key: hex(ZERO32),
      expansion: hex(ZERO32),
      counts: keccak256(abi.encode(new Array<string>(7).fill('uint32'), counts)),
      refusal: keccak256(abi.encode(words, [false, 0, 0, 0, 0])),
      domain: (await court.settlement.domainSeparator()) as string,
    }
    const show = async (evidence: object) => {
      const announcing = { call: D.callOf(court, suit, 'recorded', evidence), by: bob }
      await announced(announcing)
      return no(await D.proving(court, suit, announcing))
    }
    for (const change of [{ leaf: 0 }, { trace: hex(fill(1)) }, { expansion: hex(fill(1)) }, { counts: hex(fill(1)) }])
      expect(await show({ ...known, ...change })).toBe('NoFault')
    expect(await show({ ...known, domain: hex(fill(1)) })).toBe('NoFault')
    expect(await show(known)).toBe('')
  })

  test('a void job gives everybody back what it paid, bonds too', async () => {
    const suit = await claimed()
    const duel = await D.openGame(court, suit, bob)
    await D.ask(duel, 'demandRun')
    const announcing = { call: D.callOf(court, suit, 'rule', D.VOID_JOB, 1), by: bob }
    await D.announce(court, announcing)
    const before = await Promise.all(
      [REQUESTER, ALICE].map((one) => court.settlement.balanceOf(ZeroAddress, court.actor(one).address)),
    )
    await does(await D.proving(court, suit, announcing))
    expect(await S.stateOf(court, suit, alice)).toBe('Void')
    expect(await no(await D.proving(court, suit, announcing))).toBe('VoidedJob')
    expect(await refused(duel, ['challengerTimedOut', duel.game])).toBe('NotClaimed')
    expect(await no(['open', ...suit.opening], carol, D.bondOf(suit, 1))).toBe('NotClaimed')
    const bonds = await credit(bob)
    await does(['close', duel.game])
    expect((await credit(bob)) - bonds).toBe(TERMS.bond)
    await S.send(court, ['release', suit.hash, alice.address, suit.terms], { from: anybody })
    const after = await Promise.all(
      [REQUESTER, ALICE].map((one) => court.settlement.balanceOf(ZeroAddress, court.actor(one).address)),
    )
    expect(after).toEqual([before[0] + TERMS.payment, before[1] + TERMS.stake])
  })
})

const ANYBODY_ADDRESS = '0x00000000000000000000000000000000000000ff'

describe('opening a game', () => {
  test('only about the claim that was filed, under its terms, until the last second of the window, with the bond', async () => {
    const suit = await claimed()
    const [job, claim, provider, terms] = suit.opening
    const open = (values: readonly unknown[], value = TERMS.bond) => no(['open', ...values], bob, value)
    expect(await open([{ ...(job as object), salt: fill(5) }, claim, provider, terms])).toBe('WrongClaim')
    expect(await open([job, { ...(claim as object), outputs: fill(5) }, provider, terms])).toBe('WrongClaim')
    expect(await open([job, claim, bob.address, terms])).toBe('WrongClaim')
    expect(await open([job, claim, provider, { ...terms, bond: 0n }])).toBe('WrongTerms')
    expect(await open([job, claim, provider, { ...terms, moveTime: terms.moveTime + 1 }])).toBe('WrongTerms')
    expect(await open(suit.opening, TERMS.bond - 1n)).toBe('WrongValue')
    expect(await open(suit.opening, TERMS.bond + 1n)).toBe('WrongValue')
    const taken = await D.suitOver(court, GROWING, { by: alice, run: honest })
    expect(await open(taken.opening)).toBe('WrongClaim')
    await S.mineAt(court, D.closesOf(suit) + 1)
    expect(await open(suit.opening)).toBe('WindowClosed')
    const late = await claimed()
    await D.timeOf(court, D.closesOf(late))
    await D.openGame(court, late, bob)
    expect(await clock()).toBe(D.closesOf(late))
    await S.mineAt(court, D.closesOf(late) + 1)
    expect(await S.refusalOf(court, ['settle', late.hash, alice.address, late.terms], { from: anybody })).toBe(
      'Disputed',
    )
    const paid = await S.send(court, ['settle', suit.hash, alice.address, suit.terms], { from: anybody })
    expect(paid.status).toBe(1)
    expect(await open(suit.opening)).toBe('NotClaimed')
  })

  test('each open game doubles the bond of the next, and small bonds shut nobody out', async () => {
    const suit = await claimed({ terms: { bond: 1n } })
    for (let others = 0; others < 35; others++) {
      const bond = 1n << BigInt(Math.min(others, 32))
      expect([others, await no(['open', ...suit.opening], bob, bond - 1n)]).toEqual([others, 'WrongValue'])
      await does(['open', ...suit.opening], bob, bond)
      expect(await court.dispute.live(suit.id)).toBe(BigInt(others + 1))
    }
    expect(await court.dispute.MAX_DOUBLINGS()).toBe(32n)
  })

  test('in tokens the bond is measured when it comes in', async () => {
    const token = await court.token.getAddress()
    const at = [await court.settlement.getAddress(), await court.dispute.getAddress()]
    for (const by of [court.actor(REQUESTER), alice, bob]) {
      await S.send(court, ['mint', by.address, 1n << 90n], { from: by, to: court.token })
      for (const to of at) await S.send(court, ['approve', to, 1n << 90n], { from: by, to: court.token })
    }
    const suit = await claimed({ terms: { token } })
    expect(await no(['open', ...suit.opening], bob, TERMS.bond)).toBe('WrongValue')
    await S.send(court, ['behave', 1], { from: anybody, to: court.token })
    expect(await no(['open', ...suit.opening], bob)).toBe('WrongDeposit')
    await S.send(court, ['behave', 0], { from: anybody, to: court.token })
    const duel = await D.openGame(court, suit, bob)
    expect(await court.token.balanceOf(at[1])).toBe(TERMS.bond)
    await does(['challengerTimedOut', duel.game], bob)
    await does(['withdraw', token], alice)
    expect(await court.token.balanceOf(at[1])).toBe(0n)
  })
})

/** What a move of a descent, or an answer, may cost. */
const MOST_GAS = 200_000
const most = new Map<string, number>()

function expectCheap({ gas }: D.Duel): void {
  for (const [name, used] of gas) {
    most.set(name, Math.max(used, most.get(name) ?? 0))
    if (name !== 'open') expect([name, used <= MOST_GAS]).toEqual([name, true])
  }
}

/** Everything that may be asked of a step's leaf, down to the bytes of a tile. */
async function downField(duel: D.Duel, step: Step, field: number): Promise<string[]> {
  const forms: string[] = []
  const note = async () => forms.push(D.FORMS[Number((await D.standing(duel)).question.form)])
  await D.ask(duel, 'descendStep', step, field)
  await note()
  const digest = await D.lead(duel, 0)
  await note()
  await D.ask(duel, 'descendItem', digest)
  await note()
  await D.lead(duel, 0)
  await note()
  return forms
}

describe('the descent', () => {
  test('goes from the run to a tile, through nodes where trees are large, each move and answer at most 200,000 gas', async () => {
    const suit = await D.claimedBy(court, { computation: D.growing(70), operatorTrace: true }, { by: alice })
    const duel = await D.openGame(court, suit, bob)
    const first = await D.ask(duel, 'demandRun')
    expect(first.name === 'answerChildren' && first.children.length).toBe(2)
    const step = decodeStep(await D.lead(duel, 66))
    expect(step.index).toBe(66)
    expect(await downField(duel, step, 2)).toEqual(['list', 'leaf', 'digest', 'leaf'])
    expectCheap(duel)
  })

  test('reaches every list of a step, and in a large tensor every tile, each move and answer at most 200,000 gas', async () => {
    const size = 65 * 1024
    const suit = await D.claimedBy(court, { computation: D.growing(1, size), operatorTrace: true }, { by: alice })
    const duel = await D.openGame(court, suit, bob)
    for (const field of [0, 1, 3, 4]) {
      await D.ask(duel, 'demandRun')
      const step = decodeStep(await D.lead(duel, 0))
      await D.ask(duel, 'descendStep', step, field)
      const digest = await D.lead(duel, 0)
      await D.ask(duel, 'descendItem', digest)
      const tile = await D.lead(duel, 63)
      expect(tile.length).toBe(4096)
    }
    expect(await refused(duel, ['descendItem', duel.game, fill(1)])).toBe('WrongAnswer')
    expectCheap(duel)
  })

  test('costs at most 200,000 gas a round with 64 children and a tile without a zero byte', async () => {
    // No byte of 1.1 is zero, so its tiles cost most.
    const full = tensor('float32', [1024], new Array<number>(1024).fill(1.1))
    const computation = { ...D.growing(64, 1024), state: [full] }
    const suit = await D.claimedBy(court, { computation, operatorTrace: true }, { by: alice })
    const duel = await D.openGame(court, suit, bob)
    const run = await D.ask(duel, 'demandRun')
    expect(run.name === 'answerChildren' && run.children.length).toBe(64)
    const step = decodeStep(await D.lead(duel, 0))
    expect(await downField(duel, step, 0)).toEqual(['list', 'leaf', 'digest', 'leaf'])
    const { last } = duel
    expect(last?.name === 'answerLeaf' && last.leaf.every((byte) => byte !== 0) && last.leaf.length).toBe(4096)
    await D.ask(duel, 'demandTrace', 63)
    await D.ask(duel, 'demandExpansion', 0, 2, 0)
    expectCheap(duel)
  })

  test('goes through a trace that is committed once and stands for every game', async () => {
    const suit = await claimed()
    const [one, two] = [await D.openGame(court, suit, bob), await D.openGame(court, suit, carol)]
    await D.move(one, 'demandTrace', 1)
    await D.move(two, 'demandTrace', 1)
    const said = await D.bookAnswer(one)
    if (said.name !== 'answerCommitment') throw new Error('no commitment')
    expect(await refused(one, ['answerCommitment', one.game, said.size, said.root], bob)).toBe('NotTheProvider')
    expect(await refused(one, ['answerCommitment', one.game, Number(said.size) + 1, said.root], alice)).toBe(
      'IndexOutOfRange',
    )
    expect(await refused(one, ['answerChildren', one.game, []], alice)).toBe('WrongAnswer')
    await D.answer(one)
    expect(await court.dispute.traceOf(suit.id, 1)).toBe(hex(sizedRoot('segment', treeOf(said))))
    expect(await refused(two, ['answerCommitment', two.game, said.size, fill(1)], alice)).toBe('AlreadyCommitted')
    await D.answer(two)
    const step = decodeStep(await D.lead(one, 0))
    expect(step.index).toBe(1)
    expect(await downField(one, step, 2)).toEqual(['list', 'leaf', 'digest', 'leaf'])
    // The second time it is a list like any other.
    await D.ask(two, 'demandTrace', 1)
    expect(D.FORMS[Number((await D.standing(two)).question.form)]).toBe('list')
    expect(decodeStep(await D.lead(two, 0))).toEqual(step)
    for (const leaf of [3, 1 << 20]) expect(await refused(one, ['demandTrace', one.game, leaf])).toBe('IndexOutOfRange')
  })

  test('goes through the expansion of an element, and comes back to it by its size and root alone', async () => {
    const suit = await D.claimedBy(court, { computation: D.summing(1100), operatorTrace: true }, { by: alice })
    const duel = await D.openGame(court, suit, bob)
    expect(await refused(duel, ['demandExpansion', duel.game, 1, 1, 0])).toBe('IndexOutOfRange')
    expect(await refused(duel, ['demandExpansion', duel.game, 0, 2, 0])).toBe('IndexOutOfRange')
    const key = keccak256(AbiCoder.defaultAbiCoder().encode(['uint64', 'uint32', 'uint64'], [0, 1, 0]))
    expect(await refused(duel, ['resumeExpansion', duel.game, key, 0, EMPTY_ROOT])).toBe('NotCommitted')
    const said = await D.ask(duel, 'demandExpansion', 0, 1, 0)
    if (said.name !== 'answerCommitment') throw new Error('no expansion')
    // Two blocks of numbers and one of their sums, of four leaves each.
    expect(said.size).toBe(12)
    expect(await court.dispute.expansionOf(suit.id, key)).toBe(hex(sizedRoot('expansion', treeOf(said))))
    expect((await D.lead(duel, 0)).length).toBe(2 * 32)
    expect(await refused(duel, ['demandExpansion', duel.game, 0, 1, 0])).toBe('AlreadyCommitted')
    // A question of another size would have no answer, and an honest provider would lose over it.
    for (const size of [0, 1, 11, 13])
      expect(await refused(duel, ['resumeExpansion', duel.game, key, size, said.root])).toBe('NotCommitted')
    expect(await refused(duel, ['resumeExpansion', duel.game, key, 12, fill(1)])).toBe('NotCommitted')
    expect(await refused(duel, ['resumeExpansion', duel.game, fill(1), 12, said.root])).toBe('NotCommitted')
    await D.ask(duel, 'resumeExpansion', key, 12, said.root)
    const leaf = await D.lead(duel, 1)
    expect(leaf.length).toBe(512 * 8)
    expect(await refused(duel, ['descendStep', duel.game, honest.leaves[0], 0])).toBe('NothingBelow')
    expectCheap(duel)
  })

  test('what cannot be expanded is committed as nothing', async () => {
    const suit = await claimed()
    const duel = await D.openGame(court, suit, bob)
    for (const [step, value, element] of [
      [0, 0, 0],
      [1, 2, 1],
      [2, 3, 1 << 30],
    ]) {
      const said = await D.ask(duel, 'demandExpansion', step, value, element)
      expect(said).toEqual({ name: 'answerCommitment', size: 0, root: EMPTY_ROOT })
      const key = keccak256(AbiCoder.defaultAbiCoder().encode(['uint64', 'uint32', 'uint64'], [step, value, element]))
      await D.move(duel, 'resumeExpansion', key, 0, EMPTY_ROOT)
      expect(await refused(duel, ['answerChildren', duel.game, [fill(1)]], alice)).toBe('BadProofLength')
      await does(['answerChildren', duel.game, []], alice)
      const nothing = { run: 1, index: 0, hash: fill(1), path: [] }
      expect(await refused(duel, ['descend', duel.game, nothing])).toBe('IndexOutOfRange')
    }
  })

  test.each([true, false])(
    'goes through leaves of several steps (values in the run: %s)',
    async (operatorTrace) => {
      const model = { computation: D.growing(10), commitEvery: 4, operatorTrace }
      const suit = await D.claimedBy(court, model, { by: alice })
      const [leaf, place] = [2, 1]
      for (const field of operatorTrace ? [1, 2, 4] : [1, 4]) {
        const duel = await D.openGame(court, suit, bob)
        await D.ask(duel, 'demandRun')
        const segment = decodeStep(await D.lead(duel, leaf))
        if (!operatorTrace) expect(await refused(duel, ['descendStep', duel.game, segment, 2])).toBe('NotCommitted')
        await D.ask(duel, 'descendStep', segment, field)
        expect((await D.standing(duel)).question.size).toBe(2n)
        await D.ask(duel, 'descendItem', await D.lead(duel, place))
        await D.ask(duel, 'descendItem', await D.lead(duel, 0))
        expect((await D.lead(duel, 0)).length).toBe(8)
        expectCheap(duel)
      }
      for (const field of [0, 1, 2, 3, 4]) {
        const duel = await D.openGame(court, suit, carol)
        await D.ask(duel, 'demandTrace', leaf)
        const traced = decodeStep(await D.lead(duel, place))
        expect(traced.index).toBe(4 * leaf + place)
        expect(await downField(duel, traced, field)).toEqual(['list', 'leaf', 'digest', 'leaf'])
        expectCheap(duel)
      }
    },
    60_000,
  )

  test('of a refused run the record is an answer, what was not computed is not asked for, and all else is answered', async () => {
    for (const commitEvery of [1, 2]) {
      const model = { computation: D.dividing(7, 2), commitEvery }
      const suit = await D.claimedBy(court, model, { by: alice })
      expect(suit.run.refusal).toMatchObject({ step: 2, reason: 'zero-divisor' })
      const duel = await D.openGame(court, suit, bob)
      const leaves = Math.ceil(7 / commitEvery)
      const refusedLeaf = Math.floor(2 / commitEvery)
      // The refused step by its trace: its values end at the refused node.
      await D.ask(duel, 'demandTrace', refusedLeaf)
      const traced = decodeStep(await D.lead(duel, 2 % commitEvery))
      const said = await D.ask(duel, 'descendStep', traced, 4)
      expectCheap(duel)
      expect(said).toEqual({ name: 'answerRefusal', refusal: suit.run.refusal })
      expect(await refused(duel, ['descend', duel.game, { run: 1, index: 0, hash: fill(1), path: [] }])).toBe(
        'RootMismatch',
      )
      await D.ask(duel, 'demandTrace', refusedLeaf)
      await D.lead(duel, 2 % commitEvery)
      await D.ask(duel, 'descendStep', traced, 2)
      const missing = await D.lead(duel, suit.run.refusal!.node)
      expect(missing).toEqual(ZERO32)
      expect(await refused(duel, ['descendItem', duel.game, missing])).toBe('NotCommitted')
      // Behind the refusal there are leaves without content, and a provider that is asked for them has answers.
      await D.ask(duel, 'demandRun')
      const empty = decodeStep(await D.lead(duel, leaves - 1))
      expect(equal(empty.outputs, ZERO32) && equal(empty.stateBefore, ZERO32)).toBe(true)
      for (const field of [0, 1, 2, 3, 4])
        expect(await refused(duel, ['descendStep', duel.game, empty, field])).toBe('NotCommitted')
      await D.ask(duel, 'demandTrace', leaves - 1)
      const behind = decodeStep(await D.lead(duel, 0))
      expect(behind).toMatchObject({ index: (leaves - 1) * commitEvery, values: ZERO32, outputs: ZERO32 })
      for (const value of [0, 2]) expect(await D.ask(duel, 'demandExpansion', 6, value, 0)).toMatchObject({ size: 0 })
    }
  })

  test('another hash than the record is not answered by a refusal', async () => {
    const suit = await D.claimedBy(court, { computation: D.dividing(3, 1) }, { by: alice })
    const duel = await D.openGame(court, suit, bob)
    await D.move(duel, 'demandRun')
    const record = D.refusalOut(suit.run.refusal)
    expect(await refused(duel, ['answerRefusal', duel.game, record], alice)).toBe('WrongAnswer')
    await D.answer(duel)
    const step = decodeStep(await D.lead(duel, 1))
    await D.move(duel, 'descendStep', step, 4)
    for (const change of [{ step: 0 }, { node: 9 }, { element: 5 }, { reason: 1 }])
      expect(await refused(duel, ['answerRefusal', duel.game, { ...record, ...change }], alice)).toBe('WrongAnswer')
    await does(['answerRefusal', duel.game, record], carol)
  })

  test('a zero where a hash ought to be is asked for, so that nobody hides behind it', async () => {
    const none = await claimed({ forge: { run: ZERO32 } })
    const over = await D.openGame(court, none, bob)
    await D.move(over, 'demandRun')
    expect((await D.standing(over)).providerMoves).toBe(true)
    // A run with a zero for its second leaf, and one with a zero for a tensor's tiles.
    const leaves = honest.leaves.map(encodeStep)
    const tree = listTree(leaves.map(() => ZERO32))
    const hashes = [D.noise(1), ZERO32, D.noise(2)]
    const run = sizedRoot('run', { size: 3, root: rootFrom(hashes) })
    expect(tree.size).toBe(3)
    const duel = await D.openGame(court, await claimed({ forge: { run } }), bob)
    await D.move(duel, 'demandRun')
    await does(['answerChildren', duel.game, hashes], alice)
    await D.move(duel, 'descend', D.downTo(hashes, 3, 1))
    const { question, providerMoves } = await D.standing(duel)
    expect([D.FORMS[Number(question.form)], question.hash, providerMoves]).toEqual(['leaf', hex(ZERO32), true])
    expect(await refused(duel, ['answerLeaf', duel.game, '0x'], alice)).toBe('WrongAnswer')
    await S.mineAt(court, (await D.deadlineOf(duel)) + 1)
    await does(['provideTimedOut', duel.game, duel.suit.terms])
    expect(await S.stateOf(court, duel.suit, alice)).toBe('Slashed')
  })
})

describe('wrong moves and answers', () => {
  test('moves of others, out of turn, in no game and after the end are refused, and change nothing', async () => {
    const duel = await opened()
    const game = duel.game
    const down = { run: 1, index: 0, hash: fill(1), path: [] }
    const step = honest.leaves[0]
    const asks: readonly (readonly [string, ...unknown[]])[] = [
      ['demandRun', game],
      ['descend', game, down],
      ['descendStep', game, step, 0],
      ['descendItem', game, fill(1)],
      ['descendTensor', game, { dtype: 1, dims: [2] }, fill(1)],
      ['demandTrace', game, 0],
      ['demandExpansion', game, 0, 2, 0],
      ['resumeExpansion', game, fill(1), 1, fill(1)],
    ]
    const answers: readonly (readonly [string, ...unknown[]])[] = [
      ['answerChildren', game, [fill(1)]],
      ['answerLeaf', game, fill(1)],
      ['answerDigest', game, { dtype: 1, dims: [2] }, fill(1)],
      ['answerRefusal', game, D.refusalOut({ step: 0, node: 1, element: 0, reason: 'nan' })],
      ['answerCommitment', game, 1, fill(1)],
    ]
    for (const call of asks) {
      expect([call[0], await refused(duel, call, alice)]).toEqual([call[0], 'NotTheChallenger'])
      expect([call[0], await no([call[0], 1n << 70n, ...call.slice(2)], bob)]).toEqual([call[0], 'GameOver'])
    }
    // Nothing was asked yet.
    for (const call of answers) expect([call[0], await refused(duel, call, alice)]).toEqual([call[0], 'NotYourMove'])
    for (const call of asks.slice(1, 5)) {
      const expected = call[0] === 'descend' ? 'NothingBelow' : expect.stringMatching(/NothingBelow|WrongAnswer/)
      expect([call[0], await refused(duel, call)]).toEqual([call[0], expected])
    }
    expect(await refused(duel, ['provideTimedOut', game, duel.suit.terms], carol)).toBe('NotYourMove')
    expect(await refused(duel, ['challengerTimedOut', game], carol)).toBe('TooEarly')
    expect(await refused(duel, ['close', game], carol)).toBe('StillRunning')
    await D.move(duel, 'demandRun')
    for (const call of asks) expect([call[0], await refused(duel, call)]).toEqual([call[0], 'NotYourMove'])
    expect(await refused(duel, ['challengerTimedOut', game])).toBe('NotYourMove')
    expect(await refused(duel, ['provideTimedOut', game, duel.suit.terms], carol)).toBe('TooEarly')
    await D.answer(duel)
    await does(['challengerTimedOut', game], bob)
    for (const call of [...asks, ...answers, ['challengerTimedOut', game], ['close', game]] as typeof asks)
      expect([call[0], await refused(duel, call)]).toEqual([call[0], 'GameOver'])
    expect(await refused(duel, ['provideTimedOut', game, duel.suit.terms])).toBe('GameOver')
    expect(await no(['close', 1n << 70n])).toBe('GameOver')
  })

  test('children that do not fold to the hash, too few, too many, of another tree or another size are refused', async () => {
    const suit = await D.claimedBy(court, { computation: D.growing(70) }, { by: alice })
    const duel = await D.openGame(court, suit, bob)
    await D.move(duel, 'demandRun')
    const said = await D.bookAnswer(duel)
    if (said.name !== 'answerChildren') throw new Error('no children')
    const [a, b] = said.children
    const tell = (children: readonly Bytes32[]) => refused(duel, ['answerChildren', duel.game, children], alice)
    expect(await tell([])).toBe('BadProofLength')
    expect(await tell([a])).toBe('BadProofLength')
    expect(await tell([a, b, b])).toBe('BadProofLength')
    expect(await tell([b, a])).toBe('RootMismatch')
    expect(await tell([a, D.noise(1)])).toBe('RootMismatch')
    const other = D.growing(70, 3)
    const foreign = listTree((await runFor(other, reference())).leaves.map(encodeStep))
    expect(await tell([rootOf(foreign), b])).toBe('RootMismatch')
    expect(await refused(duel, ['answerLeaf', duel.game, '0x00'], alice)).toBe('WrongAnswer')
    expect(await refused(duel, ['answerDigest', duel.game, { dtype: 1, dims: [] }, a], alice)).toBe('WrongAnswer')
    expect(await refused(duel, ['answerCommitment', duel.game, 70, a], alice)).toBe('WrongAnswer')
    await D.answer(duel)
    const down = D.downTo(said.children, 70, 66) as { run: number; index: number; hash: Bytes32; path: Bytes32[] }
    const go = (change: Partial<typeof down>) => refused(duel, ['descend', duel.game, { ...down, ...change }])
    expect(await go({ run: 0 })).toBe('BadRun')
    expect(await go({ run: 63 })).toBe('BadRun')
    expect(await go({ run: 32 })).toMatch(/BadProofLength|RootMismatch/)
    expect(await go({ index: 2 })).toBe('IndexOutOfRange')
    expect(await go({ index: 0 })).toBe('RootMismatch')
    expect(await go({ hash: D.noise(1) })).toBe('RootMismatch')
    expect(await go({ path: [] })).toBe('BadProofLength')
    expect(await go({ path: [...down.path, a] })).toBe('BadProofLength')
    expect(await refused(duel, ['descendItem', duel.game, a])).toBe('WrongAnswer')
    await D.ask(duel, 'descend', down)
    const leaf = await D.lead(duel, 66 - 64)
    const step = decodeStep(leaf)
    const field = (change: Partial<Step>, number = 0) =>
      refused(duel, ['descendStep', duel.game, { ...step, ...change }, number])
    for (const name of ['stateBefore', 'inputs', 'values', 'stateAfter', 'outputs'] as const)
      expect(await field({ [name]: D.noise(2) })).toBe('WrongAnswer')
    expect(await field({ index: 65 })).toBe('WrongAnswer')
    expect(await field({}, 5)).toBe('NothingBelow')
    expect(await field({}, 2)).toBe('NotCommitted')
    expect(await refused(duel, ['descend', duel.game, down])).toBe('NothingBelow')
  })

  test('leaves and digests with another byte are refused, and tensors of another form or root', async () => {
    const duel = await opened({ job: {} })
    await D.ask(duel, 'demandRun')
    const children = duel.last
    if (children?.name !== 'answerChildren') throw new Error('no children')
    await D.move(duel, 'descend', D.downTo(children.children, 3, 1))
    const bytes = encodeStep(honest.leaves[1])
    const tell = (leaf: Uint8Array) => refused(duel, ['answerLeaf', duel.game, leaf], alice)
    expect(await tell(bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)))).toBe('WrongAnswer')
    expect(await tell(bytes.slice(1))).toBe('WrongAnswer')
    expect(await tell(Uint8Array.from([...bytes, 0]))).toBe('WrongAnswer')
    expect(await tell(encodeStep(honest.leaves[0]))).toBe('WrongAnswer')
    expect(await refused(duel, ['answerChildren', duel.game, [fill(1)]], alice)).toBe('WrongAnswer')
    // The bytes of a leaf are no secret: whoever has them may answer. The provider's book has to be told.
    await does(['answerLeaf', duel.game, bytes], carol)
    await duel.book.answer({ form: 'leaf', kind: KINDS.run, size: 1, hash: hashLeaf(bytes) })
    await D.ask(duel, 'descendStep', honest.leaves[1], 0)
    const digest = await D.lead(duel, 0)
    expect(await refused(duel, ['descendItem', duel.game, D.noise(1)])).toBe('WrongAnswer')
    await D.move(duel, 'descendItem', digest)
    const said = await D.bookAnswer(duel)
    if (said.name !== 'answerDigest') throw new Error('no digest')
    const open = (form: object, root = said.root) => refused(duel, ['answerDigest', duel.game, form, root], alice)
    expect(said.form).toEqual(formOf({ dtype: 'float32', dims: [2] }))
    expect(await open({ ...said.form, dims: [3] })).toBe('WrongAnswer')
    expect(await open({ ...said.form, dims: [2, 1] })).toBe('WrongAnswer')
    expect(await open({ ...said.form, dtype: 6 })).toBe('WrongAnswer')
    expect(await open(said.form, D.noise(3))).toBe('WrongAnswer')
    expect(await open({ ...said.form, dims: new Array<number>(256).fill(1) })).toBe('TooLarge')
    await D.answer(duel)
    const go = (form: object, root = said.root) => refused(duel, ['descendTensor', duel.game, form, root])
    expect(await go({ ...said.form, dims: [3] })).toBe('WrongAnswer')
    expect(await go(said.form, D.noise(3))).toBe('WrongAnswer')
    await D.ask(duel, 'descendTensor', said.form, said.root)
    expect(await refused(duel, ['descendTensor', duel.game, said.form, said.root])).toBe('WrongAnswer')
  })

  test('a leaf that no proof could show is no answer, though it has the hash that was asked for', async () => {
    // A run of one leaf, which is a step with a byte more, one less, or with an index that no step has.
    const step = encodeStep(honest.leaves[0])
    const leaves = [Uint8Array.from([...step, 0]), step.slice(1), step.map((byte, i) => (i === 0 ? 1 : byte))]
    for (const leaf of leaves) {
      const run = sizedRoot('run', { size: 3, root: rootFrom([hashLeaf(leaf), D.noise(1), D.noise(2)]) })
      const duel = await D.openGame(court, await claimed({ forge: { run } }), bob)
      const hashes = [hashLeaf(leaf), D.noise(1), D.noise(2)]
      await D.move(duel, 'demandRun')
      await does(['answerChildren', duel.game, hashes], alice)
      await D.move(duel, 'descend', D.downTo(hashes, 3, 0))
      expect(await refused(duel, ['answerLeaf', duel.game, leaf], alice)).toBe('WrongAnswer')
    }
    const suit = await claimed()
    const duel = await D.openGame(court, suit, bob)
    const long = new Uint8Array(4097)
    const key = keccak256(AbiCoder.defaultAbiCoder().encode(['uint64', 'uint32', 'uint64'], [0, 2, 0]))
    await D.move(duel, 'demandExpansion', 0, 2, 0)
    await does(['answerCommitment', duel.game, 1, hashLeaf(long)], alice)
    await D.move(duel, 'resumeExpansion', key, 1, hashLeaf(long))
    await does(['answerChildren', duel.game, [hashLeaf(long)]], alice)
    await D.move(duel, 'descend', { run: 1, index: 0, hash: hashLeaf(long), path: [] })
    expect(await refused(duel, ['answerLeaf', duel.game, long], alice)).toBe('WrongAnswer')
  })

  test('a tensor without elements has no tiles to ask for', async () => {
    const computation = D.growing(1, 0)
    const suit = await D.claimedBy(court, { computation }, { by: alice })
    const duel = await D.openGame(court, suit, bob)
    await D.ask(duel, 'demandRun')
    await D.ask(duel, 'descendStep', decodeStep(await D.lead(duel, 0)), 0)
    await D.ask(duel, 'descendItem', await D.lead(duel, 0))
    const said = duel.last
    if (said?.name !== 'answerDigest') throw new Error('no digest')
    expect(await refused(duel, ['descendTensor', duel.game, said.form, said.root])).toBe('NothingBelow')
  })

  test('a list of another kind or size than the step has cannot be asked for', async () => {
    const suit = await claimed()
    const duel = await D.openGame(court, suit, bob)
    await D.ask(duel, 'demandRun')
    const step = decodeStep(await D.lead(duel, 0))
    for (const [field, kind, size] of [
      [0, KINDS.state, 1n],
      [1, KINDS.inputs, 1n],
      [3, KINDS.state, 1n],
      [4, KINDS.outputs, 1n],
    ] as const) {
      await D.ask(duel, 'descendStep', step, field)
      const { question } = await D.standing(duel)
      expect([question.kind, question.size]).toEqual([BigInt(kind), size])
      await D.ask(duel, 'demandRun')
      await D.lead(duel, 0)
    }
  })

  test('a game has at most forty questions', async () => {
    const duel = await opened()
    for (let i = 0; i < 40; i++) await D.ask(duel, 'demandRun')
    expect((await D.standing(duel)).questions).toBe(40n)
    expect(await refused(duel, ['demandRun', duel.game])).toBe('TooManyQuestions')
    expect(await refused(duel, ['demandTrace', duel.game, 0])).toBe('TooManyQuestions')
    await does(['challengerTimedOut', duel.game], bob)
  })
})

describe('clocks', () => {
  test('a move counts until the last second of its clock, and no later; then the other may say so', async () => {
    const duel = await opened()
    await D.timeOf(court, await D.deadlineOf(duel))
    await D.move(duel, 'demandRun')
    expect((await D.standing(duel)).challengerClock).toBe(BigInt(4 * HOUR))
    const due = await D.deadlineOf(duel)
    expect(due).toBe((await clock()) + TERMS.moveTime)
    expect(await refused(duel, ['provideTimedOut', duel.game, duel.suit.terms], carol)).toBe('TooEarly')
    const said = await D.bookAnswer(duel)
    await D.timeOf(court, due)
    await does(D.answering(duel, said), alice)
    await S.mineAt(court, (await D.deadlineOf(duel)) + 1)
    expect(await refused(duel, ['demandRun', duel.game])).toBe('TooLate')
    const before = await credit(alice)
    await does(['challengerTimedOut', duel.game], carol)
    expect((await credit(alice)) - before).toBe(TERMS.bond)

    const silent = await opened()
    await D.move(silent, 'demandRun')
    const late = await D.bookAnswer(silent)
    await S.mineAt(court, (await D.deadlineOf(silent)) + 1)
    expect(await refused(silent, D.answering(silent, late), alice)).toBe('TooLate')
    expect(await refused(silent, ['provideTimedOut', silent.game, { ...TERMS, stake: 1n }], carol)).toBe('WrongTerms')
    await does(['provideTimedOut', silent.game, silent.suit.terms], carol)
    expect(await S.stateOf(court, silent.suit, alice)).toBe('Slashed')
    expect(await no(['provideTimedOut', silent.game, silent.suit.terms], carol)).toBe('GameOver')
    await does(['close', silent.game], carol)
    expect(await no(['close', silent.game], carol)).toBe('GameOver')
  })

  test('a clock that was little used goes on from what is left, and never has less than the extension', async () => {
    const duel = await opened()
    const start = await clock()
    await D.timeOf(court, start + 100)
    await D.move(duel, 'demandRun')
    expect((await D.standing(duel)).challengerClock).toBe(BigInt(TERMS.moveTime - 100))
    await D.timeOf(court, start + 100 + TERMS.moveTime - 3 * HOUR)
    await D.answer(duel)
    expect((await D.standing(duel)).providerClock).toBe(BigInt(TERMS.replayTime + 3 * HOUR))
  })
})

test('a claim that an auditor refuted ends its games, and every challenger has its bond back', async () => {
  const auditor = court.actor(AUDITOR)
  const policy = Policy.audited(0, { auditors: [auditor.address], window: 6 * HOUR })
  const suit = await claimed({ policy })
  const duel = await D.openGame(court, suit, bob)
  await D.move(duel, 'demandRun')
  const receipt = Receipt.from({
    claim: suit.claim,
    provider: alice.sign.address,
    sealSet: fill(0),
    metadata: fill(8),
    issuedAt: 5,
  })
  const said = { receipt: Receipt.hash(receipt), policy: suit.job.policy, outcome: 'refuted', grade: 'replayed' }
  const value = Verdict.verdictStruct.from(
    { ...said, sampled: 3n, total: 3n, evidence: fill(0), auditor: auditor.sign.address, issuedAt: 1n },
    'verdict',
  )
  const signature = await Signer.sign(auditor.sign, { struct: Verdict.verdictStruct, value, domain: court.domain })
  const words = [S.wire(Receipt.receiptStruct, receipt), S.wire(Verdict.verdictStruct, value), hex(signature)]
  await S.send(court, ['settleAudited', ...suit.args, ...words], { from: anybody })
  expect(await S.stateOf(court, suit, alice)).toBe('Slashed')
  await S.mineAt(court, (await D.deadlineOf(duel)) + 1)
  expect(await refused(duel, ['provideTimedOut', duel.game, suit.terms])).toBe('NotClaimed')
  expect(await no(['open', ...suit.opening], carol, D.bondOf(suit, 1))).toBe('NotClaimed')
  const before = await credit(bob)
  await does(['close', duel.game])
  expect((await credit(bob)) - before).toBe(TERMS.bond)
  expect(await no(['payReward', suit.id, suit.terms])).toBe('TooEarly')
})

test('every move and every answer was measured', () => {
  const { fragments } = court.dispute.interface
  const names = fragments.map((one) => ('name' in one ? (one.name as string) : ''))
  const rounds = names.filter((name) => /^(demand|descend|resume|answer)/.test(name))
  expect(new Set(rounds).size).toBe(13)
  expect(rounds.filter((name) => !most.has(name))).toEqual([])
  for (const [name, gas] of most) if (name !== 'open') expect([name, gas <= MOST_GAS]).toEqual([name, true])
})

test('every error that Dispute.sol declares was met', () => {
  const declared = [...textOf('contracts/Dispute.sol').matchAll(/^ {4}error (\w+)\(/gm)].map(([, name]) => name)
  expect(declared.length).toBeGreaterThan(20)
  expect(declared.filter((name) => !seen.has(name))).toEqual([])
})
