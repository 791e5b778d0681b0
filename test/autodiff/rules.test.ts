import { describe, expect, test } from 'vitest'
import { RULES } from '../../src/autodiff/rules/index.js'
import { DTYPES, tensor, type Tensor } from '../../src/core/tensor.js'
import type { Attributes } from '../../src/exact/program.js'
import { OPS } from '../../src/exact/ops/index.js'
import { agree, spreadOut, type Tolerance } from './differences.js'

/** Points lie on a coarse grid, on which sums and products of binary64 are exact. */
const EXACT: Tolerance = { h: 2 ** -9, within: 1e-6 }
/** Elementary functions are binary32 values: differences cannot be finer. */
const SINGLE: Tolerance = { h: 2 ** -5, within: 2e-5 }

interface Case {
  readonly op: string
  readonly inputs: readonly Tensor[]
  readonly attributes?: Attributes
  readonly tolerance?: Tolerance
  readonly note?: string
}

const wide = (dims: number[], seed?: number) => spreadOut('float64', dims, seed)
const single = (dims: number[], seed?: number) => spreadOut('float32', dims, seed)
const ints = (dims: number[], values: number[]) => tensor('int64', dims, values.map(BigInt))
const mapped = (t: Tensor, f: (x: number) => number): Tensor => ({ ...t, data: (t.data as Float64Array).map(f) })
/** Between 0.5 and 1.5. */
const positive = (t: Tensor) => mapped(t, (x) => 1 + x / 2)

const ARITHMETIC: Case[] = [
  { op: 'Add', inputs: [wide([2, 3]), wide([3], 2)] },
  { op: 'Sub', inputs: [wide([2, 1]), wide([2, 3], 2)] },
  { op: 'Mul', inputs: [wide([2, 3]), wide([3], 2)] },
  { op: 'Mul', inputs: [wide([], 3), wide([2, 2], 2)], note: 'a scalar with a matrix' },
  { op: 'Div', inputs: [wide([2, 3]), positive(wide([1, 3], 2))] },
  { op: 'Fmod', inputs: [mapped(wide([5]), (x) => 8 * x + 0.1), positive(wide([5], 2))] },
  { op: 'Max', inputs: [wide([6]), wide([6], 2)] },
  { op: 'Min', inputs: [wide([2, 3]), wide([3], 2)] },
  { op: 'Sqrt', inputs: [positive(wide([4]))] },
  { op: 'Neg', inputs: [wide([4])] },
  { op: 'Abs', inputs: [wide([4])] },
  { op: 'Relu', inputs: [wide([6])] },
  { op: 'Floor', inputs: [mapped(wide([5]), (x) => x + 0.1)] },
  { op: 'Ceil', inputs: [mapped(wide([5]), (x) => x + 0.1)] },
  { op: 'Round', inputs: [mapped(wide([5]), (x) => x + 0.1)] },
  { op: 'Sign', inputs: [wide([4])] },
  { op: 'Where', inputs: [tensor('bool', [2, 1], [1, 0]), wide([2, 3]), wide([3], 2)] },
  { op: 'Cast', inputs: [wide([4])], attributes: { to: DTYPES.float32.code }, tolerance: SINGLE },
  { op: 'Pow', inputs: [positive(single([2, 3])), single([3], 2)], tolerance: SINGLE },
]

const DOMAINS: Partial<Record<string, (x: number) => number>> = {
  Log: (x) => 1 + x / 2,
  Asin: (x) => x / 2,
  Acos: (x) => x / 2,
  Atanh: (x) => x / 2,
  Acosh: (x) => 2 + x / 2,
  Log1p: (x) => x / 2,
}
const FUNCTIONS =
  'Exp Expm1 Log Log1p Tanh Sigmoid Softplus Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh'.split(' ')
const ELEMENTARY: Case[] = FUNCTIONS.map((op) => ({
  op,
  inputs: [mapped(single([5]), DOMAINS[op] ?? ((x) => x))],
  tolerance: SINGLE,
}))

