import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeAbi, decodeAbi, type AbiInput } from '../../src/core/abi.js'
import { ZERO32, concat } from '../../src/core/bytes.js'
import { DTYPES, bytesOf, sizeOf, tensor, type Tensor, type TensorType } from '../../src/core/tensor.js'
import { smallProgram } from '../../scripts/program-vectors.js'
import { formOf, type LeafOpening } from '../../src/dispute/openings.js'
import { Builder } from '../../src/exact/builder.js'
import { OPS, opOf } from '../../src/exact/ops/index.js'
import type { Program } from '../../src/exact/program.js'
import { digestFrom, tileTree } from '../../src/merkle/tiles.js'
import { hashLeaf, hashNode, rootOf, sizedRoot, treeOf } from '../../src/merkle/tree.js'
import { conformanceCases } from '../../src/runtime/conformance.js'
import { NETWORKS } from '../autodiff/networks.js'
import { fiftySteps } from '../autodiff/fifty.js'
import { network } from '../trace/work.js'
import { startNode, type EvmNode } from './node.js'
import {
  about,
  isTaken,
  leavesFrom,
  openerOf,
  programCourt,
  questionsOf,
  type Ask,
  type Leaves,
  type ProgramCourt,
} from './programs.js'
import { Draw, bent, drawTyped, inferred, type Typed } from './shapes.js'

let node: EvmNode
let court: ProgramCourt
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  court = await programCourt(node)
}, 60_000)
afterAll(() => node?.stop())

const isNamed = (program: Program): boolean =>
  program.values.some((value) => value.kind === 'node' && value.op === 'TopK')

const answersOf = (all: Leaves) => court.ask(all, questionsOf(all), Number(isNamed(all.program)))

describe('a program that a decoder takes cannot be voided', () => {
  const programs: (readonly [string, () => Program])[] = [
    ...Object.entries(NETWORKS).map(([name, made]) => [name, () => made().compiled.program] as const),
    ['training of an mlp', () => fiftySteps('mlp').program],
    ['a network with carries', () => network({ carries: true }).program],
  ]
  test.each(programs)(
    '%s',
    async (_, program) => {
      const found = await answersOf(leavesFrom(program()))
      expect(found.filter((ruling) => ruling !== 'NoFault')).toEqual([])
    },
    120_000,
  )

  test('nor one of any op', async () => {
    for (const { name, program } of conformanceCases()) {
      const found = await answersOf(leavesFrom(program))
      expect([name, found.filter((ruling) => ruling !== 'NoFault')]).toEqual([name, []])
    }
  }, 120_000)
})

const WORDS = ['uint8', 'uint8', 'uint16', 'bytes', 'bytes', 'bytes', 'bytes32'] as const

/** Integers as bytes, big-endian. */
const packed = (values: readonly bigint[], width: number): Uint8Array =>
  concat(...values.map((value) => encodeAbi(['uint256'], [BigInt.asUintN(8 * width, value)]).subarray(32 - width)))

/** A program of a few ops with attributes, two carries, two constants. */
function crowded(): Program {
  const b = new Builder()
  const initial = tensor('float32', [2, 3], [1, -2, 3, 0.5, -0.25, 4])
  const [w, v] = [b.parameter('w', initial), b.parameter('v', initial)]
  const x = b.input('x', { dtype: 'float32', dims: [2, 3] })
  const image = b.reshape(x, [1, 1, 2, 3])
  const kernel = b.constant(tensor('float32', [1, 1, 2, 2], [1, 2, 3, 4]))
  const window = { strides: [1, 1], pads: [0, 0, 1, 0], dilations: [1, 1] }
  const convolved = b.op('Conv', [image, kernel], { group: 1, ...window })
  const pooled = b.op('MaxPool', [convolved], { kernel: [2, 1], ...window })
  const places = b.op('ArgMax', [pooled], { axis: 3 })
  const product = b.matmul(x, b.transpose(w, [1, 0]))
  const joined = b.concat(
    [product, b.op('ReduceSum', [b.add(x, v)], { axes: 1 })].map((y) => b.reshape(y, [sizeOf(y.dims)])),
    0,
  )
  const chosen = b.op('Where', [b.op('Less', [x, w]), x, v])
  const wide = b.op('Cast', [b.op('Gather', [x, b.constant(tensor('int64', [2], [0n, 1n]))], { axis: 1 })], { to: 11 })
  return b.finish({
    outputs: Object.entries({ places, joined, wide }),
    carries: [
      [w, b.sub(w, chosen)],
      [v, x],
    ],
  }).program
}

