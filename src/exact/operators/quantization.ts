/**
 * Quantized operators. Products of integers go through the exact MatMul and Conv in binary64: every sum of theirs is an integer
 * far below 2^53, which no grid rounds.
 * Sources: ONNX Operators, onnx/defs/quantization; 8-bit and 16-bit types (shorter ones are not carried by programs).
 * @module
 */
import { demand } from '../../core/faults.js'
import { sizeOf, type DType } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { matrixProduct } from './conv.js'
import { convAttributes, windowsOf } from './windows.js'

const QUANTIZED: readonly DType[] = ['int8', 'uint8', 'int16', 'uint16']

// ---------------------------------------------------------------- scales and zero points

/** Repeats every scale `size` times along an axis and cuts what is beyond `length`. */
function repeated(b: Builder, scale: Ref, { axis, size, length }: { axis: number; size: number; length: number }): Ref {
  const { dims } = scale
  const [before, after] = [dims.slice(0, axis), dims.slice(axis + 1)]
  const spread = b.expand(b.reshape(scale, [...before, dims[axis], 1, ...after]), [
    ...before,
    dims[axis],
    size,
    ...after,
  ])
  const long = b.reshape(spread, [...before, dims[axis] * size, ...after])
  return b.slice(long, axis, { start: 0, end: length })
}

/** A scale or zero point in a shape that broadcasts to `x`: for the whole tensor, for each place of an axis, or for blocks. */
function granular(b: Builder, node: NodeView, { x, scale }: { x: Ref; scale: Ref }): Ref {
  const size = node.int('block_size', 0)
  if (size === 0 && sizeOf(scale.dims) === 1) return b.reshape(scale, [])
  const axis = node.axis(node.int('axis', 1), x.dims.length)
  const length = x.dims[axis]
  const fits =
    size === 0
      ? scale.dims.length === 1 && scale.dims[0] === length
      : size > 0 && scale.dims.join() === x.dims.map((d, i) => (i === axis ? Math.ceil(d / size) : d)).join()
  demand(fits, 'exact/shape-mismatch', () => `a scale of [${scale.dims}] for [${x.dims}], axis ${axis}, block ${size}`)
  if (size > 0) return repeated(b, scale, { axis, size, length })
  return b.reshape(
    scale,
    x.dims.map((_, i) => (i === axis ? length : 1)),
  )
}

/** A type of quantized values, or a refusal. */
function quantized(dtype: DType): DType {
  if (!QUANTIZED.includes(dtype)) refuse(`quantization to ${dtype}`)
  return dtype
}

/** A dtype attribute where 0 means that it is not given. */
const dtypeOrNone = (node: NodeView, name: string): DType | undefined =>
  node.int(name, 0) === 0 ? undefined : node.dtype(name)

// ---------------------------------------------------------------- QuantizeLinear, DequantizeLinear

/** saturate(round(x / scale) + zero point): the cast clamps. */
function saturated(b: Builder, quotient: Ref, { zero, dtype }: { zero: Ref | undefined; dtype: DType }): Ref {
  const wide = quotient.dtype === 'float64' ? quotient : b.cast(quotient, 'float32')
  const whole = b.op('Round', [wide])
  return b.cast(zero === undefined ? whole : b.add(whole, b.cast(zero, whole.dtype)), dtype)
}

function quantizeLinear(b: Builder, node: NodeView): Ref[] {
  const [x, scale, zero] = [node.input(0), node.input(1), node.optional(2)]
  const dtype = quantized(zero?.dtype ?? dtypeOrNone(node, 'output_dtype') ?? 'uint8')
  const precision = dtypeOrNone(node, 'precision') ?? scale.dtype
  if (!['float32', 'float16', 'bfloat16', 'float64'].includes(precision)) refuse(`a division in ${precision}`)
  const divisor = granular(b, node, { x, scale: b.cast(scale, precision) })
  const point = zero === undefined ? undefined : granular(b, node, { x, scale: zero })
  return [saturated(b, b.div(b.cast(x, precision), divisor), { zero: point, dtype })]
}

/** x - zero point, exact: 8- and 16-bit differences fit float32; 32-bit ones are taken in int64 and rounded once. */
function centred(b: Builder, x: Ref, zero: Ref | undefined): Ref {
  if (zero === undefined) return b.cast(x, 'float32')
  const wide: DType = x.dtype === 'int32' ? 'int64' : 'float32'
  return b.cast(b.sub(b.cast(x, wide), b.cast(zero, wide)), 'float32')
}

/** (x - zero point) * scale, multiplied in float32. */
function dequantizeLinear(b: Builder, node: NodeView): Ref[] {
  const [x, scale, zero] = [node.input(0), node.input(1), node.optional(2)]
  if (x.dtype !== 'int32') quantized(x.dtype)
  const point = zero === undefined ? undefined : granular(b, node, { x, scale: zero })
  const factor = granular(b, node, { x, scale: b.cast(scale, 'float32') })
  return [b.cast(b.mul(centred(b, x, point), factor), dtypeOrNone(node, 'output_dtype') ?? scale.dtype)]
}

/** The function body of ONNX DynamicQuantizeLinear (opset 11); a tensor of zeros has no scale and refuses the run. */
function dynamicQuantizeLinear(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const axes = x.dims.map((_, i) => i)
  const number = (value: number) => b.scalar('float32', value)
  const extreme = (name: 'ReduceMin' | 'ReduceMax') => b.reshape(b.reduce(name, x, axes), [])
  const [lowest, highest] = [b.min(extreme('ReduceMin'), number(0)), b.max(extreme('ReduceMax'), number(0))]
  const scale = b.div(b.sub(highest, lowest), number(255))
  const place = b.sub(number(0), b.div(lowest, scale))
  const zero = b.cast(b.op('Round', [b.min(b.max(place, number(0)), number(255))]), 'uint8')
  return [saturated(b, b.div(x, scale), { zero, dtype: 'uint8' }), scale, zero]
}

