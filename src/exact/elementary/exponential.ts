/**
 * Exp, Expm1, Sigmoid, Tanh, Sinh, Cosh. With x = (n + f) / 64 (or 128), n integral and |f| <= 1/2, everything follows from a
 * table at n/64 and a short polynomial in f; n/64 and f are exact for binary32 inputs, so no reduction error arises.
 * @module
 */
import type { Arithmetic, Table } from './arithmetic.js'
import { fixedPolynomial } from './polynomial.js'
import { COSHM1_COEFFICIENTS, EXP_COEFFICIENTS, EXPM1_COEFFICIENTS, SINH_COEFFICIENTS } from './tables.generated.js'
import { COSH, EXP, EXPM1, SINH } from './tables.js'

/** Where t = n + f: n, the table index, and f. */
interface Cell<T> {
  readonly index: T
  readonly offset: T
}

/**
 * The cell of t with its index at most `last`: a NaN gets the index `last` and stays in the offset, and beyond `last`
 * the offset grows without bound, so that infinities come out by themselves.
 */
function cellBelow<T, B>(m: Arithmetic<T, B>, t: T, last: number): Cell<T> {
  const nearest = m.round(t)
  const index = m.where(m.less(nearest, m.constant(last)), nearest, m.constant(last))
  return { index, offset: m.sub(t, index) }
}

/** At least `low`, a NaN staying NaN. */
const atLeast = <T, B>(m: Arithmetic<T, B>, x: T, low: number): T =>
  m.where(m.less(x, m.constant(low)), m.constant(low), x)

/** At most `bound` in magnitude, a NaN becoming a number in that range. */
const within = <T, B>(m: Arithmetic<T, B>, x: T, bound: number): T =>
  m.max(m.where(m.less(x, m.constant(bound)), x, m.constant(bound)), m.constant(-bound))

/** e^(t/64) where t is not below -6656; relative error below 2^-52. */
function expOf<T, B>(m: Arithmetic<T, B>, t: T): T {
  const { index, offset } = cellBelow(m, t, 6656)
  const s = m.gather(EXP, index)
  const p = m.mul(fixedPolynomial(m, EXP_COEFFICIENTS, offset), offset)
  return m.add(s, m.mul(s, p))
}

/**
 * e^((n + f)/128) - 1 = E + (E + 1) p with E = e^(n/128) - 1 and p = e^(f/128) - 1; relative error below 2^-51. The finer
 * cells give p its relative accuracy near zero, where nothing else is added.
 */
function expm1Of<T, B>(m: Arithmetic<T, B>, { index, offset }: Cell<T>): T {
  const e = m.gather(EXPM1, index)
  const p = m.mul(fixedPolynomial(m, EXPM1_COEFFICIENTS, offset), offset)
  return m.add(e, m.mul(m.add(e, m.constant(1)), p))
}

/** e^x. */
export function exp<T, B>(m: Arithmetic<T, B>, x: T): T {
  return expOf(m, m.mul(atLeast(m, x, -104), m.constant(64)))
}

/** e^x - 1. */
export function expm1<T, B>(m: Arithmetic<T, B>, x: T): T {
  return expm1Of(m, cellBelow(m, m.mul(atLeast(m, x, -18), m.constant(128)), 11392))
}

/**
 * 1 / (1 + e^-x). Near zero the true value is 1/2 + x/4 - x^3/48, and x^3/48 can be lost in binary64 where 1/2 + x/4 is
 * half-way between two binary32 numbers. The numerator, one unit off in the direction of 1/2, settles those.
 */
export function sigmoid<T, B>(m: Arithmetic<T, B>, x: T): T {
  const e = expOf(m, atLeast(m, m.mul(x, m.constant(-64)), -6656))
  const one = m.where(m.less(x, m.constant(0)), m.constant(1 + Number.EPSILON), m.constant(1 - Number.EPSILON / 2))
  return m.div(one, m.add(m.constant(1), e))
}

/** tanh x = (e^2x - 1) / (e^2x + 1). */
export function tanh<T, B>(m: Arithmetic<T, B>, x: T): T {
  const t = m.mul(within(m, x, 9.5), m.constant(256))
  const index = m.round(t)
  const e = expm1Of(m, { index, offset: m.sub(t, index) })
  return m.where(m.isNaN(x), x, m.div(e, m.add(e, m.constant(2))))
}

/** A + (B sinh(f/64) + A (cosh(f/64) - 1)): sinh from A = sinh(n/64) and B = cosh(n/64), cosh from the two exchanged. */
function hyperbolic<T, B>(m: Arithmetic<T, B>, x: T, [same, other]: readonly [Table, Table]): T {
  const t = m.mul(x, m.constant(64))
  const nearest = m.round(t)
  const index = within(m, nearest, 5760)
  const f = m.sub(t, index)
  const z = m.mul(f, f)
  const s = m.mul(fixedPolynomial(m, SINH_COEFFICIENTS, z), f)
  const c = m.mul(fixedPolynomial(m, COSHM1_COEFFICIENTS, z), z)
  const a = m.gather(same, index)
  return m.add(a, m.add(m.mul(m.gather(other, index), s), m.mul(a, c)))
}

/** sinh x. */
export function sinh<T, B>(m: Arithmetic<T, B>, x: T): T {
  return hyperbolic(m, x, [SINH, COSH])
}

/** cosh x. */
export function cosh<T, B>(m: Arithmetic<T, B>, x: T): T {
  return hyperbolic(m, x, [COSH, SINH])
}
