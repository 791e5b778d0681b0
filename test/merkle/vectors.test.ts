import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../src/core/bytes.js'
import { fromBytes, type DType } from '../../src/core/tensor.js'
import { commitSettlement, decodeEntries, hashEntry, verifyEntry } from '../../src/merkle/settlement.js'
import { digest, openTile, verifyTile } from '../../src/merkle/tiles.js'
import {
  KINDS,
  frontierRoot,
  append,
  newFrontier,
  hashLeaf,
  proveChildren,
  proveConsistency,
  rootOf,
  sizedRoot,
  treeOf,
  verifyConsistency,
  verifyInclusion,
  type Kind,
} from '../../src/merkle/tree.js'

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))

interface TreeVectors {
  cases: {
    leaves: string[]
    root: string
    inclusion: { index: number; path: string[] }[]
    consistency: { size: number; path: string[] }[]
    children: { start: number; size: number; hash: string }[]
  }[]
  sized: { kind: Kind; code: number; size: string; root: string; sized: string }[]
}
interface TensorVectors {
  cases: {
    dtype: DType
    dims: number[]
    payload: string
    digest: string
    blind: string
    private: string
    tiles: { bytes: string; path: string[] }[]
  }[]
  nan: { dtype: DType; dims: number[]; payload: string; digest: string; tile: string }[]
}
interface SettlementVectors {
  cases: {
    root: string
    list: string
    entries: { job: string; provider: `0x${string}`; claim: string; amount: string; leaf: string; path: string[] }[]
  }[]
}

describe('the committed vectors of trees', () => {
  const { cases, sized } = read('tree') as TreeVectors

  it.each(cases.map((item) => [item.leaves.length, item] as const))('hold for %i leaves', (size, item) => {
    const leaves = item.leaves.map((leaf) => fromHex(leaf))
    const tree = treeOf(leaves)
    const root = fromHex(item.root)
    const frontier = newFrontier()
    for (const leaf of leaves) append(frontier, hashLeaf(leaf))
    expect(toHex(rootOf(tree))).toBe(item.root)
    expect(toHex(frontierRoot(frontier))).toBe(item.root)
    for (const { index, path } of item.inclusion)
      verifyInclusion(
        root,
        { index, size, leaf: hashLeaf(leaves[index]) },
        path.map((node) => fromHex(node)),
      )
    for (const { size: first, path } of item.consistency) {
      const earlier = { size: first, root: rootOf(treeOf(leaves.slice(0, first))) }
      verifyConsistency(
        earlier,
        { size, root },
        path.map((node) => fromHex(node)),
      )
      expect(proveConsistency(tree, first).map(toHex)).toEqual(path)
    }
    if (size > 0)
      expect(proveChildren(tree, { start: 0, size }).map((node) => ({ ...node, hash: toHex(node.hash) }))).toEqual(
        item.children,
      )
  })

  it('hold for sized roots of every kind', () => {
    expect(new Set(sized.map(({ kind }) => kind))).toEqual(new Set(Object.keys(KINDS)))
    for (const item of sized) {
      expect(KINDS[item.kind]).toBe(item.code)
      expect(toHex(sizedRoot(item.kind, { size: Number(item.size), root: fromHex(item.root) }))).toBe(item.sized)
    }
  })
})

describe('the committed vectors of tensors', () => {
  const { cases, nan } = read('tensor') as TensorVectors

  it.each(cases.map((item) => [item.dtype, item.dims, item] as const))('hold for %s %j', (dtype, dims, item) => {
    const value = fromBytes({ dtype, dims }, fromHex(item.payload))
    const blind = fromHex(item.blind)
    expect(toHex(digest(value))).toBe(item.digest)
    expect(toHex(digest(value, { blind }))).toBe(item.private)
    item.tiles.forEach(({ bytes, path }, tile) => {
      const opening = { bytes: fromHex(bytes), path: path.map((node) => fromHex(node)) }
      verifyTile(fromHex(item.digest), { type: value, tile }, opening)
      verifyTile(fromHex(item.private), { type: value, tile, blind }, opening)
    })
  })

  it.each(nan.map((item) => [item.dtype, item] as const))('hold for NaN in %s', (dtype, item) => {
    const value = fromBytes({ dtype, dims: item.dims }, fromHex(item.payload))
    expect(toHex(digest(value))).toBe(item.digest)
    expect(toHex(openTile(value, 0).bytes)).toBe(item.tile)
    expect(item.tile).not.toBe(item.payload)
  })
})

describe('the committed vectors of settlements', () => {
  const { cases } = read('settlement') as SettlementVectors

  it.each(cases.map((item) => [item.entries.length, item] as const))('hold for %i entries', (_, item) => {
    const settlement = commitSettlement(decodeEntries(fromHex(item.list)))
    expect(toHex(settlement.root)).toBe(item.root)
    item.entries.forEach(({ leaf, path, ...fields }, i) => {
      const entry = { ...fields, job: fromHex(fields.job), claim: fromHex(fields.claim), amount: BigInt(fields.amount) }
      expect(settlement.entries[i]).toEqual(entry)
      expect(toHex(hashEntry(entry))).toBe(leaf)
      verifyEntry(
        settlement.root,
        entry,
        path.map((node) => fromHex(node)),
      )
    })
  })
})
