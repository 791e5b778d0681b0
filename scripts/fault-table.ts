/** Writes docs/faults.md, the table of faults: `npx tsx scripts/fault-table.ts`. */
import { FAULTS, type FaultCode } from '../src/core/faults.js'
import { code, isMain, pretty, table, write } from './markdown.js'

const EXITS = [
  ['0', 'valid, or done'],
  ['1', 'refuted: a statement is false, or not what it says it is'],
  ['2', 'usage: the question cannot be answered as it was asked'],
  ['3', 'undecided: nothing speaks against it, and it is not enough'],
  ['4', 'could not run'],
] as const

/** The anchor of a code in docs/faults.md. */
export const anchorOf = (fault: FaultCode): string => fault.replace('/', '-')

const rooms = (): readonly string[] => [...new Set(Object.keys(FAULTS).map((fault) => fault.split('/')[0]))]

function roomTable(room: string): string {
  const codes = (Object.keys(FAULTS) as FaultCode[]).filter((fault) => fault.startsWith(`${room}/`))
  const rows = codes.map((fault) => [
    `<a id="${anchorOf(fault)}"></a>${code(fault)}`,
    String(FAULTS[fault].exit),
    FAULTS[fault].summary,
  ])
  return `## ${room}\n\n${table(['code', 'exit', 'when'], rows)}`
}

/** The text of docs/faults.md. */
export function faultTable(): Promise<string> {
  const text = [
    '# Faults',
    'Made by `scripts/fault-table.ts` from the one fault table (`src/core/faults.ts`). Every refusal of the library is a `Fault` with one of these codes; it says where, and where it helps what was expected and found. No fault holds a key, a password, a weight or an input.',
    "```ts\ntry {\n  await Bundle.verify(bundle)\n} catch (error) {\n  if (Fault.is(error, 'receipt/wrong-outputs')) console.log(error.message, error.detail)\n  else throw error\n}\n```",
    '## Exit codes',
    'The command line ends with the exit code of the fault. With `--json` it prints `{"ok":false,"outcome":...,"data":{"fault":CODE,"message":...}}`.',
    table(['exit', 'meaning'], EXITS),
    ...rooms().map(roomTable),
  ]
  return pretty(text.join('\n\n'), 'docs/faults.md')
}

if (isMain(import.meta.url)) await write('docs/faults.md', await faultTable())
