/**
 * What the two ONNX Runtime packages have in common: sessions over lowered programs.
 * @module
 */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common'
import { DTYPES, type DType, type Tensor, type TensorType } from '../core/tensor.js'
import { Fault, throwIfAborted } from '../core/faults.js'
import { lower, type Lowered } from '../exact/lower.js'
import { opOf } from '../exact/ops/index.js'
import { ABSENT, nextState, type NodeValue, type Program } from '../exact/program.js'
import {
  Refusal,
  demandNumbers,
  demandSameFixed,
  demandTypes,
  resultsOf,
  type OpenOptions,
  type Platform,
  type Runtime,
  type Session,
  type StepResult,
} from './runtime.js'

/** The part of an ONNX Runtime package that is used here. */
export interface OrtModule {
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>
  }
  readonly Tensor: new (type: OrtTensor.Type, data: OrtTensor.DataType, dims: readonly number[]) => OrtTensor
}

/** A runtime over an ONNX Runtime package. */
export interface OrtRuntimeOptions {
  readonly name: string
  readonly load: () => Promise<OrtModule>
  readonly sessionOptions: InferenceSession.SessionOptions
  readonly describe: () => Promise<Platform>
  /** Whether integer products are fast here; see `LowerOptions`. Never changes a bit. */
  readonly digits: boolean
}

/** ONNX Runtime's names of element types are its own in places. */
const ORT_NAMES: Partial<Record<DType, OrtTensor.Type>> = { float16: 'uint16', bfloat16: 'uint16' }
const ortName = (dtype: DType) => ORT_NAMES[dtype] ?? (dtype as OrtTensor.Type)

function toOrt(ort: OrtModule, { dtype, dims, data }: Tensor): OrtTensor {
  return new ort.Tensor(ortName(dtype), data as OrtTensor.DataType, dims)
}

function fromOrt(value: OrtTensor, { dtype, dims }: TensorType): Tensor {
  const { array: Data } = DTYPES[dtype]
  const data = value.data as unknown as Tensor['data']
  return {
    dtype,
    dims,
    data:
      data instanceof Data ? data : new Data((data as Uint8Array).buffer as ArrayBuffer, data.byteOffset, data.length),
  }
}

/** A lowered program in one ONNX Runtime session, with its weights on their grids. */
class Stage {
  readonly lowered: Lowered
  readonly #ort: OrtModule
  /** Undefined where nothing is computed: every output is an input, a parameter or a constant. */
  readonly #session: InferenceSession | undefined

  private constructor(ort: OrtModule, lowered: Lowered, session: InferenceSession | undefined) {
    this.#ort = ort
    this.lowered = lowered
    this.#session = session
  }

  static async open(
    ort: OrtModule,
    lowered: Lowered,
    { state, options }: { state: readonly Tensor[]; options: InferenceSession.SessionOptions },
  ): Promise<Stage> {
    if (lowered.fetches.size === 0 && lowered.faults === undefined) return new Stage(ort, lowered, undefined)
    const weights = await prepared(ort, lowered, { state, options })
    return new Stage(ort, lowered, await ort.InferenceSession.create(lowered.step(weights), options))
  }

