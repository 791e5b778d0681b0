import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ZERO32, equal } from '../../src/core/bytes.js'
import type { OwnRun } from '../../src/dispute/book.js'
import type { TracedStep } from '../../src/dispute/retrace.js'
import { STEP_FIELDS, type Step, type StepField } from '../../src/trace/step.js'
import type { Shape } from '../dispute/forge.js'
import type { Kind } from '../../src/merkle/tree.js'
import { rootOfDigests } from '../../src/trace/digests.js'
import { REASONS } from '../../src/exact/op.js'
import { OPS } from '../../src/exact/ops/index.js'
import { reference } from '../../src/runtime/reference.js'
import type { RunRefusal } from '../../src/trace/refusal.js'
import { record } from '../../src/trace/trace.js'
import { openCourt, type Court } from '../dispute/arena.js'
import { REFUSED, refusedAt, stoppedAt, type RefusedWork } from '../dispute/refused.js'
import {
  SHAPES,
  answersAbout,
  SOME,
  dispute,
  falsePlace,
  honestOf,
  liesAbout,
  nameOf,
  placesIn,
  declaredOf,
  edited,
  type Claimed,
} from '../dispute/refusing.js'
import { startNode, type EvmNode } from '../contracts/node.js'

let node: EvmNode
let court: Court
beforeAll(async () => {
  node = await startNode()
  court = await openCourt(node)
}, 60_000)
afterAll(() => node?.stop())

test('every op with a fault point is here, and every reason', () => {
  const pointed = OPS.filter(({ faults }) => faults !== undefined).map(({ name }) => name)
  expect(new Set(REFUSED.map(({ op }) => op))).toEqual(new Set([...pointed, 'an output', 'the next state', 'an input']))
  expect(new Set(REFUSED.map(({ at }) => at.reason))).toEqual(new Set(Object.keys(REASONS)))
})

describe.each(SHAPES.map((shape, i) => [nameOf(shape), shape, i] as const))('a refused run of %s', (_, shape, i) => {
  test.each(REFUSED.map((of) => [of.name, of] as const))(
    '%s: where its op says, and committed alike by who records it and who replays it',
    async (_name, of) => {
      const own = await honestOf(of, shape)
      expect(own.refusal).toEqual(of.at)
      const trace = await record(of.work, reference(), shape)
      expect(trace.refusal).toEqual(of.at)
      expect(trace.leaves).toEqual(own.leaves)
      expect(stoppedAt(of.work, of.at, shape).leaves).toEqual(own.leaves)
    },
  )

  // All of them in all shapes: contracts-refusals.test.ts.
  const here = REFUSED.filter((of, k) => SOME.includes(of) || k % SHAPES.length === i)
  test.each(here.map((of) => [of.name, of] as const))('%s: cannot be told falsely', async (_name, of) => {
    const suit = { court, of, challenger: await honestOf(of, shape), shape }
    expect(await dispute(suit, { run: suit.challenger, declared: of.at })).toBe('nothing to prove')
    const { found, right } = await liesAbout(suit)
    expect(found).toEqual(right)
  })
})

test.each(REFUSED.map((of, i) => [of.name, of, i] as const))(
  'a refusal of %s that is declared elsewhere is false, be the run committed so, honestly, or to its end',
  async (_name, of, i) => {
    const shape = SHAPES[i % SHAPES.length]
    const suit = { court, of, challenger: await honestOf(of, shape), shape }
    // Every place: contracts-refusals.test.ts.
    for (const place of placesIn(of).filter((_, k) => k % 71 === i))
      for (const said of await falsePlace(suit, place))
        expect([place, said]).toEqual([place, expect.stringMatching(/: false claim$/)])
  },
)

// ---------------------------------------------------------------- the form of a refused run

const fill = (byte: number) => new Uint8Array(32).fill(byte)
const leafAt = (of: RefusedWork, { commitEvery = 1 }: Shape) => Math.floor(of.at.step / commitEvery)

const LISTS = { inputs: 'segmentInputs', values: 'segmentValues', outputs: 'segmentOutputs' } as const

