/**
 * Writes test/vectors/{tree,tensor,settlement}.json: roots, proofs, digests and openings of every kind of commitment, as
 * hexadecimal. Other implementations (a contract's tests) read the same files.
 *
 * Run: npx tsx scripts/merkle-vectors.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { toHex, utf8 } from '../src/core/bytes.js'
import { encodeJson, type Json } from '../src/core/json.js'
import { keccak256 } from '../src/core/keccak.js'
import { sha256 } from '../src/core/sha256.js'
import { DTYPES, bytesOf, byteLength, fromBytes, type DType, type TensorType } from '../src/core/tensor.js'
import { commitSettlement, encodeEntries, hashEntry, proveEntry, type Entry } from '../src/merkle/settlement.js'
import { digest, openTile, tileGrid } from '../src/merkle/tiles.js'
import {
  KINDS,
  proveChildren,
  proveConsistency,
  proveInclusion,
  rootOf,
  sizedRoot,
  treeOf,
  type Kind,
} from '../src/merkle/tree.js'

const FOLDER = new URL('../test/vectors/', import.meta.url)

function write(name: string, about: string, content: { readonly [key: string]: Json }): void {
  writeFileSync(
    new URL(`${name}.json`, FOLDER),
    `${JSON.stringify(JSON.parse(encodeJson({ about, ...content })), null, 1)}\n`,
  )
}

/** Bytes that look random and are the same everywhere: SHA-256 of a label and a counter. */
function bytes(label: string, length: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(length / 32) * 32)
  for (let i = 0; i < out.length; i += 32) out.set(sha256(utf8(`${label} ${i / 32}`)), i)
  return out.slice(0, length)
}

function treeCase(size: number): Json {
  const leaves = Array.from({ length: size }, (_, i) => bytes(`leaf ${i}`, i % 40))
  const tree = treeOf(leaves)
  const few = size > 16 ? [0, 1, 63, 64, size - 1] : Array.from({ length: size }, (_, i) => i)
  return {
    leaves: leaves.map(toHex),
    root: toHex(rootOf(tree)),
    inclusion: few.map((index) => ({ index, path: proveInclusion(tree, index).map(toHex) })),
    consistency: [...few, size].map((first) => ({ size: first, path: proveConsistency(tree, first).map(toHex) })),
    children:
      size === 0
        ? []
        : proveChildren(tree, { start: 0, size }).map(({ start, size, hash }) => ({ start, size, hash: toHex(hash) })),
  }
}

function sizedCases(): Json {
  const root = bytes('sized', 32)
  return (Object.keys(KINDS) as Kind[]).flatMap((kind) =>
    [0, 1, 2 ** 40].map((size) => ({
      kind,
      code: KINDS[kind],
      size: String(size),
      root: toHex(root),
      sized: toHex(sizedRoot(kind, { size, root })),
    })),
  )
}

const SHAPES: readonly TensorType[] = [
  ...(Object.keys(DTYPES) as DType[]).map((dtype) => ({ dtype, dims: [2, 3] })),
  { dtype: 'float32', dims: [] },
  { dtype: 'float32', dims: [0, 4] },
  { dtype: 'float32', dims: [1100] },
  { dtype: 'float32', dims: [33, 33] },
  { dtype: 'float64', dims: [2, 9, 33] },
  { dtype: 'uint8', dims: [130, 33] },
  { dtype: 'int64', dims: [600, 1] },
]

function tensorCase(type: TensorType, i: number): Json {
  const payload = bytes(`tensor ${i}`, byteLength(type))
  const value = fromBytes(type, type.dtype === 'bool' ? payload.map((byte) => byte & 1) : payload)
  const blind = bytes('blind', 32)
  const tiles = Array.from({ length: tileGrid(type).count }, (_, tile) => openTile(value, tile))
  return {
    dtype: type.dtype,
    dims: [...type.dims],
    payload: toHex(bytesOf(value)),
    digest: toHex(digest(value)),
    blind: toHex(blind),
    private: toHex(digest(value, { blind })),
    tiles: tiles.map(({ bytes, path }) => ({ bytes: toHex(bytes), path: path.map(toHex) })),
  }
}

/** NaN of several patterns: the payload as it was, the tile as it is committed. */
function nanCases(): Json {
  const payloads: readonly (readonly [DType, number[]])[] = [
    ['float32', [1, 0, 0x80, 0xff, 0, 0, 0x80, 0x7f, 0xff, 0xff, 0xff, 0x7f]],
    ['float64', [1, 0, 0, 0, 0, 0, 0xf0, 0x7f, 0, 0, 0, 0, 0, 0, 0xf0, 0xff]],
    ['float16', [1, 0xfc, 0, 0x7c, 0xff, 0x7f]],
    ['bfloat16', [0x81, 0xff, 0x80, 0x7f, 0xff, 0x7f]],
  ]
  return payloads.map(([dtype, payload]) => {
    const value = fromBytes({ dtype, dims: [payload.length / DTYPES[dtype].bytes] }, Uint8Array.from(payload))
    return {
      dtype,
      dims: [...value.dims],
      payload: toHex(Uint8Array.from(payload)),
      digest: toHex(digest(value)),
      tile: toHex(openTile(value, 0).bytes),
    }
  })
}

function settlementCase(size: number): Json {
  const entries = Array.from({ length: size }, (_, i): Entry => ({
    job: keccak256(utf8(`job ${i % 3}`)),
    provider: `0x${toHex(bytes(`provider ${i}`, 20))}`,
    claim: keccak256(utf8(`claim ${i}`)),
    amount: BigInt(`0x${toHex(bytes(`amount ${i}`, 1 + (i % 32)))}`),
  }))
  const settlement = commitSettlement(entries)
  return {
    root: toHex(settlement.root),
    list: toHex(encodeEntries(entries)),
    entries: settlement.entries.map((entry) => ({
      job: toHex(entry.job),
      provider: entry.provider,
      claim: toHex(entry.claim),
      amount: String(entry.amount),
      leaf: toHex(hashEntry(entry)),
      path: proveEntry(settlement, entry).map(toHex),
    })),
  }
}

mkdirSync(FOLDER, { recursive: true })
write('tree', 'RFC 9162 trees over SHA-256, with proofs; sized roots SHA-256(03 || kind || size || root)', {
  cases: [0, 1, 2, 3, 5, 8, 13, 65].map(treeCase),
  sized: sizedCases(),
})
write('tensor', 'Tensor digests, public (tag 02) and private (tag 12), with every tile opened; NaN made canonical', {
  cases: SHAPES.map(tensorCase),
  nan: nanCases(),
})
write('settlement', 'Settlement trees: Keccak-256, sorted pairs, double-hashed leaves, filled up to a power of two', {
  cases: [1, 2, 3, 6].map(settlementCase),
})
