import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { decode, decodeTensor } from '../../src/onnx/decode.js'
import { encode } from '../../src/onnx/encode.js'
import { explain, toText } from '../../src/onnx/explain.js'
import { bytes, faultOf, flood, floats, functionOf, graph, lengthed, model, node, number, subgraph } from './build.js'

/** One of everything, in half a kilobyte. */
function everything(): Uint8Array {
  const nodes = [
    node('Conv(x, w) -> c', {
      pads: { kind: 'ints', value: [1n, 1n] },
      auto_pad: { kind: 'string', value: utf8('SAME') },
    }),
    node('If(c) -> i', {
      then_branch: subgraph({ outputs: ['t'], nodes: [node('Neg(x) -> t')] }),
      else_branch: subgraph({ outputs: ['x'] }),
    }),
    node('own.F(i) -> y', { a: { kind: 'float', value: 0.5 } }),
  ]
  const main = graph({ inputs: ['x'], outputs: ['y'], nodes, initializers: [floats('w', [1, 2])] })
  const valueInfo = [
    {
      name: 'c',
      kind: 'sequence' as const,
      dtype: 0,
      dims: undefined,
      element: { kind: 'tensor' as const, dtype: 7, dims: ['n', 3] },
    },
  ]
  const body = [node('Relu(x) -> y', { alpha: { kind: 'reference', name: 'a', code: 1 } })]
  return encode(
    model(
      { ...main, valueInfo },
      { functions: [functionOf('F', body, { attributes: ['a'] })], metadata: new Map([['k', 'v']]) },
    ),
  )
}

const whole = everything()

describe('a damaged file', () => {
  test('is whole to begin with', () => {
    expect(faultOf(() => decode(whole))).toBe('no fault')
  })

  test('cut anywhere gives a fault, save where the cut leaves a smaller whole model', () => {
    const kept: number[] = []
    for (let length = 0; length < whole.length; length++) {
      if (faultOf(() => decode(whole.subarray(0, length))) === 'no fault') kept.push(length)
    }
    for (const length of kept) expect(decode(whole.subarray(0, length)).functions.length).toBe(0)
    expect(kept.length).toBeLessThan(3)
  })

  test('with any one bit flipped gives a model or a fault, at once, and what is read can be explained and written', () => {
    let faults = 0
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const flipped = whole.slice()
      flipped[bit >> 3] ^= 1 << (bit & 7)
      const fault = faultOf(() => {
        const read = decode(flipped)
        toText(explain(read))
        expect(decode(encode(read))).toEqual(read)
      })
      if (fault === 'no fault') continue
      faults++
      expect(fault).toMatch(/^(onnx\/|core\/too-large)/)
    }
    expect(faults).toBeGreaterThan(4 * whole.length)
  })

  test('with any byte removed, doubled or replaced by 0xff gives a model or a fault', () => {
    for (let at = 0; at < whole.length; at++) {
      const [before, after] = [whole.subarray(0, at), whole.subarray(at + 1)]
      const middle = whole.subarray(at, at + 1)
      for (const part of [bytes(), bytes(middle, middle), Uint8Array.of(0xff)]) {
        expect(faultOf(() => decode(bytes(before, part, after)))).toMatch(/^(onnx\/|core\/too-large|no fault)/)
      }
    }
  })

  test('of random bytes gives a fault', () => {
    let state = 1
    const next = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24
    for (let i = 0; i < 2000; i++) {
      const noise = Uint8Array.from({ length: 1 + (i % 200) }, next)
      expect(faultOf(() => decode(noise))).not.toBe('no fault')
      expect(faultOf(() => decodeTensor(noise))).not.toBe('no fault')
    }
  })
})

const imports = lengthed(8, number(2, 21n))
const file = (...inGraph: Uint8Array[]): Uint8Array => bytes(number(1, 10n), imports, lengthed(7, bytes(...inGraph)))
const op = lengthed(4, utf8('A'))
const nodeBytes = (...parts: Uint8Array[]): Uint8Array => lengthed(1, bytes(op, ...parts))
const attribute = (type: bigint, ...parts: Uint8Array[]): Uint8Array =>
  nodeBytes(lengthed(5, bytes(lengthed(1, utf8('a')), number(20, type), ...parts)))
