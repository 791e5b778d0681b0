/**
 * Files of ceremonies, compared with the hashes that were told for them.
 * @module
 */
import { createHash } from 'node:crypto'
import { toHex } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import type { Pins } from '../zk/keys.js'
import { read } from './files.js'

/** A file, compared with the hash that was told for it. */
export async function pinned(path: string, word: string | undefined): Promise<Uint8Array> {
  const bytes = await read(path)
  if (word !== undefined) demandHash(bytes, word, path)
  return bytes
}

/** SHA-256, or BLAKE2b-512, in which ceremonies publish their powers of tau. @throws Fault `zk/wrong-hash`. */
export function demandHash(bytes: Uint8Array, word: string, path: string): void {
  const expected = word.replace(/^0x/, '').toLowerCase()
  const kind = { 64: 'sha256', 128: 'blake2b512' }[/^[0-9a-f]*$/.test(expected) ? expected.length : 0]
  demand(kind !== undefined, 'cli/usage', () => 'a hash is SHA-256 (64 hexadecimal digits) or BLAKE2b-512 (128)')
  const found = createHash(kind).update(bytes).digest('hex')
  demand(found === expected, 'zk/wrong-hash', () => path, { expected, found })
}

/** Powers of tau that were compared with a hash, of whatever kind, are believed; others are checked point by point, which takes long. */
export const pinsOf = (powers: Uint8Array, word: string | undefined): Pins =>
  word === undefined ? {} : { powers: toHex(sha256(powers)) }
