import { describe, expect, test } from 'vitest'
import { fold } from '../../src/zk/commit.js'
import { Draft } from '../../src/zk/draft.js'
import { ORDER, reduce } from '../../src/zk/field.js'
import { firstBroken, holds } from '../../src/zk/r1cs.js'
import { draws } from '../../bench/zk-models.js'
import { allBlocks, build, buildLittle, drawInputs, inputWires, signalsOf, type Built } from './bare.js'
import { LITTLE, checkedProduct, type Little } from './ops.js'
import { freeDirections, freeInverses, survivors } from './soundness.js'

/** Elements of elementwise ops: each is alike, so a few show as much as many. */
const WIDTH = 3
const WITNESSES = 6

/** The constraints that read a wire. */
const readersOf = ({ system }: Built, wire: number) =>
  system.constraints.filter(({ a, b, c }) => [a, b, c].some(({ wires }) => wires.includes(wire)))

async function witnesses(little: Little): Promise<{ built: Built; list: bigint[][] }> {
  const [built, draw] = [await buildLittle(little), draws(11)]
  const list = Array.from({ length: WITNESSES }, (_, i) =>
    built.generator.witness(signalsOf(little, drawInputs(little, draw, i % 2 === 1))),
  )
  return { built, list }
}

describe('a witness leaves no freedom once the inputs are given', () => {
  test.each(Object.entries(LITTLE))(
    '%s: every changed wire breaks a constraint, no direction is free',
    async (_name, make) => {
      const little = make(WIDTH)
      const { built, list } = await witnesses(little)
      const inputs = inputWires(built, little)
      for (const witness of list) {
        expect(firstBroken(built.system, witness)).toBeUndefined()
        const excused = freeInverses(built.wires, witness)
        const left = survivors(built.system, witness, inputs).filter((wire) => !excused.has(wire))
        expect(left).toEqual([])
        expect(freeDirections(built.system, witness, new Set([...inputs, ...excused]))).toEqual([])
      }
    },
    60_000,
  )

  test('inverses are excused only where one constraint alone reads them, with what is tested', async () => {
    const built = await buildLittle(LITTLE['clamp on both sides'](WIDTH))
    const inverses = [...built.wires].filter(([name]) => name.startsWith('inverse_'))
    expect(inverses.length).toBeGreaterThan(0)
    for (const [, wire] of inverses) expect(readersOf(built, wire).length).toBe(1)
  })

  test('a product under Freivalds’ check: every changed wire breaks a constraint, no direction is free', async () => {
    const little = checkedProduct()
    const built = await buildLittle(little)
    const witness = built.generator.witness(signalsOf(little, drawInputs(little, draws(12))))
    expect([...built.wires.keys()].some((name) => name.startsWith('folded_'))).toBe(true)
    expect(survivors(built.system, witness, inputWires(built, little))).toEqual([])
    expect(freeDirections(built.system, witness, inputWires(built, little))).toEqual([])
  }, 60_000)
})

/** A circuit of one template of this package. */
const alone = (use: string, file = 'bits') =>
  build(`pragma circom 2.1.6;\ninclude "${file}.circom";\ncomponent main = ${use};\n`)

/** Every assignment of the low bits of one element, with a forged input: does any keep the constraints? */
function anyBits(built: Built, input: bigint, low: number): boolean {
  const wire = (name: string) => built.wires.get(name)!
  const witness = Array<bigint>(built.system.wires).fill(0n)
  witness[0] = 1n
  witness[wire('in[0]')] = reduce(input)
  for (let bits = 0; bits < 1 << low; bits++) {
    for (let k = 0; k < low; k++) witness[wire(`low[0][${k}]`)] = BigInt((bits >> k) & 1)
    if (firstBroken(built.system, witness) === undefined) return true
  }
  return false
}

