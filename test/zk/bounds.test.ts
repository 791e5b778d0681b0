/**
 * Where ranges end: each block at the numbers just inside and just outside of every range that it has or trusts.
 */
import { describe, expect, test } from 'vitest'
import { inputsOf } from '../../src/exact/program.js'
import { ORDER, reduce, signed } from '../../src/zk/field.js'
import { firstBroken } from '../../src/zk/r1cs.js'
import { tensor } from '../../src/core/tensor.js'
import { build, buildLittle, evaluated, outputsOfWitness, signalsOf, type Built } from './bare.js'
import { LITTLE, type Little } from './ops.js'

/** The only input of a program, where it is one-dimensional: then each element is an input of its own. */
function lone({ program, given }: Little): { lo: number; hi: number } | undefined {
  const types = inputsOf(program)
  if (types.length !== 1 || types[0].dims.length !== 1) return undefined
  const { lo, hi } = given[program.names.inputs[0]]
  return { lo: Number(lo), hi: Number(hi) }
}

const WIDTH = 256
const LONE = Object.entries(LITTLE).filter(([, make]) => lone(make(WIDTH)) !== undefined)

describe('a block of one input agrees with the evaluator on every number of its range, ends and thresholds included', () => {
  test('most blocks that bound anything are among them', () => {
    expect(LONE.length).toBeGreaterThanOrEqual(9)
  })

  test.each(LONE)(
    '%s',
    async (_name, make) => {
      const little = make(WIDTH)
      const built = await buildLittle(little)
      const { lo, hi } = lone(little)!
      const { dtype } = inputsOf(little.program)[0]
      for (let from = lo; from <= hi; from += WIDTH) {
        const values = Array.from({ length: WIDTH }, (_, i) => BigInt(Math.min(from + i, hi)))
        const inputs = [tensor(dtype, [WIDTH], values)]
        const witness = built.generator.witness(signalsOf(little, inputs))
        expect(outputsOfWitness(little, witness)).toEqual(await evaluated(little, inputs))
      }
    },
    60_000,
  )
})

/** The witnesses that keep every constraint, out of all in which some wires are known and others have one of their values. */
function solutions(
  built: Built,
  known: Readonly<Record<string, bigint>>,
  free: Readonly<Record<string, bigint[]>>,
): bigint[][] {
  const wire = (name: string) => built.wires.get(name) ?? expect.fail(`no wire ${name}`)
  const start = Array<bigint>(built.system.wires).fill(0n)
  start[0] = 1n
  for (const [name, value] of Object.entries(known)) start[wire(name)] = reduce(value)
  const all = Object.entries(free).reduce<bigint[][]>(
    (list, [name, values]) => list.flatMap((witness) => values.map((value) => witness.with(wire(name), reduce(value)))),
    [start],
  )
  return all.filter((witness) => firstBroken(built.system, witness) === undefined)
}

const BITS = [0n, 1n]
const block = (use: string) => build(`pragma circom 2.1.6;\ninclude "choose.circom";\ncomponent main = ${use};\n`)

describe('what a block trusts, it also shows where it takes bits: differences beyond them have no witness at all', () => {
  const BOUND = 8n
  const DIFFERENCES = [-BOUND - 1n, -BOUND, -BOUND + 1n, -1n, 0n, 1n, BOUND - 2n, BOUND - 1n, BOUND]

  test('Maximum of two, bits for -8 .. 7', async () => {
    const built = await block('Maximum(1, 2, 4)')
    for (const difference of DIFFERENCES) {
      const [a, b] = [difference, 0n]
      const free = { ...lows('low[0][0]', 3), 'out[0]': [a, b] }
      const found = solutions(built, { 'in[0]': a, 'in[1]': b }, free)
      const inside = difference >= -BOUND && difference < BOUND
      expect(new Set(found.map((witness) => signed(witness[built.wires.get('out[0]')!])))).toEqual(
        new Set(inside ? [a > b ? a : b] : []),
      )
    }
  })

  test('ArgMax of two, bits for -8 .. 7: the lowest index of equal ones', async () => {
    const built = await block('ArgMax(1, 2, 4)')
    for (const difference of DIFFERENCES) {
      const free = { ...lows('low[0][0]', 3), 'out[0]': BITS }
      const found = solutions(built, { 'in[0]': difference, 'in[1]': 0n }, free)
      const inside = difference >= -BOUND && difference < BOUND
      expect(found.map((witness) => witness[built.wires.get('out[0]')!])).toEqual(
        inside ? [difference >= 0n ? 0n : 1n] : [],
      )
    }
  })

  test('IsZero: 1 of 0 alone, 0 of all else, whatever the inverse', async () => {
    const built = await block('IsZero(1)')
    for (const value of [-1n, 0n, 1n, 2n, ORDER - 2n]) {
      const inverses = [-1n, 0n, 1n, 2n, (ORDER + 1n) / 2n, (ORDER - 1n) / 2n]
      const found = solutions(built, { 'in[0]': value }, { 'inverse[0]': inverses, 'out[0]': [-1n, 0n, 1n, 2n] })
      const results = new Set(found.map((witness) => witness[built.wires.get('out[0]')!]))
      expect([...results]).toEqual([value === 0n ? 1n : 0n])
    }
  })
})

