/**
 * Exact ops that move elements: every output element is a copy of one input element, by an index map. Bits are never changed.
 * @module
 */
import { allocate, sizeOf, type DType, type Tensor, type TensorType } from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import { carrierOf, type Emitter } from '../emitter.js'
import type { ExactOp, FaultPoint } from '../op.js'
import type { Attributes } from '../program.js'
import { broadcastDims, broadcastMap, indexMap, stridesOf } from './broadcast.js'
import { demandOperands } from './operands.js'

type Movable = { [i: number]: number | bigint }

/** The elements of `x` at the indices. */
function take(x: Tensor, indices: ArrayLike<number>): Tensor['data'] {
  const out = allocate(x.dtype, indices.length)
  for (let i = 0; i < indices.length; i++) (out as unknown as Movable)[i] = x.data[indices[i]]
  return out
}

/** The kernels move bool as uint8 where they have no bool form. */
function moved(g: Emitter, x: string, { dtype }: TensorType, emit: (x: string) => string): string {
  return dtype === 'bool' ? g.cast(emit(g.cast(x, 'uint8')), 'bool') : emit(x)
}

const RESHAPE: ExactOp = {
  name: 'Reshape',
  number: 100,
  attributes: [{ name: 'shape', kind: 'ints' }],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    demandOperands('Reshape', inputs, 1)
    const [x] = inputs
    const dims = attributes.shape as readonly number[]
    demand(sizeOf(dims) === sizeOf(x.dims), 'exact/shape-mismatch', () => `Reshape of [${x.dims}] to [${dims}]`)
    return { dtype: x.dtype, dims: [...dims] }
  },
  evaluate: ([x]) => x.data,
  lower: (g, [x], { output }) => g.reshape(x, output.dims),
  referee: 'index-map',
  source: 'ONNX Reshape with a constant shape',
}

const TRANSPOSE: ExactOp = {
  name: 'Transpose',
  number: 101,
  attributes: [{ name: 'perm', kind: 'ints' }],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    demandOperands('Transpose', inputs, 1)
    const [x] = inputs
    const perm = attributes.perm as readonly number[]
    demand(
      perm.length === x.dims.length && [...perm].sort((a, b) => a - b).every((v, i) => v === i),
      'exact/shape-mismatch',
      () => `Transpose of [${x.dims}] by [${perm}]`,
    )
    return { dtype: x.dtype, dims: perm.map((axis) => x.dims[axis]) }
  },
  evaluate([x], attributes, output) {
    const strides = stridesOf(x.dims)
    return take(
      x,
      indexMap(
        output.dims,
        (attributes.perm as readonly number[]).map((axis) => strides[axis]),
        0,
      ),
    )
  },
  lower: (g, [x], { attributes, inputs: [type] }) =>
    moved(g, x, type, (y) => g.transpose(y, attributes.perm as readonly number[])),
  referee: 'index-map',
  source: 'ONNX Transpose',
}

/** Size of a slice: elements start, start + step, ... before `end`. */
const sliceSize = (start: number, end: number, step: number) => Math.max(0, Math.ceil((end - start) / step))

/** Starts, ends and steps for every axis; ends may be -1 for a negative step that takes index 0. */
const SLICE: ExactOp = {
  name: 'Slice',
  number: 102,
  attributes: [
    { name: 'starts', kind: 'ints' },
    { name: 'ends', kind: 'ints' },
    { name: 'steps', kind: 'ints' },
  ],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    demandOperands('Slice', inputs, 1)
    const [x] = inputs
    const { starts, ends, steps } = attributes as Record<string, readonly number[]>
    const fits = x.dims.every((dim, i) => {
      const size = sliceSize(starts[i], ends[i], steps[i])
      const last = starts[i] + (size - 1) * steps[i]
      return steps[i] !== 0 && (size === 0 || (starts[i] >= 0 && starts[i] < dim && last >= 0 && last < dim))
    })
    demand(
      starts.length === x.dims.length && ends.length === x.dims.length && steps.length === x.dims.length && fits,
      'exact/shape-mismatch',
      () => `Slice of [${x.dims}] from [${starts}] to [${ends}] by [${steps}]`,
    )
    return { dtype: x.dtype, dims: x.dims.map((_, i) => sliceSize(starts[i], ends[i], steps[i])) }
  },
  evaluate([x], attributes, output) {
    const { starts, steps } = attributes as Record<string, readonly number[]>
    const strides = stridesOf(x.dims)
    const offset = starts.reduce((sum, start, i) => sum + start * strides[i], 0)
    return take(
      x,
      indexMap(
        output.dims,
        steps.map((step, i) => step * strides[i]),
        offset,
      ),
    )
  },
  lower(g, [x], { attributes, inputs: [type], output }) {
    if (sizeOf(output.dims) === 0)
      return g.constant({ ...output, dtype: carrierOf(output.dtype), data: allocate(carrierOf(output.dtype), 0) })
    const { starts, ends, steps } = attributes as Record<string, readonly number[]>
    const axes = type.dims.map((_, i) => i).filter((i) => starts[i] !== 0 || ends[i] !== type.dims[i] || steps[i] !== 1)
    if (axes.length === 0) return x
    // ONNX counts a negative end from the back: "before index 0" is any value below -size.
    const end = (i: number) => (ends[i] < 0 ? -type.dims[i] - 1 : ends[i])
    const pick = (of: (i: number) => number) => g.ints(axes.map(of))
    return moved(g, x, type, (y) =>
      g.node('Slice', [y, pick((i) => starts[i]), pick(end), g.ints(axes), pick((i) => steps[i])]),
    )
  },
  referee: 'index-map',
  source: 'ONNX Slice with constant starts, ends and steps, normalised to every axis',
}

