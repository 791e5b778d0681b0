/**
 * Recipes as data: how a model is trained, in names and numbers alone, with one canonical text.
 * @module
 */
import { utf8 } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import { decodeJson, encodeJson, list, mapOf, number, optional, record, text } from '../../core/json.js'
import type { Field, Json } from '../../core/json.js'
import { LOSSES, METRICS } from '../losses.js'
import { OPTIMIZERS, RATES, optimizerOf, scheduleOf, type OptimizerRecipe, type RateRecipe, type Row } from './rows.js'

/** Low-rank adapters of a recipe: only they are trained, and what `trainable` names. */
export interface AdapterRecipe {
  readonly rank: number
  readonly scale: number
  /** Patterns; of the parameters that match those with two dimensions or more get an adapter. */
  readonly of: readonly string[]
}

/** How a model is trained, as data: everything that the training program follows from beside the model. Patterns are names in which `*` stands for anything. */
export interface Recipe {
  /** Name of a loss. */
  readonly loss: string
  readonly optimizer: OptimizerRecipe
  readonly rate: RateRecipe
  /** The model's output that is trained; its first if absent. */
  readonly output?: string
  /** Names of metrics. */
  readonly metrics?: readonly string[]
  /** Largest common norm of all gradients. */
  readonly clipNorm?: number
  /** Patterns of the parameters that are trained; if absent all but those of rank 0. */
  readonly trainable?: readonly string[]
  /** Patterns of the parameters that are not trained, whatever `trainable` says. */
  readonly frozen?: readonly string[]
  /** Parameter -> output of the model that becomes its next value. */
  readonly running?: Readonly<Record<string, string>>
  readonly adapters?: AdapterRecipe
  /** `constants`: parameters that no step changes are constants of the training program; if absent they are part of the state. */
  readonly untrained?: 'constants'
}

type Some<T> = T extends { readonly name: infer N }
  ? { readonly name: N } & Partial<Omit<T, 'name'>>
  : T extends { readonly kind: infer K; readonly rate: number }
    ? { readonly kind: K; readonly rate: number } & Partial<Omit<T, 'kind' | 'rate'>>
    : never

/** What `from` takes: numbers that have a default may be left out, an optimizer may be its name, a constant rate its number. */
export interface RecipeInput extends Omit<Recipe, 'optimizer' | 'rate' | 'adapters'> {
  readonly optimizer: OptimizerRecipe['name'] | Some<OptimizerRecipe>
  readonly rate: number | Some<RateRecipe>
  readonly adapters?: Omit<AdapterRecipe, 'scale'> & { readonly scale?: number }
}

/** Numbers beyond these have no place in training, and binary32 would lose them. */
const RANGE = { least: 1e-30, most: 1e30 } as const
const MOST = { name: 1024, patterns: 256, metrics: 16, running: 4096, rank: 1 << 16, bytes: 1 << 20 } as const

/** 0, or a number that binary32 holds well. */
const amount: Field<number> = (value, where) => {
  const found = number(value, where)
  const fits = found === 0 || (found >= RANGE.least && found <= RANGE.most)
  const expected = `0, or ${RANGE.least} to ${RANGE.most}`
  demand(fits, 'autodiff/bad-option', () => 'a number that is none of training', { where, expected, found })
  return found === 0 ? 0 : found
}

/** An amount above 0. */
const positive: Field<number> = (value, where) => {
  const found = amount(value, where)
  demand(found > 0, 'autodiff/bad-option', () => 'not above 0', { where, found })
  return found
}

const rank: Field<number> = (value, where) => {
  const found = number(value, where)
  const fits = Number.isInteger(found) && found >= 1 && found <= MOST.rank
  demand(fits, 'autodiff/bad-option', () => 'rank', { where, expected: `1 to ${MOST.rank}`, found })
  return found
}

/** One of the names of a table. */
function oneOf<T extends string>(names: readonly T[], what: string): Field<T> {
  return (value, where) => {
    const found = text(value, where) as T
    demand(names.includes(found), 'autodiff/bad-option', () => `no ${what} of this name`, {
      where,
      expected: names.join(', '),
      found: found.slice(0, MOST.name),
    })
    return found
  }
}

/** A name of the model, or a pattern. */
const name: Field<string> = (value, where) => {
  const found = text(value, where)
  const fits = found.length >= 1 && found.length <= MOST.name && !/\p{Surrogate}/u.test(found)
  demand(fits, 'autodiff/bad-option', () => `not a name of 1 to ${MOST.name} characters`, { where })
  return found
}

/** A list that is left out where it is empty; nothing stands in it twice. */
function some<T extends string>(field: Field<T>, most: number): Field<readonly T[]> {
  const read = list(field, most)
  return (value, where) => {
    const found = read(value, where)
    demand(found.length > 0, 'core/bad-field', () => 'an empty list is left out', { where })
    demand(new Set(found).size === found.length, 'autodiff/bad-option', () => 'a name stands twice', { where })
    return found
  }
}

