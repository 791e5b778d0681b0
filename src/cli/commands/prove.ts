/** `countersign prove`: a run of a program, and a zero-knowledge proof of it. @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import type { Tensor } from '../../core/tensor.js'
import { inputsFor } from '../../disk/circuits.js'
import { demandNew, isUnsafe, readKit, writeWhole, type Kit } from '../../disk/index.js'
import { hash } from '../../exact/format.js'
import type { Runtime } from '../../runtime/runtime.js'
import { encodeState } from '../../trace/state.js'
import { prove as proveWitness, encodeProof, publicWords, type Proof } from '../../zk/prove.js'
import { publicsOf, type Publics, type Run } from '../../zk/publics.js'
import { decodeSystem, verifyWitness } from '../../zk/r1cs.js'
import { generator, signalsOf } from '../../zk/witness.js'
import { command } from '../command.js'
import { size, time, type Result } from '../output.js'
import { withProgress } from '../progress.js'
import {
  circuitInputs,
  contextFrom,
  demandNamed,
  drawSalt,
  keyData,
  keyLine,
  publicsData,
  saltsFrom,
  stateFrom,
  tensorsJson,
  withContextWords,
  writeSalts,
  type ContextWords,
  type Salts,
} from '../proving.js'
import { RUNTIME_NAMES, safeRuntime } from '../runtimes.js'

interface Options extends ContextWords {
  readonly input: string[]
  readonly state?: string
  readonly salts?: string
  readonly saltOut?: string
  readonly outputOut?: string
  readonly stateOut?: string
  readonly runtime: string
  readonly out?: string
  readonly rootsOnly?: boolean
}

export function prove(): Command {
  return command<Options>(
    'prove',
    (c) =>
      withContextWords(
        c
          .description('run the program of a kit, and prove the run in zero knowledge')
          .argument('<kit>', 'folder that setup wrote')
          .option('--input <file...>', 'inputs in order, or name=FILE (.pb, .npy, .json)', [])
          .option('--state <file>', 'the weights, where the kit has them as inputs: a state.bin, or a folder with one'),
      )
        .option('--salts <file>', 'salts to hide with, as --salt-out wrote them; default: new ones')
        .option('--salt-out <file>', 'write the salts: with them, and with nothing less, you can open what you hid')
        .option('--output-out <file>', 'write the outputs as JSON, for verify-proof')
        .option('--state-out <file>', 'of a training step: write the weights after it, for the next step')
        .option('--runtime <name>', RUNTIME_NAMES.join(', '), 'ort-node')
        .option(
          '--roots-only',
          'only say what a proof would be about: a job names statement and rootIn before the work is done',
        )
        .option('--out <file>', 'the proof; must not exist')
        .addHelpText('after', HELP),
    async ([path], options) => {
      demand(
        options.rootsOnly === true || options.out !== undefined,
        'cli/usage',
        () => '--out says where the proof goes',
      )
      for (const file of [options.out, options.saltOut]) if (file !== undefined) await demandNew(file)
      const began = performance.now()
      const kit = await readKit(path)
      const run = await runOf(kit, options)
      const publics = publicsOf(kit.circuit, run)
      await demandNamed(options, { program: hash(kit.circuit.program), ...publics })
      if (options.saltOut !== undefined) await writeSalts(options.saltOut, run.salts ?? {})
      if (options.outputOut !== undefined)
        await writeWhole(options.outputOut, tensorsJson(kit.circuit.program.names.outputs, run.outputs))
      if (options.stateOut !== undefined) await writeStateAfter(options.stateOut, run)
      if (options.rootsOnly === true) return rootsResult(publics)
      const proof = await provenBy(kit, run, publics)
      await writeWhole(options.out!, encodeProof(proof))
      return resultOf({ kit, proof, run }, { options, spent: performance.now() - began })
    },
  )
}

const HELP = [
  '',
  'A proof is bound to what it is made for by its context: a job and its provider (--job, --provider), or any number (--context).',
  'The witness comes from an exact run, and its outputs are compared with those of the circuit before anything is proven.',
  '',
  'Examples:',
  '  countersign prove kit --input digit.json --context 0 --salt-out salts.json --output-out output.json --out proof.json',
  '  countersign prove kit --input digit.json --salts salts.json --job job.json --provider 0x... --out proof.json',
  '  countersign prove step --state state.bin --input x=x.npy t=t.npy --context 0 --state-out next.bin --out proof.json',
].join('\n')

// ---------------------------------------------------------------- the run

async function runOf(kit: Kit, options: Options): Promise<Run> {
  const { circuit, choice } = kit
  const state = choice.baked ?? (await stateOf(kit, options))
  demand(
    choice.baked === undefined || options.state === undefined,
    'cli/usage',
    () => 'the weights of this kit are constants',
  )
  const inputs = await circuitInputs(inputsFor(kit), options.input)
  const salts = await saltsOf(kit, options)
  const context = options.rootsOnly === true ? 0n : await contextFrom(options)
  const runtime = safeRuntime(options.runtime)
  return { state, inputs, context, salts, ...(await ran(runtime, circuit.program, { state, inputs })) }
}

async function stateOf({ circuit }: Kit, { state }: Options): Promise<Tensor[]> {
  demand(state !== undefined, 'cli/usage', () => '--state gives the weights', {
    hint: 'this kit has one key for all weights: a state.bin, or the folder that quantize wrote',
  })
  return stateFrom(state, circuit.program)
}

/** What the program gives, by the exact runtime. */
async function ran(
  runtime: Runtime,
  program: Kit['circuit']['program'],
  { state, inputs }: { state: readonly Tensor[]; inputs: readonly Tensor[] },
): Promise<Pick<Run, 'outputs' | 'stateAfter'>> {
  const session = await runtime.open(program, state)
  try {
    const { outputs } = await session.step(inputs)
    return program.carries.length === 0 ? { outputs } : { outputs, stateAfter: session.state }
  } finally {
    await session.close()
  }
}

