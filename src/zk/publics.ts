/**
 * The public inputs of a circuit, computed from data: what a proof must say of a run that its verifier knows.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { hash } from '../exact/format.js'
import type { Circuit } from './circuit.js'
import { commit, commitList, rootOutOf, statementOf, type Layout } from './commit.js'
import { element } from './field.js'
import { verifySamples } from './samples.js'
import type { Step } from './witness.js'

/** What a proof says, in the order of its public inputs; each below the order of the field. */
export interface Publics {
  readonly statement: bigint
  readonly rootIn: bigint
  readonly rootOut: bigint
  readonly context: bigint
}

/** A step with what came of it. */
export interface Run extends Step {
  readonly outputs: readonly Tensor[]
  /** The state after, of a program that changes its state. */
  readonly stateAfter?: readonly Tensor[]
}

/** What of a circuit decides its public inputs. */
export type Bound = Pick<Circuit, 'program' | 'layouts' | 'salted' | 'members'>

/**
 * The public inputs that a proof of this run has. The state is read of baked circuits too.
 * Cost: a Poseidon leaf (0.7 ms) for each 15 packed elements.
 * @throws Fault `zk/bad-length` (tensors missing or too many, of another type, no salt where one belongs),
 * `zk/out-of-range` (a value outside of what the circuit was made for), `zk/not-in-field` (context, salts), `zk/not-a-member`
 * (a row of the inputs that is not the sample at its position).
 */
export function publicsOf(circuit: Bound, run: Run): Publics {
  const { program, layouts, salted } = circuit
  const { state, stateAfter, outputs, context, salts = {} } = run
  const steps = program.carries.length > 0
  demand((stateAfter !== undefined) === steps, 'zk/bad-length', () => 'a state after stands just where a step has one')
  const model = (tensors: readonly Tensor[]) => rootOf(tensors, layouts.parameters, salted.model, salts.model)
  const listed = rootOf(outputs, layouts.outputs, salted.outputs, salts.outputs)
  return {
    statement: statementOf(hash(program), model(state)),
    rootIn: rootInOf(circuit, run),
    rootOut: rootOutOf({
      outputs: program.outputs.length > 0 ? listed : undefined,
      after: stateAfter && model(stateAfter),
    }),
    context: element(context),
  }
}

function rootInOf({ layouts, salted, members }: Bound, { inputs, salts = {}, samples }: Run): bigint {
  if (members === undefined) return rootOf(inputs, layouts.inputs, salted.inputs, salts.inputs)
  if (samples === undefined) throw new Fault('zk/bad-length', 'the circuit asks for samples of a data set')
  return verifySamples(inputs, members, { samples, salt: salted.inputs ? salts.inputs : undefined })
}

function rootOf(tensors: readonly Tensor[], layouts: readonly Layout[], hidden: boolean, salt?: bigint): bigint {
  const expected = layouts.length
  demand(tensors.length === expected, 'zk/bad-length', () => 'tensors', { expected, found: tensors.length })
  demand(!hidden || salt !== undefined, 'zk/bad-length', () => 'the circuit asks for a salt')
  return commitList(tensors.map((tensor, i) => commitAs(tensor, layouts[i], hidden ? salt : undefined)))
}

/** The root of a tensor of just this type. */
function commitAs(value: Tensor, layout: Layout, salt?: bigint): bigint {
  const same = value.dtype === layout.dtype && `${value.dims}` === `${layout.dims}`
  const named = ({ dtype, dims }: Pick<Layout, 'dtype' | 'dims'>) => `${dtype}[${dims}]`
  demand(same, 'zk/bad-length', () => 'a tensor', { expected: named(layout), found: named(value) })
  return commit(value, { ...layout, salt })
}
