import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stream } from '../../scripts/exact-vectors.js'
import { sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { hashLeaf, hashNode, sizedRoot } from '../../src/merkle/tree.js'
import { openValue } from '../../src/dispute/openings.js'
import type { Attributes } from '../../src/exact/program.js'
import {
  choiceEvidence,
  committed,
  courtOf,
  expansionOf,
  flipped,
  witnessLeaf,
  type Committed,
  type Compared,
  type Court,
  type From,
  type Node,
} from './cases.js'
import { evaluate, sampleOf } from './elements.js'
import { startNode, type EvmNode } from './node.js'

let node: EvmNode
let court: Court
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  court = await courtOf(node, 'ChoiceReferee')
}, 60_000)
afterAll(() => node?.stop())

const show = async (
  run: Committed,
  element: number,
  [fault, compared, ...more]: readonly [string, Compared, ...unknown[]],
) => (await court.rulings([court.callOf(run, fault, choiceEvidence(run, element, compared), ...more)]))[0]

const commit = async (sample: Node, result?: Tensor): Promise<Committed> => {
  const run = committed(sample, result)
  await court.admit(run)
  return run
}

/** A tensor with another element. */
function withElement(x: Tensor, element: number, value: number | bigint): Tensor {
  const data = x.data.slice()
  ;(data as unknown as { [i: number]: number | bigint })[element] = value
  return { ...x, data }
}

/** Without the elements that refuse a run. */
function numbers(dtype: DType, dims: readonly number[], label: string): Tensor {
  const x = sampleOf(dtype, dims, label)
  const cells = x.data as unknown as { [i: number]: number | bigint }
  for (let i = 0; i < x.data.length; i++) if (cells[i] !== cells[i]) cells[i] = 0
  return x
}

const POOL: Attributes = { kernel: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1], dilations: [1, 2] }

/** A maximum, and for each element the elements that it is chosen from. */
interface Maximum extends Node {
  readonly inputs: readonly [Tensor]
  readonly isSmallest: boolean
  group(element: number): readonly number[]
}

const reduction = (op: 'ReduceMax' | 'ReduceMin', dtype: DType): Maximum => {
  const x = numbers(dtype, [4, 3, 50], `${op} ${dtype}`)
  return {
    op,
    inputs: [x],
    attributes: { axes: 2 },
    isSmallest: op === 'ReduceMin',
    group: (element) => Array.from({ length: 150 }, (_, i) => element * 150 + i),
  }
}

/** Windows by the op itself: of the elements of its operand one at a time is above all others. */
const pooling = (): Maximum => {
  const x = numbers('float32', [1, 2, 5, 6], 'MaxPool')
  const groups = new Map<number, number[]>()
  for (let j = 0; j < sizeOf(x.dims); j++) {
    const one = { ...x, data: new Float32Array(sizeOf(x.dims)).fill(-Infinity).with(j, 1) }
    const out = evaluate('MaxPool', [one], POOL).data as Float32Array
    out.forEach((v, i) => v === 1 && groups.set(i, [...(groups.get(i) ?? []), j]))
  }
  return {
    op: 'MaxPool',
    inputs: [x],
    attributes: POOL,
    isSmallest: false,
    group: (element) => groups.get(element) ?? [],
  }
}

const MAXIMA: readonly (readonly [string, () => Maximum])[] = [
  ...(['float32', 'float64', 'int8', 'uint64', 'int64', 'uint16'] as const).flatMap((dtype) =>
    (['ReduceMax', 'ReduceMin'] as const).map((op) => [`${op} of ${dtype}`, () => reduction(op, dtype)] as const),
  ),
  ['MaxPool', pooling],
]

/** The lowest-indexed extreme. */
function witnessOf({ inputs: [x], isSmallest, group }: Maximum, element: number): number {
  const better = (a: number | bigint, b: number | bigint) => (isSmallest ? a < b : a > b)
  return group(element).reduce((best, i) => (better(x.data[i], x.data[best]) ? i : best))
}

