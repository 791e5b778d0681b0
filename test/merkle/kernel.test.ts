import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { concat, toHex } from '../../src/core/bytes.js'
import { kernel } from '../../src/merkle/kernel.js'
import { hashEach, hashInLanes, hashOneByOne } from '../../src/merkle/level.js'

const naive = (records: Uint8Array, prefix: number, length: number): string => {
  const hashes = Array.from({ length: records.length / length }, (_, i) =>
    createHash('sha256')
      .update(Uint8Array.of(prefix))
      .update(records.subarray(i * length, (i + 1) * length))
      .digest('hex'),
  )
  return hashes.join('')
}
const bytes = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24)

it('the kernel runs here', () => {
  expect(kernel()).toBeDefined()
})

it('the kernel gives the digests of SHA-256 for messages of every length around the edges of blocks', () => {
  for (const length of [1, 2, 31, 32, 33, 53, 54, 55, 56, 63, 64, 65, 117, 118, 119, 127, 128, 1000, 4095, 4096]) {
    const records = bytes(9 * length)
    expect(toHex(hashInLanes(records, { prefix: 0, length }, kernel()!))).toBe(naive(records, 0, length))
  }
})

it('every way of hashing a level gives the same bytes, for any count, length and prefix', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(40), fc.nat(255), (length, count, prefix) => {
      const records = bytes(length * count)
      const expected = naive(records, prefix, length)
      expect(toHex(hashEach(records, { prefix, length }))).toBe(expected)
      expect(toHex(hashOneByOne(records, { prefix, length }))).toBe(expected)
      if (count > 0) expect(toHex(hashInLanes(records, { prefix, length }, kernel()!))).toBe(expected)
    }),
  )
})

it('a level larger than the memory of the kernel is hashed in pieces', () => {
  for (const [count, length] of [
    [4096, 64],
    [4097, 64],
    [9001, 64],
    [9001, 32],
    [70_003, 17],
  ]) {
    const records = bytes(count * length)
    expect(toHex(hashEach(records, { prefix: 1, length }))).toBe(naive(records, 1, length))
  }
})

it('records at an odd offset of their buffer are read from there', () => {
  const buffer = concat(Uint8Array.of(9, 9, 9), bytes(64 * 20))
  expect(toHex(hashEach(buffer.subarray(3), { prefix: 1, length: 64 }))).toBe(naive(buffer.slice(3), 1, 64))
})
