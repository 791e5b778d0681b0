import type { Contract } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as R from '../../scripts/elementary/reals.js'
import { textOf } from '../../scripts/markdown.js'
import { ELEMENTARY } from '../../src/exact/elementary/index.js'
import { FUNCTIONS, runElementary } from './elementary.js'
import { deploy, startNode, type EvmNode } from './node.js'

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/ElementaryHarness')
}, 60_000)
afterAll(() => node?.stop())

describe('elementary functions in the contract', () => {
  test('are all that the op table has', () => {
    expect([...FUNCTIONS].sort()).toEqual(Object.keys(ELEMENTARY).sort())
  })

  test.each(FUNCTIONS)(
    '%s is correctly rounded, the hardest arguments included, for less than 60,000 gas',
    async (name) => {
      const { cases, wrong, worst } = await runElementary(harness, name, 2000)
      expect(wrong).toEqual([])
      expect(cases).toBe(2040)
      expect(worst).toBeLessThan(60_000)
    },
  )
})

/** A real number in units of 2^-bits, to the nearest. */
const units = (value: R.Real, bits: number): bigint => ((value >> BigInt(R.BITS - bits - 1)) + 1n) >> 1n

describe('the constants of the contract', () => {
  const twoOverPi = R.div(2n * R.ONE, R.PI)
  test.each([
    ['LN2_192', units(R.LN2, 192)],
    ['INVERSE_LN2_64', units(R.div(R.ONE, R.LN2), 64)],
    ['SQRT2_127', units(R.sqrt(2n * R.ONE), 127)],
    ['HALF_PI_128', units(R.PI / 2n, 128)],
    ['TWO_OVER_SQRT_PI_100', units(R.div(2n * R.ONE, R.sqrt(R.PI)), 100)],
    ['TWO_OVER_PI_HIGH', R.turnsOf(2)],
    // Places 257 to 384 of 2 / pi: 160 is the last place from which the reals know 256 of them.
    ['TWO_OVER_PI_LOW', (R.turnsOf(160) >> 30n) & ((1n << 128n) - 1n)],
  ])('%s', (name, value) => {
    const found = new RegExp(`constant ${name} = (0x[0-9a-f]+);`).exec(textOf('contracts/Elementary.sol'))
    expect(found?.[1]).toBe(`0x${value.toString(16)}`)
    expect(R.abs(R.turnsOf(2) - twoOverPi)).toBeLessThanOrEqual(2n)
  })
})
