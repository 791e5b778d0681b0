/**
 * How matrix products are lowered. The result is defined (docs/numerics.md, products); these are four ways to it, chosen by shape. Figures: bench/exact.ts.
 *
 * rows      many rows, fixed weights: Gemm with the weights transposed, the layout that ONNX Runtime packs fastest.
 * columns   few rows, fixed weights: the transposed product, so that the weights are the operand that is not packed at all.
 * digits    very few rows, fixed binary32 weights: integer products of 7-bit by 8-bit digits, which read 3 bytes a weight and not 8.
 * batch     everything else.
 * @module
 */
import { sizeOf, tensor, type TensorType } from '../../core/tensor.js'
import type { Emitter } from '../emitter.js'
import type { LoweredNode } from '../op.js'
import {
  PRODUCT_BITS,
  PRODUCT_BLOCK,
  blocksOf,
  emitCentre,
  emitDomain64,
  emitGrid,
  emitMagnitude,
  emitRounded,
} from './grid.js'

type Float = 'float32' | 'float64'
type Range = readonly [number, number]

/** Most rows for which the weights stay unpacked: packing them costs as much as some 30 rows of products, and more where they leave the caches. */
const COLUMNS_ROWS = 128
/** From this many rows on the result is made in pieces of about so many columns, which are still in a cache when they are transposed. */
const PIECE = { rows: 32, columns: 768 } as const
/** Most rows for which digits pay where they pay at all (not in WebAssembly): the integer products grow with the rows, the double ones hardly do. */
const DIGITS_ROWS = 4
/** Fewest weights for which the nodes that make digits pay. */
const DIGITS_WEIGHTS = 1 << 18

/** One matrix product: [rows, k] x [k, columns], or a batch of such. */
interface Product {
  readonly a: string
  readonly b: string
  readonly dtype: Float
  readonly rows: number
  readonly k: number
  readonly columns: number
}

/** Emits the exact product of two operands with k > 0 and a result that is not empty. */
export function emitMatMul(g: Emitter, [a, b]: readonly string[], { inputs, output }: LoweredNode): string {
  const [left, right] = inputs
  const [dtype, k] = [output.dtype as Float, left.dims.at(-1)!]
  if (right.dims.length > 2 || !g.isFixed(b) || g.isFixed(a)) return emitBatch(g, { a, b, dtype, left, right })
  const rows = sizeOf(left.dims) / k
  const flat = left.dims.length === 2 ? a : g.share(`flat ${a}`, () => g.reshape(a, [rows, k]))
  const product: Product = { a: flat, b, dtype, rows, k, columns: right.dims[1] }
  return formOf(g, product)(g, product, output.dims)
}

/** A way to the result, whose leading dimensions may be several. */
type Form = (g: Emitter, product: Product, dims: readonly number[]) => string

function formOf(g: Emitter, { dtype, rows, k, columns }: Product): Form {
  if (rows > COLUMNS_ROWS) return emitRows
  if (g.digits && dtype === 'float32' && rows <= DIGITS_ROWS && k * columns >= DIGITS_WEIGHTS) return emitDigits
  return emitColumns
}

/** Emits an operand of one block on its product grid, in its own type. The maximum may lose a NaN: whatever reads the group reads the NaN too. */
function emitOperandGrid(g: Emitter, x: string, { dtype, axis }: { dtype: Float; axis: number }): string {
  const largest = g.reduce('ReduceMax', g.abs(x), [axis])
  const m = dtype === 'float64' ? emitDomain64(g, largest) : largest
  return emitGrid(g, x, m, { dtype, bits: PRODUCT_BITS })
}

const widened = (g: Emitter, x: string, dtype: Float) => (dtype === 'float32' ? g.cast(x, 'float64') : x)

/** A range of an axis that has `k` places. */
const cut = (g: Emitter, x: string, axis: number, { k, range: [from, to] }: { k: number; range: Range }) =>
  to - from === k ? x : g.slice(x, axis, from, to)

// ---------------------------------------------------------------- batch

function emitBatch(
  g: Emitter,
  { a, b, dtype, left, right }: { a: string; b: string; dtype: Float; left: TensorType; right: TensorType },
): string {
  const k = left.dims.at(-1)!
  const block = (x: string, axis: number, range: Range) =>
    g.share(`grid ${x} ${axis} ${range}`, () =>
      widened(g, emitOperandGrid(g, cut(g, x, axis, { k, range }), { dtype, axis }), dtype),
    )
  const sums = blocksOf(k, PRODUCT_BLOCK).map((range) =>
    g.node('MatMul', [block(a, left.dims.length - 1, range), block(b, right.dims.length - 2, range)]),
  )
  return emitRounded(g, sums.reduce(g.add), dtype)
}

