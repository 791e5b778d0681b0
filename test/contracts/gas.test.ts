import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expansionTable, gasSnapshot, gasTable } from '../../scripts/gas-tables.js'
import { textOf } from '../../scripts/markdown.js'
import { GAS_CASES, measureGas } from './gas.js'
import { grown } from './gas-growth.js'
import { startNode, type EvmNode } from './node.js'

/** What is measured again in this suite; the long one measures everything. */
const SOME = [
  'product-k64',
  'product-k65536',
  'product-term',
  'sum-1e6',
  'scatter-2e5',
  'elementwise-3',
  'settle-optimistic',
  'quorum-7',
  'settle-from-batch',
]

describe('the committed figures', () => {
  const { cases } = gasSnapshot()

  test('are about every case', () => {
    expect(Object.keys(cases)).toEqual(Object.keys(GAS_CASES))
  })

  test.each(Object.keys(GAS_CASES))('%s takes no more than it may', (name) => {
    const { gas = Infinity, calldata = Infinity } = GAS_CASES[name].limit
    expect(cases[name].gas).toBeGreaterThan(0)
    expect(cases[name].gas).toBeLessThanOrEqual(gas)
    expect(cases[name].calldata ?? 0).toBeLessThanOrEqual(calldata)
  })

  test('are those of the documents', async () => {
    expect(textOf('docs/contracts.md')).toBe(await gasTable())
    expect(textOf('docs/disputes.md')).toBe(await expansionTable())
  })
})

describe('measured again', () => {
  let node: EvmNode
  beforeAll(async () => void (node = await startNode()), 60_000)
  afterAll(() => node?.stop())

  test('no transaction takes more than the committed figures say', async () => {
    for await (const [name, measured] of measureGas(node, SOME))
      expect(grown(name, measured, gasSnapshot().cases[name])).toEqual([])
  }, 120_000)
})
