/**
 * Which elements the expansion of one output element is about: index arithmetic on types alone, the same as in contracts/ops/Groups.sol.
 * Definitions: docs/numerics.md, sums on a grid.
 * @module
 */
import { isFloat, sizeOf, type TensorType } from '../../core/tensor.js'
import { Fault, demand } from '../../core/faults.js'
import { stridesOf } from '../../exact/ops/broadcast.js'
import { PRODUCT_BLOCK, SUM_BITS, SUM_BLOCK } from '../../exact/ops/grid.js'
import { aroundAxis } from '../../exact/ops/order.js'
import { scanBits } from '../../exact/ops/scatter.js'
import type { NodeValue } from '../../exact/program.js'

/** Terms of one leaf of grid units. */
export const CHUNK = 512
/** A place in the padding of a convolution. */
export const PADDING = -1

/** Elements `from + i * step` of an operand, i < count. */
export interface Range {
  readonly from: number
  readonly count: number
  readonly step: number
}

/** An element of an operand. */
export interface Source {
  readonly operand: number
  readonly element: number
}

/** Left and right operand of a product. */
export type Side = 0 | 1

/** At most 512 terms of a product. */
export interface Piece {
  readonly length: number
  /** The elements that share a grid, of either operand; none on the left where a window sees nothing but padding. */
  readonly groups: readonly [Range | undefined, Range]
  /** The element of an operand in term i of the piece, or {@link PADDING}. */
  term(side: Side, i: number): number
}

/** A product: pieces in the order in which their sums are added. */
export interface ProductPlan {
  readonly kind: 'product'
  readonly pieces: readonly Piece[]
}

/** One level of a sum: `length` summands in blocks of 1,024. */
export interface Level {
  /** Number of its first block among the blocks of all levels. */
  readonly first: number
  readonly blocks: number
  readonly length: number
}

/** A sum of floats. */
export interface BlocksPlan {
  readonly kind: 'blocks'
  readonly bits: number
  /** The slice of the operand. */
  readonly slice: Range
  readonly levels: readonly Level[]
}

/** A term of a line; it counts only where the index at `gate` (an element of operand 1) is `place`. */
export interface Term extends Source {
  readonly gate?: { readonly element: number; readonly place: number }
}

/** A sum on one grid, or of integers. */
export interface LinePlan {
  readonly kind: 'line'
  readonly bits: number
  readonly terms: number
  term(i: number): Term
  /** Members of the group that shares the grid; none of integers. */
  readonly members: number
  member(position: number): Source
}

/** One element out of several. */
export interface WitnessPlan {
  readonly kind: 'witness'
  /** ScatterElements: which update of the line comes last. Else the operand's extreme. */
  readonly choice: 'largest' | 'smallest' | 'last'
  /** Candidates in ascending order, elements of operand 0 (of operand 2 where the last counts). */
  candidates(): Iterable<number>
  /** Where the last counts: the index that an update must have, and the element of operand 0 that stands if there is none. */
  readonly place: number
  readonly old: number
}

/** The plan of an expansion. */
export type Plan = ProductPlan | BlocksPlan | LinePlan | WitnessPlan

type Planner = (node: NodeValue, operands: readonly TensorType[], element: number) => Plan | undefined

const PLANNERS: Readonly<Record<string, Planner>> = {
  MatMul: planMatMul,
  Conv: planConv,
  ReduceSum: planSum,
  CumSum: planScan,
  ScatterAdd: planScatter,
  ScatterElements: planLast,
  ReduceMax: (node, operands, element) => planExtreme('largest', node, { operands, element }),
  ReduceMin: (node, operands, element) => planExtreme('smallest', node, { operands, element }),
  MaxPool: planPool,
}

/**
 * The plan of an element's expansion; undefined where the element needs none: by its op, or because there is nothing to sum or to choose from.
 * @throws Fault `merkle/index-out-of-range` where the value has no such element.
 */
export function planOf(node: NodeValue, operands: readonly TensorType[], element: number): Plan | undefined {
  const size = sizeOf(node.dims)
  demand(
    Number.isSafeInteger(element) && element >= 0 && element < size,
    'merkle/index-out-of-range',
    () => `no such element of [${node.dims}]`,
    { expected: `below ${size}`, found: element },
  )
  return Object.hasOwn(PLANNERS, node.op) ? PLANNERS[node.op](node, operands, element) : undefined
}

// ---------------------------------------------------------------- products

const pieces = (count: number, of: (piece: number) => Piece): ProductPlan | undefined =>
  count === 0 ? undefined : { kind: 'product', pieces: Array.from({ length: count }, (_, piece) => of(piece)) }

