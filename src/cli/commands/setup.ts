/** `countersign setup`: a program's circuit, compiled, with its keys. @module */
import type { Command } from 'commander'
import { join } from 'node:path'
import { toHex } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import { DTYPES } from '../../core/tensor.js'
import {
  demandNew,
  draftCircuit,
  isUnsafe,
  keyFile,
  writeKit,
  type CircuitChoice,
  type Drafted,
  type Kit,
} from '../../disk/index.js'
import { hash } from '../../exact/format.js'
import { inputsOf, parametersOf, type Program } from '../../exact/program.js'
import { bitsOf, type Interval } from '../../quantize/index.js'
import { compile } from '../../zk/compile.js'
import { checkKey, provingKeyOf, setUp, unsafeKey, type Scheme, type VerificationKey } from '../../zk/keys.js'
import { decodePowers, isUnsafePowers } from '../../zk/powers.js'
import { budgetLines, budgetOf } from '../budget.js'
import { command } from '../command.js'
import { size, time, type Result } from '../output.js'
import { pinned, pinsOf } from '../pins.js'
import { withProgress } from '../progress.js'
import { UNSAFE, drawSalt, hiddenOf, integerProgram, keyData, keyLine, tell, type IntegerProgram } from '../proving.js'
import { check, contribute, exported } from './setup-steps.js'

interface KeyWords {
  readonly unsafe?: boolean
  readonly powers?: string
  readonly powersHash?: string
  readonly key?: string
  readonly keyHash?: string
}

interface Options extends KeyWords {
  readonly out?: string
  readonly budget?: boolean
  readonly committed?: boolean
  readonly privateInputs?: boolean
  readonly privateModel?: boolean
  readonly privateOutputs?: boolean
  readonly scheme: string
  readonly bits?: string[]
  readonly state?: string
}

const SCHEMES = ['groth16', 'plonk'] as const

export function setup(): Command {
  const made = command<Options>(
    'setup',
    (c) =>
      c
        .description(
          'make a proving kit of an integer program: its circuit, compiled, with a proving and a verification key',
        )
        .argument('<program>', 'folder that quantize wrote, or a program.bin')
        .option('--out <dir>', 'folder for the kit; must not exist')
        .option('--budget', 'only say what the circuit will cost')
        .option(
          '--committed',
          'weights come with each proof, so that one key serves all; default: they are constants of the circuit',
        )
        .option('--private-inputs', 'hide the inputs behind a salt')
        .option('--private-model', 'hide the weights behind a salt')
        .option('--private-outputs', 'hide the outputs behind a salt')
        .option(
          '--bits <name=count...>',
          'how many bits an input or a committed parameter has at most; default: those of its type, of wide weights those that they need',
        )
        .option('--state <file>', 'the weights of a program.bin')
        .option('--scheme <name>', SCHEMES.join(', '), 'groth16')
        .option('--unsafe', 'make a development key, with which anybody can forge proofs')
        .option('--powers <file>', 'powers of tau (.ptau), prepared for phase 2')
        .option(
          '--powers-hash <hex>',
          'SHA-256 or BLAKE2b-512 of that file, from where you trust it; without one they are checked point by point, which takes minutes',
        )
        .option('--key <file>', 'the key (.zkey) of a ceremony for just this circuit')
        .option('--key-hash <hex>', 'the same of that key'),
    async ([path], options) => {
      const began = performance.now()
      const { scheme, drafted, budget } = await drawn(path, options)
      if (options.budget === true) return budgetResult(drafted, scheme)
      tell(...budgetLines(budget, scheme))
      demandKeyWords(options)
      demand(options.out !== undefined, 'cli/usage', () => '--out says where the kit goes')
      await demandNew(options.out)
      const kit = await kitOf(drafted, options)
      await writeKit(kit, options.out)
      return resultOf(kit, { out: options.out, spent: performance.now() - began })
    },
  )
  return made
    .addHelpText('after', HELP)
    .enablePositionalOptions()
    .addCommand(contribute())
    .addCommand(check())
    .addCommand(exported())
}

const HELP = [
  '',
  'The budget of constraints is told before anything is compiled; --budget ends there. A kit is for whoever proves. Who verifies needs',
  'its verification-key.json, and its circuit.json to compare tensors with what was proven.',
  '',
  'Examples:',
  '  countersign setup digits8 --private-inputs --budget',
  '  countersign setup digits8 --private-inputs --unsafe --out kit             a development key: unsafe, for trying out',
  '  countersign setup digits8 --private-inputs --powers pot16.ptau --powers-hash HEX --out begun',
  '  countersign setup contribute begun/initial.zkey --name alice --out alice.zkey',
  '  countersign setup digits8 --private-inputs --powers pot16.ptau --powers-hash HEX --key alice.zkey --key-hash HEX --out kit',
  '  countersign setup check kit --powers pot16.ptau --powers-hash HEX          anybody: compile again and check the key',
].join('\n')

