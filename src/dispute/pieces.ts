/**
 * Proofs about an element by way of its expansion: the provider commits it, and its first leaf that is not one's own, or the element
 * itself, does not follow from what stands before it.
 * @module
 */
import { ZERO32 } from '../core/bytes.js'
import { KINDS } from '../merkle/tree.js'
import type { AtNode } from './scene.js'
import { expand, proveExpansion, proveSize, type ExpansionProof } from './expansion.js'
import { expectAnswer, explore, whole } from './explore.js'
import { proofOf, type FaultProof } from './proof.js'

/** Demands the expansion of an element and finds what is wrong with it. @throws Fault `dispute/silent`. */
export async function expansionFault(known: AtNode): Promise<FaultProof> {
  const { at, node, operands, values, value, element, where } = known
  const { ask, challenge, opening } = at
  const own = expand(node, operands, element)
  const subject = { program: challenge.own.program, step: opening, values, value, element }
  const demanded = { form: 'expansion', kind: KINDS.expansion, size: 0, hash: ZERO32 } as const
  const move = { name: 'demandExpansion', step: opening.step, value, element } as const
  const { size, root } = expectAnswer(await ask(move, demanded), 'answerCommitment')
  const proved = ({ referee, fault, evidence }: ExpansionProof): FaultProof =>
    proofOf(challenge, [referee, fault], evidence, `${where}: ${fault} of its expansion`)
  if (size !== own.size) return proved(proveSize(subject, own, { size, root }))
  const found = await explore(ask, { kind: 'expansion', size, node: { move: whole(size, root), root } }, own.tree)
  return proved(proveExpansion(subject, own, found))
}
