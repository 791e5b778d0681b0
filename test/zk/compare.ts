/**
 * Circuits of little programs against the exact evaluator.
 */
import { expect } from 'vitest'
import type { Tensor } from '../../src/core/tensor.js'
import { ORDER } from '../../src/zk/field.js'
import { firstBroken } from '../../src/zk/r1cs.js'
import { draws } from '../../bench/zk-models.js'
import { buildLittle, drawInputs, evaluated, outputsOfWitness, signalsOf, type Built } from './bare.js'
import type { Little } from './ops.js'

/** Where padding or a weight of 0 or 1 makes constraints trivial, the compiler drops them: the count is then one from above. */
const DROPPED: Readonly<Record<string, number>> = { 'convolution, baked': 1, 'dense and convolution of wires': 8 }

/** Holds a circuit against the evaluator on inputs drawn over their whole range, one round in four at its ends. */
export async function compare(little: Little, { name, rounds }: { name: string; rounds: number }): Promise<void> {
  const built = await buildLittle(little)
  expect(built.system.constraints.length).toBe(built.constraints - (DROPPED[name] ?? 0))
  const draw = draws(7)
  for (let round = 0; round < rounds; round++) {
    const inputs = drawInputs(little, draw, round % 4 === 0)
    const witness = built.generator.witness(signalsOf(little, inputs))
    expect(outputsOfWitness(little, witness)).toEqual(await evaluated(little, inputs))
    if (round % 16 === 0) expect(firstBroken(built.system, witness)).toBeUndefined()
  }
  ends(little, built, drawInputs(little, draw))
}

/** One element at the ends of each input's range, where there is a witness, and beyond them, where there is none. */
function ends(little: Little, built: Built, inputs: readonly Tensor[]): void {
  const { program, given } = little
  program.names.inputs.forEach((name, i) => {
    const wire = `x${program.counts.parameters + i}`
    const signals = signalsOf(little, inputs)
    const ask = (value: bigint) => built.generator.witness({ ...signals, [wire]: signals[wire].with(0, value) })
    const { lo, hi } = given[name]
    for (const value of [lo, lo + 1n, hi - 1n, hi])
      expect(firstBroken(built.system, ask(value)), `${name} = ${value}`).toBeUndefined()
    for (const value of [lo - 1n, hi + 1n, lo - (1n << 64n), hi + (1n << 128n), ORDER / 2n])
      expect(() => ask(value), `${name} = ${value}`).toThrow('zk/no-witness')
  })
}
