/**
 * The way down one tree of somebody else's commitments, by questions: the first leaf that differs from one's own, and its bytes.
 * @module
 */
import { equal, type Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import { KINDS, hashLeaf, rootFrom, sizedRoot, type Kind, type Tree } from '../merkle/tree.js'
import { OtherTree, type Down } from './other-tree.js'
import { TILE, type Answer, type Ask, type Move, type Question } from './question.js'

/** A tree that can be asked about: by its sized root, or by its root. */
export interface Source {
  readonly kind: Kind | 'tile'
  readonly size: number
  /** The move that asks for it, and the sized root that the move asks for. Undefined where the root was committed a moment ago. */
  readonly list?: { readonly move: Move; readonly hash: Bytes32 }
  /** Where the root is known already: it, and the move that asks for its children or bytes. */
  readonly node?: { readonly move: Move; readonly root: Bytes32 }
}

/** What was found: how far the trees agree, and the first leaf that differs. */
export interface Explored {
  readonly tree: OtherTree
  /** Undefined where all agree. */
  readonly index: number | undefined
  /** The other's bytes of that leaf. */
  readonly leaf: Uint8Array
}

const NOTHING = new Uint8Array(0)
const numberOf = (kind: Source['kind']): number => (kind === 'tile' ? TILE : KINDS[kind])

/** The answer of the name that was asked for. @throws Fault `dispute/silent` for another one. */
export function expectAnswer<N extends Answer['name']>(answer: Answer, name: N): Extract<Answer, { name: N }> {
  if (answer.name !== name) throw new Fault('dispute/silent', `another answer than ${name}`, { found: answer.name })
  return answer as Extract<Answer, { name: N }>
}

/**
 * Goes down to the first leaf that differs. Cost: a question for each level of 64, and one for the leaf.
 * @throws Fault `dispute/silent`, and the faults of answers that do not fold to what was asked.
 */
export async function explore(ask: Ask, source: Source, own: Tree): Promise<Explored> {
  const kind = numberOf(source.kind)
  const begun = await begin(ask, source)
  const tree = new OtherTree(own, begun.root)
  const index = await tree.firstDifference(async (down, node) => {
    if (down === undefined && begun.children !== undefined) return begun.children
    const question: Question = { form: 'node', kind, size: node.size, hash: node.hash }
    const answer = await ask(down === undefined ? begun.move : moveOf(down), question)
    return expectAnswer(answer, 'answerChildren').children
  })
  if (index === undefined) return { tree, index, leaf: NOTHING }
  const hash = tree.leaf(index)
  const move = tree.last === undefined ? begun.move : moveOf(tree.last)
  const { leaf } = expectAnswer(await ask(move, { form: 'leaf', kind, size: 1, hash }), 'answerLeaf')
  demand(equal(hashLeaf(leaf), hash), 'merkle/root-mismatch', () => 'the bytes of a leaf')
  return { tree, index, leaf }
}

const moveOf = ({ run, index, hash, path }: Down): Move => ({ name: 'descend', run, index, hash, path })

interface Begun {
  readonly root: Bytes32
  /** Leads to the node over the whole tree. */
  readonly move: Move
  readonly children: readonly Bytes32[] | undefined
}

/** A list is asked for its children, which fold to its root; of a node the root is known. */
async function begin(ask: Ask, { kind, size, list, node }: Source): Promise<Begun> {
  if (node !== undefined) return { ...node, children: undefined }
  const question: Question = { form: 'list', kind: numberOf(kind), size, hash: list!.hash }
  const { children } = expectAnswer(await ask(list!.move, question), 'answerChildren')
  const root = rootFrom(children)
  demand(equal(sizedRoot(kind as Kind, { size, root }), list!.hash), 'merkle/root-mismatch', () => `the ${kind} list`)
  return { root, move: whole(size, root), children }
}

/** The move from a list to the one node over all of it. */
export function whole(size: number, root: Bytes32): Move {
  let run = 1
  while (run < size) run *= 2
  return { name: 'descend', run, index: 0, hash: root, path: [] }
}
