/**
 * Runtimes by name.
 * @module
 */
import { Fault } from '../core/faults.js'
import { isolated } from '../runtime/isolated.js'
import { ortNode } from '../runtime/ort-node.js'
import { ortWeb } from '../runtime/ort-web.js'
import { reference } from '../runtime/reference.js'
import type { Runtime } from '../runtime/runtime.js'

/** Names that `--runtime` takes. */
export const RUNTIME_NAMES = ['ort-node', 'ort-web', 'reference'] as const

/** The runtime of a name, in this process. @throws Fault `cli/usage`. */
export function runtimeNamed(name: string): Runtime {
  if (name === 'ort-node') return ortNode()
  if (name === 'ort-web') return ortWeb()
  if (name === 'reference') return reference()
  throw new Fault('cli/usage', `no runtime "${name}"`, { hint: `one of ${RUNTIME_NAMES.join(', ')}` })
}

/** The same in a process of its own: models come from strangers, and a native crash must not take this process with it. */
export function safeRuntime(name: string): Runtime {
  runtimeNamed(name)
  return isolated(name)
}
