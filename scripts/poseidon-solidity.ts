/**
 * Writes contracts/proofs/Poseidon.sol: the permutation of src/zk/poseidon.ts for two elements, as code. Tests compare the file, and what the
 * code gives with the library's.
 *
 * Between the full rounds the two elements behind the first are only multiplied by one fixed matrix and take a multiple of the fifth power, so
 * they stand for two numbers of a linear recurrence (the controller's form of control theory): v = x^5, x' = D v + B y + C z, y' = v + P y + E z,
 * z' = y, with the same five coefficients in every round; all constants come to the first element.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ORDER, inverse, reduce } from '../src/zk/field.js'
import { parametersFor } from '../src/zk/poseidon.js'

type Matrix = readonly (readonly bigint[])[]
type Vector = readonly bigint[]

const dot = (a: Vector, b: Vector): bigint => a.reduce((sum, value, i) => (sum + value * b[i]) % ORDER, 0n)
const times = (matrix: Matrix, vector: Vector): bigint[] => matrix.map((row) => dot(row, vector))
const columnOf = (matrix: Matrix, at: number): bigint[] => matrix.map((row) => row[at])
const product = (a: Matrix, b: Matrix): bigint[][] => a.map((row) => row.map((_, j) => dot(row, columnOf(b, j))))
const plus = (a: Vector, b: Vector): bigint[] => a.map((value, i) => (value + b[i]) % ORDER)

function inverted([[a, b], [c, d]]: Matrix): Matrix {
  const scale = inverse(a * d - b * c)
  return [
    [d, -b],
    [-c, a],
  ].map((row) => row.map((value) => reduce(value * scale)))
}

/** A 2 x 2 matrix below a 1 in the corner. */
const bordered = (inner: Matrix): Matrix => [[1n, 0n, 0n], ...inner.map((row) => [0n, ...row])]

/** Everything that the code holds. */
function formOf() {
  const { matrix, constants, fullRounds, partialRounds } = parametersFor(3)
  const [first, last] = [fullRounds / 2, fullRounds / 2 + partialRounds]
  const row = matrix[0].slice(1)
  const [column, inner] = [columnOf(matrix, 0).slice(1), matrix.slice(1).map((line) => line.slice(1))]
  const trace = reduce(inner[0][0] + inner[1][1])
  // What y and z stand for: the column, and the matrix times it less the trace times it.
  const next = times(inner, column).map((value, i) => reduce(value - trace * column[i]))
  const base: Matrix = column.map((value, i) => [value, next[i]])
  const [b, c] = [dot(row, column), dot(row, next)]
  const e = reduce(inner[0][1] * inner[1][0] - inner[0][0] * inner[1][1])
  // What the constants behind the first element have come to, round by round.
  let rest: Vector = [0n, 0n]
  const added = constants.slice(first, last).map(([own, ...behind]) => {
    const value = (own + dot(row, rest)) % ORDER
    rest = plus(times(inner, rest), behind)
    return value
  })
  return {
    matrix,
    coefficients: { d: matrix[0][0], p: trace, b, e, c },
    /** Matrix of the last full round before the partial ones: what it gives is in the recurrence's form. */
    into: product(bordered(inverted(base)), matrix),
    /** From the recurrence back to the two elements. */
    back: base,
    before: constants.slice(0, first),
    added,
    after: [plus(constants[last], [dot(row, rest), ...times(inner, rest)]), ...constants.slice(last + 1)],
  }
}

type Form = ReturnType<typeof formOf>

const fifth = (x: bigint): bigint => (((((x * x) % ORDER) * x) % ORDER) * ((x * x) % ORDER)) % ORDER
const hex = (value: bigint): string => `0x${value.toString(16).padStart(64, '0')}`
const sum = (...terms: readonly string[]): string => terms.reduce((left, right) => `add(${left}, ${right})`)
const by = (name: string, factor: string): string => `mulmod(${name}, ${factor}, ORDER)`

/** x, y and z to the fifth power. */
const powers = (...names: readonly string[]): string[] =>
  names.flatMap((name) => [`v := ${by(name, name)}`, `${name} := mulmod(mulmod(v, v, ORDER), ${name}, ORDER)`])

/** A row of the matrix times x, y, z, and something that is added. */
const row = (at: number, ...added: readonly string[]): string =>
  sum(by('x', `M${at}0`), by('y', `M${at}1`), by('z', `M${at}2`), ...added)

/** What a round of the recurrence does, with y and z by the names that they have in it; the constant is the next round's. z becomes y, and y z. */
const partial = (constant: string, [y, z]: readonly string[]): string[] => [
  ...powers('x').map((line) => line.replace(/^x :=/, 'v :=')),
  `x := ${sum(by('v', 'D'), by(y, 'B'), by(z, 'C'), constant)}`,
  `${z} := add(${by(y, 'P')}, add(${by(z, 'E')}, v))`,
]

const namedConstants = ({ matrix, coefficients: { d, p, b, e, c } }: Form): readonly (readonly [string, bigint])[] => [
  ['ORDER', ORDER],
  ...matrix.flatMap((values, i) => values.map((value, j) => [`M${i}${j}`, value] as const)),
  ...Object.entries({ D: d, P: p, B: b, E: e, C: c }),
]

const indented = (lines: readonly string[], depth: number): string =>
  lines.map((line) => `${' '.repeat(depth)}${line}\n`).join('')

