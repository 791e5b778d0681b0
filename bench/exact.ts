/**
 * Exact programs on `ort-node` against plain float32 of the same model on the same ONNX Runtime with all its optimizations.
 *
 * `npm run bench -- exact [--json] [--only TEXT] [--threads N]`
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { compile } from '../src/exact/compile.js'
import { encode } from '../src/onnx/encode.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { alternateBursts, median, print, ratio } from './measure.js'
import { conv, matmul, single, transformer, type Sample } from './models.js'

const option = (name: string, fallback: string) => {
  const at = process.argv.indexOf(name)
  return at < 0 ? fallback : process.argv[at + 1]
}
const only = option('--only', '')
const threads = Number(option('--threads', '1'))

const CASES: readonly (readonly [string, (name: string) => Sample])[] = [
  ['matmul-1024', (name) => matmul(name, [1024, 1024, 1024])],
  ['matmul-128x768x768', (name) => matmul(name, [128, 768, 768])],
  ['gemv-1x768x3072', (name) => matmul(name, [1, 768, 3072])],
  ['conv3x3-64x56', (name) => conv(name, 64, 56)],
  ['transformer-128x768', (name) => transformer(name)],
  ['softmax-128x128x12', (name) => single(name, 'Softmax', [1, 12, 128, 128])],
  ['gelu-128x3072', (name) => single(name, 'Gelu', [128, 3072])],
  ['layernorm-128x768', (name) => single(name, 'LayerNormalization', [128, 768])],
]

async function bench({ name, model, input }: Sample): Promise<void> {
  const { program, state } = compile(model)
  const exact = await ortNode({ threads }).open(program, state)
  const plain = await InferenceSession.create(encode(model), {
    graphOptimizationLevel: 'all',
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  })
  const feeds = { x: new OrtTensor('float32', input.data as Float32Array, input.dims) }
  const times = await alternateBursts(
    { rounds: 41, done: (_, milliseconds) => milliseconds >= 50 },
    { plain: () => plain.run(feeds), exact: () => exact.step([input]) },
  )
  await Promise.all([exact.close(), plain.release()])
  const figure = (metric: string, value: number, unit: string) =>
    print({ bench: 'exact', case: threads === 1 ? name : `${name}-threads-${threads}`, metric, value, unit })
  figure('plain', median(times.plain.wall), 'ms')
  figure('exact', median(times.exact.wall), 'ms')
  figure('processor-ratio', ratio(times.exact.processor, times.plain.processor), 'times plain float32')
  figure('ratio', ratio(times.exact.wall, times.plain.wall), 'times plain float32')
}

for (const [name, make] of CASES) if (name.includes(only)) await bench(make(name))
