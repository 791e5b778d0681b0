/**
 * Gas on a chain, whole transactions: fault proofs about elements of large tensors in long runs, rounds of games, settling. Each case is the most that
 * any of its faults or transactions takes; the same on every machine.
 *
 * `npm run bench -- gas [CASE ...] [--json] [--write]`; `--write` writes bench/gas.snapshot.json and the tables of docs/contracts.md and
 * docs/disputes.md, of the cases that are named or of all.
 */
import { writeGas } from '../scripts/gas-tables.js'
import { GAS_CASES, measureGas, type Measured } from '../test/contracts/gas.js'
import { startNode } from '../test/contracts/node.js'
import { print } from './measure.js'

const named = process.argv.slice(2).filter((word) => Object.hasOwn(GAS_CASES, word))
const node = await startNode()
const cases: Record<string, Measured> = {}
try {
  for await (const [name, measured] of measureGas(node, named.length === 0 ? undefined : named)) {
    cases[name] = measured
    print({ bench: 'gas', case: name, metric: 'gas', value: measured.gas, unit: 'gas' })
    if (measured.calldata !== undefined)
      print({ bench: 'gas', case: name, metric: 'calldata', value: measured.calldata, unit: 'bytes' })
  }
} finally {
  await node.stop()
}
if (process.argv.includes('--write')) await writeGas(cases)
