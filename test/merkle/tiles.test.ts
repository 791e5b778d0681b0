import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, toHex } from '../../src/core/bytes.js'
import type { FaultCode } from '../../src/core/faults.js'
import {
  DTYPES,
  bytesOf,
  fromBytes,
  sizeOf,
  tensor,
  type DType,
  type Tensor,
  type TensorType,
} from '../../src/core/tensor.js'
import { canonicalizeNaN } from '../../src/merkle/elements.js'
import { kernel } from '../../src/merkle/kernel.js'
import { hashOneByOne, hashStrips, laneSink, nodeSink, tileHashes } from '../../src/merkle/tile-hashes.js'
import {
  boxOf,
  digest,
  digestFrom,
  elementAt,
  listRoot,
  listTree,
  openTile,
  tileBytes,
  tileGrid,
  tileOf,
  tileTree,
  verifyTile,
  type TileOpening,
} from '../../src/merkle/tiles.js'
import {
  EMPTY_ROOT,
  hashLeaf,
  proveInclusion,
  rootOf,
  treeFrom,
  treeOf,
  verifyInclusion,
} from '../../src/merkle/tree.js'

const refused = (code: FaultCode, run: () => unknown): void =>
  expect(() => run()).toThrow(expect.objectContaining({ code }))
const dtypes = Object.keys(DTYPES) as DType[]
const sha = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256')
    .update(concat(...parts))
    .digest()
const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const out = bytes.slice()
  out[(bit >> 3) % out.length] ^= 1 << (bit & 7)
  return out
}

/** A tensor with every kind of bits in it; `seed` decides which. NaN, too, of every pattern. */
function filled(type: TensorType, seed: number): Tensor {
  const bytes = new Uint8Array(sizeOf(type.dims) * DTYPES[type.dtype].bytes)
  let state = seed | 1
  for (let i = 0; i < bytes.length; i++) {
    state = Math.imul(state, 0x9e3779b1) + 0x7f4a7c15
    bytes[i] = type.dtype === 'bool' ? (state >>> 24) & 1 : state >>> 24
  }
  return fromBytes(type, bytes)
}

/** Section 2 of the format, word for word and element by element. */
function naiveDigest(value: Tensor, blind?: Uint8Array): string {
  const { dtype, dims } = value
  const bytes = bytesOf(value).slice()
  canonicalizeNaN(dtype, bytes)
  const size = DTYPES[dtype].bytes
  const columns = dims.length > 1 ? dims[dims.length - 1] : 1
  const rows = sizeOf(dims) === 0 ? 0 : sizeOf(dims) / columns
  const w = Math.min(columns, 32)
  const h = Math.max(1, Math.floor(4096 / (w * size)))
  const leaves: Uint8Array[] = []
  for (let top = 0; top < rows; top += h) {
    for (let left = 0; left < columns; left += w) {
      const tile: number[] = []
      for (let row = top; row < Math.min(top + h, rows); row++)
        for (let column = left; column < Math.min(left + w, columns); column++)
          for (let byte = 0; byte < size; byte++) tile.push(bytes[(row * columns + column) * size + byte])
      leaves.push(Uint8Array.from(tile))
    }
  }
  const head = Buffer.alloc(3 + 8 * dims.length)
  head.set([blind ? 0x12 : 0x02, DTYPES[dtype].code, dims.length])
  dims.forEach((dim, i) => head.writeBigUInt64BE(BigInt(dim), 3 + 8 * i))
  return toHex(sha(head, rootOf(treeOf(leaves)), blind ?? new Uint8Array()))
}

const dims = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 }),
  fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 100 })),
  fc.tuple(fc.integer({ min: 1, max: 9000 })),
)
const types: fc.Arbitrary<TensorType> = fc.record({
  dtype: fc.constantFrom(...dtypes),
  dims: dims.map((d) => d as readonly number[]),
})
const tensors: fc.Arbitrary<Tensor> = fc.tuple(types, fc.nat()).map(([type, seed]) => filled(type, seed))
const withTile = tensors
  .filter((value) => sizeOf(value.dims) > 0)
  .chain((value) => fc.record({ value: fc.constant(value), tile: fc.nat(tileGrid(value).count - 1) }))

