import { beforeAll, describe, expect, test } from 'vitest'
import { equal, utf8 } from '../../src/core/bytes.js'
import { FAULTS, type FaultCode } from '../../src/core/faults.js'
import * as Claim from '../../src/receipt/claim.js'
import * as Equivocation from '../../src/receipt/equivocation.js'
import * as Job from '../../src/receipt/job.js'
import * as Metadata from '../../src/receipt/metadata.js'
import * as Policy from '../../src/receipt/policy.js'
import * as Receipt from '../../src/receipt/receipt.js'
import * as Refusal from '../../src/receipt/refusal.js'
import * as Seal from '../../src/receipt/seal.js'
import { OFF_CHAIN, type Struct } from '../../src/receipt/typed-data.js'
import * as Verdict from '../../src/receipt/verdict.js'
import {
  addressOf,
  alice,
  bob,
  carol,
  claimOf,
  codeOf,
  fill,
  flip,
  jobUnder,
  mallory,
  metadata,
  ON_CHAIN,
  receiptBy,
  sealedReceiptBy,
  signedJob,
} from './samples.js'

const policy = Policy.quorum('2/3', { replicas: [alice, bob, carol].map(addressOf), window: 3600 })
let job: Job.SignedJob
let plain: Receipt.SignedReceipt
let sealed: Receipt.SignedReceipt

beforeAll(async () => {
  job = await signedJob(policy)
  plain = await receiptBy(alice, await signedJob())
  sealed = await sealedReceiptBy(alice, job)
})

const refused = (signed: Receipt.SignedReceipt, options: Receipt.ReceiptOptions = {}): Promise<FaultCode> =>
  codeOf(() => Receipt.verify(signed, options))

describe('a receipt', () => {
  test('is verified from its bytes alone, with and without a seal', async () => {
    for (const one of [plain, sealed]) {
      const read = Receipt.decode(Receipt.encode(one))
      expect(await Receipt.verify(read)).toBe(read)
      expect(read).toEqual(one)
    }
  })

  test('is under 2 KB, requested, sealed, with three named replicas and full metadata', () => {
    expect(Receipt.encode(plain).length).toBeLessThan(1650)
    expect(Receipt.encode(sealed).length).toBeLessThan(2048)
  })

  test('names the job: for another one it is refused', async () => {
    const other = jobUnder(policy, { salt: fill(99) })
    expect(await refused(sealed, { job: other })).toBe('receipt/wrong-job')
    expect(await refused({ ...sealed, job: other })).toBe('receipt/wrong-job')
    expect(await Receipt.verify(sealed, { job: sealed.job })).toBe(sealed)
  })

  test('of a job that nobody signed is refused only where a requester must stand behind it', async () => {
    const free = Job.unrequested(jobUnder(Policy.claimed()), Policy.claimed())
    const receipt = await receiptBy(alice, free)
    expect(Job.isRequested(Receipt.jobOf(receipt))).toBe(false)
    expect(await Receipt.verify(receipt)).toBe(receipt)
    expect(await refused(receipt, { requested: true })).toBe('receipt/unrequested')
    expect(await Receipt.verify(plain, { requested: true })).toBe(plain)
  })

  test('with a stripped requester signature is unrequested, with a forged one refused', async () => {
    expect(await refused({ ...plain, jobSignature: undefined }, { requested: true })).toBe('receipt/unrequested')
    expect(await refused({ ...plain, jobSignature: plain.signature })).toBe('receipt/bad-signature')
  })

  test('says only what its policy, metadata, refusal and seal hash to', async () => {
    expect(await refused({ ...sealed, policy: Policy.claimed() })).toBe('receipt/wrong-policy')
    expect(await refused({ ...sealed, metadata: { ...metadata, runtime: 'ort-web' } })).toBe('receipt/wrong-metadata')
    const refusal = Refusal.from({ step: 0, node: 1, element: 2, reason: 'nan' })
    expect(await refused({ ...sealed, refusal })).toBe('receipt/wrong-outputs')
    const salted = { ...sealed.metadata, sealSalt: fill(1) }
    expect(await refused({ ...sealed, metadata: salted })).toBe('receipt/wrong-metadata')
  })

  test('has a seal set and the salt of its own seal, or neither', async () => {
    const { metadata: salted } = sealed
    const bare = { ...plain.receipt, metadata: Metadata.hash(salted) }
    expect(await refused({ ...plain, receipt: bare, metadata: salted })).toBe('receipt/wrong-seal-set')
    const set = { ...sealed.receipt, metadata: Metadata.hash(metadata) }
    expect(await refused({ ...sealed, receipt: set, metadata })).toBe('receipt/wrong-seal-set')
  })

  test('R1 opens its own seal and no other: a copied seal or answer yields nothing', async () => {
    const claim = sealed.receipt.claim
    const own = Seal.sealOf(claim, addressOf(alice), sealed.metadata.sealSalt!)
    expect(Receipt.openSeal(sealed, own)).toBe(sealed)
    const opening = { sealSet: sealed.receipt.sealSet, salt: sealed.metadata.sealSalt! }
    const copy = await Receipt.sign(claim, mallory, { job, metadata, issuedAt: 1, sealed: opening })
    const seals = [
      own,
      { ...own, provider: addressOf(mallory) },
      { ...own, commitment: fill(1) },
      { ...own, job: fill(1) },
    ]
    for (const seal of seals) expect(await codeOf(() => Receipt.openSeal(copy, seal))).toBe('receipt/wrong-seal')
    expect(await codeOf(() => Receipt.openSeal(plain, own))).toBe('receipt/wrong-seal')
  })

  test('of a refused run carries where and why', async () => {
    const refusal = Refusal.from({ step: 0, node: 1, element: 2, reason: 'zero-divisor' })
    const claim = Claim.from({ ...claimOf(job.job), outputs: Refusal.hash(refusal) })
    const signed = await Receipt.sign(claim, alice, { job, metadata, issuedAt: 1, refusal })
    expect(Receipt.decode(Receipt.encode(signed)).refusal).toEqual(refusal)
  })

  test('D12 under one domain is none under another', async () => {
    const onChain = await receiptBy(alice, await signedJob(Policy.claimed(), ON_CHAIN))
    expect(await refused(onChain, { domain: OFF_CHAIN })).toBe('receipt/wrong-domain')
    expect(await refused({ ...onChain, domain: OFF_CHAIN })).toBe('receipt/bad-signature')
    expect(await refused({ ...plain, domain: ON_CHAIN }, { staticcall: () => null })).toBe('receipt/bad-signature')
  })
})

