import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DTYPES, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { scanBits } from '../../src/exact/ops/scatter.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { conform, refusal } from './conform.js'

const ALL = Object.keys(DTYPES) as DType[]
const isBig = (dtype: DType) => dtype === 'int64' || dtype === 'uint64'
const of = (dtype: DType, dims: number[], values: readonly number[]): Tensor =>
  tensor(dtype, dims, (isBig(dtype) ? values.map(BigInt) : values) as number[])
const places = (dims: number[], values: readonly number[]) => of('int64', dims, values)
const numbers = ({ data }: Tensor) => Array.from(data as ArrayLike<number | bigint>, Number)

const EDGES = [1, -1, 0, -0, 0.1, 1e-45, -1e-40, 3.4028234663852886e38, -3e38, 16777217, 1e-8, 7.25]
const anyFloat = fc.oneof(fc.constantFrom(...EDGES), fc.float({ noNaN: true, noDefaultInfinity: true }))

// ---------------------------------------------------------------- the definition in exact arithmetic

/** A binary64 number as an integer multiple of 2^-1074. */
function units(x: number): bigint {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, x)
  const word = bits.getBigUint64(0)
  const exponent = (word >> 52n) & 0x7ffn
  const fraction = word & 0xfffffffffffffn
  const size = exponent === 0n ? fraction : (fraction | 0x10000000000000n) << (exponent - 1n)
  return word >> 63n === 1n ? -size : size
}

/** The number of an integer multiple of 2^-1074 with at most 53 bits. */
function numberOf(value: bigint): number {
  let [rest, shift] = [value, 0]
  while (rest !== 0n && (rest & 1n) === 0n) [rest, shift] = [rest >> 1n, shift + 1]
  expect(rest > -(1n << 53n) && rest < 1n << 53n).toBe(true)
  return Number(rest) * 2 ** (shift - 1074)
}

/** Nearest multiple of g, ties to the even one. */
function onGrid(value: bigint, g: bigint): bigint {
  const floor = ((value % g) + g) % g
  const below = value - floor
  const twice = 2n * floor - g
  const odd = (below / g) % 2n !== 0n
  return twice > 0n || (twice === 0n && odd) ? below + g : below
}

/** All numbers on one grid of `bits` bits below the power of two that covers them. */
function grid(values: readonly number[], bits: number): bigint[] {
  const exact = values.map(units)
  const largest = exact.reduce((m, v) => (v > m ? v : -v > m ? -v : m), 0n)
  let cover = 1n
  while (cover < largest) cover <<= 1n
  const g = cover >> BigInt(bits)
  return exact.map((v) => (g <= 1n ? v : onGrid(v, g)))
}

describe('bits of a grid on which numbers add up exactly', () => {
  test('52 and fewer summands do not wear out the 53 bits of binary64', () => {
    expect([1, 2, 3, 4, 5, 1024, 1025, 2 ** 31].map(scanBits)).toEqual([51, 51, 51, 51, 50, 43, 42, 22])
  })
})