describe('the grid', () => {
  it.each<[DType, number[], number, number, number]>([
    ['float32', [5120, 5120], 32, 32, 25600],
    ['float32', [], 1, 1024, 1],
    ['float32', [1025], 1, 1024, 2],
    ['float64', [100, 100], 32, 16, 28],
    ['uint8', [4096, 32], 32, 128, 32],
    ['float16', [7, 3], 3, 682, 1],
    ['int64', [2, 3, 33], 32, 16, 2],
    ['float32', [1, 100], 32, 32, 4],
    ['bool', [5000, 1], 1, 4096, 2],
    ['float32', [0, 5], 5, 204, 0],
    ['float32', [5, 0], 0, Infinity, 0],
  ])('of %s %j is %i wide and %i high, %i tiles', (dtype, dims, width, height, count) => {
    expect(tileGrid({ dtype, dims })).toMatchObject({ width, height, count })
  })

  it('has tiles of at most 4,096 bytes that cover every element once', () => {
    fc.assert(
      fc.property(types, (type) => {
        const grid = tileGrid(type)
        let covered = 0
        for (let tile = 0; tile < grid.count; tile++) {
          const { height, width } = boxOf(grid, tile)
          expect(height * width * grid.bytes).toBeLessThanOrEqual(4096)
          expect(height * width).toBeGreaterThan(0)
          covered += height * width
        }
        expect(covered).toBe(sizeOf(type.dims))
      }),
    )
  })

  it('finds every element in its tile, and back', () => {
    fc.assert(
      fc.property(tensors, fc.nat(), (value, at) => {
        const size = sizeOf(value.dims)
        fc.pre(size > 0)
        const place = tileOf(value, at % size)
        expect(elementAt(value, place)).toBe(at % size)
        const bytes = DTYPES[value.dtype].bytes
        const expected = bytesOf(value).slice((at % size) * bytes, ((at % size) + 1) * bytes)
        canonicalizeNaN(value.dtype, expected)
        expect(toHex(tileBytes(value, place.tile).slice(place.position * bytes, (place.position + 1) * bytes))).toBe(
          toHex(expected),
        )
      }),
    )
  })

  it('refuses places outside of it', () => {
    const type: TensorType = { dtype: 'float32', dims: [40, 40] }
    for (const element of [-1, 1600, 0.5, NaN]) refused('merkle/index-out-of-range', () => tileOf(type, element))
    for (const tile of [-1, 4, 0.5, NaN]) refused('merkle/index-out-of-range', () => boxOf(tileGrid(type), tile))
    refused('merkle/index-out-of-range', () => elementAt(type, { tile: 3, position: 64 }))
    refused('merkle/index-out-of-range', () => elementAt(type, { tile: 4, position: 0 }))
  })

  it('refuses hostile dims at once', () => {
    refused('core/too-large', () => tileGrid({ dtype: 'float32', dims: [2 ** 40, 2] }))
    refused('core/too-large', () => tileGrid({ dtype: 'float32', dims: new Array<number>(200).fill(2 ** 52) }))
    refused('core/too-large', () => tileGrid({ dtype: 'float32', dims: new Array<number>(256).fill(1) }))
    refused('core/bad-tensor', () => tileGrid({ dtype: 'float32', dims: [-1] }))
    refused('core/bad-tensor', () => tileGrid({ dtype: 'float32', dims: [1.5] }))
    refused('core/bad-tensor', () => tileGrid({ dtype: 'float32', dims: [2 ** 53] }))
    refused('core/bad-tensor', () => tileGrid({ dtype: 'toString' as DType, dims: [1] }))
    expect(tileGrid({ dtype: 'float32', dims: [...new Array<number>(200).fill(2 ** 52), 0] }).count).toBe(0)
    expect(tileGrid({ dtype: 'uint8', dims: [2 ** 40] }).count).toBe(2 ** 28)
  })
})

