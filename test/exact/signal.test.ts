/* eslint-disable no-restricted-properties -- expected values within a tolerance; nothing here is committed to */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fault } from '../../src/core/faults.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { ratio, toDouble } from '../../src/exact/operators/rational.js'
import { cosineOfTurn, exponentialOf, logarithmOf, sineOfTurn } from '../../src/exact/operators/series.js'
import { expectNear, filled, valuesOf } from './naive.js'
import { modelOf, runNode, type Given } from './one-node.js'

const scalar = (value: number) => ({ constant: tensor('int64', [], [BigInt(value)]) })

describe('series', () => {
  test('sines and cosines of parts of a turn are those of binary64 to its last digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5000, max: 5000 }), fc.integer({ min: 1, max: 5000 }), (n, d) => {
        const angle = (2 * Math.PI * (n % d)) / d
        expect(toDouble(sineOfTurn(n, d))).toBeCloseTo(Math.sin(angle), 13)
        expect(toDouble(cosineOfTurn(n, d))).toBeCloseTo(Math.cos(angle), 13)
      }),
    )
  })

  test('quarters of a turn are exact', () => {
    expect([0, 1, 2, 3, 4, 5].map((n) => toDouble(sineOfTurn(n, 4)) + 0)).toEqual([0, 1, 0, -1, 0, 1])
    expect(toDouble(sineOfTurn(1, 12))).toBe(0.5)
  })

  test('exponential and logarithm undo each other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 6 }), fc.integer({ min: 1, max: 1000 }), (n, d) => {
        const value = ratio(n + d, d)
        expect(toDouble(exponentialOf(logarithmOf(value)))).toBe(toDouble(value))
        expect(toDouble(logarithmOf(value))).toBeCloseTo(Math.log((n + d) / d), 13)
      }),
    )
  })
})

/** The transform of pairs [n][2] by its formula. */
function naive(signal: readonly (readonly [number, number])[], length: number): number[] {
  return [...Array(length).keys()].flatMap((k) => {
    const terms = signal.slice(0, length).map(([re, im], j) => {
      const angle = (-2 * Math.PI * ((j * k) % length)) / length
      return [re * Math.cos(angle) - im * Math.sin(angle), re * Math.sin(angle) + im * Math.cos(angle)]
    })
    return [0, 1].map((part) => terms.reduce((s, t) => s + t[part], 0))
  })
}

const pairs = (t: Tensor): [number, number][] => {
  const [values, parts] = [valuesOf(t), t.dims.at(-1)!]
  return Array.from({ length: values.length / parts }, (_, i) => [
    values[i * parts],
    parts === 2 ? values[i * 2 + 1] : 0,
  ])
}

const dft = async (x: Tensor, attributes: Record<string, Given> = {}, length?: number) =>
  (
    await runNode({ op: 'DFT', opset: 20, inputs: [x, length === undefined ? undefined : scalar(length)], attributes })
  )[0]

