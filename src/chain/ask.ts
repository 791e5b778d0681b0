/**
 * Questions to a provider over a chain: a move, and the answer that the contract has checked.
 * @module
 */
import { encodeAbi } from '../core/abi.js'
import { ZERO32, equal, type Bytes32 } from '../core/bytes.js'
import { Fault, demand, throwIfAborted } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import { DTYPES, type DType, type TensorType } from '../core/tensor.js'
import type { Form } from '../dispute/openings.js'
import type { Answer, Ask, Move, Question } from '../dispute/question.js'
import { digestFrom } from '../merkle/tiles.js'
import { KINDS, hashLeaf, pathLength, rootFrom, rootFromInclusion, sizedRoot, type Kind } from '../merkle/tree.js'
import { encodeStep } from '../trace/step.js'
import type { Landed } from './calls.js'
import { headOf, pause, wholeSpan, type Connection } from './connection.js'
import { answerIn, gameOf, isRuled, move as send, provideTimedOut, questionIn } from './disputes.js'
import { engagementOf } from './jobs.js'
import { isRevert } from './revert.js'
import type { Terms } from './terms.js'

/** A game of the account's own. */
export interface OwnGame {
  readonly game: bigint
  readonly id: Bytes32
  readonly terms: Terms
}

/** How questions are put. */
export interface AskOptions {
  readonly signal?: AbortSignal
  /** Called after every move and every answer. */
  readonly onProgress?: (said: { readonly move: Move; readonly answer?: Answer }) => void
}

/**
 * Puts the questions of a search to a provider, in a game of the account's own. Waits for each answer as long as the provider's clock runs, and then
 * says that it ran out, upon which the claim counts as false. A move that leads on from an earlier question than the last one goes back there first.
 * @throws Fault (each question) `dispute/silent` where the clock ran out, `chain/decided` where the claim was decided otherwise meanwhile,
 * `core/aborted`, and those of transactions.
 */
export function askOver(connection: Connection, own: OwnGame, options: AskOptions = {}): Ask {
  const asking: Asking = { connection, own, options, places: [] }
  return async (move) => {
    await answered(asking)
    const answer = await put(asking, move, await reach(asking, move))
    options.onProgress?.({ move, answer })
    return answer
  }
}

interface Asking {
  readonly connection: Connection
  readonly own: OwnGame
  readonly options: AskOptions
  /** Every question so far; the last one is where the game stands. */
  readonly places: Place[]
}

/** A question, the move that led to it, and the question from which it led. */
interface Place {
  readonly move: Move
  readonly question: Question
  readonly from: Place | undefined
}

/** The question from which a move leads on: the last one, or an earlier one, which then is asked again. */
async function reach(asking: Asking, move: Move): Promise<Place | undefined> {
  if (move.name.startsWith('demand')) return undefined
  const place = asking.places.findLast(({ question }) => leadsOn(question, move))
  return place && revisit(asking, place)
}

/** Goes back to a question, the whole way that led to it. */
async function revisit(asking: Asking, place: Place): Promise<Place> {
  if (place !== asking.places[asking.places.length - 1]) {
    await put(asking, place.move, place.from && (await revisit(asking, place.from)))
  }
  return asking.places[asking.places.length - 1]
}

/** True where the contract lets a move follow on a question. */
function leadsOn({ form, kind, size, hash }: Question, move: Move): boolean {
  switch (move.name) {
    case 'descend': {
      if (form !== 'list' && form !== 'node') return false
      const place = { index: move.index, size: Math.ceil(size / move.run) }
      if (place.index >= place.size || move.path.length !== pathLength(place)) return false
      const root = rootFromInclusion(move.hash, place, move.path)
      return equal(form === 'list' ? sizedRoot(kindOf(kind), { size, root }) : root, hash)
    }
    case 'descendStep':
      return form === 'leaf' && equal(hashLeaf(encodeStep(move.step)), hash)
    case 'descendItem':
      return form === 'leaf' && equal(hashLeaf(move.item), hash)
    case 'descendTensor':
      return form === 'digest' && equal(digestFrom({ type: typeOf(move.form) }, move.root), hash)
    default:
      return true
  }
}

const kindOf = (number: number): Kind => Object.entries(KINDS).find(([, one]) => one === number)![0] as Kind

const typeOf = ({ dtype, dims }: Form): TensorType => {
  const [name] = Object.entries(DTYPES).find(([, { code }]) => code === dtype)!
  return { dtype: name as DType, dims: dims.map(Number) }
}