describe.each(MAXIMA)('%s', (_, make) => {
  const sample = make()
  const [x] = sample.inputs
  const right = evaluate(sample.op, sample.inputs, sample.attributes)
  const element = right.data.length - 2
  const witness = witnessOf(sample, element)
  const group = sample.group(element)
  const next = stream('choice')
  const others = Array.from({ length: 12 }, () => group[Number(next() % BigInt(group.length))])

  test('of an honest provider is contradicted by nothing', async () => {
    const run = await commit(sample)
    const leaf = witnessLeaf(witness)
    await court.expand(run, element, expansionOf(leaf))
    for (const candidate of [...others, group[0], group[group.length - 1]]) {
      const sources: readonly From[] = [[0, candidate]]
      expect(await show(run, element, ['better', { candidate, sources }])).toBe('NoFault')
      expect(await show(run, element, ['lower', { candidate, sources, witness: leaf }])).toBe('NoFault')
    }
    expect(await show(run, element, ['chosen', { witness: leaf, sources: [[0, witness]] }])).toBe('NoFault')
    expect(await show(run, element, ['astray', { witness: leaf }])).toBe('NoFault')
    expect(await show(run, element, ['empty', {}])).toBe('NoFault')
    expect(await show(run, element, ['size', { witness: leaf }, 1, hashLeaf(leaf)])).toBe('NoFault')
  })

  test('is false where another element is better', async () => {
    const worse = group.find((i) => x.data[i] !== x.data[witness])!
    const run = await commit(sample, withElement(right, element, x.data[worse]))
    const sources: readonly From[] = [[0, witness]]
    expect(await show(run, element, ['better', { candidate: witness, sources }])).toBe('false claim')
  })

  test('is false where the witness has another value', async () => {
    const bit = right.dtype.startsWith('float') ? 3 : 0
    const run = await commit(sample, flipped(right, element, bit))
    const leaf = witnessLeaf(witness)
    await court.expand(run, element, expansionOf(leaf))
    const sources: readonly From[] = [[0, witness]]
    expect(await show(run, element, ['chosen', { witness: leaf, sources }])).toBe('false claim')
  })

  test('is false where the witness lies outside of the group, or is no number', async () => {
    const run = await commit(sample)
    const outside = Array.from({ length: x.data.length + 40 }, (_, i) => i).filter((i) => !group.includes(i))
    for (const at of [outside[0], outside[outside.length >> 1], x.data.length, x.data.length + 39]) {
      const leaf = witnessLeaf(at)
      await court.expand(run, element, expansionOf(leaf))
      expect(await show(run, element, ['astray', { witness: leaf }])).toBe('false claim')
    }
    for (const leaf of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(64), witnessLeaf(1n << 64n)]) {
      await court.expand(run, element, expansionOf(leaf))
      expect(await show(run, element, ['astray', { witness: leaf }])).toBe('false claim')
      expect(await show(run, element, ['chosen', { witness: leaf, sources: [[0, witness]] }])).toBe('WrongEvidence')
    }
  })

  test('is false where the expansion has two leaves', async () => {
    const run = await commit(sample)
    const leaf = witnessLeaf(witness)
    const root = hashNode(hashLeaf(leaf), hashLeaf(leaf))
    await court.expand(run, element, sizedRoot('expansion', { size: 2, root }))
    expect(await show(run, element, ['size', {}, 2, root])).toBe('false claim')
    expect(await show(run, element, ['size', {}, 1, root])).toBe('NoFault')
    expect(await show(run, element, ['chosen', { witness: leaf, sources: [[0, witness]] }])).toBe('RootMismatch')
  })
})

describe('the lowest of equal extremes', () => {
  const x = tensor('float32', [1, 6], [-3, -0, 0, -5, 0, -0])
  const sample = { op: 'ReduceMax', inputs: [x], attributes: { axes: 1 } } as const

  test('is the witness, -0 being equal to +0', async () => {
    const run = await commit(sample)
    for (const [witness, candidate, ruling] of [
      [2, 1, 'false claim'],
      [5, 4, 'false claim'],
      [1, 2, 'NoFault'],
      [1, 0, 'NoFault'],
      [2, 2, 'NoFault'],
    ] as const) {
      const leaf = witnessLeaf(witness)
      await court.expand(run, 0, expansionOf(leaf))
      expect(await show(run, 0, ['lower', { candidate, sources: [[0, candidate]], witness: leaf }])).toBe(ruling)
      // Either sign of the witness gives +0.
      expect(await show(run, 0, ['chosen', { witness: leaf, sources: [[0, witness]] }])).toBe('NoFault')
    }
  })

  test('gives +0, not -0', async () => {
    const run = await commit(sample, tensor('float32', [1], [-0]))
    const leaf = witnessLeaf(1)
    await court.expand(run, 0, expansionOf(leaf))
    expect(await show(run, 0, ['chosen', { witness: leaf, sources: [[0, 1]] }])).toBe('false claim')
    expect(await show(run, 0, ['better', { candidate: 2, sources: [[0, 2]] }])).toBe('NoFault')
  })
})

