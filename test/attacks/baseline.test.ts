import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { NOISE, THRESHOLDS, accepting, attacksDocument, measure, type Measurement } from '../../scripts/pol-baseline.js'
import { textOf } from '../../scripts/markdown.js'
import { equalBits, tensor } from '../../src/core/tensor.js'
import { NORMS, accepts, distances, inspect, kolmogorovSmirnov, largestUpdates } from './baseline.js'
import { EXPECTED, type AttackKey } from './expected.js'
import { TOP } from './forgeries.js'
import { advance, lossOf, taskOf, transcriptOf, uniforms, type State } from './run.js'

let measured: Measurement
beforeAll(async () => {
  measured = await measure()
}, 240_000)

const acceptedAt = (key: AttackKey, threshold: number) => accepting(measured.found[key], () => threshold)
const acceptedFitted = (key: AttackKey) => accepting(measured.found[key], (norm) => measured.fitted[norm])
const last = <T>(list: readonly T[]): T => list[list.length - 1]
const sameState = (a: State, b: State) => a.every((value, i) => equalBits(value, b[i]))

describe('the distance-threshold verifier', () => {
  test.each(THRESHOLDS)('accepts an honest run at threshold %s in every norm, on other hardware', (threshold) =>
    expect(acceptedAt('honest', threshold)).toEqual(NORMS),
  )

  test('recomputes an honest run to the same bits where the hardware is the same', () => {
    expect(Object.keys(NOISE)[0]).toBe('the same')
    expect(Object.values(measured.hardware[0][1].farthest)).toEqual([0, 0, 0, 0])
  })

  test('refuses an honest run at threshold 0.001 in l1, l2 and linf where the verifier computes in half precision', () =>
    expect(accepting(last(measured.hardware)[1], () => 0.001)).toEqual(['cosine']))

  test.each([
    'blindfold',
    'adversarialDataI',
    'hiddenData',
    'omittedData',
    'repeatedData',
    'stopped',
    'chosenOrder',
  ] as const)('accepts %s at every threshold in every norm, the fitted one too', (key) => {
    for (const threshold of THRESHOLDS) expect(acceptedAt(key, threshold)).toEqual(NORMS)
    expect(acceptedFitted(key)).toEqual(NORMS)
  })

  test.each([
    'infinitesimal',
    'adversarialDataIII',
    'initBreak',
    'interpolated',
    'lowerPrecision',
    'otherProgram',
  ] as const)('accepts %s at thresholds 1000 and 10 in every norm, and not at the fitted one', (key) => {
    for (const threshold of [1000, 10]) expect(acceptedAt(key, threshold)).toEqual(NORMS)
    expect(acceptedFitted(key)).toEqual([])
  })

  test('accepts an infinitesimal update at a threshold that refused a shorter one', () => {
    expect(acceptedAt('infinitesimal', 0.1)).not.toContain('l2')
    expect(acceptedAt('infinitesimalLong', 0.1)).toContain('l2')
    const ratio = measured.found.infinitesimal.farthest.l2 / measured.found.infinitesimalLong.farthest.l2
    expect(ratio).toBeGreaterThan(2.5)
  })

  test('accepts adversarial data II at threshold 10 in l2, and not at the fitted one', () => {
    expect(acceptedAt('adversarialDataII', 10)).toContain('l2')
    expect(acceptedFitted('adversarialDataII')).toEqual([])
  })

  test.each(['teleport', 'glued', 'hiddenDataLong'] as const)(
    'accepts %s at threshold 10 in l2, and refuses it at 0.001 in every norm: it is the largest update of its epoch',
    (key) => {
      expect(acceptedAt(key, 10)).toContain('l2')
      expect(acceptedAt(key, 0.001)).toEqual([])
    },
  )

  test('refuses a stolen model as own start at every threshold: its weights do not look drawn', () => {
    for (const threshold of THRESHOLDS) expect(acceptedAt('ownStart', threshold)).toEqual([])
  })

  test.each([0.1, 0.001])('refuses states drawn at random at threshold %s in every norm', (threshold) =>
    expect(acceptedAt('random', threshold)).toEqual([]),
  )
})

describe('this library', () => {
  test.each(Object.entries(EXPECTED))(
    '%s: a proof of all leaves meets the expected fault, or none',
    (key, { faults }) => expect(measured.refused[key as AttackKey]).toEqual(faults),
  )

  test('accepts the honest run and nothing else', () => {
    const accepted = Object.entries(measured.refused).filter(([, faults]) => faults.length === 0)
    expect(accepted.map(([key]) => key)).toEqual(['honest'])
  })
})

