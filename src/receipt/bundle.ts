/**
 * Bundles: a receipt with everything that is needed to verify and to replay it offline (docs/formats.md, bundles).
 *
 * Files: receipt.json, seal.json, manifest.json, program.bin, steps.bin, model.onnx (optional), values.bin (operator traces), and
 * objects/<SHA-256 of the bytes> with the tensors' payloads. What the bytes are is checked against the receipt, never believed.
 * @module
 */
import { ZERO32, concat, equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand, type FaultCode } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import { byteLength, bytesOf, fromBytes, isFloat, type Tensor, type TensorType } from '../core/tensor.js'
import { decode as decodeProgram, encode as encodeProgram, hash as hashProgram } from '../exact/format.js'
import { inputsOf, outputsOf, parametersOf, type Program } from '../exact/program.js'
import { badElements, canonicalizeNaN } from '../merkle/elements.js'
import { digestOf, rootOfTensors } from '../trace/digests.js'
import { STEP_BYTES, decodeStep, encodeStep, jobInputs, runRoot, verifyChain, type Step } from '../trace/step.js'
import { commit, valuesRoot, type Trace } from '../trace/trace.js'
import * as fields from './fields.js'
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
import { hash as hashRefusal } from './refusal.js'
import { format } from './typed-data.js'

/** A receipt with program, tensors and steps. */
export interface Bundle {
  readonly receipt: SignedReceipt
  readonly program: Program
  /** The original .onnx file, where the provider includes it. */
  readonly model: Uint8Array | undefined
  readonly initialState: readonly Tensor[]
  readonly finalState: readonly Tensor[]
  /** Inputs of every step. */
  readonly inputs: readonly (readonly Tensor[])[]
  /** Outputs of the last step; none where the run was refused. */
  readonly outputs: readonly Tensor[]
  readonly steps: readonly Step[]
  /** With an operator trace: the digests of all values of every step, in the program's numbering. */
  readonly digests: readonly (readonly Bytes32[])[] | undefined
  /** With an operator trace: all values of every step. */
  readonly values: readonly (readonly Tensor[])[] | undefined
  readonly seal: SignedSeal | undefined
}

/** Relative path -> content. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>

/** Reads single files of a bundle; undefined where there is none. Never asked for more than `limit` bytes. */
export interface BundleReader {
  read(path: string, limit: number): Promise<Uint8Array | undefined> | Uint8Array | undefined
  /** All paths, to refuse what does not belong. */
  list(): Promise<readonly string[]> | readonly string[]
}

interface Manifest {
  readonly state: readonly Bytes32[]
  readonly finalState: readonly Bytes32[]
  readonly inputs: readonly (readonly Bytes32[])[]
  readonly outputs: readonly Bytes32[]
  readonly values: readonly (readonly Bytes32[])[]
}

const MAX_LIST = 1 << 20
const objects: Field<readonly Bytes32[]> = fields.listOf(fields.bytes32, MAX_LIST)
const nested: Field<readonly (readonly Bytes32[])[]> = fields.listOf(objects, MAX_LIST)

const MANIFEST_BYTES = 1 << 26
const manifestFormat = format(
  'bundle',
  fields.record<Manifest>({ state: objects, finalState: objects, inputs: nested, outputs: objects, values: nested }),
  MANIFEST_BYTES,
)

const LIMITS = { receipt: 1 << 17, seal: 8192, program: 2 ** 31, model: 2 ** 31, steps: 2 ** 31 } as const
const OBJECT_PATH = /^objects\/[0-9a-f]{64}$/
const FILES = ['receipt.json', 'seal.json', 'manifest.json', 'program.bin', 'steps.bin', 'values.bin', 'model.onnx']

/** A trace with its receipt, as a bundle. */
export function from(
  trace: Trace,
  receipt: SignedReceipt,
  options: { model?: Uint8Array; seal?: SignedSeal } = {},
): Bundle {
  return {
    receipt,
    program: trace.program,
    model: options.model,
    initialState: trace.initialState,
    finalState: trace.finalState,
    inputs: trace.inputs,
    outputs: trace.outputs,
    steps: trace.steps,
    digests: trace.values?.map((values) => values.map(digestOf)),
    values: trace.values,
    seal: options.seal,
  }
}

