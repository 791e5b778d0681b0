/**
 * A model to .onnx bytes.
 * @module
 */
import { demand } from '../core/faults.js'
import type { Attribute, FunctionProto, Graph, Model, Node, TensorProto, ValueInfo, ValueType } from './graph.js'
import { LIMITS } from './limits.js'
import * as proto from './proto.js'
import { joined, outgoing, varint, write, type Outgoing } from './wire.js'

/**
 * The .onnx bytes of a model: one canonical form, constants in raw_data.
 * Nothing is checked beyond the size; use `check` on a model that was made by hand.
 * @throws Fault `core/too-large` above protobuf's 2 GiB.
 */
export function encode(model: Model): Uint8Array {
  return joined(encodeParts(model))
}

/** The same bytes as parts in order; large constants are views on the model's own data, so nothing large is copied. */
export function encodeParts(model: Model): readonly Uint8Array[] {
  const parts = write(modelMessage(model))
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  demand(size <= LIMITS.fileBytes, 'core/too-large', () => 'protobuf files end at 2 GiB', { found: size })
  return parts
}

/** The .pb bytes of a constant (TensorProto). */
export function encodeTensor(tensor: TensorProto): Uint8Array {
  return joined(write(tensorMessage(tensor)))
}

const orAbsent = (text: string): string | undefined => (text === '' ? undefined : text)

function modelMessage(model: Model): Outgoing {
  return outgoing(proto.MODEL, {
    irVersion: BigInt(model.irVersion),
    producerName: orAbsent(model.producerName),
    producerVersion: orAbsent(model.producerVersion),
    domain: orAbsent(model.domain),
    modelVersion: model.modelVersion === 0n ? undefined : model.modelVersion,
    docString: orAbsent(model.docString),
    graph: graphMessage(model.graph),
    opsets: opsetMessages(model.opsets),
    metadata: [...model.metadata].map(([key, value]) => outgoing(proto.ENTRY, { key, value })),
    functions: model.functions.map(functionMessage),
  })
}

function opsetMessages(opsets: ReadonlyMap<string, number>): Outgoing[] {
  return [...opsets].map(([domain, version]) => outgoing(proto.OPSET, { domain, version: BigInt(version) }))
}

function graphMessage(graph: Graph): Outgoing {
  return outgoing(proto.GRAPH, {
    nodes: graph.nodes.map(nodeMessage),
    name: orAbsent(graph.name),
    initializers: [...graph.initializers].map(([name, tensor]) => tensorMessage({ ...tensor, name })),
    inputs: graph.inputs.map(valueInfoMessage),
    outputs: graph.outputs.map(valueInfoMessage),
    valueInfo: graph.valueInfo.map(valueInfoMessage),
  })
}

function nodeMessage(node: Node): Outgoing {
  return outgoing(proto.NODE, {
    inputs: node.inputs,
    outputs: node.outputs,
    name: orAbsent(node.name),
    op: node.op,
    attributes: attributeMessages(node.attributes),
    domain: orAbsent(node.domain),
    overload: orAbsent(node.overload),
  })
}

function functionMessage(item: FunctionProto): Outgoing {
  return outgoing(proto.FUNCTION, {
    name: item.name,
    inputs: item.inputs,
    outputs: item.outputs,
    attributes: item.attributes,
    nodes: item.nodes.map(nodeMessage),
    opsets: opsetMessages(item.opsets),
    domain: orAbsent(item.domain),
    defaults: attributeMessages(item.defaults),
    valueInfo: item.valueInfo.map(valueInfoMessage),
    overload: orAbsent(item.overload),
  })
}

function attributeMessages(attributes: ReadonlyMap<string, Attribute>): (Outgoing | Uint8Array)[] {
  return [...attributes].map(([name, attribute]) => attributeMessage(name, attribute))
}

function attributeMessage(name: string, attribute: Attribute): Outgoing | Uint8Array {
  if (attribute.kind === 'unsupported') return attribute.bytes
  if (attribute.kind === 'reference')
    return outgoing(proto.ATTRIBUTE, { name, type: attribute.code, reference: attribute.name })
  return outgoing(proto.ATTRIBUTE, { name, type: proto.ATTRIBUTE_CODES[attribute.kind], ...carried(attribute) })
}

type Carried = Exclude<Attribute, { kind: 'unsupported' | 'reference' }>

function carried(attribute: Carried): Parameters<typeof outgoing<(typeof proto.ATTRIBUTE)['fields']>>[1] {
  const { kind, value } = attribute
  switch (kind) {
    case 'tensor':
      return { tensor: tensorMessage(value) }
    case 'graph':
      return { graph: graphMessage(value) }
    case 'floats':
      return { floats: value.length === 0 ? [] : [new Uint8Array(value.buffer, value.byteOffset, value.byteLength)] }
    case 'ints':
      return { ints: value.length === 0 ? [] : [joined(value.map(varint))] }
    case 'tensors':
      return { tensors: value.map(tensorMessage) }
    case 'graphs':
      return { graphs: value.map(graphMessage) }
    default:
      return { [kind]: value }
  }
}

function valueInfoMessage({ name, ...type }: ValueInfo): Outgoing {
  return outgoing(proto.VALUE_INFO, { name, type: typeMessage(type) })
}

function typeMessage({ kind, dtype, dims, element = UNKNOWN }: ValueType): Outgoing | undefined {
  if (kind === 'unknown') return undefined
  if (kind === 'sequence' || kind === 'optional') {
    return outgoing(proto.TYPE, { [kind]: outgoing(proto.ELEMENT_TYPE, { element: typeMessage(element) }) })
  }
  if (kind === 'map')
    return outgoing(proto.TYPE, { map: outgoing(proto.MAP_TYPE, { key: dtype, value: typeMessage(element) }) })
  return outgoing(proto.TYPE, {
    [kind]: outgoing(proto.TENSOR_TYPE, { code: dtype, shape: dims && shapeMessage(dims) }),
  })
}

const UNKNOWN: ValueType = { kind: 'unknown', dtype: 0, dims: undefined }

function shapeMessage(dims: NonNullable<ValueType['dims']>): Outgoing {
  return outgoing(proto.SHAPE, { dims: dims.map(dimensionMessage) })
}

function dimensionMessage(dim: number | string | undefined): Outgoing {
  if (typeof dim === 'number') return outgoing(proto.DIMENSION, { value: BigInt(dim) })
  return outgoing(proto.DIMENSION, { symbol: dim })
}

function tensorMessage(tensor: TensorProto): Outgoing {
  return outgoing(proto.TENSOR, {
    dims: tensor.dims.length === 0 ? [] : [joined(tensor.dims.map((dim) => varint(BigInt(dim))))],
    code: tensor.code,
    string: tensor.strings,
    name: orAbsent(tensor.name),
    raw: tensor.code === 8 ? undefined : tensor.payload,
  })
}
