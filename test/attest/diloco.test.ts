import { beforeAll, describe, expect, test } from 'vitest'
import * as Diloco from '../../src/autodiff/diloco.js'
import * as LearningRate from '../../src/autodiff/rates.js'
import * as Optimizer from '../../src/autodiff/optimizers.js'
import { audit, dataOf, nameOf, verify, type Round, type Terms } from '../../src/attest/diloco.js'
import { equal } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'
import { tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import * as Dataset from '../../src/data/dataset.js'
import { ZEROS } from '../../src/data/initial.js'
import * as Bundle from '../../src/receipt/bundle.js'
import * as Job from '../../src/receipt/job.js'
import { jobForCourse, provide } from '../../src/receipt/provide.js'
import { fromRandom } from '../../src/receipt/signer.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import {
  STEPS,
  accounts,
  chainOf,
  combine,
  idleAfter,
  instead,
  leaving,
  nudged,
  requester,
  roundFrom,
  shards,
  shipped,
  signedBy,
  terms,
  work,
} from './diloco-rounds.js'
import { BATCH, program, samples } from './training.js'

/** With this in the place of one worker of a round. */
const withWorker = ({ workers, outer }: Round, worker: number, bundle: Bundle.Bundle): Round => ({
  workers: workers.map((own, i) => (i === worker ? bundle : own)),
  outer,
})

/** With this in the place of a worker, or behind them of the outer step. */
const withLink = (round: Round, at: number, bundle: Bundle.Bundle): Round =>
  at < round.workers.length ? withWorker(round, at, bundle) : { ...round, outer: bundle }

/** The name and the place of a refusal. */
async function refusal(rounds: readonly Round[], agreed: Terms = terms): Promise<string> {
  const found: unknown = await verify(rounds, agreed).catch((error: unknown) => error)
  return found instanceof Fault ? `${found.code}: ${found.detail.where}` : 'accepted'
}

