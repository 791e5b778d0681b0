import { expect, test } from 'vitest'
import { proveInclusion, treeFrom, type Tree } from '../../src/merkle/tree.js'
import { sha256 } from '../../src/core/sha256.js'

/** The tree with a count of the nodes that are read from it. */
function counted(tree: Tree): { tree: Tree; reads: () => number } {
  let reads = 0
  const levels = tree.levels.map(
    (level) =>
      new Proxy(level, {
        get(target, key) {
          if (key === 'slice' || key === 'subarray') reads++
          const value: unknown = Reflect.get(target, key, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
  )
  return { tree: { size: tree.size, levels }, reads: () => reads }
}

test('opening one step of a run of 100,000 reads as many nodes as the tree has levels, and two', () => {
  const hashes = new Uint8Array(32 * 100_000)
  for (let i = 0; i < 100_000; i++) hashes.set(sha256(new Uint8Array(new Uint32Array([i]).buffer)), 32 * i)
  const whole = treeFrom(hashes)
  expect(whole.levels.length).toBe(18)
  for (const index of [0, 1, 33_333, 65_536, 99_999]) {
    const { tree, reads } = counted(whole)
    expect(proveInclusion(tree, index).length).toBeLessThanOrEqual(17)
    expect(reads()).toBeLessThanOrEqual(17 + 2)
  }
})
