import { describe, expect, test } from 'vitest'
import { ROWS } from '../../src/zk/rows.js'
import { compare } from './compare.js'
import { LITTLE, checkedProduct, type Little } from './ops.js'

/** Elements of elementwise ops, each an input of its own: with three of four rounds, 1,152 random inputs an op, and 384 at the ends. */
const WIDTH = 16
const ROUNDS = 96
/** Rounds of ops on whole tensors, three of four random. */
const WHOLE = 1340

const ELEMENTWISE = (little: Little) => little.program.values.some(({ dims }) => dims[0] === WIDTH)

describe('the circuit of an op gives what the exact evaluator gives, on 1,000 inputs, up to the ends of ranges and not beyond', () => {
  test.each(Object.entries(LITTLE))(
    '%s, constraints as computed',
    async (name, make) => {
      const little = make(WIDTH)
      await compare(little, { name, rounds: ELEMENTWISE(little) ? ROUNDS : WHOLE })
    },
    60_000,
  )

  test('a product by Freivalds’ check, on 50 (1,000 in the long suite)', async () => {
    await compare(checkedProduct(), { name: 'product', rounds: 50 })
  }, 60_000)

  test('no op that has a circuit is left out', () => {
    const tested = Object.values(LITTLE).flatMap((make) =>
      make(1).program.values.map((value) => (value.kind === 'node' ? value.op : value.kind)),
    )
    expect([...ROWS.keys()].filter((op) => !tested.includes(op))).toEqual([])
  })
})
