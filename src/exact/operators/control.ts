/**
 * If, Loop and Scan: branches are inlined or selected, iterations are unrolled.
 * @module
 */
import { demand } from '../../core/faults.js'
import { tensor } from '../../core/tensor.js'
import type { Graph } from '../../onnx/graph.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { stack } from './sampling.js'

/** Iterations that a program may unroll; the limit of nodes comes first for bodies of any size. */
const ITERATIONS = 65_536

const sameType = (a: Ref, c: Ref) => a.dtype === c.dtype && a.dims.join() === c.dims.join()

const truth = (b: Builder, value: boolean) => b.constant(tensor('bool', [], [value ? 1 : 0]))

/** A condition as a bool of rank 0. */
function condition(b: Builder, ref: Ref): Ref {
  demand(ref.dtype === 'bool', 'exact/unsupported-type', () => `a condition of ${ref.dtype}`)
  demand(
    ref.dims.every((dim) => dim === 1),
    'exact/shape-mismatch',
    () => `a condition of [${ref.dims}]`,
  )
  return b.reshape(ref, [])
}

const isTrue = (ref: Ref) => ref.value!.data[0] === 1

/**
 * If: the branch of a condition that is known, else both, and the outputs are selected. A fault point in the branch that is not
 * taken is met too. Branches with outputs of different types need a condition that is known when compiling.
 */
function branch(b: Builder, node: NodeView): Ref[] {
  const run = (name: string) => node.subgraph(node.graph(name), [])
  const chosen = (value: boolean) => run(value ? 'then_branch' : 'else_branch')
  const test = condition(b, node.input(0))
  if (test.value !== undefined) return chosen(isTrue(test))
  const [yes, no] = [run('then_branch'), run('else_branch')]
  demand(yes.length === no.length, 'onnx/bad-node', () => 'branches with different numbers of outputs')
  if (!yes.every((ref, i) => sameType(ref, no[i]))) return chosen(node.constant(0).data[0] === 1)
  return yes.map((ref, i) => (ref.id === no[i].id ? ref : b.where(test, ref, no[i])))
}

// ---------------------------------------------------------------- Loop

interface LoopState {
  /** True while the loop runs; not known when compiling where it depends on data. */
  readonly going: Ref
  readonly carried: readonly Ref[]
  readonly collected: readonly (readonly Ref[])[]
}

/** How often a loop runs at most. */
function tripCount(node: NodeView): number {
  if (node.optional(0) === undefined) return ITERATIONS
  return Math.max(0, Number(node.constant(0).data[0]))
}

/** The condition before the first iteration: known when compiling where a number of scan outputs depends on it. */
function firstCondition(b: Builder, node: NodeView, { decidesShapes }: { decidesShapes: boolean }): Ref {
  const given = node.optional(1)
  if (given === undefined) return truth(b, true)
  return condition(b, decidesShapes ? b.constant(node.constant(1)) : given)
}

/** One iteration; a loop that may have ended keeps its values. */
function iterate(b: Builder, node: NodeView, { body, state, turn }: { body: Graph; state: LoopState; turn: number }) {
  const names = body.inputs.map(({ name }) => name)
  const given = [b.scalar('int64', turn), state.going, ...state.carried]
  demand(names.length === given.length, 'onnx/bad-node', () => `a body of ${names.length} inputs for ${given.length}`)
  const [go, ...results] = node.subgraph(
    body,
    names.map((name, i) => [name, given[i]] as const),
  )
  demand(
    go !== undefined && results.length >= state.carried.length,
    'onnx/bad-node',
    () => `a body of ${body.outputs.length} outputs`,
  )
  const known = state.going.value !== undefined
  const carried = state.carried.map((old, i) => (known ? results[i] : kept(b, state.going, [results[i], old])))
  const parts = results.slice(state.carried.length)
  const going = known ? condition(b, go) : b.and(state.going, condition(b, go))
  return { going, carried, collected: parts.map((part, i) => [...(state.collected[i] ?? []), part]) }
}

