import type { Contract } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stream } from '../../scripts/exact-vectors.js'
import { DTYPES, sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { broadcastMap } from '../../src/exact/ops/broadcast.js'
import { OPS, opOf } from '../../src/exact/ops/index.js'
import type { Attributes } from '../../src/exact/program.js'
import { openValue } from '../../src/dispute/openings.js'
import { committed, courtOf, elementEvidence, flipped, type Committed, type Court, type From } from './cases.js'
import { evaluate, sampleOf, withoutZeros } from './elements.js'
import { deploy, startNode, type EvmNode } from './node.js'

let node: EvmNode
let evaluator: Contract
let court: Court
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  evaluator = await deploy(node, 'Evaluator')
  court = await courtOf(node, 'ElementReferee', await evaluator.getAddress())
}, 60_000)
afterAll(() => node?.stop())

/** An op, and which elements of its operands an element of its result is made of. */
interface Sample {
  readonly inputs: readonly Tensor[]
  readonly attributes?: Attributes
  sources(element: number, result: Tensor): readonly From[]
  /** Operands whose leaves are shown. */
  leaves?(element: number): readonly number[]
}

const mapped = (inputs: readonly Tensor[], dims: readonly number[]) => (element: number) =>
  inputs.map(({ dims: from }, k): From => [k, broadcastMap(from, dims)?.[element] ?? element])

const UNARY = OPS.filter(({ name, referee }) => referee === 'elementary' && name !== 'Pow')
  .map(({ name }) => name)
  .concat(['Sqrt', 'Neg', 'Abs', 'Floor', 'Ceil', 'Round', 'Sign', 'Relu', 'Not', 'IsNaN'])

function elementwise(op: string, dtype: DType): Sample {
  const dims = [5, 1, 7]
  const first = sampleOf(dtype, dims, op)
  const attributes: Attributes = op === 'BitShift' ? { right: 1 } : {}
  if (UNARY.includes(op)) return { inputs: [first], attributes, sources: mapped([first], dims) }
  const inputs = [first, sampleOf(dtype, [3, 7], `second ${op}`)]
  if (opOf(op).faults !== undefined) withoutZeros(inputs[1])
  return { inputs, attributes, sources: mapped(inputs, [5, 3, 7]) }
}

const iota = (...dims: number[]): Tensor =>
  tensor(
    'float32',
    dims,
    Array.from({ length: sizeOf(dims) }, (_, i) => i + 0.5),
  )

/** Movement by the result itself: every element is another number. */
const moved = (inputs: readonly Tensor[], attributes: Attributes): Sample => ({
  inputs,
  attributes,
  sources: (_, result) => {
    const at = inputs.map(({ data }) => (data as Float32Array).indexOf((result.data as Float32Array)[_]))
    const operand = at.findIndex((place) => place >= 0)
    return [[operand, at[operand]]]
  },
})

const where = (): Sample => {
  const inputs = [sampleOf('bool', [6, 1], 'c'), iota(6, 5), tensor('float32', [5], [-1, -2, -3, -4, -5])]
  const of = mapped(inputs, [6, 5])
  return { inputs, sources: (i) => [of(i)[0], (inputs[0].data as Uint8Array)[of(i)[0][1]] === 1 ? of(i)[1] : of(i)[2]] }
}

const gather = (): Sample => {
  const inputs = [iota(4, 6, 3), tensor('int64', [2, 2], [5n, 0n, 3n, 5n])]
  const by = moved([inputs[0]], {})
  return {
    inputs,
    attributes: { axis: 1 },
    sources: (i, result) => [[1, Math.floor(i / 3) % 4], ...by.sources(i, result)],
  }
}

const gatherElements = (): Sample => {
  const inputs = [
    iota(4, 6),
    tensor(
      'int64',
      [3, 6],
      Array.from({ length: 18 }, (_, i) => BigInt((i * 7) % 4)),
    ),
  ]
  const by = moved([inputs[0]], {})
  return { inputs, attributes: { axis: 0 }, sources: (i, result) => [[1, i], ...by.sources(i, result)] }
}

