import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  MAX_COUNT,
  challenged,
  detection,
  enoughWithoutBeacon,
  samplesFor,
  teleport,
  type Source,
} from '../../src/attest/challenge.js'
import { concat, fromHex, uint64, utf8 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { addressOf, alice, anyBytes32, anyHolder, bob, codeOf, fill } from '../receipt/samples.js'

const source: Source = { claim: fill(1), provider: addressOf(alice), policy: fill(2), beacon: fill(3) }
const seeded = (n: number): Source => ({ ...source, beacon: sha256(utf8(`beacon ${n}`)) })
const anySource: fc.Arbitrary<Source> = fc.record({
  claim: anyBytes32,
  provider: anyHolder,
  policy: anyBytes32,
  beacon: anyBytes32,
})

/** The first numbers of a stream, from its description alone. */
function blocksOf({ claim, provider, policy, beacon }: Source, count: number): bigint[] {
  return Array.from({ length: count }, (_, counter) =>
    sha256(concat(claim, fromHex(provider), policy, beacon, uint64(counter)))
      .subarray(0, 8)
      .reduce((sum, byte) => sum * 256n + BigInt(byte), 0n),
  )
}

const isFair = (number: bigint, total: bigint): boolean => number < (2n ** 64n / total) * total

/** The draw again, slowly. */
function drawnAgain(from: Source, count: number, total: bigint): number[] {
  const wanted = BigInt(count) < total ? count : Number(total)
  for (let blocks = 2 * wanted; ; blocks *= 2) {
    const leaves = blocksOf(from, blocks).filter((one) => isFair(one, total))
    const distinct = [...new Set(leaves.map((one) => one % total))].slice(0, wanted)
    if (distinct.length === wanted) return distinct.map(Number).sort((a, b) => a - b)
  }
}

/** Chi-square of counts against equal shares. */
function chiSquare(counts: readonly number[]): number {
  const share = counts.reduce((sum, one) => sum + one, 0) / counts.length
  return counts.reduce((sum, one) => sum + ((one - share) * (one - share)) / share, 0)
}

describe('challenged leaves', () => {
  test('are distinct, ascending, in range, as many as asked for or all', () => {
    fc.assert(
      fc.property(
        anySource,
        fc.integer({ min: 0, max: 200 }),
        fc.integer({ min: 1, max: 300 }),
        (from, count, total) => {
          const drawn = challenged(from, { count, total })
          expect(drawn).toHaveLength(Math.min(count, total))
          drawn.forEach((leaf, i) => {
            expect(Number.isInteger(leaf) && leaf >= 0 && leaf < total).toBe(true)
            if (i > 0) expect(leaf).toBeGreaterThan(drawn[i - 1])
          })
        },
      ),
    )
  })

  test('are those that the description of the stream gives', () => {
    const totals = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
    fc.assert(
      fc.property(anySource, fc.integer({ min: 0, max: 40 }), totals, (from, count, total) => {
        expect(challenged(from, { count, total })).toEqual(drawnAgain(from, count, BigInt(total)))
      }),
    )
  })

  test('skip numbers that would make a low leaf likelier, where there are the most of them', () => {
    const total = 9_002_803_354_665_472 // 2^64 / 2049, rounded up: one number in 2049 is skipped
    const draws = Array.from({ length: 500 }, (_, n) => seeded(n))
    const skipping = draws.filter((from) => blocksOf(from, 20).some((one) => !isFair(one, BigInt(total))))
    expect(skipping.length).toBeGreaterThan(0)
    for (const from of skipping) {
      expect(challenged(from, { count: 20, total })).toEqual(drawnAgain(from, 20, BigInt(total)))
    }
  })

  test('of a smaller sample are among those of a larger one', () => {
    fc.assert(
      fc.property(
        anySource,
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 100 }),
        (from, count, total) => {
          const larger = new Set(challenged(from, { count: count + 1, total }))
          for (const leaf of challenged(from, { count, total })) expect(larger.has(leaf)).toBe(true)
        },
      ),
    )
  })

  test('are as likely as any other: counts over many draws pass a chi-square test, in every place and in pairs', () => {
    const [total, count, draws] = [20, 5, 4000]
    const single = new Array<number>(total).fill(0)
    const pairs = new Array<number>(total * total).fill(0)
    for (let n = 0; n < draws; n++) {
      const drawn = challenged(seeded(n), { count, total })
      for (const a of drawn) {
        single[a]++
        for (const b of drawn) if (a < b) pairs[a * total + b]++
      }
    }
    expect(single.reduce((sum, one) => sum + one, 0)).toBe(draws * count)
    expect(chiSquare(single)).toBeLessThan(43.8) // 19 degrees of freedom, p = 0.001
    const upper = pairs.filter((_, i) => Math.floor(i / total) < i % total)
    expect(chiSquare(upper)).toBeLessThan(255) // 189 degrees of freedom, p = 0.001
  })

  test('follow from each of claim, provider, policy and beacon', () => {
    const sample = { count: 20, total: 1_000_000 }
    const own = challenged(source, sample)
    const changes: Partial<Source>[] = [
      { claim: fill(9) },
      { provider: addressOf(bob) },
      { policy: fill(9) },
      { beacon: fill(9) },
      { claim: source.policy, policy: source.claim },
    ]
    for (const change of changes) expect(challenged({ ...source, ...change }, sample)).not.toEqual(own)
    expect(challenged({ ...source }, sample)).toEqual(own)
    expect(Object.isFrozen(own)).toBe(true)
  })

  test('are bounded before anything is allocated', async () => {
    const refused = (count: number, total: number): Promise<string> =>
      codeOf(() => challenged(source, { count, total }))
    expect(await refused(MAX_COUNT + 1, 2 ** 40)).toBe('core/too-large')
    expect(await refused(2 ** 53 - 1, 2 ** 53 - 1)).toBe('core/too-large')
    for (const count of [-1, 0.5, NaN, 2 ** 53, Infinity]) expect(await refused(count, 10)).toBe('core/bad-number')
    for (const total of [0, -1, 0.5, NaN, 2 ** 53]) expect(await refused(1, total)).toBe('core/bad-number')
    expect(challenged(source, { count: 2 ** 53 - 1, total: 3 })).toEqual([0, 1, 2])
    expect(await codeOf(() => challenged({ ...source, claim: fill(1).subarray(1) }, { count: 1, total: 3 }))).toBe(
      'core/bad-field',
    )
    expect(await codeOf(() => challenged({ ...source, beacon: new Uint8Array(33) }, { count: 1, total: 9 }))).toBe(
      'core/bad-field',
    )
  })
})

