/**
 * Exact ops that scan: running sums.
 * Numerics: docs/numerics.md; one grid per scanned line, every partial sum exact in binary64 and rounded once.
 * @module
 */
import { sizeOf, type DType, type Tensor, type TensorType } from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import type { Emitter } from '../emitter.js'
import type { ExactOp } from '../op.js'
import { emitDomain64, emitGrid, emitMagnitude, grid64, pow2ceil64, pow2ceilWide } from './grid.js'
import { demandOperands } from './operands.js'
import { scanBits } from './scatter.js'

const SCANNED: readonly DType[] = ['float32', 'float64', 'int32', 'int64', 'uint32', 'uint64']

/** All leading axes and the last one. */
function linesOf(dims: readonly number[]) {
  const length = dims[dims.length - 1]
  return { outer: sizeOf(dims.slice(0, -1)), length }
}

function runningFloats({ data, dims, dtype }: Tensor): Tensor['data'] {
  const { outer, length } = linesOf(dims)
  const scale = dtype === 'float32' ? pow2ceilWide : pow2ceil64
  const shape = { outer, length, inner: 1, block: length }
  const grid = grid64(data as Float32Array, shape, { bits: scanBits(length), scale })
  const out = dtype === 'float32' ? new Float32Array(grid.length) : new Float64Array(grid.length)
  for (let i = 0, sum = 0; i < grid.length; i++) {
    sum = (i % length === 0 ? 0 : sum) + grid[i]
    out[i] = sum + 0
  }
  return out
}

/** Integers wrap as they are stored. */
function runningIntegers({ data, dims }: Tensor): Tensor['data'] {
  const { length } = linesOf(dims)
  const out = data.slice()
  const cells = out as unknown as { [i: number]: number }
  for (let i = 0; i < out.length; i++) if (i % length !== 0) cells[i] += cells[i - 1]
  return out
}

function emitRunning(g: Emitter, x: string, { dtype, dims }: TensorType): string {
  const { outer, length } = linesOf(dims)
  const flat = g.reshape(x, [outer, length])
  const scan = (y: string) => g.node('CumSum', [y, g.scalar('int64', 1)])
  if (dtype !== 'float32' && dtype !== 'float64') {
    const total = scan(dtype === 'uint64' ? g.bitCast(flat, 'int64') : g.cast(flat, 'int64'))
    return dtype === 'uint64' ? g.bitCast(total, 'uint64') : g.cast(total, dtype)
  }
  const magnitude = emitMagnitude(g, flat, { dtype, axes: [1] })
  const m = dtype === 'float32' ? g.cast(magnitude, 'float64') : emitDomain64(g, magnitude)
  const wide = dtype === 'float32' ? g.cast(flat, 'float64') : flat
  const total = scan(emitGrid(g, wide, m, { dtype: 'float64', bits: scanBits(length) }))
  return g.plusZero(dtype === 'float32' ? g.cast(total, 'float32') : total, dtype)
}

/** Running sums along the last axis, each including its own element. */
const CUM_SUM: ExactOp = {
  name: 'CumSum',
  number: 85,
  attributes: [],
  halves: 'widen',
  dtypes: SCANNED,
  infer(inputs) {
    demandOperands('CumSum', inputs, 1)
    const [x] = inputs
    demand(SCANNED.includes(x.dtype), 'exact/unsupported-type', () => `CumSum of ${x.dtype}`)
    demand(x.dims.length > 0, 'exact/shape-mismatch', () => 'CumSum of a scalar')
    return { dtype: x.dtype, dims: x.dims }
  },
  evaluate: ([x]) => (x.dtype === 'float32' || x.dtype === 'float64' ? runningFloats(x) : runningIntegers(x)),
  lower(g, [x], { output }) {
    if (sizeOf(output.dims) === 0) return g.expand(g.scalar(output.dtype, 0), output.dims)
    return g.reshape(emitRunning(g, x, output), output.dims)
  },
  referee: 'sum',
  source: 'ONNX CumSum over the last axis, inclusive; docs/numerics.md, scans and scatters',
}

export const SCANS: readonly ExactOp[] = [CUM_SUM]
