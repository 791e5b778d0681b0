import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equal, utf8 } from '../../src/core/bytes.js'
import { encodeJson, type Json } from '../../src/core/json.js'
import * as Claim from '../../src/receipt/claim.js'
import * as Equivocation from '../../src/receipt/equivocation.js'
import * as Job from '../../src/receipt/job.js'
import * as Metadata from '../../src/receipt/metadata.js'
import * as Policy from '../../src/receipt/policy.js'
import * as Receipt from '../../src/receipt/receipt.js'
import * as Refusal from '../../src/receipt/refusal.js'
import * as Seal from '../../src/receipt/seal.js'
import { formatOf } from '../../src/receipt/typed-data.js'
import * as Verdict from '../../src/receipt/verdict.js'
import {
  alice,
  anyBytes32,
  anyClaim,
  anyDomain,
  anyHolder,
  anyJob,
  anyMetadata,
  anyPolicy,
  anyReceipt,
  anySeal,
  anySignature,
  anyUint64,
  codeOf,
  receiptBy,
  signedJob,
} from './samples.js'

const anyRefusal = fc
  .record({
    step: fc.maxSafeNat(),
    node: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    element: fc.maxSafeNat(),
    reason: fc.constantFrom(...Refusal.REFUSAL_REASONS),
  })
  .map(Refusal.from)

const anyVerdict = fc
  .record({
    receipt: anyBytes32,
    policy: anyBytes32,
    outcome: fc.constantFrom(...Verdict.OUTCOMES),
    grade: fc.constantFrom('claimed', 'agreed', 'proven' as const),
    sampled: fc.bigInt({ min: 0n, max: 99n }),
    total: fc.bigInt({ min: 99n, max: 1n << 60n }),
    evidence: anyBytes32,
    auditor: anyHolder,
    issuedAt: anyUint64,
  })
  .map((verdict) => Verdict.from(verdict as Verdict.Verdict))

const anySignedJob = fc.record(
  { domain: anyDomain, job: anyJob, policy: anyPolicy, signature: anySignature },
  { requiredKeys: ['domain', 'job', 'policy'] },
)
const anySignedReceipt = fc.record(
  {
    domain: anyDomain,
    job: anyJob,
    policy: anyPolicy,
    jobSignature: anySignature,
    receipt: anyReceipt,
    metadata: anyMetadata,
    refusal: anyRefusal,
    signature: anySignature,
  },
  { requiredKeys: ['domain', 'job', 'policy', 'receipt', 'metadata', 'signature'] },
)

/** Every format: an arbitrary value of it, and its two directions. */
const FORMATS = {
  policy: { any: anyPolicy, ...Policy },
  claim: { any: anyClaim, ...Claim },
  metadata: { any: anyMetadata, ...Metadata },
  refusal: { any: anyRefusal, ...Refusal },
  job: { any: anySignedJob, ...Job },
  receipt: { any: anySignedReceipt, ...Receipt },
  seal: { any: fc.record({ domain: anyDomain, seal: anySeal, signature: anySignature }), ...Seal },
  verdict: { any: fc.record({ domain: anyDomain, verdict: anyVerdict, signature: anySignature }), ...Verdict },
} as unknown as Record<
  string,
  { any: fc.Arbitrary<object>; encode(value: object): Uint8Array; decode(bytes: Uint8Array): object }
>

