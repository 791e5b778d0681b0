/**
 * RNN, GRU and LSTM, unrolled over their steps.
 * Numerics: the products with W are made for all steps at once (rows of a product do not affect each other); a gate is (X W + Wb) + (H R + Rb).
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { elu, hardSigmoid } from './math.js'
import { stack } from './sampling.js'

type Activation = (x: Ref) => Ref

interface Parameters {
  readonly alpha: number
  readonly beta: number
}

/** An activation by name: what it takes, with defaults, and what it does. Source: ONNX RNN. */
interface ActivationRow {
  readonly alpha?: number
  readonly beta?: number
  apply(b: Builder, x: Ref, parameters: Parameters): Ref
}

const number = (b: Builder, x: Ref, value: number) => b.scalar(x.dtype, value)

const ACTIVATIONS: Readonly<Record<string, ActivationRow>> = {
  relu: { apply: (b, x) => b.relu(x) },
  tanh: { apply: (b, x) => b.tanh(x) },
  sigmoid: { apply: (b, x) => b.sigmoid(x) },
  affine: {
    alpha: 1,
    beta: 0,
    apply: (b, x, { alpha, beta }) => b.add(b.mul(number(b, x, alpha), x), number(b, x, beta)),
  },
  leakyrelu: {
    alpha: 0.01,
    apply: (b, x, { alpha }) => b.where(b.less(x, number(b, x, 0)), b.mul(number(b, x, alpha), x), x),
  },
  thresholdedrelu: {
    alpha: 1,
    apply: (b, x, { alpha }) => b.where(b.less(number(b, x, alpha), x), x, number(b, x, 0)),
  },
  scaledtanh: {
    alpha: 1,
    beta: 1,
    apply: (b, x, { alpha, beta }) => b.mul(number(b, x, alpha), b.tanh(b.mul(number(b, x, beta), x))),
  },
  hardsigmoid: { alpha: 0.2, beta: 0.5, apply: hardSigmoid },
  elu: { alpha: 1, apply: (b, x, { alpha }) => elu(b, x, alpha) },
  softsign: { apply: (b, x) => b.div(x, b.add(number(b, x, 1), b.abs(x))) },
  softplus: { apply: (b, x) => b.op('Softplus', [x]) },
}

/** The activations of all directions in order; alphas and betas go to those that take one, in order. */
function activationsOf(
  b: Builder,
  node: NodeView,
  { names, directions }: { names: readonly string[]; directions: number },
) {
  const all = node.strings('activations', Array.from({ length: directions }, () => names).flat())
  demand(all.length === names.length * directions, 'onnx/bad-node', () => `activations [${all}]`)
  const [alphas, betas] = [[...node.floats('activation_alpha', [])], [...node.floats('activation_beta', [])]]
  const limit = node.has('clip') ? node.float('clip') : undefined
  const clipped = (x: Ref) => (limit === undefined ? x : b.max(b.min(x, number(b, x, limit)), number(b, x, -limit)))
  return all.map((name): Activation => {
    const row = ACTIVATIONS[name.toLowerCase()]
    if (row === undefined) refuse(`activation ${name}`)
    const parameters = {
      alpha: row.alpha === undefined ? 0 : (alphas.shift() ?? row.alpha),
      beta: row.beta === undefined ? 0 : (betas.shift() ?? row.beta),
    }
    return (x) => row.apply(b, clipped(x), parameters)
  })
}

/** What one direction computes with. Every matrix is [gates * hidden, ...]. */
interface Direction {
  readonly b: Builder
  readonly node: NodeView
  readonly hidden: number
  readonly activations: readonly Activation[]
  /** Recurrence weights, transposed: [hidden, gates * hidden]. */
  readonly r: Ref
  /** Recurrence biases [gates * hidden], or none. */
  readonly rb: Ref | undefined
  /** Peephole weights of LSTM [3 * hidden]. */
  readonly p: Ref | undefined
}

