import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { Refusal } from '../../src/runtime/runtime.js'
import { runNode, type Given, type OneNode } from './one-node.js'

const isBig = (dtype: DType) => dtype === 'int64' || dtype === 'uint64'
const of = (dtype: DType, dims: readonly number[], values: readonly number[]): Tensor =>
  tensor(dtype, dims, (isBig(dtype) ? values.map(BigInt) : values) as number[])
const places = (dims: readonly number[], values: readonly number[]) => of('int64', dims, values)
const counted = (dims: readonly number[], first = 0) =>
  of(
    'float32',
    dims,
    Array.from({ length: sizeOf(dims) }, (_, i) => first + i),
  )
const numbers = ({ data }: Tensor) => Array.from(data as ArrayLike<number | bigint>, Number)
const coordinates = (dims: readonly number[]): number[][] =>
  dims.reduce<number[][]>((all, dim) => all.flatMap((at) => Array.from({ length: dim }, (_, i) => [...at, i])), [[]])
const indexOf = (dims: readonly number[], at: readonly number[]) =>
  at.reduce((index, i, axis) => index * dims[axis] + i, 0)

async function result(op: string, opset: number, inputs: OneNode['inputs'], attributes: Record<string, Given> = {}) {
  const [out] = await runNode({ op, opset, inputs, attributes })
  return { dims: out.dims, values: numbers(out) }
}

/** The reason of the refusal that every runtime gives. */
async function reasonOf(node: OneNode): Promise<string> {
  return runNode(node).then(
    () => 'runs',
    (error: unknown) => {
      if (error instanceof Refusal) return error.reason
      throw error
    },
  )
}

describe('gathers', () => {
  test('Gather along every axis, counted from the back as well, by int32 and int64', async () => {
    const dims = [3, 4, 2]
    for (const axis of [0, 1, 2, -1])
      for (const dtype of ['int32', 'int64'] as const) {
        const along = axis < 0 ? axis + 3 : axis
        const size = dims[along]
        const values = [0, -1, size - 1, -size]
        const to = [...dims.slice(0, along), 2, 2, ...dims.slice(along + 1)]
        const expected = coordinates(to).map((at) => {
          const value = values[at[along] * 2 + at[along + 1]]
          return indexOf(dims, [...at.slice(0, along), value < 0 ? value + size : value, ...at.slice(along + 2)])
        })
        expect(await result('Gather', 13, [counted(dims), of(dtype, [2, 2], values)], { axis })).toEqual({
          dims: to,
          values: expected,
        })
      }
    expect(await result('Gather', 13, [counted([3, 2]), places([], [1])])).toEqual({ dims: [2], values: [2, 3] })
  })
  test('GatherElements reads one line for each place', async () => {
    const values = [-1, 0, 1, 1]
    expect(await result('GatherElements', 13, [counted([3, 2]), places([2, 2], values)], { axis: 0 })).toEqual({
      dims: [2, 2],
      values: [4, 1, 2, 3],
    })
    expect(await result('GatherElements', 13, [counted([3, 2]), places([2, 2], values)], { axis: 1 })).toEqual({
      dims: [2, 2],
      values: [1, 0, 3, 3],
    })
  })
  test('GatherND of every depth and number of batch axes agrees with its definition', async () => {
    const dims = [2, 3, 4]
    for (const batch of [0, 1, 2])
      for (let depth = 1; depth <= 3 - batch; depth++) {
        const lead = [...dims.slice(0, batch), 2]
        const tuple = (at: number[]) =>
          Array.from(
            { length: depth },
            (_, i) => ((at.reduce((a, c) => a + c, i) * 5) % (2 * dims[batch + i])) - dims[batch + i],
          )
        const to = [...lead, ...dims.slice(batch + depth)]
        const expected = coordinates(to).map((at) => {
          const inner = tuple(at.slice(0, batch + 1)).map((v, i) => (v < 0 ? v + dims[batch + i] : v))
          return indexOf(dims, [...at.slice(0, batch), ...inner, ...at.slice(batch + 1)])
        })
        const indices = places([...lead, depth], coordinates(lead).flatMap(tuple))
        expect(await result('GatherND', 13, [counted(dims), indices], { batch_dims: batch })).toEqual({
          dims: to,
          values: expected,
        })
      }
  })
  test('an index out of range refuses the run, also where the joined index would be in range', async () => {
    const data = counted([2, 3])
    const nodes: OneNode[] = [
      { op: 'Gather', opset: 13, inputs: [data, places([1], [2])] },
      { op: 'Gather', opset: 13, inputs: [data, places([1], [-3])] },
      { op: 'GatherElements', opset: 13, inputs: [data, places([1, 1], [5])] },
      { op: 'GatherND', opset: 13, inputs: [data, places([1, 2], [0, 3])] },
      { op: 'ScatterND', opset: 16, inputs: [data, places([1, 2], [0, 3]), of('float32', [1], [9])] },
      { op: 'TensorScatter', opset: 24, inputs: [counted([2, 3, 1]), counted([2, 2, 1]), places([2], [0, 2])] },
    ]
    for (const node of nodes) expect(await reasonOf(node), node.op).toBe('index-out-of-range')
  })
})

