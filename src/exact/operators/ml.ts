/**
 * Operators of ai.onnx.ml over numbers: label encoding, thresholds, linear models, ensembles of trees.
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat, tensor, type DType, type Tensor } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import type { NodeView, OperatorRow } from '../operator.js'

const row = (op: string, since: number, decompose: OperatorRow['decompose']): OperatorRow => ({
  op,
  domain: 'ai.onnx.ml',
  since,
  decompose,
})

/** Numbers of any attribute kind. */
type Numbers = readonly (number | bigint)[]

const numbersOf = (t: Tensor): Numbers => Array.from(t.data as Iterable<number | bigint>)

/** A constant of one row. */
function table(b: Builder, dtype: DType, { dims, values }: { dims: readonly number[]; values: Numbers }): Ref {
  const big = dtype === 'int64' || dtype === 'uint64'
  return b.constant(tensor(dtype, dims, values.map((v) => (big ? BigInt(v) : Number(v))) as number[]))
}

// ---------------------------------------------------------------- LabelEncoder

interface Labels {
  readonly dtype: DType
  readonly values: Numbers
}

/** Keys or values of a LabelEncoder: a tensor, integers or floats. */
function labelsOf(node: NodeView, kind: 'keys' | 'values'): Labels {
  if (node.has(`${kind}_tensor`)) {
    const t = node.tensor(`${kind}_tensor`)
    return { dtype: t.dtype, values: numbersOf(t) }
  }
  if (node.has(`${kind}_int64s`)) return { dtype: 'int64', values: node.ints(`${kind}_int64s`) }
  if (node.has(`${kind}_floats`)) return { dtype: 'float32', values: node.floats(`${kind}_floats`) }
  return refuse('LabelEncoder of strings')
}

/** What a key that is not in the table becomes. */
function defaultLabel(node: NodeView, dtype: DType): number | bigint {
  if (node.has('default_tensor')) return numbersOf(node.tensor('default_tensor'))[0]
  return dtype === 'int64' ? node.int('default_int64', -1) : node.float('default_float', -0)
}

/** The position of each element of x [..., 1] among the keys [K], and whether it is there. */
function lookUp(b: Builder, x: Ref, keys: Ref): { at: Ref; found: Ref } {
  const hits = b.cast(b.equal(b.reshape(x, [...x.dims, 1]), keys), 'int32')
  const axis = x.dims.length
  const at = b.reshape(b.op('ArgMax', [hits], { axis }), x.dims)
  const any = b.reshape(b.reduce('ReduceMax', hits, [axis]), x.dims)
  return { at, found: b.equal(any, b.scalar('int32', 1)) }
}

function labelEncoder(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const [keys, values] = [labelsOf(node, 'keys'), labelsOf(node, 'values')]
  demand(keys.values.length === values.values.length, 'onnx/bad-node', () => 'keys and values of different number')
  demand(x.dtype === keys.dtype, 'exact/unsupported-type', () => `LabelEncoder of ${x.dtype} by ${keys.dtype} keys`)
  if (keys.values.some((key) => key !== key)) refuse('LabelEncoder with a NaN key')
  const label = defaultLabel(node, values.dtype)
  const map = new Map(keys.values.map((key, i) => [key, values.values[i]]))
  const fallback = table(b, values.dtype, { dims: [], values: [label] })
  if (map.size === 0) return [b.expand(fallback, x.dims)]
  const { at, found } = lookUp(b, x, table(b, keys.dtype, { dims: [map.size], values: [...map.keys()] }))
  const labels = table(b, values.dtype, { dims: [map.size], values: [...map.values()] })
  return [b.where(found, b.gather(labels, at, 0), fallback)]
}

// ---------------------------------------------------------------- rows of features

function binarizer(b: Builder, node: NodeView): Ref[] {
  const x = node.input(0)
  const number = (value: number) => b.scalar(x.dtype, value)
  return [b.where(b.less(number(node.float('threshold', 0)), x), number(1), number(0))]
}