/** Hidden state, and the cell state of LSTM. */
type State = readonly Ref[]

interface Cell {
  readonly gates: number
  readonly activations: readonly string[]
  /** Number of states: hidden, cell. */
  readonly states: 1 | 2
  /** The next state from the step's share of X W + Wb [batch, gates * hidden]. */
  step(direction: Direction, x: Ref, state: State): State
}

/** Columns of some gates. */
function gatesOf({ b, hidden }: Direction, x: Ref, [from, to]: readonly [number, number]): Ref {
  return b.slice(x, x.dims.length - 1, { start: from * hidden, end: to * hidden })
}

const gateOf = (direction: Direction, x: Ref, gate: number) => gatesOf(direction, x, [gate, gate + 1])

const plusBias = ({ b }: Direction, x: Ref, bias: Ref | undefined) => (bias === undefined ? x : b.add(x, bias))

/** H R + Rb, for some gates of the recurrence weights. */
function recurrence(direction: Direction, h: Ref, gates: readonly [number, number]): Ref {
  const { b, r, rb } = direction
  return plusBias(direction, b.matmul(h, gatesOf(direction, r, gates)), rb && gatesOf(direction, rb, gates))
}

const RNN_CELL: Cell = {
  gates: 1,
  activations: ['Tanh'],
  states: 1,
  step(direction, x, [h]) {
    return [direction.activations[0](direction.b.add(x, recurrence(direction, h, [0, 1])))]
  },
}

/** Gates z, r, h. */
const GRU_CELL: Cell = {
  gates: 3,
  activations: ['Sigmoid', 'Tanh'],
  states: 1,
  step(direction, x, [h]) {
    const {
      b,
      node,
      activations: [f, g],
    } = direction
    const both = f(b.add(gatesOf(direction, x, [0, 2]), recurrence(direction, h, [0, 2])))
    const [z, r] = [gateOf(direction, both, 0), gateOf(direction, both, 1)]
    const inner =
      node.int('linear_before_reset', 0) === 0
        ? recurrence(direction, b.mul(r, h), [2, 3])
        : b.mul(r, recurrence(direction, h, [2, 3]))
    const candidate = g(b.add(gateOf(direction, x, 2), inner))
    return [b.add(b.mul(b.sub(number(b, z, 1), z), candidate), b.mul(z, h))]
  },
}

/** Activations of the gates i, o, f before the new cell state is known: all three at once, or i and f through peepholes. */
function lstmGates(direction: Direction, sums: Ref, c: Ref): { input: Ref; forget: Ref; output: (cell: Ref) => Ref } {
  const {
    b,
    p,
    activations: [f],
  } = direction
  if (p === undefined) {
    const all = f(gatesOf(direction, sums, [0, 3]))
    const [input, output, forget] = [0, 1, 2].map((gate) => gateOf(direction, all, gate))
    return { input, forget, output: () => output }
  }
  const peep = (gate: number, cell: Ref) =>
    f(b.add(gateOf(direction, sums, gate), b.mul(gateOf(direction, p, gate), cell)))
  return { input: peep(0, c), forget: peep(2, c), output: (cell) => peep(1, cell) }
}

/** Gates i, o, f, c; peepholes i, o, f. */
const LSTM_CELL: Cell = {
  gates: 4,
  activations: ['Sigmoid', 'Tanh', 'Tanh'],
  states: 2,
  step(direction, x, [h, c]) {
    const {
      b,
      node,
      activations: [, g, last],
    } = direction
    const sums = b.add(x, recurrence(direction, h, [0, 4]))
    const { input, forget, output } = lstmGates(direction, sums, c)
    const kept = node.int('input_forget', 0) === 1 ? b.sub(number(b, input, 1), input) : forget
    const cell = b.add(b.mul(kept, c), b.mul(input, g(gateOf(direction, sums, 3))))
    return [b.mul(output(cell), last(cell)), cell]
  },
}

