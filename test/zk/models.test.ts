import { describe, expect, test } from 'vitest'
import { circuitOf } from '../../src/zk/circuit.js'
import { signalsOf } from '../../src/zk/witness.js'
import { draws, logisticStep } from '../../bench/zk-models.js'
import { allBlocks } from './bare.js'
import { built, drawInput, training } from './whole.js'

test('steps of logistic regression lead from root to root, constraints as computed', async () => {
  await training(logisticStep({ batch: 2, features: 4 }), 20)
}, 60_000)

describe('what has no circuit is refused before anything is compiled', () => {
  test('an op outside of the subset, by name', async () => {
    const { Builder } = await import('../../src/exact/builder.js')
    const b = new Builder()
    const x = b.input('x', { dtype: 'float32', dims: [2] })
    const { program } = b.finish({ outputs: [['y', b.exp(x)]] })
    const blocks = await allBlocks()
    expect(() => circuitOf(program, { blocks })).toThrow('quantize/not-integer')
  })

  test('a division by what is no power of two', async () => {
    const { Builder } = await import('../../src/exact/builder.js')
    const b = new Builder()
    const x = b.input('x', { dtype: 'int64', dims: [2] })
    const { program } = b.finish({ outputs: [['y', b.div(x, b.scalar('int64', 3))]] })
    const [blocks, given] = [await allBlocks(), { x: { lo: -8n, hi: 7n } }]
    expect(() => circuitOf(program, { blocks, given })).toThrow('zk/unsupported')
  })

  test('a step that would change baked weights', async () => {
    const { program, state, given } = logisticStep()
    const blocks = await allBlocks()
    expect(() => circuitOf(program, { blocks, given, baked: state })).toThrow('zk/unsupported')
  })

  test('weights out of their range have no witness', async () => {
    const model = logisticStep({ batch: 1, features: 1 })
    const { circuit, generator: made } = await built(model, { baked: false })
    const inputs = drawInput(model, draws(23), 2)
    const state = model.state.map((tensor) => ({
      ...tensor,
      data: BigInt64Array.from(tensor.data as BigInt64Array, () => 1n << 21n),
    }))
    expect(() => made.witness(signalsOf(circuit, { state, inputs, context: 1n }))).toThrow('zk/no-witness')
  }, 60_000)
})
