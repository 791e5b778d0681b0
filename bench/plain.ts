/**
 * A program in plain float32: every exact op as the ONNX operator of its name, without grids. What training costs without exactness.
 * @module
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { DTYPES, tensor, type Tensor } from '../src/core/tensor.js'
import type { NodeValue, Program } from '../src/exact/program.js'
import { encode } from '../src/onnx/encode.js'
import { modelFrom, protoOf, type Attribute, type Node, type TensorProto, type ValueInfo } from '../src/onnx/graph.js'

const int = (value: number): Attribute => ({ kind: 'int', value: BigInt(value) })
const ints = (values: readonly number[]): Attribute => ({ kind: 'ints', value: values.map(BigInt) })

interface Plain {
  readonly op?: string
  readonly operands?: readonly (readonly number[])[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/** The ops whose ONNX operator has another name, or attributes that are operands there. */
function plainOf({ op, attributes, dims }: NodeValue, program: Program, inputs: readonly number[]): Plain {
  const list = (name: string) => attributes[name] as readonly number[]
  const axis = { axis: int((attributes.axis as number | undefined) ?? 0) }
  const rank = program.values[inputs[0]].dims.length
  const last = Array.from({ length: (attributes.axes as number) ?? 0 }, (_, i) => rank - 1 - i)
  switch (op) {
    case 'Reshape':
    case 'Expand':
      return { operands: [dims] }
    case 'Slice':
      return {
        operands: [list('starts'), list('ends').map((e) => (e < 0 ? -1e9 : e)), dims.map((_, i) => i), list('steps')],
      }
    case 'ReduceSum':
    case 'ReduceMax':
    case 'ReduceMin':
      return { operands: [last], attributes: { keepdims: int(0) } }
    case 'ArgMax':
    case 'Concat':
    case 'Gather':
    case 'GatherElements':
    case 'ScatterElements':
      return { attributes: axis }
    case 'ScatterAdd':
      return {
        op: 'ScatterElements',
        attributes: { ...axis, reduction: { kind: 'string', value: new TextEncoder().encode('add') } },
      }
    case 'Transpose':
      return { attributes: { perm: ints(list('perm')) } }
    case 'Cast':
      return { attributes: { to: int(attributes.to as number) } }
    case 'MaxPool':
      return {
        attributes: {
          kernel_shape: ints(list('kernel')),
          strides: ints(list('strides')),
          pads: ints(list('pads')),
          dilations: ints(list('dilations')),
        },
      }
    case 'Conv':
      return {
        attributes: {
          group: int(attributes.group as number),
          strides: ints(list('strides')),
          pads: ints(list('pads')),
          dilations: ints(list('dilations')),
        },
      }
    default:
      return {}
  }
}

const nameOf = (number: number) => `v${number}`

/** The program as an ONNX model: parameters and inputs are inputs, outputs and carried values outputs, by their numbers. */
export function plainModel(program: Program): Uint8Array {
  const initializers = new Map<string, TensorProto>()
  const nodes: Node[] = []
  const constant = (name: string, value: Tensor) => (initializers.set(name, protoOf(value, name)), name)
  const node = (op: string, at: { inputs: readonly string[]; output: string; attributes?: Plain['attributes'] }) =>
    nodes.push({
      name: at.output,
      op,
      domain: '',
      overload: '',
      inputs: at.inputs,
      outputs: [at.output],
      attributes: new Map(Object.entries(at.attributes ?? {})),
    })
  program.values.forEach((value, number) => {
    const output = nameOf(number)
    if (value.kind === 'constant') return void constant(output, value.tensor)
    if (value.kind !== 'node') return
    const inputs = value.inputs.map(nameOf)
    if (value.op === 'Log1p' || value.op === 'Expm1') return void nearOne(value.op, { inputs, output })
    if (value.op === 'Pad')
      return void node('Pad', {
        inputs: [inputs[0], vector(output, 0, value.attributes.pads as number[]), inputs[1]],
        output,
      })
    const { op = value.op, operands = [], attributes } = plainOf(value, program, value.inputs)
    node(op, { inputs: [...inputs, ...operands.map((values, i) => vector(output, i, values))], output, attributes })
  })
  function vector(output: string, i: number, values: readonly number[]): string {
    return constant(`${output}_${i}`, tensor('int64', [values.length], values.map(BigInt)))
  }
  function nearOne(op: 'Log1p' | 'Expm1', { inputs, output }: { inputs: readonly string[]; output: string }): void {
    const one = constant('one', tensor('float32', [], [1]))
    const [first, second] = op === 'Log1p' ? ['Add', 'Log'] : ['Exp', 'Sub']
    node(first, { inputs: op === 'Log1p' ? [...inputs, one] : inputs, output: `${output}_a` })
    node(second, { inputs: op === 'Log1p' ? [`${output}_a`] : [`${output}_a`, one], output })
  }
  const given = program.counts.parameters + program.counts.inputs
  const info = (number: number): ValueInfo => ({
    name: nameOf(number),
    kind: 'tensor',
    dtype: DTYPES[program.values[number].dtype].code,
    dims: [...program.values[number].dims],
  })
  const ends = [...new Set([...program.outputs, ...program.carries.map(({ value }) => value)])]
  const graph = {
    name: 'plain',
    nodes,
    inputs: Array.from({ length: given }, (_, i) => info(i)),
    outputs: ends.map(info),
    initializers,
    valueInfo: [],
  }
  return encode(modelFrom({ irVersion: 10, opsets: new Map([['', 21]]), graph }))
}

/** Runs a program in plain float32, its state in ONNX Runtime's tensors. */
export async function openPlain(program: Program, state: readonly Tensor[], threads: number) {
  const session = await InferenceSession.create(plainModel(program), {
    graphOptimizationLevel: 'all',
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  })
  const toOrt = ({ dtype, dims, data }: Tensor) => new OrtTensor(dtype as 'float32', data as Float32Array, dims)
  let held = state.map(toOrt)
  return {
    async step(inputs: readonly Tensor[]): Promise<OrtTensor[]> {
      const feeds = [...held, ...inputs.map(toOrt)].map((value, i) => [nameOf(i), value] as const)
      const results = await session.run(Object.fromEntries(feeds))
      held = held.map((value, i) => {
        const carry = program.carries.find(({ parameter }) => parameter === i)
        return carry === undefined ? value : (results[nameOf(carry.value)] as OrtTensor as typeof value)
      })
      return program.outputs.map((number) => results[nameOf(number)] as OrtTensor)
    },
    close: () => session.release(),
  }
}
