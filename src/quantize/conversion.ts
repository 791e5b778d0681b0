/**
 * A program of real numbers as one of integers: walks the exact ops of the one and builds the other.
 *
 * Every real value is held as integers with a scale, x = whole * 2^exponent * factor. Products with constant weights wait until something
 * reads them, so that what follows (a bias, a batch normalisation) is worked into the weights before these are rounded.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { isFloat, tensor, type DType, type Tensor } from '../core/tensor.js'
import { ABSENT, type Attributes, type NodeValue, type Program } from '../exact/program.js'
import { evaluate } from '../runtime/reference.js'
import { around, exactRange, magnitude, within, type Interval } from './interval.js'
import { alongAxis, joined, mapped, planeOf, type Plane } from './plane.js'
import {
  chooseScale,
  floorExponent,
  powerOfTwo,
  roundHalfUp,
  sampleOf,
  toInteger,
  type Sample,
  type Scale,
} from './scale.js'
import { Wholes, type Whole } from './whole.js'

/** Real numbers as integers: x = whole * 2^exponent * factor, with 1 <= factor < 2. */
export interface Scaled {
  readonly kind: 'scaled'
  readonly whole: Whole
  readonly exponent: number
  readonly factor: number
}

/** A product with constant weights that nothing has read yet. */
export interface Pending {
  readonly kind: 'pending'
  readonly op: 'MatMul' | 'Conv'
  readonly attributes: Attributes
  readonly x: Scaled
  readonly weights: Plane
  /** Broadcasts to the result. */
  readonly bias?: Plane
  readonly rank: number
  /** Names what becomes of the weights. */
  readonly name: string
}

/** A value that is the same in every run. */
export interface Known {
  readonly kind: 'known'
  readonly tensor: Tensor
}

export type Quantity = Scaled | Pending | Known

/** What is converted. */
export interface Source {
  /** The program of the model, with every tensor of its file that has a name among the outputs. */
  readonly program: Program
  readonly state: readonly Tensor[]
  /** The tensors of the file by number of value. */
  readonly names: ReadonlyMap<number, string>
  /** What calibration has seen of each value. */
  readonly samples: ReadonlyMap<number, Sample>
  /** The largest magnitude of weights that are kept where they are whole already. */
  readonly keep: number
}

/** An input of the integer program, and how real numbers become it. */
export interface ScaledInput extends Scale {
  readonly name: string
  readonly dtype: 'int8' | 'uint8'
}

/** A value that was rounded to few bits. */
export interface Narrowed {
  readonly scale: Scale
  readonly factor: number
  /** Before it was clamped. */
  readonly raw: Whole
  readonly value: Scaled
}

/** A node that is converted. */
export interface Site {
  readonly node: NodeValue
  /** Numbers of the operands. */
  readonly numbers: readonly number[]
  /** The node's own. */
  readonly number: number
}

/** What an exact op on real numbers becomes. Not all of its operands are known. */
export type Row = (c: Conversion, site: Site) => Quantity

/** Values up to this magnitude are operands of products as they are: 8 bits with a zero point taken off. */
const NARROW = 255n
const SIGNED = { lo: -128, hi: 127 } as const
const UNSIGNED = { lo: 0, hi: 255 } as const
/** Bits of a constant that many values are multiplied by. */
const FACTOR_BITS = 12
/** Bits that a value of few bits is refined by before a constant is added that it cannot hold; sums of products are fine enough. */
const GUARD_BITS = 8

/** One conversion. Rows (rows.ts) use it. */
export class Conversion {
  readonly wholes = new Wholes()
  readonly inputs: ScaledInput[] = []
  readonly narrowed = new Map<number, Narrowed>()
  readonly #source: Source
  readonly #quantities = new Map<number, Quantity>()
  readonly #rows: ReadonlyMap<string, Row>
  readonly #uses: Int32Array

