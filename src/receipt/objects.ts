/**
 * Folders of files, as bundles and proofs are: read with every size known before, tensors as objects named by the SHA-256 of their bytes.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import { byteLength, bytesOf, fromBytes, isFloat, type Tensor, type TensorType } from '../core/tensor.js'
import { badElements, canonicalizeNaN } from '../merkle/elements.js'

/** Relative path -> content. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>

/** Reads single files of a bundle; undefined where there is none. Never asked for more than `limit` bytes. */
export interface BundleReader {
  read(path: string, limit: number): Promise<Uint8Array | undefined> | Uint8Array | undefined
  /** All paths, to refuse what does not belong. */
  list(): Promise<readonly string[]> | readonly string[]
}

/** A reader over files in memory. */
export function readerOf(files: BundleFiles): BundleReader {
  return {
    read(path, limit) {
      const bytes = files.get(path)
      demand(bytes === undefined || bytes.length <= limit, 'bundle/wrong-size', () => path, {
        expected: `at most ${limit}`,
        found: bytes?.length,
      })
      return bytes
    },
    list: () => [...files.keys()],
  }
}

/** The payload of a tensor with canonical NaN. */
function payloadOf(tensor: Tensor): Uint8Array {
  const bytes = bytesOf(tensor)
  if (!isFloat(tensor.dtype) || !badElements(tensor.dtype, bytes)) return bytes
  const canonical = bytes.slice()
  canonicalizeNaN(tensor.dtype, canonical)
  return canonical
}

/** Puts payloads into a folder's files, each once. */
export function objectWriter(files: Map<string, Uint8Array>) {
  const bytes = (payload: Uint8Array): Bytes32 => {
    const name = sha256(payload)
    files.set(`objects/${toHex(name)}`, payload)
    return name
  }
  return { bytes, tensor: (tensor: Tensor): Bytes32 => bytes(payloadOf(tensor)) }
}

/** The paths of objects. */
export const OBJECT_PATH = /^objects\/[0-9a-f]{64}$/

/** The bytes of a file that must be there. @throws Fault `bundle/missing-file`, `bundle/wrong-size`. */
export async function must(reader: BundleReader, path: string, limit: number): Promise<Uint8Array> {
  const bytes = await reader.read(path, limit)
  demand(bytes !== undefined, 'bundle/missing-file', () => path)
  return bytes
}

/** The bytes of a file of one exact size. @throws Fault `bundle/missing-file`, `bundle/wrong-size`. */
export async function sized(reader: BundleReader, { path, size }: { path: string; size: number }): Promise<Uint8Array> {
  const bytes = await must(reader, path, size)
  demand(bytes.length === size, 'bundle/wrong-size', () => path, { expected: size, found: bytes.length })
  return bytes
}

/** Loads objects once each, by name and size. */
export interface ObjectStore {
  /** Paths of the objects that were asked for. */
  readonly seen: ReadonlySet<string>
  /** @throws Fault `bundle/missing-file`, `bundle/wrong-size`, `bundle/wrong-object`. */
  bytes(name: Bytes32, size: number): Promise<Uint8Array>
  tensor(type: TensorType, name: Bytes32): Promise<Tensor>
  /** A tensor for each type. @throws Fault `bundle/wrong-size` where there are more or fewer names. */
  tensors(types: readonly TensorType[], names: readonly Bytes32[], what: string): Promise<Tensor[]>
}

/** One after the other. */
export async function inTurn<A, B>(items: readonly A[], f: (item: A) => Promise<B>): Promise<B[]> {
  const out: B[] = []
  for (const item of items) out.push(await f(item))
  return out
}

/** The objects of a folder. */
export function objectStore(reader: BundleReader): ObjectStore {
  const loaded = new Map<string, Tensor>()
  const seen = new Set<string>()
  const bytes = async (name: Bytes32, size: number): Promise<Uint8Array> => {
    const path = `objects/${toHex(name)}`
    const found = await sized(reader, { path, size })
    demand(equal(sha256(found), name), 'bundle/wrong-object', () => path)
    seen.add(path)
    return found
  }
  const tensor = async ({ dtype, dims }: TensorType, name: Bytes32): Promise<Tensor> => {
    const key = `${toHex(name)} ${dtype}[${dims}]`
    const known = loaded.get(key)
    if (known !== undefined) return known
    const payload = await bytes(name, byteLength({ dtype, dims }))
    demand(!badElements(dtype, payload), 'bundle/wrong-object', () => `${toHex(name)}: not canonical`)
    const made = fromBytes({ dtype, dims }, payload)
    loaded.set(key, made)
    return made
  }
  return {
    seen,
    bytes,
    tensor,
    tensors(types, names, what) {
      demand(names.length === types.length, 'bundle/wrong-size', () => `${what}: one object each`, {
        expected: types.length,
        found: names.length,
      })
      return inTurn(
        types.map((type, i) => [type, names[i]] as const),
        ([type, name]) => tensor(type, name),
      )
    },
  }
}