const replaced = <T>(list: readonly T[], index: number, item: T): T[] =>
  list.map((one, i) => (i === index ? item : one))

/** The leaf of a value with one of its parts changed, so that it is still an encoding of such parts. */
function bentValue(d: Draw, leaf: Uint8Array): Uint8Array {
  const parts = [...decodeAbi(WORDS, leaf)] as AbiInput[]
  const which = d.below(7)
  const width = which === 5 ? 4 : 8
  if (which === 0) parts[0] = d.below(5)
  else if (which === 1) parts[1] = d.pick([0, 1, 6, 7, 8, 9, 11, 14, 16, 17, 255])
  else if (which === 2) parts[2] = d.below(4) === 0 ? d.below(120) : d.pick(OPS).number
  else if (which === 6) parts[6] = ZERO32
  else {
    const bytes = parts[which] as Uint8Array
    const words = Array.from({ length: bytes.length / width }, (_, i) =>
      bytes.subarray(i * width, (i + 1) * width).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
    )
    const word = d.pick([0n, 1n, 2n, 3n, 5n, -1n, 1n << 40n, (1n << 40n) + 1n, 1n << 53n, -(1n << 53n), 1n << 62n])
    const index = d.below(words.length + 1)
    const changes = [replaced(words, index, word), [...words, word], words.slice(0, -1), [...words].reverse()]
    parts[which] = d.below(6) === 0 ? bytes.subarray(0, -1) : packed(d.pick(changes), width)
  }
  return encodeAbi(WORDS, parts)
}

/** Any leaf, changed anywhere. */
function bentBytes(d: Draw, leaf: Uint8Array): Uint8Array {
  const kind = d.below(8)
  if (kind === 0) return concat(leaf, new Uint8Array(d.pick([1, 32, 1024])))
  if (kind === 1) return leaf.subarray(0, leaf.length - d.pick([1, 32, leaf.length]))
  // Bytes that say something, then any byte.
  const used = leaf.findLastIndex((byte) => byte !== 0)
  const at = kind === 2 ? d.below(leaf.length) : 32 * d.below(leaf.length / 32) + (kind < 6 ? 31 : d.below(32))
  const place = kind === 7 ? used : at
  return leaf.map((byte, i) => (i === place ? byte ^ (1 << d.below(8)) : byte))
}

/** True where nothing but the digest of a constant was changed, and into another digest. */
function isOtherDigest(before: Uint8Array, after: Uint8Array): boolean {
  const [kind] = decodeAbi(WORDS, before)
  const content = after.subarray(192, 224)
  const same = after.length === before.length && after.every((byte, i) => byte === before[i] || (i >= 192 && i < 224))
  return kind === 2n && same && content.some((byte) => byte !== 0)
}

describe('a program with one leaf changed is void where a decoder refuses it, and only there', () => {
  const sources = { small: () => smallProgram().program, crowded }
  test.each(Object.entries(sources))(
    '%s',
    async (name, made) => {
      const d = new Draw(`leaves of ${name}`)
      const { program, leaves } = leavesFrom(made())
      const seen = { taken: 0, refused: 0, digests: 0 }
      for (let i = 0; i < 260; i++) {
        const at = d.between(1, leaves.length - 1)
        const bend = at <= program.values.length && i % 3 > 0 ? bentValue : bentBytes
        const changed = { program, leaves: replaced(leaves, at, bend(d, leaves[at])) }
        const found = await court.ask(changed, about(changed.leaves[at], questionsOf(changed)))
        const isVoid = found.includes('void job')
        const taken = isTaken(changed)
        // The digest of a constant can be any hash: that it is none of the payload's is seen with the payload alone.
        const isHidden = !isVoid && !taken && isOtherDigest(leaves[at], changed.leaves[at])
        if (!isHidden) expect([i, at, isVoid], Buffer.from(changed.leaves[at]).toString('hex')).toEqual([i, at, !taken])
        seen[isHidden ? 'digests' : taken ? 'taken' : 'refused']++
      }
      expect(seen.taken).toBeGreaterThan(10)
      expect(seen.refused).toBeGreaterThan(100)
      expect(seen.digests).toBeLessThan(20)
    },
    120_000,
  )
})

