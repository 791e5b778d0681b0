/** `countersign deploy`: the contracts, on a chain. @module */
import type { Command } from 'commander'
import { demand } from '../../core/faults.js'
import { accountOn } from '../../chain/account.js'
import * as Deployment from '../../chain/deployment.js'
import { codeOf, readRegular, writeWhole } from '../../disk/index.js'
import { REFEREES } from '../../dispute/proof.js'
import { deploymentFile, nodeFrom, withNodeWords, type ChainWords } from '../chain.js'
import { command } from '../command.js'
import { signerFrom } from '../keys.js'
import { withProgress } from '../progress.js'

/** Everything but the referees. */
const OTHERS = 5

export function deploy(): Command {
  return command<ChainWords>(
    'deploy',
    (c) =>
      withNodeWords(c)
        .description('put the contracts on a chain, and write down where they stand')
        .option(
          '--keystore <file>',
          'the account that pays; default: the key in the environment variable COUNTERSIGN_KEY',
        )
        .addHelpText(
          'after',
          '\nA dozen transactions, some 50 million gas in all; nobody owns what they make. The file of the deployment is all that\nanybody needs to use it: every command compares the code on the chain with the one in this package before it acts.',
        ),
    async (_words, words) => {
      const node = await nodeFrom(words)
      try {
        const { chainId } = await node.getNetwork()
        const file = words.deployment ?? deploymentFile(chainId)
        demand((await readRegular(file, 1 << 14)) === undefined, 'bundle/exists', () => file, {
          hint: 'there is a deployment already: use it, or name another file with --deployment',
        })
        const account = accountOn(await signerFrom(words), node)
        const done: Deployment.Deployed[] = []
        const deployment = await withProgress('deploy', ({ report }) =>
          Deployment.deploy(account, codeOf, {
            onProgress: (one) => report(done.push(one), OTHERS + REFEREES.length, one.contract),
          }),
        )
        await Deployment.verify(deployment, node, codeOf)
        await writeWhole(file, Deployment.encode(deployment))
        const gas = done.reduce((sum, one) => sum + one.gas, 0n)
        return {
          outcome: 'done',
          data: {
            deployment: file,
            chain: String(chainId),
            settlement: deployment.settlement,
            dispute: deployment.dispute,
            contracts: done.map((one) => ({ ...one, gas: String(one.gas) })),
            gas: String(gas),
          },
          lines: [
            `chain    ${chainId}`,
            ...done.map(
              (one) => `sent     ${one.contract.padEnd(17)} ${one.address}, ${one.gas.toLocaleString('en-US')} gas`,
            ),
            `written  ${file} (${gas.toLocaleString('en-US')} gas in all)`,
          ],
          next: [
            `countersign job new MODEL --input FILE --policy optimistic:172800 --deployment ${file} --out job.json`,
          ],
        }
      } finally {
        node.destroy()
      }
    },
  )
}
