/**
 * Challenges: which steps of a run are looked at, drawn from the claim and randomness that came after it, and how likely they show a lie.
 * @module
 */
import { concat, fromHex, uint64, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import * as fields from '../receipt/fields.js'
import type { Address, Field, Input } from '../receipt/fields.js'

/** What a draw follows from. */
export interface Source {
  /** hashStruct of the claim. */
  readonly claim: Bytes32
  readonly provider: Address
  /** hashStruct of the policy. */
  readonly policy: Bytes32
  /** Randomness that nobody knew when the claim was there; 32 zero bytes without a beacon, see `enoughWithoutBeacon`. */
  readonly beacon: Bytes32
}

const sourceField: Field<Source> = fields.record<Source>({
  claim: fields.bytes32,
  provider: fields.holder,
  policy: fields.bytes32,
  beacon: fields.bytes32,
})

/** How many leaves are looked at, of how many. */
export interface Sample {
  readonly count: number
  readonly total: number
}

/** The most leaves that are drawn. */
export const MAX_COUNT = 1 << 20

function demandSample({ count, total }: Sample): void {
  const fits = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least
  demand(fits(count, 0) && fits(total, 1), 'core/bad-number', () => 'not a sample', { found: `${count} of ${total}` })
  demand(Math.min(count, total) <= MAX_COUNT, 'core/too-large', () => 'a sample', {
    expected: `at most ${MAX_COUNT}`,
    found: count,
  })
}

/**
 * The indexes of the leaves to be looked at, ascending, each as likely as any other; all of them where the sample is not smaller.
 * Stream: SHA-256(claim (32) || provider (20) || policy (32) || beacon (32) || counter (8)), counter from 0; a block's first 8 bytes are one
 * number, skipped where it would make a low index likelier; an index that was drawn already is drawn again. So the indexes of a smaller
 * sample are among those of a larger one.
 * @throws Fault `core/bad-field`, `core/bad-number`, `core/too-large` beyond 2^20 indexes.
 * @remarks A hash an index while the sample is small beside the run; at most about 15 where it is nearly all of it.
 */
export function challenged(source: Input<Source>, sample: Sample): readonly number[] {
  demandSample(sample)
  const { count, total } = sample
  if (count >= total) return Object.freeze(Array.from({ length: total }, (_, i) => i))
  const next = indexes(sourceField.from(source, 'source'), total)
  const drawn = new Set<number>()
  while (drawn.size < count) drawn.add(next())
  return Object.freeze([...drawn].sort((a, b) => a - b))
}

const SPAN = 1n << 64n
const COUNTER = 116

/** A source of uniform indexes below `total`. */
function indexes({ claim, provider, policy, beacon }: Source, total: number): () => number {
  const message = concat(claim, fromHex(provider, 20), policy, beacon, uint64(0))
  const counter = new DataView(message.buffer, COUNTER)
  const limit = BigInt(total)
  const fair = SPAN - (SPAN % limit)
  let block = 0n
  const next = (): bigint => {
    counter.setBigUint64(0, block++)
    return new DataView(sha256(message).buffer).getBigUint64(0)
  }
  return () => {
    let value = next()
    while (value >= fair) value = next()
    return Number(value % limit)
  }
}

/** base^exponent by repeated squaring: products alone, so that every machine finds the same bits. */
function power(base: number, exponent: number): number {
  let result = 1
  for (let square = base, rest = exponent; rest > 0; square *= square, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square
  }
  return result
}

function demandFraction(fraction: number, where: string): void {
  const fits = fraction >= 0 && fraction <= 1 // false for NaN too
  demand(fits, 'core/bad-number', () => 'neither 0, nor 1, nor between', { where, found: fraction })
}

/**
 * The probability that a fair draw hits a false leaf where this fraction of the leaves is false: 1 - (1-f)^k. A draw without repeats is
 * a little better; of a whole run nothing escapes.
 * @throws Fault `core/bad-number`, `core/too-large`.
 */
export function detection(sample: Sample, fraction: number): number {
  demandSample(sample)
  demandFraction(fraction, 'fraction')
  if (sample.count >= sample.total) return fraction > 0 ? 1 : 0
  return 1 - power(1 - fraction, sample.count)
}

/**
 * The probability that a fair draw hits one false leaf, if there is just one: k / N. That one may be the jump to stolen weights, with every
 * other step honest.
 * @throws Fault `core/bad-number`, `core/too-large`.
 */
export function teleport(sample: Sample): number {
  demandSample(sample)
  return Math.min(1, sample.count / sample.total)
}

/**
 * The smallest sample that hits a false leaf with at least this confidence where this fraction is false: (1-f)^k <= 1 - confidence.
 * @throws Fault `core/bad-number`, `core/too-large` beyond 2^20.
 */
export function samplesFor(fraction: number, confidence: number): number {
  demandFraction(fraction, 'fraction')
  demandFraction(confidence, 'confidence')
  let count = 0
  for (let missed = 1; missed > 1 - confidence; missed *= 1 - fraction) {
    count++
    demand(count <= MAX_COUNT, 'core/too-large', () => 'no sample is large enough', { found: fraction })
  }
  return count
}

/** What a provider that draws for itself may escape with: it tries again and again, so that only what no number of tries finds counts. */
const NEGLIGIBLE = 2 ** -80

/**
 * True where a sample of this size needs no beacon against this fraction of false leaves: (1-f)^k <= 2^-80, so that a provider which changes
 * its claim until it likes the draw does not come to an end.
 * @throws Fault `core/bad-number`.
 */
export function enoughWithoutBeacon(count: number, fraction: number): boolean {
  demandSample({ count, total: Number.MAX_SAFE_INTEGER })
  demandFraction(fraction, 'fraction')
  return power(1 - fraction, count) <= NEGLIGIBLE
}