/** Names by name, in the order of their keys: one form, whatever order they were given in. */
const pairs: Field<Readonly<Record<string, string>>> = (value, where) => {
  const found = [...mapOf(name, MOST.running)(value, where)]
  demand(found.length > 0, 'core/bad-field', () => 'an empty list is left out', { where })
  for (const [key] of found) name(key, where)
  return Object.freeze(Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1))))
}

const tagOf = (value: Json, tag: string): Json =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, tag) ? (value as Record<string, Json>)[tag] : null

/** A row of a table: its name under `tag`, and exactly its numbers. */
function rowField<T>(tag: string, rows: Readonly<Record<string, Row>>, what: string): Field<T> {
  const named = oneOf(Object.keys(rows), what)
  const fields = new Map(
    Object.entries(rows).map(([key, { numbers }]) => [
      key,
      record({ [tag]: named, ...Object.fromEntries(Object.keys(numbers).map((one) => [one, amount])) }),
    ]),
  )
  return (value, where) => {
    const key = named(tagOf(value, tag), `${where}.${tag}`)
    return fields.get(key)!(value, where) as T
  }
}

const fields = record({
  loss: oneOf([...LOSSES.keys()], 'loss'),
  optimizer: rowField<OptimizerRecipe>('name', OPTIMIZERS, 'optimizer'),
  rate: rowField<RateRecipe>('kind', RATES, 'kind of rate'),
  output: optional(name),
  metrics: optional(some(oneOf([...METRICS.keys()], 'metric'), MOST.metrics)),
  clipNorm: optional(positive),
  trainable: optional(some(name, MOST.patterns)),
  frozen: optional(some(name, MOST.patterns)),
  running: optional(pairs),
  adapters: optional(record({ rank, scale: positive, of: some(name, MOST.patterns) })),
  untrained: optional(oneOf(['constants'], 'place for what is not trained')),
})

/** Every field as a file states it; what is absent has no key. */
function read(value: Json): Recipe {
  const recipe = Object.freeze(present(fields(value, 'recipe'))) as unknown as Recipe
  optimizerOf(recipe.optimizer, scheduleOf(recipe.rate)) // they know the ranges of their own numbers
  return recipe
}

const present = (value: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined))

const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

/** The given numbers, and the row's own where none is given. */
function withDefaults(given: object, rows: Readonly<Record<string, Row>>, tag: string): object {
  const key = tagOf(given as Json, tag)
  const row = typeof key === 'string' && Object.hasOwn(rows, key) ? rows[key] : undefined
  return { ...present(row?.numbers ?? {}), ...present(given) }
}

const objectOf = (value: unknown, key: string): object =>
  typeof value === 'object' && value !== null ? value : { [key]: value }

/**
 * A recipe, checked, complete and frozen.
 * @throws Fault `autodiff/bad-option` for names that no table has and numbers out of their range; `core/unknown-field`,
 * `core/missing-field`, `core/bad-field`.
 * @example Recipe.from({ loss: 'softmax-cross-entropy', optimizer: 'adamw', rate: { kind: 'cosine', rate: 1e-3, steps: 1000 } })
 */
export function from(input: RecipeInput): Recipe {
  const { optimizer, rate, adapters, ...rest } = input
  const named = objectOf(optimizer, 'name')
  const rated = typeof rate === 'number' ? { kind: 'constant', rate } : objectOf(rate, 'kind')
  return read({
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => !isEmpty(value))),
    optimizer: withDefaults(named, OPTIMIZERS, 'name'),
    rate: withDefaults(rated, RATES, 'kind'),
    ...(adapters === undefined ? {} : { adapters: { scale: 1, ...present(adapters) } }),
  } as unknown as Json)
}

const HEADER = { format: 'recipe', version: 1 } as const

/** Canonical JSON: RFC 8785, numbers as ECMAScript prints them, every number of optimizer and rate stated. */
export function encode(recipe: Recipe): Uint8Array {
  return utf8(encodeJson({ ...HEADER, ...read(present(recipe) as Record<string, Json>) } as unknown as Json))
}

/**
 * A recipe from its canonical JSON, at most 1 MiB: the bytes that `encode` writes, and no others.
 * @throws Fault `core/too-large`, `core/bad-json`, `core/duplicate-key`, `core/unknown-version`, and those of `from`.
 */
export function decode(bytes: Uint8Array): Recipe {
  const json = decodeJson(bytes, { maxBytes: MOST.bytes })
  demand(tagOf(json, 'format') === HEADER.format, 'core/bad-field', () => 'another kind of file', {
    where: 'recipe.format',
    expected: HEADER.format,
  })
  demand(tagOf(json, 'version') === HEADER.version, 'core/unknown-version', () => 'written by another release', {
    where: 'recipe.version',
    expected: HEADER.version,
  })
  return read(Object.fromEntries(Object.entries(json as object).filter(([key]) => !Object.hasOwn(HEADER, key))))
}
