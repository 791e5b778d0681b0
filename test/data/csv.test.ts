import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { tensor } from '../../src/core/tensor.js'
import * as Csv from '../../src/data/csv.js'
import * as Raw from '../../src/data/raw.js'
import { codeOf } from './samples.js'

const one = (text: string, dtype: Csv.CsvColumn['dtype'] = 'float64') =>
  Csv.decode(utf8(text), { a: { dtype, first: 0 } }).a

describe('numbers in comma-separated text', () => {
  test('become one tensor a column, with the samples on the first axis', () => {
    const text = 'p0,p1,p2,p3,class\n0,1.5,-2,3e2,7\r\n4,5,6,7,9\n'
    const columns = {
      pixels: { dtype: 'float32', dims: [2, 2], first: 0 },
      label: { dtype: 'int64', first: 4 },
    } as const
    expect(Csv.decode(utf8(text), columns, { header: 'names' })).toEqual({
      pixels: tensor('float32', [2, 2, 2], [0, 1.5, -2, 300, 4, 5, 6, 7]),
      label: tensor('int64', [2], [7n, 9n]),
    })
  })

  test('are read back as they were written: every finite binary64 and every integer of its dtype', () => {
    const floats = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(floats, (values) => {
        const text = values.map((value) => (Object.is(value, -0) ? '-0' : String(value))).join('\n')
        expect(one(text).data).toEqual(Float64Array.from(values))
      }),
    )
    const integers = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(integers, (values) => {
        expect(one(values.join('\n'), 'int64').data).toEqual(BigInt64Array.from(values))
      }),
    )
  })

  test('a float32 is the nearest to the nearest binary64', () => {
    const texts = fc.array(fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 19n }), fc.integer({ min: -40, max: 15 })), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(texts, (list) => {
        const lines = list.map(([digits, exponent]) => `${digits}e${exponent}`)
        expect(one(lines.join('\n'), 'float32').data).toEqual(Float32Array.from(lines.map(Number)))
      }),
    )
  })

  test('the quick way and the long way agree', () => {
    for (const value of [0, 7, 10, 999_999_999, 1_000_000_000, 4_294_967_295]) {
      expect(one(String(value), 'uint32').data[0]).toBe(value)
      expect(one(String(value)).data[0]).toBe(value)
    }
  })

  test.each([
    ['nothing', ''],
    ['an empty line', '1\n\n2'],
    ['an empty line at the end', '1\n\n'],
    ['an empty field', '1,\n'],
    ['a space', ' 1'],
    ['a quote', '"1"'],
    ['a leading zero', '01'],
    ['a plus', '+1'],
    ['a bare point', '.5'],
    ['a point at the end', '5.'],
    ['hexadecimal', '0x10'],
    ['an infinity', 'Infinity'],
    ['a NaN', 'nan'],
    ['a number beyond binary64', '1e309'],
    ['a byte order mark', '\ufeff1'],
    ['other digits', '\u0661'],
    ['more digits than ECMAScript promises to read', '1.00000000000000000001'],
    ['a field without end', '1'.repeat(100_000)],
    ['a carriage return alone', '1\r2'],
  ])('%s is refused', (_, text) => {
    const columns = Object.fromEntries(
      [...text.split('\n')[0].split(',')].map((_, i) => [`c${i}`, { dtype: 'float64', first: i } as const]),
    )
    expect(codeOf(() => Csv.decode(utf8(text), columns))).toBe('data/bad-csv')
  })

  test.each([
    ['uint8', '256'],
    ['uint8', '-1'],
    ['int8', '-129'],
    ['int32', '2147483648'],
    ['int64', '9223372036854775808'],
    ['uint64', '18446744073709551616'],
    ['int32', '1.0'],
    ['int32', '1e3'],
    ['bool', '2'],
    ['float32', '3.5e38'],
    ['float16', '1'],
    ['bfloat16', '1'],
  ] as const)('%s does not hold %s', (dtype, text) => {
    expect(codeOf(() => one(text, dtype))).toBe('data/bad-csv')
  })

  test('a line with another number of fields is refused, in a header too', () => {
    expect(codeOf(() => one('1,2\n3\n'))).toBe('data/bad-csv')
    expect(codeOf(() => one('1,2\n3,4,5\n'))).toBe('data/bad-csv')
    const header = { header: 'names' } as const
    expect(codeOf(() => Csv.decode(utf8('a,b\n1\n'), { a: { dtype: 'uint8', first: 0 } }, header))).toBe('data/bad-csv')
    expect(codeOf(() => Csv.decode(utf8('a,b\n'), { a: { dtype: 'uint8', first: 0 } }, header))).toBe('data/bad-csv')
  })

  test.each([
    { first: 2 },
    { first: -1 },
    { first: 0.5 },
    { first: 1, dims: [2] },
    { first: 0, dims: [0] },
    { first: 0, dims: [-1, -2] },
  ])('a column %o that the lines do not have is refused', (place) => {
    expect(codeOf(() => Csv.decode(utf8('1,2\n'), { a: { dtype: 'uint8', ...place } }))).toBe('data/bad-csv')
  })

  test('fields of no column are counted, not read', () => {
    expect(Csv.decode(utf8('x,1\ny,2\n'), { a: { dtype: 'uint8', first: 1 } }).a.data).toEqual(Uint8Array.of(1, 2))
  })

  test('what is larger than the limit is refused before it is allocated', () => {
    const call = () =>
      Csv.decode(utf8('1,2\n'.repeat(10)), { a: { dtype: 'uint8', dims: [2], first: 0 } }, { limit: 19 })
    expect(codeOf(call)).toBe('core/too-large')
    expect(codeOf(() => one(','.repeat(2 ** 20)))).toBe('core/too-large')
  })

  test('any bytes give numbers or a fault, never another error', () => {
    const characters = fc.constantFrom(...[...'0123456789.,eE+-\n\r"x'].map((c) => c.charCodeAt(0)))
    const bytes = fc.array(characters, { maxLength: 30 }).map((list) => Uint8Array.from(list))
    fc.assert(
      fc.property(bytes, (input) => {
        expect(['no fault', 'data/bad-csv']).toContain(
          codeOf(() => Csv.decode(input, { a: { dtype: 'float32', first: 0 } })),
        )
      }),
      { numRuns: 500 },
    )
  })

  test('a message does not hold what stands in the field', () => {
    expect(() => one('12345x')).toThrow(expect.objectContaining({ message: expect.not.stringContaining('12345') }))
  })
})

