/**
 * Models as integer programs.
 * @module
 */
import { demand } from '../core/faults.js'
import { isFloat, type Tensor, type TensorType } from '../core/tensor.js'
import { compile } from '../exact/compile.js'
import { inputsOf, type Program } from '../exact/program.js'
import type { Model } from '../onnx/graph.js'
import type { Runtime } from '../runtime/runtime.js'
import { calibrate, type Watch } from './calibration.js'
import { Conversion, type Source } from './conversion.js'
import { quantizeInput, type Feed, type InputScale } from './feeds.js'
import { bitsOf, magnitude } from './interval.js'
import { intervals } from './intervals.js'
import {
  demandOperators,
  isQuantized,
  withIntegerInputs,
  withoutSoftmax,
  type LeftOut,
  type QuantizedInput,
} from './operators.js'
import { compare, layerOf, probesOf, tracedOf, type OutputScale, type Report, type Traced } from './report.js'
import { ROWS } from './rows.js'
import type { Sample } from './scale.js'
import type { Whole } from './whole.js'

/** A model as an integer program, with its weights and what was done to it. */
export interface Quantized {
  readonly program: Program
  readonly state: readonly Tensor[]
  readonly report: Report
}

/** What a float model is quantized with. */
export interface QuantizeOptions extends Watch {
  /** Inputs of the model as they come in use, all of the same shapes: the program is made for these. */
  readonly calibration: readonly Feed[]
  /** Runs the calibration. All runtimes give the same program. */
  readonly runtime: Runtime
  /** What the first output should be largest at, row by row of all feeds: for the report. */
  readonly labels?: readonly number[]
}

/** What a quantized model is read with. */
export interface ReadOptions {
  /** Types of inputs whose shape the file leaves open. */
  readonly inputs?: Readonly<Record<string, TensorType>>
}

/**
 * A float model as an integer program: weights and activations in 8 bits with scales that are powers of two, chosen from calibration data
 * by squared error; biases and sums as wide as they get, which is proved.
 *
 * Cost: two runs of the model a feed, one of the integer program.
 * @throws Fault `quantize/unsupported-operator` (before anything is run), `quantize/bad-calibration`, `quantize/bad-scale`, and those of
 *   `intervals` and `Program.compile`.
 */
export async function quantize(model: Model, options: QuantizeOptions): Promise<Quantized> {
  const { calibration, runtime, labels, onProgress, signal } = options
  demand(calibration.length > 0, 'quantize/bad-calibration', () => 'no calibration data')
  const plan = planOf(model, calibration[0])
  demandRows(plan)
  const feeds = calibration.map((feed) => realFeed(plan, feed))
  const total = 2 * feeds.length
  const samples = await calibrate(plan, feeds, { runtime, signal, onProgress: (done) => onProgress?.(done, total) })
  const { conversion, traced, ...made } = convert(plan, samples)
  const inputs = inputScales(plan, conversion, made.program)
  const compared = await compare(
    {
      real: plan,
      integer: made.probed,
      traced,
      outputs: plan.outputs,
      feeds: feeds.map((real) => ({ real, integer: inputs.map((input, i) => quantizeInput(input, real[i])) })),
      labels,
    },
    { runtime, signal, onProgress: (done) => onProgress?.(feeds.length + done, total) },
  )
  const report = { inputs, outputs: made.outputs, ...compared, samples: feeds.length, widest: widestOf(made) }
  return { program: made.program, state: made.state, report }
}

/**
 * A model that was quantized before (QLinearMatMul, QLinearConv, MatMulInteger, ConvInteger, or float operators between DequantizeLinear and
 * QuantizeLinear) as an integer program. Its scales must be powers of two; its zero points and weights stay what they are. ONNX rounds
 * halves to even, the program rounds them up: outputs may differ by one unit where a sum lies halfway.
 * @throws Fault `quantize/bad-scale`, `quantize/no-scale` (a float tensor that nothing quantizes), `quantize/unsupported-operator`, and
 *   those of `intervals` and `Program.compile`.
 */
export function read(model: Model, { inputs = {} }: ReadOptions = {}): Quantized {
  const plan = planOf(model, inputs)
  demandRows(plan)
  const { conversion, traced, ...made } = convert(plan, new Map())
  const layers = traced.map((one) => layerOf(one))
  const report: Report = {
    inputs: inputScales(plan, conversion, made.program),
    outputs: made.outputs,
    layers,
    samples: 0,
    agreement: null,
    accuracy: null,
    widest: widestOf(made),
  }
  return { program: made.program, state: made.state, report }
}

/** A model that is about to be converted. */
interface Plan {
  readonly program: Program
  readonly state: readonly Tensor[]
  /** Tensors of the file by number of value. */
  readonly names: ReadonlyMap<number, string>
  /** Operators by the tensor that they give. */
  readonly operators: ReadonlyMap<string, string>
  /** Numbers of the values that the model returns. */
  readonly outputs: readonly number[]
  readonly leftOut: readonly LeftOut[]
  readonly quantizedInputs: readonly QuantizedInput[]
  readonly keep: number
}

/** Weights of quantized models stay what they are up to this magnitude, which products allow. */
const KEEP = 2 ** 21