const CONCAT: ExactOp = {
  name: 'Concat',
  number: 103,
  attributes: [{ name: 'axis', kind: 'int' }],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    const axis = attributes.axis as number
    const [first] = inputs
    const fits = inputs.every(
      (t) =>
        t.dtype === first.dtype &&
        t.dims.length === first.dims.length &&
        t.dims.every((d, i) => i === axis || d === first.dims[i]),
    )
    demand(
      fits && axis >= 0 && axis < first.dims.length,
      'exact/shape-mismatch',
      () => `Concat of ${inputs.map((t) => `${t.dtype}[${t.dims}]`).join(', ')} on axis ${axis}`,
    )
    return {
      dtype: first.dtype,
      dims: first.dims.map((d, i) => (i === axis ? inputs.reduce((sum, t) => sum + t.dims[axis], 0) : d)),
    }
  },
  evaluate(inputs, attributes, output) {
    const axis = attributes.axis as number
    const outer = sizeOf(output.dims.slice(0, axis))
    const out = allocate(output.dtype, sizeOf(output.dims))
    const rows = inputs.map((t) => sizeOf(t.dims.slice(axis)))
    for (let o = 0, at = 0; o < outer; o++)
      inputs.forEach((t, k) => {
        out.set(t.data.subarray(o * rows[k], (o + 1) * rows[k]) as never, at)
        at += rows[k]
      })
    return out
  },
  lower: (g, inputs, { attributes }) => g.concat(inputs, attributes.axis as number),
  referee: 'index-map',
  source: 'ONNX Concat',
}

const EXPAND: ExactOp = {
  name: 'Expand',
  number: 105,
  attributes: [{ name: 'shape', kind: 'ints' }],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    demandOperands('Expand', inputs, 1)
    const [x] = inputs
    return { dtype: x.dtype, dims: broadcastDims(x.dims, attributes.shape as readonly number[]) }
  },
  evaluate: ([x], _attributes, output) =>
    take(x, broadcastMap(x.dims, output.dims) ?? indexMap(output.dims, stridesOf(output.dims), 0)),
  lower: (g, [x], { output, inputs: [type] }) => moved(g, x, type, (y) => g.expand(y, output.dims)),
  referee: 'index-map',
  source: 'ONNX Expand with a constant shape',
}

/** Types that the kernel of Pad does not take. */
const PADDED_AS: Partial<Record<DType, DType>> = {
  int16: 'int32',
  uint16: 'int32',
  float16: 'int32',
  bfloat16: 'int32',
}

/** Copies of the second operand, a scalar, around the first: `pads` holds the counts before every axis, then those behind. */
const PAD: ExactOp = {
  name: 'Pad',
  number: 108,
  attributes: [{ name: 'pads', kind: 'ints' }],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    demandOperands('Pad', inputs, 2)
    const [x, value] = inputs
    const pads = attributes.pads as readonly number[]
    const rank = x.dims.length
    demand(
      pads.length === 2 * rank && pads.every((pad) => pad >= 0),
      'exact/shape-mismatch',
      () => `Pad of [${x.dims}] by [${pads}]`,
    )
    demand(
      value.dtype === x.dtype && value.dims.length === 0,
      'exact/shape-mismatch',
      () => `Pad of ${x.dtype} with ${value.dtype}[${value.dims}]`,
    )
    return { dtype: x.dtype, dims: x.dims.map((dim, i) => pads[i] + dim + pads[rank + i]) }
  },
  evaluate([x, value], attributes, output) {
    const pads = attributes.pads as readonly number[]
    const out = allocate(x.dtype, sizeOf(output.dims)).fill(value.data[0] as never)
    const strides = stridesOf(output.dims)
    const offset = strides.reduce((sum, stride, i) => sum + stride * pads[i], 0)
    indexMap(x.dims, strides, offset).forEach((at, i) => ((out as unknown as Movable)[at] = x.data[i]))
    return out
  },
  lower(g, [x, value], { attributes, inputs: [{ dims, dtype }], output }) {
    const via = PADDED_AS[dtype]
    const wide = (y: string) => (via === undefined ? y : g.cast(y, via))
    if (sizeOf(dims) === 0) return moved(g, value, output, (y) => g.expand(y, output.dims))
    const padded = g.node('Pad', [wide(x), g.ints(attributes.pads as readonly number[]), wide(value)])
    return via === undefined ? padded : g.cast(padded, carrierOf(dtype))
  },
  referee: 'index-map',
  source: 'ONNX Pad, mode constant',
}

