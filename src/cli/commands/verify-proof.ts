/** `countersign verify-proof`: check a zero-knowledge proof, and say exactly what it shows. @module */
import type { Command } from 'commander'
import { equal, toHex } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import type { Tensor, TensorType } from '../../core/tensor.js'
import { decodeCircuit, isUnsafe, type CircuitRecord } from '../../disk/index.js'
import { decode as decodeProgram, hash } from '../../exact/format.js'
import { commit, commitList, rootOutOf, statementOf, type Layout } from '../../zk/commit.js'
import { decodeVerificationKey, type VerificationKey } from '../../zk/keys.js'
import { decodeProof, verifyProof as verify, type Proof } from '../../zk/prove.js'
import type { Publics } from '../../zk/publics.js'
import { command } from '../command.js'
import { read } from '../files.js'
import type { Result } from '../output.js'
import {
  circuitInputs,
  contextFrom,
  elementFrom,
  hasContext,
  keyData,
  keyLine,
  namedOutputs,
  publicsData,
  saltsFrom,
  tensorsFrom,
  withContextWords,
  type ContextWords,
  type Salts,
} from '../proving.js'

interface Options extends ContextWords {
  readonly key: string
  readonly allowUnsafe?: boolean
  readonly circuit?: string
  readonly program?: string
  readonly statement?: string
  readonly rootIn?: string
  readonly rootOut?: string
  readonly input?: string[]
  readonly output?: string[]
  readonly state?: string
  readonly stateAfter?: string
  readonly salts?: string
}

export function verifyProof(): Command {
  return command<Options>(
    'verify-proof',
    (c) =>
      withContextWords(
        c
          .description('check a zero-knowledge proof: what it shows, and what is only claimed')
          .argument('<proof>', 'proof.json')
          .requiredOption('--key <file>', 'verification-key.json, from where you trust it')
          .option('--allow-unsafe', 'take a development key, with which anybody can forge proofs')
          .option('--circuit <file>', 'circuit.json of the kit: how tensors become roots')
          .option('--program <file>', 'program.bin: its hash is compared with that of the circuit')
          .option('--input <file...>', 'tensors whose root must be rootIn')
          .option('--output <file...>', 'tensors whose root must be rootOut')
          .option('--state <file>', 'weights (state.bin) whose root must be in the statement')
          .option('--state-after <file>', 'of a training step: weights whose root must be rootOut')
          .option('--salts <file>', 'salts of what was hidden, where its owner opens it')
          .option('--statement <number>', 'the statement that is expected')
          .option('--root-in <number>', 'the root of inputs that is expected')
          .option('--root-out <number>', 'the root of outputs that is expected'),
      ).addHelpText('after', HELP),
    async ([path], options) => {
      const verification = decodeVerificationKey(await read(options.key, 1 << 20))
      const proof = decodeProof(await read(path, 1 << 16))
      const publics = await verify(proof, verification, { allowUnsafe: options.allowUnsafe })
      const circuit = options.circuit === undefined ? undefined : decodeCircuit(await read(options.circuit, 1 << 22))
      const checks = await checksOf({ publics, circuit, options })
      return resultOf({ proof, verification, circuit, checks })
    },
  )
}

const HELP = [
  '',
  'A proof shows: whoever made it knew inputs with rootIn, and weights with the root in the statement, from which the program of the',
  'key gives outputs with rootOut. Whose numbers these are is shown by what you give here: tensors, or numbers that you expect.',
  'Exit codes: 0 the proof holds and all you gave agrees with it, 1 it does not.',
  '',
  'Examples:',
  '  countersign verify-proof proof.json --key verification-key.json',
  '  countersign verify-proof proof.json --key verification-key.json --circuit circuit.json --output output.json',
  '  countersign verify-proof proof.json --key verification-key.json --job job.json --provider 0x...',
].join('\n')

// ---------------------------------------------------------------- checks

