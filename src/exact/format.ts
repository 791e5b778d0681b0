/**
 * Canonical bytes and Merkle root of a program (docs/formats.md, program).
 *
 * The program tree: leaf 0 is the header, leaf 1 + v describes value v, then one leaf for each output and each carry; all are
 * Solidity-ABI encodings of at most 1 KiB. The bytes hold the leaves, the names and the constants' payloads, and nothing else.
 * @module
 */
import { decodeAbi, encodeAbi } from '../core/abi.js'
import { concat, equal, utf8, type Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import { decodeJson, encodeJson } from '../core/json.js'
import { sha256 } from '../core/sha256.js'
import {
  DTYPES,
  byteLength,
  bytesOf,
  dtypeOf,
  fromBytes,
  sizeOf,
  type Tensor,
  type TensorType,
} from '../core/tensor.js'
import { digest } from '../merkle/tiles.js'
import { rootOf, sizedRoot, treeOf, type Tree } from '../merkle/tree.js'
import type { ExactOp } from './op.js'
import { opNumbered, opOf } from './ops/index.js'
import { type Attributes, type Carry, type Program, type Value } from './program.js'

/** Version of the program format. */
export const FORMAT_VERSION = 1
/** Version of the numerics: the definitions of the exact ops. */
export const NUMERICS_VERSION = 1

const MAGIC = utf8('CSPROG01')
const MAX_LEAF = 1024
const MAX_BYTES = 2 ** 31
const MAX_RANK = 8
const MAX_ELEMENTS = 2 ** 40
const MAX_OPERANDS = 8
const KINDS = ['parameter', 'input', 'constant', 'node'] as const

const HEADER = [
  'uint16',
  'uint16',
  'uint64',
  'uint64',
  'uint64',
  'uint64',
  'uint64',
  'uint64',
  'uint64',
  'bytes32',
] as const
/**
 * Kind, dtype, op; dims (8 bytes each), attributes in the op table's order (8 bytes an integer, a list behind its length) and operands
 * (4 bytes each), all big-endian and packed, so that the largest leaf (a Slice of rank 8) stays under 1 KiB; digest of a constant.
 */
const VALUE = ['uint8', 'uint8', 'uint16', 'bytes', 'bytes', 'bytes', 'bytes32'] as const
const OUTPUT = ['uint32'] as const
const CARRY = ['uint32', 'uint32'] as const

const ZERO = new Uint8Array(32)

/** Set where an op of the program is decided by referees that the policy names. */
const FLAG_NAMED_REFEREE = 1

const namesOf = (program: Program) =>
  utf8(
    encodeJson({ inputs: program.names.inputs, outputs: program.names.outputs, parameters: program.names.parameters }),
  )

function headerOf(program: Program): Uint8Array {
  const { parameters, inputs, constants, nodes } = program.counts
  const named = program.values.some((value) => value.kind === 'node' && opOf(value.op).referee === 'named')
  const counts = [parameters, inputs, constants, nodes, program.outputs.length, program.carries.length]
  return encodeAbi(HEADER, [
    FORMAT_VERSION,
    NUMERICS_VERSION,
    ...counts,
    named ? FLAG_NAMED_REFEREE : 0,
    sha256(namesOf(program)),
  ])
}

function valueLeaf(value: Value): Uint8Array {
  const node = value.kind === 'node' ? value : undefined
  const op = node === undefined ? 0 : opOf(node.op).number
  const attributes = node === undefined ? [] : attributeWords(node.op, node.attributes)
  const content = value.kind === 'constant' ? digest(value.tensor) : ZERO
  const parts = [packed(value.dims, 8), packed(attributes, 8), packed(node?.inputs ?? [], 4)]
  const leaf = encodeAbi(VALUE, [KINDS.indexOf(value.kind), DTYPES[value.dtype].code, op, ...parts, content])
  demand(leaf.length <= MAX_LEAF, 'exact/too-large', () => 'a leaf of the program', {
    expected: MAX_LEAF,
    found: leaf.length,
  })
  return leaf
}

/** Integers of 4 or 8 bytes, big-endian, two's complement. */
function packed(values: readonly number[], width: 4 | 8): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * width))
  values.forEach((value, i) => (width === 8 ? view.setBigInt64(i * 8, BigInt(value)) : view.setUint32(i * 4, value)))
  return new Uint8Array(view.buffer)
}

