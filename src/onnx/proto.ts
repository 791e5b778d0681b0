/**
 * The messages of ONNX as tables of field numbers.
 * Source: onnx/onnx.in.proto of onnx/onnx at f7546912 (IR version 14). Fields of older IR versions are the same numbers.
 * What is `skipped` says nothing about the computation: documentation, annotations, placement on devices.
 * @module
 */
import { schema } from './wire.js'

export const MODEL = schema('ModelProto', {
  irVersion: [1, 'int64'],
  producerName: [2, 'string'],
  producerVersion: [3, 'string'],
  domain: [4, 'string'],
  modelVersion: [5, 'int64'],
  docString: [6, 'string'],
  graph: [7, 'message'],
  opsets: [8, 'messages'],
  metadata: [14, 'messages'],
  training: [20, 'messages'],
  functions: [25, 'messages'],
  devices: [26, 'skipped'],
})

export const OPSET = schema('OperatorSetIdProto', { domain: [1, 'string'], version: [2, 'int64'] })

export const ENTRY = schema('StringStringEntryProto', { key: [1, 'string'], value: [2, 'string'] })

export const GRAPH = schema('GraphProto', {
  nodes: [1, 'messages'],
  name: [2, 'string'],
  initializers: [5, 'messages'],
  docString: [10, 'skipped'],
  inputs: [11, 'messages'],
  outputs: [12, 'messages'],
  valueInfo: [13, 'messages'],
  quantization: [14, 'skipped'],
  sparseInitializers: [15, 'messages'],
  metadata: [16, 'skipped'],
})

export const NODE = schema('NodeProto', {
  inputs: [1, 'strings'],
  outputs: [2, 'strings'],
  name: [3, 'string'],
  op: [4, 'string'],
  attributes: [5, 'messages'],
  docString: [6, 'skipped'],
  domain: [7, 'string'],
  overload: [8, 'string'],
  metadata: [9, 'skipped'],
  devices: [10, 'skipped'],
})

export const ATTRIBUTE = schema('AttributeProto', {
  name: [1, 'string'],
  float: [2, 'float'],
  int: [3, 'int64'],
  string: [4, 'bytes'],
  tensor: [5, 'message'],
  graph: [6, 'message'],
  floats: [7, 'fixed32s'],
  ints: [8, 'varints'],
  strings: [9, 'chunks'],
  tensors: [10, 'messages'],
  graphs: [11, 'messages'],
  docString: [13, 'skipped'],
  valueType: [14, 'message'],
  valueTypes: [15, 'messages'],
  type: [20, 'int32'],
  reference: [21, 'string'],
  sparseTensor: [22, 'message'],
  sparseTensors: [23, 'messages'],
})

/** AttributeType by the field that carries it. Source: AttributeProto.AttributeType in onnx.in.proto. */
export const ATTRIBUTE_CODES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparseTensor: 11,
  sparseTensors: 12,
  valueType: 13,
  valueTypes: 14,
} as const

export const FUNCTION = schema('FunctionProto', {
  name: [1, 'string'],
  inputs: [4, 'strings'],
  outputs: [5, 'strings'],
  attributes: [6, 'strings'],
  nodes: [7, 'messages'],
  docString: [8, 'skipped'],
  opsets: [9, 'messages'],
  domain: [10, 'string'],
  defaults: [11, 'messages'],
  valueInfo: [12, 'messages'],
  overload: [13, 'string'],
  metadata: [14, 'skipped'],
})

export const VALUE_INFO = schema('ValueInfoProto', {
  name: [1, 'string'],
  type: [2, 'message'],
  docString: [3, 'skipped'],
  metadata: [4, 'skipped'],
})

export const TYPE = schema('TypeProto', {
  tensor: [1, 'message'],
  sequence: [4, 'message'],
  map: [5, 'message'],
  denotation: [6, 'skipped'],
  opaque: [7, 'message'],
  sparse: [8, 'message'],
  optional: [9, 'message'],
})

/** TypeProto.Tensor and TypeProto.SparseTensor. */
export const TENSOR_TYPE = schema('TypeProto.Tensor', { code: [1, 'int32'], shape: [2, 'message'] })

/** TypeProto.Sequence and TypeProto.Optional. */
export const ELEMENT_TYPE = schema('TypeProto.Sequence', { element: [1, 'message'] })

export const MAP_TYPE = schema('TypeProto.Map', { key: [1, 'int32'], value: [2, 'message'] })

export const SHAPE = schema('TensorShapeProto', { dims: [1, 'messages'] })

export const DIMENSION = schema('TensorShapeProto.Dimension', {
  value: [1, 'int64'],
  symbol: [2, 'string'],
  denotation: [3, 'skipped'],
})

export const TENSOR = schema('TensorProto', {
  dims: [1, 'varints'],
  code: [2, 'int32'],
  segment: [3, 'message'],
  float: [4, 'fixed32s'],
  int32: [5, 'varints'],
  string: [6, 'chunks'],
  int64: [7, 'varints'],
  name: [8, 'string'],
  raw: [9, 'bytes'],
  double: [10, 'fixed64s'],
  uint64: [11, 'varints'],
  docString: [12, 'skipped'],
  external: [13, 'messages'],
  location: [14, 'int32'],
  metadata: [16, 'skipped'],
})
