/**
 * Runs and bundles put together from parts of others, and signed.
 * @module
 */
import type { Tensor } from '../../src/core/tensor.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import type { Claim } from '../../src/receipt/claim.js'
import { metadataOf, seal } from '../../src/receipt/provide.js'
import { sign } from '../../src/receipt/receipt.js'
import { reference } from '../../src/runtime/reference.js'
import type { Work } from '../../src/trace/trace.js'
import { alice } from '../receipt/samples.js'
import type { Forgery } from './cheat.js'

/** After which step a run goes on from other weights, and which. */
export interface Jump {
  readonly after: number
  readonly to: readonly Tensor[]
}

/** The states and outputs of a run that is honest but for one step: behind it stand other weights. */
export async function jumping(work: Work, { after, to }: Jump): Promise<Pick<Forgery, 'states' | 'outputs'>> {
  const session = await reference().open(work.program, work.state)
  const [states, outputs] = [[session.state], [] as (readonly Tensor[])[]]
  for (let step = 0; step < work.inputs.length; step++) {
    outputs.push((await session.step(work.inputs.at(step)!)).outputs)
    if (step === after) await session.restart(to)
    states.push(session.state)
  }
  return { states, outputs }
}

/** What a forger replaces. */
export type Parts = Partial<Pick<Bundle, 'leaves' | 'steps' | 'finalState' | 'outputs' | 'checkpoints'>>

/** The bundle with other parts: claim, seal and signature are made for what it holds now. */
export async function reforged(bundle: Bundle, parts: Parts): Promise<Bundle> {
  const { receipt, ...run } = { ...bundle, ...parts }
  const { domain, job, policy, jobSignature: signature } = receipt
  const signing = { job: { domain, job, policy, signature }, signer: alice, metadata: await metadataOf(reference()) }
  const sealed = await seal({ ...run, values: undefined, refusal: undefined }, signing)
  return { ...(await sealed.reveal()), checkpoints: run.checkpoints }
}

/** The bundle with another claim, signed; its content stays as it is. */
export async function claiming(bundle: Bundle, claim: Partial<Claim>): Promise<Bundle> {
  const { domain, job, policy, jobSignature: signature, receipt, metadata } = bundle.receipt
  const signing = { job: { domain, job, policy, signature }, metadata: { ...metadata, sealSalt: undefined } }
  const signed = await sign({ ...receipt.claim, ...claim }, alice, { ...signing, issuedAt: receipt.issuedAt })
  return { ...bundle, receipt: signed, seal: undefined }
}

/** One bundle up to a leaf, another one from there on. */
export function spliced(own: Bundle, other: Bundle, at: number): Promise<Bundle> {
  const { commitEvery, checkpoints } = own
  const { finalState, outputs } = other
  const joined = <T>(a: readonly T[], b: readonly T[], from: number) => [...a.slice(0, from), ...b.slice(from)]
  return reforged(own, {
    leaves: joined(own.leaves, other.leaves, at),
    steps: joined(own.steps, other.steps, at * commitEvery),
    checkpoints: { at: checkpoints.at, read: (leaf) => (leaf < at ? own : other).checkpoints.read(leaf) },
    finalState,
    outputs,
  })
}