describe('probabilities', () => {
  test('B8 of detection: 459, 90 and 44 samples show 1, 5 and 10 percent of false steps with 99 percent', () => {
    expect([0.01, 0.05, 0.1].map((fraction) => samplesFor(fraction, 0.99))).toEqual([459, 90, 44])
  })

  test('samplesFor is the smallest sample that is enough', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 0.9999, noNaN: true }),
        (f, c) => {
          const count = samplesFor(f, c)
          const total = Number.MAX_SAFE_INTEGER
          expect(detection({ count, total }, f)).toBeGreaterThanOrEqual(c - 1e-12)
          if (count > 0) expect(detection({ count: count - 1, total }, f)).toBeLessThan(c + 1e-12)
        },
      ),
    )
  })

  test('detection is 1 - (1-f)^k, and certain for a whole run', () => {
    expect(detection({ count: 0, total: 10 }, 0.5)).toBe(0)
    expect(detection({ count: 3, total: 10 }, 0.5)).toBe(0.875)
    expect(detection({ count: 10, total: 10 }, 1e-9)).toBe(1)
    expect(detection({ count: 10, total: 10 }, 0)).toBe(0)
    expect(detection({ count: 5, total: 10 }, 1)).toBe(1)
    let missed = 1
    for (let k = 0; k <= 1000; k++, missed *= 0.99) {
      expect(detection({ count: k, total: 10_000 }, 0.01)).toBeCloseTo(1 - missed, 12)
    }
  })

  test('B8 measured: fair draws find false steps as often as stated, within four standard errors', () => {
    const [count, total, bad, draws] = [20, 1000, 50, 2000]
    const fraction = bad / total
    let found = 0
    for (let n = 0; n < draws; n++) if (challenged(seeded(n), { count, total }).some((leaf) => leaf < bad)) found++
    const stated = detection({ count, total }, fraction)
    expect(Math.abs(found / draws - stated)).toBeLessThan(4 * Math.sqrt((stated * (1 - stated)) / draws))
  })

  test('A15 measured: one false step is hit k / N of the time, within four standard errors', () => {
    const [count, total, draws] = [25, 250, 3000]
    const stated = teleport({ count, total })
    expect(stated).toBe(0.1)
    let found = 0
    for (let n = 0; n < draws; n++) if (challenged(seeded(n), { count, total }).includes(123)) found++
    expect(Math.abs(found / draws - stated)).toBeLessThan(4 * Math.sqrt((stated * (1 - stated)) / draws))
    expect(teleport({ count: 7, total: 3 })).toBe(1)
  })

  test('without a beacon a sample is enough from where no number of tries helps', () => {
    expect(enoughWithoutBeacon(80, 0.5)).toBe(true)
    expect(enoughWithoutBeacon(79, 0.5)).toBe(false)
    expect(enoughWithoutBeacon(459, 0.01)).toBe(false)
    expect(enoughWithoutBeacon(5517, 0.01)).toBe(false)
    expect(enoughWithoutBeacon(5518, 0.01)).toBe(true)
    expect([1081, 1082].map((count) => enoughWithoutBeacon(count, 0.05))).toEqual([false, true])
    expect([526, 527].map((count) => enoughWithoutBeacon(count, 0.1))).toEqual([false, true])
    expect(enoughWithoutBeacon(MAX_COUNT, 0)).toBe(false)
    expect(enoughWithoutBeacon(1, 1)).toBe(true)
    expect(enoughWithoutBeacon(0, 1)).toBe(false)
  })

  test('of what is no fraction, and samples beyond the limit, are refused', async () => {
    for (const bad of [-0.1, 1.1, NaN]) {
      expect(await codeOf(() => detection({ count: 1, total: 2 }, bad))).toBe('core/bad-number')
      expect(await codeOf(() => samplesFor(bad, 0.9))).toBe('core/bad-number')
      expect(await codeOf(() => samplesFor(0.5, bad))).toBe('core/bad-number')
      expect(await codeOf(() => enoughWithoutBeacon(1, bad))).toBe('core/bad-number')
    }
    expect(await codeOf(() => samplesFor(0, 0.5))).toBe('core/too-large')
    expect(await codeOf(() => samplesFor(1e-9, 0.99))).toBe('core/too-large')
    expect(samplesFor(0.5, 0)).toBe(0)
    expect(samplesFor(1, 1)).toBe(1)
  })
})

