/**
 * Runs of one node, committed as a provider commits them, with a lie in them or without, and the evidence that referees take.
 * @module
 */
import { AbiCoder, Contract, keccak256, toBeHex, type InterfaceAbi } from 'ethers'
import { readArtifact } from '../../scripts/contracts.js'
import { ZERO32, type Bytes32 } from '../../src/core/bytes.js'
import { bytesOf, fromBytes, tensor, type Tensor } from '../../src/core/tensor.js'
import {
  openElement,
  openLeaf,
  openValue,
  viewOfLeaves,
  viewOfList,
  type Case,
  type ListView,
  type StepOpening,
} from '../../src/dispute/openings.js'
import { Builder } from '../../src/exact/builder.js'
import { hash as hashProgram } from '../../src/exact/format.js'
import type { Attributes, Program } from '../../src/exact/program.js'
import { sizedRoot, hashLeaf } from '../../src/merkle/tree.js'
import { hash as hashJob } from '../../src/receipt/job.js'
import { rootOfTensors } from '../../src/trace/digests.js'
import { runRoot, type Step } from '../../src/trace/step.js'
import { evaluate } from './elements.js'
import { outcomesOf, type Call } from './batch.js'
import { deploy, gasUsed, type EvmNode } from './node.js'

/** Calls in one request. */
const BATCH = 25

/** Which step is looked at. */
const STEP = 3

/** How large the run around the node is. */
export interface Around {
  readonly steps?: number
  /** Values of the program that the node does not read. */
  readonly idle?: number
}

/** A committed run whose steps compute one node, and how one of them is opened. */
export interface Committed {
  readonly case: Case
  readonly program: Program
  /** Number of the node. */
  readonly value: number
  readonly values: readonly Tensor[]
  readonly list: ListView
  readonly step: StepOpening
}

/** An op with its operands. */
export interface Node {
  readonly op: string
  readonly inputs: readonly Tensor[]
  readonly attributes?: Attributes
}

/** The program of one node, its operands inputs; a tensor that is given twice is one input. */
function programOf(
  { op, inputs, attributes = {} }: Node,
  idle: number,
): { program: Program; operands: readonly Tensor[] } {
  const builder = new Builder()
  const operands = [...new Set(inputs), ...new Array<Tensor>(idle).fill(tensor('float32', [1], [1]))]
  const refs = operands.map((type, i) => builder.input(`x${i}`, type))
  const result = builder.op(
    op,
    inputs.map((input) => refs[operands.indexOf(input)]),
    attributes,
  )
  return { program: builder.finish({ outputs: [['y', result]] }).program, operands }
}

/** A run that commits `result` for the node: what it gives, unless told otherwise. */
export function committed(
  node: Node,
  result = evaluate(node.op, node.inputs, node.attributes),
  { steps = 5, idle = 0 }: Around = {},
): Committed {
  const { program, operands } = programOf(node, idle)
  const values = [...operands, result]
  if (program.values.length !== values.length) throw new Error(`${node.op} is not one node`)
  const root = rootOfTensors('values', values)
  const leaves = Array.from({ length: steps }, (_, index): Step => {
    const own = index === STEP ? root : Uint8Array.from(ZERO32, () => index)
    return { index, stateBefore: ZERO32, inputs: ZERO32, values: own, stateAfter: ZERO32, outputs: ZERO32 }
  })
  const job = {
    program: hashProgram(program),
    initialState: ZERO32,
    inputs: ZERO32,
    steps: BigInt(steps),
    commitEvery: 1n,
    operatorTrace: true,
    policy: ZERO32,
    requester: '0x0000000000000000000000000000000000000000',
    deadline: 0n,
    salt: ZERO32,
  } as const
  const claim = { job: hashJob(job), outputs: ZERO32, finalState: ZERO32, run: runRoot(leaves) }
  const list = viewOfList(values)
  const step = openLeaf({ leaf: viewOfLeaves(leaves) }, STEP)
  const provider = '0x00000000000000000000000000000000000000a1'
  return { case: { job, claim, provider }, program, value: values.length - 1, values, list, step }
}

/** A tensor with one bit of one element flipped. */
export function flipped(x: Tensor, element: number, bit: number): Tensor {
  const bytes = bytesOf(x).slice()
  const width = bytes.length / x.data.length
  bytes[element * width + (bit >> 3)] ^= 1 << (bit & 7)
  return fromBytes({ dtype: x.dtype, dims: x.dims }, bytes)
}

/** An element of an operand, by the operand's position. */
export type From = readonly [operand: number, element: number]

/** What every evidence about an element begins with. */
export function subjectOf({ step, value, program, list }: Committed, element: number) {
  return { step, value, leaf: openValue(program, value), element, output: openElement(list, value, element) }
}

const numberOf = ({ program, value }: Committed, operand: number): number => {
  const node = program.values[value]
  if (node.kind !== 'node') throw new Error('no node')
  return node.inputs[operand]
}

