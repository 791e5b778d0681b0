import type { Contract } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allocate, sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import { opOf } from '../../src/exact/ops/index.js'
import type { Attributes } from '../../src/exact/program.js'
import { evaluate, wordsOf } from './elements.js'
import { deploy, startNode, type EvmNode } from './node.js'
import { Draw } from './shapes.js'

const CASES = 60

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/IndexMapsHarness')
}, 60_000)
afterAll(() => node?.stop())

/** Every element is its own index, and some number more. */
const iota = (dims: readonly number[], more = 0): Tensor => {
  const data = allocate('int32', sizeOf(dims)) as unknown as { [i: number]: number }
  for (let i = 0; i < sizeOf(dims); i++) data[i] = more + i
  return { dtype: 'int32', dims, data: data as unknown as Tensor['data'] }
}

const NONE = (1n << 256n) - 1n

interface MapCase {
  readonly dims: readonly number[]
  readonly from: readonly number[]
  readonly words?: readonly number[]
  readonly extra?: readonly (number | bigint)[]
}

/** The sources that the contract finds; -1 for none. */
async function sourcesOf(name: string, { dims, from, words = [], extra = [] }: MapCase): Promise<number[]> {
  const found = (await harness.sources(opOf(name).number, dims, from, words, extra, { gasLimit: 1e12 })) as bigint[]
  return found.map((index) => (index === NONE ? -1 : Number(index)))
}

const right = (name: string, inputs: readonly Tensor[], attributes: Attributes): number[] =>
  Array.from(evaluate(name, inputs, attributes).data as Int32Array)

const each = (name: string, check: (draw: Draw) => Promise<void>): Promise<void> =>
  Array.from({ length: CASES }, (_, i) => i).reduce(
    (before, i) => before.then(() => check(new Draw(`${name} ${i}`))),
    Promise.resolve(),
  )

describe('every element comes from where the definition takes it', () => {
  test('Expand, and operands that broadcast', () =>
    each('expand', async (draw) => {
      const dims = draw.list(draw.between(0, 5), 1, 5)
      const from = dims.slice(draw.below(dims.length + 1)).map((dim) => (draw.below(3) === 0 ? 1 : dim))
      const found = await sourcesOf('Expand', { dims, from })
      expect(found).toEqual(right('Expand', [iota(from)], { shape: dims }))
      expect(found).toEqual(
        right('BitwiseOr', [iota(from), tensor('int32', dims, new Array<number>(sizeOf(dims)).fill(0))], {}),
      )
    }))

  test('Transpose', () =>
    each('transpose', async (draw) => {
      const from = draw.list(draw.between(0, 5), 1, 5)
      const perm = from
        .map((_, i) => [draw.below(1000), i])
        .sort(([a], [b]) => a - b)
        .map(([, i]) => i)
      const dims = perm.map((axis) => from[axis])
      const found = await sourcesOf('Transpose', { dims, from, words: wordsOf('Transpose', { perm }) })
      expect(found).toEqual(right('Transpose', [iota(from)], { perm }))
    }))

  test('Slice, backwards too', () =>
    each('slice', async (draw) => {
      const from = draw.list(draw.between(0, 4), 1, 9)
      const steps = from.map(() => [1, 2, 3, -1, -2][draw.below(5)])
      const starts = from.map((dim) => draw.below(dim))
      const ends = from.map((dim, i) => (steps[i] > 0 ? draw.between(starts[i], dim) : draw.between(-1, starts[i])))
      const attributes = { starts, ends, steps }
      const { dims } = opOf('Slice').infer([iota(from)], attributes)
      const found = await sourcesOf('Slice', { dims, from, words: wordsOf('Slice', attributes) })
      expect(found).toEqual(right('Slice', [iota(from)], attributes))
    }))

  test('Pad', () =>
    each('pad', async (draw) => {
      const from = draw.list(draw.between(0, 4), 1, 5).map((dim) => (draw.below(9) === 0 ? 0 : dim))
      const attributes = { pads: [...from, ...from].map(() => draw.below(3)) }
      const inputs = [iota(from), tensor('int32', [], [-1])]
      const { dims } = opOf('Pad').infer(inputs, attributes)
      const found = await sourcesOf('Pad', { dims, from, words: wordsOf('Pad', attributes) })
      expect(found).toEqual(right('Pad', inputs, attributes))
    }))

  test('Concat, the other operands excluded', () =>
    each('concat', async (draw) => {
      const base = draw.list(draw.between(1, 4), 1, 5)
      const axis = draw.below(base.length)
      const parts = Array.from({ length: draw.between(1, 5) }, () => base.with(axis, draw.between(0, 4)))
      const all = parts.map((from, k) => iota(from, 10_000 * k))
      const whole = right('Concat', all, { axis })
      const { dims } = opOf('Concat').infer(all, { axis })
      for (let k = 0, offset = 0; k < parts.length; offset += parts[k++][axis]) {
        const found = await sourcesOf('Concat', { dims, from: parts[k], words: [axis], extra: [offset] })
        expect(found).toEqual(whole.map((v) => (Math.floor(v / 10_000) === k ? v % 10_000 : -1)))
      }
    }))

  test('Gather', () =>
    each('gather', async (draw) => {
      const from = draw.list(draw.between(1, 4), 1, 5)
      const axis = draw.below(from.length)
      const shape = draw.list(draw.between(0, 3), 1, 3)
      const indices = tensor(
        'int64',
        shape,
        Array.from({ length: sizeOf(shape) }, () => BigInt(draw.below(from[axis]))),
      )
      const inputs = [iota(from), indices]
      const { dims } = opOf('Gather').infer(inputs, { axis })
      const extra = Array.from(indices.data as BigInt64Array)
      const found = await sourcesOf('Gather', { dims, from, words: [axis], extra })
      expect(found).toEqual(right('Gather', inputs, { axis }))
    }))

  test('GatherElements', () =>
    each('gather elements', async (draw) => {
      const from = draw.list(draw.between(1, 4), 1, 5)
      const axis = draw.below(from.length)
      const dims = from.map((dim, i) => (i === axis ? draw.between(1, 6) : draw.between(1, dim)))
      const indices = tensor(
        'int64',
        dims,
        Array.from({ length: sizeOf(dims) }, () => BigInt(draw.below(from[axis]))),
      )
      const extra = Array.from(indices.data as BigInt64Array)
      const found = await sourcesOf('GatherElements', { dims, from, words: [axis], extra })
      expect(found).toEqual(right('GatherElements', [iota(from), indices], { axis }))
    }))
})