describe.each(Object.entries(FORMATS))('%s', (name, { any, encode, decode }) => {
  test('decode(encode(x)) is x, and encode(decode(bytes)) is the bytes', () => {
    fc.assert(
      fc.property(any, (value) => {
        const bytes = encode(value)
        expect(decode(bytes)).toEqual(value)
        expect(equal(encode(decode(bytes)), bytes)).toBe(true)
        expect(formatOf(bytes)).toBe(name)
      }),
      { numRuns: 60 },
    )
  })

  test('what is decoded is frozen all the way down', () => {
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      value instanceof Uint8Array ||
      (Object.isFrozen(value) && Object.values(value).every(frozen))
    expect(frozen(decode(encode(fc.sample(any, { numRuns: 1, seed: 1 })[0])))).toBe(true)
  })

  const [sample] = fc.sample(any, { numRuns: 1, seed: 2 })
  const json = new TextDecoder().decode(encode(sample))
  const decoding = (text: string) => codeOf(() => decode(utf8(text)))

  test('D8 another version, either way, is refused by name', async () => {
    expect(await decoding(json.replace('"version":1', '"version":2'))).toBe('core/unknown-version')
    expect(await decoding(json.replace('"version":1', '"version":0'))).toBe('core/unknown-version')
    expect(await decoding(json.replace('"version":1', '"version":"1"'))).toBe('core/unknown-version')
  })

  test('D8 trailing bytes, white space and duplicate keys are refused by name', async () => {
    expect(await decoding(`${json}\n`)).toBe('core/bad-json')
    expect(await decoding(`${json}{}`)).toBe('core/bad-json')
    expect(await decoding(json.replace('{', '{ '))).toBe('core/bad-json')
    expect(await decoding(json.replace('"version":1', '"version":1,"version":1'))).toBe('core/duplicate-key')
  })

  test('D9 __proto__ and other unknown fields are refused and touch no prototype', async () => {
    for (const key of ['__proto__', 'constructor', 'toString', 'versionx']) {
      const fields = Object.entries(JSON.parse(json) as Record<string, Json>)
      const hostile = encodeJson(Object.fromEntries([...fields, [key, { version: 1 }]]))
      expect(await decoding(hostile)).toBe('core/unknown-field')
    }
    expect(({} as { version?: number }).version).toBeUndefined()
  })

  test('D9 a gigabyte is refused before it is read', async () => {
    expect(await codeOf(() => decode(new Uint8Array(1 << 30)))).toBe('core/too-large')
  })

  test('D9 deep nesting is refused by name', async () => {
    expect(await decoding('['.repeat(300) + ']'.repeat(300))).toBe('core/too-large')
  })

  test('D11 a file of one format is never taken for another', async () => {
    const others = Object.entries(FORMATS).filter(([other]) => other !== name)
    for (const [, other] of others)
      expect(await codeOf(() => other.decode(encode(sample)))).toMatch(/^core\/(bad-field|too-large)$/)
  })

  test('a missing field is refused by name', async () => {
    const value = JSON.parse(json) as Record<string, unknown>
    const optional = {
      policy: ['replicas', 'threshold', 'samples', 'window', 'auditors', 'extension'],
      job: ['signature'],
    }
    const absent = ['format', 'version', 'jobSignature', 'refusal', 'sealSalt', ...(optional[name as 'job'] ?? [])]
    for (const key of Object.keys(value).filter((key) => !absent.includes(key))) {
      const rest = Object.fromEntries(Object.entries(value).filter(([other]) => other !== key))
      expect(await decoding(JSON.stringify(rest))).toBe('core/missing-field')
    }
  })
})

