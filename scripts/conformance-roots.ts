/** Writes src/runtime/conformance.generated.ts: the roots that the reference gives. `npx tsx scripts/conformance-roots.ts` */
import { writeFileSync } from 'node:fs'
import { conformanceCases, rootOf } from '../src/runtime/conformance.js'
import { reference } from '../src/runtime/reference.js'

const roots: string[] = []
for (const item of conformanceCases()) roots.push(await rootOf(item, reference()))
const text = [
  '// Made by scripts/conformance-roots.ts from the reference runtime. One root a case, in the order of conformanceCases().',
  `export const CONFORMANCE_ROOTS: readonly string[] = [\n${roots.map((root) => `  '${root}',`).join('\n')}\n]`,
  '',
].join('\n')
writeFileSync(new URL('../src/runtime/conformance.generated.ts', import.meta.url), text)
console.log(`${roots.length} roots`)
