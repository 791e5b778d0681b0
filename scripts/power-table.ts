/**
 * Writes contracts/ops/PowerTable.sol, the numbers of Pow as the contracts have them. Run: npx tsx scripts/power-table.ts
 * @module
 */
import { toHex } from '../src/core/bytes.js'
import { EXP_COEFFICIENTS, LOGARITHMS, LOG_TAIL_COEFFICIENTS } from '../src/exact/elementary/tables.generated.js'
import { isMain } from './markdown.js'
import { writeFileSync } from 'node:fs'

const PATH = 'contracts/ops/PowerTable.sol'
/** Bytes of a line of the literal. */
const LINE = 56

/** Binary64 numbers, big-endian. */
function words(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * values.length))
  values.forEach((value, i) => view.setFloat64(8 * i, value))
  return new Uint8Array(view.buffer)
}

/** Seeds as tables.ts has them: the two parts of log 2, then for each cell its inverse and the two parts of that one's negative logarithm. */
function seeds(): readonly number[] {
  const view = new DataView(Uint8Array.from(atob(LOGARITHMS), (c) => c.charCodeAt(0)).buffer)
  return Array.from({ length: view.byteLength / 8 }, (_, i) => view.getFloat64(8 * i, true))
}

/** An inverse has 27 bits: five bytes hold them. */
function cell([inverse, high, low]: readonly number[]): Uint8Array {
  const bytes = words([inverse, high, low])
  if (bytes.subarray(5, 8).some((byte) => byte !== 0)) throw new Error(`an inverse of more than 27 bits: ${inverse}`)
  return Uint8Array.of(...bytes.subarray(0, 5), ...bytes.subarray(8))
}

/** The whole table. */
export function powerTable(): Uint8Array {
  const [high, low, ...cells] = seeds()
  const head = words([...LOG_TAIL_COEFFICIENTS, ...EXP_COEFFICIENTS, high, low])
  const rows = Array.from({ length: cells.length / 3 }, (_, i) => cell(cells.slice(3 * i, 3 * i + 3)))
  return Uint8Array.of(...head, ...rows.flatMap((row) => [...row]))
}

/** The text of the generated file. */
export function generate(): string {
  const bytes = powerTable()
  const lines = Array.from(
    { length: Math.ceil(bytes.length / LINE) },
    (_, i) => `        hex"${toHex(bytes.subarray(i * LINE, (i + 1) * LINE))}"`,
  )
  return `// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @title The numbers of Pow, written by scripts/power-table.ts from src/exact/elementary/tables.generated.ts.
/// @notice Big-endian. Binary64 numbers: 7 coefficients of the logarithm's tail, 5 of the exponential, log 2 as a sum of two; then 128 cells of
/// 21 bytes: an inverse (the upper 5 bytes of its binary64 encoding) and its negative logarithm as a sum of two.
library PowerTable {
    bytes internal constant NUMBERS =
${lines.join('\n')};
}
`
}

if (isMain(import.meta.url)) {
  writeFileSync(new URL(`../${PATH}`, import.meta.url), generate())
  console.log(`written ${PATH}`)
}
