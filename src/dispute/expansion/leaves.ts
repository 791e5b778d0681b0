/**
 * The leaves of an expansion: computed from the operands, kind by kind. The layout is in docs/formats.md.
 * @module
 */
import { encodeAbi } from '../../core/abi.js'
import { DTYPES, isFloat, type Tensor } from '../../core/tensor.js'
import { SUM_BLOCK, pow2ceil64, pow2ceilWide } from '../../exact/ops/grid.js'
import {
  bigInt64s,
  bitsOf,
  elementBits,
  int32s,
  int64s,
  integerOf,
  productUnits,
  roundedBits,
  sumUnits,
  witnessOf,
  type UnitGrid,
  type Witness,
} from './numbers.js'
import {
  CHUNK,
  PADDING,
  type BlocksPlan,
  type LinePlan,
  type Piece,
  type Plan,
  type ProductPlan,
  type Range,
  type Side,
  type WitnessPlan,
} from './plan.js'

/** The leaves, and the bits of the element that follows from them. */
export interface Computed {
  readonly leaves: readonly Uint8Array[]
  readonly result: bigint
}

/** Words of the leaves that are not lists of units. */
export const PRODUCT_HEAD = ['uint64', 'uint64', 'uint64', 'uint64'] as const
export const PRODUCT_TAIL = ['int64', 'uint64'] as const
export const HEAD = ['uint64', 'uint64'] as const
export const BLOCK_TAIL = ['int64', 'int64', 'uint64'] as const
export const LINE_TAIL = ['int64'] as const
export const CHOICE = ['uint64'] as const

/** The leaves of a plan. Cost: time and memory grow with the terms and the members of their groups. */
export function compute(plan: Plan, operands: readonly Tensor[]): Computed {
  switch (plan.kind) {
    case 'product':
      return product(plan, operands)
    case 'blocks':
      return blocks(plan, operands[0])
    case 'line':
      return isFloat(operands[0].dtype) ? floats(plan, operands) : integers(plan, operands)
    case 'witness':
      return choice(plan, operands)
  }
}

type Numbers = ArrayLike<number>
const numbersOf = ({ data }: Tensor): Numbers => data as Float32Array

// ---------------------------------------------------------------- products

/** A group of a product: the element that is its witness, the bits of its magnitude, and the grid. */
interface Group {
  readonly element: number
  readonly max: bigint
  readonly grid: UnitGrid
}

function groupOf(operand: Tensor, range: Range | undefined): Group {
  if (range === undefined) return { element: 0, max: 0n, grid: productUnits(operand.dtype, 0) }
  const [{ from, count, step }, data] = [range, numbersOf(operand)]
  const { member, max } = witnessOf(count, (i) => data[from + i * step])
  const grid = productUnits(operand.dtype, max)
  return { element: from + member * step, max: bitsOf(operand.dtype as 'float32', max), grid }
}

/** Remembers the last group of each side: the pieces of a long kernel share theirs. */
function groupsOf(operands: readonly Tensor[]): (piece: Piece, side: Side) => Group {
  const last: { key: string; group: Group }[] = []
  return ({ groups }, side) => {
    const range = groups[side]
    const key = `${range?.from} ${range?.count} ${range?.step}`
    if (last[side]?.key !== key) last[side] = { key, group: groupOf(operands[side], range) }
    return last[side].group
  }
}

function product({ pieces }: ProductPlan, operands: readonly Tensor[]): Computed {
  const group = groupsOf(operands)
  const leaves: Uint8Array[] = []
  let total = 0
  for (const piece of pieces) {
    const [left, right] = [group(piece, 0), group(piece, 1)]
    const [p, q] = [unitsOf(piece, 0, { group: left, operands }), unitsOf(piece, 1, { group: right, operands })]
    let sum = 0
    for (let i = 0; i < piece.length; i++) sum += p[i] * q[i]
    total += sum * (left.grid.unit * right.grid.unit)
    leaves.push(
      encodeAbi(PRODUCT_HEAD, [left.element, left.max, right.element, right.max]),
      int32s(piece.length, (i) => p[i]),
      int32s(piece.length, (i) => q[i]),
      encodeAbi(PRODUCT_TAIL, [sum, bitsOf('float64', total)]),
    )
  }
  return { leaves, result: roundedBits(operands[0].dtype, total) }
}

function unitsOf(
  { length, term }: Piece,
  side: Side,
  { group: { grid }, operands }: { group: Group; operands: readonly Tensor[] },
): Float64Array {
  const data = numbersOf(operands[side])
  return Float64Array.from({ length }, (_, i) => {
    const at = term(side, i)
    return at === PADDING ? 0 : grid.count(data[at])
  })
}

// ---------------------------------------------------------------- sums of floats

const wordsOf = ({ member, max }: Witness) => encodeAbi(HEAD, [member, bitsOf('float64', max)])

