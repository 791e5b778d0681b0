/**
 * Comparisons, logic, selection and the bits of integers.
 * Source: ONNX Operators and onnx/defs/logical.
 * @module
 */
import { isFloat } from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import type { Builder, Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'

/** An operator of two operands. */
const binary = (op: string, since: number, f: (b: Builder, x: Ref, y: Ref) => Ref): OperatorRow =>
  operator(op, since, (b, node) => [f(b, node.input(0), node.input(1))])

/** An operator that is the exact op of its name. */
const same = (op: string, since: number): OperatorRow => binary(op, since, (b, x, y) => b.op(op, [x, y]))

/** x <= y; for integers, which are ordered wholly, not y < x. */
const lessOrEqual = (b: Builder, x: Ref, y: Ref): Ref => (isFloat(x.dtype) ? b.lessOrEqual(x, y) : b.not(b.less(y, x)))

/** Integers are finite; each sign can be left out. */
function isInf(b: Builder, node: NodeView): Ref {
  const x = node.input(0)
  const signs = [
    ...(node.int('detect_positive', 1) === 0 ? [] : [Infinity]),
    ...(node.int('detect_negative', 1) === 0 ? [] : [-Infinity]),
  ]
  const found = signs.map((infinity) => b.equal(x, b.scalar(x.dtype, infinity)))
  return found.length === 0 ? b.full({ dtype: 'bool', dims: x.dims }, 0) : found.reduce(b.or)
}

function bitShift(b: Builder, node: NodeView): Ref {
  const direction = node.string('direction')
  demand(direction === 'LEFT' || direction === 'RIGHT', 'onnx/bad-node', () => `direction ${direction}`)
  return b.op('BitShift', [node.input(0), node.input(1)], { right: direction === 'RIGHT' ? 1 : 0 })
}

/** All bits turned: exclusive or with all ones. */
function bitwiseNot(b: Builder, x: Ref): Ref {
  const ones = b.cast(b.scalar('int64', -1), x.dtype)
  return b.op('BitwiseXor', [x, ones])
}

/** Rows of comparisons, logic, selection and bit operators. */
export const LOGIC: readonly OperatorRow[] = [
  same('Equal', 7),
  same('Less', 7),
  binary('Greater', 7, (b, x, y) => b.less(y, x)),
  binary('LessOrEqual', 12, lessOrEqual),
  binary('GreaterOrEqual', 12, (b, x, y) => lessOrEqual(b, y, x)),
  ...['And', 'Or', 'Xor'].map((op) => same(op, 7)),
  operator('Not', 1, (b, node) => [b.not(node.input(0))]),
  operator('Where', 9, (b, node) => [b.where(node.input(0), node.input(1), node.input(2))]),
  operator('IsNaN', 9, (b, node) => [b.isNaN(node.input(0))]),
  operator('IsInf', 10, (b, node) => [isInf(b, node)]),
  ...['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'].map((op) => same(op, 18)),
  operator('BitwiseNot', 18, (b, node) => [bitwiseNot(b, node.input(0))]),
  operator('BitShift', 11, (b, node) => [bitShift(b, node)]),
]
