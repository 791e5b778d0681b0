/** Whole games with production proofs: a lie in every kind of op of whole programs, and in everything that a run binds. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ZERO32, equal } from '../../src/core/bytes.js'
import { sizeOf } from '../../src/core/tensor.js'
import { Book, type OwnRun } from '../../src/dispute/book.js'
import { runFor } from '../../src/dispute/own-run.js'
import { findFault } from '../../src/dispute/search.js'
import type { Program } from '../../src/exact/program.js'
import { reference } from '../../src/runtime/reference.js'
import { runRoot } from '../../src/trace/step.js'
import type { Work } from '../../src/trace/trace.js'
import { fiftySteps } from '../autodiff/fifty.js'
import { NETWORKS } from '../autodiff/networks.js'
import { refuted, survived } from '../chain/duels.js'
import { mixture, scheduled, valueOf } from '../chain/mixture.js'
import { stopAll } from '../chain/stage.js'
import { worldOn, type World } from '../chain/world.js'
import { startNode, type EvmNode } from '../contracts/node.js'
import { asking, caseOf, jobOver, openCourt, type Answers, type Court } from '../dispute/arena.js'
import { crafty } from '../dispute/crafty.js'
import { flatten, flip, forged, type Forgery, type Shape } from '../dispute/forge.js'
import { lyingRun, type Lie } from '../dispute/liar.js'
import { numbers } from '../trace/work.js'

let node: EvmNode
let court: Court
let world: World
beforeAll(async () => {
  node = await startNode()
  court = await openCourt(node)
  world = await worldOn(node)
}, 120_000)
afterEach(stopAll)
afterAll(() => node?.stop())

type Name = keyof typeof NETWORKS

/** One step of using a network. */
function inference(name: Name): Work {
  const { compiled, inputs } = NETWORKS[name]()
  return { program: compiled.program, state: compiled.state, inputs: [inputs] }
}

/** A few steps of training it. */
function training(name: Name): Work {
  const work = fiftySteps(name)
  return { ...work, inputs: [0, 1, 2].map((i) => work.inputs.at(i)!) }
}

const JOBS: readonly (readonly [string, Work, Shape])[] = [
  ['using a multilayer perceptron', inference('mlp'), {}],
  ['using a convolutional network', inference('cnn'), { operatorTrace: true }],
  ['using a transformer', inference('transformer'), { operatorTrace: true }],
  ['training a multilayer perceptron', training('mlp'), { commitEvery: 2, operatorTrace: true }],
  ['training a convolutional network', training('cnn'), { operatorTrace: true }],
  ['training a transformer', training('transformer'), { commitEvery: 3, operatorTrace: true }],
]

const nodesOf = ({ values }: Program, op: string): number[] =>
  values.flatMap((value, number) =>
    value.kind === 'node' && value.op === op && sizeOf(value.dims) > 0 ? [number] : [],
  )
const opsOf = ({ values }: Program): readonly string[] => [
  ...new Set(values.flatMap((value) => (value.kind === 'node' ? [value.op] : []))),
]

/** Where each lie is a flipped bit: the lowest of an element, one in the middle, the sign. */
const FLIPS = [1, 1 << 20, 1 << 31]

/** Places of every kind of op, drawn from a fixed sequence; of programs with one step each with all flips. */
function lies(program: Program, steps: number): readonly Placed[] {
  const ops = opsOf(program).filter((op) => nodesOf(program, op).length > 0)
  const draws = numbers(9 * ops.length, program.values.length).map((x) => (x + 1) / 2)
  return ops.flatMap((op, i) =>
    (steps === 1 ? FLIPS : [FLIPS[i % 3]]).map((flip) => {
      const [among, [a, b, c]] = [nodesOf(program, op), draws.splice(0, 3)]
      const value = among[Math.floor(a * among.length)]
      const { dtype, dims } = program.values[value]
      const element = Math.floor(b * sizeOf(dims))
      return { op, value, element, step: Math.floor(c * steps), flip: dtype === 'bool' ? 1 : flip }
    }),
  )
}

interface Placed extends Lie {
  readonly op: string
}

