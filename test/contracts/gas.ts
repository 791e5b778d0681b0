/**
 * What everything costs on a chain, case by case, with what it may cost (docs/contracts.md). The same on every machine: bench/gas.snapshot.json
 * holds it.
 * @module
 */
import { caseOf } from '../dispute/expansions.js'
import { LARGE, expansionCosts } from './expansion-costs.js'
import {
  choiceCosts,
  copyCosts,
  deepCosts,
  dearestArguments,
  elementaryCosts,
  elementwiseCosts,
  selectionCosts,
} from './gas-cases.js'
import { dense, forget, openGasCourt, type GasCourt, type ProofCost } from './gas-court.js'
import { batchBill, descentRounds, optimisticBill, quorumBill, type Bill, type Round } from './gas-money.js'
import type { EvmNode } from './node.js'

/** Gas, and bytes of calldata where it is a transaction of its own. */
export interface Part {
  readonly gas: number
  readonly calldata?: number
}

/** A case: the most that any of its parts takes. */
export interface Measured extends Part {
  /** Which part has the gas. */
  readonly dearest: string
  readonly parts: Readonly<Record<string, Part>>
}

/** A case of the bench. */
export interface GasCase {
  /** What is counted, in words. */
  readonly counts: string
  /** What it may take, where that was said before. */
  readonly limit: Partial<Part>
  measure(court: GasCourt): Promise<Measured>
}

/** What any fault about an element may take. */
const FAULT: Part = { gas: 1_200_000, calldata: 24 * 1024 }

// ---------------------------------------------------------------- making sense of figures

/** The most of each fault. */
function measuredOf(costs: readonly ProofCost[]): Measured {
  const parts: Record<string, Part> = {}
  for (const { fault, gas, calldata } of costs) {
    const known = parts[fault] ?? { gas: 0, calldata: 0 }
    parts[fault] = { gas: Math.max(gas, known.gas), calldata: Math.max(calldata, known.calldata ?? 0) }
  }
  return { ...most(parts), calldata: Math.max(...costs.map(({ calldata }) => calldata)), parts }
}

function most(parts: Readonly<Record<string, Part>>): { readonly gas: number; readonly dearest: string } {
  const [dearest, { gas }] = Object.entries(parts).reduce((a, b) => (b[1].gas > a[1].gas ? b : a))
  return { gas, dearest }
}

const partsOf = (bill: Bill): Measured['parts'] =>
  Object.fromEntries(Object.entries(bill).map(([name, gas]) => [name, { gas }]))

/** Some transactions of a bill together. */
const together = (bill: Bill, ...names: readonly string[]): Measured => ({
  gas: names.reduce((sum, name) => sum + bill[name], 0),
  dearest: names.join(' + '),
  parts: partsOf(bill),
})

const arithmetic =
  (name: string): GasCase['measure'] =>
  async (court) => {
    const { gas } = (await argumentsOn(court)).find(({ op }) => op === name)!
    return { gas, dearest: name, parts: {} }
  }

const dearest = new WeakMap<GasCourt, ReturnType<typeof dearestArguments>>()
/** Looked for once. */
function argumentsOn(court: GasCourt): ReturnType<typeof dearestArguments> {
  const found = dearest.get(court) ?? dearestArguments(court)
  dearest.set(court, found)
  return found
}

// ---------------------------------------------------------------- products by the term

const WHOLE = 512
const SHORT = 64

/** What one more term of a piece takes: of computing in the referee, and of all of the transaction. */
async function productTerm(court: GasCourt): Promise<Measured> {
  const sums: ProofCost[] = []
  for (const terms of [WHOLE, SHORT]) {
    const matrices = [dense('float32', [512, terms], 1), dense('float32', [terms, 512], 2)]
    const costs = await expansionCosts(court, caseOf('MatMul', matrices))
    sums.push(costs.find(({ fault }) => fault === 'sum')!)
  }
  const per = (of: (cost: ProofCost) => number) => Math.ceil((of(sums[0]) - of(sums[1])) / (WHOLE - SHORT))
  const parts = { computing: { gas: per(({ referee }) => referee) }, transaction: { gas: per(({ gas }) => gas) } }
  return { gas: parts.computing.gas, dearest: 'computing', parts }
}

