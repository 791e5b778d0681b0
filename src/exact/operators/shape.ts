/**
 * Operators that move elements or make constants: shapes, slices, padding, tables.
 * Sources: ONNX Operators; shapes, axes and counts must be known when compiling.
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat, sizeOf, tensor, type Tensor } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { broadcastDims } from '../ops/broadcast.js'
import { TABLE_LIMIT, alongAxis, countUp } from './indices.js'
import { halfToNumber, isHalf } from '../ops/halves.js'

const product = (dims: readonly number[]) => sizeOf(dims)
const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high)

/** A list of distinct axes. @throws Fault `onnx/bad-node`. */
export function distinctAxes(node: NodeView, axes: readonly number[], rank: number): number[] {
  const found = axes.map((axis) => node.axis(axis, rank))
  demand(new Set(found).size === found.length, 'onnx/bad-node', () => `axes [${axes}] name one twice`)
  return found
}

/** Numbers from an operand in newer opsets, from an attribute in older ones; undefined where absent. */
const listed = (node: NodeView, name: string, index: number): readonly number[] | undefined =>
  node.has(name) ? node.ints(name) : node.constantInts(index)

// ---------------------------------------------------------------- shapes

function shape(b: Builder, node: NodeView): Ref[] {
  const { dims } = node.input(0)
  const at = (value: number) => clamp(value < 0 ? value + dims.length : value, 0, dims.length)
  return [b.ints(dims.slice(at(node.int('start', 0)), at(node.int('end', dims.length))))]
}

/** The dims that a Reshape asks for: 0 copies (unless allowzero), -1 is what is left. */
function requestedDims(x: Ref, shape: readonly number[], allowZero: boolean): number[] {
  const copied = shape.map((dim, i) => (dim === 0 && !allowZero ? x.dims[i] : dim))
  const unknown = copied.filter((dim) => dim === -1).length
  const known = product(copied.filter((dim) => dim !== -1))
  const valid =
    copied.every((dim) => dim !== undefined && dim >= -1) &&
    unknown <= 1 &&
    (unknown === 0 || product(x.dims) % known === 0)
  demand(valid, 'exact/shape-mismatch', () => `Reshape of [${x.dims}] to [${shape}]`)
  return copied.map((dim) => (dim === -1 ? product(x.dims) / known : dim))
}

function reshape(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const dims = requestedDims(x, node.constantInts(1) ?? [], node.int('allowzero', 0) === 1)
  demand(product(dims) === product(x.dims), 'exact/shape-mismatch', () => `Reshape of [${x.dims}] to [${dims}]`)
  return [b.reshape(x, dims)]
}

function squeeze(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const given = listed(node, 'axes', 1)
  const axes = given === undefined ? undefined : distinctAxes(node, given, x.dims.length)
  demand(
    axes === undefined || axes.every((axis) => x.dims[axis] === 1),
    'exact/shape-mismatch',
    () => `Squeeze of [${x.dims}] at [${axes}]`,
  )
  return [
    b.reshape(
      x,
      x.dims.filter((dim, i) => (axes === undefined ? dim !== 1 : !axes.includes(i))),
    ),
  ]
}

function unsqueeze(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const given = listed(node, 'axes', 1) ?? []
  const rank = x.dims.length + given.length
  const axes = distinctAxes(node, given, rank)
  const rest = [...x.dims]
  return [
    b.reshape(
      x,
      Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!)),
    ),
  ]
}

/** Rows of everything before the axis, columns of the rest; the axis may be the rank itself. */
export function flattenedDims(x: Ref, given: number): [number, number] {
  const axis = given < 0 ? given + x.dims.length : given
  demand(axis >= 0 && axis <= x.dims.length, 'onnx/bad-node', () => `axis ${given} of rank ${x.dims.length}`)
  return [product(x.dims.slice(0, axis)), product(x.dims.slice(axis))]
}

function transpose(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const perm = node.ints('perm', x.dims.map((_, i) => i).reverse())
  demand(perm.length === x.dims.length, 'onnx/bad-node', () => `perm [${perm}] for rank ${x.dims.length}`)
  return [b.transpose(x, perm)]
}

function concat(b: Builder, node: NodeView): Ref[] {
  const parts = Array.from({ length: node.inputCount }, (_, i) => node.input(i))
  return [b.concat(parts, node.axis(node.int('axis'), parts[0].dims.length))]
}

