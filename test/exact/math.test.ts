/* eslint-disable no-restricted-properties -- expected values within a tolerance; nothing here is committed to */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault } from '../../src/core/faults.js'
import { tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { halfToNumber, numberToHalf } from '../../src/exact/ops/halves.js'
import { modelOf, runNode, type Given } from './one-node.js'

/** Numbers from -6 to 6 that differ in every digit, with zero, a tiny and a large one. */
const POINTS = [...Array.from({ length: 61 }, (_, i) => (i - 30) * 0.1973), 0, 1e-20, -3e4].map(Math.fround)
const x: Tensor = tensor('float32', [POINTS.length], POINTS)

const numbersOf = ({ dtype, data }: Tensor): number[] =>
  Array.from(data as ArrayLike<number | bigint>, (v) =>
    dtype === 'float16' || dtype === 'bfloat16' ? halfToNumber(dtype, Number(v)) : Number(v),
  )

/** Every element within `relative` of the expected one, or within a ten-millionth. */
function near(found: Tensor, expected: readonly number[], relative = 3e-6): void {
  const values = numbersOf(found)
  expect(values.length).toBe(expected.length)
  values.forEach((value, i) => {
    const allowed = relative * Math.abs(expected[i]) + 1e-7
    expect(
      value === expected[i] || Math.abs(value - expected[i]) <= allowed,
      `element ${i}: ${value}, ${expected[i]}`,
    ).toBe(true)
  })
}

/** erf by its Maclaurin series and its continued fraction's limit: good to 1e-10 here. */
function erf(v: number): number {
  if (Math.abs(v) > 5) return Math.sign(v)
  let [term, sum] = [v, v]
  for (let n = 1; n < 200; n++) {
    term *= (-v * v) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
const softplus = (v: number) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))
const f = (float: number) => ({ float })

interface Row {
  readonly op: string
  readonly opsets: readonly number[]
  readonly formula: (v: number) => number
  readonly attributes?: Readonly<Record<string, Given>>
  readonly relative?: number
}

const UNARY: readonly Row[] = [
  { op: 'Reciprocal', opsets: [7, 13], formula: (v) => 1 / v },
  { op: 'Sign', opsets: [9, 13], formula: Math.sign },
  { op: 'Softsign', opsets: [7, 22], formula: (v) => v / (1 + Math.abs(v)) },
  { op: 'Softplus', opsets: [7, 22], formula: softplus },
  { op: 'Elu', opsets: [7, 22], attributes: { alpha: f(1.5) }, formula: (v) => (v < 0 ? 1.5 * (Math.exp(v) - 1) : v) },
  {
    op: 'Selu',
    opsets: [7, 22],
    formula: (v) => 1.0507010221481323 * (v < 0 ? 1.6732631921768188 * (Math.exp(v) - 1) : v),
  },
  {
    op: 'Celu',
    opsets: [12, 28],
    attributes: { alpha: f(2) },
    formula: (v) => Math.max(0, v) + Math.min(0, 2 * (Math.exp(v / 2) - 1)),
  },
  { op: 'Gelu', opsets: [20], formula: (v) => 0.5 * v * (1 + erf(v / Math.SQRT2)), relative: 1e-4 },
  {
    op: 'Gelu',
    opsets: [20],
    attributes: { approximate: 'tanh' },
    formula: (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
    relative: 1e-3,
  },
  { op: 'Mish', opsets: [18, 22], formula: (v) => v * Math.tanh(softplus(v)) },
  { op: 'HardSigmoid', opsets: [7, 22], formula: (v) => Math.max(0, Math.min(1, 0.2 * v + 0.5)) },
  { op: 'HardSwish', opsets: [14, 22], formula: (v) => v * Math.max(0, Math.min(1, v / 6 + 0.5)) },
  { op: 'Swish', opsets: [24], attributes: { alpha: f(0.7) }, formula: (v) => v * sigmoid(0.7 * v) },
  { op: 'LeakyRelu', opsets: [7, 16], attributes: { alpha: f(0.25) }, formula: (v) => (v < 0 ? 0.25 * v : v) },
  { op: 'ThresholdedRelu', opsets: [10, 22], attributes: { alpha: f(0.5) }, formula: (v) => (v > 0.5 ? v : 0) },
  {
    op: 'Shrink',
    opsets: [9],
    attributes: { lambd: f(1), bias: f(0.5) },
    formula: (v) => (v < -1 ? v + 0.5 : v > 1 ? v - 0.5 : 0),
  },
  { op: 'Clip', opsets: [7], attributes: { min: f(-1), max: f(2) }, formula: (v) => Math.min(2, Math.max(-1, v)) },
  { op: 'Clip', opsets: [7, 11], formula: (v) => v },
]

describe('operators of one operand follow their formulas', () => {
  for (const { op, opsets, formula, attributes, relative } of UNARY)
    test(`${op} ${JSON.stringify(attributes ?? {})}`, async () => {
      for (const opset of opsets) {
        const [y] = await runNode({ op, opset, inputs: [x], attributes })
        near(y, POINTS.map(formula), relative)
      }
    })

  test('the activations take float16 and bfloat16', async () => {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const half = tensor(
        dtype,
        [POINTS.length],
        POINTS.map((v) => numberToHalf(dtype, v)),
      )
      const values = numbersOf(half)
      const [y] = await runNode({ op: 'Elu', opset: 22, inputs: [half], attributes: { alpha: f(1) } })
      expect(y.dtype).toBe(dtype)
      values.forEach((v, i) => {
        const expected = v < 0 ? Math.exp(v) - 1 : v
        expect(Math.abs(numbersOf(y)[i] - expected)).toBeLessThan(0.01 * Math.abs(expected) + 0.01)
      })
    }
  })
})

describe('operators of several operands', () => {
  const row = tensor('float32', [1, 3], [1, -2, 3])
  const column = tensor('float32', [2, 1], [0.5, -1])
  test('Max, Min, Sum and Mean broadcast any number of operands', async () => {
    const third = tensor('float32', [], [0.75])
    const all = [0, 1, 2, 3, 4, 5].map((i) => [[1, -2, 3][i % 3], [0.5, -1][Math.floor(i / 3)], 0.75])
    const of = async (op: string) => (await runNode({ op, opset: 13, inputs: [row, column, third] }))[0]
    near(
      await of('Max'),
      all.map((v) => Math.max(...v)),
    )
    near(
      await of('Min'),
      all.map((v) => Math.min(...v)),
    )
    near(
      await of('Sum'),
      all.map(([a, b, c]) => a + b + c),
    )
    near(
      await of('Mean'),
      all.map(([a, b, c]) => (a + b + c) / 3),
    )
    expect((await runNode({ op: 'Mean', opset: 13, inputs: [row] }))[0].data).toEqual(row.data)
  })
  test('PRelu and SwiGLU take their second operand', async () => {
    const slope = tensor('float32', [1], [0.1])
    near(
      (await runNode({ op: 'PRelu', opset: 16, inputs: [x, slope] }))[0],
      POINTS.map((v) => (v < 0 ? 0.1 * v : v)),
    )
    near(
      (await runNode({ op: 'SwiGLU', opset: 28, inputs: [x, x] }))[0],
      POINTS.map((v) => v * sigmoid(v) * v),
    )
  })
  test('Clip bounds are operands from opset 11 on, for integers too; the upper one wins', async () => {
    const values = tensor('int8', [4], [-100, -3, 3, 100])
    const bound = (value: number) => tensor('int8', [], [value])
    const [y] = await runNode({ op: 'Clip', opset: 12, inputs: [values, bound(-5), bound(50)] })
    expect([...y.data]).toEqual([-5, -3, 3, 50])
    const [z] = await runNode({ op: 'Clip', opset: 13, inputs: [values, bound(60), bound(50)] })
    expect([...z.data]).toEqual([50, 50, 50, 50])
  })
  test('Mod has the sign of the divisor with fmod = 0, of the dividend with fmod = 1', async () => {
    const [a, b] = [tensor('int32', [6], [-4, 7, 5, 4, -7, 8]), tensor('int32', [6], [2, -3, 8, -2, 3, 5])]
    expect([...(await runNode({ op: 'Mod', opset: 13, inputs: [a, b] }))[0].data]).toEqual([0, -2, 5, 0, 2, 3])
    const truncated = await runNode({ op: 'Mod', opset: 13, inputs: [a, b], attributes: { fmod: 1 } })
    expect([...truncated[0].data]).toEqual([0, 1, 5, 0, -1, 3])
    const [c, d] = [tensor('float64', [3], [-4.3, 7.2, 5]), tensor('float64', [3], [2.1, -3.4, 8])]
    near((await runNode({ op: 'Mod', opset: 13, inputs: [c, d], attributes: { fmod: 1 } }))[0], [
      -4.3 % 2.1,
      7.2 % -3.4,
      5,
    ])
  })
})

describe('Pow', () => {
  const base = tensor('float32', [5], [0.5, 1, 2, 3.5, 10])
  for (const [exponent, expected] of [
    [2, (v: number) => v * v],
    [3, (v: number) => v ** 3],
    [-1, (v: number) => 1 / v],
    [0.5, Math.sqrt],
    [-0.5, (v: number) => 1 / Math.sqrt(v)],
  ] as const)
    test(`to the constant ${exponent} needs no Pow`, async () => {
      const constant = { constant: tensor('float32', [1, 1], [exponent]) }
      const node = { op: 'Pow', opset: 13, inputs: [base, constant] }
      const { program } = compile(modelOf(node), { inputs: { i0: base } })
      expect(program.values.some((v) => v.kind === 'node' && v.op === 'Pow')).toBe(false)
      const [y] = await runNode(node)
      expect(y.dims).toEqual([1, 5])
      near(y, numbersOf(base).map(expected))
    })
  test('to any exponent is within half a unit in the last place and a little', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.float({ min: Math.fround(0.01), max: 50, noNaN: true }),
            fc.float({ min: -12, max: 12, noNaN: true }),
          ),
          {
            minLength: 300,
            maxLength: 300,
          },
        ),
        async (pairs) => {
          const [a, b] = [0, 1].map((k) =>
            tensor(
              'float32',
              [pairs.length],
              pairs.map((pair) => pair[k]),
            ),
          )
          const [y] = await runNode({ op: 'Pow', opset: 15, inputs: [a, b] })
          near(
            y,
            pairs.map(([p, q]) => p ** q),
            6.1e-8,
          )
        },
      ),
      { numRuns: 2 },
    )
  })
  test('follows IEEE 754 at zeros, infinities and negative bases', async () => {
    const pairs = [
      [0, 0],
      [-0, 3],
      [-0, -3],
      [0, -2],
      [-2, 3],
      [-2, -2],
      [Infinity, -1],
      [-Infinity, 3],
      [2, 200],
      [2, -200],
      [-1, Infinity],
      [4097, 2],
    ]
    const [a, b] = [0, 1].map((k) =>
      tensor(
        'float32',
        [pairs.length],
        pairs.map((pair) => pair[k]),
      ),
    )
    const [y] = await runNode({ op: 'Pow', opset: 15, inputs: [a, b] })
    expect([...(y.data as Float32Array)]).toEqual([
      1,
      0,
      -Infinity,
      Infinity,
      -8,
      0.25,
      0,
      -Infinity,
      Infinity,
      0,
      1,
      16785408,
    ])
  })
  test('of integers wraps; negative exponents truncate', async () => {
    const a = tensor('int64', [6], [3n, -2n, 7n, -1n, 2n, 1n])
    const b = tensor('int64', [6], [5n, 63n, 100n, -3n, -1n, -9n])
    const [y] = await runNode({ op: 'Pow', opset: 15, inputs: [a, b] })
    expect([...(y.data as BigInt64Array)]).toEqual([243n, -(2n ** 63n), BigInt.asIntN(64, 7n ** 100n), -1n, 0n, 1n])
    const exponents = tensor('uint8', [3], [0, 3, 31])
    const [z] = await runNode({ op: 'Pow', opset: 15, inputs: [tensor('int32', [3], [9, -5, 3]), exponents] })
    expect([...z.data]).toEqual([1, -125, Number(BigInt.asIntN(32, 3n ** 31n))])
  })
  test('of mixed types has the type of the base', async () => {
    const [y] = await runNode({
      op: 'Pow',
      opset: 15,
      inputs: [tensor('int32', [3], [2, 3, 10]), tensor('float32', [3], [10, 5, 0.5])],
    })
    expect([...y.data]).toEqual([1024, 243, 3])
    const [z] = await runNode({
      op: 'Pow',
      opset: 15,
      inputs: [tensor('float32', [3], [-1, -2, 3]), tensor('int64', [3], [16777217n, 3n, -1n])],
    })
    near(z, [-1, -8, 1 / 3])
  })
})

