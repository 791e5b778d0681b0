import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeAbi } from '../../src/core/abi.js'
import { Fault } from '../../src/core/faults.js'
import { sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import { expand, firstFault, isExpandable, layoutOf, type Expansion } from '../../src/dispute/expansion.js'
import { elementBits } from '../../src/dispute/expansion/numbers.js'
import { FAMILIES, caseOf, floats, generator, integers, places, valueOf, windows, type Case } from './expansions.js'

const RUNS = 60

/** Every element of the case, as far as it has an expansion; of many, some. */
function someElements({ node }: Case, limit = 12): number[] {
  const size = sizeOf(node.dims)
  const step = Math.max(1, Math.ceil(size / limit))
  return Array.from({ length: Math.ceil(size / step) }, (_, i) => Math.min(size - 1, i * step))
}

function check(it: Case, elements = someElements(it)): void {
  const value = valueOf(it)
  for (const element of elements) {
    const layout = layoutOf(it.node, it.operands, element)
    if (layout === undefined) continue
    const { leaves, size, kind, result } = expand(it.node, it.operands, element)
    expect({ kind, size: leaves.length }).toEqual(layout)
    expect(size).toBe(leaves.length)
    expect(result, `element ${element} of ${it.node.op} [${it.node.dims}]`).toBe(elementBits(value, element))
  }
}

describe('the result of an expansion has the bits of the op', () => {
  test.each(Object.entries(FAMILIES))('%s', (_, family) => {
    fc.assert(
      fc.property(family, (it) => check(it)),
      { numRuns: RUNS },
    )
  })

  const of = (dims: readonly number[], seed: number) => floats(dims, { seed, wild: 'scaled' })
  const LARGE: readonly (readonly [string, () => Case])[] = [
    ['a product of 65,536 terms', () => caseOf('MatMul', [of([2, 65536], 1), of([65536, 2], 2)])],
    ['a sum of 1,000,001 floats', () => caseOf('ReduceSum', [of([1000001], 3)], { axes: 1 })],
    [
      'a sum of 1,100,000 doubles',
      () => caseOf('ReduceSum', [floats([1100000], { seed: 4, dtype: 'float64' })], { axes: 1 }),
    ],
    ['a running sum of 70,000', () => caseOf('CumSum', [of([70000], 5)])],
    [
      'a kernel of 1,200 taps',
      () =>
        caseOf('Conv', [of([1, 4, 40, 31], 6), of([2, 2, 40, 30], 7)], windows(2, { group: 2, pads: [3, 30, 3, 30] })),
    ],
    [
      'many channels and taps',
      () => caseOf('Conv', [of([1, 300, 5, 5], 8), of([2, 300, 3, 3], 9)], windows(2, { pads: [1, 1, 1, 1] })),
    ],
  ]
  test.each(LARGE)('%s', (_, make) => check(make()))
})

describe('groups that are not finite, and windows that see nothing', () => {
  const nan = (dims: readonly number[], at: number): Tensor => {
    const values = Array.from({ length: sizeOf(dims) }, (_, i) => (i === at ? NaN : i + 1))
    return tensor('float32', dims, values)
  }
  const pads = windows(1, { pads: [3, 3] })

  test('a NaN among the weights is in every result, also where a window sees padding alone', () => {
    const it = caseOf('Conv', [nan([1, 1, 3], -1), nan([1, 1, 2], 0)], pads)
    expect([...(valueOf(it).data as Float32Array)].every(Number.isNaN)).toBe(true)
    check(it)
  })

  test('a NaN in the input is not where a window sees padding alone', () => {
    const it = caseOf('Conv', [nan([1, 1, 3], 0), nan([1, 1, 2], -1)], pads)
    const { data } = valueOf(it)
    expect([data[0], data[7]]).toEqual([0, 0])
    expect(data[2]).toBeNaN()
    check(it)
    const { leaves } = expand(it.node, it.operands, 0)
    expect(decodeAbi(['uint64', 'uint64', 'uint64', 'uint64'], leaves[0])).toEqual([0n, 0n, 1n, 0x40000000n])
  })

  test('a piece of a long kernel that sees padding alone still shares the grid of its channel', () => {
    const x = nan([1, 1, 100], 99)
    const it = caseOf('Conv', [x, floats([1, 1, 1000], { seed: 3 })], windows(1, { pads: [950, 950] }))
    check(it)
  })

  test('what is nothing but zeros has scale 0 and no units', () => {
    const zeros = tensor('float32', [1, 4], [0, -0, 0, 0])
    const { leaves, result } = expand(...argumentsOf(caseOf('MatMul', [zeros, floats([4, 1], { seed: 1 })])))
    expect(leaves[1]).toEqual(new Uint8Array(16))
    expect(result).toBe(0n)
  })

  test('a witness is the lowest index of the largest magnitude, and NaN is larger than infinity', () => {
    const row = (values: number[]) => tensor('float32', [1, values.length], values)
    const column = tensor('float32', [3, 1], [1, 1, 1])
    const witness = (values: number[]) =>
      decodeAbi(
        ['uint64', 'uint64', 'uint64', 'uint64'],
        expand(...argumentsOf(caseOf('MatMul', [row(values), column]))).leaves[0],
      )
    expect(witness([1, -2, 2]).slice(0, 2)).toEqual([1n, 0x40000000n])
    expect(witness([Infinity, NaN, NaN]).slice(0, 2)).toEqual([1n, 0x7fc00000n])
    expect(witness([-0, 0, 0]).slice(0, 2)).toEqual([0n, 0n])
  })
})

const argumentsOf = ({ node, operands }: Case) => [node, operands, 0] as const

describe('what has no expansion', () => {
  const none: readonly (readonly [string, () => Case])[] = [
    ['a product of nothing', () => caseOf('MatMul', [floats([1, 0], { seed: 1 }), floats([0, 1], { seed: 1 })])],
    ['a sum of nothing', () => caseOf('ReduceSum', [floats([1, 0], { seed: 1 })], { axes: 1 })],
    ['a sum of no integers', () => caseOf('ReduceSum', [integers([1, 0], { seed: 1, dtype: 'int32' })], { axes: 1 })],
    ['the maximum of nothing', () => caseOf('ReduceMax', [floats([1, 0], { seed: 1 })], { axes: 1 })],
    [
      'a scatter without updates',
      () =>
        caseOf('ScatterAdd', [floats([3], { seed: 1 }), places([0], { seed: 1, below: 1 }), floats([0], { seed: 1 })], {
          axis: 0,
        }),
    ],
    [
      'a convolution without channels',
      () => caseOf('Conv', [floats([1, 0, 3], { seed: 1 }), floats([1, 0, 2], { seed: 1 })], windows(1)),
    ],
    [
      'a pooling window between its taps',
      () =>
        caseOf('MaxPool', [floats([1, 1, 1], { seed: 1 })], {
          kernel: [2],
          strides: [1],
          pads: [1, 2],
          dilations: [3],
        }),
    ],
    ['an addition', () => caseOf('Add', [floats([1], { seed: 1 }), floats([1], { seed: 2 })])],
  ]
  test.each(none)('%s', (_, make) => {
    const it = make()
    expect(layoutOf(it.node, it.operands, 0)).toBeUndefined()
    expect(isExpandable(it.node, it.operands, 0)).toBe(false)
    expect(faultOf(() => expand(...argumentsOf(it)))).toBe('dispute/no-expansion')
  })

  test('an element that is not there is refused', () => {
    const it = caseOf('ReduceSum', [floats([2, 3], { seed: 1 })], { axes: 1 })
    for (const element of [-1, 2, 0.5]) {
      expect(faultOf(() => expand(it.node, it.operands, element))).toBe('merkle/index-out-of-range')
    }
  })
})

function faultOf(run: () => unknown): string {
  try {
    run()
    return ''
  } catch (error) {
    if (!Fault.is(error)) throw error
    return error.code
  }
}

describe('every false leaf shows one fault', () => {
  /** The faults that a leaf of a role may show. */
  const expected = ({ kind }: Expansion, index: number): readonly string[] => {
    if (kind === 'witness' || index % (kind === 'line' ? Infinity : 4) === 0) return ['malformed', 'witness', 'larger']
    if (kind === 'line') return index % 2 === 1 ? ['malformed', 'rounded'] : ['malformed', 'running']
    if (index % 4 < 3) return ['malformed', 'rounded']
    return kind === 'product' ? ['malformed', 'sum', 'total'] : ['malformed', 'half', 'blockSum']
  }

  test.each(Object.entries(FAMILIES))('%s', (_, family) => {
    fc.assert(
      fc.property(family, fc.integer({ min: 0, max: 2 ** 30 }), (it, seed) => {
        const random = generator(seed)
        const element = Math.floor(random() * sizeOf(it.node.dims))
        if (!isExpandable(it.node, it.operands, element)) return
        const own = expand(it.node, it.operands, element)
        for (let i = 0; i < 20; i++) {
          const index = Math.floor(random() * own.size)
          const leaf = own.leaves[index].slice()
          const longer = leaf.length === 0 || random() < 0.1
          if (!longer) leaf[Math.floor(random() * leaf.length)] ^= 1 << Math.floor(random() * 8)
          const found = longer ? Uint8Array.of(...leaf, 0) : leaf
          const { fault } = firstFault(own, { index, leaf: found })
          expect(expected(own, index)).toContain(fault)
          if (longer) expect(fault).toBe('malformed')
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('an expansion that is one’s own says that the element is false', () => {
    const own = expand(...argumentsOf(caseOf('CumSum', [floats([3], { seed: 1 })])))
    expect(firstFault(own, undefined)).toMatchObject({ fault: 'result', index: own.size - 1 })
    expect(faultOf(() => firstFault(own, { index: 0, leaf: own.leaves[0] }))).toBe('dispute/no-difference')
  })
})
