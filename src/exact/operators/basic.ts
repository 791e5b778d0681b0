/**
 * Operators that are one exact op, or nearly.
 * @module
 */
import { operator, type OperatorRow } from '../operator.js'

const binary = (op: string, since = 7): OperatorRow =>
  operator(op, since, (b, node) => [b.op(op, [node.input(0), node.input(1)])])
const unary = (op: string, since = 1): OperatorRow => operator(op, since, (b, node) => [b.op(op, [node.input(0)])])

export const BASIC: readonly OperatorRow[] = [
  ...['Add', 'Sub', 'Mul', 'Div'].map((op) => binary(op)),
  ...['Sqrt', 'Neg', 'Abs', 'Floor', 'Ceil'].map((op) => unary(op)),
  operator('Relu', 1, (b, node) => [b.relu(node.input(0))]),
  operator('Identity', 1, (_, node) => [node.input(0)]),
  operator('Constant', 1, (b, node) => [b.constant(node.tensor('value'))]),
]
