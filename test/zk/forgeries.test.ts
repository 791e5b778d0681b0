/**
 * What a prover might try on the circuit of a whole program, roots included.
 */
import { describe, expect, test } from 'vitest'
import { tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { reference } from '../../src/runtime/reference.js'
import { circuitOf } from '../../src/zk/circuit.js'
import { ORDER, inverse, reduce } from '../../src/zk/field.js'
import { publicsOf } from '../../src/zk/publics.js'
import { firstBroken, verifyWitness } from '../../src/zk/r1cs.js'
import { signalsOf } from '../../src/zk/witness.js'
import { draws, hiddenLayerStep, logisticStep, perceptron, type Model } from '../../bench/zk-models.js'
import { allBlocks, build, type Built } from './bare.js'
import { freeDirections, freeInverses, survivors } from './soundness.js'
import { drawInput } from './whole.js'

const SALTS = { inputs: 1n << 127n, model: 99n, outputs: 98n }
const ALL = { inputs: true, model: true, outputs: true }
const CONTEXT = 1234n

async function circuitAndWitness(model: Model, options: { baked?: boolean; hidden?: boolean } = {}) {
  const { program, state, given } = model
  const circuit = circuitOf(program, {
    blocks: await allBlocks(),
    given,
    ...(options.baked ? { baked: state } : {}),
    ...(options.hidden ? { salted: ALL } : {}),
  })
  const built = await build(circuit.text)
  const step = { state, inputs: drawInput(model, draws(61), 3), context: CONTEXT, salts: SALTS }
  return { circuit, built, step, witness: built.generator.witness(signalsOf(circuit, step)) }
}

/** What the prover gives: inputs, weights, salts, context. */
const givenWires = ({ wires }: Built) =>
  [...wires].filter(([name]) => /^(x\d+\[|p\d+\[|salt|context$)/.test(name)).map(([, wire]) => wire)

const PUBLIC = [1, 2, 3, 4]
const MODELS = {
  'baked weights': () => circuitAndWitness(perceptron([6, 4, 3]), { baked: true }),
  'committed weights, all hidden': () => circuitAndWitness(perceptron([4, 3]), { hidden: true }),
  'a step of logistic regression': () => circuitAndWitness(logisticStep({ batch: 2, features: 3 })),
  'a step of a network with one hidden layer': () => circuitAndWitness(hiddenLayerStep({ batch: 2, sizes: [3, 2, 1] })),
  'baked weights, 64-32-10': () => circuitAndWitness(perceptron([64, 32, 10]), { baked: true }),
  'a step of logistic regression, batch 8, 16 features': () => circuitAndWitness(logisticStep()),
  'a step of a network of 138 weights': () => circuitAndWitness(hiddenLayerStep()),
}

describe('with the public inputs fixed a prover has no freedom, the data that it gives included', () => {
  test.each(Object.entries(MODELS))(
    '%s: every changed wire breaks a constraint, no direction is free',
    async (_name, make) => {
      const { built, witness } = await make()
      expect(firstBroken(built.system, witness)).toBeUndefined()
      const excused = freeInverses(built.wires, witness)
      const publics = new Set([...PUBLIC, ...excused])
      expect(survivors(built.system, witness, publics)).toEqual([])
      expect(freeDirections(built.system, witness, publics)).toEqual([])
      // And with the data fixed instead, the public inputs follow.
      const given = new Set([...givenWires(built), ...excused])
      expect(freeDirections(built.system, witness, given)).toEqual([])
    },
    60_000,
  )
})

describe('public inputs', () => {
  test('may not be exchanged, altered, or be more than the order', async () => {
    const { built, witness } = await circuitAndWitness(perceptron([4, 3]))
    const [statement, rootIn, rootOut, context] = witness.slice(1, 5)
    const others = [
      [statement, rootOut, rootIn, context],
      [rootIn, statement, rootOut, context],
      [statement, rootIn, rootOut, context + 1n],
      [statement, rootIn, rootOut, 0n],
      [statement, 0n, rootOut, context],
      [0n, rootIn, rootOut, context],
      [statement, rootIn, 0n, context],
    ]
    for (const list of others)
      expect(() => verifyWitness(built.system, [1n, ...list, ...witness.slice(5)])).toThrow('zk/unsatisfied')
    for (const at of PUBLIC)
      expect(() => verifyWitness(built.system, witness.with(at, witness[at] + ORDER))).toThrow('zk/not-in-field')
  }, 60_000)

  test('of exchanged tensors of one type are others: the order of inputs, weights and outputs is bound', async () => {
    const b = new Builder()
    const type = { dtype: 'int8', dims: [2] } as const
    const [x, t] = [b.input('x', type), b.input('t', type)]
    const [u, v] = ['u', 'v'].map((name, i) => b.parameter(name, tensor('int8', [2], [i, i + 1])))
    const sum = b.add(b.add(b.cast(x, 'int64'), b.cast(u, 'int64')), b.add(b.cast(t, 'int64'), b.cast(v, 'int64')))
    const other = b.sub(b.cast(t, 'int64'), b.cast(x, 'int64'))
    const { program } = b.finish({
      outputs: [
        ['sum', sum],
        ['other', other],
      ],
    })
    const circuit = circuitOf(program, { blocks: await allBlocks() })
    const state = [u.initial!, v.initial!]
    const inputs = [tensor('int8', [2], [3, 4]), tensor('int8', [2], [5, 7])]
    const { outputs } = await (await reference().open(program, state)).step(inputs)
    const run = { state, inputs, outputs, context: CONTEXT }
    const publics = publicsOf(circuit, run)
    expect(publicsOf(circuit, { ...run, inputs: inputs.toReversed() }).rootIn).not.toBe(publics.rootIn)
    expect(publicsOf(circuit, { ...run, state: state.toReversed() }).statement).not.toBe(publics.statement)
    const first = circuit.layouts.outputs.map(({ width }) => width)
    expect(first).toEqual([10, 9])
    expect(publicsOf(circuit, { ...run, outputs: [outputs[1], outputs[0]] }).rootOut).not.toBe(publics.rootOut)
  })
})

describe('another model', () => {
  test('of the same shape gives witnesses that the circuit of baked weights refuses', async () => {
    const [one, two] = await Promise.all(
      [1, 2].map((seed) => circuitAndWitness(perceptron([6, 4, 3], { seed }), { baked: true })),
    )
    expect(two.built.system.wires).toBe(one.built.system.wires)
    expect(firstBroken(two.built.system, one.witness)).toBeDefined()
    expect(two.witness[1]).not.toBe(one.witness[1])
    // Nor does its statement, on the wires of the other.
    expect(firstBroken(two.built.system, one.witness.with(1, two.witness[1]))).toBeDefined()
  }, 60_000)

  test('in a circuit of committed weights is another statement, and wires of both together are refused', async () => {
    const { built, witness, circuit, step } = await circuitAndWitness(perceptron([4, 3], { seed: 1 }))
    const other = built.generator.witness(signalsOf(circuit, { ...step, state: perceptron([4, 3], { seed: 2 }).state }))
    expect(other[1]).not.toBe(witness[1])
    expect(other[2]).toBe(witness[2])
    const weights = [...built.wires].filter(([name]) => /^p\d+\[/.test(name)).map(([, wire]) => wire)
    const mixed = witness.map((value, wire) => (weights.includes(wire) ? other[wire] : value))
    expect(firstBroken(built.system, mixed)).toBeDefined()
    expect(firstBroken(built.system, other.with(1, witness[1]))).toBeDefined()
  }, 60_000)
})

describe('numbers that wrap around the order', () => {
  const b = new Builder()
  const x = b.input('x', { dtype: 'int8', dims: [1, 2] })
  const w = b.constant(tensor('int8', [2, 1], [3, 5]))
  const y = b.cast(b.matmul(b.cast(x, 'float64'), b.cast(w, 'float64')), 'int64')
  const { program } = b.finish({ outputs: [['y', y]] })

  test('a fraction that would make a sum small has no witness: an input is bounded by its bits', async () => {
    const circuit = circuitOf(program, { blocks: await allBlocks() })
    const { generator } = await build(circuit.text)
    const third = inverse(3n)
    expect(reduce(third * 3n)).toBe(1n)
    for (const forged of [
      [third, 0n],
      [reduce(-5n * third), 1n],
      [third * 2n, ORDER],
    ])
      expect(() => generator.witness({ x0: forged, context: [1n] })).toThrow('zk/no-witness')
    expect(generator.witness({ x0: [1n, 0n], context: [1n] }).length).toBeGreaterThan(0)
  })

  test('a number and the same plus the order are one element, so a witness says nothing else of it', async () => {
    const circuit = circuitOf(program, { blocks: await allBlocks() })
    const { generator } = await build(circuit.text)
    const [plain, more] = [5n, 5n + ORDER].map((value) => generator.witness({ x0: [value, -1n], context: [1n] }))
    expect(more).toEqual(plain)
  })
})
