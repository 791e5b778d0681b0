/**
 * Poolings: maxima, averages and norms over sliding windows, and what goes back.
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat, sizeOf, tensor, type DType } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { worst } from '../ops/order.js'
import { stack } from './sampling.js'
import { floats, inSingle, padSpatial, placesOf, reachOf, windowsOf, type Windows } from './windows.js'

const windowsOfNode = (node: NodeView) => windowsOf(node, node.input(0).dims.slice(2), node.ints('kernel_shape'))

/** True where windows lie side by side: no element belongs to two, and none is left out between them. */
const apart = ({ kernel, strides, dilations, begin, end }: Windows) =>
  kernel.every((k, i) => strides[i] === k && (dilations[i] === 1 || k === 1) && begin[i] === 0 && end[i] === 0)

/** Windows side by side as axes of their own: [N, C, windows and elements of each axis in turn]. */
function cutApart(b: Builder, x: Ref, { kernel, out }: Windows): Ref {
  const used = kernel.reduce((y, k, i) => b.slice(y, 2 + i, { start: 0, end: out[i] * k }), x)
  return b.reshape(used, [...x.dims.slice(0, 2), ...kernel.flatMap((k, i) => [out[i], k])])
}

/**
 * Sums over windows, each an exact sum of its own: one grid for a whole plane would lose what is small beside its largest element.
 * Elements of a window are summed in row-major order.
 */
function windowSums(b: Builder, x: Ref, windows: Windows): Ref {
  const dims = [...x.dims.slice(0, 2), ...windows.out]
  if (apart(windows)) {
    const inner = windows.kernel.map((_, i) => 3 + 2 * i)
    return b.reshape(b.reduce('ReduceSum', cutApart(b, x, windows), inner), dims)
  }
  const taps = stack(b, windowTaps(b, x, { windows, fill: b.scalar(x.dtype, 0) }))
  return b.reshape(b.reduce('ReduceSum', taps, [dims.length]), dims)
}

/** Elements of every window along one axis; pads count where `padded`, what ceil_mode adds never does. */
function countsAlong(windows: Windows, axis: number, padded: boolean): number[] {
  const { spatial, kernel, strides, dilations, begin, stated, out } = windows
  const [low, high] = padded ? [-begin[axis], spatial[axis] + stated[axis]] : [0, spatial[axis]]
  return Array.from({ length: out[axis] }, (_, o) => {
    const first = o * strides[axis] - begin[axis]
    const taps = Array.from({ length: kernel[axis] }, (_, t) => first + t * dilations[axis])
    return taps.filter((at) => at >= low && at < high).length
  })
}

/** Elements of every window, as a constant that broadcasts to the output. */
function windowCounts(b: Builder, windows: Windows, { dtype, padded }: { dtype: DType; padded: boolean }): Ref {
  const along = windows.out.map((_, axis) => countsAlong(windows, axis, padded))
  const values = along.reduce<number[]>((all, counts) => all.flatMap((n) => counts.map((m) => n * m)), [1])
  if (values.includes(0)) refuse('an average over a window that holds no element')
  const even = values.every((count) => count === values[0])
  return even ? b.scalar(dtype, values[0]) : floats(b, dtype, { dims: [1, 1, ...windows.out], values })
}

function averagePool(b: Builder, node: NodeView): Ref[] {
  const windows = windowsOfNode(node)
  const padded = node.int('count_include_pad', 0) === 1
  const average = (x: Ref) => b.div(windowSums(b, x, windows), windowCounts(b, windows, { dtype: x.dtype, padded }))
  return [inSingle(b, node.input(0), average)]
}

/** |x|^p by multiplication from left to right. */
function powerOf(b: Builder, x: Ref, p: number): Ref {
  const magnitude = p % 2 === 0 ? x : b.abs(x)
  return Array.from({ length: p - 1 }).reduce<Ref>((product) => b.mul(product, magnitude), magnitude)
}

/** x^(1/p) of values that are not negative. */
function rootOf(b: Builder, x: Ref, p: number): Ref {
  if (p === 1) return x
  return p === 2 ? b.sqrt(x) : b.op('Pow', [x, b.div(b.scalar(x.dtype, 1), b.scalar(x.dtype, p))])
}

/** Norms of exponents beyond this are refused: each is one multiplication. */
const NORM_LIMIT = 64

function normOrder(node: NodeView): number {
  const p = node.int('p', 2)
  if (p < 1 || p > NORM_LIMIT) refuse(`a norm of order ${p}`)
  return p
}

function lpPool(b: Builder, node: NodeView): Ref[] {
  const p = normOrder(node)
  const windows = windowsOfNode(node)
  return [inSingle(b, node.input(0), (x) => rootOf(b, windowSums(b, powerOf(b, x, p), windows), p))]
}