// ---------------------------------------------------------------- rows and columns

/**
 * Zeros behind each row of a whole block where there are many: rows of 4,096 bytes share their places in a first-level cache, which
 * costs a tenth of the time of a product of 1,024 rows (measured); rows of 4,160 bytes do not.
 */
const SKEW = { rows: 256, zeros: 8 } as const
const skewOf = ({ rows }: Product, [from, to]: Range) =>
  rows >= SKEW.rows && (to - from) % PRODUCT_BLOCK === 0 ? SKEW.zeros : 0
const padded = (g: Emitter, x: string, zeros: number, dtype: Float) =>
  zeros === 0 ? x : g.node('Pad', [x, g.ints([0, 0, 0, zeros]), g.scalar(dtype, 0)])

/** Emits a block of the left operand [rows, block] on its grid. */
function emitLeft(g: Emitter, product: Product, range: Range): string {
  const { a, k, dtype } = product
  return g.share(`left ${a} ${range}`, () => {
    const block = padded(g, cut(g, a, 1, { k, range }), skewOf(product, range), dtype)
    return widened(g, emitOperandGrid(g, block, { dtype, axis: 1 }), dtype)
  })
}

/** Emits a block of some columns of the weights, transposed [columns, block], on its grid. */
function emitWeights(g: Emitter, product: Product, range: Range, columns: Range = [0, product.columns]): string {
  const { b, k, dtype } = product
  const zeros = skewOf(product, range)
  return g.share(`weights ${b} ${range} ${columns} ${zeros}`, () => {
    const part = cut(g, cut(g, b, 0, { k, range }), 1, { k: product.columns, range: columns })
    const grid = emitOperandGrid(g, g.transpose(part, [1, 0]), { dtype, axis: 1 })
    return padded(g, widened(g, grid, dtype), zeros, 'float64')
  })
}

const shaped = (g: Emitter, x: string, { rows, columns }: Product, dims: readonly number[]) =>
  dims.length === 2 && dims[0] === rows && dims[1] === columns ? x : g.reshape(x, dims)

function emitRows(g: Emitter, product: Product, dims: readonly number[]): string {
  const sums = blocksOf(product.k, PRODUCT_BLOCK).map((range) =>
    g.node('Gemm', [emitLeft(g, product, range), emitWeights(g, product, range)], { transB: 1 }),
  )
  return emitRounded(g, shaped(g, sums.reduce(g.add), product, dims), product.dtype)
}

function emitColumns(g: Emitter, product: Product, dims: readonly number[]): string {
  const { rows, columns } = product
  const count = rows < PIECE.rows ? 1 : Math.ceil(columns / PIECE.columns)
  const pieces = blocksOf(columns, Math.ceil(columns / count)).map((piece) => emitPiece(g, product, { piece, dims }))
  return g.concat(pieces, dims.length - 1)
}

/** Emits some columns of the result. */
function emitPiece(g: Emitter, product: Product, { piece, dims }: { piece: Range; dims: readonly number[] }): string {
  const { rows, k, dtype } = product
  const sums = blocksOf(k, PRODUCT_BLOCK).map((range) =>
    g.node('Gemm', [emitWeights(g, product, range, piece), emitLeft(g, product, range)], { transB: 1 }),
  )
  const total = sums.reduce(g.add)
  if (rows === 1) return emitRounded(g, g.reshape(total, dims), dtype)
  const leading = dims.slice(0, -1)
  const turned = g.reshape(total, [piece[1] - piece[0], ...leading])
  return g.transpose(emitRounded(g, turned, dtype), [...leading.map((_, i) => i + 1), 0])
}

// ---------------------------------------------------------------- digits

/*
 * A binary32 number on its grid is q * u with an integer |q| <= 2^22 and a power of two u; x + C holds q in its lowest bits. With
 *
 *   q + 2^22 of the left operand = sum of 128^i a_i, 0 <= a_i < 128   (four digits)
 *   q of the weights             = sum of 256^j e_j, -128 <= e_j < 128 (three digits)
 *
 * every a_i e_j product fits the kernels for uint8 times int8, which on older processors add two products in 16 bits: 2 * 127 * 128 < 2^15.
 * Their sums over a block stay below 2^23, so all that follows is exact in binary64, where the parts are put together.
 */
const LEFT_DIGITS = 4
const WEIGHT_DIGITS = 3
const OFFSET = 2 ** PRODUCT_BITS

