import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { check } from '../../src/onnx/check.js'
import { decode } from '../../src/onnx/decode.js'
import { encode } from '../../src/onnx/encode.js'
import type { Model, Node } from '../../src/onnx/graph.js'
import { faultOf, floats, functionOf, graph, model, node, subgraph } from './build.js'

/** What reading the model's own file says about it. */
const verdict = (item: Model) => faultOf(() => decode(encode(item)))

const order = (item: Model): string[] => check(item).graph.nodes.map(({ op }) => op)

const relu = (input: string, output: string): Node => node(`Relu(${input}) -> ${output}`)

describe('versions', () => {
  const body = graph({ inputs: ['x'], outputs: ['y'], nodes: [relu('x', 'y')] })

  test('IR versions 3 to 14 and opsets 7 to 28 are read, the ones beside them are not', () => {
    for (const irVersion of [3, 14]) expect(verdict(model(body, { irVersion }))).toBe('no fault')
    for (const irVersion of [0, 2, 15]) expect(verdict(model(body, { irVersion }))).toBe('onnx/bad-version')
    for (const opset of [7, 28]) expect(verdict(model(body, { opsets: new Map([['', opset]]) }))).toBe('no fault')
    for (const opset of [1, 6, 29])
      expect(verdict(model(body, { opsets: new Map([['', opset]]) }))).toBe('onnx/bad-version')
  })

  test('an operator of a domain that is not imported is refused, one that is imported is recorded', () => {
    const foreign = graph({ inputs: ['x'], outputs: ['y'], nodes: [node('vendor.Op(x) -> y')] })
    expect(verdict(model(foreign))).toBe('onnx/bad-version')
    expect(verdict(model(foreign, { opsets: new Map([['vendor', 900]]) }))).toBe('no fault')
    expect(verdict(model(body, { opsets: new Map([['vendor', 1]]) }))).toBe('onnx/bad-version')
  })

  test('ai.onnx and the empty domain are one domain, which has one version', () => {
    const opsets = new Map([
      ['', 13],
      ['ai.onnx', 13],
    ])
    expect(decode(encode(model(body, { opsets }))).opsets).toEqual(new Map([['', 13]]))
    expect(verdict(model(body, { opsets: new Map([...opsets, ['', 14]]) }))).toBe('onnx/bad-version')
    const named = graph({ inputs: ['x'], outputs: ['y'], nodes: [{ ...relu('x', 'y'), domain: 'ai.onnx' }] })
    expect(decode(encode(model(named))).graph.nodes[0].domain).toBe('')
  })
})

describe('names', () => {
  test.each([
    ['two nodes give one value', graph({ inputs: ['x'], outputs: ['y'], nodes: [relu('x', 'y'), relu('x', 'y')] })],
    ['one node gives a value twice', graph({ inputs: ['x'], outputs: ['y'], nodes: [node('Split(x) -> y, y')] })],
    ['a node gives an input', graph({ inputs: ['x'], outputs: ['x'], nodes: [relu('x', 'x')] })],
    [
      'a node gives an initializer',
      graph({ inputs: ['x'], outputs: ['w'], nodes: [relu('x', 'w')], initializers: [floats('w', [1])] }),
    ],
    ['two inputs have one name', graph({ inputs: ['x', 'x'], outputs: ['y'], nodes: [relu('x', 'y')] })],
    ['two outputs have one name', graph({ inputs: ['x'], outputs: ['y', 'y'], nodes: [relu('x', 'y')] })],
  ])('%s: refused', (_, main) => {
    expect(verdict(model(main))).toBe('onnx/duplicate-name')
  })

  test.each([
    ['a node reads what nothing gives', graph({ inputs: ['x'], outputs: ['y'], nodes: [node('Add(x, z) -> y')] })],
    ['an output that nothing gives', graph({ inputs: ['x'], outputs: ['z'], nodes: [relu('x', 'y')] })],
  ])('%s: refused', (_, main) => {
    expect(verdict(model(main))).toBe('onnx/undefined-name')
  })

  test('an initializer may be the default of an input, inputs may be absent, outputs unwanted', () => {
    const nodes = [node('Clip(x, , w) -> y'), node('Split(y) -> a, , b')]
    const main = graph({ inputs: ['x', 'w'], outputs: ['a', 'b'], nodes, initializers: [floats('w', [1])] })
    expect(verdict(model(main))).toBe('no fault')
  })

  test('names of prototypes are names like all others', () => {
    const nodes = [node('Add(__proto__, constructor) -> toString'), node('Relu(toString) -> hasOwnProperty')]
    const inputs = ['__proto__', 'constructor']
    const main = model(graph({ inputs, outputs: ['hasOwnProperty'], nodes }), {
      metadata: new Map([['__proto__', 'x']]),
    })
    const read = decode(encode(main))
    expect(read).toEqual(main)
    expect(({} as Record<string, unknown>).x).toBeUndefined()
    expect(verdict(model(graph({ inputs, outputs: ['valueOf'], nodes })))).toBe('onnx/undefined-name')
    expect(verdict(model(graph({ inputs: ['__proto__', '__proto__'], outputs: [], nodes: [] })))).toBe(
      'onnx/duplicate-name',
    )
  })
})

