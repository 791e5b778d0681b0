/**
 * How exact ops stand in a circuit: one row an op. A row writes what its op adds to the circuit and returns the form of the result.
 * Linear ops add no constraint. What follows from the bits of a value shares them: remainders, quotients, signs, bounds.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { sizeOf, tensor, type Tensor, type TensorType } from '../core/tensor.js'
import { broadcastMap } from '../exact/ops/broadcast.js'
import { opOf } from '../exact/ops/index.js'
import { pooledDims, type PoolShape } from '../exact/ops/order.js'
import type { NodeValue } from '../exact/program.js'
import type { Interval } from '../quantize/index.js'
import { hull, magnitude, product as multiplied, within } from '../quantize/interval.js'
import { Draft, fraction, type Form, type Origin } from './draft.js'
import { productOf } from './freivalds.js'

/** What a row knows of its node. */
export interface Place extends Interval {
  readonly node: NodeValue
  readonly operands: readonly Form[]
  readonly types: readonly TensorType[]
  /** True where the only reader is a Min with a constant: a ReLU waits for it. */
  readonly bounded: boolean
  /** True where the bits of the result, or of a sum with it, will be taken. */
  readonly cut: boolean
}

/** A row: the form of a node's result. */
export type Row = (draft: Draft, place: Place) => Form

const refuse = (what: string): never => {
  throw new Fault('zk/unsupported', what)
}

/** Shape of the result, as a form has it. */
const result = ({ node, lo, hi }: Place, terms: number) => ({ size: sizeOf(node.dims), lo, hi, terms })
/** That of an expression: however short, it is no plain wire. */
const combined = (place: Place, terms: number) => result(place, Math.max(2, terms))

/** Beyond this, intervals of enforced forms are not followed: sums of them stay far below the order. */
const FOLLOWED = 1n << 240n

/** What is shown of a result that follows from these forms as integers do, by the interval of the results. */
function shown(forms: readonly Form[], rule: (...known: Interval[]) => Interval | undefined): Interval | undefined {
  const known = forms.map(({ enforced }) => enforced).filter((interval) => interval !== undefined)
  const made = known.length === forms.length && known.length > 0 ? rule(...known) : undefined
  return made !== undefined && magnitude(made) < FOLLOWED ? made : undefined
}

const plus = (a: Interval, b: Interval): Interval => ({ lo: a.lo + b.lo, hi: a.hi + b.hi })
const negative = ({ lo, hi }: Interval): Interval => ({ lo: -hi, hi: -lo })
/** The sums of `count` numbers. */
const times = ({ lo, hi }: Interval, count: number): Interval => ({ lo: lo * BigInt(count), hi: hi * BigInt(count) })
/** What a bit is, after constraints. */
const BIT: Interval = { lo: 0n, hi: 1n }
/** What is shown of a choice: nothing where its bit is not shown to be one. */
const chosen = (bit: Interval, of: Interval): Interval | undefined => (within(bit, BIT) ? of : undefined)

// ---------------------------------------------------------------- movement

/** Elements of a form at constant indices. */
function take(draft: Draft, form: Form, { map, interval }: { map: readonly number[]; interval: Interval }): Form {
  const at = draft.fresh('m')
  draft.emit(`    var ${at}[${map.length}] = [${map.join(', ')}];`)
  const { lo, hi } = interval
  const moved = draft.expression(`${form.name}[${at}[i]]`, { size: map.length, lo, hi, terms: form.terms })
  return { ...moved, enforced: form.enforced, source: form.source ?? form }
}

/** A form spread to the shape of the result. */
function spread(draft: Draft, form: Form, { from, to }: { from: readonly number[]; to: readonly number[] }): Form {
  const map = broadcastMap(from, to)
  if (map === undefined) return form
  if (form.size === 1) {
    const repeated = draft.expression(`${form.name}[0]`, { ...form, size: sizeOf(to) })
    return { ...repeated, enforced: form.enforced, source: form.source ?? form }
  }
  return take(draft, form, { map: Array.from(map), interval: form })
}

/** The first operand in the shape of the result. */
const subject = (draft: Draft, { node, operands, types }: Place): Form =>
  spread(draft, operands[0], { from: types[0].dims, to: node.dims })

