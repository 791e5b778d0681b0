/** Writes docs/ops.md, the table of exact ops, who decides about them in docs/disputes.md, and the tables of docs/quantize.md: `npx tsx scripts/op-table.ts`. */
import type { DType } from '../src/core/tensor.js'
import { REASONS, type ExactOp } from '../src/exact/op.js'
import { deciderOf } from '../src/dispute/element.js'
import { OPS } from '../src/exact/ops/index.js'
import { BOUNDS } from '../src/quantize/bounds.js'
import { OPERATORS } from '../src/quantize/operators.js'
import type { RefereeName } from '../src/dispute/proof.js'
import { code, fill, isMain, pretty, table, textOf, write } from './markdown.js'

const KINDS: readonly (readonly [string, readonly DType[]])[] = [
  ['floats', ['float32', 'float64']],
  ['signed', ['int8', 'int16', 'int32', 'int64']],
  ['unsigned', ['uint8', 'uint16', 'uint32', 'uint64']],
]

/** Element types, whole families by their names. */
function typesOf({ dtypes }: ExactOp): string {
  if (dtypes === 'any') return 'any'
  const whole = KINDS.filter(([, family]) => family.every((dtype) => dtypes.includes(dtype)))
  const single = dtypes.filter((dtype) => !whole.some(([, family]) => family.includes(dtype)))
  return [...whole.map(([name]) => name), ...single].join(', ')
}

/** `int` attributes by their name, lists with brackets. */
const attributesOf = ({ attributes }: ExactOp): string =>
  attributes.map(({ name, kind }) => code(kind === 'int' ? name : `${name}[]`)).join(' ')

const rowOf = (op: ExactOp): readonly string[] => [
  String(op.number),
  op.name,
  attributesOf(op),
  typesOf(op),
  op.halves,
  op.faults === undefined ? '' : 'yes',
  op.referee,
  op.source,
]

/** The text of docs/ops.md. */
export function opTable(): Promise<string> {
  const sorted = [...OPS].sort((a, b) => a.number - b.number)
  const reasons = Object.entries(REASONS).map(([reason, number]) => [String(number), code(reason)])
  const text = [
    '# Exact ops',
    `Made by \`scripts/op-table.ts\` from the op table (\`src/exact/ops/\`): ${OPS.length} ops. A number stands in program leaves and is never reused.`,
    [
      '- **attributes**: in their order of encoding, every one of them always present; `[]` marks a list.',
      '- **types**: element types of the operands. "floats" are float32 and float64; float16 and bfloat16 are in the next column.',
      '- **halves**: what happens to float16 and bfloat16 operands. `widen`: they are cast to float32, and a float32 result is cast back; `carry`: the op takes their 16 bits as they are.',
      '- **fault point**: whether the op can refuse the run ([numerics](numerics.md#nan-and-refusals)).',
      '- **referee**: how a third party can check one element of the output ([numerics](numerics.md#how-one-element-can-be-checked)).',
    ].join('\n'),
    table(['no.', 'op', 'attributes', 'types', 'halves', 'fault point', 'referee', 'source'], sorted.map(rowOf)),
    '## Reasons of refusals',
    table(['no.', 'reason'], reasons),
  ]
  return pretty(text.join('\n\n'), 'docs/ops.md')
}

/** What a referee looks at when one element of an op is contested. */
const SHOWN: Readonly<Partial<Record<RefereeName, string>>> = {
  element:
    'the element, and the elements that it follows from: one of each operand, or of the one that is copied and of the index that says which',
  choice: 'the element, and one that is better; or the one that the provider names as chosen',
  expansion: 'the element, expanded: one piece of it, at most two elements of operands',
  verdict: 'a verdict, signed by a referee whom the policy of the job names',
}

/** docs/disputes.md with its table of deciders. */
export function deciders(): Promise<string> {
  const rows = Object.entries(SHOWN).map(([referee, shown]) => {
    const ops = OPS.filter((op) => deciderOf(op) === referee)
    return [`${referee[0].toUpperCase()}${referee.slice(1)}Referee`, ops.map(({ name }) => name).join(', '), shown]
  })
  const alone = OPS.filter((op) => deciderOf(op) !== 'verdict').length
  const text = [
    `Of ${OPS.length} ops contracts decide ${alone} by themselves, in all types that they have.`,
    table(['contract', 'ops', 'opened'], rows),
  ]
  return pretty(fill(textOf('docs/disputes.md'), 'deciders', text.join('\n\n')), 'docs/disputes.md')
}

/** docs/quantize.md with its tables: what operators become, and what the interval analysis knows. */
export function quantizeTables(): Promise<string> {
  const operators = Object.entries(OPERATORS).map(([op, form]) => [op, form])
  const exact = [...OPS].sort((a, b) => a.number - b.number).filter(({ name }) => BOUNDS.has(name))
  const names = `${exact.length} of ${OPS.length} exact ops: ${exact.map(({ name }) => name).join(', ')}.`
  const text = fill(textOf('docs/quantize.md'), 'operators', table(['operator', 'on integers'], operators))
  return pretty(fill(text, 'subset', names), 'docs/quantize.md')
}

if (isMain(import.meta.url)) {
  await write('docs/quantize.md', await quantizeTables())
  await write('docs/ops.md', await opTable())
  await write('docs/disputes.md', await deciders())
}
