/**
 * TensorProto to its payload, whichever of its fields holds the elements.
 * Source: TensorProto and its comments in onnx/onnx.in.proto of onnx/onnx at f7546912.
 * @module
 */
import { demand } from '../core/faults.js'
import { elementsOf, payloadLength } from './extent.js'
import { readExternal, type ExternalData } from './external.js'
import { DATA_TYPES, typeName, type TensorProto } from './graph.js'
import { LIMITS } from './limits.js'
import { quoted } from './names.js'
import * as proto from './proto.js'
import { charge, int64sOf, joined, read, unpackVarints, type Budget, type Message } from './wire.js'

/** What reading a constant needs beside its bytes. */
export interface Reading {
  readonly budget: Budget
  readonly externalData?: ExternalData
}

type TensorFields = Message<(typeof proto.TENSOR)['fields']>

/**
 * The constant in a TensorProto.
 * @throws Fault `onnx/bad-tensor`, `onnx/bad-external-data`, `onnx/unsupported`, `core/too-large`, and the wire faults.
 */
export function constantOf(bytes: Uint8Array, context: Reading): TensorProto {
  const fields = read(bytes, proto.TENSOR, context.budget)
  const { name = '', code = 0, location = 0 } = fields
  const where = `tensor ${quoted(name)}`
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

function dimsOf({ dims }: TensorFields, { budget }: Reading): number[] {
  const values = int64sOf(dims, budget)
  demand(values.length <= LIMITS.rank, 'core/too-large', () => `rank above ${LIMITS.rank}`, { found: values.length })
  for (const dim of values) demand(dim >= 0n, 'onnx/bad-tensor', () => 'a negative dimension', { found: dim })
  for (const dim of values)
    demand(dim < LIMITS.dimension, 'core/too-large', () => 'a dimension above the limit', { found: dim })
  return Array.from(values, Number)
}

function externalPayload(fields: TensorFields, tensor: TensorProto, context: Reading): Uint8Array {
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

function inlinePayload(fields: TensorFields, tensor: TensorProto, { budget }: Reading): Uint8Array {
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
      where: `tensor ${quoted(tensor.name)}`,
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

/** The same bytes without Node's Buffer, whose slice would not copy. */
export const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)

/** Key-value pairs as a map. @throws Fault `onnx/duplicate-name`. */
export function entriesOf(items: readonly Uint8Array[], { budget }: Reading): ReadonlyMap<string, string> {
  const entries = new Map<string, string>()
  for (const item of items) {
    const { key = '', value = '' } = read(item, proto.ENTRY, budget)
    demand(!entries.has(key), 'onnx/duplicate-name', () => `key ${quoted(key)} stands twice`)
    entries.set(key, value)
  }
  return entries
}
