/**
 * The child's side of `isolated`: answers requests until its parent goes away.
 * @module
 */
import { Fault } from '../core/faults.js'
import { decode } from '../exact/format.js'
import { nextState } from '../exact/program.js'
import type { Reply, Request } from './isolated.js'
import { ortNode } from './ort-node.js'
import { ortWeb } from './ort-web.js'
import { reference } from './reference.js'
import { Refusal, type Runtime, type Session } from './runtime.js'

const RUNTIMES: Record<string, () => Runtime> = { 'ort-node': ortNode, 'ort-web': ortWeb, reference }
const runtime = RUNTIMES[process.argv[2]]()
let session: Session | undefined

async function answer(request: Request): Promise<Reply> {
  if (request.kind === 'describe') return { kind: 'platform', platform: await runtime.describe() }
  if (request.kind === 'open') {
    session = await runtime.open(decode(request.program), request.state, { record: request.record })
    return { kind: 'opened' }
  }
  if (request.kind === 'restart') {
    await session!.restart(nextState(session!.program, session!.state, (_carry, index) => request.carried[index]))
    return { kind: 'opened' }
  }
  const result = await session!.step(request.inputs)
  return {
    kind: 'stepped',
    result,
    carried: session!.program.carries.map(({ parameter }) => session!.state[parameter]),
  }
}

function replyTo(error: unknown): Reply {
  if (error instanceof Refusal)
    return { kind: 'refused', node: error.node, element: error.element, reason: error.reason }
  if (Fault.is(error)) return { kind: 'fault', code: error.code, message: error.message }
  return { kind: 'fault', code: 'runtime/failed', message: error instanceof Error ? error.message : String(error) }
}

process.on('message', (request: Request) => {
  answer(request)
    .catch(replyTo)
    .then((reply) => process.send!(reply))
})
process.on('disconnect', () => process.exit(0))
