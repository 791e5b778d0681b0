/**
 * Elementwise exact ops: each output element follows from one element of each operand.
 * Numerics: IEEE 754 round to nearest even, each operation rounded on its own; integers wrap.
 * @module
 */
import {
  DTYPES,
  allocate,
  isFloat,
  sizeOf,
  type DType,
  type Tensor,
  type TensorData,
  type TensorType,
} from '../../core/tensor.js'
import { Fault, demand } from '../../core/faults.js'
import { carrierOf, type Emitter } from '../emitter.js'
import type { ExactOp, FaultPoint } from '../op.js'
import { broadcastDims, broadcastMap } from './broadcast.js'
import { commonType, demandOperands } from './operands.js'

type Scalar = number | bigint
type ReadArray = { readonly [index: number]: Scalar }
type WriteArray = { [index: number]: Scalar; readonly length: number }

const FLOATS: readonly DType[] = ['float32', 'float64']
const SIGNED: readonly DType[] = ['int8', 'int16', 'int32', 'int64']
const UNSIGNED: readonly DType[] = ['uint8', 'uint16', 'uint32', 'uint64']
const INTEGERS: readonly DType[] = [...SIGNED, ...UNSIGNED]
const NUMBERS: readonly DType[] = [...FLOATS, ...INTEGERS]

/** Narrow integers are computed as int32 and wrapped, since not every kernel takes them. */
const WIDE: Partial<Record<DType, DType>> = { int8: 'int32', uint8: 'int32', int16: 'int32', uint16: 'int32' }

/** Where + - * of integers wrap by the rules of C++: unsigned types of 32 bits or more. */
const MODULAR: Partial<Record<DType, 'uint32' | 'uint64'>> = {
  int8: 'uint32',
  uint8: 'uint32',
  int16: 'uint32',
  uint16: 'uint32',
  int32: 'uint32',
  int64: 'uint64',
}

const isBig = (dtype: DType) => dtype === 'int64' || dtype === 'uint64'

/** Fills a fresh array: element i is `f` of the operands' elements that broadcast to i. Storing rounds and wraps. */
function map(inputs: readonly Tensor[], output: TensorType, f: (...values: Scalar[]) => Scalar | boolean): TensorData {
  const data = allocate(output.dtype, sizeOf(output.dims))
  const out = data as unknown as WriteArray
  const sources = inputs.map((input) => input.data as unknown as ReadArray)
  const maps = inputs.map((input) => broadcastMap(input.dims, output.dims))
  const [a, b, c] = sources
  const at = (k: number, i: number) => (maps[k] === undefined ? i : maps[k][i])
  const big = isBig(output.dtype)
  const write = (i: number, value: Scalar | boolean) =>
    (out[i] = typeof value === 'boolean' ? (value ? 1 : 0) : big ? BigInt(value) : value)
  if (inputs.length === 1) for (let i = 0; i < out.length; i++) write(i, f(a[at(0, i)]))
  else if (inputs.length === 2) for (let i = 0; i < out.length; i++) write(i, f(a[at(0, i)], b[at(1, i)]))
  else for (let i = 0; i < out.length; i++) write(i, f(a[at(0, i)], b[at(1, i)], c[at(2, i)]))
  return data
}

/** The same bits where the widths are equal, else a cast. */
const recast = (g: Emitter, x: string, [from, to]: readonly [DType, DType]): string =>
  from === to ? x : DTYPES[from].bytes === DTYPES[to].bytes ? g.bitCast(x, to) : g.cast(x, to)

/** Runs an addition, subtraction or multiplication of integers modulo 2^32 or 2^64. */
function modular(g: Emitter, op: string, inputs: readonly string[], dtype: DType): string {
  const unsigned = MODULAR[dtype] ?? dtype
  const result = g.node(
    op,
    inputs.map((input) => recast(g, input, [dtype, unsigned])),
  )
  return recast(g, result, [unsigned, dtype])
}

/** -a, wrapping for integers. */
function emitNegation(g: Emitter, a: string, dtype: DType): string {
  return isFloat(dtype) ? g.node('Neg', [a]) : modular(g, 'Sub', [g.scalar(dtype, 0), a], dtype)
}

/** Runs `emit` on operands cast to the type that the kernels take, and casts the result back (which wraps). */
function widened(
  g: Emitter,
  inputs: readonly string[],
  dtype: DType,
  emit: (inputs: string[], dtype: DType) => string,
): string {
  const wide = WIDE[dtype]
  if (wide === undefined) return emit([...inputs], dtype)
  return g.cast(
    emit(
      inputs.map((input) => g.cast(input, wide)),
      wide,
    ),
    dtype,
  )
}

