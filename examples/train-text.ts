/**
 * A transformer that learns to write, character by character, trained for a stranger who checks it: on ../shared/data/text where it is
 * there, on the documents of this project otherwise. `npx tsx examples/train-text.ts [--data FILE] [--steps 200]`; 3,000 steps make words.
 */
import { parseArgs } from 'node:util'
import { Data, Model, Program, Recipe, Tensor } from 'countersign'
import { ortNode } from 'countersign/runtime/ort-node'
import { challenge, order, say, title, train, type Terms } from './learning.js'
import { transformer } from './networks.js'
import { CHARACTERS, SHAKESPEARE, readWords, textOf, windowsOf } from './words.js'

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: SHAKESPEARE },
    steps: { type: 'string', default: '200' },
  },
})
const [steps, batchSize, tokens] = [Number(values.steps), 16, 64]

// Width 64, two layers of four heads, sequences of 64 characters: 118,000 weights.
const words = readWords(values.data)
const file = transformer({ characters: CHARACTERS, tokens, width: 64, layers: 2, heads: 4 })
const compileFor = (model: Model.Model, batch: number) =>
  Program.compile(model, { inputs: { text: { dtype: 'int64', dims: [batch, tokens] } } })
const model = compileFor(file, batchSize)
const recipe = Recipe.from({
  loss: 'softmax-cross-entropy',
  optimizer: { name: 'adamw', weightDecay: 0.01 },
  rate: { kind: 'cosine', rate: 4e-3, steps, warmUp: Math.floor(steps / 10) },
  clipNorm: 1,
})
const training = Recipe.train(model, recipe)
const known = windowsOf(words.known, { tokens, stride: 16 })
const course = Data.Course.from(known, { batchSize, start: { rules: Data.Initial.rulesFor(training.program) } })
const terms: Terms = { model, recipe, training, course, steps, commitEvery: 4 }

title(`1. A requester states the job: a network that continues ${words.name}`)
const job = await order(terms)

title('2. A provider trains')
const bundle = await train(job, terms)

title('3. A verifier challenges, and runs what it drew again')
await challenge(bundle, { ...terms, job }, { fraction: 0.2, confidence: 0.8, start: { from: 'seed' } })

title('4. What was learned')
const runtime = ortNode({ threads: 1 })
const [before, after] = [await lossOf(bundle.initialState), await lossOf(bundle.finalState)]
say(`unseen text, before: ${figures(before)}; after: ${figures(after)}`)
if (!(after < before - 1)) process.exitCode = 1

const prompt = words.unseen.slice(0, tokens)
console.log(`\n${indented(`${textOf(prompt)}|${textOf(await written(prompt, 200))}`)}`)

/**
 * The mean loss of the first batches of the unseen text. A step of training tells the loss of the state that it begins with, so the
 * training program itself is asked.
 */
async function lossOf(state: readonly Tensor.Tensor[]): Promise<number> {
  const [text, targets] = windowsOf(words.unseen, { tokens, stride: tokens }).columns
  const batches = Math.min(10, Math.floor(text.dims[0] / batchSize))
  const session = await runtime.open(bundle.program, state)
  const losses: number[] = []
  for (let i = 0; i < batches; i++) {
    const { outputs } = await session.step([part(text, i), part(targets, i), Tensor.tensor('int64', [], [0n])])
    losses.push(Number(outputs[0].data[0]))
    await session.restart(state)
  }
  await session.close()
  return losses.reduce((sum, loss) => sum + loss) / batches
}

/** A batch of a column. */
function part({ data }: Tensor.Tensor, i: number): Tensor.Tensor {
  const size = batchSize * tokens
  return Tensor.tensor('int64', [batchSize, tokens], data.slice(i * size, (i + 1) * size))
}

function figures(nats: number): string {
  return `${nats.toFixed(3)} nats = ${(nats / Math.LN2).toFixed(3)} bits a character`
}

/** What the network writes behind a prompt, drawn from its probabilities by a stream: the same letters on every machine. */
async function written(prompt: readonly number[], length: number): Promise<number[]> {
  const { program } = compileFor(withProbabilities(file), 1)
  const state = Recipe.stateFor(program, { program: bundle.program, state: bundle.finalState }, model)
  const session = await runtime.open(program, state)
  const made = [...prompt]
  for (let i = 0; i < length; i++) {
    const { outputs } = await session.step([Tensor.tensor('int64', [1, tokens], made.slice(-tokens).map(BigInt))])
    made.push(drawn(outputs[0].data as Float32Array, i))
  }
  await session.close()
  return made.slice(prompt.length)
}

/** The network with a temperature of 0.7 and a softmax behind its scores. */
function withProbabilities({ graph, ...rest }: Model.Model): Model.Model {
  const coldness = Model.protoOf(Tensor.tensor('float32', [], [1 / 0.7]))
  const nodes = [
    ...graph.nodes,
    nodeOf('Constant', [], {
      output: 'coldness',
      attributes: new Map([['value', { kind: 'tensor', value: coldness }]]),
    }),
    nodeOf('Mul', ['scores', 'coldness'], { output: 'cold' }),
    nodeOf('Softmax', ['cold'], { output: 'probabilities' }),
  ]
  const outputs = [{ ...graph.outputs[0], name: 'probabilities' }]
  return { ...rest, graph: { ...graph, nodes, outputs } }
}

function nodeOf(
  op: string,
  inputs: readonly string[],
  { output, attributes = new Map() }: { output: string; attributes?: Model.Node['attributes'] },
): Model.Node {
  return { name: output, op, domain: '', overload: '', inputs, outputs: [output], attributes }
}

/** The character behind the last one: where a number of the stream falls among the probabilities. */
function drawn(probabilities: Float32Array, place: number): number {
  const last = probabilities.subarray(-CHARACTERS)
  const [integer] = Data.Seeds.integers24(new Uint8Array(32), { label: 'operators', step: place }, 1)
  let left = integer / 2 ** 24
  const found = last.findIndex((probability) => (left -= probability) < 0)
  return found < 0 ? CHARACTERS - 1 : found
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `     ${line}`)
    .join('\n')
}