describe('rounds of three workers', () => {
  let rounds: readonly Round[]
  beforeAll(async () => {
    rounds = await shipped(await chainOf([{}, {}, {}]))
  })

  test('verify end to end, claim by claim', async () => {
    const chain = await verify(rounds, terms)
    expect(chain.rounds).toBe(3)
    expect(chain.links.map(nameOf).slice(4, 8)).toEqual([
      'round 1, worker 0',
      'round 1, worker 1',
      'round 1, worker 2',
      'round 1, outer step',
    ])
    expect(chain.links[6].provider).toBe(accounts[2].address.toLowerCase())
    expect(equal(chain.initial, rounds[0].outer.receipt.job.initialState)).toBe(true)
    expect(equal(chain.final, rounds[2].outer.receipt.receipt.claim.finalState)).toBe(true)
    expect(chain.state).toBe(rounds[2].outer.finalState)
  })

  test('verify as well when they are read one by one', async () => {
    async function* read() {
      for (const round of rounds) yield await Promise.resolve(round)
    }
    expect((await verify(read(), terms)).final).toEqual((await verify(rounds, terms)).final)
  })

  test('learn: the workers end the last round with a lower loss than the first', () => {
    const lossOf = ({ workers }: Round) => workers.reduce((sum, { outputs }) => sum + Number(outputs[0].data[0]), 0)
    expect(lossOf(rounds[2])).toBeLessThan(lossOf(rounds[0]))
  })

  test('are valid link by link on every runtime', async () => {
    for (const runtime of [reference(), ortNode(), ortWeb()]) {
      const found = await audit(rounds, runtime)
      expect(found).toMatchObject({ outcome: 'valid', refuted: undefined })
      expect(found.links).toHaveLength(12)
      expect(found.links[0]).toMatchObject({ sampled: STEPS, total: STEPS })
    }
  })

  test('are refused where a link is missing, doubled or in another place', async () => {
    const [first, second, third] = rounds
    expect(await refusal([])).toBe('attest/wrong-terms: undefined')
    expect(await refusal([first, third])).toBe('attest/broken-link: round 1, worker 0, start')
    expect(await refusal([second, third])).toBe('attest/broken-link: round 0, worker 0, start')
    expect(await refusal([first, first])).toBe('attest/wrong-terms: round 1, worker 0')
    const { workers, outer } = second
    expect(await refusal([first, { workers: workers.slice(1), outer }])).toBe('attest/wrong-terms: round 1, workers')
    expect(await refusal([first, { workers: [...workers, workers[0]], outer }])).toMatch('round 1, workers')
    expect(await refusal([first, { workers, outer: first.outer }])).toBe('attest/wrong-terms: round 1, outer step')
    expect(await refusal([first, { workers, outer: third.outer }])).toBe(
      'attest/broken-link: round 1, outer step, start',
    )
    expect(await refusal([first, { workers, outer: workers[0] }])).toBe(
      'attest/wrong-terms: round 1, outer step, program',
    )
    expect(await refusal([first, withWorker(second, 1, second.outer)])).toBe(
      'attest/wrong-terms: round 1, worker 1, program',
    )
  })

  test('are refused where workers stand in another order', async () => {
    const [first, { workers, outer }] = rounds
    const swapped = [first, { workers: [workers[1], workers[0], workers[2]], outer }]
    expect(await refusal(swapped)).toBe('attest/wrong-terms: round 1, worker 0, provider')
    expect(await refusal(swapped, { ...terms, providers: 'distinct' })).toBe(
      'attest/wrong-terms: round 1, worker 0, data set',
    )
  })

  test('are refused where one bit of a bundle is another one, with the link that it is in', async () => {
    const [first, second] = rounds
    const [, worker] = second.workers
    const place = 'round 1, worker 1'
    const signature = Uint8Array.from(worker.receipt.signature)
    signature[40] ^= 1
    const forged = { ...worker, receipt: { ...worker.receipt, signature } }
    expect(await refusal([first, withWorker(second, 1, forged)])).toBe(`receipt/bad-signature: ${place}`)
    const [head, ...tail] = worker.finalState
    const state = { ...worker, finalState: [nudged(head), ...tail] }
    expect(await refusal([first, withWorker(second, 1, state)])).toBe(`receipt/wrong-state: ${place}`)
    const leaves = worker.leaves.slice(0, -1)
    expect(await refusal([first, withWorker(second, 1, { ...worker, leaves })])).toBe(`receipt/wrong-run: ${place}`)
    const schedule = { ...worker.course!.schedule, batchSize: BATCH - 1 }
    const other = { ...worker, course: { ...worker.course!, schedule } }
    expect(await refusal([first, withWorker(second, 1, other)])).toBe(`receipt/wrong-inputs: ${place}`)
  })

  test('are refused by a name where one byte of any file is another one', async () => {
    const [{ workers, outer }] = rounds
    const accepted: string[] = []
    for (const at of [1, 3]) {
      const files = Bundle.encode([...workers, outer][at])
      for (const [path, bytes] of files) {
        for (const place of [0, Math.floor(bytes.length / 2), bytes.length - 1]) {
          const changed = Uint8Array.from(bytes)
          changed[place] ^= 1
          const reader = Bundle.readerOf(new Map(files).set(path, changed))
          const found: unknown = await Bundle.decode(reader)
            .then((bundle) => verify([withLink(rounds[0], at, bundle)], terms))
            .catch((error: unknown) => error)
          if (!(found instanceof Fault)) accepted.push(`${path} byte ${place} of link ${at}`)
        }
      }
    }
    expect(accepted).toEqual([])
  })

  test('are refused where a bundle that was never written holds another start or data than its schedule', async () => {
    const [first, second] = rounds
    const [, worker] = second.workers
    const data = { ...worker, course: { ...worker.course!, dataset: samples(9) } }
    expect(await refusal([first, withWorker(second, 1, data)])).toBe('data/wrong-dataset: round 1, worker 1')
    const { finalState: state } = first.workers[0]
    const elsewhere = await instead(worker, { state }, accounts[1])
    expect(await refusal([first, withWorker(second, 1, elsewhere)])).toBe('data/wrong-initial: round 1, worker 1')
  })

  test('are refused to a verifier with other terms', async () => {
    const asked = (changed: Partial<Terms>) => refusal(rounds, { ...terms, ...changed })
    expect(await asked({ steps: STEPS + 1 })).toBe('attest/wrong-terms: round 0, worker 0, steps')
    expect(await asked({ requester: fromRandom().address })).toBe('attest/wrong-terms: round 0, worker 0, requester')
    const others = accounts.map(({ address }, i) => (i === 2 ? fromRandom().address : address))
    expect(await asked({ providers: others })).toBe('attest/wrong-terms: round 0, worker 2, provider')
    const ordered = dataOf(shards[1], { batchSize: BATCH, order: 'committed' })
    expect(await asked({ data: [terms.data[0], ordered, terms.data[2]] })).toBe(
      'attest/wrong-terms: round 0, worker 1, schedule',
    )
    expect(await asked({ data: terms.data.slice(1) })).toBe('attest/wrong-terms: data of every worker')
    expect(await asked({ data: [ordered, terms.data[1], ordered] })).toBe('attest/wrong-terms: worker 2')
    expect(await asked({ providers: [] })).toBe('attest/wrong-terms: accounts of the workers')
    const slower = Diloco.outer(program(Optimizer.adam(LearningRate.constant(0.001))), { workers: 3 })
    expect(await asked({ outer: slower })).toBe('attest/wrong-terms: round 0, worker 0, program')
    const mean = Diloco.outer(program(), { workers: 3, rate: 1, momentum: 0 })
    expect(await asked({ outer: mean })).toBe('attest/wrong-terms: round 0, outer step, program')
    const [weights, ...rest] = terms.outer.inner.state
    const start = { ...terms.outer, inner: { ...terms.outer.inner, state: [...rest, weights] }, state: rest }
    expect(await asked({ outer: start })).toMatch('attest/broken-link: round 0, worker 0, start')
  })
})

