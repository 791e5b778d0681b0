/**
 * The circuits that are measured: a model, whether its weights are constants of the circuit, and what is hidden behind salts.
 * @module
 */
import type { Tensor } from '../src/core/tensor.js'
import { inputsOf } from '../src/exact/program.js'
import { exactRange } from '../src/quantize/index.js'
import type { CircuitOptions } from '../src/zk/circuit.js'
import {
  draws,
  hiddenLayerStep,
  lenet,
  linearStep,
  logisticStep,
  perceptron,
  randomTensor,
  type Model,
} from './zk-models.js'

export interface ZkCase {
  readonly model: () => Model
  readonly baked: boolean
  readonly salted?: NonNullable<CircuitOptions['salted']>
  /** Beyond the compiler: its constraints are computed and no more. */
  readonly counted?: true
}

const PRIVATE = { inputs: true } as const
const SECRET = { model: true } as const

export const CASES: Readonly<Record<string, ZkCase>> = {
  'mlp-784-56-10-baked': { model: () => perceptron([784, 56, 10]), baked: true, salted: PRIVATE },
  'mlp-784-56-10-committed': { model: () => perceptron([784, 56, 10]), baked: false, salted: PRIVATE, counted: true },
  'mlp-64-32-10-baked': { model: () => perceptron([64, 32, 10]), baked: true, salted: PRIVATE },
  'mlp-64-32-10-baked-b16': { model: () => perceptron([64, 32, 10], { batch: 16 }), baked: true },
  'mlp-64-32-10-committed': { model: () => perceptron([64, 32, 10]), baked: false, salted: SECRET },
  'mlp-64-32-10-committed-b16': { model: () => perceptron([64, 32, 10], { batch: 16 }), baked: false, salted: SECRET },
  'lenet-baked': { model: () => lenet(), baked: true, salted: PRIVATE },
  'linear-step': { model: () => linearStep(), baked: false },
  'logistic-step': { model: () => logisticStep(), baked: false },
  'sgd-138': { model: () => hiddenLayerStep(), baked: false },
  'sgd-138-b8': { model: () => hiddenLayerStep({ batch: 8 }), baked: false },
}

/** The salts of all cases. Whoever hides something draws them at random. */
export const SALTS = { inputs: 1n << 127n, model: (1n << 127n) + 1n, outputs: (1n << 127n) + 2n }

/** What proofs are bound to: no zero byte among it, as zeros cost less on a chain. */
export const CONTEXT = BigInt(`0x${'1b'.repeat(32)}`)

/** Inputs over the whole interval that a circuit is made for. */
export function drawInputs({ program, given = {} }: Model): Tensor[] {
  const draw = draws(31)
  return inputsOf(program).map((type, i) =>
    randomTensor(draw, type, given[program.names.inputs[i]] ?? exactRange(type.dtype)),
  )
}
