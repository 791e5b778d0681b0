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
import { opNumbered, opOf } from './ops/index.js'
import { ABSENT, type Attributes, type Carry, type Program, type Value } from './program.js'

/** Version of the program format. */
export const FORMAT_VERSION = 1
/** Version of the numerics: the definitions of the exact ops. */
export const NUMERICS_VERSION = 1

const MAGIC = utf8('CSPROG01')
const MAX_LEAF = 1024
const MAX_BYTES = 2 ** 31
const MAX_RANK = 8
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
/** Kind, dtype, dims, op, attributes in the op table's order, operands, digest of a constant. */
const VALUE = ['uint8', 'uint8', 'uint64[]', 'uint16', 'int64[][]', 'uint32[]', 'bytes32'] as const
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
  const [op, attributes, inputs] =
    value.kind === 'node'
      ? [opOf(value.op).number, attributeLists(value.op, value.attributes), value.inputs]
      : [0, [], []]
  const content = value.kind === 'constant' ? digest(value.tensor) : ZERO
  const leaf = encodeAbi(VALUE, [
    KINDS.indexOf(value.kind),
    DTYPES[value.dtype].code,
    value.dims,
    op,
    attributes,
    inputs,
    content,
  ])
  demand(leaf.length <= MAX_LEAF, 'exact/too-large', () => 'a leaf of the program', {
    expected: MAX_LEAF,
    found: leaf.length,
  })
  return leaf
}

function attributeLists(op: string, attributes: Attributes): readonly (readonly number[])[] {
  return opOf(op).attributes.map(({ name }) => {
    const value = attributes[name]
    return typeof value === 'number' ? [value] : value
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
  const [kind, code, dims, number, lists, operands, content] = decodeAbi(VALUE, leaf)
  const dtype = dtypeOf(Number(code))
  demand(
    kind === BigInt(at.kind) && dtype !== undefined && dims.length <= MAX_RANK,
    'exact/bad-program',
    () => `value ${at.values.length}`,
  )
  const type: TensorType = { dtype, dims: dims.map((dim) => numberBelow(dim, 2 ** 40)) }
  demand(sizeOf(type.dims) <= 2 ** 40, 'exact/bad-program', () => 'a value of more than 2^40 elements')
  if (at.kind === 3) {
    demand(equal(content, ZERO), 'exact/bad-program', () => 'a node with a digest')
    return decodeNode({ type, number: Number(number), lists, operands: operands.map(Number) }, at.values)
  }
  demand(
    number === 0n && lists.length === 0 && operands.length === 0,
    'exact/bad-program',
    () => `a ${KINDS[at.kind]} with an op`,
  )
  demand((at.kind === 2) === !equal(content, ZERO), 'exact/bad-program', () => `digest of a ${KINDS[at.kind]}`)
  if (at.kind === 2) at.digests.push(content)
  return at.kind === 2
    ? { kind: 'constant', ...type, tensor: EMPTY }
    : { kind: at.kind === 0 ? 'parameter' : 'input', ...type }
}
const EMPTY: Tensor = { dtype: 'uint8', dims: [0], data: new Uint8Array(0) }

function decodeNode(
  leaf: { type: TensorType; number: number; lists: readonly (readonly bigint[])[]; operands: readonly number[] },
  before: readonly Value[],
): Value {
  const row = opNumbered(leaf.number)
  const { type, lists, operands } = leaf
  demand(
    operands.length >= 1 && operands.length <= MAX_OPERANDS,
    'exact/bad-program',
    () => `${operands.length} operands`,
  )
  demand(
    operands.every((v) => v === ABSENT || v < before.length),
    'exact/bad-program',
    () => 'an operand that comes later',
  )
  demand(
    lists.length === row.attributes.length,
    'exact/bad-program',
    () => `${row.name} has ${row.attributes.length} attributes`,
  )
  const attributes = Object.fromEntries(
    row.attributes.map(({ name, kind }, i) => {
      const values = lists[i].map(Number)
      demand(
        values.every(Number.isSafeInteger) && (kind === 'ints' || values.length === 1),
        'exact/bad-program',
        () => `attribute ${name}`,
      )
      return [name, kind === 'int' ? values[0] : values]
    }),
  )
  const inferred = row.infer(
    operands.filter((v) => v !== ABSENT).map((v) => before[v]),
    attributes,
  )
  const same =
    inferred.dtype === type.dtype &&
    inferred.dims.length === type.dims.length &&
    inferred.dims.every((dim, i) => dim === type.dims[i])
  demand(
    same,
    'exact/bad-program',
    () => `${row.name} gives ${inferred.dtype}[${inferred.dims}], not ${type.dtype}[${type.dims}]`,
  )
  return { kind: 'node', ...type, op: row.name, attributes, inputs: operands }
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
