/**
 * A circuit while it is written: lines of circom, the forms that values have in it, and the count of constraints, kept as it grows.
 * @module
 */
import { Fault } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { bitsOf, type Interval } from '../quantize/index.js'
import { expand, type Blocks, type Expanded } from './blocks.js'
import { LEAF, integersOf } from './commit.js'
import { ORDER } from './field.js'

/**
 * How a form follows from the bits of another: x = floor(base / 2^shift); that after a bound was put on it; what was cut off; base without it.
 * `relu`: the larger of 0 and that floor, not written yet, since its only reader bounds it from above as well.
 */
export interface Origin {
  readonly kind: 'floor' | 'bounded' | 'remainder' | 'multiple' | 'relu'
  readonly base: Form
  readonly shift: number
}

/** A value as the circuit has it: an array of wires, or of expressions that are linear in wires. */
export interface Form extends Interval {
  /** Identifier of a circom array of `size` elements. */
  readonly name: string
  readonly size: number
  /** About how many wires stand in one element's expression; 0 of a constant, 1 of wires. */
  readonly terms: number
  /** Where the elements are known when the circuit is made. */
  readonly known?: Tensor
  readonly origin?: Origin
  /** True of inputs and parameters whose roots stand in the circuit. */
  readonly rooted?: boolean
  /**
   * What constraints show of the elements whatever the prover writes, as long as no guessed product has been checked: an interval around
   * the one above. Undefined of what depends on a guessed product.
   */
  readonly enforced?: Interval
  /** A form that holds every element of this one which is no constant: a root of it binds this one too. */
  readonly source?: Form
  /** Where this is a guessed product plus something of an enforced interval. */
  readonly sum?: Interval & { readonly of: string }
}

/** A product of matrices m x k and k x n. */
export interface Product {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly a: Form
  readonly b: Form
  /** What the operands are taken from: the same wires, each once. */
  readonly sources: readonly [Form, Form]
}

/** A product that was guessed and waits for its check. */
export interface Guess extends Product {
  readonly y: Form
}

/** The bits of a form: wires `low` and expressions `top`, of form + offset. */
export interface Bits {
  readonly low: string
  readonly top: string
  readonly count: number
  /** True where the offset is 2^(count - 1): then top says "not negative". */
  readonly signed: boolean
}

/** Most bits of one number: sums of bits stay below the order, so that nothing has two forms. */
const MOST_BITS = 250
/** Expressions with more wires than this become wires before they are multiplied: else each product would hold them all. */
const MOST_TERMS = 2

/** Constraints of one Poseidon of 2 and of 16 elements, the row of the result included. */
export const NODE_COST = 241
const LEAF_COST = 610

/** Constraints of the root of so many field elements. */
export function streamCost(elements: number): number {
  const leaves = Math.max(1, Math.ceil(elements / LEAF))
  return leaves * LEAF_COST + (leaves - 1) * NODE_COST
}

/** What a use of a block costs, rows included. */
const COSTS: Readonly<Record<string, (p: Readonly<Record<string, number>>) => number>> = {
  Bits: ({ N, n }) => N * n,
  Relu: ({ N }) => N,
  ReluClamp: ({ N }) => 4 * N,
  ClampLow: ({ N }) => 3 * N,
  ClampHigh: ({ N }) => 3 * N,
  Product: ({ N }) => N,
  Select: ({ N }) => N,
  IsZero: ({ N }) => 2 * N,
  Maximum: ({ N, K, n }) => N * (K - 1) * (n + 1),
  ArgMax: ({ N, K, n }) => N * ((K - 1) * (n + 2) - (K === 2 ? 1 : 2)),
  DenseBaked: () => 0,
  ConvBaked: () => 0,
  MatrixProduct: ({ B, m, k, n }) => B * m * k * n,
  ProductHint: () => 0,
  StreamRoot: ({ E }) => streamCost(E),
  ChainRoot: ({ E }) => E * NODE_COST,
  MerkleRoot: ({ depth }) => depth * (NODE_COST + 4),
  Freivalds: ({ m, k, n }) => k * (n - 1) + m * k + m * (n - 1),
}

/** A number as circom writes it. */
export const literal = (value: bigint): string => (value < 0n ? `(0 - ${-value})` : String(value))

/** Collects one circuit. */
export class Draft {
  readonly lines: string[] = []
  readonly #blocks: Blocks
  readonly #bits = new Map<string, Bits>()
  readonly #wires = new Map<string, Form>()
  /** Decomposed forms that are a guessed product plus something, by the product. */
  readonly #sums = new Map<string, Interval>()
  /** Products that wait for their checks. */
  readonly guesses: Guess[] = []
  #uses = 0
  /** Constraints so far, rows included. */
  constraints = 0

  constructor(blocks: Blocks) {
    this.#blocks = blocks
  }

  /** A name that nothing else in the circuit has. */
  fresh(stem: string): string {
    return `${stem}_${this.#uses++}`
  }

  emit(...lines: readonly string[]): void {
    this.lines.push(...lines)
  }

  /** Expands a block whose results are wires. */
  use(block: string, parameters: Readonly<Record<string, number>>, inputs: Readonly<Record<string, string>>): Expanded {
    this.constraints += (COSTS[block] ?? noCost(block))(parameters)
    return this.#expand(block, { parameters, inputs, outputs: 'wires' })
  }