// ---------------------------------------------------------------- games

const nameOf = ({ move, answer }: Round): string => `${move}, ${answer}`

function roundsOf(rounds: readonly Round[]): Record<string, Part> {
  const parts: Record<string, Part> = {}
  for (const round of rounds) {
    const gas = round.question + round.answered
    if (gas > (parts[nameOf(round)]?.gas ?? 0)) parts[nameOf(round)] = { gas }
  }
  return parts
}

/** Rounds from a node to its 64 children. */
const isDescent = ({ move, answer }: Round): boolean =>
  (move === 'descend' || move === 'descendTensor') && answer === 'answerChildren'

function descent(rounds: readonly Round[]): Measured {
  return { ...most(roundsOf(rounds.filter(isDescent))), parts: roundsOf(rounds) }
}

/** The dearest round of one sort. */
function named(rounds: readonly Round[], name: string): Measured {
  return { ...roundsOf(rounds)[name], dearest: name, parts: {} }
}

function moves(rounds: readonly Round[]): Measured {
  const parts: Record<string, Part> = {}
  for (const { move, answer, question, answered } of rounds)
    for (const [name, gas] of [
      [move, question],
      [answer, answered],
    ] as const)
      parts[name] = { gas: Math.max(gas, parts[name]?.gas ?? 0) }
  return { ...most(parts), parts }
}

// ---------------------------------------------------------------- the cases

const EXPANDED: Readonly<Record<keyof typeof LARGE, string>> = {
  'product-k64': 'element of a product of 2,048 x 64 and 64 x 2,048',
  'product-k768': 'of 2,048 x 768 and 768 x 2,048',
  'product-k4096': 'of 1,024 x 4,096 and 4,096 x 1,024',
  'product-k65536': 'of 64 x 65,536 and 65,536 x 64',
  'product-doubles': 'of 512 x 4,096 and 4,096 x 512 doubles',
  convolution: 'of a convolution of 512 channels of 64 x 64 with 256 kernels of 3 x 3',
  'sum-1e6': 'of a sum over 10^6 elements',
  'sum-1e6-doubles': 'of a sum over 10^6 doubles',
  'sum-1e6-integers': 'of a sum over 10^6 integers of 64 bits',
  'running-sum-1e6': 'of a running sum over 10^6 elements',
  'scatter-2e5': 'to which 200,000 updates scatter',
}

const expanded = Object.entries(EXPANDED).map(([name, counts]): [string, GasCase] => [
  name,
  { counts, limit: FAULT, measure: async (court) => measuredOf(await expansionCosts(court, LARGE[name]())) },
])

