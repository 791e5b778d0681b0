/** Answers that were not computed from what was asked. */
import { beforeAll, describe, expect, test } from 'vitest'
import { challenged } from '../../src/attest/challenge.js'
import { concat, utf8 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { verifyContent } from '../../src/receipt/bundle.js'
import { hash as hashClaim } from '../../src/receipt/claim.js'
import { jobFor, metadataOf, seal } from '../../src/receipt/provide.js'
import { verify as verifyReceipt } from '../../src/receipt/receipt.js'
import { reference } from '../../src/runtime/reference.js'
import { digestOf } from '../../src/trace/digests.js'
import { contentOf, record, type Trace } from '../../src/trace/trace.js'
import { leafOf } from '../../src/trace/step.js'
import { NETWORKS, network, weights } from '../autodiff/networks.js'
import { node } from '../onnx/build.js'
import { addressOf, alice, codeOf, fill } from '../receipt/samples.js'
import { answer, asked, claiming, deep, fateOf, served } from './answers.js'
import { changed } from './downgraded.js'
import { hitProbability, interval, nonceOf } from './verifier.js'

const model = served(deep())
const { inputs } = deep()

/** The same input with one number off by so much. */
const similar = (by: number) => changed(inputs, 0, (data) => void (data[7] += by))
const bitOf = (tensors: readonly Tensor[], element: number): readonly Tensor[] =>
  changed(tensors, 0, (data) => void (new Uint32Array(data.buffer)[element] ^= 1))

describe('a changed prompt', () => {
  const chat = () => {
    const { compiled, inputs } = NETWORKS.transformer()
    return { model: { program: compiled.program, state: compiled.state }, prompt: inputs }
  }
  const other = (prompt: readonly Tensor[]): readonly Tensor[] => {
    const [{ dims, data }] = prompt
    const tokens = (data as BigInt64Array).slice()
    tokens[3] = (tokens[3] + 1n) % 7n
    return [tensor('int64', dims, tokens)]
  }

  test('answered, and named as the input, is refused as receipt/wrong-inputs', async () => {
    const { model, prompt } = chat()
    const told = { outputs: await answer(model, other(prompt)), inputs: other(prompt) }
    expect(await fateOf(await claiming(await asked(model, prompt), told))).toBe('receipt/wrong-inputs')
  })

  test('answered, with the ordered one named, is refuted by a replay', async () => {
    const { model, prompt } = chat()
    const outputs = await answer(model, other(prompt))
    expect(await fateOf(await claiming(await asked(model, prompt), { outputs }))).toBe('refuted')
  })

  test('the honest answer to the ordered one passes', async () => {
    const { model, prompt } = chat()
    const outputs = await answer(model, prompt)
    expect(await fateOf(await claiming(await asked(model, prompt), { outputs }))).toBe('valid')
  })
})

describe('a cached answer for a similar input', () => {
  test.each([0.1, 1e-3, 1e-5])('that differs by %d in one number is refuted by a replay', async (by) => {
    const outputs = await answer(model, similar(by))
    expect(await fateOf(await claiming(await asked(model, inputs), { outputs }))).toBe('refuted')
  })

  test('for the same input passes: the answer is the one that there is', async () => {
    const cached = await answer(model, inputs)
    for (let again = 0; again < 2; again++)
      expect(await fateOf(await claiming(await asked(model, inputs), { outputs: cached }))).toBe('valid')
  })

  test('with its receipt, signed for another job, is refused as receipt/wrong-job', async () => {
    const cached = await claiming(await asked(model, inputs), { outputs: await answer(model, inputs) })
    const fresh = await jobFor({ ...model, inputs: [inputs] }, { salt: fill(6) })
    expect(await codeOf(() => verifyReceipt(cached.receipt, { job: fresh.job }))).toBe('receipt/wrong-job')
    expect(await codeOf(() => verifyReceipt({ ...cached.receipt, job: fresh.job }))).toBe('receipt/wrong-job')
    await expect(verifyReceipt(cached.receipt, { job: cached.receipt.job })).resolves.toBeDefined()
  })
})

/** A token drawn from logits: the noise of a seed is an input, the temperature a weight. */
describe('another sampler', () => {
  const sampler = (temperature: number) => {
    const { compiled } = network({
      nodes: [node('Div(x, temperature) -> scaled'), node('Add(scaled, noise) -> s'), node('ArgMax(s) -> y')],
      parameters: { temperature: tensor('float32', [1], [temperature]), noise: weights([3, 7], 2, 9) },
      input: weights([3, 7], 2, 8),
      labels: tensor('int64', [3], [0n, 1n, 2n]),
    })
    return { program: compiled.program, state: compiled.state }
  }
  const logits = [weights([3, 7], 2, 8)]
  const seeded = (seed: number) => {
    const own = sampler(1)
    const at = own.program.names.parameters.indexOf('noise')
    return { ...own, state: own.state.map((one, i) => (i === at ? weights([3, 7], 2, seed) : one)) }
  }

  test.each([
    ['a changed seed', () => seeded(11)],
    ['a changed temperature', () => sampler(0.05)],
  ])('%s is refuted by a replay, and receipt/wrong-state where it is sent along', async (_name, other) => {
    const order = await asked(sampler(1), logits)
    const outputs = await answer(other(), logits)
    expect(await fateOf(await claiming(order, { outputs }))).toBe('refuted')
    expect(await fateOf(await claiming(order, { outputs, model: other() }))).toBe('receipt/wrong-state')
    expect(await fateOf(await claiming(order, { outputs: await answer(sampler(1), logits) }))).toBe('valid')
  })
})

describe('honest on a fraction of the jobs alone', () => {
  const [JOBS, LIES, DRAWS] = [40, 8, 2000]
  const lies = (job: number) => job % 5 === 2
  let fates: string[]
  let seeds: Uint8Array[]
  beforeAll(async () => {
    fates = []
    seeds = []
    for (let i = 0; i < JOBS; i++) {
      const job = await jobFor({ ...model, inputs: [inputs] }, { salt: sha256(utf8(`job ${i}`)) })
      const order = { job, work: { ...model, inputs: [inputs] } }
      const outputs = lies(i) ? await answer(model, similar(0.01)) : await answer(model, inputs)
      const bundle = await claiming(order, { outputs })
      fates.push(await fateOf(bundle))
      seeds.push(hashClaim(bundle.receipt.receipt.claim))
    }
  }, 60_000)

  test('replays refute exactly the jobs that it lied about', () => {
    expect(fates).toEqual(Array.from({ length: JOBS }, (_, i) => (lies(i) ? 'refuted' : 'valid')))
    expect(fates.filter((fate) => fate === 'refuted').length).toBe(LIES)
  })

  test.each([1, 4, 10])('audits of %i of 40 jobs, drawn after all claims, meet a lie as often as stated', (count) => {
    const claim = sha256(concat(...seeds))
    const source = { claim, provider: addressOf(alice), policy: fill(2) }
    const met = Array.from({ length: DRAWS }, (_, n) =>
      challenged({ ...source, beacon: nonceOf(n) }, { count, total: JOBS }),
    ).filter((drawn) => drawn.some((job) => fates[job] === 'refuted')).length
    const [low, high] = interval(DRAWS, hitProbability({ count, total: JOBS }, LIES))
    expect(met).toBeGreaterThanOrEqual(low)
    expect(met).toBeLessThanOrEqual(high)
  })
})

describe('steganography', () => {
  test.each([0, 7, 19])('a message of one bit, the lowest of output %i, is refuted by a replay', async (element) => {
    const outputs = await answer(model, inputs)
    const order = await asked(model, inputs)
    expect(await fateOf(await claiming(order, { outputs: bitOf(outputs, element) }))).toBe('refuted')
    expect(await fateOf(await claiming(order, { outputs: bitOf(bitOf(outputs, element), element) }))).toBe('valid')
  })
})

describe('numbers that compare equal, or with nothing', () => {
  const edge = () => {
    const x = tensor('float32', [6], [0, -0, 1e-40, -1e-40, 3e38, -3e38])
    const { compiled } = network({
      nodes: [node('Mul(x, factor) -> y')],
      parameters: { factor: tensor('float32', [1], [2]) },
      input: x,
      labels: tensor('int64', [1], [0n]),
    })
    return { model: { program: compiled.program, state: compiled.state }, inputs: [x] }
  }
  const fate = async (change: (data: Float32Array) => void) => {
    const { model, inputs } = edge()
    const outputs = changed(await answer(model, inputs), 0, change)
    return fateOf(await claiming(await asked(model, inputs), { outputs }))
  }

  test('zeros of both signs, denormals and infinities of an honest answer pass', async () => {
    const { model, inputs } = edge()
    const [{ data }] = await answer(model, inputs)
    const honest = [0, -0, 2 * Math.fround(1e-40), -2 * Math.fround(1e-40), Infinity, -Infinity]
    expect([...(data as Float32Array)].map((value, i) => Object.is(value, honest[i]))).toEqual(honest.map(() => true))
    expect(await fate(() => undefined)).toBe('valid')
  })

  test.each([
    ['+0 where it is -0', (data: Float32Array) => void (data[1] = 0)],
    ['-0 where it is +0', (data: Float32Array) => void (data[0] = -0)],
    ['a denormal flushed to zero', (data: Float32Array) => void (data[2] = 0)],
    ['the largest number in place of infinity', (data: Float32Array) => void (data[4] = 3.4028234663852886e38)],
    ['infinity of the other sign', (data: Float32Array) => void (data[5] = Infinity)],
    ['a NaN, which no comparison finds too far away', (data: Float32Array) => void (data[3] = NaN)],
  ])('%s is refuted by a replay', async (_name, change) => expect(await fate(change)).toBe('refuted'))

  test('every NaN is committed as the one canonical NaN: no message fits into its bits', () => {
    const nan = (bits: number) => tensor('float32', [1], new Float32Array(Uint32Array.of(bits).buffer))
    const canonical = digestOf(nan(0x7fc00000))
    for (const bits of [0x7fc00001, 0x7f800001, 0xffc00000, 0xffffffff]) expect(digestOf(nan(bits))).toEqual(canonical)
    expect(digestOf(nan(0x7f800000))).not.toEqual(canonical) // infinity is no NaN
  })
})

describe('activations under an operator trace', () => {
  let trace: Trace
  beforeAll(async () => {
    trace = await record({ ...model, inputs: [inputs] }, reference(), { operatorTrace: true })
  })

  /** The value of a node in the middle, changed, in a bundle that commits what it shows. */
  async function recommitted(change: (tensor: Tensor) => Tensor) {
    const job = await jobFor({ ...model, inputs: [inputs] }, { salt: fill(5), operatorTrace: true })
    const at = model.program.values.findIndex(({ kind }) => kind === 'node') + 2
    const values = trace.values!.map((list) => list.map((one, i) => (i === at ? change(one) : one)))
    const { stateBefore: before, stateAfter: after } = trace.leaves[0]
    const steps = [contentOf({ inputs, values: values[0], outputs: trace.outputs })]
    const leaves = [leafOf(0, { before, after }, { steps, commitEvery: 1 })]
    const metadata = await metadataOf(reference())
    const sealed = await seal({ ...trace, values, steps: leaves, leaves }, { job, signer: alice, metadata })
    return sealed.reveal()
  }
  const floats = (change: (data: Float32Array) => Float32Array) => (one: Tensor) => ({
    ...one,
    data: change(one.data as Float32Array),
  })

  test('with the other sign, permuted or set to zero are refuted, though outputs and states are right', async () => {
    expect(await fateOf(await recommitted((one) => one))).toBe('valid')
    expect(await fateOf(await recommitted(floats((data) => data.map((value) => -value))))).toBe('refuted')
    expect(await fateOf(await recommitted(floats((data) => data.slice().reverse())))).toBe('refuted')
    expect(await fateOf(await recommitted(floats((data) => new Float32Array(data.length))))).toBe('refuted')
  })

  test('that are not the committed ones are refused as receipt/wrong-values', async () => {
    const bundle = await recommitted((one) => one)
    const values = bundle.values!.map((list) => list.map((one, i) => (i === list.length - 1 ? negated(one) : one)))
    expect(await fateOf(bundle)).toBe('valid')
    expect(await codeOf(() => verifyContent({ ...bundle, values }))).toBe('receipt/wrong-values')
  })
  const negated = floats((data) => data.map((value) => -value))
})
