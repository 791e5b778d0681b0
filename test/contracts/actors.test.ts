/**
 * Everybody who may take part in a dispute, honest or not, and what each of them has afterwards. All amounts are in a token, so that fees do not
 * blur them: an honest party never loses its bond, a lie is never shielded, and slashing oneself always costs.
 */
import type { Contract } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OwnRun } from '../../src/dispute/book.js'
import type { FaultProof } from '../../src/dispute/proof.js'
import type { Ask } from '../../src/dispute/question.js'
import { runFor } from '../../src/dispute/own-run.js'
import { findFault } from '../../src/dispute/search.js'
import { reference } from '../../src/runtime/reference.js'
import { rootFrom } from '../../src/merkle/tree.js'
import type { Address } from '../../src/receipt/fields.js'
import { mixture, valueOf } from '../chain/mixture.js'
import { wire } from '../dispute/arena.js'
import { lyingRun } from '../dispute/liar.js'
import { fill } from '../receipt/samples.js'
import * as D from './disputes.js'
import { deploy, mined, startNode, type EvmNode } from './node.js'
import * as S from './settlement.js'
import { HOUR, TERMS, hex, type Actor } from './settlement.js'

const BYTES = { requester: 0x11, alice: 0x22, bob: 0x33, carol: 0x44, eve: 0x66, anybody: 0x99 }
type Name = Exclude<keyof typeof BYTES, 'anybody'>
const NAMES = ['requester', 'alice', 'bob', 'carol', 'eve'] as const

const { payment: PAY, stake: STAKE, bond: BOND } = TERMS
/** What a challenger is paid, and what the requester has of a stake. */
const HALF = STAKE / 2n
const REST = STAKE - HALF
const EXTENSION = TERMS.replayTime + 3 * HOUR

let node: EvmNode
let court: D.Court
let referees: Map<string, Contract>
let honest: OwnRun
let actors: Record<keyof typeof BYTES, Actor>
const GROWING = { computation: D.growing(3) }

beforeAll(async () => {
  node = await startNode()
  await S.endow(node, Object.values(BYTES))
  const evaluator = await deploy(node, 'Evaluator')
  referees = new Map<string, Contract>()
  for (const name of ['Binding', 'Choice', 'Expansion', 'Refusal', 'Schedule'])
    referees.set(name.toLowerCase(), await deploy(node, `${name}Referee`))
  referees.set('element', await deploy(node, 'ElementReferee', await evaluator.getAddress()))
  court = await D.courtOn(node, [...referees.values()])
  actors = Object.fromEntries(Object.entries(BYTES).map(([name, byte]) => [name, court.actor(byte)])) as typeof actors
  const contracts = [await court.settlement.getAddress(), await court.dispute.getAddress()]
  for (const name of NAMES) {
    await S.send(court, ['mint', actors[name].address, 1n << 90n], { from: actors[name], to: court.token })
    for (const to of contracts) await S.send(court, ['approve', to, 1n << 90n], { from: actors[name], to: court.token })
  }
  honest = await runFor(GROWING.computation, reference())
}, 60_000)
afterAll(() => node?.stop())

// ---------------------------------------------------------------- money

const tokenTerms = async () => ({ token: await court.token.getAddress() })
const amount = async (of: Contract, ...values: unknown[]) => (await of.balanceOf(...values)) as bigint

/** Tokens, and what may be withdrawn. */
async function wealthOf(name: Name): Promise<bigint> {
  const { address } = actors[name]
  const token = await court.token.getAddress()
  const [own, settled, disputed] = await Promise.all([
    amount(court.token, address),
    amount(court.settlement, token, address),
    amount(court.dispute, token, address),
  ])
  return own + settled + disputed
}

/** What each gained; who is not named gained and lost nothing. All money is with somebody again in the end. */
async function gains(story: () => Promise<unknown>): Promise<Partial<Record<Name, bigint>>> {
  const before = await Promise.all(NAMES.map(wealthOf))
  await story()
  const after = await Promise.all(NAMES.map(wealthOf))
  const changes = NAMES.map((name, i) => [name, after[i] - before[i]] as const)
  expect(changes.reduce((sum, [, change]) => sum + change, 0n)).toBe(0n)
  return Object.fromEntries(changes.filter(([, change]) => change !== 0n))
}

