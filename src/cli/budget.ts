/**
 * What a circuit will cost, for people, before anything is compiled.
 * @module
 */
import type { Circuit } from '../zk/circuit.js'
import type { Scheme } from '../zk/keys.js'
import { time } from './output.js'

/** What a circuit asks for. Seconds are rough: those of two cores (docs/zk.md). */
export interface Budget {
  readonly constraints: number
  /** Powers of tau: 2^power at least. Of plonk a guess from below: baked weights become gates of their own. */
  readonly power: number
  readonly compileSeconds: number
  readonly setUpSeconds: number
  readonly proveSeconds: number
}

/** Rows that Groth16 adds: one for each public input and for the constant. */
const PUBLIC_ROWS = 5

/** Seconds at some numbers of constraints, and in between along lines. */
type Table = readonly (readonly [number, number])[]
const COMPILE: Table = [
  [0, 0.3],
  [10_000, 2],
  [50_000, 10],
  [100_000, 30],
  [200_000, 69],
]
const SET_UP: Table = [
  [0, 1],
  [10_000, 8],
  [50_000, 24],
  [200_000, 76],
]
const PROVE: Table = [
  [0, 0.3],
  [10_000, 2.4],
  [50_000, 6],
  [200_000, 21],
]
/** How many times slower PLONK was at 10,000 constraints. */
const PLONK = 10

function along(table: Table, at: number): number {
  const found = table.findIndex(([x]) => x >= at)
  const end = found < 0 ? table.length - 1 : Math.max(1, found)
  const [[x0, y0], [x1, y1]] = [table[end - 1], table[end]]
  return y0 + ((at - x0) / (x1 - x0)) * (y1 - y0)
}

/** The budget of a circuit that is not compiled yet. */
export function budgetOf({ constraints }: Pick<Circuit, 'constraints'>, scheme: Scheme): Budget {
  const slower = scheme === 'plonk' ? PLONK : 1
  return {
    constraints,
    power: 32 - Math.clz32(constraints + PUBLIC_ROWS - 1),
    compileSeconds: along(COMPILE, constraints),
    setUpSeconds: slower * along(SET_UP, constraints),
    proveSeconds: slower * along(PROVE, constraints),
  }
}

/** The same for people. */
export function budgetLines({ constraints, power, ...seconds }: Budget, scheme: Scheme): string[] {
  const about = (value: number) => time(1000 * value)
  return [
    `circuit  ${constraints.toLocaleString('en-US')} constraints, powers of tau 2^${power}${scheme === 'plonk' ? ' or more: baked weights become gates of their own under plonk' : ''}`,
    `expected compile ${about(seconds.compileSeconds)}, set up ${about(seconds.setUpSeconds)}, prove ${about(seconds.proveSeconds)} (${scheme}, two cores)`,
  ]
}
