import { describe, expect, it } from 'vitest'
import { equalBits, tensor, type Tensor } from '../../src/core/tensor.js'
import { inputsOf, type Program } from '../../src/exact/program.js'
import { exactRange } from '../../src/quantize/interval.js'
import { quantizeFeed } from '../../src/quantize/feeds.js'
import { OPERATORS } from '../../src/quantize/operators.js'
import { quantize, type Quantized } from '../../src/quantize/quantize.js'
import { decode, encode } from '../../src/quantize/record.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { MODELS, modelOf, node, real, type Small } from './models.js'
import { bigOf, naive } from './naive.js'
import { numbersFrom, randomTensor } from './programs.js'

/** Inputs with negative and positive numbers, of different magnitude. */
const feedsOf = (dims: readonly number[], count: number) =>
  Array.from({ length: count }, (_, i) => ({ x: real(dims, 100 + i, 1 + (i % 3)) }))

const made = new Map<string, Promise<Quantized>>()
const quantized = (small: Small) => {
  const found = made.get(small.name)
  if (found !== undefined) return found
  const fresh = quantize(modelOf(small), { calibration: feedsOf(small.dims, 8), runtime: reference() })
  made.set(small.name, fresh)
  return fresh
}

async function outputsOf(runtime: Runtime, { program, state }: Quantized, inputs: readonly (readonly Tensor[])[]) {
  const session = await runtime.open(program, state)
  const outputs: (readonly Tensor[])[] = []
  for (const feed of inputs) outputs.push((await session.step(feed)).outputs)
  await session.close()
  return outputs
}

function randomInputs(program: Program, count: number): Tensor[][] {
  const next = numbersFrom(count)
  return Array.from({ length: count }, () =>
    inputsOf(program).map((type) => randomTensor(next, type, exactRange(type.dtype))),
  )
}

describe.each(MODELS)('$name', (small) => {
  it('is close to the real numbers', async () => {
    const { report } = await quantized(small)
    const last = report.layers[report.layers.length - 1]
    for (const { error } of report.layers) expect(error).toBeLessThan(small.error ?? 0.03)
    expect(last.operator).not.toBe('input')
    expect(report.samples).toBe(8)
    expect(report.agreement ?? 1).toBeGreaterThan(0.8)
    expect(report.widest).toBeLessThan(48)
  })

  it('gives the same bits on every runtime on 100 random inputs, and what integers of any size give', async () => {
    const one = await quantized(small)
    const inputs = randomInputs(one.program, 100)
    const expected = await outputsOf(reference(), one, inputs)
    for (const runtime of [ortNode(), ortWeb()]) {
      const found = await outputsOf(runtime, one, inputs)
      found.forEach((outputs, i) =>
        outputs.forEach((output, k) => expect(equalBits(output, expected[i][k])).toBe(true)),
      )
    }
    if (small.dims.length === 3 && small.name.startsWith('Conv')) return // the naive convolution is one of pictures
    inputs.slice(0, 5).forEach((feed, i) => {
      const values = naive(one.program, [...one.state, ...feed])
      one.program.outputs.forEach((number, k) => expect(bigOf(expected[i][k]).data).toEqual(values[number].data))
    })
  })
})

