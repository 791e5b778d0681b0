/**
 * Which fault a false leaf of an expansion shows. Every leaf that is not the right one shows exactly one, by itself and the leaves before it.
 * @module
 */
import { decodeAbi } from '../../core/abi.js'
import { equal } from '../../core/bytes.js'
import { Fault, demand } from '../../core/faults.js'
import type { Tensor } from '../../core/tensor.js'
import type { Expansion } from './expand.js'
import { BLOCK_TAIL, CHOICE, HEAD, LINE_TAIL, PRODUCT_HEAD, PRODUCT_TAIL } from './leaves.js'
import { bitsOf, elementBits } from './numbers.js'
import { CHUNK, type BlocksPlan, type LinePlan, type ProductPlan, type Range, type Side } from './plan.js'

/**
 * What can be wrong, by the names of the contract's functions. `size`: the tree has another number of leaves than the element's op demands;
 * `malformed`: a leaf is not the encoding of its fields; `witness`: the witness is no member of its group, or has not that magnitude; `larger`: another
 * member is larger, or as large and comes earlier; `rounded`: a number of units is not that of its element; `sum`, `half`, `running`: a sum is not that of
 * its units; `total`, `blockSum`: a number does not follow from its sum; `result`: the element does not follow from the last leaf.
 */
export type ExpansionFault =
  'size' | 'malformed' | 'witness' | 'larger' | 'rounded' | 'sum' | 'total' | 'half' | 'blockSum' | 'running' | 'result'

/** A fault, and where it is. */
export interface Finding {
  readonly fault: ExpansionFault
  /** The leaf that is false; of `result`, the last. */
  readonly index: number
  /** Of a product: left or right operand. Of `half`: which. */
  readonly side: Side
  /** Of `witness`: what the leaf names. Of `larger`: a member that proves it. In the numbering of the group. */
  readonly member: bigint
  /** Of `rounded`: which number of the leaf. */
  readonly term: number
}

const NOWHERE = { side: 0, member: 0n, term: 0 } as const

/** One field of a tail by its place, and the fault that a false one is. */
type Tail = { readonly types: readonly string[]; readonly faults: readonly (readonly [ExpansionFault, Side])[] }
const TAILS: Readonly<Record<'product' | 'blocks' | 'line', Tail>> = {
  product: {
    types: PRODUCT_TAIL,
    faults: [
      ['sum', 0],
      ['total', 0],
    ],
  },
  blocks: {
    types: BLOCK_TAIL,
    faults: [
      ['half', 0],
      ['half', 1],
      ['blockSum', 0],
    ],
  },
  line: { types: LINE_TAIL, faults: [['running', 0]] },
}

/**
 * The fault of the first leaf that differs from one's own, or that of the element where all leaves are one's own.
 * @param found Undefined where all leaves agree. The leaves before it are one's own.
 * @throws Fault `dispute/no-difference` where the leaf is one's own too.
 */
export function firstFault(
  own: Expansion,
  found: { readonly index: number; readonly leaf: Uint8Array } | undefined,
): Finding {
  if (found === undefined) return { ...NOWHERE, fault: 'result', index: own.size - 1 }
  const { index, leaf } = found
  demand(!equal(leaf, own.leaves[index]), 'dispute/no-difference', () => `leaf ${index} of an expansion`)
  return { ...inLeaf(own, index, leaf), index }
}

type Local = Omit<Finding, 'index'>
const MALFORMED: Local = { ...NOWHERE, fault: 'malformed' }

/** What the leaf at a place holds: words about groups, units of so many bytes, or words about sums. */
function roleOf({ kind }: Expansion, index: number): 'head' | 'units' | 'tail' {
  if (kind === 'line') return index === 0 ? 'head' : index % 2 === 1 ? 'units' : 'tail'
  if (kind === 'witness') return 'head'
  return index % 4 === 0 ? 'head' : index % 4 === 3 ? 'tail' : 'units'
}

function inLeaf(own: Expansion, index: number, leaf: Uint8Array): Local {
  const role = roleOf(own, index)
  if (role === 'head') return inHead(own, index, leaf)
  if (leaf.length !== own.leaves[index].length) return MALFORMED
  return role === 'units' ? inUnits(own, index, leaf) : inTail(own, index, leaf)
}

/** The words of a leaf, undefined where it is not their encoding. */
function wordsOf(types: readonly string[], leaf: Uint8Array): readonly bigint[] | undefined {
  try {
    return decodeAbi(types, leaf) as readonly bigint[]
  } catch (error) {
    if (!Fault.is(error, 'core/bad-abi')) throw error
    return undefined
  }
}

