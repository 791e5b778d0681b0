/**
 * Exact ops that write updates into a tensor along one axis. Updates have the dims of the data except along that axis.
 * @module
 */
import { DTYPES, allocate, sizeOf, type DType, type Tensor, type TensorType } from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import { carrierOf, type Emitter } from '../emitter.js'
import type { ExactOp } from '../op.js'
import type { Attributes } from '../program.js'
import { emitDomain64, emitGrid, emitMagnitude, grid64, pow2ceil64, pow2ceilWide } from './grid.js'
import { clampIndices, indexFault } from './movement.js'
import { demandOperands } from './operands.js'
import { aroundAxis } from './order.js'

type Cells = { [i: number]: number | bigint }

const axisOf = (attributes: Attributes) => attributes.axis as number
const sizeOfAxis = (data: TensorType, attributes: Attributes) => data.dims[axisOf(attributes)]

/**
 * Bits of a binary64 grid on which `count` numbers add up exactly: 53 for the sum, but no more than 51, which rounding by
 * addition of 1.5 * L * 2^(52 - bits) leaves.
 */
export function scanBits(count: number): number {
  const carries = count <= 1 ? 0 : 32 - Math.clz32(count - 1)
  return Math.min(51, 53 - carries)
}

function inferScatter(name: string, inputs: readonly TensorType[], attributes: Attributes): TensorType {
  demandOperands(name, inputs, 3)
  const [data, indices, updates] = inputs
  const axis = axisOf(attributes)
  const wrong = () =>
    `${name} of ${data.dtype}[${data.dims}] on axis ${axis} by ${indices.dtype}[${indices.dims}] from ${updates.dtype}[${updates.dims}]`
  const fits =
    axis >= 0 &&
    axis < data.dims.length &&
    indices.dims.length === data.dims.length &&
    updates.dims.length === data.dims.length &&
    indices.dims.every((d, i) => d === updates.dims[i] && (i === axis || d === data.dims[i]))
  demand(fits && indices.dtype === 'int64' && updates.dtype === data.dtype, 'exact/shape-mismatch', wrong)
  demand(data.dims[axis] > 0 || sizeOf(indices.dims) === 0, 'exact/shape-mismatch', wrong)
  return { dtype: data.dtype, dims: data.dims }
}

/** Calls `visit(target, source)` for every update in row-major order. */
function eachUpdate(
  [data, indices]: readonly Tensor[],
  attributes: Attributes,
  visit: (target: number, source: number) => void,
): void {
  const axis = axisOf(attributes)
  const { length, inner } = aroundAxis(data.dims, axis)
  const plane = indices.dims[axis] * inner
  for (let i = 0; i < indices.data.length; i++)
    visit((Math.floor(i / plane) * length + Number(indices.data[i])) * inner + (i % inner), i)
}

const emptyOf = (g: Emitter, { dtype, dims }: TensorType) =>
  g.constant({ dtype: carrierOf(dtype), dims, data: allocate(carrierOf(dtype), 0) })

/** Where several updates name one element, the last in row-major order stands: the kernels of both packages go through them one by one. */
const SCATTER_ELEMENTS: ExactOp = {
  name: 'ScatterElements',
  number: 109,
  attributes: [{ name: 'axis', kind: 'int' }],
  halves: 'carry',
  dtypes: 'any',
  infer: (inputs, attributes) => inferScatter('ScatterElements', inputs, attributes),
  evaluate(inputs, attributes) {
    const out = inputs[0].data.slice()
    eachUpdate(inputs, attributes, (target, source) => ((out as unknown as Cells)[target] = inputs[2].data[source]))
    return out
  },
  lower(g, [data, indices, updates], { attributes, inputs, output }) {
    if (sizeOf(output.dims) === 0) return emptyOf(g, output)
    if (sizeOf(inputs[1].dims) === 0) return g.node('Identity', [data])
    const places = clampIndices(g, indices, sizeOfAxis(inputs[0], attributes))
    return g.node('ScatterElements', [data, places, updates], { axis: axisOf(attributes) })
  },
  faults: indexFault(sizeOfAxis),
  referee: 'index-map',
  source: 'ONNX ScatterElements, indices not negative, the last of equal ones wins',
}

// ---------------------------------------------------------------- ScatterAdd

const FLOATS: readonly DType[] = ['float32', 'float64']
const ADDABLE: readonly DType[] = [
  ...FLOATS,
  ...(Object.keys(DTYPES) as DType[]).filter((d) => DTYPES[d].kind === 'signed' || DTYPES[d].kind === 'unsigned'),
]

