import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault } from '../../src/core/faults.js'
import { DTYPES, isFloat, tensor, type DType, type Tensor, type TensorType } from '../../src/core/tensor.js'
import { rangeOf } from '../../src/exact/ops/elementwise.js'
import { halfToNumber, isHalfNaN, numberToHalf } from '../../src/exact/ops/halves.js'
import { opOf } from '../../src/exact/ops/index.js'
import type { Attributes } from '../../src/exact/program.js'
import { conform, refusal } from './conform.js'

const ALL = Object.keys(DTYPES) as DType[]
const FLOATS: DType[] = ['float32', 'float64']
const HALVES = ['float16', 'bfloat16'] as const
const SIGNED: DType[] = ['int8', 'int16', 'int32', 'int64']
const UNSIGNED: DType[] = ['uint8', 'uint16', 'uint32', 'uint64']
const INTEGERS = [...SIGNED, ...UNSIGNED]

const EDGE_FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3.25,
  1e-45,
  -1e-45,
  1.1754943508222875e-38,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  16777217,
  0.1,
  -7.3,
  5,
  3,
  Infinity,
  -Infinity,
  NaN,
  5e-324,
  1e300,
  4503599627370497.5,
]

/** Edge values of a type. */
function edges(dtype: DType): Tensor {
  if (dtype === 'float16' || dtype === 'bfloat16') {
    const bits = EDGE_FLOATS.map((v) => numberToHalf(dtype, v))
    return tensor(dtype, [bits.length], bits)
  }
  if (isFloat(dtype)) return tensor(dtype, [EDGE_FLOATS.length], EDGE_FLOATS)
  if (dtype === 'bool') return tensor(dtype, [2], [0, 1])
  const [lowest, highest] = rangeOf(dtype)
  const values = [lowest, lowest + 1n, lowest / 2n, -1n, 0n, 1n, 2n, 3n, 7n, highest / 3n, highest - 1n, highest]
  const inside = values.filter((v) => v >= lowest && v <= highest)
  const big = dtype === 'int64' || dtype === 'uint64'
  return tensor(dtype, [inside.length], (big ? inside : inside.map(Number)) as number[])
}

/** Every edge value against every other: [n, 1] and [1, n]. */
function pairs(dtype: DType): [Tensor, Tensor] {
  const values = edges(dtype)
  const n = values.dims[0]
  return [
    { ...values, dims: [n, 1] },
    { ...values, dims: [1, n] },
  ]
}

const binary: Record<string, DType[]> = {
  Add: [...FLOATS, ...HALVES, ...INTEGERS],
  Sub: [...FLOATS, ...HALVES, ...INTEGERS],
  Mul: [...FLOATS, ...HALVES, ...INTEGERS],
  Div: [...FLOATS, ...HALVES],
  Fmod: [...FLOATS, ...HALVES],
  Max: [...FLOATS, ...HALVES, ...INTEGERS],
  Min: [...FLOATS, ...HALVES, ...INTEGERS],
  Equal: [...FLOATS, ...HALVES, ...INTEGERS, 'bool'],
  Less: [...FLOATS, ...HALVES, ...INTEGERS],
  And: ['bool'],
  Or: ['bool'],
  Xor: ['bool'],
  BitwiseAnd: INTEGERS,
  BitwiseOr: INTEGERS,
  BitwiseXor: INTEGERS,
}
const unary: Record<string, DType[]> = {
  Sqrt: [...FLOATS, ...HALVES],
  Neg: [...FLOATS, ...HALVES, ...SIGNED],
  Abs: [...FLOATS, ...HALVES, ...INTEGERS],
  Sign: [...FLOATS, ...HALVES, ...INTEGERS],
  Floor: [...FLOATS, ...HALVES],
  Ceil: [...FLOATS, ...HALVES],
  Round: [...FLOATS, ...HALVES],
  Relu: [...FLOATS, ...HALVES],
  IsNaN: [...FLOATS, ...HALVES],
  Not: ['bool'],
}