  async run(feeds: ReadonlyMap<number, Tensor>, wanted: readonly string[]): Promise<InferenceSession.OnnxValueMapType> {
    const session = this.#session
    if (session === undefined) return {}
    const named = [...this.lowered.feeds].flatMap(([number, name]) =>
      session.inputNames.includes(name) ? [[name, toOrt(this.#ort, feeds.get(number)!)] as const] : [],
    )
    return session.run(Object.fromEntries(named), [...wanted])
  }

  async close(): Promise<void> {
    await this.#session?.release()
  }
}

/** Runs the prepare model: everything that follows from fixed parameters alone. */
async function prepared(
  ort: OrtModule,
  lowered: Lowered,
  { state, options }: { state: readonly Tensor[]; options: InferenceSession.SessionOptions },
): Promise<Map<string, Tensor>> {
  const { prepare } = lowered
  if (prepare === undefined) return new Map()
  const session = await ort.InferenceSession.create(prepare.model, options)
  const feeds = prepare.inputs.map((number) => [`v${number}`, toOrt(ort, state[number])] as const)
  const results = await session.run(Object.fromEntries(feeds))
  const weights = prepare.outputs.map((name) => {
    const value = results[name] as OrtTensor
    return [
      name,
      { dtype: value.type as DType, dims: value.dims, data: value.data as unknown as Tensor['data'] },
    ] as const
  })
  await session.release()
  return new Map(weights)
}

class OrtSession implements Session {
  readonly program: Program
  state: readonly Tensor[]
  readonly #ort: OrtModule
  readonly #stage: Stage
  readonly #options: InferenceSession.SessionOptions
  readonly #all: boolean

  constructor(
    ort: OrtModule,
    stage: Stage,
    of: { program: Program; state: readonly Tensor[]; options: InferenceSession.SessionOptions; all: boolean },
  ) {
    this.#ort = ort
    this.#stage = stage
    this.program = of.program
    this.state = of.state
    this.#options = of.options
    this.#all = of.all
  }

  async step(inputs: readonly Tensor[], { signal }: { signal?: AbortSignal } = {}): Promise<StepResult> {
    throwIfAborted(signal)
    demandTypes(inputs, 'inputs', this.program)
    const given = [...this.state, ...inputs]
    const feeds = new Map(given.entries())
    const { lowered } = this.#stage
    const names = [...new Set([...lowered.fetches.values(), ...(lowered.faults ? [lowered.faults.name] : [])])]
    const results = names.length === 0 ? {} : await this.#run(feeds, names)
    throwIfAborted(signal)
    await this.#refuseFaults(feeds, results)
    const find = (number: number) => this.#value(number, { given, results })
    demandNumbers(this.program, find, { clean: this.#clean(results) })
    const next = nextState(this.program, this.state, ({ value }) => find(value))
    const values = this.#all ? this.program.values.map((_, number) => find(number)) : undefined
    this.state = next
    return { outputs: this.program.outputs.map(find), values }
  }

  async restart(state: readonly Tensor[]): Promise<void> {
    this.state = demandSameFixed(this.program, this.state, state)
  }

  async #run(feeds: ReadonlyMap<number, Tensor>, names: readonly string[]) {
    try {
      return await this.#stage.run(feeds, names)
    } catch (cause) {
      throw new Fault('runtime/failed', `ONNX Runtime: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      })
    }
  }

  #value(
    number: number,
    { given, results }: { given: readonly Tensor[]; results: InferenceSession.OnnxValueMapType },
  ): Tensor {
    const value = this.program.values[number]
    if (value.kind === 'constant') return value.tensor
    if (value.kind !== 'node') return given[number]
    return fromOrt(results[this.#stage.lowered.fetches.get(number)!] as OrtTensor, value)
  }

  /** A suspicion is checked by the definition on the operands themselves; the first node that it confirms refuses the run. */
  async #refuseFaults(feeds: ReadonlyMap<number, Tensor>, results: InferenceSession.OnnxValueMapType): Promise<void> {
    const { faults } = this.#stage.lowered
    if (faults === undefined) return
    const flags = (results[faults.name] as OrtTensor).data as Int32Array
    const suspects = faults.nodes.filter((_, i) => flags[i] !== 0)
    if (suspects.length === 0) return
    const wanted = [
      ...new Set(suspects.flatMap((n) => (this.program.values[n] as NodeValue).inputs).filter((n) => n !== ABSENT)),
    ]
    const operands = await this.#inspect(wanted, feeds)
    for (const number of suspects) {
      const node = this.program.values[number] as NodeValue
      const finding = opOf(node.op).faults!.find(
        node.inputs.filter((n) => n !== ABSENT).map((n) => operands.get(n)!),
        node.attributes,
      )
      if (finding !== undefined) throw new Refusal(this.program, { node: number, ...finding })
    }
  }

  /** Results that the suspicions clear of NaN. */
  #clean(results: InferenceSession.OnnxValueMapType): ReadonlySet<number> {
    const { faults } = this.#stage.lowered
    if (faults === undefined) return new Set()
    const flags = (results[faults.name] as OrtTensor).data as Int32Array
    return new Set(faults.results.filter((_, i) => flags[faults.nodes.length + i] === 0))
  }

  /** The values of these numbers in this step, from a session of their own. */
  async #inspect(numbers: readonly number[], feeds: ReadonlyMap<number, Tensor>): Promise<Map<number, Tensor>> {
    const stage = await Stage.open(this.#ort, lower(this.program, { record: numbers }), {
      state: this.state,
      options: this.#options,
    })
    try {
      const names = [...new Set(stage.lowered.fetches.values())]
      const results = names.length === 0 ? {} : await stage.run(feeds, names)
      return new Map(
        numbers.map((number) => {
          const value = this.program.values[number]
          if (value.kind === 'constant') return [number, value.tensor]
          if (value.kind !== 'node') return [number, feeds.get(number)!]
          return [number, fromOrt(results[stage.lowered.fetches.get(number)!] as OrtTensor, value)]
        }),
      )
    } finally {
      await stage.close()
    }
  }

  close = () => this.#stage.close()
}

/** Values that a session must fetch: outputs and carried values, or all. */
function wantedOf(program: Program, all: boolean): number[] {
  if (all) return program.values.map((_, number) => number)
  return resultsOf(program)
}

/** A runtime over an ONNX Runtime package. */
export function ortRuntime({ name, load, sessionOptions, describe, digits }: OrtRuntimeOptions): Runtime {
  return {
    name,
    describe,
    async open(program, state, { record = 'outputs', signal }: OpenOptions = {}) {
      throwIfAborted(signal)
      demandTypes(state, 'state', program)
      const ort = await load()
      const all = record === 'all'
      const wanted = wantedOf(program, all)
      try {
        const lowered = lower(program, { record: wanted, numbers: resultsOf(program), digits })
        const stage = await Stage.open(ort, lowered, { state, options: sessionOptions })
        return new OrtSession(ort, stage, { program, state, options: sessionOptions, all })
      } catch (cause) {
        if (Fault.is(cause)) throw cause
        throw new Fault(
          'runtime/failed',
          `ONNX Runtime does not load the program: ${cause instanceof Error ? cause.message : String(cause)}`,
          { cause },
        )
      }
    },
  }
}

/** Options that are part of the definition of both ONNX Runtime runtimes: no graph rewriting. */
export const DEFINED_OPTIONS: InferenceSession.SessionOptions = {
  graphOptimizationLevel: 'disabled',
  executionMode: 'sequential',
  logSeverityLevel: 3,
}
