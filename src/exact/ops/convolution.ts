/**
 * How convolutions are lowered: matrix products of the weights with patches of the input, block by block (docs/numerics.md, products).
 * The taps of the first spatial axis may stand with the output channels instead of in the patches ("stacked"): the product then gives
 * their parts of every row, which are added with their shifts. That makes smaller patches and a better shaped product.
 * @module
 */
import { sizeOf } from '../../core/tensor.js'
import type { Emitter } from '../emitter.js'
import { PRODUCT_BITS, PRODUCT_BLOCK, blocksOf, emitDomain64, emitGrid, emitMagnitude } from './grid.js'

type Float = 'float32' | 'float64'
type Range = readonly [number, number]

/** A convolution of [batch, groups * channels, ...spatial] with [groups * outChannels, channels, ...kernel]. */
export interface ConvShape {
  readonly batch: number
  readonly groups: number
  /** Channels of the input and of the output in one group. */
  readonly channels: number
  readonly outChannels: number
  readonly spatial: readonly number[]
  readonly kernel: readonly number[]
  readonly out: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly begin: readonly number[]
  readonly end: readonly number[]
  /** Channels of one block. */
  readonly block: number
}

interface Convolution {
  readonly x: string
  readonly w: string
  readonly s: ConvShape
  readonly dtype: Float
}

/** Coordinates of every place of a shape, in row-major order. */
export function places(dims: readonly number[]): number[][] {
  return dims.reduce<number[][]>(
    (all, dim) => all.flatMap((at) => Array.from({ length: dim }, (_, i) => [...at, i])),
    [[]],
  )
}

/** Emits the binary64 sum [batch, groups * outChannels, ...out] of a convolution that is not empty. */
export function emitConv(g: Emitter, conv: Convolution): string {
  const { s } = conv
  const sums = blocksOf(s.channels, s.block).flatMap((range) => emitBlock(g, conv, range))
  return g.reshape(sums.reduce(g.add), [s.batch, s.groups * s.outChannels, ...s.out])
}

/** Emits the sums of one channel block [batch, groups, outChannels, places]: one, or several where the kernel is longer than a block. */
function emitBlock(g: Emitter, conv: Convolution, range: Range): string[] {
  const { s } = conv
  const [channels, taps] = [range[1] - range[0], sizeOf(s.kernel)]
  if (isStacked(s, channels)) return [emitStacked(g, conv, range)]
  const patches = emitPatches(g, emitInputGrid(g, conv, range), { ...conv, channels, from: 0 })
  const weights = emitWeights(g, conv, { range, stacked: 1 })
  const pieces = blocksOf(channels * taps, PRODUCT_BLOCK)
  if (pieces.length === 1) return [g.node('MatMul', [weights, patches])]
  // Longer kernels have one channel a block, so the patches' order, taps before channels, is the definition's.
  return pieces.map(([a, b]) => g.node('MatMul', [g.slice(weights, 3, a, b), g.slice(patches, 2, a, b)]))
}

/** The grid of a block of the input, [batch, groups, channels, ...padded], in its own type. */
function emitInputGrid(g: Emitter, { x, s, dtype }: Convolution, [from, to]: Range): string {
  return g.share(`conv grid ${x} ${s.groups} ${from} ${to} ${s.begin} ${s.end}`, () => {
    const shaped = g.reshape(x, [s.batch, s.groups, s.channels, ...s.spatial])
    const block = to - from === s.channels ? shaped : g.slice(shaped, 2, from, to)
    const grid = emitProductGrid(g, block, dtype, [2, ...s.spatial.map((_, i) => 3 + i)])
    if ([...s.begin, ...s.end].every((pad) => pad === 0)) return grid
    return g.node('Pad', [grid, g.ints([0, 0, 0, ...s.begin, 0, 0, 0, ...s.end]), g.scalar(dtype, 0)])
  })
}