describe('a worker of the second round is refused', () => {
  let first: Round
  beforeAll(async () => {
    ;[first] = await chainOf([{}])
  })
  const place = 'round 1, worker 1'
  const worker = async (run: Parameters<typeof work>[1], agreed = terms) => {
    const [honest, bundle] = [await roundFrom(first.outer.finalState), await work(seat(), run)]
    return refusal([first, withWorker(honest, 1, bundle)], agreed)
  }
  const seat = () => ({ worker: 1, state: first.outer.finalState })

  test('that begins in the state of the round before', async () => {
    const start = Diloco.startOf(terms.outer, terms.outer.state)
    expect(await worker({ start })).toBe(`attest/broken-link: ${place}, start`)
  })

  test('that begins in the common state with one weight changed', async () => {
    const [head, ...tail] = Diloco.startOf(terms.outer, first.outer.finalState)
    expect(await worker({ start: [nudged(head), ...tail] })).toBe(`attest/broken-link: ${place}, start`)
  })

  test('that goes on with the optimizer of the round before', async () => {
    const common = new Set(terms.outer.common)
    const start = Diloco.startOf(terms.outer, first.outer.finalState).map((value, i) =>
      common.has(i) ? value : first.workers[1].finalState[i],
    )
    expect(await worker({ start })).toBe(`attest/broken-link: ${place}, start`)
  })

  test('that starts from a seed', async () => {
    const rules = terms.outer.inner.state.map(() => ZEROS)
    const { program: inner } = terms.outer.inner
    const course = Course.from(shards[1], { batchSize: BATCH, start: { rules } })
    const job = await jobForCourse({ program: inner, course, steps: STEPS }, { requester })
    const opened = Course.open(course, inner, { job: Job.hash(job.job), steps: STEPS })
    const bundle = await (await provide(opened, { job, runtime: reference(), signer: accounts[1] })).reveal()
    const honest = await roundFrom(first.outer.finalState)
    expect(await refusal([first, withWorker(honest, 1, bundle)])).toBe(`attest/broken-link: ${place}, start`)
  })

  test('that trained on another data set', async () => {
    expect(await worker({ dataset: samples(9) })).toBe(`attest/wrong-terms: ${place}, data set`)
    expect(await worker({ dataset: shards[0] })).toBe(`attest/wrong-terms: ${place}, data set`)
  })

  test('that drew its batches in another way', async () => {
    expect(await worker({ course: { order: 'committed' } })).toBe(`attest/wrong-terms: ${place}, schedule`)
    const beacon = new Uint8Array(32).fill(1)
    expect(await worker({ course: { beacon, randomness: beacon } })).toMatch(`data/unknown-beacon: ${place}`)
  })

  test('that made a step less or more', async () => {
    for (const steps of [STEPS - 1, STEPS + 1])
      expect(await worker({ steps })).toBe(`attest/wrong-terms: ${place}, steps`)
  })

  test('that trained with another rate', async () => {
    const eager = program(Optimizer.adam(LearningRate.constant(0.02))).program
    expect(await worker({ program: eager })).toBe(`attest/wrong-terms: ${place}, program`)
  })

  test('that asked itself, or whom somebody else asked', async () => {
    expect(await worker({ job: { requester: undefined } })).toBe(`receipt/unrequested: ${place}`)
    expect(await worker({ job: { requester: accounts[1] } })).toBe(`attest/wrong-terms: ${place}, requester`)
  })

  test('that is somebody else, or has two seats', async () => {
    expect(await worker({ signer: fromRandom() })).toBe(`attest/wrong-terms: ${place}, provider`)
    const distinct = { ...terms, providers: 'distinct' } as const
    expect(await worker({ signer: accounts[0] }, distinct)).toBe(`attest/duplicate-signer: ${place}`)
  })

  test('that signs the run of another one, where both have the same data', async () => {
    const common: Terms = { ...terms, data: [terms.data[0], terms.data[0], terms.data[2]], providers: 'distinct' }
    const honest = await roundFrom(terms.outer.state, { terms: common, workers: { 1: { dataset: shards[0] } } })
    expect(await refusal([honest], common)).toBe('accepted')
    const copied = await signedBy(accounts[1], honest.workers[0])
    expect(await refusal([withWorker(honest, 1, copied)], common)).toBe('attest/wrong-terms: round 0, worker 1')
  })

  test('that trained honestly, but not to the state that the outer step took', async () => {
    expect(await worker({})).toBe('attest/broken-link: round 1, outer step, "w1 of worker 1"')
  })

  test('that ends in a state which is none of its program', async () => {
    const runtime = leaving((state) => state.slice(1))
    expect(await worker({ runtime })).toBe(`trace/bad-state: ${place}`)
  })

  test('whose run the program refused', async () => {
    const labels = Array.from({ length: 40 }, () => 77n)
    const bad = Dataset.from({ x: samples().columns[0], targets: tensor('int64', [40], labels) })
    const data = dataOf(bad, { batchSize: BATCH })
    const agreed = { ...terms, data: [terms.data[0], data, terms.data[2]] }
    const bundle = await work(seat(), { terms: agreed, dataset: bad })
    const honest = await roundFrom(first.outer.finalState)
    expect(bundle.receipt.refusal).toBeDefined()
    const later = { ...terms.outer, state: first.outer.finalState }
    expect(await refusal([withWorker(honest, 1, bundle)], { ...agreed, outer: later })).toBe(
      'attest/broken-link: round 0, worker 1',
    )
  })
})

