/**
 * The record of a refused run: where and why, the same for every honest provider.
 * @module
 */
import { encodeAbi } from '../core/abi.js'
import type { Bytes32 } from '../core/bytes.js'
import { sha256Of } from '../core/sha256.js'
import { REASONS, type Reason } from '../exact/op.js'

/** The first fault of a run in the order step, node, element (row-major). */
export interface RunRefusal {
  /** Step, from 0. */
  readonly step: number
  /** Number of the program's value where it happened. */
  readonly node: number
  readonly element: number
  readonly reason: Reason
}

/** SHA-256(0x04 || abi.encode(uint64 step, uint32 node, uint64 element, uint8 reason)): stands as `outputs` in the leaf and in the claim. */
export function refusalRecord({ step, node, element, reason }: RunRefusal): Bytes32 {
  return sha256Of(
    Uint8Array.of(0x04),
    encodeAbi(['uint64', 'uint32', 'uint64', 'uint8'], [step, node, element, REASONS[reason]]),
  )
}
