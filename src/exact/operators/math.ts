/**
 * Arithmetic, elementary functions and activations: operators that work element by element.
 * Sources: ONNX Operators and the function bodies in onnx/defs/math and onnx/defs/nn, except where docs/numerics.md says otherwise.
 * @module
 */
import { DTYPES, isFloat, sizeOf, type DType } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { broadcastDims } from '../ops/broadcast.js'

type Unary = (b: Builder, x: Ref, node: NodeView) => Ref

/** An operator of one operand, in force from an opset on. */
const unary = (op: string, since: number, f: Unary): OperatorRow =>
  operator(op, since, (b, node) => [f(b, node.input(0), node)])

/** An operator that is the exact op of its name. */
const same = (op: string): OperatorRow => unary(op, 1, (b, x) => b.op(op, [x]))

/** A float attribute as a constant of the type of `x`, as CastLike makes it. */
const attribute = (b: Builder, x: Ref, value: number): Ref =>
  b.cast(b.scalar(isFloat(x.dtype) ? x.dtype : 'float32', value), x.dtype)

const one = (b: Builder, x: Ref): Ref => b.scalar(x.dtype, 1)
const zero = (b: Builder, x: Ref): Ref => b.scalar(x.dtype, 0)

/** f(x) where x < 0, else x. */
const belowZero = (b: Builder, x: Ref, negative: Ref): Ref => b.where(b.less(x, zero(b, x)), negative, x)

// ---------------------------------------------------------------- variadic operators

/** All operands joined from left to right. */
function fold(node: NodeView, join: (a: Ref, b: Ref) => Ref): Ref {
  let result = node.input(0)
  for (let i = 1; i < node.inputCount; i++) result = join(result, node.input(i))
  return result
}

function mean(b: Builder, node: NodeView): Ref {
  const sum = fold(node, b.add)
  return node.inputCount === 1 ? sum : b.div(sum, b.scalar(sum.dtype, node.inputCount))
}

// ---------------------------------------------------------------- Mod and Pow

/** ONNX: fmod = 0 takes the sign of the divisor and is for integers, fmod = 1 that of the dividend. */
function mod(b: Builder, node: NodeView): Ref {
  const [x, y] = [node.input(0), node.input(1)]
  const fmod = node.int('fmod', 0) === 1
  if (isFloat(x.dtype)) return fmod ? b.op('Fmod', [x, y]) : refuse(`Mod of ${x.dtype} with fmod = 0`)
  return fmod ? b.sub(x, b.mul(b.div(x, y), y)) : b.op('Mod', [x, y])
}

/** Powers that are a few exact ops. */
const POWERS = new Map<number, Unary>([
  [2, (b, x) => b.mul(x, x)],
  [3, (b, x) => b.mul(b.mul(x, x), x)],
  [-1, (b, x) => b.div(one(b, x), x)],
  [0.5, (b, x) => b.sqrt(x)],
  [-0.5, (b, x) => b.div(one(b, x), b.sqrt(x))],
])

/** The exponent where it is one number of the file. */
function fixedExponent(node: NodeView): number | undefined {
  const exponent = node.input(1)
  const given = exponent.value ?? exponent.initial
  if (given === undefined || sizeOf(given.dims) !== 1) return undefined
  const value = Number(given.data[0])
  return exponent.dtype === 'float16' || exponent.dtype === 'bfloat16' || !POWERS.has(value) ? undefined : value
}

/** Integer powers by squaring, wrapping; a negative exponent gives the truncated quotient 1 / x^-y, 0 for x = 0. */
function integerPower(b: Builder, x: Ref, y: Ref): Ref {
  const { bytes, kind } = DTYPES[y.dtype]
  const bits = 8 * bytes - (kind === 'signed' ? 1 : 0)
  const bit = (k: number) => {
    const mask = b.scalar(y.dtype, 1n << BigInt(k))
    return b.equal(b.op('BitwiseAnd', [y, mask]), mask)
  }
  let [power, result] = [x, one(b, x)]
  for (let k = 0; k < bits; k++) {
    result = b.where(bit(k), b.mul(result, power), result)
    if (k + 1 < bits) power = b.mul(power, power)
  }
  if (kind === 'unsigned') return result
  const minusOne = b.scalar(x.dtype, -1)
  const unit = b.where(b.equal(x, minusOne), b.where(bit(0), minusOne, one(b, x)), zero(b, x))
  return b.where(b.less(y, zero(b, y)), b.where(b.equal(x, one(b, x)), x, unit), result)
}

