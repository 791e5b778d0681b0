/**
 * Resize and Upsample: coordinates and weights are fixed when compiling, in exact arithmetic; what runs is gathering and weighted sums.
 * @module
 */
import { demand } from '../../core/faults.js'
import { DTYPES, sizeOf, tensor } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { rangeOf } from '../ops/elementwise.js'
import {
  ceilOf,
  compare,
  floorOf,
  magnitude,
  minus,
  over,
  plus,
  ratio,
  rational,
  times,
  toDouble,
  toSingle,
  type Rational,
} from './rational.js'
import { floats } from './windows.js'

/** How one axis is resized. */
interface AxisPlan {
  readonly axis: number
  readonly size: number
  readonly out: number
  /** The factor that coordinates are divided by; with `sizes` the quotient of the sizes. */
  readonly scale: Rational
  /** Start and end of the region of interest (tf_crop_and_resize), as shares of the axis. */
  readonly roi: readonly [Rational, Rational]
}

type Mode = 'nearest' | 'linear' | 'cubic'

interface Settings {
  readonly mode: Mode
  readonly transform: string
  readonly nearest: string
  readonly antialias: boolean
  readonly cubic: Rational
  readonly excludeOutside: boolean
  readonly extrapolation: number
}

/** Entries of one axis's table of taps: beyond this it is no longer a table for compile time. */
const TABLE_LIMIT = 2 ** 24

const ZERO = ratio(0)
const HALF = ratio(1, 2)
const ONE = ratio(1)
const TWO = ratio(2)

/** Where an element of the output lies in the input. Source: ONNX Resize, coordinate_transformation_mode. */
const COORDINATES: Readonly<Record<string, (x: Rational, axis: AxisPlan) => Rational>> = {
  half_pixel: (x, { scale }) => minus(over(plus(x, HALF), scale), HALF),
  pytorch_half_pixel: (x, { scale, out }) => (out > 1 ? minus(over(plus(x, HALF), scale), HALF) : ZERO),
  asymmetric: (x, { scale }) => over(x, scale),
  tf_half_pixel_for_nn: (x, { scale }) => over(plus(x, HALF), scale),
  align_corners: (x, { scale, size }) => {
    const span = minus(times(scale, ratio(size)), ONE)
    return span.n === 0n ? ZERO : over(times(x, ratio(size - 1)), span)
  },
  half_pixel_symmetric: (x, { scale, size, out }) => {
    const adjustment = over(ratio(out), times(scale, ratio(size)))
    const offset = times(ratio(size, 2), minus(ONE, adjustment))
    return plus(offset, minus(over(plus(x, HALF), scale), HALF))
  },
  tf_crop_and_resize: (x, { scale, size, roi: [start, end] }) => {
    const [span, last] = [minus(times(scale, ratio(size)), ONE), ratio(size - 1)]
    if (span.n === 0n) return times(times(HALF, plus(start, end)), last)
    return plus(times(start, last), over(times(times(x, minus(end, start)), last), span))
  },
}

const NEAREST: Readonly<Record<string, (x: Rational) => number>> = {
  floor: floorOf,
  ceil: ceilOf,
  round_prefer_floor: (x) => ceilOf(minus(x, HALF)),
  round_prefer_ceil: (x) => floorOf(plus(x, HALF)),
}

/** The triangle of linear interpolation. */
function linearWeight(distance: Rational): Rational {
  const t = magnitude(distance)
  return compare(t, ONE) < 0 ? minus(ONE, t) : ZERO
}

/** Keys' cubic convolution with coefficient a (IEEE 1163711, equation 4). */
function cubicWeight(distance: Rational, a: Rational): Rational {
  const t = magnitude(distance)
  const [t2, t3] = [times(t, t), times(t, times(t, t))]
  if (compare(t, ONE) <= 0) {
    return plus(minus(times(plus(a, TWO), t3), times(plus(a, ratio(3)), t2)), ONE)
  }
  if (compare(t, TWO) >= 0) return ZERO
  return times(a, minus(plus(minus(t3, times(ratio(5), t2)), times(ratio(8), t)), ratio(4)))
}

/** The elements that an output element is made of, with their weights. */
interface Taps {
  readonly places: readonly number[]
  readonly weights: readonly Rational[]
  /** True where the coordinate lies outside of the input (tf_crop_and_resize). */
  readonly outside: boolean
}

