/**
 * Writes what gas costs: bench/gas.snapshot.json from figures of the bench, and from it the tables of docs/contracts.md and docs/disputes.md.
 * `npm run bench -- gas --write` measures and writes all; `npx tsx scripts/gas-tables.ts` writes the tables again.
 */
import { cpus } from 'node:os'
import { createRequire } from 'node:module'
import { GAS_CASES, type Measured } from '../test/contracts/gas.js'
import { LARGE } from '../test/contracts/expansion-costs.js'
import { SETTINGS, readArtifact } from './contracts.js'
import { fill, isMain, pretty, table, textOf, write } from './markdown.js'

const SNAPSHOT = 'bench/gas.snapshot.json'

/** What was measured, where and with what. */
export interface GasSnapshot {
  readonly date: string
  readonly machine: string
  readonly compiler: string
  readonly evm: string
  readonly node: string
  readonly cases: Readonly<Record<string, Measured>>
}

/** The committed figures. */
export const gasSnapshot = (): GasSnapshot => JSON.parse(textOf(SNAPSHOT)) as GasSnapshot

const number = (value: number | undefined): string => value?.toLocaleString('en-US') ?? ''

const settings = ({ date, machine, compiler, evm, node }: GasSnapshot): string =>
  `\`npm run bench -- gas --write\`, solc ${compiler}, EVM ${evm}, ${node}, ${machine}, ${date}. Gas does not depend on the machine.`

function caseTable({ cases }: GasSnapshot): string {
  const rows = Object.entries(GAS_CASES).map(([name, { counts, limit }]) => {
    const { gas, calldata, dearest } = cases[name]
    return [`\`${name}\``, counts, dearest, number(gas), number(limit.gas), number(calldata), number(limit.calldata)]
  })
  return table(['case', 'what', 'dearest', 'gas', 'may take', 'calldata, bytes', 'may take'], rows)
}

/** docs/contracts.md with its table of gas. */
export function gasTable(snapshot = gasSnapshot()): Promise<string> {
  const text = [settings(snapshot), caseTable(snapshot)].join('\n\n')
  return pretty(fill(textOf('docs/contracts.md'), 'gas', text), 'docs/contracts.md')
}

/** Faults in the order of a column, and what they are called together. */
const COLUMNS: readonly (readonly [string, readonly string[]])[] = [
  ['size', ['size']],
  ['malformed', ['malformed']],
  ['witness', ['witness']],
  ['larger', ['larger']],
  ['rounded', ['rounded']],
  ['sums', ['sum', 'half', 'running']],
  ['totals', ['total', 'blockSum']],
  ['result', ['result']],
]

/** docs/disputes.md with its table of expansions. */
export function expansionTable(snapshot = gasSnapshot()): Promise<string> {
  const rows = Object.keys(LARGE).map((name) => {
    const { parts, calldata } = snapshot.cases[name]
    const most = (faults: readonly string[]) => {
      const found = faults.flatMap((fault) => (parts[fault] === undefined ? [] : [parts[fault].gas]))
      return found.length === 0 ? '' : number(Math.max(...found))
    }
    return [`\`${name}\``, ...COLUMNS.map(([, faults]) => most(faults)), number(calldata)]
  })
  const text = [settings(snapshot), table(['gas of', ...COLUMNS.map(([name]) => name), 'calldata at most'], rows)]
  return pretty(fill(textOf('docs/disputes.md'), 'expansion-gas', text.join('\n\n')), 'docs/disputes.md')
}

/** Writes figures and tables; of cases that were not measured the committed ones stay. */
export async function writeGas(cases: Readonly<Record<string, Measured>>): Promise<void> {
  const { version } = createRequire(import.meta.url)('@foundry-rs/anvil/package.json') as { version: string }
  const processors = cpus()
  const known = gasSnapshot().cases
  const all = Object.keys(GAS_CASES).map((name) => [name, cases[name] ?? known[name]] as const)
  const snapshot: GasSnapshot = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${processors[0]?.model.trim() ?? 'unknown processor'} x ${processors.length}`,
    compiler: readArtifact('Dispute').compiler,
    evm: SETTINGS.evmVersion,
    node: `anvil ${version}`,
    cases: Object.fromEntries(all),
  }
  await write(SNAPSHOT, JSON.stringify(snapshot))
  await writeTables()
}

async function writeTables(): Promise<void> {
  await write('docs/contracts.md', await gasTable())
  await write('docs/disputes.md', await expansionTable())
}

if (isMain(import.meta.url)) await writeTables()