// ---------------------------------------------------------------- slices

/** Sizes of the parts of a Split: given, or equal with a smaller last one where `uneven`. */
function partSizes(node: NodeView, size: number, { uneven }: { uneven: boolean }): readonly number[] {
  const given = listed(node, 'split', 1)
  if (given !== undefined) return given
  const count = uneven ? node.int('num_outputs', node.outputs.length) : node.outputs.length
  demand(count >= 1 && count <= TABLE_LIMIT, 'onnx/bad-node', () => `a split into ${count} parts`)
  demand(uneven || size % count === 0, 'onnx/bad-node', () => `${size} elements do not split into ${count} equal parts`)
  const part = Math.ceil(size / count)
  return Array.from({ length: count }, (_, i) => clamp(size - i * part, 0, part))
}

function split(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const axis = node.axis(node.int('axis', 0), x.dims.length)
  const sizes = partSizes(node, x.dims[axis], { uneven: node.opset >= 18 })
  const total = sizes.reduce((a, c) => a + c, 0)
  demand(
    sizes.every((size) => size >= 0) && total === x.dims[axis],
    'exact/shape-mismatch',
    () => `Split of ${x.dims[axis]} elements into [${sizes}]`,
  )
  let start = 0
  return sizes.map((size) => b.slice(x, axis, { start, end: (start += size) }))
}

interface Range {
  readonly start: number
  readonly end: number
  readonly step: number
}

/** A range as ONNX and NumPy read it on an axis of this size: from the back where negative, clamped. */
function clampedRange({ start, end, step }: Range, size: number): Range {
  demand(step !== 0, 'onnx/bad-node', () => 'a step of 0')
  if (size === 0) return { start: 0, end: 0, step: 1 }
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1]
  const at = (value: number) => clamp(value < 0 ? value + size : value, low, high)
  // A step beyond the size takes one element whatever it is.
  return { start: at(start), end: at(end), step: clamp(step, -size, size) }
}

/** One Slice over some axes. */
function sliced(b: Builder, x: Ref, ranges: ReadonlyMap<number, Range>): Ref {
  const whole = (dim: number): Range => ({ start: 0, end: dim, step: 1 })
  const all = x.dims.map((dim, i) => clampedRange(ranges.get(i) ?? whole(dim), dim))
  if (all.every(({ start, end, step }, i) => start === 0 && end === x.dims[i] && step === 1)) return x
  return b.op('Slice', [x], {
    starts: all.map(({ start }) => start),
    ends: all.map(({ end }) => end),
    steps: all.map(({ step }) => step),
  })
}

interface SliceLists {
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  readonly axes?: readonly number[]
  readonly steps?: readonly number[]
}

function sliceBy(b: Builder, node: NodeView, { starts, ends, axes, steps }: SliceLists): Ref[] {
  const x = node.input(0)
  const along = distinctAxes(node, axes ?? starts.map((_, i) => i), x.dims.length)
  demand(
    [ends, along, steps ?? starts].every((list) => list.length === starts.length),
    'onnx/bad-node',
    () => `Slice from [${starts}] to [${ends}] along [${along}] by [${steps}]`,
  )
  const ranges = along.map((axis, i) => [axis, { start: starts[i], end: ends[i], step: steps?.[i] ?? 1 }] as const)
  return [sliced(b, x, new Map(ranges))]
}

const sliceByInputs: OperatorRow['decompose'] = (b, node) =>
  sliceBy(b, node, {
    starts: node.constantInts(1) ?? [],
    ends: node.constantInts(2) ?? [],
    axes: node.constantInts(3),
    steps: node.constantInts(4),
  })

const sliceByAttributes: OperatorRow['decompose'] = (b, node) =>
  sliceBy(b, node, {
    starts: node.bigInts('starts').map(Number),
    ends: node.bigInts('ends').map(Number),
    axes: node.has('axes') ? node.ints('axes') : undefined,
  })

// ---------------------------------------------------------------- repetition

function expand(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  return [b.expand(x, broadcastDims(x.dims, node.constantInts(1) ?? []))]
}

