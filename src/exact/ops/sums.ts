/**
 * Exact ops that add: products and sums on grids.
 * Numerics: docs/numerics.md; results round once to binary32 (binary64 operands stay binary64), zeros are +0.
 * @module
 */
import { sizeOf, type DType, type Tensor, type TensorType } from '../../core/tensor.js'
import { Fault, demand } from '../../core/faults.js'
import type { Emitter } from '../emitter.js'
import type { ExactOp } from '../op.js'
import type { Attributes } from '../program.js'
import { broadcastDims, broadcastMap } from './broadcast.js'
import { emitConv, places, type ConvShape } from './convolution.js'
import {
  PRODUCT_BLOCK,
  SUM_BITS,
  SUM_BLOCK,
  blocksOf,
  emitDomain64,
  emitGrid,
  emitMagnitude,
  emitRounded,
  grid64,
  pow2ceil64,
  pow2ceilWide,
  productGrid,
} from './grid.js'
import { demandOperands, reducedDims } from './operands.js'
import { emitMatMul } from './products.js'

type Float = 'float32' | 'float64'
const FLOATS: readonly DType[] = ['float32', 'float64']

/** Rounds binary64 totals to the output's type, zeros positive: one that underflows is +0 too. */
function rounded(totals: Float64Array, dtype: DType): Float32Array | Float64Array {
  return dtype === 'float32' ? Float32Array.from(totals, (t) => Math.fround(t) + 0) : totals.map((t) => t + 0)
}

function sameFloat(name: string, inputs: readonly TensorType[]): DType {
  const { dtype } = inputs[0]
  demand(
    FLOATS.includes(dtype) && inputs.every((t) => t.dtype === dtype),
    'exact/unsupported-type',
    () => `${name} of ${inputs.map((t) => t.dtype).join(' and ')}`,
  )
  return dtype
}

// ---------------------------------------------------------------- MatMul

/** t += s for one block of a product of two matrices that lie on grids: every s is exact. */
function addBlock(
  t: Float64Array,
  [a, b]: [Float64Array, Float64Array],
  at: { a: number; b: number; t: number; m: number; n: number; k: number; from: number; to: number },
): void {
  const row = new Float64Array(at.n)
  for (let i = 0; i < at.m; i++) {
    row.fill(0)
    for (let k = at.from; k < at.to; k++) {
      const x = a[at.a + i * at.k + k]
      const w = at.b + k * at.n
      for (let j = 0; j < at.n; j++) row[j] += x * b[w + j]
    }
    for (let j = 0; j < at.n; j++) t[at.t + i * at.n + j] += row[j]
  }
}

function evaluateMatMul([a, b]: readonly Tensor[], output: TensorType) {
  const [m, n] = output.dims.slice(-2)
  const k = a.dims[a.dims.length - 1]
  const shape = { length: k, block: PRODUCT_BLOCK }
  const ga = productGrid(a.data as Float32Array, a.dtype, { ...shape, outer: sizeOf(a.dims.slice(0, -1)), inner: 1 })
  const gb = productGrid(b.data as Float32Array, b.dtype, { ...shape, outer: sizeOf(b.dims.slice(0, -2)), inner: n })
  const batch = output.dims.slice(0, -2)
  const mapA = broadcastMap(a.dims.slice(0, -2), batch)
  const mapB = broadcastMap(b.dims.slice(0, -2), batch)
  const t = new Float64Array(sizeOf(output.dims))
  for (let i = 0; i < sizeOf(batch); i++)
    for (const [from, to] of blocksOf(k, PRODUCT_BLOCK))
      addBlock(t, [ga, gb], {
        a: (mapA?.[i] ?? i) * m * k,
        b: (mapB?.[i] ?? i) * k * n,
        t: i * m * n,
        m,
        n,
        k,
        from,
        to,
      })
  return rounded(t, output.dtype)
}

const MATMUL: ExactOp = {
  name: 'MatMul',
  number: 80,
  attributes: [],
  halves: 'widen',
  dtypes: FLOATS,
  infer(inputs) {
    demandOperands('MatMul', inputs, 2)
    const dtype = sameFloat('MatMul', inputs)
    const [a, b] = inputs
    demand(
      a.dims.length >= 2 && b.dims.length >= 2 && a.dims.at(-1) === b.dims.at(-2),
      'exact/shape-mismatch',
      () => `MatMul of [${a.dims}] and [${b.dims}]`,
    )
    return { dtype, dims: [...broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2)), a.dims.at(-2)!, b.dims.at(-1)!] }
  },
  evaluate: (inputs, _attributes, output) => evaluateMatMul(inputs, output),
  lower(g, operands, node) {
    const empty = node.inputs[0].dims.at(-1) === 0 || sizeOf(node.output.dims) === 0
    return empty ? zeros(g, node.output) : emitMatMul(g, operands, node)
  },
  referee: 'product',
  source: 'ONNX MatMul; docs/numerics.md, products',
}

