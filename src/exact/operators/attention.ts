/**
 * Attention and its relatives: FlexAttention, RotaryEmbedding, LinearAttention, CausalConvWithState.
 * Sources: ONNX Operators and the function bodies in onnx/defs/nn and onnx/defs/preview.
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat, tensor } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { softmax } from './normalization.js'

/** [batch, steps, heads * size] as [batch, heads, steps, size]. */
function splitHeads(b: Builder, x: Ref, heads: number): Ref {
  const [batch, steps, width] = x.dims
  demand(
    x.dims.length === 3 && heads >= 1 && width % heads === 0,
    'exact/shape-mismatch',
    () => `[${x.dims}] as ${heads} heads`,
  )
  return b.transpose(b.reshape(x, [batch, steps, heads, width / heads]), [0, 2, 1, 3])
}

/** The way back. */
function joinHeads(b: Builder, x: Ref): Ref {
  const [batch, heads, steps, size] = x.dims
  return b.reshape(b.transpose(x, [0, 2, 1, 3]), [batch, steps, heads * size])
}

/** Every head `times` times in a row. */
function repeatHeads(b: Builder, x: Ref, heads: number): Ref {
  const [batch, own, ...rest] = x.dims
  if (own === heads) return x
  demand(own >= 1 && heads % own === 0, 'exact/shape-mismatch', () => `${own} heads for ${heads}`)
  const apart = b.reshape(x, [batch, own, 1, ...rest])
  return b.reshape(b.expand(apart, [batch, own, heads / own, ...rest]), [batch, heads, ...rest])
}

const swapLast = (b: Builder, x: Ref) =>
  b.transpose(x, [...x.dims.map((_, i) => i).slice(0, -2), x.dims.length - 1, x.dims.length - 2])

/** The square root of the scale of scores, in binary32 and then in the type of x: queries and keys get one each. */
function rootOfScale(b: Builder, node: NodeView, { x, size }: { x: Ref; size: number }): Ref {
  const scale = node.has('scale') ? node.float('scale') : Math.fround(1 / Math.fround(Math.sqrt(size)))
  return b.scalar(x.dtype, Math.fround(Math.sqrt(scale)))
}

/** Q K^T, both scaled first. */
function scoresOf(b: Builder, [q, k]: readonly [Ref, Ref], root: Ref): Ref {
  return b.matmul(b.mul(q, root), b.mul(swapLast(b, k), root))
}

// ---------------------------------------------------------------- Attention

/** What keeps a query from a key: where it is not allowed to look, and what is added to the score where it is. */
interface Mask {
  readonly allowed: readonly Ref[]
  readonly bias: Ref | undefined
}

interface Lengths {
  readonly queries: number
  readonly keys: number
  /** Keys before the first query's own: a number, or one for each batch entry [batch, 1, 1, 1]. */
  readonly offset: number | Ref
}

/** 0, 1, 2 ... as int64. */
function counting(b: Builder, length: number): Ref {
  return b.constant(
    tensor(
      'int64',
      [length],
      Array.from({ length }, (_, i) => BigInt(i)),
    ),
  )
}

/** j - i for query i and key j: [queries, keys]. */
function distances(b: Builder, { queries, keys }: Lengths): Ref {
  return b.sub(counting(b, keys), b.reshape(counting(b, queries), [queries, 1]))
}

/** True where j - i - offset <= limit. */
function notBeyond(b: Builder, lengths: Lengths, limit: number): Ref {
  const { offset } = lengths
  const end =
    typeof offset === 'number' ? b.scalar('int64', offset + limit + 1) : b.add(offset, b.scalar('int64', limit + 1))
  return b.less(distances(b, lengths), end)
}

/** True where i + offset - j <= limit. */
function notBefore(b: Builder, lengths: Lengths, limit: number): Ref {
  const { offset } = lengths
  const start =
    typeof offset === 'number' ? b.scalar('int64', offset - limit - 1) : b.sub(offset, b.scalar('int64', limit + 1))
  return b.less(start, distances(b, lengths))
}

