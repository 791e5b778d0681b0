/**
 * Digests of tensors and of lists of tensors, each tensor hashed once however often it is committed.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import type { Tensor } from '../core/tensor.js'
import { digest } from '../merkle/tiles.js'
import { listRoot } from '../merkle/tiles.js'
import { sizedRoot, type Kind } from '../merkle/tree.js'

const known = new WeakMap<Tensor, Bytes32>()

/** The digest of a tensor, remembered for as long as the tensor lives: its data must not change. */
export function digestOf(tensor: Tensor): Bytes32 {
  const before = known.get(tensor)
  if (before !== undefined) return before
  const made = digest(tensor)
  known.set(tensor, made)
  return made
}

/** The sized root of a list of tensors. */
export function rootOfTensors(kind: Kind, tensors: readonly Tensor[]): Bytes32 {
  return rootOfDigests(kind, tensors.map(digestOf))
}

/** The sized root of a list of digests. */
export function rootOfDigests(kind: Kind, digests: readonly Bytes32[]): Bytes32 {
  return sizedRoot(kind, { size: digests.length, root: listRoot(digests) })
}