// ---------------------------------------------------------------- moves

const does = (call: readonly [string, ...unknown[]], from: Actor = actors.anybody) =>
  S.send(court, call, { from, to: court.dispute })
const no = (call: readonly [string, ...unknown[]], from: Actor = actors.anybody) =>
  S.refusalOf(court, call, { from, to: court.dispute })
const clock = () => S.now(node.provider)

/** A claim of a provider about a small run; the referee that rules what it is told may call it false. */
const claimed = async (by: Name = 'alice', making: Partial<D.Suing> = {}) =>
  D.claimedBy(court, GROWING, { by: actors[by], run: honest, ...making, terms: await tokenTerms() })
const opens = (suit: D.Suit, by: Name) => D.openGame(court, suit, actors[by])
const silentSince = async (duel: D.Duel) => S.mineAt(court, (await D.deadlineOf(duel)) + 1)
const givesUp = (duel: D.Duel) => does(['challengerTimedOut', duel.game], duel.by)
const closes = (duel: D.Duel) => does(['close', duel.game])
const provesFalse = (suit: D.Suit, by: Name, nonce = 0) => D.refute(court, suit, actors[by], nonce)

async function paysReward({ id, terms }: D.Suit): Promise<void> {
  const [, , until] = (await court.dispute.rulings(id)) as [string, bigint, bigint]
  await S.mineAt(court, until)
  await does(['payReward', id, terms])
}

/** The time to dispute is over, and nobody did. */
async function paysProvider(suit: D.Suit): Promise<void> {
  const over = D.closesOf(suit) + 1
  if ((await clock()) < over) await S.mineAt(court, over)
  await S.settle(court, suit, suit.by)
}

const stateOf = (suit: D.Suit) => S.stateOf(court, suit, suit.by)

// ---------------------------------------------------------------- real proofs

const MIXED = mixture({ steps: 4 })
const MIXED_MODEL = { computation: MIXED, commitEvery: 2, operatorTrace: true }

const mixedRun = () => runFor(MIXED, reference(), MIXED_MODEL)
const lyingAbout = (op: string, step = 1) =>
  lyingRun(MIXED, { step, value: valueOf(MIXED, op), element: 0, flip: 1 << 20 }, MIXED_MODEL)
const mixedClaim = async (run: OwnRun) =>
  D.claimedBy(court, MIXED_MODEL, { by: actors.alice, run, terms: await tokenTerms() })

/** A challenger with a run of its own asks over the chain until it has a proof. */
async function searches(duel: D.Duel, own: OwnRun): Promise<FaultProof> {
  const { suit } = duel
  const ask: Ask = async (move) => {
    const answer = await D.ask(duel, move.name, ...D.argumentsOf(move))
    if (move.name !== 'demandTrace' || answer.name !== 'answerChildren') return answer
    // It was committed in another game, so the contract asked for its list.
    const { question } = await D.standing(duel)
    return { name: 'answerCommitment', size: Number(question.size), root: rootFrom(answer.children) }
  }
  const of = { job: suit.job, claim: suit.claim, provider: suit.by.sign.address as Address }
  const proof = await findFault({ case: of, declared: undefined, own }, ask)
  if (proof === undefined) throw new Error('the claim is one’s own')
  return proof
}

/** Announces a proof, and gives the call that shows it. */
async function announces(suit: D.Suit, proof: FaultProof, by: Actor): Promise<readonly [string, ...unknown[]]> {
  const judge = referees.get(proof.referee)!
  const call = judge.interface.encodeFunctionData(proof.fault, [wire(proof.case), ...proof.evidence.map(wire)])
  const announcing = { call, by }
  await D.announce({ ...court, judge }, announcing)
  return D.proving({ ...court, judge }, suit, announcing)
}

/** With which error a referee refuses a proof. */
async function refusalOf(suit: D.Suit, proof: FaultProof, by: Actor): Promise<string> {
  const shown = await announces(suit, proof, by)
  // A question to the chain is asked in its last block, and an announcement counts from the next one on.
  await node.provider.send('evm_mine', [])
  return no(shown, by)
}