/** Indices must lie in 0 .. size - 1 along the axis: a decomposition adds the size to negative ones first. */
export function indexFault(axisSize: (data: TensorType, attributes: Attributes) => number): FaultPoint {
  return {
    find([data, indices], attributes) {
      const size = axisSize(data, attributes)
      for (let i = 0; i < indices.data.length; i++)
        if (indices.data[i] < 0 || indices.data[i] >= size) return { reason: 'index-out-of-range', element: i }
      return undefined
    },
    suspect(g, [, indices], { inputs: [data, type], attributes }) {
      const wide = g.cast(indices, 'int64')
      const outside = g.or(
        g.less(wide, g.scalar('int64', 0)),
        g.not(g.less(wide, g.scalar('int64', axisSize(data, attributes)))),
      )
      return g.any(outside, type.dims)
    },
  }
}

/** Keeps indices inside of the axis, so that no kernel throws before the fault point is reported. */
export function clampIndices(g: Emitter, indices: string, size: number): string {
  return g.node('Max', [g.node('Min', [g.cast(indices, 'int64'), g.scalar('int64', size - 1)]), g.scalar('int64', 0)])
}

const axisOf = (data: TensorType, attributes: Attributes) => data.dims[attributes.axis as number]

const GATHER: ExactOp = {
  name: 'Gather',
  number: 106,
  attributes: [{ name: 'axis', kind: 'int' }],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    demandOperands('Gather', inputs, 2)
    const [x, indices] = inputs
    const axis = attributes.axis as number
    demand(
      indices.dtype === 'int64' && axis >= 0 && axis < x.dims.length,
      'exact/shape-mismatch',
      () => `Gather of [${x.dims}] on axis ${axis} by ${indices.dtype}`,
    )
    demand(
      x.dims[axis] > 0 || sizeOf(indices.dims) === 0,
      'exact/shape-mismatch',
      () => `Gather from an empty axis of [${x.dims}]`,
    )
    return { dtype: x.dtype, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)] }
  },
  evaluate([x, indices], attributes, output) {
    const axis = attributes.axis as number
    const [outer, length, inner] = [sizeOf(x.dims.slice(0, axis)), x.dims[axis], sizeOf(x.dims.slice(axis + 1))]
    const out = allocate(x.dtype, sizeOf(output.dims))
    for (let o = 0, at = 0; o < outer; o++)
      for (let i = 0; i < indices.data.length; i++, at += inner) {
        const from = (o * length + Number(indices.data[i])) * inner
        out.set(x.data.subarray(from, from + inner) as never, at)
      }
    return out
  },
  lower(g, [x, indices], { attributes, inputs: [data], output }) {
    if (sizeOf(output.dims) === 0)
      return g.constant({ ...output, dtype: carrierOf(output.dtype), data: allocate(carrierOf(output.dtype), 0) })
    return g.gather(x, clampIndices(g, indices, axisOf(data, attributes)), attributes.axis as number)
  },
  faults: indexFault(axisOf),
  referee: 'index-map',
  source: 'ONNX Gather, indices not negative',
}

const GATHER_ELEMENTS: ExactOp = {
  name: 'GatherElements',
  number: 107,
  attributes: [{ name: 'axis', kind: 'int' }],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    demandOperands('GatherElements', inputs, 2)
    const [x, indices] = inputs
    const axis = attributes.axis as number
    const fits = indices.dims.length === x.dims.length && indices.dims.every((d, i) => i === axis || d <= x.dims[i])
    demand(
      indices.dtype === 'int64' && fits && axis >= 0 && axis < x.dims.length,
      'exact/shape-mismatch',
      () => `GatherElements of [${x.dims}] by ${indices.dtype}[${indices.dims}]`,
    )
    return { dtype: x.dtype, dims: indices.dims }
  },
  evaluate([x, indices], attributes, output) {
    const axis = attributes.axis as number
    const strides = stridesOf(x.dims)
    const base = indexMap(
      output.dims,
      strides.map((stride, i) => (i === axis ? 0 : stride)),
      0,
    )
    return take(
      x,
      base.map((at, i) => at + Number(indices.data[i]) * strides[axis]),
    )
  },
  lower(g, [x, indices], { attributes, inputs: [data], output }) {
    if (sizeOf(output.dims) === 0)
      return g.constant({ ...output, dtype: carrierOf(output.dtype), data: allocate(carrierOf(output.dtype), 0) })
    return moved(g, x, data, (y) =>
      g.node('GatherElements', [y, clampIndices(g, indices, axisOf(data, attributes))], {
        axis: attributes.axis as number,
      }),
    )
  },
  faults: indexFault(axisOf),
  referee: 'index-map',
  source: 'ONNX GatherElements, indices not negative',
}

export const MOVEMENT: readonly ExactOp[] = [RESHAPE, TRANSPOSE, SLICE, CONCAT, EXPAND, PAD, GATHER, GATHER_ELEMENTS]