function extractFeatures(b: Builder, node: NodeView): Ref[] {
  const [x, places] = [node.input(0), node.input(1)]
  const count = places.dims.reduce((a, c) => a * c, 1)
  const rows = x.dims.length === 1 ? b.reshape(x, [1, x.dims[0]]) : x
  return [b.gather(rows, b.reshape(places, [count]), rows.dims.length - 1)]
}

const inFloat = (b: Builder, x: Ref) => (isFloat(x.dtype) ? x : b.cast(x, 'float32'))

function scaler(b: Builder, node: NodeView): Ref[] {
  const x = inFloat(b, node.input(0))
  const list = (name: string, neutral: number) => {
    const values = node.floats(name, [neutral])
    return table(b, x.dtype, { dims: [values.length], values })
  }
  return [b.cast(b.mul(b.sub(x, list('offset', 0)), list('scale', 1)), 'float32')]
}

function linearRegressor(b: Builder, node: NodeView): Ref[] {
  const x = inFloat(b, node.input(0))
  if (node.string('post_transform', 'NONE') !== 'NONE') refuse('LinearRegressor with a transform')
  const targets = node.int('targets', 1)
  const coefficients = node.floats('coefficients')
  const width = coefficients.length / targets
  demand(
    x.dims.length === 2 && x.dims[1] === width,
    'exact/shape-mismatch',
    () => `LinearRegressor of [${x.dims}] with ${coefficients.length} coefficients`,
  )
  const weights = b.transpose(table(b, x.dtype, { dims: [targets, width], values: coefficients }), [1, 0])
  const scores = b.matmul(x, weights)
  const intercepts = node.floats('intercepts', [])
  if (intercepts.length === 0) return [scores]
  return [b.add(scores, table(b, x.dtype, { dims: [intercepts.length], values: intercepts }))]
}

// ---------------------------------------------------------------- trees

/** How a node compares a feature with its split. */
const MODES = ['LEQ', 'LT', 'GTE', 'GT', 'EQ', 'NEQ', 'MEMBER'] as const
type Mode = (typeof MODES)[number]

/** A node of a tree; leaves lead to themselves. */
interface TreeNode {
  readonly leaf: boolean
  readonly feature: number
  readonly mode: Mode
  readonly split: number
  readonly members: readonly number[]
  readonly missing: boolean
  /** Positions among the nodes of the ensemble. */
  readonly yes: number
  readonly no: number
}

interface Ensemble {
  readonly nodes: readonly TreeNode[]
  readonly roots: readonly number[]
  /** Weights of the leaves: position of the leaf, target, weight. */
  readonly weights: readonly (readonly [number, number, number])[]
  readonly targets: number
  readonly aggregate: 'AVERAGE' | 'SUM' | 'MIN' | 'MAX'
}

const leafAt = (at: number): TreeNode => ({
  leaf: true,
  feature: 0,
  mode: 'LEQ',
  split: 0,
  members: [],
  missing: false,
  yes: at,
  no: at,
})

/** Deepest tree, in comparisons from root to leaf. */
const DEPTH_LIMIT = 4096

/** Comparisons on the longest way from a root to a leaf, each node visited once. @throws Fault `onnx/bad-node` where nodes form a circle. */
function depthOf({ nodes, roots }: Ensemble): number {
  const [UNSEEN, OPEN] = [-2, -1]
  const depths = new Int32Array(nodes.length).fill(UNSEEN)
  const pending = [...roots]
  while (pending.length > 0) {
    const at = pending.at(-1)!
    const children = nodes[at].leaf ? [] : [nodes[at].yes, nodes[at].no]
    if (depths[at] === UNSEEN) {
      depths[at] = OPEN
      demand(!children.some((child) => depths[child] === OPEN), 'onnx/bad-node', () => 'tree nodes in a circle')
      pending.push(...children.filter((child) => depths[child] === UNSEEN))
    } else {
      if (depths[at] === OPEN) depths[at] = 1 + Math.max(-1, ...children.map((child) => depths[child]))
      pending.pop()
    }
  }
  const depth = Math.max(...roots.map((root) => depths[root]))
  if (depth > DEPTH_LIMIT) refuse(`a tree deeper than ${DEPTH_LIMIT}`)
  return depth
}

