/* eslint-disable no-restricted-properties -- expected values within a tolerance; nothing here is committed to */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { halfToNumber, isHalf, numberToHalf } from '../../src/exact/ops/halves.js'
import { Refusal } from '../../src/runtime/runtime.js'
import { runNode, type Given } from './one-node.js'

function of(dtype: DType, dims: readonly number[], values: readonly number[]): Tensor {
  if (isHalf(dtype))
    return tensor(
      dtype,
      dims,
      values.map((v) => numberToHalf(dtype, v)),
    )
  return tensor(dtype, dims, (dtype === 'int64' ? values.map(BigInt) : values) as number[])
}
const numbers = ({ dtype, data }: Tensor) =>
  Array.from(data as ArrayLike<number | bigint>, (v) => (isHalf(dtype) ? halfToNumber(dtype, Number(v)) : Number(v)))
const varied = (dims: readonly number[], seed = 0) =>
  Array.from({ length: sizeOf(dims) }, (_, i) => ((((i + seed) * 37) % 41) - 20) / 8 + 0.0625)
const f32 = (dims: readonly number[], seed = 0) => of('float32', dims, varied(dims, seed))

const coordinates = (dims: readonly number[]): number[][] =>
  dims.reduce<number[][]>((all, dim) => all.flatMap((at) => Array.from({ length: dim }, (_, i) => [...at, i])), [[]])

/** For every element the values at the places that share its coordinates outside of the axes. */
function neighbours(values: readonly number[], dims: readonly number[], axes: readonly number[]): number[][] {
  const found = new Map<string, number[]>()
  const keys = coordinates(dims).map((at) => at.filter((_, axis) => !axes.includes(axis)).join())
  keys.forEach((key, i) => found.set(key, [...(found.get(key) ?? []), values[i]]))
  return keys.map((key) => found.get(key)!)
}

function near(found: Tensor, expected: readonly number[], relative = 3e-6): void {
  const values = numbers(found)
  expect(values.length).toBe(expected.length)
  values.forEach((value, i) =>
    expect(
      value === expected[i] || Math.abs(value - expected[i]) <= relative * (Math.abs(expected[i]) + 1),
      `element ${i}: ${value}, ${expected[i]}`,
    ).toBe(true),
  )
}

const sum = (values: readonly number[]) => values.reduce((a, c) => a + c, 0)
const mean = (values: readonly number[]) => sum(values) / values.length
const variance = (values: readonly number[]) => mean(values.map((v) => (v - mean(values)) ** 2))
const standard = (x: number, group: readonly number[], epsilon = 1e-5) =>
  (x - mean(group)) / Math.sqrt(variance(group) + epsilon)
const softmaxAt = (x: number, group: readonly number[]) => Math.exp(x) / sum(group.map(Math.exp))

describe('Softmax and LogSoftmax', () => {
  const dims = [2, 3, 4]
  const x = f32(dims)
  const after = (axis: number) => dims.map((_, i) => i).filter((i) => i >= axis)
  for (const [op, of_] of [
    ['Softmax', softmaxAt],
    ['LogSoftmax', (v: number, g: readonly number[]) => Math.log(softmaxAt(v, g))],
  ] as const)
    test(`${op} along an axis; before opset 13 over all axes from its own on`, async () => {
      const expected = (axes: readonly number[]) =>
        neighbours(numbers(x), dims, axes).map((group, i) => of_(numbers(x)[i], group))
      for (const axis of [0, 1, -1]) {
        near((await runNode({ op, opset: 13, inputs: [x], attributes: { axis } }))[0], expected([(axis + 3) % 3]))
        near((await runNode({ op, opset: 11, inputs: [x], attributes: { axis } }))[0], expected(after((axis + 3) % 3)))
      }
      near((await runNode({ op, opset: 11, inputs: [x] }))[0], expected([1, 2]))
    })
  test('large numbers and masked places', async () => {
    const line = of('float32', [4], [1e4, -Infinity, 1e4 - 1, -1e30])
    near((await runNode({ op: 'Softmax', opset: 13, inputs: [line] }))[0], [
      1 / (1 + Math.exp(-1)),
      0,
      1 / (1 + Math.E),
      0,
    ])
    await expect(
      runNode({ op: 'Softmax', opset: 13, inputs: [of('float32', [1, 1], [-Infinity])] }),
    ).rejects.toBeInstanceOf(Refusal)
  })
  test('other types round at the end; the rows of a batch do not affect each other', async () => {
    for (const dtype of ['float64', 'float16', 'bfloat16'] as const) {
      const y = of(dtype, dims, varied(dims))
      const expected = neighbours(numbers(y), dims, [2]).map((group, i) => softmaxAt(numbers(y)[i], group))
      near((await runNode({ op: 'Softmax', opset: 13, inputs: [y] }))[0], expected, dtype === 'bfloat16' ? 4e-3 : 5e-4)
    }
    const rows = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 8, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(rows, async (values) => {
        const [both] = await runNode({ op: 'Softmax', opset: 13, inputs: [of('float32', [2, 4], values)] })
        const [one] = await runNode({ op: 'Softmax', opset: 13, inputs: [of('float32', [1, 4], values.slice(4))] })
        expect(numbers(both).slice(4)).toEqual(numbers(one))
      }),
      { numRuns: 5 },
    )
  })
})

