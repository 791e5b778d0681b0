/**
 * Blocks: the templates of circuits/, expanded in place into the circuit of a program. As components they would cost a linear row for
 * every input that is no single wire; in place an input is any expression that is linear in wires.
 * @module
 */
import { Fault } from '../core/faults.js'

/** The templates of some circom files, by name. */
export type Blocks = ReadonlyMap<string, Block>

/** One template. */
export interface Block {
  readonly name: string
  readonly parameters: readonly string[]
  /** Lines between its braces, without comments. */
  readonly body: readonly string[]
}

const HEAD = /^template (\w+)\(([^)]*)\) \{$/
/** What a template declares for itself: at the first level of indentation, so that loops keep their own names. */
const DECLARATION = /^ {4}(signal input|signal output|signal|component|var) (\w+)/

/** The templates in the text of a circom file of this project's layout: heads and closing braces begin their lines. */
export function decode(text: string): Block[] {
  const blocks: Block[] = []
  const lines = text.split('\n').map((line) => line.replace(/\s*\/\/.*$/, ''))
  for (const [at, line] of lines.entries()) {
    const head = HEAD.exec(line)
    if (head === null) continue
    const body = lines.slice(at + 1, lines.indexOf('}', at)).filter((row) => row.trim() !== '')
    blocks.push({ name: head[1], parameters: head[2].split(', ').filter((word) => word !== ''), body })
  }
  return blocks
}

/** How a block stands in a circuit: what its parameters and inputs are, and where its outputs go. */
export interface Use {
  readonly parameters: Readonly<Record<string, number | bigint | string>>
  /** Identifiers of arrays: wires or expressions linear in them. */
  readonly inputs: Readonly<Record<string, string>>
  /** Sets the names of this use apart from those of all others. */
  readonly id: number
  /** `linear`: outputs become expressions instead of wires, which costs no rows. For blocks whose outputs are linear in their inputs. */
  readonly outputs: 'wires' | 'linear'
}

/** The lines of a use, and a way from the block's own names to those in the circuit. */
export interface Expanded {
  readonly lines: readonly string[]
  name(local: string): string
}

/** Expands a block in place: inputs and parameters are replaced, its own names get the id of the use. */
export function expand(blocks: Blocks, block: string, { parameters, inputs, id, outputs }: Use): Expanded {
  const { body, parameters: formal } = blocks.get(block) ?? missing(block)
  const declared = body.map((line) => DECLARATION.exec(line)).filter((found) => found !== null)
  const names = new Map<string, string>(declared.map(([, , name]) => [name, `${name}_${id}`]))
  for (const name of formal) names.set(name, String(parameters[name] ?? missing(`${block}, parameter ${name}`)))
  for (const [, kind, name] of declared)
    if (kind === 'signal input') names.set(name, inputs[name] ?? missing(`${block}, input ${name}`))
  const results = declared.filter(([, kind]) => kind === 'signal output').map(([, , name]) => name)
  const lines = body
    .filter((line) => !line.startsWith('    signal input '))
    .map((line) => (outputs === 'linear' ? asExpression(line, results) : line.replace('signal output', 'signal')))
    .map((line) => line.replace(/(?<![.\w])[A-Za-z_]\w*/g, (word) => names.get(word) ?? word))
  return { lines, name: (local) => names.get(local) ?? missing(`${block}, name ${local}`) }
}

/** An output as a variable: `out <== e` becomes an assignment of the expression. */
function asExpression(line: string, results: readonly string[]): string {
  const declared = line.replace('signal output', 'var')
  return results.some((name) => declared.trimStart().startsWith(`${name}[`)) ? declared.replace('<==', '=') : declared
}

function missing(what: string): never {
  throw new Fault('zk/unsupported', `no block ${what}`)
}
