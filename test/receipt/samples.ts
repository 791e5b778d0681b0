/** Sample statements for the tests: accounts from known keys, and arbitrary structures for fast-check. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { Fault, type FaultCode } from '../../src/core/faults.js'
import * as Claim from '../../src/receipt/claim.js'
import { toAddress, type Address } from '../../src/receipt/fields.js'
import * as Job from '../../src/receipt/job.js'
import * as Metadata from '../../src/receipt/metadata.js'
import * as Policy from '../../src/receipt/policy.js'
import * as Receipt from '../../src/receipt/receipt.js'
import * as Seal from '../../src/receipt/seal.js'
import { fromKey, type AccountSigner, type Signer } from '../../src/receipt/signer.js'
import { domain, OFF_CHAIN, type Domain } from '../../src/receipt/typed-data.js'

/** 32 equal bytes. */
export const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

/** A signer from a key of 32 equal bytes. */
export const signerOf = (byte: number): AccountSigner => fromKey(fill(byte))

export const requester = signerOf(0x11)
export const alice = signerOf(0x22)
export const bob = signerOf(0x33)
export const carol = signerOf(0x44)
export const mallory = signerOf(0x66)
export const addressOf = (signer: Signer): Address => toAddress(signer.address)

export const ON_CHAIN: Domain = domain(1, '0x00000000000000000000000000000000000000ff')

export const metadata = Metadata.from({
  compiler: 'countersign 0.1.0',
  model: fill(0xaa),
  processor: 'AMD EPYC 9654 96-Core Processor',
  runtime: 'ort-node',
  versions: 'onnxruntime-node 1.30.0, node 20.20.0, linux x64',
})

/** A job under a policy. */
export function jobUnder(policy: Policy.Policy, change: Partial<Job.Job> = {}): Job.Job {
  return Job.from({
    program: fill(1),
    initialState: fill(2),
    inputs: fill(3),
    steps: 1,
    commitEvery: 1,
    operatorTrace: false,
    policy: Policy.hash(policy),
    requester: requester.address,
    deadline: 1_900_000_000,
    salt: fill(4),
    ...change,
  })
}

/** The claim of an honest run of the job; another byte is another answer. */
export function claimOf(job: Job.Job, answer = 7): Claim.Claim {
  return Claim.from({ job: Job.hash(job), outputs: fill(answer), finalState: fill(2), run: fill(9) })
}

/** A requested job under a policy. */
export function signedJob(policy: Policy.Policy = Policy.claimed(), where: Domain = OFF_CHAIN): Promise<Job.SignedJob> {
  return Job.sign(jobUnder(policy), requester, { policy, domain: where })
}

/** A receipt without a seal. */
export async function receiptBy(signer: Signer, job: Job.SignedJob, answer = 7): Promise<Receipt.SignedReceipt> {
  return Receipt.sign(claimOf(job.job, answer), signer, { job, metadata, issuedAt: 1_800_000_000 })
}

/** A receipt with its seal, alone in the seal set. */
export async function sealedReceiptBy(signer: Signer, job: Job.SignedJob): Promise<Receipt.SignedReceipt> {
  const claim = claimOf(job.job)
  const { signed, salt } = await Seal.sign(claim, signer, { domain: job.domain, salt: fill(0x5a) })
  const sealed = { sealSet: Seal.setRoot([signed.seal]), salt }
  return Receipt.sign(claim, signer, { job, metadata, issuedAt: 1_800_000_000, sealed })
}

/** The code of the fault that the action throws; fails where it throws none, or something else. */
export async function codeOf(action: () => unknown): Promise<FaultCode> {
  try {
    await action()
  } catch (error) {
    if (error instanceof Fault) return error.code
    throw error
  }
  return expect.unreachable('nothing was refused')
}

/** A copy of the bytes with one bit flipped. */
export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const out = bytes.slice()
  out[bit >> 3] ^= 1 << (bit & 7)
  return out
}

export const anyBytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
export const anyUint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
export const anyHolder = fc
  .bigInt({ min: 1n, max: (1n << 160n) - 1n })
  .map((n): Address => `0x${n.toString(16).padStart(40, '0')}`)
export const anyDomain: fc.Arbitrary<Domain> = fc.oneof(
  fc.constant(OFF_CHAIN),
  fc
    .tuple(fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }), anyHolder)
    .map(([chainId, contract]) => domain(chainId, contract)),
)
export const anySignature = fc.uint8Array({ minLength: 1, maxLength: 100 })
export const anyName = fc.stringMatching(/^[\x20-\x7e]{0,64}$/)

export const anyPolicy: fc.Arbitrary<Policy.Policy> = fc.oneof(
  fc.constant(Policy.claimed()),
  anyUint64.filter((w) => w > 0n).map((window) => Policy.optimistic(window)),
  fc
    .record({
      samples: fc.integer({ min: 0, max: 65535 }),
      auditors: fc.uniqueArray(anyHolder, { maxLength: 4 }),
      window: anyUint64,
    })
    .map(({ samples, ...options }) => Policy.audited(samples, options)),
  fc
    .record({
      replicas: fc.uniqueArray(anyHolder, { minLength: 1, maxLength: 6 }),
      window: anyUint64,
      candidates: anyBytes32,
    })
    .map((options) =>
      Policy.quorum(`${Math.floor(options.replicas.length / 2) + 1}/${options.replicas.length}`, options),
    ),
)
export const anyJob: fc.Arbitrary<Job.Job> = fc
  .record({
    program: anyBytes32,
    initialState: anyBytes32,
    inputs: anyBytes32,
    steps: anyUint64.filter((n) => n > 0n),
    commitEvery: anyUint64.filter((n) => n > 0n),
    operatorTrace: fc.boolean(),
    policy: anyBytes32,
    requester: anyHolder,
    deadline: anyUint64,
    salt: anyBytes32,
  })
  .map(Job.from)
export const anyClaim: fc.Arbitrary<Claim.Claim> = fc
  .record({ job: anyBytes32, outputs: anyBytes32, finalState: anyBytes32, run: anyBytes32 })
  .map(Claim.from)
export const anyMetadata: fc.Arbitrary<Metadata.Metadata> = fc
  .record({
    compiler: anyName,
    sealSalt: fc.option(anyBytes32, { nil: undefined }),
    model: anyBytes32,
    processor: anyName,
    runtime: anyName,
    versions: anyName,
  })
  .map(Metadata.from)
export const anyReceipt: fc.Arbitrary<Receipt.Receipt> = fc
  .record({ claim: anyClaim, provider: anyHolder, sealSet: anyBytes32, metadata: anyBytes32, issuedAt: anyUint64 })
  .map(Receipt.from)
export const anySeal: fc.Arbitrary<Seal.Seal> = fc
  .record({ job: anyBytes32, provider: anyHolder, commitment: anyBytes32 })
  .map(Seal.from)
