/**
 * Disputes on a chain: fault proofs in one transaction, and the moves of games.
 * @module
 */
import { AbiCoder, Interface, type InterfaceAbi } from 'ethers/abi'
import { decodeAbi, encodeAbi } from '../core/abi.js'
import { fromHex, type Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import { openHeader } from '../dispute/openings.js'
import type { FaultProof } from '../dispute/proof.js'
import { FORMS, type Answer, type Move, type Question } from '../dispute/question.js'
import { hash as hashProgram } from '../exact/format.js'
import type { Program } from '../exact/program.js'
import type { Claim } from '../receipt/claim.js'
import type { Address } from '../receipt/fields.js'
import { freshSalt, type Job } from '../receipt/job.js'
import type { Found } from './abi.js'
import { ABIS, type DISPUTE_ABI } from './abi.generated.js'
import type { RunRefusal } from '../trace/refusal.js'
import type { Landed } from './calls.js'
import { accountOf, pause, type Connection } from './connection.js'
import { contractOf } from './deployment.js'
import { ready } from './money.js'
import { isRevert, revertOf } from './revert.js'
import type { Terms } from './terms.js'
import { refusalIn, refusalOut } from './wire.js'

/** Writes down what the program's header counts: without it no job over the program is posted. By anybody, once a program. @throws Fault `chain/reverted`. */
export async function describe({ dispute }: Connection, program: Program): Promise<Landed | undefined> {
  const root = hashProgram(program)
  const { known } = await dispute.read('described', root)
  return known ? undefined : dispute.send('describe', [root, openHeader(program)])
}

// ---------------------------------------------------------------- fault proofs

/** A fault proof as the dispute contract takes it. */
export interface EncodedProof {
  readonly referee: Address
  /** The call of the referee: the case and the evidence. */
  readonly call: Uint8Array
}

/** The call of a referee that a proof is. @throws Fault `chain/no-referee` where the deployment or this release has none of that name or fault. */
export function encodeProof({ deployment }: Pick<Connection, 'deployment'>, proof: FaultProof): EncodedProof {
  const referee = deployment.referees[proof.referee]
  const contract = contractOf(proof.referee)
  const abi = (ABIS as Readonly<Record<string, readonly object[]>>)[contract]
  const known = abi === undefined ? undefined : new Interface(abi as InterfaceAbi)
  const where = `${contract}.${proof.fault}`
  const fragment = known?.getFunction(proof.fault) ?? null
  demand(referee !== undefined && fragment !== null, 'chain/no-referee', () => 'nobody decides this fault', { where })
  const values = [proof.case, ...proof.evidence]
  return { referee, call: fromHex(known!.encodeFunctionData(fragment, values)) }
}

/** What an announcement holds. */
export interface Announcing {
  readonly challenger: Address
  readonly salt: Bytes32
}

/** keccak256(abi.encode(keccak256(abi.encode(referee, call)), challenger, salt)). */
export function commitmentOf({ referee, call }: EncodedProof, { challenger, salt }: Announcing): Bytes32 {
  const proof = keccak256(encodeAbi(['address', 'bytes'], [referee, call]))
  return keccak256(encodeAbi(['bytes32', 'address', 'bytes32'], [proof, challenger, salt]))
}

/** How a proof is shown. */
export interface ProveOptions {
  /** Who is paid; the account that sends, unless told. */
  readonly challenger?: Address
  readonly signal?: AbortSignal
}

/** What became of a proof. */
export interface Proved {
  /** `false-claim`: the provider is slashed, or the reward is now the challenger's. `void-job`: everybody gets back what it paid. */
  readonly ruling: 'false-claim' | 'void-job'
  readonly announced: Landed
  readonly proved: Landed
}

/**
 * Announces a fault and shows it in a later block, so that nobody gains by copying it.
 * @throws Fault `chain/reverted` with the referee's error where the evidence shows nothing, `chain/no-referee`, `chain/timed-out`.
 */
export async function announceAndProve(
  connection: Connection,
  { proof, terms }: { readonly proof: FaultProof; readonly terms: Terms },
  options: ProveOptions = {},
): Promise<Proved> {
  const { dispute } = connection
  const encoded = encodeProof(connection, proof)
  const announcing = { challenger: options.challenger ?? (await accountOf(connection)), salt: freshSalt() }
  const announced = await dispute.send('announce', [commitmentOf(encoded, announcing)])
  const proved = await prove(connection, { encoded, terms, announcing }, options)
  const voided = dispute.eventsIn('Voided', proved.logs).length > 0
  return { ruling: voided ? 'void-job' : 'false-claim', announced, proved }
}

export interface Showing {
  readonly encoded: EncodedProof
  readonly terms: Terms
  readonly announcing: Announcing
}

/** Shows an announced fault as soon as a block lies between. @throws Fault, as {@link announceAndProve}. */
export async function prove(
  connection: Connection,
  { encoded: { referee, call }, terms, announcing: { challenger, salt } }: Showing,
  { signal }: Pick<ProveOptions, 'signal'> = {},
): Promise<Landed> {
  const until = Date.now() + connection.patience
  for (;;) {
    try {
      return await connection.dispute.send('prove', [referee, call, terms, challenger, salt])
    } catch (error) {
      // Nodes that look at the last block, not at the next one, say so until there is one more.
      if (!isRevert(error, 'NotAnnounced') || Date.now() > until || signal?.aborted) throw error
      await pause(connection.poll, signal)
    }
  }
}

/** Credits the reward of a ruling, a day after the first proof. By anybody. @throws Fault `chain/reverted` (TooEarly ...). */
export function payReward({ dispute }: Connection, id: Bytes32, terms: Terms): Promise<Landed> {
  return dispute.send('payReward', [id, terms])
}

// ---------------------------------------------------------------- games

export type GameFound = Found<Extract<(typeof DISPUTE_ABI)[number], { name: 'gameOf' }>['outputs'][0]>
/** A game as it stands. */
export type Game = Omit<GameFound, 'question'> & { readonly question: Question }

/** A game as it stands; its challenger is the zero address where there is none. */
export async function gameOf({ dispute }: Connection, game: bigint): Promise<Game> {
  const found = await dispute.read('gameOf', game)
  return { ...found, question: questionIn(found.question) }
}

/** A question, as the contract says it. */
export function questionIn({ form, kind, size, hash }: GameFound['question']): Question {
  const [name] = Object.entries(FORMS).find(([, number]) => number === form) ?? []
  if (name === undefined) throw new Fault('core/bad-field', 'an unknown form', { found: form })
  return { form: name as Question['form'], kind, size: Number(size), hash }
}

/** What a game is opened against. */
export interface Opening {
  readonly job: Job
  readonly claim: Claim
  readonly provider: Address
  readonly terms: Terms
}

/** So many open games on a claim double the bond of the next, as in the contract. */
const MAX_DOUBLINGS = 32n

/** So often somebody else may open a game between one's look at the bond and the transaction. */
const MAX_RACES = 16

/**
 * Opens a game against a claim, with the bond that is due now: where somebody else's game comes in between, with that which is due then.
 * @throws Fault `chain/reverted` (WindowClosed, NotClaimed ...), `chain/no-funds`.
 */
export async function open(
  connection: Connection,
  opening: Opening,
  id: Bytes32,
): Promise<{ readonly game: bigint; readonly landed: Landed }> {
  const { dispute } = connection
  for (let races = 0; ; races++) {
    const others = await dispute.read('live', id)
    try {
      return await openBehind(connection, opening, others)
    } catch (error) {
      const isRace = revertOf(error) !== undefined && (await dispute.read('live', id)) !== others
      if (!isRace || races === MAX_RACES) throw error
    }
  }
}

async function openBehind(
  connection: Connection,
  { job, claim, provider, terms }: Opening,
  others: bigint,
): Promise<{ readonly game: bigint; readonly landed: Landed }> {
  const { dispute } = connection
  const bond = terms.bond << (others < MAX_DOUBLINGS ? others : MAX_DOUBLINGS)
  const due = { token: terms.token, amount: bond, to: dispute.address }
  const landed = await dispute.send('open', [job, claim, provider, terms], await ready(connection, due))
  const [opened] = dispute.eventsIn('Opened', landed.logs)
  return { game: opened.values.game, landed }
}

/** Makes one move of a challenger. @throws Fault `chain/reverted` (NotYourMove, TooLate, TooManyQuestions ...). */
export function move({ dispute }: Connection, game: bigint, next: Move): Promise<Landed> {
  switch (next.name) {
    case 'demandRun':
      return dispute.send('demandRun', [game])
    case 'demandTrace':
      return dispute.send('demandTrace', [game, next.leaf])
    case 'demandExpansion':
      return dispute.send('demandExpansion', [game, next.step, next.value, next.element])
    case 'descend': {
      const { run, index, hash, path } = next
      return dispute.send('descend', [game, { run, index, hash, path }])
    }
    case 'descendStep':
      return dispute.send('descendStep', [game, next.step, next.field])
    case 'descendItem':
      return dispute.send('descendItem', [game, next.item])
    case 'descendTensor':
      return dispute.send('descendTensor', [game, next.form, next.root])
  }
}

/** Gives one answer of a provider. @throws Fault `chain/reverted` (NotYourMove, TooLate, WrongAnswer, RootMismatch ...). */
export function answer({ dispute }: Connection, game: bigint, said: Answer): Promise<Landed> {
  switch (said.name) {
    case 'answerChildren':
      return dispute.send('answerChildren', [game, said.children])
    case 'answerLeaf':
      return dispute.send('answerLeaf', [game, said.leaf])
    case 'answerDigest':
      return dispute.send('answerDigest', [game, said.form, said.root])
    case 'answerRefusal':
      return dispute.send('answerRefusal', [game, said.shown ?? refusalOut(said.refusal)])
    case 'answerCommitment':
      return dispute.send('answerCommitment', [game, said.size, said.root])
  }
}

/** The answer to a question, out of its event. The contract checked it. @throws Fault `core/bad-abi`. */
export function answerIn(question: Pick<Question, 'form'>, bytes: Uint8Array): Answer {
  switch (question.form) {
    case 'leaf':
      return { name: 'answerLeaf', leaf: bytes }
    case 'digest': {
      const [[dtype, dims], root] = AbiCoder.defaultAbiCoder().decode(['(uint8,uint64[])', 'bytes32'], bytes)
      const form = { dtype: Number(dtype), dims: [...dims].map(exactly) }
      return { name: 'answerDigest', form, root: fromHex(root) }
    }
    case 'trace':
    case 'expansion': {
      const [size, root] = decodeAbi(['uint64', 'bytes32'], bytes)
      return { name: 'answerCommitment', size: exactly(size), root }
    }
    default:
      return listIn(bytes)
  }
}

/** A 64-bit number; one that no number holds stays as it is, so that evidence says what its provider said. */
const exactly = (value: bigint): number | bigint => (value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value)

/** The refusal that somebody shows; undefined where no run can meet it. */
function refusalOf(shown: Parameters<typeof refusalIn>[0]): RunRefusal | undefined {
  try {
    return refusalIn(shown)
  } catch (error) {
    if (Fault.is(error)) return undefined
    throw error
  }
}

/** A list's children; or, where the outputs were asked for, the refusal that they record: five words, the first of them no offset. */
function listIn(bytes: Uint8Array): Answer {
  if (bytes.length === 5 * 32 && bytes[31] !== 32) {
    const [, step, node, element, reason] = decodeAbi(['bool', 'uint64', 'uint32', 'uint64', 'uint8'], bytes)
    const shown = { refused: true, step, node: Number(node), element, reason: Number(reason) }
    return { name: 'answerRefusal', refusal: refusalOf(shown), shown }
  }
  const [children] = decodeAbi(['bytes32[]'], bytes)
  return { name: 'answerChildren', children }
}

/** Says that the provider let its clock run out: what it does not open counts as false. By anybody. @throws Fault `chain/reverted`. */
export function provideTimedOut({ dispute }: Connection, game: bigint, terms: Terms): Promise<Landed> {
  return dispute.send('provideTimedOut', [game, terms])
}

/** Says that the challenger let its clock run out, or gives up as the challenger: its bond goes to the provider. @throws Fault `chain/reverted`. */
export function challengerTimedOut({ dispute }: Connection, game: bigint): Promise<Landed> {
  return dispute.send('challengerTimedOut', [game])
}

/** Gives back the bond of a game whose claim was ruled false or whose job was voided. By anybody. @throws Fault `chain/reverted`. */
export function close({ dispute }: Connection, game: bigint): Promise<Landed> {
  return dispute.send('close', [game])
}

/** True where a claim was ruled false. */
export async function isRuled({ dispute }: Connection, id: Bytes32): Promise<boolean> {
  return (await dispute.read('rulings', id)).until !== 0n
}
