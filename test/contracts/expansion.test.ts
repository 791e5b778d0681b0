import { AbiCoder, getBytes, keccak256, toBeHex, type Contract } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as fc from 'fast-check'
import { equal } from '../../src/core/bytes.js'
import { sizeOf, tensor, type Tensor } from '../../src/core/tensor.js'
import {
  evidenceFor,
  expand,
  firstFault,
  isExpandable,
  proveExpansion,
  proveSize,
  type Expansion,
  type ExpansionProof,
  type Finding,
  type Subject,
} from '../../src/dispute/expansion.js'
import { proveInclusion, rootOf, sizedRoot, treeOf, type Tree } from '../../src/merkle/tree.js'
import { FAMILIES, caseOf, floats, generator, integers, places, windows, type Case } from '../dispute/expansions.js'
import { committed, flipped, type Committed } from './cases.js'
import { evaluate } from './elements.js'
import { deploy, startNode, type EvmNode } from './node.js'

let node: EvmNode
let harness: Contract
let referees: Readonly<Record<ExpansionProof['referee'], Contract>>
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  harness = await deploy(node, 'test/ExpansionHarness')
  referees = { expansion: await deploy(node, 'ExpansionReferee'), choice: await deploy(node, 'ChoiceReferee') }
}, 60_000)
afterAll(() => node?.stop())

/** A run of one node with an expanded element. */
interface Expanded {
  readonly run: Committed
  readonly own: Expansion
  readonly element: number
  readonly subject: Subject
}

function expanded({ node: { op, attributes }, operands }: Case, element: number, result?: Tensor): Expanded {
  const run = committed({ op, inputs: operands, attributes }, result ?? evaluate(op, operands, attributes))
  const of = run.program.values[run.value]
  if (of.kind !== 'node') throw new Error('no node')
  const subject = { program: run.program, step: run.step, values: run.list, value: run.value, element }
  return { run, own: expand(of, operands, element), element, subject }
}

/** A proof, and the tree that the provider committed before it is shown. */
interface Trial {
  readonly tree: Tree
  readonly proof: ExpansionProof
}

/** Trials in one request. */
const BATCH = 40
const FALSE_CLAIM = keccak256(Buffer.from('Countersign ruling: false claim'))

/** What is ruled about each. */
async function rulings({ run, element }: Expanded, trials: readonly Trial[]): Promise<string[]> {
  const coder = AbiCoder.defaultAbiCoder()
  const id = keccak256(coder.encode(['bytes32', 'address'], [run.case.claim.job, run.case.provider]))
  const key = keccak256(coder.encode(['uint64', 'uint32', 'uint64'], [run.step.step, run.value, element]))
  const calls = trials.map(({ tree, proof: { referee, fault, evidence } }) => ({
    id,
    key,
    expansion: sized(tree),
    referee: referees[referee].target,
    call: referees[referee].interface.encodeFunctionData(fault, [run.case, ...evidence]),
  }))
  const { counts, outputs, carries } = run.program
  const known = { ...counts, outputs: outputs.length, carries: carries.length, flags: 0 }
  const found: string[] = []
  for (let from = 0; from < calls.length; from += BATCH) {
    const outcomes = (await harness.tryEach.staticCall(run.case.job.program, known, calls.slice(from, from + BATCH), {
      gasLimit: 1e12,
    })) as readonly {
      done: boolean
      data: string
    }[]
    outcomes.forEach(({ done, data }, i) => found.push(done ? rulingOf(data) : errorOf(trials[from + i], data)))
  }
  return found
}

const rulingOf = (data: string): string => (data === FALSE_CLAIM ? 'false claim' : data)
const errorOf = ({ proof }: Trial, data: string): string =>
  referees[proof.referee].interface.parseError(data)?.name ?? `reverted with ${data}`

const sized = (tree: Tree) => sizedRoot('expansion', { size: tree.size, root: rootOf(tree) })

/** A leaf in the place of another, and garbage in all that follow: nobody needs to know them. */
function lyingTree(leaves: readonly Uint8Array[], { index, leaf }: { index: number; leaf: Uint8Array }): Tree {
  return treeOf(leaves.map((own, i) => (i < index ? own : i === index ? leaf : Uint8Array.of(i & 0xff, 7))))
}

const word = (value: bigint): Uint8Array => getBytes(toBeHex(BigInt.asUintN(256, value), 32))
const joined = (words: readonly bigint[]): Uint8Array => Uint8Array.from(words.flatMap((x) => [...word(x)]))
const wordsIn = (leaf: Uint8Array): bigint[] =>
  [...AbiCoder.defaultAbiCoder().decode(new Array<string>(leaf.length / 32).fill('int256'), leaf)] as bigint[]

