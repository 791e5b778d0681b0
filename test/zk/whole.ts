/**
 * Whole models through their circuits, against the exact evaluator.
 */
import { expect } from 'vitest'
import type { Tensor } from '../../src/core/tensor.js'
import { hash } from '../../src/exact/format.js'
import { inputsOf } from '../../src/exact/program.js'
import { exactRange } from '../../src/quantize/index.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { circuitOf, type Circuit } from '../../src/zk/circuit.js'
import { statementOf } from '../../src/zk/commit.js'
import { compile } from '../../src/zk/compile.js'
import { publicsOf, type Publics } from '../../src/zk/publics.js'
import { decodeSystem, verifyWitness } from '../../src/zk/r1cs.js'
import { generator, signalsOf } from '../../src/zk/witness.js'
import { draws, randomTensor, type Model } from '../../bench/zk-models.js'
import { allBlocks } from './bare.js'

const CONTEXT = 0x1234567890abcdefn

export async function built(model: Model, options: { baked: boolean; salted?: Circuit['salted'] }) {
  const { program, state, given } = model
  const baked = options.baked ? state : undefined
  const circuit = circuitOf(program, { blocks: await allBlocks(), given, salted: options.salted, baked })
  const { r1cs, wasm } = await compile(circuit)
  return { circuit, system: decodeSystem(r1cs), generator: await generator(wasm) }
}

/** Public inputs as a witness has them. */
const ordered = ({ statement, rootIn, rootOut, context }: Publics) => [statement, rootIn, rootOut, context]

/** Inputs over their whole range, now and then at its ends. */
export function drawInput({ program, given = {} }: Model, draw: () => number, round: number): Tensor[] {
  return inputsOf(program).map((type, i) => {
    const { lo, hi } = given[program.names.inputs[i]] ?? exactRange(type.dtype)
    const ends = [
      { lo: hi, hi },
      { lo, hi: lo },
    ]
    return randomTensor(draw, type, ends[round % 10] ?? { lo, hi })
  })
}

/** How long a model is held against its circuit, and who runs it: every runtime must give the same bits. */
export interface Trial {
  readonly runs: number
  readonly runtimes?: readonly Runtime[]
}

type Advance = (inputs: readonly Tensor[]) => Promise<{ outputs: readonly Tensor[]; state: readonly Tensor[] }>

/** A run of a model on several runtimes at once. */
async function together({ program, state }: Model, { runtimes = [reference()] }: Trial): Promise<Advance> {
  const sessions = await Promise.all(runtimes.map((runtime) => runtime.open(program, state)))
  return async (inputs) => {
    const results = []
    for (const session of sessions) {
      const { outputs } = await session.step(inputs)
      results.push({ outputs, state: session.state })
    }
    for (const result of results.slice(1)) expect(result).toEqual(results[0])
    return results[0]
  }
}

/** Runs of a model: the public inputs of each witness are those that the program's own outputs give. */
export async function inference(
  model: Model,
  options: { baked: boolean; salted?: Circuit['salted'] },
  trial: Trial,
): Promise<void> {
  const { circuit, system, generator: made } = await built(model, options)
  expect(system.constraints.length).toBe(circuit.constraints)
  const [advance, draw] = [await together(model, trial), draws(21)]
  const salts = { inputs: 1n << 127n, model: 99n, outputs: 98n }
  for (let round = 0; round < trial.runs; round++) {
    const step = { state: model.state, inputs: drawInput(model, draw, round), context: CONTEXT, salts }
    const witness = made.witness(signalsOf(circuit, step))
    const { outputs } = await advance(step.inputs)
    expect(witness.slice(1, 5)).toEqual(ordered(publicsOf(circuit, { ...step, outputs })))
    if (round % 20 === 0) expect(verifyWitness(system, witness)).toEqual(witness.slice(1, 5))
  }
}

/** Steps of a training program, each beginning where the last one ended. */
export async function training(model: Model, trial: Trial): Promise<void> {
  const { circuit, system, generator: made } = await built(model, { baked: false })
  expect(system.constraints.length).toBe(circuit.constraints)
  const [advance, draw] = [await together(model, trial), draws(22)]
  const programHash = hash(model.program)
  let state = model.state
  let before: bigint | undefined
  for (let at = 0; at < trial.runs; at++) {
    const step = { state, inputs: drawInput(model, draw, at), context: CONTEXT }
    const after = await advance(step.inputs)
    const publics = publicsOf(circuit, { ...step, outputs: after.outputs, stateAfter: after.state })
    const witness = made.witness(signalsOf(circuit, step))
    expect(witness.slice(1, 5)).toEqual(ordered(publics))
    if (before !== undefined) expect(publics.statement).toBe(statementOf(programHash, before))
    if (at % 20 === 0) verifyWitness(system, witness)
    state = after.state
    before = model.program.outputs.length === 0 ? publics.rootOut : undefined
  }
}
