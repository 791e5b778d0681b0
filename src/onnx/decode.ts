/**
 * .onnx bytes to a model. Everything that is read is checked: what comes out has unique, defined names and sorted nodes.
 * @module
 */
import { demand } from '../core/faults.js'
import { check } from './check.js'
import { constantOf, entriesOf, plain, type Reading } from './constants.js'
import type { ExternalData } from './external.js'
import { DATA_TYPES, typeName } from './graph.js'
import type { Attribute, FunctionProto, Graph, Model, Node, TensorProto, ValueInfo, ValueType } from './graph.js'
import { LIMITS } from './limits.js'
import { quoted } from './names.js'
import * as proto from './proto.js'
import {
  budgetFor,
  charge,
  int64sOf,
  joined,
  read,
  type Budget,
  type Fields,
  type Message,
  type Schema,
} from './wire.js'

/** What reading a model may need beside its bytes. */
export interface DecodeOptions {
  /** Gives the bytes of external data. Without it a model that has some is refused. */
  readonly externalData?: ExternalData
}

interface Context extends Reading {
  readonly depth: number
}

type Of<S> = S extends Schema<infer F extends Fields> ? Message<F> : never

/**
 * The model in an .onnx file (ModelProto), checked. Constants stay views on `bytes`, which must not be changed afterwards.
 *
 * Accepts IR versions 3 to 14 and ai.onnx opsets 7 to 28; other domains are recorded as they are. Nodes that stand out of
 * order are sorted. Memory is bounded by the size of the file, whatever the file says; nothing in it is run.
 *
 * @throws Fault `onnx/...`, named by what is wrong; `core/too-large` beyond the limits.
 * @example
 * const model = decode(await readFile('mnist.onnx'))
 */
export function decode(bytes: Uint8Array, options: DecodeOptions = {}): Model {
  demand(bytes.length <= LIMITS.fileBytes, 'core/too-large', () => 'a protobuf file above 2 GiB', {
    found: bytes.length,
  })
  return check(modelOf(plain(bytes), { ...options, budget: budgetFor(bytes.length), depth: 0 }))
}

/**
 * The constant in a .pb file (TensorProto), such as the ONNX project's test data.
 * @throws Fault `onnx/...`, also for a SequenceProto or OptionalProto, which protobuf cannot tell apart from a bad tensor.
 */
export function decodeTensor(bytes: Uint8Array, options: DecodeOptions = {}): TensorProto {
  return constantOf(plain(bytes), { ...options, budget: budgetFor(bytes.length) })
}

function modelOf(bytes: Uint8Array, context: Context): Model {
  const model = read(bytes, proto.MODEL, context.budget)
  demand(model.training.length === 0, 'onnx/unsupported', () => 'a training graph in the file (training_info)')
  return {
    irVersion: versionOf(model.irVersion, 'ir_version'),
    opsets: opsetsOf(model.opsets, context),
    producerName: model.producerName ?? '',
    producerVersion: model.producerVersion ?? '',
    domain: model.domain ?? '',
    modelVersion: model.modelVersion ?? 0n,
    docString: model.docString ?? '',
    metadata: entriesOf(model.metadata, context),
    graph: graphOf(required(model.graph, 'ModelProto.graph'), context),
    functions: model.functions.map((item) => functionOf(item, context)),
  }
}

function required<T>(value: T | undefined, field: string): T {
  demand(value !== undefined, 'onnx/missing-field', () => `${field} is missing`)
  return value
}

function versionOf(value: bigint | undefined, field: string): number {
  const version = Number(required(value, field))
  demand(Number.isSafeInteger(version) && version >= 0, 'onnx/bad-version', () => `${field} ${version}`)
  return version
}

/** Domains by their canonical name: ai.onnx is the empty string. */
const domainOf = (domain: string | undefined): string => (domain === undefined || domain === 'ai.onnx' ? '' : domain)

function opsetsOf(items: readonly Uint8Array[], { budget }: Context): ReadonlyMap<string, number> {
  const opsets = new Map<string, number>()
  for (const item of items) {
    const opset = read(item, proto.OPSET, budget)
    const domain = domainOf(opset.domain)
    const version = versionOf(opset.version, 'opset version')
    const known = opsets.get(domain) ?? version
    demand(known === version, 'onnx/bad-version', () => `two opsets of ${domain || 'ai.onnx'}`, {
      expected: known,
      found: version,
    })
    opsets.set(domain, version)
  }
  return opsets
}

