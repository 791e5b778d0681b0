/**
 * What an ONNX file says, as plain data: model, graph, nodes, attributes, tensors.
 * Names follow ONNX's own (docs/IR.md of onnx/onnx at f7546912); a name that is absent is the empty string.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { bytesOf, dtypeOf, fromBytes, DTYPES, type Tensor } from '../core/tensor.js'
import { quoted } from './names.js'

/** The kinds of type that a value can have; `unknown` where the file does not say. */
export type ValueKind = 'tensor' | 'sequence' | 'optional' | 'map' | 'sparse' | 'unknown'

/** The type of a value (TypeProto). */
export interface ValueType {
  readonly kind: ValueKind
  /** TensorProto.DataType code of the elements (of the keys, for a map); 0 where the file does not say. */
  readonly dtype: number
  /** One entry a dimension: its extent, its symbol, or undefined; undefined as a whole where the rank is unknown. */
  readonly dims: readonly (number | string | undefined)[] | undefined
  /** What a sequence or optional holds, and the values of a map. */
  readonly element?: ValueType
}

/** A name with its type (ValueInfoProto). */
export interface ValueInfo extends ValueType {
  readonly name: string
}

/**
 * A constant (TensorProto) of any element type, in one form whatever form the file had: little-endian elements,
 * row-major, types below 8 bits packed from the low bits up; strings in `strings`, with an empty payload.
 */
export interface TensorProto {
  readonly name: string
  /** TensorProto.DataType. */
  readonly code: number
  readonly dims: readonly number[]
  /** What raw_data holds; mostly a view on the file, so it must not be changed. */
  readonly payload: Uint8Array
  /** The elements of a string tensor (code 8) as the file's bytes; empty for every other type. */
  readonly strings: readonly Uint8Array[]
}

/** The value of an attribute (AttributeProto), by its kind. */
export type Attribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: Uint8Array }
  | { readonly kind: 'tensor'; readonly value: TensorProto }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'floats'; readonly value: Float32Array }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly Uint8Array[] }
  | { readonly kind: 'tensors'; readonly value: readonly TensorProto[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  /** In a function: takes the value of the function's attribute `name`; `code` is its AttributeType. */
  | { readonly kind: 'reference'; readonly name: string; readonly code: number }
  /** A sparse tensor or type attribute: the AttributeProto's bytes, kept unread. */
  | { readonly kind: 'unsupported'; readonly code: number; readonly bytes: Uint8Array }

/** One application of an operator (NodeProto). */
export interface Node {
  readonly name: string
  readonly op: string
  /** '' is ai.onnx. */
  readonly domain: string
  readonly overload: string
  /** '' is an absent optional input. */
  readonly inputs: readonly string[]
  /** '' is an output that nobody asks for. */
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
}

/** Nodes in topological order with what they read and give (GraphProto). */
export interface Graph {
  readonly name: string
  readonly nodes: readonly Node[]
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  /** By name, in the file's order. One that is also an input is that input's default. */
  readonly initializers: ReadonlyMap<string, TensorProto>
  /** Types that the file states for values in between. A hint: nothing has checked them. */
  readonly valueInfo: readonly ValueInfo[]
}

/** A model-local function (FunctionProto). */
export interface FunctionProto {
  readonly name: string
  readonly domain: string
  readonly overload: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Attributes without a default. */
  readonly attributes: readonly string[]
  readonly defaults: ReadonlyMap<string, Attribute>
  readonly nodes: readonly Node[]
  readonly opsets: ReadonlyMap<string, number>
  readonly valueInfo: readonly ValueInfo[]
}

/** A whole .onnx file (ModelProto). */
export interface Model {
  readonly irVersion: number
  /** Version by domain; '' is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>
  readonly producerName: string
  readonly producerVersion: string
  readonly domain: string
  readonly modelVersion: bigint
  readonly docString: string
  readonly metadata: ReadonlyMap<string, string>
  readonly graph: Graph
  readonly functions: readonly FunctionProto[]
}

/** What a model made by hand must state; the rest is empty unless given. */
export type ModelParts = Pick<Model, 'irVersion' | 'opsets' | 'graph'> & Partial<Model>

/** A model of these parts, by this library unless another producer is named. Not checked: see `check`. */
export function modelFrom(parts: ModelParts): Model {
  return {
    producerName: 'countersign',
    producerVersion: '',
    domain: '',
    modelVersion: 0n,
    docString: '',
    metadata: new Map(),
    functions: [],
    ...parts,
  }
}

/**
 * Name and width in bits of every TensorProto.DataType; strings have no width.
 * Source: onnx/onnx.in.proto of onnx/onnx at f7546912.
 */
export const DATA_TYPES: ReadonlyMap<number, { readonly name: string; readonly bits: number }> = new Map(
  (
    [
      [1, 'float32', 32],
      [2, 'uint8', 8],
      [3, 'int8', 8],
      [4, 'uint16', 16],
      [5, 'int16', 16],
      [6, 'int32', 32],
      [7, 'int64', 64],
      [8, 'string', 0],
      [9, 'bool', 8],
      [10, 'float16', 16],
      [11, 'float64', 64],
      [12, 'uint32', 32],
      [13, 'uint64', 64],
      [14, 'complex64', 64],
      [15, 'complex128', 128],
      [16, 'bfloat16', 16],
      [17, 'float8e4m3fn', 8],
      [18, 'float8e4m3fnuz', 8],
      [19, 'float8e5m2', 8],
      [20, 'float8e5m2fnuz', 8],
      [21, 'uint4', 4],
      [22, 'int4', 4],
      [23, 'float4e2m1', 4],
      [24, 'float8e8m0', 8],
      [25, 'uint2', 2],
      [26, 'int2', 2],
    ] as const
  ).map(([code, name, bits]) => [code, { name, bits }]),
)

/** The name of an element type for messages, `undefined` for code 0. */
export function typeName(code: number): string {
  return DATA_TYPES.get(code)?.name ?? (code === 0 ? 'undefined' : `type ${code}`)
}

/**
 * The tensor of a constant; copies only where the file's alignment demands it.
 * @throws Fault `onnx/unsupported` for strings, complex numbers, 8-bit floats and types below 8 bits;
 *   `onnx/bad-tensor` where the payload does not fit.
 */
export function tensorOf(proto: TensorProto): Tensor {
  const dtype = dtypeOf(proto.code)
  demand(dtype !== undefined, 'onnx/unsupported', () => `tensors of ${typeName(proto.code)} are not computed with`, {
    where: quoted(proto.name),
  })
  try {
    return fromBytes({ dtype, dims: proto.dims }, proto.payload)
  } catch (cause) {
    if (!Fault.is(cause)) throw cause
    throw new Fault('onnx/bad-tensor', `constant ${quoted(proto.name)}`, { ...cause.detail, cause })
  }
}

/** The constant of a tensor. A view on the tensor's data, not a copy. */
export function protoOf(value: Tensor, name = ''): TensorProto {
  return { name, code: DTYPES[value.dtype].code, dims: value.dims, payload: bytesOf(value), strings: [] }
}