/** The operands in the shape of the result. */
const aligned = (draft: Draft, { node, operands, types }: Place): Form[] =>
  operands.map((form, i) => spread(draft, form, { from: types[i].dims, to: node.dims }))

/** Where the elements of the result come from, by the op's own definition on places instead of elements. */
function places({ node, types, operands: forms }: Place, data: readonly number[]): number[] {
  let first = 0
  const operands = types.map((type, i): Tensor => {
    if (!data.includes(i)) return forms[i].known ?? refuse(`${node.op} by indices that are not constant`)
    const size = sizeOf(type.dims)
    const made = tensor(
      'int64',
      type.dims,
      Array.from({ length: size }, (_, k) => BigInt(first + k)),
    )
    first += size
    return made
  })
  const moved = opOf(node.op).evaluate(operands, node.attributes, { dtype: 'int64', dims: node.dims })
  return Array.from(moved as BigInt64Array, Number)
}

/** An op whose elements are copies of those of its first `count` operands (all of them where not said). */
const movement =
  (count?: number): Row =>
  (draft, place) => {
    const data = place.operands.map((_, i) => i).filter((i) => count === undefined || i < count)
    const map = places(place, data)
    const sources = data.map((i) => place.operands[i])
    if (sources.length === 1) return take(draft, sources[0], { map, interval: place })
    return take(draft, joined(draft, sources), { map, interval: place })
  }

/** Forms behind one another. */
function joined(draft: Draft, forms: readonly Form[]): Form {
  const name = draft.fresh('j')
  draft.emit(`    var ${name}[${forms.reduce((sum, { size }) => sum + size, 0)}];`)
  let at = 0
  for (const form of forms) {
    draft.emit(`    for (var i = 0; i < ${form.size}; i++) { ${name}[i + ${at}] = ${form.name}[i]; }`)
    at += form.size
  }
  const enforced = shown(forms, hull)
  return { name, size: at, lo: 0n, hi: 0n, terms: Math.max(...forms.map(({ terms }) => terms)), enforced }
}

// ---------------------------------------------------------------- linear arithmetic

const same: Row = (_draft, { operands: [x], lo, hi }) => ({ ...x, lo, hi })

const add: Row = (draft, place) => {
  const [a, b] = aligned(draft, place)
  const made = draft.expression(`${a.name}[i] + ${b.name}[i]`, combined(place, a.terms + b.terms))
  return { ...made, enforced: shown([a, b], plus), sum: sumOf(a, b) ?? sumOf(b, a) }
}

/** A guessed product plus something more. */
const sumOf = ({ sum }: Form, { enforced }: Form): Form['sum'] =>
  sum && enforced && { of: sum.of, lo: sum.lo + enforced.lo, hi: sum.hi + enforced.hi }

/** x - Mod(x, 2^s) keeps what it is. */
const subtract: Row = (draft, place) => {
  const [a, b] = aligned(draft, place)
  const made = draft.expression(`${a.name}[i] - ${b.name}[i]`, combined(place, a.terms + b.terms))
  const enforced = shown([a, b], (x, y) => plus(x, negative(y)))
  const cut = b.origin?.kind === 'remainder' && b.origin.base.name === a.name
  return cut
    ? { ...made, enforced, origin: { kind: 'multiple', base: a, shift: b.origin.shift } }
    : { ...made, enforced }
}

const negate: Row = (draft, place) => {
  const [x] = place.operands
  return { ...draft.expression(`0 - ${x.name}[i]`, combined(place, x.terms)), enforced: shown([x], negative) }
}

const multiply: Row = (draft, place) => {
  const [a, b] = aligned(draft, place)
  if (a.terms > 0 && b.terms > 0) return product(draft, place, [draft.wires(a), draft.wires(b)])
  const made = draft.expression(`${a.name}[i] * ${b.name}[i]`, combined(place, a.terms + b.terms))
  return { ...made, enforced: shown([a, b], multiplied) }
}

function product(draft: Draft, place: Place, [a, b]: readonly [Form, Form]): Form {
  const made = draft.use('Product', { N: sizeOf(place.node.dims) }, { a: a.name, b: b.name })
  return { ...result(place, 1), name: made.name('out'), enforced: shown([a, b], multiplied) }
}