/** The integers again. @throws Fault `exact/bad-program` for a broken length or an integer beyond 2^53. */
function unpacked(bytes: Uint8Array, width: 4 | 8): number[] {
  demand(bytes.length % width === 0, 'exact/bad-program', () => 'packed integers')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const values = Array.from({ length: bytes.length / width }, (_, i) =>
    width === 8 ? Number(view.getBigInt64(i * 8)) : view.getUint32(i * 4),
  )
  demand(values.every(Number.isSafeInteger), 'exact/bad-program', () => 'an integer beyond 2^53')
  return values
}

function attributeWords(op: string, attributes: Attributes): number[] {
  return opOf(op).attributes.flatMap(({ name }) => {
    const value = attributes[name]
    return typeof value === 'number' ? [value] : [value.length, ...value]
  })
}

/** The leaves of the program tree. */
export function leavesOf(program: Program): readonly Uint8Array[] {
  return [
    headerOf(program),
    ...program.values.map(valueLeaf),
    ...program.outputs.map((value) => encodeAbi(OUTPUT, [value])),
    ...program.carries.map(({ parameter, value }) => encodeAbi(CARRY, [parameter, value])),
  ]
}

/** The program tree, for openings. Cost: one hash a value, and the constants' digests. */
export function treeOfProgram(program: Program): Tree {
  return treeOf(leavesOf(program))
}

const roots = new WeakMap<Program, Bytes32>()

/** The program root: the sized root of its tree. */
export function hash(program: Program): Bytes32 {
  const known = roots.get(program)
  if (known !== undefined) return known
  const tree = treeOfProgram(program)
  const root = sizedRoot('program', { size: tree.size, root: rootOf(tree) })
  roots.set(program, root)
  return root
}

/** The canonical bytes: magic, number of leaves, leaves with lengths, names with length, constants' payloads. */
export function encode(program: Program): Uint8Array {
  const leaves = leavesOf(program)
  const names = namesOf(program)
  const payloads = program.values.flatMap((value) => (value.kind === 'constant' ? [bytesOf(value.tensor)] : []))
  return concat(
    MAGIC,
    uint32(leaves.length),
    ...leaves.flatMap((leaf) => [uint32(leaf.length), leaf]),
    uint32(names.length),
    names,
    ...payloads,
  )
}

function uint32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out
}

/** Reads a length-delimited byte string without believing a length. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  take(length: number): Uint8Array {
    demand(length <= this.#bytes.length - this.#at, 'exact/bad-program', () => 'the program ends too early')
    return this.#bytes.subarray(this.#at, (this.#at += length))
  }

  uint32(): number {
    const b = this.take(4)
    return new DataView(b.buffer, b.byteOffset).getUint32(0)
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }
}

/**
 * The program of its canonical bytes, with every rule of the format checked: kinds in order, operands smaller than the value,
 * types as the op table infers them, constants with their digests, nothing left over.
 * @throws Fault `exact/bad-program`, `core/unknown-version`, `core/too-large`.
 */
export function decode(bytes: Uint8Array): Program {
  demand(bytes.length <= MAX_BYTES, 'core/too-large', () => 'program', { found: bytes.length })
  try {
    return decodeChecked(new Reader(bytes))
  } catch (cause) {
    if (!Fault.is(cause) || cause.code === 'exact/bad-program' || cause.code === 'core/unknown-version') throw cause
    throw new Fault('exact/bad-program', cause.message, { cause })
  }
}

