import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeAbi } from '../../src/core/abi.js'
import { ZERO32, toHex } from '../../src/core/bytes.js'
import { equalBits, tensor } from '../../src/core/tensor.js'
import * as Augmentation from '../../src/data/augmentation.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Schedule from '../../src/data/schedule.js'
import { block, integers, seedOf } from '../../src/data/seeds.js'
import { permutation } from '../../src/data/shuffle.js'
import { hashLeaf, sizedRoot } from '../../src/merkle/tree.js'
import { codeOf, counting, dataset, digits, fill, scheduleOf, seeds } from './samples.js'

const augmentations = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('shift' as const),
      column: fc.nat(63),
      most: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    }),
    fc.record({ kind: fc.constant('flip' as const), column: fc.nat(63), most: fc.constant(0) }),
  ),
  { maxLength: 4 },
)
const schedules: fc.Arbitrary<Schedule.Schedule> = fc
  .record({
    dataset: seeds,
    samples: fc.integer({ min: 1, max: 2 ** 40 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    order: fc.constantFrom('committed' as const, 'shuffled' as const),
    beacon: seeds,
    start: fc.record({ from: fc.constantFrom('checkpoint' as const, 'seed' as const), root: seeds }),
    augmentations,
  })
  .map(({ share, ...rest }) => ({
    ...rest,
    batchSize: Math.max(1, Math.floor(share * Math.min(rest.samples, 2 ** 20))),
  }))

describe('the leaf of a schedule', () => {
  test('decodes to the schedule that was encoded', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        expect(Schedule.decode(Schedule.encode(schedule))).toEqual(schedule)
      }),
    )
  })

  test('is the ABI encoding of its fields, and the root in the job the sized root over this one leaf', () => {
    const schedule = scheduleOf(dataset(10), { augmentations: [{ kind: 'shift', column: 0, most: 2 }] })
    const types = 'uint16 bytes32 uint64 uint64 uint8 uint8 bytes32 uint8 bytes32 (uint8,uint8,uint32)[]'.split(' ')
    const leaf = encodeAbi(types, [1, Dataset.hash(dataset(10)), 10, 4, 0, 1, ZERO32, 0, fill(7), [[0, 0, 2]]])
    expect(toHex(Schedule.encode(schedule))).toBe(toHex(leaf))
    expect(Schedule.hash(schedule)).toEqual(sizedRoot('schedule', { size: 1, root: hashLeaf(leaf) }))
  })

  test('with any bit flipped is refused, or is another schedule with another root', () => {
    const schedule = scheduleOf(dataset(10), { augmentations: [{ kind: 'flip', column: 0, most: 0 }] })
    const leaf = Schedule.encode(schedule)
    const allowed = ['no fault', 'core/bad-abi', 'core/unknown-version', 'data/bad-schedule']
    for (let bit = 0; bit < 8 * leaf.length; bit++) {
      const flipped = leaf.slice()
      flipped[bit >> 3] ^= 1 << (bit & 7)
      let found: Schedule.Schedule | undefined
      expect(allowed).toContain(codeOf(() => (found = Schedule.decode(flipped))))
      if (found) expect(toHex(Schedule.hash(found))).not.toBe(toHex(Schedule.hash(schedule)))
    }
  })

  const words = (change: Record<number, bigint>): Uint8Array => {
    const leaf = Schedule.encode(scheduleOf(dataset(10)))
    const view = new DataView(leaf.buffer)
    for (const [word, value] of Object.entries(change)) view.setBigUint64(32 * Number(word) + 24, value)
    return leaf
  }

  test.each([
    ['version 2', { 0: 2n }, 'core/unknown-version'],
    ['no samples', { 2: 0n }, 'data/bad-schedule'],
    ['more samples than 2^40', { 2: 2n ** 41n }, 'data/bad-schedule'],
    ['a batch of nothing', { 3: 0n }, 'data/bad-schedule'],
    ['a batch larger than the data set', { 3: 11n }, 'data/bad-schedule'],
    ['a batch beyond all memory', { 2: 2n ** 40n, 3: 2n ** 39n }, 'data/bad-schedule'],
    ['a short last batch', { 4: 1n }, 'data/bad-schedule'],
    ['an unknown order', { 5: 2n }, 'data/bad-schedule'],
    ['an unknown start', { 7: 2n }, 'data/bad-schedule'],
    ['more augmentations than bytes', { 10: 2n ** 40n }, 'core/bad-abi'],
  ])('with %s is refused', (_, change, code) => {
    expect(codeOf(() => Schedule.decode(words(change)))).toBe(code)
  })

  test('with bytes at the end, cut short or far too long is refused', () => {
    const leaf = words({})
    expect(codeOf(() => Schedule.decode(Uint8Array.of(...leaf, ...ZERO32)))).toBe('core/bad-abi')
    for (const length of [0, 31, 32, leaf.length - 32]) {
      expect(codeOf(() => Schedule.decode(leaf.subarray(0, length)))).toBe('core/bad-abi')
    }
    expect(codeOf(() => Schedule.decode(new Uint8Array(10_000)))).toBe('core/too-large')
  })

  test.each([
    ['a batch of a half', { batchSize: 0.5 }],
    ['a flip by a distance', { augmentations: [{ kind: 'flip', column: 0, most: 1 }] }],
    ['a shift by nothing', { augmentations: [{ kind: 'shift', column: 0, most: 0 }] }],
    ['a beacon of 31 bytes', { beacon: new Uint8Array(31) }],
    ['17 augmentations', { augmentations: new Array(17).fill({ kind: 'flip', column: 0, most: 0 }) }],
  ] as const)('is not made from %s', (_, options) => {
    expect(codeOf(() => scheduleOf(dataset(10), options as Partial<Schedule.ScheduleOptions>))).toBe(
      'data/bad-schedule',
    )
  })
})

