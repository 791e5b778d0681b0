/**
 * .onnx bytes to a model. Everything that is read is checked: what comes out has unique, defined names and sorted nodes.
 * @module
 */
import { demand } from '../core/faults.js'
import { check } from './check.js'
import { elementsOf, payloadLength } from './extent.js'
import { readExternal, type ExternalData } from './external.js'
import { DATA_TYPES, typeName } from './graph.js'
import type { Attribute, FunctionProto, Graph, Model, Node, TensorProto, ValueInfo, ValueType } from './graph.js'
import { LIMITS } from './limits.js'
import * as proto from './proto.js'
import {
  budgetFor,
  charge,
  int64sOf,
  joined,
  read,
  unpackVarints,
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

interface Context extends DecodeOptions {
  readonly budget: Budget
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
  return tensorProtoOf(plain(bytes), { ...options, budget: budgetFor(bytes.length), depth: 0 })
}

/** The same bytes without Node's Buffer, whose slice would not copy. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)

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

function entriesOf(items: readonly Uint8Array[], { budget }: Context): ReadonlyMap<string, string> {
  const entries = new Map<string, string>()
  for (const item of items) {
    const { key = '', value = '' } = read(item, proto.ENTRY, budget)
    demand(!entries.has(key), 'onnx/duplicate-name', () => `key ${JSON.stringify(key)} stands twice`)
    entries.set(key, value)
  }
  return entries
}

function graphOf(bytes: Uint8Array, context: Context): Graph {
  demand(context.depth <= LIMITS.depth, 'onnx/too-deep', () => `graphs nested deeper than ${LIMITS.depth}`)
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
    const tensor = tensorProtoOf(item, context)
    demand(tensor.name !== '', 'onnx/missing-field', () => 'an initializer without a name')
    demand(!initializers.has(tensor.name), 'onnx/duplicate-name', () => `initializer ${JSON.stringify(tensor.name)}`)
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
    demand(!attributes.has(name), 'onnx/duplicate-name', () => `attribute ${JSON.stringify(name)}`)
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
  demand(carrier !== undefined, 'onnx/bad-node', () => `attribute ${JSON.stringify(fields.name)} has no type`, {
    found: code,
  })
  const reference = fields.reference ?? ''
  const stray = present.find((field) => reference !== '' || field !== carrier)
  demand(
    stray === undefined,
    'onnx/bad-node',
    () => `attribute ${JSON.stringify(fields.name)} has another value than its type`,
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
    value: tensorProtoOf(required(tensor, 'AttributeProto.t'), context),
  }),
  graph: ({ graph }, context) => ({ kind: 'graph', value: graphOf(required(graph, 'AttributeProto.g'), context) }),
  floats: ({ floats }) => ({ kind: 'floats', value: new Float32Array(joined(floats).slice().buffer) }),
  ints: ({ ints }, { budget }) => ({ kind: 'ints', value: integersOf(ints, budget) }),
  strings: ({ strings }) => ({ kind: 'strings', value: strings }),
  tensors: ({ tensors }, context) => ({ kind: 'tensors', value: tensors.map((item) => tensorProtoOf(item, context)) }),
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

type TensorFields = Of<typeof proto.TENSOR>

function tensorProtoOf(bytes: Uint8Array, context: Context): TensorProto {
  const fields = read(bytes, proto.TENSOR, context.budget)
  const { name = '', code = 0, location = 0 } = fields
  const where = `tensor ${JSON.stringify(name)}`
  demand(DATA_TYPES.has(code), 'onnx/bad-tensor', () => `element ${typeName(code)}`, { where })
  demand(fields.segment === undefined, 'onnx/unsupported', () => 'a tensor in segments', { where })
  demand(location === 0 || location === 1, 'onnx/bad-tensor', () => `data_location ${location}`, { where })
  const tensor = { name, code, dims: dimsOf(fields, context), payload: NOTHING, strings: [] }
  if (location === 1) return { ...tensor, payload: externalPayload(fields, tensor, context) }
  demand(
    fields.external.length === 0,
    'onnx/bad-external-data',
    () => 'external data that data_location does not announce',
    { where },
  )
  if (code === 8) return { ...tensor, strings: stringsOf(fields, tensor.dims) }
  return { ...tensor, payload: inlinePayload(fields, tensor, context) }
}

const NOTHING = new Uint8Array()

function dimsOf({ dims }: TensorFields, { budget }: Context): number[] {
  const values = int64sOf(dims, budget)
  demand(values.length <= LIMITS.rank, 'core/too-large', () => `rank above ${LIMITS.rank}`, { found: values.length })
  for (const dim of values) demand(dim >= 0n, 'onnx/bad-tensor', () => 'a negative dimension', { found: dim })
  for (const dim of values)
    demand(dim < LIMITS.dimension, 'core/too-large', () => 'a dimension above the limit', { found: dim })
  return Array.from(values, Number)
}

function externalPayload(fields: TensorFields, tensor: TensorProto, context: Context): Uint8Array {
  const inline = carriersOf(fields)
  demand(
    inline.length === 0 && tensor.code !== 8,
    'onnx/bad-external-data',
    () => 'external data beside data in the file',
  )
  return checkBools(
    tensor.code,
    plain(readExternal(entriesOf(fields.external, context), payloadLength(tensor), context.externalData)),
  )
}

function stringsOf(fields: TensorFields, dims: readonly number[]): readonly Uint8Array[] {
  demand(
    carriersOf(fields).every((field) => field === 'string'),
    'onnx/bad-tensor',
    () => 'strings in another field than string_data',
  )
  const found = fields.string.length
  demand(found === elementsOf(dims), 'onnx/bad-tensor', () => 'number of strings', {
    expected: elementsOf(dims),
    found,
  })
  return fields.string
}

/** The field that carries the elements of a type when raw_data does not. Source: comments of TensorProto in onnx.in.proto. */
const TYPED_FIELD: ReadonlyMap<number, 'float' | 'double' | 'int64' | 'uint64'> = new Map([
  [1, 'float'],
  [7, 'int64'],
  [11, 'double'],
  [12, 'uint64'],
  [13, 'uint64'],
  [14, 'float'],
  [15, 'double'],
])

const DATA_FIELDS = ['float', 'int32', 'string', 'int64', 'double', 'uint64'] as const

/** The data fields that hold something; an empty raw_data beside a filled field is nothing. */
function carriersOf(fields: TensorFields): ((typeof DATA_FIELDS)[number] | 'raw')[] {
  const typed = DATA_FIELDS.filter((field) => fields[field].some((run) => run.length > 0 || field === 'string'))
  return fields.raw !== undefined && fields.raw.length > 0 ? [...typed, 'raw'] : typed
}

function inlinePayload(fields: TensorFields, tensor: TensorProto, { budget }: Context): Uint8Array {
  const carriers = carriersOf(fields)
  const typed = TYPED_FIELD.get(tensor.code) ?? 'int32'
  demand(carriers.length <= 1, 'onnx/bad-tensor', () => `data in two fields`, { found: carriers })
  const [carrier = 'raw'] = carriers
  demand(carrier === 'raw' || carrier === typed, 'onnx/bad-tensor', () => `${typeName(tensor.code)} data`, {
    expected: typed,
    found: carrier,
  })
  const payload = carrier === 'raw' ? (fields.raw ?? NOTHING) : TYPED_PAYLOAD[typed](fields[typed], tensor, budget)
  const expected = payloadLength(tensor)
  demand(
    payload.length === expected,
    'onnx/bad-tensor',
    () => `data of ${typeName(tensor.code)}[${tensor.dims}] in bytes`,
    {
      expected,
      found: payload.length,
      where: `tensor ${JSON.stringify(tensor.name)}`,
    },
  )
  return checkBools(tensor.code, payload)
}

function checkBools(code: number, payload: Uint8Array): Uint8Array {
  demand(code !== 9 || payload.every((byte) => byte < 2), 'onnx/bad-tensor', () => 'a bool is 0 or 1')
  return payload
}

type TypedPayload = (runs: readonly Uint8Array[], tensor: TensorProto, budget: Budget) => Uint8Array

const TYPED_PAYLOAD: { readonly [F in 'float' | 'double' | 'int32' | 'int64' | 'uint64']: TypedPayload } = {
  float: (runs) => joined(runs),
  double: (runs) => joined(runs),
  int64: (runs, _, budget) => new Uint8Array(unpackVarints(runs, budget).buffer),
  uint64: (runs, { code }, budget) =>
    code === 13 ? new Uint8Array(unpackVarints(runs, budget).buffer) : narrowed(runs, 4, [0, 2 ** 32 - 1], budget),
  int32: (runs, { code }, budget) => narrowed(runs, Math.max(8, bitsOf(code)) / 8, rangeOf(code), budget),
}

const bitsOf = (code: number): number => DATA_TYPES.get(code)?.bits ?? 0

/** What one entry of int32_data may hold: the values of the type, or the bits of a float or of packed small types. */
function rangeOf(code: number): readonly [number, number] {
  if (code === 9) return [0, 1]
  const bits = Math.max(8, bitsOf(code))
  const signed = code === 3 || code === 5 || code === 6
  return signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1]
}

/** Varints as little-endian integers of `width` bytes, each checked against the range. */
function narrowed(
  runs: readonly Uint8Array[],
  width: number,
  [low, high]: readonly [number, number],
  budget: Budget,
): Uint8Array {
  const pairs = new Int32Array(unpackVarints(runs, budget).buffer)
  charge(budget, pairs.length * width)
  const payload = new Uint8Array((pairs.length / 2) * width)
  for (let i = 0; i < pairs.length / 2; i++) {
    const value = low < 0 || pairs[2 * i + 1] !== 0 ? signedOf(pairs, i) : pairs[2 * i] >>> 0
    demand(value >= low && value <= high, 'onnx/bad-tensor', () => `an element outside of ${low}..${high}`, {
      found: value,
    })
    for (let byte = 0; byte < width; byte++) payload[i * width + byte] = pairs[2 * i] >>> (8 * byte)
  }
  return payload
}

/** The 64-bit integer at pair i, rounded above 2^53, where every range has ended. */
const signedOf = (pairs: Int32Array, i: number): number => pairs[2 * i + 1] * 2 ** 32 + (pairs[2 * i] >>> 0)
