import { describe, expect, test } from 'vitest'
import { tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { circuitOf } from '../../src/zk/circuit.js'
import { signalsOf } from '../../src/zk/witness.js'
import { draws, logisticStep, perceptron } from '../../bench/zk-models.js'
import { allBlocks } from './bare.js'
import { built, drawInput, inference, training } from './whole.js'

test('steps of logistic regression lead from root to root, constraints as computed', async () => {
  await training(logisticStep({ batch: 2, features: 4 }), 20)
}, 60_000)

test('a small perceptron says what it gives: outputs as a chain, constraints as computed', async () => {
  await inference(perceptron([6, 4, 3]), { baked: true }, 20)
}, 60_000)

test('hidden outputs and committed, hidden weights are leaves behind their salts', async () => {
  await inference(perceptron([4, 3]), { baked: false, salted: { inputs: true, model: true, outputs: true } }, 20)
}, 60_000)

test('a step with outputs says both: what came out, and the state after, in which what stays has its old root', async () => {
  const b = new Builder()
  const [w, fixed] = ['w', 'fixed'].map((name) => b.parameter(name, tensor('int64', [3], [1n, 2n, 3n])))
  const x = b.input('x', { dtype: 'int8', dims: [3] })
  const next = b.sub(w, b.op('Mod', [b.cast(x, 'int64'), b.scalar('int64', 8)]))
  const { program } = b.finish({ outputs: [['y', b.mul(next, fixed)]], carries: [[w, next]] })
  const range = { lo: -(1n << 11n), hi: (1n << 11n) - 1n }
  const model = { program, state: [w.initial!, fixed.initial!], given: { w: range, fixed: range } }
  await training(model, 20)
}, 60_000)

describe('what has no circuit is refused before anything is compiled', () => {
  test('an op outside of the subset, by name', async () => {
    const b = new Builder()
    const x = b.input('x', { dtype: 'float32', dims: [2] })
    const { program } = b.finish({ outputs: [['y', b.exp(x)]] })
    const blocks = await allBlocks()
    expect(() => circuitOf(program, { blocks })).toThrow('quantize/not-integer')
  })

  test('a division by what is no power of two', async () => {
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
