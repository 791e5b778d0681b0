/**
 * Gradients of the elementwise ops, arithmetic and elementary functions. Where a function has a corner, one side is taken:
 * Relu'(0) = 0, |0|' = 0, and of two equal operands of Max and Min the first takes the gradient.
 * @module
 */
import type { Builder, Ref } from '../../exact/builder.js'
import { only, unbroadcast, type Rule } from '../rule.js'

/** A function of one operand, by its derivative. */
const unary =
  (derivative: (b: Builder, x: Ref, y: Ref) => Ref): Rule =>
  (b, { inputs: [x], output, grad }) => [b.mul(grad, derivative(b, x, output))]

/** Two operands that broadcast: each partial gradient is summed where its operand was repeated. */
const binary =
  (partials: (b: Builder, at: { x: Ref; z: Ref; y: Ref; grad: Ref }) => readonly [Ref, Ref]): Rule =>
  (b, { inputs: [x, z], output: y, grad }) => {
    const [dx, dz] = partials(b, { x, z, y, grad })
    return [unbroadcast(b, dx, x.dims), unbroadcast(b, dz, z.dims)]
  }

const one = (b: Builder, x: Ref) => b.scalar(x.dtype, 1)
const reciprocal = (b: Builder, x: Ref) => b.div(one(b, x), x)
/** (1 - x) (1 + x): exact near 1, where 1 - x^2 would cancel. */
const coSquare = (b: Builder, x: Ref) => b.mul(b.sub(one(b, x), x), b.add(one(b, x), x))
const onePlusSquare = (b: Builder, x: Ref) => b.add(one(b, x), b.mul(x, x))

/** 2 / sqrt(pi), correctly rounded to binary64. */
const TWO_OVER_ROOT_PI = 1.1283791670955126

const ARITHMETIC: Readonly<Record<string, Rule>> = {
  Add: binary((_, { grad }) => [grad, grad]),
  Sub: binary((b, { grad }) => [grad, b.neg(grad)]),
  Mul: binary((b, { x, z, grad }) => [b.mul(grad, z), b.mul(grad, x)]),
  Div: binary((b, { z, y, grad }) => {
    const share = b.div(grad, z)
    return [share, b.neg(b.mul(share, y))]
  }),
  // x - n z with the whole number n = (x - y) / z, which is flat.
  Fmod: binary((b, { x, z, y, grad }) => [grad, b.neg(b.mul(grad, b.op('Round', [b.div(b.sub(x, y), z)])))]),
  Max: binary((b, { x, z, grad }) => chosen(b, b.less(x, z), grad)),
  Min: binary((b, { x, z, grad }) => chosen(b, b.less(z, x), grad)),
  Pow: binary((b, { x, z, y, grad }) => [b.mul(grad, powerSlope(b, x, z)), b.mul(grad, exponentSlope(b, x, y))]),
  Sqrt: unary((b, x, y) => b.div(b.scalar(x.dtype, 0.5), y)),
  Neg: (b, { grad }) => [b.neg(grad)],
  Abs: unary((b, x) => b.op('Sign', [x])),
  Relu: (b, { inputs: [x], grad }) => [only(b, b.less(b.scalar(x.dtype, 0), x), grad)],
  Floor: () => [undefined],
  Ceil: () => [undefined],
  Round: () => [undefined],
  Sign: () => [undefined],
  Where: (b, { inputs: [condition, x, z], grad }) => [
    undefined,
    unbroadcast(b, only(b, condition, grad), x.dims),
    unbroadcast(b, only(b, b.not(condition), grad), z.dims),
  ],
  Cast: (b, { inputs: [x], grad }) => [b.cast(grad, x.dtype)],
}

/** The gradient for the second operand where it is the one that was chosen, else for the first. */
function chosen(b: Builder, second: Ref, grad: Ref): readonly [Ref, Ref] {
  return [only(b, b.not(second), grad), only(b, second, grad)]
}

/** z x^(z - 1), and 0 for z = 0 wherever x is. */
function powerSlope(b: Builder, x: Ref, z: Ref): Ref {
  const slope = b.mul(z, b.op('Pow', [x, b.sub(z, one(b, z))]))
  return only(b, b.not(b.equal(z, b.scalar(z.dtype, 0))), slope)
}

/** y log(x), and 0 where x is not positive. */
function exponentSlope(b: Builder, x: Ref, y: Ref): Ref {
  return only(b, b.less(b.scalar(x.dtype, 0), x), b.mul(y, b.log(x)))
}

const ELEMENTARY: Readonly<Record<string, Rule>> = {
  Exp: unary((_b, _x, y) => y),
  Expm1: unary((b, x) => b.exp(x)),
  Log: unary((b, x) => reciprocal(b, x)),
  Log1p: unary((b, x) => reciprocal(b, b.add(one(b, x), x))),
  Tanh: unary((b, _x, y) => coSquare(b, y)),
  Sigmoid: unary((b, _x, y) => b.mul(y, b.sub(one(b, y), y))),
  Softplus: unary((b, x) => b.sigmoid(x)),
  Erf: unary((b, x) => b.mul(b.scalar(x.dtype, TWO_OVER_ROOT_PI), b.exp(b.neg(b.mul(x, x))))),
  Sin: unary((b, x) => b.op('Cos', [x])),
  Cos: unary((b, x) => b.neg(b.op('Sin', [x]))),
  Tan: unary((b, _x, y) => onePlusSquare(b, y)),
  Asin: unary((b, x) => reciprocal(b, b.sqrt(coSquare(b, x)))),
  Acos: unary((b, x) => b.neg(reciprocal(b, b.sqrt(coSquare(b, x))))),
  Atan: unary((b, x) => reciprocal(b, onePlusSquare(b, x))),
  Sinh: unary((b, x) => b.op('Cosh', [x])),
  Cosh: unary((b, x) => b.op('Sinh', [x])),
  Asinh: unary((b, x) => reciprocal(b, b.sqrt(onePlusSquare(b, x)))),
  Acosh: unary((b, x) => reciprocal(b, b.mul(b.sqrt(b.sub(x, one(b, x))), b.sqrt(b.add(x, one(b, x)))))),
  Atanh: unary((b, x) => reciprocal(b, coSquare(b, x))),
}

/** By name of the op. */
export const ELEMENTWISE_RULES: Readonly<Record<string, Rule>> = { ...ARITHMETIC, ...ELEMENTARY }
