/** A table entry that is moved by units in the last place, away from zero where positive. */
export interface Nudge {
  readonly index: number
  readonly ulps: number
}

/**
 * Entries of tables, by name and position, that are not the nearest binary64 number: with the nearest one, one or two
 * inputs among the thousands that use the entry would be rounded wrongly. Beside each stands such an input.
 * Found and checked by scripts/elementary-exhaustive.ts.
 */
export const NUDGES: Readonly<Record<string, readonly Nudge[]>> = {
  ARCTANGENT_0: [
    { index: 106, ulps: 1 }, // Acos 39826222
  ],
  COS: [
    { index: 55, ulps: -1 }, // Cos 5f18b878
    { index: 163, ulps: 1 }, // Cos e115cb11
    { index: 4062, ulps: 1 }, // Cos 6115cb11
    { index: 4170, ulps: -1 }, // Cos df18b878
  ],
  EXP: [
    { index: 9, ulps: 1 }, // Sigmoid be104170
  ],
  EXPM1: [
    { index: 12, ulps: -1 }, // Expm1 3dc252dd
  ],
  LOG: [
    { index: 18242, ulps: -1 }, // Log 3c413d3a
    { index: 19136, ulps: -1 }, // Log1p 3efd81ad
    { index: 19200, ulps: 1 }, // Softplus 39ea41d0
    { index: 19480, ulps: -1 }, // Log 41178feb
    { index: 22366, ulps: 1 }, // Log 4c5d65a5
    { index: 28889, ulps: 1 }, // Log 65d890d3
  ],
  SIN: [
    { index: 953, ulps: 1 }, // Sin d5cafb2a
    { index: 1817, ulps: -1 }, // Sin c6199998
    { index: 2408, ulps: -1 }, // Sin 46199998
    { index: 3272, ulps: 1 }, // Sin 55cafb2a
  ],
}

/** SHA-256 of the tables in the order of TABLES, their entries as little-endian binary64 numbers, moved entries included. */
export const TABLES_SHA256 = 'dab57e41d38e51548825ae7e37a7e748ab0b3d1d22d240942f1ed532839f1224'
