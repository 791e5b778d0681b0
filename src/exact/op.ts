/**
 * What an exact op is: one row, held in one file of `ops/`.
 * @module
 */
import type { Tensor, TensorType, DType } from '../core/tensor.js'
import type { Attributes } from './program.js'
import type { Emitter } from './emitter.js'

/** Why a run is refused; the number stands in the refusal record. */
export const REASONS = { nan: 1, 'zero-divisor': 2, 'index-out-of-range': 3, 'nan-result': 4 } as const
export type Reason = keyof typeof REASONS

/** The first faulty element of an operand, in row-major order. */
export interface Finding {
  readonly reason: Reason
  readonly element: number
}

/** How a third party can check one output element; see docs/security.md. */
export type Referee = 'elementwise' | 'elementary' | 'index-map' | 'maximum' | 'sum' | 'product' | 'named'

/** The operands of a node while it is inferred, evaluated or lowered; `undefined` where an optional one is absent. */
export type Operands<T> = readonly (T | undefined)[]

/** A fault point: what the run looks for before the op. */
export interface FaultPoint {
  /** The definition: the first fault in these operands, or undefined. */
  find(inputs: readonly Tensor[], attributes: Attributes): Finding | undefined
  /**
   * ONNX nodes giving a bool vector of one element that is true wherever `find` finds something (it may be true without: then `find` decides).
   * '' where this node can never meet a fault.
   */
  suspect(g: Emitter, inputs: readonly string[], node: LoweredNode): string
}

/** What a lowering rule knows about its node. */
export interface LoweredNode {
  readonly attributes: Attributes
  readonly inputs: readonly TensorType[]
  readonly output: TensorType
}

/** One exact op: a unique result for every input. */
export interface ExactOp {
  readonly name: string
  /** Stands in the program's leaves; never reused. */
  readonly number: number
  /** All attributes in their order of encoding. */
  readonly attributes: readonly { readonly name: string; readonly kind: 'int' | 'ints' }[]
  /** What it does with float16 and bfloat16: computes in float32 and rounds, or moves the bits. */
  readonly halves: 'widen' | 'carry'
  /** Element types of its operands. */
  readonly dtypes: readonly DType[] | 'any'
  /** Type of the output. @throws Fault `exact/shape-mismatch`, `exact/unsupported-type`. */
  infer(inputs: readonly TensorType[], attributes: Attributes): TensorType
  /** The definition in code. */
  evaluate(inputs: readonly Tensor[], attributes: Attributes, output: TensorType): Tensor['data']
  /** The same as standard ONNX nodes with platform-independent results; returns the name of the output. */
  lower(g: Emitter, inputs: readonly string[], node: LoweredNode): string
  readonly faults?: FaultPoint
  readonly referee: Referee
  /** Where the definition comes from. */
  readonly source: string
}