/** A program of one node, whose leaves are then any op's: types, attributes and its own type as they come. */
function oneNode({ op, operands, words }: Typed, own: TensorType): Leaves {
  const b = new Builder()
  const small: TensorType = { dtype: 'float32', dims: [1] }
  const inputs = operands.map((_, i) => b.input(`x${i}`, small))
  const node =
    op === 'TopK' ? b.op('TopK', [inputs[0]], { axis: 0, k: 1, largest: 1 }) : b.op('Concat', inputs, { axis: 0 })
  const { program, leaves } = leavesFrom(b.finish({ outputs: [['y', node]] }).program)
  const typed = (leaf: Uint8Array, type: TensorType, rest: Partial<Record<number, AbiInput>>) => {
    const parts = [...decodeAbi(WORDS, leaf)] as AbiInput[]
    Object.assign(parts, { 1: DTYPES[type.dtype].code, 3: packed(type.dims.map(BigInt), 8), ...rest })
    return encodeAbi(WORDS, parts)
  }
  const numbers = packed(
    operands.map((_, i) => BigInt(i)),
    4,
  )
  const given = operands.map((type, i) => typed(leaves[1 + i], type, {}))
  const last = typed(leaves[1 + operands.length], own, {
    2: opOf(op).number,
    4: packed(words.map(BigInt), 8),
    5: numbers,
  })
  return { program, leaves: [leaves[0], ...given, last, ...leaves.slice(2 + operands.length)] }
}

describe('a program of one node is void where a decoder refuses it, and only there', () => {
  test('of every op, with types and attributes that it takes and with others', async () => {
    const seen = { taken: 0, refused: 0 }
    for (const { name } of OPS) {
      const d = new Draw(`nodes of ${name}`)
      for (let i = 0; i < 8; i++) {
        const typed = i % 2 === 0 ? drawTyped(d, name) : bent(d, drawTyped(d, name))
        const changed = oneNode(typed, typeOf(typed, d))
        const taken = isTaken(changed)
        const found = await answersOf(changed)
        expect([typed, found.includes('void job'), found.every((ruling) => ruling === 'NoFault')]).toEqual([
          typed,
          !taken,
          taken,
        ])
        seen[taken ? 'taken' : 'refused']++
      }
    }
    expect(seen.taken).toBeGreaterThan(150)
    expect(seen.refused).toBeGreaterThan(150)
  }, 120_000)

  /** The type that the op gives, if it takes its operands; now and then another one. */
  function typeOf(typed: Typed, d: Draw): TensorType {
    const other: TensorType = { dtype: d.pick(['float32', 'bool', 'int64']), dims: d.dims(d.below(3)) }
    const found = inferred(typed)
    return found === undefined || d.below(6) === 0 ? other : found
  }
})

