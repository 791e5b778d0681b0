/**
 * For each elementary function its true value and, by ranges of inputs, how a result is checked. Where a short argument
 * fixes the result, `settled` gives it; the argument stands beside it.
 * @module
 */
import type { ElementaryName } from '../../src/exact/elementary/index.js'
import { circleOracle, smoothOracle, type Oracle } from './oracle.js'
import * as R from './reals.js'
import type { Real } from './reals.js'

/** All x of one sign with from <= |x| < to. */
export interface Range {
  readonly sign: 1 | -1
  readonly from: number
  readonly to: number
  /** The result as a function of x, where an argument settles it. */
  readonly settled?: (x: number) => number
}

/** How one function is checked. */
export interface Domain {
  readonly value: (x: Real) => Real
  readonly oracle: Oracle
  readonly ranges: readonly Range[]
}

const same = (x: number) => x
const constant = (value: number) => () => value
const signOf = (x: number) => Math.sign(x)
const refused = constant(NaN)
const HALF_PI = Math.fround(R.toNumber(R.PI / 2n))

const range = (sign: 1 | -1, from: number, to: number, settled?: (x: number) => number): Range => ({
  sign,
  from,
  to,
  settled,
})

/** The same ranges for both signs. */
const both = (...ranges: readonly (readonly [from: number, to: number, settled?: (x: number) => number])[]): Range[] =>
  ([1, -1] as const).flatMap((sign) => ranges.map(([from, to, settled]) => range(sign, from, to, settled)))

/** Past the largest number: only infinity. */
const TOP = Infinity
const MAX = 2 ** 128

/** |x| below 2^-13, where f(x) = x (1 + d) with |d| <= x^2 / 3 < 2^-27: less than half of a unit in the last place. */
const ODD_TINY = [0, 2 ** -13, same] as const

const { min, abs } = Math

