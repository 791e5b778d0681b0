import { describe, expect, test } from 'vitest'
import { tensor } from '../../src/core/tensor.js'
import { check } from '../../src/onnx/check.js'
import { explain, toText, typeText } from '../../src/onnx/explain.js'
import { protoOf, type Model } from '../../src/onnx/graph.js'
import { floats, functionOf, graph, model, node, subgraph } from './build.js'

const look = (item: Model): readonly string[] => explain(check(item)).suspicious

const plain = graph({
  inputs: ['x'],
  outputs: ['y'],
  nodes: [node('MatMul(x, w) -> m'), node('Relu(m) -> r'), node('Relu(r) -> y')],
  initializers: [floats('w', [1, 2, 3])],
})

describe('explain', () => {
  test('says versions, types, parameters and operators', () => {
    expect(explain(model(plain, { metadata: new Map([['k', 'v']]) }))).toEqual({
      irVersion: 10,
      opsets: { 'ai.onnx': 21 },
      producer: 'tests',
      graph: 'g',
      inputs: [{ name: 'x', type: 'float32[2]' }],
      outputs: [{ name: 'y', type: 'float32[2]' }],
      parameters: { tensors: 1, elements: 3, bytes: 12 },
      nodes: 3,
      operators: [
        { op: 'Relu', count: 2 },
        { op: 'MatMul', count: 1 },
      ],
      functions: [],
      metadata: { k: 'v' },
      suspicious: [],
    })
  })

  test('is plain JSON', () => {
    const said = explain(model(plain))
    expect(JSON.parse(JSON.stringify(said))).toEqual(said)
  })

  test('counts the operators of subgraphs and functions', () => {
    const body = subgraph({ outputs: ['t'], nodes: [node('Neg(x) -> t')] })
    const nodes = [node('If(x) -> i', { then_branch: body, else_branch: body }), node('own.F(i) -> y')]
    const item = model(graph({ inputs: ['x'], outputs: ['y'], nodes }), {
      functions: [functionOf('F', [node('Neg(x) -> y')])],
    })
    expect(explain(item).operators).toEqual([
      { op: 'Neg', count: 3 },
      { op: 'If', count: 1 },
      { op: 'own.F', count: 1 },
    ])
    expect(explain(item).functions).toEqual(['own.F'])
  })

  test('names types as people read them', () => {
    const cell = { kind: 'tensor', dtype: 10, dims: ['n', 3, undefined] } as const
    expect(typeText(cell)).toBe('float16[n, 3, ?]')
    expect(typeText({ kind: 'tensor', dtype: 1, dims: undefined })).toBe('float32[...]')
    expect(typeText({ kind: 'sequence', dtype: 0, dims: undefined, element: cell })).toBe('sequence(float16[n, 3, ?])')
    expect(typeText({ kind: 'map', dtype: 7, dims: undefined, element: cell })).toBe('map(int64, float16[n, 3, ?])')
    expect(typeText({ kind: 'unknown', dtype: 0, dims: undefined })).toBe('unknown')
  })

  test('text has one line a fact, whatever names say', () => {
    const evil = 'y\nparameters: 0\u202e'
    const item = model(graph({ inputs: ['x'], outputs: [evil], nodes: [node('Relu(x) -> out')] }))
    const text = toText(
      explain({ ...item, graph: { ...item.graph, nodes: [{ ...item.graph.nodes[0], outputs: [evil] }] } }),
    )
    expect(text).toContain(String.raw`output "y\nparameters: 0\u{202e}": float32[2]`)
    expect(text.split('\n').filter((line) => line.startsWith('parameters'))).toEqual([
      'parameters: 0 tensors, 0 elements, 0 bytes',
    ])
  })
})