describe('Dropout', () => {
  test('passes data on in inference, with a mask of ones', async () => {
    const [y, mask] = await runNode({ op: 'Dropout', opset: 13, inputs: [x], outputs: 2 })
    expect(y.data).toEqual(x.data)
    expect([...mask.data].every((v) => v === 1)).toBe(true)
    expect((await runNode({ op: 'Dropout', opset: 7, inputs: [x] }))[0].data).toEqual(x.data)
  })
  test('is refused in training mode', () => {
    const inputs = [x, { constant: tensor('float32', [], [0.5]) }, { constant: tensor('bool', [], [1]) }]
    expect(() => compile(modelOf({ op: 'Dropout', opset: 13, inputs }))).toThrow(/training mode/)
  })
})

test('what has no exact form is refused by name', () => {
  const codeOf = (dtype: DType, op: string) => {
    const x = tensor(dtype, [2], dtype === 'int64' ? [1n, 2n] : [1, 2])
    try {
      compile(modelOf({ op, opset: 22, inputs: op === 'Mod' ? [x, x] : [x] }))
    } catch (error) {
      if (Fault.is(error)) return { code: error.code, where: error.detail.where?.slice(0, op.length) }
      throw error
    }
    return undefined
  }
  expect(codeOf('int64', 'Sin')).toEqual({ code: 'exact/unsupported-type', where: 'Sin' })
  expect(codeOf('float32', 'Mod')).toEqual({ code: 'exact/unsupported-operator', where: 'Mod' })
})

test('an elementary function of binary64 is that of the operand rounded to binary32', async () => {
  const x = [0.1, -2.7182818284590452, 1e-9, 50]
  const [double] = await runNode({ op: 'Exp', opset: 22, inputs: [tensor('float64', [4], x)] })
  const [single] = await runNode({ op: 'Exp', opset: 22, inputs: [tensor('float32', [4], x)] })
  expect(Array.from(double.data as Float64Array)).toEqual(Array.from(single.data as Float32Array))
})