describe('the forgeries', () => {
  test.each([
    'infinitesimal',
    'infinitesimalLong',
    'blindfold',
    'adversarialDataII',
    'adversarialDataIII',
    'initBreak',
    'interpolated',
    'glued',
    'random',
  ] as const)('%s ends in the stolen weights, bit for bit', (key) => {
    const { forgeries, stolen } = measured.scene
    expect(sameState(last(forgeries[key].states), stolen)).toBe(true)
  })

  test('adversarial data I closes three quarters of the gap in loss to the stolen model, in a fifth of the steps', async () => {
    const { forgeries, task, stolen, own } = measured.scene
    const { states } = forgeries.adversarialDataI
    const [start, forged] = [states[0], last(states)]
    expect(distances(forged, stolen).l2).toBeLessThan(0.6 * distances(start, stolen).l2)
    expect(forgeries.adversarialDataI.states.length - 1).toBe((own.states.length - 1) / 5)
    const [fresh, theirs, crafted] = await Promise.all([start, stolen, forged].map((state) => lossOf(task, state)))
    expect(crafted - theirs).toBeLessThan(0.25 * (fresh - theirs))
  })

  test('batches without a gradient move no bit of any weight', async () => {
    const { states, inputs, task } = measured.scene.forgeries.adversarialDataIII
    for (const update of [0, 17, 39]) {
      const after = await advance(task.program, states[update], { inputs, from: 4 * update, count: 4 })
      expect(distances(after, states[update]).linf).toBe(0)
    }
  })

  test('init-break begins four times as near to the stolen weights as fresh ones do, with the same numbers in another order', () => {
    const { forgeries, stolen } = measured.scene
    const { states, task } = forgeries.initBreak
    const [start] = states
    expect(distances(start, stolen).l2).toBeLessThan(0.25 * distances(task.initial, stolen).l2)
    const sorted = (state: State) => state.map(({ data }) => [...(data as Float32Array)].sort((a, b) => a - b))
    expect(sorted(start)).toEqual(sorted(task.initial))
  })

  test('no false update of blindfold top-Q, hidden or omitted data is among those that the verifier recomputes', async () => {
    for (const key of ['blindfold', 'hiddenData', 'omittedData'] as const) {
      const forged = measured.scene.forgeries[key]
      const { recomputed } = measured.found[key]
      const everything = await inspect(forged, { top: Infinity, noise: 0 })
      expect(everything.recomputed.length).toBe(forged.states.length - 1)
      expect(everything.farthest.l2, key).toBeGreaterThan(0.01)
      for (const update of recomputed) {
        const { inputs, states, task } = forged
        const after = await advance(task.program, states[update], { inputs, from: 4 * update, count: 4 })
        expect(sameState(after, states[update + 1]), key).toBe(true)
      }
    }
  })

  test('docs/attacks.md holds what the measurement gives', async () =>
    expect(textOf('docs/attacks.md')).toBe(await attacksDocument(measured)))
})

describe('the parts of the distance-threshold verifier', () => {
  const state = (...values: number[]): State => [tensor('float32', [values.length], values)]

  test('the distances of (3, 4) and (0, 0), and of vectors at right angles', () => {
    expect(distances(state(3, 4), state(0, 0))).toMatchObject({ l1: 7, l2: 5, linf: 4 })
    expect(distances(state(1, 0), state(0, 2)).cosine).toBe(1)
    expect(distances(state(1, 1), state(2, 2)).cosine).toBeCloseTo(0, 12)
  })

  test('the statistic of two points at the quartiles is 1/4, and of all points at an end 1', () => {
    expect(kolmogorovSmirnov([-0.5, 0.5], 1)).toBe(0.25)
    expect(kolmogorovSmirnov([1, 1, 1], 1)).toBe(1)
    expect(kolmogorovSmirnov([-7], 1)).toBe(1)
  })

  test('the statistic is the largest gap at any point of the sample, from either side', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 1, maxLength: 40 }), (sample) => {
        const share = (holds: (x: number) => boolean) => sample.filter(holds).length / sample.length
        const gaps = sample.flatMap((at) => {
          const expected = (at / 100 + 1) / 2
          return [Math.abs(share((x) => x <= at) - expected), Math.abs(share((x) => x < at) - expected)]
        })
        expect(kolmogorovSmirnov(sample, 100)).toBeCloseTo(Math.max(...gaps), 12)
      }),
    )
  })

  test('of a hundred uniform samples of 192 at most five fail the test, and every one of half the width does', () => {
    const statistics = Array.from({ length: 100 }, (_, i) => kolmogorovSmirnov(uniforms(`ks ${i}`, 192), 1))
    const limit = 1.628 / Math.sqrt(192)
    expect(statistics.filter((statistic) => statistic > limit).length).toBeLessThanOrEqual(5)
    for (let i = 0; i < 100; i++) expect(kolmogorovSmirnov(uniforms(`ks ${i}`, 192), 2)).toBeGreaterThan(limit)
  })

  test('the largest updates of each epoch are chosen, whatever stands in the others', async () => {
    const task = { ...(await taskOf()), stepsPerEpoch: 12, checkpointEvery: 4, steps: 24 }
    const walk = [0, 1, 5, 7, 7, 17, 17.5].map((at) => state(at))
    expect(largestUpdates(transcriptOf(task, { states: walk }), 1)).toEqual([1, 4])
    expect(largestUpdates(transcriptOf(task, { states: walk }), TOP)).toEqual([1, 2, 4, 5])
  })

  test('a distance at the threshold is accepted, one above it is not, and neither with a start that does not look drawn', () => {
    const farthest = { l1: 2, l2: 2, linf: 2, cosine: 2 }
    expect(accepts({ startsDrawn: true, farthest, recomputed: [] }, 'l1', 2)).toBe(true)
    expect(accepts({ startsDrawn: true, farthest, recomputed: [] }, 'l1', 1.99)).toBe(false)
    expect(accepts({ startsDrawn: false, farthest, recomputed: [] }, 'l1', 2)).toBe(false)
  })
})
