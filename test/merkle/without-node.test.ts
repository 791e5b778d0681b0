import { afterEach, expect, it, vi } from 'vitest'
import { toHex, utf8 } from '../../src/core/bytes.js'
import { sha256, sha256Of } from '../../src/core/sha256.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import * as kernelHere from '../../src/merkle/kernel.js'
import * as tilesHere from '../../src/merkle/tiles.js'
import * as treeHere from '../../src/merkle/tree.js'

/** What a page sees: no node:crypto, and WebAssembly only if its policy allows. */
async function elsewhere(globals: Readonly<Record<string, unknown>>) {
  vi.resetModules()
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
  return {
    crypto: await import('../../src/core/sha256.js'),
    kernel: await import('../../src/merkle/kernel.js'),
    tiles: await import('../../src/merkle/tiles.js'),
    tree: await import('../../src/merkle/tree.js'),
  }
}
afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

const words = Uint32Array.from({ length: 200 * 150 }, (_, i) => Math.imul(i, 0x9e3779b1))
const tensors: Tensor[] = [
  tensor('float32', [200, 150], new Float32Array(words.buffer)),
  tensor('float16', [100, 600], new Uint16Array(words.buffer)),
  tensor('uint8', [7, 9], new Uint8Array(words.buffer, 5, 63)),
  tensor('float64', [15000], new Float64Array(words.buffer)),
]
const leaves = Array.from({ length: 100 }, (_, i) => utf8(`leaf ${i}`))

it.each<[string, Readonly<Record<string, unknown>>, boolean]>([
  ['a browser', { process: undefined }, true],
  ['a browser whose policy forbids WebAssembly', { process: undefined, WebAssembly: undefined }, false],
  ['Node without WebAssembly', { WebAssembly: undefined }, false],
])('%s gives the same hashes, roots and digests', async (_, globals, hasKernel) => {
  const there = await elsewhere(globals)
  expect(there.crypto.nodeCrypto === undefined).toBe('process' in globals)
  expect(there.kernel.kernel() !== undefined).toBe(hasKernel)
  expect(kernelHere.kernel()).toBeDefined()
  for (const length of [0, 1, 55, 56, 64, 1000]) {
    const message = new Uint8Array(words.buffer, 3, length)
    expect(toHex(there.crypto.sha256(message))).toBe(toHex(sha256(message)))
    expect(toHex(there.crypto.sha256Of(message, message))).toBe(toHex(sha256Of(message, message)))
  }
  expect(toHex(there.tree.rootOf(there.tree.treeOf(leaves)))).toBe(toHex(treeHere.rootOf(treeHere.treeOf(leaves))))
  for (const value of tensors) {
    expect(toHex(there.tiles.digest(value))).toBe(toHex(tilesHere.digest(value)))
    expect(there.tiles.openTile(value, 0)).toEqual(tilesHere.openTile(value, 0))
  }
})

it('a digest is a plain Uint8Array with memory of its own', () => {
  const digest = sha256(utf8('abc'))
  expect(Object.getPrototypeOf(digest)).toBe(Uint8Array.prototype)
  expect(digest.buffer.byteLength).toBe(32)
  // FIPS 180-4, SHA-256 example "abc"
  expect(toHex(digest)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
