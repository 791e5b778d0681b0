/**
 * Disputes without a chain's clock: a provider that answers from its book, a challenger that searches, and the contracts' referees that rule.
 * @module
 */
import { AbiCoder, keccak256, type Contract } from 'ethers'
import { ZERO32, equal, type Bytes32 } from '../../src/core/bytes.js'
import type { Tensor } from '../../src/core/tensor.js'
import { Book, type OwnRun } from '../../src/dispute/book.js'
import type { Case } from '../../src/dispute/openings.js'
import type { FaultProof, RefereeName } from '../../src/dispute/proof.js'
import type { Ask } from '../../src/dispute/question.js'
import { hash as hashProgram } from '../../src/exact/format.js'
import type { Program } from '../../src/exact/program.js'
import { opOf } from '../../src/exact/ops/index.js'
import { sizedRoot } from '../../src/merkle/tree.js'
import { hash as hashJob, type Job } from '../../src/receipt/job.js'
import type { RunRefusal } from '../../src/trace/refusal.js'
import { REASONS } from '../../src/exact/op.js'
import { termsOf, type Work } from '../../src/trace/trace.js'
import { deploy, gasUsed, type EvmNode } from '../contracts/node.js'
import { claimOn } from './liar.js'

const CONTRACTS: Readonly<Record<Exclude<RefereeName, 'verdict'>, string>> = {
  binding: 'BindingReferee',
  element: 'ElementReferee',
  choice: 'ChoiceReferee',
  expansion: 'ExpansionReferee',
  program: 'ProgramReferee',
  refusal: 'RefusalReferee',
  schedule: 'ScheduleReferee',
}

export const PROVIDER = '0x00000000000000000000000000000000000000a1'

/** A job over some work. */
export function jobOver(work: Work, options: Partial<Pick<Job, 'commitEvery' | 'operatorTrace'>> = {}): Job {
  const { program, initialState, inputs, steps } = termsOf(work)
  return {
    program,
    initialState,
    inputs,
    steps: BigInt(steps),
    commitEvery: 1n,
    operatorTrace: false,
    policy: ZERO32,
    requester: '0x00000000000000000000000000000000000000b2',
    deadline: 0n,
    salt: ZERO32,
    ...options,
  }
}

/** The case of a provider's run. */
export async function caseOf(job: Job, run: OwnRun): Promise<Case> {
  return { job, claim: await claimOn(run, hashJob(job)), provider: PROVIDER }
}

/** A value as the ABI coder takes it. */
export function wire(value: unknown): unknown {
  if (value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(wire)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, wire(one)]))
}

/** Answers of a book as they are, with commitments kept aside. */
export interface Kept {
  readonly ask: Ask
  readonly traces: Map<number, Bytes32>
  readonly expansions: Map<string, Bytes32>
}

/** Who answers: a book, or whoever acts like one. */
export type Answers = Pick<Book, 'answer' | 'commit'>

/** Puts questions to a book and keeps what is committed. */
export function asking(book: Answers): Kept & { questions: number } {
  const kept = { questions: 0, traces: new Map<number, Bytes32>(), expansions: new Map<string, Bytes32>() }
  const ask: Ask = async (move, question) => {
    kept.questions++
    if (move.name !== 'demandTrace' && move.name !== 'demandExpansion') return book.answer(question)
    const demand =
      move.name === 'demandTrace'
        ? { name: 'trace' as const, leaf: move.leaf }
        : { ...move, name: 'expansion' as const }
    const answer = await book.commit(demand)
    const sized = { size: Number(answer.size), root: answer.root }
    const root = sizedRoot(demand.name === 'trace' ? 'segment' : 'expansion', sized)
    if (demand.name === 'trace') kept.traces.set(demand.leaf, root)
    else kept.expansions.set(keyOf(demand), root)
    return answer
  }
  return Object.assign(kept, { ask })
}

function keyOf({ step, value, element }: { step: number; value: number; element: number }): string {
  return keccak256(AbiCoder.defaultAbiCoder().encode(['uint64', 'uint32', 'uint64'], [step, value, element]))
}

