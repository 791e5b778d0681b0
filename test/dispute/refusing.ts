/**
 * Disputes about refused runs: claims that are told falsely, and what a court says to the proofs against them.
 * @module
 */
import { Book, type OwnRun } from '../../src/dispute/book.js'
import { runFor } from '../../src/dispute/own-run.js'
import { equal, type Bytes32 } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'
import { listTree } from '../../src/merkle/tiles.js'
import { rootOf, sizedRoot, type Kind } from '../../src/merkle/tree.js'
import type { Answer } from '../../src/dispute/question.js'
import type { Case } from '../../src/dispute/openings.js'
import type { TracedStep } from '../../src/dispute/retrace.js'
import { findFault } from '../../src/dispute/search.js'
import { REASONS, type Reason } from '../../src/exact/op.js'
import { hash as hashJob } from '../../src/receipt/job.js'
import { reference } from '../../src/runtime/reference.js'
import { refusalRecord, type RunRefusal } from '../../src/trace/refusal.js'
import type { Step } from '../../src/trace/step.js'
import { PROVIDER, asking, jobOver, type Answers, type Court } from './arena.js'
import type { Shape } from './forge.js'
import { REFUSED, claimOf, stoppedAt, type RefusedWork } from './refused.js'

/** How runs are committed. */
export const SHAPES: readonly Shape[] = [
  {},
  { operatorTrace: true },
  { commitEvery: 2 },
  { commitEvery: 2, operatorTrace: true },
  { commitEvery: 3, operatorTrace: true },
]

/** A shape by its name. */
export const nameOf = ({ commitEvery = 1, operatorTrace = false }: Shape): string =>
  `${commitEvery} to a leaf${operatorTrace ? ', with values' : ''}`

/** What a provider claims: a run as it is committed, a refusal as it is declared, a claim as it is filed. */
export interface Claimed {
  readonly run: OwnRun
  /** Answers what the run does not. */
  readonly beside?: Answers
  readonly declared: RunRefusal | undefined
  readonly claim?: Partial<Case['claim']>
}

/** The honest run of a work. */
export const honestOf = ({ work }: RefusedWork, shape: Shape): Promise<OwnRun> => runFor(work, reference(), shape)

/** The case of what is claimed. */
export async function caseOf({ work }: RefusedWork, { run, claim }: Claimed, shape: Shape): Promise<Case> {
  const { commitEvery = 1, operatorTrace = false } = shape
  const job = jobOver(work, { commitEvery: BigInt(commitEvery), operatorTrace })
  return { job, claim: { ...(await claimOf(run, hashJob(job))), ...claim }, provider: PROVIDER }
}

/** A dispute: who challenges, with which run, in which court. */
export interface Suit {
  readonly court: Court
  readonly of: RefusedWork
  readonly challenger: OwnRun
  readonly shape: Shape
}

/** What the court says to the proof that a challenger finds: the fault and the ruling. */
export async function dispute({ court, of, challenger, shape }: Suit, claimed: Claimed): Promise<string> {
  const { run, declared, beside } = claimed
  const book = new Book(run)
  const kept = asking({
    commit: (demand) => book.commit(demand),
    answer: (question) => book.answer(question).catch((error) => beside?.answer(question) ?? Promise.reject(error)),
  })
  const proof = await findFault({ case: await caseOf(of, claimed, shape), declared, own: challenger }, kept.ask)
  if (proof === undefined) return 'nothing to prove'
  const { says } = await court.rule(proof, kept, { program: of.work.program, declared })
  return `${proof.referee}.${proof.fault}: ${says}`
}

/** A run that stops at a place which it declares. */
export const stopsAt = ({ work }: RefusedWork, declared: RunRefusal | undefined, shape: Shape): Claimed => ({
  run: stoppedAt(work, declared, shape),
  declared,
})

/** A refusal that is declared of a run which is committed as another one. The claim's outputs are the record: the settlement sees to that. */
export const declaredOf = (run: OwnRun, declared: RunRefusal | undefined): Claimed => ({
  run,
  declared,
  ...(declared === undefined ? {} : { claim: { outputs: refusalRecord(declared) } }),
})

/** Every other place than the right one: some steps, every value, every reason, the first elements and one behind; and no refusal at all. */
export function placesIn({ work, at }: RefusedWork): readonly (RunRefusal | undefined)[] {
  const { length } = work.program.values
  const places = new Map<string, RunRefusal>()
  for (const step of [0, at.step, 3])
    for (let node = 0; node <= length; node++)
      for (const element of [0, at.element, at.element + 1])
        for (const reason of Object.keys(REASONS) as Reason[]) {
          const place = { step, node, element, reason }
          places.set(JSON.stringify(place), place)
        }
  places.delete(JSON.stringify(at))
  return [undefined, ...places.values()]
}

/** What is said to a refusal that is declared at a false place: of a run that stops there, of the honest run, and of one that goes on. */
export async function falsePlace(suit: Suit, declared: RunRefusal | undefined): Promise<readonly string[]> {
  const { of, challenger, shape } = suit
  const runs = [stoppedAt(of.work, declared, shape), challenger, stoppedAt(of.work, undefined, shape)]
  const said: string[] = []
  for (const run of runs) said.push(await dispute(suit, declaredOf(run, declared)))
  return said
}

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

/** Every lie, as it is ruled and as it ought to be. */
export async function liesAbout(suit: Suit): Promise<{ found: readonly string[]; right: readonly string[] }> {
  const [found, right]: string[][] = [[], []]
  for (const [name, lie] of Object.entries(LIES)) {
    const [claimed, fault] = lie(suit.of, suit.shape)
    found.push(`${name}: ${await dispute(suit, claimed)}`)
    right.push(`${name}: ${fault}: false claim`)
  }
  return { found, right }
}

/** A refusal for each reason. */
export const SOME: readonly RefusedWork[] = (Object.keys(REASONS) as Reason[]).map((reason) =>
  REFUSED.find(({ at }) => at.reason === reason)!,
)

/** Answers about one list of at most 64 items. */
export function answersAbout(kind: Kind, items: readonly Bytes32[]): Answers {
  const tree = listTree(items)
  const root = rootOf(tree)
  const hashes = items.map((item) => rootOf(listTree([item])))
  const children = items.length === 1 ? [root] : hashes
  return {
    commit: () => Promise.reject(new Error('nothing to commit')),
    async answer({ form, hash }): Promise<Answer> {
      if (form === 'list' && equal(hash, sizedRoot(kind, { size: items.length, root })))
        return { name: 'answerChildren', children }
      const index = hashes.findIndex((one) => equal(one, hash))
      if (form !== 'leaf' || index < 0) throw new Fault('dispute/not-known', 'another list')
      return { name: 'answerLeaf', leaf: items[index] }
    },
  }
}

/** One's own run with other leaves, and with other traces. */
export interface Edits {
  leaf?(leaf: Step, index: number): Step
  step?(step: TracedStep): TracedStep
}

/** A run with something changed in its leaves or in its traces. */
export function edited(run: OwnRun, { leaf = (own) => own, step = (own) => own }: Edits): OwnRun {
  return {
    ...run,
    leaves: run.leaves.map(leaf),
    retrace: async (index) => {
      const { steps, refusal } = await run.retrace(index)
      return { steps: steps.map(step), refusal }
    },
  }
}
