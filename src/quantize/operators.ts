/**
 * ONNX operators that have an integer form: one row each. They decompose into exact ops as everywhere (docs/coverage.md); what those
 * become is in rows.ts. Any other operator is refused by its name, before anything is computed.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import { sizeOf, type Tensor } from '../core/tensor.js'
import { dtypeOf } from '../core/tensor.js'
import { tensorOf, type Model, type Node } from '../onnx/graph.js'
import { exponentOf } from './scale.js'

/** How an operator is treated, for people. */
export const OPERATORS: Readonly<Record<string, string>> = {
  Gemm: 'weights in 8 bits, bias at the scale of the sums',
  MatMul: 'weights in 8 bits; of two values both in 8 bits',
  Conv: 'weights in 8 bits, bias at the scale of the sums; groups, strides, pads, dilations',
  BatchNormalization:
    'worked into the weights of the product before it; else a multiplication by 12 bits for each channel',
  Relu: 'a maximum with 0',
  Clip: 'bounds rounded to the scale of the value',
  Max: 'in common units',
  Min: 'in common units',
  MaxPool: 'of 8 bits',
  GlobalMaxPool: 'in the units of the value',
  AveragePool: 'a sum; the division is worked into the next product, or is a multiplication by 12 bits',
  GlobalAveragePool: 'as AveragePool',
  ReduceSum: 'a sum',
  ReduceMean: 'as AveragePool',
  ReduceMax: 'in the units of the value',
  ReduceMin: 'in the units of the value',
  Add: 'in common units; constants rounded to them',
  Sub: 'as Add',
  Sum: 'as Add',
  Neg: 'in the units of the value',
  Abs: 'in the units of the value',
  Mul: 'by a constant: worked into products before and after it; of two values both in 8 bits',
  Div: 'by a constant: as Mul',
  Concat: 'in common units',
  Pad: 'in common units',
  Flatten: 'moves values',
  Reshape: 'moves values',
  Transpose: 'moves values',
  Squeeze: 'moves values',
  Unsqueeze: 'moves values',
  Slice: 'moves values',
  Split: 'moves values',
  Expand: 'moves values',
  Tile: 'moves values',
  Gather: 'moves values, by constant indices',
  Identity: 'nothing',
  Dropout: 'nothing (inference)',
  Cast: 'between floats nothing; to integers it saturates',
  Constant: 'a constant',
  ConstantOfShape: 'a constant',
  Shape: 'a constant',
  Size: 'a constant',
  ArgMax: 'the place, int64; the lowest where several are largest',
  ArgMin: 'the place, int64',
  Softmax: 'left out as the last operator: the output holds its logits',
  LogSoftmax: 'as Softmax',
  QuantizeLinear: 'scale a power of two; rounds half up where ONNX rounds half to even',
  DequantizeLinear: 'scale a power of two',
  QLinearMatMul: 'as QuantizeLinear; weights as they are',
  QLinearConv: 'as QuantizeLinear; weights as they are',
  MatMulInteger: 'as it is',
  ConvInteger: 'as it is',
}

/** The operands of quantized operators that are scales. */
const SCALES: Readonly<Record<string, readonly number[]>> = {
  QuantizeLinear: [1],
  DequantizeLinear: [1],
  QLinearMatMul: [1, 4, 6],
  QLinearConv: [1, 4, 6],
}

/** True where a model was quantized before: its weights are whole numbers of units. */
export const isQuantized = ({ graph }: Model): boolean =>
  graph.nodes.some(({ op }) => op in SCALES || op.endsWith('Integer'))

const nameOf = ({ op, domain, name, outputs }: Node) =>
  `${domain === '' ? '' : `${domain}.`}${op}, node "${name || outputs.find((output) => output !== '') || ''}"`

/**
 * Refuses a model with an operator that has no integer form, or a scale that is no power of two.
 * @throws Fault `quantize/unsupported-operator`, `quantize/bad-scale`.
 */
export function demandOperators(model: Model): void {
  for (const node of model.graph.nodes) {
    const known = node.domain === '' && Object.hasOwn(OPERATORS, node.op)
    demand(known, 'quantize/unsupported-operator', () => `${nameOf(node)} has no integer form`)
    for (const index of SCALES[node.op] ?? []) demandScale(model, node, index)
  }
}

function demandScale(model: Model, node: Node, index: number): void {
  const scale = constantNamed(model, node.inputs[index] ?? '')
  demand(scale !== undefined, 'quantize/bad-scale', () => `${nameOf(node)}: operand ${index} is no constant`)
  const wrong = Array.from(scale.data, Number).find((value) => exponentOf(value) === undefined)
  demand(wrong === undefined, 'quantize/bad-scale', () => `${nameOf(node)}: a scale that is no power of two`, {
    found: wrong,
  })
}