const conv = (more: Attributes): Attributes => ({
  group: 1,
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  ...more,
})
const PRODUCTS: Case[] = [
  { op: 'MatMul', inputs: [wide([3, 4]), wide([4, 2], 2)] },
  { op: 'MatMul', inputs: [wide([2, 3, 4]), wide([4, 2], 2)], note: 'one matrix for a batch' },
  { op: 'MatMul', inputs: [wide([3, 4]), wide([2, 4, 2], 2)], note: 'a batch on the right alone' },
  { op: 'MatMul', inputs: [wide([2, 1, 3, 4]), wide([3, 4, 2], 2)], note: 'batches that broadcast' },
  { op: 'Conv', inputs: [wide([2, 2, 4, 5]), wide([3, 2, 3, 2], 2)], attributes: conv({}) },
  {
    op: 'Conv',
    inputs: [wide([2, 4, 5, 5]), wide([4, 2, 3, 3], 2)],
    attributes: conv({ group: 2, pads: [1, 0, 2, 1] }),
    note: 'in groups, with pads',
  },
  {
    op: 'Conv',
    inputs: [wide([1, 1, 6, 7]), wide([2, 1, 2, 2], 2)],
    attributes: conv({ strides: [2, 3], dilations: [2, 1] }),
    note: 'with strides that leave a rest, and dilations',
  },
  {
    op: 'Conv',
    inputs: [wide([1, 1, 3]), wide([1, 1, 1], 2)],
    attributes: { group: 1, strides: [2], pads: [2, 1], dilations: [1] },
    note: 'with pads wider than the kernel',
  },
]

const POOL = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] }
const REDUCTIONS: Case[] = [
  { op: 'ReduceSum', inputs: [wide([2, 3, 2])], attributes: { axes: 2 } },
  { op: 'ReduceMax', inputs: [wide([3, 4])], attributes: { axes: 1 } },
  { op: 'ReduceMin', inputs: [wide([2, 2, 3])], attributes: { axes: 2 } },
  { op: 'CumSum', inputs: [wide([2, 4])] },
  { op: 'MaxPool', inputs: [single([1, 2, 4, 5])], attributes: POOL, tolerance: { h: 2 ** -9, within: 1e-4 } },
  {
    op: 'MaxPool',
    inputs: [single([2, 1, 5, 5])],
    attributes: { ...POOL, kernel: [3, 2], strides: [1, 2], pads: [1, 1, 1, 0], dilations: [1, 2] },
    note: 'windows that overlap, pads and dilations',
    tolerance: { h: 2 ** -9, within: 1e-4 },
  },
]

const MOVEMENT: Case[] = [
  { op: 'Reshape', inputs: [wide([2, 3])], attributes: { shape: [3, 2] } },
  { op: 'Transpose', inputs: [wide([2, 3, 2])], attributes: { perm: [2, 0, 1] } },
  { op: 'Expand', inputs: [wide([2, 1])], attributes: { shape: [3, 2, 2] } },
  { op: 'Slice', inputs: [wide([4, 5])], attributes: { starts: [1, 0], ends: [3, 5], steps: [1, 2] } },
  {
    op: 'Slice',
    inputs: [wide([4, 5])],
    attributes: { starts: [3, 4], ends: [-1, 0], steps: [-2, -1] },
    note: 'backwards',
  },
  { op: 'Concat', inputs: [wide([2, 1]), wide([2, 3], 2)], attributes: { axis: 1 } },
  { op: 'Pad', inputs: [wide([2, 2]), wide([], 2)], attributes: { pads: [1, 0, 0, 2] } },
  { op: 'Gather', inputs: [wide([2, 4, 2]), ints([2, 2], [3, 0, 3, 3])], attributes: { axis: 1 } },
  { op: 'GatherElements', inputs: [wide([3, 4]), ints([2, 3], [0, 2, 2, 3, 3, 1])], attributes: { axis: 1 } },
  {
    op: 'ScatterElements',
    inputs: [wide([2, 4]), ints([2, 3], [0, 2, 2, 3, 3, 3]), wide([2, 3], 2)],
    attributes: { axis: 1 },
    note: 'several updates to one place',
  },
  {
    op: 'ScatterAdd',
    inputs: [wide([2, 4]), ints([2, 3], [0, 2, 2, 3, 3, 3]), wide([2, 3], 2)],
    attributes: { axis: 1 },
  },
]

describe('the rule of every op gives the central differences', () => {
  for (const { op, inputs, attributes, tolerance, note } of [
    ...ARITHMETIC,
    ...ELEMENTARY,
    ...PRODUCTS,
    ...REDUCTIONS,
    ...MOVEMENT,
  ])
    test(`${op}${note ? `: ${note}` : ''}`, () =>
      agree((b, refs) => b.op(op, refs, attributes), inputs, tolerance ?? EXACT))
})

test('every exact op that gives floats has a rule and a case here, but for BitCast', () => {
  const tested = new Set([...ARITHMETIC, ...ELEMENTARY, ...PRODUCTS, ...REDUCTIONS, ...MOVEMENT].map(({ op }) => op))
  const integral =
    'Mod BitwiseAnd BitwiseOr BitwiseXor BitShift Equal Less And Or Not Xor IsNaN ArgMax ArgMin TopK'.split(' ')
  const differentiable = OPS.map(({ name }) => name).filter((name) => !integral.includes(name) && name !== 'BitCast')
  expect([...RULES.keys()].sort()).toEqual([...differentiable].sort())
  expect([...tested].sort()).toEqual([...differentiable].sort())
})
