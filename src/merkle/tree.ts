/**
 * Data trees: RFC 9162 Merkle trees over SHA-256, positional and append-only.
 *
 * A root does not bind its size (leaf 0 of 5 also verifies as leaf 0 of 6, 7 and 8), so a size never comes from a
 * proof: it comes from a program, a job, a type, or a sized root.
 * @see RFC 9162 section 2.1
 * @module
 */
import { compare, concat, equal, toHex, uint64, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256, sha256Of } from '../core/sha256.js'
import { hashEach } from './level.js'

/** A tree with all of its nodes: `levels[0]` holds the leaf hashes, `levels[k]` the roots of their aligned runs of 2^k, 32 bytes each. */
export interface Tree {
  readonly size: number
  readonly levels: readonly Uint8Array[]
}

/** The hashes beside the way from a leaf, or an earlier root, up to the root. */
export type Path = readonly Bytes32[]

/** Which leaf of how many. */
export interface Place {
  readonly index: number
  readonly size: number
}

/** A root together with the number of leaves under it. */
export interface RootOfSize {
  readonly size: number
  readonly root: Bytes32
}

/** The root of the tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Bytes32 = sha256(new Uint8Array(0))

const LEAF = 0x00
const NODE = 0x01
const SIZED = 0x03
const HASH = 32

/** SHA-256(0x00 || data). */
export function hashLeaf(data: Uint8Array): Bytes32 {
  return sha256Of(Uint8Array.of(LEAF), data)
}

/** SHA-256(0x01 || left || right). */
export function hashNode(left: Bytes32, right: Bytes32): Bytes32 {
  PAIR.set(left, 1)
  PAIR.set(right, 1 + HASH)
  return sha256(PAIR)
}
/** One message for all nodes: a fresh one each time costs as much as the hashing. */
const PAIR = Uint8Array.of(NODE, ...new Uint8Array(2 * HASH))

/** The leaf hashes, 32 bytes each, of leaves of one length that lie one behind the other. */
export function hashLeaves(leaves: Uint8Array, length: number): Uint8Array {
  return hashEach(leaves, { prefix: LEAF, length })
}

/**
 * The tree over leaf hashes, given as a list or one behind the other (then that array is kept and must not be changed).
 * Cost: one hash for each leaf but the first, whole levels at a time; about 64 bytes of memory for each leaf.
 * @throws Fault `merkle/bad-node` where they are not 32 bytes each.
 */
export function treeFrom(leafHashes: Uint8Array | readonly Bytes32[]): Tree {
  const levels = [flat(leafHashes)]
  while (levels[levels.length - 1].length > HASH) levels.push(levelAbove(levels[levels.length - 1]))
  return Object.freeze({ size: levels[0].length / HASH, levels: Object.freeze(levels) })
}

/** The tree over leaves given as data. */
export function treeOf(leaves: readonly Uint8Array[]): Tree {
  return treeFrom(leaves.map(hashLeaf))
}

/** The root over leaf hashes, without keeping the tree. */
export function rootFrom(leafHashes: Uint8Array | readonly Bytes32[]): Bytes32 {
  let level = flat(leafHashes)
  if (level.length === 0) return EMPTY_ROOT
  while (level.length > HASH) level = levelAbove(level)
  return level.slice()
}

/** The root of a tree. */
export function rootOf(tree: Tree): Bytes32 {
  return tree.size === 0 ? EMPTY_ROOT : tree.levels[tree.levels.length - 1].slice()
}

function flat(hashes: Uint8Array | readonly Bytes32[]): Uint8Array {
  if (hashes instanceof Uint8Array) {
    demand(hashes.length % HASH === 0, 'merkle/bad-node', () => 'leaf hashes are not 32 bytes each', {
      found: hashes.length,
    })
    return hashes
  }
  const out = new Uint8Array(HASH * hashes.length)
  hashes.forEach((hash, i) => out.set(checked(hash), HASH * i))
  return out
}

function checked(hash: Bytes32): Bytes32 {
  demand(hash.length === HASH, 'merkle/bad-node', () => 'a hash is not 32 bytes', { found: hash.length })
  return hash
}

/** The level above: pairs are hashed, a last one without a partner moves up as it is, which gives the RFC's split at every size. */
function levelAbove(level: Uint8Array): Uint8Array {
  const paired = level.length - (level.length % (2 * HASH))
  const nodes = hashEach(level.subarray(0, paired), { prefix: NODE, length: 2 * HASH })
  return paired === level.length ? nodes : concat(nodes, level.subarray(paired))
}