describe('a maximum of nothing', () => {
  const cases = (['float32', 'float64', 'int8', 'uint8', 'int64', 'uint64'] as const).flatMap((dtype) =>
    (['ReduceMax', 'ReduceMin'] as const).map((op) => [op, dtype] as const),
  )

  test.each(cases)('is %s of %s, the type’s own value', async (op, dtype) => {
    const sample = {
      op,
      inputs: [{ dtype, dims: [3, 0], data: sampleOf(dtype, [0], '').data }],
      attributes: { axes: 1 },
    }
    const right = evaluate(op, sample.inputs, sample.attributes)
    expect(await show(await commit(sample), 1, ['empty', {}])).toBe('NoFault')
    expect(await show(await commit(sample, flipped(right, 1, 0)), 1, ['empty', {}])).toBe('false claim')
  })

  test('has no witness that could be wrong', async () => {
    const sample = { op: 'ReduceMax', inputs: [tensor('float32', [3, 0], [])], attributes: { axes: 1 } }
    const run = await commit(sample)
    await court.expand(run, 1, expansionOf(witnessLeaf(0)))
    expect(await show(run, 1, ['astray', { witness: witnessLeaf(0) }])).toBe('NoFault')
    expect(await show(run, 1, ['size', {}, 2, new Uint8Array(32)])).toBe('NoFault')
  })

  test('in a window that sees nothing but padding', async () => {
    const attributes = { kernel: [2], strides: [1], pads: [1, 1], dilations: [2] }
    const x = tensor('float32', [1, 2, 1], [4, 5])
    const sample = { op: 'MaxPool', inputs: [x], attributes }
    const right = evaluate('MaxPool', [x], attributes)
    expect([...(right.data as Float32Array)]).toEqual([-Infinity, -Infinity])
    const run = await commit(sample)
    await court.expand(run, 1, expansionOf(witnessLeaf(1)))
    expect(await show(run, 1, ['empty', {}])).toBe('NoFault')
    expect(await show(run, 1, ['chosen', { witness: witnessLeaf(1), sources: [[0, 1]] }])).toBe('NoFault')
    expect(await show(run, 1, ['better', { candidate: 1, sources: [[0, 1]] }])).toBe('OtherGroup')
    const liar = await commit(sample, withElement(right, 1, 5))
    expect(await show(liar, 1, ['empty', {}])).toBe('false claim')
  })
})

