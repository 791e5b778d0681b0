/**
 * The rules that make a model's graph mean one thing: versions, unique and defined names, no circles, sorted nodes.
 * Source: docs/IR.md of onnx/onnx at f7546912 (names, scopes, functions).
 * @module
 */
import { demand } from '../core/faults.js'
import type { Attribute, FunctionProto, Graph, Model, Node } from './graph.js'
import { LIMITS } from './limits.js'
import { calleeOf, checkExpansion, functionsByKey, type Calls } from './calls.js'
import { labelOf, quoted } from './names.js'
import { sorted } from './order.js'

/** Versions that are read, both ends included. */
export const SUPPORTED = { ir: [3, 14], opset: [7, 28] } as const

/**
 * The model with its nodes, subgraphs' and functions' too, in topological order; nodes that are in order stay where they are.
 * @throws Fault `onnx/bad-version`, `onnx/bad-node`, `onnx/duplicate-name`, `onnx/undefined-name`, `onnx/cycle`,
 *   `onnx/too-deep`, `core/too-large`.
 */
export function check(model: Model): Model {
  within(model.irVersion, SUPPORTED.ir, 'IR version')
  const calls = functionsByKey(model.functions)
  const checked = {
    ...model,
    functions: model.functions.map((item) => checkFunction(item, calls)),
    graph: checkTop(model.graph, { opsets: model.opsets, calls, references: undefined }),
  }
  checkOpsets(model.opsets)
  checkExpansion(checked, functionsByKey(checked.functions))
  return checked
}

function within(version: number, [low, high]: readonly [number, number], what: string): void {
  demand(version >= low && version <= high, 'onnx/bad-version', () => what, {
    expected: `${low} to ${high}`,
    found: version,
  })
}

function checkOpsets(opsets: ReadonlyMap<string, number>): void {
  const version = opsets.get('')
  if (version !== undefined) within(version, SUPPORTED.opset, 'opset of ai.onnx')
}

/** What holds for every node of one function or of the main graph. */
interface Rules {
  readonly opsets: ReadonlyMap<string, number>
  readonly calls: Calls
  /** Attributes that nodes may refer to; undefined outside of functions. */
  readonly references: ReadonlySet<string> | undefined
}

/** Names that are visible, from the innermost graph outwards. */
interface Scope {
  readonly names: ReadonlySet<string>
  readonly outer: Scope | undefined
  readonly depth: number
  readonly rules: Rules
}

/** A part with the names that it reads from outside of itself. */
interface Open<T> {
  readonly part: T
  readonly reads: ReadonlySet<string>
}

function checkTop(graph: Graph, rules: Rules): Graph {
  unique(
    graph.outputs.map(({ name }) => name),
    'output',
  )
  const { part, reads } = checkGraph(graph, undefined, rules)
  const [missing] = reads
  demand(missing === undefined, 'onnx/undefined-name', () => quoted(missing), { where: `graph ${quoted(graph.name)}` })
  return part
}

function checkFunction(item: FunctionProto, calls: Calls): FunctionProto {
  const where = `function ${quoted(item.name)}`
  checkOpsets(item.opsets)
  checkDefaults(item)
  unique([...item.attributes, ...item.defaults.keys()], 'attribute')
  const references = new Set([...item.attributes, ...item.defaults.keys()])
  const scope = scopeOf(item.inputs, item.nodes, undefined, { opsets: item.opsets, calls, references })
  const { part, reads } = checkNodes(item.nodes, scope, where)
  for (const name of [...reads, ...item.outputs]) {
    demand(scope.names.has(name), 'onnx/undefined-name', () => quoted(name), { where })
  }
  return { ...item, nodes: part }
}

/** A default that is itself a reference has nothing to refer to; graphs as defaults have no scope that ONNX defines. */
function checkDefaults({ name, defaults }: FunctionProto): void {
  for (const [attribute, { kind }] of defaults) {
    const where = `function ${quoted(name)}, attribute ${quoted(attribute)}`
    demand(kind !== 'reference', 'onnx/bad-node', () => 'a default that is a reference', { where })
    demand(kind !== 'graph' && kind !== 'graphs', 'onnx/unsupported', () => 'a graph as a default', { where })
  }
}