/** The node at a position. */
export function nodeAt(tree: Tree, level: number, index: number): Bytes32 {
  return tree.levels[level].slice(HASH * index, HASH * (index + 1))
}

/**
 * The inclusion proof of a leaf, checked before it is returned.
 * @throws Fault `merkle/index-out-of-range`.
 * @see RFC 9162 section 2.1.3.1
 */
export function proveInclusion(tree: Tree, index: number): Path {
  const place = { index, size: tree.size }
  const path = siblingsOf(place).map(({ level, index }) => nodeAt(tree, level, index))
  verifyInclusion(rootOf(tree), { ...place, leaf: nodeAt(tree, 0, index) }, path)
  return path
}

/** A node by its level, 0 that of the leaf hashes, and its index there. */
export interface Position {
  readonly level: number
  readonly index: number
}

/** Where the sibling of the way from a leaf stands, on every level that has one. @throws Fault `merkle/index-out-of-range`. */
export function siblingsOf({ index, size }: Place): readonly Position[] {
  demand(isIndex(index, size), 'merkle/index-out-of-range', () => 'no such leaf', {
    expected: `below ${size}`,
    found: index,
  })
  const siblings: Position[] = []
  for (let i = index, count = size, level = 0; count > 1; i = half(i), count = Math.ceil(count / 2), level++) {
    const sibling = i % 2 === 0 ? i + 1 : i - 1
    if (sibling < count) siblings.push({ level, index: sibling })
  }
  return siblings
}

/** How many nodes the inclusion proof of a leaf has: at most one for each level. @throws Fault `merkle/index-out-of-range`. */
export function pathLength(place: Place): number {
  return siblingsOf(place).length
}

const half = (value: number): number => Math.floor(value / 2)
const isIndex = (index: number, size: number): boolean =>
  Number.isSafeInteger(size) && Number.isSafeInteger(index) && index >= 0 && index < size

/**
 * The root to which an inclusion proof leads from a leaf hash.
 * @throws Fault `merkle/index-out-of-range`, `merkle/bad-proof-length`, `merkle/bad-node`.
 * @see RFC 9162 section 2.1.3.2
 */
export function rootFromInclusion(leaf: Bytes32, place: Place, path: Path): Bytes32 {
  const siblings = siblingsOf(place)
  demand(path.length === siblings.length, 'merkle/bad-proof-length', () => 'inclusion proof', {
    expected: siblings.length,
    found: path.length,
  })
  return siblings.reduce((node, sibling, i) => {
    return sibling.index % 2 === 0 ? hashNode(checked(path[i]), node) : hashNode(node, checked(path[i]))
  }, checked(leaf))
}

/**
 * The leaf hash, after the proof has shown that it stands at this index of the tree of this size with this root.
 * @throws Fault `merkle/index-out-of-range`, `merkle/bad-proof-length`, `merkle/bad-node`, `merkle/root-mismatch`.
 * @remarks Trust: root **and size** must come from a place that the prover does not control.
 */
export function verifyInclusion(root: Bytes32, leaf: Place & { readonly leaf: Bytes32 }, path: Path): Bytes32 {
  demandRoot(rootFromInclusion(leaf.leaf, leaf, path), root, `leaf ${leaf.index}`)
  return leaf.leaf
}

function demandRoot(found: Bytes32, expected: Bytes32, where: string): void {
  demand(equal(found, expected), 'merkle/root-mismatch', () => 'the proof leads to another root', {
    where,
    expected: toHex(expected),
    found: toHex(found),
  })
}

/**
 * The proof that the tree over the first `size` leaves is a prefix of this one, checked before it is returned.
 * @throws Fault `merkle/index-out-of-range` where the tree has fewer leaves.
 * @see RFC 9162 section 2.1.4.1
 */
export function proveConsistency(tree: Tree, size: number): Path {
  demand(isIndex(size, tree.size + 1), 'merkle/index-out-of-range', () => 'no such prefix', {
    expected: `at most ${tree.size}`,
    found: size,
  })
  const path = consistencyRanges(size, tree.size).map((range) => rangeRoot(tree, range))
  verifyConsistency({ size, root: rootOfPrefix(tree, size) }, { size: tree.size, root: rootOf(tree) }, path)
  return path
}

/**
 * The nodes of a consistency proof: RFC 9162's SUBPROOF without its recursion. `known` tells that the range is one that
 * the verifier of the earlier root holds already.
 */
