/**
 * Hashing a whole level at a time: many short messages of one length, from one flat array into another.
 * @module
 */
import { sha256Into } from '../core/sha256.js'

/** Messages of `length` bytes each, hashed behind one prefix byte. */
export interface Records {
  readonly prefix: number
  readonly length: number
}

/** SHA-256(prefix || record), 32 bytes each, of the records that lie one behind the other in `records`. */
export function hashEach(records: Uint8Array, { prefix, length }: Records): Uint8Array {
  const count = length === 0 ? 0 : records.length / length
  const out = new Uint8Array(32 * count)
  const message = new Uint8Array(1 + length)
  message[0] = prefix
  for (let i = 0; i < count; i++) {
    for (let j = 0, at = i * length; j < length; j++) message[1 + j] = records[at + j]
    sha256Into(message, out, 32 * i)
  }
  return out
}
