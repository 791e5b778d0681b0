/**
 * Rational numbers, for coordinates and weights that are fixed when compiling: exact until they are rounded once.
 * @module
 */

/** numerator / denominator, denominator positive; not reduced. */
export interface Rational {
  readonly n: bigint
  readonly d: bigint
}

/** A quotient of integers. */
export function ratio(n: bigint | number, d: bigint | number = 1): Rational {
  const [top, bottom] = [BigInt(n), BigInt(d)]
  return bottom < 0n ? { n: -top, d: -bottom } : { n: top, d: bottom }
}

/** The value of a finite number, exactly. */
export function rational(value: number): Rational {
  let [n, d] = [value, 1n]
  while (!Number.isInteger(n)) {
    n *= 2
    d *= 2n
  }
  return { n: BigInt(n), d }
}

/** a + b. */
export const plus = (a: Rational, b: Rational): Rational => ({ n: a.n * b.d + b.n * a.d, d: a.d * b.d })
/** a - b. */
export const minus = (a: Rational, b: Rational): Rational => plus(a, { n: -b.n, d: b.d })
/** a * b. */
export const times = (a: Rational, b: Rational): Rational => ({ n: a.n * b.n, d: a.d * b.d })
/** a / b; b is not zero. */
export const over = (a: Rational, b: Rational): Rational => ratio(a.n * b.d, a.d * b.n)
/** |a|. */
export const magnitude = (a: Rational): Rational => ({ n: a.n < 0n ? -a.n : a.n, d: a.d })

/** Negative, zero or positive as a < b, a = b, a > b. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.n * b.d - b.n * a.d
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** The largest integer that is not above the value. */
export function floorOf({ n, d }: Rational): number {
  const quotient = n / d
  return Number(n % d < 0n ? quotient - 1n : quotient)
}

/** The smallest integer that is not below the value. */
export const ceilOf = ({ n, d }: Rational): number => -floorOf({ n: -n, d })

const bitsOf = (value: bigint) => value.toString(2).length

/**
 * Rounded to binary32, half to even: a quotient of 30 bits or more whose last bit also stands for all that follow is exact in binary64, so
 * rounding it once more gives what rounding the value gives.
 */
export function toSingle({ n, d }: Rational): number {
  if (n === 0n) return 0
  const top = n < 0n ? -n : n
  const shift = Math.max(0, 32 - bitsOf(top) + bitsOf(d))
  const scaled = top << BigInt(shift)
  const wide = scaled / d
  const excess = Math.max(0, bitsOf(wide) - 32)
  const kept = wide >> BigInt(excess)
  const sticky = kept << BigInt(excess) !== wide || wide * d !== scaled
  const whole = Number(sticky ? kept | 1n : kept)
  const value = Math.fround(whole * 2 ** (excess - shift))
  return n < 0n ? -value : value
}

/** Rounded to binary64, half to even. */
export function toDouble({ n, d }: Rational): number {
  if (n === 0n) return 0
  const top = n < 0n ? -n : n
  const shift = Math.max(0, 64 - bitsOf(top) + bitsOf(d))
  const scaled = top << BigInt(shift)
  const wide = scaled / d
  const value = Number(wide * d !== scaled ? wide | 1n : wide) * 2 ** -shift
  return n < 0n ? -value : value
}
