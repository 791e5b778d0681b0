import { describe, expect, it } from 'vitest'
import { DTYPES, equalBits, isFloat, sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { inputsOf } from '../../src/exact/program.js'
import { modelFrom, protoOf, type Model, type Node } from '../../src/onnx/graph.js'
import { quantizeFeed } from '../../src/quantize/feeds.js'
import { exactRange } from '../../src/quantize/interval.js'
import { read, type Quantized } from '../../src/quantize/quantize.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { node, real } from './models.js'
import { numbersFrom, randomTensor } from './programs.js'

interface Form {
  readonly name: string
  readonly x: { readonly dtype: DType; readonly dims: readonly number[] }
  readonly nodes: readonly Node[]
  readonly constants: Readonly<Record<string, Tensor>>
  /** True where nothing is rounded: then every bit agrees. */
  readonly exact?: boolean
}

function modelOf({ x, nodes, constants }: Form): Model {
  const output = nodes[nodes.length - 1].outputs[0]
  return modelFrom({
    irVersion: 8,
    opsets: new Map([['', 17]]),
    graph: {
      name: 'quantized',
      nodes,
      inputs: [{ name: 'x', kind: 'tensor', dtype: DTYPES[x.dtype].code, dims: x.dims }],
      outputs: [{ name: output, kind: 'unknown', dtype: 0, dims: undefined }],
      initializers: new Map(Object.entries(constants).map(([name, value]) => [name, protoOf(value, name)])),
      valueInfo: [],
    },
  })
}

const random = (dtype: DType, dims: readonly number[], seed: number) =>
  randomTensor(numbersFrom(seed), { dtype, dims }, exactRange(dtype))
const scale = (...values: number[]) => tensor('float32', values.length === 1 ? [] : [values.length], values)
const zero = (dtype: DType, value: number) => tensor(dtype, [], [value])
const bias = (count: number) =>
  randomTensor(numbersFrom(9), { dtype: 'int32', dims: [count] }, { lo: -4000n, hi: 4000n })

const SCALES = { xs: scale(2 ** -5), ws: scale(2 ** -7), ys: scale(2 ** -2) }
const ZEROS = { xz: zero('uint8', 128), wz: zero('int8', 0), yz: zero('uint8', 100) }
const Q = ['x', 'xs', 'xz', 'w', 'ws', 'wz', 'ys', 'yz']
const picture = { dtype: 'uint8', dims: [1, 3, 6, 6] } as const

const FORMS: readonly Form[] = [
  {
    name: 'QLinearMatMul',
    x: { dtype: 'uint8', dims: [4, 8] },
    constants: { ...SCALES, ...ZEROS, w: random('int8', [8, 5], 1) },
    nodes: [node('QLinearMatMul', Q, 'y')],
  },
  {
    name: 'QLinearMatMul of int8 with other zero points',
    x: { dtype: 'int8', dims: [4, 8] },
    constants: {
      ...SCALES,
      xz: zero('int8', -7),
      wz: zero('int8', 12),
      yz: zero('int8', 3),
      w: random('int8', [8, 5], 2),
    },
    nodes: [node('QLinearMatMul', Q, 'y')],
  },
  {
    name: 'QLinearConv with a bias, pads and strides',
    x: picture,
    constants: { ...SCALES, ...ZEROS, w: random('int8', [4, 3, 3, 3], 3), b: bias(4) },
    nodes: [node('QLinearConv', [...Q, 'b'], 'y', { pads: [1, 1, 1, 1], strides: [2, 1] })],
  },
  {
    name: 'QLinearConv with a scale for each channel',
    x: picture,
    constants: {
      ...SCALES,
      ...ZEROS,
      ws: scale(2 ** -7, 2 ** -6, 2 ** -8, 2 ** -4),
      wz: tensor('int8', [4], [0, 0, 0, 0]),
      w: random('int8', [4, 3, 3, 3], 4),
      b: bias(4),
    },
    nodes: [node('QLinearConv', [...Q, 'b'], 'y')],
  },
  {
    name: 'MatMulInteger',
    x: { dtype: 'uint8', dims: [4, 8] },
    constants: { ...ZEROS, w: random('int8', [8, 5], 5) },
    nodes: [node('MatMulInteger', ['x', 'w', 'xz', 'wz'], 'y')],
    exact: true,
  },
  {
    name: 'ConvInteger',
    x: picture,
    constants: { xz: zero('uint8', 3), w: random('uint8', [4, 3, 3, 3], 6), wz: zero('uint8', 200) },
    nodes: [node('ConvInteger', ['x', 'w', 'xz', 'wz'], 'y', { pads: [1, 0, 1, 0] })],
    exact: true,
  },
  {
    name: 'MatMulInteger, its result as real numbers',
    x: { dtype: 'int8', dims: [4, 8] },
    constants: { w: random('int8', [8, 5], 7), s: scale(2 ** -9) },
    nodes: [node('MatMulInteger', ['x', 'w'], 'm'), node('Cast', ['m'], 'c', { to: 1 }), node('Mul', ['c', 's'], 'y')],
    exact: true,
  },
  {
    name: 'float operators between pairs, as exporters write them',
    x: { dtype: 'float32', dims: [1, 3, 6, 6] },
    constants: {
      ...SCALES,
      ...ZEROS,
      w: random('int8', [4, 3, 3, 3], 8),
      b: bias(4),
      bs: scale(2 ** -12),
      bz: zero('int32', 0),
    },
    nodes: [
      node('QuantizeLinear', ['x', 'xs', 'xz'], 'xq'),
      node('DequantizeLinear', ['xq', 'xs', 'xz'], 'xr'),
      node('DequantizeLinear', ['w', 'ws', 'wz'], 'wr'),
      node('DequantizeLinear', ['b', 'bs', 'bz'], 'br'),
      node('Conv', ['xr', 'wr', 'br'], 'c', { pads: [1, 1, 1, 1] }),
      node('Relu', ['c'], 'r'),
      node('QuantizeLinear', ['r', 'ys', 'yz'], 'rq'),
      node('DequantizeLinear', ['rq', 'ys', 'yz'], 'rr'),
      node('MaxPool', ['rr'], 'p', { kernel_shape: [2, 2], strides: [2, 2] }),
      node('QuantizeLinear', ['p', 'ys', 'yz'], 'pq'),
      node('DequantizeLinear', ['pq', 'ys', 'yz'], 'y'),
    ],
  },
]

async function run(runtime: Runtime, program: Pick<Quantized, 'program' | 'state'>, inputs: readonly Tensor[][]) {
  const session = await runtime.open(program.program, program.state)
  const found: Tensor[] = []
  for (const feed of inputs) found.push((await session.step(feed)).outputs[0])
  await session.close()
  return found
}

/** Inputs of the model; those of real numbers lie on the grid of their scale. */
function feedsOf({ x }: Form, count: number): Tensor[] {
  const next = numbersFrom(11)
  return Array.from({ length: count }, () => {
    const integers = randomTensor(
      next,
      { dtype: isFloat(x.dtype) ? 'int8' : x.dtype, dims: x.dims },
      exactRange(isFloat(x.dtype) ? 'int8' : x.dtype),
    )
    return isFloat(x.dtype)
      ? tensor(
          'float32',
          x.dims,
          Array.from(integers.data as Int8Array, (v) => v / 32),
        )
      : integers
  })
}

/** Elements as numbers, in a unit. */
const valuesOf = ({ data }: Tensor, unit: number): number[] => Array.from(data as Float32Array, (v) => Number(v) * unit)

describe.each(FORMS)('$name', (form) => {
  const one = read(modelOf(form))
  const feeds = feedsOf(form, 120)
  const inputs = feeds.map((x) => quantizeFeed(one.report.inputs, { x }))

  it('gives the same bits on every runtime on 120 random inputs', async () => {
    const expected = await run(reference(), one, inputs)
    for (const runtime of [ortNode(), ortWeb()])
      (await run(runtime, one, inputs)).forEach((found, i) => expect(equalBits(found, expected[i])).toBe(true))
  })

  it('is what ONNX computes, but for halves, which ONNX rounds to even', async () => {
    const float = compile(modelOf(form))
    const expected = await run(
      reference(),
      float,
      feeds.map((x) => [x]),
    )
    const found = await run(reference(), one, inputs)
    const exponent = one.report.outputs[0].exponent ?? 0
    const unit = 2 ** exponent
    const step = isFloat(expected[0].dtype) && form.exact !== true ? 2 ** -2 : 1
    let [off, all] = [0, 0]
    expected.forEach((tensor, i) => {
      const [a, b] = [valuesOf(tensor, 1), valuesOf(found[i], unit)]
      a.forEach((value, k) => {
        expect([0, step]).toContain(b[k] - value)
        if (b[k] !== value) off++
        all++
      })
    })
    if (form.exact === true) expect(off).toBe(0)
    // Sums are whole numbers of 2^-12 or so, steps 2^-2: one sum in some hundreds lies halfway, every other one of those is odd.
    else expect(off / all).toBeLessThan(0.01)
  })

  it('keeps the weights that the model has', () => {
    const { program, state, report } = one
    expect(report.samples).toBe(0)
    expect(program.names.parameters.length).toBe(state.length)
    const count = sizeOf(form.constants.w.dims)
    expect(state.some(({ data }) => data.length === count)).toBe(true)
    expect(inputsOf(program)[0].dtype).toBe(isFloat(form.x.dtype) ? 'uint8' : form.x.dtype)
  })
})

it('where every other sum lies halfway, a quarter of the results are one unit above those of ONNX', async () => {
  const form: Form = {
    name: 'halves',
    x: { dtype: 'int8', dims: [4, 8] },
    constants: {
      ...SCALES,
      ys: scale(2 ** -11),
      xz: zero('int8', 0),
      wz: zero('int8', 0),
      yz: zero('int8', 0),
      w: randomTensor(numbersFrom(3), { dtype: 'int8', dims: [8, 5] }, { lo: -3n, hi: 3n }),
    },
    nodes: [node('QLinearMatMul', Q, 'y')],
  }
  const one = read(modelOf(form))
  const next = numbersFrom(5)
  const feeds = Array.from({ length: 200 }, () => randomTensor(next, form.x, { lo: -3n, hi: 3n }))
  const expected = await run(
    reference(),
    compile(modelOf(form)),
    feeds.map((x) => [x]),
  )
  const found = await run(
    reference(),
    one,
    feeds.map((x) => [x]),
  )
  const differences = expected.flatMap((tensor, i) => valuesOf(tensor, 1).map((v, k) => valuesOf(found[i], 1)[k] - v))
  const off = differences.filter((d) => d === 1).length
  expect(differences.every((d) => d === 0 || d === 1)).toBe(true)
  expect(off / differences.length).toBeGreaterThan(0.2)
  expect(off / differences.length).toBeLessThan(0.3)
})

describe('what cannot be read is refused by name', () => {
  const base = FORMS[0]
  const code = (form: Form): string | undefined => {
    try {
      read(modelOf(form))
      return undefined
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  it.each([0.1, -0.5, 0, 3, Infinity, NaN])('a scale of %d is no power of two', (value) => {
    for (const name of ['xs', 'ws', 'ys'])
      expect(code({ ...base, constants: { ...base.constants, [name]: scale(value) } })).toBe('quantize/bad-scale')
  })

  it('a scale that an input decides', () => {
    const nodes = [node('QuantizeLinear', ['x', 'x'], 'y')]
    expect(code({ name: '', x: { dtype: 'float32', dims: [] }, nodes, constants: {} })).toBe('quantize/bad-scale')
  })

  it('real numbers that nothing quantizes', () => {
    const nodes = [node('Relu', ['x'], 'y')]
    expect(code({ name: '', x: { dtype: 'float32', dims: [2] }, nodes, constants: {} })).toBe('quantize/no-scale')
  })

  it('a sum of real numbers that would need a scale', () => {
    const wide = FORMS[7]
    const nodes = [...wide.nodes.slice(0, 5), node('Conv', ['c', 'k'], 'y')]
    expect(code({ ...wide, nodes, constants: { ...wide.constants, k: real([1, 4, 1, 1], 3) } })).toBe(
      'quantize/no-scale',
    )
  })

  it('an int32 sum that may wrap', () => {
    const rows = 2 ** 17
    const w = tensor('int8', [rows, 1], new Int8Array(rows).fill(127))
    const nodes = [node('MatMulInteger', ['x', 'w'], 'y')]
    expect(code({ name: '', x: { dtype: 'uint8', dims: [1, rows] }, nodes, constants: { w } })).toBe(
      'quantize/wide-value',
    )
  })
})
