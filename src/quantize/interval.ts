/**
 * Intervals of integers.
 * @module
 */
import { demand } from '../core/faults.js'
import type { DType, Tensor } from '../core/tensor.js'
import { rangeOf } from '../exact/ops/elementwise.js'

/** All integers from `lo` to `hi`. */
export interface Interval {
  readonly lo: bigint
  readonly hi: bigint
}

/** An interval of one number. */
export const only = (value: bigint): Interval => ({ lo: value, hi: value })

/** The smallest interval that holds these numbers, of which there is at least one. */
export function around(...values: readonly bigint[]): Interval {
  let [lo, hi] = [values[0], values[0]]
  for (const value of values) {
    if (value < lo) lo = value
    if (value > hi) hi = value
  }
  return { lo, hi }
}

/** The smallest interval that holds these intervals, of which there is at least one. */
export const hull = (...parts: readonly Interval[]): Interval => around(...parts.flatMap(({ lo, hi }) => [lo, hi]))

/** Every product of one number of each. */
export const product = (a: Interval, b: Interval): Interval =>
  around(a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi)

/** The largest magnitude. */
export function magnitude({ lo, hi }: Interval): bigint {
  return -lo > hi ? -lo : hi
}

/** True where every number of `inner` is one of `outer`. */
export const within = (inner: Interval, outer: Interval): boolean => inner.lo >= outer.lo && inner.hi <= outer.hi

/** Bits of the shortest two's complement that holds the interval; one without negative numbers needs no sign. */
export function bitsOf({ lo, hi }: Interval): number {
  const bits = (value: bigint) => (value === 0n ? 0 : value.toString(2).length)
  return lo >= 0n ? bits(hi) : Math.max(bits(-lo - 1n), bits(hi < 0n ? 0n : hi)) + 1
}

/** Types of an integer program. uint64 and the 16-bit floats are not among them. */
const FLOAT_BITS: Partial<Record<DType, bigint>> = { float64: 53n, float32: 24n }

/**
 * The integers that a type holds without rounding or wrapping: all up to 2^53 in float64, up to 2^24 in float32.
 * @throws Fault `quantize/not-integer` for a type that integer programs do not have.
 */
export function exactRange(dtype: DType): Interval {
  const bits = FLOAT_BITS[dtype]
  if (bits !== undefined) return { lo: -(1n << bits), hi: 1n << bits }
  const known = dtype !== 'uint64' && dtype !== 'float16' && dtype !== 'bfloat16'
  demand(known, 'quantize/not-integer', () => `values of type ${dtype}`)
  const [lo, hi] = rangeOf(dtype)
  return { lo, hi }
}

/**
 * The interval of the elements of a tensor, [0, 0] where it has none.
 * @throws Fault `quantize/not-integer` where an element is no integer.
 */
export function intervalOf({ data }: Tensor): Interval {
  if (data.length === 0) return only(0n)
  let [lo, hi] = [data[0], data[0]]
  for (const value of data) {
    demand(typeof value === 'bigint' || Number.isInteger(value), 'quantize/not-integer', () => `the constant ${value}`)
    if (value < lo) lo = value
    if (value > hi) hi = value
  }
  return { lo: BigInt(lo), hi: BigInt(hi) }
}