/** The element of `from` that broadcasts to one of `to`. */
function broadcastIndex(from: readonly number[], to: readonly number[], element: number): number {
  const strides = stridesOf(from)
  let [rest, index] = [element, 0]
  for (let i = 1; i <= from.length; i++) {
    const dim = to[to.length - i]
    if (from[from.length - i] !== 1) index += (rest % dim) * strides[from.length - i]
    rest = Math.floor(rest / dim)
  }
  return index
}

function planMatMul({ dims }: NodeValue, [a, b]: readonly TensorType[], element: number): ProductPlan | undefined {
  const [m, n] = dims.slice(-2)
  const k = a.dims[a.dims.length - 1]
  const matrix = Math.floor(element / (m * n))
  const of = (x: TensorType) => broadcastIndex(x.dims.slice(0, -2), dims.slice(0, -2), matrix)
  const [row, column] = [(of(a) * m + (Math.floor(element / n) % m)) * k, of(b) * k * n + (element % n)]
  return pieces(Math.ceil(k / PRODUCT_BLOCK), (piece) => {
    const from = piece * PRODUCT_BLOCK
    const count = Math.min(PRODUCT_BLOCK, k - from)
    const left = { from: row + from, count, step: 1 }
    const right = { from: column + from * n, count, step: n }
    return { length: count, groups: [left, right], term: (side, i) => atOf(side === 0 ? left : right, i) }
  })
}

const atOf = ({ from, step }: Range, i: number): number => from + i * step

/** A window along one axis. */
interface Window {
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly before: number
  /** Size of the input. */
  readonly size: number
  /** Place in the output. */
  readonly at: number
}

const placeIn = ({ at, stride, dilation, before }: Window, tap: number): number => at * stride + tap * dilation - before

/** True where a tap of the window lies inside of the input. */
function sees(window: Window): boolean {
  const { at, stride, dilation, before, size, kernel } = window
  const first = Math.max(0, Math.ceil((before - at * stride) / dilation))
  return first < kernel && placeIn(window, first) < size
}

function windowsOf(node: NodeValue, spatial: readonly number[], options: { kernel: readonly number[]; at: number }) {
  const { strides, dilations, pads } = node.attributes as Record<string, readonly number[]>
  const out = node.dims.slice(2)
  const places = stridesOf(out)
  return spatial.map((size, i): Window => ({
    kernel: options.kernel[i],
    stride: strides[i],
    dilation: dilations[i],
    before: pads[i],
    size,
    at: Math.floor(options.at / places[i]) % out[i],
  }))
}

/** The place of a tap in the input's plane, or {@link PADDING}. */
function seenBy(windows: readonly Window[], tap: number): number {
  let [rest, index, stride] = [tap, 0, 1]
  for (let i = windows.length - 1; i >= 0; i--) {
    const { kernel, size } = windows[i]
    const place = placeIn(windows[i], rest % kernel)
    if (place < 0 || place >= size) return PADDING
    index += place * stride
    stride *= size
    rest = Math.floor(rest / kernel)
  }
  return index
}

function planConv(node: NodeValue, [x, w]: readonly TensorType[], element: number): ProductPlan | undefined {
  const [spatial, kernel] = [x.dims.slice(2), w.dims.slice(2)]
  const [area, taps, channels] = [sizeOf(spatial), sizeOf(kernel), w.dims[1]]
  const outArea = sizeOf(node.dims.slice(2))
  const group = node.attributes.group as number
  const channel = Math.floor(element / outArea) % node.dims[1]
  const sample = Math.floor(element / (outArea * node.dims[1]))
  const plane = (sample * group + Math.floor((channel * group) / node.dims[1])) * channels
  const windows = windowsOf(node, spatial, { kernel, at: element % outArea })
  const visible = windows.every(sees)
  const block = Math.max(1, Math.floor(PRODUCT_BLOCK / taps))
  // A channel with more taps than a piece is a block of its own, cut into pieces.
  const cuts = Math.ceil(taps / PRODUCT_BLOCK)
  return pieces(Math.ceil(channels / block) * cuts, (piece) => {
    const first = Math.floor(piece / cuts) * block
    const count = Math.min(block, channels - first)
    const cut = (piece % cuts) * PRODUCT_BLOCK
    const left = visible ? { from: (plane + first) * area, count: count * area, step: 1 } : undefined
    const right = { from: (channel * channels + first) * taps, count: count * taps, step: 1 }
    const seen = (k: number) => {
      const at = seenBy(windows, k % taps)
      return at === PADDING ? PADDING : (plane + first + Math.floor(k / taps)) * area + at
    }
    return {
      length: Math.min(PRODUCT_BLOCK, count * taps - cut),
      groups: [left, right],
      term: (side, i) => (side === 1 ? right.from + cut + i : seen(cut + i)),
    }
  })
}

// ---------------------------------------------------------------- sums