// ---------------------------------------------------------------- the circuit

async function drawn(path: string, options: Options) {
  const scheme = schemeFrom(options.scheme)
  const given = await integerProgram(path, options.state)
  const drafted = await draftCircuit(given.program, choiceFrom(given, { ...options, scheme }))
  return { scheme, drafted, budget: budgetOf(drafted.circuit, scheme) }
}

function schemeFrom(word: string): Scheme {
  const known = SCHEMES.find((name) => name === word)
  demand(known !== undefined, 'cli/usage', () => `no scheme "${word}"`, { hint: SCHEMES.join(', ') })
  return known
}

function choiceFrom(
  { program, state, inputs }: IntegerProgram,
  options: Omit<Options, 'scheme'> & { scheme: Scheme },
): CircuitChoice {
  const { committed = false, scheme, privateModel = false } = options
  demandWeights(program, { state, committed })
  const salted = {
    inputs: options.privateInputs === true,
    model: privateModel,
    outputs: options.privateOutputs === true,
  }
  const common = { scheme, inputs, salted, given: givenFrom({ program, state, inputs }, options) }
  if (committed) return common
  return { ...common, baked: state, modelSalt: privateModel ? drawSalt() : undefined }
}

function demandWeights(program: Program, { state, committed }: { state: unknown; committed: boolean }): void {
  if (committed) return
  demand(program.carries.length === 0, 'cli/usage', () => 'a program that changes its weights has them as inputs', {
    hint: 'say --committed',
  })
  demand(state !== undefined, 'cli/usage', () => 'no weights to make constants of', {
    hint: 'give --state FILE, or --committed where each proof brings its own',
  })
}

/** Parameters and inputs by name, with their types. */
function namedTypes(program: Program) {
  const { parameters, inputs } = program.names
  return [
    ...parametersOf(program).map(({ dtype }, i) => ({ name: parameters[i], dtype, position: i })),
    ...inputsOf(program).map(({ dtype }, i) => ({ name: inputs[i], dtype, position: undefined })),
  ]
}

/** Integers of more bits than this are bounded by the weights that are there: proofs about all of 64 bits cost much, or cannot be. */
const WIDE = 4

/** The interval of each name: that of --bits, and of wide committed weights the whole bits that they need. */
function givenFrom({ program, state }: IntegerProgram, { bits = [], committed }: Pick<Options, 'bits' | 'committed'>) {
  const words = new Map(bits.map(splitBits))
  const given: Record<string, Interval> = {}
  for (const { name, dtype, position } of namedTypes(program)) {
    const signed = DTYPES[dtype].kind === 'signed'
    const count = words.get(name)
    const weights = position === undefined ? undefined : state?.[position]
    if (count !== undefined) given[name] = ofBits(count, signed)
    else if (committed && weights !== undefined && DTYPES[dtype].bytes > WIDE) given[name] = around(weights.data)
    words.delete(name)
  }
  demand(
    words.size === 0,
    'cli/usage',
    () => `the program has no input or parameter "${[...words.keys()].join('", "')}"`,
  )
  return given
}

function splitBits(word: string): [string, number] {
  const at = word.lastIndexOf('=')
  const count = Number(word.slice(at + 1))
  const fits = at > 0 && Number.isInteger(count) && count >= 1 && count <= 63
  demand(fits, 'cli/usage', () => '--bits is NAME=COUNT, of 1 to 63 bits', { found: word.slice(0, 80) })
  return [word.slice(0, at), count]
}

function ofBits(count: number, signed: boolean): Interval {
  const half = 1n << BigInt(count - 1)
  return signed ? { lo: -half, hi: half - 1n } : { lo: 0n, hi: 2n * half - 1n }
}

function around(data: Iterable<number | bigint>): Interval {
  const values = Array.from(data, BigInt)
  const width = values.reduce((most, value) => Math.max(most, bitsOf({ lo: value, hi: value })), 1)
  return ofBits(Math.min(63, width + 1), true)
}

function budgetResult({ circuit }: Drafted, scheme: Scheme): Result {
  const budget = budgetOf(circuit, scheme)
  return {
    outcome: 'done',
    data: { program: toHex(hash(circuit.program)), scheme, ...budget },
    lines: budgetLines(budget, scheme),
  }
}

// ---------------------------------------------------------------- keys