const clamp = (place: number, size: number) => Math.min(Math.max(place, 0), size - 1)

/** Places from first to last, weighted by distance; what lies outside counts as the edge, or not at all (exclude_outside). */
function weighted(x: Rational, axis: AxisPlan, settings: Settings): Omit<Taps, 'outside'> {
  const shrink = settings.antialias && compare(axis.scale, ONE) < 0 ? axis.scale : ONE
  const support = over(ratio(settings.mode === 'linear' ? 1 : 2), shrink)
  const [first, last] = [floorOf(minus(x, support)) + 1, ceilOf(plus(x, support)) - 1]
  demand(last - first < TABLE_LIMIT, 'exact/too-large', () => `Resize with ${last - first} taps`)
  const places = Array.from({ length: last - first + 1 }, (_, i) => first + i)
  const weightAt = (place: number) => {
    const distance = times(minus(ratio(place), x), shrink)
    return settings.mode === 'linear' ? linearWeight(distance) : cubicWeight(distance, settings.cubic)
  }
  const inside = (place: number) => !settings.excludeOutside || (place >= 0 && place < axis.size)
  const kept = places.filter(inside)
  const weights = kept.map(weightAt)
  const normal = shrink === ONE && kept.length === places.length
  const total = normal ? ONE : weights.reduce(plus, ZERO)
  if (total.n === 0n) refuse('Resize to an element whose weights are all outside of the input')
  return {
    places: kept.map((place) => clamp(place, axis.size)),
    weights: normal ? weights : weights.map((w) => over(w, total)),
  }
}

function tapsAt(index: number, axis: AxisPlan, settings: Settings): Taps {
  const x = COORDINATES[settings.transform](ratio(index), axis)
  const outside =
    settings.transform === 'tf_crop_and_resize' && (compare(x, ZERO) < 0 || compare(x, ratio(axis.size - 1)) > 0)
  if (outside) return { places: [0], weights: [ONE], outside }
  if (settings.mode !== 'nearest') return { ...weighted(x, axis, settings), outside }
  return { places: [clamp(NEAREST[settings.nearest](x), axis.size)], weights: [ONE], outside }
}

/** Resizes one axis. The taps of an element are summed exactly; two are added. */
function resizeAxis(b: Builder, x: Ref, { axis, taps }: { axis: number; taps: readonly Taps[] }): Ref {
  const out = taps.length
  const width = Math.max(...taps.map(({ places }) => places.length))
  const single = taps.every(({ weights }) => weights.length === 1)
  if (single && out === x.dims[axis] && taps.every(({ places }, i) => places[0] === i)) return x
  demand(out * width <= TABLE_LIMIT, 'exact/too-large', () => `Resize with ${out} times ${width} taps`)
  const column = (tap: number) =>
    b.constant(
      tensor(
        'int64',
        [out],
        taps.map(({ places }) => BigInt(places[tap] ?? 0)),
      ),
    )
  if (single) return b.gather(x, column(0), axis)
  const round = x.dtype === 'float64' ? toDouble : toSingle
  const values = (tap: number) => taps.map(({ weights }) => (tap < weights.length ? round(weights[tap]) : 0))
  const behind = x.dims.slice(axis + 1).map(() => 1)
  const terms = Array.from({ length: width }, (_, tap) =>
    b.mul(b.gather(x, column(tap), axis), floats(b, x.dtype, { dims: [out, ...behind], values: values(tap) })),
  )
  if (terms.length <= 2) return terms.reduce((a, c) => b.add(a, c))
  const stacked = b.concat(
    terms.map((term) => b.reshape(term, [...term.dims, 1])),
    x.dims.length,
  )
  return b.reshape(b.reduce('ReduceSum', stacked, [x.dims.length]), terms[0].dims)
}

/** Puts the extrapolation value where a coordinate of any axis lies outside of the input. */
function extrapolated(
  b: Builder,
  y: Ref,
  { taps, value }: { taps: readonly { axis: number; taps: readonly Taps[] }[]; value: number },
): Ref {
  return taps.reduce((result, { axis, taps: along }) => {
    if (along.every(({ outside }) => !outside)) return result
    const dims = [along.length, ...y.dims.slice(axis + 1).map(() => 1)]
    const mask = tensor(
      'bool',
      dims,
      along.map(({ outside }) => (outside ? 1 : 0)),
    )
    return b.where(b.constant(mask), b.scalar(y.dtype, value), result)
  }, y)
}

