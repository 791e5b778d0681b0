/**
 * Data sets that circuits draw from: a Poseidon tree over samples, a sample being one row of each input of a program.
 *
 * Sample i has the leaf: list root of the roots of its rows. Above the leaves stands a tree of a fixed depth, Poseidon(left, right); places
 * without a sample are 0. A circuit with `members` has rootIn = Poseidon(root of the data set, root of the positions), the positions being a
 * bool tensor [samples, depth] of their bits, the lowest first, hashed as a chain.
 * @module
 */
import { demand } from '../core/faults.js'
import { sizeOf, type Tensor } from '../core/tensor.js'
import { chain, commit, commitList, compactLayout, layoutOf, pack, tagOf, type Layout } from './commit.js'
import { poseidon } from './poseidon.js'

/** How a circuit draws samples from a data set. */
export interface Members {
  /** Levels of the tree above its leaves: it holds up to 2^depth samples. */
  readonly depth: number
  /** Samples of one step: the first dimension of every input. */
  readonly count: number
  /** The layout of a row of each input. */
  readonly rows: readonly Layout[]
}

/** A committed data set. */
export interface Dataset {
  readonly root: bigint
  readonly depth: number
  readonly size: number
  /** Nodes that have a sample below them, leaves first. */
  readonly levels: readonly (readonly bigint[])[]
}

/** Samples of a data set, and the ways from them to its root. */
export interface Samples {
  /** Root of the data set. */
  readonly root: bigint
  readonly positions: readonly number[]
  /** Of each sample, the nodes beside its way, from the leaf up. */
  readonly siblings: readonly (readonly bigint[])[]
}

/** Deepest tree: 2^32 samples. */
const DEEPEST = 32

/** The layouts of samples whose batches have these layouts. @throws Fault `zk/unsupported` where inputs have no common first dimension. */
export function membersOf(inputs: readonly Layout[], { depth }: { depth: number }): Members {
  demand(Number.isInteger(depth) && depth >= 1 && depth <= DEEPEST, 'zk/unsupported', () => `a tree of ${depth} levels`)
  const count = inputs[0]?.dims[0] ?? 0
  const alike = count > 0 && inputs.every(({ dims }) => dims[0] === count)
  demand(alike, 'zk/unsupported', () => 'samples of inputs that have no common first dimension')
  return { depth, count, rows: inputs.map(rowOf) }
}

function rowOf(layout: Layout): Layout {
  return compactLayout(layoutOf({ dtype: layout.dtype, dims: layout.dims.slice(1) }, { ...layout, shape: 'leaves' }))
}

/** Row i of a tensor. */
function rowAt({ dtype, dims, data }: Tensor, at: number): Tensor {
  const [shape, size] = [dims.slice(1), sizeOf(dims.slice(1))]
  return { dtype, dims: shape, data: data.slice(at * size, (at + 1) * size) }
}

/** The leaf of sample i. */
const leafOf = (tensors: readonly Tensor[], { rows }: Members, { at, salt }: { at: number; salt?: bigint }): bigint =>
  commitList(tensors.map((value, i) => commit(rowAt(value, at), { ...rows[i], salt })))

/** The hash of a subtree without samples, for each level. */
function emptyNodes(depth: number): bigint[] {
  const nodes = [0n]
  for (let level = 0; level < depth; level++) nodes.push(poseidon([nodes[level], nodes[level]]))
  return nodes
}

/** Refuses what are not rows of these types. */
function demandRows(tensors: readonly Tensor[], { rows }: Members): number {
  const named = (dtype: string, dims: readonly number[]) => `${dtype}[*,${dims}]`
  const [expected, found] = [
    rows.map(({ dtype, dims }) => named(dtype, dims)).join(' '),
    tensors.map(({ dtype, dims }) => named(dtype, dims.slice(1))).join(' '),
  ]
  demand(expected === found, 'zk/bad-length', () => 'inputs of samples', { expected, found })
  const size = tensors[0].dims[0]
  demand(
    tensors.every(({ dims }) => dims[0] === size),
    'zk/bad-length',
    () => 'inputs of unequal numbers of samples',
  )
  return size
}

