/* eslint-disable no-restricted-properties -- expected values within a tolerance; nothing here is committed to */
import { describe, expect, test } from 'vitest'
import type { Fault } from '../../src/core/faults.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { expectNear, filled, valuesOf } from './naive.js'
import { modelOf, runNode, type Given } from './one-node.js'

type Vector = readonly number[]

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
const [STEPS, BATCH, WIDTH, HIDDEN] = [4, 2, 3, 2]

/** Row r of a matrix of operand `t`, direction d. */
const rowOf = (t: Tensor, d: number, r: number): Vector => {
  const [, rows, width] = t.dims
  return valuesOf(t).slice((d * rows + r) * width, (d * rows + r + 1) * width)
}
const dot = (a: Vector, b: Vector) => a.reduce((sum, v, i) => sum + v * b[i], 0)

interface Operands {
  readonly x: Tensor
  readonly w: Tensor
  readonly r: Tensor
  readonly bias: Tensor
}

function operands(gates: number, directions: number): Operands {
  return {
    x: filled([STEPS, BATCH, WIDTH], 1),
    w: filled([directions, gates * HIDDEN, WIDTH], 2),
    r: filled([directions, gates * HIDDEN, HIDDEN], 3),
    bias: filled([directions, 2 * gates * HIDDEN], 4),
  }
}

/** W x + Wb of gate g, unit j. */
const inputShare = ({ w, bias }: Operands, d: number, x: Vector, row: number) =>
  dot(rowOf(w, d, row), x) + Number(bias.data[d * bias.dims[1] + row])
/** R h + Rb. */
const stateShare = ({ r, bias }: Operands, d: number, h: Vector, row: number) =>
  dot(rowOf(r, d, row), h) + Number(bias.data[d * bias.dims[1] + bias.dims[1] / 2 + row])

type Step = (o: Operands, d: number, x: Vector, state: readonly Vector[]) => readonly Vector[]
const units = [...Array(HIDDEN).keys()]

const rnnStep: Step = (o, d, x, [h]) => [units.map((j) => Math.tanh(inputShare(o, d, x, j) + stateShare(o, d, h, j)))]

const gruStep =
  (linear: boolean): Step =>
  (o, d, x, [h]) => {
    const gate = (g: number) =>
      units.map((j) => sigmoid(inputShare(o, d, x, g * HIDDEN + j) + stateShare(o, d, h, g * HIDDEN + j)))
    const [z, r] = [gate(0), gate(1)]
    const reset = h.map((v, j) => v * r[j])
    return [
      units.map((j) => {
        const row = 2 * HIDDEN + j
        const inner = linear ? r[j] * stateShare(o, d, h, row) : stateShare(o, d, reset, row)
        return (1 - z[j]) * Math.tanh(inputShare(o, d, x, row) + inner) + z[j] * h[j]
      }),
    ]
  }

const lstmStep =
  (peepholes: Tensor | undefined): Step =>
  (o, d, x, [h, c]) => {
    const sum = (g: number, j: number) => inputShare(o, d, x, g * HIDDEN + j) + stateShare(o, d, h, g * HIDDEN + j)
    const peep = (g: number, j: number, cell: number) =>
      peepholes === undefined ? 0 : Number(peepholes.data[(d * 3 + g) * HIDDEN + j]) * cell
    const cell = units.map(
      (j) =>
        sigmoid(sum(2, j) + peep(2, j, c[j])) * c[j] + sigmoid(sum(0, j) + peep(0, j, c[j])) * Math.tanh(sum(3, j)),
    )
    return [units.map((j) => sigmoid(sum(1, j) + peep(1, j, cell[j])) * Math.tanh(cell[j])), cell]
  }

/** The layer by its formulas: Y [steps, directions, batch, hidden] and the last hidden states. */
function naive(
  o: Operands,
  step: Step,
  { ways, lengths = [STEPS, STEPS], first }: { ways: readonly boolean[]; lengths?: Vector; first?: Tensor },
) {
  const directions = ways.length
  const y = new Array<number>(STEPS * directions * BATCH * HIDDEN).fill(0)
  const last: number[] = []
  ways.forEach((reverse, d) => {
    for (let n = 0; n < BATCH; n++) {
      const start = units.map((j) => (first === undefined ? 0 : Number(first.data[(d * BATCH + n) * HIDDEN + j])))
      let state: readonly Vector[] = [start, units.map(() => 0)]
      const order = [...Array(lengths[n]).keys()]
      for (const t of reverse ? order.reverse() : order) {
        state = step(o, d, valuesOf(o.x).slice((t * BATCH + n) * WIDTH, (t * BATCH + n + 1) * WIDTH), state)
        units.forEach((j) => (y[((t * directions + d) * BATCH + n) * HIDDEN + j] = state[0][j]))
      }
      last.push(...state[0])
    }
  })
  return { y, last }
}

const CELLS: readonly (readonly [string, number, Step, Record<string, Given>])[] = [
  ['RNN', 1, rnnStep, {}],
  ['GRU', 3, gruStep(false), {}],
  ['GRU', 3, gruStep(true), { linear_before_reset: 1 }],
  ['LSTM', 4, lstmStep(undefined), {}],
]

const WAYS: readonly (readonly [string, readonly boolean[]])[] = [
  ['forward', [false]],
  ['reverse', [true]],
  ['bidirectional', [false, true]],
]

