/**
 * float16 (IEEE 754 binary16) and bfloat16 as their 16 bits.
 * @module
 */
import type { Emitter } from '../emitter.js'

/** The element types that travel as 16 bits. */
export type Half = 'float16' | 'bfloat16'

interface HalfFormat {
  /** Bits of the significand, the hidden one included. */
  readonly precision: number
  /** Exponent of the smallest subnormal number. */
  readonly lowest: number
  /** From here on numbers round to infinity. */
  readonly limit: number
  readonly infinity: number
  readonly nan: number
}

/** Source: IEEE 754-2019 table 3.5 (binary16); bfloat16 is binary32 without its lower 16 bits. */
const FORMATS: Record<Half, HalfFormat> = {
  float16: { precision: 11, lowest: -24, limit: 65520, infinity: 0x7c00, nan: 0x7e00 },
  bfloat16: { precision: 8, lowest: -133, limit: (2 - 2 ** -8) * 2 ** 127, infinity: 0x7f80, nan: 0x7fc0 },
}

const SIGN = 0x8000

/** True for float16 and bfloat16. */
export const isHalf = (dtype: string): dtype is Half => dtype in FORMATS

/** True where 16 bits are a NaN. */
export const isHalfNaN = (dtype: Half, bits: number): boolean => (bits & 0x7fff) > FORMATS[dtype].infinity

const WORD = new Uint32Array(1)
const SINGLE = new Float32Array(WORD.buffer)

/** The value of 16 bits: exact. */
export function halfToNumber(dtype: Half, bits: number): number {
  return dtype === 'float16' ? binary16(bits) : bfloat16(bits)
}

function bfloat16(bits: number): number {
  WORD[0] = bits << 16
  return SINGLE[0]
}

function binary16(bits: number): number {
  const sign = bits & SIGN ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

const DOUBLE = new Float64Array(1)
const HALVES = new Uint32Array(DOUBLE.buffer)

/** Exponent of a binary64 number, at least that of the smallest normal one. */
function exponentOf(x: number): number {
  DOUBLE[0] = x
  return ((HALVES[1] >>> 20) & 0x7ff) - 1023
}

/** 2^e for a normal binary64 exponent, built from its bits. */
function powerOfTwo(e: number): number {
  HALVES[0] = 0
  HALVES[1] = (e + 1023) << 20
  return DOUBLE[0]
}

/** 1.5 * 2^52: adding it and taking it away rounds a number below 2^51 to an integer, ties to even. */
const ROUNDER = 6755399441055744

/** The 16 bits nearest to a number, ties to even; NaN is the canonical quiet NaN. */
export function numberToHalf(dtype: Half, value: number): number {
  const { precision, lowest, limit, infinity, nan } = FORMATS[dtype]
  if (value !== value) return nan
  const sign = value < 0 || Object.is(value, -0) ? SIGN : 0
  const magnitude = Math.abs(value)
  if (magnitude >= limit) return sign | infinity
  const unit = Math.max(exponentOf(magnitude) - (precision - 1), lowest)
  const count = magnitude * powerOfTwo(-unit) + ROUNDER - ROUNDER
  // Subnormals count from zero; carrying into the next binade is what the encoding does by itself.
  return sign | ((unit - lowest) * 2 ** (precision - 1) + count)
}

/** Emits {@link halfToNumber} as float32, from the 16 bits as uint16. Integer arithmetic and one exact product. */
export function emitWiden(g: Emitter, bits: string, dtype: Half): string {
  if (dtype === 'bfloat16') return g.bitCast(g.mul(g.cast(bits, 'uint32'), g.scalar('uint32', 0x10000)), 'float32')
  const wide = g.cast(bits, 'int32')
  const magnitude = g.node('BitwiseAnd', [wide, g.scalar('int32', 0x7fff)])
  const shifted = g.mul(magnitude, g.scalar('int32', 0x2000))
  const finite = g.mul(g.bitCast(shifted, 'float32'), g.scalar('float32', 2 ** 112))
  const special = g.bitCast(g.add(shifted, g.scalar('int32', 0x70000000)), 'float32')
  const value = g.where(g.less(magnitude, g.scalar('int32', 0x7c00)), finite, special)
  const one = g.scalar('float32', 1)
  return g.mul(value, g.where(g.less(wide, g.scalar('int32', SIGN)), one, g.scalar('float32', -1)))
}

/** Emits {@link numberToHalf} of a binary64 value; gives uint16. */
export function emitNarrow(g: Emitter, x: string, dtype: Half): string {
  const { precision, lowest, limit, infinity, nan } = FORMATS[dtype]
  const constant = (value: number) => g.scalar('float64', value)
  const shift = (a: string, bits: number, direction: 'LEFT' | 'RIGHT') =>
    g.node('BitShift', [a, g.scalar('uint64', bits)], { direction })
  const count64 = (a: string) => g.cast(g.cast(a, 'int64'), 'float64')
  const magnitude = g.abs(x)
  const binade = g.bitCast(shift(shift(g.bitCast(magnitude, 'uint64'), 52, 'RIGHT'), 52, 'LEFT'), 'float64')
  const unit = g.node('Max', [g.mul(binade, constant(2 ** (1 - precision))), constant(2 ** lowest)])
  const field = count64(shift(g.bitCast(unit, 'uint64'), 52, 'RIGHT'))
  const base = g.mul(g.sub(field, constant(1023 + lowest)), constant(2 ** (precision - 1)))
  const rounder = g.mul(unit, constant(ROUNDER))
  const count = g.div(g.sub(g.add(magnitude, rounder), rounder), unit)
  const finite = g.where(g.less(magnitude, constant(limit)), g.add(base, count), constant(infinity))
  const sign = g.mul(count64(shift(g.bitCast(x, 'uint64'), 63, 'RIGHT')), constant(SIGN))
  const bits = g.where(g.node('IsNaN', [x]), constant(nan), g.add(finite, sign))
  return g.cast(g.cast(bits, 'int32'), 'uint16')
}
