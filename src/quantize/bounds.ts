/**
 * What an exact op makes of intervals: one row an op. A row gives an interval that holds every element of the op's result, as integers
 * without bounds; whether the result's type holds them is asked afterwards, of all rows alike.
 * @module
 */
import { demand } from '../core/faults.js'
import { sizeOf, type Tensor, type TensorType } from '../core/tensor.js'
import { pooledDims, type PoolShape } from '../exact/ops/order.js'
import type { Attributes } from '../exact/program.js'
import { around, exactRange, hull, magnitude, only, product, within, type Interval } from './interval.js'

/** What is known of an operand. */
export interface Bound extends TensorType, Interval {
  /** Equal for equal values. */
  readonly id: number
  /** All elements, where they are the same in every run. */
  readonly known?: Tensor
  /** Where this is the floor remainder of another value by one positive divisor. */
  readonly remainder?: { readonly of: number; readonly divisor: bigint }
}

/** What a row knows of its node. */
export interface BoundNode extends TensorType {
  readonly op: string
  readonly attributes: Attributes
}

/** An interval for the result of one op. */
export type BoundsRow = (operands: readonly Bound[], node: BoundNode) => Interval

const BIT: Interval = { lo: 0n, hi: 1n }

const same: BoundsRow = ([x]) => x
const joined: BoundsRow = (operands) => hull(...operands.filter(({ dims }) => sizeOf(dims) > 0), ...NONE(operands))
/** Zero stands for a result without elements. */
const NONE = (operands: readonly Bound[]): Interval[] =>
  operands.every(({ dims }) => sizeOf(dims) === 0) ? [only(0n)] : []

// ---------------------------------------------------------------- elementwise

/** x - Mod(x, c) is x rounded down to a multiple of c, which is tighter than the difference of any two numbers of the intervals. */
function difference([a, b]: readonly Bound[]): Interval {
  if (b.remainder?.of === a.id) {
    const { divisor } = b.remainder
    return { lo: a.lo - floorMod(a.lo, divisor), hi: a.hi - floorMod(a.hi, divisor) }
  }
  return a.id === b.id ? only(0n) : { lo: a.lo - b.hi, hi: a.hi - b.lo }
}

function times([a, b]: readonly Bound[]): Interval {
  if (a.id !== b.id) return product(a, b)
  const squares = around(a.lo * a.lo, a.hi * a.hi)
  return a.lo <= 0n && a.hi >= 0n ? hull(squares, only(0n)) : squares
}

function absolute([{ lo, hi }]: readonly Bound[]): Interval {
  if (lo >= 0n) return { lo, hi }
  return hi <= 0n ? { lo: -hi, hi: -lo } : { lo: 0n, hi: magnitude({ lo, hi }) }
}

const least = (a: bigint, b: bigint) => (a < b ? a : b)
const most = (a: bigint, b: bigint) => (a > b ? a : b)
const signOf = (value: bigint) => (value > 0n ? 1n : value < 0n ? -1n : 0n)
/** Sign of the divisor, as ONNX Mod with fmod = 0 has it. */
const floorMod = (a: bigint, b: bigint) => ((a % b) + b) % b

/** Divisors are the same in every run and positive, so that no run is refused and nothing grows. */
function divisors({ known, lo, hi }: Bound, { op, dtype }: BoundNode): Interval {
  demand(known !== undefined && lo > 0n, 'quantize/not-integer', () => `${op} by what is no positive constant`)
  demand(dtype !== 'float32' && dtype !== 'float64', 'quantize/not-integer', () => `${op} of ${dtype}`)
  return { lo, hi }
}

/** Integers truncate: the quotient grows with the dividend, and shrinks in magnitude with the divisor. */
const quotient: BoundsRow = ([a, b], node) => {
  const { lo, hi } = divisors(b, node)
  return around(a.lo / lo, a.lo / hi, a.hi / lo, a.hi / hi)
}

const remainder: BoundsRow = ([a, b], node) => {
  const { lo, hi } = divisors(b, node)
  const down = (value: bigint) => value - floorMod(value, lo)
  if (lo === hi && down(a.lo) === down(a.hi)) return { lo: floorMod(a.lo, lo), hi: floorMod(a.hi, lo) }
  return { lo: 0n, hi: a.lo >= 0n ? least(a.hi, hi - 1n) : hi - 1n }
}

const equal: BoundsRow = ([a, b]) => {
  if (a.id === b.id || (a.lo === a.hi && b.lo === b.hi && a.lo === b.lo)) return only(1n)
  return a.hi < b.lo || b.hi < a.lo ? only(0n) : BIT
}

const less: BoundsRow = ([a, b]) => {
  if (a.hi < b.lo) return only(1n)
  return a.id === b.id || a.lo >= b.hi ? only(0n) : BIT
}

const where: BoundsRow = ([c, a, b]) => {
  if (c.lo === 1n) return a
  return c.hi === 0n ? b : hull(a, b)
}

