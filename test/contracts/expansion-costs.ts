/**
 * Lies about expanded elements, one of each sort and in each place where it may cost something else, over products and sums of any size.
 * @module
 */
import { decodeAbi, encodeAbi } from '../../src/core/abi.js'
import { concat, equal } from '../../src/core/bytes.js'
import type { Tensor } from '../../src/core/tensor.js'
import { expand, proveExpansion, proveSize, type Expansion } from '../../src/dispute/expansion.js'
import { bitsOf } from '../../src/dispute/expansion/numbers.js'
import { proveInclusion, rootOf, treeOf } from '../../src/merkle/tree.js'
import { caseOf, windows, type Case } from '../dispute/expansions.js'
import { committed, type Committed } from './cases.js'
import { costOf, dense, staged, type GasCourt, type ProofCost, type Showing } from './gas-court.js'

const MILLION = 1_000_000
const matrix = (...dims: number[]): Tensor => dense('float32', dims, dims[0])
const product = (m: number, k: number, n: number) => (): Case => caseOf('MatMul', [matrix(m, k), matrix(k, n)])

/** Every 32nd update has this index; the others have indices without zero bytes, the dearest ones. */
function updates(rows: number, columns: number, index: number): Tensor {
  const noise = dense('int64', [rows, columns], 3)
  const data = (noise.data as BigInt64Array).map((value, i) =>
    Math.floor(i / columns) % 32 === 7 ? BigInt(index) : value,
  )
  return { ...noise, data }
}

/** Large cases, by the names of the bench. */
export const LARGE: Readonly<Record<string, () => Case>> = {
  'product-k64': product(2048, 64, 2048),
  'product-k768': product(2048, 768, 2048),
  'product-k4096': product(1024, 4096, 1024),
  'product-k65536': product(64, 65_536, 64),
  'product-doubles': () => caseOf('MatMul', [dense('float64', [512, 4096], 1), dense('float64', [4096, 512], 2)]),
  convolution: () =>
    caseOf('Conv', [matrix(1, 512, 64, 64), matrix(256, 512, 3, 3)], windows(2, { pads: [1, 1, 1, 1] })),
  'sum-1e6': () => caseOf('ReduceSum', [matrix(4, MILLION)], { axes: 1 }),
  'sum-1e6-doubles': () => caseOf('ReduceSum', [dense('float64', [2, MILLION], 5)], { axes: 1 }),
  'sum-1e6-integers': () => caseOf('ReduceSum', [dense('int64', [2, MILLION], 6)], { axes: 1 }),
  'running-sum-1e6': () => caseOf('CumSum', [matrix(4, MILLION)]),
  'scatter-2e5': () =>
    caseOf('ScatterAdd', [matrix(65_536, 16), updates(200_000, 16, 65_535), matrix(200_000, 16)], { axis: 0 }),
}

/** The last element: its index arithmetic is the longest. */
const last = ({ node: { dims } }: Case): number => dims.reduce((size, dim) => size * dim, 1) - 1

/** What every sort of lie about an element of a case costs to prove. */
export async function expansionCosts(court: GasCourt, it: Case): Promise<readonly ProofCost[]> {
  const { op, attributes, dtype, dims } = it.node
  const element = last(it)
  // Of the committed value nothing but the tile around the element is ever opened, and the element is false in any case.
  const result = dense(dtype, dims, 4)
  return staged(court, committed({ op, inputs: it.operands, attributes }, result, { idle: 1000 }), async (run) => {
    const found: ProofCost[] = []
    for (const showing of showings(run, element)) found.push(await costOf(court, run, showing))
    return found
  })
}

function showings(run: Committed, element: number): Showing[] {
  const node = run.program.values[run.value]
  if (node.kind !== 'node') throw new Error('no node')
  const own = expand(
    node,
    node.inputs.map((input) => run.values[input]),
    element,
  )
  const subject = { program: run.program, step: run.step, values: run.list, value: run.value, element }
  const show = (lie: Lie | undefined): Showing => {
    const tree = lie === undefined ? own.tree : treeOf(own.leaves.with(lie.index, lie.leaf))
    const path = (index: number) => proveInclusion(tree, index)
    const other = { index: lie?.index, leaf: lie?.leaf ?? new Uint8Array(0), tree: { path } }
    return { proof: proveExpansion(subject, own, other), expansion: { element, size: tree.size, root: rootOf(tree) } }
  }
  const longer = treeOf([...own.leaves, new Uint8Array(1)])
  const size = { size: longer.size, root: rootOf(longer) }
  return [
    show(undefined),
    { proof: proveSize(subject, own, size), expansion: { element, ...size } },
    ...liesIn(own).map(show),
  ]
}

