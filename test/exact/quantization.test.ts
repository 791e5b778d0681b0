import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DTYPES, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { rangeOf, roundEven } from '../../src/exact/ops/elementwise.js'
import { modelOf, runNode, type Given } from './one-node.js'

const only = async (
  op: string,
  opset: number,
  inputs: readonly (Tensor | undefined)[],
  attributes?: Record<string, Given>,
) => (await runNode({ op, opset, inputs, attributes }))[0]

const clamp = (v: number, dtype: DType) => {
  const [lowest, highest] = rangeOf(dtype).map(Number)
  return Math.min(Math.max(v, lowest), highest)
}

describe('QuantizeLinear', () => {
  const x = tensor('float32', [2, 4], [-300, -1, 0.5, 1.5, 2.5, 3, 254.4, 1e9])
  for (const dtype of ['int8', 'uint8', 'int16', 'uint16'] as const)
    test(`to ${dtype} rounds half to even and saturates`, async () => {
      const y = await only('QuantizeLinear', 21, [x, tensor('float32', [], [0.5]), tensor(dtype, [], [3])])
      expect([...y.data]).toEqual(
        [...(x.data as Float32Array)].map((v) => clamp(roundEven(Math.fround(v / 0.5)) + 3, dtype)),
      )
    })
  test('along an axis and in blocks takes the scale of each place', async () => {
    const scale = tensor('float32', [4], [0.5, 1, 2, 4])
    const zero = tensor('uint8', [4], [0, 1, 2, 3])
    const axis = await only('QuantizeLinear', 13, [x, scale, zero], { axis: -1 })
    const at = (i: number) => i % 4
    expect([...axis.data]).toEqual(
      [...(x.data as Float32Array)].map((v, i) => clamp(roundEven(v / [0.5, 1, 2, 4][at(i)]) + at(i), 'uint8')),
    )
    const blocks = tensor('float32', [2, 2], [0.5, 1, 2, 4])
    const blocked = await only('QuantizeLinear', 21, [x, blocks], { axis: 1, block_size: 3 })
    const scales = [0.5, 0.5, 0.5, 1, 2, 2, 2, 4]
    expect([...blocked.data]).toEqual(
      [...(x.data as Float32Array)].map((v, i) => clamp(roundEven(v / scales[i]), 'uint8')),
    )
  })
  test('takes its output type from the attribute where no zero point is given', async () => {
    const y = await only('QuantizeLinear', 21, [x, tensor('float32', [], [1])], { output_dtype: DTYPES.int8.code })
    expect(y.dtype).toBe('int8')
  })
  test('to types below 8 bits is refused', () => {
    const node = {
      op: 'QuantizeLinear',
      opset: 21,
      inputs: [x, tensor('float32', [], [1])],
      attributes: { output_dtype: 22 },
    }
    expect(() => compile(modelOf(node))).toThrow(/int4/)
  })
  test('of a NaN refuses the run', async () => {
    const nan = tensor('float32', [2], [1, NaN])
    await expect(only('QuantizeLinear', 13, [nan, tensor('float32', [], [1])])).rejects.toThrow(/runtime\/refused/)
  })
})

describe('DequantizeLinear', () => {
  test('undoes the zero point exactly and multiplies in float32', async () => {
    const x = tensor('uint8', [2, 3], [0, 1, 128, 200, 254, 255])
    const [scale, zero] = [tensor('float32', [2], [0.1, 3]), tensor('uint8', [2], [128, 7])]
    const y = await only('DequantizeLinear', 13, [x, scale, zero], { axis: 0 })
    const row = (i: number) => (i < 3 ? 0 : 1)
    expect([...(y.data as Float32Array)]).toEqual(
      [...x.data].map((v, i) => Math.fround((Number(v) - [128, 7][row(i)]) * Math.fround([0.1, 3][row(i)]))),
    )
  })
  test('of int32 rounds once', async () => {
    const x = tensor('int32', [2], [2147483647, -16777217])
    const y = await only('DequantizeLinear', 10, [x, tensor('float32', [], [1])])
    expect([...(y.data as Float32Array)]).toEqual([2147483648, -16777216])
  })
  test('gives the type of the scale', async () => {
    const y = await only('DequantizeLinear', 19, [tensor('int8', [1], [-3]), tensor('float16', [], [0x3800])])
    expect([y.dtype, y.data[0]]).toEqual(['float16', 0xbe00])
  })
})

