/**
 * A difference as JSON.
 * @module
 */
import type { Difference } from '../dispute/difference.js'

/** Numbers that JSON cannot hold become text. */
const plain = (value: number | bigint): number | string =>
  typeof value === 'bigint' || !Number.isFinite(value) ? String(value) : value

/** The difference with numbers that JSON can hold. */
export function differenceData({ at, ...rest }: Difference): unknown {
  return { ...rest, at: at === undefined ? null : { ...at, expected: plain(at.expected), found: plain(at.found) } }
}
