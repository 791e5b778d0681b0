import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAdapter } from '../../src/autodiff/adapters.js'
import * as Recipe from '../../src/autodiff/recipe.js'
import { toHex } from '../../src/core/bytes.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import * as Initial from '../../src/data/initial.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import type { Compiled } from '../../src/exact/compile.js'
import { decode, encode } from '../../src/exact/format.js'
import { parametersOf, type Program } from '../../src/exact/program.js'
import type { Attribute, Node } from '../../src/onnx/graph.js'
import { reference } from '../../src/runtime/reference.js'
import { cnn, lstm, mlp, network, normalised, scaledMlp, transformer, weights } from '../autodiff/networks.js'
import { node } from '../onnx/build.js'
import { codeOf, fill } from './samples.js'

const input: Recipe.RecipeInput = { loss: 'softmax-cross-entropy', optimizer: 'adam', rate: 0.01 }
const trained = (compiled: Compiled, change: Partial<Recipe.RecipeInput> = {}) =>
  Recipe.train(compiled, Recipe.from({ ...input, ...change }))
const { ONES, ZEROS, glorot, he, uniform } = Initial
const ints = (...value: number[]): Attribute => ({ kind: 'ints', value: value.map(BigInt) })
const int = (value: number): Attribute => ({ kind: 'int', value: BigInt(value) })

/** Rules by name, without those of the optimizer's tensors, which are all zeros. */
function byName(program: Program, options?: Initial.RulesOptions): Record<string, Initial.Rule> {
  const { parameters } = program.names
  const rules = Initial.rulesFor(program, options).map((rule, i) => [parameters[i], rule] as const)
  const [slots, own] = [
    rules.filter(([name]) => name.includes(' of ')),
    rules.filter(([name]) => !name.includes(' of ')),
  ]
  for (const [name, rule] of slots) if (!name.startsWith('left')) expect(rule, name).toEqual(ZEROS)
  return Object.fromEntries(own)
}

describe('the rules of', () => {
  test('a multilayer perceptron: he before the rectifier, glorot before the loss, whichever way the weights stand', () => {
    expect(byName(trained(mlp().compiled).program)).toEqual({
      w1: he({ in: 6, out: 8 }),
      b1: ZEROS,
      w2: glorot({ in: 8, out: 4 }),
      b2: ZEROS,
    })
  })

  test('a convolutional network: kernels count, normalisations begin as the identity, a rectifier is found behind them', () => {
    expect(byName(trained(cnn().compiled).program)).toEqual({
      w1: he({ in: 9, out: 36 }),
      b1: ZEROS,
      w2: he({ in: 18, out: 54 }),
      scale: ONES,
      bias: ZEROS,
      mean: ZEROS,
      variance: ONES,
      w3: glorot({ in: 6, out: 3 }),
    })
  })

  test('an LSTM: each matrix of all gates by its own fans', () => {
    expect(byName(trained(lstm().compiled).program)).toEqual({
      w: glorot({ in: 3, out: 16 }),
      r: glorot({ in: 4, out: 16 }),
      b: ZEROS,
      wo: glorot({ in: 4, out: 3 }),
    })
  })

  test('a transformer: tables by their width, positions nothing at first, the mask kept as a constant', () => {
    const { program } = trained(transformer().compiled, { frozen: ['mask'], untrained: 'constants' })
    const square = glorot({ in: 4, out: 4 })
    expect(byName(program)).toEqual({
      table: uniform(3, 4),
      positions: ZEROS,
      ...{ s1: ONES, t1: ZEROS, wq: square, wk: square, wv: square, wo: square, s2: ONES, t2: ZEROS },
      w1: glorot({ in: 4, out: 8 }),
      w2: glorot({ in: 8, out: 4 }),
      head: glorot({ in: 4, out: 7 }),
    })
  })

  test('running statistics: mean 0 and variance 1', () => {
    const running = { mean: 'mean_next', variance: 'variance_next' }
    const { mean, variance } = byName(trained(normalised().compiled, { running }).program)
    expect([mean, variance]).toEqual([ZEROS, ONES])
  })

  test('adapters of a model of constants: left factors glorot, right factors zeros', () => {
    const { program } = trained(mlp().compiled, { adapters: { rank: 2, of: ['w*'] }, untrained: 'constants' })
    const rules = Initial.rulesFor(program)
    const factors = program.names.parameters
      .map((name, i) => [name, rules[i]] as const)
      .filter(([name]) => isAdapter(name))
    expect(Object.fromEntries(factors)).toEqual({
      'left of w1': glorot({ in: 2, out: 8 }),
      'right of w1': ZEROS,
      'left of w2': glorot({ in: 2, out: 8 }),
      'right of w2': ZEROS,
    })
  })

  test('a model that is not trained are those of its training program', () => {
    for (const { compiled } of [mlp(), cnn(), lstm(), transformer()]) {
      expect(byName(compiled.program)).toEqual(byName(trained(compiled).program))
    }
  })

  test('a program from its bytes are the same: nothing else is read', () => {
    const { program } = trained(cnn().compiled)
    expect(toHex(Initial.hash(Initial.rulesFor(decode(encode(program)))))).toBe(
      toHex(Initial.hash(Initial.rulesFor(program))),
    )
  })
})