function kept(b: Builder, going: Ref, [fresh, old]: readonly [Ref, Ref]): Ref {
  if (!sameType(fresh, old)) refuse('a loop whose values change their shape until data ends it')
  return b.where(going, fresh, old)
}

/**
 * Loop: unrolled. Where data decides when it ends, all iterations run and the values after its end are kept, which needs a trip count
 * and no scan outputs (their number would depend on data).
 */
function loop(b: Builder, node: NodeView): Ref[] {
  const body = node.graph('body')
  const initial = Array.from({ length: Math.max(0, node.inputCount - 2) }, (_, i) => node.input(2 + i))
  const trips = tripCount(node)
  const scans = body.outputs.length - 1 - initial.length
  let state: LoopState = {
    going: firstCondition(b, node, { decidesShapes: scans > 0 }),
    carried: initial,
    collected: Array.from({ length: Math.max(0, scans) }, () => []),
  }
  for (let turn = 0; turn < trips; turn++) {
    if (state.going.value !== undefined && !isTrue(state.going)) break
    if (state.going.value === undefined && scans > 0) refuse('a loop with scan outputs that data ends')
    if (turn === ITERATIONS || (state.going.value === undefined && trips >= ITERATIONS))
      refuse(`a loop without a known end below ${ITERATIONS} iterations`)
    state = iterate(b, node, { body, state, turn })
  }
  return [...state.carried, ...state.collected.map((parts) => stackedFirst(b, parts))]
}

/** Joins the results of iterations along a new axis. */
function stacked(b: Builder, parts: readonly Ref[], axis: number): Ref {
  if (parts.length === 0) refuse('scan outputs of no iteration')
  if (!parts.every((part) => sameType(part, parts[0]))) refuse('scan outputs whose shape changes')
  const all = stack(b, parts)
  const rank = parts[0].dims.length
  demand(axis >= 0 && axis <= rank, 'onnx/bad-node', () => `scan output axis ${axis}`)
  const rest = Array.from({ length: rank }, (_, i) => i)
  return b.transpose(all, [...rest.slice(0, axis), rank, ...rest.slice(axis)])
}
const stackedFirst = (b: Builder, parts: readonly Ref[]) => stacked(b, parts, 0)

// ---------------------------------------------------------------- Scan

interface ScanPlan {
  readonly body: Graph
  readonly states: readonly Ref[]
  readonly sequences: readonly { readonly ref: Ref; readonly axis: number; readonly reverse: boolean }[]
  readonly outputs: readonly { readonly axis: number; readonly reverse: boolean }[]
}

/** One element of an axis, without the axis. */
function elementAt(b: Builder, x: Ref, { axis, index }: { axis: number; index: number }): Ref {
  const one = b.slice(x, axis, { start: index, end: index + 1 })
  return b.reshape(
    one,
    x.dims.filter((_, i) => i !== axis),
  )
}

/** Runs the body over all elements of the sequences; returns the last states and the stacked outputs. */
function scanned(b: Builder, node: NodeView, plan: ScanPlan): Ref[] {
  const { body, sequences, outputs } = plan
  const length = sequences[0].ref.dims[sequences[0].axis]
  demand(
    sequences.every(({ ref, axis }) => ref.dims[axis] === length),
    'exact/shape-mismatch',
    () => 'Scan over sequences of different lengths',
  )
  if (length > ITERATIONS) refuse(`Scan of more than ${ITERATIONS} iterations`)
  let states = plan.states
  const parts: Ref[][] = outputs.map(() => [])
  for (let turn = 0; turn < length; turn++) {
    const elements = sequences.map(({ ref, axis, reverse }) =>
      elementAt(b, ref, { axis, index: reverse ? length - 1 - turn : turn }),
    )
    const given = [...states, ...elements]
    demand(body.inputs.length === given.length, 'onnx/bad-node', () => `a body of ${body.inputs.length} inputs`)
    const results = node.subgraph(
      body,
      body.inputs.map(({ name }, i) => [name, given[i]] as const),
    )
    states = results.slice(0, states.length)
    outputs.forEach(({ reverse }, i) => {
      const part = results[states.length + i]
      if (reverse) parts[i].unshift(part)
      else parts[i].push(part)
    })
  }
  return [
    ...states,
    ...outputs.map(({ axis }, i) => stacked(b, parts[i], axis < 0 ? axis + parts[i][0].dims.length + 1 : axis)),
  ]
}