describe('Fourier transforms', () => {
  test.each([1, 5, 8, 9])('of %i real and complex elements', async (n) => {
    const [real, complex] = [filled([1, n, 1], n), filled([1, n, 2], n + 1)]
    expectNear(await dft(real), naive(pairs(real), n), { dims: [1, n, 2] })
    expectNear(await dft(complex), naive(pairs(complex), n), { dims: [1, n, 2] })
  })

  test('a length cuts the signal or pads it with zeros', async () => {
    const x = filled([1, 6, 1], 3)
    expectNear(await dft(x, {}, 4), naive(pairs(x), 4), { dims: [1, 4, 2] })
    expectNear(await dft(x, {}, 9), naive(pairs(x), 9), { dims: [1, 9, 2] })
  })

  test.each([7, 8])('half of the spectrum of %i elements gives them back', async (n) => {
    const x = filled([1, n, 1], 3)
    const half = await dft(x, { onesided: 1 })
    expect(half.dims).toEqual([1, Math.floor(n / 2) + 1, 2])
    expectNear(await dft(half, { onesided: 1, inverse: 1 }, n), valuesOf(x), { dims: [1, n, 1] })
  })

  test('any axis but the last is transformed', async () => {
    const x = filled([3, 4, 2], 5)
    const [y] = await runNode({ op: 'DFT', opset: 20, inputs: [x, undefined, scalar(0)] })
    const column = naive(
      pairs(
        tensor(
          'float32',
          [3, 2],
          [0, 1, 2].flatMap((i) => valuesOf(x).slice(i * 8, i * 8 + 2)),
        ),
      ),
      3,
    )
    expectNear(
      tensor(
        'float32',
        [6],
        [0, 1, 2].flatMap((i) => valuesOf(y).slice(i * 8, i * 8 + 2)),
      ),
      column,
    )
  })

  test('STFT transforms weighted frames', async () => {
    const [x, window] = [filled([1, 10, 1], 6), filled([4], 7)]
    const [y] = await runNode({
      op: 'STFT',
      opset: 17,
      inputs: [x, scalar(3), window, scalar(4)],
      attributes: { onesided: 0 },
    })
    const frame = (f: number) =>
      pairs(
        tensor(
          'float32',
          [4, 1],
          [0, 1, 2, 3].map((i) => Number(x.data[3 * f + i]) * Number(window.data[i])),
        ),
      )
    expectNear(
      y,
      [0, 1, 2].flatMap((f) => naive(frame(f), 4)),
      { dims: [1, 3, 4, 2] },
    )
  })

  test('an inverse to complex values is refused', () => {
    const model = modelOf({ op: 'DFT', opset: 20, inputs: [filled([1, 4, 2])], attributes: { inverse: 1 } })
    expect(() => compile(model)).toThrow(expect.objectContaining({ code: 'exact/unsupported-operator' }) as Fault)
  })

  test('a transform whose table is too large is refused', () => {
    const type = { dtype: 'float32', dims: [1, 5000, 1] } as const
    const model = modelOf({ op: 'DFT', opset: 20, inputs: [filled([1, 5000, 1])] })
    expect(() => compile(model, { inputs: { i0: type } })).toThrow(
      expect.objectContaining({ code: 'exact/unsupported-operator' }) as Fault,
    )
  })
})

describe('windows', () => {
  test.each([
    ['HannWindow', (t: number) => 0.5 - 0.5 * Math.cos(t)],
    ['HammingWindow', (t: number) => 25 / 46 - (21 / 46) * Math.cos(t)],
    ['BlackmanWindow', (t: number) => 0.42 - 0.5 * Math.cos(t) + 0.08 * Math.cos(2 * t)],
  ])('%s, periodic and symmetric', async (op, f) => {
    for (const periodic of [0, 1]) {
      const [y] = await runNode({ op, opset: 17, inputs: [scalar(10)], attributes: { periodic } })
      expectNear(
        y,
        [...Array(10).keys()].map((n) => f((2 * Math.PI * n) / (periodic === 1 ? 10 : 9))),
      )
    }
  })

  test('mel weights are triangles that overlap by half', async () => {
    const inputs = [
      scalar(8),
      scalar(64),
      scalar(8192),
      { constant: tensor('float32', [], [0]) },
      { constant: tensor('float32', [], [4096]) },
    ]
    const [y] = await runNode({ op: 'MelWeightMatrix', opset: 17, inputs })
    expect(y.dims).toEqual([33, 8])
    const column = (band: number) => [...Array(33).keys()].map((bin) => Number(y.data[bin * 8 + band]))
    for (let band = 0; band < 8; band++) {
      const peak = column(band).indexOf(1)
      expect(peak).toBeGreaterThanOrEqual(0)
      if (band > 0) expect(peak).toBeGreaterThanOrEqual(column(band - 1).indexOf(1))
    }
  })
})