function graphOf(bytes: Uint8Array, context: Context): Graph {
  demand(context.depth <= LIMITS.depth, 'onnx/too-deep', () => `graphs nested deeper than ${LIMITS.depth}`)
  charge(context.budget, 512)
  const graph = read(bytes, proto.GRAPH, context.budget)
  demand(graph.sparseInitializers.length === 0, 'onnx/unsupported', () => 'sparse initializers', { where: graph.name })
  return {
    name: graph.name ?? '',
    nodes: graph.nodes.map((item) => nodeOf(item, context)),
    inputs: graph.inputs.map((item) => valueInfoOf(item, context)),
    outputs: graph.outputs.map((item) => valueInfoOf(item, context)),
    initializers: initializersOf(graph.initializers, context),
    valueInfo: graph.valueInfo.map((item) => valueInfoOf(item, context)),
  }
}

function initializersOf(items: readonly Uint8Array[], context: Context): ReadonlyMap<string, TensorProto> {
  const initializers = new Map<string, TensorProto>()
  for (const item of items) {
    const tensor = constantOf(item, context)
    demand(tensor.name !== '', 'onnx/missing-field', () => 'an initializer without a name')
    demand(!initializers.has(tensor.name), 'onnx/duplicate-name', () => `initializer ${quoted(tensor.name)}`)
    initializers.set(tensor.name, tensor)
  }
  return initializers
}

function nodeOf(bytes: Uint8Array, context: Context): Node {
  const node = read(bytes, proto.NODE, context.budget)
  const op = required(node.op, 'NodeProto.op_type')
  return {
    name: node.name ?? '',
    op,
    domain: domainOf(node.domain),
    overload: node.overload ?? '',
    inputs: node.inputs,
    outputs: node.outputs,
    attributes: attributesOf(node.attributes, { ...context, depth: context.depth + 1 }),
  }
}

const NO_ATTRIBUTES: ReadonlyMap<string, Attribute> = new Map()

function attributesOf(items: readonly Uint8Array[], context: Context): ReadonlyMap<string, Attribute> {
  if (items.length === 0) return NO_ATTRIBUTES
  charge(context.budget, 256)
  const attributes = new Map<string, Attribute>()
  for (const item of items) {
    const fields = read(item, proto.ATTRIBUTE, context.budget)
    const name = required(fields.name, 'AttributeProto.name')
    demand(!attributes.has(name), 'onnx/duplicate-name', () => `attribute ${quoted(name)}`)
    attributes.set(name, attributeOf(fields, item, context))
  }
  return attributes
}

type AttributeFields = Of<typeof proto.ATTRIBUTE>

type Carrier = keyof typeof proto.ATTRIBUTE_CODES

const CARRIERS = new Map(
  Object.entries(proto.ATTRIBUTE_CODES).map(([field, code]) => [code as number, field as Carrier]),
)

function attributeOf(fields: AttributeFields, bytes: Uint8Array, context: Context): Attribute {
  const present = [...CARRIERS.values()].filter((field) => isPresent(fields[field]))
  const code = fields.type || (present.length === 1 ? proto.ATTRIBUTE_CODES[present[0]] : 0)
  const carrier = CARRIERS.get(code)
  demand(carrier !== undefined, 'onnx/bad-node', () => `attribute ${quoted(fields.name ?? '')} has no type`, {
    found: code,
  })
  const reference = fields.reference ?? ''
  const stray = present.find((field) => reference !== '' || field !== carrier)
  demand(
    stray === undefined,
    'onnx/bad-node',
    () => `attribute ${quoted(fields.name ?? '')} has another value than its type`,
  )
  if (reference !== '') return { kind: 'reference', name: reference, code }
  return CARRIED[carrier]?.(fields, context) ?? { kind: 'unsupported', code, bytes }
}

const isPresent = (value: AttributeFields[Carrier]): boolean =>
  value !== undefined && !(Array.isArray(value) && value.length === 0)

/** A scalar that is absent is zero: writers of the proto3 variant leave zeros out. */
const CARRIED: { readonly [C in Carrier]?: (fields: AttributeFields, context: Context) => Attribute } = {
  float: ({ float = 0 }) => ({ kind: 'float', value: float }),
  int: ({ int = 0n }) => ({ kind: 'int', value: int }),
  string: ({ string = new Uint8Array() }) => ({ kind: 'string', value: string }),
  tensor: ({ tensor }, context) => ({
    kind: 'tensor',
    value: constantOf(required(tensor, 'AttributeProto.t'), context),
  }),
  graph: ({ graph }, context) => ({ kind: 'graph', value: graphOf(required(graph, 'AttributeProto.g'), context) }),
  floats: ({ floats }) => ({ kind: 'floats', value: new Float32Array(joined(floats).slice().buffer) }),
  ints: ({ ints }, { budget }) => ({ kind: 'ints', value: integersOf(ints, budget) }),
  strings: ({ strings }) => ({ kind: 'strings', value: strings }),
  tensors: ({ tensors }, context) => ({ kind: 'tensors', value: tensors.map((item) => constantOf(item, context)) }),
  graphs: ({ graphs }, context) => ({ kind: 'graphs', value: graphs.map((item) => graphOf(item, context)) }),
}