describe('scatters', () => {
  const REDUCE: Record<string, (old: number, update: number) => number> = {
    none: (_, update) => update,
    add: (old, update) => old + update,
    mul: (old, update) => old * update,
    max: Math.max,
    min: Math.min,
  }
  test('ScatterElements with every reduction, duplicates and updates of a corner', async () => {
    const shape = fc.record({ rows: fc.integer({ min: 1, max: 4 }), columns: fc.integer({ min: 1, max: 4 }) })
    await fc.assert(
      fc.asyncProperty(
        shape,
        shape,
        fc.constantFrom(0, 1),
        fc.constantFrom(...Object.keys(REDUCE)),
        async (data, wanted, axis, reduction) => {
          const dims = [data.rows, data.columns]
          const updates = [wanted.rows, wanted.columns].map((n, i) => (i === axis ? n : Math.min(n, dims[i])))
          const at = Array.from({ length: sizeOf(updates) }, (_, i) => ((i * 5) % (2 * dims[axis])) - dims[axis])
          const expected = numbers(counted(dims, 1))
          coordinates(updates).forEach((place, i) => {
            const target = place.map((p, k) => (k === axis ? (at[i] + dims[axis]) % dims[axis] : p))
            const index = indexOf(dims, target)
            expected[index] = REDUCE[reduction](expected[index], i - 3)
          })
          const found = await result(
            'ScatterElements',
            18,
            [counted(dims, 1), places(updates, at), counted(updates, -3)],
            { axis, reduction },
          )
          expect(found.values).toEqual(expected)
        },
      ),
      { numRuns: 30 },
    )
  })
  test('ScatterND writes and combines slices', async () => {
    const tuples = [1, 0, 1]
    for (const [reduction, f] of Object.entries(REDUCE)) {
      const expected = numbers(counted([2, 3]))
      tuples.forEach((row, i) =>
        [0, 1, 2].forEach((k) => (expected[row * 3 + k] = f(expected[row * 3 + k], 2 - (i * 3 + k)))),
      )
      const updates = of('float32', [3, 3], [2, 1, 0, -1, -2, -3, -4, -5, -6])
      const found = await result('ScatterND', 18, [counted([2, 3]), places([3, 1], tuples), updates], { reduction })
      expect(found.values.map((v) => v + 0)).toEqual(expected.map((v) => v + 0))
    }
    const whole = await result('ScatterND', 18, [
      counted([2, 2]),
      places([2, 2], [0, 1, -1, -2]),
      of('float32', [2], [7, 8]),
    ])
    expect(whole.values).toEqual([0, 7, 8, 3])
  })
  test("TensorScatter writes from each entry's place on, round the end where circular", async () => {
    const [cache, update] = [counted([2, 4, 1]), of('float32', [2, 2, 1], [-1, -2, -3, -4])]
    const linear = await result('TensorScatter', 24, [cache, update, places([2], [1, 2])], { axis: 1 })
    expect(linear.values).toEqual([0, -1, -2, 3, 4, 5, -3, -4])
    const circular = await result('TensorScatter', 24, [cache, update, places([2], [3, 6])], {
      axis: 1,
      mode: 'circular',
    })
    expect(circular.values).toEqual([-2, 1, 2, -1, 4, 5, -3, -4])
    expect((await result('TensorScatter', 24, [cache, update], { axis: 1 })).values).toEqual([
      -1, -2, 2, 3, -3, -4, 6, 7,
    ])
  })
})
