import type { Arithmetic } from './arithmetic.js'
import { polynomial } from './polynomial.js'
import { ERF } from './tables.js'

/**
 * erf x by the polynomial of degree 5 of its cell, 128 cells to the unit. From 3.92 on the result is 1. A NaN takes any cell and
 * stays in the offset.
 */
export function erf<T, B>(m: Arithmetic<T, B>, x: T): T {
  const [low, high, last] = [m.constant(-3.984375), m.constant(3.984375), m.constant(510)]
  const below = m.where(m.less(high, x), high, x)
  const t = m.mul(m.where(m.less(below, low), low, below), m.constant(128))
  const nearest = m.round(t)
  const n = m.where(m.less(nearest, last), nearest, last)
  const coefficients = ERF.map((table) => m.gather(table, n))
  return polynomial(m, coefficients, m.sub(t, n))
}