/** Integers are interpolated in float32, rounded half to even and kept in their range. */
function inFloats(b: Builder, x: Ref, mode: Mode, compute: (x: Ref) => Ref): Ref {
  if (mode === 'nearest' || x.dtype === 'float32' || x.dtype === 'float64') return compute(x)
  if (DTYPES[x.dtype].bytes > 2) refuse(`Resize of ${x.dtype} by ${mode} interpolation`)
  const y = compute(b.cast(x, 'float32'))
  if (DTYPES[x.dtype].kind === 'float') return b.cast(y, x.dtype)
  const [low, high] = rangeOf(x.dtype)
  const limit = (bound: bigint) => b.scalar('float32', Number(bound))
  return b.cast(b.min(b.max(b.op('Round', [y]), limit(low)), limit(high)), x.dtype)
}

function resized(b: Builder, x: Ref, { axes, settings }: { axes: readonly AxisPlan[]; settings: Settings }): Ref {
  demand(COORDINATES[settings.transform] !== undefined, 'onnx/bad-node', () => `transformation ${settings.transform}`)
  demand(NEAREST[settings.nearest] !== undefined, 'onnx/bad-node', () => `nearest_mode ${settings.nearest}`)
  if (settings.mode === 'nearest' && settings.antialias) refuse('nearest Resize with antialias')
  const dims = x.dims.map((dim, i) => axes.find(({ axis }) => axis === i)?.out ?? dim)
  demand(
    axes.every(({ size, out }) => size > 0 || out === 0),
    'exact/shape-mismatch',
    () => `Resize of [${x.dims}] to [${dims}]`,
  )
  if (sizeOf(dims) === 0) return b.full({ dtype: x.dtype, dims }, 0)
  const tables = axes.map((plan) => {
    demand(plan.out <= TABLE_LIMIT, 'exact/too-large', () => `Resize to ${plan.out} elements`)
    return { axis: plan.axis, taps: Array.from({ length: plan.out }, (_, i) => tapsAt(i, plan, settings)) }
  })
  const compute = (y: Ref) =>
    extrapolated(
      b,
      tables.reduce((z, table) => resizeAxis(b, z, table), y),
      { taps: tables, value: settings.extrapolation },
    )
  return inFloats(b, x, settings.mode, compute)
}

// ---------------------------------------------------------------- what the node says

/** Sizes that follow from scales: input size times scale in binary32, rounded down, as ONNX infers them. */
const scaledSize = (size: number, scale: number) => Math.floor(Math.fround(size * scale))

function positive(scales: readonly number[]): readonly number[] {
  demand(
    scales.every((scale) => scale > 0 && Number.isFinite(scale)),
    'onnx/bad-node',
    () => `scales [${scales}]`,
  )
  return scales
}

const WHOLE: readonly [Rational, Rational] = [ZERO, ONE]

function plansOfScales(x: Ref, axes: readonly number[], scales: readonly number[]): AxisPlan[] {
  demand(scales.length === axes.length, 'onnx/bad-node', () => `${scales.length} scales for ${axes.length} axes`)
  return positive(scales).map((scale, i) => {
    const size = x.dims[axes[i]]
    return { axis: axes[i], size, out: scaledSize(size, scale), scale: rational(scale), roi: WHOLE }
  })
}

/** keep_aspect_ratio_policy: one scale for all axes, the smallest or the largest. */
function plansOfSizes(
  x: Ref,
  axes: readonly number[],
  { sizes, policy }: { sizes: readonly number[]; policy: string },
) {
  demand(
    sizes.length === axes.length && sizes.every((size) => Number.isSafeInteger(size) && size >= 0),
    'onnx/bad-node',
    () => `sizes [${sizes}] for ${axes.length} axes`,
  )
  demand(
    axes.every((axis, i) => x.dims[axis] > 0 || sizes[i] === 0),
    'exact/shape-mismatch',
    () => `Resize of [${x.dims}] to [${sizes}]`,
  )
  const scales = axes.map((axis, i) => ratio(sizes[i], Math.max(1, x.dims[axis])))
  demand(['stretch', 'not_larger', 'not_smaller'].includes(policy), 'onnx/bad-node', () => `policy ${policy}`)
  const pick = (a: Rational, c: Rational) => (compare(a, c) < 0 === (policy === 'not_larger') ? a : c)
  const common = policy === 'stretch' || scales.length === 0 ? undefined : scales.reduce(pick)
  return axes.map((axis, i): AxisPlan => {
    const size = x.dims[axis]
    const scale = common ?? scales[i]
    return { axis, size, scale, out: floorOf(plus(times(scale, ratio(size)), HALF)), roi: WHOLE }
  })
}