type PublicName = keyof Publics

/** What a public input was compared with. */
interface Check {
  readonly name: PublicName
  readonly by: string
}

interface Case {
  readonly publics: Publics
  readonly circuit: CircuitRecord | undefined
  readonly options: Options
}

/** Everything that the caller knows, compared with what was proven. */
async function checksOf(the: Case): Promise<Check[]> {
  return [...numberChecks(the), ...(await tensorChecks(the)), ...(await contextChecks(the))]
}

/** @throws Fault `zk/wrong-public`. */
function agreed(publics: Publics, { name, by, value }: Check & { readonly value: bigint }): Check {
  const found = publics[name]
  demand(found === value, 'zk/wrong-public', () => `${name} is not that of ${by}`, {
    expected: String(value),
    found: String(found),
  })
  return { name, by }
}

function numberChecks({ publics, options }: Case): Check[] {
  const given = [
    ['statement', options.statement],
    ['rootIn', options.rootIn],
    ['rootOut', options.rootOut],
  ] as const
  return given.flatMap(([name, word]) =>
    word === undefined ? [] : [agreed(publics, { name, value: elementFrom(word, name), by: 'the number you expect' })],
  )
}

async function contextChecks({ publics, options }: Case): Promise<Check[]> {
  if (!hasContext(options)) return []
  const value = await contextFrom(options)
  const by = options.job === undefined ? 'the number you expect' : `the job, for provider ${options.provider}`
  return [agreed(publics, { name: 'context', value, by })]
}

async function tensorChecks({ publics, circuit, options }: Case): Promise<Check[]> {
  const { input, output, state, stateAfter, program, salts: file } = options
  const given = [input, output, state, stateAfter, program].some((word) => word !== undefined)
  demand(!given || circuit !== undefined, 'cli/usage', () => '--circuit says how tensors become roots')
  if (circuit === undefined) return []
  const salts = file === undefined ? {} : await saltsFrom(file)
  const known: Known = { publics, circuit, options, salts }
  return [...(await statementChecks(known)), ...(await inputChecks(known)), ...(await outputChecks(known))]
}

interface Known extends Case {
  readonly circuit: CircuitRecord
  readonly salts: Salts
}

async function statementChecks({ publics, circuit, options, salts }: Known): Promise<Check[]> {
  if (options.program !== undefined) await demandProgram(circuit, options.program)
  const root =
    options.state === undefined ? circuit.model : await rootOfState(options.state, { circuit, salt: salts.model })
  if (root === undefined) return []
  const weights = options.state === undefined ? 'the weights that the circuit names' : 'these weights'
  const by = `program ${toHex(circuit.program)} and ${weights}`
  return [agreed(publics, { name: 'statement', value: statementOf(circuit.program, root), by })]
}

async function demandProgram(circuit: CircuitRecord, path: string): Promise<void> {
  const [expected, found] = [hash(decodeProgram(await read(path))), circuit.program]
  demand(equal(expected, found), 'zk/wrong-public', () => 'the circuit is that of another program', {
    expected: toHex(expected),
    found: toHex(found),
  })
}

async function rootOfState(
  path: string,
  { circuit, salt }: { circuit: CircuitRecord; salt?: bigint },
): Promise<bigint> {
  const { parameters } = circuit.layouts
  return rootOf(await tensorsFrom(path, parameters), parameters, { salt, what: 'weights' })
}

async function inputChecks({ publics, circuit, options, salts }: Known): Promise<Check[]> {
  if (options.input === undefined) return []
  const inputs = await circuitInputs(circuit.inputs, options.input)
  const value = rootOf(inputs, circuit.layouts.inputs, { salt: salts.inputs, what: 'inputs' })
  return [agreed(publics, { name: 'rootIn', value, by: 'these inputs' })]
}

