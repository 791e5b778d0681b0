/**
 * Bundles: a receipt with everything that is needed to verify and to replay it offline (docs/formats.md, bundles).
 *
 * Files: receipt.json, seal.json, manifest.json, program.bin, steps.bin, inner.bin (several steps to a leaf), model.onnx and recipe.json
 * (optional), schedule.bin and rules.bin (training runs), values.bin (operator traces), objects/<SHA-256 of the bytes> with the tensors'
 * payloads, checkpoints/<number of leaves>.bin (optional). What the bytes are is checked against the receipt, never believed.
 * @module
 */
import { ZERO32, concat, equal, toHex, type Bytes32 } from '../core/bytes.js'
import { Fault, demand, type FaultCode } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import type { Tensor, TensorType } from '../core/tensor.js'
import { columnsOf, open as openUnder, type Course, type Feed } from '../data/course.js'
import { from as datasetFrom } from '../data/dataset.js'
import { RULE_BYTES, decode as decodeRule, encode as encodeRule, type Rule } from '../data/initial.js'
import {
  decode as decodeSchedule,
  demandBeacon,
  encode as encodeSchedule,
  hash as hashSchedule,
  jobInitialState,
  type Schedule,
} from '../data/schedule.js'
import { decode as decodeProgram, encode as encodeProgram, hash as hashProgram } from '../exact/format.js'
import { inputsOf, nextState, outputsOf, parametersOf, type Program } from '../exact/program.js'
import { digestOf, rootOfTensors } from '../trace/digests.js'
import { decodeState, stateBytes } from '../trace/state.js'
import {
  CONTENT_BYTES,
  STEP_BYTES,
  decodeContent,
  decodeStep,
  encodeContent,
  encodeStep,
  leavesOf,
  runRoot,
  verifyChain,
  verifyContents,
  type Content,
  type Step,
} from '../trace/step.js'
import { resultsOf, termsOf, valuesRoot, type Trace, type Work } from '../trace/trace.js'

import * as fields from './fields.js'
import {
  OBJECT_PATH,
  inTurn,
  must,
  objectStore,
  objectWriter,
  sized,
  type BundleReader,
  type ObjectStore,
} from './objects.js'
import type { Field } from './fields.js'
import {
  decode as decodeReceipt,
  encode as encodeReceipt,
  openSeal,
  verify as verifyReceipt,
  type ReceiptOptions,
  type SignedReceipt,
} from './receipt.js'
import { decode as decodeSeal, encode as encodeSeal, verify as verifySeal, type SignedSeal } from './seal.js'
import { hash as hashJob } from './job.js'
import { hash as hashRefusal } from './refusal.js'
import { format } from './typed-data.js'

/** States inside of a run, by the number of leaves before them. They are read, and checked against the leaves, when they are asked for. */
export interface Checkpoints {
  /** Ascending. */
  readonly at: readonly number[]
  /** @throws Fault `bundle/missing-file`, `bundle/wrong-size`, `receipt/wrong-state`. */
  read(leaf: number): Promise<readonly Tensor[]>
}

export { readerOf, type BundleFiles, type BundleReader } from './objects.js'

/** A receipt with program, tensors and steps. */
export interface Bundle {
  readonly receipt: SignedReceipt
  readonly program: Program
  /** The original .onnx file, where the provider includes it. */
  readonly model: Uint8Array | undefined
  /** How the provider says that the program was made from the model. Not trusted: make it again and compare. */
  readonly recipe: Uint8Array | undefined
  readonly initialState: readonly Tensor[]
  readonly finalState: readonly Tensor[]
  /** Inputs of every step. */
  readonly inputs: Feed
  /** Where the job names a schedule: it, with all that it names. */
  readonly course: Course | undefined
  /** Outputs of the last step; none where the run was refused. */
  readonly outputs: readonly Tensor[]
  readonly commitEvery: number
  /** The leaves of the run's tree. */
  readonly leaves: readonly Step[]
  /** What each step commits beside the states. */
  readonly steps: readonly Content[]
  /** With an operator trace: the digests of all values of every step up to a refused one, in the program's numbering. */
  readonly digests: readonly (readonly Bytes32[])[] | undefined
  /** With an operator trace: all values of every step up to a refused one. */
  readonly values: readonly (readonly Tensor[])[] | undefined
  readonly checkpoints: Checkpoints
  readonly seal: SignedSeal | undefined
}

