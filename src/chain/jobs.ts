/**
 * The life of a job on a chain: posted with its payment, taken with a stake, claimed, and settled when the time to dispute is over.
 * @module
 */
import { toHex, type Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import { claimStruct, from as claimFrom, type Claim } from '../receipt/claim.js'
import * as fields from '../receipt/fields.js'
import type { Address } from '../receipt/fields.js'
import { hash as hashJob, type Job } from '../receipt/job.js'
import type { Policy } from '../receipt/policy.js'
import type { SignedReceipt } from '../receipt/receipt.js'
import { sign as signWith, type Signer as StatementSigner } from '../receipt/signer.js'
import { struct } from '../receipt/typed-data.js'
import type { SignedVerdict } from '../receipt/verdict.js'
import type { RunRefusal } from '../trace/refusal.js'
import type { Landed } from './calls.js'
import { accountOf, domainOf, wholeSpan, type Connection } from './connection.js'
import { ready } from './money.js'
import { from as termsFrom, hash as hashTerms, type Terms } from './terms.js'
import { demandJob, idOf, jobIn, policyIn, policyOut, refusalIn, refusalOut, verdictOut } from './wire.js'

/** A job as it was posted. */
export interface PostedJob {
  readonly hash: Bytes32
  readonly job: Job
  readonly policy: Policy
  readonly terms: Terms
}

/** Who is meant, where the account itself is not: with its signature, so that somebody else may send and pay. */
export interface OnBehalf {
  readonly signature?: Uint8Array
  /** Of whom; the account that sends, unless told. */
  readonly provider?: Address
}

const NO_SIGNATURE = new Uint8Array(0)

// ---------------------------------------------------------------- posting

/**
 * Posts a job and pays for it. By its requester, or with its signature.
 * @throws Fault `chain/reverted` (AlreadyPosted, UndescribedProgram, ShortMoves, ShortWindow ...), `chain/no-funds`.
 */
export async function post(
  connection: Connection,
  { job, policy, terms }: Omit<PostedJob, 'hash'>,
  { signature = NO_SIGNATURE }: Pick<OnBehalf, 'signature'> = {},
): Promise<Landed> {
  const { settlement } = connection
  const due = { token: terms.token, amount: terms.payment, to: settlement.address }
  return settlement.send('post', [job, policyOut(policy), terms, signature], await ready(connection, due))
}

/** A job as it was posted, out of the chain's events. @throws Fault `chain/unknown-job`, `receipt/wrong-job`. */
export async function read(connection: Connection, hash: Bytes32): Promise<PostedJob> {
  const [posted] = await connection.settlement.events('JobPosted', await wholeSpan(connection), [hash])
  demand(posted !== undefined, 'chain/unknown-job', () => 'nobody posted it', { found: toHex(hash) })
  const { content, policy, terms } = posted.values
  return { hash, job: demandJob(jobIn(content), hash), policy: policyIn(policy), terms: termsFrom(terms) }
}

/** Takes the payment back while nobody works for it. @throws Fault `chain/reverted`. */
export function cancel(
  { settlement }: Connection,
  { hash, terms }: Pick<PostedJob, 'hash' | 'terms'>,
): Promise<Landed> {
  return settlement.send('cancel', [hash, terms])
}

// ---------------------------------------------------------------- taking and claiming

/** Which job, and by whom. */
export type Engaging = Pick<PostedJob, 'hash' | 'terms'> & OnBehalf

/**
 * Takes a job with its stake: the provider's statement that it holds program, state, inputs and data set of the job.
 * @throws Fault `chain/reverted` (JobTaken, TooLate ...), `chain/no-funds`.
 */
export async function take(connection: Connection, { hash, terms, ...by }: Engaging): Promise<Landed> {
  const { settlement } = connection
  const provider = by.provider ?? (await accountOf(connection))
  const due = { token: terms.token, amount: terms.stake, to: settlement.address }
  const values = [hash, terms, provider, by.signature ?? NO_SIGNATURE] as const
  return settlement.send('take', values, await ready(connection, due))
}

/** Files what a run gave. @throws Fault `chain/reverted` (WrongState, TooLate ...). */
export async function fileClaim(
  connection: Connection,
  claim: Claim,
  { refusal, signature = NO_SIGNATURE, provider }: OnBehalf & { readonly refusal?: RunRefusal | undefined } = {},
): Promise<Landed> {
  const by = provider ?? (await accountOf(connection))
  return connection.settlement.send('fileClaim', [claim, by, refusalOut(refusal), signature])
}

// ---------------------------------------------------------------- ends

/** The engagement of a provider with a job. */
export type Engaged = Pick<PostedJob, 'hash' | 'terms'> & { readonly provider: Address }

/** Pays a claim whose time to be disputed is over. By anybody. @throws Fault `chain/reverted` (TooEarly, Disputed ...). */
export function settle({ settlement }: Connection, { hash, provider, terms }: Engaged): Promise<Landed> {
  return settlement.send('settle', [hash, provider, terms])
}

/** Ends the engagement of a provider that showed no claim in time. By anybody. @throws Fault `chain/reverted`. */
export function expire({ settlement }: Connection, { hash, provider, terms }: Engaged): Promise<Landed> {
  return settlement.send('expire', [hash, provider, terms])
}

/** Gives a provider of a void job its stake back. By anybody. @throws Fault `chain/reverted`. */
export function release({ settlement }: Connection, { hash, provider, terms }: Engaged): Promise<Landed> {
  return settlement.send('release', [hash, provider, terms])
}

/** Settles an audited claim by the verdict of an auditor whom the policy names. By anybody. @throws Fault `chain/reverted`. */
export function settleAudited(
  { settlement }: Connection,
  { job, policy, terms }: Omit<PostedJob, 'hash'>,
  {
    receipt: { receipt },
    said: { verdict, signature },
  }: { readonly receipt: SignedReceipt; readonly said: SignedVerdict },
): Promise<Landed> {
  const values = [job, policyOut(policy), terms, receipt, verdictOut(verdict), signature] as const
  return settlement.send('settleAudited', values)
}

/** Pays for a proven claim, by its proof. By anybody. @throws Fault `chain/reverted`. */
export function settleProven(
  { settlement }: Connection,
  { job, terms }: Omit<PostedJob, 'hash' | 'policy'>,
  proven: { readonly claim: Claim; readonly provider: Address; readonly proof: Uint8Array },
): Promise<Landed> {
  return settlement.send('settleProven', [job, terms, proven.claim, proven.provider, proven.proof])
}

// ---------------------------------------------------------------- what stands on the chain

/** States of an engagement, in the order of their numbers. */
export const STATES = ['none', 'taken', 'sealed', 'claimed', 'paid', 'slashed', 'expired', 'void'] as const

/** How a provider stands with a job. */
export interface Engagement {
  readonly state: (typeof STATES)[number]
  /** hashStruct(Claim), zero before there is one. */
  readonly claim: Bytes32
  /** Unix seconds; the last one in which a game may be opened. */
  readonly closes: bigint
  readonly claimedAt: bigint
}

/** How a provider stands with a job. @throws Fault `chain/failed`. */
export async function engagementOf({ settlement }: Connection, id: Bytes32): Promise<Engagement> {
  const { state, claim, closes, claimedAt } = await settlement.read('engagementOf', id)
  return { state: STATES[state], claim, closes, claimedAt }
}

/** The providers that took a job, or seats of it, in their order. @throws Fault `chain/failed`. */
export async function takersOf(connection: Connection, job: Bytes32): Promise<readonly Address[]> {
  const taken = await connection.settlement.events('JobTakenBy', await wholeSpan(connection), [job])
  return taken.map(({ values }) => values.provider)
}

/** The hashes of all jobs that were posted, in their order. @throws Fault `chain/failed`. */
export async function list(connection: Connection): Promise<readonly Bytes32[]> {
  const posted = await connection.settlement.events('JobPosted', await wholeSpan(connection))
  return posted.map(({ values }) => values.job)
}

/** A claim that stands on a chain. */
export interface FiledClaim {
  readonly id: Bytes32
  readonly provider: Address
  readonly claim: Claim
  readonly refusal: RunRefusal | undefined
}

/** The claim that a provider filed about a job. @throws Fault `chain/unknown-claim`. */
export async function readClaim(connection: Connection, job: Bytes32, provider: Address): Promise<FiledClaim> {
  const [filed] = await connection.settlement.events('ClaimFiled', await wholeSpan(connection), [job, provider])
  if (filed === undefined) throw new Fault('chain/unknown-claim', 'no such claim', { found: provider })
  return claimIn(filed.values)
}

/** A claim out of its event. */
export function claimIn(said: {
  readonly job: Bytes32
  readonly provider: Address
  readonly claim: Claim
  readonly declared: Parameters<typeof refusalIn>[0]
}): FiledClaim {
  const { job, provider } = said
  return { id: idOf(job, provider), provider, claim: claimFrom(said.claim), refusal: refusalIn(said.declared) }
}

// ---------------------------------------------------------------- signing for somebody else to send

export interface Posting {
  readonly job: Bytes32
  readonly terms: Bytes32
}
/** Posting, as typed data: by signing, a requester has somebody post its job for it. */
export const postingStruct = struct<Posting>('Posting', { job: fields.bytes32, terms: fields.bytes32 })

export interface Taking extends Posting {
  readonly provider: Address
}
/** Taking, as typed data: by signing, a provider takes a job. */
export const takingStruct = struct<Taking>('Taking', {
  job: fields.bytes32,
  provider: fields.holder,
  terms: fields.bytes32,
})

export interface Declared {
  readonly refused: boolean
  readonly step: bigint
  readonly node: number
  readonly element: bigint
  readonly reason: number
}
const declaredStruct = struct<Declared>('Refusal', {
  refused: fields.bool,
  step: fields.bigUint(64),
  node: fields.uint(32),
  element: fields.bigUint(64),
  reason: fields.uint(8),
})

export interface Filing {
  readonly claim: Claim
  readonly provider: Address
  readonly declared: Declared
}
/** Filing, as typed data: by signing, a provider has somebody file its claim for it. */
export const filingStruct = struct<Filing>(
  'Filing',
  { claim: claimStruct, provider: fields.holder, declared: declaredStruct },
  { inner: { claim: claimStruct, declared: declaredStruct } },
)

/** The signature with which somebody else posts a job. @throws Fault `receipt/bad-signature`. */
export function signPosting(
  { deployment }: Connection,
  { job, terms }: Pick<PostedJob, 'job' | 'terms'>,
  signer: StatementSigner,
): Promise<Uint8Array> {
  const value = { job: hashJob(job), terms: hashTerms(terms) }
  return signWith(signer, { struct: postingStruct, value, domain: domainOf(deployment) })
}

/** The signature with which somebody else has the signer take a job. @throws Fault `receipt/bad-signature`. */
export function signTaking(
  { deployment }: Connection,
  { hash, terms }: Pick<PostedJob, 'hash' | 'terms'>,
  signer: StatementSigner,
): Promise<Uint8Array> {
  const value = { job: hash, provider: fields.toAddress(signer.address), terms: hashTerms(terms) }
  return signWith(signer, { struct: takingStruct, value, domain: domainOf(deployment) })
}

/** The signature with which somebody else files the signer's claim. @throws Fault `receipt/bad-signature`. */
export function signFiling(
  { deployment }: Connection,
  { claim, refusal }: { readonly claim: Claim; readonly refusal?: RunRefusal | undefined },
  signer: StatementSigner,
): Promise<Uint8Array> {
  const said = refusalOut(refusal)
  const declared = { ...said, step: BigInt(said.step), node: Number(said.node), element: BigInt(said.element) }
  const value = {
    claim,
    provider: fields.toAddress(signer.address),
    declared: { ...declared, reason: Number(said.reason) },
  }
  return signWith(signer, { struct: filingStruct, value, domain: domainOf(deployment) })
}
