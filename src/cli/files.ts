/**
 * Files that commands take: tensors as .pb, .npy or .json, and Countersign's own.
 * @module
 */
import { basename, extname } from 'node:path'
import { demand, Fault } from '../core/faults.js'
import { decode as decodeNpy } from '../core/npy.js'
import { DTYPES, dtypeOf, sizeOf, tensor, type DType, type Tensor } from '../core/tensor.js'
import { readRegular } from '../disk/index.js'
import { decodeTensor } from '../onnx/decode.js'
import { tensorOf, type Model, type ValueInfo } from '../onnx/graph.js'

const MAX_FILE = 2 ** 31 - 1

/** A file's bytes. @throws Fault `cli/not-found`. */
export async function read(path: string, limit = MAX_FILE): Promise<Uint8Array> {
  const bytes = await readRegular(path, limit)
  demand(bytes !== undefined, 'cli/not-found', () => path)
  return bytes
}

/**
 * The tensors for a model's inputs from `--input` words: `name=FILE`, or files in the order of the inputs. A .json file may hold a
 * tensor {dtype, dims, data}, nested lists, a map from names to tensors, or {"input_data": [...]} with one list for each input.
 */
export async function readInputs({ graph }: Model, words: readonly string[]): Promise<Record<string, Tensor>> {
  const wanted = graph.inputs.filter((info) => !graph.initializers.has(info.name))
  return readTensors(wanted, words)
}

/** The same for inputs that are described otherwise. */
export async function readTensors(
  wanted: readonly ValueInfo[],
  words: readonly string[],
): Promise<Record<string, Tensor>> {
  const given: Record<string, Tensor> = {}
  let position = 0
  for (const word of words) {
    const [name, path] = splitWord(word, wanted)
    for (const [key, value] of await tensorsIn(path, { name, wanted, position })) {
      demand(
        wanted.some((info) => info.name === key),
        'cli/usage',
        () => `the model has no input "${key}"`,
        { hint: `inputs: ${wanted.map((info) => info.name).join(', ')}` },
      )
      given[key] = value
      position++
    }
  }
  return given
}

function splitWord(word: string, wanted: readonly ValueInfo[]): [string | undefined, string] {
  const at = word.indexOf('=')
  const name = at > 0 ? word.slice(0, at) : undefined
  return name !== undefined && wanted.some((info) => info.name === name)
    ? [name, word.slice(at + 1)]
    : [undefined, word]
}

async function tensorsIn(
  path: string,
  { name, wanted, position }: { name: string | undefined; wanted: readonly ValueInfo[]; position: number },
): Promise<[string, Tensor][]> {
  const bytes = await read(path)
  const info = wanted.find((w) => w.name === name) ?? wanted[position]
  demand(info !== undefined, 'cli/usage', () => `more inputs than the model has (${wanted.length})`)
  switch (extname(path)) {
    case '.pb':
      return [[info.name, tensorOf(decodeTensor(bytes))]]
    case '.npy':
      return [[info.name, decodeNpy(bytes)]]
    case '.json':
      return fromJson(parse(bytes, path), { info, wanted, named: name !== undefined })
    default:
      throw new Fault('cli/usage', `${basename(path)}: inputs are .pb, .npy or .json files`)
  }
}

function parse(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new Fault('cli/usage', `${basename(path)} is not JSON`, { cause })
  }
}

function fromJson(
  json: unknown,
  { info, wanted, named }: { info: ValueInfo; wanted: readonly ValueInfo[]; named: boolean },
): [string, Tensor][] {
  if (Array.isArray(json) || isTensorJson(json)) return [[info.name, tensorFrom(json, info)]]
  demand(
    typeof json === 'object' && json !== null && !named,
    'cli/usage',
    () => 'a JSON input is a tensor, a list, or an object of tensors',
  )
  const lists = (json as Record<string, unknown>).input_data
  if (Array.isArray(lists)) return lists.map((list, i) => [wanted[i]?.name ?? '', tensorFrom(list, wanted[i] ?? info)])
  return Object.entries(json).map(([key, value]) => [
    key,
    tensorFrom(value, wanted.find((w) => w.name === key) ?? info),
  ])
}

const isTensorJson = (json: unknown): json is { data: unknown[]; dims?: number[]; shape?: number[]; dtype?: string } =>
  typeof json === 'object' && json !== null && Array.isArray((json as { data?: unknown }).data)

function tensorFrom(json: unknown, info: ValueInfo): Tensor {
  const stated = isTensorJson(json)
    ? json
    : { data: json as unknown[], dims: undefined, shape: undefined, dtype: undefined }
  const dtype = (stated.dtype ?? dtypeOf(info.dtype) ?? 'float32') as DType
  demand(dtype in DTYPES, 'cli/usage', () => `no dtype ${String(dtype)}`)
  const { dims: nested, flat } = flatten(stated.data)
  const dims = stated.dims ?? stated.shape ?? fit(info, { nested, count: flat.length })
  const big = dtype === 'int64' || dtype === 'uint64'
  return tensor(dtype, dims, flat.map((v) => (big ? BigInt(v as number) : Number(v))) as number[])
}

/** The file's own shape where the nested one is flat and the sizes agree. */
function fit(info: ValueInfo, { nested, count }: { nested: number[]; count: number }): number[] {
  const dims = info.dims?.map((dim) => (typeof dim === 'number' ? dim : 1))
  const same =
    dims !== undefined &&
    dims.length === nested.length &&
    info.dims!.every((dim, i) => typeof dim !== 'number' || dim === nested[i])
  return same || dims === undefined || sizeOf(dims) !== count ? nested : dims
}

function flatten(data: unknown): { dims: number[]; flat: unknown[] } {
  if (!Array.isArray(data)) return { dims: [], flat: [data] }
  const parts = data.map(flatten)
  const inner = parts[0]?.dims ?? []
  demand(
    parts.every((part) => part.dims.join() === inner.join()),
    'cli/usage',
    () => 'lists of different lengths',
  )
  return { dims: [data.length, ...inner], flat: parts.flatMap((part) => part.flat) }
}