const zeros = (g: Emitter, { dtype, dims }: TensorType) => g.expand(g.scalar(dtype, 0), dims)

// ---------------------------------------------------------------- Conv

function convShape([x, w]: readonly TensorType[], attributes: Attributes): ConvShape {
  const rank = x.dims.length - 2
  const [strides, dilations, pads] = [
    attributes.strides,
    attributes.dilations,
    attributes.pads,
  ] as unknown as readonly number[][]
  const groups = attributes.group as number
  const wrong = () =>
    `Conv of [${x.dims}] with [${w.dims}], group ${groups}, pads [${pads}], strides [${strides}], dilations [${dilations}]`
  demand(
    rank >= 1 &&
      w.dims.length === rank + 2 &&
      strides.length === rank &&
      dilations.length === rank &&
      pads.length === 2 * rank,
    'exact/shape-mismatch',
    wrong,
  )
  demand(groups >= 1 && x.dims[1] === w.dims[1] * groups && w.dims[0] % groups === 0, 'exact/shape-mismatch', wrong)
  demand([...strides, ...dilations].every((v) => v >= 1) && pads.every((p) => p >= 0), 'exact/shape-mismatch', wrong)
  const [spatial, kernel, begin, end] = [x.dims.slice(2), w.dims.slice(2), pads.slice(0, rank), pads.slice(rank)]
  const padded = spatial.map((size, i) => size + begin[i] + end[i])
  const reach = kernel.map((size, i) => dilations[i] * (size - 1) + 1)
  // Beyond 2^53 a sum of these would not be exact.
  demand([...padded, ...reach].every(Number.isSafeInteger), 'exact/shape-mismatch', wrong)
  const out = padded.map((size, i) => Math.floor((size - reach[i]) / strides[i]) + 1)
  demand(out.every((size) => size >= 0) && kernel.every((size) => size >= 1), 'exact/shape-mismatch', wrong)
  const block = Math.max(1, Math.floor(PRODUCT_BLOCK / sizeOf(kernel)))
  return {
    batch: x.dims[0],
    groups,
    channels: w.dims[1],
    outChannels: w.dims[0] / groups,
    spatial,
    kernel,
    out,
    strides,
    dilations,
    begin,
    end,
    block,
  }
}

/** For every tap and output place: the place in the input, or -1 in the padding. */
function patchMap(s: ConvShape): Int32Array[] {
  const outs = places(s.out)
  return places(s.kernel).map((tap) =>
    Int32Array.from(outs, (at) => {
      let index = 0
      for (let axis = 0; axis < at.length; axis++) {
        const place = at[axis] * s.strides[axis] + tap[axis] * s.dilations[axis] - s.begin[axis]
        if (place < 0 || place >= s.spatial[axis]) return -1
        index = index * s.spatial[axis] + place
      }
      return index
    }),
  )
}

function evaluateConv([x, w]: readonly Tensor[], attributes: Attributes, output: TensorType) {
  const s = convShape([x, w], attributes)
  const [area, taps, outArea] = [sizeOf(s.spatial), sizeOf(s.kernel), sizeOf(s.out)]
  const gx = productGrid(x.data as Float32Array, x.dtype, {
    outer: s.batch * s.groups,
    length: s.channels * area,
    inner: 1,
    block: s.block * area,
  })
  const gw = productGrid(w.data as Float32Array, w.dtype, {
    outer: s.groups * s.outChannels,
    length: s.channels * taps,
    inner: 1,
    block: s.block * taps,
  })
  const patches = patchMap(s)
  const t = new Float64Array(sizeOf(output.dims))
  const sum = new Float64Array(outArea)
  for (let n = 0; n < s.batch; n++)
    for (let o = 0; o < s.groups * s.outChannels; o++) {
      const group = Math.floor(o / s.outChannels)
      const total = t.subarray(
        (n * s.groups * s.outChannels + o) * outArea,
        (n * s.groups * s.outChannels + o + 1) * outArea,
      )
      for (const [from, to] of blocksOf(s.channels * taps, s.block * taps).flatMap(([a, b]) =>
        blocksOf(b - a, PRODUCT_BLOCK).map(([c, d]) => [a + c, a + d]),
      )) {
        sum.fill(0)
        for (let k = from; k < to; k++) {
          const weight = gw[o * s.channels * taps + k]
          const patch = patches[k % taps]
          const base = ((n * s.groups + group) * s.channels + Math.floor(k / taps)) * area
          // Padding is 0, and not nothing: a group of weights that is NaN is NaN there too.
          for (let p = 0; p < outArea; p++) sum[p] += weight * (patch[p] < 0 ? 0 : gx[base + patch[p]])
        }
        for (let p = 0; p < outArea; p++) total[p] += sum[p]
      }
    }
  return rounded(t, output.dtype)
}