/** A mask whose last axis is shorter than the keys: the rest is not allowed. */
function widened(b: Builder, mask: Ref, keys: number): Ref {
  const width = mask.dims.at(-1)!
  if (width === keys) return mask
  if (width === 1) refuse('an attention mask of one key for many')
  demand(width < keys, 'exact/shape-mismatch', () => `an attention mask of ${width} keys for ${keys}`)
  const rest = b.full(
    { dtype: mask.dtype, dims: [...mask.dims.slice(0, -1), keys - width] },
    mask.dtype === 'bool' ? 0 : -Infinity,
  )
  return b.concat([mask, rest], mask.dims.length - 1)
}

function maskOf(b: Builder, node: NodeView, { lengths, type }: { lengths: Lengths; type: Ref }): Mask {
  const given = node.optional(3)
  const mask = given === undefined ? undefined : widened(b, given, lengths.keys)
  const allowed: Ref[] = mask?.dtype === 'bool' ? [mask] : []
  if (node.int('is_causal', 0) === 1) allowed.push(notBeyond(b, lengths, 0))
  const [left, right] = ['left_window_size', 'right_window_size'].map((name) => node.int(name, -1))
  if (left >= 0) allowed.push(notBefore(b, lengths, left))
  if (right >= 0) allowed.push(notBeyond(b, lengths, right))
  const filled = node.optional(6)
  if (filled !== undefined) {
    allowed.push(b.less(counting(b, lengths.keys), perBatch(b, filled)))
  }
  const bias = mask === undefined || mask.dtype === 'bool' ? undefined : b.cast(mask, type.dtype)
  return { allowed, bias }
}

const perBatch = (b: Builder, x: Ref) => b.reshape(b.cast(x, 'int64'), [x.dims[0], 1, 1, 1])

const allTrue = (ref: Ref) => ref.value !== undefined && (ref.value.data as Uint8Array).every((v) => v === 1)

/** True for the queries that may look at some key at all: [..., queries, 1]; undefined where all may. */
function liveRows(b: Builder, allowed: Ref | undefined, bias: Ref | undefined): Ref | undefined {
  const finite = bias === undefined ? undefined : b.not(b.equal(bias, b.scalar(bias.dtype, -Infinity)))
  const parts = [allowed, finite].filter((part) => part !== undefined)
  if (parts.length === 0) return undefined
  const live = b.cast(
    parts.reduce((a, c) => b.and(a, c)),
    'int32',
  )
  const any = b.equal(b.reduce('ReduceMax', live, [live.dims.length - 1]), b.scalar('int32', 1))
  return allTrue(any) ? undefined : any
}

interface Heads {
  readonly q: Ref
  /** Keys and values with the past ones before them. */
  readonly k: Ref
  readonly v: Ref
  readonly flat: boolean
  readonly past: number
}

function headsOf(b: Builder, node: NodeView): Heads {
  const [q, k, v] = [0, 1, 2].map((i) => node.input(i))
  const flat = q.dims.length === 3
  const [queryHeads, keyHeads] = flat ? [node.int('q_num_heads'), node.int('kv_num_heads')] : [0, 0]
  const split = (x: Ref, heads: number) => (flat ? splitHeads(b, x, heads) : x)
  const [pastKey, pastValue] = [node.optional(4), node.optional(5)]
  demand((pastKey === undefined) === (pastValue === undefined), 'onnx/bad-node', () => 'one of past_key and past_value')
  demand(node.optional(6) === undefined || pastKey === undefined, 'onnx/bad-node', () => 'nonpad_kv_seqlen with a past')
  const after = (past: Ref | undefined, x: Ref) => (past === undefined ? x : b.concat([past, x], 2))
  const heads = {
    q: split(q, queryHeads),
    k: after(pastKey, split(k, keyHeads)),
    v: after(pastValue, split(v, keyHeads)),
  }
  demand(
    [heads.q, heads.k, heads.v].every((x) => x.dims.length === 4) &&
      heads.q.dims[3] === heads.k.dims[3] &&
      heads.k.dims[2] === heads.v.dims[2],
    'exact/shape-mismatch',
    () => `Attention of [${q.dims}], [${k.dims}], [${v.dims}]`,
  )
  return { ...heads, flat, past: pastKey?.dims[2] ?? 0 }
}

