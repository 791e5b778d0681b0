import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ZERO32, type Bytes32 } from '../../src/core/bytes.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import type { OwnRun } from '../../src/dispute/book.js'
import {
  BY,
  formOf,
  openCarry,
  openEnds,
  openOutput,
  openValue,
  viewOfLeaves,
  type Case,
  type StepOpening,
} from '../../src/dispute/openings.js'
import { runFor } from '../../src/dispute/own-run.js'
import { NO_LEAF, type DigestEvidence } from '../../src/dispute/proof.js'
import { Builder } from '../../src/exact/builder.js'
import { listTree, tileTree } from '../../src/merkle/tiles.js'
import { KINDS, proveInclusion, rootOf, sizedRoot, type Kind } from '../../src/merkle/tree.js'
import { hash as hashJob } from '../../src/receipt/job.js'
import { reference } from '../../src/runtime/reference.js'
import { runTree, type Step } from '../../src/trace/step.js'
import type { Work } from '../../src/trace/trace.js'
import { PROVIDER, jobOver } from '../dispute/arena.js'
import { flatten, flip, forged, type List, type Shape } from '../dispute/forge.js'
import { claimOn } from '../dispute/liar.js'
import { refusedAt } from '../dispute/refused.js'
import { SOME, caseOf, edited, honestOf, nameOf } from '../dispute/refusing.js'
import { courtOf, type Court } from './cases.js'
import { file, type Filed } from './filed.js'
import { startNode, type EvmNode } from './node.js'

let node: EvmNode
let court: Court
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  court = await courtOf(node, 'BindingReferee')
}, 60_000)
afterAll(() => node?.stop())

const STEPS = 4
const counting = (from: number, ...dims: number[]): Tensor =>
  tensor(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => from + i / 4),
  )

/** Two parameters, one of which is carried; two inputs, a constant, two outputs. */
function smallWork(): Work {
  const b = new Builder()
  const state = [counting(1, 2, 3), counting(2, 3)]
  const [w, k] = [b.parameter('w', state[0]), b.parameter('k', state[1])]
  const inputs = Array.from({ length: STEPS }, (_, step) => [counting(step, 2, 3), counting(step, 1)])
  const [x, s] = inputs[0].map((type, i) => b.input(`x${i}`, type))
  const scaled = b.op('Mul', [b.op('Add', [x, w]), b.constant(counting(3, 2, 3))])
  const moved = b.op('Add', [scaled, k])
  const outputs = { scaled, last: b.op('Mul', [moved, s]) }
  return { program: b.finish({ outputs: Object.entries(outputs), carries: [[w, moved]] }).program, state, inputs }
}

const work = smallWork()
const { program } = work
const { parameters, inputs: inputCount } = program.counts

const SHAPES: readonly Shape[] = [
  { operatorTrace: true },
  {},
  { commitEvery: 2 },
  { commitEvery: 2, operatorTrace: true },
  { commitEvery: 3 },
]

let jobs = 0

/** A claim about a job of its own, so that its traces stand under no other's name. */
async function filed(run: OwnRun, shape: Shape, more: Partial<Case['claim']> = {}): Promise<Filed> {
  const { commitEvery = 1, operatorTrace = false } = shape
  const salt = new Uint8Array(32).fill(++jobs % 256).fill(jobs >> 8, 0, 16)
  const job = { ...jobOver(work, { commitEvery: BigInt(commitEvery), operatorTrace }), salt }
  const claim = { ...(await claimOn(run, hashJob(job))), ...more }
  return file(court, node, { case: { job, claim, provider: PROVIDER }, run })
}

// ---------------------------------------------------------------- the faults

/** Evidence of a fault, out of what a provider holds: arguments behind the case. */
type Evidence = (claim: Filed, at: StepOpening) => readonly unknown[]

const STEP = 1
type ListName = Parameters<Filed['list']>[1]