/** The payload of a tensor with canonical NaN. */
function payloadOf(tensor: Tensor): Uint8Array {
  const bytes = bytesOf(tensor)
  if (!isFloat(tensor.dtype) || !badElements(tensor.dtype, bytes)) return bytes
  const canonical = bytes.slice()
  canonicalizeNaN(tensor.dtype, canonical)
  return canonical
}

/** The files of a bundle; receipt.json comes last. */
export function encode(bundle: Bundle): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  const put = (tensor: Tensor): Bytes32 => {
    const payload = payloadOf(tensor)
    const name = sha256(payload)
    files.set(`objects/${toHex(name)}`, payload)
    return name
  }
  const manifest: Manifest = {
    state: bundle.initialState.map(put),
    finalState: bundle.finalState.map(put),
    inputs: bundle.inputs.map((inputs) => inputs.map(put)),
    outputs: bundle.outputs.map(put),
    values: (bundle.values ?? []).map((values) => values.map(put)),
  }
  files.set('program.bin', encodeProgram(bundle.program))
  if (bundle.model !== undefined) files.set('model.onnx', bundle.model)
  files.set('steps.bin', concat(...bundle.steps.map(encodeStep)))
  if (bundle.digests !== undefined) files.set('values.bin', concat(...bundle.digests.flat()))
  files.set('manifest.json', manifestFormat.encode(manifest))
  if (bundle.seal !== undefined) files.set('seal.json', encodeSeal(bundle.seal))
  files.set('receipt.json', encodeReceipt(bundle.receipt))
  return files
}

/** A reader over files in memory. */
export function readerOf(files: BundleFiles): BundleReader {
  return {
    read(path, limit) {
      const bytes = files.get(path)
      demand(bytes === undefined || bytes.length <= limit, 'bundle/wrong-size', () => path, {
        expected: `at most ${limit}`,
        found: bytes?.length,
      })
      return bytes
    },
    list: () => [...files.keys()],
  }
}

/**
 * The bundle of these files, with every size and hash of a file checked. Nothing is said yet about whether the receipt names them.
 * @throws Fault `bundle/missing-file`, `bundle/unexpected-file`, `bundle/wrong-size`, `bundle/wrong-object`, and the faults of each format.
 */
export async function decode(reader: BundleReader): Promise<Bundle> {
  const must = async (path: string, limit: number) => {
    const bytes = await reader.read(path, limit)
    demand(bytes !== undefined, 'bundle/missing-file', () => path)
    return bytes
  }
  const receipt = decodeReceipt(await must('receipt.json', LIMITS.receipt))
  const program = decodeProgram(await must('program.bin', LIMITS.program))
  const manifest = manifestFormat.decode(await must('manifest.json', MANIFEST_BYTES))
  const stepCount = Number(receipt.job.steps)
  const stepBytes = await sized(reader, { path: 'steps.bin', size: stepCount * STEP_BYTES })
  const steps = Array.from({ length: stepCount }, (_, i) =>
    decodeStep(stepBytes.subarray(i * STEP_BYTES, (i + 1) * STEP_BYTES)),
  )
  const sealBytes = await reader.read('seal.json', LIMITS.seal)
  const store = objectStore(reader)
  const all = (types: readonly TensorType[], names: readonly Bytes32[], what: string) =>
    loadAll(store, { types, names, what })
  const perStep = (types: readonly TensorType[], lists: readonly (readonly Bytes32[])[], what: string) =>
    inTurn(lists, (names) => all(types, names, what))
  demand(manifest.inputs.length === stepCount, 'bundle/wrong-size', () => 'inputs of every step', {
    expected: stepCount,
    found: manifest.inputs.length,
  })
  const refused = receipt.refusal !== undefined
  const traced = receipt.job.operatorTrace && !refused
  demand(manifest.values.length === (traced ? stepCount : 0), 'bundle/wrong-size', () => 'operator values', {
    expected: traced ? stepCount : 0,
    found: manifest.values.length,
  })
  const bundle: Bundle = {
    receipt,
    program,
    model: await reader.read('model.onnx', LIMITS.model),
    initialState: await all(parametersOf(program), manifest.state, 'state'),
    finalState: await all(parametersOf(program), manifest.finalState, 'final state'),
    inputs: await perStep(inputsOf(program), manifest.inputs, 'inputs'),
    outputs: await all(refused ? [] : outputsOf(program), manifest.outputs, 'outputs'),
    steps,
    digests: traced ? await digestsFrom(reader, { steps: stepCount, values: program.values.length }) : undefined,
    values: traced ? await perStep(program.values, manifest.values, 'values') : undefined,
    seal: sealBytes === undefined ? undefined : decodeSeal(sealBytes),
  }
  await demandNothingElse(reader, store.seen, { traced })
  return bundle
}

