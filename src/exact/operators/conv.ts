/**
 * Matrix products and convolutions.
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat, sizeOf } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { convAttributes, padSpatial, perAxis, placesOf, reachOf, splitPadding, spread, windowsOf } from './windows.js'

/** Product of every row with every column as integers: elementwise products, which wrap, then sums, which wrap. */
function integerProduct(b: Builder, x: Ref, y: Ref): Ref {
  const rows = b.reshape(x, [...x.dims, 1])
  const columns = b.reshape(y, [...y.dims.slice(0, -2), 1, ...y.dims.slice(-2)])
  const products = b.mul(rows, columns)
  const axis = products.dims.length - 2
  const sums = b.cast(b.reduce('ReduceSum', b.cast(products, 'int64'), [axis]), x.dtype)
  return b.reshape(
    sums,
    products.dims.filter((_, i) => i !== axis),
  )
}

/**
 * The matrix product with operands of any rank: a vector is a row on the left and a column on the right.
 * Integers wrap. Source: ONNX MatMul (numpy.matmul).
 */
export function matrixProduct(b: Builder, x: Ref, y: Ref): Ref {
  demand(x.dims.length >= 1 && y.dims.length >= 1, 'exact/shape-mismatch', () => 'MatMul of a scalar')
  const [row, column] = [x.dims.length === 1, y.dims.length === 1]
  const left = row ? b.reshape(x, [1, x.dims[0]]) : x
  const right = column ? b.reshape(y, [y.dims[0], 1]) : y
  demand(left.dims.at(-1) === right.dims.at(-2), 'exact/shape-mismatch', () => `MatMul of [${x.dims}] and [${y.dims}]`)
  const product = isFloat(x.dtype) ? b.matmul(left, right) : integerProduct(b, left, right)
  const rank = product.dims.length
  return b.reshape(
    product,
    product.dims.filter((_, i) => !(row && i === rank - 2) && !(column && i === rank - 1)),
  )
}

/** `factor * x`; nothing is computed for factor 1. Integers are scaled by integers only. */
function scaled(b: Builder, x: Ref, factor: number): Ref {
  if (factor === 1) return x
  if (!isFloat(x.dtype) && !Number.isSafeInteger(factor)) refuse(`integers scaled by ${factor}`)
  return b.mul(x, b.scalar(x.dtype, factor))
}

function gemm(b: Builder, node: NodeView): Ref[] {
  const matrix = (index: number, flag: string) => {
    const x = node.input(index)
    demand(x.dims.length === 2, 'exact/shape-mismatch', () => `Gemm operand of [${x.dims}]`)
    return node.int(flag, 0) === 0 ? x : b.transpose(x, [1, 0])
  }
  const product = scaled(b, matrixProduct(b, matrix(0, 'transA'), matrix(1, 'transB')), node.float('alpha', 1))
  const c = node.optional(2)
  if (c === undefined) return [product]
  const sum = b.add(product, scaled(b, c, node.float('beta', 1)))
  demand(sizeOf(sum.dims) === sizeOf(product.dims), 'exact/shape-mismatch', () => `Gemm with C of [${c.dims}]`)
  return [sum]
}

/** Adds a bias of one value for every channel. */
function withBias(b: Builder, y: Ref, bias: Ref | undefined): Ref {
  if (bias === undefined) return y
  return b.add(y, b.reshape(bias, [1, bias.dims[0], ...y.dims.slice(2).map(() => 1)]))
}

function kernelOf(node: NodeView, w: Ref): readonly number[] {
  const kernel = node.ints('kernel_shape', w.dims.slice(2))
  demand(kernel.join() === w.dims.slice(2).join(), 'onnx/bad-node', () => `kernel_shape [${kernel}], W [${w.dims}]`)
  return kernel
}

function conv(b: Builder, node: NodeView): Ref[] {
  const [x, w] = [node.input(0), node.input(1)]
  const windows = windowsOf(node, x.dims.slice(2), kernelOf(node, w))
  const y = b.op('Conv', [x, w], convAttributes(windows, node.int('group', 1)))
  return [withBias(b, y, node.optional(2))]
}

/** Weights [C, M/g, k...] of a transposed convolution as those of the convolution that computes it: [M, C/g, k...], taps reversed. */
function reversedWeights(b: Builder, w: Ref, group: number): Ref {
  const [channels, outs, ...kernel] = w.dims
  const taps = kernel.map((_, i) => 3 + i)
  const grouped = b.reshape(w, [group, channels / group, outs, ...kernel])
  const swapped = b.reshape(b.transpose(grouped, [0, 2, 1, ...taps]), [group * outs, channels / group, ...kernel])
  return kernel.reduce(
    (y, size, i) => (size === 1 ? y : b.slice(y, 2 + i, { start: size - 1, end: -1, step: -1 })),
    swapped,
  )
}