/** The domains by name. `radius` is the rho of oracle.ts; why M <= 128 |f| holds is said beside it. */
export const DOMAINS: Readonly<Record<ElementaryName, Domain>> = {
  Exp: {
    value: R.exp,
    oracle: smoothOracle(R.exp, () => 4), // |e^z| <= e^4 |e^x|
    ranges: [
      range(1, 0, 2 ** -26, constant(1)),
      range(1, 2 ** -26, 89),
      range(1, 89, TOP, constant(Infinity)), // e^89 > 2^128
      range(-1, 0, 2 ** -26, constant(1)),
      range(-1, 2 ** -26, 104),
      range(-1, 104, TOP, constant(0)), // e^-104 < 2^-150
    ],
  },
  Expm1: {
    value: R.expm1,
    oracle: smoothOracle(R.expm1, (x) => min(abs(x), 2)), // |z| <= 2|x|: at most e^2 - 1 to 1 - 1/e; else e^2
    ranges: [
      range(1, 0, 2 ** -26, same), // x + x^2/2
      range(1, 2 ** -26, 89),
      range(1, 89, TOP, constant(Infinity)),
      range(-1, 0, 2 ** -26, same),
      range(-1, 2 ** -26, 18),
      range(-1, 18, TOP, constant(-1)), // e^-18 < 2^-25
    ],
  },
  Log: {
    value: R.log,
    oracle: smoothOracle(R.log, (x) => min(x / 2, abs(x - 1))), // |log z| <= 8 |x - 1| beside 1, else |log x| + 2
    ranges: [
      range(1, 0, 2 ** -149, constant(-Infinity)),
      range(1, 2 ** -149, 1),
      range(1, 1, 1 + 2 ** -23, constant(0)),
      range(1, 1 + 2 ** -23, MAX),
      range(1, MAX, TOP, constant(Infinity)),
      range(-1, 0, 2 ** -149, constant(-Infinity)),
      range(-1, 2 ** -149, TOP, refused),
    ],
  },
  Log1p: {
    value: R.log1p,
    oracle: smoothOracle(R.log1p, (x) => min(abs(x), (1 + x) / 2)), // as Log
    ranges: [
      range(1, 0, 2 ** -26, same), // x - x^2/2
      range(1, 2 ** -26, MAX),
      range(1, MAX, TOP, constant(Infinity)),
      range(-1, 0, 2 ** -26, same),
      range(-1, 2 ** -26, 1),
      range(-1, 1, 1 + 2 ** -23, constant(-Infinity)),
      range(-1, 1 + 2 ** -23, TOP, refused),
    ],
  },
  Tanh: {
    value: R.tanh,
    oracle: smoothOracle(R.tanh, (x) => min(abs(x), 0.5)), // |tanh z| <= 1 for |Im z| <= 1/2; <= 3 |x| near 0
    ranges: both(ODD_TINY, [2 ** -13, 9.5], [9.5, TOP, signOf]), // 2 e^-19 < 2^-25
  },
  Sigmoid: {
    value: R.sigmoid,
    oracle: smoothOracle(R.sigmoid, () => 1), // Re e^-z > 0, so |1 + e^-z| >= max(1, |e^-z|)
    ranges: [
      range(1, 0, 2 ** -24, constant(0.5)), // |x|/4 < 2^-26
      range(1, 2 ** -24, 18),
      range(1, 18, TOP, constant(1)), // e^-18 < 2^-25
      range(-1, 0, 2 ** -24, constant(0.5)),
      range(-1, 2 ** -24, 104),
      range(-1, 104, TOP, constant(0)), // e^-104 < 2^-150
    ],
  },
  Softplus: {
    value: R.softplus,
    oracle: smoothOracle(R.softplus, () => 1), // Re e^z > 0; |log(1 + e^z)| <= |e^z| and <= |x| + 3
    ranges: [
      range(1, 0, 32),
      range(1, 32, TOP, same), // e^-x < 2^-46
      range(-1, 0, 104),
      range(-1, 104, TOP, constant(0)),
    ],
  },
  Erf: {
    value: R.erf,
    oracle: smoothOracle(R.erf, (x) => min(abs(x), 0.5)), // |erf z| <= 1.2 |z| e^(|z|^2) near 0, <= 1.8 beyond 1/2
    ranges: both([0, 2 ** -149, same], [2 ** -149, 4], [4, TOP, signOf]), // 1 - erf 4 < 2^-25
  },
  Sin: { value: R.sin, oracle: circleOracle('sin'), ranges: both(ODD_TINY, [2 ** -13, MAX], [MAX, TOP, refused]) },
  Cos: {
    value: R.cos,
    oracle: circleOracle('cos'),
    ranges: both([0, 2 ** -13, constant(1)], [2 ** -13, MAX], [MAX, TOP, refused]), // x^2/2 < 2^-26
  },
  Tan: { value: R.tan, oracle: circleOracle('tan'), ranges: both(ODD_TINY, [2 ** -13, MAX], [MAX, TOP, refused]) },
  Asin: {
    value: R.asin,
    oracle: smoothOracle(R.asin, (x) => min(abs(x), 1 - abs(x))), // |asin z| <= 2, <= 1.6 |z| for |z| <= 1
    ranges: both(ODD_TINY, [2 ** -13, 1], [1, 1 + 2 ** -23, (x) => x * HALF_PI], [1 + 2 ** -23, TOP, refused]),
  },
  Acos: {
    value: R.acos,
    oracle: smoothOracle(R.acos, (x) => 1 - abs(x)), // |acos z| <= 2 sqrt(2 |1 - z|) <= 3 acos x beside 1, else <= 4
    ranges: [
      range(1, 0, 1),
      range(1, 1, 1 + 2 ** -23, constant(0)),
      range(1, 1 + 2 ** -23, TOP, refused),
      range(-1, 0, 1),
      range(-1, 1, 1 + 2 ** -23, constant(Math.fround(R.toNumber(R.PI)))),
      range(-1, 1 + 2 ** -23, TOP, refused),
    ],
  },
  Atan: {
    value: R.atan,
    oracle: smoothOracle(R.atan, (x) => (abs(x) < 1 ? min(abs(x), 0.5) : abs(x) / 2)), // away from i and -i by 0.6
    ranges: both(ODD_TINY, [2 ** -13, MAX], [MAX, TOP, (x) => Math.sign(x) * HALF_PI]),
  },
  Sinh: {
    value: R.sinh,
    oracle: smoothOracle(R.sinh, (x) => min(abs(x), 2)), // sinh 2|x| = 2 cosh x sinh|x|, else e^2
    ranges: both(ODD_TINY, [2 ** -13, 90], [90, TOP, (x) => x * Infinity]),
  },
  Cosh: {
    value: R.cosh,
    oracle: smoothOracle(R.cosh, () => 2), // |cosh z| <= e^2 cosh x
    ranges: both([0, 2 ** -13, constant(1)], [2 ** -13, 90], [90, TOP, constant(Infinity)]),
  },
  Asinh: {
    value: R.asinh,
    oracle: smoothOracle(R.asinh, (x) => (abs(x) < 1 ? min(abs(x), 0.5) : abs(x) / 2)), // as Atan
    ranges: both(ODD_TINY, [2 ** -13, MAX], [MAX, TOP, same]),
  },
  Acosh: {
    value: R.acosh,
    oracle: smoothOracle(R.acosh, (x) => (x - 1) / 2), // like sqrt(2 (z - 1)) beside 1, else log|2z| + 4
    ranges: [
      range(1, 0, 1, refused),
      range(1, 1, 1 + 2 ** -23, constant(0)),
      range(1, 1 + 2 ** -23, MAX),
      range(1, MAX, TOP, constant(Infinity)),
      range(-1, 0, TOP, refused),
    ],
  },
  Atanh: {
    value: R.atanh,
    oracle: smoothOracle(R.atanh, (x) => min(abs(x), (1 - abs(x)) / 2)), // |log|1 - z|| <= |log(1 - |x|)| + 1
    ranges: both(ODD_TINY, [2 ** -13, 1], [1, 1 + 2 ** -23, (x) => x * Infinity], [1 + 2 ** -23, TOP, refused]),
  },
}
