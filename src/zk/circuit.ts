/**
 * The circuit of an integer program: circom text with the public inputs [statement, rootIn, rootOut, context].
 *
 * What a proof of it shows, and what it leaves to others, is in docs/zk.md.
 * @module
 */
import { demand } from '../core/faults.js'
import { DTYPES, sizeOf, type Tensor } from '../core/tensor.js'
import { hash } from '../exact/format.js'
import type { Program } from '../exact/program.js'
import { bitsOf, exactRange, intervals, type Interval } from '../quantize/index.js'
import { intervalOf, within } from '../quantize/interval.js'
import type { Blocks } from './blocks.js'
import {
  commit,
  commitList,
  compactLayout,
  layoutOf,
  outputLayout,
  programElement,
  statementOf,
  type Layout,
} from './commit.js'
import { Draft, type Form } from './draft.js'
import { settle } from './freivalds.js'
import { foldRoots, packingOf, pair, rootOf } from './roots.js'
import { membersOf, positionsLayout, type Members } from './samples.js'
import { Writer, writeValues } from './writer.js'

/** How a circuit is made. */
export interface CircuitOptions {
  /** Templates of circuits/. */
  readonly blocks: Blocks
  /** Weights as constants: the verification key names the model, and products with them are free. Without: one key for all weights. */
  readonly baked?: readonly Tensor[]
  /** Intervals of inputs and parameters by name, narrower than their types; widened to whole bits, which the circuit checks. */
  readonly given?: Readonly<Record<string, Interval>>
  /** What is hidden behind a salt. */
  readonly salted?: { readonly inputs?: boolean; readonly model?: boolean; readonly outputs?: boolean }
  /** The rows of the inputs are samples of a data set, whose tree has this depth: `rootIn` names the data set and the positions. */
  readonly members?: { readonly depth: number }
  /** Salt of baked weights; with it `salted.model` is true, without it false. */
  readonly modelSalt?: bigint
}

/** A circuit, before it is compiled. */
export interface Circuit {
  readonly program: Program
  /** The circom file. */
  readonly text: string
  /** Constraints that the compiler will count at --O1, rows included: computed, exact where no element of a sum is a constant. */
  readonly constraints: number
  readonly baked: boolean
  readonly salted: { readonly inputs: boolean; readonly model: boolean; readonly outputs: boolean }
  readonly layouts: Layouts
  /** Intervals by name that the circuit checks: of inputs, and of parameters that are not baked. Beyond them there is no witness. */
  readonly given: Readonly<Record<string, Interval>>
  /** How the inputs' rows stand in a data set, where they are drawn from one. */
  readonly members?: Members
}

/** How the tensors behind the public inputs are committed. */
export interface Layouts {
  readonly inputs: readonly Layout[]
  readonly parameters: readonly Layout[]
  readonly outputs: readonly Layout[]
}

/** Numbers of this many bits or more are refused: their packing would not fit. */
const WIDEST = 64

/** The interval of whole bits around an interval: what a circuit can check cheaply. */
function wholeBits(interval: Interval): Interval {
  const count = BigInt(bitsOf(interval))
  return interval.lo < 0n
    ? { lo: -(1n << (count - 1n)), hi: (1n << (count - 1n)) - 1n }
    : { lo: 0n, hi: (1n << count) - 1n }
}

const nameOf = ({ names, counts }: Program, number: number): string =>
  number < counts.parameters ? names.parameters[number] : names.inputs[number - counts.parameters]

/** The intervals of inputs and of parameters that are not baked, widened to whole bits. */
function givenOf(program: Program, { given = {}, baked }: CircuitOptions): Record<string, Interval> {
  const { parameters, inputs } = program.counts
  const widened: Record<string, Interval> = {}
  for (let number = baked === undefined ? 0 : parameters; number < parameters + inputs; number++) {
    const [name, { dtype }] = [nameOf(program, number), program.values[number]]
    widened[name] = wholeBits(given[name] ?? exactRange(dtype))
  }
  return widened
}

/** Bits in which a type packs the numbers of an interval. */
const widthOf = ({ dtype }: Pick<Tensor, 'dtype'>, interval: Interval): number =>
  Math.max(1, bitsOf(interval) + (DTYPES[dtype].kind === 'signed' && interval.lo >= 0n ? 1 : 0))

function layoutsOf(program: Program, bounds: readonly Interval[], salted: Circuit['salted']): Layouts {
  const { parameters, inputs } = program.counts
  const packed = (number: number, interval: Interval, hidden: boolean) => {
    const width = widthOf(program.values[number], interval)
    demand(width <= WIDEST, 'zk/unsupported', () => `a commitment to numbers of ${width} bits`)
    return layoutOf(program.values[number], { width, salted: hidden })
  }
  const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
  return {
    parameters: range(0, parameters).map((p) =>
      compactLayout(packed(p, carriedInterval(program, bounds, p), salted.model)),
    ),
    inputs: range(parameters, inputs).map((v) => compactLayout(packed(v, bounds[v], salted.inputs))),
    outputs: program.outputs.map((v) => outputLayout(packed(v, bounds[v], salted.outputs))),
  }
}