describe('an outer step of the second round is refused', () => {
  let first: Round
  let second: Round
  beforeAll(async () => {
    ;[first, second] = await chainOf([{}, {}])
  })
  const place = 'round 1, outer step'
  const step = async (run: Parameters<typeof combine>[2], state = first.outer.finalState) =>
    refusal([first, { ...second, outer: await combine(second.workers, state, run) }])

  test('over what a worker reached a round ago', async () => {
    const reached = second.workers.map(({ finalState }) => finalState)
    const inputs = Diloco.inputsOf(terms.outer, [reached[0], first.workers[1].finalState, reached[2]])
    expect(await step({ inputs: [inputs] })).toBe(`attest/broken-link: ${place}, "w1 of worker 1"`)
  })

  test('over the workers in another order', async () => {
    const [a, b, c] = second.workers.map(({ finalState }) => finalState)
    const inputs = Diloco.inputsOf(terms.outer, [a, c, b])
    expect(await step({ inputs: [inputs] })).toBe(`attest/broken-link: ${place}, "w1 of worker 1"`)
  })

  test('over one weight changed', async () => {
    const inputs = Diloco.inputsOf(
      terms.outer,
      second.workers.map(({ finalState }) => finalState),
    )
    const changed = inputs.map((value, i) => (i === 9 ? nudged(value) : value))
    expect(await step({ inputs: [changed] })).toBe(`attest/broken-link: ${place}, "b1 of worker 2"`)
  })

  test('from the common state of the round before', async () => {
    expect(await step({}, terms.outer.state)).toBe(`attest/broken-link: ${place}, start`)
  })

  test('without its velocity', async () => {
    const still = first.outer.finalState.map((value, i) => (i < 4 ? value : terms.outer.state[i]))
    expect(await step({}, still)).toBe(`attest/broken-link: ${place}, start`)
  })

  test('made twice', async () => {
    const inputs = Diloco.inputsOf(
      terms.outer,
      second.workers.map(({ finalState }) => finalState),
    )
    expect(await step({ inputs: [inputs, inputs] })).toBe(`attest/wrong-terms: ${place}, steps`)
  })

  test('with another rate', async () => {
    const { program: other } = Diloco.outer(program(), { workers: 3, rate: 1 })
    expect(await step({ program: other })).toBe(`attest/wrong-terms: ${place}, program`)
  })
})

