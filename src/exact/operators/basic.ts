/**
 * Constants of a file.
 * @module
 */
import { tensor, type Tensor } from '../../core/tensor.js'
import { refuse } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'

/** ONNX Constant: exactly one attribute holds the value. */
function constantOf(node: NodeView): Tensor {
  if (node.has('value')) return node.tensor('value')
  if (node.has('value_float')) return tensor('float32', [], [node.float('value_float')])
  if (node.has('value_int')) return tensor('int64', [], [BigInt(node.int('value_int'))])
  const floats = node.floats('value_floats', [])
  if (node.has('value_floats')) return tensor('float32', [floats.length], floats)
  if (node.has('value_ints')) return tensor('int64', [node.bigInts('value_ints').length], node.bigInts('value_ints'))
  return refuse('Constant of strings or of a sparse tensor')
}

export const BASIC: readonly OperatorRow[] = [operator('Constant', 1, (b, node) => [b.constant(constantOf(node))])]
