/** `countersign audit`: run a bundle again, whole or by samples, or what a proof of learning opens, and compare bits. @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import { bundleReader, writeWhole } from '../../disk/index.js'
import { verify as verifyProof, verdictOf as proofVerdictOf, type StartPolicy } from '../../attest/learning.js'
import * as Proof from '../../attest/proof.js'
import { replay, verdictOf } from '../../audit/replay.js'
import { explain, firstDifference, viewOf } from '../../dispute/difference.js'
import * as Bundle from '../../receipt/bundle.js'
import type { Signer } from '../../receipt/signer.js'
import * as Verdict from '../../receipt/verdict.js'
import { command } from '../command.js'
import { isFolder, readBundle } from '../bundles.js'
import { differenceData } from '../difference.js'
import { optionalSigner } from '../keys.js'
import { withProgress } from '../progress.js'
import { RUNTIME_NAMES, safeRuntime } from '../runtimes.js'
import { paint, time, type Result } from '../output.js'
import { rateLine, sampleOf, startPolicy, type SampleWords } from '../sampling.js'
import { bytes32From, trustFrom, withTrustWords, type TrustWords } from '../trust.js'
import { percent } from './learning.js'

interface Options extends SampleWords, TrustWords {
  readonly all?: boolean
  readonly runtime: string
  readonly keystore?: string
  readonly out?: string
  readonly seedBeacon?: string
}

export function audit(): Command {
  return command<Options>(
    'audit',
    (c) =>
      withTrustWords(
        c
          .description('run a bundle again, or what a proof of learning opens, on any runtime, and compare every bit')
          .argument('<path>', 'the folder of a bundle or of a proof of learning')
          .option('--all', 'a bundle: run every step again (the default)')
          .option('--sample <count>', 'a bundle: run so many leaves again, drawn by --beacon, else by a nonce made now')
          .option('--largest <count>', 'add the leaves of so many largest changes of the state')
          .option('--beacon <file>', 'what draws the sample')
          .option('--seed-beacon <hex>', 'what the beacon gave that the schedule names')
          .option('--fresh', 'refuse a run that does not start from its seed')
          .option('--start <root...>', 'refuse a run that does not start from one of these states')
          .option('--least-rate <number>', 'refuse a recipe with a lower learning rate in any step')
          .option('--most-rate <number>', 'refuse a recipe with a higher one')
          .option('--runtime <name>', RUNTIME_NAMES.join(', '), 'ort-node')
          .option('--keystore <file>', 'sign the verdict as an auditor')
          .option('--out <file>', 'write the signed verdict'),
      ),
    async ([path], options) => {
      demand(await isFolder(path), 'cli/usage', () => `${path} is no folder`)
      const signer = await optionalSigner(options)
      return (await Proof.isProof(bundleReader(path)))
        ? auditProof(path, signer, options)
        : auditBundle(path, signer, options)
    },
  )
}

async function auditBundle(path: string, signer: Signer | undefined, options: Options): Promise<Result> {
  const seedBeacon = options.seedBeacon === undefined ? undefined : bytes32From(options.seedBeacon)
  const bundle = await Bundle.verify(await readBundle(path), { seedBeacon })
  demandStart(bundle, startPolicy(options))
  const rates = rateLine(bundle, options)
  const sampled = options.sample !== undefined || options.largest !== undefined
  demand(!(sampled && options.all === true), 'cli/usage', () => '--all and a sample exclude each other')
  demand(options.beacon === undefined || options.sample !== undefined, 'cli/usage', () => '--beacon draws a --sample')
  const result = sampled ? await auditSample(bundle, signer, options) : await auditAll(bundle, signer, options)
  return { ...result, lines: [...result.lines, ...rates] }
}

function demandStart({ course }: Bundle.Bundle, policy: StartPolicy | undefined): void {
  if (policy === undefined) return
  const start = course?.schedule.start
  const allowed =
    policy.from === 'seed'
      ? start?.from === 'seed'
      : start?.from === 'checkpoint' && policy.roots.some((root) => toHex(root) === toHex(start.root))
  demand(
    allowed,
    'attest/start-not-allowed',
    () => `the run starts from ${start?.from ?? 'a state that the job names'}`,
  )
}

/** What a whole replay ran: a leaf may hold several steps. */
function countOf({ steps, leaves }: Bundle.Bundle): string {
  const all = `${steps.length} of ${steps.length} steps`
  return leaves.length === steps.length ? all : `${all} in ${leaves.length} leaves`
}

async function auditAll(bundle: Bundle.Bundle, signer: Signer | undefined, { runtime, out }: Options): Promise<Result> {
  const began = performance.now()
  const found = await withProgress('replay', (options) => replay(bundle, safeRuntime(runtime), options))
  const spent = performance.now() - began
  const difference = found.outcome === 'refuted' ? firstDifference(viewOf(found.trace), bundle) : undefined
  const verdict = signer === undefined ? undefined : await verdictOf(bundle, found, { signer })
  return {
    outcome: found.outcome,
    data: {
      grade: 'replayed',
      sampled: found.sampled,
      total: found.total,
      runtime,
      provider: bundle.receipt.receipt.provider,
      difference: difference === undefined ? null : differenceData(difference),
      verdict: await written(verdict, out),
    },
    lines: [
      found.outcome === 'valid'
        ? `${paint.good('valid')}    replayed ${countOf(bundle)} on ${runtime} in ${time(spent)}: the same claim, bit for bit`
        : `${paint.bad('refuted')}  replayed on ${runtime} in ${time(spent)}: this is not what the program gives`,
      ...(difference === undefined ? [] : [`first difference: ${explain(difference)}`]),
      `provider ${bundle.receipt.receipt.provider}`,
      ...verdictLines(verdict, out),
    ],
  }
}

