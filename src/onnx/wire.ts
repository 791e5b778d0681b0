/**
 * The protobuf wire format, driven by tables: one reader and one writer for every message.
 * Stricter than protobuf where leniency would give one file two readings: a field that the table does not have, a
 * singular field that stands twice and a wrong wire type are refused, not skipped or merged.
 * Source: protobuf's encoding specification (protobuf.dev/programming-guides/encoding).
 * @module
 */
import { Fault, demand } from '../core/faults.js'

/** What a field of each kind gives when read: packed kinds as runs of undecoded element bytes, messages as undecoded views. */
export interface Read {
  int64: bigint | undefined
  int32: number | undefined
  float: number | undefined
  string: string | undefined
  bytes: Uint8Array | undefined
  message: Uint8Array | undefined
  strings: string[]
  chunks: Uint8Array[]
  messages: Uint8Array[]
  varints: Uint8Array[]
  fixed32s: Uint8Array[]
  fixed64s: Uint8Array[]
  /** Known and without meaning here: stepped over, never written. */
  skipped: undefined
}

/** What a field of each kind takes when written: the same, with messages not yet written. */
export interface Written extends Omit<Read, 'message' | 'strings' | 'chunks' | 'messages'> {
  message: Outgoing | undefined
  strings: readonly string[]
  chunks: readonly Uint8Array[]
  /** Bytes are a message that is written already. */
  messages: readonly (Outgoing | Uint8Array)[]
}

/** How a field is read and written. */
export type Kind = keyof Read

/** Field numbers and kinds of a message, by field name. */
export interface Fields {
  readonly [field: string]: readonly [number: number, kind: Kind]
}

/** A message's name and fields. */
export interface Schema<F extends Fields = Fields> {
  readonly name: string
  readonly fields: F
  readonly byNumber: ReadonlyMap<number, Row>
  /** The fields from the last to the first, as they are written. */
  readonly descending: readonly Row[]
  /** What a message without any field gives. */
  readonly blank: Readonly<Record<string, unknown>>
}

/** One field of a schema. */
interface Row {
  readonly field: string
  readonly number: number
  readonly kind: Kind
}

/** A message as read: one entry for every field of its schema. */
export type Message<F extends Fields> = { [N in keyof F]: Read[F[N][1]] }

/** A message to be written, with its schema. */
export interface Outgoing {
  readonly schema: Schema
  readonly values: Readonly<Record<string, unknown>>
}

/** A schema from its fields. */
export function schema<const F extends Fields>(name: string, fields: F): Schema<F> {
  const rows = Object.entries(fields).map(([field, [number, kind]]) => ({ field, number, kind }))
  const blank = Object.fromEntries(rows.map(({ field, kind }) => [field, isList(kind) ? NONE : undefined]))
  const byNumber = new Map(rows.map((row) => [row.number, row]))
  return { name, fields, byNumber, descending: rows.sort((a, b) => b.number - a.number), blank }
}

/** The one empty list, so that messages of few fields stay small. */
const NONE: readonly never[] = Object.freeze([])

const isList = (kind: Kind): boolean => READERS[kind].repeated && kind !== 'skipped'

/** Memory that reading may still take, in estimated bytes, so that a small file cannot fill a large heap. */
export interface Budget {
  left: number
}

/** The budget for a file of `size` bytes: 64 MiB and 64 bytes a byte, at most 1 GiB. */
export const budgetFor = (size: number): Budget => ({ left: Math.min(2 ** 26 + 64 * size, 2 ** 30) })

/** Takes `cost` bytes from the budget. @throws Fault `core/too-large` where it is spent. */
export function charge(budget: Budget, cost: number): void {
  budget.left -= cost
  demand(budget.left >= 0, 'core/too-large', () => 'reading this would take far more memory than its size allows')
}

// Estimated heap cost of what one field makes, measured on Node 20 and rounded up.
const COST = { message: 128, view: 128, text: 48 }

interface Cursor {
  readonly bytes: Uint8Array
  at: number
  readonly budget: Budget
  readonly where: string
}

const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const FIXED32 = 5

/**
 * The fields of a message.
 * @throws Fault `onnx/truncated`, `onnx/bad-wire`, `onnx/unknown-field`, `core/too-large`.
 */
