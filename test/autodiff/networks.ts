/**
 * Small networks of four kinds as ONNX models, with weights from a fixed sequence.
 * @module
 */
import { sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import { compile, type Compiled } from '../../src/exact/compile.js'
import { protoOf, type Attribute, type Node, type ValueInfo } from '../../src/onnx/graph.js'
import { graph, model, node } from '../onnx/build.js'

/** Numbers in [-scale, scale), the same on every machine. */
export function weights(dims: readonly number[], scale: number, seed = 1): Tensor {
  let s = Math.imul(seed, 0x9e3779b1) >>> 0
  const next = () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return ((s >>> 8) / 2 ** 23 - 1) * scale
  }
  return tensor('float32', dims, Array.from({ length: sizeOf(dims) }, next))
}

export interface Network {
  readonly compiled: Compiled
  readonly inputs: readonly Tensor[]
  readonly labels: Tensor
}

/** A network by its parts; the input is called x, the first output y. */
export interface Parts {
  readonly nodes: Node[]
  readonly parameters: Readonly<Record<string, Tensor>>
  readonly integers?: Readonly<Record<string, readonly number[]>>
  readonly input: Tensor
  readonly labels: Tensor
  readonly outputs?: readonly string[]
}

const info = (name: string, { dtype, dims }: Tensor): ValueInfo => ({
  name,
  kind: 'tensor',
  dtype: dtype === 'int64' ? 7 : 1,
  dims: [...dims],
})

export function network({ nodes, parameters, integers = {}, input, labels, outputs = ['y'] }: Parts): Network {
  const initializers = [
    ...Object.entries(parameters).map(([name, t]) => protoOf(t, name)),
    ...Object.entries(integers).map(([name, values]) =>
      protoOf(tensor('int64', [values.length], values.map(BigInt)), name),
    ),
  ]
  const main = { ...graph({ outputs: [...outputs], nodes, initializers }), inputs: [info('x', input)] }
  return { compiled: compile(model(main)), inputs: [input], labels }
}

const ints = (...values: number[]): Attribute => ({ kind: 'ints', value: values.map(BigInt) })
const int = (value: number): Attribute => ({ kind: 'int', value: BigInt(value) })
const labelled = (dims: number[], classes: number) =>
  tensor(
    'int64',
    dims,
    Array.from({ length: sizeOf(dims) }, (_, i) => BigInt((i * 7 + 3) % classes)),
  )

export function mlp(): Network {
  return network({
    nodes: [
      node('Gemm(x, w1, b1) -> h', { transB: int(1) }),
      node('Relu(h) -> r'),
      node('MatMul(r, w2) -> o'),
      node('Add(o, b2) -> y'),
    ],
    parameters: {
      w1: weights([8, 6], 0.6),
      b1: weights([8], 0.1, 2),
      w2: weights([8, 4], 0.6, 3),
      b2: weights([4], 0.1, 4),
    },
    input: weights([5, 6], 1, 5),
    labels: labelled([5], 4),
  })
}

