/**
 * A provider whose expansions are false as well: one byte of one leaf is another one, so that the contradiction lies inside.
 */
import { fromHex, toHex } from '../../src/core/bytes.js'
import { Book, operandsAt, type OwnRun } from '../../src/dispute/book.js'
import { expand, isExpandable } from '../../src/dispute/expansion.js'
import type { NodeValue } from '../../src/exact/program.js'
import { proveChildren, rootOf, sizedRoot, treeOf, type Node } from '../../src/merkle/tree.js'
import type { Answers } from './arena.js'

/** Answers as the run's book does, but for expansions, of which the leaf at this place (from the end where it is negative) has its last byte flipped. */
export function crafty(run: OwnRun, place: number): Answers {
  const book = new Book(run)
  const spots = new Map<string, readonly [leaves: readonly Uint8Array[], node: Pick<Node, 'start' | 'size'>]>()
  return {
    async commit(demand) {
      if (demand.name !== 'expansion') return book.commit(demand)
      const { steps } = await run.retrace(Math.floor(demand.step / run.commitEvery))
      const traced = steps[demand.step % run.commitEvery]
      const node = run.program.values[demand.value] as NodeValue
      const operands = operandsAt(node, traced)
      if (!isExpandable(node, operands, demand.element)) return book.commit(demand)
      const honest = expand(node, operands, demand.element).leaves
      const leaves = honest.map((leaf, i) => (i === (place + honest.length) % honest.length ? spoilt(leaf) : leaf))
      const tree = treeOf(leaves)
      const root = rootOf(tree)
      const size = leaves.length
      for (const key of [root, sizedRoot('expansion', { size, root })])
        spots.set(toHex(key), [leaves, { start: 0, size }])
      return { name: 'answerCommitment', size, root }
    },
    async answer(question) {
      const spot = spots.get(toHex(question.hash))
      if (spot === undefined) return book.answer(question)
      const [leaves, { start, size }] = spot
      if (question.form === 'leaf') return { name: 'answerLeaf', leaf: leaves[start] }
      if (size === 1) return { name: 'answerChildren', children: [fromHex(toHex(question.hash))] }
      const children = proveChildren(treeOf(leaves), { start, size })
      for (const child of children) spots.set(toHex(child.hash), [leaves, child])
      return { name: 'answerChildren', children: children.map(({ hash }) => hash) }
    },
  }
}

function spoilt(leaf: Uint8Array): Uint8Array {
  const bytes = leaf.slice()
  if (bytes.length > 0) bytes[bytes.length - 1] ^= 1
  return bytes
}
