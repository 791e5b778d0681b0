import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex, utf8, concat } from '../../src/core/bytes.js'
import { Fault, type FaultCode } from '../../src/core/faults.js'
import { decode, encode } from '../../src/core/npy.js'
import { sha256 } from '../../src/core/sha256.js'
import { DTYPES, bytesOf, equalBits, fromBytes, sizeOf, tensor, type DType } from '../../src/core/tensor.js'

const codeOf = (run: () => unknown): FaultCode | 'no fault' => {
  try {
    run()
  } catch (error) {
    if (Fault.is(error)) return error.code
    throw error
  }
  return 'no fault'
}

/** An .npy file of version 1.0 around a header and a payload. */
function fileOf(header: string, payload: Uint8Array, version = 1): Uint8Array {
  const length = header.length
  const size =
    version === 1 ? [length & 255, length >> 8] : [length & 255, (length >> 8) & 255, (length >> 16) & 255, 0]
  return concat(Uint8Array.of(0x93), utf8('NUMPY'), Uint8Array.of(version, 0, ...size), utf8(header), payload)
}

const HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"

describe('.npy files', () => {
  // SHA-256 of what numpy.save of NumPy 2.4.6 writes.
  const vectors = [
    [tensor('float32', [2, 3], [0, 1, 2, 3, 4, 5]), '47d9cb788e60cfff38faf2237400d94063bde1f42a0ad39297e02642caca6b56'],
    [tensor('int64', [], [7n]), 'bf829c4710025ea559002e4a00d3d062c0ff73f046ff4419e374d3656ce1c1c3'],
    [tensor('bool', [2], [1, 0]), '4257418724eeadfcfc6affd95584b6da87d3ac25effd1de68ad2f9907cbe104c'],
    [tensor('float16', [0, 4], []), '5698b81b57a1885937261f0e2240721f21247848029713ed69964ad506875cfa'],
    [tensor('uint8', [3], [1, 2, 3]), '9b51e50e6538e600111c668630bcc863f4130bb169a779525990001fc1ef9e3a'],
    [tensor('uint64', [1, 1, 1], [2n ** 63n]), 'fd3afaf512042b10e51cbc3a00f16ec6a644a7657676b38c672e1e9ba736ef3a'],
    [tensor('float64', Array(12).fill(1), [0]), '6ec1f0c20a678072228f6f4af9f9979815dee2d4057c72f954359471cda54b51'],
  ] as const

  test.each(vectors)('a file is byte for byte what NumPy writes (%#)', (value, expected) => {
    expect(toHex(sha256(encode(value)))).toBe(expected)
  })

  test('a version 2.0 file by NumPy 2.4.6 is read', () => {
    const spaces = '20'.repeat(58)
    const hex =
      '934e554d50590200740000007b276465736372273a20273c6932272c2027666f727472616e5f6f72646572273a2046616c73652c2027' +
      `7368617065273a2028332c292c207d${spaces}0a000001000200`
    const bytes = fromHex(hex)
    expect(decode(bytes)).toEqual(tensor('int16', [3], [0, 1, 2]))
  })

  test('decoding what was encoded gives the same tensor, at any alignment', () => {
    const dtypes = (Object.keys(DTYPES) as DType[]).filter((dtype) => dtype !== 'bfloat16')
    const shapes = fc.array(fc.nat(4), { maxLength: 4 })
    fc.assert(
      fc.property(
        fc.constantFrom(...dtypes),
        shapes,
        fc.infiniteStream(fc.nat(255)),
        fc.nat(9),
        (dtype, dims, noise, shift) => {
          const size = sizeOf(dims) * DTYPES[dtype].bytes
          const payload = Uint8Array.from({ length: size }, () => noise.next().value % (dtype === 'bool' ? 2 : 256))
          const value = fromBytes({ dtype, dims }, payload)
          const shifted = concat(new Uint8Array(shift), encode(value)).subarray(shift)
          const back = decode(shifted)
          expect(equalBits(back, value)).toBe(true)
          expect(back.dims).toEqual(dims)
        },
      ),
    )
  })

  test('fields may stand in any order and a Node Buffer is read as well', () => {
    const header = "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}\n"
    const file = fileOf(header, bytesOf(tensor('float32', [2], [1, 2])))
    expect(decode(Buffer.from(file))).toEqual(tensor('float32', [2], [1, 2]))
  })

  test.each([
    ['another magic', fileOf(HEADER, new Uint8Array(8)).fill(0, 0, 1)],
    ['version 3', fileOf(HEADER, new Uint8Array(8), 3)],
    ['big-endian elements', fileOf(HEADER.replace('<', '>'), new Uint8Array(8))],
    ['objects', fileOf(HEADER.replace('<f4', '|O'), new Uint8Array(8))],
    ['Fortran order', fileOf(HEADER.replace('False', 'True'), new Uint8Array(8))],
    ['a missing byte', fileOf(HEADER, new Uint8Array(7))],
    ['a trailing byte', fileOf(HEADER, new Uint8Array(9))],
    ['a field twice', fileOf(HEADER.replace("'shape'", "'descr': '<f4', 'shape'"), new Uint8Array(8))],
    ['a missing field', fileOf(HEADER.replace("'fortran_order': False, ", ''), new Uint8Array(8))],
    ['an unknown field', fileOf(HEADER.replace('descr', '__proto__'), new Uint8Array(8))],
    ['a negative extent', fileOf(HEADER.replace('(2,)', '(-2,)'), new Uint8Array(8))],
    ['an expression', fileOf(HEADER.replace('(2,)', '(1+1,)'), new Uint8Array(8))],
    ['a scalar in parentheses', fileOf(HEADER.replace('(2,)', '(2)'), new Uint8Array(8))],
    ['no dict', fileOf('[]', new Uint8Array(8))],
    ['a bool of 2', fileOf(HEADER.replace('<f4', '|b1'), Uint8Array.of(1, 2))],
    ['an empty file', new Uint8Array(0)],
    ['data far short of its extents', fileOf(HEADER.replace('(2,)', '(4000000, 1000000)'), new Uint8Array(8))],
  ])('%s is refused', (_, file) => {
    expect(codeOf(() => decode(file))).toBe('core/bad-npy')
  })

  test('a header beyond the limit and extents beyond all memory are refused before anything is allocated', () => {
    expect(codeOf(() => decode(fileOf(HEADER.padEnd(20_000), new Uint8Array(8))))).toBe('core/too-large')
    expect(
      codeOf(() => decode(fileOf(HEADER.replace('(2,)', '(999999999999999, 999999999999999)'), new Uint8Array(8)))),
    ).toBe('core/too-large')
  })

  test('every cut and every flipped bit of a file gives a tensor or a fault, never another error', () => {
    const file = encode(tensor('int32', [2, 2], [1, 2, 3, 4]))
    for (let length = 0; length < file.length; length++) {
      expect(['core/bad-npy', 'core/too-large']).toContain(codeOf(() => decode(file.subarray(0, length))))
    }
    for (let bit = 0; bit < 8 * file.length; bit++) {
      const flipped = file.slice()
      flipped[bit >> 3] ^= 1 << (bit & 7)
      expect(['core/bad-npy', 'core/too-large', 'no fault']).toContain(codeOf(() => decode(flipped)))
    }
  })

  test('bfloat16, which NumPy does not have, is refused', () => {
    expect(codeOf(() => encode(tensor('bfloat16', [1], [1])))).toBe('core/bad-npy')
  })
})
