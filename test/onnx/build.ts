/** Models by hand, for tests. */
import { Fault, type FaultCode } from '../../src/core/faults.js'
import { tensor } from '../../src/core/tensor.js'
import {
  modelFrom,
  protoOf,
  type Attribute,
  type FunctionProto,
  type Graph,
  type Model,
  type Node,
  type TensorProto,
  type ValueInfo,
} from '../../src/onnx/graph.js'
import { joined, varint } from '../../src/onnx/wire.js'

/** A node written as `op(input, ...) -> output, ...`. */
export function node(text: string, attributes: Record<string, Attribute> = {}): Node {
  const [, op, inputs, outputs] = /^(\S+)\((.*)\) -> (.*)$/.exec(text) ?? []
  const names = (list: string): string[] => (list === '' ? [] : list.split(',').map((name) => name.trim()))
  const [domain, name] = op.includes('.') ? op.split('.') : ['', op]
  return {
    name: '',
    op: name,
    domain,
    overload: '',
    inputs: names(inputs),
    outputs: names(outputs),
    attributes: new Map(Object.entries(attributes)),
  }
}

export const value = (name: string, dims: ValueInfo['dims'] = [2]): ValueInfo => ({
  name,
  kind: 'tensor',
  dtype: 1,
  dims,
})

export function graph(parts: {
  inputs?: string[]
  outputs?: string[]
  nodes?: Node[]
  initializers?: TensorProto[]
}): Graph {
  return {
    name: 'g',
    nodes: parts.nodes ?? [],
    inputs: (parts.inputs ?? []).map((name) => value(name)),
    outputs: (parts.outputs ?? []).map((name) => value(name)),
    initializers: new Map((parts.initializers ?? []).map((item) => [item.name, item])),
    valueInfo: [],
  }
}

export const subgraph = (parts: Parameters<typeof graph>[0]): Attribute => ({ kind: 'graph', value: graph(parts) })

export const floats = (name: string, values: number[]): TensorProto =>
  protoOf(tensor('float32', [values.length], values), name)

export function model(main: Graph, more: Partial<Model> = {}): Model {
  return modelFrom({
    irVersion: 10,
    opsets: new Map([['', 21]]),
    producerName: 'tests',
    graph: main,
    ...more,
  })
}

export function functionOf(name: string, nodes: Node[], more: Partial<FunctionProto> = {}): FunctionProto {
  return {
    name,
    domain: 'own',
    overload: '',
    inputs: ['x'],
    outputs: ['y'],
    attributes: [],
    defaults: new Map(),
    nodes,
    opsets: new Map([['', 21]]),
    valueInfo: [],
    ...more,
  }
}

/** A field of wire type 2. */
export const lengthed = (number: number, bytes: Uint8Array): Uint8Array =>
  joined([varint(BigInt(8 * number + 2)), varint(BigInt(bytes.length)), bytes])

/** A field of wire type 0. */
export const number = (field: number, n: bigint): Uint8Array => joined([varint(BigInt(8 * field)), varint(n)])

export const bytes = (...parts: Uint8Array[]): Uint8Array => joined(parts)

/** The same bytes again and again, about `size` of them. */
export function flood(piece: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(Math.floor(size / piece.length) * piece.length)
  for (let at = 0; at < out.length; at += piece.length) out.set(piece, at)
  return out
}

/** The code of the fault that `run` throws. Another error is a failure of the test. */
export function faultOf(run: () => unknown): FaultCode | 'no fault' {
  try {
    run()
  } catch (error) {
    if (Fault.is(error)) return error.code
    throw error
  }
  return 'no fault'
}
