/**
 * The first difference of two runs of one job: step, operator and element where they part. Everything before it agrees.
 * @module
 */
import { compare, equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { equalBits, type Tensor } from '../core/tensor.js'
import type { Program } from '../exact/program.js'
import { CONTENT_FIELDS, STEP_FIELDS, type Content, type Step, type StepField } from '../trace/step.js'
import type { Trace } from '../trace/trace.js'
import { digestOf } from '../trace/digests.js'

/** A run as far as it is known: a trace, or the content of a bundle. */
export interface RunView {
  readonly program: Program
  readonly commitEvery: number
  readonly leaves: readonly Step[]
  readonly steps: readonly Content[]
  readonly outputs: readonly Tensor[]
  readonly finalState: readonly Tensor[]
  /** Digests of all values of every step, where they were recorded. */
  readonly digests: readonly (readonly Bytes32[])[] | undefined
  readonly values: readonly (readonly Tensor[])[] | undefined
}

/** An element that two runs give differently. */
export interface ElementDifference {
  /** Row-major index, and the same as coordinates. */
  readonly element: number
  readonly coordinates: readonly number[]
  readonly expected: number | bigint
  readonly found: number | bigint
}

/** Where two runs part. */
export interface Difference {
  readonly step: number
  /** The first field of the step's leaf that differs, in the order of the leaf. */
  readonly field: StepField
  /** The first value that differs, where both runs recorded their values or it is an output or part of the state; else undefined. */
  readonly value: number | undefined
  /** Exact op of that value, or parameter, input, constant. */
  readonly operator: string | undefined
  /** The name of an input, parameter or output, where the value has one. */
  readonly name: string | undefined
  /** True where all earlier values are known to agree, so that the operator itself was computed falsely by one of the two. */
  readonly decided: boolean
  readonly at: ElementDifference | undefined
}

/** A trace as a view. */
export function viewOf(trace: Trace): RunView {
  return { ...trace, digests: trace.values?.map((values) => values.map(digestOf)) }
}

/**
 * The first difference between a run that is taken as right and another, or undefined where they agree.
 * @throws Fault `dispute/different-jobs` where they are runs of different programs or lengths.
 */
export function firstDifference(expected: RunView, found: RunView): Difference | undefined {
  demand(
    expected.commitEvery === found.commitEvery &&
      expected.steps.length === found.steps.length &&
      sameProgram(expected.program, found.program),
    'dispute/different-jobs',
    () => 'runs of different programs or lengths',
  )
  const leaf = expected.leaves.findIndex((one, i) => fieldApart(STEP_FIELDS, one, found.leaves[i]) !== undefined)
  if (leaf < 0) return undefined
  const at = inLeaf(expected, found, leaf)
  return inValues(expected, found, at) ?? inEnds(expected, found, at) ?? bare(at.step, at.field)
}

/** The first of these fields that differs. */
function fieldApart<F extends string>(
  fields: readonly F[],
  a: Readonly<Record<F, Bytes32>>,
  b: Readonly<Record<F, Bytes32>>,
): F | undefined {
  return fields.find((name) => !equal(a[name], b[name]))
}

/** The step of a leaf where two runs part. A segment commits no states inside: where only its end differs, its last step is named. */
function inLeaf(expected: RunView, found: RunView, leaf: number): { step: number; field: StepField } {
  const { commitEvery } = expected
  const first = leaf * commitEvery
  const field = fieldApart(STEP_FIELDS, expected.leaves[leaf], found.leaves[leaf])!
  if (commitEvery === 1 || field === 'stateBefore') return { step: first, field }
  const inner = expected.steps.slice(first, first + commitEvery)
  const apart = inner.map((step, i) => fieldApart(CONTENT_FIELDS, step, found.steps[first + i]))
  const at = apart.findIndex((name) => name !== undefined)
  return at < 0 ? { step: first + inner.length - 1, field } : { step: first + at, field: apart[at]! }
}

const sameProgram = (a: Program, b: Program) =>
  a === b || (a.values.length === b.values.length && a.counts.nodes === b.counts.nodes)

const bare = (step: number, field: StepField): Difference => ({
  step,
  field,
  value: undefined,
  operator: undefined,
  name: undefined,
  decided: false,
  at: undefined,
})

/** Both recorded all values of the step: the first one that differs, in the program's numbering. */
function inValues(expected: RunView, found: RunView, at: { step: number; field: StepField }): Difference | undefined {
  const [a, b] = [expected.digests?.[at.step], found.digests?.[at.step]]
  if (a === undefined || b === undefined) return undefined
  const value = a.findIndex((digest, v) => compare(digest, b[v]) !== 0)
  if (value < 0) return undefined
  return describe(expected.program, { ...at, value, decided: true }, [
    expected.values?.[at.step]?.[value],
    found.values?.[at.step]?.[value],
  ])
}

/** In the last step outputs and state are known without a trace: the first of them that differs. */
function inEnds(expected: RunView, found: RunView, at: { step: number; field: StepField }): Difference | undefined {
  if (at.step !== expected.steps.length - 1) return undefined
  const { program } = expected
  const carried = (parameter: number) =>
    program.carries.find((carry) => carry.parameter === parameter)?.value ?? parameter
  const pairs = [
    ...program.outputs.map((value, i) => ({ value, tensors: [expected.outputs[i], found.outputs[i]] as const })),
    ...expected.finalState.map((tensor, i) => ({ value: carried(i), tensors: [tensor, found.finalState[i]] as const })),
  ]
  const first = pairs.find(({ tensors: [a, b] }) => a !== undefined && b !== undefined && !equalBits(a, b))
  return first && describe(program, { ...at, value: first.value, decided: false }, first.tensors)
}

function describe(
  program: Program,
  of: { step: number; field: StepField; value: number; decided: boolean },
  [a, b]: readonly (Tensor | undefined)[],
): Difference {
  const value = program.values[of.value]
  return {
    ...of,
    operator: value.kind === 'node' ? value.op : value.kind,
    name: nameOf(program, of.value),
    at: a === undefined || b === undefined ? undefined : firstElement(a, b),
  }
}

/** The name of a value at the edge of the program. */
export function nameOf(program: Program, value: number): string | undefined {
  const { parameters, inputs } = program.counts
  if (value < parameters) return program.names.parameters[value]
  if (value < parameters + inputs) return program.names.inputs[value - parameters]
  const output = program.outputs.indexOf(value)
  return output < 0 ? undefined : program.names.outputs[output]
}

/** The first element whose bits differ. */
export function firstElement(a: Tensor, b: Tensor): ElementDifference | undefined {
  const bits = (t: Tensor) => new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength)
  const [x, y, width] = [bits(a), bits(b), a.data.BYTES_PER_ELEMENT]
  const byte = x.findIndex((v, i) => v !== y[i])
  if (byte < 0) return undefined
  const element = Math.floor(byte / width)
  return { element, coordinates: coordinatesOf(a.dims, element), expected: a.data[element], found: b.data[element] }
}

function coordinatesOf(dims: readonly number[], element: number): number[] {
  let rest = element
  return [...dims]
    .reverse()
    .map((dim) => {
      const at = rest % dim
      rest = (rest - at) / dim
      return at
    })
    .reverse()
}

/** One line for people. */
export function explain(difference: Difference): string {
  const { step, field, value, operator, name, at, decided } = difference
  const what =
    value === undefined ? `the field ${field}` : `value ${value} (${operator}${name === undefined ? '' : ` "${name}"`})`
  const element = at === undefined ? '' : `, element [${at.coordinates}]: expected ${at.expected}, found ${at.found}`
  return `step ${step}: ${what}${element}${decided ? '; everything before it agrees' : ''}`
}
