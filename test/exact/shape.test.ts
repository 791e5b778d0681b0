import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault, type FaultCode } from '../../src/core/faults.js'
import { sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { modelOf, runNode, type Given, type OneNode } from './one-node.js'

const isBig = (dtype: DType) => dtype === 'int64' || dtype === 'uint64'
const of = (dtype: DType, dims: readonly number[], values: readonly number[]): Tensor =>
  tensor(dtype, dims, (isBig(dtype) ? values.map(BigInt) : values) as number[])
const f32 = (dims: readonly number[], values: readonly number[]) => of('float32', dims, values)
const ints = (...values: number[]) => of('int64', [values.length], values)
const fixed = (constant: Tensor) => ({ constant })
/** 0, 1, 2 ... in a shape. */
const counted = (...dims: number[]) =>
  f32(
    dims,
    Array.from({ length: sizeOf(dims) }, (_, i) => i),
  )
const numbers = ({ data }: Tensor) => Array.from(data as ArrayLike<number | bigint>, Number)

/** Coordinates of the elements of a shape. */
const places = (dims: readonly number[]): number[][] =>
  dims.reduce<number[][]>((all, dim) => all.flatMap((at) => Array.from({ length: dim }, (_, i) => [...at, i])), [[]])
const indexOf = (dims: readonly number[], at: readonly number[]) =>
  at.reduce((index, i, axis) => index * dims[axis] + i, 0)

/** The elements of `counted(...from)` at the places that `f` names. */
const moved = (from: readonly number[], to: readonly number[], f: (at: number[]) => number[]) =>
  places(to).map((at) => indexOf(from, f(at)))

async function result(op: string, opset: number, inputs: OneNode['inputs'], attributes: Record<string, Given> = {}) {
  const [out] = await runNode({ op, opset, inputs, attributes })
  return { dims: out.dims, values: numbers(out) }
}

function faultOf(node: OneNode): FaultCode | 'compiles' {
  const inputs = node.inputs.flatMap((input, i) =>
    input !== undefined && 'dtype' in input ? [[`i${i}`, input] as const] : [],
  )
  try {
    compile(modelOf(node), { inputs: Object.fromEntries(inputs) })
  } catch (error) {
    if (Fault.is(error)) return error.code
    throw error
  }
  return 'compiles'
}

describe('shapes', () => {
  test('Shape clamps its ends, Size multiplies', async () => {
    const x = counted(2, 3, 4)
    const cases: [Record<string, number>, number[]][] = [
      [{}, [2, 3, 4]],
      [{ start: 1 }, [3, 4]],
      [{ end: -1 }, [2, 3]],
      [{ start: -9, end: 9 }, [2, 3, 4]],
      [{ start: 2, end: 1 }, []],
    ]
    for (const [attributes, values] of cases)
      expect((await result('Shape', 19, [x], attributes)).values).toEqual(values)
    expect(await result('Size', 13, [x])).toEqual({ dims: [], values: [24] })
  })
  test('Reshape copies zeros, fills -1, allows zeros where asked', async () => {
    const cases: [number[], number[], number[], Record<string, number>][] = [
      [[2, 3, 4], [4, -1], [4, 6], {}],
      [[2, 3, 4], [0, 0, 2, -1], [2, 3, 2, 2], {}],
      [[2, 3, 4], [-1], [24], {}],
      [[0, 3], [3, 0], [3, 0], { allowzero: 1 }],
      [[1], [], [], {}],
    ]
    for (const [from, shape, to, attributes] of cases) {
      const found = await result('Reshape', 14, [counted(...from), ints(...shape)], attributes)
      expect(found).toEqual({ dims: to, values: numbers(counted(...from)) })
    }
  })
  test('Reshape to another number of elements is refused', () => {
    for (const shape of [[5, 5], [-1, -1], [-1, 5], [0, 0, 0, 0], [-2]])
      expect(faultOf({ op: 'Reshape', opset: 14, inputs: [counted(2, 3, 4), ints(...shape)] })).toBe(
        'exact/shape-mismatch',
      )
  })
  test('Squeeze and Unsqueeze by attribute and by operand', async () => {
    const x = counted(1, 3, 1, 2)
    for (const [axes, dims] of [
      [[0], [3, 1, 2]],
      [[-2], [1, 3, 2]],
      [
        [2, 0],
        [3, 2],
      ],
    ]) {
      expect((await result('Squeeze', 11, [x], { axes })).dims).toEqual(dims)
      expect((await result('Squeeze', 13, [x, ints(...axes)])).dims).toEqual(dims)
    }
    expect((await result('Squeeze', 13, [x])).dims).toEqual([3, 2])
    for (const [axes, dims] of [
      [[0], [1, 2, 3]],
      [[-1], [2, 3, 1]],
      [
        [2, 0],
        [1, 2, 1, 3],
      ],
      [
        [3, 1],
        [2, 1, 3, 1],
      ],
    ]) {
      expect((await result('Unsqueeze', 11, [counted(2, 3)], { axes })).dims).toEqual(dims)
      expect((await result('Unsqueeze', 13, [counted(2, 3), ints(...axes)])).dims).toEqual(dims)
    }
    expect(faultOf({ op: 'Squeeze', opset: 13, inputs: [x, ints(1)] })).toBe('exact/shape-mismatch')
    expect(faultOf({ op: 'Unsqueeze', opset: 13, inputs: [x, ints(1, 1)] })).toBe('onnx/bad-node')
  })
  test('Flatten at every axis', async () => {
    for (const [axis, dims] of [
      [0, [1, 24]],
      [1, [2, 12]],
      [2, [6, 4]],
      [3, [24, 1]],
      [-1, [6, 4]],
      [-3, [1, 24]],
    ] as const)
      expect((await result('Flatten', 13, [counted(2, 3, 4)], { axis })).dims).toEqual(dims)
  })
  test('Transpose by every permutation', async () => {
    const from = [2, 3, 4]
    for (const perm of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const to = perm.map((axis) => from[axis])
      const values = moved(from, to, (at) => from.map((_, axis) => at[perm.indexOf(axis)]))
      expect(await result('Transpose', 13, [counted(...from)], { perm })).toEqual({ dims: to, values })
    }
    expect((await result('Transpose', 13, [counted(2, 3, 4)])).dims).toEqual([4, 3, 2])
  })
  test('Concat of more operands than one exact op takes', async () => {
    const parts = Array.from({ length: 21 }, (_, i) => f32([2, 1], [i, 100 + i]))
    const expected = [...Array.from({ length: 21 }, (_, i) => i), ...Array.from({ length: 21 }, (_, i) => 100 + i)]
    expect(await result('Concat', 13, parts, { axis: -1 })).toEqual({ dims: [2, 21], values: expected })
  })
})

describe('slices', () => {
  /** What Python's range makes of a slice of an axis. */
  function taken(size: number, start: number, end: number, step: number): number[] {
    const at = (value: number, low: number, high: number) =>
      Math.min(Math.max(value < 0 ? value + size : value, low), high)
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1]
    const found: number[] = []
    for (let i = at(start, low, high); step > 0 ? i < at(end, low, high) : i > at(end, low, high); i += step)
      found.push(i)
    return found
  }
  test('any start, end and step take what Python takes', async () => {
    const bound = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(-(2 ** 53), 2 ** 53))
    const step = fc.integer({ min: -7, max: 7 }).filter((v) => v !== 0)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 6 }), bound, bound, step, async (size, start, end, by) => {
        const inputs = [counted(2, size), fixed(ints(start)), fixed(ints(end)), fixed(ints(-1)), fixed(ints(by))]
        const row = taken(size, start, end, by)
        const found = await result('Slice', 13, inputs)
        expect(found).toEqual({ dims: [2, row.length], values: [...row, ...row.map((i) => i + size)] })
      }),
      { numRuns: 60 },
    )
  })
  test('the limits of int64 as bounds, by attribute and by operand', async () => {
    const [low, high] = [-(2n ** 63n), 2n ** 63n - 1n]
    const at = (value: bigint) => fixed(tensor('int64', [1], [value]))
    expect((await result('Slice', 10, [counted(5), at(1n), at(high)])).values).toEqual([1, 2, 3, 4])
    expect((await result('Slice', 10, [counted(5), at(high), at(low), at(0n), at(-1n)])).values).toEqual([
      4, 3, 2, 1, 0,
    ])
    expect((await result('Slice', 10, [counted(5), at(1n), at(high), at(0n), at(high)])).values).toEqual([1])
    expect((await result('Slice', 9, [counted(5)], { starts: [-2], ends: [2 ** 62], axes: [0] })).values).toEqual([
      3, 4,
    ])
  })
  test('Split into equal, given and uneven parts', async () => {
    const parts = async (
      opset: number,
      inputs: OneNode['inputs'],
      outputs: number,
      attributes: Record<string, Given> = {},
    ) => (await runNode({ op: 'Split', opset, inputs, outputs, attributes })).map(numbers)
    expect(await parts(11, [counted(6)], 3)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ])
    expect(await parts(11, [counted(6)], 2, { split: [1, 5] })).toEqual([[0], [1, 2, 3, 4, 5]])
    expect(await parts(13, [counted(6), ints(4, 0, 2)], 3)).toEqual([[0, 1, 2, 3], [], [4, 5]])
    expect(await parts(18, [counted(7)], 3, { num_outputs: 3 })).toEqual([[0, 1, 2], [3, 4, 5], [6]])
    expect(await parts(18, [counted(2, 3)], 2, { num_outputs: 2, axis: -1 })).toEqual([
      [0, 1, 3, 4],
      [2, 5],
    ])
    expect(faultOf({ op: 'Split', opset: 13, inputs: [counted(7)], outputs: 2 })).toBe('onnx/bad-node')
    expect(faultOf({ op: 'Split', opset: 13, inputs: [counted(7), ints(3, 3)], outputs: 2 })).toBe(
      'exact/shape-mismatch',
    )
  })
})

