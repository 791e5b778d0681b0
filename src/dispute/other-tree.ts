/**
 * Somebody else's tree beside one's own, known as far as it was revealed: the way down to the first leaf that differs, and proofs about every
 * leaf up to it.
 * @module
 */
import { equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import {
  hashNode,
  nodeAt,
  proveInclusion,
  rootOf,
  siblingsOf,
  treeFrom,
  verifyChildren,
  type Node,
  type Path,
  type Range,
  type Tree,
} from '../merkle/tree.js'

/** One level down: which of the children of the node that was asked for last. */
export interface Down {
  /** Leaves of a child: a power of two. */
  readonly run: number
  readonly index: number
  readonly hash: Bytes32
  readonly path: Path
  /** Leaves under this child. */
  readonly size: number
}

/** The children of a node of the other tree; `down` is undefined for the root. */
export type Children = (down: Down | undefined, node: Node) => Promise<readonly Bytes32[]>

/** A tree of the same size as one's own. */
export class OtherTree {
  readonly size: number
  readonly root: Bytes32
  readonly #own: Tree
  readonly #known = new Map<string, Bytes32>()
  /** Everything before this leaf agrees. */
  #agreed: number
  /** The first leaf that differs, with the move that leads to it. */
  #last: Down | undefined

  constructor(own: Tree, root: Bytes32) {
    this.size = own.size
    this.root = root
    this.#own = own
    this.#agreed = equal(rootOf(own), root) ? own.size : 0
  }

  /** The move that leads from the last children to the leaf that differs; undefined for a tree of one leaf. */
  get last(): Down | undefined {
    return this.#last
  }

  /**
   * The index of the first leaf whose hash differs, undefined where the trees agree. One question a level of 64.
   * @throws Fault `merkle/bad-proof-length`, `merkle/root-mismatch` for children that are not the node's, and what `ask` throws.
   */
  async firstDifference(ask: Children): Promise<number | undefined> {
    if (this.#agreed === this.size) return undefined
    let node: Node = { start: 0, size: this.size, hash: this.root }
    this.#last = undefined
    this.#learn(node)
    while (node.size > 1) {
      const children = verifyChildren(node, await ask(this.#last, node))
      this.#fill(children)
      const index = children.findIndex((child) => !equal(child.hash, ownHash(this.#own, child)))
      demand(index >= 0, 'merkle/root-mismatch', () => 'the children are one’s own, and their parent is not')
      const { hash, size } = children[index]
      const path = proveInclusion(treeFrom(children.map((child) => child.hash)), index)
      this.#last = { run: children[0].size, index, hash, path, size }
      node = children[index]
    }
    this.#agreed = node.start
    return node.start
  }

  /** The hash of the leaf: one's own before the first difference. @throws Fault `dispute/not-known`. */
  leaf(index: number): Bytes32 {
    return this.#at({ start: index, size: 1 })
  }

  /** The way from a leaf to the other root. @throws Fault `dispute/not-known`, `merkle/index-out-of-range`. */
  path(index: number): Path {
    return siblingsOf({ index, size: this.size }).map(({ level, index: at }) => {
      const start = at * 2 ** level
      return this.#at({ start, size: Math.min(2 ** level, this.size - start) })
    })
  }

  #at(range: Range): Bytes32 {
    const known = this.#known.get(keyOf(range))
    if (known !== undefined) return known
    const { start, size } = range
    demand(start + size <= this.#agreed, 'dispute/not-known', () => `the node over leaves ${start} to ${start + size}`)
    return ownHash(this.#own, range)
  }

  #learn(node: Node): void {
    this.#known.set(keyOf(node), node.hash)
  }

  /** The nodes between the children and their parent. A last one without a partner moves up as it is. */
  #fill(children: readonly Node[]): void {
    for (let row = children; row.length > 0; row = row.length === 1 ? [] : pairsOf(row)) {
      for (const node of row) this.#learn(node)
    }
  }
}

const keyOf = ({ start, size }: Range): string => `${start} ${size}`

function pairsOf(row: readonly Node[]): Node[] {
  return Array.from({ length: Math.ceil(row.length / 2) }, (_, i) => {
    const [left, right] = [row[2 * i], row[2 * i + 1]]
    if (right === undefined) return left
    return { start: left.start, size: left.size + right.size, hash: hashNode(left.hash, right.hash) }
  })
}

/** The node of one's own tree over a range: it stands on the lowest level on which so many leaves are one node. */
function ownHash(tree: Tree, { start, size }: Range): Bytes32 {
  let level = 0
  while (2 ** level < size) level++
  return nodeAt(tree, level, start / 2 ** level)
}
