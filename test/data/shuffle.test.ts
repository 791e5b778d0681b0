import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { permutation, shuffled, unshuffled, type Shuffle } from '../../src/data/shuffle.js'
import { codeOf, fill, seeds } from './samples.js'

interface Vectors {
  readonly files: readonly { readonly seed: string; readonly count: number; readonly sha256: string }[]
  readonly mappings: readonly { readonly seed: string; readonly count: number; readonly mapping: readonly number[] }[]
}
const vectors = JSON.parse(readFileSync(new URL('../vectors/shuffle.json', import.meta.url), 'utf8')) as Vectors

/** The published file of a mapping: YAML in flow style, lines broken after the comma that passes column 80. */
function yamlOf(seed: string, mapping: readonly number[]): string {
  const lines = ['mapping: [']
  mapping.forEach((value, i) => {
    const last = lines.length - 1
    lines[last] += i < mapping.length - 1 ? `${value},` : `${value}`
    if (i === mapping.length - 1) return
    if (lines[last].length > 80) lines.push('  ')
    else lines[last] += ' '
  })
  return `seed: '0x${seed}'\ncount: ${mapping.length}\n${lines.join('\n')}]\n`
}

/** The specification's function, step by step, with big integers and node:crypto. */
function naive(index: number, { seed, count }: Shuffle): number {
  const hash = (...parts: readonly Uint8Array[]): Buffer =>
    parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest()
  const n = BigInt(count)
  let at = BigInt(index)
  for (let round = 0; round < 90; round++) {
    const pivot = hash(seed, Uint8Array.of(round)).readBigUInt64LE(0) % n
    const flip = (pivot + n - at) % n
    const position = at > flip ? at : flip
    const window = Buffer.alloc(4)
    window.writeUInt32LE(Number(position / 256n))
    const bit = position % 256n
    const byte = hash(seed, Uint8Array.of(round), window)[Number(bit / 8n)]
    if ((byte >> Number(bit % 8n)) % 2 === 1) at = flip
  }
  return Number(at)
}

const shuffles = fc.record({ seed: seeds, count: fc.integer({ min: 1, max: 600 }) })

describe('the swap-or-not shuffle', () => {
  test.each(vectors.mappings)('gives the published mapping of $count', ({ seed, count, mapping }) => {
    const shuffle = { seed: fromHex(seed), count }
    expect([...permutation(shuffle)]).toEqual(mapping)
    expect(mapping.map((_, i) => shuffled(i, shuffle))).toEqual(mapping)
  })

  test.each(vectors.files)(
    'gives the published file of $count, by its SHA-256',
    ({ seed, count, sha256: published }) => {
      const mapping = [...permutation({ seed: fromHex(seed), count })]
      expect(toHex(sha256(new TextEncoder().encode(yamlOf(seed, mapping))))).toBe(published)
    },
  )

  test('one position alone is that of the whole permutation and of the specification read literally', () => {
    fc.assert(
      fc.property(shuffles, fc.nat(), (shuffle, pick) => {
        const index = pick % shuffle.count
        expect(shuffled(index, shuffle)).toBe(naive(index, shuffle))
        expect(permutation(shuffle)[index]).toBe(naive(index, shuffle))
      }),
    )
  })

  test('one position alone is that of the specification up to 2^40 indices', () => {
    const large = fc.record({ seed: seeds, count: fc.integer({ min: 1, max: 2 ** 40 }) })
    fc.assert(
      fc.property(large, fc.maxSafeNat(), (shuffle, pick) => {
        const index = pick % shuffle.count
        expect(shuffled(index, shuffle)).toBe(naive(index, shuffle))
        expect(unshuffled(shuffled(index, shuffle), shuffle)).toBe(index)
      }),
      { numRuns: 40 },
    )
  })

  test('is a permutation, and its inverse undoes it', () => {
    fc.assert(
      fc.property(shuffles, (shuffle) => {
        const whole = permutation(shuffle)
        expect([...whole].sort((a, b) => a - b)).toEqual(Array.from({ length: shuffle.count }, (_, i) => i))
        const at = shuffle.count - 1
        expect(unshuffled(whole[at], shuffle)).toBe(at)
      }),
    )
  })

  test('of nothing is nothing, and of one is that one', () => {
    expect(permutation({ seed: fill(1), count: 0 })).toHaveLength(0)
    expect([...permutation({ seed: fill(1), count: 1 })]).toEqual([0])
  })

  test.each([
    ['an index that is the count', 'core/bad-number', () => shuffled(5, { seed: fill(1), count: 5 })],
    ['an index of -1', 'core/bad-number', () => unshuffled(-1, { seed: fill(1), count: 5 })],
    ['more than 2^40 indices', 'core/bad-number', () => shuffled(0, { seed: fill(1), count: 2 ** 40 + 1 })],
    ['a count that is no integer', 'core/bad-number', () => permutation({ seed: fill(1), count: 1.5 })],
    ['a seed of 31 bytes', 'core/bad-field', () => permutation({ seed: new Uint8Array(31), count: 5 })],
    ['a list of 2^31', 'core/too-large', () => permutation({ seed: fill(1), count: 2 ** 31 })],
  ])('%s is refused', (_, code, call) => {
    expect(codeOf(call)).toBe(code)
  })
})
