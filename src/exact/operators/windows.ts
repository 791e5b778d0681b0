/**
 * Windows that slide over spatial axes, as convolutions and poolings state them: explicit pads, auto_pad, ceil_mode.
 * @module
 */
import { demand } from '../../core/faults.js'
import { tensor, type DType } from '../../core/tensor.js'
import type { Builder, Ref } from '../builder.js'
import type { NodeView } from '../operator.js'

/** Windows along every spatial axis, with the pads at both ends that they really reach into. */
export interface Windows {
  readonly spatial: readonly number[]
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly begin: readonly number[]
  readonly end: readonly number[]
  /** Pads at the end as the file states them, which count as elements where pads count. */
  readonly stated: readonly number[]
  readonly out: readonly number[]
}

/** Elements from the first to the last tap of a window. */
export const reachOf = (kernel: number, dilation: number) => dilation * (kernel - 1) + 1

/** A list attribute with one entry for every spatial axis, each at least `least`. */
export function perAxis(
  node: NodeView,
  name: string,
  { rank, fallback, least }: { rank: number; fallback: number; least: number },
): readonly number[] {
  const values = node.ints(name, new Array<number>(rank).fill(fallback))
  demand(
    values.length === rank && values.every((v) => v >= least),
    'onnx/bad-node',
    () => `${name} [${values}] over ${rank} values of at least ${least}`,
  )
  return values
}

/** Pads of one axis and the number of its windows. */
interface Span {
  readonly begin: number
  readonly stated: number
  readonly out: number
}

interface Axis {
  readonly size: number
  readonly reach: number
  readonly stride: number
}

/** Splits a total padding: the odd element goes to the end, for SAME_LOWER to the beginning. */
export function splitPadding(total: number, lower: boolean): { begin: number; end: number } {
  const begin = lower ? Math.ceil(total / 2) : Math.floor(total / 2)
  return { begin, end: total - begin }
}

function sameSpan({ size, reach, stride }: Axis, lower: boolean): Span {
  const out = Math.ceil(size / stride)
  const { begin, end } = splitPadding(Math.max(0, (out - 1) * stride + reach - size), lower)
  return { begin, stated: end, out }
}

/** A window that would begin in the padding at the end is left out (ceil_mode). */
function explicitSpan({ size, reach, stride }: Axis, pads: readonly [number, number], ceil: boolean): Span {
  const room = (size + pads[0] + pads[1] - reach) / stride
  const out = (ceil ? Math.ceil(room) : Math.floor(room)) + 1
  const kept = ceil && (out - 1) * stride >= size + pads[0] ? out - 1 : out
  return { begin: pads[0], stated: pads[1], out: kept }
}

/**
 * The windows of a node over these spatial sizes.
 * @throws Fault `onnx/bad-node` where attributes do not fit the rank or each other, `exact/shape-mismatch` where no window fits.
 */
export function windowsOf(node: NodeView, spatial: readonly number[], kernel: readonly number[]): Windows {
  const rank = spatial.length
  demand(
    rank >= 1 && kernel.length === rank && kernel.every((k) => k >= 1),
    'onnx/bad-node',
    () => `kernel [${kernel}] over spatial sizes [${spatial}]`,
  )
  const strides = perAxis(node, 'strides', { rank, fallback: 1, least: 1 })
  const dilations = perAxis(node, 'dilations', { rank, fallback: 1, least: 1 })
  const pads = perAxis(node, 'pads', { rank: 2 * rank, fallback: 0, least: 0 })
  const auto = node.string('auto_pad', 'NOTSET')
  demand(['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'].includes(auto), 'onnx/bad-node', () => `auto_pad ${auto}`)
  const spans = spatial.map((size, i) => {
    const axis = { size, reach: reachOf(kernel[i], dilations[i]), stride: strides[i] }
    if (auto.startsWith('SAME')) return sameSpan(axis, auto === 'SAME_LOWER')
    if (auto === 'VALID') return explicitSpan(axis, [0, 0], false)
    return explicitSpan(axis, [pads[i], pads[rank + i]], node.int('ceil_mode', 0) === 1)
  })
  demand(
    spans.every(({ out }) => out >= 1),
    'exact/shape-mismatch',
    () => `kernel [${kernel}] does not fit into [${spatial}]`,
  )
  const needed = ({ begin, out }: Span, i: number) =>
    Math.max(0, (out - 1) * strides[i] + reachOf(kernel[i], dilations[i]) - spatial[i] - begin)
  return {
    spatial,
    kernel,
    strides,
    dilations,
    begin: spans.map(({ begin }) => begin),
    end: spans.map(needed),
    stated: spans.map(({ stated }) => stated),
    out: spans.map(({ out }) => out),
  }
}

