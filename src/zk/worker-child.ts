/**
 * The worker's side of `proveInWorker`: the same file in a child process of Node and in a Web Worker.
 * @module
 */
import { Fault } from '../core/faults.js'
import { provingKeyOf } from './keys.js'
import { encodeProof, prove } from './prove.js'
import type { Report, Task } from './worker.js'

type Say = (report: Report) => void

async function answer({ zkey, witness }: Task, say: Say): Promise<void> {
  const progress = (line: string) => say({ kind: 'line', line })
  const proof = await prove(provingKeyOf(zkey), witness, { progress })
  say({ kind: 'proof', proof: encodeProof(proof) })
}

function reportOf(error: unknown): Report {
  if (Fault.is(error))
    return { kind: 'fault', code: error.code, message: error.message.replace(` (${error.code})`, '') }
  return { kind: 'fault', code: 'zk/prover-failed', message: error instanceof Error ? error.message : String(error) }
}

const work = (task: Task, say: Say): void => void answer(task, say).catch((error: unknown) => say(reportOf(error)))

const scope = globalThis as unknown as { postMessage: Say; onmessage: ((event: { data: Task }) => void) | null }
const parent = globalThis.process
if (parent?.send === undefined) scope.onmessage = ({ data }) => work(data, (report) => scope.postMessage(report))
else {
  parent.on('message', (task) => work(task as Task, (report) => void parent.send!(report)))
  parent.on('disconnect', () => parent.exit())
}