/** The sums of neighbours, kept short while they grow. */
const reduceSum: Row = (draft, place) => {
  const [x] = place.operands
  const size = sizeOf(place.node.dims)
  const length = x.size / Math.max(1, size)
  const name = draft.fresh('v')
  draft.emit(
    `    var ${name}[${size}];`,
    `    for (var i = 0; i < ${size}; i++) { for (var k = 0; k < ${length}; k++) { ${name}[i] += ${x.name}[i * ${length} + k]; } }`,
  )
  return { ...result(place, x.terms * length), name, enforced: shown([x], (each) => times(each, length)) }
}

// ---------------------------------------------------------------- bits

/** The exponent of a power of two, or undefined. */
function exponentOf(value: bigint): number | undefined {
  return value > 0n && (value & (value - 1n)) === 0n ? value.toString(2).length - 1 : undefined
}

/** The one number that a constant operand holds. */
function scalarOf(form: Form): bigint | undefined {
  return form.known !== undefined && form.lo === form.hi ? form.lo : undefined
}

function shiftOf(divisor: Form, op: string): number {
  const value = scalarOf(divisor)
  const shift = value === undefined ? undefined : exponentOf(value)
  return shift ?? refuse(`${op} by what is no constant power of two`)
}

/** Mod(x, 2^s) is the low bits of x. */
const modulo: Row = (draft, place) => {
  const x = subject(draft, place)
  const shift = shiftOf(place.operands[1], 'Mod')
  if (x.lo >= 0n && x.hi < 1n << BigInt(shift)) return x
  const { low } = draft.bits(x, shift + 1)
  const name = draft.fresh('v')
  draft.emit(
    `    var ${name}[${x.size}];`,
    `    for (var i = 0; i < ${x.size}; i++) { for (var k = 0; k < ${shift}; k++) { ${name}[i] += ${low}[i][k] * (1 << k); } }`,
  )
  const enforced = { lo: 0n, hi: (1n << BigInt(shift)) - 1n }
  return { ...result(place, shift), name, origin: { kind: 'remainder', base: x, shift }, enforced }
}

/** Div(x, 2^s) where nothing is cut off, or where x is not negative. */
const divide: Row = (draft, place) => {
  const x = subject(draft, place)
  const shift = shiftOf(place.operands[1], 'Div')
  if (x.origin?.kind === 'multiple' && x.origin.shift === shift)
    return quotient(draft, place, { x, base: x.origin.base })
  demand(x.lo >= 0n, 'zk/unsupported', () => 'Div of numbers that are negative and no multiples of the divisor')
  const rest = modulo(draft, place)
  const whole = draft.expression(`${x.name}[i] - ${rest.name}[i]`, { ...x, terms: x.terms + rest.terms })
  return quotient(draft, place, { x: whole, base: x })
}

function quotient(draft: Draft, place: Place, { x, base }: { x: Form; base: Form }): Form {
  const shift = shiftOf(place.operands[1], 'Div')
  const made = draft.expression(`${x.name}[i] * ${fraction(shift)}`, combined(place, x.terms))
  return { ...made, origin: { kind: 'floor', base, shift }, enforced: floorOf(draft.shown(base), shift) }
}

const floorOf = (shown: Interval | undefined, shift: number): Interval | undefined =>
  shown && { lo: shown.lo >> BigInt(shift), hi: shown.hi >> BigInt(shift) }

/** The bits that a form's sign and bounds can be read from: its own, or those of what it is the floor of. */
function readable(draft: Draft, form: Form) {
  const { origin } = form
  const through = origin?.kind === 'floor' || origin?.kind === 'bounded'
  const { base, shift }: Pick<Origin, 'base' | 'shift'> = through ? origin : { base: form, shift: 0 }
  return { base, shift, bits: draft.bits(base, shift + 1) }
}

/** 1 where a - b >= 0, else 0, as expressions. */
function notBelow(draft: Draft, a: Form, b: Form): Form {
  const bit = { size: a.size, ...BIT, enforced: BIT }
  if (scalarOf(b) === 0n && a.lo < 0n) return { ...bit, name: readable(draft, a).bits.top, terms: a.terms }
  const gap = difference(draft, a, b)
  return { ...bit, name: draft.bits(gap).top, terms: gap.terms }
}

const difference = (draft: Draft, a: Form, b: Form): Form =>
  draft.expression(`${a.name}[i] - ${b.name}[i]`, {
    size: a.size,
    lo: a.lo - b.hi,
    hi: a.hi - b.lo,
    terms: a.terms + b.terms,
  })