/** x + C as bits, and those of C: their difference is q. The unit u is the distance from C to the next number, NaN where the group has one. */
function emitIntegers(g: Emitter, x: string, axis: number) {
  const magnitude = emitMagnitude(g, x, { dtype: 'float32', axes: [axis] })
  const centre = emitCentre(g, magnitude, { dtype: 'float32', bits: PRODUCT_BITS })
  const bits = g.bitCast(centre, 'uint32')
  const next = g.bitCast(g.add(bits, g.scalar('uint32', 1)), 'float32')
  return {
    sum: g.bitCast(g.add(x, centre), 'uint32'),
    centre: bits,
    unit: g.cast(g.sub(next, centre), 'float64'),
  }
}

/** Digits of integers to a base of 2^width along a new axis, the lowest first. */
function emitSplit(
  g: Emitter,
  integers: string,
  { count, width, axes }: { count: number; width: number; axes: number },
): string {
  const shifts = Array.from({ length: count }, (_, i) => i * width)
  const distances = g.constant(tensor('uint32', [count, ...new Array<number>(axes).fill(1)], shifts))
  const shifted = g.node('BitShift', [integers, distances], { direction: 'RIGHT' })
  return g.node('BitwiseAnd', [shifted, g.scalar('uint32', 2 ** width - 1)])
}

/** Powers of a base, the lowest first. */
const powers = (base: number, count: number) => Array.from({ length: count }, (_, i) => base ** i)

/** Emits the left operand's digits [rows * 4, block] as uint8 and its units [rows, 1]. */
function emitLeftDigits(g: Emitter, { a, rows, k }: Product, range: Range): { digits: string; unit: string } {
  const part = g.share(`digits cut ${a} ${range}`, () => cut(g, a, 1, { k, range }))
  const width = range[1] - range[0]
  const { sum, centre, unit } = emitIntegers(g, part, 1)
  const integers = g.sub(sum, g.sub(centre, g.scalar('uint32', OFFSET)))
  const split = emitSplit(g, g.reshape(integers, [rows, 1, width]), { count: LEFT_DIGITS, width: 7, axes: 1 })
  return { digits: g.reshape(g.cast(split, 'uint8'), [rows * LEFT_DIGITS, width]), unit }
}

/** Emits of a block of the weights: its digits [block, 3 * columns] as int8, and [1, 3 * columns] each their sums times 2^22 and their scales. */
function emitWeightDigits(g: Emitter, { b, k, columns }: Product, range: Range) {
  const part = cut(g, b, 0, { k, range })
  const { sum, centre, unit } = emitIntegers(g, part, 0)
  const half = 128 * powers(256, WEIGHT_DIGITS).reduce((total, power) => total + power)
  const integers = g.sub(sum, g.sub(centre, g.scalar('uint32', half)))
  const split = emitSplit(g, integers, { count: WEIGHT_DIGITS, width: 8, axes: 2 })
  const signed = g.sub(g.cast(split, 'int32'), g.scalar('int32', 128))
  const digits = g.reshape(g.transpose(signed, [1, 0, 2]), [range[1] - range[0], WEIGHT_DIGITS * columns])
  const sums = g.cast(g.reduce('ReduceSum', digits, [0]), 'float64')
  const scales = g.mul(g.constant(tensor('float64', [WEIGHT_DIGITS, 1], powers(256, WEIGHT_DIGITS))), unit)
  return {
    digits: g.cast(digits, 'int8'),
    excess: g.mul(sums, g.scalar('float64', OFFSET)),
    scales: g.reshape(scales, [1, WEIGHT_DIGITS * columns]),
  }
}

/** The exact sum of one block in binary64: left digits are put together first, then weight digits with their scales. */
function emitDigitBlock(g: Emitter, product: Product, range: Range): string {
  const { rows, columns } = product
  const left = emitLeftDigits(g, product, range)
  const weights = emitWeightDigits(g, product, range)
  const products = g.cast(g.node('MatMulInteger', [left.digits, weights.digits]), 'float64')
  const bases = g.constant(tensor('float64', [1, LEFT_DIGITS], powers(128, LEFT_DIGITS)))
  const joined = g.reshape(
    g.node('MatMul', [bases, g.reshape(products, [rows, LEFT_DIGITS, WEIGHT_DIGITS * columns])]),
    [rows, WEIGHT_DIGITS * columns],
  )
  const scaled = g.mul(g.sub(joined, weights.excess), weights.scales)
  // Low digits first: the highest and the lowest alone may pass 2^53 units, from where on a sum is no longer exact.
  const digit = (i: number) => g.slice(scaled, 1, i * columns, (i + 1) * columns)
  return g.mul(g.add(g.add(digit(0), digit(1)), digit(2)), left.unit)
}

function emitDigits(g: Emitter, product: Product, dims: readonly number[]): string {
  const sums = blocksOf(product.k, PRODUCT_BLOCK).map((range) => emitDigitBlock(g, product, range))
  return emitRounded(g, shaped(g, sums.reduce(g.add), product, dims), product.dtype)
}