describe('normalisations by mean and variance', () => {
  test('LayerNormalization gives its mean and inverse deviation too', async () => {
    const dims = [2, 3, 4]
    const [x, scale, bias] = [f32(dims), f32([3, 4], 7), f32([3, 4], 9)]
    for (const axis of [1, -2]) {
      const [y, m, inverse] = await runNode({
        op: 'LayerNormalization',
        opset: 17,
        inputs: [x, scale, bias],
        outputs: 3,
        attributes: { axis },
      })
      const groups = neighbours(numbers(x), dims, [1, 2])
      near(
        y,
        groups.map((g, i) => standard(numbers(x)[i], g) * numbers(scale)[i % 12] + numbers(bias)[i % 12]),
      )
      expect([m.dims, inverse.dims]).toEqual([
        [2, 1, 1],
        [2, 1, 1],
      ])
      near(m, [mean(groups[0]), mean(groups[12])])
      near(
        inverse,
        [0, 12].map((i) => 1 / Math.sqrt(variance(groups[i]) + 1e-5)),
      )
    }
  })
  test('LayerNormalization far from zero keeps the variance', async () => {
    const x = of('float32', [1, 4], [10000, 10001, 10002, 10003])
    const [y] = await runNode({ op: 'LayerNormalization', opset: 17, inputs: [x, of('float32', [4], [1, 1, 1, 1])] })
    near(
      y,
      numbers(x).map((v) => standard(v, numbers(x))),
      1e-4,
    )
  })
  test('RMSNormalization', async () => {
    const dims = [2, 3, 4]
    const [x, scale] = [f32(dims), f32([4], 3)]
    const [y] = await runNode({
      op: 'RMSNormalization',
      opset: 23,
      inputs: [x, scale],
      attributes: { epsilon: { float: 0.01 } },
    })
    const roots = neighbours(numbers(x), dims, [2]).map((g) => Math.sqrt(mean(g.map((v) => v * v)) + 0.01))
    near(
      y,
      numbers(x).map((v, i) => (v / roots[i]) * numbers(scale)[i % 4]),
    )
  })
  const channel = (dims: readonly number[]) => coordinates(dims).map((at) => at[1])
  test('BatchNormalization in inference and in training', async () => {
    const dims = [3, 2, 2, 2]
    const [x, scale, bias, m] = [f32(dims), f32([2], 1), f32([2], 2), f32([2], 3)]
    const v = of('float32', [2], [0.5, 2])
    const at = channel(dims)
    const value = (t: Tensor, i: number) => numbers(t)[at[i]]
    const plain = numbers(x).map(
      (u, i) => ((u - value(m, i)) / Math.sqrt(value(v, i) + 1e-5)) * value(scale, i) + value(bias, i),
    )
    for (const opset of [7, 9, 14, 15])
      near((await runNode({ op: 'BatchNormalization', opset, inputs: [x, scale, bias, m, v] }))[0], plain)
    const groups = neighbours(numbers(x), dims, [0, 2, 3])
    const [y, nextMean, nextVariance] = await runNode({
      op: 'BatchNormalization',
      opset: 15,
      inputs: [x, scale, bias, m, v],
      outputs: 3,
      attributes: { training_mode: 1, momentum: { float: 0.75 } },
    })
    near(
      y,
      numbers(x).map((u, i) => standard(u, groups[i]) * value(scale, i) + value(bias, i)),
    )
    near(
      nextMean,
      [0, 4].map((i, k) => numbers(m)[k] * 0.75 + mean(groups[i]) * 0.25),
    )
    near(
      nextVariance,
      [0, 4].map((i, k) => numbers(v)[k] * 0.75 + variance(groups[i]) * 0.25),
    )
  })
  test('InstanceNormalization and GroupNormalization, scaled by group and by channel', async () => {
    const dims = [2, 4, 3]
    const [x, scale, bias] = [f32(dims), f32([4], 1), f32([4], 2)]
    const at = channel(dims)
    const instance = neighbours(numbers(x), dims, [2])
    near(
      (await runNode({ op: 'InstanceNormalization', opset: 6, inputs: [x, scale, bias] }))[0],
      numbers(x).map((u, i) => standard(u, instance[i]) * numbers(scale)[at[i]] + numbers(bias)[at[i]]),
    )
    const group = neighbours(numbers(x), [2, 2, 6], [2])
    const node = { op: 'GroupNormalization', attributes: { num_groups: 2 } }
    near(
      (await runNode({ ...node, opset: 21, inputs: [x, scale, bias] }))[0],
      numbers(x).map((u, i) => standard(u, group[i]) * numbers(scale)[at[i]] + numbers(bias)[at[i]]),
    )
    const [s, t] = [f32([2], 5), f32([2], 6)]
    near(
      (await runNode({ ...node, opset: 18, inputs: [x, s, t] }))[0],
      numbers(x).map((u, i) => standard(u, group[i]) * numbers(s)[at[i] >> 1] + numbers(t)[at[i] >> 1]),
    )
  })
  test('MeanVarianceNormalization and LpNormalization, whose norm may be zero', async () => {
    const dims = [2, 3, 2, 2]
    const x = f32(dims)
    const groups = neighbours(numbers(x), dims, [0, 2, 3])
    near(
      (await runNode({ op: 'MeanVarianceNormalization', opset: 13, inputs: [x] }))[0],
      numbers(x).map((u, i) => standard(u, groups[i], 0)),
    )
    const lines = of('float32', [2, 3], [3, 0, -4, 0, 0, 0])
    near((await runNode({ op: 'LpNormalization', opset: 22, inputs: [lines] }))[0], [0.6, 0, -0.8, 0, 0, 0])
    near(
      (await runNode({ op: 'LpNormalization', opset: 22, inputs: [lines], attributes: { p: 1, axis: 0 } }))[0],
      [1, 0, -1, 0, 0, 0],
    )
  })
  test('half types have the statistics of float32', async () => {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const [x, one] = [of(dtype, [2, 8], varied([2, 8])), of(dtype, [8], Array(8).fill(1))]
      const [y, m] = await runNode({ op: 'LayerNormalization', opset: 17, inputs: [x, one], outputs: 2 })
      expect([y.dtype, m.dtype]).toEqual([dtype, 'float32'])
      const groups = neighbours(numbers(x), [2, 8], [1])
      near(
        y,
        numbers(x).map((u, i) => standard(u, groups[i])),
        dtype === 'bfloat16' ? 4e-3 : 5e-4,
      )
    }
  })
})