/** What is wrong with the commitments about a run which is refused where it ought to be. */
type Form = (own: OwnRun, of: RefusedWork, shape: Shape) => Claimed | undefined
const FORMS: Readonly<Record<string, Form>> = {
  'which its provider does not declare': (run) => ({ run, declared: undefined, claim: { outputs: fill(7) } }),
  'which its provider does not declare, and which ends nowhere': (run) => ({
    run,
    declared: undefined,
    claim: { outputs: fill(7), finalState: ZERO32 },
  }),
  'that was carried through': (_, of, shape) => declaredOf(stoppedAt(of.work, undefined, shape), of.at),
  'behind which its provider goes on': (own, of, shape) => goingOn(own, of, shape),
  'behind which its provider goes on to be refused later': (own, of, shape) =>
    of.at.step === 3 ? undefined : goingOn(own, of, shape, { ...of.at, step: 3 }),
  'in another state than it says': (run, of) => ({ run, declared: of.at, claim: { finalState: fill(8) } }),
  'with something in a leaf behind': (own, of, shape) => {
    const place = leafAt(of, shape) + 1
    if (place >= own.leaves.length) return undefined
    const run = edited(own, { leaf: (leaf, i) => (i === place ? { ...leaf, inputs: fill(1) } : leaf) })
    return { run, declared: of.at }
  },
  'with something in the trace of a step behind': (own, of, shape) => {
    const step = of.at.step + 1
    if (step % own.commitEvery === 0 || step >= own.inputs.length) return undefined
    const other = (one: TracedStep) =>
      one.leaf.index === step ? { ...one, leaf: { ...one.leaf, inputs: fill(1) } } : one
    // The leaf is another one too: else there is no difference to look for.
    const run = edited(own, {
      step: other,
      leaf: (leaf, i) => (i === leafAt(of, shape) ? { ...leaf, outputs: fill(2) } : leaf),
    })
    return { run, declared: of.at }
  },
  ...fields('has other', (field) => (leaf) => ({ ...leaf, [field]: fill(3) })),
  ...fields('has no', (field) => (leaf) => ({ ...leaf, [field]: ZERO32 })),
}

/** The honest leaves as far as the refused one, then those of another run. */
function goingOn(own: OwnRun, of: RefusedWork, shape: Shape, declared?: RunRefusal): Claimed {
  const other = stoppedAt(of.work, declared, shape)
  const isOwn = (leaf: number) => leaf <= leafAt(of, shape)
  const run = {
    ...other,
    leaves: other.leaves.map((leaf, i) => (isOwn(i) ? own.leaves[i] : leaf)),
    retrace: (leaf: number) => (isOwn(leaf) ? own : other).retrace(leaf),
  }
  const isEnded = declared !== undefined && isOwn(Math.floor(declared.step / own.commitEvery))
  return isEnded ? declaredOf(own, declared) : { run, declared }
}

/** Lies in one field of the leaf in which the run is refused. */
function fields(what: string, edit: (field: StepField) => (leaf: Step) => Step): Record<string, Form> {
  const forms = STEP_FIELDS.map((field): [string, Form] => [
    `whose leaf ${what} ${field}`,
    (own, of, shape) => {
      const place = leafAt(of, shape)
      // Lists that nobody knows are asked for, and not shown: see below for those that are.
      const isUnknown = own.commitEvery > 1 && field in LISTS
      const run = edited(own, { leaf: (leaf, i) => (i === place ? edit(field)(leaf) : leaf) })
      if (isUnknown && !equal(run.leaves[place][field], ZERO32) && !equal(own.leaves[place][field], ZERO32))
        return undefined
      return equal(run.leaves[place][field], own.leaves[place][field]) ? undefined : { run, declared: of.at }
    },
  ])
  return Object.fromEntries(forms)
}

test.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))(
  'a refused run is committed as one in every part, or false: %s',
  async (_, shape) => {
    const found: unknown[] = []
    for (const step of [0, 1, 2, 3])
      for (const one of [SOME[1], SOME[3]]) {
        const of = refusedAt(one, step)
        const own = await honestOf(of, shape)
        expect(own.refusal).toEqual(of.at)
        const suit = { court, of, challenger: own, shape }
        const forms = Object.entries(FORMS).map(([name, form]) => [name, form(own, of, shape)] as const)
        for (const [name, claimed] of [...forms, ...(await wrongLists(own, of, shape))]) {
          if (claimed === undefined) continue
          const said = await dispute(suit, claimed).catch((error: Error) => error.message)
          found.push(`${said} <- ${step} ${one.name} ${name}`)
        }
      }
    expect(found.filter((one) => !String(one).includes(': false claim'))).toEqual([])
  },
  120_000,
)

/** Lies in one item of one list of the segment in which the run is refused; the lists are shown. */
async function wrongLists(own: OwnRun, of: RefusedWork, shape: Shape): Promise<(readonly [string, Claimed])[]> {
  if (own.commitEvery === 1) return []
  const place = leafAt(of, shape)
  const { steps } = await own.retrace(place)
  const found: (readonly [string, Claimed])[] = []
  for (const [field, kind] of Object.entries(LISTS) as [keyof typeof LISTS, Kind][]) {
    const isRefused = (step: Step) => field === 'values' && step.index === of.at.step
    const items = steps.map(({ leaf }) => (isRefused(leaf) ? ZERO32 : leaf[field]))
    if (field === 'values' && shape.operatorTrace !== true) continue
    for (const [i, item] of items.entries())
      for (const other of [fill(4), ZERO32, steps[0].leaf[field]]) {
        if (equal(item, other)) continue
        const list = items.with(i, other)
        const run = edited(own, {
          leaf: (leaf, k) => (k === place ? { ...leaf, [field]: rootOfDigests(kind, list) } : leaf),
        })
        const claimed = { run, declared: of.at, beside: answersAbout(kind, list) }
        found.push([`whose leaf lists other ${field} of step ${steps[i].leaf.index}`, claimed])
      }
  }
  return found
}
