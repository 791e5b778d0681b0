/**
 * Whole models through their circuits, against the exact evaluator.
 */
import { expect } from 'vitest'
import type { Tensor } from '../../src/core/tensor.js'
import { hash } from '../../src/exact/format.js'
import { inputsOf } from '../../src/exact/program.js'
import { exactRange } from '../../src/quantize/index.js'
import { reference } from '../../src/runtime/reference.js'
import { circuitOf, type Circuit } from '../../src/zk/circuit.js'
import { commit, commitList, statementOf, type Layout } from '../../src/zk/commit.js'
import { compile } from '../../src/zk/compile.js'
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

const rootOf = (tensors: readonly Tensor[], layouts: readonly Layout[], salt?: bigint): bigint =>
  commitList(tensors.map((tensor, i) => commit(tensor, { ...layouts[i], salt })))

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

/** Runs of a model: the public inputs of each witness are those that the program's own outputs give. */
export async function inference(
  model: Model,
  options: { baked: boolean; salted?: Circuit['salted'] },
  runs: number,
): Promise<void> {
  const { circuit, system, generator: made } = await built(model, options)
  expect(system.constraints.length).toBe(circuit.constraints)
  const [session, draw] = [await reference().open(model.program, model.state), draws(21)]
  const salts = { inputs: 1n << 127n, model: 99n, outputs: 98n }
  const { inputs: hidden, model: hiddenModel } = circuit.salted
  const model1 = rootOf(
    model.state,
    circuit.layouts.parameters,
    hiddenModel && !circuit.baked ? salts.model : undefined,
  )
  const statement = statementOf(hash(model.program), { before: model1 })
  for (let round = 0; round < runs; round++) {
    const inputs = drawInput(model, draw, round)
    const witness = made.witness(signalsOf(circuit, { state: model.state, inputs, context: CONTEXT, salts }))
    const { outputs } = await session.step(inputs)
    const rootIn = rootOf(inputs, circuit.layouts.inputs, hidden ? salts.inputs : undefined)
    expect(witness.slice(1, 5)).toEqual([statement, rootIn, rootOf(outputs, circuit.layouts.outputs), CONTEXT])
    if (round % 20 === 0) expect(verifyWitness(system, witness)).toEqual(witness.slice(1, 5))
  }
}

/** Steps of a training program, each beginning where the last one ended: its statement names both roots. */
export async function training(model: Model, steps: number): Promise<void> {
  const { circuit, system, generator: made } = await built(model, { baked: false })
  expect(system.constraints.length).toBe(circuit.constraints)
  const [session, draw] = [await reference().open(model.program, model.state), draws(22)]
  const roots = new Set<bigint>()
  let before = rootOf(session.state, circuit.layouts.parameters)
  for (let step = 0; step < steps; step++) {
    const state = session.state
    const inputs = drawInput(model, draw, step)
    await session.step(inputs)
    const after = rootOf(session.state, circuit.layouts.parameters)
    roots.add(after)
    const witness = made.witness(signalsOf(circuit, { state, inputs, context: CONTEXT }))
    const statement = statementOf(hash(model.program), { before, after })
    expect(witness.slice(1, 5)).toEqual([statement, rootOf(inputs, circuit.layouts.inputs), 0n, CONTEXT])
    if (step % 20 === 0) verifyWitness(system, witness)
    before = after
  }
}
