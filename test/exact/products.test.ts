import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBits, tensor, type Tensor } from '../../src/core/tensor.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { RUNTIMES } from './conform.js'

/** The runtimes of the suite, and native ONNX Runtime with all its graph rewriting. */
const ALL: readonly Runtime[] = [...RUNTIMES, ortNode({ threads: 2, unsafeOptimization: 'all' })]

type Make = (b: Builder, input: Ref, weights: Ref) => Ref

/** The result as bits, the same on every runtime, with the second operand fixed. */
async function product(make: Make, input: Tensor, weights: Tensor): Promise<Tensor> {
  const b = new Builder()
  const made = make(b, b.input('x', input), b.parameter('w', weights))
  const bits = b.op('BitCast', [made], { to: made.dtype === 'float32' ? 12 : 13 })
  const { program } = b.finish({ outputs: [['y', bits]] })
  const results: Tensor[] = []
  for (const runtime of ALL) {
    const session = await runtime.open(program, [weights])
    results.push((await session.step([input])).outputs[0])
    await session.close()
  }
  results.forEach((result, i) => {
    if (!equalBits(result, results[0])) {
      const at = Array.from(result.data as Uint32Array).findIndex((bit, j) => bit !== results[0].data[j])
      expect(result.data[at], `${ALL[i].name}: element ${at}`).toBe(results[0].data[at])
    }
  })
  return results[0]
}

const matmul: Make = (b, x, w) => b.matmul(x, w)

/** Numbers of very different sizes, both signs, zeros and subnormals among them. */
function wild(dims: readonly number[], seed: number, spread: number): Tensor {
  let state = seed >>> 0
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)
  const size = dims.reduce((a, d) => a * d, 1)
  const data = Float32Array.from({ length: size }, () => {
    const fraction = (next() / 2 ** 32) * 2 - 1
    return next() % 11 === 0 ? 0 : fraction * 2 ** ((next() % (2 * spread + 1)) - spread)
  })
  return tensor('float32', dims, data)
}

/** Shapes that meet every way of lowering: digits, columns, rows, rows with zeros behind them; one block, whole blocks, a rest. */
const SHAPES: readonly (readonly [number, number, number])[] = [
  [1, 600, 450],
  [1, 512, 512],
  [4, 1030, 260],
  [1, 40, 30],
  [7, 520, 33],
  [32, 1024, 5],
  [40, 1100, 17],
  [130, 600, 9],
  [256, 1030, 6],
  [260, 512, 5],
  [33, 20, 1600],
]
/** One of each way. */
const FEW = [SHAPES[0], SHAPES[4], SHAPES[7], SHAPES[8]]