describe('the seed of a job', () => {
  test('needs the beacon that the schedule names, and no other', () => {
    const [without, named] = [scheduleOf(dataset(10)), scheduleOf(dataset(10), { beacon: fill(3) })]
    expect(Schedule.seedFor(without, fill(1))).toEqual(seedOf(fill(1)))
    expect(Schedule.seedFor(named, fill(1), fill(2))).toEqual(seedOf(fill(1), fill(2)))
    expect(codeOf(() => Schedule.seedFor(named, fill(1)))).toBe('data/bad-schedule')
    expect(codeOf(() => Schedule.seedFor(without, fill(1), fill(2)))).toBe('data/bad-schedule')
  })

  test('fixes the initial state, which the job leaves open then', () => {
    const root = fill(7)
    const [checkpoint, seed] = (['checkpoint', 'seed'] as const).map((from) =>
      scheduleOf(dataset(10), { start: { from, root } }),
    )
    expect(Schedule.jobInitialState(checkpoint)).toEqual(root)
    expect(Schedule.jobInitialState(seed)).toEqual(ZERO32)
  })
})

const runs = fc
  .record({ samples: fc.integer({ min: 1, max: 40 }), seed: seeds, batch: fc.nat(), epoch: fc.nat(5) })
  .map(({ batch, ...rest }) => ({ ...rest, batchSize: 1 + (batch % rest.samples) }))

describe('the order of samples', () => {
  test('is the shuffle of the epoch, whose seed is block 0 of the stream of orders', () => {
    fc.assert(
      fc.property(runs, ({ samples, batchSize, seed, epoch }) => {
        const schedule = scheduleOf(dataset(samples), { batchSize })
        const steps = Schedule.stepsPerEpoch(schedule)
        const order = permutation({ seed: block(seed, { label: 'order', step: epoch }, 0), count: samples })
        const drawn = Array.from({ length: steps }, (_, i) =>
          Schedule.samplesAt(schedule, { seed, step: epoch * steps + i }),
        ).flat()
        expect(drawn).toEqual([...order.subarray(0, steps * batchSize)])
      }),
      { numRuns: 40 },
    )
  })

  test('takes every sample once an epoch but for those that do not fill a batch', () => {
    fc.assert(
      fc.property(runs, ({ samples, batchSize, seed, epoch }) => {
        const schedule = scheduleOf(dataset(samples), { batchSize })
        const places = Array.from({ length: samples }, (_, index) =>
          Schedule.placeOf(schedule, { seed, epoch, sample: index }),
        )
        expect(places.filter((place) => place === undefined)).toHaveLength(samples % batchSize)
        places.forEach((place, index) => {
          if (place) expect(Schedule.samplesAt(schedule, { seed, step: place.step })[place.row]).toBe(index)
        })
      }),
      { numRuns: 12 },
    )
  })

  test('is that of the data set, epoch after epoch, where the schedule says so', () => {
    const schedule = scheduleOf(dataset(10), { order: 'committed' })
    const drawn = [0, 1, 2].map((step) => Schedule.samplesAt(schedule, { seed: fill(1), step }))
    expect(drawn).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [0, 1, 2, 3],
    ])
    expect(Schedule.placeOf(schedule, { seed: fill(1), epoch: 1, sample: 5 })).toEqual({ step: 3, row: 1 })
    expect(Schedule.placeOf(schedule, { seed: fill(1), epoch: 1, sample: 8 })).toBeUndefined()
  })

  test('is another one for another epoch and for another seed', () => {
    const schedule = scheduleOf(dataset(40), { batchSize: 40 })
    const orders = [
      { seed: fill(1), step: 0 },
      { seed: fill(1), step: 1 },
      { seed: fill(2), step: 0 },
    ].map((at) => String(Schedule.samplesAt(schedule, at)))
    expect(new Set(orders).size).toBe(3)
  })

  test.each([-1, 0.5, NaN, 2 ** 60])('has no step %s', (step) => {
    expect(codeOf(() => Schedule.samplesAt(scheduleOf(dataset(10)), { seed: fill(1), step }))).toBe('core/bad-number')
  })
})

