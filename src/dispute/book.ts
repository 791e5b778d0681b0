/**
 * What a provider holds, by hash: the answer to every question that its own commitments allow. Whoever takes a job states that it can answer
 * them all.
 * @module
 */
import { ZERO32, toHex, type Bytes32 } from '../core/bytes.js'
import { Fault } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import type { Feed } from '../data/course.js'
import type { NodeValue, Program } from '../exact/program.js'
import { listTree, tileBytes, tileTree } from '../merkle/tiles.js'
import { proveChildren, rootOf, sizedRoot, type Kind, type Tree } from '../merkle/tree.js'
import { digestOf } from '../trace/digests.js'
import { refusalRecord, type RunRefusal } from '../trace/refusal.js'
import { encodeStep, runTree, type Step } from '../trace/step.js'
import { expand, isExpandable } from './expansion.js'
import { formOf, traceTree } from './openings.js'
import type { Answer, Question } from './question.js'
import type { Retraced, TracedStep } from './retrace.js'

/** A run by the one who claimed it. */
export interface OwnRun {
  readonly program: Program
  readonly commitEvery: number
  /** Inputs of every step. */
  readonly inputs: Feed
  readonly leaves: readonly Step[]
  readonly refusal: RunRefusal | undefined
  /** The steps of a leaf with all their values, computed again. */
  retrace(leaf: number): Promise<Retraced>
}

/** What a demand is about; the contract's events say it. */
export type Demand =
  | { readonly name: 'trace'; readonly leaf: number }
  | { readonly name: 'expansion'; readonly step: number; readonly value: number; readonly element: number }

interface Entry {
  readonly tree: Tree
  /** The bytes of a leaf. */
  leaf(index: number): Uint8Array | Promise<Uint8Array>
}

interface Spot {
  readonly entry: Entry
  readonly start: number
  readonly size: number
}

/** Answers questions about one's own run. */
export class Book {
  readonly #run: OwnRun
  readonly #spots = new Map<string, Spot>()
  readonly #tensors = new Map<string, Tensor>()
  readonly #refusals = new Map<string, RunRefusal>()
  readonly #traces = new Map<number, Promise<Retraced>>()

