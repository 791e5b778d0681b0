import { keccak256 as ethersKeccak } from 'ethers'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { toHex, utf8 } from '../../src/core/bytes.js'
import { keccak256, keccak256Of } from '../../src/core/keccak.js'

it('keccak-256 of the empty message and of "abc" are the published digests', () => {
  // Keccak submission, ShortMsgKAT_256, and the EVM's hash of the empty string
  expect(toHex(keccak256(new Uint8Array()))).toBe('c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
  expect(toHex(keccak256(utf8('abc')))).toBe('4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45')
})

it('keccak-256 agrees with ethers on random messages, whole or in parts', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (message, cut) => {
      expect(`0x${toHex(keccak256(message))}`).toBe(ethersKeccak(message))
      expect(toHex(keccak256Of(message.subarray(0, cut), message.subarray(cut)))).toBe(toHex(keccak256(message)))
    }),
  )
})
