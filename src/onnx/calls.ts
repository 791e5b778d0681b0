/**
 * Calls of model-local functions.
 * Source: docs/IR.md of onnx/onnx at f7546912, section Functions.
 * @module
 */
import { demand } from '../core/faults.js'
import type { FunctionProto, Graph, Model, Node } from './graph.js'
import { LIMITS } from './limits.js'
import { quoted } from './names.js'

/** Functions by domain, name and overload. */
export type Calls = ReadonlyMap<string, FunctionProto>

const keyOf = (domain: string, name: string, overload: string): string => JSON.stringify([domain, name, overload])

/** The functions of a model by what nodes call them. @throws Fault `onnx/duplicate-name`. */
export function functionsByKey(functions: readonly FunctionProto[]): Calls {
  const calls = new Map<string, FunctionProto>()
  for (const item of functions) {
    const key = keyOf(item.domain, item.name, item.overload)
    demand(!calls.has(key), 'onnx/duplicate-name', () => `function ${quoted(item.name)}`)
    calls.set(key, item)
  }
  return calls
}

/** The function that a node calls, if any. */
export function calleeOf(node: Node, calls: Calls): FunctionProto | undefined {
  return calls.size === 0 ? undefined : calls.get(keyOf(node.domain, node.op, node.overload))
}

/** The graphs inside of a node's attributes. */
export function subgraphsOf(node: Node): readonly Graph[] {
  const graphs: Graph[] = []
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') graphs.push(attribute.value)
    if (attribute.kind === 'graphs') for (const graph of attribute.value) graphs.push(graph)
  }
  return graphs
}

/** What is left when every call is replaced by its body: nodes, and how deep the calls went. */
interface Expansion {
  readonly nodes: number
  readonly depth: number
}

interface Walk {
  readonly calls: Calls
  readonly done: Map<FunctionProto, Expansion>
  readonly path: Set<FunctionProto>
}

/**
 * Functions must not call themselves, and replacing every call by its body must stay small: thirty functions of two calls
 * each would make 2^30 nodes.
 * @throws Fault `onnx/cycle`, `onnx/too-deep`, `core/too-large`.
 */
export function checkExpansion({ graph, functions }: Model, calls: Calls): void {
  const walk: Walk = { calls, done: new Map(), path: new Set() }
  for (const item of functions) expandCall(item, walk)
  expandNodes(graph.nodes, walk)
}

function expandNodes(nodes: readonly Node[], walk: Walk): Expansion {
  const total = { nodes: 0, depth: 0 }
  for (const node of nodes) {
    const callee = calleeOf(node, walk.calls)
    const parts = subgraphsOf(node).map((graph) => expandNodes(graph.nodes, walk))
    if (callee !== undefined) parts.push(expandCall(callee, walk))
    for (const part of parts) total.depth = Math.max(total.depth, part.depth)
    total.nodes += parts.reduce((sum, part) => sum + part.nodes, 1)
  }
  const most = LIMITS.expandedNodes
  demand(total.nodes <= most, 'core/too-large', () => `a model that expands to more than ${most} nodes`)
  return total
}

function expandCall(item: FunctionProto, walk: Walk): Expansion {
  const known = walk.done.get(item)
  if (known !== undefined) return known
  const where = `function ${quoted(item.name)}`
  demand(!walk.path.has(item), 'onnx/cycle', () => 'a function calls itself', { where })
  demand(walk.path.size < LIMITS.callDepth, 'onnx/too-deep', () => 'functions call each other too deep', { where })
  walk.path.add(item)
  const body = expandNodes(item.nodes, walk)
  walk.path.delete(item)
  const expansion = { nodes: body.nodes, depth: body.depth + 1 }
  demand(expansion.depth <= LIMITS.callDepth, 'onnx/too-deep', () => 'functions call each other too deep', { where })
  walk.done.set(item, expansion)
  return expansion
}
