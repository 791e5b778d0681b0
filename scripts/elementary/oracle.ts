/**
 * The true values of the elementary functions on runs of consecutive binary32 numbers, independent of the
 * implementation: BigInt values at a few points, between them a rigorous binary64 approximation.
 *
 * Smooth functions: over a block of width w the polynomial of degree 6 through 7 equidistant points differs from f by
 * |f^(7)|/7! * max|(x - x_0)...(x - x_6)| <= M / rho^7 * 3.5e-4 w^7, where f is analytic within rho of the block and
 * |f| <= M there (Cauchy's estimate). `radius` gives a rho for which M <= 128 |f| on the block; with w <= rho / 64 the
 * difference is below 2^-46 |f|. Evaluating in binary64 adds less than 2^-49 |f|. Stated bound: 2^-44 |f|.
 *
 * Sin, Cos, Tan: x = (4096 a + b) 2^e with tables of sine and cosine of 4096 a 2^e and b 2^e for each e, joined by the
 * addition theorems: absolute error of sine and cosine below 4 roundings of numbers up to 1. Stated bound: 2^-50.
 * Below 1/2 in magnitude all terms of the sine have one sign and the bound is relative.
 * @module
 */
import * as R from './reals.js'
import type { Real } from './reals.js'

const word = new Float32Array(1)
const bits = new Uint32Array(word.buffer)

/** The binary32 number with these 32 bits. */
export function floatOf(pattern: number): number {
  bits[0] = pattern
  return word[0]
}

/** The 32 bits of a binary32 number. */
export function bitsOf(x: number): number {
  word[0] = x
  return bits[0]
}

/** Approximations of f on inputs, and a bound of the error for each. */
export interface Bounds {
  readonly values: Float64Array
  readonly errors: Float64Array
}

/** Fills values and errors for the `count` binary32 numbers from `pattern` on, all in one binade and of one sign. */
export type Oracle = (pattern: number, count: number, bounds: Bounds) => void

const NODES = 7
const MIDDLE = 3

/** Rows: what multiplies the 7 values for each power of t, x = middle + t * (distance of points). */
const POWERS = lagrangePowers()

/** Monomial coefficients of the Lagrange polynomials at -3 .. 3, each times 720, as integers [node][power]. */
function lagrangePowers(): readonly bigint[][] {
  return Array.from({ length: NODES }, (_, i) => {
    const roots = Array.from({ length: NODES }, (_, j) => j - MIDDLE).filter((root) => root !== i - MIDDLE)
    const denominator = roots.reduce((product, root) => product * (i - MIDDLE - root), 1)
    const product = roots.reduce<number[]>((c, root) => [0, ...c].map((up, k) => up - root * (c[k] ?? 0)), [1])
    return product.map((c) => BigInt((c * 720) / denominator))
  })
}

/** Coefficients of the polynomial through 7 values, in binary64. */
function throughPoints(values: readonly Real[]): number[] {
  return Array.from({ length: NODES }, (_, power) =>
    R.toNumber(values.reduce((sum, value, i) => sum + value * POWERS[i][power], 0n) / 720n),
  )
}

const RELATIVE = 2 ** -44

/** The oracle for a function that is smooth on the scale `radius`. */
export function smoothOracle(f: (x: Real) => Real, radius: (x: number) => number): Oracle {
  return (pattern, count, bounds) => {
    for (let done = 0; done < count;) {
      const length = blockLength(pattern + done, count - done, radius)
      fillBlock(f, { pattern: pattern + done, length, at: done }, bounds)
      done += length
    }
  }
}

/** The largest power of two that keeps a block aligned, inside of the count and no wider than radius / 64. */
function blockLength(pattern: number, count: number, radius: (x: number) => number): number {
  let length = 1
  while (pattern % (2 * length) === 0 && 2 * length <= count && fits(pattern, 2 * length, radius)) length *= 2
  return length
}

function fits(pattern: number, length: number, radius: (x: number) => number): boolean {
  const [first, last] = [floatOf(pattern), floatOf(pattern + length - 1)]
  return Math.abs(last - first) * 64 <= Math.min(radius(first), radius(last))
}