function integersOf(runs: readonly Uint8Array[], budget: Budget): bigint[] {
  const values = int64sOf(runs, budget)
  charge(budget, 32 * values.length)
  return [...values]
}

function functionOf(bytes: Uint8Array, context: Context): FunctionProto {
  const fields = read(bytes, proto.FUNCTION, context.budget)
  return {
    name: required(fields.name, 'FunctionProto.name'),
    domain: domainOf(fields.domain),
    overload: fields.overload ?? '',
    inputs: fields.inputs,
    outputs: fields.outputs,
    attributes: fields.attributes,
    defaults: attributesOf(fields.defaults, context),
    nodes: fields.nodes.map((item) => nodeOf(item, context)),
    opsets: opsetsOf(fields.opsets, context),
    valueInfo: fields.valueInfo.map((item) => valueInfoOf(item, context)),
  }
}

function valueInfoOf(bytes: Uint8Array, context: Context): ValueInfo {
  const { name, type } = read(bytes, proto.VALUE_INFO, context.budget)
  demand(name !== undefined && name !== '', 'onnx/missing-field', () => 'a value without a name')
  return { name, ...(type === undefined ? UNKNOWN : valueTypeOf(type, { ...context, depth: 0 })) }
}

const UNKNOWN: ValueType = { kind: 'unknown', dtype: 0, dims: undefined }

function valueTypeOf(bytes: Uint8Array, context: Context): ValueType {
  demand(context.depth <= LIMITS.typeDepth, 'onnx/too-deep', () => `types nested deeper than ${LIMITS.typeDepth}`)
  const inner = { ...context, depth: context.depth + 1 }
  const { tensor, sparse, sequence, optional, map, opaque } = read(bytes, proto.TYPE, context.budget)
  const stated = [tensor, sparse, sequence, optional, map, opaque].filter((field) => field !== undefined)
  demand(stated.length <= 1, 'onnx/bad-wire', () => 'a type of two kinds')
  demand(opaque === undefined, 'onnx/unsupported', () => 'opaque types')
  if (tensor) return tensorTypeOf('tensor', tensor, context)
  if (sparse) return tensorTypeOf('sparse', sparse, context)
  if (sequence) return holderTypeOf('sequence', sequence, inner)
  if (optional) return holderTypeOf('optional', optional, inner)
  return map ? mapTypeOf(map, inner) : UNKNOWN
}

function tensorTypeOf(kind: 'tensor' | 'sparse', bytes: Uint8Array, { budget }: Context): ValueType {
  const { code = 0, shape } = read(bytes, proto.TENSOR_TYPE, budget)
  demand(code === 0 || DATA_TYPES.has(code), 'onnx/unsupported', () => `element ${typeName(code)}`)
  if (shape === undefined) return { kind, dtype: code, dims: undefined }
  const { dims } = read(shape, proto.SHAPE, budget)
  demand(dims.length <= LIMITS.rank, 'core/too-large', () => `rank above ${LIMITS.rank}`, { found: dims.length })
  return { kind, dtype: code, dims: dims.map((item) => dimensionOf(item, budget)) }
}

/** A negative extent is read as unknown: exporters write -1 for it. */
function dimensionOf(bytes: Uint8Array, budget: Budget): number | string | undefined {
  const { value, symbol } = read(bytes, proto.DIMENSION, budget)
  demand(value === undefined || symbol === undefined, 'onnx/bad-wire', () => 'a dimension with a value and a symbol')
  if (value === undefined) return symbol || undefined
  if (value < 0n) return undefined
  demand(value < LIMITS.dimension, 'core/too-large', () => 'a dimension above the limit', { found: value })
  return Number(value)
}

function holderTypeOf(kind: 'sequence' | 'optional', bytes: Uint8Array, context: Context): ValueType {
  const { element } = read(bytes, proto.ELEMENT_TYPE, context.budget)
  return { kind, dtype: 0, dims: undefined, element: element === undefined ? UNKNOWN : valueTypeOf(element, context) }
}

function mapTypeOf(bytes: Uint8Array, context: Context): ValueType {
  const { key = 0, value } = read(bytes, proto.MAP_TYPE, context.budget)
  demand(key === 0 || DATA_TYPES.has(key), 'onnx/unsupported', () => `keys of ${typeName(key)}`)
  return {
    kind: 'map',
    dtype: key,
    dims: undefined,
    element: value === undefined ? UNKNOWN : valueTypeOf(value, context),
  }
}