interface Manifest {
  readonly state: readonly Bytes32[]
  readonly finalState: readonly Bytes32[]
  readonly inputs: readonly (readonly Bytes32[])[]
  readonly outputs: readonly Bytes32[]
  readonly values: readonly (readonly Bytes32[])[]
  /** Columns of the data set, where the job names a schedule. */
  readonly data: readonly Bytes32[]
  /** Randomness of the beacon that the schedule names. */
  readonly beacon: readonly Bytes32[]
}

const MAX_LIST = 1 << 20
const objects: Field<readonly Bytes32[]> = fields.listOf(fields.bytes32, MAX_LIST)
const nested: Field<readonly (readonly Bytes32[])[]> = fields.listOf(objects, MAX_LIST)

const MANIFEST_BYTES = 1 << 26
const manifestFormat = format(
  'bundle',
  fields.record<Manifest>({
    state: objects,
    finalState: objects,
    inputs: nested,
    outputs: objects,
    values: nested,
    data: fields.orAbsent(objects, []),
    beacon: fields.orAbsent(fields.listOf(fields.bytes32, 1), []),
  }),
  MANIFEST_BYTES,
)

const LIMITS = {
  receipt: 1 << 17,
  seal: 8192,
  program: 2 ** 31,
  model: 2 ** 31,
  recipe: 1 << 20,
  schedule: 8192,
} as const
const CHECKPOINT_PATH = /^checkpoints\/(0|[1-9][0-9]{0,15})\.bin$/
const ALWAYS = ['receipt.json', 'seal.json', 'manifest.json', 'program.bin', 'steps.bin', 'model.onnx', 'recipe.json']

/** The path of the state after so many leaves. */
export const checkpointPath = (leaves: number): string => `checkpoints/${leaves}.bin`

/** What a bundle may hold beside the run. */
export interface BundleOptions {
  readonly model?: Uint8Array
  readonly recipe?: Uint8Array
  readonly seal?: SignedSeal
  /** States inside of the run. Default: none. */
  readonly checkpoints?: Checkpoints
}

const NO_CHECKPOINTS: Checkpoints = {
  at: [],
  read: () => Promise.reject(new Fault('bundle/missing-file', 'no checkpoints')),
}

/** A trace with its receipt, as a bundle. */
export function from(trace: Trace, receipt: SignedReceipt, options: BundleOptions = {}): Bundle {
  const { program, initialState, finalState, inputs, course, outputs, commitEvery, leaves, steps, values } = trace
  const { model, recipe, seal, checkpoints = NO_CHECKPOINTS } = options
  const digests = values?.map((list) => list.map(digestOf))
  const run = {
    program,
    initialState,
    finalState,
    inputs,
    course,
    outputs,
    commitEvery,
    leaves,
    steps,
    values,
    digests,
  }
  return { receipt, ...run, model, recipe, checkpoints, seal }
}

/**
 * What a bundle's run is work of. Where the job names a schedule, start and inputs are made anew from it, whatever the bundle says.
 * @throws Fault `data/wrong-initial`, `data/wrong-columns`, `data/wrong-dataset`, `data/bad-schedule`.
 */
export function workOf({ receipt: { job }, program, initialState, inputs, course }: Bundle): Work {
  if (course === undefined) return { program, state: initialState, inputs }
  const checkpoint = course.schedule.start.from === 'checkpoint' ? initialState : undefined
  return openUnder(course, program, { job: hashJob(job), steps: Number(job.steps), checkpoint })
}

