/** Tampered optimizers: the job names one rule of updating, and the provider follows another. */
import { beforeAll, describe, expect, test } from 'vitest'
import { replay } from '../../src/audit/index.js'
import * as Optimizer from '../../src/autodiff/optimizers.js'
import * as LearningRate from '../../src/autodiff/rates.js'
import type { Builder, Ref } from '../../src/exact/builder.js'
import { hash } from '../../src/exact/format.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import { reference } from '../../src/runtime/reference.js'
import { program } from '../attest/training.js'
import { alice } from '../receipt/samples.js'
import { forged } from './cheat.js'
import { changed, claimed, honestly, orderedWith, running, type Instead } from './downgraded.js'
import { arrivalOf, challengedEach, outcomeOf, proofOf, received } from './verifier.js'

const [STEPS, MIDDLE, RATE] = [6, 3, 0.01]
const { ADAM } = Optimizer

/** What a variant of Adam does otherwise. */
interface AdamChange {
  /** Moments by which the parameter is moved. */
  readonly moved?: (fresh: readonly Ref[], old: readonly Ref[]) => readonly Ref[]
  readonly denominator?: (b: Builder, square: Ref, epsilon: Ref) => Ref
  readonly corrected?: boolean
}

/** Adam, written out once more, with something changed. */
function adamWith({ moved = (fresh) => fresh, denominator, corrected = true }: AdamChange): Optimizer.Optimizer {
  const like = (b: Builder, value: number) => b.scalar('float32', value)
  const average = (b: Builder, slot: Ref, [beta, next]: [number, Ref]) =>
    b.add(b.mul(like(b, beta), slot), b.mul(like(b, 1 - beta), next))
  const bias = (b: Builder, beta: number, count: Ref) =>
    b.neg(b.op('Expm1', [b.mul(count, b.op('Log1p', [like(b, beta - 1)]))]))
  const under = denominator ?? ((b, square, epsilon) => b.add(b.sqrt(square), epsilon))
  return {
    name: 'adam',
    slots: ['mean', 'square'],
    at(b, step) {
      const rate = LearningRate.constant(RATE)(b, step)
      const count = b.add(step, like(b, 1))
      const biases = [ADAM.beta1, ADAM.beta2].map((beta) => bias(b, beta, count))
      return ({ parameter, gradient, slots }) => {
        const mean = average(b, slots[0], [ADAM.beta1, gradient])
        const square = average(b, slots[1], [ADAM.beta2, b.mul(gradient, gradient)])
        const used = moved([mean, square], slots)
        const [m, v] = corrected ? used.map((slot, i) => b.div(slot, biases[i])) : used
        const direction = b.div(m, under(b, v, like(b, ADAM.epsilon)))
        return { parameter: b.sub(parameter, b.mul(rate, direction)), slots: [mean, square] }
      }
    },
  }
}

/** Momentum, written out once more: v' = inertia v + share g. */
function momentumWith({ inertia = 0.9, share = 1 }: { inertia?: number; share?: number }): Optimizer.Optimizer {
  return {
    name: 'momentum',
    slots: ['velocity'],
    at(b, step) {
      const rate = LearningRate.constant(RATE)(b, step)
      return ({ parameter, gradient, slots }) => {
        const given = share === 1 ? gradient : b.mul(b.scalar('float32', share), gradient)
        const velocity = b.add(b.mul(b.scalar('float32', inertia), slots[0]), given)
        return { parameter: b.sub(parameter, b.mul(rate, velocity)), slots: [velocity] }
      }
    },
  }
}

const later = (optimizer: Optimizer.Optimizer, steps: number): Optimizer.Optimizer => ({
  ...optimizer,
  at: (b, step) => optimizer.at(b, b.add(step, b.scalar('float32', steps))),
})

const { adam, adamW, sgd } = Optimizer
const programOf = (optimizer: Optimizer.Optimizer) => program(optimizer).program

test('the variants differ from the declared optimizers in what they change and nothing else', () => {
  expect(hash(programOf(adamWith({})))).toEqual(hash(programOf(adam(RATE))))
  expect(hash(programOf(momentumWith({})))).toEqual(hash(programOf(sgd(RATE, { momentum: 0.9 }))))
})

const ALL = 0
const momentum = sgd(RATE, { momentum: 0.9 })
const nesterov = sgd(RATE, { momentum: 0.9, nesterov: true })

/** Name, the declared optimizer, the one that is used, the first step in which that makes a difference. */
const VARIANTS: readonly (readonly [string, Optimizer.Optimizer, Optimizer.Optimizer, number])[] = [
  [
    'stale moments: the step is made with those of the step before',
    adam(RATE),
    adamWith({ moved: (_, old) => old }),
    ALL,
  ],
  ['stale first moment', adam(RATE), adamWith({ moved: ([, square], [old]) => [old, square] }), ALL],
  ['step counter off by one', adam(RATE), later(adam(RATE), 1), ALL],
  ['beta1 and beta2 swapped', adam(RATE), adam(RATE, { beta1: ADAM.beta2, beta2: ADAM.beta1 }), ALL],
  ['another beta2', adam(RATE), adam(RATE, { beta2: 0.99 }), ALL],
  [
    'epsilon inside of the square root',
    adam(RATE),
    adamWith({ denominator: (b, square, epsilon) => b.sqrt(b.add(square, epsilon)) }),
    ALL,
  ],
  ['bias correction omitted', adam(RATE), adamWith({ corrected: false }), ALL],
  ['AdamW as Adam with coupled L2', adamW(RATE), adam(RATE, { weightDecay: 0.01 }), ALL],
  ['Adam with coupled L2 as AdamW', adam(RATE, { weightDecay: 0.01 }), adamW(RATE), ALL],
  ['AdamW without its weight decay', adamW(RATE), adamW(RATE, { weightDecay: 0 }), ALL],
  ['momentum with the other sign', momentum, momentumWith({ inertia: -0.9 }), 1],
  ['momentum with dampening', momentum, momentumWith({ share: 0.1 }), ALL],
  ['momentum left out', momentum, momentumWith({ inertia: 0 }), 1],
  ['Nesterov as plain momentum', nesterov, momentum, ALL],
  ['plain momentum as Nesterov', momentum, nesterov, ALL],
  ['one part in a million off the learning rate', adam(RATE), adam(RATE * (1 + 1e-6)), ALL],
]

