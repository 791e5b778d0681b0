/** `countersign beacon`: evidence that randomness came after a claim. @module */
import { Command } from 'commander'
import { fromHex, toHex } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import { about } from '../../attest/beacon.js'
import * as Beacon from '../../attest/beacon.js'
import { sign as signNonce } from '../../attest/nonce.js'
import { from as roundFrom, roundOf, timeOf } from '../../attest/round.js'
import * as Sighting from '../../attest/sighting.js'
import { writeWhole } from '../../disk/index.js'
import * as Receipt from '../../receipt/receipt.js'
import { command } from '../command.js'
import { read } from '../files.js'
import { signerFrom } from '../keys.js'
import { networkFrom } from '../trust.js'

interface Options {
  readonly keystore?: string
  readonly out: string
}

const now = () => Math.floor(Date.now() / 1000)
const receiptFrom = async (path: string) => Receipt.verify(Receipt.decode(await read(path, 1 << 17)))
const KEY = ['--keystore <file>', 'your key; default: the environment variable COUNTERSIGN_KEY'] as const

function nonce(): Command {
  return command<Options>(
    'nonce',
    (c) =>
      c
        .description('fresh randomness for a claim that you hold, signed by you: convinces you alone')
        .argument('<receipt>', 'receipt.json')
        .option(...KEY)
        .requiredOption('--out <file>', 'the beacon'),
    async ([path], options) => {
      const { receipt, domain } = await receiptFrom(path)
      const signer = await signerFrom(options)
      const beacon = await signNonce(about(receipt), signer, { issuedAt: now(), domain })
      await writeWhole(options.out, Beacon.encode(beacon))
      return {
        outcome: 'done',
        data: { beacon: options.out, verifier: signer.address, nonce: toHex(beacon.challenge.nonce) },
        lines: [
          `nonce    ${toHex(beacon.challenge.nonce)} by ${signer.address}`,
          `written  ${options.out}: give it to the provider. One nonce for one claim: each further one is one more draw`,
        ],
        next: [`countersign attest learning BUNDLE --beacon ${options.out} --steps 100 --out PROOF`],
      }
    },
  )
}

function sight(): Command {
  return command<Options>(
    'sight',
    (c) =>
      c
        .description('say as a witness that you hold this claim now; a round of a network then follows by rule')
        .argument('<receipt>', 'receipt.json')
        .option(...KEY)
        .requiredOption('--out <file>', 'the sighting'),
    async ([path], options) => {
      const signer = await signerFrom(options)
      const sighting = await Sighting.witness(await receiptFrom(path), signer, { seenAt: now(), seen: new Map() })
      await writeWhole(options.out, Sighting.encode(sighting))
      return {
        outcome: 'done',
        data: { sighting: options.out, witness: signer.address, seenAt: String(sighting.sighting.seenAt) },
        lines: [
          `seen     at ${sighting.sighting.seenAt} by ${signer.address}`,
          `written  ${options.out}. Asked again for this job and provider, answer with this file and no other`,
        ],
        next: [`countersign beacon round ${options.out} --network quicknet`],
      }
    },
  )
}

function round(): Command {
  return command<{ network: string; signature?: string; out?: string }>(
    'round',
    (c) =>
      c
        .description('the round of a network that counts for a sighting; with its signature, the beacon')
        .argument('<sighting>', 'file of a sighting')
        .requiredOption('--network <name>', 'quicknet, or a .json file that describes one')
        .option('--signature <hex>', "the network's signature of that round")
        .option('--out <file>', 'the beacon'),
    async ([path], { network, signature, out }) => {
      demand(
        (signature === undefined) === (out === undefined),
        'cli/usage',
        () => '--signature and --out belong together',
      )
      const sighting = Sighting.decode(await read(path, 8192))
      const on = await networkFrom(network)
      const number = roundOf(on, sighting.sighting.seenAt)
      const data = { round: String(number), signedAt: String(timeOf(on, number)), beacon: out ?? null }
      if (signature !== undefined && out !== undefined)
        await writeWhole(out, Beacon.encode(roundFrom(on, sighting, fromHex(signature))))
      return {
        outcome: 'done',
        data,
        lines: [
          `round    ${number}, signed at ${timeOf(on, number)}`,
          ...(signature === undefined || out === undefined ? [] : [`written  ${out}`]),
        ],
        next:
          signature === undefined
            ? [`countersign beacon round ${path} --network ${network} --signature HEX --out FILE`]
            : [],
      }
    },
  )
}

export function beacon(): Command {
  const parent = new Command('beacon').description(
    'evidence that randomness came after a claim: nonces, sightings, rounds',
  )
  for (const child of [nonce, sight, round]) parent.addCommand(child())
  return parent
}
