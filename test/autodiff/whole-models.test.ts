import { describe, expect, test } from 'vitest'
import * as Optimizer from '../../src/autodiff/optimizers.js'
import { from } from '../../src/autodiff/training.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { reference } from '../../src/runtime/reference.js'
import { NETWORKS } from './networks.js'
import { wide, wideOutput } from './wide.js'

/** Far below the distance of any value here to a corner, and far above what binary64 rounds. */
const H = 2 ** -20

/** Everything that is differentiable: statistics of a normalisation too, but no mask of -10,000. */
const isTrained = (name: string) => name !== 'mask'

const moved = (t: Tensor, at: number, by: number): Tensor => ({
  ...t,
  data: (t.data as Float64Array).map((x, i) => (i === at ? x + by : x)),
})

describe('a step of plain descent with rate 1 takes the gradient by central differences in binary64, element by element', () => {
  for (const [name, build] of Object.entries(NETWORKS))
    test(name, async () => {
      const { compiled, inputs, labels } = build()
      const options = { loss: 'softmax-cross-entropy', optimizer: Optimizer.sgd(1), trainable: isTrained }
      const { program, state, trained } = from(compiled, options)
      const given = [...inputs, labels, tensor('int64', [], [0n])]
      const session = await reference().open(program, state)
      const { outputs } = await session.step(given)
      const lossOf = wideOutput(program)
      const before = [...state, ...given].map(wide)
      expect(Math.abs(lossOf(before) - Number(outputs[0].data[0]))).toBeLessThan(1e-6)
      for (const parameter of trained) {
        const at = program.names.parameters.indexOf(parameter)
        const differences = Array.from({ length: state[at].data.length }, (_, element) => {
          const lossBy = (by: number) => lossOf(before.map((t, i) => (i === at ? moved(t, element, by) : t)))
          return (lossBy(H) - lossBy(-H)) / (2 * H)
        })
        const largest = Math.max(...differences.map(Math.abs))
        expect(largest, parameter).toBeGreaterThan(1e-4)
        differences.forEach((expected, element) => {
          const found = Number(state[at].data[element]) - Number(session.state[at].data[element])
          // The step is stored in binary32, and so is everything that the gradient is made of.
          const rounding = 2 ** -24 * (Math.abs(Number(state[at].data[element])) + 64 * largest)
          expect(Math.abs(found - expected), `${parameter}[${element}]: ${found} for ${expected}`).toBeLessThan(
            rounding,
          )
        })
      }
    })
})