export function read<F extends Fields>(bytes: Uint8Array, type: Schema<F>, budget: Budget): Message<F> {
  charge(budget, COST.message)
  const message = { ...type.blank }
  const cursor: Cursor = { bytes, at: 0, budget, where: type.name }
  while (cursor.at < bytes.length) readField(type, message, cursor)
  return message as Message<F>
}

function readField({ byNumber, name }: Schema, message: Record<string, unknown>, cursor: Cursor): void {
  const tag = readSize(cursor)
  demand(tag >= 8 && tag < 2 ** 32, 'onnx/bad-wire', () => `tag ${tag}`, { where: name })
  const row = byNumber.get(Math.floor(tag / 8))
  demand(row !== undefined, 'onnx/unknown-field', () => `field ${Math.floor(tag / 8)} of ${name}`)
  const { field, kind } = row
  const reader = READERS[kind]
  const wire = tag & 7
  demand(reader.wires.includes(wire), 'onnx/bad-wire', () => `${name}.${field} has wire type ${wire}`)
  const value = reader.take(cursor, wire)
  if (value === undefined) return
  if (reader.repeated) append(message, field, value)
  else setOnce(message, field, value)
}

function append(message: Record<string, unknown>, field: string, value: unknown): void {
  const list = message[field] as unknown[]
  if (list.length === 0) message[field] = [value]
  else list.push(value)
}

function setOnce(message: Record<string, unknown>, field: string, value: unknown): void {
  demand(message[field] === undefined, 'onnx/bad-wire', () => `field ${field} stands twice`)
  message[field] = value
}

interface Reader {
  readonly wires: readonly number[]
  readonly repeated: boolean
  readonly take: (cursor: Cursor, wire: number) => unknown
}

const one = (wire: number, take: Reader['take']): Reader => ({ wires: [wire], repeated: false, take })
const many = (wires: readonly number[], take: Reader['take']): Reader => ({ wires, repeated: true, take })

const READERS: { readonly [K in Kind]: Reader } = {
  int64: one(VARINT, (cursor) => readInt64(cursor)),
  int32: one(VARINT, (cursor) => Number(BigInt.asIntN(32, readInt64(cursor)))),
  float: one(FIXED32, (cursor) => viewOf(takeBytes(cursor, 4)).getFloat32(0, true)),
  string: one(LENGTH, (cursor) => readText(cursor)),
  bytes: one(LENGTH, (cursor) => readView(cursor)),
  message: one(LENGTH, (cursor) => readView(cursor)),
  strings: many([LENGTH], (cursor) => readText(cursor)),
  chunks: many([LENGTH], (cursor) => readView(cursor)),
  messages: many([LENGTH], (cursor) => readView(cursor)),
  varints: many([VARINT, LENGTH], (cursor, wire) => (wire === LENGTH ? readPackedVarints(cursor) : takeVarint(cursor))),
  fixed32s: many([FIXED32, LENGTH], (cursor, wire) => (wire === LENGTH ? readPacked(cursor, 4) : takeView(cursor, 4))),
  fixed64s: many([FIXED64, LENGTH], (cursor, wire) => (wire === LENGTH ? readPacked(cursor, 8) : takeView(cursor, 8))),
  skipped: many([VARINT, FIXED64, LENGTH, FIXED32], skip),
}

function skip(cursor: Cursor, wire: number): undefined {
  if (wire === VARINT) endOfVarint(cursor)
  else takeBytes(cursor, wire === LENGTH ? readSize(cursor) : wire === FIXED32 ? 4 : 8)
}

/** Bytes up to and with the end of the varint at the cursor. */
function endOfVarint(cursor: Cursor): number {
  const { bytes, at, where } = cursor
  let end = at
  while (end < bytes.length && bytes[end] >= 0x80 && end - at < 10) end++
  demand(end < bytes.length, 'onnx/truncated', () => 'ends inside a number', { where })
  const length = end + 1 - at
  demand(length < 10 || (length === 10 && bytes[end] < 2), 'onnx/bad-wire', () => 'a number above 64 bits', { where })
  cursor.at = end + 1
  return length
}

/** A tag or length. Exact below 2^53, which is far above every length that can pass. */
function readSize(cursor: Cursor): number {
  const start = cursor.at
  endOfVarint(cursor)
  let value = 0
  for (let i = cursor.at - 1; i >= start; i--) value = value * 128 + (cursor.bytes[i] & 127)
  return value
}

