import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, utf8 } from '../../src/core/bytes.js'
import { DTYPES, bytesOf, equalBits, fromBytes, sizeOf, tensor, type DType } from '../../src/core/tensor.js'
import { decodeTensor } from '../../src/onnx/decode.js'
import { encodeTensor } from '../../src/onnx/encode.js'
import { DATA_TYPES, protoOf, tensorOf } from '../../src/onnx/graph.js'
import { varint } from '../../src/onnx/wire.js'
import { bytes, faultOf, lengthed, number } from './build.js'

interface Vector {
  readonly type: string
  readonly code: number
  readonly dims: readonly number[]
  readonly typed: string
  readonly raw: string | null
  readonly payload: string | null
  readonly strings?: readonly string[]
}

const file = new URL('../vectors/onnx-tensors.json', import.meta.url)
const vectors = (JSON.parse(readFileSync(file, 'utf8')) as { tensors: Vector[] }).tensors

/** dims [3], a data type, then whatever else. */
const proto = (code: number, ...rest: Uint8Array[]): Uint8Array =>
  bytes(number(1, 3n), number(2, BigInt(code)), ...rest)

const three = (...values: bigint[]): Uint8Array => bytes(...values.map(varint))

describe('constants', () => {
  test('there is a vector for every element type', () => {
    expect(vectors.map(({ code }) => code).sort((a, b) => a - b)).toEqual([...DATA_TYPES.keys()])
  })

  test.each(vectors)('$type by ONNX itself reads the same from its typed field and from raw_data', (vector) => {
    for (const hex of [vector.typed, vector.raw]) {
      if (hex === null) continue
      const read = decodeTensor(fromHex(hex))
      expect({ ...read, payload: toHex(read.payload), strings: read.strings.map(toHex) }).toEqual({
        name: 't',
        code: vector.code,
        dims: vector.dims,
        payload: vector.payload ?? '',
        strings: vector.strings ?? [],
      })
      expect(decodeTensor(encodeTensor(read))).toEqual(read)
    }
  })

  test.each(vectors)('$type becomes a tensor exactly if programs can carry it', ({ typed, code }) => {
    const carried = Object.values(DTYPES).some((row) => row.code === code)
    expect(faultOf(() => tensorOf(decodeTensor(fromHex(typed))))).toBe(carried ? 'no fault' : 'onnx/unsupported')
  })

  test('a tensor survives the way into a file and back, at any alignment, bit for bit', () => {
    const shapes = fc.array(fc.nat(4), { maxLength: 4 })
    const dtypes = fc.constantFrom(...(Object.keys(DTYPES) as DType[]))
    fc.assert(
      fc.property(dtypes, shapes, fc.infiniteStream(fc.nat(255)), fc.nat(9), (dtype, dims, noise, shift) => {
        const size = sizeOf(dims) * DTYPES[dtype].bytes
        const payload = Uint8Array.from({ length: size }, () => noise.next().value % (dtype === 'bool' ? 2 : 256))
        const value = fromBytes({ dtype, dims }, payload)
        const shifted = concat(new Uint8Array(shift), encodeTensor(protoOf(value, 'x'))).subarray(shift)
        const back = decodeTensor(shifted)
        expect(back.name).toBe('x')
        expect(tensorOf(back).dims).toEqual(dims)
        expect(equalBits(tensorOf(back), value)).toBe(true)
      }),
    )
  })

  test('aligned raw data and packed floats are views on the file, not copies', () => {
    const value = tensor(
      'float32',
      [64],
      Array.from({ length: 64 }, (_, i) => i),
    )
    const data = bytesOf(value)
    for (const form of [lengthed(9, data), lengthed(4, data)]) {
      const message = bytes(number(1, 64n), number(2, 1n), form)
      const start = message.length - data.length
      const aligned = new Uint8Array(message.length + 8).subarray(start % 4 === 0 ? 0 : 4 - (start % 4))
      aligned.set(message)
      const read = tensorOf(decodeTensor(aligned.subarray(0, message.length)))
      expect(read.data.buffer).toBe(aligned.buffer)
      expect(equalBits(read, value)).toBe(true)
    }
  })

  test('a file in a Node Buffer gives tensors that do not change with the pool behind it', () => {
    const pooled = Buffer.from(concat(new Uint8Array(1), encodeTensor(protoOf(tensor('int32', [2], [1, 2])))))
    const read = decodeTensor(pooled.subarray(1))
    expect(read.payload.constructor).toBe(Uint8Array)
    expect(tensorOf(read)).toEqual(tensor('int32', [2], [1, 2]))
  })

  test('no elements need no data, whatever the other extents are', () => {
    const empty = bytes(number(1, 0n), number(1, 2n ** 39n), number(1, 2n ** 39n), number(2, 1n))
    expect(tensorOf(decodeTensor(empty)).data.length).toBe(0)
  })

  test.each([
    ['a type that ONNX does not have', proto(27, lengthed(9, new Uint8Array(3))), 'onnx/bad-tensor'],
    ['no type', bytes(number(1, 3n), lengthed(9, new Uint8Array(3))), 'onnx/bad-tensor'],
    ['too little raw data', proto(1, lengthed(9, new Uint8Array(11))), 'onnx/bad-tensor'],
    ['too much raw data', proto(1, lengthed(9, new Uint8Array(13))), 'onnx/bad-tensor'],
    ['no data at all', proto(1), 'onnx/bad-tensor'],
    [
      'a terabyte of extents over twelve bytes',
      bytes(number(1, 2n ** 38n), number(2, 1n), lengthed(9, new Uint8Array(12))),
      'onnx/bad-tensor',
    ],
    ['an extent of 2^40', bytes(number(1, 2n ** 40n), number(2, 1n)), 'core/too-large'],
    ['an extent of 2^63 - 1', bytes(number(1, 2n ** 63n - 1n), number(2, 1n)), 'core/too-large'],
    [
      'extents whose product overflows',
      bytes(number(1, 2n ** 39n), number(1, 2n ** 39n), number(2, 1n)),
      'core/too-large',
    ],
    ['rank 65', bytes(...Array.from({ length: 65 }, () => number(1, 1n)), number(2, 1n)), 'core/too-large'],
    ['a negative extent', bytes(number(1, -1n), number(2, 1n)), 'onnx/bad-tensor'],
    ['floats in int32_data', proto(1, lengthed(5, three(1n, 2n, 3n))), 'onnx/bad-tensor'],
    ['integers in float_data', proto(6, lengthed(4, new Uint8Array(12))), 'onnx/bad-tensor'],
    ['strings in raw_data', proto(8, lengthed(9, new Uint8Array(3))), 'onnx/bad-tensor'],
    ['two strings for three', proto(8, lengthed(6, utf8('a')), lengthed(6, utf8('b'))), 'onnx/bad-tensor'],
    ['numbers in string_data', proto(2, lengthed(6, new Uint8Array(3))), 'onnx/bad-tensor'],
    [
      'data in two fields',
      proto(1, lengthed(9, new Uint8Array(12)), lengthed(4, new Uint8Array(12))),
      'onnx/bad-tensor',
    ],
    ['a uint8 of 256', proto(2, lengthed(5, three(1n, 2n, 256n))), 'onnx/bad-tensor'],
    ['a uint8 of -1', proto(2, lengthed(5, three(1n, 2n, -1n))), 'onnx/bad-tensor'],
    ['an int8 of 128', proto(3, lengthed(5, three(1n, 2n, 128n))), 'onnx/bad-tensor'],
    ['an int8 of -129', proto(3, lengthed(5, three(1n, 2n, -129n))), 'onnx/bad-tensor'],
    ['an int32 of 2^31', proto(6, lengthed(5, three(1n, 2n, 2n ** 31n))), 'onnx/bad-tensor'],
    ['an int32 of 2^32', proto(6, lengthed(5, three(1n, 2n, 2n ** 32n))), 'onnx/bad-tensor'],
    ['an int32 of -2^31 - 1', proto(6, lengthed(5, three(1n, 2n, -(2n ** 31n) - 1n))), 'onnx/bad-tensor'],
    ['a uint32 of 2^32', proto(12, lengthed(11, three(1n, 2n, 2n ** 32n))), 'onnx/bad-tensor'],
    ['a float16 of more than 16 bits', proto(10, lengthed(5, three(1n, 2n, 65536n))), 'onnx/bad-tensor'],
    ['a bool of 2 in int32_data', proto(9, lengthed(5, three(0n, 1n, 2n))), 'onnx/bad-tensor'],
    ['a bool of 2 in raw_data', proto(9, lengthed(9, Uint8Array.of(0, 1, 2))), 'onnx/bad-tensor'],
    ['segments', proto(1, lengthed(3, number(1, 0n)), lengthed(9, new Uint8Array(12))), 'onnx/unsupported'],
    [
      'another place than the file or beside it',
      proto(1, number(14, 2n), lengthed(9, new Uint8Array(12))),
      'onnx/bad-tensor',
    ],
    ['an unknown field', proto(1, lengthed(15, new Uint8Array(0))), 'onnx/unknown-field'],
  ])('%s: refused', (_, message, code) => {
    expect(faultOf(() => decodeTensor(message))).toBe(code)
  })

  test('a constant made by hand whose payload does not fit is refused when its tensor is asked for', () => {
    const constant = { name: 'w', code: 1, dims: [2], payload: new Uint8Array(7), strings: [] }
    expect(faultOf(() => tensorOf(constant))).toBe('onnx/bad-tensor')
    expect(faultOf(() => tensorOf({ ...constant, code: 9, payload: Uint8Array.of(0, 2) }))).toBe('onnx/bad-tensor')
  })

  test('a message names the tensor, shortened and without characters that hide', () => {
    const name = utf8(`evil\u202ename${'x'.repeat(200)}`)
    expect(() => decodeTensor(proto(1, lengthed(8, name)))).toThrow(/at tensor "evil\\u\{202e\}namex{71}\.\.\."/)
  })
})
