import { describe, expect, test } from 'vitest'
import type { Fault } from '../../src/core/faults.js'
import { sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { conform, refusal } from './conform.js'
import { expectNear, filled, indexOf, places, valuesOf } from './naive.js'
import { modelOf, runNode, type Given } from './one-node.js'

interface Windows {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly begin: readonly number[]
  readonly dilations: readonly number[]
  readonly out: readonly number[]
}

/** For every plane and window: the elements inside, and their indices. */
function windowsOf(
  x: Tensor,
  { kernel, strides, begin, dilations, out }: Windows,
): { values: number[]; indices: number[] }[] {
  const spatial = x.dims.slice(2)
  const area = sizeOf(spatial)
  return Array.from({ length: x.dims[0] * x.dims[1] }, (_, plane) =>
    places(out).map((at) => {
      const indices = places(kernel)
        .map((tap) =>
          indexOf(
            tap.map((t, i) => at[i] * strides[i] + t * dilations[i] - begin[i]),
            spatial,
          ),
        )
        .filter((index) => index >= 0)
        .map((index) => plane * area + index)
      return { values: indices.map((index) => Number(x.data[index])), indices }
    }),
  ).flat()
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)

/** Poolings over [2, 3, 7, 6]: attributes, and the windows that they mean. */
const POOLINGS: readonly (readonly [string, Record<string, Given>, Windows])[] = [
  [
    'plain',
    { kernel_shape: [2, 3] },
    { kernel: [2, 3], strides: [1, 1], begin: [0, 0], dilations: [1, 1], out: [6, 4] },
  ],
  [
    'side by side',
    { kernel_shape: [2, 3], strides: [2, 3] },
    { kernel: [2, 3], strides: [2, 3], begin: [0, 0], dilations: [1, 1], out: [3, 2] },
  ],
  [
    'strides and pads',
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 0, 1, 2] },
    { kernel: [3, 3], strides: [2, 2], begin: [1, 0], dilations: [1, 1], out: [4, 3] },
  ],
  [
    'dilations',
    { kernel_shape: [3, 2], dilations: [2, 3] },
    { kernel: [3, 2], strides: [1, 1], begin: [0, 0], dilations: [2, 3], out: [3, 3] },
  ],
  [
    'ceil_mode',
    { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 },
    { kernel: [2, 3], strides: [2, 2], begin: [0, 0], dilations: [1, 1], out: [4, 3] },
  ],
  [
    'ceil_mode without a window that begins in the padding',
    { kernel_shape: [1, 1], strides: [4, 5], pads: [0, 0, 0, 0], ceil_mode: 1 },
    { kernel: [1, 1], strides: [4, 5], begin: [0, 0], dilations: [1, 1], out: [2, 2] },
  ],
  [
    'SAME_UPPER',
    { kernel_shape: [2, 2], auto_pad: 'SAME_UPPER' },
    { kernel: [2, 2], strides: [1, 1], begin: [0, 0], dilations: [1, 1], out: [7, 6] },
  ],
  [
    'SAME_LOWER',
    { kernel_shape: [2, 2], strides: [2, 1], auto_pad: 'SAME_LOWER' },
    { kernel: [2, 2], strides: [2, 1], begin: [1, 1], dilations: [1, 1], out: [4, 6] },
  ],
]

const x = filled([2, 3, 7, 6], 7)