async function auditSample(bundle: Bundle.Bundle, signer: Signer | undefined, options: Options): Promise<Result> {
  const { runtime, out } = options
  const began = performance.now()
  const { found, drawn, added, chances, by, verdict } = await sampleOf(bundle, signer, options)
  const spent = performance.now() - began
  const counted = `${found.sampled.length} of ${found.total} leaves (${drawn} drawn by ${by}${added > 0 ? `, ${added} of the largest changes` : ''})`
  return {
    outcome: found.outcome,
    data: {
      grade: 'sampled',
      sampled: found.sampled,
      between: found.between,
      total: found.total,
      runtime,
      provider: bundle.receipt.receipt.provider,
      apart: found.apart ?? null,
      detection: chances.detection,
      jump: chances.jump,
      verdict: await written(verdict, out),
    },
    lines: [
      found.apart === undefined
        ? `${paint.good('valid')}    ${counted} on ${runtime} in ${time(spent)}: each follows from the one before it, bit for bit`
        : `${paint.bad('refuted')}  leaf ${found.apart.leaf} does not follow from the state before it (${found.apart.field}), on ${runtime}`,
      ...(found.between > 0
        ? [paint.faint(`between  ${found.between} leaves computed on the way and compared as well`)]
        : []),
      `chances  a run with 1 % of its leaves false is found out with ${percent(chances.detection)}, one with a single false leaf with ${percent(chances.jump)}`,
      `provider ${bundle.receipt.receipt.provider}`,
      ...verdictLines(verdict, out),
    ],
  }
}

/** What draws from a bundle draws nothing from a proof, and what a proof does not hold is not passed over in silence. */
function demandForProof({ all, sample, largest, beacon, leastRate, mostRate }: Options): void {
  const draws = [all, sample, largest, beacon].every((word) => word === undefined)
  demand(draws, 'cli/usage', () => 'a proof says itself which leaves are run again', {
    hint: '--all, --sample, --largest and --beacon are for bundles',
  })
  demand(leastRate === undefined && mostRate === undefined, 'cli/usage', () => 'a proof holds no model and no recipe', {
    hint: 'bounds on the learning rate are checked on the bundle',
  })
}

async function auditProof(path: string, signer: Signer | undefined, options: Options): Promise<Result> {
  demandForProof(options)
  const { runtime, out } = options
  const proof = await Proof.decode(bundleReader(path))
  const trust = { verifier: signer?.address, ...stated(await trustFrom(options)) }
  const seedBeacon = options.seedBeacon === undefined ? undefined : bytes32From(options.seedBeacon)
  const began = performance.now()
  const finding = await withProgress('verify', ({ onProgress, signal }) =>
    verifyProof(proof, safeRuntime(runtime), { trust, seedBeacon, start: startPolicy(options), onProgress, signal }),
  )
  const spent = performance.now() - began
  const verdict = signer === undefined ? undefined : await proofVerdictOf(finding, proof, { signer })
  const { sampled, total, detection, jump, start, selfIssued, randomness } = finding
  return {
    outcome: 'valid',
    data: {
      grade: sampled === total ? 'replayed' : 'sampled',
      sampled,
      total,
      runtime,
      provider: finding.receipt.receipt.provider,
      detection: detection.probability,
      jump,
      start: start.from,
      selfIssued,
      convinces: randomness?.convinces ?? null,
      verdict: await written(verdict, out),
    },
    lines: [
      `${paint.good('valid')}    ${sampled} of ${total} leaves run again on ${runtime} in ${time(spent)}: each follows from the one before it, bit for bit`,
      `chances  a run with 1 % of its leaves false is found out with ${percent(detection.probability)}, one with a single false leaf with ${percent(jump)}`,
      `start    ${start.from === 'seed' ? 'fresh weights, drawn from the seed of the job' : `state ${toHex(start.root)}: where it came from is not shown`}`,
      ...(randomness === undefined ? [] : [`beacon   ${randomness.kind}; ${randomness.by}`]),
      ...(selfIssued ? [paint.faint('self-issued: the provider is the requester, or nobody signed the job')] : []),
      `provider ${finding.receipt.receipt.provider}`,
      ...verdictLines(verdict, out),
    ],
  }
}

/** Without what nobody said. */
const stated = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>

async function written(verdict: Verdict.SignedVerdict | undefined, out: string | undefined): Promise<string | null> {
  if (verdict !== undefined && out !== undefined) await writeWhole(out, Verdict.encode(verdict))
  return verdict === undefined ? null : toHex(Verdict.hash(verdict.verdict))
}

function verdictLines(verdict: Verdict.SignedVerdict | undefined, out: string | undefined): string[] {
  if (verdict === undefined) return []
  return [`verdict  signed by ${verdict.verdict.auditor}${out === undefined ? '' : `, written to ${out}`}`]
}
