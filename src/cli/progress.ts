/**
 * A progress bar on anything that takes over a second, on a terminal only.
 * @module
 */
import { SingleBar } from 'cli-progress'
import { attended } from './output.js'

/** Something that reports how far it is. */
export interface Progress {
  /** `note` says more than how far: a loss, for instance. */
  readonly report: (done: number, total: number, note?: string) => void
  stop(): void
}

const PATIENCE = 1000

/** A bar that appears after a second, with the time that is left. */
export function progress(label: string): Progress {
  const began = Date.now()
  let bar: SingleBar | undefined
  return {
    report(done, total, note = '') {
      if (!attended() || Date.now() - began < PATIENCE) return
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
