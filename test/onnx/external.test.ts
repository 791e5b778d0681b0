import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { tensor } from '../../src/core/tensor.js'
import { decodeTensor } from '../../src/onnx/decode.js'
import { safeLocation, type ExternalData } from '../../src/onnx/external.js'
import { tensorOf } from '../../src/onnx/graph.js'
import { bytes, faultOf, lengthed, number } from './build.js'

const entry = (key: string, value: string): Uint8Array =>
  lengthed(13, bytes(lengthed(1, utf8(key)), lengthed(2, utf8(value))))

/** A float32[2] whose data is elsewhere. */
const proto = (entries: Record<string, string>, ...rest: Uint8Array[]): Uint8Array =>
  bytes(number(1, 2n), number(2, 1n), number(14, 1n), ...Object.entries(entries).map(([k, v]) => entry(k, v)), ...rest)

const weights = new Uint8Array(new Float32Array([9, 1, 2, 9]).buffer)
const folder: ExternalData = (location, offset, length) => {
  expect(location).toBe('data/weights.bin')
  return weights.subarray(offset, offset + length)
}

describe('external data', () => {
  test('is read from its place', () => {
    const message = proto({ location: './data/weights.bin', offset: '4', length: '8', checksum: 'ab', basepath: '/x' })
    expect(tensorOf(decodeTensor(message, { externalData: folder }))).toEqual(tensor('float32', [2], [1, 2]))
  })

  test('needs neither offset nor length', () => {
    const read = decodeTensor(proto({ location: 'data/weights.bin' }), { externalData: folder })
    expect(tensorOf(read)).toEqual(tensor('float32', [2], [9, 1]))
  })

  test.each([
    ['no location', proto({}), folder],
    ['nobody to give it', proto({ location: 'data/weights.bin' }), undefined],
    ['an offset beyond the file', proto({ location: 'data/weights.bin', offset: '12' }), folder],
    ['a negative offset', proto({ location: 'data/weights.bin', offset: '-4' }), folder],
    ['an offset of 10^17', proto({ location: 'data/weights.bin', offset: '100000000000000000' }), folder],
    ['an offset in hexadecimal', proto({ location: 'data/weights.bin', offset: '0x4' }), folder],
    ['another length than the extents have', proto({ location: 'data/weights.bin', length: '9' }), folder],
    ['a key that ONNX does not define', proto({ location: 'data/weights.bin', __proto__x: '1' }), folder],
    ['a location outside of the folder', proto({ location: '../weights.bin' }), folder],
    ['data in the file as well', proto({ location: 'data/weights.bin' }, lengthed(9, new Uint8Array(8))), folder],
    ['a giver of too many bytes', proto({ location: 'a' }), () => new Uint8Array(9)],
    ['entries without data_location', bytes(number(1, 2n), number(2, 1n), entry('location', 'a')), folder],
    ['strings', bytes(number(1, 2n), number(2, 8n), number(14, 1n), entry('location', 'a')), folder],
  ])('%s: refused', (_, message, externalData) => {
    expect(faultOf(() => decodeTensor(message, { externalData }))).toBe('onnx/bad-external-data')
  })

  test('a key that stands twice is refused', () => {
    const message = proto({ location: 'data/weights.bin' }, entry('location', 'b'))
    expect(faultOf(() => decodeTensor(message, { externalData: folder }))).toBe('onnx/duplicate-name')
  })

  test('extents of terabytes are not asked for by a reader that knows the length', () => {
    const asked: number[] = []
    const externalData: ExternalData = (_, __, length) => (asked.push(length), new Uint8Array(0))
    const message = bytes(number(1, 2n ** 39n), number(2, 1n), number(14, 1n), entry('location', 'a'))
    expect(faultOf(() => decodeTensor(message, { externalData }))).toBe('onnx/bad-external-data')
    expect(asked).toEqual([2 ** 41])
  })
})

describe('a safe location', () => {
  test.each([
    ['weights.bin', 'weights.bin'],
    ['./weights.bin', 'weights.bin'],
    ['a/b/c.d..e', 'a/b/c.d..e'],
    ['..a', '..a'],
    ['grüße 1', 'grüße 1'],
  ])('%j is read as %j', (location, path) => {
    expect(safeLocation(location)).toBe(path)
  })

  test.each([
    '',
    '.',
    './',
    '/',
    '/etc/passwd',
    '..',
    '../a',
    'a/..',
    'a/../b',
    'a//b',
    'a/./b',
    'a/',
    './/etc/passwd',
    'a\\b',
    '..\\a',
    'C:a',
    'C:/a',
    'a:stream',
    'a\0b',
    'a\nb',
    'a'.repeat(1025),
  ])('%j is refused', (location) => {
    expect(faultOf(() => safeLocation(location))).toBe('onnx/bad-external-data')
  })
})