/** Every line's values and updates, one after the other along the axis, on the line's grid. */
function lineGrid([data, indices, updates]: readonly Tensor[], attributes: Attributes): Float64Array {
  const axis = axisOf(attributes)
  const { outer, length, inner } = aroundAxis(data.dims, axis)
  const count = indices.dims[axis]
  const lines = new Float64Array(outer * (length + count) * inner)
  for (let o = 0; o < outer; o++) {
    const at = o * (length + count) * inner
    lines.set((data.data as Float32Array).subarray(o * length * inner, (o + 1) * length * inner), at)
    lines.set((updates.data as Float32Array).subarray(o * count * inner, (o + 1) * count * inner), at + length * inner)
  }
  const scale = data.dtype === 'float32' ? pow2ceilWide : pow2ceil64
  const shape = { outer, length: length + count, inner, block: length + count }
  return grid64(lines, shape, { bits: scanBits(1 + count), scale })
}

function addOnGrid(inputs: readonly Tensor[], attributes: Attributes): Tensor['data'] {
  const axis = axisOf(attributes)
  const { length, inner } = aroundAxis(inputs[0].dims, axis)
  const [own, other] = [length * inner, inputs[1].dims[axis] * inner]
  const lines = lineGrid(inputs, attributes)
  const sums = Float64Array.from(inputs[0].data as Float32Array, (_, i) => lines[i + Math.floor(i / own) * other])
  eachUpdate(inputs, attributes, (target, source) => {
    sums[target] += lines[source + (Math.floor(source / other) + 1) * own]
  })
  const out = allocate(inputs[0].dtype, sums.length)
  for (let i = 0; i < sums.length; i++) (out as Float64Array)[i] = sums[i] + 0
  return out
}

function addIntegers(inputs: readonly Tensor[], attributes: Attributes): Tensor['data'] {
  const out = inputs[0].data.slice()
  const cells = out as unknown as { [i: number]: number }
  const updates = inputs[2].data as Int32Array
  eachUpdate(inputs, attributes, (target, source) => (cells[target] += updates[source]))
  return out
}

interface Lines {
  readonly data: string
  readonly updates: string
  readonly dtype: 'float32' | 'float64'
  readonly axis: number
  readonly bits: number
}

/** Emits data and updates on the grids of their lines, as binary64. */
function emitLineGrids(g: Emitter, { data, updates, dtype, axis, bits }: Lines): readonly [string, string] {
  const [a, b] = [data, updates].map((x) => emitMagnitude(g, x, { dtype, axes: [axis] }))
  const largest = g.node('Max', [a, b])
  const m = dtype === 'float32' ? g.cast(largest, 'float64') : emitDomain64(g, largest)
  const [x, y] = [data, updates].map((v) => {
    const wide = dtype === 'float32' ? g.cast(v, 'float64') : v
    return emitGrid(g, wide, m, { dtype: 'float64', bits })
  })
  return [x, y]
}

const SCATTER_ADD: ExactOp = {
  name: 'ScatterAdd',
  number: 84,
  attributes: [{ name: 'axis', kind: 'int' }],
  halves: 'widen',
  dtypes: ADDABLE,
  infer(inputs, attributes) {
    demandOperands('ScatterAdd', inputs, 3)
    const { dtype } = inputs[0]
    demand(ADDABLE.includes(dtype), 'exact/unsupported-type', () => `ScatterAdd of ${dtype}`)
    return inferScatter('ScatterAdd', inputs, attributes)
  },
  evaluate(inputs, attributes) {
    if (sizeOf(inputs[1].dims) === 0) return inputs[0].data.slice()
    return FLOATS.includes(inputs[0].dtype) ? addOnGrid(inputs, attributes) : addIntegers(inputs, attributes)
  },
  lower(g, [data, indices, updates], { attributes, inputs, output }) {
    if (sizeOf(output.dims) === 0) return emptyOf(g, output)
    if (sizeOf(inputs[1].dims) === 0) return g.node('Identity', [data])
    const axis = axisOf(attributes)
    const places = clampIndices(g, indices, sizeOfAxis(inputs[0], attributes))
    const add = (x: string, y: string) => g.node('ScatterElements', [x, places, y], { axis, reduction: 'add' })
    const { dtype } = output
    if (dtype === 'float32' || dtype === 'float64') {
      const bits = scanBits(1 + inputs[1].dims[axis])
      const total = add(...emitLineGrids(g, { data, updates, dtype, axis, bits }))
      return g.plusZero(dtype === 'float32' ? g.cast(total, 'float32') : total, dtype)
    }
    const wide = (x: string) => (dtype === 'int64' ? g.bitCast(x, 'uint64') : g.cast(x, 'uint64'))
    const total = add(wide(data), wide(updates))
    return dtype === 'int64' ? g.bitCast(total, 'int64') : g.cast(total, dtype)
  },
  faults: indexFault(sizeOfAxis),
  referee: 'sum',
  source: 'ONNX ScatterElements with reduction = add; docs/numerics.md, scans and scatters',
}

export const SCATTER: readonly ExactOp[] = [SCATTER_ELEMENTS, SCATTER_ADD]
