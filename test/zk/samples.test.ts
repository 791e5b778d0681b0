import { beforeAll, describe, expect, test } from 'vitest'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { reference } from '../../src/runtime/reference.js'
import { circuitOf, type Circuit } from '../../src/zk/circuit.js'
import { fold } from '../../src/zk/commit.js'
import { ORDER } from '../../src/zk/field.js'
import { publicsOf, type Run } from '../../src/zk/publics.js'
import { firstBroken, verifyWitness } from '../../src/zk/r1cs.js'
import { commitDataset, openSamples, rootOfSamples, type Dataset } from '../../src/zk/samples.js'
import { signalsOf, type Signals } from '../../src/zk/witness.js'
import { draws, logisticStep, randomTensor } from '../../bench/zk-models.js'
import { allBlocks, build, type Built } from './bare.js'
import { freeDirections, freeInverses, survivors } from './soundness.js'

const [BATCH, FEATURES, DEPTH, SIZE] = [2, 3, 3, 6]
const CONTEXT = 77n
const model = logisticStep({ batch: BATCH, features: FEATURES })
const draw = draws(31)
const DATA = [
  randomTensor(draw, { dtype: 'int8', dims: [SIZE, FEATURES] }, { lo: -128n, hi: 127n }),
  randomTensor(draw, { dtype: 'int8', dims: [SIZE, 1] }, { lo: 0n, hi: 127n }),
]

const rowsAt = (data: readonly Tensor[], positions: readonly number[]): Tensor[] =>
  data.map(({ dtype, dims: [, width], data: values }) => {
    const rows = positions.flatMap((at) => Array.from(values.slice(at * width, (at + 1) * width), Number))
    return tensor(dtype, [positions.length, width], rows)
  })

