/** How many questions the longest honest way down takes, and that a game has room for it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ZERO32, toHex } from '../../src/core/bytes.js'
import type { OwnRun } from '../../src/dispute/book.js'
import { layoutOf } from '../../src/dispute/expansion.js'
import { explore } from '../../src/dispute/explore.js'
import { openValue } from '../../src/dispute/openings.js'
import type { Ask } from '../../src/dispute/question.js'
import { runFor } from '../../src/dispute/own-run.js'
import { findFault } from '../../src/dispute/search.js'
import { longestWay, questionsBelow, wayOf } from '../../src/dispute/way.js'
import { Builder } from '../../src/exact/builder.js'
import type { NodeValue } from '../../src/exact/program.js'
import { listTree, tileGrid } from '../../src/merkle/tiles.js'
import { hashLeaf, proveChildren, rootOf, type Range } from '../../src/merkle/tree.js'
import type { Address } from '../../src/receipt/fields.js'
import { reference } from '../../src/runtime/reference.js'
import { mixture, valueOf } from '../chain/mixture.js'
import { crafty } from '../dispute/crafty.js'
import { leafFrom, lyingRun } from '../dispute/liar.js'
import * as D from './disputes.js'
import { startNode, type EvmNode } from './node.js'
import * as S from './settlement.js'

describe('questions', () => {
  test.each([1, 2, 64, 65, 4096, 4097])('to a leaf of %i are one a level of 64 and one for the leaf', async (size) => {
    for (const place of new Set([0, size >> 1, size - 1])) {
      const items = Array.from({ length: size }, (_, i) => D.noise(i & 255))
      const [own, other] = [items, items.map((item, i) => (i === place ? ZERO32 : item))].map((one) => listTree(one))
      let asked = 0
      const known = new Map<string, Range>([[toHex(rootOf(other)), { start: 0, size }]])
      const ask: Ask = async (_, { form, hash }) => {
        asked++
        if (form === 'leaf') return { name: 'answerLeaf', leaf: ZERO32 }
        const children = proveChildren(other, known.get(toHex(hash))!)
        for (const child of children) known.set(toHex(child.hash), child)
        return { name: 'answerChildren', children: children.map((child) => child.hash) }
      }
      const node = { move: { name: 'demandRun' } as const, root: rootOf(other) }
      const found = await explore(ask, { kind: 'tile', size, node }, own)
      expect([found.index, hashLeaf(found.leaf)]).toEqual([place, hashLeaf(ZERO32)])
      // The last children of a tree are smaller ones.
      if (place === 0) expect(asked).toBe(questionsBelow(size))
      expect(asked).toBeLessThanOrEqual(questionsBelow(size))
    }
  })

  test('of the longest way down runs of 2^32 steps, in the largest programs and tensors of the formats, are as many as a game has', () => {
    const b = new Builder()
    const x = b.input('x', { dtype: 'float32', dims: [] })
    const { program } = b.finish({ outputs: [['y', b.op('Neg', [x])]] })
    // A program has at most 2^31 bytes, and a leaf with its length is one value at most.
    const values = Math.floor(2 ** 31 / (4 + openValue(program, 0).leaf.length))
    // The most tiles are those of one row of 2^40 elements; the most leaves of an expansion 8 for 513 terms, or 4 for 257.
    const tiles = Math.max(...[8, 4, 2, 1].map((bytes) => tilesOf(bytes)))
    const expansion = Math.max(8 * Math.ceil(2 ** 40 / 513), 4 * Math.ceil(2 ** 40 / 257), 1 + 2 * 2 ** 31)
    let longest = 0
    for (let bits = 0; bits <= 32; bits++) {
      for (const commitEvery of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1, Math.ceil(2 ** 32 / (2 ** bits + 1))]) {
        if (commitEvery < 1) continue
        const way = longestWay({ steps: 2 ** 32, commitEvery, values, tiles, expansion })
        longest = Math.max(longest, way)
      }
    }
    expect(longest).toBe(MAX_QUESTIONS)
  })
})

const tilesOf = (bytes: number): number => {
  const dtype = ({ 8: 'float64', 4: 'float32', 2: 'float16', 1: 'uint8' } as const)[bytes as 1 | 2 | 4 | 8]
  return tileGrid({ dtype, dims: [1, 2 ** 40] }).count
}
const MAX_QUESTIONS = 40

describe('over a chain', () => {
  let node: EvmNode
  let court: D.Court
  beforeAll(async () => {
    node = await startNode()
    await S.endow(node, [0x11, 0x22, 0x33, 0x99])
    court = await D.courtOn(node)
  }, 60_000)
  afterAll(() => node?.stop())

  test('a liar that sends its challenger everywhere is followed with exactly so many questions', async () => {
    expect(await court.dispute.MAX_QUESTIONS()).toBe(BigInt(MAX_QUESTIONS))
    const [commitEvery, work] = [2, mixture({ steps: 4 })]
    const value = valueOf(work, 'MatMul')
    const lie = await lyingRun(work, { step: 0, value, element: 0, flip: 1 << 20 }, { commitEvery })
    const run = await hole(lie)
    const [alice, bob] = [0x22, 0x33].map(court.actor)
    const suit = await D.claimedBy(court, { computation: work, commitEvery }, { by: alice, run })
    // Its expansion is made to fit its lie, so that it is no one’s own either.
    const duel = { ...(await D.openGame(court, suit, bob)), book: crafty(run, 0) }
    const own = await runFor(work, reference(), { commitEvery })
    const ask: Ask = (move) => D.ask(duel, move.name, ...D.argumentsOf(move))
    const of = { job: suit.job, claim: suit.claim, provider: alice.sign.address as Address }
    const proof = await findFault({ case: of, declared: undefined, own }, ask)
    expect(proof?.referee).toBe('expansion')
    const [{ values }] = (await own.retrace(0)).steps
    const row = work.program.values[value] as NodeValue
    const operands = row.inputs.map((input) => values[input]!)
    const sizes = {
      steps: 4,
      commitEvery,
      values: work.program.values.length,
      tiles: tileGrid(row).count,
      expansion: layoutOf(row, operands, 0)!.size,
    }
    expect((await D.standing(duel)).questions).toBe(BigInt(longestWay(sizes)))
    expect(wayOf(work.program, sizes)).toBeGreaterThanOrEqual(longestWay(sizes))
  })
})

/** The run with no inputs listed for the second step of its first leaf. */
async function hole(lie: OwnRun): Promise<OwnRun> {
  const traced = await lie.retrace(0)
  const steps = traced.steps.map((step, i) => (i === 1 ? { ...step, leaf: { ...step.leaf, inputs: ZERO32 } } : step))
  const leaf = leafFrom(0, steps, { commitEvery: 2, operatorTrace: false })
  const leaves = lie.leaves.map((one, i) => (i === 0 ? leaf : one))
  return { ...lie, leaves, retrace: async (index) => (index === 0 ? { ...traced, steps } : lie.retrace(index)) }
}
