/**
 * SHA-256 (FIPS 180-4) from node:crypto where there is one, else from @noble/hashes: the same bytes either way.
 * @module
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { concat } from './bytes.js'

type NodeCrypto = typeof import('node:crypto')

/** node:crypto, or undefined in a browser. */
export const nodeCrypto: NodeCrypto | undefined = globalThis.process?.getBuiltinModule?.('node:crypto')

/** SHA-256 of one message. */
export const sha256: (message: Uint8Array) => Uint8Array = nodeCrypto?.hash
  ? (message) => nodeCrypto.hash('sha256', message, 'buffer')
  : (message) => nobleSha256(message)

/** SHA-256 of the concatenation of the parts. */
export function sha256Of(...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(concat(...parts))
}
