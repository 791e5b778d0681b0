/**
 * Nodes and operands whose elements can be expanded: fixed cases and random ones.
 * @module
 */
import * as fc from 'fast-check'
import { DTYPES, sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { opOf } from '../../src/exact/ops/index.js'
import type { Attributes, NodeValue } from '../../src/exact/program.js'

/** A node with its operands. */
export interface Case {
  readonly node: NodeValue
  readonly operands: readonly Tensor[]
}

/** The node of an op on these operands, which stand at values 0, 1, 2. */
export function caseOf(op: string, operands: readonly Tensor[], attributes: Attributes = {}): Case {
  const type = opOf(op).infer(operands, attributes)
  return { node: { kind: 'node', op, attributes, inputs: operands.map((_, i) => i), ...type }, operands }
}

/** What the op gives. */
export function valueOf({ node, operands }: Case): Tensor {
  return { dtype: node.dtype, dims: node.dims, data: opOf(node.op).evaluate(operands, node.attributes, node) }
}

/** A generator that gives the same numbers for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const EDGES: Readonly<Record<'float32' | 'float64', readonly number[]>> = {
  float32: [0, -0, 1e-45, -1e-40, 1.5e-45, 3e38, -Infinity, NaN, 2 ** 104 - 2 ** 80, 2 ** 103, 2 ** 104, 1, -1],
  float64: [0, -0, 5e-324, -1e-310, 2 ** 400, 2 ** 401, 2 ** -400, 2 ** -401, NaN, Infinity, 1e300, 1, -1],
}

/** How wild the numbers of a tensor are. */
export type Wildness = 'calm' | 'scaled' | 'edges' | 'zeros'

/** A tensor of floats. calm: within a few powers of two; scaled: over many; edges: a few odd ones among calm ones; zeros: mostly zeros. */
export function floats(
  dims: readonly number[],
  { seed, dtype = 'float32', wild = 'calm' }: { seed: number; dtype?: 'float32' | 'float64'; wild?: Wildness },
): Tensor {
  const random = generator(seed)
  const edges = EDGES[dtype]
  const one = (): number => {
    const x = (random() - 0.5) * 8
    if (wild === 'zeros') return random() < 0.9 ? 0 : x
    if (wild === 'scaled') return x * 2 ** Math.floor(random() * 60 - 30)
    return wild === 'edges' && random() < 0.02 ? edges[Math.floor(random() * edges.length)] : x
  }
  return tensor(dtype, dims, Array.from({ length: sizeOf(dims) }, one))
}

/** A tensor of integers over the whole range of the type. */
export function integers(dims: readonly number[], { seed, dtype }: { seed: number; dtype: DType }): Tensor {
  const random = generator(seed)
  const bits = 8 * DTYPES[dtype].bytes
  const signed = DTYPES[dtype].kind === 'signed'
  const one = (): bigint => {
    const word = (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32))
    return signed ? BigInt.asIntN(bits, word) : BigInt.asUintN(bits, word)
  }
  const values = Array.from({ length: sizeOf(dims) }, one)
  return tensor(dtype, dims, bits === 64 ? values : values.map(Number))
}

/** Places along an axis. */
export function places(dims: readonly number[], { seed, below }: { seed: number; below: number }): Tensor {
  const random = generator(seed)
  return tensor(
    'int64',
    dims,
    Array.from({ length: sizeOf(dims) }, () => BigInt(Math.floor(random() * below))),
  )
}

/** The attributes of a convolution, plain where nothing else is said. */
export function windows(rank: number, given: Attributes = {}): Attributes {
  const ones = new Array<number>(rank).fill(1)
  return { group: 1, strides: ones, pads: new Array<number>(2 * rank).fill(0), dilations: ones, ...given }
}

const wildness = fc.constantFrom<Wildness>('calm', 'scaled', 'edges', 'zeros')
const float = fc.constantFrom('float32', 'float64')
const size = (max: number, min = 1) => fc.integer({ min, max })
const seed = fc.integer({ min: 0, max: 2 ** 30 })

/** Products of matrices and of batches that broadcast. */
export const matMuls: fc.Arbitrary<Case> = fc
  .record({
    seed,
    dtype: float,
    wild: wildness,
    m: size(3),
    n: size(3),
    k: fc.oneof(size(20), fc.constantFrom(511, 512, 513, 1024, 1100)),
    batch: fc.array(fc.record({ dim: size(3), left: fc.boolean(), right: fc.boolean() }), { maxLength: 2 }),
    drop: fc.boolean(),
  })
  .map(({ seed, m, n, k, batch, drop, ...how }) => {
    const left = batch.map(({ dim, left }) => (left ? dim : 1))
    const right = batch.map(({ dim, right }) => (right ? dim : 1))
    const a = floats([...(drop ? [] : left), m, k], { ...how, seed })
    return caseOf('MatMul', [a, floats([...right, k, n], { ...how, seed: seed + 1 })])
  })

/** Convolutions of one to three dimensions. */
export const convs: fc.Arbitrary<Case> = fc.integer({ min: 1, max: 3 }).chain((rank) => {
  const list = (one: fc.Arbitrary<number>) => fc.array(one, { minLength: rank, maxLength: rank })
  return fc
    .record({
      seed,
      dtype: float,
      wild: wildness,
      group: size(2),
      channels: fc.oneof(size(3), fc.constant(70)),
      outChannels: size(2),
      batch: size(2),
      kernel: list(size(rank === 1 ? 7 : 3)),
      extra: list(size(3, 0)),
      strides: list(size(3)),
      dilations: list(size(2)),
      begin: list(size(4, 0)),
      end: list(size(4, 0)),
    })
    .map(({ seed, dtype, wild, group, channels, outChannels, batch, kernel, extra, begin, end, ...rest }) => {
      const spatial = kernel.map((k, i) => {
        const reach = rest.dilations[i] * (k - 1) + 1
        return Math.max(1, reach + extra[i] - Math.min(begin[i] + end[i], reach - 1))
      })
      const x = floats([batch, group * channels, ...spatial], { seed, dtype, wild })
      const w = floats([group * outChannels, channels, ...kernel], { seed: seed + 1, dtype, wild })
      return caseOf('Conv', [x, w], { ...rest, group, pads: [...begin, ...end] })
    })
})

