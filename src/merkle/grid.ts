/**
 * How a tensor is cut into tiles.
 * @module
 */
import { demand } from '../core/faults.js'
import { DTYPES, sizeOf, type TensorType } from '../core/tensor.js'

const MAX_WIDTH = 32
const MAX_BYTES = 4096
const MAX_ELEMENTS = 2 ** 40
const MAX_RANK = 255

/** How a type is cut: a matrix of rows x columns in tiles of height x width (ragged at the edges), `down` x `across` of them, row-major. */
export interface Grid {
  readonly rows: number
  readonly columns: number
  readonly height: number
  readonly width: number
  readonly down: number
  readonly across: number
  /** The number of tiles, 0 for a tensor without elements. */
  readonly count: number
  /** Bytes of one element. */
  readonly bytes: number
}

/** The part of the matrix that a tile covers. */
export interface Box {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/** An element's tile, and its position among the tile's own elements (row-major within the tile). */
export interface TilePlace {
  readonly tile: number
  readonly position: number
}

/**
 * The grid of a type: columns are the last dimension (1 for rank 0 and 1), width = min(columns, 32), height =
 * max(1, floor(4096 / (width * element size))).
 * @throws Fault `core/bad-tensor` for dims that are not unsigned integers, `core/too-large` beyond 2^40 elements or rank 255.
 */
export function tileGrid(type: TensorType): Grid {
  const size = checkedSize(type)
  const bytes = DTYPES[type.dtype].bytes
  const columns = type.dims.length < 2 ? 1 : type.dims[type.dims.length - 1]
  const rows = size === 0 ? 0 : size / columns
  const width = Math.min(columns, MAX_WIDTH)
  const height = Math.max(1, Math.floor(MAX_BYTES / (width * bytes)))
  const down = Math.ceil(rows / height)
  const across = size === 0 ? 0 : Math.ceil(columns / width)
  return { rows, columns, height, width, down, across, count: down * across, bytes }
}

function checkedSize({ dtype, dims }: TensorType): number {
  demand(Object.hasOwn(DTYPES, dtype), 'core/bad-tensor', () => 'unknown dtype')
  demand(dims.length <= MAX_RANK, 'core/too-large', () => 'rank', {
    expected: `at most ${MAX_RANK}`,
    found: dims.length,
  })
  for (const dim of dims) demand(Number.isSafeInteger(dim) && dim >= 0, 'core/bad-tensor', () => `dimension ${dim}`)
  const size = dims.includes(0) ? 0 : sizeOf(dims)
  demand(size <= MAX_ELEMENTS, 'core/too-large', () => 'a tensor', { expected: 'at most 2^40 elements', found: size })
  return size
}

/** The part of the matrix that a tile covers. @throws Fault `merkle/index-out-of-range`. */
export function boxOf(grid: Grid, tile: number): Box {
  demand(
    Number.isSafeInteger(tile) && tile >= 0 && tile < grid.count,
    'merkle/index-out-of-range',
    () => 'no such tile',
    {
      expected: `below ${grid.count}`,
      found: tile,
    },
  )
  const top = Math.floor(tile / grid.across) * grid.height
  const left = (tile % grid.across) * grid.width
  return { top, left, height: Math.min(grid.height, grid.rows - top), width: Math.min(grid.width, grid.columns - left) }
}

/** Where the element with this row-major index lies. @throws Fault `merkle/index-out-of-range`. */
export function tileOf(type: TensorType, element: number): TilePlace {
  const grid = tileGrid(type)
  demand(
    Number.isSafeInteger(element) && element >= 0 && element < grid.rows * grid.columns,
    'merkle/index-out-of-range',
    () => 'no such element',
    {
      expected: `below ${grid.rows * grid.columns}`,
      found: element,
    },
  )
  const row = Math.floor(element / grid.columns)
  const column = element % grid.columns
  const tile = Math.floor(row / grid.height) * grid.across + Math.floor(column / grid.width)
  const box = boxOf(grid, tile)
  return { tile, position: (row - box.top) * box.width + (column - box.left) }
}

/** The row-major index of the element at a position of a tile: the inverse of `tileOf`. @throws Fault `merkle/index-out-of-range`. */
export function elementAt(type: TensorType, { tile, position }: TilePlace): number {
  const grid = tileGrid(type)
  const box = boxOf(grid, tile)
  demand(
    Number.isSafeInteger(position) && position >= 0 && position < box.height * box.width,
    'merkle/index-out-of-range',
    () => 'no such position',
  )
  return (box.top + Math.floor(position / box.width)) * grid.columns + box.left + (position % box.width)
}
