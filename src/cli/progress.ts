/**
 * A progress bar on anything that takes over a second; a line now and then where nobody looks at a terminal.
 * @module
 */
import { SingleBar } from 'cli-progress'
import { attended, time } from './output.js'

/** Something that reports how far it is. */
export interface Progress {
  /** `note` says more than how far: a loss, for instance. */
  readonly report: (done: number, total: number, note?: string) => void
  stop(): void
}

const PATIENCE = 1000

/** Milliseconds between lines in a log. */
const PAUSE = 10_000

/** Where output is for machines, nothing is said in between. */
const silent = () => process.argv.includes('--json')

/** Lines of progress for a log, one every ten seconds. */
function logged(label: string): Progress {
  let spoken = Date.now()
  let first: { readonly at: number; readonly done: number } | undefined
  return {
    report(done, total, note = '') {
      const at = Date.now()
      // A run that goes on begins in its middle: its speed is that of what is done now.
      first ??= { at, done }
      if (at - spoken < PAUSE || done === first.done || silent()) return
      spoken = at
      const left = ((at - first.at) / (done - first.done)) * (total - done)
      process.stderr.write(`${label} ${done}/${total}${note === '' ? '' : ` ${note}`}, about ${time(left)} left\n`)
    },
    stop: () => undefined,
  }
}

/** A bar that appears after a second, with the time that is left; lines where there is no terminal. */
export function progress(label: string): Progress {
  if (!attended()) return logged(label)
  const began = Date.now()
  let bar: SingleBar | undefined
  return {
    report(done, total, note = '') {
      if (Date.now() - began < PATIENCE) return
      if (bar === undefined) {
        bar = new SingleBar({
          format: `${label} {bar} {value}/{total} {note} {eta_formatted} left`,
          stream: process.stderr,
          clearOnComplete: true,
        })
        bar.start(total, done, { note })
      } else bar.update(done, { note })
    },
    stop: () => bar?.stop(),
  }
}

/** Runs something with a bar and with Ctrl-C as its abort signal. */
export async function withProgress<T>(
  label: string,
  run: (options: {
    onProgress: (done: number, total: number) => void
    report: Progress['report']
    signal: AbortSignal
  }) => Promise<T>,
): Promise<T> {
  const bar = progress(label)
  const controller = new AbortController()
  const interrupt = () => controller.abort(new Error('interrupted'))
  process.once('SIGINT', interrupt)
  try {
    const { report } = bar
    return await run({ onProgress: (done, total) => report(done, total), report, signal: controller.signal })
  } finally {
    process.off('SIGINT', interrupt)
    bar.stop()
  }
}
