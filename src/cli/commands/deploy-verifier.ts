/** `countersign deploy-verifier`: the contracts that verify the proofs of a kit, on a chain. @module */
import type { Command } from 'commander'
import { demand } from '../../core/faults.js'
import { accountOn } from '../../chain/account.js'
import type { Deployed } from '../../chain/code.js'
import * as Proofs from '../../chain/proofs.js'
import { codeOf, isUnsafe, readKit } from '../../disk/index.js'
import { formOf } from '../../zk/bind.js'
import { nodeFrom, type ChainWords } from '../chain.js'
import { command } from '../command.js'
import { signerFrom } from '../keys.js'
import { keyData, keyLine, unsafeMark } from '../proving.js'

interface Words extends Omit<ChainWords, 'deployment'> {
  readonly allowUnsafe?: boolean
}

/** Milliseconds until a transaction counts as lost. */
const PATIENCE = 600_000

export function deployVerifier(): Command {
  return command<Words>(
    'deploy-verifier',
    (c) =>
      c
        .description('put the verifier of a kit on a chain: what the terms of a job name that is paid for a proof')
        .argument('<kit>', 'folder that setup wrote')
        .option('--rpc <url>', 'a node of the chain; default: the environment variable COUNTERSIGN_RPC')
        .option(
          '--keystore <file>',
          'the account that pays; default: the key in the environment variable COUNTERSIGN_KEY',
        )
        .option('--allow-unsafe', 'a development key, with which anybody can be paid for anything')
        .addHelpText(
          'after',
          '\nTwo transactions, about 4 million gas; nobody owns what they make. A job under "--policy proven:..." names it: "job post\n--verifier ADDRESS". A proof is brought to it by "settle --proof".',
        ),
    async ([path], words) => {
      const { circuit, verification } = await readKit(path)
      demand(verification !== undefined, 'zk/no-contribution', () => 'the key of this kit is not finished')
      const node = await nodeFrom(words)
      try {
        const signer = accountOn(await signerFrom(words), node)
        const by = { provider: node, signer, patience: PATIENCE }
        const verifying = { key: verification, form: formOf(circuit) }
        const done: Deployed[] = []
        const options = { codeOf, allowUnsafe: words.allowUnsafe, onProgress: (one: Deployed) => void done.push(one) }
        const { claims, verifier } = await Proofs.deployVerifier(by, verifying, options)
        await Proofs.verifyVerifier(by, claims, { ...verifying, ...options })
        const gas = done.reduce((sum, one) => sum + one.gas, 0n)
        return {
          outcome: 'done',
          data: { claims, verifier, key: keyData(verification), gas: String(gas) },
          lines: [
            keyLine(verification),
            ...done.map((one) => `sent      ${one.contract} ${one.address}, ${one.gas.toLocaleString('en-US')} gas`),
            `verifier  ${unsafeMark(verification)}${claims}: what terms name${isUnsafe(verification) ? '; anybody can be paid by it for anything' : ''}`,
          ],
          next: [`countersign job post JOB --payment AMOUNT --stake 0 --bond 0 --verifier ${claims}`],
        }
      } finally {
        node.destroy()
      }
    },
  )
}
