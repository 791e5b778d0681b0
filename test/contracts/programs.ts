/**
 * Programs leaf by leaf, as they are or with a broken leaf, and every question that may be asked of them on a chain.
 * @module
 */
import { Contract, keccak256, type InterfaceAbi } from 'ethers'
import { readArtifact } from '../../scripts/contracts.js'
import { ZERO32, concat, utf8, type Bytes32 } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'
import { decodeAbi } from '../../src/core/abi.js'
import { formOf, type LeafOpening } from '../../src/dispute/openings.js'
import { decode, encode, leavesOf } from '../../src/exact/format.js'
import type { Program } from '../../src/exact/program.js'
import { tileTree } from '../../src/merkle/tiles.js'
import { proveInclusion, rootOf, sizedRoot, treeOf } from '../../src/merkle/tree.js'
import { outcomesOf, type Call } from './batch.js'
import { deploy, gasUsed, type EvmNode } from './node.js'

const VOID_JOB = keccak256(utf8('Countersign ruling: void job'))

/** The leaves of a program; the counts and the constants are those of the program as it was. */
export interface Leaves {
  readonly program: Program
  readonly leaves: readonly Uint8Array[]
}

/** A function of ProgramReferee and its evidence. */
export type Ask = readonly [fault: string, ...evidence: unknown[]]

/** The leaves of a program. */
export const leavesFrom = (program: Program): Leaves => ({ program, leaves: leavesOf(program) })

/** True where a decoder takes the program with these leaves. */
export function isTaken({ program, leaves }: Leaves): boolean {
  const whole = encode(program)
  const tail = whole.subarray(12 + leavesOf(program).reduce((sum, leaf) => sum + 4 + leaf.length, 0))
  const word = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
  const bytes = leaves.flatMap((leaf) => [word(leaf.length), leaf])
  try {
    decode(concat(whole.subarray(0, 8), word(leaves.length), ...bytes, tail))
    return true
  } catch (error) {
    if (Fault.is(error)) return false
    throw error
  }
}

/** What every leaf is opened with. */
export function openerOf({ leaves }: Leaves): (index: number) => LeafOpening {
  const tree = treeOf(leaves)
  return (index) => ({ leaf: leaves[index], path: proveInclusion(tree, index) })
}

/** The program root of these leaves. */
export function rootFrom({ leaves }: Leaves): Bytes32 {
  const tree = treeOf(leaves)
  return sizedRoot('program', { size: tree.size, root: rootOf(tree) })
}

const WORDS = ['uint8', 'uint8', 'uint16', 'bytes', 'bytes', 'bytes', 'bytes32'] as const

/** The operands that a leaf names, if it can be read. */
function operandsOf(leaf: Uint8Array): number[] {
  try {
    const bytes = decodeAbi(WORDS, leaf)[5]
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i))
  } catch {
    return []
  }
}

/** Every question that its leaves allow. */
export function questionsOf(all: Leaves): readonly Ask[] {
  const { program, leaves } = all
  const open = openerOf(all)
  const size = program.values.length
  const { parameters } = program.counts
  const valueAsks = program.values.flatMap((value, v): Ask[] => {
    const own = open(1 + v)
    const asks: Ask[] = [
      ['value', v, own],
      ['flag', v, own],
    ]
    const operands = operandsOf(own.leaf)
    const known = operands.every((operand) => operand < size)
    if (value.kind === 'node' && known) asks.push(['node', v, own, operands.map((operand) => open(1 + operand))])
    if (value.kind === 'constant')
      asks.push(['constantForm', v, own, formOf(value.tensor), rootOf(tileTree(value.tensor))])
    return asks
  })
  const outputs = program.outputs.map((_, i): Ask => ['output', i, open(1 + size + i)])
  const first = 1 + size + program.outputs.length
  const ends = program.carries.map((_, i): [number, number] => {
    const leaf = leaves[first + i]
    const word = (at: number) => (leaf.length < at + 4 ? 0 : new DataView(leaf.buffer, leaf.byteOffset).getUint32(at))
    return [word(28), word(60)]
  })
  const carries = program.carries.flatMap((_, i): Ask[] => {
    const own = open(first + i)
    const [parameter, value] = ends[i]
    const sides = [parameter < parameters ? parameter : 0, value < size ? value : 0]
    const twins = program.carries.flatMap((_, j): Ask[] =>
      j > i && j < i + 3 ? [['carriedTwice', i, own, j, open(first + j)]] : [],
    )
    return [['carry', i, own, open(1 + sides[0]), open(1 + sides[1])], ...twins]
  })
  return [['header', open(0), leaves.length], ...valueAsks, ...outputs, ...carries]
}

