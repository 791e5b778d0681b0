/**
 * Batches on a chain: many payments under one root of a settlement tree, each fetched by its provider (`countersign/settlement` makes the trees).
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import type { Address } from '../receipt/fields.js'
import type { Landed } from './calls.js'
import type { Connection } from './connection.js'
import { ready } from './money.js'

/** A settlement tree that somebody pays for; its content names it. */
export interface Batch {
  readonly payer: Address
  readonly token: Address
  readonly root: Bytes32
  /** The tree has 2^depth leaves. */
  readonly depth: number
  /** Unix seconds from which on the payer may take back what is left. */
  readonly expires: bigint
}

/** What a provider fetches, with its way to the root. */
export interface Collecting {
  readonly job: Bytes32
  readonly claim: Bytes32
  readonly amount: bigint
  readonly path: readonly Bytes32[]
}

/** Pays for a tree. The account must be its payer. @throws Fault `chain/reverted`. */
export async function post(connection: Connection, batch: Batch, total: bigint): Promise<Landed> {
  const { batches } = connection
  const due = { token: batch.token, amount: total, to: batches.address }
  return batches.send('postBatch', [batch, total], await ready(connection, due))
}

/** Fetches the account's payments. @throws Fault `chain/reverted` (AlreadyCollected, NotInSettlement ...). */
export function collect({ batches }: Connection, batch: Batch, items: readonly Collecting[]): Promise<Landed> {
  return items.length === 1 ? batches.send('collect', [batch, items[0]]) : batches.send('collectMany', [batch, items])
}

/** Takes back what nobody fetched, after the batch has expired. @throws Fault `chain/reverted`. */
export function reclaim({ batches }: Connection, batch: Batch): Promise<Landed> {
  return batches.send('reclaim', [batch])
}

/** What is left of a batch's deposit. */
export async function leftOf({ batches }: Connection, batch: Batch): Promise<bigint> {
  return batches.read('leftOf', await batches.read('idOf', batch))
}
