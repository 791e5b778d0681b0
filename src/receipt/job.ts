/**
 * Jobs: what a requester asks for.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import * as fields from './fields.js'
import type { Address, Field, Input } from './fields.js'
import { hash as hashPolicy, policyStruct, type Policy } from './policy.js'
import { maybeSignature, verify as verifySignature, type SignatureOptions } from './signature.js'
import { sign as signWith, type Signer } from './signer.js'
import { demandDomain, digest, domainField, format, OFF_CHAIN, struct, type Domain } from './typed-data.js'

/** What a requester asks for. */
export interface Job {
  /** Sized root of the program. */
  readonly program: Bytes32
  /** Sized root over the state before the first step. */
  readonly initialState: Bytes32
  /** Sized root over the inputs, or over the one leaf of a schedule. */
  readonly inputs: Bytes32
  /** How many steps, at least 1. */
  readonly steps: bigint
  /** How many steps one leaf of the run covers, at least 1. */
  readonly commitEvery: bigint
  /** True where every step commits the values of all operators. */
  readonly operatorTrace: boolean
  /** hashStruct of the policy. */
  readonly policy: Bytes32
  /** Who asks; the zero address where nobody stands behind the job. */
  readonly requester: Address
  /** Unix seconds by which the work is done (quorum: sealed); 0 for no deadline. */
  readonly deadline: bigint
  /** Makes the job another one than every other with the same content. */
  readonly salt: Bytes32
}

/** Job, as typed data. @see docs/formats.md */
export const jobStruct = struct<Job>(
  'Job',
  {
    program: fields.bytes32,
    initialState: fields.bytes32,
    inputs: fields.bytes32,
    steps: fields.bigUint(64),
    commitEvery: fields.bigUint(64),
    operatorTrace: fields.bool,
    policy: fields.bytes32,
    requester: fields.address,
    deadline: fields.bigUint(64),
    salt: fields.bytes32,
  },
  {
    rule({ steps, commitEvery }, where) {
      demand(steps > 0n, 'core/bad-number', () => 'a job has at least one step', { where: `${where}.steps` })
      demand(commitEvery > 0n, 'core/bad-number', () => 'a leaf covers at least one step', {
        where: `${where}.commitEvery`,
      })
    },
  },
)

/** A job with its policy, as a requester hands it out. Without a signature it is **unrequested**: nobody stands behind it. */
export interface SignedJob {
  readonly domain: Domain
  readonly job: Job
  readonly policy: Policy
  /** The requester's. */
  readonly signature?: Uint8Array | undefined
}

/** The fields of a signed job, for use inside other files. */
export const signedJobField: Field<SignedJob> = fields.record<SignedJob>({
  domain: domainField,
  job: jobStruct,
  policy: policyStruct,
  signature: maybeSignature,
})

/** Files of up to 64 KiB: a policy may name a thousand accounts. */
const jobFormat = format('job', signedJobField, 1 << 16)

/**
 * A job, checked and frozen.
 * @throws Fault `core/bad-field`, `core/bad-number`, `core/missing-field`, `core/unknown-field`.
 */
export function from(job: Input<Job>): Job {
  return jobStruct.from(job, 'job')
}

/** 32 fresh random bytes: the salt of a job or a seal. */
export function freshSalt(): Bytes32 {
  return globalThis.crypto.getRandomValues(new Uint8Array(32))
}

/** hashStruct(Job): what a claim names, and what seeds are made from. */
export const hash: (job: Job) => Bytes32 = jobStruct.hash

/** A job that nobody signs. @throws Fault `receipt/wrong-policy`. */
export function unrequested(job: Job, policy: Policy, domain: Domain = OFF_CHAIN): SignedJob {
  return demandPolicy(Object.freeze({ domain, job, policy }))
}

/** What a requester signs with, and where. */
export interface JobSigning extends SignatureOptions {
  readonly policy: Policy
  readonly domain?: Domain
}

/**
 * A job signed by its requester.
 * @throws Fault `receipt/bad-signature` where the signer is not the job's requester, `receipt/wrong-policy`.
 */
export async function sign(
  job: Job,
  signer: Signer,
  { policy, domain = OFF_CHAIN, ...options }: JobSigning,
): Promise<SignedJob> {
  demandSigner(signer, job.requester, 'requester')
  const bare = unrequested(job, policy, domain)
  const signature = await signWith(signer, { struct: jobStruct, value: job, domain }, options)
  return Object.freeze({ ...bare, signature })
}

/** Refuses a signer who is not the account that the statement names. @throws Fault `receipt/bad-signature`. */
export function demandSigner(signer: Signer, expected: Address, role: string): void {
  const found = fields.toAddress(signer.address)
  demand(found === expected, 'receipt/bad-signature', () => `the signer is not the ${role}`, { expected, found })
}

/** Canonical JSON of a signed or unrequested job with its policy. */
export const encode: (signed: SignedJob) => Uint8Array = jobFormat.encode

/** A job from its canonical JSON; signature and policy hash are not checked yet. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => SignedJob = jobFormat.decode

/** What a verifier of a job relies on. */
export interface JobOptions extends SignatureOptions {
  /** The only domain in which a statement counts; any, if absent. */
  readonly domain?: Domain
  /** True where a job counts only if its requester signed it. */
  readonly requested?: boolean
}

/**
 * The job, after its policy was found to be the one it names, and its signature, if it has one, its requester's.
 * @throws Fault `receipt/wrong-domain`, `receipt/wrong-policy`, `receipt/unrequested` (only where `requested` is set), and the
 * faults of signatures.
 */
export async function verify(signed: SignedJob, options: JobOptions = {}): Promise<SignedJob> {
  demandDomain(signed.domain, options.domain)
  demandPolicy(signed)
  demand(isRequested(signed) || !options.requested, 'receipt/unrequested', () => 'the requester did not sign')
  return verifyRequester(signed, options)
}

/** The job, after its requester's signature, if there is one, was checked. @throws Fault, of signatures. */
export async function verifyRequester(signed: SignedJob, options: SignatureOptions): Promise<SignedJob> {
  const { domain, job, signature } = signed
  if (signature !== undefined) {
    await verifySignature({ digest: digest(domain, jobStruct, job), signature, signer: job.requester, domain }, options)
  }
  return signed
}

/** True where a requester signed. Whether rightly, `verify` tells. */
export function isRequested(signed: SignedJob): boolean {
  return signed.signature !== undefined
}

/** The job, after its policy was found to be the one it names. @throws Fault `receipt/wrong-policy`. */
export function demandPolicy(signed: SignedJob): SignedJob {
  const found = hashPolicy(signed.policy)
  demand(equal(found, signed.job.policy), 'receipt/wrong-policy', () => 'another policy than the job names', {
    expected: toHex(signed.job.policy),
    found: toHex(found),
  })
  return signed
}
