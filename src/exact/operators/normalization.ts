/**
 * Normalisations: Softmax and its relatives, and those by mean and variance, which are always two-pass: the mean, the differences,
 * the mean of their squares.
 * Sources: ONNX Operators and the function bodies in onnx/defs/nn and onnx/defs/math, except where docs/numerics.md says otherwise.
 * @module
 */
import { demand } from '../../core/faults.js'
import { sizeOf, type DType } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { alongLast } from './reduce.js'
import { distinctAxes } from './shape.js'
import { inSingle } from './windows.js'

const epsilonOf = (node: NodeView, fallback = 1e-5) => node.float('epsilon', fallback)

// ---------------------------------------------------------------- Softmax

/** exp(x - max) / sum(exp(x - max)). */
export function softmax(b: Builder, x: Ref, axis: number): Ref {
  if (sizeOf(x.dims) === 0) return x
  return inSingle(b, x, (y) => {
    const powers = b.exp(b.sub(y, b.reduce('ReduceMax', y, [axis])))
    return b.div(powers, b.reduce('ReduceSum', powers, [axis]))
  })
}

/** x - max - log(sum(exp(x - max))). */
export function logSoftmax(b: Builder, x: Ref, axis: number): Ref {
  if (sizeOf(x.dims) === 0) return x
  return inSingle(b, x, (y) => {
    const shifted = b.sub(y, b.reduce('ReduceMax', y, [axis]))
    const total = b.reduce('ReduceSum', b.exp(shifted), [axis])
    return b.sub(shifted, b.log(total))
  })
}

const SOFTMAX = alongLast(softmax)
const LOG_SOFTMAX = alongLast(logSoftmax)

// ---------------------------------------------------------------- mean and variance

interface Moments {
  readonly mean: Ref
  /** x - mean. */
  readonly difference: Ref
  readonly variance: Ref
}

/** Mean and variance of x over some axes, kept as size 1. */
export function momentsOf(b: Builder, x: Ref, axes: readonly number[]): Moments {
  const mean = b.mean(x, axes)
  const difference = b.sub(x, mean)
  return { mean, difference, variance: b.mean(b.mul(difference, difference), axes) }
}

/** sqrt(variance + epsilon). */
const deviation = (b: Builder, variance: Ref, epsilon: number) =>
  b.sqrt(b.add(variance, b.scalar(variance.dtype, epsilon)))

/** Differences from the mean over the standard deviation. */
function standardized(b: Builder, x: Ref, { axes, epsilon }: { axes: readonly number[]; epsilon: number }): Ref {
  const { difference, variance } = momentsOf(b, x, axes)
  return b.div(difference, deviation(b, variance, epsilon))
}

/** The type of the first stage of a normalisation: float32 unless the file says float64. */
function stashOf(node: NodeView): DType {
  const stash = node.dtype('stash_type', 'float32')
  return stash === 'float32' || stash === 'float64' ? stash : refuse(`stash_type ${stash}`)
}

const axesFrom = (x: Ref, axis: number) => x.dims.map((_, i) => i).slice(axis)

function layerNormalization(b: Builder, node: NodeView): (Ref | undefined)[] {
  const [x, scale, bias] = [node.input(0), node.input(1), node.optional(2)]
  const axes = axesFrom(x, node.axis(node.int('axis', -1), x.dims.length))
  const { mean, difference, variance } = momentsOf(b, b.cast(x, stashOf(node)), axes)
  const spread = deviation(b, variance, epsilonOf(node))
  const scaled = b.mul(b.cast(b.div(difference, spread), x.dtype), scale)
  const inverse = () => b.div(b.scalar(spread.dtype, 1), spread)
  return [bias === undefined ? scaled : b.add(scaled, bias), mean, node.outputs[2] ? inverse() : undefined]
}

function rmsNormalization(b: Builder, node: NodeView): Ref[] {
  const [x, scale] = [node.input(0), node.input(1)]
  const wide = b.cast(x, stashOf(node))
  const axes = axesFrom(x, node.axis(node.int('axis', -1), x.dims.length))
  const root = deviation(b, b.mean(b.mul(wide, wide), axes), epsilonOf(node))
  return [b.mul(b.cast(b.div(wide, root), x.dtype), scale)]
}

// ---------------------------------------------------------------- by channel

/** A vector over the channels, shaped to broadcast over [batch, channels, ...]. */
const overChannels = (b: Builder, vector: Ref, x: Ref) =>
  b.reshape(vector, x.dims.length === 1 ? [1] : [sizeOf(vector.dims), ...x.dims.slice(2).map(() => 1)])

/** Statistics of a BatchNormalization may be wider or narrower than its data: all are computed in one type. */
const commonType = (refs: readonly Ref[]): DType =>
  refs.some(({ dtype }) => dtype === 'float64') ? 'float64' : 'float32'

interface Batch {
  readonly x: Ref
  readonly scale: Ref
  readonly bias: Ref
  readonly mean: Ref
  readonly variance: Ref
}

function batchOf(b: Builder, node: NodeView): Batch {
  const refs = [0, 1, 2, 3, 4].map((i) => node.input(i))
  const type = commonType(refs)
  const [x, scale, bias, mean, variance] = refs.map((ref) => b.cast(ref, type))
  return { x, scale, bias, mean, variance }
}

/** (x - mean) / sqrt(variance + epsilon) * scale + bias. */
function normalized(b: Builder, { x, scale, bias, mean, variance }: Batch, epsilon: number): Ref {
  const spread = (vector: Ref) => overChannels(b, vector, x)
  const standard = b.div(b.sub(x, spread(mean)), spread(deviation(b, variance, epsilon)))
  return b.add(b.mul(standard, spread(scale)), spread(bias))
}

