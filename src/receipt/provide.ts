/**
 * The two ends of a job: a requester states it, a provider runs it and answers with a bundle.
 * @module
 */
import { ZERO32, equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import type { Course } from '../data/course.js'
import type { Program } from '../exact/program.js'
import type { Runtime } from '../runtime/runtime.js'
import {
  courseTerms,
  record,
  termsOf,
  type RecordOptions,
  type RunStore,
  type Terms,
  type Trace,
  type Work,
} from '../trace/trace.js'
import * as bundles from './bundle.js'
import type { Bundle } from './bundle.js'
import { from as claimFrom } from './claim.js'
import { ZERO_ADDRESS } from './fields.js'
import * as jobs from './job.js'
import type { Job, SignedJob } from './job.js'
import { from as metadataFrom, shorten, type Metadata } from './metadata.js'
import { claimed, hash as hashPolicy, type Policy } from './policy.js'
import { sign as signReceipt } from './receipt.js'
import * as seals from './seal.js'
import type { SignedSeal } from './seal.js'
import type { Signer } from './signer.js'
import type { Domain } from './typed-data.js'

/** What a requester decides beside the work. */
export interface JobOptions {
  /** Default: claimed, no checking demanded. */
  readonly policy?: Policy
  readonly operatorTrace?: boolean
  readonly commitEvery?: number
  /** Unix seconds; 0, the default, is none. */
  readonly deadline?: number
  readonly domain?: Domain
  /** Signs the job as its requester. Without one the job is unrequested. */
  readonly requester?: Signer
  /** Default: 32 random bytes. */
  readonly salt?: Bytes32
}

/** The job that asks for this work. */
export async function jobFor(work: Work, options: JobOptions = {}): Promise<SignedJob> {
  return jobOn(termsOf(work), options)
}

/** A run over a course that nobody has asked for yet. */
export interface Plan {
  readonly program: Program
  readonly course: Course
  readonly steps: number
}

/** The job that asks for this run. State and inputs follow from it: `Data.Course.open` makes them with the hash of this job. */
export async function jobForCourse({ program, ...plan }: Plan, options: JobOptions = {}): Promise<SignedJob> {
  return jobOn(courseTerms(program, plan), options)
}

async function jobOn(terms: Terms, options: JobOptions): Promise<SignedJob> {
  const { policy = claimed(), operatorTrace = false, commitEvery = 1, deadline = 0, domain, requester } = options
  const job = jobs.from({
    ...terms,
    commitEvery,
    operatorTrace,
    policy: hashPolicy(policy),
    requester: requester?.address ?? ZERO_ADDRESS,
    deadline,
    salt: options.salt ?? jobs.freshSalt(),
  })
  return requester === undefined ? jobs.unrequested(job, policy, domain) : jobs.sign(job, requester, { policy, domain })
}

/**
 * Refuses a job that asks for other work.
 * @throws Fault `receipt/wrong-program`, `receipt/wrong-state`, `receipt/wrong-inputs`, `receipt/wrong-run` (another number of steps).
 */
export function demandWork(job: Job, work: Work): void {
  const { steps, ...terms } = termsOf(work)
  const pairs = [
    ['receipt/wrong-program', terms.program, job.program],
    ['receipt/wrong-state', terms.initialState, job.initialState],
    ['receipt/wrong-inputs', terms.inputs, job.inputs],
  ] as const
  for (const [code, found, expected] of pairs)
    demand(equal(found, expected), code, () => 'the job asks for another one', {
      expected: toHex(expected),
      found: toHex(found),
    })
  demand(BigInt(steps) === job.steps, 'receipt/wrong-run', () => 'the job asks for another number of steps', {
    expected: job.steps,
    found: steps,
  })
}

/** What a provider brings. */
export interface ProvideOptions {
  readonly job: SignedJob
  readonly runtime: Runtime
  readonly signer: Signer
  /** The .onnx file: travels with the bundle, and its SHA-256 stands in the metadata. */
  readonly model?: Uint8Array
  /** Unix seconds; default now. */
  readonly issuedAt?: number
  readonly onProgress?: RecordOptions['onProgress']
  readonly signal?: AbortSignal
  /** Keeps what is committed, so that a run that was cut off goes on. */
  readonly store?: RunStore
}

/** A run that is sealed and not yet revealed: publish `seal`, keep the rest. */
export interface Sealed {
  readonly seal: SignedSeal
  readonly trace: Trace
  /** Signs the receipt, after the seals are closed. `seals` must hold the own one; default: the own one alone. */
  reveal(options?: { seals?: readonly SignedSeal[] }): Promise<Bundle>
}

/**
 * Runs a job and seals the claim.
 * @throws Fault, where the work is not the job's; those of `record`. A run that its program refuses is sealed as such.
 */
export async function provide(work: Work, options: ProvideOptions): Promise<Sealed> {
  const { job, runtime, signer, model } = options
  demandWork(job.job, work)
  const recording = {
    operatorTrace: job.job.operatorTrace,
    commitEvery: Number(job.job.commitEvery),
    onProgress: options.onProgress,
    signal: options.signal,
    store: options.store,
  }
  const trace = await record(work, runtime, recording)
  return seal(trace, { job, signer, model, metadata: await metadataOf(runtime, model), issuedAt: options.issuedAt })
}

/** Seals the claim of a trace. */
export async function seal(
  trace: Trace,
  options: { job: SignedJob; signer: Signer; metadata: Metadata; model?: Uint8Array; issuedAt?: number },
): Promise<Sealed> {
  const { job, signer, metadata, model, issuedAt = Math.floor(Date.now() / 1000) } = options
  const claim = claimFrom(bundles.claimOf(trace, jobs.hash(job.job)))
  const { signed, salt } = await seals.sign(claim, signer, { domain: job.domain })
  return {
    seal: signed,
    trace,
    async reveal({ seals: list = [signed] } = {}) {
      const sealSet = seals.setRoot(list.map((other) => other.seal))
      const receipt = await signReceipt(claim, signer, {
        job,
        metadata,
        issuedAt,
        refusal: trace.refusal,
        sealed: { sealSet, salt },
      })
      return bundles.from(trace, receipt, { model, seal: signed })
    },
  }
}

/**
 * The receipt of a bundle, signed again as a witness of a closed list of seals, which must hold the bundle's own.
 * @throws Fault `receipt/wrong-seal` where it does not, `receipt/bad-signature` where the signer is not the provider.
 */
export async function witness(
  bundle: Bundle,
  list: readonly SignedSeal[],
  { signer }: { signer: Signer },
): Promise<Bundle> {
  const { domain, job, policy, jobSignature, receipt, metadata, refusal } = bundle.receipt
  const own = list.find((other) => other.seal.provider === receipt.provider)
  demand(
    own !== undefined && metadata.sealSalt !== undefined,
    'receipt/wrong-seal',
    () => 'the list does not hold the seal of this provider',
  )
  seals.open(own.seal, receipt.claim, metadata.sealSalt)
  const sealed = { sealSet: seals.setRoot(list.map((other) => other.seal)), salt: metadata.sealSalt }
  const signed = await signReceipt(receipt.claim, signer, {
    job: { domain, job, policy, signature: jobSignature },
    metadata,
    issuedAt: receipt.issuedAt,
    refusal,
    sealed,
  })
  return { ...bundle, receipt: signed, seal: own }
}

/** What a provider says of itself. Not trusted by anybody. */
export async function metadataOf(runtime: Runtime, model?: Uint8Array): Promise<Metadata> {
  const { runtime: name, version, threads, host } = await runtime.describe()
  return metadataFrom({
    compiler: shorten(`countersign ${VERSION}`),
    model: model === undefined ? ZERO32 : sha256(model),
    processor: shorten(host),
    runtime: shorten(name),
    versions: shorten(`${version}, ${threads} threads`),
  })
}

/** Version of this package, as it stands in package.json (a test compares them). */
export const VERSION = '0.1.0'
