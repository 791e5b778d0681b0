import type { Contract } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DTYPES, dtypeOf } from '../../src/core/tensor.js'
import { OPS, opOf } from '../../src/exact/ops/index.js'
import { outcomesOf, type Call } from './batch.js'
import { deploy, startNode, type EvmNode } from './node.js'
import { Draw, bent, drawTyped, rightOf, textOf, type Typed } from './shapes.js'

const CASES = 240

let node: EvmNode
let harness: Contract
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/ShapesHarness')
}, 60_000)
afterAll(() => node?.stop())

/** What the contract infers where the attributes are the op's: it is asked for nothing else. */
async function foundOf(cases: readonly Typed[]): Promise<string[]> {
  const fits = await outcomesOf(
    harness,
    cases.map(({ op, words }): Call => ['areAttributes', opOf(op).number, words]),
  )
  const calls = cases.map(({ op, operands, words }): Call => {
    const types = operands.map(({ dtype, dims }) => ({ dtype: DTYPES[dtype].code, dims }))
    return ['infer', opOf(op).number, types, words]
  })
  const inferred = await outcomesOf(
    harness,
    calls.filter((_, i) => fits[i] === 'true'),
  )
  let next = 0
  return fits.map((fit) => (fit === 'true' ? textOf(inferred[next++]) : 'no attributes'))
}

describe('the type that an op gives', () => {
  test.each(OPS.map(({ name }) => name))('%s: as the op table infers it, or refused by both', async (op) => {
    const d = new Draw(`types of ${op}`)
    const cases = Array.from({ length: CASES }, (_, i) => {
      const typed = drawTyped(d, op)
      return i % 3 === 0 ? typed : i % 3 === 1 ? bent(d, typed) : bent(d, bent(d, typed))
    })
    const right = cases.map(rightOf)
    const found = await foundOf(cases)
    const wrong = cases.filter((_, i) => found[i] !== right[i])
    expect(wrong.map((one) => [one, rightOf(one)])).toEqual([])
    // Both answers were asked for.
    expect(right.filter((text) => text === 'Refused').length).toBeGreaterThan(CASES / 20)
    expect(right.filter((text) => text.endsWith(']')).length).toBeGreaterThan(CASES / 8)
  })
})

describe('numbers of types and ops', () => {
  const numbers = Array.from({ length: 300 }, (_, i) => i)
  const isRight = (name: string, right: (number: number) => unknown) =>
    test(name, async () => {
      const found = await outcomesOf(
        harness,
        numbers.map((number): Call => [name, number]),
      )
      expect(found).toEqual(numbers.map((number) => String(right(number))))
    })
  isRight('isType', (number) => dtypeOf(number) !== undefined)
  isRight('isOp', (number) => OPS.some((op) => op.number === number))
  isRight('isNamed', (number) => OPS.some((op) => op.number === number && op.referee === 'named'))

  test('bytes of an element', async () => {
    const rows = Object.values(DTYPES)
    const found = await outcomesOf(
      harness,
      rows.map(({ code }): Call => ['bytesOf', code]),
    )
    expect(found).toEqual(rows.map(({ bytes }) => String(bytes)))
  })
})

describe('dims of a value', () => {
  test.each<readonly [readonly number[], boolean]>([
    [[], true],
    [[0], true],
    [[2 ** 40], true],
    [[2 ** 40 + 1], false],
    [[2 ** 20, 2 ** 20], true],
    [[2 ** 20, 2 ** 20, 2], false],
    [[2 ** 40, 2 ** 40, 2 ** 40, 0], true],
    [[0, 2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40], true],
    [[2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40], false],
    [[1, 1, 1, 1, 1, 1, 1, 1], true],
    [[1, 1, 1, 1, 1, 1, 1, 1, 1], false],
    [[-1], false],
    [[0, -1], false],
  ])('[%s]: %s', async (dims, right) => {
    expect(await outcomesOf(harness, [['isSize', dims]])).toEqual([String(right)])
  })
})
