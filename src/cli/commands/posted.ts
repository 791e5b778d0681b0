/** `countersign job post|take|claim|show|cancel`: jobs on a chain. @module */
import type { Command } from 'commander'
import { toHex, type Bytes32 } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import type { Landed } from '../../chain/calls.js'
import { domainOf, headOf, type Connection } from '../../chain/connection.js'
import * as Disputes from '../../chain/disputes.js'
import * as Jobs from '../../chain/jobs.js'
import * as Terms from '../../chain/terms.js'
import * as Quorums from '../../chain/quorums.js'
import { idOf } from '../../chain/wire.js'
import { writeWhole } from '../../disk/index.js'
import { decode as decodeProgram } from '../../exact/format.js'
import * as Bundle from '../../receipt/bundle.js'
import * as Claim from '../../receipt/claim.js'
import { ZERO_ADDRESS, toAddress, type Address } from '../../receipt/fields.js'
import * as Job from '../../receipt/job.js'
import * as Seal from '../../receipt/seal.js'
import { readBundle } from '../bundles.js'
import {
  amount,
  amountFrom,
  jobHashFrom,
  landedData,
  lookOn,
  moment,
  onChain,
  plain,
  sent,
  withChainWords,
  withNodeWords,
  type ChainWords,
} from '../chain.js'
import { command } from '../command.js'
import { read } from '../files.js'
import { STATE_WORDS } from '../news.js'
import type { Result } from '../output.js'
import { bytes32From } from '../trust.js'

// ---------------------------------------------------------------- post

interface PostWords extends ChainWords {
  readonly program?: string
  readonly payment: string
  readonly stake: string
  readonly bond?: string
  readonly token?: string
  readonly replayTime: string
  readonly moveTime?: string
  readonly refusedShare?: string
  readonly verifier?: string
}

const MAX_PROGRAM = 2 ** 31 - 1
/** What a game asks of an honest provider at most: 40 answers of 200,000 gas. */
const GAME_GAS = 8_000_000n

export function post(): Command {
  return command<PostWords>(
    'post',
    (c) =>
      withChainWords(
        c
          .description('post a job on a chain, and pay for it in advance')
          .argument('<job>', 'job file, from "countersign job new" or "job train" with the same key')
          .option(
            '--program <file>',
            'program.bin of the job, where the chain has not seen it: from --program-out, or out of a bundle',
          )
          .requiredOption('--payment <amount>', 'for the whole job: 1000 (wei), 20gwei, 0.5ether')
          .requiredOption('--stake <amount>', 'what a provider loses by a false claim, or by none')
          .option(
            '--bond <amount>',
            'what a game costs a challenger that is wrong; default: 8 million gas at the price of now',
          )
          .option(
            '--token <address>',
            "an ERC-20 token for all amounts, which are whole numbers of its smallest unit; default: the chain's own coin",
          )
          .option('--replay-time <seconds>', 'in which an honest watcher computes the job again', '3600')
          .option('--move-time <seconds>', 'for one move of a game; default and least: a day more than --replay-time')
          .option(
            '--refused-share <tenthousandths>',
            'how much of its share a run earns that is refused, by its steps',
            '10000',
          )
          .option('--verifier <address>', 'of a proven job: the contract of "deploy-verifier" that checks its proof'),
      ).addHelpText(
        'after',
        '\nA job is posted with the policy optimistic:SECONDS (a day more than --replay-time at least), audited, k/n or proven. Its program is\ndescribed on the chain once, by anybody, so that a dispute knows how many values it has.',
      ),
    async ([file], words) => {
      const signed = await Job.verify(Job.decode(await read(file, 1 << 16)))
      return onChain(words, async ({ connection, account }) => {
        const { job, policy } = signed
        demand(job.requester === account, 'cli/usage', () => 'the job is of another requester', {
          expected: job.requester,
          found: account,
          hint: 'state it with the key that posts it',
        })
        const terms = await termsFrom(connection, words)
        const described = await describe(connection, job, words)
        const landed = await Jobs.post(connection, { job, policy, terms })
        const hash = toHex(Job.hash(job))
        return {
          outcome: 'done',
          data: {
            job: hash,
            terms: plain(terms),
            ...landedData(landed),
            described: described && landedData(described),
          },
          lines: [
            `job      ${hash}`,
            ...(described === undefined ? [] : [sent('description of the program', described)]),
            sent('job', landed),
            ...termLines(terms),
          ],
          next: [`countersign job take ${hash}`, `countersign job show ${hash}`],
        }
      })
    },
  )
}