function unique(names: readonly string[], what: string): ReadonlySet<string> {
  const seen = new Set<string>()
  for (const name of names) {
    demand(!seen.has(name), 'onnx/duplicate-name', () => `${what} ${quoted(name)}`)
    seen.add(name)
  }
  return seen
}

function checkGraph(graph: Graph, outer: Scope | undefined, rules: Rules): Open<Graph> {
  const inputs = unique(
    graph.inputs.map(({ name }) => name),
    'input',
  )
  const constants = [...graph.initializers.keys()].filter((name) => !inputs.has(name))
  const scope = scopeOf([...inputs, ...constants], graph.nodes, outer, rules)
  const { part: nodes, reads } = checkNodes(graph.nodes, scope, `graph ${quoted(graph.name)}`)
  const free = new Set(reads)
  for (const { name } of graph.outputs) if (!scope.names.has(name)) free.add(name)
  return { part: { ...graph, nodes }, reads: free }
}

/** The names of one graph or function. Defining one twice, or one that an outer graph has (shadowing), is refused. */
function scopeOf(given: readonly string[], nodes: readonly Node[], outer: Scope | undefined, rules: Rules): Scope {
  const depth = outer === undefined ? 0 : outer.depth + 1
  demand(depth <= LIMITS.depth, 'onnx/too-deep', () => `graphs nested deeper than ${LIMITS.depth}`)
  const names = unique([...given, ...nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''))], 'value')
  for (let scope = outer; scope !== undefined; scope = scope.outer) {
    for (const name of names)
      demand(!scope.names.has(name), 'onnx/duplicate-name', () => `${quoted(name)} hides a value of an outer graph`)
  }
  return { names, outer, depth, rules }
}

function checkNodes(nodes: readonly Node[], scope: Scope, where: string): Open<readonly Node[]> {
  const checked = nodes.map((node) => checkNode(node, scope))
  const reads = new Set<string>()
  for (const { reads: names } of checked) for (const name of names) if (!scope.names.has(name)) reads.add(name)
  return { part: sorted(checked, where), reads }
}

function checkNode(node: Node, scope: Scope): Open<Node> {
  demand(node.op !== '', 'onnx/bad-node', () => 'a node without an operator')
  const known = scope.rules.opsets.has(node.domain) || calleeOf(node, scope.rules.calls) !== undefined
  demand(known, 'onnx/bad-version', () => `no opset is imported for domain ${quoted(node.domain)}`, {
    where: labelOf(node),
  })
  const reads = new Set(node.inputs.filter((name) => name !== ''))
  const attributes = checkAttributes(node, scope, reads)
  return { part: attributes === node.attributes ? node : { ...node, attributes }, reads }
}

/** Checks references and subgraphs; adds to `reads` what the subgraphs read from outside. */
function checkAttributes(node: Node, scope: Scope, reads: Set<string>): ReadonlyMap<string, Attribute> {
  const graphs = new Map<string, Attribute>()
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind === 'reference') checkReference(attribute.name, node, scope.rules)
    if (attribute.kind === 'graph' || attribute.kind === 'graphs')
      graphs.set(name, checkSubgraphs(attribute, scope, reads))
  }
  return graphs.size === 0 ? node.attributes : new Map([...node.attributes, ...graphs])
}

function checkReference(name: string, node: Node, { references }: Rules): void {
  const known = references?.has(name) ?? false
  demand(known, 'onnx/bad-node', () => `refers to attribute ${quoted(name)}, which no function around it has`, {
    where: labelOf(node),
  })
}

type Subgraphs = Extract<Attribute, { kind: 'graph' | 'graphs' }>

function checkSubgraphs(attribute: Subgraphs, scope: Scope, reads: Set<string>): Subgraphs {
  const enter = (graph: Graph): Graph => {
    const open = checkGraph(graph, scope, scope.rules)
    for (const name of open.reads) reads.add(name)
    return open.part
  }
  return attribute.kind === 'graph'
    ? { kind: 'graph', value: enter(attribute.value) }
    : { kind: 'graphs', value: attribute.value.map(enter) }
}
