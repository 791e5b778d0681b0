/**
 * Bytes: hexadecimal, concatenation, comparison, integers.
 * @module
 */
import { Fault, demand } from './faults.js'

/** A 32-byte hash or root. */
export type Bytes32 = Uint8Array

/** Lower-case hexadecimal without prefix. */
export function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += HEX[byte]
  return hex
}
const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/**
 * Bytes from lower-case hexadecimal, with or without `0x`.
 * @throws Fault `core/bad-hex` on any other character, an odd length, or another length than `length`.
 */
export function fromHex(hex: string, length?: number): Uint8Array {
  const digits = hex.startsWith('0x') ? hex.slice(2) : hex
  demand(/^([0-9a-f]{2})*$/.test(digits), 'core/bad-hex', () => 'not lower-case hexadecimal')
  demand(length === undefined || digits.length === 2 * length, 'core/bad-hex', () => 'wrong length', {
    expected: length,
    found: digits.length / 2,
  })
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16))
}

/** All parts in one new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** True where both hold the same bytes. Not constant-time: nothing secret is compared. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** Lexicographic order, as numbers for sort. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}

/** 8 bytes, big-endian. @throws Fault `core/bad-number` outside of 0 .. 2^64-1. */
export function uint64(value: number | bigint): Uint8Array {
  const big = BigInt(value)
  if (big < 0n || big >= 1n << 64n) throw new Fault('core/bad-number', 'not an unsigned 64-bit integer')
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, big)
  return out
}

/** UTF-8 bytes. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** 32 zero bytes. */
export const ZERO32: Bytes32 = new Uint8Array(32)