/** Scores bounded by a soft cap: cap * tanh(score / cap). */
function capped(b: Builder, scores: Ref, cap: number): Ref {
  if (cap === 0) return scores
  const limit = b.scalar(scores.dtype, cap)
  return b.mul(b.tanh(b.div(scores, limit)), limit)
}

/** Probabilities in the type of the scores; queries that may look at nothing have none. */
function probabilities(b: Builder, node: NodeView, { scores, live }: { scores: Ref; live: Ref | undefined }): Ref {
  const zero = (x: Ref) => b.scalar(x.dtype, 0)
  const safe = live === undefined ? scores : b.where(live, scores, zero(scores))
  const precise = b.cast(safe, node.dtype('softmax_precision', scores.dtype))
  const shares = b.cast(softmax(b, precise, 3), scores.dtype)
  return live === undefined ? shares : b.where(live, shares, zero(shares))
}

function attention(b: Builder, node: NodeView): Ref[] {
  const { q, k, v, flat, past } = headsOf(b, node)
  const [batch, heads, queries, size] = q.dims
  const filled = node.optional(6)
  const offset = filled === undefined ? past : b.sub(perBatch(b, filled), b.scalar('int64', queries))
  const mask = maskOf(b, node, { lengths: { queries, keys: k.dims[2], offset }, type: q })
  const keys = repeatHeads(b, k, heads)
  const values = b.cast(repeatHeads(b, v, heads), q.dtype)
  const raw = scoresOf(b, [q, keys], rootOfScale(b, node, { x: q, size }))
  const bounded = capped(b, raw, node.float('softcap', 0))
  const allowed = mask.allowed.length === 0 ? undefined : mask.allowed.reduce((a, c) => b.and(a, c))
  const biased = mask.bias === undefined ? bounded : b.add(bounded, mask.bias)
  const scores = allowed === undefined ? biased : b.where(allowed, biased, b.scalar(q.dtype, -Infinity))
  const shares = probabilities(b, node, { scores, live: liveRows(b, allowed, mask.bias) })
  const shown = [raw, bounded, scores, shares][node.int('qk_matmul_output_mode', 0)]
  demand(
    shown !== undefined && shown.dims.join() === [batch, heads, queries, k.dims[2]].join(),
    'onnx/bad-node',
    () => 'an attention mask or output mode that does not fit',
  )
  const y = b.matmul(shares, values)
  return [flat ? joinHeads(b, y) : y, k, v, shown]
}

// ---------------------------------------------------------------- FlexAttention

/** A value through a graph with one input and one output of the same type. */
function modified(node: NodeView, name: string, x: Ref): Ref {
  if (!node.has(name)) return x
  const graph = node.graph(name)
  demand(graph.inputs.length === 1 && graph.outputs.length === 1, 'onnx/bad-node', () => `${name} of one value`)
  const [y] = node.subgraph(graph, [[graph.inputs[0].name, x]])
  demand(
    y.dtype === x.dtype && y.dims.join() === x.dims.join(),
    'onnx/bad-node',
    () => `${name} makes [${y.dims}] of [${x.dims}]`,
  )
  return y
}

function flexAttention(b: Builder, node: NodeView): Ref[] {
  const [q, k, v] = [0, 1, 2].map((i) => node.input(i))
  demand(
    [q, k, v].every((x) => x.dims.length === 4 && x.dtype === q.dtype && isFloat(x.dtype)),
    'exact/shape-mismatch',
    () => `FlexAttention of [${q.dims}], [${k.dims}], [${v.dims}]`,
  )
  const precision = node.dtype('softmax_precision', q.dtype === 'float64' ? 'float64' : 'float32')
  const heads = q.dims[1]
  const root = rootOfScale(b, node, { x: q, size: q.dims[3] })
  const scores = b.cast(scoresOf(b, [q, repeatHeads(b, k, heads)], root), precision)
  const shares = modified(node, 'prob_mod', softmax(b, modified(node, 'score_mod', scores), 3))
  return [b.cast(b.matmul(shares, b.cast(repeatHeads(b, v, heads), precision)), v.dtype)]
}

