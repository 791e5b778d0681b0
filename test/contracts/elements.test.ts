import type { Contract } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generate, powerTable } from '../../scripts/power-table.js'
import { textOf } from '../../scripts/markdown.js'
import { DTYPES, sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { TABLES } from '../../src/exact/elementary/index.js'
import { OPS } from '../../src/exact/ops/index.js'
import type { ExactOp } from '../../src/exact/op.js'
import type { Attributes } from '../../src/exact/program.js'
import { differencesOf, sampleOf, withoutZeros } from './elements.js'
import { callBytes } from './exact.js'
import { deploy, startNode, type EvmNode } from './node.js'

const COUNT = 4000

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/ElementsHarness')
}, 60_000)
afterAll(() => node?.stop())

const ALL = Object.keys(DTYPES) as DType[]
const isDecided = (op: ExactOp) => op.name !== 'Where' && /^element/.test(op.referee)
const DECIDED = OPS.filter(isDecided)
const arityOf = (op: ExactOp): 1 | 2 => {
  const type = { dtype: op.dtypes === 'any' ? 'int32' : op.dtypes[0], dims: [1] } as const
  try {
    op.infer([type], { to: 6 })
    return 1
  } catch {
    return 2
  }
}

describe('the numbers of the ops', () => {
  test('in the contracts are those of the table', () => {
    const text = textOf('contracts/ops/Ops.sol')
    const snake = (name: string) =>
      name
        .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
        .toUpperCase()
        .replace('IS_NA_N', 'IS_NAN')
    const found = [...text.matchAll(/constant (\w+) = (\d+);/g)].map(([, name, number]) => [name, Number(number)])
    expect(new Map(found as [string, number][])).toEqual(new Map(OPS.map((op) => [snake(op.name), op.number])))
  })

  test('say which ops have one element of each operand, and how many operands', async () => {
    for (let number = 0; number < 120; number++) {
      const op = OPS.find((row) => row.number === number)
      const decided = op !== undefined && isDecided(op)
      expect(await harness.isElementwise(number), `op ${number}`).toBe(decided)
      if (decided) expect(await harness.isBinary(number), op.name).toBe(arityOf(op) === 2)
    }
  })
})

describe.each(DECIDED.filter(({ name }) => !/Cast$/.test(name)).map((op) => [op.name, op] as const))(
  '%s in the contract',
  (name, op) => {
    const dtypes = op.dtypes === 'any' ? ALL : op.dtypes
    test.each(dtypes.map((dtype) => [dtype]))(
      'has the bits of the definition for %s',
      async (dtype) => {
        const inputs = Array.from({ length: arityOf(op) }, (_, i) => sampleOf(dtype, [COUNT], `${name} ${i}`))
        if (op.faults !== undefined) withoutZeros(inputs[1])
        for (const right of op.attributes.length === 0 ? [undefined] : [0, 1]) {
          const attributes: Attributes = right === undefined ? {} : { right }
          expect(await differencesOf(harness, name, { inputs, attributes })).toEqual([])
        }
      },
      30_000,
    )
  },
)

describe('casts in the contract', () => {
  const pairs = ALL.flatMap((from) => ALL.map((to) => [from, to] as const))

  test.each(ALL.map((from) => [from]))(
    'from %s to every type have the bits of the definition',
    async (from) => {
      const x = sampleOf(from, [1200], 'cast')
      const numbers = withoutNaN(x)
      for (const to of ALL) {
        const isInteger = DTYPES[to].kind === 'signed' || DTYPES[to].kind === 'unsigned'
        const inputs = [isInteger ? numbers : x]
        expect(await differencesOf(harness, 'Cast', { inputs, attributes: { to: DTYPES[to].code } })).toEqual([])
      }
    },
    30_000,
  )

  test('of bits keep them, but for the payload of a NaN', async () => {
    const fits = pairs.filter(
      ([from, to]) => from !== 'bool' && to !== 'bool' && DTYPES[from].bytes === DTYPES[to].bytes,
    )
    expect(fits.length).toBe(4 + 16 + 9 + 9)
    for (const [from, to] of fits) {
      const inputs = [sampleOf(from, [1000], 'bits')]
      expect(await differencesOf(harness, 'BitCast', { inputs, attributes: { to: DTYPES[to].code } })).toEqual([])
    }
  }, 60_000)

  test('of a NaN to an integer have no result', async () => {
    const operation = { op: 23, dtype: 1, target: 6, attribute: 6, a: 0, b: 0 }
    const nan = Uint8Array.of(0, 0, 0xc0, 0x7f)
    await expect(callBytes(harness, 'evaluate', [operation, 4, 4, nan, new Uint8Array(0)])).rejects.toThrow()
  })
})

/** A tensor with its NaN elements left out. */
function withoutNaN(x: Tensor): Tensor {
  if (x.dtype !== 'float32' && x.dtype !== 'float64' && x.dtype !== 'float16' && x.dtype !== 'bfloat16') return x
  const limit = x.dtype === 'float16' ? 0x7c00 : 0x7f80
  const isHalf = x.dtype === 'float16' || x.dtype === 'bfloat16'
  const kept = Array.from(x.data as Float32Array).filter((v) => (isHalf ? (v & 0x7fff) <= limit : v === v))
  return tensor(x.dtype, [kept.length], kept)
}

describe('the numbers of Pow', () => {
  test('are what the script makes', () => {
    expect(textOf('contracts/ops/PowerTable.sol')).toBe(generate())
    expect(powerTable().length).toBe(112 + 128 * 21)
  })

  test('give every entry of the tables of the logarithm', async () => {
    const [inverse, log, low] = ['INVERSE', 'LOG', 'LOG_LOW'].map((name) => TABLES.find((t) => t.name === name)!.values)
    const last = inverse.length - 2
    expect(last).toBe(278 * 128)
    for (let first = 1; first <= last; first += 4000) {
      const count = Math.min(4000, last + 1 - first)
      const found = await callBytes(harness, 'logarithms', [first, count])
      const right = new Float64Array(3 * count)
      for (let i = 0; i < count; i++) right.set([inverse[first + i], log[first + i], low[first + i]], 3 * i)
      expect(Buffer.compare(found, Buffer.from(right.buffer)), `entries from ${first}`).toBe(0)
    }
  }, 60_000)

  test('give every entry of the table of the exponential', async () => {
    const { values } = TABLES.find((t) => t.name === 'EXP')!
    const found = await callBytes(harness, 'exponentials', [-6656, 2 * 6656 + 1])
    const right = Float64Array.from(values, (_, i) => values[i < 6656 ? i + 6657 : i - 6656])
    expect(Buffer.compare(found, Buffer.from(right.buffer))).toBe(0)
  }, 60_000)
})

describe('what one operation costs', () => {
  const number = (name: string) => OPS.find((op) => op.name === name)!.number

  test.each(['Exp', 'Tanh', 'Erf', 'Sin', 'Log', 'Pow'])(
    '%s stays below 60,000 gas',
    async (name) => {
      const x = sampleOf('float32', [400], 'gas')
      const y = sampleOf('float32', [400], 'gas of powers')
      const [a, b] = [x, y].map(({ data }) => new Uint32Array(data.buffer))
      let worst = 0
      for (let i = 0; i < sizeOf(x.dims); i++) {
        const operation = { op: number(name), dtype: 1, target: 1, attribute: 0, a: a[i], b: b[i] }
        worst = Math.max(worst, Number((await harness.gasOf(operation)).used))
      }
      expect(worst).toBeLessThan(60_000)
    },
    30_000,
  )
})
