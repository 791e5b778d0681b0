/**
 * A classifier of digits learns to read in a mirror, with low-rank adapters alone: its own weights stay as they are, and anybody can check that
 * they did. Handwritten digits of ../shared/data/optdigits where they are there, drawn ones otherwise. `npx tsx examples/fine-tune.ts [--steps 1200]`
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Adapters, Bytes, Data, Model, Program, Recipe, Tensor, Trace, type Training } from 'countersign'
import { ortNode } from 'countersign/runtime/ort-node'
import { challenge, counted, order, percent, say, short, title, train, type Terms } from './learning.js'
import { mlp } from './networks.js'
import { OPTDIGITS, compileFor, readPictures, rightOf } from './pictures.js'

const { values } = parseArgs({
  options: { data: { type: 'string', default: OPTDIGITS }, steps: { type: 'string', default: '1200' } },
})
const [steps, batch] = [Number(values.steps), 64]
const runtime = ortNode({ threads: 1 })
const { kind, known, unseen } = await readPictures(values.data)

/** What a mirror shows: every row from right to left. */
function mirrored({ columns: [pixels, targets] }: Data.Dataset.Dataset): Data.Dataset.Dataset {
  const ink = pixels.data as Float32Array
  const turned = ink.map((_, i) => ink[i - (i % 8) + 7 - (i % 8)])
  return Data.Dataset.from({ pixels: { ...pixels, data: turned }, targets })
}

/** Runs a training program over a data set: the weights at first are those that it holds. */
async function fitted(training: Training.Training, dataset: Data.Dataset.Dataset): Promise<readonly Tensor.Tensor[]> {
  const start = { checkpoint: Trace.rootOfTensors('state', training.state) }
  const course = Data.Course.from(dataset, { batchSize: batch, start })
  const under = { job: new Uint8Array(32), steps: 600, checkpoint: training.state }
  return (await Trace.record(Data.Course.open(course, training.program, under), runtime)).finalState
}

title(`1. A base model reads ${kind} digits`)
const deviate = Data.Initial.adapterValues(new Uint8Array(32))
const file = mlp({
  hidden: 128,
  draw: (dims) => (dims.length === 2 ? deviate({ dtype: 'float32', dims }, String(dims)) : zeros(dims)),
})
const loss = 'softmax-cross-entropy'
const blank = compileFor(file, { side: 8, batch })
const first = Recipe.train(blank, Recipe.from({ loss, optimizer: 'adam', rate: 2e-3 }))
const learned = { program: first.program, state: await fitted(first, known) }
const base = { ...blank, state: Recipe.stateFor(blank.program, learned, blank) }
const turned = mirrored(unseen)
const shareOf = async (state: readonly Tensor.Tensor[], pictures: Data.Dataset.Dataset) => {
  const { program } = compileFor(file, { side: 8, batch: pictures.tree.size })
  return (await rightOf({ program, state }, pictures, runtime)) / pictures.tree.size
}
const before = { plain: await shareOf(base.state, unseen), mirrored: await shareOf(base.state, turned) }
say(
  `it reads ${percent(before.plain)} of ${counted(unseen.tree.size)} unseen digits, and ${percent(before.mirrored)} of the same ones in a mirror`,
)

title('2. A requester states the job: adapters of rank 8, nothing else')
const recipe = Recipe.from({
  loss,
  optimizer: 'adam',
  rate: { kind: 'cosine', rate: 1e-2, steps },
  adapters: { rank: 8, of: ['*.weight'] },
})
const training = Recipe.train(base, recipe, { left: deviate })
const root = Trace.rootOfTensors('state', training.state)
const course = Data.Course.from(mirrored(known), { batchSize: batch, start: { checkpoint: root } })
const terms: Terms = { model: base, recipe, training, course, steps, commitEvery: 10, checkpoint: training.state }
const job = await order(terms)
const sizeOf = (name: string) => Tensor.sizeOf(training.state[training.program.names.parameters.indexOf(name)].dims)
const trained = training.trained.reduce((sum, name) => sum + sizeOf(name), 0)
const whole = base.state.reduce((sum, { dims }) => sum + Tensor.sizeOf(dims), 0)
say(`${counted(trained)} numbers learn, the ${counted(whole)} of the base do not`)

title('3. A provider trains')
const bundle = await train(job, terms)

title('4. A verifier challenges, and demands this base as the start')
const start = { from: 'checkpoint', roots: [root] } as const
await challenge(bundle, { ...terms, job }, { fraction: 0.1, confidence: 0.95, start })

title('5. What was learned')
const names = base.program.names.parameters
const same = names.every((name, i) => {
  const at = bundle.program.names.parameters.indexOf(name)
  return Bytes.equal(Trace.digestOf(bundle.finalState[at]), Trace.digestOf(base.state[i]))
})
say(same ? 'every tensor of the base has the digest that it had' : 'the base has changed')
const merging = Adapters.merging(base, Recipe.adapters(recipe, base)!)
const adapted = Recipe.stateFor(merging, { program: bundle.program, state: bundle.finalState }, base)
const { outputs: merged } = await Trace.record({ program: merging, state: adapted, inputs: [[]] }, runtime)
const after = await shareOf(merged, turned)
say(
  `with its adapters worked in it reads ${percent(after)} of the digits in a mirror, ${percent(before.mirrored)} before`,
)
const weights = new Map(names.map((name, i) => [name, Model.protoOf(merged[i], name)]))
const path = join(mkdtempSync(join(tmpdir(), 'countersign-')), 'mirrored.onnx')
writeFileSync(path, Model.encode({ ...file, graph: { ...file.graph, initializers: weights } }))
say(`written to ${path}; program ${short(Program.hash(merging))} made it out of base and adapters`)
if (!same || after < 0.85 || after < before.mirrored + 0.2) process.exitCode = 1

function zeros(dims: readonly number[]): Tensor.Tensor {
  return { dtype: 'float32', dims, data: new Float32Array(Tensor.sizeOf(dims)) }
}
