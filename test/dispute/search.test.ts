import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ZERO32 } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'
import { sizeOf } from '../../src/core/tensor.js'
import { Book, type OwnRun } from '../../src/dispute/book.js'
import { runFor } from '../../src/dispute/own-run.js'
import { findFault } from '../../src/dispute/search.js'
import { reference } from '../../src/runtime/reference.js'
import type { Work } from '../../src/trace/trace.js'
import { fiftySteps } from '../autodiff/fifty.js'
import { startNode, type EvmNode } from '../contracts/node.js'
import { asking, caseOf, jobOver, openCourt, type Answers, type Court, type Ruling } from './arena.js'
import { flatten, flip, forged, type Forgery, type Shape } from './forge.js'
import { lyingRun } from './liar.js'

let node: EvmNode
let court: Court
const work: Work = { ...fiftySteps('mlp'), inputs: [0, 1, 2, 3].map((i) => fiftySteps('mlp').inputs.at(i)!) }
const { program } = work
const { parameters, inputs } = program.counts

beforeAll(async () => {
  node = await startNode()
  court = await openCourt(node)
}, 60_000)
afterAll(() => node.stop())

const SHAPES: readonly Shape[] = [
  { operatorTrace: true },
  {},
  { commitEvery: 2 },
  { commitEvery: 2, operatorTrace: true },
  { commitEvery: 3 },
]
const nameOf = ({ commitEvery = 1, operatorTrace = false }: Shape) =>
  `${commitEvery} to a leaf${operatorTrace ? ', with values' : ''}`

const jobOf = ({ commitEvery = 1, operatorTrace = false }: Shape) =>
  jobOver(work, { commitEvery: BigInt(commitEvery), operatorTrace })

interface Found extends Ruling {
  readonly fault: string
}

/** A provider that knows both stories: each question goes to all books, and the first that has an answer gives it. */
const knowing = (books: readonly [Book, ...Book[]]): Answers => ({
  commit: (demand) => books[0].commit(demand),
  answer: async (question) => {
    const found = await Promise.allSettled(books.map((book) => book.answer(question)))
    const told = found.find((one) => one.status === 'fulfilled')
    if (told === undefined) throw new Fault('dispute/not-known', 'in no book')
    return told.value
  },
})

/** What the court says to the proof that one run makes against another. */
async function dispute(
  challenger: OwnRun,
  provider: OwnRun,
  shape: Shape,
  answers: Answers = new Book(provider),
): Promise<Found | undefined> {
  const of = await caseOf(jobOf(shape), provider)
  const kept = asking(answers)
  const proof = await findFault({ case: of, declared: undefined, own: challenger }, kept.ask)
  if (proof === undefined) return undefined
  return { ...(await court.rule(proof, kept, { program })), fault: `${proof.referee}.${proof.fault}` }
}

const carried = program.carries[0].parameter
const kept = program.values.findIndex((_, i) => i < parameters && !program.carries.some((one) => one.parameter === i))
const constant = parameters + inputs

