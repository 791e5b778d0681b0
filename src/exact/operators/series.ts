/**
 * Sines, logarithms and exponentials of constants, by series in fixed point: for tables that are made when compiling.
 * @module
 */
import type { Rational } from './rational.js'

/** Bits after the point; results are right to about 2^-150. */
const BITS = 160n
const UNIT = 1n << BITS

/** x - x^3/3 + x^5/5 - ... for x = 1/n. */
function arctangentOfInverse(n: bigint): bigint {
  let [power, sum, k] = [UNIT / n, 0n, 1n]
  while (power !== 0n) {
    sum += (k % 4n === 1n ? power : -power) / k
    power /= n * n
    k += 2n
  }
  return sum
}

/** 2 pi = 32 atan(1/5) - 8 atan(1/239) (Machin). */
const TURN = 32n * arctangentOfInverse(5n) - 8n * arctangentOfInverse(239n)

/** Sum of first * x^step / ((k+1)...(k+step)) ..., signs alternating where `alternating`. */
function series(
  first: bigint,
  x: bigint,
  { from, step, alternating }: { from: number; step: 1 | 2; alternating: boolean },
): bigint {
  let [term, sum, k] = [first, 0n, BigInt(from)]
  for (let negative = false; term !== 0n; negative = alternating && !negative) {
    sum += negative ? -term : term
    for (let i = 0; i < step; i++) term = (term * x) / (++k * UNIT)
  }
  return sum
}

/** sin(2 pi n / d). Exact at quarters of a turn. */
export function sineOfTurn(n: number, d: number): Rational {
  const [top, bottom] = [BigInt(n), BigInt(d)]
  const turn = 4n * (((top % bottom) + bottom) % bottom)
  const quarter = turn / bottom
  const rest = turn % bottom
  // Within the second and fourth quarter the sine runs backwards.
  const t = quarter % 2n === 0n ? rest : bottom - rest
  const angle = (TURN * t) / (4n * bottom)
  const value = t === bottom ? UNIT : series(angle, angle, { from: 1, step: 2, alternating: true })
  return { n: quarter < 2n ? value : -value, d: UNIT }
}

/** cos(2 pi n / d). Exact at quarters of a turn. */
export const cosineOfTurn = (n: number, d: number): Rational => sineOfTurn(4 * n + d, 4 * d)

const fixed = ({ n, d }: Rational) => (n << BITS) / d

/** log x for x >= 1: halved into [1, 2), then 2 atanh((m - 1) / (m + 1)). */
export function logarithmOf(x: Rational): Rational {
  let [m, halvings] = [fixed(x), 0n]
  while (m >= 2n * UNIT) {
    m /= 2n
    halvings++
  }
  return { n: halvings * twiceAtanh(UNIT / 3n) + twiceAtanh(((m - UNIT) << BITS) / (m + UNIT)), d: UNIT }
}

/** 2 atanh z = 2 (z + z^3/3 + ...); at 1/3 it is log 2. */
function twiceAtanh(z: bigint): bigint {
  const square = (z * z) >> BITS
  let [power, sum, k] = [z, 0n, 1n]
  while (power !== 0n) {
    sum += power / k
    power = (power * square) >> BITS
    k += 2n
  }
  return 2n * sum
}

/** e^x for x >= 0. */
export function exponentialOf(x: Rational): Rational {
  return { n: series(UNIT, fixed(x), { from: 0, step: 1, alternating: false }), d: UNIT }
}
