/**
 * Operands on which implementations of binary floating-point arithmetic are likely to fail, always the same, and the results that the
 * exact ops of `src/exact/ops/` demand. The tests of contracts/Exact.sol run over them; test/vectors/exact.json is a small selection for
 * other implementations: `npx tsx scripts/exact-vectors.ts`.
 * @module
 */
import { writeFileSync } from 'node:fs'
import { utf8 } from '../src/core/bytes.js'
import { sha256 } from '../src/core/sha256.js'
import { DTYPES, type DType, type Tensor } from '../src/core/tensor.js'
import { grid64, pow2ceil32, pow2ceil64, pow2ceilWide, productGrid32 } from '../src/exact/ops/grid.js'
import { OPS } from '../src/exact/ops/index.js'
import { isMain } from './markdown.js'

/** A format of IEEE 754-2019, table 3.5. Numbers are bigints of its bits. */
export interface Format {
  readonly dtype: 'float32' | 'float64'
  readonly width: 4 | 8
  /** Bits of the fraction field. */
  readonly fraction: bigint
  /** The exponent field of infinities and NaN. */
  readonly top: bigint
}

export const BINARY32: Format = { dtype: 'float32', width: 4, fraction: 23n, top: 255n }
export const BINARY64: Format = { dtype: 'float64', width: 8, fraction: 52n, top: 2047n }
export const FORMATS: readonly Format[] = [BINARY32, BINARY64]

type Pair = readonly [bigint, bigint]

const signOf = ({ width }: Format): bigint => 1n << BigInt(8 * width - 1)
const infinityOf = ({ fraction, top }: Format): bigint => top << fraction
const biasOf = ({ top }: Format): bigint => top >> 1n
const encode = ({ fraction }: Format, exponent: bigint, rest: bigint): bigint => (exponent << fraction) | rest
const clamp = (x: bigint, low: bigint, high: bigint): bigint => (x < low ? low : x > high ? high : x)

// ---------------------------------------------------------------- operands

/** Bits that look random and are the same everywhere: SHA-256 of a label and a counter, 64 at a time. */
export function stream(label: string): () => bigint {
  let [counter, at] = [0, 4]
  let view: DataView = new DataView(new ArrayBuffer(0))
  return () => {
    if (at === 4) {
      const hash = sha256(utf8(`${label} ${counter++}`))
      view = new DataView(hash.buffer, hash.byteOffset, 32)
      at = 0
    }
    return view.getBigUint64(8 * at++)
  }
}

/** An integer below a bound. */
const below = (next: () => bigint, bound: bigint): bigint => next() % bound

/** A magnitude with this exponent field, its fraction random. */
const withExponent = (format: Format, exponent: bigint, next: () => bigint): bigint =>
  encode(format, clamp(exponent, 0n, format.top - 1n), below(next, 1n << format.fraction))

/** About 150 numbers at which a format changes its ways, of both signs, NaN of several patterns among them. */
export function specials(format: Format): readonly bigint[] {
  const { fraction, top } = format
  const [bias, unit, infinity] = [biasOf(format), 1n << fraction, infinityOf(format)]
  const subnormal = [0n, 1n, 2n, 3n, unit / 2n - 1n, unit / 2n, unit / 2n + 1n, unit - 2n, unit - 1n]
  const powers = [
    -fraction - 1n,
    -fraction,
    -1n,
    0n,
    1n,
    fraction - 1n,
    fraction,
    fraction + 1n,
    7n,
    8n,
    15n,
    31n,
    63n,
    64n,
  ]
  const around = [...powers.map((power) => bias + power), 1n, 2n, top - 2n, top - fraction - 1n]
    .map((exponent) => encode(format, exponent, 0n))
    .flatMap((x) => [x - 1n, x, x + 1n])
  const halves = [1n, 3n, 5n, 7n].map((n) => encode(format, bias + 1n, (n * unit) / 8n))
  const nans = [infinity + 1n, infinity + unit / 2n, infinity + unit - 1n]
  const magnitudes = [...subnormal, ...around, ...halves, infinity - 2n, infinity - 1n, infinity, ...nans]
  return [...new Set(magnitudes)].flatMap((x) => [x, x | signOf(format)])
}

