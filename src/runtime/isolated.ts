/**
 * A runtime in a process of its own: a model that brings ONNX Runtime down takes only that process with it. Node only.
 * @module
 */
import { fork, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Fault, throwIfAborted, type FaultCode } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { encode } from '../exact/format.js'
import { nextState, type Program } from '../exact/program.js'
import type { Reason } from '../exact/op.js'
import {
  Refusal,
  demandSameFixed,
  demandTypes,
  type OpenOptions,
  type Platform,
  type Runtime,
  type Session,
  type StepResult,
} from './runtime.js'

/** What the parent asks. */
export type Request =
  | { readonly kind: 'describe' }
  | {
      readonly kind: 'open'
      readonly program: Uint8Array
      readonly state: readonly Tensor[]
      readonly record: OpenOptions['record']
    }
  | { readonly kind: 'step'; readonly inputs: readonly Tensor[] }
  | { readonly kind: 'restart'; readonly carried: readonly Tensor[] }

/** What the child answers. */
export type Reply =
  | { readonly kind: 'platform'; readonly platform: Platform }
  | { readonly kind: 'opened' }
  | { readonly kind: 'stepped'; readonly result: StepResult; readonly carried: readonly Tensor[] }
  | { readonly kind: 'refused'; readonly node: number; readonly element: number; readonly reason: Reason }
  | { readonly kind: 'fault'; readonly code: FaultCode; readonly message: string }

const source = import.meta.url.endsWith('.ts')
const CHILD = new URL(source ? './isolated-child.ts' : './isolated-child.js', import.meta.url)

/** One child process, one request at a time. */
class Child {
  readonly #process: ChildProcess
  #dead: string | undefined

  constructor(runtime: string) {
    const execArgv = source ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : []
    this.#process = fork(CHILD, [runtime], {
      serialization: 'advanced',
      execArgv,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#process.once('exit', (code, signal) => (this.#dead = signal ?? `exit code ${code}`))
    this.#process.once('error', (error) => (this.#dead = error.message))
  }

  /** Asks and waits. @throws Fault `runtime/failed` where the child dies, `core/aborted` where the signal fires (the child is ended). */
  ask(request: Request, signal?: AbortSignal): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const child = this.#process
      const done = (act: () => void) => {
        child.off('message', answer).off('exit', died).off('error', died)
        signal?.removeEventListener('abort', abort)
        act()
      }
      const answer = (reply: unknown) => done(() => resolve(reply as Reply))
      const died = () =>
        done(() => reject(new Fault('runtime/failed', `the process of the runtime died: ${this.#dead}`)))
      const abort = () =>
        done(() => (this.end(), reject(new Fault('core/aborted', 'cancelled', { cause: signal?.reason }))))
      if (this.#dead !== undefined) return died()
      child.once('message', answer).once('exit', died).once('error', died)
      signal?.addEventListener('abort', abort)
      child.send(request, (error) => error && died())
    })
  }

  end(): void {
    this.#process.kill('SIGKILL')
  }
}

function failed(reply: Reply): never {
  if (reply.kind === 'fault') throw new Fault(reply.code, reply.message.replace(` (${reply.code})`, ''))
  throw new Fault('runtime/failed', `unexpected answer ${reply.kind}`)
}

class IsolatedSession implements Session {
  readonly program: Program
  state: readonly Tensor[]
  readonly #child: Child

  constructor(program: Program, state: readonly Tensor[], child: Child) {
    this.program = program
    this.state = state
    this.#child = child
  }

  async step(inputs: readonly Tensor[], { signal }: { signal?: AbortSignal } = {}): Promise<StepResult> {
    throwIfAborted(signal)
    demandTypes(inputs, 'inputs', this.program)
    const reply = await this.#child.ask({ kind: 'step', inputs }, signal)
    if (reply.kind === 'refused') throw new Refusal(this.program, reply)
    if (reply.kind !== 'stepped') return failed(reply)
    this.state = nextState(this.program, this.state, (_carry, index) => reply.carried[index])
    return reply.result
  }

  async restart(state: readonly Tensor[]): Promise<void> {
    const next = demandSameFixed(this.program, this.state, state)
    const carried = this.program.carries.map(({ parameter }) => next[parameter])
    const reply = await this.#child.ask({ kind: 'restart', carried })
    if (reply.kind !== 'opened') return failed(reply)
    this.state = next
  }

  async close(): Promise<void> {
    this.#child.end()
  }
}

/**
 * The runtime of this name (`ort-node`, `ort-web`, `reference`) in a child process.
 * Cost: about 0.3 s to start, and one copy of state, inputs and results.
 */
export function isolated(name: string): Runtime {
  return {
    name,
    async describe() {
      const child = new Child(name)
      try {
        const reply = await child.ask({ kind: 'describe' })
        return reply.kind === 'platform' ? reply.platform : failed(reply)
      } finally {
        child.end()
      }
    },
    async open(program, state, { record, signal } = {}) {
      throwIfAborted(signal)
      demandTypes(state, 'state', program)
      const child = new Child(name)
      try {
        const reply = await child.ask({ kind: 'open', program: encode(program), state, record }, signal)
        if (reply.kind !== 'opened') return failed(reply)
        return new IsolatedSession(program, state, child)
      } catch (error) {
        child.end()
        throw error
      }
    },
  }
}
