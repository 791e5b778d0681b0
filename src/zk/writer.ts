/**
 * The values of a program in its circuit: what is given, what is constant, and each node by the row of its op.
 * @module
 */
import { demand } from '../core/faults.js'
import { sizeOf, type Tensor } from '../core/tensor.js'
import { ABSENT, type NodeValue, type Program } from '../exact/program.js'
import type { Interval } from '../quantize/index.js'
import { evaluate } from '../runtime/reference.js'
import type { Draft, Form } from './draft.js'
import { ROWS, type Place } from './rows.js'
import type { Members } from './samples.js'

/** Writes the values of a program, one after the other, and keeps their forms. */
export class Writer {
  readonly #program: Program
  readonly #draft: Draft
  readonly #bounds: readonly Interval[]
  readonly #forms: Form[] = []
  readonly #fused: ReadonlySet<number>
  readonly #cut: ReadonlySet<number>

  constructor(program: Program, draft: Draft, bounds: readonly Interval[]) {
    this.#program = program
    this.#draft = draft
    this.#bounds = bounds
    const readers = readersOf(program)
    this.#fused = boundedOnly(program, readers, bounds)
    this.#cut = cutLater(program, readers)
  }

  form(number: number): Form {
    return this.#forms[number]
  }

  /** A tensor that the prover gives: wires whose bits show that they lie in their interval. */
  given(number: number, stem: string, rooted: boolean): void {
    const { lo, hi } = this.#bounds[number]
    const size = sizeOf(this.#program.values[number].dims)
    const name = `${stem}${number}`
    this.#draft.emit(`    signal input ${name}[${size}];`)
    const form: Form = { name, size, lo, hi, terms: 1, rooted, enforced: { lo, hi } }
    this.#forms[number] = form
    this.#draft.bits(form)
  }

  constant(number: number, known: Tensor): void {
    this.#forms[number] = this.#draft.constant(known)
  }

  /** A node: computed now where all operands are constants, else by the row of its op. */
  node(number: number): void {
    const node = this.#program.values[number] as NodeValue
    const inputs = node.inputs.filter((input) => input !== ABSENT)
    const operands = inputs.map((input) => this.#forms[input])
    const known = operands.map((form) => form.known).filter((tensor) => tensor !== undefined)
    if (known.length === operands.length) return this.constant(number, evaluate(this.#program, number, known))
    const row = ROWS.get(node.op)
    demand(row !== undefined, 'zk/unsupported', () => `the op ${node.op}`, { where: `value ${number}` })
    const types = inputs.map((input) => this.#program.values[input])
    const reading = { bounded: this.#fused.has(number), cut: this.#cut.has(number) }
    const place: Place = { node, operands, types, ...reading, ...this.#bounds[number] }
    this.#forms[number] = row(this.#draft, place)
  }
}

/** Who reads each value; -1 stands for whoever gets the results. */
function readersOf({ values, outputs, carries }: Program): ReadonlyMap<number, readonly number[]> {
  const readers = new Map<number, number[]>()
  const read = (value: number, by: number) => readers.set(value, [...(readers.get(value) ?? []), by])
  values.forEach((value, number) => {
    if (value.kind === 'node') for (const input of new Set(value.inputs)) if (input !== ABSENT) read(input, number)
  })
  for (const value of [...outputs, ...carries.map((carry) => carry.value)]) read(value, -1)
  return readers
}

type Readers = ReturnType<typeof readersOf>

/** Nodes that only a Min with a constant reads, which bounds them further. */
function boundedOnly({ values }: Program, readers: Readers, bounds: readonly Interval[]): Set<number> {
  const isBound = (number: number) => {
    const reader = values[number]
    return reader?.kind === 'node' && reader.op === 'Min' && reader.inputs.some((v) => values[v].kind === 'constant')
  }
  const lowers = (number: number, by: number) => isBound(by) && bounds[by].hi < bounds[number].hi
  return new Set([...readers].filter(([v, by]) => by.length === 1 && lowers(v, by[0])).map(([v]) => v))
}

/** Values whose bits are taken, alone or in a sum: from the last to the first, by their readers. */
function cutLater({ values }: Program, readers: Readers): Set<number> {
  const cut = new Set<number>()
  const cuts = (number: number): boolean => {
    const reader = values[number]
    if (reader?.kind !== 'node') return false
    return reader.op === 'Mod' || (CARRYING.has(reader.op) && cut.has(number))
  }
  for (let number = values.length - 1; number >= 0; number--) if (readers.get(number)?.some(cuts)) cut.add(number)
  return cut
}

/** Ops that leave a product in its sum. */
const CARRYING = new Set(['Add', 'Cast', 'Reshape'])

interface Values {
  readonly writer: Writer
  readonly baked?: readonly Tensor[]
  readonly members?: Members
}

/** Writes all values of a program: constants and baked weights as constants, what the prover gives as wires. */
export function writeValues(program: Program, { writer, baked, members }: Values): void {
  program.values.forEach((value, number) => {
    if (value.kind === 'constant') writer.constant(number, value.tensor)
    else if (value.kind === 'node') writer.node(number)
    else if (value.kind === 'parameter' && baked !== undefined) writer.constant(number, baked[number])
    else if (value.kind === 'parameter') writer.given(number, 'p', true)
    else writer.given(number, 'x', members === undefined)
  })
}