describe('losses', () => {
  const dims = [3, 4, 2]
  const scores = f32(dims)
  const labels = [1, 0, 3, 2, 2, 1]
  const weights = [0.5, 2, 1, 0.25]
  const logs = neighbours(numbers(scores), dims, [1]).map((group, i) => Math.log(softmaxAt(numbers(scores)[i], group)))
  const each = (label: number, k: number) => -logs[Math.floor(k / 2) * 8 + label * 2 + (k % 2)]
  const target = (values: number[]) => of('int64', [3, 2], values)

  for (const weighted of [false, true])
    for (const ignore of [undefined, 2, -7])
      test(`cross entropy ${weighted ? 'with' : 'without'} weights, ${ignore === undefined ? 'every label counts' : `label ${ignore} is ignored`}`, async () => {
        const given = ignore === -7 ? labels.map((l) => (l === 2 ? -7 : l)) : labels
        const weight = given.map((l) => (l === ignore ? 0 : weighted ? weights[l] : 1))
        const losses = given.map((l, k) => (l === ignore ? 0 : each(l, k) * weight[k]))
        const expected: Record<string, number[]> = {
          none: losses,
          sum: [sum(losses)],
          mean: [sum(losses) / sum(weight)],
        }
        for (const [reduction, values] of Object.entries(expected)) {
          const attributes: Record<string, Given> =
            ignore === undefined ? { reduction } : { reduction, ignore_index: ignore }
          const rest = [target(given), ...(weighted ? [of('float32', [4], weights)] : [])]
          const [loss, log] = await runNode({
            op: 'SoftmaxCrossEntropyLoss',
            opset: 13,
            inputs: [scores, ...rest],
            outputs: 2,
            attributes,
          })
          near(loss, values)
          near(log, logs)
          near(
            (
              await runNode({
                op: 'NegativeLogLikelihoodLoss',
                opset: 13,
                inputs: [of('float32', dims, logs), ...rest],
                attributes,
              })
            )[0],
            values,
          )
        }
      })
  test('scores of rank two, and a label out of range', async () => {
    const [loss] = await runNode({
      op: 'SoftmaxCrossEntropyLoss',
      opset: 13,
      inputs: [of('float32', [1, 2], [0, 0]), of('int64', [1], [1])],
    })
    near(loss, [Math.log(2)])
    for (const bad of [-1, 4])
      await expect(
        runNode({ op: 'NegativeLogLikelihoodLoss', opset: 13, inputs: [scores, target([bad, 0, 0, 0, 0, 0])] }),
      ).rejects.toMatchObject({ reason: 'index-out-of-range' })
  })
})