/** The files of a bundle but for its checkpoints, which are copied one by one; receipt.json comes last. */
export function encode(bundle: Bundle): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  const { tensor: put } = objectWriter(files)
  const { course, inputs } = bundle
  const listed = course === undefined ? Array.from({ length: inputs.length }, (_, step) => inputs.at(step)!) : []
  const manifest: Manifest = {
    state: course?.schedule.start.from === 'seed' ? [] : bundle.initialState.map(put),
    finalState: bundle.finalState.map(put),
    inputs: listed.map((list) => list.map(put)),
    outputs: bundle.outputs.map(put),
    values: (bundle.values ?? []).map((values) => values.map(put)),
    data: (course?.dataset.columns ?? []).map(put),
    beacon: course?.beacon === undefined ? [] : [course.beacon],
  }
  files.set('program.bin', encodeProgram(bundle.program))
  if (bundle.model !== undefined) files.set('model.onnx', bundle.model)
  if (bundle.recipe !== undefined) files.set('recipe.json', bundle.recipe)
  if (course !== undefined) files.set('schedule.bin', encodeSchedule(course.schedule))
  if (course?.rules !== undefined) files.set('rules.bin', concat(...course.rules.map(encodeRule)))
  files.set('steps.bin', concat(...bundle.leaves.map(encodeStep)))
  if (bundle.commitEvery > 1) files.set('inner.bin', concat(...bundle.steps.map(encodeContent)))
  if (bundle.digests !== undefined) files.set('values.bin', concat(...bundle.digests.flat()))
  files.set('manifest.json', manifestFormat.encode(manifest))
  if (bundle.seal !== undefined) files.set('seal.json', encodeSeal(bundle.seal))
  files.set('receipt.json', encodeReceipt(bundle.receipt))
  return files
}

/**
 * The bundle of these files, with every size and hash of a file checked. Nothing is said yet about whether the receipt names them.
 * @throws Fault `bundle/missing-file`, `bundle/unexpected-file`, `bundle/wrong-size`, `bundle/wrong-object`, and the faults of each format.
 */
export async function decode(reader: BundleReader): Promise<Bundle> {
  const receipt = decodeReceipt(await must(reader, 'receipt.json', LIMITS.receipt))
  const program = decodeProgram(await must(reader, 'program.bin', LIMITS.program))
  const manifest = manifestFormat.decode(await must(reader, 'manifest.json', MANIFEST_BYTES))
  const length = Number(receipt.job.steps)
  const commitEvery = Number(receipt.job.commitEvery)
  const leaves = await leavesFrom(reader, leavesOf(length, commitEvery))
  const store = objectStore(reader)
  const all = store.tensors
  const perStep = (types: readonly TensorType[], lists: readonly (readonly Bytes32[])[], what: string) =>
    inTurn(lists, (names) => all(types, names, what))
  const refused = receipt.refusal !== undefined
  const traced = receipt.job.operatorTrace
  // The refused step and those behind it have none.
  const done = Math.min(receipt.refusal?.step ?? length, length)
  demandCount('operator values', manifest.values.length, traced ? done : 0)
  const source = { reader, receipt, program, manifest, all }
  const course = await courseFrom(source)
  const listed = course === undefined ? await perStep(inputsOf(program), manifest.inputs, 'inputs') : []
  demandCount('inputs of every step', listed.length, course === undefined ? length : 0)
  const begun =
    course === undefined
      ? { state: await all(parametersOf(program), manifest.state, 'state'), inputs: listed, course }
      : await openCourse(course, source)
  const sealBytes = await reader.read('seal.json', LIMITS.seal)
  const bundle: Bundle = {
    receipt,
    program,
    model: await reader.read('model.onnx', LIMITS.model),
    recipe: await reader.read('recipe.json', LIMITS.recipe),
    initialState: begun.state,
    finalState: await all(parametersOf(program), manifest.finalState, 'final state'),
    inputs: begun.inputs,
    course,
    outputs: await all(refused ? [] : outputsOf(program), manifest.outputs, 'outputs'),
    commitEvery,
    leaves,
    steps: commitEvery === 1 ? leaves : await contentsFrom(reader, length),
    digests: traced ? await digestsFrom(reader, { steps: done, values: program.values.length }) : undefined,
    values: traced ? await perStep(program.values, manifest.values, 'values') : undefined,
    checkpoints: await checkpointsFrom(reader, { program, leaves }),
    seal: sealBytes === undefined ? undefined : decodeSeal(sealBytes),
  }
  await demandNothingElse(reader, store.seen, bundle)
  return bundle
}

function demandCount(what: string, found: number, expected: number): void {
  demand(found === expected, 'bundle/wrong-size', () => what, { expected, found })
}