describe.each(JOBS)('%s', (_, work, shape) => {
  const { program } = work
  const { commitEvery = 1, operatorTrace = false } = shape
  const job = jobOver(work, { commitEvery: BigInt(commitEvery), operatorTrace })
  let honest: OwnRun
  beforeAll(async () => (honest = await runFor(work, reference(), shape)))

  /** What the court says about one run where the other's is right; a provider that has no answer loses by its silence. */
  async function dispute(challenger: OwnRun, provider: OwnRun, answers: Answers = new Book(provider)) {
    const asked = asking(answers)
    const of = await caseOf(job, provider)
    const proof = await findFault({ case: of, declared: undefined, own: challenger }, asked.ask)
    if (proof === undefined) return undefined
    const { says, gas, bytes } = await court.rule(proof, asked, { program })
    return { says, fault: `${proof.referee}.${proof.fault}`, isSmall: gas < 1_200_000 && bytes < 24_576 }
  }
  const disputed = async (...of: Parameters<typeof dispute>) =>
    dispute(...of).catch((error: unknown) => ({ says: String(error), fault: '', isSmall: true }))
  /** True where no leaf holds values, and the lie vanishes in what follows. */
  async function isKept(provider: OwnRun): Promise<boolean> {
    const [a, b] = [await caseOf(job, honest), await caseOf(job, provider)]
    return equal(a.claim.run, b.claim.run)
  }
  /** Undefined where a run with the lie cannot be computed to its end. */
  async function liarWith(lie: Lie): Promise<OwnRun | undefined> {
    const run = await lyingRun(work, lie, shape).catch(() => undefined)
    const traces = await Promise.all(run?.leaves.map((_, leaf) => run.retrace(leaf)) ?? [])
    return traces.some(({ refusal }) => refusal !== undefined) ? undefined : run
  }

  test(
    'a lie in any kind of op is ruled false, and nobody who computes so is believed',
    { timeout: 120_000 },
    async () => {
      const found = new Set<string>()
      for (const { op, ...lie } of lies(program, work.inputs.length)) {
        const liar = await liarWith(lie)
        if (liar === undefined || (await isKept(liar))) continue
        found.add(op)
        const where = `${op} ${JSON.stringify(lie)}`
        expect(await dispute(honest, liar), where).toMatchObject({ says: 'false claim', isSmall: true })
        expect((await disputed(liar, honest))?.says, where).not.toBe('false claim')
      }
      // Without values in its leaves a run may hide a lie, and some lies break off the run.
      expect(found.size).toBeGreaterThan(operatorTrace ? 0.8 * opsOf(program).length : 1)
    },
  )

  test('a lie that its expansion is made to fit is ruled false', { timeout: 120_000 }, async () => {
    const expanded = lies(program, work.inputs.length).filter(({ op }) => EXPANDED.includes(op))
    for (const { op, ...lie } of expanded.slice(0, 5)) {
      const liar = await liarWith(lie)
      if (liar === undefined || (await isKept(liar))) continue
      for (const place of [0, 1, 2, 3, -1]) {
        const found = await dispute(honest, liar, crafty(liar, place))
        expect(found, `${op}, leaf ${place}`).toMatchObject({ says: 'false claim', isSmall: true })
      }
    }
  })

  const { parameters, inputs } = program.counts
  const last = work.inputs.length - 1
  const middle = Math.min(1, last)
  const isTraced = operatorTrace
  const constant = program.values.findIndex(({ kind }) => kind === 'constant')
  const carried = program.carries[0]?.parameter
  const still = program.values.findIndex(
    (_, i) => i < parameters && !program.carries.some(({ parameter }) => parameter === i),
  )
  const FORGERIES: readonly (readonly [string, Forgery, boolean])[] = [
    ['startState', { step: 0, list: 'before', change: flip(0), where: 'both' }, true],
    ['chain', { step: commitEvery, list: 'before', change: flip(0), where: 'both' }, commitEvery <= last],
    ['jobInputs', { step: middle, list: 'inputs', change: flip(0), where: 'both' }, true],
    ['output', { step: middle, list: 'outputs', change: flip(program.outputs.length - 1), where: 'both' }, true],
    [
      'carried',
      { step: Math.min(commitEvery - 1, last), list: 'after', change: flip(carried), where: 'both' },
      carried !== undefined,
    ],
    ['kept', { step: Math.min(commitEvery - 1, last), list: 'after', change: flip(still), where: 'both' }, still >= 0],
    ['parameter', { step: middle, list: 'values', change: flip(parameters - 1), where: 'both' }, isTraced],
    ['input', { step: last, list: 'values', change: flip(parameters + inputs - 1), where: 'both' }, isTraced],
    [
      'constantValue',
      { step: middle, list: 'values', change: flip(constant), where: 'both' },
      isTraced && constant >= 0,
    ],
    ['form', { step: last, list: 'values', change: flatten(wideOf(program)), where: 'both' }, isTraced],
  ]
  test.each(FORGERIES.filter(([, , is]) => is))(
    'a run that breaks the binding %s is ruled false',
    async (fault, forgery) => {
      const liar = await forged(honest, forgery, shape)
      const found = await dispute(honest, liar)
      expect(found).toMatchObject({ says: 'false claim', isSmall: true })
      expect(found?.fault.split('.')[1]).toBe(fault)
      expect((await disputed(liar, honest))?.says).not.toBe('false claim')
    },
  )

  test('another number of leaves, in the open, is ruled false', async () => {
    const leaves = [...honest.leaves, { ...honest.leaves[0], index: honest.leaves.length }]
    const of = await caseOf(job, honest)
    const claim = { ...of.claim, run: runRoot(leaves) }
    const asked = asking(new Book(honest))
    const proof = await findFault({ case: { ...of, claim }, declared: undefined, own: honest, leaves }, asked.ask)
    expect(proof?.fault).toBe('runSize')
    expect((await court.rule(proof!, asked, { program })).says).toBe('false claim')
    expect(asked.questions).toBe(0)
  })
})