function consistencyRanges(prefix: number, total: number): readonly Range[] {
  if (prefix === 0 || prefix === total) return []
  const ranges: Range[] = []
  let [start, size, known] = [0, total, true]
  while (start + size > prefix) {
    const split = splitOf(size)
    const goLeft = prefix <= start + split
    ranges.unshift(goLeft ? { start: start + split, size: size - split } : { start, size: split })
    known &&= goLeft
    start += goLeft ? 0 : split
    size = goLeft ? split : size - split
  }
  return known ? ranges : [{ start, size }, ...ranges]
}

/** A run of leaves that is a node of the tree. */
export interface Range {
  readonly start: number
  readonly size: number
}

/** The largest power of two below a size of 2 or more. */
function splitOf(size: number): number {
  return powerBelow(size, 2)
}

function powerBelow(size: number, base: number): number {
  let power = 1
  while (power * base < size) power *= base
  return power
}

function levelOf(size: number): number {
  let level = 0
  for (let run = 1; run < size; run *= 2) level++
  return level
}

function rangeRoot(tree: Tree, { start, size }: Range): Bytes32 {
  const level = levelOf(size)
  return nodeAt(tree, level, start / 2 ** level)
}

function rootOfPrefix(tree: Tree, size: number): Bytes32 {
  return size === 0 ? EMPTY_ROOT : foldRight(completeRuns(size).map((range) => rangeRoot(tree, range)))
}

/** The complete runs that make up the first `size` leaves, largest first: the binary digits of the size. */
function completeRuns(size: number): Range[] {
  const runs: Range[] = []
  for (let start = 0; start < size;) {
    const rest = size - start
    const run = rest === 1 ? 1 : powerBelow(rest + 1, 2)
    runs.push({ start, size: run })
    start += run
  }
  return runs
}

function foldRight(nodes: readonly Bytes32[]): Bytes32 {
  return nodes.reduceRight((right, left) => hashNode(left, right))
}

/**
 * The later root, after the proof has shown that the earlier tree is a prefix of it.
 * @throws Fault `merkle/bad-proof-length`, `merkle/bad-node`, `merkle/inconsistent`.
 * @see RFC 9162 section 2.1.4.2
 */
export function verifyConsistency(earlier: RootOfSize, later: RootOfSize, path: Path): RootOfSize {
  demand(isIndex(earlier.size, later.size + 1), 'merkle/inconsistent', () => 'the earlier tree is larger', {
    expected: `at most ${later.size}`,
    found: earlier.size,
  })
  const [first, second] = rootsFromConsistency(earlier, later, path)
  demand(equal(first, earlier.root), 'merkle/inconsistent', () => 'the proof does not lead to the earlier root', {
    expected: toHex(earlier.root),
    found: toHex(first),
  })
  demand(equal(second, later.root), 'merkle/inconsistent', () => 'the proof does not lead to the later root', {
    expected: toHex(later.root),
    found: toHex(second),
  })
  return later
}

function rootsFromConsistency(earlier: RootOfSize, later: RootOfSize, path: Path): readonly [Bytes32, Bytes32] {
  const { length } = consistencyRanges(earlier.size, later.size)
  demand(path.length === length, 'merkle/bad-proof-length', () => 'consistency proof', {
    expected: length,
    found: path.length,
  })
  if (earlier.size === 0) return [EMPTY_ROOT, later.size === 0 ? EMPTY_ROOT : later.root]
  if (earlier.size === later.size) return [later.root, later.root]
  const nodes = isPower(earlier.size) ? [earlier.root, ...path] : path
  return climb(nodes.map(checked), trimmed(earlier.size - 1, later.size - 1))
}

/** Both walks start at the last complete run of the earlier tree: its right-hand ones are skipped. */
function trimmed(first: number, second: number): readonly [number, number] {
  return first % 2 === 1 ? trimmed(half(first), half(second)) : [first, second]
}

function climb(
  [start, ...rest]: readonly Bytes32[],
  [first, second]: readonly [number, number],
): readonly [Bytes32, Bytes32] {
  let roots: readonly [Bytes32, Bytes32] = [start, start]
  for (const node of rest) {
    const shared = first % 2 === 1 || first === second
    roots = shared ? [hashNode(node, roots[0]), hashNode(node, roots[1])] : [roots[0], hashNode(roots[1], node)]
    if (shared) while (first % 2 === 0 && first !== 0) [first, second] = [half(first), half(second)]
    ;[first, second] = [half(first), half(second)]
  }
  return roots
}

const isPower = (size: number): boolean => size > 0 && completeRuns(size).length === 1

/** A tree that is being appended to: only the roots of its complete runs, so at most one hash for each binary digit of its size. */
export interface Frontier {
  size: number
  /** The roots of the complete runs, largest first. */
  readonly runs: Bytes32[]
}

