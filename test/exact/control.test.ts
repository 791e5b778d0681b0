import { describe, expect, test } from 'vitest'
import type { Fault } from '../../src/core/faults.js'
import { DTYPES, tensor, type Tensor, type TensorType } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import {
  modelFrom,
  protoOf,
  type Attribute,
  type Graph,
  type Model,
  type Node,
  type ValueInfo,
} from '../../src/onnx/graph.js'
import { conformProgram } from './conform.js'
import { filled, valuesOf } from './naive.js'

const int = (value: number): Attribute => ({ kind: 'int', value: BigInt(value) })
const ints = (values: readonly number[]): Attribute => ({ kind: 'ints', value: values.map(BigInt) })
const graph = (value: Graph): Attribute => ({ kind: 'graph', value })
const constant = (value: Tensor): Attribute => ({ kind: 'tensor', value: protoOf(value, '') })

/** A node from `outputs = op(inputs)`. */
function node(text: string, attributes: Record<string, Attribute> = {}): Node {
  const [, outputs, op, inputs] = /^(.*) = (\w+)\((.*)\)$/.exec(text)!
  const names = (list: string) => (list === '' ? [] : list.split(',').map((name) => name.trim()))
  return {
    name: '',
    op,
    domain: '',
    overload: '',
    inputs: names(inputs),
    outputs: names(outputs),
    attributes: new Map(Object.entries(attributes)),
  }
}

const info = (name: string, type?: TensorType): ValueInfo =>
  type === undefined
    ? { name, kind: 'unknown', dtype: 0, dims: undefined }
    : { name, kind: 'tensor', dtype: DTYPES[type.dtype].code, dims: type.dims }

function body(inputs: readonly string[], nodes: readonly Node[], outputs: readonly string[]): Graph {
  return {
    name: 'body',
    nodes,
    inputs: inputs.map((name) => info(name)),
    outputs: outputs.map((name) => info(name)),
    initializers: new Map(),
    valueInfo: [],
  }
}

function model(
  inputs: Readonly<Record<string, Tensor>>,
  nodes: readonly Node[],
  { outputs, opset = 16 }: { outputs: readonly string[]; opset?: number },
): Model {
  return modelFrom({
    irVersion: 10,
    opsets: new Map([['', opset]]),
    graph: { ...body([], nodes, outputs), inputs: Object.entries(inputs).map(([name, type]) => info(name, type)) },
  })
}

/** Outputs of a model, equal in every bit on every runtime. */
async function run(
  inputs: Readonly<Record<string, Tensor>>,
  nodes: readonly Node[],
  options: { outputs: readonly string[]; opset?: number },
) {
  const { program, state, bound } = compile(model(inputs, nodes, options), { inputs })
  const outputs = await conformProgram(
    program,
    program.names.inputs.map((name) => inputs[name]),
    state,
  )
  return { outputs, bound }
}

const compiling =
  (inputs: Readonly<Record<string, Tensor>>, nodes: readonly Node[], outputs: readonly string[]) => () =>
    compile(model(inputs, nodes, { outputs }), { inputs })
const refused = (code: string) => expect.objectContaining({ code }) as Fault

const bool = (value: boolean) => tensor('bool', [], [value ? 1 : 0])
const long = (value: number) => tensor('int64', [], [BigInt(value)])
const x = tensor('float32', [3], [1, 2, 3])

describe('If', () => {
  const branches = (yes: Node, no: Node) => ({
    then_branch: graph(body([], [yes], ['r'])),
    else_branch: graph(body([], [no], ['r'])),
  })
  const same = branches(node('r = Add(x, x)'), node('r = Neg(x)'))

  test('a condition that is data selects the values of its branch', async () => {
    for (const [value, expected] of [
      [true, [2, 4, 6]],
      [false, [-1, -2, -3]],
    ] as const) {
      const { outputs, bound } = await run({ c: bool(value), x }, [node('y = If(c)', same)], { outputs: ['y'] })
      expect(valuesOf(outputs[0])).toEqual(expected)
      expect(bound).toEqual({})
    }
  })

  test('a NaN of the branch that is not taken stays out of the result', async () => {
    const inputs = { c: bool(false), x: tensor('float32', [1], [-1]) }
    const { outputs } = await run(inputs, [node('y = If(c)', branches(node('r = Sqrt(x)'), node('r = Neg(x)')))], {
      outputs: ['y'],
    })
    expect(valuesOf(outputs[0])).toEqual([1])
  })

  test('branches of different shapes bind the condition', async () => {
    const nodes = [node('y = If(c)', branches(node('r = Transpose(m)'), node('r = Neg(m)')))]
    const { outputs, bound } = await run({ c: bool(true), m: filled([2, 3]) }, nodes, { outputs: ['y'] })
    expect(outputs[0].dims).toEqual([3, 2])
    expect(Object.keys(bound)).toEqual(['c'])
  })

  test('branches of different shapes under a condition that is computed from larger data are refused', () => {
    const big = filled([2, 40])
    const nodes = [
      node('s = ReduceMax(big)', { keepdims: int(0) }),
      node('c = Less(s, s)'),
      node('y = If(c)', branches(node('r = Transpose(big)'), node('r = Neg(big)'))),
    ]
    expect(compiling({ big }, nodes, ['y'])).toThrow(refused('exact/dynamic-shape'))
  })
})

