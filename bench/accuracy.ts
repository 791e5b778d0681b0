/**
 * How far exact programs and plain float32 are from the same model in binary64: relative L2 errors and their ratio.
 *
 * `npm run bench -- accuracy [--json] [--only TEXT]`
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { sizeOf, tensor, type Tensor } from '../src/core/tensor.js'
import { compile } from '../src/exact/compile.js'
import { ELEMENTARY, numbers, type ElementaryName } from '../src/exact/elementary/index.js'
import { broadcastMap } from '../src/exact/ops/broadcast.js'
import { opOf } from '../src/exact/ops/index.js'
import type { NodeValue, Program } from '../src/exact/program.js'
import { encode } from '../src/onnx/encode.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { print } from './measure.js'
import { conv, matmul, single, transformer, type Sample } from './models.js'

const at = process.argv.indexOf('--only')
const only = at < 0 ? '' : process.argv[at + 1]

const CASES: readonly (readonly [string, (name: string) => Sample])[] = [
  ['matmul-1024', (name) => matmul(name, [1024, 1024, 1024])],
  ['matmul-128x768x768', (name) => matmul(name, [128, 768, 768])],
  ['gemv-1x768x3072', (name) => matmul(name, [1, 768, 3072])],
  ['matmul-16x50000x16', (name) => matmul(name, [16, 50000, 16])],
  ['conv3x3-64x56', (name) => conv(name, 64, 56)],
  ['softmax-128x128x12', (name) => single(name, 'Softmax', [1, 12, 128, 128])],
  ['gelu-128x3072', (name) => single(name, 'Gelu', [128, 3072])],
  ['layernorm-128x768', (name) => single(name, 'LayerNormalization', [128, 768])],
  ['transformer-128x768', (name) => transformer(name)],
]

/** The value of every node of a program in binary64, without grids: sums in index order, elementary functions unrounded. */
function evaluateWide(program: Program, given: readonly Tensor[]): Tensor[] {
  const wide = ({ dims, data }: Tensor) => tensor('float64', dims, Float64Array.from(data as Float32Array))
  const values = given.map(wide)
  for (const value of program.values.slice(given.length))
    if (value.kind === 'constant') values.push(value.tensor.dtype === 'float32' ? wide(value.tensor) : value.tensor)
    else
      values.push(
        wideNode(
          value as NodeValue,
          (value as NodeValue).inputs.map((i) => values[i]),
        ),
      )
  return program.outputs.map((number) => values[number])
}

type Wide = (inputs: readonly Tensor[], node: NodeValue) => Float64Array

/** The ops whose exact forms round to a grid or to binary32. */
const WIDE: Readonly<Record<string, Wide>> = {
  MatMul: ([a, b], { dims }) => multiply(a, b, dims),
  Conv: ([x, w], node) => convolve(x, w, node),
  ReduceSum: ([x], { dims }) => sums(x, sizeOf(dims)),
}

function wideNode(node: NodeValue, inputs: readonly Tensor[]): Tensor {
  const { op, dims, attributes } = node
  const dtype = node.dtype === 'float32' ? 'float64' : node.dtype
  const f = ELEMENTARY[op as ElementaryName]
  if (f !== undefined)
    return {
      dtype,
      dims,
      data: (inputs[0].data as Float64Array).map((x) => f(numbers, x)),
    }
  if (op in WIDE) return { dtype, dims, data: WIDE[op](inputs, node) }
  return { dtype, dims, data: opOf(op).evaluate(inputs, attributes, { dtype, dims }) }
}

function multiply(a: Tensor, b: Tensor, dims: readonly number[]): Float64Array {
  const [m, n] = dims.slice(-2)
  const k = a.dims.at(-1)!
  const batch = dims.slice(0, -2)
  const [mapA, mapB] = [broadcastMap(a.dims.slice(0, -2), batch), broadcastMap(b.dims.slice(0, -2), batch)]
  const out = new Float64Array(sizeOf(dims))
  for (let s = 0; s < sizeOf(batch); s++) {
    const x = (a.data as Float64Array).subarray((mapA?.[s] ?? s) * m * k)
    const y = (b.data as Float64Array).subarray((mapB?.[s] ?? s) * k * n)
    for (let i = 0; i < m; i++)
      for (let l = 0; l < k; l++) for (let j = 0; j < n; j++) out[(s * m + i) * n + j] += x[i * k + l] * y[l * n + j]
  }
  return out
}

/** One sample, one group, stride 1. */
function convolve(x: Tensor, w: Tensor, { dims, attributes }: NodeValue): Float64Array {
  const [, channels, height, width] = x.dims
  const [outs, , taps, across] = w.dims
  const [top, left] = attributes.pads as readonly number[]
  const [rows, columns] = dims.slice(2)
  const out = new Float64Array(sizeOf(dims))
  for (let o = 0; o < outs; o++)
    for (let c = 0; c < channels; c++)
      for (let dy = 0; dy < taps; dy++)
        for (let dx = 0; dx < across; dx++) {
          const weight = (w.data as Float64Array)[((o * channels + c) * taps + dy) * across + dx]
          for (let i = Math.max(0, top - dy); i < Math.min(rows, height + top - dy); i++)
            for (let j = Math.max(0, left - dx); j < Math.min(columns, width + left - dx); j++)
              out[(o * rows + i) * columns + j] +=
                weight * (x.data as Float64Array)[(c * height + i + dy - top) * width + j + dx - left]
        }
  return out
}

function sums({ data }: Tensor, outer: number): Float64Array {
  const length = data.length / outer
  return Float64Array.from({ length: outer }, (_, o) =>
    (data as Float64Array).subarray(o * length, (o + 1) * length).reduce((total, x) => total + x, 0),
  )
}

/** |a - b| / |b| in the Euclidean norm. */
function distance(a: ArrayLike<number>, b: Float64Array): number {
  let [error, size] = [0, 0]
  for (let i = 0; i < b.length; i++) {
    error += (a[i] - b[i]) * (a[i] - b[i])
    size += b[i] * b[i]
  }
  return Math.sqrt(error / size)
}

async function bench({ name, model, input }: Sample): Promise<void> {
  const { program, state } = compile(model)
  const exact = await ortNode({ threads: 1 }).open(program, state)
  const plain = await InferenceSession.create(encode(model), {
    graphOptimizationLevel: 'all',
    executionProviders: ['cpu'],
  })
  const [wide] = evaluateWide(program, [...state, input])
  const { outputs } = await exact.step([input])
  const { y } = await plain.run({ x: new OrtTensor('float32', input.data as Float32Array, input.dims) })
  await Promise.all([exact.close(), plain.release()])
  const errors = [outputs[0].data, y.data].map((data) =>
    distance(data as unknown as Float32Array, wide.data as Float64Array),
  )
  const figure = (metric: string, value: number, unit: string) =>
    print({ bench: 'accuracy', case: name, metric, value, unit })
  figure('error-plain', errors[1], 'relative to binary64')
  figure('error-exact', errors[0], 'relative to binary64')
  figure('ratio', errors[0] / errors[1], "times plain float32's error")
}

for (const [name, make] of CASES) if (name.includes(only)) await bench(make(name))
