import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault } from '../../src/core/faults.js'
import { equalBits, sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { conform } from './conform.js'
import { expectNear, filled, indexOf, numbers, places, valuesOf } from './naive.js'
import { modelOf, runNode, type Given } from './one-node.js'

interface Windows {
  readonly strides: readonly number[]
  readonly pads: readonly number[]
  readonly dilations: readonly number[]
  readonly group: number
}

/** Convolution by its formula, in binary64. */
function naiveConv(
  x: Tensor,
  w: Tensor,
  { strides, pads, dilations, group }: Windows,
): { dims: number[]; values: number[] } {
  const [batch, , ...spatial] = x.dims
  const [outs, channels, ...kernel] = w.dims
  const rank = kernel.length
  const out = spatial.map(
    (size, i) => Math.floor((size + pads[i] + pads[rank + i] - dilations[i] * (kernel[i] - 1) - 1) / strides[i]) + 1,
  )
  const [area, taps] = [sizeOf(spatial), places(kernel)]
  const values: number[] = []
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outs; o++)
      for (const at of places(out)) {
        let sum = 0
        for (let c = 0; c < channels; c++)
          taps.forEach((tap, t) => {
            const from = (n * x.dims[1] + Math.floor(o / (outs / group)) * channels + c) * area
            const place = indexOf(
              at.map((v, i) => v * strides[i] + tap[i] * dilations[i] - pads[i]),
              spatial,
            )
            if (place >= 0) sum += Number(x.data[from + place]) * Number(w.data[(o * channels + c) * taps.length + t])
          })
        values.push(sum)
      }
  return { dims: [batch, outs, ...out], values }
}

const plain = (rank: number): Windows => ({
  strides: new Array<number>(rank).fill(1),
  pads: new Array<number>(2 * rank).fill(0),
  dilations: new Array<number>(rank).fill(1),
  group: 1,
})

/** Shapes that a convolution may meet: name, input, weights, windows. */
const CONVOLUTIONS: readonly (readonly [string, readonly number[], readonly number[], Partial<Windows>])[] = [
  ['one dimension', [2, 3, 9], [4, 3, 3], { pads: [1, 2], strides: [2] }],
  ['two dimensions', [2, 3, 6, 5], [4, 3, 3, 2], { pads: [1, 0, 2, 1] }],
  ['three dimensions', [1, 2, 4, 5, 3], [3, 2, 2, 3, 2], { pads: [1, 1, 0, 0, 1, 1], dilations: [2, 1, 1] }],
  ['one output place', [1, 2, 3, 3], [2, 2, 3, 3], {}],
  ['a kernel of one tap', [2, 5, 4, 4], [3, 5, 1, 1], {}],
  ['groups', [2, 6, 5, 5], [4, 3, 3, 3], { group: 2, pads: [1, 1, 1, 1] }],
  ['a group for every channel', [1, 4, 5, 5], [8, 1, 3, 3], { group: 4, dilations: [2, 2] }],
  ['several blocks of channels', [1, 130, 4, 4], [2, 130, 3, 3], { pads: [1, 1, 1, 1] }],
  ['a kernel of more than 512 taps', [1, 2, 25, 26], [2, 2, 24, 25], {}],
  ['a kernel of more than 512 taps in groups', [1, 2, 601], [2, 1, 600], { group: 2 }],
  ['strides that skip elements', [1, 2, 9, 9], [2, 2, 2, 2], { strides: [4, 3] }],
]