const exponents = ({ top }: Format): readonly bigint[] => Array.from({ length: Number(top) }, (_, e) => BigInt(e))

/** x beside -x and its neighbours, at every exponent: sums that cancel exactly or to the last bits. */
export function cancellations(format: Format): readonly Pair[] {
  const next = stream(`cancellation ${format.width}`)
  const sign = signOf(format)
  return exponents(format).flatMap((exponent) => {
    const x = clamp(withExponent(format, exponent, next), 1n, infinityOf(format) - 2n)
    const power = encode(format, exponent, 0n)
    return [
      [x, x | sign],
      [x | sign, x],
      [x, (x + 1n) | sign],
      [x | sign, x - 1n],
      [power, power | sign],
      [power, (power === 0n ? 1n : power - 1n) | sign],
    ] as const
  })
}

/** Sums that lie half-way between two numbers, or a unit beside, at every exponent. */
function sumTies(format: Format): readonly Pair[] {
  const next = stream(`sum tie ${format.width}`)
  const [sign, { fraction }] = [signOf(format), format]
  return exponents(format)
    .filter((exponent) => exponent > fraction + 1n)
    .flatMap((exponent) => {
      const x = withExponent(format, exponent, next)
      const half = encode(format, exponent - fraction - 1n, 0n)
      const flip = next() & 1n ? sign : 0n
      return [half, half + 1n, half - 1n].flatMap((y): Pair[] => [
        [x ^ flip, y],
        [x ^ flip, y | sign],
      ])
    })
}

/** An odd integer of so many bits as a significand, with an exponent field. */
function short(format: Format, bits: bigint, exponent: bigint, next: () => bigint): bigint {
  const n = (1n << (bits - 1n)) | below(next, 1n << (bits - 1n)) | 1n
  return encode(
    format,
    clamp(exponent, 1n, format.top - 1n),
    (n << (format.fraction + 1n - bits)) & ((1n << format.fraction) - 1n),
  )
}

/** Products of two short significands: often exact, half-way, or subnormal and half-way. */
function productTies(format: Format, count: number): readonly Pair[] {
  const next = stream(`product tie ${format.width}`)
  const [bias, { fraction, top }] = [biasOf(format), format]
  return Array.from({ length: count }, (_, i): Pair => {
    const bits = 2n + below(next, fraction - 2n)
    const more = i % 2 === 0 ? fraction + 2n - bits : 1n + below(next, fraction)
    const first = 1n + below(next, top - 1n)
    const result = i % 4 < 2 ? bias + below(next, 9n) : below(next, fraction + 6n) - fraction - 3n
    const sign = next() & 1n ? signOf(format) : 0n
    return [
      short(format, bits, first, next),
      sign | short(format, clamp(more, 1n, fraction + 1n), result + bias - first, next),
    ]
  })
}

/** A product and one of its factors, and neighbours: quotients beside a number. */
function quotients(format: Format, count: number): readonly Pair[] {
  const next = stream(`quotient ${format.width}`)
  const [bias, { fraction, top }] = [biasOf(format), format]
  return Array.from({ length: count }, (_, i): Pair => {
    const divisor = short(format, 1n + below(next, fraction + 1n), 1n + below(next, top - 1n), next)
    const quotient = short(format, 2n + below(next, fraction), bias + below(next, 40n) - 20n, next)
    const product = bitsOf(format, numberOf(format, divisor) * numberOf(format, quotient))
    const nudged = i % 3 === 0 ? product : product + BigInt(i % 3) * 2n - 3n
    const low = i % 5 === 0 ? withExponent(format, below(next, 3n), next) : nudged
    return [clamp(low, 0n, infinityOf(format)), divisor]
  })
}

/** Numbers with an exponent drawn evenly; the second one often near the first, where their bits meet. */
function randomPairs(format: Format, count: number): readonly Pair[] {
  const next = stream(`pairs ${format.width}`)
  const { fraction, top } = format
  const sign = () => (next() & 1n ? signOf(format) : 0n)
  return Array.from({ length: count }, (_, i): Pair => {
    const first = below(next, top)
    const near = first + below(next, 2n * fraction + 9n) - fraction - 4n
    const second = i % 3 === 0 ? below(next, top) : near
    return [sign() | withExponent(format, first, next), sign() | withExponent(format, second, next)]
  })
}