  /** Expands a block whose results are linear in its inputs: `out` becomes expressions. */
  linear(
    block: string,
    parameters: Readonly<Record<string, number | string>>,
    inputs: Readonly<Record<string, string>>,
  ): Expanded {
    this.constraints += (COSTS[block] ?? noCost(block))(parameters as Record<string, number>)
    return this.#expand(block, { parameters, inputs, outputs: 'linear' })
  }

  #expand(
    block: string,
    use: { parameters: Record<string, number | string>; inputs: Record<string, string>; outputs: 'wires' | 'linear' },
  ): Expanded {
    const made = expand(this.#blocks, block, { ...use, id: this.#uses++ })
    this.emit(...made.lines)
    return made
  }

  /** A constant array, written when its name is first asked for. */
  constant(known: Tensor): Form {
    const integers = integersOf(known)
    const first = integers[0] ?? 0n
    const [lo, hi] = integers.reduce(([a, b], v) => [v < a ? v : a, v > b ? v : b], [first, first])
    let written: string | undefined
    const write = () => this.#constant(integers)
    return {
      size: integers.length,
      lo,
      hi,
      terms: 0,
      known,
      enforced: { lo, hi },
      get name() {
        return (written ??= write())
      },
    }
  }

  #constant(integers: readonly bigint[]): string {
    const name = this.fresh('c')
    this.emit(`    var ${name}[${Math.max(1, integers.length)}] = [${integers.map(literal).join(', ') || '0'}];`)
    return name
  }

  /** Expressions: `of` is circom for element i. Where they come from is for the caller to add. */
  expression(of: string, { size, lo, hi, terms }: Pick<Form, 'size' | 'lo' | 'hi' | 'terms'>): Form {
    const name = this.fresh('v')
    this.emit(`    var ${name}[${size}];`, `    for (var i = 0; i < ${size}; i++) { ${name}[i] = ${of}; }`)
    return { name, size, lo, hi, terms }
  }

  /** The form as wires, where its elements are larger expressions: a row an element. */
  wires(form: Form): Form {
    if (form.terms <= MOST_TERMS) return form
    const known = this.#wires.get(form.name)
    if (known !== undefined) return known
    const name = this.fresh('w')
    this.emit(
      `    signal ${name}[${form.size}];`,
      `    for (var i = 0; i < ${form.size}; i++) { ${name}[i] <== ${form.name}[i]; }`,
    )
    this.constraints += form.size
    const made: Form = { ...form, name, terms: 1 }
    this.#wires.set(form.name, made)
    return made
  }

  /**
   * The bits of a form, decomposed once: at least `least` of them.
   * @throws Fault `zk/unsupported` where the interval is too wide for the field.
   */
  bits(form: Form, least = 1): Bits {
    const cached = this.#bits.get(form.name)
    if (cached !== undefined && cached.count >= least) return cached
    const signed = form.lo < 0n
    const count = Math.max(bitsOf(form), least, signed ? 2 : 1)
    if (count > MOST_BITS) throw new Fault('zk/unsupported', `a value of ${count} bits`)
    const offset = signed ? `(1 << ${count - 1})` : '0'
    const made = this.#expandBits(form, { count, offset })
    const bits: Bits = { low: made.name('low'), top: made.name('top'), count, signed }
    this.#bits.set(form.name, bits)
    if (form.sum !== undefined) this.#sums.set(form.sum.of, lessOf(rangeOf(bits), form.sum))
    return bits
  }

  #expandBits({ name, size }: Form, { count, offset }: { count: number; offset: string }): Expanded {
    this.constraints += COSTS.Bits({ N: size, n: count })
    const parameters = { N: size, n: count, offset }
    return this.#expand('Bits', { parameters, inputs: { in: name }, outputs: 'wires' })
  }

  /** What is shown of a form: by what it follows from, or by its bits where they were taken; the narrower one. */
  shown({ name, enforced }: Form): Interval | undefined {
    const cached = this.#bits.get(name)
    if (cached === undefined) return enforced
    const range = rangeOf(cached)
    return enforced !== undefined && enforced.hi - enforced.lo < range.hi - range.lo ? enforced : range
  }

  /** The interval that the bits of a form show, taken now where they were not before. */
  enforce(form: Form): Interval {
    return rangeOf(this.bits(form))
  }

  /** What the bits of a sum show of the guessed product in it. */
  enforcedBySum({ name }: Form): Interval | undefined {
    return this.#sums.get(name)
  }
}

/** Numbers with these bits. */
export function rangeOf({ count, signed }: Bits): Interval {
  const limit = 1n << BigInt(signed ? count - 1 : count)
  return { lo: signed ? -limit : 0n, hi: limit - 1n }
}

const lessOf = (sum: Interval, rest: Interval): Interval => ({ lo: sum.lo - rest.hi, hi: sum.hi - rest.lo })

function noCost(block: string): never {
  throw new Fault('zk/unsupported', `no cost of block ${block}`)
}

/** 1 / 2^shift in the field, as circom writes it. */
export const fraction = (shift: number): string => {
  const half = (ORDER + 1n) / 2n
  let value = 1n
  for (let i = 0; i < shift; i++) value = (value * half) % ORDER
  return String(value)
}
