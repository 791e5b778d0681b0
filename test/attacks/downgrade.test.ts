/** Less computed than was ordered: lower precision, smaller models, layers left out, adapters exchanged. */
import { beforeAll, describe, expect, test } from 'vitest'
import { equal } from '../../src/core/bytes.js'
import * as Optimizer from '../../src/autodiff/optimizers.js'
import { replay } from '../../src/audit/index.js'
import type { Tensor } from '../../src/core/tensor.js'
import { hash } from '../../src/exact/format.js'
import { reference } from '../../src/runtime/reference.js'
import { rootOfTensors } from '../../src/trace/digests.js'
import { NETWORKS } from '../autodiff/networks.js'
import { answer, asked, claiming, deep, fateOf, served, type Served } from './answers.js'
import { changed, claimed, honestly, mapped, orderedWith, type Instead } from './downgraded.js'
import { challengedEach, received } from './verifier.js'

type State = readonly Tensor[]

/** The number with so many bits of its significand kept, rounded to even: 7 as bfloat16 keeps, 10 as float16 keeps of normal numbers. */
function rounded(value: number, bits: number): number {
  const bit = new Uint32Array(Float32Array.of(value).buffer)
  const unit = 2 ** (23 - bits)
  const down = Math.floor(bit[0] / unit) * unit
  const rest = bit[0] - down
  const up = rest > unit / 2 || (rest === unit / 2 && (down / unit) % 2 === 1)
  bit[0] = up ? down + unit : down
  return new Float32Array(bit.buffer)[0]
}

/** Weights as `levels` steps on either side of zero, one scale a tensor: int8 has 127, int4 has 7. */
const quantised = (state: State, levels: number): State =>
  state.map((one) => {
    const data = one.data as Float32Array
    const scale = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / levels || 1
    return { ...one, data: data.map((value) => Math.round(value / scale) * scale) }
  })

/** The half of the weights with the least magnitude, left out. */
const pruned = (state: State): State =>
  state.map((one) => {
    const data = one.data as Float32Array
    const middle = data.map(Math.abs).sort()[data.length >> 1]
    return { ...one, data: data.map((value) => (Math.abs(value) < middle ? 0 : value)) }
  })

/** The largest weight of a tensor, one unit in the last place larger. */
const ulp = (state: State, at = 0): State =>
  changed(state, at, (data) => {
    const largest = data.reduce((best, value, i) => (Math.abs(value) > Math.abs(data[best]) ? i : best), 0)
    new Uint32Array(data.buffer)[largest] += 1
  })

test('the roundings of the tests are those of the formats', () => {
  expect([1 + 2 ** -8, 1 + 3 * 2 ** -8, -1 - 2 ** -7, 0, 3.140625].map((x) => rounded(x, 7))).toEqual([
    1,
    1 + 2 ** -6,
    -1 - 2 ** -7,
    0,
    3.140625,
  ])
  expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 65504].map((x) => rounded(x, 10))).toEqual([1, 1 + 2 ** -9, 65504])
})

describe('inference with other weights than were ordered', () => {
  const cheaper: readonly (readonly [string, (state: State) => State])[] = [
    ['weights in bfloat16', (state) => mapped(state, (value) => rounded(value, 7))],
    ['weights in float16', (state) => mapped(state, (value) => rounded(value, 10))],
    ['weights in int8', (state) => quantised(state, 127)],
    ['weights in int4', (state) => quantised(state, 7)],
    ['half of the weights pruned', pruned],
    ['one layer pruned', (state) => state.map((one, i) => (i === 1 ? { ...one, data: new Float32Array(36) } : one))],
  ]
  const model = served(deep())
  const inputs = deep().inputs

  test('is asked of a model whose honest answer passes', async () => {
    const order = await asked(model, inputs)
    expect(await fateOf(await claiming(order, { outputs: await answer(model, inputs) }))).toBe('valid')
  })

  test.each(cheaper)('%s: the answer is refuted by a replay', async (_name, change) => {
    const outputs = await answer({ ...model, state: change(model.state) }, inputs)
    expect(await fateOf(await claiming(await asked(model, inputs), { outputs }))).toBe('refuted')
  })

  test.each(cheaper)('%s, sent along as the state: receipt/wrong-state', async (_name, change) => {
    const other = { ...model, state: change(model.state) }
    const told = { outputs: await answer(other, inputs), model: other }
    expect(await fateOf(await claiming(await asked(model, inputs), told))).toBe('receipt/wrong-state')
  })
})

describe('inference with one weight off by one unit in the last place', () => {
  const model = served(deep())
  const { inputs } = deep()

  test('is refuted wherever it moves a bit of the answer; where rounding swallows it, the answer is the right one', async () => {
    const order = await asked(model, inputs)
    const right = rootOfTensors('outputs', await answer(model, inputs))
    const fates: string[] = []
    for (const at of model.state.keys()) {
      const outputs = await answer({ ...model, state: ulp(model.state, at) }, inputs)
      const moved = !equal(rootOfTensors('outputs', outputs), right)
      fates.push(await fateOf(await claiming(order, { outputs })))
      expect(fates[at]).toBe(moved ? 'refuted' : 'valid')
    }
    expect(new Set(fates)).toEqual(new Set(['refuted', 'valid'])) // both happen
  })

  test('sent along as the state is refused in every weight tensor: receipt/wrong-state', async () => {
    const order = await asked(model, inputs)
    for (const at of model.state.keys()) {
      const other = { ...model, state: ulp(model.state, at) }
      expect(await fateOf(await claiming(order, { outputs: await answer(other, inputs), model: other }))).toBe(
        'receipt/wrong-state',
      )
    }
  })
})

