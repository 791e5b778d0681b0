import { expect, test } from 'vitest'
import { graft } from '../../src/autodiff/graft.js'
import { reverse } from '../../src/autodiff/reverse.js'
import { DTYPES, sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import { conformProgram } from '../exact/conform.js'
import { faultOf } from '../onnx/build.js'
import { gradientsOf, spreadOut, type Build } from './differences.js'

/** The gradients of the plain sum, after every runtime gave their bits. */
async function gradients(build: Build, inputs: readonly Tensor[]): Promise<number[][]> {
  const found = await conformProgram(gradientsOf(summed(build, inputs)), inputs)
  return found.map(({ data }) => Array.from(data, Number))
}

function summed(build: Build, inputs: readonly Tensor[]) {
  const b = new Builder()
  const made = build(
    b,
    inputs.map((t, i) => b.input(`i${i}`, t)),
  )
  const loss = b.op('ReduceSum', [b.reshape(made, [sizeOf(made.dims)])], { axes: 1 })
  return b.finish({ outputs: [['loss', loss]] }).program
}

const floats = (dims: number[], values: number[]) => tensor('float32', dims, values)

test('the gradient of Relu at 0 is 0, of both zeros', async () => {
  expect(await gradients((b, [x]) => b.relu(x), [floats([4], [-1, 0, -0, 2])])).toEqual([[0, 0, 0, 1]])
})

test('of two equal operands of Max and Min the first takes the gradient', async () => {
  const [x, z] = [floats([3], [1, 2, 3]), floats([3], [3, 2, 1])]
  expect(await gradients((b, [p, q]) => b.max(p, q), [x, z])).toEqual([
    [0, 1, 1],
    [1, 0, 0],
  ])
  expect(await gradients((b, [p, q]) => b.min(p, q), [x, z])).toEqual([
    [1, 1, 0],
    [0, 0, 1],
  ])
})

test('of equal maxima the lowest index takes the gradient', async () => {
  const x = floats([2, 4], [1, 3, 3, 0, -0, 0, -1, 0])
  expect(await gradients((b, [r]) => b.op('ReduceMax', [r], { axes: 1 }), [x])).toEqual([[0, 1, 0, 0, 1, 0, 0, 0]])
  const low = floats([1, 3], [2, 1, 1])
  expect(await gradients((b, [r]) => b.op('ReduceMin', [r], { axes: 1 }), [low])).toEqual([[0, 1, 0]])
})

test('in a window of equal elements the first takes the gradient, once for every window that it stands in', async () => {
  const pool = { kernel: [2], strides: [1], pads: [0, 0], dilations: [1] }
  expect(await gradients((b, [x]) => b.op('MaxPool', [x], pool), [floats([1, 1, 4], [5, 5, 5, 5])])).toEqual([
    [1, 1, 1, 0],
  ])
})

test('the power 0 has no gradient where the base is 0, and a base that is not positive gives none to the exponent', async () => {
  const found = await gradients((b, [x, z]) => b.op('Pow', [x, z]), [floats([3], [0, -2, 2]), floats([3], [0, 2, 3])])
  expect(found[0]).toEqual([0, -4, 12])
  expect(found[1].slice(0, 2)).toEqual([0, 0])
})

test('an embedding adds up what arrives at rows that are read twice', async () => {
  const rows: Build = (b, [table, indices]) => b.gather(table, indices, 0)
  const found = await gradients(rows, [spreadOut('float32', [3, 2]), tensor('int64', [4], [2n, 0n, 2n, 2n])])
  expect(found).toEqual([[1, 1, 0, 0, 3, 3]])
})

test('gradients of a convolution with groups, strides, pads and dilations have the same bits on every runtime', async () => {
  const attributes = { group: 2, strides: [2, 1], pads: [1, 2, 0, 1], dilations: [1, 2] }
  const inputs = [spreadOut('float32', [2, 4, 7, 8]), spreadOut('float32', [6, 2, 3, 2], 2)]
  const square = (b: Builder, y: Ref) => b.mul(y, b.tanh(y))
  expect(await gradients((b, [x, w]) => square(b, b.op('Conv', [x, w], attributes)), inputs)).toHaveLength(2)
})

test('a sum over more samples than a block has the same bits on every runtime', async () => {
  const inputs = [spreadOut('float32', [3, 400, 2]), spreadOut('float32', [2, 3], 2)]
  expect(await gradients((b, [x, w]) => b.tanh(b.matmul(x, w)), inputs)).toHaveLength(2)
})

test('a gradient stops at integers', async () => {
  const build: Build = (b, [x]) => b.mul(x, b.cast(b.cast(b.mul(x, b.scalar('float32', 4)), 'int32'), 'float32'))
  expect(await gradients(build, [floats([2], [1.5, -0.5])])).toEqual([[6, -2]])
})

test('what the loss does not depend on has no gradient', () => {
  const program = summed((b, [x]) => b.relu(x), [floats([1], [1]), floats([2], [1, 2])])
  const b = new Builder()
  const refs = graft(
    b,
    program,
    program.values.slice(0, 2).map((type, i) => b.input(`i${i}`, type)),
  )
  const [first, second] = reverse(b, { program, refs }, { of: program.outputs[0], by: [0, 1] })
  expect(first?.dims).toEqual([1])
  expect(second).toBeUndefined()
})

test('an op without a rule is refused with its name', () => {
  const build: Build = (b, [x]) => b.cast(b.op('BitCast', [x], { to: DTYPES.bfloat16.code }), 'float32')
  const program = summed(build, [tensor('float16', [1], [0x3c00])])
  expect(faultOf(() => gradientsOf(program))).toBe('autodiff/no-gradient')
  expect(() => gradientsOf(program)).toThrow('BitCast')
})

test('what is not one floating-point number is not differentiated', () => {
  const b = new Builder()
  const x = b.input('x', { dtype: 'float32', dims: [2] })
  const { program } = b.finish({ outputs: [['y', b.relu(x)]] })
  expect(faultOf(() => gradientsOf(program))).toBe('autodiff/not-scalar')
})