describe('ranges end where they should', () => {
  test.each([
    { n: 6, offset: 0, lo: 0n, hi: 63n },
    { n: 6, offset: 32, lo: -32n, hi: 31n },
    { n: 2, offset: 2, lo: -2n, hi: 1n },
  ])(
    'n = $n, offset $offset: the ends have bits, what lies beyond has none, whatever the prover writes',
    async (range) => {
      const built = await alone(`Bits(1, ${range.n}, ${range.offset})`)
      const ask = (value: bigint) => anyBits(built, value, range.n - 1)
      expect([range.lo, range.hi].map(ask)).toEqual([true, true])
      expect([range.lo - 1n, range.hi + 1n].map(ask)).toEqual([false, false])
      const half = (ORDER + 1n) / 2n
      const far = [1n << 64n, -(1n << 64n), half, ORDER - half, ORDER >> 1n, ORDER - 100n, ORDER / 3n]
      expect(far.map(ask)).toEqual(far.map(() => false))
    },
  )

  test('a value of one bit is 0 or 1', async () => {
    const built = await alone('Bits(1, 1, 0)')
    const holdsFor = (value: bigint) => firstBroken(built.system, [1n, reduce(value)]) === undefined
    expect([0n, 1n, 2n, -1n].map(holdsFor)).toEqual([true, true, false, false])
  })

  test('the bits of value + order are no bits of the value: 250 bits stay below the order', async () => {
    const [value, n] = [5n, 250]
    const built = await alone(`Bits(1, ${n}, 0)`)
    const witness = built.generator.witness({ in: [value] })
    expect(firstBroken(built.system, witness)).toBeUndefined()
    const forged = [...witness]
    for (let k = 0; k < n - 1; k++) forged[built.wires.get(`low[0][${k}]`)!] = ((value + ORDER) >> BigInt(k)) & 1n
    expect(firstBroken(built.system, forged)).toBeDefined()
  })

  test('254 bits would have two forms of small numbers, which is why no decomposition is that long', async () => {
    const [value, n] = [5n, 254]
    const built = await alone(`Bits(1, ${n}, 0)`)
    const witness = built.generator.witness({ in: [value] })
    const alias = [...witness]
    for (let k = 0; k < n - 1; k++) alias[built.wires.get(`low[0][${k}]`)!] = ((value + ORDER) >> BigInt(k)) & 1n
    expect(firstBroken(built.system, alias)).toBeUndefined()
    const draft = new Draft(await allBlocks())
    const wide = { name: 'x', size: 1, lo: 0n, hi: (1n << 251n) - 1n, terms: 1 }
    expect(() => draft.bits(wide)).toThrow('zk/unsupported')
    expect(draft.bits({ ...wide, hi: (1n << 250n) - 1n }).count).toBe(250)
  })

  test('an input beyond its range has no witness', async () => {
    const little = LITTLE.requantize(1)
    const built = await buildLittle(little)
    expect(() => built.generator.witness({ x0: [2048n] })).toThrow('zk/no-witness')
    expect(() => built.generator.witness({ x0: [-2049n] })).toThrow('zk/no-witness')
  })
})