const spatialAxes = (x: Ref) => x.dims.map((_, i) => i).slice(2)

function globalLpPool(b: Builder, node: NodeView): Ref[] {
  const p = normOrder(node)
  const norm = (x: Ref) => rootOf(b, b.reduce('ReduceSum', powerOf(b, x, p), spatialAxes(x)), p)
  return [inSingle(b, node.input(0), norm)]
}

/** For every tap the elements that it reads, shaped as the output; `fill` (rank 0) stands in the padding. */
function windowTaps(b: Builder, x: Ref, { windows, fill }: { windows: Windows; fill: Ref }): Ref[] {
  const { kernel, strides, dilations, begin, end, out } = windows
  const padded = begin.reduce((y, _, i) => {
    const filled = (count: number) =>
      b.expand(
        fill,
        y.dims.map((dim, k) => (k === 2 + i ? count : dim)),
      )
    const parts = [...(begin[i] > 0 ? [filled(begin[i])] : []), y, ...(end[i] > 0 ? [filled(end[i])] : [])]
    return b.concat(parts, 2 + i)
  }, x)
  return placesOf(kernel).map((tap) =>
    tap.reduce((y, t, i) => {
      const start = t * dilations[i]
      return b.slice(y, 2 + i, { start, end: start + (out[i] - 1) * strides[i] + 1, step: strides[i] })
    }, padded),
  )
}

// ---------------------------------------------------------------- MaxPool

/** Maxima of float32 windows. Where a window may lie in the padding alone, the padding is made of elements first. */
function maxima(b: Builder, x: Ref, windows: Windows): Ref {
  const { kernel, strides, dilations, begin, end } = windows
  const inside = [...begin, ...end].every(
    (pad, i) => pad < reachOf(kernel[i % kernel.length], dilations[i % kernel.length]),
  )
  const padded = inside ? x : padSpatial(b, x, { skip: 2, begin, end, value: -Infinity })
  const pads = inside ? [...begin, ...end] : [...begin, ...end].map(() => 0)
  return b.op('MaxPool', [padded], { kernel, strides, pads, dilations })
}

/** The same for element types that the exact op does not have: the larger of each tap's elements, one after the other. */
function maximaByTaps(b: Builder, x: Ref, windows: Windows): Ref {
  const lowest = b.constant(tensor(x.dtype, [], [worst(x.dtype, 1)] as number[]))
  return windowTaps(b, x, { windows, fill: lowest }).reduce((a, c) => b.max(a, c))
}

/** float32 holds every value of these types. */
const IN_SINGLE: readonly DType[] = ['float16', 'bfloat16', 'int8', 'uint8', 'int16', 'uint16']

/** The maxima of windows over any ordered element type. */
function maxPoolValues(b: Builder, x: Ref, windows: Windows): Ref {
  if (x.dtype === 'float32') return maxima(b, x, windows)
  if (!IN_SINGLE.includes(x.dtype)) return maximaByTaps(b, x, windows)
  const pooled = maxima(b, b.cast(x, 'float32'), windows)
  if (isFloat(x.dtype)) return b.cast(pooled, x.dtype)
  // A window of padding alone is -infinity; an integer type has its lowest value instead.
  return b.cast(b.max(pooled, b.scalar('float32', worst(x.dtype, 1))), x.dtype)
}

/** For every window its taps' places in the input (row-major); taps in the padding repeat the window's first place inside. */
function windowPlaces({ spatial, kernel, strides, dilations, begin, out }: Windows): number[][] {
  const taps = placesOf(kernel)
  return placesOf(out).map((at) => {
    const cells = taps.map((tap) => tap.map((t, i) => at[i] * strides[i] + t * dilations[i] - begin[i]))
    const places = cells.map((cell) =>
      cell.every((v, i) => v >= 0 && v < spatial[i]) ? cell.reduce((index, v, i) => index * spatial[i] + v, 0) : -1,
    )
    const first = places.find((place) => place >= 0)
    if (first === undefined) refuse('indices of a window that holds no element')
    return places.map((place) => (place < 0 ? first! : place))
  })
}

/** A place counted column by column instead of row by row. */
function columnMajor(place: number, spatial: readonly number[]): number {
  let rest = place
  const cell = [...spatial].reverse().map((size) => {
    const at = rest % size
    rest = Math.floor(rest / size)
    return at
  })
  return cell.reduce((index, v, i) => index * spatial[spatial.length - 1 - i] + v, 0)
}

/**
 * The place of each window's maximum in the whole input, the first where several are equal: int64, shaped as the output.
 * Source: ONNX MaxPool, output Indices.
 */
