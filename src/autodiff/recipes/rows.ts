/**
 * What a recipe can name: one row for each optimizer and each kind of rate, with its numbers. Types, files and words follow from these tables.
 * @module
 */
import { demand } from '../../core/faults.js'
import { ADAM, adam, adamW, sgd, type Optimizer } from '../optimizers.js'
import { constant, cosine, warmup, type Schedule } from '../rates.js'

/** The numbers of a row by name: what each is where nobody says it, or undefined where it has to be said. */
/** The numbers of a row and what they are where nothing is said; undefined where something must be said. */
export type Numbers<K extends string> = { readonly [N in K]: number | undefined }
/** The numbers of a row, all said. */
export type Said<K extends string> = { readonly [N in K]: number }

/** A row of the table of optimizers. */
export interface OptimizerRow<K extends string> {
  readonly numbers: Numbers<K>
  make(rate: Schedule, numbers: NoInfer<Said<K>>): Optimizer
}

const optimizer = <K extends string>(row: OptimizerRow<K>): OptimizerRow<K> => Object.freeze(row)

/** The optimizers of recipes. @see optimizers.ts for the formulas */
export const OPTIMIZERS = Object.freeze({
  sgd: optimizer({ numbers: { weightDecay: 0 }, make: sgd }),
  momentum: optimizer({ numbers: { momentum: 0.9, weightDecay: 0 }, make: sgd }),
  nesterov: optimizer({
    numbers: { momentum: 0.9, weightDecay: 0 },
    make: (rate, numbers) => sgd(rate, { ...numbers, nesterov: true }),
  }),
  adam: optimizer({ numbers: { ...ADAM, weightDecay: 0 }, make: adam }),
  adamw: optimizer({ numbers: { ...ADAM, weightDecay: 0.01 }, make: adamW }),
})

/** A row of the table of rates. */
export interface RateRow<K extends string> {
  readonly numbers: Numbers<K>
  make(numbers: NoInfer<Said<K>>): Schedule
}

const rate = <K extends string>(row: RateRow<K>): RateRow<K> => Object.freeze(row)

/** A schedule behind a warm-up of some steps, or of none. */
const warmed = (schedule: Schedule, steps: number): Schedule => (steps === 0 ? schedule : warmup(schedule, { steps }))

/** The kinds of rates. @see rates.ts for the formulas */
export const RATES = Object.freeze({
  constant: rate({
    numbers: { rate: undefined, warmUp: 0 },
    make: (numbers) => warmed(constant(numbers.rate), numbers.warmUp),
  }),
  cosine: rate({
    numbers: { rate: undefined, steps: undefined, floor: 0, warmUp: 0 },
    make: (numbers) => warmed(cosine(numbers.rate, numbers), numbers.warmUp),
  }),
})

/** The numbers that a row takes. */
export type NumbersOf<Row> = Row extends { readonly numbers: infer N } ? { readonly [K in keyof N]: number } : never
/** The recipes of a table: the name of a row under a tag, with the row's numbers. */
export type Tagged<Tag extends string, Rows> = {
  [N in keyof Rows]: { readonly [T in Tag]: N } & NumbersOf<Rows[N]>
}[keyof Rows]

/** An optimizer by name, with all of its numbers. */
export type OptimizerRecipe = Tagged<'name', typeof OPTIMIZERS>
/** A learning rate by its kind, with all of its numbers; `warmUp` counts steps, 0 is none. */
export type RateRecipe = Tagged<'kind', typeof RATES>

/** The numbers of a row, whatever row it is. */
export type Row = { readonly numbers: Readonly<Record<string, number | undefined>> }

/** The schedule of a rate. @throws Fault `autodiff/bad-option`. */
export function scheduleOf(recipe: RateRecipe): Schedule {
  const { make } = RATES[recipe.kind] as RateRow<string>
  return make(recipe as unknown as Said<string>)
}

/** The optimizer with this rate. @throws Fault `autodiff/bad-option`. */
export function optimizerOf(recipe: OptimizerRecipe, schedule: Schedule): Optimizer {
  const { name, ...numbers } = recipe
  const { make } = OPTIMIZERS[name] as OptimizerRow<string>
  const made = make(schedule, numbers)
  demand(made.name === name, 'autodiff/bad-option', () => `${name} with these numbers is ${made.name}`)
  return made
}