const info = (...parts: Uint8Array[]): Uint8Array =>
  lengthed(13, bytes(lengthed(1, utf8('v')), lengthed(2, bytes(...parts))))
const nothing = new Uint8Array(0)

describe('a file that says what it should not', () => {
  test.each([
    ['nothing', nothing, 'onnx/missing-field'],
    ['no graph', bytes(number(1, 10n), imports), 'onnx/missing-field'],
    ['no IR version', bytes(imports, lengthed(7, nothing)), 'onnx/missing-field'],
    ['an IR version of 2^63 - 1', bytes(number(1, 2n ** 63n - 1n), imports, lengthed(7, nothing)), 'onnx/bad-version'],
    ['a negative IR version', bytes(number(1, -1n), imports, lengthed(7, nothing)), 'onnx/bad-version'],
    [
      'an opset without a version',
      bytes(number(1, 10n), lengthed(8, nothing), lengthed(7, nothing)),
      'onnx/missing-field',
    ],
    [
      'two graphs, which protobuf would merge',
      bytes(file(), lengthed(7, lengthed(12, lengthed(1, utf8('y'))))),
      'onnx/bad-wire',
    ],
    ['a second IR version', bytes(file(), number(1, 11n)), 'onnx/bad-wire'],
    ['a training graph', bytes(file(), lengthed(20, nothing)), 'onnx/unsupported'],
    ['a field that ONNX does not define', bytes(file(), number(99, 1n)), 'onnx/unknown-field'],
    ['a field of the largest number', bytes(file(), number(2 ** 29 - 1, 1n)), 'onnx/unknown-field'],
    ['a reserved field of a graph', file(number(3, 1n)), 'onnx/unknown-field'],
    ['the same metadata key twice', bytes(file(), lengthed(14, nothing), lengthed(14, nothing)), 'onnx/duplicate-name'],
    ['a node without an operator', file(lengthed(1, nothing)), 'onnx/missing-field'],
    ['a node with an empty operator', file(lengthed(1, lengthed(4, nothing))), 'onnx/bad-node'],
    ['an attribute without a name', file(nodeBytes(lengthed(5, number(20, 2n)))), 'onnx/missing-field'],
    [
      'an attribute twice',
      file(nodeBytes(...[1, 2].map(() => lengthed(5, bytes(lengthed(1, utf8('a')), number(20, 2n)))))),
      'onnx/duplicate-name',
    ],
    ['an attribute of a type that ONNX does not have', file(attribute(15n)), 'onnx/bad-node'],
    ['an attribute without type and value', file(attribute(0n)), 'onnx/bad-node'],
    ['an attribute with two values', file(attribute(2n, number(3, 1n), lengthed(4, utf8('x')))), 'onnx/bad-node'],
    ['an attribute with another value than its type', file(attribute(2n, lengthed(4, utf8('x')))), 'onnx/bad-node'],
    ['a tensor attribute without its tensor', file(attribute(4n)), 'onnx/missing-field'],
    ['a graph attribute without its graph', file(attribute(5n)), 'onnx/missing-field'],
    ['a sparse initializer', file(lengthed(15, nothing)), 'onnx/unsupported'],
    ['an initializer without a name', file(lengthed(5, bytes(number(1, 0n), number(2, 1n)))), 'onnx/missing-field'],
    [
      'an initializer twice',
      file(...[1, 2].map(() => lengthed(5, bytes(number(1, 0n), number(2, 1n), lengthed(8, utf8('w')))))),
      'onnx/duplicate-name',
    ],
    ['an input without a name', file(lengthed(11, nothing)), 'onnx/missing-field'],
    ['a type of two kinds', file(info(lengthed(1, nothing), lengthed(4, nothing))), 'onnx/bad-wire'],
    ['an opaque type', file(info(lengthed(7, nothing))), 'onnx/unsupported'],
    ['an element type that ONNX does not have', file(info(lengthed(1, number(1, 99n)))), 'onnx/unsupported'],
    [
      'an extent with a value and a symbol',
      file(info(lengthed(1, lengthed(2, lengthed(1, bytes(number(1, 1n), lengthed(2, utf8('n')))))))),
      'onnx/bad-wire',
    ],
    [
      'an extent of 2^40 in a type',
      file(info(lengthed(1, lengthed(2, lengthed(1, number(1, 2n ** 40n)))))),
      'core/too-large',
    ],
    ['a type of rank 65', file(info(lengthed(1, lengthed(2, flood(lengthed(1, nothing), 130))))), 'core/too-large'],
    ['a name that is not UTF-8', file(lengthed(2, Uint8Array.of(0xff, 0xfe))), 'onnx/bad-wire'],
  ])('%s: refused', (_, data, code) => {
    expect(faultOf(() => decode(data))).toBe(code)
  })

  test('types nested 17 deep are refused, 16 deep are read', () => {
    const nested = (levels: number): Uint8Array =>
      levels === 0 ? lengthed(1, nothing) : lengthed(4, lengthed(1, nested(levels - 1)))
    expect(faultOf(() => decode(file(info(nested(16)))))).toBe('no fault')
    expect(faultOf(() => decode(file(info(nested(17)))))).toBe('onnx/too-deep')
  })

  test('graphs nested thousands deep are refused before the stack ends', () => {
    let inner = nodeBytes()
    for (let i = 0; i < 5000; i++) inner = attribute(5n, lengthed(6, inner))
    expect(faultOf(() => decode(file(inner)))).toBe('onnx/too-deep')
  })
})

