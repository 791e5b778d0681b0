/**
 * Log, Log1p, Softplus, Asinh, Acosh, Atanh. With c about 1/u from a table of 27-bit numbers, r = u c - 1 is small and
 * log u = -log c + log(1 + r). The table is indexed by the exponent and the upper 7 bits of the mantissa of u.
 * @module
 */
import type { Arithmetic } from './arithmetic.js'
import { exp } from './exponential.js'
import { fixedPolynomial } from './polynomial.js'
import { LOG1P_COEFFICIENTS, LOG_COEFFICIENTS } from './tables.generated.js'
import { INVERSE, LOG, LOG_BASE, LOG_LAST } from './tables.js'

/** The table index of u: 0 for u below 2^-149, the last one for infinity, NaN and negative numbers with -0. */
function cellOf<T, B>(m: Arithmetic<T, B>, u: T): T {
  const cell = m.sub(m.highBits(u, 45), m.constant(LOG_BASE))
  return m.min(m.max(cell, m.constant(0)), m.constant(LOG_LAST))
}

/** log(1 + v) for every binary64 v, relatively accurate: r = v c + (c - 1), log(1 + r) = r (one + r q(r)). */
function log1pOf<T, B>(m: Arithmetic<T, B>, v: T, one: T): T {
  const cell = cellOf(m, m.add(v, m.constant(1)))
  const c = m.gather(INVERSE, cell)
  const r = m.add(m.mul(v, c), m.sub(c, m.constant(1)))
  const slope = m.add(one, m.mul(r, fixedPolynomial(m, LOG1P_COEFFICIENTS, r)))
  return m.add(m.gather(LOG, cell), m.mul(slope, r))
}

/** An input, and its result, which the evaluation gets wrong otherwise. */
type Patch = readonly [input: number, result: number]

const patched = <T, B>(m: Arithmetic<T, B>, x: T, y: T, [input, result]: Patch): T =>
  m.where(m.equal(x, m.constant(input)), m.constant(result), y)

/** 36dedace -> 36deda9d and bb0ec8c4 -> bb0ef0a5. */
const LOG1P_PATCHES: readonly Patch[] = [
  [6.641587788180914e-6, 6.64156550556072e-6],
  [-0.0021787146106362343, -0.0021810915786772966],
]

/** 4bdd65a5 -> 418f034a: the one table entry behind it has to serve asinh of the same number, which is rounded up. */
const ACOSH_PATCH: Patch = [29018954, 17.876605987548828]

/**
 * log(1 + x). In x - x^2/2 + x^3/3 - x^4/4 the first two or three terms can end half-way between two binary32 numbers while
 * the rest is lost in binary64 (x = 35400003, b53ffffd and a few others). The rest always lies upwards for those, so the
 * coefficient 1 of r is a unit too large for positive, too small for negative x.
 */
export function log1p<T, B>(m: Arithmetic<T, B>, x: T): T {
  const upwards = m.where(m.less(x, m.constant(0)), m.constant(BELOW_ONE), m.constant(ABOVE_ONE))
  return patched(m, x, patched(m, x, log1pOf(m, x, upwards), LOG1P_PATCHES[0]), LOG1P_PATCHES[1])
}

const ABOVE_ONE = 1 + Number.EPSILON
const BELOW_ONE = 1 - Number.EPSILON

/** Less than any binary32 number; adding it takes the sign from -0. */
const TINY = 2e-60

/** log x; -infinity for both zeros, NaN below. */
export function log<T, B>(m: Arithmetic<T, B>, x: T): T {
  const cell = cellOf(m, m.add(x, m.constant(TINY)))
  const r = m.sub(m.mul(x, m.gather(INVERSE, cell)), m.constant(1))
  return m.add(m.gather(LOG, cell), m.mul(fixedPolynomial(m, LOG_COEFFICIENTS, r), r))
}

/** log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
export function softplus<T, B>(m: Arithmetic<T, B>, x: T): T {
  return m.add(m.max(x, m.constant(0)), log1pOf(m, exp(m, m.neg(m.abs(x))), m.constant(1)))
}

/** y with the sign of x. */
const signed = <T, B>(m: Arithmetic<T, B>, x: T, y: T): T => m.where(m.less(x, m.constant(0)), m.neg(y), y)

/** asinh x = sign(x) log(1 + v), v = |x| + x^2 / (1 + sqrt(1 + x^2)). */
export function asinh<T, B>(m: Arithmetic<T, B>, x: T): T {
  const a = m.abs(x)
  const square = m.mul(x, x)
  const root = m.sqrt(m.add(square, m.constant(1)))
  const y = log1pOf(m, m.add(a, m.div(square, m.add(root, m.constant(1)))), m.constant(1))
  return signed(m, x, m.where(m.less(a, m.constant(Infinity)), y, a))
}

/** acosh x = log(1 + t + sqrt(t) sqrt(t + 2)), t = x - 1; NaN below 1. */
export function acosh<T, B>(m: Arithmetic<T, B>, x: T): T {
  const t = m.sub(x, m.constant(1))
  const y = log1pOf(m, m.add(t, m.mul(m.sqrt(t), m.sqrt(m.add(t, m.constant(2))))), m.constant(1))
  return patched(m, x, y, ACOSH_PATCH)
}

/** atanh x = sign(x) log(1 + 2 |x| / (1 - |x|)) / 2; infinite at 1 and -1, NaN beyond. */
export function atanh<T, B>(m: Arithmetic<T, B>, x: T): T {
  const a = m.abs(x)
  const y = log1pOf(m, m.div(m.add(a, a), m.sub(m.constant(1), a)), m.constant(1))
  return m.mul(y, m.where(m.less(x, m.constant(0)), m.constant(-0.5), m.constant(0.5)))
}
