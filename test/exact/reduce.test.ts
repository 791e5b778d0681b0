/* eslint-disable no-restricted-properties -- expected values within a tolerance; nothing here is committed to */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault, type FaultCode } from '../../src/core/faults.js'
import { sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { halfToNumber, isHalf, numberToHalf } from '../../src/exact/ops/halves.js'
import { Refusal } from '../../src/runtime/runtime.js'
import { modelOf, runNode, type Given, type OneNode } from './one-node.js'

const isBig = (dtype: DType) => dtype === 'int64' || dtype === 'uint64'
function of(dtype: DType, dims: readonly number[], values: readonly number[]): Tensor {
  if (isHalf(dtype))
    return tensor(
      dtype,
      dims,
      values.map((v) => numberToHalf(dtype, v)),
    )
  return tensor(dtype, dims, (isBig(dtype) ? values.map(BigInt) : values) as number[])
}
const ints = (...values: number[]) => of('int64', [values.length], values)
const numbers = ({ dtype, data }: Tensor) =>
  Array.from(data as ArrayLike<number | bigint>, (v) => (isHalf(dtype) ? halfToNumber(dtype, Number(v)) : Number(v)))

/** Numbers of both signs that are short enough for every float type. */
const varied = (dims: readonly number[], seed = 0) =>
  Array.from({ length: sizeOf(dims) }, (_, i) => ((((i + seed) * 37) % 41) - 20) / 8 + 0.0625)
const DIMS = [3, 4, 5]
const X = of('float32', DIMS, varied(DIMS))

const coordinates = (dims: readonly number[]): number[][] =>
  dims.reduce<number[][]>((all, dim) => all.flatMap((at) => Array.from({ length: dim }, (_, i) => [...at, i])), [[]])

/** The elements that are reduced together, in row-major order of what is left. */
function groups(values: readonly number[], dims: readonly number[], axes: readonly number[]): number[][] {
  const found = new Map<string, number[]>()
  coordinates(dims).forEach((at, i) => {
    const key = at.filter((_, axis) => !axes.includes(axis)).join()
    found.set(key, [...(found.get(key) ?? []), values[i]])
  })
  return [...found.values()]
}

function near(found: Tensor, expected: readonly number[], relative = 2e-6): void {
  const values = numbers(found)
  expect(values.length).toBe(expected.length)
  values.forEach((value, i) =>
    expect(
      value === expected[i] || Math.abs(value - expected[i]) <= relative * Math.abs(expected[i]) + 1e-7,
      `element ${i}: ${value}, ${expected[i]}`,
    ).toBe(true),
  )
}

function faultOf(node: OneNode): FaultCode | 'compiles' {
  const inputs = node.inputs.flatMap((input, i) =>
    input !== undefined && 'dtype' in input ? [[`i${i}`, input] as const] : [],
  )
  try {
    compile(modelOf(node), { inputs: Object.fromEntries(inputs) })
  } catch (error) {
    if (Fault.is(error)) return error.code
    throw error
  }
  return 'compiles'
}

const total = (values: readonly number[]) => values.reduce((a, c) => a + c, 0)
const FORMULAS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  ReduceSum: total,
  ReduceMean: (v) => total(v) / v.length,
  ReduceMax: (v) => Math.max(...v),
  ReduceMin: (v) => Math.min(...v),
  ReduceProd: (v) => v.reduce((a, c) => a * c, 1),
  ReduceL1: (v) => total(v.map(Math.abs)),
  ReduceL2: (v) => Math.sqrt(total(v.map((x) => x * x))),
  ReduceSumSquare: (v) => total(v.map((x) => x * x)),
  ReduceLogSumExp: (v) => Math.log(total(v.map(Math.exp))),
}

