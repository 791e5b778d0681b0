/**
 * A chain of this test file's own: importing it starts a node before the tests, with all contracts on it, and ends it behind them.
 * @module
 */
import { afterAll, beforeAll } from 'vitest'
import { startNode, type EvmNode } from '../contracts/node.js'
import { worldOn, type World } from './world.js'

export let node: EvmNode
export let world: World

beforeAll(async () => {
  node = await startNode()
  world = await worldOn(node)
}, 120_000)
afterAll(() => node?.stop())
