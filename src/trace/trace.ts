/**
 * Runs a program over steps, records what was computed and commits to it. Knows no job.
 * @module
 */
import { ZERO32, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { hash } from '../exact/format.js'
import type { Program } from '../exact/program.js'
import { Refusal, type Runtime, type Session } from '../runtime/runtime.js'
import { digestOf, rootOfDigests, rootOfTensors } from './digests.js'
import { refusalRecord, type RunRefusal } from './refusal.js'
import { jobInputs, runRoot, type Step } from './step.js'

/** A recorded run. */
export interface Trace {
  readonly program: Program
  readonly commitEvery: number
  readonly initialState: readonly Tensor[]
  readonly finalState: readonly Tensor[]
  /** Inputs of every step. */
  readonly inputs: readonly (readonly Tensor[])[]
  /** Outputs of the last step. */
  readonly outputs: readonly Tensor[]
  readonly steps: readonly Step[]
  /** With an operator trace: for every step all values in the program's numbering. */
  readonly values: readonly (readonly Tensor[])[] | undefined
  /** Where and why the run was refused, if it was: then there are no outputs, and the state is the one before that step. */
  readonly refusal: RunRefusal | undefined
}

/** Options of {@link record}. */
export interface RecordOptions {
  /** Commit every value of every step. Default false: inputs, outputs and states only. */
  readonly operatorTrace?: boolean
  /** Steps to one leaf of the run's tree. Default 1. */
  readonly commitEvery?: number
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** What is to be run. */
export interface Work {
  readonly program: Program
  readonly state: readonly Tensor[]
  /** Inputs of every step. */
  readonly inputs: readonly (readonly Tensor[])[]
}

/**
 * Runs the steps on a runtime and records them. A refused run is recorded too: it is a claim like any other.
 * @throws Fault `exact/wrong-input`, `trace/bad-state`, `runtime/failed`, `core/aborted`.
 */
export async function record(work: Work, runtime: Runtime, options: RecordOptions = {}): Promise<Trace> {
  const { operatorTrace = false, signal } = options
  const session = await runtime.open(work.program, work.state, { record: operatorTrace ? 'all' : 'outputs', signal })
  try {
    return await recordSteps(session, work, options)
  } finally {
    await session.close()
  }
}

/** The same on a session that is already open; its state must be the work's. */
export async function recordSteps(session: Session, work: Work, options: RecordOptions = {}): Promise<Trace> {
  const { operatorTrace = false, commitEvery = 1, signal, onProgress } = options
  demand(work.inputs.length >= 1, 'exact/missing-input', () => 'a run has at least one step')
  const steps: Step[] = []
  const values: (readonly Tensor[])[] = []
  let outputs: readonly Tensor[] = []
  let refusal: RunRefusal | undefined
  for (const [index, inputs] of work.inputs.entries()) {
    const before = session.state
    const result = await refusable(session.step(inputs, { signal }))
    if (result instanceof Refusal) {
      refusal = { step: index, node: result.node, element: result.element, reason: result.reason }
      steps.push(...refusedSteps(refusal, { before, inputs, total: work.inputs.length }))
      break
    }
    const recorded = operatorTrace ? result.values : undefined
    steps.push(commitStep(index, { before, inputs, after: session.state, outputs: result.outputs, values: recorded }))
    if (recorded !== undefined) values.push(recorded)
    outputs = result.outputs
    onProgress?.(index + 1, work.inputs.length)
  }
  return {
    program: work.program,
    commitEvery,
    initialState: work.state,
    finalState: session.state,
    inputs: work.inputs,
    outputs: refusal === undefined ? outputs : [],
    steps,
    values: operatorTrace ? values : undefined,
    refusal,
  }
}

async function refusable<T>(step: Promise<T>): Promise<T | Refusal> {
  try {
    return await step
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** The refused step's leaf holds the record; later leaves are zero but for the index. */
function refusedSteps(
  refusal: RunRefusal,
  at: { before: readonly Tensor[]; inputs: readonly Tensor[]; total: number },
): Step[] {
  const state = rootOfTensors('state', at.before)
  const nothing = { stateBefore: ZERO32, inputs: ZERO32, values: ZERO32, stateAfter: ZERO32, outputs: ZERO32 }
  const refused: Step = {
    index: refusal.step,
    stateBefore: state,
    inputs: rootOfTensors('inputs', at.inputs),
    values: ZERO32,
    stateAfter: state,
    outputs: refusalRecord(refusal),
  }
  const later = Array.from({ length: at.total - refusal.step - 1 }, (_, i): Step => ({
    index: refusal.step + 1 + i,
    ...nothing,
  }))
  return [refused, ...later]
}

/** The tensors of one step. */
export interface StepTensors {
  readonly before: readonly Tensor[]
  readonly inputs: readonly Tensor[]
  readonly values: readonly Tensor[] | undefined
  readonly after: readonly Tensor[]
  readonly outputs: readonly Tensor[]
}

/** What a step commits. Cost: one hash over every tensor that was not hashed before. */
export function commitStep(index: number, { before, inputs, values, after, outputs }: StepTensors): Step {
  return {
    index,
    stateBefore: rootOfTensors('state', before),
    inputs: rootOfTensors('inputs', inputs),
    values: values === undefined ? ZERO32 : rootOfTensors('values', values),
    stateAfter: rootOfTensors('state', after),
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

/** The commitments of a recorded run. */
export function commit(trace: Trace): Commitments {
  const last = trace.steps[trace.refusal?.step ?? trace.steps.length - 1]
  return {
    program: hash(trace.program),
    initialState: trace.steps[0].stateBefore,
    inputs: jobInputs(trace.inputs.map((inputs) => rootOfTensors('inputs', inputs))),
    outputs: last.outputs,
    finalState: last.stateAfter,
    run: runRoot(trace.steps, trace.commitEvery),
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
