import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inputsOf, outer, startOf, type OuterOptions } from '../../src/autodiff/diloco.js'
import * as Optimizer from '../../src/autodiff/optimizers.js'
import * as Training from '../../src/autodiff/training.js'
import { bytesOf, equalBits, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { hash } from '../../src/exact/format.js'
import type { Program } from '../../src/exact/program.js'
import { reference } from '../../src/runtime/reference.js'
import { Refusal } from '../../src/runtime/runtime.js'
import { RUNTIMES } from '../exact/conform.js'
import { faultOf } from '../onnx/build.js'
import { NETWORKS, weights } from './networks.js'

/** One weight vector of this type, trained towards its targets. */
function line(dtype: DType, size: number, options: { optimizer?: Optimizer.Optimizer } = {}): Training.Training {
  const b = new Builder()
  const initial = tensor(
    dtype,
    [size],
    Array.from({ length: size }, (_, i) => (dtype.endsWith('16') ? 0 : (i - 1) / 8)),
  )
  const w = b.parameter('w', initial)
  const x = b.input('x', { dtype, dims: [size] })
  const { program } = b.finish({ outputs: [['y', b.mul(w, x)]] })
  const { optimizer = Optimizer.adam(0.1) } = options
  return Training.from({ program, state: [initial], bound: {} }, { loss: 'mean-squared-error', optimizer })
}

/** The state and the outputs after one outer step, the same bits on every runtime. */
async function stepped(
  program: Program,
  state: readonly Tensor[],
  inputs: readonly Tensor[],
  runtimes = RUNTIMES,
): Promise<{ state: readonly Tensor[]; outputs: readonly Tensor[] }> {
  const found = []
  for (const runtime of runtimes) {
    const session = await runtime.open(program, state)
    const { outputs } = await session.step(inputs)
    found.push({ state: session.state, outputs })
    await session.close()
  }
  const [first, ...others] = found
  const bits = ({ state: s, outputs }: typeof first) =>
    [...s, ...outputs].map((t) => Buffer.from(bytesOf(t)).toString('hex'))
  for (const other of others) expect(bits(other)).toEqual(bits(first))
  return first
}

const values = ({ data }: Tensor) => Array.from(data, Number)
const vectors = (rows: readonly (readonly number[])[], dtype: DType = 'float32') =>
  rows.map((row) => tensor(dtype, [row.length], row))

/** Finite floats of every size, both zeros and subnormal ones among them. */
const single = fc.float({ noNaN: true, noDefaultInfinity: true })
const rowsOf = (size: number, options: { min: number; max: number }) =>
  fc.array(fc.array(single, { minLength: size, maxLength: size }), { minLength: options.min, maxLength: options.max })

describe('an outer step with rate 1 and no momentum', () => {
  const mean = (workers: number) => outer(line('float32', 3), { workers, rate: 1, momentum: 0 })

  test('over one worker leaves the bits of this worker', async () => {
    const { program, state } = mean(1)
    await fc.assert(
      fc.asyncProperty(rowsOf(3, { min: 1, max: 1 }), async (rows) => {
        const [worker] = vectors(rows)
        const next = await stepped(program, state, [worker], [reference()])
        expect(equalBits(next.state[0], worker)).toBe(true)
      }),
    )
    const hard = tensor('float32', [3], [-0, 1e-45, -3.4e38])
    expect(equalBits((await stepped(program, state, [hard])).state[0], hard)).toBe(true)
  })

  test('over workers that agree leaves their values, whatever the number of workers', async () => {
    for (const workers of [2, 3, 7, 10]) {
      const { program, state } = mean(workers)
      await fc.assert(
        fc.asyncProperty(rowsOf(3, { min: 1, max: 1 }), async ([row]) => {
          const all = Array.from({ length: workers }, () => vectors([row])[0])
          expect(values((await stepped(program, state, all, [reference()])).state[0]).map((x) => x + 0)).toEqual(
            row.map((x) => x + 0),
          )
        }),
        { numRuns: 30 },
      )
    }
  })

  test('gives the mean, rounded once, on every runtime', async () => {
    const { program, state } = mean(3)
    const workers = vectors([
      [1, 0.1, 3e38],
      [2, 0.2, 3e38],
      [4, 0.3, 3e38],
    ])
    const { state: next } = await stepped(program, state, workers)
    const [a, b, c] = workers.map(({ data }) => Number(data[1]))
    expect(values(next[0])).toEqual([Math.fround(7 / 3), Math.fround((a + b + c) / 3), Math.fround(3e38)])
  })
})

test('the order of the workers has no influence', async () => {
  const { program, state } = outer(line('float32', 4), { workers: 5 })
  await fc.assert(
    fc.asyncProperty(
      rowsOf(4, { min: 5, max: 5 }).chain((rows) =>
        fc.tuple(fc.constant(rows), fc.shuffledSubarray(rows, { minLength: 5, maxLength: 5 })),
      ),
      async ([rows, shuffled]) => {
        const one = await stepped(program, state, vectors(rows), [reference()]).catch((e: unknown) => e)
        const other = await stepped(program, state, vectors(shuffled), [reference()]).catch((e: unknown) => e)
        expect(other).toEqual(one)
      },
    ),
  )
})

describe('an outer step follows the published formula', () => {
  const GRADIENT_ROUNDS = [
    [0.5, -0.25],
    [0.125, 2],
    [0, -1],
  ]

  /** The common parameter after every round, by the formula in binary64, and by the program on every runtime. */
  async function compared(options: Omit<OuterOptions, 'workers'>, formula: (v: number, g: number) => [number, number]) {
    const made = outer(line('float32', 2), { workers: 2, ...options })
    let { state } = made
    let expected = values(state[0]).map((p) => ({ p, v: 0 }))
    for (const shift of GRADIENT_ROUNDS) {
      const reached = [0.5, 1.5].map((share) =>
        tensor(
          'float32',
          [2],
          values(state[0]).map((p, i) => p - share * shift[i]),
        ),
      )
      state = (await stepped(made.program, state, reached)).state
      expected = expected.map(({ p, v }, i) => {
        const [velocity, direction] = formula(v, shift[i])
        return { p: p - (options.rate ?? 0.7) * direction, v: velocity }
      })
      expected.forEach(({ p }, i) => expect(values(state[0])[i]).toBeCloseTo(p, 5))
      if (state.length > 1) expected.forEach(({ v }, i) => expect(values(state[1])[i]).toBeCloseTo(v, 5))
    }
    return made
  }

  test('by default Nesterov momentum 0.9 with rate 0.7', async () => {
    const next = (v: number, g: number): [number, number] => [0.9 * v + g, g + 0.9 * (0.9 * v + g)]
    const made = await compared({}, next)
    expect(made.program.names.parameters).toEqual(['w', 'velocity of w'])
    expect(made.program.names.inputs).toEqual(['w of worker 0', 'w of worker 1'])
  })

  test('with momentum that does not look ahead', async () => {
    const next = (v: number, g: number): [number, number] => [0.5 * v + g, 0.5 * v + g]
    await compared({ rate: 0.3, momentum: 0.5, nesterov: false }, next)
  })

  test('without momentum, and then without velocities', async () => {
    const made = await compared({ rate: 0.4, momentum: 0 }, (_, g) => [g, g])
    expect(made.state).toHaveLength(1)
  })

  test('and reports the norm of the outer gradient, also where its square does not fit into binary32', async () => {
    const { program } = outer(line('float32', 2), { workers: 2 })
    const state = vectors([
      [3e30, 4e30],
      [0, 0],
    ])
    const workers = vectors([
      [0, 0],
      [0, 0],
    ])
    const { outputs } = await stepped(program, state, workers)
    expect(program.names.outputs).toEqual(['norm'])
    expect(values(outputs[0])[0] / 5e30).toBeCloseTo(1, 6)
  })
})

test('every float type has its outer step', async () => {
  const ones = {
    float64: [1, 1.5, 2],
    float32: [1, 1.5, 2],
    float16: [0x3c00, 0x3e00, 0x4000],
    bfloat16: [0x3f80, 0x3fc0, 0x4000],
  }
  for (const [name, [one, middle, two]] of Object.entries(ones)) {
    const dtype = name as DType
    const { program, state } = outer(line(dtype, 1), { workers: 2, rate: 1, momentum: 0 })
    const { state: next } = await stepped(program, state, vectors([[one], [two]], dtype))
    expect(values(next[0]), name).toEqual([middle])
  }
})

describe('what is common', () => {
  const training = () =>
    Training.from(NETWORKS.mlp().compiled, { loss: 'softmax-cross-entropy', optimizer: Optimizer.adam(0.01) })

  test('is what steps train, without the tensors of the optimizer', () => {
    const made = outer(training(), { workers: 2 })
    const names = ['w1', 'b1', 'w2', 'b2']
    expect(made.common.map((at) => made.inner.program.names.parameters[at]).sort()).toEqual([...names].sort())
    expect(made.program.counts).toMatchObject({ parameters: 8, inputs: 8 })
  })

  test('leaves out what is frozen, which every worker has from the training program', () => {
    const frozen = Training.from(NETWORKS.mlp().compiled, {
      loss: 'softmax-cross-entropy',
      optimizer: Optimizer.sgd(0.1, { momentum: 0.5 }),
      trainable: (name) => name.endsWith('2'),
    })
    const made = outer(frozen, { workers: 2 })
    const moved = made.state.map(({ dtype, dims }, i) =>
      dtype === 'float32' ? weights(dims, 1, 40 + i) : made.state[i],
    )
    const start = startOf(made, moved)
    made.inner.program.names.parameters.forEach((name, at) => {
      const common = made.common.indexOf(at)
      const expected = common >= 0 ? moved[common] : frozen.state[at]
      expect(equalBits(start[at], expected), name).toBe(true)
    })
  })

  test('begins every round with zeros for the optimizer, whatever its tensors held', () => {
    const fresh = training()
    const used = { ...fresh, state: fresh.state.map(({ dims }, i) => weights(dims, 1, 60 + i)) }
    const made = outer(used, { workers: 2 })
    startOf(made, made.state).forEach((value, at) => {
      const common = made.common.includes(at)
      expect(values(value).every((x) => x === 0)).toBe(!common)
    })
  })

  test('are running statistics too: they become their mean, without rate and velocity', async () => {
    const b = new Builder()
    const [w, m] = [tensor('float32', [2], [1, 2]), tensor('float32', [2], [10, 20])]
    const [weight, statistic] = [b.parameter('w', w), b.parameter('m', m)]
    const x = b.input('x', { dtype: 'float32', dims: [2] })
    const outputs = [
      ['y', b.mul(weight, b.add(x, statistic))],
      ['next', b.add(statistic, x)],
    ] as const
    const { program } = b.finish({ outputs })
    const running = Training.from(
      { program, state: [w, m], bound: {} },
      {
        loss: 'mean-squared-error',
        optimizer: Optimizer.adam(0.1),
        running: { m: 'next' },
      },
    )
    const made = outer(running, { workers: 2 })
    expect(made.program.names.parameters).toEqual(['w', 'm', 'velocity of w'])
    const inputs = vectors([
      [1, 2],
      [0, 4],
      [1, 2],
      [2, 8],
    ])
    const { state, outputs: reported } = await stepped(made.program, made.state, inputs)
    expect(state.map(values)).toEqual([
      [1, 2],
      [1, 6],
      [0, 0],
    ])
    expect(values(reported[0])).toEqual([0])
  })

  test('goes into the outer step worker by worker', () => {
    const made = outer(training(), { workers: 2 })
    const reached = [0, 1].map((worker) => made.inner.state.map(({ dims }, i) => weights(dims, 1, 100 * worker + i)))
    const inputs = inputsOf(made, reached)
    made.program.names.inputs.forEach((name, i) => {
      const [, parameter, worker] = /^(.*) of worker (.*)$/.exec(name)!
      const at = made.inner.program.names.parameters.indexOf(parameter)
      expect(inputs[i]).toBe(reached[Number(worker)][at])
    })
    expect(faultOf(() => inputsOf(made, reached.slice(1)))).toBe('exact/missing-input')
    expect(faultOf(() => inputsOf(made, [reached[0], reached[1].slice(1)]))).toBe('exact/missing-input')
  })
})

test('a worker with an infinite weight refuses the outer step', async () => {
  const { program, state } = outer(line('float32', 2), { workers: 2 })
  const workers = vectors([
    [1, 2],
    [1, Infinity],
  ])
  for (const runtime of RUNTIMES) {
    const session = await runtime.open(program, state)
    await expect(session.step(workers)).rejects.toBeInstanceOf(Refusal)
    await session.close()
  }
})

test('the program depends on the options, and on nothing else', () => {
  const program = (options: OuterOptions) =>
    Buffer.from(hash(outer(line('float32', 2), options).program)).toString('hex')
  const all: OuterOptions[] = [
    { workers: 2 },
    { workers: 3 },
    { workers: 2, rate: 1 },
    { workers: 2, momentum: 0.5 },
    { workers: 2, nesterov: false },
    { workers: 2, momentum: 0 },
  ]
  expect(new Set(all.map(program)).size).toBe(all.length)
  expect(program({ workers: 2 })).toBe(program({ workers: 2, rate: 0.7, momentum: 0.9, nesterov: true }))
})

test('options out of range are refused by name', () => {
  const options: OuterOptions[] = [
    { workers: 0 },
    { workers: 1025 },
    { workers: 1.5 },
    { workers: 2, rate: -1 },
    { workers: 2, rate: NaN },
    { workers: 2, momentum: 1 },
    { workers: 2, momentum: 0, nesterov: true },
  ]
  for (const one of options) expect(faultOf(() => outer(line('float32', 2), one))).toBe('autodiff/bad-option')
})
