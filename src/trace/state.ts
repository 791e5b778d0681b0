/**
 * States as bytes: the payloads of the parameters one behind the other, in the program's order. Types and sizes come from the program.
 * @module
 */
import { byteLength, bytesOf, fromBytes, type Tensor } from '../core/tensor.js'
import { demand } from '../core/faults.js'
import { parametersOf, type Program } from '../exact/program.js'

/** The payloads of a state, in order: views, not copies. */
export function encodeState(state: readonly Tensor[]): Uint8Array[] {
  return state.map(bytesOf)
}

/** Bytes of a state of this program. */
export function stateBytes(program: Program): number {
  return parametersOf(program).reduce((sum, type) => sum + byteLength(type), 0)
}

/** A state from its bytes; its root says whether it is the right one. @throws Fault `trace/bad-state` where there are more or fewer. */
export function decodeState(program: Program, bytes: Uint8Array): Tensor[] {
  const expected = stateBytes(program)
  demand(bytes.length === expected, 'trace/bad-state', () => 'bytes of a state', { expected, found: bytes.length })
  let at = 0
  return parametersOf(program).map(({ dtype, dims }) => {
    const size = byteLength({ dtype, dims })
    at += size
    return fromBytes({ dtype, dims }, bytes.subarray(at - size, at))
  })
}
