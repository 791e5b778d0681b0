/**
 * A step of training as an exact program on `ort-node` against the same step in plain float32, and what commitments add.
 *
 * `npm run bench -- training [--json] [--only TEXT] [--threads N]`
 */
import { adam } from '../src/autodiff/optimizers.js'
import { from } from '../src/autodiff/training.js'
import { tensor, type Tensor } from '../src/core/tensor.js'
import type { Attribute } from '../src/onnx/graph.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { commitOverhead } from './commit-overhead.js'
import { alternateBursts, median, print, ratio } from './measure.js'
import { Draft, convolutional, perceptron, type Sample } from './models.js'
import { openPlain } from './plain.js'

const option = (name: string, fallback: string) => {
  const at = process.argv.indexOf(name)
  return at < 0 ? fallback : process.argv[at + 1]
}
const only = option('--only', '')
const threads = Number(option('--threads', '1'))

const int = (value: number): Attribute => ({ kind: 'int', value: BigInt(value) })

/** Width 128, four layers of four heads, sequences of 128 characters out of 96. */
function transformer(name: string): Sample {
  const [width, heads, tokens, characters] = [128, 4, 128, 96]
  const d = new Draft(3)
  const embedded = d.node('Gather', [d.weights([characters, width], 1), d.node('Cast', ['x'], { to: int(7) })])
  const visible = Array.from({ length: tokens * tokens }, (_, i) => (i % tokens > Math.floor(i / tokens) ? 0 : 1))
  const causal = d.constant(tensor('bool', [tokens, tokens], visible))
  const nothing = d.scalar(-Infinity)
  let h = d.node('Add', [embedded, d.weights([tokens, width], 0.1)])
  for (let i = 0; i < 4; i++) {
    const n = d.layerNorm(h, width)
    const split = (perm: readonly number[]) =>
      d.transpose(d.reshape(d.linear(n, [width, width]), [1, tokens, heads, width / heads]), perm)
    const scores = d.node('Mul', [
      d.node('MatMul', [split([0, 2, 1, 3]), split([0, 2, 3, 1])]),
      d.scalar(1 / Math.sqrt(width / heads)),
    ])
    const shares = d.node('Softmax', [d.node('Where', [causal, scores, nothing])], { axis: int(-1) })
    const mixed = d.node('MatMul', [shares, split([0, 2, 1, 3])])
    h = d.node('Add', [h, d.linear(d.reshape(d.transpose(mixed, [0, 2, 1, 3]), [1, tokens, width]), [width, width])])
    const wide = d.node('Gelu', [d.linear(d.layerNorm(h, width), [width, 4 * width])])
    h = d.node('Add', [h, d.linear(wide, [4 * width, width])])
  }
  const sample = d.finish(name, d.linear(d.layerNorm(h, width), [width, characters]), [1, tokens])
  return {
    ...sample,
    input: tensor(
      'float32',
      [1, tokens],
      Array.from({ length: tokens }, (_, i) => (i * 37) % characters),
    ),
  }
}

const CASES: readonly (readonly [string, (name: string) => Sample])[] = [
  ['mlp-784-1024-10-b256', (name) => perceptron(name, 256, [784, 1024, 10])],
  ['cnn', (name) => convolutional(name, 64, 28)],
  ['cnn-8x8', (name) => convolutional(name, 64, 8)],
  ['transformer-w128-l4-s128', transformer],
]

const labelsOf = ({ dims }: { dims: readonly number[] }) =>
  tensor(
    'int64',
    dims,
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => BigInt(i % 10)),
  )

async function bench({ name, model, input }: Sample): Promise<void> {
  const { program, state } = from(model, { loss: 'softmax-cross-entropy', optimizer: adam(1e-4) })
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

for (const [name, make] of CASES) if (name.includes(only)) await bench(make(name))
if ('commit-overhead mlp-784-1024-10-b256'.includes(only)) await commitOverhead(threads)