interface Lie {
  readonly index: number
  readonly leaf: Uint8Array
}

/** Lies about the leaves of one group in the middle of the tree, and about those of the last, where what is summed are leaves. */
function liesIn(own: Expansion): Lie[] {
  const { kind, leaves, size } = own
  const group = kind === 'line' ? 2 : 4
  const start = kind === 'line' ? 1 : 0
  const middle = start + group * Math.floor((size - start) / (2 * group))
  const groups = [...new Set([middle, size - group])].flatMap((first) =>
    Array.from({ length: group }, (_, i) => first + i),
  )
  const places = [...new Set(kind === 'line' ? [0, ...groups] : groups)]
  const lies = places.flatMap((index) => {
    const flips = isUnits(own, index) ? unitFlips(own, index) : [...wordFlips(leaves[index]), ...larger(own, index)]
    return [...flips, concat(leaves[index], Uint8Array.of(1))].map((leaf) => ({ index, leaf }))
  })
  return lies.filter(({ index, leaf }) => !equal(leaf, leaves[index]))
}

const isUnits = ({ kind }: Expansion, index: number): boolean =>
  kind === 'line' ? index % 2 === 1 : index % 4 === 1 || index % 4 === 2

/** The lowest bit of every word. */
const wordFlips = (leaf: Uint8Array): Uint8Array[] =>
  Array.from({ length: leaf.length / 32 }, (_, word) => flip(leaf, 32 * word + 31))

const flip = (leaf: Uint8Array, place: number): Uint8Array => leaf.with(place, leaf[place] ^ 1)

/** The lowest bit of the last number, and of the last that is not zero: an update that hits. */
function unitFlips({ kind, leaves }: Expansion, index: number): Uint8Array[] {
  const [leaf, width] = [leaves[index], kind === 'product' ? 4 : 8]
  if (leaf.length === 0) return []
  const hit = leaf.findLastIndex((byte) => byte !== 0)
  return [flip(leaf, leaf.length - 1), flip(leaf, hit - (hit % width) + width - 1)]
}

/** Heads that name another member with its own magnitude: there is a larger one. */
function larger(own: Expansion, index: number): Uint8Array[] {
  const types = ['uint64', 'uint64', 'uint64', 'uint64'].slice(0, own.leaves[index].length / 32)
  if (own.kind === 'line' ? index !== 0 : index % 4 !== 0) return []
  const words = decodeAbi(types, own.leaves[index]) as readonly bigint[]
  return types.flatMap((_, side) => {
    const found = side % 2 === 0 ? otherMember(own, { index, side: side / 2, witness: Number(words[side]) }) : undefined
    if (found === undefined) return []
    return [encodeAbi(types, words.with(side, BigInt(found.member)).with(side + 1, found.magnitude))]
  })
}

/** Another member of a group than its witness, and its magnitude; undefined where the group is not one of elements, or has one. */
function otherMember(
  { plan, operands }: Expansion,
  { index, side, witness }: { index: number; side: number; witness: number },
): { member: number; magnitude: bigint } | undefined {
  const magnitude = (operand: number, element: number, dtype: 'float32' | 'float64') =>
    bitsOf(dtype, Math.abs(operands[operand].data[element] as number))
  if (plan.kind === 'product') {
    const { from, count, step } = plan.pieces[index / 4].groups[side]!
    const member = witness === from ? from + (count - 1) * step : from
    return { member, magnitude: magnitude(side, member, operands[side].dtype as 'float32') }
  }
  if (plan.kind === 'blocks' && index / 4 < plan.levels[0].blocks) {
    const member = 1024 * (index / 4) + (witness % 1024 === 0 ? 1 : 0)
    return { member, magnitude: magnitude(0, plan.slice.from + member, 'float64') }
  }
  if (plan.kind === 'line' && plan.members > 1) {
    const member = witness === 0 ? plan.members - 1 : 0
    const source = plan.member(member)
    return { member, magnitude: magnitude(source.operand, source.element, 'float64') }
  }
  return undefined
}
