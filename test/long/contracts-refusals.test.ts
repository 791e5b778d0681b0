import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCourt, type Court } from '../dispute/arena.js'
import { REFUSED } from '../dispute/refused.js'
import { SHAPES, SOME, falsePlace, honestOf, liesAbout, nameOf, placesIn } from '../dispute/refusing.js'
import { startNode, type EvmNode } from '../contracts/node.js'

let node: EvmNode
let court: Court
beforeAll(async () => {
  node = await startNode()
  court = await openCourt(node)
}, 60_000)
afterAll(() => node?.stop())

describe.each(SOME.map((of) => [of.name, of] as const))('%s', (_name, of) => {
  test.each(SHAPES.map((shape, i) => [nameOf(shape), shape, i] as const))(
    'is false when declared at any other place, be the run committed so, honestly, or to its end: %s',
    async (_, shape, i) => {
      const suit = { court, of, challenger: await honestOf(of, shape), shape }
      const survived: unknown[] = []
      // Every place in one of the shapes.
      for (const place of placesIn(of).filter((_, k) => k % SHAPES.length === i)) {
        const said = await falsePlace(suit, place)
        if (!said.every((one) => one.endsWith(': false claim'))) survived.push([place, said])
      }
      expect(survived).toEqual([])
    },
    240_000,
  )
})

test.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))(
  'no refused run can be told falsely: %s',
  async (_, shape) => {
    for (const of of REFUSED) {
      const { found, right } = await liesAbout({ court, of, challenger: await honestOf(of, shape), shape })
      expect([of.name, found]).toEqual([of.name, right])
    }
  },
  120_000,
)