describe('ScatterElements', () => {
  test('the last of several updates of one element stands, for every type', async () => {
    for (const dtype of ALL) {
      const data = of(dtype, [2, 3], [1, 0, 1, 0, 1, 0])
      const updates = of(dtype, [2, 4], [0, 1, 0, 1, 1, 1, 0, 0])
      const [out] = await conform(
        (b, [x, u]) => [
          b.op('ScatterElements', [x, b.constant(places([2, 4], [2, 1, 2, 2, 0, 0, 0, 1])), u], { axis: 1 }),
        ],
        [data, updates],
      )
      expect(numbers(out)).toEqual([1, 1, 1, 0, 0, 0])
    }
  })
  test('agrees with a loop over random updates along either axis', async () => {
    const shape = fc.record({
      rows: fc.integer({ min: 1, max: 5 }),
      columns: fc.integer({ min: 1, max: 5 }),
      count: fc.integer({ min: 1, max: 9 }),
    })
    await fc.assert(
      fc.asyncProperty(
        shape,
        fc.constantFrom(0, 1),
        fc.infiniteStream(fc.nat()),
        async ({ rows, columns, count }, axis, random) => {
          const next = (limit: number) => (random.next().value as number) % limit
          const dims = axis === 0 ? [count, columns] : [rows, count]
          const size = dims[0] * dims[1]
          const at = Array.from({ length: size }, () => next(axis === 0 ? rows : columns))
          const data = Array.from({ length: rows * columns }, (_, i) => -1 - i)
          const expected = [...data]
          at.forEach((place, i) => {
            const [row, column] = [Math.floor(i / dims[1]), i % dims[1]]
            expected[axis === 0 ? place * columns + column : row * columns + place] = i
          })
          const [out] = await conform(
            (b, [x, i, u]) => [b.op('ScatterElements', [x, i, u], { axis })],
            [of('float32', [rows, columns], data), places(dims, at), of('float32', dims, [...Array(size).keys()])],
          )
          expect(numbers(out)).toEqual(expected)
        },
      ),
      { numRuns: 15 },
    )
  })
  test('a hundred thousand updates of a thousand elements, on two threads', async () => {
    const [n, m] = [100_000, 1_000]
    const at = Array.from({ length: n }, (_, i) => (i * 7919) % m)
    const b = new Builder()
    const [x, i, u] = [
      b.input('x', { dtype: 'float32', dims: [m] }),
      b.input('i', { dtype: 'int64', dims: [n] }),
      b.input('u', { dtype: 'float32', dims: [n] }),
    ]
    const outputs = [
      ['set', b.op('ScatterElements', [x, i, u], { axis: 0 })],
      ['sum', b.op('ScatterAdd', [x, i, u], { axis: 0 })],
    ] as const
    const session = await ortNode({ threads: 2 }).open(b.finish({ outputs }).program, [])
    const {
      outputs: [set, sum],
    } = await session.step([
      of('float32', [m], Array(m).fill(0)),
      places([n], at),
      of('float32', [n], [...Array(n).keys()]),
    ])
    await session.close()
    const [last, total] = [new Array<number>(m), new Array<number>(m).fill(0)]
    at.forEach((place, k) => ((last[place] = k), (total[place] += k)))
    expect(numbers(set)).toEqual(last)
    expect(numbers(sum)).toEqual(total.map(Math.fround))
  })
  test('an index out of range refuses the run, the same everywhere', async () => {
    for (const op of ['ScatterElements', 'ScatterAdd'])
      for (const bad of [-1, 3]) {
        const build: Parameters<typeof refusal>[0] = (b, [x, i, u]) => [b.op(op, [x, i, u], { axis: 0 })]
        const found = await refusal(build, [
          of('float32', [3], [1, 2, 3]),
          places([2], [0, bad]),
          of('float32', [2], [4, 5]),
        ])
        expect({ reason: found.reason, element: found.element }).toEqual({ reason: 'index-out-of-range', element: 1 })
      }
  })
  test('without updates the data stays as it is, negative zeros included', async () => {
    for (const op of ['ScatterElements', 'ScatterAdd']) {
      const build: Parameters<typeof conform>[0] = (b, [x, i, u]) => [b.op(op, [x, i, u], { axis: 1 })]
      const data = of('float32', [2, 3], [-0, 1, 2, 3, 4, 5])
      const [same] = await conform(build, [data, places([2, 0], []), of('float32', [2, 0], [])])
      expect(same.data).toEqual(data.data)
      const empty = of('float32', [0, 3], [])
      const [none] = await conform(build, [empty, places([0, 2], []), of('float32', [0, 2], [])])
      expect(none.dims).toEqual([0, 3])
    }
  })
})