describe.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))('a run of %s', (_, shape) => {
  let honest: OwnRun
  beforeAll(async () => (honest = await runFor(work, reference(), shape)))

  // Where no leaf commits the values of a step, other values alone are no other claim.
  const isCommitted = shape.operatorTrace === true
  const isTraced = !isCommitted || (shape.commitEvery ?? 1) > 1
  const places: readonly [string, Forgery, string][] = [
    ['starts elsewhere', { step: 0, list: 'before', change: flip(0), where: 'both' }, 'binding.startState'],
    ['shows other outputs', { step: 1, list: 'outputs', change: flip(0), where: 'both' }, 'binding.output'],
  ]
  const values: readonly [string, Forgery, string][] = [
    [
      'gives a constant another value',
      { step: 1, list: 'values', change: flip(constant), where: 'both' },
      'binding.constantValue',
    ],
    ['takes another parameter', { step: 1, list: 'values', change: flip(0), where: 'both' }, 'binding.parameter'],
    ['takes another input', { step: 1, list: 'values', change: flip(parameters), where: 'both' }, 'binding.input'],
    [
      'turns a value around',
      { step: 2, list: 'values', change: flatten(program.outputs[0] - 1), where: 'both' },
      'binding.form',
    ],
  ]
  test.each([...places, ...(isCommitted ? values : [])])('that %s is ruled false', async (_name, forgery, fault) => {
    const provider = await forged(honest, forgery, shape)
    expect(await dispute(honest, provider, shape)).toMatchObject({ says: 'false claim', fault })
  })

  test('whose next state is not what was computed is ruled false, be it carried or kept', async () => {
    const end = (shape.commitEvery ?? 1) - 1
    for (const [index, fault] of [
      [carried, 'binding.carried'],
      ...(kept < 0 ? [] : [[kept, 'binding.kept'] as const]),
    ] as const) {
      const provider = await forged(honest, { step: end, list: 'after', change: flip(index), where: 'both' }, shape)
      expect(await dispute(honest, provider, shape)).toMatchObject({ says: 'false claim', fault })
    }
  })

  test('that goes on from another state is ruled false', async () => {
    const step = shape.commitEvery ?? 1
    const provider = await forged(honest, { step, list: 'before', change: flip(carried), where: 'both' }, shape)
    expect(await dispute(honest, provider, shape)).toMatchObject({ says: 'false claim', fault: 'binding.chain' })
  })

  test('with other inputs than the job names is ruled false', async () => {
    const provider = await forged(honest, { step: 1, list: 'inputs', change: flip(0), where: 'both' }, shape)
    expect(await dispute(honest, provider, shape)).toMatchObject({ says: 'false claim', fault: 'schedule.jobInputs' })
  })

  if (isTraced) {
    test('whose trace is not what the run says is ruled false', async () => {
      for (const list of ['outputs', 'inputs'] as const) {
        const forgery = { step: 1, list, change: flip(0) }
        const lie = await forged(honest, { ...forgery, where: 'run' }, shape)
        const books: [Book, Book] = [
          new Book(lie),
          new Book(await forged(honest, { ...forgery, where: 'both' }, shape)),
        ]
        const found = await dispute(honest, lie, shape, knowing(books))
        expect(found?.says, list).toBe('false claim')
      }
    })
  }

  test('whose leaf has a hole, or stands at another place than it says, is ruled false', async () => {
    for (const edit of [{ stateAfter: ZERO32 }, { outputs: ZERO32 }, { index: 7 }]) {
      const leaves = honest.leaves.map((leaf, i) => (i === 1 ? { ...leaf, ...edit } : leaf))
      const found = await dispute(honest, { ...honest, leaves }, shape)
      expect(found).toMatchObject({
        says: 'false claim',
        fault: 'index' in edit ? 'binding.misplaced' : 'binding.missing',
      })
    }
  })

  test('with values against the job is ruled false', async () => {
    const other = await runFor(work, reference(), { ...shape, operatorTrace: shape.operatorTrace !== true })
    const leaves = honest.leaves.map((leaf, i) => (i === 1 ? { ...leaf, values: other.leaves[1].values } : leaf))
    const found = await dispute(honest, { ...honest, leaves }, shape)
    expect(found).toMatchObject({ says: 'false claim', fault: 'binding.operatorTrace' })
  })

  test('that ends elsewhere than its claim is ruled false', async () => {
    for (const [field, fault] of [
      ['finalState', 'binding.finalState'],
      ['outputs', 'binding.outputs'],
    ] as const) {
      const of = await caseOf(jobOf(shape), honest)
      const claim = { ...of.claim, [field]: of.claim.run }
      const asked = asking(new Book(honest))
      const proof = await findFault({ case: { ...of, claim }, declared: undefined, own: honest }, asked.ask)
      expect(`${proof?.referee}.${proof?.fault}`).toBe(fault)
      expect((await court.rule(proof!, asked, { program })).says).toBe('false claim')
    }
  })

  test('that is honest survives the proofs of challengers who compute falsely', { timeout: 60_000 }, async () => {
    const seen = new Set<string>()
    let proofs = 0
    for (const [value, row] of program.values.entries()) {
      const kind = row.kind === 'node' ? row.op : row.kind
      if (seen.has(kind) || sizeOf(row.dims) === 0 || value % 2 !== 0) continue
      seen.add(kind)
      const element = (value * 7919) % sizeOf(row.dims)
      const wide = row.dtype === 'bool' ? 1 : 1 << 20
      const wrong = await lyingRun(work, { step: 1, value, element, flip: wide }, shape).catch(() => undefined)
      if (wrong === undefined) continue
      const found = await dispute(wrong, honest, shape)
      if (found === undefined) continue
      proofs++
      expect(found, kind).not.toMatchObject({ says: 'false claim' })
    }
    expect(proofs).toBeGreaterThan(5)
  })
})
