/* eslint-disable no-restricted-properties -- expected values within a tolerance; nothing here is committed to */
import { describe, expect, test } from 'vitest'
import type { Fault } from '../../src/core/faults.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { expectNear, filled, places, valuesOf } from './naive.js'
import { modelOf, runNode, type Given } from './one-node.js'

const at = (t: Tensor, ...place: readonly number[]) =>
  Number(t.data[place.reduce((index, v, i) => index * t.dims[i] + v, 0)])

interface Case {
  /** What is added to the score of query i and key j; -Infinity where it may not look. */
  bias?: (n: number, i: number, j: number) => number
  cap?: number
}

/** Attention over [batch, heads, steps, size] by its formula. */
function naive(q: Tensor, k: Tensor, v: Tensor, { bias = () => 0, cap = 0 }: Case = {}): number[] {
  const [batch, heads, queries, size] = q.dims
  const group = heads / k.dims[1]
  return places([batch, heads, queries]).flatMap(([n, h, i]) => {
    const kv = Math.floor(h / group)
    const scores = [...Array(k.dims[2]).keys()].map((j) => {
      const raw =
        [...Array(size).keys()].reduce((s, d) => s + at(q, n, h, i, d) * at(k, n, kv, j, d), 0) / Math.sqrt(size)
      return (cap === 0 ? raw : cap * Math.tanh(raw / cap)) + bias(n, i, j)
    })
    const powers = scores.map((s) => Math.exp(s))
    const total = powers.reduce((a, b) => a + b) || 1
    return [...Array(v.dims[3]).keys()].map((d) => powers.reduce((s, p, j) => s + (p / total) * at(v, n, kv, j, d), 0))
  })
}

const never = -Infinity
const [q, k, v] = [filled([2, 4, 3, 4], 1), filled([2, 2, 5, 4], 2), filled([2, 2, 5, 3], 3)]
const attend = (attributes: Record<string, Given> = {}, more: readonly (Tensor | undefined)[] = [], opset = 24) =>
  runNode({ op: 'Attention', opset, inputs: [q, k, v, ...more], attributes, outputs: 4 })

describe('Attention', () => {
  test('shares each key head between query heads', async () => {
    expectNear((await attend())[0], naive(q, k, v), { dims: [2, 4, 3, 3] })
  })

  test('is_causal hides later keys', async () => {
    const [y] = await attend({ is_causal: 1 })
    expectNear(y, naive(q, k, v, { bias: (_, i, j) => (j <= i ? 0 : never) }))
  })

  test('a window hides keys on both sides', async () => {
    const [y] = await attend({ left_window_size: 1, right_window_size: 2 }, [], 25)
    expectNear(y, naive(q, k, v, { bias: (_, i, j) => (j >= i - 1 && j <= i + 2 ? 0 : never) }))
  })

  test('a float mask is added, a bool mask selects, a short mask hides the rest', async () => {
    const mask = filled([3, 4], 4)
    expectNear((await attend({}, [mask]))[0], naive(q, k, v, { bias: (_, i, j) => (j < 4 ? at(mask, i, j) : never) }))
    const open = tensor(
      'bool',
      [3, 5],
      [...Array(15).keys()].map((i) => (i % 3 === 1 ? 0 : 1)),
    )
    expectNear((await attend({}, [open]))[0], naive(q, k, v, { bias: (_, i, j) => (at(open, i, j) === 1 ? 0 : never) }))
  })

  test('a query that may look at nothing gets zeros', async () => {
    const closed = tensor(
      'bool',
      [3, 5],
      [...Array(15).keys()].map((i) => (i < 5 ? 0 : 1)),
    )
    const [y, , , shares] = await attend({ qk_matmul_output_mode: 3 }, [closed])
    expectNear(y, naive(q, k, v, { bias: (_, i) => (i === 0 ? never : 0) }))
    expect(valuesOf(shares).slice(0, 5)).toEqual([0, 0, 0, 0, 0])
  })

  test('a soft cap bounds the scores', async () => {
    expectNear((await attend({ softcap: { float: 0.5 } }))[0], naive(q, k, v, { cap: 0.5 }))
  })

  test('past keys and values stand before the others and move the causal frontier', async () => {
    const [pastKey, pastValue] = [filled([2, 2, 2, 4], 5), filled([2, 2, 2, 3], 6)]
    const joined = (a: Tensor, b: Tensor) => {
      const dims = [2, 2, a.dims[2] + b.dims[2], a.dims[3]]
      return tensor(
        'float32',
        dims,
        places(dims).map(([n, h, s, d]) => (s < a.dims[2] ? at(a, n, h, s, d) : at(b, n, h, s - a.dims[2], d))),
      )
    }
    const [allKeys, allValues] = [joined(pastKey, k), joined(pastValue, v)]
    const [y, presentKey, presentValue] = await attend({ is_causal: 1 }, [undefined, pastKey, pastValue])
    expectNear(y, naive(q, allKeys, allValues, { bias: (_, i, j) => (j <= i + 2 ? 0 : never) }))
    expect(presentKey).toEqual(allKeys)
    expect(presentValue).toEqual(allValues)
  })

  test('nonpad_kv_seqlen hides the padding of each sample', async () => {
    const filledKeys = tensor('int64', [2], [3n, 5n])
    const [y] = await attend({ is_causal: 1 }, [undefined, undefined, undefined, filledKeys])
    expectNear(y, naive(q, k, v, { bias: (n, i, j) => (j < [3, 5][n] && j <= i + [0, 2][n] ? 0 : never) }))
  })

  test('flat operands are split into heads and joined again', async () => {
    const flat = (t: Tensor) => {
      const [n, h, s, d] = t.dims
      return tensor(
        'float32',
        [n, s, h * d],
        places([n, s, h, d]).map(([a, b, c, e]) => at(t, a, c, b, e)),
      )
    }
    const attributes = { q_num_heads: 4, kv_num_heads: 2 }
    const [y] = await runNode({ op: 'Attention', opset: 23, inputs: [flat(q), flat(k), flat(v)], attributes })
    expectNear(y, valuesOf(flat(tensor('float32', [2, 4, 3, 3], naive(q, k, v)))), { dims: [2, 3, 12] })
  })

  test('heads that do not divide are refused', () => {
    const model = modelOf({ op: 'Attention', opset: 24, inputs: [filled([2, 3, 3, 4]), k, v] })
    expect(() => compile(model)).toThrow(expect.objectContaining({ code: 'exact/shape-mismatch' }) as Fault)
  })
})