describe('fields', () => {
  const job = {
    ...JSON.parse(new TextDecoder().decode(Job.encode(fc.sample(anySignedJob, { numRuns: 1, seed: 3 })[0]))),
  }
  const withJob = (change: object): Promise<string> =>
    codeOf(() => Job.decode(utf8(JSON.stringify({ ...job, job: { ...job.job, ...change } }))))

  test.each([
    ['upper-case hexadecimal', { program: 'AA'.repeat(32) }],
    ['a prefix', { program: `0x${'aa'.repeat(32)}` }],
    ['31 bytes', { program: 'aa'.repeat(31) }],
    ['33 bytes', { program: 'aa'.repeat(33) }],
    ['an odd number of digits', { program: 'a'.repeat(63) }],
    ['a list', { program: ['aa'] }],
    ['a leading zero', { steps: '01' }],
    ['a sign', { steps: '+1' }],
    ['a number where a decimal string stands', { steps: 1 }],
    ['2^64', { steps: '18446744073709551616' }],
    ['an exponent', { steps: '1e3' }],
    ['an address in mixed case', { requester: '0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266' }],
    ['a number for a boolean', { operatorTrace: 1 }],
    ['null', { salt: null }],
  ])('%s is refused by name', async (_, change) => {
    expect(await withJob(change)).toMatch(/^core\/(bad-field|bad-number|too-large|bad-json)$/)
  })

  test('zero steps and zero commitEvery are refused', async () => {
    expect(await withJob({ steps: '0' })).toBe('core/bad-number')
    expect(await withJob({ commitEvery: '0' })).toBe('core/bad-number')
  })

  test('D12 the zero address is no provider, auditor or replica', async () => {
    const zero = `0x${'0'.repeat(40)}`
    const [seal, receipt] = [fc.sample(anySeal, 1)[0], fc.sample(anyReceipt, 1)[0]]
    expect(await codeOf(() => Seal.from({ ...seal, provider: zero }))).toBe('receipt/zero-address')
    expect(await codeOf(() => Receipt.from({ ...receipt, provider: zero }))).toBe('receipt/zero-address')
    expect(await codeOf(() => Policy.quorum('1/1', { replicas: [zero] }))).toBe('receipt/zero-address')
  })

  test('an address with a wrong checksum is refused, with a right one it is accepted', async () => {
    const [seal] = fc.sample(anySeal, 1)
    const right = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
    expect(Seal.from({ ...seal, provider: right }).provider).toBe(right.toLowerCase())
    expect(await codeOf(() => Seal.from({ ...seal, provider: right.replace('f39F', 'F39F') }))).toBe('core/bad-field')
  })

  test('what is made from memory does not change when the caller changes its arrays', () => {
    const program = new Uint8Array(32).fill(1)
    const made = Job.from({ ...fc.sample(anyJob, 1)[0], program })
    const before = Job.hash(made)
    program.fill(2)
    expect(Job.hash(made)).toEqual(before)
  })

  test('inherited fields do not count', async () => {
    const claim = fc.sample(anyClaim, 1)[0]
    expect(await codeOf(() => Claim.from(Object.create(claim) as Claim.Claim))).toBe('core/missing-field')
  })
})

describe('policies', () => {
  test.each(['0/3', '4/3', '1/2', '2/4', '3', '2/3/4', ' 2/3', '2/3 ', '-2/3', '2.5/3', '70000/70001'])(
    '%s is no quorum',
    async (text) => {
      expect(await codeOf(() => Policy.quorum(text))).toMatch(/^(receipt\/bad-policy|core\/bad-number)$/)
    },
  )

  test('the order in which replicas are named does not matter', () => {
    const names = ['0x00000000000000000000000000000000000000bb', '0x00000000000000000000000000000000000000aa']
    expect(Policy.quorum('2/2', { replicas: names })).toEqual(Policy.quorum('2/2', { replicas: names.reverse() }))
  })

  test('one account in two seats, or fewer names than seats, is refused', async () => {
    const one = '0x00000000000000000000000000000000000000aa'
    expect(await codeOf(() => Policy.quorum('2/2', { replicas: [one, one] }))).toBe('receipt/bad-policy')
    expect(await codeOf(() => Policy.quorum('2/2', { replicas: [one] }))).toBe('receipt/bad-policy')
  })

  test('numbers that a kind does not use must be zero', async () => {
    expect(await codeOf(() => Policy.from({ ...Policy.claimed(), samples: 1 }))).toBe('receipt/bad-policy')
    expect(await codeOf(() => Policy.from({ ...Policy.claimed(), threshold: 1 }))).toBe('receipt/bad-policy')
    expect(await codeOf(() => Policy.optimistic(0))).toBe('receipt/bad-policy')
  })
})

describe('verdicts', () => {
  const base = { ...fc.sample(anyVerdict, { numRuns: 1, seed: 5 })[0], outcome: 'valid' as const }
  test.each([
    [{ sampled: 2n, total: 1n }],
    [{ grade: 'sampled' as const, sampled: 0n }],
    [{ grade: 'replayed' as const, sampled: 1n, total: 2n }],
    [{ grade: 'replayed' as const, sampled: 0n, total: 0n }],
  ])('a grade says no more than its sample: %o', async (change) => {
    expect(await codeOf(() => Verdict.from({ ...base, ...change }))).toBe('receipt/bad-verdict')
  })
})

test('an equivocation file survives its own round trip', async () => {
  const job = await signedJob()
  const evidence = Equivocation.fromReceipts(await receiptBy(alice, job, 1), await receiptBy(alice, job, 2))!
  expect(Equivocation.decode(Equivocation.encode(evidence))).toEqual(evidence)
})
