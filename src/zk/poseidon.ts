/**
 * Poseidon over the scalar field of BN254 with the parameters that circomlib uses: x^5, 8 full rounds, partial rounds by width.
 * Source: Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems"
 * (ePrint 2019/458): section 4.1 (rounds), appendix F (constants by the Grain LFSR, Cauchy matrix).
 * @module
 */
import { demand } from '../core/faults.js'
import { ORDER, element, inverse, reduce } from './field.js'

const FULL_ROUNDS = 8
const FIELD_BITS = 254
/** Partial rounds by state width 2 .. 17: the paper's count, rounded as circomlib has it. */
const PARTIAL_ROUNDS = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68] as const

/** Round constants, a row of `width` for every round, and the matrix of the linear layer. */
export interface Parameters {
  readonly width: number
  readonly fullRounds: number
  readonly partialRounds: number
  readonly constants: readonly (readonly bigint[])[]
  /** New element i = sum over j of matrix[i][j] * old element j. */
  readonly matrix: readonly (readonly bigint[])[]
}

/** An integer as bits, the highest first. */
const bitsOf = (value: number, count: number) => Array.from({ length: count }, (_, i) => (value >> (count - 1 - i)) & 1)

/** The self-shrinking Grain generator of appendix F, seeded with the instance: prime field, x^5, 254 bits, width and rounds. */
class Grain {
  readonly #state: number[]

  constructor(width: number, partialRounds: number) {
    const seed = [bitsOf(1, 2), bitsOf(0, 4), bitsOf(FIELD_BITS, 12), bitsOf(width, 12), bitsOf(FULL_ROUNDS, 10)]
    this.#state = [...seed.flat(), ...bitsOf(partialRounds, 10), ...Array<number>(30).fill(1)]
    for (let i = 0; i < 160; i++) this.#clock()
  }

  #clock(): number {
    const s = this.#state
    const bit = s[62] ^ s[51] ^ s[38] ^ s[23] ^ s[13] ^ s[0]
    s.shift()
    s.push(bit)
    return bit
  }

  /** Of each pair of bits the second counts where the first is 1. */
  #bit(): number {
    while (this.#clock() === 0) this.#clock()
    return this.#clock()
  }

  integer(): bigint {
    let value = 0n
    for (let i = 0; i < FIELD_BITS; i++) value = (value << 1n) | BigInt(this.#bit())
    return value
  }

  /** Uniform below the order: integers beyond it are passed over. */
  below(): bigint {
    for (;;) {
      const value = this.integer()
      if (value < ORDER) return value
    }
  }
}

const known = new Map<number, Parameters>()

/** The parameters for states of 2 .. 17 elements. Cost: about 10 ms for width 17, once. */
export function parametersFor(width: number): Parameters {
  const cached = known.get(width)
  if (cached !== undefined) return cached
  demand(Number.isInteger(width) && width >= 2 && width <= 17, 'zk/bad-length', () => `no Poseidon of width ${width}`)
  const partialRounds = PARTIAL_ROUNDS[width - 2]
  const grain = new Grain(width, partialRounds)
  const row = () => Array.from({ length: width }, () => grain.below())
  const constants = Array.from({ length: FULL_ROUNDS + partialRounds }, row)
  // Of the 2 * width points none may repeat, which holds for every width here (compared with circomlib's matrices in the tests).
  const points = Array.from({ length: 2 * width }, () => grain.integer() % ORDER)
  const [xs, ys] = [points.slice(0, width), points.slice(width)]
  const matrix = xs.map((x) => ys.map((y) => inverse(x + y)))
  const made: Parameters = { width, fullRounds: FULL_ROUNDS, partialRounds, constants, matrix }
  known.set(width, made)
  return made
}

const fifth = (x: bigint) => {
  const square = (x * x) % ORDER
  return (((square * square) % ORDER) * x) % ORDER
}

/** The product with a vector, reduced. */
const dot = (row: readonly bigint[], vector: readonly bigint[]): bigint =>
  row.reduce((sum, value, i) => sum + value * vector[i], 0n) % ORDER

type Matrix = readonly (readonly bigint[])[]

const apply = (matrix: Matrix, vector: readonly bigint[]): bigint[] => matrix.map((row) => dot(row, vector))
const transposed = (matrix: Matrix): Matrix => matrix.map((_, j) => matrix.map((row) => row[j]))

