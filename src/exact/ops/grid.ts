/**
 * Grids: how a sum is made exact (docs/numerics.md). With L = pow2ceil(max |x|) and b bits, every element is rounded to a multiple
 * of L * 2^-b, half to even; sums of up to 2^(53-b) such multiples are exact in binary64 in any order.
 * @module
 */
import type { DType } from '../../core/tensor.js'
import type { Emitter } from '../emitter.js'

/** Elements of a product block. */
export const PRODUCT_BLOCK = 512
/** Grid bits of the operands of a product. */
export const PRODUCT_BITS = 22
/** Summands of a block of a sum. */
export const SUM_BLOCK = 1024
/** Grid bits of a sum. */
export const SUM_BITS = 43

/** A tensor seen as outer x length x inner; a group is `block` consecutive places of the length at one outer and one inner place. */
export interface GroupShape {
  readonly outer: number
  readonly length: number
  readonly inner: number
  readonly block: number
}

/** Largest binary64 operand magnitude that a grid takes; with the smallest it keeps products of grids in range. */
const MAX64 = 2 ** 400
const MIN64 = 2 ** -400

/** The smallest power of two >= m, 0 for 0, by binary32 arithmetic; NaN for infinities, NaN and m >= 0x1.fffffep103. */
export function pow2ceil32(m: number): number {
  const q = Math.fround(m * 0x1000000)
  const l = Math.fround(Math.fround(q + m) - q)
  return l !== l || l === Infinity || q === Infinity ? NaN : Math.max(Math.abs(l), m)
}

/** The same in binary64, for magnitudes in [2^-400, 2^400] and 0; NaN for others. */
export function pow2ceil64(m: number): number {
  if (m === 0) return 0
  if (!(m >= MIN64 && m <= MAX64)) return NaN
  const q = m * 2 ** 53
  return Math.max(Math.abs(q + m - q), m)
}

/** Start and end of the blocks of a length. */
export function blocksOf(length: number, block: number): readonly (readonly [number, number])[] {
  return Array.from(
    { length: Math.ceil(length / block) },
    (_, i) => [i * block, Math.min(length, (i + 1) * block)] as const,
  )
}

/** Calls `visit(group, from)` for the elements of every group: indices from + i * inner, i < count. */
function eachGroup(shape: GroupShape, visit: (from: number, count: number) => void): void {
  const { outer, length, inner, block } = shape
  for (let o = 0; o < outer; o++)
    for (let start = 0; start < length; start += block)
      for (let i = 0; i < inner; i++) visit((o * length + start) * inner + i, Math.min(block, length - start))
}

/** The largest magnitude of a group, NaN if there is one. */
function largest(data: ArrayLike<number>, from: number, count: number, step: number): number {
  let max = 0
  for (let i = 0, at = from; i < count; i++, at += step) {
    const magnitude = Math.abs(data[at])
    if (!(magnitude <= max)) max = magnitude
    if (max !== max) return NaN
  }
  return max
}

/** All elements of a binary32 tensor on the grids of their groups, in binary32 arithmetic with b = 22. */
export function productGrid32(data: ArrayLike<number>, shape: GroupShape): Float64Array {
  const out = new Float64Array(data.length)
  eachGroup(shape, (from, count) => {
    const c = Math.fround(pow2ceil32(largest(data, from, count, shape.inner)) * 3)
    for (let i = 0, at = from; i < count; i++, at += shape.inner) out[at] = Math.fround(Math.fround(data[at] + c) - c)
  })
  return out
}

/** All elements of a tensor on binary64 grids of `bits` bits. `scale` is {@link pow2ceil64}, or {@link pow2ceilWide} for values that were binary32. */
export function grid64(
  data: ArrayLike<number>,
  shape: GroupShape,
  options: { bits: number; scale: (m: number) => number },
): Float64Array {
  const out = new Float64Array(data.length)
  const factor = 1.5 * 2 ** (52 - options.bits)
  eachGroup(shape, (from, count) => {
    const c = options.scale(largest(data, from, count, shape.inner)) * factor
    for (let i = 0, at = from; i < count; i++, at += shape.inner) out[at] = data[at] + c - c
  })
  return out
}

/** pow2ceil in binary64 without a domain of its own, for sums of binary32 values: NaN for infinities and NaN only. */
export function pow2ceilWide(m: number): number {
  const q = m * 2 ** 53
  const l = Math.max(Math.abs(q + m - q), m)
  return l === Infinity ? NaN : l
}

/** The product grid of an operand in its own element type. */
export function productGrid(data: ArrayLike<number>, dtype: DType, shape: GroupShape): Float64Array {
  return dtype === 'float32'
    ? productGrid32(data, shape)
    : grid64(data, shape, { bits: PRODUCT_BITS, scale: pow2ceil64 })
}

/** 2^24 in binary32 and 2^53 in binary64: one more than the significands hold. */
const SPREAD = { float32: 0x1000000, float64: 2 ** 53 } as const
type Float = keyof typeof SPREAD

/** Emits C = 1.5 * L * 2^(p-1-bits) of the magnitudes `m`: x + C has its unit in the last place on the grid. */
export function emitCentre(g: Emitter, m: string, { dtype, bits }: { dtype: Float; bits: number }): string {
  const precision = dtype === 'float32' ? 23 : 52
  const q = g.mul(m, g.scalar(dtype, SPREAD[dtype]))
  const l = g.node('Max', [g.sub(g.add(q, m), q), m])
  return g.mul(l, g.scalar(dtype, 1.5 * 2 ** (precision - bits)))
}

/** Emits the rounding of `x` to the grid of `bits` bits with the magnitudes `m` (which broadcasts to x), by two additions. */
export function emitGrid(g: Emitter, x: string, m: string, options: { dtype: Float; bits: number }): string {
  const c = emitCentre(g, m, options)
  return g.sub(g.add(x, c), c)
}

/** Emits binary64 totals rounded to a type, zeros positive. */
export function emitRounded(g: Emitter, total: string, dtype: Float): string {
  return g.plusZero(dtype === 'float32' ? g.cast(total, 'float32') : total, dtype)
}

/** Emits NaN where a binary64 magnitude is outside of 0 and [2^-400, 2^400], else the magnitude. */
export function emitDomain64(g: Emitter, m: string): string {
  const inside = g.and(
    g.node('GreaterOrEqual', [m, g.scalar('float64', MIN64)]),
    g.node('LessOrEqual', [m, g.scalar('float64', MAX64)]),
  )
  return g.where(g.or(inside, g.equal(m, g.scalar('float64', 0))), m, g.scalar('float64', NaN))
}

/**
 * Emits the magnitude of each group of `x`: the maximum of |x| over the axes, NaN if there is one. The kernels' own maximum drops
 * NaN on some platforms, so the maximum is taken over the bits, as integers: with the sign cleared they order as the magnitudes do, NaN last.
 */
export function emitMagnitude(
  g: Emitter,
  x: string,
  { dtype, axes }: { dtype: Float; axes: readonly number[] },
): string {
  const integer = dtype === 'float32' ? 'int32' : 'int64'
  return g.bitCast(g.reduce('ReduceMax', g.bitCast(g.abs(x), integer), axes), dtype)
}
