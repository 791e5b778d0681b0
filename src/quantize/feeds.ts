/**
 * Inputs of integer programs, from the real numbers that models take.
 * @module
 */
import { demand } from '../core/faults.js'
import { tensor, type DType, type Tensor } from '../core/tensor.js'
import { inputsOf, type Program } from '../exact/program.js'
import { exactRange } from './interval.js'
import { toInteger } from './scale.js'

/** How an input of an integer program is given. */
export interface InputScale {
  readonly name: string
  readonly dtype: DType
  readonly dims: readonly number[]
  /** Real numbers x are given as round(x / 2^exponent) + zero; null: the model itself takes these integers. */
  readonly exponent: number | null
  readonly zero: number
}

/** Inputs that are integers as they come. */
export const integerInputs = (program: Program): InputScale[] =>
  inputsOf(program).map(({ dtype, dims }, i) => ({
    name: program.names.inputs[i],
    dtype,
    dims,
    exponent: null,
    zero: 0,
  }))

/** Inputs by name. */
export type Feed = Readonly<Record<string, Tensor>>

/**
 * The inputs of an integer program in its order: real numbers are rounded to their scales, halves up, and clamped; tensors that have the
 * program's type already are taken as they are.
 * @throws Fault `exact/missing-input`, `exact/wrong-input`, `quantize/bad-calibration` for a NaN.
 */
export function quantizeFeed(inputs: readonly InputScale[], feed: Feed): Tensor[] {
  return inputs.map((input) => {
    const given = Object.hasOwn(feed, input.name) ? feed[input.name] : undefined
    demand(given !== undefined, 'exact/missing-input', () => `input "${input.name}"`)
    return quantizeInput(input, given)
  })
}

/** One input. @throws as `quantizeFeed`. */
export function quantizeInput({ name, dtype, dims, exponent, zero }: InputScale, given: Tensor): Tensor {
  const shaped = given.dims.length === dims.length && dims.every((dim, i) => dim === given.dims[i])
  const real = exponent !== null && (given.dtype === 'float32' || given.dtype === 'float64')
  demand(shaped && (real || given.dtype === dtype), 'exact/wrong-input', () => `input "${name}"`, {
    expected: `${dtype}[${dims}]${exponent === null ? '' : ' or real numbers'}`,
    found: `${given.dtype}[${given.dims}]`,
  })
  return real ? rounded(given, { dtype, exponent, zero, name }) : given
}

function rounded(
  { dims, data }: Tensor,
  { dtype, exponent, zero, name }: { dtype: DType; exponent: number; zero: number; name: string },
): Tensor {
  const { lo, hi } = exactRange(dtype)
  const scale = { exponent, lo: Number(lo) - zero, hi: Number(hi) - zero }
  const values = Array.from(data as Float32Array, (x) => {
    demand(x === x, 'quantize/bad-calibration', () => `input "${name}" holds a NaN`)
    return toInteger(x, scale) + zero
  })
  return tensor(dtype, dims, values)
}
