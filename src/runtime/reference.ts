/**
 * The reference runtime: plain TypeScript, slow, the definition in code.
 * @module
 */
import { throwIfAborted } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { opOf } from '../exact/ops/index.js'
import { ABSENT, nextState, type NodeValue, type Program } from '../exact/program.js'
import {
  Refusal,
  demandNumbers,
  demandSameFixed,
  demandTypes,
  type OpenOptions,
  type Runtime,
  type Session,
  type StepResult,
} from './runtime.js'

/** Evaluates one node of a program on its operands. @throws Refusal where its fault point is met. */
export function evaluate(program: Program, number: number, operands: readonly Tensor[]): Tensor {
  const node = program.values[number] as NodeValue
  const row = opOf(node.op)
  const finding = row.faults?.find(operands, node.attributes)
  if (finding !== undefined) throw new Refusal(program, { node: number, ...finding })
  return { dtype: node.dtype, dims: node.dims, data: row.evaluate(operands, node.attributes, node) }
}

/** When each value is read for the last time; later it can be forgotten. */
function lastUses(program: Program): Int32Array {
  const last = new Int32Array(program.values.length).fill(-1)
  program.values.forEach((value, number) => {
    if (value.kind === 'node') for (const input of value.inputs) if (input !== ABSENT) last[input] = number
  })
  for (const number of [...program.outputs, ...program.carries.map((carry) => carry.value)])
    last[number] = program.values.length
  return last
}

class ReferenceSession implements Session {
  readonly program: Program
  state: readonly Tensor[]
  readonly #all: boolean
  readonly #last: Int32Array

  constructor(program: Program, state: readonly Tensor[], all: boolean) {
    this.program = program
    this.state = state
    this.#all = all
    this.#last = lastUses(program)
  }

  async step(inputs: readonly Tensor[], { signal }: { signal?: AbortSignal } = {}): Promise<StepResult> {
    const { program } = this
    demandTypes(inputs, 'inputs', program)
    const given = [...this.state, ...inputs]
    const values: Tensor[] = []
    for (const [number, value] of program.values.entries()) {
      if (value.kind !== 'node') values.push(value.kind === 'constant' ? value.tensor : given[number])
      else values.push(await this.#node(number, { values, signal }))
    }
    demandNumbers(program, (number) => values[number])
    this.state = nextState(program, this.state, ({ value }) => values[value])
    return { outputs: program.outputs.map((number) => values[number]), values: this.#all ? values : undefined }
  }

  /** Evaluates a node and forgets operands that nothing reads any more. */
  async #node(number: number, { values, signal }: { values: Tensor[]; signal?: AbortSignal }): Promise<Tensor> {
    throwIfAborted(signal)
    const node = this.program.values[number] as NodeValue
    const operands = node.inputs.filter((input) => input !== ABSENT).map((input) => values[input])
    const result = evaluate(this.program, number, operands)
    if (!this.#all) for (const input of node.inputs) if (this.#last[input] === number) values[input] = FORGOTTEN
    await new Promise<void>((resolve) => (number % 64 === 0 ? setTimeout(resolve, 0) : resolve()))
    return result
  }

  async restart(state: readonly Tensor[]): Promise<void> {
    this.state = demandSameFixed(this.program, this.state, state)
  }

  async close(): Promise<void> {}
}
const FORGOTTEN: Tensor = { dtype: 'uint8', dims: [0], data: new Uint8Array(0) }

/** The runtime `reference`. */
export function reference(): Runtime {
  return {
    name: 'reference',
    describe: async () => ({
      runtime: 'reference',
      version: '1',
      threads: 1,
      host: globalThis.process ? `${process.platform} ${process.arch}` : navigator.userAgent,
    }),
    async open(program, state, options: OpenOptions = {}) {
      throwIfAborted(options.signal)
      demandTypes(state, 'state', program)
      return new ReferenceSession(program, state, options.record === 'all')
    },
  }
}
