import type { Contract } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as C from '../../scripts/contracts.js'
import * as V from '../../scripts/exact-vectors.js'
import { GRID, PAIRS, SCALED, SINGLES, TRUNCATIONS, compare, grids, integers, packed } from '../contracts/exact.js'
import { deploy, startNode, type EvmNode } from '../contracts/node.js'

const CASES = 200_000
/** Of what is not arithmetic. */
const OTHERS = 50_000
const SAME = { count: 0, first: [] }

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/ExactHarness')
})
afterAll(() => node?.stop())

describe.each(V.FORMATS)('the contract computes $dtype as the exact ops do, 200,000 times', (format) => {
  test('add, sub, mul, div, max, min, fmod and comparisons of pairs', async () => {
    const operands = V.pairs(format, CASES)
    const expected = V.expectPairs(format, operands)
    const found = await compare(operands, { run: packed(harness, 'pairs', format), expected, layout: PAIRS })
    expect(found).toEqual({ cases: CASES, ...SAME })
  })

  test('all pairs of the numbers at which the format changes its ways', async () => {
    const edges = V.specials(format)
    const operands = edges.flatMap((a) => edges.map((b) => [a, b] as const))
    expect(edges.length).toBeGreaterThanOrEqual(140)
    const expected = V.expectPairs(format, operands)
    const found = await compare(operands, { run: packed(harness, 'pairs', format), expected, layout: PAIRS })
    expect(found).toEqual({ cases: edges.length ** 2, ...SAME })
  })

  test('sqrt, signs, integral values, powers of two and casts between floats', async () => {
    const operands = V.singles(format, CASES)
    const expected = V.expectSingles(format, operands)
    const cases = operands.map((x) => [x])
    const found = await compare(cases, { run: packed(harness, 'singles', format), expected, layout: SINGLES })
    expect(found).toEqual({ cases: CASES, ...SAME })
  })

  test('casts to every integer type truncate and clamp', async () => {
    const operands = V.singles(format, OTHERS).filter((x) => !isNaN(V.numberOf(format, x)))
    const expected = V.expectTruncations(format, operands)
    const cases = operands.map((x) => [x])
    const found = await compare(cases, { run: packed(harness, 'truncations', format), expected, layout: TRUNCATIONS })
    expect(found).toEqual({ cases: operands.length, ...SAME })
  })

  test.each(format.width === 4 ? [22] : [22, 43, 51])('grids of %i bits, as numbers and as units', async (bits) => {
    const operands = V.gridPairs(format, { bits, count: OTHERS })
    const expected = V.expectGrid(format, bits, operands)
    const found = await compare(operands, { run: grids(harness, format, bits), expected, layout: GRID })
    expect(found).toEqual({ cases: operands.length, ...SAME })
  })
})

test('an integer of 256 bits times a power of two is rounded once to every float type', async () => {
  const cases = V.scaledIntegers(OTHERS)
  const found = await compare(cases, { run: integers(harness), expected: V.expectScaled(cases), layout: SCALED })
  expect(found).toEqual({ cases: cases.length, ...SAME })
})

test.each(C.artifacts())('the compiler gives the bytes of $contract again', (artifact) => {
  expect(C.compileFile(artifact.source)).toContainEqual(artifact)
})
