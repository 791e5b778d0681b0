/**
 * Runs every example of examples/ as a reader would: `npm run examples`. Fails where one of them fails or takes more than two minutes.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
/** What the others import. */
const PARTS = ['digits', 'integer-digits', 'learning', 'ledger', 'liar', 'networks', 'pictures', 'words']
/** Every other file. */
const EXAMPLES = readdirSync(`${root}examples`)
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => !PARTS.includes(name))
const tsx = fileURLToPath(import.meta.resolve('tsx/cli'))

let failed = 0
for (const name of EXAMPLES) {
  const start = performance.now()
  const { status } = spawnSync(process.execPath, [tsx, `examples/${name}.ts`], {
    cwd: root,
    stdio: 'inherit',
    timeout: 120_000,
  })
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`\n--- examples/${name}.ts ${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s`)
  if (status !== 0) failed++
}
console.log(`examples: ${EXAMPLES.length - failed} passed, ${failed} failed`)
if (failed > 0) process.exitCode = 1