/** What a parameter may hold before and after a step. */
function carriedInterval({ carries }: Program, bounds: readonly Interval[], parameter: number): Interval {
  const after = carries.filter((carry) => carry.parameter === parameter).map(({ value }) => bounds[value])
  return [bounds[parameter], ...after].reduce((a, b) => ({
    lo: a.lo < b.lo ? a.lo : b.lo,
    hi: a.hi > b.hi ? a.hi : b.hi,
  }))
}

/**
 * The circuit of an integer program, with its constraints counted before anything is compiled.
 * Trust: none; the text says everything. Cost: some milliseconds and a Poseidon leaf for each 465 int8 of baked weights.
 * @throws Fault `zk/unsupported` (an op or a use of it that has no circuit), `quantize/...` (what is no integer program),
 *   `zk/out-of-range` (baked weights outside of the interval declared for them).
 */
export function circuitOf(program: Program, options: CircuitOptions): Circuit {
  const { baked } = options
  const salted = saltedOf(options)
  demand(
    baked === undefined || program.carries.length === 0,
    'zk/unsupported',
    () => 'a step that changes baked weights',
  )
  demandWithin(program, options)
  const given = givenOf(program, options)
  const bounds = intervals(program, { state: baked, given })
  const layouts = layoutsOf(program, bounds, salted)
  const members = options.members && membersOf(layouts.inputs, options.members)
  const draft = new Draft(options.blocks)
  const writer = new Writer(program, draft, bounds)
  writeValues(program, { writer, baked, members })
  writePublic(program, { writer, draft, layouts, options, members })
  return {
    program,
    text: textOf(draft, { salted, baked: baked !== undefined }),
    constraints: draft.constraints,
    baked: baked !== undefined,
    salted,
    layouts,
    given,
    members,
  }
}

/** Refuses weights that leave the intervals declared for them. */
function demandWithin({ names, counts }: Program, { baked, given = {} }: CircuitOptions): void {
  baked?.slice(0, counts.parameters).forEach((value, i) => {
    const declared = given[names.parameters[i]]
    const fits = declared === undefined || within(intervalOf(value), declared)
    demand(fits, 'zk/out-of-range', () => `weights "${names.parameters[i]}" leave ${declared.lo} .. ${declared.hi}`)
  })
}

/**
 * The circuit of the values alone: inputs `x<number>` and parameters `p<number>` in, outputs `y<position>` out, no roots. For tests and for
 * circuits that bind the wires in another way; what it does not check is who gave the inputs and what becomes of the outputs.
 */
export function bareCircuitOf(program: Program, options: CircuitOptions): { text: string; constraints: number } {
  const bounds = intervals(program, { state: options.baked, given: givenOf(program, options) })
  const draft = new Draft(options.blocks)
  const writer = new Writer(program, draft, bounds)
  writeValues(program, { writer, baked: options.baked })
  program.outputs.forEach((value, i) => {
    const form = writer.form(value)
    draft.emit(`    signal output y${i}[${form.size}];`)
    draft.emit(`    for (var i = 0; i < ${form.size}; i++) { y${i}[i] <== ${form.name}[i]; }`)
    draft.constraints += form.terms === 1 ? 0 : form.size
  })
  settle(draft, new Map())
  const includes = draft.guesses.length > 0 ? ['include "poseidon.circom";'] : []
  const head = ['pragma circom 2.1.6;', ...includes, 'template Main() {']
  return {
    text: [...head, ...draft.lines, '}', 'component main = Main();', ''].join('\n'),
    constraints: draft.constraints,
  }
}

function saltedOf({ salted = {}, baked, modelSalt }: CircuitOptions): Circuit['salted'] {
  const { inputs = false, model = false, outputs = false } = salted
  return { inputs, model: baked === undefined ? model : modelSalt !== undefined, outputs }
}

interface PublicPart {
  readonly writer: Writer
  readonly draft: Draft
  readonly layouts: Layouts
  readonly options: CircuitOptions
  readonly members?: Members
}

/** The four public inputs, and the checks of guessed products, which read the roots of what the prover gave. */
function writePublic(program: Program, part: PublicPart): void {
  const { draft, layouts } = part
  const { parameters } = program.counts
  const known = new Map<string, string>()
  const rootIn = () =>
    foldRoots(draft, roots(part, layouts.inputs, { value: (i) => parameters + i, salt: 'saltIn', known }))
  const outputs = roots(part, layouts.outputs, { value: (i) => program.outputs[i], salt: 'saltOut', known })
  const { statement, after } = modelRoots(program, part, known)
  const listed = program.outputs.length === 0 ? undefined : foldRoots(draft, outputs)
  writeEqual(draft, 'rootIn', part.members === undefined ? rootIn() : samplesRoot(program, part, part.members))
  writeEqual(draft, 'rootOut', listed && after ? pair(draft, listed, after) : (listed ?? after ?? '0'))
  writeEqual(draft, 'statement', statement)
  draft.emit('    signal bound;', '    bound <== context * context;')
  draft.constraints += 1
  settle(draft, known)
}

