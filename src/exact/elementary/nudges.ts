/** A table entry that is moved by units in the last place, away from zero where positive. */
export interface Nudge {
  readonly index: number
  readonly ulps: number
}

/**
 * Entries of tables, by name and position, that are not the nearest binary64 number: with the nearest one, one or two
 * inputs among the thousands that use the entry would be rounded wrongly. Found and checked by scripts/elementary-exhaustive.ts.
 */
export const NUDGES: Readonly<Record<string, readonly Nudge[]>> = {}