describe('repetition and padding', () => {
  test('Expand broadcasts both ways; Tile repeats', async () => {
    expect((await result('Expand', 13, [counted(3, 1), ints(2, 1, 4)])).dims).toEqual([2, 3, 4])
    expect((await result('Expand', 13, [counted(3, 4), ints(1)])).dims).toEqual([3, 4])
    const to = [4, 3, 6]
    const values = moved([2, 3, 2], to, ([i, j, k]) => [i % 2, j, k % 2])
    expect(await result('Tile', 13, [counted(2, 3, 2), ints(2, 1, 3)])).toEqual({ dims: to, values })
    expect((await result('Tile', 13, [counted(2, 3), ints(0, 1)])).dims).toEqual([0, 3])
  })
  test('Pad in every mode, with negative pads, axes and a value', async () => {
    const x = counted(4)
    const cases: [string, number[], number[]][] = [
      ['constant', [2, 1], [7, 7, 0, 1, 2, 3, 7]],
      ['constant', [-1, 2], [1, 2, 3, 7, 7]],
      ['edge', [2, 1], [0, 0, 0, 1, 2, 3, 3]],
      ['reflect', [2, 3], [2, 1, 0, 1, 2, 3, 2, 1, 0]],
      ['reflect', [9, 0], [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3]],
      ['wrap', [2, 5], [2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0]],
      ['edge', [-2, 1], [2, 3, 3]],
    ]
    for (const [mode, pads, values] of cases) {
      expect((await result('Pad', 19, [x, ints(...pads), f32([], [7])], { mode })).values).toEqual(values)
      if (mode !== 'wrap')
        expect((await result('Pad', 2, [x], { mode, pads, value: { float: 7 } })).values).toEqual(values)
    }
    const along = await result('Pad', 19, [counted(2, 2), ints(1, 0), undefined, ints(-1)])
    expect(along).toEqual({ dims: [2, 3], values: [0, 0, 1, 0, 2, 3] })
    expect(faultOf({ op: 'Pad', opset: 19, inputs: [x, ints(-3, -2)] })).toBe('exact/shape-mismatch')
  })
  test('CenterCropPad drops and adds the odd element behind', async () => {
    expect((await result('CenterCropPad', 18, [counted(5), ints(2)])).values).toEqual([1, 2])
    expect((await result('CenterCropPad', 18, [counted(6), ints(3)])).values).toEqual([1, 2, 3])
    expect((await result('CenterCropPad', 18, [f32([2], [8, 9]), ints(5)])).values).toEqual([0, 8, 9, 0, 0])
  })
  test('DepthToSpace in both modes, and SpaceToDepth undoes the first', async () => {
    const [n, c, h, w, s] = [2, 8, 2, 3, 2]
    const to = [n, c / (s * s), h * s, w * s]
    const x = counted(n, c, h, w)
    const depth = c / (s * s)
    const dcr = moved(x.dims, to, ([i, d, y, z]) => [
      i,
      ((y % s) * s + (z % s)) * depth + d,
      Math.floor(y / s),
      Math.floor(z / s),
    ])
    const crd = moved(x.dims, to, ([i, d, y, z]) => [
      i,
      d * s * s + (y % s) * s + (z % s),
      Math.floor(y / s),
      Math.floor(z / s),
    ])
    expect(await result('DepthToSpace', 13, [x], { blocksize: s })).toEqual({ dims: to, values: dcr })
    expect(await result('DepthToSpace', 13, [x], { blocksize: s, mode: 'CRD' })).toEqual({ dims: to, values: crd })
    const back = await result('SpaceToDepth', 13, [f32(to, dcr)], { blocksize: s })
    expect(back).toEqual({ dims: [n, c, h, w], values: numbers(x) })
  })
})

