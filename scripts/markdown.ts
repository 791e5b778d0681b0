/**
 * Markdown that scripts make: tables, and files that are rewritten only where they are out of date.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'

/** A cell's text, with what would end the cell escaped. */
const cell = (text: string): string => text.replace(/\|/g, '\\|').replace(/\n/g, ' ')

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Inline code. */
export const code = (text: string): string => `\`${text}\``

/** The text of a file of this repository. */
export const textOf = (path: string): string => readFileSync(fileOf(path), 'utf8')

const fileOf = (path: string): URL => new URL(`../${path}`, import.meta.url)

/** The text as prettier leaves it, so that a generated file passes the same check as a written one. */
export async function pretty(text: string, path: string): Promise<string> {
  const file = fileOf(path).pathname
  return format(text, { ...(await resolveConfig(file)), filepath: file })
}

/** Writes a generated file and says so. */
export async function write(path: string, text: string): Promise<void> {
  writeFileSync(fileOf(path), await pretty(text, path))
  console.log(`written ${path}`)
}

/** True where this module is the script that was started. */
export const isMain = (url: string): boolean =>
  process.argv[1] !== undefined && url === new URL(`file://${process.argv[1]}`).href

/** A document with the text between `<!-- name -->` and `<!-- /name -->` replaced. */
export function fill(document: string, name: string, content: string): string {
  const pattern = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`)
  if (!pattern.test(document)) throw new Error(`the document has no place for ${name}`)
  return document.replace(pattern, (_, open: string, close: string) => `${open}\n${content}\n\n${close}`)
}
