/**
 * What an ONNX file says, for people: a summary, and what in it deserves a second look.
 * @module
 */
import { subgraphsOf } from './calls.js'
import { elementsOf } from './extent.js'
import {
  typeName,
  type Graph,
  type Model,
  type Node,
  type TensorProto,
  type ValueInfo,
  type ValueType,
} from './graph.js'
import { labelOf, quoted, visible } from './names.js'

/** A summary of a model; all of it is plain JSON data. */
export interface Explanation {
  readonly irVersion: number
  /** Version by domain; ai.onnx by that name. */
  readonly opsets: Readonly<Record<string, number>>
  readonly producer: string
  readonly graph: string
  readonly inputs: readonly { readonly name: string; readonly type: string }[]
  readonly outputs: readonly { readonly name: string; readonly type: string }[]
  /** Initializers of the main graph. */
  readonly parameters: { readonly tensors: number; readonly elements: number; readonly bytes: number }
  readonly nodes: number
  /** Nodes by operator, subgraphs and function bodies included, most frequent first. */
  readonly operators: readonly { readonly op: string; readonly count: number }[]
  readonly functions: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  /** One sentence for each thing that deserves a second look. */
  readonly suspicious: readonly string[]
}

/** A summary of the model. Reads every constant once. */
export function explain(model: Model): Explanation {
  const { graph } = model
  const defaults = graph.initializers
  const constants = [...defaults.values()]
  return {
    irVersion: model.irVersion,
    opsets: record([...model.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
    graph: graph.name,
    inputs: graph.inputs.filter(({ name }) => !defaults.has(name)).map(namedType),
    outputs: graph.outputs.map(namedType),
    parameters: {
      tensors: constants.length,
      elements: sum(constants.map(({ dims }) => elementsOf(dims))),
      bytes: sum(constants.map(bytesOf)),
    },
    nodes: graph.nodes.length,
    operators: histogram(allNodes(model)),
    functions: model.functions.map(({ domain, name }) => (domain === '' ? name : `${domain}.${name}`)),
    metadata: record([...model.metadata]),
    suspicious: SUSPICIONS.flatMap((look) => look(model)),
  }
}

/** The summary as lines of text. Names are quoted, so that no name can pretend to be a line of its own. */
export function toText(explanation: Explanation): string {
  const { parameters, inputs, outputs, operators, functions, suspicious } = explanation
  const opsets = Object.entries(explanation.opsets).map(([domain, version]) => `${domain} ${version}`)
  const lines = [
    `IR version ${explanation.irVersion}, opsets ${opsets.join(', ') || 'none'}`,
    `producer ${quoted(explanation.producer)}, graph ${quoted(explanation.graph)}`,
    ...inputs.map(({ name, type }) => `input ${quoted(name)}: ${type}`),
    ...outputs.map(({ name, type }) => `output ${quoted(name)}: ${type}`),
    `parameters: ${parameters.tensors} tensors, ${parameters.elements} elements, ${parameters.bytes} bytes`,
    `nodes: ${explanation.nodes}; ${operators.map(({ op, count }) => `${op} ${count}`).join(', ') || 'no operators'}`,
    ...functions.map((name) => `function ${quoted(name)}`),
    ...Object.entries(explanation.metadata).map(
      ([key, value]) => `metadata ${quoted(key)}: ${quoted(value.slice(0, 200))}`,
    ),
    ...suspicious.map((sentence) => `look: ${sentence}`),
  ]
  return lines.join('\n')
}

/** The text of a type, such as float32[batch, 3, ?] or sequence(int64[?]). */
export function typeText({ kind, dtype, dims, element }: ValueType): string {
  if (kind === 'unknown') return 'unknown'
  if (kind === 'map') return `map(${typeName(dtype)}, ${element === undefined ? 'unknown' : typeText(element)})`
  if (kind === 'sequence' || kind === 'optional')
    return `${kind}(${element === undefined ? 'unknown' : typeText(element)})`
  const extents = dims === undefined ? '[...]' : `[${dims.map((dim) => visible(String(dim ?? '?'))).join(', ')}]`
  return `${kind === 'sparse' ? 'sparse ' : ''}${typeName(dtype)}${extents}`
}

const namedType = (value: ValueInfo): { name: string; type: string } => ({ name: value.name, type: typeText(value) })

/** A record without a prototype's names: a file may use any key. */
function record<V>(entries: readonly (readonly [string, V])[]): Record<string, V> {
  return Object.assign(Object.create(null) as Record<string, V>, Object.fromEntries(entries))
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

function bytesOf({ payload, strings }: TensorProto): number {
  return payload.length + sum(strings.map(({ length }) => length))
}

function* nodesOf(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node
    for (const graph of subgraphsOf(node)) yield* nodesOf(graph.nodes)
  }
}

function allNodes({ graph, functions }: Model): Node[] {
  return [graph, ...functions].flatMap(({ nodes }) => [...nodesOf(nodes)])
}

function histogram(nodes: readonly Node[]): { op: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const { domain, op } of nodes) {
    const name = visible(domain === '' ? op : `${domain}.${op}`)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const rows = [...counts].map(([op, count]) => ({ op, count }))
  return rows.sort((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1))
}

type Suspicion = (model: Model) => string[]

const SUSPICIONS: readonly Suspicion[] = [
  foreignDomains,
  randomOperators,
  invisibleNames,
  repeatedNodeNames,
  overridable,
  unread,
  deadNodes,
  passedThrough,
  notFinite,
  untyped,
]

/** "a, b and 5 more". */
function listed(items: readonly string[]): string {
  const shown = items.slice(0, 5).map(quoted).join(', ')
  return items.length > 5 ? `${shown} and ${items.length - 5} more` : shown
}

const when = (items: readonly string[], sentence: (list: string) => string): string[] =>
  items.length === 0 ? [] : [sentence(listed(items))]

const STANDARD = new Set(['', 'ai.onnx.ml', 'ai.onnx.preview', 'ai.onnx.preview.training'])

function foreignDomains(model: Model): string[] {
  const own = new Set(model.functions.map(({ domain }) => domain))
  const foreign = new Set(
    allNodes(model)
      .map(({ domain }) => domain)
      .filter((domain) => !STANDARD.has(domain) && !own.has(domain)),
  )
  return when([...foreign], (list) => `operators of domains that ONNX does not define: ${list}`)
}

const RANDOM = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Bernoulli',
  'Multinomial',
])

