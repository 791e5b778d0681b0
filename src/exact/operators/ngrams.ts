/**
 * TfIdfVectorizer over integers: how often each n-gram of a pool stands in a row.
 * @module
 */
import { demand } from '../../core/faults.js'
import { tensor } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'

/** The n-grams of one length: [count][n]. */
interface Grams {
  readonly n: number
  readonly tokens: readonly (readonly number[])[]
}

/** The pool by lengths: `ngram_counts` says where each length begins. */
function gramsOf(node: NodeView): Grams[] {
  if (!node.has('pool_int64s')) refuse('TfIdfVectorizer of strings')
  const [pool, starts] = [node.ints('pool_int64s'), node.ints('ngram_counts')]
  return starts.map((start, i) => {
    const n = i + 1
    const tokens = pool.slice(start, starts[i + 1] ?? pool.length)
    demand(start >= 0 && tokens.length % n === 0, 'onnx/bad-node', () => `ngram_counts [${starts}]`)
    const count = tokens.length / n
    return { n, tokens: Array.from({ length: count }, (_, g) => tokens.slice(g * n, (g + 1) * n)) }
  })
}

/** How often each n-gram stands in rows [rows, length] with its tokens `distance` apart: int64 [rows, n-grams]. */
function occurrences(b: Builder, x: Ref, { n, tokens }: Grams, distance: number): Ref | undefined {
  const starts = x.dims[1] - distance * (n - 1)
  if (starts <= 0) return undefined
  const places = Array.from({ length: starts }, (_, s) => Array.from({ length: n }, (_, k) => BigInt(s + k * distance)))
  const windows = b.gather(x, b.constant(tensor('int64', [starts, n], places.flat())), 1)
  const pool = b.constant(tensor('int64', [tokens.length, n], tokens.flat().map(BigInt)))
  const hits = b.equal(b.reshape(windows, [x.dims[0], starts, 1, n]), pool)
  const whole = b.reduce('ReduceMin', b.cast(hits, 'int32'), [3])
  return b.reshape(b.reduce('ReduceSum', b.cast(whole, 'int64'), [1]), [x.dims[0], tokens.length])
}

/** Counts of the n-grams of one length over all distances; single tokens have no distance. */
function counted(b: Builder, x: Ref, { grams, skips }: { grams: Grams; skips: number }): Ref {
  const distances = Array.from({ length: grams.n === 1 ? 1 : skips + 1 }, (_, i) => i + 1)
  const zero = b.full({ dtype: 'int64', dims: [x.dims[0], grams.tokens.length] }, 0)
  const found = distances.flatMap((distance) => occurrences(b, x, grams, distance) ?? [])
  return found.reduce((sum, part) => b.add(sum, part), zero)
}

/** Moves counts [rows, pool] to the places that `ngram_indexes` names; places that none names stay zero. */
function placed(b: Builder, counts: Ref, indexes: readonly number[]): Ref {
  const [rows, pool] = counts.dims
  const size = Math.max(...indexes) + 1
  demand(
    size <= 2 ** 24 && indexes.length === pool,
    'onnx/bad-node',
    () => `${indexes.length} ngram_indexes for ${pool}`,
  )
  if (new Set(indexes).size < indexes.length) refuse('two n-grams with one place')
  const sources = new Array<bigint>(size).fill(BigInt(pool))
  indexes.forEach((place, gram) => (sources[place] = BigInt(gram)))
  const padded = b.concat([counts, b.full({ dtype: counts.dtype, dims: [rows, 1] }, 0)], 1)
  return b.gather(padded, b.constant(tensor('int64', [size], sources)), 1)
}

/** Counts as term frequencies, weighted or not. */
function weighted(b: Builder, node: NodeView, counts: Ref): Ref {
  const mode = node.string('mode')
  const frequencies = b.cast(counts, 'float32')
  const weights = node.floats('weights', [])
  demand(['TF', 'IDF', 'TFIDF'].includes(mode), 'onnx/bad-node', () => `mode ${mode}`)
  if (mode === 'TF' || (mode === 'TFIDF' && weights.length === 0)) return frequencies
  const ordered = node.ints('ngram_indexes').every((place, i) => place === i)
  if (weights.length > 0 && !ordered) refuse('weights of n-grams whose places are in another order')
  demand(weights.length === 0 || weights.length === counts.dims[1], 'onnx/bad-node', () => `${weights.length} weights`)
  const factors =
    weights.length === 0 ? b.scalar('float32', 1) : b.constant(tensor('float32', [weights.length], weights))
  if (mode === 'TFIDF') return b.mul(frequencies, factors)
  return b.where(b.less(b.scalar('int64', 0), counts), factors, b.scalar('float32', 0))
}

function tfIdf(b: Builder, node: NodeView): Ref[] {
  const given = node.input(0)
  const flat = given.dims.length < 2
  demand(given.dims.length <= 2, 'exact/shape-mismatch', () => `TfIdfVectorizer of [${given.dims}]`)
  const x = b.cast(flat ? b.reshape(given, [1, given.dims[0] ?? 1]) : given, 'int64')
  const [shortest, longest] = [node.int('min_gram_length'), node.int('max_gram_length')]
  const skips = node.int('max_skip_count')
  demand(shortest >= 1 && skips >= 0 && skips < 4096, 'onnx/bad-node', () => `n-grams from ${shortest}, ${skips} skips`)
  const parts = gramsOf(node).map((grams) =>
    grams.n < shortest || grams.n > longest || grams.tokens.length === 0
      ? b.full({ dtype: 'int64', dims: [x.dims[0], grams.tokens.length] }, 0)
      : counted(b, x, { grams, skips }),
  )
  const used = parts.filter((part) => part.dims[1] > 0)
  demand(used.length > 0, 'onnx/bad-node', () => 'an empty pool of n-grams')
  const y = weighted(b, node, placed(b, b.concat(used, 1), node.ints('ngram_indexes')))
  return [flat ? b.reshape(y, [y.dims[1]]) : y]
}

/** TfIdfVectorizer. */
export const NGRAMS: readonly OperatorRow[] = [operator('TfIdfVectorizer', 9, tfIdf)]
