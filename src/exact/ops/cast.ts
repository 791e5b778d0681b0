/**
 * Exact ops that change the element type: Cast converts values, BitCast keeps bits.
 * Numerics: every conversion rounds at most once, to nearest, ties to even; integers wrap; floats to integers truncate and
 * are clamped to the binary64 numbers in the range of the target, and a NaN refuses the run there.
 * @module
 */
import {
  DTYPES,
  allocate,
  dtypeOf,
  isFloat,
  sizeOf,
  type DType,
  type Tensor,
  type TensorType,
} from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import { carrierOf, type Emitter } from '../emitter.js'
import type { ExactOp, FaultPoint } from '../op.js'
import { rangeOf } from './elementwise.js'
import { emitNarrow, emitWiden, halfToNumber, isHalf, isHalfNaN, numberToHalf } from './halves.js'
import { NAN_FAULT, firstNaN } from './nan.js'
import { demandOperands } from './operands.js'

type Scalar = number | bigint

const isBig = (dtype: DType): dtype is 'int64' | 'uint64' => dtype === 'int64' || dtype === 'uint64'

// ---------------------------------------------------------------- Cast: the definition

/** The elements of a tensor as numbers, 64-bit integers as bigints. */
function readerOf({ dtype, data }: Tensor): (i: number) => Scalar {
  if (isHalf(dtype)) return (i) => halfToNumber(dtype, Number(data[i]))
  return (i) => data[i]
}

/** An integer of 64 bits as a binary64 number that rounds to any shorter format as the integer itself does (rounded to odd). */
function roundedToOdd(value: bigint): number {
  if (value > -(1n << 53n) && value < 1n << 53n) return Number(value)
  const kept = (value >> 11n) << 11n
  return Number(value === kept ? value : kept | 2048n)
}

/** The largest and smallest binary64 number in the range of an integer type. */
function clampOf(dtype: DType): readonly [number, number] {
  const [lowest, highest] = rangeOf(dtype).map(Number)
  if (dtype === 'int64') return [lowest, highest - 1024]
  return [lowest, dtype === 'uint64' ? highest - 2048 : highest]
}

/** Conversion to an integer type: storing the result in its typed array wraps integers. */
function toInteger(dtype: DType): (value: Scalar) => Scalar {
  const [lowest, highest] = clampOf(dtype)
  const fromFloat = (value: number) => Math.trunc(Math.min(Math.max(value, lowest), highest))
  if (isBig(dtype)) return (value) => (typeof value === 'bigint' ? value : BigInt(fromFloat(value)))
  return (value) => (typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : fromFloat(value))
}

/** Wraps a narrower integer instead of clamping it. */
function wrapping(dtype: DType): (value: Scalar) => Scalar {
  return isBig(dtype) ? (value) => BigInt(value) : (value) => Number(BigInt.asIntN(32, BigInt(value)))
}

/** The conversion of one element. */
function converter(from: DType, to: DType): (value: Scalar) => Scalar {
  if (to === 'bool') return (value) => (Number(value) === 0 ? 0 : 1)
  if (!isFloat(to)) return isFloat(from) ? toInteger(to) : wrapping(to)
  if (to === 'float64') return Number
  const single = isBig(from) ? (value: Scalar) => roundedToOdd(value as bigint) : (value: Scalar) => value as number
  return isHalf(to) ? (value) => numberToHalf(to, single(value)) : single
}

/** A NaN that becomes an integer. */
const CAST_FAULT: FaultPoint = {
  find([x], attributes) {
    if (isFloat(targetOf(attributes.to)) || targetOf(attributes.to) === 'bool' || !isFloat(x.dtype)) return undefined
    const { dtype } = x
    const element = isHalf(dtype) ? (x.data as Uint16Array).findIndex((bits) => isHalfNaN(dtype, bits)) : firstNaN(x)
    return element < 0 ? undefined : { reason: 'nan', element }
  },
  suspect(g, [x], node) {
    const [{ dtype, dims }, to] = [node.inputs[0], node.output.dtype]
    if (isFloat(to) || to === 'bool' || !isFloat(dtype) || sizeOf(dims) === 0) return ''
    const wide = isHalf(dtype) ? emitWiden(g, x, dtype) : x
    return NAN_FAULT.suspect(g, [wide], {
      ...node,
      inputs: [{ dtype: dtype === 'float64' ? 'float64' : 'float32', dims }],
    })
  },
}