export function cnn(): Network {
  return network({
    nodes: [
      node('Conv(x, w1, b1) -> c1', { pads: ints(1, 1, 1, 1) }),
      node('Relu(c1) -> r1'),
      node('MaxPool(r1) -> p1', { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
      node('Conv(p1, w2) -> c2', { strides: ints(2, 2), pads: ints(1, 1, 1, 1), group: int(2) }),
      node('BatchNormalization(c2, scale, bias, mean, variance) -> n', { training_mode: int(0) }),
      node('Relu(n) -> r2'),
      node('GlobalAveragePool(r2) -> g'),
      node('Flatten(g) -> f'),
      node('Gemm(f, w3) -> y'),
    ],
    parameters: {
      w1: weights([4, 1, 3, 3], 0.5),
      b1: weights([4], 0.1, 2),
      w2: weights([6, 2, 3, 3], 0.5, 3),
      scale: weights([6], 1, 4),
      bias: weights([6], 0.5, 5),
      mean: weights([6], 0.1, 6),
      variance: tensor('float32', [6], [1, 0.5, 2, 1, 1.5, 0.75]),
      w3: weights([6, 3], 0.8, 7),
    },
    input: weights([3, 1, 8, 8], 1, 8),
    labels: labelled([3], 3),
  })
}

export function lstm(): Network {
  return network({
    nodes: [
      node('LSTM(x, w, r, b) -> , last', { hidden_size: int(4) }),
      node('Squeeze(last, axis) -> h'),
      node('MatMul(h, wo) -> y'),
    ],
    parameters: {
      w: weights([1, 16, 3], 0.6),
      r: weights([1, 16, 4], 0.6, 2),
      b: weights([1, 32], 0.2, 3),
      wo: weights([4, 3], 0.8, 4),
    },
    integers: { axis: [0] },
    input: weights([5, 2, 3], 1, 5),
    labels: labelled([2], 3),
  })
}

/** One block with embedding, causal attention, layer normalisation and a Gelu feed-forward layer. */
export function transformer(): Network {
  const [vocabulary, width, length] = [7, 4, 5]
  const mask = Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -1e4 : 0))
  return network({
    nodes: [
      node('Gather(table, x) -> e'),
      node('Add(e, positions) -> h0'),
      node('LayerNormalization(h0, s1, t1) -> n1'),
      node('MatMul(n1, wq) -> q'),
      node('MatMul(n1, wk) -> k'),
      node('MatMul(n1, wv) -> v'),
      node('Transpose(k) -> kt', { perm: ints(0, 2, 1) }),
      node('MatMul(q, kt) -> raw'),
      node('Add(raw, mask) -> masked'),
      node('Softmax(masked) -> p', { axis: int(-1) }),
      node('MatMul(p, v) -> a'),
      node('MatMul(a, wo) -> ao'),
      node('Add(h0, ao) -> h1'),
      node('LayerNormalization(h1, s2, t2) -> n2'),
      node('MatMul(n2, w1) -> f1'),
      node('Gelu(f1) -> f2'),
      node('MatMul(f2, w2) -> f3'),
      node('Add(h1, f3) -> h2'),
      node('MatMul(h2, head) -> y'),
    ],
    parameters: {
      table: weights([vocabulary, width], 1),
      positions: weights([length, width], 0.3, 2),
      s1: weights([width], 1, 3),
      t1: weights([width], 0.2, 4),
      wq: weights([width, width], 0.7, 5),
      wk: weights([width, width], 0.7, 6),
      wv: weights([width, width], 0.7, 7),
      mask: tensor('float32', [length, length], mask),
      wo: weights([width, width], 0.7, 8),
      s2: weights([width], 1, 9),
      t2: weights([width], 0.2, 10),
      w1: weights([width, 2 * width], 0.7, 11),
      w2: weights([2 * width, width], 0.7, 12),
      head: weights([width, vocabulary], 0.7, 13),
    },
    input: labelled([2, length], vocabulary),
    labels: tensor(
      'int64',
      [2, length],
      Array.from({ length: 2 * length }, (_, i) => BigInt((i * 3 + 1) % vocabulary)),
    ),
  })
}

/** A linear map with a constant factor, as exporters write it. */
export function scaledMlp(): Network {
  return network({
    nodes: [node('MatMul(x, w1) -> h'), node('Mul(h, factor) -> y')],
    parameters: { w1: weights([6, 4], 0.6), factor: tensor('float32', [], [0.5]) },
    input: weights([5, 6], 1, 5),
    labels: labelled([5], 4),
  })
}

/** A linear map and a batch normalisation in training mode, which also gives its running statistics. */
export function normalised(): Network {
  return network({
    nodes: [
      node('MatMul(x, w) -> h'),
      node('BatchNormalization(h, scale, bias, mean, variance) -> y, mean_next, variance_next', {
        training_mode: int(1),
      }),
    ],
    parameters: {
      w: weights([6, 4], 0.6),
      scale: weights([4], 1, 2),
      bias: weights([4], 0.2, 3),
      mean: weights([4], 0.1, 4),
      variance: tensor('float32', [4], [1, 0.5, 2, 1]),
    },
    input: weights([5, 6], 1, 5),
    labels: labelled([5], 4),
    outputs: ['y', 'mean_next', 'variance_next'],
  })
}

export const NETWORKS = { mlp, cnn, lstm, transformer } as const