describe('honest against liar, with proofs before the referees of production', () => {
  test.each(['MatMul', 'ReduceSum', 'ReduceMax', 'Gather', 'Add'])(
    'a lie in a %s is led to and proved; the challenger has half of the stake, the requester the rest and its payment',
    async (op) => {
      const run = await mixedRun()
      const changes = await gains(async () => {
        const suit = await mixedClaim(await lyingAbout(op))
        const duel = await opens(suit, 'bob')
        const proof = await searches(duel, run)
        await does(await announces(suit, proof, actors.bob), actors.bob)
        expect(await stateOf(suit)).toBe('Slashed')
        await closes(duel)
        await paysReward(suit)
      })
      expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
    },
    30_000,
  )

  test('a challenger who computes falsely finds a proof that no referee believes, and its bond is the provider’s', async () => {
    const run = await mixedRun()
    const changes = await gains(async () => {
      const suit = await mixedClaim(run)
      const duel = await opens(suit, 'eve')
      const proof = await searches(duel, await lyingAbout('MatMul'))
      expect(await refusalOf(suit, proof, actors.eve)).toBe('NoFault')
      expect(await stateOf(suit)).toBe('Claimed')
      await givesUp(duel)
      await paysProvider(suit)
    })
    expect(changes).toEqual({ alice: PAY + BOND, eve: -BOND, requester: -PAY })
  })

  test('where both lie, the challenger’s bond is the provider’s, and the provider’s stake is lost to whoever is right', async () => {
    const run = await mixedRun()
    const changes = await gains(async () => {
      const suit = await mixedClaim(await lyingAbout('ReduceMax', 1))
      const wrong = await opens(suit, 'eve')
      const proof = await searches(wrong, await lyingAbout('MatMul', 0))
      expect(await refusalOf(suit, proof, actors.eve)).toBe('NoFault')
      await givesUp(wrong)
      const duel = await opens(suit, 'bob')
      await does(await announces(suit, await searches(duel, run), actors.bob), actors.bob)
      await closes(duel)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: BOND - STAKE, eve: -BOND, bob: HALF, requester: REST })
  })
})

describe('stallers', () => {
  test('a provider that is silent loses its stake, and the requester has its payment again', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const duel = await opens(suit, 'bob')
      await D.move(duel, 'demandRun')
      await silentSince(duel)
      await does(['provideTimedOut', duel.game, suit.terms], actors.anybody)
      await closes(duel)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
  })

  test('a challenger that is silent loses its bond to the provider, who is paid', async () => {
    for (const asks of [false, true]) {
      const changes = await gains(async () => {
        const suit = await claimed()
        const duel = await opens(suit, 'eve')
        if (asks) await D.ask(duel, 'demandRun')
        await silentSince(duel)
        await does(['challengerTimedOut', duel.game], actors.anybody)
        await paysProvider(suit)
      })
      expect(changes).toEqual({ alice: PAY + BOND, eve: -BOND, requester: -PAY })
    }
  })

  test(
    'both who move in the last second again and again delay a payment by no more than the bound',
    { timeout: 60_000 },
    async () => {
      const bound = 2 * TERMS.moveTime + 80 * EXTENSION
      let delay = 0
      const changes = await gains(async () => {
        const suit = await claimed()
        await D.timeOf(court, D.closesOf(suit))
        const duel = await opens(suit, 'eve')
        const start = await clock()
        for (let questions = 0; questions < 40; questions++) {
          await D.timeOf(court, await D.deadlineOf(duel))
          await D.move(duel, 'demandRun')
          const said = await D.bookAnswer(duel)
          await D.timeOf(court, await D.deadlineOf(duel))
          await does(D.answering(duel, said), actors.alice)
          expect(
            await S.refusalOf(court, ['settle', suit.hash, suit.by.address, suit.terms], { from: actors.alice }),
          ).toBe('Disputed')
        }
        expect(await no(['demandRun', duel.game], actors.eve)).toBe('TooManyQuestions')
        await silentSince(duel)
        await does(['challengerTimedOut', duel.game], actors.alice)
        delay = (await clock()) - start
        await paysProvider(suit)
      })
      // A first move of each with all of its time, then 39 and 39 extensions, and the one in which the challenger says nothing.
      expect(delay).toBeGreaterThan(2 * TERMS.moveTime + 79 * EXTENSION)
      expect(delay).toBeLessThanOrEqual(bound)
      expect(changes).toEqual({ alice: PAY + BOND, eve: -BOND, requester: -PAY })
    },
  )

  test('a provider that answers in the last second until it cannot is slashed within the bound', async () => {
    let delay = 0
    const changes = await gains(async () => {
      const suit = await claimed()
      const duel = await opens(suit, 'bob')
      const start = await clock()
      for (let questions = 0; questions < 5; questions++) {
        await D.move(duel, 'demandRun')
        const said = await D.bookAnswer(duel)
        await D.timeOf(court, await D.deadlineOf(duel))
        await does(D.answering(duel, said), actors.alice)
      }
      await D.move(duel, 'demandTrace', 0)
      await silentSince(duel)
      await does(['provideTimedOut', duel.game, suit.terms])
      delay = (await clock()) - start
      await closes(duel)
      await paysReward(suit)
    })
    // Moves of a challenger take a second each.
    expect(delay).toBeLessThanOrEqual(TERMS.moveTime + 6 * EXTENSION + 10)
    expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
  })
})

