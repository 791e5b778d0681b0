/**
 * Numbers in comma-separated text, read strictly: one line a sample, every line with as many fields as the first, fields without
 * quotes and spaces.
 *
 * Numerics: a number is written as JSON writes it; its value is the nearest binary64, and for float32 the nearest binary32 to that.
 * More than twenty digits between zeros are refused, because ECMAScript leaves the rest to the implementation. Integers are exact.
 * @see RFC 4180 (of which this is the part without quotes), RFC 8259 section 6 (numbers), ECMA-262 (StringToNumber)
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { DTYPES, allocate, isFloat, sizeOf, tensor, type DType, type Tensor, type TensorData } from '../core/tensor.js'

/** Which fields of a line make a column's sample. */
export interface CsvColumn {
  readonly dtype: DType
  /** Dims of one sample; its elements are that many fields. Default: one field, rank 0. */
  readonly dims?: readonly number[]
  /** The first field, from 0. */
  readonly first: number
}

/** How a file is written. */
export interface CsvOptions {
  /** Default 'none': the first line is a sample. With 'names' it holds names and is passed over. */
  readonly header?: 'none' | 'names'
  /** Default 2^28: the most elements of a column. */
  readonly limit?: number
}

const NEWLINE = 0x0a
const RETURN = 0x0d
const COMMA = 0x2c
const QUOTE = 0x22
const MOST_FIELDS = 1 << 20
const MOST_CHARACTERS = 40

/**
 * One tensor for each column, with the samples on the first axis. Fields of no column are counted and not read. Lines end with LF or
 * CRLF; the last one may lack it.
 * @throws Fault `data/bad-csv` for a quote, an empty line, a line with fewer or more fields, a field that is not a number of its dtype,
 * or a dtype that text does not carry (float16, bfloat16); `core/too-large` before anything is allocated.
 */
export function decode(
  bytes: Uint8Array,
  columns: Readonly<Record<string, CsvColumn>>,
  options: CsvOptions = {},
): Record<string, Tensor> {
  const { header = 'none', limit = 1 << 28 } = options
  const lines = linesOf(bytes)
  const fields = fieldsIn(bytes, lines.next())
  const samples = lines.count - (header === 'names' ? 1 : 0)
  demand(samples > 0, 'data/bad-csv', () => 'no samples')
  const fills = Object.entries(columns).map(([name, column]) => fillOf({ name, column, fields, samples, limit }))
  const reader: Reader = { bytes, fields, ends: new Uint32Array(fields), fills }
  const rows = linesOf(bytes)
  if (header === 'names') splitLine(reader, rows.next(), 'the header')
  for (let i = 0; i < samples; i++) readLine(reader, rows.next(), i)
  return Object.fromEntries(fills.map(({ name, type, data }) => [name, tensor(type.dtype, type.dims, data)]))
}

interface Line {
  readonly start: number
  readonly end: number
}

/** The lines of a file, and how many there are. */
function linesOf(bytes: Uint8Array): { readonly count: number; next(): Line } {
  const open = bytes.length > 0 && bytes[bytes.length - 1] !== NEWLINE
  let at = 0
  return {
    get count() {
      let count = open ? 1 : 0
      for (let i = bytes.indexOf(NEWLINE); i >= 0; i = bytes.indexOf(NEWLINE, i + 1)) count++
      return count
    },
    next() {
      const start = at
      const found = bytes.indexOf(NEWLINE, start)
      const end = found < 0 ? bytes.length : found
      at = end + 1
      return { start, end: end > start && bytes[end - 1] === RETURN ? end - 1 : end }
    },
  }
}

function fieldsIn(bytes: Uint8Array, { start, end }: Line): number {
  let fields = 1
  for (let i = start; i < end; i++) if (bytes[i] === COMMA) fields++
  demand(fields <= MOST_FIELDS, 'core/too-large', () => 'fields of a line', { expected: MOST_FIELDS, found: fields })
  return fields
}

/** A column while it is filled. */
interface Fill {
  readonly name: string
  readonly type: { readonly dtype: DType; readonly dims: readonly number[] }
  readonly first: number
  readonly size: number
  readonly data: TensorData
}