describe('elementwise ops give one result on every runtime', () => {
  for (const [op, dtypes] of Object.entries(binary))
    test(`${op} of every pair of edge values of ${dtypes.length} types`, async () => {
      for (const dtype of dtypes) await conform((b, [x, y]) => [b.op(op, [x, y])], pairs(dtype))
    })
  for (const [op, dtypes] of Object.entries(unary))
    test(`${op} of the edge values of ${dtypes.length} types`, async () => {
      for (const dtype of dtypes) await conform((b, [x]) => [b.op(op, [x])], [edges(dtype)])
    })
  test('Where moves the bits of every type', async () => {
    for (const dtype of ALL) {
      const [x, y] = pairs(dtype)
      const condition = tensor(
        'bool',
        [x.dims[0], 1],
        Array.from({ length: x.dims[0] }, (_, i) => i % 2),
      )
      const [out] = await conform((b, [c, p, q]) => [b.where(c, p, q)], [condition, x, y])
      expect(out.data[0]).toEqual(y.data[0])
    }
  })
  test('integer division by every divisor but zero, lowest / -1 included', async () => {
    for (const dtype of INTEGERS) {
      const [x, y] = pairs(dtype)
      const kept = Array.from(y.data as ArrayLike<number | bigint>).filter((v) => Number(v) !== 0)
      const divisors = tensor(dtype, [1, kept.length], kept as number[])
      const [quotient, rest] = await conform((b, [p, q]) => [b.div(p, q), b.op('Mod', [p, q])], [x, divisors])
      const width = 8 * DTYPES[dtype].bytes
      const wrap = DTYPES[dtype].kind === 'signed' ? BigInt.asIntN : BigInt.asUintN
      for (let i = 0; i < quotient.data.length; i++) {
        const [a, d] = [BigInt(x.data[Math.floor(i / kept.length)]), BigInt(kept[i % kept.length])]
        expect(BigInt(quotient.data[i])).toBe(wrap(width, a / d))
        expect(BigInt(rest.data[i])).toBe(((a % d) + d) % d)
      }
    }
  })
  test('BitShift by less than, by exactly and by more than the width', async () => {
    for (const dtype of UNSIGNED)
      for (const right of [0, 1]) {
        const [x] = pairs(dtype)
        const distances = [0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 200]
        const y = tensor(
          dtype,
          [1, distances.length],
          (dtype === 'uint64' ? distances.map(BigInt) : distances) as number[],
        )
        const [out] = await conform((b, [p, q]) => [b.op('BitShift', [p, q], { right })], [x, y])
        for (let i = 0; i < out.data.length; i++) {
          const a = BigInt(x.data[Math.floor(i / distances.length)])
          const d = BigInt(distances[i % distances.length])
          expect(BigInt(out.data[i])).toBe(right === 1 ? a >> d : BigInt.asUintN(8 * DTYPES[dtype].bytes, a << d))
        }
      }
  })
  test('no elements give no elements', async () => {
    for (const dtype of [...FLOATS, ...HALVES, ...INTEGERS]) {
      const empty = tensor(dtype, [0, 3], [])
      const [out] = await conform((b, [x, y]) => [b.add(x, y)], [empty, empty])
      expect(out.dims).toEqual([0, 3])
    }
  })
})

describe('the fault point of integer division', () => {
  for (const dtype of INTEGERS)
    test(`a zero divisor of ${dtype} refuses the run at its element`, async () => {
      const of = (values: number[]) =>
        tensor(dtype, [3], (dtype.endsWith('64') ? values.map(BigInt) : values) as number[])
      const found = await refusal((b, [x, y]) => [b.div(x, y)], [of([1, 2, 3]), of([1, 0, 0])])
      expect(found).toMatchObject({ reason: 'zero-divisor', element: 1 })
    })
})

