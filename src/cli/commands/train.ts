/** `countersign train`: train a model and write a bundle that anybody can check. @module */
import { mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { Fault, demand } from '../../core/faults.js'
import * as Recipe from '../../autodiff/recipe.js'
import * as Course from '../../data/course.js'
import { readRegular, runStore, writeBundle, writeWhole, type DiskRun } from '../../disk/index.js'
import * as Bundle from '../../receipt/bundle.js'
import * as Claim from '../../receipt/claim.js'
import * as Job from '../../receipt/job.js'
import { jobForCourse, provide } from '../../receipt/provide.js'
import type { Work } from '../../trace/trace.js'
import { command } from '../command.js'
import { read } from '../files.js'
import { signerFrom } from '../keys.js'
import { time } from '../output.js'
import { withProgress } from '../progress.js'
import { RUNTIME_NAMES, runtimeNamed } from '../runtimes.js'
import {
  demandNoAdapters,
  prepare,
  trainedModel,
  wholeNumber,
  withRecipeWords,
  type Prepared,
  type TrainingWords,
} from '../training.js'

interface Options extends TrainingWords {
  readonly steps?: string
  readonly job?: string
  readonly out: string
  readonly resume?: boolean
  readonly commitEvery: string
  readonly keepEvery?: string
  readonly runtime: string
  readonly keystore?: string
  readonly modelOut?: string
}

/** About so many states are kept inside of a run, unless told. */
const STATES = 20

export function train(): Command {
  return command<Options>(
    'train',
    (c) =>
      withRecipeWords(
        c
          .description('train a model step by step, each leaf of the run committed, and write a bundle')
          .argument('<model>', '.onnx file; the first axis of its inputs is the batch')
          .requiredOption(
            '--data <name=file...>',
            'a column for each input and for targets: FILE.npy, FILE.csv:FIELD (first field, from 0), FILE:OFFSET (raw)',
          )
          .option('--header', 'the first line of CSV files holds names')
          .option('--batch <count>', 'samples of a step', '32')
          .option('--steps <count>', 'how many steps (only without --job: a job decides that itself)')
          .option('--start <from>', 'seed: fresh weights, drawn from the job; model: the weights in the file', 'seed')
          .option('--order <order>', 'shuffled: anew for each epoch; committed: as in the files', 'shuffled')
          .option('--commit-every <count>', 'steps to a leaf of the run (only without --job)', '10')
          .option('--keep-every <count>', `keep the state after every so many leaves (default: about ${STATES} states)`)
          .option('--job <file>', 'the job to answer; without one the run makes its own')
          .requiredOption(
            '--out <dir>',
            'folder for the bundle; must not exist. DIR.partial holds the run until it is done',
          )
          .option('--resume', 'go on with the run in DIR.partial')
          .option('--model-out <file>', 'write the trained model as .onnx')
          .option('--runtime <name>', RUNTIME_NAMES.join(', '), 'ort-node')
          .option('--keystore <file>', "the provider's key; default: the environment variable COUNTERSIGN_KEY"),
      ),
    async ([path], options) => {
      const signer = await signerFrom(options)
      const partial = await openPartial(options)
      const steps = partial.job === undefined ? stepsOf(options) : Number(partial.job.job.steps)
      const prepared = await prepare(path, options, steps)
      await demandModelOut(prepared, options)
      const { training, course } = prepared
      const { program } = training
      const commitEvery = wholeNumber(options.commitEvery, '--commit-every')
      const job = partial.job ?? (await jobForCourse({ program, course, steps }, { commitEvery }))
      await partial.begin(job, prepared)
      const work = Course.open(course, program, {
        job: Job.hash(job.job),
        steps,
        checkpoint: options.start === 'model' ? training.state : undefined,
      })
      const leaves = Math.ceil(steps / Number(job.job.commitEvery))
      const keepEvery =
        options.keepEvery === undefined ? Math.ceil(leaves / STATES) : wholeNumber(options.keepEvery, '--keep-every')
      const store = runStore(join(partial.folder, 'run'), { keepEvery })
      const began = performance.now()
      const { bundle, losses } = await run({ work, job, store, prepared, options, signer })
      const linked = await store.checkpoints(leaves)
      const recipe = Recipe.encode(prepared.recipe)
      // The bundle last: what fails before it leaves a run that can go on.
      if (options.modelOut !== undefined)
        await writeWhole(options.modelOut, trainedModel(prepared, { program, state: bundle.finalState }))
      await writeBundle(Bundle.encode({ ...bundle, recipe }), options.out, { linked })
      await rm(partial.folder, { recursive: true })
      return resultOf(bundle, { options, losses, states: linked.size, spent: performance.now() - began })
    },
  )
}

/** Nobody trains for hours to hear then that the model cannot be written. */
async function demandModelOut({ recipe }: Prepared, { modelOut }: Options): Promise<void> {
  if (modelOut === undefined) return
  demandNoAdapters(recipe)
  const folder = dirname(resolve(modelOut))
  const found = await stat(folder).catch(() => undefined)
  demand(found?.isDirectory() === true, 'cli/not-found', () => folder, { hint: '--model-out is a file in a folder' })
}

function stepsOf({ steps }: Options): number {
  demand(steps !== undefined, 'cli/usage', () => '--steps is needed, or a job that says it')
  return wholeNumber(steps, '--steps')
}

/** The folder of a run that is not done. */
interface Partial {
  readonly folder: string
  /** The job that is being answered: the one of the run that goes on, or of --job. */
  readonly job: Job.SignedJob | undefined
  /** Writes down what is answered, before the first step. */
  begin(job: Job.SignedJob, prepared: Prepared): Promise<void>
}

async function openPartial({ out, resume, job: file }: Options): Promise<Partial> {
  const there = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined
  demand(!(await there(out)), 'bundle/exists', () => out, { hint: 'choose another folder' })
  const folder = `${out.replace(/\/+$/, '')}.partial`
  const begun = await readRegular(join(folder, 'job.json'), 1 << 16)
  demand(begun === undefined || resume === true, 'cli/unfinished', () => folder, {
    hint: 'go on with --resume, or remove the folder',
  })
  demand(begun !== undefined || resume !== true, 'cli/not-found', () => join(folder, 'job.json'), {
    hint: 'there is no run to go on with',
  })
  const given = file === undefined ? undefined : await Job.verify(Job.decode(await read(file, 1 << 16)))
  const job = begun === undefined ? given : await Job.verify(Job.decode(begun))
  if (given !== undefined && job !== undefined) demandSameJob(given, job)
  return {
    folder,
    job,
    async begin(job, { recipe }) {
      await mkdir(folder, { recursive: true })
      if (begun !== undefined) return
      await writeWhole(join(folder, 'recipe.json'), Recipe.encode(recipe))
      await writeWhole(join(folder, 'job.json'), Job.encode(job))
    },
  }
}

function demandSameJob(given: Job.SignedJob, begun: Job.SignedJob): void {
  const [expected, found] = [given, begun].map(({ job }) => toHex(Job.hash(job)))
  demand(expected === found, 'receipt/wrong-job', () => 'the run that goes on answers another job', { expected, found })
}

interface Run {
  readonly work: Work
  readonly job: Job.SignedJob
  readonly store: DiskRun
  readonly prepared: Prepared
  readonly options: Options
  readonly signer: Awaited<ReturnType<typeof signerFrom>>
}

async function run({ work, job, store, prepared, options, signer }: Run) {
  const losses: number[] = []
  const sealed = await withProgress('train', ({ report, signal }) =>
    provide(work, {
      job,
      runtime: runtimeNamed(options.runtime),
      signer,
      model: prepared.bytes,
      store,
      signal,
      onProgress(done, total, [loss]) {
        losses.push(Number(loss.data[0]))
        report(done, total, `loss ${losses[losses.length - 1].toPrecision(4)}`)
      },
    }).catch((error: unknown) => {
      if (!Fault.is(error, 'core/aborted')) throw error
      throw new Fault('core/aborted', 'the run is kept', { hint: 'go on with --resume', cause: error })
    }),
  )
  return { bundle: await sealed.reveal(), losses }
}

function resultOf(
  bundle: Bundle.Bundle,
  { options, losses, states, spent }: { options: Options; losses: readonly number[]; states: number; spent: number },
) {
  const { receipt, finalState, outputs, leaves, steps, program } = bundle
  const { claim, provider } = receipt.receipt
  const loss = outputs.length === 0 ? undefined : Number(outputs[0].data[0])
  const { refusal } = receipt
  return {
    outcome: 'done' as const,
    data: {
      bundle: options.out,
      job: toHex(claim.job),
      claim: toHex(Claim.hash(claim)),
      finalState: toHex(claim.finalState),
      provider,
      steps: steps.length,
      leaves: leaves.length,
      states,
      ran: losses.length,
      loss: loss ?? null,
      refusal: refusal ?? null,
      milliseconds: spent,
    },
    lines: [
      `job      ${toHex(claim.job)}${options.job === undefined ? ' (its own: no --job was given)' : ''}`,
      `trained  ${steps.length} steps in ${leaves.length} leaves, ${finalState.length} tensors of state${losses.length < steps.length ? `, ${losses.length} steps of them now` : ''}`,
      ...(refusal === undefined
        ? [`loss     ${losses.length > 0 ? `${losses[0].toPrecision(4)} to ` : ''}${loss!.toPrecision(4)}`]
        : [`refused  at step ${refusal.step}, value ${refusal.node} of ${program.values.length}: ${refusal.reason}`]),
      `claim    ${toHex(Claim.hash(claim))}`,
      `provider ${provider}, ${options.runtime}, ${time(spent)}`,
      `written  ${options.out} (${states} states inside of the run)`,
      ...(options.modelOut === undefined ? [] : [`model    ${options.modelOut}`]),
    ],
    next: [
      `countersign verify ${options.out}`,
      `countersign audit ${options.out} --sample 20 --largest 1`,
      `countersign beacon nonce ${join(options.out, 'receipt.json')} --out nonce.json`,
    ],
  }
}
