/**
 * The one door to snarkjs: the package is optional, loaded when something is proven or set up, and its threads are ended again.
 * What is imported here is GPL-3.0, and runs only where a user installed it; verifying a proof does not need it.
 * @module
 */
import { Fault } from '../core/faults.js'

/** A file in memory, as snarkjs takes and leaves it. */
export interface MemoryFile {
  readonly type: 'mem'
  data?: Uint8Array
}

/** Where snarkjs says what it does. */
export interface SnarkLogger {
  debug(line: string): void
  info(line: string): void
  warn(line: string): void
  error(line: string): void
  log(line: string): void
}

/** What snarkjs calls a verification key or a proof: nested decimal strings. */
export type SnarkObject = Readonly<Record<string, unknown>>

/** What of snarkjs is used. A file is its bytes, or a place in memory to write to. */
export interface Snarkjs {
  readonly groth16: Prover
  readonly plonk: Prover & {
    setup(r1cs: Uint8Array, powers: Uint8Array, zkey: MemoryFile, logger?: SnarkLogger): Promise<number | undefined>
  }
  readonly zKey: {
    newZKey(
      r1cs: Uint8Array,
      powers: Uint8Array,
      zkey: MemoryFile,
      logger?: SnarkLogger,
    ): Promise<Uint8Array | number | undefined>
    contribute(
      from: Uint8Array,
      to: MemoryFile,
      name: string,
      entropy: string,
      logger?: SnarkLogger,
    ): Promise<Uint8Array>
    beacon(
      from: Uint8Array,
      to: MemoryFile,
      name: string,
      beacon: string,
      exponent: number,
      logger?: SnarkLogger,
    ): Promise<Uint8Array>
    verifyFromInit(first: Uint8Array, powers: Uint8Array, zkey: Uint8Array, logger?: SnarkLogger): Promise<boolean>
    exportVerificationKey(zkey: Uint8Array, logger?: SnarkLogger): Promise<SnarkObject>
    exportSolidityVerifier(
      zkey: Uint8Array,
      templates: Readonly<Record<string, string>>,
      logger?: SnarkLogger,
    ): Promise<string>
  }
  readonly powersOfTau: { verify(powers: Uint8Array, logger?: SnarkLogger): Promise<boolean> }
  readonly curves: { getCurveFromName(name: string, options?: { singleThread?: boolean }): Promise<Curve> }
}

/** One proving scheme of snarkjs. */
export interface Prover {
  prove(
    zkey: Uint8Array,
    witness: Uint8Array,
    logger?: SnarkLogger,
  ): Promise<{ proof: SnarkObject; publicSignals: string[] }>
  verify(key: SnarkObject, publics: readonly string[], proof: SnarkObject, logger?: SnarkLogger): Promise<boolean>
}

/** The curve's WebAssembly module and its threads. */
export interface Curve {
  readonly tm: {
    /** The module's bytes: of a curve without threads. */
    readonly code?: Uint8Array
    readonly workers?: readonly { addEventListener(kind: 'error', act: (event: { message?: string }) => void): void }[]
  }
  terminate(): Promise<void>
}

/** snarkjs itself. @throws Fault `zk/no-prover` where the package is not installed. */
export async function loadSnarkjs(): Promise<Snarkjs> {
  try {
    // @ts-expect-error -- the package has no types; what is used of it stands above
    return (await import('snarkjs')) as Snarkjs
  } catch (cause) {
    throw new Fault('zk/no-prover', 'the package snarkjs is needed to set up and to prove', { cause })
  }
}

let users = 0
let threads: Promise<Curve> | undefined

/** Work with the threads running: they start with the first user and end with the last. */
async function held<T>(work: (snarkjs: Snarkjs, curve: Curve) => Promise<T>): Promise<T> {
  const snarkjs = await loadSnarkjs()
  users++
  try {
    return await work(snarkjs, await (threads ??= snarkjs.curves.getCurveFromName('bn128')))
  } finally {
    if (--users === 0) end()
  }
}

/**
 * Keeps the prover's threads while several keys and proofs are made; without, each starts and ends its own. They have ended when the last work
 * has, so that a process ends. What the work throws comes as it is.
 * Cost: about 0.2 s to start the threads.
 * @throws Fault `zk/no-prover`.
 */
export const withThreads = <T>(work: () => Promise<T>): Promise<T> => held(work)

/** Options of {@link withCurve}. */
export interface CurveLimits {
  /** Milliseconds after which the work is given up. By default an hour. */
  readonly limit?: number
}

const HOUR = 3_600_000

/**
 * Runs work of snarkjs, on threads that may be there already ({@link withThreads}).
 *
 * A thread of snarkjs that fails in Node prints its error and never answers; then the limit ends the wait. Files are checked before
 * they come here, so that only memory can run out.
 * @throws Fault `zk/no-prover`; `zk/prover-failed` where a thread dies, time runs out, or snarkjs throws what is no fault.
 */
export function withCurve<T>(work: (snarkjs: Snarkjs) => Promise<T>, { limit = HOUR }: CurveLimits = {}): Promise<T> {
  return held(async (snarkjs, curve) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Stuck(`not done after ${limit} ms`)), limit)
    })
    try {
      return await Promise.race([work(snarkjs), death(curve), late])
    } catch (error) {
      if (error instanceof Stuck) end() // who comes next starts new threads
      throw Fault.is(error) ? error : new Fault('zk/prover-failed', reasonOf(error), { cause: error })
    } finally {
      clearTimeout(timer)
    }
  })
}

/** Ends the threads. Their module waits a fifth of a second afterwards; nobody else needs to. */
function end(): void {
  const ended = threads
  threads = undefined
  void ended?.then((curve) => curve.terminate()).catch(() => {})
}

/** Threads that will not answer. */
class Stuck extends Error {}

/** Never fulfilled; rejected where a thread dies. */
function death(curve: Curve): Promise<never> {
  return new Promise((_, reject) => {
    for (const worker of curve.tm.workers ?? [])
      worker.addEventListener('error', ({ message }) =>
        reject(new Stuck(`a thread died: ${message ?? 'no reason given'}`)),
      )
  })
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 500)

/** What a caller hears of long work: one line of snarkjs at a time. */
export type Progress = (line: string) => void

/** A logger that hands every line on. */
export function loggerFor(progress: Progress | undefined): SnarkLogger | undefined {
  if (progress === undefined) return undefined
  const say = (line: string): void => progress(String(line))
  return { debug: say, info: say, warn: say, error: say, log: say }
}

/** Runs what writes one file, and gives the file. */
export async function written(write: (file: MemoryFile) => Promise<unknown>): Promise<Uint8Array> {
  const file: MemoryFile = { type: 'mem' }
  await write(file)
  if (file.data === undefined) throw new Fault('zk/prover-failed', 'nothing was written')
  return file.data
}
