/**
 * Exact ops that select by order: maxima, their places, sorting. Ties go to the lowest index; a NaN that enters refuses the run.
 * @module
 */
import { allocate, isFloat, sizeOf, type DType, type Tensor } from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import type { Emitter } from '../emitter.js'
import type { ExactOp } from '../op.js'
import type { Attributes } from '../program.js'
import { NAN_FAULT } from './nan.js'
import { demandOperands, reducedDims } from './operands.js'
import { rangeOf } from './elementwise.js'

const ORDERED: readonly DType[] = [
  'float32',
  'float64',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
]

/** Types whose reductions the kernels of both packages have; the others go through the wider one. */
const VIA: Partial<Record<DType, DType>> = {
  int8: 'int32',
  uint8: 'int32',
  int16: 'int32',
  uint16: 'int32',
  uint32: 'int64',
}

/** A tensor seen as outer x length x inner around an axis. */
export function aroundAxis(dims: readonly number[], axis: number) {
  return { outer: sizeOf(dims.slice(0, axis)), length: dims[axis], inner: sizeOf(dims.slice(axis + 1)) }
}

/** The value below all others of a type (max = 1) or above them (max = -1). */
export function worst(dtype: DType, sign: 1 | -1): number | bigint {
  if (isFloat(dtype)) return -sign * Infinity
  const limit = rangeOf(dtype)[sign === 1 ? 0 : 1]
  return dtype === 'int64' || dtype === 'uint64' ? limit : Number(limit)
}

const better = (sign: 1 | -1, a: number | bigint, b: number | bigint) => (sign === 1 ? a > b : a < b)

function scalarOf(dtype: DType, value: number | bigint): Tensor {
  const data = allocate(dtype, 1) as unknown as { [i: number]: number | bigint }
  data[0] = value
  return { dtype, dims: [], data: data as unknown as Tensor['data'] }
}

// ---------------------------------------------------------------- ReduceMax, ReduceMin

function extremum(name: 'ReduceMax' | 'ReduceMin', number: number, sign: 1 | -1): ExactOp {
  return {
    name,
    number,
    attributes: [{ name: 'axes', kind: 'int' }],
    halves: 'widen',
    dtypes: ORDERED,
    infer(inputs, attributes) {
      demandOperands(name, inputs, 1)
      const [x] = inputs
      demand(ORDERED.includes(x.dtype), 'exact/unsupported-type', () => `${name} of ${x.dtype}`)
      return { dtype: x.dtype, dims: reducedDims(name, x, attributes) }
    },
    evaluate([x], _attributes, output) {
      const outer = sizeOf(output.dims)
      const length = outer === 0 ? 0 : sizeOf(x.dims) / outer
      const out = allocate(x.dtype, outer) as unknown as { [i: number]: number | bigint }
      for (let o = 0; o < outer; o++) {
        let best = worst(x.dtype, sign)
        for (let i = 0; i < length; i++) if (better(sign, x.data[o * length + i], best)) best = x.data[o * length + i]
        out[o] = isFloat(x.dtype) ? (best as number) + 0 : best
      }
      return out as unknown as Tensor['data']
    },
    lower(g, [x], { inputs: [{ dtype, dims }], output }) {
      const outer = sizeOf(output.dims)
      if (sizeOf(dims) === 0) return g.expand(g.constant(scalarOf(dtype, worst(dtype, sign))), output.dims)
      const flat = g.reshape(x, [outer, sizeOf(dims) / outer])
      if (isFloat(dtype)) return g.reshape(g.plusZero(g.reduce(name, flat, [1], 0), dtype), output.dims)
      return g.reshape(reduceIntegers(g, name, flat, dtype), output.dims)
    },
    faults: NAN_FAULT,
    referee: 'maximum',
    source: `ONNX ${name}; empty: the type's ${sign === 1 ? 'lowest' : 'highest'} value`,
  }
}

function reduceIntegers(g: Emitter, name: 'ReduceMax' | 'ReduceMin', flat: string, dtype: DType): string {
  if (dtype === 'uint64') {
    const lowest = g.constant({ dtype: 'int64', dims: [], data: BigInt64Array.of(-(1n << 63n)) })
    return g.cast(g.add(g.reduce(name, g.sub(g.cast(flat, 'int64'), lowest), [1], 0), lowest), 'uint64')
  }
  const via = VIA[dtype]
  return via === undefined ? g.reduce(name, flat, [1], 0) : g.cast(g.reduce(name, g.cast(flat, via), [1], 0), dtype)
}

// ---------------------------------------------------------------- ArgMax, ArgMin

