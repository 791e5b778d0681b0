import { describe, expect, test } from 'vitest'
import { DTYPES, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { runNode, type Given } from './one-node.js'

const a = tensor('float32', [2, 1], [1, NaN])
const b = tensor('float32', [1, 3], [0, 1, 2])
const cells = [1, NaN].flatMap((x) => [0, 1, 2].map((y) => [x, y]))
const bools = (condition: (x: number, y: number) => boolean) => cells.map(([x, y]) => (condition(x, y) ? 1 : 0))

const only = async (op: string, opset: number, inputs: readonly Tensor[], attributes?: Record<string, Given>) =>
  [...(await runNode({ op, opset, inputs, attributes }))[0].data] as number[]

describe('comparisons broadcast and are false beside a NaN', () => {
  const table: [string, number, (x: number, y: number) => boolean][] = [
    ['Equal', 11, (x, y) => x === y],
    ['Less', 9, (x, y) => x < y],
    ['Greater', 9, (x, y) => x > y],
    ['LessOrEqual', 16, (x, y) => x <= y],
    ['GreaterOrEqual', 16, (x, y) => x >= y],
  ]
  for (const [op, opset, condition] of table)
    test(op, async () => {
      expect(await only(op, opset, [a, b])).toEqual(bools(condition))
    })
  test('of the largest unsigned integers order them as numbers', async () => {
    const big = tensor('uint64', [3], [0n, 2n ** 63n, 2n ** 64n - 1n])
    expect(await only('Less', 13, [big, tensor('uint64', [1], [2n ** 63n])])).toEqual([1, 0, 0])
    expect(await only('GreaterOrEqual', 16, [big, tensor('uint64', [1], [2n ** 63n])])).toEqual([0, 1, 1])
  })
})

test('And, Or, Xor and Not follow their truth tables', async () => {
  const [x, y] = [tensor('bool', [4], [0, 0, 1, 1]), tensor('bool', [4], [0, 1, 0, 1])]
  expect(await only('And', 7, [x, y])).toEqual([0, 0, 0, 1])
  expect(await only('Or', 7, [x, y])).toEqual([0, 1, 1, 1])
  expect(await only('Xor', 7, [x, y])).toEqual([0, 1, 1, 0])
  expect(await only('Not', 7, [x])).toEqual([1, 1, 0, 0])
})

test('IsNaN and IsInf tell what they are asked', async () => {
  const x = tensor('float32', [5], [-Infinity, -1, NaN, 0, Infinity])
  const of = (attributes?: Record<string, Given>) => only('IsInf', 20, [x], attributes)
  expect(await only('IsNaN', 13, [x])).toEqual([0, 0, 1, 0, 0])
  expect(await of()).toEqual([1, 0, 0, 0, 1])
  expect(await of({ detect_negative: 0 })).toEqual([0, 0, 0, 0, 1])
  expect(await of({ detect_positive: 0 })).toEqual([1, 0, 0, 0, 0])
  expect(await of({ detect_positive: 0, detect_negative: 0 })).toEqual([0, 0, 0, 0, 0])
})

test('Where selects between broadcast operands', async () => {
  const condition = tensor('bool', [2, 1], [1, 0])
  const [x, y] = [tensor('int64', [3], [1n, 2n, 3n]), tensor('int64', [], [-1n])]
  expect(await only('Where', 16, [condition, x, y])).toEqual([1n, 2n, 3n, -1n, -1n, -1n])
})

test('bit operators work on every integer type', async () => {
  for (const dtype of ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as DType[]) {
    const { bytes, kind } = DTYPES[dtype]
    const wrap = (v: bigint) => (kind === 'signed' ? BigInt.asIntN(8 * bytes, v) : BigInt.asUintN(8 * bytes, v))
    const of = (values: bigint[]) =>
      tensor(dtype, [values.length], (bytes === 8 ? values.map(wrap) : values.map((v) => Number(wrap(v)))) as number[])
    const [x, y] = [
      [0n, -1n, 0x5an, 1n],
      [7n, 0x33n, -2n, 1n],
    ]
    const found = async (op: string, inputs: Tensor[]) => (await only(op, 18, inputs)).map(BigInt)
    expect(await found('BitwiseAnd', [of(x), of(y)])).toEqual(x.map((v, i) => wrap(v & y[i])))
    expect(await found('BitwiseOr', [of(x), of(y)])).toEqual(x.map((v, i) => wrap(v | y[i])))
    expect(await found('BitwiseXor', [of(x), of(y)])).toEqual(x.map((v, i) => wrap(v ^ y[i])))
    expect(await found('BitwiseNot', [of(x)])).toEqual(x.map((v) => wrap(~v)))
  }
  const [x, y] = [tensor('uint8', [3], [1, 200, 255]), tensor('uint8', [3], [7, 1, 9])]
  expect(await only('BitShift', 11, [x, y], { direction: 'LEFT' })).toEqual([128, 144, 0])
  expect(await only('BitShift', 11, [x, y], { direction: 'RIGHT' })).toEqual([0, 100, 0])
})

test('Cast, CastLike and BitCast name their target by attribute or by operand', async () => {
  const x = tensor('float32', [3], [-1.5, 2.5, 300])
  expect(await only('Cast', 13, [x], { to: DTYPES.uint8.code })).toEqual([0, 2, 255])
  expect(await only('CastLike', 19, [x, tensor('int16', [1], [0])])).toEqual([-1, 2, 300])
  expect(await only('BitCast', 26, [tensor('float32', [1], [1])], { to: DTYPES.int32.code })).toEqual([0x3f800000])
})
