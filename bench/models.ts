/**
 * The models that the benches run, as ONNX files with weights from a fixed generator.
 * @module
 */
import { sizeOf, tensor, type Tensor } from '../src/core/tensor.js'
import { modelFrom, protoOf, type Attribute, type Model, type Node } from '../src/onnx/graph.js'

/** A model with an example of its input. */
export interface Sample {
  readonly name: string
  readonly model: Model
  readonly input: Tensor
}

const OPSET = 21

/**
 * A source of numbers that look normally distributed: the sum of four uniform ones. Integer arithmetic, the same everywhere. The
 * counter is mixed well (the finalizer of MurmurHash3), since numbers whose low bits repeat along a column would round alike.
 */
export function normals(seed: number): (dims: readonly number[], deviation?: number) => Tensor {
  let state = seed >>> 0
  const uniform = () => {
    state = (state + 0x9e3779b9) >>> 0
    let bits = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32 - 0.5
  }
  return (dims, deviation = 1) => {
    const data = new Float32Array(sizeOf(dims))
    for (let i = 0; i < data.length; i++)
      data[i] = deviation * Math.sqrt(3) * (uniform() + uniform() + uniform() + uniform())
    return tensor('float32', dims, data)
  }
}

/** Collects the nodes and initializers of one model with input x and output y. */
export class Draft {
  readonly nodes: Node[] = []
  readonly initializers = new Map<string, Tensor>()
  readonly normal: ReturnType<typeof normals>

  constructor(seed: number) {
    this.normal = normals(seed)
  }

  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const output = `${op}_${this.nodes.length}`
    const names = { name: output, op, domain: '', overload: '' }
    this.nodes.push({ ...names, inputs, outputs: [output], attributes: new Map(Object.entries(attributes)) })
    return output
  }

  constant(value: Tensor): string {
    const name = `c_${this.initializers.size}`
    this.initializers.set(name, value)
    return name
  }

  weights(dims: readonly number[], deviation: number): string {
    return this.constant(this.normal(dims, deviation))
  }

  scalar = (value: number) => this.constant(tensor('float32', [], [value]))
  reshape = (x: string, dims: readonly number[]) =>
    this.node('Reshape', [x, this.constant(tensor('int64', [dims.length], dims.map(BigInt)))])
  transpose = (x: string, perm: readonly number[]) => this.node('Transpose', [x], { perm: ints(perm) })

  /** x W + b with W [from, to]. */
  linear(x: string, [from, to]: readonly [number, number]): string {
    const product = this.node('MatMul', [x, this.weights([from, to], 1 / Math.sqrt(from))])
    return this.node('Add', [product, this.weights([to], 0.1)])
  }

  layerNorm(x: string, width: number): string {
    const [scale, shift] = [this.weights([width], 1), this.weights([width], 0.1)]
    return this.node('LayerNormalization', [x, scale, shift], { epsilon: { kind: 'float', value: 1e-5 } })
  }

  finish(name: string, y: string, inputDims: readonly number[]): Sample {
    const input = this.normal(inputDims)
    const nodes = this.nodes.map((node) => ({ ...node, outputs: node.outputs.map((o) => (o === y ? 'y' : o)) }))
    const initializers = new Map([...this.initializers].map(([key, value]) => [key, protoOf(value, key)]))
    const model = modelFrom({
      irVersion: 10,
      opsets: new Map([['', OPSET]]),
      graph: {
        name,
        nodes,
        inputs: [{ name: 'x', kind: 'tensor', dtype: 1, dims: inputDims }],
        outputs: [{ name: 'y', kind: 'tensor', dtype: 1, dims: undefined }],
        initializers,
        valueInfo: [],
      },
    })
    return { name, model, input }
  }
}

const int = (value: number): Attribute => ({ kind: 'int', value: BigInt(value) })
const ints = (values: readonly number[]): Attribute => ({ kind: 'ints', value: values.map(BigInt) })

/** x [m, k] times constant weights [k, n]. */
export function matmul(name: string, [m, k, n]: readonly [number, number, number]): Sample {
  const draft = new Draft(1)
  return draft.finish(name, draft.node('MatMul', ['x', draft.weights([k, n], 1 / Math.sqrt(k))]), [m, k])
}

/** A 3 x 3 convolution with padding, `channels` in and out, on `size` x `size`. */
export function conv(name: string, channels: number, size: number): Sample {
  const draft = new Draft(2)
  const w = draft.weights([channels, channels, 3, 3], 1 / Math.sqrt(9 * channels))
  const y = draft.node('Conv', ['x', w], { kernel_shape: ints([3, 3]), pads: ints([1, 1, 1, 1]) })
  return draft.finish(name, y, [1, channels, size, size])
}

/** One operator on its own. */
export function single(name: string, op: string, dims: readonly number[]): Sample {
  const draft = new Draft(3)
  const y = op === 'LayerNormalization' ? draft.layerNorm('x', dims.at(-1)!) : draft.node(op, ['x'], ATTRIBUTES[op])
  return draft.finish(name, y, dims)
}

const ATTRIBUTES: Readonly<Record<string, Readonly<Record<string, Attribute>>>> = { Softmax: { axis: int(-1) } }

/** One transformer block: layer norm, attention, residual, layer norm, two linear maps with Gelu, residual. */
export function transformer(name: string, { tokens = 128, width = 768, heads = 12 } = {}): Sample {
  const d = new Draft(4)
  const h = d.layerNorm('x', width)
  const split = () => d.reshape(d.linear(h, [width, width]), [1, tokens, heads, width / heads])
  const [q, k, v] = [split(), split(), split()]
  const query = d.transpose(q, [0, 2, 1, 3])
  const product = d.node('MatMul', [query, d.transpose(k, [0, 2, 3, 1])])
  const scores = d.node('Mul', [product, d.scalar(1 / Math.sqrt(width / heads))])
  const mixed = d.node('MatMul', [d.node('Softmax', [scores], { axis: int(-1) }), d.transpose(v, [0, 2, 1, 3])])
  const joined = d.reshape(d.transpose(mixed, [0, 2, 1, 3]), [1, tokens, width])
  const middle = d.node('Add', ['x', d.linear(joined, [width, width])])
  const wide = d.node('Gelu', [d.linear(d.layerNorm(middle, width), [width, 4 * width])])
  const y = d.node('Add', [middle, d.linear(wide, [4 * width, width])])
  return d.finish(name, y, [1, tokens, width])
}
