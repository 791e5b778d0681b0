import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { uint64 } from '../../src/core/bytes.js'
import { OtherTree } from '../../src/dispute/other-tree.js'
import { hashLeaf, proveChildren, proveInclusion, rootFromInclusion, rootOf, treeOf } from '../../src/merkle/tree.js'

const leaves = (size: number, salt: (index: number) => number) =>
  Array.from({ length: size }, (_, i) => new Uint8Array([...uint64(i), ...uint64(salt(i))]))

const levelsOf = (size: number): number => (size === 1 ? 0 : 1 + levelsOf(Math.ceil(size / 64)))

describe('the other tree', () => {
  test('gives the first leaf that differs, by at most as many questions as it has levels of 64, and proves every leaf up to it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5000 }), fc.nat(), fc.nat(), async (size, a, b) => {
        const first = Math.min(a % size, b % size)
        const own = treeOf(leaves(size, () => 0))
        const theirs = treeOf(leaves(size, (i) => (i === a % size || i === b % size ? 1 : 0)))
        const tree = new OtherTree(own, rootOf(theirs))
        let questions = 0
        const index = await tree.firstDifference(async (_, node) => {
          questions++
          return proveChildren(theirs, node).map(({ hash }) => hash)
        })
        expect(index).toBe(first)
        // A last child that is shorter has fewer levels below it.
        expect(questions).toBeLessThanOrEqual(levelsOf(size))
        for (const leaf of new Set([0, first >> 1, Math.max(0, first - 1), first])) {
          expect(tree.path(leaf)).toEqual(proveInclusion(theirs, leaf))
          expect(rootFromInclusion(tree.leaf(leaf), { index: leaf, size }, tree.path(leaf))).toEqual(rootOf(theirs))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('asks nothing where both are the same', async () => {
    const own = treeOf(leaves(100, () => 0))
    const tree = new OtherTree(own, rootOf(own))
    expect(await tree.firstDifference(() => Promise.reject(new Error('asked')))).toBeUndefined()
    expect(tree.path(99)).toEqual(proveInclusion(own, 99))
  })

  test('refuses children that do not fold to what was asked, and children that are one’s own', async () => {
    const [own, theirs, foreign] = [0, 1, 2].map((salt) => treeOf(leaves(200, (i) => (i === 150 ? salt : 0))))
    const lying = (tree: typeof own) => async (_: unknown, node: { start: number; size: number }) =>
      proveChildren(tree, node).map(({ hash }) => hash)
    for (const tree of [own, foreign]) {
      const found = new OtherTree(own, rootOf(theirs)).firstDifference(lying(tree))
      await expect(found).rejects.toMatchObject({ code: 'merkle/root-mismatch' })
    }
  })

  test('knows nothing behind the first difference but what was revealed on the way', async () => {
    const own = treeOf(leaves(5000, () => 0))
    const theirs = treeOf(leaves(5000, (i) => (i === 70 ? 1 : 0)))
    const tree = new OtherTree(own, rootOf(theirs))
    await tree.firstDifference(async (_, node) => proveChildren(theirs, node).map(({ hash }) => hash))
    expect(() => tree.leaf(4500)).toThrow(expect.objectContaining({ code: 'dispute/not-known' }))
    expect(tree.path(127)).toEqual(proveInclusion(theirs, 127))
    expect(hashLeaf(leaves(71, (i) => (i === 70 ? 1 : 0))[70])).toEqual(tree.leaf(70))
  })
})
