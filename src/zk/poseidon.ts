/**
 * Poseidon over the scalar field of BN254 with the parameters that circomlib uses: x^5, 8 full rounds, partial rounds by width.
 * Source: Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems"
 * (ePrint 2019/458): section 4.1 (rounds), appendix F (constants by the Grain LFSR, Cauchy matrix).
 * @module
 */
import { demand } from '../core/faults.js'
import { ORDER, element, inverse } from './field.js'

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

/** One round: constants, S-boxes (in a partial round the first alone), matrix. */
function round(state: readonly bigint[], { constants, matrix }: Parameters, at: number, full: boolean): bigint[] {
  const boxed = state.map((x, i) => (full || i === 0 ? fifth(x + constants[at][i]) : (x + constants[at][i]) % ORDER))
  return matrix.map((row) => row.reduce((sum, m, j) => sum + m * boxed[j], 0n) % ORDER)
}

/**
 * The hash of 1 .. 16 field elements: the first element of the permuted state (0, inputs...).
 * Cost: about 0.4 ms for 2 inputs, 6 ms for 16.
 * @throws Fault `zk/bad-length`, `zk/not-in-field`.
 */
export function poseidon(inputs: readonly bigint[]): bigint {
  const parameters = parametersFor(inputs.length + 1)
  const rounds = parameters.fullRounds + parameters.partialRounds
  let state = [0n, ...inputs.map(element)]
  for (let at = 0; at < rounds; at++)
    state = round(state, parameters, at, at < FULL_ROUNDS / 2 || at >= rounds - FULL_ROUNDS / 2)
  return state[0]
}
