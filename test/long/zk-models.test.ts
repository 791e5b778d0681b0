import { describe, test } from 'vitest'
import { hiddenLayerStep, logisticStep, perceptron, smallConvolutional } from '../../bench/zk-models.js'
import { inference, training } from '../zk/whole.js'

describe('the circuit of a model says what the program says: 100 inputs, random int8 weights', () => {
  test('64-32-10, baked weights, private inputs', async () => {
    await inference(
      perceptron([64, 32, 10]),
      { baked: true, salted: { inputs: true, model: false, outputs: false } },
      100,
    )
  }, 120_000)

  test('a small convolutional network with max pool and class, baked', async () => {
    await inference(smallConvolutional(), { baked: true }, 100)
  }, 120_000)

  test('16-16-4, committed weights in a salted model, a batch of 3', async () => {
    const model = perceptron([16, 16, 4], { batch: 3 })
    await inference(model, { baked: false, salted: { inputs: false, model: true, outputs: false } }, 100)
  }, 120_000)
})

describe('a training step leads from root to root: 100 steps', () => {
  test('logistic regression, batches of 8, 16 features', async () => {
    await training(logisticStep(), 100)
  }, 120_000)

  test('one hidden layer, 138 parameters', async () => {
    await training(hiddenLayerStep(), 100)
  }, 120_000)
})