describe('the exact op Conv', () => {
  test.each(CONVOLUTIONS)('has one result on every runtime: %s', async (_, xDims, wDims, given) => {
    const windows = { ...plain(xDims.length - 2), ...given }
    const [x, w] = [filled(xDims, 1), filled(wDims, 2)]
    const { group, ...rest } = windows
    const [y] = await conform((b, [a, c]) => [b.op('Conv', [a, c], { group, ...rest })], [x, w])
    const { dims, values } = naiveConv(x, w, windows)
    expectNear(y, values, { dims })
  })

  test('edge values have one result on every runtime', async () => {
    const odd = [0, -0, 1e-45, -1e-40, 3e38, -1, Infinity, NaN, 2 ** 104 - 2 ** 80]
    for (const value of [...odd, 2 ** 103, 2 ** 104, -Infinity]) {
      const x = tensor('float32', [1, 2, 3, 3], [value, ...numbers(17, 5)])
      await conform((b, [a, c]) => [b.op('Conv', [a, c], plainConv(2))], [x, filled([2, 2, 2, 2], 3)])
      await conform(
        (b, [a, c]) => [b.op('Conv', [c, a], plainConv(2))],
        [tensor('float32', [2, 2, 2, 2], [value, ...numbers(15, 5)]), filled([1, 2, 3, 3], 3)],
      )
    }
  })

  test('weights that are NaN are so in windows that see padding alone, on every runtime', async () => {
    const weights = (dims: readonly number[]) => {
      const w = filled(dims, 3)
      return { ...w, data: (w.data as Float32Array).map((x, i) => (i === 0 ? NaN : x)) } as Tensor
    }
    // The second shape is one whose taps stand with the output channels, the third has a kernel of several pieces.
    const shapes: readonly (readonly [number[], number[], number[]])[] = [
      [
        [1, 2, 3],
        [2, 2, 2],
        [4, 4],
      ],
      [
        [1, 40, 3, 3],
        [1, 40, 3, 3],
        [4, 4, 4, 4],
      ],
      [
        [1, 1, 8],
        [2, 1, 600],
        [620, 620],
      ],
    ]
    for (const [xDims, wDims, pads] of shapes) {
      const { group, ...rest } = { ...plain(xDims.length - 2), pads }
      const [y] = await conform(
        (b, [a, c]) => [b.op('Conv', [a, c], { group, ...rest })],
        [filled(xDims, 1), weights(wDims)],
      )
      const own = valuesOf(y).slice(0, sizeOf(y.dims) / wDims[0])
      expect(own.every(Number.isNaN)).toBe(true)
    }
  })

  test('binary64 operands and those without elements have one result on every runtime', async () => {
    await conform(
      (b, [a, c]) => [b.op('Conv', [a, c], plainConv(2))],
      [filled([1, 3, 4, 4], 1, 'float64'), filled([2, 3, 3, 3], 2, 'float64')],
    )
    const empty = (dims: readonly number[]) => tensor('float32', dims, [])
    const [none] = await conform(
      (b, [a, c]) => [b.op('Conv', [a, c], plainConv(1))],
      [empty([0, 2, 4]), filled([3, 2, 2], 1)],
    )
    expect(none.dims).toEqual([0, 3, 3])
    const [zeros] = await conform(
      (b, [a, c]) => [b.op('Conv', [a, c], plainConv(1))],
      [empty([1, 0, 4]), empty([3, 0, 2])],
    )
    expect(valuesOf(zeros)).toEqual(new Array(9).fill(0))
  })

  test('samples of a batch do not affect each other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1000 }), async (seed) => {
        const [x, w] = [filled([2, 3, 5, 5], seed), filled([4, 3, 3, 3], seed + 1)]
        const alone = { ...x, dims: [1, 3, 5, 5], data: x.data.slice(0, 75) } as Tensor
        const run = (value: Tensor) => conform((b, [a, c]) => [b.op('Conv', [a, c], plainConv(2))], [value, w])
        const [[both], [first]] = [await run(x), await run(alone)]
        expect(equalBits(first, { ...first, data: both.data.slice(0, first.data.length) } as Tensor)).toBe(true)
      }),
      { numRuns: 3 },
    )
  })
})

const plainConv = (rank: number) => {
  const { group, ...rest } = plain(rank)
  return { group, ...rest }
}

