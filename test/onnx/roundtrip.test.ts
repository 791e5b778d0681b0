import fc from 'fast-check'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { equal, utf8 } from '../../src/core/bytes.js'
import { tensor } from '../../src/core/tensor.js'
import { decode, decodeTensor } from '../../src/onnx/decode.js'
import { encode, encodeParts, encodeTensor } from '../../src/onnx/encode.js'
import { protoOf, type Attribute, type Model, type ValueType } from '../../src/onnx/graph.js'
import { joined, varint } from '../../src/onnx/wire.js'
import { bytes, faultOf, floats, functionOf, graph, lengthed, model, node, number, subgraph } from './build.js'

const float = fc.float({ noNaN: true })
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const constant = fc.array(float).map((values) => floats('t', values))

const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  float.map((value): Attribute => ({ kind: 'float', value })),
  int64.map((value): Attribute => ({ kind: 'int', value })),
  fc.uint8Array().map((value): Attribute => ({ kind: 'string', value })),
  constant.map((value): Attribute => ({ kind: 'tensor', value })),
  fc.array(float).map((values): Attribute => ({ kind: 'floats', value: Float32Array.from(values) })),
  fc.array(int64).map((value): Attribute => ({ kind: 'ints', value })),
  fc.array(fc.uint8Array()).map((value): Attribute => ({ kind: 'strings', value })),
  fc.array(constant).map((value): Attribute => ({ kind: 'tensors', value })),
  constant.map((item) => subgraph({ outputs: ['s'], nodes: [node('Neg(x) -> s')], initializers: [item] })),
  fc.constant<Attribute>({ kind: 'graphs', value: [graph({}), graph({ outputs: ['x'] })] }),
)

const extent = fc.oneof(fc.nat(), fc.string({ minLength: 1 }), fc.constant(undefined))

const type: fc.Arbitrary<ValueType> = fc.letrec<{ type: ValueType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      kind: fc.constantFrom('tensor' as const, 'sparse' as const),
      dtype: fc.nat(26),
      dims: fc.option(fc.array(extent), { nil: undefined }),
    }),
    fc.constant({ kind: 'unknown' as const, dtype: 0, dims: undefined }),
    tie('type').map((element) => ({ kind: 'sequence' as const, dtype: 0, dims: undefined, element })),
    tie('type').map((element) => ({ kind: 'optional' as const, dtype: 0, dims: undefined, element })),
    tie('type').map((element) => ({ kind: 'map' as const, dtype: 7, dims: undefined, element })),
  ),
})).type

const name = fc.string({ minLength: 1, unit: 'grapheme' })

const models: fc.Arbitrary<Model> = fc
  .record({
    attributes: fc.dictionary(name, attribute, { noNullPrototype: false }),
    types: fc.array(type),
    metadata: fc.array(fc.tuple(fc.string(), fc.string())),
    texts: fc.array(fc.string(), { minLength: 4, maxLength: 4 }),
    modelVersion: int64,
  })
  .map(({ attributes, types, metadata, texts, modelVersion }) => {
    const [producerName, producerVersion, domain, docString] = texts
    const main = graph({
      inputs: ['x'],
      outputs: ['y'],
      nodes: [node('vendor.Op(x, , w) -> y, ', attributes)],
      initializers: [floats('w', [1, 2])],
    })
    const valueInfo = types.map((item, i) => ({ ...item, name: `v${i}` }))
    const more = { producerName, producerVersion, domain, docString, modelVersion, metadata: new Map(metadata) }
    return model(
      { ...main, valueInfo },
      {
        ...more,
        opsets: new Map([
          ['', 21],
          ['vendor', 3],
        ]),
      },
    )
  })

