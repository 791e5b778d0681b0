/**
 * What a circuit is made of, as canonical JSON: all that somebody needs who compares tensors with the roots of a proof. It holds no weights
 * and no salt, and proves nothing. A hashed root that comes out right says that its layout was right, for the hash covers the layout; a
 * small public output is its own root (shape `packed`), and read by a false layout it is another one.
 * @module
 */
import { utf8, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import {
  decodeJson,
  encodeJson,
  flag,
  hex32,
  integer,
  list,
  literal,
  record,
  text,
  type Field,
  type Json,
} from '../core/json.js'
import { DTYPES, sizeOf, type DType } from '../core/tensor.js'
import type { InputScale } from '../quantize/feeds.js'
import type { Interval } from '../quantize/index.js'
import type { Layouts } from '../zk/circuit.js'
import { SHAPES, layoutOf, type Layout } from '../zk/commit.js'
import { ORDER } from '../zk/field.js'
import type { Scheme } from '../zk/keys.js'

/** A circuit's description: `circuit.json`. */
export interface CircuitRecord {
  /** Hash of the program. */
  readonly program: Bytes32
  readonly scheme: Scheme
  /** Weights are given with each proof; else they are constants of the circuit. */
  readonly committed: boolean
  readonly salted: { readonly inputs: boolean; readonly model: boolean; readonly outputs: boolean }
  /** Intervals that were given for inputs and parameters, by name. */
  readonly given: Readonly<Record<string, Interval>>
  /** Root of the weights that are constants; undefined where they are committed. */
  readonly model: bigint | undefined
  readonly layouts: Layouts
  /** How inputs are made of real numbers. */
  readonly inputs: readonly InputScale[]
  /** Names of the outputs. */
  readonly outputs: readonly string[]
  /** Constraints, as counted before compiling. */
  readonly constraints: number
  /** SHA-256 of the circom text. */
  readonly text: Bytes32
  /** SHA-256 of the constraint system and of the witness generator that the compiler made of it. */
  readonly r1cs: Bytes32
  readonly wasm: Bytes32
}

const HEADER = { format: 'circuit', version: 1 } as const
const MAX_BYTES = 1 << 22
const MAX_ITEMS = 1 << 14
const MAX_ELEMENTS = 2 ** 31

const dtype = literal(...(Object.keys(DTYPES) as DType[]))

/** An integer of at most 64 bits, as a decimal string. */
const whole: Field<bigint> = (value, where) => {
  const fits = typeof value === 'string' && /^(0|-?[1-9][0-9]{0,19})$/.test(value)
  demand(fits, 'core/bad-field', () => 'not an integer as a decimal string', { where })
  return BigInt(value)
}

const fieldElement: Field<bigint> = (value, where) => {
  const fits = typeof value === 'string' && /^(0|[1-9][0-9]{0,76})$/.test(value) && BigInt(value) < ORDER
  demand(fits, 'core/bad-field', () => 'not an element of the field as a decimal string', { where })
  return BigInt(value)
}

/** A signed integer of at most 10 bits, as a JSON number. */
const small: Field<number> = (value, where) => {
  demand(Number.isInteger(value) && Math.abs(value as number) <= 1000, 'core/bad-field', () => 'not a scale', { where })
  return value as number
}

function nullable<T>(field: Field<T>): Field<T | null> {
  return (value, where) => (value === null ? null : field(value, where))
}

const dims: Field<readonly number[]> = (value, where) => {
  const found = list(integer, 8)(value, where)
  demand(sizeOf(found) <= MAX_ELEMENTS, 'core/bad-field', () => 'a tensor of more than 2^31 elements', { where })
  return found
}

const layoutFields = record({
  dtype,
  dims,
  width: integer,
  scale: small,
  salted: flag,
  shape: literal(...SHAPES),
})

const layout: Field<Layout> = (value, where) => {
  const fields = layoutFields(value, where)
  return layoutOf(fields, fields)
}

const layouts = list(layout, MAX_ITEMS)

const version: Field<1> = (value, where) => {
  demand(value === HEADER.version, 'core/unknown-version', () => 'this release knows version 1', { where })
  return HEADER.version
}

const readRecord = record({
  format: literal(HEADER.format),
  version,
  program: hex32,
  scheme: literal('groth16', 'plonk'),
  committed: flag,
  salted: record({ inputs: flag, model: flag, outputs: flag }),
  given: list(record({ name: text, lo: whole, hi: whole }), MAX_ITEMS),
  model: nullable(fieldElement),
  layouts: record({ inputs: layouts, parameters: layouts, outputs: layouts }),
  inputs: list(record({ name: text, dtype, dims, exponent: nullable(small), zero: small }), MAX_ITEMS),
  outputs: list(text, MAX_ITEMS),
  constraints: integer,
  text: hex32,
  r1cs: hex32,
  wasm: hex32,
})

const plainLayout = ({ dtype, dims, width, scale, salted, shape }: Layout): Json => ({
  dtype,
  dims,
  width,
  scale,
  salted,
  shape,
})

/** The description as canonical JSON. */
export function encodeCircuit(circuit: CircuitRecord): Uint8Array {
  const { program, text: hash, r1cs, wasm, given, model, layouts: all, inputs, ...rest } = circuit
  return utf8(
    encodeJson({
      ...HEADER,
      ...rest,
      program: toHex(program),
      text: toHex(hash),
      r1cs: toHex(r1cs),
      wasm: toHex(wasm),
      given: Object.entries(given).map(([name, { lo, hi }]) => ({ name, lo: String(lo), hi: String(hi) })),
      model: model === undefined ? null : String(model),
      layouts: {
        inputs: all.inputs.map(plainLayout),
        parameters: all.parameters.map(plainLayout),
        outputs: all.outputs.map(plainLayout),
      },
      inputs: inputs.map(({ name, dtype, dims, exponent, zero }) => ({ name, dtype, dims, exponent, zero })),
    }),
  )
}

/**
 * A description from its file.
 * @throws Fault `core/bad-json`, `core/unknown-field`, `core/missing-field`, `core/bad-field`, `core/unknown-version`, `core/too-large`,
 *   `zk/unsupported` (a layout that no circuit has).
 */
export function decodeCircuit(bytes: Uint8Array): CircuitRecord {
  const fields = readRecord(decodeJson(bytes, { maxBytes: MAX_BYTES }), 'circuit')
  const { program, scheme, committed, salted, outputs, inputs, constraints, text: hash, r1cs, wasm } = fields
  const given = Object.fromEntries(fields.given.map(({ name, lo, hi }) => [name, { lo, hi }]))
  demand(committed === (fields.model === null), 'core/bad-field', () => 'a root of weights that are given later', {
    where: 'circuit.model',
  })
  const model = fields.model ?? undefined
  return {
    ...{ program, scheme, committed, salted, given, model, outputs, inputs, constraints, text: hash, r1cs, wasm },
    layouts: fields.layouts,
  }
}
