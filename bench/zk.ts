/**
 * Circuits and proofs of integer programs: constraints computed before compiling, then set-up (with unsafe development keys), proofs, their size and
 * their price on a chain. `npm run bench -- zk [CASE] [--count] [--setup] [--write]`: `--count` stops where the compiler would begin, `--write`
 * writes the table of docs/zk.md.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { utf8 } from '../src/core/bytes.js'
import { draftCircuit, writeKit, type Drafted } from '../src/disk/circuits.js'
import { compile } from '../src/zk/compile.js'
import { reference } from '../src/runtime/reference.js'
import {
  decodeProof,
  decodeSystem,
  formOf,
  powerOf,
  setUp as setUpKey,
  unsafeKey,
  unsafePowers,
  type ProvingKey,
} from '../src/zk/index.js'
import { startNode } from '../test/contracts/node.js'
import { proofGas, type Shown } from '../test/contracts/proof-gas.js'
import { fill, table, textOf, write } from '../scripts/markdown.js'
import { machine, print } from './measure.js'
import { CASES, drawInputs, type ZkCase } from './zk-cases.js'
import type { Model } from './zk-models.js'
import type { Taken } from './zk-prover.js'

const figures = new Map<string, Map<string, number>>()

function say(name: string, metric: string, value: number, unit: string): void {
  print({ bench: 'zk', case: name, metric, value, unit })
  const own = figures.get(name) ?? new Map<string, number>()
  figures.set(name, own.set(metric, value))
}

const seconds = (since: number): number => (performance.now() - since) / 1000

function draft({ model, baked, salted = {} }: ZkCase): Promise<Drafted> {
  const { program, state, given } = model()
  const whole = { inputs: false, model: false, outputs: false, ...salted }
  return draftCircuit(program, { scheme: 'groth16', given, salted: whole, ...(baked ? { baked: state } : {}) })
}

/** A kit with a development key, in a folder of its own. */
async function makeKit(name: string, drafted: Drafted, folder: string): Promise<ProvingKey> {
  const before = performance.now()
  const { r1cs, wasm } = await compile(drafted.circuit)
  say(name, 'compile-seconds', seconds(before), 's')
  say(name, 'constraints-compiled', decodeSystem(r1cs).constraints.length, 'constraints')
  await timeSetUp(name, r1cs)
  const compiled = performance.now()
  const { zkey, verification } = await unsafeKey(r1cs)
  say(name, 'unsafe-key-seconds', seconds(compiled), 's')
  say(name, 'key-bytes', zkey.length, 'bytes')
  await writeKit({ ...drafted, r1cs, wasm, zkey, verification }, folder)
  return { zkey, verification }
}

/** Beyond this a set-up takes many minutes: `npm run bench -- zk CASE --setup` measures it all the same. */
const PATIENT = 20_000

/** What the first key of a ceremony takes, from powers of tau that stand ready. */
async function timeSetUp(name: string, r1cs: Uint8Array): Promise<void> {
  const patient = process.argv.includes('--setup') || decodeSystem(r1cs).constraints.length <= PATIENT
  if (!patient) return
  const powers = await unsafePowers(powerOf(r1cs))
  const ready = performance.now()
  await setUpKey(r1cs, powers)
  say(name, 'setup-seconds', seconds(ready), 's')
}

const PROVER = fileURLToPath(new URL('zk-prover.ts', import.meta.url))

async function proveIn(name: string, folder: string): Promise<Taken> {
  const command = ['--import', 'tsx', PROVER, name, folder]
  const { stdout } = await promisify(execFile)(process.execPath, command, { maxBuffer: 1 << 24, timeout: 600_000 })
  return JSON.parse(stdout) as Taken
}

async function measure(name: string, drafted: Drafted): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-zk-'))
  try {
    const { verification: key } = await makeKit(name, drafted, join(folder, 'kit'))
    const taken = await proveIn(name, join(folder, 'kit'))
    say(name, 'witness-seconds', taken.witness, 's')
    say(name, 'prove-first-seconds', taken.first, 's')
    say(name, 'prove-seconds', taken.prove, 's')
    say(name, 'verify-seconds', taken.verify, 's')
    say(name, 'prove-memory', taken.memory, 'MB')
    const proof = decodeProof(utf8(taken.proof))
    say(name, 'proof-bytes', proof.bytes.length, 'bytes')
    say(name, 'gas', await gasOf(CASES[name].model(), { key, proof, form: formOf(drafted.circuit) }), 'gas')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A whole transaction that verifies the proof, and recomputes the root of its output where a contract may see that. */
async function gasOf(model: Model, shown: Omit<Shown, 'output'>): Promise<number> {
  const node = await startNode()
  try {
    const session = await reference().open(model.program, model.state)
    const { outputs } = await session.step(drawInputs(model))
    const output = shown.form.output && outputs[0]
    return (await proofGas(node, { ...shown, output })).verify
  } finally {
    await node.stop()
  }
}

const only = process.argv.find((word) => Object.hasOwn(CASES, word))
for (const [name, zkCase] of Object.entries(CASES)) {
  if (only !== undefined && only !== name) continue
  const drafted = await draft(zkCase)
  say(name, 'constraints', drafted.circuit.constraints, 'constraints')
  if (!zkCase.counted && !process.argv.includes('--count')) await measure(name, drafted)
}

/** Columns of the table: what they say, the metric, and how it is written. */
const COLUMNS: readonly (readonly [string, string, (value: number) => string])[] = [
  ['constraints', 'constraints', (n) => n.toLocaleString('en-US')],
  ['compiler s', 'compile-seconds', (s) => s.toFixed(1)],
  ['set-up s', 'setup-seconds', (s) => s.toFixed(0)],
  ['unsafe key s', 'unsafe-key-seconds', (s) => s.toFixed(1)],
  ['key MB', 'key-bytes', (n) => (n / 1e6).toFixed(1)],
  ['witness s', 'witness-seconds', (s) => s.toFixed(2)],
  ['proof s', 'prove-seconds', (s) => s.toFixed(2)],
  ['first s', 'prove-first-seconds', (s) => s.toFixed(2)],
  ['memory MB', 'prove-memory', (n) => n.toFixed(0)],
  ['verify ms', 'verify-seconds', (s) => (1000 * s).toFixed(0)],
  ['gas', 'gas', (n) => n.toLocaleString('en-US')],
]

async function writeTable(): Promise<void> {
  const rows = [...figures].map(([name, own]) => [
    name,
    ...COLUMNS.map(([, metric, text]) => (own.has(metric) ? text(own.get(metric)!) : '')),
  ])
  const head = `\`npm run bench -- zk --write\`, ${machine()}. Proofs have 256 bytes.`
  const made = [head, table(['case', ...COLUMNS.map(([name]) => name)], rows)].join('\n\n')
  await write('docs/zk.md', fill(textOf('docs/zk.md'), 'zk-figures', made))
}

if (process.argv.includes('--write')) await writeTable()
