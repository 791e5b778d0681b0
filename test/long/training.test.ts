import { describe, expect, test } from 'vitest'
import { sgd } from '../../src/autodiff/optimizers.js'
import { constant } from '../../src/autodiff/rates.js'
import { from } from '../../src/autodiff/training.js'
import { toHex } from '../../src/core/bytes.js'
import { tensor } from '../../src/core/tensor.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { commit, record } from '../../src/trace/index.js'
import { openPlain } from '../../bench/plain.js'
import { fiftySteps, trainable } from '../autodiff/fifty.js'
import { NETWORKS } from '../autodiff/networks.js'

const RUNTIMES = [
  ortNode({ threads: 1 }),
  ortNode({ threads: 2 }),
  ortNode({ threads: 1, unsafeOptimization: 'all' }),
  ortNode({ threads: 2, unsafeOptimization: 'all' }),
  ortWeb(),
]

describe('fifty steps of training end in the same state on every runtime, thread count and optimization level', () => {
  for (const name of Object.keys(NETWORKS) as (keyof typeof NETWORKS)[])
    test(name, { timeout: 300_000 }, async () => {
      const work = fiftySteps(name)
      const roots = new Set<string>()
      for (const runtime of RUNTIMES) {
        const trace = await record(work, runtime, { commitEvery: 10 })
        expect(trace.refusal).toBeUndefined()
        roots.add(toHex(commit(trace).finalState))
      }
      expect(roots.size).toBe(1)
    })
})

describe('two hundred steps lose as much as in plain float32, within 1 %', () => {
  for (const [name, build] of Object.entries(NETWORKS))
    test(name, { timeout: 300_000 }, async () => {
      const { compiled, inputs, labels } = build()
      const { program, state } = from(compiled, {
        loss: 'softmax-cross-entropy',
        optimizer: sgd(constant(0.05), { momentum: 0.9 }),
        trainable,
      })
      const [exact, plain] = [await ortNode({ threads: 1 }).open(program, state), await openPlain(program, state, 1)]
      const losses: [number, number][] = []
      for (let i = 0; i < 200; i++) {
        const given = [...inputs, labels, tensor('int64', [], [BigInt(i)])]
        const [a, b] = [(await exact.step(given)).outputs[0], (await plain.step(given))[0]]
        losses.push([Number(a.data[0]), Number(b.data[0])])
      }
      await Promise.all([exact.close(), plain.close()])
      const mean = (from: number, side: 0 | 1) =>
        losses.slice(from, from + 20).reduce((sum, pair) => sum + pair[side], 0) / 20
      for (let at = 0; at + 20 <= losses.length && mean(at, 1) >= 0.05; at++)
        expect(Math.abs(mean(at, 0) - mean(at, 1)), `from step ${at}`).toBeLessThan(0.01 * mean(at, 1))
    })
})
