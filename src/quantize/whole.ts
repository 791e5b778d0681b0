/**
 * Builds an integer program value by value, each with its interval. What an idiom need not do, because the interval shows it, is left out.
 * @module
 */
import { DTYPES, tensor, type DType, type Tensor, type TensorType } from '../core/tensor.js'
import { Builder, type Ref } from '../exact/builder.js'
import type { Attributes, Program } from '../exact/program.js'
import type { Bound } from './bounds.js'
import { exactRange, intervalOf, type Interval } from './interval.js'
import { bound } from './intervals.js'

/** A value of an integer program that is being built; int64 unless said otherwise. */
export interface Whole extends Bound {
  readonly ref: Ref
}

/** Elements that all intervals together may compute; the proof at the end has its own. */
const KNOWN_LIMIT = 1 << 26

/** Collects the values of one integer program. */
export class Wholes {
  readonly #b = new Builder()
  readonly #bounds = new Map<number, Bound>()
  readonly #state = new Map<number, Tensor>()
  readonly #names = new Set<string>()
  readonly #budget = { left: KNOWN_LIMIT }

  #leaf(ref: Ref, known: Tensor | undefined): Whole {
    const interval = known === undefined ? exactRange(ref.dtype) : intervalOf(known)
    const made: Whole = { ref, id: ref.id, dtype: ref.dtype, dims: ref.dims, known, ...interval }
    this.#bounds.set(ref.id, made)
    return made
  }

  /** An input of every step, as int64. */
  input(name: string, type: TensorType): Whole {
    return this.cast(this.#leaf(this.#b.input(name, type), undefined), 'int64')
  }

  /** A tensor of the state, as int64. Names are made unique by counting. */
  parameter(name: string, value: Tensor): Whole {
    let own = name
    for (let count = 2; this.#names.has(own); count++) own = `${name}.${count}`
    this.#names.add(own)
    const ref = this.#b.parameter(own, value)
    this.#state.set(ref.id, value)
    return this.cast(this.#leaf(ref, value), 'int64')
  }

  constant(value: Tensor): Whole {
    return this.#leaf(this.#b.constant(value), value)
  }

  scalar(value: number | bigint): Whole {
    return this.constant(tensor('int64', [], [BigInt(value)]))
  }

  /** One exact op. @throws Fault, as `intervals` does. */
  op(op: string, operands: readonly Whole[], attributes: Attributes = {}): Whole {
    const refs = operands.map(({ ref }) => ref)
    const ref = this.#b.op(op, refs, attributes)
    if (ref.value !== undefined) return this.#leaf(ref, ref.value)
    const { dtype, dims } = ref
    const made = bound(operands, { op, attributes, dtype, dims }, { id: ref.id, budget: this.#budget })
    this.#bounds.set(ref.id, made)
    return { ...made, ref }
  }

  cast(x: Whole, dtype: DType): Whole {
    return x.dtype === dtype ? x : this.op('Cast', [x], { to: DTYPES[dtype].code })
  }

  /** x rounded to a multiple of 2^shift, halves up, in units of 2^shift. */
  shiftDown(x: Whole, shift: number): Whole {
    if (shift === 0) return x
    const [half, unit] = [this.scalar(1n << BigInt(shift - 1)), this.scalar(1n << BigInt(shift))]
    const raised = this.op('Add', [x, half])
    return this.op('Div', [this.op('Sub', [raised, this.op('Mod', [raised, unit])]), unit])
  }

  /** x times 2^shift. */
  shiftUp(x: Whole, shift: number): Whole {
    return shift === 0 ? x : this.op('Mul', [x, this.scalar(1n << BigInt(shift))])
  }

  /** x moved into an interval. */
  clamp(x: Whole, { lo, hi }: Interval): Whole {
    const raised = x.lo >= lo ? x : this.op('Max', [x, this.scalar(lo)])
    return raised.hi <= hi ? raised : this.op('Min', [raised, this.scalar(hi)])
  }

  /** A product in binary64, which is exact: the bounds say so or refuse. */
  product(op: 'MatMul' | 'Conv', [a, b]: readonly [Whole, Whole], attributes: Attributes = {}): Whole {
    return this.cast(this.op(op, [this.cast(a, 'float64'), this.cast(b, 'float64')], attributes), 'int64')
  }

  /** Maxima of windows, in float32, which holds what fits 24 bits. */
  maxPool(x: Whole, attributes: Attributes): Whole {
    return this.cast(this.op('MaxPool', [this.cast(x, 'float32')], attributes), 'int64')
  }

  /** The program of these outputs with its state. May be asked for several times. */
  finish(outputs: readonly (readonly [string, Whole])[]): { program: Program; state: Tensor[] } {
    const { program, state } = this.#b.finish({ outputs: outputs.map(([name, { ref }]) => [name, ref] as const) })
    return { program, state: state.map(({ id }) => this.#state.get(id)!) }
  }
}
