/**
 * Step leaves and run roots (docs/formats.md, values, steps, run).
 * @module
 */
import { decodeAbi, encodeAbi } from '../core/abi.js'
import { ZERO32, equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { rootOf, sizedRoot, treeOf, type Kind, type Tree } from '../merkle/tree.js'
import { rootOfDigests } from './digests.js'

/** What one step commits beside the states at its ends: sized roots. `values` is zero without an operator trace. */
export interface Content {
  readonly inputs: Bytes32
  readonly values: Bytes32
  readonly outputs: Bytes32
}

/** A leaf of the run's tree: a step, or a segment of several, with the states at its ends. */
export interface Step extends Content {
  readonly index: number
  readonly stateBefore: Bytes32
  readonly stateAfter: Bytes32
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

const CONTENT = ['bytes32', 'bytes32', 'bytes32'] as const

/** Bytes of a step inside a segment. */
export const CONTENT_BYTES = 3 * 32

/** A step inside a segment: abi.encode(inputs, values, outputs). */
export function encodeContent({ inputs, values, outputs }: Content): Uint8Array {
  return encodeAbi(CONTENT, [inputs, values, outputs])
}

/** @throws Fault `core/bad-abi`. */
export function decodeContent(bytes: Uint8Array): Content {
  const [inputs, values, outputs] = decodeAbi(CONTENT, bytes)
  return { inputs, values, outputs }
}

/** The leaf over the steps between two states: one step as it is, of several the sized roots over their own inputs, values and outputs. */
export function leafOf(
  index: number,
  states: { readonly before: Bytes32; readonly after: Bytes32 },
  { steps, commitEvery }: { readonly steps: readonly Content[]; readonly commitEvery: number },
): Step {
  const { inputs, values, outputs } = commitEvery === 1 ? steps[0] : segmentOf(steps)
  return { index, stateBefore: states.before, inputs, values, stateAfter: states.after, outputs }
}

/** What a step behind a refusal commits, and so a segment of such steps. */
export const NOTHING: Content = Object.freeze({ inputs: ZERO32, values: ZERO32, outputs: ZERO32 })

function segmentOf(steps: readonly Content[]): Content {
  if (steps.every((step) => equal(step.inputs, ZERO32))) return NOTHING
  const over = (kind: Kind, of: (step: Content) => Bytes32) => rootOfDigests(kind, steps.map(of))
  const traced = steps.some((step) => !equal(step.values, ZERO32))
  return {
    inputs: over('segmentInputs', (s) => s.inputs),
    values: traced ? over('segmentValues', (s) => s.values) : ZERO32,
    outputs: over('segmentOutputs', (s) => s.outputs),
  }
}

/** How many leaves a run of so many steps has. */
export const leavesOf = (steps: number, commitEvery: number): number => Math.ceil(steps / commitEvery)

/** The tree of a run. */
export function runTree(leaves: readonly Step[]): Tree {
  return treeOf(leaves.map(encodeStep))
}

/** The run root: the sized root over the leaves. */
export function runRoot(leaves: readonly Step[]): Bytes32 {
  const tree = runTree(leaves)
  return sizedRoot('run', { size: tree.size, root: rootOf(tree) })
}

/** The inputs of a job: those of its one step, or the sized root over the inputs of every step. */
export function jobInputs(perStep: readonly Bytes32[]): Bytes32 {
  return perStep.length === 1 ? perStep[0] : rootOfDigests('runInputs', perStep)
}

/**
 * Leaves that form a chain: indices from 0, each beginning in the state that the one before left.
 * @throws Fault `trace/bad-step`.
 */
export function verifyChain(leaves: readonly Step[], initialState: Bytes32): readonly Step[] {
  leaves.forEach((leaf, i) => {
    demand(leaf.index === i, 'trace/bad-step', () => `leaf ${i} has index ${leaf.index}`)
    const before = i === 0 ? initialState : leaves[i - 1].stateAfter
    demand(equal(leaf.stateBefore, before), 'trace/bad-step', () => `leaf ${i} does not start from the state before it`)
  })
  return leaves
}

/** Leaves that hold what their steps commit. @throws Fault `trace/bad-step`. */
export function verifyContents(leaves: readonly Step[], steps: readonly Content[], commitEvery: number): void {
  leaves.forEach((leaf, i) => {
    const states = { before: leaf.stateBefore, after: leaf.stateAfter }
    const own = leafOf(i, states, { steps: steps.slice(i * commitEvery, (i + 1) * commitEvery), commitEvery })
    const same = CONTENT_FIELDS.every((field) => equal(own[field], leaf[field]))
    demand(same, 'trace/bad-step', () => `leaf ${i} does not hold what its steps do`)
  })
}

/** The fields of a leaf behind the index, in its order. */
export const STEP_FIELDS = ['stateBefore', 'inputs', 'values', 'stateAfter', 'outputs'] as const
/** A field of a leaf. */
export type StepField = (typeof STEP_FIELDS)[number]
/** The fields of a step inside a segment. */
export const CONTENT_FIELDS = ['inputs', 'values', 'outputs'] as const
