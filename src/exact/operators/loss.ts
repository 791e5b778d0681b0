/**
 * Losses over classes. A label that is ignored names no class; any other label out of range refuses the run.
 * Source: the function bodies of NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss in onnx/defs/math.
 * @module
 */
import { demand } from '../../core/faults.js'
import { sizeOf } from '../../core/tensor.js'
import type { Builder, Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { logSoftmax } from './normalization.js'

interface Labels {
  /** int64 class numbers, 0 where the label is ignored. */
  readonly classes: Ref
  /** True where the label is ignored; absent where none can be. */
  readonly ignored: Ref | undefined
}

function labelsOf(b: Builder, node: NodeView): Labels {
  const labels = b.cast(node.input(1), 'int64')
  if (!node.has('ignore_index')) return { classes: labels, ignored: undefined }
  const ignored = b.equal(labels, b.scalar('int64', node.int('ignore_index')))
  return { classes: b.where(ignored, b.scalar('int64', 0), labels), ignored }
}

/** Zero where the label is ignored. */
const masked = (b: Builder, x: Ref, { ignored }: Labels): Ref =>
  ignored === undefined ? x : b.where(ignored, b.scalar(x.dtype, 0), x)

/** The weight of every label's class; without weights 1, or 0 where ignored; undefined where all are 1. */
function weightsOf(b: Builder, node: NodeView, like: Ref, labels: Labels): Ref | undefined {
  const weight = node.optional(2)
  if (weight !== undefined) return masked(b, b.gather(weight, labels.classes, 0), labels)
  return labels.ignored === undefined ? undefined : masked(b, b.full(like, 1), labels)
}

/** Minus the logarithm of the probability of every label's class: GatherElements along the classes. */
function unweighted(b: Builder, logs: Ref, labels: Labels): Ref {
  const { dims } = labels.classes
  demand(
    logs.dims.length >= 2 && [logs.dims[0], ...logs.dims.slice(2)].join() === dims.join(),
    'exact/shape-mismatch',
    () => `labels [${dims}] for [${logs.dims}]`,
  )
  const places = b.reshape(labels.classes, [dims[0], 1, ...dims.slice(1)])
  const found = b.reshape(b.op('GatherElements', [logs, places], { axis: 1 }), dims)
  return b.neg(masked(b, found, labels))
}

const total = (b: Builder, x: Ref): Ref => b.op('ReduceSum', [x], { axes: x.dims.length })

function loss(b: Builder, node: NodeView, logs: Ref): Ref {
  const labels = labelsOf(b, node)
  const plain = unweighted(b, logs, labels)
  const weights = weightsOf(b, node, plain, labels)
  const each = weights === undefined ? plain : b.mul(plain, weights)
  const reduction = node.string('reduction', 'mean')
  demand(['none', 'sum', 'mean'].includes(reduction), 'onnx/bad-node', () => `reduction ${reduction}`)
  if (reduction === 'none') return each
  const sum = total(b, each)
  if (reduction === 'sum') return sum
  return b.div(sum, weights === undefined ? b.scalar(each.dtype, sizeOf(each.dims)) : total(b, weights))
}

/** Rows of the losses. */
export const LOSS: readonly OperatorRow[] = [
  operator('NegativeLogLikelihoodLoss', 12, (b, node) => [loss(b, node, node.input(0))]),
  operator('SoftmaxCrossEntropyLoss', 12, (b, node) => {
    const logs = logSoftmax(b, node.input(0), 1)
    return [loss(b, node, logs), logs]
  }),
]
