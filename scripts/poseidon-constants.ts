/**
 * Writes circuits/poseidon-constants.circom: the parameters of src/zk/poseidon.ts for the widths that circuits use, those of partial
 * rounds in sparse form (ePrint 2019/458, appendix B). Tests compare the file, and the hashes of the circuit with the library's.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parametersFor, sparseFor } from '../src/zk/poseidon.js'

/** States of circuits: nodes of trees and leaves of tensors. */
const WIDTHS = [3, 17] as const

function functionOf(name: string, rowsFor: (width: number) => readonly (readonly bigint[])[]): string {
  const cases = WIDTHS.map((width) => {
    const rows = rowsFor(width).map((row) => `            [${row.join(', ')}]`)
    return `    if (t == ${width}) {\n        return [\n${rows.join(',\n')}\n        ];\n    }\n`
  })
  return `function ${name}(t) {\n${cases.join('')}    return [[0]];\n}\n`
}

/** The text of the file. */
export function constantsFile(): string {
  /** 1 in the corner, the matrix below it. */
  const bordered = (inner: readonly (readonly bigint[])[]) => [
    [1n, ...inner.map(() => 0n)],
    ...inner.map((row) => [0n, ...row]),
  ]
  const full = (width: number) => {
    const { constants } = parametersFor(width)
    return [...constants.slice(0, 4), ...constants.slice(-4)]
  }
  return [
    'pragma circom 2.1.6;\n',
    '// Made by scripts/poseidon-constants.ts: constants of full rounds, the matrix, and partial rounds, for states of 3 and 17 elements.\n',
    functionOf('POSEIDON_CONSTANTS', full),
    functionOf('POSEIDON_MATRIX', (width) => parametersFor(width).matrix),
    functionOf('POSEIDON_PARTIAL', (width) => [sparseFor(width).added]),
    functionOf('POSEIDON_ROWS', (width) => sparseFor(width).rows),
    functionOf('POSEIDON_COLUMNS', (width) => sparseFor(width).columns.map((column) => [0n, ...column])),
    functionOf('POSEIDON_SHIFT', (width) => [sparseFor(width).shift]),
    functionOf('POSEIDON_DENSE', (width) => bordered(sparseFor(width).dense)),
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL('../circuits/poseidon-constants.circom', import.meta.url), constantsFile())