/** The region of interest of every axis; without `sizes` it would also decide the output's size, which implementations do differently. */
function withRegion(node: NodeView, plans: readonly AxisPlan[], { bySizes }: { bySizes: boolean }): AxisPlan[] {
  const roi = Array.from(node.constant(1).data as Iterable<number>, Number)
  demand(roi.length === 2 * plans.length, 'onnx/bad-node', () => `roi of ${roi.length} numbers`)
  if (!bySizes && plans.some((_, i) => roi[plans.length + i] - roi[i] !== 1)) refuse('tf_crop_and_resize by scales')
  return plans.map((plan, i) => ({ ...plan, roi: [rational(roi[i]), rational(roi[plans.length + i])] }))
}

const present = (node: NodeView, index: number) => {
  const ref = node.optional(index)
  return ref !== undefined && sizeOf(ref.dims) > 0
}

const scalesAt = (node: NodeView, index: number) => Array.from(node.constant(index).data as Iterable<number>, Number)

function modeOf(node: NodeView): Mode {
  const mode = node.string('mode', 'nearest')
  demand(['nearest', 'linear', 'cubic'].includes(mode), 'onnx/bad-node', () => `mode ${mode}`)
  return mode as Mode
}

function resize(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const rank = x.dims.length
  const axes = node
    .ints(
      'axes',
      x.dims.map((_, i) => i),
    )
    .map((axis) => node.axis(axis, rank))
  const bySizes = present(node, 3)
  demand(bySizes !== present(node, 2), 'onnx/bad-node', () => 'Resize needs either scales or sizes')
  const policy = node.string('keep_aspect_ratio_policy', 'stretch')
  const plans = bySizes
    ? plansOfSizes(x, axes, { sizes: node.constantInts(3)!, policy })
    : plansOfScales(x, axes, scalesAt(node, 2))
  const transform = node.string('coordinate_transformation_mode', 'half_pixel')
  const settings: Settings = {
    mode: modeOf(node),
    transform,
    nearest: node.string('nearest_mode', 'round_prefer_floor'),
    antialias: node.int('antialias', 0) === 1,
    cubic: rational(node.float('cubic_coeff_a', -0.75)),
    excludeOutside: node.int('exclude_outside', 0) === 1,
    extrapolation: node.float('extrapolation_value', 0),
  }
  const cropped = transform === 'tf_crop_and_resize' ? withRegion(node, plans, { bySizes }) : plans
  return [resized(b, x, { axes: cropped, settings })]
}

/** The older form: scales alone, coordinates divided by the scale, the nearest element below. */
const PLAIN = {
  transform: 'asymmetric',
  nearest: 'floor',
  antialias: false,
  cubic: rational(-0.75),
  excludeOutside: false,
  extrapolation: 0,
} as const

function resizePlainly(scalesOf: (node: NodeView) => readonly number[]): OperatorRow['decompose'] {
  return (b, node) => {
    const x = node.input(0)
    const axes = plansOfScales(
      x,
      x.dims.map((_, i) => i),
      scalesOf(node),
    )
    return [resized(b, x, { axes, settings: { ...PLAIN, mode: modeOf(node) } })]
  }
}

/** Resize and Upsample. */
export const RESIZE: readonly OperatorRow[] = [
  operator(
    'Upsample',
    7,
    resizePlainly((node) => node.floats('scales')),
  ),
  operator(
    'Upsample',
    9,
    resizePlainly((node) => scalesAt(node, 1)),
  ),
  operator(
    'Resize',
    10,
    resizePlainly((node) => scalesAt(node, 1)),
  ),
  operator('Resize', 11, resize),
]