describe.each(['ArgMax', 'ArgMin'])('%s', (op) => {
  const dims = [3, 40, 5]
  const x = withElement(withElement(numbers('float32', dims, 'places'), 0, 0), 5, -0)
  const sample = { op, inputs: [x], attributes: { axis: 1 } }
  const right = evaluate(op, sample.inputs, sample.attributes)
  const source = (element: number, place: number): From => [
    0,
    Math.floor(element / 5) * 200 + place * 5 + (element % 5),
  ]
  const against = (element: number, place: number, candidate: number): Compared => ({
    candidate,
    sources:
      place >= 0 && place < 40 ? [source(element, candidate), source(element, place)] : [source(element, candidate)],
  })

  test('of an honest provider is contradicted by no place', async () => {
    const run = await commit(sample)
    for (const element of [0, 7, 14])
      for (let candidate = 0; candidate < 40; candidate += 3)
        expect(await show(run, element, ['place', against(element, Number(right.data[element]), candidate)])).toBe(
          'NoFault',
        )
  })

  test('is false at every other place', async () => {
    for (const element of [0, 9, 14])
      for (const place of [0, 1, 17, 39]) {
        const best = Number(right.data[element])
        if (place === best) continue
        const run = await commit(sample, withElement(right, element, BigInt(place)))
        expect(await show(run, element, ['place', against(element, place, best)])).toBe('false claim')
      }
  })

  test('is false where it is no place of the axis', async () => {
    for (const place of [40, 41, -1, Number.MAX_SAFE_INTEGER]) {
      const run = await commit(sample, withElement(right, 4, BigInt(place)))
      expect(await show(run, 4, ['place', against(4, place, 0)])).toBe('false claim')
    }
  })

  test('names the lower of two equal places, zeros of both signs being equal', async () => {
    const y = tensor('float32', [4], [0, -0, 0, -0])
    const equals = { op, inputs: [y], attributes: { axis: 0 } }
    for (const [place, candidate, ruling] of [
      [1, 0, 'false claim'],
      [3, 2, 'false claim'],
      [0, 1, 'NoFault'],
    ] as const) {
      const run = await commit(equals, tensor('int64', [1], [BigInt(place)]))
      const compared = { candidate, sources: [[0, candidate] as const, [0, place] as const] }
      expect(await show(run, 0, ['place', compared])).toBe(ruling)
    }
  })

  test('is not compared with what lies outside of the axis', async () => {
    const run = await commit(sample)
    expect(await show(run, 0, ['place', { candidate: 40, sources: [source(0, 1)] }])).toBe('OtherGroup')
    expect(await show(run, 0, ['better', { candidate: 1, sources: [source(0, 1)] }])).toBe('NotDecidedHere')
    expect(await show(run, 0, ['place', { candidate: 1, sources: [source(0, 1)] }])).toBe('WrongEvidence')
  })
})

describe('ScatterElements', () => {
  // Along axis 1 of [2, 4, 3]: updates [2, 5, 3].
  const data = numbers('float32', [2, 4, 3], 'scattered')
  const updates = numbers('float32', [2, 5, 3], 'updates')
  const indices = tensor(
    'int64',
    [2, 5, 3],
    Array.from({ length: 30 }, (_, i) => BigInt([1, 3, 1, 0, 3][(i * 7 + (i >> 2)) % 5])),
  )
  const sample = { op: 'ScatterElements', inputs: [data, indices, updates], attributes: { axis: 1 } }
  const right = evaluate(sample.op, sample.inputs, sample.attributes)
  const inner = 3
  const lineOf = (element: number) =>
    Array.from({ length: 5 }, (_, k) => Math.floor(element / 12) * 15 + k * inner + (element % inner))
  const hitsOf = (element: number) =>
    lineOf(element).filter((u) => Number(indices.data[u]) === Math.floor(element / inner) % 4)
  const witnessAt = (element: number): number => (hitsOf(element).at(-1) ?? -1) + 1
  const sourcesOf = (element: number, witness: number): readonly From[] =>
    witness === 0
      ? [[0, element]]
      : [
          [1, witness - 1],
          [2, witness - 1],
        ]
  const ELEMENTS = Array.from({ length: 24 }, (_, i) => i)

  const honest = async () => {
    const run = await commit(sample)
    for (const element of ELEMENTS) await court.expand(run, element, expansionOf(witnessLeaf(witnessAt(element))))
    return run
  }

  test('has elements with no update, one and several', () => {
    expect(new Set(ELEMENTS.map((element) => Math.min(2, hitsOf(element).length)))).toEqual(new Set([0, 1, 2]))
  })

  test('of an honest provider is contradicted by no update', async () => {
    const run = await honest()
    for (const element of ELEMENTS) {
      const witness = witnessLeaf(witnessAt(element))
      const sources = sourcesOf(element, witnessAt(element))
      expect(await show(run, element, ['chosen', { witness, sources }])).toBe('NoFault')
      expect(await show(run, element, ['astray', { witness, operand: 1 }])).toBe('NoFault')
      for (const candidate of [...lineOf(element), 0, 29])
        expect(await show(run, element, ['later', { witness, candidate, sources: [[1, candidate]] }])).toBe('NoFault')
    }
  }, 60_000)

  test('is false where the element is not what its witness names', async () => {
    for (const element of [0, 5, 9, 14, 23]) {
      const run = await commit(sample, flipped(right, element, 1))
      const witness = witnessLeaf(witnessAt(element))
      await court.expand(run, element, expansionOf(witness))
      const sources = sourcesOf(element, witnessAt(element))
      expect(await show(run, element, ['chosen', { witness, sources }])).toBe('false claim')
    }
  })

  test('is false where an update is named that does not hit the element', async () => {
    const run = await commit(sample)
    for (const element of [0, 7, 16])
      for (let update = 0; update < 30; update++) {
        if (hitsOf(element).includes(update)) continue
        const witness = witnessLeaf(update + 1)
        await court.expand(run, element, expansionOf(witness))
        expect(await show(run, element, ['chosen', { witness, sources: [[1, update]] }])).toBe('false claim')
        const stray = await show(run, element, ['astray', { witness, operand: 1 }])
        expect(stray).toBe(lineOf(element).includes(update) ? 'NoFault' : 'false claim')
      }
  }, 60_000)

  test('is false where a later update hits', async () => {
    const run = await commit(sample)
    for (const element of ELEMENTS.filter((e) => hitsOf(e).length > 0)) {
      const hits = hitsOf(element)
      for (const earlier of [0, ...hits.slice(0, -1).map((u) => u + 1)]) {
        const witness = witnessLeaf(earlier)
        await court.expand(run, element, expansionOf(witness))
        const candidate = hits.at(-1)!
        expect(await show(run, element, ['later', { witness, candidate, sources: [[1, candidate]] }])).toBe(
          'false claim',
        )
      }
    }
  }, 60_000)

  test('is false where the named update is beyond the last', async () => {
    const run = await commit(sample)
    for (const at of [31, 32, 1000]) {
      await court.expand(run, 3, expansionOf(witnessLeaf(at)))
      expect(await show(run, 3, ['astray', { witness: witnessLeaf(at), operand: 1 }])).toBe('false claim')
    }
  })
})