async function termsFrom(connection: Connection, words: PostWords): Promise<Terms.Terms> {
  const token = words.token === undefined ? ZERO_ADDRESS : toAddress(words.token)
  demand(words.bond !== undefined || token === ZERO_ADDRESS, 'cli/usage', () => '--bond is needed where a token pays')
  const whole = (word: string, where: string): bigint => {
    demand(/^\d{1,15}$/.test(word), 'cli/usage', () => `${where} is a whole number`, { found: word.slice(0, 40) })
    return BigInt(word)
  }
  return Terms.from({
    token,
    payment: amountFrom(words.payment, '--payment', token),
    stake: amountFrom(words.stake, '--stake', token),
    bond: words.bond === undefined ? await bondNow(connection) : amountFrom(words.bond, '--bond', token),
    replayTime: whole(words.replayTime, '--replay-time'),
    refusedShare: Number(whole(words.refusedShare!, '--refused-share')),
    ...(words.verifier === undefined ? {} : { verifier: toAddress(words.verifier) }),
    ...(words.moveTime === undefined ? {} : { moveTime: whole(words.moveTime, '--move-time') }),
  })
}

async function bondNow({ provider }: Connection): Promise<bigint> {
  const { gasPrice } = await provider.getFeeData()
  return GAME_GAS * (gasPrice ?? 0n)
}

/** Optimistic jobs alone are disputed by their programs' counts. */
async function describe(connection: Connection, job: Job.Job, { program: file }: PostWords) {
  const { known } = await connection.dispute.read('described', job.program)
  if (known || file === undefined) return undefined
  const program = decodeProgram(await read(file, MAX_PROGRAM))
  return Disputes.describe(connection, program)
}

function termLines({ token, payment, stake, bond, replayTime, moveTime }: Terms.Terms): string[] {
  return [
    `pays     ${amount(payment, token)}; a provider stakes ${amount(stake, token)}, a challenger ${amount(bond, token)}`,
    `times    ${replayTime} s to compute it again, ${moveTime} s for a move of a game`,
  ]
}

// ---------------------------------------------------------------- take, claim, cancel

export function take(): Command {
  return command<ChainWords>(
    'take',
    (c) =>
      withChainWords(
        c.description('take a job as its provider, with the stake').argument('<job>', 'hash of the job, or its file'),
      ).addHelpText(
        'after',
        '\nTaking states that you hold program, state, inputs and data of the job: you can be asked for all of them. No claim in time\nloses the stake, and so does a false one. "countersign job show JOB --out job.json" gives the job to answer.',
      ),
    async ([word], words) =>
      onChain(words, async ({ connection, account }) => {
        const posted = await Jobs.read(connection, await jobHashFrom(word))
        const landed = await takeAny(connection, posted)
        const hash = toHex(posted.hash)
        return {
          outcome: 'done',
          data: { job: hash, provider: account, stake: String(posted.terms.stake), ...landedData(landed) },
          lines: [
            `job      ${hash}`,
            sent('job is yours', landed),
            `staked   ${amount(posted.terms.stake, posted.terms.token)} by ${account}`,
            ...(posted.job.deadline === 0n ? [] : [`due      ${moment(posted.job.deadline)}`]),
          ],
          next: [`countersign run MODEL --input FILE --job job.json --out bundle`, 'countersign job claim bundle'],
        }
      }),
  )
}

/** The job, or the account's seat of its quorum. */
async function takeAny(connection: Connection, posted: Jobs.PostedJob): Promise<Landed> {
  if (posted.policy.kind !== 'quorum') return Jobs.take(connection, posted)
  return Quorums.takeSeat(connection, posted, await Quorums.replicasOf(connection, posted))
}

