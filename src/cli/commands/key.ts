/** `countersign key new`: an encrypted keystore file. @module */
import { Command } from 'commander'
import { demand } from '../../core/faults.js'
import { utf8 } from '../../core/bytes.js'
import { readRegular, writeWhole } from '../../disk/index.js'
import { newKeystore } from '../../receipt/signer.js'
import { command } from '../command.js'
import { password } from '../keys.js'

export function key(): Command {
  return new Command('key').description('keys of providers, requesters and auditors').addCommand(fresh())
}

function fresh(): Command {
  return command<{ out: string }>(
    'new',
    (c) =>
      c
        .description('make a key and keep it in an encrypted keystore file (Web3 Secret Storage, scrypt)')
        .option('--out <file>', 'keystore file', 'keystore.json'),
    async (_words, { out }) => {
      demand((await readRegular(out, 2 ** 20)) === undefined, 'bundle/exists', () => out)
      const { address, keystore } = await newKeystore(await password('New password: '))
      await writeWhole(out, utf8(keystore))
      return {
        outcome: 'done',
        data: { address, keystore: out },
        lines: [`address  ${address}`, `keystore ${out}`],
        next: [`countersign run MODEL --input FILE --keystore ${out} --out bundle`],
      }
    },
  )
}