describe('the digest', () => {
  it('is the one of the definition, for random tensors of every type', () => {
    fc.assert(
      fc.property(tensors, (value) => {
        expect(toHex(digest(value))).toBe(naiveDigest(value))
      }),
      { numRuns: 300 },
    )
  })

  it.each(dtypes)(
    'is the one of the definition at ragged shapes of %s that fill the memory of the kernel more than once',
    (dtype) => {
      const n = Math.ceil(1_300_000 / DTYPES[dtype].bytes)
      for (const dims of [[n], [37, Math.ceil(n / 37)], [3, Math.ceil(n / 3)], [7, Math.ceil(n / 91), 13]]) {
        const value = filled({ dtype, dims }, 5)
        expect(toHex(tileHashes(value))).toBe(toHex(hashOneByOne(value)))
      }
    },
  )

  it('is the same by the lanes of the kernel as by single calls', () => {
    const fast = kernel()!
    fc.assert(
      fc.property(tensors, (value) => {
        const { count } = tileGrid(value)
        const expected = toHex(hashOneByOne(value))
        expect(toHex(hashStrips(value, fast, laneSink(fast, count)))).toBe(expected)
        expect(toHex(hashStrips(value, fast, nodeSink(fast, count)))).toBe(expected)
      }),
    )
  })

  it('reads a view at any offset', () => {
    const buffer = new Uint8Array(8000).map((_, i) => i * 31)
    for (let offset = 0; offset < 9; offset++) {
      const value = tensor('int8', [60, 40], new Int8Array(buffer.buffer, offset, 2400))
      expect(toHex(digest(value))).toBe(naiveDigest(value))
    }
  })

  it('of a tensor without elements binds its type and the empty root', () => {
    const value = tensor('float32', [0, 3], new Float32Array())
    expect(toHex(digest(value))).toBe(
      toHex(sha(Buffer.from('02010200000000000000000000000000000003', 'hex'), EMPTY_ROOT)),
    )
  })

  it('binds dtype and dims: the same bytes of another type have another digest', () => {
    const bytes = new Uint8Array(64)
    const all = [
      ...dtypes.map((dtype) => ({ dtype, dims: [64 / DTYPES[dtype].bytes] })),
      ...[
        [64, 1],
        [1, 64],
        [8, 8],
        [4, 16],
        [2, 2, 16],
        [1, 8, 8],
      ].map((dims) => ({ dtype: 'uint8' as const, dims })),
    ]
    const digests = all.map((type) => toHex(digest(fromBytes(type, bytes))))
    expect(new Set(digests).size).toBe(all.length)
  })

  const nans: Record<string, number[][]> = {
    float32: [[0x7fc00000], [0xffc00000], [0x7f800001], [0x7fffffff], [0xff812345]],
    float64: [
      [0, 0x7ff80000],
      [1, 0x7ff00000],
      [0, 0xfff80000],
      [0xffffffff, 0xffffffff],
      [0, 0x7ff00001],
    ],
  }
  it.each(['float32', 'float64'] as const)('of %s is the same for every NaN pattern, wherever it stands', (dtype) => {
    const width = DTYPES[dtype].bytes / 4
    fc.assert(
      fc.property(fc.constantFrom(...nans[dtype]), fc.nat(69), fc.nat(69), (pattern, row, column) => {
        const words = new Uint32Array(70 * 70 * width)
        words.set(pattern, (row * 70 + column) * width)
        const value = fromBytes({ dtype, dims: [70, 70] }, new Uint8Array(words.buffer))
        const first = digest(value)
        words.set(nans[dtype][0], (row * 70 + column) * width)
        expect(toHex(digest(value))).toBe(toHex(first))
        expect(toHex(first)).toBe(naiveDigest(value))
      }),
    )
  })

  it.each([
    ['float16', 0x7e00, 0x7c00],
    ['bfloat16', 0x7fc0, 0x7f80],
  ] as const)('of %s is the same for all of its NaN patterns, and only for those', (dtype, nan, infinity) => {
    const word = new Uint16Array(1)
    const value = tensor(dtype, [1], word)
    word[0] = nan
    const canonical = toHex(digest(value))
    for (let bits = 0; bits < 0x10000; bits++) {
      word[0] = bits
      if ((toHex(digest(value)) === canonical) !== (bits & 0x7fff) > infinity)
        throw new Error(`bits ${bits.toString(16)}`)
    }
  })

  it('keeps infinities, signed zeros and subnormals apart', () => {
    const words = [0x7f800000, 0xff800000, 0, 0x80000000, 1, 0x7f7fffff, 0x7fc00000]
    const digests = words.map((word) =>
      toHex(digest(tensor('float32', [1], new Float32Array(Uint32Array.of(word).buffer)))),
    )
    expect(new Set(digests).size).toBe(words.length)
  })

  it('is refused for a bool that is neither 0 nor 1', () => {
    for (const size of [1, 100, 5000]) {
      const data = new Uint8Array(size)
      data[size - 1] = 2
      refused('core/bad-tensor', () => digest(tensor('bool', [size], data)))
    }
  })

  it('does not change the tensor', () => {
    const words = Uint32Array.of(0x7f800001, 0xffffffff)
    digest(tensor('float32', [2], new Float32Array(words.buffer)))
    expect([...words]).toEqual([0x7f800001, 0xffffffff])
  })
})