export function seal(): Command {
  return command<ChainWords>(
    'seal',
    (c) =>
      withChainWords(
        c
          .description('under a quorum: file the seal of your bundle, which shows nothing of the result')
          .argument('<bundle>', "the provider's own bundle"),
      ).addHelpText(
        'after',
        '\nWhen all seals are in, "countersign reveal" signs the receipts, and "countersign settle" with --seals and --receipts\nshows them to the contract.',
      ),
    async ([path], words) => {
      const bundle = await readBundle(path)
      return onChain(words, async ({ connection }) => {
        demand(bundle.seal !== undefined, 'cli/usage', () => 'the bundle holds no seal')
        const landed = await Quorums.seal(connection, bundle.seal)
        const { job, provider } = bundle.seal.seal
        return {
          outcome: 'done',
          data: { job: toHex(job), provider, seal: toHex(Seal.hash(bundle.seal.seal)), ...landedData(landed) },
          lines: [`job      ${toHex(job)} by ${provider}`, sent('seal', landed)],
          next: [`countersign reveal ${path} --seals SEAL...`],
        }
      })
    },
  )
}

export function claim(): Command {
  return command<ChainWords & { seedBeacon?: string }>(
    'claim',
    (c) =>
      withChainWords(
        c
          .description('file the claim of your bundle, for a job that you took')
          .argument('<bundle>', "the provider's own bundle")
          .option('--seed-beacon <hex>', 'what the beacon gave that the schedule of a training run names'),
      ).addHelpText(
        'after',
        '\nThe bundle is checked first, and nothing is sent where it does not answer the job as it was posted. Keep it until the job\nis settled, and let "countersign respond" answer whoever asks about it.',
      ),
    async ([path], words) => {
      const seedBeacon = words.seedBeacon === undefined ? undefined : bytes32From(words.seedBeacon)
      const bundle = await readBundle(path)
      return onChain(words, async ({ connection, account }) => {
        const { job } = await Jobs.read(connection, bundle.receipt.receipt.claim.job)
        const { receipt } = await Bundle.verify(bundle, { job, seedBeacon: seedBeacon ?? bundle.course?.beacon })
        const { claim: own, provider } = receipt.receipt
        demand(provider === account, 'cli/usage', () => 'the bundle is of another provider', {
          expected: provider,
          found: account,
        })
        const landed = await Jobs.fileClaim(connection, own, { refusal: receipt.refusal })
        const { closes } = await Jobs.engagementOf(connection, idOf(own.job, provider))
        const hash = toHex(own.job)
        return {
          outcome: 'done',
          data: {
            job: hash,
            claim: toHex(Claim.hash(own)),
            provider,
            refusal: receipt.refusal ?? null,
            closes: String(closes),
            ...landedData(landed),
          },
          lines: [
            `job      ${hash}`,
            `claim    ${toHex(Claim.hash(own))} by ${provider}`,
            sent('claim', landed),
            `disputed until ${moment(closes)}, if anybody does`,
          ],
          next: [`countersign respond --bundles ${path}`, `countersign settle ${hash}`],
        }
      })
    },
  )
}

export function cancel(): Command {
  return command<ChainWords>(
    'cancel',
    (c) =>
      withChainWords(
        c
          .description('take the payment of a job back while nobody works for it')
          .argument('<job>', 'hash of the job, or its file'),
      ),
    async ([word], words) =>
      onChain(words, async ({ connection }) => {
        const posted = await Jobs.read(connection, await jobHashFrom(word))
        const landed = await Jobs.cancel(connection, posted)
        const hash = toHex(posted.hash)
        return {
          outcome: 'done',
          data: { job: hash, ...landedData(landed) },
          lines: [`job      ${hash}`, sent('cancelled', landed)],
          next: ['countersign withdraw'],
        }
      }),
  )
}

// ---------------------------------------------------------------- show

interface ShowWords extends ChainWords {
  readonly out?: string
}