describe('rules that look at more than a leaf', () => {
  const word = (...values: number[]) =>
    encodeAbi(
      values.map(() => 'uint256'),
      values,
    )

  test('a header that is none, or counts other leaves', async () => {
    const { program, leaves } = leavesFrom(smallProgram().program)
    const header = leaves[0]
    const bent = (place: number, value: number) =>
      concat(header.subarray(0, 32 * place), word(value), header.subarray(32 * place + 32))
    const broken: Readonly<Record<string, readonly Uint8Array[]>> = {
      'another version': replaced(leaves, 0, bent(0, 2)),
      'other numerics': replaced(leaves, 0, bent(1, 0)),
      'a parameter more': replaced(leaves, 0, bent(2, 2)),
      'an output less': replaced(leaves, 0, bent(6, 1)),
      'an unknown flag': replaced(leaves, 0, bent(8, 2)),
      'a count beyond 32 bits': replaced(leaves, 0, bent(7, 2 ** 33)),
      'a short header': replaced(leaves, 0, header.subarray(32)),
      'a leaf more': [...leaves, leaves[1]],
      'a leaf less': leaves.slice(0, -1),
    }
    for (const [what, those] of Object.entries(broken)) {
      const changed = { program, leaves: those }
      const asks: Ask[] = [['header', openerOf(changed)(0), those.length]]
      expect([what, isTaken(changed), await court.ask(changed, asks)]).toEqual([what, false, ['void job']])
    }
  })

  test('a flag that no op needs, and other names, are refused by a decoder and void nothing', async () => {
    const { program, leaves } = leavesFrom(smallProgram().program)
    for (const [place, word] of [
      [8, encodeAbi(['uint256'], [1])],
      [9, ZERO32],
    ] as const) {
      const header = concat(leaves[0].subarray(0, 32 * place), word, leaves[0].subarray(32 * place + 32))
      const changed = { program, leaves: replaced(leaves, 0, header) }
      expect(isTaken(changed)).toBe(false)
      const found = await court.ask(changed, questionsOf(changed), Number(place === 8))
      expect(found.filter((ruling) => ruling !== 'NoFault')).toEqual([])
    }
  })

  test('the size comes from the root', async () => {
    const all = leavesFrom(smallProgram().program)
    const header = openerOf(all)(0)
    const sizes = [-1, 1, 20].map((more): Ask => ['header', header, all.leaves.length + more])
    for (const found of await court.ask(all, sizes)) expect(['RootMismatch', 'BadProofLength']).toContain(found)
  })

  test('a header that counts more than a program may hold', async () => {
    // 2^23 values of 324 bytes at least.
    const constants = 2 ** 23
    const { program, leaves } = leavesFrom(smallProgram().program)
    const header = concat(leaves[0].subarray(0, 4 * 32), word(constants), leaves[0].subarray(5 * 32))
    const rest = Array.from({ length: 23 }, () => ZERO32)
    const size = constants + leaves.length - 1
    const root = rest.reduce((node, sibling) => hashNode(node, sibling), hashLeaf(header))
    const asks: Ask[] = [['header', { leaf: header, path: [...rest, ZERO32] }, size]]
    expect(await court.askOf(sizedRoot('program', { size, root: hashNode(root, ZERO32) }), program, asks)).toEqual([
      'void job',
    ])
  })

  test('a parameter that is carried twice, by two carries or by one that is shown twice', async () => {
    const { program, leaves } = leavesFrom(crowded())
    const first = 1 + program.values.length + program.outputs.length
    const changed = { program, leaves: replaced(leaves, first + 1, leaves[first]) }
    const open = openerOf(changed)
    const asks: Ask[] = [
      ['carriedTwice', 0, open(first), 1, open(first + 1)],
      ['carriedTwice', 0, open(first), 0, open(first)],
      ['carriedTwice', 0, open(first), 2, open(first + 1)],
    ]
    expect(await court.ask(changed, asks)).toEqual(['void job', 'NoFault', 'NoSuchValue'])
    expect(isTaken(changed)).toBe(false)
  })

  test('an op that named referees decide, of which the header says nothing', async () => {
    const b = new Builder()
    const x = b.input('x', { dtype: 'float32', dims: [5] })
    const y = b.op('TopK', [x], { axis: 0, k: 2, largest: 1 })
    const all = leavesFrom(b.finish({ outputs: [['y', b.relu(b.cast(y, 'float32'))]] }).program)
    const asks = [0, 1, 2].map((v): Ask => ['flag', v, openerOf(all)(1 + v)])
    expect(await court.ask(all, asks, 0)).toEqual(['NoFault', 'void job', 'NoFault'])
    expect(await court.ask(all, asks, 1)).toEqual(['NoFault', 'NoFault', 'NoFault'])
  })
})

