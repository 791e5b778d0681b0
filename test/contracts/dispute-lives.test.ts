import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sceneOn, type Scene } from './ledger-chain.js'
import { live, lives, type Tally } from './lives.js'
import { startNode, type EvmNode } from './node.js'

/** Settlement, Quorums and Dispute together, beside a model of them: see lives.ts. The long suite lives more of them. */

let node: EvmNode
let scene: Scene
beforeAll(async () => {
  node = await startNode()
  scene = await sceneOn(node)
}, 60_000)
afterAll(() => node?.stop())

/** More by the environment variable LIVES. */
const RUNS = Number(process.env.LIVES ?? 4)

test('random lives: chain and model agree on every call, all money is there, and who is honest loses nothing', async () => {
  const tally: Tally = { done: new Map(), refused: new Map() }
  await fc.assert(
    fc.asyncProperty(lives, (happenings) => live(scene, happenings, tally)),
    { numRuns: RUNS, seed: process.env.SEED ? Number(process.env.SEED) : undefined, interruptAfterTimeLimit: 120_000 },
  )
  if (process.env.LIVES !== undefined) console.log(JSON.stringify([...tally.done]), JSON.stringify([...tally.refused]))
  // Most of what there is to do was done, and much was refused.
  expect(tally.done.size).toBeGreaterThan(20)
  expect(tally.refused.size).toBeGreaterThan(10)
}, 200_000)
