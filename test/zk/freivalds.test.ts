import { beforeAll, describe, expect, test } from 'vitest'
import { tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { reference } from '../../src/runtime/reference.js'
import { circuitOf, type Circuit } from '../../src/zk/circuit.js'
import { ORDER, inverse, reduce } from '../../src/zk/field.js'
import { publicsOf } from '../../src/zk/publics.js'
import { holds, verifyWitness, type Constraint } from '../../src/zk/r1cs.js'
import { signalsOf, type Signals } from '../../src/zk/witness.js'
import { draws, randomTensor, type Model } from '../../bench/zk-models.js'
import { allBlocks, build, type Built } from './bare.js'
import { freeDirections, survivors } from './soundness.js'
import { training } from './whole.js'

const [M, K, N] = [8, 64, 8]
const SMALL = { lo: -8n, hi: 7n }

/** A product of two inputs, which is the output as it is. */
function productModel(): Model {
  const b = new Builder()
  const [x, w] = [b.input('x', { dtype: 'int8', dims: [M, K] }), b.input('w', { dtype: 'int8', dims: [K, N] })]
  const y = b.cast(b.matmul(b.cast(x, 'float64'), b.cast(w, 'float64')), 'int64')
  return { program: b.finish({ outputs: [['y', y]] }).program, state: [], given: { x: SMALL, w: SMALL } }
}

/** A weight, and its update by the product of a batch's activations and errors. */
function updateModel(batch: number): Model {
  const b = new Builder()
  const w = b.parameter('w', tensor('int64', [8, 8], Array<bigint>(64).fill(0n)))
  const [x, d] = ['x', 'd'].map((name) => b.cast(b.input(name, { dtype: 'int8', dims: [batch, 8] }), 'float64'))
  const step = b.cast(b.matmul(b.transpose(x, [1, 0]), d), 'int64')
  const { program } = b.finish({ outputs: [], carries: [[w, b.sub(w, step)]] })
  return { program, state: [w.initial!], given: { w: { lo: -(1n << 21n), hi: (1n << 21n) - 1n } } }
}

const wireOf = ({ wires }: Built, name: string): number => wires.get(name) ?? expect.fail(`no wire ${name}`)
const broken = ({ system }: Built, witness: readonly bigint[]): Constraint[] =>
  system.constraints.filter((constraint) => !holds(constraint, witness))
/** The constraints of the check itself. */
const checks = (built: Built): Set<Constraint> => {
  const own = [...built.wires].filter(([name]) => /^(folded|sums|product)_/.test(name)).map(([, wire]) => wire)
  const among = new Set(own)
  const reads = ({ a, b, c }: Constraint) => [a, b, c].some(({ wires }) => wires.some((wire) => among.has(wire)))
  return new Set(built.system.constraints.filter(reads))
}

describe('a guessed product that is the output as it is', () => {
  const model = productModel()
  let [circuit, built, signals]: [Circuit, Built, Signals] = [] as never
  const draw = draws(41)
  const inputs = [
    randomTensor(draw, { dtype: 'int8', dims: [M, K] }, SMALL),
    randomTensor(draw, { dtype: 'int8', dims: [K, N] }, SMALL),
  ]
  const step = { state: [], inputs, context: 9n }
  beforeAll(async () => {
    circuit = circuitOf(model.program, { blocks: await allBlocks(), given: model.given })
    built = await build(circuit.text)
    signals = signalsOf(circuit, step)
  }, 60_000)

  const honest = () => built.generator.witness(signals)
  const y = (at: number) => wireOf(built, `${/signal (y_\d+)\[/.exec(circuit.text)![1]}[${at}]`)
  const challenge = () => /var challenge_\d+\[1\] = \[(h_\d+)\.out\]/.exec(circuit.text)![1]

  /** A witness of an altered circuit, which says what a prover could do that the circuit does not allow, on the wires of this one. */
  async function forged(alter: (text: string) => string): Promise<{ witness: bigint[]; own: boolean }> {
    const text = alter(circuit.text)
    expect(text).not.toBe(circuit.text)
    const other = await build(text)
    const values = other.generator.witness(signals)
    const witness = honest()
    for (const [name, wire] of built.wires) {
      const there = other.wires.get(name)
      if (there !== undefined) witness[wire] = values[there]
    }
    return { witness, own: broken(other, values).length === 0 }
  }

  /** Adds to elements of the guess. */
  const guessing = (changes: Readonly<Record<number, string>>) => (text: string) =>
    text.replace(/(y_\d+\[i \* \d+ \+ j\]) <-- total;/, (_line, place: string) => {
      const added = Object.entries(changes).map(([at, delta]) => `(i * ${N} + j == ${at} ? ${delta} : 0)`)
      return `${place} <-- total + ${added.join(' + ')};`
    })

  test('is what the program gives, with fewer constraints than products, as many as computed', async () => {
    const { outputs } = await (await reference().open(model.program, [])).step(inputs)
    const { statement, rootIn, rootOut, context } = publicsOf(circuit, { ...step, outputs })
    expect(verifyWitness(built.system, honest())).toEqual([statement, rootIn, rootOut, context])
    expect(built.system.constraints.length).toBe(circuit.constraints)
  })

  test('leaves no freedom: every changed wire breaks a constraint, no direction is free', () => {
    const fixed = new Set([...built.wires].filter(([name]) => /^(x\d|context)/.test(name)).map(([, wire]) => wire))
    expect(survivors(built.system, honest(), fixed)).toEqual([])
    expect(freeDirections(built.system, honest(), fixed)).toEqual([])
  }, 60_000)

  test('that is off by one breaks the one row of the check that it stands in, whatever else follows from it', async () => {
    const off = guessing({ [N + 5]: '1' })
    const { witness } = await forged((text) => off(text).replace(/^.*=== form - total;$/m, ''))
    expect(witness[y(N + 5)]).toBe(reduce(honest()[y(N + 5)] + 1n))
    expect(broken(built, witness).length).toBe(1)
    expect(checks(built).has(broken(built, witness)[0])).toBe(true)
  }, 60_000)

  test('fitted to a challenge that the prover may choose would be accepted; here the hash refuses it', async () => {
    const fit = guessing({ 0: '1', 1: '(0 - 1)' })
    const { witness, own } = await forged((text) => fit(text).replace(`[${challenge()}.out]`, '[1]'))
    // The same circuit with the constant challenge 1 accepts a product that is wrong in two elements.
    expect(own).toBe(true)
    expect(witness[y(0)]).toBe(reduce(honest()[y(0)] + 1n))
    const rows = checks(built)
    expect(broken(built, witness).length).toBeGreaterThan(0)
    expect(broken(built, witness).every((constraint) => rows.has(constraint))).toBe(true)
  }, 60_000)

  test('under a challenge from swapped roots is refused', async () => {
    const { witness, own } = await forged((text) => {
      const pair = new RegExp(`${challenge()}\\.in\\[0\\] <== (h_\\d+)\\.out;`).exec(text)![1]
      const swap = (line: string) =>
        line.replace(`${pair}.in[0]`, `${pair}.in[#]`).replace(`${pair}.in[1]`, `${pair}.in[0]`).replace('[#]', '[1]')
      return text.split('\n').map(swap).join('\n')
    })
    expect(own).toBe(true)
    expect(broken(built, witness).length).toBeGreaterThan(0)
    expect([...checks(built)].every((constraint) => holds(constraint, witness))).toBe(true)
  }, 60_000)

  test('may not hide differences in the packing of a root: its own bits bound it', () => {
    // Three neighbours in one packed element: differences d with d0 + d1 B + d2 B^2 = 0 and d0 + d1 r + d2 r^2 = 0 change neither the
    // root of the outputs nor, for the challenge r that the root gives, the check. Only bits of the elements refuse them.
    const witness = honest()
    const r = witness[wireOf(built, `${challenge()}.out`)]
    const base = 1n << BigInt(circuit.layouts.outputs[0].width)
    const d = [base * r * (r - base), base * base - r * r, r - base].map(reduce)
    expect(reduce(d[0] + d[1] * base + d[2] * base * base)).toBe(0n)
    expect(reduce(d[0] + d[1] * r + d[2] * r * r)).toBe(0n)
    d.forEach((delta, i) => (witness[y(i)] = reduce(witness[y(i)] + delta)))
    recomputeSums(witness, r)
    expect([...checks(built)].every((constraint) => holds(constraint, witness))).toBe(true)
    expect(broken(built, witness).length).toBeGreaterThanOrEqual(3)
  })

  /** Horner's sums of the first row of y. */
  function recomputeSums(witness: bigint[], r: bigint): void {
    const stem = [...built.wires.keys()].find((name) => name.startsWith('sums_'))!.split('[')[0]
    let form = witness[y(N - 1)]
    for (let j = N - 2; j >= 0; j--) {
      witness[wireOf(built, `${stem}[0][${j}]`)] = reduce(form * r)
      form = reduce(form * r + witness[y(j)])
    }
  }
})

describe('the check alone', () => {
  const TEMPLATE = (challenge: string) => `pragma circom 2.1.6;
include "product.circom";
template Main() {
    signal input a[4];
    signal input b[6];
    signal input y[6];
    ${challenge}
    component check = Freivalds(2, 2, 3);
    check.challenge[0] <== r;
    for (var i = 0; i < 4; i++) { check.a[i] <== a[i]; }
    for (var i = 0; i < 6; i++) { check.b[i] <== b[i]; check.y[i] <== y[i]; }
}
component main = Main();
`
  const [a, b] = [
    [1n, 2n, 3n, 4n],
    [5n, -6n, 7n, 8n, 9n, -10n],
  ]
  const y = [21n, 12n, -13n, 47n, 18n, -19n]
  const fixed = ({ wires }: Built) =>
    new Set([...wires].filter(([name]) => /^(a|b|r)(\[|$)/.test(name)).map(([, wire]) => wire))

  test.each([
    ['a constant', 'signal r; r <== 5;'],
    ['an input', 'signal input r;'],
  ])(
    'with a challenge that is %s leaves all but one direction of each row of the product free',
    async (_name, line) => {
      const built = await build(TEMPLATE(line))
      const witness = built.generator.witness({ a, b, y, ...(line.includes('input') ? { r: [5n] } : {}) })
      expect(freeDirections(built.system, witness, fixed(built)).length).toBe(2 * (3 - 1))
      const wrong = [y[0] - 5n, y[1] + 1n, ...y.slice(2)]
      const forged = built.generator.witness({ a, b, y: wrong, ...(line.includes('input') ? { r: [5n] } : {}) })
      expect(broken(built, forged)).toEqual([])
    },
  )

  test('accepts a wrong row just at the roots of its difference, which are fewer than its columns', async () => {
    const built = await build(TEMPLATE('signal input r;'))
    const ask = (wrong: readonly bigint[], r: bigint) => {
      try {
        return broken(built, built.generator.witness({ a, b, y: wrong, r: [r] })).length === 0
      } catch {
        return false
      }
    }
    // (r - 3)(r - 7) = r^2 - 10 r + 21.
    const wrong = [y[0] + 21n, y[1] - 10n, y[2] + 1n, ...y.slice(3)]
    for (const r of [3n, 7n]) expect(ask(wrong, r)).toBe(true)
    for (const r of [0n, 1n, 2n, 5n, inverse(3n), ORDER - 3n]) expect(ask(wrong, r)).toBe(false)
    for (const r of [0n, 1n, 3n, ORDER - 1n]) expect(ask(y, r)).toBe(true)
  })
})

test('updates over a batch of 64 are shown by the check, from the roots of the batch as it came in', async () => {
  const [blocks, model] = [await allBlocks(), updateModel(64)]
  const { text, constraints } = circuitOf(model.program, { blocks, given: model.given })
  expect(text.match(/var challenge_/g)?.length).toBe(1)
  // Roots of x, d, w before and after, and of the product: none of the turned batch.
  expect(text.match(/component leaf_\d+\[/g)?.length).toBe(5)
  expect(constraints).toBeLessThan(8 * 8 * 64 + 64 * 22 + 2 * 64 * 8 * 8 + 9 * 610)
  await training(model, { runs: 3 })
}, 60_000)

test('updates over a small batch are shown product by product, which is cheaper', async () => {
  const [blocks, model] = [await allBlocks(), updateModel(8)]
  expect(circuitOf(model.program, { blocks, given: model.given }).text).not.toContain('challenge')
})
