/**
 * Topological order.
 * @module
 */
import { demand } from '../core/faults.js'
import type { Node } from './graph.js'

/** A node with every name that it reads, its subgraphs' reads included. */
interface Reading {
  readonly part: Node
  readonly reads: ReadonlySet<string>
}

/**
 * The nodes with every one after those that it reads from: in the given order, except that what a node reads is moved
 * before it. Names that no node gives are left to the caller.
 * @throws Fault `onnx/cycle`.
 */
export function sorted(nodes: readonly Reading[], where: string): readonly Node[] {
  const givenBy = new Map<string, number>()
  nodes.forEach(({ part }, i) => part.outputs.forEach((name) => name !== '' && givenBy.set(name, i)))
  const before = nodes.map(({ reads }) => [...reads].flatMap((name) => givenBy.get(name) ?? []))
  if (before.every((indices, i) => indices.every((j) => j < i))) return nodes.map(({ part }) => part)
  return depthFirst(before, where).map((i) => nodes[i].part)
}

/** Indices in an order in which all of before[i] stand before i. Iterative, since chains are as long as the file. */
function depthFirst(before: readonly (readonly number[])[], where: string): number[] {
  const order: number[] = []
  const entered = before.map(() => 0)
  const done = before.map(() => false)
  for (let root = 0; root < before.length; root++) {
    const path = done[root] ? [] : [root]
    for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
      const next = before[at][entered[at]++]
      if (next === undefined) {
        done[at] = true
        order.push(at)
        path.pop()
      } else if (!done[next]) {
        demand(entered[next] === 0, 'onnx/cycle', () => 'nodes depend on each other in a circle', { where })
        path.push(next)
      }
    }
  }
  return order
}