function decodeChecked(reader: Reader): Program {
  demand(equal(reader.take(MAGIC.length), MAGIC), 'core/unknown-version', () => 'not a program of this format')
  const count = reader.uint32()
  demand(count >= 1 && count <= reader.left / 4, 'exact/bad-program', () => 'more leaves than bytes')
  const leaves = Array.from({ length: count }, () => {
    const length = reader.uint32()
    demand(length <= MAX_LEAF, 'exact/bad-program', () => 'a leaf of more than 1 KiB')
    return reader.take(length)
  })
  const header = decodeHeader(leaves[0])
  const [parameters, inputs, constants, nodes, outputs, carries] = header.counts
  const size = parameters + inputs + constants + nodes
  demand(count === 1 + size + outputs + carries, 'exact/bad-program', () => 'the header counts other leaves')
  const names = decodeNames(reader.take(reader.uint32()), header)
  const values: Value[] = []
  const digests: Bytes32[] = []
  const kindAt = (v: number) =>
    v < parameters ? 0 : v < parameters + inputs ? 1 : v < parameters + inputs + constants ? 2 : 3
  for (let v = 0; v < size; v++) values.push(decodeValue(leaves[1 + v], { values, kind: kindAt(v), digests }))
  const filled = values.map((value) => (value.kind === 'constant' ? constantFrom(value, reader, digests) : value))
  demand(reader.left === 0, 'exact/bad-program', () => 'bytes after the last constant')
  const program: Program = {
    values: filled,
    counts: { parameters, inputs, constants, nodes },
    outputs: leaves.slice(1 + size, 1 + size + outputs).map((leaf) => numberBelow(decodeAbi(OUTPUT, leaf)[0], size)),
    carries: leaves.slice(1 + size + outputs).map((leaf) => decodeCarry(leaf, { values: filled, parameters })),
    names,
  }
  demand(
    new Set(program.carries.map((c) => c.parameter)).size === carries,
    'exact/bad-program',
    () => 'a parameter is carried twice',
  )
  demand(equal(headerOf(program), leaves[0]), 'exact/bad-program', () => 'the header does not describe the program')
  return program
}

function decodeHeader(leaf: Uint8Array): { counts: number[]; names: Uint8Array } {
  const [format, numerics, ...rest] = decodeAbi(HEADER, leaf)
  demand(
    format === BigInt(FORMAT_VERSION) && numerics === BigInt(NUMERICS_VERSION),
    'core/unknown-version',
    () => `program format ${format}, numerics ${numerics}`,
  )
  const counts = rest.slice(0, 6).map((n) => numberBelow(n as bigint, 2 ** 32))
  return { counts, names: rest[7] as Uint8Array }
}

const numberBelow = (value: bigint, limit: number): number => {
  demand(value < BigInt(limit), 'exact/bad-program', () => `${value} is not below ${limit}`)
  return Number(value)
}

function decodeNames(bytes: Uint8Array, header: { counts: number[]; names: Uint8Array }): Program['names'] {
  demand(
    equal(sha256(bytes), header.names),
    'exact/bad-program',
    () => 'the names have another hash than the header states',
  )
  const names = decodeJson(bytes) as Record<string, readonly string[]>
  const wanted: [string, number][] = [
    ['inputs', header.counts[1]],
    ['outputs', header.counts[4]],
    ['parameters', header.counts[0]],
  ]
  demand(
    typeof names === 'object' && names !== null && Object.keys(names).length === 3,
    'exact/bad-program',
    () => 'names',
  )
  for (const [key, count] of wanted) {
    const list = Object.hasOwn(names, key) ? names[key] : undefined
    demand(
      Array.isArray(list) && list.length === count && list.every((name) => typeof name === 'string'),
      'exact/bad-program',
      () => `names of ${key}`,
    )
  }
  return { parameters: names.parameters, inputs: names.inputs, outputs: names.outputs }
}

