/**
 * Integer programs evaluated with integers of any size: no rounding, no wrapping, no grids. What the exact ops must agree with.
 * @module
 */
import { sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import { broadcastMap } from '../../src/exact/ops/broadcast.js'
import { opOf } from '../../src/exact/ops/index.js'
import { pooledDims, type PoolShape } from '../../src/exact/ops/order.js'
import type { NodeValue, Program } from '../../src/exact/program.js'

export interface Big {
  readonly dims: readonly number[]
  readonly data: readonly bigint[]
}

export const bigOf = ({ dims, data }: Tensor): Big => ({ dims, data: Array.from(data as Float64Array, BigInt) })

const mod = (a: bigint, b: bigint) => ((a % b) + b) % b
const bit = (value: boolean) => (value ? 1n : 0n)

const BY_ELEMENT: Record<string, (...x: bigint[]) => bigint> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Mod: mod,
  Neg: (a) => -a,
  Abs: (a) => (a < 0n ? -a : a),
  Sign: (a) => bit(a > 0n) - bit(a < 0n),
  Max: (a, b) => (a > b ? a : b),
  Min: (a, b) => (a < b ? a : b),
  Relu: (a) => (a > 0n ? a : 0n),
  Equal: (a, b) => bit(a === b),
  Less: (a, b) => bit(a < b),
  And: (a, b) => a & b,
  Or: (a, b) => a | b,
  Not: (a) => 1n - a,
  Where: (c, a, b) => (c === 1n ? a : b),
}

function byElement(f: (...x: bigint[]) => bigint, operands: readonly Big[], dims: readonly number[]): bigint[] {
  const maps = operands.map((x) => broadcastMap(x.dims, dims))
  return Array.from({ length: sizeOf(dims) }, (_, i) => f(...operands.map((x, k) => x.data[maps[k]?.[i] ?? i])))
}

/** Two matrices only. */
function matMul([a, b]: readonly Big[], [rows, columns]: readonly number[]): bigint[] {
  const k = a.dims[1]
  return Array.from({ length: rows * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns]
    let sum = 0n
    for (let t = 0; t < k; t++) sum += a.data[i * k + t] * b.data[t * columns + j]
    return sum
  })
}

interface Windows {
  readonly strides: readonly number[]
  readonly pads: readonly number[]
  readonly dilations: readonly number[]
}

/** The elements of a plane under a window of two axes, undefined in the padding. */
function windowAt(
  plane: (y: number, x: number) => bigint,
  { size, kernel, at, windows }: { size: readonly number[]; kernel: readonly number[]; at: number[]; windows: Windows },
): (bigint | undefined)[] {
  const { strides, pads, dilations } = windows
  return Array.from({ length: kernel[0] * kernel[1] }, (_, tap) => {
    const y = at[0] * strides[0] - pads[0] + Math.floor(tap / kernel[1]) * dilations[0]
    const x = at[1] * strides[1] - pads[1] + (tap % kernel[1]) * dilations[1]
    return y < 0 || x < 0 || y >= size[0] || x >= size[1] ? undefined : plane(y, x)
  })
}

/** Pictures of two axes. */
function conv([x, w]: readonly Big[], { dims, attributes }: NodeValue): bigint[] {
  const windows = attributes as unknown as Windows
  const [, outs, height, width] = dims
  const [, channels, ...kernel] = w.dims
  const perGroup = outs / (attributes.group as number)
  const size = x.dims.slice(2)
  return Array.from({ length: sizeOf(dims) }, (_, at) => {
    const [n, o] = [Math.floor(at / (outs * height * width)), Math.floor(at / (height * width)) % outs]
    const place = [Math.floor(at / width) % height, at % width]
    let sum = 0n
    for (let c = 0; c < channels; c++) {
      const channel = n * x.dims[1] + Math.floor(o / perGroup) * channels + c
      const plane = (y: number, z: number) => x.data[(channel * size[0] + y) * size[1] + z]
      windowAt(plane, { size, kernel, at: place, windows }).forEach((value, tap) => {
        sum += (value ?? 0n) * w.data[(o * channels + c) * kernel[0] * kernel[1] + tap]
      })
    }
    return sum
  })
}

function maxPool([x]: readonly Big[], { dims, attributes }: NodeValue): bigint[] {
  const pool = attributes as unknown as PoolShape
  const [height, width] = pooledDims(x.dims, pool)
  const size = x.dims.slice(2)
  return Array.from({ length: sizeOf(dims) }, (_, at) => {
    const channel = Math.floor(at / (height * width))
    const plane = (y: number, z: number) => x.data[(channel * size[0] + y) * size[1] + z]
    const place = [Math.floor(at / width) % height, at % width]
    const found = windowAt(plane, { size, kernel: pool.kernel, at: place, windows: pool })
    return found.filter((value) => value !== undefined).reduce((a, b) => (a > b ? a : b))
  })
}

const REDUCE: Record<string, (a: bigint, b: bigint) => bigint> = {
  ReduceSum: (a, b) => a + b,
  ReduceMax: (a, b) => (a > b ? a : b),
  ReduceMin: (a, b) => (a < b ? a : b),
}

function reduce(f: (a: bigint, b: bigint) => bigint, [x]: readonly Big[], dims: readonly number[]): bigint[] {
  const length = x.data.length / sizeOf(dims)
  return Array.from({ length: sizeOf(dims) }, (_, i) => x.data.slice(i * length, (i + 1) * length).reduce(f))
}

/** Movement copies, and places are found by order: both on int64, where nothing is computed. */
function moved(operands: readonly Big[], { op, attributes, dims }: NodeValue): bigint[] {
  const tensors = operands.map((x) => tensor('int64', x.dims, [...x.data]))
  const data = opOf(op).evaluate(tensors, attributes, { dtype: 'int64', dims })
  return Array.from(data as BigInt64Array)
}

function evaluate(operands: readonly Big[], node: NodeValue): bigint[] {
  const { op, dims } = node
  if (op in BY_ELEMENT) return byElement(BY_ELEMENT[op], operands, dims)
  if (op in REDUCE) return reduce(REDUCE[op], operands, dims)
  if (op === 'MatMul') return matMul(operands, dims)
  if (op === 'Conv') return conv(operands, node)
  if (op === 'MaxPool') return maxPool(operands, node)
  if (op === 'Cast') return node.dtype === 'bool' ? operands[0].data.map((x) => bit(x !== 0n)) : [...operands[0].data]
  return moved(operands, node)
}

/** Every value of a program. */
export function naive(program: Program, given: readonly Tensor[]): Big[] {
  const values: Big[] = []
  program.values.forEach((value, number) => {
    if (value.kind !== 'node') return void values.push(bigOf(value.kind === 'constant' ? value.tensor : given[number]))
    const operands = value.inputs.map((input) => values[input])
    values.push({ dims: value.dims, data: evaluate(operands, value) })
  })
  return values
}