describe('raw files', () => {
  test('are samples one behind the other, after the header', () => {
    const bytes = Uint8Array.of(9, 9, 1, 0, 2, 0, 3, 0, 4, 0)
    expect(Raw.decode(bytes, { dtype: 'uint16', dims: [2], offset: 2 })).toEqual(tensor('uint16', [2, 2], [1, 2, 3, 4]))
  })

  test('with a stride are windows that overlap or leave gaps, and the rest of the file is left out', () => {
    const [dtype, dims] = ['uint8', [3]] as const
    const rows = (stride: number): number[] =>
      [...Raw.decode(Uint8Array.of(0, 1, 2, 3, 4, 5), { dtype, dims, stride }).data].map(Number)
    expect(rows(1)).toEqual([0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5])
    expect(rows(2)).toEqual([0, 1, 2, 2, 3, 4])
    expect(rows(4)).toEqual([0, 1, 2])
  })

  test('that overlap beyond 2 GiB are refused before they are allocated', () => {
    const column = { dtype: 'uint8', dims: [2 ** 16], stride: 1 } as const
    expect(codeOf(() => Raw.decode(new Uint8Array(2 ** 17), column))).toBe('core/too-large')
  })

  test.each([
    ['half a sample', { dtype: 'uint16', dims: [2] } as const, 6],
    ['no sample', { dtype: 'uint16', dims: [2], offset: 4 } as const, 4],
    ['less than the header', { dtype: 'uint16', dims: [2], offset: 8 } as const, 4],
    ['samples without elements', { dtype: 'uint16', dims: [0] } as const, 4],
    ['a stride of 0', { dtype: 'uint16', dims: [1], stride: 0 } as const, 4],
    ['a window longer than the file', { dtype: 'uint16', dims: [3], stride: 2 } as const, 4],
    ['a negative extent', { dtype: 'uint16', dims: [-1, -1] } as const, 4],
    ['a negative offset', { dtype: 'uint16', dims: [1], offset: -2 } as const, 4],
    ['extents beyond all memory', { dtype: 'uint16', dims: [2 ** 30, 2 ** 30] } as const, 4],
  ])('with %s are refused', (_, column, length) => {
    expect(codeOf(() => Raw.decode(new Uint8Array(length), column))).toBe('data/bad-raw')
  })

  test('a bool of 2 is refused', () => {
    expect(codeOf(() => Raw.decode(Uint8Array.of(0, 2), { dtype: 'bool', dims: [] }))).toBe('data/bad-raw')
  })
})
