import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { MerkleTree } from 'merkletreejs'
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex } from '../../src/core/bytes.js'
import type { FaultCode } from '../../src/core/faults.js'
import {
  ARITY,
  EMPTY_ROOT,
  KINDS,
  append,
  childRanges,
  firstDifference,
  frontierRoot,
  hashLeaf,
  hashLeaves,
  newFrontier,
  proveChildren,
  proveConsistency,
  proveInclusion,
  rootFrom,
  rootFromInclusion,
  rootOf,
  sizedRoot,
  treeFrom,
  treeOf,
  verifyChildren,
  verifyConsistency,
  verifyInclusion,
  type Kind,
  type Tree,
} from '../../src/merkle/tree.js'

const refused = (code: FaultCode, run: () => unknown): void =>
  expect(() => run()).toThrow(expect.objectContaining({ code }))
const leafOf = (i: number): Uint8Array => Uint8Array.of(i & 255, i >> 8)
const leavesOf = (size: number): Uint8Array[] => Array.from({ length: size }, (_, i) => leafOf(i))
const trees: Tree[] = Array.from({ length: 70 }, (_, size) => treeOf(leavesOf(size)))
const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const out = bytes.slice()
  out[(bit >> 3) % out.length] ^= 1 << (bit & 7)
  return out
}
const sha = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest()

/** The definition of RFC 9162 section 2.1.1, word for word. */
function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha(new Uint8Array())
  if (leaves.length === 1) return sha(concat(Uint8Array.of(0), leaves[0]))
  let split = 1
  while (2 * split < leaves.length) split *= 2
  return sha(concat(Uint8Array.of(1), naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split))))
}

describe('published vectors', () => {
  // The tree of 8 leaves of Certificate Transparency's RFC 6962 reference tests (google/certificate-transparency, merkle_tree_test.cc)
  const leaves = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ].map((hex) => fromHex(hex))
  const roots = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]
  const node = {
    '0..1': '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    '1..2': '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    '2..4': '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '4..6': '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
    '4..5': 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    '6..8': 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    '0..4': 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4..8': '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    '0..2': 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  }
  const part = (size: number): Tree => treeOf(leaves.slice(0, size))

  it.each(roots.map((root, size) => [size, root]))(
    'the root of the first %i leaves is the published one',
    (size, root) => {
      expect(toHex(rootOf(part(Number(size))))).toBe(root)
    },
  )

  it.each<[number, number, (keyof typeof node)[]]>([
    [0, 1, []],
    [0, 8, ['1..2', '2..4', '4..8']],
    [5, 8, ['4..5', '6..8', '0..4']],
    [2, 3, ['0..2']],
    [1, 5, ['0..1', '2..4', '4..5']],
  ])('the inclusion proof of leaf %i of %i is the published one', (index, size, path) => {
    expect(proveInclusion(part(size), index).map(toHex)).toEqual(path.map((name) => node[name]))
  })

  it.each<[number, number, (keyof typeof node)[]]>([
    [1, 1, []],
    [1, 8, ['1..2', '2..4', '4..8']],
    [6, 8, ['4..6', '6..8', '0..4']],
    [2, 5, ['2..4', '4..5']],
  ])('the consistency proof of %i and %i is the published one', (first, second, path) => {
    expect(proveConsistency(part(second), first).map(toHex)).toEqual(path.map((name) => node[name]))
  })
})

