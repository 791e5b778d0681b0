/**
 * Blocks: the claim's hash stands in a block of a chain, and the hash of a fixed later block is the randomness. The verifier asks a chain
 * that it trusts itself.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import * as fields from '../receipt/fields.js'
import type { Field, Input } from '../receipt/fields.js'
import type { BeaconKind, Evidence, Subject } from './evidence.js'

/** Blocks from the one that holds the claim to the one whose hash counts. A contract sees the hashes of the last 256 alone. */
export const DELAY = 4n

/** A block of a chain. */
export interface ChainBlock {
  readonly hash: Bytes32
  /** Unix seconds. */
  readonly timestamp: bigint
}

/** How a verifier asks a chain: through a node that it trusts, about blocks that it takes for final. */
export interface Chain {
  readonly chainId: bigint
  /**
   * The block with the **first** claim that the provider committed for the job, where that is this claim; undefined where there is none, or
   * it is another claim. A later commitment must not be given: it would be one more draw.
   */
  holds(subject: Subject): Promise<{ readonly number: bigint } | undefined>
  /** A block by its number; undefined where the chain does not have it yet. */
  block(number: bigint): Promise<ChainBlock | undefined>
}

/** A later block, and the one that holds the claim. */
export interface BlockBeacon {
  readonly kind: 'block'
  readonly chainId: bigint
  /** Number of the block that holds the claim. */
  readonly committed: bigint
  /** Number of the block whose hash is the randomness: committed + 4. */
  readonly number: bigint
}

const beaconField: Field<BlockBeacon> = fields.record<BlockBeacon>({
  kind: fields.oneOf(['block']),
  chainId: fields.bigUint(256),
  committed: fields.bigUint(64),
  number: fields.bigUint(64),
})

/** The beacon of a claim that stands in a block. @throws Fault `core/bad-number`. */
export function from({ chainId, committed }: Pick<Input<BlockBeacon>, 'chainId' | 'committed'>): BlockBeacon {
  const number = BigInt(committed) + DELAY
  return beaconField.from({ kind: 'block', chainId, committed, number }, 'beacon')
}

/** What a verifier of blocks relies on. */
export interface BlockOptions {
  /** The chain, as the verifier sees it. Without it nothing can be said about a block. */
  readonly chain?: Chain
}

/** Blocks, as a kind of beacon. */
export const kind: BeaconKind<BlockBeacon, BlockOptions> = { field: beaconField, verify }

/**
 * What a block shows: that its hash, the randomness, was not known when the claim was committed.
 * @throws Fault `attest/beacon-not-later`, `attest/chosen-round` for any other block than the rule's, `attest/no-chain`,
 * `attest/not-committed`, `attest/pending-beacon` while the chain does not have the block.
 * @remarks Trust: the node that is asked. Who builds a block can keep it back and so throw its hash away, at the price of the block.
 */
export async function verify(beacon: BlockBeacon, subject: Subject, options: BlockOptions = {}): Promise<Evidence> {
  const { chainId, committed, number } = beacon
  demandNumber(beacon)
  const chain = chainOf(beacon, options.chain)
  await demandCommitted(beacon, subject, chain)
  const earlier = await blockAt(chain, committed)
  const later = await blockAt(chain, number)
  demand(later.timestamp > earlier.timestamp, 'attest/beacon-not-later', () => 'a later block with an earlier time')
  return Object.freeze({
    kind: 'block',
    randomness: later.hash,
    seenAt: earlier.timestamp,
    notBefore: later.timestamp,
    convinces: 'anybody',
    trusted: true,
    by: `chain ${chainId}: that nobody builds its blocks ${committed} to ${number} alone`,
  })
}

function demandNumber({ committed, number }: BlockBeacon): void {
  const detail = { where: 'beacon.number', expected: committed + DELAY, found: number }
  demand(number > committed, 'attest/beacon-not-later', () => 'a block that is not after the claim', detail)
  demand(number === committed + DELAY, 'attest/chosen-round', () => 'not the block that follows by rule', detail)
}

function chainOf({ chainId }: BlockBeacon, chain: Chain | undefined): Chain {
  const right = chain !== undefined && chain.chainId === chainId
  demand(right, 'attest/no-chain', () => 'this chain cannot be asked', { expected: chainId, found: chain?.chainId })
  return chain
}

async function demandCommitted({ committed }: BlockBeacon, subject: Subject, chain: Chain): Promise<void> {
  const held = await ask(() => chain.holds(subject))
  demand(held?.number === committed, 'attest/not-committed', () => 'this block does not hold the claim', {
    expected: committed,
    found: held?.number ?? 'none',
  })
}

async function blockAt(chain: Chain, number: bigint): Promise<ChainBlock> {
  const found = await ask(() => chain.block(number))
  demand(found, 'attest/pending-beacon', () => 'the chain does not have this block yet', { found: number })
  const where = `block ${number}`
  return { hash: fields.bytes32.from(found.hash, where), timestamp: fields.bigUint(64).from(found.timestamp, where) }
}

async function ask<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question()
  } catch (cause) {
    throw new Fault('attest/no-chain', 'the chain could not be asked', { cause })
  }
}
