/**
 * Builds further on a program that exists already.
 * @module
 */
import { demand } from '../core/faults.js'
import { Builder, type Ref } from '../exact/builder.js'
import type { Compiled } from '../exact/compile.js'
import { ABSENT, inputsOf, type Program } from '../exact/program.js'

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

/** The model with only these parameters; the others are constants of its program, with the values that they had in the state. */
export function fixed({ program, state, bound }: Compiled, kept: ReadonlySet<string>): Compiled {
  const b = new Builder()
  const { parameters: names, inputs, outputs } = program.names
  const given = state.map((value, i) => (kept.has(names[i]) ? b.parameter(names[i], value) : b.constant(value)))
  const own = given.filter((_, i) => kept.has(names[i]))
  const refs = graft(b, program, [...given, ...inputsOf(program).map((type, i) => b.input(inputs[i], type))])
  const results = outputs.map((name, i) => [name, refs[program.outputs[i]]] as const)
  const { program: made } = b.finish({ outputs: results, keep: own })
  return { program: made, state: state.filter((_, i) => kept.has(names[i])), bound }
}