/** Root of the data set and positions; every row of the inputs has a way to that root. */
function samplesRoot({ counts }: Program, { writer, draft }: PublicPart, members: Members): string {
  const { count, depth, rows } = members
  const bits: Form = { name: 'position', size: count * depth, lo: 0n, hi: 1n, terms: 1 }
  draft.emit(`    signal input siblings[${bits.size}];`, `    signal input position[${bits.size}];`)
  const reached = Array.from({ length: count }, (_, sample) => {
    const leaf = rows.map((layout, i) => {
      const row = slice(draft, writer.form(counts.parameters + i), { at: sample, size: sizeOf(layout.dims) })
      return rootOf(draft, row, packingOf(layout, 'saltIn'))
    })
    return climb(draft, foldRoots(draft, leaf), { at: sample, depth })
  })
  for (const root of reached.slice(1)) draft.emit(`    ${root} === ${reached[0]};`)
  return pair(draft, reached[0], rootOf(draft, bits, packingOf(positionsLayout(members), '')))
}

/** The part of a form from at * size on. */
const slice = (draft: Draft, form: Form, { at, size }: { at: number; size: number }): Form => ({
  ...draft.expression(`${form.name}[i + ${at * size}]`, { ...form, size }),
  enforced: form.enforced,
})

/** The root that a leaf reaches by its own siblings and position. */
function climb(draft: Draft, leaf: string, { at, depth }: { at: number; depth: number }): string {
  const from = draft.fresh('leaf')
  draft.emit(`    var ${from}[1] = [${leaf}];`)
  const own = (name: string) =>
    draft.expression(`${name}[i + ${at * depth}]`, { size: depth, lo: 0n, hi: 1n, terms: 1 })
  const [siblings, position] = [own('siblings'), own('position')]
  const inputs = { leaf: from, siblings: siblings.name, position: position.name }
  return draft.linear('MerkleRoot', { depth }, inputs).name('out') + '[0]'
}

/** A public output is a wire that stands already, or a constant, which costs a row. */
function writeEqual(draft: Draft, name: string, value: string): void {
  draft.emit(`    ${name} <== ${value};`)
  draft.constraints += /^\d+$/.test(value) ? 1 : 0
}

interface Rooted {
  readonly value: (i: number) => number
  readonly salt: string
  readonly known: Map<string, string>
}

/**
 * The roots of some tensors. Only those of what the prover gave may serve as roots of factors later: their elements are bounded by
 * constraints of their own, as packing demands, while an output may be a guessed product, which nothing bounds before its check.
 */
function roots({ draft, writer }: PublicPart, layouts: readonly Layout[], { value, salt, known }: Rooted): string[] {
  return layouts.map((layout, i) => {
    const form = writer.form(value(i))
    const root = rootOf(draft, form, packingOf(layout, salt))
    if (form.rooted) known.set(form.name, root)
    return root
  })
}

/** What the circuit says of the model: the statement, and the root of a state that a step leaves. */
function modelRoots(
  program: Program,
  part: PublicPart,
  known: Map<string, string>,
): { statement: string; after?: string } {
  const { layouts, options, draft } = part
  const { baked, modelSalt } = options
  const programHash = hash(program)
  if (baked !== undefined) {
    const constants = baked.map((tensor, i) => commit(tensor, { ...layouts.parameters[i], salt: modelSalt }))
    return { statement: String(statementOf(programHash, commitList(constants))) }
  }
  const before = roots(part, layouts.parameters, { value: (i) => i, salt: 'saltModel', known })
  const statement = pair(draft, String(programElement(programHash)), foldRoots(draft, before))
  return program.carries.length === 0 ? { statement } : { statement, after: rootAfter(program, part, before) }
}

/** The root of the state after a step: new roots of what changes, the old ones of what stays. */
function rootAfter({ carries }: Program, part: PublicPart, before: readonly string[]): string {
  const { layouts, draft } = part
  const known = new Map<string, string>()
  const after = new Map(carries.map(({ parameter, value }) => [parameter, value]))
  const changed = [...after.keys()].sort((a, b) => a - b)
  const list = changed.map((i) => layouts.parameters[i])
  const made = roots(part, list, { value: (i) => after.get(changed[i])!, salt: 'saltModel', known })
  return foldRoots(
    draft,
    before.map((root, i) => (after.has(i) ? made[changed.indexOf(i)] : root)),
  )
}

function textOf({ lines }: Draft, { salted, baked }: { salted: Circuit['salted']; baked: boolean }): string {
  const salts = [
    ...(salted.inputs ? ['    signal input saltIn;'] : []),
    ...(salted.outputs ? ['    signal input saltOut;'] : []),
    ...(salted.model && !baked ? ['    signal input saltModel;'] : []),
  ]
  return [
    'pragma circom 2.1.6;',
    'include "poseidon.circom";',
    'template Main() {',
    '    signal output statement;',
    '    signal output rootIn;',
    '    signal output rootOut;',
    '    signal input context;',
    ...salts,
    ...lines,
    '}',
    'component main {public [context]} = Main();',
    '',
  ].join('\n')
}
