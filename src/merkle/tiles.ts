/**
 * Tensor digests: a tensor is a matrix, cut into tiles of at most 4,096 bytes; its digest binds dtype, dims and the tree
 * over the tiles, so that one tile is opened and checked alone.
 *
 * Numerics: NaN is hashed as the canonical quiet NaN of its type (float32 7fc00000, float64 7ff8000000000000, float16
 * 7e00, bfloat16 7fc0), whatever bits the tensor holds, because the bits of a NaN differ between processors.
 * @module
 */
import { equal, toHex, uint64, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256Of } from '../core/sha256.js'
import { DTYPES, fromBytes, type Tensor, type TensorType } from '../core/tensor.js'
import { badElements } from './elements.js'
import { boxOf, tileGrid } from './grid.js'
import { tileBytes, tileHashes } from './tile-hashes.js'
import {
  hashLeaf,
  proveInclusion,
  rootFrom,
  rootFromInclusion,
  rootOf,
  treeFrom,
  treeOf,
  type Path,
  type Tree,
} from './tree.js'

export { boxOf, elementAt, tileGrid, tileOf, type Box, type Grid, type TilePlace } from './grid.js'
export { tileBytes } from './tile-hashes.js'

const TAG = 0x02
const PRIVATE_TAG = 0x12

/** One tile of a tensor and the way from it to the tensor's root. */
export interface TileOpening {
  readonly bytes: Uint8Array
  readonly path: Path
}

/** The type of a committed tensor, and its blind where the digest is private. Both must come from what both parties agreed on. */
export interface Committed {
  readonly type: TensorType
  readonly blind?: Bytes32
}

/** Options of a commitment. */
export interface Blinding {
  /** 32 secret bytes: the digest hides the tensor from everybody who lacks them. Without it a digest binds and does not hide. */
  readonly blind?: Bytes32
}

/**
 * The digest of a tensor: SHA-256(tag || dtype || rank || dims || root of the tiles [|| blind]), tag 0x02, or 0x12 with a blind.
 * @throws Fault `core/bad-tensor` for a bool that is neither 0 nor 1.
 */
export function digest(tensor: Tensor, options: Blinding = {}): Bytes32 {
  return digestFrom({ type: tensor, ...options }, rootFrom(tileHashes(tensor)))
}

/** The digest of a tensor of this type whose tiles have this root. */
export function digestFrom({ type, blind }: Committed, root: Bytes32): Bytes32 {
  tileGrid(type)
  demand(blind === undefined || blind.length === 32, 'merkle/bad-node', () => 'a blind is 32 bytes')
  const head = Uint8Array.of(blind ? PRIVATE_TAG : TAG, DTYPES[type.dtype].code, type.dims.length)
  return sha256Of(head, ...type.dims.map(uint64), root, blind ?? new Uint8Array(0))
}

/** The tree over the tiles of a tensor, for opening more than one. */
export function tileTree(tensor: Tensor): Tree {
  return treeFrom(tileHashes(tensor))
}

/**
 * One tile with its proof, checked before it is returned. Cost: that of the digest; with `tree` (from `tileTree`), one tile.
 * @throws Fault `merkle/index-out-of-range`.
 */
export function openTile(tensor: Tensor, tile: number, options: { readonly tree?: Tree } = {}): TileOpening {
  boxOf(tileGrid(tensor), tile)
  const tree = options.tree ?? tileTree(tensor)
  const opening = { bytes: tileBytes(tensor, tile), path: proveInclusion(tree, tile) }
  verifyTile(digestFrom({ type: tensor }, rootOf(tree)), { type: tensor, tile }, opening)
  return opening
}

/**
 * The elements of a tile, after the opening has been shown to belong to the digest.
 * @throws Fault `merkle/index-out-of-range`, `merkle/bad-tile` (another size), `merkle/bad-element` (a NaN that is not the
 * canonical one, a bool above 1), `merkle/bad-proof-length`, `merkle/bad-node`, `merkle/root-mismatch`.
 * @remarks Trust: the type is bound by the digest, so a wrong one is a root mismatch.
 */
export function verifyTile(
  digest: Bytes32,
  place: Committed & { readonly tile: number },
  opening: TileOpening,
): Tensor {
  const { type, tile } = place
  const grid = tileGrid(type)
  const box = boxOf(grid, tile)
  const size = box.height * box.width * grid.bytes
  demand(opening.bytes.length === size, 'merkle/bad-tile', () => 'tile', {
    where: `tile ${tile}`,
    expected: size,
    found: opening.bytes.length,
  })
  demand(!badElements(type.dtype, opening.bytes), 'merkle/bad-element', () => 'not canonical', {
    where: `tile ${tile}`,
  })
  const root = rootFromInclusion(hashLeaf(opening.bytes), { index: tile, size: grid.count }, opening.path)
  const found = digestFrom(place, root)
  demand(equal(found, digest), 'merkle/root-mismatch', () => 'the tile belongs to another digest', {
    where: `tile ${tile}`,
    expected: toHex(digest),
    found: toHex(found),
  })
  return fromBytes({ dtype: type.dtype, dims: [box.height, box.width] }, opening.bytes)
}

/** The root of a list of tensors (state, inputs, outputs, values): the tree over their digests, in order. */
export function listRoot(digests: readonly Bytes32[]): Bytes32 {
  return rootOf(listTree(digests))
}

/** The tree over a list of digests, for proofs about single tensors. */
export function listTree(digests: readonly Bytes32[]): Tree {
  return treeOf(digests)
}
