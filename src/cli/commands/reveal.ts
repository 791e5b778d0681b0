/** `countersign reveal`: sign the receipt of a bundle again, as a witness of the closed list of seals. @module */
import type { Command } from 'commander'
import { join } from 'node:path'
import { toHex } from '../../core/bytes.js'
import { writeWhole } from '../../disk/index.js'
import * as Bundle from '../../receipt/bundle.js'
import { witness } from '../../receipt/provide.js'
import * as Receipt from '../../receipt/receipt.js'
import * as Seal from '../../receipt/seal.js'
import { command } from '../command.js'
import { readBundle } from '../bundles.js'
import { read } from '../files.js'
import { signerFrom } from '../keys.js'

interface Options {
  readonly seals: string[]
  readonly keystore?: string
}

export function reveal(): Command {
  return command<Options>(
    'reveal',
    (c) =>
      c
        .description(
          'when all seals are in: sign the receipt again, with the closed list of seals, so that it counts in a portable attestation',
        )
        .argument('<bundle>', "the provider's own bundle")
        .requiredOption('--seals <file...>', 'the seal.json of every replica, the own one included')
        .option('--keystore <file>', "the provider's key; default: the environment variable COUNTERSIGN_KEY"),
    async ([path], { seals, keystore }) => {
      const signer = await signerFrom({ keystore })
      const own = await readBundle(path)
      const bundle = await Bundle.verify(own, { seedBeacon: own.course?.beacon }) // its own word: the bundle is the provider's
      const list = await Promise.all(seals.map(async (file) => Seal.verify(Seal.decode(await read(file, 8192)))))
      const revealed = await witness(bundle, list, { signer })
      await writeWhole(join(path, 'receipt.json'), Receipt.encode(revealed.receipt))
      const { sealSet } = revealed.receipt.receipt
      return {
        outcome: 'done',
        data: { bundle: path, seals: list.length, sealSet: toHex(sealSet) },
        lines: [`revealed ${path}`, `witness  of ${list.length} seals, set ${toHex(sealSet)}`],
        next: ['countersign attest SEAL... RECEIPT...'],
      }
    },
  )
}
