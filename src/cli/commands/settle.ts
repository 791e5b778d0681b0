/** `countersign settle` and `countersign withdraw`: ends of jobs, and the money that follows from them. @module */
import type { Command } from 'commander'
import { toHex, type Bytes32 } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import type { Landed } from '../../chain/calls.js'
import { accountOf, headOf, wholeSpan, type Connection } from '../../chain/connection.js'
import * as Disputes from '../../chain/disputes.js'
import * as Jobs from '../../chain/jobs.js'
import * as Money from '../../chain/money.js'
import { settleByProof } from '../../chain/proofs.js'
import * as Quorums from '../../chain/quorums.js'
import { revertOf } from '../../chain/revert.js'
import { idOf } from '../../chain/wire.js'
import * as Receipt from '../../receipt/receipt.js'
import { ZERO_ADDRESS, toAddress, type Address } from '../../receipt/fields.js'
import * as Seal from '../../receipt/seal.js'
import * as Verdict from '../../receipt/verdict.js'
import { readKit } from '../../disk/index.js'
import { formOf } from '../../zk/bind.js'
import { decodeProof } from '../../zk/prove.js'
import {
  amount,
  jobHashFrom,
  landedData,
  moment,
  onChain,
  providerFrom,
  sent,
  withChainWords,
  type ChainWords,
} from '../chain.js'
import { command } from '../command.js'
import { read } from '../files.js'
import { outputsFrom, publicsData } from '../proving.js'
import { STATE_WORDS } from '../news.js'
import type { Result } from '../output.js'

interface Words extends ChainWords {
  readonly provider?: string
  readonly verdict?: string
  readonly receipt?: string
  readonly seals?: string[]
  readonly receipts?: string[]
  readonly proof?: string
  readonly kit?: string
  readonly output?: string[]
}

export function settle(): Command {
  return command<Words>(
    'settle',
    (c) =>
      withChainWords(
        c
          .description('bring a job to its end as far as that is due: anybody may')
          .argument('<job>', 'hash of the job, or its file')
          .option('--provider <address>', 'where several took the job: whose part of it')
          .option('--verdict <file>', 'of an audited job: verdict.json of an auditor whom it names')
          .option('--receipt <file>', 'of an audited job: the receipt.json that the verdict is about')
          .option('--seals <file...>', 'of a quorum: the seal.json of every seat that sealed')
          .option(
            '--receipts <file...>',
            'of a quorum: the receipt.json of those that agree, with all seals ("countersign reveal")',
          )
          .option('--proof <file>', 'of a proven job: the proof, for the provider of --provider')
          .option('--kit <dir>', 'the kit that the proof was made with')
          .option('--output <file...>', 'the output that was proven, where it is public'),
      ).addHelpText(
        'after',
        [
          '',
          'A claim whose time to be disputed is over is paid. A provider that claimed nothing in time loses its stake. Of a void job the',
          'stake goes back. Of a false claim the reward is paid to whoever proved it, a day after the proof. Where nothing is due yet it',
          'says from when on (exit code 3). What is paid is fetched by "countersign withdraw", by each for itself.',
        ].join('\n'),
      ),
    async ([word], words) =>
      onChain(words, async ({ connection }) => {
        const posted = await Jobs.read(connection, await jobHashFrom(word))
        if (words.seals !== undefined) return agreement(connection, posted, words)
        if (words.proof !== undefined) return proven(connection, posted, words)
        const provider = await providerFrom(connection, posted.hash, words.provider)
        const at: Ending = { connection, posted, provider }
        const end = await endOf(at, words).catch(notYet)
        return end !== undefined && 'due' in end ? tooEarly(at, end) : resultOf(at, end)
      }),
  )
}

/** Finds a quorum to agree. Its seats are settled one by one when the time to dispute is over. */
async function agreement(connection: Connection, posted: Jobs.PostedJob, words: Words): Promise<Result> {
  const { seals: sealed = [], receipts: shown = [] } = words
  const seals = await Promise.all(sealed.map(async (path) => Seal.decode(await read(path, 8192)).seal))
  const receipts = await Promise.all(shown.map(async (path) => Receipt.decode(await read(path, 1 << 17))))
  demand(receipts.length > 0, 'cli/usage', () => '--seals and --receipts belong together')
  const isDrawn = posted.policy.auditors.length === 0
  const replicas = isDrawn ? await Quorums.replicasOf(connection, posted) : []
  const [{ refusal }] = receipts
  const landed = await Quorums.settle(connection, posted, { seals, receipts, replicas, refusal })
  const job = toHex(posted.hash)
  const { closes } = await Jobs.engagementOf(connection, idOf(posted.hash, receipts[0].receipt.provider))
  return {
    outcome: 'done',
    data: { job, agreed: receipts.length, closes: String(closes), ...landedData(landed) },
    lines: [
      `job      ${job}`,
      sent('agreement', landed),
      `agreed   ${receipts.length} replicas; disputed until ${moment(closes)}, if anybody does`,
    ],
    next: receipts.map(({ receipt }) => `countersign settle ${job} --provider ${receipt.provider}`),
  }
}

