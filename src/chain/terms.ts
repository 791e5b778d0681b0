/**
 * Terms: what a job pays on a chain and what it costs to break it. The settlement stores their hash, so they come with every transaction that moves money.
 * @module
 */
import { encodeAbi } from '../core/abi.js'
import type { Bytes32 } from '../core/bytes.js'
import { keccak256 } from '../core/keccak.js'
import { ZERO_ADDRESS, address, bigUint, orAbsent, record, uint, type Address, type Input } from '../receipt/fields.js'
import { format } from '../receipt/typed-data.js'

/** As struct Terms of contracts/ISettlement.sol. */
export interface Terms {
  /** The ERC-20 token of all amounts, in its smallest unit; zero for the chain's own coin. */
  readonly token: Address
  /** For the whole job; a quorum divides it by its seats. */
  readonly payment: bigint
  /** What each provider stakes. */
  readonly stake: bigint
  /** A challenger's first bond. */
  readonly bond: bigint
  /** Seconds in which an honest challenger replays the job. */
  readonly replayTime: bigint
  /** Seconds for one move of a game. */
  readonly moveTime: bigint
  /** In 1/10000: this much of the payment, times the share of steps done, is what a refused run earns. */
  readonly refusedShare: number
  /** Contract that verifies proofs of a proven job, else zero. */
  readonly verifier: Address
}

const termsFormat = format(
  'terms',
  record<Terms>({
    token: orAbsent(address, ZERO_ADDRESS),
    payment: bigUint(256),
    stake: bigUint(256),
    bond: bigUint(256),
    replayTime: bigUint(64),
    moveTime: bigUint(64),
    refusedShare: uint(16),
    verifier: orAbsent(address, ZERO_ADDRESS),
  }),
  4096,
)

/** What has a default: the chain's own coin, and a game's clocks by the time of a replay. */
export type Optional = 'token' | 'verifier' | 'moveTime' | 'refusedShare'

const DAY = 86_400n

/**
 * Terms, checked and frozen. Unless told: the chain's own coin, a move takes a day more than a replay, and a refused run earns by its steps.
 * @throws Fault `core/bad-field`, `core/bad-number`, `core/missing-field`, `core/unknown-field`.
 */
export function from(terms: Omit<Input<Terms>, Optional> & Partial<Pick<Input<Terms>, Optional>>): Terms {
  const moveTime = BigInt(terms.replayTime) + DAY
  return termsFormat.from({ token: ZERO_ADDRESS, verifier: ZERO_ADDRESS, refusedShare: 10_000, moveTime, ...terms })
}

/** Canonical JSON of terms. */
export const encode: (terms: Terms) => Uint8Array = termsFormat.encode

/** Terms from their canonical JSON. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Terms = termsFormat.decode

const TYPES = ['address', 'uint256', 'uint256', 'uint256', 'uint64', 'uint64', 'uint16', 'address'] as const

/** keccak256(abi.encode(Terms)): what the settlement stores. */
export function hash(terms: Terms): Bytes32 {
  const { token, payment, stake, bond, replayTime, moveTime, refusedShare, verifier } = terms
  return keccak256(encodeAbi(TYPES, [token, payment, stake, bond, replayTime, moveTime, refusedShare, verifier]))
}