function fillOf(at: {
  readonly name: string
  readonly column: CsvColumn
  readonly fields: number
  readonly samples: number
  readonly limit: number
}): Fill {
  const { name, column, fields, samples, limit } = at
  const { dtype, dims = [], first } = column
  const size = sizeOf(dims)
  const whole = [first, ...dims].every((n) => Number.isSafeInteger(n) && n >= 0)
  demand(whole && size > 0 && first + size <= fields, 'data/bad-csv', () => 'a column beyond the fields of a line', {
    where: name,
    expected: `${fields} fields`,
    found: `${size} from ${first}`,
  })
  demand(
    Object.hasOwn(DTYPES, dtype) && dtype !== 'float16' && dtype !== 'bfloat16',
    'data/bad-csv',
    () => `text does not carry ${dtype}`,
    { where: name },
  )
  demand(size * samples <= limit, 'core/too-large', () => 'a column', { where: name, expected: limit })
  return { name, type: { dtype, dims: [samples, ...dims] }, first, size, data: allocate(dtype, size * samples) }
}

interface Reader {
  readonly bytes: Uint8Array
  readonly fields: number
  /** Where each field of the current line ends. */
  readonly ends: Uint32Array
  readonly fills: readonly Fill[]
}

function splitLine({ bytes, fields, ends }: Reader, { start, end }: Line, where: string): void {
  let field = 0
  for (let i = start; i < end; i++) {
    demand(bytes[i] !== QUOTE, 'data/bad-csv', () => 'quoted fields are not read', { where })
    if (bytes[i] !== COMMA) continue
    if (field < fields) ends[field] = i
    field++
  }
  demand(end > start && field + 1 === fields, 'data/bad-csv', () => 'fields of a line', {
    where,
    expected: fields,
    found: end > start ? field + 1 : 0,
  })
  ends[field] = end
}

function readLine(reader: Reader, line: Line, sample: number): void {
  splitLine(reader, line, `sample ${sample}`)
  const { bytes, ends } = reader
  for (const { type, first, size, data } of reader.fills) {
    for (let i = 0; i < size; i++) {
      const field = first + i
      const start = field === 0 ? line.start : ends[field - 1] + 1
      const value = smallInteger(bytes, start, ends[field]) ?? textOf(bytes, start, ends[field])
      try {
        data[sample * size + i] = numberOf(type.dtype, value)
      } catch (cause) {
        throw named(cause, `sample ${sample}, field ${field}`)
      }
    }
  }
}

const named = (cause: unknown, where: string): unknown =>
  Fault.is(cause, 'data/bad-csv') ? new Fault('data/bad-csv', 'not a number of its type', { where, cause }) : cause

/** The quick way for most files: up to 9 digits, no leading zero. */
function smallInteger(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start > 9 || end === start || (bytes[start] === 0x30 && end - start > 1)) return undefined
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = 10 * value + digit
  }
  return value
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  demand(end - start <= MOST_CHARACTERS, 'data/bad-csv', () => 'a field of too many characters')
  return String.fromCharCode(...bytes.subarray(start, end))
}

const DECIMAL = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/
const INTEGER = /^-?(0|[1-9][0-9]*)$/
const MOST_DIGITS = 20

/** The element that a field stands for. Returns what the dtype's array holds; TypeScript cannot tell number from bigint here. */
function numberOf(dtype: DType, text: number | string): never {
  return (isFloat(dtype) ? floatOf(dtype, text) : integerOf(dtype, text)) as never
}

function floatOf(dtype: DType, text: number | string): number {
  if (typeof text === 'number') return text
  demand(DECIMAL.test(text), 'data/bad-csv', () => 'not a decimal number')
  const digits = text
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '')
  demand(digits.length <= MOST_DIGITS, 'data/bad-csv', () => `more than ${MOST_DIGITS} digits`)
  const value = dtype === 'float32' ? Math.fround(Number(text)) : Number(text)
  demand(Number.isFinite(value), 'data/bad-csv', () => `beyond ${dtype}`)
  return value
}

function integerOf(dtype: DType, text: number | string): number | bigint {
  demand(typeof text === 'number' || INTEGER.test(text), 'data/bad-csv', () => 'not an integer')
  const value = BigInt(text)
  const { bytes, kind } = DTYPES[dtype]
  const bits = dtype === 'bool' ? 1 : 8 * bytes
  const fits = kind === 'signed' ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
  demand(fits === value, 'data/bad-csv', () => `beyond ${dtype}`)
  return bytes === 8 ? value : Number(value)
}
