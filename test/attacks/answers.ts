/**
 * Inference: a job, what an honest provider answers, and what a cheat claims in its place.
 * @module
 */
import { replay } from '../../src/audit/index.js'
import { check } from '../../src/core/check.js'
import type { FaultCode } from '../../src/core/faults.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import type { Program } from '../../src/exact/program.js'
import type { Attribute } from '../../src/onnx/graph.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import type { SignedJob } from '../../src/receipt/job.js'
import { jobFor } from '../../src/receipt/provide.js'
import { reference } from '../../src/runtime/reference.js'
import { node } from '../onnx/build.js'
import { network, weights, type Network } from '../autodiff/networks.js'
import { alice, fill } from '../receipt/samples.js'
import { forged } from './cheat.js'
import { received } from './verifier.js'

/** A model with its weights. */
export interface Served {
  readonly program: Program
  readonly state: readonly Tensor[]
}

/** What a deep classifier has, or leaves out. */
export interface Deep {
  /** Hidden layers with a residual, of which the head reads the last. Default 3. */
  readonly layers?: number
  /** Width of each layer. Default 6. */
  readonly width?: number
  /** Whether the first layer has a low-rank adapter, and from which sequence it is. Default 1; 0: none. */
  readonly adapter?: number
}

/** A classifier of six numbers in four classes: hidden layers with residuals, an adapter of rank 2 (LoRA) in the first, a head. */
export function deep({ layers = 3, width = 6, adapter = 1 }: Deep = {}): Network {
  const indexes = Array.from({ length: layers }, (_, i) => i)
  const adapted = adapter > 0 ? [node('MatMul(x, loraA) -> a'), node('MatMul(a, loraB) -> ab')] : []
  const block = (i: number) => [
    node(`MatMul(${i === 0 ? 'x' : `h${i}`}, w${i}) -> m${i}`),
    ...(i === 0 && adapter > 0 ? [node('Add(m0, ab) -> s0')] : []),
    node(`Tanh(${i === 0 && adapter > 0 ? 's0' : `m${i}`}) -> t${i}`),
    node(i === 0 ? `Identity(t0) -> h1` : `Add(h${i}, t${i}) -> h${i + 1}`),
  ]
  const loras: Readonly<Record<string, Tensor>> =
    adapter > 0 ? { loraA: weights([6, 2], 0.5, 40 + adapter), loraB: weights([2, width], 0.5, 60 + adapter) } : {}
  return network({
    nodes: [...adapted, ...indexes.flatMap(block), node(`MatMul(h${layers}, head) -> y`)],
    parameters: {
      ...Object.fromEntries(indexes.map((i) => [`w${i}`, weights([i === 0 ? 6 : width, width], 0.7, 1 + i)])),
      ...loras,
      head: weights([width, 4], 0.7, 20),
    },
    input: weights([5, 6], 1, 30),
    labels: tensor('int64', [5], [0n, 1n, 2n, 3n, 0n]),
  })
}

/** An attribute of integers. */
export const ints = (...values: number[]): Attribute => ({ kind: 'ints', value: values.map(BigInt) })

/** The model of a network. */
export const served = ({ compiled: { program, state } }: Network): Served => ({ program, state })

/** What a model answers. */
export async function answer({ program, state }: Served, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
  const session = await reference().open(program, state)
  return (await session.step(inputs)).outputs
}

/** A request to a model, as a signed job with its work. */
export async function asked(model: Served, inputs: readonly Tensor[]) {
  const work = { ...model, inputs: [inputs] }
  return { work, job: await jobFor(work, { salt: fill(5) }) }
}

/** What a provider says beside its outputs; what is absent is what the job names. */
export interface Told {
  readonly outputs: readonly Tensor[]
  readonly model?: Served
  readonly inputs?: readonly Tensor[]
}

/** A bundle that claims these outputs for a job. */
export async function claiming(
  { job, work }: { job: SignedJob; work: Served & { inputs: readonly (readonly Tensor[])[] } },
  { outputs, model, inputs }: Told,
): Promise<Bundle> {
  const told = { ...work, ...model, inputs: inputs === undefined ? work.inputs : [inputs] }
  return forged({ job, work: told, provider: alice, states: [told.state, told.state], outputs: [outputs] })
}

/** What becomes of a bundle: the fault by which it is refused on arrival, else what a replay finds. */
export async function fateOf(bundle: Bundle): Promise<FaultCode | 'valid' | 'refuted'> {
  const checked = await check(async () => (await replay(await received(bundle), reference())).outcome)
  return checked.ok ? checked.value : checked.fault.code
}
