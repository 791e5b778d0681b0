import type { Arithmetic } from './arithmetic.js'

/** c[0] + x (c[1] + x (c[2] + ...)), by Horner's rule: one multiplication and one addition for each power. */
export function polynomial<T, B>(m: Arithmetic<T, B>, coefficients: readonly T[], x: T): T {
  let value = coefficients[coefficients.length - 1]
  for (let i = coefficients.length - 2; i >= 0; i--) value = m.add(m.mul(value, x), coefficients[i])
  return value
}

/** The same with constant coefficients. */
export function fixedPolynomial<T, B>(m: Arithmetic<T, B>, coefficients: readonly number[], x: T): T {
  let value = m.constant(coefficients[coefficients.length - 1])
  for (let i = coefficients.length - 2; i >= 0; i--) value = m.add(m.mul(value, x), m.constant(coefficients[i]))
  return value
}
