/**
 * What providers published answers questions as well as they do: where a bundle holds the values of every step, a fault is found without a game, and
 * proved in one transaction.
 * @module
 */
import { equal } from '../core/bytes.js'
import { Fault } from '../core/faults.js'
import { Book, type OwnRun } from '../dispute/book.js'
import type { Ask, Move, Question } from '../dispute/question.js'
import type { TracedStep } from '../dispute/retrace.js'
import { nextState } from '../exact/program.js'
import { verifyContent, type Bundle } from '../receipt/bundle.js'
import type { Claim } from '../receipt/claim.js'
import { runRoot } from '../trace/step.js'

/**
 * Answers out of the bundle of a claim; undefined where it is another run's, does not fit together, or holds no values.
 * Cost: every tensor of the bundle is hashed once.
 */
export function publishedAnswers(bundle: Bundle, { run }: Pick<Claim, 'run'>): Ask | undefined {
  const { values, commitEvery, leaves, receipt } = bundle
  const isWhole = values !== undefined && commitEvery === 1 && receipt.refusal === undefined
  if (!isWhole || !equal(runRoot(leaves), run) || !fitsTogether(bundle)) return undefined
  const book = new Book(runOf(bundle, values))
  return (_, question) => book.answer(question)
}

function fitsTogether(bundle: Bundle): boolean {
  try {
    verifyContent(bundle)
    return true
  } catch (error) {
    if (Fault.is(error)) return false
    throw error
  }
}

function runOf(bundle: Bundle, values: NonNullable<Bundle['values']>): OwnRun {
  const { program, commitEvery, inputs, leaves } = bundle
  const retrace = async (leaf: number) => ({ steps: [stepOf(bundle, leaf, values[leaf])], refusal: undefined })
  return { program, commitEvery, inputs, leaves, refusal: undefined, retrace }
}

function stepOf({ program, leaves, digests }: Bundle, index: number, values: TracedStep['values']): TracedStep {
  const { parameters, inputs } = program.counts
  const all = values.map((value) => value!)
  const before = all.slice(0, parameters)
  return {
    leaf: leaves[index],
    before,
    inputs: all.slice(parameters, parameters + inputs),
    values,
    digests: digests![index],
    after: nextState(program, before, ({ value }) => all[value]),
    outputs: program.outputs.map((number) => all[number]),
  }
}

/** What has to stand on the chain, whoever knows it: a proof refers to it. */
const isCommitment = ({ name }: Move): boolean => name === 'demandTrace' || name === 'demandExpansion'

/**
 * Asks what was published first, and the provider for the rest. The provider is then led the whole way, since on a chain every question follows from
 * the one before.
 */
export function publishedFirst(published: Ask, provider: Ask): Ask {
  const way: (readonly [Move, Question])[] = []
  let inGame = false
  const ask: Ask = async (move, question) => {
    // What follows from a published answer has to be reached in the game first.
    if (!inGame && !isCommitment(move)) for (const step of way.splice(0)) await provider(...step)
    inGame = true
    return provider(move, question)
  }
  return async (move, question) => {
    if (isCommitment(move)) return ask(move, question)
    try {
      const answer = await published(move, question)
      way.push([move, question])
      inGame = false
      return answer
    } catch (error) {
      if (!Fault.is(error, 'dispute/not-known')) throw error
      return ask(move, question)
    }
  }
}