async function put(asking: Asking, move: Move, from: Place | undefined): Promise<Answer> {
  const { connection, own, options } = asking
  const { dispute } = connection
  const known = move.name === 'demandExpansion' ? await committedAt(connection, own.id, expansionKey(move)) : undefined
  const landed =
    known === undefined
      ? await send(connection, own.game, move)
      : await dispute.send('resumeExpansion', [own.game, known.key, known.size, known.root])
  options.onProgress?.({ move })
  const { question, answer } = await answerTo(asking, landed)
  const commitment = known === undefined ? committedBy(move, question, answer) : { size: known.size, root: known.root }
  if (commitment === undefined) {
    asking.places.push({ move, question, from })
    return answer
  }
  const { size, root } = commitment
  if (typeof size === 'number') {
    const hash = sizedRoot(kindOf(question.kind), { size, root })
    asking.places.push({ move, question: { form: 'list', kind: question.kind, size, hash }, from })
  }
  return { name: 'answerCommitment', size, root }
}

/** No number of leaves that a run or an element has is beyond 2^53 - 1, but somebody may commit one. */
interface Commitment {
  readonly size: number | bigint
  readonly root: Bytes32
}

/** What a demand led to. Of a trace that was committed in another game the list is asked for instead. */
function committedBy(move: Move, { size }: Question, answer: Answer): Commitment | undefined {
  if (answer.name === 'answerCommitment') return { size: answer.size, root: answer.root }
  if (move.name !== 'demandTrace' || answer.name !== 'answerChildren') return undefined
  return { size, root: rootFrom(answer.children) }
}

async function answerTo(asking: Asking, landed: Landed): Promise<{ question: Question; answer: Answer }> {
  const { connection, own } = asking
  const { dispute } = connection
  const [asked] = dispute.eventsIn('Asked', landed.logs)
  const question = questionIn(asked.values.question)
  await answered(asking)
  const span = { from: landed.block, to: (await headOf(connection)).number }
  const answers = await dispute.events('Answered', span, [own.game])
  const last = answers.findLast(({ block, index }) => block > landed.block || index > asked.index)
  demand(last !== undefined, 'chain/failed', () => 'the node does not show an answer that it has')
  return { question, answer: answerIn(question, last.values.answer) }
}

/** Waits until it is the challenger's turn. @throws Fault `dispute/silent`, `chain/decided`, `core/aborted`. */
async function answered({ connection, own, options: { signal } }: Asking): Promise<void> {
  for (;;) {
    throwIfAborted(signal)
    const { providerMoves, over } = await gameOf(connection, own.game)
    await demandUndecided(connection, own, over)
    if (!providerMoves) return
    if (await isSilent(connection, own)) {
      throw new Fault('dispute/silent', 'the provider let its clock run out', { where: `game ${own.game}` })
    }
    await pause(connection.poll, signal)
  }
}

async function demandUndecided(connection: Connection, { game, id }: OwnGame, over: boolean): Promise<void> {
  const { state } = await engagementOf(connection, id)
  const open = !over && state === 'claimed' && !(await isRuled(connection, id))
  demand(open, 'chain/decided', () => 'the claim was decided meanwhile', { where: `game ${game}`, found: state })
}

/** Says that the provider is silent, as soon as it is. */
async function isSilent(connection: Connection, { game, terms }: OwnGame): Promise<boolean> {
  const { time } = await headOf(connection)
  if (time <= (await connection.dispute.read('deadlineOf', game))) return false
  try {
    await provideTimedOut(connection, game, terms)
    return true
  } catch (error) {
    // An answer, or another challenger, came first: the next look shows it.
    if (['NotYourMove', 'TooEarly', 'GameOver', 'NotClaimed', 'TooLate'].some((name) => isRevert(error, name)))
      return false
    throw error
  }
}

// ---------------------------------------------------------------- what was committed before

/** Names an element of a value of a step: keccak256(abi.encode(step, value, element)). */
export function expansionKey({ step, value, element }: { step: number; value: number; element: number }): Bytes32 {
  return keccak256(encodeAbi(['uint64', 'uint32', 'uint64'], [step, value, element]))
}

/** An expansion that the provider committed in another game: the contract keeps its sized root, the event has size and root. */
async function committedAt(
  connection: Connection,
  id: Bytes32,
  key: Bytes32,
): Promise<(Commitment & { readonly key: Bytes32 }) | undefined> {
  const { dispute } = connection
  if (equal(await dispute.read('expansionOf', id, key), ZERO32)) return undefined
  const [committed] = await dispute.events('Committed', await wholeSpan(connection), [id, key])
  const answers = await dispute.events('Answered', { from: committed.block, to: committed.block })
  // The answer that follows at once: a contract may be the provider, and give several answers in one transaction.
  const own = answers.find(({ index }) => index === committed.index + 1)
  const said = answerIn({ form: 'expansion' }, own!.values.answer)
  demand(said.name === 'answerCommitment', 'chain/failed', () => 'the node shows another answer than was given')
  return { key, size: said.size, root: said.root }
}
