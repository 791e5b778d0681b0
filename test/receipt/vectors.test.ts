import { TypedDataEncoder, verifyTypedData } from 'ethers/hash'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { challengeStruct } from '../../src/attest/nonce.js'
import { sightingStruct } from '../../src/attest/sighting.js'
import { encodeAbi, type AbiInput } from '../../src/core/abi.js'
import { concat, fromHex, toHex, utf8 } from '../../src/core/bytes.js'
import { keccak256 } from '../../src/core/keccak.js'
import { sha256 } from '../../src/core/sha256.js'
import { Claim, Policy, Receipt, Refusal, Seal, Signature, TypedData, Verdict, Job } from '../../src/receipt/index.js'

type Case = {
  domain: Domain
  value: Record<string, never>
  domainSeparator: string
  hash: string
  digest: string
  signature: string
}
type Domain = { chainId?: string; verifyingContract?: string }
type Vectors = { type: string; typeHash: string; signer: `0x${string}`; cases: Case[] }

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))

/** The types as docs/formats.md states them. */
const TYPES = {
  policy:
    'Policy(uint8 kind,uint16 replicas,uint16 threshold,uint16 samples,uint64 window,address[] auditors,bytes32 extension)',
  job: 'Job(bytes32 program,bytes32 initialState,bytes32 inputs,uint64 steps,uint64 commitEvery,bool operatorTrace,bytes32 policy,address requester,uint64 deadline,bytes32 salt)',
  claim: 'Claim(bytes32 job,bytes32 outputs,bytes32 finalState,bytes32 run)',
  receipt:
    'Receipt(Claim claim,address provider,bytes32 sealSet,bytes32 metadata,uint64 issuedAt)Claim(bytes32 job,bytes32 outputs,bytes32 finalState,bytes32 run)',
  seal: 'Seal(bytes32 job,address provider,bytes32 commitment)',
  verdict:
    'Verdict(bytes32 receipt,bytes32 policy,uint8 outcome,uint8 grade,uint64 sampled,uint64 total,bytes32 evidence,address auditor,uint64 issuedAt)',
  sighting: 'Sighting(bytes32 job,bytes32 claim,address provider,address witness,uint64 seenAt)',
  nonce: 'Challenge(bytes32 job,bytes32 claim,address provider,bytes32 nonce,address verifier,uint64 issuedAt)',
} as const

const STRUCTS = {
  policy: Policy.policyStruct,
  job: Job.jobStruct,
  claim: Claim.claimStruct,
  receipt: Receipt.receiptStruct,
  seal: Seal.sealStruct,
  verdict: Verdict.verdictStruct,
  sighting: sightingStruct,
  nonce: challengeStruct,
} as unknown as Record<keyof typeof TYPES, TypedData.Struct<object>>

/** EIP-712's hashStruct a second time, from the type string and the JSON form alone. */
function hashAgain(types: string, value: Record<string, unknown>): Uint8Array {
  const [, name, list, rest] = /^([A-Za-z]+)\(([^)]*)\)(.*)$/.exec(types)!
  const members = list.split(',').map((member) => member.split(' '))
  const words = members.map(([type, key]) =>
    wordOf(type, value[key] ?? ZEROS[key], { rest, enumeration: `${name}.${key}` }),
  )
  return keccak256(concat(keccak256(utf8(types)), ...words))
}

/** What the JSON of a policy leaves out. */
const ZEROS: Record<string, unknown> = {
  replicas: 0,
  threshold: 0,
  samples: 0,
  window: '0',
  auditors: [],
  extension: '00'.repeat(32),
}

const ENUMERATIONS: Record<string, readonly string[]> = {
  'Policy.kind': ['claimed', 'optimistic', 'quorum', 'audited', 'proven'],
  'Verdict.outcome': ['undecided', 'valid', 'refuted'],
  'Verdict.grade': ['claimed', 'agreed', 'sampled', 'replayed', 'proven'],
}

function wordOf(type: string, value: unknown, at: { rest: string; enumeration: string }): Uint8Array {
  if (/^[A-Z]/.test(type)) return hashAgain(at.rest, value as Record<string, unknown>)
  if (type === 'address[]') return keccak256(concat(...(value as string[]).map((one) => encodeAbi(['address'], [one]))))
  const names = ENUMERATIONS[at.enumeration]
  const plain = names ? names.indexOf(value as string) : value
  const input = type.startsWith('bytes')
    ? fromHex(plain as string)
    : type.startsWith('uint')
      ? BigInt(plain as string)
      : plain
  return encodeAbi([type], [input as AbiInput])
}