describe('tables', () => {
  test('ConstantOfShape, EyeLike and Trilu', async () => {
    expect(await result('ConstantOfShape', 9, [ints(2, 2)])).toEqual({ dims: [2, 2], values: [0, 0, 0, 0] })
    expect(await result('ConstantOfShape', 9, [ints()], { value: of('int8', [1], [5]) })).toEqual({
      dims: [],
      values: [5],
    })
    expect((await result('EyeLike', 9, [counted(2, 3)], { k: 1 })).values).toEqual([0, 1, 0, 0, 0, 1])
    for (const upper of [0, 1])
      for (const k of [-3, -1, 0, 2, 9]) {
        const keeps = (i: number, j: number) => (upper === 1 ? j >= i + k : j <= i + k)
        const values = places([2, 3, 4]).map(([m, i, j]) => (keeps(i, j) ? indexOf([2, 3, 4], [m, i, j]) : 0))
        expect((await result('Trilu', 14, [counted(2, 3, 4), of('int64', [], [k])], { upper })).values).toEqual(values)
      }
  })
  test('Range counts up, down and not at all', async () => {
    const range = (dtype: DType, ...bounds: number[]) =>
      result(
        'Range',
        11,
        bounds.map((v) => of(dtype, [], [v])),
      )
    expect((await range('float32', 1, 10, 2.5)).values).toEqual([1, 3.5, 6, 8.5])
    expect((await range('float32', 0, 1, 0.1)).values.length).toBe(10)
    expect((await range('int64', 10, 1, -4)).values).toEqual([10, 6, 2])
    expect((await range('int32', -7, 8, 5)).values).toEqual([-7, -2, 3])
    expect((await range('int64', 3, 3, 1)).values).toEqual([])
    expect((await range('int64', 3, 9, -1)).values).toEqual([])
    expect(faultOf({ op: 'Range', opset: 11, inputs: [0, 4, 0].map((v) => of('int64', [], [v])) })).toBe(
      'onnx/bad-node',
    )
    expect(faultOf({ op: 'Range', opset: 11, inputs: [0, 2 ** 40, 1].map((v) => of('int64', [], [v])) })).toBe(
      'exact/too-large',
    )
  })
  test('OneHot counts from the back, names nothing out of range', async () => {
    const inputs = (dtype: DType) => [
      of(dtype, [4], dtype === 'float32' ? [0, -1, 2, 3] : [0, -1, 2, 3]),
      ints(3),
      f32([2], [5, 9]),
    ]
    const rows = [
      [9, 5, 5],
      [5, 5, 9],
      [5, 5, 9],
      [5, 5, 5],
    ]
    for (const dtype of ['int64', 'int32', 'float32'] as const)
      expect(await result('OneHot', 11, inputs(dtype))).toEqual({ dims: [4, 3], values: rows.flat() })
    const columns = [0, 1, 2].flatMap((j) => rows.map((row) => row[j]))
    expect(await result('OneHot', 11, inputs('int64'), { axis: 0 })).toEqual({ dims: [3, 4], values: columns })
  })
  test('ReverseSequence turns the first elements of each entry', async () => {
    const lengths = [1, 3, 4]
    const values = moved([3, 4, 2], [3, 4, 2], ([n, t, k]) => [n, t < lengths[n] ? lengths[n] - 1 - t : t, k])
    const found = await result('ReverseSequence', 10, [counted(3, 4, 2), ints(...lengths)], {
      batch_axis: 0,
      time_axis: 1,
    })
    expect(found.values).toEqual(values)
    const across = moved([4, 3], [4, 3], ([t, n]) => [t < lengths[n] ? lengths[n] - 1 - t : t, n])
    expect((await result('ReverseSequence', 10, [counted(4, 3), ints(...lengths)])).values).toEqual(across)
  })
})

