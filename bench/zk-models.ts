/**
 * Integer programs that the benches and tests of circuits use: random weights, drawn from a fixed seed, so that figures repeat.
 * @module
 */
import { tensor, type DType, type Tensor } from '../src/core/tensor.js'
import type { Program } from '../src/exact/program.js'
import {
  hiddenLayerStep as hiddenLayer,
  linearStep as linear,
  logisticStep as logistic,
  type Interval,
} from '../src/quantize/index.js'
import { Wholes, type Whole } from '../src/quantize/whole.js'

/** A program with a state, and the intervals that its circuit is made for. */
export interface Model {
  readonly program: Program
  readonly state: readonly Tensor[]
  readonly given?: Readonly<Record<string, Interval>>
}

/** Numbers that look random: a linear congruential generator (Knuth's MMIX constants), its upper 32 bits. */
export function draws(seed: number): () => number {
  let state = BigInt(seed)
  return () => Number((state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n)) >> 32n)
}

/** A tensor of integers drawn from an interval. */
export function randomTensor(
  draw: () => number,
  type: { dtype: DType; dims: readonly number[] },
  { lo, hi }: Interval,
): Tensor {
  const size = type.dims.reduce((a, b) => a * b, 1)
  const values = Array.from({ length: size }, () => lo + (BigInt(draw()) % (hi - lo + 1n)))
  return tensor(type.dtype, type.dims, type.dtype === 'int64' ? values : values.map(Number))
}

const INT8: Interval = { lo: -128n, hi: 127n }
const BIAS: Interval = { lo: -(1n << 15n), hi: (1n << 15n) - 1n }

/** x W + b with random int8 weights and a bias at the accumulator's scale. */
function dense(
  w: Wholes,
  x: Whole,
  { name, outputs, draw }: { name: string; outputs: number; draw: () => number },
): Whole {
  const inputs = x.dims[x.dims.length - 1]
  const weight = w.parameter(`${name}.weight`, randomTensor(draw, { dtype: 'int8', dims: [inputs, outputs] }, INT8))
  const bias = w.parameter(`${name}.bias`, randomTensor(draw, { dtype: 'int64', dims: [outputs] }, BIAS))
  return w.op('Add', [w.product('MatMul', [x, weight]), bias])
}

/** Half-up rounding by 2^shift, ReLU and saturation to 7 bits. */
const activate = (w: Wholes, x: Whole, shift: number): Whole => w.clamp(w.shiftDown(x, shift), { lo: 0n, hi: 127n })

/** A perceptron: int8 in, ReLU between layers, logits out. Biases are int64 within 16 bits. */
export function perceptron(sizes: readonly number[], { batch = 1, seed = 1 } = {}): Model {
  const [w, draw] = [new Wholes(), draws(seed)]
  let x = w.input('x', { dtype: 'int8', dims: [batch, sizes[0]] })
  for (const [i, outputs] of sizes.slice(1).entries()) {
    const y = dense(w, x, { name: `layer${i}`, outputs, draw })
    // Random int8 weights make sums of about 74 * 40 * sqrt(inputs): this shift leaves 7 bits of them.
    x = i === sizes.length - 2 ? y : activate(w, y, 7 + Math.ceil((32 - Math.clz32(sizes[i] - 1)) / 2))
  }
  return withGiven(w.finish([['y', x]]))
}

/** What biases lie in, for circuits whose weights are not constants. */
function withGiven({ program, state }: { program: Program; state: readonly Tensor[] }): Model {
  const names = program.names.parameters.filter((name) => name.endsWith('.bias'))
  return { program, state, given: Object.fromEntries(names.map((name) => [name, BIAS])) }
}

const CONV = { group: 1, strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] } as const