/** What every node knows, looked up by position. */
function nodeTables(b: Builder, dtype: DType, { nodes }: Ensemble) {
  const column = (kind: DType, of: (node: TreeNode) => number) =>
    table(b, kind, { dims: [nodes.length], values: nodes.map(of) })
  const width = Math.max(1, ...nodes.map(({ members }) => members.length))
  const members = nodes.flatMap(({ members: own }) =>
    Array.from({ length: width }, (_, i) => (i < own.length ? own[i] : NaN)),
  )
  return {
    feature: column('int64', ({ feature }) => feature),
    split: column(dtype, ({ split }) => split),
    missing: column('bool', ({ missing }) => (missing ? 1 : 0)),
    yes: column('int64', ({ yes }) => yes),
    no: column('int64', ({ no }) => no),
    members: table(b, dtype, { dims: [nodes.length, width], values: members }),
    hasMode: (mode: Mode) => column('bool', (node) => (node.mode === mode ? 1 : 0)),
  }
}

const COMPARE: Readonly<Record<Exclude<Mode, 'MEMBER'>, (b: Builder, x: Ref, split: Ref) => Ref>> = {
  LEQ: (b, x, split) => b.lessOrEqual(x, split),
  LT: (b, x, split) => b.less(x, split),
  GTE: (b, x, split) => b.lessOrEqual(split, x),
  GT: (b, x, split) => b.less(split, x),
  EQ: (b, x, split) => b.equal(x, split),
  NEQ: (b, x, split) => b.not(b.equal(x, split)),
}

/** The leaves that rows [N, F] reach: positions [N, trees]. All trees descend together, one comparison at a time. */
function descend(b: Builder, x: Ref, ensemble: Ensemble): Ref {
  const { nodes, roots } = ensemble
  const tables = nodeTables(b, x.dtype, ensemble)
  const look = (ref: Ref, at: Ref) => b.gather(ref, at, 0)
  const modes = MODES.filter((mode) => nodes.some((node) => node.mode === mode && !node.leaf))
  const holds = (mode: Mode, value: Ref, at: Ref): Ref => {
    if (mode !== 'MEMBER') return COMPARE[mode](b, value, look(tables.split, at))
    const hits = b.cast(b.equal(b.reshape(value, [...value.dims, 1]), look(tables.members, at)), 'int32')
    return b.equal(b.reshape(b.reduce('ReduceMax', hits, [2]), value.dims), b.scalar('int32', 1))
  }
  let at = b.expand(table(b, 'int64', { dims: [1, roots.length], values: roots }), [x.dims[0], roots.length])
  for (let depth = depthOf(ensemble); depth > 0; depth--) {
    const value = b.op('GatherElements', [x, look(tables.feature, at)], { axis: 1 })
    const tests = modes.map((mode) =>
      modes.length === 1 ? holds(mode, value, at) : b.and(look(tables.hasMode(mode), at), holds(mode, value, at)),
    )
    const test = tests.reduce((a, c) => b.or(a, c))
    const missing = nodes.some((node) => node.missing)
      ? b.or(test, b.and(b.isNaN(value), look(tables.missing, at)))
      : test
    at = b.where(missing, look(tables.yes, at), look(tables.no, at))
  }
  return at
}

/** Joins what the leaves weigh for every target. A target that no leaf speaks for is the type's limit under MIN and MAX. */
function aggregated(b: Builder, leaves: Ref, { ensemble, dtype }: { ensemble: Ensemble; dtype: DType }): Ref {
  const { nodes, targets, aggregate, weights, roots } = ensemble
  const summing = aggregate === 'SUM' || aggregate === 'AVERAGE'
  const limit = dtype === 'float64' ? Number.MAX_VALUE : 3.4028234663852886e38
  const absent = summing ? 0 : aggregate === 'MIN' ? limit : -limit
  const values = new Array<number>(nodes.length * targets).fill(absent)
  for (const [leaf, target, weight] of weights) values[leaf * targets + target] = weight
  const read = b.gather(table(b, dtype, { dims: [nodes.length, targets], values }), leaves, 0)
  const name = summing ? 'ReduceSum' : aggregate === 'MIN' ? 'ReduceMin' : 'ReduceMax'
  const joined = b.reshape(b.reduce(name, read, [1]), [leaves.dims[0], targets])
  return aggregate === 'AVERAGE' ? b.div(joined, b.scalar(dtype, roots.length)) : joined
}