describe('roots', () => {
  it('are those of the definition, at every size below 70', () => {
    trees.forEach((tree, size) => expect(toHex(rootOf(tree))).toBe(toHex(naiveRoot(leavesOf(size)))))
  })

  it('are those of merkletreejs with a hash that puts 01 in front of a pair, at every size from 1 to 69', () => {
    const pairHash = (pair: unknown): Buffer => sha(concat(Uint8Array.of(1), pair as Uint8Array))
    trees.slice(1).forEach((tree, i) => {
      const leaves = leavesOf(i + 1).map((leaf) => Buffer.from(hashLeaf(leaf)))
      expect(toHex(rootOf(tree))).toBe(new MerkleTree(leaves, pairHash).getRoot().toString('hex'))
    })
  })

  it('are the same with or without keeping the tree, from a flat array or from a list', () => {
    trees.forEach((tree, size) => {
      const hashes = leavesOf(size).map(hashLeaf)
      const expected = toHex(rootOf(tree))
      expect(toHex(rootFrom(hashes))).toBe(expected)
      expect(toHex(rootFrom(concat(...hashes)))).toBe(expected)
      expect(toHex(rootOf(treeFrom(concat(...hashes))))).toBe(expected)
    })
  })

  it('leave their input as it is and do not share its memory', () => {
    const hashes = concat(...leavesOf(5).map(hashLeaf))
    const before = toHex(hashes)
    const one = hashes.slice(0, 32)
    const root = rootFrom(one)
    rootFrom(hashes)
    expect(toHex(hashes)).toBe(before)
    root.fill(0)
    expect(toHex(one)).not.toBe(toHex(root))
  })

  it('hash leaves of one length as one leaf at a time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 130 }), fc.nat(20), (length, count) => {
        const leaves = Array.from({ length: count }, (_, i) => new Uint8Array(length).fill(i + length))
        expect(toHex(hashLeaves(concat(...leaves), length))).toBe(leaves.map((leaf) => toHex(hashLeaf(leaf))).join(''))
      }),
    )
  })

  it('refuse hashes that are not 32 bytes', () => {
    refused('merkle/bad-node', () => treeFrom(new Uint8Array(33)))
    refused('merkle/bad-node', () => treeFrom([new Uint8Array(31)]))
    refused('merkle/bad-node', () => append(newFrontier(), new Uint8Array(33)))
  })
})

