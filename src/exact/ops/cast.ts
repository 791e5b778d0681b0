/**
 * Exact ops that change the element type.
 * @module
 */
import { DTYPES, allocate, dtypeOf, isFloat, sizeOf } from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import type { ExactOp } from '../op.js'

const CAST: ExactOp = {
  name: 'Cast',
  number: 23,
  attributes: [{ name: 'to', kind: 'int' }],
  halves: 'carry',
  dtypes: 'any',
  infer([x], attributes) {
    const dtype = dtypeOf(attributes.to as number)
    demand(dtype !== undefined, 'exact/unsupported-type', () => `Cast to type ${String(attributes.to)}`)
    return { dtype, dims: x.dims }
  },
  evaluate([x], _attributes, output) {
    const out = allocate(output.dtype, sizeOf(output.dims)) as unknown as { [i: number]: number | bigint }
    const big = output.dtype === 'int64' || output.dtype === 'uint64'
    for (let i = 0; i < x.data.length; i++) out[i] = big ? BigInt(x.data[i]) : Number(x.data[i])
    return out as never
  },
  lower: (g, [x], { output }) => g.cast(x, output.dtype),
  referee: 'elementwise',
  source: 'ONNX Cast',
}
void isFloat
void DTYPES
export const CASTS: readonly ExactOp[] = [CAST]