/** The general power of floats. Integer exponents may be longer than float32 holds: they decide the sign by their last bit. */
function floatPower(b: Builder, x: Ref, y: Ref): Ref {
  if (isFloat(y.dtype)) return b.cast(b.op('Pow', [b.cast(x, 'float32'), b.cast(y, 'float32')]), x.dtype)
  const base = b.cast(x, 'float32')
  const size = b.op('Pow', [b.abs(base), b.cast(y, 'float32')])
  const odd = b.equal(b.op('BitwiseAnd', [y, one(b, y)]), one(b, y))
  const negative = b.and(odd, b.less(base, zero(b, base)))
  return b.cast(b.where(negative, b.neg(size), size), x.dtype)
}

/** Integers to a power of floats: integral exponents are powers of integers, the others are computed in float32 and truncated. */
function mixedPower(b: Builder, x: Ref, y: Ref): Ref {
  const whole = b.cast(y, 'int64')
  const integral = b.equal(b.cast(whole, y.dtype), y)
  const fractional = b.op('Pow', [b.cast(x, 'float32'), b.cast(y, 'float32')])
  return b.where(integral, integerPower(b, x, whole), b.cast(fractional, x.dtype))
}

function pow(b: Builder, node: NodeView): Ref {
  const [x, y] = [node.input(0), node.input(1)]
  const exponent = fixedExponent(node)
  if (isFloat(x.dtype) && exponent !== undefined) {
    node.constant(1)
    return b.expand(POWERS.get(exponent)!(b, x, node), broadcastDims(x.dims, y.dims))
  }
  if (x.dtype === 'float64') refuse('Pow of float64 with a general exponent')
  if (isFloat(x.dtype)) return floatPower(b, x, y)
  return isFloat(y.dtype) ? mixedPower(b, x, y) : integerPower(b, x, y)
}

// ---------------------------------------------------------------- activations

/** Min(max, Max(x, min)), where the bounds are given. */
function clip(b: Builder, x: Ref, [low, high]: readonly (Ref | undefined)[]): Ref {
  const above = low === undefined ? x : b.max(x, low)
  return high === undefined ? above : b.min(above, high)
}

/** Bounds before opset 11 are attributes. */
const clipByAttributes: Unary = (b, x, node) =>
  clip(
    b,
    x,
    ['min', 'max'].map((name) => (node.has(name) ? attribute(b, x, node.float(name)) : undefined)),
  )

export const elu = (b: Builder, x: Ref, alpha: number): Ref =>
  belowZero(b, x, b.mul(attribute(b, x, alpha), b.sub(b.exp(x), one(b, x))))

const selu: Unary = (b, x, node) => {
  const alpha = attribute(b, x, node.float('alpha', 1.6732631921768188))
  const gamma = attribute(b, x, node.float('gamma', 1.0507010221481323))
  const negative = b.mul(gamma, b.sub(b.mul(alpha, b.exp(x)), alpha))
  return b.where(b.less(x, zero(b, x)), negative, b.mul(gamma, x))
}

const celu: Unary = (b, x, node) => {
  const alpha = attribute(b, x, node.float('alpha', 1))
  return b.mul(alpha, elu(b, b.div(x, alpha), 1))
}

const gelu: Unary = (b, x, node) => {
  const approximate = node.string('approximate', 'none')
  if (approximate !== 'none' && approximate !== 'tanh') refuse(`Gelu with approximate = ${approximate}`)
  const number = (value: number) => attribute(b, x, value)
  const half = b.mul(number(0.5), x)
  if (approximate === 'none') return b.mul(half, b.add(one(b, x), b.op('Erf', [b.div(x, b.sqrt(number(2)))])))
  const cube = b.mul(b.mul(x, x), x)
  const inner = b.mul(b.sqrt(number(0.63661977236)), b.add(x, b.mul(number(0.044715), cube)))
  return b.mul(half, b.add(one(b, x), b.tanh(inner)))
}

export const hardSigmoid = (b: Builder, x: Ref, { alpha, beta }: { alpha: number; beta: number }): Ref => {
  const line = b.add(b.mul(x, attribute(b, x, alpha)), attribute(b, x, beta))
  return b.max(b.min(line, one(b, x)), zero(b, x))
}

export const swish = (b: Builder, x: Ref, alpha: number): Ref =>
  b.mul(x, b.sigmoid(alpha === 1 ? x : b.mul(attribute(b, x, alpha), x)))