  constructor(source: Source, rows: ReadonlyMap<string, Row>) {
    this.#source = source
    this.#rows = rows
    this.#uses = usesOf(source.program)
    for (const number of source.program.values.keys()) this.#quantities.set(number, this.#quantity(number))
  }

  #quantity(number: number): Quantity {
    const { program, state } = this.#source
    const value = program.values[number]
    if (value.kind === 'constant') return { kind: 'known', tensor: value.tensor }
    if (value.kind === 'parameter') return { kind: 'known', tensor: state[number] }
    return value.kind === 'input' ? this.#input(number) : this.#node(number, value)
  }

  /** Integers are taken as they are; real numbers get a scale. */
  #input(number: number): Scaled {
    const { program } = this.#source
    const { dtype, dims } = program.values[number]
    const name = program.names.inputs[number - program.counts.parameters]
    if (!isFloat(dtype)) return this.#scaled(this.wholes.input(name, { dtype, dims }), 0)
    const sample = this.#sample(number)
    const signed = sample.least < 0
    const scale = chooseScale(sample, signed ? SIGNED : UNSIGNED)
    this.inputs.push({ ...scale, name, dtype: signed ? 'int8' : 'uint8' })
    return this.#scaled(this.wholes.input(name, { dtype: signed ? 'int8' : 'uint8', dims }), scale.exponent)
  }

  #scaled(whole: Whole, exponent: number, factor = 1): Scaled {
    return { kind: 'scaled', whole, exponent, factor }
  }

  #sample(number: number): Sample {
    const sample = this.#source.samples.get(number)
    demand(sample !== undefined, 'quantize/no-scale', () => `"${this.nameOf(number)}" has no scale`, {
      hint: 'calibration data is needed',
    })
    return sample
  }

  /** The type of the value in the program of real numbers. */
  dtypeOf(number: number): DType {
    return this.#source.program.values[number].dtype
  }

  /** A name for people: that of the tensor in the file where there is one. */
  nameOf(number: number): string {
    return this.#source.names.get(number) ?? `value ${number}`
  }

  #node(number: number, node: NodeValue): Quantity {
    const numbers = node.inputs.filter((input) => input !== ABSENT)
    const operands = numbers.map((input) => this.#quantities.get(input)!)
    if (operands.every((operand) => operand.kind === 'known'))
      return {
        kind: 'known',
        tensor: evaluate(
          this.#source.program,
          number,
          operands.map(({ tensor }) => tensor),
        ),
      }
    const row = this.#rows.get(node.op)
    try {
      demand(row !== undefined, 'quantize/unsupported-operator', () => `the exact op ${node.op} has no integer form`)
      return this.#fitting(row(this, { node, numbers, number }), node)
    } catch (error) {
      throw this.#placed(error, number)
    }
  }

  /** Integers of the model wrap in their own type; here they are wider and must not. */
  #fitting(made: Quantity, { dtype }: NodeValue): Quantity {
    if (isFloat(dtype) || made.kind !== 'scaled') return made
    const whole = made.exponent === 0 && made.factor === 1
    demand(whole, 'quantize/unsupported-operator', () => `${dtype} that are not whole numbers`)
    demand(within(made.whole, exactRange(dtype)), 'quantize/wide-value', () => `${dtype} that may wrap`)
    return made
  }

  #placed(error: unknown, number: number): unknown {
    if (!Fault.is(error) || error.detail.where !== undefined) return error
    const message = error.message.split(` (${error.code})`)[0]
    return new Fault(error.code, message, { ...error.detail, where: this.nameOf(number), cause: error })
  }

  // ------------------------------------------------------------ reading operands

  /** The operand as it stands: a product may still be waiting, if nothing else reads it. */
  quantity(number: number): Quantity {
    const found = this.#quantities.get(number)!
    return found.kind === 'pending' && this.#uses[number] > 1 ? this.scaled(number) : found
  }

  /** The operand as integers, at whatever width. */
  scaled(number: number): Scaled {
    const found = this.#quantities.get(number)!
    if (found.kind === 'scaled') return found
    demand(found.kind === 'pending', 'quantize/unsupported-operator', () => 'a constant where a value is needed')
    const made = this.#emit(found, this.#source.names.get(number) ?? found.name)
    this.#quantities.set(number, made)
    return made
  }

  /** The operand in few bits, as products and maxima take it: calibration says on which scale. */
  narrow(number: number): Scaled {
    const wide = this.scaled(number)
    if (magnitude(wide.whole) <= NARROW) return wide
    const known = this.narrowed.get(number)
    if (known !== undefined) return known.value
    const made = this.#narrowed(number, wide)
    this.narrowed.set(number, made)
    return made.value
  }

  #narrowed(number: number, { whole, exponent, factor }: Scaled): Narrowed {
    const range = whole.lo >= 0n ? UNSIGNED : SIGNED
    const scale = chooseScale(divided(this.#sample(number), factor), { ...range, floor: exponent })
    const raw = this.wholes.shiftDown(whole, scale.exponent - exponent)
    const clamped = this.wholes.clamp(raw, { lo: BigInt(scale.lo), hi: BigInt(scale.hi) })
    return { scale, factor, raw, value: this.#scaled(clamped, scale.exponent, factor) }
  }

  // ------------------------------------------------------------ products

  /** Integers for the product, its bias at the accumulator's scale. */
  #emit({ op, attributes, x, weights, bias, name }: Pending, own: string): Scaled {
    const real = mapped(weights, (w) => w * x.factor)
    const { whole, exponent } = this.weights(real, `${own === '' ? name : own}.weight`)
    const sum = this.wholes.product(op, [x.whole, whole], attributes)
    const accumulator = this.#scaled(sum, exponent + x.exponent)
    return bias === undefined ? accumulator : this.#plus(accumulator, bias, `${own === '' ? name : own}.bias`)
  }

  /** Weights in 8 bits, on the scale with the smallest squared error. */
  weights(plane: Plane, name: string): Scaled {
    const kept = this.#kept(plane)
    const scale = kept ?? chooseScale(sampleOf(plane.data), SIGNED)
    const integers = plane.data.map((w) => toInteger(w, scale))
    return this.#scaled(this.wholes.parameter(name, weightsTensor(plane.dims, integers)), scale.exponent)
  }

  /** The scale on which weights are whole already: those of models that were quantized before. */
  #kept(plane: Plane): Scale | undefined {
    const { keep } = this.#source
    if (keep <= 127) return undefined
    const sample = sampleOf(plane.data)
    const unit = powerOfTwo(floorExponent(Math.max(sample.most, -sample.least)) - floorExponent(keep))
    if (!plane.data.every((w) => Number.isInteger(w / unit))) return undefined
    const { exponent } = chooseScale(sample, { lo: -keep, hi: keep })
    return { exponent: Math.min(exponent, 0), lo: -keep, hi: keep }
  }

  /** A waiting product of a value with constants. */
  pending(product: Omit<Pending, 'kind' | 'name'>, number: number): Pending {
    return { kind: 'pending', ...product, name: this.nameOf(number) }
  }

  // ------------------------------------------------------------ constants joined to values

  /** -x. */
  negative(number: number): Scaled {
    return this.rescaled(this.scaled(number), -1)
  }

  /** Constants and a value. */
  sum(x: Scaled, constants: Tensor, number: number): Scaled {
    return this.#plus(x, planeOf(constants), `${this.nameOf(number)}.bias`)
  }

  /** x + constants. */
  plus(number: number, constants: Tensor, at: { number: number; rank: number }): Quantity {
    const [x, plane] = [this.quantity(number), planeOf(constants)]
    if (x.kind === 'pending' && at.rank === x.rank)
      return { ...x, bias: x.bias === undefined ? plane : joined(x.bias, plane, (a, b) => a + b) }
    return this.#plus(this.scaled(number), plane, `${this.nameOf(at.number)}.bias`)
  }

  #plus(x: Scaled, plane: Plane, name: string): Scaled {
    if (plane.data.length === 1 && plane.data[0] === 0 && plane.dims.length <= x.whole.dims.length) return x
    const unit = powerOfTwo(x.exponent) * x.factor
    const exact = plane.data.every((c) => Number.isInteger(c / unit))
    const fine = exact || magnitude(x.whole) > NARROW ? x : this.refined(x, GUARD_BITS)
    return { ...fine, whole: this.wholes.op('Add', [fine.whole, this.constants(plane, fine, name)]) }
  }

  /** The same value in units 2^-bits as large. */
  refined({ whole, exponent, factor }: Scaled, bits: number): Scaled {
    return this.#scaled(this.wholes.shiftUp(whole, bits), exponent - bits, factor)
  }

  /** Constants in the units of a value: with a name a parameter, of one element or without a name a constant of the program. */
  constants(plane: Plane, { exponent, factor }: Scaled, name?: string): Whole {
    const unit = powerOfTwo(exponent) * factor
    const made = tensor(
      'int64',
      plane.dims,
      Array.from(plane.data, (c) => wholeOf(c / unit)),
    )
    return plane.data.length === 1 || name === undefined
      ? this.wholes.constant(made)
      : this.wholes.parameter(name, made)
  }

  /** x * constants: one number is kept beside the scale, one for each channel is worked into a waiting product. */
  times(number: number, constants: Plane, at: { number: number; rank: number }): Quantity {
    const x = this.quantity(number)
    const folded = x.kind === 'pending' && at.rank === x.rank ? foldedTimes(x, constants) : undefined
    if (folded !== undefined) return folded
    const value = this.scaled(number)
    if (constants.data.length === 1 && constants.dims.length <= at.rank) return this.rescaled(value, constants.data[0])
    const name = `${this.nameOf(at.number)}.factor`
    const { exponent, factor, whole } = this.#factors(constants, value, name)
    return this.#scaled(this.wholes.op('Mul', [value.whole, whole]), exponent + value.exponent, factor)
  }

  #factors(plane: Plane, { factor }: Scaled, name: string): Scaled {
    const [hi, real] = [2 ** (FACTOR_BITS - 1) - 1, mapped(plane, (c) => c * factor)]
    const scale = chooseScale(sampleOf(real.data), { lo: -hi, hi })
    const integers = real.data.map((c) => toInteger(c, scale))
    return this.#scaled(this.wholes.parameter(name, weightsTensor(plane.dims, integers)), scale.exponent)
  }

  /** x * c without work, but for a sign. */
  rescaled(x: Scaled, c: number): Scaled {
    demand(Number.isFinite(c), 'quantize/unsupported-operator', () => `a product with ${c}`)
    if (c === 0) return this.#scaled(this.wholes.op('Mul', [x.whole, this.wholes.scalar(0)]), x.exponent)
    const whole = c < 0 ? this.wholes.op('Neg', [x.whole]) : x.whole
    const real = Math.abs(c) * x.factor
    const exponent = floorExponent(real)
    return this.#scaled(whole, x.exponent + exponent, real / powerOfTwo(exponent))
  }

  // ------------------------------------------------------------ values joined to values

  /** The value on a scale that is a power of two: its factor becomes a multiplication with a constant of 12 bits. */
  plain(x: Scaled): Scaled {
    if (x.factor === 1) return x
    const multiplier = roundHalfUp(x.factor * powerOfTwo(FACTOR_BITS - 1))
    const exponent = x.exponent - (FACTOR_BITS - 1)
    return this.#scaled(this.wholes.op('Mul', [x.whole, this.wholes.scalar(multiplier)]), exponent)
  }

  /** Values in the same units, the finest of theirs. */
  aligned(values: readonly Scaled[]): Scaled[] {
    const even = values.every(({ factor }) => factor === values[0].factor)
    const plain = even ? values : values.map((value) => this.plain(value))
    const finest = Math.min(...plain.map(({ exponent }) => exponent))
    return plain.map((value) => this.refined(value, value.exponent - finest))
  }

  /** Operands in the same units, constants among them rounded to those. */
  together(numbers: readonly number[]): Scaled[] {
    const values = numbers.filter((number) => this.#quantities.get(number)!.kind !== 'known')
    const scaled = this.aligned(values.map((number) => this.scaled(number)))
    return numbers.map((number) => {
      const found = this.#quantities.get(number)!
      if (found.kind !== 'known') return scaled[values.indexOf(number)]
      return { ...scaled[0], whole: this.constants(planeOf(found.tensor), scaled[0]) }
    })
  }

  /** The value as whole numbers, halves up. */
  rounded(x: Scaled): Scaled {
    const { whole, exponent } = this.plain(x)
    const units = exponent < 0 ? this.wholes.shiftDown(whole, -exponent) : this.wholes.shiftUp(whole, exponent)
    return this.#scaled(units, 0)
  }

  /** The value clamped as whole numbers. @throws Fault `quantize/unsupported-operator` where it is not in units of 1. */
  saturated(x: Scaled, interval: Interval): Scaled {
    demand(x.exponent >= 0 && x.factor === 1, 'quantize/unsupported-operator', () => 'a cast that truncates')
    return this.#scaled(this.wholes.clamp(this.wholes.shiftUp(x.whole, x.exponent), interval), 0)
  }

  /** What became of a value, if anything reads it. */
  result(number: number): Quantity {
    return this.#quantities.get(number)!
  }
}

