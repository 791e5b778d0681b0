import { readFileSync } from 'node:fs'
import type { Contract } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as V from '../../scripts/exact-vectors.js'
import { GRID, HALVES, PAIRS, SCALED, SINGLES, TRUNCATIONS, compare, grids, halves, integers, packed } from './exact.js'
import { deploy, startNode, type EvmNode } from './node.js'

const CASES = 5000
const SAME = { count: 0, first: [] }

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/ExactHarness')
}, 60_000)
afterAll(() => node?.stop())

describe.each(V.FORMATS)('the contract computes $dtype as the exact ops do', (format) => {
  test('add, sub, mul, div, max, min, fmod and comparisons of pairs', async () => {
    const operands = V.pairs(format, CASES)
    const expected = V.expectPairs(format, operands)
    const found = await compare(operands, { run: packed(harness, 'pairs', format), expected, layout: PAIRS })
    expect(found).toEqual({ cases: CASES, ...SAME })
  })

  test('exact cancellation, and cancellation to the last bits, at every exponent', async () => {
    const operands = V.cancellations(format)
    const expected = V.expectPairs(format, operands)
    const zeros = expected.Add.filter((bits) => bits === 0n).length
    expect(zeros).toBeGreaterThanOrEqual(3 * Number(format.top) - 1)
    const found = await compare(operands, { run: packed(harness, 'pairs', format), expected, layout: PAIRS })
    expect(found).toEqual({ cases: 6 * Number(format.top), ...SAME })
  })

  test('sqrt, signs, integral values, powers of two and casts between floats', async () => {
    const operands = V.singles(format, CASES)
    const expected = V.expectSingles(format, operands)
    const cases = operands.map((x) => [x])
    const found = await compare(cases, { run: packed(harness, 'singles', format), expected, layout: SINGLES })
    expect(found).toEqual({ cases: CASES, ...SAME })
  })

  test('casts to every integer type truncate and clamp', async () => {
    const operands = [...V.specials(format), ...V.singles(format, CASES)].filter((x) => !isNaN(V.numberOf(format, x)))
    const expected = V.expectTruncations(format, operands)
    const cases = operands.map((x) => [x])
    const found = await compare(cases, { run: packed(harness, 'truncations', format), expected, layout: TRUNCATIONS })
    expect(found).toEqual({ cases: operands.length, ...SAME })
  })

  test.each(format.width === 4 ? [22] : [22, 43, 51])('grids of %i bits, as numbers and as units', async (bits) => {
    const operands = V.gridPairs(format, { bits, count: CASES })
    const expected = V.expectGrid(format, bits, operands)
    const found = await compare(operands, { run: grids(harness, format, bits), expected, layout: GRID })
    expect(found).toEqual({ cases: operands.length, ...SAME })
  })

  test('a NaN has no integer value, and nothing lies beyond the scale of its grid', async () => {
    const { width, fraction, top } = format
    const [nan, one] = [(top << fraction) | 1n, (top >> 1n) << fraction]
    const error = (name: string) => ({ revert: { name } })
    await expect(harness.truncate(width, nan, 32, true)).rejects.toMatchObject(error('CastOfNaN'))
    await expect(harness.grid(width, one + 1n, one, 22)).rejects.toMatchObject(error('BeyondGrid'))
    await expect(harness.units(width, one + 1n, one, 22)).rejects.toMatchObject(error('BeyondGrid'))
    await expect(harness.units(width, 0n, nan, 22)).rejects.toMatchObject(error('BeyondGrid'))
    expect(await harness.units(width, one, one, 22)).toBe(2n ** 22n)
  })
})

describe('integers and 16-bit floats', () => {
  test('an integer of 256 bits times a power of two is rounded once to every float type', async () => {
    const cases = V.scaledIntegers(CASES)
    const found = await compare(cases, { run: integers(harness), expected: V.expectScaled(cases), layout: SCALED })
    expect(found).toEqual({ cases: cases.length, ...SAME })
  })

  test('with the power 1 that is the cast of an integer', () => {
    const next = V.stream('casts of integers')
    const values = Array.from({ length: 3000 }, (_, i) => BigInt.asIntN(64, next() >> BigInt(i % 64)))
    const scaled = V.expectScaled(values.map((n) => [n, 0n]))
    expect(V.expectIntegers('int64', values)).toEqual({ float32: scaled.float32, float64: scaled.float64 })
    const unsigned = values.map((n) => BigInt.asUintN(64, n))
    const above = V.expectScaled(unsigned.map((n) => [n, 0n]))
    expect(V.expectIntegers('uint64', unsigned)).toEqual({ float32: above.float32, float64: above.float64 })
  })

  test('every pattern of float16 and bfloat16 widens as the cast does', async () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const cases = Array.from(patterns, (bits) => [BigInt(bits)])
    const expected = V.expectHalves(patterns)
    const found = await compare(cases, { run: halves(harness), expected, layout: HALVES })
    expect(found).toEqual({ cases: 65536, ...SAME })
  })
})

describe('the vector file', () => {
  const file: unknown = JSON.parse(readFileSync(new URL('../vectors/exact.json', import.meta.url), 'utf8'))

  test('is what the exact ops say', () => expect(file).toEqual(V.vectorFile()))

  test.each(V.FORMATS)('holds for the sums of JavaScript, read as a third party would read $dtype', (format) => {
    const cases = file as Record<string, Record<string, readonly string[]>>
    const add = (a: bigint, b: bigint) => V.bitsOf(format, V.numberOf(format, a) + V.numberOf(format, b))
    for (const line of cases[format.dtype].Add) {
      const [a, b, sum] = line.split(' ').map((word) => BigInt(`0x${word}`))
      expect(add(a, b)).toBe(sum)
    }
  })
})