/** All cases, by their names. */
export const GAS_CASES: Readonly<Record<string, GasCase>> = {
  ...Object.fromEntries(expanded),
  'product-term': {
    counts: 'one more term of a piece: what the referee computes, without its 8 bytes of calldata',
    limit: { gas: 150 },
    measure: productTerm,
  },
  elementwise: {
    counts: 'element of 2,048 x 2,048 that is computed from one of each of at most two operands',
    limit: { gas: 700_000, calldata: FAULT.calldata },
    measure: async (court) => measuredOf(await elementwiseCosts(court)),
  },
  'elementwise-rank-8': {
    counts: 'the same of rank 8, as many elements: longer forms, more index arithmetic',
    limit: { gas: 700_000, calldata: FAULT.calldata },
    measure: async (court) => measuredOf(await deepCosts(court)),
  },
  'elementwise-3': {
    counts: 'element computed from three operands (Where), of rank 8 too',
    limit: { gas: 900_000, calldata: FAULT.calldata },
    measure: async (court) => measuredOf(await selectionCosts(court)),
  },
  elementary: {
    counts: 'element of 2,048 x 2,048 of an elementary function, at its dearest argument',
    limit: { gas: 700_000, calldata: FAULT.calldata },
    measure: async (court) => measuredOf(await elementaryCosts(court, await argumentsOn(court))),
  },
  copies: {
    counts: 'element that is copied: Gather, Concat of 8 operands, and the like',
    limit: FAULT,
    measure: async (court) => measuredOf(await copyCosts(court)),
  },
  choices: {
    counts: 'element that is chosen among several: extremes, their places, the last of many updates',
    limit: FAULT,
    measure: async (court) => measuredOf(await choiceCosts(court)),
  },
  'arithmetic-exp': {
    counts: 'Exp at its dearest argument, in a contract',
    limit: { gas: 60_000 },
    measure: arithmetic('Exp'),
  },
  'arithmetic-tanh': { counts: 'Tanh', limit: { gas: 60_000 }, measure: arithmetic('Tanh') },
  'arithmetic-erf': { counts: 'Erf', limit: { gas: 60_000 }, measure: arithmetic('Erf') },
  'arithmetic-pow': { counts: 'Pow', limit: { gas: 60_000 }, measure: arithmetic('Pow') },
  'descent-round': {
    counts: 'question and answer of a game from a node to its 64 children, two transactions',
    limit: { gas: 200_000 },
    measure: async (court) => descent(await roundsOn(court)),
  },
  'descent-first': {
    counts: 'the same of the first question, whose words of storage are fresh',
    limit: {},
    measure: async (court) => named(await roundsOn(court), 'demandRun, answerChildren'),
  },
  'descent-tile': {
    counts: 'question and answer of a game from a node to a tile of 4,096 bytes',
    limit: {},
    measure: async (court) => named(await roundsOn(court), 'descend, answerLeaf'),
  },
  'descent-move': {
    counts: 'any one transaction of a game, the answer with a tile of 4,096 bytes among them',
    limit: { gas: 200_000 },
    measure: async (court) => moves(await roundsOn(court)),
  },
  'post-job': {
    counts: 'a job posted with its payment',
    limit: {},
    measure: async (court) => together(await optimisticBill(court), 'post'),
  },
  'take-job': {
    counts: 'a job taken with its stake',
    limit: {},
    measure: async (court) => together(await optimisticBill(court), 'take'),
  },
  'settle-optimistic': {
    counts: 'a claim filed and, when its window is over, settled: two transactions',
    limit: { gas: 150_000 },
    measure: async (court) => together(await optimisticBill(court), 'fileClaim', 'settle'),
  },
  'quorum-7': {
    counts: 'seven replicas found to agree, with all their seals, receipts and signatures: one transaction',
    limit: { gas: 250_000 },
    measure: async (court) => together(await quorumBill(court), 'settleQuorum'),
  },
  'settle-from-batch': {
    counts: 'a payment out of a batch of 1,000, fetched by its provider; the words of marks are prepared',
    limit: { gas: 60_000 },
    measure: async (court) => together(await batchBill(court), 'collect'),
  },
  'settle-from-batch-first': {
    counts: 'the same where nobody prepared the word of marks: at most one payment of 255',
    limit: {},
    measure: async (court) => together(await batchBill(court), 'unprepared'),
  },
}

const played = new WeakMap<GasCourt, ReturnType<typeof descentRounds>>()
function roundsOn(court: GasCourt): ReturnType<typeof descentRounds> {
  const found = played.get(court) ?? descentRounds(court)
  played.set(court, found)
  return found
}

/** Measures cases, one after the other. */
export async function* measureGas(
  node: EvmNode,
  names: readonly string[] = Object.keys(GAS_CASES),
): AsyncGenerator<readonly [name: string, measured: Measured]> {
  const court = await openGasCourt(node)
  for (const name of names) {
    yield [name, await GAS_CASES[name].measure(court)]
    forget()
  }
}