// ---------------------------------------------------------------- RotaryEmbedding

/** Every second element from `start` along the last axis. */
const everySecond = (b: Builder, x: Ref, start: number) =>
  b.slice(x, x.dims.length - 1, { start, end: x.dims.at(-1)!, step: 2 })

/** Pairs of features turned by angles given as cosines and sines: [batch, steps, half]. */
function rotaryEmbedding(b: Builder, node: NodeView): Ref[] {
  const given = node.input(0)
  const flat = given.dims.length === 3
  const x = flat ? splitHeads(b, given, node.int('num_heads')) : given
  const [batch, , steps, size] = x.dims
  const width = node.int('rotary_embedding_dim', 0) || size
  const half = width / 2
  const positions = node.optional(3)
  const angles = [1, 2].map((i) => {
    const cache = node.input(i)
    const chosen = positions === undefined ? cache : b.gather(cache, b.cast(positions, 'int64'), 0)
    demand(
      chosen.dims.join() === [batch, steps, half].join(),
      'exact/shape-mismatch',
      () => `RotaryEmbedding of [${given.dims}] with angles [${chosen.dims}]`,
    )
    return b.reshape(chosen, [batch, 1, steps, half])
  })
  const [cos, sin] = angles
  const last = x.dims.length - 1
  const cut = (start: number, end: number) => b.slice(x, last, { start, end })
  const interleaved = node.int('interleaved', 0) === 1
  const turning = cut(0, width)
  const [x1, x2] = interleaved
    ? [everySecond(b, turning, 0), everySecond(b, turning, 1)]
    : [cut(0, half), cut(half, width)]
  const real = b.sub(b.mul(cos, x1), b.mul(sin, x2))
  const imaginary = b.add(b.mul(sin, x1), b.mul(cos, x2))
  const pair = (y: Ref) => b.reshape(y, [...y.dims, 1])
  const turned = interleaved
    ? b.reshape(b.concat([pair(real), pair(imaginary)], last + 1), turning.dims)
    : b.concat([real, imaginary], last)
  const whole = width === size ? turned : b.concat([turned, cut(width, size)], last)
  return [flat ? joinHeads(b, whole) : whole]
}

// ---------------------------------------------------------------- LinearAttention

interface LinearSteps {
  readonly q: Ref
  readonly k: Ref
  readonly v: Ref
  /** log of the decay [batch, heads, steps, 1 or size], or none. */
  readonly decay: Ref | undefined
  /** Rate of the update [batch, heads or 1, steps, 1], or none. */
  readonly beta: Ref | undefined
}

/** One step of [batch, heads, steps, size]: [batch, heads, 1, size]. */
const stepOf = (b: Builder, x: Ref, step: number) => b.slice(x, 2, { start: step, end: step + 1 })

/** The state after a step: decayed, then the outer product of key and (corrected) value added. */
function nextState(b: Builder, state: Ref, { k, v, decay, beta }: LinearSteps, step: number): Ref {
  const [key, value] = [stepOf(b, k, step), stepOf(b, v, step)]
  const column = swapLast(b, key)
  const decayed = decay === undefined ? state : b.mul(state, swapLast(b, b.exp(stepOf(b, decay, step))))
  const added = beta === undefined ? value : b.mul(stepOf(b, beta, step), b.sub(value, b.matmul(key, decayed)))
  return b.add(decayed, b.mul(column, added))
}

const RULES: Readonly<Record<string, { decay: boolean; beta: boolean }>> = {
  linear: { decay: false, beta: false },
  gated: { decay: true, beta: false },
  delta: { decay: false, beta: true },
  gated_delta: { decay: true, beta: true },
}