describe('inference with another model than was ordered', () => {
  const model = served(deep())
  const { inputs } = deep()
  const others: readonly (readonly [string, Served])[] = [
    ['a smaller model', served(deep({ width: 3 }))],
    ['one layer skipped', served(deep({ layers: 2 }))],
    ['early exit after the first layer', served(deep({ layers: 1 }))],
    ['LoRA absent', served(deep({ adapter: 0 }))],
  ]

  test.each(others)('%s: the answer is refuted by a replay', async (_name, other) => {
    const outputs = await answer(other, inputs)
    expect(await fateOf(await claiming(await asked(model, inputs), { outputs }))).toBe('refuted')
  })

  test.each(others)('%s, sent along as the program: receipt/wrong-program', async (_name, other) => {
    const told = { outputs: await answer(other, inputs), model: other }
    expect(await fateOf(await claiming(await asked(model, inputs), told))).toBe('receipt/wrong-program')
  })

  test('LoRA swapped: refuted by a replay, and receipt/wrong-state where the other adapter is sent along', async () => {
    const other = served(deep({ adapter: 2 }))
    expect(hash(other.program)).toEqual(hash(model.program))
    const order = await asked(model, inputs)
    const outputs = await answer(other, inputs)
    expect(await fateOf(await claiming(order, { outputs }))).toBe('refuted')
    expect(await fateOf(await claiming(order, { outputs, model: other }))).toBe('receipt/wrong-state')
    expect(await fateOf(await claiming(await asked(other, inputs), { outputs }))).toBe('valid') // where it was ordered
  })

  test('context cut short (attention to the last two places alone): refuted, and receipt/wrong-state', async () => {
    const { compiled, inputs } = NETWORKS.transformer()
    const whole = { program: compiled.program, state: compiled.state }
    const at = compiled.program.names.parameters.indexOf('mask')
    const cut = changed(compiled.state, at, (mask) =>
      mask.forEach((value, i) => (mask[i] = i % 5 < Math.floor(i / 5) - 1 ? -1e4 : value)),
    )
    const order = await asked(whole, inputs)
    const outputs = await answer({ ...whole, state: cut }, inputs)
    expect(await fateOf(await claiming(order, { outputs: await answer(whole, inputs) }))).toBe('valid')
    expect(await fateOf(await claiming(order, { outputs }))).toBe('refuted')
    expect(await fateOf(await claiming(order, { outputs, model: { ...whole, state: cut } }))).toBe(
      'receipt/wrong-state',
    )
  })
})

describe('training with less than was ordered', () => {
  const STEPS = 6
  let order: Awaited<ReturnType<typeof orderedWith>>
  beforeAll(async () => {
    order = await orderedWith(Optimizer.adam(0.01), STEPS)
  })
  const run = (keep: Instead['keep']) => claimed(order.job, order.work, { keep })

  const everyStep: readonly (readonly [string, Instead['keep']])[] = [
    ['weights kept in bfloat16', (after) => mapped(after, (value) => rounded(value, 7))],
    ['weights kept in float16', (after) => mapped(after, (value) => rounded(value, 10))],
    ['weights kept in int8', (after) => quantised(after, 127)],
    ['half of the weights pruned', pruned],
    ['one layer skipped by the training', (after, { before }) => [before[0], ...after.slice(1)]],
    ['one weight off by one unit in the last place', (after) => ulp(after)],
  ]

  test.each(everyStep)('%s after every step: attest/false-step at every leaf, and refuted', async (_name, keep) => {
    const bundle = await run(keep)
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'attest/false-step'))
    expect((await replay(await received(bundle), reference())).outcome).toBe('refuted')
  })

  test.each(everyStep)('%s after one step: attest/false-step at that leaf alone, and refuted', async (_name, keep) => {
    const bundle = await run((after, at) => (at.step === 2 ? keep!(after, at) : after))
    expect(await challengedEach(bundle)).toEqual(
      bundle.leaves.map((_, leaf) => (leaf === 2 ? 'attest/false-step' : 'valid')),
    )
    expect((await replay(await received(bundle), reference())).outcome).toBe('refuted')
  })

  test('final weights alone in lower precision: attest/false-step at the last leaf', async () => {
    const bundle = await run((after, { step }) =>
      step === STEPS - 1 ? mapped(after, (value) => rounded(value, 7)) : after,
    )
    expect(await challengedEach(bundle)).toEqual(
      bundle.leaves.map((_, leaf) => (leaf === STEPS - 1 ? 'attest/false-step' : 'valid')),
    )
  })

  test('an honest run of the same job passes all of it', async () => {
    const bundle = await honestly(order.job, order.work)
    expect(await challengedEach(bundle)).toEqual(bundle.leaves.map(() => 'valid'))
    expect((await replay(await received(bundle), reference())).outcome).toBe('valid')
    const same = await run((after) => after)
    expect(rootOfTensors('state', same.finalState)).toEqual(rootOfTensors('state', bundle.finalState))
  })
})
