/**
 * Reverse mode: gradients of one scalar with respect to any values of a program, as further exact ops.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { isFloat } from '../core/tensor.js'
import type { Builder, Ref } from '../exact/builder.js'
import { ABSENT, type NodeValue, type Program } from '../exact/program.js'
import { RULES } from './rules/index.js'

/** What is differentiated, by the numbers of the program. */
export interface Wanted {
  /** A float of one element. */
  readonly of: number
  /** With respect to these values. */
  readonly by: readonly number[]
}

/**
 * The gradients of `of` by each of `by`; undefined where `of` does not depend on it through floats. `refs` are the program's values
 * in the builder (see `graft`); gradients that meet are added in descending order of the nodes that they come from.
 * @throws Fault `autodiff/no-gradient` with the name of an op that has no rule; `autodiff/not-scalar`.
 */
export function reverse(
  b: Builder,
  { program, refs }: { program: Program; refs: readonly Ref[] },
  { of, by }: Wanted,
): (Ref | undefined)[] {
  const { dtype, dims } = program.values[of]
  demand(isFloat(dtype) && dims.every((dim) => dim === 1), 'autodiff/not-scalar', () => `${dtype}[${dims}]`)
  const concerned = dependents(program, by)
  const arrived = new Map<number, Ref>([[of, b.full(refs[of], 1)]])
  for (let number = of; number >= 0; number--) {
    const value = program.values[number]
    const grad = arrived.get(number)
    if (grad === undefined || value.kind !== 'node' || !concerned.has(number)) continue
    const inputs = value.inputs.filter((input) => input !== ABSENT)
    const parts = ruleOf(value, number)(b, {
      inputs: inputs.map((input) => refs[input]),
      output: refs[number],
      attributes: value.attributes,
      grad,
    })
    inputs.forEach((input, i) => {
      const part = parts[i]
      if (part === undefined || !concerned.has(input) || !isFloat(program.values[input].dtype)) return
      const before = arrived.get(input)
      arrived.set(input, before === undefined ? part : b.add(before, part))
    })
  }
  return by.map((number) => arrived.get(number))
}

function ruleOf({ op }: NodeValue, number: number) {
  const rule = RULES.get(op)
  if (rule === undefined) throw new Fault('autodiff/no-gradient', `no gradient flows through ${op} (value ${number})`)
  return rule
}

/** The numbers of all values that depend on some of these. */
function dependents(program: Program, sources: readonly number[]): Set<number> {
  const found = new Set(sources)
  program.values.forEach((value, number) => {
    if (value.kind === 'node' && value.inputs.some((input) => found.has(input))) found.add(number)
  })
  return found
}