const concat = (): Sample => {
  const parts = [iota(3, 2, 2), iota(3, 1, 2), iota(3, 4, 2)].map((x, k) => ({
    ...x,
    data: (x.data as Float32Array).map((v) => v + 100 * k),
  }))
  const by = moved(parts, { axis: 1 })
  const whole = evaluate('Concat', parts, { axis: 1 })
  return { ...by, leaves: (i) => Array.from({ length: by.sources(i, whole)[0][0] }, (_, k) => k) }
}

const cast = (from: DType, to: DType): Sample => {
  const x = sampleOf(from, [40], 'cast')
  return { inputs: [x], attributes: { to: DTYPES[to].code }, sources: (i) => [[0, i]] }
}

/** Sums that have nothing to add up: an operand, shown by its leaf, is empty. */
const nothing = (inputs: readonly Tensor[], attributes: Attributes, empty: number): Sample => ({
  inputs,
  attributes,
  sources: (i) => (attributes.axis === undefined ? [] : [[0, i]]),
  leaves: () => [empty],
})

const none = (dtype: DType, ...dims: number[]): Tensor => sampleOf(dtype, dims, 'nothing')
const CONV = { group: 1, strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] }

const COMPUTED = OPS.filter(({ name, referee }) => /^element/.test(referee) && !/Cast$|Where/.test(name))
const SAMPLES: readonly (readonly [string, string, () => Sample])[] = [
  ...COMPUTED.map(({ name, dtypes }) => {
    const dtype = dtypes === 'any' ? 'float32' : dtypes[dtypes.length >> 1]
    return [name, dtype, () => elementwise(name, dtype)] as const
  }),
  ['Add', 'float32', () => elementwise('Add', 'float32')],
  ['Mul', 'float64', () => elementwise('Mul', 'float64')],
  ['Cast', 'int64 to float16', () => cast('int64', 'float16')],
  ['Cast', 'float64 to bool', () => cast('float64', 'bool')],
  ['BitCast', 'float16 to bfloat16', () => cast('float16', 'bfloat16')],
  ['Where', 'float32', where],
  ['Reshape', '', () => moved([iota(4, 9)], { shape: [6, 6] })],
  ['Transpose', '', () => moved([iota(4, 3, 5)], { perm: [2, 0, 1] })],
  ['Slice', '', () => moved([iota(9, 8)], { starts: [8, 1], ends: [-1, 8], steps: [-2, 3] })],
  ['Expand', '', () => moved([iota(4, 1)], { shape: [3, 4, 5] })],
  ['Pad', '', () => moved([iota(4, 5), tensor('float32', [], [-7])], { pads: [1, 2, 0, 3] })],
  ['Concat', '', concat],
  ['Gather', '', gather],
  ['MatMul', 'of nothing', () => nothing([none('float32', 2, 0), none('float32', 0, 3)], {}, 1)],
  ['Conv', 'of nothing', () => nothing([none('float32', 1, 0, 4, 4), none('float32', 2, 0, 3, 3)], CONV, 1)],
  ['ReduceSum', 'of nothing', () => nothing([none('float64', 3, 0)], { axes: 1 }, 0)],
  ['ReduceSum', 'of no integers', () => nothing([none('int64', 3, 0, 4)], { axes: 2 }, 0)],
  [
    'ScatterAdd',
    'without updates',
    () => nothing([sampleOf('int16', [3, 4], ''), none('int64', 0, 4), none('int16', 0, 4)], { axis: 0 }, 1),
  ],
  ['GatherElements', '', gatherElements],
]

/** Some elements of a result, its first and last among them. */
const someOf = (result: Tensor): number[] => {
  const size = result.data.length
  return [...new Set([0, 1, size >> 2, size >> 1, size - 2, size - 1].filter((i) => i >= 0))]
}

