/**
 * Reading an image at places that are data: coordinates become indices and weights when the program runs.
 * @module
 */
import { sizeOf } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { stridesOf } from '../ops/broadcast.js'

/** What lies outside of an image: zeros, its edge, or its mirror image between two borders. */
export type Outside =
  | { readonly kind: 'zeros' | 'border' }
  | { readonly kind: 'reflection'; readonly borders: readonly (readonly [number, number])[] }

/** How many elements along each axis make a value. */
export type Interpolation = 'nearest' | 'linear' | 'cubic'

/** Images as rows of channels: [images * places, channels]. */
export interface Images {
  readonly rows: Ref
  readonly spatial: readonly number[]
}

/** [N, C, ...spatial] as rows of channels. */
export function imagesOf(b: Builder, x: Ref): Images {
  const [batch, channels, ...spatial] = x.dims
  const last = b.transpose(x, [0, ...spatial.map((_, i) => 2 + i), 1])
  return { rows: b.reshape(last, [batch * sizeOf(spatial), channels]), spatial }
}

/** The index of each image's first row: [N, 1]. */
export function originsOf(b: Builder, batch: number, spatial: readonly number[]): Ref {
  const all = Array.from({ length: batch }, (_, n) => BigInt(n * sizeOf(spatial)))
  return b.constant({ dtype: 'int64', dims: [batch, 1], data: BigInt64Array.from(all) })
}

const scalarLike = (b: Builder, x: Ref) => (value: number) => b.scalar(x.dtype, value)

/** min(max(x, low), high). */
export function clampTo(b: Builder, x: Ref, [low, high]: readonly [number, number]): Ref {
  const number = scalarLike(b, x)
  return b.min(b.max(x, number(low)), number(high))
}

/** Folds coordinates back at the borders until they lie between them. */
export function reflect(b: Builder, x: Ref, [low, high]: readonly [number, number]): Ref {
  if (high <= low) refuse('reflection between borders that coincide')
  const number = scalarLike(b, x)
  const range = number(high - low)
  const below = b.less(x, number(low))
  const beyond = b.where(below, b.sub(number(low), x), b.sub(x, number(high)))
  const turns = b.op('Floor', [b.div(beyond, range)])
  const rest = b.sub(beyond, b.mul(turns, range))
  const even = b.equal(turns, b.mul(number(2), b.op('Floor', [b.div(turns, number(2))])))
  const fromLow = b.not(b.op('Xor', [below, even]))
  const folded = b.where(fromLow, b.add(number(low), rest), b.sub(number(high), rest))
  return b.where(b.or(below, b.less(number(high), x)), folded, x)
}

/** The neighbours of coordinates [N, P] along one axis: [N, P, taps]. */
interface Neighbours {
  /** Inside of the axis. */
  readonly index: Ref
  /** False where the neighbour lies outside and counts as zero; undefined where none does. */
  readonly inside: Ref | undefined
  /** Undefined where there is one neighbour that counts whole. */
  readonly weight: Ref | undefined
}

const OFFSETS = { nearest: [0], linear: [0, 1], cubic: [-1, 0, 1, 2] } as const

/** Coefficient of cubic interpolation in GridSample. */
const CUBIC = -0.75

/** Weights of the two elements around a place at `t` in [0, 1) between them. */
function linearWeights(b: Builder, t: Ref): Ref[] {
  return [b.sub(b.scalar(t.dtype, 1), t), t]
}

/** Keys' cubic weights of the four elements around a place at `t` between the inner two. */
function cubicWeights(b: Builder, t: Ref): Ref[] {
  const number = scalarLike(b, t)
  const a = CUBIC
  const near = (s: Ref) => b.add(b.mul(b.mul(b.sub(b.mul(number(a + 2), s), number(a + 3)), s), s), number(1))
  const far = (s: Ref) =>
    b.sub(b.mul(b.add(b.mul(b.sub(b.mul(number(a), s), number(5 * a)), s), number(8 * a)), s), number(4 * a))
  const rest = b.sub(number(1), t)
  return [far(b.add(t, number(1))), near(t), near(rest), far(b.add(rest, number(1)))]
}

