import { expect, test } from 'vitest'
import { formOf } from '../../src/zk/bind.js'
import { circuitOf, type CircuitOptions } from '../../src/zk/circuit.js'
import { linearStep, perceptron, smallConvolutional, type Model } from '../../bench/zk-models.js'
import { allBlocks } from './bare.js'

async function form({ program, state, given }: Model, options: Partial<CircuitOptions> = {}) {
  const baked = program.carries.length === 0 ? { baked: state } : {}
  return formOf(circuitOf(program, { blocks: await allBlocks(), given, ...baked, ...options }))
}

test('one small output that is not hidden comes with the claim; everything else is claimed by its root', async () => {
  const small = perceptron([4, 3, 2])
  expect(await form(small)).toMatchObject({ step: false, output: { shape: 'packed', dims: [1, 2] } })
  expect(await form(perceptron([4, 3, 30]))).toMatchObject({ output: { shape: 'chain' } })
  expect(await form(perceptron([4, 3, 129]))).toEqual({ step: false })
  expect(await form(small, { salted: { outputs: true } })).toEqual({ step: false })
  expect(await form(smallConvolutional())).toEqual({ step: false })
  expect(await form(linearStep())).toEqual({ step: true })
})
