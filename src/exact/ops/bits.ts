/**
 * Exact ops on the bits of integers.
 * @module
 */
import { DTYPES, allocate, sizeOf, type DType, type Tensor, type TensorType } from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import type { ExactOp } from '../op.js'
import { broadcastDims, broadcastMap } from './broadcast.js'
import { commonType, demandOperands } from './operands.js'

const UNSIGNED: readonly DType[] = ['uint8', 'uint16', 'uint32', 'uint64']
const INTEGERS: readonly DType[] = ['int8', 'int16', 'int32', 'int64', ...UNSIGNED]

function inferIntegers(name: string, inputs: readonly TensorType[], dtypes: readonly DType[]): TensorType {
  demandOperands(name, inputs, 2)
  return { dtype: commonType(name, inputs, dtypes), dims: broadcastDims(inputs[0].dims, inputs[1].dims) }
}

/** Combines two integer tensors as bigints; storing wraps. */
function combine([a, b]: readonly Tensor[], output: TensorType, f: (x: bigint, y: bigint) => bigint): Tensor['data'] {
  const out = allocate(output.dtype, sizeOf(output.dims))
  const cells = out as unknown as { [i: number]: number | bigint }
  const [mapA, mapB] = [broadcastMap(a.dims, output.dims), broadcastMap(b.dims, output.dims)]
  const big = output.dtype === 'int64' || output.dtype === 'uint64'
  for (let i = 0; i < out.length; i++) {
    const value = f(BigInt(a.data[mapA?.[i] ?? i]), BigInt(b.data[mapB?.[i] ?? i]))
    cells[i] = big ? value : Number(BigInt.asIntN(32, value))
  }
  return out
}

function bitwise(name: string, number: number, f: (a: bigint, b: bigint) => bigint): ExactOp {
  return {
    name,
    number,
    attributes: [],
    halves: 'carry',
    dtypes: INTEGERS,
    infer: (inputs) => inferIntegers(name, inputs, INTEGERS),
    evaluate: (inputs, _attributes, output) => combine(inputs, output, f),
    lower: (g, inputs) => g.node(name, inputs),
    referee: 'elementwise',
    source: `ONNX ${name}`,
  }
}

const BIT_SHIFT: ExactOp = {
  name: 'BitShift',
  number: 29,
  attributes: [{ name: 'right', kind: 'int' }],
  halves: 'carry',
  dtypes: UNSIGNED,
  infer(inputs, { right }) {
    demand(right === 0 || right === 1, 'exact/bad-program', () => `BitShift with right = ${String(right)}`)
    return inferIntegers('BitShift', inputs, UNSIGNED)
  },
  evaluate(inputs, { right }, output) {
    const width = BigInt(8 * DTYPES[output.dtype].bytes)
    return combine(inputs, output, (a, b) => (b >= width ? 0n : right === 1 ? a >> b : a << b))
  },
  lower(g, inputs, { attributes, output: { dtype } }) {
    // Shifting by the width or more is undefined in C++: those distances are masked and give 0.
    const wide = dtype === 'uint64' ? dtype : 'uint32'
    const [a, b] = inputs.map((input) => (wide === dtype ? input : g.cast(input, wide)))
    const inside = g.less(b, g.scalar(wide, 8 * DTYPES[dtype].bytes))
    const kept = g.cast(inside, wide)
    const shifted = g.node('BitShift', [g.mul(a, kept), g.mul(b, kept)], {
      direction: attributes.right === 1 ? 'RIGHT' : 'LEFT',
    })
    return wide === dtype ? shifted : g.cast(shifted, dtype)
  },
  referee: 'elementwise',
  source: 'ONNX BitShift; a distance of the width or more gives 0',
}

export const BITS: readonly ExactOp[] = [
  bitwise('BitwiseAnd', 26, (a, b) => a & b),
  bitwise('BitwiseOr', 27, (a, b) => a | b),
  bitwise('BitwiseXor', 28, (a, b) => a ^ b),
  BIT_SHIFT,
]