describe('inclusion proofs', () => {
  it('verify for every leaf of every size below 70', () => {
    trees.forEach((tree, size) => {
      for (let index = 0; index < size; index++) {
        const leaf = hashLeaf(leafOf(index))
        expect(verifyInclusion(rootOf(tree), { index, size, leaf }, proveInclusion(tree, index))).toBe(leaf)
      }
    })
  })

  const cases = fc
    .integer({ min: 2, max: 69 })
    .chain((size) => fc.record({ size: fc.constant(size), index: fc.nat(size - 1), bit: fc.nat(255), at: fc.nat() }))

  it('a flipped bit in the leaf, in the root or in any node of the proof is refuted', () => {
    fc.assert(
      fc.property(cases, ({ size, index, bit, at }) => {
        const tree = trees[size]
        const path = proveInclusion(tree, index)
        const leaf = hashLeaf(leafOf(index))
        refused('merkle/root-mismatch', () =>
          verifyInclusion(rootOf(tree), { index, size, leaf: flipped(leaf, bit) }, path),
        )
        refused('merkle/root-mismatch', () => verifyInclusion(flipped(rootOf(tree), bit), { index, size, leaf }, path))
        const bad = path.map((node, i) => (i === at % path.length ? flipped(node, bit) : node))
        refused('merkle/root-mismatch', () => verifyInclusion(rootOf(tree), { index, size, leaf }, bad))
      }),
    )
  })

  it('another index is refuted', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: -3, max: 80 }), ({ size, index }, other) => {
        fc.pre(other !== index)
        const leaf = hashLeaf(leafOf(index))
        const path = proveInclusion(trees[size], index)
        expect(() => verifyInclusion(rootOf(trees[size]), { index: other, size, leaf }, path)).toThrow(
          expect.objectContaining({
            code: expect.stringMatching(/^merkle\/(root-mismatch|bad-proof-length|index-out-of-range)$/) as string,
          }),
        )
      }),
    )
    refused('merkle/index-out-of-range', () => verifyInclusion(EMPTY_ROOT, { index: 0, size: 0, leaf: EMPTY_ROOT }, []))
    refused('merkle/index-out-of-range', () => proveInclusion(trees[5], 5))
    refused('merkle/index-out-of-range', () => proveInclusion(trees[5], 0.5))
    refused('merkle/index-out-of-range', () => proveInclusion(trees[5], NaN))
  })

  it('a root alone does not bind its size, a sized root does', () => {
    const path = proveInclusion(trees[5], 0)
    const leaf = hashLeaf(leafOf(0))
    for (const size of [5, 6, 7, 8])
      expect(verifyInclusion(rootOf(trees[5]), { index: 0, size, leaf }, path)).toBe(leaf)
    const committed = sizedRoot('state', { size: 5, root: rootOf(trees[5]) })
    for (let size = 1; size < 70; size++) {
      const matches = toHex(sizedRoot('state', { size, root: rootOf(trees[5]) })) === toHex(committed)
      expect(matches).toBe(size === 5)
    }
  })

  it('a proof with a node too few or too many is refused by name', () => {
    const path = proveInclusion(trees[9], 3)
    const place = { index: 3, size: 9, leaf: hashLeaf(leafOf(3)) }
    refused('merkle/bad-proof-length', () => verifyInclusion(rootOf(trees[9]), place, path.slice(1)))
    refused('merkle/bad-proof-length', () => verifyInclusion(rootOf(trees[9]), place, [...path, path[0]]))
    refused('merkle/bad-node', () => verifyInclusion(rootOf(trees[9]), place, [path[0].slice(1), ...path.slice(1)]))
    refused('merkle/bad-node', () => verifyInclusion(rootOf(trees[9]), { ...place, leaf: new Uint8Array(64) }, path))
  })

  it('an inner node does not pass as a leaf', () => {
    const tree = trees[8]
    const data = concat(hashLeaf(leafOf(0)), hashLeaf(leafOf(1)))
    refused('merkle/root-mismatch', () =>
      verifyInclusion(rootOf(tree), { index: 0, size: 4, leaf: hashLeaf(data) }, proveInclusion(tree, 0).slice(1)),
    )
  })

  it('work for sizes up to 2^53 - 1', () => {
    const size = Number.MAX_SAFE_INTEGER
    const leaf = hashLeaf(leafOf(0))
    const path = Array.from({ length: 53 }, () => leaf)
    expect(rootFromInclusion(leaf, { index: 0, size }, path).length).toBe(32)
    expect(rootFromInclusion(leaf, { index: size - 1, size }, path.slice(1)).length).toBe(32)
    refused('merkle/index-out-of-range', () => rootFromInclusion(leaf, { index: 0, size: 2 ** 53 }, path))
  })
})