/** An interval under a function that does not fall. */
const mapped = (interval: Interval | undefined, of: (value: bigint) => bigint): Interval | undefined =>
  interval && { lo: of(interval.lo), hi: of(interval.hi) }

const constantLike = (draft: Draft, place: Place, value: bigint): Form =>
  draft.constant(tensor('int64', place.node.dims, Array<bigint>(sizeOf(place.node.dims)).fill(value)))

/** max(x, bound) for a constant bound, where x may be on either side of it. */
function raise(draft: Draft, place: Place, { x, bound }: { x: Form; bound: bigint }): Form {
  const { base, shift, bits } = readable(draft, x)
  const shape = { N: x.size, n: bits.count, s: shift }
  const exponent = exponentOf(-bound)
  const origin: Origin = { kind: 'bounded', base, shift }
  if (bound === 0n && x.origin?.kind !== 'bounded') {
    if (place.bounded) return { ...result(place, 1), name: '', origin: { kind: 'relu', base, shift } }
    const made = draft.use('Relu', shape, { low: bits.low, top: bits.top })
    const enforced = { lo: 0n, hi: (1n << BigInt(bits.count - 1 - shift)) - 1n }
    return { ...result(place, 1), name: made.name('out'), origin, enforced }
  }
  if (exponent !== undefined && shift + exponent < bits.count) {
    const made = draft.use('ClampLow', { ...shape, c: exponent }, { low: bits.low, top: bits.top, x: x.name })
    const enforced = mapped(draft.shown(x), (value) => (value > bound ? value : bound))
    return { ...result(place, 1), name: made.name('out'), origin, enforced }
  }
  return larger(draft, place, [x, constantLike(draft, place, bound)])
}

/** min(x, bound) for a constant bound, where x may be on either side of it. */
function lower(draft: Draft, place: Place, { x, bound }: { x: Form; bound: bigint }): Form {
  if (x.origin?.kind === 'relu') return lowerRelu(draft, place, { origin: x.origin, bound })
  const { base, shift, bits } = readable(draft, x)
  const exponent = exponentOf(bound + 1n)
  if (exponent === undefined || shift + exponent >= bits.count)
    return smaller(draft, place, [x, constantLike(draft, place, bound)])
  const shape = { N: x.size, n: bits.count, s: shift, c: exponent, signed: bits.signed ? 1 : 0 }
  const made = draft.use('ClampHigh', shape, { low: bits.low, top: bits.top, x: x.name })
  const enforced = mapped(draft.shown(x), (value) => (value < bound ? value : bound))
  return { ...result(place, 1), name: made.name('out'), origin: { kind: 'bounded', base, shift }, enforced }
}

/** min(max(q, 0), 2^c - 1): one block for both. Any other bound takes the ReLU first. */
function lowerRelu(draft: Draft, place: Place, { origin, bound }: { origin: Origin; bound: bigint }): Form {
  const { base, shift } = origin
  const bits = draft.bits(base, shift + 1)
  const [shape, wires] = [
    { N: base.size, n: bits.count, s: shift },
    { low: bits.low, top: bits.top },
  ]
  const exponent = exponentOf(bound + 1n)
  const bounded: Origin = { kind: 'bounded', base, shift }
  if (exponent !== undefined && shift + exponent < bits.count - 1) {
    const made = draft.use('ReluClamp', { ...shape, c: exponent }, wires)
    const enforced = { lo: 0n, hi: (1n << BigInt(exponent)) - 1n }
    return { ...result(place, 1), name: made.name('out'), origin: bounded, enforced }
  }
  const relu = {
    size: base.size,
    lo: 0n,
    hi: place.operands[0].hi,
    terms: 1,
    name: draft.use('Relu', shape, wires).name('out'),
  }
  return smaller(draft, place, [relu, constantLike(draft, place, bound)])
}

function select(draft: Draft, place: Place, { which, a, b }: { which: Form; a: Form; b: Form }): Form {
  const enforced = shown([which, a, b], (bit, one, other) => chosen(bit, hull(one, other)))
  if (a.terms === 0 && b.terms === 0) {
    const either = `${b.name}[i] + ${which.name}[i] * (${a.name}[i] - ${b.name}[i])`
    return { ...draft.expression(either, result(place, which.terms)), enforced }
  }
  const made = draft.use('Select', { N: sizeOf(place.node.dims) }, { which: which.name, a: a.name, b: b.name })
  return { ...result(place, 1), name: made.name('out'), enforced }
}

