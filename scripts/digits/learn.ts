/**
 * Trains the network of the fixtures on drawings with the project's own trainer: exact arithmetic, order and first weights from a seed. So
 * the same drawings and options give the same bits everywhere.
 * @module
 */
import * as Recipe from '../../src/autodiff/recipe.js'
import { utf8 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { allocate, sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Initial from '../../src/data/initial.js'
import { compile, type Compiled } from '../../src/exact/compile.js'
import { modelFrom, protoOf, type Attribute, type Model, type Node } from '../../src/onnx/graph.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { SIDE, type Sample } from './draw.js'

const [CHANNELS, CLASSES] = [8, 10]

/** The weights as ONNX's Conv and Gemm (transB = 0) want them: convolution 3x3 to 8 channels, then one dense layer. */
export const SHAPES = {
  kernel: [CHANNELS, 1, 3, 3],
  kernelBias: [CHANNELS],
  dense: [CHANNELS * (SIDE / 2) ** 2, CLASSES],
  denseBias: [CLASSES],
} as const

/** The weights by name. */
export type Weights = { readonly [name in keyof typeof SHAPES]: Tensor }

const ints = (...value: number[]): Attribute => ({ kind: 'ints', value: value.map(BigInt) })

const node = (op: string, names: [string[], string], attributes: Record<string, Attribute> = {}): Node => ({
  name: op.toLowerCase(),
  op,
  domain: '',
  overload: '',
  inputs: names[0],
  outputs: [names[1]],
  attributes: new Map(Object.entries(attributes)),
})

const scalar = (value: number): Attribute => ({ kind: 'tensor', value: protoOf(tensor('float32', [], [value])) })

const LAYERS: readonly Node[] = [
  node('Constant', [[], 'scale'], { value: scalar(1 / 256) }),
  node('Mul', [['pixels', 'scale'], 'image']),
  node('Conv', [['image', 'kernel', 'kernelBias'], 'edges'], { kernel_shape: ints(3, 3), pads: ints(1, 1, 1, 1) }),
  node('Relu', [['edges'], 'ink']),
  node('MaxPool', [['ink'], 'pooled'], { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
  node('Flatten', [['pooled'], 'features']),
  node('Gemm', [['features', 'dense', 'denseBias'], 'logits']),
]
const SOFTMAX = node('Softmax', [['logits'], 'probabilities'])

/** The network as an ONNX model: gray values 0..255 in, probabilities or what stands before their softmax out, any number of drawings at once. */
export function modelOf(weights: Weights, output: 'probabilities' | 'logits'): Model {
  const names = Object.keys(SHAPES) as (keyof Weights)[]
  return modelFrom({
    irVersion: 8,
    opsets: new Map([['', 17]]),
    docString: 'Tells digits apart; drawn and trained by scripts/make-digits.ts.',
    graph: {
      name: 'digits',
      nodes: output === 'logits' ? LAYERS : [...LAYERS, SOFTMAX],
      inputs: [{ name: 'pixels', kind: 'tensor', dtype: 1, dims: ['N', 1, SIDE, SIDE] }],
      outputs: [{ name: output, kind: 'tensor', dtype: 1, dims: ['N', CLASSES] }],
      initializers: new Map(names.map((name) => [name, protoOf(weights[name], name)])),
      valueInfo: [],
    },
  })
}

const ZEROS = Object.fromEntries(
  Object.entries(SHAPES).map(([name, dims]): [string, Tensor] => [
    name,
    { dtype: 'float32', dims, data: allocate('float32', sizeOf(dims)) },
  ]),
) as Weights

const compiledFor = (model: Model, batch: number): Compiled =>
  compile(model, { inputs: { pixels: { dtype: 'float32', dims: [batch, 1, SIDE, SIDE] } } })

const pixelsOf = (samples: readonly Sample[]): Tensor =>
  tensor(
    'float32',
    [samples.length, 1, SIDE, SIDE],
    samples.flatMap(({ pixels }) => [...pixels]),
  )

/** How to train. */
export interface LearnOptions {
  readonly seed: string
  readonly epochs: number
  readonly batch: number
  readonly rate: number
}

/** The run over the drawings: program, state before the first step, inputs of every step. */
export function runOf(samples: readonly Sample[], { seed, epochs, batch, rate }: LearnOptions): Course.Opened {
  const steps = epochs * Math.floor(samples.length / batch)
  const recipe = Recipe.from({
    loss: 'softmax-cross-entropy',
    optimizer: 'adam',
    rate: { kind: 'cosine', rate, steps },
  })
  const { program } = Recipe.train(compiledFor(modelOf(ZEROS, 'logits'), batch), recipe)
  const targets = samples.map(({ label }) => BigInt(label))
  const dataset = Dataset.from({
    pixels: pixelsOf(samples),
    targets: tensor('int64', [samples.length], targets),
  })
  const course = Course.from(dataset, { batchSize: batch, start: { rules: Initial.rulesFor(program) } })
  return Course.open(course, program, { job: sha256(utf8(seed)), steps })
}

/** The weights after the run. */
export async function learn({ program, state, inputs }: Course.Opened, runtime: Runtime): Promise<Weights> {
  const session = await runtime.open(program, state)
  for (let step = 0; step < inputs.length; step++) await session.step(inputs.at(step)!)
  const weights = Object.keys(SHAPES).map((name) => [name, session.state[program.names.parameters.indexOf(name)]])
  await session.close()
  return Object.fromEntries(weights) as Weights
}

/** The digits that the network sees. */
export async function classify(weights: Weights, samples: readonly Sample[], runtime: Runtime): Promise<number[]> {
  const { program, state } = compiledFor(modelOf(weights, 'probabilities'), samples.length)
  const session = await runtime.open(program, state)
  const [{ data }] = (await session.step([pixelsOf(samples)])).outputs
  await session.close()
  const rows = samples.map((_, i) => (data as Float32Array).subarray(CLASSES * i, CLASSES * (i + 1)))
  return rows.map((row) => row.indexOf(Math.max(...row)))
}