/** A cast that rounds, saturates or wraps is no integer op. */
const cast: BoundsRow = ([x], { dtype }) => {
  if (dtype === 'bool') return x.lo > 0n || x.hi < 0n ? only(1n) : x.lo === 0n && x.hi === 0n ? only(0n) : BIT
  const { lo, hi } = exactRange(dtype)
  demand(within(x, { lo, hi }), 'quantize/wide-value', () => `a cast to ${dtype} of values in ${x.lo}..${x.hi}`)
  return x
}

// ---------------------------------------------------------------- products

/** Grids of products hold 22 bits (docs/numerics.md): integers up to this magnitude lie on them. */
const OPERAND_LIMIT = 1n << 22n
/** Sums of integers below this are exact in binary64, in any order. */
const SUM_LIMIT = 1n << 53n

/** Sums of the positive and of the negative numbers of a group. */
interface Signed {
  readonly positive: bigint
  readonly negative: bigint
}

function demandProduct(operands: readonly Interval[], sum: bigint, op: string): void {
  for (const operand of operands)
    demand(magnitude(operand) <= OPERAND_LIMIT, 'quantize/wide-operand', () => `an operand of ${op}`, {
      expected: 'at most 22 bits',
      found: `${operand.lo}..${operand.hi}`,
    })
  demand(sum < SUM_LIMIT, 'quantize/wide-sum', () => `magnitudes that ${op} adds up`, {
    expected: 'below 2^53',
    found: sum,
  })
}

/** Sums of known weights times anything in an interval: each sign of the weights takes its own end. */
function weighed(op: string, x: Interval, { known, groups }: { known: Interval; groups: readonly Signed[] }): Interval {
  const sums = groups.map(({ positive, negative }) => positive - negative)
  demandProduct([x, known], sums.reduce(most, 0n) * magnitude(x), op)
  return hullOf(groups.map(({ positive: p, negative: n }) => ({ lo: p * x.lo + n * x.hi, hi: p * x.hi + n * x.lo })))
}

/** There may be as many as a matrix has columns: too many for the arguments of a call. */
const hullOf = (parts: readonly Interval[]): Interval => parts.reduce((a, b) => hull(a, b))

/** Sums of `count` products of anything in two intervals. */
function unweighed(op: string, [a, b]: readonly Interval[], count: bigint): Interval {
  const { lo, hi } = product(a, b)
  demandProduct([a, b], count * magnitude(a) * magnitude(b), op)
  return { lo: count * lo, hi: count * hi }
}

/** Signed sums of the lines of a tensor seen as outer x length x inner, along `length`. */
function linesOf(x: Tensor, { outer, length, inner }: { outer: number; length: number; inner: number }): Signed[] {
  const data = x.data as Float64Array
  const groups: Signed[] = []
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      let [positive, negative] = [0, 0]
      for (let k = 0; k < length; k++) {
        const value = data[(o * length + k) * inner + i]
        if (value > 0) positive += value
        else negative += value
      }
      groups.push({ positive: whole(positive), negative: whole(negative) })
    }
  return groups
}

/** Sums beyond 2^53 may have been rounded, but not below 2^53: they are refused all the same. */
const whole = (sum: number) => BigInt(Math.trunc(sum))

const matMul: BoundsRow = ([a, b], { op }) => {
  const [k, columns] = [a.dims[a.dims.length - 1], b.dims[b.dims.length - 1]]
  if (b.known !== undefined) {
    const outer = sizeOf(b.dims.slice(0, -2))
    return weighed(op, a, { known: b, groups: linesOf(b.known, { outer, length: k, inner: columns }) })
  }
  if (a.known === undefined) return unweighed(op, [a, b], BigInt(k))
  const outer = sizeOf(a.dims.slice(0, -1))
  return weighed(op, b, { known: a, groups: linesOf(a.known, { outer, length: k, inner: 1 }) })
}

/** Padding counts as zero. */
const conv: BoundsRow = ([x, w], { op, attributes }) => {
  const padded = (attributes.pads as readonly number[]).some((pad) => pad > 0)
  const reached = padded ? hull(x, only(0n)) : x
  const [outer, length] = [w.dims[0], sizeOf(w.dims.slice(1))]
  if (w.known === undefined) return unweighed(op, [reached, w], BigInt(length))
  return weighed(op, reached, { known: w, groups: linesOf(w.known, { outer, length, inner: 1 }) })
}

// ---------------------------------------------------------------- reductions

/** Float sums lie on grids of 43 bits (docs/numerics.md): integers whose sums stay below are summed exactly. */
const FLOAT_SUM_LIMIT = 1n << 43n

const reduceSum: BoundsRow = ([x], { op, dims, dtype }) => {
  const count = BigInt(sizeOf(x.dims) / Math.max(1, sizeOf(dims)))
  const float = dtype === 'float32' || dtype === 'float64'
  const sum = count * magnitude(x)
  demand(!float || sum <= FLOAT_SUM_LIMIT, 'quantize/wide-sum', () => `magnitudes that ${op} of ${dtype} adds up`, {
    expected: 'at most 2^43',
    found: sum,
  })
  return { lo: count * x.lo, hi: count * x.hi }
}

