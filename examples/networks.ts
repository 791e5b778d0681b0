/**
 * Networks for the training examples, the benches and the tests of learning, as ONNX models for any number of samples at once.
 * @module
 */
import { Model, Tensor } from 'countersign'

/** First values of a weight. `deviation` is what suits a layer of its inputs; 0 asks for a bias, 1 for a scale or a table. */
export type Draw = (dims: readonly number[], deviation: number) => Tensor.Tensor

/** What every network is told. */
export interface NetworkOptions {
  /** Default: zeros, for runs whose first weights follow from the seed of the job. */
  readonly draw?: Draw
}

const zeros: Draw = (dims) => ({ dtype: 'float32', dims, data: new Float32Array(Tensor.sizeOf(dims)) })
const int = (value: number): Model.Attribute => ({ kind: 'int', value: BigInt(value) })
const ints = (...values: number[]): Model.Attribute => ({ kind: 'ints', value: values.map(BigInt) })

/** An input or output: code of its type, dims. */
type Port = Pick<Model.ValueInfo, 'name' | 'dims'> & { readonly dtype?: number }

/** Nodes and weights of one graph while they are put together. */
class Layers {
  readonly nodes: Model.Node[] = []
  readonly weights = new Map<string, Model.TensorProto>()
  readonly #draw: Draw

