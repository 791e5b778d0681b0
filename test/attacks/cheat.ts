/**
 * A provider that claims whatever it likes: a receipt and a bundle over given states, signed, with every state at hand, so that it can open
 * any leaf that is challenged.
 */
import { ZERO32 } from '../../src/core/bytes.js'
import { allocate, sizeOf, type Tensor } from '../../src/core/tensor.js'
import { outputsOf } from '../../src/exact/program.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import type { SignedJob } from '../../src/receipt/job.js'
import { metadataOf, seal } from '../../src/receipt/provide.js'
import { fromRandom, type Signer } from '../../src/receipt/signer.js'
import { reference } from '../../src/runtime/reference.js'
import { rootOfTensors } from '../../src/trace/digests.js'
import { leafOf, type Content } from '../../src/trace/step.js'
import type { Work } from '../../src/trace/trace.js'

/** What a cheat claims of a job. */
export interface Forgery {
  readonly job: SignedJob
  readonly work: Work
  /** Before the first step and after every step: one more than there are steps. */
  readonly states: readonly (readonly Tensor[])[]
  /** Of every step. Default: zeros. */
  readonly outputs?: readonly (readonly Tensor[])[]
  /** What it says that it trained on. Default: what the job's schedule draws. */
  readonly inputs?: (step: number) => readonly Tensor[]
  readonly provider?: Signer
}

/** The bundle of a forgery: every hash and signature in it is right, whatever the states are. */
export async function forged({ job, work, states, provider = fromRandom(), ...told }: Forgery): Promise<Bundle> {
  const { program, course } = work
  const commitEvery = Number(job.job.commitEvery)
  const zeros = outputsOf(program).map(({ dtype, dims }) => ({ dtype, dims, data: allocate(dtype, sizeOf(dims)) }))
  const outputs = told.outputs ?? Array.from({ length: work.inputs.length }, () => zeros)
  const inputs = told.inputs ?? ((step: number) => work.inputs.at(step)!)
  const steps = outputs.map((list, step): Content => ({
    inputs: rootOfTensors('inputs', inputs(step)),
    values: ZERO32,
    outputs: rootOfTensors('outputs', list),
  }))
  const ends = states.filter((_, i) => i % commitEvery === 0 || i === states.length - 1)
  const roots = ends.map((state) => rootOfTensors('state', state))
  const leaves = roots
    .slice(1)
    .map((after, i) =>
      leafOf(
        i,
        { before: roots[i], after },
        { steps: steps.slice(i * commitEvery, (i + 1) * commitEvery), commitEvery },
      ),
    )
  const trace = {
    program,
    commitEvery,
    initialState: states[0],
    finalState: states[states.length - 1],
    inputs: work.inputs,
    course,
    outputs: outputs[outputs.length - 1],
    leaves,
    steps: commitEvery === 1 ? leaves : steps,
    values: undefined,
    refusal: undefined,
  }
  const sealed = await seal(trace, { job, signer: provider, metadata: await metadataOf(reference()) })
  const at = Array.from({ length: leaves.length - 1 }, (_, i) => i + 1)
  return { ...(await sealed.reveal()), checkpoints: { at, read: (leaf) => Promise.resolve(ends[leaf]) } }
}

/** The states of an honest run of this work, before the first step and after every step, with the outputs of every step. */
export async function honest(work: Work): Promise<Required<Pick<Forgery, 'states' | 'outputs'>>> {
  const session = await reference().open(work.program, work.state)
  const states = [session.state]
  const outputs: (readonly Tensor[])[] = []
  for (let step = 0; step < work.inputs.length; step++) {
    outputs.push((await session.step(work.inputs.at(step)!)).outputs)
    states.push(session.state)
  }
  return { states, outputs }
}