function inference(b: Builder, node: NodeView): Ref[] {
  if (node.outputs.slice(1).some((name) => name !== '')) refuse('BatchNormalization with statistics as outputs')
  return [b.cast(normalized(b, batchOf(b, node), epsilonOf(node)), node.input(0).dtype)]
}

/** The statistics of this batch; the running ones move towards them. */
function training(b: Builder, node: NodeView): Ref[] {
  const batch = batchOf(b, node)
  const { x } = batch
  const axes = x.dims.map((_, i) => i).filter((i) => i !== 1 || x.dims.length === 1)
  const found = momentsOf(b, x, axes)
  const [mean, variance] = [found.mean, found.variance].map((ref) => b.reshape(ref, batch.mean.dims))
  const momentum = b.scalar(x.dtype, node.float('momentum', 0.9))
  const rest = b.sub(b.scalar(x.dtype, 1), momentum)
  const moved = (running: Ref, current: Ref) => b.add(b.mul(running, momentum), b.mul(current, rest))
  return [
    b.cast(normalized(b, { ...batch, mean, variance }, epsilonOf(node)), node.input(0).dtype),
    b.cast(moved(batch.mean, mean), node.input(3).dtype),
    b.cast(moved(batch.variance, variance), node.input(4).dtype),
  ]
}

/** Before opset 9 statistics may be kept for every place instead of every channel. */
function oldInference(b: Builder, node: NodeView): Ref[] {
  if (node.int('spatial', 1) !== 1) refuse('BatchNormalization with spatial = 0')
  return inference(b, node)
}

function instanceNormalization(b: Builder, node: NodeView): Ref[] {
  const [x, scale, bias] = [node.input(0), node.input(1), node.input(2)]
  const instance = (y: Ref) => {
    const standard = standardized(b, y, { axes: axesFrom(y, 2), epsilon: epsilonOf(node) })
    const [s, t] = [scale, bias].map((ref) => overChannels(b, b.cast(ref, y.dtype), y))
    return b.add(b.mul(standard, s), t)
  }
  return [inSingle(b, x, instance)]
}

/** Every group of channels standardised on its own: [batch, groups, the rest]. */
function groupsOf(b: Builder, node: NodeView, stash: DType): Ref {
  const x = node.input(0)
  const [batch, channels] = x.dims
  const groups = node.int('num_groups')
  demand(
    groups >= 1 && channels % groups === 0 && x.dims.length >= 2,
    'onnx/bad-node',
    () => `${channels} channels in ${groups} groups`,
  )
  const apart = b.reshape(b.cast(x, stash), [batch, groups, sizeOf(x.dims.slice(1)) / groups])
  return standardized(b, apart, { axes: [2], epsilon: epsilonOf(node) })
}

/** scale and bias by channel. */
function groupNormalization(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const standard = b.cast(b.reshape(groupsOf(b, node, stashOf(node)), x.dims), x.dtype)
  return [b.add(b.mul(standard, overChannels(b, node.input(1), x)), overChannels(b, node.input(2), x))]
}

/** scale and bias by group. */
function oldGroupNormalization(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const type: DType = x.dtype === 'float64' ? 'float64' : 'float32'
  const [scale, bias] = [1, 2].map((i) => {
    const vector = b.cast(node.input(i), type)
    return b.reshape(vector, [...vector.dims, 1])
  })
  const scaled = b.add(b.mul(groupsOf(b, node, type), scale), bias)
  return [b.cast(b.reshape(scaled, x.dims), x.dtype)]
}

/** The function body adds its epsilon to the standard deviation, not to the variance. */
function meanVarianceNormalization(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const axes = distinctAxes(node, node.ints('axes', [0, 2, 3]), x.dims.length)
  const normalise = (y: Ref) => {
    const { difference, variance } = momentsOf(b, y, axes)
    return b.div(difference, b.add(b.sqrt(variance), b.scalar(y.dtype, 1e-9)))
  }
  return [inSingle(b, x, normalise)]
}

/** Over a norm of zero the result is zero. */
function lpNormalization(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const axis = node.axis(node.int('axis', -1), x.dims.length)
  const p = node.int('p', 2)
  demand(p === 1 || p === 2, 'onnx/bad-node', () => `a norm of order ${p}`)
  const normalise = (y: Ref) => {
    const total = b.reduce('ReduceSum', p === 1 ? b.abs(y) : b.mul(y, y), [axis])
    const norm = p === 1 ? total : b.sqrt(total)
    const zero = b.scalar(y.dtype, 0)
    return b.where(b.equal(norm, zero), zero, b.div(y, norm))
  }
  return [inSingle(b, x, normalise)]
}

/** Rows of the normalisations. */
export const NORMALIZATION: readonly OperatorRow[] = [
  operator('Softmax', 1, SOFTMAX.flat),
  operator('Softmax', 13, SOFTMAX.axis),
  operator('LogSoftmax', 1, LOG_SOFTMAX.flat),
  operator('LogSoftmax', 13, LOG_SOFTMAX.axis),
  operator('LayerNormalization', 17, layerNormalization),
  operator('RMSNormalization', 23, rmsNormalization),
  operator('BatchNormalization', 7, oldInference),
  operator('BatchNormalization', 14, (b, node) =>
    node.int('training_mode', 0) === 1 ? training(b, node) : inference(b, node),
  ),
  operator('InstanceNormalization', 6, instanceNormalization),
  operator('GroupNormalization', 18, oldGroupNormalization),
  operator('GroupNormalization', 21, groupNormalization),
  operator('MeanVarianceNormalization', 9, meanVarianceNormalization),
  operator('LpNormalization', 1, lpNormalization),
]