/** Ops whose elements are expanded. */
const EXPANDED: readonly string[] = ['MatMul', 'Conv', 'ReduceSum', 'ScatterAdd', 'ScatterElements']

/** A node's value of two axes or more. */
function wideOf({ values }: Program): number {
  return values.findIndex(({ kind, dims }) => kind === 'node' && dims.length > 1 && sizeOf(dims) > 1)
}

// ---------------------------------------------------------------- on a chain

describe('on a chain', () => {
  test('a lie in each sort of op of a transformer in training is led to', { timeout: 120_000 }, async () => {
    const work = training('transformer')
    const shape = { commitEvery: 2, operatorTrace: true }
    const filings = []
    for (const op of ['MatMul', 'ReduceSum', 'ScatterAdd', 'ScatterElements', 'ReduceMax', 'ArgMax', 'Gather', 'Erf']) {
      const run = await lyingRun(work, { step: 1, value: valueOf(work, op), element: 0 }, shape)
      filings.push({ run, ...shape })
    }
    expect((await refuted(world, work, filings)).map((fault) => fault.split('.')[0])).toEqual([
      'expansion',
      'expansion',
      'expansion',
      'choice',
      'choice',
      'choice',
      'element',
      'element',
    ])
  })

  const SHAPES: readonly Shape[] = [
    {},
    { operatorTrace: true },
    { commitEvery: 2 },
    { commitEvery: 3, operatorTrace: true },
  ]
  test.each(SHAPES)('every binding of a run is kept: %o', { timeout: 60_000 }, async (shape) => {
    const work = mixture({ steps: 4 })
    const honest = await runFor(work, reference(), shape)
    const { commitEvery = 1, operatorTrace = false } = shape
    const end = commitEvery - 1
    const forgeries: readonly (readonly [string, Forgery])[] = [
      ['binding.startState', { step: 0, list: 'before', change: flip(0), where: 'both' }],
      ['binding.chain', { step: commitEvery, list: 'before', change: flip(0), where: 'both' }],
      ['schedule.jobInputs', { step: 1, list: 'inputs', change: flip(0), where: 'both' }],
      ['binding.output', { step: 1, list: 'outputs', change: flip(0), where: 'both' }],
      ['binding.carried', { step: end, list: 'after', change: flip(1), where: 'both' }],
      ['binding.kept', { step: end, list: 'after', change: flip(0), where: 'both' }],
    ]
    const inValues: readonly (readonly [string, Forgery])[] = [
      ['binding.parameter', { step: 1, list: 'values', change: flip(0), where: 'both' }],
      ['binding.input', { step: 1, list: 'values', change: flip(2), where: 'both' }],
      ['binding.constantValue', { step: 1, list: 'values', change: flip(3), where: 'both' }],
      ['binding.form', { step: 1, list: 'values', change: flatten(wideOf(work.program)), where: 'both' }],
    ]
    const all = [...forgeries, ...(operatorTrace ? inValues : [])]
    const runs = await Promise.all(all.map(([, forgery]) => forged(honest, forgery, shape)))
    const claims = [{ finalState: ZERO32.slice().fill(1) }, { outputs: ZERO32.slice().fill(1) }]
    const filings = [
      ...runs.map((run) => ({ run, ...shape })),
      ...claims.map((forge) => ({ run: honest, forge, ...shape })),
    ]
    expect(await refuted(world, work, filings)).toEqual([
      ...all.map(([fault]) => fault),
      'binding.finalState',
      'binding.outputs',
    ])
  })

  test.each(SHAPES)('inputs and the first state of a schedule are kept: %o', { timeout: 60_000 }, async (shape) => {
    const work = scheduled({ steps: 4 })
    const forgeries: readonly (readonly [string, Forgery])[] = [
      ['schedule.input', { step: 2, list: 'inputs', change: flip(0), where: 'both' }],
      ['schedule.stepNumber', { step: 3, list: 'inputs', change: flip(1), where: 'both' }],
      ['schedule.inputForm', { step: 1, list: 'inputs', change: flatten(0), where: 'both' }],
      ['schedule.start', { step: 0, list: 'before', change: flip(0), where: 'both' }],
      ['schedule.startForm', { step: 0, list: 'before', change: flatten(0), where: 'both' }],
    ]
    const filings = forgeries.map(([, forgery]) => ({
      run: async (actual: Work) => forged(await runFor(actual, reference(), shape), forgery, shape),
      ...shape,
    }))
    expect(await refuted(world, work, filings)).toEqual(forgeries.map(([fault]) => fault))
  })

  test.each([SHAPES[1], SHAPES[2]])(
    'true claims survive challengers who compute falsely: %o',
    { timeout: 60_000 },
    async (shape) => {
      const work = mixture({ steps: 4 })
      const ops = ['Gather', 'MatMul', 'Add', 'Relu', 'ReduceMax', 'ReduceSum', 'Transpose', 'Mul', 'Sub']
      const placed = ops.map((op): Lie => ({ step: 1, value: valueOf(work, op), element: 1, flip: 1 << 20 }))
      await survived(world, work, { shape, lies: placed })
    },
  )
})
