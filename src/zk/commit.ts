/**
 * Commitments that circuits recompute: tensors of integers, packed into field elements and hashed with Poseidon.
 *
 * A tensor of width w (bits an element) has its integers shifted to 0 .. 2^w - 1, floor(253 / w) of them in a field element, the first
 * lowest. The stream of elements, behind a salt where there is one, has a root of one of three shapes. `leaves`: cut into leaves
 * Poseidon(tag, 15 elements), zeros behind the last; above them nodes Poseidon(left, right), an odd node rising as it is. `chain`:
 * Poseidon(tag, first), then Poseidon(hash so far, next): a contract needs no Poseidon but that of two elements for it. `packed`: the one
 * element of the stream, as it is: whoever sees the root sees the tensor. The tag fixes shape, dtype, width, scale, dims and whether
 * there is a salt, so that the number of hashes is never taken from a party; of a packed tensor, the circuit fixes them alone.
 * @module
 */
import { concat, uint64, utf8 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import { DTYPES, sizeOf, type DType, type Tensor } from '../core/tensor.js'
import { CAPACITY, element, integerOf } from './field.js'
import { poseidon } from './poseidon.js'

/** How a tensor is committed. */
export interface Layout {
  readonly dtype: DType
  readonly dims: readonly number[]
  /** Bits of an element; by default those of the dtype. */
  readonly width: number
  /** Values stand for integer * 2^-scale. */
  readonly scale: number
  readonly salted: boolean
  readonly shape: Shape
}

/** How a stream of field elements becomes a root: a tree over leaves of 15, one hashed after the other, or one element as it is. */
export type Shape = (typeof SHAPES)[number]

/** All shapes, in the order of their numbers in tags. */
export const SHAPES = ['leaves', 'chain', 'packed'] as const

/** Elements of a leaf beside its tag. */
export const LEAF = 15

/** The layout of a type where nothing else is said: the dtype's own width, scale 0, no salt, leaves. */
export function layoutOf(
  { dtype, dims }: Pick<Tensor, 'dtype' | 'dims'>,
  {
    width = dtype === 'bool' ? 1 : 8 * DTYPES[dtype].bytes,
    scale = 0,
    salted = false,
    shape = 'leaves',
  }: Partial<Layout> = {},
): Layout {
  const { kind } = DTYPES[dtype]
  demand(kind !== 'float', 'zk/unsupported', () => `a commitment to ${dtype}; circuits commit to integers`)
  demand(Number.isInteger(width) && width >= 1 && width <= 64, 'zk/unsupported', () => `a width of ${width} bits`)
  const made: Layout = { dtype, dims: [...dims], width, scale, salted, shape }
  const fits = shape !== 'packed' || (!salted && streamLength(made) === 1)
  demand(fits, 'zk/unsupported', () => 'a packed root of what is salted, or is no single element')
  return made
}

/** Field elements up to which a chain costs a circuit less than a leaf. */
const SHORT = 2

/** A layout in its cheapest shape: a chain of what is short, leaves of what is not. */
export const compactLayout = (layout: Layout): Layout =>
  streamLength(layout) <= SHORT ? { ...layout, shape: 'chain' } : layout

/** Bytes of a tensor up to which a contract is expected to recompute its root. */
const SHOWN = 1024

/** The layout of an output: what is small and not hidden is packed, or a chain, so that a contract recomputes its root. */
export function outputLayout(layout: Layout): Layout {
  const bytes = sizeOf(layout.dims) * DTYPES[layout.dtype].bytes
  if (layout.salted || bytes > SHOWN) return compactLayout(layout)
  return { ...layout, shape: streamLength(layout) === 1 ? 'packed' : 'chain' }
}

/** Integers in one field element. */
export const perElement = ({ width }: Layout): number => Math.floor(CAPACITY / width)

/** What is added to an integer before it is packed: half of the range for signed types. */
export const offsetOf = ({ dtype, width }: Layout): bigint =>
  DTYPES[dtype].kind === 'signed' ? 1n << BigInt(width - 1) : 0n

/** Field elements of the stream, the salt included. */
export const streamLength = (layout: Layout): number =>
  Math.ceil(sizeOf(layout.dims) / perElement(layout)) + (layout.salted ? 1 : 0)

/** The first element of every leaf, and of a chain: 253 bits of SHA-256 over the layout. */
export function tagOf({ dtype, dims, width, scale, salted, shape }: Layout): bigint {
  const kind = [SHAPES.indexOf(shape), DTYPES[dtype].code, width, scale + 2 ** 32, salted ? 1 : 0]
  return shortHash(concat(utf8('countersign tensor 1'), ...[...kind, dims.length, ...dims].map(uint64)))
}

/** The upper 253 bits of SHA-256: below the order of the field. */
export function shortHash(message: Uint8Array): bigint {
  return integerOf(sha256(message)) >> 3n
}

/** The integers of a tensor. */
export const integersOf = ({ data }: Tensor): bigint[] => Array.from(data as ArrayLike<number | bigint>, BigInt)

/** The packed stream. @throws Fault `zk/out-of-range` where an integer does not fit the width; `zk/bad-length`. */
export function pack(layout: Layout, integers: readonly bigint[], salt?: bigint): bigint[] {
  demand(integers.length === sizeOf(layout.dims), 'zk/bad-length', () => 'elements that do not fill the tensor')
  demand((salt !== undefined) === layout.salted, 'zk/bad-length', () => 'a salt stands just where the layout says so')
  const [limit, offset, step] = [1n << BigInt(layout.width), offsetOf(layout), perElement(layout)]
  const packed: bigint[] = salt === undefined ? [] : [element(salt)]
  for (let from = 0; from < integers.length; from += step) {
    let sum = 0n
    for (const value of integers.slice(from, from + step).toReversed()) {
      demand(value + offset >= 0n && value + offset < limit, 'zk/out-of-range', () => `not ${layout.width} bits`)
      sum = sum * limit + value + offset
    }
    packed.push(sum)
  }
  return packed
}

/** The root above these nodes, two by two, an odd one rising as it is. @throws Fault `zk/bad-length` where there are none. */
export function fold(nodes: readonly bigint[]): bigint {
  demand(nodes.length > 0, 'zk/bad-length', () => 'a tree without leaves')
  let level = [...nodes]
  while (level.length > 1)
    level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
      2 * i + 1 < level.length ? poseidon([level[2 * i], level[2 * i + 1]]) : level[2 * i],
    )
  return level[0]
}