function blocks({ levels, slice, bits }: BlocksPlan, operand: Tensor): Computed {
  const leaves: Uint8Array[] = []
  let values = numbersOf(operand) as Float64Array
  values = values.subarray(slice.from, slice.from + slice.count)
  for (const [i, { length }] of levels.entries()) {
    const scale = i === 0 && operand.dtype === 'float64' ? pow2ceil64 : pow2ceilWide
    const sums = new Float64Array(Math.ceil(length / SUM_BLOCK))
    for (const block of sums.keys()) {
      const from = block * SUM_BLOCK
      const found = oneBlock(values.subarray(from, Math.min(length, from + SUM_BLOCK)), { from, scale, bits })
      leaves.push(...found.leaves)
      sums[block] = found.sum
    }
    values = sums
  }
  return { leaves, result: roundedBits(operand.dtype, values[0]) }
}

function oneBlock(
  values: Float64Array,
  { from, scale, bits }: { from: number; scale: (m: number) => number; bits: number },
): { leaves: readonly Uint8Array[]; sum: number } {
  const { member, max } = witnessOf(values.length, (i) => values[i])
  const grid = sumUnits(scale(max), bits)
  const units = Float64Array.from(values, (value) => grid.count(value))
  const halves = [units.subarray(0, CHUNK), units.subarray(CHUNK)]
  const [one, two] = halves.map((half) => half.reduce((sum, q) => sum + q, 0))
  const sum = (one + two) * grid.unit + 0
  const leaves = [
    wordsOf({ member: from + member, max }),
    ...halves.map((half) => int64s(half.length, (i) => half[i])),
    encodeAbi(BLOCK_TAIL, [one, two, bitsOf('float64', sum)]),
  ]
  return { leaves, sum }
}

// ---------------------------------------------------------------- lines

const chunksOf = (terms: number) =>
  Array.from({ length: Math.ceil(terms / CHUNK) }, (_, c) => [c * CHUNK, Math.min(terms, (c + 1) * CHUNK)] as const)

/** Whether a term counts. */
function counts(plan: LinePlan, operands: readonly Tensor[], i: number): boolean {
  const { gate } = plan.term(i)
  return gate === undefined || Number(operands[1].data[gate.element]) === gate.place
}

function floats(plan: LinePlan, operands: readonly Tensor[]): Computed {
  const { dtype } = operands[0]
  const data = operands.map(numbersOf)
  const witness = witnessOf(plan.members, (i) => {
    const { operand, element } = plan.member(i)
    return data[operand][element]
  })
  const grid = sumUnits((dtype === 'float64' ? pow2ceil64 : pow2ceilWide)(witness.max), plan.bits)
  const leaves = [wordsOf(witness)]
  let total = 0
  for (const [from, to] of chunksOf(plan.terms)) {
    const units = Float64Array.from({ length: to - from }, (_, i) => {
      const { operand, element } = plan.term(from + i)
      return counts(plan, operands, from + i) ? grid.count(data[operand][element]) : 0
    })
    total = units.reduce((sum, q) => sum + q, total)
    leaves.push(
      int64s(units.length, (i) => units[i]),
      encodeAbi(LINE_TAIL, [total]),
    )
  }
  return { leaves, result: roundedBits(dtype, total * grid.unit) }
}

function integers(plan: LinePlan, operands: readonly Tensor[]): Computed {
  const leaves = [wordsOf({ member: 0, max: 0 })]
  let total = 0n
  for (const [from, to] of chunksOf(plan.terms)) {
    const units = Array.from({ length: to - from }, (_, i) => {
      const { operand, element } = plan.term(from + i)
      return counts(plan, operands, from + i) ? integerOf(operands[operand], element) : 0n
    })
    total = BigInt.asIntN(
      64,
      units.reduce((sum, q) => sum + q, total),
    )
    leaves.push(bigInt64s(units), encodeAbi(LINE_TAIL, [total]))
  }
  return { leaves, result: BigInt.asUintN(8 * DTYPES[operands[0].dtype].bytes, total) }
}

// ---------------------------------------------------------------- choices

function choice(plan: WitnessPlan, operands: readonly Tensor[]): Computed {
  const witness = plan.choice === 'last' ? lastUpdate(plan, operands) : extreme(plan, operands[0])
  return { leaves: [encodeAbi(CHOICE, [witness])], result: chosenBits(plan, operands, witness) }
}

/** One more than the last update of the element, 0 where there is none. */
function lastUpdate({ candidates, place }: WitnessPlan, [, indices]: readonly Tensor[]): number {
  let last = 0
  for (const update of candidates()) if (Number(indices.data[update]) === place) last = update + 1
  return last
}

/** The first of the largest or smallest; zeros are equal. */
function extreme({ candidates, choice }: WitnessPlan, { data }: Tensor): number {
  let best = -1
  for (const candidate of candidates()) {
    const beats = choice === 'largest' ? data[candidate] > data[best] : data[candidate] < data[best]
    if (best < 0 || beats) best = candidate
  }
  return best
}

/** The bits of what a witness names. An extreme of floats is without a negative zero; an update keeps its bits. */
export function chosenBits({ choice, old }: WitnessPlan, operands: readonly Tensor[], witness: number): bigint {
  if (choice === 'last') return witness === 0 ? elementBits(operands[0], old) : elementBits(operands[2], witness - 1)
  const { dtype, data } = operands[0]
  return isFloat(dtype) ? roundedBits(dtype, data[witness] as number) : elementBits(operands[0], witness)
}
