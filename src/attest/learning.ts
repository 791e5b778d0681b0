/**
 * Proofs of learning: a receipt for a training run, and steps of it that a beacon challenged after it was committed, opened. Whoever checks
 * one runs those steps again and nothing else.
 *
 * What is challenged is a leaf of the run: one step, or a segment of `commitEvery` of them, which is run again whole.
 * @module
 */
import { ZERO32, equal, toHex, type Bytes32 } from '../core/bytes.js'
import { Fault, demand, type FaultCode } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { verdictAbout, type VerdictSigning } from '../audit/verdict.js'
import { fieldApart, replayLeaf, stateBefore, type Replayed, type Wanted } from '../audit/leaves.js'
import { columnsOf, withNumber, type Feed } from '../data/course.js'
import type { SampleOpening } from '../data/dataset.js'
import { initialState, type Rule } from '../data/initial.js'
import {
  demandBeacon,
  hash as hashSchedule,
  jobInitialState,
  openBatch,
  seedFor,
  verifyBatch,
  type Schedule,
} from '../data/schedule.js'
import { hash as hashProgram } from '../exact/format.js'
import { parametersOf, type Program } from '../exact/program.js'
import { hashLeaf, proveInclusion, rootFromInclusion, sizedRoot, type Kind, type Path } from '../merkle/tree.js'
import { listTree } from '../merkle/tiles.js'
import type { Bundle } from '../receipt/bundle.js'
import { hash as hashClaim } from '../receipt/claim.js'
import { hash as hashJob, isRequested } from '../receipt/job.js'
import { jobOf, verify as verifyReceipt, type ReceiptOptions, type SignedReceipt } from '../receipt/receipt.js'
import type { SignedVerdict } from '../receipt/verdict.js'
import { Refusal, type Runtime, type Session } from '../runtime/runtime.js'
import { rootOfTensors } from '../trace/digests.js'
import { encodeStep, leavesOf, runTree, type Step } from '../trace/step.js'
import { hash as hashBeacon, verify as verifyBeacon, type Beacon, type BeaconOptions, type Evidence } from './beacon.js'
import { challenged, detection, enoughWithoutBeacon, teleport, type Sample } from './challenge.js'

/** A leaf of the run, with its way to the run root. */
export interface LeafOpening {
  readonly leaf: Step
  readonly path: Path
}

/** What is needed to run a challenged leaf again. */
export interface ChallengedLeaf {
  /** Its index. */
  readonly leaf: number
  /** The state before it. */
  readonly state: readonly Tensor[]
  /** The samples of each of its steps, with their ways to the root of the data set. */
  readonly batches: readonly (readonly SampleOpening[])[]
}

/** A proof of learning. Everything in it is checked; nothing is believed. */
export interface Proof {
  readonly receipt: SignedReceipt
  readonly program: Program
  readonly schedule: Schedule
  /** Where the schedule starts from the seed. */
  readonly rules: readonly Rule[] | undefined
  /** Randomness of the beacon that the schedule names, if it names one. */
  readonly seedBeacon: Bytes32 | undefined
  /** What challenged; undefined where so many leaves are opened that none is needed. */
  readonly beacon: Beacon | undefined
  /** How many leaves were drawn. */
  readonly count: number
  /** Ascending: the first and the last leaf, the challenged ones, and the one before each of those. */
  readonly openings: readonly LeafOpening[]
  /** Ascending. */
  readonly challenges: readonly ChallengedLeaf[]
  /** Where a leaf holds several steps: the way of the last step's outputs to those of the last leaf. */
  readonly lastOutputs: Path
}