async function sized(reader: BundleReader, { path, size }: { path: string; size: number }): Promise<Uint8Array> {
  const bytes = await reader.read(path, size)
  demand(bytes !== undefined, 'bundle/missing-file', () => path)
  demand(bytes.length === size, 'bundle/wrong-size', () => path, { expected: size, found: bytes.length })
  return bytes
}

async function digestsFrom(
  reader: BundleReader,
  { steps, values }: { steps: number; values: number },
): Promise<Bytes32[][]> {
  const bytes = await sized(reader, { path: 'values.bin', size: steps * values * 32 })
  const at = (index: number) => bytes.slice(index * 32, (index + 1) * 32)
  return Array.from({ length: steps }, (_, s) => Array.from({ length: values }, (_, v) => at(s * values + v)))
}

async function inTurn<A, B>(items: readonly A[], f: (item: A) => Promise<B>): Promise<B[]> {
  const out: B[] = []
  for (const item of items) out.push(await f(item))
  return out
}

/** Loads objects once each, by name and size. */
function objectStore(reader: BundleReader) {
  const loaded = new Map<string, Tensor>()
  const seen = new Set<string>()
  return {
    seen,
    async tensor(type: TensorType, name: Bytes32): Promise<Tensor> {
      const path = `objects/${toHex(name)}`
      const key = `${path} ${type.dtype}[${type.dims}]`
      const known = loaded.get(key)
      if (known !== undefined) return known
      const bytes = await sized(reader, { path, size: byteLength(type) })
      demand(equal(sha256(bytes), name), 'bundle/wrong-object', () => path)
      demand(!badElements(type.dtype, bytes), 'bundle/wrong-object', () => `${path}: not canonical`)
      const tensor = fromBytes(type, bytes)
      seen.add(path)
      loaded.set(key, tensor)
      return tensor
    },
  }
}

async function loadAll(
  store: ReturnType<typeof objectStore>,
  { types, names, what }: { types: readonly TensorType[]; names: readonly Bytes32[]; what: string },
): Promise<Tensor[]> {
  demand(names.length === types.length, 'bundle/wrong-size', () => `${what}: one object each`, {
    expected: types.length,
    found: names.length,
  })
  return inTurn(
    types.map((type, i) => [type, names[i]] as const),
    ([type, name]) => store.tensor({ dtype: type.dtype, dims: type.dims }, name),
  )
}

async function demandNothingElse(
  reader: BundleReader,
  seen: ReadonlySet<string>,
  { traced }: { traced: boolean },
): Promise<void> {
  for (const path of await reader.list()) {
    const known = OBJECT_PATH.test(path) ? seen.has(path) : FILES.includes(path) && (path !== 'values.bin' || traced)
    demand(known, 'bundle/unexpected-file', () => JSON.stringify(path.slice(0, 100)))
  }
}

/**
 * The bundle, after everything in it was found to be what its receipt names, and every signature its signer's.
 * Shows that this provider claims this result for this program, state and inputs. Does not show that the result is right: replay it.
 * @throws Fault `receipt/wrong-program`, `receipt/wrong-state`, `receipt/wrong-inputs`, `receipt/wrong-outputs`, `receipt/wrong-run`,
 *   `receipt/wrong-values`, `receipt/wrong-model`, `receipt/wrong-seal`, `trace/bad-step`, and those of `receipt.verify`.
 */
