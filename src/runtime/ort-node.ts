/**
 * The runtime `ort-node`: native ONNX Runtime, an optional dependency.
 * @module
 */
import { Fault } from '../core/faults.js'
import { DEFINED_OPTIONS, ortRuntime, type OrtModule } from './ort.js'
import type { Runtime } from './runtime.js'

/** Options of {@link ortNode}. */
export interface OrtNodeOptions {
  /** Threads inside of one operator; never changes a bit. Default: all cores. */
  readonly threads?: number
  /**
   * ONNX Runtime's graph rewriting. The definition is `disabled`; the conformance suite also runs `all`.
   * @internal
   */
  readonly unsafeOptimization?: 'disabled' | 'all'
}

async function load(): Promise<OrtModule> {
  try {
    const module = (await import('onnxruntime-node')) as unknown as OrtModule & { default?: OrtModule }
    return module.default ?? module
  } catch (cause) {
    throw new Fault('runtime/unavailable', 'onnxruntime-node is not installed or does not load here', {
      cause,
      hint: 'use ort-web instead',
    })
  }
}

/**
 * Native ONNX Runtime.
 * @throws (on open) Fault `runtime/unavailable` where the package is missing.
 */
export function ortNode({ threads, unsafeOptimization = 'disabled' }: OrtNodeOptions = {}): Runtime {
  return ortRuntime({
    name: 'ort-node',
    load,
    digits: true,
    sessionOptions: {
      ...DEFINED_OPTIONS,
      graphOptimizationLevel: unsafeOptimization,
      executionProviders: ['cpu'],
      ...(threads === undefined ? {} : { intraOpNumThreads: threads, interOpNumThreads: 1 }),
    },
    describe: async () => {
      const { env } = (await load()) as unknown as { env: { versions: { node?: string; common: string } } }
      return {
        runtime: 'ort-node',
        version: env.versions.node ?? env.versions.common,
        threads: threads ?? 0,
        host: `${process.platform} ${process.arch}`,
      }
    },
  })
}
