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

/** log(1 + v) for every binary64 v, relatively accurate: r = v c + (c - 1). */
function log1pOf<T, B>(m: Arithmetic<T, B>, v: T, coefficients: readonly number[] = LOG1P_COEFFICIENTS): T {
  const cell = cellOf(m, m.add(v, m.constant(1)))
  const c = m.gather(INVERSE, cell)
  const r = m.add(m.mul(v, c), m.sub(c, m.constant(1)))
  return m.add(m.gather(LOG, cell), m.mul(fixedPolynomial(m, coefficients, r), r))
}

/**
 * 1 + 2^-51 in the place of 1. In log(1 + x) = x - x^2/2 + x^3/3 the first two terms can end half-way between two binary32
 * numbers while the third is lost in binary64 (x = 35400003 and three others); it always leads away from zero, as this does.
 */
const OUTWARD = 1 + 2 * Number.EPSILON

/** log(1 + x). */
export function log1p<T, B>(m: Arithmetic<T, B>, x: T): T {
  return log1pOf(m, x, [OUTWARD, ...LOG1P_COEFFICIENTS.slice(1)])
}

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
  return m.add(m.max(x, m.constant(0)), log1pOf(m, exp(m, m.neg(m.abs(x)))))
}

/** y with the sign of x. */
const signed = <T, B>(m: Arithmetic<T, B>, x: T, y: T): T => m.where(m.less(x, m.constant(0)), m.neg(y), y)

/** asinh x = sign(x) log(1 + v), v = |x| + x^2 / (1 + sqrt(1 + x^2)). */
export function asinh<T, B>(m: Arithmetic<T, B>, x: T): T {
  const a = m.abs(x)
  const square = m.mul(x, x)
  const root = m.sqrt(m.add(square, m.constant(1)))
  const y = log1pOf(m, m.add(a, m.div(square, m.add(root, m.constant(1)))))
  return signed(m, x, m.where(m.less(a, m.constant(Infinity)), y, a))
}

/** acosh x = log(1 + t + sqrt(t) sqrt(t + 2)), t = x - 1; NaN below 1. */
export function acosh<T, B>(m: Arithmetic<T, B>, x: T): T {
  const t = m.sub(x, m.constant(1))
  return log1pOf(m, m.add(t, m.mul(m.sqrt(t), m.sqrt(m.add(t, m.constant(2))))))
}

/** atanh x = sign(x) log(1 + 2 |x| / (1 - |x|)) / 2; infinite at 1 and -1, NaN beyond. */
export function atanh<T, B>(m: Arithmetic<T, B>, x: T): T {
  const a = m.abs(x)
  const y = log1pOf(m, m.div(m.add(a, a), m.sub(m.constant(1), a)))
  return m.mul(y, m.where(m.less(x, m.constant(0)), m.constant(-0.5), m.constant(0.5)))
}