const lows = (stem: string, count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, k) => [`${stem}[${k}]`, BITS]))

describe('blocks on bits, each number of the range and one beyond it on either side, every assignment of the bits', () => {
  const [N, SHIFT, CUT] = [5, 1, 2]
  const HALF = 1 << (N - 1)
  const floor = (value: number) => Math.floor(value / 2 ** SHIFT)
  const CASES = {
    Relu: { use: `Relu(1, ${N}, ${SHIFT})`, x: false, of: (y: number) => Math.max(floor(y), 0) },
    ReluClamp: {
      use: `ReluClamp(1, ${N}, ${SHIFT}, ${CUT})`,
      x: false,
      of: (y: number) => Math.min(Math.max(floor(y), 0), 2 ** CUT - 1),
    },
    ClampLow: {
      use: `ClampLow(1, ${N}, ${SHIFT}, ${CUT})`,
      x: true,
      of: (y: number) => Math.max(floor(y), -(2 ** CUT)),
    },
    ClampHigh: {
      use: `ClampHigh(1, ${N}, ${SHIFT}, ${CUT}, 1)`,
      x: true,
      of: (y: number) => Math.min(floor(y), 2 ** CUT - 1),
    },
  }

  const circuit = (use: string, x: boolean) => `pragma circom 2.1.6;
include "bits.circom";
template Main() {
    signal input y[1];
    signal output out;
    component bits = Bits(1, ${N}, ${HALF});
    bits.in[0] <== y[0];
    component block = ${use};
    var sum = 0;
    for (var k = 0; k < ${N - 1}; k++) { block.low[0][k] <== bits.low[0][k]; sum += bits.low[0][k] * (1 << k); }
    block.top[0] <== (y[0] + ${HALF} - sum) / ${HALF};
    ${x ? `var rest = 0; for (var k = 0; k < ${SHIFT}; k++) { rest += bits.low[0][k] * (1 << k); } block.x[0] <== (y[0] - rest) / ${1 << SHIFT};` : ''}
    out <== block.out[0];
}
component main = Main();
`

  /** How many assignments of bits keep the constraints that read nothing but the number and its bits. */
  function bitsAlone({ system, wires }: Built): (y: number) => number {
    const named = ['y[0]', ...Object.keys(lows('bits.low[0]', N - 1))]
    const own = new Set([0, ...named.map((name) => wires.get(name)!)])
    const constraints = system.constraints.filter(({ a, b, c }) =>
      [a, b, c].every((part) => part.wires.every((wire) => own.has(wire))),
    )
    expect(constraints.length).toBe(N)
    const part: Built = { system: { ...system, constraints }, wires, generator: { witness: () => [] } }
    return (y) => solutions(part, { 'y[0]': BigInt(y) }, lows('bits.low[0]', N - 1)).length
  }

  test.each(Object.entries(CASES))('%s', async (_name, { use, x, of }) => {
    const built = await build(circuit(use, x))
    const ways = bitsAlone(built)
    for (let y = -HALF; y < HALF; y++) {
      const witness = built.generator.witness({ y: [BigInt(y)] })
      expect(signed(witness[built.wires.get('out')!])).toBe(BigInt(of(y)))
      expect(firstBroken(built.system, witness)).toBeUndefined()
      expect(ways(y)).toBe(1)
    }
    expect([-HALF - 2, -HALF - 1, HALF, HALF + 1].map(ways)).toEqual([0, 0, 0, 0])
    for (const y of [-HALF - 1, HALF])
      expect(() => built.generator.witness({ y: [BigInt(y)] })).toThrow('zk/no-witness')
  })
})