describe('ScatterAdd', () => {
  const add: Parameters<typeof conform>[0] = (b, [x, i, u]) => [b.op('ScatterAdd', [x, i, u], { axis: 0 })]
  const lines = fc.record({
    data: fc.array(anyFloat, { minLength: 1, maxLength: 6 }),
    updates: fc.array(fc.tuple(fc.nat(), anyFloat), { minLength: 1, maxLength: 40 }),
  })
  const run = async (
    { data, updates }: { data: number[]; updates: [number, number][] },
    dtype: 'float32' | 'float64' = 'float32',
  ) => {
    const at = updates.map(([place]) => place % data.length)
    const [out] = await conform(add, [
      of(dtype, [data.length], data),
      places([at.length], at),
      of(
        dtype,
        [at.length],
        updates.map(([, v]) => v),
      ),
    ])
    return numbers(out)
  }
  test('is the sum of all on one grid of the line, rounded once', async () => {
    await fc.assert(
      fc.asyncProperty(lines, async (line) => {
        const [data, updates] = [
          line.data.map(Math.fround),
          line.updates.map(([i, v]): [number, number] => [i, Math.fround(v)]),
        ]
        const all = grid([...data, ...updates.map(([, v]) => v)], scanBits(1 + updates.length))
        const sums = all.slice(0, data.length)
        updates.forEach(([place], k) => (sums[place % data.length] += all[data.length + k]))
        expect(await run({ data, updates })).toEqual(sums.map((v) => Math.fround(numberOf(v)) + 0))
      }),
      { numRuns: 25 },
    )
  })
  test('the order of the updates does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(lines, fc.infiniteStream(fc.nat()), async ({ data, updates }, random) => {
        const shuffled = updates
          .map((u) => [u, random.next().value as number] as const)
          .sort((a, b) => a[1] - b[1])
          .map(([u]) => u)
        expect(await run({ data, updates: shuffled })).toEqual(await run({ data, updates }))
      }),
      { numRuns: 10 },
    )
  })
  test('lines do not affect each other, along any axis', async () => {
    const [rows, columns, count] = [3, 4, 5]
    const value = (i: number) => Math.fround(((i * 37) % 11) * 10 ** ((i % 7) - 3))
    const data = Array.from({ length: rows * columns }, (_, i) => value(i))
    const updates = Array.from({ length: rows * count }, (_, i) => -value(i + 5))
    const at = updates.map((_, i) => (i * 3) % columns)
    const [whole] = await conform(
      (b, [x, i, u]) => [b.op('ScatterAdd', [x, i, u], { axis: 1 })],
      [of('float32', [rows, columns], data), places([rows, count], at), of('float32', [rows, count], updates)],
    )
    for (let row = 0; row < rows; row++) {
      const cut = (list: number[], width: number) => list.slice(row * width, (row + 1) * width)
      const line = await run({
        data: cut(data, columns),
        updates: cut(at, count).map((p, k): [number, number] => [p, cut(updates, count)[k]]),
      })
      expect(cut(numbers(whole), columns)).toEqual(line)
    }
  })
  test('binary64 in its domain, infinities and NaN give NaN in their line', async () => {
    expect(
      await run(
        {
          data: [1, 2 ** -60],
          updates: [
            [0, 2 ** -30],
            [1, 2],
          ],
        },
        'float64',
      ),
    ).toEqual([1 + 2 ** -30, 2])
    for (const bad of [2 ** 500, 2 ** -500, Infinity])
      expect(await run({ data: [0, 0], updates: [[0, bad]] }, 'float64')).toEqual([NaN, NaN])
    for (const bad of [Infinity, NaN])
      expect(
        await run({
          data: [1, 2],
          updates: [
            [0, bad],
            [1, 1],
          ],
        }),
      ).toEqual([NaN, NaN])
  })
  test('integers wrap, halves are rounded from float32', async () => {
    const [i8] = await conform(add, [
      of('int8', [2], [127, -128]),
      places([3], [0, 1, 1]),
      of('int8', [3], [1, -1, -127]),
    ])
    expect(numbers(i8)).toEqual([-128, 0])
    const top = 9223372036854775807n
    const [i64] = await conform(add, [
      tensor('int64', [2], [top, -top]),
      places([2], [0, 1]),
      tensor('int64', [2], [1n, -2n]),
    ])
    expect(Array.from(i64.data as BigInt64Array)).toEqual([-top - 1n, top])
    for (const dtype of ALL.filter((d) => d !== 'bool' && d !== 'float32' && d !== 'float64'))
      await conform(add, [of(dtype, [3], [1, 100, 7]), places([4], [0, 1, 1, 0]), of(dtype, [4], [99, 100, 101, 3])])
  })
})

describe('CumSum', () => {
  const scan: Parameters<typeof conform>[0] = (b, [x]) => [b.op('CumSum', [x])]
  test('is the running sum of all on one grid of the line, rounded once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyFloat, { minLength: 1, maxLength: 60 }), async (values) => {
        const line = values.map(Math.fround)
        let sum = 0n
        const expected = grid(line, scanBits(line.length)).map((v) => Math.fround(numberOf((sum += v))) + 0)
        const [out] = await conform(scan, [of('float32', [1, line.length], line)])
        expect(numbers(out)).toEqual(expected)
      }),
      { numRuns: 25 },
    )
  })
  test('lines do not affect each other; empty ones are empty', async () => {
    const values = Array.from({ length: 3 * 50 }, (_, i) =>
      Math.fround(((i * 41) % 17) * 10 ** (Math.floor(i / 50) * 9 - 9)),
    )
    const [whole] = await conform(scan, [of('float32', [3, 50], values)])
    for (let row = 0; row < 3; row++) {
      const [line] = await conform(scan, [of('float32', [50], values.slice(row * 50, row * 50 + 50))])
      expect(numbers(whole).slice(row * 50, row * 50 + 50)).toEqual(numbers(line))
    }
    expect((await conform(scan, [of('float32', [3, 0], [])]))[0].dims).toEqual([3, 0])
  })
  test('integers wrap; other float types; infinities and NaN', async () => {
    const [i32] = await conform(scan, [of('int32', [3], [2147483647, 1, -1])])
    expect(numbers(i32)).toEqual([2147483647, -2147483648, 2147483647])
    const [u64] = await conform(scan, [tensor('uint64', [3], [18446744073709551615n, 1n, 5n])])
    expect(Array.from(u64.data as BigUint64Array)).toEqual([18446744073709551615n, 0n, 5n])
    for (const dtype of ['float64', 'float16', 'bfloat16', 'uint32', 'int64'] as const)
      await conform(scan, [of(dtype, [2, 4], [1, 2, 3, 4, 5, 6, 7, 8])])
    for (const bad of [Infinity, NaN])
      expect(numbers((await conform(scan, [of('float32', [3], [1, bad, 2])]))[0])).toEqual([NaN, NaN, NaN])
    expect(numbers((await conform(scan, [of('float64', [2], [1, 2 ** 401])]))[0])).toEqual([NaN, NaN])
  })
})

