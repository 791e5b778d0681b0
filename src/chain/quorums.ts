/**
 * Quorums on a chain: seats are drawn or named, replicas seal, reveal, and those that agree are paid.
 * @module
 */
import { concat, toHex, utf8, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import type { Address } from '../receipt/fields.js'
import { freshSalt } from '../receipt/job.js'
import type { SignedReceipt } from '../receipt/receipt.js'
import { inOrder, type Seal, type SignedSeal } from '../receipt/seal.js'
import type { RunRefusal } from '../trace/refusal.js'
import type { Landed } from './calls.js'
import { accountOf, wholeSpan, type Connection } from './connection.js'
import type { Engaging, PostedJob } from './jobs.js'
import { ready } from './money.js'
import { policyOut, refusalOut } from './wire.js'

const NO_SIGNATURE = new Uint8Array(0)

/** Draws the seats of a quorum out of its candidates. By anybody. @throws Fault `chain/reverted` (NotDrawn, LostBeacon ...). */
export async function draw(
  connection: Connection,
  job: Bytes32,
  candidates: readonly Address[],
): Promise<readonly Address[]> {
  const { settlement } = connection
  const { logs } = await settlement.send('draw', [job, candidates])
  const [drawn] = settlement.eventsIn('SeatsDrawn', logs)
  return drawn.values.replicas
}

/** Who has the seats of a quorum, ascending: those that its policy names, or those that were drawn. @throws Fault `chain/unknown-claim` before they are. */
export async function replicasOf(
  connection: Connection,
  { hash, policy }: Pick<PostedJob, 'hash' | 'policy'>,
): Promise<readonly Address[]> {
  if (policy.auditors.length > 0) return policy.auditors
  const [drawn] = await connection.settlement.events('SeatsDrawn', await wholeSpan(connection), [hash])
  demand(drawn !== undefined, 'chain/unknown-claim', () => 'the seats are not drawn yet', { found: toHex(hash) })
  return drawn.values.replicas
}

/** Takes a seat with its stake. `replicas` are all of them, ascending. @throws Fault `chain/reverted` (NotASeat ...). */
export async function takeSeat(
  connection: Connection,
  { hash, terms, ...by }: Engaging,
  replicas: readonly Address[],
): Promise<Landed> {
  const { settlement } = connection
  const provider = by.provider ?? (await accountOf(connection))
  const seat = replicas.indexOf(provider)
  demand(seat >= 0, 'attest/not-a-replica', () => 'no seat for this account', { found: provider })
  const due = { token: terms.token, amount: terms.stake, to: settlement.address }
  const values = [hash, terms, provider, by.signature ?? NO_SIGNATURE, replicas, seat] as const
  return settlement.send('takeSeat', values, await ready(connection, due))
}

const REFUSED = keccak256(utf8('Countersign: seal of a refused run')).subarray(0, 16)

/** The salt for the seal of a refused run's claim: by its first half the provider says which it is, and nobody else can. */
export const refusedSalt = (): Bytes32 => concat(REFUSED, freshSalt().subarray(16))

/** Seals a claim, by its provider or with its signature. @throws Fault `chain/reverted` (TooLate ...). */
export function seal({ settlement }: Connection, { seal: own, signature }: SignedSeal): Promise<Landed> {
  return settlement.send('seal', [own, signature])
}

/** What a replica shows: its receipt, with the salt of its seal in the metadata. */
export type Shown = Pick<SignedReceipt, 'receipt' | 'metadata' | 'signature'>

function revealOf({ receipt, metadata, signature }: Shown) {
  const { sealSalt: salt } = metadata
  demand(salt !== undefined, 'receipt/wrong-seal', () => 'a receipt without the salt of its seal')
  return { receipt, salt, signature }
}

/** What the providers of a quorum showed. */
export interface Shows {
  readonly seals: readonly Seal[]
  /** Those that make one claim. */
  readonly receipts: readonly Shown[]
  /** Ascending; only where they were drawn. */
  readonly replicas?: readonly Address[]
  /** What the claim declares. */
  readonly refusal?: RunRefusal | undefined
}

/** Finds enough replicas to agree. By anybody. @throws Fault `chain/reverted` (NoAgreement, SealsOpen, WrongSeals ...). */
export function settle(
  { settlement }: Connection,
  { job, policy }: Pick<PostedJob, 'job' | 'policy'>,
  { seals, receipts, replicas = [], refusal }: Shows,
): Promise<Landed> {
  const shown = [...receipts].sort((a, b) => (a.receipt.provider < b.receipt.provider ? -1 : 1))
  const values = [job, policyOut(policy), replicas, inOrder(seals), shown.map(revealOf), refusalOut(refusal)] as const
  return settlement.send('settleQuorum', values)
}

/** Shows one replica's claim. @throws Fault `chain/reverted`. */
export function reveal(
  { settlement }: Connection,
  seals: readonly Seal[],
  shown: Shown & Pick<Shows, 'refusal'>,
): Promise<Landed> {
  return settlement.send('reveal', [inOrder(seals), revealOf(shown), refusalOut(shown.refusal)])
}

/** Gives the requester the shares that nobody earns. By anybody. @throws Fault `chain/reverted`. */
export function refund(
  { settlement }: Connection,
  { hash, terms }: Pick<PostedJob, 'hash' | 'terms'>,
): Promise<Landed> {
  return settlement.send('refund', [hash, terms])
}
