/**
 * Losses as graphs of exact ops: each gives one number, the mean over all samples. Classes stand along the last axis.
 * @module
 */
import { demand } from '../core/faults.js'
import { sizeOf, type TensorType } from '../core/tensor.js'
import type { Builder, Ref } from '../exact/builder.js'
import { logSoftmax } from '../exact/operators/normalization.js'

/** A loss: what it wants to know beside the model's output, and how it is computed. */
export interface Loss {
  readonly name: string
  /** Type of the targets for an output of this type. */
  targets(output: TensorType): TensorType
  /** Rank 0, in the type of the output. */
  compute(b: Builder, output: Ref, targets: Ref): Ref
}

/** The mean over all elements, rank 0. */
export function meanOf(b: Builder, x: Ref): Ref {
  const flat = b.reshape(x, [sizeOf(x.dims)])
  return b.div(b.op('ReduceSum', [flat], { axes: 1 }), b.scalar(x.dtype, sizeOf(x.dims)))
}

/** One class number for each row of the last axis. */
function labelsOf({ dims }: TensorType): TensorType {
  demand(dims.length >= 1, 'exact/shape-mismatch', () => 'classes of a scalar')
  return { dtype: 'int64', dims: dims.slice(0, -1) }
}

/** Minus the mean of the log-probabilities of the labelled classes; a label out of range refuses the run. */
function negativeMeanAt(b: Builder, logs: Ref, labels: Ref): Ref {
  const places = b.reshape(labels, [...labels.dims, 1])
  const picked = b.op('GatherElements', [logs, places], { axis: logs.dims.length - 1 })
  return b.sub(b.scalar(logs.dtype, 0), meanOf(b, picked)) // no loss is +0
}

/** -log softmax(logits)[label]. Logits are float [..., classes], labels int64 [...]. */
export const softmaxCrossEntropy: Loss = {
  name: 'softmax-cross-entropy',
  targets: labelsOf,
  compute: (b, output, targets) => negativeMeanAt(b, logSoftmax(b, output, output.dims.length - 1), targets),
}

/** -x[label] of log-probabilities x. They are float [..., classes], labels int64 [...]. */
export const negativeLogLikelihood: Loss = {
  name: 'negative-log-likelihood',
  targets: labelsOf,
  compute: negativeMeanAt,
}

/** (x - target)^2. */
export const meanSquaredError: Loss = {
  name: 'mean-squared-error',
  targets: ({ dtype, dims }) => ({ dtype, dims }),
  compute(b, output, targets) {
    const difference = b.sub(output, targets)
    return meanOf(b, b.mul(difference, difference))
  },
}

/** -target log p - (1 - target) log(1 - p) with p = sigmoid(x), as softplus(x) - x target: no logarithm of 0. */
export const binaryCrossEntropy: Loss = {
  name: 'binary-cross-entropy',
  targets: ({ dtype, dims }) => ({ dtype, dims }),
  compute: (b, output, targets) => meanOf(b, b.sub(b.op('Softplus', [output]), b.mul(output, targets))),
}

/** All losses by name. */
export const LOSSES: ReadonlyMap<string, Loss> = new Map(
  [softmaxCrossEntropy, negativeLogLikelihood, meanSquaredError, binaryCrossEntropy].map((loss) => [loss.name, loss]),
)

/** A figure that is reported with the loss and not trained on. */
export interface Metric {
  readonly name: string
  compute(b: Builder, output: Ref, targets: Ref): Ref
}

/** The share of samples whose largest element along the last axis is the labelled one, float32. */
export const accuracy: Metric = {
  name: 'accuracy',
  compute(b, output, targets) {
    const best = b.op('ArgMax', [output], { axis: output.dims.length - 1 })
    return meanOf(b, b.cast(b.equal(best, b.reshape(targets, best.dims)), 'float32'))
  },
}

/** All metrics by name. */
export const METRICS: ReadonlyMap<string, Metric> = new Map([accuracy].map((metric) => [metric.name, metric]))
