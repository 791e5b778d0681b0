/** `countersign challenge`, `watch` and `respond`: disputes, from both sides. @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { demand, throwIfAborted } from '../../core/faults.js'
import type { Connection } from '../../chain/connection.js'
import { readClaim, type FiledClaim } from '../../chain/jobs.js'
import { respond as respondFor, type ResponderNews } from '../../chain/respond.js'
import { challengeClaim, watchClaims, type WatcherNews } from '../../chain/watch.js'
import { Book } from '../../dispute/book.js'
import { runFor } from '../../dispute/own-run.js'
import { workOf, type Bundle } from '../../receipt/bundle.js'
import { jobHashFrom, landedData, onChain, providerFrom, withChainWords, type ChainWords } from '../chain.js'
import { command } from '../command.js'
import { claimName, responderLine, watcherLine } from '../news.js'
import { paint, type Outcome, type Result } from '../output.js'
import { progress } from '../progress.js'
import { bundleFor, demandFolder, ownBundle } from '../published.js'
import { RUNTIME_NAMES, safeRuntime } from '../runtimes.js'

interface Words extends ChainWords {
  readonly bundles: string
  readonly runtime: string
  readonly poll: string
}

const BUNDLES = 'a bundle, or a folder of bundles of any names'

function withWords(c: Command): Command {
  return withChainWords(c)
    .requiredOption('--bundles <dir>', BUNDLES)
    .option('--runtime <name>', RUNTIME_NAMES.join(', '), 'ort-node')
    .option('--poll <seconds>', 'between two looks at the chain', '4')
}

/** Lines that are told while a command runs: on standard error, and not where a machine reads. */
const tell = (line: string | undefined): void => {
  if (line !== undefined && !process.argv.includes('--json')) process.stderr.write(`${line}\n`)
}

/** Works until it ends or until Ctrl-C, upon which it stops between two transactions. A second Ctrl-C ends at once. */
async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const stop = () => controller.abort(new Error('interrupted'))
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    return await work(controller.signal)
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

/** Tells news and shows how far a replay is. */
function listener(hear: (news: WatcherNews) => void): { onProgress(news: WatcherNews): void; stop(): void } {
  let bar: ReturnType<typeof progress> | undefined
  const stop = () => {
    bar?.stop()
    bar = undefined
  }
  return {
    onProgress(news) {
      hear(news)
      if (news.kind === 'replayed') {
        bar ??= progress(`replay ${claimName(news.claim).slice(0, 13)}`)
        return bar.report(news.leaf, news.leaves)
      }
      stop()
      tell(watcherLine(news))
    },
    stop,
  }
}

// ---------------------------------------------------------------- challenge

interface ChallengeWords extends Words {
  readonly provider?: string
}

export function challenge(): Command {
  return command<ChallengeWords>(
    'challenge',
    (c) =>
      withWords(
        c
          .description('compute the claim about a job again, and prove it false where it is')
          .argument('<job>', 'hash of the job, or its file')
          .option('--provider <address>', 'where several took the job: whose claim'),
      ).addHelpText(
        'after',
        [
          '',
          'Whatever differs is found down to one element, and one transaction proves it. Where the bundle does not show enough, the',
          'provider is asked in a game, which costs a bond until the claim is ruled false; then this waits for its answers. --bundles holds',
          "the provider's bundle, or any other of the same job: your own run of it, for instance. Exit codes: 0 the claim is true, 1 it",
          'is proved false, 3 nothing was decided. The reward follows a day later: "countersign settle", then "withdraw".',
        ].join('\n'),
      ),
    async ([word], words) => {
      const folder = await demandFolder(words.bundles)
      return onChain(words, ({ connection }) =>
        untilInterrupted(async (signal) => {
          const job = await jobHashFrom(word)
          const claim = await readClaim(connection, job, await providerFrom(connection, job, words.provider))
          const bundle = await bundleFor(folder, claim)
          demand(bundle !== undefined, 'cli/not-found', () => `no bundle of the job in ${folder}`, {
            hint: 'run the job yourself ("countersign job show JOB --out job.json"), and name the bundle',
          })
          return challenged(claim, await challenging(connection, claim, { bundle, signal, ...words }))
        }),
      )
    },
  )
}

/** Challenges, and gives back what was told. @throws Fault where the bundle is not one of the job, and those of transactions. */
async function challenging(
  connection: Connection,
  claim: FiledClaim,
  { bundle, signal, runtime }: { bundle: Bundle; signal: AbortSignal; runtime: string },
): Promise<readonly WatcherNews[]> {
  const heard: WatcherNews[] = []
  const unusable = new AbortController()
  const { onProgress, stop } = listener((news) => {
    heard.push(news)
    if (news.kind === 'unavailable') unusable.abort(news.error)
  })
  try {
    await challengeClaim(connection, claim, {
      bundleOf: () => bundle,
      runtime: safeRuntime(runtime),
      signal: AbortSignal.any([signal, unusable.signal]),
      onProgress,
    })
  } finally {
    stop()
  }
  if (unusable.signal.aborted) throw unusable.signal.reason
  throwIfAborted(signal)
  return heard
}

const ENDS = {
  true: ['valid', `${paint.good('true')}     computed again: the same in every bit`],
  proved: ['refuted', `${paint.bad('proved')}   the claim is false: its provider is slashed`],
  silent: ['refuted', `${paint.bad('silent')}   the provider did not answer: its claim counts as false`],
  undecided: ['undecided', 'undecided runs differ where no contract decides: ask a referee whom the policy names'],
} as const satisfies Record<string, readonly [Outcome, string]>

