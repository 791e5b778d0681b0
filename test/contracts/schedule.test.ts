import type { Contract } from 'ethers'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stream as randomOf } from '../../scripts/exact-vectors.js'
import { encodeAbi } from '../../src/core/abi.js'
import { fromHex, toHex, type Bytes32 } from '../../src/core/bytes.js'
import { DTYPES, bytesOf, tensor, type DType } from '../../src/core/tensor.js'
import * as Initial from '../../src/data/initial.js'
import * as Schedule from '../../src/data/schedule.js'
import { LABELS, block, integer24, integers, seedOf, type Label } from '../../src/data/seeds.js'
import { permutation, shuffled } from '../../src/data/shuffle.js'
import { outcomesOf, type Call } from './batch.js'
import { deploy, startNode, type EvmNode } from './node.js'

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/SchedulesHarness')
}, 60_000)
afterAll(() => node?.stop())

const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8')) as T

interface Vectors {
  readonly job: string
  readonly seed: string
  readonly streams: readonly {
    readonly label: Label
    readonly step: number
    readonly value: number
    readonly blocks: readonly { readonly counter: string; readonly block: string }[]
    readonly below: readonly { readonly limit: string; readonly integer: string }[]
    readonly integers24: readonly number[]
  }[]
  readonly weights: readonly (Initial.Rule & { readonly parameter: number; readonly leaf: string })[]
}
const vectors = read<Vectors>('seeds')
const random = randomOf('schedules in contracts')
const below = (limit: number): number => Number(random() % BigInt(limit))
const seedNumber = (n: number): Bytes32 => Uint8Array.from(createHash('sha256').update(`seed ${n}`).digest())
const outcomes = (calls: readonly Call[]) => outcomesOf(harness, calls)

describe('seeds in the contract', () => {
  test('have the published vectors', async () => {
    expect(await outcomes([['seedOf', `0x${vectors.job}`]])).toEqual([`0x${vectors.seed}`])
    const seed = fromHex(vectors.seed)
    for (const { label, step, value, blocks, below: drawn, integers24 } of vectors.streams) {
      const stream = [seed, LABELS[label], step, value] as const
      const found = await outcomes([
        ...blocks.map(({ counter }): Call => ['blockOf', ...stream, counter]),
        ...integers24.map((_, i): Call => ['integer24', ...stream, i]),
        ['below', ...stream, drawn.map(({ limit }) => limit)],
      ])
      expect(found).toEqual([
        ...blocks.map((one) => `0x${one.block}`),
        ...integers24.map(String),
        drawn.map(({ integer }) => integer).join(' '),
      ])
    }
  })

  test('are those of src/data for any job, stream and element', async () => {
    const [calls, expected] = [[] as Call[], [] as string[]]
    for (let i = 0; i < 500; i++) {
      const label = (['replicas', 'order', 'weights', 'augmentation', 'operators'] as const)[i % 5]
      const [seed, step, value] = [seedNumber(i), below(2 ** 53 - 1), below(2 ** 32)]
      const element = i % 3 === 0 ? below(40) : below(2 ** 53 - 1)
      const stream = [seed, LABELS[label], step, value] as const
      calls.push(['seedOf', seed], ['blockOf', ...stream, element], ['integer24', ...stream, element])
      const at = { label, step, value }
      expected.push(`0x${toHex(seedOf(seed))}`, `0x${toHex(block(seed, at, element))}`)
      expected.push(String(integer24(seed, at, element)))
    }
    expect(await outcomes(calls)).toEqual(expected)
  })

  test('give the integers of src/data below any limit', async () => {
    const limits = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 1 + below(40) : 1 + below(2 ** 53 - 1)))
    for (let i = 0; i < 5; i++) {
      const next = integers(seedNumber(i), { label: 'augmentation', step: i, value: 7 })
      const found = await outcomes([['below', seedNumber(i), LABELS.augmentation, i, 7, limits]])
      expect(found).toEqual([limits.map((limit) => next(limit)).join(' ')])
    }
  })

  test('skip what would make low integers likelier, even where that is half of all', async () => {
    const limit = 2n ** 63n + 1n
    const expected: bigint[] = []
    let skipped = 0
    for (let counter = 0; expected.length < 50; counter++) {
      const bytes = block(seedNumber(9), { label: 'augmentation' }, counter)
      const word = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)
      if (word < limit) expected.push(word)
      else skipped++
    }
    expect(skipped).toBeGreaterThan(10)
    const limits = expected.map(() => limit)
    const found = await outcomes([['below', seedNumber(9), LABELS.augmentation, 0, 0, limits]])
    expect(found).toEqual([expected.join(' ')])
    expect(await outcomes([['below', seedNumber(9), 4, 0, 0, [0]]])).toEqual(['EmptyRange'])
  })
})

interface Shuffles {
  readonly files: readonly { readonly seed: string; readonly count: number; readonly sha256: string }[]
  readonly mappings: readonly { readonly seed: string; readonly count: number; readonly mapping: readonly number[] }[]
}
const shuffles = read<Shuffles>('shuffle')

