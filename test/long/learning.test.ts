/**
 * Learning from real handwritten digits: what the classifiers reach, and that exactness costs them nothing.
 */
import { describe, expect, test } from 'vitest'
import { openPlain } from '../../bench/plain.js'
import { utf8 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { CLASSIFIERS, PRESENT, judge, runOf, train, type Run } from '../autodiff/optdigits.js'

const EPOCHS = 20
const SEED = sha256(utf8('countersign, learning'))
const runtime = ortNode({ threads: 1 })

/** Share of the 1,797 test digits that has to be read, and how many are: the same number on every machine. */
const REACHED = { mlp: { share: 0.95, right: 1741 }, cnn: { share: 0.97, right: 1768 } }

describe.skipIf(!PRESENT)(`within ${EPOCHS} epochs of exact training on real digits`, () => {
  for (const [name, { share, right }] of Object.entries(REACHED))
    test(`the ${name} reads ${100 * share} of 100 test digits`, { timeout: 300_000 }, async () => {
      const classifier = CLASSIFIERS[name as keyof typeof CLASSIFIERS]
      const run = await runOf(classifier, SEED, EPOCHS)
      const { state } = await train(run, runtime)
      const found = await judge(classifier, { ...run, state }, runtime)
      expect(found.all).toBe(1797)
      expect(found.right / found.all).toBeGreaterThanOrEqual(share)
      expect(found.right).toBe(right)
    })
})

/** Losses of the first steps in plain float32, on the same batches from the same first weights. */
async function plainLosses({ program, state, inputs }: Run, steps: number): Promise<number[]> {
  const session = await openPlain(program, state, 1)
  const losses: number[] = []
  for (let step = 0; step < steps; step++) losses.push(Number((await session.step(inputs.at(step)!))[0].data[0]))
  await session.close()
  return losses
}

/** Means over `width` values, one behind the other. */
const averaged = (values: readonly number[], width: number) =>
  values.slice(width - 1).map((_, i) => values.slice(i, i + width).reduce((sum, value) => sum + value) / width)

describe.skipIf(!PRESENT)(
  'over 200 steps on real digits exact training loses as much as plain float32, within 1 %',
  () => {
    for (const [name, classifier] of Object.entries(CLASSIFIERS))
      test(name, { timeout: 300_000 }, async () => {
        const run = await runOf(classifier, SEED, EPOCHS)
        const first = { ...run, inputs: { length: 200, at: (step: number) => run.inputs.at(step) } }
        const exact = averaged((await train(first, runtime)).losses, 20)
        const plain = averaged(await plainLosses(first, 200), 20)
        const low = plain.findIndex((loss) => loss < 0.05)
        const counted = low < 0 ? plain.length : low
        expect(counted).toBeGreaterThan(100)
        const apart = exact.slice(0, counted).map((loss, i) => Math.abs(loss - plain[i]) / plain[i])
        expect(Math.max(...apart)).toBeLessThan(0.01)
      })
  },
)