/** The referees on a node. */
export interface Court {
  readonly records: Contract
  /** Deploys what is needed, and says what the referee rules, or the name of its error; with gas and bytes of the call. */
  rule(proof: FaultProof, kept: Pick<Kept, 'traces' | 'expansions'>, about: About): Promise<Ruling>
}

/** What the records say about the case. */
export interface About {
  readonly program: Program
  readonly declared?: RunRefusal | undefined
}

export interface Ruling {
  /** `false claim`, `void job`, or the name of an error. */
  readonly says: string
  readonly gas: number
  readonly bytes: number
}

const RULINGS: Readonly<Record<string, string>> = {
  [keccak256(Buffer.from('Countersign ruling: false claim'))]: 'false claim',
  [keccak256(Buffer.from('Countersign ruling: void job'))]: 'void job',
}

/** Opens a court. */
export async function openCourt(node: EvmNode): Promise<Court> {
  const records = await deploy(node, 'test/RecordsHarness')
  const evaluator = await deploy(node, 'Evaluator')
  const known = new Map<RefereeName, Contract>()
  const refereeOf = async (name: RefereeName) => {
    const contract = CONTRACTS[name as keyof typeof CONTRACTS]
    const values = name === 'element' ? [await evaluator.getAddress()] : []
    const found = known.get(name) ?? (await deploy(node, contract, ...values))
    known.set(name, found)
    return found
  }
  return {
    records,
    async rule(proof, kept, { program, declared }) {
      const referee = await refereeOf(proof.referee)
      const id = keccak256(
        AbiCoder.defaultAbiCoder().encode(['bytes32', 'address'], [hashJob(proof.case.job), proof.case.provider]),
      )
      await record(records, id, { program, declared, kept, node })
      const call = referee.interface.encodeFunctionData(proof.fault, [wire(proof.case), ...proof.evidence.map(wire)])
      return ask(records, referee, { call, node })
    },
  }
}

async function record(
  records: Contract,
  id: string,
  { program, declared, kept, node }: About & { kept: Pick<Kept, 'traces' | 'expansions'>; node: EvmNode },
): Promise<void> {
  const note = async (name: string, ...values: unknown[]) =>
    gasUsed(node, ((await records[name](...values)) as { hash: string }).hash)
  const { parameters, inputs, constants, nodes } = program.counts
  const named = program.values.some((value) => value.kind === 'node' && opOf(value.op).referee === 'named')
  const counts = [parameters, inputs, constants, nodes, program.outputs.length, program.carries.length, Number(named)]
  await note('setCounts', hashProgram(program), counts)
  for (const [leaf, root] of kept.traces) await note('setTrace', id, leaf, root)
  for (const [key, root] of kept.expansions) await note('setExpansion', id, key, root)
  const refusal = declared
    ? [true, declared.step, declared.node, declared.element, REASONS[declared.reason]]
    : [false, 0, 0, 0, 0]
  await note('setRefusal', id, refusal)
}

async function ask(
  records: Contract,
  referee: Contract,
  { call, node }: { call: string; node: EvmNode },
): Promise<Ruling> {
  const address = await referee.getAddress()
  const data = records.interface.encodeFunctionData('rule', [address, call])
  const bytes = (call.length - 2) / 2
  try {
    const ruling = (await records.rule(address, call)) as string
    const gas = Number(await node.provider.estimateGas({ to: await records.getAddress(), data }))
    return { says: RULINGS[ruling] ?? ruling, gas, bytes }
  } catch (error) {
    const reason = (error as { data?: string }).data ?? ''
    return { says: referee.interface.parseError(reason)?.name ?? `reverted with ${reason}`, gas: 0, bytes }
  }
}

/** True where both tensors have the same bits. */
export const sameBits = (a: Tensor, b: Tensor): boolean =>
  equal(
    new Uint8Array(a.data.buffer, a.data.byteOffset, a.data.byteLength),
    new Uint8Array(b.data.buffer, b.data.byteOffset, b.data.byteLength),
  )
