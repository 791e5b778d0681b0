import type { Arithmetic } from './arithmetic.js'

const word = new Float64Array(1)
const halves = new Uint32Array(word.buffer)

/** 1.5 * 2^52: adding it and taking it away rounds a number of magnitude below 2^51 to an integer, ties to even. */
const ROUNDER = 6755399441055744

/**
 * The interpreter on JavaScript numbers, whose operations are IEEE 754 binary64 on every platform (ECMA-262, section
 * 6.1.6.1; Math.sqrt and Math.abs are exact or correctly rounded there too).
 */
export const numbers: Arithmetic<number, boolean> = {
  constant: (value) => value,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  sqrt: (a) => Math.sqrt(a),
  neg: (a) => -a,
  abs: (a) => Math.abs(a),
  round: (a) => (Math.abs(a) < 2251799813685248 ? a + ROUNDER - ROUNDER : a),
  min: (a, b) => (b < a ? b : a),
  max: (a, b) => (a < b ? b : a),
  less: (a, b) => a < b,
  equal: (a, b) => a === b,
  isNaN: (a) => a !== a,
  and: (a, b) => a && b,
  or: (a, b) => a || b,
  not: (a) => !a,
  where: (condition, a, b) => (condition ? a : b),
  gather: ({ values }, index) => values[index < 0 ? index + values.length : index],
  highBits: (a, shift) => {
    word[0] = a
    return shift < 32 ? halves[1] * (1 << (32 - shift)) + (halves[0] >>> shift) : halves[1] >>> (shift - 32)
  },
}