function linearSteps(b: Builder, node: NodeView): LinearSteps {
  const name = node.string('update_rule', 'gated_delta')
  const rule = RULES[name]
  const [decay, beta] = [node.optional(4), node.optional(5)]
  demand(
    rule !== undefined && rule.decay === (decay !== undefined) && rule.beta === (beta !== undefined),
    'onnx/bad-node',
    () => `update_rule ${name} with ${decay ? 'a' : 'no'} decay and ${beta ? 'a' : 'no'} beta`,
  )
  const heads = node.int('kv_num_heads')
  const single = (x: Ref) => b.cast(x, 'float32')
  return {
    q: single(splitHeads(b, node.input(0), node.int('q_num_heads'))),
    k: single(splitHeads(b, node.input(1), heads)),
    v: single(splitHeads(b, node.input(2), heads)),
    decay: decay && single(splitHeads(b, decay, heads)),
    beta: beta && single(splitHeads(b, beta, beta.dims[2])),
  }
}

/** LinearAttention, step by step in float32. */
function linearAttention(b: Builder, node: NodeView): Ref[] {
  const steps = linearSteps(b, node)
  const [batch, heads, length, size] = steps.q.dims
  const [, stateHeads, , keySize] = steps.k.dims
  const past = node.optional(3)
  const dims = [batch, stateHeads, keySize, steps.v.dims[3]]
  demand(
    keySize === size && length >= 1 && (past === undefined || past.dims.join() === dims.join()),
    'exact/shape-mismatch',
    () => `LinearAttention of [${node.input(0).dims}] and [${node.input(1).dims}] with a state of [${past?.dims}]`,
  )
  const given = node.float('scale', 0)
  const scale = b.scalar('float32', given === 0 ? 1 / Math.sqrt(size) : given)
  let state = past === undefined ? b.full({ dtype: 'float32', dims }, 0) : b.cast(past, 'float32')
  const outputs = Array.from({ length }, (_, step) => {
    state = nextState(b, state, steps, step)
    return b.mul(b.matmul(stepOf(b, steps.q, step), repeatHeads(b, state, heads)), scale)
  })
  const type = node.input(0).dtype
  return [b.cast(joinHeads(b, b.concat(outputs, 2)), type), b.cast(state, past?.dtype ?? type)]
}

// ---------------------------------------------------------------- CausalConvWithState

/** A convolution of every channel with its own past, which the state holds. */
function causalConv(b: Builder, node: NodeView): Ref[] {
  const [x, w] = [node.input(0), node.input(1)]
  const [batch, channels] = x.dims
  demand(
    x.dims.length === 3 && w.dims.length === 3 && w.dims[0] === channels && w.dims[1] === 1 && w.dims[2] >= 1,
    'exact/shape-mismatch',
    () => `CausalConvWithState of [${x.dims}] with [${w.dims}]`,
  )
  const reach = w.dims[2] - 1
  const before = node.optional(3) ?? b.full({ dtype: x.dtype, dims: [batch, channels, reach] }, 0)
  const whole = reach === 0 ? x : b.concat([before, x], 2)
  const y = b.op('Conv', [whole, w], { group: channels, strides: [1], pads: [0, 0], dilations: [1] })
  const bias = node.optional(2)
  const biased = bias === undefined ? y : b.add(y, b.reshape(bias, [1, channels, 1]))
  const length = whole.dims[2]
  const state = b.slice(whole, 2, { start: length - reach, end: length })
  return [activated(b, biased, node.string('activation', 'none')), state]
}

/** x * sigmoid(x) in float32, or x. */
function activated(b: Builder, x: Ref, activation: string): Ref {
  if (activation === 'none') return x
  demand(activation === 'silu' || activation === 'swish', 'onnx/bad-node', () => `activation ${activation}`)
  const single = b.cast(x, 'float32')
  return b.cast(b.mul(single, b.sigmoid(single)), x.dtype)
}

/** Attention, FlexAttention, RotaryEmbedding, LinearAttention, CausalConvWithState. */
export const ATTENTION: readonly OperatorRow[] = [
  operator('Attention', 23, attention),
  { op: 'FlexAttention', domain: 'ai.onnx.preview', since: 1, decompose: flexAttention },
  operator('RotaryEmbedding', 23, rotaryEmbedding),
  operator('LinearAttention', 27, linearAttention),
  operator('CausalConvWithState', 27, causalConv),
]
