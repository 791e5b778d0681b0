/**
 * A classifier of digits, trained for a stranger who checks it: 3,823 handwritten digits of ../shared/data/optdigits where they are there,
 * drawn ones otherwise. `npx tsx examples/train-digits.ts [--data FOLDER] [--steps 600] [--network cnn|mlp]`
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Data, Model, Recipe } from 'countersign'
import { ortNode } from 'countersign/runtime/ort-node'
import { challenge, counted, order, percent, say, title, train, type Terms } from './learning.js'
import { cnn, mlp } from './networks.js'
import { OPTDIGITS, compileFor, readPictures, rightOf } from './pictures.js'

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: OPTDIGITS },
    steps: { type: 'string', default: '600' },
    network: { type: 'string', default: 'cnn' },
  },
})
const [steps, batchSize] = [Number(values.steps), 64]

// The requester writes down what is to be learned, how, and from which data. Nothing of it is a function: all of it can be published.
const { kind, known, unseen } = await readPictures(values.data)
const file = values.network === 'mlp' ? mlp({ hidden: 256 }) : cnn()
const model = compileFor(file, { side: 8, batch: batchSize })
const recipe = Recipe.from({
  loss: 'softmax-cross-entropy',
  optimizer: { name: 'adamw', weightDecay: 0.01 },
  rate: { kind: 'cosine', rate: 1e-2, steps, warmUp: Math.floor(steps / 20) },
  metrics: ['accuracy'],
})
const training = Recipe.train(model, recipe)
const course = Data.Course.from(known, { batchSize, start: { rules: Data.Initial.rulesFor(training.program) } })
const terms: Terms = { model, recipe, training, course, steps, commitEvery: 1 }

title(`1. A requester states the job: a network that reads ${kind} digits`)
const job = await order(terms)

title('2. A provider trains')
const bundle = await train(job, terms)

title('3. A verifier challenges, and runs what it drew again')
await challenge(bundle, { ...terms, job }, { fraction: 0.05, confidence: 0.95, start: { from: 'seed' } })

// The state of the training program holds the weights of the model, and those of the optimizer, which nobody needs any more.
title('4. What was learned')
const { program } = compileFor(file, { side: 8, batch: unseen.tree.size })
const state = Recipe.stateFor(program, { program: bundle.program, state: bundle.finalState }, model)
const right = await rightOf({ program, state }, unseen, ortNode({ threads: 1 }))
const share = right / unseen.tree.size
say(
  `${counted(right)} of ${counted(unseen.tree.size)} unseen digits are read rightly: ${percent(share)}, the same count everywhere`,
)
if (share < 0.95) process.exitCode = 1

const weights = program.names.parameters.map((name, i) => [name, Model.protoOf(state[i], name)] as const)
const path = join(mkdtempSync(join(tmpdir(), 'countersign-')), 'digits.onnx')
writeFileSync(path, Model.encode({ ...file, graph: { ...file.graph, initializers: new Map(weights) } }))
say(`written to ${path}, for any program that runs ONNX`)
