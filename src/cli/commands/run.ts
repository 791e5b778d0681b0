/** `countersign run`: execute a job and write a bundle with seal and receipt. @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import { readRegular, writeBundle } from '../../disk/index.js'
import * as Bundle from '../../receipt/bundle.js'
import * as Claim from '../../receipt/claim.js'
import * as Job from '../../receipt/job.js'
import { jobFor, provide } from '../../receipt/provide.js'
import { command } from '../command.js'
import { read } from '../files.js'
import { signerFrom } from '../keys.js'
import { withProgress } from '../progress.js'
import { safeRuntime, RUNTIME_NAMES } from '../runtimes.js'
import { size, time } from '../output.js'
import { load } from '../work.js'

interface Options {
  readonly input: string[]
  readonly out: string
  readonly job?: string
  readonly runtime: string
  readonly operatorTrace?: boolean
  readonly keystore?: string
}

export function run(): Command {
  return command<Options>(
    'run',
    (c) =>
      c
        .description('run a job and write a bundle: seal, receipt, program, tensors')
        .argument('<model>', '.onnx file, or the folder that quantize wrote')
        .option('--input <file...>', 'inputs in order, or name=FILE (.pb, .npy, .json)', [])
        .option('--job <file>', 'the job to answer; without one the run makes its own')
        .option('--runtime <name>', RUNTIME_NAMES.join(', '), 'ort-node')
        .option('--operator-trace', 'commit every operator value (only without --job: a job decides that itself)')
        .option('--keystore <file>', "the provider's key; default: the environment variable COUNTERSIGN_KEY")
        .requiredOption('--out <dir>', 'folder for the bundle; must not exist'),
    async ([path], { input, out, job: jobFile, runtime, operatorTrace, keystore }) => {
      demand(
        jobFile === undefined || operatorTrace === undefined,
        'cli/usage',
        () => 'the job decides about the operator trace',
      )
      demand((await readRegular(out, 0).catch(() => new Uint8Array())) === undefined, 'bundle/exists', () => out)
      const signer = await signerFrom({ keystore })
      const { work, bytes, forecast } = await load(path, input)
      const job =
        jobFile === undefined
          ? await jobFor(work, { operatorTrace })
          : await Job.verify(Job.decode(await read(jobFile, 1 << 16)))
      const began = performance.now()
      const sealed = await withProgress('run', (options) =>
        provide(work, { job, runtime: safeRuntime(runtime), signer, model: bytes, ...options }),
      )
      const bundle = await sealed.reveal()
      const files = Bundle.encode(bundle)
      await writeBundle(files, out)
      const spent = performance.now() - began
      const { claim } = bundle.receipt.receipt
      const total = [...files.values()].reduce((sum, file) => sum + file.length, 0)
      const refusal = sealed.trace.refusal
      return {
        outcome: 'done',
        data: {
          bundle: out,
          job: toHex(claim.job),
          claim: toHex(Claim.hash(claim)),
          provider: signer.address,
          ownJob: jobFile === undefined,
          refusal: refusal ?? null,
          bytes: total,
          milliseconds: spent,
        },
        lines: [
          `job      ${toHex(claim.job)}${jobFile === undefined ? ' (its own: no --job was given)' : ''}`,
          `work     ${forecast}`,
          `claim    ${toHex(Claim.hash(claim))}`,
          ...(refusal === undefined
            ? []
            : [
                `refused  at step ${refusal.step}, value ${refusal.node}, element ${refusal.element}: ${refusal.reason}`,
              ]),
          `provider ${signer.address}, ${runtime}, ${time(spent)}`,
          `written  ${out} (${size(total)}; receipt ${size(files.get('receipt.json')!.length)})`,
        ],
        next: [`countersign verify ${out}`, `countersign audit ${out} --runtime ort-web`],
      }
    },
  )
}
