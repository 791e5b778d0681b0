import { afterAll, beforeAll, expect, test } from 'vitest'
import { gasSnapshot } from '../../scripts/gas-tables.js'
import { measureGas } from '../contracts/gas.js'
import { grown } from '../contracts/gas-growth.js'
import { startNode, type EvmNode } from '../contracts/node.js'

let node: EvmNode
beforeAll(async () => void (node = await startNode()))
afterAll(() => node?.stop())

test('no fault proof, no move of a game and no settlement takes more gas than the committed figures say', async () => {
  const { cases } = gasSnapshot()
  let count = 0
  for await (const [name, measured] of measureGas(node)) {
    expect(grown(name, measured, cases[name])).toEqual([])
    count++
  }
  expect(count).toBe(Object.keys(cases).length)
})
