/** `countersign setup`: a program's circuit, compiled, with its keys. @module */
import type { Command } from 'commander'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { equal, toHex, utf8 } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import { DTYPES } from '../../core/tensor.js'
import {
  demandNew,
  draftCircuit,
  isUnsafe,
  keyFile,
  readKit,
  writeKit,
  writeWhole,
  type CircuitChoice,
  type Drafted,
  type Kit,
} from '../../disk/index.js'
import { hash } from '../../exact/format.js'
import { inputsOf, parametersOf, type Program } from '../../exact/program.js'
import { bitsOf, type Interval } from '../../quantize/index.js'
import { sha256 } from '../../core/sha256.js'
import { hex0x } from '../../receipt/typed-data.js'
import { compile } from '../../zk/compile.js'
import { calldataOf, solidityVerifier } from '../../zk/export.js'
import {
  checkKey,
  powerOf,
  provingKeyOf,
  contribute as contributeTo,
  setUp,
  unsafeKey,
  type Pins,
  type ProvingKey,
  type Scheme,
  type VerificationKey,
} from '../../zk/keys.js'
import { decodePowers, isUnsafePowers, unsafePowers } from '../../zk/powers.js'
import { decodeProof } from '../../zk/prove.js'
import { budgetLines, budgetOf } from '../budget.js'
import { command } from '../command.js'
import { read } from '../files.js'
import { size, time, type Result } from '../output.js'
import { withProgress } from '../progress.js'
import {
  UNSAFE,
  drawSalt,
  hiddenOf,
  integerProgram,
  keyData,
  keyLine,
  tell,
  type IntegerProgram,
  unsafeMark,
} from '../proving.js'

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

/** Powers of tau that were compared with a hash, of whatever kind, are believed; others are checked point by point, which takes long. */
const pinsOf = (powers: Uint8Array, word: string | undefined): Pins =>
  word === undefined ? {} : { powers: toHex(sha256(powers)) }

/** A file, compared with the hash that was told for it. */
async function pinned(path: string, word: string | undefined): Promise<Uint8Array> {
  const bytes = await read(path)
  if (word !== undefined) demandHash(bytes, word, path)
  return bytes
}