function place(name: 'ArgMax' | 'ArgMin', number: number, sign: 1 | -1): ExactOp {
  return {
    name,
    number,
    attributes: [{ name: 'axis', kind: 'int' }],
    halves: 'widen',
    dtypes: ORDERED,
    infer(inputs, attributes) {
      demandOperands(name, inputs, 1)
      const [[x], axis] = [inputs, attributes.axis as number]
      demand(ORDERED.includes(x.dtype), 'exact/unsupported-type', () => `${name} of ${x.dtype}`)
      demand(
        axis >= 0 && axis < x.dims.length && x.dims[axis] > 0,
        'exact/shape-mismatch',
        () => `${name} of [${x.dims}] over axis ${axis}`,
      )
      return { dtype: 'int64', dims: x.dims.map((dim, i) => (i === axis ? 1 : dim)) }
    },
    evaluate([x], attributes) {
      const { outer, length, inner } = aroundAxis(x.dims, attributes.axis as number)
      const out = new BigInt64Array(outer * inner)
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < inner; i++) {
          let best = 0
          for (let k = 1; k < length; k++)
            if (better(sign, x.data[(o * length + k) * inner + i], x.data[(o * length + best) * inner + i])) best = k
          out[o * inner + i] = BigInt(best)
        }
      return out
    },
    lower(g, [x], { inputs: [{ dtype, dims }], attributes }) {
      // -0 and +0 are equal: the lowest index wins, with the zero's sign cleared first since kernels may order by bits.
      const clean = isFloat(dtype) ? g.plusZero(x, dtype) : orderable(g, x, dtype)
      if (sizeOf(dims) === 0)
        return g.expand(
          g.scalar('int64', 0),
          dims.map((d, i) => (i === attributes.axis ? 1 : d)),
        )
      return g.node(name, [clean], { axis: attributes.axis as number, keepdims: 1, select_last_index: 0 })
    },
    faults: NAN_FAULT,
    referee: 'maximum',
    source: `ONNX ${name} with select_last_index = 0`,
  }
}

/** Integers in a type that the kernels order. */
function orderable(g: Emitter, x: string, dtype: DType): string {
  if (dtype === 'uint64')
    return g.sub(g.cast(x, 'int64'), g.constant({ dtype: 'int64', dims: [], data: BigInt64Array.of(-(1n << 63n)) }))
  const via: Partial<Record<DType, DType>> = { ...VIA, int64: undefined }
  const wide = via[dtype]
  return wide === undefined ? x : g.cast(x, wide)
}

// ---------------------------------------------------------------- TopK

/** Places of the k best elements of one line, best first; equal elements in the order of their places. */
function bestPlaces(line: readonly (number | bigint)[], k: number, sign: 1 | -1): number[] {
  const order = (a: number, b: number) =>
    better(sign, line[a], line[b]) ? -1 : better(sign, line[b], line[a]) ? 1 : a - b
  return line
    .map((_, i) => i)
    .sort(order)
    .slice(0, k)
}

/** The places of the k largest or smallest elements along an axis, in their order. */
const TOP_K: ExactOp = {
  name: 'TopK',
  number: 95,
  attributes: [
    { name: 'axis', kind: 'int' },
    { name: 'k', kind: 'int' },
    { name: 'largest', kind: 'int' },
  ],
  halves: 'widen',
  dtypes: ORDERED,
  infer(inputs, attributes) {
    demandOperands('TopK', inputs, 1)
    const [x] = inputs
    const { axis, k, largest } = attributes as Record<string, number>
    demand(largest === 0 || largest === 1, 'exact/bad-program', () => `TopK with largest = ${largest}`)
    demand(ORDERED.includes(x.dtype), 'exact/unsupported-type', () => `TopK of ${x.dtype}`)
    demand(
      axis >= 0 && axis < x.dims.length && k >= 0 && k <= x.dims[axis],
      'exact/shape-mismatch',
      () => `the ${k} best of [${x.dims}] along axis ${axis}`,
    )
    return { dtype: 'int64', dims: x.dims.map((dim, i) => (i === axis ? k : dim)) }
  },
  evaluate([x], attributes, output) {
    const [k, sign] = [attributes.k as number, attributes.largest === 1 ? 1 : -1] as const
    const { outer, length, inner } = aroundAxis(x.dims, attributes.axis as number)
    const out = new BigInt64Array(sizeOf(output.dims))
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const line = Array.from({ length }, (_, at) => x.data[(o * length + at) * inner + i])
        bestPlaces(line, k, sign).forEach((place, at) => (out[(o * k + at) * inner + i] = BigInt(place)))
      }
    return out
  },
  lower(g, [x], { inputs: [{ dtype }], attributes, output }) {
    if (sizeOf(output.dims) === 0) return g.constant({ ...output, data: new BigInt64Array(0) })
    const { axis, k, largest } = attributes as Record<string, number>
    const clean = isFloat(dtype) ? g.plusZero(x, dtype) : orderable(g, x, dtype)
    return g.second('TopK', [clean, g.ints([k])], { axis, largest, sorted: 1 })
  },
  faults: NAN_FAULT,
  referee: 'named',
  source: 'ONNX TopK with sorted = 1, its second output; ties go to the lower index',
}

// ---------------------------------------------------------------- MaxPool

/** Windows of a pooling, along every spatial axis. */
export interface PoolShape {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly pads: readonly number[]
  readonly dilations: readonly number[]
}