describe('Cast converts between every two types', () => {
  for (const from of ALL)
    test(`from ${from}`, async () => {
      const values = edges(from)
      const ordinary =
        from === 'float16' || from === 'bfloat16'
          ? tensor(
              from,
              [values.data.length - 1],
              [...(values.data as Uint16Array)].filter((v) => !isHalfNaN(from, v)),
            )
          : isFloat(from)
            ? tensor(
                from,
                [values.data.length - 1],
                [...(values.data as Float64Array)].filter((v) => v === v),
              )
            : values
      for (const to of ALL) {
        const input = isFloat(to) || to === 'bool' ? values : ordinary
        await conform((b, [x]) => [b.op('Cast', [x], { to: DTYPES[to].code })], [input])
      }
    })

  test('floats truncate and are clamped to the range of the target', async () => {
    const x = tensor('float64', [7], [-1.9, 1.9, 300.5, -300.5, 1e30, -1e30, Infinity])
    const expected: Partial<Record<DType, (number | bigint)[]>> = {
      int8: [-1, 1, 127, -128, 127, -128, 127],
      uint8: [0, 1, 255, 0, 255, 0, 255],
      int64: [-1n, 1n, 300n, -300n, 2n ** 63n - 1024n, -(2n ** 63n), 2n ** 63n - 1024n],
      uint64: [0n, 1n, 300n, 0n, 2n ** 64n - 2048n, 0n, 2n ** 64n - 2048n],
    }
    for (const [to, values] of Object.entries(expected)) {
      const [out] = await conform((b, [a]) => [b.cast(a, to as DType)], [x])
      expect([...(out.data as Int32Array)]).toEqual(values)
    }
  })

  test('64-bit integers round once on their way to short floats', async () => {
    // 2^60 + 2^36 is half-way between two binary32 numbers; the last bit decides, and binary64 loses it.
    const values = [
      2n ** 60n + 2n ** 36n + 1n,
      2n ** 60n + 2n ** 36n,
      2n ** 60n + 3n * 2n ** 36n - 1n,
      -(2n ** 62n) - 1n,
    ]
    const x = tensor('int64', [4], values)
    const [single] = await conform((b, [a]) => [b.cast(a, 'float32')], [x])
    expect([...(single.data as Float32Array)].map(BigInt)).toEqual([
      2n ** 60n + 2n ** 37n,
      2n ** 60n,
      2n ** 60n + 2n ** 37n,
      -(2n ** 62n),
    ])
  })

  test('a binary64 number rounds to float16 and bfloat16 at once, not by way of float32', async () => {
    const x = tensor('float64', [2], [1 + 2 ** -11 + 2 ** -40, 1 + 2 ** -8 + 2 ** -40])
    const [half, brain] = await conform((b, [a]) => [b.cast(a, 'float16'), b.cast(a, 'bfloat16')], [x])
    expect(halfToNumber('float16', Number(half.data[0]))).toBe(1 + 2 ** -10)
    expect(halfToNumber('bfloat16', Number(brain.data[1]))).toBe(1 + 2 ** -7)
  })

  for (const half of HALVES)
    test(`every ${half} survives the way to float32 and back`, async () => {
      const bits = Uint16Array.from({ length: 65536 }, (_, i) => i)
      const x: Tensor = { dtype: half, dims: [65536], data: bits }
      const [wide, back] = await conform((b, [a]) => [b.cast(a, 'float32'), b.cast(b.cast(a, 'float32'), half)], [x])
      for (let i = 0; i < 65536; i++) {
        const value = halfToNumber(half, i)
        if (value !== value) continue
        if (!Object.is(wide.data[i], value)) expect(wide.data[i]).toBe(value)
        if (back.data[i] !== i) expect(back.data[i]).toBe(i)
      }
    })

  for (const half of HALVES)
    test(`no ${half} is nearer to a number than the one it rounds to, and ties go to the even one`, () => {
      const largest = half === 'float16' ? 65504 : 3.3895313892515355e38
      const value = fc.double({ min: -largest, max: largest, noNaN: true })
      const small = fc.double({ min: -1e-4, max: 1e-4, noNaN: true })
      fc.assert(
        fc.property(fc.oneof(value, small), (v) => {
          const bits = numberToHalf(half, v)
          const error = Math.abs(halfToNumber(half, bits) - v)
          for (const other of [bits - 1, bits + 1].filter((b) => (b & 0x7fff) > 0 && b >= 0 && b < 65536)) {
            const distance = Math.abs(halfToNumber(half, other) - v)
            if (distance === error) expect(bits % 2).toBe(0)
            else if (distance === distance) expect(distance).toBeGreaterThan(error)
          }
        }),
        { numRuns: 2000 },
      )
    })

  test('random numbers convert alike everywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { minLength: 200, maxLength: 200 }),
        async (integers) => {
          const bits = BigInt64Array.from(integers)
          const float = new Float64Array(bits.slice().buffer).map((v) => (v === v ? v : 1.5))
          const x: Tensor = { dtype: 'int64', dims: [200], data: bits }
          const y: Tensor = { dtype: 'float64', dims: [200], data: float }
          await conform(
            (b, [p, q]) =>
              ALL.flatMap((to) => [b.cast(p, to), b.cast(q, to), b.cast(b.cast(q, 'float16'), to)]).filter(
                (r) => r.id > 1,
              ),
            [x, y],
          )
        },
      ),
      { numRuns: 3 },
    )
  })

  for (const from of [...FLOATS, ...HALVES])
    test(`a NaN of ${from} that becomes an integer refuses the run`, async () => {
      const values =
        isFloat(from) && from.startsWith('float') && from !== 'float16' ? [1, Infinity, NaN, NaN] : undefined
      const x =
        values === undefined
          ? tensor(
              from,
              [3],
              [0, 0x7f80, from === 'float16' ? 0x7e00 : 0x7fc0].map((v, i) => (i === 1 ? 0 : v)),
            )
          : tensor(from, [4], values)
      const found = await refusal((b, [a]) => [b.cast(a, 'int32')], [x])
      expect(found).toMatchObject({ reason: 'nan', element: 2 })
    })
})