/** The inverse, by Gauss and Jordan; of a part of a Cauchy matrix, which has one. */
function inverted(matrix: Matrix): Matrix {
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1n : 0n))])
  for (let i = 0; i < rows.length; i++) {
    const pivot = rows.findIndex((row, at) => at >= i && row[i] !== 0n)
    ;[rows[i], rows[pivot]] = [rows[pivot], rows[i]]
    const factor = inverse(rows[i][i])
    rows[i] = rows[i].map((value) => (value * factor) % ORDER)
    for (const [at, row] of rows.entries())
      if (at !== i && row[i] !== 0n) rows[at] = row.map((value, j) => reduce(value - row[i] * rows[i][j]))
  }
  return rows.map((row) => row.slice(rows.length))
}

/**
 * Partial rounds in sparse form. With the state written as diag(1, D) y a round is: add a constant to y[0], take its fifth power, multiply
 * by a matrix that is the identity but for its first row and column; D becomes D times the lower right part of the matrix.
 * Source: ePrint 2019/458, appendix B.
 */
export interface Sparse {
  /** Added to the first element, a round each. */
  readonly added: readonly bigint[]
  /** First row of each round's matrix. */
  readonly rows: Matrix
  /** First column of each round's matrix, below the corner, which stands in its row. */
  readonly columns: Matrix
  /** D behind the last round. */
  readonly dense: Matrix
  /** What the constants of partial rounds leave to be added behind them. */
  readonly shift: readonly bigint[]
}

const sparseForms = new Map<number, Sparse>()

/** The partial rounds for states of 2 .. 17 elements. Cost: about 20 ms for width 17, once. */
export function sparseFor(width: number): Sparse {
  const cached = sparseForms.get(width)
  if (cached !== undefined) return cached
  const made = sparseOf(parametersFor(width))
  sparseForms.set(width, made)
  return made
}

function sparseOf({ matrix, constants, partialRounds }: Parameters): Sparse {
  const inner = matrix.slice(1).map((row) => row.slice(1))
  const [turned, undo] = [transposed(inner), inverted(inner)]
  let row = matrix[0].slice(1)
  let column = apply(
    undo,
    matrix.slice(1).map(([value]) => value),
  )
  let rest = matrix.map(() => 0n)
  const [added, rows, columns]: [bigint[], bigint[][], bigint[][]] = [[], [], []]
  for (const constant of constants.slice(FULL_ROUNDS / 2, FULL_ROUNDS / 2 + partialRounds)) {
    const sum = constant.map((value, i) => (value + rest[i]) % ORDER)
    added.push(sum[0])
    rows.push([matrix[0][0], ...row])
    columns.push(column)
    rest = apply(matrix, [0n, ...sum.slice(1)])
    row = apply(turned, row)
    column = apply(undo, column)
  }
  return { added, rows, columns, dense: raised(inner, partialRounds), shift: rest }
}

/** A power of a matrix, by squaring. */
function raised(matrix: Matrix, exponent: number): Matrix {
  const times = (a: Matrix, b: Matrix): Matrix => a.map((row) => apply(transposed(b), row))
  let [result, square]: [Matrix | undefined, Matrix] = [undefined, matrix]
  for (let rest = exponent; rest > 0; rest >>= 1) {
    if (rest & 1) result = result === undefined ? square : times(result, square)
    if (rest > 1) square = times(square, square)
  }
  return result!
}

/** A full round: constants, S-boxes, matrix. */
const fullRound = (state: readonly bigint[], { constants, matrix }: Parameters, at: number): bigint[] =>
  apply(
    matrix,
    state.map((x, i) => fifth(x + constants[at][i])),
  )

/** All partial rounds. */
function partialRounds(state: bigint[], { added, rows, columns, dense, shift }: Sparse): bigint[] {
  for (let at = 0; at < added.length; at++) {
    const boxed = fifth(state[0] + added[at])
    const [row, column] = [rows[at], columns[at]]
    let first = row[0] * boxed
    for (let i = 1; i < state.length; i++) {
      first += row[i] * state[i]
      state[i] = (state[i] + column[i - 1] * boxed) % ORDER
    }
    state[0] = first % ORDER
  }
  return [state[0], ...apply(dense, state.slice(1))].map((value, i) => value + shift[i])
}

/**
 * The hash of 1 .. 16 field elements: the first element of the permuted state (0, inputs...).
 * Cost: about 0.1 ms for 2 inputs, 0.7 ms for 16.
 * @throws Fault `zk/bad-length`, `zk/not-in-field`.
 */
export function poseidon(inputs: readonly bigint[]): bigint {
  const parameters = parametersFor(inputs.length + 1)
  const half = FULL_ROUNDS / 2
  let state = [0n, ...inputs.map(element)]
  for (let at = 0; at < half; at++) state = fullRound(state, parameters, at)
  state = partialRounds(state, sparseFor(parameters.width))
  const last = half + parameters.partialRounds
  for (let at = last; at < last + half; at++) state = fullRound(state, parameters, at)
  return state[0]
}