describe('poolings', () => {
  test.each(POOLINGS)('MaxPool is the maximum of its window: %s', async (_, attributes, windows) => {
    const [y, places] = await runNode({ op: 'MaxPool', opset: 12, inputs: [x], attributes, outputs: 2 })
    const expected = windowsOf(x, windows)
    expect(y.dims).toEqual([2, 3, ...windows.out])
    expect(valuesOf(y)).toEqual(expected.map(({ values }) => Math.max(...values)))
    expect(valuesOf(places)).toEqual(
      expected.map(({ values, indices }) => indices[values.indexOf(Math.max(...values))]),
    )
  })

  test.each(POOLINGS)('AveragePool is the mean of its window: %s', async (_, attributes, windows) => {
    const [y] = await runNode({ op: 'AveragePool', opset: 19, inputs: [x], attributes })
    expectNear(
      y,
      windowsOf(x, windows).map(({ values }) => sum(values) / values.length),
      { dims: [2, 3, ...windows.out] },
    )
  })

  test.each(POOLINGS)('LpPool is the norm of its window: %s', async (_, attributes, windows) => {
    for (const p of attributes.kernel_shape === undefined || windows.strides[0] > 1 ? [2] : [1, 3]) {
      const [y] = await runNode({ op: 'LpPool', opset: 18, inputs: [x], attributes: { ...attributes, p } })
      expectNear(
        y,
        windowsOf(x, windows).map(({ values }) => root(sum(values.map((v) => Math.abs(v) ** p)), p)),
        { relative: 2e-6 },
      )
    }
  })

  /** x^(1/p) by Newton's method. */
  function root(v: number, p: number): number {
    let y = Math.max(v, 1e-9)
    for (let i = 0; i < 200; i++) y = ((p - 1) * y + v / y ** (p - 1)) / p
    return y
  }

  test('count_include_pad counts the stated pads, not what ceil_mode adds', async () => {
    const ones = tensor('float32', [1, 1, 4], [1, 1, 1, 1])
    const attributes = { kernel_shape: [3], strides: [2], pads: [1, 0], ceil_mode: 1, count_include_pad: 1 }
    const [y] = await runNode({ op: 'AveragePool', opset: 19, inputs: [ones], attributes })
    expectNear(y, [2 / 3, 1, 1].slice(0, y.data.length))
    expect(y.dims).toEqual([1, 1, 2])
  })

  test('equal maxima are found at the first place; storage_order counts columns', async () => {
    const flat = tensor('float32', [1, 1, 2, 3], [0, 5, 5, 5, 1, 2])
    const places = async (storage_order: number) =>
      valuesOf(
        (
          await runNode({
            op: 'MaxPool',
            opset: 12,
            inputs: [flat],
            attributes: { kernel_shape: [2, 2], storage_order },
            outputs: 2,
          })
        )[1],
      )
    expect(await places(0)).toEqual([1, 1])
    expect(await places(1)).toEqual([2, 2])
  })

  test.each(['int8', 'uint8', 'int32', 'int64', 'float64', 'float16'] as const)(
    'MaxPool of %s keeps the type',
    async (dtype) => {
      const big = dtype === 'int64'
      const data = [3, 1, 2, 7].map((v) => (big ? BigInt(v) : v)) as number[]
      const values = tensor(dtype, [1, 1, 4], dtype === 'float16' ? data.map((v) => 0x4000 + v) : data)
      const [y] = await runNode({
        op: 'MaxPool',
        opset: 12,
        inputs: [values],
        attributes: { kernel_shape: [2], pads: [1, 1] },
      })
      expect(y.dtype).toBe(dtype)
      expect(Array.from(y.data as Iterable<number | bigint>, Number)).toEqual(
        dtype === 'float16' ? [3, 3, 2, 7, 7].map((v) => 0x4000 + v) : [3, 3, 2, 7, 7],
      )
    },
  )

  test('pads as wide as the kernel give -infinity where a window holds nothing', async () => {
    const [y] = await runNode({
      op: 'MaxPool',
      opset: 12,
      inputs: [filled([1, 1, 3])],
      attributes: { kernel_shape: [1], pads: [1, 0] },
    })
    expect(y.data[0]).toBe(-Infinity)
  })

  test('an average over nothing is refused', () => {
    const model = modelOf({
      op: 'AveragePool',
      opset: 19,
      inputs: [filled([1, 1, 3])],
      attributes: { kernel_shape: [1], pads: [1, 0] },
    })
    expect(() => compile(model)).toThrow(expect.objectContaining({ code: 'exact/unsupported-operator' }) as Fault)
  })

  test('a NaN that enters MaxPool refuses the run on every runtime', async () => {
    const pool = { kernel: [2], strides: [1], pads: [0, 0], dilations: [1] }
    const { reason, element } = await refusal(
      (b, [a]) => [b.op('MaxPool', [a], pool)],
      [tensor('float32', [1, 1, 3], [1, 2, NaN])],
    )
    expect([reason, element]).toEqual(['nan', 2])
  })

  test('the exact op MaxPool has one result for edge values', async () => {
    const pool = { kernel: [2], strides: [1], pads: [1, 1], dilations: [1] }
    const edges = tensor('float32', [1, 1, 9], [-0, 0, -0, -0, 1e-45, -1e-45, -Infinity, -Infinity, Infinity])
    await conform((b, [a]) => [b.op('MaxPool', [a], pool)], [edges])
  })

  test('global poolings', async () => {
    const planes = Array.from({ length: 6 }, (_, plane) => valuesOf(x).slice(plane * 42, plane * 42 + 42))
    const run = async (op: string, attributes: Record<string, Given> = {}) =>
      (await runNode({ op, opset: 13, inputs: [x], attributes }))[0]
    expectNear(
      await run('GlobalAveragePool'),
      planes.map((p) => sum(p) / 42),
      { dims: [2, 3, 1, 1] },
    )
    expect(valuesOf(await run('GlobalMaxPool'))).toEqual(planes.map((p) => Math.max(...p)))
    expectNear(
      await run('GlobalLpPool', { p: 2 }),
      planes.map((p) => Math.sqrt(sum(p.map((v) => v * v)))),
    )
  })

  test('MaxUnpool puts every maximum back', async () => {
    const attributes = { kernel_shape: [2, 2], strides: [2, 2] }
    const even = filled([1, 2, 4, 4], 3)
    const [y, indices] = await runNode({ op: 'MaxPool', opset: 12, inputs: [even], attributes, outputs: 2 })
    const [back] = await runNode({ op: 'MaxUnpool', opset: 11, inputs: [y, indices], attributes })
    const expected = new Array<number>(32).fill(0)
    valuesOf(indices).forEach((at, i) => (expected[at] = Number(y.data[i])))
    expect(valuesOf(back)).toEqual(expected)
  })

  test('LRN divides by what its neighbours hold', async () => {
    const small = filled([2, 5, 1, 2], 4)
    const attributes = { size: 3, alpha: { float: 0.5 }, beta: { float: 0.75 }, bias: { float: 2 } }
    const [y] = await runNode({ op: 'LRN', opset: 13, inputs: [small], attributes })
    const expected = places([2, 5, 2]).map(([n, c, p]) => {
      const at = (k: number) => Number(small.data[(n * 5 + k) * 2 + p])
      const squares = sum([c - 1, c, c + 1].filter((k) => k >= 0 && k < 5).map((k) => at(k) ** 2))
      const root = Math.sqrt(2 + (0.5 / 3) * squares)
      return at(c) / (root * Math.sqrt(root))
    })
    expectNear(y, expected)
  })
})