describe('operands that no decomposition makes are refused', () => {
  const float: TensorType = { dtype: 'float32', dims: [2] }
  const codeOf = (op: string, inputs: readonly TensorType[], attributes: Attributes = {}) => {
    try {
      opOf(op).infer(inputs, attributes)
      return 'no fault'
    } catch (error) {
      return Fault.is(error) ? error.code : error
    }
  }
  test('one operand too many or too few', () => {
    for (const op of [...Object.keys(binary), 'Pow'])
      for (const count of [1, 3]) expect(codeOf(op, Array<TensorType>(count).fill(float))).toBe('exact/bad-program')
    for (const op of [...Object.keys(unary), 'Exp', 'Cast', 'BitCast'])
      expect(codeOf(op, [float, float], { to: 1 })).toBe('exact/bad-program')
    expect(codeOf('Where', [float, float])).toBe('exact/bad-program')
  })
  test('types that the op does not have, and types that differ', () => {
    expect(codeOf('Add', [float, { dtype: 'float64', dims: [2] }])).toBe('exact/unsupported-type')
    expect(
      codeOf('Add', [
        { dtype: 'float16', dims: [2] },
        { dtype: 'float16', dims: [2] },
      ]),
    ).toBe('exact/unsupported-type')
    expect(codeOf('And', [float, float])).toBe('exact/unsupported-type')
    expect(codeOf('Cast', [float], { to: 8 })).toBe('exact/unsupported-type')
    expect(codeOf('BitCast', [float], { to: DTYPES.float64.code })).toBe('exact/unsupported-type')
  })
  test('a shift in no direction', () => {
    const bytes: TensorType = { dtype: 'uint8', dims: [2] }
    expect(codeOf('BitShift', [bytes, bytes], { right: 2 })).toBe('exact/bad-program')
  })
})

test('BitCast keeps bits between all types of one width, and a NaN has canonical bits', async () => {
  for (const from of ALL)
    for (const to of ALL) {
      if (from === 'bool' || to === 'bool' || DTYPES[from].bytes !== DTYPES[to].bytes) continue
      await conform((b, [x]) => [b.op('BitCast', [x], { to: DTYPES[to].code })], [edges(from)])
    }
  const nan: Tensor = { dtype: 'float32', dims: [1], data: new Float32Array(Uint32Array.of(0xffc12345).buffer) }
  const [bits] = await conform((b, [x]) => [b.op('BitCast', [x], { to: DTYPES.uint32.code })], [nan])
  expect(bits.data[0]).toBe(0x7fc00000)
})