interface Block {
  readonly pattern: number
  readonly length: number
  readonly at: number
}

function fillBlock(f: (x: Real) => Real, { pattern, length, at }: Block, { values, errors }: Bounds): void {
  if (length < 8) return fillSingly(f, { pattern, length, at }, { values, errors })
  const first = floatOf(pattern)
  const spacing = floatOf(pattern + 1) - first
  const start = R.fromNumber(first)
  const step = (R.fromNumber(spacing) * BigInt(length - 1)) / 6n
  const points = Array.from({ length: NODES }, (_, i) => f(start + step * BigInt(i)))
  const [c0, c1, c2, c3, c4, c5, c6] = throughPoints(points)
  const scale = 6 / (length - 1)
  const error = RELATIVE * Math.max(...points.map((value) => Math.abs(R.toNumber(value))))
  for (let i = 0; i < length; i++) {
    const t = i * scale - 3
    values[at + i] = c0 + t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * (c5 + t * c6)))))
    errors[at + i] = error
  }
}

function fillSingly(f: (x: Real) => Real, { pattern, length, at }: Block, { values, errors }: Bounds): void {
  for (let i = 0; i < length; i++) {
    const value = R.toNumber(f(R.fromNumber(floatOf(pattern + i))))
    values[at + i] = value
    errors[at + i] = Math.abs(value) * RELATIVE
  }
}

/** Sine and cosine of 4096 a 2^e (a = 0 .. 4095) and of b 2^e (b = 0 .. 4095). */
interface CircleTables {
  readonly exponent: number
  readonly coarse: readonly [sin: Float64Array, cos: Float64Array]
  readonly fine: readonly [sin: Float64Array, cos: Float64Array]
}

function circleTables(exponent: number): CircleTables {
  const make = (shift: number) => {
    const sin = new Float64Array(4096)
    const cos = new Float64Array(4096)
    for (let k = 0; k < 4096; k++) {
      const [s, c] = R.sinCos(BigInt(k) << BigInt(R.BITS + exponent + shift))
      sin[k] = s === 0n ? 0 : R.toNumber(s)
      cos[k] = R.toNumber(c)
    }
    return [sin, cos] as const
  }
  return { exponent, coarse: make(12), fine: make(0) }
}

/** What is made of sine and cosine: the value, and its error bound from the absolute error of both. */
export type OnCircle = (sin: number, cos: number) => readonly [value: number, error: number]

/** The oracle for a function of sine and cosine, for |x| >= 2^-40. */
export function circleOracle(combine: 'sin' | 'cos' | 'tan'): Oracle {
  let tables: CircleTables | undefined
  return (pattern, count, { values, errors }) => {
    const sign = pattern >= 2 ** 31 ? -1 : 1
    const magnitude = pattern % 2 ** 31
    const exponent = Math.floor(magnitude / 2 ** 23) - 150
    if (tables?.exponent !== exponent) tables = circleTables(exponent)
    const { coarse, fine } = tables
    const small = exponent + 23 < -1
    for (let i = 0; i < count; i++) {
      const mantissa = ((magnitude + i) & 0x7fffff) + 0x800000
      const [a, b] = [mantissa >> 12, mantissa & 4095]
      const sin = sign * (coarse[0][a] * fine[1][b] + coarse[1][a] * fine[0][b])
      const cos = coarse[1][a] * fine[1][b] - coarse[0][a] * fine[0][b]
      const absolute = 2 ** -50
      if (combine === 'sin') {
        values[i] = sin
        errors[i] = small ? absolute * Math.abs(sin) : absolute
      } else if (combine === 'cos') {
        values[i] = cos
        errors[i] = absolute
      } else {
        const tan = sin / cos
        const loss = (small ? 4 * Math.abs(tan) : 1 + 2 * Math.abs(tan)) / Math.abs(cos)
        values[i] = tan
        errors[i] = Math.abs(cos) < 2 ** -40 ? Infinity : 2 * absolute * loss
      }
    }
  }
}