/** Tiles of elements of the operands. */
export const tilesOf = (run: Committed, sources: readonly From[]) =>
  sources.map(([operand, element]) => openElement(run.list, numberOf(run, operand), element))

/** Evidence of ElementReferee: tiles of elements of the operands, and leaves of operands. */
export function elementEvidence(
  run: Committed,
  element: number,
  { sources, leaves = [] }: { readonly sources: readonly From[]; readonly leaves?: readonly number[] },
) {
  const before = leaves.map((operand) => openValue(run.program, numberOf(run, operand)))
  return { ...subjectOf(run, element), operands: tilesOf(run, sources), before }
}

/** What a choice is compared with. */
export interface Compared {
  readonly candidate?: number
  readonly sources?: readonly From[]
  readonly witness?: Uint8Array
  /** Which operand's leaf is shown. */
  readonly operand?: number
}

/** Evidence of ChoiceReferee. */
export function choiceEvidence(run: Committed, element: number, compared: Compared) {
  const { candidate = 0, sources = [], witness = new Uint8Array(0), operand = 0 } = compared
  const leaf = openValue(run.program, numberOf(run, operand))
  return { ...subjectOf(run, element), operand: leaf, witness, candidate, operands: tilesOf(run, sources) }
}

/** The one leaf of an expansion of kind witness. */
export const witnessLeaf = (witness: number | bigint): Uint8Array =>
  Uint8Array.from(Buffer.from(toBeHex(witness, 32).slice(2), 'hex'))

/** The root over expansion leaves' hashes, of one. */
export const expansionOf = (leaf: Uint8Array): Bytes32 => sizedRoot('expansion', { size: 1, root: hashLeaf(leaf) })

/** Referees behind a contract that answers what they ask. */
export interface Court {
  readonly records: Contract
  /** Makes the counts of a run's program known. */
  admit(run: Pick<Committed, 'program' | 'case'>): Promise<void>
  /** Commits an expansion of an element of a run's node. */
  expand(run: Committed, element: number, root: Bytes32): Promise<void>
  /** The calldata with which a fault is shown. */
  callOf(run: Pick<Committed, 'case'>, fault: string, ...evidence: readonly unknown[]): string
  /** For each fault: `false claim`, or the name of the error. */
  rulings(calls: readonly string[]): Promise<readonly string[]>
  /** What showing a fault costs as a transaction of its own, its calldata included. */
  gasOf(call: string): Promise<number>
}

const FALSE_CLAIM = keccak256(Buffer.from('Countersign ruling: false claim'))

/** Deploys a referee and the contract that asks it; `values` go to its constructor. */
export async function courtOf(node: EvmNode, name: string, ...values: readonly unknown[]): Promise<Court> {
  const referee = await deploy(node, name, ...values)
  const bare = await deploy(node, 'test/RecordsHarness')
  const errors = ['Evaluator', name].flatMap((artifact) =>
    (readArtifact(artifact).abi as { type: string }[]).filter(({ type }) => type === 'error'),
  )
  const abi = [...(readArtifact('test/RecordsHarness').abi as object[]), ...errors] as InterfaceAbi
  const records = new Contract(await bare.getAddress(), abi, node.signer)
  const address = await referee.getAddress()
  const send = async (data: string): Promise<number> => {
    const tx = { from: node.signer.address, to: await records.getAddress(), data, gas: '0xe4e1c0' }
    return gasUsed(node, (await node.provider.send('eth_sendTransaction', [tx])) as string)
  }
  const set = (method: string, ...values: readonly unknown[]) =>
    send(records.interface.encodeFunctionData(method, values))
  return {
    records,
    async admit({ program: { counts, outputs, carries }, case: { job } }) {
      await set('setCounts', job.program, {
        ...counts,
        outputs: outputs.length,
        carries: carries.length,
        flags: 0,
      })
    },
    async expand(run, element, root) {
      const coder = AbiCoder.defaultAbiCoder()
      const id = keccak256(coder.encode(['bytes32', 'address'], [run.case.claim.job, run.case.provider]))
      const key = keccak256(coder.encode(['uint64', 'uint32', 'uint64'], [run.step.step, run.value, element]))
      await set('setExpansion', id, key, root)
    },
    callOf: (run, fault, ...evidence) => referee.interface.encodeFunctionData(fault, [run.case, ...evidence]),
    async rulings(calls) {
      const found: string[] = []
      // A request of some megabytes is more than the node takes.
      for (let from = 0; from < calls.length; from += BATCH) {
        const part = calls.slice(from, from + BATCH).map((call): Call => ['rule', address, call])
        found.push(...(await outcomesOf(records, part)))
      }
      return found.map((text) => (text === FALSE_CLAIM ? 'false claim' : text))
    },
    gasOf: (call) => send(records.interface.encodeFunctionData('rule', [address, call])),
  }
}