const moves = [
  { kind: 'shift', column: 0, most: 2 },
  { kind: 'flip', column: 0, most: 0 },
] as const

describe('a batch', () => {
  test('holds the samples of its step on the first axis, in order', () => {
    const set = dataset(10)
    const schedule = scheduleOf(set)
    const at = { seed: fill(4), step: 7 }
    const [image, label] = Schedule.batchOf(set, schedule, at)
    const drawn = Schedule.samplesAt(schedule, at)
    expect(label).toEqual(tensor('int64', [4], drawn.map(BigInt)))
    expect(image.dims).toEqual([4, 1, 3, 4])
    expect([...image.data]).toEqual(drawn.flatMap((i) => Array.from({ length: 12 }, (_, j) => 12 * i + j)))
  })

  test('alone is the same as within the run, and as the one that a verifier makes from opened samples', () => {
    fc.assert(
      fc.property(runs, fc.constantFrom('committed', 'shuffled'), fc.boolean(), (run, order, moved) => {
        const set = dataset(run.samples)
        const options = { batchSize: run.batchSize, order: order as 'committed', augmentations: moved ? moves : [] }
        const schedule = scheduleOf(set, options)
        const { types } = Dataset.shapeOf(set)
        const batch = Schedule.batches(set, schedule, run.seed)
        for (const step of [3, 0, 4]) {
          const at = { seed: run.seed, step }
          const alone = Schedule.batchOf(set, schedule, at)
          const verified = Schedule.verifyBatch(schedule, { ...at, types }, Schedule.openBatch(set, schedule, at))
          for (const other of [batch(step), verified]) {
            expect(alone.every((value, i) => equalBits(value, other[i]))).toBe(true)
          }
        }
      }),
      { numRuns: 25 },
    )
  })

  test('of another data set than the schedule names is refused', () => {
    const schedule = scheduleOf(dataset(10))
    const at = { seed: fill(1), step: 0 }
    for (const other of [dataset(9), dataset(11), Dataset.from(digits(10, 1))]) {
      expect(codeOf(() => Schedule.batchOf(other, schedule, at))).toBe('data/wrong-dataset')
      expect(codeOf(() => Schedule.batches(other, schedule, fill(1)))).toBe('data/wrong-dataset')
      expect(codeOf(() => Schedule.openBatch(other, schedule, at))).toBe('data/wrong-dataset')
    }
  })

  test('with samples in another order, doubled, left out, or of another step is refuted', () => {
    const set = dataset(10)
    const schedule = scheduleOf(set)
    const at = { seed: fill(1), step: 0, types: Dataset.shapeOf(set).types }
    const [a, b, c, d] = Schedule.openBatch(set, schedule, at)
    const verify = (openings: readonly Dataset.SampleOpening[]): string =>
      codeOf(() => Schedule.verifyBatch(schedule, at, openings))
    expect(verify([a, b, c, d])).toBe('no fault')
    for (const wrong of [
      [b, a, c, d],
      [a, a, c, d],
      [a, b, c],
      [a, b, c, d, d],
      [],
      Schedule.openBatch(set, schedule, { ...at, step: 1 }),
    ]) {
      expect(verify(wrong)).toBe('data/wrong-sample')
    }
    expect(verify([{ ...a, tensors: b.tensors }, b, c, d])).toBe('merkle/root-mismatch')
    expect(verify([{ ...b, index: a.index }, b, c, d])).toBe('merkle/root-mismatch')
    const other = Dataset.from(digits(10, 1))
    expect(verify([Dataset.open(other, a.index), b, c, d])).toBe('merkle/root-mismatch')
  })
})