/** The questions in which a leaf is looked at. */
export const about = (leaf: Uint8Array, asks: readonly Ask[]): readonly Ask[] =>
  asks.filter((ask) => ask.flat().some((part) => (part as Partial<LeafOpening>).leaf === leaf))

/** A referee of programs behind a contract that answers what it asks. */
export interface ProgramCourt {
  /** The same of a program whose leaves are not at hand, by its root. */
  askOf(root: Bytes32, program: Program, asks: readonly Ask[], flags?: number): Promise<readonly string[]>
  /** For each question `void job`, or the name of the error. The header's counts are those of the program as it was. */
  ask(all: Leaves, asks: readonly Ask[], flags?: number): Promise<readonly string[]>
  /** What a question costs as a transaction of its own, its calldata included; the program is one that was asked about. */
  gasOf(all: Leaves, ask: Ask): Promise<number>
}

/** Deploys it. */
export async function programCourt(node: EvmNode): Promise<ProgramCourt> {
  const referee = await deploy(node, 'ProgramReferee')
  const bare = await deploy(node, 'test/RecordsHarness')
  const errors = (readArtifact('ProgramReferee').abi as { type: string }[]).filter(({ type }) => type === 'error')
  const abi = [...(readArtifact('test/RecordsHarness').abi as object[]), ...errors] as InterfaceAbi
  const records = new Contract(await bare.getAddress(), abi, node.signer)
  const address = await referee.getAddress()
  const court: ProgramCourt = {
    ask(all, asks, flags) {
      return court.askOf(rootFrom(all), all.program, asks, flags)
    },
    async askOf(program, { counts, outputs, carries }, asks, flags = 0) {
      const known = { ...counts, outputs: outputs.length, carries: carries.length, flags }
      const data = records.interface.encodeFunctionData('setCounts', [program, known])
      // A call may be answered from the block before, so the counts are waited for.
      await gasUsed(node, await node.signer.sendUncheckedTransaction({ to: records, data }))
      const of = caseOf(program)
      const calls = asks.map(([fault, ...evidence]): Call => {
        return ['rule', address, referee.interface.encodeFunctionData(fault, [of, ...evidence])]
      })
      const found: string[] = []
      for (let at = 0; at < calls.length; at += 50) found.push(...(await outcomesOf(records, calls.slice(at, at + 50))))
      return found.map((text) => (text === VOID_JOB ? 'void job' : text))
    },
    async gasOf(all, [fault, ...evidence]) {
      const call = referee.interface.encodeFunctionData(fault, [caseOf(rootFrom(all)), ...evidence])
      const data = records.interface.encodeFunctionData('rule', [address, call])
      const sent = await node.signer.sendTransaction({ to: records, data, gasLimit: 15_000_000 })
      return gasUsed(node, sent.hash)
    },
  }
  return court
}

const ADDRESS = '0x00000000000000000000000000000000000000a1'

/** A case about a job with this program, of which nothing else is looked at. */
function caseOf(program: Bytes32): object {
  const job = {
    program,
    initialState: ZERO32,
    inputs: ZERO32,
    steps: 1n,
    commitEvery: 1n,
    operatorTrace: false,
    policy: ZERO32,
    requester: ADDRESS,
    deadline: 0n,
    salt: ZERO32,
  }
  return { job, claim: { job: ZERO32, outputs: ZERO32, finalState: ZERO32, run: ZERO32 }, provider: ADDRESS }
}