  constructor(run: OwnRun) {
    this.#run = run
    this.#add('run', {
      tree: runTree(run.leaves),
      leaf: async (index) => {
        await this.#traced(index)
        return encodeStep(run.leaves[index])
      },
    })
    if (run.refusal !== undefined) this.#refusals.set(toHex(refusalRecord(run.refusal)), run.refusal)
  }

  /**
   * The preimage of a hash.
   * @throws Fault `dispute/not-known` where the hash is none of this run's, or was not led to step by step.
   */
  async answer(question: Question): Promise<Answer> {
    if (question.form === 'digest') return this.#digest(question.hash)
    const key = toHex(question.hash)
    const refusal = this.#refusals.get(key)
    if (question.form === 'list' && refusal !== undefined) return { name: 'answerRefusal', refusal }
    const spot = this.#spots.get(key)
    if (spot === undefined) throw new Fault('dispute/not-known', 'a hash that is none of this run', { found: key })
    const { entry, start, size } = spot
    if (question.form === 'leaf') return { name: 'answerLeaf', leaf: await entry.leaf(start) }
    if (size <= 1) return { name: 'answerChildren', children: size === 0 ? [] : [rootOf(entry.tree)] }
    const children = proveChildren(entry.tree, { start, size })
    for (const child of children) this.#spots.set(toHex(child.hash), { entry, start: child.start, size: child.size })
    return { name: 'answerChildren', children: children.map(({ hash }) => hash) }
  }

  /** The commitment that a demand asks for. What cannot be expanded gets an empty tree. */
  async commit(demand: Demand): Promise<Extract<Answer, { name: 'answerCommitment' }>> {
    if (demand.name === 'trace') {
      const { steps } = await this.#traced(demand.leaf)
      const tree = traceTree(steps.map(({ leaf }) => leaf))
      return this.#commitment('segment', { tree, leaf: (index) => encodeStep(steps[index].leaf) })
    }
    const leaves = await this.#expanded(demand)
    return this.#commitment('expansion', leaves)
  }

  #commitment(kind: Kind, entry: Entry): Extract<Answer, { name: 'answerCommitment' }> {
    this.#add(kind, entry)
    return { name: 'answerCommitment', size: entry.tree.size, root: rootOf(entry.tree) }
  }

  async #expanded({ step, value, element }: Extract<Demand, { name: 'expansion' }>): Promise<Entry> {
    const { commitEvery, program } = this.#run
    const { steps } = await this.#traced(Math.floor(step / commitEvery))
    const node = program.values[value]
    const traced = steps[step % commitEvery]
    const nothing: Entry = { tree: { size: 0, levels: [] }, leaf: () => new Uint8Array(0) }
    const tensor = traced.values[value]
    // A contract does not know how many elements a value has, so it lets somebody ask for one that is not there.
    if (node?.kind !== 'node' || tensor === undefined || element >= tensor.data.length) return nothing
    const operands = operandsAt(node, traced)
    if (!isExpandable(node, operands, element)) return nothing
    const { leaves, tree } = expand(node, operands, element)
    return { tree, leaf: (index) => leaves[index] }
  }

  /** Everything about one leaf of the run, computed once and written down. */
  #traced(leaf: number): Promise<Retraced> {
    const known = this.#traces.get(leaf) ?? this.#run.retrace(leaf).then((traced) => this.#write(traced))
    this.#traces.set(leaf, known)
    return known
  }

  #write(traced: Retraced): Retraced {
    const { commitEvery } = this.#run
    for (const step of traced.steps) this.#writeStep(step)
    if (commitEvery > 1) {
      this.#segment('segmentInputs', traced, ({ leaf }) => leaf.inputs)
      this.#segment('segmentOutputs', traced, ({ leaf }) => leaf.outputs)
      this.#segment('segmentValues', traced, ({ leaf, values }) =>
        values.includes(undefined) || traced.refusal?.step === leaf.index ? ZERO32 : leaf.values,
      )
    }
    return traced
  }

  #writeStep({ before, inputs, values, digests, after, outputs }: TracedStep): void {
    this.#list('state', before)
    this.#list('state', after)
    this.#list('inputs', inputs)
    this.#list('outputs', outputs)
    const known = values.filter((value) => value !== undefined)
    for (const value of known) this.#tensors.set(toHex(digestOf(value)), value)
    this.#add('values', { tree: listTree(digests), leaf: (index) => digests[index] })
  }

  #list(kind: Kind, tensors: readonly Tensor[]): void {
    const digests = tensors.map(digestOf)
    tensors.forEach((tensor, i) => this.#tensors.set(toHex(digests[i]), tensor))
    this.#add(kind, { tree: listTree(digests), leaf: (index) => digests[index] })
  }

  #segment(kind: Kind, { steps }: Retraced, of: (step: TracedStep) => Bytes32): void {
    const items = steps.map(of)
    this.#add(kind, { tree: listTree(items), leaf: (index) => items[index] })
  }

  /** A tree is found by its sized root and by its root. */
  #add(kind: Kind, entry: Entry): void {
    const { size } = entry.tree
    const root = rootOf(entry.tree)
    const spot: Spot = { entry, start: 0, size }
    this.#spots.set(toHex(sizedRoot(kind, { size, root })), spot)
    this.#spots.set(toHex(root), spot)
  }

  #digest(digest: Bytes32): Answer {
    const tensor = this.#tensors.get(toHex(digest))
    if (tensor === undefined) throw new Fault('dispute/not-known', 'a digest that is none of this run')
    const tree = tileTree(tensor)
    const root = rootOf(tree)
    this.#spots.set(toHex(root), {
      entry: { tree, leaf: (index) => tileBytes(tensor, index) },
      start: 0,
      size: tree.size,
    })
    return { name: 'answerDigest', form: formOf(tensor), root }
  }
}

/** The operands of a node in a step. */
export function operandsAt(node: NodeValue, { values }: Pick<TracedStep, 'values'>): Tensor[] {
  return node.inputs.filter((input) => input < values.length).map((input) => values[input]!)
}
