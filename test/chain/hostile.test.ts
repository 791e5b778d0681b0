/** Providers that answer what no honest one could: whatever they commit, they are silent or proved false. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isRevert } from '../../src/chain/index.js'
import { encodeAbi } from '../../src/core/abi.js'
import { ZERO32, concat, toHex, type Bytes32 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { DTYPES } from '../../src/core/tensor.js'
import { Book, type Demand, type OwnRun } from '../../src/dispute/book.js'
import type { Form } from '../../src/dispute/openings.js'
import { runFor } from '../../src/dispute/own-run.js'
import type { Answer, Question, ShownRefusal } from '../../src/dispute/question.js'
import { proveChildren, rootOf, sizedRoot, treeOf, type Kind, type Tree } from '../../src/merkle/tree.js'
import { tileBytes } from '../../src/merkle/tiles.js'
import { reference } from '../../src/runtime/reference.js'
import { encodeStep, type Step } from '../../src/trace/step.js'
import type { Work } from '../../src/trace/trace.js'
import type { Shape } from '../dispute/forge.js'
import { claimOn, lyingRun } from '../dispute/liar.js'
import { fill } from '../receipt/samples.js'
import { mixture, scheduled, valueOf } from './mixture.js'
import { clear, filed, fromNow, responding, stateOf, stopAll, until, watching, type Filing } from './stage.js'
import { world } from './own-world.js'
import { ALICE, ANYBODY, MALLORY, REQUESTER, TERMS, WATCHER, addressOf, later, started } from './world.js'

afterEach(stopAll)
beforeEach(() => clear(world, REQUESTER, ALICE, MALLORY, WATCHER, ANYBODY))

interface Spot {
  readonly tree: Tree
  readonly leaves: readonly Uint8Array[]
  readonly start: number
  readonly size: number
}

/** A book with some things of its own in place of the run's. */
class Forged extends Book {
  readonly #spots = new Map<string, Spot>()
  readonly #forms = new Map<string, readonly [Form, Bytes32]>()
  readonly #records = new Map<string, ShownRefusal>()
  /** What it commits in place of an expansion or a trace. */
  commitment: ((demand: Demand) => { size: number | bigint; root: Bytes32 } | undefined) | undefined

  /** A tree over these leaves; returns the sized root, of tiles the root. */
  tree(kind: Kind | 'tile', leaves: readonly Uint8Array[]): Bytes32 {
    const tree = treeOf(leaves)
    const root = rootOf(tree)
    const sized = kind === 'tile' ? root : sizedRoot(kind, { size: leaves.length, root })
    for (const key of [root, sized]) this.#spots.set(toHex(key), { tree, leaves, start: 0, size: leaves.length })
    return sized
  }

  /** The digest of a tensor of any form over any tiles. */
  tensor(form: Form, root: Bytes32): Bytes32 {
    const dims = form.dims.map((dim) => encodeAbi(['uint64'], [dim]).slice(24))
    const digest = sha256(concat(Uint8Array.of(2, form.dtype, dims.length), ...dims, root))
    this.#forms.set(toHex(digest), [form, root])
    return digest
  }

  /** The record of any refusal. */
  record(shown: ShownRefusal): Bytes32 {
    const { step, node: value, element, reason } = shown
    const words = encodeAbi(['uint64', 'uint32', 'uint64', 'uint8'], [step, value, element, reason])
    const record = sha256(concat(Uint8Array.of(4), words))
    this.#records.set(toHex(record), shown)
    return record
  }

  /** Computes everything about the leaves of the run, which a book does when it is led to them. */
  async knowAll(leaves: readonly Step[]): Promise<void> {
    for (const leaf of leaves.keys()) await super.commit({ name: 'trace', leaf })
  }

  override async commit(demand: Demand): Promise<Extract<Answer, { name: 'answerCommitment' }>> {
    const own = await super.commit(demand)
    const other = this.commitment?.(demand)
    return other === undefined ? own : { name: 'answerCommitment', ...other }
  }