/** Scan since opset 9: any axis, either direction, no batch. */
function scan(b: Builder, node: NodeView): Ref[] {
  const body = node.graph('body')
  const count = node.int('num_scan_inputs')
  const stateCount = node.inputCount - count
  demand(count >= 1 && stateCount >= 0, 'onnx/bad-node', () => `${count} scan inputs of ${node.inputCount}`)
  const outCount = body.outputs.length - stateCount
  const list = (name: string, length: number) => node.ints(name, new Array<number>(Math.max(0, length)).fill(0))
  const [axes, directions] = [list('scan_input_axes', count), list('scan_input_directions', count)]
  const [outAxes, outDirections] = [list('scan_output_axes', outCount), list('scan_output_directions', outCount)]
  return scanned(b, node, {
    body,
    states: Array.from({ length: stateCount }, (_, i) => node.input(i)),
    sequences: Array.from({ length: count }, (_, i) => {
      const ref = node.input(stateCount + i)
      return { ref, axis: node.axis(axes[i], ref.dims.length), reverse: directions[i] === 1 }
    }),
    outputs: outAxes.map((axis, i) => ({ axis, reverse: outDirections[i] === 1 })),
  })
}

/** Scan of opset 8: operand 0 holds lengths, every other one has a batch axis first and sequences their steps second. */
function batchedScan(b: Builder, node: NodeView): Ref[] {
  if (node.optional(0) !== undefined) refuse('Scan with sequence lengths')
  const body = node.graph('body')
  const count = node.int('num_scan_inputs')
  const stateCount = node.inputCount - 1 - count
  demand(count >= 1 && stateCount >= 0, 'onnx/bad-node', () => `${count} scan inputs of ${node.inputCount - 1}`)
  const directions = node.ints('directions', new Array<number>(count).fill(0))
  const batch = node.input(1).dims[0]
  const runs = Array.from({ length: batch }, (_, index) => {
    const own = (i: number) => elementAt(b, node.input(1 + i), { axis: 0, index })
    return scanned(b, node, {
      body,
      states: Array.from({ length: stateCount }, (_, i) => own(i)),
      sequences: Array.from({ length: count }, (_, i) => ({
        ref: own(stateCount + i),
        axis: 0,
        reverse: directions[i] === 1,
      })),
      outputs: body.outputs.slice(stateCount).map(() => ({ axis: 0, reverse: false })),
    })
  })
  return body.outputs.map((_, i) =>
    stackedFirst(
      b,
      runs.map((results) => results[i]),
    ),
  )
}

// ---------------------------------------------------------------- Optional

/** A tensor is there; an operand that is left out is not. Other optionals are refused by their type. */
function hasElement(b: Builder, node: NodeView): Ref[] {
  return [truth(b, node.optional(0) !== undefined)]
}

/** If, Loop, Scan, and what is known of optionals that are tensors. */
export const CONTROL: readonly OperatorRow[] = [
  operator('If', 1, branch),
  operator('Loop', 1, loop),
  operator('Scan', 8, batchedScan),
  operator('Scan', 9, scan),
  operator('OptionalHasElement', 15, hasElement),
  operator('OptionalGetElement', 18, (_, node) => [node.input(0)]),
]