interface Sizes {
  readonly steps: number
  readonly batch: number
  readonly hidden: number
  readonly directions: number
}

/** One direction's part of an operand whose first axis counts directions. */
function partOf(b: Builder, x: Ref | undefined, direction: number): Ref | undefined {
  if (x === undefined) return undefined
  return b.reshape(b.slice(x, 0, { start: direction, end: direction + 1 }), x.dims.slice(1))
}

/** True for the batch entries that a step belongs to: [batch, 1]; undefined where all steps belong to all. */
function activeAt(
  b: Builder,
  lengths: Ref | undefined,
  { step, sizes }: { step: number; sizes: Sizes },
): Ref | undefined {
  if (lengths === undefined) return undefined
  const all =
    lengths.value !== undefined &&
    Array.from(lengths.value.data as Iterable<number>).every((n) => Number(n) >= sizes.steps)
  return all ? undefined : b.reshape(b.less(b.scalar(lengths.dtype, step), lengths), [sizes.batch, 1])
}

/** The operands of a node in the layout [steps, batch, ...] and [directions, batch, ...], in an arithmetic type. */
interface Operands {
  readonly x: Ref
  readonly lengths: Ref | undefined
  readonly initial: readonly (Ref | undefined)[]
  operand(index: number): Ref | undefined
}

/** Runs one direction; returns its outputs of every step and its last states. */
function runDirection(
  direction: Direction,
  cell: Cell,
  { operands, sizes, index, reverse }: { operands: Operands; sizes: Sizes; index: number; reverse: boolean },
) {
  const { b } = direction
  const { steps, batch, hidden } = sizes
  const width = cell.gates * hidden
  const bias = partOf(b, operands.operand(3), index)
  const w = b.transpose(partOf(b, operands.operand(1), index)!, [1, 0])
  const rows = b.matmul(b.reshape(operands.x, [steps * batch, operands.x.dims[2]]), w)
  const wb = bias && b.slice(bias, 0, { start: 0, end: width })
  const xw = b.reshape(plusBias(direction, rows, wb), [steps, batch, width])
  const zeros = b.full({ dtype: xw.dtype, dims: [batch, hidden] }, 0)
  let state: State = operands.initial.map((x) => partOf(b, x, index) ?? zeros)
  const outputs = new Array<Ref>(steps)
  for (let turn = 0; turn < steps; turn++) {
    const step = reverse ? steps - 1 - turn : turn
    const share = b.reshape(b.slice(xw, 0, { start: step, end: step + 1 }), [batch, width])
    const next = cell.step(direction, share, state)
    const active = activeAt(b, operands.lengths, { step, sizes })
    state = active === undefined ? next : next.map((fresh, i) => b.where(active, fresh, state[i]))
    outputs[step] = active === undefined ? state[0] : b.where(active, next[0], zeros)
  }
  return { outputs, state }
}

/** Joins values of one shape along a new axis. */
function stackAt(b: Builder, parts: readonly Ref[], axis: number): Ref {
  const rank = parts[0].dims.length
  const rest = Array.from({ length: rank }, (_, i) => i)
  return b.transpose(stack(b, parts), [...rest.slice(0, axis), rank, ...rest.slice(axis)])
}

/** Operands with batch-first ones turned; halves are computed in float32. */
function operandsOf(b: Builder, node: NodeView, { cell, batchFirst }: { cell: Cell; batchFirst: boolean }): Operands {
  const wide = (x: Ref | undefined) =>
    x !== undefined && isFloat(x.dtype) && x.dtype !== 'float64' ? b.cast(x, 'float32') : x
  const turned = (x: Ref | undefined) => (x !== undefined && batchFirst ? b.transpose(x, [1, 0, 2]) : x)
  const operand = (index: number) => wide(node.optional(index))
  return {
    x: turned(wide(node.input(0)))!,
    lengths: node.optional(4),
    initial: Array.from({ length: cell.states }, (_, i) => turned(operand(5 + i))),
    operand,
  }
}

