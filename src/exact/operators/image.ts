/**
 * Operators that read images at places which are data: GridSample, RoiAlign, DeformConv; and AffineGrid.
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat, sizeOf } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { minus, ratio, toDouble, toSingle } from './rational.js'
import {
  clampTo,
  corners,
  imagesOf,
  originsOf,
  reflect,
  sample,
  type Interpolation,
  type Outside,
  type Places,
} from './sampling.js'
import { floats, placesOf, windowsOf } from './windows.js'

const isHalf = (x: Ref) => x.dtype === 'float16' || x.dtype === 'bfloat16'
const single = (b: Builder, x: Ref) => (isHalf(x) ? b.cast(x, 'float32') : x)

// ---------------------------------------------------------------- GridSample

/** Coordinates in [-1, 1] as places along an axis. */
function denormalised(b: Builder, n: Ref, { size, corners }: { size: number; corners: boolean }): Ref {
  const number = (value: number) => b.scalar(n.dtype, value)
  const shifted = b.add(n, number(1))
  if (corners) return b.mul(b.div(shifted, number(2)), number(size - 1))
  return b.div(b.sub(b.mul(shifted, number(size)), number(1)), number(2))
}

const bordersOf = (size: number, corners: boolean): readonly [number, number] =>
  corners ? [0, size - 1] : [-0.5, size - 0.5]

/** Brings places beyond the borders back by the padding mode. */
function broughtBack(
  b: Builder,
  x: Ref,
  { size, corners, padding }: { size: number; corners: boolean; padding: string },
): Ref {
  const borders = bordersOf(size, corners)
  if (padding === 'reflection') return reflect(b, x, borders)
  if (padding === 'zeros') return x
  const beyond = b.or(b.less(x, b.scalar(x.dtype, borders[0])), b.less(b.scalar(x.dtype, borders[1]), x))
  return b.where(beyond, clampTo(b, x, [0, size - 1]), x)
}

const GRID_MODES: Readonly<Record<string, Interpolation>> = {
  nearest: 'nearest',
  linear: 'linear',
  bilinear: 'linear',
  cubic: 'cubic',
  bicubic: 'cubic',
}

function gridSettings(node: NodeView): { mode: Interpolation; padding: string; corners: boolean } {
  const name = node.string('mode', 'linear')
  const padding = node.string('padding_mode', 'zeros')
  demand(GRID_MODES[name] !== undefined, 'onnx/bad-node', () => `mode ${name}`)
  demand(['zeros', 'border', 'reflection'].includes(padding), 'onnx/bad-node', () => `padding_mode ${padding}`)
  return { mode: GRID_MODES[name], padding, corners: node.int('align_corners', 0) === 1 }
}

/** GridSample: the grid's last axis holds coordinates, the one of the image's last axis first. */
function gridSample(b: Builder, node: NodeView): Ref[] {
  const [given, grid] = [node.input(0), single(b, node.input(1))]
  const x = single(b, given)
  const [batch, , ...spatial] = x.dims
  const { mode, padding, corners } = gridSettings(node)
  const rank = spatial.length
  demand(
    rank >= 1 && grid.dims.length === rank + 2 && grid.dims[0] === batch && grid.dims.at(-1) === rank,
    'exact/shape-mismatch',
    () => `GridSample of [${x.dims}] by [${grid.dims}]`,
  )
  if (!isFloat(x.dtype) && mode !== 'nearest') refuse(`GridSample of ${x.dtype} by ${mode} interpolation`)
  const out = grid.dims.slice(1, -1)
  const dims = [batch, x.dims[1], ...out]
  if (sizeOf(dims) === 0) return [b.full({ dtype: given.dtype, dims }, 0)]
  demand(sizeOf(spatial) > 0, 'exact/shape-mismatch', () => `GridSample of an empty image [${x.dims}]`)
  const points = b.reshape(grid, [batch, sizeOf(out), rank])
  const at = spatial.map((size, i) => {
    const column = b.slice(points, 2, { start: rank - 1 - i, end: rank - i })
    const n = denormalised(b, b.reshape(column, [batch, sizeOf(out)]), { size, corners })
    return broughtBack(b, mode === 'nearest' ? b.op('Round', [n]) : n, { size, corners, padding })
  })
  const outside: Outside =
    padding === 'reflection'
      ? { kind: 'reflection', borders: spatial.map((size) => bordersOf(size, corners)) }
      : { kind: padding as 'zeros' | 'border' }
  const places: Places = { images: imagesOf(b, x), origins: originsOf(b, batch, spatial), at }
  const values = b.transpose(sample(b, places, { mode, outside }), [0, 2, 1])
  return [b.cast(b.reshape(values, dims), given.dtype)]
}

// ---------------------------------------------------------------- AffineGrid

/** Coordinates of the elements of an axis in [-1, 1]: of corners or of middles. */
function axisCoordinates(size: number, corners: boolean) {
  if (corners && size === 1) refuse('AffineGrid of one element with align_corners')
  return Array.from({ length: size }, (_, i) =>
    minus(corners ? ratio(2 * i, size - 1) : ratio(2 * i + 1, size), ratio(1)),
  )
}

