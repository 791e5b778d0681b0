/** Whole rounds of a quorum for the tests: replicas with keys, sealing and revealing what they claim. */
import type { Bytes32 } from '../../src/core/bytes.js'
import * as Quorum from '../../src/attest/quorum.js'
import type { FaultCode } from '../../src/core/faults.js'
import type { Address } from '../../src/receipt/fields.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import * as Receipt from '../../src/receipt/receipt.js'
import * as Seal from '../../src/receipt/seal.js'
import type { Signer } from '../../src/receipt/signer.js'
import { OFF_CHAIN, type Domain } from '../../src/receipt/typed-data.js'
import { addressOf, claimOf, fill, jobUnder, metadata, requester, signerOf } from '../receipt/samples.js'

/** The job's deadline, the end of the window after it, and a time before both. */
export const DEADLINE = 1_900_000_000
export const WINDOW = 3600
export const EARLY = DEADLINE - 100
export const REVEALING = DEADLINE + 1
export const OVER = DEADLINE + WINDOW + 1

/** Replicas with keys of their own. */
export const team = (n: number): readonly Signer[] => Array.from({ length: n }, (_, i) => signerOf(0x70 + i))

/** A requested job that k of these replicas must agree on. */
export function jobFor(kOfN: string, replicas: readonly Signer[], domain: Domain = OFF_CHAIN): Promise<Job.SignedJob> {
  const policy = Policy.quorum(kOfN, { replicas: replicas.map(addressOf), window: WINDOW })
  return Job.sign(jobUnder(policy, { deadline: BigInt(DEADLINE) }), requester, { policy, domain })
}

/** One replica in one round. */
export interface Player {
  readonly signer: Signer
  readonly answer: number
  readonly sealing: Seal.Sealing
}

/** A replica that has sealed its answer. */
export async function player(job: Job.SignedJob, signer: Signer, answer = 7): Promise<Player> {
  const salt = fill(parseInt(addressOf(signer).slice(2, 4), 16))
  return { signer, answer, sealing: await Seal.sign(claimOf(job.job, answer), signer, { domain: job.domain, salt }) }
}

/** The receipt by which a player reveals what it sealed, or something else. */
export function receiptOf(
  job: Job.SignedJob,
  who: Player,
  change: { sealSet: Bytes32; answer?: number; issuedAt?: number },
): Promise<Receipt.SignedReceipt> {
  const { sealSet, answer = who.answer, issuedAt = 1 } = change
  const sealed = { sealSet, salt: who.sealing.salt }
  return Receipt.sign(claimOf(job.job, answer), who.signer, { job, metadata, issuedAt, sealed })
}

/** Players by their answers. */
export function players(
  job: Job.SignedJob,
  replicas: readonly Signer[],
  answers: readonly number[],
): Promise<Player[]> {
  return Promise.all(answers.map((answer, i) => player(job, replicas[i], answer)))
}

/** The quorum after these have sealed. */
export async function afterSeals(job: Job.SignedJob, sealing: readonly Player[], at = EARLY): Promise<Quorum.Quorum> {
  let quorum = await Quorum.open(job)
  for (const who of sealing) quorum = await Quorum.seal(quorum, who.sealing.signed, { at })
  return quorum
}

/** The quorum after these have revealed too. */
export async function afterReveals(
  quorum: Quorum.Quorum,
  revealing: readonly Player[],
  at = REVEALING,
): Promise<Quorum.Quorum> {
  const sealSet = Quorum.sealSet(quorum)
  for (const who of revealing)
    quorum = await Quorum.reveal(quorum, await receiptOf(quorum.job, who, { sealSet }), { at })
  return quorum
}

/** A whole round: everybody seals, everybody reveals. */
export async function round(kOfN: string, answers: readonly number[]): Promise<Quorum.Quorum> {
  const replicas = team(answers.length)
  const job = await jobFor(kOfN, replicas)
  const everybody = await players(job, replicas, answers)
  return afterReveals(await afterSeals(job, everybody), everybody)
}

/** The faults named for a provider. */
export function codesOf(rejections: readonly Quorum.Rejection[], provider: Address): readonly FaultCode[] {
  return rejections.filter((one) => one.provider === provider).map(({ code }) => code)
}