interface Source {
  readonly reader: BundleReader
  readonly receipt: SignedReceipt
  readonly program: Program
  readonly manifest: Manifest
  readonly all: ObjectStore['tensors']
}

/** The schedule with what it names, where there is one. */
async function courseFrom({ reader, receipt, program, manifest, all }: Source): Promise<Course | undefined> {
  const leaf = await reader.read('schedule.bin', LIMITS.schedule)
  if (leaf === undefined) return undefined
  const schedule = decodeSchedule(leaf)
  demandRoot('receipt/wrong-inputs', hashSchedule(schedule), receipt.job.inputs)
  demandRoot('receipt/wrong-state', jobInitialState(schedule), receipt.job.initialState)
  const types = columnsOf(program, schedule).map(({ dtype, dims }) => ({ dtype, dims: [schedule.samples, ...dims] }))
  const columns = await all(types, manifest.data, 'data set')
  const dataset = datasetFrom(Object.fromEntries(columns.map((column, i) => [`column ${i}`, column])))
  return { schedule, dataset, rules: await readRules(reader, program, schedule), beacon: manifest.beacon[0] }
}

/** The rules of a start from the seed, one for each parameter; undefined for another start. @throws Fault `bundle/wrong-size`, `data/bad-initial`. */
export async function readRules(
  reader: BundleReader,
  program: Program,
  { start }: Schedule,
): Promise<Rule[] | undefined> {
  if (start.from !== 'seed') return undefined
  const count = program.counts.parameters
  const bytes = await sized(reader, { path: 'rules.bin', size: count * RULE_BYTES })
  return Array.from({ length: count }, (_, i) => decodeRule(bytes.subarray(i * RULE_BYTES, (i + 1) * RULE_BYTES)))
}

async function openCourse(course: Course, { receipt, program, manifest, all }: Source) {
  const fresh = course.schedule.start.from === 'seed'
  const checkpoint = fresh ? undefined : await all(parametersOf(program), manifest.state, 'state')
  demandCount('state', fresh ? manifest.state.length : 0, 0)
  return openUnder(course, program, { job: hashJob(receipt.job), steps: Number(receipt.job.steps), checkpoint })
}

async function leavesFrom(reader: BundleReader, count: number): Promise<Step[]> {
  const bytes = await sized(reader, { path: 'steps.bin', size: count * STEP_BYTES })
  return Array.from({ length: count }, (_, i) => decodeStep(bytes.subarray(i * STEP_BYTES, (i + 1) * STEP_BYTES)))
}

async function contentsFrom(reader: BundleReader, count: number): Promise<Content[]> {
  const bytes = await sized(reader, { path: 'inner.bin', size: count * CONTENT_BYTES })
  return Array.from({ length: count }, (_, i) =>
    decodeContent(bytes.subarray(i * CONTENT_BYTES, (i + 1) * CONTENT_BYTES)),
  )
}

async function checkpointsFrom(
  reader: BundleReader,
  { program, leaves }: { program: Program; leaves: readonly Step[] },
): Promise<Checkpoints> {
  const numbers = (await reader.list()).flatMap((path) => CHECKPOINT_PATH.exec(path)?.[1] ?? [])
  const at = numbers.map(Number).sort((a, b) => a - b)
  return { at, read: (leaf) => readCheckpoint(reader, { program, leaves, leaf }) }
}

/** The payloads of the parameters, one behind the other, after they were found to be the state that the leaves name. */
async function readCheckpoint(
  reader: BundleReader,
  { program, leaves, leaf }: { program: Program; leaves: readonly Step[]; leaf: number },
): Promise<readonly Tensor[]> {
  demand(leaf > 0 && leaf < leaves.length, 'bundle/unexpected-file', () => `no state after ${leaf} leaves`)
  const bytes = await sized(reader, { path: checkpointPath(leaf), size: stateBytes(program) })
  const state = decodeState(program, bytes)
  demandRoot('receipt/wrong-state', rootOfTensors('state', state), leaves[leaf].stateBefore, checkpointPath(leaf))
  return state
}