function planSum(node: NodeValue, [x]: readonly TensorType[], element: number): Plan | undefined {
  const length = sizeOf(x.dims.slice(node.dims.length))
  if (length === 0) return undefined
  const slice = { from: element * length, count: length, step: 1 }
  if (isFloat(x.dtype)) return { kind: 'blocks', bits: SUM_BITS, slice, levels: levelsOf(length) }
  return line({ terms: length, term: (i) => ({ operand: 0, element: slice.from + i }) })
}

function levelsOf(length: number): Level[] {
  const levels: Level[] = []
  for (let [first, size] = [0, length]; ; size = Math.ceil(size / SUM_BLOCK)) {
    const blocks = Math.ceil(size / SUM_BLOCK)
    levels.push({ first, blocks, length: size })
    if (blocks === 1) return levels
    first += blocks
  }
}

const line = (of: Pick<LinePlan, 'terms' | 'term'> & Partial<LinePlan>): LinePlan => ({
  kind: 'line',
  bits: 0,
  members: 0,
  member: () => {
    throw new Fault('merkle/index-out-of-range', 'integers share no grid')
  },
  ...of,
})

function planScan({ dtype, dims }: NodeValue, _: readonly TensorType[], element: number): LinePlan {
  const length = dims[dims.length - 1]
  const at = element % length
  const source = (i: number) => ({ operand: 0, element: element - at + i })
  if (!isFloat(dtype)) return line({ terms: at + 1, term: source })
  return line({ terms: at + 1, term: source, bits: scanBits(length), members: length, member: source })
}

/** Along the axis: how long data and updates are, and the element's own line. */
function lineOf({ dims, attributes }: NodeValue, updates: TensorType, element: number) {
  const axis = attributes.axis as number
  const { length, inner } = aroundAxis(dims, axis)
  const count = updates.dims[axis]
  const [outer, at] = [Math.floor(element / (length * inner)), element % inner]
  return {
    length,
    count,
    place: Math.floor(element / inner) % length,
    old: (i: number) => (outer * length + i) * inner + at,
    update: (i: number) => (outer * count + i) * inner + at,
  }
}

function planScatter(node: NodeValue, [data, , updates]: readonly TensorType[], element: number) {
  const { length, count, place, old, update } = lineOf(node, updates, element)
  // Without updates the op copies its operand.
  if (count === 0) return undefined
  const term = (i: number): Term =>
    i === 0 ? { operand: 0, element } : { operand: 2, element: update(i - 1), gate: { element: update(i - 1), place } }
  if (!isFloat(data.dtype)) return line({ terms: 1 + count, term })
  const member = (i: number): Source =>
    i < length ? { operand: 0, element: old(i) } : { operand: 2, element: update(i - length) }
  return line({ terms: 1 + count, term, bits: scanBits(1 + count), members: length + count, member })
}

// ---------------------------------------------------------------- choices

function planLast(node: NodeValue, [, , updates]: readonly TensorType[], element: number): WitnessPlan {
  const { count, place, update } = lineOf(node, updates, element)
  return {
    kind: 'witness',
    choice: 'last',
    place,
    old: element,
    candidates: () => Array.from({ length: count }, (_, i) => update(i)),
  }
}

function planExtreme(
  choice: 'largest' | 'smallest',
  { dims }: NodeValue,
  { operands: [x], element }: { operands: readonly TensorType[]; element: number },
): WitnessPlan | undefined {
  const count = sizeOf(x.dims.slice(dims.length))
  const candidates = function* () {
    for (let i = 0; i < count; i++) yield element * count + i
  }
  return count === 0 ? undefined : { kind: 'witness', choice, place: 0, old: 0, candidates }
}

function planPool(node: NodeValue, [x]: readonly TensorType[], element: number): WitnessPlan | undefined {
  const kernel = node.attributes.kernel as readonly number[]
  const spatial = x.dims.slice(2)
  const outArea = sizeOf(node.dims.slice(2))
  const windows = windowsOf(node, spatial, { kernel, at: element % outArea })
  if (!windows.every(sees)) return undefined
  const base = Math.floor(element / outArea) * sizeOf(spatial)
  const candidates = function* () {
    for (let tap = 0; tap < sizeOf(kernel); tap++) {
      const at = seenBy(windows, tap)
      if (at !== PADDING) yield base + at
    }
  }
  return { kind: 'witness', choice: 'largest', place: 0, old: 0, candidates }
}

// ---------------------------------------------------------------- leaves

/** How many leaves the expansion has. Nothing but the types decides that. */
export function leavesOf(plan: Plan): number {
  switch (plan.kind) {
    case 'product':
      return 4 * plan.pieces.length
    case 'blocks':
      return 4 * blocksIn(plan)
    case 'line':
      return 1 + 2 * Math.ceil(plan.terms / CHUNK)
    case 'witness':
      return 1
  }
}

/** Blocks of all levels. */
export function blocksIn({ levels }: BlocksPlan): number {
  const { first, blocks } = levels[levels.length - 1]
  return first + blocks
}
