/**
 * Runs whose commitments do not fit together: an honest run with one list of one step changed, and committed as it then is.
 * @module
 */
import type { Tensor } from '../../src/core/tensor.js'
import type { OwnRun } from '../../src/dispute/book.js'
import type { Retraced, TracedStep } from '../../src/dispute/retrace.js'
import { digestOf } from '../../src/trace/digests.js'
import { commitStep } from '../../src/trace/trace.js'
import { flipped, leafFrom } from './liar.js'

/** A list of a step. */
export type List = 'before' | 'inputs' | 'values' | 'after' | 'outputs'

/** Which list of which step is changed: in the leaves of the run, in the traces that a challenge demands, or in both. */
export interface Forgery {
  readonly step: number
  readonly list: List
  /** What the list becomes. */
  readonly change: (tensors: readonly Tensor[]) => readonly Tensor[]
  readonly where: 'run' | 'trace' | 'both'
}

export interface Shape {
  readonly commitEvery?: number
  readonly operatorTrace?: boolean
}

/** One tensor of a list with one bit of its first element flipped. */
export const flip =
  (index: number) =>
  (tensors: readonly Tensor[]): readonly Tensor[] =>
    tensors.map((tensor, i) => (i === index ? flipped(tensor, 0) : tensor))

/** One tensor of a list with its axes in one. */
export const flatten =
  (index: number) =>
  (tensors: readonly Tensor[]): readonly Tensor[] =>
    tensors.map((tensor, i) => (i === index ? { ...tensor, dims: [tensor.data.length] } : tensor))

/** The run with the forgery in it. */
export async function forged(honest: OwnRun, forgery: Forgery, shape: Shape = {}): Promise<OwnRun> {
  const { commitEvery = 1, operatorTrace = false } = shape
  const { step, where } = forgery
  const at = Math.floor(step / commitEvery)
  const traces = await Promise.all(honest.leaves.map((_, leaf) => honest.retrace(leaf)))
  const changed: Retraced = {
    ...traces[at],
    steps: traces[at].steps.map((one) => (one.leaf.index === step ? change(one, forgery) : one)),
  }
  const leaf = leafFrom(at, changed.steps, { commitEvery, operatorTrace })
  return {
    ...honest,
    leaves: where === 'trace' ? honest.leaves : honest.leaves.map((own, i) => (i === at ? leaf : own)),
    retrace: async (i) => (i === at && where !== 'run' ? changed : traces[i]),
  }
}

function change(step: TracedStep, { list, change: edit }: Forgery): TracedStep {
  const tensors = { ...step, values: step.values as readonly Tensor[], [list]: edit(step[list] as readonly Tensor[]) }
  return { ...tensors, leaf: commitStep(step.leaf.index, tensors), digests: tensors.values.map(digestOf) }
}
