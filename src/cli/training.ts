/**
 * From words to a training run: data files, recipe, model, course.
 * @module
 */
import { extname } from 'node:path'
import type { Command } from 'commander'
import { demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import { dtypeOf, type TensorType } from '../core/tensor.js'
import * as Recipe from '../autodiff/recipe.js'
import type { Training } from '../autodiff/training.js'
import * as Course from '../data/course.js'
import type { Dataset } from '../data/dataset.js'
import { adapterValues, rulesFor } from '../data/initial.js'
import { readDataset, readModel, type ColumnSource } from '../disk/index.js'
import { compile, type Compiled } from '../exact/compile.js'
import { inputsOf } from '../exact/program.js'
import { encode as encodeModel } from '../onnx/encode.js'
import { protoOf, type Model } from '../onnx/graph.js'
import { rootOfTensors } from '../trace/digests.js'

/** Words that say what is trained and on what. */
export interface TrainingWords extends Recipe.Words {
  readonly data: readonly string[]
  readonly header?: boolean
  readonly batch: string
  readonly start: string
  readonly order: string
}

/** A model, how it is trained, and on what. */
export interface Prepared {
  readonly model: Model
  readonly bytes: Uint8Array
  readonly compiled: Compiled
  readonly recipe: Recipe.Recipe
  readonly training: Training
  readonly course: Course.Course
}

/** Adds the words of recipes to a command. */
export function withRecipeWords(command: Command): Command {
  for (const [key, { value, help }] of Object.entries(Recipe.WORDS))
    command.option(`--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} <${value}>`, help)
  return command
}

/** Reads everything that a run is made from. @throws Fault `cli/usage`, and those of models, recipes and data. */
export async function prepare(path: string, words: TrainingWords, steps: number): Promise<Prepared> {
  const batchSize = wholeNumber(words.batch, '--batch')
  const recipe = Recipe.fromWords(recipeWords(words), { steps })
  const { model, bytes } = await readModel(path)
  const compiled = compile(model, { inputs: batched(model, batchSize) })
  const training = Recipe.train(compiled, recipe, { left: adapterValues(sha256(bytes)) })
  const dataset = await dataOf(training, words)
  return { model, bytes, compiled, recipe, training, course: courseOf(training, { dataset, batchSize, words }) }
}

function recipeWords(words: TrainingWords): Recipe.Words {
  const keys = Object.keys(Recipe.WORDS) as (keyof Recipe.Words)[]
  return Object.fromEntries(keys.map((key) => [key, words[key]]))
}

/** A positive integer from a word. @throws Fault `cli/usage`. */
export function wholeNumber(word: string, where: string): number {
  const value = Number(word)
  const fits = /^[0-9]{1,15}$/.test(word) && value > 0
  demand(fits, 'cli/usage', () => 'a positive whole number is needed', { where, found: word.slice(0, 40) })
  return value
}

/** The types of a model's inputs with this many samples on the first axis. */
function batched(model: Model, batchSize: number): Record<string, TensorType> {
  const inputs = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name))
  return Object.fromEntries(
    inputs.map(({ name, dtype, dims }) => {
      const known = dtypeOf(dtype)
      const fixed = dims?.map((dim, axis) => (axis === 0 ? batchSize : dim))
      const whole = known !== undefined && fixed?.every((dim) => typeof dim === 'number')
      demand(whole, 'cli/usage', () => `input "${name}" has a shape that is open beyond its first axis`, {
        hint: 'fix it in the model',
      })
      return [name, { dtype: known, dims: fixed as number[] }]
    }),
  )
}

/** The data set whose columns are the inputs of the training program, in its order. */
async function dataOf({ program }: Training, { data, header }: TrainingWords): Promise<Dataset> {
  const given = new Map(data.map(splitData))
  const wanted = program.names.inputs.slice(0, -1)
  const right = wanted.every((name) => given.has(name)) && given.size === wanted.length && data.length === given.size
  demand(right, 'cli/usage', () => 'one --data for each input of the training program', {
    expected: wanted.map((name) => `${name}=FILE`).join(' '),
    found: [...given.keys()].join(' '),
  })
  const types = inputsOf(program)
  const sources = wanted.map((name, i) => [name, sourceOf(given.get(name)!, types[i], header === true)] as const)
  return readDataset(Object.fromEntries(sources))
}

/** The two halves of name=FILE. */
export function splitData(word: string): [string, string] {
  const at = word.indexOf('=')
  demand(at > 0, 'cli/usage', () => 'a column is written name=FILE', { found: word.slice(0, 100) })
  return [word.slice(0, at), word.slice(at + 1)]
}

/** `FILE.npy`, `FILE.csv:FIRST` (field, from 0), or any other file with `:OFFSET` (bytes before the first sample). */
export function sourceOf(word: string, { dtype, dims }: TensorType, header: boolean): ColumnSource {
  const [, path, place] = /^(.*?)(?::([0-9]{1,15}))?$/.exec(word)!
  const at = Number(place ?? 0)
  const sample = dims.slice(1)
  if (extname(path) === '.npy') return { format: 'npy', path }
  if (extname(path) !== '.csv') return { format: 'raw', path, dtype, dims: sample, offset: at }
  return { format: 'csv', path, dtype, dims: sample, first: at, header: header ? 'names' : 'none' }
}

function courseOf(
  { program, state }: Training,
  { dataset, batchSize, words }: { dataset: Dataset; batchSize: number; words: TrainingWords },
): Course.Course {
  demand(['seed', 'model'].includes(words.start), 'cli/usage', () => '--start is seed or model')
  demand(['shuffled', 'committed'].includes(words.order), 'cli/usage', () => '--order is shuffled or committed')
  const start = words.start === 'seed' ? { rules: rulesFor(program) } : { checkpoint: rootOfTensors('state', state) }
  return Course.from(dataset, { batchSize, order: words.order as 'shuffled' | 'committed', start })
}

/** @throws Fault `cli/usage` where adapters are trained, which `--model-out` cannot write. */
export function demandNoAdapters({ adapters }: Recipe.Recipe): void {
  demand(adapters === undefined, 'cli/usage', () => '--model-out does not work adapters in', {
    hint: 'Adapters.merging does',
  })
}

/** The model with trained weights, as an .onnx file. Adapters are not worked in: their factors are parameters of another program. */
export function trainedModel({ model, compiled, recipe }: Prepared, trained: Recipe.Trained): Uint8Array {
  demandNoAdapters(recipe)
  const values = Recipe.stateFor(compiled.program, trained, compiled)
  const weights = compiled.program.names.parameters.map((name, i) => [name, protoOf(values[i], name)] as const)
  const initializers = new Map([...model.graph.initializers, ...weights])
  return encodeModel({ ...model, graph: { ...model.graph, initializers } })
}
