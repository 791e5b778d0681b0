/**
 * Writes circuits/poseidon-constants.circom: the parameters of src/zk/poseidon.ts for the widths that circuits use, those of partial
 * rounds in sparse form (ePrint 2019/458, appendix B). Tests compare the file, and the hashes of the circuit with the library's.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ORDER, inverse, reduce } from '../src/zk/field.js'
import { parametersFor } from '../src/zk/poseidon.js'

/** States of circuits: nodes of trees and leaves of tensors. */
const WIDTHS = [3, 17] as const

type Matrix = bigint[][]

const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0n) % ORDER))
const column = (values: readonly bigint[]): Matrix => values.map((value) => [value])
/** 1 in the corner, the matrix below it. */
const bordered = (inner: Matrix): Matrix => [[1n, ...inner.map(() => 0n)], ...inner.map((row) => [0n, ...row])]

/** The inverse, by Gauss and Jordan. */
function inverted(matrix: Matrix): Matrix {
  const size = matrix.length
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1n : 0n))])
  for (let i = 0; i < size; i++) {
    const pivot = rows.findIndex((row, at) => at >= i && row[i] !== 0n)
    ;[rows[i], rows[pivot]] = [rows[pivot], rows[i]]
    const factor = inverse(rows[i][i])
    rows[i] = rows[i].map((value) => (value * factor) % ORDER)
    for (const [at, row] of rows.entries())
      if (at !== i) rows[at] = row.map((value, j) => reduce(value - row[i] * rows[i][j]))
  }
  return rows.map((row) => row.slice(size))
}

/**
 * Partial rounds with the state kept as dense * (x + shift), where dense has 1 in the corner: a round then adds one constant to x[0], takes
 * its fifth power, and multiplies by a matrix that is the identity but for its first row and column; dense and shift change with it.
 */
function sparse(width: number) {
  const { matrix, constants, partialRounds } = parametersFor(width)
  let [dense, undo] = [
    bordered(matrix.slice(1).map((row, i) => row.slice(1).map((_, j) => (i === j ? 1n : 0n)))),
    [] as Matrix,
  ]
  undo = dense
  let shift = Array<bigint>(width).fill(0n)
  const [added, rows, columns]: [bigint[], Matrix, Matrix] = [[], [], []]
  for (let round = 4; round < 4 + partialRounds; round++) {
    const constant = times(undo, column(constants[round])).map(([value], i) => (value + shift[i]) % ORDER)
    const next = times(
      matrix.map((row) => [...row]),
      dense,
    )
    const inner = inverted(next.slice(1).map((row) => row.slice(1)))
    const first = times(inner, column(next.slice(1).map(([value]) => value))).map(([value]) => value)
    added.push(constant[0])
    rows.push(next[0])
    columns.push([0n, ...first])
    // What the constants behind x[0] become: the sparse matrix times (0, constants).
    const rest = constant.slice(1)
    shift = [rest.reduce((sum, value, i) => sum + value * next[0][i + 1], 0n) % ORDER, ...rest]
    dense = bordered(next.slice(1).map((row) => row.slice(1)))
    undo = bordered(inner)
  }
  return { added: [added], rows, columns, shift: times(dense, column(shift)).map(([value]) => value), dense }
}

function functionOf(name: string, rowsFor: (width: number) => readonly (readonly bigint[])[]): string {
  const cases = WIDTHS.map((width) => {
    const rows = rowsFor(width).map((row) => `            [${row.join(', ')}]`)
    return `    if (t == ${width}) {\n        return [\n${rows.join(',\n')}\n        ];\n    }\n`
  })
  return `function ${name}(t) {\n${cases.join('')}    return [[0]];\n}\n`
}

/** The text of the file. */
export function constantsFile(): string {
  const forms = new Map(WIDTHS.map((width) => [width as number, sparse(width)]))
  const full = (width: number) => {
    const { constants } = parametersFor(width)
    return [...constants.slice(0, 4), ...constants.slice(-4)]
  }
  return [
    'pragma circom 2.1.6;\n',
    '// Made by scripts/poseidon-constants.ts: constants of full rounds, the matrix, and partial rounds, for states of 3 and 17 elements.\n',
    functionOf('POSEIDON_CONSTANTS', full),
    functionOf('POSEIDON_MATRIX', (width) => parametersFor(width).matrix),
    functionOf('POSEIDON_PARTIAL', (width) => forms.get(width)!.added),
    functionOf('POSEIDON_ROWS', (width) => forms.get(width)!.rows),
    functionOf('POSEIDON_COLUMNS', (width) => forms.get(width)!.columns),
    functionOf('POSEIDON_SHIFT', (width) => [forms.get(width)!.shift]),
    functionOf('POSEIDON_DENSE', (width) => forms.get(width)!.dense),
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL('../circuits/poseidon-constants.circom', import.meta.url), constantsFile())