describe('encoding and decoding', () => {
  test('a model survives the way into a file and back', () => {
    fc.assert(fc.property(models, (item) => void expect(decode(encode(item))).toEqual(item)))
  })

  test('the same model has one encoding', () => {
    fc.assert(
      fc.property(models, (item) => {
        const file = encode(item)
        expect(equal(encode(decode(file)), file)).toBe(true)
      }),
    )
  })

  test('functions survive with references, defaults and overloads', () => {
    const body = [
      node('Relu(x) -> y', {
        alpha: { kind: 'reference', name: 'a', code: 1 },
        beta: { kind: 'reference', name: 'b', code: 7 },
      }),
    ]
    const defaults = new Map<string, Attribute>([['b', { kind: 'ints', value: [1n, -1n] }]])
    const item = functionOf('F', body, {
      attributes: ['a'],
      defaults,
      overload: 'o',
      valueInfo: [{ name: 'y', kind: 'tensor', dtype: 1, dims: ['n'] }],
    })
    const whole = model(graph({}), { functions: [item] })
    expect(decode(encode(whole))).toEqual(whole)
  })

  test('large constants are parts of the file and not copied', () => {
    const large = protoOf(tensor('uint8', [100_000], new Uint8Array(100_000)), 'w')
    const item = model(graph({ initializers: [large, floats('v', [1])] }))
    const parts = encodeParts(item)
    expect(parts.some((part) => part === large.payload)).toBe(true)
    expect(equal(joined(parts), encode(item))).toBe(true)
  })

  test('an attribute of a sparse tensor or a type is carried unread', () => {
    const typed = bytes(lengthed(1, utf8('type')), number(20, 13n), lengthed(14, lengthed(1, number(1, 1n))))
    const nodes = bytes(lengthed(2, utf8('y')), lengthed(4, utf8('Optional')), lengthed(5, typed))
    const file = bytes(number(1, 10n), lengthed(7, lengthed(1, nodes)), lengthed(8, number(2, 21n)))
    const read = decode(file)
    expect(read.graph.nodes[0].attributes.get('type')).toEqual({ kind: 'unsupported', code: 13, bytes: typed })
    expect(decode(encode(read))).toEqual(read)
  })

  test('an attribute without a type, as the oldest files have it, takes it from its value', () => {
    const attributes = lengthed(5, bytes(lengthed(1, utf8('axis')), number(3, 7n)))
    const file = bytes(
      number(1, 3n),
      lengthed(7, lengthed(1, bytes(lengthed(4, utf8('A')), attributes))),
      lengthed(8, number(2, 7n)),
    )
    expect(decode(file).graph.nodes[0].attributes.get('axis')).toEqual({ kind: 'int', value: 7n })
  })

  test('negative extents of types, which exporters write for unknown ones, are unknown', () => {
    const shape = lengthed(2, bytes(lengthed(1, number(1, -1n)), lengthed(1, lengthed(2, utf8('n')))))
    const info = lengthed(11, bytes(lengthed(1, utf8('x')), lengthed(2, lengthed(1, bytes(number(1, 1n), shape)))))
    expect(decode(bytes(number(1, 10n), lengthed(7, info))).graph.inputs[0].dims).toEqual([undefined, 'n'])
  })

  test('documentation, annotations and device placement are stepped over', () => {
    const skipped = bytes(
      lengthed(10, utf8('doc')),
      lengthed(14, lengthed(1, utf8('w'))),
      lengthed(16, lengthed(1, utf8('k'))),
    )
    const nodes = lengthed(
      1,
      bytes(lengthed(4, utf8('A')), lengthed(6, utf8('doc')), lengthed(9, utf8('')), lengthed(10, number(3, 1n))),
    )
    const file = bytes(
      number(1, 13n),
      lengthed(7, bytes(skipped, nodes)),
      lengthed(8, number(2, 21n)),
      lengthed(26, utf8('')),
    )
    expect(decode(file).graph.nodes).toEqual([node('A() -> ')])
  })

  test('floats in attributes keep their bits, in a Float32Array of any alignment', () => {
    const value = new Float32Array(new Uint8Array([0, 0, 0, 0, 1, 0, 0, 0x80, 255, 255, 127, 127]).buffer)
    for (const shift of [0, 1, 2, 3]) {
      const file = encode(model(graph({ nodes: [node('A() -> ', { a: { kind: 'floats', value } })] })))
      const read = decode(bytes(new Uint8Array(shift), file).subarray(shift)).graph.nodes[0].attributes.get('a')
      expect(read).toEqual({ kind: 'floats', value })
    }
  })
})

const shared = new URL('../../../shared/', import.meta.url)
const cases = new URL('onnx-cases/node/', shared)

describe.skipIf(!existsSync(cases))("the ONNX project's own operator cases", () => {
  const names = existsSync(cases) ? readdirSync(cases) : []

  test('all models decode, save one of opset 1, and survive a round trip', () => {
    const refused: string[] = []
    for (const item of names) {
      const file = new Uint8Array(readFileSync(new URL(`${item}/model.onnx`, cases)))
      const fault = faultOf(() => decode(file))
      if (fault !== 'no fault') refused.push(`${item} ${fault}`)
      else expect(decode(encode(decode(file)))).toEqual(decode(file))
    }
    expect(names.length).toBeGreaterThan(900)
    expect(refused).toEqual(['test_not_2d onnx/bad-version'])
  })

  test('all tensors decode and survive a round trip; sequences and optionals are refused by name', () => {
    const refused = new Map<string, number>()
    let tensors = 0
    for (const item of names) {
      const folder = new URL(`${item}/test_data_set_0/`, cases)
      for (const data of readdirSync(folder)) {
        const file = new Uint8Array(readFileSync(new URL(data, folder)))
        const fault = faultOf(() => decodeTensor(file))
        if (fault !== 'no fault') refused.set(fault, (refused.get(fault) ?? 0) + 1)
        else if (tensors++ % 10 === 0)
          expect(decodeTensor(encodeTensor(decodeTensor(file)))).toEqual(decodeTensor(file))
      }
    }
    expect(tensors).toBeGreaterThan(3000)
    expect([...refused.keys()].sort()).toEqual(['onnx/bad-tensor', 'onnx/bad-wire', 'onnx/unsupported'])
    expect([...refused.values()].reduce((a, b) => a + b)).toBeLessThan(50)
  })
})

const real = new URL('models/', shared)

describe.skipIf(!existsSync(real))('real model files', () => {
  const files = existsSync(real) ? readdirSync(real).filter((file) => file.endsWith('.onnx')) : []

  test.each(files)('%s decodes and survives a round trip', (file) => {
    const read = decode(new Uint8Array(readFileSync(new URL(file, real))))
    expect(read.graph.nodes.length).toBeGreaterThan(0)
    expect(decode(encode(read))).toEqual(read)
  })
})

describe('what ONNX Runtime reads', () => {
  test('runs a model of ours and gives its sum', async (context) => {
    const ort = await import('onnxruntime-node').catch(() => undefined)
    if (ort === undefined) return context.skip()
    const main = graph({
      inputs: ['x'],
      outputs: ['y'],
      nodes: [node('Add(x, w) -> y')],
      initializers: [floats('w', [10, 20])],
    })
    const session = await ort.InferenceSession.create(encode(model(main)))
    const { y } = await session.run({ x: new ort.Tensor('float32', [1, 2], [2]) })
    expect([...(y.data as Float32Array)]).toEqual([11, 22])
  })
})

test('varints of extents and integers are minimal, so that files are canonical', () => {
  expect(varint(300n)).toEqual(Uint8Array.of(0xac, 0x02))
})
