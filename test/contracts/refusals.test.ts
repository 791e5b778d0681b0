import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { REASONS } from '../../src/exact/op.js'
import { OPS } from '../../src/exact/ops/index.js'
import { reference } from '../../src/runtime/reference.js'
import { record } from '../../src/trace/trace.js'
import { openCourt, type Court } from '../dispute/arena.js'
import { REFUSED, stoppedAt } from '../dispute/refused.js'
import { SHAPES, SOME, dispute, falsePlace, honestOf, liesAbout, nameOf, placesIn } from '../dispute/refusing.js'
import { startNode, type EvmNode } from './node.js'

let node: EvmNode
let court: Court
beforeAll(async () => {
  node = await startNode()
  court = await openCourt(node)
}, 60_000)
afterAll(() => node?.stop())

test('every op with a fault point is here, and every reason', () => {
  const pointed = OPS.filter(({ faults }) => faults !== undefined).map(({ name }) => name)
  expect(new Set(REFUSED.map(({ op }) => op))).toEqual(new Set([...pointed, 'an output', 'the next state', 'an input']))
  expect(new Set(REFUSED.map(({ at }) => at.reason))).toEqual(new Set(Object.keys(REASONS)))
})

describe.each(SHAPES.map((shape, i) => [nameOf(shape), shape, i] as const))('a refused run of %s', (_, shape, i) => {
  test.each(REFUSED.map((of) => [of.name, of] as const))(
    '%s: where its op says, and committed alike by who records it and who replays it',
    async (_name, of) => {
      const own = await honestOf(of, shape)
      expect(own.refusal).toEqual(of.at)
      const trace = await record(of.work, reference(), shape)
      expect(trace.refusal).toEqual(of.at)
      expect(trace.leaves).toEqual(own.leaves)
      expect(stoppedAt(of.work, of.at, shape).leaves).toEqual(own.leaves)
    },
  )

  // All of them in all shapes stand in test/long.
  const here = REFUSED.filter((of, k) => SOME.includes(of) || k % SHAPES.length === i)
  test.each(here.map((of) => [of.name, of] as const))('%s: cannot be told falsely', async (_name, of) => {
    const suit = { court, of, challenger: await honestOf(of, shape), shape }
    expect(await dispute(suit, { run: suit.challenger, declared: of.at })).toBe('nothing to prove')
    const { found, right } = await liesAbout(suit)
    expect(found).toEqual(right)
  })
})

test.each(REFUSED.map((of, i) => [of.name, of, i] as const))(
  'a refusal of %s that is declared elsewhere is false, be the run committed so, honestly, or to its end',
  async (_name, of, i) => {
    const shape = SHAPES[i % SHAPES.length]
    const suit = { court, of, challenger: await honestOf(of, shape), shape }
    // Every place stands in test/long.
    for (const place of placesIn(of).filter((_, k) => k % 71 === i))
      for (const said of await falsePlace(suit, place))
        expect([place, said]).toEqual([place, expect.stringMatching(/: false claim$/)])
  },
)
