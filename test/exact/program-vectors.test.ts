import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { programVector, stepVector } from '../../scripts/program-vectors.js'
import { fromHex, toHex } from '../../src/core/bytes.js'
import { decode, hash } from '../../src/exact/format.js'
import { rootOf, sizedRoot, treeOf } from '../../src/merkle/tree.js'

const vector = (name: string) =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8')) as Record<string, never>

describe('golden vectors', () => {
  test('the program has the leaves, bytes and root that were written down', () => {
    expect(programVector()).toEqual(vector('program'))
    expect(toHex(hash(decode(fromHex(vector('program').bytes))))).toBe(vector('program').root)
  })

  test('the root of a program is the sized root of the tree over its leaves', () => {
    const { leaves, root } = programVector()
    const tree = treeOf(leaves.map((leaf) => fromHex(leaf)))
    expect(toHex(sizedRoot('program', { size: leaves.length, root: rootOf(tree) }))).toBe(root)
  })

  test('steps, segments and runs have the leaves and roots that were written down', async () => {
    expect(await stepVector()).toEqual(vector('step'))
  })
})
