import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DTYPES, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import type { FaultCode } from '../../src/core/faults.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import { inputsOf, type Program } from '../../src/exact/program.js'
import { BOUNDS } from '../../src/quantize/bounds.js'
import { bitsOf, exactRange } from '../../src/quantize/interval.js'
import { intervals } from '../../src/quantize/intervals.js'
import { reference } from '../../src/runtime/reference.js'
import { bigOf, naive } from './naive.js'
import { numbersFrom, randomProgram, randomTensor } from './programs.js'

async function valuesOf(program: Program, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
  const session = await reference().open(program, [], { record: 'all' })
  return (await session.step(inputs)).values!
}

describe('intervals of random programs', () => {
  it('hold every element of every value, and every value is what integers of any size give', async () => {
    const seen = new Set<string>()
    let nodes = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31 - 1), async (seed) => {
        const program = randomProgram(seed, 16)
        const next = numbersFrom(seed + 1)
        const all = intervals(program)
        for (let run = 0; run < 3; run++) {
          const inputs = inputsOf(program).map((type) => randomTensor(next, type, exactRange(type.dtype)))
          const values = await valuesOf(program, inputs)
          const expected = naive(program, inputs)
          values.forEach((value, number) => {
            const { data } = bigOf(value)
            expect(data).toEqual(expected[number].data)
            for (const element of data) expect(element >= all[number].lo && element <= all[number].hi).toBe(true)
          })
        }
        for (const value of program.values) if (value.kind === 'node') seen.add(value.op)
        nodes += program.counts.nodes
      }),
      { numRuns: 150, seed: 7 },
    )
    expect(nodes).toBeGreaterThan(150 * 10)
    expect([...BOUNDS.keys()].filter((op) => !seen.has(op))).toEqual([])
  }, 60_000)
})

interface Case {
  readonly name: string
  readonly code: FaultCode
  build(b: Builder): Ref
}

const cast = (b: Builder, x: Ref, dtype: DType) => b.op('Cast', [x], { to: DTYPES[dtype].code })
const int8 = (b: Builder, dims: readonly number[] = [2]) => cast(b, b.input('x', { dtype: 'int8', dims }), 'int64')
const wide = (b: Builder, dims: readonly number[] = [2]) => b.input('w', { dtype: 'int64', dims })
const int = (b: Builder, value: bigint) => b.constant(tensor('int64', [], [value]))

