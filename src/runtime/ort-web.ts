/**
 * The runtime `ort-web`: ONNX Runtime as WebAssembly, in Node and in browsers.
 * @module
 */
import { Fault } from '../core/faults.js'
import { DEFINED_OPTIONS, ortRuntime, type OrtModule } from './ort.js'
import type { Runtime } from './runtime.js'

/** Options of {@link ortWeb}. */
export interface OrtWebOptions {
  /** WebAssembly threads; one setting for a whole process, fixed by its first session. Default 1. */
  readonly threads?: number
  /** Where a browser finds the .wasm file, as `ort.env.wasm.wasmPaths`. */
  readonly wasmPaths?: string
  /** @internal */
  readonly unsafeOptimization?: 'disabled' | 'all'
}

type WebModule = OrtModule & {
  readonly env: {
    readonly wasm: { numThreads?: number; wasmPaths?: unknown }
    readonly versions: { web?: string; common: string }
  }
}

/** ONNX Runtime on WebAssembly. */
export function ortWeb({ threads = 1, wasmPaths, unsafeOptimization = 'disabled' }: OrtWebOptions = {}): Runtime {
  const load = async (): Promise<WebModule> => {
    try {
      const module = (await import('onnxruntime-web')) as unknown as WebModule
      module.env.wasm.numThreads = threads
      if (wasmPaths !== undefined) module.env.wasm.wasmPaths = wasmPaths
      return module
    } catch (cause) {
      throw new Fault('runtime/unavailable', 'onnxruntime-web does not load here', { cause })
    }
  }
  return ortRuntime({
    name: 'ort-web',
    load,
    digits: false,
    sessionOptions: { ...DEFINED_OPTIONS, graphOptimizationLevel: unsafeOptimization, executionProviders: ['wasm'] },
    describe: async () => {
      const { env } = await load()
      return {
        runtime: 'ort-web',
        version: env.versions.web ?? env.versions.common,
        threads,
        host: globalThis.process ? `${process.platform} ${process.arch}` : navigator.userAgent,
      }
    },
  })
}
