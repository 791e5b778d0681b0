/* eslint-disable no-restricted-properties -- values to compare within a tolerance; nothing here is committed to */
/**
 * Programs evaluated in binary64 throughout: what a loss would be without rounding to binary32. Functions, sums and products by their
 * textbook formulas, since the project's own round to binary32 or to grids.
 * @module
 */
import { sizeOf, tensor, type Tensor, type TensorType } from '../../src/core/tensor.js'
import { opOf } from '../../src/exact/ops/index.js'
import { ABSENT, type NodeValue, type Program } from '../../src/exact/program.js'
import { indexOf, places } from '../exact/naive.js'

/** 2 / sqrt(pi) times the sum of (-1)^n x^(2n + 1) / (n! (2n + 1)): for arguments of moderate size. */
function erf(x: number): number {
  let [power, sum] = [x, x]
  for (let n = 1; Math.abs(power) > 1e-20; n++) {
    power *= (-x * x) / n
    sum += power / (2 * n + 1)
  }
  return (2 * sum) / Math.sqrt(Math.PI)
}

const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  Exp: Math.exp,
  Log: Math.log,
  Tanh: Math.tanh,
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Erf: erf,
}

const widened = <T extends TensorType>(type: T): T => (type.dtype === 'float32' ? { ...type, dtype: 'float64' } : type)

/** A tensor with its floats as binary64. */
export const wide = (t: Tensor): Tensor =>
  t.dtype === 'float32' ? tensor('float64', t.dims, Float64Array.from(t.data as Float32Array)) : t

type Formula = (operands: readonly Tensor[], node: NodeValue) => number[]

const sum = (length: number, term: (i: number) => number) => {
  let total = 0
  for (let i = 0; i < length; i++) total += term(i)
  return total
}

/** Of the last axes. */
const reduceSum: Formula = ([x], { dims }) => {
  const values = x.data as Float64Array
  const count = values.length / sizeOf(dims)
  return Array.from({ length: sizeOf(dims) }, (_, at) => sum(count, (i) => values[at * count + i]))
}

/** Matrices along the last two axes; a factor of fewer axes, or with an axis of 1, is taken again and again. */
const matmul: Formula = ([x, w], { dims }) => {
  const [k, columns] = w.dims.slice(-2)
  const offset = ({ dims: own }: Tensor, place: readonly number[]) => {
    const lead = own.slice(0, -2)
    const seen = place.slice(place.length - lead.length).map((at, i) => (lead[i] === 1 ? 0 : at))
    return indexOf(seen, lead) * sizeOf(own.slice(-2))
  }
  return places(dims).map((place) => {
    const [row, column] = place.slice(-2)
    const [a, b] = [x, w].map((operand) => offset(operand, place.slice(0, -2)))
    return sum(k, (i) => Number(x.data[a + row * k + i]) * Number(w.data[b + i * columns + column]))
  })
}

const conv: Formula = ([x, w], { attributes, dims }) => {
  const { group, strides, pads, dilations } = attributes as Record<string, number[]> & { group: number }
  const taps = places(w.dims.slice(1))
  return places(dims).map(([n, m, ...out]) =>
    sum(taps.length, (t) => {
      const [c, ...tap] = taps[t]
      const channel = Math.floor((m * group) / dims[1]) * w.dims[1] + c
      const seen = out.map((at, i) => at * strides[i] + tap[i] * dilations[i] - pads[i])
      const at = indexOf([n, channel, ...seen], x.dims)
      return at < 0 ? 0 : Number(x.data[at]) * Number(w.data[m * taps.length + t])
    }),
  )
}

const maxPool: Formula = ([x], { attributes, dims }) => {
  const { kernel, strides, pads, dilations } = attributes as Record<string, number[]>
  return places(dims).map(([n, c, ...out]) => {
    const seen = places(kernel).map((tap) => out.map((at, i) => at * strides[i] + tap[i] * dilations[i] - pads[i]))
    const found = seen.map((at) => indexOf([n, c, ...at], x.dims)).filter((at) => at >= 0)
    return Math.max(...found.map((at) => Number(x.data[at])))
  })
}

const FORMULAS: Readonly<Record<string, Formula>> = {
  ReduceSum: reduceSum,
  MatMul: matmul,
  Conv: conv,
  MaxPool: maxPool,
}

function evaluate(node: NodeValue, operands: readonly Tensor[]): Tensor {
  const f = FUNCTIONS[node.op]
  if (f !== undefined) return tensor('float64', node.dims, (operands[0].data as Float64Array).map(f))
  const formula = FORMULAS[node.op]
  if (formula !== undefined) return tensor('float64', node.dims, formula(operands, node))
  const { dtype, dims } = widened(node)
  return { dtype, dims, data: opOf(node.op).evaluate(operands, node.attributes, { dtype, dims }) }
}

/** The numbers of the values that the first output depends on. */
function needed(program: Program): Set<number> {
  const found = new Set([program.outputs[0]])
  for (let number = program.outputs[0]; number >= 0; number--) {
    const value = program.values[number]
    if (found.has(number) && value.kind === 'node') value.inputs.forEach((input) => found.add(input))
  }
  return found
}

/** The first output, of one element, as a function of state and inputs, both wide already. */
export function wideOutput(program: Program): (given: readonly Tensor[]) => number {
  const wanted = needed(program)
  return (given) => {
    const values: Tensor[] = []
    program.values.forEach((value, number) => {
      if (value.kind === 'constant') values[number] = wide(value.tensor)
      else if (value.kind !== 'node') values[number] = given[number]
      else if (wanted.has(number)) {
        const operands = value.inputs.filter((input) => input !== ABSENT).map((input) => values[input])
        values[number] = evaluate(value, operands)
      }
    })
    const { dims, data } = values[program.outputs[0]]
    if (sizeOf(dims) !== 1) throw new Error('the first output is no number')
    return Number(data[0])
  }
}