describe.each(SAMPLES)('an element of %s %s', (op, _, make) => {
  test('is a fault where one bit of it is false, and none where it is right', async () => {
    const { inputs, attributes, sources, leaves = () => [] } = make()
    const result = evaluate(op, inputs, attributes)
    const evidence = (run: Committed, element: number) =>
      court.callOf(
        run,
        'element',
        elementEvidence(run, element, { sources: sources(element, result), leaves: leaves(element) }),
      )
    const honest = committed({ op, inputs, attributes })
    await court.admit(honest)
    const elements = someOf(result)
    const kept = await court.rulings(elements.map((element) => evidence(honest, element)))
    expect(kept).toEqual(elements.map(() => 'NoFault'))
    const width = 8 * DTYPES[result.dtype].bytes
    const lies = elements.map((element, i) => {
      // Of a NaN a bit would vanish when it is hashed.
      const bit = result.dtype === 'bool' ? 0 : [0, width - 1, width >> 1][i % 3]
      return { element, run: committed({ op, inputs, attributes }, flipped(result, element, bit)) }
    })
    const seen = lies.filter(({ run, element }) => differs(run, result, element))
    expect(seen.length).toBeGreaterThan(0)
    const found = await court.rulings(seen.map(({ run, element }) => evidence(run, element)))
    expect(found).toEqual(seen.map(() => 'false claim'))
  }, 30_000)
})

/** True where the committed element is another one: a NaN with another payload is not. */
const differs = ({ values, value }: Committed, right: Tensor, element: number): boolean =>
  !Object.is(values[value].data[element], right.data[element])

/** The same element of both operands. */
const BOTH = (element: number): readonly From[] => [
  [0, element],
  [1, element],
]

