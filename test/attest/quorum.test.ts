import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { captureProbability, draw, hashCandidates } from '../../src/attest/policies.js'
import * as Quorum from '../../src/attest/quorum.js'
import { toHex } from '../../src/core/bytes.js'
import * as Claim from '../../src/receipt/claim.js'
import * as Equivocation from '../../src/receipt/equivocation.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import * as Receipt from '../../src/receipt/receipt.js'
import * as Seal from '../../src/receipt/seal.js'
import {
  addressOf,
  anyHolder,
  claimOf,
  codeOf,
  fill,
  jobUnder,
  mallory,
  metadata,
  ON_CHAIN,
  signedJob,
} from '../receipt/samples.js'
import {
  afterReveals,
  afterSeals,
  codesOf,
  DEADLINE,
  EARLY,
  jobFor,
  OVER,
  player,
  players,
  receiptOf,
  REVEALING,
  round,
  team,
  type Player,
} from './rounds.js'

const GOOD = 7
const BAD = 8
const WORSE = 9

describe('decisions', () => {
  test.each([
    ['2/3', [GOOD, GOOD, GOOD], 'agreed', 3, 0],
    ['2/3', [GOOD, BAD, GOOD], 'agreed', 2, 1],
    ['3/3', [GOOD, BAD, GOOD], 'impossible', 2, 3],
    ['2/3', [GOOD, BAD, WORSE], 'impossible', 1, 3],
    ['3/4', [GOOD, GOOD, BAD, GOOD], 'agreed', 3, 1],
    ['3/4', [GOOD, BAD, BAD, GOOD], 'impossible', 2, 4],
    ['1/1', [GOOD], 'agreed', 1, 0],
  ] as const)(
    '%s with answers %j: %s, %i for the first claim, %i dissents',
    async (kOfN, answers, outcome, agreed, dissents) => {
      const decision = Quorum.decide(await round(kOfN, answers), REVEALING)
      expect(decision).toMatchObject({ outcome, agreed, rejections: [], evidence: [] })
      expect(decision.dissents.length).toBe(dissents)
      if (outcome === 'agreed') expect(decision.claim?.outputs).toEqual(fill(GOOD))
      else expect(decision.claim).toBeUndefined()
    },
  )

  test('one dissent is named, with its claim: somebody lies', async () => {
    const quorum = await round('3/4', [GOOD, GOOD, BAD, GOOD])
    const liar = addressOf(team(4)[2])
    expect(Quorum.decide(quorum, REVEALING).dissents).toEqual([{ provider: liar, claim: claimOf(quorum.job.job, BAD) }])
  })

  test('agreement is known as soon as the threshold is reached, without the last replica', async () => {
    const job = await jobFor('2/3', team(3))
    const all = await players(job, team(3), [GOOD, GOOD, GOOD])
    const sealed = await afterSeals(job, all)
    expect(Quorum.decide(sealed, REVEALING).outcome).toBe('pending')
    expect(Quorum.decide(await afterReveals(sealed, all.slice(0, 1)), REVEALING).outcome).toBe('pending')
    expect(Quorum.decide(await afterReveals(sealed, all.slice(0, 2)), REVEALING).outcome).toBe('agreed')
  })

  test('impossibility is known as soon as no claim can reach the threshold, without the last replica', async () => {
    const job = await jobFor('4/5', team(5))
    const all = await players(job, team(5), [GOOD, BAD, GOOD, BAD, GOOD])
    const sealed = await afterSeals(job, all)
    expect(Quorum.decide(await afterReveals(sealed, all.slice(0, 3)), REVEALING).outcome).toBe('pending')
    expect(Quorum.decide(await afterReveals(sealed, all.slice(0, 4)), REVEALING).outcome).toBe('impossible')
  })

  test('silence is a time-out, disagreement is not: before the seals, before the reveals, after them', async () => {
    const job = await jobFor('2/3', team(3))
    const all = await players(job, team(3), [GOOD, BAD, GOOD])
    const one = await afterSeals(job, all.slice(0, 1))
    expect(Quorum.decide(one, DEADLINE).outcome).toBe('pending')
    expect(Quorum.decide(one, DEADLINE + 1).outcome).toBe('timed-out') // known at once: only one seal
    const three = await afterReveals(await afterSeals(job, all), all.slice(0, 1))
    expect(Quorum.decide(three, OVER - 1).outcome).toBe('pending')
    expect(Quorum.decide(three, OVER).outcome).toBe('timed-out')
    const apart = await afterReveals(await afterSeals(job, all.slice(0, 2), EARLY), all.slice(0, 2), REVEALING)
    expect(Quorum.decide(apart, OVER).outcome).toBe('timed-out') // the third could have settled it
    const split = await round('3/3', [GOOD, BAD, GOOD])
    expect(Quorum.decide(split, OVER).outcome).toBe('impossible')
  })

  test('a job without a deadline never times out', async () => {
    const policy = Policy.quorum('2/2', { replicas: team(2).map(addressOf) })
    const quorum = await Quorum.open(Job.unrequested(jobUnder(policy, { deadline: 0n }), policy))
    expect(Quorum.decide(quorum, 1n << 63n).outcome).toBe('pending')
  })

  test('each outcome that is not agreement throws its own fault', async () => {
    const job = await jobFor('2/3', team(3))
    const sealed = await afterSeals(job, await players(job, team(3), [GOOD, GOOD, GOOD]))
    const decided = (quorum: Quorum.Quorum, at: number) => codeOf(() => Quorum.demandAgreed(Quorum.decide(quorum, at)))
    expect(await decided(sealed, REVEALING)).toBe('attest/pending')
    expect(await decided(sealed, OVER)).toBe('attest/timed-out')
    expect(await decided(await round('3/3', [GOOD, BAD, GOOD]), REVEALING)).toBe('attest/no-agreement')
    const agreed = Quorum.decide(await round('2/3', [GOOD, GOOD, BAD]), REVEALING)
    expect(Quorum.demandAgreed(agreed)).toBe(agreed)
  })

  test('the decision follows from votes alone: no order of arrival changes it', async () => {
    const job = await jobFor('3/5', team(5))
    const all = await players(job, team(5), [GOOD, BAD, GOOD, WORSE, GOOD])
    const expected = Quorum.decide(await afterReveals(await afterSeals(job, all), all), REVEALING)
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(all, { minLength: 5 }),
        fc.shuffledSubarray(all, { minLength: 5 }),
        async (seals, reveals) => {
          const decision = Quorum.decide(await afterReveals(await afterSeals(job, seals), reveals), REVEALING)
          expect(decision).toEqual(expected)
        },
      ),
      { numRuns: 3 },
    )
  })

  test('outcomes never go back: agreed and impossible stay what they are, whatever arrives', async () => {
    const job = await jobFor('3/4', team(4))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(GOOD, BAD), { minLength: 4, maxLength: 4 }), async (answers) => {
        const all = await players(job, team(4), answers)
        let quorum = await afterSeals(job, all)
        let final: string | undefined
        for (const who of all) {
          quorum = await afterReveals(quorum, [who])
          const { outcome } = Quorum.decide(quorum, REVEALING)
          if (final) expect(outcome).toBe(final)
          if (outcome !== 'pending') final = outcome
        }
        expect(final).toBeDefined()
      }),
      { numRuns: 4 },
    )
  })
})