describe('relatives of Attention', () => {
  test('FlexAttention without modifications is Attention', async () => {
    const [y] = await runNode({ op: 'FlexAttention', domain: 'ai.onnx.preview', opset: 1, inputs: [q, k, v] })
    expectNear(y, naive(q, k, v))
  })

  test('RotaryEmbedding turns pairs by their angles', async () => {
    const x = filled([1, 2, 3, 6], 1)
    const angles = [...Array(8).keys()].map((i) => i * 0.3)
    const cache = (f: (a: number) => number) => tensor('float32', [4, 2], angles.map(f))
    const positions = tensor('int64', [1, 3], [2n, 0n, 3n])
    for (const interleaved of [0, 1]) {
      const attributes = { interleaved, rotary_embedding_dim: 4 }
      const [y] = await runNode({
        op: 'RotaryEmbedding',
        opset: 23,
        inputs: [x, cache(Math.cos), cache(Math.sin), positions],
        attributes,
      })
      const expected = places([2, 3, 6]).map(([h, s, d]) => {
        if (d >= 4) return at(x, 0, h, s, d)
        const [pair, second] = interleaved === 1 ? [d >> 1, d % 2 === 1] : [d % 2, d >= 2]
        const [i, j] = interleaved === 1 ? [2 * pair, 2 * pair + 1] : [pair, pair + 2]
        const angle = angles[[2, 0, 3][s] * 2 + pair]
        const [a, b] = [at(x, 0, h, s, i), at(x, 0, h, s, j)]
        return second ? Math.sin(angle) * a + Math.cos(angle) * b : Math.cos(angle) * a - Math.sin(angle) * b
      })
      expectNear(y, expected, { dims: [1, 2, 3, 6] })
    }
  })

  test('linear attention in two pieces is linear attention in one', async () => {
    const [x, key, value] = [filled([1, 4, 6], 1), filled([1, 4, 6], 2), filled([1, 4, 4], 3)]
    const [decay, beta] = [
      tensor(
        'float32',
        [1, 4, 2],
        valuesOf(filled([8], 4)).map((d) => -Math.abs(d)),
      ),
      filled([1, 4, 2], 5),
    ]
    const attributes = { q_num_heads: 2, kv_num_heads: 2 }
    const part = (t: Tensor, from: number, to: number) =>
      tensor('float32', [1, to - from, t.dims[2]], valuesOf(t).slice(from * t.dims[2], to * t.dims[2]))
    const run = async (from: number, to: number, past?: Tensor) => {
      const [a, b, c, d, e] = [x, key, value, decay, beta].map((t) => part(t, from, to))
      return runNode({ op: 'LinearAttention', opset: 27, inputs: [a, b, c, past, d, e], attributes, outputs: 2 })
    }
    const [whole, end] = await run(0, 4)
    const [first, middle] = await run(0, 3)
    const [last, final] = await run(3, 4, middle)
    expect([...valuesOf(first), ...valuesOf(last)]).toEqual(valuesOf(whole))
    expect(final).toEqual(end)
  })

  test('a causal convolution in two pieces is the convolution of the whole', async () => {
    const [x, w, bias] = [filled([1, 2, 6], 1), filled([2, 1, 3], 2), filled([2], 3)]
    const piece = (from: number, to: number) =>
      tensor(
        'float32',
        [1, 2, to - from],
        [0, 1].flatMap((c) => valuesOf(x).slice(c * 6 + from, c * 6 + to)),
      )
    const run = (input: Tensor, past?: Tensor) =>
      runNode({
        op: 'CausalConvWithState',
        opset: 27,
        inputs: [input, w, bias, past],
        attributes: { activation: 'silu' },
        outputs: 2,
      })
    const [whole] = await run(x)
    const [first, state] = await run(piece(0, 4))
    const [second] = await run(piece(4, 6), state)
    const joined = [0, 1].flatMap((c) => [
      ...valuesOf(first).slice(c * 4, c * 4 + 4),
      ...valuesOf(second).slice(c * 2, c * 2 + 2),
    ])
    expectNear(whole, joined)
  })
})