const CONV: ExactOp = {
  name: 'Conv',
  number: 81,
  attributes: [
    { name: 'group', kind: 'int' },
    { name: 'strides', kind: 'ints' },
    { name: 'pads', kind: 'ints' },
    { name: 'dilations', kind: 'ints' },
  ],
  halves: 'widen',
  dtypes: FLOATS,
  infer(inputs, attributes) {
    demandOperands('Conv', inputs, 2)
    const dtype = sameFloat('Conv', inputs)
    const s = convShape(inputs, attributes)
    return { dtype, dims: [s.batch, s.groups * s.outChannels, ...s.out] }
  },
  evaluate: evaluateConv,
  lower(g, [x, w], { inputs, output, attributes }) {
    if (sizeOf(output.dims) === 0 || sizeOf(inputs[1].dims) === 0) return zeros(g, output)
    const dtype = output.dtype as Float
    return emitRounded(g, emitConv(g, { x, w, s: convShape(inputs, attributes), dtype }), dtype)
  },
  referee: 'product',
  source: 'ONNX Conv; docs/numerics.md, products',
}

// ---------------------------------------------------------------- ReduceSum

/** Shape of a reduction over the last `count` axes, which a decomposition moves there. */
function reductionShape(dims: readonly number[], attributes: Attributes) {
  const count = attributes.axes as number
  return { outer: sizeOf(dims.slice(0, dims.length - count)), length: sizeOf(dims.slice(dims.length - count)) }
}

/** Level by level: blocks of 1,024 on a grid of 43 bits, each block sum exact, until one is left. */
export function gridSum(
  values: ArrayLike<number>,
  { outer, length }: { outer: number; length: number },
  scale: (m: number) => number,
): Float64Array {
  if (length === 0) return new Float64Array(outer)
  const grid = grid64(values, { outer, length, inner: 1, block: SUM_BLOCK }, { bits: SUM_BITS, scale })
  const blocks = Math.ceil(length / SUM_BLOCK)
  const sums = new Float64Array(outer * blocks)
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < length; i++) sums[o * blocks + Math.floor(i / SUM_BLOCK)] += grid[o * length + i]
  return blocks === 1 ? sums : gridSum(sums, { outer, length: blocks }, scale)
}

/** Emits the sum over the last axis of x [outer, length] in binary64. */
function emitGridSum(
  g: Emitter,
  x: string,
  { outer, length, dtype }: { outer: number; length: number; dtype: Float },
): string {
  const blocks = Math.ceil(length / SUM_BLOCK)
  const padding = blocks * SUM_BLOCK - length
  const padded = blocks > 1 && padding > 0 ? g.node('Pad', [x, g.ints([0, 0, 0, padding]), g.scalar(dtype, 0)]) : x
  const cut = g.reshape(padded, [outer, blocks, blocks > 1 ? SUM_BLOCK : length])
  const magnitude = emitMagnitude(g, cut, { dtype, axes: [2] })
  const [wide, m] = dtype === 'float32' ? [g.cast(cut, 'float64'), g.cast(magnitude, 'float64')] : [cut, magnitude]
  const sums = g.reduce('ReduceSum', emitGrid(g, wide, m, { dtype: 'float64', bits: SUM_BITS }), [2], 0)
  return blocks === 1 ? sums : emitGridSum(g, sums, { outer, length: blocks, dtype: 'float64' })
}