function sizesOf(
  node: NodeView,
  { operands, cell, directions }: { operands: Operands; cell: Cell; directions: number },
): Sizes {
  const [steps, batch, width] = operands.x.dims
  const r = node.input(2)
  const hidden = node.int('hidden_size', r.dims.at(-1))
  const rows = cell.gates * hidden
  const expected: readonly (readonly [number, readonly number[]])[] = [
    [1, [directions, rows, width]],
    [2, [directions, rows, hidden]],
    [3, [directions, 2 * rows]],
    [4, [batch]],
    [7, [directions, 3 * hidden]],
  ]
  const wrong = [...expected.filter(([index]) => index < 5 || cell.states === 2)].find(([index, dims]) => {
    const x = node.optional(index)
    return x !== undefined && x.dims.join() !== dims.join()
  })
  const states = operands.initial.every((x) => x === undefined || x.dims.join() === [directions, batch, hidden].join())
  demand(
    operands.x.dims.length === 3 && wrong === undefined && states && steps >= 1,
    'exact/shape-mismatch',
    () => `operand ${wrong?.[0] ?? 'X or an initial state'} of a recurrent layer, hidden size ${hidden}`,
  )
  return { steps, batch, hidden, directions }
}

/** Weights and activations of one direction. */
function directionOf(
  b: Builder,
  node: NodeView,
  { cell, operands, sizes, index }: { cell: Cell; operands: Operands; sizes: Sizes; index: number },
): Direction {
  const [rows, count] = [cell.gates * sizes.hidden, cell.activations.length]
  const bias = partOf(b, operands.operand(3), index)
  const activations = activationsOf(b, node, { names: cell.activations, directions: sizes.directions })
  return {
    b,
    node,
    hidden: sizes.hidden,
    activations: activations.slice(index * count, (index + 1) * count),
    r: b.transpose(partOf(b, operands.operand(2), index)!, [1, 0]),
    rb: bias && b.slice(bias, 0, { start: rows, end: 2 * rows }),
    p: cell.states === 2 ? partOf(b, operands.operand(7), index) : undefined,
  }
}

/** Whether each direction runs backwards. */
function waysOf(node: NodeView): readonly boolean[] {
  const way = node.string('direction', 'forward')
  const ways = { forward: [false], reverse: [true], bidirectional: [false, true] }[way]
  demand(ways !== undefined, 'onnx/bad-node', () => `direction ${way}`)
  return ways
}

/** A recurrent layer: all directions, then Y [steps, directions, batch, hidden] and the last states [directions, batch, hidden]. */
function recurrentLayer(cell: Cell): OperatorRow['decompose'] {
  return (b, node) => {
    const ways = waysOf(node)
    const batchFirst = node.int('layout', 0) === 1
    const operands = operandsOf(b, node, { cell, batchFirst })
    const sizes = sizesOf(node, { operands, cell, directions: ways.length })
    const runs = ways.map((reverse, index) =>
      runDirection(directionOf(b, node, { cell, operands, sizes, index }), cell, { operands, sizes, index, reverse }),
    )
    const outputs = runs.map((run) => stackAt(b, run.outputs, 0))
    const y = stackAt(b, outputs, 1)
    const states = Array.from({ length: cell.states }, (_, i) => runs.map(({ state }) => state[i]))
    const last = states.map((parts) => stackAt(b, parts, 0))
    const all = batchFirst
      ? [b.transpose(y, [2, 0, 1, 3]), ...last.map((h) => b.transpose(h, [1, 0, 2]))]
      : [y, ...last]
    return all.map((ref) => b.cast(ref, node.input(0).dtype))
  }
}

/** RNN, GRU, LSTM. */
export const RECURRENT: readonly OperatorRow[] = [
  operator('RNN', 7, recurrentLayer(RNN_CELL)),
  operator('GRU', 7, recurrentLayer(GRU_CELL)),
  operator('LSTM', 7, recurrentLayer(LSTM_CELL)),
]
