import { afterAll, beforeAll, expect, test } from 'vitest'
import { sceneOn, type Scene } from './ledger-chain.js'
import { liveOften } from './lives.js'
import { startNode, type EvmNode } from './node.js'

/** Settlement, Quorums and Dispute together, beside a model of them: see lives.ts. The long suite lives more of them. */

let node: EvmNode
let scene: Scene
beforeAll(async () => {
  node = await startNode()
  scene = await sceneOn(node)
}, 60_000)
afterAll(() => node?.stop())

test('random lives: chain and model agree on every call, all money is there, and who is honest loses nothing', async () => {
  const { done, refused } = await liveOften(scene, { runs: 3, limit: 25_000 })
  // Even a single life does a part of what there is to do, and is refused some of it.
  expect(done.size).toBeGreaterThan(8)
  expect(refused.size).toBeGreaterThan(0)
}, 90_000)
