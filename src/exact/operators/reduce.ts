/**
 * Reductions over axes, places of extrema, running sums and products.
 * Numerics: sums by grids (docs/numerics.md); products by halves, each product rounded once.
 * Sources: ONNX Operators and the function bodies in onnx/defs/reduction.
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat, sizeOf } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { alongAxis } from './indices.js'
import { distinctAxes, flattenedDims } from './shape.js'
import { inSingle } from './windows.js'

/** What a reduction does to the operand's elements along some axes; kept axes have size 1. */
type Reduce = (b: Builder, x: Ref, axes: readonly number[]) => Ref

const sum: Reduce = (b, x, axes) => (axes.length === 0 ? x : b.reduce('ReduceSum', x, axes))

/** Axes by attribute or, since opset 13 or 18, by operand. None given: all of them, or none where the node says so. */
function axesOf(node: NodeView, rank: number): number[] {
  const given = node.has('axes') ? node.ints('axes') : (node.constantInts(1) ?? [])
  if (given.length > 0) return distinctAxes(node, given, rank)
  return node.int('noop_with_empty_axes', 0) === 1 ? [] : Array.from({ length: rank }, (_, i) => i)
}

/** The reduced axes as size 1, or left out. */
function kept(b: Builder, node: NodeView, reduced: Ref, axes: readonly number[]): Ref {
  if (node.int('keepdims', 1) === 1) return reduced
  return b.reshape(
    reduced,
    reduced.dims.filter((_, i) => !axes.includes(i)),
  )
}

const reduction = (op: string, reduce: Reduce): OperatorRow =>
  operator(op, 1, (b, node) => {
    const x = node.input(0)
    const axes = axesOf(node, x.dims.length)
    return [kept(b, node, reduce(b, x, axes), axes)]
  })

/** A reduction of floats that is computed in float32 for shorter ones and rounded once. */
const inFloats = (op: string, reduce: Reduce): OperatorRow =>
  reduction(op, (b, x, axes) => {
    if (!isFloat(x.dtype)) refuse(`${op} of ${x.dtype}`)
    return inSingle(b, x, (y) => reduce(b, y, axes))
  })

/** A reduction of any numbers, floats as above. */
const inNumbers = (op: string, reduce: Reduce): OperatorRow =>
  reduction(op, (b, x, axes) => inSingle(b, x, (y) => reduce(b, y, axes)))

const countAlong = (x: Ref, axes: readonly number[]) => sizeOf(axes.map((axis) => x.dims[axis]))

/** Integer means truncate. */
const mean: Reduce = (b, x, axes) => {
  const count = countAlong(x, axes)
  if (count === 0 && !isFloat(x.dtype)) refuse('the mean of no integers')
  return axes.length === 0 ? x : b.div(sum(b, x, axes), b.scalar(x.dtype, count))
}

const sumOfSquares: Reduce = (b, x, axes) => sum(b, b.mul(x, x), axes)

/** Booleans order as 0 and 1. */
const extremum =
  (name: 'ReduceMax' | 'ReduceMin'): Reduce =>
  (b, x, axes) => {
    if (axes.length === 0) return x
    return x.dtype === 'bool' ? b.cast(b.reduce(name, b.cast(x, 'uint8'), axes), 'bool') : b.reduce(name, x, axes)
  }

/** The largest elements along some axes where they are finite, else 0: what keeps exponentials in range. */
function shiftOf(b: Builder, x: Ref, axes: readonly number[]): Ref {
  const largest = b.reduce('ReduceMax', x, axes)
  const zero = b.scalar(x.dtype, 0)
  return b.where(b.equal(b.sub(largest, largest), zero), largest, zero)
}

/** max + log(sum(exp(x - max))). */
const logSumExp: Reduce = (b, x, axes) => {
  if (axes.length === 0) return x
  const shift = shiftOf(b, x, axes)
  const total = sum(b, b.exp(b.sub(x, shift)), axes)
  return b.add(b.log(total), shift)
}

/** The product by halves: the first half times the second, an odd element after them, until one is left. */
const productOf: Reduce = (b, x, axes) => {
  const rest = x.dims.map((_, i) => i).filter((i) => !axes.includes(i))
  const outer = sizeOf(rest.map((i) => x.dims[i]))
  let length = countAlong(x, axes)
  let line = b.reshape(b.transpose(x, [...rest, ...[...axes].sort((a, c) => a - c)]), [outer, length])
  if (length === 0) line = b.full({ dtype: x.dtype, dims: [outer, 1] }, 1)
  while (length > 1) {
    const half = Math.floor(length / 2)
    const product = b.mul(b.slice(line, 1, { start: 0, end: half }), b.slice(line, 1, { start: half, end: 2 * half }))
    line = length % 2 === 0 ? product : b.concat([product, b.slice(line, 1, { start: length - 1, end: length })], 1)
    length = Math.ceil(length / 2)
  }
  return b.reshape(
    line,
    x.dims.map((dim, i) => (axes.includes(i) ? 1 : dim)),
  )
}

// ---------------------------------------------------------------- places

/** All elements along an axis from the last to the first. */
const reversed = (b: Builder, x: Ref, axis: number): Ref =>
  b.slice(x, axis, { start: x.dims[axis] - 1, end: -1, step: -1 })