function separatorAgain({ chainId, verifyingContract }: Domain): Uint8Array {
  const own = [keccak256(utf8('Countersign')), keccak256(utf8('1'))]
  if (chainId === undefined)
    return keccak256(concat(keccak256(utf8('EIP712Domain(string name,string version)')), ...own))
  const type = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'
  return keccak256(
    concat(keccak256(utf8(type)), ...own, encodeAbi(['uint256', 'address'], [BigInt(chainId), verifyingContract!])),
  )
}

describe.each(Object.keys(TYPES) as (keyof typeof TYPES)[])('%s vectors', (name) => {
  const vectors = read(name) as Vectors
  const struct = STRUCTS[name]

  test('the type is the documented one', () => {
    expect(struct.typeString).toBe(TYPES[name])
    expect(vectors.type).toBe(TYPES[name])
    expect(vectors.typeHash).toBe(toHex(keccak256(utf8(TYPES[name]))))
  })

  test.each(vectors.cases.map((one, i) => [i, one] as const))('case %i: hash, digest and signature', async (_, one) => {
    const value = struct.fromJson(one.value, name)
    const domain = TypedData.domainField.fromJson(one.domain, 'domain')
    expect(toHex(struct.hash(value))).toBe(one.hash)
    expect(toHex(TypedData.domainSeparator(domain))).toBe(one.domainSeparator)
    expect(toHex(TypedData.digest(domain, struct, value))).toBe(one.digest)
    const signed = { digest: fromHex(one.digest), signature: fromHex(one.signature), signer: vectors.signer, domain }
    expect(await Signature.verify(signed)).toBe(vectors.signer)
  })

  test('the same hashes follow from the type string by EIP-712 alone', () => {
    for (const one of vectors.cases) {
      expect(toHex(hashAgain(TYPES[name], one.value))).toBe(one.hash)
      expect(toHex(separatorAgain(one.domain))).toBe(one.domainSeparator)
      const digest = keccak256(concat(Uint8Array.of(0x19, 1), fromHex(one.domainSeparator), fromHex(one.hash)))
      expect(toHex(digest)).toBe(one.digest)
    }
  })

  test('a wallet that knows nothing of us verifies the signatures', () => {
    for (const one of vectors.cases) {
      const typed = struct.toTyped(struct.fromJson(one.value, name)) as Record<string, unknown>
      const domain = { name: 'Countersign', version: '1', ...one.domain }
      expect(verifyTypedData(domain, struct.types, typed, `0x${one.signature}`).toLowerCase()).toBe(vectors.signer)
      expect(TypedDataEncoder.hash(domain, struct.types, typed)).toBe(`0x${one.digest}`)
    }
  })
})

test('seal vectors: commitments open, and the sets have the stated roots', () => {
  type Opened = { seal: never; claim: never; salt: string }
  const { openings, sets } = read('seal-set') as { openings: Opened[]; sets: { size: number; root: string }[] }
  const seals = openings.map(({ seal }) => Seal.sealStruct.fromJson(seal, 'seal'))
  openings.forEach((one, i) => {
    const claim = Claim.claimStruct.fromJson(one.claim, 'claim')
    expect(Seal.open(seals[i], claim, fromHex(one.salt))).toBe(claim)
    const preimage = encodeAbi(
      ['bytes32', 'address', 'bytes32'],
      [Claim.hash(claim), seals[i].provider, fromHex(one.salt)],
    )
    expect(seals[i].commitment).toEqual(keccak256(preimage))
  })
  for (const { size, root } of sets) expect(toHex(Seal.setRoot(seals.slice(0, size)))).toBe(root)
})

test('a seal set is the sized root, by hand, over the seals in order of their providers', () => {
  const { openings, sets } = read('seal-set') as { openings: { seal: never }[]; sets: { size: number; root: string }[] }
  const [a, b] = openings
    .slice(0, 2)
    .map(({ seal }) => Seal.sealStruct.fromJson(seal, 'seal'))
    .sort((x, y) => (x.provider < y.provider ? -1 : 1))
    .map((seal) => sha256(concat(Uint8Array.of(0), Seal.hash(seal))))
  const root = sha256(concat(Uint8Array.of(1), a, b))
  const size = fromHex('0000000000000002')
  expect(sets[2].root).toBe(toHex(sha256(concat(Uint8Array.of(3, 9), size, root))))
})

test('refusal vectors: the record follows from its four words', () => {
  const vectors = read('refusal') as (Record<string, never> & { record: string })[]
  expect(vectors.length).toBe(4)
  vectors.forEach(({ record, ...json }, i) => {
    const refusal = Refusal.refusalField.fromJson(json, 'refusal')
    expect(toHex(Refusal.hash(refusal))).toBe(record)
    const words = [refusal.step, refusal.node, refusal.element, i + 1].map((word) => encodeAbi(['uint256'], [word]))
    expect(record).toBe(toHex(sha256(concat(Uint8Array.of(4), ...words))))
  })
})