test('DynamicQuantizeLinear covers the range of its input and zero', async () => {
  const x = tensor('float32', [6], [0, 2, -3, -2.5, 1.34, 0.5])
  const [y, scale, zero] = await runNode({ op: 'DynamicQuantizeLinear', opset: 11, inputs: [x], outputs: 3 })
  const step = Math.fround(5 / 255)
  expect([scale.data[0], zero.data[0]]).toEqual([step, 153])
  expect([...y.data]).toEqual(
    [...(x.data as Float32Array)].map((v) => clamp(roundEven(Math.fround(v / step)) + 153, 'uint8')),
  )
})

/** The product of integer matrices with zero points, as bigints. */
function product(a: Tensor, b: Tensor, zeros: { a: number[]; b: number[] }): bigint[] {
  const [m, k, n] = [a.dims[0], a.dims[1], b.dims[1]]
  return Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n]
    let sum = 0n
    for (let l = 0; l < k; l++)
      sum +=
        (BigInt(a.data[i * k + l]) - BigInt(zeros.a[i % zeros.a.length])) *
        (BigInt(b.data[l * n + j]) - BigInt(zeros.b[j % zeros.b.length]))
    return sum
  })
}

describe('integer products are exact', () => {
  test('MatMulInteger of random matrices with zero points for rows and columns', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 700 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        async (k, bytes) => {
          const take = (n: number) => Array.from({ length: n }, () => bytes.next().value as number)
          const a = tensor('uint8', [3, k], take(3 * k))
          const b = tensor(
            'int8',
            [k, 4],
            take(4 * k).map((v) => v - 128),
          )
          const zeros = { a: take(3), b: take(4).map((v) => v - 128) }
          const y = await only('MatMulInteger', 10, [a, b, tensor('uint8', [3], zeros.a), tensor('int8', [4], zeros.b)])
          expect([...y.data].map(BigInt)).toEqual(product(a, b, zeros))
        },
      ),
      { numRuns: 4 },
    )
  })
  test('a sum beyond int32 wraps', async () => {
    const k = 34000
    const a = tensor('uint8', [1, k], new Uint8Array(k).fill(255))
    const y = await only('MatMulInteger', 10, [a, { ...a, dims: [k, 1] }])
    expect(BigInt(y.data[0])).toBe(BigInt.asIntN(32, 255n * 255n * BigInt(k)))
  })
  test('ConvInteger pads with the zero point', async () => {
    const x = tensor('uint8', [1, 1, 3, 3], [2, 3, 4, 5, 6, 7, 8, 9, 10])
    const w = tensor('uint8', [1, 1, 2, 2], [1, 1, 1, 1])
    const y = await only('ConvInteger', 10, [x, w, tensor('uint8', [], [1])], { pads: [1, 1, 1, 1] })
    expect([...y.data]).toEqual([1, 3, 5, 3, 5, 12, 16, 9, 11, 24, 28, 15, 7, 15, 17, 9])
  })
  test('QLinearMatMul scales, rounds and saturates', async () => {
    const a = tensor('uint8', [2, 4], [208, 236, 0, 238, 3, 214, 255, 29])
    const b = tensor('uint8', [4, 3], [152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247])
    const scalar = (v: number) => tensor('float32', [1], [v])
    const point = (v: number) => tensor('uint8', [1], [v])
    const y = await only('QLinearMatMul', 10, [
      a,
      scalar(0.0066),
      point(113),
      b,
      scalar(0.00705),
      point(114),
      scalar(0.0107),
      point(118),
    ])
    const factor = Math.fround(Math.fround(Math.fround(0.0066) * Math.fround(0.00705)) / Math.fround(0.0107))
    const sums = product(a, b, { a: [113], b: [114] })
    expect([...y.data]).toEqual(sums.map((s) => clamp(roundEven(Number(s) * factor) + 118, 'uint8')))
  })
  test('QLinearConv takes a scale for each channel and an int32 bias', async () => {
    const x = tensor('uint8', [1, 1, 1, 2], [10, 20])
    const w = tensor('int8', [2, 1, 1, 1], [3, -4])
    const scalar = (v: number) => tensor('float32', [], [v])
    const y = await only('QLinearConv', 10, [
      x,
      scalar(0.5),
      tensor('uint8', [], [5]),
      w,
      tensor('float32', [2], [0.25, 0.5]),
      tensor('int8', [2], [1, 0]),
      scalar(0.125),
      tensor('int8', [], [-3]),
      tensor('int32', [2], [7, -9]),
    ])
    const sums = [5 * 2 + 7, 15 * 2 + 7, 5 * -4 - 9, 15 * -4 - 9]
    expect([...y.data]).toEqual(sums.map((s, i) => clamp(roundEven(s * (i < 2 ? 1 : 2)) - 3, 'int8')))
  })
})
