/**
 * The one contract of the runtimes: what executes a program. The same program, state and inputs give the same bits on every runtime.
 * @module
 */
import { equalBits, type Tensor } from '../core/tensor.js'
import { Fault, demand } from '../core/faults.js'
import { firstNaN } from '../exact/ops/nan.js'
import type { Reason } from '../exact/op.js'
import { inputsOf, parametersOf, type Program } from '../exact/program.js'

/** Where a run happened. Metadata: never part of a commitment. */
export interface Platform {
  readonly runtime: string
  readonly version: string
  readonly threads: number
  /** e.g. `linux x64`, or the browser's own description. */
  readonly host: string
}

/** What a session returns of each step beside outputs and state. */
export type RecordWish = 'outputs' | 'all'

/** Options of {@link Runtime.open}. */
export interface OpenOptions {
  /** `all`: every value of the program is returned with each step (an operator trace). Default `outputs`. */
  readonly record?: RecordWish
  readonly signal?: AbortSignal
}

/** What a step gave. */
export interface StepResult {
  readonly outputs: readonly Tensor[]
  /** Every value in the program's numbering where the session records `all`, else undefined. */
  readonly values: readonly Tensor[] | undefined
}

/** A program that is ready to run, with its state. */
export interface Session {
  readonly program: Program
  /** The parameters as they are now, in the program's order. */
  readonly state: readonly Tensor[]
  /**
   * Runs one step; carried parameters change with it, and only if the step is not refused.
   * @throws Refusal at the first fault point that is met; Fault `exact/wrong-input`, `runtime/failed`, `core/aborted`.
   */
  step(inputs: readonly Tensor[], options?: { signal?: AbortSignal }): Promise<StepResult>
  /**
   * Goes on from another state of the program, without being opened again. Cost: next to nothing.
   * @throws Fault `trace/bad-state` where it does not fit, or a parameter that no step changes has other bits: those are part of what was opened.
   */
  restart(state: readonly Tensor[]): Promise<void>
  close(): Promise<void>
}

/** Executes programs. */
export interface Runtime {
  readonly name: string
  describe(): Promise<Platform>
  /** @throws Fault `trace/bad-state` where the state does not fit the program; `runtime/unavailable`. */
  open(program: Program, state: readonly Tensor[], options?: OpenOptions): Promise<Session>
}

/** A run that its program refuses: the same fault on every platform. */
export class Refusal extends Fault {
  /** Number of the value whose node met the fault point (for `nan-result`: of the output or carried value). */
  readonly node: number
  /** First faulty element of the operand, row-major. */
  readonly element: number
  readonly reason: Reason

  constructor(program: Program, at: { node: number; element: number; reason: Reason }) {
    const value = program.values[at.node]
    const op = value.kind === 'node' ? value.op : value.kind
    super('runtime/refused', `${WHY[at.reason]} at value ${at.node} (${op}), element ${at.element}`)
    this.node = at.node
    this.element = at.element
    this.reason = at.reason
  }
}
const WHY: Record<Reason, string> = {
  nan: 'a NaN enters an op that platforms let swallow it',
  'zero-divisor': 'an integer is divided by zero',
  'index-out-of-range': 'an index is out of range',
  'nan-result': 'a NaN reaches an output or the next state',
}

/** Refuses tensors that do not fit the program's parameters or inputs. */
export function demandTypes(given: readonly Tensor[], wanted: 'state' | 'inputs', program: Program): void {
  const types = wanted === 'state' ? parametersOf(program) : inputsOf(program)
  const code = wanted === 'state' ? 'trace/bad-state' : 'exact/wrong-input'
  const names = wanted === 'state' ? program.names.parameters : program.names.inputs
  demand(given.length === types.length, code, () => `${wanted}: a tensor for each of ${types.length}`, {
    found: given.length,
  })
  types.forEach((type, i) => {
    const fits =
      given[i].dtype === type.dtype &&
      given[i].dims.length === type.dims.length &&
      type.dims.every((d, k) => d === given[i].dims[k])
    demand(fits, code, () => `${wanted} "${names[i]}"`, {
      expected: `${type.dtype}[${type.dims}]`,
      found: `${given[i].dtype}[${given[i].dims}]`,
    })
  })
}

/** Refuses a state to go on from that has another value where no step changes it. @throws Fault `trace/bad-state`. */
export function demandSameFixed(program: Program, own: readonly Tensor[], next: readonly Tensor[]): readonly Tensor[] {
  demandTypes(next, 'state', program)
  const carried = new Set(program.carries.map(({ parameter }) => parameter))
  next.forEach((tensor, i) => {
    const same = carried.has(i) || tensor === own[i] || equalBits(tensor, own[i])
    demand(same, 'trace/bad-state', () => `"${program.names.parameters[i]}" is changed by no step, and has other bits`)
  })
  return next
}

/** Numbers of the values that a step gives, its outputs and the next state, ascending: the order in which a NaN is looked for. */
export function resultsOf(program: Program): number[] {
  const results = new Set([...program.outputs, ...program.carries.map((carry) => carry.value)])
  return [...results].sort((a, b) => a - b)
}

/** Refuses a NaN in an output or the next state, the last fault point of a step. `clean` holds those that are known to have none. */
export function demandNumbers(
  program: Program,
  find: (number: number) => Tensor,
  { clean = new Set() }: { clean?: ReadonlySet<number> } = {},
): void {
  for (const node of resultsOf(program)) {
    const element = clean.has(node) ? -1 : firstNaN(find(node))
    if (element >= 0) throw new Refusal(program, { node, element, reason: 'nan-result' })
  }
}
