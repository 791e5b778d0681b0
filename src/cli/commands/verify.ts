/** `countersign verify`: is a receipt or bundle what it says it is? @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import * as Bundle from '../../receipt/bundle.js'
import * as Claim from '../../receipt/claim.js'
import * as Job from '../../receipt/job.js'
import * as Receipt from '../../receipt/receipt.js'
import { command } from '../command.js'
import { isFolder, readBundle, scheduleLine } from '../bundles.js'
import { read } from '../files.js'
import { paint } from '../output.js'
import { bytes32From } from '../trust.js'

export function verify(): Command {
  return command<{ job?: string; seedBeacon?: string }>(
    'verify',
    (c) =>
      c
        .description('check signatures, hashes and bindings of a receipt or bundle (nothing is run again)')
        .argument('<path>', 'receipt.json or the folder of a bundle')
        .option('--job <file>', 'demand that it answers this job')
        .option('--seed-beacon <hex>', 'what the beacon gave that the schedule of a training run names'),
    async ([path], { job, seedBeacon: said }) => {
      const seedBeacon = said === undefined ? undefined : bytes32From(said)
      const expected = job === undefined ? undefined : Job.decode(await read(job, 1 << 16)).job
      const folder = await isFolder(path)
      const bundle = folder ? await Bundle.verify(await readBundle(path), { job: expected, seedBeacon }) : undefined
      const signed =
        bundle?.receipt ?? (await Receipt.verify(Receipt.decode(await read(path, 1 << 17)), { job: expected }))
      const { claim, provider } = signed.receipt
      return {
        outcome: 'valid',
        data: {
          checked: folder ? 'bundle' : 'receipt',
          provider,
          job: toHex(claim.job),
          claim: toHex(Claim.hash(claim)),
          requested: signed.jobSignature !== undefined,
          refusal: signed.refusal ?? null,
          training: bundle === undefined ? null : trainingData(bundle),
        },
        lines: [
          `${paint.good('valid')}    ${folder ? 'bundle: receipt, program, state, inputs, outputs and steps belong together' : 'receipt: signatures and hashes'}`,
          `provider ${provider}`,
          `job      ${toHex(claim.job)}${signed.jobSignature === undefined ? ' (unrequested: no requester signed it)' : ` (requested by ${signed.job.requester})`}`,
          `claim    ${toHex(Claim.hash(claim))}`,
          ...(bundle === undefined ? [] : trainingLines(bundle)),
          paint.faint('grade    claimed: nobody has run it again yet'),
        ],
        next: folder ? [`countersign audit ${path}`] : [],
      }
    },
  )
}

/** What a training run was made of; null where the bundle is none. */
function trainingData({ course, steps, leaves, checkpoints }: Bundle.Bundle) {
  if (course === undefined) return null
  const { samples, batchSize, order, start } = course.schedule
  return {
    ...{ samples, batchSize, order, start: start.from },
    ...{ steps: steps.length, leaves: leaves.length, checkpoints: checkpoints.at.length },
  }
}

function trainingLines({ course, steps, leaves, checkpoints }: Bundle.Bundle): string[] {
  if (course === undefined) return []
  return [
    `run      ${scheduleLine(course.schedule)}`,
    `         ${steps.length} steps in ${leaves.length} leaves, ${checkpoints.at.length} states inside of the run`,
  ]
}
