/**
 * Integer programs that the benches and tests of circuits use: random weights, drawn from a fixed seed, so that figures repeat.
 * @module
 */
import { tensor, type DType, type Tensor } from '../src/core/tensor.js'
import { Builder, type Ref } from '../src/exact/builder.js'
import type { Program } from '../src/exact/program.js'
import type { Interval } from '../src/quantize/index.js'
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

/** Integers stand for value * 2^UNIT in inputs, activations and errors. */
const UNIT = 7
/** Weights have this many more bits, so that a step subtracts products of two units at the rate 2^-RATE with no rounding. */
const RATE = 4
const FINE = 2 * UNIT + RATE
/** Weights from -8 to 8. */
const WEIGHT: Interval = { lo: -(1n << 21n), hi: (1n << 21n) - 1n }
const NUMBER: Interval = { lo: -(1n << BigInt(UNIT)), hi: (1n << BigInt(UNIT)) - 1n }

/** Ops on int64 that training steps are written with. */
class Step {
  readonly b = new Builder()

  /** A product, in binary64. */
  product(x: Ref, y: Ref): Ref {
    return this.b.cast(this.b.matmul(this.b.cast(x, 'float64'), this.b.cast(y, 'float64')), 'int64')
  }

  int(value: bigint): Ref {
    return this.b.scalar('int64', value)
  }

  round(x: Ref, shift: number): Ref {
    const raised = this.b.add(x, this.int(1n << BigInt(shift - 1)))
    const unit = this.int(1n << BigInt(shift))
    return this.b.div(this.b.sub(raised, this.b.op('Mod', [raised, unit])), unit)
  }

  clamp(x: Ref, { lo, hi }: Interval): Ref {
    return this.b.min(this.b.max(x, this.int(lo)), this.int(hi))
  }

  /** A weight, its first value small. */
  weight(name: string, dims: readonly number[], draw: () => number): Ref {
    return this.b.parameter(name, randomTensor(draw, { dtype: 'int64', dims }, { lo: -(1n << 17n), hi: 1n << 17n }))
  }

  turn(x: Ref): Ref {
    return this.b.transpose(x, [1, 0])
  }

  sumRows(x: Ref): Ref {
    return this.b.op('ReduceSum', [this.turn(x)], { axes: 1 })
  }

  finish(weights: readonly (readonly [Ref, Ref])[], inputs: Readonly<Record<string, Interval>> = {}): Model {
    const { program, state } = this.b.finish({ outputs: [], carries: weights })
    const given = { ...Object.fromEntries(program.names.parameters.map((name) => [name, WEIGHT])), ...inputs }
    return { program, given, state: state.map(({ id }) => weights.find(([ref]) => ref.id === id)![0].initial!) }
  }
}

/** x w + b at fine scale, in units: the bias has the weights' scale and is lifted to that of the products. */
function affine(s: Step, x: Ref, { w, bias }: { w: Ref; bias: Ref }): Ref {
  const lifted = s.b.mul(bias, s.int(1n << BigInt(UNIT)))
  return s.b.add(s.product(x, w), lifted)
}

/** A step of logistic regression by the hard sigmoid clamp(z / 4 + 1 / 2, 0, 1); the gradient of its loss is (p - t) x. */
export function logisticStep({ batch = 8, features = 16, seed = 4 } = {}): Model {
  const [s, draw] = [new Step(), draws(seed)]
  const [x8, t8] = [
    s.b.input('x', { dtype: 'int8', dims: [batch, features] }),
    s.b.input('t', { dtype: 'uint8', dims: [batch, 1] }),
  ]
  const [x, t] = [s.b.cast(x8, 'int64'), s.b.cast(t8, 'int64')]
  const [w, bias] = [s.weight('w', [features, 1], draw), s.weight('b', [1], draw)]
  const z = s.round(affine(s, x, { w, bias }), FINE + 2)
  const chance: Interval = { lo: 0n, hi: (1n << BigInt(UNIT)) - 1n }
  const p = s.clamp(s.b.add(z, s.int(1n << BigInt(UNIT - 1))), chance)
  const error = s.b.sub(p, t)
  const weights: [Ref, Ref][] = [
    [w, s.b.sub(w, s.product(s.turn(x), error))],
    [bias, s.b.sub(bias, s.b.mul(s.sumRows(error), s.int(1n << BigInt(UNIT))))],
  ]
  return s.finish(weights, { t: chance })
}

/** A step of a network with one hidden ReLU layer under squared loss; 14-8-2 has 138 parameters. */
export function hiddenLayerStep({ batch = 1, sizes = [14, 8, 2], seed = 5 } = {}): Model {
  const [s, draw] = [new Step(), draws(seed)]
  const [inputs, hidden, outputs] = sizes
  const [x8, t8] = [
    s.b.input('x', { dtype: 'int8', dims: [batch, inputs] }),
    s.b.input('t', { dtype: 'int8', dims: [batch, outputs] }),
  ]
  const [x, t] = [s.b.cast(x8, 'int64'), s.b.cast(t8, 'int64')]
  const [w1, b1] = [s.weight('w1', [inputs, hidden], draw), s.weight('b1', [hidden], draw)]
  const [w2, b2] = [s.weight('w2', [hidden, outputs], draw), s.weight('b2', [outputs], draw)]
  const z = s.round(affine(s, x, { w: w1, bias: b1 }), FINE)
  const active = s.b.not(s.b.less(z, s.int(0n)))
  const h = s.clamp(z, { lo: 0n, hi: (1n << BigInt(UNIT)) - 1n })
  const y = s.round(affine(s, h, { w: w2, bias: b2 }), FINE)
  const error = s.clamp(s.b.sub(y, t), NUMBER)
  const back = s.clamp(s.round(s.product(error, s.turn(w2)), FINE), NUMBER)
  const passed = s.b.mul(back, s.b.cast(active, 'int64'))
  const lift = (g: Ref) => s.b.mul(s.sumRows(g), s.int(1n << BigInt(UNIT)))
  return s.finish([
    [w1, s.b.sub(w1, s.product(s.turn(x), passed))],
    [b1, s.b.sub(b1, lift(passed))],
    [w2, s.b.sub(w2, s.product(s.turn(h), error))],
    [b2, s.b.sub(b2, lift(error))],
  ])
}
