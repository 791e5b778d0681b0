/**
 * Fifty steps of training of each of the four networks: the work whose state root is the same on every machine.
 */
import { accuracy } from '../../src/autodiff/losses.js'
import { adamW } from '../../src/autodiff/optimizers.js'
import { cosine, warmup } from '../../src/autodiff/rates.js'
import { from } from '../../src/autodiff/training.js'
import { tensor } from '../../src/core/tensor.js'
import type { Work } from '../../src/trace/trace.js'
import { NETWORKS } from './networks.js'

export const STEPS = 50

/** Statistics of a batch normalisation and the mask of attention are given, not trained. */
export const trainable = (name: string): boolean => !['mean', 'variance', 'mask'].includes(name)

/** AdamW with warm-up, cosine and clipping, so that every part of the optimizers takes part. */
export function fiftySteps(network: keyof typeof NETWORKS): Work {
  const { compiled, inputs, labels } = NETWORKS[network]()
  const optimizer = adamW(warmup(cosine(0.02, { steps: STEPS }), { steps: 5 }))
  const options = { loss: 'softmax-cross-entropy', optimizer, trainable, metrics: [accuracy], clipNorm: 1 }
  const { program, state } = from(compiled, options)
  const steps = Array.from({ length: STEPS }, (_, i) => [...inputs, labels, tensor('int64', [], [BigInt(i)])])
  return { program, state, inputs: steps }
}
