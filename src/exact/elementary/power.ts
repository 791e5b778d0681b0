import type { Arithmetic } from './arithmetic.js'
import { fixedPolynomial } from './polynomial.js'
import { EXP_COEFFICIENTS, LOG_TAIL_COEFFICIENTS } from './tables.generated.js'
import { EXP, INVERSE, LOG, LOG_BASE, LOG_LAST, LOG_LOW } from './tables.js'

/** A number as a sum of two, the second much smaller. */
interface Split<T> {
  readonly high: T
  readonly low: T
}

/** The upper 26 bits of a number of magnitude below 2^990 (Veltkamp's splitting). */
function upperBits<T, B>(m: Arithmetic<T, B>, a: T): T {
  const scaled = m.mul(a, m.constant(134217729))
  return m.sub(scaled, m.sub(scaled, a))
}

/** The exact sum of a and a b that is smaller (or a = 0). */
function sumSplit<T, B>(m: Arithmetic<T, B>, a: T, b: T): Split<T> {
  const high = m.add(a, b)
  return { high, low: m.add(m.sub(a, high), b) }
}

/** log a for a positive binary32 number; relative error below 2^-59; `high` has 26 bits. Finite for any a. */
function logSplit<T, B>(m: Arithmetic<T, B>, a: T): Split<T> {
  const cell = m.min(m.max(m.sub(m.highBits(a, 45), m.constant(LOG_BASE)), m.constant(1)), m.constant(LOG_LAST - 1))
  const r = m.sub(m.mul(a, m.gather(INVERSE, cell)), m.constant(1))
  const tail = m.mul(m.mul(r, r), fixedPolynomial(m, LOG_TAIL_COEFFICIENTS, r))
  const small = sumSplit(m, r, tail)
  const sum = sumSplit(m, m.gather(LOG, cell), small.high)
  const high = upperBits(m, sum.high)
  return { high, low: m.add(m.sub(sum.high, high), m.add(sum.low, m.add(m.gather(LOG_LOW, cell), small.low))) }
}

/** e^(high + low) for high with at most 50 bits; infinite or zero in binary32 where |high| > 104. */
function expSplit<T, B>(m: Arithmetic<T, B>, { high, low }: Split<T>): T {
  const below = m.where(m.less(high, m.constant(104)), high, m.constant(104))
  const t = m.mul(m.max(below, m.constant(-104)), m.constant(64))
  const n = m.round(t)
  const rest = m.max(m.min(low, m.constant(0.0009765625)), m.constant(-0.0009765625))
  const f = m.add(m.sub(t, n), m.mul(rest, m.constant(64)))
  const s = m.gather(EXP, n)
  return m.add(s, m.mul(s, m.mul(fixedPolynomial(m, EXP_COEFFICIENTS, f), f)))
}

/**
 * The nearest number with 26 bits where that is as near as the error of z: powers that are exact, or half-way between
 * two binary32 numbers, become exact. A negligible price: other powers that near are decided like ties.
 */
function settle<T, B>(m: Arithmetic<T, B>, z: T): T {
  const short = upperBits(m, z)
  return m.where(m.less(m.abs(m.sub(z, short)), m.mul(z, m.constant(2 * Number.EPSILON))), short, z)
}

/** |x|^y where |x| is 0 or infinite or y is infinite: infinite, zero or 1. */
function extremePower<T, B>(m: Arithmetic<T, B>, a: T, y: T): T {
  const direction = m.mul(m.sub(a, m.constant(1)), y)
  const grows = m.where(m.less(m.constant(0), direction), m.constant(Infinity), m.constant(1))
  return m.where(m.less(direction, m.constant(0)), m.constant(0), grows)
}

/** |x|^y for numbers. */
function magnitude<T, B>(m: Arithmetic<T, B>, a: T, y: T): T {
  const { high, low } = logSplit(m, a)
  const finite = settle(m, expSplit(m, { high: m.mul(y, high), low: m.mul(y, low) }))
  const inside = m.and(m.less(m.constant(0), a), m.less(m.max(a, m.abs(y)), m.constant(Infinity)))
  return m.where(inside, finite, extremePower(m, a, y))
}

const isInteger = <T, B>(m: Arithmetic<T, B>, y: T): B => m.equal(m.round(y), y)

/**
 * x^y for binary32 operands, with the special cases of C (ISO C99, F.9.4.4): 1^y = x^0 = 1 even for NaN, NaN for a
 * negative number to a power that is not an integer, signed infinities and zeros by odd integers.
 *
 * This sequence of binary64 operations is the definition. Before `settle` its relative error is below 2^-51 (table and
 * last addition 2^-52 together, the logarithm's 2^-59 times at most 104 another 2^-52), after it below 2^-50: the result is
 * correctly rounded but for about one pair of operands in 2^25, and always where the power is exact or a tie.
 */
export function pow<T, B>(m: Arithmetic<T, B>, x: T, y: T): T {
  const size = magnitude(m, m.abs(x), y)
  const odd = m.and(isInteger(m, y), m.not(isInteger(m, m.mul(y, m.constant(0.5)))))
  const negative = m.equal(m.highBits(x, 63), m.constant(1))
  const signed = m.where(m.and(negative, odd), m.neg(size), size)
  const finiteNegative = m.and(m.less(x, m.constant(0)), m.less(m.constant(-Infinity), x))
  const undefinedPower = m.or(m.or(m.isNaN(x), m.isNaN(y)), m.and(finiteNegative, m.not(isInteger(m, y))))
  const one = m.or(m.equal(x, m.constant(1)), m.equal(y, m.constant(0)))
  return m.where(one, m.constant(1), m.where(undefinedPower, m.constant(NaN), signed))
}