/** A convolution with random int8 weights and a bias, then ReLU in 7 bits. */
function convolution(
  w: Wholes,
  x: Whole,
  {
    name,
    outputs,
    kernel,
    draw,
    shift,
  }: { name: string; outputs: number; kernel: number; draw: () => number; shift: number },
): Whole {
  const dims = [outputs, x.dims[1], kernel, kernel]
  const weight = w.parameter(`${name}.weight`, randomTensor(draw, { dtype: 'int8', dims }, INT8))
  const bias = w.parameter(`${name}.bias`, randomTensor(draw, { dtype: 'int64', dims: [1, outputs, 1, 1] }, BIAS))
  return activate(w, w.op('Add', [w.product('Conv', [x, weight], CONV), bias]), shift)
}

/** Sums of 2 x 2 windows, halves rounded up after division by 4. */
function averagePool(w: Wholes, x: Whole): Whole {
  const [batch, planes, height, width] = x.dims
  const cut = w.op('Reshape', [x], { shape: [batch, planes, height / 2, 2, width / 2, 2] })
  const moved = w.op('Transpose', [cut], { perm: [0, 1, 2, 4, 3, 5] })
  return w.shiftDown(w.op('ReduceSum', [moved], { axes: 2 }), 2)
}

const flatten = (w: Wholes, x: Whole): Whole =>
  w.op('Reshape', [x], { shape: [x.dims[0], x.dims.slice(1).reduce((a, b) => a * b, 1)] })

/** LeNet's shape: convolutions of 5 x 5 to 6 and 16 planes, each with ReLU and average pool, then one dense layer. */
export function lenet({ size = 28, planes = [6, 16], classes = 10, kernel = 5, seed = 2 } = {}): Model {
  const [w, draw] = [new Wholes(), draws(seed)]
  let x = w.input('x', { dtype: 'int8', dims: [1, 1, size, size] })
  for (const [i, outputs] of planes.entries())
    x = averagePool(w, convolution(w, x, { name: `conv${i}`, outputs, kernel, draw, shift: 9 + i }))
  return withGiven(w.finish([['y', dense(w, flatten(w, x), { name: 'head', outputs: classes, draw })]]))
}

/** A small network with a max pool and the class as its output: 8 x 8 images, one convolution. */
export function smallConvolutional({ seed = 3 } = {}): Model {
  const [w, draw] = [new Wholes(), draws(seed)]
  const x = w.input('x', { dtype: 'int8', dims: [1, 1, 8, 8] })
  const h = convolution(w, x, { name: 'conv', outputs: 2, kernel: 3, draw, shift: 8 })
  const pool = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] }
  const y = dense(w, flatten(w, w.maxPool(h, pool)), { name: 'head', outputs: 4, draw })
  return withGiven(
    w.finish([
      ['y', y],
      ['class', w.op('ArgMax', [y], { axis: 1 })],
    ]),
  )
}

// ---------------------------------------------------------------- training steps

/** A step of logistic regression: 17 weights, batches of 8. */
export const logisticStep = ({ batch = 8, features = 16 } = {}): Model =>
  logistic({ batch, features, weights: smallWeights(features) })

/** A step of linear regression. */
export const linearStep = ({ batch = 8, features = 16 } = {}): Model =>
  linear({ batch, features, weights: smallWeights(features) })

/** First weights of a regression between -1/2 and 1/2. */
function smallWeights(features: number): { w: Tensor; b: Tensor } {
  const draw = draws(4)
  const real = (dims: readonly number[]) => {
    const { data } = randomTensor(draw, { dtype: 'int64', dims }, { lo: -128n, hi: 128n })
    return tensor(
      'float64',
      dims,
      Array.from(data as BigInt64Array, (value) => Number(value) / 256),
    )
  }
  return { w: real([features, 1]), b: real([1]) }
}

/** A step of a network with one hidden layer; 14-8-2 has 138 weights. */
export const hiddenLayerStep = ({
  batch = 1,
  sizes = [14, 8, 2],
}: { batch?: number; sizes?: readonly [number, number, number] } = {}): Model => hiddenLayer({ batch, sizes })
