/**
 * Integer training steps: stochastic gradient descent whose every value is an integer, so that a circuit shows a step as it was run.
 *
 * Inputs, targets, activations and errors are integers in units of 2^-7, weights in units of 2^-(14 + rate). A product of two units is
 * 2^-14, so at the learning rate 2^-rate a step subtracts it from a weight as it is: no weight is rounded, and none costs more than its
 * range. Only activations and errors are rounded, halves up. Gradients are sums over the batch, of squared loss / 2.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sizeOf, tensor, type Tensor } from '../core/tensor.js'
import * as Initial from '../data/initial.js'
import { Builder, type Ref } from '../exact/builder.js'
import type { Program } from '../exact/program.js'
import type { InputScale } from './feeds.js'
import type { Interval } from './interval.js'
import { toInteger } from './scale.js'

/** A program of one step, with what it begins from. */
export interface IntegerStep {
  /** Inputs `x` and `t`; no outputs; the weights are its state. */
  readonly program: Program
  /** First weights, int64. */
  readonly state: readonly Tensor[]
  /** Intervals that the circuit checks: of weights -2^21 .. 2^21 - 1. Where training carries one out of it, the next step has no proof. */
  readonly given: Readonly<Record<string, Interval>>
  /** How real numbers become inputs (`quantizeFeed`). */
  readonly inputs: readonly InputScale[]
  /** A weight w stands for w * 2^-fine. */
  readonly fine: number
}

/** What all steps are made from. */
export interface StepOptions {
  /** Samples of a step; 8 unless told. */
  readonly batch?: number
  /** The learning rate is 2^-rate; 1 to 8, 4 unless told. */
  readonly rate?: number
  /** First weights as real numbers, by name; `seed` draws those that are not given. */
  readonly weights?: Readonly<Record<string, Tensor>>
  /** First weights of a hidden layer come from here; 32 zeros unless told. Those of regressions are 0. */
  readonly seed?: Bytes32
}

/** Integers stand for value * 2^UNIT in inputs, activations and errors. */
const UNIT = 7
/** Bits of a weight: products take operands up to 2^22. */
const WEIGHT: Interval = { lo: -(1n << 21n), hi: (1n << 21n) - 1n }
/** Numbers from -1 to 1 - 2^-7. */
const NUMBER: Interval = { lo: -(1n << BigInt(UNIT)), hi: (1n << BigInt(UNIT)) - 1n }
/** Chances, and activations behind ReLU. */
const POSITIVE: Interval = { lo: 0n, hi: NUMBER.hi }

/** An affine map. */
interface Layer {
  readonly w: Ref
  readonly b: Ref
}

/** Writes one step. */
class Step {
  readonly fine: number
  readonly #b = new Builder()
  readonly #options: StepOptions
  readonly #first = new Map<number, Tensor>()
  readonly #inputs: InputScale[] = []

  constructor(options: StepOptions) {
    const { rate = 4 } = options
    demand(
      Number.isInteger(rate) && rate >= 1 && rate <= 8,
      'quantize/bad-scale',
      () => `a learning rate of 2^-${rate}`,
    )
    this.#options = options
    this.fine = 2 * UNIT + rate
  }

  input(name: string, columns: number): Ref {
    const dims = [this.#options.batch ?? 8, columns]
    this.#inputs.push({ name, dtype: 'int8', dims, exponent: -UNIT, zero: 0 })
    return this.#b.cast(this.#b.input(name, { dtype: 'int8', dims }), 'int64')
  }

  layer([inputs, outputs]: readonly [number, number], { name = '', drawn = false } = {}): Layer {
    const rule = drawn ? Initial.lecun({ in: inputs, out: outputs }) : Initial.ZEROS
    return {
      w: this.#weight(`w${name}`, [inputs, outputs], rule),
      b: this.#weight(`b${name}`, [outputs], Initial.ZEROS),
    }
  }

  #weight(name: string, dims: readonly number[], rule: Initial.Rule): Ref {
    const { weights = {}, seed = new Uint8Array(32) } = this.#options
    const place = { seed, parameter: this.#first.size }
    const real = Object.hasOwn(weights, name)
      ? weights[name]
      : Initial.initialTensor({ dtype: 'float64', dims }, rule, place)
    demand(real.data.length === sizeOf(dims), 'quantize/bad-scale', () => `first weights "${name}"`)
    const scale = { exponent: -this.fine, lo: Number(WEIGHT.lo), hi: Number(WEIGHT.hi) }
    const held = tensor(
      'int64',
      dims,
      Array.from(real.data as ArrayLike<number | bigint>, (value) => BigInt(toInteger(Number(value), scale))),
    )
    const ref = this.#b.parameter(name, held)
    this.#first.set(ref.id, held)
    return ref
  }

  #int(value: bigint): Ref {
    return this.#b.scalar('int64', value)
  }

  /** A product, in binary64. */
  product(x: Ref, y: Ref): Ref {
    return this.#b.cast(this.#b.matmul(this.#b.cast(x, 'float64'), this.#b.cast(y, 'float64')), 'int64')
  }