/** So many of a list, evenly spread over it. */
function spread<T>(list: readonly T[], count: number): readonly T[] {
  if (count >= list.length) return list
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)])
}

/** Pairs of operands: half of them (if there are so many) in directed categories, the others random by exponent. */
export function pairs(format: Format, count: number): readonly Pair[] {
  const edges = specials(format)
  const directed = [
    ...edges.flatMap((a) => edges.map((b): Pair => [a, b])),
    ...cancellations(format),
    ...sumTies(format),
    ...productTies(format, 8000),
    ...quotients(format, 8000),
  ]
  const chosen = spread(directed, count >> 1)
  return [...chosen, ...randomPairs(format, count - chosen.length)]
}

/** Squares and their neighbours, and numbers beside the squares of half-way points: roots beside a number or a boundary. */
function squares(format: Format, count: number): readonly bigint[] {
  const next = stream(`square ${format.width}`)
  return Array.from({ length: count }, (_, i) => {
    const n = numberOf(
      format,
      short(format, 2n + below(next, format.fraction), biasOf(format) + below(next, 100n) - 50n, next),
    )
    return bitsOf(format, n * n) + BigInt(i % 3) - 1n
  })
}

/** Integers and a half, and their neighbours. */
function midpoints(format: Format, count: number): readonly bigint[] {
  const next = stream(`midpoint ${format.width}`)
  return Array.from({ length: count }, (_, i) => {
    const n = below(next, 1n << (1n + below(next, format.fraction)))
    const sign = next() & 1n ? signOf(format) : 0n
    return sign | clamp(bitsOf(format, Number(n) + 0.5) + BigInt(i % 3) - 1n, 0n, infinityOf(format))
  })
}

/** Single operands. */
export function singles(format: Format, count: number): readonly bigint[] {
  const next = stream(`singles ${format.width}`)
  const unit = 1n << format.fraction
  const powers = exponents(format).flatMap((e) => [0n, 1n, unit - 1n, unit / 2n].map((rest) => encode(format, e, rest)))
  const directed = [...specials(format), ...powers, ...squares(format, 6000), ...midpoints(format, 6000)]
  const chosen = spread(directed, count >> 1)
  const random = Array.from({ length: count - chosen.length }, () => {
    const magnitude = withExponent(format, below(next, format.top), next)
    return next() & 1n ? magnitude | signOf(format) : magnitude
  })
  return [...chosen, ...random]
}

/** Pairs (x, m) with |x| <= m: an element and the largest magnitude of its group, many half-way between two places of the grid. */
export function gridPairs(format: Format, { bits, count }: { bits: number; count: number }): readonly Pair[] {
  const next = stream(`grid ${format.width} ${bits}`)
  const [{ fraction, top }, infinity] = [format, infinityOf(format)]
  const whole = specials(format).filter((m) => m <= infinity + 1n)
  const edges = whole.flatMap((m): Pair[] => [
    [m, m],
    [0n, m],
    [signOf(format), m],
    [m | signOf(format), m],
  ])
  const random = Array.from({ length: count }, (_, i): Pair => {
    const m = withExponent(format, below(next, top), next)
    const [exponent, distance] = [m >> fraction, below(next, BigInt(bits) + 5n)]
    const wanted = clamp(exponent - distance, 0n, top - 1n)
    // Few enough bits that the last one is half a place of the grid.
    const few = clamp(BigInt(bits) + 1n - distance, 1n, fraction + 1n)
    const x = i % 2 === 0 && wanted > 0n ? short(format, few, wanted, next) : withExponent(format, wanted, next)
    return [(x > m ? m : x) | (next() & 1n ? signOf(format) : 0n), m]
  })
  return [...edges, ...random]
}

