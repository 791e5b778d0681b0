/**
 * What the commands about proofs share: integer programs by path, salts, tensors as files, and lines about keys.
 * @module
 */
import type { Command } from 'commander'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { equal, toHex, utf8, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { decodeJson, encodeJson, literal, optional, record, type Field } from '../core/json.js'
import { DTYPES, byteLength, fromBytes, type Tensor, type TensorType } from '../core/tensor.js'
import { isQuantized, isUnsafe, readQuantized, writeWhole } from '../disk/index.js'
import { decode as decodeProgram } from '../exact/format.js'
import type { Program } from '../exact/program.js'
import type { ValueInfo } from '../onnx/graph.js'
import { integerInputs, quantizeFeed, type InputScale } from '../quantize/feeds.js'
import { toAddress } from '../receipt/fields.js'
import * as Job from '../receipt/job.js'
import { decodeState } from '../trace/state.js'
import { contextOf, extensionOf } from '../zk/bind.js'
import type { Circuit } from '../zk/circuit.js'
import { ORDER } from '../zk/field.js'
import type { VerificationKey } from '../zk/keys.js'
import type { Publics } from '../zk/publics.js'
import { isFolder } from './bundles.js'
import { read, readTensors } from './files.js'

/** An integer program, with its weights where they are known. */
export interface IntegerProgram {
  readonly program: Program
  readonly state: readonly Tensor[] | undefined
  /** How inputs are made of real numbers. */
  readonly inputs: readonly InputScale[]
}

const MAX_FILE = 2 ** 31 - 1

/** A program from the folder that quantize wrote, or from a `program.bin` with the weights in a file of their own. */
export async function integerProgram(path: string, stateFile?: string): Promise<IntegerProgram> {
  if (await isFolder(path)) {
    demand(await isQuantized(path), 'cli/usage', () => `${path} is no folder of an integer program`, {
      hint: 'make one with "countersign quantize"',
    })
    const { program, state, report } = await readQuantized(path)
    return {
      program,
      state: stateFile === undefined ? state : await stateFrom(stateFile, program),
      inputs: report.inputs,
    }
  }
  demand(!path.endsWith('.onnx'), 'cli/usage', () => 'circuits are made of integer programs', {
    hint: 'make one of the model with "countersign quantize"',
  })
  const program = decodeProgram(await read(path, MAX_FILE))
  const state = stateFile === undefined ? undefined : await stateFrom(stateFile, program)
  return { program, state, inputs: integerInputs(program) }
}

/** Weights: a `state.bin`, or a folder that holds one. */
export async function stateFrom(path: string, program: Program): Promise<Tensor[]> {
  return decodeState(program, await read((await isFolder(path)) ? join(path, 'state.bin') : path, MAX_FILE))
}

/** The same by types alone. @throws Fault `trace/bad-state`. */
export async function tensorsFrom(path: string, types: readonly TensorType[]): Promise<Tensor[]> {
  const bytes = await read((await isFolder(path)) ? join(path, 'state.bin') : path, MAX_FILE)
  const expected = types.reduce((sum, type) => sum + byteLength(type), 0)
  demand(bytes.length === expected, 'trace/bad-state', () => 'bytes of a state', { expected, found: bytes.length })
  let at = 0
  return types.map((type) => fromBytes(type, bytes.slice(at, (at += byteLength(type)))))
}

/** Inputs of a circuit from `--input` words; real numbers are rounded to their scales. */
export async function circuitInputs(inputs: readonly InputScale[], words: readonly string[]): Promise<Tensor[]> {
  const wanted = inputs.map(({ name, dims, dtype, exponent }): ValueInfo => {
    return { name, kind: 'tensor', dtype: DTYPES[exponent === null ? dtype : 'float32'].code, dims }
  })
  return quantizeFeed(inputs, await readTensors(wanted, words))
}

/** Outputs from `--output` words, by the names of the program. */
export async function namedOutputs(
  types: readonly TensorType[],
  names: readonly string[],
  words: readonly string[],
): Promise<Tensor[]> {
  const wanted = types.map(({ dtype, dims }, i): ValueInfo => {
    return { name: names[i], kind: 'tensor', dtype: DTYPES[dtype].code, dims }
  })
  const given = await readTensors(wanted, words)
  return names.map((name) => {
    demand(Object.hasOwn(given, name), 'exact/missing-input', () => `output "${name}"`)
    return given[name]
  })
}

/** The same for a circuit. */
export const outputsFrom = ({ program, layouts }: Pick<Circuit, 'program' | 'layouts'>, words: readonly string[]) =>
  namedOutputs(layouts.outputs, program.names.outputs, words)

/** Tensors by name, as `--input` and `--output` read them. */
export function tensorsJson(names: readonly string[], tensors: readonly Tensor[]): Uint8Array {
  const plain = (value: number | bigint) => {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : String(value)
  }
  const json = tensors.map(({ dtype, dims, data }, i) => [names[i], { dtype, dims, data: Array.from(data, plain) }])
  return utf8(JSON.stringify(Object.fromEntries(json)))
}

// ---------------------------------------------------------------- salts

/** Salts, each where a circuit hides something. */
export interface Salts {
  readonly inputs?: bigint
  readonly model?: bigint
  readonly outputs?: bigint
}

const KINDS = ['inputs', 'model', 'outputs'] as const
const SALTS = { format: 'salts', version: 1 } as const

const salt: Field<bigint> = (value, where) => {
  const fits = typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) && BigInt(`0x${value}`) < ORDER
  demand(fits, 'core/bad-field', () => 'a salt is 64 hexadecimal digits, below the order of the field', { where })
  return BigInt(`0x${value}`)
}

