/**
 * What every row checks about its operands before it infers: programs come from strangers.
 * @module
 */
import type { DType, TensorType } from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import type { Attributes } from '../program.js'

/** Refuses more or fewer operands than the op has. @throws Fault `exact/bad-program`. */
export function demandOperands(name: string, inputs: readonly TensorType[], count: number): void {
  demand(inputs.length === count, 'exact/bad-program', () => `${name} with ${inputs.length} operands, not ${count}`)
}

/** The dims that a reduction over the last `axes` axes leaves. @throws Fault `exact/shape-mismatch` for more axes than there are. */
export function reducedDims(name: string, { dims }: TensorType, { axes }: Attributes): readonly number[] {
  const fits = typeof axes === 'number' && axes >= 0 && axes <= dims.length
  demand(fits, 'exact/shape-mismatch', () => `${name} of [${dims}] over ${String(axes)} axes`)
  return dims.slice(0, dims.length - axes)
}

/**
 * The one element type of all operands.
 * @throws Fault `exact/unsupported-type` where they differ, or where the op does not have their type.
 */
export function commonType(name: string, inputs: readonly TensorType[], dtypes: readonly DType[]): DType {
  const { dtype } = inputs[0]
  demand(
    dtypes.includes(dtype) && inputs.every((input) => input.dtype === dtype),
    'exact/unsupported-type',
    () => `${name} of ${inputs.map((input) => input.dtype).join(' and ')}`,
  )
  return dtype
}