describe('subgraphs', () => {
  const branch = (read: string, give: string) => subgraph({ outputs: [give], nodes: [relu(read, give)] })
  const branches = (read: string, give: string): Node =>
    node('If(c) -> y', { then_branch: branch(read, give), else_branch: branch(read, give) })
  const main = (...nodes: Node[]): Model => model(graph({ inputs: ['x', 'c'], outputs: ['y'], nodes }))

  test('read values of the graphs around them', () => {
    expect(verdict(main(branches('x', 'inner')))).toBe('no fault')
    expect(verdict(main(branches('unknown', 'inner')))).toBe('onnx/undefined-name')
  })

  test('may give a value of the graph around them as it is', () => {
    const direct = subgraph({ outputs: ['x'] })
    expect(verdict(main(node('If(c) -> y', { then_branch: direct, else_branch: direct })))).toBe('no fault')
  })

  test('keep their values to themselves', () => {
    expect(verdict(main(branches('x', 'inner'), relu('inner', 'z')))).toBe('onnx/undefined-name')
  })

  test.each(['x', 'y', 'z'])('must not hide the outer value %s', (name) => {
    expect(verdict(main(branches('c', name), relu('x', 'z')))).toBe('onnx/duplicate-name')
  })

  test('count as readers when nodes are sorted', () => {
    expect(order(main(branches('z', 'inner'), relu('x', 'z')))).toEqual(['Relu', 'If'])
    expect(verdict(main(branches('y', 'inner')))).toBe('onnx/cycle')
    expect(verdict(main(branches('z', 'inner'), relu('y', 'z')))).toBe('onnx/cycle')
  })

  test('are sorted inside', () => {
    const body = subgraph({ outputs: ['b'], nodes: [node('Neg(a) -> b'), relu('x', 'a')] })
    const [{ attributes }] = check(
      main(node('If(c) -> y', { then_branch: body, else_branch: body })),
    ).graph.nodes.slice(-1)
    const inner = attributes.get('then_branch')
    expect(inner?.kind === 'graph' && inner.value.nodes.map(({ op }) => op)).toEqual(['Relu', 'Neg'])
  })

  test('are read to 32 levels and refused below', () => {
    const nested = (levels: number): Node => {
      const body = levels === 0 ? [relu('x', 'v')] : [{ ...nested(levels - 1), outputs: [`v${levels}`] }]
      return node('If(c) -> y', { then_branch: subgraph({ outputs: [body[0].outputs[0]], nodes: body }) })
    }
    expect(verdict(main(nested(31)))).toBe('no fault')
    expect(verdict(main(nested(32)))).toBe('onnx/too-deep')
    expect(faultOf(() => check(main(nested(40))))).toBe('onnx/too-deep')
  })
})

describe('order', () => {
  test('a circle is refused, also of one node', () => {
    const cyclic = [node('Add(x, b) -> a'), relu('a', 'b')]
    expect(verdict(model(graph({ inputs: ['x'], outputs: ['b'], nodes: cyclic })))).toBe('onnx/cycle')
    expect(verdict(model(graph({ inputs: ['x'], outputs: ['a'], nodes: [node('Add(x, a) -> a')] })))).toBe('onnx/cycle')
  })

  test('sorted nodes stay where they are', () => {
    const nodes = [node('A(x) -> a'), node('B(x) -> b'), node('C(a) -> c'), node('D(b, c) -> d')]
    const main = model(graph({ inputs: ['x'], outputs: ['d'], nodes }))
    expect(check(main)).toEqual(main)
  })

  test('what a node reads is moved before it and nothing else moves', () => {
    const nodes = [node('A(x) -> a'), node('D(b, c) -> d'), node('B(x) -> b'), node('E(x) -> e'), node('C(b) -> c')]
    expect(order(model(graph({ inputs: ['x'], outputs: ['d'], nodes })))).toEqual(['A', 'B', 'C', 'D', 'E'])
  })

  test('every shuffle of an acyclic graph is sorted, and sorting twice is sorting once', () => {
    const edges = fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(edges, fc.infiniteStream(fc.nat()), (reads, noise) => {
        const nodes = reads.map((sources, i) => {
          const inputs = sources.map((s) => (i === 0 ? 'x' : `v${s % i}`))
          return node(`Op(${inputs.join(', ')}) -> v${i}`)
        })
        const shuffled = nodes.map((item) => ({ item, key: noise.next().value })).sort((a, b) => a.key - b.key)
        const main = model(graph({ inputs: ['x'], outputs: ['v0'], nodes: shuffled.map(({ item }) => item) }))
        const sorted = check(main)
        const known = new Set(['x'])
        for (const { inputs, outputs } of sorted.graph.nodes) {
          expect(inputs.every((name) => known.has(name))).toBe(true)
          outputs.forEach((name) => known.add(name))
        }
        expect(known.size).toBe(nodes.length + 1)
        expect(check(sorted)).toEqual(sorted)
      }),
    )
  })

  test('a chain of 50,000 nodes in reverse order is sorted without a deep stack', () => {
    const nodes = Array.from({ length: 50_000 }, (_, i) => relu(`v${i}`, `v${i + 1}`)).reverse()
    const sorted = check(model(graph({ inputs: ['v0'], outputs: ['v50000'], nodes })))
    expect(sorted.graph.nodes[0].inputs).toEqual(['v0'])
  })
})

