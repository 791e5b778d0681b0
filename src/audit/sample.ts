/**
 * Sampled audits: some leaves of a run are computed again, those that somebody drew after the run was committed, and those around the
 * largest changes of the state.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { isFloat, type Tensor } from '../core/tensor.js'
import type { Bundle } from '../receipt/bundle.js'
import { verifyContent } from '../receipt/bundle.js'
import type { SignedVerdict } from '../receipt/verdict.js'
import type { Runtime } from '../runtime/runtime.js'
import { compareLeaf, stateBefore, type Apart, type Wanted } from './leaves.js'
import { verdictAbout, type VerdictSigning } from './verdict.js'

/** What to look at. */
export interface SampleOptions {
  /** Indices of leaves; drawn by randomness that came after the run (`Challenge.challenged`), else the sample shows little. */
  readonly leaves: readonly number[]
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** What a sample found. */
export interface Sampled {
  readonly outcome: 'valid' | 'refuted'
  /** The first leaf that was found to be false. */
  readonly apart: Apart | undefined
  /** Leaves that were looked at, ascending. */
  readonly sampled: readonly number[]
  /** Leaves that had to be computed on the way to them, and were compared as well. */
  readonly between: number
  readonly total: number
}

/**
 * Computes leaves of a bundle's run again and compares them.
 * Cost: a leaf each, and those between it and the nearest state that the bundle holds. Trust: this machine, and whoever drew the leaves.
 * @throws Fault `audit/refused-run` for a run that its program refused (replay it), `merkle/index-out-of-range`, and those of `Bundle.verifyContent`.
 */
export async function sample(given: Bundle, runtime: Runtime, options: SampleOptions): Promise<Sampled> {
  demandSound(given, options.leaves)
  const bundle = verifyContent(given)
  const sampled = [...new Set(options.leaves)].sort((a, b) => a - b)
  const total = bundle.leaves.length
  const record = bundle.receipt.job.operatorTrace ? 'all' : 'outputs'
  const session = await runtime.open(bundle.program, bundle.initialState, { signal: options.signal, record })
  let between = 0
  let known: Wanted['known']
  try {
    for (const [i, leaf] of sampled.entries()) {
      const step = { signal: options.signal, onLeaf: () => void between++ }
      const before = await stateBefore(session, { bundle, leaf, known }, step)
      const found =
        before.apart === undefined ? await compareLeaf(session, { bundle, leaf, state: before.state }, step) : before
      if (found.apart !== undefined) return { outcome: 'refuted', apart: found.apart, sampled, between, total }
      known = { leaf: leaf + 1, state: found.state }
      options.onProgress?.(i + 1, sampled.length)
    }
  } finally {
    await session.close()
  }
  return { outcome: 'valid', apart: undefined, sampled, between, total }
}

function demandSound({ receipt, leaves }: Bundle, wanted: readonly number[]): void {
  demand(receipt.refusal === undefined, 'audit/refused-run', () => 'the program refused this run: replay it')
  for (const leaf of wanted) {
    const fits = Number.isSafeInteger(leaf) && leaf >= 0 && leaf < leaves.length
    demand(fits, 'merkle/index-out-of-range', () => 'no such leaf', {
      expected: `below ${leaves.length}`,
      found: leaf,
    })
  }
}

/**
 * The signed verdict of a sample. A sample that met a false leaf refutes the whole claim.
 * @param signing `evidence`: the randomness that drew the sample.
 */
export async function sampleVerdictOf(
  { receipt }: Bundle,
  { outcome, sampled, total }: Sampled,
  { evidence, ...signing }: VerdictSigning & { readonly evidence: Bytes32 },
): Promise<SignedVerdict> {
  const whole = sampled.length === total
  const grade = whole ? ('replayed' as const) : ('sampled' as const)
  return verdictAbout(receipt, { outcome, grade, sampled: sampled.length, total, evidence }, signing)
}

/** A stretch of a run between two states that the bundle holds. */
export interface Change {
  /** The first leaf, and how many there are. */
  readonly leaf: number
  readonly count: number
  /**
   * Euclidean distance between the states at its ends, over all floating-point elements, divided by the square root of the number of leaves:
   * the size of the equal steps that lead so far if each has a direction of its own.
   */
  readonly size: number
}

/**
 * The stretches in which the state changed most, largest first: where a jump to other weights would be. Every state that the bundle holds
 * counts, so the more checkpoints, the shorter the stretches. Whoever leaves out the states around a jump makes it smaller by the square root
 * of their number, and whoever leaves them out elsewhere makes honest steps larger by less than that; so states in equal distances
 * show most. The figure only chooses what to look at and is no part of any commitment.
 * Cost: reads every checkpoint once.
 * @throws Fault `receipt/wrong-state` where a checkpoint is not the state that the run names.
 */
export async function largestChanges(bundle: Bundle, count: number): Promise<readonly Change[]> {
  const ends = [...bundle.checkpoints.at, bundle.leaves.length]
  const changes: Change[] = []
  let [leaf, state] = [0, bundle.initialState]
  for (const end of ends) {
    const next = end === bundle.leaves.length ? bundle.finalState : await bundle.checkpoints.read(end)
    changes.push({ leaf, count: end - leaf, size: distance(state, next) / Math.sqrt(end - leaf) })
    ;[leaf, state] = [end, next]
  }
  return changes.sort((a, b) => b.size - a.size).slice(0, count)
}

/** The leaves of these stretches. */
export const leavesIn = (changes: readonly Change[]): number[] =>
  changes.flatMap(({ leaf, count }) => Array.from({ length: count }, (_, i) => leaf + i))

function distance(a: readonly Tensor[], b: readonly Tensor[]): number {
  let sum = 0
  a.forEach(({ dtype, data }, t) => {
    if (!isFloat(dtype)) return
    for (let i = 0; i < data.length; i++) {
      const difference = Number(data[i]) - Number(b[t].data[i])
      sum += difference * difference
    }
  })
  return Math.sqrt(sum)
}