describe('reductions agree with their formulas', () => {
  for (const [op, formula] of Object.entries(FORMULAS))
    test(`${op} by attribute and by operand, kept and dropped axes`, async () => {
      for (const axes of [[1], [-1], [2, 0], [0, 1, 2]]) {
        const named = axes.map((axis) => (axis + 3) % 3)
        const expected = groups(numbers(X), DIMS, named).map(formula)
        const [kept] = await runNode({ op, opset: 18, inputs: [X, ints(...axes)] })
        expect(kept.dims).toEqual(DIMS.map((dim, i) => (named.includes(i) ? 1 : dim)))
        near(kept, expected)
        const [dropped] = await runNode({ op, opset: 11, inputs: [X], attributes: { axes, keepdims: 0 } })
        expect(dropped.dims).toEqual(DIMS.filter((_, i) => !named.includes(i)))
        near(dropped, expected)
      }
    })
  test('ReduceLogSum of positive numbers', async () => {
    const x = of('float32', [2, 3], [1, 2, 3, 0.5, 0.25, 9])
    near((await runNode({ op: 'ReduceLogSum', opset: 18, inputs: [x, ints(1)] }))[0], [Math.log(6), Math.log(9.75)])
  })
  test('no axes mean all of them, or none where the node says so', async () => {
    for (const [op, formula] of Object.entries(FORMULAS)) {
      near((await runNode({ op, opset: 18, inputs: [X] }))[0], [formula(numbers(X))], 4e-6)
      const [same] = await runNode({ op, opset: 18, inputs: [X, ints()], attributes: { noop_with_empty_axes: 1 } })
      expect(same.dims).toEqual(DIMS)
      near(
        same,
        numbers(X).map((v) => formula([v])),
      )
    }
  })
  test('empty sets have their neutral element', async () => {
    const empty = (dtype: DType) => of(dtype, [2, 0], [])
    const found = async (op: string, dtype: DType) =>
      numbers((await runNode({ op, opset: 20, inputs: [empty(dtype), ints(1)] }))[0])
    const same = (value: number) => [value, value]
    for (const op of ['ReduceSum', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare'])
      expect(await found(op, 'float32')).toEqual([0, 0])
    expect(await found('ReduceProd', 'float32')).toEqual([1, 1])
    expect(await found('ReduceMax', 'float32')).toEqual(same(-Infinity))
    expect(await found('ReduceMin', 'float32')).toEqual(same(Infinity))
    expect(await found('ReduceLogSumExp', 'float32')).toEqual(same(-Infinity))
    expect(await found('ReduceMax', 'int32')).toEqual(same(-2147483648))
    expect(await found('ReduceMin', 'uint8')).toEqual(same(255))
    expect(await found('ReduceMax', 'bool')).toEqual([0, 0])
    expect(await found('ReduceMin', 'bool')).toEqual([1, 1])
  })
  test('every type: integers wrap, booleans order, halves are rounded once', async () => {
    const values = [3, 1, 2, 0, 5, 4]
    for (const dtype of [
      'int8',
      'uint8',
      'int16',
      'uint16',
      'int32',
      'uint32',
      'int64',
      'uint64',
      'float16',
      'bfloat16',
      'float64',
    ] as const)
      for (const op of ['ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1'])
        if (op !== 'ReduceL1' || !/int(8|16)/.test(dtype)) {
          const [out] = await runNode({ op, opset: 20, inputs: [of(dtype, [2, 3], values), ints(1)] })
          expect([op, dtype, numbers(out)]).toEqual([op, dtype, groups(values, [2, 3], [1]).map(FORMULAS[op])])
        }
    const [wrapped] = await runNode({ op: 'ReduceSum', opset: 13, inputs: [of('int32', [3], [2147483647, 1, 1])] })
    expect(numbers(wrapped)).toEqual([-2147483647])
    const [mean] = await runNode({ op: 'ReduceMean', opset: 18, inputs: [of('int32', [2], [-4, -3])] })
    expect(numbers(mean)).toEqual([-3])
    const [truth] = await runNode({ op: 'ReduceMax', opset: 20, inputs: [of('bool', [2, 2], [0, 1, 0, 0]), ints(1)] })
    expect([truth.dtype, numbers(truth)]).toEqual(['bool', [1, 0]])
    for (const op of ['ReduceL2', 'ReduceLogSum'])
      expect(faultOf({ op, opset: 18, inputs: [of('int32', [2], [1, 2])] })).toBe('exact/unsupported-operator')
  })
  test('exponentials stay in range', async () => {
    const found = async (values: number[]) =>
      numbers(
        (await runNode({ op: 'ReduceLogSumExp', opset: 18, inputs: [of('float32', [values.length], values)] }))[0],
      )
    expect((await found([1000, 1000]))[0]).toBeCloseTo(1000 + Math.log(2), 3)
    expect(await found([-Infinity, 5])).toEqual([5])
    expect(await found([-Infinity, -Infinity])).toEqual([-Infinity])
    await expect(found([Infinity, 1])).rejects.toBeInstanceOf(Refusal)
  })
})

describe('places', () => {
  test('ArgMax and ArgMin name the first or the last extremum', async () => {
    const lines = [
      [3, 9, 9, 1],
      [2, 2, 0, 0],
      [5, 5, 5, 5],
    ]
    for (const [op, pick] of [
      ['ArgMax', Math.max],
      ['ArgMin', Math.min],
    ] as const)
      for (const dtype of ['float32', 'float64', 'float16', 'int8', 'uint8', 'int64', 'uint64'] as const) {
        const x = of(dtype, [3, 4], lines.flat())
        const [first] = await runNode({ op, opset: 13, inputs: [x], attributes: { axis: -1 } })
        expect([first.dims, numbers(first)]).toEqual([[3, 1], lines.map((line) => line.indexOf(pick(...line)))])
        const [last] = await runNode({
          op,
          opset: 13,
          inputs: [x],
          attributes: { axis: 1, select_last_index: 1, keepdims: 0 },
        })
        expect([last.dims, numbers(last)]).toEqual([[3], lines.map((line) => line.lastIndexOf(pick(...line)))])
      }
  })
  test('TopK gives values and places, by attribute and by operand', async () => {
    const x = of('float32', [2, 4], [1, 4, 4, 2, -0, 0, -3, 7])
    const [values, places] = await runNode({ op: 'TopK', opset: 11, inputs: [x, ints(3)], outputs: 2 })
    expect([numbers(values), numbers(places)]).toEqual([
      [4, 4, 2, 7, -0, 0],
      [1, 2, 3, 3, 0, 1],
    ])
    const [smallest] = await runNode({
      op: 'TopK',
      opset: 11,
      inputs: [x, ints(1)],
      attributes: { axis: 0, largest: 0 },
    })
    expect([smallest.dims, numbers(smallest)]).toEqual([
      [1, 4],
      [-0, 0, -3, 2],
    ])
    const [old] = await runNode({ op: 'TopK', opset: 7, inputs: [x], attributes: { k: 1 } })
    expect(numbers(old)).toEqual([4, 7])
    expect(faultOf({ op: 'TopK', opset: 11, inputs: [x, ints(5)], outputs: 2 })).toBe('exact/shape-mismatch')
  })
  test('Hardmax marks the first maximum; before opset 13 over all axes from its own on', async () => {
    const x = of('float32', [2, 2, 2], [1, 1, 0, 3, 5, 5, 5, 5])
    const hardmax = async (opset: number, attributes: Record<string, Given>) =>
      numbers((await runNode({ op: 'Hardmax', opset, inputs: [x], attributes }))[0])
    expect(await hardmax(13, {})).toEqual([1, 0, 0, 1, 1, 0, 1, 0])
    expect(await hardmax(13, { axis: 0 })).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
    expect(await hardmax(11, {})).toEqual([0, 0, 0, 1, 1, 0, 0, 0])
    expect(await hardmax(11, { axis: -1 })).toEqual([1, 0, 0, 1, 1, 0, 1, 0])
  })
  test('a NaN refuses the run', async () => {
    for (const [op, opset] of [
      ['ReduceMax', 20],
      ['ArgMin', 13],
      ['Softmax', 13],
    ] as const)
      await expect(runNode({ op, opset, inputs: [of('float32', [2], [1, NaN])] })).rejects.toBeInstanceOf(Refusal)
  })
})

describe('running sums and products', () => {
  const OPS = {
    CumSum: { opset: 14, first: 0, f: (a: number, c: number) => a + c },
    CumProd: { opset: 26, first: 1, f: (a: number, c: number) => a * c },
  }
  for (const [op, { opset, first, f }] of Object.entries(OPS))
    test(`${op} forwards and backwards, with and without the element itself`, async () => {
      const dims = [2, 3, 4]
      const values = varied(dims).map((v) => Math.round(v))
      for (const axis of [0, 1, -1])
        for (const exclusive of [0, 1])
          for (const reverse of [0, 1]) {
            const along = (axis + 3) % 3
            const expected = coordinates(dims).map((at) => {
              const line = Array.from(
                { length: dims[along] },
                (_, i) => values[at.reduce((index, p, k) => index * dims[k] + (k === along ? i : p), 0)],
              )
              const k = at[along]
              const taken = reverse === 1 ? line.slice(k + exclusive) : line.slice(0, k + 1 - exclusive)
              return taken.reduce(f, first)
            })
            const node = {
              op,
              opset,
              inputs: [of('float32', dims, values), of('int64', [], [axis])],
              attributes: { exclusive, reverse },
            }
            expect(numbers((await runNode(node))[0]).map((v) => v + 0)).toEqual(expected.map((v) => v + 0))
          }
    })
  test('sums of any order of summands have the same bits', async () => {
    const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 2, maxLength: 50 })
    await fc.assert(
      fc.asyncProperty(values, async (line) => {
        const sum = async (list: number[]) =>
          (await runNode({ op: 'ReduceSum', opset: 13, inputs: [of('float32', [list.length], list)] }))[0].data
        expect(await sum([...line].reverse())).toEqual(await sum(line))
      }),
      { numRuns: 10 },
    )
  })
})