describe('private digests', () => {
  const value = filled({ dtype: 'float32', dims: [50, 50] }, 3)
  const blind = new Uint8Array(32).fill(7)

  it('are those of the definition and differ from the public one and for every blind', () => {
    expect(toHex(digest(value, { blind }))).toBe(naiveDigest(value, blind))
    expect(toHex(digest(value, { blind }))).not.toBe(toHex(digest(value)))
    for (let bit = 0; bit < 256; bit++)
      expect(toHex(digest(value, { blind: flipped(blind, bit) }))).not.toBe(toHex(digest(value, { blind })))
  })

  it('open with their blind and with no other', () => {
    const secret = digest(value, { blind })
    const opening = openTile(value, 2)
    expect(verifyTile(secret, { type: value, tile: 2, blind }, opening).dims).toEqual([18, 32])
    refused('merkle/root-mismatch', () => verifyTile(secret, { type: value, tile: 2 }, opening))
    refused('merkle/root-mismatch', () =>
      verifyTile(secret, { type: value, tile: 2, blind: flipped(blind, 9) }, opening),
    )
    refused('merkle/bad-node', () => digest(value, { blind: new Uint8Array(31) }))
  })
})

describe('an opened tile', () => {
  it('verifies, and holds the elements of the tensor', () => {
    fc.assert(
      fc.property(withTile, ({ value, tile }) => {
        const opened = verifyTile(digest(value), { type: value, tile }, openTile(value, tile))
        const { top, left, height, width } = boxOf(tileGrid(value), tile)
        expect(opened).toMatchObject({ dtype: value.dtype, dims: [height, width] })
        const columns = tileGrid(value).columns
        const at = (height - 1) * width + (width - 1)
        const bytes = bytesOf(value).slice()
        canonicalizeNaN(value.dtype, bytes)
        expect(opened.data[at]).toEqual(fromBytes(value, bytes).data[(top + height - 1) * columns + left + width - 1])
      }),
    )
  })

  const damage = fc.tuple(withTile, fc.nat(), fc.nat(255))
  it('a flipped bit in its bytes is refuted', () => {
    fc.assert(
      fc.property(damage, ([{ value, tile }, at]) => {
        const opening = openTile(value, tile)
        const bad = { ...opening, bytes: flipped(opening.bytes, at) }
        expect(() => verifyTile(digest(value), { type: value, tile }, bad)).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^merkle\/(root-mismatch|bad-element)$/) as string }),
        )
      }),
    )
  })

  it('a flipped bit in its proof or in the digest is refuted', () => {
    fc.assert(
      fc.property(damage, ([{ value, tile }, at, bit]) => {
        const opening = openTile(value, tile)
        refused('merkle/root-mismatch', () => verifyTile(flipped(digest(value), bit), { type: value, tile }, opening))
        const path = opening.path.map((node, i) => (i === at % opening.path.length ? flipped(node, bit) : node))
        if (path.length > 0)
          refused('merkle/root-mismatch', () => verifyTile(digest(value), { type: value, tile }, { ...opening, path }))
      }),
    )
  })

  it('another tile, another type or a proof of another length is refuted by name', () => {
    const value = filled({ dtype: 'int32', dims: [96, 96] }, 1)
    const opening = openTile(value, 4)
    const verify = (type: TensorType, tile: number, opened: TileOpening) => () =>
      verifyTile(digest(value), { type, tile }, opened)
    refused('merkle/root-mismatch', verify(value, 3, opening))
    refused('merkle/index-out-of-range', verify(value, 9, opening))
    refused('merkle/root-mismatch', verify({ dtype: 'uint32', dims: [96, 96] }, 4, opening))
    refused(
      'merkle/root-mismatch',
      verify({ dtype: 'int32', dims: [96, 96, 1] }, 4, {
        bytes: opening.bytes,
        path: openTile(filled({ dtype: 'int32', dims: [9216, 1] }, 1), 4).path,
      }),
    )
    refused('merkle/bad-proof-length', verify(value, 4, { ...opening, path: opening.path.slice(1) }))
    refused('merkle/bad-proof-length', verify(value, 4, { ...opening, path: [...opening.path, EMPTY_ROOT] }))
    refused('merkle/bad-node', verify(value, 4, { ...opening, path: [new Uint8Array(31), ...opening.path.slice(1)] }))
    refused('merkle/bad-tile', verify(value, 4, { ...opening, bytes: opening.bytes.slice(4) }))
    refused('merkle/bad-tile', verify(value, 4, { ...opening, bytes: concat(opening.bytes, new Uint8Array(4)) }))
  })

  it('with a NaN that is not the canonical one, or a bool above 1, is refused although its hashes fit', () => {
    const forge = (type: TensorType, bytes: Uint8Array) => () =>
      verifyTile(digestFrom({ type }, hashLeaf(bytes)), { type, tile: 0 }, { bytes, path: [] })
    refused('merkle/bad-element', forge({ dtype: 'float32', dims: [1] }, Uint8Array.of(1, 0, 0xc0, 0x7f)))
    refused('merkle/bad-element', forge({ dtype: 'float64', dims: [1] }, Uint8Array.of(0, 0, 0, 0, 0, 0, 0xf8, 0xff)))
    refused('merkle/bad-element', forge({ dtype: 'float16', dims: [1] }, Uint8Array.of(1, 0x7e)))
    refused('merkle/bad-element', forge({ dtype: 'bfloat16', dims: [1] }, Uint8Array.of(0xff, 0xff)))
    refused('merkle/bad-element', forge({ dtype: 'bool', dims: [1] }, Uint8Array.of(2)))
    expect(forge({ dtype: 'float32', dims: [1] }, Uint8Array.of(0, 0, 0xc0, 0x7f))().data[0]).toBeNaN()
    expect(forge({ dtype: 'float32', dims: [1] }, Uint8Array.of(0, 0, 0x80, 0x7f))().data[0]).toBe(Infinity)
  })

  it('shows the canonical NaN where the tensor held another', () => {
    const value = tensor('float32', [1], new Float32Array(Uint32Array.of(0xff812345).buffer))
    expect(toHex(openTile(value, 0).bytes)).toBe('0000c07f')
  })

  it('is the same from a tree that is kept for many openings', () => {
    const value = filled({ dtype: 'float32', dims: [100, 100] }, 8)
    const tree = tileTree(value)
    expect(openTile(value, 7, { tree })).toEqual(openTile(value, 7))
    refused('merkle/index-out-of-range', () => openTile(value, 16))
    refused('merkle/root-mismatch', () => openTile(filled({ dtype: 'float32', dims: [100, 100] }, 11), 7, { tree }))
  })

  it('does not exist in a tensor without elements', () => {
    refused('merkle/index-out-of-range', () => openTile(tensor('float32', [0], new Float32Array()), 0))
  })
})

describe('a list of tensors', () => {
  it('is the tree over their digests', () => {
    const digests = [1, 2, 3].map((seed) => digest(filled({ dtype: 'int8', dims: [seed] }, seed)))
    expect(toHex(listRoot(digests))).toBe(toHex(rootOf(treeFrom(digests.map(hashLeaf)))))
    expect(toHex(listRoot([]))).toBe(toHex(EMPTY_ROOT))
    const path = proveInclusion(listTree(digests), 1)
    expect(verifyInclusion(listRoot(digests), { index: 1, size: 3, leaf: hashLeaf(digests[1]) }, path)).toEqual(
      hashLeaf(digests[1]),
    )
  })
})