/** Repeats along one axis: a new axis beside it is expanded, then both are joined. */
function tileAxis(b: Builder, x: Ref, axis: number, count: number): Ref {
  if (count === 1) return x
  const [outer, rest] = [product(x.dims.slice(0, axis)), product(x.dims.slice(axis))]
  const apart = b.expand(b.reshape(x, [outer, 1, rest]), [outer, count, rest])
  return b.reshape(
    apart,
    x.dims.map((dim, i) => (i === axis ? dim * count : dim)),
  )
}

function tile(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const repeats = node.constantInts(1) ?? []
  demand(
    repeats.length === x.dims.length && repeats.every((count) => count >= 0),
    'onnx/bad-node',
    () => `Tile of [${x.dims}] by [${repeats}]`,
  )
  return [repeats.reduce((y, count, axis) => tileAxis(b, y, axis, count), x)]
}

// ---------------------------------------------------------------- padding

/** Places of an axis after padding: reflected without repeating the edge, the edge repeated, or wrapped around. */
const PLACES: Readonly<Record<string, (at: number, size: number) => number>> = {
  edge: (at, size) => clamp(at, 0, size - 1),
  wrap: (at, size) => ((at % size) + size) % size,
  reflect(at, size) {
    const period = Math.max(1, 2 * (size - 1))
    const folded = ((at % period) + period) % period
    return folded < size ? folded : period - folded
  },
}

function padAxisBy(
  b: Builder,
  x: Ref,
  { axis, mode, pads }: { axis: number; mode: string; pads: readonly [number, number] },
): Ref {
  const [begin, end] = pads
  const size = x.dims[axis]
  const length = begin + size + end
  if (begin === 0 && end === 0) return x
  demand(size > 0, 'exact/shape-mismatch', () => `nothing to pad ${length} elements from`)
  demand(length <= TABLE_LIMIT, 'exact/too-large', () => `Pad to ${length} elements`)
  const places = Array.from({ length }, (_, i) => PLACES[mode](i - begin, size))
  return b.gather(x, b.ints(places), axis)
}

interface Padding {
  /** Counts before every axis, then counts behind; negative ones drop elements. */
  readonly pads: readonly number[]
  readonly mode: string
  readonly value: Ref | undefined
}

/** Drops what negative pads name, then adds what positive ones name. */
function padded(b: Builder, x: Ref, { pads, mode, value }: Padding): Ref {
  const rank = x.dims.length
  const crop = (at: number) => Math.max(0, -pads[at])
  demand(
    x.dims.every((dim, i) => crop(i) + crop(rank + i) <= dim),
    'exact/shape-mismatch',
    () => `Pad of [${x.dims}] by [${pads}]`,
  )
  const kept = x.dims.map((dim, i) => [i, { start: crop(i), end: dim - crop(rank + i), step: 1 }] as const)
  const cropped = sliced(b, x, new Map(kept))
  const added = pads.map((pad) => Math.max(0, pad))
  if (added.every((pad) => pad === 0)) return cropped
  if (mode === 'constant') return b.op('Pad', [cropped, b.reshape(value ?? b.scalar(x.dtype, 0), [])], { pads: added })
  demand(mode in PLACES, 'onnx/bad-node', () => `mode ${mode}`)
  return x.dims.reduce(
    (y, _, axis) => padAxisBy(b, y, { axis, mode, pads: [added[axis], added[rank + axis]] }),
    cropped,
  )
}

/** Pads of some axes as pads of all. */
function padsOfAll(pads: readonly number[], axes: readonly number[], rank: number): number[] {
  demand(pads.length === 2 * axes.length, 'onnx/bad-node', () => `${pads.length} pads for ${axes.length} axes`)
  const all = new Array<number>(2 * rank).fill(0)
  axes.forEach((axis, i) => {
    all[axis] = pads[i]
    all[rank + axis] = pads[axes.length + i]
  })
  return all
}

function padByInputs(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const rank = x.dims.length
  const axes = distinctAxes(node, node.constantInts(3) ?? x.dims.map((_, i) => i), rank)
  const pads = padsOfAll(node.constantInts(1) ?? [], axes, rank)
  return [padded(b, x, { pads, mode: node.string('mode', 'constant'), value: node.optional(2) })]
}

function padByAttributes(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const pads = padsOfAll(
    node.ints('pads'),
    x.dims.map((_, i) => i),
    x.dims.length,
  )
  return [
    padded(b, x, { pads, mode: node.string('mode', 'constant'), value: b.scalar(x.dtype, node.float('value', 0)) }),
  ]
}