describe('one parameter', () => {
  /** The use of p in a model of x, p and the weights w. */
  function useOf(p: Tensor, nodes: Node[], input = weights([2, 6], 1)): Initial.Use {
    const parameters = { p, w: weights([6, 4], 1) }
    const { program } = network({ nodes, parameters, input, labels: tensor('int64', [1], [0n]) }).compiled
    return Initial.usesOf(program)[program.names.parameters.indexOf('p')]
  }

  test.each<[string, Initial.Use['kind'], Tensor, Node[]]>([
    ['scales where it divides', 'scale', weights([6], 1), [node('Div(x, p) -> y')]],
    ['shifts where it is taken away', 'shift', weights([6], 1), [node('Sub(x, p) -> y')]],
    [
      'shifts where it stands beside the data',
      'shift',
      weights([1, 6], 1),
      [node('Concat(p, x) -> y', { axis: int(0) })],
    ],
    ['is a slope in a PRelu', 'slope', weights([6], 1), [node('PRelu(x, p) -> y')]],
    [
      'scales where it is spread over weights',
      'scale',
      weights([1, 4], 1),
      [node('Mul(w, p) -> v'), node('MatMul(x, v) -> y')],
    ],
    [
      'is a factor where weights follow from it',
      'product',
      weights([6, 4], 1),
      [node('Mul(w, p) -> v'), node('MatMul(x, v) -> y')],
    ],
    ['scales behind a root', 'scale', weights([6], 1), [node('Sqrt(p) -> r'), node('Mul(x, r) -> y')]],
    ['has no use where data is compared with it', 'other', weights([6], 1), [node('Max(x, p) -> y')]],
  ])('%s', (_, kind, p, nodes) => {
    expect(useOf(p, nodes).kind).toBe(kind)
  })

  test('that is a table and weights of a head counts as a table', () => {
    const turned = node('Transpose(p) -> t', { perm: ints(1, 0) })
    const nodes = [node('Gather(p, x) -> e'), turned, node('MatMul(e, t) -> y')]
    expect(useOf(weights([5, 6], 1), nodes, tensor('int64', [2], [1n, 0n]))).toEqual({ kind: 'table', width: 6 })
  })

  test('has the fans of the product, however it was transposed and reshaped before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        (rows, columns, turned) => {
          const b = new Builder()
          const x = b.input('x', { dtype: 'float32', dims: [3, rows] })
          const p = b.parameter('p', weights(turned ? [1, columns, rows] : [1, rows, columns], 1))
          const w = turned ? b.transpose(b.reshape(p, [columns, rows]), [1, 0]) : b.reshape(p, [rows, columns])
          const { program } = b.finish({ outputs: [['y', b.relu(b.add(b.matmul(x, w), b.scalar('float32', 1)))]] })
          expect(Initial.usesOf(program)).toEqual([
            { kind: 'product', fans: { in: rows, out: columns }, rectified: true },
          ])
        },
      ),
    )
  })

  test('is before a rectifier where a clip from below follows, and not where a sigmoid stands between', () => {
    const rectified = (behind: (b: Builder, y: Ref) => Ref) => {
      const b = new Builder()
      const y = b.matmul(b.input('x', { dtype: 'float32', dims: [3, 4] }), b.parameter('p', weights([4, 2], 1)))
      const [use] = Initial.usesOf(b.finish({ outputs: [['y', behind(b, y)]] }).program)
      return use.kind === 'product' && use.rectified
    }
    expect(rectified((b, y) => b.min(b.max(y, b.scalar('float32', 0)), b.scalar('float32', 6)))).toBe(true)
    expect(rectified((b, y) => b.max(y, b.scalar('float32', 1)))).toBe(false)
    expect(rectified((b, y) => b.relu(b.sigmoid(y)))).toBe(false)
    expect(rectified((_, y) => y)).toBe(false)
  })
})