describe('every signed field is bound', () => {
  const base = {
    policy: { value: policy, struct: Policy.policyStruct },
    job: { value: jobUnder(policy), struct: Job.jobStruct },
    claim: { value: claimOf(jobUnder(policy)), struct: Claim.claimStruct },
    seal: { value: Seal.sealOf(claimOf(jobUnder(policy)), addressOf(alice), fill(1)), struct: Seal.sealStruct },
    verdict: {
      value: Verdict.from({
        receipt: fill(1),
        policy: fill(2),
        outcome: 'valid',
        grade: 'sampled',
        sampled: 5,
        total: 9,
        evidence: fill(3),
        auditor: addressOf(bob),
        issuedAt: 7,
      }),
      struct: Verdict.verdictStruct,
    },
    receipt: {
      value: Receipt.from({
        claim: claimOf(jobUnder(policy)),
        provider: addressOf(alice),
        sealSet: fill(1),
        metadata: fill(2),
        issuedAt: 3,
      }),
      struct: Receipt.receiptStruct,
    },
  } as unknown as Record<string, { value: Record<string, unknown>; struct: Struct<object> }>
  const cases = Object.entries(base).flatMap(([name, { value }]) =>
    Object.keys(value).map((key) => [name, key] as const),
  )

  test.each(cases)('%s.%s: another value is another hash', (name, key) => {
    const { value, struct } = base[name]
    expect(equal(struct.hash({ ...value, [key]: another(value[key]) }), struct.hash(value))).toBe(false)
  })

  test('metadata: another value of any field is another hash', () => {
    for (const key of Object.keys(metadata) as (keyof Metadata.Metadata)[]) {
      const changed = { ...metadata, [key]: key === 'sealSalt' ? fill(1) : another(metadata[key]) } as Metadata.Metadata
      expect(equal(Metadata.hash(changed), Metadata.hash(metadata))).toBe(false)
    }
  })
})

/** Another value of the same type, for names of enumerations one that all of them have. */
function another(value: unknown): unknown {
  if (value instanceof Uint8Array) return flip(value, 0)
  if (typeof value === 'bigint') return value + 1n
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  if (Array.isArray(value)) return value.slice(1)
  if (typeof value === 'object') return { ...value, outputs: fill(0xee) }
  const text = value as string
  if (text.startsWith('0x')) return addressOf(mallory)
  return text === 'valid' ? 'refuted' : 'claimed'
}