/** The centre of an axis that is too long, zeros around one that is too short; the odd element stands behind. */
function centerCropPad(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const rank = x.dims.length
  const axes = distinctAxes(
    node,
    node.ints(
      'axes',
      x.dims.map((_, i) => i),
    ),
    rank,
  )
  const target = node.constantInts(1) ?? []
  demand(target.length === axes.length, 'onnx/bad-node', () => `shape [${target}] for ${axes.length} axes`)
  const begin = axes.map((axis, i) => {
    const missing = target[i] - x.dims[axis]
    return missing < 0 ? -Math.floor(-missing / 2) : Math.floor(missing / 2)
  })
  const end = axes.map((axis, i) => target[i] - x.dims[axis] - begin[i])
  return [padded(b, x, { pads: padsOfAll([...begin, ...end], axes, rank), mode: 'constant', value: undefined })]
}

// ---------------------------------------------------------------- blocks

function blockOf(node: NodeView): number {
  const block = node.int('blocksize')
  demand(
    block >= 1 && node.input(0).dims.length === 4,
    'onnx/bad-node',
    () => `blocks of ${block} in [${node.input(0).dims}]`,
  )
  return block
}

function depthToSpace(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const block = blockOf(node)
  const [n, c, h, w] = x.dims
  const depth = c / block ** 2
  demand(Number.isInteger(depth), 'exact/shape-mismatch', () => `${c} channels in blocks of ${block}`)
  const mode = node.string('mode', 'DCR')
  demand(mode === 'DCR' || mode === 'CRD', 'onnx/bad-node', () => `mode ${mode}`)
  const moved =
    mode === 'DCR'
      ? b.transpose(b.reshape(x, [n, block, block, depth, h, w]), [0, 3, 4, 1, 5, 2])
      : b.transpose(b.reshape(x, [n, depth, block, block, h, w]), [0, 1, 4, 2, 5, 3])
  return [b.reshape(moved, [n, depth, h * block, w * block])]
}

function spaceToDepth(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const block = blockOf(node)
  const [n, c, h, w] = x.dims
  demand(h % block === 0 && w % block === 0, 'exact/shape-mismatch', () => `[${h}, ${w}] in blocks of ${block}`)
  const apart = b.reshape(x, [n, c, h / block, block, w / block, block])
  return [b.reshape(b.transpose(apart, [0, 3, 5, 1, 2, 4]), [n, c * block ** 2, h / block, w / block])]
}

// ---------------------------------------------------------------- constants and tables

function constantOfShape(b: Builder, node: NodeView): Ref[] {
  const value = node.has('value') ? b.constant(node.tensor('value')) : b.scalar('float32', 0)
  demand(product(value.dims) === 1, 'onnx/bad-node', () => `a value of shape [${value.dims}]`)
  return [b.expand(b.reshape(value, []), node.constantInts(0) ?? [])]
}

/** Row and column numbers of the last two axes, to be compared. */
function corners(b: Builder, [rows, columns]: readonly number[], k: number) {
  const row = b.reshape(countUp(b, rows), [rows, 1])
  return { diagonal: b.add(row, b.scalar('int64', k)), column: countUp(b, columns) }
}

function eyeLike(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  demand(x.dims.length === 2, 'onnx/bad-node', () => `EyeLike of rank ${x.dims.length}`)
  const { diagonal, column } = corners(b, x.dims, node.int('k', 0))
  return [b.cast(b.equal(diagonal, column), node.dtype('dtype', x.dtype))]
}

function trilu(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  demand(x.dims.length >= 2, 'onnx/bad-node', () => `Trilu of rank ${x.dims.length}`)
  const k = node.constantInts(1)?.[0] ?? 0
  const { diagonal, column } = corners(b, x.dims.slice(-2), clamp(k, -TABLE_LIMIT, TABLE_LIMIT))
  const dropped = node.int('upper', 1) === 1 ? b.less(column, diagonal) : b.less(diagonal, column)
  return [b.where(dropped, b.scalar(x.dtype, 0), x)]
}