const larger = (draft: Draft, place: Place, [a, b]: readonly [Form, Form]): Form =>
  select(draft, place, { which: notBelow(draft, a, b), a, b })
const smaller = (draft: Draft, place: Place, [a, b]: readonly [Form, Form]): Form =>
  select(draft, place, { which: notBelow(draft, a, b), a: b, b: a })

/** The operand that a constant bounds, and the bound; undefined where neither operand is one number. */
function bounding(draft: Draft, place: Place): { x: Form; bound: bigint } | undefined {
  const at = place.operands.findIndex((form) => scalarOf(form) !== undefined)
  if (at < 0) return undefined
  const [form, type] = [place.operands[1 - at], place.types[1 - at]]
  const x = form.origin?.kind === 'relu' ? form : spread(draft, form, { from: type.dims, to: place.node.dims })
  return { x, bound: scalarOf(place.operands[at])! }
}

/** The larger of two: nothing where the intervals decide, a bound where one is a constant. */
const maximum: Row = (draft, place) => {
  const [a, b] = place.operands
  const decided = a.lo >= b.hi ? a : b.lo >= a.hi ? b : undefined
  if (decided !== undefined) return kept(draft, place, decided)
  const bounded = bounding(draft, place)
  if (bounded === undefined || bounded.x.lo >= 0n) return larger(draft, place, pair(draft, place))
  return raise(draft, place, bounded)
}

/** The smaller of two, likewise. */
const minimum: Row = (draft, place) => {
  const [a, b] = place.operands
  const decided = a.hi <= b.lo ? a : b.hi <= a.lo ? b : undefined
  if (decided !== undefined) return kept(draft, place, decided)
  const bounded = bounding(draft, place)
  if (bounded === undefined || bounded.bound < 0n) return smaller(draft, place, pair(draft, place))
  return lower(draft, place, bounded)
}

/** An operand that is the result, in the shape of the result. */
function kept(draft: Draft, place: Place, form: Form): Form {
  const type = place.types[place.operands.indexOf(form)]
  return { ...spread(draft, form, { from: type.dims, to: place.node.dims }), lo: place.lo, hi: place.hi }
}

const pair = (draft: Draft, place: Place): [Form, Form] => aligned(draft, place) as [Form, Form]

const absolute: Row = (draft, place) => {
  const [x] = place.operands
  if (x.lo >= 0n) return x
  const zero = constantLike(draft, place, 0n)
  const b = { ...draft.expression(`0 - ${x.name}[i]`, x), enforced: shown([x], negative) }
  return select(draft, place, { which: notBelow(draft, x, zero), a: x, b })
}

// ---------------------------------------------------------------- comparisons and logic

const opposite = (draft: Draft, place: Place, form: Form): Form => ({
  ...draft.expression(`1 - ${form.name}[i]`, combined(place, form.terms)),
  enforced: shown([form], (bit) => plus({ lo: 1n, hi: 1n }, negative(bit))),
})

/** a < b is "not a - b >= 0". */
const less: Row = (draft, place) => {
  if (place.lo === place.hi) return constantLike(draft, place, place.lo)
  const [a, b] = aligned(draft, place)
  const zero = scalarOf(place.operands[1]) === 0n
  return opposite(draft, place, notBelow(draft, a, zero ? place.operands[1] : b))
}

const equal: Row = (draft, place) => {
  if (place.lo === place.hi) return constantLike(draft, place, place.lo)
  const [a, b] = aligned(draft, place)
  const made = draft.use('IsZero', { N: a.size }, { in: difference(draft, a, b).name })
  return { ...result(place, 1), name: made.name('out'), enforced: BIT }
}

const both: Row = (draft, place) => {
  const [a, b] = aligned(draft, place)
  return product(draft, place, [a, b])
}

const either: Row = (draft, place) => {
  const [a, b] = aligned(draft, place)
  const and = product(draft, place, [a, b])
  const made = draft.expression(`${a.name}[i] + ${b.name}[i] - ${and.name}[i]`, combined(place, a.terms + b.terms + 1))
  return { ...made, enforced: shown([a, b], (one, other) => chosen(hull(one, other), BIT)) }
}