describe('D10 corruption', () => {
  /** Every code that a damaged receipt may be refused with: form, hash or signature, never a crash. */
  const NAMED: readonly FaultCode[] = [
    'core/bad-json',
    'core/duplicate-key',
    'core/unknown-field',
    'core/missing-field',
    'core/bad-field',
    'core/bad-number',
    'core/bad-hex',
    'core/too-large',
    'core/unknown-version',
    'receipt/bad-policy',
    'receipt/wrong-policy',
    'receipt/wrong-job',
    'receipt/wrong-metadata',
    'receipt/wrong-seal-set',
    'receipt/bad-signature',
    'receipt/malformed-signature',
  ]
  const verifying = (bytes: Uint8Array): Promise<FaultCode> => codeOf(async () => Receipt.verify(Receipt.decode(bytes)))

  // every seventh bit reaches all eight places of a byte; test/long/corruption.test.ts flips them all
  test('a flipped bit of a sealed, requested receipt is refused by name', { timeout: 120_000 }, async () => {
    const bytes = Receipt.encode(sealed)
    for (let bit = 0; bit < 8 * bytes.length; bit += 7) {
      expect(NAMED, `bit ${bit}`).toContain(await verifying(flip(bytes, bit)))
    }
  })

  test('each truncation, and each repeated byte, is refused by name', async () => {
    const bytes = Receipt.encode(sealed)
    for (let length = 0; length < bytes.length; length++) {
      expect(NAMED).toContain(await verifying(bytes.subarray(0, length)))
      const doubled = Uint8Array.of(...bytes.subarray(0, length + 1), ...bytes.subarray(length))
      expect(NAMED).toContain(await verifying(doubled))
    }
  })

  const text = (value: Receipt.SignedReceipt): string => new TextDecoder().decode(Receipt.encode(value))
  /** A digit of the field's value is changed to another digit; the fault is the field's own. */
  const FIELDS: readonly [field: RegExp, code: FaultCode][] = [
    [/"chainId":"/, 'receipt/bad-signature'],
    [/"commitEvery":"/, 'receipt/wrong-job'],
    [/"deadline":"/, 'receipt/wrong-job'],
    [/"initialState":"/, 'receipt/wrong-job'],
    [/"inputs":"/, 'receipt/wrong-job'],
    [/"program":"/, 'receipt/wrong-job'],
    [/"requester":"0x/, 'receipt/wrong-job'],
    [/"steps":"/, 'receipt/wrong-job'],
    [/"policy":"/, 'receipt/wrong-policy'],
    [/"jobSignature":"/, 'receipt/bad-signature'],
    [/"compiler":"countersign /, 'receipt/wrong-metadata'],
    [/"model":"/, 'receipt/wrong-metadata'],
    [/"window":"/, 'receipt/wrong-policy'],
    [/"auditors":\["0x/, 'receipt/wrong-policy'],
    [/"replicas":/, 'receipt/bad-policy'],
    [/"claim":{"finalState":"/, 'receipt/bad-signature'],
    [/"finalState":"[0-9a-f]+","job":"/, 'receipt/wrong-job'],
    [/"outputs":"/, 'receipt/bad-signature'],
    [/"run":"/, 'receipt/bad-signature'],
    [/"issuedAt":"/, 'receipt/bad-signature'],
    [/"metadata":"/, 'receipt/wrong-metadata'],
    [/"provider":"0x/, 'receipt/bad-signature'],
    [/"sealSet":"/, 'receipt/bad-signature'],
    [/"sealSalt":"/, 'receipt/wrong-metadata'],
    [/"salt":"/, 'receipt/wrong-job'],
    [/"signature":"/, 'receipt/bad-signature'],
    [/"version":/, 'core/unknown-version'],
  ]

  test.each(FIELDS)('%s changed: %s', async (field, code) => {
    const onChain = await sealedReceiptBy(alice, await signedJob(policy, ON_CHAIN))
    const source = text(field.source.includes('chainId') ? onChain : sealed)
    const at = field.exec(source)!
    const place = at.index + at[0].length
    const digit = source[place] === '2' ? '3' : '2'
    const bytes = utf8(source.slice(0, place) + digit + source.slice(place + 1))
    expect(await codeOf(async () => Receipt.verify(Receipt.decode(bytes), { staticcall: () => null }))).toBe(code)
  })

  test('every code that a receipt is refused with stands in the table', () => {
    for (const code of NAMED) expect(FAULTS[code].exit).toBeGreaterThan(0)
  })
})

describe('R5 equivocation', () => {
  test('two claims of one provider for one job are evidence that verifies from its bytes', async () => {
    const [a, b] = [await receiptBy(alice, job, 1), await receiptBy(alice, job, 2)]
    const evidence = Equivocation.fromReceipts(a, b)!
    expect(evidence).toEqual(Equivocation.fromReceipts(b, a))
    const read = Equivocation.decode(Equivocation.encode(evidence))
    expect((await Equivocation.verify(read)).provider).toBe(addressOf(alice))
  })

  test('two seals of one provider for one job are evidence too', async () => {
    const claim = claimOf(job.job)
    const [a, b] = [await Seal.sign(claim, alice), await Seal.sign(claim, alice)]
    expect((await Equivocation.verify(Equivocation.fromSeals(a.signed, b.signed)!)).provider).toBe(addressOf(alice))
  })

  test('repeating one claim, another job, another provider or another domain is none', async () => {
    const a = await receiptBy(alice, job, 1)
    const again = await Receipt.sign(claimOf(job.job, 1), alice, { job, metadata, issuedAt: 5 })
    const otherJob = await receiptBy(alice, await signedJob(), 2)
    const elsewhere = await receiptBy(alice, await signedJob(policy, ON_CHAIN), 2)
    for (const b of [a, again, otherJob, await receiptBy(bob, job, 2), elsewhere])
      expect(Equivocation.fromReceipts(a, b)).toBeUndefined()
  })

  test('forged evidence is refused by name', async () => {
    const evidence = Equivocation.fromReceipts(await receiptBy(alice, job, 1), await receiptBy(alice, job, 2))!
    const [one, other] = evidence.receipts
    const forge = (change: Partial<Equivocation.Equivocation>): Promise<FaultCode> =>
      codeOf(async () => Equivocation.verify(Equivocation.from({ ...evidence, ...change })))
    expect(await forge({ receipts: [one, one] })).toBe('attest/no-equivocation')
    expect(await forge({ receipts: [other, one] })).toBe('attest/no-equivocation')
    expect(await forge({ receipts: [one] })).toBe('attest/no-equivocation')
    expect(await forge({ receipts: [] })).toBe('attest/no-equivocation')
    expect(await forge({ provider: addressOf(bob) })).toBe('attest/no-equivocation')
    expect(await forge({ job: fill(1) })).toBe('attest/no-equivocation')
    expect(await forge({ receipts: [{ ...one, signature: other.signature }, other] })).toBe('receipt/bad-signature')
    expect(await forge({ receipts: [{ ...one, receipt: { ...one.receipt, issuedAt: 9n } }, other] })).toBe(
      'receipt/bad-signature',
    )
  })
})

describe('verdicts', () => {
  const verdict = Verdict.from({
    receipt: fill(1),
    policy: fill(2),
    outcome: 'refuted',
    grade: 'replayed',
    sampled: 1,
    total: 9,
    evidence: fill(3),
    auditor: addressOf(bob),
    issuedAt: 7,
  })

  test('a verdict verifies from its bytes, about its receipt, by its auditor', async () => {
    const read = Verdict.decode(Verdict.encode(await Verdict.sign(verdict, bob)))
    expect((await Verdict.verify(read, { receipt: fill(1), auditors: [addressOf(bob)] })).verdict).toEqual(verdict)
    expect(await codeOf(() => Verdict.verify(read, { receipt: fill(9) }))).toBe('receipt/bad-verdict')
    expect(await codeOf(() => Verdict.verify(read, { auditors: [addressOf(alice)] }))).toBe('receipt/bad-verdict')
    expect(await codeOf(() => Verdict.verify(read, { domain: ON_CHAIN }))).toBe('receipt/wrong-domain')
  })

  test('a flipped bit of a verdict or a seal is refused by name', async () => {
    const bytes = Verdict.encode(await Verdict.sign(verdict, bob))
    for (let bit = 0; bit < 8 * bytes.length; bit += 7) {
      expect(await codeOf(async () => Verdict.verify(Verdict.decode(flip(bytes, bit))))).toMatch(/^(core|receipt)\//)
    }
    const seal = Seal.encode((await Seal.sign(claimOf(job.job), alice)).signed)
    for (let bit = 0; bit < 8 * seal.length; bit += 7) {
      expect(await codeOf(async () => Seal.verify(Seal.decode(flip(seal, bit))))).toMatch(/^(core|receipt)\//)
    }
  })

  test('nobody signs a verdict in the name of another', async () => {
    expect(await codeOf(() => Verdict.sign(verdict, alice))).toBe('receipt/bad-signature')
  })
})

test('metadata names are cut and cleaned to fit', () => {
  expect(Metadata.shorten(`Größe ${'x'.repeat(100)}`)).toBe(`Gr??e ${'x'.repeat(58)}`)
})
