import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  chooseScale,
  exponentOf,
  floorExponent,
  powerOfTwo,
  roundHalfUp,
  sampleOf,
  toInteger,
} from '../../src/quantize/scale.js'

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })

describe('powers of two', () => {
  it('are made and recognised over the whole normal range', () => {
    for (let e = -1022; e <= 1023; e++) {
      expect(exponentOf(powerOfTwo(e))).toBe(e)
      expect(floorExponent(-powerOfTwo(e))).toBe(e)
    }
  })

  it('are told from numbers beside them', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: 1, max: 2 ** 52 - 1 }), (e, fraction) => {
        const value = powerOfTwo(e) * (1 + fraction / 2 ** 52)
        expect(exponentOf(value)).toBeUndefined()
        expect(floorExponent(value)).toBe(e)
      }),
    )
    for (const value of [0, -1, -0.5, NaN, Infinity, 5e-324]) expect(exponentOf(value)).toBeUndefined()
  })

  it('outside of the normal range are refused', () => {
    for (const e of [-1023, 1024, 0.5, NaN])
      expect(() => powerOfTwo(e)).toThrow(expect.objectContaining({ code: 'quantize/bad-scale' }))
  })
})

describe('rounding half up', () => {
  it('gives the nearest integer, the upper one of two', () => {
    fc.assert(
      fc.property(finite, (x) => {
        const rounded = roundHalfUp(x)
        expect(Number.isInteger(rounded)).toBe(true)
        expect(rounded - x <= 0.5 && x - rounded < 0.5).toBe(true)
      }),
    )
    expect([0.5, -0.5, 1.5, -1.5, 0.49999999999999994].map(roundHalfUp)).toEqual([1, 0, 2, -1, 0])
  })
})

describe('the chosen scale', () => {
  const error = (values: readonly number[], scale: { exponent: number; lo: number; hi: number }) =>
    values.reduce((sum, x) => sum + (toInteger(x, scale) * powerOfTwo(scale.exponent) - x) ** 2, 0)

  it('has no larger error than the scales beside it', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 40 }), (values) => {
        const scale = chooseScale(sampleOf(values), { lo: -128, hi: 127 })
        const own = error(values, scale)
        for (const by of [-1, 1])
          expect(own).toBeLessThanOrEqual(error(values, { ...scale, exponent: scale.exponent + by }) * (1 + 1e-12))
      }),
    )
  })

  it('keeps whole numbers as they are, and small', () => {
    const scale = chooseScale(sampleOf([4, -8, 12]), { lo: -128, hi: 127 })
    expect(scale.exponent).toBe(2)
    expect([4, -8, 12].map((x) => toInteger(x, scale))).toEqual([1, -2, 3])
  })

  it('clips an outlier where that costs less than coarse steps', () => {
    const values = [...Array.from({ length: 4000 }, (_, i) => i / 4000), 1.2]
    const scale = chooseScale(sampleOf(values), { lo: 0, hi: 255 })
    expect(scale.exponent).toBe(-7)
    expect(chooseScale(sampleOf(values.slice(0, -1).concat(1.0001)), { lo: 0, hi: 255 }).exponent).toBe(-8)
  })

  it('is no finer than the units of what it rounds', () => {
    expect(chooseScale(sampleOf([1e-9]), { lo: -128, hi: 127, floor: -4 }).exponent).toBeGreaterThanOrEqual(-4)
  })

  it('of nothing but zeros is 1', () => {
    expect(chooseScale(sampleOf([0, 0]), { lo: -128, hi: 127 }).exponent).toBe(0)
  })

  it('of an infinity is refused', () => {
    const infinite = sampleOf([Infinity])
    expect(() => chooseScale(infinite, { lo: -128, hi: 127 })).toThrow(
      expect.objectContaining({ code: 'quantize/bad-calibration' }),
    )
  })
})