/** An empty tree to append to. */
export function newFrontier(): Frontier {
  return { size: 0, runs: [] }
}

/** Adds a leaf hash. Cost: two hashes in the mean, memory O(log n). @throws Fault `merkle/bad-node`. */
export function append(frontier: Frontier, leafHash: Bytes32): void {
  let node: Bytes32 = checked(leafHash).slice()
  for (let rest = frontier.size; rest % 2 === 1; rest = half(rest)) node = hashNode(frontier.runs.pop()!, node)
  frontier.runs.push(node)
  frontier.size++
}

/** The root over everything that was appended so far. */
export function frontierRoot(frontier: Frontier): Bytes32 {
  return frontier.size === 0 ? EMPTY_ROOT : foldRight(frontier.runs).slice()
}

/** What a sized root commits to: one byte each, so that no root of one kind is taken for one of another. */
export const KINDS = {
  state: 0x01,
  inputs: 0x02,
  outputs: 0x03,
  values: 0x04,
  run: 0x05,
  program: 0x06,
  dataset: 0x07,
  schedule: 0x08,
  seals: 0x09,
  /** The steps of one leaf of a run with their values, where a challenge demands them. */
  segment: 0x0a,
  /** The inputs, outputs and values roots of the steps of one leaf (commitEvery > 1). */
  segmentInputs: 0x0b,
  segmentOutputs: 0x0c,
  segmentValues: 0x0d,
  /** The inputs of every step of a run that has several. */
  runInputs: 0x0e,
  /** The rules by which parameters start, one a parameter. */
  initial: 0x0f,
  /** The leaves of one expanded element: see dispute/expansion. */
  expansion: 0x10,
} as const

/** A name in the table of kinds. */
export type Kind = keyof typeof KINDS

/** SHA-256(0x03 || kind (1 byte) || size (8 bytes) || root): a root that binds its size and its kind. */
export function sizedRoot(kind: Kind, { size, root }: RootOfSize): Bytes32 {
  return sha256Of(Uint8Array.of(SIZED, KINDS[kind]), uint64(size), checked(root))
}

/** A node of a tree: its run of leaves and its hash. */
export interface Node extends Range {
  readonly hash: Bytes32
}

/** The most children that one move of a dispute reveals. */
export const ARITY = 64

/** The aligned runs into which a node splits: each of the largest power of 64 below its size, the last one maybe shorter. */
export function childRanges({ start, size }: Range): readonly Range[] {
  if (size < 2) return []
  const run = powerBelow(size, ARITY)
  return Array.from({ length: Math.ceil(size / run) }, (_, i) => ({
    start: start + i * run,
    size: Math.min(run, size - i * run),
  }))
}

/**
 * The children of a node of this tree, checked to fold to it.
 * @throws Fault `merkle/index-out-of-range` where the range is not a node that such a descent reaches.
 */
export function proveChildren(tree: Tree, range: Range): readonly Node[] {
  const { start, size } = range
  const reaches = Number.isSafeInteger(start) && start >= 0 && isIndex(size - 1, tree.size) && start + size <= tree.size
  const whole = isPower(size) || start + size === tree.size
  demand(
    reaches && start % 2 ** levelOf(size) === 0 && whole,
    'merkle/index-out-of-range',
    () => 'not a node of this tree',
    { found: `${start}+${size}` },
  )
  const hashes = childRanges(range).map((child) => rangeRoot(tree, child))
  return verifyChildren({ ...range, hash: rangeRoot(tree, range) }, hashes)
}

/**
 * The children with their ranges, after their hashes have been folded to the node.
 * @throws Fault `merkle/bad-proof-length`, `merkle/bad-node`, `merkle/root-mismatch`.
 */
export function verifyChildren(node: Node, hashes: readonly Bytes32[]): readonly Node[] {
  const ranges = childRanges(node)
  demand(hashes.length === ranges.length, 'merkle/bad-proof-length', () => 'children', {
    expected: ranges.length,
    found: hashes.length,
  })
  if (ranges.length > 0) demandRoot(rootFrom(hashes), node.hash, `node ${node.start}+${node.size}`)
  return ranges.map((range, i) => Object.freeze({ ...range, hash: hashes[i].slice() }))
}

/** The first index at which two lists of hashes part, or undefined where they agree. */
export function firstDifference(a: readonly Bytes32[], b: readonly Bytes32[]): number | undefined {
  const length = Math.max(a.length, b.length)
  for (let i = 0; i < length; i++) if (i >= a.length || i >= b.length || compare(a[i], b[i]) !== 0) return i
  return undefined
}
