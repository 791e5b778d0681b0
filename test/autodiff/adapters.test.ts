import { expect, test } from 'vitest'
import { adapt, isAdapter, merging, type AdapterOptions } from '../../src/autodiff/adapters.js'
import { adam } from '../../src/autodiff/optimizers.js'
import { from, stateFor } from '../../src/autodiff/training.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import type { Program } from '../../src/exact/program.js'
import { reference } from '../../src/runtime/reference.js'
import { faultOf } from '../onnx/build.js'
import { cnn, mlp, weights } from './networks.js'

const options: AdapterOptions = {
  rank: 2,
  scale: 0.5,
  of: (name) => name.startsWith('w'),
  left: ({ dims }) => weights(dims, 0.5, 9),
}

async function run(program: Program, state: readonly Tensor[], inputs: readonly Tensor[]) {
  return (await (await reference().open(program, state)).step(inputs)).outputs
}

test('a model with fresh adapters gives the bits of the model without', async () => {
  for (const { compiled, inputs } of [mlp(), cnn()]) {
    const adapted = adapt(compiled, options)
    expect(await run(adapted.program, adapted.state, inputs)).toEqual(
      await run(compiled.program, compiled.state, inputs),
    )
  }
})

test('fine-tuning changes the factors alone, lowers the loss, and merges into the plain model', async () => {
  const { compiled, inputs, labels } = mlp()
  const adapted = adapt(compiled, options)
  const training = from(adapted, {
    loss: 'softmax-cross-entropy',
    optimizer: adam(0.05),
    trainable: isAdapter,
  })
  expect(training.trained).toEqual(['left of w1', 'right of w1', 'left of w2', 'right of w2'])
  const session = await reference().open(training.program, training.state)
  const losses: number[] = []
  for (let i = 0; i < 20; i++) {
    const { outputs } = await session.step([...inputs, labels, tensor('int64', [], [BigInt(i)])])
    losses.push(Number(outputs[0].data[0]))
  }
  expect(losses[19]).toBeLessThan(0.8 * losses[0])
  session.state.slice(0, compiled.state.length).forEach((t, i) => expect(t).toBe(compiled.state[i]))

  const tuned = stateFor(adapted.program, training.program, session.state)
  const merged = await run(merging(compiled, options), tuned, [])
  const [plain] = await run(compiled.program, merged, inputs)
  expect(plain).toEqual((await run(adapted.program, tuned, inputs))[0])
})

test('adapters of no parameter, of a vector, of rank 0, and factors of another shape are refused', () => {
  const { compiled } = mlp()
  const attempt = (more: Partial<AdapterOptions>) => faultOf(() => adapt(compiled, { ...options, ...more }))
  expect(attempt({ of: () => false })).toBe('autodiff/bad-option')
  expect(attempt({ of: (name) => name === 'b1' })).toBe('autodiff/bad-option')
  expect(attempt({ rank: 0 })).toBe('autodiff/bad-option')
  expect(attempt({ left: () => weights([3, 2], 1) })).toBe('autodiff/bad-option')
})
