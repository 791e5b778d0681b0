import { describe, expect, test } from 'vitest'
import * as Optimizer from '../../src/autodiff/optimizers.js'
import * as LearningRate from '../../src/autodiff/rates.js'
import { accuracy } from '../../src/autodiff/losses.js'
import { from, stateFor, type Training } from '../../src/autodiff/training.js'
import { toHex } from '../../src/core/bytes.js'
import { tensor } from '../../src/core/tensor.js'
import { decode, encode, hash } from '../../src/exact/format.js'
import { reference } from '../../src/runtime/reference.js'
import { commit, record } from '../../src/trace/index.js'
import { RUNTIMES } from '../exact/conform.js'
import { faultOf } from '../onnx/build.js'
import { NETWORKS, cnn, mlp, normalised, scaledMlp, transformer, type Network } from './networks.js'

const stepOf = (index: number) => tensor('int64', [], [BigInt(index)])
const batch = ({ inputs, labels }: Network, index: number) => [...inputs, labels, stepOf(index)]

async function losses({ program, state }: Training, network: Network, steps: number): Promise<number[]> {
  const session = await reference().open(program, state)
  const found: number[] = []
  for (let i = 0; i < steps; i++) found.push(Number((await session.step(batch(network, i))).outputs[0].data[0]))
  return found
}

const OPTIMIZERS = [
  Optimizer.sgd(0.1),
  Optimizer.sgd(0.05, { momentum: 0.9, weightDecay: 0.001 }),
  Optimizer.sgd(0.05, { momentum: 0.9, nesterov: true }),
  Optimizer.adam(LearningRate.warmup(LearningRate.cosine(0.05, { steps: 10, floor: 0.001 }), { steps: 3 }), {
    weightDecay: 0.01,
  }),
  Optimizer.adamW(0.02),
]

test('every optimizer lowers the loss', async () => {
  for (const optimizer of OPTIMIZERS) {
    const network = mlp()
    const found = await losses(from(network.compiled, { loss: 'softmax-cross-entropy', optimizer }), network, 10)
    expect(found[9], optimizer.name).toBeLessThan(0.9 * found[0])
  }
})

describe('ten steps of training have the same commitments on every runtime', () => {
  for (const [i, [name, build]] of Object.entries(NETWORKS).entries())
    test(name, { timeout: 120_000 }, async () => {
      const network = build()
      const { program, state } = from(network.compiled, {
        loss: 'softmax-cross-entropy',
        optimizer: OPTIMIZERS[i + 1],
        metrics: [accuracy],
        clipNorm: 1,
      })
      const inputs = Array.from({ length: 10 }, (_, index) => batch(network, index))
      const runs = []
      for (const runtime of RUNTIMES) {
        const trace = await record({ program, state, inputs }, runtime, { commitEvery: 4 })
        expect(trace.refusal).toBeUndefined()
        const { run, finalState, outputs } = commit(trace)
        runs.push([run, finalState, outputs].map((root) => toHex(root)))
      }
      for (const run of runs) expect(run).toEqual(runs[0])
    })
})

test('a training program survives its canonical bytes', () => {
  const { program } = from(transformer().compiled, { loss: 'softmax-cross-entropy', optimizer: Optimizer.adamW(0.01) })
  const bytes = encode(program)
  expect(toHex(hash(decode(bytes)))).toBe(toHex(hash(program)))
})

test('frozen parameters stay and have no optimizer state', async () => {
  const network = mlp()
  const training = from(network.compiled, {
    loss: 'softmax-cross-entropy',
    optimizer: Optimizer.adam(0.1),
    trainable: (name) => name.endsWith('2'),
  })
  expect(training.trained).toEqual(['w2', 'b2'])
  expect(training.program.names.parameters).toEqual([
    'w1',
    'b1',
    'w2',
    'b2',
    'mean of w2',
    'square of w2',
    'mean of b2',
    'square of b2',
  ])
  const session = await reference().open(training.program, training.state)
  await session.step(batch(network, 0))
  expect(session.state[0]).toBe(training.state[0])
  expect(session.state[2].data).not.toEqual(training.state[2].data)
})

test('a factor of rank 0 is trained only where it is named', () => {
  const { compiled } = scaledMlp()
  const options = { loss: 'softmax-cross-entropy', optimizer: Optimizer.sgd(0.1) }
  expect(from(compiled, options).trained).toEqual(['w1'])
  expect(from(compiled, { ...options, trainable: () => true }).trained).toEqual(['w1', 'factor'])
})

test('running statistics take the values that the model gives them, and no gradient', async () => {
  const network = normalised()
  const running = { mean: 'mean_next', variance: 'variance_next' }
  const training = from(network.compiled, { loss: 'softmax-cross-entropy', optimizer: Optimizer.sgd(0.1), running })
  expect(training.trained).toEqual(['w', 'scale', 'bias'])
  const plain = await reference().open(network.compiled.program, network.compiled.state)
  const [, mean, variance] = (await plain.step(network.inputs)).outputs
  const session = await reference().open(training.program, training.state)
  await session.step(batch(network, 0))
  const at = (name: string) => session.state[training.program.names.parameters.indexOf(name)]
  expect(at('mean')).toEqual(mean)
  expect(at('variance')).toEqual(variance)
})

test('the trained model runs with the state that training left, and better', async () => {
  const network = mlp()
  const training = from(network.compiled, {
    loss: 'softmax-cross-entropy',
    optimizer: Optimizer.adam(0.1),
    metrics: [accuracy],
  })
  const session = await reference().open(training.program, training.state)
  for (let i = 0; i < 20; i++) await session.step(batch(network, i))
  expect(Number((await session.step(batch(network, 20))).outputs[1].data[0])).toBe(1)
  const model = network.compiled.program
  const trained = await reference().open(model, stateFor(model, training.program, session.state))
  const { outputs } = await trained.step(network.inputs)
  for (let row = 0; row < 5; row++) {
    const logits = Array.from(outputs[0].data.slice(row * 4, row * 4 + 4), Number)
    expect(logits.indexOf(Math.max(...logits))).toBe(Number(network.labels.data[row]))
  }
})

test('a model without anything to train, an unknown loss and an unknown output are refused', () => {
  const { compiled } = cnn()
  const optimizer = Optimizer.sgd(0.1)
  const attempt = (more: object) => faultOf(() => from(compiled, { loss: 'mean-squared-error', optimizer, ...more }))
  expect(attempt({ trainable: () => false })).toBe('autodiff/nothing-to-train')
  expect(attempt({ loss: 'hinge' })).toBe('autodiff/bad-option')
  expect(attempt({ output: 'z' })).toBe('autodiff/bad-option')
  expect(attempt({ running: { z: 'y' } })).toBe('autodiff/bad-option')
})

test('a label that names no class refuses the run', async () => {
  const network = mlp()
  const { program, state } = from(network.compiled, { loss: 'softmax-cross-entropy', optimizer: Optimizer.sgd(0.1) })
  const session = await reference().open(program, state)
  const labels = tensor('int64', [5], [0n, 1n, 4n, 0n, 0n])
  await expect(session.step([...network.inputs, labels, stepOf(0)])).rejects.toThrow('index is out of range')
})
