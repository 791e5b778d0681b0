/**
 * Opens one element of one value of one step of a recorded run, with proofs up to the run root.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sizeOf, type Tensor, type TensorType } from '../core/tensor.js'
import { listTree, openTile, tileOf, verifyTile, type TileOpening } from '../merkle/tiles.js'
import { hashLeaf, proveInclusion, rootFromInclusion, sizedRoot, type Kind, type Path } from '../merkle/tree.js'
import { digestOf } from './digests.js'
import { encodeStep, leavesOf, runTree, type Step } from './step.js'
import { valueDigests, type Trace } from './trace.js'

/** Which element: of the value with this number, in this step. */
export interface ElementPlace {
  readonly step: number
  readonly value: number
  readonly element: number
}

/** An element with everything between it and the run root. */
export interface ElementOpening {
  /** The leaf of the run's tree: the step, or its segment. */
  readonly leaf: Step
  readonly leafPath: Path
  /** Where a leaf covers several steps: this step's own values root and its way to the segment's. */
  readonly inner: { readonly values: Bytes32; readonly path: Path } | undefined
  readonly digest: Bytes32
  readonly digestPath: Path
  readonly tile: TileOpening
}

/** What the verifier knows of the run: nothing here comes from the prover. */
export interface RunShape {
  readonly steps: number
  readonly commitEvery: number
  /** Number of values of the program, and the type of the one that is opened. */
  readonly values: number
  readonly type: TensorType
}

/** Opens an element; the opening is checked before it is returned. @throws Fault `trace/not-recorded`, `merkle/index-out-of-range`. */
export function open(trace: Trace, place: ElementPlace): ElementOpening {
  const digests = valueDigests(trace, place.step)
  const tensor: Tensor = trace.values![place.step][place.value]
  const { commitEvery, leaves, steps } = trace
  const leafIndex = Math.floor(place.step / commitEvery)
  const first = leafIndex * commitEvery
  const roots = steps.slice(first, first + commitEvery).map((step) => step.values)
  return {
    leaf: leaves[leafIndex],
    leafPath: proveInclusion(runTree(leaves), leafIndex),
    inner:
      commitEvery === 1
        ? undefined
        : { values: roots[place.step - first], path: proveInclusion(listTree(roots), place.step - first) },
    digest: digestOf(tensor),
    digestPath: proveInclusion(listTree(digests), place.value),
    tile: openTile(tensor, tileOf(tensor, place.element).tile),
  }
}

/**
 * The element's value, after every proof from it to the run root was checked.
 * @throws Fault `merkle/root-mismatch`, `merkle/bad-proof-length`, `merkle/bad-tile`, `merkle/index-out-of-range`, `trace/bad-step`.
 */
export function verify(
  run: Bytes32,
  shape: RunShape,
  { place, opening }: { place: ElementPlace; opening: ElementOpening },
): number | bigint {
  demand(
    place.step < shape.steps && place.value < shape.values && place.element < sizeOf(shape.type.dims),
    'merkle/index-out-of-range',
    () => 'no such element',
  )
  const leaves = leavesOf(shape.steps, shape.commitEvery)
  const leafIndex = Math.floor(place.step / shape.commitEvery)
  demand(opening.leaf.index === leafIndex, 'trace/bad-step', () => 'the leaf is of another step')
  demandSized('run', { leaf: encodeStep(opening.leaf), index: leafIndex, size: leaves, path: opening.leafPath }, run)
  const values = valuesOf(shape, { place, opening, leafIndex })
  demandSized(
    'values',
    { leaf: opening.digest, index: place.value, size: shape.values, path: opening.digestPath },
    values,
  )
  const { tile, position } = tileOf(shape.type, place.element)
  return verifyTile(opening.digest, { type: shape.type, tile }, opening.tile).data[position]
}

function valuesOf(
  shape: RunShape,
  { place, opening, leafIndex }: { place: ElementPlace; opening: ElementOpening; leafIndex: number },
): Bytes32 {
  if (shape.commitEvery === 1) return opening.leaf.values
  demand(opening.inner !== undefined, 'merkle/bad-proof-length', () => 'the step inside of its segment is not opened')
  const first = leafIndex * shape.commitEvery
  const size = Math.min(shape.commitEvery, shape.steps - first)
  demandSized(
    'segmentValues',
    { leaf: opening.inner.values, index: place.step - first, size, path: opening.inner.path },
    opening.leaf.values,
  )
  return opening.inner.values
}

/** Demands that a leaf leads to a sized root. */
function demandSized(
  kind: Kind,
  { leaf, index, size, path }: { leaf: Uint8Array; index: number; size: number; path: Path },
  expected: Bytes32,
): void {
  const root = rootFromInclusion(hashLeaf(leaf), { index, size }, path)
  const found = sizedRoot(kind, { size, root })
  demand(equal(found, expected), 'merkle/root-mismatch', () => `the ${kind} root`, {
    expected: toHex(expected),
    found: toHex(found),
  })
}