describe('challenge vectors', () => {
  interface Draw {
    readonly source: { claim: string; provider: `0x${string}`; policy: string; beacon: string }
    readonly count: number
    readonly total: string
    readonly leaves: readonly string[]
  }
  const vectors = JSON.parse(readFileSync(new URL('../vectors/challenge.json', import.meta.url), 'utf8')) as {
    draws: Draw[]
    probabilities: { count: number; total: number; fraction: number; detection: number; teleport: number }[]
    samples: { fraction: number; confidence: number; count: number }[]
  }

  test.each(vectors.draws.map((draw, i) => [i, draw] as const))(
    'draw %i',
    (_, { source: hex, count, total, leaves }) => {
      const from: Source = {
        claim: fromHex(hex.claim),
        provider: hex.provider,
        policy: fromHex(hex.policy),
        beacon: fromHex(hex.beacon),
      }
      expect(challenged(from, { count, total: Number(total) }).map(String)).toEqual(leaves)
      expect(drawnAgain(from, count, BigInt(total)).map(String)).toEqual(leaves)
    },
  )

  test('probabilities have the same bits', () => {
    for (const one of vectors.probabilities) {
      expect(detection(one, one.fraction)).toBe(one.detection)
      expect(teleport(one)).toBe(one.teleport)
    }
    for (const { fraction, confidence, count } of vectors.samples) expect(samplesFor(fraction, confidence)).toBe(count)
  })
})