function scores(b: Builder, x: Ref, ensemble: Ensemble): Ref {
  const { nodes, roots, weights, targets } = ensemble
  const within = (at: number) => Number.isInteger(at) && at >= 0 && at < nodes.length
  demand(
    x.dims.length === 2 &&
      nodes.every(({ feature, yes, no }) => within(yes) && within(no) && feature >= 0 && feature < x.dims[1]) &&
      roots.length >= 1 &&
      roots.every(within) &&
      weights.every(([leaf, target]) => within(leaf) && target >= 0 && target < targets),
    'onnx/bad-node',
    () => `a tree ensemble over [${x.dims}] whose nodes lead nowhere`,
  )
  return aggregated(b, descend(b, x, ensemble), { ensemble, dtype: x.dtype })
}

/** Members of each node of mode MEMBER, in the order of the nodes, separated by NaN. */
function memberSets(values: readonly number[]): number[][] {
  const sets: number[][] = [[]]
  for (const value of values) {
    if (value !== value) sets.push([])
    else sets.at(-1)!.push(value)
  }
  return sets
}

/** The inner nodes of a TreeEnsemble; leaves count on after them. */
function innerNodes(node: NodeView): TreeNode[] {
  const modes = numbersOf(node.tensor('nodes_modes')).map(Number)
  const splits = numbersOf(node.tensor('nodes_splits')).map(Number)
  const sets = memberSets(node.has('membership_values') ? numbersOf(node.tensor('membership_values')).map(Number) : [])
  const ints = (name: string) => {
    const values = node.ints(`nodes_${name}`, new Array<number>(modes.length).fill(0))
    demand(values.length === modes.length, 'onnx/bad-node', () => `nodes_${name} of ${values.length} nodes`)
    return values
  }
  const [yes, no, yesLeaf, noLeaf] = ['truenodeids', 'falsenodeids', 'trueleafs', 'falseleafs'].map(ints)
  const [features, missing] = [ints('featureids'), ints('missing_value_tracks_true')]
  return modes.map((code, i): TreeNode => {
    const mode = MODES[code]
    demand(mode !== undefined, 'onnx/bad-node', () => `node mode ${code}`)
    return {
      leaf: false,
      feature: features[i],
      mode,
      split: mode === 'MEMBER' ? 0 : splits[i],
      members: mode === 'MEMBER' ? (sets.shift() ?? []) : [],
      missing: missing[i] === 1,
      yes: yes[i] + (yesLeaf[i] === 1 ? modes.length : 0),
      no: no[i] + (noLeaf[i] === 1 ? modes.length : 0),
    }
  })
}

const AGGREGATES: readonly Ensemble['aggregate'][] = ['AVERAGE', 'SUM', 'MIN', 'MAX']

/** TreeEnsemble of ai.onnx.ml 5: inner nodes first, then the leaves. */
function treeEnsemble(b: Builder, node: NodeView): Ref[] {
  const inner = innerNodes(node)
  const leafWeights = numbersOf(node.tensor('leaf_weights')).map(Number)
  const targetIds = node.ints('leaf_targetids')
  const result = scores(b, node.input(0), {
    nodes: [...inner, ...leafWeights.map((_, i) => leafAt(inner.length + i))],
    roots: node.ints('tree_roots'),
    weights: leafWeights.map((weight, i) => [inner.length + i, targetIds[i], weight] as const),
    targets: node.int('n_targets', 1),
    aggregate: AGGREGATES[node.int('aggregate_function', 1)] ?? refuse('aggregate_function'),
  })
  const transform = node.int('post_transform', 0)
  if (transform !== 0 && transform !== 2) refuse(`post_transform ${transform}`)
  return [transform === 2 ? b.sigmoid(result) : result]
}

