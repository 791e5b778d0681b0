import { describe, expect, test } from 'vitest'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import {
  intervals,
  linearStep,
  logisticStep,
  hiddenLayerStep,
  quantizeFeed,
  type IntegerStep,
} from '../../src/quantize/index.js'
import { reference } from '../../src/runtime/reference.js'
import { draws } from '../../bench/zk-models.js'
import * as Optdigits from '../autodiff/optdigits.js'

/** Samples: what goes in, and what should come out. */
interface Samples {
  readonly x: readonly (readonly number[])[]
  readonly t: readonly (readonly number[])[]
}

const real = (rows: readonly (readonly number[])[]): Tensor =>
  tensor('float64', [rows.length, rows[0].length], rows.flat())

/** Weights as real numbers, after passes over the samples in their order. */
async function learn(step: IntegerStep, { x, t }: Samples, passes: number): Promise<number[][]> {
  const session = await reference().open(step.program, step.state)
  const [batch] = step.inputs[0].dims
  for (let pass = 0; pass < passes; pass++)
    for (let from = 0; from + batch <= x.length; from += batch) {
      const part = { x: real(x.slice(from, from + batch)), t: real(t.slice(from, from + batch)) }
      await session.step(quantizeFeed(step.inputs, part))
    }
  return session.state.map(({ data }) => Array.from(data as BigInt64Array, (value) => Number(value) / 2 ** step.fine))
}

/** Numbers from -1 to 1. */
function numbers(seed: number): () => number {
  const draw = draws(seed)
  return () => (draw() / 2 ** 32) * 2 - 1
}

const rows = (count: number, row: () => readonly number[]) => Array.from({ length: count }, row)

describe('integer steps learn', () => {
  test('linear regression finds the weights that the targets were made with', async () => {
    const next = numbers(1)
    const x = rows(64, () => [next(), next(), next()])
    const t = x.map(([a, b, c]) => [0.5 * a - 0.25 * b + 0.125 * c + 0.0625, -0.25 * a])
    const [w, b] = await learn(linearStep({ features: 3, outputs: 2 }), { x, t }, 10)
    const expected = [0.5, -0.25, -0.25, 0, 0.125, 0]
    w.forEach((weight, i) => expect(Math.abs(weight - expected[i])).toBeLessThan(0.02))
    b.forEach((bias, i) => expect(Math.abs(bias - [0.0625, 0][i])).toBeLessThan(0.02))
  })

  test('logistic regression separates what can be separated', async () => {
    const next = numbers(2)
    const x = rows(128, () => [next(), next()]).filter(([a, b]) => Math.abs(a + b) > 0.2)
    const t = x.map(([a, b]) => [a + b > 0 ? 1 : 0])
    const [[p, q], [bias]] = await learn(logisticStep({ features: 2 }), { x, t }, 20)
    const right = x.filter(([a, b], i) => a * p + b * q + bias > 0 === (t[i][0] === 1)).length
    expect(right).toBe(x.length)
  })

  test('a hidden layer learns what no regression can: which of two numbers have the same sign', async () => {
    const next = numbers(3)
    const x = rows(128, () => [next(), next()]).filter(([a, b]) => Math.abs(a * b) > 0.1)
    const t = x.map(([a, b]) => [a * b > 0 ? 0.5 : -0.5])
    const step = hiddenLayerStep({ sizes: [2, 12, 1], batch: 4, rate: 3 })
    const [w1, b1, w2, b2] = await learn(step, { x, t }, 100)
    const answer = ([a, b]: readonly number[]) =>
      b1.reduce(
        (sum, bias, j) => sum + w2[j] * Math.min(Math.max(a * w1[j] + b * w1[12 + j] + bias, 0), 127 / 128),
        b2[0],
      )
    const right = x.filter((row, i) => answer(row) > 0 === t[i][0] > 0).length
    expect(right / x.length).toBeGreaterThan(0.95)
  })

  test.runIf(Optdigits.PRESENT)('and handwritten digits: 0 from 1, on digits that it never saw', async () => {
    const samplesOf = async (part: 'training' | 'test', most: number): Promise<Samples> => {
      const digits = await Optdigits.digits(part)
      const [pixels, labels] = digits.columns.map(({ data }) => data)
      const chosen = Array.from(labels as ArrayLike<bigint>, Number).flatMap((label, i) =>
        label < 2 ? [[label, i]] : [],
      )
      const kept = chosen.slice(0, most)
      const inks = (i: number) => Array.from((pixels as Float32Array).subarray(64 * i, 64 * i + 64), (ink) => ink / 17)
      return { x: kept.map(([, i]) => inks(i)), t: kept.map(([label]) => [label]) }
    }
    const [w, [bias]] = await learn(logisticStep({ features: 64, rate: 6 }), await samplesOf('training', 320), 1)
    const { x, t } = await samplesOf('test', 360)
    const right = x.filter(
      (row, i) => row.reduce((sum, ink, j) => sum + ink * w[j], bias) > 0 === (t[i][0] === 1),
    ).length
    expect(right / x.length).toBeGreaterThan(0.99)
  })
})

describe('integer steps are integer programs', () => {
  test.each([1, 4, 8])('of any rate: intervals hold at 2^-%i', (rate) => {
    for (const step of [
      linearStep({ features: 5, rate }),
      logisticStep({ features: 5, rate }),
      hiddenLayerStep({ sizes: [5, 3, 2], rate }),
    ])
      expect(intervals(step.program, { given: step.given }).length).toBe(step.program.values.length)
  })

  test('first weights are the real numbers given, rounded once', () => {
    const step = linearStep({ features: 2, weights: { w: tensor('float64', [2, 1], [0.5, -0.25]) } })
    expect(step.state.map(({ data }) => Array.from(data as BigInt64Array))).toEqual([[131072n, -65536n], [0n]])
  })

  test('weights of another size and rates out of range are refused by name', () => {
    const weights = { w: tensor('float64', [3], [1, 2, 3]) }
    expect(() => linearStep({ features: 2, weights })).toThrow('quantize/bad-scale')
    for (const rate of [0, 9, 1.5]) expect(() => logisticStep({ features: 2, rate })).toThrow('quantize/bad-scale')
  })
})
