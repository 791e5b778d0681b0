/**
 * The tables of the elementary functions, expanded from stored seeds by binary64 arithmetic that is the same everywhere.
 * Each entry is the nearest binary64 number to what its comment says, except where NUDGES moves it.
 * @module
 */
import type { Table } from './arithmetic.js'
import { NUDGES } from './nudges.js'
import { ARCTANGENT_CELLS, ERF_CELLS, EXPONENTIALS, LOGARITHMS, SINES, TURNS } from './tables.generated.js'

/** An unevaluated sum high + low of two binary64 numbers. */
type Pair = readonly [high: number, low: number]

/** Little-endian binary64 numbers from base64. */
function decode(base64: string): Float64Array {
  const characters = atob(base64)
  const bytes = new Uint8Array(characters.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i)
  const view = new DataView(bytes.buffer)
  return Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true))
}

/** The exact sum of two numbers as a pair (Knuth's two-sum). */
function sum(a: number, b: number): Pair {
  const high = a + b
  const part = high - a
  return [high, a - (high - part) + (b - part)]
}

/** The exact product of two numbers as a pair (Dekker's product, 27-bit halves). */
function product(a: number, b: number): Pair {
  const high = a * b
  const [ah, al] = halves(a)
  const [bh, bl] = halves(b)
  return [high, al * bl - (high - ah * bh - al * bh - ah * bl)]
}

function halves(a: number): Pair {
  const scaled = 134217729 * a
  const high = scaled - (scaled - a)
  return [high, a - high]
}

/** Product of two pairs to about 104 bits. */
function multiply([a, al]: Pair, [b, bl]: Pair): Pair {
  const [high, low] = product(a, b)
  return sum(high, low + (a * bl + al * b))
}

/** Sum of two pairs to about 104 bits. */
function add([a, al]: Pair, [b, bl]: Pair): Pair {
  const [high, low] = sum(a, b)
  return sum(high, low + (al + bl))
}

/** A table that is expanded when it is first read: most programs need one or two. */
class LazyTable implements Table {
  readonly name: string
  readonly #expand: () => Float64Array
  #values: Float64Array | undefined

  constructor(name: string, expand: () => Float64Array) {
    this.name = name
    this.#expand = expand
  }

