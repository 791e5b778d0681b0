import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeAbi } from '../../src/core/abi.js'
import { equalBits, tensor, type DType, type TensorType } from '../../src/core/tensor.js'
import * as Initial from '../../src/data/initial.js'
import type { Start } from '../../src/data/schedule.js'
import { integer24 } from '../../src/data/seeds.js'
import { digest, listRoot } from '../../src/merkle/tiles.js'
import { rootOf, sizedRoot, treeOf } from '../../src/merkle/tree.js'
import { codeOf, counting, fill, seeds } from './samples.js'

const counts = fc.integer({ min: 1, max: 2 ** 32 - 1 })
const uniforms = fc.tuple(fc.integer({ min: 1, max: 12 }), counts).map(([gain, fan]) => Initial.uniform(gain, fan))
const rules: fc.Arbitrary<Initial.Rule> = fc.oneof(fc.constantFrom(Initial.ZEROS, Initial.ONES), uniforms)
const floats = fc.constantFrom<DType>('float32', 'float64')

/** The largest float32 that is not above a quotient's root, or the one behind it: by squares of big integers, without Math.sqrt. */
const isNearest = (bound: number, gain: number, fan: number): boolean => {
  const below = bound * (1 - 2 ** -23)
  const above = bound * (1 + 2 ** -23)
  return below * below * fan < gain && gain < above * above * fan
}

describe('initial weights', () => {
  test('one element alone has the bits that it has in the whole', () => {
    fc.assert(
      fc.property(seeds, fc.nat(2 ** 32 - 1), floats, rules, fc.nat(40), (seed, parameter, dtype, rule, size) => {
        const type = { dtype, dims: [size] }
        const whole = Initial.initialTensor(type, rule, { seed, parameter })
        for (let element = 0; element < size; element++) {
          expect(Initial.initialElement(type, rule, { seed, parameter, element })).toBe(whole.data[element])
        }
      }),
    )
  })

  test('are odd 24-bit fractions of the bound, rounded once', () => {
    fc.assert(
      fc.property(seeds, uniforms, fc.nat(1000), (seed, rule, element) => {
        const { gain, fan } = rule as Initial.Rule & { kind: 'uniform' }
        const place = { seed, parameter: 3, element }
        const found = Initial.initialElement({ dtype: 'float32', dims: [1001] }, rule, place) as number
        const k = 2 * integer24(seed, { label: 'weights', value: 3 }, element) + 1 - 2 ** 24
        expect(Math.abs(k) % 2).toBe(1)
        const bound = Math.fround(Math.sqrt(gain / fan))
        expect(isNearest(bound, gain, fan)).toBe(true)
        expect(found).toBe(Math.fround(Math.fround(k / 2 ** 24) * bound))
        expect(Math.abs(found)).toBeLessThanOrEqual(bound)
      }),
    )
  })

  test('have the variance that the rule is named for', () => {
    const fans = { in: 300, out: 100 }
    const variance = (rule: Initial.Rule): number => {
      const { data } = Initial.initialTensor({ dtype: 'float64', dims: [300, 100] }, rule, {
        seed: fill(9),
        parameter: 0,
      })
      return [...(data as Float64Array)].reduce((sum, value) => sum + value * value, 0) / data.length
    }
    for (const [rule, expected] of [
      [Initial.glorot(fans), 2 / 400],
      [Initial.he(fans), 2 / 300],
      [Initial.lecun(fans), 1 / 300],
    ] as const) {
      expect(variance(rule) / expected).toBeGreaterThan(0.97)
      expect(variance(rule) / expected).toBeLessThan(1.03)
    }
  })

  test('of another parameter or another seed are others', () => {
    const type = { dtype: 'float32', dims: [4] } as const
    const values = [
      { seed: fill(1), parameter: 0 },
      { seed: fill(1), parameter: 1 },
      { seed: fill(2), parameter: 0 },
    ].map((place) => String(Initial.initialTensor(type, Initial.uniform(1, 1), place).data))
    expect(new Set(values).size).toBe(3)
  })

  test('that are all 0 or all 1 hold in every dtype', () => {
    for (const dtype of ['float32', 'float64', 'int64', 'int8', 'uint64', 'bool'] as const) {
      const place = { seed: fill(1), parameter: 0 }
      expect([...Initial.initialTensor({ dtype, dims: [2] }, Initial.ONES, place).data].map(Number)).toEqual([1, 1])
      expect([...Initial.initialTensor({ dtype, dims: [2] }, Initial.ZEROS, place).data].map(Number)).toEqual([0, 0])
    }
    const ones = (dtype: DType) =>
      Initial.initialTensor({ dtype, dims: [] }, Initial.ONES, { seed: fill(1), parameter: 0 })
    expect(ones('float16')).toEqual(tensor('float16', [], [0x3c00]))
    expect(ones('bfloat16')).toEqual(tensor('bfloat16', [], [0x3f80]))
  })

  test('fans count what an output sums and what an input reaches, kernels included', () => {
    expect(Initial.fansOf([784, 128], 'in-out')).toEqual({ in: 784, out: 128 })
    expect(Initial.fansOf([128, 784], 'out-in')).toEqual({ in: 784, out: 128 })
    expect(Initial.fansOf([32, 16, 3, 5], 'out-in')).toEqual({ in: 240, out: 480 })
  })

  test.each([
    [
      'a uniform integer',
      () =>
        Initial.initialTensor({ dtype: 'int32', dims: [2] }, Initial.uniform(1, 2), { seed: fill(1), parameter: 0 }),
    ],
    [
      'a uniform float16',
      () =>
        Initial.initialTensor({ dtype: 'float16', dims: [2] }, Initial.uniform(1, 2), { seed: fill(1), parameter: 0 }),
    ],
    ['a fan of 0', () => Initial.uniform(1, 0)],
    ['a gain of a half', () => Initial.uniform(0.5, 1)],
    ['a fan of 33 bits', () => Initial.uniform(1, 2 ** 32)],
    ['fans of a vector', () => Initial.fansOf([4], 'in-out')],
    ['fans of nothing', () => Initial.fansOf([4, 0], 'out-in')],
    ['another rule', () => Initial.encode({ kind: 'normal' } as never)],
  ])('%s is refused', (_, call) => {
    expect(codeOf(call)).toBe('data/bad-initial')
  })

  test.each([2, -1, 0.5, NaN])('element %s of 2 does not exist, whatever the rule', (element) => {
    for (const rule of [Initial.ZEROS, Initial.uniform(1, 1)]) {
      const place = { seed: fill(1), parameter: 0, element }
      expect(codeOf(() => Initial.initialElement({ dtype: 'float32', dims: [2] }, rule, place))).toBe('core/bad-number')
    }
  })
})