  override async answer(question: Question): Promise<Answer> {
    const key = toHex(question.hash)
    const [form, shown, spot] = [this.#forms.get(key), this.#records.get(key), this.#spots.get(key)]
    if (form !== undefined) return { name: 'answerDigest', form: form[0], root: form[1] }
    if (shown !== undefined) return { name: 'answerRefusal', refusal: undefined, shown }
    if (spot === undefined) return super.answer(question)
    const { tree, leaves, start, size } = spot
    if (question.form === 'leaf') return { name: 'answerLeaf', leaf: leaves[start] }
    if (size === 1) return { name: 'answerChildren', children: [rootOf(tree)] }
    const children = proveChildren(tree, { start, size })
    for (const child of children) this.#spots.set(toHex(child.hash), { ...spot, start: child.start, size: child.size })
    return { name: 'answerChildren', children: children.map(({ hash }) => hash) }
  }
}

interface Hostile extends Shape {
  readonly work?: Work
  /** What it runs; honestly unless told. */
  readonly run?: (work: Work, shape: Shape) => Promise<OwnRun>
  /** Changes leaves of the run, and puts into the book what it needs to answer for them. */
  readonly leaves?: (book: Forged, run: OwnRun) => Promise<readonly Step[]>
  /** Changes the bytes of the run's leaves. */
  readonly bytes?: (leaves: readonly Uint8Array[]) => readonly Uint8Array[]
  readonly commitment?: (book: Forged, run: OwnRun) => Promise<Forged['commitment']>
}

/** Files the claim, lets everybody play to the end, and says how the provider lost; undefined where it did not. */
async function outcome({ work = mixture({ steps: 3 }), commitEvery = 1, operatorTrace = false, ...hostile }: Hostile) {
  const shape = { commitEvery, operatorTrace }
  const [watcher, mallory] = [await fromNow(world, WATCHER), await fromNow(world, MALLORY)]
  let book: Forged
  const make = async (actual: Work): Promise<OwnRun> => {
    const run = await (hostile.run ?? ((one, how) => runFor(one, reference(), how)))(actual, shape)
    book = new Forged(run)
    await book.knowAll(run.leaves)
    const leaves = (await hostile.leaves?.(book, run)) ?? run.leaves
    const encoded = leaves.map(encodeStep)
    root = book.tree('run', hostile.bytes?.(encoded) ?? encoded)
    book.commitment = await hostile.commitment?.(book, run)
    return { ...run, leaves }
  }
  let root = ZERO32
  const filing: Filing = { by: MALLORY, run: make, ...shape, forge: (claim) => ({ ...claim, run: root }) }
  const lie = { ...(await filed(world, work, filing)), book: () => book }
  const watch = watching(watcher, { of: [lie] })
  const answers = responding(mallory, [lie])
  const ends = ['trouble', 'undecided', 'proved', 'silent']
  const isStuck = () => answers.news.some(({ kind }) => kind === 'trouble' || kind === 'unanswerable')
  await until('an end', () => watch.news.some(({ kind }) => ends.includes(kind)) || isStuck())
  if (!watch.news.some(({ kind }) => ends.includes(kind))) {
    await later(world, Number(TERMS.moveTime) + 1)
    await until('an end', () => watch.news.some(({ kind }) => ends.includes(kind)))
  }
  const [last] = watch.news.flatMap((news) => {
    if (news.kind === 'proved') return [`${news.proof.referee}.${news.proof.fault}`]
    if (news.kind === 'trouble' || news.kind === 'undecided') return [String(news.error)]
    return news.kind === 'silent' ? ['silent'] : []
  })
  return { how: last, state: await stateOf(world, lie) }
}

const slashed = (how: string) => ({ how, state: 'slashed' })

describe('a leaf that cannot be one is no answer', () => {
  const at = (index: number, edit: (leaf: Uint8Array) => Uint8Array) => (leaves: readonly Uint8Array[]) =>
    leaves.map((leaf, i) => (i === index ? edit(leaf) : leaf))
  const EDITS: readonly (readonly [string, (leaf: Uint8Array) => Uint8Array])[] = [
    ['too short', (leaf) => leaf.slice(0, -1)],
    ['too long', (leaf) => concat(leaf, Uint8Array.of(0))],
  ]
  const WIDE = (leaf: Uint8Array): Uint8Array => concat(Uint8Array.of(1), leaf.slice(1))

  test.each([...EDITS, ['of an index beyond 64 bits', WIDE] as const])('of a run, %s', async (_, edit) => {
    expect(await outcome({ bytes: at(1, edit) })).toEqual(slashed('silent'))
  })

  test.each([...EDITS, ['of an index beyond 64 bits', WIDE] as const])('of a trace, %s', async (_, edit) => {
    const commitment = async (book: Forged, run: OwnRun) => {
      const { steps } = await run.retrace(1)
      const leaves = at(0, edit)(steps.map(({ leaf }) => encodeStep(leaf)))
      book.tree('segment', leaves)
      return () => ({ size: leaves.length, root: rootOf(treeOf(leaves)) })
    }
    const run = (work: Work, shape: Shape) =>
      lyingRun(work, { step: 1, value: valueOf(work, 'Relu'), element: 1, flip: 1 << 20 }, shape)
    expect(await outcome({ run, commitment })).toEqual(slashed('silent'))
  })

  test.each(EDITS)('of a list of values, %s', async (_, edit) => {
    const leaves = async (book: Forged, run: OwnRun) => {
      const { digests } = (await run.retrace(1)).steps[0]
      const values = book.tree('values', at(6, edit)([...digests]))
      return run.leaves.map((leaf, i) => (i === 1 ? { ...leaf, values } : leaf))
    }
    expect(await outcome({ operatorTrace: true, leaves })).toEqual(slashed('silent'))
  })
})

describe('a tensor that cannot be opened is ruled false', () => {
  /** Another tensor at a place of a list. */
  const withTensor =
    (
      field: 'values' | 'inputs' | 'stateBefore',
      { step, index }: { step: number; index: number },
      make: (book: Forged, tile: Uint8Array, form: Form) => Bytes32,
    ) =>
    async (book: Forged, run: OwnRun) => {
      const [traced] = (await run.retrace(step)).steps
      const list = { values: traced.values, inputs: traced.inputs, stateBefore: traced.before }[field].map(
        (one) => one!,
      )
      const own = list[index]
      const form = { dtype: DTYPES[own.dtype].code, dims: own.dims }
      const digests = traced.digests.slice()
      const items =
        field === 'values'
          ? digests
          : list.map((one, i) =>
              i === index
                ? ZERO32
                : book.tensor(
                    { dtype: DTYPES[one.dtype].code, dims: one.dims },
                    book.tree('tile', [tileBytes(one, 0)]),
                  ),
            )
      items[index] = make(book, tileBytes(own, 0), form)
      const root = book.tree(field === 'stateBefore' ? 'state' : field, items)
      return run.leaves.map((leaf, i) => (i === step ? { ...leaf, [field]: root } : leaf))
    }
  const sized = (edit: (tile: Uint8Array) => Uint8Array) => (book: Forged, tile: Uint8Array, form: Form) =>
    book.tensor(form, book.tree('tile', [edit(tile)]))
  const SIZES: readonly (readonly [string, (tile: Uint8Array) => Uint8Array])[] = [
    ['too short', (tile) => tile.slice(0, -4)],
    ['empty', () => new Uint8Array(0)],
    ['too long', (tile) => concat(tile, tile)],
  ]

  test.each(SIZES)('with a tile that is %s', async (_, edit) => {
    const leaves = withTensor('values', { step: 1, index: 6 }, sized(edit))
    expect(await outcome({ operatorTrace: true, leaves })).toEqual(slashed('binding.tile'))
  })

  test('with a tile longer than all tiles', async () => {
    const leaves = withTensor(
      'values',
      { step: 1, index: 6 },
      sized(() => new Uint8Array(4100)),
    )
    expect(await outcome({ operatorTrace: true, leaves })).toEqual(slashed('silent'))
  })

  test('as an input of a schedule, and as its first state', async () => {
    const work = scheduled()
    const input = withTensor(
      'inputs',
      { step: 1, index: 0 },
      sized((tile) => tile.slice(4)),
    )
    expect(await outcome({ work, leaves: input })).toEqual(slashed('schedule.inputTile'))
    const start = withTensor(
      'stateBefore',
      { step: 0, index: 0 },
      sized((tile) => tile.slice(4)),
    )
    expect(await outcome({ work, leaves: start })).toEqual(slashed('schedule.startTile'))
  })

  test.each([
    ['of a dimension that no number holds', (form: Form) => ({ ...form, dims: [2n ** 53n + 1n, 2n ** 64n - 1n] })],
    ['of a type that there is not', (form: Form) => ({ ...form, dtype: 200 })],
  ])('%s', async (_, edit) => {
    const leaves = withTensor('values', { step: 1, index: 6 }, (book, tile, form) =>
      book.tensor(edit(form), book.tree('tile', [tile])),
    )
    expect(await outcome({ operatorTrace: true, leaves })).toEqual(slashed('binding.form'))
  })

  test('as an expansion of 2^63 leaves', async () => {
    const run = (work: Work, shape: Shape) =>
      lyingRun(work, { step: 1, value: valueOf(work, 'MatMul'), element: 1, flip: 1 << 20 }, shape)
    const commitment = async () => (demand: Demand) =>
      demand.name === 'expansion' ? { size: 2n ** 63n, root: fill(7) } : undefined
    expect(await outcome({ operatorTrace: true, run, commitment })).toEqual(slashed('expansion.size'))
  })
})

describe('a refusal that is not declared', () => {
  const SHOWN: readonly ShownRefusal[] = [
    { refused: true, step: 1, node: 6, element: 0, reason: 1 },
    { refused: true, step: 1, node: 6, element: 2n ** 63n, reason: 200 },
  ]
  test.each(SHOWN)('stands not for the outputs of a step: %o', async (shown) => {
    const leaves = async (book: Forged, run: OwnRun) =>
      run.leaves.map((leaf, i) => (i === 1 ? { ...leaf, outputs: book.record(shown) } : leaf))
    expect(await outcome({ operatorTrace: true, leaves })).toEqual(slashed('refusal.recorded'))
  })

  test('stands not for the outputs of a step in a trace', async () => {
    const leaves = async (book: Forged, run: OwnRun) => {
      const { steps } = await run.retrace(0)
      const outputs = book.tree('segmentOutputs', [steps[0].leaf.outputs, book.record(SHOWN[0])])
      return run.leaves.map((leaf, i) => (i === 0 ? { ...leaf, outputs } : leaf))
    }
    const commitment = async (book: Forged, run: OwnRun) => {
      const { steps } = await run.retrace(0)
      const [first, second] = steps.map(({ leaf }) => leaf)
      const trace = [first, { ...second, outputs: book.record(SHOWN[0]) }].map(encodeStep)
      book.tree('segment', trace)
      return () => ({ size: trace.length, root: rootOf(treeOf(trace)) })
    }
    expect(await outcome({ commitEvery: 2, leaves, commitment })).toEqual(slashed('refusal.recorded'))
  })

  test('of a reason that there is not is no claim', async () => {
    const work = mixture({ steps: 3 })
    const run = await runFor(work, reference())
    const { hash } = await started(world, work, MALLORY)
    const claim = { ...(await claimOn(run, hash)), outputs: new Forged(run).record(SHOWN[1]) }
    const { settlement } = await world.as(MALLORY)
    const filing = settlement.send('fileClaim', [claim, addressOf(MALLORY), SHOWN[1], new Uint8Array(0)])
    expect(isRevert(await filing.catch((error: unknown) => error), 'WrongRefusal')).toBe(true)
  })
})