/** Lies about every field of a leaf of words, and about its length. */
function liesInWords(leaf: Uint8Array): Uint8Array[] {
  const words = wordsIn(leaf)
  const values = (x: bigint) => [
    x + 1n,
    x - 1n,
    x ^ 1n,
    0n,
    1n << 52n,
    1n << 62n,
    0x7ff8000000000000n,
    0x7fc00001n,
    -1n,
  ]
  const fields = words.flatMap((x, i) =>
    [...values(x), x + (1n << 64n), (1n << 255n) | x].map((y) => joined(words.with(i, y))),
  )
  return [...fields, leaf.slice(1), leaf.slice(32), Uint8Array.of(...leaf, 0), new Uint8Array(0)]
}

/** Lies about some units of a leaf, its first and last among them, and about its length. */
function liesInUnits(leaf: Uint8Array, width: number): Uint8Array[] {
  const count = leaf.length / width
  const some = [...new Set([0, count >> 1, count - 1])].filter((i) => i >= 0 && i < count)
  const units = some.flatMap((i) =>
    [1, 0x80].map((bit, k) =>
      leaf.with(i * width + (k === 0 ? width - 1 : 0), leaf[i * width + (k === 0 ? width - 1 : 0)] ^ bit),
    ),
  )
  return [...units, leaf.slice(0, -1), Uint8Array.of(...leaf, 0), Uint8Array.of(...leaf, ...new Uint8Array(width))]
}

function liesAbout({ kind, leaves }: Expansion, index: number): Uint8Array[] {
  const leaf = leaves[index]
  const isUnits = kind === 'line' ? index % 2 === 1 : kind !== 'witness' && index % 4 > 0 && index % 4 < 3
  const lies = isUnits ? liesInUnits(leaf, kind === 'product' ? 4 : 8) : liesInWords(leaf)
  return lies.filter((lie, i) => !equal(lie, leaf) && lies.findIndex((other) => equal(other, lie)) === i)
}

const calm = (dims: readonly number[], seed: number, dtype: 'float32' | 'float64' = 'float32') =>
  floats(dims, { seed, dtype, wild: 'scaled' })
const withNumber = (x: Tensor, at: number, value: number): Tensor => {
  const data = (x.data as Float32Array).slice()
  data[at] = value
  return { ...x, data }
}
const scatter = (op: string, data: Tensor, updates: Tensor) => {
  const indices = places(updates.dims, { seed: 5, below: data.dims[0] })
  return caseOf(op, [data, indices, updates], { axis: 0 })
}

