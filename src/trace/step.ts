/**
 * Step leaves and run roots (docs/formats.md, values, steps, run).
 * @module
 */
import { decodeAbi, encodeAbi } from '../core/abi.js'
import { ZERO32, equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { rootOf, sizedRoot, treeOf, type Kind, type Tree } from '../merkle/tree.js'
import { rootOfDigests } from './digests.js'

/** What a step commits: sized roots of the lists before and after it. `values` is zero without an operator trace. */
export interface Step {
  readonly index: number
  readonly stateBefore: Bytes32
  readonly inputs: Bytes32
  readonly values: Bytes32
  readonly stateAfter: Bytes32
  readonly outputs: Bytes32
}

const LEAF = ['uint64', 'bytes32', 'bytes32', 'bytes32', 'bytes32', 'bytes32'] as const

/** Bytes of a step leaf. */
export const STEP_BYTES = 6 * 32

/** The leaf of a step: abi.encode(index, stateBefore, inputs, values, stateAfter, outputs). */
export function encodeStep(step: Step): Uint8Array {
  return encodeAbi(LEAF, [step.index, step.stateBefore, step.inputs, step.values, step.stateAfter, step.outputs])
}

/** @throws Fault `core/bad-abi`, `trace/bad-step` for an index beyond 2^53. */
export function decodeStep(bytes: Uint8Array): Step {
  const [index, stateBefore, inputs, values, stateAfter, outputs] = decodeAbi(LEAF, bytes)
  demand(index <= BigInt(Number.MAX_SAFE_INTEGER), 'trace/bad-step', () => 'an index beyond 2^53')
  return { index: Number(index), stateBefore, inputs, values, stateAfter, outputs }
}

/** One leaf for `commitEvery` inner steps: states at the ends, sized roots over the inner steps' own inputs, values and outputs. */
export function segmentOf(index: number, inner: readonly Step[]): Step {
  const over = (kind: Kind, of: (step: Step) => Bytes32) => rootOfDigests(kind, inner.map(of))
  const traced = inner.some((step) => !equal(step.values, ZERO32))
  return {
    index,
    stateBefore: inner[0].stateBefore,
    inputs: over('segmentInputs', (s) => s.inputs),
    values: traced ? over('segmentValues', (s) => s.values) : ZERO32,
    stateAfter: inner[inner.length - 1].stateAfter,
    outputs: over('segmentOutputs', (s) => s.outputs),
  }
}

/** The leaves of a run's tree: its steps, or its segments where `commitEvery` > 1. */
export function runLeaves(steps: readonly Step[], commitEvery: number): readonly Step[] {
  if (commitEvery === 1) return steps
  return Array.from({ length: Math.ceil(steps.length / commitEvery) }, (_, i) =>
    segmentOf(i, steps.slice(i * commitEvery, (i + 1) * commitEvery)),
  )
}

/** The tree of a run. */
export function runTree(steps: readonly Step[], commitEvery: number): Tree {
  return treeOf(runLeaves(steps, commitEvery).map(encodeStep))
}

/** The run root: the sized root over the leaves. */
export function runRoot(steps: readonly Step[], commitEvery: number): Bytes32 {
  const tree = runTree(steps, commitEvery)
  return sizedRoot('run', { size: tree.size, root: rootOf(tree) })
}

/** The inputs of a job: those of its one step, or the sized root over the inputs of every step. */
export function jobInputs(perStep: readonly Bytes32[]): Bytes32 {
  return perStep.length === 1 ? perStep[0] : rootOfDigests('runInputs', perStep)
}

/**
 * Steps that form a chain: indices from 0, each beginning in the state that the one before left.
 * @throws Fault `trace/bad-step`.
 */
export function verifyChain(steps: readonly Step[], initialState: Bytes32): readonly Step[] {
  steps.forEach((step, i) => {
    demand(step.index === i, 'trace/bad-step', () => `step ${i} has index ${step.index}`)
    const before = i === 0 ? initialState : steps[i - 1].stateAfter
    demand(equal(step.stateBefore, before), 'trace/bad-step', () => `step ${i} does not start from the state before it`)
  })
  return steps
}

/** The fields of a step leaf behind the index, in the order of the leaf. */
export const STEP_FIELDS = ['stateBefore', 'inputs', 'values', 'stateAfter', 'outputs'] as const
/** A field of a step leaf. */
export type StepField = (typeof STEP_FIELDS)[number]
