/**
 * float16 (IEEE 754 binary16) and bfloat16 as their 16 bits.
 * @module
 */

/** The value of 16 bits: exact. */
export function halfToNumber(dtype: 'float16' | 'bfloat16', bits: number): number {
  return dtype === 'float16' ? binary16(bits) : bfloat16(bits)
}

const WORD = new Uint32Array(1)
const SINGLE = new Float32Array(WORD.buffer)

function bfloat16(bits: number): number {
  WORD[0] = bits << 16
  return SINGLE[0]
}

function binary16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** The 16 bits nearest to a number, ties to even; NaN is the canonical quiet NaN. */
export function numberToHalf(dtype: 'float16' | 'bfloat16', value: number): number {
  const { precision, smallest, limit, nan, infinity } = dtype === 'float16' ? BINARY16 : BFLOAT16
  if (value !== value) return nan
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude >= limit) return sign | infinity
  // Adding 1.5 * 2^52 units rounds to a multiple of the unit: the last place of the result's binade, never below the smallest subnormal.
  const unit = Math.max(smallest, binade(magnitude) * 2 ** (1 - precision))
  const rounded =
    Math.round(magnitude / unit) - (isTie(magnitude / unit) && Math.round(magnitude / unit) % 2 === 1 ? 1 : 0)
  return sign | encodeHalf(rounded, unit, { precision, smallest })
}

const BINARY16 = { precision: 11, smallest: 2 ** -24, limit: 65520, nan: 0x7e00, infinity: 0x7c00 } as const
const BFLOAT16 = {
  precision: 8,
  smallest: 2 ** -133,
  limit: (2 - 2 ** -8) * 2 ** 127,
  nan: 0x7fc0,
  infinity: 0x7f80,
} as const

const isTie = (x: number) => x - Math.floor(x) === 0.5

const DOUBLE = new Float64Array(1)
const DOUBLE_BITS = new BigUint64Array(DOUBLE.buffer)

/** The power of two at or below a positive number (0 for subnormal binary64, which every half rounds to zero). */
function binade(x: number): number {
  DOUBLE[0] = x
  DOUBLE_BITS[0] &= 0x7ff0000000000000n
  return DOUBLE[0]
}

/** Bits of `count` units: subnormals count from zero, and carrying into the next binade is what the encoding does by itself. */
function encodeHalf(
  count: number,
  unit: number,
  { precision, smallest }: { precision: number; smallest: number },
): number {
  const fraction = 2 ** (precision - 1)
  let exponent = 0
  for (let u = smallest; u < unit; u *= 2) exponent++
  return exponent * fraction + count
}