describe('sizes that depend on values', () => {
  const named = (...values: number[]) => fixed(f32([values.length], values))
  test('Compress, NonZero and Unique of constants', async () => {
    const kept = fixed(of('bool', [2], [0, 1]))
    expect(await result('Compress', 11, [counted(3, 2), kept], { axis: 0 })).toEqual({ dims: [1, 2], values: [2, 3] })
    expect(await result('Compress', 11, [counted(3, 2), kept])).toEqual({ dims: [1], values: [1] })
    const sparse = fixed(f32([2, 3], [0, 5, 0, -1, 0, NaN]))
    expect(await result('NonZero', 13, [sparse])).toEqual({ dims: [2, 3], values: [0, 1, 1, 1, 0, 2] })
    const unique = async (attributes: Record<string, Given>) =>
      (await runNode({ op: 'Unique', opset: 11, outputs: 4, inputs: [named(2, 1, 1, 3, 4, 3)], attributes })).map(
        numbers,
      )
    expect(await unique({})).toEqual([
      [1, 2, 3, 4],
      [1, 0, 3, 4],
      [1, 0, 0, 2, 3, 2],
      [2, 1, 2, 1],
    ])
    expect(await unique({ sorted: 0 })).toEqual([
      [2, 1, 3, 4],
      [0, 1, 3, 4],
      [0, 1, 1, 2, 3, 2],
      [1, 2, 2, 1],
    ])
    const rows = await runNode({
      op: 'Unique',
      opset: 11,
      outputs: 4,
      inputs: [fixed(f32([3, 2], [1, 0, 1, 0, 0, 9]))],
      attributes: { axis: 0 },
    })
    expect(rows.map(numbers)).toEqual([
      [0, 9, 1, 0],
      [2, 0],
      [1, 1, 0],
      [1, 2],
    ])
  })
  test('of data that is not known when compiling are refused', () => {
    const data = { dtype: 'float32', dims: [100] } as const
    for (const op of ['NonZero', 'Unique']) {
      const model = modelOf({ op, opset: 13, inputs: [counted(100)] })
      let code = ''
      try {
        compile(model, { inputs: { i0: data } })
      } catch (error) {
        code = Fault.is(error) ? error.code : ''
      }
      expect(code).toBe('exact/dynamic-shape')
    }
  })
})