describe('consistency proofs', () => {
  const prefix = (size: number) => ({ size, root: rootOf(trees[size]) })

  it('verify for all pairs of sizes up to 69, and fail for another earlier or later tree', () => {
    for (let later = 0; later < 70; later++) {
      for (let earlier = 0; earlier <= later; earlier++) {
        const path = proveConsistency(trees[later], earlier)
        expect(verifyConsistency(prefix(earlier), prefix(later), path)).toEqual(prefix(later))
        if (earlier > 0)
          refused('merkle/inconsistent', () =>
            verifyConsistency({ size: earlier, root: flipped(rootOf(trees[earlier]), 7) }, prefix(later), path),
          )
        if (earlier > 0)
          refused('merkle/inconsistent', () =>
            verifyConsistency(prefix(earlier), { size: later, root: flipped(rootOf(trees[later]), 7) }, path),
          )
      }
    }
  })

  it('a flipped bit in any node is refuted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 69 }), fc.nat(), fc.nat(255), fc.nat(), (later, e, bit, at) => {
        const earlier = 1 + (e % (later - 1))
        const path = proveConsistency(trees[later], earlier)
        const bad = path.map((node, i) => (i === at % path.length ? flipped(node, bit) : node))
        refused('merkle/inconsistent', () => verifyConsistency(prefix(earlier), prefix(later), bad))
      }),
    )
  })

  it('a node too few or too many, and a later tree that is smaller, are refused by name', () => {
    const path = proveConsistency(trees[13], 6)
    refused('merkle/bad-proof-length', () => verifyConsistency(prefix(6), prefix(13), path.slice(1)))
    refused('merkle/bad-proof-length', () => verifyConsistency(prefix(6), prefix(13), [...path, path[0]]))
    refused('merkle/bad-proof-length', () => verifyConsistency(prefix(6), prefix(6), path))
    refused('merkle/bad-node', () => verifyConsistency(prefix(6), prefix(13), [path[0].slice(1), ...path.slice(1)]))
    refused('merkle/inconsistent', () => verifyConsistency(prefix(13), prefix(6), path))
    refused('merkle/index-out-of-range', () => proveConsistency(trees[6], 7))
    refused('merkle/index-out-of-range', () => proveConsistency(trees[6], -1))
  })

  it('the empty tree is a prefix of every tree, and only with its own root', () => {
    refused('merkle/inconsistent', () => verifyConsistency({ size: 0, root: hashLeaf(leafOf(0)) }, prefix(5), []))
    refused('merkle/inconsistent', () => verifyConsistency(prefix(0), { size: 0, root: hashLeaf(leafOf(0)) }, []))
  })

  it('a tree with one changed leaf is not a prefix', () => {
    const leaves = leavesOf(11)
    leaves[4] = Uint8Array.of(9, 9)
    const other = { size: 11, root: rootOf(treeOf(leaves)) }
    refused('merkle/inconsistent', () => verifyConsistency(other, prefix(20), proveConsistency(trees[20], 11)))
  })
})

describe('streaming', () => {
  it('gives the root of the whole tree after every leaf', () => {
    const frontier = newFrontier()
    trees.forEach((tree, size) => {
      expect(toHex(frontierRoot(frontier))).toBe(toHex(rootOf(tree)))
      append(frontier, hashLeaf(leafOf(size)))
    })
  })

  it('keeps one hash for each binary one of the size: O(log n) memory over 100,000 leaves', () => {
    const frontier = newFrontier()
    let most = 0
    for (let i = 0; i < 100_000; i++) {
      append(frontier, EMPTY_ROOT)
      if (frontier.runs.length !== ones(frontier.size))
        throw new Error(`${frontier.runs.length} runs for ${frontier.size} leaves`)
      most = Math.max(most, frontier.runs.length)
    }
    expect(frontier.size).toBe(100_000)
    expect(most).toBe(16) // 65,535 = 2^16 - 1
    expect(frontier.runs.every((run) => run.buffer.byteLength === 32)).toBe(true)
    const ofMany = new Uint8Array(32 * 100_000)
    for (let i = 0; i < 100_000; i++) ofMany.set(EMPTY_ROOT, 32 * i)
    expect(toHex(frontierRoot(frontier))).toBe(toHex(rootFrom(ofMany)))
  })

  it('keeps its own copy of what was appended and gives its root away as a copy', () => {
    const frontier = newFrontier()
    const leaf = hashLeaf(leafOf(0))
    append(frontier, leaf)
    frontierRoot(frontier).fill(0)
    leaf.fill(0)
    expect(toHex(frontierRoot(frontier))).toBe(toHex(hashLeaf(leafOf(0))))
  })
})

const ones = (size: number): number => [...size.toString(2)].filter((digit) => digit === '1').length

describe('sized roots', () => {
  it('are SHA-256(03 || kind || size || root)', () => {
    const expected = sha(concat(Uint8Array.of(3, 5, 0, 0, 0, 0, 0, 0, 1, 2), EMPTY_ROOT))
    expect(toHex(sizedRoot('run', { size: 258, root: EMPTY_ROOT }))).toBe(toHex(expected))
  })

  it('differ for every kind, and every kind has its own code', () => {
    const kinds = Object.keys(KINDS) as Kind[]
    expect(new Set(Object.values(KINDS)).size).toBe(kinds.length)
    expect(new Set(kinds.map((kind) => toHex(sizedRoot(kind, { size: 1, root: EMPTY_ROOT })))).size).toBe(kinds.length)
  })

  it('refuse a root that is not 32 bytes and a size that is no unsigned integer', () => {
    refused('merkle/bad-node', () => sizedRoot('run', { size: 1, root: new Uint8Array(31) }))
    refused('core/bad-number', () => sizedRoot('run', { size: -1, root: EMPTY_ROOT }))
  })
})

