/**
 * The leaf hashes of a tensor's tiles.
 *
 * Cost: a band of rows is copied into the kernel's memory, its tiles are put together there, NaN is looked for on the
 * way, and each is hashed by node:crypto (one call a tile), or by the kernel itself, four tiles at once, in a browser.
 * @module
 */
import { demand } from '../core/faults.js'
import { nodeCrypto, sha256Into } from '../core/sha256.js'
import { bytesOf, type DType, type Tensor } from '../core/tensor.js'
import { badElements, canonicalizeNaN, wordTest } from './elements.js'
import { boxOf, tileGrid, type Grid } from './grid.js'
import { INPUT, INPUT_BYTES, LANES, OUTPUT, SLOT, SLOTS, TEST, blocksOf, kernel, pad, type Kernel } from './kernel.js'
import { hashLeaf } from './tree.js'

/** The canonical bytes of one tile. @throws Fault `merkle/index-out-of-range`, `core/bad-tensor` for a bool above 1. */
export function tileBytes(tensor: Tensor, tile: number): Uint8Array {
  const grid = tileGrid(tensor)
  const { top, left, height, width } = boxOf(grid, tile)
  const payload = bytesOf(tensor)
  const out = new Uint8Array(height * width * grid.bytes)
  for (let row = 0; row < height; row++) {
    const start = ((top + row) * grid.columns + left) * grid.bytes
    out.set(payload.subarray(start, start + width * grid.bytes), row * width * grid.bytes)
  }
  makeCanonical(tensor.dtype, out)
  return out
}

function makeCanonical(dtype: DType, bytes: Uint8Array): void {
  canonicalizeNaN(dtype, bytes)
  demand(dtype !== 'bool' || !badElements(dtype, bytes), 'core/bad-tensor', () => 'a bool is 0 or 1')
}

/** The leaf hashes of all tiles, 32 bytes each. @throws Fault `core/bad-tensor` for a bool above 1. */
export function tileHashes(tensor: Tensor): Uint8Array {
  const fast = kernel()
  return fast ? hashStrips(tensor, fast) : hashOneByOne(tensor)
}

/** The same without the kernel: the definition, and the way where there is no WebAssembly. */
export function hashOneByOne(tensor: Tensor): Uint8Array {
  const { count } = tileGrid(tensor)
  const out = new Uint8Array(32 * count)
  for (let tile = 0; tile < count; tile++) out.set(hashLeaf(tileBytes(tensor, tile)), 32 * tile)
  return out
}

/** Rows of the payload that are cut into tiles by columns only: a band of the grid, or the whole payload as one row. */
interface Strip {
  readonly start: number
  readonly rows: number
  /** Bytes of one row, and of one row of a tile. */
  readonly rowBytes: number
  readonly tileBytes: number
}

function* stripsOf(grid: Grid): Generator<Strip> {
  const rowBytes = grid.columns * grid.bytes
  if (grid.across === 1) yield { start: 0, rows: 1, rowBytes: grid.rows * rowBytes, tileBytes: grid.height * rowBytes }
  else
    for (let top = 0; top < grid.rows; top += grid.height)
      yield {
        start: top * rowBytes,
        rows: Math.min(grid.height, grid.rows - top),
        rowBytes,
        tileBytes: grid.width * grid.bytes,
      }
}

/** Tile hashes through the kernel. Exported for the tests, which compare its two ways of hashing. */
export function hashStrips(
  tensor: Tensor,
  fast: Kernel,
  sink: Sink = sinkFor(fast, tileGrid(tensor).count),
): Uint8Array {
  const payload = bytesOf(tensor)
  writeTest(tensor.dtype, fast)
  for (const strip of stripsOf(tileGrid(tensor))) {
    const chunk = Math.floor(INPUT_BYTES / (strip.rows * strip.tileBytes)) * strip.tileBytes
    for (let left = 0; left < strip.rowBytes; left += chunk) {
      const width = Math.min(chunk, strip.rowBytes - left)
      for (let row = 0; row < strip.rows; row++) {
        const start = strip.start + row * strip.rowBytes + left
        fast.bytes.set(payload.subarray(start, start + width), INPUT + row * width)
      }
      hashChunk(tensor.dtype, { ...strip, rowBytes: width }, { fast, sink })
    }
  }
  return sink.finish()
}

function writeTest(dtype: DType, fast: Kernel): void {
  const { mask, carry, flag } = wordTest(dtype)
  new Uint32Array(fast.memory.buffer, TEST, 12).set([...mask, ...mask, ...carry, ...carry, ...flag, ...flag])
}

/** Hashes the tiles of a chunk that lies in the kernel's input. */
function hashChunk(dtype: DType, chunk: Strip, { fast, sink }: { readonly fast: Kernel; readonly sink: Sink }): void {
  for (let left = 0; left < chunk.rowBytes; left += chunk.tileBytes) {
    const width = Math.min(chunk.tileBytes, chunk.rowBytes - left)
    const to = sink.slot(width * chunk.rows)
    const suspicious = fast.gather(to, INPUT + left, chunk.rowBytes, chunk.rows, width)
    if (suspicious) makeCanonical(dtype, fast.bytes.subarray(to, to + width * chunk.rows))
    sink.hash(width * chunk.rows)
  }
}

/** Takes tiles one after the other: where the next one of this length goes, and that it is there. */
interface Sink {
  slot(length: number): number
  hash(length: number): void
  finish(): Uint8Array
}

const sinkFor = (fast: Kernel, count: number): Sink =>
  nodeCrypto?.hash ? nodeSink(fast, count) : laneSink(fast, count)

/** Hashes each tile in its slot by node:crypto. */
export function nodeSink(fast: Kernel, count: number): Sink {
  const out = new Uint8Array(32 * count)
  let at = 0
  let message = fast.bytes.subarray(SLOTS, SLOTS)
  fast.bytes[SLOTS] = 0
  return {
    slot: () => SLOTS + 1,
    hash(length) {
      if (message.length !== length + 1) message = fast.bytes.subarray(SLOTS, SLOTS + 1 + length)
      sha256Into(message, out, at)
      at += 32
    },
    finish: () => out,
  }
}

/** Hashes four tiles of one length at once in the kernel. */
export function laneSink(fast: Kernel, count: number): Sink {
  const out = new Uint8Array(32 * count)
  let [at, used, current] = [0, 0, 0]
  const flush = (): void => {
    if (used === 0) return
    fast.compress(blocksOf(current), OUTPUT)
    out.set(fast.bytes.subarray(OUTPUT, OUTPUT + 32 * used), at)
    at += 32 * used
    used = 0
  }
  return {
    slot(length) {
      if (length !== current || used === LANES) flush()
      current = length
      return SLOTS + used * SLOT + 1
    },
    hash(length) {
      pad(fast, used++, { prefix: 0, length })
    },
    finish() {
      flush()
      return out
    },
  }
}
