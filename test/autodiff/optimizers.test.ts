import { describe, expect, test } from 'vitest'
import { LOSSES } from '../../src/autodiff/losses.js'
import { adam, adamW, clipped, sgd, type Optimizer } from '../../src/autodiff/optimizers.js'
import { constant, cosine, warmup, type Schedule } from '../../src/autodiff/rates.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import { conform } from '../exact/conform.js'
import { faultOf } from '../onnx/build.js'
import { weights } from './networks.js'

const values = (t: Tensor) => Array.from(t.data, Number)
const scalar = (x: number) => tensor('float32', [], [x])

interface Point {
  readonly p: number
  readonly slots: readonly number[]
}

/** Runs an optimizer on one parameter along given gradients, on every runtime. */
async function path(optimizer: Optimizer, start: number, gradients: readonly number[]): Promise<number[]> {
  let held = [start, ...optimizer.slots.map(() => 0)].map((x) => tensor('float32', [1], [x]))
  const found: number[] = []
  for (const [step, g] of gradients.entries()) {
    const inputs = [scalar(step), tensor('float32', [1], [g]), ...held]
    held = await conform((b, [at, gradient, parameter, ...slots]) => {
      const after = optimizer.at(b, at)({ parameter, gradient, slots })
      return [after.parameter, ...after.slots]
    }, inputs)
    found.push(values(held[0])[0])
  }
  return found
}

/** The same by a formula in binary64. */
function expected(
  start: Point,
  gradients: readonly number[],
  next: (at: Point, g: number, t: number) => Point,
): number[] {
  let at = start
  return gradients.map((g, i) => (at = next(at, g, i + 1)).p)
}

function close(found: readonly number[], wanted: readonly number[], within = 1e-5): void {
  expect(found).toHaveLength(wanted.length)
  found.forEach((x, i) =>
    expect(Math.abs(x - wanted[i]), `${i}: ${x} for ${wanted[i]}`).toBeLessThan(within * (1 + Math.abs(wanted[i]))),
  )
}

const GRADIENTS = [0.5, -0.25, 0.125, 2, 0, -1]
const power = (x: number, n: number) => Array.from({ length: n }).reduce<number>((product) => product * x, 1)

describe('the optimizers follow their published formulas', () => {
  test('plain descent, with an L2 term', async () => {
    const found = await path(sgd(0.1, { weightDecay: 0.01 }), 1, GRADIENTS)
    close(
      found,
      expected({ p: 1, slots: [] }, GRADIENTS, ({ p }, g) => ({ p: p - 0.1 * (g + 0.01 * p), slots: [] })),
    )
  })

  test('momentum', async () => {
    const next = ({ p, slots: [v] }: Point, g: number) => ({ p: p - 0.1 * (0.9 * v + g), slots: [0.9 * v + g] })
    close(await path(sgd(0.1, { momentum: 0.9 }), 1, GRADIENTS), expected({ p: 1, slots: [0] }, GRADIENTS, next))
  })

  test('Nesterov', async () => {
    const next = ({ p, slots: [v] }: Point, g: number) => {
      const after = 0.9 * v + g
      return { p: p - 0.1 * (g + 0.9 * after), slots: [after] }
    }
    const optimizer = sgd(0.1, { momentum: 0.9, nesterov: true })
    close(await path(optimizer, 1, GRADIENTS), expected({ p: 1, slots: [0] }, GRADIENTS, next))
  })

  const moments = ([m, v]: readonly number[], g: number) => [0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g]
  const direction = ([m, v]: readonly number[], t: number) =>
    m / (1 - power(0.9, t)) / (Math.sqrt(v / (1 - power(0.999, t))) + 1e-8)

  test('Adam, weight decay inside of the gradient', async () => {
    const next = ({ p, slots }: Point, g: number, t: number) => {
      const after = moments(slots, g + 0.1 * p)
      return { p: p - 0.01 * direction(after, t), slots: after }
    }
    close(
      await path(adam(0.01, { weightDecay: 0.1 }), 1, GRADIENTS),
      expected({ p: 1, slots: [0, 0] }, GRADIENTS, next),
    )
  })

  test('AdamW, weight decay outside of the moments', async () => {
    const next = ({ p, slots }: Point, g: number, t: number) => {
      const after = moments(slots, g)
      return { p: p - 0.01 * 0.1 * p - 0.01 * direction(after, t), slots: after }
    }
    close(
      await path(adamW(0.01, { weightDecay: 0.1 }), 1, GRADIENTS),
      expected({ p: 1, slots: [0, 0] }, GRADIENTS, next),
    )
  })
})

