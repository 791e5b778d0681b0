/**
 * Bundles put together from parts of others, and signed.
 * @module
 */
import type { Bundle } from '../../src/receipt/bundle.js'
import type { Claim } from '../../src/receipt/claim.js'
import { metadataOf, seal } from '../../src/receipt/provide.js'
import { sign } from '../../src/receipt/receipt.js'
import { reference } from '../../src/runtime/reference.js'
import { alice } from '../receipt/samples.js'

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
