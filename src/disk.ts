/**
 * Files: models with external data, and bundles as folders. Reading follows no links and no path outside of its folder; writing is
 * whole or not at all. Node only.
 * @module
 */
import { constants } from 'node:fs'
import { lstat, mkdir, open as openFile, readdir, rename, rm } from 'node:fs/promises'
import { closeSync, fstatSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { Fault, demand } from './core/faults.js'
import { decode as decodeNpy } from './core/npy.js'
import type { Tensor } from './core/tensor.js'
import { decode as decodeCsv, type CsvColumn, type CsvOptions } from './data/csv.js'
import { from as datasetFrom, type Dataset } from './data/dataset.js'
import { decode as decodeRaw, type RawColumn } from './data/raw.js'
import { decode } from './onnx/decode.js'
import type { ExternalData } from './onnx/external.js'
import type { Model } from './onnx/graph.js'
import type { BundleFiles, BundleReader } from './receipt/bundle.js'

/** The bytes of a regular file of at most `limit` bytes, undefined where there is none. @throws Fault `bundle/not-regular`, `bundle/wrong-size`. */
export async function readRegular(path: string, limit: number): Promise<Uint8Array | undefined> {
  const stat = await lstat(path).catch(() => undefined)
  if (stat === undefined) return undefined
  demand(stat.isFile(), 'bundle/not-regular', () => basename(path))
  demand(stat.size <= limit, 'bundle/wrong-size', () => basename(path), {
    expected: `at most ${limit}`,
    found: stat.size,
  })
  const file = await openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const bytes = new Uint8Array(stat.size)
    const { bytesRead } = await file.read(bytes, 0, stat.size, 0)
    demand(bytesRead === stat.size, 'bundle/wrong-size', () => `${basename(path)} changed while it was read`)
    return bytes
  } finally {
    await file.close()
  }
}

/** A reader over a bundle's folder. */
export function bundleReader(folder: string): BundleReader {
  return {
    read: (path, limit) => readRegular(join(folder, path), limit),
    async list() {
      const top = await readdir(folder, { withFileTypes: true })
      for (const entry of top)
        demand(
          entry.isFile() || (entry.isDirectory() && entry.name === 'objects'),
          'bundle/not-regular',
          () => entry.name,
        )
      const objects = top.some((entry) => entry.name === 'objects') ? await readdir(join(folder, 'objects')) : []
      return [
        ...top.filter((entry) => entry.isFile()).map((entry) => entry.name),
        ...objects.map((name) => `objects/${name}`),
      ]
    },
  }
}

/**
 * Writes a bundle's files as a new folder: into a folder beside it first, flushed to the disk, then renamed. Killed at any
 * moment it leaves the whole bundle or none (and at most a folder named .partial-...).
 * @throws Fault `bundle/exists` where the folder is there already.
 */
export async function writeBundle(files: BundleFiles, folder: string): Promise<void> {
  const target = resolve(folder)
  demand((await lstat(target).catch(() => undefined)) === undefined, 'bundle/exists', () => folder, {
    hint: 'choose another folder',
  })
  await mkdir(dirname(target), { recursive: true })
  const partial = join(dirname(target), `.partial-${basename(target)}-${process.pid}`)
  try {
    await mkdir(join(partial, 'objects'), { recursive: true })
    for (const [path, bytes] of files) await writeFlushed(join(partial, path), bytes)
    await rename(partial, target)
    await flushFolder(dirname(target))
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await openFile(path, 'wx')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await openFile(folder, 'r')
  await handle.sync().catch(() => undefined)
  await handle.close()
}

/** Writes one file whole or not at all. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const partial = join(dirname(resolve(path)), `.partial-${basename(path)}-${process.pid}`)
  await writeFlushed(partial, bytes)
  await rename(partial, path)
}

/** Reads external tensor data from the folder of a model, and from nowhere else. */
export function externalData(folder: string): ExternalData {
  const root = realpathSync(folder)
  return (location, offset, length) => {
    const path = join(root, location)
    const stat = lstatSync(path, { throwIfNoEntry: false })
    const inside = stat?.isFile() && realpathSync(path).startsWith(root + sep)
    if (!inside)
      throw new Fault('onnx/bad-external-data', `${JSON.stringify(location)} is not a regular file beside the model`)
    return readRange(path, { offset, length })
  }
}

function readRange(path: string, { offset, length }: { offset: number; length: number }): Uint8Array {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { size } = fstatSync(file)
    demand(
      offset >= 0 && length >= 0 && offset + length <= size,
      'onnx/bad-external-data',
      () => 'a range outside of the file',
      { found: `${offset}+${length} of ${size}` },
    )
    const bytes = new Uint8Array(length)
    demand(
      readSync(file, bytes, 0, length, offset) === length,
      'onnx/bad-external-data',
      () => 'the file changed while it was read',
    )
    return bytes
  } finally {
    closeSync(file)
  }
}

const MAX_MODEL = 2 ** 31 - 1

/** A model file with its bytes. @throws Fault `cli/not-found`, and those of `decode`. */
export async function readModel(path: string): Promise<{ model: Model; bytes: Uint8Array }> {
  const bytes = await readRegular(path, MAX_MODEL)
  demand(bytes !== undefined, 'cli/not-found', () => path)
  return { model: decode(bytes, { externalData: externalData(dirname(path)) }), bytes }
}

/** Where a column of a data set stands. Columns of one CSV file name that file each; it is read once. */
export type ColumnSource =
  | { readonly format: 'npy'; readonly path: string }
  | ({ readonly format: 'raw'; readonly path: string } & RawColumn)
  | ({ readonly format: 'csv'; readonly path: string } & CsvColumn & CsvOptions)

const MAX_DATA = 2 ** 31 - 1

/**
 * A data set from files, in memory: the first axis of an .npy file counts the samples.
 * @throws Fault `cli/not-found`, `bundle/not-regular`, `bundle/wrong-size` (2 GiB and more), `core/bad-npy`, `core/too-large`, `data/bad-csv`,
 * `data/bad-raw`, `data/bad-dataset`.
 * @example readDataset({ image: { format: 'raw', path: 'train-images', dtype: 'uint8', dims: [28, 28], offset: 16 } })
 */
export async function readDataset(sources: Readonly<Record<string, ColumnSource>>): Promise<Dataset> {
  const files = new Map<string, Uint8Array>()
  for (const path of new Set(Object.values(sources).map((source) => source.path))) {
    const bytes = await readRegular(path, MAX_DATA)
    demand(bytes !== undefined, 'cli/not-found', () => path)
    files.set(path, bytes)
  }
  const columns = Object.entries(sources).map(
    ([name, source]) => [name, columnOf(files.get(source.path)!, source)] as const,
  )
  return datasetFrom(Object.fromEntries(columns))
}

function columnOf(bytes: Uint8Array, source: ColumnSource): Tensor {
  if (source.format === 'npy') return decodeNpy(bytes)
  return source.format === 'raw' ? decodeRaw(bytes, source) : decodeCsv(bytes, { column: source }, source).column
}
