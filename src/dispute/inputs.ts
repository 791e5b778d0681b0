/**
 * Proofs about what a job gives: the inputs of a step, and the state before the first one. Evidence: contracts/referees/ScheduleReferee.sol.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import type { Feed } from '../data/course.js'
import { listRoot, listTree } from '../merkle/tiles.js'
import { proveInclusion, type Path } from '../merkle/tree.js'
import { digestOf, rootOfDigests } from '../trace/digests.js'
import { STEP_FIELDS } from '../trace/step.js'
import { explore, type Source } from './explore.js'
import type { StepOpening } from './openings.js'
import { listView, reachLeaf, tensorApart, tileEvidence, withTensor } from './other-list.js'
import { proofOf, type FaultProof } from './proof.js'
import type { TracedStep } from './retrace.js'
import { inputEvidence, inputFormEvidence, numberEvidence, startEvidence, startFormEvidence } from './schedule.js'
import type { AtLeaf } from './scene.js'

/** A list of inputs that is not the one of the job. */
export interface WrongInputs {
  readonly opening: StepOpening
  readonly own: TracedStep
  /** The provider's list, and the move that asks for it. */
  readonly list: NonNullable<Source['list']>
}

/**
 * The proof that the inputs of a step are not those that the job names or its schedule draws.
 * @throws Fault `dispute/not-provable` where the schedule waits for a beacon.
 */
export async function inputFault(at: AtLeaf, { opening, own, list }: WrongInputs): Promise<FaultProof> {
  const { challenge, ask } = at
  const { course, own: run } = challenge
  const { program, inputs } = run
  const where = `step ${own.leaf.index}`
  const proved = (fault: string, evidence: object, what: string): FaultProof =>
    proofOf(challenge, ['schedule', fault], [evidence], `${where}: ${what}`)
  if (course === undefined) {
    const named = namedInputs(inputs, opening.step)
    return proofOf(
      challenge,
      ['schedule', 'jobInputs'],
      [opening, ...named],
      `${where}: other inputs than the job names`,
    )
  }
  const digests = own.inputs.map(digestOf)
  const found = await explore(ask, { kind: 'inputs', size: digests.length, list }, listTree(digests))
  demand(found.index !== undefined, 'merkle/root-mismatch', () => 'two roots of the same inputs')
  const [index, views] = [found.index, listView(found, { tensors: own.inputs, digests })]
  const apart = await tensorApart(ask, { digest: found.leaf, own: own.inputs[index] })
  if ('place' in apart) {
    const evidence = tileEvidence(apart, { opening, index, path: views.path(index) })
    return proved('inputTile', evidence, `input ${index} has a tile of another size`)
  }
  if (apart.element === undefined) {
    const evidence = inputFormEvidence(program, { opening, index, ...apart, path: views.path(index) })
    return proved('inputForm', evidence, `input ${index} has another form`)
  }
  const theirs = withTensor(views, index, apart.view)
  if (index >= course.dataset.columns.length) {
    return proved('stepNumber', numberEvidence({ course }, { opening, list: theirs }), 'another number of the step')
  }
  const place = { opening, list: theirs, index, element: apart.element }
  const evidence = inputEvidence({ case: challenge.case, course }, place)
  return proved('input', evidence, `input ${index}, element ${apart.element} is not that of the sample`)
}

/** How a job names the inputs of a step: by the root of their list, or by an item of the list of all steps. */
function namedInputs(inputs: Feed, step: number): readonly [item: Bytes32, path: Path] {
  const digests = Array.from({ length: inputs.length }, (_, i) => inputs.at(i)!.map(digestOf))
  if (digests.length === 1) return [listRoot(digests[0]), []]
  const roots = digests.map((one) => rootOfDigests('inputs', one))
  return [roots[step], proveInclusion(listTree(roots), step)]
}

/**
 * The proof that the state before the first step is not the one that the seed gives.
 * @throws Fault `dispute/not-provable` where the job says nothing about it that a contract decides.
 */
export async function startFault(at: AtLeaf, opening: StepOpening): Promise<FaultProof> {
  const { challenge, ask, leaf } = at
  const { course, own } = challenge
  demand(course !== undefined, 'dispute/not-provable', () => 'a job that names no first state')
  const [{ before }] = (await own.retrace(0)).steps
  const digests = before.map(digestOf)
  await reachLeaf(at)
  const move = { name: 'descendStep', step: leaf, field: STEP_FIELDS.indexOf('stateBefore') } as const
  const source: Source = { kind: 'state', size: digests.length, list: { move, hash: leaf.stateBefore } }
  const found = await explore(ask, source, listTree(digests))
  demand(found.index !== undefined, 'merkle/root-mismatch', () => 'two roots of the same state')
  const [index, views] = [found.index, listView(found, { tensors: before, digests })]
  const where = `parameter ${index} before the first step`
  const apart = await tensorApart(ask, { digest: found.leaf, own: before[index] })
  if ('place' in apart) {
    const evidence = tileEvidence(apart, { opening, index, path: views.path(index) })
    return proofOf(challenge, ['schedule', 'startTile'], [evidence], `${where}: a tile of another size`)
  }
  if (apart.element === undefined) {
    const evidence = startFormEvidence(own.program, { opening, index, ...apart, path: views.path(index) })
    return proofOf(challenge, ['schedule', 'startForm'], [evidence], `${where}: another form`)
  }
  const { element, view } = apart
  const evidence = startEvidence({ course }, { opening, list: withTensor(views, index, view), index, element })
  return proofOf(challenge, ['schedule', 'start'], [evidence], `${where}, element ${element}: not what the seed gives`)
}