/** SHA-256, or BLAKE2b-512, in which ceremonies publish their powers of tau. @throws Fault `zk/wrong-hash`. */
function demandHash(bytes: Uint8Array, word: string, path: string): void {
  const expected = word.replace(/^0x/, '').toLowerCase()
  const kind = { 64: 'sha256', 128: 'blake2b512' }[/^[0-9a-f]*$/.test(expected) ? expected.length : 0]
  demand(kind !== undefined, 'cli/usage', () => 'a hash is SHA-256 (64 hexadecimal digits) or BLAKE2b-512 (128)')
  const found = createHash(kind).update(bytes).digest('hex')
  demand(found === expected, 'zk/wrong-hash', () => path, { expected, found })
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

// ---------------------------------------------------------------- contribute

interface ContributeWords {
  readonly name: string
  readonly entropy?: string
  readonly out: string
}

function contribute(): Command {
  return command<ContributeWords>(
    'contribute',
    (c) =>
      c
        .description('add your secret to a key (.zkey), and forget it: who trusts one contributor trusts the key')
        .argument('<key>', 'initial.zkey, or the file of whoever contributed before you')
        .requiredOption('--name <name>', 'how the contribution is called, in public')
        .option('--entropy <file>', 'a file of your own randomness, beside that of this machine')
        .requiredOption('--out <file>', 'the key after your contribution; must not exist'),
    async ([path], { name, entropy: file, out }) => {
      await demandNew(out)
      const own = file === undefined ? '' : toHex(sha256(await read(file)))
      const entropy = `${randomBytes(64).toString('hex')}${own}`
      const zkey = await withProgress('contribute', async () => contributeTo(await read(path), { name, entropy }))
      await writeWhole(out, zkey)
      const digest = toHex(sha256(zkey))
      return {
        outcome: 'done',
        data: { name, out, sha256: digest, bytes: zkey.length },
        lines: [
          `written  ${out} (${size(zkey.length)})`,
          `hash     ${digest} (SHA-256 of the file: publish it with your name)`,
          'hand on  the file to the next contributor, or to "setup --key"; your secret was never written',
        ],
        next: [`countersign setup contribute ${out} --name NAME --out NAME.zkey`],
      }
    },
  )
}

// ---------------------------------------------------------------- check

function check(): Command {
  return command<KeyWords>(
    'check',
    (c) =>
      c
        .description(
          'compile the circuit of a kit again, and check its key against it: for whoever is to believe in its proofs',
        )
        .argument('<kit>', "a kit's folder")
        .option('--powers <file>', 'the powers of tau that the key was made from')
        .option(
          '--powers-hash <hex>',
          'SHA-256 or BLAKE2b-512 of that file, from where you trust it; without one they are checked point by point, which takes minutes',
        )
        .option('--key-hash <hex>', 'the same of the proving key')
        .option('--unsafe', 'a development key is no fault; without --powers, one from the unsafe development powers'),
    async ([path], { powers: file, powersHash, keyHash, unsafe }) => {
      demand(file !== undefined || unsafe === true, 'cli/usage', () => '--powers says what the key was made from')
      const kit = await readKit(path)
      if (keyHash !== undefined) demandHash(kit.zkey, keyHash, keyFile(kit.verification))
      const given = file === undefined ? undefined : await pinned(file, powersHash)
      const key = await withProgress('check', async () => {
        const { r1cs } = await compile(kit.circuit)
        demand(equal(sha256(r1cs), sha256(kit.r1cs)), 'zk/bad-kit', () => 'the program has another constraint system')
        const powers = given ?? (await unsafePowers(powerOf(r1cs, kit.choice.scheme)))
        return checkKey(kit.zkey, { r1cs, powers, pins: pinsOf(powers, powersHash), allowUnsafe: unsafe })
      })
      demandSameKey(key, kit)
      return checkedResult(kit, key.verification)
    },
  )
}

function demandSameKey({ verification }: ProvingKey, kit: Kit): void {
  const same = kit.verification !== undefined && equal(verification.hash, kit.verification.hash)
  demand(same, 'zk/bad-kit', () => 'verification-key.json is that of another key')
}

function checkedResult({ circuit }: Kit, verification: VerificationKey): Result {
  const program = toHex(hash(circuit.program))
  return {
    outcome: 'valid',
    data: { program, constraints: circuit.constraints, key: keyData(verification) },
    lines: [
      keyLine(verification),
      `circuit   that of program ${program}: compiled again to the same ${circuit.constraints.toLocaleString('en-US')} constraints`,
      isUnsafe(verification)
        ? `trust     none: the key is ${UNSAFE}`
        : 'trust     proofs hold if one contributor forgot the secret; what the powers of tau are worth is said by their hash alone',
    ],
  }
}

// ---------------------------------------------------------------- export

interface ExportWords {
  readonly out: string
  readonly proof?: string
}

function exported(): Command {
  return command<ExportWords>(
    'export',
    (c) =>
      c
        .description("write a kit's verifier as Solidity, and the call that shows it a proof")
        .argument('<kit>', "a kit's folder")
        .requiredOption('--out <file>', 'the .sol file; must not exist')
        .option('--proof <file>', 'print the calldata of this proof')
        .addHelpText(
          'after',
          "\nThe source is snarkjs' own: GPL-3.0, and of PLONK without a check that public inputs are below the order of the field. The\ncontracts of this package (deploy-verifier) need neither.",
        ),
    async ([path], { out, proof: file }) => {
      await demandNew(out)
      const { zkey, verification } = await readKit(path)
      demand(verification !== undefined, 'zk/no-contribution', () => 'the key of this kit is not finished')
      const calldata = file === undefined ? undefined : hex0x(calldataOf(decodeProof(await read(file, 1 << 13))))
      const source = await withProgress('export', () => solidityVerifier({ verification, zkey }))
      await writeWhole(out, utf8(source))
      return {
        outcome: 'done',
        data: { file: out, key: keyData(verification), calldata: calldata ?? null },
        lines: [
          keyLine(verification),
          `written   ${out} (${unsafeMark(verification)}verifier, ${size(source.length)})`,
          ...(calldata === undefined ? [] : [`calldata  ${calldata}`]),
        ],
      }
    },
  )
}
