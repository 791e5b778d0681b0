/**
 * What every training job goes through, told in lines: a requester states it, a provider trains and signs, a verifier challenges some steps
 * and runs them again on a runtime of its own.
 * @module
 */
import pc from 'picocolors'
import {
  Bundle,
  Bytes,
  Challenge,
  Claim,
  Data,
  Job,
  Learning,
  NonceBeacon,
  Proof,
  Provider,
  Recipe,
  Signer,
} from 'countersign'
import type { Program, Tensor, Training } from 'countersign'
import { ortNode } from 'countersign/runtime/ort-node'
import { ortWeb } from 'countersign/runtime/ort-web'

const [requester, provider, verifier] = [Signer.fromRandom(), Signer.fromRandom(), Signer.fromRandom()]

/** A heading. */
export const title = (text: string): void => console.log(`\n${pc.bold(pc.cyan(text))}`)
/** A line of the story. */
export const say = (text: string): void => console.log(`   ${text}`)
/** The beginning of a hash. */
export const short = (bytes: Uint8Array): string => `${Bytes.toHex(bytes).slice(0, 12)}…`
/** A share of 1. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
/** A count with a comma behind every three digits. */
export const counted = (n: number): string => n.toLocaleString('en-US')

/** What the requester publishes, and everybody agrees on. */
export interface Terms {
  /** The model that is trained, compiled for batches. */
  readonly model: Program.Compiled
  readonly recipe: Recipe.Recipe
  readonly training: Training.Training
  readonly course: Data.Course.Course
  readonly steps: number
  /** Steps to one leaf of the run: what is challenged is a leaf. */
  readonly commitEvery: number
  /** Where the course starts from a checkpoint: its tensors. */
  readonly checkpoint?: readonly Tensor.Tensor[]
}

/** The requester signs the job. First weights and the order of the data follow from its hash, so nobody chooses them. */
export async function order({ training, course, steps, commitEvery }: Terms): Promise<Job.SignedJob> {
  const { schedule, dataset } = course
  const { program, trained } = training
  const job = await Provider.jobForCourse({ program, course, steps }, { requester, commitEvery })
  say(`data set ${short(schedule.dataset)}: ${counted(dataset.tree.size)} samples, each a leaf of its tree`)
  say(`${steps} steps of ${schedule.batchSize} samples, shuffled; start from a ${schedule.start.from}`)
  say(
    `program ${short(job.job.program)}: ${program.counts.nodes} exact operations a step, ${trained.length} tensors learn`,
  )
  say(`job ${short(Job.hash(job.job))}, signed by ${requester.address}`)
  return job
}

/** A provider does the steps and signs what came of them. */
export async function train(job: Job.SignedJob, terms: Terms): Promise<Bundle.Bundle> {
  const { training, course, steps, checkpoint } = terms
  const work = Data.Course.open(course, training.program, { job: Job.hash(job.job), steps, checkpoint })
  const runtime = ortNode({ threads: 1 })
  const began = performance.now()
  const run = await Provider.provide(work, { job, runtime, signer: provider, onProgress: reporter(training) })
  const bundle = await run.reveal()
  say(`${steps} steps in ${((performance.now() - began) / 1000).toFixed(1)} s, hashed and all`)
  say(`run ${short(bundle.receipt.receipt.claim.run)}, signed by ${provider.address}`)
  return bundle
}

/** Prints what the outputs of the steps were, in means over a tenth of the run. */
function reporter({ program }: Training.Training): Provider.ProvideOptions['onProgress'] {
  let sums: number[] = []
  let from = 0
  return (done, total, outputs) => {
    sums = outputs.map(({ data }, i) => (sums[i] ?? 0) + Number(data[0]))
    if (done !== total && Math.floor((10 * done) / total) === Math.floor((10 * (done - 1)) / total)) return
    const means = sums.map((sum, i) => `${program.names.outputs[i]} ${(sum / (done - from)).toFixed(3)}`)
    say(`steps ${String(from + 1).padStart(4)} to ${String(done).padStart(4)}: ${means.join(', ')}`)
    ;[sums, from] = [[], done]
  }
}

/** The terms with the job that they became. */
export interface Published extends Terms {
  readonly job: Job.SignedJob
}

/** What must be found out how surely, and where the run must have begun. */
export interface Demands {
  /** The share of false leaves that must be seen. */
  readonly fraction: number
  /** With this probability. */
  readonly confidence: number
  readonly start: Learning.StartPolicy
}

/** The verifier chooses a nonce after it holds the claim; the provider opens what that draws; the verifier runs it again. */
export async function challenge(
  bundle: Bundle.Bundle,
  { job: { job }, ...terms }: Published,
  { fraction, confidence, start }: Demands,
): Promise<Learning.Finding> {
  const { claim, provider: address } = bundle.receipt.receipt
  const subject = { job: claim.job, claim: Claim.hash(claim), provider: address }
  const count = Challenge.samplesFor(fraction, confidence)
  const beacon = await NonceBeacon.sign(subject, verifier, { issuedAt: Math.floor(Date.now() / 1000) })
  const trust = { verifier: verifier.address }
  say(`nonce ${short(beacon.challenge.nonce)}, signed by ${verifier.address}`)

  const proof = await Learning.prove(bundle, ortNode({ threads: 1 }), { beacon, count, trust })
  const files = Proof.encode(proof)
  const bytes = [...files.values()].reduce((sum, file) => sum + file.length, 0)
  say(
    `it draws ${count} leaves: ${listed(proof.challenges.map(({ leaf }) => leaf))}; the proof has ${counted(bytes)} bytes`,
  )

  const sent = await Proof.decode(Bundle.readerOf(files))
  demandTerms(sent, terms)
  const finding = await Learning.verify(sent, ortWeb(), { job, trust, start, least: count, fraction })
  report(finding)
  return finding
}

/** The signed job is one thing; that it says what was agreed on is another. */
function demandTerms({ receipt, schedule }: Learning.Proof, { model, recipe, course }: Terms): void {
  Recipe.demandProgram(receipt.job.program, model, recipe)
  const same = Bytes.equal(Data.Schedule.hash(schedule), Data.Schedule.hash(course.schedule))
  if (!same) throw new Error('another data set, another order, or another start')
  say('program, data, order and start are those that were agreed on')
}

/** The first of some numbers. */
const listed = (numbers: readonly number[]): string =>
  numbers.length > 6 ? `${numbers.slice(0, 6).join(', ')}, …` : numbers.join(', ')

function report({ sampled, total, detection, jump }: Learning.Finding): void {
  const { fraction, probability } = detection
  say(pc.green(`${sampled} of ${total} leaves ran again on ort-web: the same bits`))
  say(
    `had ${percent(fraction)} of the leaves been false, this would have shown it with probability ${percent(probability)};`,
  )
  say(`had one been false, a jump to weights from elsewhere, with probability ${percent(jump)}`)
}