/** The leaves of a stream. */
function leavesOf(tag: bigint, stream: readonly bigint[]): bigint[] {
  const count = Math.max(1, Math.ceil(stream.length / LEAF))
  return Array.from({ length: count }, (_, i) => {
    const part = stream.slice(i * LEAF, (i + 1) * LEAF)
    return poseidon([tag, ...part, ...Array<bigint>(LEAF - part.length).fill(0n)])
  })
}

/** Poseidon(tag, first), then Poseidon(hash so far, next); of nothing, Poseidon(tag, 0). */
export const chain = (tag: bigint, stream: readonly bigint[]): bigint =>
  (stream.length === 0 ? [0n] : stream).reduce((hash, next) => poseidon([hash, next]), tag)

/** The root of a packed stream. */
export function streamRoot(layout: Layout, stream: readonly bigint[]): bigint {
  if (layout.shape === 'packed') return stream[0]
  const tag = tagOf(layout)
  return layout.shape === 'chain' ? chain(tag, stream) : fold(leavesOf(tag, stream))
}

/**
 * The Poseidon root of a tensor. With a salt of 128 random bits or more it hides the tensor; without, it only binds it.
 * Cost: about 0.7 ms for 15 field elements (465 int8).
 * @throws Fault `zk/out-of-range`, `zk/bad-length`, `zk/unsupported`.
 */
export function commit(value: Tensor, options: Partial<Layout> & { salt?: bigint } = {}): bigint {
  const layout = layoutOf(value, { ...options, salted: options.salt !== undefined })
  return streamRoot(layout, pack(layout, integersOf(value), options.salt))
}

/** The root of a list of tensors: the tree over their roots; 0 of an empty list. */
export const commitList = (roots: readonly bigint[]): bigint => (roots.length === 0 ? 0n : fold(roots))

const STATEMENT = shortHash(utf8('countersign statement 1'))

/** What of a statement its program decides: Poseidon over the tag and the two halves of the program's root (docs/formats.md). */
export function programElement(programHash: Uint8Array): bigint {
  const [high, low] = [integerOf(programHash.subarray(0, 16)), integerOf(programHash.subarray(16))]
  return poseidon([poseidon([STATEMENT, high]), low])
}

/**
 * The public input `statement`: which program ran, on which model. Of a training step the model is that before the step, so that a job can
 * name the statement before the work is done.
 */
export const statementOf = (programHash: Uint8Array, model: bigint): bigint =>
  poseidon([programElement(programHash), model])

/**
 * The public input `rootOut`: the root of the outputs; of a step without outputs, of the state after it; of a step with both,
 * Poseidon(outputs, state after); 0 where there is neither.
 */
export function rootOutOf({ outputs, after }: { outputs?: bigint; after?: bigint }): bigint {
  if (outputs === undefined || after === undefined) return outputs ?? after ?? 0n
  return poseidon([outputs, after])
}
