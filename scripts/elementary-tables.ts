/**
 * Writes src/exact/elementary/tables.generated.ts. Run: npx tsx scripts/elementary-tables.ts [--check]
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { polynomials, seeds } from './elementary/seeds.js'

const TARGET = new URL('../src/exact/elementary/tables.generated.ts', import.meta.url)

const base64 = (values: readonly number[]): string => {
  const view = new DataView(new ArrayBuffer(8 * values.length))
  values.forEach((value, i) => view.setFloat64(8 * i, value, true))
  return Buffer.from(view.buffer).toString('base64')
}

/** The text of the generated module. */
export function generate(): string {
  const constants = Object.entries(polynomials()).map(
    ([name, c]) => `export const ${name}_COEFFICIENTS = [\n${c.map((value) => `  ${value},\n`).join('')}] as const`,
  )
  const texts = Object.entries(seeds()).map(([name, values]) => `export const ${name} =\n  '${base64(values)}'`)
  return [
    '// Written by scripts/elementary-tables.ts with BigInt arithmetic; see there for what each constant is.',
    '// Coefficients: lowest power first. Seeds: binary64 numbers, little-endian, in base64.',
    ...constants,
    ...texts,
    '',
  ].join('\n')
}

function main(): void {
  const text = generate()
  if (!process.argv.includes('--check')) return writeFileSync(TARGET, text)
  const same = readFileSync(TARGET, 'utf8') === text
  console.log(
    same ? 'the stored tables are what the script makes' : 'the stored tables differ from what the script makes',
  )
  process.exitCode = same ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main()
