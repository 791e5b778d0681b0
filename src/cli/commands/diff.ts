/** `countersign diff`: where two runs of one job part. @module */
import type { Command } from 'commander'
import { demand } from '../../core/faults.js'
import { equal } from '../../core/bytes.js'
import { explain, firstDifference } from '../../dispute/difference.js'
import * as Bundle from '../../receipt/bundle.js'
import { command } from '../command.js'
import { readBundle } from '../bundles.js'
import { differenceData } from '../difference.js'
import { paint } from '../output.js'
import { bytes32From } from '../trust.js'

export function diff(): Command {
  return command<{ seedBeacon?: string }>(
    'diff',
    (c) =>
      c
        .description('the first step, operator and element where two runs of one job part')
        .argument('<bundle>', 'taken as expected')
        .argument('<bundle>', 'taken as found')
        .option('--seed-beacon <hex>', 'what the beacon gave that the schedule of a training run names'),
    async ([a, b], { seedBeacon: said }) => {
      const seedBeacon = said === undefined ? undefined : bytes32From(said)
      const [expected, found] = [
        await Bundle.verify(await readBundle(a), { seedBeacon }),
        await Bundle.verify(await readBundle(b), { seedBeacon }),
      ]
      const same = equal(expected.receipt.receipt.claim.job, found.receipt.receipt.claim.job)
      demand(same, 'dispute/different-jobs', () => 'the two bundles answer different jobs')
      const difference = firstDifference(expected, found)
      if (difference === undefined)
        return {
          outcome: 'valid',
          data: { difference: null },
          lines: [`${paint.good('equal')}    the two runs agree in every committed bit`],
        }
      return {
        outcome: 'refuted',
        data: {
          difference: differenceData(difference),
          providers: [expected.receipt.receipt.provider, found.receipt.receipt.provider],
        },
        lines: [`${paint.bad('differ')}   ${explain(difference)}`, 'results are unique: one of the two is wrong'],
        next: [`countersign audit ${a}`, `countersign audit ${b}`],
      }
    },
  )
}
