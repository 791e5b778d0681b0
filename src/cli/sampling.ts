/**
 * Sampled audits and policies, from words.
 * @module
 */
import { ZERO32, equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { about, decode as decodeBeacon, verify as verifyBeacon } from '../attest/beacon.js'
import { challenged, detection, teleport } from '../attest/challenge.js'
import type { StartPolicy } from '../attest/learning.js'
import { largestChanges, leavesIn, sample, sampleVerdictOf, type Sampled } from '../audit/index.js'
import * as Recipe from '../autodiff/recipe.js'
import { compile } from '../exact/compile.js'
import { inputsOf } from '../exact/program.js'
import { decode as decodeModel } from '../onnx/decode.js'
import type { Bundle } from '../receipt/bundle.js'
import { hash as hashClaim } from '../receipt/claim.js'
import type { Signer } from '../receipt/signer.js'
import type { SignedVerdict } from '../receipt/verdict.js'
import { read } from './files.js'
import { withProgress } from './progress.js'
import { safeRuntime } from './runtimes.js'
import { wholeNumber } from './training.js'
import { bytes32From, trustFrom, type TrustWords } from './trust.js'

/** Words about samples and policies. */
export interface SampleWords {
  readonly sample?: string
  readonly largest?: string
  readonly beacon?: string
  readonly fresh?: boolean
  readonly start?: string[]
  readonly leastRate?: string
  readonly mostRate?: string
}

/** Where a run must start, by the words. @throws Fault `cli/usage`. */
export function startPolicy({ fresh, start }: SampleWords): StartPolicy | undefined {
  demand(fresh !== true || start === undefined, 'cli/usage', () => '--fresh and --start exclude each other')
  if (fresh === true) return { from: 'seed' }
  return start && { from: 'checkpoint', roots: start.map(bytes32From) }
}

/** A sample that was looked at. */
export interface Looked {
  readonly found: Sampled
  /** Leaves that were drawn, and others that were added. */
  readonly drawn: number
  readonly added: number
  readonly by: string
  readonly chances: { readonly detection: number; readonly jump: number }
  readonly verdict: SignedVerdict | undefined
}

/** Draws a sample of a bundle, adds the largest changes and looks at them. */
export async function sampleOf(
  bundle: Bundle,
  signer: Signer | undefined,
  words: SampleWords & TrustWords & { readonly runtime: string },
): Promise<Looked> {
  const total = bundle.leaves.length
  const count = words.sample === undefined ? 0 : wholeNumber(words.sample, '--sample')
  const { randomness, by } = await randomnessFrom(bundle, words)
  const { receipt, job } = bundle.receipt
  const source = { claim: hashClaim(receipt.claim), provider: receipt.provider, policy: job.policy, beacon: randomness }
  const drawn = challenged(source, { count, total })
  const most = words.largest === undefined ? 0 : wholeNumber(words.largest, '--largest')
  const changed = most === 0 ? [] : leavesIn(await largestChanges(bundle, most))
  const leaves = [...new Set([...drawn, ...changed])]
  const found = await withProgress('sample', ({ onProgress, signal }) =>
    sample(bundle, safeRuntime(words.runtime), { leaves, onProgress, signal }),
  )
  const chances = { detection: detection({ count, total }, 0.01), jump: teleport({ count, total }) }
  const verdict = signer && (await sampleVerdictOf(bundle, found, { signer, evidence: randomness }))
  return { found, drawn: drawn.length, added: leaves.length - drawn.length, by, chances, verdict }
}

/** What a beacon gave, or 32 fresh bytes, which convince whoever draws them and nobody else. */
async function randomnessFrom(
  bundle: Bundle,
  words: SampleWords & TrustWords,
): Promise<{ randomness: Bytes32; by: string }> {
  if (words.beacon === undefined)
    return { randomness: crypto.getRandomValues(new Uint8Array(32)), by: 'a nonce made now, which convinces you alone' }
  const beacon = decodeBeacon(await read(words.beacon, 1 << 14))
  const evidence = await verifyBeacon(beacon, about(bundle.receipt.receipt), await trustFrom(words))
  const convincing = evidence.trusted || evidence.convinces === 'anybody'
  demand(convincing, 'attest/beacon-not-later', () => 'the nonce of another verifier', { hint: '--verifier ADDRESS' })
  demand(!equal(evidence.randomness, ZERO32), 'attest/bad-beacon', () => 'no randomness')
  return { randomness: evidence.randomness, by: `a ${evidence.kind}` }
}

/**
 * The learning rates of a bundle's recipe, after the job's program was found to be what the recipe makes of the model. Nothing where no bounds
 * were given.
 * @throws Fault `cli/usage` where the bundle lacks model or recipe, `autodiff/wrong-program`, `autodiff/rate-out-of-bounds`.
 */
export function rateLine(bundle: Bundle, { leastRate, mostRate }: SampleWords): string[] {
  if (leastRate === undefined && mostRate === undefined) return []
  const { model, recipe: written, program, receipt } = bundle
  demand(model !== undefined && written !== undefined, 'cli/usage', () => 'the bundle holds no model or no recipe')
  const recipe = Recipe.decode(written)
  const types = inputsOf(program)
  const inputs = Object.fromEntries(program.names.inputs.map((name, i) => [name, types[i]]))
  const file = decodeModel(model)
  const own = file.graph.inputs.flatMap(({ name }) =>
    Object.hasOwn(inputs, name) ? [[name, inputs[name]] as const] : [],
  )
  Recipe.demandProgram(receipt.job.program, compile(file, { inputs: Object.fromEntries(own) }), recipe)
  const bounds = { least: boundOf(leastRate), most: boundOf(mostRate) }
  const { least, most } = Recipe.demandRate(recipe, Number(receipt.job.steps), bounds)
  return [`recipe   makes this program of this model: ${recipe.optimizer.name}, learning rate ${least} to ${most}`]
}

function boundOf(word: string | undefined): number | undefined {
  if (word === undefined) return undefined
  const value = Number(word)
  demand(Number.isFinite(value) && value >= 0, 'cli/usage', () => 'a learning rate is a number', { found: word })
  return value
}