describe('augmentation', () => {
  const image = tensor('float32', [1, 2, 3], [1, 2, 3, 4, 5, 6])

  test('by a shift moves down and right and leaves zeros', () => {
    expect([...Augmentation.shift(image, [0, 1]).data]).toEqual([0, 1, 2, 0, 4, 5])
    expect([...Augmentation.shift(image, [-1, 0]).data]).toEqual([4, 5, 6, 0, 0, 0])
    expect([...Augmentation.shift(image, [1, -2]).data]).toEqual([0, 0, 0, 3, 0, 0])
    expect([...Augmentation.shift(image, [2, 0]).data]).toEqual([0, 0, 0, 0, 0, 0])
  })

  test('by a flip mirrors every row of every plane, and twice is nothing', () => {
    expect([...Augmentation.flip(image).data]).toEqual([3, 2, 1, 6, 5, 4])
    for (const dtype of ['uint8', 'int64', 'float16', 'float64'] as const) {
      const value = counting({ dtype, dims: [2, 3, 4] })
      expect(equalBits(Augmentation.flip(Augmentation.flip(value)), value)).toBe(true)
    }
  })

  test('agrees with the definition, element by element, for every distance, frame and dtype', () => {
    const frames = fc.tuple(
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
    )
    const distance = fc.integer({ min: -6, max: 6 })
    const dtypes = fc.constantFrom('float32', 'uint8', 'int64', 'float16')
    fc.assert(
      fc.property(frames, distance, distance, dtypes, ([planes, height, width], down, right, dtype) => {
        const value = counting({ dtype: dtype as 'float32', dims: [planes, height, width] }, 1)
        const moved = [...Augmentation.shift(value, [down, right]).data].map(Number)
        const flipped = [...Augmentation.flip(value).data].map(Number)
        for (let element = 0; element < value.data.length; element++) {
          const [x, y] = [element % width, Math.floor(element / width) % height]
          const plane = Math.floor(element / (height * width)) * height * width
          const inside = y >= down && y < height + down && x >= right && x < width + right
          expect(moved[element]).toBe(inside ? Number(value.data[plane + (y - down) * width + x - right]) : 0)
          expect(flipped[element]).toBe(Number(value.data[element - x + width - 1 - x]))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('takes its integers from the stream of its step and row, in order', () => {
    fc.assert(
      fc.property(seeds, fc.nat(1000), fc.nat(100), (seed, step, row) => {
        const next = integers(seed, { label: 'augmentation', step, value: row })
        const [down, right, side] = [next(5) - 2, next(5) - 2, next(2)]
        const shifted = Augmentation.shift(image, [down, right])
        const expected = side === 1 ? Augmentation.flip(shifted) : shifted
        const [found] = Augmentation.augment([image], moves, { seed, step, row })
        expect(equalBits(found, expected)).toBe(true)
      }),
    )
  })

  test('leaves the data set as it was', () => {
    const set = dataset(10)
    const schedule = scheduleOf(set, { augmentations: moves })
    for (let step = 0; step < 5; step++) Schedule.batchOf(set, schedule, { seed: fill(1), step })
    expect(Dataset.hash(Dataset.from(Object.fromEntries(set.names.map((name, i) => [name, set.columns[i]]))))).toEqual(
      schedule.dataset,
    )
  })

  test.each([1, 2])('of column %s, which has no height and width, is refused', (column) => {
    const set = dataset(10)
    const schedule = scheduleOf(set, { augmentations: [{ kind: 'flip', column, most: 0 }] })
    expect(codeOf(() => Schedule.batchOf(set, schedule, { seed: fill(1), step: 0 }))).toBe('data/bad-schedule')
  })
})
