/**
 * Det: elimination with the largest pivot of each column, unrolled.
 * @module
 */
import { demand } from '../../core/faults.js'
import { tensor } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { inSingle } from './windows.js'

/** Larger matrices are refused: each column is about fifteen nodes. */
const SIZE_LIMIT = 256

/** The pivot row of the first column of matrices [n, m, m], its sign, and the rows below with the pivot's place taken by row 0. */
function pivoted(b: Builder, a: Ref): { row: Ref; rest: Ref; odd: Ref } {
  const [count, m] = a.dims
  const column = b.abs(b.slice(a, 2, { start: 0, end: 1 }))
  const place = b.op('ArgMax', [column], { axis: 1 })
  const row = b.op('GatherElements', [a, b.expand(place, [count, 1, m])], { axis: 1 })
  const numbers = tensor(
    'int64',
    [1, m, 1],
    Array.from({ length: m }, (_, i) => BigInt(i)),
  )
  const swapped = b.where(b.equal(b.constant(numbers), place), b.slice(a, 1, { start: 0, end: 1 }), a)
  return { row, rest: b.slice(swapped, 1, { start: 1, end: m }), odd: b.not(b.equal(place, b.scalar('int64', 0))) }
}

/** One column eliminated: the pivot with its sign [n, 1, 1], and the matrices that remain. A pivot of zero leaves them as they are. */
function eliminated(b: Builder, a: Ref): { pivot: Ref; rest: Ref } {
  const m = a.dims[1]
  const { row, rest, odd } = pivoted(b, a)
  const pivot = b.slice(row, 2, { start: 0, end: 1 })
  const one = b.scalar(a.dtype, 1)
  const divisor = b.where(b.equal(pivot, b.scalar(a.dtype, 0)), one, pivot)
  const factors = b.div(b.slice(rest, 2, { start: 0, end: 1 }), divisor)
  const products = b.mul(factors, b.slice(row, 2, { start: 1, end: m }))
  return {
    pivot: b.where(odd, b.neg(pivot), pivot),
    rest: b.sub(b.slice(rest, 2, { start: 1, end: m }), products),
  }
}

function determinant(b: Builder, node: NodeView): Ref[] {
  const given = node.input(0)
  const [size, width] = given.dims.slice(-2)
  const batch = given.dims.slice(0, -2)
  demand(
    given.dims.length >= 2 && size === width && size >= 1,
    'exact/shape-mismatch',
    () => `the determinant of [${given.dims}]`,
  )
  if (size > SIZE_LIMIT) refuse(`a determinant of more than ${SIZE_LIMIT} rows`)
  const count = batch.reduce((a, c) => a * c, 1)
  const compute = (x: Ref) => {
    let rest = b.reshape(x, [count, size, size])
    let product: Ref | undefined
    for (let column = 0; column < size; column++) {
      const step = column === size - 1 ? { pivot: rest, rest } : eliminated(b, rest)
      product = product === undefined ? step.pivot : b.mul(product, step.pivot)
      rest = step.rest
    }
    return b.reshape(product!, batch)
  }
  return [inSingle(b, given, compute)]
}

/** Det. */
export const DETERMINANT: readonly OperatorRow[] = [operator('Det', 11, determinant)]