/** A salt for each thing that the circuit hides: that of the kit, a given one, or a new one, which must be kept. */
async function saltsOf({ circuit, choice }: Kit, { salts: file, saltOut }: Options): Promise<Salts> {
  const given = file === undefined ? {} : await saltsFrom(file)
  const known = { ...given, ...(choice.modelSalt === undefined ? {} : { model: choice.modelSalt }) }
  const hidden = SALTED.filter((what) => circuit.salted[what])
  const lacking = hidden.filter((what) => known[what] === undefined)
  demand(
    lacking.length === 0 || saltOut !== undefined,
    'cli/usage',
    () => `no salt to hide ${lacking.join(' and ')} with`,
    {
      hint: '--salt-out FILE draws new ones and keeps them, --salts FILE takes those of before',
    },
  )
  return Object.fromEntries(hidden.map((what) => [what, known[what] ?? drawSalt()]))
}

const SALTED = ['inputs', 'model', 'outputs'] as const

async function writeStateAfter(path: string, { stateAfter }: Run): Promise<void> {
  demand(stateAfter !== undefined, 'cli/usage', () => '--state-out is for programs that change their weights')
  await writeWhole(path, Buffer.concat(encodeState(stateAfter)))
}

// ---------------------------------------------------------------- the proof

async function provenBy(kit: Kit, run: Run, publics: Publics): Promise<Proof> {
  const { circuit, r1cs, wasm, zkey, verification } = kit
  demand(verification !== undefined, 'zk/no-contribution', () => 'the key of this kit is not finished', {
    hint: 'countersign setup contribute, then countersign setup --key',
  })
  return withProgress('prove', async ({ report }) => {
    report(0, 2, 'witness')
    const witness = (await generator(wasm)).witness(signalsOf(circuit, run))
    demandSame(publics, verifyWitness(decodeSystem(r1cs), witness))
    report(1, 2, 'proof')
    return proveWitness({ verification, zkey }, witness)
  })
}

/** The circuit must say of the run what the exact runtime computed. */
function demandSame(publics: Publics, found: readonly bigint[]): void {
  const expected = publicWords(publics)
  const at = expected.findIndex((value, i) => value !== found[i])
  demand(at < 0, 'zk/bad-kit', () => `the circuit gives another ${PUBLICS[at]} than the program`, {
    expected: String(expected[at]),
    found: String(found[at]),
  })
}

const PUBLICS = ['statement', 'rootIn', 'rootOut', 'context'] as const

function rootsResult(publics: Publics): Result {
  const { statement, rootIn, rootOut } = publics
  return {
    outcome: 'done',
    data: { statement: String(statement), rootIn: String(rootIn), rootOut: String(rootOut) },
    lines: [`statement ${statement}`, `rootIn    ${rootIn}`, `rootOut   ${rootOut}`],
    next: [`countersign job new PROGRAM --input FILE --policy proven:${statement}:${rootIn} --deployment FILE`],
  }
}

function resultOf(
  { kit, proof, run }: { kit: Kit; proof: Proof; run: Run },
  { options, spent }: { options: Options; spent: number },
): Result {
  const { publics } = proof
  const verification = kit.verification!
  const unsafe = isUnsafe(verification)
  const { names } = kit.circuit.program
  return {
    outcome: 'done',
    data: {
      proof: options.out,
      program: toHex(hash(kit.circuit.program)),
      key: keyData(verification),
      ...publicsData(publics),
      outputs: JSON.parse(new TextDecoder().decode(tensorsJson(names.outputs, run.outputs))) as unknown,
      bytes: proof.bytes.length,
      milliseconds: spent,
    },
    lines: [
      ...run.outputs.map(({ data }, i) => `output    ${names.outputs[i]}: ${shortList(data)}`),
      `statement ${publics.statement}`,
      `rootIn    ${publics.rootIn}`,
      `rootOut   ${publics.rootOut}`,
      `context   ${publics.context}`,
      keyLine(verification),
      `written   ${options.out} (${unsafe ? 'unsafe ' : ''}proof of ${size(proof.bytes.length)}), ${time(spent)}`,
      ...(options.saltOut === undefined ? [] : [`salts     ${options.saltOut}: keep them, and keep them to yourself`]),
    ],
    next: [`countersign verify-proof ${options.out} --key verification-key.json${unsafe ? ' --allow-unsafe' : ''}`],
  }
}

/** Elements for people. */
function shortList(data: Tensor['data']): string {
  const shown = Array.from(data.slice(0, 12) as ArrayLike<number | bigint>, String).join(', ')
  return data.length > 12 ? `${shown}, ... (${data.length})` : shown
}