function challenged(claim: FiledClaim, heard: readonly WatcherNews[]): Result {
  const last = heard.findLast(({ kind }) => kind in ENDS)
  const ending = last === undefined ? undefined : (last.kind as keyof typeof ENDS)
  const [outcome, line] =
    ending === undefined ? (['undecided', 'decided  otherwise, meanwhile'] as const) : ENDS[ending]
  const job = toHex(claim.claim.job)
  const proved = last?.kind === 'proved' ? last : undefined
  const game = heard.find((news) => news.kind === 'opened')?.game
  return {
    outcome,
    data: {
      job,
      provider: claim.provider,
      ending: ending ?? 'decided',
      fault: proved === undefined ? null : `${proved.proof.referee}.${proved.proof.fault}`,
      where: proved === undefined ? null : proved.proof.summary,
      ruling: proved === undefined ? null : proved.proved.ruling,
      game: game === undefined ? null : String(game),
      questions: heard.filter((news) => news.kind === 'asked' && news.answer !== undefined).length,
      ...(proved === undefined ? {} : landedData(proved.proved.proved)),
    },
    lines: [
      `claim    ${claimName(claim)}`,
      line,
      ...(proved === undefined
        ? []
        : [`fault    ${proved.proof.referee}.${proved.proof.fault}: ${proved.proof.summary}`]),
    ],
    next: outcome === 'refuted' ? [`countersign settle ${job}`, 'countersign withdraw'] : [],
  }
}

// ---------------------------------------------------------------- watch

export function watch(): Command {
  return command<Words>(
    'watch',
    (c) =>
      withWords(
        c.description(
          'compute every claim on a chain again, challenge the false ones, and fetch what that earns; until Ctrl-C',
        ),
      ).addHelpText(
        'after',
        [
          '',
          'A claim waits until its bundle lies in --bundles: put there what providers publish, or your own runs of the same jobs. All that',
          'the watcher has to remember stands on the chain: it may be stopped and started again at any moment. A day after a proof, or',
          'when a game is over, it fetches bonds and rewards by itself, if it still runs.',
        ].join('\n'),
      ),
    async (_none, words) => {
      const folder = await demandFolder(words.bundles)
      return onChain(words, async ({ connection, account }) => {
        const heard: WatcherNews[] = []
        const { onProgress, stop } = listener((news) => void (news.kind !== 'replayed' && heard.push(news)))
        tell(`watching as ${account}`)
        const options = {
          bundleOf: (claim: FiledClaim) => bundleFor(folder, claim),
          runtime: safeRuntime(words.runtime),
        }
        try {
          await untilInterrupted((signal) => watchClaims(connection, { ...options, signal, onProgress }))
        } finally {
          stop()
        }
        return watched(heard)
      })
    },
  )
}

function watched(heard: readonly WatcherNews[]): Result {
  const count = (kind: WatcherNews['kind']): number => heard.filter((news) => news.kind === kind).length
  const [seen, right, proved, silent] = [count('found'), count('true'), count('proved'), count('silent')]
  return {
    outcome: 'done',
    data: {
      claims: seen,
      true: right,
      proved,
      silent,
      undecided: count('undecided'),
      false: heard.flatMap((news) =>
        news.kind === 'proved'
          ? [{ job: toHex(news.claim.claim.job), provider: news.claim.provider, where: news.proof.summary }]
          : [],
      ),
    },
    lines: [`watched  ${seen} claims: ${right} true, ${proved} proved false, ${silent} false by silence`],
  }
}

// ---------------------------------------------------------------- respond

export function respond(): Command {
  return command<Words>(
    'respond',
    (c) =>
      withWords(
        c.description('answer questions about your own claims, and settle them when they are due; until Ctrl-C'),
      ).addHelpText(
        'after',
        [
          '',
          'Whoever pays a bond may ask what a claim was made of, hash by hash. An honest provider can answer everything out of its bundle;',
          'no answer in time loses the stake. Runs again what is asked about, so keep model and data. Bonds of challengers who give up are',
          'yours. It may be stopped and started again at any moment, and has to run until the job is settled.',
        ].join('\n'),
      ),
    async (_none, words) => {
      const folder = await demandFolder(words.bundles)
      const runtime = safeRuntime(words.runtime)
      const bookOf = async (claim: FiledClaim): Promise<Book | undefined> => {
        const bundle = await ownBundle(folder, claim)
        if (bundle === undefined) return undefined
        const { commitEvery, operatorTrace } = bundle.receipt.job
        return new Book(await runFor(workOf(bundle), runtime, { commitEvery: Number(commitEvery), operatorTrace }))
      }
      return onChain(words, async ({ connection, account }) => {
        const heard: ResponderNews[] = []
        const onProgress = (news: ResponderNews) => {
          heard.push(news)
          tell(responderLine(news))
        }
        tell(`answering for ${account}`)
        await untilInterrupted((signal) => respondFor(connection, { bookOf, signal, onProgress }))
        return responded(heard)
      })
    },
  )
}

function responded(heard: readonly ResponderNews[]): Result {
  const count = (kind: ResponderNews['kind']): number => heard.filter((news) => news.kind === kind).length
  const data = {
    claims: count('claim'),
    answers: count('answered'),
    unanswerable: count('unanswerable'),
    won: count('won'),
    settled: count('settled'),
  }
  return {
    outcome: 'done',
    data,
    lines: [
      `answered ${data.answers} questions about ${data.claims} claims; ${data.won} games won, ${data.settled} claims settled`,
    ],
    next: ['countersign withdraw'],
  }
}
