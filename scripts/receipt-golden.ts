/**
 * Writes test/vectors/golden/*.json: one file of each format as this release writes it, signatures included. Files of a released version are
 * never written again: a later release must still read and verify them.
 *
 * Run: npx tsx scripts/receipt-golden.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { Attestation, Quorum } from '../src/attest/index.js'
import { keccak256 } from '../src/core/keccak.js'
import {
  Claim,
  Equivocation,
  Job,
  Metadata,
  Policy,
  Receipt,
  Refusal,
  Seal,
  Signer,
  TypedData,
  Verdict,
} from '../src/receipt/index.js'

const salted = (n: number): Uint8Array => keccak256(Uint8Array.of(n))
const [requester, ...replicas] = [1, 2, 3, 4].map((n) => Signer.fromKey(salted(n)))
const domain = TypedData.domain(31_337, '0x00000000000000000000000000000000000000ff')
const policy = Policy.quorum('2/3', { replicas: replicas.map(({ address }) => address), window: 3600 })
const unsigned = Job.from({
  program: salted(30),
  initialState: salted(31),
  inputs: salted(32),
  steps: 3,
  commitEvery: 2,
  operatorTrace: true,
  policy: Policy.hash(policy),
  requester: requester.address,
  deadline: 1_900_000_000,
  salt: salted(33),
})
const job = await Job.sign(unsigned, requester, { policy, domain })
const metadata = Metadata.from({
  compiler: 'countersign 0.1.0',
  model: salted(40),
  processor: 'x64',
  runtime: 'reference',
  versions: 'node 20',
})
const refusal = Refusal.from({ step: 1, node: 17, element: 5, reason: 'zero-divisor' })
const honest = Claim.from({
  job: Job.hash(unsigned),
  outputs: Refusal.hash(refusal),
  finalState: salted(41),
  run: salted(42),
})
const dishonest = Claim.from({ ...honest, outputs: salted(43) })
const claims = [honest, dishonest, honest]

const sealings = await Promise.all(
  replicas.map((signer, i) => Seal.sign(claims[i], signer, { domain, salt: salted(50 + i) })),
)
let quorum = await Quorum.open(job)
for (const { signed } of sealings) quorum = await Quorum.seal(quorum, signed, { at: 1_899_999_999 })
const sealSet = Quorum.sealSet(quorum)
const receipts: Receipt.SignedReceipt[] = []
for (const [i, signer] of replicas.entries()) {
  const sealed = { sealSet, salt: sealings[i].salt }
  const options = { job, metadata, issuedAt: 1_900_000_001, sealed, ...(i === 1 ? {} : { refusal }) }
  receipts.push(await Receipt.sign(claims[i], signer, options))
  quorum = await Quorum.reveal(quorum, receipts[i], { at: 1_900_000_002 })
}
const second = await Receipt.sign(dishonest, replicas[0], { job, metadata, issuedAt: 1_900_000_003 })
const verdict = Verdict.from({
  receipt: Receipt.hash(receipts[1].receipt),
  policy: Policy.hash(policy),
  outcome: 'refuted',
  grade: 'replayed',
  sampled: 2,
  total: 3,
  evidence: salted(60),
  auditor: requester.address,
  issuedAt: 1_900_000_100,
})

const files = {
  policy: Policy.encode(policy),
  claim: Claim.encode(honest),
  metadata: Metadata.encode(metadata),
  refusal: Refusal.encode(refusal),
  job: Job.encode(job),
  seal: Seal.encode(sealings[0].signed),
  receipt: Receipt.encode(receipts[0]),
  verdict: Verdict.encode(await Verdict.sign(verdict, requester, { domain })),
  quorum: Attestation.encode(Attestation.from(quorum, 1_900_000_002)),
  equivocation: Equivocation.encode(Equivocation.fromReceipts(receipts[0], second)!),
}
const folder = new URL('../test/vectors/golden/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const [name, bytes] of Object.entries(files)) writeFileSync(new URL(`${name}.json`, folder), bytes)
console.log(`${Object.keys(files).length} files in test/vectors/golden`)
