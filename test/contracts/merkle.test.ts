import * as fc from 'fast-check'
import type { Contract } from 'ethers'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/core/bytes.js'
import { DTYPES, type DType } from '../../src/core/tensor.js'
import { childRanges, KINDS, tileGrid, tileOf, elementAt, verifyTile } from '../../src/merkle/index.js'
import * as M from '../../src/merkle/index.js'
import { Fault } from '../../src/core/faults.js'
import { decodeStep, runTree, type Step } from '../../src/trace/step.js'
import { outcomesOf, type Call } from './batch.js'
import { deploy, startNode, type EvmNode } from './node.js'

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
  sized: { code: number; size: string; root: string; sized: string }[]
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
}
interface StepVectors {
  runs: { commitEvery: number; leaves: string[]; root: string }[]
}
interface SettlementVectors {
  cases: {
    root: string
    entries: { job: string; provider: string; claim: string; amount: string; leaf: string; path: string[] }[]
  }[]
}

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/MerkleHarness')
}, 60_000)
afterAll(() => node?.stop())

const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`
const pathOf = (path: M.Path): string[] => path.map(hex)
const x = (text: string): string => `0x${text}`
const form = ({ dtype, dims }: { dtype: DType; dims: readonly number[] }): unknown => [DTYPES[dtype].code, dims]
const none = <T>(list: readonly T[]): string[] => list.map(() => '')
const all = (list: readonly unknown[], name: string): string[] => list.map(() => name)

/** The error's name, or '' where the reference accepts. */
function refusalOf(check: () => unknown): string {
  try {
    check()
    return ''
  } catch (error) {
    if (!Fault.is(error)) throw error
    const words = error.code.split('/')[1].split('-')
    return words.map((word) => word[0].toUpperCase() + word.slice(1)).join('')
  }
}

describe('committed vectors', () => {
  const { cases, sized } = read('tree') as TreeVectors

  test.each(cases.map((item) => [item.leaves.length, item] as const))('a tree of %i leaves', async (size, item) => {
    const hashes = item.leaves.map((leaf) => M.hashLeaf(fromHex(leaf)))
    const leaves = item.leaves.map((leaf): Call => ['hashLeaf', x(leaf)])
    expect(await outcomesOf(harness, leaves)).toEqual(hashes.map(hex))
    const inclusion = item.inclusion.map(({ index, path }): Call => [
      'verifyInclusion',
      x(item.root),
      hex(hashes[index]),
      [index, size],
      path.map(x),
    ])
    const consistency = item.consistency.map(({ size: first, path }): Call => {
      const earlier = hex(M.rootFrom(hashes.slice(0, first)))
      return ['verifyConsistency', earlier, first, x(item.root), size, path.map(x)]
    })
    const calls = [...inclusion, ...consistency]
    expect(await outcomesOf(harness, calls)).toEqual(none(calls))
    if (size < 2) return
    const children = item.children.map(({ hash }) => x(hash))
    expect(await outcomesOf(harness, [['foldChildren', children, size]])).toEqual([
      `${x(item.root)} ${childRanges({ start: 0, size })[0].size}`,
    ])
  })

  test('sized roots of every kind, and the kinds by name', async () => {
    const calls = sized.map(({ code, size, root }): Call => ['sizedRoot', code, size, x(root)])
    expect(await outcomesOf(harness, calls)).toEqual(sized.map((item) => x(item.sized)))
    expect(await outcomesOf(harness, [['kinds']])).toEqual([Object.values(KINDS).join(' ')])
  })

  const tensors = (read('tensor') as TensorVectors).cases
  test.each(tensors.map((item) => [item.dtype, item.dims, item] as const))('a tensor %s %j', async (_, __, item) => {
    const { dims, dtype } = item
    const grid = tileGrid(item)
    const root = hex(M.rootFrom(item.tiles.map(({ bytes }) => M.hashLeaf(fromHex(bytes)))))
    const digests: Call[] = [
      ['digestOf', form(item), root],
      ['privateDigestOf', form(item), root, x(item.blind)],
    ]
    expect(await outcomesOf(harness, digests)).toEqual([x(item.digest), x(item.private)])
    const tiles = item.tiles.map(({ bytes, path }, tile): Call => [
      'verifyTile',
      x(item.digest),
      form(item),
      tile,
      x(bytes),
      path.map(x),
    ])
    expect(await outcomesOf(harness, tiles)).toEqual(none(tiles))
    const count = grid.rows * grid.columns
    const picked = count <= 40 ? [...Array(count).keys()] : [0, 31, 32, count >> 1, count - 2, count - 1]
    const payload = fromHex(item.payload)
    const elements = picked.map((element): Call => {
      const { bytes, path } = item.tiles[tileOf({ dtype, dims }, element).tile]
      return ['openElement', x(item.digest), form(item), element, x(bytes), path.map(x)]
    })
    const bits = picked.map((e) => BigInt(hex(payload.slice(e * grid.bytes, (e + 1) * grid.bytes).reverse())))
    expect(await outcomesOf(harness, elements)).toEqual(bits.map(String))
  })

  test.each((read('step') as StepVectors).runs.map((run) => [run.commitEvery, run] as const))(
    'the leaves of a run that commits every %i steps',
    async (every, run) => {
      const leaves = run.leaves.map((leaf) => decodeStep(fromHex(leaf)))
      const tree = runTree(leaves)
      const calls = leaves.map((leaf, i): Call => {
        const steps = every === 1 ? leaves.length : leaves.length * every - 1
        return ['verifyStep', x(run.root), wire(leaf), steps, every, pathOf(M.proveInclusion(tree, i))]
      })
      expect(await outcomesOf(harness, calls)).toEqual(none(calls))
      const hashes = leaves.map((leaf): Call => ['hashStep', wire(leaf)])
      expect(await outcomesOf(harness, hashes)).toEqual(run.leaves.map((leaf) => hex(M.hashLeaf(fromHex(leaf)))))
      const moved = leaves.map((leaf, i): Call => {
        const other = { ...leaf, index: (Number(leaf.index) + 1) % leaves.length }
        return ['verifyStep', x(run.root), wire(other), leaves.length * every, every, pathOf(M.proveInclusion(tree, i))]
      })
      for (const name of await outcomesOf(harness, moved)) expect(name).toMatch(/^(RootMismatch|BadProofLength)$/)
    },
  )

  test.each((read('settlement') as SettlementVectors).cases.map((item) => [item.entries.length, item] as const))(
    'a settlement of %i payments',
    async (_, { root, entries }) => {
      const payment = (entry: (typeof entries)[number], amount = entry.amount): unknown => [
        x(entry.job),
        entry.provider,
        x(entry.claim),
        amount,
      ]
      const hashes = entries.map((entry): Call => ['hashPayment', payment(entry)])
      expect(await outcomesOf(harness, hashes)).toEqual(entries.map(({ leaf }) => x(leaf)))
      const calls = entries.map((one): Call => ['verifyPayment', x(root), payment(one), one.path.map(x)])
      expect(await outcomesOf(harness, calls)).toEqual(none(calls))
      const more = entries.map((one): Call => [
        'verifyPayment',
        x(root),
        payment(one, String(BigInt(one.amount) + 1n)),
        one.path.map(x),
      ])
      expect(await outcomesOf(harness, more)).toEqual(all(more, 'NotInSettlement'))
    },
  )
})

const wire = (leaf: Step): unknown => [
  leaf.index,
  hex(leaf.stateBefore),
  hex(leaf.inputs),
  hex(leaf.values),
  hex(leaf.stateAfter),
  hex(leaf.outputs),
]

const leavesOf = (size: number): Uint8Array[] => Array.from({ length: size }, (_, i) => Uint8Array.of(i, size))
const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const copy = bytes.slice()
  copy[bit >> 3] ^= 1 << (bit & 7)
  return copy
}

describe('trees of 1 to 70 leaves', () => {
  test('every leaf of every size is included, and every smaller tree is a beginning', async () => {
    const calls: Call[] = []
    for (let size = 1; size <= 70; size++) {
      const tree = M.treeOf(leavesOf(size))
      const root = hex(M.rootOf(tree))
      const hashes = leavesOf(size).map(M.hashLeaf)
      for (let i = 0; i < size; i += size > 20 ? 3 : 1)
        calls.push(['verifyInclusion', root, hex(hashes[i]), [i, size], pathOf(M.proveInclusion(tree, i))])
      for (let first = 0; first <= size; first += size > 20 ? 3 : 1) {
        const earlier = hex(M.rootFrom(hashes.slice(0, first)))
        calls.push(['verifyConsistency', earlier, first, root, size, pathOf(M.proveConsistency(tree, first))])
      }
    }
    expect(calls.length).toBeGreaterThan(1000)
    expect(await outcomesOf(harness, calls)).toEqual(none(calls))
  })

  test('a flipped bit of root, leaf or path is refuted', async () => {
    const tree = M.treeOf(leavesOf(13))
    const [root, leaf, path] = [M.rootOf(tree), M.hashLeaf(leavesOf(13)[10]), M.proveInclusion(tree, 10)]
    const call = (a: Uint8Array, b: Uint8Array, c: M.Path): Call => [
      'verifyInclusion',
      hex(a),
      hex(b),
      [10, 13],
      pathOf(c),
    ]
    const calls = Array.from({ length: 256 }, (_, bit) => [
      call(flipped(root, bit), leaf, path),
      call(root, flipped(leaf, bit), path),
      ...path.map((_, i) => call(root, leaf, path.with(i, flipped(path[i], bit)))),
    ]).flat()
    expect(await outcomesOf(harness, calls)).toEqual(all(calls, 'RootMismatch'))
  })

  test('a flipped bit of either root or of a consistency proof is refuted', async () => {
    const tree = M.treeOf(leavesOf(13))
    const [earlier, later] = [M.rootOf(M.treeOf(leavesOf(13).slice(0, 6))), M.rootOf(tree)]
    // Leaves hold the size, so the earlier tree is taken from the same list.
    const path = M.proveConsistency(tree, 6)
    const call = (a: Uint8Array, b: Uint8Array, c: M.Path): Call => [
      'verifyConsistency',
      hex(a),
      6,
      hex(b),
      13,
      pathOf(c),
    ]
    expect(await outcomesOf(harness, [call(earlier, later, path)])).toEqual([''])
    const calls = Array.from({ length: 256 }, (_, bit) => [
      call(flipped(earlier, bit), later, path),
      call(earlier, flipped(later, bit), path),
      ...path.map((_, i) => call(earlier, later, path.with(i, flipped(path[i], bit)))),
    ]).flat()
    expect(await outcomesOf(harness, calls)).toEqual(all(calls, 'Inconsistent'))
  })

  test('any index, size and length of proof fares as with the reference', async () => {
    const size = fc.integer({ min: 1, max: 70 })
    const any = fc.record({
      size,
      index: fc.nat(75),
      asSize: fc.nat(75),
      from: fc.nat(69),
      cut: fc.integer({ min: -2, max: 2 }),
    })
    const samples = fc.sample(any, { numRuns: 1500, seed: 4 })
    const right = samples.map(({ size, from }) => {
      const tree = M.treeOf(leavesOf(size))
      const at = from % size
      return { tree, root: M.rootOf(tree), leaf: M.hashLeaf(leavesOf(size)[at]), path: M.proveInclusion(tree, at), at }
    })
    const cases = samples.map(({ index, asSize, cut, size }, i) => {
      const { root, leaf, path, at } = right[i]
      // Half of them keep the index, so that a wrong size or length is all that is wrong.
      const place = i % 2 === 0 ? { index: at, size: asSize } : { index, size }
      const other = cut < 0 ? path.slice(0, cut) : [...path, ...Array<Uint8Array>(cut).fill(root)]
      return { root, leaf, place, path: other }
    })
    const calls = cases.map(({ root, leaf, place, path }): Call => [
      'verifyInclusion',
      hex(root),
      hex(leaf),
      [place.index, place.size],
      pathOf(path),
    ])
    const expected = cases.map(({ root, leaf, place, path }) =>
      refusalOf(() => M.verifyInclusion(root, { ...place, leaf }, path)),
    )
    expect(await outcomesOf(harness, calls)).toEqual(expected)
    expect(new Set(expected)).toEqual(new Set(['', 'IndexOutOfRange', 'BadProofLength', 'RootMismatch']))
  })

  test('any pair of sizes and length of a consistency proof fares as with the reference', async () => {
    const any = fc.record({
      total: fc.nat(70),
      first: fc.nat(70),
      asFirst: fc.nat(72),
      asTotal: fc.nat(72),
      change: fc.constantFrom('nothing', 'first', 'total', 'length'),
      cut: fc.integer({ min: -2, max: 2 }),
    })
    const cases = fc.sample(any, { numRuns: 1500, seed: 5 }).map((one) => {
      const leaves = leavesOf(one.total)
      const size = one.first % (one.total + 1)
      const tree = M.treeOf(leaves)
      const proof = M.proveConsistency(tree, size)
      const root = M.rootOf(tree)
      const cut = one.change === 'length' ? one.cut : 0
      return {
        earlier: { size: one.change === 'first' ? one.asFirst : size, root: M.rootOf(M.treeOf(leaves.slice(0, size))) },
        later: { size: one.change === 'total' ? one.asTotal : one.total, root },
        path: cut < 0 ? proof.slice(0, cut) : [...proof, ...Array<Uint8Array>(cut).fill(root)],
      }
    })
    const calls = cases.map(({ earlier, later, path }): Call => [
      'verifyConsistency',
      hex(earlier.root),
      earlier.size,
      hex(later.root),
      later.size,
      pathOf(path),
    ])
    const expected = cases.map(({ earlier, later, path }) => refusalOf(() => M.verifyConsistency(earlier, later, path)))
    expect(await outcomesOf(harness, calls)).toEqual(expected)
    expect(new Set(expected)).toEqual(new Set(['', 'BadProofLength', 'Inconsistent']))
  })
})

describe('attacks on trees', () => {
  test('an inner node does not pass as a leaf', async () => {
    const [a, b, c, d] = leavesOf(4).map(M.hashLeaf)
    const root = hex(M.rootFrom([a, b, c, d]))
    const [left, right] = [M.hashNode(a, b), M.hashNode(c, d)]
    const data = hex(Uint8Array.of(...a, ...b))
    const [asLeaf] = await outcomesOf(harness, [['hashLeaf', data]])
    const call = (size: number, leaf: string): Call => ['verifyInclusion', root, leaf, [0, size], [hex(right)]]
    expect(await outcomesOf(harness, [call(2, asLeaf), call(4, hex(left))])).toEqual(['RootMismatch', 'BadProofLength'])
  })

  test('a plain root does not bind its size, a sized root does', async () => {
    const leaves = leavesOf(5)
    const tree = M.treeOf(leaves)
    const [leaf, path] = [hex(M.hashLeaf(leaves[0])), pathOf(M.proveInclusion(tree, 0))]
    const root = M.rootOf(tree)
    const sized = hex(M.sizedRoot('state', { size: 5, root }))
    const calls: Call[] = [
      ['verifyInclusion', hex(root), leaf, [0, 6], path],
      ['verifySized', sized, KINDS.state, leaf, [0, 5], path],
      ['verifySized', sized, KINDS.state, leaf, [0, 6], path],
      ['verifySized', sized, KINDS.values, leaf, [0, 5], path],
      ['verifySized', sized, KINDS.state, leaf, [0, 5], path.slice(1)],
      ['sizedRoot', KINDS.state, 2n ** 64n, hex(root)],
    ]
    const expected = ['', '', 'RootMismatch', 'RootMismatch', 'BadProofLength', 'TooLarge']
    expect(await outcomesOf(harness, calls)).toEqual(expected)
  })

  test('children fold to the node of any size, and one more or fewer is refused', async () => {
    const calls: Call[] = []
    const expected: string[] = []
    for (const size of [2, 3, 63, 64, 65, 66, 127, 128, 129, 200, 4096, 4097, 5000]) {
      const tree = M.treeOf(Array.from({ length: size }, (_, i) => Uint8Array.of(i & 255, i >> 8)))
      const hashes = M.proveChildren(tree, { start: 0, size }).map(({ hash }) => hex(hash))
      calls.push(['foldChildren', hashes, size], ['foldChildren', hashes.slice(1), size])
      calls.push(['foldChildren', [...hashes, hashes[0]], size])
      const run = childRanges({ start: 0, size })[0].size
      expected.push(`${hex(M.rootOf(tree))} ${run}`, 'BadProofLength', 'BadProofLength')
    }
    expect(await outcomesOf(harness, calls)).toEqual(expected)
    const none: Call[] = [
      ['foldChildren', [], 0],
      ['foldChildren', [hex(M.EMPTY_ROOT)], 1],
    ]
    expect(await outcomesOf(harness, none)).toEqual(['IndexOutOfRange', 'IndexOutOfRange'])
  })
})

const dtypes = Object.keys(DTYPES) as DType[]
const types = fc.record({
  dtype: fc.constantFrom(...dtypes),
  dims: fc.array(fc.oneof(fc.nat(70), fc.constantFrom(0, 1, 31, 32, 33, 1024, 2 ** 20, 2 ** 40)), { maxLength: 5 }),
})

describe('tiles', () => {
  test('every type is cut as the reference cuts it, or refused as there', async () => {
    const cases = fc.sample(types, { numRuns: 600, seed: 6 })
    const expected = cases.map((type) => gridText(type))
    expect(
      await outcomesOf(
        harness,
        cases.map((type): Call => ['gridOf', form(type)]),
      ),
    ).toEqual(expected)
    expect(new Set(expected).has('TooLarge')).toBe(true)
  })

  test('every element lies where the reference finds it', async () => {
    const cases = fc
      .sample(fc.tuple(types, fc.double({ min: 0, max: 1, noNaN: true })), { numRuns: 900, seed: 7 })
      .filter(([type]) => gridText(type) !== 'TooLarge')
      .map(([type, part]) => {
        const { rows, columns } = tileGrid(type)
        return { type, element: Math.floor(rows * columns * part) }
      })
    const calls = cases.map(({ type, element }): Call => ['placeOf', form(type), element])
    const expected = cases.map(({ type, element }) => {
      const name = refusalOf(() => tileOf(type, element))
      if (name !== '') return name
      const { tile, position } = tileOf(type, element)
      expect(elementAt(type, { tile, position })).toBe(element)
      return `${tile} ${position}`
    })
    expect(await outcomesOf(harness, calls)).toEqual(expected)
    expect(expected.filter((text) => text !== 'IndexOutOfRange').length).toBeGreaterThan(200)
  })

  test('types that no program carries are refused', async () => {
    const calls: Call[] = [0, 8, 14, 15, 17, 255].map((code) => ['gridOf', [code, [2]]])
    expect(await outcomesOf(harness, calls)).toEqual(all(calls, 'BadTensor'))
    const rest: Call[] = [
      ['gridOf', [1, [2n ** 53n, 0]]],
      ['gridOf', [1, Array(256).fill(1)]],
      ['digestOf', [1, Array(256).fill(1)], hex(M.EMPTY_ROOT)],
      ['gridOf', [1, [2 ** 40, 2]]],
    ]
    expect(await outcomesOf(harness, rest)).toEqual(['BadTensor', 'TooLarge', 'TooLarge', 'TooLarge'])
  })

  test('a tile in another place, of another length, type or content is refuted', async () => {
    const type = { dtype: 'float32', dims: [40, 40] } as const
    const tensor = { ...type, data: Float32Array.from({ length: 1600 }, (_, i) => i / 8) }
    const digest = M.digest(tensor)
    const opening = M.openTile(tensor, 1)
    verifyTile(digest, { type, tile: 1 }, opening)
    const [bytes, path] = [opening.bytes, pathOf(opening.path)]
    const call = (to: Uint8Array, shape: unknown, tile: number, data: Uint8Array): Call => [
      'verifyTile',
      hex(to),
      shape,
      tile,
      hex(data),
      path,
    ]
    const calls = [
      call(digest, [1, [40, 40]], 1, bytes),
      call(digest, [1, [40, 40]], 3, bytes),
      call(digest, [1, [40, 40]], 4, bytes),
      call(digest, [1, [40, 40]], 1, bytes.slice(1)),
      call(digest, [1, [40, 40]], 1, Uint8Array.of(...bytes, 0)),
      call(digest, [6, [40, 40]], 1, bytes),
      call(digest, [1, [1, 40, 40]], 1, bytes),
      call(flipped(digest, 77), [1, [40, 40]], 1, bytes),
    ]
    const expected = ['', 'BadTile', 'IndexOutOfRange', 'BadTile', 'BadTile', ...Array<string>(3).fill('RootMismatch')]
    expect(await outcomesOf(harness, calls)).toEqual(expected)
    const bits = Array.from({ length: 300 }, (_, i) => (i * 27) % (8 * bytes.length))
    const flips = bits.map((bit) => call(digest, [1, [40, 40]], 1, flipped(bytes, bit)))
    expect(await outcomesOf(harness, flips)).toEqual(all(flips, 'RootMismatch'))
  })

  test('a tile with a NaN that is not canonical is opened: whoever committed it cannot hide behind it', async () => {
    const bytes = fromHex('010080ff')
    const [digest] = await outcomesOf(harness, [['digestOf', [1, [1]], hex(M.rootFrom([M.hashLeaf(bytes)]))]])
    const call: Call = ['openElement', digest, [1, [1]], 0, hex(bytes), []]
    expect(await outcomesOf(harness, [call])).toEqual([String(0xff800001)])
    const opening = { bytes, path: [] }
    const place = { type: { dtype: 'float32', dims: [1] }, tile: 0 } as const
    expect(refusalOf(() => verifyTile(fromHex(digest.slice(2)), place, opening))).toBe('BadElement')
  })
})

function gridText(type: { dtype: DType; dims: number[] }): string {
  const name = refusalOf(() => tileGrid(type))
  if (name !== '') return name
  const { rows, columns, height, width, across, count, bytes } = tileGrid(type)
  return (count === 0 ? [0, columns, 0, 0, 0, 0, bytes] : [rows, columns, height, width, across, count, bytes]).join(
    ' ',
  )
}