/** What {@link prove} is given. */
export interface ProveOptions {
  readonly beacon?: Beacon
  /** How many leaves are challenged. */
  readonly count: number
  /** How the beacon is checked: the same as its verifiers will. */
  readonly trust?: BeaconOptions
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/**
 * Opens the leaves of a run that a beacon challenges.
 * Cost: states that the bundle does not hold are computed again from the nearest one that it holds.
 * @throws Fault `attest/no-schedule`, `audit/refused-run`, `attest/false-step` where the bundle's own leaves are false, and those of beacons.
 */
export async function prove(bundle: Bundle, runtime: Runtime, options: ProveOptions): Promise<Proof> {
  const { receipt, program, course, leaves, inputs } = bundle
  demand(course !== undefined, 'attest/no-schedule', () => 'the job of this bundle lists its inputs: replay it')
  demand(receipt.refusal === undefined, 'audit/refused-run', () => 'the program refused this run: replay it')
  const { beacon, count } = options
  const randomness = await randomnessOf({ receipt, beacon, count }, options.trust ?? {})
  const drawn = challenged(drawOf(receipt, randomness?.randomness), { count, total: leaves.length })
  const tree = runTree(leaves)
  const challenges = await openChallenges(bundle, runtime, { drawn, options })
  return Object.freeze({
    receipt,
    program,
    schedule: course.schedule,
    rules: course.rules,
    seedBeacon: course.beacon,
    beacon,
    count,
    openings: shownWith(drawn, leaves.length).map((i) => ({ leaf: leaves[i], path: proveInclusion(tree, i) })),
    challenges,
    lastOutputs: lastOutputsOf(bundle, inputs.length),
  })
}

/** What the draw follows from. Without a beacon the claim alone draws. */
function drawOf({ receipt, job }: SignedReceipt, randomness: Bytes32 = ZERO32) {
  return {
    claim: hashClaim(receipt.claim),
    provider: receipt.provider,
    policy: job.policy,
    beacon: randomness,
  }
}

/** Indices of the leaves that are opened. */
function shownWith(drawn: readonly number[], total: number): readonly number[] {
  const before = drawn.flatMap((leaf) => (leaf > 0 ? [leaf - 1] : []))
  return [...new Set([0, total - 1, ...drawn, ...before])].sort((a, b) => a - b)
}

async function openChallenges(
  bundle: Bundle,
  runtime: Runtime,
  { drawn, options }: { drawn: readonly number[]; options: ProveOptions },
): Promise<ChallengedLeaf[]> {
  const { signal, onProgress } = options
  const record = bundle.receipt.job.operatorTrace ? 'all' : 'outputs'
  const session = await runtime.open(bundle.program, bundle.initialState, { signal, record })
  const challenges: ChallengedLeaf[] = []
  let known: Wanted['known']
  try {
    for (const [i, leaf] of drawn.entries()) {
      const before = await stateBefore(session, { bundle, leaf, known }, { signal })
      if (before.apart !== undefined) throw falseStep(before.apart.leaf, before.apart.field)
      challenges.push({ leaf, state: before.state, batches: batchesOf(bundle, leaf) })
      known = { leaf, state: before.state }
      onProgress?.(i + 1, drawn.length)
    }
  } finally {
    await session.close()
  }
  return challenges
}

function batchesOf({ course, receipt, inputs, commitEvery }: Bundle, leaf: number): SampleOpening[][] {
  const { schedule, dataset, beacon } = course!
  const seed = seedFor(schedule, hashJob(receipt.job), beacon)
  const first = leaf * commitEvery
  const end = Math.min(first + commitEvery, inputs.length)
  return Array.from({ length: end - first }, (_, i) => [...openBatch(dataset, schedule, { seed, step: first + i })])
}

function lastOutputsOf({ steps, leaves, commitEvery }: Bundle, length: number): Path {
  if (commitEvery === 1) return []
  const first = (leaves.length - 1) * commitEvery
  const outputs = steps.slice(first).map((step) => step.outputs)
  return proveInclusion(listTree(outputs), length - 1 - first)
}

/** Where a run may start, by a verifier's policy. */
export type StartPolicy =
  | { readonly from: 'seed' }
  /** Sized roots of states. */
  | { readonly from: 'checkpoint'; readonly roots: readonly Bytes32[] }

/** What a verifier of a proof relies on, and demands. */
export interface ProofOptions extends ReceiptOptions {
  /** Whom it trusts about time and randomness. */
  readonly trust?: BeaconOptions
  /** The least number of leaves that must have been challenged. Default 1. */
  readonly least?: number
  /** The share of false leaves for which the probability of detection is stated. Default 0.01. */
  readonly fraction?: number
  /** Where the run must start. Default: anywhere; the finding says where. */
  readonly start?: StartPolicy
  /** Where the schedule names a beacon: its randomness, as the verifier knows it. Never taken from the proof. */
  readonly seedBeacon?: Bytes32
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** What a proof was found to show. */
export interface Finding {
  readonly receipt: SignedReceipt
  /** Leaves that were run again, of so many. */
  readonly sampled: number
  readonly total: number
  /** Steps of the whole run. */
  readonly steps: number
  /** The probability that a run with this share of false leaves would have been found out: 1 - (1 - f)^k. */
  readonly detection: { readonly fraction: number; readonly probability: number }
  /**
   * The probability that a run with one false leaf would have been: k / N. A jump to stolen weights needs one. 0 without a beacon, unless all
   * leaves are opened: a provider that draws for itself tries claims until that leaf is not drawn.
   */
  readonly jump: number
  /** Where the run started: from its seed; or from a state that was there before, about which nothing is shown. */
  readonly start: Schedule['start']
  /** True where requester and provider are one, or nobody stands behind the job. */
  readonly selfIssued: boolean
  /** What the beacon shows, and to whom; undefined where there is none. */
  readonly randomness: Evidence | undefined
}

/**
 * What the proof shows, after everything in it was checked and every challenged leaf run again.
 * Shows that each challenged leaf follows from the one before it on committed data in the committed order, and that the run starts where its
 * job says. Does not show that every other leaf does: see `detection` and `jump`. A fresh start, or who made the weights, is shown by a replay
 * of the whole run, or by an audit that adds the largest changes (`Audit.largestChanges`).
 * @throws Fault `attest/false-step`, `attest/broken-chain`, `attest/wrong-start`, `attest/wrong-end`, `attest/wrong-challenge`,
 * `attest/start-not-allowed`, `attest/needs-beacon`, `data/wrong-sample`, `data/wrong-beacon`, `data/unknown-beacon`,
 * `merkle/root-mismatch`, `receipt/wrong-program`, `receipt/wrong-inputs`, and those of receipts, beacons and runtimes.
 * @remarks Cost: the challenged steps, and less than a second, whatever the length of the run. Trust: this machine, and whom `trust` names.
 */
export async function verify(proof: Proof, runtime: Runtime, options: ProofOptions = {}): Promise<Finding> {
  const { receipt } = proof
  await verifyReceipt(receipt, options)
  const shape = shapeOf(proof)
  verifyTerms(proof)
  demandBeacon(proof.schedule, proof.seedBeacon, options.seedBeacon)
  const randomness = demandConvincing(await randomnessOf(proof, options.trust ?? {}, options.fraction))
  const opened = proof.challenges.length
  demand(opened === Math.min(proof.count, shape.total), 'attest/wrong-challenge', () => 'leaves that are opened', {
    expected: Math.min(proof.count, shape.total),
    found: opened,
  })
  const drawn = challenged(drawOf(receipt, randomness?.randomness), { count: proof.count, total: shape.total })
  const least = Math.max(1, options.least ?? 1)
  demand(proof.count >= least, 'attest/wrong-challenge', () => 'fewer challenged leaves than demanded', {
    expected: least,
    found: proof.count,
  })
  const leaves = verifyOpenings(proof, { ...shape, drawn })
  verifyEnds(proof, { ...shape, leaves })
  verifyStart(proof, leaves, options)
  await verifyChallenges(proof, runtime, { ...shape, leaves, options })
  const fraction = options.fraction ?? 0.01
  const { schedule } = proof
  return Object.freeze({
    receipt,
    sampled: drawn.length,
    total: shape.total,
    steps: shape.steps,
    detection: { fraction, probability: detection({ count: proof.count, total: shape.total }, fraction) },
    jump: jumpOf({ count: drawn.length, total: shape.total }, randomness),
    start: schedule.start,
    selfIssued: !isRequested(jobOf(receipt)) || receipt.job.requester === receipt.receipt.provider,
    randomness,
  })
}

/** Who draws for itself draws until one leaf is not among those drawn. */
const jumpOf = (sample: Sample, randomness: Evidence | undefined): number =>
  randomness === undefined && sample.count < sample.total ? 0 : teleport(sample)

/** The size of the run, from the job: nothing here comes from the prover. */
interface RunSize {
  readonly steps: number
  readonly commitEvery: number
  /** Leaves. */
  readonly total: number
}

function shapeOf({ receipt: { job, refusal } }: Proof): RunSize {
  demand(refusal === undefined, 'audit/refused-run', () => 'the program refused this run')
  const [steps, commitEvery] = [Number(job.steps), Number(job.commitEvery)]
  const fits = Number.isSafeInteger(steps) && Number.isSafeInteger(commitEvery)
  demand(fits, 'core/bad-number', () => 'more steps than can be counted')
  return { steps, commitEvery, total: leavesOf(steps, commitEvery) }
}

function verifyTerms({ receipt: { job }, program, schedule }: Proof): void {
  demandHash('receipt/wrong-program', hashProgram(program), job.program)
  demandHash('receipt/wrong-inputs', hashSchedule(schedule), job.inputs)
  demandHash('receipt/wrong-state', jobInitialState(schedule), job.initialState)
}

/** The beacon's randomness; undefined where there is no beacon, and so many leaves are drawn that none is needed. */
async function randomnessOf(
  { receipt, beacon, count }: Pick<Proof, 'receipt' | 'beacon' | 'count'>,
  trust: BeaconOptions,
  fraction = 0.01,
): Promise<Evidence | undefined> {
  if (beacon === undefined) {
    demand(
      enoughWithoutBeacon(count, fraction),
      'attest/needs-beacon',
      () => 'the provider could try claims until the draw suits it',
      {
        found: count,
      },
    )
    return undefined
  }
  const { claim, provider } = receipt.receipt
  return verifyBeacon(beacon, { job: claim.job, claim: hashClaim(claim), provider }, trust)
}

/** Refuses randomness that shows nothing about time to this verifier. @throws Fault `attest/beacon-not-later`. */
function demandConvincing(evidence: Evidence | undefined): Evidence | undefined {
  const convincing = evidence === undefined || evidence.trusted || evidence.convinces === 'anybody'
  demand(convincing, 'attest/beacon-not-later', () => 'the nonce of another verifier convinces nobody else', {
    found: evidence?.witness,
  })
  return evidence
}

/** The opened leaves by index, each found in the run. */
function verifyOpenings(
  { receipt, openings, challenges }: Proof,
  { total, drawn }: RunSize & { drawn: readonly number[] },
): ReadonlyMap<number, Step> {
  const wanted = shownWith(drawn, total)
  const right =
    openings.length === wanted.length &&
    wanted.every((index, i) => openings[i].leaf.index === index) &&
    challenges.length === drawn.length &&
    drawn.every((index, i) => challenges[i].leaf === index)
  demand(right, 'attest/wrong-challenge', () => 'not the leaves that are challenged', {
    expected: `${drawn}`,
    found: `${challenges.map(({ leaf }) => leaf)}`,
  })
  openings.forEach(({ leaf, path }) =>
    demandIn('run', { leaf: encodeStep(leaf), index: leaf.index, size: total, path }, receipt.receipt.claim.run),
  )
  return new Map(openings.map(({ leaf }) => [leaf.index, leaf]))
}

/** Demands that a leaf leads to a sized root. */
function demandIn(
  kind: Kind,
  { leaf, index, size, path }: { leaf: Uint8Array; index: number; size: number; path: Path },
  expected: Bytes32,
): void {
  const root = rootFromInclusion(hashLeaf(leaf), { index, size }, path)
  demandHash('merkle/root-mismatch', sizedRoot(kind, { size, root }), expected, `${kind} leaf ${index}`)
}

/** The run ends where the claim says. */
function verifyEnds(
  { receipt, lastOutputs }: Proof,
  { steps, commitEvery, total, leaves }: RunSize & { leaves: ReadonlyMap<number, Step> },
): void {
  const { claim } = receipt.receipt
  const last = leaves.get(total - 1)!
  demandHash('attest/wrong-end', last.stateAfter, claim.finalState, 'final state')
  if (commitEvery === 1) return demandHash('attest/wrong-end', last.outputs, claim.outputs, 'outputs')
  const size = steps - (total - 1) * commitEvery
  const root = rootFromInclusion(hashLeaf(claim.outputs), { index: size - 1, size }, lastOutputs)
  demandHash('attest/wrong-end', sizedRoot('segmentOutputs', { size, root }), last.outputs, 'outputs')
}

/** The run starts where its job says, and where the verifier allows. Cost: fresh weights are drawn. */
function verifyStart(proof: Proof, leaves: ReadonlyMap<number, Step>, { start }: ProofOptions): void {
  const { schedule, receipt, program, rules } = proof
  demandAllowed(schedule, start)
  const fixed =
    schedule.start.from === 'checkpoint'
      ? receipt.job.initialState
      : rootOfTensors('state', initialState(schedule.start, parametersOf(program), { seed: seedOfProof(proof), rules }))
  demandHash('attest/wrong-start', leaves.get(0)!.stateBefore, fixed, 'state before the first step')
}

function demandAllowed({ start }: Schedule, policy: StartPolicy | undefined): void {
  if (policy === undefined) return
  const allowed =
    policy.from === 'seed'
      ? start.from === 'seed'
      : start.from === 'checkpoint' && policy.roots.some((root) => equal(root, start.root))
  demand(allowed, 'attest/start-not-allowed', () => `a start from ${start.from} ${toHex(start.root)}`, {
    expected: policy.from,
  })
}

const seedOfProof = ({ schedule, receipt, seedBeacon }: Proof): Bytes32 =>
  seedFor(schedule, hashJob(receipt.job), seedBeacon)

interface Checking extends RunSize {
  readonly leaves: ReadonlyMap<number, Step>
  readonly options: ProofOptions
}

async function verifyChallenges(proof: Proof, runtime: Runtime, checking: Checking): Promise<void> {
  const { challenges, program } = proof
  const { signal, onProgress } = checking.options
  challenges.forEach((challenge) => verifyBefore(challenge, checking.leaves))
  const feed = feedOfProof(proof, checking)
  const session = await runtime.open(program, challenges[0].state, {
    signal,
    record: proof.receipt.job.operatorTrace ? 'all' : 'outputs',
  })
  try {
    for (const [i, { leaf, state }] of challenges.entries()) {
      const { commitEvery } = checking
      const replayed = await runLeaf(session, { leaf, commitEvery, inputs: feed, state }, signal)
      const field = fieldApart(replayed.leaf, checking.leaves.get(leaf)!)
      if (field !== undefined) throw falseStep(leaf, field)
      onProgress?.(i + 1, challenges.length)
    }
  } finally {
    await session.close()
  }
}

/** A challenged leaf begins where the one before it ended, and the state that is shown is that one. */
function verifyBefore({ leaf, state }: ChallengedLeaf, leaves: ReadonlyMap<number, Step>): void {
  const { stateBefore: before } = leaves.get(leaf)!
  if (leaf > 0) demandHash('attest/broken-chain', before, leaves.get(leaf - 1)!.stateAfter, `leaf ${leaf}`)
  demandHash('receipt/wrong-state', rootOfTensors('state', state), before, `state before leaf ${leaf}`)
}

/** The inputs of the challenged steps, each sample found to be the one that the schedule draws. */
function feedOfProof(proof: Proof, { steps, commitEvery }: RunSize): Feed {
  const { program, schedule, challenges } = proof
  const seed = seedOfProof(proof)
  const types = columnsOf(program, schedule)
  const numbered = program.counts.inputs > types.length
  const byLeaf = new Map(challenges.map((challenge) => [challenge.leaf, challenge]))
  return {
    length: steps,
    at(step) {
      const openings = byLeaf.get(Math.floor(step / commitEvery))?.batches[step % commitEvery] ?? []
      return withNumber(verifyBatch(schedule, { seed, step, types }, openings), { step, numbered })
    },
  }
}

async function runLeaf(
  session: Session,
  place: Parameters<typeof replayLeaf>[1],
  signal: AbortSignal | undefined,
): Promise<Replayed> {
  try {
    return await replayLeaf(session, place, { signal })
  } catch (error) {
    if (error instanceof Refusal) throw falseStep(place.leaf, 'outputs')
    throw error
  }
}

function falseStep(leaf: number, field: string): Fault {
  return new Fault('attest/false-step', `leaf ${leaf} does not follow from the state before it`, { where: field })
}

function demandHash(code: FaultCode, found: Bytes32, expected: Bytes32, where?: string): void {
  demand(equal(found, expected), code, () => 'another hash', {
    where,
    expected: toHex(expected),
    found: toHex(found),
  })
}

/** The signed verdict of a proof that was found right. Its evidence is the hash of the beacon. */
export async function verdictOf(
  { receipt, sampled, total }: Finding,
  { beacon }: Proof,
  signing: VerdictSigning,
): Promise<SignedVerdict> {
  const grade = sampled === total ? ('replayed' as const) : ('sampled' as const)
  const evidence = beacon === undefined ? ZERO32 : hashBeacon(beacon)
  return verdictAbout(receipt, { outcome: 'valid', grade, sampled, total, evidence }, signing)
}