const WEIGHTS = { nearest: () => [], linear: linearWeights, cubic: cubicWeights } as const

/** Joins values of one shape along a new last axis. */
export function stack(b: Builder, parts: readonly Ref[]): Ref {
  return b.concat(
    parts.map((part) => b.reshape(part, [...part.dims, 1])),
    parts[0].dims.length,
  )
}

interface Axis {
  readonly size: number
  readonly mode: Interpolation
  readonly outside: Outside
  readonly border: readonly [number, number] | undefined
}

function neighbours(b: Builder, x: Ref, { size, mode, outside, border }: Axis): Neighbours {
  const number = scalarLike(b, x)
  const first = mode === 'nearest' ? x : b.op('Floor', [x])
  const places = stack(
    b,
    OFFSETS[mode].map((offset) => (offset === 0 ? first : b.add(first, number(offset)))),
  )
  const mirrored = border === undefined ? places : b.op('Floor', [reflect(b, places, border)])
  const weights = WEIGHTS[mode](b, b.sub(x, first))
  const within = b.and(b.not(b.less(places, number(0))), b.less(places, number(size)))
  return {
    index: b.cast(clampTo(b, mirrored, [0, size - 1]), 'int64'),
    inside: outside.kind === 'zeros' ? within : undefined,
    weight: weights.length === 0 ? undefined : stack(b, weights),
  }
}

/** Where to read: rows of images, where each begins, and coordinates [N, P] along every axis. */
export interface Places {
  readonly images: Images
  /** First row of each image: int64 [N, 1]. */
  readonly origins: Ref
  readonly at: readonly Ref[]
}

/** The elements around each place with their weights along each axis, before they are joined. */
export interface Corners {
  /** [N, P, taps of each axis, channels]. */
  readonly values: Ref
  /** One for each axis, shaped to broadcast to the values. */
  readonly weights: readonly (Ref | undefined)[]
}

/** Reads the elements around every place. */
export function corners(
  b: Builder,
  { images, origins, at }: Places,
  { mode, outside }: { mode: Interpolation; outside: Outside },
): Corners {
  const strides = stridesOf(images.spatial)
  const along = at.map((x, i) => {
    const border = outside.kind === 'reflection' ? outside.borders[i] : undefined
    return neighbours(b, x, { size: images.spatial[i], mode, outside, border })
  })
  const [batch, count] = along[0].index.dims
  const spread = (ref: Ref, i: number) =>
    b.reshape(ref, [batch, count, ...at.map((_, k) => (k === i ? ref.dims[2] : 1))])
  const offsets = along.map(({ index }, i) => b.mul(spread(index, i), b.scalar('int64', strides[i])))
  const start = b.reshape(origins, [batch, 1, ...at.map(() => 1)])
  const rows = offsets.reduce((a, c) => b.add(a, c), start)
  const read = b.gather(images.rows, rows, 0)
  const masks = along.flatMap(({ inside }, i) => (inside === undefined ? [] : [spread(inside, i)]))
  const mask = masks.length === 0 ? undefined : masks.reduce((a, c) => b.and(a, c))
  const values = mask === undefined ? read : b.where(b.reshape(mask, [...mask.dims, 1]), read, b.scalar(read.dtype, 0))
  const weights = along.map(({ weight }, i) => {
    if (weight === undefined) return undefined
    const wide = spread(weight, i)
    return b.cast(b.reshape(wide, [...wide.dims, 1]), read.dtype)
  })
  return { values, weights }
}

/** The value at every place: [N, P, channels], joined from the last axis to the first, each axis one exact sum. */
export function sample(b: Builder, places: Places, how: { mode: Interpolation; outside: Outside }): Ref {
  const { values, weights } = corners(b, places, how)
  const joined = weights.reduceRight<Ref>((read, weight, i) => {
    const dims = read.dims.filter((_, k) => k !== 2 + i)
    if (weight === undefined) return b.reshape(read, dims)
    const narrow = b.reshape(weight, [...weight.dims.slice(0, 3 + i), weight.dims.at(-1)!])
    return b.reshape(b.reduce('ReduceSum', b.mul(read, narrow), [2 + i]), dims)
  }, values)
  return joined
}
