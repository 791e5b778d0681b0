import type { Contract } from 'ethers'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../../src/core/bytes.js'
import { Claim, Job, Policy, Receipt, Seal, Signer, TypedData, Verdict } from '../../src/receipt/index.js'
import { addressOf, alice, bob, carol, claimOf, fill, jobUnder, mallory, requester } from '../receipt/samples.js'
import { outcomesOf, type Call } from './batch.js'
import { CHAIN_ID, deploy, startNode, type EvmNode } from './node.js'

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))

interface Vectors {
  signer: string
  cases: {
    domain: { chainId?: string; verifyingContract?: string }
    value: never
    domainSeparator: string
    hash: string
    signature: string
  }[]
}
interface SealSets {
  openings: { claim: never; salt: string; seal: { job: string; provider: string; commitment: string } }[]
  sets: { root: string; size: number }[]
}

const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`
const x = (text: string): string => `0x${text}`

let node: EvmNode
let harness: Contract
let here: TypedData.Domain
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/ReceiptsHarness')
  here = TypedData.domain(CHAIN_ID, await harness.getAddress())
}, 60_000)
afterAll(() => node?.stop())

const STRUCTS = {
  policy: ['hashPolicy', Policy.policyStruct],
  job: ['hashJob', Job.jobStruct],
  claim: ['hashClaim', Claim.claimStruct],
  receipt: ['hashReceipt', Receipt.receiptStruct],
  seal: ['hashSeal', Seal.sealStruct],
  verdict: ['hashVerdict', Verdict.verdictStruct],
} as unknown as Record<string, readonly [string, TypedData.Struct<object>]>

/** A structure as a wallet takes it, and as a contract does. */
const wire = (struct: unknown, value: unknown): unknown => (struct as TypedData.Struct<unknown>).toTyped(value)

describe('committed vectors', () => {
  test.each(Object.entries(STRUCTS))('%s: hashes, domains and signatures', async (name, [hashOf, struct]) => {
    const { cases, signer } = read(name) as Vectors
    const hashes = cases.map(({ value }): Call => [hashOf, struct.toTyped(struct.fromJson(value, name))])
    expect(await outcomesOf(harness, hashes)).toEqual(cases.map(({ hash }) => x(hash)))
    const placed = cases.filter(({ domain }) => domain.chainId !== undefined)
    const domains = placed.map(({ domain }): Call => ['separator', domain.chainId, domain.verifyingContract])
    expect(await outcomesOf(harness, domains)).toEqual(placed.map(({ domainSeparator }) => x(domainSeparator)))
    expect(placed.length).toBeGreaterThan(0)
    const signed = cases.map((one): Call => [
      'verifySignature',
      x(one.domainSeparator),
      x(one.hash),
      signer,
      x(one.signature),
    ])
    expect(await outcomesOf(harness, signed)).toEqual(signed.map(() => ''))
  })

  test('seals open to their claims, and the sets of seals have their roots', async () => {
    const { openings, sets } = read('seal-set') as SealSets
    const commitments = openings.map(({ claim, salt, seal }): Call => {
      const hash = Claim.hash(Claim.claimStruct.fromJson(claim, 'claim'))
      return ['commitmentOf', hex(hash), seal.provider, x(salt)]
    })
    expect(await outcomesOf(harness, commitments)).toEqual(openings.map(({ seal }) => x(seal.commitment)))
    expect(sets.length).toBeGreaterThan(2)
    const seals = [alice, bob, carol, mallory].map((one) => Seal.sealOf(claimOf(JOB), addressOf(one), fill(3)))
    for (let size = 0; size <= seals.length; size++) {
      const list = Seal.inOrder(seals.slice(0, size))
      const call: Call = ['sealSetOf', list.map((seal) => wire(Seal.sealStruct, seal))]
      expect(await outcomesOf(harness, [call])).toEqual([hex(Seal.setRoot(list))])
    }
  })

  test('the domain of a contract is that of its chain and address', async () => {
    expect(await outcomesOf(harness, [['domain']])).toEqual([hex(TypedData.domainSeparator(here))])
  })
})

const replicas = [alice, bob, carol].sort((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1))
const NOTHING = { samples: 0, auditors: [], extension: fill(0) }
const TERMS = { ...NOTHING, kind: 'quorum', replicas: 3, threshold: 2, window: 3600 } as const
const POLICY = Policy.from({ ...TERMS, auditors: replicas.map(addressOf) })
const JOB = jobUnder(POLICY)

describe('signatures', () => {
  const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const word = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0'))

  /** r, s and v apart. */
  function partsOf(signature: Uint8Array): { r: Uint8Array; s: bigint; v: number } {
    const vs = BigInt(hex(signature.slice(32, 64)))
    return { r: signature.slice(0, 32), s: vs & ((1n << 255n) - 1n), v: 27 + Number(vs >> 255n) }
  }

  test('64 and 65 bytes are accepted; a high s, another v, another length and the zero address are not', async () => {
    const claim = claimOf(JOB)
    const toSign = { struct: Claim.claimStruct, value: claim, domain: here }
    const signature = await Signer.sign(alice, toSign)
    const { r, s, v } = partsOf(signature)
    const whole = concat(r, word(s), Uint8Array.of(v))
    const call = (bytes: Uint8Array, signer: string = addressOf(alice)): Call => [
      'verifySignature',
      hex(TypedData.domainSeparator(here)),
      hex(Claim.hash(claim)),
      signer,
      hex(bytes),
    ]
    const mirrored = ORDER - s
    const calls = [
      call(signature),
      call(whole),
      call(concat(r, word(mirrored), Uint8Array.of(55 - v))),
      // EIP-2098 has one bit less for s: only the numbers just below 2^255 are high.
      call(concat(r, word((1n << 255n) - 1n))),
      call(concat(r, word(s), Uint8Array.of(55 - v))),
      call(concat(r, word(s), Uint8Array.of(v - 27))),
      call(signature.slice(1)),
      call(concat(whole, Uint8Array.of(0))),
      call(new Uint8Array(0)),
      call(new Uint8Array(65)),
      call(signature, addressOf(bob)),
      call(signature, `0x${'00'.repeat(20)}`),
      call(new Uint8Array(65), `0x${'00'.repeat(20)}`),
      call(new Uint8Array(5000)),
    ]
    const [ok, malformed, bad, zero] = ['', 'MalformedSignature', 'BadSignature', 'ZeroAddress']
    expect(await outcomesOf(harness, calls)).toEqual(
      [ok, ok, malformed, malformed, bad, bad].concat([
        malformed,
        malformed,
        malformed,
        bad,
        bad,
        zero,
        zero,
        malformed,
      ]),
    )
  })

  test('a flipped bit of the signature, and a signature for another chain, contract or structure, are refused', async () => {
    const receipt = receiptOf(alice)
    const sign = (domain: TypedData.Domain) =>
      Signer.sign(alice, { struct: Receipt.receiptStruct, value: receipt, domain })
    const signature = await sign(here)
    const elsewhere = await Promise.all([
      sign(TypedData.domain(CHAIN_ID + 1, here.verifyingContract!)),
      sign(TypedData.domain(CHAIN_ID, addressOf(bob))),
      sign(TypedData.OFF_CHAIN),
      Signer.sign(alice, { struct: Claim.claimStruct, value: receipt.claim, domain: here }),
    ])
    const call = (bytes: Uint8Array): Call => [
      'verifyReceipt',
      hex(Job.hash(JOB)),
      wire(Receipt.receiptStruct, receipt),
      hex(bytes),
    ]
    expect(await outcomesOf(harness, [call(signature)])).toEqual([hex(Receipt.hash(receipt))])
    expect(await outcomesOf(harness, elsewhere.map(call))).toEqual(elsewhere.map(() => 'BadSignature'))
    const flips = Array.from({ length: 512 }, (_, bit) => {
      const copy = signature.slice()
      copy[bit >> 3] ^= 1 << (bit & 7)
      return call(copy)
    })
    for (const outcome of await outcomesOf(harness, flips)) expect(outcome).toMatch(/^(Bad|Malformed)Signature$/)
    const other: Call = ['verifyReceipt', hex(fill(5)), wire(Receipt.receiptStruct, receipt), hex(signature)]
    expect(await outcomesOf(harness, [other])).toEqual(['WrongJob'])
  })

  test('a wallet signs by the magic word alone, whatever else it does', async () => {
    const claim = claimOf(JOB)
    const digest = hex(TypedData.digest(here, Claim.claimStruct, claim))
    const manners = ['good', 'reverts', 'burns', 'wrong word', 'dirty', 'short', 'long', 'huge']
    const outcomes: string[] = []
    for (let manner = 0; manner < manners.length; manner++) {
      const wallet = await deploy(node, 'test/Wallet', manner, digest)
      const signer = await wallet.getAddress()
      const [separator, hash] = [hex(TypedData.domainSeparator(here)), hex(Claim.hash(claim))]
      outcomes.push(...(await outcomesOf(harness, [['verifySignature', separator, hash, signer, hex(fill(1))]])))
      outcomes.push(...(await outcomesOf(harness, [['verifySignature', separator, hex(fill(1)), signer, '0x']])))
      if (manners[manner] !== 'burns') continue
      const call = ['verifySignature', [separator, hash, signer, hex(fill(1))]] as const
      const data = harness.interface.encodeFunctionData(...call)
      const { gas } = await gasOfRefused(data)
      expect(gas).toBeLessThan(260_000)
    }
    const refused = manners.slice(1).flatMap(() => ['MalformedSignature', 'MalformedSignature'])
    expect(outcomes).toEqual(['', 'MalformedSignature', ...refused])
  })

  /** Gas that a refused transaction has used. */
  async function gasOfRefused(data: string): Promise<{ gas: number }> {
    const sent = await node.signer.sendTransaction({ to: await harness.getAddress(), data, gasLimit: 2_000_000 })
    const receipt = await sent.wait().catch(() => node.provider.getTransactionReceipt(sent.hash))
    expect(receipt?.status).toBe(0)
    return { gas: Number(receipt!.gasUsed) }
  }
})

const salt = fill(0x5a)
const seals = replicas.map((one) => Seal.sealOf(claimOf(JOB), addressOf(one), salt))
const receiptOf = (by: typeof alice, change: object = {}): Receipt.Receipt =>
  Receipt.from({
    claim: claimOf(JOB),
    provider: addressOf(by),
    sealSet: Seal.setRoot(seals),
    metadata: fill(8),
    issuedAt: 5,
    ...change,
  })

describe('quorums', () => {
  async function reveal(by: typeof alice, change: object = {}, opening = salt): Promise<unknown> {
    const value = receiptOf(by, change)
    const signature = await Signer.sign(by, { struct: Receipt.receiptStruct, value, domain: here })
    return [wire(Receipt.receiptStruct, value), hex(opening), hex(signature)]
  }
  const quorum = (
    reveals: readonly unknown[],
    change: { policy?: Policy.Policy; drawn?: string[]; list?: readonly Seal.Seal[]; job?: Job.Job } = {},
  ): Call => {
    const { policy = POLICY, drawn = [], list = seals, job = JOB } = change
    const tuples = list.map((seal) => wire(Seal.sealStruct, seal))
    return ['verifyQuorum', wire(Job.jobStruct, job), wire(Policy.policyStruct, policy), drawn, tuples, reveals]
  }

  test('two or three of three replicas agree, in ascending order, each counted once', async () => {
    const [a, b, c] = await Promise.all(replicas.map((one) => reveal(one)))
    const agreed = hex(Claim.hash(claimOf(JOB)))
    const calls = [[a, b], [a, c], [b, c], [a, b, c], [a], [], [a, a], [b, a], [a, b, b], [a, c, b]].map((one) =>
      quorum(one),
    )
    const expected = [...Array<string>(4).fill(agreed), 'Pending', 'Pending', 'DuplicateSigner', 'BadOrder']
    expect(await outcomesOf(harness, calls)).toEqual([...expected, 'DuplicateSigner', 'BadOrder'])
  })

  test('what was not sealed, sealed otherwise, by nobody named, or claimed otherwise does not count', async () => {
    const [first, second, third] = replicas
    const a = await reveal(first)
    const dissent = claimOf(JOB, 8)
    const own = [seals[0], Seal.sealOf(dissent, addressOf(second), salt), seals[2]]
    const set = Seal.setRoot(own)
    const stranger = Seal.inOrder([...seals, Seal.sealOf(claimOf(JOB), addressOf(mallory), salt)])
    const strangers = { sealSet: Seal.setRoot(stranger) }
    const byStranger = [await reveal(first, strangers), await reveal(mallory, strangers)]
    if (addressOf(mallory) < addressOf(first)) byStranger.reverse()
    const other = Job.from({ ...JOB, salt: fill(1) })
    const cases: readonly (readonly [string, Call])[] = [
      ['WrongSeal', quorum([a, await reveal(second, {}, fill(1))])],
      ['WrongSealSet', quorum([a, await reveal(second, { sealSet: Seal.setRoot(seals.slice(1)) })])],
      ['WrongSeal', quorum([a, await reveal(second, { claim: dissent })])],
      [
        'NoAgreement',
        quorum([await reveal(first, { sealSet: set }), await reveal(second, { claim: dissent, sealSet: set })], {
          list: own,
        }),
      ],
      ['NotAReplica', quorum(byStranger, { list: stranger })],
      [
        'NotSealed',
        quorum([await reveal(first, { sealSet: Seal.setRoot(seals.slice(1)) }), a], { list: seals.slice(1) }),
      ],
      ['WrongJob', quorum([a, await reveal(second)], { job: other })],
      ['WrongPolicy', quorum([a, await reveal(second)], { policy: Policy.from({ ...POLICY, window: 3601 }) })],
      ['DuplicateSigner', quorum([a, await reveal(third)], { list: [seals[0], seals[0]] })],
      ['BadOrder', quorum([a, await reveal(third)], { list: [seals[1], seals[0]] })],
      ['BadSignature', quorum([a, [wire(Receipt.receiptStruct, receiptOf(second)), hex(salt), (a as string[])[2]]])],
    ]
    expect(
      await outcomesOf(
        harness,
        cases.map(([, call]) => call),
      ),
    ).toEqual(cases.map(([name]) => name))
  })

  test('who was drawn counts only where the policy names nobody', async () => {
    const drawing = Policy.from({ ...TERMS, extension: fill(3) })
    const job = jobUnder(drawing)
    const claim = claimOf(job)
    const list = replicas.map((one) => Seal.sealOf(claim, addressOf(one), salt))
    const change = { claim, sealSet: Seal.setRoot(list) }
    const reveals = await Promise.all(replicas.map((one) => reveal(one, change)))
    const given = { policy: drawing, job, list }
    const drawn = replicas.map(addressOf)
    const outsiders = [addressOf(requester), addressOf(mallory), addressOf(requester)]
    const calls = [
      quorum(reveals, { ...given, drawn }),
      quorum(reveals, given),
      quorum(reveals, { ...given, drawn: outsiders }),
    ]
    expect(await outcomesOf(harness, calls)).toEqual([hex(Claim.hash(claim)), 'NoReplicas', 'NotAReplica'])
    const [a, b] = await Promise.all(replicas.map((one) => reveal(one)))
    expect(await outcomesOf(harness, [quorum([a, b], { drawn: outsiders })])).toEqual([hex(Claim.hash(claimOf(JOB)))])
  })
})

test('a job is its requester\u2019s, under the policy that it names', async () => {
  const signature = hex(await Signer.sign(requester, { struct: Job.jobStruct, value: JOB, domain: here }))
  const call = (policy: Policy.Policy, by: string): Call => [
    'verifyJob',
    wire(Job.jobStruct, JOB),
    wire(Policy.policyStruct, policy),
    by,
  ]
  const other = hex(await Signer.sign(mallory, { struct: Job.jobStruct, value: JOB, domain: here }))
  const calls = [call(POLICY, signature), call(POLICY, other), call(Policy.optimistic(5), signature)]
  expect(await outcomesOf(harness, calls)).toEqual([hex(Job.hash(JOB)), 'BadSignature', 'WrongPolicy'])
})

describe('verdicts', () => {
  test('one counts by a named auditor, about this receipt, with a grade that its sample bears', async () => {
    const base = {
      receipt: fill(6),
      policy: Policy.hash(POLICY),
      outcome: 2,
      grade: 3,
      sampled: 5n,
      total: 9n,
      evidence: fill(7),
      auditor: addressOf(bob),
      issuedAt: 1n,
    }
    const types = Verdict.verdictStruct.types
    const { TypedDataEncoder, SigningKey } = await import('ethers')
    const wireDomain = TypedData.wireDomain(here)
    const verdict = (change: Partial<typeof base>, by = 0x33): Call => {
      const value = { ...base, ...change }
      const digest = TypedDataEncoder.hash(wireDomain, types, value)
      return [
        'verifyVerdict',
        wire(Policy.policyStruct, POLICY),
        hex(fill(6)),
        value,
        new SigningKey(fill(by)).sign(digest).serialized,
      ]
    }
    const cases: readonly (readonly [string, Call])[] = [
      ['2', verdict({})],
      ['1', verdict({ outcome: 1, sampled: 9n })],
      ['BadVerdict', verdict({ outcome: 1 })],
      ['BadVerdict', verdict({ sampled: 10n })],
      ['BadVerdict', verdict({ outcome: 3 })],
      ['BadVerdict', verdict({ grade: 5 })],
      ['BadVerdict', verdict({ grade: 2, sampled: 0n })],
      ['1', verdict({ outcome: 1, grade: 2, sampled: 1n })],
      ['BadVerdict', verdict({ sampled: 0n, total: 0n })],
      ['BadVerdict', verdict({ receipt: fill(5) })],
      ['WrongPolicy', verdict({ policy: fill(5) })],
      ['BadVerdict', verdict({ auditor: addressOf(mallory) }, 0x66)],
      ['BadSignature', verdict({}, 0x66)],
    ]
    expect(
      await outcomesOf(
        harness,
        cases.map(([, call]) => call),
      ),
    ).toEqual(cases.map(([expected]) => expected))
  })
})