/** Name, the declared optimizer, the one that is used from the middle of the run on. */
const CHANGES: readonly (readonly [string, Optimizer.Optimizer, Optimizer.Optimizer])[] = [
  ['weight decay changed in the middle of the run', adamW(RATE), adamW(RATE, { weightDecay: 0.02 })],
  ['weight decay switched off in the middle of the run', sgd(RATE, { weightDecay: 0.1 }), sgd(RATE)],
  ['learning rate changed in the middle of the run', adam(RATE), adam(RATE / 2)],
  ['momentum changed in the middle of the run', momentum, sgd(RATE, { momentum: 0.8 })],
]

/** Which leaves are refused, and that a replay refuses the run. */
async function expectRefused(bundle: Bundle, isFalse: (leaf: number) => boolean): Promise<void> {
  const outcomes = await challengedEach(bundle)
  expect(outcomes).toEqual(bundle.leaves.map((_, leaf) => (isFalse(leaf) ? 'attest/false-step' : 'valid')))
  expect((await replay(await received(bundle), reference())).outcome).toBe('refuted')
}

describe.each(VARIANTS)('%s', (_name, declared, used, first) => {
  test('is refused as attest/false-step at every leaf that it touches, and refuted by a replay', async () => {
    const { job, work } = await orderedWith(declared, STEPS)
    const other = programOf(used)
    await expectRefused(await claimed(job, work, { program: () => other }), (leaf) => leaf >= first)
  })

  test('in one step alone is refused at that leaf alone', async () => {
    const { job, work } = await orderedWith(declared, STEPS)
    const other = programOf(used)
    const once: Instead = { program: (step) => (step === MIDDLE ? other : work.program) }
    await expectRefused(await claimed(job, work, once), (leaf) => leaf === MIDDLE)
  })

  test('named as the program is refused as receipt/wrong-program, as a proof and as a bundle', async () => {
    const { job, work } = await orderedWith(declared, STEPS)
    const other = { ...work, program: programOf(used) }
    const bundle = await forged({ job, work: other, provider: alice, ...(await running(other, {})) })
    expect(await outcomeOf(await proofOf(bundle))).toBe('receipt/wrong-program')
    expect(await arrivalOf(bundle)).toBe('receipt/wrong-program')
  })
})

test.each(CHANGES)('%s is refused as attest/false-step from there on', async (_name, declared, used) => {
  const { job, work } = await orderedWith(declared, STEPS)
  const other = programOf(used)
  const bundle = await claimed(job, work, { program: (step) => (step < MIDDLE ? work.program : other) })
  await expectRefused(bundle, (leaf) => leaf >= MIDDLE)
})

describe('the optimizer state itself', () => {
  /** The tensors of Adam stand behind the four parameters: mean and square of each. */
  const MEAN = 4
  const tampered: readonly (readonly [string, Instead['keep']])[] = [
    ['moments kept from the step before', (after, { before }) => [...after.slice(0, MEAN), ...before.slice(MEAN)]],
    ['moments set to zero', (after) => [...after.slice(0, MEAN), ...after.slice(MEAN).map(zeroed)]],
    ['means with the other sign', (after) => after.map((one, i) => (isMean(i) ? negated(one) : one))],
    ['one moment off by one unit in the last place', (after) => changed(after, MEAN, nudge)],
  ]
  test.each(tampered)(
    'with %s in one step is refused as attest/false-step there and nowhere else',
    async (_name, keep) => {
      const { job, work } = await orderedWith(adam(RATE), STEPS)
      const once: Instead = { keep: (after, at) => (at.step === MIDDLE ? keep!(after, at) : after) }
      await expectRefused(await claimed(job, work, once), (leaf) => leaf === MIDDLE)
    },
  )

  const isMean = (i: number) => i >= MEAN && i % 2 === 0
  const negated = (one: Bundle['finalState'][number]) => ({ ...one, data: (one.data as Float32Array).map((m) => -m) })
  const zeroed = (one: Bundle['finalState'][number]) => ({ ...one, data: new Float32Array(one.data.length) })
  const nudge = (data: Float32Array) => void (new Uint32Array(data.buffer)[0] += 1)
})

describe('honest runs with each of these optimizers', () => {
  const declared = [...VARIANTS, ...CHANGES].map(([, optimizer]) => optimizer)
  const distinct = [...new Map(declared.map((one) => [`${hash(programOf(one))}`, one])).values()]
  let bundles: Bundle[]
  beforeAll(async () => {
    bundles = []
    for (const optimizer of distinct) {
      const { job, work } = await orderedWith(optimizer, STEPS)
      bundles.push(await honestly(job, work))
    }
  }, 60_000)

  test('pass the same verification at every leaf, and the same replay', async () => {
    expect(bundles.length).toBe(6)
    for (const bundle of bundles) {
      expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'valid'))
      expect((await replay(await received(bundle), reference())).outcome).toBe('valid')
    }
  })
})