async function digestsFrom(
  reader: BundleReader,
  { steps, values }: { steps: number; values: number },
): Promise<Bytes32[][]> {
  const bytes = await sized(reader, { path: 'values.bin', size: steps * values * 32 })
  const at = (index: number) => bytes.slice(index * 32, (index + 1) * 32)
  return Array.from({ length: steps }, (_, s) => Array.from({ length: values }, (_, v) => at(s * values + v)))
}

async function demandNothingElse(
  reader: BundleReader,
  seen: ReadonlySet<string>,
  { values, course, commitEvery }: Bundle,
): Promise<void> {
  const files = new Set([
    ...ALWAYS,
    ...(values === undefined ? [] : ['values.bin']),
    ...(commitEvery === 1 ? [] : ['inner.bin']),
    ...(course === undefined ? [] : ['schedule.bin']),
    ...(course?.rules === undefined ? [] : ['rules.bin']),
  ])
  for (const path of await reader.list()) {
    const known = OBJECT_PATH.test(path) ? seen.has(path) : files.has(path) || CHECKPOINT_PATH.test(path)
    demand(known, 'bundle/unexpected-file', () => JSON.stringify(path.slice(0, 100)))
  }
}

/** What a verifier of bundles relies on. */
export interface VerifyOptions extends ReceiptOptions {
  /** Where the job's schedule names a beacon: its randomness, as the verifier knows it. Never taken from the bundle. */
  readonly seedBeacon?: Bytes32
}

/**
 * The bundle, after everything in it was found to be what its receipt names, and every signature its signer's.
 * Shows that this provider claims this result for this program, state and inputs. Does not show that the result is right: replay it.
 * @throws Fault `receipt/wrong-program`, `receipt/wrong-state`, `receipt/wrong-inputs`, `receipt/wrong-outputs`, `receipt/wrong-run`,
 *   `receipt/wrong-values`, `receipt/wrong-model`, `receipt/wrong-seal`, `trace/bad-step`, `data/wrong-beacon`, `data/unknown-beacon`, and those
 *   of `receipt.verify`.
 */
export async function verify(bundle: Bundle, options: VerifyOptions = {}): Promise<Bundle> {
  await verifyReceipt(bundle.receipt, options)
  if (bundle.course !== undefined) demandBeacon(bundle.course.schedule, bundle.course.beacon, options.seedBeacon)
  const verified = verifyContent(bundle)
  const { domain } = bundle.receipt
  if (bundle.seal !== undefined) await verifySeal(bundle.seal, { domain, staticcall: options.staticcall })
  return verified
}

/**
 * The same without looking at signatures; start and inputs of the bundle that is given back are those that a schedule fixes. Where the job names a schedule, the inputs of a step are compared with what the schedule draws
 * only when the step is run again.
 */
export function verifyContent(bundle: Bundle): Bundle {
  const { job, receipt, metadata } = bundle.receipt
  demandRoot('receipt/wrong-program', hashProgram(bundle.program), job.program)
  if (bundle.model !== undefined) demandRoot('receipt/wrong-model', sha256(bundle.model), metadata.model)
  const { program, initialState: state, inputs, course } = bundle
  const terms = termsOf({ program, state, inputs, course })
  demandRoot('receipt/wrong-state', terms.initialState, job.initialState)
  demandRoot('receipt/wrong-inputs', terms.inputs, job.inputs)
  const work = workOf(bundle)
  demandRoot('receipt/wrong-state', rootOfTensors('state', state), rootOfTensors('state', work.state))
  demandRoot('receipt/wrong-state', rootOfTensors('state', bundle.finalState), receipt.claim.finalState)
  demandRoot('receipt/wrong-run', runRoot(bundle.leaves), receipt.claim.run)
  verifyLeaves(bundle)
  verifySteps(bundle)
  verifyValues(bundle)
  verifyOwnSeal(bundle)
  return { ...bundle, initialState: work.state, inputs: work.inputs }
}

/** The leaves form a chain from the first state to the last, and hold what their steps do. */
function verifyLeaves({ receipt: { receipt, refusal }, leaves, steps, commitEvery, initialState }: Bundle): void {
  const ran = refusal === undefined ? leaves : leaves.slice(0, leavesOf(refusal.step + 1, commitEvery))
  verifyChain(ran, rootOfTensors('state', initialState))
  leaves.slice(ran.length).forEach(demandEmpty)
  verifyContents(leaves, steps, commitEvery)
  const last = ran[ran.length - 1]
  const cut = refusal !== undefined && (refusal.step + 1) % commitEvery !== 0 && refusal.step + 1 < steps.length
  demandRoot('receipt/wrong-state', last.stateAfter, cut ? ZERO32 : receipt.claim.finalState)
}