describe('what does not count is named', () => {
  const outsider = addressOf(mallory)
  async function sealedRound(
    answers: readonly number[] = [GOOD, GOOD, GOOD],
  ): Promise<{ job: Job.SignedJob; all: Player[]; quorum: Quorum.Quorum }> {
    const job = await jobFor('2/3', team(3))
    const all = await players(job, team(3), answers)
    return { job, all, quorum: await afterSeals(job, all) }
  }

  test('R13 seats are never first come: a stranger neither seals nor reveals, however early', async () => {
    const { job, quorum } = await sealedRound()
    const stranger = await player(job, mallory)
    const early = await Quorum.seal(await Quorum.open(job), stranger.sealing.signed, { at: 0 })
    expect(early.seals).toEqual([])
    expect(codesOf(early.rejections, outsider)).toEqual(['attest/not-a-replica'])
    const late = await afterReveals(quorum, [stranger])
    expect(late.receipts).toEqual([])
    expect(codesOf(late.rejections, outsider)).toEqual(['attest/not-a-replica'])
  })

  test('R13 a policy that names nobody opens only with replicas that were drawn', async () => {
    const candidates = team(8).map(addressOf)
    const policy = Policy.quorum('2/3', { candidates: hashCandidates(candidates) })
    const job = Job.unrequested(jobUnder(policy), policy)
    expect(await codeOf(() => Quorum.open(job))).toBe('attest/no-replicas')
    const replicas = draw(policy, { job: Job.hash(job.job), candidates, beacon: fill(1) })
    expect((await Quorum.open(job, { replicas })).replicas).toEqual(replicas)
    expect(await codeOf(() => Quorum.open(job, { replicas: replicas.slice(1) }))).toBe('attest/bad-draw')
    expect(await codeOf(() => Quorum.open(job, { replicas: [replicas[0], replicas[0], replicas[1]] }))).toBe(
      'attest/bad-draw',
    )
  })

  test('R1 a copycat that reveals the answer of another cannot open its own seal', async () => {
    const { job, all, quorum } = await sealedRound([GOOD, GOOD, BAD])
    const copy = await receiptOf(job, all[2], { sealSet: Quorum.sealSet(quorum), answer: GOOD })
    const after = await Quorum.reveal(quorum, copy, { at: REVEALING })
    expect(after.receipts).toEqual([])
    expect(codesOf(after.rejections, addressOf(all[2].signer))).toEqual(['receipt/wrong-seal'])
  })

  test('R1 a copycat that seals the commitment of another cannot open it', async () => {
    const job = await jobFor('2/3', team(3))
    const [honest, other] = await players(job, team(3), [GOOD, GOOD])
    const copier = team(3)[2]
    const seal = { ...honest.sealing.signed.seal, provider: addressOf(copier) }
    const typed = [
      { name: 'Countersign', version: '1' },
      Seal.sealStruct.types,
      Seal.sealStruct.toTyped(seal) as Record<string, unknown>,
    ] as const
    const { fromHex } = await import('../../src/core/bytes.js')
    const signature = fromHex(await copier.signTypedData(...typed))
    const copied: Player = {
      signer: copier,
      answer: GOOD,
      sealing: { signed: { domain: job.domain, seal, signature }, salt: honest.sealing.salt },
    }
    const sealed = await afterSeals(job, [honest, other, copied])
    expect(sealed.seals.length).toBe(3) // nobody can tell yet
    const after = await afterReveals(sealed, [honest, copied])
    expect(codesOf(after.rejections, addressOf(copier))).toEqual(['receipt/wrong-seal'])
    expect(Quorum.decide(after, REVEALING).agreed).toBe(1)
  })

  test('R4 who seals and refuses to reveal is counted against, and named', async () => {
    const { all, quorum } = await sealedRound()
    const after = await afterReveals(quorum, all.slice(0, 1))
    const decision = Quorum.decide(after, OVER)
    expect(decision.outcome).toBe('timed-out')
    for (const who of all.slice(1))
      expect(codesOf(decision.rejections, addressOf(who.signer))).toEqual(['attest/withheld'])
    expect(Quorum.decide(after, OVER - 1).rejections).toEqual([])
  })

  test('who never sealed is named once the seals are closed, and cannot reveal', async () => {
    const job = await jobFor('2/3', team(3))
    const all = await players(job, team(3), [GOOD, GOOD, GOOD])
    const quorum = await afterSeals(job, all.slice(0, 2))
    const absent = addressOf(all[2].signer)
    expect(codesOf(Quorum.decide(quorum, DEADLINE).rejections, absent)).toEqual([])
    expect(codesOf(Quorum.decide(quorum, DEADLINE + 1).rejections, absent)).toEqual(['attest/not-sealed'])
    const after = await afterReveals(quorum, all)
    expect(codesOf(after.rejections, absent)).toEqual(['attest/not-sealed'])
    expect(Quorum.decide(after, REVEALING)).toMatchObject({ outcome: 'agreed', agreed: 2 })
  })

  test('R5 two claims of one replica: neither counts, the evidence convinces a third party', async () => {
    const { job, all, quorum } = await sealedRound([GOOD, GOOD, BAD])
    const sealSet = Quorum.sealSet(quorum)
    const cheat = addressOf(all[0].signer)
    const revealed = await afterReveals(quorum, all)
    expect(Quorum.decide(revealed, REVEALING).outcome).toBe('agreed')
    const after = await Quorum.reveal(revealed, await receiptOf(job, all[0], { sealSet, answer: BAD }), {
      at: REVEALING,
    })
    expect(codesOf(after.rejections, cheat)).toEqual(['attest/equivocation'])
    expect(Quorum.decide(after, REVEALING)).toMatchObject({ outcome: 'impossible', agreed: 1 })
    const evidence = Equivocation.decode(Equivocation.encode(Quorum.decide(after, REVEALING).evidence[0]))
    expect((await Equivocation.verify(evidence)).provider).toBe(cheat)
    const again = await afterReveals(after, [all[0]])
    expect(again.receipts.map(({ receipt }) => receipt.provider)).not.toContain(cheat)
  })

  test('R5 a claim that never counted is evidence all the same', async () => {
    const { job, all, quorum } = await sealedRound()
    const wrong = await receiptOf(job, all[0], { sealSet: fill(1), answer: BAD })
    const first = await Quorum.reveal(quorum, wrong, { at: REVEALING })
    const after = await afterReveals(first, all)
    expect(after.evidence.map(({ provider }) => provider)).toEqual([addressOf(all[0].signer)])
    expect(Quorum.decide(after, REVEALING).agreed).toBe(2)
  })

  test('R5 two seals of one replica: nothing of it counts, its first seal stays in the list', async () => {
    const { job, all, quorum } = await sealedRound()
    const second = await Seal.sign(claimOf(job.job, BAD), all[0].signer, { salt: fill(2) })
    const after = await afterReveals(await Quorum.seal(quorum, second.signed, { at: EARLY }), all)
    expect(after.evidence.length).toBe(1)
    expect(toHex(Quorum.sealSet(after))).toBe(toHex(Quorum.sealSet(quorum)))
    expect(codesOf(after.rejections, addressOf(all[0].signer))).toEqual(['attest/equivocation', 'attest/equivocation'])
    expect(Quorum.decide(after, REVEALING)).toMatchObject({ outcome: 'agreed', agreed: 2 })
  })

  test('R12 a seal after the reveals, or after the deadline, is too late', async () => {
    const job = await jobFor('2/3', team(3))
    const all = await players(job, team(3), [GOOD, GOOD, GOOD])
    const revealed = await afterReveals(await afterSeals(job, all.slice(0, 2)), all.slice(0, 1), REVEALING)
    for (const [quorum, at] of [
      [revealed, REVEALING],
      [revealed, EARLY],
      [await afterSeals(job, all.slice(0, 2)), DEADLINE + 1],
    ] as const) {
      const after = await Quorum.seal(quorum, all[2].sealing.signed, { at })
      expect(codesOf(after.rejections, addressOf(all[2].signer))).toEqual(['attest/late-seal'])
      expect(after.seals.length).toBe(2)
    }
    const inTime = await Quorum.seal(await afterSeals(job, all.slice(0, 2)), all[2].sealing.signed, { at: DEADLINE })
    expect(inTime.seals.length).toBe(3)
  })

  test('R12 nothing is revealed before the seals are closed; a receipt signed early never counts', async () => {
    const job = await jobFor('2/3', team(3))
    const all = await players(job, team(3), [GOOD, GOOD, GOOD])
    const two = await afterSeals(job, all.slice(0, 2))
    const hasty = await receiptOf(job, all[0], { sealSet: Quorum.sealSet(two) })
    const early = await Quorum.reveal(two, hasty, { at: EARLY })
    const closed = await Quorum.seal(early, all[2].sealing.signed, { at: EARLY })
    const later = await Quorum.reveal(closed, hasty, { at: REVEALING })
    const who = addressOf(all[0].signer)
    expect(codesOf(later.rejections, who)).toEqual(['attest/early-reveal', 'receipt/wrong-seal-set'])
    expect(later.receipts).toEqual([])
  })

  test('a receipt that arrives early but witnesses all seals counts when it comes again', async () => {
    const job = await jobFor('2/3', team(3))
    const all = await players(job, team(3), [GOOD, GOOD, GOOD])
    const complete = Quorum.sealSet(await afterSeals(job, all))
    const signed = await receiptOf(job, all[0], { sealSet: complete })
    const early = await Quorum.reveal(await afterSeals(job, all.slice(0, 2)), signed, { at: EARLY })
    const closed = await Quorum.seal(early, all[2].sealing.signed, { at: EARLY })
    expect((await Quorum.reveal(closed, signed, { at: EARLY })).receipts.length).toBe(1)
  })

  test('another seal set, no seal, a late and a repeated receipt are each named', async () => {
    const { job, all, quorum } = await sealedRound()
    const who = addressOf(all[0].signer)
    const named = async (receipt: Receipt.SignedReceipt, at: number, base = quorum): Promise<readonly string[]> =>
      codesOf((await Quorum.reveal(base, receipt, { at })).rejections, who)
    const sealSet = Quorum.sealSet(quorum)
    expect(await named(await receiptOf(job, all[0], { sealSet: fill(1) }), REVEALING)).toEqual([
      'receipt/wrong-seal-set',
    ])
    const bare = await Receipt.sign(claimOf(job.job), all[0].signer, { job, metadata, issuedAt: 1 })
    expect(await named(bare, REVEALING)).toEqual(['attest/not-sealed'])
    expect(await named(await receiptOf(job, all[0], { sealSet }), OVER)).toEqual(['attest/timed-out'])
    const revealed = await afterReveals(quorum, all.slice(0, 1))
    expect(await named(await receiptOf(job, all[0], { sealSet }), REVEALING, revealed)).toEqual([
      'attest/duplicate-signer',
    ])
    const otherTime = await receiptOf(job, all[0], { sealSet, issuedAt: 99 })
    expect(await named(otherTime, REVEALING, revealed)).toEqual(['attest/duplicate-signer'])
    expect(codesOf((await Quorum.seal(quorum, all[0].sealing.signed, { at: EARLY })).rejections, who)).toEqual([
      'attest/duplicate-signer',
    ])
  })

  test('D5 D12 a statement for another job or domain, or wrongly signed, is named and harms nobody', async () => {
    const { job, all, quorum } = await sealedRound()
    const who = addressOf(all[0].signer)
    const other = await jobFor('3/3', team(3))
    const elsewhere = await player(other, all[0].signer)
    const sealSet = Quorum.sealSet(quorum)
    expect(codesOf((await Quorum.seal(quorum, elsewhere.sealing.signed, { at: EARLY })).rejections, who)).toEqual([
      'receipt/wrong-job',
    ])
    const strange = await receiptOf(other, elsewhere, { sealSet })
    expect(codesOf((await Quorum.reveal(quorum, strange, { at: REVEALING })).rejections, who)).toEqual([
      'receipt/wrong-job',
    ])
    const onChain = await jobFor('2/3', team(3), ON_CHAIN)
    const replayed = await receiptOf(onChain, await player(onChain, all[0].signer), { sealSet })
    expect(codesOf((await Quorum.reveal(quorum, replayed, { at: REVEALING })).rejections, who)).toEqual([
      'receipt/wrong-domain',
    ])
    const right = await receiptOf(job, all[0], { sealSet })
    const forged = { ...right, signature: right.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }
    const after = await Quorum.reveal(quorum, forged, { at: REVEALING })
    expect(codesOf(after.rejections, who)).toEqual(['receipt/bad-signature'])
    expect((await Quorum.reveal(after, right, { at: REVEALING })).receipts.length).toBe(1)
  })

  test('a signature by a contract that nobody can ask about is undecided, not refuted', async () => {
    const job = await jobFor('2/3', team(3), ON_CHAIN)
    const who = await player(job, team(3)[0])
    const signed = { ...who.sealing.signed, signature: fill(3) }
    expect(await codeOf(async () => Quorum.seal(await Quorum.open(job), signed, { at: EARLY }))).toBe(
      'receipt/undecided-signature',
    )
    const wallet = await Quorum.seal(await Quorum.open(job), signed, {
      at: EARLY,
      staticcall: () => new Uint8Array(32),
    })
    expect(codesOf(wallet.rejections, addressOf(who.signer))).toEqual(['receipt/malformed-signature'])
  })

  test('a flood of rubbish does not fill the memory', async () => {
    const { job, quorum } = await sealedRound()
    const stranger = (await player(job, mallory)).sealing.signed
    let flooded = {
      ...quorum,
      rejections: new Array<Quorum.Rejection>(Quorum.MAX_REJECTIONS).fill({
        provider: outsider,
        code: 'attest/not-a-replica',
        message: '',
      }),
    }
    flooded = (await Quorum.seal(flooded, stranger, { at: EARLY })) as typeof flooded
    expect(flooded.rejections.length).toBe(Quorum.MAX_REJECTIONS)
  })

  test('an observer who saw the order itself counts receipts that list their own seal alone, and nothing else', async () => {
    const { job, all } = await sealedRound()
    let quorum = await Quorum.open(job, { witness: 'observer' })
    for (const who of all) quorum = await Quorum.seal(quorum, who.sealing.signed, { at: EARLY })
    const alone = await receiptOf(job, all[0], { sealSet: Seal.setRoot([all[0].sealing.signed.seal]) })
    const pair = Seal.setRoot(all.slice(0, 2).map((who) => who.sealing.signed.seal))
    const one = await Quorum.reveal(quorum, alone, { at: REVEALING })
    const after = await Quorum.reveal(one, await receiptOf(job, all[1], { sealSet: pair }), { at: REVEALING })
    expect(after.receipts.length).toBe(1)
    expect(codesOf(after.rejections, addressOf(all[1].signer))).toEqual(['receipt/wrong-seal-set'])
  })

  test('a policy that asks for no quorum opens none', async () => {
    const job = await signedJob()
    expect(await codeOf(() => Quorum.open(job))).toBe('receipt/bad-policy')
  })
})