  constructor({ draw = zeros }: NetworkOptions) {
    this.#draw = draw
  }

  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Model.Attribute>> = {}): string {
    const output = `${op.toLowerCase()} ${this.nodes.length}`
    const names = { name: output, op, domain: '', overload: '' }
    this.nodes.push({ ...names, inputs, outputs: [output], attributes: new Map(Object.entries(attributes)) })
    return output
  }

  /** A parameter. */
  weight(name: string, dims: readonly number[], deviation = 0): string {
    this.weights.set(name, Model.protoOf(this.#draw(dims, deviation), name))
    return name
  }

  /** A constant: no parameter, nothing to train. */
  constant(value: Tensor.Tensor): string {
    return this.node('Constant', [], { value: { kind: 'tensor', value: Model.protoOf(value) } })
  }

  scalar = (value: number): string => this.constant(Tensor.tensor('float32', [], [value]))
  reshape = (x: string, ...dims: number[]): string =>
    this.node('Reshape', [x, this.constant(Tensor.tensor('int64', [dims.length], dims.map(BigInt)))])
  transpose = (x: string, ...perm: number[]): string => this.node('Transpose', [x], { perm: ints(...perm) })

  /** x W + b with W [from, to]. */
  linear(x: string, name: string, [from, to]: readonly [number, number]): string {
    const product = this.node('MatMul', [x, this.weight(`${name}.weight`, [from, to], 1 / Math.sqrt(from))])
    return this.node('Add', [product, this.weight(`${name}.bias`, [to])])
  }

  /** A 3 x 3 convolution with padding, a rectifier, and the largest of every 2 x 2. */
  convolution(x: string, name: string, [from, to]: readonly [number, number]): string {
    const weight = this.weight(`${name}.weight`, [to, from, 3, 3], 1 / Math.sqrt(9 * from))
    const y = this.node('Conv', [x, weight, this.weight(`${name}.bias`, [to])], { pads: ints(1, 1, 1, 1) })
    return this.node('MaxPool', [this.node('Relu', [y])], { kernel_shape: ints(2, 2), strides: ints(2, 2) })
  }

  layerNorm(x: string, name: string, width: number): string {
    const parts = [x, this.weight(`${name}.scale`, [width], 1), this.weight(`${name}.bias`, [width])]
    return this.node('LayerNormalization', parts, { epsilon: { kind: 'float', value: 1e-5 } })
  }

  finish(name: string, y: string, { input, output }: { readonly input: Port; readonly output: Port }): Model.Model {
    const nodes = this.nodes.map((node) => ({
      ...node,
      outputs: node.outputs.map((one) => (one === y ? output.name : one)),
    }))
    const info = ({ dtype = 1, ...port }: Port): Model.ValueInfo => ({ ...port, kind: 'tensor', dtype })
    const [inputs, outputs] = [[info(input)], [info(output)]]
    const graph: Model.Graph = { name, nodes, inputs, outputs, initializers: this.weights, valueInfo: [] }
    return Model.modelFrom({ irVersion: 10, opsets: new Map([['', 21]]), graph })
  }
}

/** What a network for pictures is told. */
export interface PictureOptions extends NetworkOptions {
  /** Width and height. Default 8. */
  readonly side?: number
  /** What a pixel of full ink holds. Default 16. */
  readonly ink?: number
}

const SCORES: Port = { name: 'scores', dims: ['N', 10] }
const pixels = (side: number): Port => ({ name: 'pixels', dims: ['N', 1, side, side] })
const scaled = (d: Layers, ink: number): string => (ink === 1 ? 'pixels' : d.node('Mul', ['pixels', d.scalar(1 / ink)]))

/** Pictures in, scores of ten digits out: two linear maps with ReLU between. */
export function mlp({
  side = 8,
  ink = 16,
  hidden = 64,
  ...rest
}: PictureOptions & { hidden?: number } = {}): Model.Model {
  const d = new Layers(rest)
  const flat = d.node('Flatten', [scaled(d, ink)])
  const y = d.linear(d.node('Relu', [d.linear(flat, 'hidden', [side * side, hidden])]), 'scores', [hidden, 10])
  return d.finish('mlp', y, { input: pixels(side), output: SCORES })
}

/** Pictures in, scores of ten digits out: two convolutions with ReLU and pooling, and a linear map. */
export function cnn({
  side = 8,
  ink = 16,
  channels = [16, 32],
  ...rest
}: PictureOptions & { channels?: readonly [number, number] } = {}): Model.Model {
  const d = new Layers(rest)
  const [first, second] = channels
  const edges = d.convolution(scaled(d, ink), 'first', [1, first])
  const flat = d.node('Flatten', [d.convolution(edges, 'second', [first, second])])
  const y = d.linear(flat, 'scores', [second * Math.floor(side / 4) ** 2, 10])
  return d.finish('cnn', y, { input: pixels(side), output: SCORES })
}

/** Sizes of a transformer. */
export interface TransformerOptions extends NetworkOptions {
  readonly characters: number
  /** Length of a sequence. */
  readonly tokens: number
  readonly width: number
  readonly layers: number
  readonly heads: number
}

/** Characters in (int64), scores of the next character at every place out: a decoder with learned positions. */
export function transformer({ characters, tokens, width, layers, heads, ...rest }: TransformerOptions): Model.Model {
  const d = new Layers(rest)
  const input: Port = { name: 'text', dims: ['N', tokens], dtype: 7 }
  const causal = d.constant(causalMask(tokens))
  const embedded = d.node('Gather', [d.weight('characters', [characters, width], 1), 'text'])
  let h = d.node('Add', [embedded, d.weight('positions', [tokens, width])])
  for (let i = 0; i < layers; i++) {
    const n = d.layerNorm(h, `${i}.before`, width)
    const mixed = attention(d, n, { name: `${i}.attention`, causal, tokens, width, heads })
    h = d.node('Add', [h, d.linear(mixed, `${i}.attention.out`, [width, width])])
    const wide = d.linear(d.layerNorm(h, `${i}.between`, width), `${i}.wide`, [width, 4 * width])
    h = d.node('Add', [h, d.linear(d.node('Gelu', [wide]), `${i}.narrow`, [4 * width, width])])
  }
  const y = d.linear(d.layerNorm(h, 'last', width), 'scores', [width, characters])
  return d.finish('transformer', y, { input, output: { name: 'scores', dims: ['N', tokens, characters] } })
}

/** True where a place may look: at itself and before. */
function causalMask(tokens: number): Tensor.Tensor {
  const seen = Array.from({ length: tokens * tokens }, (_, i) => Number(i % tokens <= Math.floor(i / tokens)))
  return Tensor.tensor('bool', [tokens, tokens], seen)
}

interface AttentionOptions {
  readonly name: string
  readonly causal: string
  readonly tokens: number
  readonly width: number
  readonly heads: number
}

/** Every place takes from those before it by likeness, in several heads. */
function attention(d: Layers, x: string, { name, causal, tokens, width, heads }: AttentionOptions): string {
  const split = (part: string, ...perm: number[]) =>
    d.transpose(d.reshape(d.linear(x, `${name}.${part}`, [width, width]), 0, tokens, heads, width / heads), ...perm)
  const likeness = d.node('MatMul', [split('query', 0, 2, 1, 3), split('key', 0, 2, 3, 1)])
  const scores = d.node('Mul', [likeness, d.scalar(1 / Math.sqrt(width / heads))])
  const shares = d.node('Softmax', [d.node('Where', [causal, scores, d.scalar(-Infinity)])], { axis: int(-1) })
  const mixed = d.node('MatMul', [shares, split('value', 0, 2, 1, 3)])
  return d.reshape(d.transpose(mixed, 0, 2, 1, 3), 0, tokens, width)
}