/** Floats of an attribute that may also be a tensor. */
function floatsOf(node: NodeView, name: string): readonly number[] | undefined {
  if (node.has(`${name}_as_tensor`)) return numbersOf(node.tensor(`${name}_as_tensor`)).map(Number)
  return node.has(name) ? node.floats(name) : undefined
}

/** Where the node of a number stands in a tree, -1 where there is none. */
type Place = (tree: number, id: number) => number

function placesIn(node: NodeView): Place {
  const [trees, ids] = [node.ints('nodes_treeids'), node.ints('nodes_nodeids')]
  const positions = new Map(ids.map((id, i) => [`${trees[i]}:${id}`, i]))
  return (tree, id) => positions.get(`${tree}:${id}`) ?? -1
}

/** The nodes of a TreeEnsembleRegressor, leaves among them. */
function regressorNodes(node: NodeView, place: Place): TreeNode[] {
  const trees = node.ints('nodes_treeids')
  const splits = floatsOf(node, 'nodes_values') ?? []
  const [features, yes, no] = ['featureids', 'truenodeids', 'falsenodeids'].map((name) => node.ints(`nodes_${name}`))
  const missing = node.ints('nodes_missing_value_tracks_true', [])
  return node.strings('nodes_modes').map((name, i): TreeNode => {
    if (name === 'LEAF') return leafAt(i)
    const mode = MODES.find((known) => name === `BRANCH_${known}`)
    if (mode === undefined || mode === 'MEMBER') return refuse(`node mode ${name}`)
    return {
      leaf: false,
      feature: features[i],
      mode,
      split: splits[i],
      members: [],
      missing: missing[i] === 1,
      yes: place(trees[i], yes[i]),
      no: place(trees[i], no[i]),
    }
  })
}

/** TreeEnsembleRegressor: nodes named by tree and number; a leaf may weigh for several targets. */
function treeRegressor(b: Builder, node: NodeView): Ref[] {
  const place = placesIn(node)
  const nodes = regressorNodes(node, place)
  const children = new Set(nodes.flatMap(({ leaf, yes, no }) => (leaf ? [] : [yes, no])))
  const [trees, ids, targets] = ['treeids', 'nodeids', 'ids'].map((name) => node.ints(`target_${name}`))
  const name = node.string('aggregate_function', 'SUM')
  const result = scores(b, inFloat(b, node.input(0)), {
    nodes,
    roots: nodes.map((_, i) => i).filter((i) => !children.has(i)),
    weights: (floatsOf(node, 'target_weights') ?? []).map(
      (weight, i) => [place(trees[i], ids[i]), targets[i], weight] as const,
    ),
    targets: node.int('n_targets', 1),
    aggregate: AGGREGATES.find((known) => known === name) ?? refuse(`aggregate_function ${name}`),
  })
  const base = floatsOf(node, 'base_values')
  const shifted =
    base === undefined ? result : b.add(result, table(b, result.dtype, { dims: [base.length], values: base }))
  const transform = node.string('post_transform', 'NONE')
  if (transform !== 'NONE' && transform !== 'LOGISTIC') refuse(`post_transform ${transform}`)
  return [b.cast(transform === 'LOGISTIC' ? b.sigmoid(shifted) : shifted, 'float32')]
}

/** The operators of ai.onnx.ml that programs carry. */
export const ML: readonly OperatorRow[] = [
  row('Binarizer', 1, binarizer),
  row('ArrayFeatureExtractor', 1, extractFeatures),
  row('LabelEncoder', 2, labelEncoder),
  row('Scaler', 1, scaler),
  row('LinearRegressor', 1, linearRegressor),
  row('TreeEnsemble', 5, treeEnsemble),
  row('TreeEnsembleRegressor', 1, treeRegressor),
]
