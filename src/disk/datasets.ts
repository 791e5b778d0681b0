/**
 * Data sets from files.
 * @module
 */
import { demand } from '../core/faults.js'
import { decode as decodeNpy } from '../core/npy.js'
import type { Tensor } from '../core/tensor.js'
import { decode as decodeCsv, type CsvColumn, type CsvOptions } from '../data/csv.js'
import { from as datasetFrom, type Dataset } from '../data/dataset.js'
import { decode as decodeRaw, type RawColumn } from '../data/raw.js'
import { readRegular } from './files.js'

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
