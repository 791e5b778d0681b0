/**
 * Writes circuits/poseidon-constants.circom: the parameters of src/zk/poseidon.ts for the widths that circuits use. A test compares them.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parametersFor } from '../src/zk/poseidon.js'

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
  return [
    'pragma circom 2.1.6;\n',
    '// Made by scripts/poseidon-constants.ts: round constants and matrices for states of 3 and 17 elements.\n',
    functionOf('POSEIDON_CONSTANTS', (width) => parametersFor(width).constants),
    functionOf('POSEIDON_MATRIX', (width) => parametersFor(width).matrix),
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL('../circuits/poseidon-constants.circom', import.meta.url), constantsFile())
