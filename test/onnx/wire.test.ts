import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equal, toHex, utf8 } from '../../src/core/bytes.js'
import {
  budgetFor,
  int64sOf,
  joined,
  outgoing,
  read,
  schema,
  unpackVarints,
  varint,
  write,
} from '../../src/onnx/wire.js'
import { bytes, faultOf, lengthed, number } from './build.js'

const EVERY = schema('Every', {
  int64: [1, 'int64'],
  int32: [2, 'int32'],
  float: [3, 'float'],
  string: [4, 'string'],
  bytes: [5, 'bytes'],
  message: [6, 'message'],
  strings: [7, 'strings'],
  chunks: [8, 'chunks'],
  messages: [9, 'messages'],
  varints: [10, 'varints'],
  fixed32s: [11, 'fixed32s'],
  fixed64s: [12, 'fixed64s'],
  skipped: [300, 'skipped'],
})

const readEvery = (data: Uint8Array) => read(data, EVERY, budgetFor(data.length))

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

describe('the protobuf wire format', () => {
  test('varints are those of the specification', () => {
    expect(toHex(varint(1n))).toBe('01')
    expect(toHex(varint(150n))).toBe('9601')
    expect(toHex(varint(-2n))).toBe('feffffffffffffffff01')
  })

  test('a message reads back as it was written', () => {
    const values = fc.record({
      int64: fc.option(int64, { nil: undefined }),
      int32: fc.option(fc.integer(), { nil: undefined }),
      float: fc.option(fc.float({ noNaN: true }), { nil: undefined }),
      string: fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
      bytes: fc.option(fc.uint8Array(), { nil: undefined }),
      strings: fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { maxLength: 4 }),
      chunks: fc.array(fc.uint8Array(), { maxLength: 4 }),
    })
    fc.assert(
      fc.property(values, (message) => {
        const back = readEvery(joined(write(outgoing(EVERY, message))))
        expect(back).toEqual({ ...back, ...message })
      }),
    )
  })

  test('nested messages of every size have right lengths, and large byte fields are parts, not copies', () => {
    for (const size of [0, 1, 127, 128, 4096, 4097, 70_000, 140_000]) {
      const data = new Uint8Array(size).fill(7)
      const inner = outgoing(EVERY, { bytes: data, int32: 5 })
      const parts = write(outgoing(EVERY, { messages: [inner, outgoing(EVERY, { message: inner })] }))
      const [first, second] = readEvery(joined(parts)).messages
      expect(equal(readEvery(first).bytes as Uint8Array, data)).toBe(true)
      const deepest = readEvery(readEvery(second).message as Uint8Array)
      expect(equal(deepest.bytes as Uint8Array, data)).toBe(true)
      expect(parts.filter((part) => part === data).length).toBe(size > 4096 ? 2 : 0)
    }
  })

  test('thousands of small fields cross the blocks of the writer unharmed', () => {
    const strings = Array.from({ length: 30_000 }, (_, i) => `name ${i}`)
    expect(readEvery(joined(write(outgoing(EVERY, { strings })))).strings).toEqual(strings)
  })

  test('packed and unpacked numbers give the same values, also mixed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(int64, fc.boolean())), (items) => {
        const fields = items.map(([value, packed]) => (packed ? lengthed(10, varint(value)) : number(10, value)))
        const { varints } = readEvery(bytes(...fields))
        expect([...int64sOf(varints, budgetFor(0))]).toEqual(items.map(([value]) => value))
      }),
    )
  })

  test('unpacked words are the low and high halves of the number', () => {
    fc.assert(
      fc.property(fc.array(int64), (values) => {
        const words = unpackVarints([joined(values.map(varint))], budgetFor(0))
        expect([...words]).toEqual(
          values.flatMap((v) => [Number(BigInt.asUintN(32, v)), Number(BigInt.asUintN(64, v) >> 32n)]),
        )
      }),
    )
  })

  test.each([
    [
      'a number above 64 bits',
      bytes(number(1, 0n).subarray(0, 1), new Uint8Array(9).fill(0xff), Uint8Array.of(2)),
      'onnx/bad-wire',
    ],
    [
      'a number of eleven bytes',
      bytes(number(1, 0n).subarray(0, 1), new Uint8Array(10).fill(0x80), Uint8Array.of(0)),
      'onnx/bad-wire',
    ],
    ['a number that the end cuts', Uint8Array.of(8, 0x80), 'onnx/truncated'],
    ['a length beyond the end', Uint8Array.of(34, 2, 65), 'onnx/truncated'],
    ['a length of 2^63', bytes(Uint8Array.of(34), varint(2n ** 63n)), 'onnx/truncated'],
    ['a length of 2^64 - 1', bytes(Uint8Array.of(34), varint(-1n)), 'onnx/truncated'],
    ['a cut float', Uint8Array.of(29, 0, 0), 'onnx/truncated'],
    ['field number 0', Uint8Array.of(0, 0), 'onnx/bad-wire'],
    ['a tag above 32 bits', bytes(varint(2n ** 32n + 8n), Uint8Array.of(0)), 'onnx/bad-wire'],
    ['a field that the table does not have', number(13, 1n), 'onnx/unknown-field'],
    ['a group', Uint8Array.of(11, 12), 'onnx/bad-wire'],
    ['another wire type than the field has', Uint8Array.of(10, 0), 'onnx/bad-wire'],
    ['a singular field twice', bytes(number(1, 1n), number(1, 1n)), 'onnx/bad-wire'],
    ['text that is not UTF-8', lengthed(4, Uint8Array.of(0xff)), 'onnx/bad-wire'],
    ['long text that is not UTF-8', lengthed(4, utf8('a'.repeat(40)).fill(0xc0, 39)), 'onnx/bad-wire'],
    ['a surrogate in UTF-8', lengthed(4, Uint8Array.of(0xed, 0xa0, 0x80)), 'onnx/bad-wire'],
    ['packed floats that are cut', lengthed(11, new Uint8Array(5)), 'onnx/bad-wire'],
    ['packed doubles that are cut', lengthed(12, new Uint8Array(12)), 'onnx/bad-wire'],
    ['packed numbers that are cut', lengthed(10, Uint8Array.of(1, 0x80)), 'onnx/bad-wire'],
    ['a skipped field beyond the end', Uint8Array.of(0xe2, 0x12, 9), 'onnx/truncated'],
  ])('%s is refused', (_, data, code) => {
    expect(faultOf(() => readEvery(data))).toBe(code)
  })

  test('a packed number above 64 bits is refused when it is unpacked', () => {
    const run = bytes(new Uint8Array(9).fill(0xff), Uint8Array.of(2))
    expect(faultOf(() => unpackVarints([run], budgetFor(0)))).toBe('onnx/bad-wire')
    const long = bytes(new Uint8Array(30).fill(0x80), Uint8Array.of(0))
    expect(faultOf(() => unpackVarints([long], budgetFor(0)))).toBe('onnx/bad-wire')
  })

  test('a known field without meaning is stepped over in every wire type', () => {
    const tag = (wire: number): Uint8Array => varint(BigInt(300 * 8 + wire))
    const skipped = bytes(
      tag(0),
      varint(7n),
      tag(1),
      new Uint8Array(8),
      tag(2),
      Uint8Array.of(1, 1),
      tag(5),
      new Uint8Array(4),
    )
    expect(readEvery(bytes(skipped, number(1, 3n))).int64).toBe(3n)
  })

  test('lengths may be written with more bytes than they need, as streaming writers do', () => {
    expect(readEvery(Uint8Array.of(34, 0x81, 0x80, 0, 65)).string).toBe('A')
  })
})
