/**
 * From files to work: a model and its inputs, compiled, or an integer program and its inputs.
 * @module
 */
import { estimate } from '../exact/estimate.js'
import { DTYPES } from '../core/tensor.js'
import { compile } from '../exact/compile.js'
import type { Program } from '../exact/program.js'
import { quantizeFeed } from '../quantize/feeds.js'
import type { Work } from '../trace/trace.js'
import { readModel, readQuantized } from '../disk/index.js'
import { isFolder } from './bundles.js'
import { readInputs, readTensors } from './files.js'
import { withProgress } from './progress.js'
import { size, time } from './output.js'

/** A model or an integer program with inputs, as work of one step. */
export interface Loaded {
  readonly work: Work
  /** The .onnx file, where there is one. */
  readonly bytes: Uint8Array | undefined
  /** How large and how long, for people. */
  readonly forecast: string
}

/** Reads a model and compiles it, or reads the folder of an integer program. @throws Fault, by what is wrong with the files. */
export async function load(path: string, words: readonly string[]): Promise<Loaded> {
  return (await isFolder(path)) ? loadQuantized(path, words) : loadModel(path, words)
}

/** Inputs of real numbers are rounded to their scales. */
async function loadQuantized(path: string, words: readonly string[]): Promise<Loaded> {
  const { program, state, report } = await readQuantized(path)
  const wanted = report.inputs.map(({ name, dims, ...input }) => ({
    name,
    kind: 'tensor' as const,
    dtype: DTYPES[input.exponent === null ? input.dtype : 'float32'].code,
    dims,
  }))
  const inputs = quantizeFeed(report.inputs, await readTensors(wanted, words))
  return { work: { program, state, inputs: [inputs] }, bytes: undefined, forecast: forecastOf(program) }
}

function forecastOf(program: Program): string {
  const expected = estimate(program)
  return `${program.counts.nodes} exact ops, state ${size(expected.stateBytes)}, peak about ${size(expected.peakBytes)}, about ${time(expected.seconds * 1000)}`
}

async function loadModel(path: string, words: readonly string[]): Promise<Loaded> {
  const { model, bytes } = await readModel(path)
  const inputs = await readInputs(model, words)
  const compiled = await withProgress('compile', async (options) => compile(model, { inputs, ...options }))
  const { program, state } = compiled
  return {
    work: { program, state, inputs: [program.names.inputs.map((name) => inputs[name])] },
    bytes,
    forecast: forecastOf(program),
  }
}