/** An item of a list beside the value that it ought to be. */
function beside(
  claim: Filed,
  { step }: { step: StepOpening },
  [name, item, value, index]: readonly [ListName, number, number, number],
): DigestEvidence {
  const [list, values] = [claim.list(step.step, name), claim.list(step.step, 'values')]
  return {
    step,
    index,
    found: list.digest(item),
    foundPath: list.path(item),
    expected: values.digest(value),
    expectedPath: values.path(value),
    leaf: NO_LEAF,
  }
}

const CONSTANT = parameters + inputCount
const [CARRY] = program.carries
/** The parameter that no carry changes. */
const KEPT = 1

/** A fault of a step's lists: the list that lies, and the evidence. */
const VALUES: Readonly<Record<string, readonly [List, number, Evidence]>> = {
  parameter: ['values', 0, (claim, step) => [beside(claim, { step }, ['before', 0, 0, 0])]],
  input: ['values', parameters + 1, (claim, step) => [beside(claim, { step }, ['inputs', 1, parameters + 1, 1])]],
  constantValue: [
    'values',
    CONSTANT,
    (claim, step) => [
      { ...beside(claim, { step }, ['values', CONSTANT, CONSTANT, CONSTANT]), leaf: openValue(program, CONSTANT) },
    ],
  ],
  output: [
    'outputs',
    1,
    (claim, step) => [
      { ...beside(claim, { step }, ['outputs', 1, program.outputs[1], 1]), leaf: openOutput(program, 1) },
    ],
  ],
  carried: [
    'after',
    CARRY.parameter,
    (claim, step) => [
      { ...beside(claim, { step }, ['after', CARRY.parameter, CARRY.value, 0]), leaf: openCarry(program, 0) },
    ],
  ],
  kept: [
    'after',
    KEPT,
    (claim, step) => [beside(claim, { step }, ['after', KEPT, KEPT, KEPT]), openEnds(program, { outputs: false })],
  ],
  form: [
    'values',
    program.outputs[0],
    (claim, step) => {
      const value = program.outputs[0]
      const own = claim.step(step.step).values[value]!
      const path = claim.list(step.step, 'values').path(value)
      return [{ step, value, leaf: openValue(program, value), form: formOf(own), root: rootOf(tileTree(own)), path }]
    },
  ],
}

/** Where the values of a step stand in such a run. */
const placesIn = ({ commitEvery = 1, operatorTrace = false }: Shape): StepOpening['by'][] => [
  BY.traced,
  ...(operatorTrace ? [commitEvery === 1 ? BY.leaf : BY.segment] : []),
]

