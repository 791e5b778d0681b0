import { afterAll, beforeAll, expect, test } from 'vitest'
import { sceneOn, type Scene } from '../contracts/ledger-chain.js'
import { RULES } from '../contracts/ledger.js'
import { liveOften } from '../contracts/lives.js'
import { startNode, type EvmNode } from '../contracts/node.js'

/** As long as there is time: see test/contracts/lives.ts. LIVES and LIMIT (milliseconds) for more. */

let node: EvmNode
let scene: Scene
beforeAll(async () => {
  node = await startNode()
  scene = await sceneOn(node)
}, 60_000)
afterAll(() => node?.stop())

const runs = Number(process.env.LIVES ?? 40)
const limit = Number(process.env.LIMIT ?? 120_000)

test('many random lives: chain and model agree on every call, and what there is to do was done', async () => {
  const { done, refused } = await liveOften(scene, { runs, limit })
  const counts = [done, refused].map((counted) => JSON.stringify(Object.fromEntries([...counted].sort())))
  console.log(`done ${counts[0]}\nrefused ${counts[1]}`)
  // No answer of a refusal is ever right in these runs. On a busy machine there is time for ten lives.
  const names = Object.keys(RULES).filter((name) => name !== 'answerRefusal')
  expect(names.filter((name) => !done.has(name)).length).toBeLessThan(12)
  expect(refused.size).toBeGreaterThan(15)
}, 600_000)