describe('hostile operands', () => {
  const scalar = (value: number) => of('int64', [], [value])
  test('sizes that are negative or beyond the limits are refused before anything is allocated', () => {
    const nodes: [OneNode, FaultCode][] = [
      [{ op: 'ConstantOfShape', opset: 9, inputs: [ints(-1)] }, 'exact/shape-mismatch'],
      [{ op: 'ConstantOfShape', opset: 9, inputs: [ints(2 ** 30, 2 ** 30)] }, 'exact/too-large'],
      [{ op: 'Expand', opset: 13, inputs: [counted(1), ints(-4)] }, 'exact/shape-mismatch'],
      [{ op: 'Tile', opset: 13, inputs: [counted(2), ints(2 ** 40)] }, 'exact/too-large'],
      [{ op: 'Tile', opset: 13, inputs: [counted(2), ints(-1)] }, 'onnx/bad-node'],
      [{ op: 'Pad', opset: 19, inputs: [counted(2), ints(2 ** 40, 0)] }, 'exact/too-large'],
      [
        { op: 'Pad', opset: 19, inputs: [counted(2), ints(2 ** 40, 0)], attributes: { mode: 'edge' } },
        'exact/too-large',
      ],
      [{ op: 'CenterCropPad', opset: 18, inputs: [counted(2), ints(-5)] }, 'exact/shape-mismatch'],
      [{ op: 'OneHot', opset: 11, inputs: [ints(0), scalar(2 ** 40), f32([2], [0, 1])] }, 'exact/too-large'],
      [{ op: 'Split', opset: 18, inputs: [counted(2)], attributes: { num_outputs: 2 ** 40 } }, 'onnx/bad-node'],
      [{ op: 'Unsqueeze', opset: 13, inputs: [counted(2), ints(0, 1, 2, 3, 4, 5, 6, 7)] }, 'exact/too-large'],
      [{ op: 'DepthToSpace', opset: 13, inputs: [counted(1, 4, 1, 1)], attributes: { blocksize: 0 } }, 'onnx/bad-node'],
    ]
    for (const [node, code] of nodes) expect(faultOf(node), node.op).toBe(code)
  })
  test('Unique of two hundred thousand equal elements takes no longer than they are many', async () => {
    const same = fixed(of('int32', [200_000], new Array<number>(200_000).fill(3)))
    const [values, , , counts] = await runNode({ op: 'Unique', opset: 11, outputs: 4, inputs: [same] })
    expect([numbers(values), numbers(counts)]).toEqual([[3], [200_000]])
  })
})