describe('what has no rule', () => {
  test('is refused by name, with what can be done about it', () => {
    const { program } = trained(transformer().compiled, { frozen: ['mask', 'w*'] })
    expect(codeOf(() => Initial.rulesFor(program))).toBe('data/no-rule')
    expect(() => Initial.rulesFor(program)).toThrow(
      /no rule for 7 of .*wq, wk, wv, mask, \.\.\..*checkpoint.*constants/,
    )
  })

  test('a constant factor of an exporter is not made from a rule, but it can be a constant of the program', () => {
    const { compiled } = scaledMlp()
    expect(() => Initial.rulesFor(trained(compiled).program)).toThrow(/found factor/)
    const { program, state } = trained(compiled, { untrained: 'constants' })
    expect(byName(program)).toEqual({ w1: glorot({ in: 6, out: 4 }) })
    expect(state.map(({ dims }) => dims)).toEqual([
      [6, 4],
      [6, 4],
      [6, 4],
    ])
  })

  test('weights in half precision have none, their zeros do', () => {
    const b = new Builder()
    const half = (name: string, dims: number[]) =>
      b.parameter(name, tensor('float16', dims, Array(dims.reduce((n, d) => n * d)).fill(0)))
    const x = b.input('x', { dtype: 'float16', dims: [2, 3] })
    const [w, c] = [half('w', [3, 4]), half('c', [4])]
    const { program } = b.finish({ outputs: [['y', b.add(b.matmul(x, w), c)]] })
    expect(() => Initial.rulesFor(program)).toThrow(/no rule for 1 of 2 parameters.*found w/)
    expect(Initial.rulesFor(program, { rules: { w: ONES } })).toEqual([ONES, ZEROS])
  })

  test('a rule that is named stands before the one that follows; of another parameter it is refused', () => {
    const { program } = trained(mlp().compiled)
    const rules = { b1: ONES, w1: uniform(1, 100) }
    expect(byName(program, { rules })).toMatchObject({ ...rules, w2: glorot({ in: 8, out: 4 }) })
    expect(codeOf(() => Initial.rulesFor(program, { rules: { w3: ONES } }))).toBe('data/bad-initial')
    expect(codeOf(() => Initial.rulesFor(program, { rules: { w1: { kind: 'normal' } as never } }))).toBe(
      'data/bad-initial',
    )
    expect(codeOf(() => Initial.rulesFor(program, { rules: { toString: ONES } as never }))).toBe('data/bad-initial')
  })
})

describe('a run from rules learns', () => {
  /** Points in the plane, labelled by the quadrant that they lie in. */
  const points = weights([64, 2], 1, 21)
  const labels = tensor(
    'int64',
    [64],
    Array.from({ length: 64 }, (_, i) =>
      BigInt(Number(points.data[2 * i] > 0) + 2 * Number(points.data[2 * i + 1] > 0)),
    ),
  )
  const zeros = (...dims: number[]) => weights(dims, 0)
  const model = (): Compiled =>
    network({
      nodes: [
        node('MatMul(x, w1) -> a'),
        node('Add(a, b1) -> h'),
        node('Relu(h) -> r'),
        node('MatMul(r, w2) -> o'),
        node('Add(o, b2) -> y'),
      ],
      parameters: { w1: zeros(2, 16), b1: zeros(16), w2: zeros(16, 4), b2: zeros(4) },
      input: points,
      labels,
    }).compiled

  /** The state of a program from its own rules. */
  function stateOf(program: Program, seed: number): readonly Tensor[] {
    const rules = Initial.rulesFor(program)
    const start = { from: 'seed', root: Initial.hash(rules) } as const
    return Initial.initialState(start, parametersOf(program), { seed: fill(seed), rules })
  }

  async function losses(seed: number, change: Partial<Recipe.RecipeInput> = {}) {
    const { program } = trained(model(), { rate: 0.05, metrics: ['accuracy'], ...change })
    const state = stateOf(program, seed)
    const session = await reference().open(program, state)
    const found: { loss: number; accuracy: number }[] = []
    for (let step = 0; step < 60; step++) {
      const { outputs } = await session.step([points, labels, tensor('int64', [], [BigInt(step)])])
      found.push({ loss: Number(outputs[0].data[0]), accuracy: Number(outputs[1].data[0]) })
    }
    return found
  }

  test('a multilayer perceptron finds the quadrants, from any seed', async () => {
    for (const seed of [1, 2]) {
      const found = await losses(seed)
      expect(found[0].loss).toBeGreaterThan(1)
      expect(found[59].loss).toBeLessThan(0.3 * found[0].loss)
      expect(found[59].accuracy).toBeGreaterThan(0.9)
    }
  })

  test('adapters learn from the values that a seed gives them', async () => {
    const compiled = model()
    const random = { ...compiled, state: stateOf(compiled.program, 3) }
    const recipe = Recipe.from({ ...input, rate: 0.05, adapters: { rank: 2, of: ['w*'] } })
    const { program, state, trained: names } = Recipe.train(random, recipe, { left: Initial.adapterValues(fill(4)) })
    expect(names).toEqual(['left of w1', 'right of w1', 'left of w2', 'right of w2'])
    expect(String(state[4].data)).not.toBe(String(state[6].data))
    const session = await reference().open(program, state)
    const found: number[] = []
    for (let step = 0; step < 40; step++) {
      const { outputs } = await session.step([points, labels, tensor('int64', [], [BigInt(step)])])
      found.push(Number(outputs[0].data[0]))
    }
    expect(found[39]).toBeLessThan(0.7 * found[0])
  })
})
