import { describe, expect, test } from 'vitest'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import { ORDER } from '../../src/zk/field.js'
import { chain, fold } from '../../src/zk/commit.js'
import { poseidon } from '../../src/zk/poseidon.js'
import {
  draws,
  hiddenLayerStep,
  lenet,
  linearStep,
  logisticStep,
  perceptron,
  smallConvolutional,
} from '../../bench/zk-models.js'
import { build } from '../zk/bare.js'
import { compare } from '../zk/compare.js'
import { checkedProduct } from '../zk/ops.js'
import { inference, training } from '../zk/whole.js'

const RUNTIMES = [reference(), ortNode(), ortWeb()]
const trial = { runs: 100, runtimes: RUNTIMES }

describe('the circuit of a model says what the program gives on all three runtimes: 100 inputs, random int8 weights', () => {
  test('784-56-10, baked weights, a private image', async () => {
    await inference(
      perceptron([784, 56, 10]),
      { baked: true, salted: { inputs: true, model: false, outputs: false } },
      trial,
    )
  })

  test('64-32-10, baked weights, private inputs', async () => {
    await inference(
      perceptron([64, 32, 10]),
      { baked: true, salted: { inputs: true, model: false, outputs: false } },
      trial,
    )
  })

  test('64-32-10, committed weights', async () => {
    await inference(perceptron([64, 32, 10]), { baked: false }, trial)
  })

  test('a small convolutional network with max pool and class, baked', async () => {
    await inference(smallConvolutional(), { baked: true }, trial)
  })

  test('the shape of LeNet, 28 x 28, baked, a private image', async () => {
    await inference(lenet(), { baked: true, salted: { inputs: true, model: false, outputs: false } }, trial)
  })

  test('16-16-4, committed weights in a salted model, a batch of 3', async () => {
    const model = perceptron([16, 16, 4], { batch: 3 })
    await inference(model, { baked: false, salted: { inputs: false, model: true, outputs: false } }, trial)
  })
})

describe('a training step leads from root to root, on all three runtimes: 100 steps', () => {
  test('linear regression, batches of 8, 16 features', async () => {
    await training(linearStep(), trial)
  })

  test('logistic regression, batches of 8, 16 features', async () => {
    await training(logisticStep(), trial)
  })

  test('one hidden layer, 138 parameters', async () => {
    await training(hiddenLayerStep(), trial)
  })

  test('one hidden layer, 138 parameters, batches of 4', async () => {
    await training(hiddenLayerStep({ batch: 4 }), trial)
  })

  test('one hidden layer of 8 on 16 features, batches of 8', async () => {
    await training(hiddenLayerStep({ batch: 8, sizes: [16, 8, 1] }), trial)
  })
})

describe('blocks beside those of ops agree with the library on 1,000 random inputs', () => {
  const draw = draws(71)
  const element = () => Array.from({ length: 8 }, draw).reduce((sum, word) => (sum << 32n) | BigInt(word), 0n) % ORDER
  const elements = (count: number) => Array.from({ length: count }, element)
  const alone = (use: string) => build(`pragma circom 2.1.6;\ninclude "commitment.circom";\ncomponent main = ${use};\n`)

  test('a product by Freivalds’ check', async () => {
    await compare(checkedProduct(), { name: 'product', rounds: 1340 })
  })

  test('roots of streams, as leaves and as chains', async () => {
    const [leaves, links] = [await alone('StreamRoot(17, 5)'), await alone('ChainRoot(3, 5)')]
    const leaf = (part: readonly bigint[]) => poseidon([5n, ...part, ...Array<bigint>(15 - part.length).fill(0n)])
    for (let round = 0; round < 1000; round++) {
      const stream = elements(17)
      expect(leaves.generator.witness({ in: stream })[1]).toBe(fold([stream.slice(0, 15), stream.slice(15)].map(leaf)))
      expect(links.generator.witness({ in: stream.slice(0, 3) })[1]).toBe(chain(5n, stream.slice(0, 3)))
    }
  })

  test('ways through a tree', async () => {
    const { generator } = await alone('MerkleRoot(4)')
    for (let round = 0; round < 1000; round++) {
      const [leaf, ...siblings] = elements(5)
      const position = Array.from({ length: 4 }, () => BigInt(draw() % 2))
      const root = siblings.reduce(
        (node, beside, i) => poseidon(position[i] === 1n ? [beside, node] : [node, beside]),
        leaf,
      )
      expect(generator.witness({ leaf: [leaf], siblings, position })[1]).toBe(root)
    }
  })
})