/** An extremum over nothing is infinite or the end of the type. */
const extremum: BoundsRow = ([x], { op, dims }) => {
  const empty = sizeOf(x.dims) === 0 && sizeOf(dims) > 0
  demand(!empty, 'quantize/not-integer', () => `${op} over nothing`)
  return x
}

/** Padding is -infinity: every window must hold an element. */
const maxPool: BoundsRow = ([x], { op, attributes }) => {
  const pool = attributes as unknown as PoolShape
  const out = pooledDims(x.dims, pool)
  const filled = out.every((count, axis) => everyWindow(count, axis, { pool, size: x.dims[2 + axis] }))
  demand(filled, 'quantize/not-integer', () => `${op} with windows that lie in the padding`)
  return x
}

function everyWindow(count: number, axis: number, { pool, size }: { pool: PoolShape; size: number }): boolean {
  const [step, gap, taps] = [pool.strides[axis], pool.dilations[axis], pool.kernel[axis]]
  for (let place = 0; place < count; place++) {
    const first = place * step - pool.pads[axis]
    // The first tap that is not before the input.
    const tap = first >= 0 ? 0 : Math.ceil(-first / gap)
    if (tap >= taps || first + tap * gap >= size) return false
  }
  return true
}

const place: BoundsRow = ([x], { attributes }) => ({
  lo: 0n,
  hi: BigInt(Math.max(1, x.dims[attributes.axis as number]) - 1),
})

/** Indices out of range would refuse the run. */
const gather: BoundsRow = ([x, indices], { op, attributes, dims }) => {
  const size = BigInt(x.dims[attributes.axis as number])
  const inside = sizeOf(dims) === 0 || (indices.lo >= 0n && indices.hi < size)
  demand(inside, 'quantize/wide-index', () => `${op} from ${size} places by indices in ${indices.lo}..${indices.hi}`)
  return x
}

/** The rows: what is not here is outside of the integer subset. */
export const BOUNDS: ReadonlyMap<string, BoundsRow> = new Map<string, BoundsRow>([
  ['Add', ([a, b]) => ({ lo: a.lo + b.lo, hi: a.hi + b.hi })],
  ['Sub', difference],
  ['Mul', times],
  ['Div', quotient],
  ['Mod', remainder],
  ['Neg', ([x]) => ({ lo: -x.hi, hi: -x.lo })],
  ['Abs', absolute],
  ['Min', ([a, b]) => ({ lo: least(a.lo, b.lo), hi: least(a.hi, b.hi) })],
  ['Max', ([a, b]) => ({ lo: most(a.lo, b.lo), hi: most(a.hi, b.hi) })],
  ['Relu', ([x]) => ({ lo: most(x.lo, 0n), hi: most(x.hi, 0n) })],
  ['Sign', ([x]) => ({ lo: signOf(x.lo), hi: signOf(x.hi) })],
  ['Equal', equal],
  ['Less', less],
  ['And', ([a, b]) => ({ lo: least(a.lo, b.lo), hi: least(a.hi, b.hi) })],
  ['Or', ([a, b]) => ({ lo: most(a.lo, b.lo), hi: most(a.hi, b.hi) })],
  ['Not', ([x]) => ({ lo: 1n - x.hi, hi: 1n - x.lo })],
  ['Where', where],
  ['Cast', cast],
  ['MatMul', matMul],
  ['Conv', conv],
  ['ReduceSum', reduceSum],
  ['ReduceMax', extremum],
  ['ReduceMin', extremum],
  ['MaxPool', maxPool],
  ['ArgMax', place],
  ['ArgMin', place],
  ['Reshape', same],
  ['Transpose', same],
  ['Slice', same],
  ['Expand', same],
  ['Concat', joined],
  ['Pad', joined],
  ['Gather', gather],
  ['GatherElements', gather],
])

/** Ops that multiply and add: their results are not computed here, even where all operands are known. */
const HEAVY = new Set(['MatMul', 'Conv'])

/** True where a result may be computed while intervals are. */
export const isLight = (op: string): boolean => !HEAVY.has(op)

/**
 * The interval of a node's result.
 * @throws Fault `quantize/not-integer` (an op or type outside of the subset), `quantize/wide-operand`, `quantize/wide-sum`,
 *   `quantize/wide-value`, `quantize/wide-index`.
 */
export function boundsOf(operands: readonly Bound[], node: BoundNode): Interval {
  const row = BOUNDS.get(node.op)
  demand(row !== undefined, 'quantize/not-integer', () => `the op ${node.op}`)
  const limit = exactRange(node.dtype)
  if (sizeOf(node.dims) === 0) return only(0n)
  const { lo, hi } = row(operands, node)
  demand(within({ lo, hi }, limit), 'quantize/wide-value', () => `${node.op} as ${node.dtype}[${node.dims}]`, {
    expected: `within ${limit.lo}..${limit.hi}`,
    found: `${lo}..${hi}`,
  })
  return { lo, hi }
}