test(
  'a griefer pays twice as much for every further game against an honest provider, and all of it to the provider',
  { timeout: 60_000 },
  async () => {
    const games = 6
    let delay = 0
    const changes = await gains(async () => {
      const suit = await claimed()
      const start = await clock()
      const duels: D.Duel[] = []
      for (let i = 0; i < games; i++) duels.push(await opens(suit, 'eve'))
      expect(await Promise.all(duels.map(async (duel) => (await D.standing(duel)).bond))).toEqual(
        duels.map((_, i) => BOND << BigInt(i)),
      )
      for (const duel of duels) for (let i = 0; i < 3; i++) await D.ask(duel, 'demandRun')
      // Side by side: all are over when the first one is.
      await S.mineAt(court, Math.max(...(await Promise.all(duels.map(D.deadlineOf)))) + 1)
      for (const duel of duels) await does(['challengerTimedOut', duel.game], actors.alice)
      delay = (await clock()) - start
      await paysProvider(suit)
    })
    const lost = BOND * BigInt(2 ** games - 1)
    expect(changes).toEqual({ alice: PAY + lost, eve: -lost, requester: -PAY })
    expect(delay).toBeLessThan(2 * TERMS.moveTime)
  },
)

describe('a copycat', () => {
  const salt = hex(fill(0xe1))

  /** What a transaction that waits says. */
  async function waiting(hash: string): Promise<readonly unknown[]> {
    const { input } = (await node.provider.send('eth_getTransactionByHash', [hash])) as { readonly input: string }
    return court.dispute.interface.decodeFunctionData('prove', input).toArray()
  }

  test.each([false, true])(
    'that announces and shows a proof which it saw waiting is not paid, whoever comes first (copy first: %s)',
    async (copyFirst) => {
      const changes = await gains(async () => {
        const suit = await claimed()
        const call = D.callOf(court, suit, 'rule', D.FALSE_CLAIM, 7)
        await D.announce(court, { call, by: actors.bob })
        const shown = await D.proving(court, suit, { call, by: actors.bob })
        await node.provider.send('evm_setAutomine', [false])
        const data = court.dispute.interface.encodeFunctionData(shown[0], shown.slice(1))
        const to = await court.dispute.getAddress()
        const { hash } = await actors.bob.wallet.sendTransaction({ to, data, gasLimit: 1_000_000 })
        const [referee, seen] = (await waiting(hash)) as [string, string]
        expect([referee, seen]).toEqual([await court.judge.getAddress(), call])
        if (copyFirst) await node.provider.send('anvil_dropTransaction', [hash])
        await node.provider.send('evm_setAutomine', [true])
        // As it stands it pays the one who announced it, and with another name it was not announced.
        await node.provider.send('evm_mine', [])
        const copy = { call: seen, by: actors.eve, salt }
        expect(await no(await D.proving(court, suit, copy), actors.eve)).toBe('NotAnnounced')
        await D.announce(court, copy)
        const copied = await D.proving(court, suit, copy)
        if (copyFirst) {
          await does(copied, actors.eve)
          expect((await court.dispute.rulings(suit.id))[0]).toBe(actors.eve.wallet.address)
          // An earlier announcement takes the reward over as long as it may be shown.
          await does(shown, actors.bob)
        } else {
          await mined(node.provider, hash)
          await node.provider.send('evm_mine', [])
          expect(await no(copied, actors.eve)).toBe('TooLate')
        }
        expect((await court.dispute.rulings(suit.id))[0]).toBe(actors.bob.wallet.address)
        await paysReward(suit)
      })
      expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
    },
  )

  test('that sends the very transaction of another pays the other', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const call = D.callOf(court, suit, 'rule', D.FALSE_CLAIM, 8)
      await D.announce(court, { call, by: actors.bob })
      await does(await D.proving(court, suit, { call, by: actors.bob }), actors.eve)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
  })
})