/** How many elements start, start + delta, ... lie before the limit. */
function rangeCount({ dtype }: Tensor, [start, limit, delta]: readonly (number | bigint)[]): number {
  demand(Number(delta) !== 0, 'onnx/bad-node', () => 'a delta of 0')
  if (isFloat(dtype)) return Math.max(0, Math.ceil((Number(limit) - Number(start)) / Number(delta)))
  const [span, step] = [BigInt(limit) - BigInt(start), BigInt(delta)]
  const whole = span / step
  return Math.max(0, Number(whole * step === span || span > 0n !== step > 0n ? whole : whole + 1n))
}

/** The first element of a tensor as a number. */
const firstOf = ({ dtype, data }: Tensor): number | bigint =>
  isHalf(dtype) ? halfToNumber(dtype, Number(data[0])) : data[0]

/** start + i * delta, each operation rounded. */
function range(b: Builder, node: NodeView): Ref[] {
  const bounds = [0, 1, 2].map((i) => node.constant(i))
  const count = rangeCount(bounds[0], bounds.map(firstOf))
  demand(count <= TABLE_LIMIT, 'exact/too-large', () => `a range of ${count} elements`)
  const [start, , delta] = bounds.map((bound) => b.reshape(b.constant(bound), []))
  return [b.add(start, b.mul(b.cast(countUp(b, count), start.dtype), delta))]
}

/** Places outside of [-depth, depth - 1] name no element. */
function oneHot(b: Builder, node: NodeView): Ref[] {
  const [indices, values] = [node.input(0), node.input(2)]
  const depth = node.constantInts(1)?.[0] ?? 0
  demand(depth >= 0 && product(values.dims) === 2, 'onnx/bad-node', () => `OneHot of depth ${depth}`)
  const rank = indices.dims.length + 1
  const axis = node.axis(node.int('axis', -1), rank)
  const whole = b.cast(indices, 'int64')
  const place = b.where(b.less(whole, b.scalar('int64', 0)), b.add(whole, b.scalar('int64', depth)), whole)
  const spread = b.reshape(place, [...indices.dims.slice(0, axis), 1, ...indices.dims.slice(axis)])
  const [off, on] = [0, 1].map((i) => b.reshape(b.slice(values, 0, { start: i, end: i + 1 }), []))
  return [b.where(b.equal(spread, alongAxis(b, { rank, axis, size: depth })), on, off)]
}

/** Along the time axis, the first `len` elements of each batch entry in reverse order. */
function reverseSequence(b: Builder, node: NodeView): Ref[] {
  const [x, lengths] = [node.input(0), node.input(1)]
  const rank = x.dims.length
  const [time, batch] = [node.axis(node.int('time_axis', 0), rank), node.axis(node.int('batch_axis', 1), rank)]
  demand(
    time !== batch && product(lengths.dims) === x.dims[batch],
    'onnx/bad-node',
    () => `ReverseSequence of [${x.dims}] by ${product(lengths.dims)} lengths`,
  )
  const at = alongAxis(b, { rank, axis: time, size: x.dims[time] })
  const length = b.reshape(
    b.cast(lengths, 'int64'),
    x.dims.map((dim, i) => (i === batch ? dim : 1)),
  )
  const last = b.sub(length, b.scalar('int64', 1))
  const places = b.where(b.less(at, length), b.sub(last, at), b.expand(at, broadcastDims(at.dims, length.dims)))
  return [b.op('GatherElements', [x, b.expand(places, x.dims)], { axis: time })]
}

// ---------------------------------------------------------------- sizes that depend on values: constants only

/** The elements of a constant as numbers that compare. */
function comparable(value: Tensor): readonly (number | bigint)[] {
  const { dtype } = value
  if (isHalf(dtype)) return Array.from(value.data as Uint16Array, (bits) => halfToNumber(dtype, bits))
  return Array.from(value.data as ArrayLike<number | bigint>)
}

function compress(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const condition = comparable(node.constant(1))
  const flat = node.has('axis') ? x : b.reshape(x, [product(x.dims)])
  const axis = node.has('axis') ? node.axis(node.int('axis'), x.dims.length) : 0
  const places = condition.flatMap((keep, i) => (Number(keep) !== 0 ? [i] : []))
  demand(
    places.every((place) => place < flat.dims[axis]),
    'exact/shape-mismatch',
    () => `Compress of ${flat.dims[axis]} elements by ${condition.length} conditions`,
  )
  return [b.gather(flat, b.ints(places), axis)]
}

