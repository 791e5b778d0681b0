/**
 * Real numbers as BigInt fixed point: a Real r stands for r * 2^-256. Source of the tables and of the oracle; nothing
 * here is binary64 arithmetic. Each function truncates at most a few hundred times, so its absolute error is below
 * 2^-240 times max(1, |result|); the tests check that by functional equations.
 * @module
 */

/** A fixed-point real number with 256 bits behind the point. */
export type Real = bigint

/** Bits behind the point. */
export const BITS = 256
const WIDE = BigInt(BITS)

export const ONE: Real = 1n << WIDE

const bits = new DataView(new ArrayBuffer(8))

/** A finite binary64 number, exact where it is a multiple of 2^-256 (every binary32 number is). */
export function fromNumber(x: number): Real {
  bits.setFloat64(0, x)
  const word = bits.getBigUint64(0)
  const field = Number((word >> 52n) & 0x7ffn)
  const mantissa = (word & 0xfffffffffffffn) | (field === 0 ? 0n : 1n << 52n)
  const shift = BITS + Math.max(field, 1) - 1075
  const magnitude = shift >= 0 ? mantissa << BigInt(shift) : mantissa >> BigInt(-shift)
  return word >> 63n ? -magnitude : magnitude
}

/** Number of bits of a non-negative integer. */
export function bitLength(n: bigint): number {
  const hex = n.toString(16)
  return n === 0n ? 0 : 4 * hex.length - Math.clz32(parseInt(hex[0], 16)) + 28
}

/** Nearest multiple of 2^shift, as a count; ties to even. */
function shiftRound(n: bigint, shift: bigint): bigint {
  const half = 1n << (shift - 1n)
  const down = n >> shift
  const rest = n - (down << shift)
  return rest > half || (rest === half && (down & 1n) === 1n) ? down + 1n : down
}

/** The nearest number with a 53-bit (or shorter) mantissa, as binary64; ties to even. Normal range only. */
export function toNumber(r: Real, mantissaBits = 53): number {
  const magnitude = r < 0n ? -r : r
  const shift = bitLength(magnitude) - mantissaBits
  const rounded = shift > 0 ? shiftRound(magnitude, BigInt(shift)) << BigInt(shift) : magnitude
  const value = scaled(rounded)
  return r < 0n ? -value : value
}

/** A non-negative integer of at most 53 significant bits times 2^-256. */
function scaled(n: bigint): number {
  const drop = Math.max(bitLength(n) - 53, 0)
  return Number(n >> BigInt(drop)) * powerOfTwo(drop - BITS)
}

/** 2^e for -1022 <= e <= 1023. */
export function powerOfTwo(e: number): number {
  bits.setUint32(0, (e + 1023) << 20)
  bits.setUint32(4, 0)
  return bits.getFloat64(0)
}

export const mul = (a: Real, b: Real): Real => (a * b) >> WIDE
export const div = (a: Real, b: Real): Real => (a << WIDE) / b
export const abs = (a: Real): Real => (a < 0n ? -a : a)

/** Square root of a non-negative real, by Newton's method on integers. */
export function sqrt(a: Real): Real {
  const n = a << WIDE
  if (n === 0n) return 0n
  let guess = 1n << BigInt((bitLength(n) + 1) >> 1)
  for (;;) {
    const next = (guess + n / guess) >> 1n
    if (next >= guess) return guess
    guess = next
  }
}

/** 2 atanh(1/n) = log((n + 1) / (n - 1)) for an integer n. */
function logRatio(n: bigint): Real {
  let power = (2n * ONE) / n
  let sum = 0n
  for (let k = 1n; power !== 0n; k += 2n, power /= n * n) sum += power / k
  return sum
}

/** atan(1/n) * 2^wide for an integer n. */
function atanInverse(n: bigint, wide: bigint): bigint {
  let power = (1n << wide) / n
  let sum = 0n
  for (let k = 1n; power !== 0n; k += 2n, power /= -n * n) sum += power / k
  return sum
}

/** log 2 = 2 atanh(1/3). */
export const LN2: Real = logRatio(3n)

const PI_BITS = BigInt(BITS + 192)
/** Pi with 448 bits behind the point, for arguments up to 2^128 (Machin: 16 atan(1/5) - 4 atan(1/239)). */
const PI_WIDE = 16n * atanInverse(5n, PI_BITS + 32n) - 4n * atanInverse(239n, PI_BITS + 32n)

/** Pi. */
export const PI: Real = PI_WIDE >> (PI_BITS + 32n - WIDE)

/** The fraction 1 / (2 pi) * 2^n mod 1, for -200 <= n <= 160. */
export function turnsOf(n: number): Real {
  const inverse = (1n << (2n * (PI_BITS + 32n))) / (2n * PI_WIDE)
  const shift = PI_BITS + 32n - WIDE - BigInt(n)
  return (inverse >> shift) & (ONE - 1n)
}

/** e^x for x <= 200. */
export function exp(x: Real): Real {
  const k = (x + LN2 / 2n) / LN2 - (x + LN2 / 2n < 0n ? 1n : 0n)
  const r = (x - k * LN2) >> 12n
  let term = ONE
  let sum = ONE
  for (let n = 1n; term !== 0n && term !== -1n; n++) sum += term = mul(term, r) / n
  for (let i = 0; i < 12; i++) sum = mul(sum, sum)
  return k >= 0n ? sum << k : sum >> -k
}