/** Cases with an element each. */
const CASES: readonly (readonly [string, () => Case, number])[] = [
  ['a product of 3 terms', () => caseOf('MatMul', [calm([2, 3], 1), calm([3, 2], 2)]), 3],
  ['a product of several pieces', () => caseOf('MatMul', [calm([2, 1100], 1), calm([1100, 3], 2)]), 4],
  ['a product of doubles', () => caseOf('MatMul', [calm([1, 520], 3, 'float64'), calm([520, 1], 4, 'float64')]), 0],
  ['a product of batches', () => caseOf('MatMul', [calm([3, 1, 2, 5], 1), calm([2, 5, 4], 2)]), 29],
  ['a product with a NaN', () => caseOf('MatMul', [withNumber(calm([1, 6], 1), 4, NaN), calm([6, 2], 2)]), 1],
  [
    'a product with a column of zeros',
    () => caseOf('MatMul', [calm([1, 6], 1), tensor('float32', [6, 1], new Float32Array(6))]),
    0,
  ],
  [
    'a product of doubles beyond the domain',
    () => caseOf('MatMul', [withNumber(calm([1, 6], 1, 'float64'), 4, 2 ** 401), calm([6, 2], 2, 'float64')]),
    1,
  ],
  [
    'a convolution with groups, strides, pads and dilations',
    () =>
      caseOf(
        'Conv',
        [calm([2, 4, 7, 9], 6), calm([6, 2, 3, 2], 7)],
        windows(2, { group: 2, strides: [2, 1], pads: [2, 1, 3, 1], dilations: [1, 3] }),
      ),
    130,
  ],
  ['a convolution of one dimension', () => caseOf('Conv', [calm([1, 2, 9], 6), calm([2, 2, 3], 7)], windows(1)), 9],
  [
    'a convolution of three',
    () => caseOf('Conv', [calm([1, 2, 3, 4, 5], 6), calm([2, 2, 2, 2, 2], 7)], windows(3)),
    40,
  ],
  [
    'several blocks of channels',
    () => caseOf('Conv', [calm([1, 200, 3, 3], 8), calm([1, 200, 3, 3], 9)], windows(2, { pads: [1, 1, 1, 1] })),
    1,
  ],
  [
    'a kernel of 600 taps',
    () => caseOf('Conv', [calm([1, 2, 610], 8), calm([2, 2, 600], 9)], windows(1, { pads: [20, 20] })),
    3,
  ],
  [
    'a window of padding',
    () => caseOf('Conv', [calm([1, 2, 5], 8), calm([1, 2, 2], 9)], windows(1, { pads: [4, 4] })),
    0,
  ],
  ['a sum of one', () => caseOf('ReduceSum', [calm([3, 1], 1)], { axes: 1 }), 2],
  ['a sum of 600', () => caseOf('ReduceSum', [calm([2, 600], 1)], { axes: 1 }), 1],
  ['a sum of 2,500', () => caseOf('ReduceSum', [calm([2, 2500], 1)], { axes: 1 }), 1],
  ['a sum of doubles', () => caseOf('ReduceSum', [calm([1100], 2, 'float64')], { axes: 1 }), 0],
  [
    'a sum of doubles with one beyond the domain',
    () => caseOf('ReduceSum', [withNumber(calm([1100], 2, 'float64'), 1050, 2 ** -500 * 2 ** 1000)], { axes: 1 }),
    0,
  ],
  ['a sum with an infinity', () => caseOf('ReduceSum', [withNumber(calm([2, 1100], 1), 3, -Infinity)], { axes: 1 }), 0],
  ['a sum of zeros', () => caseOf('ReduceSum', [tensor('float32', [5], [0, -0, 0, 0, 0])], { axes: 1 }), 0],
  ['a sum of integers', () => caseOf('ReduceSum', [integers([2, 700], { seed: 3, dtype: 'int32' })], { axes: 1 }), 1],
  [
    'a sum of unsigned integers',
    () => caseOf('ReduceSum', [integers([30], { seed: 3, dtype: 'uint64' })], { axes: 1 }),
    0,
  ],
  ['a running sum', () => caseOf('CumSum', [calm([3, 700], 4)]), 2 * 700 + 600],
  ['a running sum of doubles', () => caseOf('CumSum', [calm([20], 4, 'float64')]), 7],
  ['a running sum with a NaN behind the element', () => caseOf('CumSum', [withNumber(calm([20], 4), 9, NaN)]), 7],
  ['a running sum of integers', () => caseOf('CumSum', [integers([2, 9], { seed: 3, dtype: 'uint32' })]), 15],
  ['a scatter that adds', () => scatter('ScatterAdd', calm([3, 2], 4), calm([700, 2], 5)), 3],
  [
    'a scatter that adds doubles',
    () => scatter('ScatterAdd', calm([3, 2], 4, 'float64'), calm([9, 2], 5, 'float64')),
    3,
  ],
  [
    'a scatter that adds bytes',
    () =>
      scatter('ScatterAdd', integers([3, 2], { seed: 4, dtype: 'int8' }), integers([9, 2], { seed: 5, dtype: 'int8' })),
    3,
  ],
  ['a maximum', () => caseOf('ReduceMax', [calm([3, 40], 4)], { axes: 1 }), 1],
  [
    'a minimum of integers',
    () => caseOf('ReduceMin', [integers([3, 40], { seed: 4, dtype: 'int16' })], { axes: 1 }),
    1,
  ],
  [
    'a pooled maximum',
    () =>
      caseOf('MaxPool', [calm([1, 2, 6, 6], 4)], {
        kernel: [3, 2],
        strides: [2, 1],
        pads: [1, 0, 1, 1],
        dilations: [1, 2],
      }),
    17,
  ],
  ['a scatter of which the last stands', () => scatter('ScatterElements', calm([3, 2], 4), calm([9, 2], 5)), 3],
]

/** The element with another bit; a NaN with one in its exponent, since all NaN are one. */
const withLie = ({ node: { op, attributes }, operands }: Case, element: number): Tensor => {
  const right = evaluate(op, operands, attributes)
  return flipped(right, element, Number.isNaN(Number(right.data[element])) ? 8 * right.data.BYTES_PER_ELEMENT - 2 : 0)
}

/** The proof about one false leaf. */
function trialOf({ own, subject }: Expanded, { index, leaf }: { index: number; leaf: Uint8Array }): Trial {
  const tree = lyingTree(own.leaves, { index, leaf })
  const other = { index, leaf, tree: { path: (i: number) => proveInclusion(tree, i) } }
  return { tree, proof: proveExpansion(subject, own, other) }
}