const SUMMED: readonly DType[] = ['int32', 'int64', 'uint32', 'uint64']

const anyTensor = (dims: readonly number[], how: { seed: number; dtype: DType; wild: Wildness }): Tensor =>
  how.dtype === 'float32' || how.dtype === 'float64' ? floats(dims, { ...how, dtype: how.dtype }) : integers(dims, how)

const summed = fc.constantFrom<DType>('float32', 'float32', 'float64', ...SUMMED)

/** Sums over the last axes. */
export const reduceSums: fc.Arbitrary<Case> = fc
  .record({
    seed,
    dtype: summed,
    wild: wildness,
    outer: size(3),
    length: fc.oneof(size(20), fc.constantFrom(511, 512, 513, 1024, 1025, 1536, 2500)),
    inner: size(2),
  })
  .map(({ outer, length, inner, ...how }) => caseOf('ReduceSum', [anyTensor([outer, length, inner], how)], { axes: 2 }))

/** Running sums. */
export const cumSums: fc.Arbitrary<Case> = fc
  .record({
    seed,
    dtype: summed,
    wild: wildness,
    outer: size(3),
    length: fc.oneof(size(20), fc.constantFrom(512, 513, 1030)),
  })
  .map(({ outer, length, ...how }) => caseOf('CumSum', [anyTensor([outer, length], how)]))

const scatters = (dtypes: readonly DType[]) =>
  fc.record({
    seed,
    dtype: fc.constantFrom(...dtypes),
    wild: wildness,
    outer: size(2),
    length: size(5),
    count: fc.oneof(size(8), fc.constantFrom(511, 512, 600)),
    inner: size(3),
  })

const scattered =
  (op: string) =>
  ({
    outer,
    length,
    count,
    inner,
    ...how
  }: { outer: number; length: number; count: number; inner: number } & {
    seed: number
    dtype: DType
    wild: Wildness
  }): Case =>
    caseOf(
      op,
      [
        anyTensor([outer, length, inner], how),
        places([outer, count, inner], { seed: how.seed + 1, below: length }),
        anyTensor([outer, count, inner], { ...how, seed: how.seed + 2 }),
      ],
      { axis: 1 },
    )

/** Updates that add. */
export const scatterAdds = scatters(['float32', 'float64', 'int8', 'uint8', 'int16', ...SUMMED]).map(
  scattered('ScatterAdd'),
)

/** Updates of which the last stands. */
export const scatterElements = scatters(['float32', 'float64', 'int8', 'int64', 'uint16']).map(
  scattered('ScatterElements'),
)

/** Extremes, of few different values so that there are equal ones. */
export const extremes: fc.Arbitrary<Case> = fc
  .record({
    op: fc.constantFrom('ReduceMax', 'ReduceMin'),
    seed,
    dtype: fc.constantFrom<DType>('float32', 'float64', 'int8', 'uint64', 'int64', 'uint16'),
    outer: size(3),
    length: size(12),
    few: fc.boolean(),
  })
  .map(({ op, outer, length, few, seed, dtype }) => {
    const random = generator(seed)
    const pick = [0, -0, 1, 2].map((v) => (dtype === 'uint16' || dtype === 'uint64' ? Math.abs(v) : v))
    const values = Array.from({ length: outer * length }, () => pick[Math.floor(random() * pick.length)])
    const wide = dtype === 'int64' || dtype === 'uint64'
    const fewOf = () => tensor(dtype, [outer, length], wide ? values.map(BigInt) : values)
    const x = few ? fewOf() : anyTensor([outer, length], { seed, dtype, wild: 'scaled' })
    return caseOf(op, [x], { axes: 1 })
  })

/** Pooling, with padding and gaps. */
export const pools: fc.Arbitrary<Case> = fc
  .record({
    seed,
    kernel: fc.array(size(3), { minLength: 1, maxLength: 2 }),
    stride: size(3),
    dilation: size(3),
    pad: fc.boolean(),
    extra: size(4, 0),
    zeros: fc.boolean(),
  })
  .map(({ seed, kernel, stride, dilation, pad, extra, zeros }) => {
    const reach = kernel.map((k) => dilation * (k - 1) + 1)
    const pads = [...reach, ...reach].map((r) => (pad ? r - 1 : 0))
    const x = floats([2, 2, ...reach.map((r) => r + extra)], { seed, wild: zeros ? 'zeros' : 'calm' })
    const all = (value: number) => kernel.map(() => value)
    return caseOf('MaxPool', [x], { kernel, strides: all(stride), pads, dilations: all(dilation) })
  })

/** Every op that has expansions. */
export const FAMILIES: Readonly<Record<string, fc.Arbitrary<Case>>> = {
  MatMul: matMuls,
  Conv: convs,
  ReduceSum: reduceSums,
  CumSum: cumSums,
  ScatterAdd: scatterAdds,
  ScatterElements: scatterElements,
  'ReduceMax and ReduceMin': extremes,
  MaxPool: pools,
}