interface ArithmeticRow {
  readonly name: string
  readonly number: number
  readonly dtypes: readonly DType[]
  readonly float?: (...values: number[]) => number
  /** 32-bit integers and narrower, exact or right in the low 32 bits. */
  readonly int?: (...values: number[]) => number
  /** 64-bit integers. */
  readonly big?: (...values: bigint[]) => bigint
  /** The zero result of this op is always +0. */
  readonly plusZero?: true
  /** Integers wrap: computed with unsigned kernels. */
  readonly modular?: true
  readonly emit?: (g: Emitter, inputs: string[], dtype: DType) => string
  readonly faults?: FaultPoint
  readonly arity: 1 | 2
  readonly source: string
}

/** An op whose output has the element type of its operands. */
function arithmetic(row: ArithmeticRow): ExactOp {
  const pick = (dtype: DType) =>
    (isFloat(dtype) ? row.float : isBig(dtype) ? row.big : row.int) as (...values: Scalar[]) => Scalar
  const emit = row.emit ?? ((g: Emitter, inputs: string[]) => g.node(row.name, inputs))
  return {
    name: row.name,
    number: row.number,
    attributes: [],
    halves: 'widen',
    dtypes: row.dtypes,
    infer(inputs) {
      demandOperands(row.name, inputs, row.arity)
      return {
        dtype: commonType(row.name, inputs, row.dtypes),
        dims: broadcastDims(...inputs.map((t) => t.dims)),
      }
    },
    evaluate(inputs, _attributes, output) {
      const f = pick(output.dtype)
      return row.plusZero && isFloat(output.dtype)
        ? map(inputs, output, (...values) => (f(...values) as number) + 0)
        : map(inputs, output, f)
    },
    lower(g, inputs, { output }) {
      if (row.modular && !isFloat(output.dtype)) return modular(g, row.name, inputs, output.dtype)
      const result = widened(g, inputs, output.dtype, (wide, dtype) => emit(g, wide, dtype))
      return row.plusZero && isFloat(output.dtype) ? g.plusZero(result, output.dtype) : result
    },
    faults: row.faults,
    referee: 'elementwise',
    source: row.source,
  }
}

interface PredicateRow {
  readonly name: string
  readonly number: number
  readonly arity: 1 | 2
  readonly dtypes: readonly DType[]
  readonly test: (...values: Scalar[]) => boolean
}

/** An op that gives bool; the kernel of its name takes all its types. */
function predicate({ name, number, arity, dtypes, test }: PredicateRow): ExactOp {
  return {
    name,
    number,
    attributes: [],
    halves: 'widen',
    dtypes,
    infer(inputs) {
      demandOperands(name, inputs, arity)
      commonType(name, inputs, dtypes)
      return { dtype: 'bool', dims: broadcastDims(...inputs.map((t) => t.dims)) }
    },
    evaluate: (inputs, _attributes, output) => map(inputs, output, test),
    lower: (g, inputs) => g.node(name, inputs),
    referee: 'elementwise',
    source: `ONNX ${name}`,
  }
}

/** Round half to even, as binary64 arithmetic: exact for every input. */
export function roundEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest < 0.5) return floor
  if (rest > 0.5) return floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

const divisorFault: FaultPoint = {
  find([a, b]) {
    if (isFloat(a.dtype)) return undefined
    const dims = broadcastDims(a.dims, b.dims)
    const at = broadcastMap(b.dims, dims)
    for (let i = 0; i < sizeOf(dims); i++)
      if (Number(b.data[at ? at[i] : i]) === 0) return { reason: 'zero-divisor', element: i }
    return undefined
  },
  suspect(g, [, b], node) {
    const { dtype, dims } = node.inputs[1]
    return isFloat(dtype) ? '' : g.any(g.equal(b, g.scalar(dtype, 0)), dims)
  },
}

/** Integer division never meets a zero divisor nor lowest / -1: both are masked, the first is a fault point. */
function safeDivision(op: 'Div' | 'Mod') {
  return (g: Emitter, [a, b]: string[], dtype: DType): string => {
    if (isFloat(dtype)) return g.node(op, [a, b])
    const [zero, one] = [g.scalar(dtype, 0), g.scalar(dtype, 1)]
    if (DTYPES[dtype].kind === 'unsigned') return g.node(op, [a, g.node('Max', [b, one])])
    const minusOne = g.equal(b, g.scalar(dtype, -1))
    const masked = g.where(g.or(g.equal(b, zero), minusOne), one, b)
    return g.where(minusOne, op === 'Div' ? emitNegation(g, a, dtype) : zero, g.node(op, [a, masked]))
  }
}