/** Pads of a transposed convolution along its spatial axes, from pads, output_shape or auto_pad. */
function transposedPads(
  node: NodeView,
  axes: readonly { size: number; stride: number; reach: number; extra: number }[],
): readonly { begin: number; end: number }[] {
  const rank = axes.length
  const auto = node.string('auto_pad', 'NOTSET')
  const shape = node.ints('output_shape', [])
  if (shape.length === 0 && !auto.startsWith('SAME')) {
    const pads = perAxis(node, 'pads', { rank: 2 * rank, fallback: 0, least: 0 })
    return axes.map((_, i) => (auto === 'VALID' ? { begin: 0, end: 0 } : { begin: pads[i], end: pads[rank + i] }))
  }
  demand(shape.length === 0 || shape.length >= rank, 'onnx/bad-node', () => `output_shape [${shape}]`)
  return axes.map(({ size, stride, reach, extra }, i) => {
    const wanted = shape.length === 0 ? size * stride : shape[shape.length - rank + i]
    const total = stride * (size - 1) + extra + reach - wanted
    // One element more than the windows reach is a zero at the end; what lies further is not agreed on between implementations.
    if (total < -1 || (total < 0 && auto === 'SAME_UPPER'))
      refuse('ConvTranspose with an output larger than its windows reach')
    return splitPadding(total, auto !== 'SAME_UPPER')
  })
}

/** A transposed convolution: zeros between the elements, then a convolution with the taps reversed. */
function convTranspose(b: Builder, node: NodeView): Ref[] {
  const [x, w] = [node.input(0), node.input(1)]
  const group = node.int('group', 1)
  const rank = x.dims.length - 2
  demand(
    rank >= 1 && w.dims.length === rank + 2 && w.dims[0] === x.dims[1] && group >= 1 && w.dims[0] % group === 0,
    'exact/shape-mismatch',
    () => `ConvTranspose of [${x.dims}] with [${w.dims}], group ${group}`,
  )
  const kernel = kernelOf(node, w)
  const strides = perAxis(node, 'strides', { rank, fallback: 1, least: 1 })
  const dilations = perAxis(node, 'dilations', { rank, fallback: 1, least: 1 })
  const extra = perAxis(node, 'output_padding', { rank, fallback: 0, least: 0 })
  const axes = kernel.map((k, i) => ({
    size: x.dims[2 + i],
    stride: strides[i],
    reach: reachOf(k, dilations[i]),
    extra: extra[i],
  }))
  const pads = transposedPads(node, axes)
  const begin = axes.map(({ reach }, i) => reach - 1 - pads[i].begin)
  const end = axes.map(({ reach, extra }, i) => reach - 1 - pads[i].end + extra)
  const negative = (values: readonly number[]) => values.map((v) => Math.min(0, v))
  const positive = (values: readonly number[]) => values.map((v) => Math.max(0, v))
  const apart = strides.reduce((y, stride, i) => spread(b, y, 2 + i, stride), x)
  const cropped = padSpatial(b, apart, { skip: 2, begin: negative(begin), end: negative(end), value: 0 })
  const y = b.op('Conv', [cropped, reversedWeights(b, w, group)], {
    group,
    strides: strides.map(() => 1),
    pads: [...positive(begin), ...positive(end)],
    dilations,
  })
  return [withBias(b, y, node.optional(2))]
}

/** Places of a sliding block along one axis. */
const blockCount = (size: number, pads: number, { reach, stride }: { reach: number; stride: number }) =>
  Math.floor((size + pads - reach) / stride) + 1

/** Columns of blocks added back into an image: each tap's elements at their places, then a sum over the taps. */
function col2Im(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const image = node.constantInts(1)!
  const block = node.constantInts(2)!
  const rank = image.length
  const strides = perAxis(node, 'strides', { rank, fallback: 1, least: 1 })
  const dilations = perAxis(node, 'dilations', { rank, fallback: 1, least: 1 })
  const pads = perAxis(node, 'pads', { rank: 2 * rank, fallback: 0, least: 0 })
  const blocks = image.map((size, i) =>
    blockCount(size, pads[i] + pads[rank + i], { reach: reachOf(block[i], dilations[i]), stride: strides[i] }),
  )
  const taps = sizeOf(block)
  const channels = x.dims[1] / taps
  demand(
    x.dims.length === 3 && block.length === rank && Number.isInteger(channels) && sizeOf(blocks) === x.dims[2],
    'exact/shape-mismatch',
    () => `Col2Im of [${x.dims}] to image [${image}] by blocks [${block}]`,
  )
  const columns = b.reshape(x, [x.dims[0], channels, taps, ...blocks])
  const layers = placesOf(block).map((tap, t) => {
    const one = b.reshape(b.slice(columns, 2, { start: t, end: t + 1 }), [x.dims[0], channels, ...blocks])
    const apart = strides.reduce((y, stride, i) => spread(b, y, 2 + i, stride), one)
    const begin = tap.map((at, i) => at * dilations[i] - pads[i])
    const end = image.map((size, i) => size - begin[i] - apart.dims[2 + i])
    const layer = padSpatial(b, apart, { skip: 2, begin, end, value: 0 })
    return b.reshape(layer, [...layer.dims, 1])
  })
  const stacked = b.concat(layers, 2 + rank)
  return [b.reshape(b.reduce('ReduceSum', stacked, [2 + rank]), [x.dims[0], channels, ...image])]
}

/** MatMul, Gemm, Conv, ConvTranspose, Col2Im. */
export const CONV: readonly OperatorRow[] = [
  operator('MatMul', 1, (b, node) => [matrixProduct(b, node.input(0), node.input(1))]),
  operator('Gemm', 7, gemm),
  operator('Conv', 1, conv),
  operator('ConvTranspose', 1, convTranspose),
  operator('Col2Im', 18, col2Im),
]
