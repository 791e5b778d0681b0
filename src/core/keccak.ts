/**
 * Keccak-256 as Ethereum uses it: the original Keccak padding, not FIPS 202's SHA3-256.
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concat, type Bytes32 } from './bytes.js'

/** Keccak-256 of one message. About 5 microseconds for a short one: settlement and typed data only, never tensor data. */
export const keccak256: (message: Uint8Array) => Bytes32 = (message) => keccak_256(message)

/** Keccak-256 of the concatenation of the parts. */
export function keccak256Of(...parts: readonly Uint8Array[]): Bytes32 {
  return keccak_256(concat(...parts))
}
