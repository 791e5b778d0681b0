/**
 * Recipes: training options as data, so that they are written down, sent and checked.
 *
 * Data flow: words or JSON -> Recipe -> with a model -> training program; and Recipe -> the rate of every step.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { allocate, sizeOf, type Tensor, type TensorType } from '../core/tensor.js'
import { compile, type CompileOptions, type Compiled } from '../exact/compile.js'
import { hash } from '../exact/format.js'
import type { Program } from '../exact/program.js'
import type { Model } from '../onnx/graph.js'
import { adapt, isAdapter, type AdapterOptions } from './adapters.js'
import { fixed } from './graft.js'
import { METRICS } from './losses.js'
import { evaluate } from './rates.js'
import type { Recipe } from './recipes/data.js'
import { matching } from './recipes/patterns.js'
import { optimizerOf, scheduleOf } from './recipes/rows.js'
import { from as trainingFrom, type Training, type TrainingOptions } from './training.js'

export { decode, encode, from, type AdapterRecipe, type Recipe, type RecipeInput } from './recipes/data.js'
export {
  OPTIMIZERS,
  RATES,
  type Numbers,
  type NumbersOf,
  type OptimizerRecipe,
  type OptimizerRow,
  type RateRecipe,
  type RateRow,
  type Said,
  type Tagged,
} from './recipes/rows.js'
export { WORDS, fromWords, type Word, type Words, type WordsOptions } from './recipes/words.js'

/** The options that a recipe stands for. Adapters and constants are not among them: they make another model first, see `train`. */
export function options(recipe: Recipe): TrainingOptions {
  return {
    loss: recipe.loss,
    optimizer: optimizerOf(recipe.optimizer, scheduleOf(recipe.rate)),
    output: recipe.output,
    metrics: recipe.metrics?.map((name) => METRICS.get(name)!),
    clipNorm: recipe.clipNorm,
    trainable: trainableOf(recipe),
    running: recipe.running,
  }
}

/** What the patterns say of a name; undefined where they leave it to the rank of the parameter. */
function trainableOf({ trainable, frozen = [], adapters }: Recipe): (name: string) => boolean | undefined {
  const [chosen, left] = [matching(trainable ?? []), matching(frozen)]
  const all = trainable === undefined && adapters === undefined
  return (name) => {
    if (left(name)) return false
    return all ? undefined : chosen(name) || (adapters !== undefined && isAdapter(name))
  }
}

/** What making a training program needs beside model and recipe. */
export interface RecipeOptions {
  /** For a model that is not compiled yet. */
  readonly compile?: CompileOptions
  /** First values of the left factors of adapters (zeros if absent: then adapters do not learn). The program does not depend on them. */
  readonly left?: AdapterOptions['left']
}

const zeros = ({ dtype, dims }: TensorType): Tensor => ({ dtype, dims, data: allocate(dtype, sizeOf(dims)) })

/** The recipe's adapters as options for a model, for `Adapters.merging` after training; undefined where it has none. */
export function adapters(recipe: Recipe, { program }: Compiled, left = zeros as AdapterOptions['left']) {
  if (recipe.adapters === undefined) return undefined
  const { rank, scale, of } = recipe.adapters
  const chosen = matching(of)
  const fits = program.names.parameters.filter((name, i) => program.values[i].dims.length >= 2 && chosen(name))
  const names = new Set(fits)
  return { rank, scale, left, of: (name: string) => names.has(name) } satisfies AdapterOptions
}

/**
 * The training program of a model by a recipe, with its state.
 * @throws Fault `autodiff/nothing-to-train`, `autodiff/no-gradient`, `autodiff/bad-option`, and those of compiling.
 */
export function train(subject: Model | Compiled, recipe: Recipe, { compile: how, left }: RecipeOptions = {}): Training {
  const compiled = 'program' in subject ? subject : compile(subject, how)
  const adapting = adapters(recipe, compiled, left)
  const model = adapting === undefined ? compiled : adapt(compiled, adapting)
  const made = trainingFrom(model, options(recipe))
  return recipe.untrained === undefined ? made : trainingFrom(fixed(model, carriedOf(made)), options(recipe))
}