describe('the state before the first step', () => {
  const types = [
    { dtype: 'float32', dims: [4, 3] },
    { dtype: 'float32', dims: [3] },
    { dtype: 'int64', dims: [] },
  ] as const
  const own: readonly Initial.Rule[] = [Initial.glorot({ in: 4, out: 3 }), Initial.ZEROS, Initial.ZEROS]
  const seeded = { from: 'seed', root: Initial.hash(own) } as const
  const state = types.map((type) => counting(type))
  const root = sizedRoot('state', { size: 3, root: listRoot(state.map((value) => digest(value))) })
  const checkpoint = { from: 'checkpoint', root } as const

  test('binds its rules by the sized root over their ABI encodings', () => {
    const leaves = [
      [2, 6, 7],
      [0, 0, 0],
      [0, 0, 0],
    ].map((values) => encodeAbi(['uint8', 'uint32', 'uint32'], values))
    expect(seeded.root).toEqual(sizedRoot('initial', { size: 3, root: rootOf(treeOf(leaves)) }))
  })

  test('follows from the rules and the seed, parameter by parameter', () => {
    const made = Initial.initialState(seeded, types, { seed: fill(1), rules: own })
    made.forEach((value, parameter) => {
      const expected = Initial.initialTensor(types[parameter], own[parameter], { seed: fill(1), parameter })
      expect(equalBits(value, expected)).toBe(true)
    })
  })

  test('is the checkpoint, where the schedule names one', () => {
    expect(Initial.initialState(checkpoint, types, { seed: fill(1), checkpoint: state })).toEqual(state)
  })

  const cases: readonly {
    name: string
    start: Start
    given: Partial<Initial.InitialOptions>
    program?: TensorType[]
  }[] = [
    { name: 'no rules', start: seeded, given: {} },
    { name: 'rules where a checkpoint is named', start: checkpoint, given: { rules: own } },
    { name: 'a rule less', start: seeded, given: { rules: own.slice(1) } },
    { name: 'another rule', start: seeded, given: { rules: own.with(0, Initial.he({ in: 4, out: 3 })) } },
    { name: 'a tensor changed', start: checkpoint, given: { checkpoint: state.with(0, counting(types[0], 1)) } },
    { name: 'another order', start: checkpoint, given: { checkpoint: [state[1], state[0], state[2]] } },
    {
      name: 'the checkpoint of another program',
      start: checkpoint,
      given: { checkpoint: state },
      program: [types[0], types[0], types[2]],
    },
  ]

  test.each(cases)('is refused from $name', ({ start, given, program }) => {
    const call = () => Initial.initialState(start, program ?? types, { seed: fill(1), ...given })
    expect(codeOf(call)).toBe('data/wrong-initial')
  })
})