describe('a cheat', () => {
  test('among three workers fits into the chain and is named by round, worker and leaf', async () => {
    const idle = { runtime: idleAfter(2) }
    const rounds = await shipped(await chainOf([{}, { workers: { 1: idle } }, {}]))
    await verify(rounds, terms)
    for (const runtime of [reference(), ortWeb()]) {
      const found = await audit(rounds, runtime)
      expect(found.outcome).toBe('refuted')
      expect(found.refuted).toMatchObject({
        round: 1,
        worker: 1,
        provider: accounts[1].address.toLowerCase(),
        apart: { leaf: 2, field: 'stateAfter' },
      })
      expect(found.links.map((link) => `${nameOf(link)}: ${link.outcome}`)).toEqual([
        ...[0, 1, 2].map((worker) => `round 0, worker ${worker}: valid`),
        'round 0, outer step: valid',
        'round 1, worker 0: valid',
        'round 1, worker 1: refuted',
        'round 1, worker 2: valid',
        'round 1, outer step: valid',
      ])
    }
  })

  test('that combines is named as well', async () => {
    const rounds = await chainOf([{}, { outer: { runtime: leaving(([head, ...tail]) => [nudged(head), ...tail]) } }])
    await verify(rounds, terms)
    const { refuted } = await audit(rounds, reference())
    expect(refuted).toMatchObject({ round: 1, worker: undefined, apart: { leaf: 0, field: 'stateAfter' } })
  })

  test('is found by a sample that holds the false leaf, and only by one', async () => {
    const rounds = await chainOf([{ workers: { 2: { runtime: idleAfter(STEPS - 1) } } }])
    const looking = (leaf: number) =>
      audit(rounds, reference(), { leaves: (_, { worker }) => (worker === undefined ? [0] : [leaf]) })
    expect((await looking(1)).outcome).toBe('valid')
    expect((await looking(STEPS - 1)).refuted).toMatchObject({ round: 0, worker: 2, apart: { leaf: STEPS - 1 } })
  })

  test('is not audited leaf by leaf where its program refused the run, and the link is named', async () => {
    const [round] = await chainOf([{}])
    const { receipt } = round.workers[1]
    const refusal = { step: 0, node: 1, element: 0, reason: 'nan' } as const
    const refused = { ...round.workers[1], receipt: { ...receipt, refusal } }
    const found: unknown = await audit([withWorker(round, 1, refused)], reference()).catch((error: unknown) => error)
    expect(found).toMatchObject({ code: 'audit/refused-run', detail: { where: 'round 0, worker 1' } })
  })

  test('that trained on samples of its choice is named, whatever inputs its bundle is handed over with', async () => {
    const [{ workers }] = await chainOf([{}])
    const chosen = workers[0].inputs.at(0)!
    const at = (step: number) => [...chosen.slice(0, -1), workers[0].inputs.at(step)!.at(-1)!]
    const lie = await instead(workers[0], { inputs: { length: STEPS, at } }, accounts[0])
    const all = [lie, ...workers.slice(1)]
    const rounds = [{ workers: all, outer: await combine(all, terms.outer.state) }]
    await verify(rounds, terms)
    const { refuted } = await audit(rounds, reference())
    expect(refuted).toMatchObject({ round: 0, worker: 0, apart: { leaf: 1, field: 'inputs' } })
  })
})