async function outputChecks({ publics, circuit, options, salts }: Known): Promise<Check[]> {
  const { output, stateAfter } = options
  if (output === undefined && stateAfter === undefined) return []
  const { outputs: layouts } = circuit.layouts
  const tensors = output && (await namedOutputs(circuit.layouts.outputs, circuit.outputs, output))
  const outputs = tensors && rootOf(tensors, layouts, { salt: salts.outputs, what: 'outputs' })
  const after = stateAfter === undefined ? undefined : await rootOfState(stateAfter, { circuit, salt: salts.model })
  const claimed = layouts.some(({ shape }) => shape === 'packed') ? ', read as the circuit claims to write them' : ''
  const by = [
    outputs === undefined ? [] : [`these outputs${claimed}`],
    after === undefined ? [] : ['these weights after the step'],
  ]
  return [agreed(publics, { name: 'rootOut', value: rootOutOf({ outputs, after }), by: by.flat().join(' and ') })]
}

function rootOf(
  tensors: readonly Tensor[],
  layouts: readonly Layout[],
  { salt, what }: { salt?: bigint; what: string },
): bigint {
  const hidden = layouts.some(({ salted }) => salted)
  demand(!hidden || salt !== undefined, 'cli/usage', () => `the ${what} are hidden: only their owner can open them`, {
    hint: '--salts FILE',
  })
  return commitList(tensors.map((tensor, i) => commitAs(tensor, layouts[i], hidden ? salt : undefined)))
}

function commitAs(tensor: Tensor, layout: Layout, salt: bigint | undefined): bigint {
  const line = ({ dtype, dims }: TensorType) => `${dtype}[${dims}]`
  demand(line(tensor) === line(layout), 'exact/wrong-input', () => 'a tensor of another type', {
    expected: line(layout),
    found: line(tensor),
  })
  return commit(tensor, { ...layout, salt })
}

// ---------------------------------------------------------------- words

interface Verified {
  readonly proof: Proof
  readonly verification: VerificationKey
  readonly circuit: CircuitRecord | undefined
  readonly checks: readonly Check[]
}

const NAMES = ['statement', 'rootIn', 'rootOut', 'context'] as const

const OPEN: Readonly<Record<PublicName, string>> = {
  statement: 'claimed: nothing here says which program and weights it stands for',
  rootIn: 'claimed: inputs that nobody showed',
  rootOut: 'claimed: outputs that nobody showed',
  context: 'claimed: nothing here says what the proof is made for; it may be a copy of another',
}

function resultOf({ proof, verification, circuit, checks }: Verified): Result {
  const { publics } = proof
  const unsafe = isUnsafe(verification)
  const checked = NAMES.filter((name) => checks.some((check) => check.name === name))
  return {
    outcome: 'valid',
    data: {
      key: keyData(verification),
      ...publicsData(publics),
      checked: Object.fromEntries(checks.map(({ name, by }) => [name, by])),
      claimed: NAMES.filter((name) => !checked.includes(name)),
    },
    lines: [
      unsafe
        ? 'unsafe    the proof holds for a development key: anybody could have forged it'
        : 'valid     the proof holds for this key',
      keyLine(verification),
      ...NAMES.map((name) => `${name.padEnd(10)}${publics[name]}\n          ${lineOf(name, checks)}`),
      `shown     ${unsafe ? 'nothing, as the key is unsafe; by a key of a ceremony it would be: ' : ''}somebody knew inputs of rootIn and weights of the statement from which its program gives rootOut`,
      ...(circuit === undefined
        ? []
        : [
            `claimed   that this key is the one of the circuit in ${toHex(circuit.text).slice(0, 12)}…: "countersign setup check" shows it`,
          ]),
    ],
  }
}

function lineOf(name: PublicName, checks: readonly Check[]): string {
  const by = checks.filter((check) => check.name === name).map((check) => check.by)
  return by.length === 0 ? OPEN[name] : `checked: that of ${by.join(', and of ')}`
}