/** Beyond this a constant is no number of units: it would not fit 63 bits. */
const WHOLE_LIMIT = 2 ** 62

function wholeOf(units: number): bigint {
  demand(Math.abs(units) < WHOLE_LIMIT, 'quantize/wide-value', () => `a constant of ${units} units`)
  return BigInt(roundHalfUp(units))
}

/** How many nodes read each value. */
function usesOf({ values }: Program): Int32Array {
  const uses = new Int32Array(values.length)
  for (const value of values)
    if (value.kind === 'node') for (const input of value.inputs) if (input !== ABSENT) uses[input]++
  return uses
}

/** A sample of the same numbers in units of `factor`. */
function divided(sample: Sample, factor: number): Sample {
  if (factor === 1) return sample
  const scaled = (x: number) => x / factor
  return {
    least: scaled(sample.least),
    most: scaled(sample.most),
    values: sample.values.map((part) => Float64Array.from(part, scaled)),
  }
}

/** The axis of a product's result that has a place for each column of the weights. */
const channelAxis = ({ op, rank }: Pending): number => (op === 'Conv' ? 1 : rank - 1)

/** Constants for each channel worked into the weights, undefined where they are of another shape. */
function foldedTimes(x: Pending, constants: Plane): Pending | undefined {
  const factors = alongAxis(constants, x.rank, channelAxis(x))
  if (factors === undefined) return undefined
  const { dims } = x.weights
  const axis = x.op === 'Conv' ? 0 : dims.length - 1
  const shape = dims.map((dim, i) => (i === axis && factors.length > 1 ? dim : 1))
  const times = (a: number, b: number) => a * b
  const weights = joined(x.weights, { dims: shape, data: factors }, times)
  return { ...x, weights, bias: x.bias === undefined ? undefined : joined(x.bias, constants, times) }
}

/** Integers as the narrowest signed type that holds them. */
function weightsTensor(dims: readonly number[], integers: Float64Array): Tensor {
  const largest = magnitude(around(0n, BigInt(Math.max(0, maximum(integers)))))
  if (largest <= 127n) return tensor('int8', dims, Int8Array.from(integers))
  return largest <= 32767n
    ? tensor('int16', dims, Int16Array.from(integers))
    : tensor('int32', dims, Int32Array.from(integers))
}

/** The largest magnitude; -128 counts as 127, which has as many bits. */
const maximum = (integers: Float64Array): number => integers.reduce((most, w) => Math.max(most, w < 0 ? -w - 1 : w), 0)
