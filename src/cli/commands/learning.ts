/** `countersign attest learning`: open the leaves of a training run that a beacon challenges. @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { decode as decodeBeacon, verify as verifyBeacon, about } from '../../attest/beacon.js'
import { detection, teleport } from '../../attest/challenge.js'
import { prove } from '../../attest/learning.js'
import { encode as encodeProof } from '../../attest/proof.js'
import { writeBundle } from '../../disk/index.js'
import * as Bundle from '../../receipt/bundle.js'
import * as Claim from '../../receipt/claim.js'
import { command } from '../command.js'
import { readBundle } from '../bundles.js'
import { read } from '../files.js'
import { size } from '../output.js'
import { withProgress } from '../progress.js'
import { RUNTIME_NAMES, safeRuntime } from '../runtimes.js'
import { wholeNumber } from '../training.js'
import { bytes32From, trustFrom, withTrustWords, type TrustWords } from '../trust.js'

interface Options extends TrustWords {
  readonly beacon?: string
  readonly seedBeacon?: string
  readonly steps: string
  readonly runtime: string
  readonly out?: string
}

/** A probability for people. */
export const percent = (share: number): string => `${Number((100 * share).toPrecision(4))} %`

export function learning(): Command {
  return command<Options>(
    'learning',
    (c) =>
      withTrustWords(
        c
          .description('open the steps of a training run that a beacon challenges: a proof of learning')
          .argument('<bundle>', "the bundle's folder")
          .option(
            '--beacon <file>',
            'nonce, round or block; without one so many leaves are needed that trying does not help',
          )
          .option('--seed-beacon <hex>', 'what the beacon gave that the schedule names')
          .requiredOption('--steps <count>', 'how many steps are challenged; whole leaves are opened')
          .option('--out <dir>', 'folder for the proof; must not exist (default: BUNDLE.proof)')
          .option('--runtime <name>', RUNTIME_NAMES.join(', '), 'ort-node'),
      ),
    async ([path], options) => {
      const seedBeacon = options.seedBeacon === undefined ? undefined : bytes32From(options.seedBeacon)
      const bundle = await Bundle.verify(await readBundle(path), { seedBeacon })
      const beacon = options.beacon === undefined ? undefined : decodeBeacon(await read(options.beacon, 1 << 14))
      const trust = await trustFrom(options)
      const count = Math.ceil(wholeNumber(options.steps, '--steps') / bundle.commitEvery)
      const proof = await withProgress('open', ({ onProgress, signal }) =>
        prove(bundle, safeRuntime(options.runtime), { beacon, count, trust, onProgress, signal }),
      )
      const evidence = beacon && (await verifyBeacon(beacon, about(bundle.receipt.receipt), trust))
      const files = encodeProof(proof)
      const out = options.out ?? `${path.replace(/\/+$/, '')}.proof`
      await writeBundle(files, out)
      const opened = proof.challenges.length
      const sample = { count, total: bundle.leaves.length }
      // Who draws for itself draws until one leaf is not among those drawn: as Learning.verify counts it.
      const jump = evidence === undefined && count < sample.total ? 0 : teleport(sample)
      const bytes = [...files.values()].reduce((sum, file) => sum + file.length, 0)
      return {
        outcome: 'done',
        data: {
          proof: out,
          claim: toHex(Claim.hash(bundle.receipt.receipt.claim)),
          leaves: proof.challenges.map(({ leaf }) => leaf),
          total: sample.total,
          steps: proof.challenges.reduce((sum, { batches }) => sum + batches.length, 0),
          bytes,
          beacon: evidence?.kind ?? null,
          jump,
        },
        lines: [
          `opened   ${opened} of ${sample.total} leaves, ${bundle.commitEvery} steps each, drawn by ${evidence === undefined ? 'the claim itself' : `a ${evidence.kind}`}`,
          `shows    a run with 1 % of its leaves false would be found out with ${percent(detection(sample, 0.01))}, one with a single false leaf with ${percent(jump)}`,
          `written  ${out} (${size(bytes)})`,
        ],
        next: [
          `countersign audit ${out} ${evidence?.kind === 'nonce' ? '--verifier ADDRESS' : '--witness ADDRESS --network quicknet'}`,
        ],
      }
    },
  )
}