function inUnits({ kind, leaves }: Expansion, index: number, leaf: Uint8Array): Local {
  const width = kind === 'product' ? 4 : 8
  const byte = leaf.findIndex((value, i) => value !== leaves[index][i])
  const side = (kind === 'line' ? 0 : (index % 4) - 1) as Side
  return { ...NOWHERE, fault: 'rounded', side, term: Math.floor(byte / width) }
}

function inTail({ kind, leaves }: Expansion, index: number, leaf: Uint8Array): Local {
  const { types, faults } = TAILS[kind as 'product' | 'blocks' | 'line']
  const [found, right] = [wordsOf(types, leaf), wordsOf(types, leaves[index])!]
  if (found === undefined) return MALFORMED
  const [fault, side] = faults[found.findIndex((word, i) => word !== right[i])]
  return { ...NOWHERE, fault, side }
}

function inHead(own: Expansion, index: number, leaf: Uint8Array): Local {
  const types = own.kind === 'product' ? PRODUCT_HEAD : own.kind === 'witness' ? CHOICE : HEAD
  const [found, right] = [wordsOf(types, leaf), wordsOf(types, own.leaves[index])!]
  if (found === undefined) return MALFORMED
  if (own.kind === 'witness') return inChoice(own, found[0], right[0])
  const side = own.kind === 'product' && found[0] === right[0] && found[1] === right[1] ? 1 : 0
  const [member, max] = found.slice(2 * side)
  // A witness of that magnitude is the right one, or there is a better one.
  const fits = magnitudeOf(own, { index, side, member }) === max
  return { ...NOWHERE, fault: fits ? 'larger' : 'witness', side, member: fits ? right[2 * side] : member }
}

/** The magnitude of a member of the group of a head; undefined for what is no member. */
function magnitudeOf(own: Expansion, at: { index: number; side: Side; member: bigint }): bigint | undefined {
  switch (own.plan.kind) {
    case 'product':
      return inProduct(own.plan, own.operands, at)
    case 'blocks':
      return inBlock(own.plan, own, at)
    case 'line':
      return inLine(own.plan, own.operands, at.member)
    default:
      return undefined
  }
}

const isMember = ({ from, count, step }: Range, member: bigint): boolean =>
  member >= BigInt(from) && member <= BigInt(from + (count - 1) * step) && (member - BigInt(from)) % BigInt(step) === 0n

function inProduct(
  { pieces }: ProductPlan,
  operands: readonly Tensor[],
  { index, side, member }: { index: number; side: Side; member: bigint },
): bigint | undefined {
  const range = pieces[index / 4].groups[side]
  if (range === undefined || !isMember(range, member)) return undefined
  const { dtype, data } = operands[side]
  return bitsOf(dtype as 'float32', Math.abs(data[Number(member)] as number))
}

/** The summand at a place of a level: an element of the operand, or the sum of a block of the level below. */
function inBlock(plan: BlocksPlan, own: Expansion, { index, member }: { index: number; member: bigint }) {
  const { level, block } = blockAt(plan, index / 4)
  const { length, first } = plan.levels[level]
  const from = (block - first) * 2 * CHUNK
  if (!isMember({ from, count: Math.min(2 * CHUNK, length - from), step: 1 }, member)) return undefined
  const place = Number(member)
  if (level === 0) return bitsOf('float64', Math.abs(own.operands[0].data[plan.slice.from + place] as number))
  const [, , sum] = decodeAbi(BLOCK_TAIL, own.leaves[4 * (plan.levels[level - 1].first + place) + 3])
  return sum & 0x7fffffffffffffffn
}

/** The level of a block. */
export function blockAt({ levels }: BlocksPlan, block: number): { readonly level: number; readonly block: number } {
  return { level: levels.findLastIndex(({ first }) => first <= block), block }
}

function inLine(plan: LinePlan, operands: readonly Tensor[], member: bigint): bigint | undefined {
  if (member >= BigInt(plan.members)) return undefined
  const { operand, element } = plan.member(Number(member))
  return bitsOf('float64', Math.abs(operands[operand].data[element] as number))
}

/** Of an extreme the contract compares two members; of updates it looks whether one that comes later hits the element. */
function inChoice({ plan, operands }: Expansion, found: bigint, right: bigint): Local {
  if (plan.kind !== 'witness') return MALFORMED
  const members = new Set<number>(plan.candidates())
  const last = plan.choice === 'last'
  const member = Number(last ? found - 1n : found)
  const isOne =
    (last && found === 0n) ||
    (members.has(member) && (!last || elementBits(operands[1], member) === BigInt(plan.place)))
  if (!isOne) return { ...NOWHERE, fault: 'witness', member: found }
  return { ...NOWHERE, fault: 'larger', member: right }
}