function demandEmpty(step: Content, i: number): void {
  const filled = Object.values(step).some((field) => field instanceof Uint8Array && !equal(field, ZERO32))
  demand(!filled, 'trace/bad-step', () => `step ${i} after the refused one is not empty`)
}

function verifySteps({ receipt: { receipt, job, refusal }, inputs, course, steps, outputs }: Bundle): void {
  demand(
    refusal === undefined || refusal.step < Number(job.steps),
    'trace/bad-step',
    () => 'the refused step is not one of the run',
  )
  const ran = refusal === undefined ? steps : steps.slice(0, refusal.step + 1)
  if (course === undefined)
    ran.forEach((step, i) => demandRoot('receipt/wrong-inputs', step.inputs, rootOfTensors('inputs', inputs.at(i)!)))
  steps.slice(ran.length).forEach(demandEmpty)
  demandRoot('receipt/wrong-outputs', ran[ran.length - 1].outputs, receipt.claim.outputs)
  const own = refusal === undefined ? rootOfTensors('outputs', outputs) : hashRefusal(refusal)
  demandRoot('receipt/wrong-outputs', own, receipt.claim.outputs)
}

/** Operator values: each digest is its tensor's, each step's root theirs; without a trace, and from a refused step on, the root is zero. */
function verifyValues(bundle: Bundle): void {
  const { digests, values, steps, program } = bundle
  steps.forEach((step, s) => {
    if (digests?.[s] === undefined || values?.[s] === undefined)
      return demandRoot('receipt/wrong-values', step.values, ZERO32, `values of step ${s}`)
    values[s].forEach((tensor, v) =>
      demandRoot('receipt/wrong-values', digestOf(tensor), digests[s][v], `value ${v} of step ${s}`),
    )
    program.values.forEach((value, v) => {
      if (value.kind === 'constant')
        demandRoot('receipt/wrong-values', digests[s][v], digestOf(value.tensor), `constant ${v} of step ${s}`)
    })
    demandRoot('receipt/wrong-values', valuesRoot(digests[s]), step.values)
    const given = program.counts.parameters + program.counts.inputs
    demandBefore(bundle, { step: s, state: values[s].slice(0, program.counts.parameters) })
    demandRoot(
      'receipt/wrong-values',
      rootOfTensors('inputs', values[s].slice(program.counts.parameters, given)),
      step.inputs,
    )
    demandRoot(
      'receipt/wrong-values',
      rootOfTensors(
        'outputs',
        program.outputs.map((v) => values[s][v]),
      ),
      step.outputs,
    )
  })
}

/** The state in the values of a step is the one that the step before left, or, at the first of a leaf, the leaf's. */
function demandBefore(
  { program, values, leaves, commitEvery }: Bundle,
  { step, state }: { step: number; state: readonly Tensor[] },
): void {
  const before =
    step % commitEvery === 0
      ? leaves[step / commitEvery].stateBefore
      : rootOfTensors(
          'state',
          nextState(
            program,
            values![step - 1].slice(0, program.counts.parameters),
            ({ value }) => values![step - 1][value],
          ),
        )
  demandRoot('receipt/wrong-values', rootOfTensors('state', state), before, `state before step ${step}`)
}

function verifyOwnSeal({ seal, receipt }: Bundle): void {
  if (seal !== undefined) openSeal(receipt, seal.seal)
}

function demandRoot(code: FaultCode, found: Bytes32, expected: Bytes32, where?: string): void {
  demand(equal(found, expected), code, () => 'the content has another root', {
    expected: toHex(expected),
    found: toHex(found),
    where,
  })
}

/** The commitments of a trace as a claim for a job. */
export function claimOf(
  trace: Trace,
  job: Bytes32,
): { job: Bytes32; outputs: Bytes32; finalState: Bytes32; run: Bytes32 } {
  return { job, ...resultsOf(trace) }
}
