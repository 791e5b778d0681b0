/**
 * Real networks on real data: the digits of the fixtures, and models beside the repository where they are.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { replay } from '../../src/audit/replay.js'
import { fromHex } from '../../src/core/bytes.js'
import { equalBits, tensor, type Tensor } from '../../src/core/tensor.js'
import { readModel, readQuantized, writeQuantized } from '../../src/disk/index.js'
import { hash } from '../../src/exact/format.js'
import { inputsOf } from '../../src/exact/program.js'
import { quantizeFeed, type Feed } from '../../src/quantize/feeds.js'
import { exactRange } from '../../src/quantize/interval.js'
import { quantize, type Quantized } from '../../src/quantize/quantize.js'
import { encode } from '../../src/quantize/record.js'
import * as Bundle from '../../src/receipt/bundle.js'
import { jobFor, provide } from '../../src/receipt/provide.js'
import { fromRandom } from '../../src/receipt/signer.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { drawMany } from '../../scripts/digits/draw.js'
import { numbersFrom, randomTensor } from './programs.js'

const ROOT = new URL('../../', import.meta.url).pathname
const SHARED = join(ROOT, '../shared/models')

async function outputsOf(runtime: Runtime, { program, state }: Quantized, inputs: readonly (readonly Tensor[])[]) {
  const session = await runtime.open(program, state)
  const found: Tensor[] = []
  for (const feed of inputs) found.push((await session.step(feed)).outputs[0])
  await session.close()
  return found
}

async function demandSameBits(one: Quantized, count: number): Promise<void> {
  const next = numbersFrom(17)
  const inputs = Array.from({ length: count }, () =>
    inputsOf(one.program).map((type) => randomTensor(next, type, exactRange(type.dtype))),
  )
  const [first, ...others] = await Promise.all(
    [reference(), ortNode(), ortWeb()].map((runtime) => outputsOf(runtime, one, inputs)),
  )
  for (const other of others) other.forEach((output, i) => expect(equalBits(output, first[i])).toBe(true))
}

const best = ({ data }: Tensor): number => {
  const values = Array.from(data as BigInt64Array, Number)
  return values.indexOf(Math.max(...values))
}

describe('the digits of the fixtures', () => {
  const { side, digits } = JSON.parse(readFileSync(join(ROOT, 'fixtures/digits-test.json'), 'utf8')) as {
    side: number
    digits: { label: number; pixels: string }[]
  }
  const feedOf = (pixels: Uint8Array): Feed => ({ pixels: tensor('float32', [1, 1, side, side], [...pixels]) })
  let one: Quantized
  beforeAll(async () => {
    const { model } = await readModel(join(ROOT, 'fixtures/digits.onnx'))
    one = await quantize(model, {
      calibration: digits.map(({ pixels }) => feedOf(fromHex(pixels))),
      labels: digits.map(({ label }) => label),
      runtime: ortNode(),
    })
  })

  it('are read as before on the calibration data, each layer within 2 %', () => {
    const { report } = one
    expect(report.accuracy!.real - report.accuracy!.integer).toBeLessThanOrEqual(0.01)
    expect(report.accuracy!.real).toBeGreaterThan(0.95)
    expect(report.agreement).toBeGreaterThanOrEqual(0.99)
    for (const { error } of report.layers) expect(error).toBeLessThan(0.02)
    expect(report.inputs).toEqual([{ name: 'pixels', dtype: 'uint8', dims: [1, 1, 16, 16], exponent: 0, zero: 0 }])
    expect(report.widest).toBeLessThanOrEqual(24)
  })

  it('are read as well on 400 drawings that neither training nor calibration has seen: at most 1 % is lost', async () => {
    const { model } = await readModel(join(ROOT, 'fixtures/digits.onnx'))
    const unseen = drawMany('countersign digits, quantization', 400)
    const feeds = unseen.map(({ pixels }) => feedOf(pixels))
    const labels = unseen.map(({ label }) => label)
    const inputs = feeds.map((feed) => quantizeFeed(one.report.inputs, feed))
    const integer = (await outputsOf(ortNode(), one, inputs)).map(best)
    const { report } = await quantize(model, { calibration: feeds, labels, runtime: ortNode() })
    const right = integer.filter((digit, i) => digit === labels[i]).length / labels.length
    expect(report.accuracy!.real - right).toBeLessThanOrEqual(0.01)
    expect(report.accuracy!.real).toBeGreaterThan(0.9)
  }, 60_000)

  it('give the same bits on every runtime on 120 random inputs', async () => {
    await demandSameBits(one, 120)
  }, 60_000)

  it('make a receipt that is verified and replayed on another runtime, and one false number refutes it', async () => {
    const { program, state, report } = one
    const work = { program, state, inputs: [quantizeFeed(report.inputs, feedOf(fromHex(digits[7].pixels)))] }
    const job = await jobFor(work, { operatorTrace: true })
    const sealed = await provide(work, { job, runtime: ortNode(), signer: fromRandom() })
    const files = Bundle.encode(await sealed.reveal())
    const bundle = await Bundle.verify(await Bundle.decode(Bundle.readerOf(files)))
    for (const runtime of [reference(), ortWeb()]) expect((await replay(bundle, runtime)).outcome).toBe('valid')
    expect(best(bundle.outputs[0])).toBe(digits[7].label)
    const wrong = state.map((value, i) => (i === state.length - 1 ? bumped(value) : value))
    const cheating: Runtime = {
      ...reference(),
      async open(other, own, options) {
        const session = await reference().open(other, wrong, options)
        return {
          ...session,
          program: other,
          state: own,
          step: (given, more) => session.step(given, more),
          restart: async () => {},
          close: async () => {},
        }
      },
    }
    const claimed = await provide(work, { job: await jobFor(work), runtime: cheating, signer: fromRandom() })
    const found = await replay(await claimed.reveal(), reference())
    expect(found.outcome).toBe('refuted')
  })

  it('are written as a folder and read back the same', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quantized-'))
    try {
      await writeQuantized(one, join(folder, 'digits'))
      const back = await readQuantized(join(folder, 'digits'))
      expect(hash(back.program)).toEqual(hash(one.program))
      expect(back.report).toEqual(one.report)
      back.state.forEach((value, i) => expect(equalBits(value, one.state[i])).toBe(true))
      await expect(writeQuantized(one, join(folder, 'digits'))).rejects.toMatchObject({ code: 'bundle/exists' })
      const stranger = { ...one.report, inputs: one.report.inputs.map((input) => ({ ...input, name: 'other' })) }
      writeFileSync(join(folder, 'digits/quantization.json'), encode(stranger))
      await expect(readQuantized(join(folder, 'digits'))).rejects.toMatchObject({ code: 'exact/wrong-input' })
      writeFileSync(join(folder, 'digits/state.bin'), new Uint8Array(3))
      await expect(readQuantized(join(folder, 'digits'))).rejects.toMatchObject({ code: 'trace/bad-state' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

const bumped = (value: Tensor): Tensor => {
  const data = value.data.slice()
  data[0] = typeof data[0] === 'bigint' ? data[0] + 1n : data[0] + 1
  return { ...value, data }
}

interface Shared {
  readonly file: string
  readonly feeds: (folder: string) => readonly Feed[]
  readonly error: number
}

const json = (folder: string, name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'))
const inputData = (folder: string, name: string) => (json(folder, name) as { input_data: number[][] }).input_data

const MODELS: readonly Shared[] = [
  {
    file: 'mnist-8.onnx',
    feeds: (folder) =>
      (json(folder, 'mnist-8.digits.json') as { input: number[] }[]).map(({ input }) => ({
        Input3: tensor('float32', [1, 1, 28, 28], input),
      })),
    error: 0.03,
  },
  {
    file: 'ezkl_4l_relu_conv_fc.onnx',
    feeds: (folder) =>
      inputData(folder, 'ezkl_4l_relu_conv_fc.input.json').map((data) => ({
        input: tensor('float32', [1, 1, 28, 28], data),
      })),
    error: 0.01,
  },
  {
    file: 'ezkl_large_mlp.onnx',
    feeds: (folder) =>
      inputData(folder, 'ezkl_large_mlp.input.json').map((data) => ({ input: tensor('float32', [1, 100], data) })),
    error: 0.02,
  },
]

describe.each(MODELS)('$file', ({ file, feeds, error }) => {
  it.skipIf(!existsSync(join(SHARED, file)))(
    'is close to the real numbers, the same bits everywhere',
    async () => {
      const { model } = await readModel(join(SHARED, file))
      const one = await quantize(model, { calibration: feeds(SHARED), runtime: ortNode() })
      expect(one.report.agreement).toBe(1)
      for (const layer of one.report.layers) expect(layer.error).toBeLessThan(error)
      await demandSameBits(one, 100)
    },
    120_000,
  )
})