/** 1, 0 or -1 in the type of x; floats keep a NaN. */
function emitSign(g: Emitter, [x]: string[], dtype: DType): string {
  const zero = g.scalar(dtype, 0)
  const above = g.cast(g.less(zero, x), dtype)
  if (DTYPES[dtype].kind === 'unsigned') return above
  const sign = g.sub(above, g.cast(g.less(x, zero), dtype))
  return isFloat(dtype) ? g.where(g.node('IsNaN', [x]), x, sign) : sign
}

/** |x|, the lowest integer being its own. */
function emitAbsolute(g: Emitter, [x]: string[], dtype: DType): string {
  const { kind } = DTYPES[dtype]
  if (kind === 'float') return g.abs(x)
  return kind === 'unsigned' ? x : g.where(g.less(x, g.scalar(dtype, 0)), emitNegation(g, x, dtype), x)
}

const truncDivide = (a: bigint, b: bigint) => (b === 0n ? 0n : a / b)
/** Sign of the divisor, as ONNX Mod with fmod = 0 has it. */
const floorMod = (a: bigint, b: bigint) => (b === 0n ? 0n : ((a % b) + b) % b)
const viaBig = (f: (a: bigint, b: bigint) => bigint) => (a: number, b: number) => Number(f(BigInt(a), BigInt(b)))

/**
 * How elements travel through the kernel of Where: it takes some element types only, and of floats it turns a -0 of the first
 * operand into +0 (measured: it adds up what each side selects), so they go as integers.
 */
const SELECTABLE: Partial<Record<DType, DType>> = {
  float32: 'int32',
  float64: 'int64',
  int8: 'uint8',
  int16: 'int32',
  uint16: 'int32',
  float16: 'int32',
  bfloat16: 'int32',
  uint32: 'int32',
  uint64: 'int64',
  bool: 'int32',
}