describe('Qubic as a row of numbers: 451 of 676', () => {
  const names = Array.from({ length: 676 }, (_, i) => `0x${(i + 1).toString(16).padStart(40, '0')}` as const)
  const policy = Policy.quorum('451/676', { replicas: names })
  const job = Job.unrequested(jobUnder(policy, { deadline: 0n }), policy)
  /** A quorum with these votes, as an observer would have counted them. */
  const counted = (good: number, bad: number): Quorum.Quorum => {
    const receipt = (provider: `0x${string}`, answer: number): Receipt.SignedReceipt =>
      ({ receipt: { provider, claim: claimOf(job.job, answer) } }) as Receipt.SignedReceipt
    const receipts = names.slice(0, good + bad).map((name, i) => receipt(name, i < good ? GOOD : BAD))
    return {
      job,
      jobHash: fill(0),
      witness: 'seal-set',
      replicas: names,
      seals: [],
      receipts,
      signed: [],
      rejections: [],
      evidence: [],
    }
  }

  test.each([
    [450, 0, 'pending'],
    [451, 0, 'agreed'],
    [0, 225, 'pending'],
    [225, 225, 'pending'],
    [226, 226, 'impossible'],
    [450, 226, 'impossible'],
    [451, 225, 'agreed'],
  ])('%i and %i votes: %s', (good, bad, outcome) => {
    expect(Quorum.decide(counted(good, bad), 0).outcome).toBe(outcome)
  })
})

