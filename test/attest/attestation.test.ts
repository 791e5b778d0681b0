import { beforeAll, describe, expect, test } from 'vitest'
import * as Attestation from '../../src/attest/attestation.js'
import { draw, hashCandidates } from '../../src/attest/policies.js'
import * as Quorum from '../../src/attest/quorum.js'
import { utf8 } from '../../src/core/bytes.js'
import type { FaultCode } from '../../src/core/faults.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import * as Receipt from '../../src/receipt/receipt.js'
import * as Seal from '../../src/receipt/seal.js'
import { addressOf, claimOf, codeOf, fill, flip, jobUnder, ON_CHAIN, requester } from '../receipt/samples.js'
import {
  afterReveals,
  afterSeals,
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
} from './rounds.js'
import { NAMED, verifying } from './corruption.js'

const [GOOD, BAD] = [7, 8]
let agreed: Attestation.Attestation
let split: Attestation.Attestation

beforeAll(async () => {
  agreed = Attestation.from(await round('2/3', [GOOD, GOOD, GOOD]), REVEALING)
  split = Attestation.from(await round('3/4', [GOOD, GOOD, BAD, GOOD]), REVEALING)
})

const refused = (
  attestation: Attestation.Attestation,
  options: Attestation.AttestationOptions = {},
): Promise<FaultCode> => codeOf(() => Attestation.verify(attestation, options))

describe('an attestation', () => {
  test('is verified from its bytes alone, and shows who agrees', async () => {
    const read = Attestation.decode(Attestation.encode(agreed))
    expect(read).toEqual(agreed)
    const found = await Attestation.verify(read)
    expect(found).toMatchObject({ agreed: 3, replicas: 3, threshold: 2, dissents: [], unopened: [], requested: true })
  })

  test('names every dissent with its claim: somebody lies', async () => {
    const found = await Attestation.verify(split)
    expect(found.agreed).toBe(3)
    expect(found.dissents).toEqual([{ provider: addressOf(team(4)[2]), claim: claimOf(split.job, BAD) }])
  })

  test('names the seals that are not opened in it', async () => {
    const job = await jobFor('2/3', team(3))
    const all = await players(job, team(3), [GOOD, GOOD, GOOD])
    const quorum = await afterReveals(await afterSeals(job, all), all.slice(0, 2))
    const found = await Attestation.verify(Attestation.from(quorum, REVEALING))
    expect(found.unopened).toEqual([addressOf(all[2].signer)])
  })

  test('does not depend on the order of arrival', async () => {
    const job = await jobFor('2/3', team(3))
    const all = await players(job, team(3), [GOOD, GOOD, GOOD])
    const reversed = [...all].reverse()
    const [a, b] = [
      await afterReveals(await afterSeals(job, all), reversed),
      await afterReveals(await afterSeals(job, reversed), all),
    ]
    expect(Attestation.encode(Attestation.from(a, REVEALING))).toEqual(
      Attestation.encode(Attestation.from(b, REVEALING)),
    )
  })

  test('is made only of a quorum that agrees', async () => {
    const apart = await round('3/3', [GOOD, BAD, GOOD])
    expect(await codeOf(() => Attestation.from(apart, REVEALING))).toBe('attest/no-agreement')
    const job = await jobFor('2/3', team(3))
    const sealed = await afterSeals(job, await players(job, team(3), [GOOD, GOOD, GOOD]))
    expect(await codeOf(() => Attestation.from(sealed, DEADLINE))).toBe('attest/pending')
    expect(await codeOf(() => Attestation.from(sealed, OVER))).toBe('attest/timed-out')
  })

  test('is not made of receipts that only the observer can believe', async () => {
    const job = await jobFor('1/1', team(1))
    const [one] = await players(job, team(1), [GOOD])
    const two = await jobFor('2/2', team(2))
    const both = await players(two, team(2), [GOOD, GOOD])
    let quorum = await Quorum.open(two, { witness: 'observer' })
    for (const who of both) quorum = await Quorum.seal(quorum, who.sealing.signed, { at: EARLY })
    for (const who of both) {
      const sealSet = Seal.setRoot([who.sealing.signed.seal])
      quorum = await Quorum.reveal(quorum, await receiptOf(two, who, { sealSet }), { at: REVEALING })
    }
    expect(Quorum.decide(quorum, REVEALING).outcome).toBe('agreed')
    expect(await codeOf(() => Attestation.from(quorum, REVEALING))).toBe('receipt/wrong-seal-set')
    expect(Attestation.from(await afterReveals(await afterSeals(job, [one]), [one]), REVEALING).receipts.length).toBe(1)
  })

  test('of drawn replicas counts only with the same draw', async () => {
    const candidates = team(6)
    const policy = Policy.quorum('2/3', { candidates: hashCandidates(candidates.map(addressOf)) })
    const job = await Job.sign(jobUnder(policy, { deadline: BigInt(DEADLINE) }), requester, { policy })
    const drawing = { job: Job.hash(job.job), candidates: candidates.map(addressOf), beacon: fill(9) }
    const replicas = draw(policy, drawing)
    const seated = await Promise.all(
      candidates.filter((one) => replicas.includes(addressOf(one))).map((one) => player(job, one)),
    )
    let quorum = await Quorum.open(job, { replicas })
    for (const who of seated) quorum = await Quorum.seal(quorum, who.sealing.signed, { at: EARLY })
    const attestation = Attestation.from(await afterReveals(quorum, seated, EARLY), EARLY)
    expect((await Attestation.verify(attestation, { replicas })).agreed).toBe(3)
    expect(await refused(attestation)).toBe('attest/no-replicas')
    const others = draw(policy, { ...drawing, beacon: fill(10) })
    expect(others).not.toEqual(replicas)
    expect(await refused(attestation, { replicas: others })).toBe('attest/not-a-replica')
  })

  test('of 21 replicas verifies, and stays under 1.5 KB a replica', async () => {
    const attestation = Attestation.from(
      await round('14/21', [...new Array<number>(15).fill(GOOD), ...new Array<number>(6).fill(BAD)]),
      REVEALING,
    )
    expect(await Attestation.verify(attestation)).toMatchObject({ agreed: 15, replicas: 21 })
    expect(Attestation.encode(attestation).length / 21).toBeLessThan(1536)
  })
})