describe('Loop', () => {
  const doubling = body(['i', 'c', 'v'], [node('w = Add(v, v)'), node('again = Identity(c)')], ['again', 'w', 'w'])

  test('a known number of iterations is unrolled and their results are stacked', async () => {
    const nodes = [
      node('n = Constant()', { value: constant(long(3)) }),
      node('last, all = Loop(n, , x)', { body: graph(doubling) }),
    ]
    const { outputs } = await run({ x }, nodes, { outputs: ['last', 'all'] })
    expect(valuesOf(outputs[0])).toEqual([8, 16, 24])
    expect(outputs[1].dims).toEqual([3, 3])
    expect(valuesOf(outputs[1])).toEqual([2, 4, 6, 4, 8, 12, 8, 16, 24])
  })

  test('a number of iterations that is an input is bound', async () => {
    const { outputs, bound } = await run(
      { n: long(2), x },
      [node('last, all = Loop(n, , x)', { body: graph(doubling) })],
      { outputs: ['last'] },
    )
    expect(valuesOf(outputs[0])).toEqual([4, 8, 12])
    expect(bound).toHaveProperty('n')
  })

  test('no iteration gives the first values back', async () => {
    const once = body(['i', 'c', 'v'], [node('w = Add(v, v)'), node('again = Identity(c)')], ['again', 'w'])
    const nodes = [
      node('n = Constant()', { value: constant(long(0)) }),
      node('last = Loop(n, , x)', { body: graph(once) }),
    ]
    const { outputs } = await run({ x }, nodes, { outputs: ['last'] })
    expect(valuesOf(outputs[0])).toEqual([1, 2, 3])
  })

  const until = body(
    ['i', 'c', 'v'],
    [node('w = Add(v, v)'), node('top = ReduceMax(w)', { keepdims: int(0) }), node('again = Less(top, limit)')],
    ['again', 'w'],
  )

  test('values stay as they are once data ends the loop', async () => {
    const nodes = [
      node('n = Constant()', { value: constant(long(9)) }),
      node('last = Loop(n, , x)', { body: graph(until) }),
    ]
    const { outputs } = await run({ x, limit: tensor('float32', [], [10]) }, nodes, { outputs: ['last'] })
    expect(valuesOf(outputs[0])).toEqual([4, 8, 12])
  })

  test('scan outputs of a loop that data ends, and a loop without any end, are refused', () => {
    const inputs = { x, limit: tensor('float32', [], [10]) }
    const counted = node('n = Constant()', { value: constant(long(9)) })
    const scanning = { ...until, outputs: [...until.outputs, info('w')] }
    expect(compiling(inputs, [counted, node('last, all = Loop(n, , x)', { body: graph(scanning) })], ['all'])).toThrow(
      refused('exact/unsupported-operator'),
    )
    expect(compiling(inputs, [node('last = Loop(, , x)', { body: graph(until) })], ['last'])).toThrow(
      refused('exact/unsupported-operator'),
    )
  })
})

describe('Scan', () => {
  const summing = body(['s', 'e'], [node('t = Add(s, e)'), node('u = Identity(t)')], ['t', 'u'])
  const rows = tensor('float32', [3, 2], [1, 2, 3, 4, 5, 6])
  const zero = tensor('float32', [2], [0, 0])

  test('runs forwards and backwards, stacking on any axis', async () => {
    const attributes = { body: graph(summing), num_scan_inputs: int(1) }
    const forward = await run({ zero, rows }, [node('s, all = Scan(zero, rows)', attributes)], {
      outputs: ['s', 'all'],
    })
    expect(valuesOf(forward.outputs[0])).toEqual([9, 12])
    expect(valuesOf(forward.outputs[1])).toEqual([1, 2, 4, 6, 9, 12])
    const turned = {
      ...attributes,
      scan_input_directions: ints([1]),
      scan_output_directions: ints([1]),
      scan_output_axes: ints([-1]),
    }
    const backward = await run({ zero, rows }, [node('s, all = Scan(zero, rows)', turned)], { outputs: ['all'] })
    expect(valuesOf(backward.outputs[0])).toEqual([9, 8, 5, 12, 10, 6])
  })

  test('the form of opset 8 runs every sample of a batch', async () => {
    const batch = tensor('float32', [2, 3, 1], [1, 2, 3, 10, 20, 30])
    const start = tensor('float32', [2, 1], [0, 1])
    const nodes = [node('s, all = Scan(, start, batch)', { body: graph(summing), num_scan_inputs: int(1) })]
    const { outputs } = await run({ start, batch }, nodes, { outputs: ['s', 'all'], opset: 8 })
    expect(valuesOf(outputs[0])).toEqual([6, 61])
    expect(outputs[1].dims).toEqual([2, 3, 1])
  })
})
