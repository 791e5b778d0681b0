/**
 * Runs training on processors that this machine does not have, emulated by Debian's qemu-user: x86-64 without AVX and FMA, with AVX, with FMA,
 * and aarch64. Every state root and every conformance case must be the native one, else it exits with 1; plain float32 beside it may differ, and does.
 *
 * `npm run emulated` fetches what it needs: qemu-user by apt-get, and below .cache three arm64 libraries and a node for arm64. A processor for which
 * that cannot be had is not run, and the script says so. `npm run emulated -- --write` also writes the result into docs/numerics.md.
 */
import { cpus } from 'node:os'
import {
  EMULATED,
  NATIVE,
  bundle,
  differences,
  plainDifferences,
  prepare,
  qemuVersion,
  rootsOn,
  type Processor,
} from './emulated-processors.js'
import { code, fill, table, textOf, write } from './markdown.js'
import type { Roots } from './training-roots.js'

const HEAD = ['processor', 'state roots as on the native one', 'conformance cases', 'plain float32 differs in']

function rowOf(name: string, found: Roots, native: Roots): readonly string[] {
  const networks = Object.keys(native.exact)
  const same = networks.filter((network) => found.exact[network] === native.exact[network])
  const conforming = `${found.cases - found.nonconforming.length} of ${found.cases}`
  const apart = plainDifferences(found, native)
  return [name, `${same.length} of ${networks.length}`, conforming, apart.join(', ') || 'none']
}

/** One processor's row, or undefined where it cannot be had; what is wrong goes to the error stream and decides the exit code. */
function compare(processor: Processor, native: Roots): readonly string[] | undefined {
  const missing = prepare(processor)
  if (missing !== undefined) return void console.log(`not run: ${processor.name}: ${missing}`)
  const began = Date.now()
  try {
    const found = rootsOn(processor)
    const wrong = differences(processor.name, found, native)
    report(wrong)
    const apart = plainDifferences(found, native)
    const plain = `plain float32 differs: ${apart.length > 0 ? `yes, in ${apart.join(', ')}` : 'no'}`
    const verdict = wrong.length === 0 ? 'same bits' : 'OTHER BITS'
    console.log(`${verdict}: ${processor.name}, ${Math.round((Date.now() - began) / 1000)} s; ${plain}`)
    return rowOf(processor.name, found, native)
  } catch (error) {
    report([(error as Error).message])
    return undefined
  }
}

function report(wrong: readonly string[]): void {
  for (const line of wrong) console.error(line)
  if (wrong.length > 0) process.exitCode = 1
}

function record(rows: readonly (readonly string[])[], native: Roots): string {
  const roots = Object.entries(native.exact).map(([network, root]) => [network, code(root)])
  const where = `natively ${cpus()[0]?.model.trim()}, qemu-user ${qemuVersion()}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}`
  return [
    `Measured by \`npm run emulated -- --write\`: ${where}.`,
    table(HEAD, rows),
    table(['network', 'state root after fifty steps, on all of them'], roots),
  ].join('\n\n')
}

await bundle()
const native = rootsOn(NATIVE)
report(differences(NATIVE.name, native, native))
const rows = EMULATED.map((processor) => compare(processor, native)).filter((row) => row !== undefined)
for (const [network, root] of Object.entries(native.exact)) console.log(`${network}: ${root}`)
if (process.argv.includes('--write')) {
  if (rows.length < EMULATED.length || process.exitCode === 1)
    throw new Error('only a whole and right result is recorded')
  const text = record([rowOf(NATIVE.name, native, native), ...rows], native)
  await write('docs/numerics.md', fill(textOf('docs/numerics.md'), 'emulated', text))
}
