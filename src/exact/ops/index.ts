/**
 * The table of exact ops: one row each, found by name or by number.
 * @module
 */
import { Fault } from '../../core/faults.js'
import type { ExactOp } from '../op.js'
import { BITS } from './bits.js'
import { CASTS } from './cast.js'
import { ELEMENTARY_OPS } from './elementary.js'
import { ELEMENTWISE } from './elementwise.js'
import { MOVEMENT } from './movement.js'
import { ORDER } from './order.js'
import { SCANS } from './scan.js'
import { SCATTER } from './scatter.js'
import { SUMS } from './sums.js'

/** Every exact op. */
export const OPS: readonly ExactOp[] = [
  ...ELEMENTWISE,
  ...CASTS,
  ...BITS,
  ...ELEMENTARY_OPS,
  ...SUMS,
  ...ORDER,
  ...MOVEMENT,
  ...SCATTER,
  ...SCANS,
]

const BY_NAME = new Map(OPS.map((op) => [op.name, op]))
const BY_NUMBER = new Map(OPS.map((op) => [op.number, op]))

/** The row of this name. @throws Fault `exact/bad-program`. */
export function opOf(name: string): ExactOp {
  const op = BY_NAME.get(name)
  if (op === undefined) throw new Fault('exact/bad-program', `no exact op ${name}`)
  return op
}

/** The row with this number. @throws Fault `exact/bad-program`. */
export function opNumbered(number: number): ExactOp {
  const op = BY_NUMBER.get(number)
  if (op === undefined) throw new Fault('exact/bad-program', `no exact op has number ${number}`)
  return op
}