/** Coordinates of the elements that are not zero, one column each, in row-major order. */
function nonZero(b: Builder, node: NodeView): Ref[] {
  const value = node.constant(0)
  const rank = value.dims.length
  if (rank === 0) refuse('NonZero of a scalar')
  const places = comparable(value).flatMap((v, i) => (Number(v) !== 0 ? [i] : []))
  const columns = value.dims.map((dim, axis) => {
    const stride = product(value.dims.slice(axis + 1))
    return places.map((place) => BigInt(Math.floor(place / stride) % dim))
  })
  return [b.constant(tensor('int64', [rank, places.length], columns.flat()))]
}

const compareLists = (a: readonly (number | bigint)[], c: readonly (number | bigint)[]) => {
  const at = a.findIndex((value, i) => value !== c[i])
  return at < 0 ? 0 : a[at] < c[at] ? -1 : 1
}

/** Slices of a constant along an axis (flattened where there is none), each as the list of its elements. */
function slicesOf(value: Tensor, axis: number | undefined): (number | bigint)[][] {
  const elements = comparable(value)
  if (axis === undefined) return elements.map((element) => [element])
  const [length, inner] = [value.dims[axis], product(value.dims.slice(axis + 1))]
  const slices = Array.from({ length }, (): (number | bigint)[] => [])
  elements.forEach((element, i) => slices[Math.floor(i / inner) % length].push(element))
  return slices
}

/** Groups of equal slices as lists of their places, in order of first occurrence. */
function equalSlices(slices: readonly (readonly (number | bigint)[])[]): number[][] {
  const groups = new Map<string, number[]>()
  slices.forEach((slice, i) => {
    const key = slice.map((value) => (value === 0 ? '0' : String(value))).join()
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [i])
    else group.push(i)
  })
  return [...groups.values()]
}

function unique(b: Builder, node: NodeView): Ref[] {
  const value = node.constant(0)
  const axis = node.has('axis') ? node.axis(node.int('axis'), value.dims.length) : undefined
  const slices = slicesOf(value, axis)
  if (slices.some((slice) => slice.some((element) => element !== element))) refuse('Unique of NaN')
  const groups = equalSlices(slices)
  if (node.int('sorted', 1) === 1) groups.sort(([a], [c]) => compareLists(slices[a], slices[c]))
  const x = b.constant(value)
  const source = axis === undefined ? b.reshape(x, [product(x.dims)]) : x
  const inverse = new Array<number>(slices.length)
  groups.forEach((places, group) => places.forEach((place) => (inverse[place] = group)))
  const first = b.ints(groups.map(([place]) => place))
  return [b.gather(source, first, axis ?? 0), first, b.ints(inverse), b.ints(groups.map((places) => places.length))]
}

/** Rows of the operators that move elements or make constants. */
export const SHAPE: readonly OperatorRow[] = [
  operator('Shape', 1, shape),
  operator('Size', 1, (b, node) => [b.scalar('int64', product(node.input(0).dims))]),
  operator('Reshape', 5, reshape),
  operator('Squeeze', 1, squeeze),
  operator('Unsqueeze', 1, unsqueeze),
  operator('Flatten', 1, (b, node) => [b.reshape(node.input(0), flattenedDims(node.input(0), node.int('axis', 1)))]),
  operator('Transpose', 1, transpose),
  operator('Concat', 4, concat),
  operator('Split', 2, split),
  operator('Slice', 1, sliceByAttributes),
  operator('Slice', 10, sliceByInputs),
  operator('Expand', 8, expand),
  operator('Tile', 6, tile),
  operator('Pad', 2, padByAttributes),
  operator('Pad', 11, padByInputs),
  operator('CenterCropPad', 18, centerCropPad),
  operator('DepthToSpace', 1, depthToSpace),
  operator('SpaceToDepth', 1, spaceToDepth),
  operator('ConstantOfShape', 9, constantOfShape),
  operator('EyeLike', 9, eyeLike),
  operator('Trilu', 14, trilu),
  operator('Range', 11, range),
  operator('OneHot', 9, oneHot),
  operator('ReverseSequence', 10, reverseSequence),
  operator('Compress', 9, compress),
  operator('NonZero', 9, nonZero),
  operator('Unique', 11, unique),
]
