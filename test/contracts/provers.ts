/**
 * Small circuits with unsafe keys, for contracts that verify their proofs: a dense layer with its weights baked, and a training step.
 * @module
 */
import { perceptron, type Model } from '../../bench/zk-models.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { reference } from '../../src/runtime/reference.js'
import { formOf, type ClaimForm } from '../../src/zk/bind.js'
import { circuitOf, type Circuit } from '../../src/zk/circuit.js'
import { compile, loadBlocks } from '../../src/zk/compile.js'
import { unsafeKey, type ProvingKey } from '../../src/zk/keys.js'
import { prove, type Proof } from '../../src/zk/prove.js'
import { publicsOf, type Publics } from '../../src/zk/publics.js'
import { generator, signalsOf, type Generator } from '../../src/zk/witness.js'

/** A model with everything that proofs of its runs are made with. */
export interface Prover {
  readonly model: Model
  readonly circuit: Circuit
  readonly form: ClaimForm
  readonly key: ProvingKey
  readonly generator: Generator
}

/** A run, with the state after it where there is one. */
export interface Ran {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly state: readonly Tensor[]
  readonly stateAfter?: readonly Tensor[]
}

async function proverOf(model: Model, baked: boolean): Promise<Prover> {
  const { program, state, given } = model
  const circuit = circuitOf(program, { blocks: await loadBlocks(), given, baked: baked ? state : undefined })
  const { r1cs, wasm } = await compile(circuit)
  const key = await unsafeKey(r1cs)
  return { model, circuit, form: formOf(circuit), key, generator: await generator(wasm) }
}

/** A dense layer from 3 int8 to 2 int64; another seed is another model of the same shape. */
export const denseProver = (seed = 1): Promise<Prover> => proverOf(perceptron([3, 2], { seed }), true)

/** A dense layer from 3 int8 to the scores of ten classes. */
export const classifierProver = (): Promise<Prover> => proverOf(perceptron([3, 10]), true)

/** The least step that trains: two weights, less what comes in. */
function descent(): Model {
  const b = new Builder()
  const w = b.parameter('w', tensor('int64', [2], [500n, -700n]))
  const x = b.input('x', { dtype: 'int8', dims: [2] })
  const { program } = b.finish({ outputs: [], carries: [[w, b.sub(w, b.cast(x, 'int64'))]] })
  return { program, state: [w.initial!], given: { w: { lo: -(1n << 15n), hi: (1n << 15n) - 1n } } }
}

/** A training step with its weights committed. */
export const stepProver = (): Promise<Prover> => proverOf(descent(), false)

/** Three int8: what the layer takes. */
export const image = (...values: readonly number[]): Tensor => tensor('int8', [1, values.length], values)

/** Two int8: what the step takes. */
export const gradient = (...values: readonly number[]): Tensor => tensor('int8', [values.length], values)

/** Runs the program once. */
export async function ran({ model }: Prover, inputs: readonly Tensor[], state = model.state): Promise<Ran> {
  const session = await reference().open(model.program, state)
  const { outputs } = await session.step(inputs)
  return { inputs, outputs, state, ...(model.program.carries.length > 0 && { stateAfter: session.state }) }
}

/** What a job about the run names. */
export const publicsOfRun = ({ circuit }: Prover, run: Ran, context = 0n): Publics =>
  publicsOf(circuit, { ...run, context })

/** A proof of the run. */
export function proofOf({ circuit, generator: made, key }: Prover, run: Ran, context: bigint): Promise<Proof> {
  return prove(key, made.witness(signalsOf(circuit, { ...run, context })))
}
