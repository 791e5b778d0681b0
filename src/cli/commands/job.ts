/** `countersign job new`: what a requester asks for. @module */
import { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { Fault, demand } from '../../core/faults.js'
import { writeWhole } from '../../disk/index.js'
import * as Job from '../../receipt/job.js'
import * as Policy from '../../receipt/policy.js'
import { jobFor } from '../../receipt/provide.js'
import { command } from '../command.js'
import { optionalSigner } from '../keys.js'
import { load } from '../work.js'

interface Options {
  readonly input: string[]
  readonly policy: string
  readonly out: string
  readonly operatorTrace?: boolean
  readonly deadline?: string
  readonly keystore?: string
  readonly replica?: string[]
  readonly window?: string
}

export function job(): Command {
  return new Command('job').description('jobs: what a requester asks for').addCommand(fresh())
}

/** `claimed`, `k/n` for a quorum, `audited` or `optimistic:SECONDS`. */
export function policyFrom(text: string, quorum: Policy.QuorumOptions = {}): Policy.Policy {
  if (text === 'claimed') return Policy.claimed()
  if (text === 'audited') return Policy.audited(0)
  if (/^\d+\/\d+$/.test(text)) return Policy.quorum(text, quorum)
  const window = /^optimistic:(\d+)$/.exec(text)
  if (window) return Policy.optimistic(BigInt(window[1]))
  throw new Fault('cli/usage', `no policy "${text}"`, {
    hint: 'claimed, 2/3 (any k/n), audited, or optimistic:SECONDS',
  })
}

/** A whole number of seconds. */
function seconds(text: string): number {
  demand(/^\d{1,15}$/.test(text), 'cli/usage', () => `"${text}" is not a number of seconds`)
  return Number(text)
}

function fresh(): Command {
  return command<Options>(
    'new',
    (c) =>
      c
        .description('state a job for a model and its inputs')
        .argument('<model>', '.onnx file, or the folder that quantize wrote')
        .option('--input <file...>', 'inputs in order, or name=FILE (.pb, .npy, .json)', [])
        .option('--policy <policy>', 'claimed, 2/3 (any k/n), audited, or optimistic:SECONDS', 'claimed')
        .option('--replica <address...>', 'who may answer under a quorum; seats are never first come')
        .option('--operator-trace', 'ask for a commitment to every operator value')
        .option('--window <seconds>', 'time to reveal after the deadline, under a quorum')
        .option('--deadline <seconds>', 'unix time by which the work is done')
        .option('--keystore <file>', 'sign as the requester')
        .option('--out <file>', 'job file', 'job.json'),
    async ([model], { input, policy, out, operatorTrace, deadline, keystore, replica, window }) => {
      const { work, forecast } = await load(model, input)
      const requester = await optionalSigner({ keystore })
      const signed = await jobFor(work, {
        policy: policyFrom(policy, { replicas: replica, window: window === undefined ? 0 : seconds(window) }),
        operatorTrace,
        deadline: deadline === undefined ? 0 : seconds(deadline),
        requester,
      })
      await writeWhole(out, Job.encode(signed))
      const hash = toHex(Job.hash(signed.job))
      return {
        outcome: 'done',
        data: { job: hash, file: out, requested: requester !== undefined, policy },
        lines: [
          `job      ${hash}`,
          `policy   ${policy}`,
          `work     ${forecast}`,
          `request  ${requester === undefined ? 'unrequested: nobody signed it' : `signed by ${requester.address}`}`,
          `written  ${out}`,
        ],
        next: [`countersign run ${model} --input ${input.join(' ')} --job ${out} --out bundle`],
      }
    },
  )
}
