/**
 * Lists and tensors of somebody else's run beside one's own, as far as they were revealed.
 * @module
 */
import { equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { digestFrom, elementAt, tileBytes, tileGrid, tileTree } from '../merkle/tiles.js'
import { KINDS, type Path } from '../merkle/tree.js'
import { expectAnswer, explore, type Explored } from './explore.js'
import { formOf, viewOfTensor } from './openings.js'
import type { Form, ListView, StepOpening, TensorView, TileOpening } from './openings.js'
import { TILE, type Ask, type Move } from './question.js'
import type { AtLeaf } from './scene.js'

/** Puts the provider at the leaf, from where fields are asked for. */
export async function reachLeaf({ challenge, ask, run, index }: AtLeaf): Promise<void> {
  const { claim } = challenge.case
  const kind = KINDS.run
  await ask({ name: 'demandRun' }, { form: 'list', kind, size: run.size, hash: claim.run })
  const hash = run.leaf(index)
  const move: Move = { name: 'descend', run: 1, index, hash, path: run.path(index) }
  expectAnswer(await ask(move, { form: 'leaf', kind, size: 1, hash }), 'answerLeaf')
}

/** The provider's lists of a step, as far as they were revealed: one's own up to the first item that differs. */
export function listView(
  found: Explored,
  own: { readonly tensors: readonly (Tensor | undefined)[]; readonly digests: readonly Bytes32[] },
): ListView {
  const views = new Map<number, TensorView>()
  return {
    size: found.tree.size,
    path: (index) => found.tree.path(index),
    digest: (index) => (index === found.index ? found.leaf : own.digests[index]),
    tensor(index) {
      const tensor = index === found.index ? undefined : own.tensors[index]
      demand(tensor !== undefined, 'dispute/not-known', () => `tensor ${index} of a list`)
      const view = views.get(index) ?? viewOfTensor(tensor)
      views.set(index, view)
      return view
    },
  }
}

/** The list with another tensor at one place: what was revealed of it. */
export function withTensor(list: ListView, index: number, view: TensorView): ListView {
  return { ...list, tensor: (at) => (at === index ? view : list.tensor(at)) }
}

/** Where a tensor is not one's own: its form, the size of a tile, or its first element that differs, with the tile that holds it. */
export type TensorApart =
  | { readonly element: undefined; readonly form: Form; readonly root: Bytes32 }
  | { readonly element: undefined; readonly place: number; readonly tile: Omit<TileOpening, 'path'> }
  | { readonly element: number; readonly view: TensorView }

/**
 * Asks for the tensor behind a digest, which the question before led to, down to the first tile that differs.
 * @throws Fault `dispute/silent`, `merkle/root-mismatch`.
 */
export async function tensorApart(
  ask: Ask,
  { digest, own }: { readonly digest: Bytes32; readonly own: Tensor },
): Promise<TensorApart> {
  const question = { form: 'digest', kind: TILE, size: 0, hash: digest } as const
  const { form, root } = expectAnswer(await ask({ name: 'descendItem', item: digest }, question), 'answerDigest')
  if (!sameForm(form, formOf(own))) return { element: undefined, form, root }
  demand(equal(digestFrom({ type: own }, root), digest), 'merkle/root-mismatch', () => 'the root of the tiles')
  const tree = tileTree(own)
  const move: Move = { name: 'descendTensor', form, root }
  const found = await explore(ask, { kind: 'tile', size: tree.size, node: { move, root } }, tree)
  demand(found.index !== undefined, 'merkle/root-mismatch', () => 'two digests of the same tiles')
  if (found.leaf.length !== tileBytes(own, found.index).length) {
    const tile = { form, tile: found.leaf, tilePath: found.tree.path(found.index) }
    return { element: undefined, place: found.index, tile }
  }
  const view: TensorView = {
    type: { dtype: own.dtype, dims: own.dims },
    tile(index) {
      demand(index === found.index, 'dispute/not-known', () => `tile ${index}`)
      return { bytes: found.leaf, path: found.tree.path(index) }
    },
  }
  return { element: firstElement(own, found.index, found.leaf), view }
}

/** A tile of another size than its form says, in the tensor at a place of a list (TileEvidence of contracts/Openings.sol). */
export function tileEvidence(
  { place, tile }: Extract<TensorApart, { place: number }>,
  { opening, index, path }: { readonly opening: StepOpening; readonly index: number; readonly path: Path },
) {
  return { step: opening, index, place, tile: { ...tile, path } }
}

const sameForm = (a: Form, b: Form): boolean =>
  a.dtype === b.dtype && a.dims.length === b.dims.length && a.dims.every((dim, i) => dim === b.dims[i])

/** The first element of a tile that is not one's own. */
function firstElement(tensor: Tensor, tile: number, bytes: Uint8Array): number {
  const own = tileBytes(tensor, tile)
  const byte = own.findIndex((one, i) => one !== bytes[i])
  return elementAt(tensor, { tile, position: Math.floor(byte / tileGrid(tensor).bytes) })
}