/** The last place is the first one counted from the back. */
function placeOf(op: 'ArgMax' | 'ArgMin'): OperatorRow {
  return operator(op, 1, (b, node) => {
    const x = node.input(0)
    const axis = node.axis(node.int('axis', 0), x.dims.length)
    const last = node.int('select_last_index', 0) === 1
    const first = b.op(op, [last ? reversed(b, x, axis) : x], { axis })
    const place = last ? b.sub(b.scalar('int64', x.dims[axis] - 1), first) : first
    return [kept(b, node, place, [axis])]
  })
}

/** Places in order and the elements there; an order is always given, also where the node asks for none. */
function topK(b: Builder, node: NodeView, k: number): Ref[] {
  const x = node.input(0)
  const axis = node.axis(node.int('axis', -1), x.dims.length)
  const places = b.op('TopK', [x], { axis, k, largest: node.int('largest', 1) })
  return [b.op('GatherElements', [x, places], { axis }), places]
}

function topKByInput(b: Builder, node: NodeView): Ref[] {
  const [k] = node.constantInts(1) ?? []
  demand(k !== undefined, 'onnx/bad-node', () => 'TopK without a K')
  return topK(b, node, k)
}

/** One where the first maximum along the axis stands, else zero. */
function onlyMaximum(b: Builder, x: Ref, axis: number): Ref {
  const places = alongAxis(b, { rank: x.dims.length, axis, size: x.dims[axis] })
  return b.cast(b.equal(places, b.op('ArgMax', [x], { axis })), x.dtype)
}

/** Applies `f` along an axis, or, in the form before opset 13, along everything from the axis on. */
export function alongLast(
  f: (b: Builder, x: Ref, axis: number) => Ref,
): Record<'flat' | 'axis', OperatorRow['decompose']> {
  return {
    axis: (b, node) => [f(b, node.input(0), node.axis(node.int('axis', -1), node.input(0).dims.length))],
    flat(b, node) {
      const x = node.input(0)
      const rows = b.reshape(x, flattenedDims(x, node.int('axis', 1)))
      return [b.reshape(f(b, rows, 1), x.dims)]
    },
  }
}

const HARDMAX = alongLast((b, x, axis) => (sizeOf(x.dims) === 0 ? x : onlyMaximum(b, x, axis)))

// ---------------------------------------------------------------- running sums and products

/** A scan along the last axis of x with the given first element for the exclusive form. */
interface Scan {
  readonly first: 0 | 1
  readonly run: (b: Builder, x: Ref) => Ref
}

/** The axis moved last, turned around where the node asks for it; exclusive: shifted by one before the scan. */
function scanned(b: Builder, node: NodeView, { first, run }: Scan): Ref[] {
  const x = node.input(0)
  const rank = x.dims.length
  const axis = node.axis(node.constantInts(1)?.[0] ?? 0, rank)
  const perm = x.dims.map((_, i) => i).filter((i) => i !== axis)
  const last = rank - 1
  const turn = (y: Ref) => (node.int('reverse', 0) === 1 && y.dims[last] > 0 ? reversed(b, y, last) : y)
  const line = turn(b.transpose(x, [...perm, axis]))
  const length = line.dims[last]
  const exclusive = node.int('exclusive', 0) === 1 && length > 0
  const lead = () => b.full({ dtype: x.dtype, dims: [...line.dims.slice(0, last), 1] }, first)
  const shifted = exclusive ? b.concat([lead(), b.slice(line, last, { start: 0, end: length - 1 })], last) : line
  const back = x.dims.map((_, i) => (i === axis ? last : perm.indexOf(i)))
  return [b.transpose(turn(run(b, shifted)), back)]
}

/** Most elements of a line that are multiplied one after the other. */
const PRODUCT_LIMIT = 4096

function runningProduct(b: Builder, x: Ref): Ref {
  const last = x.dims.length - 1
  const length = x.dims[last]
  if (length > PRODUCT_LIMIT) refuse(`running products of ${length} elements`)
  if (length === 0) return x
  const at = (i: number) => b.slice(x, last, { start: i, end: i + 1 })
  const products = [at(0)]
  for (let i = 1; i < length; i++) products.push(b.mul(products[i - 1], at(i)))
  return b.concat(products, last)
}

/** Rows of the reductions. */
export const REDUCE: readonly OperatorRow[] = [
  reduction('ReduceSum', sum),
  inNumbers('ReduceMean', mean),
  reduction('ReduceMax', extremum('ReduceMax')),
  reduction('ReduceMin', extremum('ReduceMin')),
  inNumbers('ReduceProd', productOf),
  inNumbers('ReduceL1', (b, x, axes) => sum(b, b.abs(x), axes)),
  inFloats('ReduceL2', (b, x, axes) => b.sqrt(sumOfSquares(b, x, axes))),
  inNumbers('ReduceSumSquare', sumOfSquares),
  inFloats('ReduceLogSum', (b, x, axes) => b.log(sum(b, x, axes))),
  inFloats('ReduceLogSumExp', logSumExp),
  placeOf('ArgMax'),
  placeOf('ArgMin'),
  operator('TopK', 1, (b, node) => topK(b, node, node.int('k'))),
  operator('TopK', 10, topKByInput),
  operator('Hardmax', 1, HARDMAX.flat),
  operator('Hardmax', 13, HARDMAX.axis),
  operator('CumSum', 11, (b, node) => scanned(b, node, { first: 0, run: (_, x) => b.op('CumSum', [x]) })),
  operator('CumProd', 26, (b, node) =>
    scanned(b, node, { first: 1, run: (_, x) => inSingle(b, x, (y) => runningProduct(b, y)) }),
  ),
]
