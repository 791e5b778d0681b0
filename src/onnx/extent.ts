/**
 * How many elements and bytes a constant has.
 * @module
 */
import { demand } from '../core/faults.js'
import { DATA_TYPES, type TensorProto } from './graph.js'

/**
 * The number of elements for dims, 1 for rank 0.
 * @throws Fault `core/too-large` from 2^53 on, where numbers stop being exact.
 */
export function elementsOf(dims: readonly number[]): number {
  if (dims.includes(0)) return 0
  let elements = 1
  for (const dim of dims) {
    elements *= dim
    demand(elements < 2 ** 50, 'core/too-large', () => `a tensor of [${dims}]`)
  }
  return elements
}

/**
 * The payload's length in bytes; types below 8 bits are packed and padded to whole bytes. 0 for strings.
 * @throws Fault `core/too-large`.
 */
export function payloadLength({ code, dims }: Pick<TensorProto, 'code' | 'dims'>): number {
  return Math.ceil((elementsOf(dims) * (DATA_TYPES.get(code)?.bits ?? 0)) / 8)
}
