/**
 * Sin, Cos, Tan for all finite inputs, Asin, Acos, Atan.
 * @module
 */
import type { Arithmetic } from './arithmetic.js'
import { fixedPolynomial, polynomial } from './polynomial.js'
import { COSM1_COEFFICIENTS, SIN_COEFFICIENTS } from './tables.generated.js'
import { ARCTANGENT, COS, SIN, TURN_HIGH, TURN_LOW } from './tables.js'

/** Sine and cosine at the nearest n of 4096 points of the circle, and sin and cos - 1 of the rest. */
interface Arc<T> {
  readonly sin: T
  readonly cos: T
  readonly sinRest: T
  readonly cosm1Rest: T
}

/**
 * x modulo 2 pi. The product of x with the upper part of 1/(2 pi), whole turns already removed for the exponent of x, is
 * exact; removing its whole turns is exact too; the lower part then adds at most 64 of 4096 points.
 */
function arcOf<T, B>(m: Arithmetic<T, B>, x: T): Arc<T> {
  const exponent = m.highBits(x, 52)
  const turns = m.mul(x, m.gather(TURN_HIGH, exponent))
  const high = m.mul(m.sub(turns, m.round(turns)), m.constant(4096))
  const low = m.mul(x, m.gather(TURN_LOW, exponent))
  const nearest = m.round(m.add(high, low))
  const n = m.where(m.less(nearest, m.constant(2113)), nearest, m.constant(0))
  const f = m.add(m.sub(high, n), low)
  const z = m.mul(f, f)
  return {
    sin: m.gather(SIN, n),
    cos: m.gather(COS, n),
    sinRest: m.mul(fixedPolynomial(m, SIN_COEFFICIENTS, z), f),
    cosm1Rest: m.mul(fixedPolynomial(m, COSM1_COEFFICIENTS, z), z),
  }
}

const sinOf = <T, B>(m: Arithmetic<T, B>, { sin, cos, sinRest, cosm1Rest }: Arc<T>): T =>
  m.add(sin, m.add(m.mul(cos, sinRest), m.mul(sin, cosm1Rest)))

const cosOf = <T, B>(m: Arithmetic<T, B>, { sin, cos, sinRest, cosm1Rest }: Arc<T>): T =>
  m.add(cos, m.sub(m.mul(cos, cosm1Rest), m.mul(sin, sinRest)))

/** sin x; NaN at the infinities. */
export function sin<T, B>(m: Arithmetic<T, B>, x: T): T {
  return sinOf(m, arcOf(m, x))
}

/** cos x; NaN at the infinities. */
export function cos<T, B>(m: Arithmetic<T, B>, x: T): T {
  return cosOf(m, arcOf(m, x))
}

/** tan x; NaN at the infinities. */
export function tan<T, B>(m: Arithmetic<T, B>, x: T): T {
  const arc = arcOf(m, x)
  return m.div(sinOf(m, arc), cosOf(m, arc))
}

/** 2 atan g by the polynomial of its cell, |g| <= 1 or NaN. */
function twiceArctangent<T, B>(m: Arithmetic<T, B>, g: T): T {
  const t = m.mul(g, m.constant(256))
  const nearest = m.round(t)
  const n = m.where(m.less(nearest, m.constant(256)), nearest, m.constant(256))
  const coefficients = ARCTANGENT.map((table) => m.gather(table, n))
  return polynomial(m, coefficients, m.sub(t, n))
}

/** asin x = 2 atan(x / (1 + sqrt(1 - x^2))); NaN beyond 1. */
export function asin<T, B>(m: Arithmetic<T, B>, x: T): T {
  const cosine = m.sqrt(m.sub(m.constant(1), m.mul(x, x)))
  return twiceArctangent(m, m.div(x, m.add(cosine, m.constant(1))))
}

/** acos x = 4 atan(sqrt(1 - x) / (sqrt 2 + sqrt(1 + x))); NaN beyond 1. */
export function acos<T, B>(m: Arithmetic<T, B>, x: T): T {
  const sine = m.sqrt(m.sub(m.constant(1), x))
  const cosine = m.sqrt(m.add(m.constant(1), x))
  return m.mul(twiceArctangent(m, m.div(sine, m.add(cosine, m.constant(1.4142135623730951)))), m.constant(2))
}

/** atan x = 2 atan(x / (1 + sqrt(1 + x^2))). */
export function atan<T, B>(m: Arithmetic<T, B>, x: T): T {
  const bounded = m.max(m.where(m.less(x, m.constant(1e20)), x, m.constant(1e20)), m.constant(-1e20))
  const root = m.sqrt(m.add(m.mul(bounded, bounded), m.constant(1)))
  return m.where(m.isNaN(x), x, twiceArctangent(m, m.div(bounded, m.add(root, m.constant(1)))))
}