// ---------------------------------------------------------------- integer products

/** x - zero point as binary64 integers. */
const integral = (b: Builder, x: Ref, zero: Ref | undefined): Ref => {
  const wide = b.cast(x, 'float64')
  return zero === undefined ? wide : b.sub(wide, b.cast(zero, 'float64'))
}

/** Integer sums in binary64 as int32, which wraps. */
const wrapped = (b: Builder, sum: Ref): Ref => b.cast(b.cast(sum, 'int64'), 'int32')

/** Scales or zero points of the rows of a matrix: a vector of one for each row becomes a column. */
const ofRows = (b: Builder, value: Ref, x: Ref): Ref => {
  if (sizeOf(value.dims) === 1) return b.reshape(value, [])
  return value.dims.length === 1 && x.dims.length >= 2 ? b.reshape(value, [value.dims[0], 1]) : value
}

/** Of the columns: a vector stands as it is. */
const ofColumns = (b: Builder, value: Ref): Ref => (sizeOf(value.dims) === 1 ? b.reshape(value, []) : value)

const given = <T>(value: T | undefined, f: (value: T) => T): T | undefined =>
  value === undefined ? undefined : f(value)

function matMulInteger(b: Builder, node: NodeView): Ref[] {
  const [x, y] = [node.input(0), node.input(1)]
  const left = integral(
    b,
    x,
    given(node.optional(2), (zero) => ofRows(b, zero, x)),
  )
  const right = integral(
    b,
    y,
    given(node.optional(3), (zero) => ofColumns(b, zero)),
  )
  return [wrapped(b, matrixProduct(b, left, right))]
}

/** A value for each output channel, in the shape of the weights; one for all stays a scalar. */
const ofChannels = (b: Builder, value: Ref, w: Ref): Ref =>
  sizeOf(value.dims) === 1 ? b.reshape(value, []) : b.reshape(value, [w.dims[0], ...w.dims.slice(1).map(() => 1)])

/** The convolution of centred integers in binary64: padding counts as the zero point. */
function integerConv(b: Builder, node: NodeView, { x, w }: { x: Ref; w: Ref }): Ref {
  const windows = windowsOf(node, x.dims.slice(2), w.dims.slice(2))
  return b.op('Conv', [x, w], convAttributes(windows, node.int('group', 1)))
}

function convInteger(b: Builder, node: NodeView): Ref[] {
  const [x, w] = [node.input(0), node.input(1)]
  const left = integral(
    b,
    x,
    given(node.optional(2), (zero) => b.reshape(zero, [])),
  )
  const right = integral(
    b,
    w,
    given(node.optional(3), (zero) => ofChannels(b, zero, w)),
  )
  return [wrapped(b, integerConv(b, node, { x: left, w: right }))]
}

/** saturate(round(sum * factor) + zero point) in binary64, the factor a product of scales in their own type. */
function requantized(b: Builder, sum: Ref, { factor, zero }: { factor: Ref; zero: Ref }): Ref {
  const integers = b.cast(wrapped(b, sum), 'float64')
  return saturated(b, b.mul(integers, b.cast(factor, 'float64')), { zero, dtype: quantized(zero.dtype) })
}

function qLinearMatMul(b: Builder, node: NodeView): Ref[] {
  const [x, xScale, xZero, y, yScale, yZero, scale, zero] = Array.from({ length: 8 }, (_, i) => node.input(i))
  const left = integral(b, x, ofRows(b, xZero, x))
  const right = integral(b, y, ofColumns(b, yZero))
  const factor = b.div(b.mul(ofRows(b, xScale, x), ofColumns(b, yScale)), ofRows(b, scale, x))
  return [requantized(b, matrixProduct(b, left, right), { factor, zero: ofRows(b, zero, x) })]
}

function qLinearConv(b: Builder, node: NodeView): Ref[] {
  const [x, xScale, xZero, w, wScale, wZero, scale, zero] = Array.from({ length: 8 }, (_, i) => node.input(i))
  const left = integral(b, x, b.reshape(xZero, []))
  const right = integral(b, w, ofChannels(b, wZero, w))
  const channels = (value: Ref) => b.reshape(value, [value.dims[0], ...x.dims.slice(2).map(() => 1)])
  const sum = integerConv(b, node, { x: left, w: right })
  const bias = node.optional(8)
  const total = bias === undefined ? sum : b.add(sum, channels(b.cast(bias, 'float64')))
  const ofWeights = sizeOf(wScale.dims) === 1 ? b.reshape(wScale, []) : channels(wScale)
  const factor = b.div(b.mul(b.reshape(xScale, []), ofWeights), b.reshape(scale, []))
  return [requantized(b, total, { factor, zero: b.reshape(zero, []) })]
}

/** Rows of the quantized operators. */
export const QUANTIZATION: readonly OperatorRow[] = [
  operator('QuantizeLinear', 10, (b, node) => quantizeLinear(b, node)),
  operator('DequantizeLinear', 10, (b, node) => dequantizeLinear(b, node)),
  operator('DynamicQuantizeLinear', 11, (b, node) => dynamicQuantizeLinear(b, node)),
  operator('MatMulInteger', 10, (b, node) => matMulInteger(b, node)),
  operator('ConvInteger', 10, (b, node) => convInteger(b, node)),
  operator('QLinearMatMul', 10, (b, node) => qLinearMatMul(b, node)),
  operator('QLinearConv', 10, (b, node) => qLinearConv(b, node)),
]