describe('evidence that contradicts nothing', () => {
  const inputs = [sampleOf('float32', [40, 50], 'a'), sampleOf('float32', [40, 50], 'b')]
  const at = 777
  let run: Committed
  let good: ReturnType<typeof elementEvidence>
  beforeAll(async () => {
    const op = 'Mul'
    // A lie, so that what is refused here is refused for its evidence alone.
    run = committed({ op, inputs }, flipped(evaluate(op, inputs), at, 5))
    await court.admit(run)
    good = elementEvidence(run, at, { sources: BOTH(at) })
  })
  const rule = async (evidence: object) => (await court.rulings([court.callOf(run, 'element', evidence)]))[0]
  const bent = (bytes: Uint8Array, byte = 0) => bytes.map((b, i) => (i === byte ? b ^ 1 : b))
  const bentFirst = (path: readonly Uint8Array[]) => path.map((hash, i) => (i === 0 ? bent(hash, 7) : hash))

  test('is none of these: it is a fault', async () => {
    expect(await rule(good)).toBe('false claim')
  })

  test.each<readonly [string, string, (e: typeof good) => object]>([
    ['another tile', 'RootMismatch', (e) => ({ ...e, output: { ...e.output, tile: bent(e.output.tile) } })],
    [
      'another operand',
      'RootMismatch',
      (e) => ({ ...e, operands: [{ ...e.operands[0], tile: bent(e.operands[0].tile) }, e.operands[1]] }),
    ],
    ['operands exchanged', 'RootMismatch', (e) => ({ ...e, operands: [e.operands[1], e.operands[0]] })],
    [
      'another way to the digest',
      'RootMismatch',
      (e) => ({ ...e, output: { ...e.output, tilePath: bentFirst(e.output.tilePath) } }),
    ],
    [
      'another way to the values',
      'RootMismatch',
      (e) => ({ ...e, output: { ...e.output, path: bentFirst(e.output.path) } }),
    ],
    [
      'a way too long',
      'BadProofLength',
      (e) => ({ ...e, output: { ...e.output, path: [...e.output.path, new Uint8Array(32)] } }),
    ],
    ['a short tile', 'BadTile', (e) => ({ ...e, output: { ...e.output, tile: e.output.tile.slice(4) } })],
    [
      'another form of the output',
      'WrongForm',
      (e) => ({ ...e, output: { ...e.output, form: { dtype: 6, dims: [40, 50] } } }),
    ],
    [
      'other dims of the output',
      'WrongForm',
      (e) => ({ ...e, output: { ...e.output, form: { dtype: 1, dims: [50, 40] } } }),
    ],
    [
      'another form of an operand',
      'RootMismatch',
      (e) => ({ ...e, operands: [{ ...e.operands[0], form: { dtype: 6, dims: [40, 50] } }, e.operands[1]] }),
    ],
    [
      'an unknown type',
      'BadTensor',
      (e) => ({ ...e, operands: [{ ...e.operands[0], form: { dtype: 8, dims: [40, 50] } }, e.operands[1]] }),
    ],
    [
      'more dims than the result has',
      'BadRank',
      (e) => ({ ...e, operands: [{ ...e.operands[0], form: { dtype: 1, dims: [1, 40, 50] } }, e.operands[1]] }),
    ],
    ['one operand too few', 'WrongEvidence', (e) => ({ ...e, operands: [e.operands[0]] })],
    ['one operand too many', 'WrongEvidence', (e) => ({ ...e, operands: [...e.operands, e.operands[0]] })],
    ['leaves that nobody asked for', 'WrongEvidence', (e) => ({ ...e, before: [e.leaf] })],
    ['another step', 'WrongStep', (e) => ({ ...e, step: { ...e.step, step: 2 } })],
    [
      'another leaf of the run',
      'RootMismatch',
      (e) => ({ ...e, step: { ...e.step, leaf: { ...e.step.leaf, values: bent(e.step.leaf.values) } } }),
    ],
    ['a trace that is not there', 'NotTraced', (e) => ({ ...e, step: { ...e.step, by: 1 } })],
    ['an element beyond the last', 'IndexOutOfRange', (e) => ({ ...e, element: 2000 })],
    ['an element of another tile', 'BadTile', (e) => ({ ...e, element: at + 1600 - 777 })],
    ['a value that is no node', 'NotANode', (e) => ({ ...e, value: 0, leaf: openValue(run.program, 0) })],
    ['the leaf of another value', 'RootMismatch', (e) => ({ ...e, leaf: openValue(run.program, 0) })],
    ['a value that is not there', 'NoSuchValue', (e) => ({ ...e, value: 3 })],
  ])('%s: %s', async (_, error, change) => {
    expect(await rule(change(good))).toBe(error)
  })

  test('and no bit of the calldata makes an honest provider a liar', async () => {
    const honest = committed({ op: 'Mul', inputs })
    const call = court.callOf(honest, 'element', elementEvidence(honest, at, { sources: BOTH(at) }))
    const bytes = Buffer.from(call.slice(2), 'hex')
    // Who asks vouches for the Case.
    const first = 4 + 15 * 32
    const next = stream('bits of the calldata')
    const calls = Array.from({ length: 200 }, (_, i) => {
      const changed = Buffer.from(bytes)
      // Words that say something short are hit as often as tiles.
      const place = i % 2 === 0 ? first + Number(next() % 2000n) : first + Number(next() % BigInt(bytes.length - first))
      changed[place] ^= 1 << Number(next() % 8n)
      return `0x${changed.toString('hex')}`
    })
    const found = await court.rulings(calls)
    expect(found.filter((ruling) => ruling === 'false claim')).toEqual([])
    // Nothing but padding, and the index of another element of the same tile, leaves the evidence whole.
    expect(found.filter((ruling) => ruling === 'NoFault').length).toBeLessThan(70)
  }, 60_000)
})