function readInt64(cursor: Cursor): bigint {
  const start = cursor.at
  const pair = new Uint32Array(2)
  unpackVarint(cursor.bytes.subarray(start, start + endOfVarint(cursor)), 0, pair, 0)
  return BigInt.asIntN(64, (BigInt(pair[1]) << 32n) | BigInt(pair[0]))
}

function takeBytes(cursor: Cursor, length: number): Uint8Array {
  const left = cursor.bytes.length - cursor.at
  demand(length <= left, 'onnx/truncated', () => 'a field runs beyond its end', {
    where: cursor.where,
    expected: length,
    found: left,
  })
  const start = cursor.at
  cursor.at += length
  return cursor.bytes.subarray(start, cursor.at)
}

function takeView(cursor: Cursor, length: number): Uint8Array {
  charge(cursor.budget, COST.view)
  return takeBytes(cursor, length)
}

const readView = (cursor: Cursor): Uint8Array => takeView(cursor, readSize(cursor))

function takeVarint(cursor: Cursor): Uint8Array {
  charge(cursor.budget, COST.view)
  const start = cursor.at
  endOfVarint(cursor)
  return cursor.bytes.subarray(start, cursor.at)
}

function readPacked(cursor: Cursor, width: number): Uint8Array {
  const run = readView(cursor)
  demand(run.length % width === 0, 'onnx/bad-wire', () => 'packed elements are cut', { where: cursor.where })
  return run
}

function readPackedVarints(cursor: Cursor): Uint8Array {
  const run = readView(cursor)
  demand(run.length === 0 || run[run.length - 1] < 0x80, 'onnx/bad-wire', () => 'packed numbers are cut', {
    where: cursor.where,
  })
  return run
}

function readText(cursor: Cursor): string {
  const bytes = takeBytes(cursor, readSize(cursor))
  charge(cursor.budget, COST.text + 2 * bytes.length)
  return textOf(bytes)
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text of UTF-8 bytes. Names are compared, so bytes that are not UTF-8 are refused instead of replaced.
 * @throws Fault `onnx/bad-wire`.
 */
export function textOf(bytes: Uint8Array): string {
  if (bytes.length < 32 && bytes.every((byte) => byte < 0x80)) return String.fromCharCode(...bytes)
  try {
    return STRICT.decode(bytes)
  } catch (cause) {
    throw new Fault('onnx/bad-wire', 'a text that is not UTF-8', { cause })
  }
}

/** All runs in one array: the only run itself where there is one. */
export function joined(runs: readonly Uint8Array[]): Uint8Array {
  if (runs.length === 1) return runs[0]
  let length = 0
  for (const run of runs) length += run.length
  const out = new Uint8Array(length)
  let at = 0
  for (const run of runs) {
    out.set(run, at)
    at += run.length
  }
  return out
}

/**
 * The numbers of varint runs as 64-bit words: low half, high half, low half, ...
 * @throws Fault `onnx/bad-wire`, `core/too-large`.
 */
export function unpackVarints(runs: readonly Uint8Array[], budget: Budget): Uint32Array<ArrayBuffer> {
  let count = 0
  for (const run of runs) for (let i = 0; i < run.length; i++) if (run[i] < 0x80) count++
  charge(budget, 8 * count)
  const pairs = new Uint32Array(2 * count)
  let index = 0
  for (const run of runs) for (let at = 0; at < run.length; index += 2) at = unpackVarint(run, at, pairs, index)
  return pairs
}

/** Writes the varint at `at` into pairs[index], pairs[index + 1]; gives the place after it. */
function unpackVarint(bytes: Uint8Array, at: number, pairs: Uint32Array, index: number): number {
  let low = 0
  let high = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]
    demand(shift < 63 || (shift === 63 && byte < 2), 'onnx/bad-wire', () => 'a number above 64 bits')
    const bits = byte & 127
    if (shift < 32) low |= bits << shift
    if (shift > 31) high |= bits << (shift - 32)
    else if (shift === 28) high |= bits >>> 4
    if (byte < 0x80) break
  }
  pairs[index] = low
  pairs[index + 1] = high
  return at
}