/** The element type of a TensorProto.DataType code. @throws Fault `exact/unsupported-type`. */
function targetOf(code: unknown): DType {
  const dtype = dtypeOf(code as number)
  demand(dtype !== undefined, 'exact/unsupported-type', () => `a cast to type ${String(code)}`)
  return dtype
}

// ---------------------------------------------------------------- Cast: the lowering

/**
 * Emits a binary64 value that rounds to float32 and shorter formats as x does: x itself where it fits, and 64-bit integers
 * rounded to odd, so that the next rounding is the only one that counts.
 */
function emitDouble(g: Emitter, x: string, dtype: DType): string {
  if (dtype === 'float64') return x
  if (isHalf(dtype)) return g.cast(emitWiden(g, x, dtype), 'float64')
  if (!isBig(dtype)) return g.cast(x, 'float64')
  const big = (value: bigint) => bigScalar(g, dtype, value)
  const and = (mask: bigint) => g.node('BitwiseAnd', [x, big(mask)])
  const lost = g.not(g.equal(and(2047n), big(0n)))
  const odd = g.node('BitwiseOr', [and(-2048n), g.mul(g.cast(lost, dtype), big(2048n))])
  const limit = 1n << 53n
  const exact = dtype === 'int64' ? g.and(g.less(x, big(limit)), g.less(big(-limit), x)) : g.less(x, big(limit))
  return g.where(exact, g.cast(x, 'float64'), g.cast(odd, 'float64'))
}

/** Emits the nearest binary64 number of a 64-bit integer: both halves are exact, their sum rounds once. */
function emitNearest64(g: Emitter, x: string, dtype: 'int64' | 'uint64'): string {
  const low = g.node('BitwiseAnd', [x, bigScalar(g, dtype, 0xffffffffn)])
  return g.add(g.cast(g.sub(x, low), 'float64'), g.cast(low, 'float64'))
}

function bigScalar(g: Emitter, dtype: 'int64' | 'uint64', value: bigint): string {
  const data = dtype === 'int64' ? BigInt64Array.of(value) : BigUint64Array.of(BigInt.asUintN(64, value))
  return g.constant({ dtype, dims: [], data })
}

/** Emits truncation into an integer type; a NaN becomes 0, its fault point refuses the run. */
function emitTruncated(g: Emitter, x: string, to: DType): string {
  const [lowest, highest] = clampOf(to)
  const constant = (value: number) => g.scalar('float64', value)
  const number = g.where(g.node('IsNaN', [x]), constant(0), x)
  const clamped = g.node('Max', [g.node('Min', [number, constant(highest)]), constant(lowest)])
  const via = DTYPES[to].bytes < 4 ? 'int32' : to
  return via === to ? g.cast(clamped, to) : g.cast(g.cast(clamped, via), to)
}

function emitCast(g: Emitter, x: string, [from, to]: readonly [DType, DType]): string {
  if (from === to) return x
  if (to === 'bool') {
    const value = isHalf(from) ? emitWiden(g, x, from) : x
    return g.not(g.equal(value, g.scalar(isHalf(from) ? 'float32' : from, 0)))
  }
  if (!isFloat(to)) return isFloat(from) ? emitTruncated(g, emitDouble(g, x, from), to) : g.cast(x, to)
  if (to === 'float64') return isBig(from) ? emitNearest64(g, x, from) : emitDouble(g, x, from)
  if (isHalf(to)) return emitNarrow(g, emitDouble(g, x, from), to)
  return isHalf(from) ? emitWiden(g, x, from) : g.cast(emitDouble(g, x, from), 'float32')
}

