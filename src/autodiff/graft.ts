/**
 * Builds further on a program that exists already.
 * @module
 */
import { demand } from '../core/faults.js'
import type { Builder, Ref } from '../exact/builder.js'
import { ABSENT, type Program } from '../exact/program.js'

/**
 * The values of a program inside of another one that is being built, in the program's numbering. `given` holds what stands for its
 * parameters and inputs, in this order: parameters and inputs of the new program, or values computed there.
 * @throws Fault `exact/missing-input`; `exact/shape-mismatch`, `exact/unsupported-type` where a given value has another type.
 */
export function graft(b: Builder, program: Program, given: readonly Ref[]): Ref[] {
  const { parameters, inputs } = program.counts
  demand(given.length === parameters + inputs, 'exact/missing-input', () => 'a value for each parameter and input', {
    expected: parameters + inputs,
    found: given.length,
  })
  const refs: Ref[] = [...given]
  for (const value of program.values.slice(given.length)) {
    if (value.kind === 'constant') refs.push(b.constant(value.tensor))
    if (value.kind !== 'node') continue
    const operands = value.inputs.map((input) => (input === ABSENT ? undefined : refs[input]))
    refs.push(b.op(value.op, operands, value.attributes))
  }
  return refs
}