/** AffineGrid: every place of the output, the last axis first, times the matrix of its image. */
function affineGrid(b: Builder, node: NodeView): Ref[] {
  const given = node.input(0)
  const theta = single(b, given)
  const [batch, , ...spatial] = node.constantInts(1)!
  const rank = spatial.length
  demand(
    theta.dims.join() === [batch, rank, rank + 1].join() && spatial.every((size) => size >= 1),
    'exact/shape-mismatch',
    () => `AffineGrid of [${theta.dims}] for [${spatial}]`,
  )
  const corners = node.int('align_corners', 0) === 1
  const round = theta.dtype === 'float64' ? toDouble : toSingle
  const along = spatial.map((size) => axisCoordinates(size, corners).map(round))
  const points = placesOf(spatial).map((place) => [...place.map((at, i) => along[i][at]).reverse(), 1])
  const grid = floats(b, theta.dtype, { dims: [1, points.length, rank + 1], values: points.flat() })
  const moved = b.matmul(grid, b.transpose(theta, [0, 2, 1]))
  return [b.cast(b.reshape(moved, [batch, ...spatial, rank]), given.dtype)]
}

// ---------------------------------------------------------------- RoiAlign

interface Bins {
  readonly count: number
  readonly samples: number
}

/** Sample places of every region along one axis: [regions, bins, samples]. */
function binPlaces(b: Builder, [start, end]: readonly [Ref, Ref], options: Bins & { loose: boolean }): Ref {
  const { count, samples, loose } = options
  const number = (value: number) => b.scalar(start.dtype, value)
  const extent = b.sub(end, start)
  const bin = b.div(loose ? extent : b.max(extent, number(1)), number(count))
  const column = (ref: Ref) => b.reshape(ref, [ref.dims[0], 1, 1])
  const table = (dims: readonly number[], values: readonly number[]) => floats(b, start.dtype, { dims, values })
  const bins = table(
    [1, count, 1],
    Array.from({ length: count }, (_, i) => i),
  )
  const steps = table(
    [1, 1, samples],
    Array.from({ length: samples }, (_, i) => i + 0.5),
  )
  const first = b.add(column(start), b.mul(bins, column(bin)))
  return b.add(first, b.div(b.mul(steps, column(bin)), number(samples)))
}

interface Regions {
  readonly places: Places
  /** [regions, places]: false where the place is too far outside to count. */
  readonly counts: Ref
  readonly out: readonly [number, number]
  readonly samples: number
}

function regionsOf(b: Builder, node: NodeView, { x, rois }: { x: Ref; rois: Ref }): Regions {
  const [height, width] = x.dims.slice(2)
  const samples = node.int('sampling_ratio', 0)
  if (samples <= 0) refuse('RoiAlign with a number of samples that depends on the regions')
  const out = [node.int('output_height', 1), node.int('output_width', 1)] as const
  const loose = node.opset >= 16 && node.string('coordinate_transformation_mode', 'half_pixel') === 'half_pixel'
  const scaled = b.mul(rois, b.scalar(rois.dtype, node.float('spatial_scale', 1)))
  const shifted = loose ? b.sub(scaled, b.scalar(rois.dtype, 0.5)) : scaled
  const side = (i: number) => b.reshape(b.slice(shifted, 1, { start: i, end: i + 1 }), [rois.dims[0]])
  const y = binPlaces(b, [side(1), side(3)], { count: out[0], samples, loose })
  const xs = binPlaces(b, [side(0), side(2)], { count: out[1], samples, loose })
  const dims = [rois.dims[0], out[0], out[1], samples, samples]
  const flat = (ref: Ref, shape: readonly number[]) =>
    b.reshape(b.expand(b.reshape(ref, shape), dims), [dims[0], sizeOf(dims.slice(1))])
  const at = [flat(y, [dims[0], out[0], 1, samples, 1]), flat(xs, [dims[0], 1, out[1], 1, samples])]
  const inside = at.map((ref, i) => {
    const number = (value: number) => b.scalar(ref.dtype, value)
    return b.not(b.or(b.less(ref, number(-1)), b.less(number([height, width][i]), ref)))
  })
  const origins = b.mul(b.cast(node.input(2), 'int64'), b.scalar('int64', height * width))
  return {
    places: {
      images: imagesOf(b, x),
      origins: b.reshape(origins, [dims[0], 1]),
      at: at.map((ref, i) => clampTo(b, ref, [0, [height, width][i] - 1])),
    },
    counts: b.and(inside[0], inside[1]),
    out,
    samples,
  }
}