describe('children of a node', () => {
  const big = treeFrom(concat(...Array.from({ length: 600 }, (_, i) => hashLeaf(leafOf(i)))))

  it('fold to the node by the split of the RFC, for every size below 600', () => {
    const hashes = big.levels[0]
    for (let size = 1; size < 600; size++) {
      const tree = treeFrom(hashes.subarray(0, 32 * size))
      const children = proveChildren(tree, { start: 0, size })
      expect(children.length).toBe(size === 1 ? 0 : Math.ceil(size / (size <= 64 ? 1 : 64)))
      for (const child of children)
        expect(toHex(child.hash)).toBe(
          toHex(rootFrom(hashes.subarray(32 * child.start, 32 * (child.start + child.size)))),
        )
    }
  })

  it('number at most 64, of the largest power of 64 below the size', () => {
    const runs = [
      [2, 1],
      [64, 1],
      [65, 64],
      [4096, 64],
      [4097, 4096],
      [262144, 4096],
      [262145, 262144],
      [2 ** 40, 64 ** 6],
    ]
    for (const [size, run] of runs) {
      const ranges = childRanges({ start: 0, size })
      expect(ranges.length).toBeLessThanOrEqual(ARITY)
      expect(ranges[0].size).toBe(run)
      expect(ranges.reduce((sum, range) => sum + range.size, 0)).toBe(size)
    }
  })

  it('lead down from the root to every leaf', () => {
    for (const index of [0, 63, 64, 500, 599]) {
      let node = { start: 0, size: 600, hash: rootOf(big) }
      while (node.size > 1) {
        const next: typeof node | undefined = verifyChildren(
          node,
          proveChildren(big, node).map((child) => child.hash),
        ).find((child) => child.start <= index && index < child.start + child.size)
        node = next!
      }
      expect(toHex(node.hash)).toBe(toHex(hashLeaf(leafOf(index))))
    }
  })

  it('a flipped bit in any child, and a child too few or too many, are refuted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 69 }), fc.nat(), fc.nat(255), (size, at, bit) => {
        const node = { start: 0, size, hash: rootOf(trees[size]) }
        const hashes = proveChildren(trees[size], node).map((child) => child.hash)
        refused('merkle/root-mismatch', () =>
          verifyChildren(
            node,
            hashes.map((hash, i) => (i === at % hashes.length ? flipped(hash, bit) : hash)),
          ),
        )
        refused('merkle/bad-proof-length', () => verifyChildren(node, hashes.slice(1)))
        refused('merkle/bad-proof-length', () => verifyChildren(node, [...hashes, hashes[0]]))
      }),
    )
  })

  it('exist only for nodes of the tree', () => {
    for (const range of [
      { start: 1, size: 2 },
      { start: 0, size: 3 },
      { start: 64, size: 7 },
      { start: -64, size: 64 },
      { start: 0, size: 0 },
      { start: 64, size: 64 },
    ])
      refused('merkle/index-out-of-range', () => proveChildren(trees[69], range))
    expect(proveChildren(trees[69], { start: 64, size: 5 }).length).toBe(5)
  })

  it('the first difference of two lists is found, and none in equal lists', () => {
    const hashes = leavesOf(5).map(hashLeaf)
    expect(
      firstDifference(
        hashes,
        hashes.map((hash) => hash.slice()),
      ),
    ).toBeUndefined()
    expect(
      firstDifference(
        hashes,
        hashes.map((hash, i) => (i > 2 ? flipped(hash, 3) : hash)),
      ),
    ).toBe(3)
    expect(firstDifference(hashes, hashes.slice(0, 4))).toBe(4)
  })
})