/** Names of the parameters that a step replaces. */
function carriedOf({ program }: Training): ReadonlySet<string> {
  return new Set(program.carries.map(({ parameter }) => program.names.parameters[parameter]))
}

/**
 * The training program that the recipe makes of the model, after its root was found to be this one: that of a job. The learning rate, the
 * loss and everything else that the recipe says is then what the job demands.
 * @throws Fault `autodiff/wrong-program`, and those of `train`.
 */
export function demandProgram(program: Bytes32, subject: Compiled, recipe: Recipe): Training {
  const made = train(subject, recipe)
  const found = hash(made.program)
  demand(equal(found, program), 'autodiff/wrong-program', () => 'not the program that the recipe makes of the model', {
    expected: toHex(found),
    found: toHex(program),
  })
  return made
}

/** What a run of training ends with. */
export interface Trained {
  /** The training program. */
  readonly program: Program
  readonly state: readonly Tensor[]
}

/**
 * The values of a program's parameters by name: those of the trained state, and the model's own where training held them as constants. For
 * the program of the model, and for that of `Adapters.merging`.
 * @throws Fault `autodiff/bad-option` where neither has a parameter.
 */
export function stateFor(program: Program, trained: Trained, model: Compiled): Tensor[] {
  const values = new Map(model.program.names.parameters.map((name, i) => [name, model.state[i]]))
  trained.program.names.parameters.forEach((name, i) => values.set(name, trained.state[i]))
  return program.names.parameters.map((name) => {
    const value = values.get(name)
    demand(value !== undefined, 'autodiff/bad-option', () => `neither training nor model have a parameter "${name}"`)
    return value
  })
}

/** Most steps whose rates are computed. */
const MOST_STEPS = 2 ** 24

function demandSteps(steps: number): void {
  const fits = Number.isInteger(steps) && steps >= 1 && steps <= MOST_STEPS
  demand(fits, 'autodiff/bad-option', () => 'rates of so many steps', { expected: `1 to ${MOST_STEPS}`, found: steps })
}

/**
 * The learning rates of the first steps, float32, as the training program computes them.
 * @throws Fault `autodiff/bad-option` for no step or more than 2^24. Cost: below a second for a million steps.
 */
export function rates(recipe: Recipe, steps: number): Float32Array {
  demandSteps(steps)
  return evaluate(scheduleOf(recipe.rate), { first: 0, steps })
}

/** A range of learning rates; a bound that is absent does not bind. */
export interface RateBounds {
  readonly least?: number
  readonly most?: number
}

/** Steps that are looked at together. */
const STRETCH = 1 << 16

/**
 * The least and the most rate of the first steps, after all were found to be within the bounds. A bound counts as the nearest float32,
 * which is what a rate is.
 * @throws Fault `autodiff/rate-out-of-bounds` with the first step that breaks them; `autodiff/bad-option`.
 */
export function demandRate(recipe: Recipe, steps: number, bounds: RateBounds = {}): Required<RateBounds> {
  demandSteps(steps)
  const [least, most] = [Math.fround(bounds.least ?? 0), Math.fround(bounds.most ?? Infinity)]
  demand(least <= most, 'autodiff/bad-option', () => `bounds ${bounds.least} to ${bounds.most}`)
  const schedule = scheduleOf(recipe.rate)
  const found = { least: Infinity, most: 0 }
  for (let first = 0; first < steps; first += STRETCH) {
    evaluate(schedule, { first, steps: Math.min(STRETCH, steps - first) }).forEach((rate, i) => {
      demand(rate >= least && rate <= most, 'autodiff/rate-out-of-bounds', () => 'the learning rate', {
        where: `step ${first + i}`,
        expected: `${least} to ${most}`,
        found: rate,
      })
      found.least = Math.min(found.least, rate)
      found.most = Math.max(found.most, rate)
    })
  }
  return Object.freeze(found)
}