/** A constant of the file: an initializer, or the value of a Constant. */
export function constantNamed({ graph }: Model, name: string): Tensor | undefined {
  const made = graph.nodes.find(({ op, outputs }) => op === 'Constant' && outputs[0] === name)
  const attribute = made?.attributes.get('value')
  const proto = graph.initializers.get(name) ?? (attribute?.kind === 'tensor' ? attribute.value : undefined)
  if (proto !== undefined) return dtypeOf(proto.code) === undefined ? undefined : tensorOf(proto)
  const float = made?.attributes.get('value_float')
  return float?.kind === 'float' ? { dtype: 'float32', dims: [], data: Float32Array.of(float.value) } : undefined
}

const LAST: ReadonlySet<string> = new Set(['Softmax', 'LogSoftmax'])

/** An output whose last operator is left out: it holds what that operator reads. */
export interface LeftOut {
  readonly output: string
  readonly operator: string
  readonly reads: string
}

/**
 * The model without the softmax at its end.
 * @throws Fault `quantize/unsupported-operator` for a softmax elsewhere.
 */
export function withoutSoftmax(model: Model): { model: Model; leftOut: LeftOut[] } {
  const { graph } = model
  const last = graph.nodes.filter(({ op }) => LAST.has(op))
  for (const node of last) demandLast(model, node)
  const leftOut = last.map(({ op, inputs, outputs }) => ({ output: outputs[0], operator: op, reads: inputs[0] }))
  const renamed = new Map(leftOut.map(({ output, reads }) => [output, reads]))
  const outputs = graph.outputs.map((info) => ({ ...info, name: renamed.get(info.name) ?? info.name }))
  const nodes = graph.nodes.filter(({ op }) => !LAST.has(op))
  return { model: { ...model, graph: { ...graph, nodes, outputs } }, leftOut }
}

function demandLast({ graph }: Model, node: Node): void {
  const read = graph.nodes.some(({ inputs }) => inputs.includes(node.outputs[0]))
  const given = graph.outputs.some(({ name }) => name === node.outputs[0])
  demand(given && !read, 'quantize/unsupported-operator', () => `${nameOf(node)} is not the last operator`)
}

/** A float input of a model that quantizes it at once: the integers are the program's input. */
export interface QuantizedInput {
  readonly name: string
  readonly dtype: 'int8' | 'uint8'
  readonly exponent: number
  readonly zero: number
}

/** The model with the operators left out that quantize inputs: those take integers. */
export function withIntegerInputs(model: Model): { model: Model; inputs: QuantizedInput[] } {
  const inputs = model.graph.inputs.flatMap(({ name }) => quantizedInput(model, name))
  const made = new Map(inputs.flatMap((input) => readers(model, input.name).map((q) => [q.outputs[0], input.name])))
  const rename = (name: string) => made.get(name) ?? name
  const nodes = model.graph.nodes
    .filter(({ outputs }) => !made.has(outputs[0]))
    .map((node) => ({ ...node, inputs: node.inputs.map(rename) }))
  const infos = model.graph.inputs.map((info) => {
    const input = inputs.find(({ name }) => name === info.name)
    return input === undefined ? info : { ...info, dtype: input.dtype === 'int8' ? 3 : 2 }
  })
  return { model: { ...model, graph: { ...model.graph, nodes, inputs: infos } }, inputs }
}

const readers = ({ graph }: Model, name: string) => graph.nodes.filter(({ inputs }) => inputs.includes(name))

function quantizedInput(model: Model, name: string): QuantizedInput[] {
  if (model.graph.initializers.has(name)) return []
  const nodes = readers(model, name)
  const shared = (node: Node) =>
    node.op === 'QuantizeLinear' &&
    node.inputs[0] === name &&
    node.inputs.slice(1).join() === nodes[0].inputs.slice(1).join()
  const output = (node: Node) => model.graph.outputs.some((info) => info.name === node.outputs[0])
  if (nodes.length === 0 || !nodes.every((node) => shared(node) && !output(node))) return []
  const [scale, zero] = nodes[0].inputs.slice(1).map((constant) => constantNamed(model, constant))
  const one = scale !== undefined && sizeOf(scale.dims) === 1 && (zero === undefined || sizeOf(zero.dims) === 1)
  if (!one) throw new Fault('quantize/bad-scale', `input "${name}": more than one scale`)
  const dtype = zero?.dtype ?? 'uint8'
  if (dtype !== 'int8' && dtype !== 'uint8') return []
  return [{ name, dtype, exponent: exponentOf(Number(scale.data[0]))!, zero: Number(zero?.data[0] ?? 0) }]
}