describe('the quantizer', () => {
  const small = MODELS[4]

  it('gives the same program and report on every runtime', async () => {
    const one = await quantized(small)
    const other = await quantize(modelOf(small), { calibration: feedsOf(small.dims, 8), runtime: ortWeb() })
    expect(other.program).toEqual(one.program)
    expect(other.report).toEqual(one.report)
    other.state.forEach((value, i) => expect(equalBits(value, one.state[i])).toBe(true))
  })

  it('holds weights in 8 bits and the rest of the state in 64', async () => {
    for (const each of MODELS) {
      const { program, state } = await quantized(each)
      state.forEach(({ dtype }, i) => {
        const name = program.names.parameters[i]
        const types = name.includes('.bias') ? ['int64'] : name.includes('.factor') ? ['int8', 'int16'] : ['int8']
        expect(types).toContain(dtype)
      })
    }
  })

  it('works a normalisation into the product before it, so that no multiplication is left', async () => {
    const { program, report } = await quantized(
      MODELS.find(({ name }) => name.startsWith('BatchNormalization behind'))!,
    )
    expect(program.names.parameters).toEqual(['n.weight', 'n.bias'])
    expect(program.values.filter((value) => value.kind === 'node' && value.op === 'Mul')).toEqual([])
    expect(report.layers.map(({ tensor }) => tensor)).toEqual(['x', 'n', 'y'])
  })

  it('says what it left out and what the output holds', async () => {
    const { report, program } = await quantized(MODELS.find(({ name }) => name.startsWith('LogSoftmax'))!)
    expect(report.outputs[0]).toMatchObject({ name: 'g', leftOut: { output: 'y', operator: 'LogSoftmax' } })
    expect(program.names.outputs).toEqual(['g'])
  })

  it('gives places as they are', async () => {
    const { report, program } = await quantized(MODELS.find(({ name }) => name.startsWith('ArgMax'))!)
    expect(report.outputs[0]).toEqual({ name: 'y', exponent: null, leftOut: null })
    expect(program.values[program.outputs[0]].dtype).toBe('int64')
  })

  it('says nothing of agreement where rows have one number', async () => {
    const { report } = await quantized(MODELS.find(({ name }) => name === 'GlobalMaxPool')!)
    expect(report.agreement).toBeNull()
  })

  it('counts what labels say', async () => {
    const dense = MODELS.find(({ name }) => name.startsWith('Softmax'))!
    const calibration = feedsOf(dense.dims, 2)
    const { report } = await quantize(modelOf(dense), {
      calibration,
      runtime: reference(),
      labels: [0, 1, 2, 3, 4, 0, 1, 2],
    })
    expect(Math.abs(report.accuracy!.real - report.accuracy!.integer)).toBeLessThanOrEqual(0.125)
    expect(report.accuracy!.real).toBeLessThan(1)
  })

  it('refuses labels that are not one for each row', async () => {
    const dense = MODELS.find(({ name }) => name.startsWith('Softmax'))!
    const options = { calibration: feedsOf(dense.dims, 2), runtime: reference(), labels: [0, 1, 2] }
    await expect(quantize(modelOf(dense), options)).rejects.toMatchObject({ code: 'quantize/bad-calibration' })
  })

  it('stops where it is told to', async () => {
    const signal = AbortSignal.abort()
    const options = { calibration: feedsOf(small.dims, 2), runtime: reference(), signal }
    await expect(quantize(modelOf(small), options)).rejects.toMatchObject({ code: 'core/aborted' })
  })

  it('writes a report that reads back the same, and refuses a field that it does not know', async () => {
    const { report } = await quantized(small)
    expect(decode(encode(report))).toEqual(report)
    const text = new TextDecoder().decode(encode(report)).replace('"widest"', '"wildest"')
    expect(() => decode(new TextEncoder().encode(text))).toThrow(
      expect.objectContaining({ code: 'core/unknown-field' }),
    )
    const cut = new TextEncoder().encode(text.slice(0, -1))
    expect(() => decode(cut)).toThrow(expect.objectContaining({ code: 'core/bad-json' }))
  })
})

describe('inputs of real numbers', () => {
  const input = { name: 'x', dtype: 'int8', dims: [6], exponent: -1, zero: 0 } as const

  it('are rounded half up and clamped', () => {
    const x = tensor('float32', [6], [0.25, -0.25, 0.75, 1000, -1000, 3])
    expect([...quantizeFeed([input], { x })[0].data]).toEqual([1, 0, 2, 127, -128, 6])
  })

  it('are moved by the zero point before they are clamped', () => {
    const x = tensor('float32', [6], [0, 1, -1, 1000, -1000, 0.25])
    const found = quantizeFeed([{ ...input, dtype: 'uint8', zero: 128 }], { x })[0]
    expect([...found.data]).toEqual([128, 130, 126, 255, 0, 129])
  })

  it('are taken as they are where they have the type of the program', () => {
    const x = tensor('int8', [6], [1, 2, 3, 4, 5, 6])
    expect(quantizeFeed([input], { x })[0]).toBe(x)
  })

  it.each([
    ['a missing one', {}, 'exact/missing-input'],
    ['another shape', { x: real([5], 1) }, 'exact/wrong-input'],
    ['another type', { x: tensor('uint8', [6], new Uint8Array(6)) }, 'exact/wrong-input'],
    ['a NaN', { x: tensor('float32', [6], [NaN, 0, 0, 0, 0, 0]) }, 'quantize/bad-calibration'],
  ])('%s is refused: %s', (_, feed, code) => {
    expect(() => quantizeFeed([input], feed as { x: Tensor })).toThrow(expect.objectContaining({ code }))
  })
})