describe('draws', () => {
  const anyPool = fc.uniqueArray(anyHolder, { minLength: 3, maxLength: 40 })
  const policyOver = (candidates: readonly string[]): Policy.Policy =>
    Policy.quorum('2/3', { candidates: hashCandidates(candidates) })

  test('a draw seats candidates, without repeats, in one order, whatever order they are listed in', () => {
    fc.assert(
      fc.property(anyPool, fc.uint8Array({ minLength: 32, maxLength: 32 }), (candidates, beacon) => {
        const drawn = draw(policyOver(candidates), { job: fill(1), candidates, beacon })
        expect(new Set(drawn).size).toBe(3)
        expect(drawn.every((one) => candidates.includes(one))).toBe(true)
        expect([...drawn].sort()).toEqual(drawn)
        expect(draw(policyOver(candidates), { job: fill(1), candidates: [...candidates].reverse(), beacon })).toEqual(
          drawn,
        )
      }),
    )
  })

  test('every candidate is seated about as often as any other', () => {
    const candidates = team(7).map(addressOf)
    const policy = policyOver(candidates)
    const seats = new Map<string, number>()
    for (let i = 0; i < 2000; i++) {
      const beacon = Uint8Array.from({ length: 32 }, (_, b) => (b < 2 ? i >> (8 * b) : 0))
      for (const one of draw(policy, { job: fill(1), candidates, beacon })) seats.set(one, (seats.get(one) ?? 0) + 1)
    }
    // 2000 draws, probability 3/7: mean 857, standard deviation 22; six of them are allowed
    for (const candidate of candidates) expect(Math.abs((seats.get(candidate) ?? 0) - 857)).toBeLessThan(133)
  })

  test('other candidates than the policy names, or too few, are refused', async () => {
    const candidates = team(5).map(addressOf)
    const policy = policyOver(candidates)
    expect(await codeOf(() => draw(policy, { job: fill(1), candidates: candidates.slice(1), beacon: fill(1) }))).toBe(
      'attest/bad-draw',
    )
    const two = candidates.slice(0, 2)
    expect(await codeOf(() => draw(policyOver(two), { job: fill(1), candidates: two, beacon: fill(1) }))).toBe(
      'attest/bad-draw',
    )
    expect(await codeOf(() => hashCandidates([two[0], two[0]]))).toBe('attest/bad-draw')
  })

  test('R2 the reported probability of capture equals the measured one, and small cases done by hand', () => {
    expect(captureProbability({ candidates: 4, colluding: 2, replicas: 2, threshold: 2 })).toBe(
      Number((1n << 60n) / 6n) / 2 ** 60,
    )
    expect(captureProbability({ candidates: 10, colluding: 0, replicas: 3, threshold: 2 })).toBe(0)
    expect(captureProbability({ candidates: 10, colluding: 10, replicas: 3, threshold: 2 })).toBe(1)
    const candidates = team(9).map(addressOf)
    const policy = policyOver(candidates)
    const colluding = new Set<string>(candidates.slice(0, 4))
    let captured = 0
    for (let i = 0; i < 3000; i++) {
      const beacon = Uint8Array.from({ length: 32 }, (_, b) => (b < 2 ? i >> (8 * b) : 1))
      const seated = draw(policy, { job: fill(1), candidates, beacon }).filter((one) => colluding.has(one)).length
      if (seated >= 2) captured++
    }
    const expected = captureProbability({ candidates: 9, colluding: 4, replicas: 3, threshold: 2 })
    // standard deviation of the rate: sqrt(p (1 - p) / 3000) < 0.0092; five of them are allowed
    expect(Math.abs(captured / 3000 - expected)).toBeLessThan(0.046)
  })
})

test('claims are compared by content, not by the object', async () => {
  const quorum = await round('2/3', [GOOD, GOOD, GOOD])
  const [votes] = Quorum.decide(quorum, REVEALING).votes
  expect(votes.providers.length).toBe(3)
  expect(Claim.same(votes.claim, Claim.from({ ...votes.claim }))).toBe(true)
})