const where: Row = (draft, place) => {
  const [which, a, b] = aligned(draft, place)
  if (which.lo === which.hi) return { ...(which.lo === 1n ? a : b), lo: place.lo, hi: place.hi }
  return select(draft, place, { which, a, b })
}

const cast: Row = (draft, place) => {
  const [x] = place.operands
  const bit = x.lo >= 0n && x.hi <= 1n
  if (place.node.dtype !== 'bool' || bit) return same(draft, place)
  const made = draft.use('IsZero', { N: x.size }, { in: x.name })
  return opposite(draft, place, { ...result(place, 1), name: made.name('out'), enforced: BIT })
}

// ---------------------------------------------------------------- groups

/** The largest of groups of neighbours. */
function largest(draft: Draft, place: Place, { x, length }: { x: Form; length: number }): Form {
  const groups = sizeOf(place.node.dims)
  if (length === 1) return x
  const wired = draft.wires(x)
  const made = draft.use('Maximum', { N: groups, K: length, n: gapBits(x) }, { in: wired.name })
  return { ...result(place, 1), name: made.name('out'), enforced: x.enforced }
}

/** Bits that hold the difference of any two elements. */
const gapBits = ({ lo, hi }: Interval): number => (hi - lo).toString(2).length + 1

const negated = (draft: Draft, x: Form): Form => ({
  ...draft.expression(`0 - ${x.name}[i]`, { ...x, ...negative(x), terms: Math.max(2, x.terms) }),
  enforced: shown([x], negative),
})

const reduceMax: Row = (draft, place) => {
  const [x] = place.operands
  return largest(draft, place, { x, length: x.size / Math.max(1, sizeOf(place.node.dims)) })
}

const reduceMin: Row = (draft, place) => {
  const x = negated(draft, place.operands[0])
  return negated(draft, largest(draft, place, { x, length: x.size / Math.max(1, sizeOf(place.node.dims)) }))
}

/** Windows beside each other; one that padding shortens holds its first element again. */
function windowMap(dims: readonly number[], pool: PoolShape): { map: number[]; length: number } {
  const spatial = dims.slice(2)
  const grid = (sizes: readonly number[]) =>
    sizes.reduce<number[][]>((all, n) => all.flatMap((at) => Array.from({ length: n }, (_, i) => [...at, i])), [[]])
  const taps = grid(pool.kernel)
  const window = (at: readonly number[]) => {
    const cells = taps
      .map((tap) => tap.map((t, i) => at[i] * pool.strides[i] + t * pool.dilations[i] - pool.pads[i]))
      .filter((cell) => cell.every((v, i) => v >= 0 && v < spatial[i]))
      .map((cell) => cell.reduce((index, v, i) => index * spatial[i] + v, 0))
    return taps.map((_, i) => cells[i] ?? cells[0])
  }
  const windows = grid(pooledDims(dims, pool)).map(window)
  const area = sizeOf(spatial)
  const map = Array.from({ length: dims[0] * dims[1] }, (_, p) => windows.flat().map((i) => p * area + i)).flat()
  return { map, length: taps.length }
}

const maxPool: Row = (draft, place) => {
  const { map, length } = windowMap(place.types[0].dims, place.node.attributes as unknown as PoolShape)
  const x = draft.wires(place.operands[0])
  return largest(draft, place, { x: take(draft, x, { map, interval: x }), length })
}

/** The place of the largest along an axis; lines are moved beside each other. */
function extreme(draft: Draft, place: Place, x: Form): Form {
  const [{ dims }] = place.types
  const axis = place.node.attributes.axis as number
  const [length, inner, outer] = [dims[axis], sizeOf(dims.slice(axis + 1)), sizeOf(dims.slice(0, axis))]
  if (length === 1) return constantLike(draft, place, 0n)
  const lines = Array.from({ length: outer * inner * length }, (_, i) => {
    const [line, k] = [Math.floor(i / length), i % length]
    return (Math.floor(line / inner) * length + k) * inner + (line % inner)
  })
  const wired = draft.wires(x)
  const moved = inner === 1 ? wired : take(draft, wired, { map: lines, interval: x })
  const shape = { N: outer * inner, K: length, n: gapBits(x) }
  const made = draft.use('ArgMax', shape, { in: moved.name })
  return { ...result(place, 1), name: made.name('out'), enforced: { lo: 0n, hi: BigInt(length - 1) } }
}