/** Integers of up to 256 bits and powers of two: n * 2^k over the whole range of binary64 and beyond. */
export function scaledIntegers(count: number): readonly (readonly [bigint, bigint])[] {
  const next = stream('integers')
  const edges = [0n, 1n, -1n, 3n, 2n ** 24n + 1n, 2n ** 53n + 1n, 2n ** 255n - 1n, -(2n ** 255n), -(2n ** 255n) + 1n]
  const powers = [
    0n,
    1n,
    -1n,
    64n,
    -149n,
    -150n,
    -151n,
    -404n,
    -405n,
    -406n,
    -1074n,
    -1075n,
    -1329n,
    -1330n,
    -1331n,
    1000n,
  ].concat(2n ** 63n - 1n, -(2n ** 63n))
  const directed = edges.flatMap((n) => powers.map((k) => [n, k] as const))
  const random = Array.from({ length: count }, (_, i) => {
    const wide = (next() << 192n) | (next() << 128n) | (next() << 64n) | next()
    const bits = below(next, 255n) + 1n
    const size = wide >> (256n - bits)
    // Many zeros at the end make ties.
    const n = i % 2 === 0 ? size : (size >> (bits / 2n)) << (bits / 2n)
    const k = i % 3 === 0 ? 0n : below(next, 2800n) - 1500n - bits / 2n
    return [next() & 1n ? -n : n, i % 3 === 1 ? below(next, 340n) - 200n - bits : k] as const
  })
  return [...directed, ...random]
}

/** Where functions saturate, or become their argument or 1, in one implementation or another. */
const TURNS = [2 ** -30, 2 ** -25, 2 ** -14, 2 ** -13, 1, 4, 10, 20, 88.72284, 103.97208, 128, 2 ** 64, 2 ** 100]

/**
 * Arguments of elementary functions, as bits of binary32: turning points and their neighbours; of the others a third with an even exponent, a
 * third where most functions bend, and a third even on [0, 20).
 */
export function elementaryOperands(count: number): readonly bigint[] {
  const next = stream('elementary')
  const turns = TURNS.flatMap((x) => [-2n, -1n, 0n, 1n, 2n].map((step) => bitsOf(BINARY32, x) + step))
  const edges = [...specials(BINARY32), ...turns, ...turns.map((x) => x | signOf(BINARY32))]
  const kinds = [
    () => withExponent(BINARY32, below(next, 255n), next),
    () => withExponent(BINARY32, 95n + below(next, 41n), next),
    () => bitsOf(BINARY32, Number(below(next, 20n << 32n)) / 2 ** 32),
  ]
  const random = Array.from({ length: count - edges.length }, (_, i) => {
    const magnitude = kinds[i % 3]()
    return next() & 1n ? magnitude | signOf(BINARY32) : magnitude
  })
  return [...edges, ...random]
}

// ---------------------------------------------------------------- what the exact ops say

const WORD = new DataView(new ArrayBuffer(8))

/** The number with these bits. */
export function numberOf({ width }: Format, bits: bigint): number {
  if (width === 4) WORD.setUint32(0, Number(bits))
  else WORD.setBigUint64(0, bits)
  return width === 4 ? WORD.getFloat32(0) : WORD.getFloat64(0)
}

/** The bits of a number, rounded to the format; every NaN is the canonical one. */
export function bitsOf(format: Format, value: number): bigint {
  if (value !== value) return infinityOf(format) | (1n << (format.fraction - 1n))
  if (format.width === 4) WORD.setFloat32(0, value)
  else WORD.setFloat64(0, value)
  return format.width === 4 ? BigInt(WORD.getUint32(0)) : WORD.getBigUint64(0)
}

/** Numbers with these bits as a tensor. */
function tensorOf(format: Format, bits: readonly bigint[]): Tensor {
  const data = format.width === 4 ? new Float32Array(bits.length) : new Float64Array(bits.length)
  for (let i = 0; i < bits.length; i++) data[i] = numberOf(format, bits[i])
  return { dtype: format.dtype, dims: [bits.length], data }
}

const FLOATS: Partial<Record<DType, Format>> = { float32: BINARY32, float64: BINARY64 }

