/**
 * Scales that are powers of two, and rounding to them: half up, by adding half.
 * @module
 */
import { demand } from '../core/faults.js'

/** How real numbers become integers: x is held as round(x / 2^exponent), clamped to lo..hi. */
export interface Scale {
  readonly exponent: number
  readonly lo: number
  readonly hi: number
}

/** Numbers of a tensor that are looked at, with the ends of all of them. */
export interface Sample {
  readonly least: number
  readonly most: number
  readonly values: readonly ArrayLike<number>[]
}

const bits = new DataView(new ArrayBuffer(8))

/** The exponent of the largest power of two that is not above |value|; 0 for 0. */
export function floorExponent(value: number): number {
  bits.setFloat64(0, value)
  const biased = (bits.getUint16(0) >> 4) & 0x7ff
  return value === 0 ? 0 : biased - 1023
}

/** 2^exponent, exactly. @throws Fault `quantize/bad-scale` outside of the normal range of binary64. */
export function powerOfTwo(exponent: number): number {
  const normal = Number.isInteger(exponent) && exponent > -1023 && exponent < 1024
  demand(normal, 'quantize/bad-scale', () => `a scale of 2^${exponent}`)
  bits.setUint32(0, (exponent + 1023) << 20)
  bits.setUint32(4, 0)
  return bits.getFloat64(0)
}

/** e where the value is 2^e, else undefined. */
export function exponentOf(value: number): number | undefined {
  const found = value > 0 && Number.isFinite(value) ? floorExponent(value) : undefined
  return found !== undefined && found > -1023 && powerOfTwo(found) === value ? found : undefined
}

/** The nearest integer, halves up: floor(x + 1/2) without the rounding of that sum. */
export function roundHalfUp(x: number): number {
  const floor = Math.floor(x)
  return x - floor >= 0.5 ? floor + 1 : floor
}

/** The integer that stands for a real number on a scale. */
export function toInteger(x: number, { exponent, lo, hi }: Scale): number {
  return Math.min(Math.max(roundHalfUp(x / powerOfTwo(exponent)), lo), hi)
}

/** The sample of whole arrays. */
export function sampleOf(...values: readonly ArrayLike<number>[]): Sample {
  let [least, most] = [0, 0]
  for (const part of values)
    for (let i = 0; i < part.length; i++) {
      if (part[i] < least) least = part[i]
      if (part[i] > most) most = part[i]
    }
  return { least, most, values }
}

/** The sum of squared differences between numbers and what stands for them. */
function squaredError({ values }: Sample, { exponent, lo, hi }: Scale): number {
  const [unit, inverse] = [powerOfTwo(exponent), powerOfTwo(-exponent)]
  let sum = 0
  for (const part of values)
    for (let i = 0; i < part.length; i++) {
      const x = part[i]
      const off = Math.min(Math.max(roundHalfUp(x * inverse), lo), hi) * unit - x
      sum += off * off
    }
  return sum
}

/** Finer scales than the one that clips nothing that are tried: 1/2 and 1/4 of the range. */
const FINER = 2
/** Coarser ones, which are tried only as long as nothing is lost. */
const COARSER = 32

/**
 * The scale with the smallest squared error: of those that clip nothing the finest, and two that clip. Where nothing is lost at all, the
 * coarsest such scale, so that numbers are small.
 * @param options.floor No finer scale than this.
 */
export function chooseScale(
  sample: Sample,
  { lo, hi, floor = -1000 }: { lo: number; hi: number; floor?: number },
): Scale {
  const scale = (exponent: number): Scale => ({ exponent, lo, hi })
  const widest = Math.max(floor, covering(sample, { lo, hi }))
  let best = { scale: scale(widest), error: squaredError(sample, scale(widest)) }
  for (let finer = 1; finer <= FINER && best.error > 0 && widest - finer >= floor; finer++) {
    const error = squaredError(sample, scale(widest - finer))
    if (error < best.error) best = { scale: scale(widest - finer), error }
  }
  if (best.error > 0 || (sample.least === 0 && sample.most === 0)) return best.scale
  let coarse = widest
  while (coarse < widest + COARSER && squaredError(sample, scale(coarse + 1)) === 0) coarse++
  return scale(coarse)
}

/** The exponent of the finest scale that clips nothing. */
function covering({ least, most }: Sample, { lo, hi }: { lo: number; hi: number }): number {
  const fits = (exponent: number) => most <= hi * powerOfTwo(exponent) && least >= lo * powerOfTwo(exponent)
  const largest = Math.max(most, -least)
  if (largest === 0) return 0
  demand(Number.isFinite(largest), 'quantize/bad-calibration', () => `a number of magnitude ${largest}`)
  let exponent = Math.max(-990, floorExponent(largest) - floorExponent(Math.max(hi, -lo)) - 1)
  while (!fits(exponent)) exponent++
  return exponent
}