describe.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))('a run of %s', (_, shape) => {
  let honest: OwnRun
  let own: Filed
  beforeAll(async () => {
    honest = await runFor(work, reference(), shape)
    own = await filed(honest, shape)
  })
  const { commitEvery = 1 } = shape

  test.each(Object.entries(VALUES))('%s: a lie is false, what is right is no fault', async (fault, [list, i, of]) => {
    const change = fault === 'form' ? flatten(i) : flip(i)
    const lying = await filed(await forged(honest, { step: STEP, list, change, where: 'both' }, shape), shape)
    for (const by of placesIn(shape)) {
      // Of a segment's list nothing is known but values.
      const needsMore = by === BY.segment && !['constantValue', 'form'].includes(fault)
      const found = [lying, own].map((claim) => claim.call(fault, ...of(claim, claim.opening(STEP, by))))
      expect(await court.rulings(found)).toEqual(
        needsMore ? ['UnknownPlace', 'UnknownPlace'] : ['false claim', 'NoFault'],
      )
    }
    // Every other step and item of the honest run.
    for (let step = 0; step < STEPS; step++)
      expect(await court.rulings([own.call(fault, ...of(own, own.opening(step)))])).toEqual(['NoFault'])
  })

  /** The same evidence about a liar's run and about the honest one. */
  async function compare(run: OwnRun, fault: string, of: Evidence, more: Partial<Case['claim']> = {}): Promise<void> {
    const lying = await filed(run, shape, more)
    const lie = await court.rulings([lying.call(fault, ...of(lying, lying.opening(STEP, BY.leaf)))])
    const truth = await court.rulings([own.call(fault, ...of(own, own.opening(STEP, BY.leaf)))])
    expect([fault, ...lie, ...truth]).toEqual([fault, 'false claim', 'NoFault'])
  }
  const withLeaf = (place: number, change: Partial<Step>) =>
    edited(honest, { leaf: (leaf, i) => (i === place ? { ...leaf, ...change } : leaf) })
  const other: Bytes32 = new Uint8Array(32).fill(9)
  const last = Math.ceil(STEPS / commitEvery) - 1

  test('startState', async () => {
    await compare(withLeaf(0, { stateBefore: other }), 'startState', (claim) => [claim.opening(0, BY.leaf)])
  })

  const linked: Evidence = ({ run }) => {
    const leaf = viewOfLeaves(run.leaves)
    return [{ before: leaf(0).leaf, beforePath: leaf(0).path, next: leaf(1).leaf, nextPath: leaf(1).path }]
  }
  test('chain', async () => {
    await compare(withLeaf(1, { stateBefore: other }), 'chain', linked)
  })

  test('finalState', async () => {
    const of: Evidence = (claim) => [claim.opening(STEPS - 1, BY.leaf)]
    await compare(honest, 'finalState', of, { finalState: other })
    await compare(withLeaf(last, { stateAfter: other }), 'finalState', of, { finalState: own.case.claim.finalState })
  })

  test('outputs', async () => {
    const of: Evidence = (claim) => {
      const at = claim.opening(STEPS - 1, BY.leaf)
      if (commitEvery === 1) return [at]
      const items = Array.from({ length: STEPS - last * commitEvery }, (_, i) => claim.step(last * commitEvery + i))
      const path = proveInclusion(listTree(items.map(({ leaf }) => leaf.outputs)), items.length - 1)
      return [{ ...at, inner: items[items.length - 1].leaf, innerPath: path }]
    }
    await compare(honest, 'outputs', of, { outputs: other })
  })

  test('misplaced', async () => {
    const of: Evidence = ({ run }) => [run.leaves[1], 1, proveInclusion(runTree(run.leaves), 1)]
    await compare(withLeaf(1, { index: 0 }), 'misplaced', of)
  })

  test('operatorTrace', async () => {
    const values = shape.operatorTrace ? ZERO32 : other
    await compare(withLeaf(1, { values }), 'operatorTrace', (claim) => [claim.opening(commitEvery, BY.leaf)])
  })

  test('missing', async () => {
    for (const field of ['stateBefore', 'inputs', 'stateAfter', 'outputs'] as const)
      await compare(withLeaf(1, { [field]: ZERO32 }), 'missing', (claim) => [claim.opening(commitEvery, BY.leaf)])
  })

  test('missingValue', async () => {
    const value = program.outputs[0]
    const step = (one: ReturnType<Filed['step']>) => {
      if (one.leaf.index !== STEP) return one
      const digests = one.digests.with(value, ZERO32)
      const root = sizedRoot('values', { size: digests.length, root: rootOf(listTree(digests)) })
      return { ...one, digests, leaf: { ...one.leaf, values: root } }
    }
    const of: Evidence = (claim) => [beside(claim, { step: claim.opening(STEP) }, ['values', value, value, value])]
    await compare(edited(honest, { step }), 'missingValue', of)
  })

  test('runSize', async () => {
    const leaves = [...honest.leaves, honest.leaves[0]]
    const shown = (of: readonly Step[]) => [of.length, rootOf(runTree(of))] as const
    const of: Evidence = (claim) => shown(claim === own ? honest.leaves : leaves)
    const [size, root] = shown(leaves)
    await compare(honest, 'runSize', of, { run: sizedRoot('run', { size, root }) })
    expect(await court.rulings([own.call('runSize', size, root)])).toEqual(['NoFault'])
  })

  const LISTS = {
    stateBefore: 'state',
    stateAfter: 'state',
    inputs: 'inputs',
    outputs: 'outputs',
    values: 'values',
  } as const
  const SEGMENTS = { inputs: 'segmentInputs', outputs: 'segmentOutputs', values: 'segmentValues' } as const
  const sized = (kind: Kind, size: number) => sizedRoot(kind, { size, root: other })

  test('listSize, of every list of a leaf', async () => {
    const fields = Object.keys(LISTS) as (keyof typeof LISTS)[]
    for (const field of fields.filter((one) => one !== 'values' || shape.operatorTrace)) {
      const kind = commitEvery > 1 && field in SEGMENTS ? SEGMENTS[field as keyof typeof SEGMENTS] : LISTS[field]
      const right = { state: 2, inputs: 2, outputs: 2, values: program.values.length }
      const size = kind in right ? right[kind as keyof typeof right] : Math.min(commitEvery, STEPS - commitEvery)
      const call = async (found: number, shown = found) => {
        const claim = await filed(withLeaf(1, { [field]: sized(kind, found) }), shape)
        return claim.call('listSize', KINDS[kind], {
          step: claim.opening(commitEvery, BY.leaf),
          size: shown,
          root: other,
        })
      }
      const calls = [await call(size + 1), await call(0), await call(size), await call(size, size + 1)]
      expect([field, ...(await court.rulings(calls))]).toEqual([
        field,
        'false claim',
        'false claim',
        'NoFault',
        'NoFault',
      ])
    }
    const at = { step: own.opening(0, BY.leaf), size: 1, root: other }
    const kind = commitEvery === 1 ? KINDS.segmentInputs : KINDS.inputs
    expect(await court.rulings([own.call('listSize', kind, at)])).toEqual(['UnknownList'])
  })

  test('tracedSize, of every list of a step', async () => {
    for (const field of Object.keys(LISTS) as (keyof typeof LISTS)[]) {
      const kind = LISTS[field]
      const size = { state: 2, inputs: 2, outputs: 2, values: program.values.length }[kind]
      const rule = async (found: number, shown = found) => {
        const step = (one: ReturnType<Filed['step']>) =>
          one.leaf.index === STEP ? { ...one, leaf: { ...one.leaf, [field]: sized(kind, found) } } : one
        const claim = await filed(edited(honest, { step }), shape)
        const evidence = { step: claim.opening(STEP), size: shown, root: other }
        return (await court.rulings([claim.call('tracedSize', KINDS[kind], evidence)]))[0]
      }
      expect([field, await rule(size + 1), await rule(0), await rule(size), await rule(size, size + 1)]).toEqual([
        field,
        'false claim',
        'false claim',
        'NoFault',
        'NoFault',
      ])
    }
    const at = { step: own.opening(STEP), size: 1, root: other }
    expect(await court.rulings([own.call('tracedSize', KINDS.run, at)])).toEqual(['UnknownList'])
  })

  const inTrace = (at: number, change: Partial<Step>) =>
    edited(honest, {
      step: (one) => (one.leaf.index === at ? { ...one, leaf: { ...one.leaf, ...change } } : one),
    })

  test('tracedEnds: what a trace says at the ends of its leaf, and holes in it', async () => {
    const end = commitEvery - 1
    const lies: (readonly [number, Partial<Step>])[] = [
      [0, { index: 1 }],
      [0, { stateBefore: other }],
      [end, { stateAfter: other }],
      ...(['inputs', 'values', 'outputs', 'stateBefore', 'stateAfter'] as const).map(
        (field) => [STEP, { [field]: ZERO32 }] as const,
      ),
    ]
    const single = (['inputs', 'outputs', ...(shape.operatorTrace ? ['values'] : [])] as const).map(
      (field) => [STEP, { [field]: other }] as const,
    )
    for (const [step, change] of [...lies, ...(commitEvery === 1 ? single : [])])
      await compare(inTrace(step, change), 'tracedEnds', (claim) => [claim.opening(step)])
  })

  test('tracedChain: a step does not start from what the step before left', async () => {
    if (commitEvery === 1) return
    const of: Evidence = (claim) => [{ step: claim.opening(0), next: claim.opening(1) }]
    await compare(inTrace(1, { stateBefore: other }), 'tracedChain', of)
    await compare(inTrace(0, { stateAfter: other }), 'tracedChain', of)
    const behind = { step: own.opening(1), next: own.opening(0) }
    expect(await court.rulings([own.call('tracedChain', behind)])).toEqual(['NoFault'])
  })

  test('tracedList: what a leaf lists of a step is not what its trace says', async () => {
    if (commitEvery === 1) return
    for (const field of ['inputs', 'outputs', ...(shape.operatorTrace ? (['values'] as const) : [])] as const) {
      const of: Evidence = (claim) => {
        // The leaf lists what the honest run gave.
        const { steps } = traced
        const list = steps.map(({ leaf }) => leaf[field])
        return [KINDS[SEGMENTS[field]], claim.opening(STEP), list[1], proveInclusion(listTree(list), 1)]
      }
      const traced = await honest.retrace(0)
      await compare(inTrace(STEP, { [field]: other }), 'tracedList', of)
    }
    const list = [own.step(0), own.step(1)].map(({ leaf }) => leaf.inputs)
    const path = proveInclusion(listTree(list), 1)
    expect(await court.rulings([own.call('tracedList', KINDS.inputs, own.opening(1), list[1], path)])).toEqual([
      'UnknownList',
    ])
  })

  test('evidence that is no opening of the claim is refused by name', async () => {
    const step = own.opening(STEP)
    const [right] = VALUES.output[2](own, step) as readonly [DigestEvidence]
    const cut = (path: readonly Bytes32[]) => path.slice(1)
    const longer = (path: readonly Bytes32[]) => [...path, ZERO32]
    const bad: readonly (readonly [object, string])[] = [
      [{ ...right, foundPath: longer(right.foundPath) }, 'BadProofLength'],
      [{ ...right, foundPath: cut(right.foundPath) }, 'BadProofLength'],
      [{ ...right, expectedPath: cut(right.expectedPath) }, 'BadProofLength'],
      [{ ...right, found: other }, 'RootMismatch'],
      [{ ...right, expected: other }, 'RootMismatch'],
      [{ ...right, leaf: openOutput(program, 0) }, 'RootMismatch'],
      [{ ...right, leaf: { ...right.leaf, path: cut(right.leaf.path) } }, 'BadProofLength'],
      [{ ...right, index: 2 }, 'IndexOutOfRange'],
      [{ ...right, step: { ...step, step: STEPS } }, 'WrongStep'],
      [{ ...right, step: { ...step, step: STEP + commitEvery } }, 'WrongStep'],
      [{ ...right, step: { ...step, path: longer(step.path) } }, 'BadProofLength'],
      [{ ...right, step: { ...step, leaf: { ...step.leaf, inputs: other } } }, 'RootMismatch'],
      [{ ...right, step: { ...step, inner: { ...step.inner, inputs: other } } }, 'RootMismatch'],
      [{ ...right, step: { ...step, innerPath: longer(step.innerPath) } }, 'BadProofLength'],
      [{ ...right, step: { ...step, by: 3 } }, 'UnknownPlace'],
      [{ ...right, step: { ...step, by: commitEvery === 1 ? BY.segment : BY.leaf } }, 'UnknownPlace'],
      ...(shape.operatorTrace || commitEvery > 1
        ? []
        : [[{ ...right, step: { ...step, by: BY.leaf } }, 'NoValues'] as const]),
    ]
    const found = await court.rulings(bad.map(([evidence]) => own.call('output', evidence)))
    expect(found).toEqual(bad.map(([, name]) => name))
  })

  test('another provider or job has no such traces, and another run no such leaves', async () => {
    const [right] = VALUES.output[2](own, own.opening(STEP))
    const { job, claim } = own.case
    const cases: readonly (readonly [Partial<Case>, string])[] = [
      [{ provider: '0x00000000000000000000000000000000000000a2' }, 'NotTraced'],
      [{ job: { ...job, salt: other } }, 'NotTraced'],
      [{ claim: { ...claim, run: other } }, 'RootMismatch'],
    ]
    const calls = cases.map(([of]) => court.callOf({ case: { ...own.case, ...of } }, 'output', right))
    expect(await court.rulings(calls)).toEqual(cases.map(([, name]) => name))
  })

  test('kept: a parameter that is carried, and carries that are not all', async () => {
    const of = (index: number) => ({ ...beside(own, { step: own.opening(STEP) }, ['after', index, index, index]) })
    const ends = openEnds(program, { outputs: false })
    const calls = [
      own.call('kept', of(CARRY.parameter), ends),
      own.call('kept', of(KEPT), { ...ends, carries: new Uint8Array(0) }),
      own.call('kept', of(KEPT), { ...ends, path: [...ends.path, ZERO32] }),
      own.call('kept', of(KEPT), openEnds(program, { outputs: true })),
    ]
    expect(await court.rulings(calls)).toEqual(['Carried', 'BadLeaf', 'BadProofLength', 'NoFault'])
  })
})

