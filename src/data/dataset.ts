/**
 * Data sets, committed sample by sample: one sample is opened and checked without the others, and a data set that has grown proves that
 * the earlier one is its beginning.
 *
 * Sample leaf = abi.encode(digest of each column's sample); root = sized root `dataset` over the leaves.
 * @see docs/formats.md, seeds; RFC 9162 section 2.1
 * @module
 */
import { concat, equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { bytesOf, fromBytes, tensor, type Tensor, type TensorType } from '../core/tensor.js'
import { digest } from '../merkle/tiles.js'
import {
  hashLeaf,
  hashLeaves,
  proveConsistency,
  proveInclusion,
  rootFrom,
  rootFromInclusion,
  rootOf,
  sizedRoot,
  treeFrom,
  verifyConsistency,
  type Path,
  type RootOfSize,
  type Tree,
} from '../merkle/tree.js'

/** Columns with one sample each at every index of their first axis, and the tree over the samples. */
export interface Dataset {
  readonly names: readonly string[]
  readonly columns: readonly Tensor[]
  /** One leaf a sample. */
  readonly tree: Tree
}

/** What a verifier knows of a data set: how many samples (from the schedule) and what each column's sample is (from the program). */
export interface DatasetShape {
  readonly samples: number
  readonly types: readonly TensorType[]
}

/** One sample, a tensor a column, and its way to the root. */
export interface SampleOpening {
  readonly index: number
  readonly tensors: readonly Tensor[]
  readonly path: Path
}

const MOST_COLUMNS = 64

/**
 * A data set of named columns, in the order in which they are written. Names stand for the reader and are not committed.
 * @param columns Tensors whose first axis counts the samples. Their data is kept, not copied, and must not change.
 * @throws Fault `data/bad-dataset` for no columns or no samples, columns of different length or without a first axis, and names
 * that are integers (JavaScript would reorder them).
 * @example Dataset.from({ pixels: tensor('uint8', [2, 28, 28], pixels), label: tensor('int64', [2], labels) })
 */
export function from(columns: Readonly<Record<string, Tensor>>): Dataset {
  const names = Object.keys(columns)
  const tensors = Object.values(columns).map(({ dtype, dims, data }) => tensor(dtype, dims, data))
  demandColumns(names, tensors)
  return make(names, tensors, treeFrom(leavesFrom(tensors, 0)))
}

function make(names: readonly string[], columns: readonly Tensor[], tree: Tree): Dataset {
  return Object.freeze({ names: Object.freeze([...names]), columns: Object.freeze([...columns]), tree })
}

function demandColumns(names: readonly string[], columns: readonly Tensor[]): void {
  demand(columns.length > 0 && columns.length <= MOST_COLUMNS, 'data/bad-dataset', () => 'columns', {
    expected: `1 to ${MOST_COLUMNS}`,
    found: columns.length,
  })
  const samples = columns[0].dims[0]
  columns.forEach(({ dims }, i) => {
    demand(dims.length > 0 && dims[0] > 0, 'data/bad-dataset', () => 'no samples', { where: names[i] })
    demand(dims[0] === samples, 'data/bad-dataset', () => 'columns of different length', {
      where: names[i],
      expected: samples,
      found: dims[0],
    })
    demand(!/^(0|[1-9][0-9]*)$/.test(names[i]), 'data/bad-dataset', () => 'a name that is an integer', {
      where: names[i],
    })
  })
}

/** The leaf hashes of the samples from `first` on. Static words only, so abi.encode is the digests one behind the other. */
function leavesFrom(columns: readonly Tensor[], first: number): Uint8Array {
  const samples = columns[0].dims[0] - first
  const width = 32 * columns.length
  const leaves = new Uint8Array(samples * width)
  columns.forEach((column, c) => {
    for (let i = 0; i < samples; i++) leaves.set(digest(row(column, first + i)), i * width + 32 * c)
  })
  return hashLeaves(leaves, width)
}

/** A sample of one column: a view, not a copy. */
function row({ dtype, dims, data }: Tensor, index: number): Tensor {
  const size = data.length / dims[0]
  return { dtype, dims: dims.slice(1), data: data.subarray(size * index, size * (index + 1)) }
}

/** The shape of a data set, as its verifiers know it. */
export function shapeOf({ columns, tree }: Dataset): DatasetShape {
  return { samples: tree.size, types: columns.map(({ dtype, dims }) => ({ dtype, dims: dims.slice(1) })) }
}

/** One sample: a tensor a column, without the first axis. Views, not copies. @throws Fault `merkle/index-out-of-range`. */
export function sample({ columns, tree }: Dataset, index: number): readonly Tensor[] {
  demand(
    Number.isSafeInteger(index) && index >= 0 && index < tree.size,
    'merkle/index-out-of-range',
    () => 'no such sample',
    { expected: `below ${tree.size}`, found: index },
  )
  return columns.map((column) => row(column, index))
}

/** The root of a data set: sized, so that it binds the number of samples. */
export function hash({ tree }: Dataset): Bytes32 {
  return sizedRoot('dataset', { size: tree.size, root: rootOf(tree) })
}

/** One sample with its proof, checked before it is returned. @throws Fault `merkle/index-out-of-range`. */
export function open(dataset: Dataset, index: number): SampleOpening {
  const tensors = sample(dataset, index)
  return Object.freeze({ index, tensors, path: proveInclusion(dataset.tree, index) })
}

/**
 * The sample's tensors, after the opening was found to lead to the data set's root.
 * @throws Fault `data/wrong-sample` where a column has another type, `merkle/index-out-of-range`, `merkle/bad-proof-length`,
 * `merkle/bad-node`, `merkle/root-mismatch`.
 * @remarks Trust: the shape comes from what both parties agreed on, never from the prover.
 */
export function verify(root: Bytes32, shape: DatasetShape, { index, tensors, path }: SampleOpening): readonly Tensor[] {
  const checked = demandTypes(shape, tensors)
  const size = shape.samples
  const found = sizedRoot('dataset', { size, root: rootFromInclusion(leafOf(checked), { index, size }, path) })
  demand(equal(found, root), 'merkle/root-mismatch', () => 'the sample belongs to another data set', {
    where: `sample ${index}`,
    expected: toHex(root),
    found: toHex(found),
  })
  return checked
}

const leafOf = (tensors: readonly Tensor[]): Bytes32 => hashLeaf(concat(...tensors.map((value) => digest(value))))

function demandTypes({ types }: DatasetShape, tensors: readonly Tensor[]): readonly Tensor[] {
  demand(tensors.length === types.length, 'data/wrong-sample', () => 'as many tensors as columns', {
    expected: types.length,
    found: tensors.length,
  })
  return types.map((type, i) => {
    demand(sameType(type, tensors[i]), 'data/wrong-sample', () => `column ${i} has another type`, {
      expected: named(type),
      found: named(tensors[i]),
    })
    return tensor(type.dtype, type.dims, tensors[i].data)
  })
}

const sameType = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype && a.dims.length === b.dims.length && a.dims.every((dim, i) => dim === b.dims[i])
const named = ({ dtype, dims }: TensorType): string => `${dtype}[${dims.join(',')}]`

/**
 * The data set with more samples behind its own.
 * @param more The same columns, in any order. Cost: only the new samples are hashed, everything is copied.
 * @throws Fault `data/bad-dataset` where columns or types differ.
 */
export function append(dataset: Dataset, more: Readonly<Record<string, Tensor>>): Dataset {
  const { names, tree } = dataset
  demand(Object.keys(more).length === names.length, 'data/bad-dataset', () => 'as many columns as before', {
    expected: names.length,
    found: Object.keys(more).length,
  })
  const columns = dataset.columns.map((column, i) => joined(column, { name: names[i], more: more[names[i]] }))
  demandColumns(names, columns)
  return make(names, columns, treeFrom(concat(tree.levels[0], leavesFrom(columns, tree.size))))
}

function joined(column: Tensor, { name, more }: { name: string; more: Tensor | undefined }): Tensor {
  demand(more !== undefined, 'data/bad-dataset', () => 'a column is missing', { where: name })
  const { dtype, dims, data } = tensor(more.dtype, more.dims, more.data)
  const [own, other] = [column, { dtype, dims }].map((type) => ({ dtype: type.dtype, dims: type.dims.slice(1) }))
  demand(dims.length > 0 && sameType(own, other), 'data/bad-dataset', () => 'samples of another type', {
    where: name,
    expected: named(own),
    found: named(other),
  })
  return fromBytes(
    { dtype, dims: [column.dims[0] + dims[0], ...dims.slice(1)] },
    concat(bytesOf(column), bytesOf({ dtype, dims, data })),
  )
}

/** That one data set is the beginning of another. */
export interface Growth {
  readonly earlier: RootOfSize
  readonly later: RootOfSize
  readonly path: Path
}

/** The proof that the data set of the first `size` samples is the beginning of this one. @throws Fault `merkle/index-out-of-range`. */
export function proveGrowth({ tree }: Dataset, size: number): Growth {
  const path = proveConsistency(tree, size)
  const earlier = { size, root: rootFrom(tree.levels[0].subarray(0, 32 * size)) }
  return Object.freeze({ earlier, later: { size: tree.size, root: rootOf(tree) }, path })
}

/**
 * The growth, after it was found to be that of these two data sets.
 * @param roots Their sized roots, from where the prover does not control them. Sizes are the prover's: the sized roots bind them.
 * @throws Fault `merkle/root-mismatch`, `merkle/inconsistent`, `merkle/bad-proof-length`, `merkle/bad-node`.
 */
export function verifyGrowth(growth: Growth, roots: { readonly earlier: Bytes32; readonly later: Bytes32 }): Growth {
  for (const side of ['earlier', 'later'] as const) {
    const { size } = growth[side]
    demand(Number.isSafeInteger(size) && size >= 0, 'merkle/inconsistent', () => 'not a size', { found: size })
    const found = sizedRoot('dataset', growth[side])
    demand(equal(found, roots[side]), 'merkle/root-mismatch', () => `the ${side} data set is another one`, {
      expected: toHex(roots[side]),
      found: toHex(found),
    })
  }
  verifyConsistency(growth.earlier, growth.later, growth.path)
  return growth
}
