/** Laws of sums on a grid, on the definition itself. The lowerings are compared with the definition elsewhere. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { PRODUCT_BITS, PRODUCT_BLOCK, SUM_BLOCK, productGrid32 } from '../../src/exact/ops/grid.js'
import { opOf } from '../../src/exact/ops/index.js'

const evaluate = (name: string, inputs: readonly Tensor[], attributes = {}): number[] => {
  const op = opOf(name)
  return Array.from(op.evaluate(inputs, attributes, op.infer(inputs, attributes)) as Float32Array)
}
const row = (values: readonly number[]) => tensor('float32', [1, values.length], values)
const column = (values: readonly number[]) => tensor('float32', [values.length, 1], values)
const dot = (a: readonly number[], b: readonly number[]): number => evaluate('MatMul', [row(a), column(b)])[0]

/** Numbers of very different sizes, zeros and subnormals among them. */
const number = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e6), max: Math.fround(1e6) }),
  fc.constantFrom(0, -0, 1, 2 ** -149, -(2 ** -126), 2 ** 20, Math.fround(0.1)),
)
const pairs = fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 40 })
const shuffled = pairs.chain((list) =>
  fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
)
const firsts = (list: readonly (readonly [number, number])[]) => list.map(([a]) => a)
const seconds = (list: readonly (readonly [number, number])[]) => list.map(([, b]) => b)

describe('laws', () => {
  test('permuting the places of a block changes no product', () => {
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        expect(dot(firsts(other), seconds(other))).toBe(dot(firsts(list), seconds(list)))
      }),
    )
  })

  test('permuting the summands of a block changes no sum', () => {
    const sum = (list: readonly number[]) =>
      evaluate('ReduceSum', [tensor('float32', [list.length], list)], { axes: 1 })[0]
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        expect(sum(firsts(other))).toBe(sum(firsts(list)))
      }),
    )
  })

  test('the rows of a batch do not affect each other', () => {
    const matrix = fc.array(fc.tuple(number, number, number), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(matrix, fc.tuple(number, number, number), (rows, w) => {
        const together = evaluate('MatMul', [tensor('float32', [rows.length, 3], rows.flat()), column(w)])
        expect(together).toEqual(rows.map((one) => dot(one, w)))
      }),
    )
  })

  test('splitting a block anywhere and adding the parts changes nothing, and every part is exact', () => {
    fc.assert(
      fc.property(pairs, fc.nat(), (list, at) => {
        const grid = { outer: 1, length: list.length, inner: 1, block: PRODUCT_BLOCK }
        const [qa, qw] = [productGrid32(firsts(list), grid), productGrid32(seconds(list), grid)]
        const products = Array.from(qa, (q, i) => q * qw[i])
        const cut = at % (list.length + 1)
        const add = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
        const whole = add(products)
        expect(add(products.slice(0, cut)) + add(products.slice(cut))).toBe(whole)
        expect(Math.fround(whole) + 0).toBe(dot(firsts(list), seconds(list)))
      }),
    )
  })

  test('a product of 512 places is the exact sum of its operands on their grids, as integers', () => {
    const long = fc.array(fc.tuple(number, number), { minLength: PRODUCT_BLOCK, maxLength: PRODUCT_BLOCK })
    fc.assert(
      fc.property(long, (list) => {
        const grid = { outer: 1, length: PRODUCT_BLOCK, inner: 1, block: PRODUCT_BLOCK }
        const [qa, qw] = [productGrid32(firsts(list), grid), productGrid32(seconds(list), grid)]
        const unit = (q: Float64Array) =>
          powerAbove(q.reduce((m, v) => Math.max(m, Math.abs(v)), 0)) * 2 ** -(PRODUCT_BITS + 1)
        const [ua, uw] = [unit(qa) || 1, unit(qw) || 1]
        const exact = qa.reduce((sum, q, i) => sum + BigInt(q / ua) * BigInt(qw[i] / uw), 0n)
        expect(dot(firsts(list), seconds(list))).toBe(Math.fround(Number(exact) * ua * uw) + 0)
      }),
      { numRuns: 20 },
    )
  })

  test('scaling an operand by a power of two scales the result', () => {
    const moderate = fc.array(fc.tuple(fc.integer({ min: -9999, max: 9999 }), fc.integer({ min: -9999, max: 9999 })), {
      minLength: 1,
      maxLength: 40,
    })
    fc.assert(
      fc.property(moderate, fc.integer({ min: -30, max: 30 }), (list, power) => {
        const scaled = firsts(list).map((a) => a * 2 ** power)
        expect(dot(scaled, seconds(list))).toBe(dot(firsts(list), seconds(list)) * 2 ** power + 0)
      }),
    )
  })

  test('another block has a grid of its own: small numbers beside a large one are not lost across blocks', () => {
    const list = [...Array.from({ length: PRODUCT_BLOCK }, (_, i) => (i === 0 ? 2 ** 30 : 0)), 2 ** -20]
    const ones = list.map(() => 1)
    const minus = list.map((_, i) => (i === 0 ? 0 : 1))
    expect(dot(list, minus)).toBe(2 ** -20)
    expect(dot([2 ** 30, 2 ** -20], [0, 1])).toBe(0)
    expect(dot(list, ones)).toBe(2 ** 30)
    const summands = [...Array.from({ length: SUM_BLOCK }, (_, i) => (i < 2 ? 2 ** 60 * (1 - 2 * i) : 0)), 2 ** -20]
    expect(evaluate('ReduceSum', [tensor('float32', [summands.length], summands)], { axes: 1 })).toEqual([2 ** -20])
  })
})

/** The smallest power of two that is at least m, by doubling. */
function powerAbove(m: number): number {
  if (m === 0) return 0
  let power = 2 ** -300
  while (power < m) power *= 2
  return power
}
