/**
 * Claims whose traces are all on the chain, as referees see them, and every part of their runs opened.
 * @module
 */
import { AbiCoder, keccak256 } from 'ethers'
import type { Tensor } from '../../src/core/tensor.js'
import type { OwnRun } from '../../src/dispute/book.js'
import {
  BY,
  openLeaf,
  traceTree,
  viewOfLeaves,
  viewOfList,
  type Case,
  type ListView,
  type StepOpening,
} from '../../src/dispute/openings.js'
import type { TracedStep } from '../../src/dispute/retrace.js'
import { REASONS } from '../../src/exact/op.js'
import { listTree } from '../../src/merkle/tiles.js'
import { proveInclusion, rootOf, sizedRoot } from '../../src/merkle/tree.js'
import { digestOf } from '../../src/trace/digests.js'
import type { RunRefusal } from '../../src/trace/refusal.js'
import { wire } from '../dispute/arena.js'
import type { Court } from './cases.js'
import { gasUsed, type EvmNode } from './node.js'

/** A claim before a referee. */
export interface Filed {
  readonly case: Case
  readonly run: OwnRun
  /** A step by its trace, by its own leaf, or by the list of its segment. */
  opening(step: number, by?: StepOpening['by']): StepOpening
  /** What its provider holds of a step. */
  step(step: number): TracedStep
  /** A list of a step. */
  list(step: number, name: 'before' | 'inputs' | 'values' | 'after' | 'outputs'): ListView
  /** The call that shows a fault. */
  call(fault: string, ...evidence: readonly unknown[]): string
}

/** A case and what stands behind it. */
export interface Filing {
  readonly case: Case
  readonly run: OwnRun
  readonly declared?: RunRefusal | undefined
}

/** Writes a claim into the records of a court: counts of its program, the refusal, the traces of all leaves. */
export async function file(court: Court, node: EvmNode, { case: of, run, declared }: Filing): Promise<Filed> {
  await court.admit({ case: of, program: run.program })
  const id = keccak256(AbiCoder.defaultAbiCoder().encode(['bytes32', 'address'], [of.claim.job, of.provider]))
  const address = await court.records.getAddress()
  const set = async (method: string, ...values: readonly unknown[]) => {
    const data = court.records.interface.encodeFunctionData(method, values)
    const tx = { from: node.signer.address, to: address, data }
    await gasUsed(node, (await node.provider.send('eth_sendTransaction', [tx])) as string)
  }
  const words = declared && [true, declared.step, declared.node, declared.element, REASONS[declared.reason]]
  await set('setRefusal', id, words ?? [false, 0, 0, 0, 0])
  const traces = await Promise.all(run.leaves.map((_, leaf) => run.retrace(leaf)))
  const trees = traces.map(({ steps }) => traceTree(steps.map(({ leaf }) => leaf)))
  for (const [leaf, tree] of trees.entries())
    await set('setTrace', id, leaf, sizedRoot('segment', { size: tree.size, root: rootOf(tree) }))
  const stepOf = (step: number) => traces[Math.floor(step / run.commitEvery)].steps[step % run.commitEvery]
  return {
    case: of,
    run,
    step: stepOf,
    opening(step, by = BY.traced) {
      const leaf = Math.floor(step / run.commitEvery)
      const opened = { ...openLeaf({ leaf: viewOfLeaves(run.leaves) }, leaf, step), by }
      if (by === BY.leaf) return opened
      const { steps, refusal } = traces[leaf]
      const items = steps.map((one) => (refusal?.step === one.leaf.index ? new Uint8Array(32) : one.leaf.values))
      const tree = by === BY.traced ? trees[leaf] : listTree(items)
      return { ...opened, inner: stepOf(step).leaf, innerPath: proveInclusion(tree, step % run.commitEvery) }
    },
    list(step, name) {
      const own = stepOf(step)
      if (name === 'values') return viewOfList(own.values as readonly Tensor[], [...own.digests])
      return viewOfList(own[name], own[name].map(digestOf))
    },
    call: (fault, ...evidence) => court.callOf({ case: wire(of) as Case }, fault, ...evidence.map(wire)),
  }
}
