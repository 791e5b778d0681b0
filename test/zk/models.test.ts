import { describe, expect, test } from 'vitest'
import type { Tensor } from '../../src/core/tensor.js'
import { inputsOf } from '../../src/exact/program.js'
import { hash } from '../../src/exact/format.js'
import { reference } from '../../src/runtime/reference.js'
import { circuitOf, type Circuit } from '../../src/zk/circuit.js'
import { commit, commitList, statementOf, type Layout } from '../../src/zk/commit.js'
import { compile } from '../../src/zk/compile.js'
import { decodeSystem, verifyWitness } from '../../src/zk/r1cs.js'
import { generator, signalsOf } from '../../src/zk/witness.js'
import {
  draws,
  hiddenLayerStep,
  logisticStep,
  perceptron,
  randomTensor,
  smallConvolutional,
  type Model,
} from '../../bench/zk-models.js'
import { allBlocks } from './bare.js'

const CONTEXT = 0x1234567890abcdefn

async function built(model: Model, options: { baked: boolean; salted?: Circuit['salted'] }) {
  const { program, state, given } = model
  const baked = options.baked ? state : undefined
  const circuit = circuitOf(program, { blocks: await allBlocks(), given, salted: options.salted, baked })
  const { r1cs, wasm } = await compile(circuit.text)
  return { circuit, system: decodeSystem(r1cs), generator: await generator(wasm) }
}

const rootOf = (tensors: readonly Tensor[], layouts: readonly Layout[], salt?: bigint): bigint =>
  commitList(tensors.map((tensor, i) => commit(tensor, { ...layouts[i], salt })))

/** int8 inputs over their whole range, now and then at its ends. */
function drawInput(model: Model, draw: () => number, round: number): Tensor[] {
  return inputsOf(model.program).map((type) => {
    const high = type.dtype === 'uint8' ? 255n : 127n
    const low = type.dtype === 'uint8' ? 0n : -128n
    return randomTensor(
      draw,
      type,
      round % 10 === 0 ? { lo: high, hi: high } : round % 10 === 1 ? { lo: low, hi: low } : { lo: low, hi: high },
    )
  })
}

async function inference(
  model: Model,
  options: { baked: boolean; salted?: Circuit['salted'] },
  runs: number,
): Promise<void> {
  const { circuit, system, generator: made } = await built(model, options)
  expect(system.constraints.length).toBe(circuit.constraints)
  const [session, draw] = [await reference().open(model.program, model.state), draws(21)]
  const salts = { inputs: 1n << 127n, model: 99n, outputs: 98n }
  const { inputs: hidden, model: hiddenModel } = circuit.salted
  const model1 = rootOf(
    model.state,
    circuit.layouts.parameters,
    hiddenModel && !circuit.baked ? salts.model : undefined,
  )
  const statement = statementOf(hash(model.program), { before: model1 })
  for (let round = 0; round < runs; round++) {
    const inputs = drawInput(model, draw, round)
    const witness = made.witness(signalsOf(circuit, { state: model.state, inputs, context: CONTEXT, salts }))
    const { outputs } = await session.step(inputs)
    const rootIn = rootOf(inputs, circuit.layouts.inputs, hidden ? salts.inputs : undefined)
    expect(witness.slice(1, 5)).toEqual([statement, rootIn, rootOf(outputs, circuit.layouts.outputs), CONTEXT])
    if (round % 20 === 0) expect(verifyWitness(system, witness)).toEqual(witness.slice(1, 5))
  }
}

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

describe('a training step leads from root to root', () => {
  test.each([
    ['logistic regression', () => logisticStep()],
    ['one hidden layer, 138 parameters', () => hiddenLayerStep()],
  ])(
    '%s: 100 steps, each beginning where the last one ended',
    async (_name, make) => {
      const model = make()
      const { circuit, system, generator: made } = await built(model, { baked: false })
      expect(system.constraints.length).toBe(circuit.constraints)
      const [session, draw] = [await reference().open(model.program, model.state), draws(22)]
      let before = rootOf(session.state, circuit.layouts.parameters)
      for (let step = 0; step < 100; step++) {
        const state = session.state
        const inputs = drawInput(model, draw, step)
        await session.step(inputs)
        const after = rootOf(session.state, circuit.layouts.parameters)
        expect(after).not.toBe(before)
        const witness = made.witness(signalsOf(circuit, { state, inputs, context: CONTEXT }))
        const statement = statementOf(hash(model.program), { before, after })
        expect(witness.slice(1, 5)).toEqual([statement, rootOf(inputs, circuit.layouts.inputs), 0n, CONTEXT])
        if (step % 20 === 0) verifyWitness(system, witness)
        before = after
      }
    },
    120_000,
  )
})

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
