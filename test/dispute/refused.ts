/**
 * Runs that are refused: ops that meet each of their fault points, and providers that stop where they ought not to, or go on.
 * @module
 */
import { ZERO32, type Bytes32 } from '../../src/core/bytes.js'
import { allocate, sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import type { OwnRun } from '../../src/dispute/book.js'
import { emptyStep, type Retraced, type TracedStep } from '../../src/dispute/retrace.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import type { Reason } from '../../src/exact/op.js'
import { opOf } from '../../src/exact/ops/index.js'
import { nextState, type Attributes, type NodeValue, type Program } from '../../src/exact/program.js'
import type { Claim } from '../../src/receipt/claim.js'
import { digestOf, rootOfDigests, rootOfTensors } from '../../src/trace/digests.js'
import { refusalRecord, type RunRefusal } from '../../src/trace/refusal.js'
import { leafOf, runRoot } from '../../src/trace/step.js'
import { commitStep, type Work } from '../../src/trace/trace.js'
import type { Shape } from './forge.js'

const STEPS = 4
/** The step at which the runs below are refused. */
export const REFUSED_STEP = 1

/** An op that meets a fault point: its operands where all is well, and one that is not. */
interface Meeting {
  readonly op: string
  readonly what?: string
  readonly operands: readonly Tensor[]
  readonly attributes?: Attributes
  /** Which operand is another one in the refused step. */
  readonly bad: readonly [operand: number, tensor: Tensor]
  readonly element: number
  readonly reason: Reason
}

const numbers = (...dims: number[]): Tensor =>
  tensor(
    'float32',
    dims,
    Array.from({ length: sizeOf(dims) }, (_, i) => (i * 7) % 5),
  )

/** A tensor with another element. */
function withElement(from: Tensor, element: number, value: number | bigint): Tensor {
  const values = Array.from(from.data as Float64Array, (one, i) => (i === element ? value : one))
  return tensor(from.dtype, from.dims, values as number[])
}

const nan = (op: string, x: Tensor, element: number, attributes: Attributes = {}): Meeting => ({
  op,
  what: x.dtype,
  operands: [x],
  attributes,
  bad: [0, withElement(x, element, NaN)],
  element,
  reason: 'nan',
})

/** A half by its bits. */
function half(dtype: 'float16' | 'bfloat16', quiet: number): Meeting {
  const x = tensor(dtype, [3], [0, 0x3c00, 0])
  return { ...nan('Cast', x, 2, { to: 6 }), bad: [0, tensor(dtype, [3], [0, 0x3c00, quiet])] }
}

const divided = (op: string, a: Tensor, b: Tensor, at: readonly [place: number, element: number]): Meeting => ({
  op,
  what: `${a.dtype} [${a.dims}] by [${b.dims}]`,
  operands: [a, b],
  bad: [1, withElement(b, at[0], typeof b.data[0] === 'bigint' ? 0n : 0)],
  element: at[1],
  reason: 'zero-divisor',
})

const indexed = (
  op: string,
  operands: readonly Tensor[],
  [element, index]: readonly [number, bigint],
  axis = 0,
): Meeting => ({
  op,
  what: `index ${index}`,
  operands,
  attributes: { axis },
  bad: [1, withElement(operands[1], element, index)],
  element,
  reason: 'index-out-of-range',
})

const indices = (...dims: number[]): Tensor =>
  tensor(
    'int64',
    dims,
    Array.from({ length: sizeOf(dims) }, (_, i) => BigInt(i % 2)),
  )
const WINDOW = { kernel: [2, 2], strides: [1, 1], pads: [0, 0, 1, 1], dilations: [1, 1] }

const MEETINGS: readonly Meeting[] = [
  nan('ReduceMax', numbers(2, 3), 4, { axes: 1 }),
  nan(
    'ReduceMin',
    { ...numbers(2, 3), dtype: 'float64', data: Float64Array.from(numbers(2, 3).data as Float32Array) },
    2,
    {
      axes: 2,
    },
  ),
  nan('ArgMax', numbers(3, 2), 5, { axis: 0 }),
  nan('ArgMin', numbers(3, 2), 1, { axis: 1 }),
  nan('MaxPool', numbers(1, 1, 3, 3), 8, WINDOW),
  nan('TopK', numbers(4), 3, { axis: 0, k: 2, largest: 1 }),
  nan('Cast', numbers(3), 1, { to: 6 }),
  nan('Cast', tensor('float64', [2, 2], [1, 2, 3, 4]), 3, { to: 7 }),
  half('float16', 0x7e00),
  half('bfloat16', 0x7fc0),
  divided('Div', tensor('int32', [2, 3], [1, 2, 3, 4, 5, 6]), tensor('int32', [3], [1, 2, 3]), [1, 1]),
  divided('Div', tensor('uint64', [1, 2], [1n, 2n]), tensor('uint64', [3, 1], [1n, 2n, 3n]), [2, 4]),
  divided('Mod', tensor('int8', [4], [1, 2, 3, 4]), tensor('int8', [4], [1, 2, 3, 4]), [3, 3]),
  divided('Mod', tensor('int64', [2], [1n, 2n]), tensor('int64', [], [4n]), [0, 0]),
  indexed('Gather', [numbers(4, 2), indices(2, 2)], [3, 4n]),
  indexed('Gather', [numbers(2, 3), indices(2)], [1, -1n], 1),
  indexed('GatherElements', [numbers(2, 3), indices(2, 3)], [5, 2n]),
  indexed('ScatterElements', [numbers(2, 3), indices(2, 3), numbers(2, 3)], [1, -(1n << 63n)]),
  indexed('ScatterAdd', [numbers(2, 3), indices(1, 3), numbers(1, 3)], [2, 1n << 40n]),
]

/** A run of some steps that is refused at one of them, and where. */
export interface RefusedWork {
  readonly name: string
  readonly op: string
  readonly work: Work
  readonly at: RunRefusal
  /** Numbers of a node before the refused one that cannot be refused, of one behind it that is no result, and of one behind it that is one. */
  readonly others: { readonly early: number; readonly hidden: number; readonly late: number }
}

const one = (value: number): Tensor => tensor('float32', [1], [value])

/** A work around some values that a builder makes of its inputs. */
function workAround(
  operands: readonly Tensor[],
  bad: Meeting['bad'],
  make: (b: Builder, refs: readonly Ref[]) => { readonly y: Ref; readonly carried?: boolean },
): { work: Work; others: RefusedWork['others'] } {
  const b = new Builder()
  const initial = { w: one(0.5), v: one(0.25) }
  const [w, v] = [b.parameter('w', initial.w), b.parameter('v', initial.v)]
  const refs = operands.map((type, i) => b.input(`x${i}`, type))
  const s = b.input('s', one(0))
  const early = b.op('Add', [w, s])
  const { y, carried = false } = make(b, refs)
  const hidden = b.op('Neg', [early])
  const late = b.op('Neg', [b.op('Mul', [hidden, hidden])])
  const outputs = carried ? { late } : { y, late }
  const { program } = b.finish({
    outputs: Object.entries(outputs),
    carries: carried
      ? [
          [w, early],
          [v, y],
        ]
      : [[w, early]],
  })
  const state = program.names.parameters.map((name) => initial[name as keyof typeof initial])
  const inputs = Array.from({ length: STEPS }, (_, step) => [
    ...operands.map((operand, i) => (step === REFUSED_STEP && i === bad[0] ? bad[1] : operand)),
    one(step),
  ])
  const numberOf = (op: string, nth = 0) =>
    program.values.map((value, i) => (value.kind === 'node' && value.op === op ? i : -1)).filter((i) => i >= 0)[nth]
  const others = {
    early: numberOf('Add'),
    hidden: numberOf('Mul') - 1,
    late: program.outputs[program.outputs.length - 1],
  }
  return { work: { program, state, inputs }, others }
}

function metBy({ op, what, operands, attributes, bad, element, reason }: Meeting): RefusedWork {
  const { work, others } = workAround(operands, bad, (b, refs) => ({ y: b.op(op, refs, attributes) }))
  const node = work.program.values.findIndex((value) => value.kind === 'node' && value.op === op)
  const at: RunRefusal = { step: REFUSED_STEP, node, element, reason }
  return { name: `${op}, ${what ?? ''}: ${reason}`, op, work, at, others }
}

/** A NaN that is visible: in an output, in the next state, or in an input that is an output. */
function resultOf(name: string, make: Parameters<typeof workAround>[2]): RefusedWork {
  const x = tensor('float32', [1], [4])
  const { work, others } = workAround([x], [0, one(name === 'an input' ? NaN : -1)], make)
  const { program } = work
  const carry = program.carries.find(({ parameter }) => parameter === 1)
  const node = carry?.value ?? program.outputs[0]
  return {
    name: `${name}: nan-result`,
    op: name,
    work,
    at: { step: REFUSED_STEP, node, element: 0, reason: 'nan-result' },
    others,
  }
}

/** Runs that are refused, by every op that has a fault point and for every reason. */
export const REFUSED: readonly RefusedWork[] = [
  ...MEETINGS.map(metBy),
  resultOf('an output', (b, [x]) => ({ y: b.op('Sqrt', [x]) })),
  resultOf('the next state', (b, [x]) => ({ y: b.op('Sqrt', [x]), carried: true })),
  resultOf('an input', (_, [x]) => ({ y: x })),
]

/**
 * The run of a provider that stops where it says, whether or not anything is wrong there; without a place one that goes on whatever it meets.
 */
export function stoppedAt(work: Work, refusal: RunRefusal | undefined, shape: Shape = {}): OwnRun {
  const { commitEvery = 1, operatorTrace = false } = shape
  const { program, inputs } = work
  const steps: TracedStep[] = []
  let state = work.state
  for (let step = 0; step < inputs.length; step++) {
    const given = { before: state, inputs: inputs.at(step)! }
    if (refusal !== undefined && step > refusal.step) steps.push(emptyStep(step))
    else if (step === refusal?.step) steps.push(stopped(program, given, refusal))
    else steps.push(through(program, step, given))
    state = steps[step].after
  }
  const traces = Array.from({ length: Math.ceil(steps.length / commitEvery) }, (_, leaf): Retraced => {
    const own = steps.slice(leaf * commitEvery, (leaf + 1) * commitEvery)
    return { steps: own, refusal: own.some((one) => one.leaf.index === refusal?.step) ? refusal : undefined }
  })
  const leaves = traces.map(({ steps: own }, index) => {
    const contents = own.map(({ leaf }) =>
      operatorTrace && leaf.index !== refusal?.step ? leaf : { ...leaf, values: ZERO32 },
    )
    const states = { before: own[0].leaf.stateBefore, after: own[own.length - 1].leaf.stateAfter }
    return leafOf(index, states, { steps: contents, commitEvery })
  })
  return { program, commitEvery, inputs, leaves, refusal, retrace: async (leaf) => traces[leaf] }
}

type Given = Pick<TracedStep, 'before' | 'inputs'>

function valuesOf(program: Program, { before, inputs }: Given): Tensor[] {
  const given = [...before, ...inputs]
  const values: Tensor[] = []
  for (const [number, value] of program.values.entries()) {
    if (value.kind === 'constant') values.push(value.tensor)
    else if (value.kind !== 'node') values.push(given[number])
    else {
      const operands = value.inputs.map((input) => values[input])
      values.push({ dtype: value.dtype, dims: value.dims, data: computed(operands, value) })
    }
  }
  return values
}

/** What an op gives where it can go on, else zeros. */
function computed(operands: readonly Tensor[], node: NodeValue): Tensor['data'] {
  const row = opOf(node.op)
  if (row.faults?.find(operands, node.attributes) !== undefined) return allocate(node.dtype, sizeOf(node.dims))
  return row.evaluate(operands, node.attributes, node)
}

function through(program: Program, step: number, given: Given): TracedStep {
  const values = valuesOf(program, given)
  const tensors = {
    ...given,
    values,
    after: nextState(program, given.before, ({ value }) => values[value]),
    outputs: program.outputs.map((number) => values[number]),
  }
  return { ...tensors, leaf: commitStep(step, tensors), digests: values.map(digestOf) }
}

function stopped(program: Program, given: Given, refusal: RunRefusal): TracedStep {
  const all = valuesOf(program, given)
  const { nodes } = program.counts
  const values = all.map((value, number) =>
    refusal.reason !== 'nan-result' && number >= refusal.node && number >= all.length - nodes ? undefined : value,
  )
  const digests = values.map((value) => (value === undefined ? ZERO32 : digestOf(value)))
  const state = rootOfTensors('state', given.before)
  const leaf = {
    index: refusal.step,
    stateBefore: state,
    inputs: rootOfTensors('inputs', given.inputs),
    values: rootOfDigests('values', digests),
    stateAfter: state,
    outputs: refusalRecord(refusal),
  }
  return { ...given, leaf, values, digests, after: given.before, outputs: [] }
}

/** The claim of a run as its provider tells it: a refused one ends with the record, in the state before the refused step. */
export async function claimOf({ leaves, commitEvery, refusal, retrace }: OwnRun, job: Bytes32): Promise<Claim> {
  const last = refusal === undefined ? leaves.length - 1 : Math.floor(refusal.step / commitEvery)
  const { steps } = await retrace(last)
  const { leaf } = refusal === undefined ? steps[steps.length - 1] : steps[refusal.step - last * commitEvery]
  return {
    job,
    outputs: leaf.outputs,
    finalState: refusal === undefined ? leaf.stateAfter : leaf.stateBefore,
    run: runRoot(leaves),
  }
}

/** The same work with the step that is refused at another place. */
export function refusedAt(of: RefusedWork, step: number): RefusedWork {
  const inputs = Array.from({ length: STEPS }, (_, i) => of.work.inputs.at(i)!)
  const swapped = inputs.with(step, inputs[REFUSED_STEP]).with(REFUSED_STEP, inputs[step])
  return { ...of, work: { ...of.work, inputs: step === REFUSED_STEP ? inputs : swapped }, at: { ...of.at, step } }
}