/** The first element is nothing but a constant in the first round, so its fifth power is known. */
function beginning({ matrix, before }: Form): string[] {
  const known = fifth(before[0][0])
  const [x, y, z] = matrix.map((values, i) =>
    sum(by('y', `M${i}1`), by('z', `M${i}2`), hex((values[0] * known + before[1][i]) % ORDER)),
  )
  return [
    'let v',
    'let w',
    `let y := addmod(left, ${hex(before[0][1])}, ORDER)`,
    `let z := addmod(right, ${hex(before[0][2])}, ORDER)`,
    ...powers('y', 'z'),
    `let x := ${x}`,
    `v := ${y}`,
    `z := ${z}`,
    'y := v',
  ]
}

/** The last full round before the partial ones, with another matrix. */
function into({ into: matrix, added }: Form): string[] {
  const rowOf = (values: Vector): string[] => ['x', 'y', 'z'].map((name, j) => by(name, hex(values[j])))
  return [
    ...powers('x', 'y', 'z'),
    `w := ${sum(...rowOf(matrix[0]), hex(added[0]))}`,
    `v := ${sum(...rowOf(matrix[1]))}`,
    `z := ${sum(...rowOf(matrix[2]))}`,
    'x := w',
    'y := v',
  ]
}

/** From the recurrence back to the elements, with the constants of the next full round. */
function back({ back: matrix, after: [[, ...constants]] }: Form): string[] {
  const [y, z] = matrix.map((row, i) => sum(by('y', hex(row[0])), by('z', hex(row[1])), hex(constants[i])))
  return [`v := ${y}`, `z := ${z}`, 'y := v']
}

/** The three words of the table that a loop is at. */
const WORDS = ['mload(at)', 'mload(add(at, 32))', 'mload(add(at, 64))'] as const

/** A full round; the constants are the next round's. */
const full = [
  ...powers('x', 'y', 'z'),
  `v := ${row(0, WORDS[0])}`,
  `w := ${row(1, WORDS[1])}`,
  `z := ${row(2, WORDS[2])}`,
  'x := v',
  'y := w',
]

/** Three rounds of the recurrence: behind them y and z are in each other's place. */
const partials = [
  ...WORDS.flatMap((word, i) => partial(word, i % 2 === 0 ? ['y', 'z'] : ['z', 'y'])),
  'v := y',
  'y := z',
  'z := v',
]

/** Some lines for every three words of a part of the table. */
const loop = (lines: readonly string[], from: number, to: number): string[] => [
  `for { let at := add(table, ${32 * from}) let end := add(table, ${32 * to}) } lt(at, end) { at := add(at, 96) } {`,
  ...lines.map((line) => `    ${line}`),
  '}',
]

/** Constants that loops read: of full rounds, of partial ones behind the first, of full rounds again. */
function tableOf({ before, added, after }: Form): { words: Vector; parts: readonly number[] } {
  const parts = [[...before[2], ...before[3]], [...added.slice(1), after[0][0]], after.slice(1).flat()]
  const ends = parts.map((_, i) => parts.slice(0, i + 1).flat().length)
  return { words: parts.flat(), parts: [0, ...ends] }
}

/** The text of the file. */
export function solidityFile(): string {
  const form = formOf()
  const { words, parts } = tableOf(form)
  const main = [
    ...beginning(form),
    ...loop(full, parts[0], parts[1]),
    ...into(form),
    ...loop(partials, parts[1], parts[2]),
    ...back(form),
    ...loop(full, parts[2], parts[3]),
    ...powers('x', 'y', 'z'),
    `found := mod(${row(0)}, ORDER)`,
  ]
  const constants = namedConstants(form).map(([name, value]) => `uint256 private constant ${name} = ${hex(value)};`)
  const stores = words.map((value, i) => `mstore(add(table, ${32 * i}), ${hex(value)})`)
  return `// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

// Made by scripts/poseidon-solidity.ts.

/// @title Poseidon of two elements over the scalar field of BN254, with the parameters that circomlib uses: x^5, 8 full and 57 partial rounds.
/// @notice A word that is not below the order counts as what it leaves: who must not take two words for one element checks that before.
/// @dev Grassi, Khovratovich, Rechberger, Roy, Schofnegger, ePrint 2019/458. Between the full rounds the elements behind the first are kept as two
/// numbers of a linear recurrence, with the same five coefficients in every round: v = x^5, x' = D v + B y + C z, y' = v + P y + E z, z' = y.
/// A product is below the order, and a word has room for a sum of five.
library Poseidon {
${indented(constants, 4)}
    /// @notice The hash of two elements.
    function hash(uint256 left, uint256 right) internal pure returns (uint256) {
        return _hash(_table(), left, right);
    }

    /// @notice Each element hashed with what came of those before it, the first one with \`start\`.
    function chain(uint256 start, uint256[] memory elements) internal pure returns (uint256 found) {
        uint256 table = _table();
        found = start;
        for (uint256 i = 0; i < elements.length; ++i) found = _hash(table, found, elements[i]);
    }

    /// @dev Constants in memory: written out in the code of every round they would make it larger than a contract may be.
    function _table() private pure returns (uint256 table) {
        assembly ("memory-safe") {
            table := mload(0x40)
            mstore(0x40, add(table, ${32 * words.length}))
${indented(stores, 12)}        }
    }

    /// @dev The constants that a round adds are those of the next one.
    function _hash(uint256 table, uint256 left, uint256 right) private pure returns (uint256 found) {
        assembly ("memory-safe") {
${indented(main, 12)}        }
    }
}
`
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL('../contracts/proofs/Poseidon.sol', import.meta.url), solidityFile())
