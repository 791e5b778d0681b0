import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LABELS, block, integer24, integers, integers24, seedOf, type Label } from '../../src/data/seeds.js'
import { codeOf, fill, seeds } from './samples.js'

const labels = fc.constantFrom(...(Object.keys(LABELS) as Label[]))
const streams = fc.record({
  label: labels,
  step: fc.maxSafeNat(),
  value: fc.integer({ min: 0, max: 0xffffffff }),
})

/** The layout of the page on formats, by Buffer's own writers. */
function naiveBlock(seed: Uint8Array, stream: { label: Label; step: number; value: number }, counter: number): Buffer {
  const tail = Buffer.alloc(22)
  tail.writeUInt16BE(LABELS[stream.label], 0)
  tail.writeBigUInt64BE(BigInt(stream.step), 2)
  tail.writeUInt32BE(stream.value, 10)
  tail.writeBigUInt64BE(BigInt(counter), 14)
  return createHash('sha256').update(seed).update(tail).digest()
}

describe('seeds', () => {
  test('a seed is SHA-256 of the words, the job and the beacon', () => {
    const hash = (...parts: readonly (string | Uint8Array)[]): string =>
      parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest('hex')
    expect(Buffer.from(seedOf(fill(1))).toString('hex')).toBe(hash('countersign seed', fill(1)))
    expect(Buffer.from(seedOf(fill(1), fill(2))).toString('hex')).toBe(hash('countersign seed', fill(1), fill(2)))
  })

  test('labels are numbers of their own, and the seats of a quorum have 1', () => {
    expect(new Set(Object.values(LABELS)).size).toBe(Object.keys(LABELS).length)
    expect(LABELS.replicas).toBe(1)
  })

  test('a block is the hash of seed, label, step, value and counter in their widths', () => {
    fc.assert(
      fc.property(seeds, streams, fc.maxSafeNat(), (seed, stream, counter) => {
        expect(Buffer.from(block(seed, stream, counter))).toEqual(naiveBlock(seed, stream, counter))
      }),
    )
  })

  test.each([
    ['a job hash of 31 bytes', 'core/bad-field', () => seedOf(new Uint8Array(31))],
    ['a beacon of 33 bytes', 'core/bad-field', () => seedOf(fill(1), new Uint8Array(33))],
    ['a seed of 64 bytes', 'core/bad-field', () => block(new Uint8Array(64), { label: 'order' }, 0)],
    ['a negative step', 'core/bad-number', () => block(fill(1), { label: 'order', step: -1 }, 0)],
    ['a step of a half', 'core/bad-number', () => block(fill(1), { label: 'order', step: 0.5 }, 0)],
    ['a value of 33 bits', 'core/bad-number', () => block(fill(1), { label: 'order', value: 2 ** 32 }, 0)],
    ['a counter beyond 2^53', 'core/bad-number', () => block(fill(1), { label: 'order' }, 2 ** 53)],
    ['a limit of 0', 'core/bad-number', () => integers(fill(1), { label: 'order' })(0)],
    ['a limit that is not a number', 'core/bad-number', () => integers(fill(1), { label: 'order' })(NaN)],
    ['an element of -1', 'core/bad-number', () => integer24(fill(1), { label: 'weights' }, -1)],
    ['2^32 elements', 'core/too-large', () => integers24(fill(1), { label: 'weights' }, 2 ** 32)],
  ])('%s is refused', (_, code, call) => {
    expect(codeOf(call)).toBe(code)
  })
})

describe('integers below a limit', () => {
  test('are those that rejection over the first 8 bytes of the blocks gives', () => {
    const limits = fc.array(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 2 ** 53 - 1 })), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(seeds, streams, limits, (seed, stream, list) => {
        const next = integers(seed, stream)
        let counter = 0
        for (const limit of list) {
          const top = 2n ** 64n - (2n ** 64n % BigInt(limit))
          let word = naiveBlock(seed, stream, counter++).readBigUInt64BE(0)
          while (word >= top) word = naiveBlock(seed, stream, counter++).readBigUInt64BE(0)
          expect(next(limit)).toBe(Number(word % BigInt(limit)))
        }
      }),
    )
  })

  test('skip the blocks that would make a low result likelier, about one in 2,049 at this limit', () => {
    const limit = Number(2n ** 64n / 2049n) + 1
    const top = 2n ** 64n - (2n ** 64n % BigInt(limit))
    const stream = { label: 'augmentation', step: 1, value: 2 } as const
    const next = integers(fill(8), stream)
    let skipped = 0
    for (let draw = 0; draw < 10_000; draw++) {
      while (naiveBlock(fill(8), stream, draw + skipped).readBigUInt64BE(0) >= top) skipped++
      const word = naiveBlock(fill(8), stream, draw + skipped).readBigUInt64BE(0)
      expect(next(limit)).toBe(Number(word % BigInt(limit)))
    }
    expect(skipped).toBeGreaterThan(0)
  })

  test('are equally frequent: chi-squared over 6,000 draws of 6 stays below the 0.999 quantile', () => {
    const next = integers(fill(3), { label: 'augmentation', step: 5 })
    const counts = new Array<number>(6).fill(0)
    for (let i = 0; i < 6000; i++) counts[next(6)]++
    expect(counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(20.5)
  })
})

describe('24-bit integers', () => {
  test('one element alone is the same as in the whole', () => {
    fc.assert(
      fc.property(seeds, streams, fc.integer({ min: 1, max: 200 }), (seed, stream, count) => {
        const all = integers24(seed, stream, count)
        for (let i = 0; i < count; i++) expect(integer24(seed, stream, i)).toBe(all[i])
      }),
      { numRuns: 30 },
    )
  })

  test('are the upper 24 bits of the big-endian words of the blocks', () => {
    const stream = { label: 'weights', step: 0, value: 9 } as const
    const all = integers24(fill(5), stream, 19)
    all.forEach((found, i) => {
      expect(found).toBe(naiveBlock(fill(5), stream, Math.floor(i / 8)).readUInt32BE(4 * (i % 8)) >>> 8)
    })
  })

  test('agree beyond the blocks that are hashed at once', () => {
    const all = integers24(fill(6), { label: 'weights' }, 131_080)
    for (const i of [131_071, 131_072, 131_079]) expect(all[i]).toBe(integer24(fill(6), { label: 'weights' }, i))
  })

  test('another label, step or value is another stream', () => {
    const streams = [
      { label: 'weights' },
      { label: 'operators' },
      { label: 'weights', step: 1 },
      { label: 'weights', value: 1 },
    ]
    const firsts = streams.map((stream) => integer24(fill(1), stream as { label: Label }, 0))
    expect(new Set(firsts).size).toBe(4)
  })
})
