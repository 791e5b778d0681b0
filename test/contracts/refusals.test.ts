import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Book, type OwnRun } from '../../src/dispute/book.js'
import { runFor } from '../../src/dispute/own-run.js'
import type { Case } from '../../src/dispute/openings.js'
import { findFault } from '../../src/dispute/search.js'
import { REASONS, type Reason } from '../../src/exact/op.js'
import { OPS } from '../../src/exact/ops/index.js'
import { hash as hashJob } from '../../src/receipt/job.js'
import { reference } from '../../src/runtime/reference.js'
import type { RunRefusal } from '../../src/trace/refusal.js'
import { record } from '../../src/trace/trace.js'
import { PROVIDER, asking, jobOver, openCourt, type Court } from '../dispute/arena.js'
import type { Shape } from '../dispute/forge.js'
import { REFUSED, claimOf, stoppedAt, type RefusedWork } from '../dispute/refused.js'
import { startNode, type EvmNode } from './node.js'

let node: EvmNode
let court: Court
beforeAll(async () => {
  node = await startNode()
  court = await openCourt(node)
}, 60_000)
afterAll(() => node?.stop())

const SHAPES: readonly Shape[] = [
  {},
  { operatorTrace: true },
  { commitEvery: 2 },
  { commitEvery: 2, operatorTrace: true },
  { commitEvery: 3, operatorTrace: true },
]
const nameOf = ({ commitEvery = 1, operatorTrace = false }: Shape) =>
  `${commitEvery} to a leaf${operatorTrace ? ', with values' : ''}`

/** What a provider claims: a run as it is committed, a refusal as it is declared, a claim as it is filed. */
interface Claimed {
  readonly run: OwnRun
  readonly declared: RunRefusal | undefined
  readonly claim?: Partial<Case['claim']>
}

async function caseOf({ work }: RefusedWork, { run, claim }: Claimed, shape: Shape): Promise<Case> {
  const { commitEvery = 1, operatorTrace = false } = shape
  const job = jobOver(work, { commitEvery: BigInt(commitEvery), operatorTrace })
  return { job, claim: { ...(await claimOf(run, hashJob(job))), ...claim }, provider: PROVIDER }
}

/** What the court says to the proof that a challenger finds: the fault and the ruling. */
async function dispute(of: RefusedWork, challenger: OwnRun, claimed: Claimed, shape: Shape): Promise<string> {
  const { run, declared } = claimed
  const kept = asking(new Book(run))
  const proof = await findFault({ case: await caseOf(of, claimed, shape), declared, own: challenger }, kept.ask)
  if (proof === undefined) return 'nothing to prove'
  const { says } = await court.rule(proof, kept, { program: of.work.program, declared })
  return `${proof.referee}.${proof.fault}: ${says}`
}

/** A run that stops at a place which it declares. */
const stopsAt = ({ work }: RefusedWork, declared: RunRefusal | undefined, shape: Shape): Claimed => ({
  run: stoppedAt(work, declared, shape),
  declared,
})

const OTHER: Readonly<Record<Reason, Reason>> = {
  nan: 'zero-divisor',
  'zero-divisor': 'index-out-of-range',
  'index-out-of-range': 'nan',
  'nan-result': 'nan',
}

/** Lies about a run that is refused, and the fault that each is. */
const LIES: Readonly<Record<string, (of: RefusedWork, shape: Shape) => readonly [Claimed, fault: string]>> = {
  'goes on': (of, shape) => [stopsAt(of, undefined, shape), 'refusal.meets'],
  'is refused a step later': (of, shape) => [stopsAt(of, { ...of.at, step: 2 }, shape), 'refusal.meets'],
  'is refused in the last step': (of, shape) => [stopsAt(of, { ...of.at, step: 3 }, shape), 'refusal.meets'],
  'is refused a step earlier': (of, shape) => [stopsAt(of, { ...of.at, step: 0 }, shape), 'refusal.unmet'],
  'is refused at an element behind': (of, shape) => [
    stopsAt(of, { ...of.at, element: of.at.element + 1 }, shape),
    'refusal.meets',
  ],
  'is refused at an element that is not there': (of, shape) => [
    stopsAt(of, { ...of.at, step: 0, element: 1e15 }, shape),
    'refusal.nowhere',
  ],
  'is refused for another reason': (of, shape) => [
    stopsAt(of, { ...of.at, reason: OTHER[of.at.reason] }, shape),
    'refusal.nowhere',
  ],
  'is refused at a node that is never refused': (of, shape) => [
    stopsAt(of, { ...of.at, node: of.others.early, reason: 'nan' }, shape),
    'refusal.nowhere',
  ],
  'is refused at a value that is not there': (of, shape) => [
    stopsAt(of, { step: 0, node: 1000, element: 0, reason: 'nan' }, shape),
    'refusal.nowhere',
  ],
  'is refused for a NaN in a result that has none': (of, shape) => [
    stopsAt(of, { step: 0, node: of.others.late, element: 0, reason: 'nan-result' }, shape),
    'refusal.unmet',
  ],
  'is refused for a NaN in a value that is no result': (of, shape) => [
    stopsAt(of, { step: 0, node: of.others.hidden, element: 0, reason: 'nan-result' }, shape),
    'refusal.noResult',
  ],
  'is refused, and its provider does not say so': (of, shape) => [
    { run: stoppedAt(of.work, of.at, shape), declared: undefined },
    'refusal.undeclared',
  ],
}

const honestOf = ({ work }: RefusedWork, shape: Shape) => runFor(work, reference(), shape)

test('every op with a fault point is here, and every reason', () => {
  const pointed = OPS.filter(({ faults }) => faults !== undefined).map(({ name }) => name)
  expect(new Set(REFUSED.map(({ op }) => op))).toEqual(new Set([...pointed, 'an output', 'the next state', 'an input']))
  expect(new Set(REFUSED.map(({ at }) => at.reason))).toEqual(new Set(Object.keys(REASONS)))
})

describe.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))('a refused run of %s', (_, shape) => {
  describe.each(REFUSED.map((of) => [of.name, of] as const))('%s', (_name, of) => {
    test('is refused where its op says, and committed alike by who records it and who replays it', async () => {
      const own = await honestOf(of, shape)
      expect(own.refusal).toEqual(of.at)
      const trace = await record(of.work, reference(), shape)
      expect(trace.refusal).toEqual(of.at)
      expect(trace.leaves).toEqual(own.leaves)
      expect(stoppedAt(of.work, of.at, shape).leaves).toEqual(own.leaves)
    })

    test('cannot be told falsely', async () => {
      const own = await honestOf(of, shape)
      expect(await dispute(of, own, { run: own, declared: of.at }, shape)).toBe('nothing to prove')
      const found: string[] = []
      const right: string[] = []
      for (const [name, lie] of Object.entries(LIES)) {
        const [claimed, fault] = lie(of, shape)
        found.push(`${name}: ${await dispute(of, own, claimed, shape)}`)
        right.push(`${name}: ${fault}: false claim`)
      }
      expect(found).toEqual(right)
    })
  })
})
