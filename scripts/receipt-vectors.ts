/**
 * Writes test/vectors/{policy,job,claim,receipt,seal,verdict,sighting,nonce,refusal,seal-set}.json: for each signed structure its EIP-712 type, and
 * cases with value, struct hash, digest and signature under several domains. A contract's tests read the same files.
 *
 * Run: npx tsx scripts/receipt-vectors.ts
 */
import { writeFileSync } from 'node:fs'
import { challengeStruct } from '../src/attest/nonce.js'
import { sightingStruct } from '../src/attest/sighting.js'
import { toHex } from '../src/core/bytes.js'
import { encodeJson, type Json } from '../src/core/json.js'
import { keccak256 } from '../src/core/keccak.js'
import { utf8 } from '../src/core/bytes.js'
import { Claim, Job, Policy, Receipt, Refusal, Seal, Signer, TypedData, Verdict } from '../src/receipt/index.js'

/** 32 different bytes for each number. */
const salted = (n: number): Uint8Array => keccak256(Uint8Array.of(n))
const keys = [1, 2, 3, 4].map((n) => salted(n))
const signers = keys.map((key) => Signer.fromKey(key))
const accounts = signers.map(({ address }) => address)
const MAX64 = (1n << 64n) - 1n
const DOMAINS = [
  TypedData.OFF_CHAIN,
  TypedData.domain(1, '0x00000000000000000000000000000000000000ff'),
  TypedData.domain((1n << 256n) - 1n, accounts[0]),
]

const policies = [
  Policy.claimed(),
  Policy.optimistic(MAX64),
  Policy.quorum('2/3', { replicas: accounts.slice(0, 3), window: 3600 }),
  Policy.quorum('451/676', { candidates: salted(20) }),
  Policy.audited(459, { auditors: [accounts[3]], window: 86_400 }),
  Policy.from({ ...Policy.claimed(), kind: 'proven', extension: salted(21) }),
]
const jobs = [
  Job.from({
    program: salted(30),
    initialState: salted(31),
    inputs: salted(32),
    steps: 1,
    commitEvery: 1,
    operatorTrace: false,
    policy: Policy.hash(policies[2]),
    requester: accounts[3],
    deadline: 1_800_000_000,
    salt: salted(33),
  }),
  Job.from({
    program: salted(34),
    initialState: salted(35),
    inputs: salted(36),
    steps: MAX64,
    commitEvery: 1000,
    operatorTrace: true,
    policy: Policy.hash(policies[0]),
    requester: accounts[3],
    deadline: MAX64,
    salt: salted(37),
  }),
]
const claims = jobs.map((job, i) =>
  Claim.from({ job: Job.hash(job), outputs: salted(40 + i), finalState: salted(42 + i), run: salted(44 + i) }),
)
const seals = claims.flatMap((claim) =>
  accounts.slice(0, 3).map((provider, i) => Seal.sealOf(claim, provider, salted(50 + i))),
)
const receipts = claims.map((claim, i) =>
  Receipt.from({
    claim,
    provider: accounts[0],
    sealSet: Seal.setRoot(seals.slice(3 * i, 3 * i + 3)),
    metadata: salted(60 + i),
    issuedAt: 1_790_000_000 + i,
  }),
)
const verdicts = receipts.map((receipt, i) =>
  Verdict.from({
    receipt: Receipt.hash(receipt),
    policy: Policy.hash(policies[4]),
    outcome: i === 0 ? 'valid' : 'refuted',
    grade: i === 0 ? 'replayed' : 'sampled',
    sampled: i === 0 ? 1 : 459,
    total: i === 0 ? 1 : MAX64,
    evidence: salted(70 + i),
    auditor: accounts[0],
    issuedAt: 1_790_000_100,
  }),
)

const subjects = claims.map((claim, i) => ({ job: claim.job, claim: Claim.hash(claim), provider: accounts[1 + i] }))
const sightings = subjects.map((subject, i) =>
  sightingStruct.from({ ...subject, witness: accounts[0], seenAt: i === 0 ? 1_790_000_200 : MAX64 }, 'sighting'),
)
const challenges = subjects.map((subject, i) =>
  challengeStruct.from(
    { ...subject, nonce: salted(80 + i), verifier: accounts[0], issuedAt: i === 0 ? 1_790_000_300 : MAX64 },
    'challenge',
  ),
)

async function signedCase<T>(struct: TypedData.Struct<T>, value: T, domain: TypedData.Domain): Promise<Json> {
  const signature = await Signer.sign(signers[0], { struct, value, domain })
  return {
    domain: TypedData.domainField.toJson(domain),
    value: struct.toJson(value),
    domainSeparator: toHex(TypedData.domainSeparator(domain)),
    hash: toHex(struct.hash(value)),
    digest: toHex(TypedData.digest(domain, struct, value)),
    signature: toHex(signature),
  }
}

async function vectorsOf<T>(struct: TypedData.Struct<T>, values: readonly T[]): Promise<Json> {
  const cases: Json[] = []
  for (const value of values) for (const domain of DOMAINS) cases.push(await signedCase(struct, value, domain))
  return { type: struct.typeString, typeHash: toHex(keccak256(utf8(struct.typeString))), signer: accounts[0], cases }
}

function sealSetVectors(): Json {
  const openings = claims.flatMap((claim) => [0, 1, 2].map((i) => ({ claim, salt: salted(50 + i) })))
  const opened = seals.map((seal, i): Json => ({
    seal: Seal.sealStruct.toJson(seal),
    claim: Claim.claimStruct.toJson(openings[i].claim),
    salt: toHex(openings[i].salt),
  }))
  const sets = [0, 1, 2, 3].map((size): Json => ({ size, root: toHex(Seal.setRoot(seals.slice(0, size))) }))
  return { openings: opened, sets }
}

function refusalVectors(): Json {
  const refusals = Refusal.REFUSAL_REASONS.map((reason, i) =>
    Refusal.from({ step: i, node: 2 ** 32 - 1 - i, element: i * 2 ** 40, reason }),
  )
  return refusals.map((refusal): Json => ({
    ...(Refusal.refusalField.toJson(refusal) as object),
    record: toHex(Refusal.hash(refusal)),
  }))
}

const files: Record<string, Json> = {
  policy: await vectorsOf(Policy.policyStruct, policies),
  job: await vectorsOf(Job.jobStruct, jobs),
  claim: await vectorsOf(Claim.claimStruct, claims),
  receipt: await vectorsOf(Receipt.receiptStruct, receipts),
  seal: await vectorsOf(Seal.sealStruct, seals),
  verdict: await vectorsOf(Verdict.verdictStruct, verdicts),
  sighting: await vectorsOf(sightingStruct, sightings),
  nonce: await vectorsOf(challengeStruct, challenges),
  'seal-set': sealSetVectors(),
  refusal: refusalVectors(),
}
for (const [name, content] of Object.entries(files)) {
  const path = new URL(`../test/vectors/${name}.json`, import.meta.url)
  writeFileSync(path, `${JSON.stringify(JSON.parse(encodeJson(content)), null, 1)}\n`)
  console.log(`test/vectors/${name}.json`)
}