describe('elements at which a run is refused, and ops that others decide', () => {
  const rule = async (
    sample: { op: string; inputs: readonly Tensor[]; attributes?: Attributes },
    result: Tensor,
    sources: readonly From[],
  ) => {
    const run = committed(sample, result)
    await court.admit(run)
    return (await court.rulings([court.callOf(run, 'element', elementEvidence(run, 0, { sources }))]))[0]
  }
  const ints = (...values: number[]) => tensor('int32', [values.length], values)

  test.each(['Div', 'Mod'])('%s by zero', async (op) => {
    const inputs = [ints(5), ints(0)]
    expect(await rule({ op, inputs }, ints(1), BOTH(0))).toBe('ZeroDivisor')
  })

  test('a NaN that becomes an integer', async () => {
    const inputs = [tensor('float32', [1], [NaN])]
    expect(await rule({ op: 'Cast', inputs, attributes: { to: 6 } }, ints(1), [[0, 0]])).toBe('CastOfNaN')
  })

  test.each(['Gather', 'GatherElements'])('%s by an index that is too large or negative', async (op) => {
    const data = iota(3)
    for (const index of [3n, -1n]) {
      const inputs = [data, tensor('int64', [1], [index])]
      const found = await rule({ op, inputs, attributes: { axis: 0 } }, tensor('float32', [1], [1]), [
        [1, 0],
        [0, 0],
      ])
      expect(found).toBe('IndexOutOfAxis')
    }
  })

  test('ReduceMax', async () => {
    const sample = { op: 'ReduceMax', inputs: [iota(3)], attributes: { axes: 1 } }
    expect(await rule(sample, tensor('float32', [], [9]), [[0, 0]])).toBe('NotDecidedHere')
  })

  test('sums of something', async () => {
    const sample = { op: 'ReduceSum', inputs: [iota(3)], attributes: { axes: 1 } }
    const run = committed(sample, tensor('float32', [], [9]))
    await court.admit(run)
    const calls = [[0], []].map((leaves) =>
      court.callOf(run, 'element', elementEvidence(run, 0, { sources: [], leaves })),
    )
    expect(await court.rulings(calls)).toEqual(['NotDecidedHere', 'WrongEvidence'])
  })

  test('a part of a Concat in which the element does not lie', async () => {
    const inputs = [iota(2), iota(3)]
    const sample = { op: 'Concat', inputs, attributes: { axis: 0 } }
    expect(await rule(sample, flipped(evaluate('Concat', inputs, { axis: 0 }), 0, 3), [[0, 0]])).toBe('false claim')
    const run = committed(sample)
    await court.admit(run)
    const evidence = elementEvidence(run, 0, { sources: [[1, 0]], leaves: [0] })
    expect(await court.rulings([court.callOf(run, 'element', evidence)])).toEqual(['OtherOperand'])
  })
})

describe('what a fault costs', () => {
  const DIMS = [1024, 1024]
  const AROUND = { steps: 4096, idle: 2000 }
  const at = 333_333

  test('with two operands of 4 MiB at most 700,000 gas, with three at most 900,000', async () => {
    const limited = await startNode()
    try {
      const own = await courtOf(limited, 'ElementReferee', await (await deploy(limited, 'Evaluator')).getAddress())
      const [a, b] = [1, 2].map((k) => noise(DIMS, k))
      const c = { ...tensor('bool', [1024], new Array<number>(1024).fill(1)) }
      const gas = async (op: string, inputs: readonly Tensor[], sources: readonly From[]) => {
        const right = evaluate(op, inputs)
        const run = committed({ op, inputs }, flipped(right, at, 0), AROUND)
        await own.admit(run)
        return own.gasOf(own.callOf(run, 'element', elementEvidence(run, at, { sources })))
      }
      const two = await gas('Mul', [a, b], BOTH(at))
      const where = await gas(
        'Where',
        [c, a, b],
        [
          [0, at % 1024],
          [1, at],
        ],
      )
      expect(two).toBeLessThan(700_000)
      expect(where).toBeLessThan(900_000)
    } finally {
      await limited.stop()
    }
  }, 120_000)
})

/** Numbers without a zero byte, the dearest ones. */
function noise(dims: readonly number[], seed: number): Tensor {
  const words = Uint32Array.from(
    { length: sizeOf(dims) },
    (_, i) => (Math.imul(i + 7, 2654435761 * seed) & 0x3fffffff) | 0x01010101,
  )
  return { dtype: 'float32', dims, data: new Float32Array(words.buffer) }
}