function randomOperators(model: Model): string[] {
  const random = new Set(
    allNodes(model)
      .filter(({ domain, op }) => domain === '' && RANDOM.has(op))
      .map(({ op }) => op),
  )
  return when([...random], (list) => `random operators, whose numbers each runtime draws for itself: ${list}`)
}

function invisibleNames(model: Model): string[] {
  const { graph } = model
  const names = [
    ...[...graph.inputs, ...graph.outputs].map(({ name }) => name),
    ...graph.initializers.keys(),
    ...allNodes(model).flatMap(({ name, op, domain, outputs }) => [name, op, domain, ...outputs]),
  ]
  const hidden = new Set(names.filter((name) => visible(name) !== name))
  return when([...hidden], (list) => `names with invisible characters: ${list}`)
}

function repeatedNodeNames({ graph }: Model): string[] {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (const { name } of graph.nodes) {
    if (name !== '' && seen.has(name)) repeated.add(name)
    seen.add(name)
  }
  return when([...repeated], (list) => `node names that stand more than once: ${list}`)
}

/** From IR version 4 on an initializer need not be an input, so one that is can be replaced by the caller. */
function overridable({ graph, irVersion }: Model): string[] {
  const names = graph.inputs.map(({ name }) => name).filter((name) => graph.initializers.has(name))
  return irVersion < 4
    ? []
    : when(names, (list) => `initializers that are inputs, so a caller can replace them: ${list}`)
}

/** Every name that anything in these nodes reads, subgraphs included. */
function readsOf(nodes: readonly Node[]): Set<string> {
  const reads = new Set<string>()
  for (const node of nodesOf(nodes)) {
    for (const name of node.inputs) reads.add(name)
    for (const graph of subgraphsOf(node)) for (const { name } of graph.outputs) reads.add(name)
  }
  return reads
}

function unread({ graph }: Model): string[] {
  const reads = readsOf(graph.nodes)
  for (const { name } of graph.outputs) reads.add(name)
  const constants = [...graph.initializers.keys()].filter((name) => !reads.has(name))
  const inputs = graph.inputs
    .map(({ name }) => name)
    .filter((name) => !reads.has(name) && !graph.initializers.has(name))
  return [
    ...when(constants, (list) => `initializers that nothing reads: ${list}`),
    ...when(inputs, (list) => `inputs that nothing reads: ${list}`),
  ]
}

/** Nodes that no output of the graph depends on. Nodes are sorted, so one pass from the end finds them. */
function deadNodes({ graph }: Model): string[] {
  const needed = new Set(graph.outputs.map(({ name }) => name))
  const dead: string[] = []
  for (const node of [...graph.nodes].reverse()) {
    if (node.outputs.some((name) => needed.has(name))) for (const name of readsOf([node])) needed.add(name)
    else dead.push(labelOf(node))
  }
  return when(dead.reverse(), (list) => `nodes that no output depends on: ${list}`)
}

function passedThrough({ graph }: Model): string[] {
  const produced = new Set(graph.nodes.flatMap(({ outputs }) => outputs))
  const names = graph.outputs.map(({ name }) => name).filter((name) => !produced.has(name))
  return when(names, (list) => `outputs that are an input or a constant as it is: ${list}`)
}

function notFinite({ graph }: Model): string[] {
  const names = [...graph.initializers.values()].filter(hasNotFinite).map(({ name }) => name)
  return when(names, (list) => `initializers with infinities or NaN: ${list}`)
}

/** Elements with all exponent bits set: byte width, and the mask on the element's highest 16 bits. */
const EXPONENTS: ReadonlyMap<number, readonly [width: number, mask: number]> = new Map([
  [1, [4, 0x7f80]],
  [10, [2, 0x7c00]],
  [11, [8, 0x7ff0]],
  [16, [2, 0x7f80]],
])

function hasNotFinite({ code, payload }: TensorProto): boolean {
  const row = EXPONENTS.get(code)
  if (row === undefined) return false
  const [width, mask] = row
  for (let end = width; end <= payload.length; end += width) {
    if (((payload[end - 1] * 256 + payload[end - 2]) & mask) === mask) return true
  }
  return false
}

function untyped({ graph }: Model): string[] {
  const isOpen = (value: ValueInfo): boolean =>
    value.kind === 'tensor' && (value.dtype === 0 || value.dims === undefined)
  const names = inputsOf(graph)
    .filter((value) => value.kind === 'unknown' || isOpen(value))
    .map(({ name }) => name)
  return when(names, (list) => `inputs without an element type or rank: ${list}`)
}

const inputsOf = ({ inputs, initializers }: Graph): ValueInfo[] => inputs.filter(({ name }) => !initializers.has(name))