/** The grid of a block of the weights as binary64 [1, groups, stacked * outChannels, taps / stacked * channels], taps before channels. */
function emitWeights(
  g: Emitter,
  { w, s, dtype }: Convolution,
  { range: [from, to], stacked }: { range: Range; stacked: number },
): string {
  return g.share(`conv weights ${w} ${s.groups} ${from} ${to} ${stacked}`, () => {
    const taps = sizeOf(s.kernel)
    const shaped = g.reshape(w, [s.groups, s.outChannels, s.channels, taps])
    const block = to - from === s.channels ? shaped : g.slice(shaped, 2, from, to)
    const grid = widened(g, emitProductGrid(g, block, dtype, [2, 3]), dtype)
    const split = g.reshape(grid, [s.groups, s.outChannels, to - from, stacked, taps / stacked])
    const moved = g.transpose(split, [0, 3, 1, 4, 2])
    return g.reshape(moved, [1, s.groups, stacked * s.outChannels, (taps / stacked) * (to - from)])
  })
}

function emitProductGrid(g: Emitter, x: string, dtype: Float, axes: readonly number[]): string {
  const magnitude = emitMagnitude(g, x, { dtype, axes })
  const m = dtype === 'float64' ? emitDomain64(g, magnitude) : magnitude
  return emitGrid(g, x, m, { dtype, bits: PRODUCT_BITS })
}

const widened = (g: Emitter, x: string, dtype: Float) => (dtype === 'float32' ? g.cast(x, 'float64') : x)

/** Emits patches as binary64 [batch, groups, taps * channels, places] with the taps of the spatial axes `from` and later. */
function emitPatches(
  g: Emitter,
  padded: string,
  { s, dtype, channels, from }: { s: ConvShape; dtype: Float; channels: number; from: number },
): string {
  const taps = places(s.kernel.slice(from)).map((tap) => emitTap(g, padded, s, { tap, from }))
  const area = sizeOf(paddedDims(s).slice(0, from)) * sizeOf(s.out.slice(from))
  return g.reshape(widened(g, g.concat(taps, 2), dtype), [s.batch, s.groups, channels * taps.length, area])
}

const paddedDims = (s: ConvShape) => s.spatial.map((size, i) => s.begin[i] + size + s.end[i])

/** Emits what one tap sees, or the input itself where that is all of it. */
function emitTap(g: Emitter, x: string, s: ConvShape, { tap, from }: { tap: number[]; from: number }): string {
  const [dilations, strides, out] = [s.dilations.slice(from), s.strides.slice(from), s.out.slice(from)]
  const starts = tap.map((t, i) => t * dilations[i])
  const ends = starts.map((start, i) => start + (out[i] - 1) * strides[i] + 1)
  const whole = paddedDims(s).slice(from)
  if (ends.every((end, i) => end - starts[i] === whole[i] && strides[i] === 1)) return x
  const axes = starts.map((_, i) => 3 + from + i)
  return g.node('Slice', [x, g.ints(starts), g.ints(ends), g.ints(axes), g.ints(strides)])
}

/** Whether stacking moves fewer bytes: it adds outputs, one for each tap of the first axis, and saves patches. */
function isStacked({ kernel, strides, outChannels }: ConvShape, channels: number): boolean {
  const taps = sizeOf(kernel)
  return (
    strides[0] === 1 &&
    channels * taps <= PRODUCT_BLOCK &&
    kernel[0] * outChannels < channels * (taps - taps / kernel[0])
  )
}

function emitStacked(g: Emitter, conv: Convolution, range: Range): string {
  const { s } = conv
  const [stacked, rows] = [s.kernel[0], paddedDims(s)[0]]
  const channels = range[1] - range[0]
  const patches = emitPatches(g, emitInputGrid(g, conv, range), { ...conv, channels, from: 1 })
  const product = g.node('MatMul', [emitWeights(g, conv, { range, stacked }), patches])
  const shaped = g.reshape(product, [s.batch, s.groups, stacked, s.outChannels, rows, ...s.out.slice(1)])
  const parts = Array.from({ length: stacked }, (_, tap) => {
    const start = tap * s.dilations[0]
    return g.node('Slice', [shaped, g.ints([tap, start]), g.ints([tap + 1, start + s.out[0]]), g.ints([2, 4])])
  })
  return g.reshape(parts.reduce(g.add), [s.batch, s.groups, s.outChannels, sizeOf(s.out)])
}