/** The attributes of the exact op Conv for these windows. */
export const convAttributes = ({ strides, begin, end, dilations }: Windows, group: number) => ({
  group,
  strides,
  pads: [...begin, ...end],
  dilations,
})

/** `begin` and `end` elements of `value` around the elements of an axis; negative numbers drop elements instead. */
function extend(
  b: Builder,
  x: Ref,
  { axis, begin, end, value }: { axis: number; begin: number; end: number; value: number },
): Ref {
  const length = x.dims[axis] + begin + end
  demand(length >= 0, 'exact/shape-mismatch', () => `pads ${begin} and ${end} around ${x.dims[axis]} elements`)
  const from = Math.min(length, Math.max(0, begin))
  const to = Math.max(from, Math.min(length, begin + x.dims[axis]))
  const fill = (count: number) =>
    b.full({ dtype: x.dtype, dims: x.dims.map((dim, i) => (i === axis ? count : dim)) }, value)
  if (from === to) return fill(length)
  const kept = b.slice(x, axis, { start: from - begin, end: to - begin })
  const parts = [...(from > 0 ? [fill(from)] : []), kept, ...(to < length ? [fill(length - to)] : [])]
  return b.concat(parts, axis)
}

/** Pads (negative: crops) the spatial axes, which follow the first `skip` axes. */
export function padSpatial(
  b: Builder,
  x: Ref,
  { skip, begin, end, value }: { skip: number; begin: readonly number[]; end: readonly number[]; value: number },
): Ref {
  return begin.reduce((y, _, i) => extend(b, y, { axis: skip + i, begin: begin[i], end: end[i], value }), x)
}

/** Inserts `stride - 1` zeros between the elements of an axis. */
export function spread(b: Builder, x: Ref, axis: number, stride: number): Ref {
  const size = x.dims[axis]
  if (stride === 1 || size <= 1) return x
  const dims = [...x.dims.slice(0, axis + 1), 1, ...x.dims.slice(axis + 1)]
  const apart = extend(b, b.reshape(x, dims), { axis: axis + 1, begin: 0, end: stride - 1, value: 0 })
  const joined = b.reshape(
    apart,
    x.dims.map((dim, i) => (i === axis ? dim * stride : dim)),
  )
  return b.slice(joined, axis, { start: 0, end: (size - 1) * stride + 1 })
}

/** Coordinates of every place of a shape, in row-major order. */
export function placesOf(dims: readonly number[]): number[][] {
  return dims.reduce<number[][]>(
    (all, dim) => all.flatMap((at) => Array.from({ length: dim }, (_, i) => [...at, i])),
    [[]],
  )
}

/** A constant of float64 values, rounded to a dtype. */
export function floats(
  b: Builder,
  dtype: DType,
  { dims, values }: { dims: readonly number[]; values: readonly number[] },
): Ref {
  const wide = dtype === 'float64' ? 'float64' : 'float32'
  return b.cast(b.constant(tensor(wide, dims, values)), dtype)
}

/** Computes in float32 what is not float32 or float64, and rounds once at the end. */
export function inSingle(b: Builder, x: Ref, compute: (x: Ref) => Ref): Ref {
  const half = x.dtype === 'float16' || x.dtype === 'bfloat16'
  return half ? b.cast(compute(b.cast(x, 'float32')), x.dtype) : compute(x)
}
