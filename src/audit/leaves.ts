/**
 * Leaves of a run, computed again: what replays, samples and proofs of learning compare.
 * @module
 */
import { ZERO32, equal } from '../core/bytes.js'
import type { Tensor } from '../core/tensor.js'
import type { Feed } from '../data/course.js'
import type { Bundle } from '../receipt/bundle.js'
import { Refusal, type Session } from '../runtime/runtime.js'
import { rootOfTensors } from '../trace/digests.js'
import { STEP_FIELDS, leafOf, type Content, type Step, type StepField } from '../trace/step.js'
import { contentOf } from '../trace/trace.js'

/** Which leaf of which run, and the state before it. */
export interface LeafPlace {
  /** Its index. */
  readonly leaf: number
  readonly commitEvery: number
  /** Inputs of the run's steps; only those of this leaf are asked for. */
  readonly inputs: Feed
  readonly state: readonly Tensor[]
}

/** A leaf that was computed again. */
export interface Replayed {
  readonly leaf: Step
  /** What its steps commit, in order. */
  readonly steps: readonly Content[]
  /** After it. */
  readonly state: readonly Tensor[]
}

/**
 * Runs the steps of one leaf from the state before it.
 * @throws Refusal where the program refuses a step; Fault `trace/bad-state`, `runtime/failed`, `core/aborted`.
 */
export async function replayLeaf(
  session: Session,
  { leaf, commitEvery, inputs, state }: LeafPlace,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Replayed> {
  await session.restart(state)
  const end = Math.min((leaf + 1) * commitEvery, inputs.length)
  const steps: Content[] = []
  for (let step = leaf * commitEvery; step < end; step++) {
    const given = inputs.at(step)!
    const { outputs, values } = await session.step(given, { signal })
    steps.push(contentOf({ inputs: given, values, outputs }))
  }
  const [before, after] = [rootOfTensors('state', state), rootOfTensors('state', session.state)]
  return { leaf: leafOf(leaf, { before, after }, { steps, commitEvery }), steps, state: session.state }
}

/** The first field in which a leaf is not what it ought to be. */
export function fieldApart(expected: Step, found: Step): StepField | undefined {
  return STEP_FIELDS.find((field) => !equal(expected[field], found[field]))
}

/** True for a leaf behind the one in which a run was refused. */
export const isEmpty = (leaf: Step): boolean => STEP_FIELDS.every((field) => equal(leaf[field], ZERO32))

/** Options of {@link stateBefore}. */
export interface StateOptions {
  readonly signal?: AbortSignal
  /** Called for every leaf that had to be computed. */
  readonly onLeaf?: (leaf: number) => void
}

/** Where the computed leaves part from those of the bundle. */
export interface Apart {
  readonly leaf: number
  readonly field: StepField
}

/** The state before a leaf, or the leaf on the way there that is not what the bundle says. */
export type Reached = { readonly state: readonly Tensor[]; readonly apart: undefined } | { readonly apart: Apart }

/** A leaf of a bundle, and a state of its run that is at hand. */
export interface Wanted {
  readonly bundle: Bundle
  readonly leaf: number
  /** The state before an earlier leaf, or this one. Default: the start of the run. */
  readonly known?: { readonly leaf: number; readonly state: readonly Tensor[] }
}

/**
 * The state before a leaf of a bundle: a checkpoint, or computed from the nearest state before it, each leaf on the way compared.
 * Cost: as many leaves as lie between.
 */
export async function stateBefore(session: Session, wanted: Wanted, options: StateOptions = {}): Promise<Reached> {
  const { bundle, leaf } = wanted
  const near = await nearest(wanted)
  let state = near.state
  for (let at = near.leaf; at < leaf; at++) {
    const compared = await compareLeaf(session, { bundle, leaf: at, state }, options)
    if (compared.apart !== undefined) return compared
    options.onLeaf?.(at)
    state = compared.state
  }
  return { state, apart: undefined }
}

async function nearest({ bundle, leaf, known }: Wanted): Promise<{ leaf: number; state: readonly Tensor[] }> {
  const { checkpoints, initialState } = bundle
  const kept = Math.max(0, ...checkpoints.at.filter((at) => at <= leaf))
  if (known !== undefined && known.leaf <= leaf && known.leaf >= kept) return known
  return { leaf: kept, state: kept === 0 ? initialState : await checkpoints.read(kept) }
}

/** Runs one leaf of a bundle again from a state and compares it with what the bundle says. */
export async function compareLeaf(
  session: Session,
  { bundle, leaf, state }: { readonly bundle: Bundle; readonly leaf: number; readonly state: readonly Tensor[] },
  options: StateOptions = {},
): Promise<Reached> {
  const { commitEvery, inputs, leaves } = bundle
  const replayed = await replayedOrNot(session, { leaf, commitEvery, inputs, state }, options)
  const field = replayed === undefined ? 'outputs' : fieldApart(replayed.leaf, leaves[leaf])
  if (replayed === undefined || field !== undefined) return { apart: { leaf, field: field ?? 'outputs' } }
  return { state: replayed.state, apart: undefined }
}

/** The same, undefined where the program refuses a step. */
async function replayedOrNot(session: Session, place: LeafPlace, options: StateOptions): Promise<Replayed | undefined> {
  try {
    return await replayLeaf(session, place, options)
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}