const HOSTILE: readonly Case[] = [
  { name: 'a float input', code: 'quantize/not-integer', build: (b) => b.input('f', { dtype: 'float64', dims: [2] }) },
  { name: 'an elementary function', code: 'quantize/not-integer', build: (b) => b.exp(floats(b)) },
  {
    name: 'a fraction as a constant',
    code: 'quantize/not-integer',
    build: (b) => b.mul(floats(b), b.scalar('float64', 0.5)),
  },
  {
    name: 'a NaN as a constant',
    code: 'quantize/not-integer',
    build: (b) => b.max(floats(b), b.scalar('float64', NaN)),
  },
  {
    name: 'an infinite constant',
    code: 'quantize/not-integer',
    build: (b) => b.min(floats(b), b.scalar('float64', Infinity)),
  },
  {
    name: 'a constant beyond 2^53',
    code: 'quantize/wide-value',
    build: (b) => b.min(floats(b), b.scalar('float64', 2 ** 60)),
  },
  {
    name: 'a division of floats',
    code: 'quantize/not-integer',
    build: (b) => b.div(cast(b, int8(b), 'float64'), b.scalar('float64', 2)),
  },
  { name: 'a divisor that is an input', code: 'quantize/not-integer', build: (b) => b.div(int8(b), wide(b)) },
  { name: 'a divisor of zero', code: 'quantize/not-integer', build: (b) => b.op('Mod', [int8(b), b.ints([4, 0])]) },
  { name: 'a negative divisor', code: 'quantize/not-integer', build: (b) => b.op('Mod', [int8(b), int(b, -4n)]) },
  { name: 'a sum that wraps', code: 'quantize/wide-value', build: (b) => b.add(wide(b), int(b, 1n)) },
  { name: 'a product that wraps', code: 'quantize/wide-value', build: (b) => b.mul(int8(b), int(b, 1n << 57n)) },
  { name: 'the negative of the lowest number', code: 'quantize/wide-value', build: (b) => b.neg(wide(b)) },
  { name: 'its magnitude', code: 'quantize/wide-value', build: (b) => b.abs(wide(b)) },
  { name: 'a cast that wraps', code: 'quantize/wide-value', build: (b) => cast(b, b.add(int8(b), int(b, 1n)), 'int8') },
  {
    name: 'a cast that saturates',
    code: 'quantize/wide-value',
    build: (b) => cast(b, cast(b, b.add(int8(b), int(b, 1n)), 'float64'), 'int8'),
  },
  {
    name: 'a cast that rounds',
    code: 'quantize/wide-value',
    build: (b) => cast(b, b.mul(int8(b), int(b, 1n << 20n)), 'float32'),
  },
  { name: 'a wide cast to float64', code: 'quantize/wide-value', build: (b) => cast(b, wide(b), 'float64') },
  { name: 'an unsigned type of 64 bits', code: 'quantize/not-integer', build: (b) => cast(b, int8(b), 'uint64') },
  {
    name: 'an operand of 23 bits',
    code: 'quantize/wide-operand',
    build: (b) => product(b, { shift: 16n, k: 4, weight: 1 }),
  },
  {
    name: 'products that pass 2^53',
    code: 'quantize/wide-sum',
    build: (b) => product(b, { shift: 15n, k: 513, weight: 2 ** 22 }),
  },
  {
    name: 'a product of two wide values',
    code: 'quantize/wide-operand',
    build: (b) => b.matmul(matrix(b, 16n), matrix(b, 16n)),
  },
  {
    name: 'a sum of floats beyond 43 bits',
    code: 'quantize/wide-sum',
    build: (b) => b.op('ReduceSum', [cast(b, b.mul(int8(b, [4]), int(b, 1n << 36n)), 'float64')], { axes: 1 }),
  },
  {
    name: 'a sum of many wide integers',
    code: 'quantize/wide-value',
    build: (b) => b.op('ReduceSum', [b.mul(int8(b, [512]), int(b, 1n << 50n))], { axes: 1 }),
  },
  { name: 'an index beyond the axis', code: 'quantize/wide-index', build: (b) => b.gather(int8(b), int8(b), 0) },
  {
    name: 'a maximum over nothing',
    code: 'quantize/not-integer',
    build: (b) => b.op('ReduceMax', [wide(b, [2, 0])], { axes: 1 }),
  },
  { name: 'a window in the padding alone', code: 'quantize/not-integer', build: emptyWindow },
]

const floats = (b: Builder) => cast(b, int8(b), 'float64')
const matrix = (b: Builder, shift: bigint) => cast(b, b.mul(int8(b, [2, 2]), int(b, 1n << shift)), 'float64')

/** int8 values times 2^shift in a product with K = k. */
function product(b: Builder, { shift, k, weight }: { shift: bigint; k: number; weight: number }): Ref {
  const x = cast(b, b.mul(int8(b, [1, k]), int(b, 1n << shift)), 'float64')
  return b.matmul(x, b.constant(tensor('float64', [k, 1], new Float64Array(k).fill(weight))))
}

/** Dilated taps on both sides of a plane of one row. */
function emptyWindow(b: Builder): Ref {
  const x = cast(b, int8(b, [1, 1, 1]), 'float32')
  return b.op('MaxPool', [x], { kernel: [2], strides: [1], pads: [1, 2], dilations: [2] })
}