export async function verify(bundle: Bundle, options: ReceiptOptions = {}): Promise<Bundle> {
  await verifyReceipt(bundle.receipt, options)
  verifyContent(bundle)
  const { domain } = bundle.receipt
  if (bundle.seal !== undefined) await verifySeal(bundle.seal, { domain, staticcall: options.staticcall })
  return bundle
}

/** The same without looking at signatures. */
export function verifyContent(bundle: Bundle): Bundle {
  const { job, receipt, metadata } = bundle.receipt
  demandRoot('receipt/wrong-program', hashProgram(bundle.program), job.program)
  if (bundle.model !== undefined) demandRoot('receipt/wrong-model', sha256(bundle.model), metadata.model)
  demandRoot('receipt/wrong-state', rootOfTensors('state', bundle.initialState), job.initialState)
  const inputs = bundle.inputs.map((list) => rootOfTensors('inputs', list))
  demandRoot('receipt/wrong-inputs', jobInputs(inputs), job.inputs)
  demandRoot('receipt/wrong-state', rootOfTensors('state', bundle.finalState), receipt.claim.finalState)
  demandRoot('receipt/wrong-run', runRoot(bundle.steps, Number(job.commitEvery)), receipt.claim.run)
  verifySteps(bundle, inputs)
  verifyValues(bundle)
  verifyOwnSeal(bundle)
  return bundle
}

function verifySteps(bundle: Bundle, inputs: readonly Bytes32[]): void {
  const { receipt, job, refusal } = bundle.receipt
  const ran = refusal === undefined ? bundle.steps : bundle.steps.slice(0, refusal.step + 1)
  demand(
    ran.length > 0 && (refusal === undefined || refusal.step < Number(job.steps)),
    'trace/bad-step',
    () => 'the refused step is not one of the run',
  )
  verifyChain(ran, job.initialState)
  ran.forEach((step, i) => demandRoot('receipt/wrong-inputs', step.inputs, inputs[i]))
  bundle.steps.slice(ran.length).forEach((step) => {
    const empty = [step.stateBefore, step.inputs, step.values, step.stateAfter, step.outputs].every((field) =>
      equal(field, ZERO32),
    )
    demand(empty, 'trace/bad-step', () => `step ${step.index} comes after the refused one and is not empty`)
  })
  const last = ran[ran.length - 1]
  demandRoot('receipt/wrong-state', last.stateAfter, receipt.claim.finalState)
  demandRoot('receipt/wrong-outputs', last.outputs, receipt.claim.outputs)
  const outputs = refusal === undefined ? rootOfTensors('outputs', bundle.outputs) : hashRefusal(refusal)
  demandRoot('receipt/wrong-outputs', outputs, receipt.claim.outputs)
}

/** Operator values: each digest is its tensor's, each step's root theirs; without a trace the root is zero. */
function verifyValues(bundle: Bundle): void {
  const { digests, values, steps, program } = bundle
  steps.forEach((step, s) => {
    if (digests === undefined || values === undefined) return demandRoot('receipt/wrong-values', step.values, ZERO32)
    values[s].forEach((tensor, v) =>
      demandRoot('receipt/wrong-values', digestOf(tensor), digests[s][v], `value ${v} of step ${s}`),
    )
    program.values.forEach((value, v) => {
      if (value.kind === 'constant')
        demandRoot('receipt/wrong-values', digests[s][v], digestOf(value.tensor), `constant ${v} of step ${s}`)
    })
    demandRoot('receipt/wrong-values', valuesRoot(digests[s]), step.values)
    const given = program.counts.parameters + program.counts.inputs
    demandRoot(
      'receipt/wrong-values',
      rootOfTensors('state', values[s].slice(0, program.counts.parameters)),
      step.stateBefore,
    )
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
  const { outputs, finalState, run } = commit(trace)
  return { job, outputs, finalState, run }
}
