/**
 * Programs: graphs of exact ops for concrete shapes. Values are numbered without choice: parameters, inputs, constants, then one
 * value per node in topological order.
 * @module
 */
import type { Tensor, TensorType } from '../core/tensor.js'

/** Attributes of an exact op: integers and lists of integers only, every one of them always present. */
export type Attributes = Readonly<Record<string, number | readonly number[]>>

/** The input of a node that is not there. */
export const ABSENT = 0xffffffff

/** A parameter: a tensor of the state. */
export interface ParameterValue extends TensorType {
  readonly kind: 'parameter'
}
/** An input of every step. */
export interface InputValue extends TensorType {
  readonly kind: 'input'
}
/** A constant of the program. */
export interface ConstantValue extends TensorType {
  readonly kind: 'constant'
  readonly tensor: Tensor
}
/** The one output of an exact op. */
export interface NodeValue extends TensorType {
  readonly kind: 'node'
  /** Name of the exact op. */
  readonly op: string
  readonly attributes: Attributes
  /** Numbers of the operands, all smaller than this value's own; {@link ABSENT} where an optional one is left out. */
  readonly inputs: readonly number[]
}
/** One value of a program. */
export type Value = ParameterValue | InputValue | ConstantValue | NodeValue

/** After a step, the parameter holds the value. */
export interface Carry {
  /** Position among the parameters. */
  readonly parameter: number
  /** Number of the value. */
  readonly value: number
}

/** A graph of exact ops, compiled for concrete shapes: (state, inputs) -> (state', outputs). */
export interface Program {
  readonly values: readonly Value[]
  readonly counts: {
    readonly parameters: number
    readonly inputs: number
    readonly constants: number
    readonly nodes: number
  }
  /** Numbers of the values that a step returns. */
  readonly outputs: readonly number[]
  readonly carries: readonly Carry[]
  readonly names: {
    readonly parameters: readonly string[]
    readonly inputs: readonly string[]
    readonly outputs: readonly string[]
  }
}

/** Numbers of the values that are parameters. */
export function parametersOf(program: Program): TensorType[] {
  return program.values.slice(0, program.counts.parameters)
}

/** Types of the inputs of a step, in order. */
export function inputsOf(program: Program): TensorType[] {
  const { parameters, inputs } = program.counts
  return program.values.slice(parameters, parameters + inputs)
}

/** Types of the outputs of a step, in order. */
export function outputsOf(program: Program): TensorType[] {
  return program.outputs.map((v) => program.values[v])
}

/** The state after a step: carried parameters are replaced, the others stay. Cost: linear in parameters and carries. */
export function nextState<T>(program: Program, state: readonly T[], carried: (carry: Carry, index: number) => T): T[] {
  const next = [...state]
  program.carries.forEach((carry, index) => (next[carry.parameter] = carried(carry, index)))
  return next
}