const readSalts = record({
  format: literal(SALTS.format),
  version: (value, where) =>
    demand(value === 1, 'core/unknown-version', () => 'this release knows version 1', { where }),
  inputs: optional(salt),
  model: optional(salt),
  outputs: optional(salt),
})

/** Salts from a file. */
export async function saltsFrom(path: string): Promise<Salts> {
  const { inputs, model, outputs } = readSalts(decodeJson(await read(path, 4096)), 'salts')
  return { inputs, model, outputs }
}

/** Writes salts, for the eyes of who hides something alone. */
export async function writeSalts(path: string, salts: Salts): Promise<void> {
  const known = KINDS.flatMap((kind) => (salts[kind] === undefined ? [] : [[kind, saltText(salts[kind])] as const]))
  await writeWhole(path, utf8(encodeJson({ ...SALTS, ...Object.fromEntries(known) })))
}

const saltText = (value: bigint): string => value.toString(16).padStart(64, '0')

/** 248 random bits. */
export const drawSalt = (): bigint => BigInt(`0x${toHex(new Uint8Array(randomBytes(31)))}`)

// ---------------------------------------------------------------- lines

/** Lines that are told while a command works: on standard error, and not where a machine reads. */
export function tell(...lines: readonly string[]): void {
  if (!process.argv.includes('--json')) for (const line of lines) process.stderr.write(`${line}\n`)
}

/** What a development key is, in the words that stand on every line about one. */
export const UNSAFE = 'unsafe: anybody can forge proofs with it'

/** The word before anything that is of a development key. */
export const unsafeMark = (key: VerificationKey): string => (isUnsafe(key) ? 'unsafe ' : '')

/** A key for people. */
export function keyLine(key: VerificationKey): string {
  const { scheme, contributions, hash } = key
  const made = scheme === 'plonk' ? 'without a set-up of its own' : `of ${contributions} contributions`
  return `key       ${unsafeMark(key)}${toHex(hash)}, ${scheme} ${isUnsafe(key) ? `(${UNSAFE})` : made}`
}

/** A key as data. */
export const keyData = (key: VerificationKey) => {
  const { hash, scheme, contributions } = key
  return { hash: toHex(hash), scheme, setUp: isUnsafe(key) ? 'unsafe' : key.setUp, contributions }
}

/** What a circuit hides, for people. */
export const hiddenOf = (salted: Circuit['salted']): string =>
  Object.entries(salted)
    .flatMap(([what, hidden]) => (hidden ? [what] : []))
    .join(', ') || 'nothing'

/** Public inputs as data. */
export const publicsData = ({ statement, rootIn, rootOut, context }: Publics) => {
  return { statement: String(statement), rootIn: String(rootIn), rootOut: String(rootOut), context: String(context) }
}

// ---------------------------------------------------------------- what a proof is made for

/** Words that say what a proof is made for. */
export interface ContextWords {
  readonly context?: string
  readonly job?: string
  readonly provider?: string
}

/** Adds the words about what a proof is made for. */
export function withContextWords(command: Command): Command {
  return command
    .option('--job <file>', 'the job that the proof answers, on the chain and for the contract that it names')
    .option('--provider <address>', 'who is paid for it')
    .option(
      '--context <number>',
      'instead of a job: any number below the order of the field, decimal or 0x; 0 for nothing',
    )
}

/** True where the words say what a proof is made for. */
export const hasContext = ({ context, job }: ContextWords): boolean => context !== undefined || job !== undefined

/** The context: of a job and its provider, or the number that was given. */
export async function contextFrom({ context, job, provider }: ContextWords): Promise<bigint> {
  demand((context === undefined) !== (job === undefined), 'cli/usage', () => 'what is the proof made for?', {
    hint: '--job FILE --provider ADDRESS, or --context NUMBER (0 for nothing)',
  })
  demand((job === undefined) === (provider === undefined), 'cli/usage', () => '--job and --provider belong together')
  if (context !== undefined) return elementFrom(context, 'context')
  const { job: stated, domain } = await jobFrom(job!)
  const { chainId, verifyingContract } = domain
  demand(chainId !== undefined && verifyingContract !== undefined, 'cli/usage', () => 'the job is for no chain', {
    hint: 'state it with "countersign job new --deployment FILE"',
  })
  return contextOf({ chainId, settlement: verifyingContract, job: Job.hash(stated), provider: toAddress(provider) })
}

const jobFrom = async (path: string) => Job.verify(Job.decode(await read(path, 1 << 16)))

/** A field element from a word. @throws Fault `cli/usage`. */
export function elementFrom(word: string, name: string): bigint {
  const fits = /^(0x[0-9a-fA-F]{1,64}|\d{1,77})$/.test(word) && BigInt(word) < ORDER
  demand(fits, 'cli/usage', () => `--${name} is a number below the order of the field`, { found: word.slice(0, 80) })
  return BigInt(word)
}

/** Refuses a run that is not the one that a proven job names. @throws Fault `receipt/wrong-job`. */
export async function demandNamed(
  { job: path }: ContextWords,
  { program, statement, rootIn }: { program: Bytes32 } & Publics,
): Promise<void> {
  if (path === undefined) return
  const { job, policy } = await jobFrom(path)
  demand(equal(job.program, program), 'receipt/wrong-job', () => 'the job is about another program', {
    expected: toHex(job.program),
    found: toHex(program),
  })
  if (policy.kind !== 'proven') return
  const named = equal(policy.extension, extensionOf(statement, rootIn))
  demand(named, 'receipt/wrong-job', () => 'the job names another statement, or another root of inputs', {
    hint: 'other weights, other inputs or another salt',
  })
}