function decodeValue(leaf: Uint8Array, at: { values: readonly Value[]; kind: number; digests: Bytes32[] }): Value {
  const [kind, code, number, dims, attributes, operands, content] = decodeAbi(VALUE, leaf)
  const dtype = dtypeOf(Number(code))
  const type = { dtype: dtype ?? 'uint8', dims: unpacked(dims, 8) }
  const fits = type.dims.length <= MAX_RANK && type.dims.every((dim) => dim >= 0 && dim <= MAX_ELEMENTS)
  demand(
    kind === BigInt(at.kind) && dtype !== undefined && fits && sizeOf(type.dims) <= MAX_ELEMENTS,
    'exact/bad-program',
    () => `value ${at.values.length}`,
  )
  if (at.kind === 3) {
    demand(equal(content, ZERO), 'exact/bad-program', () => 'a node with a digest')
    return decodeNode(
      { type, number: Number(number), words: unpacked(attributes, 8), operands: unpacked(operands, 4) },
      at.values,
    )
  }
  const bare = number === 0n && attributes.length === 0 && operands.length === 0
  demand(bare, 'exact/bad-program', () => `a ${KINDS[at.kind]} with an op`)
  demand((at.kind === 2) === !equal(content, ZERO), 'exact/bad-program', () => `digest of a ${KINDS[at.kind]}`)
  if (at.kind === 2) at.digests.push(content)
  return at.kind === 2
    ? { kind: 'constant', ...type, tensor: EMPTY }
    : { kind: at.kind === 0 ? 'parameter' : 'input', ...type }
}
const EMPTY: Tensor = { dtype: 'uint8', dims: [0], data: new Uint8Array(0) }

interface NodeLeaf {
  readonly type: TensorType
  readonly number: number
  readonly words: readonly number[]
  readonly operands: readonly number[]
}

function decodeNode({ type, number, words, operands }: NodeLeaf, before: readonly Value[]): Value {
  const row = opNumbered(number)
  const count = operands.length
  demand(count >= 1 && count <= MAX_OPERANDS, 'exact/bad-program', () => `${count} operands`)
  // No op of this version has an operand that may be absent.
  const earlier = operands.every((v) => v < before.length)
  demand(earlier, 'exact/bad-program', () => 'an operand that comes later')
  const attributes = attributesFrom(row, words)
  const inferred = row.infer(
    operands.map((v) => before[v]),
    attributes,
  )
  demand(sameType(inferred, type), 'exact/bad-program', () => `${row.name} gives ${inferred.dtype}[${inferred.dims}]`)
  return { kind: 'node', ...type, op: row.name, attributes, inputs: operands }
}

const sameType = (a: TensorType, b: TensorType) =>
  a.dtype === b.dtype && a.dims.length === b.dims.length && a.dims.every((dim, i) => dim === b.dims[i])

/** Attributes from their words, in the op table's order; every word must be used. */
function attributesFrom(row: ExactOp, words: readonly number[]): Attributes {
  let at = 0
  const next = () => {
    demand(at < words.length, 'exact/bad-program', () => `${row.name} has ${row.attributes.length} attributes`)
    return words[at++]
  }
  const entries = row.attributes.map(({ name, kind }): [string, number | number[]] => {
    if (kind === 'int') return [name, next()]
    const length = next()
    demand(length >= 0 && length <= words.length - at, 'exact/bad-program', () => `attribute ${name}`)
    return [name, words.slice(at, (at += length))]
  })
  demand(at === words.length, 'exact/bad-program', () => `${row.name}: attributes left over`)
  return Object.fromEntries(entries)
}

function constantFrom(value: TensorType, reader: Reader, digests: Bytes32[]): Value {
  const bytes = reader.take(byteLength(value))
  const content = fromBytes(value, bytes.slice())
  demand(
    equal(digest(content), digests.shift()!),
    'exact/bad-program',
    () => 'a constant whose payload has another digest',
  )
  demand(value.dtype in DTYPES, 'exact/bad-program', () => 'dtype')
  return { kind: 'constant', dtype: value.dtype, dims: value.dims, tensor: content }
}

function decodeCarry(
  leaf: Uint8Array,
  { values, parameters }: { values: readonly Value[]; parameters: number },
): Carry {
  const [parameter, value] = decodeAbi(CARRY, leaf)
  const carry = { parameter: numberBelow(parameter, parameters), value: numberBelow(value, values.length) }
  const [from, to] = [values[carry.value], values[carry.parameter]]
  demand(
    from.dtype === to.dtype && from.dims.join() === to.dims.join(),
    'exact/bad-program',
    () => 'a carry between different types',
  )
  return carry
}