/** The elements of a result as unsigned words: floats by their bits, integers modulo 2^64. */
function wordsOf(dtype: DType, data: Tensor['data']): readonly bigint[] {
  const format = FLOATS[dtype]
  const word = (value: number | bigint): bigint =>
    format === undefined ? BigInt.asUintN(64, BigInt(value)) : bitsOf(format, value as number)
  return Array.from(data as ArrayLike<number | bigint>, word)
}

/** An exact op on whole lists. */
function evaluate(name: string, inputs: readonly Tensor[], attributes: Record<string, number> = {}): readonly bigint[] {
  const op = OPS.find((row) => row.name === name)
  if (op === undefined) throw new Error(`no exact op ${name}`)
  const output = op.infer(inputs, attributes)
  return wordsOf(output.dtype, op.evaluate(inputs, attributes, output))
}

/** An elementary function by the name of its op. */
export const expectElementary = (name: string, operands: readonly bigint[]): readonly bigint[] =>
  evaluate(name, [tensorOf(BINARY32, operands)])

/** The number of an op, by which harnesses know it. */
export const numberOfOp = (name: string): number => OPS.find((row) => row.name === name)!.number

/** Cast to a type. */
const cast = (input: Tensor, to: DType): readonly bigint[] => evaluate('Cast', [input], { to: DTYPES[to].code })

/** Names of operations with the words that they must give, one for each case. */
export type Expected = Readonly<Record<string, readonly bigint[]>>

const BINARY = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Fmod', 'Equal', 'Less'] as const

/** The results of every operation of two operands. */
export function expectPairs(format: Format, operands: readonly Pair[]): Expected {
  const inputs = [0, 1].map((k) =>
    tensorOf(
      format,
      operands.map((pair) => pair[k]),
    ),
  )
  return Object.fromEntries(BINARY.map((name) => [name, evaluate(name, inputs)]))
}

const UNARY = ['Sqrt', 'Neg', 'Abs', 'Relu', 'Floor', 'Ceil', 'Round', 'Sign'] as const

/** The results of every operation of one operand. */
export function expectSingles(format: Format, operands: readonly bigint[]): Expected {
  const input = tensorOf(format, operands)
  const magnitudes = Array.from(input.data as Float32Array, Math.abs)
  const scaled = (scale: (m: number) => number) => magnitudes.map((m) => bitsOf(format, scale(m)))
  const other = format.width === 4 ? 'float64' : 'float32'
  return {
    ...Object.fromEntries(UNARY.map((name) => [name, evaluate(name, [input])])),
    pow2ceil: scaled(format.width === 4 ? pow2ceil32 : pow2ceilWide),
    ...(format.width === 8 && { pow2ceilBounded: scaled(pow2ceil64) }),
    other: cast(input, other),
    IsNaN: evaluate('IsNaN', [input]),
    bool: cast(input, 'bool'),
    float16: cast(input, 'float16'),
    bfloat16: cast(input, 'bfloat16'),
  }
}

/** Integer types that a float is cast to. */
export const INTEGERS = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'] as const

/** The casts to integers of numbers that are not NaN. */
export function expectTruncations(format: Format, operands: readonly bigint[]): Expected {
  const input = tensorOf(format, operands)
  return Object.fromEntries(INTEGERS.map((name) => [name, cast(input, name)]))
}

/** binary32 and binary64 of 16-bit patterns. */
export function expectHalves(patterns: Uint16Array): Expected {
  const of = (dtype: DType): Tensor => ({ dtype, dims: [patterns.length], data: patterns })
  return {
    float16To32: cast(of('float16'), 'float32'),
    float16To64: cast(of('float16'), 'float64'),
    bfloat16To32: cast(of('bfloat16'), 'float32'),
    bfloat16To64: cast(of('bfloat16'), 'float64'),
  }
}

/** Integers of 64 bits cast to floats. */
export function expectIntegers(dtype: 'int64' | 'uint64', values: readonly bigint[]): Expected {
  const data = dtype === 'int64' ? BigInt64Array.from(values) : BigUint64Array.from(values)
  const input: Tensor = { dtype, dims: [values.length], data }
  return { float32: cast(input, 'float32'), float64: cast(input, 'float64') }
}

