/**
 * Augmentations: a sample is moved within its own frame, by integers from the seed alone. Elements change place, never value, so
 * nothing is rounded. The last two axes are height and width.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { allocate, type Tensor, type TensorData, type TensorType } from '../core/tensor.js'
import { integers } from './seeds.js'

/** Shift: by up to `most` rows and columns either way, zero where nothing is left. Flip: left and right change sides, half of the time. */
export interface Augmentation {
  readonly kind: 'shift' | 'flip'
  /** The column that it moves. */
  readonly column: number
  /** For shift: the largest distance. For flip: 0. */
  readonly most: number
}

/** Which sample of which step. */
export interface RowPlace {
  readonly seed: Bytes32
  readonly step: number
  /** Row of the batch. */
  readonly row: number
}

/**
 * The sample after its augmentations, in their order. Each takes its integers from one stream of the row: a shift two (down, right: from 0
 * to 2 most, less most), a flip one (0: as it is).
 * @throws Fault `data/bad-schedule` where a column is missing or has no height and width.
 */
export function augment(
  tensors: readonly Tensor[],
  augmentations: readonly Augmentation[],
  { seed, step, row }: RowPlace,
): readonly Tensor[] {
  if (augmentations.length === 0) return tensors
  const next = integers(seed, { label: 'augmentation', step, value: row })
  const out = [...tensors]
  for (const { kind, column, most } of augmentations) {
    demandFrame(out[column], column)
    const draw = (): number => next(2 * most + 1) - most
    out[column] =
      kind === 'flip' ? (next(2) === 1 ? flip(out[column]) : out[column]) : shift(out[column], [draw(), draw()])
  }
  return out
}

function demandFrame(type: TensorType | undefined, column: number): void {
  demand(type && type.dims.length >= 2, 'data/bad-schedule', () => 'an augmented column has height and width', {
    where: `column ${column}`,
  })
}

/**
 * The sample moved down and to the right; what leaves the frame is lost, what enters it is 0. Cost: one step an element; copies of whole
 * rows by subarray and set are slower up to some hundred elements a row.
 */
export function shift(value: Tensor, [down, right]: readonly [number, number]): Tensor {
  const { dtype, dims } = value
  const [height, width] = dims.slice(-2)
  const [from, out] = [elementsOf(value.data), allocate(dtype, value.data.length)]
  const to = elementsOf(out)
  const [first, end] = [Math.max(0, right), Math.min(width, width + right)]
  for (let start = 0; start < out.length; start += width) {
    const y = (start / width) % height
    if (y < down || y >= height + down) continue
    const back = down * width + right
    for (let at = start + first; at < start + end; at++) to[at] = from[at - back]
  }
  return { dtype, dims, data: out }
}

/** The sample mirrored along its last axis. */
export function flip({ dtype, dims, data }: Tensor): Tensor {
  const width = dims[dims.length - 1]
  const [from, out] = [elementsOf(data), allocate(dtype, data.length)]
  const to = elementsOf(out)
  for (let start = 0; start < out.length; start += width) {
    for (let left = start, right = start + width - 1; right >= start; left++, right--) to[left] = from[right]
  }
  return { dtype, dims, data: out }
}

/** Elements are moved and not looked at: what holds for numbers holds for bigints. */
const elementsOf = (data: TensorData): number[] => data as unknown as number[]
