/**
 * Text for the training examples, character by character: ../shared/data/text where it is there, else the documents of this project.
 * @module
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { Data, Tensor } from 'countersign'

/** Where the text is looked for. */
export const SHAKESPEARE = new URL('../../shared/data/text/shakespeare.txt', import.meta.url).pathname
const DOCUMENTS = new URL('../docs/', import.meta.url).pathname

/** The end of a line, and what ASCII prints: 96 characters, by number. */
const ALPHABET = `\n${Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('')}`
/** How many there are. */
export const CHARACTERS = ALPHABET.length

/** The numbers of the characters of a text; others are left out. */
export const numbersOf = (text: string): number[] =>
  [...text].map((character) => ALPHABET.indexOf(character)).filter((number) => number >= 0)
/** The text of such numbers. */
export const textOf = (numbers: readonly number[]): string => numbers.map((number) => ALPHABET[number]).join('')

/** A text by numbers: the beginning to learn from, and the last tenth to test with. */
export interface Words {
  readonly name: string
  readonly known: readonly number[]
  readonly unseen: readonly number[]
}

/** The text of a file, or of the project's own documents where there is no such file. */
export function readWords(path: string): Words {
  const found = existsSync(path)
  const text = found ? readFileSync(path, 'utf8') : documents()
  const numbers = numbersOf(text)
  const border = Math.floor(numbers.length * 0.9)
  const name = found ? `${path.split('/').at(-1)}` : 'the documents of this project'
  return { name, known: numbers.slice(0, border), unseen: numbers.slice(border) }
}

function documents(): string {
  const files = readdirSync(DOCUMENTS).filter((name) => name.endsWith('.md'))
  return files
    .sort()
    .map((name) => readFileSync(`${DOCUMENTS}${name}`, 'utf8'))
    .join('\n')
}

/** Windows of a text, one every `stride` characters: columns `text`, and `targets`, which are the characters behind. */
export function windowsOf(
  numbers: readonly number[],
  { tokens, stride }: { readonly tokens: number; readonly stride: number },
): Data.Dataset.Dataset {
  const count = Math.floor((numbers.length - tokens - 1) / stride) + 1
  const column = (behind: number) => {
    const data = new BigInt64Array(count * tokens)
    for (let i = 0; i < data.length; i++)
      data[i] = BigInt(numbers[Math.floor(i / tokens) * stride + (i % tokens) + behind])
    return Tensor.tensor('int64', [count, tokens], data)
  }
  return Data.Dataset.from({ text: column(0), targets: column(1) })
}
