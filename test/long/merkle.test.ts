import { createHash, randomFillSync } from 'node:crypto'
import { MerkleTree } from 'merkletreejs'
import { expect, it } from 'vitest'
import { toHex } from '../../src/core/bytes.js'
import { DTYPES, fromBytes, type DType } from '../../src/core/tensor.js'
import { hashOneByOne, tileHashes } from '../../src/merkle/tile-hashes.js'
import { tileGrid } from '../../src/merkle/tiles.js'
import {
  append,
  frontierRoot,
  hashLeaf,
  hashLeaves,
  newFrontier,
  proveChildren,
  proveConsistency,
  proveInclusion,
  rootFrom,
  rootOf,
  treeFrom,
  verifyConsistency,
  type Tree,
} from '../../src/merkle/tree.js'

const hashes = hashLeaves(randomFillSync(new Uint8Array(32 * 5000)), 32)
const treeOfSize = (size: number): Tree => treeFrom(hashes.subarray(0, 32 * size))

it('a tree over 2^20 + 3 leaves has the root that merkletreejs and the streaming tree give', () => {
  const count = 2 ** 20 + 3
  const leaves = randomFillSync(new Uint8Array(32 * count))
  const tree = treeFrom(hashLeaves(leaves, 32))
  const frontier = newFrontier()
  const list: Buffer[] = []
  for (let i = 0; i < count; i++) {
    const hash = hashLeaf(leaves.subarray(32 * i, 32 * i + 32))
    list.push(Buffer.from(hash))
    append(frontier, hash)
  }
  const pairHash = (pair: unknown): Buffer =>
    createHash('sha256')
      .update(Uint8Array.of(1))
      .update(pair as Buffer)
      .digest()
  expect(toHex(rootOf(tree))).toBe(new MerkleTree(list, pairHash).getRoot().toString('hex'))
  expect(toHex(rootOf(tree))).toBe(toHex(frontierRoot(frontier)))
  expect(frontier.runs.length).toBe(3)
  for (const index of [0, 1, 2 ** 19, 2 ** 20 - 1, 2 ** 20, count - 1])
    expect(proveInclusion(tree, index).length).toBeLessThanOrEqual(21)
}, 120_000)

it('consistency proofs verify for all pairs of sizes up to 260, and every prover agrees with itself', () => {
  const trees = Array.from({ length: 261 }, (_, size) => treeOfSize(size))
  for (const later of trees)
    for (const earlier of trees.slice(0, later.size + 1)) {
      const [first, second] = [earlier, later].map((tree) => ({ size: tree.size, root: rootOf(tree) }))
      verifyConsistency(first, second, proveConsistency(later, earlier.size))
    }
}, 120_000)

it('children fold to their node at every size up to 4,999', () => {
  for (let size = 2; size < 5000; size += size < 700 ? 1 : 37) {
    const children = proveChildren(treeOfSize(size), { start: 0, size })
    const last = children[children.length - 1]
    expect(toHex(last.hash)).toBe(toHex(rootFrom(hashes.subarray(32 * last.start, 32 * size))))
  }
}, 120_000)

it.each(Object.keys(DTYPES) as DType[])(
  'tile hashes of %s are those of the definition at 150 shapes',
  (dtype) => {
    for (let i = 0; i < 150; i++) {
      const dims = [1 + ((i * 7919) % 211), 1 + ((i * 104729) % 499)]
      const bytes = randomFillSync(new Uint8Array(dims[0] * dims[1] * DTYPES[dtype].bytes))
      const value = fromBytes({ dtype, dims }, dtype === 'bool' ? bytes.map((byte) => byte & 1) : bytes)
      if (toHex(tileHashes(value)) !== toHex(hashOneByOne(value)))
        throw new Error(`${dtype}[${dims}], ${tileGrid(value).count} tiles`)
    }
  },
  120_000,
)
