/**
 * Reading and writing .onnx files: 200 MB of constants, and 20,000 nodes.
 * Run with `npx tsx bench/onnx.ts [--json]`.
 */
import { protoOf, tensorOf, type Graph, type Model, type Node, type TensorProto } from '../src/onnx/graph.js'
import { tensor } from '../src/core/tensor.js'
import { decode } from '../src/onnx/decode.js'
import { encode, encodeParts } from '../src/onnx/encode.js'

const MEGABYTE = 1e6

function modelOf(nodes: readonly Node[], constants: readonly TensorProto[]): Model {
  const type = { kind: 'tensor', dtype: 1, dims: [1] } as const
  const last = nodes.at(-1)?.outputs[0] ?? 'x'
  const graph: Graph = {
    name: 'bench',
    nodes,
    inputs: [{ name: 'x', ...type }],
    outputs: [{ name: last, ...type }],
    initializers: new Map(constants.map((constant) => [constant.name, constant])),
    valueInfo: [],
  }
  const texts = { producerName: '', producerVersion: '', domain: '', docString: '' }
  return {
    ...texts,
    irVersion: 10,
    opsets: new Map([['', 21]]),
    modelVersion: 0n,
    metadata: new Map(),
    graph,
    functions: [],
  }
}

/** Twenty constants of 10 MB. */
function large(): Model {
  const constants = Array.from({ length: 20 }, (_, i) => {
    const data = new Float32Array(2_500_000).fill(i)
    return protoOf(tensor('float32', [2500, 1000], data), `w${i}`)
  })
  return modelOf([], constants)
}

/** A chain of 20,000 nodes with an attribute each. */
function long(): Model {
  const attributes = new Map([['axis', { kind: 'int', value: 1n }]] as const)
  const nodes = Array.from({ length: 20_000 }, (_, i) => ({
    name: `node ${i}`,
    op: 'Softmax',
    domain: '',
    overload: '',
    inputs: [i === 0 ? 'x' : `v${i - 1}`],
    outputs: [`v${i}`],
    attributes,
  }))
  return modelOf(nodes, [])
}

/** Milliseconds of the fastest of five runs. */
function timeOf(run: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now()
    run()
    return performance.now() - start
  })
  return Math.min(...times)
}

function print(name: string, metric: string, value: number, unit: string): void {
  const row = { bench: 'onnx', case: name, metric, value: Number(value.toPrecision(4)), unit }
  console.log(process.argv.includes('--json') ? JSON.stringify(row) : `${name}  ${metric}  ${row.value} ${unit}`)
}

function readAll(file: Uint8Array): void {
  for (const constant of decode(file).graph.initializers.values()) tensorOf(constant)
}

for (const [name, model] of [
  ['constants-200MB', large()],
  ['nodes-20000', long()],
] as const) {
  const file = encode(model)
  print(name, 'size', file.length / MEGABYTE, 'MB')
  print(
    name,
    'decode',
    timeOf(() => decode(file)),
    'ms',
  )
  print(
    name,
    'decode and align',
    timeOf(() => readAll(file)),
    'ms',
  )
  print(
    name,
    'encode',
    timeOf(() => encode(model)),
    'ms',
  )
  print(
    name,
    'encode as parts',
    timeOf(() => encodeParts(model)),
    'ms',
  )
}
