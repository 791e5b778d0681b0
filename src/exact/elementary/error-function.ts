import type { Arithmetic } from './arithmetic.js'
import { polynomial } from './polynomial.js'
import { ERF } from './tables.js'

/** erf x by the polynomial of degree 5 of its cell, 128 cells to the unit. From 3.92 on the result is 1. */
export function erf<T, B>(m: Arithmetic<T, B>, x: T): T {
  const limit = 3.984375
  const bounded = m.max(m.where(m.less(x, m.constant(limit)), x, m.constant(limit)), m.constant(-limit))
  const t = m.mul(bounded, m.constant(128))
  const n = m.round(t)
  const coefficients = ERF.map((table) => m.gather(table, n))
  return m.where(m.isNaN(x), x, polynomial(m, coefficients, m.sub(t, n)))
}
