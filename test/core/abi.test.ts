import { AbiCoder } from 'ethers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeAbi, encodeAbi, type AbiInput } from '../../src/core/abi.js'
import { fromHex, toHex } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'

const ethers = AbiCoder.defaultAbiCoder()
const refused = (run: () => unknown): void =>
  expect(() => run()).toThrow(expect.objectContaining({ code: 'core/bad-abi' }))

interface Typed {
  readonly type: string
  readonly values: fc.Arbitrary<AbiInput>
}

const bits = fc.integer({ min: 1, max: 32 }).map((n) => 8 * n)
const bytesOfLength = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })

const leaf: fc.Arbitrary<Typed> = fc.oneof(
  bits.map((n) => ({ type: `uint${n}`, values: fc.bigInt({ min: 0n, max: (1n << BigInt(n)) - 1n }) })),
  bits.map((n) => ({
    type: `int${n}`,
    values: fc.bigInt({ min: -(1n << BigInt(n - 1)), max: (1n << BigInt(n - 1)) - 1n }),
  })),
  fc.integer({ min: 1, max: 32 }).map((n) => ({ type: `bytes${n}`, values: bytesOfLength(n) })),
  fc.constant({ type: 'address', values: bytesOfLength(20).map((bytes) => `0x${toHex(bytes)}`) }),
  fc.constant({ type: 'bool', values: fc.boolean() }),
  fc.constant({ type: 'bytes', values: fc.uint8Array({ maxLength: 70 }) }),
)

const typed = fc.letrec<{ node: Typed }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    tie('node').map(({ type, values }) => ({ type: `${type}[]`, values: fc.array(values, { maxLength: 3 }) })),
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((items) => ({
      type: `(${items.map((item) => item.type).join(',')})`,
      values: fc.tuple(...items.map((item) => item.values)),
    })),
  ),
})).node

const typesWithValues = fc.array(typed, { minLength: 1, maxLength: 4 }).chain((items) =>
  fc.record({
    types: fc.constant(items.map((item) => item.type)),
    values: fc.tuple(...items.map((item) => item.values)),
  }),
)

/** The form that ethers takes and gives: bytes as 0x text, its tuple type spelled out. */
const forEthers = (types: readonly string[]): string[] => types.map((type) => type.replaceAll('(', 'tuple('))

const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return `0x${toHex(value)}`
  if (Array.isArray(value)) return [...(value as readonly unknown[])].map(plain)
  return typeof value === 'string' ? value.toLowerCase() : value
}

describe('ABI encoding', () => {
  it('gives the bytes that ethers gives, for random types and values', () => {
    fc.assert(
      fc.property(typesWithValues, ({ types, values }) => {
        expect(`0x${toHex(encodeAbi(types, values))}`).toBe(ethers.encode(forEthers(types), values))
      }),
      { numRuns: 400 },
    )
  })

  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(typesWithValues, ({ types, values }) => {
        expect(plain(decodeAbi(types, encodeAbi(types, values)))).toEqual(plain(values))
      }),
      { numRuns: 400 },
    )
  })

  it('accepts no second encoding: whatever decodes encodes back to the same bytes', () => {
    fc.assert(
      fc.property(typesWithValues, fc.nat(), fc.nat(7), ({ types, values }, at, bit) => {
        const bytes = encodeAbi(types, values)
        fc.pre(bytes.length > 0)
        bytes[at % bytes.length] ^= 1 << bit
        try {
          expect(toHex(encodeAbi(types, decodeAbi(types, bytes) as AbiInput[]))).toBe(toHex(bytes))
        } catch (error) {
          if (!Fault.is(error, 'core/bad-abi')) throw error
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('refuses a truncated or prolonged encoding', () => {
    fc.assert(
      fc.property(typesWithValues, ({ types, values }) => {
        const bytes = encodeAbi(types, values)
        refused(() => decodeAbi(types, bytes.subarray(0, -1)))
        refused(() => decodeAbi(types, Uint8Array.from([...bytes, 0])))
        refused(() => decodeAbi(types, new Uint8Array([...bytes, ...new Uint8Array(32)])))
      }),
    )
  })

  it('encodes the example of the specification', () => {
    // f(uint256,uint32[],bytes10,bytes) with (0x123, [0x456, 0x789], "1234567890", "Hello, world!"), without the selector
    const text = (value: string) => new TextEncoder().encode(value)
    const encoded = encodeAbi(
      ['uint256', 'uint32[]', 'bytes10', 'bytes'],
      [0x123n, [0x456, 0x789], text('1234567890'), text('Hello, world!')],
    )
    const words = ['123', '80', '', 'e0', '2', '456', '789', 'd', ''].map((word) => word.padStart(64, '0'))
    words[2] = '31323334353637383930'.padEnd(64, '0')
    words[8] = '48656c6c6f2c20776f726c6421'.padEnd(64, '0')
    expect(toHex(encoded)).toBe(words.join(''))
  })

  it.each<[string, AbiInput]>([
    ['uint8', 256],
    ['uint8', -1],
    ['int8', 128],
    ['int8', -129],
    ['uint64', 0.5],
    ['uint64', 2 ** 60],
    ['uint64', '7'],
    ['bytes32', new Uint8Array(31)],
    ['bytes', 'ab'],
    ['bool', 1],
    ['address', '0x1234'],
    ['uint8[]', 3],
    ['(uint8,uint8)', [1]],
  ])('refuses a value outside %s', (type, value) => {
    refused(() => encodeAbi([type], [value]))
  })

  it.each([
    'uint',
    'uint7',
    'uint264',
    'uint08',
    'bytes0',
    'bytes33',
    'string',
    'float',
    '',
    '()',
    '(uint8',
    'uint8[3]',
  ])('does not know the type "%s"', (type) => {
    refused(() => encodeAbi([type], [1]))
    refused(() => decodeAbi([type], new Uint8Array(32)))
  })

  it('refuses as many or as few values as do not match the types', () => {
    refused(() => encodeAbi(['uint8'], []))
    refused(() => encodeAbi([], [1]))
  })

  it('refuses a length of 2^255 at once, without allocating for it', () => {
    const bytes = encodeAbi(['uint8[]'], [[]])
    bytes[32] = 0x80
    refused(() => decodeAbi(['uint8[]'], bytes))
  })

  it('refuses offsets that share one place, which would let small inputs grow without bound', () => {
    const nested = encodeAbi(['uint8[][]'], [[[1], [1]]])
    const shared = Uint8Array.from([...nested.subarray(0, 128), ...nested.subarray(128, 192)])
    shared.set(shared.subarray(64, 96), 96) // both items at the first item's offset
    refused(() => decodeAbi(['uint8[][]'], shared))
  })

  it('handles a list of 200,000 items in time that grows linearly', () => {
    const values = Array.from({ length: 200_000 }, (_, i) => i)
    const decoded = decodeAbi(['uint64[]'], encodeAbi(['uint64[]'], [values]))[0]
    expect(decoded.length).toBe(200_000)
    expect(decoded[199_999]).toBe(199_999n)
  })

  it('copies bytes out of its input', () => {
    const bytes = encodeAbi(['bytes32'], [fromHex('11'.repeat(32))])
    const [root] = decodeAbi(['bytes32'], bytes)
    bytes.fill(0)
    expect(toHex(root)).toBe('11'.repeat(32))
  })
})