describe('what is no program of integers is refused by name', () => {
  it.each(HOSTILE)('$name: $code', ({ code, build }) => {
    const b = new Builder()
    const { program } = b.finish({ outputs: [['out', build(b)]] })
    expect(() => intervals(program)).toThrow(expect.objectContaining({ code }))
  })

  it('a given interval that its type does not hold, or that is empty', () => {
    const b = new Builder()
    const { program } = b.finish({ outputs: [['out', int8(b)]] })
    for (const x of [
      { lo: 0n, hi: 128n },
      { lo: 1n, hi: 0n },
    ])
      expect(() => intervals(program, { given: { x } })).toThrow(expect.objectContaining({ code: 'exact/wrong-input' }))
  })

  it('a state of another type', () => {
    const b = new Builder()
    const parameter = b.parameter('p', tensor('int8', [2], [1, 2]))
    const { program } = b.finish({ outputs: [['out', cast(b, parameter, 'int64')]] })
    const state = [tensor('int16', [2], [1, 2])]
    expect(() => intervals(program, { state })).toThrow(expect.objectContaining({ code: 'trace/bad-state' }))
  })
})

describe('intervals are tight', () => {
  const endOf = (program: Program, options = {}) => intervals(program, options)[program.outputs[0]]

  it('where weights are known, each sign takes its own end', () => {
    const b = new Builder()
    const x = cast(b, int8(b, [1, 2]), 'float64')
    const w = b.parameter('w', tensor('int8', [2, 2], [1, -3, 2, 0]))
    const { program } = b.finish({ outputs: [['out', b.matmul(x, cast(b, w, 'float64'))]] })
    const state = [tensor('int8', [2, 2], [1, -3, 2, 0])]
    expect(endOf(program, { state })).toEqual({ lo: -384n, hi: 384n })
    expect(endOf(program, { state, given: { x: { lo: 0n, hi: 10n } } })).toEqual({ lo: -30n, hi: 30n })
    expect(endOf(program)).toEqual({ lo: 2n * -128n * 127n, hi: 2n * 128n * 128n })
  })

  it('a parameter that a step changes keeps the interval of its type or the one given', () => {
    const b = new Builder()
    const w = b.parameter('w', tensor('int8', [2], [1, 2]))
    const next = cast(b, b.op('Min', [cast(b, w, 'int64'), int(b, 9n)]), 'int8')
    const { program } = b.finish({ outputs: [['out', next]], carries: [[w, next]] })
    const state = [tensor('int8', [2], [1, 2])]
    expect(endOf(program, { state })).toEqual({ lo: -128n, hi: 9n })
    expect(endOf(program, { state, given: { w: { lo: 0n, hi: 5n } } })).toEqual({ lo: 0n, hi: 5n })
  })

  it('rounding by a shift gives the rounded ends of the interval', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-5000n, 5000n),
        fc.bigInt(0n, 5000n),
        fc.integer({ min: 1, max: 9 }),
        (lo, width, shift) => {
          const b = new Builder()
          const unit = int(b, 1n << BigInt(shift))
          const y = b.add(wide(b), int(b, 1n << BigInt(shift - 1)))
          const { program } = b.finish({ outputs: [['out', b.div(b.sub(y, b.op('Mod', [y, unit])), unit)]] })
          const rounded = (x: bigint) => (x + (1n << BigInt(shift - 1))) >> BigInt(shift)
          const found = endOf(program, { given: { w: { lo, hi: lo + width } } })
          expect(found).toEqual({ lo: rounded(lo), hi: rounded(lo + width) })
        },
      ),
    )
  })

  it('a remainder of a short interval stays short', () => {
    const b = new Builder()
    const { program } = b.finish({ outputs: [['out', b.op('Mod', [wide(b), int(b, 100n)])]] })
    const of = (lo: bigint, hi: bigint) => endOf(program, { given: { w: { lo, hi } } })
    expect(of(-90n, -80n)).toEqual({ lo: 10n, hi: 20n })
    expect(of(3n, 9n)).toEqual({ lo: 3n, hi: 9n })
    expect(of(-1n, 0n)).toEqual({ lo: 0n, hi: 99n })
  })

  it("bits are those of two's complement, without a sign where none is needed", () => {
    const bits = (lo: bigint, hi: bigint) => bitsOf({ lo, hi })
    expect([bits(0n, 0n), bits(0n, 255n), bits(-128n, 127n), bits(-129n, 0n), bits(-1n, -1n), bits(-1n, 1n)]).toEqual([
      0, 8, 8, 9, 1, 2,
    ])
  })
})
