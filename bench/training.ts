/**
 * A step of training as an exact program on `ort-node` against the same step in plain float32, and what commitments add.
 *
 * `npm run bench -- training [--json] [--only TEXT] [--threads N]`
 */
import { adam } from '../src/autodiff/optimizers.js'
import { from } from '../src/autodiff/training.js'
import { tensor, type Tensor } from '../src/core/tensor.js'
import * as Networks from '../examples/networks.js'
import type { Model } from '../src/onnx/graph.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { commitOverhead } from './commit-overhead.js'
import { alternateBursts, median, print, ratio } from './measure.js'
import { normals } from './models.js'
import { openPlain } from './plain.js'

const option = (name: string, fallback: string) => {
  const at = process.argv.indexOf(name)
  return at < 0 ? fallback : process.argv[at + 1]
}
const only = option('--only', '')
const threads = Number(option('--threads', '1'))

/** Weights that a network might have in the middle of a run: nothing is zero. */
const draw: Networks.Draw = (dims, deviation) => normal(dims, deviation === 0 ? 0.1 : deviation)
const normal = normals(1)

/** A network, and an example of its input. */
interface Case {
  readonly name: string
  readonly model: Model
  readonly input: Tensor
}

const characters = (tokens: number, of: number): Tensor =>
  tensor(
    'int64',
    [1, tokens],
    Array.from({ length: tokens }, (_, i) => BigInt((i * 37) % of)),
  )

const CASES: readonly Case[] = [
  {
    name: 'mlp-784-1024-10-b256',
    model: Networks.mlp({ side: 28, ink: 1, hidden: 1024, draw }),
    input: normal([256, 1, 28, 28]),
  },
  { name: 'cnn', model: Networks.cnn({ side: 28, ink: 1, draw }), input: normal([64, 1, 28, 28]) },
  { name: 'cnn-8x8', model: Networks.cnn({ side: 8, ink: 1, draw }), input: normal([64, 1, 8, 8]) },
  {
    name: 'transformer-w128-l4-s128',
    model: Networks.transformer({ characters: 96, tokens: 128, width: 128, layers: 4, heads: 4, draw }),
    input: characters(128, 96),
  },
]

const labelsOf = ({ dims }: { dims: readonly number[] }) =>
  tensor(
    'int64',
    dims,
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => BigInt(i % 10)),
  )

async function bench({ name, model, input }: Case): Promise<void> {
  const { program, state } = from(model, {
    loss: 'softmax-cross-entropy',
    optimizer: adam(1e-4),
    compile: { inputs: { [model.graph.inputs[0].name]: input } },
  })
  const targets = labelsOf(program.values[program.counts.parameters + 1])
  const exact = await ortNode({ threads }).open(program, state)
  const plain = await openPlain(program, state, threads)
  let at = 0
  const inputs = (): Tensor[] => [input, targets, tensor('int64', [], [BigInt(at++)])]
  const [first, second] = [await exact.step(inputs()), await plain.step(inputs())]
  const apart = Math.abs(Number(first.outputs[0].data[0]) - Number(second[0].data[0]))
  if (!(apart < 1e-3)) throw new Error(`${name}: the losses differ by ${apart}`)
  const times = await alternateBursts(
    { rounds: 11, done: (_, milliseconds) => milliseconds >= 200 },
    { plain: () => plain.step(inputs()), exact: () => exact.step(inputs()) },
  )
  await Promise.all([exact.close(), plain.close()])
  const figure = (metric: string, value: number, unit: string) =>
    print({ bench: 'training', case: threads === 1 ? name : `${name}-threads-${threads}`, metric, value, unit })
  figure('plain', median(times.plain.wall), 'ms')
  figure('exact', median(times.exact.wall), 'ms')
  figure('processor-ratio', ratio(times.exact.processor, times.plain.processor), 'times plain float32')
  figure('ratio', ratio(times.exact.wall, times.plain.wall), 'times plain float32')
}

for (const one of CASES) if (one.name.includes(only)) await bench(one)
if ('commit-overhead mlp-784-1024-10-b256'.includes(only)) await commitOverhead(threads)
