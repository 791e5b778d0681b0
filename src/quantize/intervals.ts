/**
 * Interval analysis: for every value of an integer program, an interval that holds all of its elements in every run.
 *
 * It is also the proof that the program is one of integers: that every product is exact, no sum is rounded, nothing wraps and no run is
 * refused. What it cannot prove it refuses by name.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { isFloat, sizeOf, type Tensor } from '../core/tensor.js'
import { opOf } from '../exact/ops/index.js'
import { ABSENT, type NodeValue, type Program, type Value } from '../exact/program.js'
import { boundsOf, isLight, type Bound, type BoundNode } from './bounds.js'
import { exactRange, intervalOf, within, type Interval } from './interval.js'

/** What intervals follow from. */
export interface IntervalOptions {
  /** The parameters' values, for those that no step changes: weights make sums tighter by their signs. */
  readonly state?: readonly Tensor[]
  /** Intervals of inputs and parameters by name, where the whole range of their type is too wide. */
  readonly given?: Readonly<Record<string, Interval>>
}

/** Elements that are computed where all operands of a node are known; results beyond are known by their interval only. */
const KNOWN_LIMIT = 1 << 26

/** How many more elements may be computed. */
export interface Budget {
  left: number
}

/**
 * An interval for each value of a program, by its number.
 *
 * Trust: the intervals of inputs and of parameters that steps change are taken as given; whoever supplies them must keep to them.
 * A zero of a float value may be -0: its bits are not one with its number, so outputs should be integers by type, as the quantizer's are.
 *
 * Cost: linear in the size of the weights and in the number of nodes; no product is computed.
 * @throws Fault `quantize/not-integer` (an op, type or constant outside of the subset), `quantize/wide-operand` (a product of more than
 *   22 bits), `quantize/wide-sum` (products that add up to 2^53 or more), `quantize/wide-value` (a value that leaves its type),
 *   `quantize/wide-index`, `exact/wrong-input` (a given interval that its type does not hold), `trace/bad-state`.
 */
export function intervals(program: Program, options: IntervalOptions = {}): readonly Interval[] {
  demandState(program, options.state)
  const bounds: Bound[] = []
  const last = lastUses(program)
  const budget = { left: KNOWN_LIMIT }
  program.values.forEach((value, number) => {
    const leaf = value.kind !== 'node'
    bounds.push(leaf ? leafBound(program, number, options) : nodeBound(value, { number, bounds, budget }))
    if (!leaf) for (const input of value.inputs) if (last[input] === number) bounds[input] = forgotten(bounds[input])
  })
  return bounds.map(({ lo, hi }) => ({ lo, hi }))
}

function demandState({ counts, values, names }: Program, state: readonly Tensor[] | undefined): void {
  if (state === undefined) return
  const fits = ({ dtype, dims }: Value, given: Tensor | undefined) =>
    given?.dtype === dtype && given.dims.length === dims.length && dims.every((dim, i) => dim === given.dims[i])
  const wrong = values.slice(0, counts.parameters).findIndex((value, i) => !fits(value, state[i]))
  demand(wrong < 0, 'trace/bad-state', () => `parameter "${names.parameters[wrong]}" has another value than this type`)
}

/** The last node that reads each value, or -1: known elements are kept no longer. */
function lastUses({ values }: Program): Int32Array {
  const last = new Int32Array(values.length).fill(-1)
  values.forEach((value, number) => {
    if (value.kind === 'node') for (const input of value.inputs) if (input !== ABSENT) last[input] = number
  })
  return last
}

const forgotten = (bound: Bound): Bound => ({ ...bound, known: undefined })

function leafBound(program: Program, number: number, { state, given = {} }: IntervalOptions): Bound {
  const { kind, dtype, dims, ...value } = program.values[number]
  const type = { id: number, dtype, dims }
  const known = kind === 'constant' ? (value as { tensor: Tensor }).tensor : fixedState(program, number, state)
  exactRange(dtype)
  if (known !== undefined) return { ...type, ...knownInterval(known, number), known }
  const name = nameOf(program, number)
  demand(!isFloat(dtype), 'quantize/not-integer', () => `"${name}" of ${dtype}, which may hold fractions`)
  const stated = Object.hasOwn(given, name) ? given[name] : exactRange(dtype)
  demand(
    within(stated, exactRange(dtype)) && stated.lo <= stated.hi,
    'exact/wrong-input',
    () => `interval of "${name}"`,
    {
      found: `${stated.lo}..${stated.hi}`,
    },
  )
  return { ...type, lo: stated.lo, hi: stated.hi }
}

const nameOf = ({ names, counts }: Program, number: number): string =>
  number < counts.parameters ? names.parameters[number] : (names.inputs[number - counts.parameters] ?? '')

/** The value of a parameter that no step changes. */
function fixedState({ carries, counts }: Program, number: number, state?: readonly Tensor[]): Tensor | undefined {
  const carried = carries.some(({ parameter }) => parameter === number)
  return number >= counts.parameters || carried ? undefined : state?.[number]
}

/** The interval of known elements, in the range where their type is exact. */
function knownInterval(known: Tensor, number: number): Interval {
  const interval = intervalOf(known)
  demand(within(interval, exactRange(known.dtype)), 'quantize/wide-value', () => `value ${number}, ${known.dtype}`)
  return interval
}

/** Where a node stands. */
interface Place {
  readonly number: number
  readonly bounds: readonly Bound[]
  readonly budget: Budget
}

function nodeBound(node: NodeValue, { number, bounds, budget }: Place): Bound {
  const operands = node.inputs.filter((input) => input !== ABSENT).map((input) => bounds[input])
  try {
    return bound(operands, node, { id: number, budget })
  } catch (error) {
    if (!Fault.is(error) || error.detail.where !== undefined) throw error
    const message = error.message.split(` (${error.code})`)[0]
    throw new Fault(error.code, message, { ...error.detail, where: `value ${number} (${node.op})`, cause: error })
  }
}

/** What is known of a node's result. */
export function bound(
  operands: readonly Bound[],
  node: BoundNode,
  { id, budget }: { id: number; budget: Budget },
): Bound {
  const { dtype, dims } = node
  const { lo, hi } = boundsOf(operands, node)
  const known = knownResult(operands, node, budget)
  const tight = known === undefined ? { lo, hi } : knownInterval(known, id)
  return { id, dtype, dims, ...tight, known, remainder: remainderOf(operands, node) }
}

/** The result itself where all operands are known, and it is no work to compute it. */
function knownResult(operands: readonly Bound[], node: BoundNode, budget: Budget): Tensor | undefined {
  const values = operands.map(({ known }) => known).filter((known) => known !== undefined)
  const { dtype, dims } = node
  if (values.length < operands.length || !isLight(node.op) || sizeOf(dims) > budget.left) return undefined
  budget.left -= sizeOf(dims)
  return { dtype, dims, data: opOf(node.op).evaluate(values, node.attributes, { dtype, dims }) }
}

function remainderOf(operands: readonly Bound[], { op }: { op: string }): Bound['remainder'] {
  if (op !== 'Mod' || operands[1].lo !== operands[1].hi) return undefined
  return { of: operands[0].id, divisor: operands[1].lo }
}