// ---------------------------------------------------------------- refused runs

/** Everything that can be said of the bindings of a run. */
function allCalls(claim: Filed): string[] {
  const { run } = claim
  const { program: own } = run
  const calls: string[] = []
  const leaf = viewOfLeaves(run.leaves)
  for (let i = 0; i < run.leaves.length; i++) {
    const at = claim.opening(i * run.commitEvery, BY.leaf)
    for (const fault of ['startState', 'finalState', 'outputs', 'operatorTrace', 'missing'])
      calls.push(claim.call(fault, at))
    calls.push(claim.call('misplaced', at.leaf, i, at.path))
    const next = Math.min(i + 1, run.leaves.length - 1)
    const link = { before: leaf(i).leaf, beforePath: leaf(i).path, next: leaf(next).leaf, nextPath: leaf(next).path }
    calls.push(claim.call('chain', link))
  }
  for (let step = 0; step < run.inputs.length; step++) {
    const at = claim.opening(step)
    const next = claim.opening(Math.min(step + 1, run.inputs.length - 1))
    calls.push(claim.call('tracedEnds', at), claim.call('tracedChain', { step: at, next }))
    const { values, digests, before, inputs, outputs } = claim.step(step)
    const evidence = (name: ListName, item: number, value: number, index: number) =>
      beside(claim, { step: at }, [name, item, value, index])
    values.forEach((value, v) => {
      const leafOf = openValue(own, v)
      calls.push(claim.call('missingValue', evidence('values', v, v, v)))
      if (own.values[v].kind === 'constant')
        calls.push(claim.call('constantValue', { ...evidence('values', v, v, v), leaf: leafOf }))
      if (value === undefined) return
      const path = claim.list(step, 'values').path(v)
      const form = { step: at, value: v, leaf: leafOf, form: formOf(value), root: rootOf(tileTree(value)), path }
      calls.push(claim.call('form', form))
    })
    if (digests.length === 0) continue
    before.forEach((_, i) => calls.push(claim.call('parameter', evidence('before', i, i, i))))
    before.forEach((_, i) =>
      calls.push(claim.call('kept', evidence('after', i, i, i), openEnds(own, { outputs: false }))),
    )
    inputs.forEach((_, i) => calls.push(claim.call('input', evidence('inputs', i, before.length + i, i))))
    outputs.forEach((_, i) =>
      calls.push(claim.call('output', { ...evidence('outputs', i, own.outputs[i], i), leaf: openOutput(own, i) })),
    )
    own.carries.forEach(({ parameter, value }, i) =>
      calls.push(claim.call('carried', { ...evidence('after', parameter, value, i), leaf: openCarry(own, i) })),
    )
    if (run.commitEvery === 1) continue
    const first = step - (step % run.commitEvery)
    const count = Math.min(run.commitEvery, run.inputs.length - first)
    const steps = Array.from({ length: count }, (_, i) => claim.step(first + i).leaf)
    for (const [field, kind] of Object.entries({ inputs: 0x0b, outputs: 0x0c, values: 0x0d } as const)) {
      const listed = steps.map((one) =>
        field === 'values' && run.refusal?.step === one.index ? ZERO32 : one[field as 'inputs'],
      )
      const path = proveInclusion(listTree(listed), step - first)
      calls.push(claim.call('tracedList', kind, at, listed[step - first], path))
    }
  }
  return calls
}