describe('recurrent layers', () => {
  for (const [op, gates, step, attributes] of CELLS)
    test.each(WAYS)(`${op} ${JSON.stringify(attributes)} follows its formulas: %s`, async (direction, ways) => {
      const o = operands(gates, ways.length)
      const first = filled([ways.length, BATCH, HIDDEN], 5)
      const inputs = [o.x, o.w, o.r, o.bias, undefined, first]
      const given = { ...attributes, direction, hidden_size: HIDDEN }
      const [y, last] = await runNode({ op, opset: 22, inputs, attributes: given, outputs: 2 })
      const expected = naive(o, step, { ways, first })
      expectNear(y, expected.y, { dims: [STEPS, ways.length, BATCH, HIDDEN] })
      expectNear(last, expected.last, { dims: [ways.length, BATCH, HIDDEN] })
    })

  test('sequence lengths end each sample on its own, in both directions', async () => {
    const o = operands(1, 2)
    const lengths = tensor('int32', [2], [2, 4])
    const attributes = { direction: 'bidirectional', hidden_size: HIDDEN }
    const [y, last] = await runNode({
      op: 'RNN',
      opset: 14,
      inputs: [o.x, o.w, o.r, o.bias, lengths],
      attributes,
      outputs: 2,
    })
    const expected = naive(o, rnnStep, { ways: [false, true], lengths: [2, 4] })
    expectNear(y, expected.y)
    expectNear(last, expected.last)
  })

  test('LSTM looks through peepholes', async () => {
    const o = operands(4, 1)
    const p = filled([1, 3 * HIDDEN], 9)
    const inputs = [o.x, o.w, o.r, o.bias, undefined, undefined, undefined, p]
    const [y] = await runNode({ op: 'LSTM', opset: 22, inputs, attributes: { hidden_size: HIDDEN } })
    expectNear(y, naive(o, lstmStep(p), { ways: [false] }).y)
  })

  test('layout 1 has the batch first', async () => {
    const o = operands(1, 1)
    const turned = tensor(
      'float32',
      [BATCH, STEPS, WIDTH],
      valuesOf(o.x).map(
        (_, i, all) =>
          all[((Math.floor(i / WIDTH) % STEPS) * BATCH + Math.floor(i / WIDTH / STEPS)) * WIDTH + (i % WIDTH)],
      ),
    )
    const [y, last] = await runNode({
      op: 'RNN',
      opset: 14,
      inputs: [turned, o.w, o.r, o.bias],
      attributes: { layout: 1, hidden_size: HIDDEN },
      outputs: 2,
    })
    expect(y.dims).toEqual([BATCH, STEPS, 1, HIDDEN])
    expect(last.dims).toEqual([BATCH, 1, HIDDEN])
    expectNear(last, naive(o, rnnStep, { ways: [false] }).last)
  })

  test('clip bounds what enters the activations', async () => {
    const o = operands(1, 1)
    const clipped: Step = (p, d, x, [h]) => [
      units.map((j) => Math.tanh(Math.min(0.25, Math.max(-0.25, inputShare(p, d, x, j) + stateShare(p, d, h, j))))),
    ]
    const [y] = await runNode({
      op: 'RNN',
      opset: 14,
      inputs: [o.x, o.w, o.r, o.bias],
      attributes: { hidden_size: HIDDEN, clip: { float: 0.25 } },
    })
    expectNear(y, naive(o, clipped, { ways: [false] }).y)
  })

  const ACTIVATIONS: readonly (readonly [string, (v: number) => number])[] = [
    ['Relu', (v) => Math.max(v, 0)],
    ['Affine', (v) => 0.5 * v + 0.25],
    ['LeakyRelu', (v) => (v < 0 ? 0.5 * v : v)],
    ['ThresholdedRelu', (v) => (v > 0.5 ? v : 0)],
    ['ScaledTanh', (v) => 0.5 * Math.tanh(0.25 * v)],
    ['HardSigmoid', (v) => Math.min(1, Math.max(0, 0.5 * v + 0.25))],
    ['Elu', (v) => (v < 0 ? 0.5 * Math.expm1(v) : v)],
    ['Softsign', (v) => v / (1 + Math.abs(v))],
    ['Softplus', (v) => Math.log1p(Math.exp(v))],
    ['sigmoid', sigmoid],
  ]
  test.each(ACTIVATIONS)('RNN with %s', async (name, f) => {
    const o = operands(1, 1)
    const attributes = {
      hidden_size: HIDDEN,
      activations: { strings: [name] },
      activation_alpha: { floats: [0.5] },
      activation_beta: { floats: [0.25] },
    }
    const [y] = await runNode({ op: 'RNN', opset: 14, inputs: [o.x, o.w, o.r, o.bias], attributes })
    const step: Step = (p, d, x, [h]) => [units.map((j) => f(inputShare(p, d, x, j) + stateShare(p, d, h, j)))]
    expectNear(y, naive(o, step, { ways: [false] }).y)
  })

  test('weights of another shape are refused', () => {
    const o = operands(1, 1)
    const model = modelOf({ op: 'GRU', opset: 14, inputs: [o.x, o.w, o.r], attributes: { hidden_size: HIDDEN } })
    expect(() => compile(model)).toThrow(expect.objectContaining({ code: 'exact/shape-mismatch' }) as Fault)
  })
})