/** An element on the grid of its group, as the sums and products have it. */
export function expectGrid(format: Format, bits: number, operands: readonly Pair[]): Expected {
  const results = operands.map(([x, m]) => {
    const data = [numberOf(format, x), numberOf(format, m)]
    const shape = { outer: 1, length: 2, inner: 1, block: 2 }
    const onGrid = format.width === 4 ? productGrid32(data, shape) : grid64(data, shape, { bits, scale: pow2ceilWide })
    return bitsOf(format, onGrid[0])
  })
  const scale = format.width === 4 ? pow2ceil32 : pow2ceilWide
  return { scale: operands.map(([, m]) => bitsOf(format, scale(numberOf(format, m)))), grid: results, units: results }
}

/** A format by the two numbers that describe it: bits of the fraction, exponent of the smallest positive number. */
interface Shape {
  readonly fraction: number
  readonly lowest: bigint
  readonly infinity: bigint
}

const SHAPES: Readonly<Record<'float32' | 'float64' | 'float16' | 'bfloat16', Shape>> = {
  float32: { fraction: 23, lowest: -149n, infinity: 0x7f800000n },
  float64: { fraction: 52, lowest: -1074n, infinity: 0x7ff0000000000000n },
  float16: { fraction: 10, lowest: -24n, infinity: 0x7c00n },
  bfloat16: { fraction: 7, lowest: -133n, infinity: 0x7f80n },
}

/** RN(n * 2^k) by the definition: the quotient of integers, its remainder compared with a half. */
function nearest({ fraction, lowest, infinity }: Shape, n: bigint, k: bigint): bigint {
  const size = n < 0n ? -n : n
  const sign = n < 0n ? infinity + (1n << BigInt(fraction)) : 0n
  const length = BigInt(size.toString(2).length)
  if (size === 0n || length + k < lowest - 1n) return sign
  if (length + k > 2000n) return sign | infinity
  const unit = length + k - BigInt(fraction + 1) > lowest ? length + k - BigInt(fraction + 1) : lowest
  const [over, under] = k >= unit ? [size << (k - unit), 1n] : [size, 1n << (unit - k)]
  const [quotient, twice] = [over / under, 2n * (over % under)]
  const count = quotient + (twice > under || (twice === under && quotient % 2n === 1n) ? 1n : 0n)
  const bits = ((unit - lowest) << BigInt(fraction)) + count
  return sign | (bits < infinity ? bits : infinity)
}

/** n * 2^k rounded once to each format. */
export function expectScaled(cases: readonly (readonly [bigint, bigint])[]): Expected {
  return Object.fromEntries(
    Object.entries(SHAPES).map(([name, shape]) => [name, cases.map(([n, k]) => nearest(shape, n, k))]),
  )
}

// ---------------------------------------------------------------- the vector file

const hex = ({ width }: Format, bits: bigint): string => bits.toString(16).padStart(2 * width, '0')

/** The cases of test/vectors/exact.json: by format and operation, each case operands and result in hexadecimal. */
export function vectorFile(): Record<string, unknown> {
  const formats = FORMATS.map((format) => {
    const operands = pairs(format, 40)
    const ones = singles(format, 40)
    const word = (name: string, bits: bigint): string =>
      name === 'Equal' || name === 'Less' ? bits.toString() : hex(format, bits)
    const [two, one] = [expectPairs(format, operands), expectSingles(format, ones)]
    return [
      format.dtype,
      {
        ...Object.fromEntries(
          BINARY.map((name) => [
            name,
            operands.map(([a, b], i) => `${hex(format, a)} ${hex(format, b)} ${word(name, two[name][i])}`),
          ]),
        ),
        ...Object.fromEntries(
          UNARY.map((name) => [name, ones.map((a, i) => `${hex(format, a)} ${word(name, one[name][i])}`)]),
        ),
      },
    ]
  })
  return {
    about:
      'Elementwise operations on binary32 and binary64 (docs/numerics.md): operands, then the result, as big-endian bits',
    ...Object.fromEntries(formats),
  }
}

if (isMain(import.meta.url))
  writeFileSync(new URL('../test/vectors/exact.json', import.meta.url), `${JSON.stringify(vectorFile(), null, 1)}\n`)