function planOf(original: Model, given: Readonly<Record<string, TensorType>>): Plan {
  demandOperators(original)
  const { model: cut, leftOut } = withoutSoftmax(original)
  const { model, inputs: quantizedInputs } = withIntegerInputs(cut)
  const { graph } = model
  const types = Object.entries(given).map(([name, { dims, dtype }]) => {
    const integer = quantizedInputs.find((input) => input.name === name)
    return [name, { dtype: integer?.dtype ?? dtype, dims }] as const
  })
  const named = [...graph.outputs, ...innerOutputs(model)]
  const { program, state } = compile(
    { ...model, graph: { ...graph, outputs: named } },
    { inputs: Object.fromEntries(types) },
  )
  return {
    program,
    state,
    names: namesOf(program),
    operators: new Map(graph.nodes.flatMap(({ op, outputs }) => outputs.map((output) => [output, op]))),
    outputs: program.outputs.slice(0, graph.outputs.length),
    leftOut,
    quantizedInputs,
    keep: isQuantized(original) ? KEEP : 127,
  }
}

/** The first output of every node: calibration looks at all of them. */
function innerOutputs({ graph }: Model): Model['graph']['outputs'] {
  const given = new Set(graph.outputs.map(({ name }) => name))
  const inner = graph.nodes.map(({ outputs }) => outputs[0] ?? '').filter((name) => name !== '' && !given.has(name))
  return inner.map((name) => ({ name, kind: 'tensor', dtype: 0, dims: undefined }))
}

/** The first name of each value, in the order of the file. */
function namesOf({ outputs, names, counts }: Program): Map<number, string> {
  const found = new Map(names.inputs.map((name, i) => [counts.parameters + i, name]))
  outputs.forEach((number, i) => {
    if (!found.has(number)) found.set(number, names.outputs[i])
  })
  return new Map([...found].sort(([a], [b]) => a - b))
}

/** Refuses what no row converts before anything is run; constants alone are only computed. */
function demandRows({ program, names }: Plan): void {
  const varies = new Set<number>()
  program.values.forEach((value, number) => {
    if (value.kind === 'input') varies.add(number)
    if (value.kind !== 'node' || !value.inputs.some((input) => varies.has(input))) return
    varies.add(number)
    demand(ROWS.has(value.op), 'quantize/unsupported-operator', () => `the exact op ${value.op} has no integer form`, {
      where: names.get(number) ?? `value ${number}`,
    })
  })
}

/** A feed in the order of the program, as the model takes it. */
function realFeed({ program, quantizedInputs }: Plan, feed: Feed): Tensor[] {
  return inputsOf(program).map(({ dtype, dims }, i) => {
    const name = program.names.inputs[i]
    const integer = quantizedInputs.find((input) => input.name === name)
    const given = Object.hasOwn(feed, name) ? feed[name] : undefined
    demand(given !== undefined, 'quantize/bad-calibration', () => `no input "${name}"`)
    const even = given.dims.length === dims.length && dims.every((dim, axis) => dim === given.dims[axis])
    demand(even, 'quantize/bad-calibration', () => `input "${name}" changes its shape`, {
      expected: `[${dims}]`,
      found: `[${given.dims}]`,
    })
    return quantizeInput({ name, dtype, dims, exponent: integer?.exponent ?? null, zero: integer?.zero ?? 0 }, given)
  })
}

interface Converted {
  readonly conversion: Conversion
  readonly program: Program
  readonly state: Tensor[]
  readonly outputs: OutputScale[]
  readonly traced: Traced[]
  /** The program with every traced tensor behind its outputs. */
  readonly probed: { readonly program: Program; readonly state: Tensor[] }
}

function convert(plan: Plan, samples: ReadonlyMap<number, Sample>): Converted {
  const source: Source = { ...plan, samples }
  const conversion = new Conversion(source, ROWS)
  const results = plan.outputs.map((number, i) => outputOf(conversion, plan, { number, i }))
  const outputs = results.map(({ scale, whole }) => [scale.name, whole] as const)
  const traced = tracedOf(conversion, plan.names, plan.operators)
  const probes = probesOf(traced)
  const made = conversion.wholes.finish(outputs)
  return {
    conversion,
    ...made,
    outputs: results.map(({ scale }) => scale),
    traced,
    probed: conversion.wholes.finish([...outputs, ...probes]),
  }
}

function outputOf(
  conversion: Conversion,
  { program, leftOut }: Plan,
  { number, i }: { number: number; i: number },
): { scale: OutputScale; whole: Whole } {
  const name = program.names.outputs[i]
  const { whole, exponent } = conversion.plain(conversion.scaled(number))
  const { dtype } = program.values[number]
  const left = leftOut.find(({ reads }) => reads === name)
  const real = isFloat(dtype)
  return {
    scale: {
      name,
      exponent: real ? exponent : null,
      leftOut: left === undefined ? null : { output: left.output, operator: left.operator },
    },
    whole: real ? whole : conversion.wholes.cast(whole, dtype),
  }
}

/** The inputs of the integer program, with the scales that calibration or the model gave them. */
function inputScales({ quantizedInputs }: Plan, conversion: Conversion, program: Program): InputScale[] {
  return inputsOf(program).map(({ dtype, dims }, i) => {
    const name = program.names.inputs[i]
    const scaled = conversion.inputs.find((input) => input.name === name)
    const before = quantizedInputs.find((input) => input.name === name)
    return { name, dtype, dims, exponent: scaled?.exponent ?? before?.exponent ?? null, zero: before?.zero ?? 0 }
  })
}

/** Bits of the widest value; on the way the whole program is proved to be one of integers. */
function widestOf({ program, state }: { program: Program; state: readonly Tensor[] }): number {
  const all = intervals(program, { state })
  const widest = all.reduce((a, b) => (magnitude(b) > magnitude(a) ? b : a))
  return bitsOf(widest)
}