describe('the shuffle in the contract', () => {
  test.each(shuffles.mappings)('gives the published mapping of $count', async ({ seed, count, mapping }) => {
    expect(await outcomes([['shuffled', mapping.map((_, i) => i), count, `0x${seed}`]])).toEqual([mapping.join(' ')])
  })

  test.each(shuffles.files.filter(({ count }) => count > 0))(
    'gives the mapping of the published file of $count',
    async ({ seed, count }) => {
      const mapping = permutation({ seed: fromHex(seed), count })
      expect(await outcomes([['shuffled', [...mapping.keys()], count, `0x${seed}`]])).toEqual([mapping.join(' ')])
    },
  )

  test('gives every position of thousands, and any of 2^40', async () => {
    for (const count of [255, 256, 257, 3001]) {
      const mapping = permutation({ seed: seedNumber(count), count })
      const found = await outcomes([['shuffled', [...mapping.keys()], count, seedNumber(count)]])
      expect(found).toEqual([mapping.join(' ')])
    }
    const places = Array.from({ length: 300 }, (_, i) => {
      const count = i % 3 === 0 ? 2 ** 40 : 1 + below(2 ** 40)
      return { index: i % 5 === 0 ? count - 1 : below(count), count, seed: seedNumber(i) }
    })
    const calls = places.map(({ index, count, seed }): Call => ['shuffled', [index], count, seed])
    expect(await outcomes(calls)).toEqual(places.map(({ index, ...shuffle }) => String(shuffled(index, shuffle))))
  }, 60_000)

  test('knows no index beyond the count and no count beyond 2^40', async () => {
    const calls = [
      [0, 0],
      [5, 5],
      [0, 2 ** 40 + 1],
    ].map(([index, count]): Call => ['shuffled', [index], count, seedNumber(0)])
    expect(await outcomes(calls)).toEqual(calls.map(() => 'NotInShuffle'))
  })

  test('costs less than 120,000 gas', async () => {
    const [used] = await outcomes([['gasOfShuffle', 123_456_789, 2 ** 40, seedNumber(1)]])
    expect(Number(used)).toBeLessThan(120_000)
  })
})

/** The bits of an element as a word. */
const bitsOf = (dtype: DType, value: number | bigint): string => {
  const bytes = bytesOf(tensor(dtype, [], [value as never]))
  return String([...bytes].reduceRight((bits, byte) => (bits << 8n) | BigInt(byte), 0n))
}

describe('first weights in the contract', () => {
  const RULES = [
    Initial.ZEROS,
    Initial.ONES,
    Initial.uniform(6, 784),
    Initial.uniform(3, 1),
    Initial.uniform(1, 2 ** 32 - 1),
    Initial.uniform(2 ** 32 - 1, 1),
    Initial.uniform(2 ** 32 - 1, 2 ** 32 - 2),
  ]

  test.each(Object.keys(DTYPES) as DType[])('of type %s are those of src/data', async (dtype) => {
    const isWide = dtype === 'float32' || dtype === 'float64'
    const random = Array.from({ length: 60 }, () => Initial.uniform(1 + below(2 ** 32 - 1), 1 + below(2 ** 32 - 1)))
    const rules = isWide ? [...RULES, ...random] : RULES.slice(0, 2)
    const [calls, expected] = [[] as Call[], [] as string[]]
    rules.forEach((rule, parameter) => {
      const [seed, dims] = [seedNumber(parameter), [2 ** 34]]
      const elements = Array.from({ length: 12 }, (_, i) => (i < 9 ? i : below(2 ** 34)))
      calls.push(['weights', Initial.encode(rule), DTYPES[dtype].code, seed, parameter, elements])
      const bits = (element: number) =>
        bitsOf(dtype, Initial.initialElement({ dtype, dims }, rule, { seed, parameter, element }))
      expected.push(elements.map(bits).join(' '))
    })
    expect(await outcomes(calls)).toEqual(expected)
  })

  test('are those of the vector file', async () => {
    const seed = fromHex(vectors.seed)
    for (const { parameter, leaf, ...rule } of vectors.weights) {
      const { data } = Initial.initialTensor({ dtype: 'float32', dims: [10] }, rule, { seed, parameter })
      const found = await outcomes([['weights', `0x${leaf}`, 1, seed, parameter, [...data.keys()]]])
      expect(found).toEqual([[...data].map((value) => bitsOf('float32', value)).join(' ')])
    }
  })

  const leafOf = (...words: readonly number[]) =>
    encodeAbi(
      words.map(() => 'uint256'),
      words,
    )
  test.each<readonly [string, string, Uint8Array, DType]>([
    ['a uniform float16', 'NoUniform', Initial.encode(Initial.uniform(1, 2)), 'float16'],
    ['a uniform integer', 'NoUniform', Initial.encode(Initial.uniform(1, 2)), 'int32'],
    ['another rule', 'BadRule', leafOf(3, 1, 1), 'float32'],
    ['a gain of 0', 'BadRule', leafOf(2, 0, 1), 'float32'],
    ['a fan of 0', 'BadRule', leafOf(2, 1, 0), 'float32'],
    ['zeros with a gain', 'BadRule', leafOf(0, 1, 0), 'float32'],
    ['ones with a fan', 'BadRule', leafOf(1, 0, 1), 'float32'],
    ['a fan of 33 bits', 'reverted with nothing', leafOf(2, 1, 2 ** 32), 'float32'],
    ['two words', 'BadRule', leafOf(0, 0), 'float32'],
    ['four words', 'BadRule', leafOf(0, 0, 0, 0), 'float32'],
  ])('do not follow from %s', async (_, error, rule, dtype) => {
    expect(await outcomes([['weights', rule, DTYPES[dtype].code, seedNumber(0), 0, [0]]])).toEqual([error])
  })
})

