/**
 * Checks the elementary functions on all 2^32 binary32 inputs; one to two minutes for each function on one core.
 * Run: npx tsx scripts/elementary-exhaustive.ts [--function Exp,Log] [--json] [--record]
 * --record writes the results to docs/elementary.md and the hardest inputs to test/vectors/elementary.json.
 * @module
 */
import { parseArgs } from 'node:util'
import { ELEMENTARY, type ElementaryName } from '../src/exact/elementary/index.js'
import { checkAll, type Findings } from './elementary/check.js'
import { hex, recordSummary, recordVectors, summarize, type Summary } from './elementary/record.js'

const { values: options } = parseArgs({
  options: { function: { type: 'string' }, json: { type: 'boolean' }, record: { type: 'boolean' } },
})

/** The functions that the command line names, or all. */
function chosen(): ElementaryName[] {
  const asked = options.function?.toLowerCase().split(',')
  return (Object.keys(ELEMENTARY) as ElementaryName[]).filter((name) => asked?.includes(name.toLowerCase()) ?? true)
}

function print(summary: Summary, { wrong }: Findings): void {
  if (options.json) return console.log(JSON.stringify({ ...summary, failures: wrong.map(({ input }) => hex(input)) }))
  const { name, checked, decided, nearest, seconds } = summary
  console.log(
    `${name}: ${checked} inputs, ${wrong.length} wrong, ${decided} decided exactly, nearest 2^${nearest} ulp, ${seconds} s`,
  )
  for (const { input, output } of wrong) console.log(`  ${hex(input)} must give ${hex(output)}`)
}

for (const name of chosen()) {
  const start = performance.now()
  const findings = checkAll(name)
  const summary = summarize(name, findings, (performance.now() - start) / 1000)
  print(summary, findings)
  if (options.record) recordSummary(summary)
  if (options.record) recordVectors(name, findings.decided)
  if (findings.wrong.length > 0) process.exitCode = 1
}
