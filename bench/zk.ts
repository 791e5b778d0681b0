/**
 * Circuits of integer programs: constraints computed before compiling, and with --compile also what the compiler counts.
 */
import { compile, loadBlocks } from '../src/zk/compile.js'
import { circuitOf, type CircuitOptions } from '../src/zk/circuit.js'
import { decodeSystem } from '../src/zk/r1cs.js'
import { print } from './measure.js'
import { hiddenLayerStep, lenet, logisticStep, perceptron, type Model } from './zk-models.js'

/** The cases: a model, whether its weights are constants of the circuit, and what is hidden. */
const CASES: Readonly<Record<string, { model: () => Model; baked: boolean; salted?: CircuitOptions['salted'] }>> = {
  'mlp-784-56-10-baked': { model: () => perceptron([784, 56, 10]), baked: true, salted: { inputs: true } },
  'mlp-784-56-10-committed': { model: () => perceptron([784, 56, 10]), baked: false, salted: { inputs: true } },
  'mlp-64-32-10-baked': { model: () => perceptron([64, 32, 10]), baked: true, salted: { inputs: true } },
  'mlp-64-32-10-baked-b16': { model: () => perceptron([64, 32, 10], { batch: 16 }), baked: true },
  'mlp-64-32-10-committed': { model: () => perceptron([64, 32, 10]), baked: false, salted: { model: true } },
  'mlp-64-32-10-committed-b16': {
    model: () => perceptron([64, 32, 10], { batch: 16 }),
    baked: false,
    salted: { model: true },
  },
  'lenet-baked': { model: () => lenet(), baked: true, salted: { inputs: true } },
  'logistic-step': { model: () => logisticStep(), baked: false },
  'sgd-138': { model: () => hiddenLayerStep(), baked: false },
}

/** Beyond this the compiler is not asked: it takes minutes. */
const COMPILED = 60_000

const blocks = await loadBlocks()
const only = process.argv.find((word) => Object.hasOwn(CASES, word))
for (const [name, { model, baked, salted }] of Object.entries(CASES)) {
  if (only !== undefined && only !== name) continue
  const { program, state, given } = model()
  const circuit = circuitOf(program, { blocks, given, salted, baked: baked ? state : undefined })
  print({ bench: 'zk', case: name, metric: 'constraints', value: circuit.constraints, unit: 'constraints' })
  if (!process.argv.includes('--compile') || (circuit.constraints > COMPILED && only === undefined)) continue
  const start = performance.now()
  const { r1cs } = await compile(circuit)
  print({ bench: 'zk', case: name, metric: 'compile-seconds', value: (performance.now() - start) / 1000, unit: 's' })
  const counted = decodeSystem(r1cs).constraints.length
  print({ bench: 'zk', case: name, metric: 'constraints-compiled', value: counted, unit: 'constraints' })
}