export function show(): Command {
  return command<ShowWords>(
    'show',
    (c) =>
      withNodeWords(
        c
          .description('show a job as it stands on a chain; without a job: all that were posted')
          .argument('[job]', 'hash of the job, or its file')
          .option('--out <file>', 'write the job, to be answered with "countersign run" or "train"'),
      ),
    async (given, words) => {
      // An argument that is left out comes as undefined.
      const [word] = given as readonly (string | undefined)[]
      demand(word !== undefined || words.out === undefined, 'cli/usage', () => '--out is for one job')
      return lookOn(words, (connection) =>
        word === undefined ? showAll(connection) : showOne(connection, word, words),
      )
    },
  )
}

interface Standing {
  readonly provider: Address
  readonly engagement: Jobs.Engagement
  readonly games: bigint
}

async function standingsOf(connection: Connection, job: Bytes32): Promise<readonly Standing[]> {
  const standings: Standing[] = []
  for (const provider of await Jobs.takersOf(connection, job)) {
    const id = idOf(job, provider)
    const engagement = await Jobs.engagementOf(connection, id)
    standings.push({ provider, engagement, games: await connection.dispute.read('live', id) })
  }
  return standings
}

async function showOne(connection: Connection, word: string, { out }: ShowWords): Promise<Result> {
  const posted = await Jobs.read(connection, await jobHashFrom(word))
  const { job, policy, terms } = posted
  const hash = toHex(posted.hash)
  const standings = await standingsOf(connection, posted.hash)
  const { time } = await headOf(connection)
  // Nobody signed a file: what was posted was paid for.
  if (out !== undefined)
    await writeWhole(out, Job.encode(Job.unrequested(job, policy, domainOf(connection.deployment))))
  return {
    outcome: 'done',
    data: {
      job: hash,
      requester: job.requester,
      program: toHex(job.program),
      steps: String(job.steps),
      policy: policy.kind,
      deadline: String(job.deadline),
      terms: plain(terms),
      time: String(time),
      providers: standings.map(({ provider, engagement: { state, claim: own, closes }, games }) => {
        return { provider, state, claim: toHex(own), closes: String(closes), games: String(games) }
      }),
      file: out ?? null,
    },
    lines: [
      `job      ${hash} of ${job.requester}`,
      `work     ${job.steps} steps of program ${toHex(job.program)}, a leaf for ${job.commitEvery}${job.operatorTrace ? ', with operator traces' : ''}`,
      `policy   ${policy.kind}${policy.window === 0n ? '' : `, ${policy.window} s`}`,
      ...(job.deadline === 0n ? [] : [`due      ${moment(job.deadline)}`]),
      ...termLines(terms),
      ...standings.flatMap(standingLines),
      ...(standings.length === 0 ? [`state    ${STATE_WORDS.none}`] : []),
      ...(out === undefined ? [] : [`written  ${out}`]),
    ],
  }
}

function standingLines({ provider, engagement: { state, claim: own, closes }, games }: Standing): string[] {
  return [
    `state    ${STATE_WORDS[state]} (${provider})`,
    ...(closes === 0n
      ? []
      : [`claim    ${toHex(own)}, disputed until ${moment(closes)}${games > 0n ? `, ${games} games` : ''}`]),
  ]
}

async function showAll(connection: Connection): Promise<Result> {
  const jobs = []
  for (const hash of await Jobs.list(connection)) {
    const { terms, policy } = await Jobs.read(connection, hash)
    const [standing] = await standingsOf(connection, hash)
    jobs.push({ job: toHex(hash), policy: policy.kind, payment: terms.payment, token: terms.token, standing })
  }
  return {
    outcome: 'done',
    data: {
      jobs: jobs.map(({ job, policy, payment, token, standing }) => {
        return { job, policy, payment: String(payment), token, state: standing?.engagement.state ?? 'none' }
      }),
    },
    lines: jobs.map(({ job, policy, payment, token, standing }) => {
      return `${job}  ${policy}, ${amount(payment, token)}: ${STATE_WORDS[standing?.engagement.state ?? 'none']}`
    }),
    next: jobs.length === 0 ? [] : ['countersign job show JOB --out job.json', 'countersign job take JOB'],
  }
}
