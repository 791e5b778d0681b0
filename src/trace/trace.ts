/**
 * Runs a program over steps, records what was computed and commits to it. Knows no job.
 * @module
 */
import { ZERO32, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { equalBits, type Tensor } from '../core/tensor.js'
import { hash } from '../exact/format.js'
import type { Program } from '../exact/program.js'
import type { Runtime, Session } from '../runtime/runtime.js'
import { digestOf, rootOfDigests, rootOfTensors } from './digests.js'
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
 * Runs the steps on a runtime and records them.
 * @throws Refusal, Fault `exact/wrong-input`, `trace/bad-state`, `runtime/failed`, `core/aborted`.
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
  for (const [index, inputs] of work.inputs.entries()) {
    const before = session.state
    const result = await session.step(inputs, { signal })
    steps.push(
      commitStep(index, {
        before,
        inputs,
        after: session.state,
        outputs: result.outputs,
        values: operatorTrace ? result.values : undefined,
      }),
    )
    if (result.values !== undefined) values.push(result.values)
    outputs = result.outputs
    onProgress?.(index + 1, work.inputs.length)
  }
  return {
    program: work.program,
    commitEvery,
    initialState: work.state,
    finalState: session.state,
    inputs: work.inputs,
    outputs,
    steps,
    values: operatorTrace ? values : undefined,
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
  const last = trace.steps[trace.steps.length - 1]
  return {
    program: hash(trace.program),
    initialState: trace.steps[0].stateBefore,
    inputs: jobInputs(trace.steps.map((step) => step.inputs)),
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

/** True where two lists of tensors are equal in every bit. */
export function sameTensors(a: readonly Tensor[], b: readonly Tensor[]): boolean {
  return a.length === b.length && a.every((tensor, i) => equalBits(tensor, b[i]))
}