describe('windows of a pooling', () => {
  /** A pooling that the op table takes. */
  function pooling(draw: Draw): { from: number[]; attributes: Record<string, number[]> } {
    for (;;) {
      const rank = draw.between(1, 3)
      const from = [draw.between(1, 2), draw.between(1, 2), ...draw.list(rank, 1, 5)]
      const each = (high: number, low = 1) => Array.from({ length: rank }, () => draw.between(low, high))
      const attributes = { kernel: each(3), strides: each(3), pads: [...each(3, 0), ...each(3, 0)], dilations: each(4) }
      try {
        opOf('MaxPool').infer([{ dtype: 'float32', dims: from }], attributes)
        return { from, attributes }
      } catch {
        continue
      }
    }
  }

  test('hold what the definition looks at, and are empty where it looks at nothing', async () => {
    let [inside, empty] = [0, 0]
    await each('pooling', async (draw) => {
      const { from, attributes } = pooling(draw)
      const size = sizeOf(from)
      const nothing = new Float32Array(size).fill(-Infinity)
      const { dims } = opOf('MaxPool').infer([{ dtype: 'float32', dims: from }], attributes)
      const [held, none] = (await harness.windows(dims, from, wordsOf('MaxPool', attributes), {
        gasLimit: 1e12,
      })) as string[]
      const [found, bare] = [held, none].map((hex) => Buffer.from(hex.slice(2), 'hex'))
      const zeros = evaluate('MaxPool', [{ dtype: 'float32', dims: from, data: new Float32Array(size) }], attributes)
      expect([...bare]).toEqual(Array.from(zeros.data as Float32Array, (v) => (v === 0 ? 0 : 1)))
      for (let j = 0; j < size; j++) {
        const data = nothing.with(j, 1)
        const one = evaluate('MaxPool', [{ dtype: 'float32', dims: from, data }], attributes)
        const column = Array.from({ length: sizeOf(dims) }, (_, i) => found[i * size + j])
        expect(column).toEqual(Array.from(one.data as Float32Array, (v) => (v === 1 ? 1 : 0)))
        inside += column.filter((held) => held === 1).length
      }
      empty += bare.filter((flag) => flag === 1).length
    })
    // The cases hold both.
    expect(Math.min(inside, empty)).toBeGreaterThan(10)
  }, 60_000)
})
