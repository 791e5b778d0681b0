/**
 * What every command prints: a text for people or, with --json, one object {ok, outcome, data}; and its exit code.
 * @module
 */
import pc from 'picocolors'
import { Fault } from '../core/faults.js'

/** How a command ended. */
export type Outcome = 'valid' | 'refuted' | 'undecided' | 'done'

/** Exit codes: 0 valid or done, 1 refuted, 2 usage, 3 undecided, 4 could not run. */
const EXIT: Record<Outcome, number> = { valid: 0, done: 0, refuted: 1, undecided: 3 }

/** What a command gives back to be printed. */
export interface Result {
  readonly outcome: Outcome
  /** Machine-readable; bytes as hexadecimal text. */
  readonly data: unknown
  /** For people. */
  readonly lines: readonly string[]
  /** Commands that make sense now. */
  readonly next?: readonly string[]
}

/** True where somebody is looking at a terminal. */
export const attended = (): boolean => process.stderr.isTTY === true

/** Prints a result and sets the exit code. */
export function print(result: Result, { json }: { json: boolean }): void {
  process.exitCode = EXIT[result.outcome]
  if (json)
    return void process.stdout.write(
      `${JSON.stringify({ ok: result.outcome === 'valid' || result.outcome === 'done', outcome: result.outcome, data: result.data })}\n`,
    )
  for (const line of result.lines) process.stdout.write(`${line}\n`)
  for (const next of result.next ?? []) process.stdout.write(`${pc.dim('Next:')} ${next}\n`)
}

/** Prints a fault and sets the exit code. Anything that is not a fault could not run. */
export function printFault(error: unknown, { json }: { json: boolean }): void {
  const fault = Fault.is(error) ? error : undefined
  const exit = fault?.exit ?? 4
  const outcome = exit === 1 ? 'refuted' : exit === 3 ? 'undecided' : 'error'
  const message = error instanceof Error ? error.message : String(error)
  process.exitCode = exit
  if (json)
    process.stdout.write(
      `${JSON.stringify({ ok: false, outcome, data: { fault: fault?.code ?? 'unexpected', message } })}\n`,
    )
  else process.stderr.write(`${pc.red(outcome)}: ${message}\n`)
}

/** Colours for outcomes. */
export const paint = { good: pc.green, bad: pc.red, faint: pc.dim, strong: pc.bold }

/** Bytes with a unit. */
export function size(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** Seconds or milliseconds. */
export const time = (ms: number): string => (ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(1)} ms`)