const CAST: ExactOp = {
  name: 'Cast',
  number: 23,
  attributes: [{ name: 'to', kind: 'int' }],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    demandOperands('Cast', inputs, 1)
    return { dtype: targetOf(attributes.to), dims: inputs[0].dims }
  },
  evaluate([x], _attributes, output) {
    const out = allocate(output.dtype, sizeOf(output.dims))
    const cells = out as unknown as { [i: number]: Scalar }
    const [read, convert] = [readerOf(x), converter(x.dtype, output.dtype)]
    for (let i = 0; i < out.length; i++) cells[i] = convert(read(i))
    return out
  },
  lower: (g, [x], { inputs: [type], output }) => emitCast(g, x, [type.dtype, output.dtype]),
  faults: CAST_FAULT,
  referee: 'elementwise',
  source: 'ONNX Cast; docs/numerics.md, casts',
}

// ---------------------------------------------------------------- BitCast

/** The bits of the canonical quiet NaN, as an integer of each float's width. */
const QUIET: Partial<Record<DType, { readonly dtype: DType; readonly bits: bigint }>> = {
  float32: { dtype: 'int32', bits: 0x7fc00000n },
  float64: { dtype: 'int64', bits: 0x7ff8000000000000n },
  float16: { dtype: 'uint16', bits: 0x7e00n },
  bfloat16: { dtype: 'uint16', bits: 0x7fc0n },
}

/** The bytes of a tensor, every NaN in its canonical form. */
function canonicalBytes(x: Tensor): ArrayBuffer {
  const data = x.data.slice()
  const quiet = QUIET[x.dtype]
  if (quiet === undefined) return data.buffer as ArrayBuffer
  const { array: Integers } = DTYPES[quiet.dtype]
  const bits = new Integers(data.buffer as ArrayBuffer) as unknown as { [i: number]: Scalar }
  const { dtype } = x
  for (let i = 0; i < data.length; i++) {
    const nan = isHalf(dtype) ? isHalfNaN(dtype, Number(data[i])) : data[i] !== data[i]
    if (nan) bits[i] = isBig(quiet.dtype) ? quiet.bits : Number(quiet.bits)
  }
  return data.buffer as ArrayBuffer
}

/** Emits the same: an integer of the width of x, or x where it is one. */
function emitBits(g: Emitter, x: string, dtype: DType): readonly [string, DType] {
  const quiet = QUIET[dtype]
  if (quiet === undefined) return [x, dtype]
  const integer = quiet.dtype === 'uint16' ? 'int32' : quiet.dtype
  const nan = isHalf(dtype)
    ? g.less(
        g.scalar('int32', dtype === 'float16' ? 0x7c00 : 0x7f80),
        g.node('BitwiseAnd', [g.cast(x, 'int32'), g.scalar('int32', 0x7fff)]),
      )
    : g.node('IsNaN', [x])
  const canonical = integer === 'int64' ? bigScalar(g, 'int64', quiet.bits) : g.scalar('int32', Number(quiet.bits))
  const bits = isHalf(dtype) ? g.cast(x, 'int32') : g.bitCast(x, integer)
  const chosen = g.where(nan, canonical, bits)
  return isHalf(dtype) ? [g.cast(chosen, 'uint16'), 'uint16'] : [chosen, integer]
}

const fits = (from: TensorType, to: DType) =>
  from.dtype !== 'bool' && to !== 'bool' && DTYPES[from.dtype].bytes === DTYPES[to].bytes

const BIT_CAST: ExactOp = {
  name: 'BitCast',
  number: 25,
  attributes: [{ name: 'to', kind: 'int' }],
  halves: 'carry',
  dtypes: 'any',
  infer(inputs, attributes) {
    demandOperands('BitCast', inputs, 1)
    const [[x], dtype] = [inputs, targetOf(attributes.to)]
    demand(fits(x, dtype), 'exact/unsupported-type', () => `BitCast of ${x.dtype} to ${dtype}`)
    return { dtype, dims: x.dims }
  },
  evaluate([x], _attributes, output) {
    const { array: Data } = DTYPES[output.dtype]
    return new Data(canonicalBytes(x))
  },
  lower(g, [x], { inputs: [type], output }) {
    const [bits, dtype] = emitBits(g, x, type.dtype)
    const to = carrierOf(output.dtype)
    return dtype === to ? bits : g.bitCast(bits, to)
  },
  referee: 'elementwise',
  source: 'ONNX BitCast; a NaN has the bits of the canonical quiet NaN',
}

export const CASTS: readonly ExactOp[] = [CAST, BIT_CAST]
