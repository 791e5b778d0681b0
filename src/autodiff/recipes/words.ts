/**
 * Recipes in words, as a command line has them.
 * @module
 */
import { demand } from '../../core/faults.js'
import { LOSSES, METRICS } from '../losses.js'
import { from, type Recipe, type RecipeInput } from './data.js'
import { OPTIMIZERS, RATES, type Row } from './rows.js'

/** A word of a command line: what follows it, and what it says. */
export interface Word {
  readonly value: string
  readonly help: string
}

const names = (all: Iterable<string>): string => [...all].join(', ')
const word = (value: string, help: string): Word => Object.freeze({ value, help })

/** All words in the order of a help text; `weightDecay` is written `--weight-decay`. */
export const WORDS = Object.freeze({
  loss: word('name', names(LOSSES.keys())),
  optimizer: word('name', names(Object.keys(OPTIMIZERS))),
  rate: word('number', 'learning rate'),
  schedule: word('kind', `how the rate goes on: ${names(Object.keys(RATES))} (default constant)`),
  scheduleSteps: word('count', 'steps until the schedule ends (default: those of the run)'),
  floor: word('number', 'where the schedule ends (default 0)'),
  warmUp: word('count', 'steps until the rate is reached'),
  momentum: word('number', 'of momentum and nesterov'),
  beta1: word('number', 'of adam and adamw'),
  beta2: word('number', 'of adam and adamw'),
  epsilon: word('number', 'of adam and adamw'),
  weightDecay: word('number', 'of every optimizer; adamw keeps it apart from the gradient'),
  clipNorm: word('number', 'largest common norm of all gradients'),
  output: word('name', 'output of the model that is trained (default: the first)'),
  metrics: word('names', names(METRICS.keys())),
  trainable: word('patterns', 'train these parameters only'),
  frozen: word('patterns', 'do not train these parameters'),
  untrained: word('place', 'constants: what is not trained becomes constants of the program'),
  running: word('pairs', 'parameter=output of the model that becomes its next value'),
  adapters: word('patterns', 'train low-rank adapters of these parameters'),
  adapterRank: word('count', 'rank of the adapters'),
  adapterScale: word('number', 'factor of the adapters (default 1)'),
})

/** The words of a recipe, as text. Lists and pairs are separated by commas. */
export type Words = { readonly [W in keyof typeof WORDS]?: string | undefined }

/** What the words do not say. */
export interface WordsOptions {
  /** Steps of the run: where a schedule ends that does not say it. */
  readonly steps?: number
}

/** What a word is called on a command line. */
const flag = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** Numbers of rows whose word has another name. */
const WORD_OF: Readonly<Record<string, keyof Words>> = { steps: 'scheduleSteps' }
const wordOf = (key: string): keyof Words => WORD_OF[key] ?? (key as keyof Words)

function numberOf(words: Words, key: keyof Words): number | undefined {
  const said = words[key]
  if (said === undefined) return undefined
  const fits = said.length <= 64 && /^\d+(\.\d+)?([eE][+-]?\d+)?$/.test(said)
  demand(fits, 'autodiff/bad-option', () => 'not a number', { where: flag(key), found: said.slice(0, 64) })
  return Number(said)
}

const listOf = (said: string | undefined): readonly string[] | undefined => said?.split(',')

function nameOf<T extends string>(words: Words, key: keyof Words, allowed: Iterable<string>): T {
  const [found, all] = [words[key], [...allowed]]
  const message = () => (found === undefined ? 'nothing is said' : 'no such name')
  demand(found !== undefined && all.includes(found), 'autodiff/bad-option', message, {
    where: flag(key),
    expected: `one of ${all.join(', ')}`,
    found,
  })
  return found as T
}

/** The words of one row. Words that only other rows of the table take are refused. */
function numbersOf(words: Words, rows: Readonly<Record<string, Row>>, name: string): Record<string, number> {
  const own = Object.keys(rows[name].numbers)
  const others = Object.values(rows).flatMap(({ numbers }) => Object.keys(numbers))
  for (const key of others) {
    const fits = own.includes(key) || words[wordOf(key)] === undefined
    const expected = own.map((one) => flag(wordOf(one))).join(', ')
    demand(fits, 'autodiff/bad-option', () => `${name} does not take this`, { where: flag(wordOf(key)), expected })
  }
  const said = own.map((key) => [key, numberOf(words, wordOf(key))] as const)
  return Object.fromEntries(said.filter((entry): entry is [string, number] => entry[1] !== undefined))
}

function rateFrom(words: Words, { steps }: WordsOptions): object {
  const kind = words.schedule === undefined ? 'constant' : nameOf(words, 'schedule', Object.keys(RATES))
  const said = numbersOf(words, RATES, kind)
  const { numbers } = RATES[kind as keyof typeof RATES] as Row
  const given = Object.hasOwn(numbers, 'steps') && steps !== undefined ? { steps, ...said } : said
  for (const key of Object.keys(numbers).filter((one) => numbers[one] === undefined)) {
    const where = flag(wordOf(key))
    demand(Object.hasOwn(given, key), 'autodiff/bad-option', () => `a ${kind} rate needs this`, { where })
  }
  return { kind, ...given }
}

function adaptersFrom(words: Words): RecipeInput['adapters'] {
  const [rank, scale, of] = [numberOf(words, 'adapterRank'), numberOf(words, 'adapterScale'), listOf(words.adapters)]
  if (of === undefined && rank === undefined && scale === undefined) return undefined
  const whole = of !== undefined && rank !== undefined
  demand(whole, 'autodiff/bad-option', () => 'adapters need parameters and a rank', {
    expected: `${flag('adapters')} and ${flag('adapterRank')}`,
  })
  return { of, rank, scale }
}

function runningFrom(said: string | undefined): Readonly<Record<string, string>> | undefined {
  const split = listOf(said)?.map((pair) => pair.split('='))
  if (split === undefined) return undefined
  const fits = split.every((parts) => parts.length === 2) && new Set(split.map(([key]) => key)).size === split.length
  demand(fits, 'autodiff/bad-option', () => 'not pairs', { where: flag('running'), expected: 'parameter=output,...' })
  return Object.fromEntries(split as [string, string][])
}

/**
 * The recipe that the words of a command line say.
 * @throws Fault `autodiff/bad-option` with the word and what it can be.
 * @example Recipe.fromWords({ loss: 'softmax-cross-entropy', optimizer: 'adamw', rate: '1e-3', warmUp: '100' })
 */
export function fromWords(words: Words, options: WordsOptions = {}): Recipe {
  for (const key of Object.keys(words)) {
    const expected = names(Object.keys(WORDS).map(flag))
    demand(Object.hasOwn(WORDS, key), 'autodiff/bad-option', () => 'no such word', { found: flag(key), expected })
  }
  const name = nameOf<keyof typeof OPTIMIZERS>(words, 'optimizer', Object.keys(OPTIMIZERS))
  return from({
    loss: nameOf(words, 'loss', LOSSES.keys()),
    optimizer: { name, ...numbersOf(words, OPTIMIZERS, name) },
    rate: rateFrom(words, options) as RecipeInput['rate'],
    clipNorm: numberOf(words, 'clipNorm'),
    output: words.output,
    metrics: listOf(words.metrics),
    trainable: listOf(words.trainable),
    frozen: listOf(words.frozen),
    untrained: words.untrained as Recipe['untrained'],
    running: runningFrom(words.running),
    adapters: adaptersFrom(words),
  })
}