const LOG_STEPS = Array.from({ length: 65 }, (_, j) => logRatio(BigInt(2 * (64 + j) - 1))).map((_, j, ratios) =>
  ratios.slice(1, j + 1).reduce((sum, ratio) => sum + ratio, 0n),
)

/** log x for x > 0. */
export function log(x: Real): Real {
  const k = bitLength(x) - BITS - 1
  const m = k >= 0 ? x >> BigInt(k) : x << BigInt(-k)
  const j = Number((m - ONE + (1n << (WIDE - 7n))) >> (WIDE - 6n))
  const lost = k > 0 ? x - (m << BigInt(k)) : 0n
  const c = ONE + (BigInt(j) << (WIDE - 6n))
  return BigInt(k) * LN2 + LOG_STEPS[j] + 2n * atanhSmall(div(m - c, m + c)) + (lost === 0n ? 0n : div(lost, x))
}

function atanhSmall(s: Real): Real {
  const square = mul(s, s)
  let power = s
  let sum = 0n
  for (let k = 1n; abs(power) > 1n; k += 2n, power = mul(power, square)) sum += power / k
  return sum
}

/** Sine and cosine of x, |x| <= 2^129. */
export function sinCos(x: Real): readonly [sin: Real, cos: Real] {
  const wide = PI_BITS + 32n - WIDE
  const quarter = PI_WIDE >> 1n
  const shifted = x << wide
  const n = (2n * shifted + quarter) / (2n * quarter) - (2n * shifted + quarter < 0n ? 1n : 0n)
  const r = (shifted - n * quarter) >> wide
  const [s, c] = sinCosSmall(r)
  const turned = [
    [s, c],
    [c, -s],
    [-s, -c],
    [-c, s],
  ] as const
  return turned[Number(((n % 4n) + 4n) % 4n)]
}

function sinCosSmall(r: Real): readonly [sin: Real, cos: Real] {
  let term = ONE
  let sin = 0n
  let cos = ONE
  for (let n = 1n; abs(term) > 1n; n++) {
    term = mul(term, r) / n
    if (n % 4n === 2n || n % 4n === 3n) term = -term
    if (n % 2n === 1n) sin += term
    else cos += term
    if (n % 4n === 2n || n % 4n === 3n) term = -term
  }
  return [sin, cos]
}

const ATAN_STEPS = Array.from({ length: 65 }, () => 0n)
for (let j = 1; j <= 64; j++) ATAN_STEPS[j] = ATAN_STEPS[j - 1] + atanSmall((ONE * 64n) / BigInt(4096 + j * (j - 1)))

function atanSmall(s: Real): Real {
  const square = -mul(s, s)
  let power = s
  let sum = 0n
  for (let k = 1n; abs(power) > 1n; k += 2n, power = mul(power, square)) sum += power / k
  return sum
}

/** Arc tangent. */
export function atan(x: Real): Real {
  if (x < 0n) return -atan(-x)
  if (x > ONE) return PI / 2n - atan(div(ONE, x))
  const j = Number((x + (1n << (WIDE - 7n))) >> (WIDE - 6n))
  const c = BigInt(j) << (WIDE - 6n)
  return ATAN_STEPS[j] + atanSmall(div(x - c, ONE + mul(x, c)))
}

const TWO_OVER_ROOT_PI = div(2n * ONE, sqrt(PI))

/** The error function, |x| <= 8 (NIST DLMF 7.6.2: all terms have one sign). */
export function erf(x: Real): Real {
  const square = 2n * mul(x, x)
  let term = x
  let sum = 0n
  for (let n = 1n; abs(term) > 1n; n++) {
    sum += term
    term = mul(term, square) / (2n * n + 1n)
  }
  return mul(mul(TWO_OVER_ROOT_PI, exp(-mul(x, x))), sum)
}

export const expm1 = (x: Real): Real => exp(x) - ONE
export const log1p = (x: Real): Real => log(ONE + x)
export const sinh = (x: Real): Real => (exp(x) - exp(-x)) / 2n
export const cosh = (x: Real): Real => (exp(x) + exp(-x)) / 2n
export const tanh = (x: Real): Real => div(exp(2n * x) - ONE, exp(2n * x) + ONE)
export const sigmoid = (x: Real): Real => div(ONE, ONE + exp(-x))
export const softplus = (x: Real): Real => log(ONE + exp(x))
export const sin = (x: Real): Real => sinCos(x)[0]
export const cos = (x: Real): Real => sinCos(x)[1]
export const tan = (x: Real): Real => {
  const [s, c] = sinCos(x)
  return div(s, c)
}
export const asinh = (x: Real): Real => (x < 0n ? -asinh(-x) : log(x + sqrt(ONE + mul(x, x))))
export const acosh = (x: Real): Real => log(x + sqrt(mul(x - ONE, x + ONE)))
export const atanh = (x: Real): Real => log(div(ONE + x, ONE - x)) / 2n
export const asin = (x: Real): Real =>
  abs(x) === ONE ? (x > 0n ? PI / 2n : -PI / 2n) : atan(div(x, sqrt(mul(ONE - x, ONE + x))))
export const acos = (x: Real): Real => (x === -ONE ? PI : 2n * atan(sqrt(div(ONE - x, ONE + x))))
/** x^y for x > 0. */
export const pow = (x: Real, y: Real): Real => exp(mul(y, log(x)))