describe('a last-second mover', () => {
  test('whose game opens in the last second of the window is heard, and the lie is not paid', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      await D.timeOf(court, D.closesOf(suit))
      const duel = await opens(suit, 'bob')
      expect(await clock()).toBe(D.closesOf(suit))
      await D.timeOf(court, D.closesOf(suit) + 1)
      await node.provider.send('evm_mine', [])
      const settle = ['settle', suit.hash, suit.by.address, suit.terms] as const
      expect(await S.refusalOf(court, settle, { from: actors.alice })).toBe('Disputed')
      await D.timeOf(court, await D.deadlineOf(duel))
      await D.move(duel, 'demandRun')
      await D.answer(duel)
      await provesFalse(suit, 'bob')
      await closes(duel)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
  })

  test('who is a second late is not heard', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      await S.mineAt(court, D.closesOf(suit) + 1)
      expect(await no(['open', ...suit.opening], actors.eve)).toBe('WindowClosed')
      await paysProvider(suit)
    })
    expect(changes).toEqual({ alice: PAY, requester: -PAY })
  })
})

describe('a sham challenger', () => {
  test('who loses on purpose shields no lie: games of others go on, and new ones may begin', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const sham = await opens(suit, 'eve')
      const before = await opens(suit, 'bob')
      await D.ask(sham, 'demandRun')
      await givesUp(sham)
      expect(await stateOf(suit)).toBe('Claimed')
      expect(await court.dispute.live(suit.id)).toBe(1n)
      const after = await opens(suit, 'carol')
      await D.ask(before, 'demandRun')
      await provesFalse(suit, 'carol')
      await closes(before)
      await closes(after)
      await paysReward(suit)
    })
    // The sham's bond is the provider's, of whom it is a friend: together they lost the stake.
    expect(changes).toEqual({ alice: BOND - STAKE, eve: -BOND, carol: HALF, requester: REST })
  })

  test('who opens many games makes an honest bond larger, and it comes back whole', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const shams = [await opens(suit, 'eve'), await opens(suit, 'eve'), await opens(suit, 'eve')]
      const duel = await opens(suit, 'bob')
      expect((await D.standing(duel)).bond).toBe(8n * BOND)
      await givesUp(shams[1])
      await D.move(duel, 'demandRun')
      await silentSince(duel)
      await does(['provideTimedOut', duel.game, suit.terms])
      for (const one of [shams[0], shams[2], duel]) await closes(one)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: 2n * BOND - STAKE, eve: -2n * BOND, bob: HALF, requester: REST })
  })
})

describe('a provider that slashes itself through another account', () => {
  const together = ({ alice = 0n, eve = 0n }: Partial<Record<Name, bigint>>): bigint => alice + eve

  test('loses half of its stake, by silence or by a proof', async () => {
    const bySilence = await gains(async () => {
      const suit = await claimed()
      const duel = await opens(suit, 'eve')
      await D.move(duel, 'demandRun')
      await silentSince(duel)
      await does(['provideTimedOut', duel.game, suit.terms], actors.eve)
      await closes(duel)
      await paysReward(suit)
    })
    const byProof = await gains(async () => {
      const suit = await claimed()
      await provesFalse(suit, 'eve')
      await paysReward(suit)
    })
    for (const changes of [bySilence, byProof]) {
      expect(changes).toEqual({ alice: -STAKE, eve: HALF, requester: REST })
      expect(2n * -together(changes)).toBeGreaterThanOrEqual(STAKE)
    }
  })

  test('before an honest challenger is done costs the challenger its reward and never its bond', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const duel = await opens(suit, 'bob')
      await D.ask(duel, 'demandRun')
      await provesFalse(suit, 'eve')
      await closes(duel)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: -STAKE, eve: HALF, requester: REST })
    expect(2n * -together(changes)).toBeGreaterThanOrEqual(STAKE)
  })

  test('after an honest challenger announced pays the honest one', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const call = D.callOf(court, suit, 'rule', D.FALSE_CLAIM, 9)
      await D.announce(court, { call, by: actors.bob })
      await provesFalse(suit, 'eve')
      await does(await D.proving(court, suit, { call, by: actors.bob }), actors.bob)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
  })
})

