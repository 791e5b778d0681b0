/**
 * Conversions between element types. The attributes `saturate` and `round_mode` concern types that programs do not carry.
 * @module
 */
import { DTYPES } from '../../core/tensor.js'
import { operator, type OperatorRow } from '../operator.js'

/** Rows of the conversions. */
export const CAST: readonly OperatorRow[] = [
  operator('Cast', 6, (b, node) => [b.cast(node.input(0), node.dtype('to'))]),
  operator('CastLike', 15, (b, node) => [b.cast(node.input(0), node.input(1).dtype)]),
  operator('BitCast', 26, (b, node) => {
    const [x, to] = [node.input(0), node.dtype('to')]
    return [x.dtype === to ? x : b.op('BitCast', [x], { to: DTYPES[to].code })]
  }),
]
