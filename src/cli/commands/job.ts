/** `countersign job`: what a requester asks for, and its life on a chain. @module */
import { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { Fault, demand } from '../../core/faults.js'
import { domainOf } from '../../chain/connection.js'
import { writeWhole } from '../../disk/index.js'
import { encode as encodeProgram } from '../../exact/format.js'
import type { Program } from '../../exact/program.js'
import * as Job from '../../receipt/job.js'
import * as Policy from '../../receipt/policy.js'
import { jobFor, jobForCourse, type JobOptions } from '../../receipt/provide.js'
import { provenPolicy } from '../../zk/bind.js'
import { readDeployment } from '../chain.js'
import { command } from '../command.js'
import { optionalSigner } from '../keys.js'
import type { Result } from '../output.js'
import { prepare, wholeNumber, withRecipeWords, type TrainingWords } from '../training.js'
import { load } from '../work.js'
import { cancel, claim, post, seal, show, take } from './posted.js'

interface JobWords {
  readonly policy: string
  readonly out: string
  readonly operatorTrace?: boolean
  readonly deadline?: string
  readonly keystore?: string
  readonly replica?: string[]
  readonly auditor?: string[]
  readonly window?: string
  readonly deployment?: string
  readonly programOut?: string
}

interface Options extends JobWords {
  readonly input: string[]
}

export function job(): Command {
  const parent = new Command('job').description('jobs: what a requester asks for, and their lives on a chain')
  for (const child of [fresh, training, post, show, take, seal, claim, cancel]) parent.addCommand(child())
  return parent
}

/** `claimed`, `k/n` for a quorum, `audited`, `optimistic:SECONDS` or `proven:STATEMENT:ROOTIN`. */
export function policyFrom(text: string, { window, auditors = [], replicas }: PolicyOptions = {}): Policy.Policy {
  const named = (policy: Policy.Policy) => (auditors.length === 0 ? policy : Policy.from({ ...policy, auditors }))
  if (text === 'claimed') return Policy.claimed()
  if (text === 'audited') return Policy.audited(0, { auditors, window })
  if (/^\d+\/\d+$/.test(text)) return Policy.quorum(text, { replicas, window })
  const optimistic = /^optimistic:(\d+)$/.exec(text)
  if (optimistic) return named(Policy.optimistic(BigInt(optimistic[1])))
  const proven = /^proven:(\d{1,77}):(\d{1,77})$/.exec(text)
  if (proven) return provenPolicy({ statement: BigInt(proven[1]), rootIn: BigInt(proven[2]) })
  throw new Fault('cli/usage', `no policy "${text}"`, {
    hint: 'claimed, 2/3 (any k/n), audited, optimistic:SECONDS, or proven:STATEMENT:ROOTIN',
  })
}

interface PolicyOptions extends Policy.QuorumOptions {
  readonly auditors?: readonly string[]
}

/** A whole number of seconds. */
function seconds(text: string): number {
  demand(/^\d{1,15}$/.test(text), 'cli/usage', () => `"${text}" is not a number of seconds`)
  return Number(text)
}

/** Unix seconds, or with a + seconds from now. */
function deadlineFrom(text: string): number {
  return text.startsWith('+') ? Math.floor(Date.now() / 1000) + seconds(text.slice(1)) : seconds(text)
}

/** Adds the words about a job, however its work is made. */
function withJobWords(command: Command): Command {
  return command
    .option(
      '--policy <policy>',
      'claimed, 2/3 (any k/n), audited, optimistic:SECONDS, or proven:STATEMENT:ROOTIN ("prove --roots-only")',
      'claimed',
    )
    .option('--replica <address...>', 'who may answer under a quorum; seats are never first come')
    .option(
      '--auditor <address...>',
      'who may audit; of an optimistic job: who decides about ops that no contract decides',
    )
    .option('--operator-trace', 'ask for a commitment to every operator value')
    .option('--window <seconds>', 'time to reveal after the deadline, under a quorum; time to audit')
    .option('--deadline <seconds>', 'unix time by which the work is done, or +SECONDS from now')
    .option('--deployment <file>', 'the contracts that the job is for: signatures count there and nowhere else')
    .option('--program-out <file>', 'write the program, which "job post" describes on a chain')
    .option('--keystore <file>', 'sign as the requester')
    .option('--out <file>', 'job file', 'job.json')
}

async function optionsFrom(words: JobWords): Promise<JobOptions> {
  const { policy, operatorTrace, deadline, keystore, replica, auditor, window, deployment } = words
  return {
    policy: policyFrom(policy, {
      replicas: replica,
      auditors: auditor,
      window: window === undefined ? 0 : seconds(window),
    }),
    operatorTrace,
    deadline: deadline === undefined ? 0 : deadlineFrom(deadline),
    requester: await optionalSigner({ keystore }),
    domain: deployment === undefined ? undefined : domainOf(await readDeployment(deployment)),
  }
}

interface Made {
  readonly signed: Job.SignedJob
  readonly program: Program
  readonly lines: readonly string[]
  readonly next: string
}

async function resultOf({ signed, program, lines, next }: Made, words: JobWords): Promise<Result> {
  const { out, programOut, policy } = words
  await writeWhole(out, Job.encode(signed))
  if (programOut !== undefined) await writeWhole(programOut, encodeProgram(program))
  const hash = toHex(Job.hash(signed.job))
  const isRequested = signed.signature !== undefined
  return {
    outcome: 'done',
    data: { job: hash, file: out, program: programOut ?? null, requested: isRequested, policy },
    lines: [
      `job      ${hash}`,
      `policy   ${policy}`,
      ...lines,
      `request  ${isRequested ? `signed by ${signed.job.requester}` : 'unrequested: nobody signed it'}`,
      `written  ${out}${programOut === undefined ? '' : `, ${programOut}`}`,
    ],
    next: [
      next,
      ...(programOut === undefined
        ? []
        : [`countersign job post ${out} --program ${programOut} --payment AMOUNT --stake AMOUNT`]),
    ],
  }
}

function fresh(): Command {
  return command<Options>(
    'new',
    (c) =>
      withJobWords(
        c
          .description('state a job for a model and its inputs')
          .argument('<model>', '.onnx file, or the folder that quantize wrote')
          .option('--input <file...>', 'inputs in order, or name=FILE (.pb, .npy, .json)', []),
      ),
    async ([model], words) => {
      const { work, forecast } = await load(model, words.input)
      const signed = await jobFor(work, await optionsFrom(words))
      const next = `countersign run ${model} --input ${words.input.join(' ')} --job ${words.out} --out bundle`
      return resultOf({ signed, program: work.program, lines: [`work     ${forecast}`], next }, words)
    },
  )
}

interface TrainOptions extends JobWords, TrainingWords {
  readonly steps: string
  readonly commitEvery: string
}

function training(): Command {
  return command<TrainOptions>(
    'train',
    (c) =>
      withJobWords(
        withRecipeWords(
          c
            .description('state a job that trains a model: this recipe, on this data, so many steps')
            .argument('<model>', '.onnx file; the first axis of its inputs is the batch')
            .requiredOption(
              '--data <name=file...>',
              'a column for each input and for targets, as in "countersign train"',
            )
            .requiredOption('--steps <count>', 'how many steps')
            .option('--header', 'the first line of CSV files holds names')
            .option('--batch <count>', 'samples of a step', '32')
            .option('--start <from>', 'seed: fresh weights, drawn from the job; model: the weights in the file', 'seed')
            .option('--order <order>', 'shuffled: anew for each epoch; committed: as in the files', 'shuffled')
            .option('--commit-every <count>', 'steps to a leaf of the run', '10'),
        ),
      ).addHelpText(
        'after',
        '\nA provider answers it by "countersign train" with --job and the same model, data and recipe.',
      ),
    async ([model], words) => {
      const steps = wholeNumber(words.steps, '--steps')
      const { training, course } = await prepare(model, words, steps)
      const { program } = training
      const options = { ...(await optionsFrom(words)), commitEvery: wholeNumber(words.commitEvery, '--commit-every') }
      const signed = await jobForCourse({ program, course, steps }, options)
      const { samples, batchSize } = course.schedule
      const lines = [
        `work     ${steps} steps of ${program.counts.nodes} exact ops, ${batchSize} of ${samples} samples each`,
      ]
      return resultOf(
        { signed, program, lines, next: `countersign train ${model} ... --job ${words.out} --out bundle` },
        words,
      )
    },
  )
}