const argMax: Row = (draft, place) => extreme(draft, place, place.operands[0])
const argMin: Row = (draft, place) => extreme(draft, place, negated(draft, place.operands[0]))

// ---------------------------------------------------------------- products

/** Rows of one matrix behind another: what is not the last two dimensions. */
const batchOf = (dims: readonly number[]): number => sizeOf(dims.slice(0, -2))

/** What is shown of a sum of up to so many products. */
const sumOfProducts = (forms: readonly Form[], count: number): Interval | undefined =>
  shown(forms, (a, b) => times(hull(multiplied(a, b), { lo: 0n, hi: 0n }), count))

const matMul: Row = (draft, place) => {
  const [a, b] = place.operands
  if (b.terms === 0) return baked(draft, place, { x: a, w: b, dims: place.types.map(({ dims }) => dims) })
  if (a.terms === 0) return bakedLeft(draft, place)
  return committed(draft, place)
}

/** x W with constant W: a matrix of its own for all rows of x. */
function baked(
  draft: Draft,
  place: Place,
  { x, w, dims: [left, right] }: { x: Form; w: Form; dims: readonly (readonly number[])[] },
): Form {
  demand(right.length === 2, 'zk/unsupported', () => 'MatMul by a constant of more than two dimensions')
  const [m, n] = right
  const wired = draft.wires(x)
  const made = draft.linear('DenseBaked', { B: sizeOf(left) / m, m, n, W: w.name }, { in: wired.name })
  return { ...result(place, m * wired.terms), name: made.name('out'), enforced: sumOfProducts([x, w], m) }
}

/** W x with constant W is the transpose of x' W'. */
function bakedLeft(draft: Draft, place: Place): Form {
  const [w, x] = place.operands
  const [left, right] = place.types.map(({ dims }) => dims)
  demand(left.length === 2 && right.length === 2, 'zk/unsupported', () => 'MatMul of a constant and a batch')
  const [turnedW, turnedX] = [turned(draft, w, left), turned(draft, x, right)]
  const made = baked(draft, place, { x: turnedX, w: turnedW, dims: [[...right].reverse(), [...left].reverse()] })
  return { ...turned(draft, made, [right[1], left[0]]), lo: place.lo, hi: place.hi }
}

/** The transpose of a matrix. */
function turned(draft: Draft, form: Form, [rows, columns]: readonly number[]): Form {
  const map = Array.from({ length: rows * columns }, (_, i) => (i % rows) * columns + Math.floor(i / rows))
  return take(draft, form, { map, interval: form })
}

/** Both operands are wires: product by product. */
function committed(draft: Draft, place: Place): Form {
  const [left, right] = place.types.map(({ dims }) => dims)
  const [m, k, n] = [left[left.length - 2], left[left.length - 1], right[right.length - 1]]
  const B = batchOf(place.node.dims)
  const spreadTo = (form: Form, dims: readonly number[]) =>
    spread(draft, form, { from: dims, to: [...place.node.dims.slice(0, -2), ...dims.slice(-2)] })
  const [a, b] = [spreadTo(draft.wires(place.operands[0]), left), spreadTo(draft.wires(place.operands[1]), right)]
  if (B === 1) return productOf(draft, { m, k, n, a, b, sources: sourcesOf(draft, place) }, place)
  const made = draft.linear('MatrixProduct', { B, m, k, n }, { a: a.name, b: b.name })
  return { ...result(place, k), name: made.name('out'), enforced: sumOfProducts([a, b], k) }
}

/** The forms that bind both operands, once they are hashed. */
function sourcesOf(draft: Draft, { operands }: Place): [Form, Form] {
  const [a, b] = operands.map((form) => form.source ?? draft.wires(form))
  return [a, b]
}

interface ConvShape {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly pads: readonly number[]
  readonly dilations: readonly number[]
}

