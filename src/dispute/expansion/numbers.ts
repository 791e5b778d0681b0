/**
 * Magnitudes, grids and leaves of expansions.
 * @module
 */
import { DTYPES, isFloat, type DType, type Tensor } from '../../core/tensor.js'
import { pow2ceil32, pow2ceil64 } from '../../exact/ops/grid.js'

/** The largest magnitude of a group, and the lowest of its members that has it. NaN is larger than all. */
export interface Witness {
  readonly member: number
  readonly max: number
}

/** The member with the largest magnitude. @param value The number of a member. */
export function witnessOf(count: number, value: (member: number) => number): Witness {
  let [member, max] = [0, -1]
  for (let i = 0; i < count; i++) {
    const magnitude = Math.abs(value(i))
    if (magnitude <= max) continue
    ;[member, max] = [i, magnitude]
    if (max !== max) break
  }
  return { member, max }
}

const WORDS = new DataView(new ArrayBuffer(8))

/** The encoding of a number, a NaN being the canonical one of the type. */
export function bitsOf(dtype: 'float32' | 'float64', value: number): bigint {
  if (dtype === 'float32') {
    if (value !== value) return 0x7fc00000n
    WORDS.setFloat32(0, value)
    return BigInt(WORDS.getUint32(0))
  }
  if (value !== value) return 0x7ff8000000000000n
  WORDS.setFloat64(0, value)
  return WORDS.getBigUint64(0)
}

/** The bits of an element as they are committed: a NaN is the canonical one. */
export function elementBits({ dtype, data }: Tensor, element: number): bigint {
  if (dtype === 'float32' || dtype === 'float64') return bitsOf(dtype, data[element] as number)
  const bits = BigInt.asUintN(8 * DTYPES[dtype].bytes, BigInt(data[element]))
  if (dtype === 'float16') return (bits & 0x7fffn) > 0x7c00n ? 0x7e00n : bits
  if (dtype === 'bfloat16') return (bits & 0x7fffn) > 0x7f80n ? 0x7fc0n : bits
  return bits
}

/** A total as the output has it: rounded once, zeros positive. */
export function roundedBits(dtype: DType, total: number): bigint {
  return dtype === 'float32' ? bitsOf(dtype, Math.fround(total) + 0) : bitsOf('float64', total + 0)
}

/** A grid: what a unit is worth, and how many units a number rounds to. Without units (scale 0 or NaN) every count is 0. */
export interface UnitGrid {
  readonly unit: number
  count(value: number): number
}

const NO_UNITS = (unit: number): UnitGrid => ({ unit, count: () => 0 })

/** The 22-bit grid of a product's operand with this largest magnitude, in the operand's own arithmetic. */
export function productUnits(dtype: DType, max: number): UnitGrid {
  const scale = dtype === 'float32' ? pow2ceil32(max) : pow2ceil64(max)
  if (!(scale > 0)) return NO_UNITS(scale)
  const unit = scale * 2 ** -22
  if (dtype === 'float64') return sumUnits(scale, 22)
  const centre = Math.fround(scale * 3)
  return { unit, count: (value) => Math.fround(Math.fround(value + centre) - centre) / unit + 0 }
}

/** A binary64 grid of so many bits. */
export function sumUnits(scale: number, bits: number): UnitGrid {
  if (!(scale > 0)) return NO_UNITS(scale)
  const [unit, centre] = [scale * 2 ** -bits, scale * 1.5 * 2 ** (52 - bits)]
  return { unit, count: (value) => (value + centre - centre) / unit + 0 }
}

/** Integers of 4 bytes, big-endian. */
export function int32s(count: number, of: (i: number) => number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * count))
  for (let i = 0; i < count; i++) view.setInt32(4 * i, of(i))
  return new Uint8Array(view.buffer)
}

/** Integers of 8 bytes, big-endian, each below 2^53 in magnitude. */
export function int64s(count: number, of: (i: number) => number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * count))
  for (let i = 0; i < count; i++) {
    const value = of(i)
    const high = Math.floor(value / 0x100000000)
    view.setInt32(8 * i, high)
    view.setUint32(8 * i + 4, value - high * 0x100000000)
  }
  return new Uint8Array(view.buffer)
}

/** Integers of 8 bytes, big-endian, modulo 2^64. */
export function bigInt64s(values: readonly bigint[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * values.length))
  values.forEach((value, i) => view.setBigInt64(8 * i, BigInt.asIntN(64, value)))
  return new Uint8Array(view.buffer)
}

/** The integer of an element, exact. */
export function integerOf({ dtype, data }: Tensor, element: number): bigint {
  if (isFloat(dtype)) throw new TypeError(`${dtype} is not a type of integers`)
  return BigInt(data[element])
}
