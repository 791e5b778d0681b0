/**
 * Whether a constraint system leaves a prover any freedom: every wire changed, and the rank of its Jacobian.
 */
import { ORDER, inverse, reduce } from '../../src/zk/field.js'
import { holds, type Combination, type Constraint, type System } from '../../src/zk/r1cs.js'
import { valueOf } from '../../src/zk/r1cs.js'

/**
 * The one kind of wire that may be free: the inverse in a test for zero, where what is tested is zero. Then `out = 1 - 0 * inverse` and
 * `0 * out = 0` hold for every inverse, and no other constraint reads it (Relu with clamp, both clamps, IsZero).
 */
export function freeInverses(wires: ReadonlyMap<string, number>, witness: readonly bigint[]): Set<number> {
  const inverses = [...wires].filter(([name, wire]) => name.startsWith('inverse_') && witness[wire] === 0n)
  return new Set(inverses.map(([, wire]) => wire))
}

/** The constraints that read each wire. */
function readersOf({ constraints, wires }: System): number[][] {
  const readers: number[][] = Array.from({ length: wires }, () => [])
  constraints.forEach(({ a, b, c }, at) => {
    for (const wire of new Set([...a.wires, ...b.wires, ...c.wires])) readers[wire].push(at)
  })
  return readers
}

/** Other values for a wire: neighbours, the other bit, a high power, the negative, something far. */
function mutants(value: bigint): bigint[] {
  const others = [value + 1n, value - 1n, 1n - value, value + (1n << 64n), -value, value * 3n + 12345n, 0n, 1n]
  return [...new Set(others.map(reduce))].filter((other) => other !== value)
}

/** Wires, beside wire 0 and the given ones, that some other value can take while every constraint holds. */
export function survivors(system: System, witness: readonly bigint[], fixed: ReadonlySet<number>): number[] {
  const readers = readersOf(system)
  const changed = [...witness]
  const found: number[] = []
  for (let wire = 1; wire < system.wires; wire++) {
    if (fixed.has(wire)) continue
    const survives = mutants(witness[wire]).some((value) => {
      changed[wire] = value
      return readers[wire].every((at) => holds(system.constraints[at], changed))
    })
    changed[wire] = witness[wire]
    if (survives) found.push(wire)
  }
  return found
}

type Row = Map<number, bigint>

/** d(a b - c) at a witness, by the wires that are not fixed. */
function gradient({ a, b, c }: Constraint, witness: readonly bigint[], fixed: ReadonlySet<number>): Row {
  const row: Row = new Map()
  const addTo = ({ wires, coefficients }: Combination, factor: bigint) => {
    wires.forEach((wire, i) => {
      if (wire === 0 || fixed.has(wire)) return
      const sum = reduce((row.get(wire) ?? 0n) + factor * coefficients[i])
      if (sum === 0n) row.delete(wire)
      else row.set(wire, sum)
    })
  }
  addTo(a, valueOf(b, witness))
  addTo(b, valueOf(a, witness))
  addTo(c, -1n)
  return row
}

/** The wires that are left free to first order: those without a pivot in the Jacobian, by sparse elimination from the last wire on. */
export function freeDirections(system: System, witness: readonly bigint[], fixed: ReadonlySet<number>): number[] {
  const pivots = new Map<number, Row>()
  for (const constraint of system.constraints) {
    const row = gradient(constraint, witness, fixed)
    while (row.size > 0) {
      const last = Math.max(...row.keys())
      const pivot = pivots.get(last)
      if (pivot === undefined) {
        pivots.set(last, scaled(row, last))
        break
      }
      subtract(row, pivot, row.get(last)!)
    }
  }
  const wires = Array.from({ length: system.wires - 1 }, (_, i) => i + 1)
  return wires.filter((wire) => !fixed.has(wire) && !pivots.has(wire))
}

function scaled(row: Row, at: number): Row {
  const factor = inverse(row.get(at)!)
  return new Map([...row].map(([wire, value]) => [wire, (value * factor) % ORDER]))
}

function subtract(row: Row, pivot: Row, factor: bigint): void {
  for (const [wire, value] of pivot) {
    const rest = reduce((row.get(wire) ?? 0n) - factor * value)
    if (rest === 0n) row.delete(wire)
    else row.set(wire, rest)
  }
}
