/**
 * Makes the fixtures of digits: fixtures/digits.onnx, digits-test.json, digit-7.json. `npm run fixtures`. The same bytes every time.
 */
import { writeFileSync } from 'node:fs'
import { toHex } from '../src/core/bytes.js'
import { tensor } from '../src/core/tensor.js'
import { encode } from '../src/onnx/encode.js'
import { modelFrom, protoOf, type Attribute, type Model, type Node } from '../src/onnx/graph.js'
import { SIDE, drawMany, type Sample } from './digits/draw.js'
import { SHAPES, classify, fit, type Network } from './digits/fit.js'

/** What is drawn and how the network is fitted. */
export const RECIPE = {
  training: { seed: 'countersign digits, training', count: 800 },
  test: { seed: 'countersign digits, test', count: 200 },
  fit: { seed: 'countersign digits, fit', epochs: 8, batch: 10, rate: 0.1 },
  /** Of the test drawings these many are kept in the repository. */
  kept: 50,
} as const

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

/** The network as an ONNX model: gray values 0..255 in, probabilities out, any number of drawings at once. */
export function modelOf(net: Network): Model {
  const names = Object.keys(SHAPES) as (keyof Network)[]
  const initializers = names.map(
    (name) => [name, protoOf(tensor('float32', SHAPES[name], [...net[name]]), name)] as const,
  )
  return modelFrom({
    irVersion: 8,
    opsets: new Map([['', 17]]),
    docString: 'Tells digits apart; drawn and fitted by scripts/make-digits.ts.',
    graph: {
      name: 'digits',
      nodes: [
        node('Constant', [[], 'scale'], { value: scalar(1 / 256) }),
        node('Mul', [['pixels', 'scale'], 'image']),
        node('Conv', [['image', 'kernel', 'kernelBias'], 'edges'], {
          kernel_shape: ints(3, 3),
          pads: ints(1, 1, 1, 1),
        }),
        node('Relu', [['edges'], 'ink']),
        node('MaxPool', [['ink'], 'pooled'], { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
        node('Flatten', [['pooled'], 'features']),
        node('Gemm', [['features', 'dense', 'denseBias'], 'logits']),
        node('Softmax', [['logits'], 'probabilities']),
      ],
      inputs: [{ name: 'pixels', kind: 'tensor', dtype: 1, dims: ['N', 1, SIDE, SIDE] }],
      outputs: [{ name: 'probabilities', kind: 'tensor', dtype: 1, dims: ['N', 10] }],
      initializers: new Map(initializers),
      valueInfo: [],
    },
  })
}

const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/** A drawing as an input that `countersign run` takes. */
const inputOf = ({ pixels }: Sample) => json({ dtype: 'float32', dims: [1, 1, SIDE, SIDE], data: [...pixels] })

/** All fixtures by file name, and how many of the test drawings the network tells right. */
export function makeDigits(): { files: Map<string, Uint8Array>; right: number } {
  const { training, test, kept } = RECIPE
  const net = fit(drawMany(training.seed, training.count), RECIPE.fit)
  const unseen = drawMany(test.seed, test.count)
  const right = unseen.filter(({ label, pixels }) => classify(net, pixels) === label).length
  const digits = unseen.slice(0, kept).map(({ label, pixels }) => ({ label, pixels: toHex(pixels) }))
  const files = new Map([
    ['digits.onnx', encode(modelOf(net))],
    ['digits-test.json', json({ side: SIDE, digits })],
    ['digit-7.json', inputOf(unseen[7])],
  ])
  return { files, right }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { files, right } = makeDigits()
  for (const [name, bytes] of files) {
    writeFileSync(new URL(`../fixtures/${name}`, import.meta.url), bytes)
    console.log(`fixtures/${name}  ${bytes.length} bytes`)
  }
  console.log(`${right} of ${RECIPE.test.count} unseen drawings are told right`)
}
