/**
 * Files with one node, compiled and run on every runtime.
 * @module
 */
import { DTYPES, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { modelFrom, protoOf, type Attribute, type Model, type ValueInfo } from '../../src/onnx/graph.js'
import { conformProgram } from './conform.js'

/** An attribute by its JavaScript value: integers are ints, numbers in `{ float }` floats. */
export type Given =
  | number
  | string
  | Tensor
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }

/** A node of a file: operands are inputs (tensors), constants of the file, or absent. */
export interface OneNode {
  readonly op: string
  readonly opset: number
  readonly inputs: readonly (Tensor | { readonly constant: Tensor } | undefined)[]
  readonly attributes?: Readonly<Record<string, Given>>
  readonly outputs?: number
  readonly domain?: string
}

function attributeOf(value: Given): Attribute {
  if (typeof value === 'number') return { kind: 'int', value: BigInt(value) }
  if (typeof value === 'string') return { kind: 'string', value: new TextEncoder().encode(value) }
  if ('dtype' in value) return { kind: 'tensor', value: protoOf(value, '') }
  if ('float' in value) return { kind: 'float', value: Math.fround(value.float) }
  if ('strings' in value) return { kind: 'strings', value: value.strings.map((text) => new TextEncoder().encode(text)) }
  if ('floats' in value) return { kind: 'floats', value: Float32Array.from(value.floats) }
  return { kind: 'ints', value: value.map(BigInt) }
}

/** The model of one node. */
export function modelOf({ op, opset, inputs, attributes = {}, outputs = 1, domain = '' }: OneNode): Model {
  const names = inputs.map((input, i) => (input === undefined ? '' : `i${i}`))
  const info = (name: string, { dtype, dims }: Tensor): ValueInfo => ({
    name,
    kind: 'tensor',
    dtype: DTYPES[dtype].code,
    dims,
  })
  const given = inputs.map((input, i) => [`i${i}`, input] as const)
  const results = Array.from({ length: outputs }, (_, i) => `o${i}`)
  return modelFrom({
    irVersion: 10,
    opsets: new Map([
      ['', opset],
      [domain, opset],
    ]),
    graph: {
      name: 'one',
      nodes: [
        {
          name: op,
          op,
          domain,
          overload: '',
          inputs: names,
          outputs: results,
          attributes: new Map(Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)])),
        },
      ],
      inputs: given.flatMap(([name, input]) => (input !== undefined && 'dtype' in input ? [info(name, input)] : [])),
      outputs: results.map((name) => ({ name, kind: 'unknown', dtype: 0, dims: undefined })),
      initializers: new Map(
        given.flatMap(([name, input]) =>
          input !== undefined && 'constant' in input ? [[name, protoOf(input.constant, name)] as const] : [],
        ),
      ),
      valueInfo: [],
    },
  })
}

/** The outputs of one node, with equal bits in every value on every runtime. */
export async function runNode(node: OneNode): Promise<readonly Tensor[]> {
  const inputs = node.inputs.flatMap((input, i) =>
    input !== undefined && 'dtype' in input ? [[`i${i}`, input] as const] : [],
  )
  const { program, state } = compile(modelOf(node), { inputs: Object.fromEntries(inputs) })
  const byName = new Map<string, Tensor>(inputs)
  return conformProgram(
    program,
    program.names.inputs.map((name) => byName.get(name)!),
    state,
  )
}
