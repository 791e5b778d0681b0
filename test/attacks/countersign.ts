/**
 * The same transcripts as proofs of learning of this library: signed by a provider that has all states at hand and opens whatever is asked.
 * @module
 */
import { prove, verify, type Proof } from '../../src/attest/learning.js'
import { toHex } from '../../src/core/bytes.js'
import { check } from '../../src/core/check.js'
import { fromBytes, bytesOf, type Tensor } from '../../src/core/tensor.js'
import { open, sample, type Dataset, type SampleOpening } from '../../src/data/dataset.js'
import { reference } from '../../src/runtime/reference.js'
import { forged } from './cheat.js'
import type { State, Task, Transcript } from './run.js'

/** Which samples a forger opens, and says that it trained on: those that the schedule draws, or those of its transcript. */
export type Shown = 'drawn' | 'claimed'

/** So many draws that every leaf of a short run is challenged, and no beacon is needed. */
const EVERY = 20_000

/** The fault by which a transcript is refused where every leaf is challenged; undefined where it is accepted. */
export async function refusal(transcript: Transcript, shown: Shown): Promise<string | undefined> {
  const proof = await prove(await bundleOf(transcript, shown), reference(), { count: EVERY })
  const given = shown === 'drawn' ? proof : showing(proof, transcript)
  const checked = await check(() => verify(given, reference(), { start: { from: 'seed' } }))
  return checked.ok ? undefined : checked.fault.code
}

/** The transcript as a signed bundle, in which everything is right but for what the transcript itself has wrong. */
export async function bundleOf({ task, states, inputs }: Transcript, shown: Shown = 'drawn') {
  const { job, work, checkpointEvery } = task
  const said = shown === 'drawn' ? task.inputs : inputs
  const outputs = await Promise.all(
    states.slice(1).map((_, update) => outputsOf(task, { state: states[update], update, said })),
  )
  const at = (step: number): State => states[Math.floor(step / checkpointEvery)]
  const each = Array.from({ length: task.steps + 1 }, (_, step) => at(step))
  return forged({ job, work, states: each, outputs: outputs.flat(), inputs: said })
}

interface Update {
  readonly state: State
  readonly update: number
  readonly said: Transcript['inputs']
}

/** What the steps of an update give where they are run from the claimed state. */
async function outputsOf({ program, checkpointEvery }: Task, { state, update, said }: Update) {
  const session = await reference().open(program, state)
  const outputs: (readonly Tensor[])[] = []
  for (let step = update * checkpointEvery; step < (update + 1) * checkpointEvery; step++)
    outputs.push((await session.step(said(step))).outputs)
  await session.close()
  return outputs
}

/** The proof with the samples of the transcript: opened at their own places where the data set holds them, else at those that are asked for. */
export function showing(proof: Proof, { task, inputs }: Transcript): Proof {
  const { dataset } = task.course
  const places = placesIn(dataset)
  const challenges = proof.challenges.map(({ leaf, state, batches }) => ({
    leaf,
    state,
    batches: batches.map((rows, i) =>
      rows.map((drawn, row): SampleOpening => {
        const tensors = inputs(leaf * task.checkpointEvery + i)
          .slice(0, dataset.columns.length)
          .map((column) => rowOf(column, row))
        const place = places.get(keyOf(tensors))
        return place === undefined ? { ...drawn, tensors } : open(dataset, place)
      }),
    ),
  }))
  return { ...proof, challenges }
}

const keyOf = (tensors: readonly Tensor[]): string => tensors.map((value) => toHex(bytesOf(value))).join()

const placesIn = (dataset: Dataset): ReadonlyMap<string, number> =>
  new Map(Array.from({ length: dataset.tree.size }, (_, i) => [keyOf(sample(dataset, i)), i]))

function rowOf(column: Tensor, row: number): Tensor {
  const size = column.data.byteLength / column.dims[0]
  const bytes = bytesOf(column).slice(row * size, (row + 1) * size)
  return fromBytes({ dtype: column.dtype, dims: column.dims.slice(1) }, bytes)
}
