/**
 * Reports as files: canonical JSON, read strictly. A report holds the scales of inputs and outputs; nothing of it is committed.
 * @module
 */
import { DTYPES, type DType } from '../core/tensor.js'
import { demand } from '../core/faults.js'
import {
  decodeJson,
  encodeJson,
  integer,
  list,
  literal,
  number,
  record,
  text,
  type Field,
  type Json,
} from '../core/json.js'
import { utf8 } from '../core/bytes.js'
import type { Report } from './report.js'

const HEADER = { format: 'quantization', version: 1 } as const
const MAX_BYTES = 1 << 24
const MAX_ITEMS = 1 << 16

/** Null, or what a field reads. */
function nullable<T>(field: Field<T>): Field<T | null> {
  return (value, where) => (value === null ? null : field(value, where))
}

/** Exponents beyond this are no scales. */
const MAX_EXPONENT = 1000

const exponent: Field<number> = (value, where) => {
  const fits = Number.isInteger(value) && Math.abs(value as number) <= MAX_EXPONENT
  demand(fits, 'core/bad-field', () => `not an integer up to ${MAX_EXPONENT} either way`, { where })
  return value as number
}

const dtype = literal(...(Object.keys(DTYPES) as DType[]))

const readReport = record({
  format: literal(HEADER.format),
  version: literalOne,
  inputs: list(
    record({ name: text, dtype, dims: list(integer, 8), exponent: nullable(exponent), zero: exponent }),
    MAX_ITEMS,
  ),
  outputs: list(
    record({
      name: text,
      exponent: nullable(exponent),
      leftOut: nullable(record({ output: text, operator: text })),
    }),
    MAX_ITEMS,
  ),
  layers: list(
    record({
      tensor: text,
      operator: text,
      scale: number,
      bits: integer,
      narrow: nullable(number),
      clipped: nullable(number),
      error: nullable(number),
    }),
    MAX_ITEMS,
  ),
  samples: integer,
  agreement: nullable(number),
  accuracy: nullable(record({ real: number, integer: number })),
  widest: integer,
})

function literalOne(value: Json, where: string): 1 {
  demand(value === HEADER.version, 'core/unknown-version', () => 'this release knows version 1', { where })
  return HEADER.version
}

/** The report as canonical JSON. */
export function encode(report: Report): Uint8Array {
  return utf8(encodeJson({ ...HEADER, ...(report as unknown as { readonly [key: string]: Json }) }))
}

/** @throws Fault `core/bad-json`, `core/unknown-field`, `core/missing-field`, `core/bad-field`, `core/unknown-version`, `core/too-large`. */
export function decode(bytes: Uint8Array): Report {
  const { inputs, outputs, layers, samples, agreement, accuracy, widest } = readReport(
    decodeJson(bytes, { maxBytes: MAX_BYTES }),
    'quantization',
  )
  return { inputs, outputs, layers, samples, agreement, accuracy, widest }
}
