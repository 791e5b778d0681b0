/**
 * Keeps what the exhaustive checks found: the table of docs/elementary.md and the vectors of the tests.
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { ELEMENTARY, type Arithmetic, type ElementaryName } from '../../src/exact/elementary/index.js'
import { numbers } from '../../src/exact/elementary/numbers.js'
import type { Case, Findings } from './check.js'
import { bitsOf } from './oracle.js'

const DOCUMENT = new URL('../../docs/elementary.md', import.meta.url)
const VECTORS = new URL('../../test/vectors/elementary.json', import.meta.url)
const HARDEST = 40

/** Eight hexadecimal digits of a binary32 number. */
export const hex = (x: number): string => bitsOf(x).toString(16).padStart(8, '0')

/** What is kept of one check. */
export interface Summary {
  readonly name: ElementaryName
  readonly checked: number
  readonly wrong: number
  readonly decided: number
  /** Smallest distance from a boundary between two roundings, binary logarithm, in units in the last place. */
  readonly nearest: number
  readonly seconds: number
}

/** The summary of a check. */
export function summarize(name: ElementaryName, { checked, wrong, decided }: Findings, seconds: number): Summary {
  const nearest = Math.min(...decided.map(({ distance }) => distance))
  return {
    name,
    checked,
    wrong: wrong.length,
    decided: decided.length,
    nearest: log2(nearest),
    seconds: Math.round(seconds),
  }
}

/** Binary logarithm to a tenth, for reports only. */
function log2(x: number): number {
  const exponent = Math.floor((bitsOf(Math.fround(x)) >>> 23) - 127)
  const mantissa = (bitsOf(Math.fround(x)) & 0x7fffff) / 2 ** 23
  return Math.round(10 * (exponent + mantissa * (1.35 - 0.35 * mantissa))) / 10
}

/** Binary64 operations that one evaluation takes, a look-up and a selection counting as one each. */
export function operations(name: ElementaryName): number {
  let count = 0
  const counting = Object.fromEntries(
    Object.entries(numbers).map(([operation, apply]) => [
      operation,
      (...operands: unknown[]) => {
        if (operation !== 'constant') count++
        return (apply as (...operands: unknown[]) => unknown)(...operands)
      },
    ]),
  ) as unknown as Arithmetic<number, boolean>
  ELEMENTARY[name](counting, 0.75)
  return count
}

/** Replaces the row of this function in the document. */
export function recordSummary(summary: Summary): void {
  const { name, checked, wrong, decided, nearest, seconds } = summary
  const row = `| ${name} | ${operations(name)} | ${checked.toLocaleString('en')} | ${wrong} | ${decided.toLocaleString('en')} | 2^${nearest} | ${seconds} |`
  const text = readFileSync(DOCUMENT, 'utf8')
  const pattern = new RegExp(`^\\| ${name} +\\|.*$`, 'm')
  if (!pattern.test(text)) throw new Error(`docs/elementary.md has no row for ${name}`)
  writeFileSync(DOCUMENT, text.replace(pattern, row))
}

type Vectors = Partial<Record<ElementaryName, Readonly<Record<string, string>>>>

/** Keeps the inputs nearest to a boundary as vectors: input to output, both as 32 bits in hexadecimal. */
export function recordVectors(name: ElementaryName, decided: readonly Case[]): void {
  const hardest = [...decided].sort((a, b) => a.distance - b.distance).slice(0, HARDEST)
  const vectors: Vectors = existsSync(VECTORS) ? (JSON.parse(readFileSync(VECTORS, 'utf8')) as Vectors) : {}
  vectors[name] = Object.fromEntries(hardest.map(({ input, output }) => [`0x${hex(input)}`, `0x${hex(output)}`]))
  const names = (Object.keys(ELEMENTARY) as ElementaryName[]).filter((key) => key in vectors)
  writeFileSync(VECTORS, `${JSON.stringify(Object.fromEntries(names.map((key) => [key, vectors[key]])), null, 2)}\n`)
}