const poolOf = (attributes: Attributes) => attributes as unknown as PoolShape

/** Output sizes: windows that begin inside of the padded input and, since end pads are explicit, also end inside of it. */
export function pooledDims(dims: readonly number[], { kernel, strides, pads, dilations }: PoolShape): number[] {
  return kernel.map(
    (size, i) =>
      Math.floor((dims[2 + i] + pads[i] + pads[kernel.length + i] - (dilations[i] * (size - 1) + 1)) / strides[i]) + 1,
  )
}

/** Calls `visit` for every place of the output with the indices of its window inside of the input, in row-major order. */
function eachWindow(dims: readonly number[], pool: PoolShape, visit: (place: number, indices: number[]) => void): void {
  const spatial = dims.slice(2)
  const out = pooledDims(dims, pool)
  const cells = (sizes: readonly number[]) =>
    sizes.reduce<number[][]>((all, n) => all.flatMap((at) => Array.from({ length: n }, (_, i) => [...at, i])), [[]])
  const taps = cells(pool.kernel)
  cells(out).forEach((at, place) => {
    const indices = taps
      .map((tap) => tap.map((t, i) => at[i] * pool.strides[i] + t * pool.dilations[i] - pool.pads[i]))
      .filter((cell) => cell.every((v, i) => v >= 0 && v < spatial[i]))
      .map((cell) => cell.reduce((index, v, i) => index * spatial[i] + v, 0))
    visit(place, indices)
  })
}

const MAX_POOL: ExactOp = {
  name: 'MaxPool',
  number: 92,
  attributes: [
    { name: 'kernel', kind: 'ints' },
    { name: 'strides', kind: 'ints' },
    { name: 'pads', kind: 'ints' },
    { name: 'dilations', kind: 'ints' },
  ],
  halves: 'widen',
  dtypes: ['float32'],
  infer(inputs, attributes) {
    demandOperands('MaxPool', inputs, 1)
    const [[x], pool] = [inputs, poolOf(attributes)]
    const rank = x.dims.length - 2
    demand(x.dtype === 'float32', 'exact/unsupported-type', () => `MaxPool of ${x.dtype}`)
    demand(
      rank >= 1 &&
        pool.kernel.length === rank &&
        pool.strides.length === rank &&
        pool.dilations.length === rank &&
        pool.pads.length === 2 * rank &&
        [...pool.kernel, ...pool.strides, ...pool.dilations].every((v) => v >= 1) &&
        pool.pads.every((pad) => pad >= 0),
      'exact/shape-mismatch',
      () => `MaxPool of [${x.dims}] with kernel [${pool.kernel}]`,
    )
    const out = pooledDims(x.dims, pool)
    const reach = pool.kernel.map((k, i) => pool.dilations[i] * (k - 1) + 1)
    demand(
      // Beyond 2^53 a sum of these would not be exact.
      reach.every((r, i) => Number.isSafeInteger(r) && Number.isSafeInteger(x.dims[2 + i] + 2 * r)) &&
        out.every((n) => n >= 1) &&
        reach.every((r, i) => pool.pads[i] < r && pool.pads[rank + i] < r),
      'exact/shape-mismatch',
      () => `MaxPool of [${x.dims}] with kernel [${pool.kernel}], pads [${pool.pads}]`,
    )
    return { dtype: x.dtype, dims: [...x.dims.slice(0, 2), ...out] }
  },
  evaluate([x], attributes, output) {
    const planes = x.dims[0] * x.dims[1]
    const area = sizeOf(x.dims.slice(2))
    const outArea = sizeOf(output.dims.slice(2))
    const out = new Float32Array(planes * outArea)
    eachWindow(x.dims, poolOf(attributes), (at, indices) => {
      for (let p = 0; p < planes; p++) {
        let best = -Infinity
        for (const index of indices) best = Math.max(best, (x.data as Float32Array)[p * area + index])
        out[p * outArea + at] = best + 0
      }
    })
    return out
  },
  lower(g, [x], { attributes, output }) {
    const { kernel, strides, pads, dilations } = poolOf(attributes)
    const pooled = (of: string) => g.node('MaxPool', [of], { kernel_shape: kernel, strides, pads, dilations })
    // The kernels begin at the lowest finite number: a window of -infinities alone is told by pooling what is above them.
    const lowest = g.scalar(output.dtype, -Infinity)
    const above = pooled(g.cast(g.node('Greater', [x, lowest]), output.dtype))
    return g.where(g.less(g.scalar(output.dtype, 0), above), g.plusZero(pooled(x), output.dtype), lowest)
  },
  faults: NAN_FAULT,
  referee: 'maximum',
  source: 'ONNX MaxPool, padding counts as -infinity',
}

export const ORDER: readonly ExactOp[] = [
  extremum('ReduceMax', 90, 1),
  extremum('ReduceMin', 91, -1),
  MAX_POOL,
  place('ArgMax', 93, 1),
  place('ArgMin', 94, -1),
  TOP_K,
]