/** Nobody gets a key that can be forged with without having said so. */
function demandKeyWords({ unsafe, powers, powersHash, key, keyHash }: KeyWords): void {
  demand(unsafe === true || powers !== undefined, 'cli/usage', () => 'a key needs powers of tau from a ceremony', {
    hint: 'give --powers FILE.ptau, or --unsafe for a development key with which anybody can forge proofs',
  })
  demand(powers !== undefined || (powersHash ?? key ?? keyHash) === undefined, 'cli/usage', () => '--powers is missing')
  demand(key !== undefined || keyHash === undefined, 'cli/usage', () => '--key-hash belongs to --key')
}

async function kitOf(drafted: Drafted, options: KeyWords): Promise<Kit> {
  return withProgress('setup', async ({ report }) => {
    const { circuit, choice } = drafted
    const powers = await powersOf(drafted, options)
    report(0, 2, 'compiling')
    const { r1cs, wasm } = await compile(circuit)
    report(1, 2, 'making keys')
    return { ...drafted, r1cs, wasm, ...(await keysOf(r1cs, { ...options, powers }, choice.scheme)) }
  })
}

/** The powers of tau, looked at before anything takes long. */
async function powersOf({ circuit, choice }: Drafted, words: KeyWords): Promise<Uint8Array | undefined> {
  if (words.powers === undefined) return undefined
  const powers = await pinned(words.powers, words.powersHash)
  const known = decodePowers(powers)
  const { power } = known
  const needed = budgetOf(circuit, choice.scheme).power
  demand(needed <= power, 'zk/powers-too-small', () => 'the circuit is larger than the powers of tau', {
    expected: `2^${needed}`,
    found: `2^${power}`,
  })
  demand(
    !isUnsafePowers(known) || words.unsafe === true,
    'zk/unsafe-key',
    () => 'these are the unsafe development powers of tau',
    {
      hint: '--unsafe says that you know',
    },
  )
  return powers
}

interface Keys {
  readonly zkey: Uint8Array
  readonly verification: VerificationKey | undefined
}

/** How keys are made, with the powers of tau that were read. */
type Making = Omit<KeyWords, 'powers'> & { readonly powers: Uint8Array | undefined }

async function keysOf(r1cs: Uint8Array, making: Making, scheme: Scheme): Promise<Keys> {
  const { unsafe, powers, powersHash, key, keyHash } = making
  if (powers === undefined) return unsafeKey(r1cs, { scheme })
  if (key !== undefined) {
    const pins = pinsOf(powers, powersHash)
    return checkKey(await pinned(key, keyHash), { r1cs, powers, pins, allowUnsafe: unsafe })
  }
  if (unsafe === true) return unsafeKey(r1cs, { scheme, powers })
  const zkey = await setUp(r1cs, powers, { scheme })
  return scheme === 'plonk' ? provingKeyOf(zkey) : { zkey, verification: undefined }
}

function resultOf(kit: Kit, { out, spent }: { out: string; spent: number }): Result {
  const { circuit, choice, zkey, verification } = kit
  const file = join(out, keyFile(verification))
  const unsafe = verification !== undefined && isUnsafe(verification)
  return {
    outcome: 'done',
    data: {
      folder: out,
      program: toHex(hash(circuit.program)),
      ...budgetOf(circuit, choice.scheme),
      scheme: choice.scheme,
      committed: choice.baked === undefined,
      private: circuit.salted,
      key: verification === undefined ? null : keyData(verification),
      file,
      milliseconds: spent,
    },
    lines: [
      `program   ${toHex(hash(circuit.program))}, weights ${choice.baked === undefined ? 'committed' : 'constants'}`,
      `hidden    ${hiddenOf(circuit.salted)}${Object.values(circuit.salted).includes(true) ? '' : ': roots bind, but whoever guesses a tensor knows that the guess was right'}`,
      ...(verification === undefined ? UNFINISHED : [keyLine(verification)]),
      `written   ${file} (${size(zkey.length)}${unsafe ? `; ${UNSAFE}` : ''}), ${time(spent)}`,
    ],
    next: nextOf(out, kit),
  }
}

const UNFINISHED = [
  'key       none yet: nobody contributed, and with this file as it is anybody could forge proofs',
  '          each contributor adds a secret and forgets it; one that does is enough. Then run setup again with --key and the last file',
]

function nextOf(out: string, { circuit, choice, verification }: Kit): string[] {
  if (verification === undefined)
    return [`countersign setup contribute ${join(out, 'initial.zkey')} --name NAME --out NAME.zkey`]
  const state = choice.baked === undefined ? ' --state FILE' : ''
  const salts = Object.values(circuit.salted).includes(true) ? ' --salt-out salts.json' : ''
  return [
    `countersign prove ${out} --input FILE${state} --context 0${salts} --out proof.json`,
    `countersign verify-proof proof.json --key ${join(out, 'verification-key.json')}${isUnsafe(verification) ? ' --allow-unsafe' : ''}`,
  ]
}
