/** `countersign coverage`: which ONNX operators decompose into exact ops. @module */
import type { Command } from 'commander'
import { readModel } from '../../disk/index.js'
import { OPERATORS, rowOf } from '../../exact/operators/index.js'
import type { Graph } from '../../onnx/graph.js'
import { command } from '../command.js'
import { paint, type Result } from '../output.js'

export function coverage(): Command {
  return command(
    'coverage',
    (c) =>
      c
        .description('the operators that have an exact decomposition, or those that a model uses and lacks')
        .argument('[model]', '.onnx file'),
    async ([model]) => (model === undefined ? table() : ofModel(model)),
  )
}

function table(): Result {
  const rows = new Map<string, number[]>()
  for (const { domain, op, since } of OPERATORS) {
    const name = domain === '' ? op : `${domain}.${op}`
    rows.set(
      name,
      [...(rows.get(name) ?? []), since].sort((a, b) => a - b),
    )
  }
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    outcome: 'done',
    data: Object.fromEntries(sorted),
    lines: [...sorted.map(([name, since]) => `${name} since opset ${since.join(', ')}`), `${sorted.length} operators`],
  }
}

/** Operators of a graph and its subgraphs. */
function* operatorsOf(graph: Graph): Generator<{ domain: string; op: string }> {
  for (const node of graph.nodes) {
    yield node
    for (const attribute of node.attributes.values())
      if (attribute.kind === 'graph') yield* operatorsOf(attribute.value)
  }
}

async function ofModel(path: string): Promise<Result> {
  const { model } = await readModel(path)
  const local = new Set(model.functions.map((f) => `${f.domain}:${f.name}`))
  const used = new Map([...operatorsOf(model.graph)].map(({ domain, op }) => [`${domain}:${op}`, { domain, op }]))
  const lacking = [...used]
    .filter(
      ([key, { domain, op }]) => !local.has(key) && rowOf(domain, op, model.opsets.get(domain) ?? 1) === undefined,
    )
    .map(([, { domain, op }]) => (domain === '' ? op : `${domain}.${op}`))
  return {
    outcome: lacking.length === 0 ? 'done' : 'refuted',
    data: { operators: used.size, lacking },
    lines:
      lacking.length === 0
        ? [`${paint.good('covered')} all ${used.size} operators of the model decompose`]
        : [`${paint.bad('lacking')} ${lacking.join(', ')}`],
  }
}
