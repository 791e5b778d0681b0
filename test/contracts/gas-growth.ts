/**
 * Figures that grew.
 * @module
 */
import { GAS_CASES, type Measured, type Part } from './gas.js'

const over = (what: string, found: number | undefined, most: number | undefined): readonly string[] =>
  found === undefined || most === undefined || found <= most ? [] : [`${what} is ${found}, not at most ${most}`]

const overPart = (what: string, found: Part, most: Partial<Part>): readonly string[] => [
  ...over(`gas of ${what}`, found.gas, most.gas),
  ...over(`calldata of ${what}`, found.calldata, most.calldata),
]

/** Where a case takes more than before, in any of its parts, or more than it may. A part that is new has nothing to grow from. */
export function grown(name: string, found: Measured, before: Measured): readonly string[] {
  const parts = Object.entries(found.parts).flatMap(([part, one]) =>
    before.parts[part] === undefined
      ? [`${name}: ${part} is new`]
      : overPart(`${name}: ${part}`, one, before.parts[part]),
  )
  return [...overPart(name, found, before), ...overPart(name, found, GAS_CASES[name].limit), ...parts]
}