test("Adam's first step is the rate, whatever the size of the gradient", async () => {
  for (const g of [1e-4, 1, 1e4]) close(await path(adam(0.01), 0, [g]), [-0.01], 1e-4)
})

async function rates(schedule: Schedule, steps: readonly number[]): Promise<number[]> {
  const found: number[] = []
  for (const step of steps) found.push(values((await conform((b, [at]) => [schedule(b, at)], [scalar(step)]))[0])[0])
  return found
}

test('schedules follow from the step number', async () => {
  close(await rates(constant(0.1), [0, 1000]), [0.1, 0.1], 1e-7)
  close(await rates(cosine(1, { steps: 100, floor: 0.1 }), [0, 50, 100, 1000]), [1, 0.55, 0.1, 0.1], 1e-6)
  close(await rates(warmup(constant(0.8), { steps: 4 }), [0, 1, 2, 3, 4, 99]), [0.2, 0.4, 0.6, 0.8, 0.8, 0.8], 1e-6)
})

test('gradients above the limit are scaled down together, others stay', async () => {
  const clip = (limit: number) => (b: Builder, refs: readonly Ref[]) => clipped(b, refs, limit)
  const gradients = [tensor('float32', [2], [3, 0]), tensor('float32', [1, 1], [-4])]
  expect((await conform(clip(10), gradients)).map(values)).toEqual([[3, 0], [-4]])
  close((await conform(clip(1), gradients)).flatMap(values), [0.6, 0, -0.8])
  expect((await conform(clip(1), [tensor('float32', [2], [0, 0])])).map(values)).toEqual([[0, 0]])
})

describe('losses', () => {
  const lossOf = async (name: string, inputs: readonly Tensor[]) =>
    values((await conform((b, [output, targets]) => [LOSSES.get(name)!.compute(b, output, targets)], inputs))[0])[0]

  test('equal logits cost the logarithm of the number of classes', async () => {
    const labels = tensor('int64', [2, 3], [0n, 1n, 2n, 3n, 4n, 7n])
    close([await lossOf('softmax-cross-entropy', [weights([2, 3, 8], 0), labels])], [2.0794415416798357], 1e-6)
  })

  test('a certain and right class costs nothing, a certain and wrong one its distance', async () => {
    const logits = tensor('float32', [1, 2], [80, 0])
    expect(await lossOf('softmax-cross-entropy', [logits, tensor('int64', [1], [0n])])).toBe(0)
    expect(await lossOf('softmax-cross-entropy', [logits, tensor('int64', [1], [1n])])).toBe(80)
  })

  test('negative log-likelihood picks the labelled log-probability', async () => {
    const logs = tensor('float32', [2, 2], [-1, -2, -3, -4])
    expect(await lossOf('negative-log-likelihood', [logs, tensor('int64', [2], [1n, 0n])])).toBe(2.5)
  })

  test('mean squared error', async () => {
    expect(
      await lossOf('mean-squared-error', [tensor('float32', [4], [1, 2, 3, 4]), tensor('float32', [4], [1, 0, 3, 0])]),
    ).toBe(5)
  })

  test('binary cross-entropy is log 2 for undecided logits and never infinite', async () => {
    close(
      [await lossOf('binary-cross-entropy', [weights([4], 0), tensor('float32', [4], [0, 1, 0.5, 1])])],
      [0.6931471805599453],
      1e-6,
    )
    expect(await lossOf('binary-cross-entropy', [tensor('float32', [1], [-1000]), tensor('float32', [1], [1])])).toBe(
      1000,
    )
  })
})

test('options out of their range are refused', () => {
  const attempts: (() => unknown)[] = [
    () => sgd(-0.1),
    () => sgd(NaN),
    () => sgd(0.1, { momentum: 1 }),
    () => sgd(0.1, { nesterov: true }),
    () => sgd(0.1, { weightDecay: -1 }),
    () => adam(0.1, { beta2: 1 }),
    () => adamW(0.1, { epsilon: 0 }),
    () => cosine(0.1, { steps: 0 }),
    () => warmup(constant(0.1), { steps: 0.5 }),
    () => clipped(new Builder(), [], 0),
  ]
  for (const attempt of attempts) expect(faultOf(attempt)).toBe('autodiff/bad-option')
})