const REDUCE_SUM: ExactOp = {
  name: 'ReduceSum',
  number: 83,
  attributes: [{ name: 'axes', kind: 'int' }],
  halves: 'widen',
  dtypes: [...FLOATS, 'int32', 'int64', 'uint32', 'uint64'],
  infer(inputs, attributes) {
    demandOperands('ReduceSum', inputs, 1)
    const [x] = inputs
    demand(REDUCE_SUM.dtypes.includes(x.dtype), 'exact/unsupported-type', () => `ReduceSum of ${x.dtype}`)
    return { dtype: x.dtype, dims: reducedDims('ReduceSum', x, attributes) }
  },
  evaluate([x], attributes, output) {
    const shape = reductionShape(x.dims, attributes)
    if (x.dtype === 'float32') return rounded(gridSum(x.data as Float32Array, shape, pow2ceilWide), 'float32')
    if (x.dtype === 'float64')
      return rounded(gridSum(domain64(x.data as Float64Array, shape), shape, pow2ceilWide), 'float64')
    return integerSum(x, shape, output)
  },
  lower(g, [x], { inputs: [{ dims, dtype }], output, attributes }) {
    const shape = reductionShape(dims, attributes)
    if (shape.length === 0 || shape.outer === 0) return zeros(g, output)
    const flat = g.reshape(x, [shape.outer, shape.length])
    if (dtype === 'float32' || dtype === 'float64') {
      const total = emitGridSum(g, dtype === 'float64' ? emitDomainOf(g, flat, shape) : flat, { ...shape, dtype })
      return g.reshape(emitRounded(g, total, dtype), output.dims)
    }
    return g.reshape(g.cast(emitWrappingSum(g, g.cast(flat, 'int64')), dtype), output.dims)
  },
  referee: 'sum',
  source: 'ONNX ReduceSum; docs/numerics.md, sums',
}

/** Emits the sum of int64 over the last axis, modulo 2^64: ONNX Runtime's own saturates (measured), so halves of 32 bits are summed. */
function emitWrappingSum(g: Emitter, x: string): string {
  const word = g.scalar('int64', 2 ** 32)
  const low = g.node('BitwiseAnd', [x, g.scalar('int64', 2 ** 32 - 1)])
  const high = g.div(g.sub(x, low), word)
  const sum = (part: string) => g.reduce('ReduceSum', part, [1], 0)
  return g.add(g.mul(sum(high), word), sum(low))
}

/** binary64 summands whose block maximum is outside of the domain count as NaN. */
function domain64(values: Float64Array, { outer, length }: { outer: number; length: number }): Float64Array {
  const scales = new Float64Array(values)
  for (let o = 0; o < outer; o++)
    for (const [from, to] of blocksOf(length, SUM_BLOCK)) {
      let max = 0
      for (let i = from; i < to; i++)
        max = Math.abs(values[o * length + i]) <= max ? max : Math.abs(values[o * length + i])
      if (pow2ceil64(max) !== pow2ceil64(max)) scales.fill(NaN, o * length + from, o * length + to)
    }
  return scales
}

/** Emits the same: x + (m - m) of a magnitude made NaN outside of the domain. */
function emitDomainOf(g: Emitter, x: string, { length }: { length: number }): string {
  const parts = blocksOf(length, SUM_BLOCK).map(([from, to]) => {
    const part = to - from === length ? x : g.slice(x, 1, from, to)
    const m = emitDomain64(g, emitMagnitude(g, part, { dtype: 'float64', axes: [1] }))
    return g.where(g.node('IsNaN', [m]), g.scalar('float64', NaN), part)
  })
  return g.concat(parts, 1)
}

function integerSum(x: Tensor, { outer, length }: { outer: number; length: number }, output: TensorType) {
  const wide = new BigInt64Array(outer)
  for (let o = 0; o < outer; o++) for (let i = 0; i < length; i++) wide[o] += BigInt(x.data[o * length + i])
  if (output.dtype === 'int64') return wide
  if (output.dtype === 'uint64') return new BigUint64Array(wide.buffer)
  const narrow = output.dtype === 'int32' ? new Int32Array(outer) : new Uint32Array(outer)
  for (let o = 0; o < outer; o++) narrow[o] = Number(BigInt.asUintN(32, wide[o]))
  return narrow
}

export const SUMS: readonly ExactOp[] = [MATMUL, CONV, REDUCE_SUM]

/** Refuses a use that no row covers. */
export function unsupported(what: string): never {
  throw new Fault('exact/unsupported-operator', what)
}