describe('a step on samples of a data set', () => {
  let [circuit, built, dataset]: [Circuit, Built, Dataset] = [] as never
  beforeAll(async () => {
    const { program, given } = model
    circuit = circuitOf(program, { blocks: await allBlocks(), given, members: { depth: DEPTH } })
    built = await build(circuit.text)
    dataset = commitDataset(DATA, circuit.members!)
  }, 60_000)

  const stepAt = (positions: readonly number[]) => ({
    state: model.state,
    inputs: rowsAt(DATA, positions),
    context: CONTEXT,
    samples: openSamples(dataset, positions),
  })
  const witnessOf = (signals: Signals) => built.generator.witness(signals)

  async function runAt(positions: readonly number[]): Promise<Run> {
    const session = await reference().open(model.program, model.state)
    const { outputs } = await session.step(stepAt(positions).inputs)
    return { ...stepAt(positions), outputs, stateAfter: session.state }
  }

  test('rootIn names the data set and the positions, constraints as computed', async () => {
    expect(built.system.constraints.length).toBe(circuit.constraints)
    for (const positions of [
      [0, 1],
      [5, 2],
      [4, 4],
      [3, 0],
    ]) {
      const run = await runAt(positions)
      const witness = witnessOf(signalsOf(circuit, run))
      const { statement, rootIn, rootOut, context } = publicsOf(circuit, run)
      expect(verifyWitness(built.system, witness)).toEqual([statement, rootIn, rootOut, context])
      expect(rootIn).toBe(rootOfSamples(circuit.members!, { root: dataset.root, positions }))
    }
  })

  test('every changed wire breaks a constraint, also siblings and bits of positions; no direction is free', () => {
    const witness = witnessOf(signalsOf(circuit, stepAt([5, 2])))
    // With the four public inputs fixed nothing that the prover gave may move: it is bound by roots, not only by the computation.
    const excused = freeInverses(built.wires, witness)
    expect(survivors(built.system, witness, new Set([1, 2, 3, 4, ...excused]))).toEqual([])
    const given = [...built.wires].filter(([name]) => /^(x\d+|p\d+|siblings|position|context)(\[|$)/.test(name))
    const fixed = new Set([...excused, ...given.map(([, wire]) => wire)])
    expect(freeDirections(built.system, witness, fixed)).toEqual([])
  })

  test('another sample than that at its position has no witness', () => {
    const step = { ...stepAt([5, 2]), inputs: rowsAt(DATA, [5, 3]) }
    expect(() => witnessOf(signalsOf(circuit, step))).toThrow('zk/no-witness')
    expect(() => publicsOf(circuit, { ...step, outputs: [], stateAfter: model.state })).toThrow('zk/not-a-member')
  })

  test('a sample claimed at another position has no witness, and forged bits of a position break constraints', () => {
    const step = stepAt([5, 2])
    const elsewhere = { ...step, samples: { ...step.samples, positions: [5, 3] } }
    expect(() => witnessOf(signalsOf(circuit, elsewhere))).toThrow('zk/no-witness')
    const witness = witnessOf(signalsOf(circuit, step))
    for (const value of [0n, 2n, ORDER - 1n])
      expect(firstBroken(built.system, witness.with(built.wires.get('position[0]')!, value))).toBeDefined()
    expect(() => publicsOf(circuit, { ...elsewhere, outputs: [], stateAfter: model.state })).toThrow('zk/not-a-member')
  })

  test('the same samples at other positions, where a data set holds them twice, are another rootIn', () => {
    const twice = commitDataset(rowsAt(DATA, [0, 1, 0]), circuit.members!)
    const rootAt = (positions: number[]) =>
      witnessOf(signalsOf(circuit, { ...stepAt([0, 1]), samples: openSamples(twice, positions) }))[2]
    expect(rootAt([0, 1])).not.toBe(rootAt([2, 1]))
  })

  test('samples of two data sets in one step, or a way through another tree, have no witness or another rootIn', () => {
    const other = commitDataset(rowsAt(DATA, [0, 1, 2, 3, 5, 4]), circuit.members!)
    const step = stepAt([0, 1])
    const mixed = { ...step.samples, siblings: [step.samples.siblings[0], openSamples(other, [0, 1]).siblings[1]] }
    expect(() => witnessOf(signalsOf(circuit, { ...step, samples: mixed }))).toThrow('zk/no-witness')
    const elsewhere = witnessOf(signalsOf(circuit, { ...step, samples: openSamples(other, [0, 1]) }))
    expect(elsewhere[2]).not.toBe(rootOfSamples(circuit.members!, step.samples))
  })

  test('a place without a sample holds the node 0, which no sample has as its leaf', () => {
    const { levels } = dataset
    const leaves = [...levels[0], 0n, 0n]
    expect(fold(leaves)).toBe(dataset.root)
    expect(() => openSamples(dataset, [SIZE, 0])).toThrow('zk/out-of-range')
    const step = stepAt([4, 5])
    const beyond = { ...step.samples, positions: [6, 7] }
    const rootIn = witnessOf(signalsOf(circuit, { ...step, samples: beyond }))[2]
    expect(rootIn).not.toBe(rootOfSamples(circuit.members!, beyond))
    expect(() => publicsOf(circuit, { ...step, samples: beyond, outputs: [], stateAfter: model.state })).toThrow(
      'zk/not-a-member',
    )
  })

  test('what is no data set of this circuit is refused', () => {
    const { members } = circuit
    expect(() => commitDataset(rowsAt(DATA, [0, 1, 2, 3, 4, 5, 0, 1, 2]), members!)).toThrow('zk/too-large')
    expect(() => commitDataset([DATA[0]], members!)).toThrow('zk/bad-length')
    expect(() => commitDataset([DATA[0], rowsAt(DATA, [0])[1]], members!)).toThrow('zk/bad-length')
    expect(() => signalsOf(circuit, { ...stepAt([0, 1]), samples: undefined })).toThrow('zk/bad-length')
    expect(() => publicsOf(circuit, { ...stepAt([0]), outputs: [], stateAfter: model.state })).toThrow('zk/bad-length')
  })
})

test('hidden samples stand behind the salt of the inputs, and inputs without a common first dimension are refused', async () => {
  const { program, given } = model
  const options = { blocks: await allBlocks(), given, salted: { inputs: true } }
  const circuit = circuitOf(program, { ...options, members: { depth: 2 } })
  const salt = 1n << 128n
  const dataset = commitDataset(rowsAt(DATA, [0, 1, 2]), circuit.members!, { salt })
  const samples = openSamples(dataset, [2, 0])
  const step = { state: model.state, inputs: rowsAt(DATA, [2, 0]), context: CONTEXT, samples, salts: { inputs: salt } }
  const built = await build(circuit.text)
  expect(built.system.constraints.length).toBe(circuit.constraints)
  const witness = built.generator.witness(signalsOf(circuit, step))
  expect(witness[2]).toBe(rootOfSamples(circuit.members!, samples))
  expect(dataset.root).not.toBe(commitDataset(rowsAt(DATA, [0, 1, 2]), circuit.members!, { salt: salt + 1n }).root)
  for (const depth of [0, 33, 1.5])
    expect(() => circuitOf(program, { ...options, members: { depth } })).toThrow('zk/unsupported')
}, 60_000)