export const ELEMENTWISE: readonly ExactOp[] = [
  arithmetic({
    name: 'Add',
    number: 1,
    arity: 2,
    dtypes: NUMBERS,
    modular: true,
    float: (a, b) => a + b,
    int: (a, b) => a + b,
    big: (a, b) => a + b,
    source: 'IEEE 754 addition; ONNX Add',
  }),
  arithmetic({
    name: 'Sub',
    number: 2,
    arity: 2,
    dtypes: NUMBERS,
    modular: true,
    float: (a, b) => a - b,
    int: (a, b) => a - b,
    big: (a, b) => a - b,
    source: 'IEEE 754 subtraction; ONNX Sub',
  }),
  arithmetic({
    name: 'Mul',
    number: 3,
    arity: 2,
    dtypes: NUMBERS,
    modular: true,
    float: (a, b) => a * b,
    int: Math.imul,
    big: (a, b) => a * b,
    source: 'IEEE 754 multiplication; ONNX Mul',
  }),
  arithmetic({
    name: 'Div',
    number: 4,
    arity: 2,
    dtypes: NUMBERS,
    float: (a, b) => a / b,
    int: viaBig(truncDivide),
    big: truncDivide,
    emit: safeDivision('Div'),
    faults: divisorFault,
    source: 'IEEE 754 division; ONNX Div (integers truncate)',
  }),
  arithmetic({
    name: 'Mod',
    number: 5,
    arity: 2,
    dtypes: INTEGERS,
    int: viaBig(floorMod),
    big: floorMod,
    emit: safeDivision('Mod'),
    faults: divisorFault,
    source: 'ONNX Mod with fmod = 0',
  }),
  arithmetic({
    name: 'Fmod',
    number: 30,
    arity: 2,
    dtypes: FLOATS,
    float: (a, b) => a % b,
    plusZero: true,
    emit: (g, inputs) => g.node('Mod', inputs, { fmod: 1 }),
    source: 'ONNX Mod with fmod = 1 (C fmod: always exact), zeros positive',
  }),
  arithmetic({
    name: 'Sqrt',
    number: 6,
    arity: 1,
    dtypes: FLOATS,
    float: Math.sqrt,
    source: 'IEEE 754 squareRoot; ONNX Sqrt',
  }),
  arithmetic({
    name: 'Neg',
    number: 7,
    arity: 1,
    dtypes: [...FLOATS, ...SIGNED],
    float: (a) => -a,
    int: (a) => -a,
    big: (a) => -a,
    emit: (g, [a], dtype) => emitNegation(g, a, dtype),
    source: 'IEEE 754 negate; ONNX Neg',
  }),
  arithmetic({
    name: 'Abs',
    number: 8,
    arity: 1,
    dtypes: NUMBERS,
    float: Math.abs,
    int: Math.abs,
    big: (a) => (a < 0n ? -a : a),
    emit: emitAbsolute,
    source: 'IEEE 754 abs; ONNX Abs',
  }),
  arithmetic({
    name: 'Floor',
    number: 9,
    arity: 1,
    dtypes: FLOATS,
    float: Math.floor,
    plusZero: true,
    source: 'ONNX Floor, zeros positive',
  }),
  arithmetic({
    name: 'Ceil',
    number: 10,
    arity: 1,
    dtypes: FLOATS,
    float: Math.ceil,
    plusZero: true,
    source: 'ONNX Ceil, zeros positive',
  }),
  arithmetic({
    name: 'Round',
    number: 11,
    arity: 1,
    dtypes: FLOATS,
    float: roundEven,
    plusZero: true,
    source: 'ONNX Round (half to even), zeros positive',
  }),
  arithmetic({
    name: 'Sign',
    number: 12,
    arity: 1,
    dtypes: NUMBERS,
    float: Math.sign,
    int: Math.sign,
    big: (a) => (a > 0n ? 1n : a < 0n ? -1n : 0n),
    plusZero: true,
    emit: emitSign,
    source: 'ONNX Sign, NaN stays, zeros positive',
  }),
  arithmetic({
    name: 'Max',
    number: 13,
    arity: 2,
    dtypes: NUMBERS,
    float: Math.max,
    int: Math.max,
    big: (a, b) => (a > b ? a : b),
    plusZero: true,
    source: 'ONNX Max, NaN propagates, zeros positive',
  }),
  arithmetic({
    name: 'Min',
    number: 14,
    arity: 2,
    dtypes: NUMBERS,
    float: Math.min,
    int: Math.min,
    big: (a, b) => (a < b ? a : b),
    plusZero: true,
    source: 'ONNX Min, NaN propagates, zeros positive',
  }),
  arithmetic({
    name: 'Relu',
    number: 15,
    arity: 1,
    dtypes: FLOATS,
    float: (a) => Math.max(a, 0),
    plusZero: true,
    emit: (g, [a], dtype) => g.node('Max', [a, g.scalar(dtype, 0)]),
    source: 'ONNX Relu, NaN propagates, zeros positive',
  }),
  predicate({ name: 'Equal', number: 16, arity: 2, dtypes: [...NUMBERS, 'bool'], test: (a, b) => a === b }),
  predicate({ name: 'Less', number: 17, arity: 2, dtypes: NUMBERS, test: (a, b) => a < b }),
  predicate({ name: 'And', number: 18, arity: 2, dtypes: ['bool'], test: (a, b) => a === 1 && b === 1 }),
  predicate({ name: 'Or', number: 19, arity: 2, dtypes: ['bool'], test: (a, b) => a === 1 || b === 1 }),
  predicate({ name: 'Not', number: 20, arity: 1, dtypes: ['bool'], test: (a) => a === 0 }),
  predicate({ name: 'Xor', number: 21, arity: 2, dtypes: ['bool'], test: (a, b) => a !== b }),
  predicate({ name: 'IsNaN', number: 24, arity: 1, dtypes: FLOATS, test: (a) => a !== a }),
  {
    name: 'Where',
    number: 22,
    attributes: [],
    halves: 'carry',
    dtypes: 'any',
    infer(inputs) {
      demandOperands('Where', inputs, 3)
      const [condition, a, b] = inputs
      demand(condition.dtype === 'bool', 'exact/unsupported-type', () => 'Where needs a bool condition')
      demand(a.dtype === b.dtype, 'exact/unsupported-type', () => `Where of ${a.dtype} and ${b.dtype}`)
      return { dtype: a.dtype, dims: broadcastDims(condition.dims, a.dims, b.dims) }
    },
    evaluate: (inputs, _attributes, output) => map(inputs, output, (c, a, b) => (c === 1 ? a : b)),
    lower(g, [c, a, b], { output: { dtype } }) {
      const via = SELECTABLE[dtype]
      if (via === undefined) return g.where(c, a, b)
      const from = carrierOf(dtype)
      return recast(g, g.where(c, recast(g, a, [from, via]), recast(g, b, [from, via])), [via, from])
    },
    referee: 'elementwise',
    source: 'ONNX Where',
  },
]

/** The lowest and highest value of an integer type. */
export function rangeOf(dtype: DType): readonly [bigint, bigint] {
  const { bytes, kind } = DTYPES[dtype]
  if (kind === 'signed') return [-(1n << BigInt(8 * bytes - 1)), (1n << BigInt(8 * bytes - 1)) - 1n]
  if (kind === 'unsigned' || kind === 'bool') return [0n, kind === 'bool' ? 1n : (1n << BigInt(8 * bytes)) - 1n]
  throw new Fault('exact/unsupported-type', `${dtype} is not an integer type`)
}