describe('a front-runner', () => {
  test('who announces somebody’s commitment before it blocks nothing: the proof is shown all the same, and pays its finder', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const announcing = { call: D.callOf(court, suit, 'rule', D.FALSE_CLAIM, 10), by: actors.bob }
      const announce = ['announce', await D.commitmentOf(court, announcing)] as const
      await does(announce, actors.eve)
      expect(await no(announce, actors.bob)).toBe('AlreadyAnnounced')
      await does(await D.proving(court, suit, announcing), actors.bob)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
  })

  test('who opens first with nothing to say takes nothing from who knows, and what it announced is no proof', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const first = await opens(suit, 'eve')
      const nothing = { call: D.callOf(court, suit, 'refuse', 1), by: actors.eve }
      await D.announce(court, nothing)
      const duel = await opens(suit, 'bob')
      expect(await no(await D.proving(court, suit, nothing), actors.eve)).toBe('Refused')
      await provesFalse(suit, 'bob')
      await closes(duel)
      await closes(first)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
  })

  test('who says first that a provider is silent says so for the challenger', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const duel = await opens(suit, 'bob')
      await D.move(duel, 'demandRun')
      await silentSince(duel)
      await does(['provideTimedOut', duel.game, suit.terms], actors.eve)
      await does(['close', duel.game], actors.eve)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: -STAKE, bob: HALF, requester: REST })
  })

  test('who answers for the provider can only say what is right', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const duel = await opens(suit, 'eve')
      await D.move(duel, 'demandRun')
      const said = await D.bookAnswer(duel)
      if (said.name !== 'answerChildren') throw new Error('no children')
      const wrong = ['answerChildren', duel.game, [...said.children].reverse()] as const
      expect(await D.refusedBy(court, wrong, { from: actors.eve })).toBe('RootMismatch')
      await does(D.answering(duel, said), actors.eve)
      await givesUp(duel)
      await paysProvider(suit)
    })
    expect(changes).toEqual({ alice: PAY + BOND, eve: -BOND, requester: -PAY })
  })
})

describe('a requester', () => {
  test('who challenges an honest provider through games of its own pays the job and all bonds', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const cancel = ['cancel', suit.hash, suit.terms] as const
      expect(await S.refusalOf(court, cancel, { from: actors.requester })).toBe('JobTaken')
      const duels = [await opens(suit, 'requester'), await opens(suit, 'eve')]
      for (const duel of duels) await D.ask(duel, 'demandRun')
      for (const duel of duels) await givesUp(duel)
      await paysProvider(suit)
    })
    expect(changes).toEqual({ alice: PAY + 3n * BOND, requester: -PAY - BOND, eve: -2n * BOND })
  })

  test('who lies together with its provider loses half of the stake to whoever is honest', async () => {
    const changes = await gains(async () => {
      const suit = await claimed()
      const sham = await opens(suit, 'requester')
      const duel = await opens(suit, 'bob')
      await givesUp(sham)
      await provesFalse(suit, 'bob')
      await closes(duel)
      await paysReward(suit)
    })
    expect(changes).toEqual({ alice: BOND - STAKE, requester: REST - BOND, bob: HALF })
    expect((changes.alice ?? 0n) + (changes.requester ?? 0n)).toBe(-HALF)
  })

  test('who is its own provider and challenger moves its own money in a circle', async () => {
    const changes = await gains(async () => {
      const suit = await claimed('requester')
      const duel = await opens(suit, 'requester')
      await D.move(duel, 'demandRun')
      await silentSince(duel)
      await does(['provideTimedOut', duel.game, suit.terms])
      await closes(duel)
      await paysReward(suit)
    })
    expect(changes).toEqual({})
  })
})
