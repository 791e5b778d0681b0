/**
 * From a false claim and one's own run to the proof of the fault: down the first difference, through run, step, values, tensor and expansion, to
 * two places of the provider's own commitments that contradict each other.
 * @module
 */
import { ZERO32, equal, type Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { listTree } from '../merkle/tiles.js'
import { KINDS, proveChildren, proveInclusion, rootOf, type Kind, type Path } from '../merkle/tree.js'
import type { RunRefusal } from '../trace/refusal.js'
import { STEP_FIELDS, decodeStep, runTree, type Step, type StepField } from '../trace/step.js'
import type { OwnRun } from './book.js'
import { elementFault } from './element.js'
import { expectAnswer, explore, whole, type Explored, type Source } from './explore.js'
import {
  BY,
  NO_STEP,
  openCarry,
  openEnds,
  openLeaf,
  openOutput,
  openValue,
  traceTree,
  viewOfList,
  type ListView,
  type StepOpening,
} from './openings.js'
import { OtherTree } from './other-tree.js'
import { NO_LEAF, proofOf, type DigestEvidence, type FaultProof } from './proof.js'
import { isNothing, recorded, refusalApart, undeclared, wrongForm } from './refusal.js'
import type { Ask, Move } from './question.js'
import type { Retraced, TracedStep } from './retrace.js'
import { inputFault, startFault } from './inputs.js'
import type { AtLeaf, AtStep, Challenge } from './scene.js'
import { listView, reachLeaf, tensorApart, tileEvidence, withTensor } from './other-list.js'

/**
 * The proof that a claim is false, or undefined where it is one's own.
 * @param ask Puts a question to the provider; `Book` is one that answers from what it holds. Not called where nothing needs asking.
 * @throws Fault `dispute/silent` where the provider does not answer (on a chain that loses its game), `dispute/not-provable` where the difference is
 * one that only a referee named in the policy decides.
 */
export async function findFault(challenge: Challenge, ask: Ask): Promise<FaultProof | undefined> {
  const { leaves, own } = challenge
  if (leaves !== undefined && leaves.length !== own.leaves.length) return otherSize(challenge, leaves)
  const { run, index, leaf } = await firstLeaf(challenge, ask)
  if (index === undefined) return inClaim(challenge, ask, run)
  return inLeaf({ challenge, ask, run, index, leaf })
}

/** The leaves of the claimed run are public, and not as many as the steps of the job make. */
function otherSize(challenge: Challenge, leaves: readonly Step[]): FaultProof {
  const { size } = runTree(leaves)
  const evidence = [size, rootOf(runTree(leaves))]
  return proofOf(challenge, ['binding', 'runSize'], evidence, `a run of ${size} leaves`)
}

async function firstLeaf(
  { case: { claim }, leaves, own }: Challenge,
  ask: Ask,
): Promise<{ run: OtherTree; index: number | undefined; leaf: Step }> {
  const tree = runTree(own.leaves)
  if (leaves === undefined) {
    const list = { move: { name: 'demandRun' }, hash: claim.run } as const
    const found = await explore(ask, { kind: 'run', size: tree.size, list }, tree)
    return { run: found.tree, index: found.index, leaf: found.index === undefined ? NO_STEP : decodeStep(found.leaf) }
  }
  const theirs = runTree(leaves)
  const run = new OtherTree(tree, rootOf(theirs))
  const index = await run.firstDifference(async (_, node) => proveChildren(theirs, node).map(({ hash }) => hash))
  return { run, index, leaf: index === undefined ? NO_STEP : leaves[index] }
}

// ---------------------------------------------------------------- the claim beside an honest run

/** Every leaf is one's own: what is left is what the claim itself says. */
async function inClaim(challenge: Challenge, ask: Ask, run: OtherTree): Promise<FaultProof | undefined> {
  const { own, declared } = challenge
  const { claim } = challenge.case
  const leaf = leavesUpTo(own, run)
  const refused = [own.refusal, declared].filter((one) => one !== undefined)
  if (refused.length > 0)
    return refusalInClaim(challenge, ask, { run, first: Math.min(...refused.map(({ step }) => step)) })
  const last = own.leaves.length - 1
  if (!equal(own.leaves[last].stateAfter, claim.finalState)) {
    const opening = openLeaf({ leaf }, last, last * own.commitEvery)
    return proofOf(challenge, ['binding', 'finalState'], [opening], 'the final state is not what the last step left')
  }
  const { steps } = await own.retrace(last)
  if (equal(steps[steps.length - 1].leaf.outputs, claim.outputs)) return undefined
  return wrongOutputs(challenge, openLeaf({ leaf }, last), steps)
}

/** The outputs of the last step, which the claim does not name: by its leaf, or by the list of outputs of its segment. */
function wrongOutputs(challenge: Challenge, leaf: StepOpening, steps: readonly TracedStep[]): FaultProof {
  const inner = steps[steps.length - 1].leaf
  const list = listTree(steps.map((step) => step.leaf.outputs))
  const listed = { ...leaf, step: inner.index, inner, innerPath: proveInclusion(list, steps.length - 1) }
  const opening = challenge.own.commitEvery === 1 ? leaf : listed
  return proofOf(challenge, ['binding', 'outputs'], [opening], 'the outputs are not those of the last step')
}

/** The run is refused, or its provider says so: at the same place, or the leaf of the first place shows who is wrong. */
async function refusalInClaim(
  challenge: Challenge,
  ask: Ask,
  { run, first }: { readonly run: OtherTree; readonly first: number },
): Promise<FaultProof | undefined> {
  const { own, declared } = challenge
  if (declared === undefined) return undeclared(challenge, own.refusal!) ?? unfinished(challenge, run)
  const index = Math.floor(first / own.commitEvery)
  const at = { challenge, ask, run, index, leaf: own.leaves[index] }
  if (!sameRefusal(own.refusal, declared)) return inTrace(at)
  const { steps } = await own.retrace(index)
  const refused = steps.find((step) => step.leaf.index === first)!
  return equal(refused.leaf.stateBefore, challenge.case.claim.finalState) ? undefined : refusedForm(at, first)
}

/** The run is refused, and the claim knows nothing of it: its last leaf has no end, or the record as outputs. */
async function unfinished(challenge: Challenge, run: OtherTree): Promise<FaultProof> {
  const { own } = challenge
  const last = own.leaves.length - 1
  const opening = openLeaf({ leaf: leavesUpTo(own, run) }, last, last * own.commitEvery)
  if (isHole(own.leaves[last])) {
    return proofOf(challenge, ['binding', 'missing'], [opening], 'the run ends before its last step')
  }
  const { steps } = await own.retrace(last)
  return wrongOutputs(challenge, opening, steps)
}

/** A refused step that is not committed as one: by its leaf, or by the trace where a leaf has several steps. */
async function refusedForm(at: AtLeaf, step: number): Promise<FaultProof> {
  const { challenge, run, index, leaf } = at
  const opening = openLeaf({ leaf: () => ({ leaf, path: run.path(index) }) }, index, step)
  if (challenge.own.commitEvery === 1) return wrongForm(challenge, opening)
  const found = await traceOf(at)
  if (found.tree.index !== undefined) return inTrace(at)
  return wrongForm(challenge, found.openingOf(step - index * challenge.own.commitEvery))
}

const leavesUpTo =
  ({ leaves }: OwnRun, run: OtherTree) =>
  (index: number) => ({ leaf: leaves[index], path: run.path(index) })

// ---------------------------------------------------------------- a leaf

const isHole = (leaf: Step): boolean =>
  (['stateBefore', 'inputs', 'stateAfter', 'outputs'] as const).some((field) => equal(leaf[field], ZERO32))

/** True for a hole that no refusal excuses: a segment in which the run is refused ends in no state unless the refused step is its last one. */
function isMissing({ own, declared, case: { job } }: Challenge, leaf: Step, index: number): boolean {
  const end = Math.min((index + 1) * own.commitEvery, Number(job.steps))
  const isCut = declared !== undefined && declared.step >= index * own.commitEvery && declared.step + 1 < end
  return isHole(isCut && equal(leaf.stateAfter, ZERO32) ? { ...leaf, stateAfter: leaf.stateBefore } : leaf)
}

/** The leaf in which one's own run or the claim is refused, the first of both; infinity where neither is. */
const refusedLeaf = ({ own, declared }: Challenge): number =>
  Math.floor(Math.min(own.refusal?.step ?? Infinity, declared?.step ?? Infinity) / own.commitEvery)

/** The first leaf that differs: everything before it agrees. */
async function inLeaf(at: AtLeaf): Promise<FaultProof> {
  const { challenge, run, index, leaf } = at
  const { own, declared } = challenge
  const { job } = challenge.case
  const where = `leaf ${index}`
  if (leaf.index !== index) {
    return proofOf(challenge, ['binding', 'misplaced'], [leaf, index, run.path(index)], `${where} says ${leaf.index}`)
  }
  const refusedAt = declared === undefined ? Infinity : Math.floor(declared.step / own.commitEvery)
  const opening = openLeaf({ leaf: () => ({ leaf, path: run.path(index) }) }, index, index * own.commitEvery)
  const bound = (fault: string, evidence: readonly unknown[], what: string) =>
    proofOf(challenge, ['binding', fault], evidence, `${where}: ${what}`)
  if (index <= refusedAt && isMissing(challenge, leaf, index)) return bound('missing', [opening], 'a part is missing')
  const isBehind = index > refusedAt && !isNothing(leaf)
  if (isBehind || (index === refusedAt && own.commitEvery === 1 && !isRefused(challenge, leaf))) {
    return wrongForm(challenge, opening)
  }
  // Refused at different places, and the leaf of the first is one's own: there it shows who is wrong.
  const first = refusedLeaf(challenge)
  if (index > first) return inTrace({ ...at, index: first, leaf: own.leaves[first] })
  const wrong = fieldApart(own.leaves[index], leaf)
  if (wrong === 'stateBefore') return wrongStart(at, opening)
  if (wrong === 'inputs') return wrongInputs(at, opening)
  const hasValues = !equal(leaf.values, ZERO32)
  const tracesValues = job.operatorTrace && opening.step < (declared?.step ?? Infinity)
  if (tracesValues !== hasValues) {
    return bound('operatorTrace', [opening], 'values are there or missing against the job')
  }
  if (own.commitEvery === 1 && hasValues) return inWholeStep(at, opening)
  return inTrace(at)
}

/** A leaf as the one of a refused step is committed. */
const isRefused = ({ case: { claim } }: Challenge, leaf: Step): boolean =>
  equal(leaf.values, ZERO32) && equal(leaf.outputs, claim.outputs) && isStill(claim.finalState, leaf)
const isStill = (state: Bytes32, leaf: Step): boolean => equal(leaf.stateBefore, state) && equal(leaf.stateAfter, state)

const fieldApart = (own: Step, found: Step): StepField | undefined =>
  STEP_FIELDS.find((field) => !equal(own[field], found[field]))

/** The state before a leaf is not that of the leaf before, or not the one to start from. */
function wrongStart(at: AtLeaf, opening: StepOpening): FaultProof | Promise<FaultProof> {
  const { challenge, run, index, leaf } = at
  if (index === 0 && !equal(challenge.case.job.initialState, ZERO32)) {
    return proofOf(challenge, ['binding', 'startState'], [opening], 'the run starts from another state than the job')
  }
  if (index === 0) return startFault(at, opening)
  const before = challenge.own.leaves[index - 1]
  const evidence = { before, beforePath: run.path(index - 1), next: leaf, nextPath: run.path(index) }
  const summary = `leaf ${index} does not start from what leaf ${index - 1} left`
  return proofOf(challenge, ['binding', 'chain'], [evidence], summary)
}

/** The inputs of a leaf are not those of the job. */
async function wrongInputs(at: AtLeaf, opening: StepOpening): Promise<FaultProof> {
  const { challenge, run, index, leaf } = at
  const { own } = challenge
  const { steps } = await own.retrace(index)
  const move: Move = { name: 'descendStep', step: leaf, field: STEP_FIELDS.indexOf('inputs') }
  if (own.commitEvery === 1) {
    if (challenge.course !== undefined) await reachLeaf(at)
    return inputFault(at, { opening, own: steps[0], list: { move, hash: leaf.inputs } })
  }
  // A leaf lists the inputs of its steps: the first list that is another one.
  const tree = listTree(steps.map((step) => step.leaf.inputs))
  await reachLeaf(at)
  const list = { move, hash: leaf.inputs }
  const found = await explore(at.ask, { kind: 'segmentInputs', size: tree.size, list }, tree)
  demand(found.index !== undefined, 'merkle/root-mismatch', () => 'lists of inputs')
  const step = index * own.commitEvery + found.index
  // Inputs that are not there, or behind a refusal: the trace says otherwise.
  const isNone = equal(found.leaf, ZERO32) || [own.refusal, challenge.declared].some((one) => one && one.step < step)
  if (isNone) return inTrace(at, found)
  const inner = { ...NO_STEP, inputs: found.leaf }
  const listed = { ...openLeaf({ leaf: () => ({ leaf, path: run.path(index) }) }, index, step), by: BY.segment, inner }
  const evidence = { ...listed, innerPath: found.tree.path(found.index) }
  const item = { move: { name: 'descendItem', item: found.leaf } as const, hash: found.leaf }
  return inputFault(at, { opening: evidence, own: steps[found.index], list: item })
}

/** The leaf holds the step's values. */
async function inWholeStep(at: AtLeaf, opening: StepOpening): Promise<FaultProof> {
  const { challenge, ask, leaf, index } = at
  const [own] = (await challenge.own.retrace(index)).steps
  await reachLeaf(at)
  return inStep({ challenge, ask, opening, step: leaf, own })
}

// ---------------------------------------------------------------- a trace

/** The provider commits the steps of the leaf with their values; the first one that differs, or a contradiction with the leaf. */
async function inTrace(at: AtLeaf, listed?: Explored): Promise<FaultProof> {
  const found = await traceOf(at)
  const { index: place, leaf } = found.tree
  if (listed?.index !== undefined && (place === undefined || place > listed.index)) {
    return refusalHere(at, found, place) ?? wrongList(at, found.openingOf(listed.index), itemOf('inputs', listed))
  }
  if (place === undefined) return againstLeaf(at, found)
  return inTracedStep(at, { ...found, place, step: decodeStep(leaf), listed })
}

/** What a leaf lists of a step. */
interface Listed {
  readonly field: keyof typeof SEGMENT_LISTS
  readonly item: Bytes32
  readonly path: Path
}

/** The first item of a list that is not one's own. */
const itemOf = (field: Listed['field'], { tree, index, leaf }: Explored): Listed => ({
  field,
  item: leaf,
  path: tree.path(index!),
})

/** What a leaf lists of a step is not what its trace says. */
function wrongList({ challenge }: AtLeaf, opening: StepOpening, { field, item, path }: Listed): FaultProof {
  const evidence = [KINDS[SEGMENT_LISTS[field]], opening, item, path]
  return proofOf(challenge, ['binding', 'tracedList'], evidence, `step ${opening.step}: its leaf lists other ${field}`)
}

async function traceOf(at: AtLeaf): Promise<Traces> {
  const { challenge, ask, run, index, leaf } = at
  const traced = await challenge.own.retrace(index)
  const own = traceTree(traced.steps.map((step) => step.leaf))
  const demanded = { form: 'trace', kind: KINDS.segment, size: own.size, hash: ZERO32 } as const
  const { size, root } = expectAnswer(await ask({ name: 'demandTrace', leaf: index }, demanded), 'answerCommitment')
  demand(size === own.size, 'dispute/silent', () => 'a trace of another number of steps')
  const tree = await explore(ask, { kind: 'segment', size, node: { move: whole(size, root), root } }, own)
  const openingOf = (place: number, inner = traced.steps[place].leaf): StepOpening => ({
    ...openLeaf({ leaf: () => ({ leaf, path: run.path(index) }) }, index, index * challenge.own.commitEvery + place),
    by: BY.traced,
    inner,
    innerPath: tree.tree.path(place),
  })
  return { traced, tree, openingOf }
}

/** A trace beside the leaf of the run. */
interface Traces {
  /** One's own. */
  readonly traced: Retraced
  /** The provider's, as far as it was looked at. */
  readonly tree: Explored
  /** Of a step by its place in the leaf; its leaf is one's own unless it is given. */
  openingOf(place: number, inner?: Step): StepOpening
}

/** The trace is one's own, so the leaf of the run contradicts it. */
async function againstLeaf(at: AtLeaf, traces: Traces): Promise<FaultProof> {
  const { challenge, index, leaf } = at
  const { traced, openingOf } = traces
  const ends = (place: number) =>
    proofOf(challenge, ['binding', 'tracedEnds'], [openingOf(place)], `leaf ${index} does not say what its steps do`)
  const last = traced.steps.length - 1
  const refused = refusalHere(at, traces)
  if (refused !== undefined) return refused
  if (challenge.own.commitEvery === 1) return ends(0)
  if (!equal(leaf.stateAfter, challenge.own.leaves[index].stateAfter)) return ends(last)
  for (const field of ['inputs', 'values', 'outputs'] as const) {
    const kind = SEGMENT_LISTS[field]
    const own = listTree(traced.steps.map((step) => listedOf(traced, step, field)))
    if (equal(leaf[field], challenge.own.leaves[index][field])) continue
    await reachLeaf(at)
    const move: Move = { name: 'descendStep', step: leaf, field: STEP_FIELDS.indexOf(field) }
    const found = await explore(at.ask, { kind, size: own.size, list: { move, hash: leaf[field] } }, own)
    if (found.index === undefined) continue
    return wrongList(at, openingOf(found.index), itemOf(field, found))
  }
  throw notProvable(`leaf ${index}`)
}

/** Where one's own run and the claim are refused at different places, the first of which is a step that agrees: of all, or of the first `end`. */
function refusalHere(at: AtLeaf, { traced, openingOf }: Traces, end?: number): FaultProof | undefined {
  const { own, declared, case: of } = at.challenge
  if (sameRefusal(own.refusal, declared)) return undefined
  for (const [place, step] of traced.steps.slice(0, end).entries()) {
    const refused = [own.refusal, declared].some((one) => one?.step === step.leaf.index)
    if (!refused) continue
    const values = wholeView(step)
    const opening = openingOf(place)
    return refusalApart({ case: of, program: own.program, opening, values }, { own: own.refusal, declared })
  }
  return undefined
}

/** The values of a step, all of them one's own. */
const wholeView = ({ values, digests }: TracedStep): ListView =>
  viewOfList(
    values.map((value) => value ?? NO_TENSOR),
    [...digests],
  )
const NO_TENSOR: Tensor = { dtype: 'uint8', dims: [0], data: new Uint8Array(0) }

const SEGMENT_LISTS = { inputs: 'segmentInputs', values: 'segmentValues', outputs: 'segmentOutputs' } as const

/** What a segment lists of a step: of one that was refused no values. */
const listedOf = ({ refusal }: Retraced, { leaf }: TracedStep, field: keyof typeof SEGMENT_LISTS): Bytes32 =>
  field === 'values' && refusal?.step === leaf.index ? ZERO32 : leaf[field]

const notProvable = (where: string) =>
  new Fault('dispute/not-provable', 'runs differ, and nothing that a contract decides contradicts', { where })

/** A step of the trace that is not one's own. */
async function inTracedStep(
  at: AtLeaf,
  traces: Traces & { readonly place: number; readonly step: Step; readonly listed: Explored | undefined },
): Promise<FaultProof> {
  const { challenge, ask } = at
  const { traced, openingOf, place, step } = traces
  const own = traced.steps[place]
  const opening = openingOf(place, step)
  const ends = () =>
    proofOf(challenge, ['binding', 'tracedEnds'], [opening], `step ${opening.step}: not what its leaf says`)
  if (step.index !== own.leaf.index) return ends()
  const refused = challenge.declared?.step ?? Infinity
  if (step.index > refused && !isNothing(step)) return wrongForm(challenge, opening)
  if (step.index === refused && !isRefused(challenge, { ...step, values: ZERO32 })) return wrongForm(challenge, opening)
  const earlier = refusalHere(at, traces, place)
  if (earlier !== undefined) return earlier
  if (isHole(step) || equal(step.values, ZERO32)) return ends()
  const wrong = fieldApart(own.leaf, step)
  if (wrong === 'stateBefore') return place === 0 ? ends() : brokenTrace(at, openingOf(place - 1), opening)
  if (wrong === 'inputs') return challenge.own.commitEvery === 1 ? ends() : wrongList(at, opening, inputsOf(traces))
  return inStep({ challenge, ask, opening, step, own })
}

/** The inputs that the leaf lists of the first step whose trace is not one's own: the list is, up to the first item that differs. */
function inputsOf({ traced, place, listed }: Traces & { place: number; listed: Explored | undefined }): Listed {
  if (listed !== undefined && place === listed.index) return itemOf('inputs', listed)
  const items = traced.steps.map((step) => step.leaf.inputs)
  const path = listed?.tree.path(place) ?? proveInclusion(listTree(items), place)
  return { field: 'inputs', item: items[place], path }
}

function brokenTrace({ challenge }: AtLeaf, step: StepOpening, next: StepOpening): FaultProof {
  const summary = `step ${next.step}: it does not start from what the step before left`
  return proofOf(challenge, ['binding', 'tracedChain'], [{ step, next }], summary)
}

// ---------------------------------------------------------------- a step

/** Values first, then what is made of them. */
async function inStep(at: AtStep): Promise<FaultProof> {
  const { ask, step, own, challenge } = at
  const { program } = challenge.own
  const tree = listTree(own.digests)
  const move: Move = { name: 'descendStep', step, field: 2 }
  const found = await explore(ask, { kind: 'values', size: tree.size, list: { move, hash: step.values } }, tree)
  const values = listView(found, { tensors: own.values, digests: own.digests })
  if (found.index !== undefined) return inValue(at, { values, value: found.index })
  const refused = refusalOf(at, values)
  if (refused !== undefined) return refused
  return inResults(at, { values, types: program.values.length })
}

/** The proof about a refusal in this step, where one's own run and the claim are refused at different places. */
function refusalOf({ challenge, opening }: AtStep, values: ListView): FaultProof | undefined {
  const { own, declared, case: of } = challenge
  const here = [own.refusal, declared].some((one) => one?.step === opening.step)
  if (!here || sameRefusal(own.refusal, declared)) return undefined
  return refusalApart({ case: of, program: own.program, opening, values }, { own: own.refusal, declared })
}

const sameRefusal = (a: RunRefusal | undefined, b: RunRefusal | undefined): boolean =>
  a?.step === b?.step && a?.node === b?.node && a?.element === b?.element && a?.reason === b?.reason

/** A value that is not one's own, while all before it are. */
async function inValue(at: AtStep, { values, value }: { values: ListView; value: number }): Promise<FaultProof> {
  const { challenge, opening, own, step } = at
  const { program } = challenge.own
  const { parameters, inputs } = program.counts
  const digest = values.digest(value)
  const row = program.values[value]
  const where = `step ${step.index}, value ${value} (${row.kind === 'node' ? row.op : row.kind})`
  const evidence: DigestEvidence = {
    step: opening,
    index: value,
    found: digest,
    foundPath: values.path(value),
    expected: digest,
    expectedPath: values.path(value),
    leaf: NO_LEAF,
  }
  const bound = (fault: string, of: Partial<DigestEvidence>) =>
    proofOf(challenge, ['binding', fault], [{ ...evidence, ...of }], `${where}: not what it is elsewhere`)
  const isNone = equal(digest, ZERO32)
  if (isNone && !isExcused(challenge, step, value)) return bound('missingValue', {})
  const stop = isNone || own.values[value] === undefined ? refusalOf(at, values) : undefined
  if (stop !== undefined) return stop
  if (row.kind === 'parameter') {
    return bound('parameter', { found: own.digests[value], foundPath: pathIn(own.digests.slice(0, parameters), value) })
  }
  if (row.kind === 'input') {
    const list = own.digests.slice(parameters, parameters + inputs)
    const index = value - parameters
    return bound('input', { index, found: own.digests[value], foundPath: pathIn(list, index) })
  }
  if (row.kind === 'constant') return bound('constantValue', { leaf: openValue(program, value) })
  return inTensor(at, { values, value, digest, where })
}

/** True for a value behind the node at which the step was refused, as the claim says. A NaN in a result is looked for behind all nodes. */
const isExcused = ({ declared }: Challenge, step: Step, value: number): boolean =>
  declared?.step === step.index && declared.reason !== 'nan-result' && value >= declared.node

const pathIn = (digests: readonly Bytes32[], index: number) => proveInclusion(listTree(digests), index)

interface AtValue {
  readonly values: ListView
  readonly value: number
  readonly digest: Bytes32
  readonly where: string
}

/** The tensor behind a digest: of another form, or with a tile that is not one's own. */
async function inTensor(at: AtStep, { values, value, digest, where }: AtValue): Promise<FaultProof> {
  const { challenge, ask, opening, own } = at
  const found = await tensorApart(ask, { digest, own: own.values[value]! })
  if ('place' in found) {
    const evidence = tileEvidence(found, { opening, index: value, path: values.path(value) })
    return proofOf(challenge, ['binding', 'tile'], [evidence], `${where}: a tile of another size`)
  }
  if (found.element === undefined) {
    const { form, root } = found
    const leaf = openValue(challenge.own.program, value)
    const evidence = { step: opening, value, leaf, form, root, path: values.path(value) }
    return proofOf(challenge, ['binding', 'form'], [evidence], `${where}: a tensor of another form`)
  }
  const { element, view } = found
  return elementFault(at, {
    values: withTensor(values, value, view),
    value,
    element,
    where: `${where}, element ${element}`,
  })
}

/** All values are one's own: an output or the next state is not what was computed. */
async function inResults(at: AtStep, { values }: { values: ListView; types: number }): Promise<FaultProof> {
  const { challenge, ask, opening, step, own } = at
  const { program } = challenge.own
  const bound = (fault: string, of: Partial<DigestEvidence>, rest: readonly unknown[] = []) => {
    const evidence = { step: opening, expectedPath: [], leaf: NO_LEAF, ...of }
    return proofOf(challenge, ['binding', fault], [evidence, ...rest], `step ${step.index}: not what was computed`)
  }
  const apart = async (kind: Kind, field: 'outputs' | 'stateAfter', digests: readonly Bytes32[]) => {
    if (equal(step[field], own.leaf[field])) return undefined
    const list = { move: { name: 'descendStep', step, field: STEP_FIELDS.indexOf(field) }, hash: step[field] } as const
    const first = await ask(list.move, { form: 'list', kind: KINDS[kind], size: digests.length, hash: list.hash })
    if (first.name === 'answerRefusal') return first
    const source: Source = { kind, size: digests.length, list }
    return explore(async (...asked) => (asked[0] === list.move ? first : ask(...asked)), source, listTree(digests))
  }
  const digestsOf = (numbers: readonly number[]) => numbers.map((number) => own.digests[number])
  const after = program.values.slice(0, program.counts.parameters).map((_, parameter) => {
    const carry = program.carries.find((one) => one.parameter === parameter)
    return carry?.value ?? parameter
  })
  const state = await apart('state', 'stateAfter', digestsOf(after))
  if (state !== undefined && 'tree' in state && state.index !== undefined) {
    const { index, leaf, tree } = state
    const found = { index, found: leaf, foundPath: tree.path(index), expected: values.digest(after[index]) }
    const carry = program.carries.findIndex((one) => one.parameter === index)
    const expectedPath = values.path(after[index])
    if (carry >= 0) return bound('carried', { ...found, index: carry, expectedPath, leaf: openCarry(program, carry) })
    return bound('kept', { ...found, expectedPath }, [openEnds(program, { outputs: false })])
  }
  const outputs = await apart('outputs', 'outputs', digestsOf(program.outputs))
  if (outputs !== undefined && 'name' in outputs) return recorded(challenge, opening, outputs)
  if (outputs?.index === undefined) throw notProvable(`step ${step.index}`)
  const { index, leaf, tree } = outputs
  const value = program.outputs[index]
  const expected = { expected: values.digest(value), expectedPath: values.path(value) }
  return bound('output', {
    index,
    found: leaf,
    foundPath: tree.path(index),
    ...expected,
    leaf: openOutput(program, index),
  })
}
