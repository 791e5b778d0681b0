/**
 * Emits the standard ONNX nodes of a lowering, split into what depends on fixed values only (run once) and the rest (every step).
 * @module
 */
import { DTYPES, tensor, sizeOf, bytesOf, type DType, type Tensor } from '../core/tensor.js'
import { sha256 } from '../core/sha256.js'
import { toHex } from '../core/bytes.js'

/** Attribute values of an emitted node; integers unless the name says float. */
export type EmittedAttribute = number | string | readonly number[] | { readonly float: number }

/** A standard ONNX node to be. */
export interface EmittedNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, EmittedAttribute>>
  /** True where every operand is fixed. */
  readonly fixed: boolean
}

/** Element types as they stand in the lowered model: 16-bit floats travel as their bits. */
export function carrierOf(dtype: DType): DType {
  return dtype === 'float16' || dtype === 'bfloat16' ? 'uint16' : dtype
}

/** Collects nodes and initializers. Names are made by counting, so equal programs give equal models. */
export class Emitter {
  readonly nodes: EmittedNode[] = []
  readonly initializers = new Map<string, Tensor>()
  readonly #fixed = new Set<string>()
  readonly #shared = new Map<string, string>()
  #count = 0
  /** Whether the kernels for uint8 times int8 are faster than those for binary64 where few rows meet many weights. */
  readonly digits: boolean

  /** Begins every name. */
  readonly #prefix: string

  constructor({ digits = false, prefix = '' }: { digits?: boolean; prefix?: string } = {}) {
    this.digits = digits
    this.#prefix = prefix
  }

  /** A fresh name. */
  name(hint: string): string {
    return `${this.#prefix}${hint}_${this.#count++}`
  }

  /** Declares a value from outside of the graph as fixed: the same in every step. */
  fix(name: string): void {
    this.#fixed.add(name)
  }

  isFixed(name: string): boolean {
    return this.#fixed.has(name)
  }

  /** Adds a node with one output. An operand '' is absent. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, EmittedAttribute>> = {}): string {
    const output = this.name(op)
    const fixed = inputs.every((input) => input === '' || this.#fixed.has(input))
    this.nodes.push({ op, inputs, outputs: [output], attributes, fixed })
    if (fixed) this.#fixed.add(output)
    return output
  }

  /** Adds a node with two outputs and gives the second. */
  second(op: string, inputs: readonly string[], attributes: Readonly<Record<string, EmittedAttribute>>): string {
    const first = this.node(op, inputs, attributes)
    const node = this.nodes.pop()!
    const output = this.name(op)
    this.nodes.push({ ...node, outputs: [first, output] })
    if (node.fixed) this.#fixed.add(output)
    return output
  }

  /** An initializer, shared between equal tensors. */
  constant(value: Tensor): string {
    const key = `${value.dtype}[${value.dims}]${toHex(sha256(bytesOf(value)))}`
    return this.share(key, () => {
      const name = this.name('c')
      this.initializers.set(
        name,
        value.dtype === carrierOf(value.dtype) ? value : { ...value, dtype: carrierOf(value.dtype) },
      )
      this.#fixed.add(name)
      return name
    })
  }

  /** A rank-0 initializer. */
  scalar(dtype: DType, value: number): string {
    const data = dtype === 'int64' || dtype === 'uint64' ? [BigInt(value)] : [value]
    return this.constant(tensor(dtype, [], data as number[]))
  }

  /** An int64 vector: axes, shapes, starts ... */
  ints(values: readonly number[]): string {
    return this.constant(tensor('int64', [values.length], values.map(BigInt)))
  }

  /** The name that `make` gave for this key before, else its result now: for grids and tables that several nodes use. */
  share(key: string, make: () => string): string {
    const known = this.#shared.get(key)
    if (known !== undefined) return known
    const made = make()
    this.#shared.set(key, made)
    return made
  }

  // Shorthands for the nodes that most rules need.
  add = (a: string, b: string) => this.node('Add', [a, b])
  sub = (a: string, b: string) => this.node('Sub', [a, b])
  mul = (a: string, b: string) => this.node('Mul', [a, b])
  div = (a: string, b: string) => this.node('Div', [a, b])
  where = (c: string, a: string, b: string) => this.node('Where', [c, a, b])
  less = (a: string, b: string) => this.node('Less', [a, b])
  equal = (a: string, b: string) => this.node('Equal', [a, b])
  and = (a: string, b: string) => this.node('And', [a, b])
  or = (a: string, b: string) => this.node('Or', [a, b])
  not = (a: string) => this.node('Not', [a])
  abs = (a: string) => this.node('Abs', [a])
  cast = (a: string, to: DType) => this.node('Cast', [a], { to: DTYPES[to].code })
  bitCast = (a: string, to: DType) => this.node('BitCast', [a], { to: DTYPES[to].code })
  reshape = (a: string, dims: readonly number[]) => this.node('Reshape', [a, this.ints(dims)], { allowzero: 1 })
  transpose = (a: string, perm: readonly number[]) => this.node('Transpose', [a], { perm })
  expand = (a: string, dims: readonly number[]) => this.node('Expand', [a, this.ints(dims)])
  concat = (parts: readonly string[], axis: number) =>
    parts.length === 1 ? parts[0] : this.node('Concat', parts, { axis })
  slice = (a: string, axis: number, start: number, end: number, step = 1) =>
    this.node('Slice', [a, this.ints([start]), this.ints([end]), this.ints([axis]), this.ints([step])])
  gather = (a: string, indices: string, axis: number) => this.node('Gather', [a, indices], { axis })
  reduce = (op: 'ReduceSum' | 'ReduceMax' | 'ReduceMin', a: string, axes: readonly number[], keep: 0 | 1 = 1) =>
    this.node(op, [a, this.ints(axes)], { keepdims: keep })
  /** Adds +0 of the dtype: a zero becomes +0. The zero is an overridable initializer, which no optimizer deletes. */
  plusZero = (a: string, dtype: DType) => this.add(a, this.scalar(dtype, 0))
  /** A bool vector of one element: does any element hold? */
  any = (a: string, dims: readonly number[]) => {
    const flat = this.reshape(this.cast(a, 'int32'), [sizeOf(dims)])
    return this.cast(this.reduce('ReduceMax', flat, [0]), 'bool')
  }
}