  sub(x: Ref, y: Ref): Ref {
    return this.#b.sub(x, y)
  }

  turn(x: Ref): Ref {
    return this.#b.transpose(x, [1, 0])
  }

  /** x + 1 / 2. */
  plusHalf(x: Ref): Ref {
    return this.#b.add(x, this.#int(1n << BigInt(UNIT - 1)))
  }

  /** x in units of 2^shift, halves up. */
  round(x: Ref, shift: number): Ref {
    const raised = this.#b.add(x, this.#int(1n << BigInt(shift - 1)))
    const unit = this.#int(1n << BigInt(shift))
    return this.#b.div(this.#b.sub(raised, this.#b.op('Mod', [raised, unit])), unit)
  }

  clamp(x: Ref, { lo, hi }: Interval): Ref {
    return this.#b.min(this.#b.max(x, this.#int(lo)), this.#int(hi))
  }

  /** x w + b in units of 2^-(7 + fine): the bias is lifted to the scale of the products. */
  affine(x: Ref, { w, b }: Layer): Ref {
    return this.#b.add(this.product(x, w), this.#b.mul(b, this.#int(1n << BigInt(UNIT))))
  }

  /** Where z >= 0, x; else 0. */
  where(z: Ref, x: Ref): Ref {
    return this.#b.mul(x, this.#b.cast(this.#b.not(this.#b.less(z, this.#int(0n))), 'int64'))
  }

  /** A layer after the step: its weights less the gradient, which are sums over the batch of what went in times what came back. */
  descend({ w, b }: Layer, x: Ref, error: Ref): [Ref, Ref][] {
    const sums = this.#b.op('ReduceSum', [this.turn(error)], { axes: 1 })
    const lifted = this.#b.mul(sums, this.#int(1n << BigInt(UNIT)))
    return [
      [w, this.#b.sub(w, this.product(this.turn(x), error))],
      [b, this.#b.sub(b, lifted)],
    ]
  }

  finish(carries: readonly (readonly [Ref, Ref])[], given: Readonly<Record<string, Interval>> = {}): IntegerStep {
    const { program, state } = this.#b.finish({ outputs: [], carries })
    const weights = Object.fromEntries(program.names.parameters.map((name) => [name, WEIGHT]))
    return {
      program,
      state: state.map(({ id }) => this.#first.get(id)!),
      given: { ...weights, ...given },
      inputs: this.#inputs,
      fine: this.fine,
    }
  }
}

/** A step of linear regression: t is near x w + b. Errors are clamped to -1 .. 1. Weights `w`, `b`. @throws Fault `quantize/bad-scale`. */
export function linearStep({
  features,
  outputs = 1,
  ...options
}: StepOptions & { features: number; outputs?: number }): IntegerStep {
  const s = new Step(options)
  const [x, t] = [s.input('x', features), s.input('t', outputs)]
  const layer = s.layer([features, outputs])
  const y = s.round(s.affine(x, layer), s.fine)
  return s.finish(s.descend(layer, x, s.clamp(s.sub(y, t), NUMBER)))
}

/**
 * A step of logistic regression: t is 0 or 1 (held as 127 / 128), its chance the hard sigmoid clamp(z / 4 + 1 / 2, 0, 1) of z = x w + b, the
 * gradient (chance - t) x, as that of cross entropy. Weights `w`, `b`. @throws Fault `quantize/bad-scale`.
 */
export function logisticStep({ features, ...options }: StepOptions & { features: number }): IntegerStep {
  const s = new Step(options)
  const [x, t] = [s.input('x', features), s.input('t', 1)]
  const layer = s.layer([features, 1])
  const chance = s.clamp(s.plusHalf(s.round(s.affine(x, layer), s.fine + 2)), POSITIVE)
  return s.finish(s.descend(layer, x, s.sub(chance, t)), { t: POSITIVE })
}

/**
 * A step of a network with one hidden ReLU layer (activations from 0 to 1) under squared loss. Weights `w1`, `b1`, `w2`, `b2`; a network of
 * 14, 8 and 2 has 138. @throws Fault `quantize/bad-scale`.
 */
export function hiddenLayerStep({
  sizes,
  ...options
}: StepOptions & { sizes: readonly [number, number, number] }): IntegerStep {
  const s = new Step(options)
  const [inputs, hidden, outputs] = sizes
  const [x, t] = [s.input('x', inputs), s.input('t', outputs)]
  const first = s.layer([inputs, hidden], { name: '1', drawn: true })
  const second = s.layer([hidden, outputs], { name: '2', drawn: true })
  const z = s.round(s.affine(x, first), s.fine)
  const h = s.clamp(z, POSITIVE)
  const error = s.clamp(s.sub(s.round(s.affine(h, second), s.fine), t), NUMBER)
  const back = s.clamp(s.round(s.product(error, s.turn(second.w)), s.fine), NUMBER)
  return s.finish([...s.descend(first, x, s.where(z, back)), ...s.descend(second, h, error)])
}