/**
 * Commits to a data set: `tensors` has one tensor for each input of the program, row i of each being sample i.
 * Cost: about 1 ms a sample of up to 15 packed elements. @throws Fault `zk/too-large` (more samples than the tree holds), `zk/bad-length`, `zk/out-of-range`.
 */
export function commitDataset(tensors: readonly Tensor[], members: Members, { salt }: { salt?: bigint } = {}): Dataset {
  const size = demandRows(tensors, members)
  const { depth } = members
  demand(size >= 1 && size <= 2 ** depth, 'zk/too-large', () => `${size} samples in a tree of ${depth} levels`)
  const empty = emptyNodes(depth)
  const levels = [Array.from({ length: size }, (_, at) => leafOf(tensors, members, { at, salt }))]
  for (let level = 0; level < depth; level++) {
    const below = levels[level]
    const node = (i: number) => poseidon([below[2 * i], below[2 * i + 1] ?? empty[level]])
    levels.push(Array.from({ length: Math.ceil(below.length / 2) }, (_, i) => node(i)))
  }
  return { root: levels[depth][0], depth, size, levels }
}

/** Opens a data set at some positions. @throws Fault `zk/out-of-range` for a position without a sample. */
export function openSamples({ root, depth, size, levels }: Dataset, positions: readonly number[]): Samples {
  const empty = emptyNodes(depth)
  const beside = (position: number, level: number): bigint => {
    const at = Math.floor(position / 2 ** level)
    return levels[level][at % 2 === 0 ? at + 1 : at - 1] ?? empty[level]
  }
  const siblings = positions.map((position) => {
    const inside = Number.isInteger(position) && position >= 0 && position < size
    demand(inside, 'zk/out-of-range', () => `sample ${position} of ${size}`)
    return Array.from({ length: depth }, (_, level) => beside(position, level))
  })
  return { root, positions: [...positions], siblings }
}

/** Bits of positions, the lowest first. */
export const positionBits = ({ depth }: Members, { positions }: Samples): bigint[] =>
  positions.flatMap((position) => Array.from({ length: depth }, (_, i) => BigInt(Math.floor(position / 2 ** i) % 2)))

/** How the positions are hashed. */
export const positionsLayout = ({ count, depth }: Members): Layout =>
  layoutOf({ dtype: 'bool', dims: [count, depth] }, { shape: 'chain' })

/** `rootIn` of samples at these positions of a data set with this root. */
export function rootOfSamples(members: Members, samples: Pick<Samples, 'root' | 'positions'>): bigint {
  const layout = positionsLayout(members)
  const bits = positionBits(members, { ...samples, siblings: [] })
  return poseidon([samples.root, chain(tagOf(layout), pack(layout, bits))])
}

/**
 * Checks that the rows of a step's inputs are the samples at their positions, and returns `rootIn`.
 * @throws Fault `zk/not-a-member` where one is not, `zk/bad-length`.
 */
export function verifySamples(
  inputs: readonly Tensor[],
  members: Members,
  { samples, salt }: { samples: Samples; salt?: bigint },
): bigint {
  const { count, depth } = members
  const { positions, siblings, root } = samples
  const size = demandRows(inputs, members)
  const full = size === count && positions.length === count && siblings.length === count
  demand(full, 'zk/bad-length', () => 'samples', { expected: count, found: positions.length })
  positions.forEach((position, at) => {
    const way = siblings[at]
    demand(way.length === depth, 'zk/bad-length', () => 'nodes beside a way', { expected: depth, found: way.length })
    demand(Number.isInteger(position) && position >= 0 && position < 2 ** depth, 'zk/out-of-range', () => 'a position')
    const reached = climb(leafOf(inputs, members, { at, salt }), { position, way })
    demand(reached === root, 'zk/not-a-member', () => `row ${at} is not sample ${position} of this data set`)
  })
  return rootOfSamples(members, samples)
}

/** The root that a leaf reaches. */
function climb(leaf: bigint, { position, way }: { position: number; way: readonly bigint[] }): bigint {
  return way.reduce((node, beside, level) => {
    const right = Math.floor(position / 2 ** level) % 2 === 1
    return poseidon(right ? [beside, node] : [node, beside])
  }, leaf)
}
