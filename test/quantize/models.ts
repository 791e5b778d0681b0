/**
 * Small models of one idea each, with weights from a seed.
 * @module
 */
import { DTYPES, sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { modelFrom, protoOf, type Attribute, type Model, type Node } from '../../src/onnx/graph.js'
import { numbers } from '../trace/work.js'

type Given = number | string | readonly number[] | { readonly float: number }

function attributeOf(value: Given): Attribute {
  if (typeof value === 'number') return { kind: 'int', value: BigInt(value) }
  if (typeof value === 'string') return { kind: 'string', value: new TextEncoder().encode(value) }
  return 'float' in value ? { kind: 'float', value: value.float } : { kind: 'ints', value: value.map(BigInt) }
}

/** A node: operator, operands, result, attributes. */
export function node(op: string, inputs: readonly string[], output: string, given: Record<string, Given> = {}): Node {
  const attributes = new Map(Object.entries(given).map(([name, value]) => [name, attributeOf(value)]))
  return { name: output, op, domain: '', overload: '', inputs, outputs: [output], attributes }
}

export const real = (dims: readonly number[], seed: number, scale = 1): Tensor =>
  tensor(
    'float32',
    dims,
    numbers(sizeOf(dims), seed).map((x) => x * scale),
  )
export const whole = (dims: readonly number[], ...values: number[]): Tensor => tensor('int64', dims, values.map(BigInt))

/** A model with an input x unless told otherwise; the last node gives the output. */
export interface Small {
  readonly name: string
  readonly dims: readonly number[]
  readonly nodes: readonly Node[]
  readonly constants?: Readonly<Record<string, Tensor>>
  readonly opset?: number
  readonly dtype?: DType
  /** The largest error that is allowed, relative; 0.03 unless told. */
  readonly error?: number
}

export function modelOf({ dims, nodes, constants = {}, opset = 17, dtype = 'float32' }: Small): Model {
  const output = nodes[nodes.length - 1].outputs[0]
  return modelFrom({
    irVersion: 8,
    opsets: new Map([['', opset]]),
    graph: {
      name: 'small',
      nodes,
      inputs: [{ name: 'x', kind: 'tensor', dtype: DTYPES[dtype].code, dims }],
      outputs: [{ name: output, kind: 'unknown', dtype: 0, dims: undefined }],
      initializers: new Map(Object.entries(constants).map(([name, value]) => [name, protoOf(value, name)])),
      valueInfo: [],
    },
  })
}

const PICTURE = [1, 4, 6, 6]
const conv = { w: real([4, 4, 3, 3], 21, 0.3), b: real([4], 22) }
const norm = {
  scale: tensor('float32', [4], [0.5, -1.5, 2, 1]),
  shift: real([4], 23),
  mean: real([4], 24, 0.2),
  variance: tensor('float32', [4], [0.5, 1, 2, 0.25]),
}
const NORM = ['scale', 'shift', 'mean', 'variance']
const first = node('Conv', ['x', 'w', 'b'], 'c', { pads: [1, 1, 1, 1] })
const dense = { d: real([8, 5], 25, 0.4), e: real([5], 26) }

/** One model for each operator and for what is particular about it. */
export const MODELS: readonly Small[] = [
  {
    name: 'Gemm with all of its attributes',
    dims: [2, 8],
    constants: { d: real([5, 8], 1, 0.4), e: real([5], 2) },
    nodes: [node('Gemm', ['x', 'd', 'e'], 'y', { transB: 1, alpha: { float: 0.7 }, beta: { float: -2 } })],
  },
  {
    name: 'MatMul and Add',
    dims: [2, 8],
    constants: dense,
    nodes: [node('MatMul', ['x', 'd'], 'm'), node('Add', ['m', 'e'], 'y')],
  },
  {
    name: 'MatMul with constants on the left',
    dims: [8, 3],
    constants: { d: real([5, 8], 3) },
    nodes: [node('MatMul', ['d', 'x'], 'y')],
  },
  {
    name: 'MatMul of two values',
    dims: [2, 8],
    constants: dense,
    nodes: [
      node('MatMul', ['x', 'd'], 'm'),
      node('Transpose', ['m'], 't', { perm: [1, 0] }),
      node('MatMul', ['m', 't'], 'y'),
    ],
  },
  { name: 'Conv', dims: PICTURE, constants: conv, nodes: [first, node('Relu', ['c'], 'y')] },
  {
    name: 'Conv in groups, with strides, uneven pads and dilations',
    dims: [2, 4, 7, 8],
    constants: { w: real([6, 2, 3, 2], 4), b: real([6], 5) },
    nodes: [node('Conv', ['x', 'w', 'b'], 'y', { group: 2, strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2] })],
  },
  {
    name: 'Conv along one axis',
    dims: [1, 2, 9],
    constants: { w: real([3, 2, 3], 6) },
    nodes: [node('Conv', ['x', 'w'], 'y')],
  },
  {
    name: 'BatchNormalization behind a product',
    dims: PICTURE,
    constants: { ...conv, ...norm },
    nodes: [first, node('BatchNormalization', ['c', ...NORM], 'n'), node('Relu', ['n'], 'y')],
  },
  {
    name: 'BatchNormalization alone',
    dims: PICTURE,
    constants: norm,
    nodes: [node('BatchNormalization', ['x', ...NORM], 'y')],
  },
  {
    name: 'a product that two operators read is not worked into one of them',
    dims: PICTURE,
    constants: { ...conv, ...norm },
    nodes: [first, node('BatchNormalization', ['c', ...NORM], 'n'), node('Add', ['c', 'n'], 'y')],
  },
  {
    name: 'Clip to 0..6',
    dims: PICTURE,
    constants: {
      ...conv,
      lo: tensor('float32', [], [0]),
      hi: tensor('float32', [], [6]),
      k: tensor('float32', [], [5]),
    },
    nodes: [first, node('Mul', ['c', 'k'], 'm'), node('Clip', ['m', 'lo', 'hi'], 'y')],
  },
  {
    name: 'Clip without an upper bound that counts',
    dims: PICTURE,
    constants: { ...conv, lo: tensor('float32', [], [-0.5]), hi: tensor('float32', [], [3e38]) },
    nodes: [first, node('Clip', ['c', 'lo', 'hi'], 'y')],
  },
  {
    name: 'MaxPool with pads',
    dims: PICTURE,
    constants: conv,
    nodes: [first, node('MaxPool', ['c'], 'y', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })],
  },
  { name: 'GlobalMaxPool', dims: PICTURE, constants: conv, nodes: [first, node('GlobalMaxPool', ['c'], 'y')] },
  {
    name: 'AveragePool',
    dims: PICTURE,
    nodes: [node('AveragePool', ['x'], 'y', { kernel_shape: [2, 2], strides: [2, 2] })],
  },
  {
    name: 'AveragePool of windows that overlap, nine elements each',
    dims: PICTURE,
    nodes: [node('AveragePool', ['x'], 'y', { kernel_shape: [3, 3] })],
  },
  {
    name: 'AveragePool that leaves out its pads',
    dims: PICTURE,
    nodes: [node('AveragePool', ['x'], 'y', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] })],
  },
  {
    name: 'AveragePool that counts its pads, and a product behind',
    dims: PICTURE,
    constants: { w: conv.w },
    nodes: [
      node('AveragePool', ['x'], 'p', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
      node('Conv', ['p', 'w'], 'y'),
    ],
  },
  {
    name: 'GlobalAveragePool, Flatten, Gemm',
    dims: PICTURE,
    constants: { ...conv, d: real([4, 5], 7), e: dense.e },
    nodes: [
      first,
      node('Relu', ['c'], 'r'),
      node('GlobalAveragePool', ['r'], 'p'),
      node('Flatten', ['p'], 'f'),
      node('Gemm', ['f', 'd', 'e'], 'y'),
    ],
  },
  {
    name: 'a residual Add',
    dims: PICTURE,
    constants: conv,
    nodes: [first, node('Add', ['c', 'x'], 's'), node('Relu', ['s'], 'y')],
  },
  { name: 'Sub of values', dims: PICTURE, constants: conv, nodes: [first, node('Sub', ['x', 'c'], 'y')] },
  { name: 'Sub of a constant', dims: [2, 5], constants: { e: dense.e }, nodes: [node('Sub', ['x', 'e'], 'y')] },
  { name: 'Sub from a constant', dims: [2, 5], constants: { e: dense.e }, nodes: [node('Sub', ['e', 'x'], 'y')] },
  { name: 'Sum of three', dims: [2, 5], constants: { e: dense.e }, nodes: [node('Sum', ['x', 'e', 'x'], 'y')] },
  { name: 'Mul of two values', dims: PICTURE, constants: conv, nodes: [first, node('Mul', ['c', 'x'], 'y')] },
  {
    name: 'Mul by one constant for each place',
    dims: [2, 5],
    constants: { e: dense.e },
    nodes: [node('Mul', ['x', 'e'], 'y')],
  },
  {
    name: 'Mul and Div by a constant before and behind a product',
    dims: [2, 8],
    constants: { ...dense, k: tensor('float32', [], [-0.3]), l: tensor('float32', [1], [7]) },
    nodes: [
      node('Mul', ['x', 'k'], 'a'),
      node('Gemm', ['a', 'd', 'e'], 'g'),
      node('Div', ['g', 'l'], 'h'),
      node('Relu', ['h'], 'y'),
    ],
  },
  {
    name: 'Add of values with other factors',
    dims: PICTURE,
    constants: { k: tensor('float32', [], [0.3]), l: tensor('float32', [], [-0.7]) },
    nodes: [
      node('Mul', ['x', 'k'], 'a'),
      node('Mul', ['x', 'l'], 'b'),
      node('Relu', ['b'], 'r'),
      node('Add', ['a', 'r'], 'y'),
    ],
  },
  {
    name: 'Concat of values in other units, and with a constant',
    dims: PICTURE,
    constants: { ...conv, k: real([1, 1, 6, 6], 8, 5), w2: real([2, 9, 1, 1], 9) },
    nodes: [first, node('Concat', ['c', 'x', 'k'], 's', { axis: 1 }), node('Conv', ['s', 'w2'], 'y')],
  },
  {
    name: 'Max, Min, Neg and Abs',
    dims: [2, 5],
    constants: { e: dense.e },
    nodes: [
      node('Neg', ['x'], 'n'),
      node('Max', ['n', 'e'], 'm'),
      node('Abs', ['x'], 'a'),
      node('Min', ['m', 'a'], 'y'),
    ],
  },
  {
    name: 'what moves values: Reshape, Transpose, Squeeze, Unsqueeze, Slice, Split, Expand, Tile, Gather, Pad, Identity, Dropout',
    dims: [1, 4, 6],
    constants: {
      shape: whole([2], 4, -1),
      axis: whole([1], 0),
      starts: whole([1], 1),
      ends: whole([1], 6),
      wide: whole([3], 3, 4, 5),
      twice: whole([3], 1, 2, 1),
      order: whole([2], 3, 0),
      pads: whole([6], 0, 1, 0, 0, 0, 2),
      fill: tensor('float32', [], [0.5]),
    },
    nodes: [
      node('Reshape', ['x', 'shape'], 'r'),
      node('Slice', ['r', 'starts', 'ends', 'starts'], 's'),
      node('Unsqueeze', ['s', 'axis'], 'u'),
      node('Expand', ['u', 'wide'], 'v'),
      node('Tile', ['v', 'twice'], 't'),
      node('Gather', ['t', 'order'], 'g', { axis: 1 }),
      node('Pad', ['g', 'pads', 'fill'], 'p'),
      node('Identity', ['p'], 'i'),
      node('Dropout', ['i'], 'd'),
      node('Transpose', ['d'], 'q', { perm: [2, 0, 1] }),
      { ...node('Split', ['q'], 'o', { axis: 1 }), outputs: ['o', 'o2', 'o3'] },
      node('Squeeze', ['o', 'starts'], 'y'),
    ],
  },
  {
    name: 'ReduceMean, ReduceMax and ReduceSum',
    dims: PICTURE,
    constants: { axis: whole([1], 1) },
    nodes: [
      node('ReduceMean', ['x'], 'm', { axes: [2] }),
      node('ReduceMax', ['m'], 'n', { axes: [2], keepdims: 0 }),
      node('ReduceSum', ['n', 'axis'], 'y'),
    ],
  },
  {
    name: 'ArgMax at the end',
    dims: [4, 8],
    constants: dense,
    nodes: [node('Gemm', ['x', 'd', 'e'], 'g'), node('ArgMax', ['g'], 'y', { axis: 1 })],
  },
  {
    name: 'Softmax at the end',
    dims: [4, 8],
    constants: dense,
    nodes: [node('Gemm', ['x', 'd', 'e'], 'g'), node('Softmax', ['g'], 'y')],
  },
  {
    name: 'LogSoftmax at the end',
    dims: [4, 8],
    constants: dense,
    nodes: [node('Gemm', ['x', 'd', 'e'], 'g'), node('LogSoftmax', ['g'], 'y')],
  },
  {
    name: 'weights that the file computes',
    dims: [2, 8],
    constants: { d: real([5, 8], 10), k: tensor('float32', [], [0.1]) },
    nodes: [
      node('Transpose', ['d'], 't', { perm: [1, 0] }),
      node('Mul', ['t', 'k'], 'm'),
      node('MatMul', ['x', 'm'], 'y'),
    ],
  },
  {
    name: 'weights that are all zero',
    dims: [2, 8],
    constants: { d: tensor('float32', [8, 5], new Float32Array(40)), e: dense.e },
    nodes: [node('Gemm', ['x', 'd', 'e'], 'y')],
  },
]
