/**
 * Evidence out of a claimed run: leaves, digests and tiles with their ways up to the claim, as the contracts' structs have them
 * (contracts/Openings.sol, contracts/Programs.sol). Whoever shows evidence needs the hashes beside its way and nothing else, so a run is
 * looked at through views, which may know it whole or only as far as a dispute revealed it.
 * @module
 */
import { ZERO32, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { DTYPES, type Tensor, type TensorType } from '../core/tensor.js'
import { leavesOf as leavesOfProgram } from '../exact/format.js'
import type { Program } from '../exact/program.js'
import { tileBytes, tileOf, tileTree, listTree } from '../merkle/tiles.js'
import { nodeAt, proveInclusion, siblingsOf, treeOf, type Path, type Tree } from '../merkle/tree.js'
import type { Claim } from '../receipt/claim.js'
import type { Address } from '../receipt/fields.js'
import type { Job } from '../receipt/job.js'
import { digestOf } from '../trace/digests.js'
import { encodeStep, runTree, type Step } from '../trace/step.js'

/** What is disputed. */
export interface Case {
  readonly job: Job
  readonly claim: Claim
  readonly provider: Address
}

/** A leaf of a program's tree with its way to the root. */
export interface LeafOpening {
  readonly leaf: Uint8Array
  readonly path: Path
}

/** A type as the contracts have it: the ONNX number of the element type, and the dims. */
export interface Form {
  readonly dtype: number
  /** Of what somebody else revealed maybe beyond 2^53 - 1. */
  readonly dims: readonly (number | bigint)[]
}

/** A tile with its way to the tensor's root, and the digest's way to the list in which it stands. */
export interface TileOpening {
  readonly form: Form
  readonly path: Path
  readonly tile: Uint8Array
  readonly tilePath: Path
}

/** Where the values of a step stand: in its leaf of the run, in a trace on the chain, or in the leaf's list of its steps' values. */
export const BY = { leaf: 0, traced: 1, segment: 2 } as const

/** A step of a claimed run with its way to the claim. */
export interface StepOpening {
  readonly step: number
  readonly leaf: Step
  readonly path: Path
  readonly by: (typeof BY)[keyof typeof BY]
  readonly inner: Step
  readonly innerPath: Path
}

/** A tensor as far as somebody knows it. */
export interface TensorView {
  readonly type: TensorType
  /** @throws Fault `dispute/not-known` where the tile or its way was not revealed. */
  tile(index: number): { readonly bytes: Uint8Array; readonly path: Path }
}

/** A list of tensors (state, inputs, outputs, values) as far as somebody knows it. */
export interface ListView {
  readonly size: number
  /** The way of an item's digest to the list's root. @throws Fault `dispute/not-known`. */
  path(index: number): Path
  /** @throws Fault `dispute/not-known`. */
  digest(index: number): Bytes32
  /** @throws Fault `dispute/not-known`. */
  tensor(index: number): TensorView
}

/** A step that is not there. */
export const NO_STEP: Step = Object.freeze({
  index: 0,
  stateBefore: ZERO32,
  inputs: ZERO32,
  values: ZERO32,
  stateAfter: ZERO32,
  outputs: ZERO32,
})

// ---------------------------------------------------------------- whole views

/** A tensor that is known whole. Cost: its tiles are hashed when the first one is asked for. */
export function viewOfTensor(tensor: Tensor): TensorView {
  let tree: Tree | undefined
  return {
    type: { dtype: tensor.dtype, dims: tensor.dims },
    tile(index) {
      tree ??= tileTree(tensor)
      return { bytes: tileBytes(tensor, index), path: proveInclusion(tree, index) }
    },
  }
}

/** A list that is known whole. */
export function viewOfList(tensors: readonly Tensor[], digests = tensors.map(digestOf)): ListView {
  let tree: Tree | undefined
  const views = new Map<number, TensorView>()
  return {
    size: digests.length,
    path: (index) => proveInclusion((tree ??= listTree(digests)), index),
    digest: (index) => digests[index],
    tensor(index) {
      demand(tensors[index] !== undefined, 'dispute/not-known', () => `tensor ${index} of a list`)
      const view = views.get(index) ?? viewOfTensor(tensors[index])
      views.set(index, view)
      return view
    },
  }
}

// ---------------------------------------------------------------- openings

/** A type as the contracts have it. */
export const formOf = ({ dtype, dims }: TensorType): Form => ({ dtype: DTYPES[dtype].code, dims })

/** The tile that holds an element of one tensor of a list. */
export function openElement(list: ListView, index: number, element: number): TileOpening {
  return openTile(list, index, tileOf(list.tensor(index).type, element).tile)
}

/** A tile of one tensor of a list. */
export function openTile(list: ListView, index: number, tile: number): TileOpening {
  const view = list.tensor(index)
  const { bytes, path } = view.tile(tile)
  return { form: formOf(view.type), path: list.path(index), tile: bytes, tilePath: path }
}

/** The bits of an element as the tile of a view holds them. */
export function bitsAt(list: ListView, index: number, element: number): bigint {
  const view = list.tensor(index)
  const { tile, position } = tileOf(view.type, element)
  const width = DTYPES[view.type.dtype].bytes
  const bytes = view.tile(tile).bytes.subarray(position * width, (position + 1) * width)
  return bytes.reduceRight((bits, byte) => (bits << 8n) | BigInt(byte), 0n)
}

const programs = new WeakMap<Program, { readonly leaves: readonly Uint8Array[]; readonly tree: Tree }>()

function leafOfProgram(program: Program, index: number): LeafOpening {
  const { leaves, tree } = known(program)
  return { leaf: leaves[index], path: proveInclusion(tree, index) }
}

function known(program: Program): { readonly leaves: readonly Uint8Array[]; readonly tree: Tree } {
  const before = programs.get(program)
  if (before !== undefined) return before
  const leaves = leavesOfProgram(program)
  const made = { leaves, tree: treeOf(leaves) }
  programs.set(program, made)
  return made
}

/** The header of a program. */
export const openHeader = (program: Program): LeafOpening => leafOfProgram(program, 0)

/** The leaf of a value. */
export const openValue = (program: Program, value: number): LeafOpening => leafOfProgram(program, 1 + value)

/** The leaf of an output. */
export const openOutput = (program: Program, index: number): LeafOpening =>
  leafOfProgram(program, 1 + program.values.length + index)

/** The leaf of a carry. */
export const openCarry = (program: Program, index: number): LeafOpening =>
  leafOfProgram(program, 1 + program.values.length + program.outputs.length + index)

/** All carries of a program, or all of its outputs and carries, packed, with the way of their leaves to the root. */
export interface EndsOpening {
  readonly outputs: Uint8Array
  readonly carries: Uint8Array
  readonly path: Path
}

/** All carries of a program, with all of its outputs where these are wanted. */
export function openEnds(program: Program, { outputs }: { readonly outputs: boolean }): EndsOpening {
  const shown = outputs ? program.outputs : []
  const { tree } = known(program)
  const first = tree.size - shown.length - program.carries.length
  const beside = first === tree.size ? [] : siblingsOf({ index: first, size: tree.size })
  return {
    outputs: words(shown),
    carries: words(program.carries.flatMap(({ parameter, value }) => [parameter, value])),
    // What is on the right of the first of them is among them.
    path: beside.filter(({ index }) => index % 2 === 0).map(({ level, index }) => nodeAt(tree, level, index)),
  }
}

/** Integers of 4 bytes, big-endian. */
function words(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length))
  values.forEach((value, i) => view.setUint32(4 * i, value))
  return new Uint8Array(view.buffer)
}

/** A leaf of a run with its way to the run root. */
export interface LeavesView {
  leaf(index: number): { readonly leaf: Step; readonly path: Path }
}

/** A step by its leaf of the run alone: where one leaf is one step and holds its values, or where no values are needed. */
export function openLeaf(run: LeavesView, index: number, step = index): StepOpening {
  return { step, ...run.leaf(index), by: BY.leaf, inner: NO_STEP, innerPath: [] }
}

/** The leaves of a run that are known. */
export function viewOfLeaves(leaves: readonly Step[]): LeavesView['leaf'] {
  let tree: Tree | undefined
  return (index) => ({ leaf: leaves[index], path: proveInclusion((tree ??= runTree(leaves)), index) })
}

/** The tree of a trace: the steps of one leaf of the run, each with its values. */
export const traceTree = (steps: readonly Step[]): Tree => treeOf(steps.map(encodeStep))