describe('functions', () => {
  const main = (...functions: Model['functions']): Model =>
    model(graph({ inputs: ['x'], outputs: ['y'], nodes: [node('own.F(x) -> y')] }), { functions })
  const call = (name: string, input: string, output: string): Node => node(`own.${name}(${input}) -> ${output}`)

  test('are read, and may be called without an import of their domain', () => {
    const item = main(
      functionOf('F', [relu('x', 'y')], { attributes: ['a'], defaults: new Map([['b', { kind: 'int', value: 1n }]]) }),
    )
    expect(decode(encode(item))).toEqual(item)
  })

  test.each([
    ['two of one name', [functionOf('F', [relu('x', 'y')]), functionOf('F', [relu('x', 'y')])], 'onnx/duplicate-name'],
    ['an attribute twice', [functionOf('F', [relu('x', 'y')], { attributes: ['a', 'a'] })], 'onnx/duplicate-name'],
    ['a value twice', [functionOf('F', [relu('x', 'y'), relu('x', 'y')])], 'onnx/duplicate-name'],
    ['a value of the main graph', [functionOf('F', [node('Add(x, w) -> y')])], 'onnx/undefined-name'],
    ['an output that nothing gives', [functionOf('F', [relu('x', 'z')])], 'onnx/undefined-name'],
    ['a circle inside', [functionOf('F', [node('Add(x, y) -> y')])], 'onnx/cycle'],
    ['a call of itself', [functionOf('F', [call('F', 'x', 'y')])], 'onnx/cycle'],
    [
      'a circle of calls',
      [functionOf('F', [call('G', 'x', 'y')]), functionOf('G', [call('F', 'x', 'y')])],
      'onnx/cycle',
    ],
    ['a domain that it does not import', [functionOf('F', [node('vendor.Op(x) -> y')])], 'onnx/bad-version'],
    [
      'an opset that is not read',
      [functionOf('F', [relu('x', 'y')], { opsets: new Map([['', 99]]) })],
      'onnx/bad-version',
    ],
    [
      'a reference to an attribute that it does not have',
      [
        functionOf('F', [node('Relu(x) -> y', { a: { kind: 'reference', name: 'b', code: 1 } })], {
          attributes: ['a'],
        }),
      ],
      'onnx/bad-node',
    ],
    [
      'a default that is a reference',
      [functionOf('F', [relu('x', 'y')], { defaults: new Map([['a', { kind: 'reference', name: 'a', code: 1 }]]) })],
      'onnx/bad-node',
    ],
    [
      'a default that is a graph',
      [functionOf('F', [relu('x', 'y')], { defaults: new Map([['a', subgraph({})]]) })],
      'onnx/unsupported',
    ],
  ] as const)('with %s: refused', (_, functions, code) => {
    expect(verdict(main(...functions))).toBe(code)
  })

  test('an overload is another function', () => {
    const other = functionOf('F', [call('F', 'x', 'y')], { overload: 'o' })
    expect(verdict(main(functionOf('F', [relu('x', 'y')]), other))).toBe('no fault')
  })

  test('a reference outside of a function is refused', () => {
    const nodes = [node('Relu(x) -> y', { a: { kind: 'reference', name: 'a', code: 1 } })]
    expect(verdict(model(graph({ inputs: ['x'], outputs: ['y'], nodes })))).toBe('onnx/bad-node')
  })

  test('thirty functions of two calls each, a billion nodes, are refused at once', () => {
    const doubling = Array.from({ length: 30 }, (_, i) =>
      functionOf(`F${i}`, i === 0 ? [relu('x', 'y')] : [call(`F${i - 1}`, 'x', 'z'), call(`F${i - 1}`, 'z', 'y')]),
    )
    expect(verdict(model(graph({}), { functions: doubling }))).toBe('core/too-large')
    expect(verdict(model(graph({}), { functions: doubling.slice(0, 20) }))).toBe('no fault')
  })

  test.each(['callees first', 'callers first'])(
    'a chain of 65 calls is refused, one of 64 is read, %s',
    (direction) => {
      const chain = (length: number) => {
        const items = Array.from({ length }, (_, i) =>
          functionOf(`F${i}`, [i === 0 ? relu('x', 'y') : call(`F${i - 1}`, 'x', 'y')]),
        )
        return model(graph({}), { functions: direction === 'callees first' ? items : items.reverse() })
      }
      expect(verdict(chain(64))).toBe('no fault')
      expect(verdict(chain(65))).toBe('onnx/too-deep')
    },
  )
})