describe('what has no integer form is refused by name before anything runs', () => {
  const never: Runtime = {
    name: 'never',
    describe: () => expect.unreachable(),
    open: () => expect.unreachable('nothing may run'),
  }
  const refusal = (small: Omit<Small, 'name'>, calibration = feedsOf(small.dims, 1)) =>
    quantize(modelOf({ name: '', ...small }), { calibration, runtime: never }).then(
      () => expect.unreachable(),
      (error: { code: string; message: string }) => error,
    )

  it.each(['Sigmoid', 'Tanh', 'Gelu', 'LayerNormalization', 'LSTM', 'DynamicQuantizeLinear', 'Resize', 'Loop'])(
    '%s',
    async (op) => {
      const error = await refusal({ dims: [2], nodes: [node(op, ['x'], 'n'), node('Relu', ['n'], 'y')] })
      expect(error).toMatchObject({ code: 'quantize/unsupported-operator' })
      expect(error.message).toContain(`${op}, node "n"`)
    },
  )

  it('an operator of another domain', async () => {
    const foreign = { ...node('Relu', ['x'], 'y'), domain: 'com.example' }
    const error = await refusal({ dims: [2], nodes: [foreign] })
    expect(error).toMatchObject({ code: 'quantize/unsupported-operator' })
    expect(error.message).toContain('com.example.Relu')
  })

  it('a softmax that is not the last operator', async () => {
    const nodes = [node('Softmax', ['x'], 's'), node('Relu', ['s'], 'y')]
    expect((await refusal({ dims: [2, 2], nodes })).message).toContain('Softmax, node "s"')
  })

  it('a convolution of two values', async () => {
    const nodes = [node('Conv', ['x', 'x'], 'y')]
    const small = { name: '', dims: [2, 2, 1, 1], nodes }
    const made = quantize(modelOf(small), { calibration: feedsOf(small.dims, 1), runtime: reference() })
    await expect(made).rejects.toMatchObject({ code: 'quantize/unsupported-operator' })
  })

  it('a division by a value, by the name of its tensor', async () => {
    const nodes = [node('Abs', ['x'], 'a'), node('Div', ['x', 'a'], 'quotient')]
    const calibration = [{ x: tensor('float32', [2], [1, 2]) }]
    const made = quantize(modelOf({ name: '', dims: [2], nodes }), { calibration, runtime: reference() })
    await expect(made).rejects.toMatchObject({ code: 'quantize/unsupported-operator', detail: { where: 'quotient' } })
  })

  it('calibration data that is missing, uneven or not finite', async () => {
    const nodes = [node('Relu', ['x'], 'y')]
    const calibrations = [[], [{ y: real([2], 1) }], [{ x: real([2], 1) }, { x: real([3], 1) }]]
    for (const calibration of calibrations) {
      const error = await refusal({ dims: [2], nodes }, calibration as { x: Tensor }[])
      expect(['quantize/bad-calibration', 'exact/missing-input']).toContain(error.code)
    }
    const infinite = [{ x: tensor('float32', [1], [Infinity]) }]
    const made = quantize(modelOf({ name: '', dims: [1], nodes }), { calibration: infinite, runtime: reference() })
    await expect(made).rejects.toMatchObject({ code: 'quantize/bad-calibration' })
  })
})

it('every operator of the table is in a model of these tests', () => {
  const quantizedForms = ['Cast', 'Constant', 'ConstantOfShape', 'Shape', 'Size', 'ReduceMin', 'ArgMin']
  const other = /Linear|QLinear|Integer/
  const used = new Set(MODELS.flatMap(({ nodes }) => nodes.map(({ op }) => op)))
  const missing = Object.keys(OPERATORS).filter((op) => !used.has(op) && !other.test(op))
  expect(missing.sort()).toEqual([...quantizedForms].sort())
})
