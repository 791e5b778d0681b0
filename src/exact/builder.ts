/**
 * Builds a program value by value. Decompositions are written with it; what is constant is computed at once by the reference.
 * @module
 */
import {
  DTYPES,
  allocate,
  bytesOf,
  isFloat,
  sizeOf,
  tensor,
  type DType,
  type Tensor,
  type TensorType,
} from '../core/tensor.js'
import { Fault, demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import { toHex } from '../core/bytes.js'
import { opOf } from './ops/index.js'
import type { ExactOp } from './op.js'
import { ABSENT, type Attributes, type Carry, type Program, type Value } from './program.js'

/** A value while a program is built. */
export interface Ref extends TensorType {
  readonly id: number
  /** Known when compiling: constants, and whatever follows from constants alone. */
  readonly value?: Tensor
  /** A parameter's value in the file, which {@link Builder.bind} may turn into a constant. */
  readonly initial?: Tensor
}

/** Largest constant that folding makes, in elements; larger results stay nodes. */
const FOLD_LIMIT = 1 << 16
/** Largest value of a program, in elements (02-formats: 2^40; memory sets a lower one here). */
const SIZE_LIMIT = 2 ** 31
/** Most nodes of a program: a bound on unrolling. */
const NODE_LIMIT = 1_000_000

/** Elementary steps that all folding together may take: some seconds. */
const WORK_LIMIT = 2 ** 30
/** Every op asked for costs at least this, so that unrolling without end is stopped too. */
const OP_COST = 1000

/** Steps that an evaluation takes, from above: products multiply, everything else reads and writes. */
function foldCost({ referee }: ExactOp, inputs: readonly Tensor[], output: TensorType): number {
  const read = inputs.reduce((sum, { data }) => sum + data.length, 0)
  const written = sizeOf(output.dims)
  return OP_COST + read + (referee === 'product' ? written * sizeOf(inputs[1].dims.slice(0, -1)) : written)
}

type Draft = { readonly value: Value; readonly name?: string }

/** Collects the values of one program. */
export class Builder {
  readonly #drafts: Draft[] = []
  readonly #constants = new Map<string, Ref>()
  #work = 0

  #push(value: Value, extra: { name?: string; known?: Tensor; initial?: Tensor } = {}): Ref {
    demand(sizeOf(value.dims) <= SIZE_LIMIT, 'exact/too-large', () => `a value of ${sizeOf(value.dims)} elements`)
    demand(value.dims.length <= 8, 'exact/too-large', () => `rank ${value.dims.length}; programs hold up to rank 8`)
    demand(this.#drafts.length < NODE_LIMIT, 'exact/too-large', () => `more than ${NODE_LIMIT} nodes`)
    this.#drafts.push({ value, name: extra.name })
    return {
      id: this.#drafts.length - 1,
      dtype: value.dtype,
      dims: value.dims,
      value: extra.known,
      initial: extra.initial,
    }
  }

  /** A tensor of the state, with its value in the file. */
  parameter(name: string, initial: Tensor): Ref {
    return this.#push({ kind: 'parameter', dtype: initial.dtype, dims: initial.dims }, { name, initial })
  }

  /** An input of every step. */
  input(name: string, type: TensorType): Ref {
    return this.#push({ kind: 'input', dtype: type.dtype, dims: type.dims }, { name })
  }

  /** A constant; equal tensors are one value. */
  constant(value: Tensor): Ref {
    const key = `${value.dtype}[${value.dims}]${toHex(sha256(bytesOf(value)))}`
    const known = this.#constants.get(key)
    if (known !== undefined) return known
    const made = this.#push({ kind: 'constant', dtype: value.dtype, dims: value.dims, tensor: value }, { known: value })
    this.#constants.set(key, made)
    return made
  }

  /** The value of a constant, or of a parameter that hereby becomes one (it decides a shape), or undefined. */
  bind(ref: Ref): Tensor | undefined {
    return ref.value ?? ref.initial
  }

  /**
   * One exact op; one whose operands are all known is computed now. Half floats are widened where the op computes, and binary64
   * operands of elementary functions, which are defined on binary32, are rounded to it; the result goes back to their type.
   * @throws Fault `exact/shape-mismatch`, `exact/unsupported-type`.
   */
  op(name: string, inputs: readonly (Ref | undefined)[], attributes: Attributes = {}): Ref {
    const row = opOf(name)
    const own = inputs.find((input) => input !== undefined && goesBySingle(row, input.dtype))?.dtype
    if (own !== undefined) return this.#bySingle(row, { inputs, attributes, own })
    const present = inputs.filter((input) => input !== undefined)
    const type = row.infer(present, attributes)
    demand(
      type.dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0),
      'exact/shape-mismatch',
      () => `${name} would give dimensions [${type.dims}]`,
    )
    return this.#fold(row, { inputs, attributes, type }) ?? this.#node(row, { inputs, attributes, type })
  }

  #bySingle(
    row: ExactOp,
    { inputs, attributes, own }: { inputs: readonly (Ref | undefined)[]; attributes: Attributes; own: DType },
  ): Ref {
    const single = inputs.map((input) => (input?.dtype === own ? this.cast(input, 'float32') : input))
    const result = this.op(row.name, single, attributes)
    return result.dtype === 'float32' ? this.cast(result, own) : result
  }

  #node(
    row: ExactOp,
    { inputs, attributes, type }: { inputs: readonly (Ref | undefined)[]; attributes: Attributes; type: TensorType },
  ): Ref {
    const ordered = Object.fromEntries(row.attributes.map(({ name }) => [name, attributes[name]]))
    return this.#push({
      kind: 'node',
      dtype: type.dtype,
      dims: type.dims,
      op: row.name,
      attributes: ordered,
      inputs: inputs.map((input) => input?.id ?? ABSENT),
    })
  }

  #fold(
    row: ExactOp,
    { inputs, attributes, type }: { inputs: readonly (Ref | undefined)[]; attributes: Attributes; type: TensorType },
  ): Ref | undefined {
    const known = inputs.filter((input) => input !== undefined).map((input) => input.value)
    if (sizeOf(type.dims) > FOLD_LIMIT || known.some((value) => value === undefined)) return undefined
    const values = known as Tensor[]
    this.#spend(foldCost(row, values, type))
    if (row.faults?.find(values, attributes) !== undefined) return undefined
    return this.constant({ ...type, data: row.evaluate(values, attributes, type) })
  }

  /** A bound on what a hostile file can make the compiler compute. */
  #spend(cost: number): void {
    this.#work += cost
    demand(this.#work <= WORK_LIMIT, 'exact/too-large', () => 'constants that take too long to compute')
  }

  /** The program of these outputs: what they do not need is left out. */
  finish(options: {
    outputs: readonly (readonly [string, Ref])[]
    carries?: readonly (readonly [Ref, Ref])[]
    keep?: readonly Ref[]
  }): { program: Program; state: Ref[] } {
    const carries = options.carries ?? []
    const live = this.#live([...options.outputs.map(([, ref]) => ref), ...carries.flat(), ...(options.keep ?? [])])
    const ids = this.#drafts.map((_, id) => id).filter((id) => live.has(id) || this.#drafts[id].value.kind === 'input')
    const ofKind = (kind: Value['kind']) => ids.filter((id) => this.#drafts[id].value.kind === kind)
    const groups = [ofKind('parameter'), ofKind('input'), ofKind('constant'), ofKind('node')]
    const numbers = new Map(groups.flat().map((id, number) => [id, number]))
    const values = groups.flat().map((id) => this.#renumbered(this.#drafts[id].value, numbers))
    const nameOf = (id: number) => this.#drafts[id].name ?? ''
    const program: Program = {
      values,
      counts: {
        parameters: groups[0].length,
        inputs: groups[1].length,
        constants: groups[2].length,
        nodes: groups[3].length,
      },
      outputs: options.outputs.map(([, ref]) => numbers.get(ref.id)!),
      carries: carries.map(([parameter, value]): Carry => ({
        parameter: numbers.get(parameter.id)!,
        value: numbers.get(value.id)!,
      })),
      names: {
        parameters: groups[0].map(nameOf),
        inputs: groups[1].map(nameOf),
        outputs: options.outputs.map(([name]) => name),
      },
    }
    return { program, state: groups[0].map((id) => ({ id, ...this.#drafts[id].value })) }
  }

  #live(roots: readonly Ref[]): Set<number> {
    const live = new Set<number>()
    const pending = roots.map((ref) => ref.id)
    while (pending.length > 0) {
      const id = pending.pop()!
      if (live.has(id)) continue
      live.add(id)
      const { value } = this.#drafts[id]
      if (value.kind === 'node') pending.push(...value.inputs.filter((input) => input !== ABSENT))
    }
    return live
  }

  #renumbered(value: Value, numbers: ReadonlyMap<number, number>): Value {
    if (value.kind !== 'node') return value
    return { ...value, inputs: value.inputs.map((input) => (input === ABSENT ? ABSENT : numbers.get(input)!)) }
  }

  // ------------------------------------------------------------ shorthands for decompositions

  /** A rank-0 constant of a dtype; the number is rounded to it. */
  scalar(dtype: DType, value: number | bigint): Ref {
    if (dtype === 'float16' || dtype === 'bfloat16') return this.cast(this.scalar('float32', value), dtype)
    const data = allocate(dtype, 1) as unknown as { [i: number]: number | bigint }
    data[0] = dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : Number(value)
    return this.constant({ dtype, dims: [], data: data as unknown as Tensor['data'] })
  }

  /** An int64 vector constant. */
  ints(values: readonly number[]): Ref {
    return this.constant(tensor('int64', [values.length], values.map(BigInt)))
  }

  /** `value` in every element of a shape. */
  full(type: TensorType, value: number | bigint): Ref {
    return this.expand(this.scalar(type.dtype, value), type.dims)
  }

  add = (a: Ref, b: Ref) => this.op('Add', [a, b])
  sub = (a: Ref, b: Ref) => this.op('Sub', [a, b])
  mul = (a: Ref, b: Ref) => this.op('Mul', [a, b])
  div = (a: Ref, b: Ref) => this.op('Div', [a, b])
  max = (a: Ref, b: Ref) => this.op('Max', [a, b])
  min = (a: Ref, b: Ref) => this.op('Min', [a, b])
  neg = (a: Ref) => this.op('Neg', [a])
  abs = (a: Ref) => this.op('Abs', [a])
  sqrt = (a: Ref) => this.op('Sqrt', [a])
  exp = (a: Ref) => this.op('Exp', [a])
  log = (a: Ref) => this.op('Log', [a])
  tanh = (a: Ref) => this.op('Tanh', [a])
  sigmoid = (a: Ref) => this.op('Sigmoid', [a])
  relu = (a: Ref) => this.op('Relu', [a])
  equal = (a: Ref, b: Ref) => this.op('Equal', [a, b])
  less = (a: Ref, b: Ref) => this.op('Less', [a, b])
  /** a <= b, false where either is NaN. */
  lessOrEqual = (a: Ref, b: Ref) => this.or(this.less(a, b), this.equal(a, b))
  and = (a: Ref, b: Ref) => this.op('And', [a, b])
  or = (a: Ref, b: Ref) => this.op('Or', [a, b])
  not = (a: Ref) => this.op('Not', [a])
  where = (c: Ref, a: Ref, b: Ref) => this.op('Where', [c, a, b])
  isNaN = (a: Ref) => this.op('IsNaN', [a])
  matmul = (a: Ref, b: Ref) => this.op('MatMul', [a, b])

  cast(a: Ref, dtype: DType): Ref {
    return a.dtype === dtype ? a : this.op('Cast', [a], { to: DTYPES[dtype].code })
  }

  reshape(a: Ref, dims: readonly number[]): Ref {
    return a.dims.length === dims.length && a.dims.every((d, i) => d === dims[i])
      ? a
      : this.op('Reshape', [a], { shape: dims })
  }

  transpose(a: Ref, perm: readonly number[]): Ref {
    return perm.every((axis, i) => axis === i) ? a : this.op('Transpose', [a], { perm })
  }

  expand(a: Ref, dims: readonly number[]): Ref {
    return a.dims.length === dims.length && a.dims.every((d, i) => d === dims[i])
      ? a
      : this.op('Expand', [a], { shape: dims })
  }

  /** Elements start, start + step, ... before end along one axis. */
  slice(a: Ref, axis: number, { start, end, step = 1 }: { start: number; end: number; step?: number }): Ref {
    const along = (other: (dim: number) => number, own: number) =>
      a.dims.map((dim, i) => (i === axis ? own : other(dim)))
    if (start === 0 && end === a.dims[axis] && step === 1) return a
    return this.op('Slice', [a], {
      starts: along(() => 0, start),
      ends: along((dim) => dim, end),
      steps: along(() => 1, step),
    })
  }

  /** At most eight operands a node, as the program format demands: longer lists are joined in pieces. */
  concat(parts: readonly Ref[], axis: number): Ref {
    if (parts.length === 1) return parts[0]
    if (parts.length <= 8) return this.op('Concat', parts, { axis })
    const size = Math.ceil(parts.length / 8)
    const pieces = Array.from({ length: Math.ceil(parts.length / size) }, (_, i) =>
      parts.slice(i * size, (i + 1) * size),
    )
    return this.concat(
      pieces.map((piece) => this.concat(piece, axis)),
      axis,
    )
  }

  /** Elements of `a` at int64 indices along an axis; indices are not negative. */
  gather(a: Ref, indices: Ref, axis: number): Ref {
    return this.op('Gather', [a, indices], { axis })
  }

  /**
   * A reduction over some axes, in row-major order of the reduced elements; kept axes have size 1.
   * ReduceSum of narrow integers is computed in int64 and wraps.
   */
  reduce(name: 'ReduceSum' | 'ReduceMax' | 'ReduceMin', a: Ref, axes: readonly number[]): Ref {
    const kept = a.dims.map((_, i) => i).filter((i) => !axes.includes(i))
    const moved = this.transpose(a, [...kept, ...[...axes].sort((x, y) => x - y)])
    const reduced = this.op(name, [moved], { axes: axes.length })
    return this.reshape(
      reduced,
      a.dims.map((dim, i) => (axes.includes(i) ? 1 : dim)),
    )
  }

  /** The mean over some axes: the sum, then a division by their extent. */
  mean(a: Ref, axes: readonly number[]): Ref {
    const count = axes.reduce((product, axis) => product * a.dims[axis], 1)
    return this.div(this.reduce('ReduceSum', a, axes), this.scalar(a.dtype, count))
  }
}

/** True where operands of this type are computed in binary32. */
function goesBySingle({ halves, referee }: ExactOp, dtype: DType): boolean {
  if (dtype === 'float16' || dtype === 'bfloat16') return halves === 'widen'
  return dtype === 'float64' && referee === 'elementary'
}

/** Refuses an operator or a use of it: compile.ts adds which node it was. */
export function refuse(what: string): never {
  throw new Fault('exact/unsupported-operator', what)
}

/** True where arithmetic of this type is floating-point. */
export const floating = (ref: TensorType) => isFloat(ref.dtype)
