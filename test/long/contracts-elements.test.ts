import type { Contract } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stream } from '../../scripts/exact-vectors.js'
import { DTYPES, type DType, type Tensor } from '../../src/core/tensor.js'
import { OPS } from '../../src/exact/ops/index.js'
import { differencesOf, sampleOf, withoutZeros } from '../contracts/elements.js'
import { deploy, startNode, type EvmNode } from '../contracts/node.js'

const PAIRS = 100_000
const INTEGERS = 40_000

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/ElementsHarness')
})
afterAll(() => node?.stop())

const next = stream('pairs of Pow')
const WORD = new DataView(new ArrayBuffer(4))

/** A number of [0, 1). */
const uniform = () => Number(next() >> 11n) / 2 ** 53

/** Any 32 bits. */
function anything(): number {
  WORD.setUint32(0, Number(next() & 0xffffffffn))
  return WORD.getFloat32(0)
}

const around = (width: number) => (uniform() - 0.5) * width

test.each<readonly [string, () => readonly [number, number]]>([
  ['of any bits', () => [anything(), anything()]],
  ['of any size to moderate powers', () => [Math.abs(anything()), around(60)]],
  ['near 1 to large powers', () => [1 + around(1 / 32), around(4000)]],
  ['of integers, whose powers are exact', () => [Math.round(around(60)), Math.round(around(30))]],
  [
    'of squares to halves, whose powers are exact or ties',
    () => [Math.round(uniform() * 200) ** 2 / 16, Math.round(around(20)) / 2],
  ],
])('Pow of 100,000 pairs %s has the bits of the exact op', async (_, pair) => {
  const [x, y] = [new Float32Array(PAIRS), new Float32Array(PAIRS)]
  for (let i = 0; i < PAIRS; i++) [x[i], y[i]] = pair()
  const inputs = [x, y].map((data): Tensor => ({ dtype: 'float32', dims: [PAIRS], data }))
  expect(await differencesOf(harness, 'Pow', { inputs })).toEqual([])
})

const WHOLE = (Object.keys(DTYPES) as DType[]).filter((dtype) => /^u?int/.test(dtype))
const BINARY = OPS.filter(({ name }) => ['Add', 'Sub', 'Mul', 'Div', 'Mod', 'Max', 'Min', 'Less'].includes(name))

test.each(BINARY.flatMap(({ name }) => WHOLE.map((dtype) => [name, dtype] as const)))(
  '%s of 40,000 pairs of %s has the bits of the exact op',
  async (name, dtype) => {
    const inputs = [0, 1].map((i) => sampleOf(dtype, [INTEGERS], `long ${name} ${i}`))
    withoutZeros(inputs[1])
    expect(await differencesOf(harness, name, { inputs })).toEqual([])
  },
)

test.each(['float16', 'bfloat16'] as const)('every %s casts to every type as the exact op has it', async (dtype) => {
  const data = Uint16Array.from({ length: 65536 }, (_, i) => i)
  const infinity = dtype === 'float16' ? 0x7c00 : 0x7f80
  const isNumber = (bits: number) => (bits & 0x7fff) <= infinity
  for (const to of Object.keys(DTYPES) as DType[]) {
    const bits = WHOLE.includes(to) ? data.filter(isNumber) : data
    const inputs = [{ dtype, dims: [bits.length], data: bits }]
    expect(await differencesOf(harness, 'Cast', { inputs, attributes: { to: DTYPES[to].code } })).toEqual([])
  }
})
