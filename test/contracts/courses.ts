/**
 * Runs that are committed under a course, with a lie in their beginnings or without: states before steps and inputs, and nothing computed.
 * @module
 */
import { AbiCoder, keccak256 } from 'ethers'
import { ZERO32, type Bytes32 } from '../../src/core/bytes.js'
import type { Tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import { BY, NO_STEP, openLeaf, traceTree, viewOfLeaves, viewOfList } from '../../src/dispute/openings.js'
import type { Case, ListView, StepOpening } from '../../src/dispute/openings.js'
import type { Program } from '../../src/exact/program.js'
import { listTree } from '../../src/merkle/tiles.js'
import { proveInclusion, rootOf, sizedRoot } from '../../src/merkle/tree.js'
import { hash as hashJob, type Job } from '../../src/receipt/job.js'
import { rootOfTensors } from '../../src/trace/digests.js'
import { leafOf, runRoot, type Content, type Step } from '../../src/trace/step.js'
import { courseTerms, termsOf } from '../../src/trace/trace.js'

/** What a provider commits in place of the state and the inputs that are right. */
export interface Lies {
  readonly state?: (state: readonly Tensor[]) => readonly Tensor[]
  readonly inputs?: (inputs: readonly Tensor[], step: number) => readonly Tensor[]
}

/** How long a run is, and how it is committed. */
export interface Around extends Lies {
  readonly steps?: number
  readonly commitEvery?: number
  /** Steps behind this one are empty, as those behind a refusal. */
  readonly until?: number
  /** The one step whose inputs are committed: those of the others are the same, so that long runs cost little. */
  readonly shown?: number
  /** Where the schedule starts from a checkpoint. */
  readonly checkpoint?: readonly Tensor[]
  readonly job?: Partial<Job>
}

/** A committed run, and what of it can be opened. */
export interface CourseRun {
  readonly case: Case
  readonly program: Program
  readonly course: Course.Course
  /** The tensors that are committed. */
  readonly state: ListView
  inputs(step: number): ListView
  /** A step by its leaf, by the list of its leaf, or by the trace of its leaf. */
  opening(step: number, by?: StepOpening['by']): StepOpening
  /** The sized root of the trace of a leaf. */
  trace(leaf: number): Bytes32
}

const PROVIDER = '0x00000000000000000000000000000000000000a1'

const jobWith = (terms: Pick<Job, 'program' | 'initialState' | 'inputs'>, steps: number, around: Around): Job => ({
  ...terms,
  steps: BigInt(steps),
  commitEvery: BigInt(around.commitEvery ?? 1),
  operatorTrace: false,
  policy: ZERO32,
  requester: '0x0000000000000000000000000000000000000000',
  deadline: 0n,
  salt: ZERO32,
  ...around.job,
})

/** The run of a course. */
export function courseRun(course: Course.Course, program: Program, around: Around = {}): CourseRun {
  const { steps = 4, state = (x) => x, inputs = (x) => x } = around
  const terms = courseTerms(program, { course, steps })
  const job = jobWith(terms, steps, around)
  const right = Course.open(course, program, { job: hashJob(job), steps, checkpoint: around.checkpoint })
  const one = around.shown === undefined ? undefined : inputs(right.inputs.at(around.shown)!, around.shown)
  const given = Array.from({ length: steps }, (_, step) => one ?? inputs(right.inputs.at(step)!, step))
  return { ...committed(job, { state: state(right.state), given }, around), program, course }
}

/** The run of a job that names the inputs of each step. */
export function plainRun(
  program: Program,
  { state, inputs }: { readonly state: readonly Tensor[]; readonly inputs: readonly (readonly Tensor[])[] },
  around: Around = {},
): Omit<CourseRun, 'course'> {
  const terms = termsOf({ program, state, inputs })
  const job = jobWith(terms, inputs.length, around)
  const given = inputs.map((one, step) => around.inputs?.(one, step) ?? one)
  return { ...committed(job, { state, given }, around), program }
}

interface Given {
  readonly state: readonly Tensor[]
  readonly given: readonly (readonly Tensor[])[]
}

function committed(
  job: Job,
  { state, given }: Given,
  { commitEvery = 1, until = Infinity }: Around,
): Omit<CourseRun, 'course' | 'program'> {
  const first = rootOfTensors('state', state)
  const contents = given.map((tensors, step): Content => {
    const inputs = step > until ? ZERO32 : rootOfTensors('inputs', tensors)
    return { inputs, values: ZERO32, outputs: ZERO32 }
  })
  const stepLeaves = contents.map((content, index): Step => {
    return { index, ...content, stateBefore: index === 0 ? first : ZERO32, stateAfter: ZERO32 }
  })
  const groups = Array.from({ length: Math.ceil(given.length / commitEvery) }, (_, i) =>
    stepLeaves.slice(i * commitEvery, (i + 1) * commitEvery),
  )
  const leaves = groups.map((steps, index) =>
    leafOf(index, { before: steps[0].stateBefore, after: ZERO32 }, { steps, commitEvery }),
  )
  const run = { leaf: viewOfLeaves(leaves) }
  const claim = { job: hashJob(job), outputs: ZERO32, finalState: ZERO32, run: runRoot(leaves) }
  const views = given.map((tensors) => viewOfList(tensors))
  return {
    case: { job, claim, provider: PROVIDER },
    state: viewOfList(state),
    inputs: (step) => views[step],
    opening(step, by = commitEvery === 1 ? BY.leaf : BY.segment) {
      const leaf = Math.floor(step / commitEvery)
      const opening = openLeaf(run, leaf, step)
      if (by === BY.leaf) return opening
      const [steps, place] = [groups[leaf], step % commitEvery]
      if (by === BY.traced) {
        return { ...opening, by, inner: steps[place], innerPath: proveInclusion(traceTree(steps), place) }
      }
      const inner = { ...NO_STEP, inputs: steps[place].inputs }
      return { ...opening, by, inner, innerPath: proveInclusion(listTree(steps.map((one) => one.inputs)), place) }
    },
    trace: (leaf) => sizedRoot('segment', { size: groups[leaf].length, root: rootOf(traceTree(groups[leaf])) }),
  }
}

/** The name of a case under which records stand. */
export function idOf({ claim, provider }: Case): string {
  return keccak256(AbiCoder.defaultAbiCoder().encode(['bytes32', 'address'], [claim.job, provider]))
}
