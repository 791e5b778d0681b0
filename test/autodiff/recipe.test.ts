import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { adapt, merging } from '../../src/autodiff/adapters.js'
import { LOSSES, accuracy } from '../../src/autodiff/losses.js'
import * as Optimizer from '../../src/autodiff/optimizers.js'
import * as LearningRate from '../../src/autodiff/rates.js'
import * as Recipe from '../../src/autodiff/recipe.js'
import { matching } from '../../src/autodiff/recipes/patterns.js'
import * as Training from '../../src/autodiff/training.js'
import { toHex, utf8 } from '../../src/core/bytes.js'
import { encodeJson, type Json } from '../../src/core/json.js'
import { tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { hash } from '../../src/exact/format.js'
import { reference } from '../../src/runtime/reference.js'
import { codeOf } from '../data/samples.js'
import { mlp, normalised, scaledMlp, transformer, weights } from './networks.js'

const plain: Recipe.RecipeInput = { loss: 'softmax-cross-entropy', optimizer: 'sgd', rate: 0.1 }
const full: Recipe.RecipeInput = {
  loss: 'softmax-cross-entropy',
  optimizer: { name: 'adamw', beta1: 0.95, weightDecay: 0.05 },
  rate: { kind: 'cosine', rate: 1e-3, steps: 500, warmUp: 20 },
  output: 'y',
  metrics: ['accuracy'],
  clipNorm: 1,
  trainable: ['w*', 'b2'],
  frozen: ['w1'],
  running: { second: 'b', first: 'a' },
  adapters: { rank: 4, of: ['w*'] },
  untrained: 'constants',
}
const textOf = (recipe: Recipe.Recipe): string => new TextDecoder().decode(Recipe.encode(recipe))
const jsonOf = (recipe: Recipe.Recipe) => JSON.parse(textOf(recipe)) as Record<string, Json>

describe('a recipe', () => {
  test('has one canonical text, which states every number', () => {
    expect(textOf(Recipe.from(full))).toBe(
      '{"adapters":{"of":["w*"],"rank":4,"scale":1},"clipNorm":1,"format":"recipe","frozen":["w1"],' +
        '"loss":"softmax-cross-entropy","metrics":["accuracy"],' +
        '"optimizer":{"beta1":0.95,"beta2":0.999,"epsilon":1e-8,"name":"adamw","weightDecay":0.05},"output":"y",' +
        '"rate":{"floor":0,"kind":"cosine","rate":0.001,"steps":500,"warmUp":20},"running":{"first":"a","second":"b"},' +
        '"trainable":["w*","b2"],"untrained":"constants","version":1}',
    )
    expect(textOf(Recipe.from({ ...plain, rate: -0 }))).toBe(
      '{"format":"recipe","loss":"softmax-cross-entropy","optimizer":{"name":"sgd","weightDecay":0},' +
        '"rate":{"kind":"constant","rate":0,"warmUp":0},"version":1}',
    )
  })

  test('is the same whatever order and shorthand it was given in', () => {
    const { rate, ...rest } = plain
    const given = {
      running: { first: 'a', second: 'b' },
      metrics: [],
      output: undefined,
      rate: { rate, kind: 'constant' },
    }
    const other = Recipe.from({ ...given, ...rest, optimizer: { weightDecay: 0, name: 'sgd' } } as Recipe.RecipeInput)
    expect(textOf(other)).toBe(textOf(Recipe.from({ ...plain, running: { second: 'b', first: 'a' } })))
    expect(Object.keys(other.running!)).toEqual(['first', 'second'])
  })

  test('is frozen all through', () => {
    const recipe = Recipe.from(full)
    const parts = [recipe, recipe.optimizer, recipe.rate, recipe.trainable, recipe.running, recipe.adapters]
    expect(parts.every((part) => Object.isFrozen(part))).toBe(true)
    expect(Object.isFrozen(recipe.adapters!.of)).toBe(true)
  })

  test('of every loss, optimizer and kind of rate survives its text', () => {
    const amounts = fc.oneof(fc.constant(0), fc.double({ min: 1e-30, max: 1e30, noNaN: true }))
    for (const name of Object.keys(Recipe.OPTIMIZERS) as Recipe.OptimizerRecipe['name'][]) {
      for (const kind of Object.keys(Recipe.RATES) as Recipe.RateRecipe['kind'][]) {
        fc.assert(
          fc.property(
            fc.constantFrom(...LOSSES.keys()),
            amounts,
            fc.nat(1000),
            amounts,
            (loss, rate, warmUp, weightDecay) => {
              const ending = kind === 'cosine' ? { steps: warmUp + 1, floor: rate } : {}
              const rated = { kind, rate, warmUp, ...ending } as Recipe.RateRecipe
              const recipe = Recipe.from({ loss, optimizer: { name, weightDecay }, rate: rated })
              const bytes = Recipe.encode(recipe)
              expect(Recipe.decode(bytes)).toEqual(recipe)
              expect(toHex(Recipe.encode(Recipe.decode(bytes)))).toBe(toHex(bytes))
              expect(Recipe.options(recipe).optimizer.name).toBe(name)
            },
          ),
          { numRuns: 20 },
        )
      }
    }
  })

  test.each<[string, Partial<Record<keyof Recipe.RecipeInput, unknown>>]>([
    ['another loss', { loss: 'hinge' }],
    ['the name of an inherited property as a loss', { loss: 'toString' }],
    ['another optimizer', { optimizer: 'lion' }],
    ['the name of an inherited property as an optimizer', { optimizer: 'constructor' }],
    ['another kind of rate', { rate: { kind: 'step', rate: 1 } }],
    ['a rate that is not a number', { rate: NaN }],
    ['a rate without end', { rate: Infinity }],
    ['a negative rate', { rate: -1e-3 }],
    ['a rate that binary32 does not hold', { rate: 1e39 }],
    ['a rate too small for binary32', { rate: 1e-46 }],
    ['a cosine over no steps', { rate: { kind: 'cosine', rate: 1, steps: 0 } }],
    ['a cosine over half a step', { rate: { kind: 'cosine', rate: 1, steps: 0.5 } }],
    ['a warm-up of half a step', { rate: { kind: 'constant', rate: 1, warmUp: 0.5 } }],
    ['momentum of 1', { optimizer: { name: 'momentum', momentum: 1 } }],
    ['momentum without momentum', { optimizer: { name: 'momentum', momentum: 0 } }],
    ['Nesterov without momentum', { optimizer: { name: 'nesterov', momentum: 0 } }],
    ['an epsilon of 0', { optimizer: { name: 'adam', epsilon: 0 } }],
    ['a norm of 0', { clipNorm: 0 }],
    ['adapters of rank 0', { adapters: { rank: 0, of: ['w*'] } }],
    ['adapters of rank 2^53', { adapters: { rank: 2 ** 53, of: ['w*'] } }],
    ['adapters that are scaled by 0', { adapters: { rank: 1, scale: 0, of: ['w*'] } }],
    ['a pattern without characters', { trainable: [''] }],
    ['a pattern of a megabyte', { trainable: ['x'.repeat(60000)] }],
    ['a lone surrogate', { frozen: ['\ud800'] }],
    ['a pattern twice', { frozen: ['a', 'a'] }],
    ['another metric', { metrics: ['loss'] }],
    ['a metric twice', { metrics: ['accuracy', 'accuracy'] }],
    ['another place for what is not trained', { untrained: 'state' }],
  ])('with %s is refused', (_, change) => {
    expect(codeOf(() => Recipe.from({ ...plain, ...change } as Recipe.RecipeInput))).toBe('autodiff/bad-option')
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['a field of its own', { seed: 1 }, 'core/unknown-field'],
    ['a number of another optimizer', { optimizer: { name: 'sgd', beta1: 0.9, weightDecay: 0 } }, 'core/unknown-field'],
    ['a number too few', { optimizer: { name: 'adam', beta1: 0.9 } }, 'core/missing-field'],
    ['a number as text', { optimizer: { name: 'sgd', weightDecay: '0' } }, 'core/bad-field'],
    ['an optimizer that is a list', { optimizer: ['sgd'] }, 'core/bad-field'],
    ['an empty list', { trainable: [] }, 'core/bad-field'],
    ['an empty object', { running: {} }, 'core/bad-field'],
    ['a list in the place of names', { running: ['a'] }, 'core/bad-field'],
    ['too many patterns', { frozen: Array.from({ length: 300 }, (_, i) => `p${i}`) }, 'core/too-large'],
    ['another format', { format: 'job' }, 'core/bad-field'],
    ['another version', { version: 2 }, 'core/unknown-version'],
    ['no loss', { loss: undefined }, 'core/missing-field'],
    ['a loss that is null', { loss: null }, 'core/bad-field'],
  ])('file with %s is refused', (_, change, code) => {
    const { loss, ...rest } = { ...jsonOf(Recipe.from(plain)), ...change } as Record<string, Json>
    const json = loss === undefined ? rest : { loss, ...rest }
    expect(codeOf(() => Recipe.decode(utf8(encodeJson(json))))).toBe(code)
  })

  test.each([
    ['white space', '{"format": "recipe"}', 'core/bad-json'],
    ['a number in another form', textOf(Recipe.from(plain)).replace('0.1', '1e-1'), 'core/bad-json'],
    ['a negative zero', textOf(Recipe.from(plain)).replace('"warmUp":0', '"warmUp":-0'), 'core/bad-json'],
    ['a number beyond binary64', textOf(Recipe.from(plain)).replace('0.1', '1e400'), 'core/bad-json'],
    ['a key twice', textOf(Recipe.from(plain)).replace('"version":1', '"version":1,"version":1'), 'core/duplicate-key'],
    ['a list', '[]', 'core/bad-field'],
    ['a prototype', textOf(Recipe.from(plain)).replace('{', '{"__proto__":{},'), 'core/unknown-field'],
    ['two megabytes', ' '.repeat(1 << 21), 'core/too-large'],
  ])('text with %s is refused', (_, text, code) => {
    expect(codeOf(() => Recipe.decode(utf8(text)))).toBe(code)
  })
})

describe('words', () => {
  const said = { loss: 'mean-squared-error', optimizer: 'adamw', rate: '1e-3' }

  test('say what a recipe says', () => {
    const words = { ...said, schedule: 'cosine', warmUp: '100', weightDecay: '0.01', clipNorm: '1' }
    const rest = { metrics: 'accuracy', trainable: 'fc.*,head', running: 'm=n,v=w', adapters: 'fc.*', adapterRank: '8' }
    expect(Recipe.fromWords({ ...words, ...rest }, { steps: 2000 })).toEqual(
      Recipe.from({
        loss: 'mean-squared-error',
        optimizer: { name: 'adamw', weightDecay: 0.01 },
        rate: { kind: 'cosine', rate: 0.001, steps: 2000, warmUp: 100 },
        clipNorm: 1,
        metrics: ['accuracy'],
        trainable: ['fc.*', 'head'],
        running: { m: 'n', v: 'w' },
        adapters: { rank: 8, of: ['fc.*'] },
      }),
    )
  })

  test('reach every optimizer, loss and kind of rate with all of their numbers', () => {
    const value = { rate: '0.5', scheduleSteps: '9', floor: '0.25', warmUp: '3' } as Record<string, string>
    for (const loss of LOSSES.keys())
      for (const [optimizer, { numbers }] of Object.entries(Recipe.OPTIMIZERS))
        for (const [schedule, row] of Object.entries(Recipe.RATES)) {
          const own = Object.fromEntries(Object.keys(numbers).map((key) => [key, '0.125']))
          const keys = Object.keys(row.numbers).map((key) => (key === 'steps' ? 'scheduleSteps' : key))
          const rated = Object.fromEntries(keys.map((key) => [key, value[key]]))
          const recipe = Recipe.fromWords({ loss, optimizer, schedule, ...own, ...rated })
          expect(Object.keys({ ...own, ...rated }).filter((key) => !Object.hasOwn(Recipe.WORDS, key))).toEqual([])
          expect(Object.values(recipe.optimizer).filter((one) => one === 0.125)).toHaveLength(Object.keys(own).length)
          expect(recipe.rate).toMatchObject({ kind: schedule, rate: 0.5, warmUp: 3 })
          expect(Recipe.decode(Recipe.encode(recipe))).toEqual(recipe)
        }
  })

  test.each<[string, Recipe.Words, RegExp]>([
    ['no loss', { ...said, loss: undefined }, /--loss.*softmax-cross-entropy, .*mean-squared-error/],
    ['another loss', { ...said, loss: 'mse' }, /--loss.*one of .*mean-squared-error.*found mse/],
    ['no optimizer', { ...said, optimizer: undefined }, /--optimizer.*sgd, momentum, nesterov, adam, adamw/],
    ['no rate', { ...said, rate: undefined }, /--rate/],
    ['a rate of 1/2', { ...said, rate: '1/2' }, /--rate.*1\/2/],
    ['a hexadecimal rate', { ...said, rate: '0x1' }, /--rate/],
    ['another schedule', { ...said, schedule: 'linear' }, /--schedule.*constant, cosine/],
    ['a cosine without end', { ...said, schedule: 'cosine' }, /--schedule-steps/],
    ['a floor of a constant rate', { ...said, floor: '0' }, /constant does not take this.*--floor.*--rate, --warm-up/],
    ['beta1 of sgd', { ...said, optimizer: 'sgd', beta1: '0' }, /sgd does not take this.*--beta1.*--weight-decay/],
    ['adapters without a rank', { ...said, adapters: '*' }, /--adapter-rank/],
    ['running without outputs', { ...said, running: 'a' }, /--running/],
    ['running to two outputs', { ...said, running: 'a=b,a=c' }, /--running/],
    ['a word of its own', { ...said, seed: '1' } as Recipe.Words, /--seed/],
  ])('with %s are refused by what is possible', (_, words, message) => {
    const made = () => Recipe.fromWords(words)
    expect(codeOf(made)).toBe('autodiff/bad-option')
    expect(made).toThrow(message)
  })
})

test('a star stands for anything, everything else for itself, as in a regular expression', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 7 })
  fc.assert(
    fc.property(letters, letters, (pattern, name) => {
      const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replace(/\*+/g, '[^]*')}$`)
      expect(matching([pattern])(name)).toBe(expression.test(name))
    }),
    { numRuns: 2000 },
  )
  expect(matching([`${'*a'.repeat(400)}*b`])('a'.repeat(1000))).toBe(false)
})

describe('the training program of a recipe', () => {
  const rootOf = ({ program }: Training.Training) => toHex(hash(program))

  test('is the one that the options make', () => {
    const network = transformer()
    const input: Recipe.RecipeInput = {
      loss: 'softmax-cross-entropy',
      optimizer: { name: 'adam', beta2: 0.99, weightDecay: 0.001 },
      rate: { kind: 'cosine', rate: 0.01, steps: 50, floor: 0.001, warmUp: 5 },
      metrics: ['accuracy'],
      clipNorm: 2,
      frozen: ['mask'],
    }
    const rate = LearningRate.warmup(LearningRate.cosine(0.01, { steps: 50, floor: 0.001 }), { steps: 5 })
    const options: Training.TrainingOptions = {
      loss: 'softmax-cross-entropy',
      optimizer: Optimizer.adam(rate, { beta2: 0.99, weightDecay: 0.001 }),
      metrics: [accuracy],
      clipNorm: 2,
      trainable: (name) => name !== 'mask',
    }
    expect(rootOf(Recipe.train(network.compiled, Recipe.from(input)))).toBe(
      rootOf(Training.from(network.compiled, options)),
    )
  })

  test('leaves parameters of rank 0 alone where nothing names them', () => {
    const { compiled } = scaledMlp()
    const trained = (change: Partial<Recipe.RecipeInput>) =>
      Recipe.train(compiled, Recipe.from({ ...plain, ...change })).trained
    expect(trained({})).toEqual(['w1'])
    expect(trained({ frozen: ['nothing'] })).toEqual(['w1'])
    expect(trained({ trainable: ['*'] })).toEqual(['w1', 'factor'])
    expect(trained({ trainable: ['*'], frozen: ['w*'] })).toEqual(['factor'])
  })

  test('carries running statistics', () => {
    const running = { variance: 'variance_next', mean: 'mean_next' }
    const { program } = Recipe.train(normalised().compiled, Recipe.from({ ...plain, running }))
    const carried = program.carries.map(({ parameter }) => program.names.parameters[parameter])
    expect(carried).toEqual(['w', 'scale', 'bias', 'mean', 'variance'])
  })

  test('trains adapters, and of the model only what is named', () => {
    const { compiled } = mlp()
    const recipe = Recipe.from({ ...plain, adapters: { rank: 2, scale: 0.5, of: ['*1'] }, trainable: ['b2'] })
    const left = () => weights([8, 2], 0.5)
    const made = Recipe.train(compiled, recipe, { left })
    expect(made.trained).toEqual(['b2', 'left of w1', 'right of w1'])
    const adapted = adapt(compiled, { rank: 2, scale: 0.5, of: (name) => name === 'w1', left })
    const options = { ...Recipe.options(recipe), trainable: (name: string) => made.trained.includes(name) }
    expect(rootOf(made)).toBe(rootOf(Training.from(adapted, options)))
    expect(made.state[4]).toEqual(left())
  })

  test('with constants computes what it computes with frozen parameters', async () => {
    for (const network of [scaledMlp(), mlp()]) {
      const recipe: Recipe.RecipeInput = { ...plain, optimizer: 'adam', frozen: ['b1'] }
      const [held, fixed] = [recipe, { ...recipe, untrained: 'constants' as const }].map((input) =>
        Recipe.train(network.compiled, Recipe.from(input)),
      )
      expect(fixed.trained).toEqual(held.trained)
      expect(fixed.program.names.parameters).toEqual(
        held.program.names.parameters.filter((name) => !['factor', 'b1'].includes(name)),
      )
      const losses = async ({ program, state }: Training.Training) => {
        const session = await reference().open(program, state)
        const found = []
        for (let step = 0; step < 3; step++) {
          const inputs = [...network.inputs, network.labels, tensor('int64', [], [BigInt(step)])]
          found.push((await session.step(inputs)).outputs[0].data[0])
        }
        return found
      }
      expect(await losses(fixed)).toEqual(await losses(held))
    }
  })

  test('of adapters on constants ends with a state of the plain model that computes the same', async () => {
    const network = mlp()
    const { compiled } = network
    const recipe = Recipe.from({ ...plain, adapters: { rank: 2, of: ['*'] }, untrained: 'constants' })
    const { program, state } = Recipe.train(compiled, recipe, { left: ({ dims }) => weights(dims, 0.5, 9) })
    expect(program.names.parameters).toEqual(['left of w1', 'right of w1', 'left of w2', 'right of w2'])
    const session = await reference().open(program, state)
    const losses: number[] = []
    for (let step = 0; step < 10; step++) {
      const inputs = [...network.inputs, network.labels, tensor('int64', [], [BigInt(step)])]
      losses.push(Number((await session.step(inputs)).outputs[0].data[0]))
    }
    const merged = merging(compiled, Recipe.adapters(recipe, compiled)!)
    const trained = { program, state: session.state }
    const given = Recipe.stateFor(merged, trained, compiled)
    const tuned = (await (await reference().open(merged, given)).step([])).outputs
    const same = { program: compiled.program, state: tuned, bound: compiled.bound }
    const next = Training.from(same, { loss: 'softmax-cross-entropy', optimizer: Optimizer.sgd(0.1) })
    const after = await reference().open(next.program, next.state)
    const { outputs } = await after.step([...network.inputs, network.labels, tensor('int64', [], [10n])])
    const [goneOn] = (await session.step([...network.inputs, network.labels, tensor('int64', [], [10n])])).outputs
    expect(outputs[0]).toEqual(goneOn)
    expect(Number(goneOn.data[0])).toBeLessThan(losses[0])
    const other = Recipe.train(transformer().compiled, Recipe.from(plain)).program
    expect(codeOf(() => Recipe.stateFor(other, trained, compiled))).toBe('autodiff/bad-option')
  })

  test('is demanded by its root; another rate, loss or model is refused', () => {
    const { compiled } = mlp()
    const recipe = Recipe.from(plain)
    const { program } = Recipe.train(compiled, recipe)
    expect(toHex(hash(Recipe.demandProgram(hash(program), compiled, recipe).program))).toBe(toHex(hash(program)))
    const demanded = (model: typeof compiled, input: Recipe.RecipeInput) =>
      codeOf(() => Recipe.demandProgram(hash(program), model, Recipe.from(input)))
    expect(demanded(compiled, { ...plain, rate: 0.1000001 })).toBe('autodiff/wrong-program')
    expect(demanded(compiled, { ...plain, metrics: ['accuracy'] })).toBe('autodiff/wrong-program')
    expect(demanded(compiled, { ...plain, untrained: 'constants', frozen: ['b1'] })).toBe('autodiff/wrong-program')
    expect(demanded(scaledMlp().compiled, plain)).toBe('autodiff/wrong-program')
  })
})

describe('the rates of a recipe', () => {
  const cosine = Recipe.from({ ...plain, rate: { kind: 'cosine', rate: 0.1, steps: 40000, floor: 0.01, warmUp: 7 } })

  test('are those that the graph of a step computes', async () => {
    const b = new Builder()
    const step = b.cast(b.input('step', { dtype: 'int64', dims: [] }), 'float32')
    const schedule = LearningRate.warmup(LearningRate.cosine(0.1, { steps: 40000, floor: 0.01 }), { steps: 7 })
    const { program } = b.finish({ outputs: [['rate', schedule(b, step)]] })
    const session = await reference().open(program, [])
    const found = Recipe.rates(cosine, 40010)
    expect(found).toHaveLength(40010)
    for (const at of [0, 1, 5, 6, 7, 8, 1000, 16383, 16384, 20000, 32768, 39999, 40000, 40009]) {
      const { outputs } = await session.step([tensor('int64', [], [BigInt(at)])])
      expect(found[at], `step ${at}`).toBe(outputs[0].data[0])
    }
  })

  test('of a constant are that number in float32', () => {
    expect([...Recipe.rates(Recipe.from({ ...plain, rate: 0.3 }), 3)]).toEqual(Array(3).fill(Math.fround(0.3)))
  })

  test('are demanded to be within bounds; the first step that breaks them is named', () => {
    const range = Recipe.demandRate(cosine, 50000, { least: 0.01, most: 0.1 })
    const all = Recipe.rates(cosine, 50000)
    expect(range).toEqual({
      least: Math.min(...all.slice(0, 10), ...all.slice(-10)),
      most: all.reduce((a, b) => Math.max(a, b)),
    })
    const broken = (bounds: Recipe.RateBounds) => () => Recipe.demandRate(cosine, 50000, bounds)
    const [least, most] = [0.012, 0.0999]
    const [low, high] = [
      all.findIndex((rate) => rate < Math.fround(0.09)),
      all.findIndex((rate) => rate > Math.fround(most)),
    ]
    expect(low).toBe(0)
    expect(broken({ most })).toThrow(new RegExp(`rate-out-of-bounds.*at step ${high};`))
    expect(codeOf(broken({ most }))).toBe('autodiff/rate-out-of-bounds')
    const falling = Recipe.from({ ...plain, rate: { kind: 'cosine', rate: 0.1, steps: 40000 } })
    const first = Recipe.rates(falling, 50000).findIndex((rate) => rate < Math.fround(least))
    expect(first).toBeGreaterThan(20000)
    expect(() => Recipe.demandRate(falling, 50000, { least })).toThrow(new RegExp(`at step ${first};`))
    expect(Recipe.demandRate(falling, first, { least }).least).toBeGreaterThanOrEqual(Math.fround(least))
  })

  test('count a bound as the float32 that it is nearest to', () => {
    const constant = Recipe.from({ ...plain, rate: 0.1 })
    expect(Math.fround(0.1)).toBeGreaterThan(0.1)
    expect(Recipe.demandRate(constant, 1, { least: 0.1, most: 0.1 })).toEqual({
      least: Math.fround(0.1),
      most: Math.fround(0.1),
    })
  })

  test.each([0, -1, 0.5, NaN, 2 ** 24 + 1])('of %d steps are refused', (steps) => {
    expect(codeOf(() => Recipe.rates(cosine, steps))).toBe('autodiff/bad-option')
    expect(codeOf(() => Recipe.demandRate(cosine, steps))).toBe('autodiff/bad-option')
  })

  test('with bounds that exclude everything are refused', () => {
    expect(codeOf(() => Recipe.demandRate(cosine, 1, { least: 2, most: 1 }))).toBe('autodiff/bad-option')
    expect(codeOf(() => Recipe.demandRate(cosine, 1, { least: NaN }))).toBe('autodiff/bad-option')
  })
})
