/**
 * The elementary functions of one argument: correctly rounded in binary32 for every input.
 * @module
 */
import type { Arithmetic } from './arithmetic.js'
import { erf } from './error-function.js'
import { cosh, exp, expm1, sigmoid, sinh, tanh } from './exponential.js'
import { acosh, asinh, atanh, log, log1p, softplus } from './logarithm.js'
import { numbers } from './numbers.js'
import { pow } from './power.js'
import { acos, asin, atan, cos, sin, tan } from './trigonometric.js'

export type { Arithmetic, Table } from './arithmetic.js'
export { numbers } from './numbers.js'
export { pow } from './power.js'
export { TABLES } from './tables.js'

/** A function from the binary64 value of a binary32 number to a binary64 number that rounds to the right binary32 number. */
export type ElementaryFunction = <T, B>(m: Arithmetic<T, B>, x: T) => T

const FUNCTIONS = {
  Exp: exp,
  Expm1: expm1,
  Log: log,
  Log1p: log1p,
  Tanh: tanh,
  Sigmoid: sigmoid,
  Softplus: softplus,
  Erf: erf,
  Sin: sin,
  Cos: cos,
  Tan: tan,
  Asin: asin,
  Acos: acos,
  Atan: atan,
  Sinh: sinh,
  Cosh: cosh,
  Asinh: asinh,
  Acosh: acosh,
  Atanh: atanh,
} satisfies Record<string, ElementaryFunction>

/** Name of an elementary function, as ONNX has it where ONNX has it. */
export type ElementaryName = keyof typeof FUNCTIONS

/** The elementary functions by name. */
export const ELEMENTARY: Readonly<Record<ElementaryName, ElementaryFunction>> = FUNCTIONS

/**
 * The binary32 power of two binary32 numbers, by the fixed sequence of operations of `pow`; a zero result is +0.
 */
export function evaluatePow(x: number, y: number): number {
  return Math.fround(pow(numbers, x, y)) + 0
}

/** The correctly rounded binary32 result for a binary32 number; a zero result is +0. */
export function evaluate(name: ElementaryName, x: number): number {
  return Math.fround(FUNCTIONS[name](numbers, x)) + 0
}
