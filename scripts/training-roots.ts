/**
 * State roots after fifty steps of training of four networks on `ort-node`, as JSON, and the same in plain float32: what emulated.ts runs on
 * each processor. Bundled into one file, so that it runs where nothing is compiled.
 */
import { toHex } from '../src/core/bytes.js'
import { sha256 } from '../src/core/sha256.js'
import { bytesOf } from '../src/core/tensor.js'
import { conformance } from '../src/runtime/conformance.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { commit, record, type Work } from '../src/trace/trace.js'
import { openPlain } from '../bench/plain.js'
import { NETWORKS } from '../test/autodiff/networks.js'
import { fiftySteps } from '../test/autodiff/fifty.js'

/** What one processor found. */
export interface Roots {
  /** Network -> state root after fifty steps. */
  readonly exact: Readonly<Record<string, string>>
  /** Network -> SHA-256 of the losses of ten steps in plain float32: these may differ. */
  readonly plain: Readonly<Record<string, string>>
  /** How many cases the conformance table has. */
  readonly cases: number
  /** Those without the pinned bits: none. */
  readonly nonconforming: readonly string[]
}

async function exactRoot(work: Work): Promise<string> {
  const trace = await record(work, ortNode({ threads: 1 }), { commitEvery: 10 })
  return toHex(commit(trace).finalState)
}

async function plainHash({ program, state, inputs }: Work): Promise<string> {
  const session = await openPlain(program, state, 1)
  const losses: Float32Array[] = []
  for (let step = 0; step < 10; step++) losses.push((await session.step(inputs.at(step)!))[0].data as Float32Array)
  await session.close()
  return toHex(sha256(bytesOf({ dtype: 'float32', dims: [10], data: Float32Array.from(losses, ([loss]) => loss) })))
}

const exact: Record<string, string> = {}
const plain: Record<string, string> = {}
for (const name of Object.keys(NETWORKS) as (keyof typeof NETWORKS)[]) {
  const work = fiftySteps(name)
  exact[name] = await exactRoot(work)
  plain[name] = await plainHash(work)
}
const cases = await conformance(ortNode({ threads: 1 }))
const nonconforming = cases.filter(({ conforms }) => !conforms).map(({ name }) => name)
console.log(JSON.stringify({ exact, plain, cases: cases.length, nonconforming } satisfies Roots))