describe('evidence about choices that contradicts nothing', () => {
  const sample = reduction('ReduceMax', 'float32')
  const witness = witnessLeaf(witnessOf(sample, 2))

  test('is refused by name', async () => {
    const run = await commit(sample)
    const sources: readonly From[] = [[0, 300]]
    expect(await show(run, 3, ['chosen', { witness, sources }])).toBe('NotExpanded')
    await court.expand(run, 2, expansionOf(witness))
    expect(await show(run, 2, ['chosen', { witness: witnessLeaf(0), sources }])).toBe('RootMismatch')
    expect(await show(run, 2, ['better', { candidate: 0, sources: [[0, 0]] }])).toBe('OtherGroup')
    expect(await show(run, 2, ['better', { candidate: 300, sources: [[0, 0]] }])).not.toBe('false claim')
    expect(await show(run, 2, ['place', { sources }])).toBe('NotDecidedHere')
    expect(await show(run, 2, ['later', { witness, sources }])).toBe('NotDecidedHere')
    const evidence = choiceEvidence(run, 2, { candidate: 300, sources })
    const calls = [
      { ...evidence, output: { ...evidence.output, form: { dtype: 6, dims: [4] } } },
      { ...evidence, value: 0, leaf: openValue(run.program, 0) },
      { ...evidence, operands: [] },
    ].map((changed) => court.callOf(run, 'better', changed))
    expect(await court.rulings(calls)).toEqual(['WrongForm', 'NotANode', 'WrongEvidence'])
  })

  test.each(['better', 'chosen', 'lower', 'astray', 'empty'])(
    'no bit of the calldata of `%s` makes an honest provider a liar',
    async (fault) => {
      const run = await commit(sample)
      await court.expand(run, 2, expansionOf(witness))
      const candidate = fault === 'chosen' ? witnessOf(sample, 2) : 301
      const evidence = choiceEvidence(run, 2, { witness, candidate, sources: [[0, candidate]] })
      const bytes = Buffer.from(court.callOf(run, fault, evidence).slice(2), 'hex')
      const first = 4 + 15 * 32
      const next = stream(`bits of ${fault}`)
      const calls = Array.from({ length: 200 }, (_, i) => {
        const changed = Buffer.from(bytes)
        const range = i % 4 === 0 ? bytes.length - first : 1500
        changed[first + Number(next() % BigInt(range))] ^= 1 << Number(next() % 8n)
        return `0x${changed.toString('hex')}`
      })
      const found = await court.rulings(calls)
      expect(found.filter((ruling) => ruling === 'false claim')).toEqual([])
    },
    60_000,
  )
})
