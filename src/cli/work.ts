/**
 * From files to work: a model and its inputs, compiled.
 * @module
 */
import { estimate } from '../exact/estimate.js'
import { compile, type Compiled } from '../exact/compile.js'
import type { Work } from '../trace/trace.js'
import { readModel } from '../disk/index.js'
import { readInputs } from './files.js'
import { withProgress } from './progress.js'
import { size, time } from './output.js'

/** A model file with inputs, as work of one step. */
export interface Loaded {
  readonly work: Work
  readonly compiled: Compiled
  readonly bytes: Uint8Array
  /** How large and how long, for people. */
  readonly forecast: string
}

/** Reads and compiles. @throws Fault, by what is wrong with the files. */
export async function load(path: string, words: readonly string[]): Promise<Loaded> {
  const { model, bytes } = await readModel(path)
  const inputs = await readInputs(model, words)
  const compiled = await withProgress('compile', async (options) => compile(model, { inputs, ...options }))
  const { program, state } = compiled
  const expected = estimate(program)
  return {
    work: { program, state, inputs: [program.names.inputs.map((name) => inputs[name])] },
    compiled,
    bytes,
    forecast: `${program.counts.nodes} exact ops, state ${size(expected.stateBytes)}, peak about ${size(expected.peakBytes)}, about ${time(expected.seconds * 1000)}`,
  }
}