describe('membership in a tree', () => {
  test('leads every leaf to the root, leaves no freedom, and refuses a place that is no bit or another leaf', async () => {
    const built = await alone('MerkleRoot(3)', 'commitment')
    const leaves = Array.from({ length: 8 }, (_, i) => BigInt(100 + i))
    const path = (at: number) => {
      const beside = [0, 1, 2].map((level) => ((at >> level) ^ 1) << level)
      const siblings = beside.map((from, level) => fold(leaves.slice(from, from + (1 << level))))
      return { siblings, position: [0, 1, 2].map((level) => BigInt((at >> level) & 1)) }
    }
    const inputs = new Set(
      [...built.wires].filter(([name]) => /^(leaf|siblings|position)\[/.test(name)).map(([, w]) => w),
    )
    for (const at of [0, 3, 5, 7]) {
      const witness = built.generator.witness({ leaf: [leaves[at]], ...path(at) })
      expect(witness[built.wires.get('out[0]')!]).toBe(fold(leaves))
      expect(survivors(built.system, witness, inputs)).toEqual([])
      expect(freeDirections(built.system, witness, inputs)).toEqual([])
      const other = built.generator.witness({ leaf: [leaves[at] + 1n], ...path(at) })
      expect(other[built.wires.get('out[0]')!]).not.toBe(fold(leaves))
    }
    const { siblings } = path(5)
    expect(() => built.generator.witness({ leaf: [1n], siblings, position: [2n, 0n, 0n] })).toThrow('zk/no-witness')
  }, 60_000)
})

describe('forged witnesses', () => {
  test('a remainder that is too large by one divisor, its quotient smaller by one, is refused', async () => {
    const little = LITTLE.requantize(1)
    const built = await buildLittle(little)
    const witness = built.generator.witness({ x0: [1000n] })
    const bit = (k: number) => [...built.wires].find(([name]) => new RegExp(`^low_\\d+\\[0\\]\\[${k}\\]$`).test(name))!
    // 1008 = 63 * 16 + 0: write 62 * 16 + 16 instead.
    const forged = [...witness]
    forged[built.wires.get('y0[0]')!] -= 1n
    forged[bit(4)[1]] -= 1n
    forged[bit(0)[1]] += 16n
    expect(firstBroken(built.system, forged)).toBeDefined()
  })

  test('the larger of two equal ones may not be claimed at the higher index', async () => {
    const built = await alone('ArgMax(1, 3, 4)', 'choose')
    const witness = built.generator.witness({ in: [2n, 2n, 1n] })
    expect(witness[built.wires.get('out[0]')!]).toBe(0n)
    const wires = [...built.wires].filter(([name]) => !name.startsWith('in[')).map(([, wire]) => wire)
    const other = built.generator.witness({ in: [1n, 2n, 1n] })
    const forged = witness.map((value, wire) => (wires.includes(wire) ? other[wire] : value))
    expect(firstBroken(built.system, forged)).toBeDefined()
  })

  test('a product that is wrong in one element is refused by Freivalds’ check', async () => {
    const { program, given } = checkedProduct()
    const little = { program, given }
    const built = await buildLittle(little)
    const witness = built.generator.witness(signalsOf(little, drawInputs(little, draws(13))))
    const forged = [...witness]
    const wire = [...built.wires].find(([name]) => /^y_\d+\[5\]$/.test(name))![1]
    forged[wire] = reduce(forged[wire] + 16n)
    expect(firstBroken(built.system, forged)).toBeDefined()
  }, 60_000)
})

describe('the pattern of circomlib-ml’s Dense', () => {
  /** Quotient and remainder by `<--`, the remainder bounded by assert alone, which adds no constraint. */
  const UNSOUND = `pragma circom 2.1.6;
template Scale(divisor) {
    signal input in;
    signal output out;
    signal remainder;
    out <-- in \\ divisor;
    remainder <-- in % divisor;
    assert(remainder < divisor);
    in === out * divisor + remainder;
}
component main = Scale(16);
`

  test('accepts a forged quotient, and the suite says so: one direction is free', async () => {
    const built = await build(UNSOUND)
    const witness = built.generator.witness({ in: [100n] })
    const [out, remainder] = ['out', 'remainder'].map((name) => built.wires.get(name)!)
    const forged = [...witness]
    forged[out] -= 5n
    forged[remainder] += 80n
    expect(built.system.constraints.every((constraint) => holds(constraint, forged))).toBe(true)
    const inputs = new Set([built.wires.get('in')!])
    expect(freeDirections(built.system, witness, inputs).length).toBe(1)
    // Changing one wire at a time does not find it: both are free together.
    expect(survivors(built.system, witness, inputs)).toEqual([])
  })

  test('has no place in this package: no assert, and a note beside every hint', async () => {
    const { sources } = await import('../../src/zk/compile.js')
    for (const [name, text] of await sources()) {
      if (name === 'poseidon-constants.circom') continue
      expect(text).not.toMatch(/\bassert\b/)
      const lines = text.split('\n')
      lines.forEach((line, i) => {
        if (line.includes('<--'))
          expect(lines.slice(Math.max(0, i - 4), i).join('\n'), `${name}:${i + 1}`).toContain('// Hint.')
      })
    }
  })
})
