/**
 * Proving off the calling thread: in a child process of Node, in a Web Worker of a browser. What the work takes is given back when it
 * ends, and it can be ended at any time.
 *
 * In Node it is a process and not a thread because the package under snarkjs that starts threads takes any thread it is loaded in for
 * one of its own.
 * @module
 */
import { demand, Fault, throwIfAborted, type FaultCode } from '../core/faults.js'
import type { Progress } from './curve.js'
import type { ProvingKey } from './keys.js'
import { decodeProof, type Proof } from './prove.js'

/** What a worker is asked. */
export interface Task {
  readonly zkey: Uint8Array
  readonly witness: readonly bigint[]
}

/** What a worker says: lines, and at the end a proof or a fault. */
export type Report =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'proof'; readonly proof: Uint8Array }
  | { readonly kind: 'fault'; readonly code: FaultCode; readonly message: string }

/** A worker, however it runs. */
export interface Helper {
  send(task: Task): void
  /** Ends it at once. */
  end(): void
}

/** Starts a worker: `hear` takes every report, `died` is called where it ends without being asked to. */
export type Start = (hear: (report: Report) => void, died: (reason: string) => void) => Helper

/** Options of {@link proveInWorker}. */
export interface WorkerOptions {
  readonly signal?: AbortSignal
  readonly progress?: Progress
  /** Milliseconds after which the work is ended. By default ten minutes. */
  readonly timeout?: number
  /** Megabytes of the JavaScript heap of a child process. By default 4,096. */
  readonly memory?: number
  /**
   * How the Web Worker is made, for bundlers that want to see it: `() => new Worker(new URL('countersign/zk/worker-child',
   * import.meta.url), { type: 'module' })`.
   */
  readonly worker?: () => WorkerLike
}

/** What is used of a Web Worker. */
export interface WorkerLike {
  postMessage(task: Task): void
  terminate(): void
  onmessage: ((event: { readonly data: Report }) => void) | null
  onerror: ((event: { readonly message?: string }) => void) | null
}

const [TIMEOUT, MEMORY] = [600_000, 4096]

/**
 * As `prove`, in a worker.
 * Cost: as `prove`, and 0.3 s to start.
 * @throws Fault as `prove`; `core/aborted`; `zk/prover-failed` where the worker dies or runs out of time or memory.
 */
export function proveInWorker(
  key: ProvingKey,
  witness: readonly bigint[],
  options: WorkerOptions = {},
): Promise<Proof> {
  const { signal, progress, timeout = TIMEOUT } = options
  return new Promise((resolve, reject) => {
    throwIfAborted(signal)
    const start = startFor(options)
    const finish = (act: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      helper.end()
      act()
    }
    const fail = (fault: Fault) => finish(() => reject(fault))
    const abort = () => fail(new Fault('core/aborted', 'cancelled', { cause: signal?.reason }))
    const hear = (report: Report) => {
      if (report.kind === 'line') progress?.(report.line)
      else if (report.kind === 'proof') finish(() => resolve(decodeProof(report.proof)))
      else fail(new Fault(report.code, report.message))
    }
    const timer = setTimeout(() => fail(new Fault('zk/prover-failed', `not done after ${timeout} ms`)), timeout)
    const died = (reason: string) => fail(new Fault('zk/prover-failed', `the worker ended: ${reason}`))
    const helper = start(hear, died)
    signal?.addEventListener('abort', abort)
    helper.send({ zkey: key.zkey, witness })
  })
}

function startFor({ worker, memory = MEMORY }: WorkerOptions): Start {
  if (worker !== undefined) return webWorker(worker)
  const process = globalThis.process?.getBuiltinModule?.('node:child_process')
  if (process !== undefined) return childProcess(process, memory)
  demand(typeof Worker === 'function', 'zk/prover-failed', () => 'neither processes nor Web Workers are to be had here')
  return webWorker(defaultWorker)
}

const source = import.meta.url.endsWith('.ts')

/** What a child needs to run TypeScript: of sources alone. */
function loader(): string[] {
  const { createRequire } = globalThis.process.getBuiltinModule('node:module')
  const { pathToFileURL } = globalThis.process.getBuiltinModule('node:url')
  return source ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : []
}

function childProcess({ fork }: typeof import('node:child_process'), memory: number): Start {
  return (hear, died) => {
    const child = fork(new URL(source ? './worker-child.ts' : './worker-child.js', import.meta.url), [], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${memory}`, ...loader()],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    child.on('message', (report) => hear(report as Report))
    child.once('error', ({ message }) => died(message))
    child.once('exit', (code, signal) => died(signal ?? `exit code ${code}`))
    return {
      send: (task) => void child.send(task, (error) => error && died(error.message)),
      end() {
        child.removeAllListeners()
        child.on('error', () => {}) // of messages that were on their way
        child.kill('SIGKILL')
      },
    }
  }
}

const defaultWorker = (): WorkerLike =>
  new Worker(new URL('./worker-child.js', import.meta.url), { type: 'module' }) as unknown as WorkerLike

function webWorker(make: () => WorkerLike): Start {
  return (hear, died) => {
    const worker = make()
    worker.onmessage = ({ data }) => hear(data)
    worker.onerror = ({ message }) => died(message ?? 'no reason given')
    return { send: (task) => worker.postMessage(task), end: () => worker.terminate() }
  }
}
