/**
 * The expansion of one element: planned from the types, computed from the operands.
 * @module
 */
import type { Bytes32 } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import type { Tensor, TensorType } from '../../core/tensor.js'
import type { NodeValue } from '../../exact/program.js'
import { rootOf, sizedRoot, treeOf, type Tree } from '../../merkle/tree.js'
import { compute } from './leaves.js'
import { leavesOf, planOf, type Plan } from './plan.js'

/** What an expansion looks like, known from types alone. */
export interface ExpansionLayout {
  readonly kind: Plan['kind']
  /** Leaves. */
  readonly size: number
}

/** An expanded element. */
export interface Expansion extends ExpansionLayout {
  readonly plan: Plan
  readonly operands: readonly Tensor[]
  readonly leaves: readonly Uint8Array[]
  readonly tree: Tree
  /** The sized root, of kind `expansion`. */
  readonly root: Bytes32
  /** The bits of the element, which follow from the last leaf. */
  readonly result: bigint
}

/**
 * Kind and number of leaves; undefined where the element has no expansion: by its op, or because there is nothing to sum or to choose from.
 * @throws Fault `merkle/index-out-of-range` where the value has no such element.
 */
export function layoutOf(
  node: NodeValue,
  operands: readonly TensorType[],
  element: number,
): ExpansionLayout | undefined {
  const plan = planOf(node, operands, element)
  return plan && { kind: plan.kind, size: leavesOf(plan) }
}

/** True where an element has an expansion. @throws Fault `merkle/index-out-of-range`. */
export function isExpandable(node: NodeValue, operands: readonly TensorType[], element: number): boolean {
  return planOf(node, operands, element) !== undefined
}

/**
 * The expansion of an element. Its result has the bits of the element that the op gives.
 * Cost: time grows with the terms and the members of their groups, memory with the terms.
 * @throws Fault `dispute/no-expansion` where the element has none, `merkle/index-out-of-range` where there is no such element.
 */
export function expand(node: NodeValue, operands: readonly Tensor[], element: number): Expansion {
  const plan = planOf(node, operands, element)
  demand(plan !== undefined, 'dispute/no-expansion', () => `element ${element} of ${node.op}`)
  const { leaves, result } = compute(plan, operands)
  const tree = treeOf(leaves)
  const root = sizedRoot('expansion', { size: tree.size, root: rootOf(tree) })
  return { kind: plan.kind, size: tree.size, plan, operands, leaves, tree, root, result }
}
