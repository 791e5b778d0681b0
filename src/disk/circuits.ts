/**
 * Proving kits as folders: a program, its circuit, and the keys. A kit is for whoever proves; who verifies needs `verification-key.json`, and
 * `circuit.json` to compare tensors with roots.
 *
 * `program.bin`, `circuit.json`, `main.circom`, `main.r1cs`, `main.wasm`; `state.bin` (and `model.salt`) where weights are constants of the circuit;
 * the proving key as `unsafe.zkey` or `proving.zkey` with `verification-key.json`, or `initial.zkey` where nobody contributed yet.
 * @module
 */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { concat, equal, toHex, utf8, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import type { Tensor } from '../core/tensor.js'
import { decode as decodeProgram, encode as encodeProgram, hash } from '../exact/format.js'
import type { Program } from '../exact/program.js'
import { integerInputs, type InputScale } from '../quantize/feeds.js'
import { encodeState, decodeState, stateBytes } from '../trace/state.js'
import { circuitOf, type Circuit, type CircuitOptions } from '../zk/circuit.js'
import { commit, commitList } from '../zk/commit.js'
import { loadBlocks } from '../zk/compile.js'
import { ORDER } from '../zk/field.js'
import {
  decodeVerificationKey,
  encodeVerificationKey,
  provingKeyOf,
  type Scheme,
  type VerificationKey,
} from '../zk/keys.js'
import { isDevelopment } from '../zk/verification-key.js'
import { decodeCircuit, encodeCircuit, type CircuitRecord } from './circuit-record.js'
import { readRegular, writeFlushed, writeFolder } from './files.js'

/** What a circuit is made with, beside its program. */
export interface CircuitChoice extends Pick<CircuitOptions, 'baked' | 'given' | 'salted' | 'modelSalt'> {
  readonly scheme: Scheme
  /** How inputs are made of real numbers; default: they are integers. */
  readonly inputs?: readonly InputScale[]
}

/** A program's circuit with what it was made of, before it is compiled. */
export interface Drafted {
  readonly circuit: Circuit
  readonly choice: CircuitChoice
}

/** A proving kit. */
export interface Kit extends Drafted {
  /** Constraint system, as the compiler made it. */
  readonly r1cs: Uint8Array
  /** Computes witnesses. */
  readonly wasm: Uint8Array
  readonly zkey: Uint8Array
  /** Undefined where the key waits for its contributions. */
  readonly verification: VerificationKey | undefined
}

const FILES = {
  program: 'program.bin',
  state: 'state.bin',
  salt: 'model.salt',
  circuit: 'circuit.json',
  text: 'main.circom',
  r1cs: 'main.r1cs',
  wasm: 'main.wasm',
  verification: 'verification-key.json',
} as const

/** True for a development key, whatever it says of itself. */
export const isUnsafe = (key: VerificationKey): boolean => key.setUp === 'unsafe' || isDevelopment(key)

/** The name of a proving key's file: an unsafe one says so. */
export function keyFile(verification: VerificationKey | undefined): string {
  if (verification === undefined) return 'initial.zkey'
  return isUnsafe(verification) ? 'unsafe.zkey' : 'proving.zkey'
}

const MAX_PROGRAM = 2 ** 31 - 1
const MAX_RECORD = 1 << 22
/** Some 10 million terms of constraints. */
const MAX_SYSTEM = 2 ** 30
const MAX_WASM = 2 ** 28
const MAX_KEY = 2 ** 31 - 1
const MAX_VERIFICATION = 1 << 14

/** The circuit of a program by these choices. @throws as `circuitOf`. */
export async function draftCircuit(program: Program, choice: CircuitChoice): Promise<Drafted> {
  const { baked, given, salted, modelSalt } = choice
  const circuit = circuitOf(program, { blocks: await loadBlocks(), baked, given, salted, modelSalt })
  return { circuit, choice }
}

/** The description of a circuit, which a verifier may have. */
export function recordOf({ circuit, choice, r1cs, wasm }: Omit<Kit, 'zkey' | 'verification'>): CircuitRecord {
  const { program, layouts, salted, constraints, text } = circuit
  return {
    program: hash(program),
    scheme: choice.scheme,
    committed: choice.baked === undefined,
    salted,
    given: choice.given ?? {},
    model: rootOfBaked({ circuit, choice }),
    layouts,
    inputs: inputsFor({ circuit, choice }),
    outputs: program.names.outputs,
    constraints,
    text: sha256(utf8(text)),
    r1cs: sha256(r1cs),
    wasm: sha256(wasm),
  }
}

function rootOfBaked({ circuit: { layouts }, choice: { baked, modelSalt } }: Drafted): bigint | undefined {
  return baked && commitList(baked.map((tensor, i) => commit(tensor, { ...layouts.parameters[i], salt: modelSalt })))
}

/** How the inputs of a circuit are made. */
export const inputsFor = ({ circuit: { program }, choice }: Drafted): readonly InputScale[] =>
  choice.inputs ?? integerInputs(program)

/**
 * Writes a kit as a new folder, whole or not at all.
 * @throws Fault `bundle/exists` where it is there already.
 */
export async function writeKit(kit: Kit, folder: string): Promise<void> {
  await demandNew(folder)
  await writeFolder(folder, async (partial) => {
    for (const [name, bytes] of filesOf(kit)) await writeFlushed(join(partial, name), bytes)
  })
}

/** Refuses a path where something stands. @throws Fault `bundle/exists`. */
export async function demandNew(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  demand(found === undefined, 'bundle/exists', () => path, { hint: 'choose another name' })
}

function filesOf(kit: Kit): Map<string, Uint8Array> {
  const { circuit, choice, r1cs, wasm, zkey, verification } = kit
  const { baked, modelSalt } = choice
  return new Map([
    [FILES.program, encodeProgram(circuit.program)],
    ...(baked === undefined ? [] : [[FILES.state, concat(...encodeState(baked))] as const]),
    ...(modelSalt === undefined ? [] : [[FILES.salt, utf8(saltText(modelSalt))] as const]),
    [FILES.circuit, encodeCircuit(recordOf(kit))],
    [FILES.text, utf8(circuit.text)],
    [FILES.r1cs, r1cs],
    [FILES.wasm, wasm],
    [keyFile(verification), zkey],
    ...(verification === undefined ? [] : [[FILES.verification, encodeVerificationKey(verification)] as const]),
  ])
}

const saltText = (salt: bigint): string => salt.toString(16).padStart(64, '0')

/**
 * Reads a kit. The circuit is written again from program and choices, and refused where it is another one than the kit says; the constraint
 * system is not compiled again, and the keys are not checked against it: `compile` and `checkKey` do that.
 * @throws Fault `zk/bad-kit`, `cli/not-found`, `bundle/not-regular`, `bundle/wrong-size`, `exact/bad-program`, `trace/bad-state`, and those of
 *   `decodeCircuit` and `decodeVerificationKey`.
 */
export async function readKit(folder: string): Promise<Kit> {
  const record = decodeCircuit(await must(folder, FILES.circuit, MAX_RECORD))
  const drafted = await redraft(folder, record)
  const r1cs = await must(folder, FILES.r1cs, MAX_SYSTEM)
  const wasm = await must(folder, FILES.wasm, MAX_WASM)
  demandSame(record.r1cs, sha256(r1cs), FILES.r1cs)
  demandSame(record.wasm, sha256(wasm), FILES.wasm)
  return { ...drafted, r1cs, wasm, ...(await readKeys(folder, record.scheme)) }
}

/** The proving key, and the verification key beside it, which must be the one inside of it. */
async function readKeys(folder: string, scheme: Scheme): Promise<Pick<Kit, 'zkey' | 'verification'>> {
  const bytes = await readRegular(join(folder, FILES.verification), MAX_VERIFICATION)
  const verification = bytes && decodeVerificationKey(bytes)
  const zkey = await must(folder, keyFile(verification), MAX_KEY)
  const own = provingKeyOf(zkey).verification
  const same = verification === undefined || equal(verification.hash, own.hash)
  demand(same && own.scheme === scheme, 'zk/bad-kit', () => `${FILES.verification} is not that of the proving key`)
  return { zkey, verification }
}

/** The circuit of a kit, written again. */
async function redraft(folder: string, record: CircuitRecord): Promise<Drafted> {
  const program = decodeProgram(await must(folder, FILES.program, MAX_PROGRAM))
  demandSame(record.program, hash(program), FILES.program)
  demandInputs(program, record.inputs)
  const drafted = await draftCircuit(program, await choiceOf(folder, record, program))
  const same = equal(record.text, sha256(utf8(drafted.circuit.text)))
  demand(same, 'zk/bad-kit', () => 'the program has another circuit', {
    hint: 'altered, or made by another release: set it up again',
  })
  const own = encodeCircuit({
    ...recordOf({ ...drafted, r1cs: EMPTY, wasm: EMPTY }),
    r1cs: record.r1cs,
    wasm: record.wasm,
  })
  demand(equal(own, encodeCircuit(record)), 'zk/bad-kit', () => `${FILES.circuit} is that of another circuit`)
  return drafted
}

const EMPTY = new Uint8Array(0)

async function choiceOf(folder: string, record: CircuitRecord, program: Program): Promise<CircuitChoice> {
  const { committed, given, salted, scheme, inputs } = record
  const common = { given, salted, scheme, inputs }
  if (committed) return common
  const baked: readonly Tensor[] = decodeState(program, await must(folder, FILES.state, stateBytes(program)))
  return { ...common, baked, modelSalt: salted.model ? await readSalt(folder) : undefined }
}

async function readSalt(folder: string): Promise<bigint> {
  const text = new TextDecoder().decode(await must(folder, FILES.salt, 64))
  const fits = /^[0-9a-f]{64}$/.test(text) && BigInt(`0x${text}`) < ORDER
  demand(fits, 'zk/bad-kit', () => `${FILES.salt} holds no element of the field`)
  return BigInt(`0x${text}`)
}

function demandSame(expected: Bytes32, found: Bytes32, name: string): void {
  demand(equal(expected, found), 'zk/bad-kit', () => `${name} is not the one that ${FILES.circuit} names`, {
    expected: toHex(expected),
    found: toHex(found),
  })
}

/** Inputs that are described otherwise than the program has them would be rounded to other scales, or not at all. */
function demandInputs(program: Program, inputs: readonly InputScale[]): void {
  const line = ({ name, dtype, dims }: Pick<InputScale, 'name' | 'dtype' | 'dims'>) => `${name}: ${dtype}[${dims}]`
  const own = integerInputs(program).map(line)
  const same = inputs.length === own.length && inputs.every((input, i) => line(input) === own[i])
  demand(same, 'zk/bad-kit', () => 'inputs of another program', { expected: own.join(', ') })
}

/** True where a folder holds a circuit's description. */
export async function isKit(folder: string): Promise<boolean> {
  return (await lstat(join(folder, FILES.circuit)).catch(() => undefined))?.isFile() === true
}

async function must(folder: string, name: string, limit: number): Promise<Uint8Array> {
  const path = join(folder, name)
  const bytes = await readRegular(path, limit)
  demand(bytes !== undefined, 'cli/not-found', () => path)
  return bytes
}
