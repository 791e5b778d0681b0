/**
 * Operands for the conformance table: every exact op has at least one row.
 * @module
 */
import { DTYPES, type DType } from '../core/tensor.js'
import { ELEMENTARY_OPS } from '../exact/ops/elementary.js'
import type { Attributes } from '../exact/program.js'

/** An operand: with `low` and `high` its elements are integers in that range, else edge values and moderate ones. */
export interface OperandSample {
  readonly dtype: DType
  readonly dims: readonly number[]
  readonly low?: number
  readonly high?: number
}

/** Operands and attributes of one case. */
export interface OpSample {
  readonly operands: readonly OperandSample[]
  readonly attributes?: Attributes
}

const f32 = (...dims: number[]): OperandSample => ({ dtype: 'float32', dims })
const f64 = (...dims: number[]): OperandSample => ({ dtype: 'float64', dims })
const of = (dtype: DType, ...dims: number[]): OperandSample => ({ dtype, dims })
const between = (low: number, high: number, operand: OperandSample): OperandSample => ({ ...operand, low, high })

const unary = (...dtypes: DType[]): OpSample[] => dtypes.map((dtype) => ({ operands: [of(dtype, 96)] }))
const binary = (...dtypes: DType[]): OpSample[] =>
  dtypes.map((dtype) => ({ operands: [of(dtype, 12, 16), of(dtype, 16)] }))
const with_ = (attributes: Attributes, ...operands: OperandSample[]): OpSample => ({ operands, attributes })

/** Cases by exact op. */
export const SAMPLES: Readonly<Record<string, readonly OpSample[]>> = {
  Add: binary('float32', 'float64', 'int32', 'int64', 'uint8'),
  Sub: binary('float32', 'float64', 'int8', 'uint64'),
  Mul: binary('float32', 'float64', 'int32', 'uint16'),
  Div: [...binary('float32', 'float64'), { operands: [of('int32', 40), between(1, 9, of('int32', 40))] }],
  Mod: [{ operands: [of('int64', 40), between(-9, -1, of('int64', 40))] }],
  Sqrt: unary('float32', 'float64'),
  Neg: unary('float32', 'int16'),
  Abs: unary('float32', 'int64'),
  Floor: unary('float32'),
  Ceil: unary('float32'),
  Round: unary('float32', 'float64'),
  Max: binary('float32', 'int32'),
  Min: binary('float32', 'uint64'),
  Relu: unary('float32'),
  Equal: [...binary('float32', 'int64'), { operands: [of('bool', 8), of('bool', 8)] }],
  Less: binary('float32', 'uint64', 'int8'),
  And: binary('bool'),
  Or: binary('bool'),
  Not: unary('bool'),
  Xor: binary('bool'),
  IsNaN: unary('float32'),
  Where: [{ operands: [of('bool', 8, 1), f32(8, 16), f32(16)] }],
  Fmod: binary('float32', 'float64'),
  Sign: unary('float32', 'int8'),
  Cast: [
    ...(['float64', 'float16', 'bfloat16', 'bool'] as const).map((to) => with_({ to: DTYPES[to].code }, f32(96))),
    ...(['float16', 'bfloat16', 'int64', 'uint8', 'bool'] as const).map((from) =>
      with_({ to: DTYPES.float32.code }, of(from, 96)),
    ),
    with_({ to: DTYPES.float32.code }, f64(96)),
    with_({ to: DTYPES.float16.code }, f64(96)),
    with_({ to: DTYPES.int8.code }, f64(96)),
    with_({ to: DTYPES.uint8.code }, of('int64', 96)),
  ],
  BitCast: [with_({ to: DTYPES.uint32.code }, f32(32)), with_({ to: DTYPES.float64.code }, of('int64', 32))],
  BitwiseAnd: binary('int32', 'uint64'),
  BitwiseOr: binary('int8', 'int64'),
  BitwiseXor: binary('uint16', 'int64'),
  BitShift: [0, 1].flatMap((right) =>
    (['uint8', 'uint64'] as const).map((dtype) => with_({ right }, of(dtype, 40), between(0, 70, of(dtype, 40)))),
  ),
  ...Object.fromEntries(ELEMENTARY_OPS.filter((op) => op.name !== 'Pow').map((op) => [op.name, unary('float32')])),
  Pow: binary('float32'),
  TopK: [
    with_({ axis: 1, k: 4, largest: 1 }, f32(5, 20)),
    with_({ axis: 0, k: 3, largest: 0 }, between(0, 3, of('int32', 9, 4))),
  ],
  Pad: [with_({ pads: [0, 1, 2, 0] }, f32(3, 4), f32())],
  ScatterElements: [with_({ axis: 1 }, f32(3, 8), between(0, 7, of('int64', 3, 5)), f32(3, 5))],
  ScatterAdd: [
    with_({ axis: 1 }, f32(3, 8), between(0, 7, of('int64', 3, 30)), f32(3, 30)),
    with_({ axis: 0 }, of('int64', 4, 3), between(0, 3, of('int64', 9, 3)), of('int64', 9, 3)),
  ],
  CumSum: [{ operands: [f32(3, 70)] }, { operands: [of('int64', 3, 20)] }],
  MatMul: [
    { operands: [f32(9, 700), f32(700, 7)] },
    { operands: [f32(2, 3, 40), f32(40, 5)] },
    { operands: [f64(3, 600), f64(600, 4)] },
  ],
  Conv: [
    with_({ group: 1, strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] }, f32(1, 60, 7, 7), f32(4, 60, 3, 3)),
    with_({ group: 2, strides: [2], pads: [0, 1], dilations: [2] }, f32(2, 6, 20), f32(4, 3, 3)),
  ],
  ReduceSum: [
    with_({ axes: 1 }, f32(3, 2500)),
    with_({ axes: 2 }, f64(2, 5, 40)),
    with_({ axes: 1 }, of('int64', 4, 9)),
  ],
  ReduceMax: [with_({ axes: 1 }, f32(6, 70)), with_({ axes: 1 }, of('uint8', 3, 40))],
  ReduceMin: [with_({ axes: 1 }, f32(6, 70)), with_({ axes: 1 }, of('int64', 3, 40))],
  MaxPool: [with_({ kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1] }, f32(1, 2, 9, 9))],
  ArgMax: [with_({ axis: 1 }, f32(4, 20, 3))],
  ArgMin: [with_({ axis: 0 }, between(0, 3, of('int32', 20, 3)))],
  Reshape: [with_({ shape: [6, 4] }, f32(4, 6))],
  Transpose: [with_({ perm: [2, 0, 1] }, f32(3, 4, 5)), with_({ perm: [1, 0] }, of('bool', 3, 5))],
  Slice: [with_({ starts: [3, 0], ends: [-1, 5], steps: [-1, 2] }, f32(4, 6))],
  Concat: [with_({ axis: 1 }, f32(3, 2), f32(3, 5), f32(3, 1))],
  Expand: [with_({ shape: [4, 3, 5] }, f32(3, 1))],
  Gather: [with_({ axis: 1 }, f32(3, 8), between(0, 7, of('int64', 2, 3)))],
  GatherElements: [with_({ axis: 1 }, f32(4, 8), between(0, 7, of('int64', 4, 5)))],
}
