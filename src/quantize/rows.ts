/**
 * What an exact op on real numbers becomes on integers: one row an op.
 * @module
 */
import { demand } from '../core/faults.js'
import { isFloat, sizeOf } from '../core/tensor.js'
import type { Conversion, Row, Scaled, Site } from './conversion.js'
import { exactRange } from './interval.js'
import { mapped, planeOf } from './plane.js'
import { powerOfTwo } from './scale.js'

/** One op on the integers of one operand, at its own scale. */
const carried = (c: Conversion, { node: { op, attributes }, numbers: [x] }: Site): Scaled => {
  const value = c.scaled(x)
  return { ...value, whole: c.wholes.op(op, [value.whole], attributes) }
}

/** One op on operands in the same units, whose result is in those units too. */
const alike = (c: Conversion, { node: { op, attributes }, numbers }: Site): Scaled => {
  const values = c.together(numbers)
  const wholes = values.map(({ whole }) => whole)
  return { ...values[0], whole: c.wholes.op(op, wholes, attributes) }
}

const where = ({ node, number }: Site) => ({ number, rank: node.dims.length })

/** The operand that is known in every run, and the other one. */
function knownOf(c: Conversion, [a, b]: readonly number[]) {
  const [left, right] = [c.result(a), c.result(b)]
  if (right.kind === 'known') return { known: right.tensor, other: a, side: 'right' as const }
  return left.kind === 'known' ? { known: left.tensor, other: b, side: 'left' as const } : undefined
}

const add: Row = (c, site) => {
  const found = knownOf(c, site.numbers)
  return found === undefined ? alike(c, site) : c.plus(found.other, found.known, where(site))
}

const sub: Row = (c, site) => {
  const found = knownOf(c, site.numbers)
  if (found === undefined) return alike(c, site)
  if (found.side === 'left') return c.sum(c.negative(found.other), found.known, site.number)
  const { dims, data } = mapped(planeOf(found.known), (x) => -x)
  return c.plus(found.other, { dtype: 'float64', dims, data }, where(site))
}

const mul: Row = (c, site) => {
  if (!isFloat(site.node.dtype)) return alike(c, site)
  const found = knownOf(c, site.numbers)
  if (found !== undefined) return c.times(found.other, planeOf(found.known), where(site))
  const [a, b] = site.numbers.map((number) => c.narrow(number))
  const scaled: Scaled = { ...a, whole: c.wholes.op('Mul', [a.whole, b.whole]), exponent: a.exponent + b.exponent }
  return c.rescaled(scaled, b.factor)
}

const div: Row = (c, site) => {
  const found = knownOf(c, site.numbers)
  const constant = found?.side === 'right' && isFloat(site.node.dtype)
  demand(constant, 'quantize/unsupported-operator', () => 'a division by what is no constant, or of integers')
  return c.times(
    found.other,
    mapped(planeOf(found.known), (x) => 1 / x),
    where(site),
  )
}

/** Far beyond what values reach, so that a bound of that size bounds nothing; in units of the value. */
const FAR = 2 ** 61

/** The larger or smaller of a value and a bound; what the interval shows to be no bound is left out. */
const limit: Row = (c, site) => {
  const found = knownOf(c, site.numbers)
  if (found === undefined) return alike(c, site)
  const { op, attributes } = site.node
  const value = c.scaled(found.other)
  const far = FAR * powerOfTwo(value.exponent)
  const bounds = mapped(planeOf(found.known), (x) => Math.min(Math.max(x, -far), far))
  const whole = c.constants(bounds, value)
  const nothing = op === 'Max' ? value.whole.lo >= whole.hi : value.whole.hi <= whole.lo
  const same = bounds.data.length === 1 && bounds.dims.length <= value.whole.dims.length
  return nothing && same ? value : { ...value, whole: c.wholes.op(op, [value.whole, whole], attributes) }
}