/** The signed 64-bit integers of varint runs. @throws Fault as {@link unpackVarints}. */
export function int64sOf(runs: readonly Uint8Array[], budget: Budget): BigInt64Array {
  return new BigInt64Array(unpackVarints(runs, budget).buffer)
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** A message with its schema, ready to be written; undefined values and empty lists are left out. */
export function outgoing<F extends Fields>(type: Schema<F>, values: { [N in keyof F]?: Written[F[N][1]] }): Outgoing {
  return { schema: type, values }
}

/** Bytes being written from the back to the front, so that every length is known when its prefix is written. */
interface Sink {
  /** Finished parts, last first. */
  readonly parts: Uint8Array[]
  block: Uint8Array
  /** Where the filled end of the block begins. */
  at: number
  length: number
}

const BLOCK = 1 << 16

/**
 * The bytes of a message as parts in order. Byte fields above 4 KiB are parts themselves, not copies.
 * Canonical: fields by number, minimal varints, packed where the kind is packed.
 */
export function write(message: Outgoing): Uint8Array[] {
  const sink: Sink = { parts: [], block: new Uint8Array(BLOCK), at: BLOCK, length: 0 }
  putMessage(sink, message)
  closeBlock(sink)
  return sink.parts.reverse()
}

function putMessage(sink: Sink, { schema: type, values }: Outgoing): void {
  for (const { field, number, kind } of type.descending) {
    const value = values[field]
    if (value !== undefined) WRITERS[kind](sink, number, value as never)
  }
}

type Put<V> = (sink: Sink, number: number, value: V) => void

const WRITERS: { readonly [K in Kind]: Put<NonNullable<Written[K]>> } = {
  int64: (sink, number, value) => (putVarint(sink, value), putTag(sink, number, VARINT)),
  int32: (sink, number, value) => (putVarint(sink, BigInt(value)), putTag(sink, number, VARINT)),
  float: (sink, number, value) => (putBytes(sink, float32(value)), putTag(sink, number, FIXED32)),
  string: putText,
  bytes: putLengthed,
  message: putNested,
  strings: backwards(putText),
  chunks: backwards(putLengthed),
  messages: backwards(putNested),
  varints: putRuns,
  fixed32s: putRuns,
  fixed64s: putRuns,
  skipped: () => {},
}

function backwards<V>(put: Put<V>): Put<readonly V[]> {
  return (sink, number, values) => {
    for (let i = values.length - 1; i >= 0; i--) put(sink, number, values[i])
  }
}

const UTF8 = new TextEncoder()

function putText(sink: Sink, number: number, text: string): void {
  putLengthed(sink, number, UTF8.encode(text))
}

function putLengthed(sink: Sink, number: number, bytes: Uint8Array): void {
  putBytes(sink, bytes)
  putSize(sink, bytes.length)
  putTag(sink, number, LENGTH)
}

function putNested(sink: Sink, number: number, message: Outgoing | Uint8Array): void {
  if (message instanceof Uint8Array) return putLengthed(sink, number, message)
  const end = sink.length
  putMessage(sink, message)
  putSize(sink, sink.length - end)
  putTag(sink, number, LENGTH)
}

function putRuns(sink: Sink, number: number, runs: readonly Uint8Array[]): void {
  if (runs.length > 0) putLengthed(sink, number, joined(runs))
}

function putTag(sink: Sink, number: number, wire: number): void {
  putSize(sink, number * 8 + wire)
}

function putVarint(sink: Sink, value: bigint): void {
  putBytes(sink, varint(value))
}

/** A tag or length, which need no big integers. */
function putSize(sink: Sink, value: number): void {
  if (sink.at < 10) closeBlock(sink)
  let length = 1
  for (let limit = 128; value >= limit; limit *= 128) length++
  sink.at -= length
  sink.length += length
  let rest = value
  for (let i = sink.at; i < sink.at + length; i++, rest = Math.floor(rest / 128)) sink.block[i] = (rest & 127) | 128
  sink.block[sink.at + length - 1] &= 127
}

function putBytes(sink: Sink, bytes: Uint8Array): void {
  sink.length += bytes.length
  if (bytes.length > 4096) {
    closeBlock(sink)
    sink.parts.push(bytes)
    return
  }
  if (bytes.length > sink.at) closeBlock(sink)
  sink.at -= bytes.length
  sink.block.set(bytes, sink.at)
}

function closeBlock(sink: Sink): void {
  if (sink.at < sink.block.length) sink.parts.push(sink.block.subarray(sink.at))
  sink.block = sink.at > BLOCK / 2 ? sink.block.subarray(0, sink.at) : new Uint8Array(BLOCK)
  sink.at = sink.block.length
}

/** The varint of an integer; negative ones as their 64 bits. */
export function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Uint8Array.of(...bytes, Number(rest))
}

function float32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setFloat32(0, value, true)
  return bytes
}
