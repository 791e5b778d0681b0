import { describe, expect, test } from 'vitest'
import { firstBroken } from '../../src/zk/r1cs.js'
import { draws } from '../../bench/zk-models.js'
import { buildLittle, drawInputs, evaluated, outputsOfWitness, signalsOf } from './bare.js'
import { LITTLE, checkedProduct, type Little } from './ops.js'

/** Elements of elementwise ops; with the rounds, more than 1,000 inputs an op. */
const WIDTH = 16
const ROUNDS = 80

/** Where padding or a weight of 0 or 1 makes constraints trivial, the compiler drops them: the count is then one from above. */
const DROPPED: Readonly<Record<string, number>> = { 'convolution, baked': 1, 'dense and convolution of wires': 8 }

async function compare(little: Little, { name, rounds }: { name: string; rounds: number }): Promise<void> {
  const built = await buildLittle(little)
  expect(built.system.constraints.length).toBe(built.constraints - (DROPPED[name] ?? 0))
  const draw = draws(7)
  for (let round = 0; round < rounds; round++) {
    const inputs = drawInputs(little, draw, round % 4 === 0)
    const witness = built.generator.witness(signalsOf(little, inputs))
    expect(outputsOfWitness(little, witness)).toEqual(await evaluated(little, inputs))
    if (round % 16 === 0) expect(firstBroken(built.system, witness)).toBeUndefined()
  }
}

/** Ops on whole tensors see fewer elements at once: more rounds. */
const ELEMENTWISE = (little: Little) => little.program.values.some(({ dims }) => dims[0] === WIDTH)

describe('the circuit of an op gives what the exact evaluator gives, on 1,000 inputs and at the ends of ranges', () => {
  test.each(Object.entries(LITTLE))(
    '%s, constraints as computed',
    async (name, make) => {
      const little = make(WIDTH)
      await compare(little, { name, rounds: ELEMENTWISE(little) ? ROUNDS : 1000 })
    },
    60_000,
  )

  test('a product by Freivalds’ check, constraints as computed', async () => {
    await compare(checkedProduct(), { name: 'product', rounds: 4 })
  }, 60_000)
})
