/**
 * A small network that reads digits, trained here and made an integer program: what the examples about proofs prove.
 * @module
 */
import { Data, Model, Program, Quantize, Recipe, Tensor, Trace } from 'countersign'
import { ortWeb } from 'countersign/runtime/ort-web'
import { mlp } from './networks.js'
import { OPTDIGITS, compileFor, readPictures } from './pictures.js'

/** A digit that the network has not seen, as its input takes it. */
export interface Picture {
  readonly label: number
  readonly pixels: Tensor.Tensor
}

/** An integer program that reads digits, with pictures that it was not trained on. */
export interface Reader {
  readonly kind: 'handwritten' | 'drawn'
  readonly quantized: Quantize.Quantized
  readonly unseen: readonly Picture[]
}

/** 64-32-10 on pictures of 8 x 8; its output is the class. */
export async function readerOfDigits({ steps = 400, hidden = 32 } = {}): Promise<Reader> {
  const { kind, known, unseen } = await readPictures(OPTDIGITS)
  const [file, batchSize] = [mlp({ hidden }), 64]
  const model = compileFor(file, { side: 8, batch: batchSize })
  const { program } = Recipe.train(
    model,
    Recipe.from({
      loss: 'softmax-cross-entropy',
      optimizer: { name: 'adam' },
      rate: { kind: 'cosine', rate: 1e-2, steps, warmUp: 20 },
    }),
  )
  const course = Data.Course.from(known, { batchSize, start: { rules: Data.Initial.rulesFor(program) } })
  const work = Data.Course.open(course, program, { job: new Uint8Array(32), steps })
  const { finalState } = await Trace.record(work, ortWeb(), { commitEvery: steps })
  const state = Recipe.stateFor(model.program, { program, state: finalState }, model)
  const trained = withClass(withWeights(file, model.program, state))
  const quantized = await Quantize.quantize(trained, {
    calibration: picturesOf(known, 100).map(({ pixels }) => ({ pixels })),
    runtime: ortWeb(),
  })
  return { kind, quantized, unseen: picturesOf(unseen, 500) }
}

/** The file with the weights that were learned. */
function withWeights(file: Model.Model, { names }: Program.Program, state: readonly Tensor.Tensor[]): Model.Model {
  const weights = names.parameters.map((name, i) => [name, Model.protoOf(state[i], name)] as const)
  return { ...file, graph: { ...file.graph, initializers: new Map(weights) } }
}

/** The class instead of ten scores: the place of the largest, the lowest where several are largest. */
function withClass(file: Model.Model): Model.Model {
  const { graph } = file
  const attributes = new Map<string, Model.Attribute>([
    ['axis', { kind: 'int', value: 1n }],
    ['keepdims', { kind: 'int', value: 0n }],
  ])
  const names = { name: 'class', op: 'ArgMax', domain: '', overload: '' }
  const node: Model.Node = { ...names, inputs: [graph.outputs[0].name], outputs: ['digit'], attributes }
  const output: Model.ValueInfo = { name: 'digit', kind: 'tensor', dtype: 7, dims: ['N'] }
  return { ...file, graph: { ...graph, nodes: [...graph.nodes, node], outputs: [output] } }
}

/** The first pictures of a data set, one by one. */
function picturesOf({ columns: [pixels, targets] }: Data.Dataset.Dataset, count: number): Picture[] {
  const size = pixels.data.length / pixels.dims[0]
  return Array.from({ length: Math.min(count, pixels.dims[0]) }, (_, i) => ({
    label: Number(targets.data[i]),
    pixels: Tensor.tensor(
      'float32',
      [1, 1, 8, 8],
      [...(pixels.data as Float32Array).subarray(i * size, (i + 1) * size)],
    ),
  }))
}