describe('a second look is asked for', () => {
  const body = (text: string) => graph({ inputs: ['x'], outputs: ['y'], nodes: [node(text)] })
  const half = protoOf(tensor('float16', [2], [0x3c00, 0x7c00]), 'w')

  test.each([
    [
      'foreign operators',
      model(body('vendor.Op(x) -> y'), { opsets: new Map([['vendor', 1]]) }),
      'operators of domains that ONNX does not define: "vendor"',
    ],
    [
      'random operators',
      model(body('RandomNormalLike(x) -> y')),
      'random operators, whose numbers each runtime draws for itself: "RandomNormalLike"',
    ],
    [
      'a bidirectional mark',
      model(body('Relu(x) -> y'), { functions: [functionOf('F', [{ ...node('Relu(x) -> y'), name: 'a\u202eb' }])] }),
      'names with invisible characters: "a\\u{202e}b"',
    ],
    [
      'node names twice',
      model(
        graph({
          inputs: ['x'],
          outputs: ['z'],
          nodes: ['Relu(x) -> y', 'Relu(y) -> z'].map((text) => ({ ...node(text), name: 'n' })),
        }),
      ),
      'node names that stand more than once: "n"',
    ],
    [
      'a default that callers can replace',
      model(
        graph({
          inputs: ['x', 'w'],
          outputs: ['y'],
          nodes: [node('Add(x, w) -> y')],
          initializers: [floats('w', [1])],
        }),
      ),
      'initializers that are inputs, so a caller can replace them: "w"',
    ],
    [
      'an unread initializer',
      model(graph({ inputs: ['x'], outputs: ['y'], nodes: [node('Relu(x) -> y')], initializers: [floats('w', [1])] })),
      'initializers that nothing reads: "w"',
    ],
    [
      'an unread input',
      model(graph({ inputs: ['x', 'z'], outputs: ['y'], nodes: [node('Relu(x) -> y')] })),
      'inputs that nothing reads: "z"',
    ],
    [
      'dead nodes, and the nodes that only they need',
      model(
        graph({
          inputs: ['x'],
          outputs: ['y'],
          nodes: [node('Relu(x) -> y'), node('Neg(x) -> a'), node('Abs(a) -> b')],
        }),
      ),
      'nodes that no output depends on: "Neg", "Abs"',
    ],
    [
      'an output that is an input',
      model(graph({ inputs: ['x'], outputs: ['x'] })),
      'outputs that are an input or a constant as it is: "x"',
    ],
    [
      'an infinite weight',
      model(graph({ inputs: ['x'], outputs: ['y'], nodes: [node('Add(x, w) -> y')], initializers: [half] })),
      'initializers with infinities or NaN: "w"',
    ],
    [
      'an input without a rank',
      model({ ...body('Relu(x) -> y'), inputs: [{ name: 'x', kind: 'tensor', dtype: 1, dims: undefined }] }),
      'inputs without an element type or rank: "x"',
    ],
  ])('%s', (_, item, sentence) => {
    expect(look(item)).toEqual([sentence])
  })

  test.each(['float32', 'float64', 'float16', 'bfloat16'] as const)(
    'for infinities and NaN of %s, and only for those',
    (dtype) => {
      const wide = dtype === 'float32' || dtype === 'float64'
      const bits = { float16: [0x7bff, 0x7c00, 0xfe01], bfloat16: [0x7f7f, 0xff80, 0x7fc1] }
      const [finite, infinite, nan] = wide ? [1e30, -Infinity, NaN] : bits[dtype as 'float16' | 'bfloat16']
      const said = [finite, infinite, nan].map((last) => {
        const w = protoOf(tensor(dtype, [2], [0, last]), 'w')
        return look(model(graph({ inputs: ['x'], outputs: ['y'], nodes: [node('Add(x, w) -> y')], initializers: [w] })))
          .length
      })
      expect(said).toEqual([0, 1, 1])
    },
  )

  test('long lists are shortened', () => {
    const initializers = Array.from({ length: 8 }, (_, i) => floats(`w${i}`, [1]))
    const item = model(graph({ inputs: ['x'], outputs: ['y'], nodes: [node('Relu(x) -> y')], initializers }))
    expect(look(item)).toEqual(['initializers that nothing reads: "w0", "w1", "w2", "w3", "w4" and 3 more'])
  })
})