/** The same evidence about an expansion in which nothing is false. */
function honestTrial({ own, subject }: Expanded, finding: Finding): Trial {
  const leaf = (index: number) => ({ leaf: own.leaves[index], path: proveInclusion(own.tree, index) })
  const whole = { index: undefined, leaf: own.leaves[0], tree: { path: (i: number) => proveInclusion(own.tree, i) } }
  // One leaf is looked at with the element that it names.
  if (own.kind === 'witness') return { tree: own.tree, proof: proveExpansion(subject, own, whole) }
  const evidence = [evidenceFor({ subject, own, finding, leaf })]
  return { tree: own.tree, proof: { referee: 'expansion', fault: finding.fault, evidence } }
}

/** The trials that are not ruled so. */
async function unlike(ruling: string, it: Expanded, trials: readonly Trial[]): Promise<string[]> {
  const found = await rulings(it, trials)
  return found.flatMap((text, i) => (text === ruling ? [] : [`${trials[i].proof.fault}: ${text}`]))
}

/** Leaves of the first pieces, and the last ones. */
const someLeaves = ({ size }: Expansion) =>
  Array.from({ length: size }, (_, i) => i).filter((i) => i < 8 || i > size - 5)

describe.each(CASES)('%s', (_, make, element) => {
  test('a lie in any field of any leaf is ruled false, whatever follows it', async () => {
    const it = expanded(make(), element)
    const lies = someLeaves(it.own).flatMap((index) => liesAbout(it.own, index).map((leaf) => ({ index, leaf })))
    const trials = lies.map((lie) => trialOf(it, lie))
    expect(await unlike('false claim', it, trials)).toEqual([])
    expect(trials.length).toBeGreaterThan(10)
  }, 120_000)

  test('an honest expansion survives the evidence of every lie', async () => {
    const it = expanded(make(), element)
    const { own } = it
    const findings = someLeaves(own).flatMap((index) =>
      liesAbout(own, index).map((lie) => ofHonest(own, firstFault(own, { index, leaf: lie }))),
    )
    const trials = [...distinct(findings), firstFault(own, undefined)].map((finding) => honestTrial(it, finding))
    expect(await unlike('NoFault', it, trials)).toEqual([])
  }, 120_000)

  test('a false element of an honest expansion, and a tree of another size, are ruled false', async () => {
    const it = expanded(make(), element, withLie(make(), element))
    const { own, subject } = it
    const path = (index: number) => proveInclusion(own.tree, index)
    const proof = proveExpansion(subject, own, { index: undefined, leaf: new Uint8Array(0), tree: { path } })
    expect(proof.fault).toBe(own.kind === 'witness' ? 'chosen' : 'result')
    const longer = treeOf([...own.leaves, new Uint8Array(1)])
    const sizes = [longer, own.tree].map((tree) => ({
      tree,
      proof: proveSize(subject, own, { size: tree.size, root: rootOf(tree) }),
    }))
    expect(await rulings(it, [{ tree: own.tree, proof }, ...sizes])).toEqual(['false claim', 'false claim', 'NoFault'])
  }, 60_000)
})

/** The tile that shows a false witness is that of the one which the leaf names. */
function ofHonest({ leaves }: Expansion, finding: Finding): Finding {
  if (finding.fault !== 'witness') return finding
  return { ...finding, member: wordsIn(leaves[finding.index])[2 * finding.side] }
}

/** One of each kind and place. */
function distinct(findings: readonly Finding[]): Finding[] {
  const key = ({ fault, index, side, term, member }: Finding) => `${fault} ${index} ${side} ${term} ${member}`
  return [...new Map(findings.map((finding) => [key(finding), finding])).values()]
}

describe('random elements', () => {
  test.each(Object.entries(FAMILIES))(
    '%s: lies are found, and nothing in an honest expansion',
    async (name, family) => {
      const random = generator(name.length)
      for (const sample of fc.sample(family, { numRuns: 12, seed: 11 })) {
        const size = sizeOf(sample.node.dims)
        const at = Math.floor(random() * size)
        const tries = Array.from({ length: size }, (_, i) => (at + i) % size)
        const element = tries.find((i) => isExpandable(sample.node, sample.operands, i))
        if (element === undefined) continue
        const it = expanded(sample, element)
        const lies = Array.from({ length: 8 }, () => {
          const index = Math.floor(random() * it.own.size)
          const all = liesAbout(it.own, index)
          return { index, leaf: all[Math.floor(random() * all.length)] }
        })
        expect(
          await unlike(
            'false claim',
            it,
            lies.map((lie) => trialOf(it, lie)),
          ),
        ).toEqual([])
        const right = lies.map(({ index, leaf }) =>
          honestTrial(it, ofHonest(it.own, firstFault(it.own, { index, leaf }))),
        )
        expect(await unlike('NoFault', it, right)).toEqual([])
      }
    },
    120_000,
  )
})