describe('the exact op MatMul', () => {
  test.each([
    ['a row', [1, 7], [7, 3]],
    ['several blocks', [3, 1300], [1300, 2]],
    ['a batch that broadcasts', [2, 1, 3, 4], [5, 4, 2]],
    ['nothing to sum', [2, 0], [0, 3]],
  ])('has one result on every runtime: %s', async (_, a, c) => {
    await conform((b, [x, y]) => [b.matmul(x, y)], [filled(a, 1), filled(c, 2)])
  })

  test('the order within a block does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...Array(40).keys()], { minLength: 40, maxLength: 40 }), async (order) => {
        const [a, c] = [numbers(40, 3), numbers(40, 4)]
        const product = (at: readonly number[]) =>
          conform(
            (b, [x, y]) => [b.matmul(x, y)],
            [
              tensor(
                'float32',
                [1, 40],
                at.map((i) => a[i]),
              ),
              tensor(
                'float32',
                [40, 1],
                at.map((i) => c[i]),
              ),
            ],
          )
        const [[shuffled], [sorted]] = [await product(order), await product([...Array(40).keys()])]
        expect(equalBits(shuffled, sorted)).toBe(true)
      }),
      { numRuns: 3 },
    )
  })
})

describe('operators', () => {
  test('MatMul promotes vectors', async () => {
    const [v, m] = [filled([4], 1), filled([3, 4, 2], 2)]
    const [y] = await runNode({ op: 'MatMul', opset: 13, inputs: [v, m] })
    const expected = places([3, 2]).map(([i, j]) =>
      [0, 1, 2, 3].reduce((s, k) => s + Number(v.data[k]) * Number(m.data[i * 8 + k * 2 + j]), 0),
    )
    expectNear(y, expected, { dims: [3, 2] })
    const [dot] = await runNode({ op: 'MatMul', opset: 13, inputs: [v, v] })
    expect(dot.dims).toEqual([])
  })

  test('integer MatMul wraps', async () => {
    const big = tensor('int32', [1, 2], [2 ** 31 - 1, 65536])
    const [y] = await runNode({ op: 'MatMul', opset: 13, inputs: [big, tensor('int32', [2, 1], [2, 65536])] })
    expect(valuesOf(y)).toEqual([-2])
    const wide = tensor('uint64', [1, 1], [2n ** 63n])
    const [z] = await runNode({ op: 'MatMul', opset: 13, inputs: [wide, tensor('uint64', [1, 1], [2n])] })
    expect(z.data[0]).toBe(0n)
  })

  test('Gemm scales, transposes and adds', async () => {
    const [a, c, bias] = [filled([3, 2], 1), filled([4, 3], 2), filled([4], 3)]
    const attributes = { alpha: { float: 0.5 }, beta: { float: 2 }, transA: 1, transB: 1 }
    const [y] = await runNode({ op: 'Gemm', opset: 13, inputs: [a, c, bias], attributes })
    const expected = places([2, 4]).map(
      ([i, j]) =>
        0.5 * [0, 1, 2].reduce((s, k) => s + Number(a.data[k * 2 + i]) * Number(c.data[j * 3 + k]), 0) +
        2 * Number(bias.data[j]),
    )
    expectNear(y, expected, { dims: [2, 4] })
  })

  test.each([
    ['SAME_UPPER', [0, 1]],
    ['SAME_LOWER', [1, 0]],
    ['VALID', [0, 0]],
  ])('Conv pads by auto_pad %s', async (auto, [before, after]) => {
    const [x, w] = [filled([1, 1, 6], 1), filled([1, 1, 2], 2)]
    const [y] = await runNode({ op: 'Conv', opset: 11, inputs: [x, w], attributes: { auto_pad: auto } })
    expectNear(y, naiveConv(x, w, { ...plain(1), pads: [before, after] }).values)
  })

  test('Conv of halves is rounded to them', async () => {
    const half = (dims: number[], seed: number) =>
      ({
        ...filled(dims, seed),
        dtype: 'float16',
        data: Uint16Array.from(numbers(sizeOf(dims), seed), (v) => (v < 0 ? 0xb800 : 0x3400)),
      }) as Tensor
    const [y] = await runNode({ op: 'Conv', opset: 11, inputs: [half([1, 2, 4], 1), half([1, 2, 2], 2), half([1], 3)] })
    expect(y.dtype).toBe('float16')
  })

  /** Transposed convolution by scattering, in binary64. */
  function naiveTransposed(
    x: Tensor,
    w: Tensor,
    {
      strides,
      dilations,
      group,
      crop,
      out,
    }: { strides: number[]; dilations: number[]; group: number; crop: number[]; out: number[] },
  ) {
    const [batch, channels, ...spatial] = x.dims
    const [, outs, ...kernel] = w.dims
    const values = new Array<number>(batch * group * outs * sizeOf(out)).fill(0)
    for (let n = 0; n < batch; n++)
      for (let c = 0; c < channels; c++)
        for (let o = 0; o < outs; o++)
          places(spatial).forEach((at, p) =>
            places(kernel).forEach((tap, t) => {
              const to = indexOf(
                at.map((v, i) => v * strides[i] + tap[i] * dilations[i] - crop[i]),
                out,
              )
              const channel = Math.floor(c / (channels / group)) * outs + o
              if (to >= 0)
                values[(n * group * outs + channel) * sizeOf(out) + to] +=
                  Number(x.data[(n * channels + c) * sizeOf(spatial) + p]) *
                  Number(w.data[(c * outs + o) * sizeOf(kernel) + t])
            }),
          )
    return values
  }

  test.each<
    [
      string,
      Record<string, Given>,
      { strides: number[]; dilations: number[]; group: number; crop: number[]; out: number[] },
    ]
  >([
    [
      'strides and pads',
      { strides: [2, 3], pads: [1, 0, 0, 2] },
      { strides: [2, 3], dilations: [1, 1], group: 1, crop: [1, 0], out: [6, 10] },
    ],
    [
      'pads beyond the kernel',
      { pads: [3, 0, 0, 0] },
      { strides: [1, 1], dilations: [1, 1], group: 1, crop: [3, 0], out: [2, 6] },
    ],
    [
      'groups and dilations',
      { group: 2, dilations: [2, 1] },
      { strides: [1, 1], dilations: [2, 1], group: 2, crop: [0, 0], out: [7, 6] },
    ],
    [
      'output_padding',
      { strides: [2, 2], output_padding: [1, 0] },
      { strides: [2, 2], dilations: [1, 1], group: 1, crop: [0, 0], out: [8, 9] },
    ],
    [
      'auto_pad',
      { strides: [2, 2], auto_pad: 'SAME_UPPER' },
      { strides: [2, 2], dilations: [1, 1], group: 1, crop: [0, 0], out: [6, 8] },
    ],
    [
      'output_shape',
      { strides: [2, 2], output_shape: [5, 7] },
      { strides: [2, 2], dilations: [1, 1], group: 1, crop: [1, 1], out: [5, 7] },
    ],
  ])('ConvTranspose scatters: %s', async (_, attributes, options) => {
    const x = filled([2, 4, 3, 4], 1)
    const w = filled([4, 3, 3, 3], 2)
    const [y] = await runNode({ op: 'ConvTranspose', opset: 11, inputs: [x, w], attributes })
    expectNear(y, naiveTransposed(x, w, options), { dims: [2, 3 * options.group, ...options.out] })
  })

  test('Col2Im adds overlapping blocks', async () => {
    const x = filled([1, 4, 4], 1)
    const shape = (values: number[]) => ({ constant: tensor('int64', [values.length], values.map(BigInt)) })
    const [y] = await runNode({ op: 'Col2Im', opset: 18, inputs: [x, shape([3, 3]), shape([2, 2])] })
    const expected = new Array<number>(9).fill(0)
    places([2, 2]).forEach(([i, j], t) =>
      places([2, 2]).forEach(([r, c], l) => (expected[(r + i) * 3 + c + j] += Number(x.data[t * 4 + l]))),
    )
    expectNear(y, expected, { dims: [1, 1, 3, 3] })
  })

  test.each([
    [
      'ab,bc->ac',
      [
        [3, 4],
        [4, 2],
      ],
      [3, 2],
    ],
    [
      'ij,jk',
      [
        [3, 4],
        [4, 5],
      ],
      [3, 5],
    ],
    ['ii->i', [[4, 4]], [4]],
    ['ij->', [[4, 3]], []],
    [
      '...ij,jk->...ik',
      [
        [2, 3, 4],
        [4, 5],
      ],
      [2, 3, 5],
    ],
    ['i,j->ij', [[3], [4]], [3, 4]],
    [
      'abc,cd,de->ae',
      [
        [2, 3, 4],
        [4, 2],
        [2, 3],
      ],
      [2, 3],
    ],
    [
      'bhqd,bhkd->bhqk',
      [
        [1, 2, 3, 4],
        [1, 2, 5, 4],
      ],
      [1, 2, 3, 5],
    ],
    [
      'b n, k b -> n k',
      [
        [2, 3],
        [4, 2],
      ],
      [3, 4],
    ],
  ])('Einsum %s', async (equation, shapes, dims) => {
    const inputs = shapes.map((shape, i) => filled(shape, i + 1))
    const [y] = await runNode({ op: 'Einsum', opset: 12, inputs, attributes: { equation } })
    expectNear(y, naiveEinsum(equation.replaceAll(' ', ''), inputs, dims), { dims })
  })

  test('Det follows the pivots: products of a triangle, rows exchanged, singular matrices', async () => {
    const det = async (dims: number[], values: number[]) =>
      valuesOf((await runNode({ op: 'Det', opset: 11, inputs: [tensor('float32', dims, values)] }))[0])
    expect(await det([2, 2], [0, 1, 2, 3])).toEqual([-2])
    expect(await det([2, 2, 2], [1, 2, 3, 4, 0, 0, 0, 5])).toEqual([-2, 0].map((v) => expect.closeTo(v, 5)) as number[])
    expect(await det([3, 3], [2, 0, 0, 0, 0, 3, 0, 5, 7])).toEqual([-30])
    expect(await det([1, 1], [7])).toEqual([7])
    expect((await det([4, 4], [4, 1, 2, 3, 1, 5, 0, 2, 2, 0, 6, 1, 3, 2, 1, 7]))[0]).toBeCloseTo(413, 2)
  })

  test('an Einsum whose terms do not fit its operands is refused', () => {
    const model = modelOf({ op: 'Einsum', opset: 12, inputs: [filled([2, 3])], attributes: { equation: 'abc->a' } })
    expect(() => compile(model)).toThrow(expect.objectContaining({ code: 'onnx/bad-node' }) as Fault)
  })

  test('a ConvTranspose whose output is larger than its windows reach is refused', () => {
    const inputs = [filled([1, 1, 3]), filled([1, 1, 1])]
    const model = modelOf({ op: 'ConvTranspose', opset: 11, inputs, attributes: { output_shape: [9] } })
    expect(() => compile(model)).toThrow(expect.objectContaining({ code: 'exact/unsupported-operator' }) as Fault)
  })
})

/** Einsum by walking over all letters; an ellipsis stands for one axis called '.'. */
function naiveEinsum(equation: string, inputs: readonly Tensor[], dims: readonly number[]): number[] {
  const [left, right] = equation.replaceAll('...', '.').split('->')
  const terms = left.split(',')
  const letters = [...new Set(left.replaceAll(',', ''))]
  const once = letters.filter((c) => [...left].filter((d) => d === c).length === 1)
  const named = [...(right ?? once.sort().join(''))]
  const size = (c: string) =>
    inputs[terms.findIndex((t) => t.includes(c))].dims[terms.find((t) => t.includes(c))!.indexOf(c)]
  const values = new Array<number>(sizeOf(dims)).fill(0)
  for (const at of places(letters.map(size))) {
    const where = (c: string) => at[letters.indexOf(c)]
    const product = terms.reduce(
      (p, term, i) => p * Number(inputs[i].data[indexOf([...term].map(where), inputs[i].dims)]),
      1,
    )
    values[named.length === 0 ? 0 : indexOf(named.map(where), dims)] += product
  }
  return values
}