describe('what a forger may try', () => {
  test('another job, domain, or one that nobody requested', async () => {
    expect(await refused(agreed, { job: jobUnder(agreed.policy, { salt: fill(9) }) })).toBe('receipt/wrong-job')
    expect(await refused(agreed, { domain: ON_CHAIN })).toBe('receipt/wrong-domain')
    expect(await refused({ ...agreed, domain: ON_CHAIN }, { staticcall: () => null })).toBe('receipt/bad-signature')
    expect(await refused({ ...agreed, jobSignature: undefined }, { requested: true })).toBe('receipt/unrequested')
    expect(await Attestation.verify({ ...agreed, jobSignature: undefined })).toMatchObject({ requested: false })
  })

  test('a policy that asks for less', async () => {
    const replicas = agreed.policy.auditors.slice(0, 1)
    expect(await refused({ ...agreed, policy: Policy.quorum('1/1', { replicas }) })).toBe('receipt/wrong-policy')
  })

  test('too few receipts, receipts for another claim, a claim that fewer made', async () => {
    expect(await refused({ ...agreed, receipts: agreed.receipts.slice(0, 1) })).toBe('attest/no-agreement')
    expect(await refused({ ...split, claim: claimOf(split.job, BAD) })).toBe('attest/no-agreement')
    expect(await refused({ ...agreed, claim: claimOf(jobUnder(agreed.policy, { salt: fill(9) }), GOOD) })).toBe(
      'receipt/wrong-job',
    )
  })

  test('R1 R13 one receipt in two seats, seats in another order, a stranger in a seat', async () => {
    const [a, b, c] = agreed.receipts
    expect(await refused({ ...agreed, receipts: [a, a, b] })).toBe('attest/duplicate-signer')
    expect(await refused({ ...agreed, receipts: [b, a, c] })).toBe('attest/bad-order')
    const [x, y, z] = agreed.seals
    expect(await refused({ ...agreed, seals: [x, x, y] })).toBe('attest/duplicate-signer')
    expect(await refused({ ...agreed, seals: [y, x, z] })).toBe('attest/bad-order')
    const stranger = { ...c, receipt: { ...c.receipt, provider: `0x${'ff'.repeat(20)}` as const } }
    expect(await refused({ ...agreed, receipts: [a, b, stranger] })).toBe('attest/not-a-replica')
  })

  test('R12 a seal left out, put in later, exchanged or opened by another salt', async () => {
    const [a, b, c] = agreed.seals
    expect(await refused({ ...agreed, seals: [b, c] })).toBe('attest/not-sealed')
    expect(await refused({ ...agreed, seals: [a, b], receipts: agreed.receipts.slice(0, 2) })).toBe(
      'receipt/wrong-seal-set',
    )
    expect(await refused({ ...agreed, seals: [] })).toBe('attest/not-sealed')
    const other = { ...a, seal: { ...a.seal, commitment: fill(1) } }
    expect(await refused({ ...agreed, seals: [other, b, c] })).toBe('receipt/wrong-seal')
    const [r, ...rest] = agreed.receipts
    expect(await refused({ ...agreed, receipts: [{ ...r, salt: fill(1) }, ...rest] })).toBe('receipt/wrong-seal')
  })

  test('a dissent dropped is a seal unopened; its seal dropped is another seal set', async () => {
    const liar = addressOf(team(4)[2])
    const receipts = split.receipts.filter(({ receipt }) => receipt.provider !== liar)
    expect(await Attestation.verify({ ...split, receipts })).toMatchObject({ dissents: [], unopened: [liar] })
    const seals = split.seals.filter(({ seal }) => seal.provider !== liar)
    expect(await refused({ ...split, receipts, seals })).toBe('receipt/wrong-seal-set')
  })

  test('a signature of another, on a receipt, a seal or the job', async () => {
    const [a, b, c] = agreed.receipts
    expect(await refused({ ...agreed, receipts: [{ ...a, signature: b.signature }, b, c] })).toBe(
      'receipt/bad-signature',
    )
    const [x, y, z] = agreed.seals
    expect(await refused({ ...agreed, seals: [x, { ...y, signature: x.signature }, z] })).toBe('receipt/bad-signature')
    expect(await refused({ ...agreed, jobSignature: a.signature })).toBe('receipt/bad-signature')
  })

  test('D12 the 65-byte form of a signature is the same statement: duplicates count by signer, never by bytes', async () => {
    const [a, ...rest] = agreed.receipts
    const long = Uint8Array.of(...a.signature, 27 + (a.signature[32] >> 7))
    long[32] &= 0x7f
    const again = { ...agreed, receipts: [{ ...a, signature: long }, ...rest] }
    expect((await Attestation.verify(again)).agreed).toBe(3)
    expect(await refused({ ...agreed, receipts: [a, { ...a, signature: long }, ...rest] })).toBe(
      'attest/duplicate-signer',
    )
  })

  test('D11 an attestation is no receipt, and a receipt no attestation', async () => {
    expect(await codeOf(() => Receipt.decode(Attestation.encode(agreed)))).toBe('core/bad-field')
    const quorum = await round('1/1', [GOOD])
    expect(await codeOf(() => Attestation.decode(Receipt.encode(quorum.receipts[0])))).toBe('core/bad-field')
  })

  test('D8 D9 an unknown version, an unknown field, a list of a million, a gigabyte', async () => {
    const json = new TextDecoder().decode(Attestation.encode(agreed))
    const decoding = (text: string): Promise<FaultCode> => codeOf(() => Attestation.decode(utf8(text)))
    expect(await decoding(json.replace('"version":1', '"version":2'))).toBe('core/unknown-version')
    expect(await decoding(json.replace('"version":1', '"version":1,"w":0'))).toBe('core/unknown-field')
    expect(await decoding(json.replace('"receipts":[', `"receipts":[${'0,'.repeat(1e6)}`))).toBe('core/too-large')
    expect(await codeOf(() => Attestation.decode(new Uint8Array(1 << 30)))).toBe('core/too-large')
  })
})

describe('D10 corruption', () => {
  test('a flipped bit of an attestation is refused by name', { timeout: 120_000 }, async () => {
    const bytes = Attestation.encode(agreed)
    // a stride that reaches every place of a byte; test/long/corruption.test.ts flips them all
    for (let bit = 0; bit < 8 * bytes.length; bit += 29) {
      expect(NAMED, `bit ${bit}`).toContain(await codeOf(() => verifying(flip(bytes, bit))))
    }
  })

  test('a truncated attestation is refused by name', async () => {
    const bytes = Attestation.encode(agreed)
    for (let length = 0; length < bytes.length; length += 3) {
      expect(NAMED).toContain(await codeOf(() => verifying(bytes.subarray(0, length))))
    }
  })
})
