import { describe, expect, test } from 'vitest'
import { tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { circuitOf } from '../../src/zk/circuit.js'
import { signalsOf } from '../../src/zk/witness.js'
import { draws, logisticStep, perceptron } from '../../bench/zk-models.js'
import { allBlocks } from './bare.js'
import { built, drawInput, inference, training } from './whole.js'

test('steps of logistic regression lead from root to root, constraints as computed', async () => {
  await training(logisticStep({ batch: 2, features: 4 }), { runs: 20 })
}, 60_000)

test('a small perceptron says what it gives: outputs as a chain, constraints as computed', async () => {
  await inference(perceptron([6, 4, 3]), { baked: true }, { runs: 20 })
}, 60_000)

test('hidden outputs and committed, hidden weights are leaves behind their salts', async () => {
  await inference(
    perceptron([4, 3]),
    { baked: false, salted: { inputs: true, model: true, outputs: true } },
    { runs: 20 },
  )
}, 60_000)

test('a step with outputs says both: what came out, and the state after, in which what stays has its old root', async () => {
  const b = new Builder()
  const [w, fixed] = ['w', 'fixed'].map((name) => b.parameter(name, tensor('int64', [3], [1n, 2n, 3n])))
  const x = b.input('x', { dtype: 'int8', dims: [3] })
  const next = b.sub(w, b.op('Mod', [b.cast(x, 'int64'), b.scalar('int64', 8)]))
  const { program } = b.finish({ outputs: [['y', b.mul(next, fixed)]], carries: [[w, next]] })
  const range = { lo: -(1n << 11n), hi: (1n << 11n) - 1n }
  const model = { program, state: [w.initial!, fixed.initial!], given: { w: range, fixed: range } }
  await training(model, { runs: 20 })
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
    const state = model.state.map((value) => ({
      ...value,
      data: BigInt64Array.from(value.data as BigInt64Array, () => 1n << 21n),
    }))
    expect(() => signalsOf(circuit, { state, inputs, context: 1n })).toThrow('zk/out-of-range')
    const signals = signalsOf(circuit, { state: model.state, inputs, context: 1n })
    expect(made.witness(signals).length).toBeGreaterThan(0)
    expect(() => made.witness({ ...signals, p0: [1n << 21n] })).toThrow('zk/no-witness')
  }, 60_000)

  test('baked weights outside of the interval declared for them, before anything is hashed', async () => {
    const { program, state } = perceptron([4, 3])
    const options = { blocks: await allBlocks(), baked: state }
    const name = program.names.parameters[0]
    expect(() => circuitOf(program, { ...options, given: { [name]: { lo: -4n, hi: 3n } } })).toThrow('zk/out-of-range')
    expect(circuitOf(program, { ...options, given: { [name]: { lo: -128n, hi: 127n } } }).baked).toBe(true)
    expect(() => circuitOf(program, { ...options, baked: [] })).toThrow('trace/bad-state')
  })

  test('values that no runtime holds exactly, by the quantizer’s names', async () => {
    const b = new Builder()
    const x = b.input('x', { dtype: 'int64', dims: [2] })
    const wide = b.finish({ outputs: [['y', b.mul(x, x)]] }).program
    const blocks = await allBlocks()
    expect(() => circuitOf(wide, { blocks })).toThrow('quantize/wide-value')
    const given = { x: { lo: -(1n << 31n), hi: (1n << 31n) - 1n } }
    expect(circuitOf(wide, { blocks, given }).constraints).toBeGreaterThan(0)
  })

  test('inputs of another type, too few or too many', async () => {
    const { program, state } = perceptron([4, 3])
    const circuit = circuitOf(program, { blocks: await allBlocks(), baked: state })
    const x = (dims: number[]) => tensor('int8', dims, Array<number>(dims[0] * (dims[1] ?? 1)).fill(1))
    for (const inputs of [[], [x([4])], [x([1, 5])], [x([1, 4]), x([1, 4])]])
      expect(() => signalsOf(circuit, { state, inputs, context: 1n })).toThrow('zk/bad-length')
    expect(() => signalsOf(circuit, { state, inputs: [x([1, 4])], context: -1n })).toThrow('zk/not-in-field')
  })
})