describe('products with fixed weights give one result however they are lowered', () => {
  for (const [m, k, n] of SHAPES)
    test(`${m} x ${k} x ${n}`, async () => {
      for (const spread of [0, 6, 40]) await product(matmul, wild([m, k], 7, spread), wild([k, n], 9, spread))
    })

  test('sums at the very limit of binary64, whose parts alone are beyond it', async () => {
    const unit = 2 ** -22
    const [k, n] = [512, 512]
    const row = new Float32Array(k).fill(1)
    row[5] = 1 - unit
    for (const low of [1, 55, 56, 200, 255, 257]) {
      const weights = tensor('float32', [k, n], new Float32Array(k * n).fill(-(1 - low * unit)))
      for (let column = 0; column < n; column++) weights.data[column] = -1
      await product(matmul, tensor('float32', [1, k], row), weights)
    }
  })

  test('numbers of the smallest and largest magnitudes', async () => {
    for (const [m, k, n] of FEW)
      for (const scale of [2 ** -149, 2 ** -140, 2 ** -127, 2 ** -126, 2 ** 100]) {
        const scaled = (t: Tensor) =>
          tensor(
            'float32',
            t.dims,
            (t.data as Float32Array).map((v) => v * scale),
          )
        const result = await product(matmul, scaled(wild([m, k], 3, 4)), wild([k, n], 5, 4))
        if (scale === 2 ** -140) expect((result.data as Uint32Array).some((bit) => bit !== 0)).toBe(true)
      }
  })

  test('the ends of the grid: powers of two, and numbers just above and below them', async () => {
    const ends = [1, -1, 1 + 2 ** -23, -(1 - 2 ** -24), 0.5, 2 ** -22, -(2 ** -23), 3 * 2 ** -23, 1 - 2 ** -22]
    for (const [m, k, n] of FEW) {
      const pick = (dims: number[], step: number) =>
        tensor(
          'float32',
          dims,
          Float32Array.from({ length: dims[0] * dims[1] }, (_, i) => ends[(i * step) % 9]),
        )
      await product(matmul, pick([m, k], 5), pick([k, n], 7))
      const all = (dims: number[], v: number) => tensor('float32', dims, new Float32Array(dims[0] * dims[1]).fill(v))
      await product(matmul, all([m, k], -1), all([k, n], 1))
    }
  })

  test('NaN, infinities and numbers beyond the domain reach the rows and columns that read them, and no others', async () => {
    for (const [m, k, n] of FEW)
      for (const bad of [NaN, Infinity, -Infinity, 3.4e38]) {
        const [x, w] = [wild([m, k], 1, 2), wild([k, n], 2, 2)]
        const [row, column] = [m - 1, n >> 1]
        ;(x.data as Float32Array)[row * k + k - 1] = bad
        ;(w.data as Float32Array)[3 * n + column] = bad
        const result = new Float32Array((await product(matmul, x, w)).data.buffer)
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++)
            if (Number.isNaN(result[i * n + j]) !== (i === row || j === column)) expect.fail(`element ${i}, ${j}`)
      }
  })

  test('a batch is the same as its rows, each in its own lowering', async () => {
    const [x, w] = [wild([40, 700], 21, 5), wild([700, 400], 22, 5)]
    const whole = (await product(matmul, x, w)).data as Uint32Array
    for (const i of [0, 17, 39]) {
      const row = tensor('float32', [1, 700], (x.data as Float32Array).slice(i * 700, (i + 1) * 700))
      const alone = (await product(matmul, row, w)).data as Uint32Array
      expect(alone).toEqual(whole.slice(i * 400, (i + 1) * 400))
    }
  })

  test('leading axes, transposed weights, and several products that share an operand', async () => {
    const x = wild([2, 3, 1, 513], 31, 3)
    await product(matmul, x, wild([513, 12], 32, 3))
    await product((b, a, w) => b.matmul(a, b.transpose(w, [1, 0])), x, wild([600, 513], 33, 3))
    await product((b, a, w) => b.add(b.matmul(a, w), b.matmul(b.relu(a), w)), x, wild([513, 520], 34, 3))
  })

  test('convolutions, with the taps of the first axis among the channels or in the patches', async () => {
    const cases = [
      { x: [1, 8, 9, 7], w: [4, 8, 3, 3], pads: [1, 1, 1, 1], dilations: [1, 1], strides: [1, 1], group: 1 },
      { x: [2, 120, 6, 5], w: [6, 60, 3, 3], pads: [2, 0, 1, 2], dilations: [2, 1], strides: [1, 2], group: 2 },
      { x: [1, 8, 9, 7], w: [16, 8, 3, 3], pads: [0, 0, 0, 0], dilations: [1, 1], strides: [2, 1], group: 1 },
      { x: [1, 40, 5], w: [3, 40, 4], pads: [3, 0], dilations: [1], strides: [1], group: 1 },
      { x: [1, 2, 30, 24], w: [2, 2, 27, 20], pads: [1, 0, 0, 1], dilations: [1, 1], strides: [1, 1], group: 1 },
      {
        x: [1, 6, 4, 3, 5],
        w: [2, 6, 2, 1, 3],
        pads: [0, 0, 1, 1, 0, 1],
        dilations: [1, 1, 2],
        strides: [1, 1, 1],
        group: 1,
      },
    ]
    for (const { x, w, group, ...attributes } of cases)
      for (const bad of [0, NaN, 3.4e38]) {
        const [input, weights] = [wild(x, 51, 6), wild(w, 52, 6)]
        ;(input.data as Float32Array)[11] += bad
        await product((b, a, c) => b.op('Conv', [a, c], { ...attributes, group }), input, weights)
      }
  })

  test('binary64 operands', async () => {
    const wide = (t: Tensor) =>
      tensor(
        'float64',
        t.dims,
        Float64Array.from(t.data as Float32Array, (v) => v / 3),
      )
    for (const [m, k, n] of SHAPES.slice(3, 8))
      await product(matmul, wide(wild([m, k], 41, 9)), wide(wild([k, n], 42, 9)))
  })

  test('any shape', async () => {
    const size = (max: number) => fc.integer({ min: 1, max })
    await fc.assert(
      fc.asyncProperty(size(140), size(1040), size(12), size(20), fc.integer(), async (m, k, n, spread, seed) => {
        await product(matmul, wild([m, k], seed, spread), wild([k, n], seed + 1, spread))
      }),
      { numRuns: 12 },
    )
  })
})