describe('a flood', () => {
  const size = 2 ** 20
  const floods: Record<string, () => Uint8Array> = {
    'empty nodes': () => file(flood(lengthed(1, nothing), size)),
    'small nodes': () => file(flood(nodeBytes(), size)),
    'empty inputs': () => file(nodeBytes(flood(lengthed(1, nothing), size))),
    'skipped fields': () => file(flood(lengthed(10, nothing), size)),
    'named values': () => file(flood(lengthed(13, lengthed(1, utf8('v'))), size)),
    'typed values': () => file(flood(info(lengthed(1, lengthed(2, nothing))), size)),
    'extents of a type': () => file(info(lengthed(1, lengthed(2, flood(lengthed(1, nothing), size))))),
    'extents of a constant': () => file(lengthed(5, bytes(lengthed(1, new Uint8Array(size)), number(2, 1n)))),
    'packed integers': () => file(attribute(7n, lengthed(8, new Uint8Array(size)))),
    'unpacked integers': () => file(attribute(7n, flood(number(8, 1n), size))),
    'unpacked floats': () => file(attribute(6n, flood(Uint8Array.of(61, 0, 0, 0, 0), size))),
    'empty strings': () => file(attribute(8n, flood(lengthed(9, nothing), size))),
    'empty graphs': () => file(attribute(10n, flood(lengthed(11, nothing), size))),
    'equal metadata': () => bytes(file(), flood(lengthed(14, nothing), size)),
    'equal opsets': () => bytes(file(), flood(imports, size)),
    'numbers without end': () => bytes(number(1, 1n).subarray(0, 1), new Uint8Array(size).fill(0x80)),
  }

  test.each(Object.keys(floods))('of %s is read or refused in bounded memory and time', (kind) => {
    const data = floods[kind]()
    const before = process.memoryUsage()
    const start = performance.now()
    const fault = faultOf(() => decode(data))
    const after = process.memoryUsage()
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(200 * size)
    expect(fault).toMatch(/^(onnx\/|core\/too-large|no fault)/)
  })

  test('of values that a few bytes could hold is refused by the budget, not by the heap', () => {
    const typed = flood(info(lengthed(1, lengthed(2, flood(lengthed(1, nothing), 60)))), 2 ** 22)
    expect(faultOf(() => decode(file(typed)))).toBe('core/too-large')
  })
})

test('every fault of the reader is in the table of faults with a code that it uses', () => {
  const sources = ['wire', 'decode', 'constants', 'check', 'calls', 'order', 'external', 'encode', 'graph', 'extent']
  const text = sources
    .map((name) => readFileSync(new URL(`../../src/onnx/${name}.ts`, import.meta.url), 'utf8'))
    .join('')
  const codes = [
    'onnx/truncated',
    'onnx/bad-wire',
    'onnx/unknown-field',
    'onnx/missing-field',
    'onnx/unsupported',
    'onnx/bad-version',
    'onnx/bad-tensor',
    'onnx/bad-external-data',
    'onnx/duplicate-name',
    'onnx/undefined-name',
    'onnx/cycle',
    'onnx/bad-node',
    'onnx/too-deep',
  ]
  for (const code of codes) expect(text).toContain(`'${code}'`)
})
