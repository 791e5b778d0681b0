import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/core/bytes.js'
import { bytesOf, fromBytes, type DType } from '../../src/core/tensor.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Initial from '../../src/data/initial.js'
import * as Schedule from '../../src/data/schedule.js'
import { LABELS, block, integer24, integers, seedOf, type Label } from '../../src/data/seeds.js'
import { digest } from '../../src/merkle/tiles.js'

const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8')) as T

interface Seeds {
  readonly job: string
  readonly beacon: string
  readonly seed: string
  readonly seedWithBeacon: string
  readonly streams: readonly {
    readonly label: Label
    readonly code: number
    readonly step: number
    readonly value: number
    readonly blocks: readonly { readonly counter: string; readonly block: string }[]
    readonly below: readonly { readonly limit: string; readonly integer: string }[]
    readonly integers24: readonly number[]
  }[]
  readonly weights: readonly (Initial.Rule & {
    readonly parameter: number
    readonly leaf: string
    readonly elements: string
  })[]
  readonly rules: string
}
interface DatasetVectors {
  readonly samples: number
  readonly columns: readonly { readonly dtype: DType; readonly dims: readonly number[] }[]
  readonly root: string
  readonly opened: readonly {
    readonly index: number
    readonly payloads: readonly string[]
    readonly digests: readonly string[]
    readonly path: readonly string[]
  }[]
}
interface Schedules {
  readonly cases: readonly {
    readonly leaf: string
    readonly root: string
    readonly seed: string
    readonly steps: readonly {
      readonly step: number
      readonly samples: readonly number[]
      readonly batch: readonly string[]
    }[]
  }[]
}

const seeds = read<Seeds>('seeds')
const seed = fromHex(seeds.seed)

describe('the vector file of seeds', () => {
  test('has the seeds of its job, with and without the beacon', () => {
    expect(toHex(seedOf(fromHex(seeds.job)))).toBe(seeds.seed)
    expect(toHex(seedOf(fromHex(seeds.job), fromHex(seeds.beacon)))).toBe(seeds.seedWithBeacon)
  })

  test('has a stream of every label', () => {
    expect(new Set(seeds.streams.map(({ label }) => label))).toEqual(new Set(Object.keys(LABELS)))
  })

  test.each(seeds.streams)('has the stream $label', ({ label, code, step, value, blocks, below, integers24 }) => {
    const stream = { label, step, value }
    expect(LABELS[label]).toBe(code)
    for (const one of blocks) expect(toHex(block(seed, stream, Number(one.counter)))).toBe(one.block)
    const next = integers(seed, stream)
    for (const { limit, integer } of below) expect(next(Number(limit))).toBe(Number(integer))
    integers24.forEach((integer, i) => expect(integer24(seed, stream, i)).toBe(integer))
  })

  test.each(seeds.weights)('has the weights of parameter $parameter', ({ parameter, leaf, elements, ...rule }) => {
    const type = { dtype: 'float32', dims: [10] } as const
    expect(toHex(Initial.encode(rule))).toBe(leaf)
    expect(toHex(bytesOf(Initial.initialTensor(type, rule, { seed, parameter })))).toBe(elements)
  })

  test('has the root of these rules', () => {
    expect(toHex(Initial.hash(seeds.weights))).toBe(seeds.rules)
  })
})

const vectors = read<DatasetVectors>('dataset')
const shape = { samples: vectors.samples, types: vectors.columns }
const opened = vectors.opened.map(({ index, payloads, path }) => ({
  index,
  tensors: payloads.map((payload, i) => fromBytes(vectors.columns[i], fromHex(payload))),
  path: path.map((node) => fromHex(node)),
}))

describe('the vector file of a data set', () => {
  test.each(opened)('opens sample $index', (opening) => {
    const tensors = Dataset.verify(fromHex(vectors.root), shape, opening)
    const { digests } = vectors.opened.find(({ index }) => index === opening.index)!
    expect(tensors.map((value) => toHex(digest(value)))).toEqual(digests)
  })
})

describe('the vector file of schedules', () => {
  test.each(read<Schedules>('schedule').cases)('has schedule $root', ({ leaf, root, seed: own, steps }) => {
    const schedule = Schedule.decode(fromHex(leaf))
    expect(toHex(Schedule.hash(schedule))).toBe(root)
    expect(toHex(schedule.dataset)).toBe(vectors.root)
    expect([seeds.seed, seeds.seedWithBeacon]).toContain(own)
    for (const { step, samples, batch } of steps) {
      const at = { seed: fromHex(own), step, types: vectors.columns }
      expect(Schedule.samplesAt(schedule, at)).toEqual(samples)
      const tensors = Schedule.verifyBatch(
        schedule,
        at,
        samples.map((index) => opened[index]),
      )
      expect(tensors.map((value) => toHex(digest(value)))).toEqual(batch)
    }
  })
})