describe('a schedule in the contract', () => {
  const fill = (byte: number): Bytes32 => new Uint8Array(32).fill(byte)
  const schedule: Schedule.Schedule = {
    dataset: fill(1),
    samples: 1000,
    batchSize: 64,
    order: 'shuffled',
    beacon: fill(2),
    start: { from: 'seed', root: fill(3) },
    augmentations: [
      { kind: 'shift', column: 63, most: 2 ** 31 - 1 },
      { kind: 'flip', column: 0, most: 0 },
    ],
  }
  const textOf = ({ augmentations: moves, ...s }: Schedule.Schedule) => {
    const codes = [Number(s.order === 'shuffled'), `0x${toHex(s.beacon)}`, Number(s.start.from === 'seed')]
    const augmentations = moves.flatMap(({ kind, column, most }) => [Number(kind === 'flip'), column, most])
    const fields = [`0x${toHex(s.dataset)}`, s.samples, s.batchSize, ...codes, `0x${toHex(s.start.root)}`]
    return [...fields, ...augmentations].join(' ')
  }

  test('has the fields of its leaf', async () => {
    const known: Schedule.Schedule[] = [
      schedule,
      { ...schedule, augmentations: [], order: 'committed', start: { from: 'checkpoint', root: fill(9) } },
      { ...schedule, samples: 2 ** 40, batchSize: 2 ** 20 },
      { ...schedule, augmentations: new Array(16).fill(schedule.augmentations[0]) as typeof schedule.augmentations },
      ...read<{ cases: { leaf: string }[] }>('schedule').cases.map(({ leaf }) => Schedule.decode(fromHex(leaf))),
    ]
    const found = await outcomes(known.map((one): Call => ['decode', Schedule.encode(one)]))
    expect(found).toEqual(known.map(textOf))
  })

  const FIELDS = ['uint16', 'bytes32', 'uint64', 'uint64', 'uint8', 'uint8', 'bytes32', 'uint8', 'bytes32']
  const words = [1, fill(1), 1000, 64, 0, 1, fill(2), 1, fill(3)]
  const leafWith = (field: number, value: number, moves: readonly (readonly number[])[] = []) =>
    encodeAbi([...FIELDS, '(uint8,uint8,uint32)[]'], [...words.map((word, i) => (i === field ? value : word)), moves])
  const good = Schedule.encode(schedule)
  const bytesWith = (at: number, byte: number) => good.map((one, i) => (i === at ? byte : one))
  test.each<readonly [string, string, Uint8Array]>([
    ['another version', 'BadSchedule', leafWith(0, 2)],
    ['samples beyond 2^40', 'BadSchedule', leafWith(2, 2 ** 40 + 1)],
    ['an empty batch', 'BadSchedule', leafWith(3, 0)],
    ['a batch beyond the samples', 'BadSchedule', leafWith(3, 1001)],
    ['another rule for the last batch', 'BadSchedule', leafWith(4, 1)],
    ['another order', 'BadSchedule', leafWith(5, 2)],
    ['another start', 'BadSchedule', leafWith(7, 2)],
    ['another augmentation', 'BadSchedule', leafWith(0, 1, [[2, 0, 0]])],
    ['a flip with a distance', 'BadSchedule', leafWith(0, 1, [[1, 0, 1]])],
    ['a shift without', 'BadSchedule', leafWith(0, 1, [[0, 0, 0]])],
    ['a shift of 2^31', 'BadSchedule', leafWith(0, 1, [[0, 0, 2 ** 31]])],
    ['column 64', 'BadSchedule', leafWith(0, 1, [[1, 64, 0]])],
    ['17 augmentations', 'BadSchedule', leafWith(0, 1, new Array<number[]>(17).fill([1, 0, 0]))],
    ['a word behind', 'BadSchedule', Uint8Array.from([...good, ...new Uint8Array(32)])],
    ['more than 8 KiB', 'BadSchedule', new Uint8Array(8224)],
    ['a word too few', 'reverted with nothing', good.subarray(0, good.length - 32)],
    ['bits above a field', 'reverted with nothing', bytesWith(0, 1)],
    ['another offset', 'BadSchedule', bytesWith(32 * 9 + 31, 0x60)],
  ])('with %s is refused: %s', async (_, error, leaf) => {
    const [found] = await outcomes([['decode', leaf]])
    expect(found).toBe(error)
    expect(() => Schedule.decode(leaf)).toThrow()
  })
})