/** Has the provider paid that a proof is made for: anybody may bring it. */
async function proven(connection: Connection, posted: Jobs.PostedJob, words: Words): Promise<Result> {
  const { kit: folder, proof: file, output: files, provider: word } = words
  demand(folder !== undefined && word !== undefined, 'cli/usage', () => '--proof comes with --kit and --provider')
  const { circuit } = await readKit(folder)
  const proof = decodeProof(await read(file!, 1 << 13))
  const provider = toAddress(word)
  const [output] = files === undefined ? [] : await outputsFrom(circuit, files)
  const landed = await settleByProof(connection, posted, { form: formOf(circuit), proof, output, provider })
  const job = toHex(posted.hash)
  const { payment, token } = posted.terms
  return {
    outcome: 'done',
    data: { job, provider, ...publicsData(proof.publics), ...landedData(landed) },
    lines: [
      `job      ${job} by ${provider}`,
      sent('proof', landed),
      `paid     ${amount(payment, token)}: the contract took the proof${proof.setUp === 'unsafe' ? ' of an unsafe key' : ''}`,
    ],
    next: ['countersign withdraw'],
  }
}

interface Ending {
  readonly connection: Connection
  readonly posted: Jobs.PostedJob
  readonly provider: Address
}

/** What keeps the end: a moment, or open games. */
interface NotYet {
  readonly due: bigint | undefined
  readonly games: bigint
}

/** What was due, or is not due yet; undefined where all is done. */
async function endOf({ connection, posted, provider }: Ending, words: Words): Promise<Landed | NotYet | undefined> {
  const engaged = { ...posted, provider }
  const id = idOf(posted.hash, provider)
  const { state } = await Jobs.engagementOf(connection, id)
  switch (state) {
    case 'claimed':
      return words.verdict === undefined ? Jobs.settle(connection, engaged) : audited(connection, posted, words)
    case 'taken':
    case 'sealed':
      return Jobs.expire(connection, engaged)
    case 'slashed':
      return reward(connection, posted, id)
    case 'void':
      return release(connection, engaged)
    default:
      return undefined
  }
}

async function audited(connection: Connection, posted: Jobs.PostedJob, words: Words): Promise<Landed> {
  demand(words.receipt !== undefined, 'cli/usage', () => '--verdict and --receipt belong together')
  const receipt = Receipt.decode(await read(words.receipt, 1 << 17))
  const said = Verdict.decode(await read(words.verdict!, 1 << 16))
  return Jobs.settleAudited(connection, posted, { receipt, said })
}

/** The stake of a void job; nothing where it went back already. */
async function release(connection: Connection, engaged: Jobs.Engaged): Promise<Landed | undefined> {
  try {
    return await Jobs.release(connection, engaged)
  } catch (error) {
    if (revertOf(error)?.name === 'WrongState') return undefined
    throw error
  }
}

async function reward(
  connection: Connection,
  { terms }: Jobs.PostedJob,
  id: Bytes32,
): Promise<Landed | NotYet | undefined> {
  const { dispute } = connection
  if ((await dispute.events('Rewarded', await wholeSpan(connection), [id])).length > 0) return undefined
  const { until } = await dispute.read('rulings', id)
  const { time } = await headOf(connection)
  return until > time ? { due: until, games: 0n } : Disputes.payReward(connection, id, terms)
}

/** The refusals that say when. @throws whatever else went wrong. */
function notYet(error: unknown): NotYet {
  const { name, values } = revertOf(error) ?? { name: '', values: [] }
  if (name === 'TooEarly') return { due: values[0] as bigint, games: 0n }
  if (name === 'Disputed') return { due: undefined, games: values[0] as bigint }
  throw error
}

async function resultOf({ connection, posted, provider }: Ending, landed: Landed | undefined): Promise<Result> {
  const { state } = await Jobs.engagementOf(connection, idOf(posted.hash, provider))
  const job = toHex(posted.hash)
  return {
    outcome: 'done',
    data: { job, provider, state, ...(landed === undefined ? { transaction: null } : landedData(landed)) },
    lines: [
      `job      ${job} by ${provider}`,
      landed === undefined ? 'nothing is left to do' : sent('its end', landed),
      `state    ${STATE_WORDS[state]}`,
    ],
    next: ['countersign withdraw'],
  }
}

function tooEarly({ posted, provider }: Ending, { due, games }: NotYet): Result {
  const job = toHex(posted.hash)
  return {
    outcome: 'undecided',
    data: { job, provider, due: due === undefined ? null : String(due), games: String(games) },
    lines: [
      `job      ${job} by ${provider}`,
      due === undefined ? `disputed ${games} games are open` : `too early: due after ${moment(due)}`,
    ],
  }
}

export function withdraw(): Command {
  return command<ChainWords & { token?: string }>(
    'withdraw',
    (c) =>
      withChainWords(
        c
          .description('fetch what jobs, stakes, bonds and rewards left for your account')
          .option('--token <address>', "an ERC-20 token; default: the chain's own coin"),
      ),
    async (_none, words) =>
      onChain(words, async ({ connection }) => {
        const token = words.token === undefined ? ZERO_ADDRESS : toAddress(words.token)
        const account = await accountOf(connection)
        const credit = await Money.creditOf(connection, token, account)
        const total = credit.settlement + credit.dispute
        const landed = await Money.withdraw(connection, token)
        return {
          outcome: 'done',
          data: { account, token, amount: String(total), transactions: landed.map(landedData) },
          lines: [
            ...landed.map((one) => sent('withdrawal', one)),
            landed.length === 0 ? `nothing is owed to ${account}` : `fetched  ${amount(total, token)} for ${account}`,
          ],
        }
      }),
  )
}
