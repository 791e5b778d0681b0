/** `countersign attest`: do enough independent providers make the same claim? @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { Fault, demand } from '../../core/faults.js'
import { writeWhole } from '../../disk/index.js'
import * as Attestation from '../../attest/attestation.js'
import * as Quorum from '../../attest/quorum.js'
import * as Claim from '../../receipt/claim.js'
import * as Receipt from '../../receipt/receipt.js'
import * as Seal from '../../receipt/seal.js'
import { formatOf } from '../../receipt/typed-data.js'
import { command } from '../command.js'
import { learning } from './learning.js'
import { read } from '../files.js'
import { paint, type Outcome, type Result } from '../output.js'

interface Options {
  readonly out?: string
  readonly replica?: string[]
}

export function attest(): Command {
  return quorum().enablePositionalOptions().addCommand(learning())
}

function quorum(): Command {
  return command<Options>(
    'attest',
    (c) =>
      c
        .description('count the claims of sealed receipts by the policy of their job; or verify an attestation')
        .argument('<file...>', 'seal.json and receipt.json files in any order, or one attestation')
        .option(
          '--replica <address...>',
          'who may answer, where the policy names nobody; default: the signers of the seals given here',
        )
        .option('--out <file>', 'write the attestation, where every receipt witnesses all seals'),
    async (paths, options) => {
      const files = await Promise.all(paths.map(async (path) => ({ path, bytes: await read(path, 1 << 22) })))
      const kinds = files.map(({ path, bytes }) => ({ path, bytes, kind: kindOf(bytes, path) }))
      const [single] = kinds
      if (kinds.length === 1 && single.kind === 'quorum')
        return verified(await Attestation.verify(Attestation.decode(single.bytes), { replicas: options.replica }))
      const ofKind = (kind: string) => kinds.filter((file) => file.kind === kind).map((file) => file.bytes)
      return count(ofKind('seal').map(Seal.decode), ofKind('receipt').map(Receipt.decode), options)
    },
  )
}

function kindOf(bytes: Uint8Array, path: string): string {
  const kind = formatOf(bytes)
  demand(
    kind === 'seal' || kind === 'receipt' || kind === 'quorum',
    'cli/usage',
    () => `${path} is no seal, receipt or attestation`,
  )
  return kind
}

const OUTCOMES: Record<Quorum.QuorumOutcome, Outcome> = {
  agreed: 'valid',
  impossible: 'refuted',
  pending: 'undecided',
  'timed-out': 'undecided',
}

async function count(
  seals: readonly Seal.SignedSeal[],
  receipts: readonly Receipt.SignedReceipt[],
  { out, replica }: Options,
): Promise<Result> {
  demand(receipts.length > 0, 'cli/usage', () => 'no receipt was given')
  const job = Receipt.jobOf(receipts[0])
  const named = job.policy.auditors.length > 0
  const replicas = named
    ? undefined
    : (replica ?? [...new Set([...seals.map((s) => s.seal.provider), ...receipts.map((r) => r.receipt.provider)])])
  let quorum = await Quorum.open(job, { replicas, witness: 'observer' })
  for (const seal of seals) quorum = await Quorum.seal(quorum, seal, { at: 0 })
  for (const receipt of receipts) quorum = await Quorum.reveal(quorum, receipt, { at: 0 })
  const decision = Quorum.decide(quorum, 0)
  const set = toHex(Quorum.sealSet(quorum))
  const witnessed = quorum.receipts.every((r) => toHex(r.receipt.sealSet) === set)
  if (out !== undefined) await write(quorum, { out, witnessed })
  return describe(decision, { witnessed, named })
}

async function write(quorum: Quorum.Quorum, { out, witnessed }: { out: string; witnessed: boolean }): Promise<void> {
  if (!witnessed)
    throw new Fault(
      'receipt/wrong-seal-set',
      'not every receipt witnesses all seals, so nobody else need believe their order',
      { hint: 'let each provider run "countersign reveal BUNDLE --seals ..." first' },
    )
  await writeWhole(out, Attestation.encode(Attestation.from(quorum, 0)))
}

function describe(decision: Quorum.Decision, { witnessed, named }: { witnessed: boolean; named: boolean }): Result {
  const { outcome, agreed, threshold, replicas, votes, dissents, rejections } = decision
  const good = outcome === 'agreed'
  return {
    outcome: OUTCOMES[outcome],
    data: {
      quorum: outcome,
      agreed,
      threshold,
      replicas,
      witnessed,
      votes: votes.map(({ claim, providers }) => ({ claim: toHex(Claim.hash(claim)), providers })),
      dissents: dissents.map(({ provider, claim }) => ({ provider, claim: toHex(Claim.hash(claim)) })),
      rejections: rejections.map(({ provider, code, message }) => ({ provider, fault: code, message })),
    },
    lines: [
      `${good ? paint.good('agreed') : paint.bad(outcome)}   ${agreed} of ${replicas} replicas make one claim; ${threshold} were needed`,
      ...votes.map(({ claim, providers }) => `  ${toHex(Claim.hash(claim)).slice(0, 16)} by ${providers.join(', ')}`),
      ...dissents.map(
        ({ provider }) =>
          `${paint.bad('dissent')}  ${provider} claims something else: results are unique, so somebody lies`,
      ),
      ...rejections.map(({ provider, code, message }) => `${paint.bad('ignored')}  ${provider}: ${message} [${code}]`),
      ...(named ? [] : [paint.faint('replicas as given here: the policy names nobody')]),
      ...(witnessed
        ? []
        : [
            paint.faint(
              'the order of seals and reveals rests on whoever collected them: not every receipt witnesses all seals',
            ),
          ]),
    ],
    next: dissents.length > 0 ? ['countersign diff BUNDLE BUNDLE', 'countersign audit BUNDLE'] : [],
  }
}

function verified({ claim, agreed, replicas }: Attestation.Agreement): Result {
  return {
    outcome: 'valid',
    data: { quorum: 'agreed', agreed, replicas, claim: toHex(Claim.hash(claim)) },
    lines: [
      `${paint.good('valid')}    attestation: ${agreed} of ${replicas} replicas make the claim ${toHex(Claim.hash(claim))}`,
    ],
  }
}
