/**
 * The steps of one leaf of a run with all their values, computed again: what a provider commits when it is challenged, and what a challenger
 * compares it with.
 * @module
 */
import { ZERO32, type Bytes32 } from '../core/bytes.js'
import type { Tensor } from '../core/tensor.js'
import type { Feed } from '../data/course.js'
import { ABSENT, type NodeValue, type Program } from '../exact/program.js'
import { evaluate } from '../runtime/reference.js'
import { Refusal, type Runtime, type Session } from '../runtime/runtime.js'
import { digestOf, rootOfDigests, rootOfTensors } from '../trace/digests.js'
import { refusalRecord, type RunRefusal } from '../trace/refusal.js'
import type { Step } from '../trace/step.js'
import { commitStep } from '../trace/trace.js'

/** A step with everything that it computed. */
export interface TracedStep {
  /** Its leaf in the trace: as a leaf of a run of single steps with an operator trace. */
  readonly leaf: Step
  readonly before: readonly Tensor[]
  readonly inputs: readonly Tensor[]
  /** All values in the program's numbering; undefined from the node on at which the step was refused. */
  readonly values: readonly (Tensor | undefined)[]
  /** Their digests, zero for what is not there. */
  readonly digests: readonly Bytes32[]
  readonly after: readonly Tensor[]
  readonly outputs: readonly Tensor[]
}

/** The trace of one leaf. Behind a refused step there are empty ones: a leaf of zeros but for the index. */
export interface Retraced {
  readonly steps: readonly TracedStep[]
  readonly refusal: RunRefusal | undefined
}

/** Which leaf of which run, and the state before it. */
export interface RetracePlace {
  readonly leaf: number
  readonly commitEvery: number
  readonly inputs: Feed
  readonly state: readonly Tensor[]
}

/**
 * Runs the steps of one leaf from the state before it, recording every value.
 * Cost: the steps, and all of their values in memory. @throws Fault `trace/bad-state`, `runtime/failed`.
 */
export async function retrace(program: Program, runtime: Runtime, place: RetracePlace): Promise<Retraced> {
  const session = await runtime.open(program, place.state, { record: 'all' })
  try {
    return await stepsOf(session, place)
  } finally {
    await session.close()
  }
}

async function stepsOf(session: Session, { leaf, commitEvery, inputs }: RetracePlace): Promise<Retraced> {
  const [first, end] = [leaf * commitEvery, Math.min((leaf + 1) * commitEvery, inputs.length)]
  const steps: TracedStep[] = []
  let refusal: RunRefusal | undefined
  for (let index = first; index < end; index++) {
    if (refusal !== undefined) {
      steps.push(emptyStep(index))
      continue
    }
    const [before, given] = [session.state, inputs.at(index)!]
    const result = await session.step(given).catch((error: unknown) => {
      if (error instanceof Refusal) return error
      throw error
    })
    if (result instanceof Refusal) {
      refusal = { step: index, node: result.node, element: result.element, reason: result.reason }
      steps.push(refusedStep(session.program, { before, inputs: given }, refusal))
    } else {
      steps.push(wholeStep(index, { before, inputs: given, after: session.state, ...result, values: result.values! }))
    }
  }
  return { steps, refusal }
}

function wholeStep(
  index: number,
  tensors: Pick<TracedStep, 'before' | 'inputs' | 'after' | 'outputs'> & { readonly values: readonly Tensor[] },
): TracedStep {
  return { ...tensors, leaf: commitStep(index, tensors), digests: tensors.values.map(digestOf) }
}

/** A step as far as it came, by the definition of each op. */
function refusedStep(
  program: Program,
  { before, inputs }: Pick<TracedStep, 'before' | 'inputs'>,
  refusal: RunRefusal,
): TracedStep {
  const given = [...before, ...inputs]
  const values: (Tensor | undefined)[] = []
  program.values.forEach((value, number) => {
    const stops = refusal.reason !== 'nan-result' && number >= refusal.node
    if (value.kind === 'constant') values.push(value.tensor)
    else values.push(value.kind === 'node' ? (stops ? undefined : nodeOf(program, number, values)) : given[number])
  })
  const digests = values.map((value) => (value === undefined ? ZERO32 : digestOf(value)))
  const state = rootOfTensors('state', before)
  const leaf: Step = {
    index: refusal.step,
    stateBefore: state,
    inputs: rootOfTensors('inputs', inputs),
    values: rootOfDigests('values', digests),
    stateAfter: state,
    outputs: refusalRecord(refusal),
  }
  return { leaf, before, inputs, values, digests, after: before, outputs: [] }
}

function nodeOf(program: Program, number: number, values: readonly (Tensor | undefined)[]): Tensor {
  const { inputs } = program.values[number] as NodeValue
  return evaluate(
    program,
    number,
    inputs.filter((input) => input !== ABSENT).map((input) => values[input]!),
  )
}

/** A step behind a refusal. */
export const emptyStep = (index: number): TracedStep => ({
  leaf: { index, stateBefore: ZERO32, inputs: ZERO32, values: ZERO32, stateAfter: ZERO32, outputs: ZERO32 },
  before: [],
  inputs: [],
  values: [],
  digests: [],
  after: [],
  outputs: [],
})