export function maxPoolPlaces(b: Builder, x: Ref, windows: Windows, options: { columns: boolean }): Ref {
  const planes = x.dims[0] * x.dims[1]
  const area = sizeOf(windows.spatial)
  const places = windowPlaces(windows)
  const shape = [places.length, places[0].length]
  const table = (values: readonly number[]) => b.constant(tensor('int64', shape, values.map(BigInt)))
  const patches = b.gather(b.reshape(x, [planes, area]), table(places.flat()), 1)
  const best = b.op('ArgMax', [patches], { axis: 2 })
  const named = options.columns ? places.flat().map((place) => columnMajor(place, windows.spatial)) : places.flat()
  const within = b.op('GatherElements', [b.expand(table(named), [planes, ...shape]), best], { axis: 2 })
  const offsets = Array.from({ length: planes }, (_, plane) => BigInt(plane * area))
  const whole = b.add(within, b.constant(tensor('int64', [planes, 1, 1], offsets)))
  return b.reshape(whole, [...x.dims.slice(0, 2), ...windows.out])
}

function maxPool(b: Builder, node: NodeView): (Ref | undefined)[] {
  const x = node.input(0)
  const windows = windowsOfNode(node)
  const wanted = (node.outputs[1] ?? '') !== ''
  const columns = node.int('storage_order', 0) === 1
  return [maxPoolValues(b, x, windows), wanted ? maxPoolPlaces(b, x, windows, { columns }) : undefined]
}

/** Scatters values back to the places of maxima; the inferred shape fills the corner of a larger output_shape. */
function maxUnpool(b: Builder, node: NodeView): Ref[] {
  const [x, places] = [node.input(0), node.input(1)]
  const rank = x.dims.length - 2
  const kernel = node.ints('kernel_shape')
  const strides = node.ints('strides', new Array<number>(rank).fill(1))
  const pads = node.ints('pads', new Array<number>(2 * rank).fill(0))
  demand(
    rank >= 1 && kernel.length === rank && strides.length === rank && pads.length === 2 * rank,
    'onnx/bad-node',
    () => `MaxUnpool of [${x.dims}] with kernel [${kernel}]`,
  )
  const spatial = kernel.map((k, i) => (x.dims[2 + i] - 1) * strides[i] - pads[i] - pads[rank + i] + k)
  const dims = [...x.dims.slice(0, 2), ...spatial]
  const zeros = b.full({ dtype: x.dtype, dims: [sizeOf(dims)] }, 0)
  const flat = (ref: Ref) => b.reshape(ref, [sizeOf(x.dims)])
  const scattered = b.op('ScatterElements', [zeros, flat(places), flat(x)], { axis: 0 })
  const shape = node.constantInts(2) ?? dims
  const begin = spatial.map(() => 0)
  const end = spatial.map((size, i) => shape[2 + i] - size)
  return [padSpatial(b, b.reshape(scattered, dims), { skip: 2, begin, end, value: 0 })]
}

// ---------------------------------------------------------------- LRN

/** Squares summed over neighbouring channels (a convolution with ones), then x / (bias + alpha / size * sum)^beta. */
function localResponse(b: Builder, node: NodeView): Ref[] {
  const size = node.int('size')
  demand(size >= 1, 'onnx/bad-node', () => `LRN over ${size} channels`)
  const number = (x: Ref, name: string, fallback: number) => b.scalar(x.dtype, node.float(name, fallback))
  const normalised = (x: Ref) => {
    const [batch, channels, ...spatial] = x.dims
    const squares = b.reshape(b.mul(x, x), [batch, 1, channels, sizeOf(spatial)])
    const ones = b.full({ dtype: x.dtype, dims: [1, 1, size, 1] }, 1)
    const before = Math.floor((size - 1) / 2)
    const pads = [before, 0, size - 1 - before, 0]
    const sums = b.op('Conv', [squares, ones], { group: 1, strides: [1, 1], pads, dilations: [1, 1] })
    const share = b.div(number(x, 'alpha', 0.0001), b.scalar(x.dtype, size))
    const base = b.add(number(x, 'bias', 1), b.mul(share, b.reshape(sums, x.dims)))
    return b.div(x, b.op('Pow', [base, number(x, 'beta', 0.75)]))
  }
  return [inSingle(b, node.input(0), normalised)]
}

/** Poolings and LRN. */
export const POOL: readonly OperatorRow[] = [
  operator('AveragePool', 1, averagePool),
  operator('GlobalAveragePool', 1, (b, node) => [inSingle(b, node.input(0), (x) => b.mean(x, spatialAxes(x)))]),
  operator('LpPool', 1, lpPool),
  operator('GlobalLpPool', 1, globalLpPool),
  operator('MaxPool', 1, maxPool),
  operator('GlobalMaxPool', 1, (b, node) => [b.reduce('ReduceMax', node.input(0), spatialAxes(node.input(0)))]),
  operator('MaxUnpool', 9, maxUnpool),
  operator('LRN', 1, localResponse),
]