describe('TopK', () => {
  const best =
    (k: number, largest: number, axis = 0): Parameters<typeof conform>[0] =>
    (b, [x]) => [b.op('TopK', [x], { axis, k, largest })]
  test('orders by value, equal ones by place, and the k best are a prefix of the k + 1 best', async () => {
    const values = fc.array(fc.oneof(fc.constantFrom(0, -0, 1, -1, Infinity, -Infinity), fc.float({ noNaN: true })), {
      minLength: 1,
      maxLength: 40,
    })
    await fc.assert(
      fc.asyncProperty(values, fc.nat(), fc.constantFrom(0, 1), async (line, seed, largest) => {
        const k = seed % (line.length + 1)
        const order = line
          .map((_, i) => i)
          .sort((a, b) => (line[a] === line[b] ? a - b : line[a] > line[b] === (largest === 1) ? -1 : 1))
        const [out] = await conform(best(k, largest), [of('float32', [line.length], line)])
        expect(numbers(out)).toEqual(order.slice(0, k))
      }),
      { numRuns: 30 },
    )
  })
  test('of every ordered type, along every axis', async () => {
    for (const dtype of ALL.filter((d) => d !== 'bool'))
      for (const axis of [0, 1, 2]) {
        const signed = DTYPES[dtype].kind !== 'unsigned' && dtype !== 'float16' && dtype !== 'bfloat16'
        const x = of(
          dtype,
          [3, 4, 2],
          Array.from({ length: 24 }, (_, i) => ((i * 7) % 5) * (signed && i % 2 === 1 ? -1 : 1)),
        )
        for (const largest of [0, 1]) await conform(best(2, largest, axis), [x])
      }
    const [u64] = await conform(best(3, 1), [tensor('uint64', [3], [5n, 18446744073709551615n, 9223372036854775808n])])
    expect(numbers(u64)).toEqual([1, 2, 0])
  })
  test('ten thousand elements with many ties, few and many of them wanted', async () => {
    const line = Array.from({ length: 10_000 }, (_, i) => (i * 7919) % 13)
    for (const k of [1, 10, 3000, 10_000]) {
      const [out] = await conform(best(k, 1), [of('float32', [10_000], line)])
      const order = line.map((_, i) => i).sort((a, b) => line[b] - line[a] || a - b)
      expect(numbers(out)).toEqual(order.slice(0, k))
    }
  })
  test('a NaN refuses the run', async () => {
    const found = await refusal(best(1, 1), [of('float32', [3], [1, 2, NaN])])
    expect({ reason: found.reason, element: found.element }).toEqual({ reason: 'nan', element: 2 })
  })
})

describe('Pad', () => {
  test('puts copies of the value around the elements of every type', async () => {
    for (const dtype of ALL) {
      const [out] = await conform(
        (b, [x, v]) => [b.op('Pad', [x, v], { pads: [1, 0, 0, 2] })],
        [of(dtype, [2, 2], [1, 0, 0, 1]), of(dtype, [], [1])],
      )
      expect([out.dims, numbers(out)]).toEqual([
        [3, 4],
        [1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1],
      ])
    }
  })
  test('keeps the sign of zeros and NaN; an empty tensor becomes all padding', async () => {
    const [out] = await conform(
      (b, [x, v]) => [b.op('Pad', [x, v], { pads: [1, 1] })],
      [of('float32', [2], [-0, NaN]), of('float32', [], [-0])],
    )
    expect(numbers(out)).toEqual([-0, -0, NaN, -0])
    const [empty] = await conform(
      (b, [x, v]) => [b.op('Pad', [x, v], { pads: [1, 0, 1, 0] })],
      [of('bool', [0, 2], []), of('bool', [], [1])],
    )
    expect([empty.dims, numbers(empty)]).toEqual([
      [2, 2],
      [1, 1, 1, 1],
    ])
  })
})
