/**
 * Runs a program over steps, records what was computed and commits to it. Knows no job.
 * @module
 */
import { ZERO32, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import type { Course, Feed } from '../data/course.js'
import { hash as hashSchedule, jobInitialState } from '../data/schedule.js'
import { hash } from '../exact/format.js'
import type { Program } from '../exact/program.js'
import { Refusal, type Runtime, type Session } from '../runtime/runtime.js'
import { digestOf, rootOfDigests, rootOfTensors } from './digests.js'
import { refusalRecord, type RunRefusal } from './refusal.js'
import { NOTHING, jobInputs, leafOf, runRoot, type Content, type Step } from './step.js'

/** A recorded run. */
export interface Trace {
  readonly program: Program
  readonly commitEvery: number
  readonly initialState: readonly Tensor[]
  readonly finalState: readonly Tensor[]
  /** Inputs of every step. */
  readonly inputs: Feed
  /** What the inputs were drawn by, if they were. */
  readonly course?: Course | undefined
  /** Outputs of the last step. */
  readonly outputs: readonly Tensor[]
  /** The leaves of the run's tree: its steps, or segments of `commitEvery` of them. */
  readonly leaves: readonly Step[]
  /** What each step commits beside the states. */
  readonly steps: readonly Content[]
  /** With an operator trace: for every step all values in the program's numbering. */
  readonly values: readonly (readonly Tensor[])[] | undefined
  /** Where and why the run was refused, if it was: then there are no outputs, and the state is the one before that step. */
  readonly refusal: RunRefusal | undefined
}

/** Options of {@link record}. */
export interface RecordOptions {
  /** Commit every value of every step, and keep them all in memory. Default false: inputs, outputs and states only. */
  readonly operatorTrace?: boolean
  /** Steps to one leaf of the run's tree. Default 1. States are hashed at the ends of leaves only. */
  readonly commitEvery?: number
  /** Called after every step, with what it gave. */
  readonly onProgress?: (done: number, total: number, outputs: readonly Tensor[]) => void
  readonly signal?: AbortSignal
  /** Keeps what is committed, so that a run that was cut off goes on from its last leaf. Not with an operator trace. */
  readonly store?: RunStore
}

/** How far a run has come: whole leaves only. */
export interface Kept {
  readonly leaves: readonly Step[]
  readonly steps: readonly Content[]
  /** After the last leaf. */
  readonly state: readonly Tensor[]
  /** Of the last step. */
  readonly outputs: readonly Tensor[]
}

/** What one leaf adds. */
export interface Committed {
  readonly leaf: Step
  readonly steps: readonly Content[]
  readonly state: readonly Tensor[]
  readonly outputs: readonly Tensor[]
}

/** Where a run keeps what it has committed. */
export interface RunStore {
  /** What is kept of this run, checked to be whole; undefined where there is nothing. */
  load(work: Work, options: { readonly commitEvery: number }): Promise<Kept | undefined>
  /** Keeps one leaf more. */
  commit(committed: Committed): Promise<void>
}

/** What is to be run. */
export interface Work {
  readonly program: Program
  readonly state: readonly Tensor[]
  /** Inputs of every step: a list, or what a course draws. */
  readonly inputs: Feed
  /** What draws the inputs and fixes the state, where the job names a schedule. */
  readonly course?: Course | undefined
}

/**
 * Runs the steps on a runtime and records them. A refused run is recorded too: it is a claim like any other.
 * @throws Fault `exact/wrong-input`, `trace/bad-state`, `runtime/failed`, `core/aborted`, and those of the store.
 */
export async function record(work: Work, runtime: Runtime, options: RecordOptions = {}): Promise<Trace> {
  const { operatorTrace = false, commitEvery = 1, signal, store } = options
  demand(work.inputs.length >= 1, 'exact/missing-input', () => 'a run has at least one step')
  demand(store === undefined || !operatorTrace, 'trace/not-recorded', () => 'a store keeps no operator values')
  const kept = await store?.load(work, { commitEvery })
  const session = await runtime.open(work.program, kept?.state ?? work.state, {
    record: operatorTrace ? 'all' : 'outputs',
    signal,
  })
  try {
    return await recordFrom(session, { work, kept }, options)
  } finally {
    await session.close()
  }
}

async function recordFrom(
  session: Session,
  { work, kept }: { work: Work; kept: Kept | undefined },
  options: RecordOptions,
): Promise<Trace> {
  const { commitEvery = 1, operatorTrace = false } = options
  const { keep, kept: allKept } = keeper(options.store)
  const recorder = { session, work, options, values: [] as (readonly Tensor[])[] }
  const leaves: Step[] = [...(kept?.leaves ?? [])]
  const steps: Content[] = [...(kept?.steps ?? [])]
  let outputs: readonly Tensor[] = kept?.outputs ?? []
  let before = leaves.length > 0 ? leaves[leaves.length - 1].stateAfter : rootOfTensors('state', session.state)
  let refusal: RunRefusal | undefined
  while (steps.length < work.inputs.length && refusal === undefined) {
    const segment = await segmentFrom(recorder, steps.length).catch(async (error: unknown) => {
      await allKept()
      throw error
    })
    const last = segment.steps[segment.steps.length - 1]
    refusal = segment.refusal
    outputs = segment.outputs
    const after = refusal !== undefined && last === NOTHING ? ZERO32 : rootOfTensors('state', session.state)
    const leaf = leafOf(leaves.length, { before, after }, { steps: segment.steps, commitEvery })
    leaves.push(leaf)
    steps.push(...segment.steps)
    before = leaf.stateAfter
    if (refusal === undefined) await keep({ leaf, steps: segment.steps, state: session.state, outputs })
  }
  await allKept()
  while (steps.length < work.inputs.length) {
    const rest = Array.from({ length: Math.min(commitEvery, work.inputs.length - steps.length) }, () => NOTHING)
    leaves.push(leafOf(leaves.length, { before: ZERO32, after: ZERO32 }, { steps: rest, commitEvery }))
    steps.push(...rest)
  }
  return {
    program: work.program,
    commitEvery,
    initialState: work.state,
    finalState: session.state,
    inputs: work.inputs,
    course: work.course,
    outputs: refusal === undefined ? outputs : [],
    leaves,
    steps,
    values: operatorTrace ? recorder.values : undefined,
    refusal,
  }
}

/** Hands leaves to a store while the run goes on: one at a time, and the next leaf waits until the one before is kept. */
function keeper(store: RunStore | undefined): {
  keep(committed: Committed): Promise<void>
  kept(): Promise<void>
} {
  let pending: Promise<void> = Promise.resolve()
  return {
    async keep(committed) {
      await pending
      pending = store?.commit(committed) ?? pending
      pending.catch(() => undefined) // whoever waits for it next meets the error
    },
    kept: () => pending,
  }
}

interface Recorder {
  readonly session: Session
  readonly work: Work
  readonly options: RecordOptions
  readonly values: (readonly Tensor[])[]
}

interface Segment {
  readonly steps: readonly Content[]
  readonly outputs: readonly Tensor[]
  readonly refusal: RunRefusal | undefined
}

/** Runs the steps of one leaf. After a refusal come empty ones. */
async function segmentFrom({ session, work, options, values }: Recorder, first: number): Promise<Segment> {
  const { commitEvery = 1, signal, onProgress } = options
  const end = Math.min(first + commitEvery, work.inputs.length)
  const steps: Content[] = []
  let outputs: readonly Tensor[] = []
  for (let index = first; index < end; index++) {
    const inputs = work.inputs.at(index)!
    const result = await refusable(session.step(inputs, { signal }))
    if (result instanceof Refusal) {
      const refusal = { step: index, node: result.node, element: result.element, reason: result.reason }
      const refused = { inputs: rootOfTensors('inputs', inputs), values: ZERO32, outputs: refusalRecord(refusal) }
      const rest = Array.from({ length: end - index - 1 }, () => NOTHING)
      return { steps: [...steps, refused, ...rest], outputs: [], refusal }
    }
    steps.push(contentOf({ inputs, values: result.values, outputs: result.outputs }))
    if (result.values !== undefined) values.push(result.values)
    outputs = result.outputs
    onProgress?.(index + 1, work.inputs.length, outputs)
  }
  return { steps, outputs, refusal: undefined }
}

async function refusable<T>(step: Promise<T>): Promise<T | Refusal> {
  try {
    return await step
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** The tensors of one step. */
export interface StepTensors {
  readonly before: readonly Tensor[]
  readonly inputs: readonly Tensor[]
  readonly values: readonly Tensor[] | undefined
  readonly after: readonly Tensor[]
  readonly outputs: readonly Tensor[]
}

/** What a step commits, as a leaf of its own. Cost: one hash over every tensor that was not hashed before. */
export function commitStep(index: number, tensors: StepTensors): Step {
  const [before, after] = [rootOfTensors('state', tensors.before), rootOfTensors('state', tensors.after)]
  return leafOf(index, { before, after }, { steps: [contentOf(tensors)], commitEvery: 1 })
}

/** What a step commits beside the states. */
export function contentOf({ inputs, values, outputs }: Pick<StepTensors, 'inputs' | 'values' | 'outputs'>): Content {
  return {
    inputs: rootOfTensors('inputs', inputs),
    values: values === undefined ? ZERO32 : rootOfTensors('values', values),
    outputs: rootOfTensors('outputs', outputs),
  }
}

/** The commitments of a run that a job and a claim name. */
export interface Commitments {
  readonly program: Bytes32
  readonly initialState: Bytes32
  readonly inputs: Bytes32
  readonly outputs: Bytes32
  readonly finalState: Bytes32
  readonly run: Bytes32
}

/** What a job names, of work to be done. */
export type Terms = Pick<Commitments, 'program' | 'initialState' | 'inputs'> & { readonly steps: number }

/** What a job names of this work: state and inputs, or the schedule that fixes them. */
export function termsOf({ program, state, inputs, course }: Work): Terms {
  if (course !== undefined) return courseTerms(program, { course, steps: inputs.length })
  const roots = Array.from({ length: inputs.length }, (_, step) => rootOfTensors('inputs', inputs.at(step)!))
  return {
    program: hash(program),
    initialState: rootOfTensors('state', state),
    inputs: jobInputs(roots),
    steps: inputs.length,
  }
}

/** What a job names of a course, before there is a job and so a seed. */
export function courseTerms(
  program: Program,
  { course, steps }: { readonly course: Course; readonly steps: number },
): Terms {
  const { schedule } = course
  return { program: hash(program), initialState: jobInitialState(schedule), inputs: hashSchedule(schedule), steps }
}

/** The commitments of a recorded run. */
export function commit(trace: Trace): Commitments {
  const { program, initialState: state, inputs, course } = trace
  const terms = termsOf({ program, state, inputs, course })
  return { program: terms.program, initialState: terms.initialState, inputs: terms.inputs, ...resultsOf(trace) }
}

/** The commitments of what a run gave: what a claim holds beside the job. */
export function resultsOf(trace: Trace): Pick<Commitments, 'outputs' | 'finalState' | 'run'> {
  const { steps, leaves, refusal } = trace
  return {
    outputs: steps[refusal?.step ?? steps.length - 1].outputs,
    finalState: refusal === undefined ? leaves[leaves.length - 1].stateAfter : rootOfTensors('state', trace.finalState),
    run: runRoot(leaves),
  }
}

/** The digests of all values of a step, in the program's numbering. @throws Fault `trace/not-recorded`. */
export function valueDigests(trace: Trace, step: number): readonly Bytes32[] {
  const values = trace.values?.[step]
  demand(values !== undefined, 'trace/not-recorded', () => `operator values of step ${step}`)
  return values.map(digestOf)
}

/** The sized root of a step's value digests. */
export const valuesRoot = (digests: readonly Bytes32[]): Bytes32 => rootOfDigests('values', digests)