const shrink: Unary = (b, x, node) => {
  const [lambda, bias] = [attribute(b, x, node.float('lambd', 0.5)), attribute(b, x, node.float('bias', 0))]
  const above = b.where(b.less(lambda, x), b.sub(x, bias), zero(b, x))
  return b.where(b.less(x, b.neg(lambda)), b.add(x, bias), above)
}

/** Inference passes the data on; the mask then is all ones. */
function dropout(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const training = node.optional(2) !== undefined && Number(node.constant(2).data[0]) !== 0
  const ratio = training && node.optional(1) !== undefined ? Number(node.constant(1).data[0]) : 0.5
  if (training && ratio !== 0) refuse('Dropout in training mode (a random operator)')
  return [x, maskOf(b, x, 'bool')]
}

const maskOf = (b: Builder, x: Ref, dtype: DType): Ref => b.full({ dtype, dims: x.dims }, 1)

/** Before opset 12 a node of a file says nothing of training; before opset 10 the mask has the type of the data. */
const oldDropout = (b: Builder, node: NodeView, mask: DType): Ref[] => {
  const x = node.input(0)
  return node.outputs.length > 1 ? [x, maskOf(b, x, mask)] : [x]
}

const SAME_NAMES = [
  'Sqrt',
  'Neg',
  'Abs',
  'Sign',
  'Floor',
  'Ceil',
  'Round',
  'Relu',
  'Exp',
  'Log',
  'Tanh',
  'Sigmoid',
  'Softplus',
  'Erf',
  'Sin',
  'Cos',
  'Tan',
  'Asin',
  'Acos',
  'Atan',
  'Sinh',
  'Cosh',
  'Asinh',
  'Acosh',
  'Atanh',
]

/** Rows of the operators that work element by element on numbers. */
export const MATH: readonly OperatorRow[] = [
  ...SAME_NAMES.map(same),
  ...['Add', 'Sub', 'Mul', 'Div'].map((op) => operator(op, 7, (b, node) => [b.op(op, [node.input(0), node.input(1)])])),
  operator('Identity', 1, (_, node) => [node.input(0)]),
  operator('Max', 6, (b, node) => [fold(node, b.max)]),
  operator('Min', 6, (b, node) => [fold(node, b.min)]),
  operator('Sum', 6, (b, node) => [fold(node, b.add)]),
  operator('Mean', 6, (b, node) => [mean(b, node)]),
  operator('Mod', 10, (b, node) => [mod(b, node)]),
  operator('Pow', 7, (b, node) => [pow(b, node)]),
  unary('Reciprocal', 6, (b, x) => b.div(one(b, x), x)),
  unary('Clip', 6, clipByAttributes),
  unary('Clip', 11, (b, x, node) => clip(b, x, [node.optional(1), node.optional(2)])),
  unary('LeakyRelu', 6, (b, x, node) => belowZero(b, x, b.mul(attribute(b, x, node.float('alpha', 0.01)), x))),
  unary('PRelu', 7, (b, x, node) => belowZero(b, x, b.mul(node.input(1), x))),
  unary('ThresholdedRelu', 10, (b, x, node) =>
    b.where(b.less(attribute(b, x, node.float('alpha', 1)), x), x, zero(b, x)),
  ),
  unary('Elu', 6, (b, x, node) => elu(b, x, node.float('alpha', 1))),
  unary('Selu', 6, selu),
  unary('Celu', 12, celu),
  unary('Gelu', 20, gelu),
  unary('Mish', 18, (b, x) => b.mul(x, b.tanh(b.op('Softplus', [x])))),
  unary('HardSigmoid', 6, (b, x, node) =>
    hardSigmoid(b, x, { alpha: node.float('alpha', 0.2), beta: node.float('beta', 0.5) }),
  ),
  unary('HardSwish', 14, (b, x) => b.mul(x, hardSigmoid(b, x, { alpha: 0.16666667163372, beta: 0.5 }))),
  unary('Swish', 24, (b, x, node) => swish(b, x, node.float('alpha', 1))),
  unary('SwiGLU', 28, (b, x, node) => b.mul(swish(b, x, node.float('alpha', 1)), node.input(1))),
  unary('Softsign', 1, (b, x) => b.div(x, b.add(one(b, x), b.abs(x)))),
  unary('Shrink', 9, shrink),
  operator('Dropout', 7, (b, node) => oldDropout(b, node, node.input(0).dtype)),
  operator('Dropout', 10, (b, node) => oldDropout(b, node, 'bool')),
  operator('Dropout', 12, dropout),
]
