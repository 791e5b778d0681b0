/**
 * What an ONNX operator's row is: how one node of a file becomes exact ops.
 * @module
 */
import type { DType, Tensor } from '../core/tensor.js'
import type { Graph } from '../onnx/graph.js'
import type { Builder, Ref } from './builder.js'

/** A node of a file while it is decomposed. */
export interface NodeView {
  readonly op: string
  /** Opset version of the operator's domain in this file. */
  readonly opset: number
  /** Number of outputs that the file names; absent ones are ''. */
  readonly outputs: readonly string[]
  readonly inputCount: number
  /** The operand, or undefined where it is absent. */
  optional(index: number): Ref | undefined
  /** The operand. @throws Fault `onnx/bad-node` where it is absent. */
  input(index: number): Ref
  /** An operand whose value must be known when compiling. @throws Fault `exact/dynamic-shape`. */
  constant(index: number): Tensor
  /** The same as numbers, or undefined where the operand is absent. */
  constantInts(index: number): number[] | undefined
  has(name: string): boolean
  /** @throws Fault `onnx/bad-node` where it is absent and there is no default, or of another kind. */
  int(name: string, fallback?: number): number
  float(name: string, fallback?: number): number
  string(name: string, fallback?: string): string
  ints(name: string, fallback?: readonly number[]): readonly number[]
  /** Integers beyond 2^53 as well. */
  bigInts(name: string): readonly bigint[]
  floats(name: string, fallback?: readonly number[]): readonly number[]
  strings(name: string, fallback?: readonly string[]): readonly string[]
  tensor(name: string): Tensor
  graph(name: string): Graph
  /** A dtype attribute (`to`, `dtype` ...). */
  dtype(name: string, fallback?: DType): DType
  /** Decomposes a subgraph in the scope of this node: its inputs by name, its outputs in order. */
  subgraph(graph: Graph, inputs: readonly (readonly [string, Ref])[]): Ref[]
  /** Normalises an axis that may count from the back. @throws Fault `onnx/bad-node` out of range. */
  axis(value: number, rank: number): number
}

/** One ONNX operator over a range of opsets: its decomposition into exact ops, one Ref per output. */
export interface OperatorRow {
  readonly op: string
  /** '' is ai.onnx. */
  readonly domain: string
  /** First opset of this form. */
  readonly since: number
  decompose(b: Builder, node: NodeView): readonly (Ref | undefined)[]
}

/** A row of the ai.onnx domain. */
export function operator(op: string, since: number, decompose: OperatorRow['decompose']): OperatorRow {
  return { op, domain: '', since, decompose }
}
