/** `countersign audit`: run a bundle's job again and compare bits. @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { writeWhole } from '../../disk/index.js'
import { replay, verdictOf } from '../../audit/replay.js'
import { explain, firstDifference, viewOf } from '../../dispute/difference.js'
import * as Bundle from '../../receipt/bundle.js'
import * as Verdict from '../../receipt/verdict.js'
import { command } from '../command.js'
import { readBundle } from '../bundles.js'
import { differenceData } from '../difference.js'
import { optionalSigner } from '../keys.js'
import { withProgress } from '../progress.js'
import { RUNTIME_NAMES, safeRuntime } from '../runtimes.js'
import { paint, time } from '../output.js'

interface Options {
  readonly runtime: string
  readonly keystore?: string
  readonly out?: string
}

export function audit(): Command {
  return command<Options>(
    'audit',
    (c) =>
      c
        .description('run the job of a bundle again, on any runtime, and compare every bit of the claim')
        .argument('<bundle>', "the bundle's folder")
        .option('--runtime <name>', RUNTIME_NAMES.join(', '), 'ort-node')
        .option('--keystore <file>', 'sign the verdict as an auditor')
        .option('--out <file>', 'write the signed verdict'),
    async ([path], { runtime, keystore, out }) => {
      const signer = await optionalSigner({ keystore })
      const bundle = await Bundle.verify(await readBundle(path))
      const began = performance.now()
      const found = await withProgress('replay', (options) => replay(bundle, safeRuntime(runtime), options))
      const spent = performance.now() - began
      const difference = found.outcome === 'refuted' ? firstDifference(viewOf(found.trace), bundle) : undefined
      const verdict = signer === undefined ? undefined : await verdictOf(bundle, found, { signer })
      if (verdict !== undefined && out !== undefined) await writeWhole(out, Verdict.encode(verdict))
      return {
        outcome: found.outcome,
        data: {
          grade: 'replayed',
          sampled: found.sampled,
          total: found.total,
          runtime,
          provider: bundle.receipt.receipt.provider,
          difference: difference === undefined ? null : differenceData(difference),
          verdict: verdict === undefined ? null : toHex(Verdict.hash(verdict.verdict)),
        },
        lines: [
          found.outcome === 'valid'
            ? `${paint.good('valid')}    replayed ${found.total} of ${found.total} steps on ${runtime} in ${time(spent)}: the same claim, bit for bit`
            : `${paint.bad('refuted')}  replayed on ${runtime} in ${time(spent)}: this is not what the program gives`,
          ...(difference === undefined ? [] : [`first difference: ${explain(difference)}`]),
          `provider ${bundle.receipt.receipt.provider}`,
          ...(verdict === undefined
            ? []
            : [`verdict  signed by ${verdict.verdict.auditor}${out === undefined ? '' : `, written to ${out}`}`]),
        ],
      }
    },
  )
}
