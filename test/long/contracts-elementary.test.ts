import type { Contract } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FUNCTIONS, runElementary } from '../contracts/elementary.js'
import { deploy, startNode, type EvmNode } from '../contracts/node.js'

const CASES = 100_000

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/ElementaryHarness')
})
afterAll(() => node?.stop())

test.each(FUNCTIONS)('%s of 100,000 numbers and its hardest ones has the bits of the exact op', async (name) => {
  const { cases, wrong } = await runElementary(harness, name, CASES)
  expect(wrong).toEqual([])
  expect(cases).toBe(CASES + 40)
})