describe('an honest run survives all that can be said of its bindings', () => {
  test.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))('to its end: %s', async (_, shape) => {
    const claim = await filed(await runFor(work, reference(), shape), shape)
    const found = await court.rulings(allCalls(claim))
    expect(found.filter((ruling) => ruling === 'false claim')).toEqual([])
    expect(found).toContain('NoFault')
  })

  test.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))('refused at any step: %s', async (_, shape) => {
    for (const [i, one] of SOME.entries())
      for (const step of [i, (i + 2) % 4]) {
        const of = refusedAt(one, step)
        const run = await honestOf(of, shape)
        expect(run.refusal).toEqual(of.at)
        const declared = run.refusal
        const claim = await file(court, node, { case: await caseOf(of, { run, declared }, shape), run, declared })
        const found = await court.rulings(allCalls(claim))
        expect([of.name, step, found.filter((ruling) => ruling === 'false claim')]).toEqual([of.name, step, []])
        expect(found).toContain('NoFault')
        if (step < 3) expect(found).toContain('BehindRefusal')
      }
  })
})

describe('what showing it costs', () => {
  test('a parameter that is kept, in a program of 2,000 values and 500 carries: at most 1,200,000 gas', async () => {
    const b = new Builder()
    const one = tensor('float32', [1], [1])
    const all = Array.from({ length: 1000 }, (_, i) => b.parameter(`w${i}`, one))
    const x = b.input('x', one)
    const made = all.map((w) => b.op('Add', [w, x]))
    const carries = all.slice(1, 501).map((w, i) => [w, made[i + 1]] as const)
    const { program: wide } = b.finish({ outputs: made.map((y, i) => [`y${i}`, y] as const), carries })
    const wideWork = { program: wide, state: all.map(() => one), inputs: [[one]] }
    const honest = await runFor(wideWork, reference(), {})
    const run = await forged(honest, { step: 0, list: 'after', change: flip(0), where: 'both' }, {})
    const job = jobOver(wideWork)
    const claim = await file(court, node, {
      case: { job, claim: await claimOn(run, hashJob(job)), provider: PROVIDER },
      run,
    })
    const evidence = beside(claim, { step: claim.opening(0) }, ['after', 0, 0, 0])
    const call = claim.call('kept', evidence, openEnds(wide, { outputs: false }))
    expect(await court.rulings([call])).toEqual(['false claim'])
    const gas = await court.gasOf(call)
    console.log(`kept beside 500 carries: ${gas} gas, ${(call.length - 2) / 2} bytes`)
    expect(gas).toBeLessThan(1_200_000)
    expect((call.length - 2) / 2).toBeLessThan(24_000)
  }, 60_000)
})
