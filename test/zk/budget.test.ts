import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { circuitOf, type CircuitOptions } from '../../src/zk/circuit.js'
import { hiddenLayerStep, lenet, linearStep, logisticStep, perceptron, type Model } from '../../bench/zk-models.js'
import { allBlocks } from './bare.js'

const PRIVATE = { salted: { inputs: true } }
const SECRET = { salted: { model: true } }

/** Rows of the table in docs/zk.md, and the most that they may cost where a bar is set. */
const ROWS: readonly (readonly [string, Model, Partial<CircuitOptions> & { constant?: true; most?: number }])[] = [
  ['mlp-784-56-10-baked, private image', perceptron([784, 56, 10]), { ...PRIVATE, constant: true, most: 10_000 }],
  ['mlp-64-32-10-baked', perceptron([64, 32, 10]), { ...PRIVATE, constant: true }],
  ['mlp-64-32-10-baked, batch 16', perceptron([64, 32, 10], { batch: 16 }), { constant: true }],
  ['mlp-64-32-10-committed', perceptron([64, 32, 10]), SECRET],
  ['mlp-64-32-10-committed, batch 16', perceptron([64, 32, 10], { batch: 16 }), SECRET],
  ['mlp-784-56-10-committed', perceptron([784, 56, 10]), PRIVATE],
  ['lenet-baked, private image', lenet(), { ...PRIVATE, constant: true, most: 130_000 }],
  ['linear-step (batch 8, 16 features)', linearStep(), {}],
  ['logistic-step (batch 8, 16 features)', logisticStep(), {}],
  ['logistic-step on samples of 1,024', logisticStep(), { members: { depth: 10 } }],
  ['sgd-138 (14-8-2, one sample)', hiddenLayerStep(), { most: 20_000 }],
  ['14-8-2, batch of 4', hiddenLayerStep({ batch: 4 }), { most: 20_000 }],
  ['14-8-2, batch of 8', hiddenLayerStep({ batch: 8 }), {}],
  ['16-8-1, batch of 8', hiddenLayerStep({ batch: 8, sizes: [16, 8, 1] }), { most: 20_000 }],
  ['16-8-1, batch of 64', hiddenLayerStep({ batch: 64, sizes: [16, 8, 1] }), {}],
]

describe('constraints, before anything is compiled, are what docs/zk.md says and below the bars', () => {
  test.each(ROWS)('%s', async (name, { program, state, given }, { constant, most = Infinity, ...options }) => {
    const baked = constant ? { baked: state } : {}
    const { constraints } = circuitOf(program, { blocks: await allBlocks(), given, ...baked, ...options })
    expect(constraints).toBeLessThanOrEqual(most)
    const docs = await readFile(new URL('../../docs/zk.md', import.meta.url), 'utf8')
    const row = docs.split('\n').find((line) => line.startsWith(`| ${name} `))
    expect(row?.split('|')[2].trim().split(' ')[0]).toBe(constraints.toLocaleString('en'))
  })
})
