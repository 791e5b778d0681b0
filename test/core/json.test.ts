import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex, utf8 } from '../../src/core/bytes.js'
import type { FaultCode } from '../../src/core/faults.js'
import {
  address,
  decodeJson,
  encodeJson,
  flag,
  hex,
  hex32,
  integer,
  list,
  literal,
  mapOf,
  number,
  optional,
  record,
  text,
  uint256,
  uint64,
  type Json,
} from '../../src/core/json.js'

const refused = (code: FaultCode, run: () => unknown): void =>
  expect(() => run()).toThrow(expect.objectContaining({ code }))
const json: fc.Arbitrary<Json> = fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 }) as fc.Arbitrary<Json>

describe('canonical JSON', () => {
  it('writes the example of RFC 8785 section 3.2.4', () => {
    const value = {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"\/',
      literals: [null, true, false],
    }
    const expected =
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    expect(encodeJson(value)).toBe(expected)
  })

  it('sorts keys by UTF-16 code units, as in RFC 8785 section 3.2.3', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect(Object.values(JSON.parse(encodeJson(value)) as object)).toEqual([
      'One',
      'Carriage Return',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
  })

  it.each<[number, string]>([
    // RFC 8785 appendix B
    [0, '0'],
    [-0, '0'],
    [5e-324, '5e-324'],
    [-5e-324, '-5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [295147905179352830000, '295147905179352830000'],
    [9.999999999999997e22, '9.999999999999997e+22'],
    [1e23, '1e+23'],
    [1.0000000000000001e23, '1.0000000000000001e+23'],
    [999999999999999700000, '999999999999999700000'],
    [1e21, '1e+21'],
    [9.999999999999997e-7, '9.999999999999997e-7'],
    [0.000001, '0.000001'],
    [333333333.3333332, '333333333.3333332'],
    [1424953923781206.2, '1424953923781206.2'],
  ])('writes the number %d as %s', (value, expected) => {
    expect(encodeJson(value)).toBe(expected)
  })

  it('decodes what it encoded, from text and from UTF-8', () => {
    fc.assert(
      fc.property(json, (value) => {
        const encoded = encodeJson(value)
        expect(encodeJson(decodeJson(encoded))).toBe(encoded)
        expect(encodeJson(decodeJson(utf8(encoded)))).toBe(encoded)
        expect(JSON.parse(encoded)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('accepts no second text: whatever decodes is what the encoder writes', () => {
    fc.assert(
      fc.property(json, fc.nat(), fc.nat(7), (value, at, bit) => {
        const bytes = utf8(encodeJson(value))
        bytes[at % bytes.length] ^= 1 << bit
        let decoded: Json
        try {
          decoded = decodeJson(bytes)
        } catch (error) {
          expect(error).toMatchObject({ name: 'Fault' })
          return
        }
        expect(toHex(utf8(encodeJson(decoded)))).toBe(toHex(bytes))
      }),
      { numRuns: 1000 },
    )
  })

  it.each<[string, string]>([
    ['white space', '{ "a":1}'],
    ['a line end', '1\n'],
    ['unsorted keys', '{"b":1,"a":2}'],
    ['a needless escape', '"\\u0061"'],
    ['an escaped solidus', '"\\/"'],
    ['an upper-case escape', '"\\u000F"'],
    ['a lone surrogate', '"\\ud800"'],
    ['a number with a trailing zero', '1.0'],
    ['an exponent', '1e1'],
    ['negative zero', '-0'],
    ['a number beyond binary64', '1e400'],
    ['too many digits', '0.30000000000000000'],
    ['a second value', '1 2'],
    ['a trailing comma', '[1,]'],
    ['a missing comma', '[1 2]'],
    ['a raw control character', '"\u0001"'],
    ['nothing', ''],
    ['half an object', '{"a"'],
    ['half a string', '"a'],
    ['half an escape', '"\\'],
    ['a byte order mark', '\ufeff1'],
    ['NaN', 'NaN'],
    ['single quotes', "'a'"],
    ['a comment', '1//'],
  ])('refuses %s', (_, source) => {
    refused('core/bad-json', () => decodeJson(source))
    refused('core/bad-json', () => decodeJson(utf8(source)))
  })

  it('refuses a key that stands twice, spelled the same or with an escape', () => {
    refused('core/duplicate-key', () => decodeJson('{"a":1,"a":1}'))
    refused('core/duplicate-key', () => decodeJson('{"a":1,"\\u0061":1}'))
    refused('core/duplicate-key', () => decodeJson('[{"x":{"__proto__":1,"__proto__":2}}]'))
  })

  it('keeps __proto__ an ordinary key', () => {
    const value = decodeJson('{"__proto__":{"polluted":true}}') as { readonly [key: string]: Json }
    expect(Object.hasOwn(value, '__proto__')).toBe(true)
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(encodeJson(value)).toBe('{"__proto__":{"polluted":true}}')
    refused('core/unknown-field', () => record({})(value, 'x'))
  })

  it('refuses bytes that are not UTF-8', () => {
    refused('core/bad-json', () => decodeJson(Uint8Array.of(0x22, 0xff, 0x22)))
    refused('core/bad-json', () => decodeJson(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)))
  })

  it('refuses what is too long or too deep before looking at it', () => {
    refused('core/too-large', () => decodeJson('"aaaa"', { maxBytes: 5 }))
    refused('core/too-large', () => decodeJson('['.repeat(1_000_000)))
    refused('core/too-large', () => decodeJson('{"a":'.repeat(33)))
    refused('core/too-large', () => decodeJson('[[]]', { maxDepth: 1 }))
    expect(decodeJson('[]', { maxDepth: 1 })).toEqual([])
    let deep: Json = []
    for (let i = 0; i < 40; i++) deep = [deep]
    refused('core/too-large', () => encodeJson(deep))
  })

  it('reads a string of four million characters without recursion', () => {
    const source = JSON.stringify('ab'.repeat(2_000_000))
    expect((decodeJson(source) as string).length).toBe(4_000_000)
  })

  it('does not write what has no JSON form', () => {
    refused('core/bad-json', () => encodeJson(NaN))
    refused('core/bad-json', () => encodeJson(Infinity))
    refused('core/bad-json', () => encodeJson('\ud800'))
    refused('core/bad-json', () => encodeJson({ '\udc00': 1 }))
    refused('core/bad-json', () => encodeJson({ a: undefined } as unknown as Json))
    refused('core/bad-json', () => encodeJson(1n as unknown as Json))
  })
})

describe('strict records', () => {
  const read = record({
    root: hex32,
    steps: uint64,
    amount: uint256,
    count: integer,
    score: number,
    name: text,
    trace: flag,
    provider: address,
    blob: hex(4),
    kind: literal('quorum', 'audited'),
    tags: list(text, 2),
    files: mapOf(integer, 2),
    note: optional(text),
  })
  const good: { readonly [key: string]: Json } = {
    root: '0f'.repeat(32),
    steps: '18446744073709551615',
    amount: (2n ** 256n - 1n).toString(),
    count: 2 ** 32,
    score: 0.5,
    name: 'a',
    trace: true,
    provider: `0x${'ab'.repeat(20)}`,
    blob: '01020304',
    kind: 'audited',
    tags: ['x', 'y'],
    files: { b: 2, a: 1 },
  }

  it('gives typed, frozen values', () => {
    const value = read(good, 'r')
    expect(value.steps).toBe(2n ** 64n - 1n)
    expect(value.amount).toBe(2n ** 256n - 1n)
    expect(toHex(value.root)).toBe(good.root)
    expect([...value.blob]).toEqual([1, 2, 3, 4])
    expect(value.note).toBeUndefined()
    expect(value.files.get('a')).toBe(1)
    expect(Object.isFrozen(value) && Object.isFrozen(value.tags)).toBe(true)
    expect(read({ ...good, note: 'n' }, 'r').note).toBe('n')
  })

  it('refuses each field when it is missing, and names it', () => {
    for (const key of Object.keys(good)) {
      const rest = Object.fromEntries(Object.entries(good).filter(([name]) => name !== key))
      expect(() => read(rest, 'r')).toThrow(
        expect.objectContaining({ code: 'core/missing-field', detail: { where: `r.${key}` } }),
      )
    }
  })

  it('refuses an unknown field, and one that every object inherits', () => {
    refused('core/unknown-field', () => read({ ...good, extra: 1 }, 'r'))
    refused('core/unknown-field', () => read({ ...good, toString: 1 }, 'r'))
    refused('core/missing-field', () => record({ toString: text } as never)({}, 'r'))
  })

  it.each<[string, Json]>([
    ['root', '0F'.repeat(32)],
    ['root', '0f'.repeat(31)],
    ['root', `0x${'0f'.repeat(32)}`],
    ['steps', 1],
    ['steps', '01'],
    ['steps', '-1'],
    ['steps', '18446744073709551616'],
    ['steps', ''],
    ['amount', (2n ** 256n).toString()],
    ['amount', '1e3'],
    ['count', -1],
    ['count', 0.5],
    ['count', 2 ** 32 + 1],
    ['count', '1'],
    ['score', '0.5'],
    ['name', 1],
    ['trace', 0],
    ['provider', `0x${'AB'.repeat(20)}`],
    ['provider', 'ab'.repeat(20)],
    ['blob', '0'],
    ['blob', '0G'],
    ['kind', 'other'],
    ['tags', 'x'],
    ['tags', [1]],
    ['files', []],
    ['files', { a: 'b' }],
    ['note', null],
  ])('refuses a field %s that holds %j', (key, value) => {
    refused('core/bad-field', () => read({ ...good, [key]: value }, 'r'))
  })

  it.each<[string, Json]>([
    ['blob', '0102030405'],
    ['tags', ['a', 'b', 'c']],
    ['files', { a: 1, b: 2, c: 3 }],
    ['name', 'a'.repeat(70_000)],
  ])('refuses a field %s beyond its limit', (key, value) => {
    refused('core/too-large', () => read({ ...good, [key]: value }, 'r'))
  })

  it.each<[Json]>([[null], [[]], ['a'], [1]])('refuses %j where an object belongs', (value) => {
    refused('core/bad-field', () => read(value, 'r'))
  })
})