  get values(): Float64Array {
    return (this.#values ??= this.#expand())
  }
}

/** Entries for first .. last of an index that may be negative: those below zero stand at the end, as gather reads them. */
function table(name: string, [first, last]: Pair, entry: (n: number) => number): Table {
  return new LazyTable(name, () => {
    const length = last - first + 1
    const values = new Float64Array(length)
    for (let i = 0; i < length; i++) values[i] = entry(i > last ? i - length : i)
    for (const { index, ulps } of NUDGES[name] ?? []) values[index] = nudge(values[index], ulps)
    return values
  })
}

/** The number that is `ulps` units in the last place further from zero. */
function nudge(value: number, ulps: number): number {
  const bits = new BigInt64Array(Float64Array.of(value).buffer)
  bits[0] += BigInt(ulps)
  return new Float64Array(bits.buffer)[0]
}

const exponentials = decode(EXPONENTIALS)

/** e^(n/128) for |n| <= 13312: e^j * e^(i/128). */
function exponential(n: number): Pair {
  const whole = Math.floor(n / 128)
  const j = 2 * (whole + 104)
  const i = 2 * (209 + n - 128 * whole)
  return multiply([exponentials[j], exponentials[j + 1]], [exponentials[i], exponentials[i + 1]])
}

const opposite = ([high, low]: Pair): Pair => [-high, -low]

/** e^(n/64), |n| <= 6656. */
export const EXP: Table = table('EXP', [-6656, 6656], (n) => exponential(2 * n)[0])

/** e^(n/128) - 1, -2560 <= n <= 11392. */
export const EXPM1: Table = table('EXPM1', [-2560, 11392], (n) => add(exponential(n), [-1, 0])[0])

/** sinh(n/64), |n| <= 5760. */
export const SINH: Table = table(
  'SINH',
  [-5760, 5760],
  (n) => add(exponential(2 * n), opposite(exponential(-2 * n)))[0] / 2,
)

/** cosh(n/64), |n| <= 5760. */
export const COSH: Table = table('COSH', [-5760, 5760], (n) => add(exponential(2 * n), exponential(-2 * n))[0] / 2)

const sines = decode(SINES)

/** sin(2 pi n / 4096) from the first quarter. */
function sine(n: number): number {
  const k = ((n % 4096) + 4096) % 4096
  const value = sines[k % 2048 <= 1024 ? k % 2048 : 2048 - (k % 2048)]
  return k <= 2048 ? value : -value
}

/** sin(2 pi n / 4096), |n| <= 2112. */
export const SIN: Table = table('SIN', [-2112, 2112], sine)

/** cos(2 pi n / 4096), |n| <= 2112. */
export const COS: Table = table('COS', [-2112, 2112], (n) => sine(n + 1024))

const turns = decode(TURNS)

/** Row of `turns` for the upper 12 bits of a binary64 number: one row for all exponents up to 25. */
const turnRow = (field: number): number => 2 * Math.min(Math.max((field % 2048) - 1048, 0), 102)

/**
 * By the upper 12 bits of x: H with 29 bits such that x * H mod 1 is about x / (2 pi) mod 1. x * H is exact for a
 * binary32 x. The sign bit of x is part of the index and changes nothing.
 */
export const TURN_HIGH: Table = table('TURN_HIGH', [0, 4095], (field) => turns[turnRow(field)])

/** By the upper 12 bits of x: 4096 times what TURN_HIGH leaves out. */
export const TURN_LOW: Table = table('TURN_LOW', [0, 4095], (field) => turns[turnRow(field) + 1])

const logarithms = decode(LOGARITHMS)

/** Number of cells of LOG and INVERSE: 128 for each binade from 2^-149 to 2^128. */
const LOG_CELLS = 278 * 128

/**
 * About 1 / u in the cell of u, with 27 bits, by highBits(u, 45) - LOG_BASE clamped to the table. Exactly a power of two
 * in the cells beside powers of two. The last entry is for infinity, NaN and all negative numbers: it is so large that
 * u * INVERSE - 1 overflows the polynomial of the logarithm to infinity with the sign of u.
 */
export const INVERSE: Table = table('INVERSE', [0, LOG_CELLS + 1], (i) => {
  if (i === 0) return 1
  if (i > LOG_CELLS) return 1e300
  return logarithms[2 + 3 * ((i - 1) % 128)] * powerOfTwo(149 - Math.floor((i - 1) / 128))
})

/** -log(INVERSE); -infinity for u = 0; infinity in the last entry, where an infinity of the other sign makes NaN. */
export const LOG: Table = table('LOG', [0, LOG_CELLS + 1], (i) => {
  if (i === 0) return -Infinity
  return i > LOG_CELLS ? Infinity : cellLogarithm(i)[0]
})

/** What LOG leaves out of -log(INVERSE); 0 in the first and the last entry. */
export const LOG_LOW: Table = table('LOG_LOW', [0, LOG_CELLS + 1], (i) => {
  return i === 0 || i > LOG_CELLS ? 0 : add(cellLogarithm(i), [-LOG.values[i], 0])[0]
})

/** -log(INVERSE[i]) = exponent * log 2 - log(inverse of the mantissa's cell). */
function cellLogarithm(i: number): Pair {
  const cell = 2 + 3 * ((i - 1) % 128)
  const exponent = Math.floor((i - 1) / 128) - 149
  return add([exponent * logarithms[0], exponent * logarithms[1]], [logarithms[cell + 1], logarithms[cell + 2]])
}

/** The value of highBits(u, 45) for the entry 0 of LOG. */
export const LOG_BASE = (1023 - 149) * 128 - 1

/** The last index of LOG. */
export const LOG_LAST = LOG_CELLS + 1

function powerOfTwo(e: number): number {
  let power = 1
  for (let i = 0; i < Math.abs(e); i++) power *= e < 0 ? 0.5 : 2
  return power
}

/** The six coefficients of an odd function's polynomials for |n| <= last, lowest power first. */
function cells(name: string, seeds: Float64Array, last: number): readonly Table[] {
  return Array.from({ length: 6 }, (_, power) =>
    table(`${name}_${power}`, [-last, last], (n) => {
      const value = seeds[6 * Math.abs(n) + power]
      return n < 0 && power % 2 === 0 ? -value : value
    }),
  )
}

const erfSeeds = decode(ERF_CELLS)
const arctangentSeeds = decode(ARCTANGENT_CELLS)

/** erf((n + f) / 128) as a polynomial in f, |n| <= 511. */
export const ERF: readonly Table[] = cells('ERF', erfSeeds, 511)

/** 2 atan((n + f) / 256) as a polynomial in f, |n| <= 256. */
export const ARCTANGENT: readonly Table[] = cells('ARCTANGENT', arctangentSeeds, 256)

/** All tables. */
export const TABLES: readonly Table[] = [
  EXP,
  EXPM1,
  SINH,
  COSH,
  SIN,
  COS,
  TURN_HIGH,
  TURN_LOW,
  INVERSE,
  LOG,
  LOG_LOW,
  ...ERF,
  ...ARCTANGENT,
]