const matMul: Row = (c, site) => {
  const { numbers, number, node } = site
  const found = knownOf(c, numbers)
  if (found?.side === 'right') {
    const product = { op: 'MatMul', attributes: {}, weights: planeOf(found.known), rank: node.dims.length } as const
    return c.pending({ ...product, x: c.narrow(found.other) }, number)
  }
  const [a, b] = numbers.map((operand) => operandOf(c, operand, number))
  const product: Scaled = {
    ...a,
    whole: c.wholes.product('MatMul', [a.whole, b.whole]),
    exponent: a.exponent + b.exponent,
  }
  return c.rescaled(product, b.factor)
}

/** An operand of a product: few bits of a value, weights of a constant. */
function operandOf(c: Conversion, operand: number, number: number): Scaled {
  const found = c.result(operand)
  return found.kind === 'known' ? c.weights(planeOf(found.tensor), `${c.nameOf(number)}.weight`) : c.narrow(operand)
}

const conv: Row = (c, { numbers: [x, w], number, node: { attributes, dims } }) => {
  const weights = c.result(w)
  const constant = weights.kind === 'known' && c.result(x).kind !== 'known'
  demand(constant, 'quantize/unsupported-operator', () => 'a convolution whose weights are no constants')
  return c.pending(
    { op: 'Conv', attributes, x: c.narrow(x), weights: planeOf(weights.tensor), rank: dims.length },
    number,
  )
}

const relu: Row = (c, { numbers: [x] }) => {
  const value = c.scaled(x)
  const { hi } = exactRange('int64')
  return { ...value, whole: c.wholes.clamp(value.whole, { lo: 0n, hi }) }
}

const maxPool: Row = (c, { node: { attributes }, numbers: [x] }) => {
  const value = c.narrow(x)
  return { ...value, whole: c.wholes.maxPool(value.whole, attributes) }
}

/** Places are whole numbers, whatever was ordered. */
const place: Row = (c, site) => ({ ...carried(c, site), exponent: 0, factor: 1 })

const gather: Row = (c, { node: { op, attributes }, numbers: [x, at] }) => {
  const [value, indices] = [c.scaled(x), c.result(at)]
  demand(indices.kind === 'known', 'quantize/unsupported-operator', () => `${op} with indices that are no constants`)
  return { ...value, whole: c.wholes.op(op, [value.whole, c.wholes.constant(indices.tensor)], attributes) }
}

/** Between floats nothing is to be done; to integers it saturates, between integers it must not wrap. */
const cast: Row = (c, { node: { dtype }, numbers: [x] }) => {
  const value = c.scaled(x)
  const from = c.dtypeOf(x)
  demand(dtype !== 'bool' && from !== 'bool', 'quantize/unsupported-operator', () => `a cast of ${from} to ${dtype}`)
  if (isFloat(dtype)) return value
  if (isFloat(from)) return c.saturated(value, exactRange(dtype))
  return { ...value, whole: c.wholes.cast(c.wholes.cast(value.whole, dtype), 'int64') }
}

const extremum: Row = (c, site) => {
  demand(sizeOf(site.node.dims) > 0, 'quantize/unsupported-operator', () => `${site.node.op} of nothing`)
  return carried(c, site)
}

/** The rows: an exact op that is not here has no integer form. */
export const ROWS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ['Add', add],
  ['Sub', sub],
  ['Mul', mul],
  ['Div', div],
  ['Max', limit],
  ['Min', limit],
  ['Neg', carried],
  ['Abs', carried],
  ['Relu', relu],
  ['Round', (c, { numbers: [x] }) => c.rounded(c.scaled(x))],
  ['Cast', cast],
  ['MatMul', matMul],
  ['Conv', conv],
  ['ReduceSum', carried],
  ['ReduceMax', extremum],
  ['ReduceMin', extremum],
  ['MaxPool', maxPool],
  ['ArgMax', place],
  ['ArgMin', place],
  ['Reshape', carried],
  ['Transpose', carried],
  ['Slice', carried],
  ['Expand', carried],
  ['Concat', alike],
  ['Pad', alike],
  ['Gather', gather],
])