/** The largest weighted corner of each bin (RoiAlign's own idea of a maximum), or the average of its samples. */
function pooledBins(b: Builder, { places, counts, samples, out }: Regions, mode: string): Ref {
  const how = { mode: 'linear', outside: { kind: 'border' } } as const
  const mask = b.reshape(counts, [...counts.dims, 1])
  const zero = (ref: Ref) => b.scalar(ref.dtype, 0)
  const cut = (ref: Ref) => b.reshape(ref, [ref.dims[0], out[0] * out[1], samples * samples, ref.dims.at(-1)!])
  if (mode === 'avg') {
    const values = sample(b, places, how)
    const sums = b.reduce('ReduceSum', cut(b.where(mask, values, zero(values))), [2])
    return b.div(sums, b.scalar(sums.dtype, samples * samples))
  }
  demand(mode === 'max', 'onnx/bad-node', () => `mode ${mode}`)
  const { values, weights } = corners(b, places, how)
  const products = b.mul(b.mul(weights[0]!, weights[1]!), values)
  const largest = b.reduce('ReduceMax', products, [2, 3])
  const flat = b.reshape(largest, [largest.dims[0], largest.dims[1], largest.dims[4]])
  return b.reduce('ReduceMax', cut(b.where(mask, flat, zero(flat))), [2])
}

function roiAlign(b: Builder, node: NodeView): Ref[] {
  const given = node.input(0)
  const [x, rois] = [single(b, given), single(b, node.input(1))]
  demand(
    x.dims.length === 4 && sizeOf(x.dims) > 0 && rois.dims.length === 2 && rois.dims[1] === 4,
    'exact/shape-mismatch',
    () => `RoiAlign of [${x.dims}] with [${rois.dims}]`,
  )
  const regions = regionsOf(b, node, { x, rois })
  const [height, width] = regions.out
  const pooled = pooledBins(b, regions, node.string('mode', 'avg'))
  const rows = b.reshape(pooled, [rois.dims[0], height, width, x.dims[1]])
  return [b.cast(b.transpose(rows, [0, 3, 1, 2]), given.dtype)]
}

// ---------------------------------------------------------------- DeformConv

/** Places of every tap of every window, before offsets: [1, taps, places] along each axis. */
function tapPlaces(b: Builder, windows: ReturnType<typeof windowsOf>, dtype: Ref['dtype']): Ref[] {
  const { kernel, strides, dilations, begin, out } = windows
  const taps = placesOf(kernel)
  const places = placesOf(out)
  return kernel.map((_, i) =>
    floats(b, dtype, {
      dims: [1, taps.length, places.length],
      values: taps.flatMap((tap) => places.map((at) => at[i] * strides[i] - begin[i] + tap[i] * dilations[i])),
    }),
  )
}

/** DeformConv: the taps of every window read at moved places, then the convolution of what was read. */
function deformConv(b: Builder, node: NodeView): Ref[] {
  const given = node.input(0)
  const [x, w, offset] = [0, 1, 2].map((i) => single(b, node.input(i)))
  const windows = windowsOf(node, x.dims.slice(2), w.dims.slice(2))
  const groups = node.int('offset_group', 1)
  const [batch, channels, ...spatial] = x.dims
  const [taps, count, rank] = [sizeOf(windows.kernel), sizeOf(windows.out), spatial.length]
  demand(
    groups >= 1 &&
      channels % groups === 0 &&
      offset.dims.join() === [batch, groups * taps * rank, ...windows.out].join(),
    'exact/shape-mismatch',
    () => `DeformConv of [${x.dims}] with offsets [${offset.dims}]`,
  )
  const split = b.reshape(offset, [batch * groups, taps, rank, count])
  const at = tapPlaces(b, windows, x.dtype).map((base, i) => {
    const moved = b.reshape(b.slice(split, 2, { start: i, end: i + 1 }), [batch * groups, taps, count])
    return b.reshape(b.add(base, moved), [batch * groups, taps * count])
  })
  const grouped = b.reshape(x, [batch * groups, channels / groups, ...spatial])
  const places: Places = { images: imagesOf(b, grouped), origins: originsOf(b, batch * groups, spatial), at }
  const read = sample(b, places, { mode: 'linear', outside: { kind: 'zeros' } })
  const mask = node.optional(4)
  const weighted =
    mask === undefined ? read : b.mul(read, b.reshape(single(b, mask), [batch * groups, taps * count, 1]))
  const columns = b.reshape(b.transpose(weighted, [0, 2, 1]), [batch, channels, taps, count])
  const product = b.op('Conv', [columns, b.reshape(w, [...w.dims.slice(0, 2), taps, 1])], {
    group: node.int('group', 1),
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
  })
  const bias = node.optional(3)
  const y = bias === undefined ? product : b.add(product, b.reshape(single(b, bias), [1, bias.dims[0], 1, 1]))
  return [b.cast(b.reshape(y, [batch, w.dims[0], ...windows.out]), given.dtype)]
}

/** GridSample, AffineGrid, RoiAlign, DeformConv. */
export const IMAGE: readonly OperatorRow[] = [
  operator('GridSample', 16, gridSample),
  operator('AffineGrid', 20, affineGrid),
  operator('RoiAlign', 10, roiAlign),
  operator('DeformConv', 19, deformConv),
]