describe('constants', () => {
  const FORMS: readonly Tensor[] = [
    tensor('bool', [3], [0, 1, 1]),
    tensor('float32', [2, 2], [1, NaN, 3, -0]),
    tensor('float16', [2], [0x7e00, 0x3c00]),
    tensor('int64', [2], [5n, -5n]),
  ]
  /** A program with one constant, whose digest is that of another payload. */
  const withDigest = (form: Tensor, payload: Uint8Array) => {
    const b = new Builder()
    const x = b.input('x', form)
    const all = leavesFrom(b.finish({ outputs: [['y', b.op('Concat', [x, b.constant(form)], { axis: 0 })]] }).program)
    const tree = treeOf([payload])
    const leaf = concat(
      all.leaves[2].subarray(0, 192),
      digestFrom({ type: form }, rootOf(tree)),
      all.leaves[2].subarray(224),
    )
    const changed = { program: all.program, leaves: replaced(all.leaves, 2, leaf) }
    const tile = { form: formOf(form), path: [], tile: payload, tilePath: [] }
    const ask = (element: number): Ask => ['constantElement', 1, openerOf(changed)(2), tile, element]
    return { changed, ask }
  }

  test('with the elements that they ought to have are none of another sort', async () => {
    for (const form of FORMS) {
      const { changed, ask } = withDigest(form, bytesOf(form))
      expect(await court.ask(changed, [ask(0), ask(1)])).toEqual(['NoFault', 'NoFault'])
    }
  })

  test.each<readonly [string, Tensor, readonly number[], number]>([
    ['a bool of 2', FORMS[0], [0, 2, 1], 1],
    ['a NaN with a sign', FORMS[1], [0, 0, 128, 63, 0, 0, 192, 255, 0, 0, 0, 0, 0, 0, 0, 0], 1],
    ['a NaN with a payload', FORMS[1], [1, 0, 192, 127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0],
    ['a NaN that signals', FORMS[2], [0, 0x7c, 1, 0x7c], 1],
  ])('%s', async (_, form, payload, element) => {
    const { changed, ask } = withDigest(form, Uint8Array.from(payload))
    const other = element === 0 ? 1 : 0
    expect(await court.ask(changed, [ask(element), ask(other)])).toEqual(['void job', 'NoFault'])
  })

  test('a digest of a tensor of another form', async () => {
    const form = FORMS[1]
    const { program, leaves } = leavesFrom(withDigest(form, bytesOf(form)).changed.program)
    const root = rootOf(tileTree(form))
    for (const other of [
      { dtype: 'float32', dims: [4] },
      { dtype: 'int32', dims: [2, 2] },
    ] as const) {
      const leaf = concat(leaves[2].subarray(0, 192), digestFrom({ type: other }, root), leaves[2].subarray(224))
      const changed = { program, leaves: replaced(leaves, 2, leaf) }
      const asks: Ask[] = [['constantForm', 1, openerOf(changed)(2), formOf({ ...form, ...other }), root]]
      expect(await court.ask(changed, asks)).toEqual(['void job'])
      expect(isTaken(changed)).toBe(false)
    }
  })

  test('a constant larger than any program', async () => {
    const all = leavesFrom(withDigest(FORMS[3], bytesOf(FORMS[3])).changed.program)
    const parts = [...decodeAbi(WORDS, all.leaves[2])] as AbiInput[]
    const sized = async (size: number) => {
      parts[3] = packed([BigInt(size)], 8)
      const changed = { program: all.program, leaves: replaced(all.leaves, 2, encodeAbi(WORDS, parts)) }
      return court.ask(changed, [['value', 1, openerOf(changed)(2)]])
    }
    expect(await sized(2 ** 28 + 1)).toEqual(['void job'])
    expect(await sized(2 ** 28)).toEqual(['NoFault'])
  })
})

describe('evidence that shows nothing', () => {
  test.each<readonly [string, string, (open: (index: number) => LeafOpening, program: Program) => Ask]>([
    ['the leaf of another value', 'RootMismatch', (open) => ['value', 0, open(2)]],
    ['a value that is not there', 'NoSuchValue', (open, { values }) => ['value', values.length, open(1)]],
    ['an output as a value', 'NoSuchValue', (open, { values }) => ['value', values.length, open(1 + values.length)]],
    ['a parameter as a node', 'NotANode', (open) => ['node', 0, open(1), []]],
    [
      'an input as a constant',
      'NotAConstant',
      (open) => ['constantForm', 1, open(2), formOf(tensor('bool', [], [1])), ZERO32],
    ],
    [
      'a node without its operands',
      'BadProofLength',
      (open, { values }) => ['node', values.length - 1, open(values.length), []],
    ],
    ['an output that is not there', 'NoSuchValue', (open, { values }) => ['output', 2, open(1 + values.length)]],
  ])('%s: %s', async (_, error, ask) => {
    const all = leavesFrom(smallProgram().program)
    expect(await court.ask(all, [ask(openerOf(all), all.program)])).toEqual([error])
  })
})

describe('what showing it costs', () => {
  test('a node with eight operands of rank 8 in a program of thousands of values: at most 700,000 gas', async () => {
    const b = new Builder()
    const dims = [1, 2, 1, 2, 1, 2, 1, 2]
    const inputs = Array.from({ length: 4096 }, (_, i) => b.input(`x${i}`, { dtype: 'float32', dims }))
    const y = b.op('Concat', inputs.slice(0, 8), { axis: 0 })
    const all = leavesFrom(b.finish({ outputs: [['y', y]] }).program)
    const at = all.program.values.length
    const parts = [...decodeAbi(WORDS, all.leaves[at])] as AbiInput[]
    parts[3] = packed(dims.map(BigInt), 8)
    const changed = { program: all.program, leaves: replaced(all.leaves, at, encodeAbi(WORDS, parts)) }
    const open = openerOf(changed)
    const ask: Ask = ['node', at - 1, open(at), Array.from({ length: 8 }, (_, i) => open(1 + i))]
    expect(await court.ask(changed, [ask])).toEqual(['void job'])
    const gas = await court.gasOf(changed, ask)
    console.log(`node with eight operands: ${gas} gas`)
    expect(gas).toBeLessThan(700_000)
  }, 60_000)
})