/** A convolution as one of planes; one of lines has planes of one row. */
function planes({ node, types: [x, w] }: Place) {
  const rank = x.dims.length - 2
  demand(rank === 1 || rank === 2, 'zk/unsupported', () => `Conv over ${rank} dimensions`)
  const two = (list: readonly number[], fill: number) => (list.length === 2 ? list : [fill, ...list])
  const { strides, pads, dilations } = node.attributes as unknown as ConvShape
  const [[H, L], [OH, OL]] = [two(x.dims.slice(2), 1), two(node.dims.slice(2), 1)]
  const [[KH, KL], [SH, SL], [DH, DL]] = [two(w.dims.slice(2), 1), two(strides, 1), two(dilations, 1)]
  const [PH, PL] = two(pads.slice(0, rank), 0)
  const sizes = { B: x.dims[0], C: x.dims[1], H, L, O: w.dims[0], OH, OL, G: node.attributes.group as number }
  return { ...sizes, KH, KL, SH, SL, PH, PL, DH, DL }
}

const conv: Row = (draft, place) => {
  const [x, w] = place.operands
  const shape = planes(place)
  const wired = draft.wires(x)
  if (w.terms > 0) return convolved(draft, place, shape)
  const made = draft.linear('ConvBaked', { ...shape, W: w.name }, { in: wired.name })
  const taps = (shape.C / shape.G) * shape.KH * shape.KL
  return { ...result(place, taps * wired.terms), name: made.name('out'), enforced: sumOfProducts([x, w], taps) }
}

/** A convolution of wires by wires: the product of patches [positions, taps] with weights [taps, output planes]. */
function convolved(draft: Draft, place: Place, shape: ReturnType<typeof planes>): Form {
  const { B, C, H, L, O, OH, OL, G, KH, KL, SH, SL, PH, PL, DH, DL } = shape
  demand(G === 1, 'zk/unsupported', () => 'Conv in groups with weights that are not baked')
  const [taps, area] = [C * KH * KL, OH * OL]
  const outside = B * C * H * L
  const patch = Array.from({ length: B * area * taps }, (_, at) => {
    const [position, tap] = [Math.floor(at / taps), at % taps]
    const [b, y, x] = [Math.floor(position / area), Math.floor((position % area) / OL), position % OL]
    const [c, i, j] = [Math.floor(tap / (KH * KL)), Math.floor((tap % (KH * KL)) / KL), tap % KL]
    const [row, column] = [y * SH + i * DH - PH, x * SL + j * DL - PL]
    return row < 0 || row >= H || column < 0 || column >= L ? outside : ((b * C + c) * H + row) * L + column
  })
  const zero = draft.constant(tensor('int64', [1], [0n]))
  const source = joined(draft, [draft.wires(place.operands[0]), zero])
  const x = place.operands[0]
  const a = take(draft, source, { map: patch, interval: { lo: x.lo < 0n ? x.lo : 0n, hi: x.hi > 0n ? x.hi : 0n } })
  const b = turned(draft, draft.wires(place.operands[1]), [O, taps])
  const made = productOf(draft, { m: B * area, k: taps, n: O, a, b, sources: sourcesOf(draft, place) }, place)
  const back = Array.from({ length: B * O * area }, (_, i) => {
    const [image, o, p] = [Math.floor(i / (O * area)), Math.floor(i / area) % O, i % area]
    return (image * area + p) * O + o
  })
  return { ...take(draft, made, { map: back, interval: place }), sum: made.sum }
}

/** The rows. What is not here has no circuit. */
export const ROWS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ['Add', add],
  ['Sub', subtract],
  ['Mul', multiply],
  ['Div', divide],
  ['Mod', modulo],
  ['Neg', negate],
  ['Abs', absolute],
  ['Max', maximum],
  ['Min', minimum],
  ['Equal', equal],
  ['Less', less],
  ['And', both],
  ['Or', either],
  ['Not', (draft, place) => opposite(draft, place, place.operands[0])],
  ['Where', where],
  ['Cast', cast],
  ['MatMul', matMul],
  ['Conv', conv],
  ['ReduceSum', reduceSum],
  ['ReduceMax', reduceMax],
  ['ReduceMin', reduceMin],
  ['MaxPool', maxPool],
  ['ArgMax', argMax],
  ['ArgMin', argMin],
  ['Reshape', same],
  ['Transpose', movement()],
  ['Slice', movement()],
  ['Expand', movement()],
  ['Concat', movement()],
  ['Pad', movement()],
  ['Gather', movement(1)],
  ['GatherElements', movement(1)],
])
