/**
 * Coverage over the ONNX project's own operator cases in ../shared/onnx-cases/node: `npm run coverage [-- --json] [--only TEXT] [--fails]`.
 * A case passes when `ort-node` is within rtol 1e-3, atol 1e-7 of the expected outputs and `ort-web` gives the same bits.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DTYPES, equalBits, type Tensor } from '../src/core/tensor.js'
import { Fault } from '../src/core/faults.js'
import { compile } from '../src/exact/compile.js'
import { halfToNumber } from '../src/exact/ops/halves.js'
import { decode, decodeTensor } from '../src/onnx/decode.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { ortWeb } from '../src/runtime/ort-web.js'
import { tensorOf } from '../src/onnx/graph.js'

/** What became of a case. */
export interface Outcome {
  readonly name: string
  readonly outcome: 'pass' | 'refused' | 'fail'
  readonly reason: string
}

const CASES = new URL('../../shared/onnx-cases/node/', import.meta.url).pathname
const RTOL = 1e-3
const ATOL = 1e-7

const numberAt = (t: Tensor, i: number) =>
  t.dtype === 'float16' || t.dtype === 'bfloat16' ? halfToNumber(t.dtype, Number(t.data[i])) : Number(t.data[i])

/** Where a result differs from what is expected, or undefined. */
function difference(found: Tensor, expected: Tensor): string | undefined {
  if (found.dtype !== expected.dtype || found.dims.join() !== expected.dims.join()) {
    return `${found.dtype}[${found.dims}] instead of ${expected.dtype}[${expected.dims}]`
  }
  const exact = DTYPES[found.dtype].kind !== 'float'
  for (let i = 0; i < found.data.length; i++) {
    const [a, b] = [numberAt(found, i), numberAt(expected, i)]
    const close = a === b || (a !== a && b !== b) || (!exact && Math.abs(a - b) <= ATOL + RTOL * Math.abs(b))
    if (!close) return `element ${i}: ${a} instead of ${b}`
  }
  return undefined
}

function read(folder: string, kind: 'input' | 'output', count: number): (Tensor | undefined)[] {
  return Array.from({ length: count }, (_, i) => {
    const file = join(folder, 'test_data_set_0', `${kind}_${i}.pb`)
    return existsSync(file) ? tensorOf(decodeTensor(readFileSync(file))) : undefined
  })
}

const message = (error: unknown) => (error instanceof Error ? error.message : String(error))

async function judge(name: string): Promise<Outcome> {
  const folder = join(CASES, name)
  const runtimes = [ortNode({ threads: 1 }), ortWeb()]
  let running = false
  try {
    const model = decode(readFileSync(join(folder, 'model.onnx')))
    const wanted = model.graph.inputs.filter((info) => !model.graph.initializers.has(info.name))
    const other = wanted.find((info) => info.kind !== 'tensor' && info.kind !== 'unknown')
    if (other !== undefined) throw new Fault('exact/unsupported-type', `input "${other.name}" is a ${other.kind}`)
    const given = read(folder, 'input', wanted.length)
    const inputs = Object.fromEntries(
      wanted.flatMap((info, i) => (given[i] === undefined ? [] : [[info.name, given[i]]])),
    )
    const { program, state } = compile(model, { inputs })
    running = true
    const feeds = program.names.inputs.map((input) => inputs[input])
    const results: (readonly Tensor[])[] = []
    for (const runtime of runtimes) {
      const session = await runtime.open(program, state)
      try {
        results.push((await session.step(feeds)).outputs)
      } finally {
        await session.close()
      }
    }
    for (const [i, expected] of read(folder, 'output', model.graph.outputs.length).entries()) {
      if (expected === undefined) continue
      const wrong = difference(results[0][i], expected)
      if (wrong !== undefined) return { name, outcome: 'fail', reason: `output ${i}: ${wrong}` }
      if (!equalBits(results[0][i], results[1][i]))
        return { name, outcome: 'fail', reason: `output ${i}: ort-web gives other bits than ort-node` }
    }
    return { name, outcome: 'pass', reason: '' }
  } catch (error) {
    const refused = Fault.is(error) && (!running || error.code === 'runtime/refused')
    return { name, outcome: refused ? 'refused' : 'fail', reason: message(error) }
  }
}

function markdown(outcomes: readonly Outcome[], total: (o: Outcome['outcome']) => number): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  return [
    '# Coverage',
    '',
    "Measured by `npm run coverage` on the ONNX project's own operator test cases (onnx/backend/test/data/node). Pass: `ort-node` within",
    `rtol ${RTOL}, atol ${ATOL} of the expected output, and \`ort-web\` equal to it in every bit. Refused: before it runs, or at a fault point of the run.`,
    '',
    `pass ${total('pass')}, refused ${total('refused')}, fail ${total('fail')}`,
    '',
    '| case | outcome | reason |',
    '| --- | --- | --- |',
    ...outcomes.map((o) => `| ${o.name} | ${o.outcome} | ${cell(o.reason)} |`),
    '',
  ].join('\n')
}

async function main(args: readonly string[]): Promise<void> {
  const json = args.includes('--json')
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : ''
  if (!existsSync(CASES)) {
    console.error('the operator cases are not there (../shared/onnx-cases/node); nothing to measure')
    process.exitCode = 3
    return
  }
  const outcomes: Outcome[] = []
  for (const name of readdirSync(CASES)
    .sort()
    .filter((n) => n.includes(only))) {
    const o = await judge(name)
    outcomes.push(o)
    if (json)
      console.log(
        JSON.stringify({ bench: 'coverage', case: name, metric: 'outcome', value: o.outcome, unit: o.reason }),
      )
    else if (!args.includes('--fails') || o.outcome === 'fail')
      console.log(`${o.outcome.padEnd(8)} ${name}${o.reason === '' ? '' : `: ${o.reason}`}`)
  }
  const total = (outcome: Outcome['outcome']) => outcomes.filter((o) => o.outcome === outcome).length
  for (const outcome of ['pass', 'refused', 'fail'] as const) {
    console.log(
      json
        ? JSON.stringify({ bench: 'coverage', case: 'all', metric: outcome, value: total(outcome), unit: 'cases' })
        : `${outcome} ${total(outcome)}`,
    )
  }
  if (only === '') writeFileSync(new URL('../docs/coverage.md', import.meta.url), markdown(outcomes, total))
  if (total('fail') > 0) process.exitCode = 1
}

await main(process.argv.slice(2))
