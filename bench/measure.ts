/**
 * How the benches measure: candidates run in turn within one process, and what counts is the median of the ratios within each round,
 * so that whatever else the machine does meets both sides alike.
 * @module
 */
import { arch, cpus, release } from 'node:os'

/** One figure of a bench. */
export interface Result {
  readonly bench: string
  readonly case: string
  readonly metric: string
  readonly value: number
  readonly unit: string
}

export const JSON_LINES = process.argv.includes('--json')

/** Counts as they are, all else in four digits. */
const rounded = (value: number): number => (Number.isInteger(value) ? value : Number(value.toPrecision(4)))

/** Prints a figure: a line of JSON under `--json`, else aligned text. */
export function print(result: Result): void {
  const { case: name, metric, value, unit } = result
  if (JSON_LINES) console.log(JSON.stringify({ ...result, value: rounded(value) }))
  else console.log(`${name.padEnd(30)} ${metric.padEnd(28)} ${rounded(value)} ${unit}`)
}

const date = (): string => new Date().toISOString().slice(0, 10)

/** The processor, as documents name it, and the day. */
export function machine(): string {
  const processors = cpus()
  return `${processors[0]?.model.trim() ?? 'unknown processor'} x ${processors.length}, Node ${process.version}, ${date()}`
}

/** Says where and when, on standard error so that the figures stay lines of their own. */
export function printMachine(): void {
  console.error(`${process.platform} ${arch()} ${release()}, ${machine()}`)
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/** The median of the ratios within each round. */
export function ratio(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, round) => value / b[round]))
}

/** How long to measure. */
export interface Effort {
  /** Rounds, each of which runs every candidate; after one that warms up. */
  readonly rounds: number
  /** Runs of a candidate in one round; its time is their mean. */
  readonly repeat?: number
}

/** Runs all candidates in turn, again and again: each one's milliseconds a run, one figure for each round. */
export async function alternate<K extends string>(
  { rounds, repeat = 1 }: Effort,
  candidates: Readonly<Record<K, () => unknown>>,
): Promise<Record<K, number[]>> {
  const times = await alternateBursts({ rounds, done: (runs) => runs >= repeat }, candidates)
  return Object.fromEntries(Object.entries<Times>(times).map(([name, { wall }]) => [name, wall])) as Record<K, number[]>
}

/** Milliseconds a run, one figure for each round. */
export interface Times {
  readonly wall: number[]
  /** Processor time of this process: what others do on the machine hardly shows in it. */
  readonly processor: number[]
}

/** A round's runs of one candidate end when `done` says so. */
export interface Bursts {
  readonly rounds: number
  done(runs: number, milliseconds: number): boolean
}

/** Like {@link alternate}, with bursts long enough that what interrupts them is shared evenly, and with processor times. */
export async function alternateBursts<K extends string>(
  { rounds, done }: Bursts,
  candidates: Readonly<Record<K, () => unknown>>,
): Promise<Record<K, Times>> {
  const names = Object.keys(candidates) as K[]
  const times = Object.fromEntries(names.map((name) => [name, { wall: [], processor: [] }])) as unknown as Record<
    K,
    Times
  >
  for (let round = 0; round <= rounds; round++)
    for (const name of names) {
      const { wall, processor } = await timeOf(candidates[name], done)
      if (round === 0) continue
      times[name].wall.push(wall)
      times[name].processor.push(processor)
    }
  return times
}

async function timeOf(run: () => unknown, done: Bursts['done']): Promise<{ wall: number; processor: number }> {
  const [start, used] = [performance.now(), process.cpuUsage()]
  let runs = 0
  for (; runs === 0 || !done(runs, performance.now() - start); runs++) await run()
  const { user, system } = process.cpuUsage(used)
  return { wall: (performance.now() - start) / runs, processor: (user + system) / 1000 / runs }
}
