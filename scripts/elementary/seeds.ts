/**
 * The numbers from which the tables of the elementary functions are expanded, computed with BigInt arithmetic alone.
 * @module
 */
import * as R from './reals.js'
import type { Real } from './reals.js'

type RealFunction = (x: Real) => Real

/** A number as the unevaluated sum of two binary64 numbers. */
const pair = (r: Real): number[] => {
  const high = R.toNumber(r)
  return [high, R.toNumber(r - R.fromNumber(high))]
}

const fraction = (numerator: number, denominator: number): Real => (BigInt(numerator) * R.ONE) / BigInt(denominator)

/** Newton's divided differences, then nested multiplication: the polynomial through the points, lowest power first. */
function interpolate(nodes: readonly Real[], values: readonly Real[]): Real[] {
  const slopes = [...values]
  for (let order = 1; order < nodes.length; order++) {
    for (let i = nodes.length - 1; i >= order; i--) {
      slopes[i] = R.div(slopes[i] - slopes[i - 1], nodes[i] - nodes[i - order])
    }
  }
  let powers: Real[] = []
  for (let i = nodes.length - 1; i >= 0; i--) {
    const shifted = [0n, ...powers]
    powers = shifted.map((c, k) => c - (k < powers.length ? R.mul(powers[k], nodes[i]) : 0n))
    powers[0] += slopes[i]
  }
  return powers
}

/**
 * The polynomial of a degree that interpolates f at the Chebyshev nodes of [low, high]: within a small factor of the
 * best one. The middle node is moved by 2^-60 so that quotients with a removable singularity there can be fitted.
 */
function fit(f: RealFunction, interval: readonly [low: Real, high: Real], degree: number): Real[] {
  const [low, high] = interval
  const nodes = Array.from({ length: degree + 1 }, (_, k) => {
    const cosine = R.cos((R.PI * BigInt(2 * k + 1)) / BigInt(2 * degree + 2))
    return (low + high) / 2n + R.mul((high - low) / 2n, cosine) + (R.ONE >> 60n)
  })
  return interpolate(nodes, nodes.map(f))
}

const fitNumbers = (...args: Parameters<typeof fit>): number[] => fit(...args).map((c) => R.toNumber(c))

const HALF = R.ONE / 2n
const SQUARE = [0n, R.ONE / 4n] as const

/** f(x * step) / x^order as a function of z = x^2, for an f whose series has only powers order, order + 2, ... */
const inSquare =
  (f: RealFunction, step: Real, order: 1 | 2): RealFunction =>
  (z) => {
    const x = R.sqrt(z)
    return R.div(f(R.mul(x, step)), order === 1 ? x : z)
  }

/** (log(1 + r) - r) / r^2. */
const logTail: RealFunction = (r) => R.div(R.log1p(r) - r, R.mul(r, r))

/**
 * One coefficient moved by units in the last place. In EXPM1 860 to 2,060 units, which are 2^-43 of the coefficient, round
 * the input 3a254e7a rightly and change no other result.
 */
function adjust(coefficients: readonly number[], power: number, ulps: number): number[] {
  const words = new BigInt64Array(Float64Array.from(coefficients).buffer)
  words[power] += BigInt(ulps)
  return [...new Float64Array(words.buffer)]
}

const STEP_64 = R.ONE / 64n
const STEP_TURN = R.PI / 2048n

/** Coefficients of the polynomials, lowest power first. */
export function polynomials(): Record<string, number[]> {
  return {
    EXP: fitNumbers((f) => R.div(R.expm1(f / 64n), f), [-HALF, HALF], 4),
    EXPM1: adjust(
      fitNumbers((f) => R.div(R.expm1(f / 128n), f), [-HALF, HALF], 4),
      1,
      1460,
    ),
    SINH: fitNumbers(inSquare(R.sinh, STEP_64, 1), SQUARE, 2),
    COSHM1: fitNumbers(
      inSquare((x) => R.cosh(x) - R.ONE, STEP_64, 2),
      SQUARE,
      1,
    ),
    SIN: fitNumbers(inSquare(R.sin, STEP_TURN, 1), SQUARE, 1),
    COSM1: fitNumbers(
      inSquare((x) => R.cos(x) - R.ONE, STEP_TURN, 2),
      SQUARE,
      1,
    ),
    LOG: [1, ...fitNumbers(logTail, [-(R.ONE >> 8n), R.ONE >> 7n], 3)],
    LOG1P: fitNumbers(logTail, [-(R.ONE >> 8n), R.ONE >> 7n], 5),
    LOG_TAIL: fitNumbers(logTail, [-(R.ONE >> 8n), R.ONE >> 7n], 6),
  }
}

/** e^j for j = -104 .. 104, then e^(i/128) for i = 0 .. 127, as pairs. */
function exponentials(): number[] {
  const whole = Array.from({ length: 209 }, (_, j) => pair(R.exp(BigInt(j - 104) * R.ONE)))
  const parts = Array.from({ length: 128 }, (_, i) => pair(R.exp(fraction(i, 128))))
  return [...whole, ...parts].flat()
}

/** log 2 in two parts, the first of 40 bits; then for each of the 128 cells of [1, 2): 1/c with 27 bits, -log(1/c) as a pair. */
function logarithms(): number[] {
  const high = R.toNumber(R.LN2, 40)
  const cells = Array.from({ length: 128 }, (_, j) => {
    const inverse = j === 0 ? 1 : j === 127 ? 0.5 : R.toNumber(fraction(256, 257 + 2 * j), 27)
    return [inverse, ...pair(-R.log(R.fromNumber(inverse)))]
  })
  return [high, R.toNumber(R.LN2 - R.fromNumber(high)), ...cells.flat()]
}

/** For e = 25 .. 127: 2^(e-23) / (2 pi) mod 1 in two parts, the first of 29 bits, the second times 4096; both times 2^(23-e). */
function turns(): number[] {
  return Array.from({ length: 103 }, (_, k) => {
    const turn = R.turnsOf(k + 2)
    const high = R.toNumber(turn, 29)
    const low = R.toNumber((turn - R.fromNumber(high)) * 4096n)
    return [high * R.powerOfTwo(-2 - k), low * R.powerOfTwo(-2 - k)]
  }).flat()
}

/** sin(2 pi k / 4096) for k = 0 .. 1024. */
const sines = (): number[] =>
  Array.from({ length: 1025 }, (_, k) => R.toNumber(k === 0 ? 0n : R.sin((R.PI * BigInt(k)) / 2048n)))

/**
 * Polynomials of degree 5 in f for an odd function at (n + f) / scale, |f| <= 1/2, n = 0 .. last; six coefficients each.
 * The first has only odd powers, so that the result is relatively accurate near zero.
 */
function cells(f: RealFunction, scale: number, last: number): number[] {
  const at = (t: Real) => f(t / BigInt(scale))
  const middle = fitNumbers(inSquare(at, R.ONE, 1), SQUARE, 2).flatMap((c) => [0, c])
  const others = Array.from({ length: last }, (_, i) =>
    fitNumbers((t) => at(t + BigInt(i + 1) * R.ONE), [-HALF, HALF], 5),
  )
  return [...middle, ...others.flat()]
}

/** All seeds by name. */
export function seeds(): Record<string, number[]> {
  return {
    EXPONENTIALS: exponentials(),
    LOGARITHMS: logarithms(),
    TURNS: turns(),
    SINES: sines(),
    ERF_CELLS: cells(R.erf, 128, 511),
    ARCTANGENT_CELLS: cells((x) => 2n * R.atan(x), 256, 256),
  }
}
